/*
 * remote_saved.c - saved segments and lookups through a server.
 *
 *   each       GET /v1/segments            page after page
 *   find       GET /v1/segments/{key}
 *   versions   GET /v1/segments/{key}/versions
 *   save       PUT /v1/segments/{key}      {"changed":...}
 *   remove     DELETE /v1/segments/{key}
 *   revert     POST /v1/segments/{key}:revert
 *   lookup     POST /v1/lookup             keys; the rest of their rows is
 *                                          asked for once a segment
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "remote.h"

#include <string.h>
#include "base/error.h"

static void put_key(remote_call *call, const char *key, const char *behind)
{
    buffer_put_str(&call->path, "/v1/segments/");
    http_put_encoded(&call->path, text_of(key));
    buffer_put_str(&call->path, behind);
}

static muster_saved row_of(const json_value *v)
{
    return (muster_saved){
        .key = member_str(v, "key"),
        .id = (uint32_t)member_uint(v, "id"),
        .version = (uint32_t)member_uint(v, "version"),
        .expr = member_str(v, "expr"),
        .name = member_str(v, "name"),
        .priority = (int32_t)member_int(v, "priority"),
        .served = member_bool(v, "served"),
        .removed = member_bool(v, "removed"),
        .created = member_time(v, "created"),
        .node = "",
    };
}

/* ---- lists ---- */

typedef struct saved_walk {
    muster_saved_fn each;
    void *payload;
} saved_walk;

static int give_saved(void *payload, const json_value *v)
{
    const saved_walk *walk = payload;
    const muster_saved row = row_of(v);
    return walk->each(walk->payload, &row);
}

int remote_audiences_each(remote *r, muster_saved_fn each, void *payload,
                          muster_error *err)
{
    saved_walk walk = {each, payload};
    return remote_each(r, "/v1/segments", true, give_saved, &walk, err);
}

int remote_audience_versions(remote *r, const char *key, muster_saved_fn each,
                             void *payload, muster_error *err)
{
    saved_walk walk = {each, payload};
    remote_call address; /* its path alone */
    remote_call_init(&address, r, "GET", true);
    put_key(&address, key, "/versions");
    const int status = remote_each(r, buffer_cstr(&address.path), true,
                                   give_saved, &walk, err);
    remote_call_release(&address);
    return status;
}

/* ---- one segment ---- */

/* Sends a call about one segment and hands its row to `each` (NULL: to
 * nobody). */
static int send_row(remote_call *call, muster_saved_fn each, void *payload,
                    bool *changed, muster_error *err)
{
    const json_value *root = NULL;
    int status = remote_call_send(call, &root, err);
    if (status == 0 && each != NULL && root == NULL)
        status = remote_bad_answer(call->remote, "a segment", err);
    if (status == 0 && each != NULL) {
        const muster_saved row = row_of(root);
        status = each(payload, &row);
    }
    if (status == 0 && changed != NULL)
        *changed = member_bool(root, "changed");
    remote_call_release(call);
    return status;
}

int remote_audience_find(remote *r, const char *key, muster_saved_fn each,
                         void *payload, muster_error *err)
{
    remote_call call;
    remote_call_init(&call, r, "GET", true);
    put_key(&call, key, "");
    return send_row(&call, each, payload, NULL, err);
}

int remote_audience_save(remote *r, const muster_save *save, bool *changed,
                         muster_error *err)
{
    remote_call call;
    remote_call_init(&call, r, "PUT", true);
    put_key(&call, save->key, "");
    call.text = save->expr;
    call.text_len = save->expr_len;
    json_writer *w = remote_call_body(&call);
    json_key(w, "expr");
    json_put_text(w, text_make(save->expr, save->expr_len));
    json_key(w, "name");
    json_put_str(w, save->name);
    json_key(w, "priority");
    json_put_int(w, save->priority);
    json_key(w, "served");
    json_put_bool(w, save->served);
    return send_row(&call, NULL, NULL, changed, err);
}

int remote_audience_remove(remote *r, const char *key, muster_error *err)
{
    remote_call call;
    remote_call_init(&call, r, "DELETE", false);
    put_key(&call, key, "");
    return send_row(&call, NULL, NULL, NULL, err);
}

