/*
 * hand.h - the peer: the planes of a world as CRoaring bitmaps, and
 * expressions written by hand with CRoaring's best public calls over them.
 *
 * What a predicate needs is found before anything is measured (hand_find), so
 * a way is bitmap calls only. A way allocates what CRoaring's calls allocate.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_HAND_H
#define BENCH_HAND_H

#include <roaring/roaring.h>

#include "index/layer.h"
#include "world.h"

typedef roaring_bitmap_t bitmap;

/* What to find: planes of an attribute, of the values ("x|y"; NULL: any), of
 * events in the days [from, to] before now. */
typedef struct hand_spec {
    const char *attribute;
    const char *values;
    uint32_t from;
    uint32_t to;
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
    const bitmap **planes; /* their union is the predicate */
    size_t count;
    hand_part *parts; /* events, by bucket */
    size_t part_count;
    hand_number *numbers;
    size_t number_count;
} hand_leaf;

typedef struct hand hand;
hand *hand_open(const world *w);
void hand_close(hand *h);
void hand_find(hand *h, const hand_spec *spec, hand_leaf *out);
void hand_leaf_release(hand_leaf *leaf);

/* A way to count an expression of these leaves. */
typedef uint64_t (*hand_way)(const hand_leaf *l);
uint64_t hand_or(const hand_leaf *l);           /* l0 */
uint64_t hand_or_heap(const hand_leaf *l);      /* l0 */
uint64_t hand_sum(const hand_leaf *l);          /* l0, planes disjoint */
uint64_t hand_and(const hand_leaf *l);          /* l0 and l1 */
uint64_t hand_and_sum(const hand_leaf *l);      /* the same, l1 disjoint */
uint64_t hand_or_2(const hand_leaf *l);         /* l0 or l1 */
uint64_t hand_andnot(const hand_leaf *l);       /* l0 and not l1 */
uint64_t hand_and_3(const hand_leaf *l);        /* l0 and l1 and l2 */
uint64_t hand_and_andnot(const hand_leaf *l);   /* l0 and l1 and not l2 */
uint64_t hand_two_pairs(const hand_leaf *l);    /* (l0 and l1 and not l2) or
                                                   (l3 and l4) */
uint64_t hand_mix(const hand_leaf *l);          /* l0 and l1 and l2 and not
                                                   l3 */
uint64_t hand_or_4(const hand_leaf *l);         /* l0 or l1 or l2 or l3 */
uint64_t hand_3_of_8(const hand_leaf *l);       /* at least 3 of l0..l7 */
uint64_t hand_3_times(const hand_leaf *l);      /* l0 at least 3 times */
uint64_t hand_3_days(const hand_leaf *l);       /* l0 on at least 3 days */
uint64_t hand_between(const hand_leaf *l);      /* l0 between 25 and 44 */

#endif
