/*
 * naive_test.c - the slow twin against answers worked out by hand from
 * LANGUAGE.md, row by row. Only parser and twin take part; what is right here
 * is what eval_model_test.c then asks of the engine.
 *
 * Users are numbered from 0; an answer is the digits of its users.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "naive/naive.h"
#include "segment/segment.h"

#define USERS 10
#define HOUR 3600
#define DAY 86400
#define NOON "2026-11-20T12:00:00Z"

enum { SHOP, PARTNER, HUB };
enum {
    VIP,      /* flag */
    CITY,     /* one_of */
    LIKES,    /* many_of */
    AGE,      /* number */
    ENDS,     /* number of unit date */
    PAGE,     /* event by day, cap 5, kept 30 days */
    PING,     /* event by hour, cap 10, kept 3 days */
    TIER      /* one_of with a TTL of 10 days */
};

typedef struct twin {
    naive *n;
    uint32_t user;
    uint32_t provider;
    muster_time ts;
    uint32_t ttl_hours;
} twin;

static muster_time time_of(const char *text)
{
    muster_time t = 0;
    assert_true(clock_parse_time(text_of(text), &t));
    return t;
}

static twin new_twin(void)
{
    static const naive_provider providers[] = {
        {"shop", 1, NAIVE_TTL_UNSET},
        {"partner", 2, NAIVE_TTL_UNSET},
        {"hub", 3, 24 * 60},
    };
    static const naive_attribute attributes[] = {
        {"vip", NAIVE_FLAG, false, NAIVE_TTL_UNSET, false, 0, 0},
        {"city", NAIVE_ONE_OF, false, NAIVE_TTL_UNSET, false, 0, 0},
        {"likes", NAIVE_MANY_OF, false, NAIVE_TTL_UNSET, false, 0, 0},
        {"age", NAIVE_NUMBER, false, NAIVE_TTL_UNSET, false, 0, 0},
        {"ends", NAIVE_NUMBER, true, NAIVE_TTL_UNSET, false, 0, 0},
        {"page", NAIVE_EVENT, false, NAIVE_TTL_UNSET, false, 5, 30},
        {"ping", NAIVE_EVENT, false, NAIVE_TTL_UNSET, true, 10, 3},
        {"tier", NAIVE_ONE_OF, false, 24 * 10, false, 0, 0},
    };
    twin t = {naive_new(USERS), 0, SHOP, time_of(NOON), NAIVE_TTL_UNSET};
    for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++)
        naive_add_provider(t.n, &providers[i]);
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
        naive_add_attribute(t.n, &attributes[i]);
    return t;
}

/* ---- saying ---- */

static naive_statement statement(const twin *t, uint32_t attribute,
                                 naive_op op, const char *value)
{
    return (naive_statement){.user = t->user,
                             .provider = t->provider,
                             .attribute = attribute,
                             .op = op,
                             .value = text_of(value),
                             .ts = t->ts,
                             .ttl_hours = t->ttl_hours,
                             .count = 1};
}

static void tell(const twin *t, uint32_t attribute, naive_op op,
                 const char *value)
{
    const naive_statement s = statement(t, attribute, op, value);
    naive_say(t->n, &s);
}

static void number(const twin *t, uint32_t attribute, int64_t scaled)
{
    naive_statement s = statement(t, attribute, NAIVE_SAY, NULL);
    s.number = scaled;
    naive_say(t->n, &s);
}

static void event(const twin *t, uint32_t attribute, const char *value,
                  const char *ts, uint32_t count, int64_t amount)
{
    naive_statement s = statement(t, attribute, NAIVE_HAPPEN, value);
    s.ts = time_of(ts);
    s.count = count;
    s.amount = amount;
    naive_say(t->n, &s);
}

/* ---- asking ---- */

