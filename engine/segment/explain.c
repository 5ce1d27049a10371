/*
 * explain.c - why a user is in or out, and until when.
 *
 * Each node of the plan is asked for the one row; `why` tells the fact and
 * the day that decide a leaf. `until` is found by asking again at every
 * moment at which some fact of this user crosses an edge (an expiry, a window
 * that moves past an event, retention): nothing can change between two
 * edges while nothing new is said.
 *
 * Cost: one decision per node and edge: milliseconds for a user with hundreds
 * of facts. For people, not for auctions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "segment/eval.h"
#include "segment/tree.h"

#define EDGES_MAX 20000
#define WHY_FACTS_MAX 3
#define DAY 86400

typedef struct edge_list {
    muster_time *items;
    size_t count;
    size_t capacity;
} edge_list;

typedef struct explainer {
    const plan *plan;
    const catalog *names;
    const program_state *state;
    uint32_t row;
    segment_reason_fn each;
    void *payload;
    edge_list edges;
    const plan_node *leaf; /* whose facts are being walked */
    bool holds;            /* does that leaf hold? then only what makes it */
    uint32_t told;         /* facts named in `why`, and left out */
    uint32_t untold;
    buffer path;
    buffer text;
    buffer why;
} explainer;

/* ---- edges ---- */

static void add_edge(explainer *x, muster_time t)
{
    if (t <= x->state->now || x->edges.count >= EDGES_MAX)
        return;
    mem_grow(&x->edges.items, &x->edges.capacity, x->edges.count + 1,
             sizeof *x->edges.items);
    x->edges.items[x->edges.count++] = t;
}

static void profile_edge(explainer *x, uint32_t expiry)
{
    if (expiry != INDEX_NEVER)
        add_edge(x, ((muster_time)expiry + 1) * 3600);
}

static void today_edge(explainer *x, const ast_date *d, muster_day day,
                       muster_day shift)
{
    if (d->type == DATE_TODAY)
        add_edge(x, (muster_time)(day - d->offset + shift) * DAY);
}

static void event_edges(explainer *x, const plan_node *leaf, uint32_t bucket)
{
    const bool hours = leaf->grain == GRAIN_HOUR;
    const muster_day day = (muster_day)(hours ? bucket / 24 : bucket);
    const ast_window *w = &leaf->window;

    add_edge(x, (muster_time)bucket * (hours ? 3600 : DAY));
    add_edge(x, (muster_time)(day + (muster_day)leaf->retention_days) * DAY);
    if (w->type == WINDOW_HOURS)
        add_edge(x, ((muster_time)bucket + w->n) * 3600);
    if (w->type == WINDOW_DAYS)
        add_edge(x, ((muster_time)day + w->n) * DAY);
    if (w->type == WINDOW_SINCE || w->type == WINDOW_BETWEEN)
        today_edge(x, &w->from, day, 1);
    if (w->type == WINDOW_BETWEEN)
        today_edge(x, &w->to, day, 0);
}

static void number_edges(explainer *x, const plan_node *leaf, int64_t number)
{
    const muster_time at_low = (number - leaf->low) / MUSTER_NUMBER_SCALE;
    const muster_time at_high = (number - leaf->high) / MUSTER_NUMBER_SCALE;

    for (muster_time d = -1; d <= 2; d++) {
        if (leaf->low_today)
            add_edge(x, (at_low + d) * DAY);
        if (leaf->high_today)
            add_edge(x, (at_high + d) * DAY);
    }
}

static void edge_of_fact(void *payload, const index_fact *f)
{
    explainer *x = payload;
    const plan_node *leaf = x->leaf;

    if (leaf && leaf->kind == KIND_EVENT) {
        event_edges(x, leaf, f->bucket);
        return;
    }
    profile_edge(x, f->bucket);
    if (leaf && leaf->type == PLAN_NUMBER)
        number_edges(x, leaf, f->number);
}

static void facts_of(const explainer *x, uint32_t attribute,
                     attribute_kind kind, index_fact_fn each, void *payload)
{
    index_facts_each(x->state->index, attribute, kind == KIND_EVENT,
                     kind == KIND_NUMBER, x->row, each, payload);
}

static bool is_leaf(const plan_node *node)
{
    return node->type >= PLAN_HELD && node->type <= PLAN_DAYS;
}

static void gather_edges(explainer *x, const plan_node *node)
{
    for (uint32_t i = 0; i < node->child_count; i++)
        gather_edges(x, node->children[i]);
    if (!is_leaf(node))
        return;
    x->leaf = node;
    facts_of(x, node->attribute, node->kind, edge_of_fact, x);
}

static int compare_times(const void *a, const void *b)
{
    const muster_time x = *(const muster_time *)a;
    const muster_time y = *(const muster_time *)b;
    return (x > y) - (x < y);
}

