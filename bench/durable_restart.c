/*
 * durable_restart.c - durable/restart: open and the first count.
 *
 * A directory is made, closed, and opened for reading by a process of its
 * own, a child that knows nothing of it; the page cache is warm, so this is
 * what Muster does, not what the disk does. Cases:
 *
 *   tenth        a tenth of the users, nothing in the log behind the
 *                generation
 *   whole        all users, nothing in the log
 *   log-1        the same directory, and one fact a user in the log
 *   log-5        the same directory, and five facts a user in the log
 *
 * Users have 20 facts each in the generation. `--n 10000000` is the full
 * size: ten million users, fifty million facts of log. read_mb is what the
 * process read by calls (the log), mapped_mb what it touched of mapped files
 * (the generation).
 *
 * The answer: the users with one interest, against those drawn by the bench;
 * and that the log is still behind the first generation.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "durable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"

#define USERS 1000000u
#define USERS_QUICK 20000u
#define FACTS_USER 20u
/* As large as a body may be: the log is written in few steps. */
#define BODY_FACTS 500000u
/* Deltas that may wait to be merged before the log is written on. */
#define DELTAS_MAX 12u
#define PATIENCE_MS 10000u
#define RUNS 3
#define LOG_SEED 1000000007u

static const struct {
    const char *name;
    uint32_t parts;    /* 1: all users; 10: a tenth */
    uint32_t log_user; /* facts of log, a user */
} cases[] = {
    {"tenth", 10, 0},
    {"whole", 1, 0},
    {"log-1", 1, 1},
    {"log-5", 1, 5},
};
#define CASES (sizeof cases / sizeof cases[0])

static const char *restart_name(size_t i)
{
    return i < CASES ? cases[i].name : NULL;
}

/* The directory as it is now. */
typedef struct restart_state {
    char dir[SCRATCH_PATH];
    char path[SCRATCH_PATH + 16];
    durable_crowd people; /* users 0: there is none yet */
    uint64_t logged;      /* facts behind the generation */
    uint64_t behind;      /* changes behind it */
    uint64_t bodies;
} restart_state;

/* ---- making it ---- */

static void forget_directory(restart_state *s)
{
    if (s->people.users == 0)
        return;
    scratch_close(s->path);
    durable_crowd_release(&s->people);
    s->people.users = 0;
}

static void make_generation(restart_state *s, uint64_t users, uint64_t seed)
{
    forget_directory(s);
    durable_crowd_init(&s->people, 0, users);
    muster_engine *e = durable_open(s->path, MUSTER_OPEN_CREATE);
    durable_populate(e, &s->people, FACTS_USER, seed);
    muster_engine_close(e);
    s->logged = 0;
}

/* Too many deltas ask for a generation, which would shorten the log. */
static void await_merges(muster_engine *e)
{
    for (unsigned ms = 0; ms < PATIENCE_MS; ms++) {
        if (durable_stats(e).deltas <= DELTAS_MAX)
            return;
        durable_nap(1000000);
    }
}

/* False when a generation was written meanwhile. */
static bool lengthen_log(restart_state *s, uint64_t facts, uint64_t seed)
{
    muster_engine *e = durable_open(s->path, MUSTER_OPEN_WRITE);
    const uint64_t generation = durable_stats(e).generation;

    while (s->logged < facts) {
        const uint64_t left = facts - s->logged;
        const uint32_t n = left < BODY_FACTS ? (uint32_t)left : BODY_FACTS;
        buffer body;
        durable_body(&body, &s->people, seed * LOG_SEED + s->bodies++, n);
        durable_ingest(e, &body, MUSTER_ACK_APPLIED);
        buffer_release(&body);
        s->logged += n;
        await_merges(e);
    }
    const muster_engine_stats stats = durable_stats(e);
    s->behind = stats.epoch - stats.generation_epoch;
    muster_engine_close(e);
    return stats.generation == generation;
}

static bool bring_to(restart_state *s, size_t i, uint64_t users, uint64_t seed)
{
    const uint64_t facts = cases[i].log_user * users;

    if (s->people.users != users || s->logged > facts)
        make_generation(s, users, seed);
    return lengthen_log(s, facts, seed);
}

/* ---- opening it ---- */

typedef struct opened {
    uint64_t open_ns;
    uint64_t count_ns;
    uint64_t count;
    uint64_t read_bytes;
    uint64_t mapped_bytes;
    uint64_t memory_bytes; /* of its own, not of files */
} opened;

