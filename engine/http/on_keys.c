/*
 * on_keys.c - /v1/keys: keys are listed, made and revoked.
 *
 *   {"id":"k_3f9q0z17ab","name":"Frontend","role":"ad-server",
 *    "permissions":["lookup"],"partner":null,"provider":null,
 *    "created":"...","revoked":null}
 *
 * The answer to making one has "secret" beside these, which nothing tells
 * again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "http/ask.h"
#include "http/shapes.h"

/* ---- one key ---- */

static int put_permission(void *payload, const char *name)
{
    json_put_str(payload, name);
    return 0;
}

/* Its members, into an object that is open. */
static void put_members(json_writer *w, const muster_key *key)
{
    shape_put_str(w, "id", key->id);
    shape_put_word(w, "name", key->name);
    shape_put_word(w, "role", key->role);
    json_key(w, "permissions");
    json_open_array(w);
    muster_permissions_each(key->may, put_permission, w);
    json_close(w);
    shape_put_word(w, "partner", key->partner);
    shape_put_word(w, "provider", key->provider);
    shape_put_time(w, "created", key->created);
    shape_put_time(w, "revoked", key->revoked);
}

/* ---- listing ---- */

typedef struct listing {
    json_writer *w;
    page page;
} listing;

static int put_listed(void *payload, const muster_key *key)
{
    listing *l = payload;
    char order[16];

    snprintf(order, sizeof order, "%010" PRIu32, key->number);
    if (!page_takes(&l->page, text_of(order), strlen(key->name) + 300))
        return l->page.more;
    json_open_object(l->w);
    put_members(l->w, key);
    json_close(l->w);
    return 0;
}

void on_keys_list(http_request *r, http_answer *a)
{
    listing l;

    if (!page_read(r, &l.page, a))
        return;
    l.w = answer_json(a, 200);
    json_open_object(l.w);
    json_key(l.w, "data");
    json_open_array(l.w);
    muster_keys_each(r->engine, put_listed, &l);
    json_close(l.w);
    page_put(l.w, &l.page);
    shape_put_state(l.w, r->engine);
    json_close(l.w);
}

/* ---- making ---- */

/* "permissions" of the body; absent: none. False: answered. */
static bool read_permissions(ask *q, uint32_t *may)
{
    const json_value *list = json_get(q->root, "permissions");

    *may = 0;
    if (list == NULL || json_typeof(list) == JSON_NULL)
        return true;
    bool good = json_typeof(list) == JSON_ARRAY;
    for (json_iter it = json_iter_of(list); good && json_next(&it);) {
        uint32_t bit = 0;
        if (json_typeof(it.value) == JSON_STRING)
            bit = muster_permission_find(json_string(it.value));
        *may |= bit;
        good = bit != 0;
    }
    if (!good)
        answer_problem_at(q->a, 422, "bad_permissions", "/permissions",
                          "this is a list of ingest, lookup, read, write, "
                          "export and admin");
    return good;
}

static bool read_options(ask *q, muster_key_options *o)
{
    return ask_text(q, "name", false, &o->name) &&
           ask_text(q, "role", false, &o->role) &&
           ask_text(q, "partner", false, &o->partner) &&
           ask_text(q, "provider", false, &o->provider) &&
           read_permissions(q, &o->may);
}

static int put_made(void *payload, const muster_key *key)
{
    put_members(payload, key);
    return 0;
}

static void make(ask *q, const muster_key_options *o)
{
    char secret[MUSTER_KEY_SECRET_BYTES];
    muster_error err;
    json_writer *w = answer_json(q->a, 201);

    json_open_object(w);
    if (muster_key_create(q->r->engine, o, secret, put_made, w, &err) != 0) {
        answer_error(q->a, &err, "");
        return;
    }
    shape_put_str(w, "secret", secret);
    json_close(w);
    explicit_bzero(secret, sizeof secret);
    answer_header(q->a, "Cache-Control", "no-store");
}

void on_key_create(http_request *r, http_answer *a)
{
    muster_key_options options = MUSTER_KEY_OPTIONS_INIT;
    ask q;

    if (ask_open(&q, r, "name role permissions partner provider", a) &&
        read_options(&q, &options))
        make(&q, &options);
    ask_close(&q);
}

/* ---- revoking ---- */

void on_key_revoke(http_request *r, http_answer *a)
{
    const char *id = arena_strndup(&r->texts, r->args[0].ptr, r->args[0].len);
    muster_error err;

    if (muster_key_revoke(r->engine, id, &err) == 0)
        answer_empty(a, 204);
    else
        answer_error(a, &err, "");
}
