/*
 * compound_test.c - one misfortune on the heels of another: a run is broken
 * off by a power failure or by a fault, and the opening that recovers from it
 * is broken off too. What then opens is all that was acknowledged, and of the
 * step that was under way all or nothing.
 *
 * The first is a power failure at any moment of a story, or a fault at any
 * call of it and a power failure after the call that failed. The second is a
 * power failure at any moment of the opening, or a fault at any call of it,
 * after which the power fails too or not.
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

#define PAIRS 20u /* of one story */
#define STEPS 12u

typedef struct course {
    story story;
    disk *record;
    char told[STORY_ROOT_ROOM];
    char first[STORY_ROOT_ROOM];  /* what the first leaves */
    char second[STORY_ROOT_ROOM]; /* what the second leaves */
} course;

static void course_begin(course *c, uint64_t seed)
{
    story_where("seed %llu", (unsigned long long)seed);
    story_make(&c->story, seed, STEPS);
    story_place(c->told, "told");
    story_place(c->first, "first");
    story_place(c->second, "second");
    assert_int_equal(mkdir(c->told, 0700), 0);
    c->record = disk_begin(c->told, "data/muster.key");
    story_tell(&c->story, c->told, c->record);
    disk_end(c->record);
}

static void course_end(course *c)
{
    disk_clear(c->told);
    disk_free(c->record);
    story_free(&c->story);
}

static disk_fault draw_fault(random_state *r, uint32_t calls)
{
    static const disk_fault_kind kinds[] = {DISK_EIO, DISK_EIO, DISK_ENOSPC,
                                            DISK_FLUSH};
    disk_fault fault;
    fault.kind = PICK(r, kinds);
    if (fault.kind == DISK_FLUSH)
        calls = 1 + calls / 10;
    fault.at = 1 + dice(r, calls);
    fault.lasting = chance(r, 50);
    return fault;
}

static disk_state draw_state(random_state *r, size_t from, size_t upto)
{
    disk_state state;
    state.position = from + (size_t)random_below(r, upto - from + 1);
    state.loss = (disk_loss)dice(r, DISK_LOSSES);
    state.seed = random_u64(r);
    return state;
}

/* ---- the first ---- */

static story_span first_by_power(const course *c, random_state *r)
{
    const disk_state state =
        draw_state(r, c->story.opened, disk_position(c->record));
    disk_leave(c->record, &state, c->first);
    return story_span_at(&c->story, state.position);
}

/* How many steps succeed before one does not. *e: NULL when that is an
 * opening. */
static size_t run_until_failure(const course *c, const char *root,
                                muster_engine **e)
{
    const story *s = &c->story;
    muster_error err;
    int rc = 0;
    size_t k = 0;
    while (rc == 0 && k < s->count) {
        if (s->steps[k].kind == STEP_REOPEN) {
            muster_engine_close(*e);
            rc = story_open(e, root, MUSTER_OPEN_WRITE, &err);
        } else {
            rc = step_run(&s->steps[k], *e, &err);
        }
        k += rc == 0;
    }
    return k;
}

/* The story again from its first opening, under the same key. */
static story_span first_by_fault(const course *c, random_state *r)
{
    const disk_state empty = {.position = c->story.opened};
    const disk_fault fault = draw_fault(r, 400);
    disk_leave(c->record, &empty, c->second);
    disk *d = disk_begin(c->second, NULL);
    muster_engine *e = story_must_open(c->second, MUSTER_OPEN_WRITE);
    disk_fault_set(&fault);
    const size_t k = run_until_failure(c, c->second, &e);
    disk_state state = draw_state(r, 0, 0);
    state.position = disk_position(d);
    disk_fault_set(NULL);
    muster_engine_close(e);
    disk_end(d);
    disk_leave(d, &state, c->first);
    disk_free(d);
    disk_clear(c->second);
    return (story_span){true, k, k < c->story.count ? k + 1 : k};
}

/* ---- the second ---- */

static void second_by_power(const course *c, random_state *r)
{
    disk *d = disk_begin(c->first, NULL);
    const size_t begun = disk_position(d);
    muster_engine *e = story_must_open(c->first, MUSTER_OPEN_WRITE);
    const disk_state state = draw_state(r, begun, disk_position(d));
    muster_engine_close(e);
    disk_end(d);
    disk_leave(d, &state, c->second);
    disk_free(d);
}

static void second_by_fault(const course *c, story_span span, random_state *r)
{
    const disk_fault fault = draw_fault(r, 80);
    muster_engine *e = NULL;
    muster_error err;
    disk *d = disk_begin(c->first, NULL);
    disk_fault_set(&fault);
    const int rc = story_open(&e, c->first, MUSTER_OPEN_WRITE, &err);
    if (rc == 0)
        story_find(&c->story, span, e);
    else if (!disk_fault_struck() || err.message[0] == '\0')
        fail_msg("%s: it does not open: %s: %s", story_here(), err.word,
                 err.message);
    disk_state state = draw_state(r, 0, 0);
    state.position = disk_position(d);
    disk_fault_set(NULL);
    muster_engine_close(e);
    if (chance(r, 50)) { /* no power failure: as it is */
        state.position = disk_position(d);
        state.loss = DISK_LOSE_NOTHING;
    }
    disk_end(d);
    disk_leave(d, &state, c->second);
    disk_free(d);
}

/* ---- both ---- */

static void check_pair(course *c, unsigned number, random_state *r)
{
    const bool first_fault = chance(r, 50);
    const bool second_fault = chance(r, 50);
    story_where("seed %llu, pair %u (%s, then %s)",
                (unsigned long long)c->story.seed, number,
                first_fault ? "a fault" : "a power failure",
                second_fault ? "a fault" : "a power failure");
    const story_span span =
        first_fault ? first_by_fault(c, r) : first_by_power(c, r);
    if (second_fault)
        second_by_fault(c, span, r);
    else
        second_by_power(c, r);
    muster_engine *e = story_must_open(c->second, MUSTER_OPEN_WRITE);
    story_find(&c->story, span, e);
    muster_engine_close(e);
    disk_clear(c->first);
    disk_clear(c->second);
}

static void check_course(uint64_t seed)
{
    course c;
    random_state r;
    random_seed(&r, seed);
    course_begin(&c, seed);
    for (unsigned i = 0; i < PAIRS; i++)
        check_pair(&c, i, &r);
    course_end(&c);
}

static void test_crash_compound__nothing_acknowledged_is_lost(void **state)
{
    (void)state;
    test_each_seed(check_course, (test_size(200, 2000) + PAIRS - 1) / PAIRS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DISK_TEST(test_crash_compound__nothing_acknowledged_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