static void ask(const twin *t, const char *now, const char *text,
                const char *expected)
{
    muster_error err;
    ast_tree *tree = NULL;
    bool in[USERS];
    char got[USERS + 1];
    size_t len = 0;
    if (segment_parse(&tree, text_of(text), &err) != 0)
        fail_msg("%s: %s", text, err.message);
    naive_answer(t->n, segment_root(tree), time_of(now), 0, USERS, in);
    for (int u = 0; u < USERS; u++) {
        if (in[u])
            got[len++] = (char)('0' + u);
        assert_true(naive_has(t->n, segment_root(tree), time_of(now),
                              (uint32_t)u) == in[u]);
    }
    got[len] = '\0';
    segment_tree_free(tree);
    if (strcmp(got, expected) != 0)
        fail_msg("%s at %s: expected \"%s\", got \"%s\"", text, now, expected,
                 got);
}

/* ---- tests ---- */

static void test_naive__universe_and_sets(void **state)
{
    (void)state;
    twin t = new_twin();
    tell(&t, VIP, NAIVE_SAY, NULL);
    t.user = 1;
    tell(&t, CITY, NAIVE_SAY, "Berlin");
    t.user = 2;
    tell(&t, CITY, NAIVE_SAY, "Bern");
    tell(&t, CITY, NAIVE_CLEAR, NULL); /* stays in the universe */
    t.user = 3;
    tell(&t, CITY, NAIVE_CLEAR, NULL); /* nothing was ever said */
    t.user = 4;
    tell(&t, VIP, NAIVE_SAY, NULL);
    naive_mask(t.n, 4, true);
    ask(&t, NOON, "all", "012");
    ask(&t, NOON, "none", "");
    ask(&t, NOON, "vip", "0");
    ask(&t, NOON, "not vip", "12");
    ask(&t, NOON, "vip or city = \"Berlin\"", "01");
    ask(&t, NOON, "not vip and not city = \"Berlin\"", "2");
    ask(&t, NOON, "at least 1 of (vip, city is known)", "01");
    ask(&t, NOON, "at most 0 of (vip, city is known)", "2");
    ask(&t, NOON, "exactly 1 of (vip, all)", "12");
    ask(&t, NOON, "at most 1 of (vip, all)", "12");
    ask(&t, NOON, "vip is unknown", "12");
    naive_mask(t.n, 4, false);
    ask(&t, NOON, "vip", "04");
    naive_free(t.n);
}

static void test_naive__one_of_is_replaced_by_its_own_provider(void **state)
{
    (void)state;
    twin t = new_twin();
    tell(&t, CITY, NAIVE_SAY, "Berlin");
    tell(&t, CITY, NAIVE_SAY, "Bonn");
    t.provider = HUB;
    tell(&t, CITY, NAIVE_SAY, "Berlin");
    t.user = 1;
    tell(&t, CITY, NAIVE_SAY, "Bonn");
    tell(&t, CITY, NAIVE_TAKE, "Berlin"); /* not held: nothing happens */
    t.user = 2;
    tell(&t, CITY, NAIVE_SAY, "Bonn");
    tell(&t, CITY, NAIVE_TAKE, "Bonn");
    ask(&t, NOON, "city = \"Bonn\"", "01");
    ask(&t, NOON, "city = \"Berlin\"", "0");
    ask(&t, NOON, "city = \"Berlin\" from shop", "");
    ask(&t, NOON, "city = \"Berlin\" from third party", "0");
    ask(&t, NOON, "city != \"Berlin\"", "1");
    ask(&t, NOON, "not city = \"Berlin\"", "12");
    ask(&t, NOON, "city != \"Berlin\" from shop", "0");
    ask(&t, NOON, "city in (\"Berlin\", \"Rome\")", "0");
    ask(&t, NOON, "city not in (\"Bonn\", \"Rome\")", "");
    ask(&t, NOON, "city starts with \"Bo\"", "01");
    ask(&t, NOON, "city contains \"erl\"", "0");
    ask(&t, NOON, "city is unknown from \"shop\"", "12");
    naive_free(t.n);
}

