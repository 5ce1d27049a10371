/*
 * time_test.c - the edges of time through the whole engine: expiry by hour
 * and by day, windows, retention, and the clock that rejects.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine_support.h"

#define MIDNIGHT (NOON - 12 * HOUR - 30 * 60) /* of the day of NOON */

static void expect_at(house *h, muster_time now, const char *expr,
                      uint64_t want)
{
    house_set_now(h, now);
    const uint64_t got = count(h, expr);
    if (got != want)
        fail_msg("%s at NOON%+lld: %llu", expr, (long long)(now - NOON),
                 (unsigned long long)got);
    house_set_now(h, NOON);
}

/* The last second at which it holds. */
static void expect_last(house *h, const char *expr, muster_time last)
{
    expect_at(h, last - 1, expr, 1);
    expect_at(h, last, expr, 1);
    expect_at(h, last + 1, expr, 0);
}

static void both_ways(house *h, void (*check)(house *h))
{
    check(h);
    house_checkpoint(h);
    check(h);
    house_reopen(h, MUSTER_OPEN_WRITE);
    check(h);
}

/* ---- TTL ---- */

static void check_hourly(house *h)
{
    /* 12:30 + 47 h = 11:30 two days later: to the end of that hour */
    expect_last(h, "a = \"x\"", NOON + 47 * HOUR + 29 * 60 + 59);
    expect_last(h, "b = \"x\"", NOON + HOUR + 29 * 60 + 59);
    /* the universe ends with the later one */
    expect_last(h, "all", NOON + 47 * HOUR + 29 * 60 + 59);
}

static void test_engine_time__a_short_ttl_ends_with_its_hour(void **state)
{
    house *h = *state;
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"ttl\":\"47h\",\"set\":{\"a\":"
            "\"x\"}}\n"
            "{\"ids\":{\"cookie\":\"u\"},\"ttl\":\"1h\",\"set\":{\"b\":"
            "\"x\"}}\n");
    both_ways(h, check_hourly);
}

static void check_daily(house *h)
{
    expect_last(h, "a = \"x\"", MIDNIGHT + 3 * DAY - 1); /* 48h */
    expect_last(h, "b", MIDNIGHT + 31 * DAY - 1);        /* 30d */
    expect_last(h, "n = 5", MIDNIGHT + 2 * DAY + DAY - 1);
    expect_at(h, NOON + 5000 * DAY, "t = \"x\"", 1); /* 0: for ever */
}

static void test_engine_time__a_long_ttl_ends_with_its_day(void **state)
{
    house *h = *state;
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"ttl\":\"48h\",\"set\":{\"a\":"
            "\"x\",\"n\":5}}\n"
            "{\"ids\":{\"cookie\":\"u\"},\"ttl\":\"30d\",\"set\":{\"b\":"
            "true}}\n"
            "{\"ids\":{\"cookie\":\"u\"},\"ttl\":\"0\",\"add\":{\"t\":"
            "[\"x\"]}}\n");
    both_ways(h, check_daily);
}

static void check_defaults(house *h)
{
    expect_last(h, "own", MIDNIGHT + 2 * DAY - 1 + DAY);
    expect_last(h, "attr", MIDNIGHT + 11 * DAY - 1);
    expect_last(h, "prov", MIDNIGHT + 21 * DAY - 1);
    expect_at(h, NOON + 5000 * DAY, "none1", 1);
}

static void test_engine_time__record_before_attribute_before_provider(
    void **state)
{
    house *h = *state;
    catalog(h, "{\"providers\":{\"p\":{\"party\":\"third\",\"ttl\":\"20d\"}},"
               "\"attributes\":{\"attr\":{\"kind\":\"flag\",\"ttl\":\"10d\"},"
               "\"own\":{\"kind\":\"flag\",\"ttl\":\"10d\"}}}");
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"provider\":\"p\",\"ttl\":\"2d\","
            "\"set\":{\"own\":true}}\n"
            "{\"ids\":{\"cookie\":\"u\"},\"provider\":\"p\",\"set\":{"
            "\"attr\":true,\"prov\":true}}\n"
            "{\"ids\":{\"cookie\":\"u\"},\"set\":{\"none1\":true}}\n");
    both_ways(h, check_defaults);
}

static void check_last_saying(house *h)
{
    expect_last(h, "c = \"x\"", MIDNIGHT + 11 * DAY - 1);
    expect_last(h, "n = 5", MIDNIGHT + 11 * DAY - 1);
    expect_last(h, "d = \"y\"", MIDNIGHT + 3 * DAY - 1);
    expect_at(h, NOON, "d = \"x\"", 0);
}

/* It lives as long as any saying since it was last replaced. */
static void test_engine_time__the_longest_saying_counts(void **state)
{
    house *h = *state;
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"ttl\":\"10d\",\"set\":{\"c\":"
            "\"x\",\"d\":\"x\",\"n\":5}}\n");
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"ttl\":\"2d\",\"set\":{\"c\":"
            "\"x\",\"d\":\"y\",\"n\":5}}\n");
    both_ways(h, check_last_saying);
}

