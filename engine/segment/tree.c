/*
 * tree.c - making, checking, comparing and freeing an ast_tree.
 *
 * All nodes, lists and texts are in the tree's arena; growing a list leaves
 * its former memory behind, at most as much as the list itself.
 *
 * Recursion goes as deep as the tree, which tree_check has bounded: before it
 * has run, by what parser and JSON reader admit (two levels for each of
 * MUSTER_SEGMENT_DEPTH_MAX parentheses, or JSON_DEPTH_MAX).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/tree.h"

/* Text shorter than this cannot grow beyond the limit when it is made
 * canonical: `a=1or b` gains less than two blanks for each of its bytes. */
#define BYTES_SURELY_FINE (MUSTER_SEGMENT_BYTES_MAX / 4)

ast_tree *tree_new(muster_text source)
{
    ASSERT(source.len <= MUSTER_SEGMENT_BYTES_MAX);
    ast_tree *tree = mem_zalloc(sizeof *tree);
    arena_init(&tree->memory);
    tree->source = arena_strndup(&tree->memory, source.ptr, source.len);
    tree->source_len = source.len;
    return tree;
}

void segment_tree_free(ast_tree *tree)
{
    if (tree == NULL)
        return;
    arena_release(&tree->memory);
    mem_free(tree);
}

const ast_node *segment_root(const ast_tree *tree)
{
    ASSERT(tree != NULL && tree->root != NULL);
    return tree->root;
}

bool tree_is_full(const ast_tree *tree)
{
    return tree->node_count >= MUSTER_SEGMENT_NODES_MAX;
}

ast_node *tree_node(ast_tree *tree, ast_type type)
{
    ASSERT(!tree_is_full(tree));
    ast_node *node = arena_zalloc(&tree->memory, sizeof *node);
    node->type = type;
    node->attribute = node->provider = node->text = text_make("", 0);
    tree->node_count++;
    return node;
}

/* Twice the room for a list of `count` items of `size` bytes. */
static void *grow(ast_tree *tree, const void *items, uint32_t count,
                  uint32_t *capacity, size_t size)
{
    *capacity = *capacity == 0 ? 4 : *capacity * 2;
    ASSERT(*capacity > count);
    void *larger = arena_zalloc(&tree->memory, *capacity * size);
    if (count > 0)
        memcpy(larger, items, count * size);
    return larger;
}

void node_list_add(ast_tree *tree, node_list *list, ast_node *node)
{
    ASSERT(node != NULL);
    if (list->count == list->capacity)
        list->items = grow(tree, list->items, list->count, &list->capacity,
                           sizeof *list->items);
    list->items[list->count++] = node;
}

ast_value *value_list_add(ast_tree *tree, value_list *list)
{
    if (list->count == list->capacity)
        list->items = grow(tree, list->items, list->count, &list->capacity,
                           sizeof *list->items);
    ast_value *value = &list->items[list->count++];
    value->text = text_make("", 0);
    return value;
}

ast_node *tree_group(ast_tree *tree, ast_type type, const node_list *list)
{
    ASSERT((type == AST_AND || type == AST_OR) && list->count > 0);
    if (list->count == 1)
        return list->items[0];
    node_list flat = {0};
    for (uint32_t i = 0; i < list->count; i++) {
        ast_node *child = list->items[i];
        if (child->type != type) {
            node_list_add(tree, &flat, child);
            continue;
        }
        for (uint32_t k = 0; k < child->child_count; k++)
            node_list_add(tree, &flat, child->children[k]);
        ASSERT(tree->node_count > 0);
        tree->node_count--; /* it is gone */
    }
    if (tree_is_full(tree))
        return NULL;
    ast_node *node = tree_node(tree, type);
    node->children = flat.items;
    node->child_count = flat.count;
    return node;
}

/* ---- checks ---- */

/* The first node with children that has MUSTER_SEGMENT_DEPTH_MAX of them
 * above it; NULL when there is none. */
static const ast_node *find_too_deep(const ast_node *node, uint32_t above)
{
    if (node->child_count == 0)
        return NULL;
    if (above == MUSTER_SEGMENT_DEPTH_MAX)
        return node;
    for (uint32_t i = 0; i < node->child_count; i++) {
        const ast_node *deep = find_too_deep(node->children[i], above + 1);
        if (deep != NULL)
            return deep;
    }
    return NULL;
}

