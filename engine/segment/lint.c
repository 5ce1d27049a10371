/*
 * lint.c - warnings about a tree: what is allowed and probably not meant.
 *
 * Words, each with its place and where possible what to write instead:
 *
 *   lint_contradiction      holds nobody
 *   lint_tautology          holds everyone, whatever the facts
 *   lint_duplicate          the same thing twice in one chain or list
 *   lint_subsumed           adds nothing beside another one of its chain
 *   lint_or_and             `or` beside `and` without parentheses
 *   lint_unbounded_not      the whole expression only says who is not in it
 *   lint_at_most            `at most n times` leaves out who never did
 *   lint_several_providers  counts of one event add up over providers
 *   window_beyond_retention a window longer than the event is kept
 *
 * Terms: in a chain, a *literal* is a condition or a `not` of one. Literals on
 * one attribute are compared pair by pair (lint_logic.c), their lists value by
 * value, within WORK_MAX for the whole tree; whole subexpressions are compared
 * by the hash of their canonical text.
 *
 * Segments that are named are not looked into: their own lint does that.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/lint.h"

#include <stdio.h>
#include <stdlib.h>
#include "segment/tree.h"

#define WORK_MAX 1000000u
#define QUOTED_BYTES_MAX 70 /* of another clause in a message */

typedef struct linter {
    const ast_tree *tree;
    const catalog *names;
    lint_world world;
    segment_diagnostics *notes;
    uint32_t work_left; /* pairs of values to compare */
} linter;

/* ---- notes ---- */

static ast_place place_of(const ast_node *node)
{
    const ast_place place = {node->offset, node->length};
    return place;
}

__attribute__((format(printf, 4, 5))) static muster_error *
warn(linter *l, ast_place place, const char *word, const char *format, ...)
{
    char line[512];
    va_list args;
    muster_error *note = tree_note(l->notes);
    if (note == NULL)
        return NULL;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    error_set(note, MUSTER_EEXPR, word, "%s", line);
    tree_place(l->tree, place, note);
    note->code = MUSTER_OK;
    return note;
}

/* Canonical text of a clause for a message, cut where it is long. */
static const char *quote(const ast_node *node, char *out, size_t size)
{
    buffer text;
    buffer_init(&text, MUSTER_SEGMENT_BYTES_MAX);
    segment_format(node, &text);
    muster_text t = text_make((const char *)text.data, text.len);
    const bool cut = t.len > QUOTED_BYTES_MAX;
    if (cut) {
        t.len = QUOTED_BYTES_MAX;
        t.len = text_utf8_prefix(t);
    }
    snprintf(out, size, "%.*s%s", (int)t.len, t.ptr, cut ? "..." : "");
    buffer_release(&text);
    return out;
}

/* Suggests `prefix` and the node's canonical text, if it is short enough. */
static void suggest_node(muster_error *note, const char *prefix,
                         const ast_node *node, const char *suffix)
{
    buffer text;
    if (note == NULL)
        return;
    buffer_init(&text, sizeof note->suggestion - 1);
    buffer_put_str(&text, prefix);
    segment_format(node, &text);
    buffer_put_str(&text, suffix);
    if (buffer_ok(&text))
        error_suggest(note, "%s", buffer_cstr(&text));
    buffer_release(&text);
}

/* ---- single conditions ---- */

/* Totals have decimals, so there the two are put side by side instead. */
static void suggest_at_most(linter *l, const ast_node *node, muster_error *note)
{
    const catalog_attribute *row =
        catalog_attribute_find(l->names, node->attribute);
    ast_node other = *node;
    if (node->measure == MEASURE_TOTAL) {
        buffer text;
        buffer_init(&text, sizeof note->suggestion);
        buffer_put_str(&text, " or not ");
        other.measure = MEASURE_NONE;
        other.quantity = QUANTITY_NONE;
        segment_format(&other, &text);
        buffer_put_u8(&text, ')');
        if (buffer_ok(&text))
            suggest_node(note, "(", node, buffer_cstr(&text));
        buffer_release(&text);
    } else if (node->measure == MEASURE_TIMES ||
               (row != NULL && node->n < (int64_t)row->retention_days)) {
        other.quantity = QUANTITY_AT_LEAST;
        other.n++;
        suggest_node(note, "not ", &other, "");
    }
}

