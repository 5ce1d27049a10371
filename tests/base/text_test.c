/*
 * text_test.c - comparison, UTF-8, numbers and durations in text, near names.
 * Random texts against naive twins: text_model_test.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <muster/error.h>
#include "base/text.h"

#define T(literal) text_make(literal, sizeof(literal) - 1)

static void test_base_text__compare_is_byte_order(void **state)
{
    (void)state;
    assert_int_equal(text_compare(T(""), text_of(NULL)), 0);
    assert_int_equal(text_compare(T("ab"), T("ab")), 0);
    assert_true(text_compare(T("ab"), T("abc")) < 0);
    assert_true(text_compare(T("abc"), T("ab")) > 0);
    assert_true(text_compare(T("b"), T("abc")) > 0);
    assert_true(text_compare(T("\xc3"), T("z")) > 0);
    assert_true(text_compare(T("a\0b"), T("a\0c")) < 0);
}

static void test_base_text__equality_reads_the_whole(void **state)
{
    (void)state;
    assert_true(text_equal(T("a\0b"), T("a\0b")));
    assert_false(text_equal(T("a\0b"), T("a\0c")));
    assert_true(text_is(text_make(NULL, 0), ""));
    assert_true(text_is(T("geo.country"), "geo.country"));
    assert_true(text_equal_nocase(T("Geo.COUNTRY"), T("gEO.country")));
    assert_false(text_equal_nocase(T("[a"), T("{a")));
    assert_false(text_equal_nocase(T("a"), T("ab")));
}

static void test_base_text__parts_are_found(void **state)
{
    (void)state;
    assert_true(text_starts_with(T("geo.country"), T("geo.")));
    assert_true(text_starts_with(T("geo"), T("geo")));
    assert_true(text_starts_with(T(""), T("")));
    assert_false(text_starts_with(T("ge"), T("geo")));
    assert_true(text_contains(T("geo.country"), T("o.c")));
    assert_true(text_contains(T(""), text_make(NULL, 0)));
    assert_true(text_contains(T("a\0b"), T("\0b")));
    assert_false(text_contains(T("geo"), T("geo.")));
    assert_false(text_contains(text_make(NULL, 0), T("a")));
}

static void test_base_text__trim_takes_ascii_white_space(void **state)
{
    (void)state;
    assert_true(text_is(text_trim(T(" \t\r\n\v\fa b\n ")), "a b"));
    assert_true(text_is(text_trim(T(" \n ")), ""));
    assert_true(text_is(text_trim(T("")), ""));
    assert_true(text_is(text_trim(T("\xc2\xa0")), "\xc2\xa0"));
}

static void test_base_text__utf8_of_rfc_3629(void **state)
{
    (void)state;
    assert_true(text_is_utf8(text_make(NULL, 0)));
    assert_true(text_is_utf8(T("a\0b\x7f")));
    assert_true(text_is_utf8(T("\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf")));
    assert_true(
        text_is_utf8(T("\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
    assert_false(text_is_utf8(T("\xc0\x80")));         /* overlong */
    assert_false(text_is_utf8(T("\xe0\x9f\xbf")));     /* overlong */
    assert_false(text_is_utf8(T("\xf0\x8f\xbf\xbf"))); /* overlong */
    assert_false(text_is_utf8(T("\xed\xa0\x80")));     /* surrogate */
    assert_false(text_is_utf8(T("\xf4\x90\x80\x80"))); /* above U+10FFFF */
    assert_false(text_is_utf8(T("\x80")));
    assert_false(text_is_utf8(T("\xff")));
    assert_int_equal(text_utf8_prefix(T("abcdefghij\xe4\xb8")), 10);
    assert_int_equal(text_utf8_prefix(T("\xc3\xa4\xc3")), 2);
}

static void test_base_text__utf8_characters_are_counted(void **state)
{
    (void)state;
    assert_int_equal(text_utf8_count(T("")), 0);
    assert_int_equal(text_utf8_count(T("z\xc3\xa4h\xe2\x82\xac")), 4);
    assert_int_equal(text_utf8_count(T("\xf0\x9f\x98\x80")), 1);
}

static void test_base_text__integers_are_whole_texts(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "-",
        "+1",
        " 1",
        "1 ",
        "1.0",
        "0x1",
        "--1",
        "1e3",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999999999",
    };
    int64_t v = 77;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (text_parse_int(text_of(bad[i]), &v) || v != 77)
            fail_msg("\"%s\" was read", bad[i]);
    assert_true(text_parse_int(T("9223372036854775807"), &v));
    assert_true(v == INT64_MAX);
    assert_true(text_parse_int(T("-9223372036854775808"), &v));
    assert_true(v == INT64_MIN);
    assert_true(text_parse_int(T("-0007"), &v));
    assert_true(v == -7);
    assert_true(text_parse_int(T("-0"), &v));
    assert_true(v == 0);
}

