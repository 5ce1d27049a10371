/*
 * receipt_code_test.c - receipts as bytes: there and back, the bytes that
 * versions 1 and 2 have, and damage.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE 1 /* memmem */
#include "ingest/ingest_support.h"

/* Every counter another number. */
static ingest_receipt *example(void)
{
    ingest_receipt *r = mem_alloc(sizeof *r);
    receipt_init(r);
    r->records = 1;
    r->accepted = 2;
    r->rejected = 300;
    r->facts_flag = 4;
    r->facts_one_of = 5;
    r->facts_many_of = 6;
    r->facts_number = 7;
    r->facts_event = 8;
    r->facts_unset = 9;
    r->users_new = 10;
    r->conflicts = 11;
    r->bytes = 12;
    r->epoch = 13;
    r->reasons[INGEST_BAD_ID] = 299;
    r->reasons[INGEST_FULL] = 1;
    snprintf(r->load_id, sizeof r->load_id, "load-1");
    receipt_unknown_attribute(r, text_of("geo.planet"));
    receipt_unknown_attribute(r, text_of("x"));
    return r;
}

static void drop(ingest_receipt *r)
{
    receipt_release(r);
    mem_free(r);
}

/* The golden bytes of version 1. */
static const char golden[] =
    "\x01"
    "\x01\x02\xac\x02\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d"
    "\x06load-1"
    "\x02\x06"
    "bad_id\xab\x02\x04"
    "full\x01"
    "\x02\x0ageo.planet\x01x";
#define GOLDEN_LEN (sizeof golden - 1)

static void test_ingest_receipt_code__has_the_bytes_of_version_1(void **state)
{
    (void)state;
    buffer out;
    ingest_receipt *r = example();
    buffer_init(&out, 1000);
    receipt_encode(r, &out);
    assert_int_equal(out.len, GOLDEN_LEN);
    assert_memory_equal(out.data, golden, GOLDEN_LEN);
    buffer_release(&out);
    drop(r);
}

static void assert_corrupt(const void *bytes, size_t len)
{
    muster_error err;
    ingest_receipt *r = mem_alloc(sizeof *r);
    assert_int_equal(receipt_decode(r, bytes, len, &err), MUSTER_ECORRUPT);
    assert_string_equal(err.word, "bad_receipt");
    assert_int_equal(r->unknown_attribute_count, 0);
    mem_free(r); /* an empty one holds nothing */
}

/* What version 2 has behind those of version 1. */
static const char golden_sources[] = "\x02\x02\x03geo\x04"
                                     "City\x0d\x03geo\x00\x00";

/* With sources it is version 2, without them still version 1. */
static void test_ingest_receipt_code__sources_make_it_version_2(void **state)
{
    (void)state;
    const muster_derive_source city = {"geo", "City", 13};
    const muster_derive_source nameless = {"geo", "", 0};
    const size_t more = sizeof golden_sources - 1;
    char bytes[GOLDEN_LEN + sizeof golden_sources];
    ingest_receipt *got = mem_alloc(sizeof *got);
    ingest_receipt *r = example();
    buffer out;
    receipt_source(r, &city);
    receipt_source(r, &nameless);
    receipt_source(r, &city);
    buffer_init(&out, 1000);
    receipt_encode(r, &out);
    memcpy(bytes, golden, GOLDEN_LEN);
    bytes[0] = 2;
    memcpy(bytes + GOLDEN_LEN, golden_sources, more);
    assert_int_equal(out.len, GOLDEN_LEN + more);
    assert_memory_equal(out.data, bytes, out.len);
    assert_int_equal(receipt_decode(got, bytes, out.len, NULL), 0);
    assert_int_equal(got->source_count, 2);
    assert_string_equal(got->sources[0].type, "City");
    assert_int_equal(got->sources[0].built, 13);
    drop(got);
    for (size_t len = GOLDEN_LEN; len < out.len; len++)
        assert_corrupt(bytes, len);
    bytes[GOLDEN_LEN + 1] = 0; /* none, though it says there are some */
    assert_corrupt(bytes, GOLDEN_LEN + 2);
    bytes[GOLDEN_LEN] = 0; /* no part, though it is of version 2 */
    assert_corrupt(bytes, GOLDEN_LEN + 1);
    memcpy(bytes + GOLDEN_LEN, "\x02\x02\x03geo\x01x\x01\x03geo\x01x\x01",
           16);
    assert_corrupt(bytes, GOLDEN_LEN + 16); /* one stands twice */
    drop(r);
    buffer_release(&out);
}

