/*
 * batch.h - private to room `ingest`: what the shared front (record.c) needs
 * of a batch_writer beyond the door: whether a text is new in the batch, so
 * that names and values are checked once and not for each fact.
 *
 * A record that is dropped takes back the texts it brought, so nothing of a
 * refused record is ever in the encoded bytes, and a text that was refused
 * is new again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_BATCH_H
#define INGEST_BATCH_H

#include "ingest/ingest.h"
#include "ingest/intern.h"

/* Spaces are numbered by one byte; the last number is left unused. */
#define BATCH_SPACES_MAX 255u
/* An id in a record: number of its space, pseudonym. */
#define BATCH_ID_BYTES 17u

struct batch_writer {
    intern_table providers;
    intern_table spaces;
    intern_table attributes;
    intern_table terms;
    buffer body; /* encoded records */
    uint32_t record_count;
    bool has_wipes; /* some record begins with one */
    muster_time base_time;
    muster_time last_ts;
    /* The record that is being built. */
    bool building;
    uint32_t provider_mark; /* counts of texts before it */
    uint32_t space_mark;
    uint32_t attribute_mark;
    uint32_t term_mark;
    uint32_t id_count;
    uint32_t fact_count;
    size_t ids_at; /* in the body: where the last record's ids stand */
    uint8_t ids[MUSTER_RECORD_IDS_MAX * BATCH_ID_BYTES];
    fact *facts;
    size_t fact_capacity;
};

/* An id of the current record whose pseudonym is still to come; its place
 * among the record's ids. */
uint32_t batch_record_id_later(batch_writer *w, uint32_t space);
/* Has the current record an id of the space? */
bool batch_record_has_space(const batch_writer *w, uint32_t space);

/* A fact of the current record to be filled in place, every member; there
 * are fewer than MUSTER_RECORD_FACTS_MAX yet. */
static inline fact *batch_record_slot(batch_writer *w)
{
    ASSERT(w->building && w->fact_count < MUSTER_RECORD_FACTS_MAX);
    if (w->fact_count == w->fact_capacity)
        mem_grow(&w->facts, &w->fact_capacity, (size_t)w->fact_count + 1,
                 sizeof *w->facts);
    return &w->facts[w->fact_count++];
}

#endif
