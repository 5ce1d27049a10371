/*
 * body.c - muster_ingest: small inputs that are there whole, of many threads;
 * and muster_ingest_parts: many of them from one.
 *
 * The caller's thread parses; the writer commits what many callers wait for
 * with one flush of the disk. The batches of one body commit together. With
 * an idempotency key the first of them looks whether the key was used, and
 * the last writes down the receipt, in the same transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flight.h"
#include "reading.h"

#include <stdio.h>

/* Parts that are on their way together: each takes some 120 KB. */
#define PARTS_AT_ONCE 128u

typedef struct body {
    const muster_feed_options *options;
    bool any_input; /* the key alone says that it is the same */
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
    if (!b->any_input && (b->load.head_hash != b->head_hash ||
                          b->load.head_len != b->head_len))
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

/* The requests of a body as a chain; the first of it. */
static change_request *chain(body *b)
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
    return &b->flights[0]->request;
}

static change_request *last_request(const body *b)
{
    return &b->flights[b->count - 1]->request;
}

/* The batches of a body, which is of a dialect or not. */
static int parse_batches(muster_engine *e, const body *b, muster_time now,
                         muster_text bytes, fact_batches *out,
                         muster_error *err)
{
    ingest_options how = feed_input_options(e, b->options, now);
    reading *r = NULL;

    memset(out, 0, sizeof *out);
    int rc = reading_open(&r, e, b->options, err);
    if (rc == 0)
        rc = reading_declare(r, e, NULL, err);
    reading_options(r, &how);
    if (rc == 0)
        rc = ingest_parse_body(&how, bytes.ptr, bytes.len, out, err);
    for (size_t i = 0; rc == 0 && i < out->count; i++)
        rc = reading_pass(r, out->items[i], err);
    if (rc != 0)
        fact_batches_release(out);
    reading_free(r);
    return rc;
}

