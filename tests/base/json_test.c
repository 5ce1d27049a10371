/*
 * json_test.c - reading, walking and writing JSON. Random documents:
 * json_model_test.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/json.h"
#include "base/text.h"
#include "expect_abort.h"

static json_doc *parse(const char *text, int flags)
{
    json_doc *doc = NULL;
    muster_error err;
    if (json_parse(&doc, text, strlen(text), flags, &err) != 0)
        fail_msg("%s: %s", text, err.message);
    return doc;
}

static void test_base_json__types_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        json_type type;
    } cases[] = {
        {"null", JSON_NULL},
        {"true", JSON_BOOL},
        {" false ", JSON_BOOL},
        {"0", JSON_INT},
        {"-0", JSON_INT},
        {"9223372036854775807", JSON_INT},
        {"-9223372036854775808", JSON_INT},
        {"9223372036854775808", JSON_NUMBER},
        {"-9223372036854775809", JSON_NUMBER},
        {"1.0", JSON_NUMBER},
        {"1e3", JSON_NUMBER},
        {"123456789012345678901234567890.5", JSON_NUMBER},
        {"\"\"", JSON_STRING},
        {"[]", JSON_ARRAY},
        {"{}", JSON_OBJECT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_doc *doc = parse(cases[i].text, JSON_STRICT);
        if (json_typeof(json_root(doc)) != cases[i].type)
            fail_msg("%s has the wrong type", cases[i].text);
        json_free(doc);
    }
    json_free(NULL);
}

static void test_base_json__values_are_read(void **state)
{
    (void)state;
    json_doc *doc = parse("{\"b\":true,\"i\":-42,\"s\":\"z\\u00e4h\\n\\\"\","
                          "\"nul\":\"a\\u0000b\",\"n\":19.90,\"i\":7,"
                          "\"pair\":\"\\ud83d\\ude00\",\"\":1}",
                          JSON_STRICT);
    const json_value *root = json_root(doc);
    assert_int_equal(json_count(root), 8);
    assert_true(json_bool(json_get(root, "b")));
    assert_true(json_int(json_get(root, "i")) == -42);
    assert_true(text_is(json_string(json_get(root, "i")), "-42"));
    assert_true(text_is(json_string(json_get(root, "s")), "z\xc3\xa4h\n\""));
    assert_true(
        text_equal(json_string(json_get(root, "nul")), text_make("a\0b", 3)));
    assert_true(text_is(json_string(json_get(root, "n")), "19.90"));
    assert_true(
        text_is(json_string(json_get(root, "pair")), "\xf0\x9f\x98\x80"));
    assert_non_null(json_get(root, ""));
    assert_null(json_get(root, "none"));
    assert_null(json_get(json_get(root, "s"), "s"));
    json_free(doc);
}

static void test_base_json__int_bounds_are_exact(void **state)
{
    (void)state;
    json_doc *doc = parse("[9223372036854775807,-9223372036854775808,"
                          "999999999999999999,-99999999999999999]",
                          JSON_STRICT);
    static const int64_t expected[] = {INT64_MAX, INT64_MIN, 999999999999999999,
                                       -99999999999999999};
    size_t i = 0;
    for (json_iter it = json_iter_of(json_root(doc)); json_next(&it); i++)
        assert_true(json_int(it.value) == expected[i]);
    assert_int_equal(i, 4);
    json_free(doc);
}

static void test_base_json__scaled_is_exact_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
        int64_t scaled;
    } cases[] = {
        {"34", 0, 340000},
        {"-0", 0, 0},
        {"-19.90", 0, -199000},
        {"0.0001", 0, 1},
        {"1e3", 0, 10000000},
        {"1.5E-3", 0, 15},
        {"0e999999", 0, 0},
        {"1.50000000", 0, 15000},
        {"1099511627775", 0, 10995116277750000},
        {"-1099511627775.9999", 0, -10995116277759999},
        {"1099511627776", MUSTER_ELIMIT, 0},
        {"-1099511627776", MUSTER_ELIMIT, 0},
        {"0.00001", MUSTER_ELIMIT, 0},
        {"1e-5", MUSTER_ELIMIT, 0},
        {"1e400", MUSTER_ELIMIT, 0},
        {"9223372036854775808", MUSTER_ELIMIT, 0},
        {"\"1\"", MUSTER_EPARSE, 0},
        {"true", MUSTER_EPARSE, 0},
        {"[1]", MUSTER_EPARSE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_doc *doc = parse(cases[i].text, JSON_STRICT);
        int64_t scaled = 77;
        const int rc = json_scaled(json_root(doc), &scaled);
        const int64_t expected = cases[i].rc == 0 ? cases[i].scaled : 77;
        if (rc != cases[i].rc || scaled != expected)
            fail_msg("%s: %d, %lld", cases[i].text, rc, (long long)scaled);
        json_free(doc);
    }
}

static void test_base_json__walk_is_in_order_with_duplicates(void **state)
{
    (void)state;
    json_doc *doc =
        parse("{\"a\":[1,[2,3],{\"x\":4}],\"b\":{},\"a\":5}", JSON_STRICT);
    static const char *const keys[] = {"a", "b", "a"};
    static const json_type types[] = {JSON_ARRAY, JSON_OBJECT, JSON_INT};
    size_t i = 0;
    for (json_iter it = json_iter_of(json_root(doc)); json_next(&it); i++) {
        assert_true(text_is(it.key, keys[i]));
        assert_int_equal(json_typeof(it.value), types[i]);
    }
    assert_int_equal(i, 3);
    const json_value *array = json_get(json_root(doc), "a");
    static const json_type elements[] = {JSON_INT, JSON_ARRAY, JSON_OBJECT};
    i = 0;
    for (json_iter it = json_iter_of(array); json_next(&it); i++) {
        assert_null(it.key.ptr);
        assert_int_equal(json_typeof(it.value), elements[i]);
    }
    assert_int_equal(i, 3);
    json_iter empty = json_iter_of(json_get(json_root(doc), "b"));
    assert_false(json_next(&empty));
    json_free(doc);
}

static void test_base_json__scalar_has_nothing_to_walk(void **state)
{
    (void)state;
    json_doc *doc = parse("\"text\"", JSON_STRICT);
    json_iter it = json_iter_of(json_root(doc));
    assert_false(json_next(&it));
    assert_int_equal(json_count(json_root(doc)), 0);
    json_free(doc);
}

struct bad_case {
    const char *text;
    const char *word;
    size_t offset;
};

static const struct bad_case bad_cases[] = {
    {"", "bad_json", 0},
    {" ", "bad_json", 0},
    {"{\"a\":1} x", "bad_json", 8},
    {"{\"a\":1}{", "bad_json", 7},
    {"[1,2", "bad_json", 4},
    {"[1,]", "bad_json", 2},
    {"{\"a\" 1}", "bad_json", 5},
    {"{a:1}", "bad_json", 1},
    {"'a'", "bad_json", 0},
    {"01", "bad_json", 0},
    {"[1.x]", "bad_json", 3},
    {"+1", "bad_json", 0},
    {"NaN", "bad_json", 0},
    {"Infinity", "bad_json", 0},
    {"\"a\nb\"", "bad_json", 2},
    {"\"\\x\"", "bad_json", 1},
    {"\"\\ud800\"", "bad_json", 1},
    {"// x\n1", "bad_json", 0},
    {"\xef\xbb\xbf{}", "bad_json", 0},
    {"\"a\xff\"", "bad_utf8", 2},
    {"\"abc\xe4\xb8\"", "bad_utf8", 4},
    {"\"\xed\xa0\x80\"", "bad_utf8", 1},
    {"{\"a\":1} \xff", "bad_utf8", 8},
    {"\"\\x\xff\"", "bad_json", 1},
};

static void test_base_json__what_is_wrong_is_placed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof bad_cases[0]; i++) {
        const struct bad_case *bad = &bad_cases[i];
        json_doc *doc = (json_doc *)8;
        muster_error err = {0};
        const int rc =
            json_parse(&doc, bad->text, strlen(bad->text), JSON_STRICT, &err);
        assert_int_equal(rc, MUSTER_EPARSE);
        assert_null(doc);
        if (strcmp(err.word, bad->word) != 0 || err.offset != bad->offset)
            fail_msg("%s: %s at %zu", bad->text, err.word, err.offset);
        assert_int_equal(err.code, MUSTER_EPARSE);
        assert_true(err.message[0] != '\0');
        assert_int_equal(
            json_parse(&doc, bad->text, strlen(bad->text), JSON_STRICT, NULL),
            MUSTER_EPARSE);
    }
}

static void test_base_json__place_has_line_and_column(void **state)
{
    (void)state;
    static const char text[] = "{\n  \"\xc3\xa4\": ?\n}";
    json_doc *doc = NULL;
    muster_error err;
    json_parse(&doc, text, strlen(text), JSON_STRICT, &err);
    assert_int_equal(err.line, 2);
    assert_int_equal(err.column, 8);
    assert_int_equal(err.length, 1);
}

static void test_base_json__nul_bytes_are_garbage(void **state)
{
    (void)state;
    json_doc *doc = NULL;
    assert_int_equal(json_parse(&doc, "1\0", 2, JSON_STRICT, NULL),
                     MUSTER_EPARSE);
    assert_int_equal(json_parse(&doc, "\0", 1, JSON_STRICT, NULL),
                     MUSTER_EPARSE);
    assert_int_equal(json_parse(&doc, NULL, 0, JSON_STRICT, NULL),
                     MUSTER_EPARSE);
}

static void test_base_json__comments_are_for_people_s_files(void **state)
{
    (void)state;
    json_doc *doc = parse("\xef\xbb\xbf// a file\n{\"a\": [1, /* ] */ 2,],\n"
                          " // end\n}\n",
                          JSON_COMMENTS);
    assert_int_equal(json_count(json_get(json_root(doc), "a")), 2);
    json_free(doc);
    static const char *const bad[] = {"/* open", "[1,,]", "{\"a\":NaN}", "'a'",
                                      "{a:1}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(
            json_parse(&doc, bad[i], strlen(bad[i]), JSON_COMMENTS, NULL),
            MUSTER_EPARSE);
    muster_error err;
    static const char text[] = "/* \xff */ 1";
    json_parse(&doc, text, strlen(text), JSON_COMMENTS, &err);
    assert_string_equal(err.word, "bad_utf8");
    assert_int_equal(err.offset, 3);
}

