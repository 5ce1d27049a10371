/*
 * fault_test.c - the k-th file call of a short piece of work fails, for k = 1,
 * 2, ... until the work is done before the fault comes; each fault once, and
 * from the k-th call on for ever; in our own file calls and in SQLite's.
 *
 * Of every run is asked: a call that fails says why; an interrupted or short
 * call is no failure; the engine goes on answering, and answers as before or
 * as after the work; what is left opens, after a proper end and after a power
 * failure that loses all that no flush saved, and holds every step that was
 * acknowledged and none by half. Where the fault is over, the same engine
 * takes the work again, and has it once. A snapshot that is called complete
 * verifies, and is there when its making was a success; when it was none, only
 * a power failure may leave one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>
#include "base/base.h"
#include "crash/disk_story.h"

#define CALLS_MAX 600u

typedef enum work {
    WORK_CREATE,
    WORK_OPEN,
    WORK_STEP,
    WORK_SNAPSHOT
} work;

typedef struct scenario {
    const char *name;
    work work;
    step_kind kind;
    bool crashed; /* it begins with what a power failure left */
} scenario;

/* X(name, work, kind, crashed): one row is two tests. */
#define SCENARIO_MAP(X)                                                       \
    X(create, WORK_CREATE, STEP_KINDS, false)                                 \
    X(open, WORK_OPEN, STEP_KINDS, false)                                     \
    X(recovery, WORK_OPEN, STEP_KINDS, true)                                  \
    X(feed, WORK_STEP, STEP_FEED, false)                                      \
    X(ingest, WORK_STEP, STEP_INGEST, false)                                  \
    X(save, WORK_STEP, STEP_SAVE, false)                                      \
    X(checkpoint, WORK_STEP, STEP_CHECKPOINT, false)                          \
    X(snapshot, WORK_SNAPSHOT, STEP_KINDS, false)

/* Bits of what is there: the index of `wanted`. */
#define FIRST 1u
#define SECOND 2u

typedef struct bench {
    const scenario *scenario;
    story told; /* what the work finds */
    disk *record;
    story acts; /* the work, and a step after it */
    char *wanted[4];
    char root[STORY_ROOT_ROOM];
    char left[STORY_ROOT_ROOM];
} bench;

/* ---- before and after ---- */

static void prepare(const bench *b)
{
    const bool crashed = b->scenario->crashed;
    const disk_state state = {
        .position = crashed ? b->told.returned[b->told.count - 1]
                            : disk_position(b->record),
        .loss = crashed ? DISK_LOSE_ALL : DISK_LOSE_NOTHING,
    };
    disk_clear(b->root);
    if (b->scenario->work == WORK_CREATE)
        assert_int_equal(mkdir(b->root, 0700), 0);
    else
        disk_leave(b->record, &state, b->root);
}

static muster_open_mode mode_of(const bench *b)
{
    return b->scenario->work == WORK_CREATE ? MUSTER_OPEN_CREATE
                                            : MUSTER_OPEN_WRITE;
}

static void must_run(const step *s, muster_engine *e)
{
    muster_error err;
    if (step_run(s, e, &err) != 0)
        fail_msg("%s: %s is refused: %s: %s", story_here(),
                 step_name(s->kind), err.word, err.message);
}

/* A checkpoint is the first, so that there is no older generation to fall
 * back to. */
static void bench_begin(bench *b, const scenario *s)
{
    static const step_kind before[] = {STEP_FEED,       STEP_SAVE,
                                       STEP_CHECKPOINT, STEP_INGEST,
                                       STEP_OPTOUT,     STEP_PROVIDER};
    random_state r;
    memset(b, 0, sizeof *b);
    b->scenario = s;
    story_where("%s, before any fault", s->name);
    story_place(b->root, "fault");
    story_place(b->left, "left");
    random_seed(&r, 1);
    story_make(&b->told, 1, 0);
    for (size_t i = 0; i < sizeof before / sizeof *before; i++)
        if (before[i] != STEP_CHECKPOINT || s->kind != STEP_CHECKPOINT)
            story_add(&b->told, &r, before[i]);
    story_make(&b->acts, 2, 0);
    if (s->work == WORK_STEP)
        story_add(&b->acts, &r, s->kind);
    story_add(&b->acts, &r, STEP_CATALOG);
    assert_int_equal(mkdir(b->root, 0700), 0);
    b->record = disk_begin(b->root, "data/muster.key");
    story_tell(&b->told, b->root, b->record);
    disk_end(b->record);
    for (unsigned mask = 0; mask < 4; mask++) {
        prepare(b);
        muster_engine *e = story_must_open(b->root, mode_of(b));
        if ((mask & FIRST) && s->work == WORK_STEP)
            must_run(&b->acts.steps[0], e);
        if (mask & SECOND)
            must_run(&b->acts.steps[b->acts.count - 1], e);
        b->wanted[mask] = story_ask(e);
        muster_engine_close(e);
    }
}

