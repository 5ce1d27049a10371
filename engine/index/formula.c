/*
 * formula.c - building formulas: equal parts become one, constants go away,
 * lists are flat and in the order in which they are best asked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/formula_parts.h"
#include "index/resident.h"

#include <stdlib.h>

#include "base/base.h"

formula *formula_new(void)
{
    formula *f = mem_zalloc(sizeof *f);

    f->same_mask = 63;
    f->same = mem_array(f->same_mask + 1, sizeof *f->same);
    mem_grow(&f->parts, &f->capacity, 1, sizeof *f->parts);
    f->parts[0] = (part){.type = PART_NOBODY};
    f->count = 1;
    return f;
}

void formula_without_forms(formula *f)
{
    f->formless = true;
}

void formula_free(formula *f)
{
    if (!f)
        return;
    for (uint32_t i = 0; i < f->form_count; i++)
        resident_release(f->forms[i].form);
    mem_free(f->forms);
    mem_free(f->parts);
    mem_free(f->children);
    mem_free(f->asked);
    mem_free(f->planes);
    mem_free(f->leaves);
    mem_free(f->same);
    mem_free(f);
}

void formula_hold(formula *f, struct resident_form *take, bool is_wish)
{
    mem_grow(&f->forms, &f->form_capacity, f->form_count + 1,
             sizeof *f->forms);
    f->forms[f->form_count++] = (held_form){take, is_wish};
}

void formula_ask_again(const formula *f)
{
    for (uint32_t i = 0; i < f->form_count; i++)
        if (f->forms[i].is_wish)
            resident_ask(f->forms[i].form);
}

uint32_t formula_plane_count(const formula *f)
{
    return f->plane_count + f->leaf_count;
}

uint64_t formula_weight(const formula *f, formula_part p)
{
    return is_flipped(p) ? UINT64_MAX : part_of(f, p)->weight;
}

/* ---- equal parts ---- */

/* What tells parts apart besides their numbers. */
static uint64_t own_hash(const formula *f, const part *p)
{
    uint64_t h = hash_mix((uint64_t)p->type * 31 + p->low) ^
                 hash_mix(p->high + p->count);
    if (p->type == PART_PLANE)
        return hash_mix(h ^ (uintptr_t)f->planes[p->first].bytes);
    if (p->type == PART_LEAF)
        return hash_mix(h ^ (uintptr_t)f->leaves[p->first]);
    for (uint32_t i = 0; i < p->count; i++)
        h = hash_mix(h ^ f->children[p->first + i]);
    return hash_mix(h ^ (uintptr_t)p->payload);
}

static bool is_same(const formula *f, const part *a, const part *b)
{
    if (a->type != b->type || a->count != b->count || a->low != b->low ||
        a->high != b->high || a->payload != b->payload || a->keep != b->keep)
        return false;
    if (a->type == PART_PLANE)
        return f->planes[a->first].bytes == f->planes[b->first].bytes;
    if (a->type == PART_LEAF)
        return f->leaves[a->first] == f->leaves[b->first];
    return a->count == 0 ||
           memcmp(&f->children[a->first], &f->children[b->first],
                  a->count * sizeof *f->children) == 0;
}

static void widen_same(formula *f)
{
    mem_free(f->same);
    f->same_mask = 2 * f->same_mask + 1;
    f->same = mem_array(f->same_mask + 1, sizeof *f->same);
    for (uint32_t i = 1; i < f->count; i++) {
        size_t at = own_hash(f, &f->parts[i]) & f->same_mask;
        while (f->same[at])
            at = (at + 1) & f->same_mask;
        f->same[at] = i + 1;
    }
}

/* The number of a part like `p`; *is_new when there was none. */
static uint32_t enlist(formula *f, const part *p, bool *is_new)
{
    size_t at = own_hash(f, p) & f->same_mask;

    for (; f->same[at]; at = (at + 1) & f->same_mask)
        if (is_same(f, p, &f->parts[f->same[at] - 1])) {
            *is_new = false;
            return f->same[at] - 1;
        }
    *is_new = true;
    mem_grow(&f->parts, &f->capacity, f->count + 1, sizeof *f->parts);
    f->parts[f->count] = *p;
    f->same[at] = f->count + 1;
    f->count++;
    if (2 * (size_t)f->count > f->same_mask)
        widen_same(f);
    return f->count - 1;
}

/* ---- single parts ---- */

