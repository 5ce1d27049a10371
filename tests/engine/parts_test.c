/*
 * parts_test.c - many small inputs at once, each with a key of its own; and
 * inputs that are bound to one provider.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "engine/engine_support.h"

#define PARTS_MAX 1000

typedef struct letters {
    muster_part parts[PARTS_MAX];
    char texts[PARTS_MAX][128];
    char ids[PARTS_MAX][24];
    size_t count;
} letters;

/* Event `number` of a user, named by its number unless `id` is "". */
static void put(letters *l, const char *id, unsigned number)
{
    const size_t i = l->count++;
    snprintf(l->texts[i], sizeof l->texts[i],
             "{\"ids\":{\"cookie\":\"u%u\"},\"events\":[{\"name\":\"seen\"}]}",
             number);
    snprintf(l->ids[i], sizeof l->ids[i], "%s", id);
    l->parts[i] = (muster_part){.bytes = l->texts[i],
                                .len = strlen(l->texts[i]),
                                .load_id = *id != '\0' ? l->ids[i] : NULL};
}

static muster_receipt send(house *h, letters *l, char **json)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_receipt receipt;
    muster_error err;
    options.format = MUSTER_INPUT_NDJSON;
    options.ack = MUSTER_ACK_APPLIED;
    if (muster_ingest_parts(h->engine, &options, l->parts, l->count, &receipt,
                            json, &err) != 0)
        fail_msg("parts: %s", err.message);
    return receipt;
}

static void test_engine_parts__a_key_counts_once(void **state)
{
    house *h = *state;
    letters *l = mem_zalloc(sizeof *l);
    put(l, "m1", 1);
    put(l, "m2", 2);
    put(l, "m1", 3); /* the same message, whatever it holds */
    put(l, "", 4);
    put(l, "", 4);
    assert_int_equal(send(h, l, NULL).accepted, 4);
    const bool first[] = {false, false, true, false, false};
    for (size_t i = 0; i < l->count; i++)
        assert_int_equal(l->parts[i].repeated, first[i]);
    assert_int_equal(count(h, "seen"), 3);
    assert_int_equal(count(h, "seen at least 2 times"), 1);
    const muster_receipt again = send(h, l, NULL);
    assert_int_equal(again.accepted, 2);
    assert_int_equal(again.records, 2);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(send(h, l, NULL).accepted, 2);
    assert_true(l->parts[0].repeated && l->parts[1].repeated);
    assert_int_equal(count(h, "seen"), 3);
    mem_free(l);
}

/* More than go in one go, some of which are refused. */
static void test_engine_parts__the_receipt_is_the_sum(void **state)
{
    house *h = *state;
    letters *l = mem_zalloc(sizeof *l);
    char *json = NULL;
    for (unsigned i = 0; i < 700; i++) {
        char id[24];
        snprintf(id, sizeof id, "n%u", i);
        put(l, id, i);
    }
    l->parts[299].bytes = "{\"ids\":{\"cookie\":\"x\"},\"set\":{\"A\":1}}";
    l->parts[299].len = strlen(l->parts[299].bytes);
    const muster_receipt r = send(h, l, &json);
    assert_int_equal(r.records, 700);
    assert_int_equal(r.accepted, 699);
    assert_int_equal(r.rejected, 1);
    assert_int_equal(r.users_new, 699);
    assert_non_null(strstr(json, "\"line\":300,\"offset\":0"));
    assert_non_null(strstr(json, "\"bad_name\":1"));
    muster_free(json);
    assert_int_equal(count(h, "seen"), 699);
    assert_int_equal(send(h, l, NULL).records, 0);
    mem_free(l);
}

static void test_engine_parts__one_that_cannot_be_read_stops_no_other(
    void **state)
{
    house *h = *state;
    letters *l = mem_zalloc(sizeof *l);
    put(l, "a", 1);
    put(l, "b", 2);
    l->parts[0].bytes = "\x1f\x8b\x08garbage";
    l->parts[0].len = 10;
    assert_int_equal(send(h, l, NULL).accepted, 1);
    assert_int_equal(l->parts[0].rc, MUSTER_EPARSE);
    assert_int_equal(l->parts[1].rc, 0);
    put(l, "a", 1); /* its key was not used up */
    assert_int_equal(send(h, l, NULL).accepted, 1);
    assert_int_equal(count(h, "seen"), 2);
    l->count = 0;
    assert_int_equal(send(h, l, NULL).records, 0);
    mem_free(l);
}

