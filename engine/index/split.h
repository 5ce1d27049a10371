/*
 * split.h - rows of one group gathered by plane: (role, value, bucket).
 * Private to the room.
 *
 * Rows are added in ascending order; a row that a plane has already got last
 * is not added again. They lie in one list with the number of their plane,
 * and are dealt out when the planes are asked for, in the order of a
 * directory. A plane is found by one line of a table: about 4 ns a row while
 * the table is in the cache. Memory: 12 bytes a row, kept for the next group.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_SPLIT_H
#define INDEX_SPLIT_H

#include "index/layer.h"

typedef struct split_slot {
    uint64_t place; /* value above bucket */
    uint32_t tag;   /* round above role; of another round: it is free */
    uint32_t plane;
} split_slot;
#define SPLIT_ROLE_BITS 4u

typedef struct split_plane {
    uint64_t place;
    uint32_t role;
    uint32_t last; /* row */
    size_t count;
    size_t first; /* of its rows, once they are dealt out */
} split_plane;

typedef struct split_item {
    uint32_t plane;
    uint32_t row;
} split_item;

typedef struct row_split {
    split_slot *slots;
    size_t slot_count;
    uint32_t round;
    split_plane *planes; /* by number, dealt: in order */
    size_t count;
    size_t capacity;
    split_item *items;
    size_t item_count;
    size_t item_capacity;
    uint32_t *rows; /* dealt out */
    size_t row_capacity;
} row_split;

void split_init(row_split *s);
void split_release(row_split *s);
/* The number of a plane, made when missing. */
uint32_t split_find(row_split *s, plane_role role, uint32_t value,
                    uint32_t bucket);
static inline void split_add(row_split *s, plane_role role, uint32_t value,
                             uint32_t bucket, uint32_t row)
{
    const uint32_t i = split_find(s, role, value, bucket);
    split_plane *p = &s->planes[i];

    if (p->count > 0 && p->last == row)
        return;
    p->last = row;
    p->count++;
    if (s->item_count == s->item_capacity)
        mem_grow(&s->items, &s->item_capacity, s->item_count + 1,
                 sizeof *s->items);
    s->items[s->item_count++] = (split_item){i, row};
}
/* Puts the planes into the order of a directory, each with its rows at
 * s->rows + first. Nothing is added before split_clear. */
void split_deal(row_split *s);
/* Writes plane i, once they are dealt out. */
void split_write(const row_split *s, size_t i, const plane_key *group,
                 layer_writer *out);
void split_clear(row_split *s); /* keeps memory */

#endif