static void bench_end(bench *b)
{
    for (unsigned mask = 0; mask < 4; mask++)
        mem_free(b->wanted[mask]);
    disk_free(b->record);
    story_free(&b->told);
    story_free(&b->acts);
    disk_clear(b->root);
    disk_clear(b->left);
}

/* The answers are those of a state that has `all` and no more than `some`. */
static void check_answers(const bench *b, muster_engine *e, unsigned all,
                          unsigned some, const char *what)
{
    char *got = story_ask(e);
    bool found = false;
    for (unsigned mask = 0; mask < 4 && !found; mask++)
        found = (mask & all) == all && (mask & ~some) == 0 &&
                story_same(b->wanted[mask], got);
    if (!found) {
        print_error("%u is there, %u may be there\n", all, some);
        for (unsigned mask = all; mask <= some; mask++)
            if ((mask & all) == all && (mask & ~some) == 0)
                story_show(b->wanted[mask], got);
        fail_msg("%s: another state %s", story_here(), what);
    }
    mem_free(got);
}

static void check_message(int rc, const muster_error *err)
{
    if (rc != 0 && (err->code != rc || err->word[0] == '\0' ||
                    err->message[0] == '\0'))
        fail_msg("%s: error %d has code %d, word \"%s\", message \"%s\"",
                 story_here(), rc, err->code, err->word, err->message);
}

/* ---- the work ---- */

static int count_made(void *payload, const muster_snapshot *s)
{
    *(unsigned *)payload += s->complete;
    return 0;
}

static void data_of(const bench *b, char *out)
{
    snprintf(out, STORY_ROOT_ROOM + 8, "%s/data", b->root);
}

static int make_snapshot(const bench *b, muster_error *err)
{
    char dir[STORY_ROOT_ROOM + 8];
    unsigned made = 0;
    data_of(b, dir);
    memset(err, 0, sizeof *err);
    const int rc = muster_snapshot_create(dir, NULL, "one", NULL, count_made,
                                          &made, err);
    if (made != (rc == 0))
        fail_msg("%s: %d, and %u snapshots", story_here(), rc, made);
    return rc;
}

/* No more than what was told of, and all of that. */
static void check_snapshot(const bench *b, const char *root, bool told,
                           bool maybe)
{
    if (b->scenario->work != WORK_SNAPSHOT)
        return;
    const bool has = story_has_snapshot(root, "one", b->wanted[0]);
    if (has != told && !(has && maybe))
        fail_msg("%s: the snapshot in %s is %s", story_here(), root,
                 has ? "there" : "lost");
}

static int do_work(const bench *b, muster_engine **e, muster_error *err)
{
    switch (b->scenario->work) {
    case WORK_CREATE:
        return story_open(e, b->root, MUSTER_OPEN_CREATE, err);
    case WORK_OPEN:
        return story_open(e, b->root, MUSTER_OPEN_WRITE, err);
    case WORK_SNAPSHOT:
        return make_snapshot(b, err);
    default:
        return step_run(&b->acts.steps[0], *e, err);
    }
}

/* ---- one run ---- */

static void check_left(const bench *b, const char *root, unsigned all,
                       unsigned some, const char *what)
{
    muster_engine *e = story_must_open(root, mode_of(b));
    check_answers(b, e, all, some, what);
    muster_engine_close(e);
}

static void check_power(const bench *b, const disk *d, size_t position,
                        unsigned all, unsigned some)
{
    const disk_state state = {.position = position, .loss = DISK_LOSE_ALL};
    disk_leave(d, &state, b->left);
    if (b->scenario->work == WORK_CREATE) { /* the key may be lost: another */
        muster_engine *e = story_must_open(b->left, MUSTER_OPEN_CREATE);
        muster_engine_close(e);
    } else {
        check_snapshot(b, b->left, (all & FIRST) != 0, true);
        check_left(b, b->left, all, some, "after a power failure");
    }
    disk_clear(b->left);
}

/* While the fault lasts, another step; *all, *some: what must and may be
 * there. */