static void test_engine_time__an_expired_saying_still_replaces(void **state)
{
    house *h = *state;
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"set\":{\"c\":\"x\"}}\n");
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"ts\":\"2026-11-01T00:00:00Z\","
            "\"ttl\":\"1d\",\"set\":{\"c\":\"y\"}}\n");
    assert_int_equal(count(h, "c is known"), 0);
    house_checkpoint(h);
    assert_int_equal(count(h, "c is known"), 0);
    assert_int_equal(count(h, "all"), 1); /* the first saying is unexpired */
}

/* ---- events ---- */

static void check_retention(house *h)
{
    expect_last(h, "e", MIDNIGHT + 10 * DAY - 1);
    expect_last(h, "all", MIDNIGHT + 10 * DAY - 1);
    expect_last(h, "e within 3 days", MIDNIGHT + 3 * DAY - 1);
    expect_last(h, "g within 3 hours", MIDNIGHT + 15 * HOUR - 1);
    expect_last(h, "g within 1 days", MIDNIGHT + DAY - 1);
}

static void test_engine_time__events_live_for_their_retention(void **state)
{
    house *h = *state;
    catalog(h, "{\"attributes\":{\"e\":{\"kind\":\"event\",\"retention\":"
               "\"10d\"},\"g\":{\"kind\":\"event\",\"grain\":\"hour\","
               "\"retention\":\"5d\"}}}");
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"events\":[{\"name\":\"e\"},"
            "{\"name\":\"g\"}]}\n");
    both_ways(h, check_retention);
}

static void feed_event_at(house *h, muster_time ts, bool accepted,
                          const char *code)
{
    char text[256];
    snprintf(text, sizeof text,
             "{\"ids\":{\"cookie\":\"u\"},\"events\":[{\"name\":\"e\",\"ts\":"
             "%lld}]}\n", (long long)ts);
    if (accepted) {
        feed(h, text);
        return;
    }
    reject_log log;
    refuse(h, text, &log);
    assert_string_equal(log.code, code);
}

static void test_engine_time__facts_outside_the_clock_are_refused(
    void **state)
{
    house *h = *state;
    catalog(h, "{\"attributes\":{\"e\":{\"kind\":\"event\",\"retention\":"
               "\"10d\"}}}");
    feed_event_at(h, MIDNIGHT - 9 * DAY, true, NULL);
    feed_event_at(h, MIDNIGHT - 9 * DAY - 1, false, "before_retention");
    feed_event_at(h, NOON + DAY, true, NULL);
    feed_event_at(h, NOON + DAY + 1, false, "future");
    /* what lies ahead is seen when its day comes */
    assert_int_equal(count(h, "e at least 2 times"), 0);
    expect_at(h, MIDNIGHT + DAY, "e since \"2026-11-22\"", 1);
}

static void test_engine_time__nothing_happened_before_1970(void **state)
{
    house *h = *state;
    house_set_now(h, 5 * DAY);
    feed_event_at(h, 0, true, NULL);
    feed_event_at(h, -1, false, "before_retention");
    assert_int_equal(count(h, "e"), 1);
    assert_int_equal(count(h, "e within 100 days"), 1);
    assert_int_equal(count(h, "e between \"1970-01-01\" and \"1970-01-01\""),
                     1);
    assert_int_equal(count(h, "e between today - 20 days and today - 6 days"),
                     0);
}

static void test_engine_time__an_earlier_now_moves_windows(void **state)
{
    house *h = *state;
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"events\":[{\"name\":\"e\",\"ts\":"
            "\"2026-11-10T00:00:00Z\"},{\"name\":\"e\",\"ts\":"
            "\"2026-11-20T23:59:59Z\"}]}\n");
    expect_at(h, NOON, "e at least 2 times", 1);
    expect_at(h, NOON - DAY, "e at least 2 times", 1);
    expect_at(h, NOON - 2 * DAY, "e at least 2 times", 0);
    expect_at(h, NOON - 2 * DAY, "e", 1);
    expect_at(h, NOON, "e within 2 days", 1);
    expect_at(h, NOON, "e within 1 days", 0);
    expect_at(h, NOON, "e within 1 week", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_engine_time__a_short_ttl_ends_with_its_hour),
        HOUSE_TEST(test_engine_time__a_long_ttl_ends_with_its_day),
        HOUSE_TEST(
            test_engine_time__record_before_attribute_before_provider),
        HOUSE_TEST(test_engine_time__the_longest_saying_counts),
        HOUSE_TEST(test_engine_time__an_expired_saying_still_replaces),
        HOUSE_TEST(test_engine_time__events_live_for_their_retention),
        HOUSE_TEST(test_engine_time__facts_outside_the_clock_are_refused),
        HOUSE_TEST(test_engine_time__nothing_happened_before_1970),
        HOUSE_TEST(test_engine_time__an_earlier_now_moves_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
