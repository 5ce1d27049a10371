/*
 * eval_model_test.c - the engine against the slow twin, on random data: for
 * random worlds (support/world.h) and random expressions
 * (support/expression.h), the engine's count, set and decisions must be the
 * twin's.
 *
 * Runs once at the best level of the inner loops, and once in smaller numbers
 * at each (support/level.h). What large populations are asked often becomes
 * resident in between.
 *
 * Sizes: MUSTER_TEST_SCALE and MUSTER_TEST_LONG (support/dice.h). A failure
 * prints its seed; MUSTER_TEST_SEED=<seed> runs that one alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "support/level.h"
#include "support/world.h"

#define TIMES 4               /* at which each world is asked */
#define SMALL_EXPRESSIONS 400 /* of one world */
#define LARGE_EXPRESSIONS 50
#define DECISIONS_LARGE 256
#define DECISIONS_SMALL 6

static void check_count(question *q)
{
    muster_error err;
    muster_count *count = NULL;
    const uint64_t universe =
        naive_universe_count(q->w->people.twin, q->now);
    question_must(q, muster_segment_count(q->segment, false, &count, &err),
                  &err, "count");
    if (count->count != q->expected)
        question_disagree(q, UINT32_MAX, "count", q->expected, count->count);
    if (count->universe != universe)
        question_disagree(q, UINT32_MAX, "universe", universe,
                          count->universe);
    if (count->as_of != q->now)
        question_disagree(q, UINT32_MAX, "as_of", (uint64_t)q->now,
                          (uint64_t)count->as_of);
    muster_count_free(count);
}

static int take_user(void *payload, const muster_pseudonym *pseudonym)
{
    question *q = payload;
    world *w = q->w;
    const uint32_t user = world_user_of(w, pseudonym);
    if (user == UINT32_MAX)
        question_disagree(q, user, "a pseudonym nobody has", 0, 1);
    else if (w->got[user])
        question_disagree(q, user, "a user twice in the set", 1, 2);
    else
        w->got[user] = true;
    return 0;
}

static void check_set(question *q)
{
    muster_error err;
    world *w = q->w;
    memset(w->got, 0, w->people.users * sizeof *w->got);
    question_must(q, muster_segment_users(q->segment, take_user, q, &err),
                  &err, "users");
    for (uint32_t u = 0; u < w->people.users; u++)
        if (w->got[u] != w->expected[u])
            question_disagree(q, u, "in the set", w->expected[u], w->got[u]);
}

static void check_decision(question *q, uint32_t user)
{
    muster_error err;
    char space[24];
    char id[24];
    bool member = false;
    population_any_id(&q->w->people, user, space, id);
    const muster_id who = {space, id, strlen(id)};
    question_must(q, muster_segment_has(q->segment, &who, &member, &err),
                  &err, "has");
    if (member != q->w->expected[user])
        question_disagree(q, user, "decision", q->w->expected[user], member);
}

static void check_decisions(question *q)
{
    const uint32_t users = q->w->people.users;
    const uint32_t wanted = q->w->large ? DECISIONS_LARGE : DECISIONS_SMALL;
    if (users <= wanted || (!q->w->large && chance(&q->w->random, 4))) {
        for (uint32_t u = 0; u < users; u++)
            check_decision(q, u);
        return;
    }
    for (uint32_t i = 0; i < wanted; i++)
        check_decision(q, dice(&q->w->random, users));
}

/* ---- tests ---- */

typedef struct totals {
    uint64_t worlds;
    uint64_t pairs;
    uint64_t members;
    uint64_t forms; /* resident ones that were found */
} totals;

static uint64_t forms_found(const world *w)
{
    muster_engine_stats stats;
    muster_engine_stats_get(w->house.engine, &stats);
    return stats.resident_hits;
}

static void run_world(uint64_t seed, uint64_t expressions, totals *sum)
{
    world *w = mem_alloc(sizeof *w);
    world_init(w, seed);
    const uint32_t all = w->large ? LARGE_EXPRESSIONS : SMALL_EXPRESSIONS;
    for (uint64_t i = 0; i < expressions; i++) {
        question q;
        if (i % (all / TIMES) == 0)
            house_set_now(&w->house, world_draw_now(w));
        if (w->large && i % 8 == 7)
            muster_engine_warm(w->house.engine);
        question_init(&q, w);
        check_set(&q);
        check_count(&q);
        check_decisions(&q);
        sum->pairs++;
        sum->members += q.expected;
        question_release(&q);
    }
    sum->worlds++;
    sum->forms += forms_found(w);
    world_release(w);
    mem_free(w);
}

static void say_totals(const char *what, const totals *sum)
{
    print_message("%s, %s: %llu pairs over %llu populations agree (%llu "
                  "members, %llu resident forms found)\n",
                  words_get()->name, what, (unsigned long long)sum->pairs,
                  (unsigned long long)sum->worlds,
                  (unsigned long long)sum->members,
                  (unsigned long long)sum->forms);
}

/* Worlds of `each` expressions, until there were `left` of them. */
static void run_worlds(const char *what, uint64_t left, uint64_t each,
                       uint64_t (*seed_of)(uint64_t i), bool large)
{
    totals sum = {0};
    uint64_t seed = 0;
    if (test_seed(&seed)) {
        if ((seed >> 32 != 0) == large)
            run_world(seed, each, &sum);
        return;
    }
    for (uint64_t i = 0; left > 0; i++) {
        const uint64_t n = left < each ? left : each;
        run_world(seed_of(i), n, &sum);
        left -= n;
    }
    say_totals(what, &sum);
}

static uint64_t small_seed(uint64_t i)
{
    return i + 1;
}

static void test_segment_eval_model__small_populations(void **state)
{
    (void)state;
    run_worlds("small",
               level_is_forced() ? test_size(19800, 990000)
                                 : test_size(198000, 4990000),
               SMALL_EXPRESSIONS, small_seed, false);
}

static void test_segment_eval_model__edge_sizes(void **state)
{
    (void)state;
    run_worlds("edges",
               level_is_forced() ? test_size(200, 10000)
                                 : test_size(2000, 10000),
               LARGE_EXPRESSIONS, world_edge_seed, true);
}

int main(void)
{
    /* Many short-lived large buffers: keep them instead of asking the system
     * for them again and again. */
    mallopt(M_MMAP_THRESHOLD, 1 << 28);
    mallopt(M_TRIM_THRESHOLD, 1 << 28);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_eval_model__small_populations),
        cmocka_unit_test(test_segment_eval_model__edge_sizes),
    };
    if (!level_is_there())
        return LEVEL_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
