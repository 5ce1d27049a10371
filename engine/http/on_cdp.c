/*
 * on_cdp.c - POST /v1/identify, track, page, group, batch: what customer data
 * platforms send. The engine reads it (muster_ingest_messages) and the answer
 * comes when it is durable: its receipt.
 *
 * The key stands in the Authorization header, or as writeKey in the body. The
 * status is 207 when anything was refused or left out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <string.h>
#include "http/connection.h"
#include "http/ingest_key.h"
#include "http/metrics.h"
#include "http/msgpack.h"

/* A body of msgpack as JSON, as it was read before. */
#define TEXT_BYTES_MAX ((size_t)16 << 20)

/* The engine's error, at the place in the body where it is one of it. */
static void answer_why(const muster_error *err, http_answer *a)
{
    if (strcmp(err->word, "missing_member") == 0)
        answer_problem_at(a, 422, err->word, "/batch", "%s", err->message);
    else if (strcmp(err->word, "too_many") == 0)
        answer_problem_at(a, 413, err->word, "/batch", "%s", err->message);
    else if (strcmp(err->word, "long_body") == 0)
        answer_problem(a, 413, err->word, "%s", err->message);
    else
        ingest_answer_error(a, err);
}

/* The body and who sent it. Who shows no key is told that first. */
static bool read_body(http_request *r, json_doc **doc, http_answer *a)
{
    const bool known = (r->caller->may & MAY_INGEST) != 0;
    const json_value *key = NULL;
    const bool read = request_document(r, doc, a);
    if (read && !known)
        key = json_get(json_root(*doc), "writeKey");
    const bool shown = key != NULL && json_typeof(key) == JSON_STRING;
    if (!known &&
        !ingest_find_caller(r, shown ? json_string(key) : text_make(NULL, 0),
                            a)) {
        json_free(*doc);
        return false;
    }
    return read;
}

/* The body as JSON, in `text` where it is not; it was read before. */
static muster_text body_of(const http_request *r, buffer *text)
{
    if (r->sends != MEDIA_MSGPACK)
        return r->body;
    const int rc = packed_to_json(r->body, text, NULL);
    return rc == 0 ? text_make((const char *)text->data, text->len)
                   : text_make("", 0);
}

static void serve(http_request *r, http_answer *a, muster_message_type type)
{
    const uint64_t started_ns = clock_monotonic_ns();
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_messages_receipt receipt;
    muster_error err;
    json_doc *doc = NULL;
    char *json = NULL;
    buffer text;
    error_clear(&err);
    if (!read_body(r, &doc, a))
        return;
    json_free(doc);
    buffer_init(&text, TEXT_BYTES_MAX);
    const muster_text body = body_of(r, &text);
    options.provider = r->caller->provider;
    options.derive = request_derive(r);
    if (muster_ingest_messages(r->engine, &options, type, body.ptr, body.len,
                               &receipt, &json, &err) != 0) {
        answer_why(&err, a);
    } else {
        const bool whole = receipt.sum.rejected == 0 && receipt.dropped == 0;
        metrics_ingest(r->route, receipt.sum.accepted, receipt.sum.rejected);
        ingest_answer(r, a, whole ? 200 : 207, json);
    }
    a->eval_ns = clock_monotonic_ns() - started_ns;
    buffer_release(&text);
    mem_free(json);
}

/* ---- bodies ---- */

/* They are short and collected here rather than by the server, so that the
 * threads that wait for the disk are those of streams: others answer questions
 * meanwhile. */
typedef struct cdp_body {
    buffer sent;
    buffer plain; /* without its Content-Encoding */
    size_t room;  /* of what is asked for by ingest_hold */
} cdp_body;

static bool open_body(http_request *r, http_answer *a)
{
    cdp_body *b = mem_zalloc(sizeof *b);
    (void)a;
    ingest_be_gentle();
    buffer_init(&b->sent, r->route->body_max);
    buffer_init(&b->plain, r->route->body_max);
    r->stream = b;
    return true;
}

static bool push_body(http_request *r, const void *bytes, size_t len,
                      http_answer *a)
{
    cdp_body *b = r->stream;
    const size_t before = b->sent.capacity;
    buffer_put(&b->sent, bytes, len);
    const size_t more = b->sent.capacity - before;
    if (!buffer_ok(&b->sent)) {
        answer_problem(a, 413, "long_body",
                       "bodies have at most %zu bytes here",
                       r->route->body_max);
        return false;
    }
    if (!ingest_hold(more, a))
        return false;
    b->room += more;
    return true;
}

static void end_body(http_request *r, http_answer *a, muster_message_type type)
{
    cdp_body *b = r->stream;
    const buffer *whole = &b->sent;
    muster_text encoding;
    if (b->sent.len > 0 && request_header(r, "Content-Encoding", &encoding) &&
        !text_equal_nocase(encoding, text_of("identity"))) {
        if (!media_decode(encoding, &b->sent, r->route->body_max, &b->plain,
                          a))
            return;
        whole = &b->plain;
    }
    r->body = text_make((const char *)whole->data, whole->len);
    serve(r, a, type);
}

static void close_body(http_request *r)
{
    cdp_body *b = r->stream;
    if (b == NULL)
        return;
    r->stream = NULL;
    r->body = text_make(NULL, 0);
    ingest_unhold(b->room);
    buffer_release(&b->sent);
    buffer_release(&b->plain);
    mem_free(b);
}

/* ---- the handlers ---- */

#define CDP_STREAM(name, type)                                                \
    static void end_##name(http_request *r, http_answer *a)                   \
    {                                                                         \
        end_body(r, a, type);                                                 \
    }                                                                         \
    const http_stream on_##name = {open_body, push_body, end_##name,          \
                                   close_body};
CDP_STREAM(identify, MUSTER_MESSAGE_IDENTIFY)
CDP_STREAM(track, MUSTER_MESSAGE_TRACK)
CDP_STREAM(page, MUSTER_MESSAGE_PAGE)
CDP_STREAM(group, MUSTER_MESSAGE_GROUP)
CDP_STREAM(batch, MUSTER_MESSAGE_BATCH)
