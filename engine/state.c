/*
 * state.c - the working state: made from disk, replayed, thrown away.
 *
 * Recovery: the newest valid generation, then every newer batch of the log,
 * applied in order by the code that applied them the first time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

/* ---- rules ---- */

static uint32_t cap_of(void *payload, uint32_t attribute)
{
    const state_rules *r = payload;
    if (attribute < CATALOG_ATTRIBUTE_FIRST)
        return 1;
    const catalog_attribute *a = catalog_attribute_get(r->names, attribute);
    return a && a->cap ? a->cap : MUSTER_COUNT_CAP_DEFAULT;
}

/* Oldest bucket of an event attribute within its retention at the tick. */
static uint32_t first_bucket_of(void *payload, uint32_t attribute)
{
    const state_rules *r = payload;
    if (attribute < CATALOG_ATTRIBUTE_FIRST)
        return 0;
    const catalog_attribute *a = catalog_attribute_get(r->names, attribute);
    const int64_t day = r->tick / 24;
    if (!a || a->kind != KIND_EVENT || day < a->retention_days)
        return 0;
    const uint32_t first = (uint32_t)(day - a->retention_days + 1);
    return a->grain == GRAIN_HOUR ? first * 24 : first;
}

index_limits rules_limits(state_rules *rules, bool drop)
{
    index_limits limits = {.cap = cap_of, .payload = rules};
    if (drop && rules->tick > 0) {
        limits.now_hour = (uint32_t)rules->tick;
        limits.first_bucket = first_bucket_of;
    }
    return limits;
}

/* ---- life ---- */

/* Facts that a thread of their own makes a delta of. */
struct delta_maker {
    index_builder *facts;
    size_t bytes; /* of them when it began */
    index_layer *delta;
    pthread_t thread;
    void (*done)(void *payload); /* may be NULL */
    void *payload;
};

