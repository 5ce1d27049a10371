/*
 * dictionary_snapshot_test.c - snapshots: what they keep and give back, and
 * a dictionary that catches up with another.
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

/* Of `count` new ids each third is not its row's first. */
static void add_ids(dictionary *d, uint64_t count, random_state *r)
{
    for (uint64_t i = 0; i < count; i++) {
        const muster_pseudonym p = random_id(r);
        const uint32_t rows = dictionary_rows(d);
        if (rows != 0 && i % 3 == 2)
            dictionary_add_id(d, &p, dice(r, rows));
        else
            assert_int_equal(dictionary_add_user(d, &p), rows);
    }
}

static int collect(void *payload, const void *bytes, size_t len)
{
    buffer_put(payload, bytes, len);
    return 0;
}

static dictionary *reopened(const dictionary *d, buffer *bytes)
{
    dictionary *opened = NULL;
    buffer_init(bytes, (size_t)1 << 30);
    assert_int_equal(dictionary_encode(d, collect, bytes), 0);
    assert_int_equal(dictionary_open(&opened, bytes->data, bytes->len, NULL),
                     0);
    return opened;
}

static void expect_same(const dictionary *a, const dictionary *b)
{
    const uint64_t ids = dictionary_ids(a);
    assert_int_equal(dictionary_rows(a), dictionary_rows(b));
    assert_int_equal(ids, dictionary_ids(b));
    for (uint64_t i = 0; i < ids; i++) {
        muster_pseudonym p;
        muster_pseudonym q;
        uint32_t row;
        uint32_t other_row;
        dictionary_id_at(a, i, &p, &row);
        dictionary_id_at(b, i, &q, &other_row);
        assert_memory_equal(&p, &q, sizeof p);
        assert_int_equal(row, other_row);
        assert_int_equal(dictionary_find(a, &p), row);
        assert_int_equal(dictionary_find(b, &p), row);
    }
}

static void test_identity_dictionary_snapshot__ids_come_in_order(void **state)
{
    (void)state;
    const muster_pseudonym ids[] = {{{1}}, {{2}}, {{3}}, {{4}}};
    const uint32_t rows[] = {0, 1, 1, 0};
    dictionary *d = dictionary_new();
    dictionary_add_user(d, &ids[0]);
    dictionary_add_user(d, &ids[1]);
    dictionary_add_id(d, &ids[2], 1);
    dictionary_add_id(d, &ids[3], 0);
    for (uint64_t i = 0; i < 4; i++) {
        muster_pseudonym p;
        uint32_t row;
        dictionary_id_at(d, i, &p, &row);
        assert_memory_equal(&p, &ids[i], sizeof p);
        assert_int_equal(row, rows[i]);
    }
    dictionary_free(d);
}

/* With nothing added the snapshot is the same, and counted. */
static void test_identity_dictionary_snapshot__is_counted(void **state)
{
    (void)state;
    const muster_pseudonym p = {{1}};
    dictionary *d = dictionary_new();
    const dictionary *empty = dictionary_snapshot(d);
    dictionary_add_user(d, &p);
    const dictionary *first = dictionary_snapshot(d);
    const dictionary *second = dictionary_snapshot(d);
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, empty);
    dictionary_release(first);
    assert_int_equal(dictionary_find(second, &p), 0);
    assert_int_equal(dictionary_find(empty, &p), DICTIONARY_NONE);
    assert_int_equal(dictionary_ids(empty), 0);
    dictionary_release(second);
    dictionary_release(empty);
    dictionary_release(NULL);
    dictionary_free(d);
}

/* What the dictionary costs when no snapshot was ever taken. */
static size_t plain_memory(int steps, uint64_t step, uint64_t seed)
{
    random_state r;
    random_seed(&r, seed);
    dictionary *d = dictionary_new();
    for (int i = 0; i < steps; i++)
        add_ids(d, step, &r);
    const size_t bytes = dictionary_memory(d);
    dictionary_free(d);
    return bytes;
}

/* 19 bytes per id are what snapshots of any age may keep. */
static void test_identity_dictionary_snapshot__memory_is_bounded(void **state)
{
    (void)state;
    enum { STEPS = 40 };
    const uint64_t step = test_size(10000, 100000);
    const size_t plain = plain_memory(STEPS, step, 11);
    const dictionary *held[STEPS];
    random_state r;
    random_seed(&r, 11);
    dictionary *d = dictionary_new();
    for (uint64_t i = 0; i < STEPS; i++) {
        held[i] = dictionary_snapshot(d);
        add_ids(d, step, &r);
    }
    const size_t kept = dictionary_memory(d) - plain;
    assert_in_range(kept, 1, STEPS * (step * 19 + 5000));
    for (int i = STEPS - 1; i > 0; i--)
        dictionary_release(held[i]);
    assert_in_range(dictionary_memory(d) - plain, 1, kept);
    dictionary_release(held[0]);
    assert_int_equal(dictionary_memory(d), plain);
    dictionary_free(d);
}

