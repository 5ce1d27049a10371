/*
 * feed.c - muster_feed: input to batches to changes.
 *
 * The pipeline hands parsed batches over on one thread, in input order. Each
 * is logged and applied; several share one commit, so that an fsync is paid
 * per FEED_COMMIT_BYTES, not per batch. Facts become visible when their commit
 * is durable and enough of them make a delta, and all at the end.
 *
 * A dry run judges against a copy of the catalog and counts new users in a
 * scratch dictionary; nothing of the engine changes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"

#define FEED_COMMIT_BYTES ((size_t)16 << 20)
#define FEED_MAGIC 0x66656564u

struct muster_feed {
    uint32_t magic;
    muster_engine *engine;
    muster_feed_options options;
    char *provider;
    muster_time now;
    ingest *input;
    ingest_receipt receipt;
    uint64_t started_ns;
    uint64_t pushed;
    buffer body;
    size_t uncommitted;
    bool in_commit;
    bool wrote;
    bool finished;
    int failed;
    muster_error failure;
    muster_engine *scratch; /* dry run */
    buffer scratch_ids;
    buffer receipt_json;
};

/* ---- refused records ---- */

static void tell_reject(void *payload, const ingest_reject *r)
{
    muster_feed *f = payload;

    if (!f->options.reject)
        return;
    const muster_reject public = {r->place.line, r->place.offset, r->pointer,
                                  ingest_reason_word(r->reason), r->message};
    f->options.reject(f->options.payload, &public);
}

static uint64_t facts_so_far(const ingest_receipt *r)
{
    return r->facts_flag + r->facts_one_of + r->facts_many_of +
           r->facts_number + r->facts_event + r->facts_unset;
}

static void tell_progress(muster_feed *f)
{
    if (!f->options.progress)
        return;
    const muster_progress p = {
        __atomic_load_n(&f->pushed, __ATOMIC_RELAXED), f->receipt.records,
        facts_so_far(&f->receipt), f->receipt.rejected};
    f->options.progress(f->options.payload, &p);
}

/* ---- batches ---- */

static int end_commit(muster_feed *f, muster_error *err)
{
    muster_engine *e = f->engine;

    if (!f->in_commit)
        return 0;
    f->in_commit = false;
    f->uncommitted = 0;
    const int rc = commit_end(e, err);
    if (rc == 0 && index_builder_facts(e->building) >= ENGINE_DELTA_FACTS) {
        engine_lock_write(e);
        apply_flush(e);
        engine_unlock(e);
    }
    engine_write_end(e);
    return rc;
}

static int log_batch(muster_feed *f, const fact_batch *batch,
                     apply_report *report, muster_error *err)
{
    int rc = 0;
    if (!f->in_commit) {
        engine_write_begin(f->engine);
        rc = commit_begin(f->engine, err);
    }
    if (rc != 0) {
        engine_write_end(f->engine);
        return rc;
    }
    f->in_commit = true;
    buffer_clear(&f->body);
    change_facts(&f->body, f->now, &batch->bytes);
    rc = commit_change(f->engine, CHANGE_FACTS, &f->body, f->receipt.load_id,
                       batch->input_end, report, err);
    f->wrote = true;
    f->uncommitted += f->body.len;
    if (rc != 0) {
        f->in_commit = false;
        engine_write_end(f->engine);
        return rc;
    }
    return f->uncommitted >= FEED_COMMIT_BYTES ? end_commit(f, err) : 0;
}

/* A dry run's batch: nobody asks for the facts, so they are let go. */
static int judge_batch(muster_feed *f, const fact_batch *batch,
                       apply_report *report, muster_error *err)
{
    const int rc = apply_facts(f->scratch, f->now, batch->bytes.data,
                               batch->bytes.len, report, err);
    index_layer_free(index_builder_finish(f->scratch->building));
    return rc;
}

/* Rejects of parsing stand between records: tells those before `record`. */
typedef struct reject_merge {
    muster_feed *feed;
    const fact_batch *batch;
    size_t next;
    uint32_t at; /* no record before this one will be refused */
} reject_merge;

static void tell_parse_rejects(reject_merge *m, uint32_t before)
{
    while (m->next < m->batch->reject_count &&
           m->batch->reject_before[m->next] <= before) {
        const ingest_reject *r = &m->batch->rejects[m->next++];
        receipt_reject(&m->feed->receipt, r);
        tell_reject(m->feed, r);
    }
}

static void merge_reject(void *payload, const ingest_reject *r)
{
    reject_merge *m = payload;

    while (m->at < m->batch->record_count &&
           m->batch->places[m->at].offset < r->place.offset)
        m->at++;
    tell_parse_rejects(m, m->at);
    tell_reject(m->feed, r);
}

