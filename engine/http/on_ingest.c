/*
 * on_ingest.c - POST /v1/ingest: records in any format, of any length.
 *
 * A body up to WHOLE_BYTES is held until it is there, and then committed with
 * those of other requests: one flush of the disk for all that wait. A longer
 * one becomes a feed at that moment, and goes on as its bytes come: parsed
 * beside, committed in parts, so that it needs the same memory whatever its
 * length. Which of the two it is depends on its length as sent alone, so a
 * repeated request goes the same way as the first. (One that unpacks to more
 * than the engine takes whole becomes a feed, too.)
 *
 * The answer comes when everything accepted is durable. Idempotency-Key is the
 * load id (ingest_key.h): the same body again answers the first receipt, one
 * that broke off goes on behind what was committed.
 *
 * What would be more than fits is refused at once with Retry-After, before it
 * is parsed: STREAMS_MAX long bodies at a time, one of which hands bytes to
 * its parsers at a time, HELD_BYTES_MAX held. Parsers of long bodies run at
 * low priority: membership comes first.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "http/ingest_key.h"
#include "http/metrics.h"

/* Longer bodies are streamed: what a flush of the disk costs does not matter
 * for them, and memory does. */
#define WHOLE_BYTES ((size_t)1 << 20)
/* Long bodies at once: each holds up to some 50 MB on its way. */
#define STREAMS_MAX 4u
#define RETRY_SECONDS 1
/* Of a file, as most systems have it. */
#define INPUT_NAME_BYTES_MAX 255u

typedef struct ingest_stream {
    muster_feed_options options;
    char provider[MUSTER_NAME_BYTES_MAX + 1];
    char load_id[MUSTER_LOAD_ID_BYTES_MAX + 1];
    char input_name[INPUT_NAME_BYTES_MAX + 1];
    char id_space[MUSTER_NAME_BYTES_MAX + 1];
    muster_text encoding; /* Content-Encoding; len 0: none */
    buffer held;          /* while it may be a short body */
    size_t held_room;     /* what of it is asked for by ingest_hold */
    muster_feed *feed;    /* of a long one */
    bool counted;         /* among the streams */
    bool dry;             /* and as the dry run */
    uint64_t started_ns;
} ingest_stream;

/* ---- pacing ---- */

static pthread_mutex_t parsers = PTHREAD_MUTEX_INITIALIZER;
static unsigned streams;
/* A dry run copies the dictionary: one is enough. */
static unsigned dry_runs;

static bool take_place(unsigned *count, unsigned most)
{
    if (__atomic_add_fetch(count, 1, __ATOMIC_RELAXED) <= most)
        return true;
    __atomic_sub_fetch(count, 1, __ATOMIC_RELAXED);
    return false;
}

static void give_places(ingest_stream *s)
{
    if (s->dry)
        __atomic_sub_fetch(&dry_runs, 1, __ATOMIC_RELAXED);
    if (s->counted) {
        __atomic_sub_fetch(&streams, 1, __ATOMIC_RELAXED);
        metrics_add(METRIC_INGEST_STREAMS, -1);
    }
}

static bool take_places(ingest_stream *s, http_answer *a)
{
    s->counted = take_place(&streams, STREAMS_MAX);
    if (s->counted)
        metrics_add(METRIC_INGEST_STREAMS, 1);
    s->dry = s->counted && s->options.dry_run && take_place(&dry_runs, 1);
    if (s->counted && s->dry == s->options.dry_run)
        return true;
    answer_problem(a, 503, "busy",
                   "as many %s as can be are being read; try again",
                   s->counted ? "dry runs" : "long bodies");
    answer_header(a, "Retry-After", "%d", RETRY_SECONDS);
    return false;
}

/* ---- answers ---- */

static int status_of(const muster_receipt *receipt)
{
    return receipt->rejected > 0 ? 207 : 200;
}

static void answer_receipt(http_request *r, const ingest_stream *s,
                           const muster_receipt *receipt, const char *json,
                           http_answer *a)
{
    if (!receipt->repeated)
        metrics_ingest(r->route, receipt->accepted, receipt->rejected);
    ingest_answer(r, a, status_of(receipt), json);
    if (receipt->repeated && s->options.load_id != NULL)
        answer_header(a, "Idempotent-Replayed", "true");
    a->eval_ns = clock_monotonic_ns() - s->started_ns;
}

