/*
 * on_taxonomy.c - the tree of nodes that others know by id, and what is mapped
 * to them: /v1/taxonomy and /v1/taxonomy/mappings.
 *
 * A node is named by its id or its path. PUT of the mappings sets those of an
 * attribute, or of one value of it, as a whole; no nodes end them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <string.h>
#include "http/ask.h"
#include "http/shapes.h"

#define LEVELS_DEFAULT 1u

/* ?node=, or NULL. */
static const char *node_of(http_request *r)
{
    muster_text node;
    if (!request_query(r, "node", &node))
        return NULL;
    return arena_strndup(&r->texts, node.ptr, node.len);
}

/* ---- the tree ---- */

static int put_node(void *payload, const muster_taxonomy_node *n)
{
    json_writer *w = payload;
    json_open_object(w);
    shape_put_str(w, "id", n->id);
    shape_put_word(w, "parent", n->parent);
    shape_put_str(w, "path", n->path);
    shape_put_word(w, "note", n->note);
    shape_put_uint(w, "depth", n->depth);
    shape_put_uint(w, "below", n->below);
    shape_put_uint(w, "mappings", n->mappings);
    json_close(w);
    return 0;
}

static void put_about(json_writer *w, http_request *r)
{
    muster_taxonomy about;
    muster_taxonomy_about(r->engine, &about);
    shape_put_word(w, "name", about.name);
    shape_put_uint(w, "segtax", about.segtax);
    shape_put_uint(w, "nodes", about.nodes);
    shape_put_uint(w, "mappings", about.mappings);
}

void on_taxonomy_show(http_request *r, http_answer *a)
{
    const char *node = node_of(r);
    uint64_t levels = 0;
    muster_error err;
    if (!request_number(r, "levels", 0, MUSTER_TAXONOMY_DEPTH_MAX,
                        LEVELS_DEFAULT, &levels, a))
        return;
    json_writer *w = answer_json(a, 200);
    json_open_object(w);
    put_about(w, r);
    json_key(w, "data");
    json_open_array(w);
    if (muster_taxonomy_each(r->engine, node, (uint32_t)levels, put_node, w,
                             &err) != 0) {
        answer_error(a, &err, "");
        return;
    }
    json_close(w);
    shape_put_state(w, r->engine);
    json_close(w);
}

static void load_taxonomy(ask *q)
{
    http_request *r = q->r;
    uint64_t segtax = 0;
    const char *name = NULL;
    const char *file = NULL;
    muster_error err;
    if (!ask_text(q, "name", true, &name) ||
        !ask_number(q, "segtax", 0, INT32_MAX, &segtax) ||
        !ask_text(q, "file", true, &file))
        return;
    if (muster_taxonomy_load(r->engine, name, (uint32_t)segtax, file,
                             strlen(file), &err) != 0) {
        answer_error(q->a, &err, "/file");
        return;
    }
    json_writer *w = answer_json(q->a, 200);
    json_open_object(w);
    put_about(w, r);
    shape_put_state(w, r->engine);
    json_close(w);
}

void on_taxonomy_put(http_request *r, http_answer *a)
{
    ask q;
    if (ask_open(&q, r, "name segtax file", a))
        load_taxonomy(&q);
    ask_close(&q);
}

/* ---- mappings ---- */

static int put_mapping(void *payload, const muster_mapping *m)
{
    json_writer *w = payload;
    json_open_object(w);
    shape_put_str(w, "attribute", m->attribute);
    shape_put_word(w, "value", m->value);
    shape_put_str(w, "node", m->node);
    shape_put_str(w, "path", m->path);
    json_close(w);
    return 0;
}

void on_mappings_list(http_request *r, http_answer *a)
{
    const char *node = node_of(r);
    muster_error err;
    json_writer *w = answer_json(a, 200);
    json_open_object(w);
    json_key(w, "data");
    json_open_array(w);
    if (muster_mappings_each(r->engine, node, put_mapping, w, &err) != 0) {
        answer_error(a, &err, "");
        return;
    }
    json_close(w);
    shape_put_state(w, r->engine);
    json_close(w);
}

/* "nodes", a list of texts; false: answered. *out is freed by mem_free. */
static bool read_nodes(ask *q, const char ***out, size_t *count)
{
    const json_value *list = json_get(q->root, "nodes");
    bool fine = list != NULL && json_typeof(list) == JSON_ARRAY;
    *out = mem_array((fine ? json_count(list) : 0) + 1, sizeof **out);
    *count = 0;
    json_iter it = json_iter_of(fine ? list : q->root);
    while (fine && json_next(&it)) {
        fine = json_typeof(it.value) == JSON_STRING;
        const muster_text node =
            fine ? json_string(it.value) : text_make("", 0);
        fine = fine && memchr(node.ptr, '\0', node.len) == NULL;
        if (fine)
            (*out)[(*count)++] =
                arena_strndup(&q->r->texts, node.ptr, node.len);
    }
    if (!fine)
        answer_problem_at(q->a, 422, "bad_body", "/nodes",
                          "nodes is a list of ids or paths");
    return fine;
}

static void map_nodes(ask *q)
{
    http_request *r = q->r;
    const json_value *given = json_get(q->root, "value");
    const bool whole = given == NULL || json_typeof(given) == JSON_NULL;
    const char *attribute = NULL;
    const char *value = NULL;
    const char **nodes = NULL;
    size_t count = 0;
    muster_error err;
    if (ask_text(q, "attribute", true, &attribute) &&
        (whole || ask_text(q, "value", true, &value)) &&
        read_nodes(q, &nodes, &count)) {
        if (muster_taxonomy_map(r->engine, attribute, value, nodes, count,
                                &err) != 0)
            answer_error(q->a, &err, "");
        else
            answer_empty(q->a, 204);
    }
    mem_free(nodes);
}

void on_mapping_put(http_request *r, http_answer *a)
{
    ask q;
    if (ask_open(&q, r, "attribute value nodes", a))
        map_nodes(&q);
    ask_close(&q);
}
