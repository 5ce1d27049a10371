/*
 * merge.h - what the parts of merging share; private to the room.
 *
 *   merge.c          groups in order; the two merges of the door
 *   merge_profile.c  profile groups
 *   merge_event.c    event groups
 *   merge_sets.c     planes of a group as sets, by key
 *   merge_tail.c     profile groups of which the first blocks stay as they are
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_MERGE_H
#define INDEX_MERGE_H

#include "index/builder.h"
#include "index/set.h"

/* What the merge of one group keeps. */
typedef struct merge_rules {
    bool delta; /* older layers stay below: what cuts them is kept */
    uint32_t now_hour;     /* profile: what ended before is dropped */
    uint32_t first_bucket; /* events: so is what happened before */
    uint32_t cap;          /* events: counts saturate there */
} merge_rules;

static inline bool rules_keep(const merge_rules *r, const plane_key *key)
{
    switch ((plane_role)key->role) {
    case ROLE_SET:
        return key->bucket >= r->now_hour;
    case ROLE_SEEN:
    case ROLE_COUNT:
    case ROLE_AMOUNT:
        return key->bucket >= r->first_bucket;
    case ROLE_SIGN:
    case ROLE_BIT:
        return true;
    default:
        return r->delta;
    }
}

static inline plane_key key_with(const plane_key *group, plane_role role,
                                 uint32_t value)
{
    return (plane_key){group->attribute, group->provider, (uint8_t)role, 0,
                       value, 0};
}

/* ---- groups ---- */

/* The entries of one group in each layer, oldest first. */
typedef struct group_span {
    const index_layer *layer;
    size_t first;
    size_t end;
} group_span;

/* Goes through the groups of some layers in the order of a directory. */
typedef struct group_walk {
    index_layer *const *layers;
    size_t count;
    size_t *at;        /* next entry of each layer */
    plane_key group;   /* attribute and provider */
    group_span *spans; /* of the layers that have the group */
    size_t span_count;
    bool events; /* is it one of events? */
} group_walk;

void walk_init(group_walk *w, index_layer *const *layers, size_t count);
bool walk_next(group_walk *w); /* false at the end */
void walk_release(group_walk *w);
/* What `limits` come to for the group the walk stands at. */
merge_rules walk_rules(const group_walk *w, const index_limits *limits,
                       bool delta);
/* Writes the group as one layer has it. */
void merge_group(layer_writer *out, const group_walk *w,
                 const merge_rules *rules);
/* May planes that the rules drop simply be left out? */
bool span_may_lose_planes(const group_span *s, const merge_rules *rules);
/* A profile group whose first blocks the base alone has: false when they are
 * too few, or it cannot be done. */
bool merge_tail(layer_writer *out, const group_walk *w,
                const merge_rules *rules);

void merge_profile(layer_writer *out, const group_walk *w,
                   const merge_rules *rules);
void merge_events(layer_writer *out, const group_walk *w,
                  const merge_rules *rules);
/* Entries as they are, but for those that the rules drop. */
void copy_planes(layer_writer *out, const group_span *s,
                 const merge_rules *rules);

/* ---- sets of a group ---- */

typedef struct group_sets {
    key_table keys;
    set **sets; /* by number */
    size_t capacity;
} group_sets;

void sets_init(group_sets *g);
void sets_clear(group_sets *g);
void sets_release(group_sets *g);
/* The set of a key, made when missing. */
set **sets_at(group_sets *g, const plane_key *key);
/* NULL when there is none. */
set *sets_find(const group_sets *g, const plane_key *key);
/* Entries of a layer, none of which is there yet. */
void sets_load(group_sets *g, const group_span *s);
/* Every plane that is not empty and that the rules keep. */
void sets_write(layer_writer *out, group_sets *g, const merge_rules *rules);

#endif
