/*
 * durable.h - what the benches of durability share: small records, delays,
 * an engine, ways to make a batch durable.
 *
 *   durable.c          all of this but the ways of SQLite
 *   durable_ack.c      durable/ack: how fast batches are acknowledged
 *   durable_sqlite.c   the same bytes through SQLite alone, two ways
 *   durable_visible.c  durable/visible: from acknowledged to visible
 *   durable_pause.c    durable/pause: readers and writers beside a generation
 *   durable_restart.c  durable/restart: open and the first count
 *
 * Users are the cookies c0, c1, ...; a fact is one of 1,000 interests. Who was
 * told of, and who was said to hold DURABLE_MARK, is noted while records are
 * made, so that every count has an answer that no engine gave.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_DURABLE_H
#define BENCH_DURABLE_H

#include <muster/muster.h>
#include "base/base.h"
#include "bench.h"

#define DURABLE_VALUES 1000u
#define DURABLE_MARK 7u
#define DURABLE_MARKED "interest = \"v7\""
#define DURABLE_KNOWN "interest is known"

/* ---- records ---- */

typedef struct durable_crowd {
    uint64_t first; /* cookies [first, first + users) */
    uint64_t users;
    uint8_t *known;  /* NULL, or a bit a user: a record told of him */
    uint8_t *marked; /* NULL, or a bit a user: and said DURABLE_MARK */
} durable_crowd;

/* With both kinds of notes; released with durable_crowd_release. */
void durable_crowd_init(durable_crowd *c, uint64_t first, uint64_t users);
void durable_crowd_release(durable_crowd *c);
uint64_t durable_count(const durable_crowd *c, const uint8_t *bits);
static inline bool durable_bit(const uint8_t *bits, uint64_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

/* One record of a user, with that many different interests. */
void durable_record(buffer *out, const durable_crowd *c, uint64_t user,
                    uint32_t facts, random_state *random);
/* A body of facts of users drawn by the seed, at most five a record. */
void durable_body(buffer *out, const durable_crowd *c, uint64_t seed,
                  uint32_t facts);

/* ---- an engine ---- */

/* At BENCH_NOW, with a log budget that asks for no generation. */
muster_engine *durable_open(const char *dir, muster_open_mode mode);
/* Every user of the crowd once by a feed, then a generation. */
void durable_populate(muster_engine *e, const durable_crowd *c,
                      uint32_t facts_user, uint64_t seed);
void durable_ingest(muster_engine *e, const buffer *body, muster_ack ack);
muster_segment *durable_compile(muster_engine *e, const char *text);
uint64_t durable_ask(muster_engine *e, const char *text);
muster_engine_stats durable_stats(muster_engine *e);

/* ---- delays ---- */

/* Counts of delays by size, within two percent. */
#define DELAY_STEPS 64u
#define DELAY_BUCKETS (DELAY_STEPS * 59u)
#define DELAY_SLOW_NS 1000000u
typedef struct delays {
    uint64_t count;
    uint64_t slow; /* over DELAY_SLOW_NS */
    uint64_t most;
    uint64_t buckets[DELAY_BUCKETS];
} delays;
void delays_add(delays *d, uint64_t ns);
void delays_merge(delays *into, const delays *from);
/* The delay that this share of all does not exceed. */
uint64_t delays_at(const delays *d, double share);
static inline double in_us(uint64_t ns)
{
    return (double)ns / 1e3;
}
static inline double in_ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

void durable_nap(uint64_t ns);
/* Of the last minute: how much else the machine had to do. */
double durable_load_average(void);

/* ---- ways to make a batch durable ---- */

typedef struct durable_sent {
    uint64_t commits;
    uint64_t bytes;
    uint64_t users; /* told of */
} durable_sent;

typedef struct durable_way {
    const char *name;
    void *(*open)(const char *path);
    /* Any thread; returns when the batch is durable. */
    void (*commit)(void *store, const buffer *body);
    void (*close)(void *store);
    /* Opens what was closed: is everything there? */
    bool (*check)(const char *path, const durable_sent *sent);
} durable_way;

/* A lock around one transaction a batch; a leader that commits for all who
 * wait. */
extern const durable_way durable_sqlite;
extern const durable_way durable_sqlite_group;

#endif
