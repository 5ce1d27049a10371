/*
 * twice_test.c - nothing counts twice: loads that go on after a break, loads
 * repeated, idempotency keys, many threads with small bodies.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include "base/base.h"
#include "engine_support.h"
#include "support/dice.h"

/* ---- loads ---- */

static void put_visits(buffer *text, uint32_t people)
{
    for (uint32_t i = 0; i < people; i++)
        buffer_printf(text,
                      "{\"ids\":{\"cookie\":\"c%u\"},\"events\":[{\"name\":"
                      "\"visit\",\"count\":%u}]}\n", i, 1 + i % 3);
}

/* Pushes the first `len` bytes and finishes, or breaks off. */
static int push(house *h, const char *id, const buffer *text, size_t len,
                bool finish, muster_receipt *receipt, muster_error *err)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_feed *feed;

    options.format = MUSTER_INPUT_NDJSON;
    options.load_id = id;
    int rc = muster_feed_open(&feed, h->engine, &options, err);
    if (rc != 0)
        return rc;
    rc = muster_feed_push(feed, text->data, len, err);
    if (finish && rc == 0)
        rc = muster_feed_finish(feed, err);
    if (receipt)
        muster_feed_receipt(feed, receipt);
    muster_feed_free(feed);
    return rc;
}

static void expect_visits(house *h, uint32_t people)
{
    assert_int_equal(count(h, "visit at least 1 times"), people);
    assert_int_equal(count(h, "visit at least 2 times"), people - (people + 2) / 3);
    assert_int_equal(count(h, "visit at least 3 times"), people / 3);
    assert_int_equal(count(h, "visit at least 4 times"), 0);
}

static void test_engine_twice__a_load_goes_on_after_a_break(void **state)
{
    house *h = *state;
    const uint32_t people = (uint32_t)test_size(60000, 600000);
    uint64_t seed = 20261122;
    (void)test_seed(&seed);
    random_state r;
    muster_receipt receipt;
    muster_error err;
    buffer text;

    random_seed(&r, seed);
    buffer_init(&text, (size_t)256 << 20);
    put_visits(&text, people);
    for (int i = 0; i < 6; i++) {
        const size_t len = random_below(&r, (uint32_t)text.len);
        if (push(h, "one", &text, len, false, NULL, &err) != 0 &&
            strcmp(err.word, "other_input") != 0)
            fail_msg("push: %s (seed %llu)", err.message,
                     (unsigned long long)seed);
        if (i % 2 == 0)
            house_checkpoint(h);
        house_reopen(h, MUSTER_OPEN_WRITE);
    }
    assert_int_equal(push(h, "one", &text, text.len, true, &receipt, &err),
                     0);
    assert_int_equal(receipt.accepted, people);
    assert_int_equal(receipt.users_new, people);
    expect_visits(h, people);
    assert_int_equal(push(h, "one", &text, text.len, true, &receipt, &err),
                     0);
    assert_true(receipt.repeated);
    assert_int_equal(receipt.resumed, text.len);
    assert_int_equal(receipt.accepted, people);
    house_reopen(h, MUSTER_OPEN_WRITE);
    expect_visits(h, people);
    buffer_release(&text);
}

static void test_engine_twice__another_input_is_refused(void **state)
{
    house *h = *state;
    muster_error err;
    buffer text;

    buffer_init(&text, (size_t)1 << 20);
    put_visits(&text, 100);
    assert_int_equal(push(h, "one", &text, text.len, true, NULL, &err), 0);
    buffer_clear(&text);
    buffer_put_u8(&text, '\n');
    put_visits(&text, 100);
    assert_int_equal(push(h, "one", &text, text.len, true, NULL, &err),
                     MUSTER_ECONFLICT);
    assert_string_equal(err.word, "other_input");
    assert_int_equal(push(h, "two", &text, text.len, true, NULL, &err), 0);
    assert_int_equal(count(h, "visit at least 4 times"), 66); /* twice 2, twice 3 */
    buffer_release(&text);
}

/* ---- bodies ---- */

static int send_body(house *h, const char *key, const char *body,
                     muster_ack ack, muster_receipt *receipt,
                     muster_error *err)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    options.format = MUSTER_INPUT_NDJSON;
    options.load_id = key;
    options.ack = ack;
    return muster_ingest(h->engine, &options, body, strlen(body), receipt,
                         NULL, err);
}

#define BODY                                                                 \
    "{\"ids\":{\"cookie\":\"a\"},\"events\":[{\"name\":\"visit\"}]}\n"       \
    "no\n"                                                                   \
    "{\"ids\":{\"cookie\":\"b\"},\"events\":[{\"name\":\"visit\"}]}\n"