/* The engine's error, in the words of HTTP where its own speak of flags. */
static void answer_why(const ingest_stream *s, const muster_error *err,
                       http_answer *a)
{
    if (strcmp(err->word, "max_errors") == 0)
        answer_problem(a, 422, err->word,
                       "more than %llu records were rejected",
                       (unsigned long long)s->options.max_errors);
    else if (strcmp(err->word, "unknown_format") == 0)
        answer_problem(a, 400, err->word,
                       "the body is none of NDJSON, a JSON array, CSV with a "
                       "header of paths like ids.cookie, and msgpack; "
                       "Content-Type says which it is");
    else if (strcmp(err->word, "bad_input_name") == 0)
        answer_problem(a, 400, err->word,
                       "?input_name is the name of the file, like "
                       "ftp_dpm_478_1366545717.sync or "
                       "adobe_id_111_222_1454442149.sync; one of a global "
                       "source names the owner, too");
    else
        ingest_answer_error(a, err);
}

/* And what was accepted before it. */
static void answer_broken(http_request *r, ingest_stream *s,
                          const muster_error *err, http_answer *a)
{
    muster_receipt receipt;
    answer_why(s, err, a);
    if (s->feed == NULL)
        return;
    muster_feed_receipt(s->feed, &receipt);
    metrics_ingest(r->route, receipt.accepted, receipt.rejected);
    ASSERT(a->body.len > 2 && a->body.data[a->body.len - 1] == '}');
    a->body.len--;
    buffer_put_str(&a->body, ",\"receipt\":");
    buffer_put_str(&a->body, muster_feed_receipt_json(s->feed));
    buffer_put_str(&a->body, "}");
}

/* ---- opening ---- */

/* Whose facts these are: the key's provider, or for one that has none the
 * query's, else what the records say. */
static bool read_provider(http_request *r, ingest_stream *s, http_answer *a)
{
    const char *own = r->caller->provider;
    muster_text asked = {NULL, 0};
    const bool given = request_query(r, "provider", &asked);
    if (given && (asked.len == 0 || asked.len > MUSTER_NAME_BYTES_MAX)) {
        answer_problem(a, 400, "bad_name",
                       "?provider names a provider, with 1 to %u characters",
                       MUSTER_NAME_BYTES_MAX);
        return false;
    }
    if (own != NULL && given && !text_is(asked, own)) {
        answer_problem(a, 403, "foreign_provider",
                       "the key brings facts of one provider, and ?provider "
                       "names another");
        return false;
    }
    const muster_text name = own != NULL ? text_of(own) : asked;
    ASSERT(name.len < sizeof s->provider);
    if (name.len > 0)
        memcpy(s->provider, name.ptr, name.len);
    s->options.provider = name.len > 0 ? s->provider : NULL;
    s->options.only_provider = own != NULL;
    return true;
}

static bool is_visible(muster_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return false;
    return true;
}

static bool read_key(http_request *r, ingest_stream *s, http_answer *a)
{
    muster_text key;
    if (!request_header(r, "Idempotency-Key", &key))
        return true;
    if (key.len == 0 || key.len > INGEST_KEY_BYTES_MAX || !is_visible(key)) {
        answer_problem(a, 400, "bad_idempotency_key",
                       "an Idempotency-Key has 1 to %u visible ASCII "
                       "characters",
                       INGEST_KEY_BYTES_MAX);
        return false;
    }
    ingest_load_id(s->load_id, s->options.provider, key);
    s->options.load_id = s->load_id;
    return true;
}

static bool read_encoding(http_request *r, ingest_stream *s, http_answer *a)
{
    if (!request_header(r, "Content-Encoding", &s->encoding))
        return true;
    const muster_text e = text_trim(s->encoding);
    if (text_equal_nocase(e, text_of("identity")))
        s->encoding = text_make("", 0);
    else if (text_equal_nocase(e, text_of("zstd")))
        s->encoding = text_of("zstd");
    else if (text_equal_nocase(e, text_of("gzip")) ||
             text_equal_nocase(e, text_of("x-gzip")))
        s->encoding = text_of("gzip");
    else {
        answer_problem(a, 415, "unsupported_encoding",
                       "Content-Encoding is gzip, zstd or identity");
        return false;
    }
    return true;
}

