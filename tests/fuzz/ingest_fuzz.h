/*
 * ingest_fuzz.h - what the fuzz targets of room `ingest` share: options with
 * a key, and the check that a batch which was made of any input reads back
 * within the promises of the door.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_FUZZ_INGEST_FUZZ_H
#define TESTS_FUZZ_INGEST_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ingest/ingest.h"

static inline const identity_key *fuzz_key(void)
{
    static identity_key *key;
    if (key != NULL)
        return key;
    char path[4096];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/ingest-fuzz-%ld.key",
             folder ? folder : "/tmp", (long)getpid());
    remove(path);
    ASSERT(identity_key_open(&key, path, true, NULL) == 0);
    remove(path);
    return key;
}

/* What inputs are read through; NULL: nothing. */
static const mapping *fuzz_mapping;
static inline cdp_attribute fuzz_attribute(const void *names, const char *name)
{
    const uint64_t hash = hash_bytes(name, strlen(name));
    (void)names;
    return (cdp_attribute){(cdp_kind)(hash % (CDP_KIND_EVENT + 1)),
                           hash % 64 == 1};
}

/* Of a dialect: some file of it. */
static inline const dialect *fuzz_dialect(ingest_format format)
{
    static dialect made[INGEST_CDP + 1];
    dialect *d = &made[format];
    const char *name = format == INGEST_AAM_IDS
                           ? "adobe_id_0_20915_7_1366545717.sync"
                           : "ftp_dpm_478_1366545717.overwrite";
    if (format < INGEST_AAM)
        return NULL;
    ASSERT(dialect_of_name(d, text_of(name)));
    d->format = format;
    d->view = (cdp_view){.find = fuzz_attribute};
    return d;
}

static inline ingest_options fuzz_options(ingest_format format)
{
    return (ingest_options){
        .format = format,
        .key = fuzz_key(),
        .dialect = fuzz_dialect(format),
        .now = 1795262400,
        .threads = 1,
        .mapping = fuzz_mapping,
    };
}

static inline uint64_t fuzz_mix(uint64_t hash, const void *bytes, size_t len)
{
    return hash_bytes_seed(bytes, len, hash);
}

static inline uint64_t fuzz_mix_text(uint64_t hash, muster_text text)
{
    return fuzz_mix(hash, text.ptr, text.len);
}

static inline uint64_t fuzz_mix_int(uint64_t hash, int64_t v)
{
    return fuzz_mix(hash, &v, sizeof v);
}

/* The fact is as the door promises; its content joins the hash. */
static inline uint64_t fuzz_fact(uint64_t hash, const batch_reader *r,
                                 const fact *f)
{
    ASSERT(f->op >= FACT_CLEAR && f->op <= FACT_WIPE);
    hash = fuzz_mix_int(hash, f->op);
    if (f->op == FACT_WIPE)
        return hash;
    ASSERT(f->attribute < r->attribute_count);
    hash = fuzz_mix_text(hash, r->attributes[f->attribute]);
    if (f->term != FACT_NO_TERM) {
        ASSERT(f->term < r->term_count);
        ASSERT(r->term_attributes[f->term] == f->attribute);
        hash = fuzz_mix_text(hash, r->terms[f->term]);
    }
    ASSERT(f->amount >= 0 &&
           f->amount <= MUSTER_AMOUNT_MAX * MUSTER_NUMBER_SCALE);
    ASSERT(f->op != FACT_EVENT ||
           (f->count >= 1 && f->count <= MUSTER_EVENT_COUNT_MAX &&
            f->ts >= CLOCK_TIME_MIN && f->ts <= CLOCK_TIME_MAX));
    hash = fuzz_mix_int(hash, f->number);
    hash = fuzz_mix_int(hash, f->ts);
    hash = fuzz_mix_int(hash, f->count);
    return fuzz_mix_int(hash, f->has_amount ? f->amount : -1);
}

static inline uint64_t fuzz_record(uint64_t hash, const batch_reader *r,
                                   const fact_record *record)
{
    ASSERT(record->provider < r->provider_count);
    ASSERT(record->id_count >= 1 && record->id_count <= MUSTER_RECORD_IDS_MAX);
    ASSERT(record->fact_count <= MUSTER_RECORD_FACTS_MAX);
    ASSERT(record->ts >= CLOCK_TIME_MIN && record->ts <= CLOCK_TIME_MAX);
    hash = fuzz_mix_text(hash, r->providers[record->provider]);
    hash = fuzz_mix_int(hash, record->ts);
    hash = fuzz_mix_int(hash, record->ttl_hours);
    for (uint32_t i = 0; i < record->id_count; i++) {
        const uint8_t *id = record->ids + (size_t)i * 17;
        ASSERT(id[0] < r->space_count);
        hash = fuzz_mix_text(hash, r->spaces[id[0]]);
        hash = fuzz_mix(hash, id + 1, 16);
    }
    return hash;
}

/* Reads all of a batch; false when it is damaged. */
static inline bool fuzz_read(const uint8_t *bytes, size_t len, uint64_t *hash)
{
    batch_reader r;
    fact_record record;
    fact f;
    *hash = 0;
    bool ok = batch_open(&r, bytes, len, NULL) == 0;
    while (ok && batch_next_record(&r, &record)) {
        *hash = fuzz_record(*hash, &r, &record);
        while (batch_next_fact(&r, &f))
            *hash = fuzz_fact(*hash, &r, &f);
    }
    ok = ok && batch_ok(&r);
    batch_close(&r);
    return ok;
}

