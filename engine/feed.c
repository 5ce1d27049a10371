/*
 * feed.c - muster_feed: input to batches to changes.
 *
 * The pipeline hands parsed batches over on one thread, in input order. Each
 * is posted to the writer without waiting for it, as long as not too much is
 * on its way; what comes back tells its refused records and counts. Nobody
 * waits to see a feed's facts before its end, so the writer may gather them
 * for large deltas.
 *
 * A dry run judges against a copy of the catalog and counts new users in a
 * scratch dictionary; nothing of the engine changes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "preview.h"
#include "reading.h"

#include <stdio.h>
#include <unistd.h>

#define FEED_MAGIC 0x66656564u
/* Encoded bytes that may be on their way to the writer. */
#define FEED_BYTES ((size_t)32 << 20)

struct muster_feed {
    uint32_t magic;
    muster_engine *engine;
    muster_feed_options options;
    muster_time now;
    mapping *mapping; /* NULL = none */
    reading *reading; /* NULL: records of our own form */
    ingest *input;
    ingest_receipt receipt; /* of what came back */
    load_state load;        /* writer's thread: of what is committed */
    int lost;               /* writer's thread: why a batch was not */
    muster_error loss;
    uint64_t resumed; /* decompressed bytes passed over */
    uint64_t started_ns;
    uint64_t pushed;
    bool claimed;
    bool finished;
    int ended; /* caller's thread: why no more is taken */
    muster_error ending;
    int failed; /* sink's thread, then the caller's */
    muster_error failure;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t back;
    size_t away; /* bytes on their way */
    flight *landed;
    flight **landed_end;

    working *scratch; /* dry run */
    buffer scratch_ids;
    buffer receipt_json;
    preview preview; /* dry run */
};

/* ---- on the writer's thread ---- */

/* Behind a batch that was lost no later one may be committed: the load would
 * be said to be further than it is. */
static int act_follow(muster_engine *e, change_request *r, muster_error *err)
{
    const flight *f = r->payload;
    const muster_feed *feed = f->owner;

    (void)e;
    if (feed->lost == 0)
        return 0;
    if (err)
        *err = feed->loss;
    return feed->lost;
}

/* How far the input is, in the transaction of the batch. */
static int note_position(muster_engine *e, change_request *r,
                         muster_error *err)
{
    flight *f = r->payload;
    muster_feed *feed = f->owner;
    load_state *l = &feed->load;

    flight_count(f);
    receipt_add(&l->receipt, &f->receipt);
    l->position = f->batch->input_end;
    l->line = f->batch->input_line;
    l->head_hash = f->head_hash;
    l->head_len = f->head_len;
    return load_write(e, l, err);
}

static void land(change_request *r)
{
    flight *f = r->payload;
    muster_feed *feed = f->owner;

    if (r->rc != 0 && feed->lost == 0) {
        feed->lost = r->rc;
        feed->loss = r->error;
    }
    pthread_mutex_lock(&feed->lock);
    *feed->landed_end = f;
    feed->landed_end = &f->next;
    feed->away -= f->body.len + 1;
    pthread_cond_signal(&feed->back);
    pthread_mutex_unlock(&feed->lock);
}

static int act_read_load(muster_engine *e, change_request *r,
                         muster_error *err)
{
    return load_read(e, r->payload, err);
}

static int act_end_load(muster_engine *e, change_request *r,
                        muster_error *err)
{
    load_state *l = r->payload;
    l->ended = true;
    return load_write(e, l, err);
}

/* A feed's end asks for a generation when the log behind the newest one has
 * grown. */
static void ask_generation(muster_engine *e, change_request *r)
{
    (void)r;
    if (e->state.facts_behind >= ENGINE_REPLAY_FACTS)
        keeper_ask(e);
}

/* ---- on the feed's thread ---- */

static void tell_progress(muster_feed *f)
{
    if (!f->options.progress)
        return;
    const muster_progress p = {
        __atomic_load_n(&f->pushed, __ATOMIC_RELAXED), f->receipt.records,
        receipt_facts(&f->receipt), f->receipt.rejected};
    f->options.progress(f->options.payload, &p);
}

static int fail(muster_feed *f, int rc, const muster_error *err)
{
    if (f->failed == 0) {
        f->failed = rc;
        f->failure = *err;
    }
    return rc;
}

/* What one batch became. */
static void settle(muster_feed *f, flight *one)
{
    if (one->request.rc != 0) {
        fail(f, one->request.rc, &one->request.error);
    } else {
        receipt_add(&f->receipt, &one->receipt);
        flight_tell(one, f->options.reject, f->options.payload);
        if (one->request.seq > f->receipt.epoch)
            f->receipt.epoch = one->request.seq;
    }
    flight_free(one);
}

