/*
 * ndjson_test.c - lines: what is skipped, what is said of a bad one, and that
 * it costs itself alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest_support.h"

#define A "{\"ids\":{\"cookie\":\"a\"}}"

static void assert_counts(const char *text, uint64_t records, uint64_t rejects)
{
    ingest_options options = test_options(INGEST_NDJSON);
    outcome o;
    outcome_init(&o);
    load_text(&o, &options, text);
    assert_int_equal(o.rc, 0);
    if (o.records != records || o.rejects != rejects)
        fail_msg("%s gave\n%s", text, outcome_text(&o));
    outcome_release(&o);
}

static void test_ingest_ndjson__lines(void **state)
{
    (void)state;
    assert_counts("", 0, 0);
    assert_counts("\n", 0, 0);
    assert_counts("\n\r\n \t\n\n", 0, 0);
    assert_counts(A, 1, 0);
    assert_counts(A "\n", 1, 0);
    assert_counts(A "\r\n", 1, 0);
    assert_counts("  " A "  \r\n" A " \n\n\n" A, 3, 0);
    assert_counts("\xef\xbb\xbf" A "\n", 1, 0);
    assert_counts(A A "\n" A "\n", 1, 1);
    assert_counts(A "," A "\n", 0, 1);
    assert_counts(A "\r" A "\n", 0, 1);
    assert_counts("\xef\xbb\xbf" A "\n\xef\xbb\xbf" A "\n", 1, 1);
}

static void test_ingest_ndjson__a_bad_line_costs_itself_alone(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "nonsense", "{",         "}",
        "\"",       "{\"ids\":", "[" A "]",
        "\x80",     "\x01",      "{\"ids\":{\"cookie\":\"\\ud800\"}}",
        "null",     "\xe2\x82",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, A "\n%s\n" A "\n", bad[i]);
        assert_counts(text, 2, 1);
        snprintf(text, sizeof text, "%s\n" A "\n%s", bad[i], bad[i]);
        assert_counts(text, 1, 2);
    }
}

static void test_ingest_ndjson__says_where_in_the_line(void **state)
{
    (void)state;
    ingest_options options = test_options(INGEST_NDJSON);
    outcome o;
    outcome_init(&o);
    load_text(&o, &options, A "\n{\"ids\":{\"cookie\":x}}\n");
    assert_non_null(strstr(outcome_text(&o), "at byte 18 of the line"));
    assert_non_null(strstr(outcome_text(&o), " @2/23\n"));
    outcome_release(&o);
    outcome_init(&o);
    load_text(&o, &options, "{\"ids\":{\"cookie\":\"\xff\"}}\n");
    assert_non_null(strstr(outcome_text(&o), "reject bad_utf8"));
    assert_non_null(strstr(outcome_text(&o), "at byte 19 of the line"));
    outcome_release(&o);
}

static void test_ingest_ndjson__depth_is_bounded(void **state)
{
    (void)state;
    buffer text;
    buffer_init(&text, 1 << 20);
    buffer_put_str(&text, "{\"ids\":{\"cookie\":\"a\"},\"consent\":{\"a\":");
    for (int i = 0; i < 200000; i++)
        buffer_put_u8(&text, '[');
    for (int i = 0; i < 200000; i++)
        buffer_put_u8(&text, ']');
    buffer_put_str(&text, "}}\n");
    assert_counts(buffer_cstr(&text), 0, 1);
    buffer_release(&text);
}

/* Many keys in what is dropped anyway are looked through in time. */
static void test_ingest_ndjson__wide_consent_is_no_burden(void **state)
{
    (void)state;
    buffer text;
    buffer_init(&text, 1 << 20);
    buffer_put_str(&text, "{\"ids\":{\"cookie\":\"a\"},\"consent\":{");
    for (int i = 0; i < 60000; i++)
        buffer_printf(&text, "%s\"%d\":1", i > 0 ? "," : "", i * 7919 % 60000);
    buffer_put_str(&text, "}}\n");
    assert_counts(buffer_cstr(&text), 1, 0);
    text.len -= 4;
    buffer_put_str(&text, ",\"17\":2}}\n");
    assert_counts(buffer_cstr(&text), 0, 1);
    buffer_release(&text);
}

static void test_ingest_ndjson__a_nul_byte_is_not_json(void **state)
{
    (void)state;
    ingest_options options = test_options(INGEST_NDJSON);
    outcome o;
    static const char text[] = A "\n" A "\0\n\0\n" A "\n";
    outcome_init(&o);
    load(&o, &options, text, sizeof text - 1, 0);
    assert_int_equal(o.records, 2);
    assert_int_equal(o.rejects, 2);
    outcome_release(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_ndjson__lines),
        cmocka_unit_test(test_ingest_ndjson__a_bad_line_costs_itself_alone),
        cmocka_unit_test(test_ingest_ndjson__says_where_in_the_line),
        cmocka_unit_test(test_ingest_ndjson__depth_is_bounded),
        cmocka_unit_test(test_ingest_ndjson__wide_consent_is_no_burden),
        cmocka_unit_test(test_ingest_ndjson__a_nul_byte_is_not_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