static void check_at_most(linter *l, const ast_node *node)
{
    if (node->measure == MEASURE_NONE || node->quantity != QUANTITY_AT_MOST ||
        node->n == 0)
        return;
    muster_error *note =
        warn(l, place_of(node), "lint_at_most",
             "'at most %lld' leaves out who never did: it means 1 to %lld",
             (long long)node->n, (long long)node->n);
    if (note != NULL)
        suggest_at_most(l, node, note);
}

static void check_providers(linter *l, const ast_node *node)
{
    if (node->measure != MEASURE_TIMES && node->measure != MEASURE_TOTAL)
        return;
    const size_t count = lint_provider_count(node, &l->world);
    if (count > 1)
        warn(l, node->measure_place, "lint_several_providers",
             "counts of '%.*s' add up over %zu providers: one event that two "
             "of them report counts twice; 'from' picks one",
             (int)node->attribute.len, node->attribute.ptr, count);
}

static void check_retention(linter *l, const ast_node *node,
                            const catalog_attribute *row)
{
    const ast_window *w = &node->window;
    int64_t days = 0;
    if (row == NULL || row->kind != KIND_EVENT)
        return;
    if (w->type == WINDOW_DAYS)
        days = w->n;
    else if (w->type == WINDOW_HOURS)
        days = w->n / 24;
    else if (w->type != WINDOW_NONE && w->from.type == DATE_TODAY)
        days = 1 - (int64_t)w->from.offset;
    if (days > (int64_t)row->retention_days)
        warn(l, node->window_place, "window_beyond_retention",
             "'%s' is kept for %u days; the window reaches no further",
             row->name, row->retention_days);
}

static void check_days(linter *l, const ast_node *node)
{
    if (node->measure == MEASURE_DAYS && node->window.type == WINDOW_DAYS &&
        node->quantity != QUANTITY_AT_MOST && node->n > node->window.n)
        warn(l, place_of(node), "lint_contradiction",
             "there are no %lld days within %u days", (long long)node->n,
             node->window.n);
}

static int by_text(const void *a, const void *b)
{
    const ast_value *x = *(const ast_value *const *)a;
    const ast_value *y = *(const ast_value *const *)b;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    const int order = text_compare(x->text, y->text);
    if (order != 0)
        return order;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    if (x->date.offset != y->date.offset)
        return x->date.offset < y->date.offset ? -1 : 1;
    return (x > y) - (x < y); /* the order in which they stand */
}

static void check_list(linter *l, const ast_node *node)
{
    const uint32_t count = node->value_count;
    if (count < 2 || node->compare == COMPARE_BETWEEN)
        return;
    const ast_value **sorted = mem_array(count, sizeof(ast_value *));
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = &node->values[i];
    qsort(sorted, count, sizeof(ast_value *), by_text);
    for (uint32_t i = 1; i < count; i++) {
        if (!value_same(sorted[i - 1], sorted[i]))
            continue;
        const ast_place place = {sorted[i]->offset, sorted[i]->length};
        warn(l, place, "lint_duplicate", "the value stands twice in the list");
    }
    mem_free(sorted);
}

static void check_predicate(linter *l, const ast_node *node)
{
    const catalog_attribute *row =
        catalog_attribute_find(l->names, node->attribute);
    check_list(l, node);
    check_at_most(l, node);
    check_providers(l, node);
    check_days(l, node);
    check_retention(l, node, row);
}

static void check_quantity(linter *l, const ast_node *node)
{
    const uint32_t count = node->child_count;
    const bool most = node->quantity == QUANTITY_AT_MOST;
    if (!most && node->n > count)
        warn(l, place_of(node), "lint_contradiction",
             "%u expressions are listed, so %lld of them cannot hold", count,
             (long long)node->n);
    else if (most && node->n >= count)
        warn(l, place_of(node), "lint_tautology",
             "%u expressions are listed, so 'at most %lld' is always true",
             count, (long long)node->n);
    else if (node->quantity == QUANTITY_AT_LEAST && node->n == 0)
        warn(l, place_of(node), "lint_tautology",
             "'at least 0' is always true");
}

/* ---- chains: equal and opposite parts ---- */

/* A part of a chain: an expression, or the expression under its `not`. */
typedef struct part {
    uint64_t hash; /* of its canonical text */
    const ast_node *inner;
    const ast_node *whole;
    uint32_t index;
    bool negated;
} part;

static uint64_t hash_of(const ast_node *node, buffer *scratch)
{
    buffer_clear(scratch);
    segment_format(node, scratch);
    return hash_bytes(scratch->data, scratch->len);
}

