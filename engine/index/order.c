/*
 * order.c - stable radix sorts (order.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/order.h"

#include "base/base.h"

#define DIGIT_BITS_MAX 11u
/* Up to so many items are sorted by insertion. */
#define FEW_ITEMS 24u
#define ITEM_BYTES_MAX 16u

/* What is known of a sort when it is compiled is inlined into each of its
 * two sizes. */
#define INLINED static inline __attribute__((always_inline))

INLINED uint32_t u32_at(const uint8_t *item)
{
    uint32_t v;
    memcpy(&v, item, sizeof v);
    return v;
}

INLINED bool is_sorted(const uint8_t *keys, size_t n, size_t size)
{
    for (size_t i = 1; i < n; i++)
        if (u32_at(keys + i * size) < u32_at(keys + (i - 1) * size))
            return false;
    return true;
}

INLINED void insert_each(uint8_t *items, size_t n, size_t size, size_t at)
{
    uint8_t item[ITEM_BYTES_MAX];

    for (size_t i = 1; i < n; i++) {
        const uint32_t key = u32_at(items + i * size + at);
        size_t to = i;
        while (to > 0 && u32_at(items + (to - 1) * size + at) > key)
            to--;
        if (to == i)
            continue;
        memcpy(item, items + i * size, size);
        memmove(items + (to + 1) * size, items + to * size, (i - to) * size);
        memcpy(items + to * size, item, size);
    }
}

/* One stable pass over the bits of `mask` above `shift`. */
INLINED void sort_pass(const uint8_t *from, uint8_t *to, size_t n,
                       size_t size, size_t at, uint32_t least,
                       unsigned shift, uint32_t mask)
{
    size_t place[(size_t)1 << DIGIT_BITS_MAX];
    size_t next = 0;

    memset(place, 0, (mask + (size_t)1) * sizeof *place);
    for (size_t i = 0; i < n; i++)
        place[(u32_at(from + i * size + at) - least) >> shift & mask]++;
    for (size_t digit = 0; digit <= mask; digit++) {
        const size_t count = place[digit];
        place[digit] = next;
        next += count;
    }
    for (size_t i = 0; i < n; i++) {
        const uint8_t *item = from + i * size;
        const uint32_t digit = (u32_at(item + at) - least) >> shift & mask;
        memcpy(to + place[digit]++ * size, item, size);
    }
}

INLINED void *sort_items(uint8_t *items, uint8_t *spare, size_t n,
                         size_t size, size_t at, uint32_t least,
                         uint32_t most)
{
    const unsigned bits =
        most > least ? 32 - (unsigned)__builtin_clz(most - least) : 0;
    const unsigned passes = (bits + DIGIT_BITS_MAX - 1) / DIGIT_BITS_MAX;

    if (passes == 0 || is_sorted(items + at, n, size))
        return items;
    if (n <= FEW_ITEMS) {
        insert_each(items, n, size, at);
        return items;
    }
    const unsigned width = (bits + passes - 1) / passes;
    for (unsigned shift = 0; shift < bits; shift += width) {
        sort_pass(items, spare, n, size, at, least, shift,
                  (1u << width) - 1);
        uint8_t *sorted = spare;
        spare = items;
        items = sorted;
    }
    return items;
}

void *order_items(void *items, void *spare, size_t n, size_t size, size_t at,
                  uint32_t least, uint32_t most)
{
    ASSERT(size == 12 || size == 16);
    ASSERT(at + sizeof(uint32_t) <= size && least <= most);
    return size == 12 ? sort_items(items, spare, n, 12, at, least, most)
                      : sort_items(items, spare, n, 16, at, least, most);
}
