/*
 * ast_json_write.c - a tree as JSON, in the form that ast_json.c describes.
 *
 * A chain of `and` in `or` in `and` takes two levels of JSON for each of its
 * own: what a writer cannot nest, nor a reader would take back, is written as
 * {"expr":"text"}. Finding out costs a walk of the part for each of its
 * levels.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include "segment/ast_json.h"
#include "segment/tree.h"

static void put_date(json_writer *out, const ast_date *date)
{
    buffer text;
    buffer_init(&text, 64);
    date_format(date, &text);
    muster_text t = text_of(buffer_cstr(&text));
    if (t.len > 2 && t.ptr[0] == '"') /* a fixed date, without its quotes */
        t = text_make(t.ptr + 1, t.len - 2);
    json_put_text(out, t);
    buffer_release(&text);
}

static void put_value(json_writer *out, const ast_value *value)
{
    switch (value->type) {
    case VALUE_STRING:
        json_put_text(out, value->text);
        return;
    case VALUE_NUMBER:
        json_put_scaled(out, value->number);
        return;
    case VALUE_DATE:
        json_open_object(out);
        json_key(out, "date");
        put_date(out, &value->date);
        json_close(out);
        return;
    }
}

static const ast_json_op *op_of(ast_compare compare)
{
    for (size_t i = 0; ast_json_ops[i].name != NULL; i++)
        if (ast_json_ops[i].compare == compare)
            return &ast_json_ops[i];
    ASSERT(!"every comparison has a row");
    return NULL;
}

static void put_compare(json_writer *out, const ast_node *node)
{
    if (node->compare == COMPARE_NONE)
        return;
    const ast_json_op *op = op_of(node->compare);
    json_key(out, "op");
    json_put_str(out, op->name);
    if (op->wants == WANTS_NONE)
        return;
    json_key(out, "value");
    const bool list = op->wants == WANTS_LIST || op->wants == WANTS_RANGE;
    if (list)
        json_open_array(out);
    for (uint32_t i = 0; i < node->value_count; i++)
        put_value(out, &node->values[i]);
    if (list)
        json_close(out);
}

static void put_quantity(json_writer *out, const ast_node *node)
{
    ASSERT(node->quantity != QUANTITY_NONE);
    json_key(out, ast_json_quantities[node->quantity]);
    json_put_int(out, node->n);
}

static void put_window(json_writer *out, const ast_window *window)
{
    const bool hours = window->type == WINDOW_HOURS;
    const uint32_t n = window->weeks ? window->n / 7 : window->n;
    char text[32];
    switch (window->type) {
    case WINDOW_NONE:
        return;
    case WINDOW_HOURS:
    case WINDOW_DAYS:
        snprintf(text, sizeof text, "%u %s%s", n,
                 hours           ? "hour"
                 : window->weeks ? "week"
                                 : "day",
                 n == 1 ? "" : "s");
        json_key(out, "within");
        json_put_str(out, text);
        return;
    case WINDOW_SINCE:
        json_key(out, "since");
        put_date(out, &window->from);
        return;
    case WINDOW_BETWEEN:
        json_key(out, "between");
        json_open_array(out);
        put_date(out, &window->from);
        put_date(out, &window->to);
        json_close(out);
        return;
    }
}

static void put_source(json_writer *out, const ast_node *node)
{
    if (node->source == SOURCE_ANY)
        return;
    json_key(out, "from");
    if (node->source == SOURCE_PROVIDER) {
        json_put_text(out, node->provider);
        return;
    }
    ASSERT(node->party >= 1 && node->party <= 3);
    json_open_object(out);
    json_key(out, "party");
    json_put_str(out, ast_json_parties[node->party]);
    json_close(out);
}

static void put_condition(json_writer *out, const ast_node *node)
{
    json_key(out, "attr");
    json_put_text(out, node->attribute);
    put_compare(out, node);
    if (node->measure != MEASURE_NONE) {
        json_key(out, ast_json_measures[node->measure]);
        json_open_object(out);
        put_quantity(out, node);
        json_close(out);
    }
    put_window(out, &node->window);
    put_source(out, node);
}

/* Levels of objects and arrays that a node takes. */
static int levels(const ast_node *node)
{
    int deepest = 0;
    if (node->type == AST_PREDICATE)
        return 3; /* {"value":[{"date":..}]} */
    for (uint32_t i = 0; i < node->child_count; i++) {
        const int inner = levels(node->children[i]);
        deepest = inner > deepest ? inner : deepest;
    }
    return deepest + (node->type == AST_NOT ? 1 : 2);
}

static void put_as_text(json_writer *out, const ast_node *node)
{
    buffer text;
    buffer_init(&text, MUSTER_SEGMENT_BYTES_MAX);
    segment_format(node, &text);
    ASSERT(buffer_ok(&text)); /* tree.h, invariant 3 */
    json_key(out, "expr");
    json_put_text(out, text_make((const char *)text.data, text.len));
    buffer_release(&text);
}

static void put_children(json_writer *out, const char *key,
                         const ast_node *node)
{
    json_key(out, key);
    json_open_array(out);
    for (uint32_t i = 0; i < node->child_count; i++)
        segment_to_json(node->children[i], out);
    json_close(out);
}

static void put_members(json_writer *out, const ast_node *node)
{
    switch (node->type) {
    case AST_ALL:
    case AST_NONE:
        json_key(out, node->type == AST_ALL ? "all" : "none");
        json_put_bool(out, true);
        return;
    case AST_AND:
        put_children(out, "and", node);
        return;
    case AST_OR:
        put_children(out, "or", node);
        return;
    case AST_NOT:
        json_key(out, "not");
        segment_to_json(node->children[0], out);
        return;
    case AST_QUANTITY:
        put_quantity(out, node);
        put_children(out, "of", node);
        return;
    case AST_SEGMENT:
    case AST_TAXONOMY:
        json_key(out, node->type == AST_SEGMENT ? "segment" : "taxonomy");
        json_put_text(out, node->text);
        return;
    case AST_SPLIT:
        json_key(out, "split");
        json_put_text(out, node->text);
        json_key(out, "from");
        json_put_int(out, node->split_from);
        json_key(out, "to");
        json_put_int(out, node->split_to);
        return;
    case AST_PREDICATE:
        put_condition(out, node);
        return;
    }
}

void segment_to_json(const ast_node *node, json_writer *out)
{
    ASSERT(node != NULL && out != NULL);
    json_open_object(out);
    if (node->child_count > 0 && out->depth + levels(node) > JSON_DEPTH_MAX)
        put_as_text(out, node);
    else
        put_members(out, node);
    json_close(out);
}
