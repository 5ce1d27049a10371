/*
 * match_list.h - the segments that the matcher keeps: plans, and what facts
 * they read (match_list.c). Private to engine/.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENGINE_MATCH_LIST_H
#define ENGINE_MATCH_LIST_H

#include "engine.h"

/* What a segment reads: a value of an attribute, or SEGMENT_ANY. */
typedef struct match_read {
    uint32_t attribute;
    uint32_t value;
    uint32_t rank;
} match_read;

/* One thread's. Entries stand beside those of its roster, by rank. */
typedef struct match_list {
    muster_engine *engine;
    scope *viewer;
    const roster *with;  /* borrowed */
    plan **plans;        /* NULL: it does not bind, and holds nobody */
    match_read *reads;   /* by attribute and value */
    size_t read_count;
    size_t read_capacity;
    /* of all saved segments, by id: to see what has changed */
    uint64_t *marks;
    uint32_t mark_count;
    uint64_t shape;      /* of the catalog that plans were bound in */
    uint64_t version;    /* of that catalog */
} match_list;

void match_list_init(match_list *l, muster_engine *e);
void match_list_release(match_list *l);

/* Sets of segments: a bit a rank, or an id. */
static inline bool bit_has(const uint64_t *bits, uint32_t i)
{
    return (bits[i / 64] >> (i % 64)) & 1;
}
static inline void bit_add(uint64_t *bits, uint32_t i)
{
    bits[i / 64] |= (uint64_t)1 << (i % 64);
}
uint64_t *bits_new(uint32_t n);

/* Could anything be different in an epoch, facts apart? Then plans are to be
 * bound anew. A few us. */
bool match_list_is_stale(const match_list *l, const epoch *at);
/* Takes over the epoch's segments and catalog: binds what is new, edited, or
 * refers to what is. *anew: by rank, those whose users must all be looked at;
 * freed with mem_free. `with` replaces the former roster. About 5 us a segment
 * that is bound. */
void match_list_take(match_list *l, const epoch *at, const roster *with,
                     uint64_t **anew, uint32_t *anew_count);
/* Whose answers notes may change. A segment that more than MATCH_FEW of the
 * notes touch is to be asked about all their rows; others about some. */
#define MATCH_FEW 12u
typedef struct match_pair {
    uint32_t row;
    uint32_t rank;
} match_pair;
typedef struct match_touched {
    uint64_t *many;    /* by rank */
    match_pair *pairs; /* of others: by row and rank, each once */
    size_t pair_count;
    size_t pair_capacity;
} match_touched;
/* Sorts the notes by attribute and value. Those of `also` (by rank; may be
 * NULL) are among the many. */
void match_touched_init(match_touched *t, const match_list *l,
                        change_note *notes, size_t count,
                        const uint64_t *also);
void match_touched_release(match_touched *t);
/* Open plans among these are bound anew. */
void match_list_reopen(match_list *l, const epoch *at,
                       const match_touched *touched);
void match_list_reopen_all(match_list *l, const epoch *at);

#endif
