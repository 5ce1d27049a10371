/*
 * on_cdp.c - POST /v1/identify, track, page, group, batch: what customer data
 * platforms send.
 *
 * Each message is translated (cdp.c) and becomes an input of its own, named by
 * its messageId, so that one that is sent again does nothing, also in another
 * batch and after a restart. All of a request commit together, and the answer
 * comes when they are durable: the receipt of them all, with
 *
 *   success      was anything taken, or nothing to be taken?
 *   duplicates   messages that were here before
 *   dropped      members that were left out, by reason; messages that are
 *                refused as a whole are in `rejected` and `reasons`
 *   ignored      properties that the catalog does not ask for
 *
 * The key stands in the Authorization header, or as writeKey in the body.
 *
 * `line` of an error is the number of its message. The status is 207 when
 * anything was refused or left out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <stdio.h>
#include <string.h>
#include "http/cdp.h"
#include "http/connection.h"
#include "http/ingest_key.h"
#include "http/metrics.h"

#define ERRORS_MAX 100u
#define POINTER_BYTES 192

typedef struct cdp_error {
    uint64_t line;
    cdp_reason reason;
    char pointer[POINTER_BYTES];
} cdp_error;

/* A request on its way. */
typedef struct cdp_work {
    http_request *request;
    const json_value *root;
    bool batch;
    cdp_view view;
    buffer records;       /* one line a message that is taken */
    muster_part *parts;
    size_t *begins;       /* where each one's line begins */
    uint64_t *lines;      /* the number of its message */
    char (*ids)[MUSTER_LOAD_ID_BYTES_MAX + 1];
    size_t part_count;
    uint64_t messages;
    uint64_t rejected;
    uint64_t dropped;
    uint64_t ignored;
    uint64_t reasons[CDP_REASON_COUNT];      /* of messages */
    uint64_t drop_reasons[CDP_REASON_COUNT]; /* of members */
    cdp_error errors[ERRORS_MAX];
    size_t error_count;
    bool truncated;
} cdp_work;

/* ---- what the catalog knows ---- */

static int note_attribute(void *payload, const muster_attribute *row)
{
    static const struct {
        const char *word;
        cdp_kind kind;
    } kinds[] = {{"flag", CDP_KIND_FLAG},       {"one_of", CDP_KIND_ONE_OF},
                 {"many_of", CDP_KIND_MANY_OF}, {"number", CDP_KIND_NUMBER},
                 {"event", CDP_KIND_EVENT}};
    cdp_attribute *out = payload;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(row->kind, kinds[i].word) == 0)
            out->kind = kinds[i].kind;
    if (out->kind == CDP_KIND_NUMBER && strcmp(row->unit, "date") == 0)
        out->kind = CDP_KIND_DATE;
    out->no_amount = row->declared && !row->amount;
    return 0;
}

static cdp_attribute find_attribute(void *payload, const char *name)
{
    const cdp_work *work = payload;
    cdp_attribute found = {CDP_KIND_NONE, false};
    (void)muster_attribute_find(work->request->engine, name, note_attribute,
                                &found, NULL);
    return found;
}

/* ---- what is left out ---- */

static void note_error(cdp_work *work, cdp_reason reason, const char *pointer)
{
    if (work->error_count == ERRORS_MAX) {
        work->truncated = true;
        return;
    }
    cdp_error *e = &work->errors[work->error_count++];
    e->line = work->messages;
    e->reason = reason;
    if (work->batch)
        snprintf(e->pointer, sizeof e->pointer, "/batch/%llu%s",
                 (unsigned long long)work->messages - 1, pointer);
    else
        snprintf(e->pointer, sizeof e->pointer, "%s", pointer);
}

static void note_drop(void *payload, cdp_reason reason, const char *pointer)
{
    cdp_work *work = payload;
    work->dropped++;
    work->drop_reasons[reason]++;
    note_error(work, reason, pointer);
}

/* ---- messages ---- */

static void take_message(cdp_work *work, cdp_type type,
                         const json_value *message, muster_text sent_at)
{
    const size_t begin = work->records.len;
    const char *pointer = "";
    muster_text id;
    work->messages++;
    const cdp_reason reason =
        cdp_translate(&work->view, type, message, sent_at, &work->records,
                      &pointer, &work->ignored);
    if (reason != CDP_OK) {
        work->rejected++;
        work->reasons[reason]++;
        note_error(work, reason, pointer);
        return;
    }
    const size_t n = work->part_count++;
    work->begins[n] = begin;
    work->lines[n] = work->messages;
    work->parts[n].len = work->records.len - begin;
    if (cdp_message_id(message, &id)) {
        ingest_message_id(work->ids[n], work->request->caller->provider, id);
        work->parts[n].load_id = work->ids[n];
    }
}

