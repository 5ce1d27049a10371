/*
 * kill_test.c - kill -9 at any moment loses nothing that was acknowledged,
 * leaves no request half done, invents nothing, and counts nothing twice.
 *
 * A child (kill_child.c) works on a directory and is killed, after a random
 * 0-500 ms or at a named point of the code; the next child opens the same
 * directory, tells what it finds and goes on, doing again what was not
 * acknowledged, under the same load ids. This process keeps the journal: what
 * was begun and what was acknowledged. After each opening the state must be
 * that of the slow twin (state_twin.c): every acknowledged act, and of each
 * worker's one unacknowledged act what the child found of it - all or nothing
 * of a one-shot, the first records of a feed, never fewer than at an earlier
 * opening, nothing when it was not begun. The clock goes on from round to
 * round, so facts run out on the way. At the end a fresh directory, into
 * which every act was put once, must have the same state hash, now and when
 * all events have run out.
 *
 * MUSTER_TEST_LONG: 1,000 kills instead of 100.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* pipe2, mkdtemp */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "crash/child.h"
#include "crash/kill_child.h"
#include "crash/state_twin.h"
#include "support/dice.h"

#define KILL_AFTER_MS 500
/* A point that is not reached is given up after this. */
#define POINT_WAIT_MS 500

/* Names of base/point.h, with how often they were tried and reached. */
typedef struct kill_point {
    const char *name;
    bool rare; /* once or twice in the life of a child */
    uint32_t reached;
    uint32_t tried;
} kill_point;

static kill_point points[] = {
    {"log.appended", false, 0, 0},      {"applied", false, 0, 0},
    {"commit.before", false, 0, 0},     {"commit.after", false, 0, 0},
    {"published", false, 0, 0},         {"load.put", false, 0, 0},
    {"generation.begin", true, 0, 0},   {"generation.written", true, 0, 0},
    {"generation.durable", true, 0, 0}, {"generation.adopted", true, 0, 0},
    {"log.trimmed", true, 0, 0},        {"tick", true, 0, 0},
    {"merge.done", true, 0, 0},         {"snapshot.copied", true, 0, 0},
};

#define POINTS ((uint32_t)(sizeof points / sizeof points[0]))

typedef struct worker_journal {
    uint64_t next;      /* acts 0..next-1 are acknowledged */
    uint32_t done;      /* records of act `next` that were found */
    bool begun;         /* act `next` was begun in some round */
    muster_time clock;  /* when it was begun last */
    muster_time *clocks; /* when act i took effect */
    size_t capacity;
} worker_journal;

typedef struct journal {
    uint64_t seed;
    uint32_t round;
    char dir[512];
    char key_file[560];
    muster_time clock;
    worker_journal workers[JOURNAL_WORKERS];
    state_twin *twin;
    uint32_t verified; /* openings whose state was compared */
    uint64_t acts;
} journal;

#define WRONG(j, ...)                                                        \
    do {                                                                     \
        print_error("seed %llu, round %u, %s\n",                             \
                    (unsigned long long)(j)->seed, (j)->round, (j)->dir);    \
        fail_msg(__VA_ARGS__);                                               \
    } while (0)

/* ---- the journal ---- */

static void effective(journal *j, worker_journal *w, const journal_act *a,
                      uint32_t to)
{
    mem_grow(&w->clocks, &w->capacity, a->number + 1, sizeof *w->clocks);
    w->clocks[a->number] = w->clock;
    state_twin_act(j->twin, j->seed, a, w->done, to, w->clock);
    w->done = to;
}

/* What counts as whole: acts without records are done once. */
static uint32_t size_of(const journal_act *a)
{
    return journal_act_feeds(a) ? a->records : 1;
}

static void take_position(journal *j, const journal_note *note)
{
    worker_journal *w = &j->workers[note->worker];
    const uint32_t found = (uint32_t)note->a;
    journal_act a;

    journal_act_draw(j->seed, note->worker, w->next, &a);
    if (note->number != w->next)
        WRONG(j, "worker %u: asked of another act", note->worker);
    if (found < w->done)
        WRONG(j, "act %u/%llu: %u records were there, now %u",
              note->worker, (unsigned long long)w->next, w->done, found);
    if (found > 0 && !w->begun)
        WRONG(j, "act %u/%llu is there and was never begun", note->worker,
              (unsigned long long)w->next);
    if (found > w->done)
        effective(j, w, &a, found);
}

