/*
 * body.c - muster_ingest: small inputs that are there whole, of many threads.
 *
 * The caller's thread parses; the writer commits what many callers wait for
 * with one flush of the disk. The batches of one body commit together. With
 * an idempotency key the first of them looks whether the key was used, and
 * the last writes down the receipt, in the same transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flight.h"

#include <stdio.h>

typedef struct body {
    const muster_feed_options *options;
    uint64_t head_hash;
    uint64_t head_len;
    flight **flights;
    size_t count;
    load_state load; /* of the key; id "" = none. These two are large */
    ingest_receipt receipt;
} body;

/* ---- on the writer's thread ---- */

/* 1: the key was used for this body; its receipt is in b->load. */
static int act_begin(muster_engine *e, change_request *r, muster_error *err)
{
    const flight *f = r->payload;
    body *b = f->owner;

    const int rc = load_read(e, &b->load, err);
    if (rc != 0 || !b->load.found)
        return rc;
    if (b->load.head_hash != b->head_hash || b->load.head_len != b->head_len)
        return error_set(err, MUSTER_ECONFLICT, "other_input",
                         "this idempotency key was used for another input");
    return 1;
}

static int note_one(muster_engine *e, change_request *r, muster_error *err)
{
    flight *f = r->payload;
    body *b = f->owner;

    flight_count(f);
    receipt_add(&b->receipt, &f->receipt);
    b->receipt.epoch = e->state.seq;
    if (r->with_next || b->load.id[0] == 0)
        return 0;
    load_state *l = &b->load;
    receipt_add(&l->receipt, &b->receipt);
    l->receipt.epoch = b->receipt.epoch;
    l->position = r->position;
    l->head_hash = b->head_hash;
    l->head_len = b->head_len;
    l->ended = true;
    return load_write(e, l, err);
}

/* ---- on the caller's ---- */

static int send(muster_engine *e, body *b, muster_error *err)
{
    for (size_t i = 0; i < b->count; i++) {
        change_request *r = &b->flights[i]->request;
        r->load_id = b->load.id;
        r->logged = note_one;
        r->ack = b->options->ack;
        r->with_next = i + 1 < b->count;
        r->next = r->with_next ? &b->flights[i + 1]->request : NULL;
    }
    if (b->load.id[0] != 0)
        b->flights[0]->request.act = act_begin;
    return writer_do(e, &b->flights[0]->request, err);
}

static int parse(const muster_engine *e, body *b, muster_time now,
                 const void *bytes, size_t len, muster_error *err)
{
    const ingest_options how = feed_input_options(e, b->options, now);
    fact_batches parsed;

    const int rc = ingest_parse_body(&how, bytes, len, &parsed, err);
    if (rc != 0)
        return rc;
    b->flights = mem_array(parsed.count + 1, sizeof *b->flights);
    for (; b->count < parsed.count; b->count++) {
        b->flights[b->count] = flight_new(parsed.items[b->count], now, b);
        parsed.items[b->count] = NULL;
    }
    fact_batches_release(&parsed);
    ASSERT(b->count > 0);
    return 0;
}

static void fill_receipt(body *b, bool repeated, size_t len,
                         uint64_t started_ns)
{
    ingest_receipt *r = &b->receipt;

    if (repeated) {
        receipt_add(r, &b->load.receipt);
        r->epoch = b->load.receipt.epoch;
        r->records_before = r->records;
        r->facts_before = receipt_facts(r);
    }
    r->repeated = repeated;
    r->resumed = repeated ? b->load.position : 0;
    r->bytes = len;
    r->seconds = (double)(clock_monotonic_ns() - started_ns) / 1e9;
    snprintf(r->load_id, sizeof r->load_id, "%s", b->load.id);
}

static char *receipt_text(const ingest_receipt *r)
{
    json_writer w;
    buffer text;

    buffer_init(&text, (size_t)16 << 20);
    json_begin(&w, &text, false);
    receipt_to_json(r, &w);
    char *copy = mem_strndup(buffer_cstr(&text), text.len);
    buffer_release(&text);
    return copy;
}

static int check(muster_engine *e, const muster_feed_options *options,
                 size_t len, muster_error *err)
{
    int rc = feed_check_options(options, err);
    if (rc == 0 && options->dry_run)
        rc = error_set(err, MUSTER_EINVAL, "bad_options",
                       "a dry run takes a feed");
    if (rc == 0 && len > MUSTER_INGEST_BYTES_MAX)
        rc = error_set(err, MUSTER_ELIMIT, "long_body",
                       "an input that is sent whole has at most %zu MiB; "
                       "feed larger ones piece by piece",
                       MUSTER_INGEST_BYTES_MAX >> 20);
    if (rc == 0)
        rc = engine_check_writable(e, err);
    return rc ? rc : keeper_admit(e, false, err);
}

int muster_ingest(muster_engine *engine, const muster_feed_options *options,
                  const void *bytes, size_t len, muster_receipt *receipt,
                  char **receipt_json, muster_error *err)
{
    const uint64_t started_ns = clock_monotonic_ns();
    body b;

    memset(&b, 0, offsetof(body, load));
    b.options = options;
    error_clear(err);
    if (receipt)
        memset(receipt, 0, sizeof *receipt);
    if (receipt_json)
        *receipt_json = NULL;
    int rc = check(engine, options, len, err);
    if (rc != 0)
        return rc;
    load_state_init(&b.load);
    receipt_init(&b.receipt);
    if (options->load_id)
        snprintf(b.load.id, sizeof b.load.id, "%s", options->load_id);
    b.head_len = len;
    b.head_hash = hash_bytes(bytes, len);
    rc = parse(engine, &b, muster_engine_now(engine), bytes, len, err);
    if (rc == 0)
        rc = send(engine, &b, err);
    if (rc >= 0) {
        fill_receipt(&b, rc > 0, len, started_ns);
        for (size_t i = 0; rc == 0 && i < b.count; i++)
            flight_tell(b.flights[i], options->reject, options->payload);
        if (receipt)
            receipt_public(&b.receipt, receipt);
        if (receipt_json)
            *receipt_json = receipt_text(&b.receipt);
    }
    for (size_t i = 0; i < b.count; i++)
        flight_free(b.flights[i]);
    mem_free(b.flights);
    receipt_release(&b.receipt);
    load_state_release(&b.load);
    return rc > 0 ? 0 : rc;
}
