/*
 * ingest_support.h - what the tests of room `ingest` share: a key, options,
 * input through the pipeline or as one chunk, and what came out as text, one
 * line a record, fact or reject, so that two ways of reading can be compared
 * and a difference can be read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_INGEST_SUPPORT_H
#define TESTS_INGEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/ingest.h"

/* 2026-11-21T12:00:00Z */
#define TEST_NOW ((muster_time)1795262400)

static inline const identity_key *test_key(void)
{
    static identity_key *key;
    if (key != NULL)
        return key;
    char path[4096];
    const char *folder = getenv("TMPDIR");
    muster_error err;
    snprintf(path, sizeof path, "%s/ingest-test-%ld.key",
             folder ? folder : "/tmp", (long)clock_monotonic_ns());
    assert_int_equal(identity_key_open(&key, path, true, &err), 0);
    remove(path);
    return key;
}

static inline ingest_options test_options(ingest_format format)
{
    return (ingest_options){
        .format = format,
        .key = test_key(),
        .now = TEST_NOW,
        .threads = 2,
    };
}

static inline void put_line(buffer *out, const char *what, muster_text text)
{
    buffer_printf(out, " %s=", what);
    buffer_put_text(out, text);
}

static inline void put_fact(buffer *out, const batch_reader *r, const fact *f)
{
    static const char *const names[] = {"?",    "clear",  "remove", "replace",
                                        "flag", "unflag", "set",    "number",
                                        "text", "add",    "event",
                                        "wipe"};
    assert_in_range(f->op, FACT_CLEAR, FACT_WIPE);
    buffer_printf(out, "  %s", names[f->op]);
    if (f->op == FACT_WIPE) {
        buffer_put_str(out, "\n");
        return;
    }
    assert_true(f->attribute < r->attribute_count);
    put_line(out, "attribute", r->attributes[f->attribute]);
    if (f->term != FACT_NO_TERM) {
        assert_true(f->term < r->term_count);
        assert_int_equal(r->term_attributes[f->term], f->attribute);
        put_line(out, "value", r->terms[f->term]);
    }
    if (f->op == FACT_NUMBER)
        buffer_printf(out, " number=%lld", (long long)f->number);
    if (f->op == FACT_EVENT)
        buffer_printf(out, " ts=%lld count=%u", (long long)f->ts, f->count);
    if (f->has_amount)
        buffer_printf(out, " amount=%lld", (long long)f->amount);
    buffer_put_str(out, "\n");
}

static inline void put_record(buffer *out, const batch_reader *r,
                              const fact_record *record)
{
    char hex[PSEUDONYM_HEX + 1];
    assert_true(record->provider < r->provider_count);
    buffer_put_str(out, "record");
    put_line(out, "provider", r->providers[record->provider]);
    buffer_printf(out, " ts=%lld", (long long)record->ts);
    if (record->ttl_hours != CATALOG_TTL_UNSET)
        buffer_printf(out, " ttl=%u", record->ttl_hours);
    for (uint32_t i = 0; i < record->id_count; i++) {
        const uint8_t *id = record->ids + (size_t)i * 17;
        muster_pseudonym p;
        assert_true(id[0] < r->space_count);
        memcpy(p.bytes, id + 1, sizeof p.bytes);
        pseudonym_format(hex, &p);
        put_line(out, "id", r->spaces[id[0]]);
        buffer_printf(out, ":%s", hex);
    }
}

static inline void put_place(buffer *out, record_place place)
{
    buffer_printf(out, " @%llu/%llu\n", (unsigned long long)place.line,
                  (unsigned long long)place.offset);
}

static inline void put_reject(buffer *out, const ingest_reject *r, bool places)
{
    buffer_printf(out, "reject %s [%s] %s", ingest_reason_word(r->reason),
                  r->pointer, r->message);
    if (places)
        put_place(out, r->place);
    else
        buffer_put_str(out, "\n");
}

