/*
 * hand_ways.c - counting expressions by hand, each by the calls that measured
 * best: no intermediate bitmap where a *_cardinality call counts, or_many
 * (lazy unions, repaired once) for unions, in-place calls for chains. Where
 * several ways are good, all of them run and the fastest is the peer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "hand.h"

/* ---- a leaf as one bitmap ---- */

typedef bitmap *(*join)(const hand_leaf *l);

static bitmap *join_flat(const hand_leaf *l)
{
    return roaring_bitmap_or_many(l->count, l->planes);
}

static bitmap *join_heap(const hand_leaf *l)
{
    return roaring_bitmap_or_many_heap((uint32_t)l->count, l->planes);
}

static const bitmap *one_by(join how, const hand_leaf *l, bitmap **made)
{
    *made = l->count == 1 ? NULL : how(l);
    return *made ? *made : l->planes[0];
}

const bitmap *hand_one(const hand_leaf *l, bitmap **made)
{
    return one_by(join_flat, l, made);
}

void hand_drop(bitmap *made)
{
    if (made)
        roaring_bitmap_free(made);
}

static uint64_t count_and_free(bitmap *take_x)
{
    const uint64_t n = roaring_bitmap_get_cardinality(take_x);
    roaring_bitmap_free(take_x);
    return n;
}

uint64_t hand_or(const hand_leaf *l)
{
    return count_and_free(join_flat(l));
}

uint64_t hand_or_heap(const hand_leaf *l)
{
    return count_and_free(join_heap(l));
}

/* ---- two leaves ---- */

typedef uint64_t (*count_two)(const bitmap *a, const bitmap *b);

static uint64_t two(const hand_leaf *l, join how, count_two count)
{
    bitmap *made[2];
    const bitmap *a = one_by(how, &l[0], &made[0]);
    const bitmap *b = one_by(how, &l[1], &made[1]);
    const uint64_t n = count(a, b);
    hand_drop(made[0]);
    hand_drop(made[1]);
    return n;
}

uint64_t hand_and(const hand_leaf *l)
{
    return two(l, join_flat, roaring_bitmap_and_cardinality);
}

uint64_t hand_and_heap(const hand_leaf *l)
{
    return two(l, join_heap, roaring_bitmap_and_cardinality);
}

uint64_t hand_or_2(const hand_leaf *l)
{
    return two(l, join_flat, roaring_bitmap_or_cardinality);
}

uint64_t hand_andnot(const hand_leaf *l)
{
    return two(l, join_flat, roaring_bitmap_andnot_cardinality);
}

uint64_t hand_andnot_heap(const hand_leaf *l)
{
    return two(l, join_heap, roaring_bitmap_andnot_cardinality);
}

uint64_t hand_andnot_growth(const hand_leaf *l)
{
    bitmap *x = join_flat(&l[1]);
    const uint64_t before = roaring_bitmap_get_cardinality(x);
    for (size_t i = 0; i < l[0].count; i++)
        roaring_bitmap_lazy_or_inplace(x, l[0].planes[i], true);
    roaring_bitmap_repair_after_lazy(x);
    return count_and_free(x) - before;
}

uint64_t hand_and_sum(const hand_leaf *l)
{
    bitmap *made;
    const bitmap *a = hand_one(&l[0], &made);
    uint64_t n = 0;
    for (size_t i = 0; i < l[1].count; i++)
        n += roaring_bitmap_and_cardinality(a, l[1].planes[i]);
    hand_drop(made);
    return n;
}

/* ---- chains ---- */

/* The leaves of an expression, each as one bitmap. */
#define PARTS_MAX 4
typedef struct parts {
    bitmap *made[PARTS_MAX];
    const bitmap *at[PARTS_MAX];
    int count;
} parts;

static void parts_init(parts *p, const hand_leaf *l, int count)
{
    p->count = count;
    for (int i = 0; i < count; i++)
        p->at[i] = hand_one(&l[i], &p->made[i]);
}

static void parts_release(parts *p)
{
    for (int i = 0; i < p->count; i++)
        hand_drop(p->made[i]);
}