static void test_naive__many_of_adds_and_takes(void **state)
{
    (void)state;
    twin t = new_twin();
    tell(&t, LIKES, NAIVE_ADD, "autos");
    tell(&t, LIKES, NAIVE_ADD, "art");
    t.provider = PARTNER;
    tell(&t, LIKES, NAIVE_ADD, "music");
    t.user = 1;
    tell(&t, LIKES, NAIVE_ADD, "autos");
    t.provider = SHOP;
    tell(&t, LIKES, NAIVE_TAKE, "autos"); /* the partner still says it */
    t.user = 2;
    tell(&t, LIKES, NAIVE_ADD, "autos");
    tell(&t, LIKES, NAIVE_CLEAR, NULL); /* set: ["art"] */
    tell(&t, LIKES, NAIVE_ADD, "art");
    ask(&t, NOON, "likes = \"autos\"", "01");
    ask(&t, NOON, "likes has all (\"autos\", \"music\")", "0");
    ask(&t, NOON, "likes has all (\"autos\", \"music\") from shop", "");
    ask(&t, NOON, "likes != \"autos\"", "2");
    ask(&t, NOON, "likes starts with \"a\"", "012");
    ask(&t, NOON, "likes contains \"t\" from shop", "02");
    naive_free(t.n);
}

static void test_naive__numbers_and_dates(void **state)
{
    (void)state;
    twin t = new_twin();
    number(&t, AGE, 250000);
    t.user = 1;
    number(&t, AGE, 440000);
    t.provider = HUB;
    number(&t, AGE, 180000);
    t.user = 2;
    number(&t, AGE, -5000); /* -0.5 */
    t.user = 3;
    number(&t, ENDS, (int64_t)clock_day_of(time_of(NOON)) * 10000);
    t.user = 4;
    number(&t, ENDS, ((int64_t)clock_day_of(time_of(NOON)) + 60) * 10000);
    ask(&t, NOON, "age between 25 and 44", "01");
    ask(&t, NOON, "age > 25", "1");
    ask(&t, NOON, "age >= 25", "01");
    ask(&t, NOON, "age < 0", "2");
    ask(&t, NOON, "age <= -0.5", "2");
    ask(&t, NOON, "age = 18", "1");
    ask(&t, NOON, "age != 18", "02");
    ask(&t, NOON, "age in (25, 18)", "01");
    ask(&t, NOON, "age not in (25, 44)", "2");
    ask(&t, NOON, "age = 18 from third party", "1");
    ask(&t, NOON, "age != 18 from shop", "01");
    ask(&t, NOON, "ends between today and today + 60 days", "34");
    ask(&t, NOON, "ends between today + 1 day and today + 60 days", "4");
    ask(&t, NOON, "ends <= \"2026-11-20\"", "3");
    ask(&t, NOON, "ends = today", "3");
    ask(&t, "2026-11-19T23:59:59Z", "ends = today", "");
    naive_free(t.n);
}

static void test_naive__a_ttl_ends_with_its_day_or_hour(void **state)
{
    (void)state;
    twin t = new_twin();
    t.ttl_hours = 24 * 30;
    tell(&t, CITY, NAIVE_SAY, "Bonn"); /* until the end of 2026-12-20 */
    t.user = 1;
    t.ttl_hours = 12;
    tell(&t, CITY, NAIVE_SAY, "Bonn"); /* until 2026-11-21T00:59:59 */
    t.user = 2;
    t.ttl_hours = 0;
    tell(&t, TIER, NAIVE_SAY, "gold"); /* never, though tier says 10d */
    t.user = 3;
    t.ttl_hours = NAIVE_TTL_UNSET;
    t.provider = HUB;
    tell(&t, TIER, NAIVE_SAY, "gold"); /* tier's 10d go before hub's 60d */
    t.user = 4;
    tell(&t, CITY, NAIVE_SAY, "Bonn"); /* hub's 60d */
    ask(&t, "2026-11-21T00:59:59Z", "city = \"Bonn\"", "014");
    ask(&t, "2026-11-21T01:00:00Z", "city = \"Bonn\"", "04");
    ask(&t, "2026-11-30T23:59:59Z", "tier = \"gold\"", "23");
    ask(&t, "2026-12-01T00:00:00Z", "tier = \"gold\"", "2");
    ask(&t, "2026-12-20T23:59:59Z", "all", "024");
    ask(&t, "2026-12-21T00:00:00Z", "all", "24");
    ask(&t, "2027-01-19T23:59:59Z", "all", "24");
    ask(&t, "2027-01-20T00:00:00Z", "all", "2");
    naive_free(t.n);
}

