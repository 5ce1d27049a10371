/*
 * remote_catalog.c - attributes, providers and users who want out through a
 * server.
 *
 *   attributes   GET /v1/attributes          page after page
 *                GET /v1/attributes/{name}          with values and sizes
 *                GET /v1/attributes/{name}/values   of completion
 *   catalog      PUT /v1/attributes          the file as it is
 *   providers    GET /v1/providers, PUT /v1/providers/{name}
 *   opt-outs     POST /v1/optouts            {"ids":[...],"undo":false}
 *   forgetting   DELETE /v1/ids/{space}/{id}
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "remote.h"

#include <string.h>
#include "base/error.h"
#include "base/mem.h"

/* What stands behind "/v1/attributes/" or the like. */
static void put_name(remote_call *call, const char *before, const char *name,
                     const char *behind)
{
    buffer_put_str(&call->path, before);
    http_put_encoded(&call->path, text_of(name));
    buffer_put_str(&call->path, behind);
}

/* ---- attributes ---- */

static muster_attribute attribute_of(const json_value *v)
{
    return (muster_attribute){
        .name = member_str(v, "name"),
        .kind = member_str(v, "kind"),
        .grain = member_str(v, "grain"),
        .cap = (uint32_t)member_uint(v, "cap"),
        .amount = member_bool(v, "amount"),
        .unit = member_str(v, "unit"),
        .ttl = member_str(v, "ttl"),
        .retention_days = (uint32_t)member_uint(v, "retention_days"),
        .values = member_uint(v, "values"),
        .declared = member_bool(v, "declared"),
    };
}

typedef struct attribute_walk {
    muster_attribute_fn each;
    void *payload;
} attribute_walk;

static int give_attribute(void *payload, const json_value *v)
{
    const attribute_walk *walk = payload;
    const muster_attribute row = attribute_of(v);
    return walk->each(walk->payload, &row);
}

int remote_attributes_each(remote *r, muster_attribute_fn each, void *payload,
                           muster_error *err)
{
    attribute_walk walk = {each, payload};
    return remote_each(r, "/v1/attributes", true, give_attribute, &walk,
                       err);
}

int remote_attribute_find(remote *r, const char *name,
                          muster_attribute_fn each, void *payload,
                          muster_error *err)
{
    const json_value *root = NULL;
    remote_call call;
    remote_call_init(&call, r, "GET", true);
    put_name(&call, "/v1/attributes/", name, "?limit=1");
    int status = remote_call_send(&call, &root, err);
    const json_value *found =
        root != NULL ? json_get(root, "attribute") : NULL;
    if (status == 0 && found == NULL)
        status = remote_bad_answer(r, "an attribute", err);
    if (status == 0) {
        const muster_attribute row = attribute_of(found);
        status = each(payload, &row);
    }
    remote_call_release(&call);
    return status;
}

/* ---- values ---- */

/* Of completion; the most there are in one answer without sizes. */
#define VALUES_MAX 10000

/* With sizes all of them can be had, of the attribute itself. */
static void put_value_path(remote_call *call, const char *attribute,
                           bool counts, size_t limit)
{
    put_name(call, "/v1/attributes/", attribute,
             counts ? "" : "/values?counts=false");
    if (!counts && (limit == 0 || limit > VALUES_MAX))
        limit = VALUES_MAX;
    buffer_printf(&call->path, "%climit=%zu", counts ? '?' : '&', limit);
}

int remote_values_each(remote *r, const char *attribute, bool counts,
                       size_t limit, muster_value_fn each, void *payload,
                       muster_error *err)
{
    const json_value *root = NULL;
    remote_call call;
    remote_call_init(&call, r, "GET", true);
    put_value_path(&call, attribute, counts, limit);
    int status = remote_call_send(&call, &root, err);
    const json_value *values = root != NULL ? json_get(root, "values") : NULL;
    if (status == 0 && values == NULL)
        status = remote_bad_answer(r, "values", err);
    for (json_iter it = list_walk(values); status == 0 && json_next(&it);)
        status = each(payload, member_text(it.value, "value"),
                      member_uint(it.value, "users"));
    remote_call_release(&call);
    return status;
}

/* ---- catalog files ---- */

int remote_catalog_apply(remote *r, const char *text, size_t len,
                         muster_error *err)
{
    const json_value *root;
    remote_call call;
    remote_call_init(&call, r, "PUT", true);
    buffer_put_str(&call.path, "/v1/attributes");
    buffer_put(&call.body, text, len);
    call.http.content_type = "application/json";
    call.text = text;
    call.text_len = len;
    const int status = remote_call_send(&call, &root, err);
    remote_call_release(&call);
    return status;
}

/* ---- providers ---- */

typedef struct provider_walk {
    muster_provider_fn each;
    void *payload;
} provider_walk;

static int give_provider(void *payload, const json_value *v)
{
    const provider_walk *walk = payload;
    const muster_provider row = {
        .name = member_str(v, "name"),
        .party = member_str(v, "party"),
        .ttl = member_str(v, "ttl"),
        .declared = member_bool(v, "declared"),
    };
    return walk->each(walk->payload, &row);
}

int remote_providers_each(remote *r, muster_provider_fn each, void *payload,
                          muster_error *err)
{
    provider_walk walk = {each, payload};
    return remote_each(r, "/v1/providers", false, give_provider, &walk,
                       err);
}

int remote_provider_set(remote *r, const char *name, const char *party,
                        const char *ttl, muster_error *err)
{
    const json_value *root;
    remote_call call;
    remote_call_init(&call, r, "PUT", true);
    put_name(&call, "/v1/providers/", name, "");
    json_writer *w = remote_call_body(&call);
    json_key(w, "party");
    json_put_str(w, party);
    json_key(w, "ttl");
    if (ttl != NULL)
        json_put_str(w, ttl);
    else
        json_put_null(w);
    const int status = remote_call_send(&call, &root, err);
    remote_call_release(&call);
    return status;
}

/* ---- users who want out ---- */

/* The answer about the only id. */
static int judge(const remote_call *call, const json_value *root, bool *known,
                 muster_error *err)
{
    if (root == NULL)
        return remote_bad_answer(call->remote, "a body", err);
    if (known != NULL)
        *known = member_uint(root, "known") > 0;
    if (member_uint(root, "refused") == 0)
        return 0;
    json_iter it = list_walk(json_get(root, "errors"));
    return error_set(err, MUSTER_EREFUSED, "refused_id", "%s",
                     json_next(&it) ? member_str(it.value, "message")
                                    : REMOTE_REFUSED);
}

int remote_privacy_optout(remote *r, const muster_id *user, bool undo,
                          bool *known, muster_error *err)
{
    const json_value *root = NULL;
    remote_call call;
    remote_call_init(&call, r, "POST", true);
    buffer_put_str(&call.path, "/v1/optouts");
    json_writer *w = remote_call_body(&call);
    remote_put_ids(w, user, 1);
    json_key(w, "undo");
    json_put_bool(w, undo);
    int status = remote_call_send(&call, &root, err);
    if (status == 0)
        status = judge(&call, root, known, err);
    remote_call_release(&call);
    return status;
}

int remote_privacy_forget(remote *r, const muster_id *user, bool *known,
                          muster_error *err)
{
    const json_value *root = NULL;
    remote_call call;
    remote_call_init(&call, r, "DELETE", true);
    put_name(&call, "/v1/ids/", user->space, "/");
    http_put_encoded(&call.path, text_make(user->id, user->id_len));
    int status = remote_call_send(&call, &root, err);
    if (status == 0)
        status = judge(&call, root, known, err);
    remote_call_release(&call);
    return status;
}
