/*
 * generate_alias.h - private to the generator: drawing an index by weight.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GENERATE_ALIAS_H
#define GENERATE_ALIAS_H

#include <stdint.h>

#define ALIAS_COUNT_MAX 1024u
#define ALIAS_WEIGHT_MAX (1u << 20)

typedef struct alias_slot {
    uint32_t threshold; /* below it: this slot's own index */
    uint32_t other;
} alias_slot;
typedef struct alias_table {
    uint32_t count;
    alias_slot *slots;
} alias_table;

/* 1..ALIAS_COUNT_MAX weights of 0..ALIAS_WEIGHT_MAX, not all 0. Free with
 * alias_release. */
void alias_init(alias_table *t, const uint32_t *weights, uint32_t count);
/* Zipf's law: weight of rank i is 1 / (i + shift), shift >= 1. */
void alias_init_zipf(alias_table *t, uint32_t count, uint32_t shift);
void alias_release(alias_table *t);

/* One random word gives slot (upper half) and side (lower half). */
static inline uint32_t alias_draw(const alias_table *t, uint64_t random)
{
    const uint32_t i = (uint32_t)(((random >> 32) * t->count) >> 32);
    return (uint32_t)random < t->slots[i].threshold ? i : t->slots[i].other;
}

#endif