static void take_begun(journal *j, const journal_note *note)
{
    worker_journal *w = &j->workers[note->worker];

    assert_int_equal(note->number, w->next);
    w->begun = true;
    w->clock = j->clock;
}

static void take_acknowledged(journal *j, const journal_note *note)
{
    worker_journal *w = &j->workers[note->worker];
    journal_act a;

    assert_true(w->begun && note->number == w->next);
    journal_act_draw(j->seed, note->worker, w->next, &a);
    if (w->done < size_of(&a))
        effective(j, w, &a, size_of(&a));
    w->next++;
    w->done = 0;
    w->begun = false;
    j->acts++;
}

/* ---- comparing ---- */

static void compare_answer(journal *j, const journal_note *note)
{
    journal_answer expected;

    state_twin_answer(j->twin, (uint32_t)note->number, j->clock, &expected);
    if (expected.count != note->a || expected.sum != note->b)
        WRONG(j, "%s: %llu users (%llx) instead of %llu (%llx)",
              journal_questions[note->number], (unsigned long long)note->a,
              (unsigned long long)note->b, (unsigned long long)expected.count,
              (unsigned long long)expected.sum);
}

static void compare_hash(journal *j, const journal_note *note)
{
    muster_state_hash expected;

    state_twin_hash(j->twin, (muster_time)note->c, &expected);
    if (expected.low != note->a || expected.high != note->b)
        WRONG(j, "state hash %016llx%016llx instead of %016llx%016llx "
              "(tick %lld)", (unsigned long long)note->b,
              (unsigned long long)note->a, (unsigned long long)expected.high,
              (unsigned long long)expected.low, (long long)note->c);
    j->verified++;
}

static void take_note(journal *j, const journal_note *note, bool *at_point)
{
    switch (note->what) {
    case 'P':
        take_position(j, note);
        return;
    case 'Q':
        compare_answer(j, note);
        return;
    case 'H':
        compare_hash(j, note);
        return;
    case 'B':
        take_begun(j, note);
        return;
    case 'A':
        take_acknowledged(j, note);
        return;
    case 'K':
        *at_point = true;
        return;
    case 'V':
        return;
    default:
        WRONG(j, "%s", note->text);
    }
}

/* ---- rounds ---- */

typedef struct kill_plan {
    kill_point *point; /* NULL: by time */
    uint32_t nth;
    int after_ms; /* -1: not at all, the child settles */
    uint64_t log_bytes;
} kill_plan;

static pid_t start_child(journal *j, const kill_plan *plan, int *out)
{
    enum { ARGUMENTS = 12 + JOURNAL_WORKERS };
    char text[ARGUMENTS][32], *argv[ARGUMENTS + 1] = {NULL};
    int fds[2], n = 2;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    argv[0] = "kill_test";
    argv[1] = "child";
#define ARGUMENT(...)                                                        \
    (snprintf(text[n], sizeof text[n], __VA_ARGS__), argv[n] = text[n], n++)
    ARGUMENT("%d", fds[1]);
    argv[n++] = j->dir;
    ARGUMENT("%llu", (unsigned long long)j->seed);
    ARGUMENT("%lld", (long long)j->clock);
    ARGUMENT("%llu", (unsigned long long)plan->log_bytes);
    ARGUMENT("%s", plan->point ? plan->point->name : "-");
    ARGUMENT("%u", plan->nth);
    ARGUMENT("%d", plan->after_ms < 0);
    for (uint32_t w = 0; w < JOURNAL_WORKERS; w++)
        ARGUMENT("%llu:%u", (unsigned long long)j->workers[w].next,
                 j->workers[w].done);
#undef ARGUMENT
    *out = fds[0];
    return child_start(argv, fds);
}

/* Hears the child until it ends, and ends it when its time has come. */
static bool hear_child(journal *j, const kill_plan *plan, pid_t pid, int fd)
{
    const uint64_t start = clock_monotonic_ns();
    journal_note note;
    bool at_point = false, alive = true;

    for (;;) {
        struct pollfd p = {fd, POLLIN, 0};
        int wait_ms = -1;
        if (alive && plan->after_ms >= 0) {
            wait_ms = plan->after_ms -
                      (int)((clock_monotonic_ns() - start) / 1000000);
            if (wait_ms <= 0) {
                kill(pid, SIGKILL);
                alive = false;
                wait_ms = -1;
            }
        }
        if (poll(&p, 1, wait_ms) <= 0)
            continue;
        if (!journal_hear(fd, &note))
            return at_point;
        take_note(j, &note, &at_point);
    }
}