static int take_batch(void *payload, fact_batch *take, muster_error *err)
{
    muster_feed *f = payload;
    reject_merge merge = {f, take, 0, 0};
    apply_report report = {&f->receipt, merge_reject, &merge, take->places};
    int rc = 0;

    if (take->record_count > 0 && f->scratch)
        rc = judge_batch(f, take, &report, err);
    else if (take->record_count > 0)
        rc = log_batch(f, take, &report, err);
    if (rc == 0)
        tell_parse_rejects(&merge, UINT32_MAX);
    fact_batch_free(take);
    tell_progress(f);
    if (rc == 0 && f->receipt.rejected > f->options.max_errors)
        rc = error_set(err, MUSTER_ECANCELLED, "max_errors",
                       "stopped after %llu rejected records (--max-errors "
                       "%llu)", (unsigned long long)f->receipt.rejected,
                       (unsigned long long)f->options.max_errors);
    return rc;
}

/* ---- opening ---- */

static int check_options(const muster_feed_options *o, muster_error *err)
{
    if (!o || o->size != sizeof *o || o->format > MUSTER_INPUT_MSGPACK)
        return error_set(err, MUSTER_EINVAL, "bad_options",
                         "options must start from MUSTER_FEED_OPTIONS_INIT");
    if (o->provider && !catalog_is_provider_name(text_of(o->provider)))
        return error_set(err, MUSTER_EINVAL, "bad_name",
                         "the provider's name must be lower-case letters, "
                         "digits, '_', '-' and '.'");
    if (o->load_id && (!*o->load_id || strlen(o->load_id) > 63))
        return error_set(err, MUSTER_EINVAL, "bad_load_id",
                         "a load id has 1 to 63 characters");
    return 0;
}

static int copy_piece(void *payload, const void *bytes, size_t len)
{
    buffer_put(payload, bytes, len);
    return 0;
}

/* A copy of what judging needs, without store. */
static muster_engine *scratch_engine(muster_engine *e, buffer *ids)
{
    muster_engine *s = mem_zalloc(sizeof *s);

    s->magic = ENGINE_MAGIC;
    engine_lock_read(e);
    s->names = snapshot_copy_catalog(e->names);
    (void)dictionary_encode(e->ids, copy_piece, ids);
    if (e->forgotten_rows) {
        s->forgotten = mem_alloc(e->forgotten_rows / 8);
        memcpy(s->forgotten, e->forgotten, e->forgotten_rows / 8);
        s->forgotten_rows = e->forgotten_rows;
    }
    engine_unlock(e);
    const int rc = dictionary_open(&s->ids, ids->data, ids->len, NULL);
    ASSERT(rc == 0);
    s->building = index_builder_new();
    return s;
}

static void scratch_free(muster_engine *s)
{
    if (!s)
        return;
    catalog_free(s->names);
    dictionary_free(s->ids);
    index_builder_free(s->building);
    mem_free(s->forgotten);
    mem_free(s);
}

static void make_load_id(muster_feed *f)
{
    char date[32];

    if (f->options.load_id) {
        snprintf(f->receipt.load_id, sizeof f->receipt.load_id, "%s",
                 f->options.load_id);
        return;
    }
    clock_format_time(date, clock_now());
    snprintf(f->receipt.load_id, sizeof f->receipt.load_id, "load-%s-%08llx",
             date, (unsigned long long)(clock_monotonic_ns() & 0xffffffffu));
}

int muster_feed_open(muster_feed **out, muster_engine *engine,
                     const muster_feed_options *options, muster_error *err)
{
    static const ingest_format formats[] = {INGEST_AUTO, INGEST_NDJSON,
                                            INGEST_CSV, INGEST_MSGPACK};

    error_clear(err);
    *out = NULL;
    engine_check(engine);
    int rc = check_options(options, err);
    if (rc == 0 && !options->dry_run)
        rc = engine_check_writable(engine, err);
    if (rc != 0)
        return rc;
    engine_lock_write(engine);
    const bool busy = engine->feeding;
    engine->feeding = true;
    engine_unlock(engine);
    if (busy)
        return error_set(err, MUSTER_EBUSY, "feeding",
                         "another feed of this engine is not finished");

    muster_feed *f = mem_zalloc(sizeof *f);
    f->magic = FEED_MAGIC;
    f->engine = engine;
    f->options = *options;
    f->provider = mem_strdup(options->provider ? options->provider
                                               : "default");
    f->now = muster_engine_now(engine);
    f->started_ns = clock_monotonic_ns();
    receipt_init(&f->receipt);
    make_load_id(f);
    buffer_init(&f->body, (size_t)1 << 31);
    buffer_init(&f->receipt_json, (size_t)16 << 20);
    buffer_init(&f->scratch_ids, SIZE_MAX / 2);
    if (options->dry_run)
        f->scratch = scratch_engine(engine, &f->scratch_ids);
    const ingest_options input = {formats[options->format], f->provider,
                                  engine->key, f->now, engine->threads, 0};
    rc = ingest_open(&f->input, &input, take_batch, f, err);
    if (rc != 0) {
        muster_feed_free(f);
        return rc;
    }
    *out = f;
    return 0;
}

