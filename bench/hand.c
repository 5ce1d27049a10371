/*
 * hand.c - planes of a world as CRoaring bitmaps, found by name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "hand.h"

#include <stdlib.h>

struct hand {
    const world *w;
    const index_layer *layer;
    bitmap **bitmaps; /* by entry, made when first asked for */
};

hand *hand_open(const world *w)
{
    hand *h = mem_zalloc(sizeof *h);
    ASSERT(index_delta_count(w->index) == 0);
    h->w = w;
    h->layer = w->index->layers[0];
    h->bitmaps = mem_array(h->layer->count + 1, sizeof *h->bitmaps);
    return h;
}

void hand_close(hand *h)
{
    for (size_t i = 0; i < h->layer->count; i++)
        if (h->bitmaps[i])
            roaring_bitmap_free(h->bitmaps[i]);
    mem_free(h->bitmaps);
    mem_free(h);
}

static const bitmap *bitmap_at(hand *h, size_t i)
{
    const layer_entry *e = &h->layer->entries[i];
    if (!h->bitmaps[i])
        h->bitmaps[i] = roaring_bitmap_portable_deserialize_safe(
            (const char *)h->layer->planes + e->offset, e->len);
    ASSERT(h->bitmaps[i] != NULL);
    return h->bitmaps[i];
}

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
                      hand_leaf *out)
{
    const uint32_t hour = (uint32_t)clock_hour_of(h->w->now);

    for (size_t i = 0; i < h->layer->count; i++) {
        const plane_key *k = &h->layer->entries[i].key;
        if (k->attribute == id && k->role == ROLE_SET && k->bucket >= hour &&
            (!spec->values || is_asked(h, spec, k)))
            add_plane(out, bitmap_at(h, i));
    }
}

static int by_bucket(const void *a, const void *b)
{
    const hand_part *x = a;
    const hand_part *y = b;
    return (x->bucket > y->bucket) - (x->bucket < y->bucket);
}

static void find_events(hand *h, const hand_spec *spec, uint32_t id,
                        hand_leaf *out)
{
    const uint32_t today = (uint32_t)clock_day_of(h->w->now);

    for (size_t i = 0; i < h->layer->count; i++) {
        const plane_key *k = &h->layer->entries[i].key;
        if (k->attribute != id || k->bucket < today - spec->from ||
            k->bucket > today - spec->to ||
            !(spec->values ? is_asked(h, spec, k) : k->value == 0))
            continue;
        if (k->role == ROLE_SEEN) {
            out->parts = mem_realloc(out->parts, (out->part_count + 1) *
                                                     sizeof *out->parts);
            out->parts[out->part_count++] =
                (hand_part){.bucket = k->bucket, .seen = bitmap_at(h, i)};
            add_plane(out, bitmap_at(h, i));
        } else if (k->role == ROLE_COUNT) {
            out->parts[out->part_count - 1].counts[k->slice] =
                bitmap_at(h, i);
        }
    }
    if (out->part_count)
        qsort(out->parts, out->part_count, sizeof *out->parts, by_bucket);
}

static void find_numbers(hand *h, uint32_t id, hand_leaf *out)
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
            n->bits[k->slice] = bitmap_at(h, i);
        } else if (k->role == ROLE_SET && k->bucket >= hour) {
            ASSERT(n->live_count < 128);
            n->live[n->live_count++] = bitmap_at(h, i);
        }
    }
}

void hand_find(hand *h, const hand_spec *spec, hand_leaf *out)
{
    const catalog_attribute *a =
        catalog_attribute_find(h->w->names, text_of(spec->attribute));

    memset(out, 0, sizeof *out);
    ASSERT(a != NULL);
    if (a->kind == KIND_EVENT)
        find_events(h, spec, a->id, out);
    else if (a->kind == KIND_NUMBER)
        find_numbers(h, a->id, out);
    else
        find_held(h, spec, a->id, out);
    ASSERT(out->count + out->number_count > 0);
}

void hand_leaf_release(hand_leaf *leaf)
{
    mem_free(leaf->planes);
    mem_free(leaf->parts);
    mem_free(leaf->numbers);
}