formula_part formula_plane(formula *f, const plane_view *v, uint64_t rows)
{
    part p = {.type = PART_PLANE, .first = f->plane_count, .weight = rows};
    bool is_new;

    if (rows == 0)
        return FORMULA_NOBODY;
    mem_grow(&f->planes, &f->plane_capacity, f->plane_count + 1,
             sizeof *f->planes);
    f->planes[f->plane_count] = *v;
    const uint32_t number = enlist(f, &p, &is_new);
    f->plane_count += is_new;
    return number << 1;
}

formula_part formula_leaf(formula *f, const index_leaf *leaf)
{
    part p = {.type = PART_LEAF,
              .first = f->leaf_count,
              .weight = index_leaf_weight(leaf)};
    bool is_new;

    if (p.weight == 0)
        return FORMULA_NOBODY;
    mem_grow(&f->leaves, &f->leaf_capacity, f->leaf_count + 1,
             sizeof *f->leaves);
    f->leaves[f->leaf_count] = leaf;
    const uint32_t number = enlist(f, &p, &is_new);
    f->leaf_count += is_new;
    return number << 1;
}

/* ---- lists ---- */

static void append(formula *f, formula_part p)
{
    mem_grow(&f->children, &f->child_capacity, f->child_count + 1,
             sizeof *f->children);
    f->children[f->child_count++] = p;
}

/* A part of the children from `first` on, which stay if it is new. */
static formula_part make(formula *f, part_type type, uint32_t first,
                         uint64_t low, uint64_t high, uint64_t weight)
{
    part p = {.type = type,
              .first = first,
              .count = f->child_count - first,
              .low = low,
              .high = high,
              .weight = weight};
    bool is_new;

    const uint32_t number = enlist(f, &p, &is_new);
    if (!is_new)
        f->child_count = first;
    return number << 1;
}

typedef struct ranked {
    formula_part part;
    uint32_t class;
    uint64_t weight;
} ranked;

/* Planes before what has to be worked out, and what shortens a chain before
 * what it is shortened for. */
static uint32_t class_of(const formula *f, formula_part p)
{
    const part_type type = part_of(f, p)->type;
    if (type == PART_PLANE)
        return is_flipped(p) ? 1 : 0;
    if (type == PART_FILTER)
        return 5;
    if (type == PART_LEAF)
        return 4;
    return is_flipped(p) ? 3 : 2;
}

static int by_rank(const void *a, const void *b)
{
    const ranked *x = a;
    const ranked *y = b;
    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    if (x->weight != y->weight)
        return x->weight < y->weight ? -1 : 1;
    return (x->part > y->part) - (x->part < y->part);
}

#define FEW 32u
/* Members of a flipped chain that become members of the other one. */
#define SPREAD 2u

/* Chains of ands begin with the smallest, of ors with the largest. */
static void sort_children(formula *f, uint32_t first, bool is_or)
{
    const uint32_t n = f->child_count - first;
    ranked few[FEW];
    ranked *list = n <= FEW ? few : mem_array(n, sizeof *list);

    for (uint32_t i = 0; i < n; i++) {
        const formula_part p = f->children[first + i];
        const uint64_t weight = part_of(f, p)->weight;
        list[i] = (ranked){p, class_of(f, p), is_or ? ~weight : weight};
    }
    qsort(list, n, sizeof *list, by_rank);
    for (uint32_t i = 0; i < n; i++)
        f->children[first + i] = list[i].part;
    if (list != few)
        mem_free(list);
}

static int by_number(const void *a, const void *b)
{
    const formula_part x = *(const formula_part *)a;
    const formula_part y = *(const formula_part *)b;
    return (x > y) - (x < y);
}

/* Leaves each child once; true when one stands beside its complement. */
static bool leave_once(formula *f, uint32_t first)
{
    uint32_t n = first;

    if (f->child_count == first)
        return false;
    qsort(f->children + first, f->child_count - first, sizeof *f->children,
          by_number);
    for (uint32_t i = first; i < f->child_count; i++) {
        const formula_part p = f->children[i];
        if (n > first && f->children[n - 1] == p)
            continue;
        if (n > first && f->children[n - 1] == formula_not(p))
            return true;
        f->children[n++] = p;
    }
    f->child_count = n;
    return false;
}

/* ---- ranges of one number that meet ---- */