/* What counts of a batch of a file that begins with it, and follows itself. */
static inline void fuzz_once(const dialect *d, fact_batch *b, size_t input_len)
{
    uint64_t hash;
    dialect_once *once = dialect_once_new(d, DIALECT_USERS_MAX);
    for (int i = 0; i < 2; i++) {
        ASSERT(dialect_once_pass(once, b, NULL) == 0);
        ASSERT(fuzz_read(b->bytes.data, b->bytes.len, &hash));
    }
    for (uint32_t i = 0; i < b->record_count; i++)
        ASSERT(b->places[i].offset < input_len);
    dialect_once_free(once);
}

/* A batch that a parser made. */
static inline void fuzz_batch(const fact_batch *b, size_t input_len)
{
    uint64_t hash = 0;
    uint32_t before = 0;
    ASSERT(fuzz_read(b->bytes.data, b->bytes.len, &hash));
    ASSERT(b->input_end <= input_len);
    for (size_t i = 0; i < b->reject_count; i++) {
        const ingest_reject *reject = &b->rejects[i];
        ASSERT(reject->reason > INGEST_OK &&
               reject->reason < INGEST_REASON_COUNT);
        ASSERT(reject->message[0] != '\0');
        ASSERT(text_is_utf8(text_of(reject->message)));
        ASSERT(text_is_utf8(text_of(reject->pointer)));
        ASSERT(b->reject_before[i] >= before);
        ASSERT(b->reject_before[i] <= b->record_count);
        before = b->reject_before[i];
    }
    for (uint32_t i = 0; i < b->record_count; i++)
        ASSERT(b->places[i].line > 0 && b->places[i].offset < input_len);
}

static inline void fuzz_chunk(ingest_format format, const uint8_t *data,
                              size_t size)
{
    const ingest_options options = fuzz_options(format);
    fact_batch *b = NULL;
    if (ingest_parse_chunk(&options, (const char *)data, size, &b, NULL) != 0)
        return;
    fuzz_batch(b, size);
    if (options.dialect != NULL)
        fuzz_once(options.dialect, b, size);
    fact_batch_free(b);
}

typedef struct fuzz_sum {
    uint64_t records;
    uint64_t rejects;
    uint64_t places;
    uint64_t at; /* input_end and input_line of the last batch */
    uint64_t line;
    uint32_t left; /* batches to take; then the sink stops */
    size_t input_len;
} fuzz_sum;

static inline int fuzz_sink(void *payload, fact_batch *take_batch,
                            muster_error *err)
{
    fuzz_sum *sum = payload;
    (void)err;
    fuzz_batch(take_batch, sum->input_len);
    sum->records += take_batch->record_count;
    sum->rejects += take_batch->reject_count;
    for (uint32_t i = 0; i < take_batch->record_count; i++)
        sum->places += hash_mix(take_batch->places[i].line * 0x100000007u +
                                take_batch->places[i].offset);
    sum->at = take_batch->input_end;
    sum->line = take_batch->input_line;
    fact_batch_free(take_batch);
    return --sum->left > 0 ? 0 : MUSTER_ECANCELLED;
}

/* What `batches` batches say, on from where `before` came to. */
static inline fuzz_sum fuzz_load(ingest_format format, const uint8_t *data,
                                 size_t size, size_t chunk_bytes,
                                 uint32_t batches, fuzz_sum before)
{
    ingest_options options = fuzz_options(format);
    fuzz_sum sum = before;
    ingest *in = NULL;
    sum.input_len = (size_t)-1;
    sum.left = batches;
    options.chunk_bytes = chunk_bytes;
    options.resume_at = before.at;
    options.resume_line = before.line;
    ASSERT(ingest_open(&in, &options, fuzz_sink, &sum, NULL) == 0);
    if (size == 0 || ingest_push(in, data, size, NULL) == 0)
        ingest_finish(in, NULL);
    ingest_free(in);
    return sum;
}

static inline void fuzz_same(fuzz_sum a, fuzz_sum b)
{
    ASSERT(a.records == b.records && a.rejects == b.rejects);
    ASSERT(a.places == b.places && a.at == b.at && a.line == b.line);
}

/* Cut anywhere, the same records come out; interrupted after any batch, the
 * rest does. Threads start and end for each input, so only a quarter of them
 * is asked for it. */
static inline void fuzz_cut(ingest_format format, const uint8_t *data,
                            size_t size)
{
    if (size == 0 || size > 4096 || hash_bytes(data, size) % 4 != 0)
        return;
    const fuzz_sum none = {0};
    const size_t chunk = 1 + data[0] % 61u;
    const fuzz_sum whole = fuzz_load(format, data, size, 0, UINT32_MAX, none);
    fuzz_same(fuzz_load(format, data, size, chunk, UINT32_MAX, none), whole);
    const fuzz_sum some =
        fuzz_load(format, data, size, chunk, 1 + data[size / 2] % 7u, none);
    fuzz_same(fuzz_load(format, data, size, chunk, UINT32_MAX, some), whole);
}

/* A body is read, or refused whole. */
static inline void fuzz_body(ingest_format format, const uint8_t *data,
                             size_t size)
{
    const ingest_options options = fuzz_options(format);
    fact_batches list;
    if (ingest_parse_body(&options, data, size, &list, NULL) != 0)
        ASSERT(list.count == 0);
    for (size_t i = 0; i < list.count; i++)
        fuzz_batch(list.items[i], (size_t)-1);
    fact_batches_release(&list);
}

#endif
