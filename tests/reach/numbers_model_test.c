/*
 * numbers_model_test.c - clauses, overlap and breakdown against the slow
 * twin, on random worlds (support/world.h).
 *
 * Every number of these answers is the size of an expression that can be
 * written down: a clause by itself, two segments with `and` between, a
 * segment and a value. The twin counts that expression.
 *
 * Sizes and seeds as tests/segment/eval_model_test.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "support/world.h"

#define QUESTIONS 4 /* of one time: an overlap of so many */
#define TIMES 3

/* The twin's count of an expression in text. */
static uint64_t twin_count(const question *q, const char *text, size_t len)
{
    muster_error err;
    ast_tree *tree = NULL;
    question_must(q, segment_parse(&tree, text_make(text, len), &err), &err,
                  "parse");
    const uint64_t count = question_count(q, segment_root(tree));
    segment_tree_free(tree);
    return count;
}

/* "(<question>) and <part>" */
static uint64_t twin_count_with(const question *q, const buffer *part)
{
    buffer text;
    buffer_init(&text, 4 * MUSTER_SEGMENT_BYTES_MAX);
    buffer_put_str(&text, "(");
    buffer_put(&text, q->text.data, q->text.len);
    buffer_put_str(&text, "\n) and (");
    buffer_put(&text, part->data, part->len);
    buffer_put_str(&text, "\n)");
    const uint64_t count = twin_count(q, (char *)text.data, text.len);
    buffer_release(&text);
    return count;
}

/* A copy of the tree without the part at `path` ("/and/0/not/or/2"); NULL
 * when that part is no member of a chain. */
static ast_node *without(arena *memory, const ast_node *node,
                         const char *path)
{
    const bool chain = node->type == AST_AND || node->type == AST_OR;
    char *rest = NULL;
    ast_node *copy = arena_alloc(memory, sizeof *copy);
    *copy = *node;
    copy->children =
        arena_alloc(memory, (node->child_count + 1) * sizeof node);
    memcpy(copy->children, node->children,
           node->child_count * sizeof *node->children);
    uint32_t at = 0;
    if (chain) {
        const char *number = strchr(path + 1, '/');
        assert_non_null(number);
        at = (uint32_t)strtoul(number + 1, &rest, 10);
    } else {
        assert_int_equal(node->type, AST_NOT);
        rest = (char *)path + strlen("/not");
    }
    assert_true(at < node->child_count);
    if (*rest != '\0') {
        copy->children[at] = without(memory, node->children[at], rest);
        return copy->children[at] != NULL ? copy : NULL;
    }
    copy->child_count--;
    memmove(copy->children + at, copy->children + at + 1,
            (copy->child_count - at) * sizeof *copy->children);
    return chain ? copy : NULL;
}

/* "count of the whole minus count of the whole without this clause" */
static int64_t twin_marginal(const question *q, const muster_clause *clause)
{
    arena memory;
    int64_t marginal = 0;
    if (clause->path[0] == '\0')
        return 0;
    arena_init(&memory);
    const ast_node *rest =
        without(&memory, segment_root(q->tree), clause->path);
    if (rest != NULL)
        marginal = (int64_t)q->expected - (int64_t)question_count(q, rest);
    arena_release(&memory);
    return marginal;
}

static void check_clauses(question *q)
{
    muster_error err;
    muster_count *count = NULL;
    question_must(q, muster_segment_count(q->segment, true, &count, &err),
                  &err, "count");
    for (size_t i = 0; i < count->clause_count; i++) {
        const muster_clause *c = &count->clauses[i];
        const uint64_t expected = twin_count(q, c->text, strlen(c->text));
        const int64_t marginal = twin_marginal(q, c);
        if (c->count != expected)
            question_disagree(q, UINT32_MAX, c->text, expected, c->count);
        if (c->marginal != marginal)
            question_disagree(q, UINT32_MAX, c->path, (uint64_t)marginal,
                              (uint64_t)c->marginal);
    }
    muster_count_free(count);
}

