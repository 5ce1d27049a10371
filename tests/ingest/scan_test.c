/*
 * scan_test.c - the fast way of reading lines takes what it should, leaves
 * the rest, and never reads anything that the JSON reader reads otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest_support.h"
#include "ingest/scan_same.h"

/* The line in memory of exactly its size, so that a sanitizer sees a read
 * behind it. */
static int compare(const char *bytes, size_t len)
{
    tape t = {0};
    char *copy = mem_alloc(len + 1);
    char *exact = realloc(copy, len > 0 ? len : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    const int result = scan_compare(&t, text_make(exact, len));
    mem_free(exact);
    tape_release(&t);
    return result;
}

static void assert_taken(const char *line, int taken)
{
    if (compare(line, strlen(line)) != taken)
        fail_msg("%s: wanted %d", line, taken);
}

static void test_ingest_scan__takes_plain_lines(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{\"a\":1}",
        "{\"a\":\"\"}",
        " { \"a\" : [ 1 , -2.50 , true , false , null , \"x\" ] } \r",
        "{\"a\":{},\"b\":[],\"c\":[[],{}],\"d\":{\"e\":{\"f\":[{}]}}}",
        "{\"a\":0,\"b\":-0,\"c\":0.0,\"d\":-0.0001,\"e\":123456789012345678}",
        "{\"a\":\"M\xc3\xbcnchen \xf0\x9f\x98\x80\",\"\xc3\xa9\":1}",
        "{\"a\":\"a text of more than sixteen bytes, which goes on \x7f\"}",
        "{\"a\":99999999.99999999,\"b\":1.00000}",
        "{\"a\":1,\"a\":2}",
        "{\"\":\"\"}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_taken(lines[i], 1);
}

static void test_ingest_scan__leaves_the_rest(void **state)
{
    (void)state;
    static const char *const lines[] = {
        /* valid, but not plain */
        "{}",
        "[1]",
        "17",
        "\"x\"",
        "{\"a\":\"\\n\"}",
        "{\"\\u0061\":1}",
        "{\"a\":1e3}",
        "{\"a\":1.5E-1}",
        "{\"a\":1234567890123456789}",
        "[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]",
        "{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}",
        /* not valid */
        "",
        " ",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{,}",
        "{\"a\":1,}",
        "{\"a\":[1,]}",
        "{\"a\":[,1]}",
        "{\"a\":[1 2]}",
        "{\"a\":1}}",
        "{\"a\":1]",
        "{\"a\":[1}",
        "{\"a\":1} x",
        "{\"a\" 1}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":-}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":+1}",
        "{\"a\":tru}",
        "{\"a\":nulll}",
        "{\"a\":\"x}",
        "{\"a\":\"\x01\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc3\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":1}{\"a\":1}",
        "{\"a\":1 \x01}",
        "{\"a\":00}",
        "{\"a\":-01}",
        "{\"a\":NaN}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_taken(lines[i], 0);
}

static void test_ingest_scan__depth_and_length_are_bounded(void **state)
{
    (void)state;
    buffer line;
    buffer_init(&line, 1 << 20);
    buffer_put_str(&line, "{\"a\":\"");
    while (line.len < SCAN_BYTES_MAX - 2)
        buffer_put_u8(&line, 'x');
    buffer_put_str(&line, "\"}");
    assert_int_equal(compare((char *)line.data, line.len), 1);
    buffer_put_str(&line, " ");
    assert_int_equal(compare((char *)line.data, line.len), 0);
    buffer_release(&line);
    assert_taken("{\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}", 1);
    assert_taken("{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", 0);
}

/* The most nodes a byte of text can make. */
static void test_ingest_scan__the_tape_is_long_enough(void **state)
{
    (void)state;
    static const char *const parts[] = {"1,", "[],", "\"\",", "{},"};
    for (int i = 0; i < 4; i++) {
        buffer line;
        buffer_init(&line, 1 << 20);
        buffer_put_str(&line, "{\"\":[");
        for (int j = 0; j < 3000; j++)
            buffer_put_str(&line, parts[i]);
        buffer_put_str(&line, "1]}");
        assert_int_equal(compare((char *)line.data, line.len), 1);
        for (size_t len = 0; len < 300; len++)
            assert_int_equal(compare((char *)line.data, len), 0);
        buffer_release(&line);
    }
}

/* Lines out of JSON's own pieces, mostly nearly right. */
static void test_ingest_scan__random_lines_are_read_the_same(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "{",       "}",       "[",
        "]",       ":",       ",",
        "\"a\"",   "\"b\":",  "\"\"",
        "1",       "-2.5",    "0",
        "true",    "null",    " ",
        "{\"c\":", "[1,",     "\"\xc3\xa9\"",
        "1e2",     "\"\\t\"", "\"a long text of more than sixteen bytes\"",
        "false",
    };
    random_state random;
    uint64_t taken = 0;
    random_seed(&random, 31);
    for (int i = 0; i < 200000; i++) {
        char line[1024] = "{\"x\":";
        size_t len = strlen(line);
        const uint64_t count = random_below(&random, 12);
        for (uint64_t j = 0; j < count; j++) {
            const char *piece = pieces[random_below(&random, 22)];
            memcpy(line + len, piece, strlen(piece));
            len += strlen(piece);
        }
        if (random_below(&random, 2))
            line[len++] = '}';
        const int result = compare(line, len);
        if (result < 0)
            fail_msg("read otherwise: %.*s", (int)len, line);
        taken += (uint64_t)result;
    }
    assert_true(taken > 1000);
}

/* A record with every byte changed in turn. */
static void test_ingest_scan__damaged_lines_are_read_the_same(void **state)
{
    (void)state;
    char line[] =
        "{\"ids\":{\"cookie\":[\"a1\",\"M\xc3\xbcnchen, and further text\"]},"
        "\"set\":{\"a\":-12.50,\"b\":true,\"c\":[],\"d\":{}},\"n\":null}";
    static const char bytes[] = "\"\\{}[]:,0-.eE \x01\x80\xff"
                                "a";
    const size_t len = strlen(line);
    for (size_t at = 0; at < len; at++) {
        const char kept = line[at];
        for (size_t i = 0; i < sizeof bytes - 1; i++) {
            line[at] = bytes[i];
            if (compare(line, len) < 0)
                fail_msg("read otherwise: %s", line);
        }
        line[at] = kept;
        assert_int_equal(compare(line, at), 0);
    }
    assert_int_equal(compare(line, len), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_scan__takes_plain_lines),
        cmocka_unit_test(test_ingest_scan__leaves_the_rest),
        cmocka_unit_test(test_ingest_scan__depth_and_length_are_bounded),
        cmocka_unit_test(test_ingest_scan__the_tape_is_long_enough),
        cmocka_unit_test(test_ingest_scan__random_lines_are_read_the_same),
        cmocka_unit_test(test_ingest_scan__damaged_lines_are_read_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
