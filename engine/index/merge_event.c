/*
 * merge_event.c - event groups of several layers to one, slot by slot: a slot
 * is a (value, bucket) with its planes, which lie together in each layer.
 *
 * A slot of one layer is copied as it lies, and so are the blocks that one
 * layer alone has of a slot; where several have few rows in common blocks,
 * these are added row by row (merge_splice.h). Slots that share many are added
 * as bit-sliced numbers over whole sets:
 *     sum = a ^ b ^ carry,  carry = majority(a, b, carry)
 * Counts are kept as count - 1, so rows in both start with a carry of one;
 * rows in only one of the two have no carry and keep their bits. Sums
 * saturate at the attribute's cap, so the result does not depend on how facts
 * were cut into deltas. What a layer clears (HARD) is cut from the slots of
 * older ones first; merged deltas clear what one of them does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/merge.h"
#include "index/merge_splice.h"

/* Rows in blocks that several layers have, up to which they are added one by
 * one. */
#define SHARED_ROWS_FEW 20000u

/* ---- many rows: bit-sliced sets ---- */

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

/* ---- slots ---- */

typedef struct event_merge {
    const group_span *spans;
    size_t count;
    size_t *at;  /* next entry of each span */
    set **gone;  /* by span: rows that later ones clear; NULL = none */
    group_span *parts; /* of the slot being merged */
    set **part_gone;
    size_t part_count;
    uint64_t rows;
    layer_writer *out;
    const merge_rules *rules;
    group_sets old;
    group_sets delta;
    splicer *splicer;
} event_merge;

static bool same_slot(const plane_key *a, const plane_key *b)
{
    return a->value == b->value && a->bucket == b->bucket;
}

/* The rows a span clears, or NULL. */
static set *cleared_by(const group_span *s)
{
    const plane_key key =
        key_with(&s->layer->entries[s->first].key, ROLE_HARD, 0);
    const layer_entry *e = layer_find(s->layer, &key);
    return e ? set_of_bytes(s->layer->planes + e->offset, e->len) : NULL;
}

static void find_gone(event_merge *m)
{
    for (size_t i = m->count; i-- > 1;) {
        set *hard = cleared_by(&m->spans[i]);
        if (m->gone[i] && hard)
            set_or(hard, m->gone[i]);
        if (!hard && m->gone[i])
            hard = set_copy(m->gone[i]);
        m->gone[i - 1] = hard;
    }
}

/* The key of a span's next slot; NULL at its end. */
static const plane_key *next_of(event_merge *m, size_t i)
{
    const group_span *s = &m->spans[i];
    for (; m->at[i] < s->end; m->at[i]++) {
        const plane_key *key = &s->layer->entries[m->at[i]].key;
        if (key->role < ROLE_HARD && rules_keep(m->rules, key))
            return key;
    }
    return NULL;
}

static void take_part(event_merge *m, size_t i, const plane_key *slot)
{
    const group_span *s = &m->spans[i];
    group_span part = {s->layer, m->at[i], m->at[i]};

    while (part.end < s->end &&
           same_slot(&s->layer->entries[part.end].key, slot) &&
           s->layer->entries[part.end].key.role < ROLE_HARD)
        part.end++;
    m->at[i] = part.end;
    m->rows += s->layer->entries[part.first].count;
    m->part_gone[m->part_count] = m->gone[i];
    m->parts[m->part_count++] = part;
}

/* Takes the parts of the smallest slot that is left; false at the end. */
static bool next_slot(event_merge *m)
{
    plane_key slot = {0};
    bool found = false;

    for (size_t i = 0; i < m->count; i++) {
        const plane_key *key = next_of(m, i);
        if (key && (!found || key->value < slot.value ||
                    (key->value == slot.value && key->bucket < slot.bucket)))
            slot = *key;
        found |= key != NULL;
    }
    m->part_count = 0;
    m->rows = 0;
    for (size_t i = 0; i < m->count && found; i++) {
        const plane_key *key = next_of(m, i);
        if (key && same_slot(key, &slot))
            take_part(m, i, &slot);
    }
    return found;
}

static void cut_sets(group_sets *g, const set *gone)
{
    for (size_t i = 0; i < g->keys.count && gone; i++)
        set_andnot(g->sets[i], gone);
}

static void merge_as_sets(event_merge *m)
{
    const group_span *p = m->parts;
    const plane_key slot = p->layer->entries[p->first].key;

    sets_load(&m->old, p);
    cut_sets(&m->old, m->part_gone[0]);
    for (size_t i = 1; i < m->part_count; i++) {
        sets_load(&m->delta, &p[i]);
        cut_sets(&m->delta, m->part_gone[i]);
        add_slot(&m->old, &m->delta, &slot, m->rules->cap);
        sets_clear(&m->delta);
    }
    sets_write(m->out, &m->old, m->rules);
    sets_clear(&m->old);
}

static bool shares_few(const event_merge *m)
{
    return m->rows <= SHARED_ROWS_FEW ||
           splice_fits(m->splicer, m->parts, m->part_count, SHARED_ROWS_FEW);
}

static void merge_slot(event_merge *m)
{
    bool cut = false;

    for (size_t i = 0; i < m->part_count; i++)
        cut |= m->part_gone[i] != NULL;
    if (!cut && m->part_count == 1)
        copy_planes(m->out, &m->parts[0], m->rules);
    else if (!cut && shares_few(m))
        splice_slot(m->splicer, m->parts, m->part_count, m->rules->cap,
                    m->out);
    else
        merge_as_sets(m);
}

/* The rows that all spans together clear. */
static void write_cleared(event_merge *m)
{
    set *all = cleared_by(&m->spans[0]);

    if (all && m->gone[0])
        set_or(all, m->gone[0]);
    const set *hard = all ? all : m->gone[0];
    if (hard) {
        const plane_key key = key_with(
            &m->spans->layer->entries[m->spans->first].key, ROLE_HARD, 0);
        set_or(*sets_at(&m->old, &key), hard);
        sets_write(m->out, &m->old, m->rules);
        sets_clear(&m->old);
    }
    set_free(all);
}

void merge_events(layer_writer *out, const group_walk *w,
                  const merge_rules *rules)
{
    const size_t count = w->span_count;
    event_merge m = {
        .spans = w->spans, .count = count, .out = out, .rules = rules};

    m.at = mem_array(count, sizeof *m.at);
    m.gone = mem_array(count, sizeof *m.gone);
    m.parts = mem_array(count, sizeof *m.parts);
    m.part_gone = mem_array(count, sizeof *m.part_gone);
    m.splicer = splicer_new();
    sets_init(&m.old);
    sets_init(&m.delta);
    for (size_t i = 0; i < count; i++)
        m.at[i] = m.spans[i].first;
    find_gone(&m);
    while (next_slot(&m))
        merge_slot(&m);
    if (rules->delta)
        write_cleared(&m);
    for (size_t i = 0; i < count; i++)
        set_free(m.gone[i]);
    sets_release(&m.old);
    sets_release(&m.delta);
    splicer_free(m.splicer);
    mem_free(m.at);
    mem_free(m.gone);
    mem_free(m.parts);
    mem_free(m.part_gone);
}