/* A batch as text; its own boundaries do not show. */
static inline void put_batch(buffer *out, const fact_batch *b, bool places)
{
    batch_reader r;
    fact_record record;
    fact f;
    muster_error err;
    size_t reject = 0;
    uint32_t count = 0;
    assert_int_equal(batch_open(&r, b->bytes.data, b->bytes.len, &err), 0);
    assert_int_equal(r.record_count, b->record_count);
    for (;; count++) {
        while (reject < b->reject_count && b->reject_before[reject] == count)
            put_reject(out, &b->rejects[reject++], places);
        if (!batch_next_record(&r, &record))
            break;
        put_record(out, &r, &record);
        if (places)
            put_place(out, b->places[count]);
        else
            buffer_put_str(out, "\n");
        uint32_t facts = 0;
        for (; batch_next_fact(&r, &f); facts++)
            put_fact(out, &r, &f);
        assert_int_equal(facts, record.fact_count);
    }
    assert_true(batch_ok(&r));
    assert_int_equal(count, b->record_count);
    assert_int_equal(reject, b->reject_count);
    batch_close(&r);
}

/* What a load gave. */
typedef struct outcome {
    buffer text;  /* put_batch of all */
    buffer bytes; /* the batches' bytes, one behind the other */
    bool places;
    uint64_t records;
    uint64_t rejects;
    uint64_t batches;
    uint64_t input_end;
    uint64_t input_bytes;
    int rc;
    muster_error err;
} outcome;

static inline void outcome_init(outcome *o)
{
    memset(o, 0, sizeof *o);
    buffer_init(&o->text, (size_t)1 << 30);
    buffer_init(&o->bytes, (size_t)1 << 30);
    o->places = true;
}

static inline void outcome_release(outcome *o)
{
    buffer_release(&o->text);
    buffer_release(&o->bytes);
}

static inline int keep_batch(void *payload, fact_batch *take_batch,
                             muster_error *err)
{
    outcome *o = payload;
    (void)err;
    put_batch(&o->text, take_batch, o->places);
    buffer_put(&o->bytes, take_batch->bytes.data, take_batch->bytes.len);
    o->records += take_batch->record_count;
    o->rejects += take_batch->reject_count;
    o->batches++;
    /* Batches lie end to end in the input. */
    assert_int_equal(take_batch->input_end - take_batch->input_bytes,
                     o->input_end);
    o->input_end = take_batch->input_end;
    o->input_bytes += take_batch->input_bytes;
    fact_batch_free(take_batch);
    return 0;
}

/* Pushes the input in pieces of `piece` bytes (0 = whole). */
static inline void load(outcome *o, const ingest_options *options,
                        const void *bytes, size_t len, size_t piece)
{
    ingest *in = NULL;
    const char *p = bytes;
    error_clear(&o->err);
    assert_int_equal(ingest_open(&in, options, keep_batch, o, &o->err), 0);
    o->rc = 0;
    for (size_t at = 0; at < len && o->rc == 0;) {
        size_t part = len - at;
        if (piece > 0 && part > piece)
            part = piece;
        o->rc = ingest_push(in, p + at, part, &o->err);
        at += part;
    }
    if (o->rc == 0)
        o->rc = ingest_finish(in, &o->err);
    ingest_free(in);
}

static inline void load_text(outcome *o, const ingest_options *options,
                             const char *text)
{
    load(o, options, text, strlen(text), 0);
}

static inline const char *outcome_text(outcome *o)
{
    return buffer_cstr(&o->text);
}

/* The only thing that came out of one record is this reject. */
static inline void assert_refused(const ingest_options *options,
                                  const void *bytes, size_t len,
                                  ingest_reason reason, const char *pointer)
{
    fact_batch *b = NULL;
    muster_error err;
    assert_int_equal(ingest_parse_chunk(options, bytes, len, &b, &err), 0);
    if (b->record_count != 0 || b->reject_count != 1 ||
        b->rejects[0].reason != reason ||
        strcmp(b->rejects[0].pointer, pointer) != 0) {
        buffer text;
        buffer_init(&text, 1 << 20);
        put_batch(&text, b, false);
        fail_msg("wanted %s [%s] for\n%.*s\ngot\n%s",
                 ingest_reason_word(reason), pointer, (int)len,
                 (const char *)bytes, buffer_cstr(&text));
    }
    assert_true(b->rejects[0].message[0] != '\0');
    assert_int_equal(b->fatal, 0);
    fact_batch_free(b);
}

/* Records and rejects of one chunk as text without places; to be released. */
static inline void parse_chunk_text(buffer *out, const ingest_options *options,
                                    const void *bytes, size_t len)
{
    fact_batch *b = NULL;
    muster_error err;
    buffer_init(out, (size_t)1 << 30);
    assert_int_equal(ingest_parse_chunk(options, bytes, len, &b, &err), 0);
    put_batch(out, b, false);
    fact_batch_free(b);
}

#endif
