/*
 * explain_model_test.c - what explain says, against the slow twin.
 *
 * For random users of random worlds (support/world.h): membership, each
 * part's answer, and the moment at which an answer turns by itself. The twin
 * finds that moment by asking again at every hour to come, since all edges of
 * time are hours.
 *
 * Sizes and seeds as eval_model_test.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "support/world.h"

#define HOUR 3600
#define DAY 86400
#define HORIZON_DAYS 130 /* beyond every TTL and retention there is */
#define EXPRESSIONS 25   /* of one world */
#define EXPRESSIONS_AT_A_TIME 5

/* The first hour at which the twin's answer turns; 0 when it does not. */
static muster_time twin_until(const question *q, const ast_node *node,
                              uint32_t user)
{
    naive *twin = q->w->people.twin;
    const bool now = naive_has(twin, node, q->now, user);
    const muster_time first = q->now - q->now % HOUR + HOUR;
    for (muster_time t = first; t <= q->now + HORIZON_DAYS * DAY; t += HOUR)
        if (naive_has(twin, node, t, user) != now)
            return t;
    return 0;
}

static void check_until(const question *q, const ast_node *node,
                        uint32_t user, muster_time until, const char *what)
{
    const muster_time expected = twin_until(q, node, user);
    const bool far = until > q->now + HORIZON_DAYS * DAY;
    if (until != expected && !(far && expected == 0))
        question_disagree(q, user, what, (uint64_t)expected,
                          (uint64_t)until);
}

/* A part is explained by its own text, so the twin can be asked for it.
 * Returns whether it is a condition. */
static bool check_reason(question *q, uint32_t user,
                         const muster_reason *reason, bool with_until)
{
    muster_error err;
    ast_tree *tree = NULL;
    question_must(q, segment_parse(&tree, text_of(reason->text), &err), &err,
                  reason->text);
    const ast_node *root = segment_root(tree);
    const bool condition = root->type == AST_PREDICATE;
    const bool holds = naive_has(q->w->people.twin, root, q->now, user);
    if (holds != reason->holds)
        question_disagree(q, user, reason->text, holds, reason->holds);
    if (with_until)
        check_until(q, root, user, reason->until, reason->text);
    segment_tree_free(tree);
    return condition;
}

/* What stands below a condition is told in words, not in the language. */
static void check_reasons(question *q, uint32_t user,
                          const muster_explanation *e)
{
    const size_t chosen = dice(&q->w->random, (uint32_t)e->reason_count);
    unsigned below = UINT32_MAX; /* the depth of a condition we are in */
    for (size_t i = 0; i < e->reason_count; i++) {
        const muster_reason *reason = &e->reasons[i];
        if (reason->depth > below)
            continue;
        below = check_reason(q, user, reason, i == chosen) ? reason->depth
                                                           : UINT32_MAX;
    }
}

static void check_explanation(question *q, uint32_t user)
{
    muster_error err;
    muster_explanation *e = NULL;
    char space[24];
    char id[24];
    population_any_id(&q->w->people, user, space, id);
    const muster_id who = {space, id, strlen(id)};
    question_must(q, muster_segment_explain(q->segment, &who, &e, &err),
                  &err, "explain");
    if (e->member != q->w->expected[user])
        question_disagree(q, user, "explained member", q->w->expected[user],
                          e->member);
    if (e->known) {
        check_until(q, segment_root(q->tree), user, e->until, "until");
        check_reasons(q, user, e);
    }
    muster_explanation_free(e);
}

static void test_segment_explain_model__parts_and_turns(void **state)
{
    (void)state;
    uint64_t seed = 0;
    uint64_t left = test_size(1500, 50000);
    const bool replay = test_seed(&seed);
    if (replay && seed >> 32 != 0)
        return;
    world *w = mem_alloc(sizeof *w);
    for (seed = replay ? seed : 1; left > 0; seed++) {
        world_init(w, seed);
        for (uint32_t i = 0; i < EXPRESSIONS && left > 0; i++, left--) {
            question q;
            if (i % EXPRESSIONS_AT_A_TIME == 0)
                house_set_now(&w->house, world_draw_now(w));
            question_init(&q, w);
            check_explanation(&q, dice(&w->random, w->people.users));
            question_release(&q);
        }
        world_release(w);
        if (replay)
            break;
    }
    mem_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_explain_model__parts_and_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