static void all_edges(explainer *x)
{
    edge_list *l = &x->edges;
    size_t n = 0;

    gather_edges(x, x->plan->root);
    x->leaf = NULL;
    facts_of(x, INDEX_UNIVERSE, KIND_MANY_OF, edge_of_fact, x);
    if (l->count)
        qsort(l->items, l->count, sizeof *l->items, compare_times);
    for (size_t i = 0; i < l->count; i++)
        if (n == 0 || l->items[n - 1] != l->items[i])
            l->items[n++] = l->items[i];
    l->count = n;
}

/* ---- decisions ---- */

static bool holds_at(const explainer *x, const plan_node *node,
                     muster_time now)
{
    program_state state = *x->state;
    state.now = now;
    program *g = program_of_node(x->plan, node, &state);
    const bool holds = program_has(g, x->row);
    program_free(g);
    return holds;
}

static muster_time flips_at(const explainer *x, const plan_node *node,
                            bool holds)
{
    for (size_t i = 0; i < x->edges.count; i++)
        if (holds_at(x, node, x->edges.items[i]) != holds)
            return x->edges.items[i];
    return 0;
}

/* ---- why ---- */

static void put_date(buffer *out, muster_time t)
{
    char text[32];
    clock_format_date(text, clock_day_of(t));
    buffer_put_str(out, text);
}

static void put_hour(buffer *out, muster_time t)
{
    char text[32];
    clock_format_time(text, t);
    buffer_put(out, text, 13); /* 2026-11-21T10 */
    buffer_put_str(out, "h");
}

static bool leaf_has_provider(const plan_node *leaf, uint32_t provider)
{
    for (uint32_t i = 0; i < leaf->provider_count; i++)
        if (leaf->providers[i] == provider)
            return true;
    return false;
}

static bool leaf_has_value(const plan_node *leaf, uint32_t value)
{
    for (uint32_t i = 0; i < leaf->value_count; i++)
        if (leaf->values[i] == value)
            return true;
    return false;
}

static void put_provider(const explainer *x, buffer *out, uint32_t provider)
{
    const catalog_provider *p = catalog_provider_get(x->names, provider);
    buffer_printf(out, " (provider %s)", p ? p->name : "?");
}

/* One fact of a profile attribute, as one part of a list. */
static void why_profile(void *payload, const index_fact *f)
{
    explainer *x = payload;
    const plan_node *leaf = x->leaf;
    const uint32_t now_hour = (uint32_t)clock_hour_of(x->state->now);
    char number[48];

    if (!leaf_has_provider(leaf, f->provider))
        return;
    if (x->holds && leaf->type == PLAN_HELD && leaf->kind != KIND_FLAG &&
        !leaf_has_value(leaf, f->value))
        return;
    if (x->told == WHY_FACTS_MAX) {
        x->untold++;
        return;
    }
    if (x->told++)
        buffer_put_str(&x->why, "; ");
    if (leaf->kind == KIND_NUMBER) {
        buffer_put(&x->why, number, text_format_number(number, f->number));
        if (leaf->low_today || leaf->high_today)
            buffer_put_str(&x->why, " days since 1970");
    } else if (leaf->kind == KIND_FLAG) {
        buffer_put_str(&x->why, "set");
    } else {
        buffer_put_text(&x->why, catalog_value_text(x->names, leaf->attribute,
                                                    f->value));
    }
    put_provider(x, &x->why, f->provider);
    if (f->bucket == INDEX_NEVER)
        return;
    buffer_put_str(&x->why, f->bucket < now_hour ? ", expired " : ", until ");
    put_date(&x->why, (muster_time)f->bucket * 3600);
}

typedef struct event_why {
    explainer *x;
    uint32_t from;
    uint32_t to;
    bool window;
    uint64_t times;
    int64_t total;
    int64_t newest_in;
    int64_t newest_out;
    uint32_t provider;
} event_why;

static void why_event(void *payload, const index_fact *f)
{
    event_why *w = payload;
    const plan_node *leaf = w->x->leaf;
    const bool wanted = leaf->any_value ? f->value == INDEX_NO_VALUE
                                        : leaf_has_value(leaf, f->value);

    if (!wanted || !leaf_has_provider(leaf, f->provider))
        return;
    if (!w->window || f->bucket < w->from || f->bucket > w->to) {
        if ((int64_t)f->bucket > w->newest_out)
            w->newest_out = f->bucket;
        return;
    }
    w->times += f->count;
    w->total += f->amount;
    if ((int64_t)f->bucket > w->newest_in) {
        w->newest_in = f->bucket;
        w->provider = f->provider;
    }
}

static void put_bucket(buffer *out, const plan_node *leaf, int64_t bucket)
{
    if (leaf->grain == GRAIN_HOUR)
        put_hour(out, bucket * 3600);
    else
        put_date(out, bucket * DAY);
}

