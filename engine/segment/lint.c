/*
 * lint.c - warnings about a tree.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/segment.h"

void segment_lint(const ast_tree *tree, const catalog *names,
                  segment_diagnostics *notes)
{
    ASSERT(tree != NULL && names != NULL && notes != NULL);
}
