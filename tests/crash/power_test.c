/*
 * power_test.c - the power fails at any moment of a run: what is left opens,
 * and answers as it did after the last call that had returned, or after the
 * one that was under way; then the run goes on as if nothing had been. Of the
 * snapshots that were made meanwhile, those acknowledged are complete, verify
 * and are of the state they were made of; of the one that was being made as
 * much, or it is not called complete.
 *
 * A run is a story of disk_story.h, told once on the simulated disk. A state
 * is a moment of it and a choice of what was lost; see disk.h. With
 * MUSTER_TEST_SEED one story is broken off in all its states again.
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
#include "storage/file.h"

#define STATES 250u /* of one story */
#define STEPS 40u

typedef struct run {
    story story;
    disk *record;
    char root[STORY_ROOT_ROOM]; /* where it was told */
    char left[STORY_ROOT_ROOM]; /* what a failure leaves */
} run;

static void run_begin(run *r, uint64_t seed)
{
    story_where("seed %llu", (unsigned long long)seed);
    story_make(&r->story, seed, STEPS);
    story_place(r->root, "told");
    story_place(r->left, "left");
    assert_int_equal(mkdir(r->root, 0700), 0);
    r->record = disk_begin(r->root, "data/muster.key");
    story_tell(&r->story, r->root, r->record);
    disk_end(r->record);
}

static void run_end(run *r)
{
    disk_clear(r->root);
    disk_clear(r->left);
    disk_free(r->record);
    story_free(&r->story);
}

/* The story goes on: the next step, and what it leaves when it is opened once
 * more. */
static void go_on(const run *r, size_t k, muster_engine *e)
{
    const story *s = &r->story;
    muster_error err;
    const bool same = k < s->count &&
                      strcmp(s->answers[k], s->answers[k + 1]) == 0;
    if (k < s->count && s->steps[k].kind != STEP_REOPEN && !same) {
        if (step_run(&s->steps[k], e, &err) != 0)
            fail_msg("%s: %s is refused: %s: %s", story_here(),
                     step_name(s->steps[k].kind), err.word, err.message);
        k++;
    }
    muster_engine_close(e);
    e = story_must_open(r->left, MUSTER_OPEN_READ);
    char *got = story_ask(e);
    if (strcmp(got, s->answers[k]) != 0)
        story_differ(s->answers[k], got, "it does not go on");
    mem_free(got);
    muster_engine_close(e);
}

/* An input that was taken is sent again, as one does who got no answer. */
static void repeat(const run *r, size_t k, muster_engine *e)
{
    const story *s = &r->story;
    muster_error err;
    while (k-- > 0) {
        const step_kind kind = s->steps[k].kind;
        if (kind != STEP_FEED && kind != STEP_INGEST)
            continue;
        char *before = story_ask(e);
        if (step_run(&s->steps[k], e, &err) != 0)
            fail_msg("%s: %s is refused: %s: %s", story_here(),
                     step_name(kind), err.word, err.message);
        char *got = story_ask(e);
        if (strcmp(before, got) != 0)
            story_differ(before, got, "an input counts twice");
        mem_free(before);
        mem_free(got);
        break;
    }
    muster_engine_close(e);
}

static void check_state(run *r, unsigned number, const disk_state *state,
                        bool again)
{
    story_where("seed %llu, state %u (%zu of %zu operations, %s)",
                (unsigned long long)r->story.seed, number, state->position,
                disk_position(r->record), disk_loss_name(state->loss));
    disk_leave(r->record, state, r->left);
    story_check_snapshots(&r->story, state->position, r->left);
    const story_span span = story_span_at(&r->story, state->position);
    muster_engine *e = story_must_open(
        r->left, span.opened ? MUSTER_OPEN_WRITE : MUSTER_OPEN_CREATE);
    const size_t k = story_find(&r->story, span, e);
    if (again)
        repeat(r, k, e);
    else if (number % 4 == 0 && span.opened)
        go_on(r, k, e); /* else the key may be another one */
    else
        muster_engine_close(e);
    disk_clear(r->left);
}

/* The first states of a story are spread over it evenly, the rest lie
 * anywhere; every loss has its turn, a random one more often. */
