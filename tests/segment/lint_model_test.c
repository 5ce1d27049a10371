/*
 * lint_model_test.c - what lint says of two conditions on one attribute,
 * asked of the slow twin over random populations: a contradiction holds
 * nobody, a tautology everyone, and what adds nothing can be left out.
 *
 * Populations have one provider or several, so that "the same source" is
 * tried both ways. A failure prints the seed; MUSTER_TEST_SEED replays it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "segment/ast.h"
#include "segment/segment.h"
#include "support/dice.h"
#include "support/expression.h"

#define POPULATIONS 30
#define POPULATIONS_LONG 3000
#define PAIRS 250 /* of conditions, per population */
#define TRIES 400 /* for two on one attribute */
#define USERS 150
#define TEXT_BYTES_MAX ((size_t)1 << 16)

typedef struct trial {
    population people;
    catalog *names;
    muster_time now;
    uint64_t seed;
    random_state random;
    uint64_t claims;
} trial;

static ast_tree *parse(const char *text)
{
    ast_tree *tree = NULL;
    muster_error err;
    error_clear(&err);
    if (segment_parse(&tree, text_of(text), &err) != 0)
        fail_msg("%s: %s", text, err.message);
    return tree;
}

/* One condition; NULL when the dice gave something else. */
static ast_tree *draw_condition(trial *t, buffer *out)
{
    const expression_options options = {
        .population = &t->people, .now = t->now, .depth = 0};
    buffer_clear(out);
    expression_put(&options, &t->random, out);
    ast_tree *tree = parse(buffer_cstr(out));
    if (segment_root(tree)->type == AST_PREDICATE) {
        buffer_clear(out);
        segment_format(segment_root(tree), out);
        return tree;
    }
    segment_tree_free(tree);
    return NULL;
}

/* Two conditions on one attribute, as text. */
static bool draw_pair(trial *t, buffer *first, buffer *second)
{
    bool found = false;
    for (int i = 0; i < TRIES && !found; i++) {
        ast_tree *a = draw_condition(t, first);
        for (int k = 0; a != NULL && k < TRIES / 10 && !found; k++) {
            ast_tree *b = draw_condition(t, second);
            found = b != NULL && text_equal(segment_root(a)->attribute,
                                            segment_root(b)->attribute);
            segment_tree_free(b);
        }
        segment_tree_free(a);
    }
    return found;
}

static void answer(trial *t, const ast_node *node, bool *members)
{
    naive_answer(t->people.twin, node, t->now, 0, t->people.users, members);
}

/* ---- claims ---- */

static void check(trial *t, bool holds, const char *text,
                  const muster_error *note)
{
    t->claims++;
    if (!holds)
        fail_msg("MUSTER_TEST_SEED=%llu: %s: %s at %zu: %s",
                 (unsigned long long)t->seed, text, note->word, note->offset,
                 note->message);
}

static bool is_nobody(trial *t, const ast_node *node)
{
    bool members[USERS];
    answer(t, node, members);
    return memchr(members, true, t->people.users) == NULL;
}

static bool is_equal(trial *t, const ast_node *a, const ast_node *b)
{
    bool x[USERS];
    bool y[USERS];
    answer(t, a, x);
    answer(t, b, y);
    return memcmp(x, y, t->people.users) == 0;
}

static bool is_everyone(trial *t, const ast_node *node)
{
    const ast_node all = {.type = AST_ALL};
    return is_equal(t, node, &all);
}

static bool is_at(const ast_node *node, const muster_error *note)
{
    return node->offset == note->offset && node->length == note->length;
}

/* The condition under any `not`. */
static const ast_node *bare(const ast_node *node)
{
    while (node->type == AST_NOT)
        node = node->children[0];
    return node;
}