static void make_room(cdp_work *work, size_t count)
{
    work->parts = mem_array(count + 1, sizeof *work->parts);
    work->begins = mem_array(count + 1, sizeof *work->begins);
    work->lines = mem_array(count + 1, sizeof *work->lines);
    work->ids = mem_array(count + 1, sizeof *work->ids);
}

static bool take_batch(cdp_work *work, http_answer *a)
{
    const json_value *list = json_get(work->root, "batch");
    const json_value *sent = json_get(work->root, "sentAt");
    muster_text sent_at = text_make(NULL, 0);
    if (list == NULL || json_typeof(list) != JSON_ARRAY) {
        answer_problem_at(a, 422, "missing_member", "/batch",
                          "`batch` is an array of messages");
        return false;
    }
    if (json_count(list) > CDP_BATCH_MESSAGES_MAX) {
        answer_problem_at(a, 413, "too_many", "/batch",
                          "a batch has at most %u messages",
                          CDP_BATCH_MESSAGES_MAX);
        return false;
    }
    if (sent != NULL && json_typeof(sent) == JSON_STRING)
        sent_at = json_string(sent);
    make_room(work, json_count(list));
    work->batch = true;
    for (json_iter it = json_iter_of(list); json_next(&it);)
        take_message(work, CDP_ANY, it.value, sent_at);
    return true;
}

/* ---- the answer ---- */

static void put_value(json_writer *w, const json_value *v)
{
    const json_type type = json_typeof(v);
    if (type == JSON_OBJECT || type == JSON_ARRAY) {
        if (type == JSON_OBJECT)
            json_open_object(w);
        else
            json_open_array(w);
        for (json_iter it = json_iter_of(v); json_next(&it);) {
            if (it.object)
                json_key_text(w, it.key);
            put_value(w, it.value);
        }
        json_close(w);
    } else if (type == JSON_STRING) {
        json_put_text(w, json_string(v));
    } else if (type == JSON_NUMBER) {
        json_put_raw(w, json_string(v));
    } else if (type == JSON_INT) {
        json_put_int(w, json_int(v));
    } else if (type == JSON_BOOL) {
        json_put_bool(w, json_bool(v));
    } else {
        json_put_null(w);
    }
}

static void put_count(json_writer *w, const char *word, uint64_t n)
{
    if (n == 0)
        return;
    json_key(w, word);
    json_put_uint(w, n);
}

/* The reasons of both: those that the engine gave may have our words. */
static void put_reasons(json_writer *w, const cdp_work *work,
                        const json_value *given)
{
    bool told[CDP_REASON_COUNT] = {false};
    json_open_object(w);
    for (json_iter it = json_iter_of(given); json_next(&it);) {
        uint64_t n = (uint64_t)json_int(it.value);
        for (int i = CDP_OK + 1; i < CDP_REASON_COUNT; i++)
            if (text_is(it.key, cdp_reason_word((cdp_reason)i))) {
                n += work->reasons[i];
                told[i] = true;
            }
        json_key_text(w, it.key);
        json_put_uint(w, n);
    }
    for (int i = CDP_OK + 1; i < CDP_REASON_COUNT; i++)
        if (!told[i])
            put_count(w, cdp_reason_word((cdp_reason)i), work->reasons[i]);
    json_close(w);
}

static void put_error(json_writer *w, uint64_t line, const char *pointer,
                      muster_text code, muster_text message)
{
    json_open_object(w);
    json_key(w, "line");
    json_put_uint(w, line);
    json_key(w, "offset");
    json_put_uint(w, 0);
    json_key(w, "pointer");
    json_put_str(w, pointer);
    json_key(w, "code");
    json_put_text(w, code);
    json_key(w, "message");
    json_put_text(w, message);
    json_close(w);
}

/* Those of the messages, then those of the engine, which speaks of records:
 * of these only the message is told. */
static void put_errors(json_writer *w, const cdp_work *work,
                       const json_value *given)
{
    json_open_array(w);
    for (size_t i = 0; i < work->error_count; i++) {
        const cdp_error *e = &work->errors[i];
        put_error(w, e->line, e->pointer, text_of(cdp_reason_word(e->reason)),
                  text_of(cdp_reason_text(e->reason)));
    }
    size_t left = ERRORS_MAX - work->error_count;
    for (json_iter it = json_iter_of(given); left > 0 && json_next(&it);
         left--) {
        char pointer[48] = "";
        const size_t part = (size_t)json_int(json_get(it.value, "line")) - 1;
        ASSERT(part < work->part_count);
        const uint64_t line = work->lines[part];
        if (work->batch)
            snprintf(pointer, sizeof pointer, "/batch/%llu",
                     (unsigned long long)line - 1);
        put_error(w, line, pointer,
                  json_string(json_get(it.value, "code")),
                  json_string(json_get(it.value, "message")));
    }
    json_close(w);
}

