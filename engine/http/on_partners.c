/*
 * on_partners.c - /v1/partners, and which segments are shared with them.
 *
 *   {"key":"acme","name":"Acme Media","segments":2,"keys":1,"created":"..."}
 *
 * A single one has "shared" beside these: the keys of its segments.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <string.h>
#include "http/ask.h"
#include "http/shapes.h"

/* ---- one partner ---- */

/* Its members, into an object that is open. */
static void put_members(json_writer *w, const muster_partner *row)
{
    shape_put_str(w, "key", row->key);
    shape_put_word(w, "name", row->name);
    shape_put_uint(w, "segments", row->segments);
    shape_put_uint(w, "keys", row->keys);
    shape_put_time(w, "created", row->created);
}

static int put_one(void *payload, const muster_partner *row)
{
    put_members(payload, row);
    return 0;
}

static int put_shared(void *payload, const muster_saved *row)
{
    json_put_str(payload, row->key);
    return 0;
}

/* The {part} of the path as a C text, which lives as long as the request. */
static const char *arg(http_request *r, int i)
{
    return arena_strndup(&r->texts, r->args[i].ptr, r->args[i].len);
}

static void answer_partner(http_request *r, int status, const char *key,
                           http_answer *a)
{
    json_writer *w = answer_json(a, status);
    muster_error err;

    json_open_object(w);
    int rc = muster_partner_find(r->engine, key, put_one, w, &err);
    if (rc == 0) {
        json_key(w, "shared");
        json_open_array(w);
        rc = muster_partner_shares_each(r->engine, key, put_shared, w, &err);
        json_close(w);
    }
    if (rc != 0) {
        answer_error(a, &err, "");
        return;
    }
    shape_put_state(w, r->engine);
    json_close(w);
}

void on_partner_show(http_request *r, http_answer *a)
{
    answer_partner(r, 200, arg(r, 0), a);
}

/* ---- listing ---- */

typedef struct listing {
    json_writer *w;
    page page;
} listing;

static int put_listed(void *payload, const muster_partner *row)
{
    listing *l = payload;

    if (!page_takes(&l->page, text_of(row->key),
                    strlen(row->key) + strlen(row->name) + 100))
        return l->page.more;
    json_open_object(l->w);
    put_members(l->w, row);
    json_close(l->w);
    return 0;
}

void on_partners_list(http_request *r, http_answer *a)
{
    listing l;

    if (!page_read(r, &l.page, a))
        return;
    l.w = answer_json(a, 200);
    json_open_object(l.w);
    json_key(l.w, "data");
    json_open_array(l.w);
    muster_partners_each(r->engine, put_listed, &l);
    json_close(l.w);
    page_put(l.w, &l.page);
    shape_put_state(l.w, r->engine);
    json_close(l.w);
}

/* ---- changing ---- */

static int note_there(void *payload, const muster_partner *row)
{
    (void)row;
    *(bool *)payload = true;
    return 0;
}

static void put_partner(http_request *r, const char *name, http_answer *a)
{
    const char *key = arg(r, 0);
    bool there = false;
    muster_error err;

    muster_partner_find(r->engine, key, note_there, &there, NULL);
    if (muster_partner_set(r->engine, key, name, NULL, &err) != 0)
        answer_error(a, &err, "");
    else
        answer_partner(r, there ? 200 : 201, key, a);
}

void on_partner_put(http_request *r, http_answer *a)
{
    const char *name = NULL;
    ask q;

    if (r->body.len == 0) {
        put_partner(r, NULL, a);
        return;
    }
    if (ask_open(&q, r, "name", a) && ask_text(&q, "name", false, &name))
        put_partner(r, name, a);
    ask_close(&q);
}

void on_partner_remove(http_request *r, http_answer *a)
{
    muster_error err;

    if (muster_partner_remove(r->engine, arg(r, 0), &err) == 0)
        answer_empty(a, 204);
    else
        answer_error(a, &err, "");
}

static void change_share(http_request *r, bool undo, http_answer *a)
{
    muster_error err;

    if (muster_audience_share(r->engine, arg(r, 0), arg(r, 1), undo, NULL,
                              &err) == 0)
        answer_empty(a, 204);
    else
        answer_error(a, &err, "");
}

void on_share_put(http_request *r, http_answer *a)
{
    change_share(r, false, a);
}

void on_share_remove(http_request *r, http_answer *a)
{
    change_share(r, true, a);
}
