/*
 * dialect_test.c - one population in five forms is one state; what an input of
 * a dialect needs and leaves; loads of messages that go on; messages in a file
 * and in a request.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "engine/twin.h"
#include "support/dice.h"
#include "support/tick.h"

typedef struct input {
    muster_input_format format;
    const char *name;
    const char *provider;
    const char *id_space;
    const char *load_id;
    bool dry_run;
} input;

static char receipt_json[1 << 16]; /* of the last feed */

static muster_receipt feed_input(muster_engine *engine, const input *how,
                                 const void *bytes, size_t len)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    reject_log log = {0};
    muster_receipt receipt;
    muster_feed *feed;
    muster_error err;

    options.format = how->format;
    options.input_name = how->name;
    options.provider = how->provider;
    options.id_space = how->id_space;
    options.load_id = how->load_id;
    options.dry_run = how->dry_run;
    options.reject = note_reject;
    options.payload = &log;
    if (muster_feed_open(&feed, engine, &options, &err) != 0 ||
        muster_feed_push(feed, bytes, len, &err) != 0 ||
        muster_feed_finish(feed, &err) != 0)
        fail_msg("feed: %s", err.message);
    muster_feed_receipt(feed, &receipt);
    snprintf(receipt_json, sizeof receipt_json, "%s",
             muster_feed_receipt_json(feed));
    muster_feed_free(feed);
    return receipt;
}

static void feed_text(house *h, const input *how, const char *text)
{
    const muster_receipt r =
        feed_input(h->engine, how, text, strlen(text));
    if (r.rejected != 0)
        fail_msg("rejected: %s", receipt_json);
}

static void assert_receipt(const char *part)
{
    if (strstr(receipt_json, part) == NULL)
        fail_msg("%s\nis not in\n%s", part, receipt_json);
}

/* ---- one population in five forms ---- */

#define PEOPLE 40u

/* A person: some traits, and a city. */
typedef struct person {
    uint32_t traits; /* bits */
    uint32_t city;
} person;

typedef enum form {
    FORM_NDJSON,
    FORM_CSV,
    FORM_MSGPACK,
    FORM_AAM_SYNC,
    FORM_AAM_OVERWRITE,
    FORM_CDP,
    FORM_COUNT
} form;

static void put_list(buffer *out, const person *p, const char *between,
                     const char *around)
{
    const char *comma = "";
    for (uint32_t i = 0; i < 8; i++) {
        if ((p->traits >> i & 1) == 0)
            continue;
        buffer_printf(out, "%s%st%u%s", comma, around, i, around);
        comma = between;
    }
}

static void put_text(buffer *out, const char *text)
{
    buffer_put_u8(out, (uint8_t)(0xa0 | strlen(text)));
    buffer_put_str(out, text);
}

static void put_msgpack(buffer *out, uint32_t user, const person *p)
{
    char text[16];
    buffer_put_u8(out, 0x83);
    put_text(out, "ids");
    buffer_put_u8(out, 0x81);
    put_text(out, "cookie");
    snprintf(text, sizeof text, "u%u", user);
    put_text(out, text);
    put_text(out, "ts");
    const uint8_t ts[] = {0xce, 0x6b, 0x01, 0x87, 0x70};
    buffer_put(out, ts, sizeof ts);
    put_text(out, "set");
    buffer_put_u8(out, 0x82);
    put_text(out, "signal.tags");
    buffer_put_u8(out,
                  (uint8_t)(0x90 | __builtin_popcount(p->traits & 0xff)));
    for (uint32_t i = 0; i < 8; i++) {
        if ((p->traits >> i & 1) == 0)
            continue;
        snprintf(text, sizeof text, "t%u", i);
        put_text(out, text);
    }
    put_text(out, "signal.city");
    snprintf(text, sizeof text, "c%u", p->city);
    buffer_put_u8(out, 0x91);
    put_text(out, text);
}

