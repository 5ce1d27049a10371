/*
 * shapes.c - what answers have in common: see shapes.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/shapes.h"

#include <string.h>

/* The first byte of a cursor: so that one of another list is no cursor. */
#define CURSOR_MARK '~'

/* ---- members ---- */

void shape_put_word(json_writer *w, const char *key, const char *text)
{
    json_key(w, key);
    if (text == NULL || *text == '\0')
        json_put_null(w);
    else
        json_put_str(w, text);
}

void shape_put_uint(json_writer *w, const char *key, uint64_t v)
{
    json_key(w, key);
    json_put_uint(w, v);
}

void shape_put_int(json_writer *w, const char *key, int64_t v)
{
    json_key(w, key);
    json_put_int(w, v);
}

void shape_put_bool(json_writer *w, const char *key, bool v)
{
    json_key(w, key);
    json_put_bool(w, v);
}

void shape_put_double(json_writer *w, const char *key, double v)
{
    json_key(w, key);
    json_put_double(w, v);
}

void shape_put_str(json_writer *w, const char *key, const char *text)
{
    json_key(w, key);
    json_put_str(w, text);
}

void shape_put_time(json_writer *w, const char *key, muster_time t)
{
    json_key(w, key);
    if (t == 0)
        json_put_null(w);
    else
        answer_put_time(w, t);
}

void shape_put_state(json_writer *w, muster_engine *engine)
{
    shape_put_time(w, "as_of", muster_engine_now(engine));
    shape_put_uint(w, "epoch", muster_engine_epoch(engine));
}

/* ---- findings ---- */

void shape_put_finding(json_writer *w, const muster_error *e)
{
    shape_put_word(w, "code", e->word);
    shape_put_uint(w, "line", e->line);
    shape_put_uint(w, "column", e->column);
    shape_put_uint(w, "offset", e->offset);
    shape_put_uint(w, "length", e->length);
    shape_put_word(w, "message", e->message);
    shape_put_word(w, "suggestion", e->suggestion);
}

void shape_put_warnings(json_writer *w, const muster_segment *segment)
{
    const size_t n =
        segment != NULL ? muster_segment_warning_count(segment) : 0;
    json_key(w, "warnings");
    json_open_array(w);
    for (size_t i = 0; i < n; i++) {
        json_open_object(w);
        shape_put_finding(w, muster_segment_warning(segment, i));
        json_close(w);
    }
    json_close(w);
}

/* ---- saved segments ---- */

void shape_put_saved(json_writer *w, const muster_saved *row,
                     const uint64_t *count)
{
    json_open_object(w);
    shape_put_str(w, "key", row->key);
    if (count != NULL)
        shape_put_uint(w, "count", *count);
    shape_put_uint(w, "id", row->id);
    shape_put_uint(w, "version", row->version);
    shape_put_str(w, "name", row->name);
    shape_put_int(w, "priority", row->priority);
    shape_put_bool(w, "served", row->served);
    shape_put_bool(w, "removed", row->removed);
    shape_put_time(w, "created", row->created);
    shape_put_str(w, "expr", row->expr);
    json_close(w);
}

static const char *keep(http_request *r, const char *text)
{
    return arena_strndup(&r->texts, text, strlen(text));
}

muster_saved shape_keep_saved(http_request *r, const muster_saved *row)
{
    muster_saved kept = *row;
    kept.key = keep(r, row->key);
    kept.expr = keep(r, row->expr);
    kept.name = keep(r, row->name);
    return kept;
}

/* ---- pages ---- */

bool page_read(http_request *r, page *out, http_answer *a)
{
    muster_text cursor;
    *out = (page){.limit = PAGE_LIMIT_DEFAULT};
    if (!request_number(r, "limit", 1, PAGE_LIMIT_MAX, PAGE_LIMIT_DEFAULT,
                        &out->limit, a))
        return false;
    if (!request_query(r, "cursor", &cursor))
        return true;
    if (cursor.len < 2 || cursor.ptr[0] != CURSOR_MARK) {
        answer_problem(a, 400, "bad_cursor",
                       "a cursor is the next_cursor of the page before");
        return false;
    }
    out->after = text_make(cursor.ptr + 1, cursor.len - 1);
    return true;
}

static void take_last(page *p, muster_text name)
{
    ASSERT(name.len <= sizeof p->last);
    memcpy(p->last, name.ptr, name.len);
    p->last_len = name.len;
}

bool page_takes(page *p, muster_text name, size_t bytes)
{
    if (p->after.len > 0 && text_compare(name, p->after) <= 0)
        return false;
    p->more = p->shown == p->limit ||
              (p->shown > 0 && p->bytes + bytes > PAGE_BYTES_MAX);
    if (p->more)
        return false;
    p->shown++;
    p->bytes += bytes;
    take_last(p, name);
    return true;
}

void page_cut(page *p, muster_text name)
{
    take_last(p, name);
    p->more = true;
}

void page_put(json_writer *w, const page *p)
{
    char cursor[1 + sizeof p->last];
    shape_put_bool(w, "has_more", p->more);
    json_key(w, "next_cursor");
    if (!p->more) {
        json_put_null(w);
        return;
    }
    cursor[0] = CURSOR_MARK;
    memcpy(cursor + 1, p->last, p->last_len);
    json_put_text(w, text_make(cursor, p->last_len + 1));
}
