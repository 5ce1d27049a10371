/*
 * hand.c - planes of a world as CRoaring bitmaps, found by name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "hand.h"

#include <stdlib.h>

#define SLICES_MAX 8
#define FROZEN_ALIGN 32u /* what roaring_bitmap_frozen_view asks for */

struct hand {
    const world *w;
    const index_layer *layer;
    bitmap **bitmaps[HAND_FORMS]; /* by entry, made when first asked for */
    bitmap **sliced;              /* made for leaves of slices */
    size_t sliced_count;
    size_t sliced_capacity;
    char **frozen; /* bytes of frozen bitmaps */
    size_t frozen_count;
    size_t frozen_capacity;
};

hand *hand_open(const world *w)
{
    hand *h = mem_zalloc(sizeof *h);
    ASSERT(index_delta_count(w->index) == 0);
    h->w = w;
    h->layer = w->index->layers[0];
    for (int form = 0; form < HAND_FORMS; form++)
        h->bitmaps[form] =
            mem_array(h->layer->count + 1, sizeof *h->bitmaps[form]);
    return h;
}

void hand_close(hand *h)
{
    for (int form = 0; form < HAND_FORMS; form++) {
        for (size_t i = 0; i < h->layer->count; i++)
            hand_drop(h->bitmaps[form][i]);
        mem_free(h->bitmaps[form]);
    }
    for (size_t i = 0; i < h->sliced_count; i++)
        hand_drop(h->sliced[i]);
    for (size_t i = 0; i < h->frozen_count; i++)
        mem_free(h->frozen[i]);
    mem_free(h->frozen);
    mem_free(h->sliced);
    mem_free(h);
}

/* ---- one plane ---- */

static bitmap *bitmap_read(const hand *h, size_t i)
{
    const layer_entry *e = &h->layer->entries[i];
    bitmap *b = roaring_bitmap_portable_deserialize_safe(
        (const char *)h->layer->planes + e->offset, e->len);
    ASSERT(b != NULL);
    return b;
}

/* A view is freed as any bitmap; its bytes stay with the hand. */
static bitmap *freeze(hand *h, bitmap *take_b)
{
    const size_t len = roaring_bitmap_frozen_size_in_bytes(take_b);
    char *bytes = mem_aligned((len + 63) / 64 * 64);
    ASSERT((uintptr_t)bytes % FROZEN_ALIGN == 0);
    roaring_bitmap_frozen_serialize(take_b, bytes);
    roaring_bitmap_free(take_b);
    mem_grow(&h->frozen, &h->frozen_capacity, h->frozen_count + 1,
             sizeof *h->frozen);
    h->frozen[h->frozen_count++] = bytes;
    return (bitmap *)roaring_bitmap_frozen_view(bytes, len);
}

/* The bitmap as the form has it. */
static bitmap *shape(hand *h, hand_form form, bitmap *take_b)
{
    if (form == HAND_FLAT)
        roaring_bitmap_remove_run_compression(take_b);
    else
        roaring_bitmap_run_optimize(take_b);
    if (form == HAND_FROZEN)
        take_b = freeze(h, take_b);
    ASSERT(take_b != NULL);
    return take_b;
}

static const bitmap *bitmap_at(hand *h, hand_form form, size_t i)
{
    bitmap **b = &h->bitmaps[form][i];
    if (!*b)
        *b = shape(h, form, bitmap_read(h, i));
    return *b;
}

/* ---- planes of a predicate ---- */

/* Is the value one of "x|y"? */
static bool is_asked(const hand *h, const hand_spec *spec,
                     const plane_key *key)
{
    const char *at = spec->values;
    while (at) {
        const char *end = strchr(at, '|');
        const muster_text name =
            text_make(at, end ? (size_t)(end - at) : strlen(at));
        if (catalog_value_find(h->w->names, key->attribute, name) ==
            key->value)
            return true;
        at = end ? end + 1 : NULL;
    }
    return false;
}

static void add_plane(hand_leaf *out, const bitmap *b)
{
    out->planes =
        mem_realloc(out->planes, (out->count + 1) * sizeof *out->planes);
    out->planes[out->count++] = b;
}

static void find_held(hand *h, const hand_spec *spec, uint32_t id,
                      hand_form form, hand_leaf *out)
{
    const uint32_t hour = (uint32_t)clock_hour_of(h->w->now);

    for (size_t i = 0; i < h->layer->count; i++) {
        const plane_key *k = &h->layer->entries[i].key;
        if (k->attribute == id && k->role == ROLE_SET && k->bucket >= hour &&
            (!spec->values || is_asked(h, spec, k)))
            add_plane(out, bitmap_at(h, form, i));
    }
}

static int by_bucket(const void *a, const void *b)
{
    const hand_part *x = a;
    const hand_part *y = b;
    return (x->bucket > y->bucket) - (x->bucket < y->bucket);
}

