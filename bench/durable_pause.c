/*
 * durable_pause.c - durable/pause: readers and writers beside a generation.
 *
 * One thread sends small batches all the time, one asks; in the cases
 * `generation-*` a third asks for one generation after the other. Rows, by
 * who was measured:
 *
 *   reader   is this user in a compiled segment? in a tight loop
 *   paced    the same question every 200 us: the thread is not found using up
 *            its share of the processor, so the scheduler disturbs it less
 *   clock    a tight loop that only reads the clock: what the machine does to
 *            any thread, without a call to Muster
 *   commit   the batches sent meanwhile, ack = durable
 *
 * `waits` is how often the kernel put the thread to sleep because it waited
 * for something (a lock, a page), `preempted` how often it was taken off the
 * processor for another one. A reader with no waits met no lock and no disk.
 *
 * The answer: every question is about a user of the first load, whose
 * interests the bench drew itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* RUSAGE_THREAD */
#include "durable.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "scratch.h"

#define USERS 1000000u
#define USERS_QUICK 20000u
#define FACTS_USER 20u
#define RUN_NS ((uint64_t)3000 * 1000000)
#define RUN_NS_QUICK ((uint64_t)100 * 1000000)
#define PACE_NS 200000u
#define BATCH_FACTS 10u

typedef enum watcher { READER, PACED, CLOCK, SENDER } watcher;

static const struct {
    const char *name;
    const char *who;
    watcher watcher;
    bool generation;
} cases[] = {
    {"calm-reader", "reader", READER, false},
    {"calm-paced", "paced", PACED, false},
    {"calm-clock", "clock", CLOCK, false},
    {"generation-reader", "reader", READER, true},
    {"generation-paced", "paced", PACED, true},
    {"generation-clock", "clock", CLOCK, true},
};
#define CASES (sizeof cases / sizeof cases[0])

static const char *pause_name(size_t i)
{
    return i < CASES ? cases[i].name : NULL;
}

typedef struct pause_state {
    char dir[SCRATCH_PATH];
    muster_engine *engine;
    muster_segment *marked;
    durable_crowd people;
    uint64_t seed;
    uint64_t batches; /* sent ever: their seeds */
} pause_state;

/* What one thread saw. */
typedef struct observer {
    pause_state *s;
    const bool *stop; /* atomic */
    watcher watcher;
    bool wrong;
    delays times;
    long waits;
    long preempted;
    uint64_t random;
} observer;

static bool goes_on(const observer *o)
{
    return !__atomic_load_n(o->stop, __ATOMIC_RELAXED);
}

/* ---- threads ---- */

static void switches(long *waits, long *preempted)
{
    struct rusage use;
    getrusage(RUSAGE_THREAD, &use);
    *waits = use.ru_nvcsw;
    *preempted = use.ru_nivcsw;
}

static bool ask_one(const pause_state *s, uint64_t user)
{
    char name[24];
    muster_error err;
    bool in;

    const int len =
        snprintf(name, sizeof name, "c%llu", (unsigned long long)user);
    const muster_id id = {"cookie", name, (size_t)len};
    bench_must(muster_segment_has(s->marked, &id, &in, &err), DURABLE_MARKED,
               &err);
    return in == durable_bit(s->people.marked, user);
}

static void watch(observer *o)
{
    random_state random;

    random_seed(&random, o->random);
    while (goes_on(o)) {
        const uint64_t user = random_below(&random, o->s->people.users);
        const uint64_t start = clock_monotonic_ns();
        if (o->watcher != CLOCK)
            o->wrong |= !ask_one(o->s, user);
        delays_add(&o->times, clock_monotonic_ns() - start);
        if (o->watcher == PACED)
            durable_nap(PACE_NS);
    }
}

/* New users only, so that the others' answers stay what they are. */
static void send_small(observer *o)
{
    pause_state *s = o->s;
    const durable_crowd others = {.first = s->people.users,
                                  .users = s->people.users};
    while (goes_on(o)) {
        buffer body;
        durable_body(&body, &others, s->seed + s->batches++, BATCH_FACTS);
        const uint64_t start = clock_monotonic_ns();
        durable_ingest(s->engine, &body, MUSTER_ACK_DURABLE);
        delays_add(&o->times, clock_monotonic_ns() - start);
        buffer_release(&body);
    }
}