static void test_naive__saying_again_lasts_as_long_as_the_latest(void **state)
{
    (void)state;
    twin t = new_twin();
    t.ttl_hours = 24 * 30;
    tell(&t, CITY, NAIVE_SAY, "Bonn");
    t.ttl_hours = 24 * 5;
    tell(&t, CITY, NAIVE_SAY, "Bonn"); /* the longer one stays */
    t.user = 1;
    t.ttl_hours = 24 * 30;
    tell(&t, CITY, NAIVE_SAY, "Bonn");
    t.ttl_hours = 24 * 5;
    tell(&t, CITY, NAIVE_SAY, "Rome");
    tell(&t, CITY, NAIVE_SAY, "Bonn"); /* was replaced in between */
    t.user = 2;
    t.ttl_hours = 0;
    tell(&t, CITY, NAIVE_SAY, "Bonn");
    t.ttl_hours = 12;
    tell(&t, CITY, NAIVE_SAY, "Rome"); /* expires, but has replaced */
    t.user = 3;
    t.ttl_hours = 24 * 30;
    tell(&t, LIKES, NAIVE_ADD, "art");
    tell(&t, LIKES, NAIVE_CLEAR, NULL); /* set: ["art"] says anew */
    t.ttl_hours = 24 * 5;
    tell(&t, LIKES, NAIVE_ADD, "art");
    ask(&t, "2026-11-20T23:00:00Z", "city = \"Bonn\"", "01");
    ask(&t, "2026-12-10T00:00:00Z", "city = \"Bonn\"", "0");
    ask(&t, "2026-12-10T00:00:00Z", "city is known", "0");
    ask(&t, "2026-12-10T00:00:00Z", "likes is known", "");
    ask(&t, "2026-12-10T00:00:00Z", "all", "0123");
    naive_free(t.n);
}

static void test_naive__events_in_windows(void **state)
{
    (void)state;
    twin t = new_twin();
    event(&t, PAGE, "home", "2026-11-20T11:00:00Z", 1, 0);
    t.user = 1;
    event(&t, PAGE, "price", "2026-11-14T23:59:59Z", 1, 0);
    t.user = 2;
    event(&t, PAGE, "price", "2026-11-13T00:00:00Z", 1, 0);
    t.user = 3;
    event(&t, PAGE, NULL, "2026-10-22T00:00:00Z", 1, 0); /* 30th day */
    t.user = 4;
    event(&t, PAGE, "home", "2026-11-21T09:00:00Z", 1, 0); /* tomorrow */
    ask(&t, NOON, "page", "0123");
    ask(&t, NOON, "all", "01234");
    ask(&t, NOON, "page within 7 days", "01");
    ask(&t, NOON, "page within 1 week", "01");
    ask(&t, NOON, "page within 8 days", "012");
    ask(&t, NOON, "page within 1 day", "0");
    ask(&t, NOON, "page = \"price\" within 7 days", "1");
    ask(&t, NOON, "page != \"price\"", "03");
    ask(&t, NOON, "page != \"price\" within 7 days", "0");
    ask(&t, NOON, "page starts with \"pr\"", "12");
    ask(&t, NOON, "page since \"2026-11-14\"", "01");
    ask(&t, NOON, "page since \"2026-11-14T23:00:00Z\"", "01");
    ask(&t, NOON, "page between \"2026-11-13\" and \"2026-11-14\"", "12");
    ask(&t, NOON, "page between today - 7 days and today - 6 days", "12");
    ask(&t, NOON, "page is unknown within 7 days", "234");
    ask(&t, "2026-11-21T00:00:00Z", "page", "0124");
    ask(&t, "2026-11-21T00:00:00Z", "all", "0124");
    ask(&t, "2026-12-20T23:00:00Z", "all", "4");
    naive_free(t.n);
}