static int parse(muster_engine *e, body *b, muster_time now,
                 const void *bytes, size_t len, muster_error *err)
{
    fact_batches parsed;

    const int rc =
        parse_batches(e, b, now, text_make(bytes, len), &parsed, err);
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

static void body_init(body *b, const muster_feed_options *options,
                      const char *load_id, const void *bytes, size_t len)
{
    memset(b, 0, offsetof(body, load));
    b->options = options;
    load_state_init(&b->load);
    receipt_init(&b->receipt);
    if (load_id)
        snprintf(b->load.id, sizeof b->load.id, "%s", load_id);
    b->head_len = len;
    b->head_hash = hash_bytes(bytes, len);
}

static void body_release(body *b)
{
    for (size_t i = 0; i < b->count; i++)
        flight_free(b->flights[i]);
    mem_free(b->flights);
    receipt_release(&b->receipt);
    load_state_release(&b->load);
}

static int check(muster_engine *e, const muster_feed_options *options,
                 size_t len, muster_error *err)
{
    int rc = feed_check_options(options, err);
    if (rc == 0 && options->dry_run)
        rc = error_set(err, MUSTER_EINVAL, "bad_options",
                       "a dry run takes a feed");
    if (rc == 0 && options->mapping)
        rc = error_set(err, MUSTER_EINVAL, "bad_options",
                       "a mapping takes a feed");
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

    error_clear(err);
    if (receipt)
        memset(receipt, 0, sizeof *receipt);
    if (receipt_json)
        *receipt_json = NULL;
    int rc = check(engine, options, len, err);
    if (rc != 0)
        return rc;
    body_init(&b, options, options->load_id, bytes, len);
    rc = parse(engine, &b, muster_engine_now(engine), bytes, len, err);
    if (rc == 0)
        rc = writer_do(engine, chain(&b), err);
    if (rc >= 0) {
        fill_receipt(&b, rc > 0, len, started_ns);
        for (size_t i = 0; rc == 0 && i < b.count; i++)
            flight_tell(b.flights[i], options->reject, options->payload);
        if (receipt)
            receipt_public(&b.receipt, receipt);
        if (receipt_json)
            *receipt_json = receipt_text(&b.receipt);
    }
    body_release(&b);
    return rc > 0 ? 0 : rc;
}

/* ---- many at once ---- */

/* What one part became; a failure of the disk is one of them all. */
static int settle_part(body *b, muster_part *part, size_t number,
                       ingest_receipt *sum, muster_error *err)
{
    const change_request *last = b->count > 0 ? last_request(b) : NULL;

    if (!last)
        return 0; /* it was not read */
    part->repeated = last->rc > 0;
    if (last->rc < 0) {
        *err = last->error;
        return last->rc;
    }
    if (last->rc > 0)
        return 0;
    for (size_t i = 0; i < b->receipt.error_count; i++)
        b->receipt.errors[i].place = (record_place){number, 0};
    receipt_add(sum, &b->receipt);
    sum->epoch = b->receipt.epoch;
    return 0;
}

/* Sends some parts, the first of which is number `from` of all. */
static int send_some(muster_engine *e, const muster_feed_options *options,
                     muster_part *parts, size_t count, size_t from,
                     ingest_receipt *sum, muster_error *err)
{
    const muster_time now = muster_engine_now(e);
    body *bodies = mem_array(count, sizeof *bodies);
    change_request *first = NULL;
    change_request *last = NULL;
    int rc = 0;

    for (size_t i = 0; i < count; i++) {
        muster_part *p = &parts[i];
        body *b = &bodies[i];
        body_init(b, options, p->load_id, p->bytes, p->len);
        b->any_input = true;
        p->rc = parse(e, b, now, p->bytes, p->len, &p->error);
        if (p->rc != 0)
            continue;
        if (last)
            last->next = chain(b);
        else
            first = chain(b);
        last = last_request(b);
    }
    if (first)
        (void)writer_do(e, first, NULL);
    for (size_t i = 0; i < count; i++) {
        const int code =
            settle_part(&bodies[i], &parts[i], from + i + 1, sum, err);
        rc = rc == 0 ? code : rc;
        body_release(&bodies[i]);
    }
    mem_free(bodies);
    return rc;
}

static int check_parts(muster_engine *e, const muster_feed_options *options,
                       const muster_part *parts, size_t count,
                       muster_error *err)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        const char *id = parts[i].load_id;
        bytes += parts[i].len;
        if (id && (!*id || strlen(id) > MUSTER_LOAD_ID_BYTES_MAX))
            return feed_bad_load_id(err);
    }
    return check(e, options, bytes, err);
}

int muster_ingest_parts(muster_engine *engine,
                        const muster_feed_options *options,
                        muster_part *parts, size_t count,
                        muster_receipt *receipt, char **receipt_json,
                        muster_error *err)
{
    const uint64_t started_ns = clock_monotonic_ns();
    ingest_receipt *sum;
    muster_error own;

    error_clear(err);
    error_clear(&own);
    if (receipt)
        memset(receipt, 0, sizeof *receipt);
    if (receipt_json)
        *receipt_json = NULL;
    int rc = check_parts(engine, options, parts, count, err);
    if (rc != 0)
        return rc;
    sum = mem_alloc(sizeof *sum);
    receipt_init(sum);
    for (size_t i = 0; i < count && rc == 0; i += PARTS_AT_ONCE) {
        const size_t left = count - i;
        rc = send_some(engine, options, parts + i,
                       left < PARTS_AT_ONCE ? left : PARTS_AT_ONCE, i, sum,
                       &own);
    }
    for (size_t i = 0; i < count; i++)
        sum->bytes += parts[i].len;
    sum->seconds = (double)(clock_monotonic_ns() - started_ns) / 1e9;
    if (rc == 0 && receipt)
        receipt_public(sum, receipt);
    if (rc == 0 && receipt_json)
        *receipt_json = receipt_text(sum);
    if (rc != 0 && err)
        *err = own;
    receipt_release(sum);
    mem_free(sum);
    return rc;
}
