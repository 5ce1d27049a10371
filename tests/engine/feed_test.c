/*
 * feed_test.c - what applying records does: who a record is about, what the
 * catalog makes of it, why it is refused, and what a dry run leaves.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine_support.h"

/* ---- users ---- */

static void test_engine_feed__several_ids_name_one_user(void **state)
{
    house *h = *state;
    feed(h, "{\"ids\":{\"cookie\":[\"a\",\"b\"],\"customer\":\"c1\"},"
            "\"set\":{\"x\":\"1\"}}\n");
    assert_int_equal(stats(h).users, 1);
    assert_int_equal(stats(h).ids, 3);
    assert_true(has(h, "x = \"1\"", "a"));
    assert_true(has(h, "x = \"1\"", "b"));
    feed(h, "{\"ids\":{\"cookie\":\"b\"},\"set\":{\"x\":\"2\"}}\n");
    assert_true(has(h, "x = \"2\"", "a"));
    assert_int_equal(count(h, "x = \"1\""), 0);
}

static void test_engine_feed__unknown_ids_join_the_first_known(void **state)
{
    house *h = *state;
    feed(h, "{\"ids\":{\"cookie\":\"old\"},\"set\":{\"x\":\"1\"}}\n");
    const muster_receipt r =
        feed(h, "{\"ids\":{\"cookie\":[\"new1\",\"old\",\"new2\"]},"
                "\"set\":{\"y\":\"1\"}}\n");
    assert_int_equal(r.users_new, 0);
    assert_int_equal(r.conflicts, 0);
    assert_int_equal(stats(h).users, 1);
    assert_true(has(h, "x = \"1\" and y = \"1\"", "new1"));
    assert_true(has(h, "x = \"1\" and y = \"1\"", "new2"));
}

static void test_engine_feed__ids_of_another_user_stay_there(void **state)
{
    house *h = *state;
    feed(h, "{\"ids\":{\"cookie\":\"a\"},\"set\":{\"x\":\"a\"}}\n"
            "{\"ids\":{\"cookie\":\"b\"},\"set\":{\"x\":\"b\"}}\n");
    const muster_receipt r =
        feed(h, "{\"ids\":{\"cookie\":[\"n\",\"b\",\"a\"]},"
                "\"set\":{\"y\":\"1\"}}\n");
    assert_int_equal(r.conflicts, 1);
    assert_int_equal(r.accepted, 1);
    assert_int_equal(stats(h).users, 2);
    assert_true(has(h, "y = \"1\"", "b")); /* b stands before a */
    assert_true(has(h, "y = \"1\"", "n")); /* joined b */
    assert_false(has(h, "y = \"1\"", "a"));
    assert_true(has(h, "x = \"a\"", "a"));
}

static void test_engine_feed__the_same_id_twice_is_no_conflict(void **state)
{
    house *h = *state;
    const muster_receipt r =
        feed(h, "{\"ids\":{\"cookie\":[\"a\",\"a\"]},\"set\":{\"x\":1}}\n");
    assert_int_equal(r.users_new, 1);
    assert_int_equal(r.conflicts, 0);
    assert_int_equal(stats(h).ids, 1);
}

static void test_engine_feed__spaces_tell_ids_apart(void **state)
{
    house *h = *state;
    feed(h, "{\"ids\":{\"cookie\":\"same\"},\"set\":{\"x\":\"1\"}}\n"
            "{\"ids\":{\"customer\":\"same\"},\"set\":{\"x\":\"2\"}}\n");
    assert_int_equal(stats(h).users, 2);
    assert_true(has(h, "x = \"1\"", "same"));
}

/* ---- what records say ---- */

static void test_engine_feed__order_inside_a_record(void **state)
{
    house *h = *state;
    feed(h, "{\"ids\":{\"cookie\":\"a\"},\"set\":{\"f\":true,\"t\":[\"x\","
            "\"y\"],\"c\":\"DE\",\"n\":5}}\n"
            "{\"ids\":{\"cookie\":\"a\"},\"clear\":[\"t\",\"n\"],"
            "\"remove\":{\"c\":[\"DE\"]},\"add\":{\"t\":[\"z\"]}}\n");
    assert_int_equal(count(h, "t = \"x\" or t = \"y\""), 0);
    assert_int_equal(count(h, "t = \"z\" and f"), 1);
    assert_int_equal(count(h, "c is known"), 0);
    assert_int_equal(count(h, "n is unknown"), 1);
    feed(h, "{\"ids\":{\"cookie\":\"a\"},\"set\":{\"f\":false,\"t\":[\"q\"],"
            "\"n\":null}}\n");
    assert_int_equal(count(h, "f or t = \"z\""), 0);
    assert_int_equal(count(h, "t = \"q\""), 1);
}