static void put_person(form f, buffer *out, uint32_t user, const person *p)
{
    switch (f) {
    case FORM_NDJSON:
        buffer_printf(out, "{\"ids\":{\"cookie\":\"u%u\"},\"ts\":1795262320,"
                           "\"set\":{\"signal.tags\":[", user);
        put_list(out, p, ",", "\"");
        buffer_printf(out, "],\"signal.city\":[\"c%u\"]}}\n", p->city);
        return;
    case FORM_CSV:
        if (user == 0)
            buffer_put_str(
                out, "ids.cookie,ts,add.signal.tags,add.signal.city\n");
        buffer_printf(out, "u%u,1795262320,", user);
        put_list(out, p, "|", "");
        buffer_printf(out, ",c%u\n", p->city);
        return;
    case FORM_MSGPACK:
        put_msgpack(out, user, p);
        return;
    case FORM_AAM_SYNC:
    case FORM_AAM_OVERWRITE:
        buffer_printf(out, "u%u\tcity=c%u", user, p->city);
        for (uint32_t i = 0; i < 8; i++)
            if ((p->traits >> i & 1) != 0)
                buffer_printf(out, ", tags = \"t%u\"", i);
        buffer_put_str(out, "\n");
        return;
    case FORM_CDP:
        buffer_printf(out,
                      "{\"type\":\"identify\",\"anonymousId\":\"u%u\","
                      "\"timestamp\":\"2026-11-21T11:58:40Z\",\"traits\":{"
                      "\"signal\":{\"tags\":[", user);
        put_list(out, p, ",", "\"");
        buffer_printf(out, "],\"city\":[\"c%u\"]}}}\n", p->city);
        return;
    case FORM_COUNT:
        break;
    }
}

static void load_population(house *h, form f, uint64_t seed)
{
    static const input inputs[FORM_COUNT] = {
        [FORM_NDJSON] = {.format = MUSTER_INPUT_NDJSON, .provider = "dpid_5"},
        [FORM_CSV] = {.format = MUSTER_INPUT_CSV, .provider = "dpid_5"},
        [FORM_MSGPACK] = {.format = MUSTER_INPUT_MSGPACK,
                          .provider = "dpid_5"},
        [FORM_AAM_SYNC] = {.name = "ftp_dpm_5_1795262320.sync",
                           .id_space = "cookie"},
        [FORM_AAM_OVERWRITE] = {.format = MUSTER_INPUT_AAM_OVERWRITE,
                                .name = "ftp_dpm_5_1795262320.sync",
                                .id_space = "cookie"},
        [FORM_CDP] = {.format = MUSTER_INPUT_CDP, .provider = "dpid_5"},
    };
    random_state r;
    buffer text;
    random_seed(&r, seed);
    buffer_init(&text, 1 << 20);
    for (uint32_t i = 0; i < PEOPLE; i++) {
        const person p = {1 + dice(&r, 255), dice(&r, 5)};
        put_person(f, &text, i, &p);
    }
    const muster_receipt receipt =
        feed_input(h->engine, &inputs[f], text.data, text.len);
    if (receipt.rejected != 0 || receipt.records != PEOPLE)
        fail_msg("form %d: %s", (int)f, receipt_json);
    buffer_release(&text);
}

static void test_engine_dialect__one_population_is_one_state(void **state)
{
    static const char catalog[] =
        "{\"attributes\":{\"signal.tags\":{\"kind\":\"many_of\"},"
        "\"signal.city\":{\"kind\":\"many_of\"}}}";
    muster_state_hash first = {0, 0};
    house h = {0};
    (void)state;
    house_open(&h, NOON, 2);
    for (int f = 0; f < FORM_COUNT; f++) {
        house twin = {0};
        twin_open(&twin, &h);
        house_catalog(&twin, catalog, strlen(catalog));
        load_population(&twin, (form)f, 17);
        const muster_state_hash hash = twin_hash(twin.engine);
        if (f == 0)
            first = hash;
        if (!twin_same(hash, first))
            fail_msg("form %d is another state", f);
        house_close(&twin);
    }
    house_close(&h);
}

/* ---- what a dialect needs ---- */

static void expect_error(house *h, const input *how, const char *word)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_feed *feed;
    muster_error err;
    options.format = how->format;
    options.input_name = how->name;
    options.id_space = how->id_space;
    assert_int_equal(muster_feed_open(&feed, h->engine, &options, &err),
                     MUSTER_EINVAL);
    assert_string_equal(err.word, word);
}

