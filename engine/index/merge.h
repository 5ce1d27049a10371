/*
 * merge.h - what the two halves of merging share; private to the room.
 *
 *   merge.c        groups in order; profile groups
 *   merge_sets.c   planes of a group as sets, by key
 *   merge_event.c  event groups
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_MERGE_H
#define INDEX_MERGE_H

#include "index/builder.h"
#include "index/set.h"

typedef struct group_sets {
    key_table keys;
    set **sets; /* by number; NULL = empty */
    size_t capacity;
} group_sets;

void sets_init(group_sets *g);
void sets_clear(group_sets *g);
void sets_release(group_sets *g);
/* The set of a key, made when missing. */
set **sets_at(group_sets *g, const plane_key *key);
/* NULL when there is none. */
set *sets_find(const group_sets *g, const plane_key *key);
/* Entries [first, end) of a layer, none of which is there yet. */
void sets_load(group_sets *g, const index_layer *l, size_t first, size_t end);
/* Every plane that is not empty and no delta-only role. */
void sets_write(layer_writer *out, group_sets *g);
/* Entries as they are, delta-only roles left out. */
void copy_planes(layer_writer *out, const index_layer *l, size_t first,
                 size_t end);

static inline plane_key key_with(const plane_key *group, plane_role role,
                                 uint32_t value)
{
    return (plane_key){group->attribute, group->provider, (uint8_t)role, 0,
                       value, 0};
}

/* The entries of one group in each layer, oldest first. */
typedef struct group_span {
    const index_layer *layer;
    size_t first;
    size_t end;
} group_span;

/* Merges the event group; `cap` saturates counts. */
void merge_events(layer_writer *out, const group_span *spans, size_t count,
                  uint32_t cap);

#endif
