/*
 * durable_ack.c - durable/ack: how many facts a second are acknowledged, and
 * how long one batch waits for it.
 *
 * Threads send one batch after the other, each as soon as the former one is
 * acknowledged, for a second and a half. Batches are made before; a thread
 * that has sent all of its own begins again. The rows of a case:
 *
 *   muster           muster_ingest: parsed, logged, applied; ack = durable
 *   muster-applied   the same with ack = applied: visible as well
 *   sqlite           the same texts as blobs, a lock, one commit a batch
 *   sqlite-group     the same, one commit for all who wait
 *
 * The answer is read after everything was closed and opened again: as many
 * users known as records were acknowledged of; as many rows and bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "durable.h"

#include <stdio.h>
#include <string.h>

#include "scratch.h"

#define USERS 1000000u
#define RUN_NS ((uint64_t)1500 * 1000000)
#define RUN_NS_QUICK ((uint64_t)50 * 1000000)
#define THREADS_MAX 64u
/* Batches made for a thread: of all threads together about POOL_FACTS. */
#define POOL_FACTS 400000u
#define POOL_MIN 4u
#define POOL_MAX 4096u

static const struct {
    const char *name;
    uint32_t facts;
    uint32_t threads;
} cells[] = {
    {"1-fact-1-thread", 1, 1},
    {"1-fact-8-threads", 1, 8},
    {"1-fact-64-threads", 1, 64},
    {"100-facts-1-thread", 100, 1},
    {"100-facts-8-threads", 100, 8},
    {"100-facts-64-threads", 100, 64},
    {"10000-facts-1-thread", 10000, 1},
    {"10000-facts-8-threads", 10000, 8},
    {"10000-facts-64-threads", 10000, 64},
};
#define CELLS (sizeof cells / sizeof cells[0])

static const char *cell_name(size_t i)
{
    return i < CELLS ? cells[i].name : NULL;
}

/* ---- Muster as a way ---- */

static void *engine_create(const char *path)
{
    return durable_open(path, MUSTER_OPEN_CREATE);
}

static void engine_commit(void *store, const buffer *body)
{
    durable_ingest(store, body, MUSTER_ACK_DURABLE);
}

static void engine_apply(void *store, const buffer *body)
{
    durable_ingest(store, body, MUSTER_ACK_APPLIED);
}

static void engine_close(void *store)
{
    muster_engine_close(store);
}

static bool engine_check(const char *path, const durable_sent *sent)
{
    muster_engine *e = durable_open(path, MUSTER_OPEN_READ);
    const uint64_t users = durable_ask(e, DURABLE_KNOWN);
    muster_engine_close(e);
    return users == sent->users;
}

static const durable_way muster_durable = {
    "muster", engine_create, engine_commit, engine_close, engine_check};
static const durable_way muster_applied = {
    "muster-applied", engine_create, engine_apply, engine_close, engine_check};

static const durable_way *const ways[] = {
    &muster_durable, &muster_applied, &durable_sqlite, &durable_sqlite_group};
#define WAYS (sizeof ways / sizeof ways[0])

/* ---- sending ---- */

typedef struct sender {
    const durable_way *way;
    void *store;
    const buffer *bodies;
    size_t count;
    uint64_t until_ns;
    uint64_t sent;
    uint64_t bytes;
    delays times;
} sender;

static void *send_all(void *payload)
{
    sender *s = payload;
    uint64_t now = clock_monotonic_ns();

    while (now < s->until_ns) {
        const buffer *body = &s->bodies[s->sent % s->count];
        const uint64_t start = now;
        s->way->commit(s->store, body);
        now = clock_monotonic_ns();
        delays_add(&s->times, now - start);
        s->bytes += body->len;
        s->sent++;
    }
    return NULL;
}

typedef struct crew {
    uint32_t facts;
    uint32_t threads;
    size_t pool; /* bodies of a thread */
    uint64_t seed;
    buffer *bodies; /* thread after thread */
} crew;

static uint64_t body_seed(const crew *c, size_t thread, size_t i)
{
    return (c->seed * THREADS_MAX + thread) * POOL_MAX + i;
}

static void crew_init(crew *c, size_t cell, uint64_t seed)
{
    const durable_crowd people = {.users = USERS};
    const size_t pool = POOL_FACTS / (cells[cell].facts * cells[cell].threads);

    *c = (crew){cells[cell].facts, cells[cell].threads,
                pool < POOL_MIN   ? POOL_MIN
                : pool > POOL_MAX ? POOL_MAX
                                  : pool,
                seed, NULL};
    c->bodies = mem_array(c->threads * c->pool, sizeof *c->bodies);
    for (size_t t = 0; t < c->threads; t++)
        for (size_t i = 0; i < c->pool; i++)
            durable_body(&c->bodies[t * c->pool + i], &people,
                         body_seed(c, t, i), c->facts);
}

