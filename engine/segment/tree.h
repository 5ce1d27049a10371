/*
 * tree.h - making an ast_tree: shared by the parser and the JSON reader, so
 * that text and JSON of one meaning give one tree.
 *
 * Invariants of a finished tree: (1) no AND is a child of an AND, no OR of an
 * OR, and both have at least two children; (2) it has at most
 * MUSTER_SEGMENT_NODES_MAX nodes, and no path has more than
 * MUSTER_SEGMENT_DEPTH_MAX nodes with children; (3) its canonical text fits
 * in MUSTER_SEGMENT_BYTES_MAX and parses back to the same tree; (4) a
 * `between` of dates is always a window without a comparison: only bind knows
 * that the attribute is a number.
 *
 * Private to room segment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SEGMENT_TREE_H
#define SEGMENT_TREE_H

#include "segment/ast.h"
#include "segment/segment.h"

/* Whole numbers in expressions (quantities, windows) stay below this. */
#define TREE_INT_LIMIT ((int64_t)1 << MUSTER_NUMBER_BITS)
/* today +- this many days: 273 years, so every result is a date. */
#define TREE_TODAY_OFFSET_MAX 100000

/* With a copy of the source. */
ast_tree *tree_new(muster_text source);
/* A node of the tree, counted. Whoever adds asks tree_is_full first. */
ast_node *tree_node(ast_tree *tree, ast_type type);
bool tree_is_full(const ast_tree *tree);

/* Growing lists in the tree's memory. */
typedef struct node_list {
    ast_node **items;
    uint32_t count;
    uint32_t capacity;
} node_list;
void node_list_add(ast_tree *tree, node_list *list, ast_node *node);

typedef struct value_list {
    ast_value *items;
    uint32_t count;
    uint32_t capacity;
} value_list;
ast_value *value_list_add(ast_tree *tree, value_list *list);

/* AST_AND or AST_OR of the list: children of the same type are taken in
 * flat, a single child stands for itself. NULL when the tree is full. */
ast_node *tree_group(ast_tree *tree, ast_type type, const node_list *list);

/* Checks invariants (2) and (3) once `root` is set: 0 or MUSTER_EEXPR with
 * expr_depth or expr_bytes. */
int tree_check(const ast_tree *tree, muster_error *err);

/* "2026-11-21" or RFC 3339. */
bool tree_parse_date(muster_text text, ast_date *out);
bool date_same(const ast_date *a, const ast_date *b);

/* Notes beyond these are not kept: nobody reads them. */
#define TREE_NOTES_MAX 200
/* A new warning in the notes, still empty; NULL when none are wanted or they
 * are full. */
muster_error *tree_note(segment_diagnostics *notes);
/* Places an error in the tree's source; nothing for a tree from JSON. */
void tree_place(const ast_tree *tree, ast_place place, muster_error *err);
bool source_same(const ast_node *a, const ast_node *b);
bool window_same(const ast_window *a, const ast_window *b);
bool value_same(const ast_value *a, const ast_value *b);

/* Parses a text as a part of a tree that is being made (parser.c); places
 * are those of a tree without source, 0. NULL with an error. */
ast_node *tree_parse_part(ast_tree *tree, muster_text text, muster_error *err);

/* A value, a date as canonical text (format.c). */
void value_format(const ast_value *value, buffer *out);
void date_format(const ast_date *date, buffer *out);
/* " within 30 days": with a leading blank; nothing for WINDOW_NONE. */
void window_format(const ast_window *window, buffer *out);

#endif