static void try_second(const bench *b, muster_engine *e, unsigned *all,
                       unsigned *some)
{
    muster_error err;
    const int rc = step_run(&b->acts.steps[b->acts.count - 1], e, &err);
    check_message(rc, &err);
    *some |= SECOND;
    if (rc == 0)
        *all |= SECOND;
    check_answers(b, e, *all, *some, "after the second step");
}

/* The fault is over: the engine takes the work again, and has it once. */
static void check_resumes(const bench *b, muster_engine *e, bool made)
{
    muster_error err;
    disk_fault_set(NULL);
    if (b->scenario->work == WORK_STEP) {
        must_run(&b->acts.steps[0], e);
        check_answers(b, e, FIRST, FIRST, "done again");
    } else if (b->scenario->work == WORK_SNAPSHOT && !made &&
               make_snapshot(b, &err) != 0) {
        fail_msg("%s: it is not made again: %s: %s", story_here(), err.word,
                 err.message);
    }
    must_run(&b->acts.steps[b->acts.count - 1], e);
    check_answers(b, e, FIRST | SECOND, FIRST | SECOND, "and once more");
}

/* Did the fault strike? */
static bool run_one(const bench *b, const disk_fault *fault, bool resume)
{
    muster_engine *e = NULL;
    muster_error err;
    unsigned all = 0;
    unsigned some = FIRST;
    prepare(b);
    disk *d = disk_begin(b->root, "data/muster.key");
    if (b->scenario->work >= WORK_STEP)
        e = story_must_open(b->root, MUSTER_OPEN_WRITE);
    disk_fault_set(fault);
    const int rc = do_work(b, &e, &err);
    const bool struck = disk_fault_struck();
    check_message(rc, &err);
    if (rc != 0 && (!struck || fault->kind >= DISK_EINTR))
        fail_msg("%s: %s: %s", story_here(), err.word, err.message);
    if (rc == 0)
        all = FIRST;
    if (e != NULL) {
        check_answers(b, e, all, some, "after the fault");
        if (resume) {
            check_resumes(b, e, rc == 0);
            all = some = FIRST | SECOND;
        } else {
            try_second(b, e, &all, &some);
        }
    }
    const size_t position = disk_position(d);
    disk_fault_set(NULL);
    check_snapshot(b, b->root, (all & FIRST) != 0, false);
    muster_engine_close(e);
    disk_end(d);
    check_power(b, d, position, all, some);
    check_left(b, b->root, all, some, "opened again");
    disk_free(d);
    return struck;
}

static void run_fault(const bench *b, disk_fault_kind kind, bool lasting,
                      bool resume)
{
    /* every call; under a sanitizer, with a smaller size, not every one */
    const uint64_t size = test_size(100, 100);
    const uint64_t stride = size < 100 ? 100 / size : 1;
    disk_fault fault = {kind, 1, lasting};
    bool struck = true;
    for (; struck; fault.at += stride) {
        assert_true(fault.at <= CALLS_MAX);
        story_where("%s, %s at call %llu%s%s", b->scenario->name,
                    disk_fault_name(kind), (unsigned long long)fault.at,
                    lasting ? " and later" : "",
                    resume ? ", then none" : "");
        struck = run_one(b, &fault, resume);
    }
}

static void run_scenario(const scenario *s, bool resume)
{
    bench b;
    bench_begin(&b, s);
    for (disk_fault_kind kind = 0; kind < DISK_FAULTS; kind++) {
        run_fault(&b, kind, false, resume);
        run_fault(&b, kind, true, resume);
    }
    bench_end(&b);
}

#define SCENARIO_TESTS(name, work, kind, crashed)                             \
    static void test_crash_fault__##name##_loses_nothing(void **state)        \
    {                                                                         \
        (void)state;                                                          \
        run_scenario(&(const scenario){#name, work, kind, crashed}, false);   \
    }                                                                         \
    static void test_crash_fault__##name##_is_taken_again(void **state)       \
    {                                                                         \
        (void)state;                                                          \
        run_scenario(&(const scenario){#name, work, kind, crashed}, true);    \
    }
SCENARIO_MAP(SCENARIO_TESTS)
#undef SCENARIO_TESTS

int main(void)
{
    const struct CMUnitTest tests[] = {
#define SCENARIO_ROWS(name, work, kind, crashed)                              \
    DISK_TEST(test_crash_fault__##name##_loses_nothing),                      \
        DISK_TEST(test_crash_fault__##name##_is_taken_again),
        SCENARIO_MAP(SCENARIO_ROWS)
#undef SCENARIO_ROWS
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
