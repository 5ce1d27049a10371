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
#include "index/index.h"
#include "segment/ast.h"

/* What lint knows beyond the tree. */
typedef struct lint_world {
    const catalog *names;
    const index_stack *facts; /* NULL: not at hand */
} lint_world;

/* Both are cautious: false means "not seen to". Two conditions on the same
 * attribute; `row` is its definition, or NULL while unknown. */

/* Is everyone in a also in b? */
bool lint_implies(const ast_node *a, const ast_node *b,
                  const catalog_attribute *row);
/* Can nobody be in both? */
bool lint_excludes(const ast_node *a, const ast_node *b,
                   const catalog_attribute *row, const lint_world *world);

/* How many providers that `from` admits speak of the attribute (all of them
 * where there are no facts to look at). */
size_t lint_provider_count(const ast_node *node, const lint_world *world);

#endif