/* The children from `first` on are the bits. */
static formula_part range_of(formula *f, uint32_t first, uint64_t low,
                             uint64_t high, const resident_form *form)
{
    part p = {.type = PART_RANGE,
              .first = first,
              .count = f->child_count - first,
              .low = low,
              .high = high,
              .weight = UINT64_MAX - 1,
              .payload = form};
    bool is_new;

    const uint32_t number = enlist(f, &p, &is_new);
    if (!is_new)
        f->child_count = first;
    return number << 1;
}

static bool same_bits(const formula *f, const part *a, const part *b)
{
    return a->type == PART_RANGE && b->type == PART_RANGE &&
           a->payload == b->payload && a->count == b->count &&
           memcmp(&f->children[a->first], &f->children[b->first],
                  a->count * sizeof *f->children) == 0;
}

/* x and y, two of one number, as one range; false when they are none. The
 * first is not flipped. */
static bool meet(const part *x, const part *y, bool y_flipped, uint64_t *low,
                 uint64_t *high)
{
    *low = x->low;
    *high = x->high;
    if (!y_flipped) {
        *low = y->low > *low ? y->low : *low;
        *high = y->high < *high ? y->high : *high;
        return true;
    }
    if (y->high < *low || y->low > *high)
        return true;
    if (y->low <= *low && y->high >= *high) {
        *low = 1; /* none is left */
        *high = 0;
        return true;
    }
    if (y->low <= *low)
        *low = y->high + 1;
    else if (y->high >= *high)
        *high = y->low - 1;
    else
        return false; /* a hole in the middle */
    return true;
}

static formula_part narrowed(formula *f, const part *like, uint64_t low,
                             uint64_t high)
{
    const part p = *like; /* the list may move */
    const uint32_t first = f->child_count;

    if (low > high)
        return FORMULA_NOBODY;
    for (uint32_t i = 0; i < p.count; i++)
        append(f, f->children[p.first + i]);
    return range_of(f, first, low, high, p.payload);
}

/* Meets the ranges of a chain of ands; returns how many parts are left. */
static size_t meet_ranges(formula *f, formula_part *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (part_of(f, list[i])->type != PART_RANGE || is_flipped(list[i]))
            continue;
        for (size_t j = 0; j < n; j++) {
            const part *x = part_of(f, list[i]);
            const part *y = part_of(f, list[j]);
            uint64_t low;
            uint64_t high;
            if (i == j || !same_bits(f, x, y) ||
                !meet(x, y, is_flipped(list[j]), &low, &high))
                continue;
            list[i] = narrowed(f, x, low, high);
            list[j] = list[--n];
            if (list[i] == FORMULA_NOBODY)
                return n;
            i = i == n ? j : i; /* it may have been the last, moved to j */
            j = (size_t)-1;     /* another look at all of them */
        }
    }
    return n;
}

/* AND and OR: `none` decides alone, its complement says nothing. */
static formula_part chain(formula *f, part_type type, formula_part none,
                          const formula_part *list, size_t n);

formula_part formula_and(formula *f, const formula_part *list, size_t n)
{
    formula_part few[FEW];
    uint32_t ranges = 0;

    for (size_t i = 0; i < n; i++)
        ranges += part_of(f, list[i])->type == PART_RANGE;
    if (ranges < 2 || n > FEW)
        return chain(f, PART_AND, FORMULA_NOBODY, list, n);
    memcpy(few, list, n * sizeof *few);
    n = meet_ranges(f, few, n);
    return chain(f, PART_AND, FORMULA_NOBODY, few, n);
}

static formula_part chain(formula *f, part_type type, formula_part none,
                          const formula_part *list, size_t n)
{
    const part_type other = type == PART_AND ? PART_OR : PART_AND;
    const uint32_t first = f->child_count;
    uint64_t weight = type == PART_AND ? UINT64_MAX : 0;
    bool decided = false;

    for (size_t i = 0; i < n; i++) {
        const part *p = part_of(f, list[i]);
        decided |= list[i] == none;
        if (list[i] == formula_not(none))
            continue;
        /* not (a or b) in a chain of ands is not a and not b; many are met
         * better as one */
        if (p->type == (is_flipped(list[i]) ? other : type) &&
            (!is_flipped(list[i]) || p->count <= SPREAD))
            for (uint32_t c = 0; c < p->count; c++)
                append(f, f->children[p->first + c] ^ (list[i] & 1));
        else
            append(f, list[i]);
    }
    if (decided || leave_once(f, first)) {
        f->child_count = first;
        return none;
    }
    if (f->child_count - first < 2) {
        const bool alone = f->child_count > first;
        f->child_count = first;
        return alone ? f->children[first] : formula_not(none);
    }
    sort_children(f, first, type == PART_OR);
    for (uint32_t i = first; i < f->child_count; i++) {
        const uint64_t w = formula_weight(f, f->children[i]);
        if (type == PART_AND)
            weight = w < weight ? w : weight;
        else
            weight = w > UINT64_MAX - weight ? UINT64_MAX : weight + w;
    }
    return make(f, type, first, 0, 0, weight);
}

