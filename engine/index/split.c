/*
 * split.c - rows of one group gathered by plane (split.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/split.h"

#include <stdlib.h>

#define SLOTS_FIRST 64u
#define ROUNDS ((uint32_t)1 << (32 - SPLIT_ROLE_BITS))

void split_init(row_split *s)
{
    memset(s, 0, sizeof *s);
    s->round = 1;
}

void split_release(row_split *s)
{
    mem_free(s->slots);
    mem_free(s->planes);
    mem_free(s->items);
    mem_free(s->rows);
    split_init(s);
}

void split_clear(row_split *s)
{
    s->count = s->item_count = 0;
    if (++s->round == ROUNDS) {
        memset(s->slots, 0, s->slot_count * sizeof *s->slots);
        s->round = 1;
    }
}

static inline uint32_t tag_of(const row_split *s, uint32_t role)
{
    return s->round << SPLIT_ROLE_BITS | role;
}

static inline bool is_taken(const row_split *s, const split_slot *slot)
{
    return slot->tag >> SPLIT_ROLE_BITS == s->round;
}

/* The slot of a plane, or the free one where it belongs. */
static split_slot *slot_of(const row_split *s, uint64_t place, uint32_t role)
{
    const size_t mask = s->slot_count - 1;
    size_t i = hash_mix(place + role * 0x9e3779b97f4a7c15u) & mask;

    while (is_taken(s, &s->slots[i]) &&
           (s->slots[i].place != place || s->slots[i].tag != tag_of(s, role)))
        i = (i + 1) & mask;
    return &s->slots[i];
}

static void take_slot(const row_split *s, split_slot *slot, uint32_t plane)
{
    const split_plane *p = &s->planes[plane];
    *slot = (split_slot){p->place, tag_of(s, p->role), plane};
}

static void grow_slots(row_split *s)
{
    s->slot_count = s->slot_count ? 2 * s->slot_count : SLOTS_FIRST;
    mem_free(s->slots);
    s->slots = mem_array(s->slot_count, sizeof *s->slots);
    for (uint32_t i = 0; i < s->count; i++)
        take_slot(s, slot_of(s, s->planes[i].place, s->planes[i].role), i);
}

uint32_t split_find(row_split *s, plane_role role, uint32_t value,
                    uint32_t bucket)
{
    const uint64_t place = (uint64_t)value << 32 | bucket;

    if (s->count * 2 >= s->slot_count)
        grow_slots(s);
    split_slot *slot = slot_of(s, place, (uint32_t)role);
    if (is_taken(s, slot))
        return slot->plane;
    const uint32_t plane = (uint32_t)s->count;
    mem_grow(&s->planes, &s->capacity, s->count + 1, sizeof *s->planes);
    s->planes[s->count++] = (split_plane){place, (uint32_t)role, 0, 0, 0};
    take_slot(s, slot, plane);
    return plane;
}

/* A plane's number while the planes are put into order. */
typedef struct numbered {
    uint64_t place;
    uint32_t role;
    uint32_t plane;
} numbered;

static int by_place(const void *a, const void *b)
{
    const numbered *x = a;
    const numbered *y = b;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return (x->role > y->role) - (x->role < y->role);
}

void split_deal(row_split *s)
{
    numbered *list = mem_array(s->count + 1, sizeof *list);
    split_plane *dealt = mem_array(s->count + 1, sizeof *dealt);
    size_t *next = mem_array(s->count + 1, sizeof *next);
    size_t first = 0;

    for (uint32_t i = 0; i < s->count; i++)
        list[i] = (numbered){s->planes[i].place, s->planes[i].role, i};
    qsort(list, s->count, sizeof *list, by_place);
    for (size_t k = 0; k < s->count; k++) {
        dealt[k] = s->planes[list[k].plane];
        dealt[k].first = next[list[k].plane] = first;
        first += dealt[k].count;
    }
    ASSERT(first == s->item_count);
    if (first > s->row_capacity) { /* nothing in it is kept */
        mem_free(s->rows);
        s->row_capacity = s->item_capacity;
        s->rows = mem_alloc(s->row_capacity * sizeof *s->rows);
    }
    for (size_t i = 0; i < s->item_count; i++)
        s->rows[next[s->items[i].plane]++] = s->items[i].row;
    mem_free(s->planes);
    s->planes = dealt;
    s->capacity = s->count + 1;
    mem_free(next);
    mem_free(list);
}

void split_write(const row_split *s, size_t i, const plane_key *group,
                 layer_writer *out)
{
    const split_plane *p = &s->planes[i];
    plane_key key = *group;

    key.role = (uint8_t)p->role;
    key.value = (uint32_t)(p->place >> 32);
    key.bucket = (uint32_t)p->place;
    layer_writer_rows(out, &key, s->rows + p->first, p->count);
}