static void test_engine_feed__providers_replace_only_their_own(void **state)
{
    house *h = *state;
    feed(h, "{\"ids\":{\"cookie\":\"a\"},\"provider\":\"p\","
            "\"set\":{\"c\":\"DE\"}}\n"
            "{\"ids\":{\"cookie\":\"a\"},\"provider\":\"q\","
            "\"set\":{\"c\":\"AT\"}}\n"
            "{\"ids\":{\"cookie\":\"a\"},\"provider\":\"p\","
            "\"clear\":[\"c\"]}\n");
    assert_int_equal(count(h, "c = \"DE\""), 0);
    assert_int_equal(count(h, "c = \"AT\""), 1);
    assert_int_equal(count(h, "c = \"AT\" from p"), 0);
    assert_int_equal(count(h, "c = \"AT\" from q"), 1);
}

static void test_engine_feed__removing_what_was_never_said(void **state)
{
    house *h = *state;
    const muster_receipt r =
        feed(h, "{\"ids\":{\"cookie\":\"a\"},\"remove\":{\"t\":[\"x\"]},"
                "\"clear\":[\"u\"]}\n");
    assert_int_equal(r.facts, 2);
    assert_int_equal(stats(h).attributes, 0);
    assert_int_equal(stats(h).users, 1);
    assert_int_equal(count(h, "all"), 0); /* nothing said yet */
}

/* ---- refusals ---- */

#define USER "{\"ids\":{\"cookie\":\"a\"},"

static void test_engine_feed__kinds_are_kept(void **state)
{
    house *h = *state;
    feed(h, USER "\"set\":{\"one\":\"x\",\"num\":5,\"flag\":true,"
                 "\"many\":[\"x\"]},\"events\":[{\"name\":\"ev\"}]}\n");
    expect_reject(h, USER "\"set\":{\"one\":5}}\n", "wrong_kind", "/set/one");
    expect_reject(h, USER "\"set\":{\"num\":\"x\"}}\n", "wrong_kind",
                  "/set/num");
    expect_reject(h, USER "\"set\":{\"flag\":\"x\"}}\n", "wrong_kind",
                  "/set/flag");
    expect_reject(h, USER "\"set\":{\"many\":\"x\"}}\n", "wrong_kind",
                  "/set/many");
    expect_reject(h, USER "\"set\":{\"ev\":true}}\n", "wrong_kind",
                  "/set/ev");
    expect_reject(h, USER "\"set\":{\"one\":[\"x\"]}}\n", "wrong_kind",
                  "/set/one");
    expect_reject(h, USER "\"set\":{\"one\":false}}\n", "wrong_kind",
                  "/set/one");
    expect_reject(h, USER "\"add\":{\"one\":[\"x\"]}}\n", "wrong_kind",
                  "/add/one");
    expect_reject(h, USER "\"remove\":{\"num\":[\"5\"]}}\n", "wrong_kind",
                  "/remove/num");
    expect_reject(h, USER "\"events\":[{\"name\":\"ev\"},"
                          "{\"name\":\"one\"}]}\n",
                  "wrong_kind", "/events/1");
    assert_int_equal(count(h, "num = 5 and one = \"x\" and flag"), 1);
}

static void test_engine_feed__a_new_name_has_one_kind_in_a_record(
    void **state)
{
    house *h = *state;
    expect_reject(h, USER "\"set\":{\"x\":\"a\"},\"add\":{\"x\":[\"b\"]}}\n",
                  "wrong_kind", "/add/x");
    assert_int_equal(stats(h).attributes, 0);
    feed(h, USER "\"set\":{\"x\":[\"a\"]},\"add\":{\"x\":[\"b\"]}}\n");
    assert_int_equal(count(h, "x has all (\"a\", \"b\")"), 1);
}

