/*
 * dictionary_test.c - the dictionary's rules, its encoded form, and what it
 * refuses to open.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "identity/identity.h"
#include "support/dice.h"

static muster_pseudonym random_id(random_state *r)
{
    muster_pseudonym p;
    const uint64_t words[2] = {random_u64(r), random_u64(r)};
    memcpy(p.bytes, words, sizeof p.bytes);
    return p;
}

static int collect(void *payload, const void *bytes, size_t len)
{
    buffer_put(payload, bytes, len);
    return 0;
}

static void encode(const dictionary *d, buffer *out)
{
    buffer_init(out, (size_t)1 << 30);
    assert_int_equal(dictionary_encode(d, collect, out), 0);
    assert_true(buffer_ok(out));
}

/* `users` users, each third with a second id. */
static dictionary *filled(uint32_t users, uint64_t seed)
{
    random_state r;
    random_seed(&r, seed);
    dictionary *d = dictionary_new();
    for (uint32_t i = 0; i < users; i++) {
        const muster_pseudonym p = random_id(&r);
        assert_int_equal(dictionary_add_user(d, &p), i);
        if (i % 3 == 0) {
            const muster_pseudonym q = random_id(&r);
            dictionary_add_id(d, &q, i / 2);
        }
    }
    return d;
}

static void test_identity_dictionary__empty_knows_nobody(void **state)
{
    (void)state;
    const muster_pseudonym p = {{1}};
    dictionary *d = dictionary_new();
    assert_int_equal(dictionary_find(d, &p), DICTIONARY_NONE);
    dictionary_prefetch(d, &p);
    assert_int_equal(dictionary_rows(d), 0);
    assert_int_equal(dictionary_ids(d), 0);
    assert_false(dictionary_full(d));
    dictionary_free(d);
    dictionary_free(NULL);
}

static void test_identity_dictionary__rows_come_in_order(void **state)
{
    (void)state;
    const muster_pseudonym a = {{1}};
    const muster_pseudonym b = {{2}};
    const muster_pseudonym c = {{3}};
    dictionary *d = dictionary_new();
    assert_int_equal(dictionary_add_user(d, &a), 0);
    dictionary_add_id(d, &b, 0);
    assert_int_equal(dictionary_add_user(d, &c), 1);
    assert_int_equal(dictionary_find(d, &a), 0);
    assert_int_equal(dictionary_find(d, &b), 0);
    assert_int_equal(dictionary_find(d, &c), 1);
    assert_memory_equal(dictionary_primary(d, 0), &a, sizeof a);
    assert_memory_equal(dictionary_primary(d, 1), &c, sizeof c);
    assert_int_equal(dictionary_rows(d), 2);
    assert_int_equal(dictionary_ids(d), 3);
    dictionary_free(d);
}

/* Equal hashes and tags, told apart by the middle bytes: every bucket that
 * they touch overflows. */
static muster_pseudonym crowded_id(uint32_t i)
{
    muster_pseudonym p = {{0}};
    for (size_t j = 0; j < 4; j++)
        p.bytes[10 + j] = (uint8_t)(i >> (8 * j));
    return p;
}

static void expect_crowd(const dictionary *d, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const muster_pseudonym p = crowded_id(i);
        assert_int_equal(dictionary_find(d, &p), i);
    }
    const muster_pseudonym none = crowded_id(count);
    assert_int_equal(dictionary_find(d, &none), DICTIONARY_NONE);
}

static void test_identity_dictionary__buckets_overflow(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    dictionary *d = dictionary_new();
    for (uint32_t i = 0; i < COUNT; i++) {
        const muster_pseudonym p = crowded_id(i);
        assert_int_equal(dictionary_find(d, &p), DICTIONARY_NONE);
        assert_int_equal(dictionary_add_user(d, &p), i);
    }
    expect_crowd(d, COUNT);
    buffer bytes;
    encode(d, &bytes);
    dictionary_free(d);
    assert_int_equal(dictionary_open(&d, bytes.data, bytes.len, NULL), 0);
    expect_crowd(d, COUNT);
    dictionary_free(d);
    buffer_release(&bytes);
}

/* The last buckets overflow into the first. */
static void test_identity_dictionary__overflow_goes_round(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    dictionary *d = dictionary_new();
    for (uint32_t i = 0; i < COUNT; i++) {
        muster_pseudonym p = crowded_id(i);
        memset(p.bytes, 0xff, 9);
        assert_int_equal(dictionary_add_user(d, &p), i);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        muster_pseudonym p = crowded_id(i);
        memset(p.bytes, 0xff, 9);
        assert_int_equal(dictionary_find(d, &p), i);
    }
    dictionary_free(d);
}

