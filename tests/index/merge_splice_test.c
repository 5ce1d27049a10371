/*
 * merge_splice_test.c - events cut into deltas anywhere and merged are, byte
 * for byte, the planes that the same events make in one delta: whatever form
 * their containers take, whichever blocks the deltas share.
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

#include "index/builder.h"
#include "support/dice.h"

#define ATTRIBUTE 19u
#define PROVIDER 1u
#define CAP 5u
#define BLOCKS 5u
#define DELTAS 4u

static uint32_t cap_of(void *payload, uint32_t attribute)
{
    (void)payload;
    (void)attribute;
    return CAP;
}

static const index_limits keep_all = {.cap = cap_of};

/* Events of rows in steps; a plain one has no slice. */
typedef struct burst {
    uint32_t first;
    uint32_t end;
    uint32_t step;
    uint32_t value;
    uint32_t bucket;
    bool plain;
} burst;

static burst draw_burst(random_state *r)
{
    static const uint32_t steps[] = {1, 1, 2, 7, 100, 1000};
    const uint32_t block = dice(r, BLOCKS) * BLOCK_ROWS;
    burst b = {.step = PICK(r, steps),
               .value = dice(r, 3),
               .bucket = 100 + dice(r, 2),
               .plain = chance(r, 50)};

    b.first = block + (chance(r, 30) ? 0 : dice(r, BLOCK_ROWS));
    b.end = chance(r, 30) ? block + BLOCK_ROWS
                          : b.first + 1 + dice(r, BLOCK_ROWS);
    return b;
}

static void add_burst(index_builder *builder, const burst *b)
{
    for (uint32_t row = b->first; row < b->end; row += b->step)
        index_add_event(builder, ATTRIBUTE, PROVIDER, CAP, b->value,
                        b->bucket, row, b->plain ? 1 : 1 + row % 3,
                        b->plain ? 0 : row % 5);
}

static void expect_layer(const index_layer *want, const index_layer *got)
{
    assert_int_equal(got->count, want->count);
    for (size_t i = 0; i < want->count; i++) {
        const layer_entry *a = &want->entries[i];
        const layer_entry *b = &got->entries[i];
        assert_int_equal(plane_key_compare(&a->key, &b->key), 0);
        assert_int_equal(a->count, b->count);
        assert_int_equal(a->len, b->len);
        assert_memory_equal(want->planes + a->offset, got->planes + b->offset,
                            a->len);
    }
}

static void cut_and_merge(uint64_t seed)
{
    index_builder *whole = index_builder_new();
    index_builder *part = index_builder_new();
    index_layer *deltas[DELTAS];
    random_state r;
    muster_error err;

    random_seed(&r, seed);
    for (uint32_t i = 0; i < DELTAS; i++) {
        for (uint32_t n = 1 + dice(&r, 3); n > 0; n--) {
            const burst b = draw_burst(&r);
            add_burst(whole, &b);
            add_burst(part, &b);
        }
        deltas[i] = index_builder_finish(part);
    }
    index_layer *want = index_builder_finish(whole);
    index_layer *got = index_merge_deltas(deltas, DELTAS, &keep_all);
    expect_layer(want, got);
    assert_int_equal(index_layer_check(got, false, &err), 0);
    for (uint32_t i = 0; i < DELTAS; i++)
        index_layer_release(deltas[i]);
    index_layer_release(got);
    index_layer_release(want);
    index_builder_free(part);
    index_builder_free(whole);
}

static void test_index_merge_splice__is_one_delta_of_all(void **state)
{
    (void)state;
    test_each_seed(cut_and_merge, test_size(60, 2000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_merge_splice__is_one_delta_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
