/*
 * cdp_read_test.c - files of messages: a message means what its record does;
 * batches, repeated messages, what is left out, and malformed lines.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest_support.h"

static cdp_attribute find(const void *names, const char *name)
{
    (void)names;
    return (cdp_attribute){
        strcmp(name, "age") == 0 ? CDP_KIND_NUMBER : CDP_KIND_NONE, false};
}

static ingest_options options_of(dialect *d)
{
    ingest_options options = test_options(INGEST_CDP);
    memset(d, 0, sizeof *d);
    d->format = INGEST_CDP;
    d->view = (cdp_view){.find = find};
    options.dialect = d;
    return options;
}

static void assert_same(const char *messages, const char *records)
{
    dialect d;
    buffer a;
    buffer b;
    const ingest_options options = options_of(&d);
    const ingest_options plain = test_options(INGEST_NDJSON);
    parse_chunk_text(&a, &options, messages, strlen(messages));
    parse_chunk_text(&b, &plain, records, strlen(records));
    assert_string_equal(buffer_cstr(&a), buffer_cstr(&b));
    buffer_release(&a);
    buffer_release(&b);
}

static void test_ingest_cdp_read__messages_are_records(void **state)
{
    (void)state;
    assert_same("{\"type\":\"identify\",\"anonymousId\":\"a\",\"timestamp\":"
                "\"2026-11-20T10:00:00Z\",\"traits\":{\"age\":\"34\","
                "\"plan\":\"pro\"}}\n\n"
                "{\"type\":\"track\",\"userId\":\"u\",\"event\":\"Order "
                "Completed\",\"timestamp\":\"2026-11-20T10:00:00Z\","
                "\"properties\":{\"revenue\":20.5}}\n",
                "{\"ids\":{\"cookie\":\"a\"},\"ts\":1795168800,\"set\":"
                "{\"age\":34,\"plan\":\"pro\"}}\n"
                "{\"ids\":{\"customer\":\"u\"},\"ts\":1795168800,\"events\":"
                "[{\"name\":\"order_completed\",\"amount\":20.5}]}\n");
    assert_same("{\"batch\":[{\"type\":\"page\",\"anonymousId\":\"a\","
                "\"timestamp\":\"2026-11-20T10:00:00Z\",\"name\":\"Home\"},"
                "{\"type\":\"group\",\"userId\":\"u\",\"timestamp\":"
                "\"2026-11-20T10:00:00Z\",\"groupId\":\"g\"}]}",
                "{\"ids\":{\"cookie\":\"a\"},\"ts\":1795168800,\"events\":"
                "[{\"name\":\"page\",\"value\":\"Home\"}]}\n"
                "{\"ids\":{\"customer\":\"u\"},\"ts\":1795168800,\"add\":"
                "{\"group\":\"g\"}}\n");
}

static void test_ingest_cdp_read__malformed_lines(void **state)
{
    static const struct {
        const char *line;
        ingest_reason reason;
        const char *pointer;
    } cases[] = {
        {"x", INGEST_BAD_JSON, ""},
        {"[]", INGEST_BAD_JSON, ""},
        {"{\"batch\":3}", INGEST_BAD_JSON, ""},
        {"{\"a\":\"\xff\"}", INGEST_BAD_UTF8, ""},
        {"{\"type\":\"foo\",\"userId\":\"u\"}", INGEST_WRONG_TYPE, "/type"},
        {"{\"type\":\"identify\"}", INGEST_NO_IDS, ""},
        {"{\"type\":\"track\",\"userId\":\"u\"}", INGEST_WRONG_TYPE,
         "/event"},
        {"{\"type\":\"identify\",\"userId\":\"me@example.com\"}",
         INGEST_NO_IDS, ""},
        {"{\"type\":\"identify\",\"userId\":\"u\",\"timestamp\":\"soon\"}",
         INGEST_BAD_TIME, "/timestamp"},
        {"{\"type\":\"page\",\"userId\":\"u\",\"timestamp\":"
         "\"2029-11-20T10:00:00Z\"}",
         INGEST_FUTURE, ""},
        {"{\"batch\":[{\"type\":\"foo\"}]}", INGEST_WRONG_TYPE, "/type"},
    };
    dialect d;
    const ingest_options options = options_of(&d);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(&options, cases[i].line, strlen(cases[i].line),
                       cases[i].reason, cases[i].pointer);
}

static void test_ingest_cdp_read__what_is_left_out_is_counted(void **state)
{
    static const char line[] =
        "{\"type\":\"identify\",\"userId\":\"u\",\"traits\":{\"email\":"
        "\"me@example.com\",\"1\":2,\"plan\":\"pro\"}}\n"
        "{\"type\":\"page\",\"userId\":\"u\",\"properties\":{\"sku\":\"a\"}}";
    dialect d;
    fact_batch *b = NULL;
    const ingest_options options = options_of(&d);
    (void)state;
    assert_int_equal(
        ingest_parse_chunk(&options, line, strlen(line), &b, NULL), 0);
    assert_int_equal(b->record_count, 2);
    assert_int_equal(tally_get(&b->tally, "messages"), 2);
    assert_int_equal(tally_get(&b->tally, "ignored"), 1);
    assert_int_equal(tally_get(&b->tally, "dropped/pii_suspected"), 1);
    assert_int_equal(tally_get(&b->tally, "dropped/bad_name"), 1);
    fact_batch_free(b);
}

static void test_ingest_cdp_read__a_message_counts_once(void **state)
{
    static const char lines[] =
        "{\"type\":\"page\",\"userId\":\"u\",\"messageId\":\"m1\"}\n"
        "{\"type\":\"page\",\"userId\":\"u\"}\n"
        "{\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"messageId\":"
        "\"m1\"},{\"type\":\"page\",\"userId\":\"v\",\"messageId\":\"m2\"},"
        "{\"type\":\"page\",\"userId\":\"u\"}]}\n";
    dialect d;
    fact_batch *b = NULL;
    const ingest_options options = options_of(&d);
    (void)state;
    dialect_once *once = dialect_once_new(&d, DIALECT_USERS_MAX);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            ingest_parse_chunk(&options, lines, strlen(lines), &b, NULL), 0);
        assert_int_equal(b->record_count, 5);
        assert_int_equal(dialect_once_pass(once, b, NULL), 0);
        assert_int_equal(b->record_count, i == 0 ? 4 : 2);
        assert_int_equal(tally_get(&b->tally, "duplicates"), i == 0 ? 1 : 3);
        fact_batch_free(b);
    }
    dialect_once_free(once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_cdp_read__messages_are_records),
        cmocka_unit_test(test_ingest_cdp_read__malformed_lines),
        cmocka_unit_test(test_ingest_cdp_read__what_is_left_out_is_counted),
        cmocka_unit_test(test_ingest_cdp_read__a_message_counts_once),
    };
    return cmocka_run_group_tests_name("ingest_cdp_read", tests, NULL, NULL);
}