/* Settles what came back; waits until at most `away` bytes are on their
 * way. */
static void collect(muster_feed *f, size_t away)
{
    flight *list;

    do {
        pthread_mutex_lock(&f->lock);
        while (!f->landed && f->away > away)
            pthread_cond_wait(&f->back, &f->lock);
        list = f->landed;
        f->landed = NULL;
        f->landed_end = &f->landed;
        const bool more = f->away > away;
        pthread_mutex_unlock(&f->lock);
        const bool any = list != NULL;
        while (list) {
            flight *one = list;
            list = one->next;
            settle(f, one);
        }
        if (any)
            tell_progress(f);
        if (!more)
            return;
    } while (true);
}

static int check_errors(muster_feed *f, muster_error *err)
{
    if (f->failed != 0) {
        *err = f->failure;
        return f->failed;
    }
    if (f->receipt.rejected <= f->options.max_errors)
        return 0;
    return error_set(err, MUSTER_ECANCELLED, "max_errors",
                     "stopped after %llu rejected records (--max-errors "
                     "%llu)", (unsigned long long)f->receipt.rejected,
                     (unsigned long long)f->options.max_errors);
}

/* A dry run's batch: nobody asks for the facts, so they are let go. */
static int judge_batch(muster_feed *f, flight *one, muster_error *err)
{
    int rc = 0;
    if (one->batch->record_count > 0)
        rc = apply_facts(f->scratch, f->now, one->batch->bytes.data,
                         one->batch->bytes.len, &one->report, err);
    index_layer_release(index_builder_finish(f->scratch->building));
    if (rc == 0) {
        flight_count(one);
        preview_add(&f->preview, one);
    }
    one->request.rc = rc;
    if (rc != 0)
        one->request.error = *err;
    settle(f, one);
    tell_progress(f);
    return rc;
}

static void post(muster_feed *f, flight *one)
{
    ingest_head(f->input, &one->head_hash, &one->head_len);
    one->request.load_id = f->load.id;
    one->request.lazy = true;
    one->request.act = act_follow;
    one->request.logged = note_position;
    one->request.done = land;
    pthread_mutex_lock(&f->lock);
    f->away += one->body.len + 1;
    pthread_mutex_unlock(&f->lock);
    writer_post(f->engine, &one->request);
}

static int take_batch(void *payload, fact_batch *take, muster_error *err)
{
    muster_feed *f = payload;
    muster_error own;

    error_clear(&own);
    const int passed = reading_pass(f->reading, take, &own);
    if (passed != 0 || (f->reading && take->input_end <= f->resumed)) {
        fact_batch_free(take);
        if (passed != 0 && err)
            *err = own;
        return passed;
    }
    flight *one = flight_new(take, f->now, f);
    if (f->scratch) {
        (void)judge_batch(f, one, &own);
    } else {
        collect(f, FEED_BYTES);
        const int rc = keeper_admit(f->engine, true, &own);
        if (rc != 0) {
            flight_free(one);
            fail(f, rc, &own);
        } else if (f->failed != 0) {
            flight_free(one);
        } else {
            post(f, one);
        }
        if (f->options.max_errors != UINT64_MAX)
            collect(f, 0); /* so that it stops where it should */
    }
    const int rc = check_errors(f, &own);
    if (rc != 0 && err)
        *err = own;
    return rc;
}

/* ---- opening ---- */

int feed_bad_load_id(muster_error *err)
{
    return error_set(err, MUSTER_EINVAL, "bad_load_id",
                     "a load id has 1 to %u characters",
                     MUSTER_LOAD_ID_BYTES_MAX);
}

int feed_check_options(const muster_feed_options *o, muster_error *err)
{
    if (!o || o->size != sizeof *o || o->format > MUSTER_INPUT_CDP)
        return error_set(err, MUSTER_EINVAL, "bad_options",
                         "options must start from MUSTER_FEED_OPTIONS_INIT");
    if (o->provider && !catalog_is_provider_name(text_of(o->provider)))
        return error_set(err, MUSTER_EINVAL, "bad_name",
                         "the provider's name must be lower-case letters, "
                         "digits, '_', '-' and '.'");
    if (o->load_id &&
        (!*o->load_id || strlen(o->load_id) > MUSTER_LOAD_ID_BYTES_MAX))
        return feed_bad_load_id(err);
    return 0;
}

/* As the catalog is now: a name that it gets later with another kind refuses
 * the records that derive it, as any other that speak of it. */
static uint32_t derivable(muster_engine *e)
{
    epoch_pin pin;

    const uint32_t mask = derive_mask_of(epoch_pin_newest(e, &pin)->names);
    epoch_unpin(e, &pin);
    return mask;
}

