/*
 * table.c - plane keys to dense numbers (table.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/table.h"

#include <stdlib.h>

static uint64_t key_hash(const plane_key *key)
{
    uint64_t w[2];
    memcpy(w, key, sizeof w);
    return hash_mix(w[0] ^ hash_mix(w[1] + 0x9e3779b97f4a7c15u));
}

void key_table_init(key_table *t)
{
    memset(t, 0, sizeof *t);
}

void key_table_release(key_table *t)
{
    mem_free(t->keys);
    mem_free(t->slots);
    key_table_init(t);
}

void key_table_clear(key_table *t)
{
    t->count = 0;
    t->last = 0;
    if (t->slots)
        memset(t->slots, 0, t->slot_count * sizeof *t->slots);
}

size_t key_table_bytes(const key_table *t)
{
    return t->key_capacity * sizeof *t->keys +
           t->slot_count * sizeof *t->slots;
}

/* Slot that holds the key, or the free one where it belongs. */
static size_t probe(const key_table *t, const plane_key *key)
{
    const size_t mask = t->slot_count - 1;
    size_t i = key_hash(key) & mask;
    while (t->slots[i] &&
           memcmp(&t->keys[t->slots[i] - 1], key, sizeof *key) != 0)
        i = (i + 1) & mask;
    return i;
}

static void rehash(key_table *t)
{
    t->slot_count = t->slot_count ? t->slot_count * 2 : 64;
    mem_free(t->slots);
    t->slots = mem_array(t->slot_count, sizeof *t->slots);
    for (size_t i = 0; i < t->count; i++)
        t->slots[probe(t, &t->keys[i])] = (uint32_t)i + 1;
}

uint32_t key_table_put(key_table *t, const plane_key *key, bool *fresh)
{
    *fresh = false;
    if (t->count && memcmp(&t->keys[t->last], key, sizeof *key) == 0)
        return t->last;
    if (t->count * 2 >= t->slot_count)
        rehash(t);

    const size_t i = probe(t, key);
    if (t->slots[i] == 0) {
        mem_grow(&t->keys, &t->key_capacity, t->count + 1, sizeof *t->keys);
        t->keys[t->count] = *key;
        t->slots[i] = (uint32_t)++t->count;
        *fresh = true;
    }
    t->last = t->slots[i] - 1;
    return t->last;
}

uint32_t key_table_find(const key_table *t, const plane_key *key)
{
    if (t->slot_count == 0)
        return UINT32_MAX;
    const size_t i = probe(t, key);
    return t->slots[i] ? t->slots[i] - 1 : UINT32_MAX;
}

typedef struct numbered_key {
    plane_key key;
    uint32_t number;
} numbered_key;

static int by_key(const void *a, const void *b)
{
    const numbered_key *x = a;
    const numbered_key *y = b;
    return plane_key_compare(&x->key, &y->key);
}

uint32_t *key_table_order(const key_table *t)
{
    numbered_key *list = mem_array(t->count + 1, sizeof *list);
    uint32_t *order = mem_array(t->count + 1, sizeof *order);

    for (size_t i = 0; i < t->count; i++)
        list[i] = (numbered_key){t->keys[i], (uint32_t)i};
    qsort(list, t->count, sizeof *list, by_key);
    for (size_t i = 0; i < t->count; i++)
        order[i] = list[i].number;
    mem_free(list);
    return order;
}
