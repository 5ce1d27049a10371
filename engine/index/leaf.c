/*
 * leaf.c - making leaves and asking them; profile leaves whole (leaf.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/leaf.h"

#include <stdlib.h>

/* ---- gathering ---- */

uint32_t leaf_add_view(index_leaf *leaf, const index_layer *l,
                       const layer_entry *e)
{
    mem_grow(&leaf->views, &leaf->view_capacity, leaf->view_count + 1,
             sizeof *leaf->views);
    mem_grow(&leaf->sources, &leaf->source_capacity, leaf->view_count + 1,
             sizeof *leaf->sources);
    leaf->views[leaf->view_count] = layer_view(l, e);
    leaf->sources[leaf->view_count] = (view_source){l, e};
    if (leaf->type == LEAF_COUNT || leaf->type == LEAF_TOTAL) {
        mem_grow(&leaf->slice_of, &leaf->slice_capacity, leaf->view_count + 1,
                 sizeof *leaf->slice_of);
        leaf->slice_of[leaf->view_count] = e->key.slice;
    }
    leaf->weight += e->count;
    return leaf->view_count++;
}

uint32_t leaf_find_view(index_leaf *leaf, const index_layer *l,
                        const plane_key *key)
{
    const layer_entry *e = layer_find(l, key);
    return e ? leaf_add_view(leaf, l, e) : NO_VIEW;
}

static plane_key make_key(const leaf_spec *spec, uint32_t provider,
                          plane_role role, uint32_t value, uint32_t bucket)
{
    plane_key key = {spec->attribute, (uint16_t)provider, (uint8_t)role, 0,
                     value, bucket};
    return key;
}

/* SET planes of one value in one layer, from an expiry on. */
static view_span gather_value(index_leaf *leaf, const index_layer *l,
                              const leaf_spec *spec, uint32_t provider,
                              uint32_t value, uint32_t from)
{
    const plane_key key = make_key(spec, provider, 0, value, from);
    view_span span = {leaf->view_count, 0};

    for (size_t i = layer_seek(l, &key); i < l->count; i++) {
        const plane_key *k = &l->entries[i].key;
        if (k->attribute != key.attribute || k->provider != key.provider ||
            k->value != value)
            break;
        if (k->role == ROLE_SET) {
            leaf_add_view(leaf, l, &l->entries[i]);
            span.count++;
        }
    }
    return span;
}

typedef struct value_list {
    uint32_t *items;
    size_t count;
    size_t capacity;
} value_list;

