/*
 * hand_ways.c - counting expressions by hand, each by the calls that measured
 * best: no intermediate bitmap where a *_cardinality call counts, or_many
 * (lazy unions, repaired once) for unions, in-place calls for chains.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "hand.h"

/* ---- a leaf as one bitmap ---- */

static bitmap *join(const hand_leaf *l)
{
    return roaring_bitmap_or_many(l->count, l->planes);
}

/* Borrowed when the leaf is one plane; else *made has to be freed. */
static const bitmap *one(const hand_leaf *l, bitmap **made)
{
    *made = l->count == 1 ? NULL : join(l);
    return *made ? *made : l->planes[0];
}

static void drop(bitmap *made)
{
    if (made)
        roaring_bitmap_free(made);
}

uint64_t hand_or(const hand_leaf *l)
{
    bitmap *made;
    const uint64_t n = roaring_bitmap_get_cardinality(one(l, &made));
    drop(made);
    return n;
}

uint64_t hand_or_heap(const hand_leaf *l)
{
    bitmap *x = roaring_bitmap_or_many_heap((uint32_t)l->count, l->planes);
    const uint64_t n = roaring_bitmap_get_cardinality(x);
    roaring_bitmap_free(x);
    return n;
}

uint64_t hand_sum(const hand_leaf *l)
{
    uint64_t n = 0;
    for (size_t i = 0; i < l->count; i++)
        n += roaring_bitmap_get_cardinality(l->planes[i]);
    return n;
}

/* ---- two leaves ---- */

typedef uint64_t (*count_two)(const bitmap *a, const bitmap *b);

static uint64_t two(const hand_leaf *l, count_two count)
{
    bitmap *made[2];
    const bitmap *a = one(&l[0], &made[0]);
    const bitmap *b = one(&l[1], &made[1]);
    const uint64_t n = count(a, b);
    drop(made[0]);
    drop(made[1]);
    return n;
}

uint64_t hand_and(const hand_leaf *l)
{
    return two(l, roaring_bitmap_and_cardinality);
}

uint64_t hand_or_2(const hand_leaf *l)
{
    return two(l, roaring_bitmap_or_cardinality);
}

uint64_t hand_andnot(const hand_leaf *l)
{
    return two(l, roaring_bitmap_andnot_cardinality);
}

uint64_t hand_and_sum(const hand_leaf *l)
{
    bitmap *made;
    const bitmap *a = one(&l[0], &made);
    uint64_t n = 0;
    for (size_t i = 0; i < l[1].count; i++)
        n += roaring_bitmap_and_cardinality(a, l[1].planes[i]);
    drop(made);
    return n;
}

/* ---- chains ---- */

static uint64_t chain(const hand_leaf *l, count_two last)
{
    bitmap *made[3];
    const bitmap *a = one(&l[0], &made[0]);
    const bitmap *b = one(&l[1], &made[1]);
    const bitmap *c = one(&l[2], &made[2]);
    bitmap *x = roaring_bitmap_and(a, b);
    const uint64_t n = last(x, c);
    drop(x);
    for (int i = 0; i < 3; i++)
        drop(made[i]);
    return n;
}

uint64_t hand_and_3(const hand_leaf *l)
{
    return chain(l, roaring_bitmap_and_cardinality);
}

uint64_t hand_and_andnot(const hand_leaf *l)
{
    return chain(l, roaring_bitmap_andnot_cardinality);
}

uint64_t hand_two_pairs(const hand_leaf *l)
{
    bitmap *x = roaring_bitmap_and(l[0].planes[0], l[1].planes[0]);
    bitmap *y = roaring_bitmap_and(l[3].planes[0], l[4].planes[0]);
    roaring_bitmap_andnot_inplace(x, l[2].planes[0]);
    const uint64_t n = roaring_bitmap_or_cardinality(x, y);
    roaring_bitmap_free(x);
    roaring_bitmap_free(y);
    return n;
}

uint64_t hand_mix(const hand_leaf *l)
{
    bitmap *made[4];
    const bitmap *part[4];
    for (int i = 0; i < 4; i++)
        part[i] = one(&l[i], &made[i]);
    bitmap *x = roaring_bitmap_and(part[0], part[1]);
    roaring_bitmap_and_inplace(x, part[2]);
    const uint64_t n = roaring_bitmap_andnot_cardinality(x, part[3]);
    drop(x);
    for (int i = 0; i < 4; i++)
        drop(made[i]);
    return n;
}

uint64_t hand_or_4(const hand_leaf *l)
{
    const bitmap *all[1024];
    size_t n = 0;
    for (int i = 0; i < 4; i++)
        for (size_t p = 0; p < l[i].count; p++)
            all[n++] = l[i].planes[p];
    const hand_leaf whole = {.planes = all, .count = n};
    return hand_or(&whole);
}

/* ---- at least 3 ---- */

/* t[k]: rows that have k + 1 or more so far. */
typedef struct thresholds {
    bitmap *t[3];
} thresholds;

