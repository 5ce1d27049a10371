/*
 * map_date_test.c - dates in common forms, against the C library's own
 * calendar.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/map.h"
#include "ingest/map_support.h"

#include <time.h>

static bool parse(const char *pattern, const char *text, int zone,
                  map_date *out)
{
    arena memory;
    date_format format;
    char why[100];
    arena_init(&memory);
    assert_int_equal(date_format_compile(&format, text_of(pattern), &memory,
                                         why, sizeof why),
                     0);
    const bool fits = date_format_parse(&format, text_of(text), zone, out);
    arena_release(&memory);
    return fits;
}

/* Formats of strftime stand in a table. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/* A pattern and what strftime makes the same text with. */
static const struct {
    const char *pattern;
    const char *twin;
    bool time;
} twins[] = {
    {"D.M.YYYY", "%d.%m.%Y", false},
    {"DD.MM.YYYY HH:mm:ss", "%d.%m.%Y %H:%M:%S", true},
    {"M/D/YYYY h:mm:ss A", "%m/%d/%Y %I:%M:%S %p", true},
    {"DD-MMM-YYYY HH:mm:ss", "%d-%b-%Y %H:%M:%S", true},
    {"MMMM D, YYYY", "%B %e, %Y", false},
    {"YYYYMMDDHHmmss", "%Y%m%d%H%M%S", true},
    {"YYYY-MM-DDTHH:mm:ss.SZ", "%Y-%m-%dT%H:%M:%S.250+0000", true},
    {"D [de] MMM [de] YY", "%e de %b de %y", false},
    {"iso", "%Y-%m-%d", false},
    {"iso", "%Y-%m-%dT%H:%M:%SZ", true},
    {"iso", "%Y%m%dT%H%M%S.5+00", true},
    {"iso", "%Y-%m-%d %H:%M:%S", true},
    {"seconds", "%s", true},
    {"ISO", "%Y-%m-%d", false},
};

static void test_ingest_map_date__texts_of_the_library_are_read(void **state)
{
    (void)state;
    random_state random;
    random_seed(&random, 4);
    setenv("TZ", "UTC", 1);
    for (int round = 0; round < 3000; round++) {
        const size_t i = random_below(&random, sizeof twins / sizeof twins[0]);
        /* 1970 to 2068, for years of two digits. */
        const time_t moment = (time_t)random_below(&random, 3100000000u);
        struct tm parts;
        char text[80];
        map_date date;
        gmtime_r(&moment, &parts);
        strftime(text, sizeof text, twins[i].twin, &parts);
        const char *start = text + (*text == ' ');
        const time_t wanted = twins[i].time ? moment : moment - moment % 86400;
        if (!parse(twins[i].pattern, start, 0, &date) ||
            date.moment != wanted || date.day != wanted / 86400)
            fail_msg("seed 4, round %d: %s as %s", round, text,
                     twins[i].pattern);
    }
}

static void assert_moment(const char *pattern, const char *text, int zone,
                          const char *wanted)
{
    map_date date;
    char got[32] = "none";
    if (parse(pattern, text, zone, &date))
        clock_format_time(got, date.moment);
    if (strcmp(got, wanted) != 0)
        fail_msg("%s as %s is %s, not %s", text, pattern, got, wanted);
}

static void test_ingest_map_date__zones(void **state)
{
    (void)state;
    assert_moment("iso", "2026-11-20T10:00:00", 3600, "2026-11-20T09:00:00Z");
    assert_moment("iso", "2026-11-20T10:00:00Z", 3600, "2026-11-20T10:00:00Z");
    assert_moment("iso", "2026-11-20T10:00-05:30", 0, "2026-11-20T15:30:00Z");
    assert_moment("iso", "2026-11-20 10:00:00 UTC", 60, "2026-11-20T10:00:00Z");
    assert_moment("iso", "2026-11-20", 3600, "2026-11-19T23:00:00Z");
    assert_moment("D/M/YYYY HH:mm Z", "1/2/2026 10:00 +0100", 0,
                  "2026-02-01T09:00:00Z");
    assert_moment("millis", "1795262400250", 3600, "2026-11-21T12:00:00Z");
    assert_moment("micros", "-1", 0, "1969-12-31T23:59:59Z");
    assert_moment("excel", "46347.5", 0, "2026-11-21T12:00:00Z");
    assert_moment("excel", "46347.5", 3600, "2026-11-21T11:00:00Z");
}