static void test_base_text__integers_are_written(void **state)
{
    (void)state;
    char out[21];
    assert_int_equal(text_format_int(out, INT64_MIN), 20);
    assert_string_equal(out, "-9223372036854775808");
    assert_int_equal(text_format_int(out, 0), 1);
    assert_string_equal(out, "0");
    assert_int_equal(text_format_uint(out, UINT64_MAX), 20);
    assert_string_equal(out, "18446744073709551615");
}

struct number_case {
    const char *text;
    int rc;
    int64_t scaled;
};

static const struct number_case number_cases[] = {
    {"0", 0, 0},
    {"-0", 0, 0},
    {"-0.0000", 0, 0},
    {"-1", 0, -10000},
    {"19.90", 0, 199000},
    {"007", 0, 70000},
    {"0.0001", 0, 1},
    {"-0.0001", 0, -1},
    {"1.00000000000000000000", 0, 10000},
    {"00000000000000000000000001.5", 0, 15000},
    {"1099511627775.9999", 0, 10995116277759999},
    {"-1099511627775.9999", 0, -10995116277759999},
    {"1099511627776", MUSTER_ELIMIT, 0},
    {"-1099511627776", MUSTER_ELIMIT, 0},
    {"9999999999999", MUSTER_ELIMIT, 0},
    {"10000000000000000000000000000", MUSTER_ELIMIT, 0},
    {"0.00001", MUSTER_ELIMIT, 0},
    {"1.23456", MUSTER_ELIMIT, 0},
    {"", MUSTER_EPARSE, 0},
    {"-", MUSTER_EPARSE, 0},
    {"+1", MUSTER_EPARSE, 0},
    {".5", MUSTER_EPARSE, 0},
    {"5.", MUSTER_EPARSE, 0},
    {"-.5", MUSTER_EPARSE, 0},
    {"1.2.3", MUSTER_EPARSE, 0},
    {"1,5", MUSTER_EPARSE, 0},
    {" 1", MUSTER_EPARSE, 0},
    {"1e3", MUSTER_EPARSE, 0},
    {"nan", MUSTER_EPARSE, 0},
    {"0.00001x", MUSTER_EPARSE, 0},
};

static const struct number_case exponent_cases[] = {
    {"1e3", 0, 10000000},
    {"1E+3", 0, 10000000},
    {"12.5e-1", 0, 12500},
    {"1e-4", 0, 1},
    {"10e-5", 0, 1},
    {"0e999999999999999999999999", 0, 0},
    {"0.0000000001e10", 0, 10000},
    {"1.099511627775e12", 0, 10995116277750000},
    {"10000000000000000e-16", 0, 10000},
    {"7", 0, 70000},
    {"1e-5", MUSTER_ELIMIT, 0},
    {"1e13", MUSTER_ELIMIT, 0},
    {"1.099511627776e12", MUSTER_ELIMIT, 0},
    {"1e9223372036854775808", MUSTER_ELIMIT, 0},
    {"1e-9223372036854775808", MUSTER_ELIMIT, 0},
    {"1e", MUSTER_EPARSE, 0},
    {"1e+", MUSTER_EPARSE, 0},
    {"e3", MUSTER_EPARSE, 0},
    {"1e3.0", MUSTER_EPARSE, 0},
    {"1e3e3", MUSTER_EPARSE, 0},
};

static void check_numbers(const struct number_case *cases, size_t count,
                          int (*parse)(muster_text, int64_t *))
{
    for (size_t i = 0; i < count; i++) {
        int64_t scaled = 77;
        const int rc = parse(text_of(cases[i].text), &scaled);
        const int64_t expected = cases[i].rc == 0 ? cases[i].scaled : 77;
        if (rc != cases[i].rc || scaled != expected)
            fail_msg("\"%s\": %d, %lld", cases[i].text, rc, (long long)scaled);
    }
}

static void test_base_text__numbers_are_exact_or_refused(void **state)
{
    (void)state;
    check_numbers(number_cases, sizeof number_cases / sizeof number_cases[0],
                  text_parse_number);
}

static void test_base_text__exponents_are_exact_or_refused(void **state)
{
    (void)state;
    check_numbers(exponent_cases,
                  sizeof exponent_cases / sizeof exponent_cases[0],
                  text_parse_number_exponent);
}

static void expect_number(int64_t scaled, const char *text)
{
    char out[32];
    assert_int_equal(text_format_number(out, scaled), strlen(text));
    assert_string_equal(out, text);
}

static void test_base_text__numbers_are_written_short(void **state)
{
    (void)state;
    expect_number(0, "0");
    expect_number(340000, "34");
    expect_number(199000, "19.9");
    expect_number(-1, "-0.0001");
    expect_number(10010, "1.001");
    expect_number(-123456789, "-12345.6789");
    expect_number(INT64_MIN, "-922337203685477.5808");
    expect_number(INT64_MAX, "922337203685477.5807");
}

