/*
 * parser_test.c - text to tree and back: parser.cases, places, limits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "segment/ast.h"
#include "segment/cases.h"

static ast_tree *parse(const char *text)
{
    ast_tree *tree = NULL;
    muster_error err;
    error_clear(&err);
    if (segment_parse(&tree, text_of(text), &err) != 0)
        fail_msg("%s: %s", text, err.message);
    return tree;
}

/* The word of the error that a text gives; "" for a good one. */
static const char *word_of(muster_text text)
{
    static muster_error err;
    ast_tree *tree = NULL;
    error_clear(&err);
    const int rc = segment_parse(&tree, text, &err);
    assert_int_equal(rc, err.code);
    assert_true((rc == 0) == (tree != NULL));
    segment_tree_free(tree);
    return err.word;
}

/* ---- cases ---- */

static void run_case(void *payload, muster_text text, buffer *out)
{
    ast_tree *tree = NULL;
    ast_tree *again = NULL;
    muster_error err;
    buffer canonical;
    (void)payload;
    error_clear(&err);
    if (segment_parse(&tree, text, &err) != 0) {
        assert_int_equal(err.code, MUSTER_EEXPR);
        case_put_error(&err, text, out);
        return;
    }
    buffer_init(&canonical, CASE_BYTES_MAX);
    segment_format(segment_root(tree), &canonical);
    if (strcmp(buffer_cstr(&canonical), text.ptr) != 0)
        buffer_printf(out, "%s\n", buffer_cstr(&canonical));
    /* It is canonical: it parses to the same, and stays as it is. */
    assert_int_equal(
        segment_parse(&again, text_of(buffer_cstr(&canonical)), &err), 0);
    assert_true(segment_same(segment_root(tree), segment_root(again)));
    const size_t len = canonical.len;
    segment_format(segment_root(again), &canonical);
    assert_int_equal(canonical.len, 2 * len);
    assert_memory_equal(canonical.data, canonical.data + len, len);
    segment_tree_free(again);
    segment_tree_free(tree);
    buffer_release(&canonical);
}

static void test_segment_parser__cases(void **state)
{
    (void)state;
    assert_int_equal(case_run("parser.cases", run_case, NULL), 0);
}

static void test_segment_parser__error_cases(void **state)
{
    (void)state;
    assert_int_equal(case_run("errors.cases", run_case, NULL), 0);
}

/* ---- the tree ---- */

static void test_segment_parser__places_cover_each_clause(void **state)
{
    (void)state;
    const char *text = "x or (a = \"b\" at least 2 times within 3 days from p)";
    ast_tree *tree = parse(text);
    const ast_node *root = segment_root(tree);
    assert_int_equal(root->type, AST_OR);
    assert_int_equal(root->offset, 0);
    assert_int_equal(root->length, strlen(text));
    const ast_node *node = root->children[1];
    assert_true(node->parens);
    assert_int_equal(node->offset, 6);
    assert_int_equal(node->length, strlen(text) - 7);
    assert_int_equal(node->attribute_offset, 6);
    assert_int_equal(node->compare_place.offset, 8);
    assert_int_equal(node->compare_place.length, 5);
    assert_int_equal(node->values[0].offset, 10);
    assert_int_equal(node->values[0].length, 3);
    assert_int_equal(node->measure_place.offset, 14);
    assert_int_equal(node->measure_place.length, 16);
    assert_int_equal(node->window_place.offset, 31);
    assert_int_equal(node->window_place.length, 13);
    assert_int_equal(node->source_offset, 50);
    segment_tree_free(tree);
}

static void test_segment_parser__chains_are_flat(void **state)
{
    (void)state;
    ast_tree *tree = parse("(a and b) and (c and (d and e))");
    assert_int_equal(segment_root(tree)->type, AST_AND);
    assert_int_equal(segment_root(tree)->child_count, 5);
    assert_int_equal(tree->node_count, 6);
    segment_tree_free(tree);
    tree = parse("((((a))))");
    assert_int_equal(segment_root(tree)->type, AST_PREDICATE);
    segment_tree_free(tree);
}

static void test_segment_parser__between_dates_is_a_window(void **state)
{
    (void)state;
    ast_tree *tree = parse("x between today and today + 60 days");
    const ast_node *node = segment_root(tree);
    assert_int_equal(node->compare, COMPARE_NONE);
    assert_int_equal(node->window.type, WINDOW_BETWEEN);
    assert_int_equal(node->window.to.offset, 60);
    assert_true(node->window_place.length > 0);
    segment_tree_free(tree);
    tree = parse("x between -1.5 and 2");
    node = segment_root(tree);
    assert_int_equal(node->compare, COMPARE_BETWEEN);
    assert_int_equal(node->values[0].number, -15000);
    assert_int_equal(node->window.type, WINDOW_NONE);
    segment_tree_free(tree);
}

static bool same(const char *a, const char *b)
{
    ast_tree *x = parse(a);
    ast_tree *y = parse(b);
    const bool result = segment_same(segment_root(x), segment_root(y));
    assert_int_equal(result, segment_same(segment_root(y), segment_root(x)));
    segment_tree_free(x);
    segment_tree_free(y);
    return result;
}

