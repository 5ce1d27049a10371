/*
 * roundtrip_model_test.c - random trees through text and JSON and back; and
 * random damage to texts, which must be an error or a tree, never more.
 *
 * A failure prints the seed; MUSTER_TEST_SEED replays it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "segment/segment.h"
#include "segment/tree.h"
#include "support/dice.h"

#define TREES 4000
#define TREES_LONG 400000
#define TEXT_BYTES_MAX ((size_t)1 << 20)

/* ---- random trees ---- */

static const char *const names[] = {
    "a",     "geo.country", "e2",   "total", "day.part", "at",    "exactly",
    "split", "segment",     "from", "x_y.z", "within",   "not.a", "today"};

static const char *const texts[] = {"",
                                    "DE",
                                    "a \"b\"",
                                    "\\",
                                    "\n\t\x01\x1f",
                                    "\xc3\xa9\xe2\x82\xac",
                                    "\xf0\x9f\x98\x80",
                                    "today",
                                    "2026-11-21",
                                    "2026-11-21T10:00:00+02:00",
                                    "and",
                                    "#",
                                    "'",
                                    "5",
                                    "/"};

static const char *const providers[] = {
    "acme", "acme.example", "first", "and", "Two Words", "party", "1a", ""};

static muster_text any_text(random_state *r)
{
    return text_of(PICK(r, texts));
}

static int64_t any_number(random_state *r)
{
    const int64_t max = ((int64_t)1 << 40) * 10000 - 1;
    const int64_t small = dice_between(r, -50000, 50000);
    switch (dice(r, 4)) {
    case 0:
        return dice_between(r, -max, max);
    case 1:
        return small / 10000 * 10000;
    default:
        return small;
    }
}

static ast_date any_date(random_state *r)
{
    ast_date date = {.type = (ast_date_type)dice(r, 3)};
    date.day = (muster_day)dice_between(r, -25567, 84005);
    date.time = dice_between(r, CLOCK_TIME_MIN, CLOCK_TIME_MAX);
    date.offset =
        (int32_t)(chance(r, 30) ? 0
                                : dice_between(r, -TREE_TODAY_OFFSET_MAX,
                                               TREE_TODAY_OFFSET_MAX));
    return date;
}

static void any_value(random_state *r, ast_value *out)
{
    out->type = (ast_value_type)dice(r, 3);
    out->text = any_text(r);
    out->number = any_number(r);
    out->date = any_date(r);
    out->date.type = DATE_TODAY;
}

/* What `<` takes. */
static void any_scalar(random_state *r, ast_value *out)
{
    any_value(r, out);
    if (out->type == VALUE_STRING)
        out->text =
            text_of(chance(r, 50) ? "2026-11-21" : "2026-11-21t10:00:00.5Z");
}

static void add_values(ast_tree *tree, random_state *r, ast_node *node,
                       uint32_t count, bool scalar)
{
    value_list list = {0};
    for (uint32_t i = 0; i < count; i++) {
        ast_value *value = value_list_add(tree, &list);
        if (scalar)
            any_scalar(r, value);
        else
            any_value(r, value);
    }
    node->values = list.items;
    node->value_count = list.count;
}

static void any_compare(ast_tree *tree, random_state *r, ast_node *node)
{
    node->compare = (ast_compare)dice(r, COMPARE_CONTAINS + 1);
    switch (node->compare) {
    case COMPARE_NONE:
    case COMPARE_KNOWN:
    case COMPARE_UNKNOWN:
        return;
    case COMPARE_IN:
    case COMPARE_NOT_IN:
    case COMPARE_HAS_ALL:
        add_values(tree, r, node, 1 + dice(r, 6), false);
        return;
    case COMPARE_EQ:
    case COMPARE_NE:
        add_values(tree, r, node, 1, false);
        return;
    case COMPARE_BETWEEN:
        add_values(tree, r, node, 2, true);
        node->values[0].type = node->values[1].type = VALUE_NUMBER;
        return;
    case COMPARE_STARTS_WITH:
    case COMPARE_CONTAINS:
        add_values(tree, r, node, 1, false);
        node->values[0].type = VALUE_STRING;
        node->values[0].text = any_text(r);
        return;
    default:
        add_values(tree, r, node, 1, true);
        return;
    }
}

static void any_quantity(random_state *r, ast_node *node)
{
    node->quantity = (ast_quantity)(1 + dice(r, 3));
    node->n = chance(r, 90) ? dice(r, 12) : TREE_INT_LIMIT - 1;
}