/* depth containers, each alone in the former; '{' where a bit is set. */
static char *nested(size_t depth, unsigned objects)
{
    buffer b;
    buffer_init(&b, SIZE_MAX / 2);
    for (size_t i = 0; i < depth; i++)
        buffer_put_str(&b, (objects >> i % 8 & 1) != 0 ? "{\"]\":" : "[");
    buffer_put_str(&b, "\"\\\"[{\"");
    for (size_t i = depth; i-- > 0;)
        buffer_put_u8(&b, (objects >> i % 8 & 1) != 0 ? '}' : ']');
    char *text = mem_strdup(buffer_cstr(&b));
    buffer_release(&b);
    return text;
}

static void test_base_json__depth_is_bounded(void **state)
{
    (void)state;
    for (unsigned objects = 0; objects < 256; objects++) {
        char *text = nested(JSON_DEPTH_MAX, objects);
        json_free(parse(text, JSON_STRICT));
        mem_free(text);
        text = nested(JSON_DEPTH_MAX + 1, objects);
        json_doc *doc = NULL;
        muster_error err;
        assert_int_equal(
            json_parse(&doc, text, strlen(text), JSON_STRICT, &err),
            MUSTER_EPARSE);
        assert_string_equal(err.word, "bad_json");
        assert_string_equal(err.message, "nested deeper than 100 levels");
        assert_true(text[err.offset] == '[' || text[err.offset] == '{');
        mem_free(text);
    }
    char *text = nested(1000000, 0);
    json_doc *doc = NULL;
    assert_int_equal(json_parse(&doc, text, strlen(text), JSON_STRICT, NULL),
                     MUSTER_EPARSE);
    mem_free(text);
}