static int compare_values(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Values with a SET plane of this provider in any layer. */
static void list_values(value_list *out, const index_stack *x,
                        const leaf_spec *spec, uint32_t provider)
{
    for (size_t i = 0; i < x->count; i++) {
        size_t first;
        size_t end;
        layer_group(x->layers[i], spec->attribute, provider, &first, &end);
        for (size_t j = first; j < end; j++) {
            const plane_key *k = &x->layers[i]->entries[j].key;
            if (k->role != ROLE_SET ||
                (out->count && out->items[out->count - 1] == k->value))
                continue;
            mem_grow(&out->items, &out->capacity, out->count + 1,
                     sizeof *out->items);
            out->items[out->count++] = k->value;
        }
    }
    size_t n = 0;
    if (out->count)
        qsort(out->items, out->count, sizeof *out->items, compare_values);
    for (size_t i = 0; i < out->count; i++)
        if (n == 0 || out->items[n - 1] != out->items[i])
            out->items[n++] = out->items[i];
    out->count = n;
}

/* Does a delta say something to this group that must be judged value by
 * value: a removal, or a touch beside sayings that have expired? */
static bool needs_values(const index_stack *x, const leaf_spec *spec,
                         uint32_t provider)
{
    for (size_t i = 1; i < x->count; i++) {
        const index_layer *l = x->layers[i];
        size_t first;
        size_t end;
        bool soft = false;
        bool dead = false;
        layer_group(l, spec->attribute, provider, &first, &end);
        for (size_t j = first; j < end; j++) {
            const plane_key *k = &l->entries[j].key;
            if (k->role == ROLE_REMOVED)
                return true;
            soft |= k->role == ROLE_SOFT;
            dead |= k->role == ROLE_SET && k->bucket < spec->now_hour;
        }
        if (soft && dead)
            return true;
    }
    return false;
}

static void gather_term(index_leaf *leaf, const index_stack *x,
                        const leaf_spec *spec, uint32_t provider,
                        const uint32_t *values, size_t count, bool whole)
{
    fold_term term = {leaf->fold_count, 0, whole};

    for (size_t i = 0; i < x->count; i++) {
        const index_layer *l = x->layers[i];
        const plane_key hard = make_key(spec, provider, ROLE_HARD, 0, 0);
        const plane_key soft = make_key(spec, provider, ROLE_SOFT, 0, 0);
        fold_layer f = {NO_VIEW, NO_VIEW, NO_VIEW, {0, 0}, {0, 0}};
        if (i > 0) {
            f.hard = leaf_find_view(leaf, l, &hard);
            f.soft = leaf_find_view(leaf, l, &soft);
        }
        if (i > 0 && count == 1) {
            const plane_key removed =
                make_key(spec, provider, ROLE_REMOVED, values[0], 0);
            f.removed = leaf_find_view(leaf, l, &removed);
        }
        f.live.first = leaf->view_count;
        for (size_t v = 0; v < count; v++)
            f.live.count += gather_value(leaf, l, spec, provider, values[v],
                                         spec->now_hour).count;
        f.said.first = leaf->view_count;
        if (f.soft != NO_VIEW)
            for (size_t v = 0; v < count; v++)
                f.said.count += gather_value(leaf, l, spec, provider,
                                             values[v], 0).count;
        if (f.hard == NO_VIEW && f.soft == NO_VIEW && f.removed == NO_VIEW &&
            f.live.count == 0)
            continue;
        mem_grow(&leaf->folds, &leaf->fold_capacity, leaf->fold_count + 1,
                 sizeof *leaf->folds);
        leaf->folds[leaf->fold_count++] = f;
        term.count++;
    }
    if (term.count == 0)
        return;
    mem_grow(&leaf->terms, &leaf->term_capacity, leaf->term_count + 1,
             sizeof *leaf->terms);
    leaf->terms[leaf->term_count++] = term;
}

/* Is the whole leaf the union of all its views? */
static bool is_flat(const index_leaf *leaf)
{
    uint32_t live = 0;
    for (uint32_t t = 0; t < leaf->term_count; t++) {
        if (leaf->terms[t].count != 1)
            return false;
        live += leaf->folds[leaf->terms[t].first].live.count;
    }
    return live == leaf->view_count;
}

void leaf_gather_held(index_leaf *leaf, const index_stack *x,
                      const leaf_spec *spec)
{
    for (uint32_t p = 0; p < spec->provider_count; p++) {
        const uint32_t provider = spec->providers[p];
        value_list all = {0};
        const uint32_t *values = spec->values;
        size_t count = spec->value_count;
        if (spec->any) {
            list_values(&all, x, spec, provider);
            values = all.items;
            count = all.count;
        }
        if (count > 1 && needs_values(x, spec, provider)) {
            for (size_t v = 0; v < count; v++)
                gather_term(leaf, x, spec, provider, &values[v], 1, false);
        } else if (count > 0) {
            gather_term(leaf, x, spec, provider, values, count, true);
        }
        mem_free(all.items);
    }
    leaf->flat = is_flat(leaf);
}

/* ---- life ---- */

index_leaf *index_leaf_new(const index_stack *x, const leaf_spec *spec)
{
    index_leaf *leaf = mem_zalloc(sizeof *leaf);

    leaf->type = spec->type;
    leaf->spec = *spec;
    leaf->low = spec->low;
    leaf->high = spec->high;
    switch (spec->type) {
    case LEAF_HELD:
        leaf_gather_held(leaf, x, spec);
        break;
    case LEAF_NUMBER:
        leaf_gather_numbers(leaf, x, spec);
        break;
    default:
        leaf_gather_events(leaf, x, spec);
        break;
    }
    return leaf;
}

void index_leaf_free(index_leaf *leaf)
{
    if (!leaf)
        return;
    mem_free(leaf->views);
    mem_free(leaf->sources);
    mem_free(leaf->slice_of);
    mem_free(leaf->folds);
    mem_free(leaf->terms);
    mem_free(leaf->parts);
    mem_free(leaf->numbers);
    mem_free(leaf);
}

uint64_t index_leaf_weight(const index_leaf *leaf)
{
    return leaf->weight;
}

/* One plane read where it lies: no register is ever needed. */
static bool is_one_plane(const index_leaf *leaf)
{
    return leaf->type == LEAF_HELD && leaf->view_count <= 1;
}

leaf_cursor *leaf_cursor_new(const index_leaf *leaf)
{
    const size_t size = sizeof(leaf_cursor) +
                        leaf->view_count * sizeof(uint32_t);
    leaf_cursor *c = mem_scratch(size);
    memset(c, 0, size);
    if (!is_one_plane(leaf))
        c->bufs = mem_scratch(CURSOR_BUFS * sizeof *c->bufs);
    return c;
}

void leaf_cursor_free(leaf_cursor *c)
{
    if (!c)
        return;
    mem_scratch_free(c->bufs);
    mem_scratch_free(c->slices);
    mem_free(c->sums);
    mem_free(c->touched);
    mem_scratch_free(c);
}

block_buf *cursor_slices(leaf_cursor *c, uint32_t count)
{
    if (c->slice_count < count) {
        mem_scratch_free(c->slices);
        c->slices = mem_scratch(count * sizeof *c->slices);
        c->slice_count = count;
    }
    return c->slices;
}

uint64_t *cursor_sums(leaf_cursor *c)
{
    if (!c->sums) {
        c->sums = mem_array(BLOCK_ROWS, sizeof *c->sums);
        c->touched = mem_array(BLOCK_ROWS, sizeof *c->touched);
    }
    return c->sums;
}

/* ---- unions ---- */

/* The union of what was found. */
static block_ref join(const block_ref *refs, uint32_t n, block_buf *out)
{
    uint32_t widest = 0;

    if (n == 0)
        return block_empty();
    if (n == 1)
        return refs[0];
    if (n == 2)
        return block_or(refs[0], refs[1], out);
    for (uint32_t i = 0; i < n; i++)
        if (refs[i].type == BLOCK_BITSET)
            widest = i;
    block_expand(refs[widest], out);
    for (uint32_t i = 0; i < n; i++)
        if (i != widest)
            block_or_into(out, refs[i]);
    return block_bits(out);
}

#define JOIN_MAX 64

block_ref span_block(const index_leaf *leaf, leaf_cursor *c, view_span span,
                     uint32_t block, block_buf *out)
{
    block_ref refs[JOIN_MAX];
    uint32_t n = 0;
    bool written = false; /* a part of the union is already in out */

    if (span.count == 1)
        return leaf_at(leaf, c, span.first, block);
    for (uint32_t i = 0; i < span.count; i++) {
        const block_ref b = leaf_at(leaf, c, span.first + i, block);
        if (b.type == BLOCK_EMPTY)
            continue;
        if (b.type == BLOCK_FULL)
            return b;
        if (written) {
            block_or_into(out, b);
            continue;
        }
        refs[n++] = b;
        if (n == JOIN_MAX) {
            join(refs, n, out);
            written = true;
        }
    }
    return written ? block_bits(out) : join(refs, n, out);
}

bool span_has(const index_leaf *leaf, view_span span, uint32_t row)
{
    for (uint32_t i = 0; i < span.count; i++)
        if (view_has(&leaf->views[span.first + i], row))
            return true;
    return false;
}

/* ---- profile ---- */

/* Takes from x what this layer takes away; uses bufs[1] and bufs[2]. */
static void fold_cut(const index_leaf *leaf, leaf_cursor *c,
                     const fold_layer *f, uint32_t block, block_buf *x)
{
    if (f->hard != NO_VIEW)
        block_andnot_into(x, leaf_at(leaf, c, f->hard, block));
    if (f->removed != NO_VIEW)
        block_andnot_into(x, leaf_at(leaf, c, f->removed, block));
    if (f->soft != NO_VIEW) {
        const block_ref soft = leaf_at(leaf, c, f->soft, block);
        const block_ref said =
            span_block(leaf, c, f->said, block, &c->bufs[1]);
        block_andnot_into(x, block_andnot(soft, said, &c->bufs[2]));
    }
}

static block_ref term_block(const index_leaf *leaf, leaf_cursor *c,
                            const fold_term *term, uint32_t block,
                            block_buf *out)
{
    const fold_layer *folds = &leaf->folds[term->first];

    if (term->count == 1)
        return span_block(leaf, c, folds[0].live, block, out);
    block_clear(out);
    for (uint32_t i = 0; i < term->count; i++) {
        const view_span live = folds[i].live;
        fold_cut(leaf, c, &folds[i], block, out);
        for (uint32_t v = 0; v < live.count; v++)
            block_or_into(out, leaf_at(leaf, c, live.first + v, block));
    }
    return block_bits(out);
}

block_ref leaf_held_block(const index_leaf *leaf, leaf_cursor *c,
                          uint32_t block, block_buf *out)
{
    const view_span all = {0, leaf->view_count};

    if (leaf->term_count == 0)
        return block_empty();
    if (leaf->flat)
        return span_block(leaf, c, all, block, out);
    if (leaf->term_count == 1)
        return term_block(leaf, c, &leaf->terms[0], block, out);
    block_clear(out);
    for (uint32_t t = 0; t < leaf->term_count; t++)
        block_or_into(out, term_block(leaf, c, &leaf->terms[t], block,
                                      &c->bufs[0]));
    return block_bits(out);
}

bool leaf_held_has(const index_leaf *leaf, uint32_t row)
{
    for (uint32_t t = 0; t < leaf->term_count; t++) {
        const fold_term *term = &leaf->terms[t];
        bool x = false;
        for (uint32_t i = 0; i < term->count; i++) {
            const fold_layer *f = &leaf->folds[term->first + i];
            if (x && (leaf_view_has(leaf, f->hard, row) ||
                      leaf_view_has(leaf, f->removed, row) ||
                      (leaf_view_has(leaf, f->soft, row) &&
                       !span_has(leaf, f->said, row))))
                x = false;
            x = x || span_has(leaf, f->live, row);
        }
        if (x)
            return true;
    }
    return false;
}

/* ---- asking ---- */

block_ref index_leaf_block(const index_leaf *leaf, leaf_cursor *c,
                           uint32_t block, block_buf *out)
{
    if (leaf->flat && leaf->view_count == 1)
        return leaf_at(leaf, c, 0, block);
    switch (leaf->type) {
    case LEAF_HELD:
        return leaf_held_block(leaf, c, block, out);
    case LEAF_NUMBER:
        return leaf_number_block(leaf, c, block, out);
    case LEAF_SEEN:
        return leaf_seen_block(leaf, c, block, out);
    case LEAF_COUNT:
        return leaf_count_block(leaf, c, block, out);
    case LEAF_TOTAL:
        return leaf_total_block(leaf, c, block, out);
    case LEAF_DAYS:
        break;
    }
    return leaf_days_block(leaf, c, block, out);
}

bool index_leaf_has(const index_leaf *leaf, uint32_t row)
{
    switch (leaf->type) {
    case LEAF_HELD:
        return leaf_held_has(leaf, row);
    case LEAF_NUMBER:
        return leaf_number_has(leaf, row);
    default:
        return leaf_event_has(leaf, row);
    }
}
