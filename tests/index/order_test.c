/*
 * order_test.c - sorts against qsort of the same items with their places:
 * stable, for both sizes, for keys of every width and nearly sorted ones.
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

#include "base/base.h"
#include "index/order.h"
#include "support/dice.h"

#define ITEMS_MAX 3000u

/* The key stands in the second word, so that its place matters. */
typedef struct item {
    uint32_t before;
    uint32_t key;
    uint32_t place;
    uint32_t behind; /* of the large size only */
} item;

static int by_key_then_place(const void *a, const void *b)
{
    const item *x = a;
    const item *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static void fill(item *items, size_t n, random_state *r, uint32_t least,
                 uint32_t most)
{
    const bool sorted = chance(r, 20);
    uint32_t key = least;

    for (size_t i = 0; i < n; i++) {
        if (!sorted || chance(r, 5))
            key = (uint32_t)dice_between(r, least, most);
        items[i] = (item){dice(r, 100), key, (uint32_t)i, dice(r, 100)};
    }
}

static void expect_order(random_state *r, size_t n, size_t size)
{
    item *want = mem_array(n + 1, sizeof *want);
    uint8_t *items = mem_alloc((n + 1) * size);
    uint8_t *spare = mem_alloc((n + 1) * size);
    const uint32_t least = dice(r, 2) ? 0 : (uint32_t)random_u64(r) / 2;
    const uint32_t width = (uint32_t)(random_u64(r) >> (32 + dice(r, 32)));
    const uint32_t most =
        width > UINT32_MAX - least ? UINT32_MAX : least + width;

    fill(want, n, r, least, most);
    for (size_t i = 0; i < n; i++)
        memcpy(items + i * size, &want[i], size);
    qsort(want, n, sizeof *want, by_key_then_place);
    const uint8_t *got = order_items(items, spare, n, size,
                                     offsetof(item, key), least, most);
    for (size_t i = 0; i < n; i++)
        assert_memory_equal(got + i * size, &want[i], size);
    mem_free(spare);
    mem_free(items);
    mem_free(want);
}

static void sort_some(uint64_t seed)
{
    random_state r;

    random_seed(&r, seed);
    expect_order(&r, dice(&r, 40), dice(&r, 2) ? 12 : 16);
    expect_order(&r, dice(&r, ITEMS_MAX), dice(&r, 2) ? 12 : 16);
}

static void test_index_order__is_stable_and_whole(void **state)
{
    (void)state;
    test_each_seed(sort_some, test_size(400, 20000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_order__is_stable_and_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
