/*
 * kill_child.c - see kill_child.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crash/kill_child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "base/point.h"

enum { FD, DIR, SEED, CLOCK, LOG_BYTES, POINT, NTH, SETTLE, FIRST_WORKER };

typedef struct child {
    int fd;
    journal_place place;
    uint64_t seed;
    bool settle;
    muster_engine *engine;
    muster_scope *scope;
    uint64_t next[JOURNAL_WORKERS];
    uint32_t done[JOURNAL_WORKERS];
} child;

typedef struct worker {
    child *c;
    uint32_t number;
} worker;

muster_time kill_clock = JOURNAL_START;
muster_time __wrap_clock_now(void);
muster_time __wrap_clock_now(void)
{
    return kill_clock;
}

/* ---- dying at a point ---- */

static const char *point_wanted;
static uint32_t point_nth;
static uint32_t point_passed;
static int point_fd;

static void at_point(const char *name)
{
    if (strcmp(name, point_wanted) != 0 ||
        __atomic_add_fetch(&point_passed, 1, __ATOMIC_RELAXED) != point_nth)
        return;
    journal_tell(point_fd, 'K', 0, 0, 0, 0, 0);
    kill(getpid(), SIGKILL);
}

static void arm_point(const char *name, uint32_t nth, int fd)
{
    if (strcmp(name, "-") == 0)
        return;
    point_wanted = name;
    point_nth = nth;
    point_fd = fd;
    point_hook = at_point;
}

/* ---- what is there ---- */

static int count_versions(void *payload, const muster_saved *row)
{
    (void)row;
    ++*(uint64_t *)payload;
    return 0;
}

static int find_versions(const child *c, const journal_act *a, uint32_t *out,
                         muster_error *err)
{
    uint64_t n = 0;
    const int rc = muster_audience_versions(c->engine, a->key, count_versions,
                                            &n, err);
    const uint64_t before = journal_versions_before(a);

    if (rc == 0 && n != before && n != before + 1)
        return error_set(err, MUSTER_ECONFLICT, "versions",
                         "segment %s has %llu versions, not %llu or one more",
                         a->key, (unsigned long long)n,
                         (unsigned long long)before);
    *out = n > before;
    return rc;
}

static int find_optout(const child *c, const journal_act *a, uint32_t *out,
                       muster_error *err)
{
    muster_segment *s;
    muster_explanation *why;
    char cookie[24];

    journal_cookie(a->worker, a->user, cookie);
    const muster_id id = {"cookie", cookie, strlen(cookie)};
    int rc = muster_segment_compile(&s, c->engine, c->scope, "flag", 4, err);
    if (rc != 0)
        return rc;
    rc = muster_segment_explain(s, &id, &why, err);
    if (rc == 0) {
        *out = why->masked == (a->kind == ACT_OPTOUT);
        muster_explanation_free(why);
    }
    muster_segment_free(s);
    return rc;
}

static int count_pos(const child *c, uint32_t w, uint64_t low, uint64_t high,
                     uint64_t *out, muster_error *err)
{
    char expr[96];

    snprintf(expr, sizeof expr, "pos.w%u between %llu and %llu", w,
             (unsigned long long)low, (unsigned long long)high);
    return journal_count(c->engine, c->scope, expr, out, err);
}

/* How many records of the act are there: these must be its first ones, and
 * of a one-shot it is none or all. */
static int find_records(const child *c, const journal_act *a, uint32_t *out,
                        muster_error *err)
{
    const uint64_t first = a->number * JOURNAL_RECORDS_MAX;
    const uint64_t last = first + a->records - 1;
    uint64_t n, in_front;

    if (a->kind == ACT_INGEST) {
        const int rc = count_pos(c, a->worker, last, last, &n, err);
        *out = n ? a->records : 0;
        return rc;
    }
    int rc = count_pos(c, a->worker, first, last, &n, err);
    *out = (uint32_t)n;
    if (rc != 0 || n == 0)
        return rc;
    rc = count_pos(c, a->worker, first, first + n - 1, &in_front, err);
    if (rc == 0 && in_front != n)
        return error_set(err, MUSTER_ECONFLICT, "holes",
                         "act %u/%llu: %llu records are there, but not the "
                         "first ones", a->worker,
                         (unsigned long long)a->number,
                         (unsigned long long)n);
    return rc;
}

static int find_done(const child *c, const journal_act *a, uint32_t *out,
                     muster_error *err)
{
    *out = 0;
    switch (a->kind) {
    case ACT_FEED:
    case ACT_INGEST:
        return find_records(c, a, out, err);
    case ACT_SAVE:
    case ACT_REMOVE:
        return find_versions(c, a, out, err);
    case ACT_OPTOUT:
    case ACT_UNDO:
        return find_optout(c, a, out, err);
    case ACT_CHECKPOINT:
    case ACT_SNAPSHOT:
        return 0;
    }
    return MUSTER_EINVAL;
}