static uint64_t chain(const hand_leaf *l, count_two last)
{
    parts p;
    parts_init(&p, l, 3);
    bitmap *x = roaring_bitmap_and(p.at[0], p.at[1]);
    const uint64_t n = last(x, p.at[2]);
    roaring_bitmap_free(x);
    parts_release(&p);
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

uint64_t hand_andnot_and(const hand_leaf *l)
{
    parts p;
    parts_init(&p, l, 3);
    bitmap *x = roaring_bitmap_andnot(p.at[1], p.at[2]);
    const uint64_t n = roaring_bitmap_and_cardinality(p.at[0], x);
    roaring_bitmap_free(x);
    parts_release(&p);
    return n;
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

/* |x and not c| + |y| - |x and y and not c|: nothing large is changed. */
uint64_t hand_two_pairs_sum(const hand_leaf *l)
{
    bitmap *x = roaring_bitmap_and(l[0].planes[0], l[1].planes[0]);
    bitmap *y = roaring_bitmap_and(l[3].planes[0], l[4].planes[0]);
    bitmap *both = roaring_bitmap_and(y, x);
    const uint64_t n =
        roaring_bitmap_andnot_cardinality(x, l[2].planes[0]) +
        roaring_bitmap_get_cardinality(y) -
        roaring_bitmap_andnot_cardinality(both, l[2].planes[0]);
    roaring_bitmap_free(x);
    roaring_bitmap_free(y);
    roaring_bitmap_free(both);
    return n;
}

uint64_t hand_mix(const hand_leaf *l)
{
    parts p;
    parts_init(&p, l, 4);
    bitmap *x = roaring_bitmap_and(p.at[0], p.at[1]);
    roaring_bitmap_and_inplace(x, p.at[2]);
    const uint64_t n = roaring_bitmap_andnot_cardinality(x, p.at[3]);
    roaring_bitmap_free(x);
    parts_release(&p);
    return n;
}

uint64_t hand_mix_pairs(const hand_leaf *l)
{
    parts p;
    parts_init(&p, l, 4);
    bitmap *x = roaring_bitmap_and(p.at[0], p.at[1]);
    bitmap *y = roaring_bitmap_andnot(p.at[2], p.at[3]);
    const uint64_t n = roaring_bitmap_and_cardinality(x, y);
    roaring_bitmap_free(x);
    roaring_bitmap_free(y);
    parts_release(&p);
    return n;
}

uint64_t hand_mix_inplace(const hand_leaf *l)
{
    parts p;
    bitmap *x = join_flat(&l[0]);
    parts_init(&p, l + 1, 3);
    roaring_bitmap_and_inplace(x, p.at[0]);
    roaring_bitmap_and_inplace(x, p.at[1]);
    const uint64_t n = roaring_bitmap_andnot_cardinality(x, p.at[2]);
    roaring_bitmap_free(x);
    parts_release(&p);
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

void hand_or_and(bitmap *to, const bitmap *a, const bitmap *b)
{
    bitmap *x = roaring_bitmap_and(a, b);
    roaring_bitmap_or_inplace(to, x);
    roaring_bitmap_free(x);
}

/* Adds rows that count 1; of them `twice` count 2, `thrice` 3 or more. */
static void thresholds_add(thresholds *t, const bitmap *once,
                           const bitmap *twice, const bitmap *thrice)
{
    hand_or_and(t->t[2], t->t[1], once);
    if (twice)
        hand_or_and(t->t[2], t->t[0], twice);
    if (thrice)
        roaring_bitmap_or_inplace(t->t[2], thrice);
    hand_or_and(t->t[1], t->t[0], once);
    if (twice)
        roaring_bitmap_or_inplace(t->t[1], twice);
    roaring_bitmap_or_inplace(t->t[0], once);
}

uint64_t hand_thresholds(const hand_leaf *l)
{
    thresholds t = thresholds_new();
    for (int i = 0; i < 8; i++) {
        bitmap *made;
        thresholds_add(&t, hand_one(&l[i], &made), NULL, NULL);
        hand_drop(made);
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

uint64_t hand_times_3(const hand_leaf *l)
{
    thresholds t = thresholds_new();
    for (size_t i = 0; i < l->part_count; i++) {
        bitmap *twice = slices_from(&l->parts[i], 0);
        bitmap *thrice = slices_from(&l->parts[i], 1);
        thresholds_add(&t, l->parts[i].seen, twice, thrice);
        hand_drop(twice);
        hand_drop(thrice);
    }
    return thresholds_end(&t);
}

uint64_t hand_days_3(const hand_leaf *l)
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
        thresholds_add(&t, hand_one(&whole, &made), NULL, NULL);
        hand_drop(made);
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
            hand_or_and(greater, equal, x->bits[i]);
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
        bitmap *low = at_least(x, hand_one(&live, &made),
                               (uint64_t)25 << NUMBER_FRACTION_BITS);
        bitmap *high =
            at_least(x, low, ((uint64_t)44 << NUMBER_FRACTION_BITS) + 1);
        roaring_bitmap_andnot_inplace(low, high);
        roaring_bitmap_or_inplace(all, low);
        roaring_bitmap_free(low);
        roaring_bitmap_free(high);
        hand_drop(made);
    }
    const uint64_t n = roaring_bitmap_get_cardinality(all);
    roaring_bitmap_free(all);
    return n;
}
