/*
 * on_members.c - who is in it: GET /v1/segments/{key}/members of a saved
 * segment, POST /v1/ids of any expression. Users are shown by their primary
 * pseudonym, 32 hexadecimal digits, as `muster ids` prints them; the right to
 * it is `export`.
 *
 * Pages. One answer has up to `limit` users and the cursor of the next page:
 * in JSON as next_cursor, in every form as the header X-Next-Cursor, which the
 * last page lacks. A cursor is a place in the order in which users were first
 * seen, which never changes. So an export goes on where it broke off, and of
 * a user that was in the segment all the time none is left out or shown twice;
 * users that come or go meanwhile are shown as they are when their page is
 * made. A page that takes too long ends early, with a cursor.
 *
 *   json     {"users":[{"pseudonym":"..."}],"has_more":..,"next_cursor":..,
 *             "as_of":..,"epoch":..}
 *   ndjson   {"pseudonym":"..."} a line
 *   csv      the same with a header line, on each page
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <string.h>
#include "http/ask.h"
#include "http/segments.h"
#include "http/shapes.h"

#define MEMBERS_LIMIT_DEFAULT 10000u
/* 53 bytes each in JSON: an answer of some MB. */
#define MEMBERS_LIMIT_MAX 100000u
#define CURSOR_MARK 'u'
#define HEX_BYTES (2 * sizeof(muster_pseudonym))

typedef struct members {
    http_request *r;
    http_answer *a;
    json_writer *w; /* of the JSON form */
    http_media media;
    uint64_t limit;
    uint64_t shown;
    uint64_t place; /* where the page begins, then where the next one does */
} members;

/* ---- what is asked ---- */

static bool bad_cursor(http_answer *a)
{
    answer_problem(a, 400, "bad_cursor",
                   "a cursor is the next_cursor of the page before");
    return false;
}

static bool take_cursor(members *m, muster_text cursor)
{
    int64_t place;
    if (cursor.len < 2 || cursor.ptr[0] != CURSOR_MARK ||
        !text_parse_int(text_make(cursor.ptr + 1, cursor.len - 1), &place) ||
        place < 0)
        return bad_cursor(m->a);
    m->place = (uint64_t)place;
    return true;
}

/* ?format=, else what is wanted by Accept. */
static bool take_format(members *m)
{
    muster_text format;
    m->media = m->r->wants;
    if (!request_query(m->r, "format", &format))
        return true;
    m->media = text_is(format, "json")     ? MEDIA_JSON
               : text_is(format, "ndjson") ? MEDIA_NDJSON
               : text_is(format, "csv")    ? MEDIA_CSV
                                           : MEDIA_NONE;
    if (m->media != MEDIA_NONE)
        return true;
    answer_problem(m->a, 400, "bad_format",
                   "format is one of json, ndjson and csv");
    return false;
}

/* ---- the walk ---- */

static void put_line(members *m, const char *hex)
{
    buffer *out = &m->a->body;
    if (m->media == MEDIA_CSV) {
        buffer_put(out, hex, HEX_BYTES);
        buffer_put_u8(out, '\n');
        return;
    }
    buffer_put_str(out, "{\"pseudonym\":\"");
    buffer_put(out, hex, HEX_BYTES);
    buffer_put_str(out, "\"}\n");
}

static int put_user(void *payload, const muster_pseudonym *user)
{
    static const char digits[] = "0123456789abcdef";
    members *m = payload;
    char hex[HEX_BYTES];
    if (m->shown == m->limit)
        return 1;
    for (size_t i = 0; i < sizeof user->bytes; i++) {
        hex[2 * i] = digits[user->bytes[i] >> 4];
        hex[2 * i + 1] = digits[user->bytes[i] & 15];
    }
    m->shown++;
    if (m->w == NULL) {
        put_line(m, hex);
        return 0;
    }
    json_open_object(m->w);
    json_key(m->w, "pseudonym");
    json_put_text(m->w, text_make(hex, sizeof hex));
    json_close(m->w);
    return 0;
}

static void begin(members *m)
{
    if (m->media != MEDIA_NDJSON && m->media != MEDIA_CSV) {
        m->w = answer_json(m->a, 200);
        json_open_object(m->w);
        json_key(m->w, "users");
        json_open_array(m->w);
        return;
    }
    answer_empty(m->a, 200);
    m->a->media = m->media;
    if (m->media == MEDIA_CSV)
        buffer_put_str(&m->a->body, "pseudonym\n");
}

static void end(members *m)
{
    char cursor[24] = {CURSOR_MARK};
    const bool more = m->place != UINT64_MAX;
    cursor[1 + text_format_uint(cursor + 1, m->place)] = '\0';
    if (more)
        answer_header(m->a, "X-Next-Cursor", "%s", cursor);
    if (m->w == NULL)
        return;
    json_close(m->w);
    shape_put_bool(m->w, "has_more", more);
    shape_put_word(m->w, "next_cursor", more ? cursor : NULL);
    shape_put_state(m->w, m->r->engine);
    json_close(m->w);
}

static void answer_members(members *m, muster_segment *segment)
{
    const uint64_t first = m->place;
    muster_task task = request_task(m->r);
    muster_error err;
    const uint64_t start = clock_monotonic_ns();
    begin(m);
    const int rc = muster_segment_users_from(segment, &m->place, &task,
                                             put_user, m, &err);
    m->a->eval_ns = clock_monotonic_ns() - start;
    /* Some way was made before time was up: the next page goes on. */
    if (rc == MUSTER_ECANCELLED && m->place > first)
        end(m);
    else if (rc < 0)
        answer_error(m->a, &err, "");
    else
        end(m);
}

/* ---- the routes ---- */

void on_segment_members(http_request *r, http_answer *a)
{
    members m = {.r = r, .a = a};
    muster_segment *segment = NULL;
    muster_text cursor;
    const char *key;
    muster_saved now;
    muster_error err;
    if (!segment_key(r, &key, a) || !take_format(&m) ||
        !request_number(r, "limit", 1, MEMBERS_LIMIT_MAX,
                        MEMBERS_LIMIT_DEFAULT, &m.limit, a) ||
        (request_query(r, "cursor", &cursor) && !take_cursor(&m, cursor)))
        return;
    int rc = segment_now(r, key, &now, &err);
    if (rc == 0)
        rc = muster_segment_compile(&segment, r->engine, r->caller->viewer,
                                    now.expr, strlen(now.expr), &err);
    if (rc == 0)
        answer_members(&m, segment);
    else
        answer_error(a, &err, "");
    muster_segment_free(segment);
}

void on_ids(http_request *r, http_answer *a)
{
    members m = {.r = r, .a = a, .limit = MEMBERS_LIMIT_DEFAULT};
    const char *cursor = NULL;
    ask q;
    if (ask_open(&q, r, "expr ast segment limit cursor", a) &&
        take_format(&m) &&
        ask_number(&q, "limit", 1, MEMBERS_LIMIT_MAX, &m.limit) &&
        ask_text(&q, "cursor", false, &cursor) &&
        (cursor == NULL || take_cursor(&m, text_of(cursor))) &&
        ask_compile(&q))
        answer_members(&m, q.segment);
    ask_close(&q);
}
