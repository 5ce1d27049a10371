/*
 * hand.h - the peer: the planes of a world as CRoaring bitmaps, and
 * expressions written by hand with CRoaring's best public calls over them.
 *
 * What a predicate needs is found before anything is measured (hand_find), so
 * a way is bitmap calls only. A way allocates what CRoaring's calls allocate.
 *
 * Planes are held in several forms, as a user of CRoaring may choose one:
 *
 *   HAND_RUNS     as roaring_bitmap_run_optimize leaves them
 *   HAND_FLAT     without run containers
 *   HAND_FROZEN   run-optimised, all in one piece of memory (frozen views)
 *
 * Besides plain planes (one per value or day) there are slices: of the codes
 * of a one_of's values, and of the last day that an event was seen.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_HAND_H
#define BENCH_HAND_H

#include <roaring/roaring.h>

#include "index/layer.h"
#include "world.h"

typedef roaring_bitmap_t bitmap;

typedef enum hand_form {
    HAND_RUNS,
    HAND_FLAT,
    HAND_FROZEN,
    HAND_FORMS
} hand_form;

/* What to find: planes of an attribute, of the values ("x|y"; NULL: any), of
 * events in the days [from, to] before now; or its slices, low to high:
 *
 *   one_of  bit i of the value's number, from 1 on
 *   event   bit i of the last day it was seen on: 1 is the first day held, 0
 *           is never
 *
 * as the index has them (index/resident.h; W's values are numbered by size).
 */
typedef struct hand_spec {
    const char *attribute;
    const char *values;
    uint32_t from;
    uint32_t to;
    bool slices;
} hand_spec;

/* One plane of events with the slices of its counts. */
typedef struct hand_part {
    uint32_t bucket;
    const bitmap *seen;
    const bitmap *counts[COUNT_BITS]; /* bit i of count - 1, or NULL */
} hand_part;

/* The numbers of one provider. */
typedef struct hand_number {
    uint32_t provider;
    const bitmap *live[128]; /* by expiry */
    size_t live_count;
    const bitmap *bits[NUMBER_BITS];
} hand_number;

typedef struct hand_leaf {
    const bitmap **planes; /* their union is the predicate; or slices */
    size_t count;
    hand_part *parts; /* events, by bucket */
    size_t part_count;
    hand_number *numbers;
    size_t number_count;
} hand_leaf;

typedef struct hand hand;
hand *hand_open(const world *w);
void hand_close(hand *h);
void hand_find(hand *h, const hand_spec *spec, hand_form form,
               hand_leaf *out);
void hand_leaf_release(hand_leaf *leaf);
/* Has the layer a run container in any plane of the leaf? Where not,
 * HAND_FLAT is HAND_RUNS. */
bool hand_leaf_has_runs(const hand_leaf *leaf);

/* ---- ways to count an expression of these leaves ---- */

typedef uint64_t (*hand_count)(const hand_leaf *l);
typedef struct hand_way {
    const char *name;
    hand_count count;
} hand_way;

#define HAND_WAYS(X)                                                          \
    X(or)            /* l0 */                                                 \
    X(or_heap)       /* l0 */                                                 \
    X(and)           /* l0 and l1 */                                          \
    X(and_heap)      /* the same, unions by a heap */                         \
    X(and_sum)       /* the same, planes of l1 disjoint */                    \
    X(or_2)          /* l0 or l1 */                                           \
    X(andnot)        /* l0 and not l1 */                                      \
    X(andnot_heap)   /* the same, unions by a heap */                         \
    X(andnot_growth) /* the same: what l0 adds to l1 */                       \
    X(and_3)         /* l0 and l1 and l2 */                                   \
    X(and_andnot)    /* l0 and l1 and not l2 */                               \
    X(andnot_and)    /* the same, from the right */                           \
    X(two_pairs)     /* (l0 and l1 and not l2) or (l3 and l4) */              \
    X(two_pairs_sum) /* the same by inclusion and exclusion */                \
    X(mix)           /* l0 and l1 and l2 and not l3 */                        \
    X(mix_pairs)     /* the same: (l0 and l1) and (l2 and not l3) */          \
    X(mix_inplace)   /* the same in the memory of l0's union */               \
    X(or_4)          /* l0 or l1 or l2 or l3 */                               \
    X(thresholds)    /* at least 3 of l0..l7: one after the other */          \
    X(halves)        /* the same from two halves */                           \
    X(adder)         /* the same by a bit-sliced adder */                     \
    X(bitset_adder)  /* the same adder over bitset_t */                       \
    X(times_3)       /* l0 at least 3 times */                                \
    X(days_3)        /* l0 on at least 3 days */                              \
    X(between)       /* l0 between 25 and 44 */                               \
    X(codes_chain)   /* l0 and the code sliced in l2 is 6 to 15 */            \
    X(codes_union)   /* the same, high slices joined first */                 \
    X(last_1_to_23)  /* the last day sliced in l2 is 1 to 23 */               \
    X(last_sum)      /* the same by inclusion and exclusion */

#define HAND_DECLARE(way) uint64_t hand_##way(const hand_leaf *l);
HAND_WAYS(HAND_DECLARE)
#undef HAND_DECLARE

/* "and" with its function, for the tables of cases. */
#define HAND(way) {#way, hand_##way}

/* ---- for the files that hold ways ---- */

/* A leaf as one bitmap: borrowed when it is one plane; else *made has to be
 * freed. */
const bitmap *hand_one(const hand_leaf *l, bitmap **made);
void hand_drop(bitmap *made); /* NULL is fine */
/* to |= a and b */
void hand_or_and(bitmap *to, const bitmap *a, const bitmap *b);

#endif
