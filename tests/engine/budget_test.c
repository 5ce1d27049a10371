/*
 * budget_test.c - the budgets of memory and log: from half of one a
 * generation is written, beyond it facts are refused and questions answered.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/base.h"
#include "engine_support.h"

#define PEOPLE 300000u

/* People that each bring an id of their own. */
static void put_people(buffer *text, uint32_t from, uint32_t count)
{
    for (uint32_t i = from; i < from + count; i++)
        buffer_printf(text,
                      "{\"ids\":{\"cookie\":\"person-%u\"},\"set\":{\"x\":"
                      "\"v%u\"},\"events\":[{\"name\":\"e\",\"value\":\"%u\"}"
                      "]}\n", i, i % 7, i % 50);
}

static void reopen_with(house *h, uint64_t memory_bytes, uint64_t log_bytes)
{
    muster_engine_options options = MUSTER_ENGINE_OPTIONS_INIT;
    muster_error err;

    muster_engine_close(h->engine);
    options.data_dir = h->dir;
    options.mode = MUSTER_OPEN_WRITE;
    options.now = NOON;
    options.memory_bytes = memory_bytes;
    options.log_bytes = log_bytes;
    if (muster_engine_open(&h->engine, &options, &err) != 0)
        fail_msg("open: %s", err.message);
}

static int try_feed(house *h, const buffer *text, muster_error *err)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_feed *feed;

    options.format = MUSTER_INPUT_NDJSON;
    int rc = muster_feed_open(&feed, h->engine, &options, err);
    if (rc != 0)
        return rc;
    (void)muster_feed_push(feed, text->data, text->len, err);
    rc = muster_feed_finish(feed, err);
    muster_feed_free(feed);
    return rc;
}

static void test_engine_budget__memory_is_made_room_in(void **state)
{
    house *h = *state;
    const uint64_t budget = (uint64_t)4 << 20;
    buffer text;
    muster_error err;

    buffer_init(&text, (size_t)64 << 20);
    reopen_with(h, budget, 0);
    for (uint32_t i = 0; i < 4; i++) {
        buffer_clear(&text);
        put_people(&text, i * (PEOPLE / 4), PEOPLE / 4);
        if (try_feed(h, &text, &err) != 0)
            fail_msg("feed: %s", err.message);
    }
    assert_int_equal(count(h, "e"), PEOPLE);
    assert_true(stats(h).generation >= 2);
    assert_true(stats(h).memory_budget == budget);
    house_checkpoint(h);
    assert_true(stats(h).memory_bytes < budget / 2);
    buffer_release(&text);
}

static void test_engine_budget__beyond_it_facts_are_refused(void **state)
{
    house *h = *state;
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    const char *line = "{\"ids\":{\"cookie\":\"late\"},\"set\":{\"y\":"
                       "\"1\"}}\n";
    buffer text;
    muster_error err;

    buffer_init(&text, (size_t)64 << 20);
    put_people(&text, 0, 1000);
    feed(h, buffer_cstr(&text));
    reopen_with(h, 1024, 0); /* less than the names alone take */
    save(h, "s", "x = \"v3\""); /* no facts: taken */
    assert_int_equal(try_feed(h, &text, &err), MUSTER_ELIMIT);
    assert_string_equal(err.word, "memory");
    options.format = MUSTER_INPUT_NDJSON;
    assert_int_equal(muster_ingest(h->engine, &options, line, strlen(line),
                                   NULL, NULL, &err), MUSTER_ELIMIT);
    assert_string_equal(err.word, "memory");
    assert_int_equal(count(h, "segment(\"s\")"), 143);
    reopen_with(h, 0, 0);
    assert_int_equal(muster_ingest(h->engine, &options, line, strlen(line),
                                   NULL, NULL, &err), 0);
    assert_int_equal(count(h, "y = \"1\""), 1);
    buffer_release(&text);
}

static void test_engine_budget__the_log_stays_short(void **state)
{
    house *h = *state;
    const uint64_t budget = (uint64_t)1 << 20;
    muster_error err;
    buffer text;

    buffer_init(&text, (size_t)64 << 20);
    reopen_with(h, 0, budget);
    for (uint32_t i = 0; i < 30; i++) {
        buffer_clear(&text);
        put_people(&text, i * 5000, 5000);
        if (try_feed(h, &text, &err) != 0)
            fail_msg("feed: %s", err.message);
    }
    house_checkpoint(h);
    house_checkpoint(h); /* the next one's cut waits for the trimming */
    assert_int_equal(stats(h).log_budget, budget);
    assert_true(stats(h).generation > 3);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(count(h, "e"), 150000);
    buffer_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_engine_budget__memory_is_made_room_in),
        HOUSE_TEST(test_engine_budget__beyond_it_facts_are_refused),
        HOUSE_TEST(test_engine_budget__the_log_stays_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