static void test_engine_dialect__a_file_needs_its_name(void **state)
{
    house *h = *state;
    expect_error(h, &(input){.format = MUSTER_INPUT_AAM_SYNC},
                 "bad_input_name");
    expect_error(h, &(input){.format = MUSTER_INPUT_AAM_SYNC, .name = "x"},
                 "bad_input_name");
    expect_error(h, &(input){.format = MUSTER_INPUT_AAM_IDS,
                             .name = "ftp_dpm_5_1795262320.sync"},
                 "bad_input_name");
    expect_error(h, &(input){.format = MUSTER_INPUT_AAM_OVERWRITE,
                             .name = "adobe_id_5_6_1795262320.sync"},
                 "bad_input_name");
    expect_error(h, &(input){.name = "adobe_id_5_6_1795262320.sync",
                             .id_space = "cookie"},
                 "bad_id_space");
    expect_error(h, &(input){.name = "ftp_dpm_5_1795262320.sync",
                             .id_space = "No Space"},
                 "bad_id_space");
}

static void test_engine_dialect__spaces_are_declared_for_it(void **state)
{
    house *h = *state;
    const input how = {.name = "ftp_dpm_5_1795100000.sync"};
    const input dry = {.name = "ftp_dpm_6_1795100000.sync", .dry_run = true};
    const muster_id user = {"dpid_5", "a", 1};
    bool known = false;
    muster_error err;
    feed_text(h, &dry, "a\t24\n");
    feed_text(h, &how, "a\t24\n");
    assert_int_equal(muster_audience_lookup(h->engine, h->scope, &user, &known,
                                            NULL, NULL, &err), 0);
    assert_true(known);
    const muster_id none = {"dpid_6", "a", 1};
    assert_int_equal(muster_audience_lookup(h->engine, h->scope, &none, &known,
                                            NULL, NULL, &err),
                     MUSTER_EINVAL);
    catalog(h, "{\"mode\":\"strict\",\"providers\":{\"dpid_9\":"
               "{\"party\":\"third\"}}}");
    const input strict = {.name = "ftp_dpm_9_1795100000.sync"};
    feed_input(h->engine, &strict, "a\t24\n", 5);
    assert_receipt("\"reasons\":{\"unknown_space\":1}");
}

/* ---- receipts ---- */

static void test_engine_dialect__the_receipt_has_the_lines_of_the_original(
    void **state)
{
    house *h = *state;
    const input how = {.name = "ftp_dpm_0_21_1795100000.sync"};
    static const char file[] =
        "59767559181262060060278870901087098252\td_sid=1,d_sid=2,3:0\n"
        "5976\td_sid=1\n"
        "nothing\n"
        "59767559181262060060278870901087098252\tgender=f \n"
        "59767559181262060060278870901087098253\tgender=f\n";
    feed_input(h->engine, &how, file, strlen(file));
    assert_receipt("\"aam\":{\"records_received\":5,\"format_errors\":2,"
                   "\"records_processed\":5,\"stored_records\":2,"
                   "\"invalid_aam_id\":1,\"removals_ignored\":0,"
                   "\"total_realized_traits\":3,\"total_removed_traits\":1,"
                   "\"total_signals\":4}");
}

static void test_engine_dialect__ids_of_a_row_are_one_user(void **state)
{
    house *h = *state;
    const input rows = {.name = "adobe_id_5_6_1795100000.sync"};
    const input data = {.name = "ftp_dpm_5_1795100000.sync"};
    const input other = {.name = "ftp_dpm_6_1795100000.sync"};
    feed_text(h, &rows, "a\tx\n");
    feed_text(h, &data, "a\td_sid=1\nb\td_sid=1\n");
    feed_text(h, &other, "x\td_sid=2\n");
    assert_int_equal(count(h, "trait has all (\"1\", \"2\")"), 1);
    feed_text(h, &rows, "b\tx\n"); /* another user's already */
    assert_receipt("\"conflicts\":1");
    assert_int_equal(count(h, "trait has all (\"1\", \"2\")"), 1);
}

/* ---- messages ---- */

