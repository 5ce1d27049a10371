/*
 * catalog_taxonomy_fuzz.c - taxonomy files: what is refused says where and
 * leaves nothing behind; what is taken is a tree whose nodes are found by id
 * and by path, and is the same when it is put back node by node.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_nodes(const catalog_taxonomy *t)
{
    for (uint32_t i = 0; i < t->node_count; i++) {
        const taxonomy_node *n = &t->nodes[i];
        ASSERT(n->end > i && n->end <= t->node_count);
        ASSERT(n->parent == CATALOG_NONE ||
               (n->parent < i && n->end <= t->nodes[n->parent].end));
        ASSERT(taxonomy_find(t, text_of(n->id)) == i);
        ASSERT(text_is_utf8(text_of(n->path)));
        /* a path may look like another node's id, which is found first */
        ASSERT(taxonomy_find(t, text_of(n->path)) != CATALOG_NONE);
    }
}

static void check_restored(const catalog_taxonomy *t)
{
    catalog *c = catalog_new();
    ASSERT(catalog_restore_taxonomy(c, t, NULL) == 0);
    const catalog_taxonomy *u = catalog_taxonomy_get(c);
    ASSERT(u->node_count == t->node_count);
    for (uint32_t i = 0; i < t->node_count; i++)
        ASSERT(strcmp(u->nodes[i].id, t->nodes[i].id) == 0 &&
               strcmp(u->nodes[i].path, t->nodes[i].path) == 0 &&
               u->nodes[i].end == t->nodes[i].end);
    catalog_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    catalog *c = catalog_new();
    muster_error err;
    error_clear(&err);
    const int rc = catalog_taxonomy_load(
        c, text_of("fuzz"), 4, text_make((const char *)data, size), &err);
    const catalog_taxonomy *t = catalog_taxonomy_get(c);
    ASSERT((rc == 0) == (t != NULL));
    if (rc == 0) {
        check_nodes(t);
        check_restored(t);
    } else {
        ASSERT(err.code == rc && err.word[0] != '\0');
    }
    catalog_free(c);
    return 0;
}