/* The oldest goes first: what only it could read goes with it. */
static void test_identity_dictionary_snapshot__each_gives_back(void **state)
{
    (void)state;
    const uint64_t step = 60000; /* less fits before any part has to grow */
    random_state r;
    random_seed(&r, 12);
    dictionary *d = dictionary_new();
    add_ids(d, step, &r);
    const dictionary *old = dictionary_snapshot(d);
    add_ids(d, 2 * step, &r);
    const dictionary *young = dictionary_snapshot(d);
    const size_t before = dictionary_memory(d);
    dictionary_release(old);
    const size_t between = dictionary_memory(d);
    assert_true(before > between + 5000);
    dictionary_release(young);
    assert_in_range(between - dictionary_memory(d), 4096, 5120);
    dictionary_free(d);
}

static void test_identity_dictionary_snapshot__outlives_its_source(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, 13);
    buffer bytes;
    dictionary *source = dictionary_new();
    add_ids(source, 500, &r);
    dictionary *d = reopened(source, &bytes);
    add_ids(d, 500, &r);
    const dictionary *first = dictionary_snapshot(d);
    dictionary *twin = dictionary_new();
    assert_true(dictionary_catch_up(twin, d, UINT64_MAX));
    add_ids(d, 20000, &r);
    const dictionary *second = dictionary_snapshot(d);
    dictionary_free(d);
    dictionary_release(second);
    expect_same(first, twin);
    dictionary_release(first);
    dictionary_free(twin);
    dictionary_free(source);
    buffer_release(&bytes);
}

static void test_identity_dictionary_snapshot__a_base_catches_up(void **state)
{
    (void)state;
    const uint64_t some = test_size(3000, 100000);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        random_state r;
        buffer bytes;
        print_message("seed %llu\n", (unsigned long long)seed);
        random_seed(&r, seed);
        dictionary *d = dictionary_new();
        add_ids(d, random_below(&r, some), &r);
        const dictionary *s = dictionary_snapshot(d);
        add_ids(d, random_below(&r, some), &r);
        dictionary *next = reopened(s, &bytes);
        dictionary_release(s);
        uint64_t max = 1 + random_below(&r, some);
        while (!dictionary_catch_up(next, d, max)) {
            const uint64_t known = dictionary_ids(next);
            assert_true(known < dictionary_ids(d));
            add_ids(d, random_below(&r, max / 2 + 1), &r);
            max = max / 2 + 1;
        }
        assert_true(dictionary_catch_up(next, d, 0));
        expect_same(d, next);
        assert_int_equal(dictionary_check(next, NULL, NULL, NULL), 0);
        add_ids(next, 100, &r);
        assert_int_equal(dictionary_check(next, NULL, NULL, NULL), 0);
        dictionary_free(d);
        dictionary_free(next);
        buffer_release(&bytes);
    }
}

/* One step adds `max`, and rows come before the ids that name them. */
static void test_identity_dictionary_snapshot__steps_are_of_max(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, 14);
    dictionary *d = dictionary_new();
    dictionary *next = dictionary_new();
    add_ids(d, 100, &r);
    assert_false(dictionary_catch_up(next, d, 0));
    for (uint64_t ids = 7; ids < 100; ids += 7) {
        assert_false(dictionary_catch_up(next, d, 7));
        assert_int_equal(dictionary_ids(next), ids);
    }
    assert_true(dictionary_catch_up(next, d, 2));
    expect_same(d, next);
    dictionary_free(next);
    dictionary_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_dictionary_snapshot__ids_come_in_order),
        cmocka_unit_test(test_identity_dictionary_snapshot__is_counted),
        cmocka_unit_test(test_identity_dictionary_snapshot__memory_is_bounded),
        cmocka_unit_test(test_identity_dictionary_snapshot__each_gives_back),
        cmocka_unit_test(
            test_identity_dictionary_snapshot__outlives_its_source),
        cmocka_unit_test(test_identity_dictionary_snapshot__a_base_catches_up),
        cmocka_unit_test(test_identity_dictionary_snapshot__steps_are_of_max),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