/* Version 2: rows that a mapping left out stand behind. */
static void test_ingest_receipt_code__drops_stand_behind(void **state)
{
    (void)state;
    static const char drops[] = "\x01\x02\x04test\x03\x01x\x80\x01";
    const size_t len = GOLDEN_LEN + sizeof drops - 1;
    buffer out;
    ingest_receipt *r = example();
    buffer_init(&out, 1000);
    receipt_drop_rows(r, "test", 1);
    receipt_drop_rows(r, "x", 128);
    receipt_drop_rows(r, "test", 2);
    receipt_drop_rows(r, "none", 0);
    receipt_encode(r, &out);
    assert_int_equal(out.len, len);
    assert_int_equal(out.data[0], 2);
    assert_memory_equal(out.data + 1, golden + 1, GOLDEN_LEN - 1);
    assert_memory_equal(out.data + GOLDEN_LEN, drops, sizeof drops - 1);
    drop(r);
    r = mem_alloc(sizeof *r);
    assert_int_equal(receipt_decode(r, out.data, len, NULL), 0);
    assert_int_equal(r->drop_count, 2);
    assert_string_equal(r->drops[1].word, "x");
    assert_int_equal(r->drops[1].count, 128);
    receipt_release(r);
    out.data[GOLDEN_LEN + 1] = 0; /* none */
    assert_int_equal(receipt_decode(r, out.data, GOLDEN_LEN + 2, NULL),
                     MUSTER_ECORRUPT);
    out.data[GOLDEN_LEN + 1] = 33; /* too many */
    assert_int_equal(receipt_decode(r, out.data, len, NULL), MUSTER_ECORRUPT);
    mem_free(r);
    buffer_release(&out);
}

static void test_ingest_receipt_code__there_and_back(void **state)
{
    (void)state;
    ingest_receipt *want = example();
    ingest_receipt *got = mem_alloc(sizeof *got);
    memset(got, 0xa5, sizeof *got);
    assert_int_equal(receipt_decode(got, golden, GOLDEN_LEN, NULL), 0);
    assert_string_equal(got->load_id, "load-1");
    assert_memory_equal(got->reasons, want->reasons, sizeof want->reasons);
    assert_int_equal(got->records, 1);
    assert_int_equal(got->rejected, 300);
    assert_int_equal(got->facts_unset, 9);
    assert_int_equal(got->epoch, 13);
    assert_int_equal(got->unknown_attribute_count, 2);
    assert_string_equal(got->unknown_attributes[0], "geo.planet");
    /* What belongs to one run is empty; rejects of before are not shown. */
    assert_int_equal(got->error_count, 0);
    assert_true(got->errors_truncated);
    assert_false(got->repeated);
    assert_int_equal(got->resumed, 0);
    assert_true(got->seconds == 0);
    drop(got);
    drop(want);
}

static void test_ingest_receipt_code__the_largest_and_the_empty(void **state)
{
    (void)state;
    buffer out;
    buffer again;
    ingest_receipt *r = mem_alloc(sizeof *r);
    ingest_receipt *back = mem_alloc(sizeof *back);
    buffer_init(&out, 1 << 20);
    buffer_init(&again, 1 << 20);
    receipt_init(r);
    receipt_encode(r, &out);
    assert_int_equal(receipt_decode(back, out.data, out.len, NULL), 0);
    assert_false(back->errors_truncated);
    receipt_release(back);
    memset(&r->records, 0xff, sizeof r->records);
    memset(r->load_id, 'l', sizeof r->load_id - 1);
    for (int i = INGEST_OK + 1; i < INGEST_REASON_COUNT; i++)
        r->reasons[i] = UINT64_MAX;
    buffer_clear(&out);
    receipt_encode(r, &out);
    assert_true(out.len < 1024);
    for (int i = 0; i < RECEIPT_UNKNOWN_MAX; i++) {
        char name[MUSTER_NAME_BYTES_MAX + 1];
        snprintf(name, sizeof name, "a%0127d", i);
        receipt_unknown_attribute(r, text_of(name));
    }
    buffer_clear(&out);
    receipt_encode(r, &out);
    assert_int_equal(receipt_decode(back, out.data, out.len, NULL), 0);
    receipt_encode(back, &again);
    assert_int_equal(again.len, out.len);
    assert_memory_equal(again.data, out.data, out.len);
    drop(back);
    drop(r);
    buffer_release(&again);
    buffer_release(&out);
}

static void test_ingest_receipt_code__damage_is_seen(void **state)
{
    (void)state;
    char bytes[GOLDEN_LEN + 1];
    for (size_t len = 0; len < GOLDEN_LEN; len++) {
        char *cut = mem_alloc(len + 1);
        memcpy(cut, golden, len);
        assert_corrupt(cut, len);
        mem_free(cut);
    }
    memcpy(bytes, golden, GOLDEN_LEN + 1);
    assert_corrupt(bytes, GOLDEN_LEN + 1);
    bytes[0] = 2;
    assert_corrupt(bytes, GOLDEN_LEN);
    bytes[0] = 3;
    assert_corrupt(bytes, GOLDEN_LEN);
    /* A reason that nobody knows; a name that is none; too many of either; a
     * length without end. */
    static const struct {
        const char *at, *bytes;
    } damages[] = {
        {"bad_id", "bad_ix"},
        {"geo", "GEO"},
        {"\x02\x06"
         "bad_id",
         "\x7f"},
        {"\x02\x0ageo", "\x65"},
        {"\x0ageo", "\xff\xff\xff"},
    };
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        memcpy(bytes, golden, GOLDEN_LEN);
        char *at =
            memmem(bytes, GOLDEN_LEN, damages[i].at, strlen(damages[i].at));
        assert_non_null(at);
        memcpy(at, damages[i].bytes, strlen(damages[i].bytes));
        assert_corrupt(bytes, GOLDEN_LEN);
    }
}