/* A number of a file of /proc, in the unit it has there. */
static uint64_t proc_number(const char *path, const char *name)
{
    char line[128];
    uint64_t n = 0;
    FILE *f = fopen(path, "r");

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0)
            n = strtoull(line + strlen(name), NULL, 10);
    if (f)
        fclose(f);
    return n;
}

static uint64_t mapped_now(void)
{
    return proc_number("/proc/self/status", "RssFile:") * 1024;
}

static uint64_t memory_now(void)
{
    return proc_number("/proc/self/status", "RssAnon:") * 1024;
}

static uint64_t read_now(void)
{
    return proc_number("/proc/self/io", "rchar:");
}

static opened open_and_count(const char *path)
{
    opened o = {.read_bytes = read_now(),
                .mapped_bytes = mapped_now(),
                .memory_bytes = memory_now()};

    const uint64_t start = clock_monotonic_ns();
    muster_engine *e = durable_open(path, MUSTER_OPEN_READ);
    const uint64_t ready = clock_monotonic_ns();
    o.count = durable_ask(e, DURABLE_MARKED);
    o.count_ns = clock_monotonic_ns() - ready;
    o.open_ns = ready - start;
    o.read_bytes = read_now() - o.read_bytes;
    o.mapped_bytes = mapped_now() - o.mapped_bytes;
    o.memory_bytes = memory_now() - o.memory_bytes;
    muster_engine_close(e);
    return o;
}

static void must_system(bool well, const char *what)
{
    if (well)
        return;
    perror(what);
    exit(1);
}

/* The same in a child; no thread runs here meanwhile. */
static opened open_elsewhere(const char *path)
{
    opened o = {0};
    int ends[2];
    int status;

    must_system(pipe(ends) == 0, "pipe");
    const pid_t child = fork();
    must_system(child >= 0, "fork");
    if (child == 0) {
        o = open_and_count(path);
        const ssize_t n = write(ends[1], &o, sizeof o);
        _exit(n == (ssize_t)sizeof o ? 0 : 1);
    }
    close(ends[1]);
    const ssize_t n = read(ends[0], &o, sizeof o);
    close(ends[0]);
    must_system(waitpid(child, &status, 0) == child, "waitpid");
    if (n != (ssize_t)sizeof o || status != 0) {
        fprintf(stderr, "muster-bench: the opening process failed\n");
        exit(1);
    }
    return o;
}

/* ---- the bench ---- */

static void *restart_setup(const bench_options *options)
{
    restart_state *s = mem_zalloc(sizeof *s);
    (void)options;
    scratch_open(s->dir);
    snprintf(s->path, sizeof s->path, "%s/data", s->dir);
    return s;
}

static void restart_teardown(void *state)
{
    restart_state *s = state;
    forget_directory(s);
    scratch_close(s->dir);
    mem_free(s);
}

static void report_restart(report *out, size_t i, const restart_state *s,
                           double open_ms, double count_ms, const opened *o,
                           bool ok)
{
    report_begin(out, bench_durable_restart.name, cases[i].name);
    report_count(out, "users", s->people.users);
    report_count(out, "facts", s->people.users * FACTS_USER);
    report_count(out, "log_facts", s->logged);
    report_count(out, "changes", s->behind);
    report_number(out, "open_ms", open_ms, 1);
    report_number(out, "count_ms", count_ms, 2);
    report_number(out, "both_ms", open_ms + count_ms, 1);
    report_number(out, "read_mb", (double)o->read_bytes / 1e6, 1);
    report_number(out, "mapped_mb", (double)o->mapped_bytes / 1e6, 1);
    report_number(out, "memory_mb", (double)o->memory_bytes / 1e6, 1);
    report_count(out, "count", o->count);
    report_number(out, "load", durable_load_average(), 1);
    report_end(out, ok);
}

static bool restart_run(void *state, size_t i, const bench_options *options,
                        report *out)
{
    restart_state *s = state;
    const uint64_t users =
        bench_users(options, USERS, USERS_QUICK) / cases[i].parts;
    double open_ms[RUNS];
    double count_ms[RUNS];
    opened o = {0};
    bool ok = bring_to(s, i, users, options->seed);

    const uint64_t expected = durable_count(&s->people, s->people.marked);
    for (size_t k = 0; k < RUNS; k++) {
        o = open_elsewhere(s->path);
        open_ms[k] = in_ms(o.open_ns);
        count_ms[k] = in_ms(o.count_ns);
        ok &= o.count == expected;
    }
    report_restart(out, i, s, bench_median(open_ms, RUNS),
                   bench_median(count_ms, RUNS), &o, ok);
    return ok;
}

const bench bench_durable_restart = {
    "durable/restart", "open and the first count",
    restart_name,      restart_setup,
    restart_run,       restart_teardown};
