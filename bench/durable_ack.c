/*
 * durable_ack.c - durable/ack: how many facts a second are acknowledged, and
 * how long one batch waits for it.
 *
 * Threads send one batch after the other, each as soon as the former one is
 * acknowledged, for a second and a half: five rounds in which each way has its
 * turn, so that a busy moment of the machine meets all of them. Batches are
 * made before; a thread that has sent all of its own begins again. The rows of
 * a case:
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
#define ROUNDS 5
#define ROUND_NS ((uint64_t)300 * 1000000)
#define ROUND_NS_QUICK ((uint64_t)10 * 1000000)
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

/* ---- a way on a case ---- */

typedef struct lane {
    char dir[SCRATCH_PATH];
    char path[SCRATCH_PATH + 16];
    const durable_way *way;
    const crew *crew;
    void *store;
    sender *senders;
    double seconds;
} lane;

static void lane_init(lane *l, const durable_way *way, const crew *c)
{
    l->way = way;
    l->crew = c;
    l->seconds = 0;
    scratch_open(l->dir);
    snprintf(l->path, sizeof l->path, "%.*s/store", SCRATCH_PATH - 1, l->dir);
    l->store = way->open(l->path);
    l->senders = mem_array(c->threads, sizeof *l->senders);
    for (size_t t = 0; t < c->threads; t++)
        l->senders[t] = (sender){.way = way,
                                 .store = l->store,
                                 .bodies = c->bodies + t * c->pool,
                                 .count = c->pool};
}

static void lane_release(lane *l)
{
    mem_free(l->senders);
    scratch_close(l->dir);
}

/* Until the last thread had its last acknowledgement. */
static void lane_run(lane *l, uint64_t run_ns)
{
    pthread_t threads[THREADS_MAX];
    const uint64_t start = clock_monotonic_ns();

    for (size_t t = 0; t < l->crew->threads; t++) {
        l->senders[t].until_ns = start + run_ns;
        threads[t] = thread_start(send_all, &l->senders[t]);
    }
    for (size_t t = 0; t < l->crew->threads; t++)
        thread_join(threads[t]);
    l->seconds += (double)(clock_monotonic_ns() - start) / 1e9;
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

static bool lane_end(lane *l, size_t cell, report *out)
{
    delays *all = mem_zalloc(sizeof *all);
    durable_sent sent = {0};

    l->way->close(l->store);
    for (size_t t = 0; t < l->crew->threads; t++) {
        delays_merge(all, &l->senders[t].times);
        sent.commits += l->senders[t].sent;
        sent.bytes += l->senders[t].bytes;
    }
    sent.users = users_of(l->crew, l->senders);
    const bool ok = l->way->check(l->path, &sent);
    report_row(out, cell, l->way, l->seconds, &sent, all, ok);
    mem_free(all);
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
    lane lanes[WAYS];
    crew c;

    (void)state;
    crew_init(&c, i, options->seed);
    for (size_t w = 0; w < WAYS; w++)
        lane_init(&lanes[w], ways[w], &c);
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t w = 0; w < WAYS; w++)
            lane_run(&lanes[w], options->quick ? ROUND_NS_QUICK : ROUND_NS);
    for (size_t w = 0; w < WAYS; w++) {
        ok &= lane_end(&lanes[w], i, out);
        lane_release(&lanes[w]);
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
