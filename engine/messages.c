/*
 * messages.c - muster_ingest_messages: what customer data platforms send, as a
 * request brings it.
 *
 * Each message is translated (ingest/cdp.c) and becomes an input of its own,
 * named by its messageId, so that one that is sent again does nothing, also in
 * another batch and after a restart. All of a body commit together. The
 * receipt is that of them all, with
 *
 *   success      was anything taken, or nothing to be taken?
 *   duplicates   messages that were here before
 *   dropped      members that were left out, by reason; messages that are
 *                refused as a whole are in `rejected` and `reasons`
 *   ignored      properties that the catalog does not ask for
 *
 * `line` of an error is the number of its message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "reading.h"

#include <stdio.h>

#define ERRORS_MAX 100u
#define POINTER_BYTES 192
/* Names stand in front of each trait, so records may be much longer than
 * their messages, but seldom are. */
#define RECORDS_BYTES_MAX ((size_t)500 << 14)

typedef struct cdp_error {
    uint64_t line;
    cdp_reason reason;
    char pointer[POINTER_BYTES];
} cdp_error;

/* A request on its way. */
typedef struct cdp_work {
    muster_engine *engine;
    const char *provider;
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

/* ---- names ---- */

/* The load id of a messageId: always a hash, for it may be anything. Behind
 * the provider's name, so that two may use the same. */
static void format_id(char *out, const char *provider, muster_text id)
{
    buffer b;
    buffer_init(&b, MUSTER_NAME_BYTES_MAX + 2 + id.len);
    if (provider) {
        buffer_put_str(&b, provider);
        buffer_put_u8(&b, '/');
    }
    buffer_put_text(&b, id);
    const hash128 h = hash_bytes128(b.data, b.len);
    snprintf(out, MUSTER_LOAD_ID_BYTES_MAX + 1, "message-%016llx%016llx",
             (unsigned long long)h.high, (unsigned long long)h.low);
    buffer_release(&b);
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
        format_id(work->ids[n], work->provider, id);
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

static int take_batch(cdp_work *work, muster_error *err)
{
    const json_value *list = json_get(work->root, "batch");
    const json_value *sent = json_get(work->root, "sentAt");
    muster_text sent_at = text_make(NULL, 0);
    if (list == NULL || json_typeof(list) != JSON_ARRAY)
        return error_set(err, MUSTER_EINVAL, "missing_member",
                         "`batch` is an array of messages");
    if (json_count(list) > CDP_BATCH_MESSAGES_MAX)
        return error_set(err, MUSTER_ELIMIT, "too_many",
                         "a batch has at most %u messages",
                         CDP_BATCH_MESSAGES_MAX);
    if (sent != NULL && json_typeof(sent) == JSON_STRING)
        sent_at = json_string(sent);
    make_room(work, json_count(list));
    work->batch = true;
    for (json_iter it = json_iter_of(list); json_next(&it);)
        take_message(work, CDP_ANY, it.value, sent_at);
    return 0;
}

/* ---- the answer ---- */

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
        json_put_value(w, it->value);
}

static char *receipt_text(const cdp_work *work, const muster_receipt *sum,
                          const char *json)
{
    const uint64_t refused = sum->rejected + work->rejected;
    const uint64_t taken = sum->accepted + count_duplicates(work);
    json_doc *doc = NULL;
    json_writer w;
    buffer text;
    const int rc = json_parse(&doc, json, strlen(json), JSON_STRICT, NULL);
    ASSERT(rc == 0);
    buffer_init(&text, (size_t)16 << 20);
    json_begin(&w, &text, false);
    json_open_object(&w);
    json_key(&w, "success");
    json_put_bool(&w, taken > 0 || refused == 0);
    for (json_iter it = json_iter_of(json_root(doc)); json_next(&it);)
        put_member(&w, work, &it);
    put_own(&w, work);
    json_close(&w);
    json_free(doc);
    char *copy = mem_strndup(buffer_cstr(&text), text.len);
    buffer_release(&text);
    return copy;
}

/* ---- sending ---- */

static int send_work(cdp_work *work, const muster_feed_options *options,
                     muster_messages_receipt *receipt, char **receipt_json,
                     muster_error *err)
{
    muster_feed_options how = *options;
    char *json = NULL;
    how.format = MUSTER_INPUT_NDJSON;
    for (size_t i = 0; i < work->part_count; i++)
        work->parts[i].bytes = work->records.data + work->begins[i];
    const int rc = muster_ingest_parts(work->engine, &how, work->parts,
                                       work->part_count, &receipt->sum, &json,
                                       err);
    if (rc == 0 && receipt_json)
        *receipt_json = receipt_text(work, &receipt->sum, json);
    mem_free(json);
    receipt->sum.records += work->rejected;
    receipt->sum.rejected += work->rejected;
    receipt->duplicates = count_duplicates(work);
    receipt->dropped = work->dropped;
    receipt->ignored = work->ignored;
    return rc;
}

static int take_body(cdp_work *work, cdp_type type, muster_error *err)
{
    int rc = 0;
    if (type == CDP_ANY) {
        rc = take_batch(work, err);
    } else {
        make_room(work, 1);
        take_message(work, type, work->root, text_make(NULL, 0));
    }
    if (rc == 0 && !buffer_ok(&work->records))
        rc = error_set(err, MUSTER_ELIMIT, "long_body",
                       "the records of this body are too long; send fewer "
                       "messages at once");
    return rc;
}

static void free_work(cdp_work *work)
{
    mem_free(work->parts);
    mem_free(work->begins);
    mem_free(work->lines);
    mem_free(work->ids);
    buffer_release(&work->records);
    mem_free(work);
}

int muster_ingest_messages(muster_engine *engine,
                           const muster_feed_options *options,
                           muster_message_type type, const void *bytes,
                           size_t len, muster_messages_receipt *receipt,
                           char **receipt_json, muster_error *err)
{
    muster_messages_receipt own;
    json_doc *doc = NULL;
    epoch_pin pin;

    error_clear(err);
    receipt = receipt ? receipt : &own;
    memset(receipt, 0, sizeof *receipt);
    if (receipt_json)
        *receipt_json = NULL;
    int rc = feed_check_options(options, err);
    if (rc == 0)
        rc = json_parse(&doc, bytes, len, JSON_STRICT, err);
    if (rc != 0)
        return rc;
    cdp_work *work = mem_zalloc(sizeof *work);
    work->engine = engine;
    work->provider = options->provider;
    work->root = json_root(doc);
    work->view = reading_view(epoch_pin_newest(engine, &pin)->names);
    work->view.now = muster_engine_now(engine);
    work->view.drop = note_drop;
    work->view.payload = work;
    buffer_init(&work->records, RECORDS_BYTES_MAX);
    rc = take_body(work, (cdp_type)type, err);
    epoch_unpin(engine, &pin);
    if (rc == 0)
        rc = send_work(work, options, receipt, receipt_json, err);
    free_work(work);
    json_free(doc);
    return rc;
}