static bool run_child(journal *j, const kill_plan *plan)
{
    int fd, status;
    const pid_t pid = start_child(j, plan, &fd);
    const bool at_point = hear_child(j, plan, pid, fd);

    close(fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (plan->after_ms < 0 ? status != 0 : !killed)
        WRONG(j, "the child ended with status %x", status);
    return at_point;
}

/* That which was reached least often, for its tries. */
static kill_point *next_point(void)
{
    kill_point *least = &points[0];

    for (uint32_t i = 1; i < POINTS; i++)
        if (points[i].reached * 3 + points[i].tried <
            least->reached * 3 + least->tried)
            least = &points[i];
    return least;
}

/* Half of the kills come at a point of the code, often an early passing. */
static kill_plan draw_plan(random_state *r, uint32_t round)
{
    kill_plan plan = {NULL, 1, (int)dice(r, KILL_AFTER_MS), 0};

    if (chance(r, 30))
        plan.log_bytes = 256u << 10;
    if (round % 2 == 0)
        return plan;
    plan.point = next_point();
    plan.nth = 1 + dice(r, plan.point->rare ? 1 : 1u << dice(r, 6));
    plan.after_ms = POINT_WAIT_MS;
    plan.point->tried++;
    return plan;
}

static void settle(journal *j)
{
    const kill_plan plan = {NULL, 1, -1, 0};
    run_child(j, &plan);
}

/* ---- the fresh directory ---- */

typedef struct fresh {
    journal *j;
    journal_place place;
    char dir[520];
    muster_engine *engine;
    buffer text; /* records that wait to be fed */
} fresh;

static void must(const journal *j, int rc, const muster_error *err,
                 const char *what)
{
    if (rc != 0)
        WRONG(j, "%s: %s (%s)", what, err->message, err->word);
}

static void fresh_flush(fresh *f)
{
    muster_error err;

    if (f->text.len)
        must(f->j, journal_feed(f->engine, &f->text, &err), &err, "feed");
    buffer_clear(&f->text);
}

static void fresh_act(fresh *f, const journal_act *a)
{
    journal_record record;
    muster_error err;

    if (a->kind == ACT_CHECKPOINT || a->kind == ACT_SNAPSHOT)
        return;
    if (!journal_act_feeds(a)) { /* these and records commute */
        must(f->j, journal_do(f->engine, f->dir, f->j->seed, a, 0, &err),
             &err, "act");
        return;
    }
    for (uint32_t i = 0; i < a->records; i++) {
        journal_record_draw(f->j->seed, a, i, &record);
        journal_record_write(&record, &f->text);
    }
    if (f->text.len > (1u << 20))
        fresh_flush(f);
}

/* The acts that took effect when the clock showed what it shows. */
static void fresh_acts(fresh *f, uint64_t *at)
{
    journal_act a;

    for (uint32_t w = 0; w < JOURNAL_WORKERS; w++) {
        const worker_journal *mine = &f->j->workers[w];
        while (at[w] < mine->next &&
               mine->clocks[at[w]] == kill_clock) {
            journal_act_draw(f->j->seed, w, at[w]++, &a);
            fresh_act(f, &a);
        }
    }
    fresh_flush(f);
}

static muster_time next_clock(const journal *j, const uint64_t *at)
{
    muster_time clock = INT64_MAX;

    for (uint32_t w = 0; w < JOURNAL_WORKERS; w++)
        if (at[w] < j->workers[w].next &&
            j->workers[w].clocks[at[w]] < clock)
            clock = j->workers[w].clocks[at[w]];
    return clock;
}

static void make_fresh(fresh *f, journal *j)
{
    uint64_t at[JOURNAL_WORKERS] = {0};
    muster_error err;

    f->j = j;
    snprintf(f->dir, sizeof f->dir, "%s-fresh", j->dir);
    buffer_init(&f->text, (size_t)8 << 20);
    f->place = (journal_place){f->dir, j->key_file, 0, 0};
    kill_clock = JOURNAL_START;
    must(j, journal_open(&f->engine, &f->place, MUSTER_OPEN_CREATE, &err),
         &err, "fresh");
    must(j, journal_prepare(f->engine, &err), &err, "fresh");
    for (muster_time t = next_clock(j, at); t != INT64_MAX;
         t = next_clock(j, at)) {
        muster_engine_close(f->engine);
        kill_clock = t;
        must(j, journal_open(&f->engine, &f->place, MUSTER_OPEN_CREATE, &err),
             &err, "fresh");
        fresh_acts(f, at);
    }
    muster_engine_close(f->engine);
    buffer_release(&f->text);
}

/* Opens a directory at the journal's time; its state must be the twin's. */
static void check_directory(journal *j, const char *dir)
{
    const journal_place place = {dir, j->key_file, 0, 0};
    muster_engine *engine;
    muster_scope *scope;
    muster_error err;
    journal_note note;
    int fds[2];
    bool unused;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    kill_clock = j->clock;
    must(j, journal_open(&engine, &place, MUSTER_OPEN_WRITE, &err), &err,
         "open");
    must(j, journal_tick(engine, &err), &err, "tick");
    must(j, muster_scope_new(&scope, "test", MUSTER_PURPOSE_ANALYSIS, NULL,
                             &err), &err, "scope");
    must(j, kill_child_tell_state(fds[1], engine, scope, &err), &err,
         "state");
    close(fds[1]);
    while (journal_hear(fds[0], &note))
        take_note(j, &note, &unused);
    close(fds[0]);
    muster_scope_free(scope);
    muster_engine_close(engine);
}

static void check_doctor(journal *j)
{
    muster_error err;
    must(j, muster_doctor(j->dir, false, NULL, NULL, NULL, NULL, &err), &err,
         "doctor");
}

/* ---- the test ---- */

static void begin(journal *j, uint64_t seed)
{
    const char *tmp = getenv("TMPDIR");
    journal_place place = {j->dir, NULL, 0, 0};
    muster_engine *engine;
    muster_error err;

    memset(j, 0, sizeof *j);
    j->seed = seed;
    j->clock = JOURNAL_START;
    snprintf(j->dir, sizeof j->dir, "%s/muster-kill-XXXXXX",
             tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(j->dir));
    snprintf(j->key_file, sizeof j->key_file, "%s/muster.key", j->dir);
    must(j, journal_open(&engine, &place, MUSTER_OPEN_CREATE, &err), &err,
         "open");
    must(j, journal_prepare(engine, &err), &err, "prepare");
    muster_engine_close(engine);
    j->twin = state_twin_new(j->key_file, JOURNAL_START);
}

static void end(journal *j)
{
    for (uint32_t w = 0; w < JOURNAL_WORKERS; w++)
        mem_free(j->workers[w].clocks);
    state_twin_free(j->twin);
}

/* Enough kills have met every point. */
static void show(const journal *j, uint32_t kills)
{
    print_message("%u kills, %llu acts acknowledged, %u states compared\n",
                  kills, (unsigned long long)j->acts, j->verified);
    for (uint32_t i = 0; i < POINTS; i++) {
        print_message("  %-18s reached %u of %u\n", points[i].name,
                      points[i].reached, points[i].tried);
        if (kills >= 100 && points[i].reached == 0)
            fail_msg("%s was never reached", points[i].name);
    }
}

static void test_crash_kill__no_moment_loses_or_invents(void **state)
{
    const uint32_t kills = (uint32_t)test_size(100, 1000);
    uint64_t seed = clock_monotonic_ns();
    random_state r;
    journal j;
    fresh f;

    (void)state;
    (void)test_seed(&seed);
    random_seed(&r, seed);
    begin(&j, seed);
    for (j.round = 0; j.round < kills; j.round++) {
        const kill_plan plan = draw_plan(&r, j.round);
        j.clock = JOURNAL_START + JOURNAL_SPAN * j.round / kills;
        if (run_child(&j, &plan))
            plan.point->reached++;
        if (j.round % 10 == 9)
            check_doctor(&j);
    }
    settle(&j);
    make_fresh(&f, &j);
    check_directory(&j, f.dir);
    j.clock = JOURNAL_START + 2 * JOURNAL_SPAN;
    check_directory(&j, j.dir);
    check_directory(&j, f.dir);
    show(&j, kills);
    journal_remove(f.dir);
    journal_remove(j.dir);
    end(&j);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash_kill__no_moment_loses_or_invents),
    };

    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return kill_child(argc - 2, argv + 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
