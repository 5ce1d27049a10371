/*
 * flight.h - a parsed batch on its way through the writer and back; for
 * feed.c and body.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENGINE_FLIGHT_H
#define ENGINE_FLIGHT_H

#include "engine.h"

typedef struct flight {
    change_request request;
    fact_batch *batch; /* owned */
    buffer body;
    apply_report report;
    ingest_reject *rejects; /* refused when applied, in order */
    size_t reject_count;
    size_t reject_capacity;
    uint64_t head_hash; /* of how the input begins */
    uint64_t head_len;
    void *owner;
    struct flight *next;
    ingest_receipt receipt; /* of this batch; last, for it is large */
} flight;

/* Takes the batch; a batch without records becomes a request without body. */
flight *flight_new(fact_batch *take_batch, muster_time now, void *owner);
void flight_free(flight *f);
/* Adds the refused records, of parsing and of applying, to the flight's
 * receipt: once, when it is applied. */
void flight_count(flight *f);
/* Tells them in input order; `each` may be NULL. */
typedef void (*flight_reject_fn)(void *payload, const muster_reject *reject);
void flight_tell(const flight *f, flight_reject_fn each, void *payload);

/* ---- receipts ---- */

uint64_t receipt_facts(const ingest_receipt *r);
/* Counters of `from`, names and first errors onto `into`. */
void receipt_add(ingest_receipt *into, const ingest_receipt *from);
void receipt_public(const ingest_receipt *r, muster_receipt *out);

#endif
