/*
 * clauses.c - what each part of an expression weighs: its own size, and what
 * the whole would be without it. By repeated exact counts.
 *
 * "Without" copies the path from the root to the part's parent and leaves the
 * part out there; everything else is shared with the plan.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "segment/eval.h"
#include "segment/tree.h"

#define PATH_MAX_BYTES 512

typedef struct clause_walk {
    const plan *plan;
    const program_state *state;
    program_stop *stop;
    segment_clause_fn each;
    void *payload;
    uint64_t whole;
    uint32_t count;
    /* from the root to the current node: nodes and child numbers taken */
    const plan_node *nodes[MUSTER_SEGMENT_DEPTH_MAX + 2];
    uint32_t taken[MUSTER_SEGMENT_DEPTH_MAX + 2];
    uint32_t depth;
    char path[PATH_MAX_BYTES];
} clause_walk;

static uint64_t count_node(const clause_walk *w, const plan_node *node)
{
    program *g = program_of_node(w->plan, node, w->state);
    const uint64_t n = program_count_by(g, 1, w->stop);
    program_free(g);
    return n;
}

/* The root with nodes[level] replaced by `with` (NULL: left out of its
 * parent, which is an and/or of at least two). */
static uint64_t count_with(const clause_walk *w, uint32_t level,
                           const plan_node *with)
{
    plan_node copies[MUSTER_SEGMENT_DEPTH_MAX + 2];
    plan_node **lists[MUSTER_SEGMENT_DEPTH_MAX + 2];
    uint32_t made = 0;

    while (level > 0) {
        const plan_node *parent = w->nodes[--level];
        plan_node **list = mem_array(parent->child_count, sizeof *list);
        uint32_t n = 0;
        for (uint32_t i = 0; i < parent->child_count; i++) {
            if (i != w->taken[level])
                list[n++] = parent->children[i];
            else if (with)
                list[n++] = (plan_node *)with;
        }
        lists[made] = list;
        copies[made] = *parent;
        copies[made].children = list;
        copies[made].child_count = n;
        with = &copies[made++];
    }
    const uint64_t n = count_node(w, with);
    for (uint32_t i = 0; i < made; i++)
        mem_free(lists[i]);
    return n;
}

static bool is_chain(const plan_node *node)
{
    return (node->type == PLAN_AND || node->type == PLAN_OR) &&
           (node->ast->type == AST_AND || node->ast->type == AST_OR);
}

static void walk_clause(clause_walk *w, const plan_node *node, size_t at);

static void walk_children(clause_walk *w, const plan_node *node, size_t at)
{
    const char *name = node->type == PLAN_AND  ? "and"
                       : node->type == PLAN_OR ? "or"
                                               : "not";

    for (uint32_t i = 0; i < node->child_count; i++) {
        int n;
        if (node->type == PLAN_NOT)
            n = snprintf(w->path + at, sizeof w->path - at, "/%s", name);
        else
            n = snprintf(w->path + at, sizeof w->path - at, "/%s/%u", name,
                         i);
        if (n < 0 || (size_t)n >= sizeof w->path - at)
            return;
        w->nodes[w->depth] = node;
        w->taken[w->depth++] = i;
        walk_clause(w, node->children[i], at + (size_t)n);
        w->depth--;
        w->path[at] = 0;
    }
}

static void walk_clause(clause_walk *w, const plan_node *node, size_t at)
{
    const plan_node *parent = w->depth ? w->nodes[w->depth - 1] : NULL;

    if (w->count >= SEGMENT_CLAUSES_MAX ||
        w->depth > MUSTER_SEGMENT_DEPTH_MAX || program_stopped(w->stop))
        return;
    w->count++;
    const uint64_t own = parent ? count_node(w, node) : w->whole;
    int64_t marginal = 0;
    if (parent && is_chain(parent))
        marginal = (int64_t)w->whole -
                   (int64_t)count_with(w, w->depth, NULL);
    w->each(w->payload, w->path, node->ast, own, marginal);
    if (node->reference)
        return;
    if (is_chain(node) || (node->type == PLAN_NOT && is_chain(node->children[0])))
        walk_children(w, node, at);
}

void segment_clauses(const plan *p, const program_state *state,
                     program_stop *stop, segment_clause_fn each,
                     void *payload)
{
    clause_walk *w = mem_zalloc(sizeof *w);

    w->plan = p;
    w->state = state;
    w->stop = stop;
    w->each = each;
    w->payload = payload;
    w->whole = count_node(w, p->root);
    walk_clause(w, p->root, 0);
    mem_free(w);
}

uint64_t segment_universe_count(const plan *p, const program_state *state)
{
    const plan_node all = {.type = PLAN_ALL};
    program *g = program_of_node(p, &all, state);
    const uint64_t n = program_count(g);
    program_free(g);
    return n;
}

/* ---- windows ---- */

static void walk_windows(const plan_node *node, muster_time now,
                         segment_window_fn each, void *payload)
{
    muster_time from = 1;
    muster_time to = 0;

    for (uint32_t i = 0; i < node->child_count; i++)
        walk_windows(node->children[i], now, each, payload);
    if (node->child_count > 0 || node->window.type == WINDOW_NONE)
        return;
    buffer text;
    buffer_init(&text, 256);
    window_format(&node->window, &text);
    if (!plan_window_times(node, now, &from, &to)) {
        from = 1;
        to = 0;
    }
    each(payload, buffer_cstr(&text) + 1, from, to); /* the blank */
    buffer_release(&text);
}

void segment_windows(const plan *p, muster_time now, segment_window_fn each,
                     void *payload)
{
    walk_windows(p->root, now, each, payload);
}
