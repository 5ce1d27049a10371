/*
 * on_versions.c - what a saved segment was, going back to it, and who refers
 * to it: /v1/segments/{key}/versions, /versions/{version}, :revert, /usage.
 *
 * Versions are never lost: those of a removed segment are read here too, and
 * reverting brings it back. They are listed newest first.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <stdio.h>
#include <string.h>
#include "http/ask.h"
#include "http/segments.h"
#include "http/shapes.h"

/* ---- the list ---- */

typedef struct listing {
    json_writer *w;
    page page;
} listing;

/* Newest first, where pages are in the order of names. */
static size_t name_of(uint32_t version, char name[16])
{
    return (size_t)snprintf(name, 16, "%010u", UINT32_MAX - version);
}

static int put_version(void *payload, const muster_saved *row)
{
    listing *l = payload;
    char name[16];
    const size_t len = name_of(row->version, name);
    if (!page_takes(&l->page, text_make(name, len), strlen(row->expr)))
        return l->page.more;
    shape_put_saved(l->w, row, NULL);
    return 0;
}

void on_versions_list(http_request *r, http_answer *a)
{
    const char *key;
    listing l;
    muster_error err;
    if (!segment_key(r, &key, a) || !page_read(r, &l.page, a))
        return;
    l.w = answer_json(a, 200);
    json_open_object(l.w);
    json_key(l.w, "data");
    json_open_array(l.w);
    if (muster_audience_versions(r->engine, key, put_version, &l, &err) < 0) {
        answer_error(a, &err, "");
        return;
    }
    json_close(l.w);
    page_put(l.w, &l.page);
    json_close(l.w);
}

/* ---- one ---- */

typedef struct wanted {
    http_request *r;
    http_answer *a;
    uint32_t version;
    bool found;
} wanted;

static int put_wanted(void *payload, const muster_saved *row)
{
    wanted *v = payload;
    char tag[16];
    if (row->version != v->version)
        return 0;
    v->found = true;
    tag[text_format_uint(tag, row->version)] = '\0';
    if (!answer_etag(v->a, v->r, tag))
        shape_put_saved(answer_json(v->a, 200), row, NULL);
    return 1;
}

void on_version_show(http_request *r, http_answer *a)
{
    const char *key;
    int64_t version = 0;
    wanted v = {.r = r, .a = a};
    muster_error err;
    if (!segment_key(r, &key, a))
        return;
    if (text_parse_int(r->args[1], &version) && version > 0 &&
        version <= UINT32_MAX)
        v.version = (uint32_t)version;
    if (muster_audience_versions(r->engine, key, put_wanted, &v, &err) < 0)
        answer_error(a, &err, "");
    else if (!v.found)
        answer_problem(a, 404, "unknown_version",
                       "segment \"%s\" has no such version", key);
}

/* ---- going back ---- */

void on_segment_revert(http_request *r, http_answer *a)
{
    const char *key;
    uint64_t version = 0;
    muster_saved now;
    muster_when when;
    muster_changed made;
    muster_error err;
    ask q;
    if (!segment_key(r, &key, a))
        return;
    segment_now(r, key, &now, &err);
    if (ask_open(&q, r, "version", a) &&
        ask_number(&q, "version", 1, UINT32_MAX, &version) &&
        segment_when(r, &now, &when, a)) {
        if (version == 0)
            answer_problem_at(a, 422, "no_version", "/version",
                              "a version to go back to is needed");
        else if (muster_audience_revert_when(r->engine, key,
                                             (uint32_t)version, &when, &made,
                                             &err) < 0)
            segment_refuse(a, &err);
        else
            segment_answer(a, 200, key, &when, &made, NULL);
    }
    ask_close(&q);
}

/* ---- who refers to it ---- */

static int put_key(void *payload, const muster_saved *row)
{
    json_put_str(payload, row->key);
    return 0;
}

void on_segment_usage(http_request *r, http_answer *a)
{
    const char *key;
    muster_error err;
    if (!segment_key(r, &key, a))
        return;
    json_writer *w = answer_json(a, 200);
    json_open_object(w);
    shape_put_str(w, "key", key);
    json_key(w, "segments");
    json_open_array(w);
    if (muster_audience_usage(r->engine, key, put_key, w, &err) < 0) {
        answer_error(a, &err, "");
        return;
    }
    json_close(w);
    shape_put_state(w, r->engine);
    json_close(w);
}