static bool read_ack(http_request *r, ingest_stream *s, http_answer *a)
{
    muster_text ack;
    if (!request_query(r, "ack", &ack) || text_is(ack, "durable"))
        return true;
    if (text_is(ack, "applied")) {
        s->options.ack = MUSTER_ACK_APPLIED;
        return true;
    }
    answer_problem(a, 400, "bad_ack", "?ack is durable or applied");
    return false;
}

static muster_input_format format_of(http_media sends)
{
    switch (sends) {
    case MEDIA_NDJSON:
        return MUSTER_INPUT_NDJSON;
    case MEDIA_MSGPACK:
        return MUSTER_INPUT_MSGPACK;
    case MEDIA_CSV:
        return MUSTER_INPUT_CSV;
    default: /* JSON: an array or, without one, objects; none: by its bytes */
        return MUSTER_INPUT_AUTO;
    }
}

/* A text of the query into `out` of `room` bytes; *shown: it, or NULL. */
static bool read_text(http_request *r, const char *name, char *out,
                      size_t room, const char **shown, http_answer *a)
{
    muster_text text;
    if (!request_query(r, name, &text))
        return true;
    if (text.len == 0 || text.len >= room) {
        answer_problem(a, 400, "bad_query", "?%s has 1 to %zu characters",
                       name, room - 1);
        return false;
    }
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    *shown = out;
    return true;
}

/* The forms of others, which have no media types of their own. */
static bool read_dialect(http_request *r, ingest_stream *s, http_answer *a)
{
    muster_text word;
    if (request_query(r, "input_format", &word)) {
        s->options.format = muster_input_format_find(word);
        if (s->options.format < MUSTER_INPUT_AAM_SYNC) {
            answer_problem(a, 400, "bad_input_format",
                           "?input_format is aam-sync, aam-overwrite, "
                           "aam-ids, liveramp or cdp; Content-Type says the "
                           "others");
            return false;
        }
    }
    return read_text(r, "input_name", s->input_name, sizeof s->input_name,
                     &s->options.input_name, a) &&
           read_text(r, "id_space", s->id_space, sizeof s->id_space,
                     &s->options.id_space, a);
}

static void close_stream(http_request *r)
{
    ingest_stream *s = r->stream;
    if (s == NULL)
        return;
    r->stream = NULL;
    muster_feed_free(s->feed);
    ingest_unhold(s->held_room);
    buffer_release(&s->held);
    give_places(s);
    mem_free(s);
}

static bool open_stream(http_request *r, http_answer *a)
{
    ingest_stream *s = mem_zalloc(sizeof *s);
    ingest_be_gentle();
    r->stream = s;
    s->options = (muster_feed_options)MUSTER_FEED_OPTIONS_INIT;
    s->options.format = format_of(r->sends);
    s->options.gentle = true;
    s->options.derive = request_derive(r);
    s->started_ns = clock_monotonic_ns();
    buffer_init(&s->held, WHOLE_BYTES + 2); /* and the brackets of wrap() */
    return request_flag(r, "dry_run", &s->options.dry_run, a) &&
           request_number(r, "max_errors", 0, UINT64_MAX - 1, UINT64_MAX,
                          &s->options.max_errors, a) &&
           read_ack(r, s, a) && read_provider(r, s, a) &&
           read_dialect(r, s, a) &&
           read_encoding(r, s, a) && read_key(r, s, a);
}

/* ---- bytes ---- */

/* Does what is held begin as Content-Encoding says? */
static bool check_packing(const ingest_stream *s, http_answer *a)
{
    static const char gzip[] = {0x1f, (char)0x8b};
    static const char zstd[] = {0x28, (char)0xb5, 0x2f, (char)0xfd};
    static const char skippable[] = {0x2a, 0x4d, 0x18};
    const muster_text body =
        text_make((const char *)s->held.data, s->held.len);
    bool fits = s->encoding.len == 0 || body.len == 0;
    if (!fits && text_is(s->encoding, "gzip"))
        fits = text_starts_with(body, text_make(gzip, sizeof gzip));
    else if (!fits)
        fits = text_starts_with(body, text_make(zstd, sizeof zstd)) ||
               ((body.ptr[0] & 0xf0) == 0x50 &&
                text_starts_with(text_make(body.ptr + 1, body.len - 1),
                                 text_make(skippable, sizeof skippable)));
    if (!fits)
        answer_problem(a, 400, "bad_encoding",
                       "the body does not begin as its Content-Encoding says");
    return fits;
}