static void test_engine_feed__a_refused_record_leaves_nothing(void **state)
{
    house *h = *state;
    feed(h, USER "\"set\":{\"one\":\"x\"}}\n");
    const muster_engine_stats before = stats(h);
    expect_reject(h, "{\"ids\":{\"cookie\":\"new\"},\"provider\":\"fresh\","
                     "\"set\":{\"y\":\"1\",\"one\":5}}\n",
                  "wrong_kind", "/set/one");
    const muster_engine_stats after = stats(h);
    assert_int_equal(after.users, before.users);
    assert_int_equal(after.ids, before.ids);
    assert_int_equal(after.attributes, before.attributes);
    assert_int_equal(after.values, before.values);
    assert_int_equal(after.providers, before.providers);
}

static void test_engine_feed__strict_refuses_what_is_not_declared(
    void **state)
{
    house *h = *state;
    catalog(h, "{\"mode\":\"strict\",\"providers\":{\"acme\":{\"party\":"
               "\"first\"}},\"attributes\":{\"x\":{\"kind\":\"one_of\"}}}");
    expect_reject(h, USER "\"provider\":\"acme\",\"set\":{\"y\":\"1\"}}\n",
                  "unknown_attribute", "/set/y");
    expect_reject(h, USER "\"provider\":\"acme\",\"events\":[{\"name\":"
                          "\"e\"}]}\n",
                  "unknown_attribute", "/events/0");
    expect_reject(h, USER "\"provider\":\"other\",\"set\":{\"x\":\"1\"}}\n",
                  "unknown_provider", "/provider");
    feed(h, USER "\"provider\":\"acme\",\"set\":{\"x\":\"1\"}}\n");
    catalog(h, "{\"mode\":\"lenient\"}");
    feed(h, USER "\"provider\":\"other\",\"set\":{\"y\":\"1\"}}\n");
    assert_int_equal(count(h, "x = \"1\" and y = \"1\""), 1);
}

static void test_engine_feed__spaces_are_declared_first(void **state)
{
    house *h = *state;
    expect_reject(h, "{\"ids\":{\"loyalty\":\"l1\"},\"set\":{\"x\":1}}\n",
                  "unknown_space", "/ids/loyalty");
    catalog(h, "{\"id_spaces\":{\"loyalty\":{}}}");
    feed(h, "{\"ids\":{\"loyalty\":\"l1\"},\"set\":{\"x\":1}}\n");
    assert_int_equal(count(h, "x = 1"), 1);
}

static void test_engine_feed__amounts_are_declared(void **state)
{
    house *h = *state;
    catalog(h, "{\"attributes\":{\"plain\":{\"kind\":\"event\"}}}");
    expect_reject(h, USER "\"events\":[{\"name\":\"plain\"},{\"name\":"
                          "\"plain\",\"amount\":5}]}\n",
                  "no_amount", "/events/1");
    feed(h, USER "\"events\":[{\"name\":\"buy\"}]}\n"
            USER "\"events\":[{\"name\":\"buy\",\"amount\":2.5}]}\n");
    assert_int_equal(count(h, "buy at least 2 total"), 1);
    assert_int_equal(count(h, "buy at least 3 total"), 0);
}

static void test_engine_feed__dates_for_numbers_that_are_dates(void **state)
{
    house *h = *state;
    catalog(h, "{\"attributes\":{\"ends\":{\"kind\":\"number\",\"unit\":"
               "\"date\"}}}");
    expect_reject(h, USER "\"set\":{\"ends\":\"soon\"}}\n", "bad_number",
                  "/set/ends");
    feed(h, USER "\"set\":{\"ends\":\"2026-12-01\"}}\n");
    assert_int_equal(
        count(h, "ends between \"2026-12-01\" and today + 10 days"), 1);
    assert_int_equal(count(h, "ends < \"2026-12-01\""), 0);
}

static void test_engine_feed__rejects_come_in_order_of_input(void **state)
{
    house *h = *state;
    reject_log log = {0};
    const muster_receipt r = feed_with(
        h->engine,
        USER "\"set\":{\"x\":\"1\"}}\n"
        "not json\n"
        USER "\"set\":{\"x\":2}}\n"
        "[]\n"
        USER "\"set\":{\"x\":\"3\"}}\n"
        USER "\"set\":{\"x\":4}}\n", false, &log);
    assert_int_equal(r.records, 6);
    assert_int_equal(r.accepted, 2);
    assert_int_equal(r.rejected, 4);
    assert_int_equal(log.count, 4);
    assert_int_equal(log.line, 6);
    assert_string_equal(log.code, "wrong_kind");
}

