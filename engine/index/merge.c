/*
 * merge.c - base and deltas to a new base, one group (attribute, provider) at
 * a time, so that memory holds one group's sets.
 *
 * A group that one layer alone has is copied as it lies. Profile groups
 * follow the fold in index.h; at the end a row stays only in the latest
 * expiry of a value. Event groups: merge_event.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/merge.h"

#include <stdlib.h>

/* ---- profile ---- */

/* Rows of soft for which the delta says the number the old state holds. */
static set *same_numbers(const group_sets *old, const group_sets *delta,
                         const plane_key *group, const set *soft)
{
    set *same = set_copy(soft);
    for (int i = -1; i < NUMBER_BITS; i++) {
        plane_key key = key_with(group, i < 0 ? ROLE_SIGN : ROLE_BIT, 0);
        key.slice = i < 0 ? 0 : (uint8_t)i;
        const set *a = sets_find(old, &key);
        const set *b = sets_find(delta, &key);
        if (!a && !b)
            continue;
        set *differ = a ? set_copy(a) : set_new();
        if (b)
            set_xor(differ, b);
        set_andnot(same, differ);
        set_free(differ);
    }
    return same;
}

/* Everything the delta says of `value`, whatever the expiry. */
static set *said(const group_sets *delta, uint32_t value)
{
    set *all = set_new();
    for (size_t i = 0; i < delta->keys.count; i++) {
        const plane_key *key = &delta->keys.keys[i];
        if (key->role == ROLE_SET && key->value == value)
            set_or(all, delta->sets[i]);
    }
    return all;
}

/* Takes from the old plane what the delta's touches take. */
static void cut_plane(set *plane, const plane_key *key,
                      const group_sets *delta, const set *soft,
                      const set *kept)
{
    const plane_key removed_key = key_with(key, ROLE_REMOVED, key->value);
    const set *removed = sets_find(delta, &removed_key);

    if (removed)
        set_andnot(plane, removed);
    if (!soft || !set_intersects(plane, soft))
        return;
    if (key->role != ROLE_SET) { /* SIGN and BIT come anew with the delta */
        set_andnot(plane, soft);
        return;
    }
    set *keep = kept ? set_copy(kept) : said(delta, key->value);
    set *cut = set_copy(soft);
    set_andnot(cut, keep);
    set_andnot(plane, cut);
    set_free(cut);
    set_free(keep);
}

static void fold_profile(group_sets *old, const group_sets *delta,
                         const plane_key *group)
{
    const plane_key hard_key = key_with(group, ROLE_HARD, 0);
    const plane_key soft_key = key_with(group, ROLE_SOFT, 0);
    const set *hard = sets_find(delta, &hard_key);
    const set *soft = sets_find(delta, &soft_key);
    const size_t count = old->keys.count;
    set *same = NULL;

    if (hard)
        for (size_t i = 0; i < count; i++)
            set_andnot(old->sets[i], hard);
    if (soft)
        same = same_numbers(old, delta, group, soft);
    for (size_t i = 0; i < count; i++) {
        const plane_key key = old->keys.keys[i];
        cut_plane(old->sets[i], &key, delta, soft,
                  key.value == 0 ? same : NULL);
    }
    set_free(same);
    for (size_t i = 0; i < delta->keys.count; i++)
        if (delta->keys.keys[i].role < ROLE_HARD)
            set_or(*sets_at(old, &delta->keys.keys[i]), delta->sets[i]);
}

static int by_value_latest_first(const void *a, const void *b)
{
    const plane_key *x = *(plane_key *const *)a;
    const plane_key *y = *(plane_key *const *)b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->bucket < y->bucket) - (x->bucket > y->bucket);
}

