/*
 * lint.h - what the files of lint share.
 *
 *   lint.c         the walk over a tree and its warnings
 *   lint_logic.c   which conditions follow from, or exclude, each other
 *
 * Private to room segment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SEGMENT_LINT_H
#define SEGMENT_LINT_H

#include "catalog/catalog.h"
#include "segment/ast.h"

/* Both are cautious: false means "not seen to". Two conditions on the same
 * attribute; `row` is its definition, or NULL while unknown. */

/* Is everyone in a also in b? */
bool lint_implies(const ast_node *a, const ast_node *b,
                  const catalog_attribute *row);
/* Can nobody be in both? */
bool lint_excludes(const ast_node *a, const ast_node *b,
                   const catalog_attribute *row, const catalog *names);

/* How many providers `from` admits. */
size_t lint_provider_count(const ast_node *node, const catalog *names);

#endif