int tree_check(const ast_tree *tree, muster_error *err)
{
    const ast_node *deep = find_too_deep(segment_root(tree), 0);
    if (deep != NULL) {
        error_set(err, MUSTER_EEXPR, "expr_depth",
                  "the expression is nested deeper than %u levels",
                  MUSTER_SEGMENT_DEPTH_MAX);
        tree_place(tree, (ast_place){deep->offset, deep->length}, err);
        return MUSTER_EEXPR;
    }
    if (tree->source_len > 0 && tree->source_len <= BYTES_SURELY_FINE)
        return 0;
    buffer text;
    buffer_init(&text, MUSTER_SEGMENT_BYTES_MAX);
    segment_format(tree->root, &text);
    const bool fits = buffer_ok(&text);
    buffer_release(&text);
    if (fits)
        return 0;
    return error_set(err, MUSTER_EEXPR, "expr_bytes",
                     "the expression in its canonical form is longer than %u "
                     "bytes",
                     MUSTER_SEGMENT_BYTES_MAX);
}

bool tree_parse_date(muster_text text, ast_date *out)
{
    ast_date date = {.type = DATE_DAY};
    if (!clock_parse_date(text, &date.day)) {
        date.type = DATE_TIME;
        if (!clock_parse_time(text, &date.time))
            return false;
    }
    *out = date;
    return true;
}

/* ---- notes ---- */

muster_error *tree_note(segment_diagnostics *notes)
{
    if (notes == NULL || notes->count >= TREE_NOTES_MAX)
        return NULL;
    mem_grow(&notes->items, &notes->capacity, notes->count + 1,
             sizeof *notes->items);
    segment_diagnostic *note = &notes->items[notes->count++];
    memset(note, 0, sizeof *note);
    return &note->detail;
}

void tree_place(const ast_tree *tree, ast_place place, muster_error *err)
{
    if (tree->source_len > 0)
        error_place(err, tree->source, tree->source_len, place.offset,
                    place.length);
}

void segment_diagnostics_release(segment_diagnostics *d)
{
    mem_free(d->items);
    memset(d, 0, sizeof *d);
}

/* ---- sameness ---- */

bool date_same(const ast_date *a, const ast_date *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case DATE_DAY:
        return a->day == b->day;
    case DATE_TIME:
        return a->time == b->time;
    case DATE_TODAY:
        return a->offset == b->offset;
    }
    return false;
}

bool value_same(const ast_value *a, const ast_value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case VALUE_STRING:
        return text_equal(a->text, b->text);
    case VALUE_NUMBER:
        return a->number == b->number;
    case VALUE_DATE:
        return date_same(&a->date, &b->date);
    }
    return false;
}

bool window_same(const ast_window *a, const ast_window *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case WINDOW_NONE:
        return true;
    case WINDOW_HOURS:
    case WINDOW_DAYS:
        return a->n == b->n;
    case WINDOW_SINCE:
        return date_same(&a->from, &b->from);
    case WINDOW_BETWEEN:
        return date_same(&a->from, &b->from) && date_same(&a->to, &b->to);
    }
    return false;
}

bool source_same(const ast_node *a, const ast_node *b)
{
    if (a->source != b->source)
        return false;
    if (a->source == SOURCE_PROVIDER)
        return text_equal(a->provider, b->provider);
    return a->source != SOURCE_PARTY || a->party == b->party;
}

static bool same_predicate(const ast_node *a, const ast_node *b)
{
    if (!text_equal(a->attribute, b->attribute) || a->compare != b->compare ||
        a->value_count != b->value_count || a->measure != b->measure ||
        !window_same(&a->window, &b->window) || !source_same(a, b))
        return false;
    for (uint32_t i = 0; i < a->value_count; i++)
        if (!value_same(&a->values[i], &b->values[i]))
            return false;
    return true;
}

bool segment_same(const ast_node *a, const ast_node *b)
{
    if (a->type != b->type || a->quantity != b->quantity ||
        (a->quantity != QUANTITY_NONE && a->n != b->n) ||
        !text_equal(a->text, b->text) || a->child_count != b->child_count)
        return false;
    if (a->type == AST_SPLIT &&
        (a->split_from != b->split_from || a->split_to != b->split_to))
        return false;
    if (a->type == AST_PREDICATE && !same_predicate(a, b))
        return false;
    for (uint32_t i = 0; i < a->child_count; i++)
        if (!segment_same(a->children[i], b->children[i]))
            return false;
    return true;
}
