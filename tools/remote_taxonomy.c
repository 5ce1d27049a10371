/*
 * remote_taxonomy.c - the taxonomy through a server, and what is mapped to it.
 *
 *   the tree   GET /v1/taxonomy?node=&levels=
 *              PUT /v1/taxonomy            {"name","segtax","file"}
 *   mappings   GET /v1/taxonomy/mappings?node=
 *              PUT /v1/taxonomy/mappings   {"attribute","value","nodes":[]}
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "remote.h"

#include <stdio.h>
#include "base/error.h"

int remote_taxonomy_load(remote *r, const char *name, uint32_t segtax,
                         const char *text, size_t len, muster_error *err)
{
    const json_value *root;
    remote_call call;
    remote_call_init(&call, r, "PUT", true);
    buffer_put_str(&call.path, "/v1/taxonomy");
    json_writer *w = remote_call_body(&call);
    json_key(w, "name");
    json_put_str(w, name);
    json_key(w, "segtax");
    json_put_uint(w, segtax);
    json_key(w, "file");
    json_put_text(w, text_make(text, len));
    call.text = text;
    call.text_len = len;
    const int status = remote_call_send(&call, &root, err);
    remote_call_release(&call);
    return status;
}

int remote_taxonomy_map(remote *r, const char *attribute, const char *value,
                        const char *const *nodes, size_t count,
                        muster_error *err)
{
    const json_value *root;
    remote_call call;
    remote_call_init(&call, r, "PUT", true);
    buffer_put_str(&call.path, "/v1/taxonomy/mappings");
    json_writer *w = remote_call_body(&call);
    json_key(w, "attribute");
    json_put_str(w, attribute);
    json_key(w, "value");
    if (value != NULL)
        json_put_str(w, value);
    else
        json_put_null(w);
    json_key(w, "nodes");
    json_open_array(w);
    for (size_t i = 0; i < count; i++)
        json_put_str(w, nodes[i]);
    json_close(w);
    const int status = remote_call_send(&call, &root, err);
    remote_call_release(&call);
    return status;
}

/* ---- reading ---- */

static void put_path(remote_call *call, const char *path, const char *node)
{
    buffer_put_str(&call->path, path);
    if (node != NULL) {
        buffer_put_str(&call->path, "&node=");
        http_put_encoded(&call->path, text_of(node));
    }
}

int remote_taxonomy_about(remote *r, muster_taxonomy *out, muster_error *err)
{
    const json_value *root = NULL;
    remote_call call;
    remote_call_init(&call, r, "GET", true);
    put_path(&call, "/v1/taxonomy?levels=0", NULL);
    int status = remote_call_send(&call, &root, err);
    if (status == 0 && root == NULL)
        status = remote_bad_answer(r, "a body", err);
    *out = (muster_taxonomy){.nodes = 0};
    if (status == 0) {
        snprintf(out->name, sizeof out->name, "%s", member_str(root, "name"));
        out->segtax = (uint32_t)member_uint(root, "segtax");
        out->nodes = (uint32_t)member_uint(root, "nodes");
        out->mappings = (uint32_t)member_uint(root, "mappings");
    }
    remote_call_release(&call);
    return status;
}

/* Each element of "data". */
static int walk_data(remote_call *call,
                     int (*give)(void *payload, const json_value *v),
                     void *payload, muster_error *err)
{
    const json_value *root = NULL;
    int status = remote_call_send(call, &root, err);
    const json_value *data = root != NULL ? json_get(root, "data") : NULL;
    if (status == 0 && data == NULL)
        status = remote_bad_answer(call->remote, "data", err);
    for (json_iter it = list_walk(data); status == 0 && json_next(&it);)
        status = give(payload, it.value);
    return status;
}

typedef struct node_walk {
    muster_taxonomy_node_fn each;
    void *payload;
} node_walk;

static int give_node(void *payload, const json_value *v)
{
    const node_walk *walk = payload;
    const muster_taxonomy_node row = {
        .id = member_str(v, "id"),
        .parent = member_str(v, "parent"),
        .path = member_str(v, "path"),
        .note = member_str(v, "note"),
        .depth = (uint32_t)member_uint(v, "depth"),
        .below = (uint32_t)member_uint(v, "below"),
        .mappings = (uint32_t)member_uint(v, "mappings"),
    };
    return walk->each(walk->payload, &row);
}

int remote_taxonomy_each(remote *r, const char *node, uint32_t levels,
                         muster_taxonomy_node_fn each, void *payload,
                         muster_error *err)
{
    node_walk walk = {each, payload};
    char path[64];
    remote_call call;
    snprintf(path, sizeof path, "/v1/taxonomy?levels=%u", levels);
    remote_call_init(&call, r, "GET", true);
    put_path(&call, path, node);
    const int status = walk_data(&call, give_node, &walk, err);
    remote_call_release(&call);
    return status;
}

typedef struct mapping_walk {
    muster_mapping_fn each;
    void *payload;
} mapping_walk;

static int give_mapping(void *payload, const json_value *v)
{
    const mapping_walk *walk = payload;
    const char *value = member_str(v, "value");
    const muster_mapping row = {
        .attribute = member_str(v, "attribute"),
        .value = *value != '\0' ? value : NULL,
        .node = member_str(v, "node"),
        .path = member_str(v, "path"),
    };
    return walk->each(walk->payload, &row);
}

int remote_mappings_each(remote *r, const char *node, muster_mapping_fn each,
                         void *payload, muster_error *err)
{
    mapping_walk walk = {each, payload};
    remote_call call;
    remote_call_init(&call, r, "GET", true);
    buffer_put_str(&call.path, "/v1/taxonomy/mappings");
    if (node != NULL) {
        buffer_put_str(&call.path, "?node=");
        http_put_encoded(&call.path, text_of(node));
    }
    const int status = walk_data(&call, give_mapping, &walk, err);
    remote_call_release(&call);
    return status;
}
