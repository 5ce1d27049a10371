/*
 * dialect_once.c - rules that are of a whole file, on its batches as they come
 * by in input order: one wipe a user, so many lines a user, a message once.
 *
 * A batch is looked through first. Mostly nothing changes: each user of a file
 * has one line. When something does, it is written anew without what does not
 * count: the log holds what happened, and replaying it asks nobody.
 *
 * The table is open addressing over pseudonyms (or marks of messages), which
 * are hashes already; a count of 0 is an empty place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest.h"

#include <stdio.h>

#define PLACES_FIRST ((size_t)1 << 12)
#define MARK_BYTES 16u

struct dialect_once {
    const dialect *how;
    size_t most;
    uint8_t (*keys)[MARK_BYTES];
    uint8_t *counts;
    size_t places; /* a power of two */
    size_t used;
    batch_writer *writer;
};

dialect_once *dialect_once_new(const dialect *d, size_t most)
{
    dialect_once *o = mem_zalloc(sizeof *o);
    o->how = d;
    o->most = most;
    return o;
}

void dialect_once_free(dialect_once *o)
{
    if (o == NULL)
        return;
    mem_free(o->keys);
    mem_free(o->counts);
    batch_writer_free(o->writer);
    mem_free(o);
}

/* ---- the table ---- */

/* Where the key is, or would be. */
static size_t place_of(const dialect_once *o, const uint8_t *key)
{
    uint64_t hash;
    memcpy(&hash, key, sizeof hash);
    size_t at = (size_t)hash_mix(hash) & (o->places - 1);
    while (o->counts[at] != 0 && memcmp(o->keys[at], key, MARK_BYTES) != 0)
        at = (at + 1) & (o->places - 1);
    return at;
}

static void grow(dialect_once *o)
{
    const dialect_once old = *o;
    o->places = old.places > 0 ? old.places * 2 : PLACES_FIRST;
    o->keys = mem_array(o->places, sizeof *o->keys);
    o->counts = mem_array(o->places, sizeof *o->counts);
    for (size_t i = 0; i < old.places; i++) {
        if (old.counts[i] == 0)
            continue;
        const size_t at = place_of(o, old.keys[i]);
        memcpy(o->keys[at], old.keys[i], MARK_BYTES);
        o->counts[at] = old.counts[i];
    }
    mem_free(old.keys);
    mem_free(old.counts);
}

/* How often the key was there before; counts no further than one above the
 * most lines. */
static uint8_t note(dialect_once *o, const uint8_t *key)
{
    if (o->used >= o->places / 4 * 3)
        grow(o);
    const size_t at = place_of(o, key);
    const uint8_t before = o->counts[at];
    if (before == 0) {
        memcpy(o->keys[at], key, MARK_BYTES);
        o->used++;
    }
    if (before <= DIALECT_LINES_MAX)
        o->counts[at]++;
    return before;
}

/* ---- what becomes of a record ---- */

typedef enum fate {
    FATE_KEPT = 0,
    FATE_NO_WIPE, /* but for its wipe */
    FATE_REFUSED, /* one line too many */
    FATE_REPEATED /* a message that was there */
} fate;

static bool has_mark(const record_mark *m)
{
    static const record_mark none;
    return memcmp(m, &none, sizeof none) != 0;
}

static fate fate_of(dialect_once *o, const fact_batch *b, uint32_t number,
                    const fact_record *record)
{
    if (o->how->format == INGEST_CDP) {
        const record_mark *m = b->marks != NULL ? &b->marks[number] : NULL;
        return m != NULL && has_mark(m) && note(o, m->bytes) > 0
                   ? FATE_REPEATED
                   : FATE_KEPT;
    }
    const uint8_t before = note(o, record->ids + 1);
    if (before >= DIALECT_LINES_MAX)
        return FATE_REFUSED;
    return before > 0 && o->how->overwrite ? FATE_NO_WIPE : FATE_KEPT;
}

/* The fates of all records; whether any is another than to be kept. */
static bool find_fates(dialect_once *o, const fact_batch *b, uint8_t *fates)
{
    batch_reader in;
    fact_record record;
    bool any = false;
    const int rc = batch_open(&in, b->bytes.data, b->bytes.len, NULL);
    ASSERT(rc == 0);
    for (uint32_t i = 0; batch_next_record(&in, &record); i++) {
        fates[i] = (uint8_t)fate_of(o, b, i, &record);
        any |= fates[i] != FATE_KEPT;
    }
    ASSERT(batch_ok(&in));
    batch_close(&in);
    return any;
}

