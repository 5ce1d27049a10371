/*
 * remote_access.c - keys, partners and shares through a server, for a key that
 * may administer it.
 *
 *   keys       GET, POST /v1/keys, DELETE /v1/keys/{id}
 *   partners   GET /v1/partners, GET, PUT, DELETE /v1/partners/{partner}
 *   shares     PUT, DELETE /v1/segments/{key}/shares/{partner}
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "remote.h"

#include <stdio.h>
#include <string.h>
#include "base/error.h"

static void put_part(remote_call *call, const char *before, const char *part)
{
    buffer_put_str(&call->path, before);
    http_put_encoded(&call->path, text_of(part));
}

/* Sends what is answered without a body that matters. */
static int send_only(remote_call *call, muster_error *err)
{
    const json_value *root;
    const int status = remote_call_send(call, &root, err);
    remote_call_release(call);
    return status;
}

/* ---- keys ---- */

static muster_key key_of(const json_value *v)
{
    muster_key key = {
        .id = member_str(v, "id"),
        .name = member_str(v, "name"),
        .role = member_str(v, "role"),
        .partner = member_str(v, "partner"),
        .provider = member_str(v, "provider"),
        .created = member_time(v, "created"),
        .revoked = member_time(v, "revoked"),
    };
    for (json_iter it = list_walk(json_get(v, "permissions"));
         json_next(&it);)
        if (json_typeof(it.value) == JSON_STRING)
            key.may |= muster_permission_find(json_string(it.value));
    return key;
}

typedef struct key_walk {
    muster_key_fn each;
    void *payload;
} key_walk;

static int give_key(void *payload, const json_value *v)
{
    const key_walk *walk = payload;
    const muster_key key = key_of(v);
    return walk->each(walk->payload, &key);
}

int remote_keys_each(remote *r, muster_key_fn each, void *payload,
                     muster_error *err)
{
    key_walk walk = {each, payload};
    return remote_each(r, "/v1/keys", true, give_key, &walk, err);
}

static int put_permission(void *payload, const char *name)
{
    json_put_str(payload, name);
    return 0;
}

static void put_options(json_writer *w, const muster_key_options *o)
{
    const char *const texts[][2] = {{"name", o->name},
                                    {"role", o->role},
                                    {"partner", o->partner},
                                    {"provider", o->provider}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i][1] == NULL)
            continue;
        json_key(w, texts[i][0]);
        json_put_str(w, texts[i][1]);
    }
    if (o->may == 0)
        return;
    json_key(w, "permissions");
    json_open_array(w);
    muster_permissions_each(o->may, put_permission, w);
    json_close(w);
}

int remote_key_create(remote *r, const muster_key_options *options,
                      char *secret, muster_key_fn each, void *payload,
                      muster_error *err)
{
    const json_value *root = NULL;
    remote_call call;
    remote_call_init(&call, r, "POST", false);
    buffer_put_str(&call.path, "/v1/keys");
    put_options(remote_call_body(&call), options);
    int status = remote_call_send(&call, &root, err);
    const muster_text made = member_text(root, "secret");
    if (status == 0 && (made.len == 0 || made.len >= MUSTER_KEY_SECRET_BYTES))
        status = remote_bad_answer(r, "a secret", err);
    if (status == 0) {
        const muster_key key = key_of(root);
        snprintf(secret, MUSTER_KEY_SECRET_BYTES, "%s", made.ptr);
        status = each(payload, &key);
    }
    remote_call_release(&call);
    return status;
}

int remote_key_revoke(remote *r, const char *id, muster_error *err)
{
    remote_call call;
    remote_call_init(&call, r, "DELETE", true);
    put_part(&call, "/v1/keys/", id);
    return send_only(&call, err);
}

/* ---- partners ---- */

typedef struct partner_walk {
    muster_partner_fn each;
    void *payload;
} partner_walk;

static int give_partner(void *payload, const json_value *v)
{
    const partner_walk *walk = payload;
    const muster_partner row = {
        .key = member_str(v, "key"),
        .name = member_str(v, "name"),
        .segments = (uint32_t)member_uint(v, "segments"),
        .keys = (uint32_t)member_uint(v, "keys"),
        .created = member_time(v, "created"),
    };
    return walk->each(walk->payload, &row);
}

int remote_partners_each(remote *r, muster_partner_fn each, void *payload,
                         muster_error *err)
{
    partner_walk walk = {each, payload};
    return remote_each(r, "/v1/partners", true, give_partner, &walk, err);
}

int remote_partner_set(remote *r, const char *key, const char *name,
                       muster_error *err)
{
    remote_call call;
    remote_call_init(&call, r, "PUT", true);
    put_part(&call, "/v1/partners/", key);
    json_writer *w = remote_call_body(&call);
    if (name != NULL) {
        json_key(w, "name");
        json_put_str(w, name);
    }
    return send_only(&call, err);
}

int remote_partner_remove(remote *r, const char *key, muster_error *err)
{
    remote_call call;
    remote_call_init(&call, r, "DELETE", false);
    put_part(&call, "/v1/partners/", key);
    return send_only(&call, err);
}

/* The route tells keys; their rows are asked for one by one. */
int remote_partner_shares_each(remote *r, const char *key,
                               muster_saved_fn each, void *payload,
                               muster_error *err)
{
    const json_value *root = NULL;
    remote_call call;
    remote_call_init(&call, r, "GET", true);
    put_part(&call, "/v1/partners/", key);
    int status = remote_call_send(&call, &root, err);
    const json_value *shared =
        root != NULL ? json_get(root, "shared") : NULL;
    if (status == 0 && shared == NULL)
        status = remote_bad_answer(r, "shared", err);
    for (json_iter it = list_walk(shared); status == 0 && json_next(&it);)
        if (json_typeof(it.value) == JSON_STRING)
            status = remote_audience_find(r, json_string(it.value).ptr, each,
                                          payload, err);
    remote_call_release(&call);
    return status;
}

static bool is_shared(remote *r, const char *key, const char *partner)
{
    const json_value *root = NULL;
    remote_call call;
    bool found = false;
    remote_call_init(&call, r, "GET", true);
    put_part(&call, "/v1/partners/", partner);
    if (remote_call_send(&call, &root, NULL) == 0 && root != NULL)
        for (json_iter it = list_walk(json_get(root, "shared"));
             !found && json_next(&it);)
            found = json_typeof(it.value) == JSON_STRING &&
                    text_is(json_string(it.value), key);
    remote_call_release(&call);
    return found;
}

/* The route does not tell whether it changed anything, so that is looked up
 * before. */
int remote_audience_share(remote *r, const char *key, const char *partner,
                          bool undo, bool *changed, muster_error *err)
{
    remote_call call;
    *changed = is_shared(r, key, partner) == undo;
    remote_call_init(&call, r, undo ? "DELETE" : "PUT", true);
    put_part(&call, "/v1/segments/", key);
    put_part(&call, "/shares/", partner);
    return send_only(&call, err);
}
