/*
 * ast_json.h - the words of the JSON form: what ast_json.c reads and
 * ast_json_write.c writes. The form itself is described in ast_json.c.
 *
 * Private to room segment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SEGMENT_AST_JSON_H
#define SEGMENT_AST_JSON_H

#include "segment/ast.h"

typedef enum ast_json_wants {
    WANTS_NONE,
    WANTS_VALUE,
    WANTS_SCALAR,
    WANTS_TEXT,
    WANTS_LIST,
    WANTS_RANGE
} ast_json_wants;

/* X(name, comparison, what its "value" is) */
#define AST_JSON_OP_MAP(X)                                                     \
    X("=", COMPARE_EQ, WANTS_VALUE)                                            \
    X("!=", COMPARE_NE, WANTS_VALUE)                                           \
    X("in", COMPARE_IN, WANTS_LIST)                                            \
    X("not in", COMPARE_NOT_IN, WANTS_LIST)                                    \
    X("<", COMPARE_LT, WANTS_SCALAR)                                           \
    X("<=", COMPARE_LE, WANTS_SCALAR)                                          \
    X(">", COMPARE_GT, WANTS_SCALAR)                                           \
    X(">=", COMPARE_GE, WANTS_SCALAR)                                          \
    X("between", COMPARE_BETWEEN, WANTS_RANGE)                                 \
    X("has all", COMPARE_HAS_ALL, WANTS_LIST)                                  \
    X("is known", COMPARE_KNOWN, WANTS_NONE)                                   \
    X("is unknown", COMPARE_UNKNOWN, WANTS_NONE)                               \
    X("starts with", COMPARE_STARTS_WITH, WANTS_TEXT)                          \
    X("contains", COMPARE_CONTAINS, WANTS_TEXT)

typedef struct ast_json_op {
    const char *name;
    ast_compare compare;
    ast_json_wants wants;
} ast_json_op;

/* Ended by a row without a name. */
extern const ast_json_op ast_json_ops[];
/* By ast_quantity, ast_measure and party; the first of each is unused. */
extern const char *const ast_json_quantities[];
extern const char *const ast_json_measures[];
extern const char *const ast_json_parties[];

#endif
