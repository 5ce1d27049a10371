/*
 * merge_tail.c - a profile group of which the deltas say nothing for the first
 * blocks of the base, as when they are about users who came later: what the
 * base says of those blocks is copied container by container as it lies, and
 * only the blocks behind them, the tail, are merged.
 *
 * The tail of the base is a small layer of its own. It is merged with the
 * deltas in the ways of the other files; then each plane is the base's
 * containers before the tail and the merged ones behind them.
 *
 * Cost: what is merged, and a memcpy of the rest. Memory: the group's tail.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/container.h"
#include "index/merge.h"

#define BLOCKS_MAX 65536u

/* The first block of any plane of the span; UINT32_MAX: they are empty. */
static uint32_t first_block(const group_span *s)
{
    uint32_t first = UINT32_MAX;

    for (size_t i = s->first; i < s->end; i++) {
        const plane_view v = layer_view(s->layer, &s->layer->entries[i]);
        uint32_t block;
        if (v.n == 0)
            continue;
        (void)view_container(&v, 0, &block);
        if (block < first)
            first = block;
    }
    return first;
}

/* Where the deltas begin to say something; 0: it is not worth it, or cannot be
 * done: a number that has ended takes its slices along. */
static uint32_t tail_block(const group_walk *w, const merge_rules *rules)
{
    uint32_t tail = UINT32_MAX;

    if (rules->delta || w->span_count < 2 ||
        w->spans[0].layer != w->layers[0] ||
        !span_may_lose_planes(&w->spans[0], rules))
        return 0;
    for (size_t i = 1; i < w->span_count && tail > 0; i++) {
        const uint32_t first = first_block(&w->spans[i]);
        if (first < tail)
            tail = first;
    }
    return tail;
}

/* ---- containers as they lie ---- */

/* Those of a plane that is being put together. */
typedef struct container_list {
    container_plan *plans;
    const uint8_t **bytes;
    uint32_t count;
    size_t plan_capacity;
    size_t byte_capacity;
} container_list;

/* Of the blocks [from, to); 65,536 is behind the last. */
static void take_blocks(container_list *l, const plane_view *v, uint32_t from,
                        uint32_t to)
{
    mem_grow(&l->plans, &l->plan_capacity, l->count + (size_t)v->n + 1,
             sizeof *l->plans);
    mem_grow(&l->bytes, &l->byte_capacity, l->count + (size_t)v->n + 1,
             sizeof *l->bytes);
    for (uint32_t i = 0; i < v->n; i++) {
        container_plan *plan = &l->plans[l->count];
        const uint8_t *bytes = container_of_view(plan, v, i);
        if (plan->key >= to)
            return;
        if (plan->key >= from)
            l->bytes[l->count++] = bytes;
    }
}

static void put_plane(layer_writer *out, const plane_key *key,
                      container_list *l)
{
    layer_writer_containers(out, key, l->plans, l->bytes, l->count);
    l->count = 0;
}

static void list_release(container_list *l)
{
    mem_free(l->plans);
    mem_free(l->bytes);
}

/* ---- the tail ---- */

/* The base's planes from a block on, as a layer. */
static index_layer *cut_tail(const group_span *base, uint32_t tail)
{
    container_list list = {0};
    layer_writer out;

    layer_writer_init(&out);
    for (size_t i = base->first; i < base->end; i++) {
        const layer_entry *e = &base->layer->entries[i];
        const plane_view v = layer_view(base->layer, e);
        take_blocks(&list, &v, tail, BLOCKS_MAX);
        put_plane(&out, &e->key, &list);
    }
    list_release(&list);
    return layer_writer_finish(&out);
}

/* Base's tail and deltas to what shall stand behind the rest. */
static index_layer *merge_behind(const group_walk *w, const merge_rules *rules,
                                 const index_layer *tail)
{
    group_walk behind = *w;
    layer_writer out;

    behind.spans = mem_array(w->span_count, sizeof *behind.spans);
    memcpy(behind.spans, w->spans, w->span_count * sizeof *behind.spans);
    behind.spans[0] = (group_span){tail, 0, tail->count};
    if (tail->count == 0)
        memmove(behind.spans, behind.spans + 1,
                --behind.span_count * sizeof *behind.spans);
    layer_writer_init(&out);
    merge_group(&out, &behind, rules); /* no base among them */
    mem_free(behind.spans);
    return layer_writer_finish(&out);
}

/* ---- the whole ---- */

/* All planes in the order of their keys. */
static void join_planes(layer_writer *out, const group_span *base,
                        uint32_t tail, const index_layer *behind,
                        const merge_rules *rules)
{
    container_list list = {0};
    size_t a = base->first;
    size_t b = 0;

    while (a < base->end || b < behind->count) {
        const layer_entry *x =
            a < base->end ? &base->layer->entries[a] : NULL;
        const layer_entry *y = b < behind->count ? &behind->entries[b] : NULL;
        const int order =
            !x ? 1 : !y ? -1 : plane_key_compare(&x->key, &y->key);
        if (order <= 0 && rules_keep(rules, &x->key)) {
            const plane_view v = layer_view(base->layer, x);
            take_blocks(&list, &v, 0, tail);
        }
        if (order >= 0) {
            const plane_view v = layer_view(behind, y);
            take_blocks(&list, &v, tail, BLOCKS_MAX);
        }
        put_plane(out, order <= 0 ? &x->key : &y->key, &list);
        a += order <= 0;
        b += order >= 0;
    }
    list_release(&list);
}

bool merge_tail(layer_writer *out, const group_walk *w,
                const merge_rules *rules)
{
    const group_span *base = &w->spans[0];
    const uint32_t from = tail_block(w, rules);

    if (from == 0 || from <= first_block(base))
        return false;
    index_layer *tail = cut_tail(base, from);
    index_layer *behind = merge_behind(w, rules, tail);
    join_planes(out, base, from, behind, rules);
    index_layer_release(behind);
    index_layer_release(tail);
    return true;
}