static void test_segment_parser__same_means_the_same_tree(void **state)
{
    (void)state;
    static const char *const apart[] = {"a",
                                        "b",
                                        "not a",
                                        "a = 1",
                                        "a = 2",
                                        "a != 1",
                                        "a = \"1\"",
                                        "a in (1, 2)",
                                        "a in (2, 1)",
                                        "a not in (1, 2)",
                                        "not a in (1, 2)",
                                        "a has all (1, 2)",
                                        "a within 1 day",
                                        "a within 1 hour",
                                        "a within 2 days",
                                        "a since today",
                                        "a since \"2026-01-01\"",
                                        "a since \"2026-01-01T00:00:00Z\"",
                                        "a between today and today",
                                        "a between today and today + 1 day",
                                        "a from p",
                                        "a from q",
                                        "a from first party",
                                        "a from second party",
                                        "a at least 1 time",
                                        "a at most 1 time",
                                        "a exactly 1 time",
                                        "a at least 2 times",
                                        "a at least 1 total",
                                        "a on at least 1 day",
                                        "a is known",
                                        "a is unknown",
                                        "a starts with \"1\"",
                                        "a contains \"1\"",
                                        "a = today",
                                        "a between 1 and 2",
                                        "a and b",
                                        "b and a",
                                        "a or b",
                                        "a and b and c",
                                        "at least 1 of (a)",
                                        "at least 1 of (a, b)",
                                        "at most 1 of (a)",
                                        "segment(\"a\")",
                                        "taxonomy(\"a\")",
                                        "split(\"a\", 0..1)",
                                        "split(\"a\", 0..2)",
                                        "split(\"b\", 0..1)",
                                        "all",
                                        "none"};
    const size_t count = sizeof apart / sizeof apart[0];
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++)
            assert_int_equal(same(apart[i], apart[k]), i == k);
    assert_true(same("a within 2 weeks", "a within 14 days"));
    assert_true(same("(a) and (b)", "a and b # plain"));
    assert_true(same("a = 1.50", "a = 1.5"));
    assert_true(same("a since \"2026-01-01T01:00:00+01:00\"",
                     "a since \"2026-01-01T00:00:00Z\""));
}

static void test_segment_parser__any_text_of_a_string(void **state)
{
    (void)state;
    ast_tree *tree = parse(
        "a = \"\\u0041\\n\\t\\\"\\\\\\/\\u00e9\\u20ac\\ud83d\\ude00\\u0000z\"");
    const muster_text text = segment_root(tree)->values[0].text;
    static const char expected[] = "A\n\t\"\\/\xc3\xa9\xe2\x82\xac"
                                   "\xf0\x9f\x98\x80\0z";
    assert_int_equal(text.len, sizeof expected - 1);
    assert_memory_equal(text.ptr, expected, text.len);
    segment_tree_free(tree);
}

/* ---- limits ---- */

static buffer repeat(const char *before, const char *middle, const char *after,
                     size_t count)
{
    buffer text;
    buffer_init(&text, CASE_BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        buffer_put_str(&text, before);
    buffer_put_str(&text, middle);
    for (size_t i = 0; i < count; i++)
        buffer_put_str(&text, after);
    return text;
}

static const char *repeated_word(const char *before, const char *middle,
                                 const char *after, size_t count)
{
    buffer text = repeat(before, middle, after, count);
    const char *word = word_of(text_of(buffer_cstr(&text)));
    buffer_release(&text);
    return word;
}

static void test_segment_parser__depth_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        const char *after;
    } forms[] = {{"(", ")"},
                 {"not ", ""},
                 {"at least 1 of (", ")"},
                 {"a and (b or ", ")"}};
    const size_t max = MUSTER_SEGMENT_DEPTH_MAX;
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(
            repeated_word(forms[i].before, "a", forms[i].after, max), "");
        assert_string_equal(
            repeated_word(forms[i].before, "a", forms[i].after, max + 1),
            "expr_depth");
        assert_string_equal(
            repeated_word(forms[i].before, "a", forms[i].after, 8000),
            i == 2 ? "expr_bytes" : "expr_depth");
    }
    /* Two levels of the tree for each parenthesis. */
    assert_string_equal(repeated_word("a and (b or ", "c", ")", max / 2), "");
    assert_string_equal(repeated_word("a and (b or ", "c", ")", max / 2 + 1),
                        "expr_depth");
}

static void test_segment_parser__nodes_are_bounded(void **state)
{
    (void)state;
    /* n conditions and the chain around them */
    const size_t max = MUSTER_SEGMENT_NODES_MAX - 2;
    assert_string_equal(repeated_word("a or ", "a", "", max), "");
    assert_string_equal(repeated_word("a or ", "a", "", max + 1), "expr_nodes");
    assert_string_equal(repeated_word("a or ", "a", "", max + 2), "expr_nodes");
    /* Chains in a chain do not count: they are gone. */
    assert_string_equal(repeated_word("(a)or ", "a", "", max), "");
    assert_string_equal(repeated_word("not a or ", "a", "", max / 2), "");
    assert_string_equal(repeated_word("not a or ", "a", "", max / 2 + 1),
                        "expr_nodes");
}

