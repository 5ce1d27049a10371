/*
 * refer.c - what an expression refers to: saved segments, and the node of the
 * taxonomy that it carries.
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

static const ast_node *carrying(const ast_node *node)
{
    if (node->type == AST_TAXONOMY)
        return node;
    for (uint32_t i = 0; node->type == AST_AND && i < node->child_count; i++)
        if (node->children[i]->type == AST_TAXONOMY)
            return node->children[i];
    return NULL;
}

muster_text segment_carries(muster_text expr, arena *memory)
{
    ast_tree *tree;
    muster_text node = text_make(NULL, 0);

    if (!text_contains_nocase(expr, text_of("taxonomy")) ||
        segment_parse(&tree, expr, NULL) != 0)
        return node;
    const ast_node *found = carrying(tree->root);
    if (found)
        node = text_make(
            arena_strndup(memory, found->text.ptr, found->text.len),
            found->text.len);
    segment_tree_free(tree);
    return node;
}