uint64_t next_ids_number(void)
{
    static uint64_t last;
    return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

void state_init(working *w)
{
    *w = (working){
        .ids_number = next_ids_number(),
        .names = catalog_new(),
        .audiences = audience_store_new(),
        .access = access_store_new(),
        .ids = dictionary_new(),
        .index = index_view_empty(),
        .building = index_builder_new(),
    };
}

void state_free(working *w)
{
    state_take_delta(w);
    index_builder_free(w->building);
    if (w->index)
        index_view_release(w->index);
    dictionary_free(w->ids);
    audience_store_free(w->audiences);
    access_store_free(w->access);
    catalog_free(w->names);
    base_release(w->base);
    mem_free(w->forgotten);
    spoken_release(w);
    memset(w, 0, sizeof *w);
}

size_t state_names(const working *w)
{
    return catalog_memory(w->names) + audience_store_memory(w->audiences) +
           access_store_memory(w->access);
}

/* Names stay in memory; what counts is what a generation frees or keeps. */
size_t state_memory(const working *w)
{
    const size_t names = state_names(w);
    size_t bytes = index_builder_memory(w->building) +
                   (w->making ? w->making->bytes : 0) +
                   dictionary_memory(w->ids) +
                   (names > w->names_base ? names - w->names_base : 0);
    for (size_t i = 0; i < index_layer_count(w->index); i++)
        bytes += index_layer_bytes(index_layer_at(w->index, i));
    return bytes;
}

/* ---- layers ---- */

static void set_view(working *w, index_stack *take_view)
{
    index_view_release(w->index);
    w->index = take_view;
}

void state_merge(working *w, size_t first, size_t count)
{
    state_rules rules = {w->names, w->tick};
    const index_limits limits = rules_limits(&rules, false);
    index_layer *layers[INDEX_DELTAS_MAX + 1];

    ASSERT(first > 0 && first + count <= index_layer_count(w->index));
    for (size_t i = 0; i < count; i++)
        layers[i] = index_layer_at(w->index, first + i);
    index_layer *one = index_merge_deltas(layers, count, &limits);
    set_view(w, index_view_replace(w->index, first, count, one));
}

static void push_delta(working *w, index_layer *take_delta)
{
    const size_t count = index_layer_count(w->index);

    if (count == INDEX_DELTAS_MAX + 1) /* in recovery: else flush() of
                                          writer.c has made room */
        state_merge(w, count - INDEX_DELTAS_MAX / 4, INDEX_DELTAS_MAX / 4);
    set_view(w, index_view_push(w->index, take_delta));
}

static void *make_delta(void *payload)
{
    struct delta_maker *m = payload;
    m->delta = index_builder_finish(m->facts);
    if (m->done)
        m->done(m->payload);
    return NULL;
}

void state_begin_delta(working *w, void (*done)(void *payload), void *payload)
{
    struct delta_maker *m = mem_zalloc(sizeof *m);

    ASSERT(!w->making);
    m->facts = w->building;
    m->bytes = index_builder_memory(m->facts);
    m->done = done;
    m->payload = payload;
    w->building = index_builder_new();
    w->making = m;
    m->thread = thread_start(make_delta, m);
}

void state_take_delta(working *w)
{
    struct delta_maker *m = w->making;

    if (!m)
        return;
    thread_join(m->thread);
    w->making = NULL;
    push_delta(w, m->delta);
    index_builder_free(m->facts);
    mem_free(m);
}

void state_flush(working *w)
{
    state_take_delta(w);
    if (index_builder_facts(w->building) > 0)
        push_delta(w, index_builder_finish(w->building));
}

/* ---- recovery ---- */

/* While one delta is made of the facts gathered, the next ones are gathered. */
typedef struct replay {
    const muster_engine *e;
    working *w;
} replay;

/* Generations there are, and one more. */
#define RECOVER_TRIES 3
/* Stops the walk without being an error: a reader's budget is used up. */
#define REPLAY_FULL 1

static int replay_batch(void *payload, const storage_batch *batch,
                        muster_error *err)
{
    replay *r = payload;
    working *w = r->w;
    apply_report none = {0};

    const int rc = change_apply(w, NULL, batch->kind, batch->bytes,
                                batch->len, &none, err);
    if (rc != 0)
        return rc;
    w->seq = batch->seq;
    w->bytes_behind += batch->len;
    if (index_builder_facts(w->building) < ENGINE_DELTA_FACTS)
        return 0;
    state_take_delta(w);
    state_begin_delta(w, NULL, NULL);
    return r->e->mode == MUSTER_OPEN_READ &&
                   state_memory(w) > r->e->memory_budget
               ? REPLAY_FULL
               : 0;
}

static int replay_log(muster_engine *e, working *w, muster_error *err)
{
    replay r = {e, w};

    int rc = storage_log_each(e->store, w->seq, replay_batch, &r, err);
    state_take_delta(w);
    if (rc == REPLAY_FULL)
        rc = 0;
    if (rc == 0)
        state_flush(w);
    return rc;
}

static int open_base(muster_engine *e, generation **file,
                     muster_error *damage, muster_error *err)
{
    return e->checking ? generation_open(file, e->store, damage, err)
                       : generation_open_quick(file, e->store, damage, err);
}

static int recover_over(muster_engine *e, working *w, muster_error *damage,
                        muster_error *err)
{
    generation *file = NULL;

    int rc = open_base(e, &file, damage, err);
    if (rc != 0)
        return rc;
    if (file) {
        w->base = base_share(file);
        rc = generation_load(w, w->base, err);
        w->names_base = state_names(w);
    }
    if (rc == 0)
        rc = replay_log(e, w, err);
    return rc ? rc : base_check(w->base, err);
}

/* Damage that shows while a generation is read has it passed over as well. */
static int recover_once(muster_engine *e, working *w, muster_error *damage,
                        muster_error *err)
{
    for (int i = 0;; i++) {
        muster_error found;
        error_clear(&found);
        const int rc = recover_over(e, w, &found, err);
        if (damage->code == 0)
            *damage = found;
        if (rc != MUSTER_ECORRUPT || i == RECOVER_TRIES ||
            base_check(w->base, &found) == 0)
            return rc;
        if (damage->code == 0)
            *damage = found;
        generation_distrust(e->store, generation_id(w->base->file));
        state_free(w);
        state_init(w);
        w->residents = e->residents;
    }
}

/* What the engine stands on was found damaged: it is not taken again. */
static void distrust_present(muster_engine *e)
{
    if (base_check(e->state.base, NULL) != 0)
        generation_distrust(e->store, e->state.generation);
}

/* A reader looks through one transaction, in which rows stay as they are;
 * files may be removed by the writer nevertheless. */
#define READ_TRIES 8

int state_recover(muster_engine *e, working *w, muster_error *damage,
                  muster_error *err)
{
    error_clear(damage);
    w->residents = e->residents;
    distrust_present(e);
    if (e->mode != MUSTER_OPEN_READ)
        return recover_once(e, w, damage, err);
    int rc = MUSTER_EBUSY;
    for (int i = 0; i < READ_TRIES && rc == MUSTER_EBUSY; i++) {
        rc = storage_begin(e->store, err);
        if (rc != 0)
            return rc;
        rc = recover_once(e, w, damage, err);
        storage_rollback(e->store);
        if (rc == MUSTER_EBUSY) {
            state_free(w);
            state_init(w);
            w->residents = e->residents;
        }
    }
    return rc;
}