static void test_base_json__deep_place_skips_strings_and_comments(void **state)
{
    (void)state;
    buffer b;
    buffer_init(&b, 10000);
    buffer_put_str(&b, "// [[[\n[\"[[\\\"[\", /* [[ */ [{}], ");
    for (int i = 0; i < JSON_DEPTH_MAX - 1; i++)
        buffer_put_u8(&b, '[');
    const size_t expected = b.len;
    buffer_put_str(&b, "{}");
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        buffer_put_u8(&b, ']');
    json_doc *doc = NULL;
    muster_error err;
    json_parse(&doc, (char *)b.data, b.len, JSON_COMMENTS, &err);
    assert_string_equal(err.message, "nested deeper than 100 levels");
    assert_int_equal(err.offset, expected);
    assert_int_equal(err.line, 2);
    buffer_release(&b);
}

static void test_base_json__many_siblings_are_not_deep(void **state)
{
    (void)state;
    buffer b;
    buffer_init(&b, 100000);
    buffer_put_str(&b, "[[]");
    for (int i = 0; i < 1000; i++)
        buffer_put_str(&b, ",[[{}],{\"a\":[]}]");
    buffer_put_str(&b, "]");
    json_free(parse(buffer_cstr(&b), JSON_STRICT));
    buffer_release(&b);
}

