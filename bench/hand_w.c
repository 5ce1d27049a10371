/*
 * hand_w.c - more ways to count expressions of workload W by hand: at least 3
 * of 8 by halves and by bit-sliced adders, and predicates over slices.
 *
 * A full adder takes three sets: `sum` is in one or three of them, `carry` in
 * two or three. Eight sets are added up in seven steps:
 *
 *     (0 1 2) -> s c0   (s 3 4) -> s c1   (s 5 6) -> s c2   (s 7) -> s c3
 *     (c0 c1 c2) -> t f0   (t c3) -> t f1      count = s + 2 t + 4 (f0 + f1)
 *
 * so at least 3 is (s and t) or f0 or f1.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "hand.h"

/* ---- at least 3 of 8: two halves ---- */

/* at[k]: rows in k + 1 or more of four. */
typedef struct half {
    bitmap *at[3];
} half;

static half half_make(const bitmap *const *in)
{
    half h;
    bitmap *or_a = roaring_bitmap_or(in[0], in[1]);
    bitmap *or_b = roaring_bitmap_or(in[2], in[3]);
    bitmap *and_a = roaring_bitmap_and(in[0], in[1]);
    bitmap *and_b = roaring_bitmap_and(in[2], in[3]);

    h.at[2] = roaring_bitmap_and(and_a, or_b);
    hand_or_and(h.at[2], or_a, and_b);
    h.at[1] = roaring_bitmap_and(or_a, or_b);
    roaring_bitmap_or_inplace(h.at[1], and_a);
    roaring_bitmap_or_inplace(h.at[1], and_b);
    h.at[0] = or_a;
    roaring_bitmap_or_inplace(or_a, or_b);
    roaring_bitmap_free(or_b);
    roaring_bitmap_free(and_a);
    roaring_bitmap_free(and_b);
    return h;
}

static void half_release(half *h)
{
    for (int i = 0; i < 3; i++)
        roaring_bitmap_free(h->at[i]);
}

/* The eight leaves; those of several planes are joined. */
typedef struct eight {
    const bitmap *at[8];
    bitmap *made[8];
} eight;

static void eight_init(eight *e, const hand_leaf *l)
{
    for (int i = 0; i < 8; i++)
        e->at[i] = hand_one(&l[i], &e->made[i]);
}

static void eight_release(eight *e)
{
    for (int i = 0; i < 8; i++)
        hand_drop(e->made[i]);
}

uint64_t hand_halves(const hand_leaf *l)
{
    eight e;
    eight_init(&e, l);
    half a = half_make(e.at);
    half b = half_make(e.at + 4);

    roaring_bitmap_or_inplace(a.at[2], b.at[2]);
    hand_or_and(a.at[2], a.at[1], b.at[0]);
    hand_or_and(a.at[2], a.at[0], b.at[1]);
    const uint64_t n = roaring_bitmap_get_cardinality(a.at[2]);
    half_release(&a);
    half_release(&b);
    eight_release(&e);
    return n;
}

/* ---- at least 3 of 8: an adder over bitmaps ---- */

/* sum becomes sum + a + b; returns the carry. */
static bitmap *add_two(bitmap **sum, const bitmap *a, const bitmap *b)
{
    bitmap *ab = roaring_bitmap_xor(a, b);
    bitmap *carry = roaring_bitmap_and(a, b);
    hand_or_and(carry, ab, *sum);
    roaring_bitmap_xor_inplace(*sum, ab);
    roaring_bitmap_free(ab);
    return carry;
}

/* sum becomes sum + a; returns the carry. */
static bitmap *add_one(bitmap **sum, const bitmap *a)
{
    bitmap *carry = roaring_bitmap_and(*sum, a);
    roaring_bitmap_xor_inplace(*sum, a);
    return carry;
}

uint64_t hand_adder(const hand_leaf *l)
{
    eight e;
    bitmap *c[4];
    eight_init(&e, l);
    bitmap *s = roaring_bitmap_copy(e.at[0]);
    for (int i = 0; i < 3; i++)
        c[i] = add_two(&s, e.at[2 * i + 1], e.at[2 * i + 2]);
    c[3] = add_one(&s, e.at[7]);
    bitmap *four = add_two(&c[0], c[1], c[2]);
    bitmap *more = add_one(&c[0], c[3]);

    hand_or_and(four, s, c[0]);
    const uint64_t n = roaring_bitmap_or_cardinality(four, more);
    for (int i = 0; i < 4; i++)
        roaring_bitmap_free(c[i]);
    roaring_bitmap_free(s);
    roaring_bitmap_free(four);
    roaring_bitmap_free(more);
    eight_release(&e);
    return n;
}

/* ---- at least 3 of 8: the adder over plain bitsets ---- */