static uint64_t count_duplicates(const cdp_work *work)
{
    uint64_t n = 0;
    for (size_t i = 0; i < work->part_count; i++)
        n += work->parts[i].repeated;
    return n;
}

static void put_own(json_writer *w, const cdp_work *work)
{
    json_key(w, "duplicates");
    json_put_uint(w, count_duplicates(work));
    json_key(w, "dropped");
    json_open_object(w);
    for (int i = CDP_OK + 1; i < CDP_REASON_COUNT; i++)
        put_count(w, cdp_reason_word((cdp_reason)i), work->drop_reasons[i]);
    json_close(w);
    json_key(w, "ignored");
    json_put_uint(w, work->ignored);
}

/* One member of the receipt, with ours added. */
static void put_member(json_writer *w, const cdp_work *work,
                       const json_iter *it)
{
    json_key_text(w, it->key);
    if (text_is(it->key, "records") || text_is(it->key, "rejected"))
        json_put_uint(w, (uint64_t)json_int(it->value) + work->rejected);
    else if (text_is(it->key, "reasons"))
        put_reasons(w, work, it->value);
    else if (text_is(it->key, "errors"))
        put_errors(w, work, it->value);
    else if (text_is(it->key, "errors_truncated"))
        json_put_bool(w, json_bool(it->value) || work->truncated ||
                             work->error_count == ERRORS_MAX);
    else
        put_value(w, it->value);
}

static void answer_work(const cdp_work *work, const muster_receipt *receipt,
                        const char *json, http_answer *a)
{
    const uint64_t refused = receipt->rejected + work->rejected;
    const uint64_t taken = receipt->accepted + count_duplicates(work);
    json_doc *doc = NULL;
    const int rc = json_parse(&doc, json, strlen(json), JSON_STRICT, NULL);
    ASSERT(rc == 0);
    metrics_ingest(work->request->route, receipt->accepted, refused);
    json_writer *w =
        answer_json(a, refused > 0 || work->dropped > 0 ? 207 : 200);
    json_open_object(w);
    json_key(w, "success");
    json_put_bool(w, taken > 0 || refused == 0);
    for (json_iter it = json_iter_of(json_root(doc)); json_next(&it);)
        put_member(w, work, &it);
    put_own(w, work);
    json_key(w, "request_id");
    json_put_str(w, work->request->id);
    json_close(w);
    json_free(doc);
}

/* ---- sending ---- */

static void send_work(cdp_work *work, http_answer *a)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_receipt receipt;
    muster_error err;
    char *json = NULL;
    error_clear(&err);
    options.format = MUSTER_INPUT_NDJSON;
    options.provider = work->request->caller->provider;
    for (size_t i = 0; i < work->part_count; i++)
        work->parts[i].bytes = work->records.data + work->begins[i];
    if (muster_ingest_parts(work->request->engine, &options, work->parts,
                            work->part_count, &receipt, &json, &err) != 0)
        ingest_answer_error(a, &err);
    else
        answer_work(work, &receipt, json, a);
    mem_free(json);
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

static void serve(http_request *r, http_answer *a, cdp_type type)
{
    const uint64_t started_ns = clock_monotonic_ns();
    json_doc *doc = NULL;
    if (!read_body(r, &doc, a))
        return;
    cdp_work *work = mem_zalloc(sizeof *work);
    work->request = r;
    work->root = json_root(doc);
    work->view = (cdp_view){muster_engine_now(r->engine),
                            muster_catalog_is_strict(r->engine),
                            find_attribute, note_drop, work};
    /* Names stand in front of each trait, so records may be much longer than
     * their messages, but seldom are. */
    buffer_init(&work->records, 16 * BODY_MESSAGES);
    bool ok = true;
    if (type == CDP_ANY) {
        ok = take_batch(work, a);
    } else {
        make_room(work, 1);
        take_message(work, type, work->root, text_make(NULL, 0));
    }
    if (ok && !buffer_ok(&work->records)) {
        answer_problem(a, 413, "long_body",
                       "the records of this body are too long; send fewer "
                       "messages at once");
        ok = false;
    }
    if (ok)
        send_work(work, a);
    a->eval_ns = clock_monotonic_ns() - started_ns;
    mem_free(work->parts);
    mem_free(work->begins);
    mem_free(work->lines);
    mem_free(work->ids);
    buffer_release(&work->records);
    mem_free(work);
    json_free(doc);
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

static void end_body(http_request *r, http_answer *a, cdp_type type)
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
CDP_STREAM(identify, CDP_IDENTIFY)
CDP_STREAM(track, CDP_TRACK)
CDP_STREAM(page, CDP_PAGE)
CDP_STREAM(group, CDP_GROUP)
CDP_STREAM(batch, CDP_ANY)
