/*
 * index.c - views: the layers a reader sees, [0] the base, then deltas. A view
 * and its layers are counted, so a layer lives as long as the last view that
 * has it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/layer.h"

static index_layer *empty_layer(void)
{
    layer_writer w;
    layer_writer_init(&w);
    return layer_writer_finish(&w);
}

/* ---- views ---- */

index_stack *index_view_base(index_layer *take_base)
{
    index_stack *x = mem_zalloc(sizeof *x);

    ASSERT(take_base != NULL);
    x->refs = 1;
    x->layers[0] = take_base;
    x->count = 1;
    return x;
}

index_stack *index_view_empty(void)
{
    return index_view_base(empty_layer());
}

/* Layers [first, end) of x are appended to y. */
static void share_layers(index_stack *y, const index_stack *x, size_t first,
                         size_t end)
{
    for (size_t i = first; i < end; i++)
        y->layers[y->count++] = index_layer_retain(x->layers[i]);
}

index_stack *index_view_push(const index_stack *x, index_layer *take_delta)
{
    if (!take_delta || take_delta->count == 0) {
        index_layer_release(take_delta);
        return index_view_retain(x);
    }
    ASSERT(x->count <= INDEX_DELTAS_MAX);
    index_stack *y = index_view_base(index_layer_retain(x->layers[0]));
    share_layers(y, x, 1, x->count);
    y->layers[y->count++] = take_delta;
    return y;
}

index_stack *index_view_replace(const index_stack *x, size_t first,
                                size_t count, index_layer *take_layer)
{
    index_stack *y;

    ASSERT(take_layer != NULL && count > 0);
    ASSERT(first < x->count && count <= x->count - first);
    if (first == 0) {
        y = index_view_base(take_layer);
    } else {
        y = index_view_base(index_layer_retain(x->layers[0]));
        share_layers(y, x, 1, first);
        if (take_layer->count > 0)
            y->layers[y->count++] = take_layer;
        else
            index_layer_release(take_layer);
    }
    share_layers(y, x, first + count, x->count);
    return y;
}

/* A view never changes but for the number of those who hold it. */
static index_stack *held(const index_stack *x)
{
    return (index_stack *)(uintptr_t)x;
}

index_stack *index_view_retain(const index_stack *x)
{
    const uint32_t refs =
        __atomic_fetch_add(&held(x)->refs, 1, __ATOMIC_RELAXED);
    ASSERT(refs > 0 && refs < UINT32_MAX);
    return held(x);
}

void index_view_release(const index_stack *x)
{
    if (!x)
        return;
    const uint32_t refs =
        __atomic_fetch_sub(&held(x)->refs, 1, __ATOMIC_ACQ_REL);
    ASSERT(refs > 0);
    if (refs > 1)
        return;
    for (size_t i = 0; i < x->count; i++)
        index_layer_release(x->layers[i]);
    mem_free(held(x));
}

/* ---- what is in a view ---- */

size_t index_layer_count(const index_stack *x)
{
    return x->count;
}

index_layer *index_layer_at(const index_stack *x, size_t i)
{
    ASSERT(i < x->count);
    return x->layers[i];
}

size_t index_delta_count(const index_stack *x)
{
    return x->count - 1;
}

uint64_t index_plane_bytes(const index_stack *x)
{
    uint64_t n = 0;
    for (size_t i = 0; i < x->count; i++)
        n += x->layers[i]->planes_len;
    return n;
}

size_t index_plane_count(const index_stack *x)
{
    size_t n = 0;
    for (size_t i = 0; i < x->count; i++)
        n += x->layers[i]->count;
    return n;
}

bool index_has_group(const index_stack *x, uint32_t attribute,
                     uint32_t provider)
{
    for (size_t i = 0; i < x->count; i++) {
        size_t first;
        size_t end;
        layer_group(x->layers[i], attribute, provider, &first, &end);
        if (first < end)
            return true;
    }
    return false;
}