/* ---- ends of a feed ---- */

static void test_engine_feed__max_errors_stops_and_keeps_what_was_accepted(
    void **state)
{
    house *h = *state;
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    const char *text = USER "\"set\":{\"x\":\"1\"}}\nno\nno\nno\n";
    muster_feed *f;
    muster_receipt r;
    muster_error err;

    options.format = MUSTER_INPUT_NDJSON;
    options.max_errors = 2;
    assert_int_equal(muster_feed_open(&f, h->engine, &options, &err), 0);
    int rc = muster_feed_push(f, text, strlen(text), &err);
    if (rc == 0)
        rc = muster_feed_finish(f, &err);
    else
        assert_int_equal(muster_feed_finish(f, &err), rc);
    assert_int_equal(rc, MUSTER_ECANCELLED);
    assert_string_equal(err.word, "max_errors");
    muster_feed_receipt(f, &r);
    assert_int_equal(r.accepted, 1);
    muster_feed_free(f);
    assert_int_equal(count(h, "x = \"1\""), 1);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(count(h, "x = \"1\""), 1);
}

static void test_engine_feed__one_feed_of_a_load_id_at_a_time(void **state)
{
    house *h = *state;
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_feed *one;
    muster_feed *two;
    muster_error err;

    options.format = MUSTER_INPUT_NDJSON;
    options.load_id = "a";
    assert_int_equal(muster_feed_open(&one, h->engine, &options, &err), 0);
    assert_int_equal(muster_feed_open(&two, h->engine, &options, &err),
                     MUSTER_EBUSY);
    assert_string_equal(err.word, "feeding");
    assert_null(two);
    options.load_id = "b";
    assert_int_equal(muster_feed_open(&two, h->engine, &options, &err), 0);
    muster_feed_free(two);
    muster_feed_free(one);
    options.load_id = "a";
    assert_int_equal(muster_feed_open(&two, h->engine, &options, &err), 0);
    muster_feed_free(two);
    muster_feed_free(NULL);
}

/* ---- how the input is read ---- */

typedef muster_receipt (*way_in)(house *h, const muster_feed_options *options,
                                 const char *text);

/* The options' texts are needed until the feed is open. */
static muster_receipt feed_text(house *h, const muster_feed_options *options,
                                const char *text)
{
    muster_feed_options passing = *options;
    char provider[16] = "";
    muster_receipt receipt;
    muster_feed *feed;
    muster_error err;

    if (options->provider) {
        snprintf(provider, sizeof provider, "%s", options->provider);
        passing.provider = provider;
    }
    assert_int_equal(muster_feed_open(&feed, h->engine, &passing, &err), 0);
    memset(provider, 'x', sizeof provider);
    assert_int_equal(muster_feed_push(feed, text, strlen(text), &err), 0);
    assert_int_equal(muster_feed_finish(feed, &err), 0);
    muster_feed_receipt(feed, &receipt);
    muster_feed_free(feed);
    return receipt;
}

static muster_receipt send_text(house *h, const muster_feed_options *options,
                                const char *text)
{
    muster_receipt receipt;
    muster_error err;
    assert_int_equal(muster_ingest(h->engine, options, text, strlen(text),
                                   &receipt, NULL, &err), 0);
    return receipt;
}

static void test_engine_feed__format_and_provider_are_the_options(void **state)
{
    house *h = *state;
    static const way_in ways[] = {feed_text, send_text};
    static const char csv[] = "ids.cookie,set.x\na,one\n";
    static const char json[] = "{\"ids\":{\"cookie\":\"a\"},"
                               "\"set\":{\"x\":\"two\"}}\n";

    for (size_t i = 0; i < 2; i++) {
        muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
        options.provider = i == 0 ? "p" : "q";
        options.ack = MUSTER_ACK_APPLIED; /* the questions come at once */
        assert_int_equal(ways[i](h, &options, csv).accepted, 1);
        options.format = MUSTER_INPUT_CSV;
        assert_int_equal(ways[i](h, &options, csv).accepted, 1);
        options.format = MUSTER_INPUT_NDJSON;
        assert_int_equal(ways[i](h, &options, csv).rejected, 2);
        options.provider = NULL;
        assert_int_equal(ways[i](h, &options, json).accepted, 1);
    }
    assert_int_equal(count(h, "x = \"one\" from p"), 1);
    assert_int_equal(count(h, "x = \"one\" from q"), 1);
    assert_int_equal(count(h, "x = \"two\" from default"), 1);
}