formula_part formula_or(formula *f, const formula_part *list, size_t n)
{
    return chain(f, PART_OR, FORMULA_ALL, list, n);
}

formula_part formula_tally(formula *f, const formula_part *list, size_t n,
                           uint64_t low, uint64_t high)
{
    const uint32_t first = f->child_count;
    uint64_t sure = 0;

    ASSERT(n <= TALLY_MAX);
    for (size_t i = 0; i < n; i++) {
        sure += list[i] == FORMULA_ALL;
        if (list[i] >> 1 != FORMULA_NOBODY)
            append(f, list[i]);
    }
    const uint64_t count = f->child_count - first;
    low = low > sure ? low - sure : 0;
    if (high < sure || low > count || low > high - sure) {
        f->child_count = first;
        return FORMULA_NOBODY;
    }
    high = high - sure < count ? high - sure : count;
    if (low == 0 && high == count) {
        f->child_count = first;
        return FORMULA_ALL;
    }
    qsort(f->children + first, count, sizeof *f->children, by_number);
    return make(f, PART_TALLY, first, low, high, UINT64_MAX - 1);
}

formula_part formula_range(formula *f, const formula_part *bits, size_t n,
                           uint64_t low, uint64_t high)
{
    const uint32_t first = f->child_count;
    const uint64_t top = n < 64 ? ((uint64_t)1 << n) - 1 : UINT64_MAX;

    ASSERT(n <= 64);
    if (low > high || low > top)
        return FORMULA_NOBODY;
    high = high < top ? high : top;
    if (low == 0 && high == top)
        return FORMULA_ALL;
    for (size_t i = 0; i < n; i++)
        append(f, bits[i]);
    return range_of(f, first, low, high, NULL);
}

formula_part formula_codes(formula *f, const resident_form *form,
                           uint64_t low, uint64_t high)
{
    formula_part bits[64];

    for (uint32_t s = 0; s < form->slices; s++) {
        plane_view v = {0};
        resident_view(form, s, &v);
        v.bytes = (const uint8_t *)v.sets; /* tells slices apart */
        bits[s] = formula_plane(f, &v, UINT64_MAX);
    }
    const uint32_t first = f->child_count;
    for (uint32_t s = 0; s < form->slices; s++)
        append(f, bits[s]);
    return range_of(f, first, low, high, form);
}

formula_part formula_filter(formula *f, formula_part p, formula_keep_fn keep,
                            const void *payload)
{
    part made = {.type = PART_FILTER,
                 .first = f->child_count,
                 .count = 1,
                 .weight = formula_weight(f, p),
                 .keep = keep,
                 .payload = payload};
    bool is_new;

    if (p == FORMULA_NOBODY)
        return p;
    append(f, p);
    const uint32_t number = enlist(f, &made, &is_new);
    if (!is_new)
        f->child_count = made.first;
    return number << 1;
}

/* ---- what is read ---- */

static void read_view(const plane_view *v, uint32_t block,
                      formula_read_fn each, void *payload)
{
    const block_ref set = view_block(v, block, NULL);

    if (set.type == BLOCK_BITSET)
        each(payload, set.data, sizeof(block_buf));
    else if (set.type == BLOCK_ARRAY)
        each(payload, set.data, set.n * sizeof(uint16_t));
    else if (set.type == BLOCK_RUN)
        each(payload, set.data, set.n * 2 * sizeof(uint16_t));
}

void formula_reads(const formula *f, uint32_t block, formula_read_fn each,
                   void *payload)
{
    for (uint32_t i = 0; i < f->plane_count; i++)
        read_view(&f->planes[i], block, each, payload);
    for (uint32_t i = 0; i < f->leaf_count; i++)
        for (uint32_t v = 0; v < f->leaves[i]->view_count; v++)
            read_view(&f->leaves[i]->views[v], block, each, payload);
}