static bool push_feed(http_request *r, ingest_stream *s, const void *bytes,
                      size_t len, http_answer *a)
{
    muster_error err;
    error_clear(&err);
    pthread_mutex_lock(&parsers);
    const int rc = muster_feed_push(s->feed, bytes, len, &err);
    pthread_mutex_unlock(&parsers);
    if (rc == 0)
        return true;
    muster_error ending;
    (void)muster_feed_finish(s->feed, &ending);
    answer_broken(r, s, &err, a);
    return false;
}

/* The body is a long one: what is held goes ahead. */
static bool begin_feed(http_request *r, ingest_stream *s, http_answer *a)
{
    muster_error err;
    error_clear(&err);
    if (!check_packing(s, a) || !take_places(s, a))
        return false;
    if (muster_feed_open(&s->feed, r->engine, &s->options, &err) != 0) {
        answer_broken(r, s, &err, a);
        return false;
    }
    const bool ok = push_feed(r, s, s->held.data, s->held.len, a);
    buffer_release(&s->held);
    ingest_unhold(s->held_room);
    s->held_room = 0;
    return ok;
}

/* Room is asked for as the buffer doubles. */
static bool hold(ingest_stream *s, const void *bytes, size_t len,
                 http_answer *a)
{
    const size_t before = s->held.capacity;
    buffer_put(&s->held, bytes, len);
    ASSERT(buffer_ok(&s->held));
    const size_t more = s->held.capacity - before;
    if (!ingest_hold(more, a))
        return false;
    s->held_room += more;
    return true;
}

static bool push_stream(http_request *r, const void *bytes, size_t len,
                        http_answer *a)
{
    ingest_stream *s = r->stream;
    if (s->feed != NULL)
        return push_feed(r, s, bytes, len, a);
    if (s->held.len + len <= WHOLE_BYTES)
        return hold(s, bytes, len, a);
    return begin_feed(r, s, a) && push_feed(r, s, bytes, len, a);
}

/* ---- the end ---- */

/* application/json may be one record over several lines: an array of one. */
static void wrap(http_request *r, ingest_stream *s)
{
    const muster_text body = text_trim(
        text_make((const char *)s->held.data, s->held.len));
    json_doc *doc = NULL;
    if (r->sends != MEDIA_JSON || body.len == 0 || body.ptr[0] != '{' ||
        memchr(body.ptr, '\n', body.len) == NULL ||
        json_parse(&doc, body.ptr, body.len, JSON_STRICT, NULL) != 0)
        return;
    json_free(doc);
    buffer_put_u8(&s->held, ']');
    memmove(s->held.data + 1, s->held.data, s->held.len);
    s->held.data[0] = '[';
    s->held.len++;
}

static void end_feed(http_request *r, ingest_stream *s, http_answer *a)
{
    muster_receipt receipt;
    muster_error err;
    error_clear(&err);
    if (muster_feed_finish(s->feed, &err) != 0) {
        answer_broken(r, s, &err, a);
        return;
    }
    muster_feed_receipt(s->feed, &receipt);
    answer_receipt(r, s, &receipt, muster_feed_receipt_json(s->feed), a);
}

static void end_whole(http_request *r, ingest_stream *s, http_answer *a)
{
    muster_receipt receipt;
    muster_error err;
    char *json = NULL;
    error_clear(&err);
    if (!check_packing(s, a))
        return;
    wrap(r, s);
    const int rc = muster_ingest(r->engine, &s->options, s->held.data,
                                 s->held.len, &receipt, &json, &err);
    if (rc == 0)
        answer_receipt(r, s, &receipt, json, a);
    else if (strcmp(err.word, "long_body") != 0)
        answer_broken(r, s, &err, a);
    else if (begin_feed(r, s, a)) /* it unpacks to a long one */
        end_feed(r, s, a);
    mem_free(json);
}

static void end_stream(http_request *r, http_answer *a)
{
    ingest_stream *s = r->stream;
    const bool whole =
        !s->options.dry_run && s->options.max_errors == UINT64_MAX;
    if (s->feed == NULL && whole)
        end_whole(r, s, a);
    else if (s->feed != NULL || begin_feed(r, s, a))
        end_feed(r, s, a);
}

const http_stream on_ingest = {open_stream, push_stream, end_stream,
                               close_stream};