static thresholds thresholds_new(void)
{
    return (thresholds){{roaring_bitmap_create(), roaring_bitmap_create(),
                         roaring_bitmap_create()}};
}

static uint64_t thresholds_end(thresholds *t)
{
    const uint64_t n = roaring_bitmap_get_cardinality(t->t[2]);
    for (int i = 0; i < 3; i++)
        roaring_bitmap_free(t->t[i]);
    return n;
}

/* to |= a and b */
static void or_and(bitmap *to, const bitmap *a, const bitmap *b)
{
    bitmap *x = roaring_bitmap_and(a, b);
    roaring_bitmap_or_inplace(to, x);
    roaring_bitmap_free(x);
}

/* Adds rows that count 1; of them `twice` count 2, `thrice` 3 or more. */
static void thresholds_add(thresholds *t, const bitmap *once,
                           const bitmap *twice, const bitmap *thrice)
{
    or_and(t->t[2], t->t[1], once);
    if (twice)
        or_and(t->t[2], t->t[0], twice);
    if (thrice)
        roaring_bitmap_or_inplace(t->t[2], thrice);
    or_and(t->t[1], t->t[0], once);
    if (twice)
        roaring_bitmap_or_inplace(t->t[1], twice);
    roaring_bitmap_or_inplace(t->t[0], once);
}

uint64_t hand_3_of_8(const hand_leaf *l)
{
    thresholds t = thresholds_new();
    for (int i = 0; i < 8; i++) {
        bitmap *made;
        thresholds_add(&t, one(&l[i], &made), NULL, NULL);
        drop(made);
    }
    return thresholds_end(&t);
}

/* The union of the count slices from `bit` on; NULL when there is none. */
static bitmap *slices_from(const hand_part *p, uint32_t bit)
{
    bitmap *x = NULL;
    for (uint32_t i = bit; i < COUNT_BITS; i++) {
        if (!p->counts[i])
            continue;
        if (x)
            roaring_bitmap_or_inplace(x, p->counts[i]);
        else
            x = roaring_bitmap_copy(p->counts[i]);
    }
    return x;
}

uint64_t hand_3_times(const hand_leaf *l)
{
    thresholds t = thresholds_new();
    for (size_t i = 0; i < l->part_count; i++) {
        bitmap *twice = slices_from(&l->parts[i], 0);
        bitmap *thrice = slices_from(&l->parts[i], 1);
        thresholds_add(&t, l->parts[i].seen, twice, thrice);
        drop(twice);
        drop(thrice);
    }
    return thresholds_end(&t);
}

uint64_t hand_3_days(const hand_leaf *l)
{
    thresholds t = thresholds_new();
    for (size_t i = 0; i < l->part_count;) {
        const bitmap *day[64];
        size_t n = 0;
        const uint32_t bucket = l->parts[i].bucket;
        for (; i < l->part_count && l->parts[i].bucket == bucket; i++)
            day[n++] = l->parts[i].seen;
        const hand_leaf whole = {.planes = day, .count = n};
        bitmap *made;
        thresholds_add(&t, one(&whole, &made), NULL, NULL);
        drop(made);
    }
    return thresholds_end(&t);
}

/* ---- numbers ---- */

/* Rows of `among` whose number is at least `bound` (slices, high to low). */
static bitmap *at_least(const hand_number *x, const bitmap *among,
                        uint64_t bound)
{
    bitmap *equal = roaring_bitmap_copy(among);
    bitmap *greater = roaring_bitmap_create();

    for (int i = NUMBER_BITS - 1; i >= 0; i--) {
        const bool bit = (bound >> i) & 1;
        if (x->bits[i] && bit) {
            roaring_bitmap_and_inplace(equal, x->bits[i]);
        } else if (x->bits[i]) {
            or_and(greater, equal, x->bits[i]);
            roaring_bitmap_andnot_inplace(equal, x->bits[i]);
        } else if (bit) {
            roaring_bitmap_clear(equal);
        }
    }
    roaring_bitmap_or_inplace(greater, equal);
    roaring_bitmap_free(equal);
    return greater;
}

uint64_t hand_between(const hand_leaf *l)
{
    bitmap *all = roaring_bitmap_create();

    for (size_t i = 0; i < l->number_count; i++) {
        const hand_number *x = &l->numbers[i];
        const hand_leaf live = {.planes = (const bitmap **)x->live,
                                .count = x->live_count};
        bitmap *made;
        bitmap *low = at_least(x, one(&live, &made),
                               (uint64_t)25 << NUMBER_FRACTION_BITS);
        bitmap *high =
            at_least(x, low, ((uint64_t)44 << NUMBER_FRACTION_BITS) + 1);
        roaring_bitmap_andnot_inplace(low, high);
        roaring_bitmap_or_inplace(all, low);
        roaring_bitmap_free(low);
        roaring_bitmap_free(high);
        drop(made);
    }
    const uint64_t n = roaring_bitmap_get_cardinality(all);
    roaring_bitmap_free(all);
    return n;
}
