/*
 * segment.h - the door of room `segment`: text to plan, plan to answers.
 *
 *   lexer.c     text to tokens
 *   parser.c    tokens to ast (ast.h)
 *   format.c    ast to canonical text
 *   ast_json.c  ast to JSON and back
 *   bind.c      ast + catalog + scope to plan (plan.h)
 *   lint.c      warnings
 *   eval.c      plan + epoch to count, set, decision (eval.h)
 *   explain.c   why a user is in or out
 */
#ifndef SEGMENT_SEGMENT_H
#define SEGMENT_SEGMENT_H

#include "catalog/catalog.h"
#include "identity/identity.h"
#include "privacy/privacy.h"

typedef struct ast_tree ast_tree;
typedef struct ast_node ast_node;
typedef struct plan plan;

/* ---- text and JSON ---- */

/* Parses; errors are MUSTER_EEXPR with place, what was expected, and a
 * suggestion. Words: expr_syntax, expr_string, expr_number, expr_date,
 * expr_depth, expr_nodes, expr_bytes, bad_utf8. */
int segment_parse(ast_tree **out, muster_text text, muster_error *err);
/* The JSON AST (LANGUAGE.md "Errors and lint"). Errors name the pointer. */
int segment_from_json(ast_tree **out, const json_value *json,
                      muster_error *err);
void segment_to_json(const ast_node *node, json_writer *out);
/* Canonical text: parses back to the same tree. */
void segment_format(const ast_node *node, buffer *out);
const ast_node *segment_root(const ast_tree *tree);
void segment_tree_free(ast_tree *tree);
bool segment_same(const ast_node *a, const ast_node *b); /* by meaning of
    the written tree: places and parentheses do not count */

/* ---- diagnostics ---- */

typedef struct segment_diagnostic {
    bool error;            /* else warning */
    muster_error detail;   /* word, place, message, suggestion */
} segment_diagnostic;
typedef struct segment_diagnostics {
    segment_diagnostic *items;
    size_t count;
    size_t capacity;
} segment_diagnostics;
void segment_diagnostics_release(segment_diagnostics *d);
/* The line of `text` that holds the error's place, indented by two, and under
 * it the caret with the suggestion, each ended by a newline; nothing when the
 * error has no place. Columns are code points; tabs stay tabs. Long lines are
 * cut around the place. */
void segment_error_caret(const muster_error *err, muster_text text,
                         buffer *out);

/* ---- bind ---- */

typedef struct segment_binding {
    const catalog *names;
    const scope *viewer;          /* never NULL: asserted */
    const identity_key *key;      /* for split */
    /* The expression of a segment by key; NULL ptr when there is none. */
    muster_text (*find)(void *payload, muster_text key);
    /* Offers every segment key, for suggestions. */
    void (*keys)(void *payload, near_name *near);
    void *payload;
    muster_text self;             /* key being saved: a cycle through it is
                                     an error; ptr NULL when none */
} segment_binding;

/* Takes the tree (also on failure). Warnings (unknown value with the nearest
 * one) and lint go to `notes` (may be NULL). Error words: unknown_attribute,
 * unknown_provider, unknown_segment, unknown_taxonomy, segment_cycle,
 * bad_combination, bad_value, above_cap, at_most_zero, ... */
int segment_bind(plan **out, ast_tree *take_tree,
                 const segment_binding *binding, segment_diagnostics *notes,
                 muster_error *err);
void segment_plan_free(plan *p);
/* Warnings about a tree, catalog given. */
void segment_lint(const ast_tree *tree, const catalog *names,
                  segment_diagnostics *notes);

#endif
