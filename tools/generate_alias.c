/*
 * generate_alias.c - drawing an index by weight in one step (Walker's alias
 * method, built by Vose's two lists).
 *
 * Each of n slots is as wide as the average weight. A slot holds the part of
 * its own index that fits and is filled up by one other index; so a draw is
 * one slot and one comparison. Whole numbers only: the same table on every
 * machine. With weights up to 2^20 and up to 2^10 of them, nothing here
 * leaves 64 bits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "generate_alias.h"

#include "base/error.h"
#include "base/mem.h"

/* Fills slot `small` up with `large`; what is left of `large` goes on. */
static void fill(alias_slot *slots, uint64_t *share, uint64_t average,
                 uint32_t small, uint32_t large)
{
    slots[small].threshold = (uint32_t)((share[small] << 32) / average);
    slots[small].other = large;
    share[large] -= average - share[small];
}

void alias_init(alias_table *t, const uint32_t *weights, uint32_t count)
{
    ASSERT(count > 0 && count <= ALIAS_COUNT_MAX);
    uint64_t share[ALIAS_COUNT_MAX]; /* weight x count: the average is sum */
    uint32_t small[ALIAS_COUNT_MAX];
    uint32_t large[ALIAS_COUNT_MAX];
    uint32_t small_count = 0;
    uint32_t large_count = 0;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        ASSERT(weights[i] <= ALIAS_WEIGHT_MAX);
        sum += weights[i];
    }
    ASSERT(sum > 0);
    t->count = count;
    t->slots = mem_array(count, sizeof *t->slots);
    for (uint32_t i = 0; i < count; i++) {
        t->slots[i] = (alias_slot){UINT32_MAX, i};
        share[i] = (uint64_t)weights[i] * count;
        if (share[i] < sum)
            small[small_count++] = i;
        else
            large[large_count++] = i;
    }
    while (small_count > 0 && large_count > 0) {
        const uint32_t from = large[large_count - 1];
        fill(t->slots, share, sum, small[--small_count], from);
        if (share[from] < sum) {
            large_count--;
            small[small_count++] = from;
        }
    }
}

void alias_init_zipf(alias_table *t, uint32_t count, uint32_t shift)
{
    ASSERT(count > 0 && count <= ALIAS_COUNT_MAX && shift > 0);
    uint32_t weights[ALIAS_COUNT_MAX];
    for (uint32_t i = 0; i < count; i++)
        weights[i] = ALIAS_WEIGHT_MAX / (i + shift);
    alias_init(t, weights, count);
}

void alias_release(alias_table *t)
{
    mem_free(t->slots);
    *t = (alias_table){0, NULL};
}
