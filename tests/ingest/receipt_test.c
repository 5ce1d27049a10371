/*
 * receipt_test.c - reasons in words, counting, and the JSON shapes of
 * receipts and of the rejects file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest_support.h"

static void
test_ingest_receipt__every_reason_has_a_word_of_its_own(void **state)
{
    (void)state;
    assert_string_equal(ingest_reason_word(INGEST_OK), "ok");
    for (int i = INGEST_OK + 1; i < INGEST_REASON_COUNT; i++) {
        const char *word = ingest_reason_word((ingest_reason)i);
        assert_true(catalog_is_attribute_name(text_of(word)));
        assert_true(strlen(ingest_reason_text((ingest_reason)i)) > 10);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(word, ingest_reason_word((ingest_reason)j));
    }
    assert_string_equal(ingest_reason_word(INGEST_PII_SUSPECTED),
                        "pii_suspected");
}

static ingest_reject reject_of(ingest_reason reason, uint64_t line)
{
    ingest_reject r = {.reason = reason, .place = {line, line * 100}};
    snprintf(r.pointer, sizeof r.pointer, "/set/demo.age");
    snprintf(r.message, sizeof r.message, "a \"message\"");
    return r;
}

static void test_ingest_receipt__counts_and_keeps_the_first(void **state)
{
    (void)state;
    ingest_receipt *r = mem_alloc(sizeof *r);
    receipt_init(r);
    for (uint64_t i = 1; i <= RECEIPT_ERRORS_MAX; i++) {
        const ingest_reject reject = reject_of(INGEST_BAD_JSON, i);
        receipt_reject(r, &reject);
    }
    assert_false(r->errors_truncated);
    const ingest_reject more = reject_of(INGEST_NO_IDS, 999);
    receipt_reject(r, &more);
    assert_true(r->errors_truncated);
    assert_int_equal(r->records, RECEIPT_ERRORS_MAX + 1);
    assert_int_equal(r->rejected, RECEIPT_ERRORS_MAX + 1);
    assert_int_equal(r->reasons[INGEST_BAD_JSON], RECEIPT_ERRORS_MAX);
    assert_int_equal(r->reasons[INGEST_NO_IDS], 1);
    assert_int_equal(r->error_count, RECEIPT_ERRORS_MAX);
    assert_int_equal(r->errors[0].place.line, 1);
    receipt_release(r);
    mem_free(r);
}

static void test_ingest_receipt__unknown_attributes_stand_once(void **state)
{
    (void)state;
    ingest_receipt *r = mem_alloc(sizeof *r);
    receipt_init(r);
    for (int i = 0; i < 3 * RECEIPT_UNKNOWN_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "a%d", i % (2 * RECEIPT_UNKNOWN_MAX));
        receipt_unknown_attribute(r, text_of(name));
    }
    assert_int_equal(r->unknown_attribute_count, RECEIPT_UNKNOWN_MAX);
    assert_string_equal(r->unknown_attributes[7], "a7");
    receipt_release(r);
    mem_free(r);
}

static void
test_ingest_receipt__json_has_the_shape_of_the_contract(void **state)
{
    (void)state;
    ingest_receipt *r = mem_alloc(sizeof *r);
    buffer out;
    json_writer w;
    receipt_init(r);
    r->records = 9;
    r->accepted = 9;
    r->facts_flag = 1;
    r->facts_one_of = 2;
    r->facts_many_of = 3;
    r->facts_number = 4;
    r->facts_event = 5;
    r->facts_unset = 5;
    r->users_new = 6;
    r->conflicts = 7;
    r->seconds = 0.5;
    r->bytes = 1000;
    r->epoch = 3;
    snprintf(r->load_id, sizeof r->load_id, "load-1");
    receipt_unknown_attribute(r, text_of("geo.planet"));
    const ingest_reject reject = reject_of(INGEST_BAD_NUMBER, 4);
    receipt_reject(r, &reject);
    buffer_init(&out, 1 << 20);
    json_begin(&w, &out, false);
    receipt_to_json(r, &w);
    assert_string_equal(
        buffer_cstr(&out),
        "{\"records\":10,\"accepted\":9,\"rejected\":1,"
        "\"reasons\":{\"bad_number\":1},"
        "\"facts\":{\"flag\":1,\"one_of\":2,\"many_of\":3,\"number\":4,"
        "\"event\":5,\"unset\":5},"
        "\"users_new\":6,\"conflicts\":7,"
        "\"unknown_attributes\":[\"geo.planet\"],"
        "\"seconds\":0.5,\"records_per_s\":20,\"facts_per_s\":40,"
        "\"bytes\":1000,\"load_id\":\"load-1\",\"epoch\":3,"
        "\"errors\":[{\"line\":4,\"offset\":400,"
        "\"pointer\":\"/set/demo.age\",\"code\":\"bad_number\","
        "\"message\":\"a \\\"message\\\"\"}],"
        "\"errors_truncated\":false}");
    buffer_release(&out);
    receipt_release(r);
    mem_free(r);
}

static void test_ingest_receipt__json_says_what_was_done_before(void **state)
{
    (void)state;
    ingest_receipt *r = mem_alloc(sizeof *r);
    buffer out;
    json_writer w;
    receipt_init(r);
    r->epoch = 3;
    r->resumed = 4096;
    r->repeated = true;
    buffer_init(&out, 1 << 20);
    json_begin(&w, &out, false);
    receipt_to_json(r, &w);
    assert_non_null(strstr(buffer_cstr(&out),
                           "\"epoch\":3,\"resumed\":4096,\"repeated\":true,"
                           "\"errors\":[]"));
    buffer_release(&out);
    receipt_release(r);
    mem_free(r);
}

static void test_ingest_receipt__json_names_sources(void **state)
{
    (void)state;
    const muster_derive_source city = {"geo", "City", 1700000000};
    const muster_derive_source rules = {"device", "uap", 0};
    ingest_receipt *r = mem_alloc(sizeof *r);
    buffer out;
    json_writer w;
    receipt_init(r);
    receipt_source(r, &city);
    receipt_source(r, &rules);
    receipt_source(r, &city);
    buffer_init(&out, 1 << 20);
    json_begin(&w, &out, false);
    receipt_to_json(r, &w);
    assert_non_null(strstr(
        buffer_cstr(&out),
        "\"unknown_attributes\":[],\"sources\":[{\"kind\":\"geo\","
        "\"type\":\"City\",\"built\":\"2023-11-14T22:13:20Z\"},"
        "{\"kind\":\"device\",\"type\":\"uap\"}],\"seconds\""));
    for (int i = 0; i < 2 * (int)RECEIPT_SOURCES_MAX; i++) {
        const muster_derive_source one = {"geo", "City", i};
        receipt_source(r, &one);
    }
    assert_int_equal(r->source_count, RECEIPT_SOURCES_MAX);
    buffer_release(&out);
    receipt_release(r);
    mem_free(r);
}

static void test_ingest_receipt__an_empty_one_is_whole(void **state)
{
    (void)state;
    ingest_receipt *r = mem_alloc(sizeof *r);
    buffer out;
    json_writer w;
    json_doc *doc = NULL;
    receipt_init(r);
    buffer_init(&out, 1 << 20);
    json_begin(&w, &out, true);
    receipt_to_json(r, &w);
    assert_int_equal(
        json_parse(&doc, (char *)out.data, out.len, JSON_STRICT, NULL), 0);
    const json_value *root = json_root(doc);
    static const char *const members[] = {
        "records", "accepted",      "rejected",    "reasons",
        "facts",   "users_new",     "conflicts",   "unknown_attributes",
        "seconds", "records_per_s", "facts_per_s", "bytes",
        "load_id", "epoch",         "errors",      "errors_truncated"};
    assert_int_equal(json_count(root), sizeof members / sizeof members[0]);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        assert_non_null(json_get(root, members[i]));
    json_free(doc);
    buffer_release(&out);
    receipt_release(r);
    mem_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_ingest_receipt__every_reason_has_a_word_of_its_own),
        cmocka_unit_test(test_ingest_receipt__counts_and_keeps_the_first),
        cmocka_unit_test(test_ingest_receipt__unknown_attributes_stand_once),
        cmocka_unit_test(
            test_ingest_receipt__json_has_the_shape_of_the_contract),
        cmocka_unit_test(test_ingest_receipt__json_says_what_was_done_before),
        cmocka_unit_test(test_ingest_receipt__json_names_sources),
        cmocka_unit_test(test_ingest_receipt__an_empty_one_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