static void test_base_json__pool_serves_one_after_another(void **state)
{
    (void)state;
    json_pool *pool = json_pool_new();
    muster_error err;
    for (int i = 0; i < 10000; i++) {
        char text[64];
        const int len =
            snprintf(text, sizeof text, "{\"n\":%d,\"s\":\"a\"}", i);
        const json_value *v = json_pool_parse(pool, text, (size_t)len, &err);
        memset(text, '?', sizeof text); /* the pool has its own copy */
        assert_non_null(v);
        assert_true(json_int(json_get(v, "n")) == i);
        assert_true(text_is(json_string(json_get(v, "s")), "a"));
        assert_null(json_pool_parse(pool, "{\"a\":", 5, &err));
        assert_string_equal(err.word, "bad_json");
        assert_int_equal(err.offset, 5);
    }
    assert_null(json_pool_parse(pool, NULL, 0, &err));
    json_pool_free(pool);
    json_pool_free(NULL);
}

/* What costs yyjson most memory per byte, whole and cut. */
static const char *const costly[] = {"[",    "[1,",   "{\"\":", "[],",
                                     "1,",   "{},",   "\"\",",  "[[],[",
                                     "\n[ ", "null,", "1.5,"};

static void test_base_json__pool_never_runs_short(void **state)
{
    (void)state;
    /* Around the text sizes whose need just fits a pool of 2^n bytes. */
    static const size_t sizes[] = {5000,  5021,  5022,   5041,   10063,
                                   20146, 40313, 161299, 262144, 262145};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t k = 0; k < sizeof costly / sizeof costly[0]; k++) {
            json_pool *pool = json_pool_new();
            const size_t size = sizes[i];
            char *text = mem_alloc(size);
            text[0] = '[';
            for (size_t at = 1; at < size; at++)
                text[at] = costly[k][(at - 1) % strlen(costly[k])];
            assert_null(json_pool_parse(pool, text, size, NULL));
            for (size_t at = 1; at < size; at++)
                text[at] = at % 2 != 0 ? '1' : ',';
            text[size - 1] = ']';
            if (size % 2 == 0)
                text[size - 2] = ' ';
            const json_value *v = json_pool_parse(pool, text, size, NULL);
            assert_non_null(v);
            assert_int_equal(json_count(v), (size - 1) / 2);
            mem_free(text);
            json_pool_free(pool);
        }
    }
}

static void test_base_json__pool_reads_large_texts_too(void **state)
{
    (void)state;
    buffer b;
    buffer_init(&b, SIZE_MAX / 2);
    buffer_put_str(&b, "[0");
    for (int i = 1; i < 300000; i++)
        buffer_printf(&b, ",%d", i);
    buffer_put_str(&b, "]");
    json_pool *pool = json_pool_new();
    for (int round = 0; round < 3; round++) {
        const json_value *v =
            json_pool_parse(pool, (char *)b.data, b.len, NULL);
        assert_int_equal(json_count(v), 300000);
        assert_null(json_pool_parse(pool, (char *)b.data, b.len - 1, NULL));
        v = json_pool_parse(pool, "[1]", 3, NULL);
        assert_int_equal(json_count(v), 1);
    }
    assert_int_equal(
        json_count(json_pool_parse(pool, (char *)b.data, b.len, NULL)), 300000);
    json_pool_free(pool);
    buffer_release(&b);
}

static void write_sample(json_writer *w)
{
    json_open_object(w);
    json_key(w, "count");
    json_put_int(w, -3);
    json_key_text(w, text_make("empty", 5));
    json_open_object(w);
    json_close(w);
    json_key(w, "list");
    json_open_array(w);
    json_put_uint(w, UINT64_MAX);
    json_put_str(w, "a");
    json_put_bool(w, true);
    json_put_null(w);
    json_open_array(w);
    json_close(w);
    json_put_raw(w, text_of("{\"raw\":1}"));
    json_close(w);
    json_key(w, "price");
    json_put_scaled(w, -199000);
    json_close(w);
}