static void test_identity_dictionary__encoded_form_is_golden(void **state)
{
    (void)state;
    dictionary *d = dictionary_new();
    muster_pseudonym a = {{0}};
    muster_pseudonym b = {{0}};
    memset(a.bytes, 0x11, 16);
    memset(b.bytes, 0x22, 16);
    b.bytes[15] = 0;
    dictionary_add_user(d, &a);
    dictionary_add_id(d, &b, 0);
    buffer bytes;
    encode(d, &bytes);
    dictionary_free(d);
    uint8_t golden[256] = {0};
    memcpy(golden, "MSTRDICT\1\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\1", 25);
    memset(golden + 64, 0x11, 16);
    memset(golden + 128, 0x22, 15);
    golden[192] = 0x11;
    golden[193] = 1;
    memcpy(golden + 192 + 16, "\0\0\0\0\xfe\xff\xff\xff", 8);
    assert_int_equal(bytes.len, sizeof golden);
    assert_memory_equal(bytes.data, golden, sizeof golden);
    buffer_release(&bytes);
}

static void test_identity_dictionary__empty_goes_both_ways(void **state)
{
    (void)state;
    const muster_pseudonym p = {{9}};
    dictionary *d = dictionary_new();
    buffer bytes;
    encode(d, &bytes);
    dictionary_free(d);
    assert_int_equal(dictionary_open(&d, bytes.data, bytes.len, NULL), 0);
    assert_int_equal(dictionary_find(d, &p), DICTIONARY_NONE);
    assert_int_equal(dictionary_add_user(d, &p), 0);
    assert_int_equal(dictionary_find(d, &p), 0);
    dictionary_free(d);
    buffer_release(&bytes);
}

static int refuse(void *payload, const void *bytes, size_t len)
{
    size_t *left = payload;
    (void)bytes;
    (void)len;
    if (*left == 0)
        return MUSTER_EIO;
    (*left)--;
    return 0;
}

static void test_identity_dictionary__a_failed_write_is_passed_on(void **state)
{
    (void)state;
    dictionary *d = filled(1000, 1);
    int failures = 0;
    for (size_t allowed = 0; allowed < 20; allowed++) {
        size_t left = allowed;
        const int rc = dictionary_encode(d, refuse, &left);
        assert_true(rc == 0 || rc == MUSTER_EIO);
        failures += rc != 0;
    }
    assert_in_range(failures, 3, 10);
    dictionary_free(d);
}

/* Asks for everything that may touch the bytes. */
static void walk(const dictionary *d, random_state *r)
{
    const uint32_t rows = dictionary_rows(d);
    for (uint32_t i = 0; i < rows; i++) {
        const muster_pseudonym p = *dictionary_primary(d, i);
        const uint32_t row = dictionary_find(d, &p);
        assert_true(row == DICTIONARY_NONE || row < rows);
    }
    for (int i = 0; i < 50; i++) {
        const muster_pseudonym p = random_id(r);
        const uint32_t row = dictionary_find(d, &p);
        assert_true(row == DICTIONARY_NONE || row < rows);
    }
}

/* One or two bytes changed anywhere: refused, or harmless. */
static void test_identity_dictionary__damaged_bytes_are_harmless(void **state)
{
    (void)state;
    dictionary *d = filled(200, 2);
    buffer good;
    encode(d, &good);
    dictionary_free(d);
    uint8_t *bytes = malloc(good.len);
    random_state r;
    random_seed(&r, 3);
    int refused = 0;
    for (int i = 0; i < 20000; i++) {
        memcpy(bytes, good.data, good.len);
        const size_t changes = 1 + random_below(&r, 2);
        for (size_t j = 0; j < changes; j++) {
            const size_t at = random_below(&r, i % 2 ? good.len : 64);
            bytes[at] = (uint8_t)random_below(&r, 256);
        }
        muster_error err;
        error_clear(&err);
        const int rc = dictionary_open(&d, bytes, good.len, &err);
        if (rc != 0) {
            assert_true(rc == MUSTER_ECORRUPT || rc == MUSTER_EVERSION);
            assert_null(d);
            refused++;
            continue;
        }
        walk(d, &r);
        dictionary_free(d);
    }
    assert_true(refused > 5000);
    free(bytes);
    buffer_release(&good);
}

static void test_identity_dictionary__cut_bytes_are_refused(void **state)
{
    (void)state;
    dictionary *d = filled(50, 4);
    buffer good;
    encode(d, &good);
    dictionary_free(d);
    for (size_t len = 0; len < good.len; len++) {
        uint8_t *cut = malloc(len + 1);
        memcpy(cut, good.data, len);
        assert_int_equal(dictionary_open(&d, cut, len, NULL), MUSTER_ECORRUPT);
        assert_null(d);
        free(cut);
    }
    buffer_put_u8(&good, 0);
    assert_int_equal(dictionary_open(&d, good.data, good.len, NULL),
                     MUSTER_ECORRUPT);
    buffer_release(&good);
}