static void any_window(random_state *r, ast_node *node)
{
    ast_window *w = &node->window;
    w->type = (ast_window_type)dice(r, WINDOW_BETWEEN + 1);
    w->n = dice(r, 1000);
    w->weeks = w->type == WINDOW_DAYS && chance(r, 30);
    if (w->weeks)
        w->n *= 7;
    w->from = any_date(r);
    w->to = any_date(r);
}

static void any_predicate(ast_tree *tree, random_state *r, ast_node *node)
{
    node->attribute = text_of(PICK(r, names));
    any_compare(tree, r, node);
    if (chance(r, 40)) {
        node->measure = (ast_measure)(1 + dice(r, 3));
        any_quantity(r, node);
    }
    if (chance(r, 40))
        any_window(r, node);
    node->source = (ast_source_type)dice(r, 3);
    node->provider = text_of(PICK(r, providers));
    node->party = 1 + (int)dice(r, 3);
}

static ast_node *any_tree(ast_tree *tree, random_state *r, unsigned depth);

static void add_children(ast_tree *tree, random_state *r, node_list *list,
                         unsigned depth, uint32_t least)
{
    const uint32_t count = least + dice(r, 3);
    for (uint32_t i = 0; i < count; i++)
        node_list_add(tree, list, any_tree(tree, r, depth));
}

static void any_leaf(ast_tree *tree, random_state *r, ast_node *node)
{
    node->text = text_of("");
    if (node->type == AST_SEGMENT || node->type == AST_TAXONOMY ||
        node->type == AST_SPLIT)
        node->text = any_text(r);
    if (node->type == AST_SPLIT) {
        node->split_from = (int32_t)dice(r, 100);
        node->split_to = (int32_t)dice(r, 100);
    }
    if (node->type == AST_PREDICATE)
        any_predicate(tree, r, node);
}

static ast_node *any_tree(ast_tree *tree, random_state *r, unsigned depth)
{
    static const ast_type leaves[] = {
        AST_ALL,       AST_NONE,      AST_SEGMENT,   AST_SPLIT,
        AST_TAXONOMY,  AST_PREDICATE, AST_PREDICATE, AST_PREDICATE,
        AST_PREDICATE, AST_PREDICATE};
    static const ast_type inner[] = {AST_AND, AST_OR, AST_NOT, AST_QUANTITY};
    node_list list = {0};
    if (depth == 0 || chance(r, 25)) {
        ast_node *leaf = tree_node(tree, PICK(r, leaves));
        any_leaf(tree, r, leaf);
        return leaf;
    }
    const ast_type type = PICK(r, inner);
    if (type == AST_AND || type == AST_OR) {
        add_children(tree, r, &list, depth - 1, 2);
        return tree_group(tree, type, &list);
    }
    if (type == AST_NOT)
        node_list_add(tree, &list, any_tree(tree, r, depth - 1));
    else
        add_children(tree, r, &list, depth - 1, 1);
    ast_node *node = tree_node(tree, type);
    node->children = list.items;
    node->child_count = list.count;
    if (type == AST_QUANTITY)
        any_quantity(r, node);
    return node;
}

/* ---- there and back ---- */

static void check_same(const ast_tree *a, const ast_tree *b, buffer *text,
                       const char *way, uint64_t seed)
{
    buffer other;
    buffer_init(&other, TEXT_BYTES_MAX);
    segment_format(segment_root(b), &other);
    const bool same = segment_same(segment_root(a), segment_root(b)) &&
                      strcmp(buffer_cstr(text), buffer_cstr(&other)) == 0;
    if (!same)
        print_error("MUSTER_TEST_SEED=%llu, through %s\n%s\n%s\n",
                    (unsigned long long)seed, way, buffer_cstr(text),
                    buffer_cstr(&other));
    assert_true(same);
    buffer_release(&other);
}

static void check_text(const ast_tree *tree, buffer *text, uint64_t seed)
{
    ast_tree *again = NULL;
    muster_error err;
    error_clear(&err);
    if (segment_parse(&again, text_of(buffer_cstr(text)), &err) != 0)
        fail_msg("MUSTER_TEST_SEED=%llu: %s: %s", (unsigned long long)seed,
                 buffer_cstr(text), err.message);
    check_same(tree, again, text, "text", seed);
    segment_tree_free(again);
}