static void test_base_json__written_compact(void **state)
{
    (void)state;
    buffer b;
    json_writer w;
    buffer_init(&b, 1000);
    json_begin(&w, &b, false);
    write_sample(&w);
    assert_string_equal(buffer_cstr(&b),
                        "{\"count\":-3,\"empty\":{},\"list\":"
                        "[18446744073709551615,\"a\",true,null,[],{\"raw\":1}],"
                        "\"price\":-19.9}");
    buffer_release(&b);
}

static void test_base_json__written_pretty(void **state)
{
    (void)state;
    buffer b;
    json_writer w;
    buffer_init(&b, 1000);
    json_begin(&w, &b, true);
    write_sample(&w);
    assert_string_equal(buffer_cstr(&b), "{\n"
                                         "  \"count\": -3,\n"
                                         "  \"empty\": {},\n"
                                         "  \"list\": [\n"
                                         "    18446744073709551615,\n"
                                         "    \"a\",\n"
                                         "    true,\n"
                                         "    null,\n"
                                         "    [],\n"
                                         "    {\"raw\":1}\n"
                                         "  ],\n"
                                         "  \"price\": -19.9\n"
                                         "}");
    json_free(parse(buffer_cstr(&b), JSON_STRICT));
    buffer_release(&b);
}

static void expect_text(const char *bytes, size_t len, const char *written)
{
    buffer b;
    json_writer w;
    buffer_init(&b, 1000);
    json_begin(&w, &b, false);
    json_put_text(&w, text_make(bytes, len));
    assert_string_equal(buffer_cstr(&b), written);
    json_free(parse(buffer_cstr(&b), JSON_STRICT));
    buffer_release(&b);
}

static void test_base_json__strings_are_escaped(void **state)
{
    (void)state;
    expect_text(NULL, 0, "\"\"");
    expect_text("a/b\x7f", 4, "\"a/b\x7f\"");
    expect_text("\"\\", 2, "\"\\\"\\\\\"");
    expect_text("\b\t\n\f\r\v", 6, "\"\\b\\t\\n\\f\\r\\u000b\"");
    expect_text("a\0\x1f", 3, "\"a\\u0000\\u001f\"");
    expect_text("z\xc3\xa4h \xf0\x9f\x98\x80", 9,
                "\"z\xc3\xa4h \xf0\x9f\x98\x80\"");
}

static void test_base_json__escape_is_found_at_every_place(void **state)
{
    (void)state;
    for (int c = 0; c < 0x80; c++) {
        for (size_t at = 0; at < 20; at++) {
            char text[20];
            memset(text, 'x', sizeof text);
            text[at] = (char)c;
            buffer b;
            json_writer w;
            buffer_init(&b, 1000);
            json_begin(&w, &b, false);
            json_put_text(&w, text_make(text, sizeof text));
            json_doc *doc = parse(buffer_cstr(&b), JSON_STRICT);
            assert_true(text_equal(json_string(json_root(doc)),
                                   text_make(text, sizeof text)));
            json_free(doc);
            buffer_release(&b);
        }
    }
}

static void test_base_json__bad_utf8_is_replaced(void **state)
{
    (void)state;
    expect_text("a\xff z", 4, "\"a\xef\xbf\xbd z\"");
    expect_text("\xc3\xa4\xc3", 3, "\"\xc3\xa4\xef\xbf\xbd\"");
    expect_text("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    for (size_t shift = 0; shift < 3; shift++) { /* longer than one look */
        char text[512];
        memset(text, 'x', shift);
        size_t len = shift;
        while (len + 3 < 400) {
            memcpy(text + len, "\xe2\x82\xac", 3);
            len += 3;
        }
        char written[512];
        const int count =
            snprintf(written, sizeof written, "\"%.*s\"", (int)len, text);
        assert_int_equal(count, len + 2);
        expect_text(text, len, written);
    }
}

static void expect_double(double v, const char *written)
{
    buffer b;
    json_writer w;
    buffer_init(&b, 1000);
    json_begin(&w, &b, false);
    json_put_double(&w, v);
    assert_string_equal(buffer_cstr(&b), written);
    buffer_release(&b);
}

