/*
 * clock_test.c - dates and times in text; the calendar against a plain count
 * of days and against the C library.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE 1 /* timegm */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"

static void test_base_clock__calendar_counts_every_day(void **state)
{
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30,
                                  31, 31, 30, 31, 30, 31};
    muster_day expected = clock_day_from_civil(1600, 1, 1);
    for (int year = 1600; year < 2400; year++) {
        const int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++) {
            const int length = lengths[month - 1] + (month == 2 ? leap : 0);
            for (int day = 1; day <= length; day++, expected++) {
                int y = 0;
                int m = 0;
                int d = 0;
                clock_civil_from_day(expected, &y, &m, &d);
                if (y != year || m != month || d != day ||
                    clock_day_from_civil(year, month, day) != expected)
                    fail_msg("%d-%d-%d is not day %d", year, month, day,
                             expected);
            }
        }
    }
    assert_int_equal(clock_day_from_civil(1970, 1, 1), 0);
    assert_int_equal(clock_day_from_civil(2000, 3, 1), 11017);
}

static void test_base_clock__extreme_days_convert_back(void **state)
{
    (void)state;
    static const muster_day days[] = {INT32_MIN, INT32_MAX, -719528, -1, 0};
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        int year = 0;
        int month = 0;
        int day = 0;
        clock_civil_from_day(days[i], &year, &month, &day);
        assert_int_equal(clock_day_from_civil(year, month, day), days[i]);
    }
}

static void test_base_clock__times_agree_with_the_c_library(void **state)
{
    (void)state;
    const uint64_t seed = 20261121;
    random_state r;
    random_seed(&r, seed);
    for (int i = 0; i < 100000; i++) {
        const uint64_t span = (uint64_t)(CLOCK_TIME_MAX - CLOCK_TIME_MIN) + 1;
        const muster_time t =
            CLOCK_TIME_MIN + (muster_time)random_below(&r, span);
        const time_t c_time = (time_t)t;
        struct tm parts;
        char expected[64];
        char text[32];
        gmtime_r(&c_time, &parts);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", &parts);
        const size_t len = clock_format_time(text, t);
        muster_time back = 0;
        if (len != 20 || strcmp(text, expected) != 0 ||
            !clock_parse_time(text_of(text), &back) || back != t)
            fail_msg("seed %llu: %s, not %s", (unsigned long long)seed, text,
                     expected);
    }
}

static void test_base_clock__days_and_hours_are_floors(void **state)
{
    (void)state;
    assert_int_equal(clock_day_of(0), 0);
    assert_int_equal(clock_day_of(86399), 0);
    assert_int_equal(clock_day_of(86400), 1);
    assert_int_equal(clock_day_of(-1), -1);
    assert_int_equal(clock_day_of(-86400), -1);
    assert_int_equal(clock_day_of(-86401), -2);
    assert_int_equal(clock_hour_of(3599), 0);
    assert_int_equal(clock_hour_of(-1), -1);
    assert_int_equal(clock_hour_of(-3600), -1);
    assert_int_equal(clock_hour_of(-3601), -2);
}

static void test_base_clock__dates_are_read_and_written(void **state)
{
    (void)state;
    muster_day day = 0;
    char text[16];
    assert_true(clock_parse_date(text_of("2026-11-21"), &day));
    assert_int_equal(day, 20778);
    assert_int_equal(clock_format_date(text, day), 10);
    assert_string_equal(text, "2026-11-21");
    assert_true(clock_parse_date(text_of("2024-02-29"), &day));
    assert_true(clock_parse_date(text_of("0000-01-01"), &day));
    assert_true(clock_parse_date(text_of("9999-12-31"), &day));
    clock_format_date(text, day);
    assert_string_equal(text, "9999-12-31");
}

static void test_base_clock__what_is_no_date_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "2026",        "2026-11-2",  "2026-11-211",
        "2026/11/21", "2026-13-01",  "2026-00-01", "2026-01-00",
        "2026-04-31", "2026-02-29",  "1900-02-29", "2026-1--01",
        "+026-01-01", " 2026-01-01", "2026-01-1 ", "20260101",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        muster_day day = 77;
        if (clock_parse_date(text_of(bad[i]), &day) || day != 77)
            fail_msg("\"%s\" was read", bad[i]);
    }
}