/* Nothing may be there of acts that nobody began. */
static int check_nothing_later(const child *c, const journal_act *a,
                               muster_error *err)
{
    const uint64_t later = (a->number + 1) * JOURNAL_RECORDS_MAX;
    uint64_t n;
    const int rc = count_pos(c, a->worker, later, (uint64_t)1 << 39, &n, err);

    if (rc == 0 && n > 0)
        return error_set(err, MUSTER_ECONFLICT, "never_sent",
                         "worker %u: %llu users have facts that were never "
                         "sent", a->worker, (unsigned long long)n);
    return rc;
}

static int tell_positions(child *c, muster_error *err)
{
    journal_act a;
    int rc = 0;

    for (uint32_t w = 0; rc == 0 && w < JOURNAL_WORKERS; w++) {
        journal_act_draw(c->seed, w, c->next[w], &a);
        rc = find_done(c, &a, &c->done[w], err);
        if (rc == 0)
            rc = check_nothing_later(c, &a, err);
        if (rc == 0)
            journal_tell(c->fd, 'P', w, a.number, c->done[w], 0, 0);
    }
    return rc;
}

int kill_child_tell_state(int fd, muster_engine *engine,
                          const muster_scope *scope, muster_error *err)
{
    journal_answer answer;
    muster_state_hash hash;
    muster_time tick;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < JOURNAL_QUESTIONS; i++) {
        rc = journal_ask(engine, scope, i, &answer, err);
        if (rc == 0)
            journal_tell(fd, 'Q', 0, i, answer.count, answer.sum, 0);
    }
    if (rc == 0)
        rc = journal_hash(engine, &hash, &tick, err);
    if (rc == 0) {
        journal_tell(fd, 'H', 0, 0, hash.low, hash.high, (uint64_t)tick);
        journal_tell(fd, 'V', 0, 0, 0, 0, 0);
    }
    return rc;
}

/* ---- working ---- */

static void give_up(const child *c, const char *what, const muster_error *err)
{
    journal_tell_text(c->fd, 'E', "%s: %.120s (%s)", what, err->message,
                      err->word);
    _exit(3);
}

static void *run_worker(void *payload)
{
    const worker *me = payload;
    child *c = me->c;
    const uint32_t w = me->number;
    muster_error err;
    journal_act a;

    do {
        journal_act_draw(c->seed, w, c->next[w], &a);
        journal_tell(c->fd, 'B', w, a.number, 0, 0, 0);
        if (journal_do(c->engine, c->place.dir, c->seed, &a, c->done[w],
                       &err) != 0)
            give_up(c, "act", &err);
        journal_tell(c->fd, 'A', w, a.number, 0, 0, 0);
        c->next[w]++;
        c->done[w] = 0;
    } while (!c->settle);
    return NULL;
}

static void run_workers(child *c)
{
    worker workers[JOURNAL_WORKERS];
    pthread_t threads[JOURNAL_WORKERS];

    for (uint32_t w = 0; w < JOURNAL_WORKERS; w++) {
        workers[w] = (worker){c, w};
        threads[w] = thread_start(run_worker, &workers[w]);
    }
    for (uint32_t w = 0; w < JOURNAL_WORKERS; w++)
        thread_join(threads[w]);
}

static bool read_arguments(child *c, int argc, char **argv)
{
    if (argc != FIRST_WORKER + (int)JOURNAL_WORKERS)
        return false;
    c->fd = (int)journal_number(argv[FD]);
    c->place.dir = argv[DIR];
    c->seed = journal_number(argv[SEED]);
    kill_clock = (muster_time)journal_number(argv[CLOCK]);
    c->place.log_bytes = journal_number(argv[LOG_BYTES]);
    c->settle = journal_number(argv[SETTLE]) != 0;
    for (uint32_t w = 0; w < JOURNAL_WORKERS; w++) {
        char *rest;
        c->next[w] = strtoull(argv[FIRST_WORKER + w], &rest, 10);
        c->done[w] = (uint32_t)strtoul(rest + 1, NULL, 10);
    }
    arm_point(argv[POINT], (uint32_t)journal_number(argv[NTH]), c->fd);
    return true;
}

int kill_child(int argc, char **argv)
{
    child c = {0};
    muster_error err;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!read_arguments(&c, argc, argv))
        return 2;
    if (journal_open(&c.engine, &c.place, MUSTER_OPEN_WRITE, &err) != 0)
        give_up(&c, "open", &err);
    if (muster_scope_new(&c.scope, "test", MUSTER_PURPOSE_ANALYSIS, NULL,
                         &err) != 0)
        give_up(&c, "scope", &err);
    if (tell_positions(&c, &err) != 0)
        give_up(&c, "positions", &err);
    if (kill_child_tell_state(c.fd, c.engine, c.scope, &err) != 0)
        give_up(&c, "state", &err);
    run_workers(&c);
    if (kill_child_tell_state(c.fd, c.engine, c.scope, &err) != 0)
        give_up(&c, "state", &err);
    muster_scope_free(c.scope);
    muster_engine_close(c.engine);
    return 0;
}
