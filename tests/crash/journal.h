/*
 * journal.h - what crash tests do to a data directory, and how its processes
 * tell each other about it.
 *
 * Acts. A worker is a client with users and segments of its own, so that the
 * acts of different workers commute. Its acts are numbered 0, 1, 2, ...; what
 * an act is follows from (seed, worker, number) alone, so whoever knows the
 * seed can do it again, or say what it must have done. Every feed and every
 * one-shot carries a load id made from the same three. Each of their records
 * sets `pos.w<worker>` to number * JOURNAL_RECORDS_MAX + its place, which
 * tells a checker how far an act has come.
 *
 * Notes. Processes write fixed-size notes to a pipe; one is smaller than
 * PIPE_BUF, so a process that dies leaves it whole or not at all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CRASH_JOURNAL_H
#define TESTS_CRASH_JOURNAL_H

#include <muster/muster.h>
#include "base/base.h"

#define JOURNAL_WORKERS 4u
#define JOURNAL_USERS 100u      /* of each worker */
#define JOURNAL_KEYS 3u         /* segments of each worker */
#define JOURNAL_RECORDS_MAX 64u /* of one act */
#define JOURNAL_START ((muster_time)1795264200) /* 2026-11-21T12:30:00Z */
/* Facts are dated within two days before the start, so that no act is
 * refused as long as the clock has not run further than this, and all events
 * have run out by twice this. */
#define JOURNAL_SPAN ((muster_time)5 * 86400)

/* ---- acts ---- */

typedef enum act_kind {
    ACT_FEED,       /* `records` pushed in pieces, with a load id */
    ACT_INGEST,     /* `records` in one request, with a key */
    ACT_SAVE,       /* a new version of segment `key` */
    ACT_REMOVE,
    ACT_OPTOUT,     /* of a user who is not opted out */
    ACT_UNDO,       /* of one who is */
    ACT_CHECKPOINT, /* a generation */
    ACT_SNAPSHOT    /* made, verified, removed */
} act_kind;

typedef struct journal_act {
    act_kind kind;
    uint32_t worker;
    uint64_t number;
    uint32_t records;
    uint32_t user;    /* OPTOUT, UNDO */
    uint32_t segment; /* SAVE, REMOVE: place among the worker's */
    char key[16];
    char expr[96];
    char load_id[48];
} journal_act;

typedef struct journal_event {
    bool hourly; /* "hit", else "ev" */
    int value;   /* "e<value>"; -1: none */
    uint32_t count;
    muster_time ts;
} journal_event;

/* -1 where the record does not say such a thing. */
typedef struct journal_record {
    uint32_t worker;
    uint32_t user;
    bool customer; /* names the user's customer id as well */
    bool lease;    /* of provider "lease", else "default" */
    uint32_t ttl_hours; /* 0: the record has none */
    muster_time ts;
    int64_t pos;
    int flag; /* 1 true, 0 false */
    int city;
    int score; /* in quarters */
    int tag;
    int untag;
    bool clear_city;
    int hold;
    bool hold_day;
    int64_t note; /* sets "note.w<worker>.n<note>", which nobody declared */
    uint32_t event_count;
    journal_event events[3];
} journal_record;

void journal_act_draw(uint64_t seed, uint32_t worker, uint64_t number,
                      journal_act *out);
static inline bool journal_act_feeds(const journal_act *a)
{
    return a->kind == ACT_FEED || a->kind == ACT_INGEST;
}
/* The i-th record of an act that feeds. */
void journal_record_draw(uint64_t seed, const journal_act *a, uint32_t i,
                         journal_record *out);
/* One line of NDJSON. */
void journal_record_write(const journal_record *r, buffer *out);
/* How many versions a segment has before the act that changes it. */
static inline uint64_t journal_versions_before(const journal_act *a)
{
    return a->number / 16 / JOURNAL_KEYS + 1;
}
/* "w1-u7"; `out` >= 24 bytes. */
void journal_cookie(uint32_t worker, uint32_t user, char *out);
void journal_customer(uint32_t worker, uint32_t user, char *out);
/* The act before a worker's first: the first version of a segment. */
void journal_first_save(uint32_t worker, uint32_t segment, journal_act *out);
/* The catalog that stands before all acts. Appends JSON. */
void journal_catalog(buffer *out);

/* ---- doing acts ---- */

/* A new directory, or one that is there. */
typedef struct journal_place {
    const char *dir;
    const char *key_file; /* NULL: the directory's own */
    muster_time clock;    /* fixed; 0: the clock runs, and facts run out */
    uint64_t log_bytes;   /* 0: the default */
} journal_place;
int journal_open(muster_engine **out, const journal_place *place,
                 muster_open_mode mode, muster_error *err);
/* A directory with all that is in it; fine when there is none. */
void journal_remove(const char *dir);
/* Catalog and first versions of all segments, in one order. */
int journal_prepare(muster_engine *engine, muster_error *err);
/* A change that changes nothing: it brings the tick of the present hour. */
int journal_tick(muster_engine *engine, muster_error *err);
/* Does an act whole. `done`: how many of its records are there already; the
 * receipt must agree. Acts that are done already are fine. */
int journal_do(muster_engine *engine, const char *dir, uint64_t seed,
               const journal_act *a, uint32_t done, muster_error *err);
/* Feeds NDJSON whole, without a load id. */
int journal_feed(muster_engine *engine, const buffer *text,
                 muster_error *err);
/* Users of an expression. */
int journal_count(muster_engine *engine, const muster_scope *scope,
                  const char *expr, uint64_t *out, muster_error *err);

/* ---- questions ---- */

/* An answer: how many users, and an order-free sum over their pseudonyms. */
typedef struct journal_answer {
    uint64_t count;
    uint64_t sum;
} journal_answer;
uint64_t journal_user_sum(const muster_pseudonym *user);

#define JOURNAL_QUESTIONS 18u
extern const char *const journal_questions[JOURNAL_QUESTIONS];
int journal_ask(muster_engine *engine, const muster_scope *scope,
                uint32_t question, journal_answer *out, muster_error *err);

/* The state's hash and the hour that it holds for (0: no tick yet). */
int journal_hash(muster_engine *engine, muster_state_hash *out,
                 muster_time *tick, muster_error *err);

/* An argument of a process. */
uint64_t journal_number(const char *text);

/* ---- notes ---- */

typedef struct journal_note {
    char what;
    uint32_t worker;
    uint64_t number;
    uint64_t a, b, c;
    char text[200];
} journal_note;

void journal_tell(int fd, char what, uint32_t worker, uint64_t number,
                  uint64_t a, uint64_t b, uint64_t c);
void journal_tell_text(int fd, char what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* false at the end of the pipe. Waits. */
bool journal_hear(int fd, journal_note *out);

#endif
