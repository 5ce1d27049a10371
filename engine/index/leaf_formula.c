/*
 * leaf_formula.c - predicates said as formulas over planes.
 *
 * Where a form of resident.h is there, it is what is read: a plane's words,
 * codes for many values of a one_of, ages for a window that ends now.
 *
 * Profile: each term folded over its layers, x = (x & ~taken away) | added.
 * Events seen: parts, each without the rows that later layers cleared.
 * Numbers of one layer: a range of their slices, where they are present.
 * What counts or adds up, and numbers of several layers, stay leaves.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/formula_parts.h"
#include "index/resident.h"

#include <stdlib.h>

/* Views beyond this many are met one after the other by the leaf. */
#define VIEWS_MAX 2048u

/* Parts being listed; short lists need no allocation. */
typedef struct part_list {
    formula_part few[64];
    formula_part *items;
    size_t count;
    size_t capacity;
} part_list;

static void list_begin(part_list *l, size_t capacity)
{
    l->items = l->few;
    l->count = 0;
    if (capacity > sizeof l->few / sizeof l->few[0])
        l->items = mem_array(capacity, sizeof *l->items);
}

static void list_add(part_list *l, formula_part p)
{
    l->items[l->count++] = p;
}

static void list_end(part_list *l)
{
    if (l->items != l->few)
        mem_free(l->items);
}

/* ---- forms ---- */

/* Planes with fewer rows are as good where they lie. */
#define FORM_ROWS 512u
/* Codes or ages take the place of this many planes or more. */
#define FORM_PLANES 4u
/* A range of codes costs about as much as three planes. */
#define RANGE_PLANES 3u

/* The form, held by the formula; if it is not there, the wish is. */
static const resident_form *find_form(formula *f, const view_source *at,
                                      form_kind kind)
{
    plane_key key = at->entry->key;
    resident_form *wish;

    if (f->formless)
        return NULL;
    if (kind != FORM_PLANE)
        key.role = key.slice = 0, key.bucket = 0;
    if (kind == FORM_CODES)
        key.value = 0;
    resident_form *form = resident_find(at->layer, kind, &key, &wish);
    if (form || wish)
        formula_hold(f, form ? form : wish, form == NULL);
    return form;
}

static formula_part view_part(formula *f, const index_leaf *leaf,
                              uint32_t view)
{
    if (view == NO_VIEW)
        return FORMULA_NOBODY;
    const view_source *at = &leaf->sources[view];
    plane_view v = leaf->views[view];
    const resident_form *form = at->entry->count >= FORM_ROWS
                                    ? find_form(f, at, FORM_PLANE)
                                    : NULL;
    if (form)
        resident_view(form, 0, &v);
    return formula_plane(f, &v, at->entry->count);
}