static void check_overlap(question *q, size_t n)
{
    muster_error err;
    muster_overlap *overlap = NULL;
    muster_segment *segments[QUESTIONS];
    for (size_t i = 0; i < n; i++)
        segments[i] = q[i].segment;
    question_must(q, muster_reach_overlap(segments, n, &overlap, &err), &err,
                  "overlap");
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            const uint64_t expected = twin_count_with(&q[i], &q[j].text);
            if (overlap->counts[i * n + j] != expected)
                question_disagree(&q[i], UINT32_MAX, "overlap", expected,
                                  overlap->counts[i * n + j]);
        }
    }
    muster_overlap_free(overlap);
}

/* "city = "Bonn"", "vip", "city is unknown" */
static void put_row(buffer *out, const population_attribute *a,
                    muster_text value)
{
    json_writer json;
    buffer_put_str(out, a->name);
    if (value.ptr == NULL) {
        buffer_put_str(out, " is unknown");
    } else if (a->kind != NAIVE_FLAG) {
        buffer_put_str(out, " = ");
        json_begin(&json, out, false);
        json_put_text(&json, value);
    }
}

/* How many of the attribute's values anybody in the question holds. */
static size_t twin_rows(const question *q, const population_attribute *a)
{
    size_t rows = 0;
    const muster_text unknown = text_make(NULL, 0);
    for (uint32_t i = 0; i <= a->value_count; i++) {
        buffer part;
        buffer_init(&part, 1024);
        put_row(&part, a, i < a->value_count ? text_of(a->values[i])
                          : a->kind == NAIVE_FLAG ? text_of("true")
                                                  : unknown);
        rows += twin_count_with(q, &part) > 0;
        buffer_release(&part);
    }
    if (a->kind == NAIVE_FLAG) {
        buffer part;
        buffer_init(&part, 1024);
        put_row(&part, a, unknown);
        rows += twin_count_with(q, &part) > 0;
        buffer_release(&part);
    }
    return rows;
}

static void check_breakdown(question *q, const population_attribute *a)
{
    muster_error err;
    muster_breakdown *b = NULL;
    question_must(q, muster_reach_breakdown(q->segment, a->name, 0, &b, &err),
                  &err, "breakdown");
    if (b->total != q->expected)
        question_disagree(q, UINT32_MAX, "total", q->expected, b->total);
    size_t rows = 0;
    for (size_t i = 0; i < b->row_count; i++) {
        buffer part;
        buffer_init(&part, 1024);
        put_row(&part, a, b->rows[i].value);
        const uint64_t expected = twin_count_with(q, &part);
        if (b->rows[i].count != expected)
            question_disagree(q, UINT32_MAX, buffer_cstr(&part), expected,
                              b->rows[i].count);
        rows += expected > 0;
        buffer_release(&part);
    }
    if (rows != twin_rows(q, a))
        question_disagree(q, UINT32_MAX, a->name, twin_rows(q, a), rows);
    muster_breakdown_free(b);
}

static void ask_world(world *w)
{
    question q[QUESTIONS];
    house_set_now(&w->house, world_draw_now(w));
    for (size_t i = 0; i < QUESTIONS; i++) {
        question_init(&q[i], w);
        check_clauses(&q[i]);
        for (uint32_t a = 0; a < w->people.attribute_count; a++)
            if (w->people.attributes[a].kind != NAIVE_NUMBER)
                check_breakdown(&q[i], &w->people.attributes[a]);
    }
    check_overlap(q, QUESTIONS);
    for (size_t i = 0; i < QUESTIONS; i++)
        question_release(&q[i]);
}

static void test_reach_numbers_model__are_sizes_of_expressions(void **state)
{
    (void)state;
    uint64_t seed = 0;
    uint64_t left = test_size(60, 2000);
    const bool replay = test_seed(&seed);
    world *w = mem_alloc(sizeof *w);
    for (seed = replay ? seed : 1; left > 0; seed++, left--) {
        world_init(w, seed);
        for (uint32_t t = 0; t < TIMES; t++)
            ask_world(w);
        world_release(w);
        if (replay)
            break;
    }
    mem_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reach_numbers_model__are_sizes_of_expressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