ingest_format input_format_of(muster_input_format format)
{
    static const ingest_format formats[] = {
        INGEST_AUTO, INGEST_NDJSON, INGEST_CSV, INGEST_MSGPACK, INGEST_ARRAY,
        INGEST_AAM, INGEST_AAM, INGEST_AAM_IDS, INGEST_LIVERAMP, INGEST_CDP};
    return formats[format];
}

ingest_options feed_input_options(muster_engine *e,
                                  const muster_feed_options *o,
                                  muster_time now)
{
    return (ingest_options){
        .format = input_format_of(o->format),
        .provider = o->provider,
        .only_provider = o->only_provider,
        .gentle = o->gentle,
        .derive = o->derive,
        .derive_mask = o->derive ? derivable(e) : 0,
        .key = e->key,
        .now = now,
        .threads = e->threads,
    };
}

static int copy_piece(void *payload, const void *bytes, size_t len)
{
    buffer_put(payload, bytes, len);
    return 0;
}

/* A copy of what judging needs; freed with the feed, also on failure. */
static int scratch_state(muster_feed *f, muster_error *err)
{
    working *s = mem_zalloc(sizeof *s);
    buffer *ids = &f->scratch_ids;
    epoch_pin pin;

    const epoch *at = epoch_pin_newest(f->engine, &pin);
    s->names = catalog_copy(at->names);
    s->index = index_view_retain((index_stack *)at->index);
    s->building = index_builder_new();
    s->audiences = audience_store_new();
    f->scratch = s;
    int rc = dictionary_encode(at->ids, copy_piece, ids);
    if (rc == 0)
        rc = dictionary_open(&s->ids, ids->data, ids->len, err);
    if (rc == 0)
        working_find_forgotten(s);
    return epoch_answer(f->engine, &pin, rc, err);
}

/* An id of our own is another for every feed of every process, also where the
 * clock stands still between two calls. */
static void make_load_id(muster_feed *f)
{
    static uint64_t feeds;
    char date[32];

    if (f->options.load_id) {
        snprintf(f->load.id, sizeof f->load.id, "%s",
                 f->options.load_id);
        return;
    }
    const uint64_t own[] = {
        clock_monotonic_ns(), (uint64_t)getpid(),
        __atomic_add_fetch(&feeds, 1, __ATOMIC_RELAXED)};
    clock_format_time(date, clock_now());
    snprintf(f->load.id, sizeof f->load.id, "load-%s-%016llx", date,
             (unsigned long long)hash_bytes(own, sizeof own));
}

/* What is known of the load id, and the receipt it goes on from. */
static int begin_load(muster_feed *f, muster_error *err)
{
    change_request r = {
        .act = act_read_load, .payload = &f->load, .lazy = true};

    int rc = load_claim(f->engine, f->load.id, err);
    if (rc != 0)
        return rc;
    f->claimed = true;
    if (!f->options.load_id)
        return 0;
    rc = writer_do(f->engine, &r, err);
    if (rc != 0 || !f->load.found)
        return rc;
    if (f->load.head_len > INGEST_HEAD_BYTES) /* body.c's, of a whole body */
        return error_set(err, MUSTER_ECONFLICT, "other_input",
                         "this load id was used for an input that was sent "
                         "whole; choose another");
    f->resumed = f->load.position;
    f->load.ended = false;
    receipt_add(&f->receipt, &f->load.receipt);
    f->receipt.records_before = f->receipt.records;
    f->receipt.facts_before = receipt_facts(&f->receipt);
    return 0;
}

static int open_input(muster_feed *f, muster_error *err)
{
    ingest_options how = feed_input_options(f->engine, &f->options, f->now);

    how.mapping = f->mapping;
    how.notice = f->options.notice;
    how.notice_payload = f->options.payload;
    how.resume_at = f->load.position;
    how.resume_line = f->load.line;
    how.head_hash = f->load.head_hash;
    how.head_len = f->load.head_len;
    reading_options(f->reading, &how);
    if (how.reread)
        how.resume_line = 0;
    return ingest_open(&f->input, &how, take_batch, f, err);
}

static muster_feed *feed_new(muster_engine *engine,
                             const muster_feed_options *options)
{
    muster_feed *f = mem_zalloc(sizeof *f);

    f->magic = FEED_MAGIC;
    f->engine = engine;
    f->options = *options;
    f->now = muster_engine_now(engine);
    f->started_ns = clock_monotonic_ns();
    f->landed_end = &f->landed;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->back, NULL);
    receipt_init(&f->receipt);
    load_state_init(&f->load);
    make_load_id(f);
    buffer_init(&f->receipt_json, (size_t)16 << 20);
    buffer_init(&f->scratch_ids, SIZE_MAX / 2);
    preview_init(&f->preview, options->dry_run ? options->preview : 0);
    return f;
}

