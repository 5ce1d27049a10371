/*
 * merge_tail_test.c - a base under deltas that are about later users: merged,
 * each predicate holds for the users it held for before, in the blocks that
 * were copied, in the one where the deltas begin, and behind it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "index/index.h"
#include "support/dice.h"

enum {
    BLOCKS = 5,
    ROWS = BLOCKS * 65536,
    NOW = 500,
    COLOUR = 16, /* one_of, with expiries */
    TASTE = 17,  /* many_of */
    AGE = 18     /* number */
};

static uint32_t cap_of(void *payload, uint32_t attribute)
{
    (void)payload;
    (void)attribute;
    return 255;
}

static void say(index_builder *b, random_state *r, uint32_t row, bool cuts)
{
    static const uint32_t ends[] = {400, 600, 700, INDEX_NEVER};
    const uint32_t expiry = ends[dice(r, 4)];

    index_add_seen(b, 1, row, expiry);
    index_add_profile(b, COLOUR, 1, row, INDEX_SET, 1 + dice(r, 4), expiry);
    index_add_profile(b, TASTE, 1, row, INDEX_ADD, 1 + dice(r, 40),
                      INDEX_NEVER);
    if (cuts && chance(r, 20))
        index_add_profile(b, TASTE, 1, row, INDEX_REMOVE, 1 + dice(r, 40), 0);
    if (cuts && chance(r, 10))
        index_add_profile(b, chance(r, 50) ? COLOUR : TASTE, 1, row,
                          INDEX_CLEAR, 0, 0);
    if (chance(r, 50))
        index_add_number(b, AGE, 1, row, (int64_t)dice(r, 1000) * 5000,
                         chance(r, 90) ? INDEX_NEVER : expiry);
}

/* What is said of rows [from, to), and much of some whole block, so that all
 * forms of containers are there. */
static index_layer *make_layer(random_state *r, uint32_t from, uint32_t to,
                               uint32_t count, bool cuts)
{
    index_builder *b = index_builder_new();

    for (uint32_t i = 0; i < count; i++)
        say(b, r, from + dice(r, to - from), cuts);
    for (uint32_t row = from; row < from + 9000 && row < to; row++)
        index_add_profile(b, TASTE, 1, row, INDEX_ADD, 7, INDEX_NEVER);
    for (uint32_t row = from; row < to; row += 7)
        index_add_profile(b, TASTE, 1, row, INDEX_ADD, 9, INDEX_NEVER);
    index_layer *l = index_builder_finish(b);
    index_builder_free(b);
    return l;
}

/* ---- asking ---- */

static uint64_t sum_of(const index_stack *x, const leaf_spec *spec)
{
    index_leaf *leaf = index_leaf_new(x, spec);
    leaf_cursor *c = leaf_cursor_new(leaf);
    block_buf *buf = mem_aligned(sizeof *buf);
    uint16_t *rows = mem_array(BLOCK_ROWS, sizeof *rows);
    uint64_t sum = 0;

    for (uint32_t block = 0; block <= BLOCKS; block++) {
        const uint32_t n =
            block_rows(index_leaf_block(leaf, c, block, buf), rows);
        for (uint32_t i = 0; i < n; i++)
            sum += hash_mix(block * BLOCK_ROWS + rows[i] + 1);
    }
    mem_free(rows);
    mem_free(buf);
    leaf_cursor_free(c);
    index_leaf_free(leaf);
    return sum;
}

static void compare(const index_stack *x, const index_stack *y,
                    const leaf_spec *spec, uint64_t seed)
{
    if (sum_of(x, spec) != sum_of(y, spec))
        fail_msg("MUSTER_TEST_SEED=%llu: attribute %u, value %u",
                 (unsigned long long)seed, spec->attribute,
                 spec->value_count ? spec->values[0] : 0);
}

static void compare_all(const index_stack *x, const index_stack *y,
                        uint64_t seed)
{
    static const uint32_t provider = 1;
    leaf_spec spec = {.type = LEAF_HELD,
                      .providers = &provider,
                      .provider_count = 1,
                      .now_hour = NOW};
    uint32_t value;

    for (value = 1; value <= 40; value++) {
        spec.values = &value;
        spec.value_count = 1;
        spec.attribute = TASTE;
        compare(x, y, &spec, seed);
        spec.attribute = COLOUR;
        if (value <= 4)
            compare(x, y, &spec, seed);
    }
    spec.value_count = 0;
    spec.any = true;
    spec.attribute = INDEX_UNIVERSE;
    compare(x, y, &spec, seed);
    spec.attribute = AGE;
    spec.type = LEAF_NUMBER;
    for (int64_t low = 0; low < 5000000; low += 500000) {
        spec.low = low;
        spec.high = low + 1234567;
        compare(x, y, &spec, seed);
    }
}

/* ---- worlds ---- */

static index_stack *push(index_stack *take_x, index_layer *take_delta)
{
    index_stack *y = index_view_push(take_x, take_delta);
    index_view_release(take_x);
    return y;
}

static index_stack *merged(const index_stack *x, uint32_t now)
{
    const index_limits limits = {.cap = cap_of, .now_hour = now};
    muster_error err;
    index_layer *base = index_merge_base(x, &limits);

    if (index_layer_check(base, true, &err) != 0)
        fail_msg("%s", err.message);
    return index_view_base(base);
}

static void try_world(uint64_t seed)
{
    random_state r;
    index_stack *x = index_view_empty();

    random_seed(&r, seed);
    const uint32_t from = 65536 + dice(&r, 3 * 65536);
    x = push(x, make_layer(&r, 0, chance(&r, 50) ? from : ROWS, 30000, true));
    index_stack *base = merged(x, chance(&r, 50) ? 0 : NOW);
    index_view_release(x);
    for (uint32_t i = 1 + dice(&r, 3); i > 0; i--)
        base = push(base, make_layer(&r, from, ROWS, 10000, chance(&r, 70)));
    index_stack *after = merged(base, chance(&r, 50) ? 0 : NOW);
    compare_all(base, after, seed);
    index_view_release(after);
    index_view_release(base);
}

static void test_index_merge_tail__answers_stay(void **state)
{
    (void)state;
    const uint64_t worlds = test_size(12, 400);
    uint64_t seed = 1;

    if (test_seed(&seed)) {
        try_world(seed);
        return;
    }
    for (uint64_t i = 0; i < worlds; i++)
        try_world(seed + i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_merge_tail__answers_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