static void expect_word(const uint8_t *bytes, size_t len, int code)
{
    muster_error err;
    dictionary *d = NULL;
    error_clear(&err);
    assert_int_equal(dictionary_open(&d, bytes, len, &err), code);
    assert_null(d);
    assert_string_equal(err.word, code == MUSTER_EVERSION ? "newer_version"
                                                          : "bad_dictionary");
}

static void test_identity_dictionary__each_rule_is_checked(void **state)
{
    (void)state;
    dictionary *d = filled(12, 5); /* 16 ids: 2 buckets */
    buffer good;
    encode(d, &good);
    dictionary_free(d);
    uint8_t *bytes = malloc(good.len);
    const size_t extras_at = 64 + 12 * 16;
    const size_t table_at = good.len - 128;
#define DAMAGE(statement, code)                                                \
    memcpy(bytes, good.data, good.len);                                        \
    statement;                                                                 \
    expect_word(bytes, good.len, code)
    DAMAGE(bytes[0] = 'm', MUSTER_ECORRUPT);
    DAMAGE(bytes[8] = 2, MUSTER_EVERSION);
    DAMAGE(bytes[12]++, MUSTER_ECORRUPT); /* rows */
    DAMAGE(memset(bytes + 12, 0xff, 8), MUSTER_ECORRUPT);
    DAMAGE(bytes[24]++, MUSTER_ECORRUPT); /* buckets */
    DAMAGE(memset(bytes + 24, 0xff, 8), MUSTER_ECORRUPT);
    DAMAGE(bytes[extras_at + 16] = 12, MUSTER_ECORRUPT); /* row */
    size_t used = 0;
    while (bytes[table_at + used] == 0)
        used++;
    DAMAGE(bytes[table_at + used] = 0, MUSTER_ECORRUPT); /* one missing */
    DAMAGE(memset(bytes + table_at + 16 + 4 * used, 0xff, 4),
           MUSTER_ECORRUPT); /* number of none */
    DAMAGE(memcpy(bytes + table_at + 16 + 4 * used, "\xfa\xff\xff\xff", 4),
           MUSTER_ECORRUPT);
#undef DAMAGE
    assert_int_equal(dictionary_open(&d, good.data, good.len, NULL), 0);
    dictionary_free(d);
    free(bytes);
    buffer_release(&good);
}

static void test_identity_dictionary__an_id_costs_26_bytes_at_most(void **s)
{
    (void)s;
    enum { COUNT = 3000000 };
    random_state r;
    random_seed(&r, 6);
    dictionary *d = dictionary_new();
    size_t worst = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        const muster_pseudonym p = random_id(&r);
        dictionary_add_user(d, &p);
        if (i < 1000000 || i % 1000 != 0)
            continue;
        const size_t tenths = dictionary_memory(d) * 10 / dictionary_ids(d);
        worst = tenths > worst ? tenths : worst;
    }
    assert_in_range(worst, 210, 260);
    buffer bytes;
    encode(d, &bytes);
    assert_in_range(bytes.len * 10 / COUNT, 220, 224);
    buffer_release(&bytes);
    dictionary_free(d);
}

/* Two of five ids are not their row's first, as with people who have a browser
 * and a telephone. */
static void test_identity_dictionary__nor_where_users_have_two(void **state)
{
    (void)state;
    dictionary *d = dictionary_new();
    random_state r;
    random_seed(&r, 26);
    for (uint32_t i = 0; i < 2500000; i++) {
        const uint64_t words[2] = {random_u64(&r), random_u64(&r)};
        muster_pseudonym p;
        memcpy(p.bytes, words, sizeof p.bytes);
        if (i % 5 < 3)
            (void)dictionary_add_user(d, &p);
        else
            dictionary_add_id(d, &p, dice(&r, dictionary_rows(d)));
        if (i > 1000000 && i % 10000 == 0)
            assert_true(dictionary_memory(d) <= 26 * dictionary_ids(d));
    }
    dictionary_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_dictionary__empty_knows_nobody),
        cmocka_unit_test(test_identity_dictionary__rows_come_in_order),
        cmocka_unit_test(test_identity_dictionary__buckets_overflow),
        cmocka_unit_test(test_identity_dictionary__overflow_goes_round),
        cmocka_unit_test(test_identity_dictionary__encoded_form_is_golden),
        cmocka_unit_test(test_identity_dictionary__empty_goes_both_ways),
        cmocka_unit_test(test_identity_dictionary__a_failed_write_is_passed_on),
        cmocka_unit_test(test_identity_dictionary__damaged_bytes_are_harmless),
        cmocka_unit_test(test_identity_dictionary__cut_bytes_are_refused),
        cmocka_unit_test(test_identity_dictionary__each_rule_is_checked),
        cmocka_unit_test(
            test_identity_dictionary__an_id_costs_26_bytes_at_most),
        cmocka_unit_test(test_identity_dictionary__nor_where_users_have_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