static void test_ingest_receipt_code__nothing_stands_twice(void **state)
{
    (void)state;
    static const char head[] = "\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    static const char reasons[] = "\x02\x04"
                                  "full\x01\x04"
                                  "full\x01\x00";
    static const char names[] = "\x00\x02\x01x\x01x";
    char bytes[64];
    memcpy(bytes, head, 15);
    memcpy(bytes + 15, reasons, sizeof reasons - 1);
    assert_corrupt(bytes, 15 + sizeof reasons - 1);
    memcpy(bytes + 15, names, sizeof names - 1);
    assert_corrupt(bytes, 15 + sizeof names - 1);
    bytes[15 + sizeof names - 2] = 'y';
    ingest_receipt *r = mem_alloc(sizeof *r);
    assert_int_equal(receipt_decode(r, bytes, 15 + sizeof names - 1, NULL), 0);
    drop(r);
}

/* Any byte changed: refused, or a receipt that says just that. */
static void test_ingest_receipt_code__damage_anywhere(void **state)
{
    (void)state;
    char bytes[GOLDEN_LEN];
    ingest_receipt *r = mem_alloc(sizeof *r);
    buffer again;
    buffer_init(&again, 1 << 16);
    for (size_t at = 0; at < GOLDEN_LEN; at++) {
        for (int change = 1; change < 256; change++) {
            memcpy(bytes, golden, GOLDEN_LEN);
            bytes[at] = (char)(bytes[at] ^ change);
            if (receipt_decode(r, bytes, GOLDEN_LEN, NULL) != 0)
                continue;
            buffer_clear(&again);
            receipt_encode(r, &again);
            assert_int_equal(again.len, GOLDEN_LEN);
            assert_memory_equal(again.data, bytes, GOLDEN_LEN);
            receipt_release(r);
        }
    }
    buffer_release(&again);
    mem_free(r);
}

/* ---- what a dialect counted: version 2 ---- */

static void test_ingest_receipt_code__a_tally_goes_along(void **state)
{
    static const char tail[] = "\x04" "\x03" "aam" "\x02" "\x01" "a" "\x07"
                               "\x03" "b/c" "\x00";
    (void)state;
    buffer out;
    muster_error err;
    ingest_receipt *r = example();
    ingest_receipt *got = mem_alloc(sizeof *got);
    buffer_init(&out, 1000);
    tally_add(&r->tally, "aam", text_of("b/c"), 0);
    tally_add(&r->tally, "aam", text_of("a"), 3);
    tally_add(&r->tally, "aam", text_of("a"), 4);
    receipt_encode(r, &out);
    assert_int_equal(out.len, GOLDEN_LEN + sizeof tail - 1);
    assert_int_equal(out.data[0], 2);
    assert_memory_equal(out.data + 1, golden + 1, GOLDEN_LEN - 1);
    assert_memory_equal(out.data + GOLDEN_LEN, tail, sizeof tail - 1);
    assert_int_equal(receipt_decode(got, out.data, out.len, &err), 0);
    assert_string_equal(got->tally.dialect, "aam");
    assert_int_equal(tally_get(&got->tally, "a"), 7);
    assert_int_equal(got->tally.count, 2);
    receipt_release(got);
    for (size_t len = 0; len < out.len; len++)
        assert_int_equal(receipt_decode(got, out.data, len, &err),
                         MUSTER_ECORRUPT);
    out.data[GOLDEN_LEN + 7] = 'x'; /* not in order any more */
    assert_int_equal(receipt_decode(got, out.data, out.len, &err),
                     MUSTER_ECORRUPT);
    mem_free(got);
    buffer_release(&out);
    drop(r);
}

static void test_ingest_receipt_code__names_of_a_tally_are_bounded(
    void **state)
{
    (void)state;
    ingest_tally t = {.dialect = NULL};
    for (unsigned i = 0; i < TALLY_NAMES_MAX + 9; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%u", i);
        tally_add(&t, "liveramp", text_of(name), 1);
    }
    assert_int_equal(t.count, TALLY_NAMES_MAX);
    assert_int_equal(tally_get(&t, "n0"), 1);
    assert_int_equal(tally_get(&t, "n9999"), 0);
    tally_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_receipt_code__has_the_bytes_of_version_1),
        cmocka_unit_test(test_ingest_receipt_code__sources_make_it_version_2),
        cmocka_unit_test(test_ingest_receipt_code__drops_stand_behind),
        cmocka_unit_test(test_ingest_receipt_code__there_and_back),
        cmocka_unit_test(test_ingest_receipt_code__the_largest_and_the_empty),
        cmocka_unit_test(test_ingest_receipt_code__damage_is_seen),
        cmocka_unit_test(test_ingest_receipt_code__nothing_stands_twice),
        cmocka_unit_test(test_ingest_receipt_code__damage_anywhere),
        cmocka_unit_test(test_ingest_receipt_code__a_tally_goes_along),
        cmocka_unit_test(
            test_ingest_receipt_code__names_of_a_tally_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
