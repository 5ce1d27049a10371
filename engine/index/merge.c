/*
 * merge.c - base and deltas to a new base, one group (attribute, provider) at
 * a time, so that memory holds one group's sets.
 *
 * Profile groups follow the fold in index.h; at the end a row stays only in
 * the latest expiry of a value. Event groups add counts and amounts as
 * bit-sliced numbers over whole sets:
 *     sum = a ^ b ^ carry,  carry = majority(a, b, carry)
 * Counts are kept as count - 1, so rows in both start with a carry of one;
 * rows in only one of the two have no carry and keep their bits. Sums
 * saturate at the attribute's cap, so the result does not depend on how facts
 * were cut into deltas.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/builder.h"
#include "index/set.h"

#include <stdlib.h>

typedef struct group_sets {
    key_table keys;
    set **sets; /* by number; NULL = empty */
    size_t capacity;
} group_sets;

static void sets_init(group_sets *g)
{
    key_table_init(&g->keys);
    g->sets = NULL;
    g->capacity = 0;
}

static void sets_clear(group_sets *g)
{
    for (size_t i = 0; i < g->keys.count; i++)
        set_free(g->sets[i]);
    key_table_clear(&g->keys);
}

static void sets_release(group_sets *g)
{
    sets_clear(g);
    key_table_release(&g->keys);
    mem_free(g->sets);
}

/* The set of a key, made when missing. */
static set **sets_at(group_sets *g, const plane_key *key)
{
    bool fresh;
    const uint32_t i = key_table_put(&g->keys, key, &fresh);
    mem_grow(&g->sets, &g->capacity, i + 1, sizeof *g->sets);
    if (fresh)
        g->sets[i] = NULL;
    if (!g->sets[i])
        g->sets[i] = set_new();
    return &g->sets[i];
}

static set *sets_find(const group_sets *g, const plane_key *key)
{
    const uint32_t i = key_table_find(&g->keys, key);
    return i == UINT32_MAX ? NULL : g->sets[i];
}

static void sets_load(group_sets *g, const index_layer *l, size_t first,
                      size_t end)
{
    for (size_t i = first; i < end; i++) {
        const layer_entry *e = &l->entries[i];
        set *s = set_of_bytes(l->planes + e->offset, e->len);
        bool fresh;
        const uint32_t at = key_table_put(&g->keys, &e->key, &fresh);
        mem_grow(&g->sets, &g->capacity, at + 1, sizeof *g->sets);
        ASSERT(fresh);
        g->sets[at] = s;
    }
}

static plane_key key_with(const plane_key *group, plane_role role,
                          uint32_t value)
{
    plane_key key = {group->attribute, group->provider, (uint8_t)role, 0,
                     value, 0};
    return key;
}

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

/* ---- events ---- */

/* Rows of `among` whose slices of `role` hold more than `top`. */
static set *sum_above(const group_sets *g, plane_key key, plane_role role,
                      int bits, uint64_t top, const set *among)
{
    set *above = set_new();
    set *equal = set_copy(among);

    key.role = (uint8_t)role;
    for (int i = bits - 1; i >= 0; i--) {
        key.slice = (uint8_t)i;
        const set *s = sets_find(g, &key);
        if ((top >> i) & 1) {
            if (s)
                set_and(equal, s);
            else
                set_andnot(equal, equal);
        } else if (s) {
            set *more = set_and_new(equal, s);
            set_or(above, more);
            set_andnot(equal, s);
            set_free(more);
        }
    }
    set_free(equal);
    return above;
}

static void saturate(group_sets *g, plane_key key, plane_role role, int bits,
                     uint64_t top, const set *among)
{
    set *above = sum_above(g, key, role, bits, top, among);

    key.role = (uint8_t)role;
    for (int i = 0; i < bits && !set_is_empty(above); i++) {
        key.slice = (uint8_t)i;
        if ((top >> i) & 1) {
            set_or(*sets_at(g, &key), above);
        } else {
            set *s = sets_find(g, &key);
            if (s)
                set_andnot(s, above);
        }
    }
    set_free(above);
}