static int by_code(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The codes of the values that the form knows, ascending. */
static uint32_t list_codes(const resident_form *form, const leaf_spec *spec,
                           uint32_t *out)
{
    uint32_t n = 0;
    uint32_t at = 0;

    for (uint32_t i = 0; i < spec->value_count; i++) {
        while (at < form->count && form->values[at] < spec->values[i])
            at++;
        if (at < form->count && form->values[at] == spec->values[i])
            out[n++] = form->codes[at];
    }
    qsort(out, n, sizeof *out, by_code);
    return n;
}

/* The planes of a span said by codes; false when that is no gain. */
static bool codes_part(formula *f, const index_leaf *leaf, view_span span,
                       formula_part *out)
{
    const leaf_spec *spec = &leaf->spec;
    part_list ranges;
    uint32_t n = 0;

    if (!spec->exclusive || span.count < FORM_PLANES)
        return false;
    const resident_form *form =
        find_form(f, &leaf->sources[span.first], FORM_CODES);
    if (!form || form->first_bucket < spec->now_hour)
        return false;
    if (spec->any) {
        *out = formula_codes(f, form, 1, form->count);
        return true;
    }
    uint32_t *codes = mem_array(spec->value_count, sizeof *codes);
    const uint32_t count = list_codes(form, spec, codes);
    list_begin(&ranges, count);
    for (uint32_t i = 0; i < count; i = n) {
        for (n = i + 1; n < count && codes[n] == codes[n - 1] + 1;)
            n++;
        list_add(&ranges, formula_codes(f, form, codes[i], codes[n - 1]));
    }
    const bool gain = ranges.count * RANGE_PLANES <= span.count;
    if (gain)
        *out = formula_or(f, ranges.items, ranges.count);
    list_end(&ranges);
    mem_free(codes);
    return gain;
}

static formula_part span_part(formula *f, const index_leaf *leaf,
                              view_span span)
{
    part_list any;

    list_begin(&any, span.count);
    for (uint32_t i = 0; i < span.count; i++)
        list_add(&any, view_part(f, leaf, span.first + i));
    const formula_part p = formula_or(f, any.items, any.count);
    list_end(&any);
    return p;
}

/* ---- profile ---- */

static formula_part live_part(formula *f, const index_leaf *leaf,
                              const fold_layer *l, bool whole)
{
    formula_part p;
    if (whole && codes_part(f, leaf, l->live, &p))
        return p;
    return span_part(f, leaf, l->live);
}

static formula_part fold_part(formula *f, const index_leaf *leaf,
                              const fold_layer *l, bool whole,
                              formula_part x)
{
    const formula_part soft[2] = {
        view_part(f, leaf, l->soft),
        formula_not(span_part(f, leaf, l->said)),
    };
    const formula_part kept[4] = {
        x,
        formula_not(view_part(f, leaf, l->hard)),
        formula_not(view_part(f, leaf, l->removed)),
        formula_not(formula_and(f, soft, 2)),
    };
    const formula_part either[2] = {
        formula_and(f, kept, 4),
        live_part(f, leaf, l, whole),
    };
    return formula_or(f, either, 2);
}

static formula_part held_part(formula *f, const index_leaf *leaf)
{
    part_list terms;

    list_begin(&terms, leaf->term_count);
    for (uint32_t t = 0; t < leaf->term_count; t++) {
        const fold_term *term = &leaf->terms[t];
        formula_part x = FORMULA_NOBODY;
        for (uint32_t i = 0; i < term->count; i++)
            x = fold_part(f, leaf, &leaf->folds[term->first + i],
                          term->whole, x);
        list_add(&terms, x);
    }
    const formula_part p = formula_or(f, terms.items, terms.count);
    list_end(&terms);
    return p;
}

/* ---- events ---- */

/* Parts [i, end) are the planes of one value in one layer: said by ages when
 * the window ends with the newest of all its planes, or later. */
static formula_part value_part(formula *f, const index_leaf *leaf, uint32_t i,
                               uint32_t end)
{
    const view_source *at = &leaf->sources[leaf->parts[i].seen];
    part_list seen;

    if (end - i >= FORM_PLANES) {
        const resident_form *form = find_form(f, at, FORM_AGES);
        if (form && form->values[form->count - 1] <= leaf->spec.to) {
            uint32_t code = 1;
            while (form->values[code - 1] < leaf->spec.from)
                code++;
            return formula_codes(f, form, code, form->count);
        }
    }
    list_begin(&seen, end - i);
    for (; i < end; i++)
        list_add(&seen, view_part(f, leaf, leaf->parts[i].seen));
    const formula_part p = formula_or(f, seen.items, seen.count);
    list_end(&seen);
    return p;
}

static bool is_neighbour(const index_leaf *leaf, uint32_t i)
{
    const view_source *a = &leaf->sources[leaf->parts[i - 1].seen];
    const view_source *b = &leaf->sources[leaf->parts[i].seen];
    return a->layer == b->layer &&
           a->entry->key.provider == b->entry->key.provider &&
           a->entry->key.value == b->entry->key.value;
}

/* Parts from i on that lose the same rows; returns the next one. */
static uint32_t clear_group(formula *f, const index_leaf *leaf, uint32_t i,
                            formula_part *out)
{
    const view_span clears = leaf->parts[i].clears;
    part_list seen;

    list_begin(&seen, leaf->part_count);
    while (i < leaf->part_count &&
           leaf->parts[i].clears.first == clears.first &&
           leaf->parts[i].clears.count == clears.count) {
        const uint32_t first = i++;
        while (i < leaf->part_count && is_neighbour(leaf, i))
            i++;
        list_add(&seen, value_part(f, leaf, first, i));
    }
    const formula_part left[2] = {
        formula_or(f, seen.items, seen.count),
        formula_not(span_part(f, leaf, clears)),
    };
    list_end(&seen);
    *out = formula_and(f, left, 2);
    return i;
}

static formula_part seen_part(formula *f, const index_leaf *leaf)
{
    part_list groups;
    uint32_t i = 0;

    list_begin(&groups, leaf->part_count);
    while (i < leaf->part_count) {
        formula_part group;
        i = clear_group(f, leaf, i, &group);
        list_add(&groups, group);
    }
    const formula_part p = formula_or(f, groups.items, groups.count);
    list_end(&groups);
    return p;
}

/* ---- numbers ---- */

/* The magnitude is from that of `low` to that of `high`. */
static formula_part magnitude_part(formula *f, const index_leaf *leaf,
                                   const number_layer *n, int64_t low,
                                   int64_t high)
{
    formula_part bits[NUMBER_BITS];
    uint32_t count = 0; /* up to the highest slice there is */

    for (uint32_t i = 0; i < NUMBER_BITS; i++) {
        bits[i] = view_part(f, leaf, n->bits[i]);
        if (bits[i] != FORMULA_NOBODY)
            count = i + 1;
    }
    return formula_range(f, bits, count, leaf_number_bound(low),
                         leaf_number_bound(high));
}

static formula_part number_part(formula *f, const index_leaf *leaf,
                                const number_layer *n)
{
    const formula_part live = span_part(f, leaf, n->live);
    const formula_part sign = view_part(f, leaf, n->sign);
    formula_part either[2] = {FORMULA_NOBODY, FORMULA_NOBODY};

    if (leaf->high >= 0) {
        const formula_part all[3] = {
            live, formula_not(sign),
            magnitude_part(f, leaf, n, leaf->low > 0 ? leaf->low : 0,
                           leaf->high)};
        either[0] = formula_and(f, all, 3);
    }
    if (leaf->low < 0) {
        const formula_part all[3] = {
            live, sign,
            magnitude_part(f, leaf, n, leaf->high < 0 ? leaf->high : 0,
                           leaf->low)};
        either[1] = formula_and(f, all, 3);
    }
    return formula_or(f, either, 2);
}

static bool is_one_layer(const index_leaf *leaf)
{
    for (uint32_t t = 0; t < leaf->term_count; t++)
        if (leaf->terms[t].count != 1)
            return false;
    return true;
}

static formula_part numbers_part(formula *f, const index_leaf *leaf)
{
    part_list terms;

    list_begin(&terms, leaf->term_count);
    for (uint32_t t = 0; t < leaf->term_count; t++)
        list_add(&terms, number_part(f, leaf,
                                     &leaf->numbers[leaf->terms[t].first]));
    const formula_part p = formula_or(f, terms.items, terms.count);
    list_end(&terms);
    return p;
}

formula_part index_leaf_formula(formula *f, const index_leaf *leaf)
{
    if (leaf->view_count > VIEWS_MAX)
        return formula_leaf(f, leaf);
    if (leaf->type == LEAF_HELD)
        return held_part(f, leaf);
    if (leaf->type == LEAF_SEEN)
        return seen_part(f, leaf);
    if (leaf->type == LEAF_NUMBER && is_one_layer(leaf))
        return numbers_part(f, leaf);
    return formula_leaf(f, leaf);
}
