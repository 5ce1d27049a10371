/*
 * on_attributes.c - what can be said of users: /v1/attributes,
 * /v1/attributes/{name}, its values, and the catalog file.
 *
 * Values with their sizes cost one pass over the users per value that is
 * counted; ?q= leaves the others out first, which is what completion wants.
 * It ends at the request's deadline.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <string.h>
#include "http/shapes.h"

#define SHOWN_VALUES_DEFAULT 20u
#define VALUES_DEFAULT 50u
/* Of completion; GET /v1/attributes/{name}?limit=0 has all. */
#define VALUES_MAX 10000u

/* ---- one attribute ---- */

static void put_attribute(json_writer *w, const muster_attribute *a)
{
    const bool event = strcmp(a->kind, "event") == 0;
    json_open_object(w);
    shape_put_str(w, "name", a->name);
    shape_put_str(w, "kind", a->kind);
    shape_put_uint(w, "values", a->values);
    shape_put_word(w, "unit", a->unit);
    shape_put_word(w, "grain", a->grain);
    if (event) {
        shape_put_uint(w, "cap", a->cap);
        shape_put_bool(w, "amount", a->amount);
        shape_put_uint(w, "retention_days", a->retention_days);
    } else {
        shape_put_word(w, "cap", NULL);
        shape_put_word(w, "amount", NULL);
        shape_put_word(w, "retention_days", NULL);
    }
    shape_put_word(w, "ttl", a->ttl);
    shape_put_bool(w, "declared", a->declared);
    json_close(w);
}

/* ---- the list ---- */

typedef struct listing {
    json_writer *w;
    page page;
} listing;

static int list_attribute(void *payload, const muster_attribute *a)
{
    listing *l = payload;
    if (!page_takes(&l->page, text_of(a->name), 0))
        return l->page.more;
    put_attribute(l->w, a);
    return 0;
}

void on_attributes_list(http_request *r, http_answer *a)
{
    listing l;
    if (!page_read(r, &l.page, a))
        return;
    l.w = answer_json(a, 200);
    json_open_object(l.w);
    json_key(l.w, "data");
    json_open_array(l.w);
    muster_attributes_each(r->engine, list_attribute, &l);
    json_close(l.w);
    page_put(l.w, &l.page);
    shape_put_state(l.w, r->engine);
    json_close(l.w);
}

/* ---- values ---- */

typedef struct values {
    json_writer *w;
    bool counts;
    uint64_t limit; /* 0: all */
    uint64_t shown;
    bool more;
} values;

static int put_value(void *payload, muster_text value, uint64_t users)
{
    values *v = payload;
    v->more = v->limit != 0 && v->shown == v->limit;
    if (v->more)
        return 1;
    v->shown++;
    json_open_object(v->w);
    json_key(v->w, "value");
    json_put_text(v->w, value);
    if (v->counts)
        shape_put_uint(v->w, "users", users);
    json_close(v->w);
    return 0;
}

/* "values" into an object that is open; a status of the engine, or what
 * put_value returned. */
static int put_values(http_request *r, http_answer *a, const char *name,
                      muster_text part, values *v, muster_error *err)
{
    muster_task task = request_task(r);
    /* one more tells whether there are more */
    const muster_value_query query = {
        part, v->counts, v->limit != 0 ? (size_t)v->limit + 1 : 0};
    const uint64_t start = clock_monotonic_ns();
    json_key(v->w, "values");
    json_open_array(v->w);
    const int rc =
        muster_values_find(r->engine, r->caller->viewer, name, &query, &task,
                           put_value, v, err);
    a->eval_ns = clock_monotonic_ns() - start;
    json_close(v->w);
    return rc;
}

/* The {name} of the path; the engine tells whether there is such a one. */
static const char *name_of(http_request *r)
{
    return arena_strndup(&r->texts, r->args[0].ptr, r->args[0].len);
}

static int put_head(void *payload, const muster_attribute *a)
{
    json_writer *w = payload;
    json_key(w, "attribute");
    put_attribute(w, a);
    return 0;
}

void on_attribute_show(http_request *r, http_answer *a)
{
    const char *name = name_of(r);
    values v = {.counts = true};
    muster_error err;
    if (!request_number(r, "limit", 0, MUSTER_VALUES_MAX,
                        SHOWN_VALUES_DEFAULT, &v.limit, a))
        return;
    v.w = answer_json(a, 200);
    json_open_object(v.w);
    int rc = muster_attribute_find(r->engine, name, put_head, v.w, &err);
    if (rc == 0)
        rc = put_values(r, a, name, text_make(NULL, 0), &v, &err);
    if (rc < 0) {
        answer_error(a, &err, "");
        return;
    }
    shape_put_state(v.w, r->engine);
    json_close(v.w);
}

/* Sizes are told unless ?counts=false. */
static bool read_counts(http_request *r, bool *out, http_answer *a)
{
    muster_text given;
    *out = true;
    return !request_query(r, "counts", &given) ||
           request_flag(r, "counts", out, a);
}

void on_values_list(http_request *r, http_answer *a)
{
    muster_text part = {NULL, 0};
    values v = {.shown = 0};
    muster_error err;
    if (!request_query(r, "q", &part) || part.len == 0)
        part = text_make(NULL, 0);
    if (!read_counts(r, &v.counts, a) ||
        !request_number(r, "limit", 1, VALUES_MAX, VALUES_DEFAULT, &v.limit,
                        a))
        return;
    v.w = answer_json(a, 200);
    json_open_object(v.w);
    if (put_values(r, a, name_of(r), part, &v, &err) < 0) {
        answer_error(a, &err, "");
        return;
    }
    shape_put_bool(v.w, "has_more", v.more);
    shape_put_state(v.w, r->engine);
    json_close(v.w);
}

/* ---- the catalog file ---- */

static void put_effect(http_request *r, http_answer *a, bool dry_run,
                       const muster_catalog_effect *e)
{
    json_writer *w = answer_json(a, 200);
    json_open_object(w);
    shape_put_bool(w, "dry_run", dry_run);
    shape_put_uint(w, "attributes_new", e->attributes_new);
    shape_put_uint(w, "attributes_changed", e->attributes_changed);
    shape_put_uint(w, "providers_new", e->providers_new);
    shape_put_uint(w, "providers_changed", e->providers_changed);
    shape_put_uint(w, "spaces_new", e->spaces_new);
    shape_put_uint(w, "spaces_changed", e->spaces_changed);
    shape_put_bool(w, "mode_changed", e->mode_changed);
    shape_put_bool(w, "mappings_changed", e->mappings_changed);
    shape_put_state(w, r->engine);
    json_close(w);
}

/* The body is the file itself, in which comments are allowed. What it changes
 * is told of the catalog as it was just before. */
void on_catalog_put(http_request *r, http_answer *a)
{
    muster_catalog_effect effect;
    bool dry_run = false;
    muster_error err;
    if (!request_flag(r, "dry_run", &dry_run, a))
        return;
    int rc = muster_catalog_check(r->engine, r->body.ptr, r->body.len,
                                  &effect, &err);
    if (rc == 0 && !dry_run)
        rc = muster_catalog_apply(r->engine, r->body.ptr, r->body.len, &err);
    if (rc == 0)
        put_effect(r, a, dry_run, &effect);
    else
        answer_error(a, &err, "");
}