static void test_engine_parts__bad_options_are_refused(void **state)
{
    house *h = *state;
    letters *l = mem_zalloc(sizeof *l);
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    char id[MUSTER_LOAD_ID_BYTES_MAX + 2];
    muster_error err;
    memset(id, 'x', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    put(l, "a", 1);
    l->parts[0].load_id = id;
    assert_int_equal(muster_ingest_parts(h->engine, &options, l->parts, 1,
                                         NULL, NULL, &err),
                     MUSTER_EINVAL);
    assert_string_equal(err.word, "bad_load_id");
    l->parts[0].load_id = "";
    assert_int_equal(muster_ingest_parts(h->engine, &options, l->parts, 1,
                                         NULL, NULL, &err),
                     MUSTER_EINVAL);
    house_reopen(h, MUSTER_OPEN_READ);
    l->parts[0].load_id = NULL;
    assert_int_equal(muster_ingest_parts(h->engine, &options, l->parts, 1,
                                         NULL, NULL, &err),
                     MUSTER_EREFUSED);
    mem_free(l);
}

/* A key that was used for a body is no beginning of a load, however long the
 * body was. */
static void test_engine_parts__a_body_is_no_beginning_of_a_feed(void **state)
{
    house *h = *state;
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_feed *f = NULL;
    muster_error err;
    buffer body;
    buffer_init(&body, (size_t)1 << 20);
    while (body.len < 100000)
        buffer_put_str(&body, "{\"ids\":{\"cookie\":\"a\"}}\n");
    options.load_id = "k";
    assert_int_equal(muster_ingest(h->engine, &options, body.data, body.len,
                                   NULL, NULL, &err),
                     0);
    assert_int_equal(muster_feed_open(&f, h->engine, &options, &err),
                     MUSTER_ECONFLICT);
    assert_string_equal(err.word, "other_input");
    assert_null(f);
    buffer_release(&body);
}

static void test_engine_parts__only_one_provider(void **state)
{
    house *h = *state;
    static const char text[] =
        "{\"ids\":{\"cookie\":\"a\"},\"set\":{\"x\":\"1\"}}\n"
        "{\"ids\":{\"cookie\":\"b\"},\"provider\":\"shop\","
        "\"set\":{\"x\":\"1\"}}\n"
        "{\"ids\":{\"cookie\":\"c\"},\"provider\":\"acme\","
        "\"set\":{\"x\":\"1\"}}\n";
    static const char csv[] = "ids.cookie,provider,set.x\n"
                              "d,shop,1\ne,acme,1\nf,,1\n";
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_receipt r;
    reject_log log = {0};
    muster_error err;
    options.provider = "shop";
    options.only_provider = true;
    options.ack = MUSTER_ACK_APPLIED;
    options.reject = note_reject;
    options.payload = &log;
    assert_int_equal(muster_ingest(h->engine, &options, text, strlen(text),
                                   &r, NULL, &err),
                     0);
    assert_int_equal(r.accepted, 2);
    assert_string_equal(log.code, "foreign_provider");
    assert_string_equal(log.pointer, "/provider");
    assert_null(strstr(log.message, "acme"));
    assert_int_equal(muster_ingest(h->engine, &options, csv, strlen(csv), &r,
                                   NULL, &err),
                     0);
    assert_int_equal(r.accepted, 2);
    assert_int_equal(log.count, 2);
    assert_int_equal(count(h, "x = \"1\" from shop"), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_engine_parts__a_key_counts_once),
        HOUSE_TEST(test_engine_parts__the_receipt_is_the_sum),
        HOUSE_TEST(test_engine_parts__one_that_cannot_be_read_stops_no_other),
        HOUSE_TEST(test_engine_parts__bad_options_are_refused),
        HOUSE_TEST(test_engine_parts__a_body_is_no_beginning_of_a_feed),
        HOUSE_TEST(test_engine_parts__only_one_provider),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