static void test_engine_twice__a_key_counts_once(void **state)
{
    house *h = *state;
    muster_receipt first;
    muster_receipt again;
    muster_error err;

    assert_int_equal(send_body(h, "k1", BODY, MUSTER_ACK_APPLIED, &first,
                               &err), 0);
    assert_int_equal(first.accepted, 2);
    assert_int_equal(first.rejected, 1);
    assert_false(first.repeated);
    assert_int_equal(count(h, "visit"), 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send_body(h, "k1", BODY, MUSTER_ACK_APPLIED, &again,
                                   &err), 0);
        assert_true(again.repeated);
        assert_int_equal(again.accepted, 2);
        assert_int_equal(again.rejected, 1);
        assert_int_equal(again.users_new, 2);
        assert_int_equal(again.epoch, first.epoch);
        house_reopen(h, MUSTER_OPEN_WRITE);
    }
    assert_int_equal(count(h, "visit at least 2 times"), 0);
    assert_int_equal(send_body(h, "k1", BODY "\n", MUSTER_ACK_APPLIED, NULL,
                               &err), MUSTER_ECONFLICT);
    assert_string_equal(err.word, "other_input");
    assert_int_equal(send_body(h, NULL, BODY, MUSTER_ACK_APPLIED, NULL,
                               &err), 0);
    assert_int_equal(count(h, "visit at least 2 times"), 2);
}

static void test_engine_twice__bodies_are_read_whole_or_not(void **state)
{
    house *h = *state;
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_receipt receipt;
    char *json;
    char *large = malloc(MUSTER_INGEST_BYTES_MAX + 1);
    muster_error err;

    assert_non_null(large);
    memset(large, '\n', MUSTER_INGEST_BYTES_MAX + 1);
    assert_int_equal(muster_ingest(h->engine, &options, large,
                                   MUSTER_INGEST_BYTES_MAX + 1, NULL, NULL,
                                   &err), MUSTER_ELIMIT);
    assert_string_equal(err.word, "long_body");
    free(large);
    options.format = MUSTER_INPUT_NDJSON;
    assert_int_equal(muster_ingest(h->engine, &options, "", 0, &receipt,
                                   &json, &err), 0);
    assert_int_equal(receipt.records, 0);
    assert_non_null(strstr(json, "\"records\":0"));
    muster_free(json);
    options.dry_run = true;
    assert_int_equal(muster_ingest(h->engine, &options, BODY, strlen(BODY),
                                   NULL, NULL, &err), MUSTER_EINVAL);
    house_reopen(h, MUSTER_OPEN_READ);
    assert_int_equal(send_body(h, NULL, BODY, MUSTER_ACK_DURABLE, NULL, &err),
                     MUSTER_EREFUSED);
}

/* ---- many threads ---- */

#define SENDERS 8

typedef struct sender {
    pthread_t thread;
    house *h;
    uint32_t number;
    uint32_t bodies;
    char wrong[256];
} sender;

/* Each sends every body twice and sees it at once when told `applied`. */
static void *run_sender(void *payload)
{
    sender *s = payload;
    muster_segment *mine = NULL;
    char text[256];
    muster_error err;

    snprintf(text, sizeof text, "user_%u", s->number);
    for (uint32_t i = 0; i < s->bodies && !s->wrong[0]; i++) {
        char body[256];
        char key[32];
        bool member = false;
        snprintf(key, sizeof key, "%u-%u", s->number, i);
        snprintf(body, sizeof body,
                 "{\"ids\":{\"cookie\":\"s%u-%u\"},\"set\":{\"user_%u\":true"
                 "},\"events\":[{\"name\":\"visit\"}]}\n", s->number, i,
                 s->number);
        for (int twice = 0; twice < 2 && !s->wrong[0]; twice++)
            if (send_body(s->h, key, body, i % 2 ? MUSTER_ACK_APPLIED
                                                 : MUSTER_ACK_DURABLE,
                          NULL, &err) != 0)
                snprintf(s->wrong, sizeof s->wrong, "%.200s", err.message);
        if (i == 1 && muster_segment_compile(&mine, s->h->engine, s->h->scope,
                                             text, strlen(text), &err) != 0)
            snprintf(s->wrong, sizeof s->wrong, "%.200s", err.message);
        if (i % 2 == 0 || s->wrong[0])
            continue;
        snprintf(key, sizeof key, "s%u-%u", s->number, i);
        const muster_id id = {"cookie", key, strlen(key)};
        if (muster_segment_has(mine, &id, &member, &err) != 0 || !member)
            snprintf(s->wrong, sizeof s->wrong, "applied, and not seen");
    }
    muster_segment_free(mine);
    return NULL;
}

static void test_engine_twice__many_threads_share_commits(void **state)
{
    house *h = *state;
    const uint32_t bodies = (uint32_t)test_size(100, 2000);
    sender senders[SENDERS];

    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = (sender){.h = h, .number = i, .bodies = bodies};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, run_sender,
                                        &senders[i]), 0);
    }
    for (int i = 0; i < 5; i++)
        house_checkpoint(h);
    for (uint32_t i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
        if (senders[i].wrong[0])
            fail_msg("sender %u: %s", i, senders[i].wrong);
    }
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(count(h, "visit"), SENDERS * bodies);
    assert_int_equal(count(h, "visit at least 2 times"), 0);
    assert_int_equal(count(h, "user_3"), bodies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_engine_twice__a_load_goes_on_after_a_break),
        HOUSE_TEST(test_engine_twice__another_input_is_refused),
        HOUSE_TEST(test_engine_twice__a_key_counts_once),
        HOUSE_TEST(test_engine_twice__bodies_are_read_whole_or_not),
        HOUSE_TEST(test_engine_twice__many_threads_share_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