/* ---- a batch anew ---- */

static void copy_fact(batch_writer *w, const batch_reader *in, const fact *f)
{
    fact copy = *f;
    if (f->op != FACT_WIPE)
        copy.attribute = batch_attribute(w, in->attributes[f->attribute]);
    if (f->term != FACT_NO_TERM)
        copy.term = batch_term(w, copy.attribute, in->terms[f->term]);
    batch_record_fact(w, &copy);
}

static void copy_record(batch_writer *w, batch_reader *in,
                        const fact_record *record, bool wipes)
{
    fact f;
    batch_record_begin(w);
    for (uint32_t i = 0; i < record->id_count; i++) {
        const uint8_t *id = record->ids + (size_t)i * (MARK_BYTES + 1);
        muster_pseudonym p;
        memcpy(p.bytes, id + 1, sizeof p.bytes);
        batch_record_id(w, batch_space(w, in->spaces[id[0]]), &p);
    }
    while (batch_next_fact(in, &f))
        if (wipes || f.op != FACT_WIPE)
            copy_fact(w, in, &f);
    batch_record_end(w, batch_provider(w, in->providers[record->provider]),
                     record->ts, record->ttl_hours);
}

/* What the batch becomes. */
typedef struct rewriting {
    fact_batch *batch;
    const uint8_t *fates;
    ingest_reject *rejects;
    uint32_t *before;
    size_t count;
    size_t next; /* of the batch's rejects */
    uint32_t kept;
} rewriting;

/* Those that stand before record `number` of the batch as it was. */
static void keep_rejects(rewriting *r, uint32_t number)
{
    const fact_batch *b = r->batch;
    for (; r->next < b->reject_count && b->reject_before[r->next] <= number;
         r->next++) {
        r->rejects[r->count] = b->rejects[r->next];
        r->before[r->count++] = r->kept;
    }
}

static void refuse_line(rewriting *r, uint32_t number)
{
    ingest_reject *out = &r->rejects[r->count];
    memset(out, 0, sizeof *out);
    out->reason = INGEST_TOO_MANY;
    out->place = r->batch->places[number];
    snprintf(out->message, sizeof out->message,
             "a user has at most %u lines in a file; this is one more",
             DIALECT_LINES_MAX);
    r->before[r->count++] = r->kept;
}

static void rewrite_records(dialect_once *o, rewriting *r)
{
    fact_batch *b = r->batch;
    batch_reader in;
    fact_record record;
    const int rc = batch_open(&in, b->bytes.data, b->bytes.len, NULL);
    ASSERT(rc == 0);
    for (uint32_t i = 0; batch_next_record(&in, &record); i++) {
        keep_rejects(r, i);
        if (r->fates[i] == FATE_REPEATED) {
            tally_add(&b->tally, "cdp", text_of("duplicates"), 1);
        } else if (r->fates[i] == FATE_REFUSED) {
            refuse_line(r, i);
        } else {
            copy_record(o->writer, &in, &record, r->fates[i] == FATE_KEPT);
            b->places[r->kept++] = b->places[i];
        }
    }
    keep_rejects(r, b->record_count);
    batch_close(&in);
}

static void rewrite(dialect_once *o, fact_batch *b, const uint8_t *fates)
{
    const size_t most = b->reject_count + b->record_count;
    rewriting r = {.batch = b, .fates = fates};
    if (o->writer == NULL)
        o->writer = batch_writer_new();
    r.rejects = mem_array(most, sizeof *r.rejects);
    r.before = mem_array(most, sizeof *r.before);
    rewrite_records(o, &r);
    buffer_clear(&b->bytes);
    batch_writer_finish(o->writer, &b->bytes);
    mem_free(b->rejects);
    mem_free(b->reject_before);
    b->rejects = r.rejects;
    b->reject_before = r.before;
    b->reject_count = r.count;
    b->record_count = r.kept;
}

int dialect_once_pass(dialect_once *o, fact_batch *b, muster_error *err)
{
    if (b->record_count == 0 || (o->how->format != INGEST_AAM &&
                                 o->how->format != INGEST_CDP))
        return 0;
    if (o->used + b->record_count > o->most)
        return error_set(err, MUSTER_ELIMIT, "many_users",
                         "an input of this dialect has at most %zu users or "
                         "messages here; split it",
                         o->most);
    uint8_t *fates = mem_array(b->record_count, sizeof *fates);
    if (find_fates(o, b, fates))
        rewrite(o, b, fates);
    mem_free(fates);
    return 0;
}
