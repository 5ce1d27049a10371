/*
 * tape.c - walking over nodes that a fast reader has laid down.
 *
 * A map or list is followed by its content, of a map key and value in turn;
 * its own node holds the number of members (len) and where the content ends
 * (as.node). A text's node holds the text, as does that of a number that is
 * not converted yet; other values are in their node.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/tape.h"

void tape_release(tape *t)
{
    mem_free(t->nodes);
    memset(t, 0, sizeof *t);
}

tree_iter tape_walk(const tree_node *node)
{
    const tree_value *v = tape_at(node);
    return (tree_iter){
        .cursor = tape_node(v + 1),
        .left = v->len,
        .object = v->kind == TREE_MAP,
    };
}

bool tape_next(tree_iter *it)
{
    if (it->left == 0)
        return false;
    it->left--;
    const tree_value *v = tape_at(it->cursor);
    if (it->object) {
        it->key.ptr = v->as.ptr;
        it->key.len = v->len;
        v++;
    }
    it->value = tape_node(v);
    it->cursor = v->kind == TREE_MAP || v->kind == TREE_LIST ? v->as.node
                                                             : tape_node(v + 1);
    return true;
}

tree_value tape_value(const tree_node *node)
{
    tree_value v = *tape_at(node);
    if (v.kind == TREE_MAP || v.kind == TREE_LIST || v.kind == TREE_NUMBER)
        v.as.node = node;
    return v;
}

muster_text tape_digits(const tree_node *node)
{
    return tree_text(*tape_at(node));
}