/* Large enough for all; to_bitset keeps what it finds. */
static bitset_t *bitset_of(const bitmap *x, size_t bits)
{
    bitset_t *b = bitset_create();
    ASSERT(roaring_bitmap_to_bitset(x, b) &&
           bitset_resize(b, (bits + 63) / 64, true));
    return b;
}

static bitset_t *bitset_and(const bitset_t *a, const bitset_t *b)
{
    bitset_t *x = bitset_copy(a);
    bitset_inplace_intersection(x, b);
    return x;
}

/* As add_two; a is used up. */
static bitset_t *bits_add_two(bitset_t *sum, bitset_t *take_a,
                              const bitset_t *b)
{
    bitset_t *carry = bitset_and(take_a, b);
    bitset_inplace_symmetric_difference(take_a, b);
    bitset_t *more = bitset_and(sum, take_a);
    bitset_inplace_union(carry, more);
    bitset_inplace_symmetric_difference(sum, take_a);
    bitset_free(more);
    bitset_free(take_a);
    return carry;
}

static bitset_t *bits_add_one(bitset_t *sum, const bitset_t *a)
{
    bitset_t *carry = bitset_and(sum, a);
    bitset_inplace_symmetric_difference(sum, a);
    return carry;
}

uint64_t hand_bitset_adder(const hand_leaf *l)
{
    eight e;
    bitset_t *in[8];
    bitset_t *c[4];
    uint32_t last = 0;

    eight_init(&e, l);
    for (int i = 0; i < 8; i++) {
        const uint32_t max = roaring_bitmap_maximum(e.at[i]);
        last = max > last ? max : last;
    }
    for (int i = 0; i < 8; i++)
        in[i] = bitset_of(e.at[i], (size_t)last + 1);
    for (int i = 0; i < 3; i++) {
        c[i] = bits_add_two(in[0], in[2 * i + 1], in[2 * i + 2]);
        bitset_free(in[2 * i + 2]);
    }
    c[3] = bits_add_one(in[0], in[7]);
    bitset_t *four = bits_add_two(c[0], c[1], c[2]);
    bitset_t *more = bits_add_one(c[0], c[3]);
    bitset_inplace_intersection(in[0], c[0]);
    bitset_inplace_union(four, in[0]);
    const uint64_t n = bitset_union_count(four, more);
    bitset_t *const left[] = {in[0], in[7], c[0], c[2], c[3], four, more};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++)
        bitset_free(left[i]);
    eight_release(&e);
    return n;
}

/* ---- slices ---- */

/* 6 to 15 of eight bits: bit 3 or bits 2 and 1 are set, and bits 4 to 7 are
 * clear. */
static bitmap *low_codes(const bitmap *const *s)
{
    bitmap *x = roaring_bitmap_and(s[2], s[1]);
    roaring_bitmap_or_inplace(x, s[3]);
    return x;
}

uint64_t hand_codes_chain(const hand_leaf *l)
{
    const bitmap *const *s = l[2].planes;
    bitmap *x = low_codes(s);

    roaring_bitmap_and_inplace(x, l[0].planes[0]);
    for (int i = 4; i < 7; i++)
        roaring_bitmap_andnot_inplace(x, s[i]);
    const uint64_t n = roaring_bitmap_andnot_cardinality(x, s[7]);
    roaring_bitmap_free(x);
    return n;
}

uint64_t hand_codes_union(const hand_leaf *l)
{
    bitmap *x = low_codes(l[2].planes);
    bitmap *high = roaring_bitmap_or_many(4, l[2].planes + 4);

    roaring_bitmap_andnot_inplace(x, high);
    const uint64_t n = roaring_bitmap_and_cardinality(x, l[0].planes[0]);
    roaring_bitmap_free(x);
    roaring_bitmap_free(high);
    return n;
}

/* 1 to 23 of five bits: any bit is set, but not both of the highest. */
uint64_t hand_last_1_to_23(const hand_leaf *l)
{
    const bitmap *const *s = l[2].planes;
    bitmap *any = roaring_bitmap_or_many(5, l[2].planes);
    bitmap *week = roaring_bitmap_and(s[3], s[4]);
    const uint64_t n = roaring_bitmap_andnot_cardinality(any, week);
    roaring_bitmap_free(any);
    roaring_bitmap_free(week);
    return n;
}

uint64_t hand_last_sum(const hand_leaf *l)
{
    const bitmap *const *s = l[2].planes;
    bitmap *any = roaring_bitmap_or_many(5, l[2].planes);
    const uint64_t n = roaring_bitmap_get_cardinality(any) -
                       roaring_bitmap_and_cardinality(s[3], s[4]);
    roaring_bitmap_free(any);
    return n;
}
