/*
 * merge_sets.c - planes of a group as sets, by key (merge.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/merge.h"

void sets_init(group_sets *g)
{
    key_table_init(&g->keys);
    g->sets = NULL;
    g->capacity = 0;
}

void sets_clear(group_sets *g)
{
    for (size_t i = 0; i < g->keys.count; i++)
        set_free(g->sets[i]);
    key_table_clear(&g->keys);
}

void sets_release(group_sets *g)
{
    sets_clear(g);
    key_table_release(&g->keys);
    mem_free(g->sets);
}

set **sets_at(group_sets *g, const plane_key *key)
{
    bool fresh;
    const uint32_t i = key_table_put(&g->keys, key, &fresh);
    mem_grow(&g->sets, &g->capacity, i + 1, sizeof *g->sets);
    if (fresh)
        g->sets[i] = set_new();
    return &g->sets[i];
}

set *sets_find(const group_sets *g, const plane_key *key)
{
    const uint32_t i = key_table_find(&g->keys, key);
    return i == UINT32_MAX ? NULL : g->sets[i];
}

void sets_load(group_sets *g, const group_span *span)
{
    const index_layer *l = span->layer;

    for (size_t i = span->first; i < span->end; i++) {
        const layer_entry *e = &l->entries[i];
        set *s = set_of_bytes(l->planes + e->offset, e->len);
        bool fresh;
        const uint32_t at = key_table_put(&g->keys, &e->key, &fresh);
        mem_grow(&g->sets, &g->capacity, at + 1, sizeof *g->sets);
        ASSERT(fresh);
        g->sets[at] = s;
    }
}

/* The bytes decide where they begin, so they are made aside first. */
static void put_set(layer_writer *out, const plane_key *key, set *s)
{
    const size_t len = set_encoded_size(s);
    uint8_t *bytes = mem_alloc(len);
    plane_view v;

    set_encode(s, bytes);
    view_init(&v, bytes);
    memcpy(layer_writer_put(out, key, len, set_count(s),
                            view_first_bitset(&v)),
           bytes, len);
    mem_free(bytes);
}

void sets_write(layer_writer *out, group_sets *g, const merge_rules *rules)
{
    for (size_t i = 0; i < g->keys.count; i++) {
        set *s = g->sets[i];
        if (set_is_empty(s) || !rules_keep(rules, &g->keys.keys[i]))
            continue;
        set_shrink(s);
        put_set(out, &g->keys.keys[i], s);
    }
}

void copy_planes(layer_writer *out, const group_span *s,
                 const merge_rules *rules)
{
    for (size_t i = s->first; i < s->end; i++) {
        const layer_entry *e = &s->layer->entries[i];
        if (!rules_keep(rules, &e->key))
            continue;
        const plane_view v = layer_view(s->layer, e);
        memcpy(layer_writer_put(out, &e->key, e->len, e->count,
                                view_first_bitset(&v)),
               v.bytes, e->len);
    }
}