static void test_naive__hours(void **state)
{
    (void)state;
    twin t = new_twin();
    event(&t, PING, "a", "2026-11-20T12:30:00Z", 1, 0); /* this hour */
    t.user = 1;
    event(&t, PING, "a", "2026-11-20T11:00:00Z", 1, 0);
    t.user = 2;
    event(&t, PING, "b", "2026-11-19T23:59:59Z", 1, 0);
    t.user = 3;
    event(&t, PING, "b", "2026-11-20T13:00:00Z", 1, 0); /* next hour */
    ask(&t, NOON, "ping", "012");
    ask(&t, NOON, "ping within 1 hour", "0");
    ask(&t, NOON, "ping within 2 hours", "01");
    ask(&t, NOON, "ping within 1 day", "01");
    ask(&t, NOON, "ping since \"2026-11-20\"", "01");
    ask(&t, NOON, "ping since \"2026-11-20T12:59:00Z\"", "0");
    ask(&t, NOON, "ping between \"2026-11-19\" and \"2026-11-19\"", "2");
    ask(&t, NOON,
        "ping between \"2026-11-19\" and \"2026-11-20T11:59:59Z\"", "12");
    ask(&t, "2026-11-22T23:00:00Z", "ping", "013");
    naive_free(t.n);
}

static void test_naive__counts_totals_and_days(void **state)
{
    (void)state;
    twin t = new_twin();
    event(&t, PAGE, "home", "2026-11-20T01:00:00Z", 2, 199900);
    event(&t, PAGE, "price", "2026-11-20T02:00:00Z", 1, 0);
    t.provider = HUB;
    event(&t, PAGE, NULL, "2026-11-19T02:00:00Z", 1, 100);
    t.user = 1;
    t.provider = SHOP;
    event(&t, PAGE, "home", "2026-11-10T02:00:00Z", 90, 0);
    t.user = 2;
    tell(&t, VIP, NAIVE_SAY, NULL);
    t.user = 3;
    event(&t, PAGE, "home", "2026-11-10T02:00:00Z", 9, 0);
    tell(&t, PAGE, NAIVE_CLEAR, NULL);
    event(&t, PAGE, "home", "2026-11-11T02:00:00Z", 1, 0);
    ask(&t, NOON, "page at least 4 times", "01");
    ask(&t, NOON, "page exactly 4 times", "0");
    ask(&t, NOON, "page at least 5 times", "1"); /* the cap: 5 or more */
    ask(&t, NOON, "page at most 4 times", "03");
    ask(&t, NOON, "page = \"home\" exactly 2 times", "0");
    ask(&t, NOON, "page in (\"home\", \"price\") at least 3 times", "01");
    ask(&t, NOON, "page at least 1 time within 2 days from hub", "0");
    ask(&t, NOON, "page exactly 3 times from first party", "0");
    ask(&t, NOON, "page on at least 2 days", "0");
    ask(&t, NOON, "page on exactly 1 day", "13");
    ask(&t, NOON, "page at least 20 total", "0");
    ask(&t, NOON, "page at least 21 total", "");
    ask(&t, NOON, "page at most 20 total", "013");
    ask(&t, NOON, "page at most 19 total from shop", "13");
    ask(&t, NOON, "page has all (\"home\", \"price\")", "0");
    ask(&t, NOON, "page not in (\"price\")", "13");
    naive_free(t.n);
}

static void test_naive__segments(void **state)
{
    (void)state;
    twin t = new_twin();
    ast_tree *tree = NULL;
    muster_error err;
    tell(&t, VIP, NAIVE_SAY, NULL);
    t.user = 1;
    tell(&t, CITY, NAIVE_SAY, "Bonn");
    assert_int_equal(segment_parse(&tree, text_of("not vip"), &err), 0);
    naive_add_segment(t.n, "others", segment_root(tree));
    ask(&t, NOON, "segment(\"others\")", "1");
    ask(&t, NOON, "not segment(\"others\")", "0");
    segment_tree_free(tree);
    naive_free(t.n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_naive__universe_and_sets),
        cmocka_unit_test(test_naive__one_of_is_replaced_by_its_own_provider),
        cmocka_unit_test(test_naive__many_of_adds_and_takes),
        cmocka_unit_test(test_naive__numbers_and_dates),
        cmocka_unit_test(test_naive__a_ttl_ends_with_its_day_or_hour),
        cmocka_unit_test(test_naive__saying_again_lasts_as_long_as_the_latest),
        cmocka_unit_test(test_naive__events_in_windows),
        cmocka_unit_test(test_naive__hours),
        cmocka_unit_test(test_naive__counts_totals_and_days),
        cmocka_unit_test(test_naive__segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
