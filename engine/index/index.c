/*
 * index.c - the stack of layers a reader sees: [0] the base, then deltas.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/layer.h"


index_stack *index_new(index_cap_fn cap, void *payload)
{
    index_stack *x = mem_zalloc(sizeof *x);
    layer_writer empty;

    ASSERT(cap != NULL);
    x->cap = cap;
    x->payload = payload;
    layer_writer_init(&empty);
    x->layers[0] = layer_writer_finish(&empty);
    x->count = 1;
    return x;
}

void index_free(index_stack *x)
{
    if (!x)
        return;
    for (size_t i = 0; i < x->count; i++)
        index_layer_free(x->layers[i]);
    mem_free(x);
}

void index_push(index_stack *x, index_layer *take_layer, bool base)
{
    x->version++;
    if (base) {
        ASSERT(x->count == 1 && x->layers[0]->count == 0);
        index_layer_free(x->layers[0]);
        x->layers[0] = take_layer;
        return;
    }
    if (take_layer->count == 0) {
        index_layer_free(take_layer);
        return;
    }
    if (x->count > INDEX_DELTAS_MAX)
        index_compact(x);
    x->layers[x->count++] = take_layer;
}

const index_layer *index_compact(index_stack *x)
{
    if (x->count == 1)
        return x->layers[0];
    index_layer *base = layers_merge(x->layers, x->count, x->cap, x->payload);
    for (size_t i = 0; i < x->count; i++)
        index_layer_free(x->layers[i]);
    x->layers[0] = base;
    x->count = 1;
    x->version++;
    return base;
}

uint64_t index_version(const index_stack *x)
{
    return x->version;
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
