/*
 * cdp_read.c - files of messages of customer data platforms: one JSON object a
 * line, which is a message or, with a member `batch`, a batch of them as it is
 * sent over HTTP ({"batch":[...], "sentAt":...}).
 *
 * Each message is translated (cdp.c) to a line of NDJSON, which is read as one
 * that came in a file; so a message means the same in a file, in a request and
 * as the record that it becomes. All messages of a line have its place.
 *
 * Kinds are judged by the catalog as it was when the load began: what a file
 * becomes depends on that and on the file, not on how far applying is.
 *
 * A member that cannot be kept is left out and counted (`dropped`), a message
 * that cannot be read is refused.
 *
 * Threads: a parser belongs to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/format.h"

#include <stdio.h>

#define NAME "cdp"

struct cdp_parser {
    json_pool *pool;
    ndjson_parser *lines;
    buffer record;
    uint64_t messages; /* of the batch */
    uint64_t ignored;
    uint64_t dropped[CDP_REASON_COUNT];
};

cdp_parser *cdp_parser_new(void)
{
    cdp_parser *p = mem_zalloc(sizeof *p);
    p->pool = json_pool_new();
    p->lines = ndjson_parser_new();
    buffer_init(&p->record, (size_t)MUSTER_RECORD_BYTES_MAX * 16);
    return p;
}

void cdp_parser_free(cdp_parser *p)
{
    if (p == NULL)
        return;
    json_pool_free(p->pool);
    ndjson_parser_free(p->lines);
    buffer_release(&p->record);
    mem_free(p);
}

/* As records have it: what is refused of a message has the same words. */
static ingest_reason reason_of(cdp_reason reason)
{
    for (int i = INGEST_OK + 1; i < INGEST_REASON_COUNT; i++)
        if (strcmp(ingest_reason_word((ingest_reason)i),
                   cdp_reason_word(reason)) == 0)
            return (ingest_reason)i;
    return INGEST_WRONG_TYPE; /* bad_type */
}

static void note_drop(void *payload, cdp_reason reason, const char *pointer)
{
    cdp_parser *p = payload;
    (void)pointer;
    p->dropped[reason]++;
}

/* By provider and messageId, as over HTTP. */
static record_mark mark_of(const record_front *f, muster_text id)
{
    record_mark mark;
    const uint64_t seed =
        hash_bytes(f->default_provider.ptr, f->default_provider.len);
    const uint64_t halves[2] = {hash_bytes_seed(id.ptr, id.len, seed),
                                hash_bytes_seed(id.ptr, id.len, ~seed)};
    memcpy(mark.bytes, halves, sizeof mark.bytes);
    return mark;
}

/* A pointer of a reject is into the record, which nobody has seen. */
static void refuse_plainly(record_front *f)
{
    f->rejects[f->reject_count - 1].pointer[0] = '\0';
}

static void read_message(cdp_parser *p, record_front *f,
                         const json_value *message, muster_text sent_at,
                         record_place place)
{
    cdp_view view = f->options->dialect->view;
    const char *pointer = "";
    const size_t rejects = f->reject_count;
    muster_text id;
    view.now = f->options->now;
    view.drop = note_drop;
    view.payload = p;
    p->messages++;
    buffer_clear(&p->record);
    const cdp_reason reason = cdp_translate(&view, CDP_ANY, message, sent_at,
                                            &p->record, &pointer, &p->ignored);
    if (reason != CDP_OK) {
        record_refuse_at(f, place, reason_of(reason), "%s",
                         cdp_reason_text(reason));
        snprintf(f->rejects[f->reject_count - 1].pointer,
                 sizeof f->rejects->pointer, "%s", pointer);
        return;
    }
    ndjson_read_one(p->lines, f,
                    text_make((const char *)p->record.data, p->record.len - 1),
                    "message", place);
    if (f->reject_count > rejects)
        refuse_plainly(f);
    else if (cdp_message_id(message, &id)) {
        const record_mark mark = mark_of(f, id);
        record_mark_last(f, &mark);
    }
}

static void read_batch(cdp_parser *p, record_front *f, const json_value *root,
                       const json_value *batch, record_place place)
{
    const json_value *sent = json_get(root, "sentAt");
    muster_text sent_at = {NULL, 0};
    if (json_typeof(batch) != JSON_ARRAY ||
        json_count(batch) > CDP_BATCH_MESSAGES_MAX) {
        record_refuse_at(f, place, INGEST_BAD_JSON,
                         "`batch` is an array of at most %u messages",
                         CDP_BATCH_MESSAGES_MAX);
        return;
    }
    if (sent != NULL && json_typeof(sent) == JSON_STRING)
        sent_at = json_string(sent);
    for (json_iter it = json_iter_of(batch); json_next(&it);)
        read_message(p, f, it.value, sent_at, place);
}

static void read_line(cdp_parser *p, record_front *f, muster_text line,
                      record_place place)
{
    muster_error err;
    if (line.len > MUSTER_RECORD_BYTES_MAX) {
        record_refuse_at(f, place, INGEST_TOO_LONG,
                         "a line has at most %u bytes",
                         MUSTER_RECORD_BYTES_MAX);
        return;
    }
    const json_value *root = json_pool_parse(p->pool, line.ptr, line.len, &err);
    if (root == NULL) {
        const bool utf8 = strcmp(err.word, "bad_utf8") == 0;
        record_refuse_at(f, place, utf8 ? INGEST_BAD_UTF8 : INGEST_BAD_JSON,
                         "%s, at byte %zu of the line", err.message,
                         err.offset + 1);
        return;
    }
    const json_value *batch = json_typeof(root) == JSON_OBJECT
                                  ? json_get(root, "batch")
                                  : NULL;
    if (batch != NULL)
        read_batch(p, f, root, batch, place);
    else
        read_message(p, f, root, text_make(NULL, 0), place);
}

static void tell_counts(cdp_parser *p, record_front *f)
{
    tally_add(&f->tally, NAME, text_of("messages"), p->messages);
    tally_add(&f->tally, NAME, text_of("ignored"), p->ignored);
    tally_add(&f->tally, NAME, text_of("duplicates"), 0);
    p->messages = p->ignored = 0;
    for (int i = CDP_OK + 1; i < CDP_REASON_COUNT; i++) {
        char name[64];
        if (p->dropped[i] == 0)
            continue;
        const int len = snprintf(name, sizeof name, "dropped/%s",
                                 cdp_reason_word((cdp_reason)i));
        tally_add(&f->tally, NAME, text_make(name, (size_t)len),
                  p->dropped[i]);
        p->dropped[i] = 0;
    }
}

void cdp_read(cdp_parser *p, record_front *f, const chunk *c,
              chunk_cursor *cursor, bool whole)
{
    while (cursor->at < c->len && (whole || !parser_is_full(f))) {
        record_place place;
        const muster_text line = text_trim(chunk_line(c, cursor, &place));
        if (line.len > 0)
            read_line(p, f, line, place);
    }
    tell_counts(p, f);
}
