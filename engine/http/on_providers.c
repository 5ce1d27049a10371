/*
 * on_providers.c - who says what is known of users: /v1/providers and
 * /v1/providers/{name}.
 *
 * PUT sets the whole: the party, and a TTL or none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <stdio.h>
#include <string.h>
#include "http/ask.h"
#include "http/shapes.h"

static void put_provider(json_writer *w, const muster_provider *p)
{
    json_open_object(w);
    shape_put_str(w, "name", p->name);
    shape_put_str(w, "party", p->party);
    shape_put_word(w, "ttl", p->ttl);
    shape_put_bool(w, "declared", p->declared);
    json_close(w);
}

static int list_provider(void *payload, const muster_provider *p)
{
    put_provider(payload, p);
    return 0;
}

/* All of them: there are few. */
void on_providers_list(http_request *r, http_answer *a)
{
    json_writer *w = answer_json(a, 200);
    json_open_object(w);
    json_key(w, "data");
    json_open_array(w);
    muster_providers_each(r->engine, list_provider, w);
    json_close(w);
    shape_put_bool(w, "has_more", false);
    shape_put_word(w, "next_cursor", NULL);
    shape_put_state(w, r->engine);
    json_close(w);
}

/* ---- one ---- */

/* What a provider is, or would be after a change. */
typedef struct provider_row {
    const char *name;
    bool found;
    char party[16];
    char ttl[32];
    bool declared;
} provider_row;

static int find_provider(void *payload, const muster_provider *p)
{
    provider_row *row = payload;
    if (strcmp(p->name, row->name) != 0)
        return 0;
    row->found = true;
    row->declared = p->declared;
    snprintf(row->party, sizeof row->party, "%s", p->party);
    snprintf(row->ttl, sizeof row->ttl, "%s", p->ttl);
    return 1;
}

static provider_row provider_now(http_request *r)
{
    provider_row row = {
        .name = arena_strndup(&r->texts, r->args[0].ptr, r->args[0].len)};
    muster_providers_each(r->engine, find_provider, &row);
    return row;
}

void on_provider_show(http_request *r, http_answer *a)
{
    const provider_row row = provider_now(r);
    const muster_provider p = {row.name, row.party, row.ttl, row.declared};
    if (row.found)
        put_provider(answer_json(a, 200), &p);
    else
        answer_problem(a, 404, "unknown_provider",
                       "there is no such provider");
}

/* ---- setting ---- */

/* {"party":"third","ttl":"60d"}; a ttl of null is none. */
static bool read_provider(ask *q, const char **party, const char **ttl)
{
    const json_value *none = json_get(q->root, "ttl");
    *party = *ttl = NULL;
    if (!ask_text(q, "party", true, party))
        return false;
    return (none != NULL && json_typeof(none) == JSON_NULL) ||
           ask_text(q, "ttl", false, ttl);
}

/* Tries the change as a catalog file of one provider. */
static int try_provider(muster_engine *engine, const char *name,
                        const char *party, const char *ttl,
                        muster_catalog_effect *effect, muster_error *err)
{
    buffer file;
    json_writer w;
    buffer_init(&file, SIZE_MAX); /* bounded by the request's own size */
    json_begin(&w, &file, false);
    json_open_object(&w);
    json_key(&w, "providers");
    json_open_object(&w);
    json_key(&w, name);
    json_open_object(&w);
    shape_put_str(&w, "party", party);
    if (ttl != NULL)
        shape_put_str(&w, "ttl", ttl);
    while (w.depth > 0)
        json_close(&w);
    const int rc = muster_catalog_check(engine, (const char *)file.data,
                                        file.len, effect, err);
    buffer_release(&file);
    err->line = 0; /* of that file, which nobody sent */
    return rc;
}

static void set_provider(ask *q, bool dry_run)
{
    http_request *r = q->r;
    const provider_row now = provider_now(r);
    muster_catalog_effect effect;
    const char *party;
    const char *ttl;
    muster_error err;
    if (!read_provider(q, &party, &ttl))
        return;
    int rc = try_provider(r->engine, now.name, party, ttl, &effect, &err);
    if (rc == 0 && !dry_run)
        rc = muster_provider_set(r->engine, now.name, party, ttl, &err);
    if (rc != 0) {
        answer_error(q->a, &err, "");
        return;
    }
    json_writer *w = answer_json(q->a, now.found || dry_run ? 200 : 201);
    json_open_object(w);
    shape_put_str(w, "name", now.name);
    shape_put_str(w, "party", party);
    shape_put_word(w, "ttl", ttl);
    shape_put_bool(w, "changed",
                   effect.providers_new + effect.providers_changed > 0);
    shape_put_bool(w, "dry_run", dry_run);
    json_close(w);
}

void on_provider_put(http_request *r, http_answer *a)
{
    bool dry_run = false;
    ask q;
    if (ask_open(&q, r, "party ttl", a) &&
        request_flag(r, "dry_run", &dry_run, a))
        set_provider(&q, dry_run);
    ask_close(&q);
}