static void test_base_json__doubles_are_shortest(void **state)
{
    (void)state;
    expect_double(0, "0");
    expect_double(1, "1");
    expect_double(-2.5, "-2.5");
    expect_double(0.1, "0.1");
    expect_double(0.1 + 0.2, "0.30000000000000004");
    expect_double(1234567, "1234567");
    expect_double((double)NAN, "null");
    expect_double((double)INFINITY, "null");
    expect_double(-(double)INFINITY, "null");
    static const double samples[] = {5e-324, 1.7976931348623157e308, 1e21, 1e-7,
                                     1.0 / 3};
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        buffer b;
        json_writer w;
        buffer_init(&b, 1000);
        json_begin(&w, &b, false);
        json_put_double(&w, samples[i]);
        json_doc *doc = parse(buffer_cstr(&b), JSON_STRICT);
        assert_true(strtod(buffer_cstr(&b), NULL) == samples[i]);
        json_free(doc);
        buffer_release(&b);
    }
}

static void test_base_json__full_buffer_is_told_at_the_end(void **state)
{
    (void)state;
    buffer b;
    json_writer w;
    buffer_init(&b, 20);
    json_begin(&w, &b, false);
    write_sample(&w);
    assert_false(buffer_ok(&b));
    buffer_release(&b);
}

static void begin_in(json_writer *w, buffer *b)
{
    buffer_init(b, 10000);
    json_begin(w, b, false);
}

static void value_without_key(void *payload)
{
    json_writer w;
    begin_in(&w, payload);
    json_open_object(&w);
    json_put_int(&w, 1);
}

static void key_in_array(void *payload)
{
    json_writer w;
    begin_in(&w, payload);
    json_open_array(&w);
    json_key(&w, "a");
}

static void key_without_value(void *payload)
{
    json_writer w;
    begin_in(&w, payload);
    json_open_object(&w);
    json_key(&w, "a");
    json_close(&w);
}

static void second_root(void *payload)
{
    json_writer w;
    begin_in(&w, payload);
    json_put_int(&w, 1);
    json_put_int(&w, 2);
}

static void close_too_often(void *payload)
{
    json_writer w;
    begin_in(&w, payload);
    json_open_array(&w);
    json_close(&w);
    json_close(&w);
}

static void open_too_deep(void *payload)
{
    json_writer w;
    begin_in(&w, payload);
    for (int i = 0; i <= JSON_DEPTH_MAX; i++)
        json_open_array(&w);
}

static void int_of_string(void *payload)
{
    (void)payload;
    json_int(json_root(parse("\"1\"", JSON_STRICT)));
}

static void int_of_fraction(void *payload)
{
    (void)payload;
    json_int(json_root(parse("1.5", JSON_STRICT)));
}

static void test_base_json__misuse_aborts(void **state)
{
    (void)state;
    buffer b;
    expect_abort(value_without_key, &b);
    expect_abort(key_in_array, &b);
    expect_abort(key_without_value, &b);
    expect_abort(second_root, &b);
    expect_abort(close_too_often, &b);
    expect_abort(open_too_deep, &b);
    expect_abort(int_of_string, NULL);
    expect_abort(int_of_fraction, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_json__types_are_told_apart),
        cmocka_unit_test(test_base_json__values_are_read),
        cmocka_unit_test(test_base_json__int_bounds_are_exact),
        cmocka_unit_test(test_base_json__scaled_is_exact_or_refused),
        cmocka_unit_test(test_base_json__walk_is_in_order_with_duplicates),
        cmocka_unit_test(test_base_json__scalar_has_nothing_to_walk),
        cmocka_unit_test(test_base_json__what_is_wrong_is_placed),
        cmocka_unit_test(test_base_json__place_has_line_and_column),
        cmocka_unit_test(test_base_json__nul_bytes_are_garbage),
        cmocka_unit_test(test_base_json__comments_are_for_people_s_files),
        cmocka_unit_test(test_base_json__depth_is_bounded),
        cmocka_unit_test(test_base_json__deep_place_skips_strings_and_comments),
        cmocka_unit_test(test_base_json__many_siblings_are_not_deep),
        cmocka_unit_test(test_base_json__pool_serves_one_after_another),
        cmocka_unit_test(test_base_json__pool_never_runs_short),
        cmocka_unit_test(test_base_json__pool_reads_large_texts_too),
        cmocka_unit_test(test_base_json__written_compact),
        cmocka_unit_test(test_base_json__written_pretty),
        cmocka_unit_test(test_base_json__strings_are_escaped),
        cmocka_unit_test(test_base_json__escape_is_found_at_every_place),
        cmocka_unit_test(test_base_json__bad_utf8_is_replaced),
        cmocka_unit_test(test_base_json__doubles_are_shortest),
        cmocka_unit_test(test_base_json__full_buffer_is_told_at_the_end),
        cmocka_unit_test(test_base_json__misuse_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