/* ---- dry run ---- */

static void test_engine_feed__a_dry_run_changes_nothing(void **state)
{
    house *h = *state;
    reject_log log = {0};
    feed(h, USER "\"set\":{\"x\":\"1\"}}\n");
    const muster_engine_stats before = stats(h);
    const muster_receipt r = feed_with(
        h->engine,
        USER "\"set\":{\"x\":\"2\"}}\n"
        "{\"ids\":{\"cookie\":[\"b\",\"a\"]},\"set\":{\"y\":\"2\"}}\n"
        "{\"ids\":{\"cookie\":\"c\"},\"provider\":\"p\",\"set\":{\"z\":1}}\n"
        "{\"ids\":{\"cookie\":\"d\"},\"set\":{\"z\":\"text\"}}\n"
        "{\"ids\":{\"cookie\":\"c\"},\"set\":{\"z\":2}}\n", true, &log);
    assert_int_equal(r.accepted, 4);
    assert_int_equal(r.rejected, 1);
    assert_int_equal(r.users_new, 1);
    assert_string_equal(log.pointer, "/set/z"); /* judged as it would be */
    const muster_engine_stats after = stats(h);
    assert_int_equal(after.epoch, before.epoch);
    assert_int_equal(after.users, before.users);
    assert_int_equal(after.attributes, before.attributes);
    assert_int_equal(after.values, before.values);
    assert_int_equal(after.providers, before.providers);
    assert_int_equal(after.disk_bytes, before.disk_bytes);
    assert_int_equal(count(h, "x = \"1\""), 1);
}

static void test_engine_feed__a_dry_run_works_on_a_reader(void **state)
{
    house *h = *state;
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_feed *f;
    muster_error err;

    feed(h, USER "\"set\":{\"x\":\"1\"}}\n");
    house_reopen(h, MUSTER_OPEN_READ);
    assert_int_equal(muster_feed_open(&f, h->engine, &options, &err),
                     MUSTER_EREFUSED);
    const muster_receipt r =
        feed_with(h->engine, USER "\"set\":{\"x\":\"2\"}}\n", true, NULL);
    assert_int_equal(r.accepted, 1);
    assert_int_equal(count(h, "x = \"1\""), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_engine_feed__several_ids_name_one_user),
        HOUSE_TEST(test_engine_feed__unknown_ids_join_the_first_known),
        HOUSE_TEST(test_engine_feed__ids_of_another_user_stay_there),
        HOUSE_TEST(test_engine_feed__the_same_id_twice_is_no_conflict),
        HOUSE_TEST(test_engine_feed__spaces_tell_ids_apart),
        HOUSE_TEST(test_engine_feed__order_inside_a_record),
        HOUSE_TEST(test_engine_feed__providers_replace_only_their_own),
        HOUSE_TEST(test_engine_feed__removing_what_was_never_said),
        HOUSE_TEST(test_engine_feed__kinds_are_kept),
        HOUSE_TEST(test_engine_feed__a_new_name_has_one_kind_in_a_record),
        HOUSE_TEST(test_engine_feed__a_refused_record_leaves_nothing),
        HOUSE_TEST(test_engine_feed__strict_refuses_what_is_not_declared),
        HOUSE_TEST(test_engine_feed__spaces_are_declared_first),
        HOUSE_TEST(test_engine_feed__amounts_are_declared),
        HOUSE_TEST(test_engine_feed__dates_for_numbers_that_are_dates),
        HOUSE_TEST(test_engine_feed__rejects_come_in_order_of_input),
        HOUSE_TEST(
            test_engine_feed__max_errors_stops_and_keeps_what_was_accepted),
        HOUSE_TEST(test_engine_feed__one_feed_of_a_load_id_at_a_time),
        HOUSE_TEST(test_engine_feed__format_and_provider_are_the_options),
        HOUSE_TEST(test_engine_feed__a_dry_run_changes_nothing),
        HOUSE_TEST(test_engine_feed__a_dry_run_works_on_a_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