static void find_events(hand *h, const hand_spec *spec, uint32_t id,
                        hand_form form, hand_leaf *out)
{
    const uint32_t today = (uint32_t)clock_day_of(h->w->now);

    for (size_t i = 0; i < h->layer->count; i++) {
        const plane_key *k = &h->layer->entries[i].key;
        if (k->attribute != id || k->bucket < today - spec->from ||
            k->bucket > today - spec->to ||
            !(spec->values ? is_asked(h, spec, k) : k->value == 0))
            continue;
        const bitmap *b = bitmap_at(h, form, i);
        if (k->role == ROLE_SEEN) {
            out->parts = mem_realloc(out->parts, (out->part_count + 1) *
                                                     sizeof *out->parts);
            out->parts[out->part_count++] =
                (hand_part){.bucket = k->bucket, .seen = b};
            add_plane(out, b);
        } else if (k->role == ROLE_COUNT) {
            out->parts[out->part_count - 1].counts[k->slice] = b;
        }
    }
    if (out->part_count)
        qsort(out->parts, out->part_count, sizeof *out->parts, by_bucket);
}

static void find_numbers(hand *h, uint32_t id, hand_form form, hand_leaf *out)
{
    const uint32_t hour = (uint32_t)clock_hour_of(h->w->now);

    for (size_t i = 0; i < h->layer->count; i++) {
        const plane_key *k = &h->layer->entries[i].key;
        if (k->attribute != id)
            continue;
        hand_number *n =
            out->number_count ? &out->numbers[out->number_count - 1] : NULL;
        if (!n || n->provider != k->provider) {
            out->numbers =
                mem_realloc(out->numbers,
                            (out->number_count + 1) * sizeof *out->numbers);
            n = &out->numbers[out->number_count++];
            memset(n, 0, sizeof *n);
            n->provider = k->provider;
        }
        if (k->role == ROLE_BIT) {
            n->bits[k->slice] = bitmap_at(h, form, i);
        } else if (k->role == ROLE_SET && k->bucket >= hour) {
            ASSERT(n->live_count < 128);
            n->live[n->live_count++] = bitmap_at(h, form, i);
        }
    }
}

/* ---- slices ---- */

/* Adds rows to the slices that their code has. */
static void slice_rows(bitmap **slices, const bitmap *rows, uint32_t code)
{
    ASSERT(code < 1u << SLICES_MAX);
    for (int i = 0; i < SLICES_MAX; i++)
        if (code >> i & 1)
            roaring_bitmap_or_inplace(slices[i], rows);
}

static void slice_values(hand *h, uint32_t id, bitmap **slices)
{
    for (size_t i = 0; i < h->layer->count; i++) {
        const plane_key *k = &h->layer->entries[i].key;
        if (k->attribute == id && k->role == ROLE_SET)
            slice_rows(slices, bitmap_at(h, HAND_RUNS, i), k->value);
    }
}

static void slice_last_days(hand *h, uint32_t id, bitmap **slices)
{
    const hand_spec all = {.from = (uint32_t)clock_day_of(h->w->now)};
    bitmap *seen = roaring_bitmap_create();
    hand_leaf days;

    memset(&days, 0, sizeof days);
    find_events(h, &all, id, HAND_RUNS, &days);
    const uint32_t first = days.parts[0].bucket;
    for (size_t i = days.part_count; i-- > 0;) {
        const hand_part *day = &days.parts[i];
        bitmap *now = roaring_bitmap_andnot(day->seen, seen);
        slice_rows(slices, now, day->bucket - first + 1);
        roaring_bitmap_or_inplace(seen, now);
        roaring_bitmap_free(now);
    }
    roaring_bitmap_free(seen);
    hand_leaf_release(&days);
}

static void find_slices(hand *h, const catalog_attribute *a, hand_form form,
                        hand_leaf *out)
{
    bitmap *slices[SLICES_MAX];

    for (int i = 0; i < SLICES_MAX; i++)
        slices[i] = roaring_bitmap_create();
    if (a->kind == KIND_EVENT)
        slice_last_days(h, a->id, slices);
    else
        slice_values(h, a->id, slices);
    mem_grow(&h->sliced, &h->sliced_capacity, h->sliced_count + SLICES_MAX,
             sizeof *h->sliced);
    for (int i = 0; i < SLICES_MAX; i++) {
        slices[i] = shape(h, form, slices[i]);
        h->sliced[h->sliced_count++] = slices[i];
        add_plane(out, slices[i]);
    }
}

/* ---- finding ---- */

void hand_find(hand *h, const hand_spec *spec, hand_form form, hand_leaf *out)
{
    const catalog_attribute *a =
        catalog_attribute_find(h->w->names, text_of(spec->attribute));

    memset(out, 0, sizeof *out);
    ASSERT(a != NULL);
    if (spec->slices)
        find_slices(h, a, form, out);
    else if (a->kind == KIND_EVENT)
        find_events(h, spec, a->id, form, out);
    else if (a->kind == KIND_NUMBER)
        find_numbers(h, a->id, form, out);
    else
        find_held(h, spec, a->id, form, out);
    ASSERT(out->count + out->number_count > 0);
}

void hand_leaf_release(hand_leaf *leaf)
{
    mem_free(leaf->planes);
    mem_free(leaf->parts);
    mem_free(leaf->numbers);
}

bool hand_leaf_has_runs(const hand_leaf *leaf)
{
    for (size_t i = 0; i < leaf->count; i++) {
        roaring_statistics_t s;
        roaring_bitmap_statistics(leaf->planes[i], &s);
        if (s.n_run_containers > 0)
            return true;
    }
    return false;
}