static part *new_parts(const ast_node *chain)
{
    buffer scratch;
    buffer_init(&scratch, MUSTER_SEGMENT_BYTES_MAX);
    part *parts = mem_array(chain->child_count, sizeof *parts);
    for (uint32_t i = 0; i < chain->child_count; i++) {
        part *p = &parts[i];
        p->whole = p->inner = chain->children[i];
        p->index = i;
        while (p->inner->type == AST_NOT) {
            p->inner = p->inner->children[0];
            p->negated = !p->negated;
        }
        p->hash = hash_of(p->inner, &scratch);
    }
    buffer_release(&scratch);
    return parts;
}

static int by_hash(const void *a, const void *b)
{
    const part *x = a;
    const part *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static void warn_opposite(linter *l, const ast_node *chain,
                          const ast_node *first, const ast_node *second)
{
    char text[QUOTED_BYTES_MAX + 8];
    quote(first, text, sizeof text);
    if (chain->type == AST_AND)
        warn(l, place_of(second), "lint_contradiction",
             "nobody is in this and in '%s'", text);
    else
        warn(l, place_of(second), "lint_tautology",
             "everyone is in this or in '%s'", text);
}

/* Parts sorted by hash: equal ones stand together. */
static void check_equal(linter *l, const ast_node *chain, const part *parts)
{
    bool opposite = false; /* one is enough for a run */
    for (uint32_t i = 1; i < chain->child_count; i++) {
        const part *a = &parts[i - 1];
        const part *b = &parts[i];
        if (a->hash != b->hash || !segment_same(a->inner, b->inner)) {
            opposite = false;
        } else if (a->negated == b->negated) {
            warn(l, place_of(b->whole), "lint_duplicate",
                 "the same condition stands before in this '%s'",
                 chain->type == AST_AND ? "and" : "or");
        } else if (!opposite) {
            warn_opposite(l, chain, a->whole, b->whole);
            opposite = true;
        }
    }
}

/* ---- chains: literals on one attribute ---- */

static int by_attribute(const void *a, const void *b)
{
    const part *x = a;
    const part *y = b;
    const int order = text_compare(x->inner->attribute, y->inner->attribute);
    if (order != 0)
        return order;
    return (x->index > y->index) - (x->index < y->index);
}

/* Is everyone in literal a also in literal b? */
static bool follows(const part *a, const part *b, const catalog_attribute *row)
{
    if (!a->negated && !b->negated)
        return lint_implies(a->inner, b->inner, row);
    return a->negated && b->negated && lint_implies(b->inner, a->inner, row);
}

/* Does `and` of the two hold nobody (or `or` of them everyone)? */
static bool is_opposite(const linter *l, const ast_node *chain, const part *a,
                        const part *b, const catalog_attribute *row)
{
    const bool and = chain->type == AST_AND;
    if (a->negated != b->negated) {
        const part *yes = a->negated ? b : a;
        const part *no = a->negated ? a : b;
        return and? lint_implies(yes->inner, no->inner, row)
                  : lint_implies(no->inner, yes->inner, row);
    }
    if (a->negated)
        return false;
    if (and)
        return lint_excludes(a->inner, b->inner, row, &l->world);
    return source_same(a->inner, b->inner) &&
           a->inner->window.type == WINDOW_NONE &&
           b->inner->window.type == WINDOW_NONE &&
           ((a->inner->compare == COMPARE_KNOWN &&
             b->inner->compare == COMPARE_UNKNOWN) ||
            (a->inner->compare == COMPARE_UNKNOWN &&
             b->inner->compare == COMPARE_KNOWN));
}

static void warn_subsumed(linter *l, const ast_node *chain,
                          const ast_node *idle, const ast_node *other)
{
    char text[QUOTED_BYTES_MAX + 8];
    quote(other, text, sizeof text);
    warn(l, place_of(idle), "lint_subsumed",
         chain->type == AST_AND ? "adds nothing: it follows from '%s'"
                                : "adds nothing: it is part of '%s'",
         text);
}

static void check_pair(linter *l, const ast_node *chain, const part *a,
                       const part *b)
{
    const catalog_attribute *row =
        catalog_attribute_find(l->names, a->inner->attribute);
    if (segment_same(a->inner, b->inner))
        return; /* check_equal has it */
    if (is_opposite(l, chain, a, b, row)) {
        warn_opposite(l, chain, a->whole, b->whole);
        return;
    }
    /* The one that stands later is named, where both would do. */
    const bool and = chain->type == AST_AND;
    if (follows(and? a : b, and? b : a, row))
        warn_subsumed(l, chain, b->whole, a->whole);
    else if (follows(and? b : a, and? a : b, row))
        warn_subsumed(l, chain, a->whole, b->whole);
}

/* Takes what comparing the two may cost from what is left. */
static bool spend(linter *l, const ast_node *a, const ast_node *b)
{
    const uint64_t cost = 1 + (uint64_t)a->value_count * b->value_count;
    if (cost > l->work_left)
        return false;
    l->work_left -= (uint32_t)cost;
    return true;
}

static void check_literals(linter *l, const ast_node *chain, part *parts)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < chain->child_count; i++)
        if (parts[i].inner->type == AST_PREDICATE)
            parts[count++] = parts[i];
    qsort(parts, count, sizeof *parts, by_attribute);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = i + 1; k < count; k++) {
            const ast_node *a = parts[i].inner;
            const ast_node *b = parts[k].inner;
            if (!text_equal(a->attribute, b->attribute))
                break;
            if (spend(l, a, b))
                check_pair(l, chain, &parts[i], &parts[k]);
        }
}

