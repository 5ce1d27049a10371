/*
 * reads.c - what facts a plan depends on: whoever keeps its answers looks at
 * users anew when such facts come.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/eval.h"

/* Values beyond this many are told as all of the attribute's. */
#define READ_VALUES_MAX 64u

typedef struct read_walk {
    segment_read_fn each;
    void *payload;
    bool universe;
} read_walk;

/* Planes of single values can tell who changed only where values do not push
 * each other out. */
static bool has_own_values(const plan_node *node)
{
    return !node->any_value && node->value_count > 0 &&
           node->value_count <= READ_VALUES_MAX &&
           (node->kind == KIND_MANY_OF || node->kind == KIND_EVENT);
}

static void tell(read_walk *w, const plan_node *node)
{
    if (!has_own_values(node)) {
        w->each(w->payload, node->attribute, SEGMENT_ANY);
        return;
    }
    for (uint32_t i = 0; i < node->value_count; i++)
        w->each(w->payload, node->attribute, node->values[i]);
}

static void walk(read_walk *w, const plan_node *node)
{
    switch (node->type) {
    case PLAN_SPLIT: /* of everyone */
        w->universe = true;
        return;
    case PLAN_ALL:
    case PLAN_NONE:
    case PLAN_NOT:
    case PLAN_QUANTITY:
    case PLAN_AND:
    case PLAN_OR:
        break;
    default:
        tell(w, node);
        return;
    }
    for (uint32_t i = 0; i < node->child_count; i++)
        walk(w, node->children[i]);
}

void segment_plan_reads(const plan *p, segment_read_fn each, void *payload)
{
    read_walk w = {each, payload, !plan_is_inside(p->root)};

    walk(&w, p->root);
    if (w.universe)
        each(payload, INDEX_UNIVERSE, SEGMENT_ANY);
}

bool segment_plan_open(const plan *p)
{
    return p->open;
}