int remote_audience_revert(remote *r, const char *key, uint32_t version,
                           muster_error *err)
{
    remote_call call;
    remote_call_init(&call, r, "POST", false);
    put_key(&call, key, ":revert");
    json_writer *w = remote_call_body(&call);
    json_key(w, "version");
    json_put_uint(w, version);
    return send_row(&call, NULL, NULL, NULL, err);
}

/* ---- lookup ---- */

static int send_lookup(remote_call *call, remote *r, const muster_id *users,
                       size_t n, const json_value **results, muster_error *err)
{
    const json_value *root = NULL;
    remote_call_init(call, r, "POST", true);
    buffer_put_str(&call->path, "/v1/lookup");
    remote_put_ids(remote_call_body(call), users, n);
    const int status = remote_call_send(call, &root, err);
    *results = root != NULL ? json_get(root, "results") : NULL;
    if (status == 0 && list_count(*results) != n)
        return remote_bad_answer(r, "results", err);
    return status;
}

/* The texts of a list, each ended by NUL. */
static size_t keep_keys(buffer *out, const json_value *list)
{
    size_t n = 0;
    buffer_clear(out);
    for (json_iter it = list_walk(list); json_next(&it);) {
        if (json_typeof(it.value) != JSON_STRING)
            continue;
        buffer_put_text(out, json_string(it.value));
        buffer_put_u8(out, 0);
        n++;
    }
    return n;
}

int remote_audience_lookup_many(remote *r, const muster_id *users, size_t n,
                                client_found_fn each, void *payload,
                                muster_error *err)
{
    const json_value *results;
    remote_call call;
    buffer keys;
    int status = send_lookup(&call, r, users, n, &results, err);
    buffer_init(&keys, SIZE_MAX / 2); /* of an answer, which is bounded */
    for (json_iter it = list_walk(results);
         status == 0 && json_next(&it);) {
        client_found found = {.status = member_str(it.value, "status")};
        if (strcmp(found.status, "refused") == 0)
            found.message = REMOTE_REFUSED;
        found.key_count = keep_keys(&keys, json_get(it.value, "segments"));
        found.keys = (const char *)keys.data;
        status = each(payload, &found);
    }
    buffer_release(&keys);
    remote_call_release(&call);
    return status;
}

typedef struct looked_up {
    muster_saved_fn each;
    void *payload;
    int status; /* of `each` */
} looked_up;

static int give_row(void *payload, const muster_saved *row)
{
    looked_up *l = payload;
    l->status = l->each(l->payload, row);
    return 0;
}

/* The row of a key that a lookup told. A caller that may look up may not be
 * allowed to read segments: then there is the key alone. One that was removed
 * meanwhile is left out. */
static int each_key(remote *r, const char *key, looked_up *l,
                    muster_error *err)
{
    const int status = remote_audience_find(r, key, give_row, l, err);
    if (status == MUSTER_ENOTFOUND)
        return 0;
    if (status != MUSTER_EREFUSED)
        return status < 0 ? status : l->status;
    const muster_saved bare = {.key = key, .expr = "", .name = ""};
    return l->each(l->payload, &bare);
}

int remote_audience_lookup(remote *r, const muster_id *user, bool *known,
                           muster_saved_fn each, void *payload,
                           muster_error *err)
{
    looked_up l = {each, payload, 0};
    const json_value *results;
    remote_call call;
    int status = send_lookup(&call, r, user, 1, &results, err);
    json_iter result = list_walk(results);
    const bool told = status == 0 && json_next(&result);
    const char *word = told ? member_str(result.value, "status") : "";
    if (strcmp(word, "refused") == 0)
        status = error_set(err, MUSTER_EREFUSED, "refused_id", REMOTE_REFUSED);
    if (known != NULL)
        *known = strcmp(word, "hit") == 0;
    json_iter it = list_walk(told ? json_get(result.value, "segments")
                                     : NULL);
    while (status == 0 && json_next(&it))
        if (json_typeof(it.value) == JSON_STRING)
            status = each_key(r, json_string(it.value).ptr, &l, err);
    remote_call_release(&call);
    return status;
}