static void test_ingest_map_date__clocks_of_twelve_hours(void **state)
{
    (void)state;
    assert_moment("YYYY-M-D h:mm A", "2026-1-2 12:05 AM", 0,
                  "2026-01-02T00:05:00Z");
    assert_moment("YYYY-M-D h:mm A", "2026-1-2 12:05 pm", 0,
                  "2026-01-02T12:05:00Z");
    assert_moment("YYYY-M-D hh:mmA", "2026-1-2 01:05p.m.", 0,
                  "2026-01-02T13:05:00Z");
    assert_moment("YYYY-M-D h:mm A", "2026-1-2 13:05 PM", 0, "none");
    assert_moment("YYYY-M-D h:mm A", "2026-1-2 0:05 PM", 0, "none");
}

static const char *const refused[][2] = {
    {"D.M.YYYY", "29.2.2026"},
    {"D.M.YYYY", "0.1.2026"},
    {"D.M.YYYY", "1.13.2026"},
    {"D.M.YYYY", "1.1.1899"},
    {"D.M.YYYY", "1.1.2200"},
    {"D.M.YYYY", "1.1.26"},
    {"D.M.YYYY", "1.1.2026 "},
    {"D.M.YYYY", "1.1.20267"},
    {"D.M.YYYY", "1-1-2026"},
    {"D.M.YYYY", ""},
    {"DD.MM.YYYY", "1.1.2026"},
    {"YYYY-MM-DD HH:mm", "2026-01-01 24:00"},
    {"YYYY-MM-DD HH:mm", "2026-01-01 10:60"},
    {"iso", "2026-11-20T"},
    {"iso", "2026-11-20T10"},
    {"iso", "2026-1120"},
    {"iso", "20261120T10:00x"},
    {"iso", "2026-11-20T10:00+1"},
    {"iso", "2026-11-20T10:00+24:00"},
    {"DD-MMM-YYYY", "01-Jn-2026"},
    {"seconds", "1.5"},
    {"seconds", "99999999999"},
    {"excel", "-1"},
};

static void test_ingest_map_date__what_is_no_date_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_moment(refused[i][0], refused[i][1], 0, "none");
    assert_moment("D.M.YYYY", "29.2.2028", 0, "2028-02-29T00:00:00Z");
    assert_moment("D.M.YY", "1.1.69", 0, "1969-01-01T00:00:00Z");
    assert_moment("D.M.YY", "1.1.68", 0, "2068-01-01T00:00:00Z");
    assert_moment("YYYY", "2026", 0, "2026-01-01T00:00:00Z");
}

static void test_ingest_map_date__patterns_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "DD.MM",  "YYYY YYYY", "YYYY-DD", "YYYY-MM-DD hh:mm", "YYYY HH A",
        "YYYY-Q", "[open",     "YYYY at", "EEE D.M.YYYY"};
    arena memory;
    arena_init(&memory);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        date_format format;
        char why[100] = "";
        if (date_format_compile(&format, text_of(bad[i]), &memory, why,
                                sizeof why) == 0)
            fail_msg("%s was taken", bad[i]);
        assert_true(why[0] != '\0');
    }
    arena_release(&memory);
}

static void test_ingest_map_date__years_between_days(void **state)
{
    (void)state;
    assert_int_equal(date_years(clock_day_from_civil(2000, 2, 29),
                                clock_day_from_civil(2026, 2, 28)),
                     25);
    assert_int_equal(date_years(clock_day_from_civil(2000, 2, 29),
                                clock_day_from_civil(2026, 3, 1)),
                     26);
    assert_int_equal(date_years(clock_day_from_civil(2026, 3, 1),
                                clock_day_from_civil(2026, 2, 1)),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_map_date__texts_of_the_library_are_read),
        cmocka_unit_test(test_ingest_map_date__zones),
        cmocka_unit_test(test_ingest_map_date__clocks_of_twelve_hours),
        cmocka_unit_test(test_ingest_map_date__what_is_no_date_is_none),
        cmocka_unit_test(test_ingest_map_date__patterns_are_checked),
        cmocka_unit_test(test_ingest_map_date__years_between_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