/* ---- feeding ---- */

static int fail(muster_feed *f, int rc, const muster_error *err)
{
    f->failed = rc;
    if (err)
        f->failure = *err;
    return rc;
}

int muster_feed_push(muster_feed *feed, const void *bytes, size_t len,
                     muster_error *err)
{
    muster_error own;

    ASSERT(feed && feed->magic == FEED_MAGIC && !feed->finished);
    error_clear(err);
    if (feed->failed) {
        if (err)
            *err = feed->failure;
        return feed->failed;
    }
    __atomic_add_fetch(&feed->pushed, len, __ATOMIC_RELAXED);
    const int rc = ingest_push(feed->input, bytes, len, &own);
    if (rc == 0)
        return 0;
    if (err)
        *err = own;
    return fail(feed, rc, &own);
}

/* Everything applied becomes durable and visible; a generation when the log
 * behind the newest one has grown. */
static int settle(muster_feed *f, muster_error *err)
{
    muster_engine *e = f->engine;

    int rc = end_commit(f, err);
    if (rc != 0)
        return rc;
    engine_write_begin(e);
    /* after a failed commit the state holds what the log does not */
    if (engine_check_writable(e, NULL) == 0) {
        engine_lock_write(e);
        apply_flush(e);
        if (e->facts_behind >= ENGINE_REPLAY_FACTS)
            rc = snapshot_write(e, err);
        engine_unlock(e);
    }
    engine_write_end(e);
    return rc;
}

int muster_feed_finish(muster_feed *feed, muster_error *err)
{
    muster_error own;
    int rc = feed->failed;

    ASSERT(feed->magic == FEED_MAGIC && !feed->finished);
    error_clear(err);
    error_clear(&own);
    if (rc == 0)
        rc = ingest_finish(feed->input, &own);
    else
        own = feed->failure;
    ingest_free(feed->input);
    feed->input = NULL;
    feed->finished = true;
    if (!feed->scratch && feed->wrote) {
        muster_error late;
        const int settled = settle(feed, &late);
        if (settled != 0) {
            rc = settled;
            own = late;
        }
    }
    feed->receipt.seconds =
        (double)(clock_monotonic_ns() - feed->started_ns) / 1e9;
    feed->receipt.bytes = feed->pushed;
    feed->receipt.epoch = muster_engine_epoch(feed->engine);
    tell_progress(feed);
    if (err && rc != 0)
        *err = own;
    return rc;
}

void muster_feed_receipt(const muster_feed *feed, muster_receipt *out)
{
    const ingest_receipt *r = &feed->receipt;

    memset(out, 0, sizeof *out);
    out->records = r->records;
    out->accepted = r->accepted;
    out->rejected = r->rejected;
    out->facts = facts_so_far(r);
    out->users_new = r->users_new;
    out->conflicts = r->conflicts;
    out->bytes = r->bytes;
    out->seconds = r->seconds;
    out->epoch = r->epoch;
}

const char *muster_feed_receipt_json(muster_feed *feed)
{
    json_writer w;

    ASSERT(feed->magic == FEED_MAGIC && feed->finished);
    buffer_clear(&feed->receipt_json);
    json_begin(&w, &feed->receipt_json, false);
    receipt_to_json(&feed->receipt, &w);
    return buffer_cstr(&feed->receipt_json);
}

void muster_feed_free(muster_feed *feed)
{
    if (!feed)
        return;
    ASSERT(feed->magic == FEED_MAGIC);
    ingest_free(feed->input);
    if (!feed->finished && feed->wrote)
        (void)settle(feed, NULL);
    engine_lock_write(feed->engine);
    feed->engine->feeding = false;
    engine_unlock(feed->engine);
    scratch_free(feed->scratch);
    receipt_release(&feed->receipt);
    buffer_release(&feed->body);
    buffer_release(&feed->receipt_json);
    buffer_release(&feed->scratch_ids);
    mem_free(feed->provider);
    feed->magic = 0;
    mem_free(feed);
}
