/*
 * tape.h - private to room `ingest`: nested values as an array of 16-byte
 * nodes in document order, which the fast ways of reading build (scan.c,
 * msgpack.c). See tape.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_TAPE_H
#define INGEST_TAPE_H

#include "ingest/record.h"

/* Records are flat; what is nested deeper is not plain. */
#define TAPE_DEPTH_MAX 16u

typedef struct tape {
    tree_value *nodes;
    size_t capacity;
} tape;

void tape_release(tape *t);
/* Room for so many nodes; what was on it before is lost. */
static inline void tape_reserve(tape *t, size_t nodes)
{
    if (nodes > t->capacity)
        mem_grow(&t->nodes, &t->capacity, nodes, sizeof *t->nodes);
}

static inline const tree_node *tape_node(const tree_value *v)
{
    return (const tree_node *)(const void *)v;
}

static inline const tree_value *tape_at(const tree_node *node)
{
    return (const tree_value *)(const void *)node;
}

/* For tree_source. */
tree_iter tape_walk(const tree_node *node);
bool tape_next(tree_iter *it);
tree_value tape_value(const tree_node *node);
muster_text tape_digits(const tree_node *node);

#endif