static void crew_release(crew *c)
{
    for (size_t i = 0; i < c->threads * c->pool; i++)
        buffer_release(&c->bodies[i]);
    mem_free(c->bodies);
}

/* Users of the batches that were sent. */
static uint64_t users_of(const crew *c, const sender *senders)
{
    durable_crowd people;

    durable_crowd_init(&people, 0, USERS);
    for (size_t t = 0; t < c->threads; t++)
        for (size_t i = 0; i < c->pool && i < senders[t].sent; i++) {
            buffer again;
            durable_body(&again, &people, body_seed(c, t, i), c->facts);
            buffer_release(&again);
        }
    const uint64_t n = durable_count(&people, people.known);
    durable_crowd_release(&people);
    return n;
}

/* ---- a row ---- */

/* Seconds until the last thread had its last acknowledgement. */
static double send_with(const durable_way *way, void *store, const crew *c,
                        uint64_t run_ns, sender *senders)
{
    pthread_t threads[THREADS_MAX];
    const uint64_t start = clock_monotonic_ns();

    for (size_t t = 0; t < c->threads; t++) {
        senders[t] = (sender){.way = way,
                              .store = store,
                              .bodies = c->bodies + t * c->pool,
                              .count = c->pool,
                              .until_ns = start + run_ns};
        threads[t] = thread_start(send_all, &senders[t]);
    }
    for (size_t t = 0; t < c->threads; t++)
        thread_join(threads[t]);
    return (double)(clock_monotonic_ns() - start) / 1e9;
}

static void report_row(report *out, size_t cell, const durable_way *way,
                       double seconds, const durable_sent *sent,
                       const delays *times, bool ok)
{
    const double commits = (double)sent->commits;
    report_begin(out, bench_durable_ack.name, cells[cell].name);
    report_text(out, "acknowledged_by", way->name);
    report_count(out, "facts", cells[cell].facts);
    report_count(out, "threads", cells[cell].threads);
    report_number(out, "facts_s", commits * cells[cell].facts / seconds, 0);
    report_number(out, "batches_s", commits / seconds, 0);
    report_number(out, "mb_s", (double)sent->bytes / seconds / 1e6, 1);
    report_number(out, "p50_ms", in_ms(delays_at(times, 0.50)), 3);
    report_number(out, "p99_ms", in_ms(delays_at(times, 0.99)), 3);
    report_number(out, "max_ms", in_ms(times->most), 1);
    report_number(out, "load", durable_load_average(), 1);
    report_end(out, ok);
}

static bool run_way(const char *dir, size_t cell, const durable_way *way,
                    const crew *c, const bench_options *options, report *out)
{
    char path[SCRATCH_PATH + 16];
    sender *senders = mem_array(c->threads, sizeof *senders);
    delays *all = mem_zalloc(sizeof *all);
    durable_sent sent = {0};

    snprintf(path, sizeof path, "%s/store", dir);
    void *store = way->open(path);
    const double seconds = send_with(
        way, store, c, options->quick ? RUN_NS_QUICK : RUN_NS, senders);
    way->close(store);
    for (size_t t = 0; t < c->threads; t++) {
        delays_merge(all, &senders[t].times);
        sent.commits += senders[t].sent;
        sent.bytes += senders[t].bytes;
    }
    sent.users = users_of(c, senders);
    const bool ok = way->check(path, &sent);
    report_row(out, cell, way, seconds, &sent, all, ok);
    mem_free(all);
    mem_free(senders);
    return ok;
}

static void *ack_setup(const bench_options *options)
{
    (void)options;
    return NULL;
}

static bool ack_run(void *state, size_t i, const bench_options *options,
                    report *out)
{
    bool ok = true;
    crew c;

    (void)state;
    crew_init(&c, i, options->seed);
    for (size_t w = 0; w < WAYS; w++) {
        char dir[SCRATCH_PATH];
        scratch_open(dir);
        ok &= run_way(dir, i, ways[w], &c, options, out);
        scratch_close(dir);
    }
    crew_release(&c);
    return ok;
}

static void ack_teardown(void *state)
{
    (void)state; /* each row had its own directory */
}

const bench bench_durable_ack = {
    "durable/ack", "batches made durable, beside SQLite alone",
    cell_name,     ack_setup,
    ack_run,       ack_teardown};