/* ---- chains ---- */

static void check_parens(linter *l, const ast_node *chain)
{
    if (chain->type != AST_OR)
        return;
    for (uint32_t i = 0; i < chain->child_count; i++) {
        const ast_node *child = chain->children[i];
        if (child->type != AST_AND || child->parens)
            continue;
        suggest_node(warn(l, place_of(child), "lint_or_and",
                          "'and' binds tighter than the 'or' beside it; "
                          "parentheses would say so"),
                     "(", child, ")");
    }
}

/* `none` in an `and`, `all` in an `or`. */
static void check_constants(linter *l, const ast_node *chain)
{
    const bool and = chain->type == AST_AND;
    for (uint32_t i = 0; i < chain->child_count; i++) {
        const ast_node *child = chain->children[i];
        if (child->type == (and? AST_NONE : AST_ALL))
            warn(l, place_of(child),
                 and? "lint_contradiction" : "lint_tautology",
                 and? "'none' in an 'and' leaves nobody"
                    : "'all' in an 'or' takes everyone");
    }
}

static void check_chain(linter *l, const ast_node *chain)
{
    check_parens(l, chain);
    check_constants(l, chain);
    part *parts = new_parts(chain);
    qsort(parts, chain->child_count, sizeof *parts, by_hash);
    check_equal(l, chain, parts);
    check_literals(l, chain, parts);
    mem_free(parts);
}

/* ---- the whole ---- */

static uint32_t count_negative(const ast_node *node);

/* Does it only say who is not in it, so that unknown users are? */
static bool is_negative(const ast_node *node)
{
    const uint32_t negative = count_negative(node);
    switch (node->type) {
    case AST_NOT:
        return negative == 0 && node->children[0]->type != AST_ALL &&
               node->children[0]->type != AST_NONE;
    case AST_AND:
        return negative == node->child_count;
    case AST_OR:
        return negative > 0;
    case AST_QUANTITY:
        if (node->quantity == QUANTITY_AT_LEAST)
            return node->n > 0 && negative >= node->n;
        return node->quantity == QUANTITY_AT_MOST || node->n == 0;
    case AST_PREDICATE:
        return node->compare == COMPARE_UNKNOWN;
    default:
        return false;
    }
}

static uint32_t count_negative(const ast_node *node)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < node->child_count; i++)
        count += is_negative(node->children[i]);
    return count;
}

static void check_root(linter *l, const ast_node *root)
{
    if (!is_negative(root))
        return;
    muster_error *note =
        warn(l, place_of(root), "lint_unbounded_not",
             "this is everyone but a few: it grows with each new user; "
             "'all and' in front would say that it is meant");
    const bool parens = root->type == AST_OR;
    suggest_node(note, parens ? "all and (" : "all and ", root,
                 parens ? ")" : "");
}

static void check_node(linter *l, const ast_node *node)
{
    if (node->type == AST_AND || node->type == AST_OR)
        check_chain(l, node);
    else if (node->type == AST_QUANTITY)
        check_quantity(l, node);
    else if (node->type == AST_PREDICATE)
        check_predicate(l, node);
    for (uint32_t i = 0; i < node->child_count; i++)
        check_node(l, node->children[i]);
}

void segment_lint(const ast_tree *tree, const catalog *names,
                  const index_stack *facts, segment_diagnostics *notes)
{
    ASSERT(tree != NULL && names != NULL && notes != NULL);
    linter l = {tree, names, {names, facts}, notes, WORK_MAX};
    check_root(&l, segment_root(tree));
    check_node(&l, segment_root(tree));
}
