/*
 * order.c - stable counting and radix sorts (order.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/order.h"

#include "base/base.h"

static inline uint32_t u32_of(const void *items, size_t at)
{
    uint32_t v;
    memcpy(&v, (const char *)items + at, sizeof v);
    return v;
}

void order_by_group(const void *items, size_t stride, size_t n,
                    uint32_t groups, uint32_t *order, size_t *first)
{
    memset(first, 0, (groups + 1) * sizeof *first);
    for (size_t i = 0; i < n; i++)
        first[u32_of(items, i * stride) + 1]++;
    for (uint32_t g = 0; g < groups; g++)
        first[g + 1] += first[g];
    for (size_t i = 0; i < n; i++)
        order[first[u32_of(items, i * stride)]++] = (uint32_t)i;
    for (uint32_t g = groups; g > 0; g--)
        first[g] = first[g - 1];
    first[0] = 0;
}

/* One pass over 11 bits of the row in the high half of each key. */
static void radix_pass(const uint64_t *from, uint64_t *to, size_t n,
                       unsigned shift)
{
    size_t count[2048] = {0};
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        count[(from[i] >> shift) & 2047]++;
    for (size_t b = 0; b < 2048; b++) {
        const size_t c = count[b];
        count[b] = at;
        at += c;
    }
    for (size_t i = 0; i < n; i++)
        to[count[(from[i] >> shift) & 2047]++] = from[i];
}

void order_by_row(const void *items, size_t stride, size_t row_offset,
                  uint32_t *order, size_t n, uint64_t **scratch,
                  size_t *scratch_capacity)
{
    uint32_t last = 0;
    size_t i = 0;
    while (i < n) {
        const uint32_t row = u32_of(items, order[i] * stride + row_offset);
        if (row < last)
            break;
        last = row;
        i++;
    }
    if (i == n)
        return;

    mem_grow(scratch, scratch_capacity, 2 * n, sizeof **scratch);
    uint64_t *a = *scratch;
    uint64_t *b = a + n;
    for (i = 0; i < n; i++)
        a[i] = (uint64_t)u32_of(items, order[i] * stride + row_offset) << 32 |
               order[i];
    radix_pass(a, b, n, 32);
    radix_pass(b, a, n, 43);
    radix_pass(a, b, n, 54);
    for (i = 0; i < n; i++)
        order[i] = (uint32_t)b[i];
}