/* old slices += delta slices, starting with `carry` (consumed). */
static void add_slices(group_sets *old, const group_sets *delta,
                       plane_key key, plane_role role, int bits,
                       set *take_carry)
{
    set *carry = take_carry;

    key.role = (uint8_t)role;
    for (int i = 0; i < bits; i++) {
        key.slice = (uint8_t)i;
        const set *b = sets_find(delta, &key);
        if (!b && set_is_empty(carry))
            continue;
        set *a = *sets_at(old, &key);
        set *next = set_and_new(a, carry);
        set_xor(a, carry);
        if (b) {
            set *more = set_and_new(a, b);
            set_or(next, more);
            set_xor(a, b);
            set_free(more);
        }
        set_free(carry);
        carry = next;
    }
    ASSERT(set_is_empty(carry));
    set_free(carry);
}

/* Adds one (value, bucket) of the delta. */
static void add_slot(group_sets *old, const group_sets *delta,
                     const plane_key *seen_key, uint32_t cap)
{
    set *seen = *sets_at(old, seen_key);
    const set *more = sets_find(delta, seen_key);
    set *both = set_and_new(seen, more);

    add_slices(old, delta, *seen_key, ROLE_COUNT, COUNT_BITS + 1,
               set_copy(both));
    add_slices(old, delta, *seen_key, ROLE_AMOUNT, AMOUNT_BITS + 1,
               set_new());
    if (!set_is_empty(both)) {
        saturate(old, *seen_key, ROLE_COUNT, COUNT_BITS + 1, cap - 1, both);
        saturate(old, *seen_key, ROLE_AMOUNT, AMOUNT_BITS + 1,
                 (uint64_t)AMOUNT_TOP, both);
    }
    set_or(*sets_at(old, seen_key), more);
    set_free(both);
}

static void fold_events(group_sets *old, const group_sets *delta,
                        const plane_key *group, uint32_t cap)
{
    const plane_key hard_key = key_with(group, ROLE_HARD, 0);
    const set *hard = sets_find(delta, &hard_key);

    if (hard)
        for (size_t i = 0; i < old->keys.count; i++)
            set_andnot(old->sets[i], hard);
    for (size_t i = 0; i < delta->keys.count; i++)
        if (delta->keys.keys[i].role == ROLE_SEEN)
            add_slot(old, delta, &delta->keys.keys[i], cap);
}

/* ---- groups ---- */

static void write_sets(layer_writer *out, group_sets *g)
{
    for (size_t i = 0; i < g->keys.count; i++) {
        set *s = g->sets[i];
        if (!s || set_is_empty(s) || g->keys.keys[i].role >= ROLE_HARD)
            continue;
        set_shrink(s);
        uint8_t *at = layer_writer_put(out, &g->keys.keys[i],
                                       set_encoded_size(s), set_count(s));
        set_encode(s, at);
    }
}

static bool has_events(const group_sets *g)
{
    for (size_t i = 0; i < g->keys.count; i++)
        if (g->keys.keys[i].role == ROLE_SEEN)
            return true;
    return false;
}

typedef struct merge {
    index_layer *const *layers;
    size_t count;
    size_t *at; /* next entry of each layer */
    index_cap_fn cap;
    void *payload;
    group_sets state;
    group_sets delta;
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

static void merge_group(merge *m, const plane_key *group)
{
    bool events = false;

    for (size_t i = 0; i < m->count; i++) {
        size_t first;
        size_t end;
        layer_group(m->layers[i], group->attribute, group->provider, &first,
                    &end);
        if (first == end)
            continue;
        ASSERT(first == m->at[i]);
        m->at[i] = end;
        if (i == 0) {
            sets_load(&m->state, m->layers[i], first, end);
            events = has_events(&m->state);
            continue;
        }
        sets_load(&m->delta, m->layers[i], first, end);
        events |= has_events(&m->delta);
        if (events)
            fold_events(&m->state, &m->delta, group,
                        m->cap(m->payload, group->attribute));
        else
            fold_profile(&m->state, &m->delta, group);
        sets_clear(&m->delta);
    }
    if (!events)
        keep_latest(&m->state);
    write_sets(&m->out, &m->state);
    sets_clear(&m->state);
}

index_layer *layers_merge(index_layer *const *layers, size_t count,
                          index_cap_fn cap, void *payload)
{
    merge m = {layers, count, mem_array(count + 1, sizeof(size_t)), cap,
               payload, {{0}, 0, 0}, {{0}, 0, 0}, {0}};
    plane_key group = {0};

    sets_init(&m.state);
    sets_init(&m.delta);
    layer_writer_init(&m.out);
    while (next_group(&m, &group))
        merge_group(&m, &group);
    sets_release(&m.state);
    sets_release(&m.delta);
    mem_free(m.at);
    return layer_writer_finish(&m.out);
}