static void why_of_event(explainer *x)
{
    const plan_node *leaf = x->leaf;
    event_why w = {.x = x, .newest_in = -1, .newest_out = -1};
    char number[48];

    w.window = plan_window(leaf, x->state->now, &w.from, &w.to);
    facts_of(x, leaf->attribute, KIND_EVENT, why_event, &w);
    if (w.newest_in < 0 && w.newest_out < 0) {
        buffer_put_str(&x->why, "never seen");
        return;
    }
    if (w.newest_in < 0) {
        buffer_put_str(&x->why, "seen only outside the window, last ");
        put_bucket(&x->why, leaf, w.newest_out);
        return;
    }
    if (leaf->type == PLAN_TOTAL) {
        buffer_put(&x->why, number, text_format_number(number, w.total));
        buffer_put_str(&x->why, " in total, ");
    }
    buffer_printf(&x->why, "%llu time%s, last ", (unsigned long long)w.times,
                  w.times == 1 ? "" : "s");
    put_bucket(&x->why, leaf, w.newest_in);
    put_provider(x, &x->why, w.provider);
}

static void put_why(explainer *x, const plan_node *node, bool holds)
{
    buffer_clear(&x->why);
    x->leaf = node;
    x->holds = holds;
    x->told = x->untold = 0;
    if (node->type == PLAN_SPLIT) {
        const uint32_t bucket = identity_split_bucket(
            &node->split, dictionary_primary(x->state->ids, x->row));
        buffer_printf(&x->why, "bucket %u", bucket);
        return;
    }
    if (!is_leaf(node))
        return;
    if (node->kind == KIND_EVENT) {
        why_of_event(x);
        return;
    }
    facts_of(x, node->attribute, node->kind, why_profile, x);
    if (x->told == 0)
        buffer_put_str(&x->why, "nothing known");
    if (x->untold)
        buffer_printf(&x->why, "; and %u more", x->untold);
}

/* ---- walking the plan ---- */

static const char *step_name(const plan_node *node)
{
    switch (node->type) {
    case PLAN_AND:
        return "and";
    case PLAN_OR:
        return "or";
    case PLAN_NOT:
        return "not";
    default:
        return "of";
    }
}

/* The part of a predicate that a child of its node stands for: `a != "x"` is
 * "a is known" and "not a = "x"", `a has all (..)` is one `=` a value. */
static void put_part(explainer *x, const plan_node *node, uint32_t number)
{
    ast_node part = *node->ast;

    if (node->type == PLAN_NOT)
        buffer_put_str(&x->text, "not ");
    if (node->type == PLAN_KNOWN || node->any_value) {
        part.compare = COMPARE_KNOWN;
        part.value_count = 0;
    } else if ((part.compare == COMPARE_HAS_ALL ||
                part.compare == COMPARE_IN) &&
               number < part.value_count) {
        part.compare = COMPARE_EQ;
        part.values += number;
        part.value_count = 1;
    } else {
        part.compare = part.value_count > 1 ? COMPARE_IN : COMPARE_EQ;
    }
    segment_format(&part, &x->text);
}

/* `number`: of a child that shares its parent's predicate, else NO_PART. */
#define NO_PART UINT32_MAX

static void explain_node(explainer *x, const plan_node *node, unsigned depth,
                         uint32_t number)
{
    const bool holds = holds_at(x, node, x->state->now);
    const size_t path_len = x->path.len;

    buffer_clear(&x->text);
    if (number == NO_PART)
        segment_format(node->ast, &x->text);
    else
        put_part(x, node, number);
    put_why(x, node, holds);
    const segment_reason reason = {
        buffer_cstr(&x->path), buffer_cstr(&x->text), depth, holds,
        buffer_cstr(&x->why),  flips_at(x, node, holds),
    };
    x->each(x->payload, &reason);
    for (uint32_t i = 0; i < node->child_count; i++) {
        const plan_node *child = node->children[i];
        const bool part = node->ast->type == AST_PREDICATE &&
                          child->ast == node->ast;
        if (node->type == PLAN_NOT)
            buffer_printf(&x->path, "/%s", step_name(node));
        else
            buffer_printf(&x->path, "/%s/%u", step_name(node), i);
        explain_node(x, child, depth + 1, part ? i : NO_PART);
        x->path.len = path_len;
    }
}

void segment_explain(const plan *p, const catalog *names,
                     const program_state *state, uint32_t row,
                     segment_reason_fn each, void *payload)
{
    explainer x = {.plan = p,
                   .names = names,
                   .state = state,
                   .row = row,
                   .each = each,
                   .payload = payload};

    buffer_init(&x.path, 65536);
    buffer_init(&x.text, 2 * MUSTER_SEGMENT_BYTES_MAX);
    buffer_init(&x.why, 65536);
    all_edges(&x);
    explain_node(&x, p->root, 0, NO_PART);
    buffer_release(&x.path);
    buffer_release(&x.text);
    buffer_release(&x.why);
    mem_free(x.edges.items);
}