static void *observe(void *payload)
{
    observer *o = payload;
    long waits;
    long preempted;

    switches(&waits, &preempted);
    if (o->watcher == SENDER)
        send_small(o);
    else
        watch(o);
    switches(&o->waits, &o->preempted);
    o->waits -= waits;
    o->preempted -= preempted;
    const long naps = o->watcher == PACED ? (long)o->times.count : 0;
    o->waits = o->waits > naps ? o->waits - naps : 0;
    return NULL;
}

/* ---- the bench ---- */

static void *pause_setup(const bench_options *options)
{
    pause_state *s = mem_zalloc(sizeof *s);
    char path[SCRATCH_PATH + 16];

    s->seed = options->seed;
    durable_crowd_init(&s->people, 0, bench_users(options, USERS, USERS_QUICK));
    scratch_open(s->dir);
    snprintf(path, sizeof path, "%s/data", s->dir);
    s->engine = durable_open(path, MUSTER_OPEN_CREATE);
    durable_populate(s->engine, &s->people, FACTS_USER, s->seed);
    s->marked = durable_compile(s->engine, DURABLE_MARKED);
    return s;
}

static void pause_teardown(void *state)
{
    pause_state *s = state;
    muster_segment_free(s->marked);
    muster_engine_close(s->engine);
    durable_crowd_release(&s->people);
    scratch_close(s->dir);
    mem_free(s);
}

/* What happened while it was watched. */
typedef struct phase {
    double seconds;
    uint64_t generations;
} phase;

static phase pass(const pause_state *s, bool generation, uint64_t run_ns)
{
    const uint64_t start = clock_monotonic_ns();
    const uint64_t before = durable_stats(s->engine).generation;

    if (!generation)
        durable_nap(run_ns);
    while (generation && clock_monotonic_ns() - start < run_ns) {
        muster_error err;
        bench_must(muster_engine_checkpoint(s->engine, &err), "checkpoint",
                   &err);
    }
    return (phase){(double)(clock_monotonic_ns() - start) / 1e9,
                   durable_stats(s->engine).generation - before};
}

static void report_who(report *out, size_t i, const char *who,
                       const phase *during, const observer *o, bool ok)
{
    const delays *d = &o->times;
    report_begin(out, bench_durable_pause.name, cases[i].name);
    report_text(out, "who", who);
    report_number(out, "seconds", during->seconds, 1);
    report_count(out, "generations", during->generations);
    report_count(out, "samples", d->count);
    report_number(out, "p50_us", in_us(delays_at(d, 0.50)), 2);
    report_number(out, "p99_us", in_us(delays_at(d, 0.99)), 2);
    report_number(out, "p999_us", in_us(delays_at(d, 0.999)), 2);
    report_number(out, "max_us", in_us(d->most), 1);
    report_count(out, "over_1ms", d->slow);
    report_count(out, "waits", (uint64_t)o->waits);
    report_count(out, "preempted", (uint64_t)o->preempted);
    report_number(out, "load", durable_load_average(), 1);
    report_end(out, ok);
}

static bool pause_run(void *state, size_t i, const bench_options *options,
                      report *out)
{
    pause_state *s = state;
    bool stop = false;
    observer *watching = mem_zalloc(sizeof *watching);
    observer *sending = mem_zalloc(sizeof *sending);

    *watching = (observer){.s = s,
                           .stop = &stop,
                           .watcher = cases[i].watcher,
                           .random = s->seed + i};
    *sending = (observer){.s = s, .stop = &stop, .watcher = SENDER};
    const pthread_t first = thread_start(observe, watching);
    const pthread_t second = thread_start(observe, sending);
    const phase during =
        pass(s, cases[i].generation, options->quick ? RUN_NS_QUICK : RUN_NS);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    thread_join(first);
    thread_join(second);
    const bool ok = !watching->wrong;
    report_who(out, i, cases[i].who, &during, watching, ok);
    report_who(out, i, "commit", &during, sending, ok);
    mem_free(watching);
    mem_free(sending);
    return ok;
}

const bench bench_durable_pause = {
    "durable/pause", "readers and writers beside a generation",
    pause_name,      pause_setup,
    pause_run,       pause_teardown};
