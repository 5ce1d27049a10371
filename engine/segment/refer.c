/*
 * refer.c - does an expression refer to a saved segment?
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/ast.h"
#include "segment/segment.h"

static bool node_refers(const ast_node *node, muster_text key)
{
    if (node->type == AST_SEGMENT && text_equal(node->text, key))
        return true;
    for (uint32_t i = 0; i < node->child_count; i++)
        if (node_refers(node->children[i], key))
            return true;
    return false;
}

bool segment_refers(const ast_tree *tree, muster_text key)
{
    return node_refers(tree->root, key);
}