static void put_messages(buffer *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        buffer_printf(out,
                      "{\"type\":\"page\",\"anonymousId\":\"u%u\","
                      "\"timestamp\":\"2026-11-21T10:00:00Z\",\"messageId\":"
                      "\"m%u\"}\n",
                      i % 7, i * 2 / 3);
}

/* Events count once, wherever a load broke off. */
static void test_engine_dialect__messages_of_a_resumed_load(void **state)
{
    buffer text;
    uint32_t whole = 0;
    (void)state;
    buffer_init(&text, 1 << 20);
    put_messages(&text, 30);
    for (size_t cut = text.len; cut > 0; cut--) {
        const input how = {.format = MUSTER_INPUT_CDP, .load_id = "load"};
        house h = {0};
        if (text.data[cut - 1] != '\n')
            continue;
        house_open(&h, NOON, 2);
        feed_input(h.engine, &how, text.data, cut);
        const muster_receipt r =
            feed_input(h.engine, &how, text.data, text.len);
        uint32_t sum = 0;
        for (uint32_t n = 1; n <= 8; n++) {
            char expr[64];
            snprintf(expr, sizeof expr, "page exactly %u times", n);
            sum += n * (uint32_t)count(&h, expr);
        }
        whole = cut == text.len ? sum : whole;
        assert_int_equal(sum, whole);
        assert_int_equal(sum, 20);
        assert_int_equal(r.accepted, 20);
        assert_receipt("\"cdp\":{\"duplicates\":10,\"ignored\":0,"
                       "\"messages\":30}");
        house_close(&h);
    }
    buffer_release(&text);
}

static void test_engine_dialect__a_file_and_a_request_say_the_same(
    void **state)
{
    static const char body[] =
        "{\"batch\":[{\"type\":\"identify\",\"anonymousId\":\"a\",\"userId\":"
        "\"u\",\"timestamp\":\"2026-11-21T10:00:00Z\",\"traits\":{\"plan\":"
        "\"pro\",\"age\":34,\"email\":\"me@example.com\"}},{\"type\":"
        "\"track\",\"userId\":\"u\",\"event\":\"Order Completed\","
        "\"timestamp\":\"2026-11-21T10:00:00Z\",\"properties\":{\"revenue\":"
        "20.5}},{\"type\":\"group\",\"userId\":\"u\",\"groupId\":\"g\","
        "\"timestamp\":\"2026-11-21T10:00:00Z\",\"traits\":{\"size\":5}}]}";
    const input how = {.format = MUSTER_INPUT_CDP, .provider = "site"};
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_messages_receipt receipt;
    char *json = NULL;
    house *h = *state;
    house twin = {0};
    muster_error err;

    twin_open(&twin, h);
    feed_input(h->engine, &how, body, strlen(body));
    assert_receipt("\"dropped\":{\"pii_suspected\":1}");
    options.provider = "site";
    options.ack = MUSTER_ACK_APPLIED;
    assert_int_equal(muster_ingest_messages(twin.engine, &options,
                                            MUSTER_MESSAGE_BATCH, body,
                                            strlen(body), &receipt, &json,
                                            &err),
                     0);
    assert_int_equal(receipt.sum.accepted, 3);
    assert_int_equal(receipt.dropped, 1);
    assert_non_null(strstr(json, "\"success\":true"));
    muster_free(json);
    assert_true(twin_same(twin_hash(h->engine), twin_hash(twin.engine)));
    house_close(&twin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_dialect__one_population_is_one_state),
        HOUSE_TEST(test_engine_dialect__a_file_needs_its_name),
        HOUSE_TEST(test_engine_dialect__spaces_are_declared_for_it),
        HOUSE_TEST(
            test_engine_dialect__the_receipt_has_the_lines_of_the_original),
        HOUSE_TEST(test_engine_dialect__ids_of_a_row_are_one_user),
        cmocka_unit_test(test_engine_dialect__messages_of_a_resumed_load),
        HOUSE_TEST(test_engine_dialect__a_file_and_a_request_say_the_same),
    };
    return cmocka_run_group_tests_name("engine_dialect", tests, NULL, NULL);
}