int muster_feed_open(muster_feed **out, muster_engine *engine,
                     const muster_feed_options *options, muster_error *err)
{
    error_clear(err);
    *out = NULL;
    engine_check(engine);
    int rc = feed_check_options(options, err);
    if (rc == 0 && !options->dry_run)
        rc = engine_check_writable(engine, err);
    if (rc != 0)
        return rc;
    muster_feed *f = feed_new(engine, options);
    if (options->mapping)
        rc = mapping_compile(&f->mapping, options->mapping,
                             strlen(options->mapping), err);
    if (rc == 0)
        rc = reading_open(&f->reading, engine, options, err);
    if (rc == 0)
        rc = options->dry_run ? scratch_state(f, err) : begin_load(f, err);
    if (rc == 0)
        rc = reading_declare(f->reading, engine,
                             f->scratch ? f->scratch->names : NULL, err);
    if (rc == 0)
        rc = open_input(f, err);
    if (rc != 0) {
        muster_feed_free(f);
        return rc;
    }
    *out = f;
    return 0;
}

/* ---- feeding ---- */

int muster_feed_push(muster_feed *feed, const void *bytes, size_t len,
                     muster_error *err)
{
    muster_error own;

    ASSERT(feed && feed->magic == FEED_MAGIC && !feed->finished);
    error_clear(err);
    if (feed->ended) {
        if (err)
            *err = feed->ending;
        return feed->ended;
    }
    __atomic_add_fetch(&feed->pushed, len, __ATOMIC_RELAXED);
    const int rc = ingest_push(feed->input, bytes, len, &own);
    if (rc == 0)
        return 0;
    if (err)
        *err = own;
    feed->ended = rc;
    feed->ending = own;
    return rc;
}

/* What was accepted becomes visible; a load that went well is marked so. */
static int end_load(muster_feed *f, bool well, muster_error *err)
{
    change_request r = {.act = well ? act_end_load : NULL,
                        .after = ask_generation,
                        .payload = &f->load,
                        .ack = MUSTER_ACK_APPLIED,
                        .internal = true,
                        .writes = well};

    const int rc = writer_do(f->engine, &r, err);
    if (r.seq > f->receipt.epoch)
        f->receipt.epoch = r.seq;
    return rc;
}

static void fill_receipt(muster_feed *f)
{
    ingest_receipt *r = &f->receipt;

    snprintf(r->load_id, sizeof r->load_id, "%s", f->load.id);
    r->seconds = (double)(clock_monotonic_ns() - f->started_ns) / 1e9;
    r->bytes = f->pushed;
    r->resumed = f->resumed;
    r->repeated = f->load.found && r->records == r->records_before;
    if (f->scratch)
        r->epoch = muster_engine_epoch(f->engine);
    r->preview = preview_end(&f->preview);
}

int muster_feed_finish(muster_feed *feed, muster_error *err)
{
    muster_error own = feed->ending;
    int rc = feed->ended;

    ASSERT(feed->magic == FEED_MAGIC && !feed->finished);
    error_clear(err);
    if (rc == 0)
        rc = ingest_finish(feed->input, &own);
    ingest_free(feed->input);
    feed->input = NULL;
    feed->finished = true;
    collect(feed, 0);
    if (rc == 0 && feed->failed != 0) {
        rc = feed->failed;
        own = feed->failure;
    }
    if (!feed->scratch) {
        muster_error late;
        const int ended = end_load(feed, rc == 0, &late);
        if (ended != 0 && rc == 0) {
            rc = ended;
            own = late;
        }
    }
    fill_receipt(feed);
    tell_progress(feed);
    if (err && rc != 0)
        *err = own;
    return rc;
}

void muster_feed_receipt(const muster_feed *feed, muster_receipt *out)
{
    receipt_public(&feed->receipt, out);
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
    collect(feed, 0);
    if (!feed->finished && !feed->scratch && feed->claimed)
        (void)end_load(feed, false, NULL);
    if (feed->claimed)
        load_unclaim(feed->engine, feed->load.id);
    if (feed->scratch)
        state_free(feed->scratch);
    mem_free(feed->scratch);
    mapping_free(feed->mapping);
    preview_release(&feed->preview);
    reading_free(feed->reading);
    load_state_release(&feed->load);
    receipt_release(&feed->receipt);
    buffer_release(&feed->receipt_json);
    buffer_release(&feed->scratch_ids);
    pthread_mutex_destroy(&feed->lock);
    pthread_cond_destroy(&feed->back);
    feed->magic = 0;
    mem_free(feed);
}

bool muster_is_personal(muster_text value)
{
    return identity_is_pii(value);
}