static void check_note(trial *t, const ast_node *root, const char *text,
                       const muster_error *note)
{
    const muster_text word = text_of(note->word);
    const ast_node *a = root->children[0];
    const ast_node *b = root->children[1];
    const bool contradiction = text_is(word, "lint_contradiction");
    if (contradiction && root->type == AST_OR) {
        const ast_node *at = is_at(bare(a), note) ? bare(a) : bare(b);
        assert_true(is_at(at, note));
        check(t, is_nobody(t, at), text, note);
    } else if (contradiction && is_at(bare(a), note) &&
               bare(a)->measure == MEASURE_DAYS) {
        check(t, is_nobody(t, bare(a)), text, note);
    } else if (contradiction && !is_at(b, note)) {
        check(t, is_nobody(t, bare(b)), text, note);
    } else if (contradiction) {
        check(t, is_nobody(t, root), text, note);
    } else if (text_is(word, "lint_tautology")) {
        check(t, is_everyone(t, root), text, note);
    } else if (text_is(word, "lint_subsumed")) {
        assert_true(is_at(a, note) || is_at(b, note));
        check(t, is_equal(t, root, is_at(a, note) ? b : a), text, note);
    } else if (text_is(word, "lint_duplicate") && is_at(b, note)) {
        check(t, is_equal(t, root, a), text, note);
    }
}

static void check_text(trial *t, const char *text)
{
    ast_tree *tree = parse(text);
    segment_diagnostics notes = {0};
    const ast_node *root = segment_root(tree);
    assert_int_equal(root->child_count, 2);
    segment_lint(tree, t->names, NULL, &notes);
    for (size_t i = 0; i < notes.count; i++)
        check_note(t, root, text, &notes.items[i].detail);
    segment_diagnostics_release(&notes);
    segment_tree_free(tree);
}

static void run_seed(uint64_t seed, uint64_t *claims)
{
    static const char *const forms[] = {
        "%s and %s",         "%s or %s",        "not %s and %s",
        "%s and not %s",     "not %s or %s",    "%s or not %s",
        "not %s and not %s", "not %s or not %s"};
    trial t = {.seed = seed};
    muster_error err;
    buffer a;
    buffer b;
    buffer text;
    const population_options options = {
        .seed = seed, .users = USERS, .feeds = 2, .records = 4};
    error_clear(&err);
    random_seed(&t.random, seed);
    population_init(&t.people, &options);
    t.now = t.people.feeds[t.people.feed_count - 1].now;
    t.names = catalog_new();
    if (catalog_file_apply(t.names, (const char *)t.people.catalog.data,
                           t.people.catalog.len, &err) != 0)
        fail_msg("%s", err.message);
    buffer_init(&a, TEXT_BYTES_MAX);
    buffer_init(&b, TEXT_BYTES_MAX);
    buffer_init(&text, 2 * TEXT_BYTES_MAX);
    for (int i = 0; i < PAIRS && draw_pair(&t, &a, &b); i++)
        for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
            const char *gap = strstr(forms[f], "%s ");
            buffer_clear(&text);
            buffer_put(&text, forms[f], (size_t)(gap - forms[f]));
            buffer_put(&text, a.data, a.len);
            buffer_put(&text, gap + 2, strlen(gap) - 4);
            buffer_put(&text, b.data, b.len);
            check_text(&t, buffer_cstr(&text));
        }
    *claims += t.claims;
    buffer_release(&a);
    buffer_release(&b);
    buffer_release(&text);
    catalog_free(t.names);
    population_release(&t.people);
}

static void test_segment_lint__is_right(void **state)
{
    uint64_t seed = 0;
    uint64_t claims = 0;
    (void)state;
    if (test_seed(&seed)) {
        run_seed(seed, &claims);
        return;
    }
    const uint64_t count = test_size(POPULATIONS, POPULATIONS_LONG);
    for (seed = 1; seed <= count; seed++)
        run_seed(seed, &claims);
    print_message("%llu claims of lint hold\n", (unsigned long long)claims);
    assert_true(claims > count * 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_lint__is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
