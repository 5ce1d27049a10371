/*
 * ast_json_test.c - the JSON form: ast_json.cases (JSON to canonical text,
 * and the JSON that is written where it is another one), limits.
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

static int read_json(ast_tree **out, muster_text json, muster_error *err)
{
    json_doc *doc = NULL;
    *out = NULL;
    error_clear(err);
    int rc = json_parse(&doc, json.ptr, json.len, JSON_STRICT, err);
    if (rc == 0)
        rc = segment_from_json(out, json_root(doc), err);
    json_free(doc); /* the tree holds copies */
    return rc;
}

static void put_json(const ast_tree *tree, buffer *out)
{
    json_writer writer;
    json_begin(&writer, out, false);
    segment_to_json(segment_root(tree), &writer);
}

static void run_case(void *payload, muster_text text, buffer *out)
{
    ast_tree *tree = NULL;
    ast_tree *again = NULL;
    muster_error err;
    buffer json;
    (void)payload;
    if (read_json(&tree, text, &err) != 0) {
        buffer_printf(out, "%s: %s\n", err.word, err.message);
        if (err.suggestion[0] != '\0')
            buffer_printf(out, "did you mean %s?\n", err.suggestion);
        assert_int_equal(err.line, 0);
        return;
    }
    segment_format(segment_root(tree), out);
    buffer_put_u8(out, '\n');
    buffer_init(&json, CASE_BYTES_MAX);
    put_json(tree, &json);
    if (strcmp(buffer_cstr(&json), text.ptr) != 0)
        buffer_printf(out, "%s\n", buffer_cstr(&json));
    assert_int_equal(read_json(&again, text_of(buffer_cstr(&json)), &err), 0);
    assert_true(segment_same(segment_root(tree), segment_root(again)));
    segment_tree_free(again);
    segment_tree_free(tree);
    buffer_release(&json);
}

static void test_segment_ast_json__cases(void **state)
{
    (void)state;
    assert_int_equal(case_run("ast_json.cases", run_case, NULL), 0);
}

/* The word for a JSON of `count` times before, middle, `count` times after. */
static const char *word_of(const char *before, const char *middle,
                           const char *after, size_t count)
{
    static muster_error err;
    ast_tree *tree = NULL;
    buffer json;
    buffer_init(&json, CASE_BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        buffer_put_str(&json, before);
    buffer_put_str(&json, middle);
    for (size_t i = 0; i < count; i++)
        buffer_put_str(&json, after);
    assert_true(buffer_ok(&json));
    read_json(&tree, text_of(buffer_cstr(&json)), &err);
    segment_tree_free(tree);
    buffer_release(&json);
    return err.word;
}

static void test_segment_ast_json__limits(void **state)
{
    (void)state;
    const size_t depth = MUSTER_SEGMENT_DEPTH_MAX;
    assert_string_equal(word_of("{\"not\":", "{\"all\":true}", "}", depth), "");
    assert_string_equal(word_of("{\"not\":", "{\"all\":true}", "}", depth + 1),
                        "expr_depth");
    assert_string_equal(
        word_of("{\"not\":", "{\"expr\":\"not all\"}", "}", depth),
        "expr_depth");
    assert_string_equal(
        word_of("{\"not\":", "{\"expr\":\"not all\"}", "}", depth - 1), "");

    const size_t nodes = MUSTER_SEGMENT_NODES_MAX;
    const char *part = "{\"attr\":\"a\"},";
    buffer json;
    buffer_init(&json, CASE_BYTES_MAX);
    buffer_put_str(&json, "{\"or\":[");
    for (size_t i = 0; i < nodes - 2; i++)
        buffer_put_str(&json, part);
    const size_t before = json.len;
    ast_tree *tree = NULL;
    muster_error err;
    buffer_put_str(&json, "{\"attr\":\"a\"}]}");
    assert_int_equal(read_json(&tree, text_of(buffer_cstr(&json)), &err), 0);
    assert_int_equal(tree->node_count, nodes);
    segment_tree_free(tree);
    json.len = before;
    buffer_put_str(&json, part);
    buffer_put_str(&json, "{\"attr\":\"a\"}]}");
    assert_int_not_equal(read_json(&tree, text_of(buffer_cstr(&json)), &err),
                         0);
    assert_string_equal(err.word, "expr_nodes");
    buffer_release(&json);

    /* As text it would be longer than text may be. */
    assert_string_equal(word_of("",
                                "{\"attr\":\"a\",\"op\":\"=\",\"value\":"
                                "\"x\"}",
                                "", 1),
                        "");
    buffer_init(&json, CASE_BYTES_MAX);
    buffer_put_str(&json, "{\"attr\":\"a\",\"op\":\"=\",\"value\":\"");
    for (size_t i = 0; i < MUSTER_SEGMENT_BYTES_MAX; i++)
        buffer_put_u8(&json, 'x');
    buffer_put_str(&json, "\"}");
    assert_int_not_equal(read_json(&tree, text_of(buffer_cstr(&json)), &err),
                         0);
    assert_string_equal(err.word, "expr_bytes");
    buffer_release(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_ast_json__cases),
        cmocka_unit_test(test_segment_ast_json__limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