static void expect_duration(const char *text, uint32_t hours,
                            const char *written)
{
    uint32_t read = 77;
    char out[16];
    if (!text_parse_duration(text_of(text), &read) || read != hours)
        fail_msg("\"%s\": %u", text, read);
    assert_int_equal(text_format_duration(out, hours), strlen(written));
    assert_string_equal(out, written);
}

static void test_base_text__durations_are_hours(void **state)
{
    (void)state;
    expect_duration("0", 0, "0");
    expect_duration("12h", 12, "12h");
    expect_duration("48h", 48, "2d");
    expect_duration("30d", 720, "30d");
    expect_duration("4w", 672, "28d");
    expect_duration("10000d", 240000, "10000d");
    expect_duration("240000h", 240000, "10000d");
    expect_duration("1428w", 239904, "9996d");
}

static void test_base_text__what_is_no_duration_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",     "d",      "30",    "30D",     "-1d",
        "1.5d", "30 d",   "0d",    "030d",    "30m",
        "1dd",  "10001d", "1429w", "240001h", "99999999999999999999d",
        "00",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t hours = 77;
        if (text_parse_duration(text_of(bad[i]), &hours) || hours != 77)
            fail_msg("\"%s\" was read", bad[i]);
    }
}

static void test_base_text__distance_counts_edits_and_swaps(void **state)
{
    (void)state;
    assert_int_equal(text_distance(T(""), T(""), 5), 0);
    assert_int_equal(text_distance(T("geo"), T("GEO"), 5), 0);
    assert_int_equal(text_distance(T("country"), T("county"), 5), 1);
    assert_int_equal(text_distance(T("coutnry"), T("country"), 5), 1);
    assert_int_equal(text_distance(T("kitten"), T("sitting"), 5), 3);
    assert_int_equal(text_distance(T("kitten"), T("sitting"), 2), 3);
    assert_int_equal(text_distance(T("kitten"), T("sitting"), 0), 1);
    assert_int_equal(text_distance(T(""), T("abc"), 5), 3);
    assert_int_equal(text_distance(T("abc"), T(""), 2), 3);
    assert_int_equal(text_distance(T("a"), T("b"), SIZE_MAX), 1);
}

static const char *nearest(const char *wanted, size_t *len)
{
    static const char *const names[] = {"geo.country", "geo.region", "demo.age",
                                        "demo.gender"};
    near_name n;
    near_init(&n, text_of(wanted));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        near_offer(&n, text_of(names[i]));
    *len = n.best.len;
    return n.best.ptr;
}

static void test_base_text__nearest_name_is_picked(void **state)
{
    (void)state;
    size_t len = 0;
    assert_string_equal(nearest("geo.contry", &len), "geo.country");
    assert_int_equal(len, 11);
    assert_string_equal(nearest("Demo.Age", &len), "demo.age");
    assert_string_equal(nearest("demo.gneder", &len), "demo.gender");
    assert_null(nearest("weather", &len));
    assert_null(nearest("", &len));
}

static void test_base_text__first_of_equally_near_names_wins(void **state)
{
    (void)state;
    near_name n;
    near_init(&n, T("bat"));
    near_offer(&n, T("cat"));
    near_offer(&n, T("rat"));
    assert_true(text_is(n.best, "cat"));
    near_offer(&n, T("bat"));
    assert_true(text_is(n.best, "bat"));
    near_offer(&n, T("BAT"));
    assert_true(text_is(n.best, "bat"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_text__compare_is_byte_order),
        cmocka_unit_test(test_base_text__equality_reads_the_whole),
        cmocka_unit_test(test_base_text__parts_are_found),
        cmocka_unit_test(test_base_text__trim_takes_ascii_white_space),
        cmocka_unit_test(test_base_text__utf8_of_rfc_3629),
        cmocka_unit_test(test_base_text__utf8_characters_are_counted),
        cmocka_unit_test(test_base_text__integers_are_whole_texts),
        cmocka_unit_test(test_base_text__integers_are_written),
        cmocka_unit_test(test_base_text__numbers_are_exact_or_refused),
        cmocka_unit_test(test_base_text__exponents_are_exact_or_refused),
        cmocka_unit_test(test_base_text__numbers_are_written_short),
        cmocka_unit_test(test_base_text__durations_are_hours),
        cmocka_unit_test(test_base_text__what_is_no_duration_is_refused),
        cmocka_unit_test(test_base_text__distance_counts_edits_and_swaps),
        cmocka_unit_test(test_base_text__nearest_name_is_picked),
        cmocka_unit_test(test_base_text__first_of_equally_near_names_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