static void test_segment_parser__bytes_are_bounded(void **state)
{
    (void)state;
    buffer text = repeat(" ", "a", "", MUSTER_SEGMENT_BYTES_MAX - 1);
    assert_string_equal(word_of(text_of(buffer_cstr(&text))), "");
    buffer_put_u8(&text, ' ');
    assert_string_equal(word_of(text_of(buffer_cstr(&text))), "expr_bytes");
    buffer_release(&text);
    /* Canonical text takes blanks: 65,000 bytes become more than allowed. */
    text = repeat("1,", "1)", "", 32000);
    buffer whole = repeat("a in(", "", "", 1);
    buffer_put(&whole, text.data, text.len);
    assert_true(whole.len < MUSTER_SEGMENT_BYTES_MAX);
    assert_string_equal(word_of(text_of(buffer_cstr(&whole))), "expr_bytes");
    buffer_release(&whole);
    buffer_release(&text);
}

static void test_segment_parser__bad_bytes(void **state)
{
    (void)state;
    assert_string_equal(word_of(text_make("a = \"\xff\"", 7)), "bad_utf8");
    assert_string_equal(word_of(text_make("a\0b", 3)), "expr_syntax");
    assert_string_equal(word_of(text_make("a = \"b\0c\"", 9)), "expr_string");
    assert_string_equal(word_of(text_make("", 0)), "expr_syntax");
    assert_string_equal(word_of(text_make(NULL, 0)), "expr_syntax");
    assert_string_equal(word_of(text_of("  # only a comment")), "expr_syntax");
    ast_tree *tree = NULL;
    assert_int_equal(segment_parse(&tree, text_of("a ="), NULL), MUSTER_EEXPR);
    assert_null(tree);
}

/* ---- the caret ---- */

static void check_caret(const char *text, const char *expected)
{
    ast_tree *tree = NULL;
    muster_error err;
    buffer out;
    error_clear(&err);
    assert_int_not_equal(segment_parse(&tree, text_of(text), &err), 0);
    buffer_init(&out, CASE_BYTES_MAX);
    segment_error_caret(&err, text_of(text), &out);
    assert_string_equal(buffer_cstr(&out), expected);
    buffer_release(&out);
}

static void test_segment_parser__caret_counts_characters(void **state)
{
    (void)state;
    check_caret("a = \"\xc3\xa9\xe2\x82\xac\" an b",
                "  a = \"\xc3\xa9\xe2\x82\xac\" an b\n"
                "           ^^ did you mean 'and'?\n");
    check_caret("\ta\tan b", "  \ta\tan b\n"
                             "  \t \t^^ did you mean 'and'?\n");
    check_caret("a and b # first\r\n  an c", "    an c\n"
                                             "    ^^ did you mean 'and'?\n");
    check_caret("a and\r\n", "  a and\n"
                             "       ^\n");
    check_caret("", "  \n  ^\n");
}

static void test_segment_parser__caret_cuts_long_lines(void **state)
{
    (void)state;
    buffer text = repeat("a and ", "b an c", " and d", 100);
    muster_error err;
    ast_tree *tree = NULL;
    buffer out;
    error_clear(&err);
    segment_parse(&tree, text_of(buffer_cstr(&text)), &err);
    buffer_init(&out, CASE_BYTES_MAX);
    segment_error_caret(&err, text_of(buffer_cstr(&text)), &out);
    const char *line = buffer_cstr(&out);
    assert_true(out.len < 400);
    assert_memory_equal(line, "  ... ", 6);
    const char *caret = strchr(line, '^');
    const char *second = strchr(line, '\n') + 1;
    assert_memory_equal(line + (caret - second), "an", 2);
    buffer_release(&out);
    buffer_release(&text);
    /* No place, no line. */
    error_clear(&err);
    buffer_init(&out, CASE_BYTES_MAX);
    segment_error_caret(&err, text_of("a"), &out);
    assert_int_equal(out.len, 0);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_parser__cases),
        cmocka_unit_test(test_segment_parser__error_cases),
        cmocka_unit_test(test_segment_parser__places_cover_each_clause),
        cmocka_unit_test(test_segment_parser__chains_are_flat),
        cmocka_unit_test(test_segment_parser__between_dates_is_a_window),
        cmocka_unit_test(test_segment_parser__same_means_the_same_tree),
        cmocka_unit_test(test_segment_parser__any_text_of_a_string),
        cmocka_unit_test(test_segment_parser__depth_is_bounded),
        cmocka_unit_test(test_segment_parser__nodes_are_bounded),
        cmocka_unit_test(test_segment_parser__bytes_are_bounded),
        cmocka_unit_test(test_segment_parser__bad_bytes),
        cmocka_unit_test(test_segment_parser__caret_counts_characters),
        cmocka_unit_test(test_segment_parser__caret_cuts_long_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