static void check_json(const ast_tree *tree, buffer *text, uint64_t seed)
{
    json_writer writer;
    json_doc *doc = NULL;
    ast_tree *again = NULL;
    muster_error err;
    buffer json;
    error_clear(&err);
    buffer_init(&json, TEXT_BYTES_MAX);
    json_begin(&writer, &json, chance(&(random_state){{seed, 1, 2, 3}}, 50));
    segment_to_json(segment_root(tree), &writer);
    assert_true(buffer_ok(&json));
    if (json_parse(&doc, (const char *)json.data, json.len, JSON_STRICT,
                   &err) != 0 ||
        segment_from_json(&again, json_root(doc), &err) != 0)
        fail_msg("MUSTER_TEST_SEED=%llu: %s: %s", (unsigned long long)seed,
                 buffer_cstr(&json), err.message);
    check_same(tree, again, text, "JSON", seed);
    segment_tree_free(again);
    json_free(doc);
    buffer_release(&json);
}

/* Whatever the text became: an error with a place, or a tree that makes the
 * way to text and back. */
static void check_damaged(random_state *r, const buffer *text, uint64_t seed)
{
    static const char marks[] = "()\"\\,.=<>!-+#'_ \n0a9Z\x80\xff\xc3\x01&|";
    buffer bad;
    buffer_init(&bad, TEXT_BYTES_MAX);
    buffer_put(&bad, text->data, text->len);
    for (uint32_t hits = 1 + dice(r, 4); hits > 0 && bad.len > 1; hits--) {
        const size_t at = dice(r, (uint32_t)bad.len);
        if (chance(r, 30)) {
            memmove(bad.data + at, bad.data + at + 1, bad.len - at - 1);
            bad.len--;
        } else {
            bad.data[at] = (uint8_t)marks[dice(r, sizeof marks - 1)];
        }
    }
    const muster_text t = text_make((const char *)bad.data, bad.len);
    ast_tree *tree = NULL;
    muster_error err;
    buffer shown;
    error_clear(&err);
    buffer_init(&shown, TEXT_BYTES_MAX);
    if (segment_parse(&tree, t, &err) == 0) {
        segment_format(segment_root(tree), &shown);
        check_text(tree, &shown, seed);
    } else {
        assert_int_equal(err.code, MUSTER_EEXPR);
        assert_true(err.word[0] != '\0' && err.message[0] != '\0');
        assert_true(err.offset + err.length <= t.len);
        segment_error_caret(&err, t, &shown);
        assert_true(shown.len > 0);
    }
    segment_tree_free(tree);
    buffer_release(&shown);
    buffer_release(&bad);
}

static void run_seed(uint64_t seed)
{
    random_state r;
    buffer text;
    ast_tree *tree = tree_new(text_of(""));
    random_seed(&r, seed);
    buffer_init(&text, TEXT_BYTES_MAX);
    tree->root = any_tree(tree, &r, dice(&r, 6));
    segment_format(tree->root, &text);
    if (tree_check(tree, NULL) == 0) { /* else it is too long */
        check_text(tree, &text, seed);
        check_json(tree, &text, seed);
        for (int i = 0; i < 5; i++)
            check_damaged(&r, &text, seed);
    }
    buffer_release(&text);
    segment_tree_free(tree);
}

static void test_segment_roundtrip__random_trees(void **state)
{
    (void)state;
    test_each_seed(run_seed, test_size(TREES, TREES_LONG));
}

/* Deeper than a JSON writer or reader goes. */
static void test_segment_roundtrip__deep_trees(void **state)
{
    (void)state;
    for (unsigned depth = 1; depth <= MUSTER_SEGMENT_DEPTH_MAX; depth++) {
        ast_tree *tree = tree_new(text_of(""));
        ast_node *node = tree_node(tree, AST_ALL);
        for (unsigned i = 0; i < depth; i++) {
            node_list list = {0};
            node_list_add(tree, &list, tree_node(tree, AST_NONE));
            node_list_add(tree, &list, node);
            node = tree_group(tree, i % 2 == 0 ? AST_AND : AST_OR, &list);
        }
        buffer text;
        buffer_init(&text, TEXT_BYTES_MAX);
        tree->root = node;
        assert_int_equal(tree_check(tree, NULL), 0);
        segment_format(node, &text);
        check_text(tree, &text, depth);
        check_json(tree, &text, depth);
        buffer_release(&text);
        segment_tree_free(tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_roundtrip__random_trees),
        cmocka_unit_test(test_segment_roundtrip__deep_trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