static void check_story(uint64_t seed, unsigned states, bool again)
{
    static const disk_loss losses[] = {
        DISK_LOSE_SOME, DISK_LOSE_ALL,  DISK_LOSE_SOME, DISK_TEAR_LAST,
        DISK_LOSE_SOME, DISK_LOSE_NOTHING};
    run r;
    random_state dice_of_states;
    run_begin(&r, seed);
    random_seed(&dice_of_states, seed);
    const size_t room = disk_position(r.record) + 1;
    for (unsigned i = 0; i < states; i++) {
        const size_t at = i < states / 2
                              ? i * room / (states / 2)
                              : (size_t)random_below(&dice_of_states, room);
        const disk_state state = {
            .position = at,
            .loss = losses[i % (sizeof losses / sizeof *losses)],
            .seed = random_u64(&dice_of_states),
        };
        check_state(&r, i, &state, again);
    }
    run_end(&r);
}

static void test_crash_power__nothing_acknowledged_is_lost(void **state)
{
    (void)state;
    uint64_t seed;
    if (test_seed(&seed)) {
        check_story(seed, STATES, false);
    } else {
        const uint64_t stories =
            (test_size(2000, 10000) + STATES - 1) / STATES;
        print_message("seeds 1 to %llu\n", (unsigned long long)stories);
        for (seed = 1; seed <= stories; seed++)
            check_story(seed, STATES, false);
    }
}

static void test_crash_power__a_repeated_input_counts_once(void **state)
{
    (void)state;
    uint64_t seed = 11;
    (void)test_seed(&seed);
    check_story(seed, (unsigned)test_size(100, 1000), true);
}

/* The record misses nothing: with nothing lost, it is the directory. */
static void test_crash_power__the_record_is_whole(void **state)
{
    (void)state;
    run r;
    run_begin(&r, 7);
    const disk_state all = {
        .position = disk_position(r.record), .loss = DISK_LOSE_NOTHING};
    disk_leave(r.record, &all, r.left);
    assert_true(disk_same(r.root, r.left));
    const disk_state saved = {
        .position = disk_position(r.record), .loss = DISK_LOSE_ALL};
    disk_clear(r.left);
    disk_leave(r.record, &saved, r.left);
    assert_false(disk_same(r.root, r.left));
    run_end(&r);
}

/* ---- directories ---- */

/* What is left when the power fails now and nothing is saved by chance. */
static void leave_saved(const run *r)
{
    const disk_state saved = {
        .position = disk_position(r->record), .loss = DISK_LOSE_ALL};
    disk_clear(r->left);
    disk_leave(r->record, &saved, r->left);
}

static bool is_left(const run *r, const char *name)
{
    char path[STORY_ROOT_ROOM + 32];
    storage_thing thing;
    snprintf(path, sizeof path, "%s/%s", r->left, name);
    assert_int_equal(storage_look(path, &thing, NULL, NULL), 0);
    return thing != STORAGE_NOTHING;
}

/* The simulated disk: what is in a directory goes along with its name. */
static void test_crash_power__a_directory_is_moved_whole(void **state)
{
    (void)state;
    char from[STORY_ROOT_ROOM + 32];
    char to[STORY_ROOT_ROOM + 32];
    run r = {0};
    story_place(r.root, "told");
    story_place(r.left, "left");
    snprintf(from, sizeof from, "%s/from", r.root);
    snprintf(to, sizeof to, "%s/to", r.root);
    assert_int_equal(mkdir(r.root, 0700), 0);
    r.record = disk_begin(r.root, NULL);
    assert_int_equal(storage_directory_make(from, NULL), 0);
    assert_int_equal(storage_file_save(from, "f", "words", 5, NULL), 0);
    assert_int_equal(file_rename(from, to, NULL), 0);
    leave_saved(&r);
    assert_true(is_left(&r, "from/f") && !is_left(&r, "to"));
    assert_int_equal(file_sync_directory(r.root, NULL), 0);
    leave_saved(&r);
    assert_true(is_left(&r, "to/f") && !is_left(&r, "from"));
    assert_true(disk_same(r.root, r.left));
    assert_int_equal(storage_directory_clear(to, NULL), 0);
    assert_int_equal(storage_directory_remove(to, NULL), 0);
    leave_saved(&r);
    assert_true(is_left(&r, "to/f"));
    assert_int_equal(file_sync_directory(r.root, NULL), 0);
    leave_saved(&r);
    assert_false(is_left(&r, "to"));
    disk_end(r.record);
    run_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DISK_TEST(test_crash_power__a_directory_is_moved_whole),
        DISK_TEST(test_crash_power__the_record_is_whole),
        DISK_TEST(test_crash_power__nothing_acknowledged_is_lost),
        DISK_TEST(test_crash_power__a_repeated_input_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