static muster_time time_of(const char *text)
{
    muster_time t = 0;
    if (!clock_parse_time(text_of(text), &t))
        fail_msg("\"%s\" was refused", text);
    return t;
}

static void test_base_clock__rfc_3339_is_read(void **state)
{
    (void)state;
    const muster_time ten = 1795168800; /* 2026-11-20T10:00:00Z */
    assert_true(time_of("2026-11-20T10:00:00Z") == ten);
    assert_true(time_of("2026-11-20t10:00:00z") == ten);
    assert_true(time_of("2026-11-20 10:00:00Z") == ten);
    assert_true(time_of("2026-11-20T10:00:00.5Z") == ten);
    assert_true(time_of("2026-11-20T10:00:00.999999999999Z") == ten);
    assert_true(time_of("2026-11-20T11:30:00+01:30") == ten);
    assert_true(time_of("2026-11-20T00:00:00.1-10:00") == ten);
    assert_true(time_of("2026-11-20T10:00:00-00:00") == ten);
    assert_true(time_of("1970-01-01T00:00:00Z") == 0);
    assert_true(time_of("1969-12-31T23:59:59Z") == -1);
    assert_true(time_of("2016-12-31T23:59:60Z") == 1483228800);
    assert_true(time_of("2017-01-01T00:59:60+01:00") == 1483228800);
}

static void test_base_clock__what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2026-11-20",
        "2026-11-20T10:00:00",
        "2026-11-20T10:00Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T10:60:00Z",
        "2026-11-20T10:00:61Z",
        "2026-11-20T10:00:60Z",
        "2026-11-20T23:59:60+01:00",
        "2026-11-20T10:00:00.Z",
        "2026-11-20T10:00:00.5",
        "2026-11-20T10:00:00+1:00",
        "2026-11-20T10:00:00+0100",
        "2026-11-20T10:00:00+24:00",
        "2026-11-20T10:00:00+01:60",
        "2026-11-20T10:00:00ZZ",
        "2026-11-20T10:00:00+01:00Z",
        "2026-11-20_10:00:00Z",
        "2026-11-31T10:00:00Z",
        "1899-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
        "1900-01-01T00:00:00+00:01",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        muster_time t = 77;
        if (clock_parse_time(text_of(bad[i]), &t) || t != 77)
            fail_msg("\"%s\" was read", bad[i]);
    }
}

static void test_base_clock__limits_of_time_are_inside(void **state)
{
    (void)state;
    assert_true(time_of("1900-01-01T00:00:00Z") == CLOCK_TIME_MIN);
    assert_true(time_of("2199-12-31T23:59:59Z") == CLOCK_TIME_MAX);
}

static void test_base_clock__cut_times_are_never_read(void **state)
{
    (void)state;
    static const char whole[] = "2026-11-20T10:00:00.25+01:00";
    for (size_t len = 0; len < strlen(whole); len++) {
        char exact[32]; /* a fresh copy lets the sanitizer see overreads */
        muster_time t = 0;
        memcpy(exact, whole, len);
        assert_false(clock_parse_time(text_make(exact, len), &t));
    }
}

static void test_base_clock__clocks_run(void **state)
{
    (void)state;
    assert_true(clock_now() > 1700000000);
    const uint64_t before = clock_monotonic_ns();
    assert_true(clock_monotonic_ns() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_clock__calendar_counts_every_day),
        cmocka_unit_test(test_base_clock__extreme_days_convert_back),
        cmocka_unit_test(test_base_clock__times_agree_with_the_c_library),
        cmocka_unit_test(test_base_clock__days_and_hours_are_floors),
        cmocka_unit_test(test_base_clock__dates_are_read_and_written),
        cmocka_unit_test(test_base_clock__what_is_no_date_is_refused),
        cmocka_unit_test(test_base_clock__rfc_3339_is_read),
        cmocka_unit_test(test_base_clock__what_is_no_time_is_refused),
        cmocka_unit_test(test_base_clock__limits_of_time_are_inside),
        cmocka_unit_test(test_base_clock__cut_times_are_never_read),
        cmocka_unit_test(test_base_clock__clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