/* A row stays only in the latest expiry of each value. */
static void keep_latest(group_sets *g)
{
    plane_key **order = mem_array(g->keys.count + 1, sizeof *order);
    size_t n = 0;

    for (size_t i = 0; i < g->keys.count; i++)
        if (g->keys.keys[i].role == ROLE_SET)
            order[n++] = &g->keys.keys[i];
    qsort(order, n, sizeof *order, by_value_latest_first);
    for (size_t i = 0; i < n;) {
        const uint32_t value = order[i]->value;
        if (i + 1 == n || order[i + 1]->value != value) {
            i++;
            continue;
        }
        set *later = set_new();
        for (; i < n && order[i]->value == value; i++) {
            set *s = sets_find(g, order[i]);
            set_andnot(s, later);
            set_or(later, s);
        }
        set_free(later);
    }
    mem_free(order);
}

/* One profile group of several layers, or the universe: a delta may have a
 * row of it in several expiries. */
static void merge_profile(layer_writer *out, const group_span *spans,
                          size_t count, const plane_key *group)
{
    group_sets state;
    group_sets delta;

    sets_init(&state);
    sets_init(&delta);
    for (size_t i = 0; i < count; i++) {
        sets_load(&delta, spans[i].layer, spans[i].first, spans[i].end);
        fold_profile(&state, &delta, group);
        sets_clear(&delta);
    }
    keep_latest(&state);
    sets_write(out, &state);
    sets_release(&state);
    sets_release(&delta);
}

/* ---- groups ---- */

typedef struct merge {
    index_layer *const *layers;
    size_t count;
    size_t *at; /* next entry of each layer */
    group_span *spans; /* of the group being merged */
    size_t span_count;
    index_cap_fn cap;
    void *payload;
    layer_writer out;
} merge;

/* The smallest group any layer still has; false at the end. */
static bool next_group(const merge *m, plane_key *group)
{
    bool found = false;
    for (size_t i = 0; i < m->count; i++) {
        if (m->at[i] == m->layers[i]->count)
            continue;
        const plane_key *key = &m->layers[i]->entries[m->at[i]].key;
        if (!found || key->attribute < group->attribute ||
            (key->attribute == group->attribute &&
             key->provider < group->provider)) {
            *group = (plane_key){key->attribute, key->provider, 0, 0, 0, 0};
            found = true;
        }
    }
    return found;
}

/* Takes the group's entries of every layer that has some. */
static void take_spans(merge *m, const plane_key *group)
{
    m->span_count = 0;
    for (size_t i = 0; i < m->count; i++) {
        group_span s = {m->layers[i], 0, 0};
        layer_group(m->layers[i], group->attribute, group->provider,
                    &s.first, &s.end);
        if (s.first == s.end)
            continue;
        ASSERT(s.first == m->at[i]);
        m->at[i] = s.end;
        m->spans[m->span_count++] = s;
    }
    ASSERT(m->span_count > 0);
}

static bool has_events(const group_span *s)
{
    for (size_t i = s->first; i < s->end; i++)
        if (s->layer->entries[i].key.role == ROLE_SEEN)
            return true;
    return false;
}

static void merge_group(merge *m, const plane_key *group)
{
    bool events = false;

    take_spans(m, group);
    for (size_t i = 0; i < m->span_count && !events; i++)
        events = has_events(&m->spans[i]);
    if (m->span_count == 1 && group->attribute != INDEX_UNIVERSE)
        copy_planes(&m->out, m->spans[0].layer, m->spans[0].first,
                    m->spans[0].end);
    else if (events)
        merge_events(&m->out, m->spans, m->span_count,
                     m->cap(m->payload, group->attribute));
    else
        merge_profile(&m->out, m->spans, m->span_count, group);
}

index_layer *layers_merge(index_layer *const *layers, size_t count,
                          index_cap_fn cap, void *payload)
{
    merge m = {.layers = layers, .count = count, .cap = cap,
               .payload = payload};
    plane_key group = {0};

    m.at = mem_array(count + 1, sizeof *m.at);
    m.spans = mem_array(count + 1, sizeof *m.spans);
    layer_writer_init(&m.out);
    while (next_group(&m, &group))
        merge_group(&m, &group);
    mem_free(m.at);
    mem_free(m.spans);
    return layer_writer_finish(&m.out);
}
