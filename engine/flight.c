/*
 * flight.c - a parsed batch on its way through the writer and back.
 *
 * The writer applies it and fills its receipt; who sent it tells the refused
 * records afterwards, on a thread of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flight.h"

static void keep_reject(void *payload, const ingest_reject *r)
{
    flight *f = payload;
    mem_grow(&f->rejects, &f->reject_capacity, f->reject_count + 1,
             sizeof *f->rejects);
    f->rejects[f->reject_count++] = *r;
}

flight *flight_new(fact_batch *take_batch, muster_time now, void *owner)
{
    flight *f = mem_alloc(sizeof *f);

    memset(f, 0, offsetof(flight, receipt));
    f->batch = take_batch;
    f->owner = owner;
    receipt_init(&f->receipt);
    for (size_t i = 0; i < take_batch->source_count; i++)
        receipt_source(&f->receipt, &take_batch->sources[i]);
    buffer_init(&f->body, (size_t)1 << 31);
    f->report = (apply_report){&f->receipt, keep_reject, f,
                               take_batch->places};
    f->request.report = &f->report;
    f->request.payload = f;
    f->request.position = take_batch->input_end;
    if (take_batch->record_count > 0) {
        f->request.kind = CHANGE_FACTS;
        f->request.body = &f->body;
        change_facts(&f->body, now, &take_batch->bytes);
    }
    return f;
}

void flight_free(flight *f)
{
    if (!f)
        return;
    fact_batch_free(f->batch);
    receipt_release(&f->receipt);
    buffer_release(&f->body);
    mem_free(f->rejects);
    mem_free(f);
}

/* ---- refused records ---- */

typedef void (*reject_fn)(void *payload, const ingest_reject *r);

/* Those of parsing and those of applying, in input order. */
static void each_reject(const flight *f, reject_fn each, void *payload)
{
    const fact_batch *b = f->batch;
    size_t parsed = 0;

    for (size_t i = 0; i < f->reject_count; i++) {
        while (parsed < b->reject_count &&
               b->reject_before[parsed] <= f->rejects[i].number)
            each(payload, &b->rejects[parsed++]);
        each(payload, &f->rejects[i]);
    }
    while (parsed < b->reject_count)
        each(payload, &b->rejects[parsed++]);
}

static void count_one(void *payload, const ingest_reject *r)
{
    receipt_reject(payload, r);
}

void flight_count(flight *f)
{
    const fact_batch *b = f->batch;
    each_reject(f, count_one, &f->receipt);
    for (size_t i = 0; b->mapping && i < MAPPING_DROPS_MAX; i++)
        if (b->dropped[i] > 0)
            receipt_drop_rows(&f->receipt, mapping_drop_word(b->mapping, i),
                              b->dropped[i]);
    tally_add_all(&f->receipt.tally, &f->batch->tally);
}

typedef struct telling {
    flight_reject_fn each;
    void *payload;
} telling;

static void tell_one(void *payload, const ingest_reject *r)
{
    const telling *t = payload;
    const muster_reject public = {r->place.line, r->place.offset, r->pointer,
                                  ingest_reason_word(r->reason), r->message};
    t->each(t->payload, &public);
}

void flight_tell(const flight *f, flight_reject_fn each, void *payload)
{
    telling t = {each, payload};
    if (each)
        each_reject(f, tell_one, &t);
}

/* ---- receipts ---- */

uint64_t receipt_facts(const ingest_receipt *r)
{
    return r->facts_flag + r->facts_one_of + r->facts_many_of +
           r->facts_number + r->facts_event + r->facts_unset;
}

void receipt_add(ingest_receipt *into, const ingest_receipt *from)
{
    into->records += from->records;
    into->accepted += from->accepted;
    into->rejected += from->rejected;
    for (size_t i = 0; i < INGEST_REASON_COUNT; i++)
        into->reasons[i] += from->reasons[i];
    into->facts_flag += from->facts_flag;
    into->facts_one_of += from->facts_one_of;
    into->facts_many_of += from->facts_many_of;
    into->facts_number += from->facts_number;
    into->facts_event += from->facts_event;
    into->facts_unset += from->facts_unset;
    into->users_new += from->users_new;
    into->conflicts += from->conflicts;
    for (size_t i = 0; i < from->drop_count; i++)
        receipt_drop_rows(into, from->drops[i].word, from->drops[i].count);
    tally_add_all(&into->tally, &from->tally);
    for (size_t i = 0; i < from->unknown_attribute_count; i++)
        receipt_unknown_attribute(into,
                                  text_of(from->unknown_attributes[i]));
    for (size_t i = 0; i < from->source_count; i++)
        receipt_source(into, &from->sources[i]);
    for (size_t i = 0; i < from->error_count; i++) {
        if (into->error_count == RECEIPT_ERRORS_MAX)
            into->errors_truncated = true;
        else
            into->errors[into->error_count++] = from->errors[i];
    }
    into->errors_truncated |= from->errors_truncated;
}

void receipt_public(const ingest_receipt *r, muster_receipt *out)
{
    memset(out, 0, sizeof *out);
    out->records = r->records;
    out->accepted = r->accepted;
    out->rejected = r->rejected;
    out->facts = receipt_facts(r);
    out->users_new = r->users_new;
    out->conflicts = r->conflicts;
    out->bytes = r->bytes;
    out->seconds = r->seconds;
    out->epoch = r->epoch;
    out->resumed = r->resumed;
    out->repeated = r->repeated;
}
