/*
 * keeper.c - the background of an engine that writes: generations, merges of
 * deltas, the write-back of SQLite's log, and freeing what is large.
 *
 * A generation, without a pause for anyone:
 *   1. writer   cut: everything gathered is published; that epoch is held and
 *               its layers are closed: the writer's merges stay above them
 *   2. keeper   merges the epoch's layers to one base, writes and flushes the
 *               file, maps it, fills a dictionary over it with the ids that
 *               came meanwhile
 *   3. writer   the row in SQLite goes with the next commit; then the last
 *               few ids, and the closed layers give way to the new base
 * Merges of deltas go the same way without a file, on a thread of their own,
 * so that deltas do not pile up above a generation being written. A merge that
 * a generation has overtaken is dropped.
 *
 * Budgets: memory is what lies above the newest generation; the log is what
 * recovery would replay. From half of either a generation is asked for; at
 * all of it facts are not admitted until one has made room.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

/* Deltas in a view from which a generation is asked for: there must be room
 * for those that come while it is written. */
#define LAYERS_ASK 36u
#define LAYERS_CUT 40u
/* Where a merge in the background ends: above it the writer can still help
 * itself. */
#define MERGE_END_MAX (INDEX_DELTAS_MAX - 8u)
/* After a failure the keeper does not begin by itself for this long. */
#define RETRY_NS ((uint64_t)10 * 1000000000)
/* Deltas that are merged together in the background. */
#define MERGE_LAYERS 6u
/* A WAL of this size is written back. */
#define WAL_BYTES ((uint64_t)16 << 20)
/* Ids that a new dictionary may still miss when the writer takes it over. */
#define LAST_IDS 2000u
#define CATCH_UP_IDS 100000u
/* Generations that a feed waits for before it is refused. */
#define PATIENCE 4
/* What is freed at once: handing it over would cost more. */
#define SMALL_BYTES ((size_t)1 << 20)
/* Log rows deleted in one commit: few, so that nobody waits long; a
 * sixty-fourth of what is to go when that is more, as behind a long load. */
#define TRIM_BYTES ((size_t)4 << 20)
#define TRIM_BYTES_MAX ((size_t)128 << 20)
#define TRIM_STEPS 64u

struct keeper {
    pthread_t thread;
    pthread_t merger; /* also frees */
    pthread_mutex_t merging; /* one merge at a time */
    pthread_mutex_t lock; /* guards what stands above the line */
    pthread_cond_t wake;  /* the keeper's */
    pthread_cond_t wake_merger;
    pthread_cond_t over;  /* of those who wait for a generation */
    bool stopping;
    bool want_generation;
    bool want_merge;
    bool want_checkpoint;
    bool want_trim;
    bool want_mending;
    bool busy; /* with a generation */
    uint64_t finished; /* generations, also failed ones */
    int last_rc;
    muster_error last_error;
    uint64_t failed_ns;
    bool stopped;
    trash *garbage;
    trash **garbage_end;
    /* ---- the line */
    /* Layers of the view, from the base on, that a generation being written
     * has, and up to where a merge has them; 0: none. */
    pthread_mutex_t positions; /* guards both; never held for long */
    size_t generation_layers;
    size_t merge_end;
    uint64_t lineage; /* writer's: grows when the state is made anew */
};

static void discard_now(trash *t)
{
    while (t) {
        trash *next = t->next;
        if (t->view)
            index_view_release(t->view);
        dictionary_release(t->snapshot);
        dictionary_free(t->ids);
        base_release(t->base);
        mem_free(t);
        t = next;
    }
}

/* ---- what others ask ---- */

static void wake(struct keeper *k, bool *want)
{
    pthread_mutex_lock(&k->lock);
    *want = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
}

void keeper_ask(muster_engine *e)
{
    wake(e->keeper, &e->keeper->want_generation);
}

void keeper_mend(muster_engine *e)
{
    wake(e->keeper, &e->keeper->want_mending);
}

int keeper_generation(muster_engine *e, muster_error *err)
{
    struct keeper *k = e->keeper;

    pthread_mutex_lock(&k->lock);
    /* one that is being written may be of an older state */
    const uint64_t until = k->finished + (k->busy ? 2 : 1);
    k->want_generation = true;
    pthread_cond_signal(&k->wake);
    while (k->finished < until)
        pthread_cond_wait(&k->over, &k->lock);
    const int rc = k->last_rc;
    if (rc != 0 && err)
        *err = k->last_error;
    pthread_mutex_unlock(&k->lock);
    return rc;
}

int keeper_settle(muster_engine *e, muster_error *err)
{
    struct keeper *k = e->keeper;

    pthread_mutex_lock(&k->lock);
    while (k->want_generation || k->busy)
        pthread_cond_wait(&k->over, &k->lock);
    const int rc = k->last_rc;
    if (rc != 0 && err)
        *err = k->last_error;
    pthread_mutex_unlock(&k->lock);
    return rc;
}

static bool is_over(const muster_engine *e)
{
    return engine_shown(&e->shown_memory) > e->memory_budget ||
           engine_shown(&e->shown_log_behind) > e->log_budget;
}

/* By itself a generation is not begun beside one, nor soon after one that
 * failed. Caller holds the lock. */
static bool may_begin(const struct keeper *k)
{
    return !k->busy && (k->last_rc == 0 ||
                        clock_monotonic_ns() - k->failed_ns > RETRY_NS);
}

int keeper_admit(muster_engine *e, bool patient, muster_error *err)
{
    struct keeper *k = e->keeper;
    int rc = 0;

    /* what was on its way to the writer may fill it again once or twice */
    for (int i = 0; patient && i < PATIENCE && is_over(e) && rc == 0; i++)
        rc = keeper_generation(e, err);
    if (rc != 0 || !is_over(e))
        return rc;
    pthread_mutex_lock(&k->lock);
    k->want_generation |= may_begin(k);
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
    return error_set(err, MUSTER_ELIMIT, "memory",
                     "the budget for what lies above the newest generation "
                     "is used up (%llu of %llu MiB of memory, %llu of %llu "
                     "MiB of log): no facts are taken until a generation "
                     "has made room; reading goes on",
                     (unsigned long long)engine_shown(&e->shown_memory) >> 20,
                     (unsigned long long)e->memory_budget >> 20,
                     (unsigned long long)engine_shown(&e->shown_log_behind) >>
                         20,
                     (unsigned long long)e->log_budget >> 20);
}

/* Is what goes with a view little? What the newest one has stays. */
static bool is_small(const muster_engine *e, const trash *parts)
{
    const index_stack *now = e->state.index;
    size_t bytes = 0;

    if (parts->snapshot || parts->ids || !parts->view || !now ||
        (parts->base && parts->base != e->state.base))
        return false;
    for (size_t i = 0; i < index_layer_count(parts->view); i++)
        if (i >= index_layer_count(now) ||
            index_layer_at(parts->view, i) != index_layer_at(now, i))
            bytes += index_layer_bytes(index_layer_at(parts->view, i));
    return bytes <= SMALL_BYTES &&
           index_layer_at(parts->view, 0) == index_layer_at(now, 0);
}

void keeper_discard(muster_engine *e, const trash *parts)
{
    trash *t = mem_alloc(sizeof *t);
    struct keeper *k = e->keeper;

    *t = *parts;
    t->next = NULL;
    if (!k || is_small(e, parts)) {
        discard_now(t);
        return;
    }
    pthread_mutex_lock(&k->lock);
    const bool stopped = k->stopped;
    if (!stopped) {
        *k->garbage_end = t;
        k->garbage_end = &t->next;
        pthread_cond_signal(&k->wake_merger);
    }
    pthread_mutex_unlock(&k->lock);
    if (stopped)
        discard_now(t);
}

static size_t get(struct keeper *k, const size_t *number)
{
    pthread_mutex_lock(&k->positions);
    const size_t v = *number;
    pthread_mutex_unlock(&k->positions);
    return v;
}

static void set(struct keeper *k, size_t *number, size_t v)
{
    pthread_mutex_lock(&k->positions);
    *number = v;
    pthread_mutex_unlock(&k->positions);
}

size_t keeper_closed_layers(muster_engine *e)
{
    const size_t base = get(e->keeper, &e->keeper->generation_layers);
    const size_t merge = get(e->keeper, &e->keeper->merge_end);
    return base > merge ? base : merge;
}

void keeper_forget(muster_engine *e)
{
    set(e->keeper, &e->keeper->generation_layers, 0);
    set(e->keeper, &e->keeper->merge_end, 0);
    e->keeper->lineage++;
}

static void show(uint64_t *shown, uint64_t v)
{
    __atomic_store_n(shown, v, __ATOMIC_RELAXED);
}

uint64_t engine_shown(const uint64_t *shown)
{
    return __atomic_load_n(shown, __ATOMIC_RELAXED);
}

void keeper_show(muster_engine *e)
{
    show(&e->shown_memory, state_memory(&e->state));
    show(&e->shown_log_behind, e->state.bytes_behind);
    show(&e->shown_generation, (uint64_t)e->state.generation);
    show(&e->shown_generation_seq, e->state.generation_seq);
}

void keeper_look(muster_engine *e)
{
    struct keeper *k = e->keeper;
    const size_t layers = index_layer_count(e->state.index);

    keeper_show(e);
    const bool ask =
        engine_shown(&e->shown_memory) > e->memory_budget / 2 ||
        engine_shown(&e->shown_log_behind) > e->log_budget / 2 ||
        layers > LAYERS_ASK;
    const bool merge = layers > keeper_closed_layers(e) + MERGE_LAYERS;
    const bool write_back = storage_wal_bytes(e->store) > WAL_BYTES;
    if (!ask && !merge && !write_back)
        return;
    pthread_mutex_lock(&k->lock);
    k->want_generation |= ask && may_begin(k);
    k->want_merge |= merge;
    k->want_checkpoint |= write_back;
    if (ask || write_back)
        pthread_cond_signal(&k->wake);
    if (merge)
        pthread_cond_signal(&k->wake_merger);
    pthread_mutex_unlock(&k->lock);
}

/* ---- merges ---- */

/* Layers [first, first + count) of the view, which become one. */
typedef struct merging {
    epoch *at; /* held */
    size_t first;
    size_t count;
    uint64_t lineage;
    index_layer *layer;
} merging;

/* From which layer on it pays: the older one is at most twice as large as all
 * newer ones together. */
static size_t merge_from(const index_stack *view, size_t least, size_t end)
{
    size_t first = end;
    size_t bytes = 0;

    while (first > least) {
        const size_t more =
            index_layer_bytes(index_layer_at(view, first - 1));
        if (end - first >= MERGE_LAYERS && more > 2 * bytes)
            break;
        bytes += more;
        first--;
    }
    return first;
}

static void choose_after(muster_engine *e, change_request *r)
{
    merging *m = r->payload;
    const index_stack *view = e->state.index;
    const size_t least = get(e->keeper, &e->keeper->generation_layers);
    size_t end = index_layer_count(view);

    m->at = e->gate.current;
    if (m->at->index != view)
        return; /* the next publication asks again */
    if (end > MERGE_END_MAX)
        end = MERGE_END_MAX;
    m->first = merge_from(view, least > 1 ? least : 1, end);
    m->count = end > m->first ? end - m->first : 0;
    if (m->count < 2)
        return;
    epoch_hold(m->at);
    m->lineage = e->keeper->lineage;
    set(e->keeper, &e->keeper->merge_end, end);
}

/* Where the chosen layers lie now: a generation may have moved them, or have
 * taken their place. 0: nowhere. */
static size_t find_layers(const merging *m, const index_stack *view)
{
    const index_layer *first = index_layer_at(m->at->index, m->first);

    for (size_t i = 1; i + m->count <= index_layer_count(view); i++)
        if (index_layer_at(view, i) == first)
            return i;
    return 0;
}

static void merge_after(muster_engine *e, change_request *r)
{
    merging *m = r->payload;
    struct keeper *k = e->keeper;
    working *w = &e->state;
    const size_t at =
        m->lineage == k->lineage ? find_layers(m, w->index) : 0;

    if (at == 0)
        return;
    const trash old = {.view = w->index};
    w->index = index_view_replace(w->index, at, m->count, m->layer);
    m->layer = NULL;
    pthread_mutex_lock(&k->positions);
    if (at < k->generation_layers)
        k->generation_layers -= m->count - 1;
    k->merge_end = 0;
    pthread_mutex_unlock(&k->positions);
    keeper_discard(e, &old);
    point("merge.done");
}

static void merge_chosen(muster_engine *e, merging *m)
{
    index_layer *layers[INDEX_DELTAS_MAX + 1];
    state_rules rules = {m->at->names, m->at->tick};
    const index_limits limits = rules_limits(&rules, false);

    for (size_t i = 0; i < m->count; i++)
        layers[i] = index_layer_at(m->at->index, m->first + i);
    m->layer = index_merge_deltas(layers, m->count, &limits);
    /* nobody waits to see it: it shows with what is published next */
    change_request r = {.after = merge_after, .payload = m, .lazy = true};
    (void)writer_do(e, &r, NULL);
    if (m->layer)
        index_layer_release(m->layer);
    epoch_let_go(m->at);
}

static void merge_deltas(muster_engine *e)
{
    struct keeper *k = e->keeper;
    merging m = {0};
    change_request r = {
        .after = choose_after, .payload = &m, .lazy = true};

    pthread_mutex_lock(&k->merging);
    if (writer_do(e, &r, NULL) == 0 && m.count >= 2)
        merge_chosen(e, &m);
    set(k, &k->merge_end, 0);
    pthread_mutex_unlock(&k->merging);
}

/* ---- generations ---- */

typedef struct birth {
    epoch *at; /* held: what the generation is of */
    int64_t id;
    uint64_t facts;
    uint64_t bytes;
    size_t names;
    uint64_t lineage;
    generation_writer *w;
    shared_base *base;
    index_layer *layer;
    dictionary *ids;
} birth;

/* At most, about: planes and their directory, ids, names. */
static uint64_t file_bytes(const working *w)
{
    return index_plane_bytes(w->index) + index_plane_count(w->index) * 32 +
           dictionary_ids(w->ids) * 28 + state_names(w);
}

static int cut_act(muster_engine *e, change_request *r, muster_error *err)
{
    birth *b = r->payload;
    bool room = true;

    if (index_layer_count(e->state.index) > MERGE_END_MAX)
        return error_set(err, MUSTER_EBUSY, "merging",
                         "deltas are being merged first");
    int rc = storage_has_room(e->store, file_bytes(&e->state), &room, err);
    if (rc == 0 && !room)
        rc = error_set(err, MUSTER_EIO, "disk_full",
                       "there is no room for a generation of about %llu MiB "
                       "in %s",
                       (unsigned long long)(file_bytes(&e->state) >> 20),
                       e->data_dir);
    return rc ? rc : storage_generation_next(e->store, &b->id, err);
}

static void cut_after(muster_engine *e, change_request *r)
{
    birth *b = r->payload;

    b->at = e->gate.current;
    ASSERT(b->at->seq == e->state.seq && b->at->index == e->state.index);
    epoch_hold(b->at);
    b->facts = e->state.facts_behind;
    b->bytes = e->state.bytes_behind;
    b->names = state_names(&e->state);
    b->lineage = e->keeper->lineage;
    set(e->keeper, &e->keeper->generation_layers, index_layer_count(b->at->index));
}

static size_t layers_now(muster_engine *e)
{
    epoch_pin pin;
    const size_t n = index_layer_count(epoch_pin_newest(e, &pin)->index);
    epoch_unpin(e, &pin);
    return n;
}

/* The cut leaves room for the layers that come before the next base. */
static int take_cut(muster_engine *e, birth *b, muster_error *err)
{
    int rc = MUSTER_EBUSY;

    for (int i = 0; i < PATIENCE && rc == MUSTER_EBUSY; i++) {
        change_request show = {.ack = MUSTER_ACK_APPLIED, .internal = true};
        change_request r = {.act = cut_act,
                            .after = cut_after,
                            .payload = b,
                            .ack = MUSTER_ACK_APPLIED,
                            .internal = true};
        memset(b, 0, sizeof *b);
        if (layers_now(e) > LAYERS_CUT && writer_do(e, &show, NULL) == 0)
            merge_deltas(e); /* of what is shown */
        rc = writer_do(e, &r, err);
    }
    return rc;
}

static int adopt_act(muster_engine *e, change_request *r, muster_error *err)
{
    birth *b = r->payload;
    if (b->lineage != e->keeper->lineage)
        return error_set(err, MUSTER_ECONFLICT, "made_anew",
                         "the state was made anew while the generation was "
                         "written");
    return generation_adopt(e->store, b->w, err);
}

/* The first `count` layers have become one: a merge among them is in vain,
 * one above them lies elsewhere now. */
static void move_merge(struct keeper *k, size_t count)
{
    pthread_mutex_lock(&k->positions);
    k->merge_end =
        k->merge_end > count ? k->merge_end - (count - 1) : 0;
    k->generation_layers = 0;
    pthread_mutex_unlock(&k->positions);
}

/* The state goes on over the new base. */
static void adopt_after(muster_engine *e, change_request *r)
{
    birth *b = r->payload;
    working *w = &e->state;
    trash old = {.view = w->index, .ids = w->ids, .base = w->base};

    struct keeper *k = e->keeper;
    const size_t layers = get(k, &k->generation_layers);

    point("generation.adopted");
    generation_adopted(e->store);
    const bool whole = dictionary_catch_up(b->ids, w->ids, UINT64_MAX);
    ASSERT(whole);
    w->ids = b->ids;
    w->ids_number = next_ids_number();
    w->index = index_view_replace(w->index, 0, layers, b->layer);
    w->base = base_retain(b->base);
    w->generation = b->id;
    w->generation_seq = b->at->seq;
    w->facts_behind -= b->facts;
    w->bytes_behind -= b->bytes;
    w->names_base = b->names;
    b->ids = NULL;
    b->layer = NULL;
    index_builder_free(w->building); /* and the room it has grown to */
    w->building = index_builder_new();
    move_merge(k, layers);
    epoch_publish(e);
    keeper_discard(e, &old);
    keeper_show(e);
}

/* The new dictionary learns the ids that came since the cut, in steps, until
 * so few are left that the writer may do them. */
static void catch_up(muster_engine *e, dictionary *ids)
{
    uint64_t missing = UINT64_MAX;

    while (missing > LAST_IDS) {
        epoch_pin pin;
        const epoch *at = epoch_pin_newest(e, &pin);
        (void)dictionary_catch_up(ids, at->ids, CATCH_UP_IDS);
        missing = dictionary_ids(at->ids) - dictionary_ids(ids);
        epoch_unpin(e, &pin);
    }
}

static int give_birth(muster_engine *e, birth *b, muster_error *err)
{
    generation *file;

    int rc = generation_start(&b->w, e->store, b->id, b->at->seq, err);
    point("generation.begin");
    if (rc == 0)
        rc = generation_fill(b->w, b->at, err);
    point("generation.written");
    if (rc == 0)
        rc = generation_seal(b->w, err);
    point("generation.durable");
    if (rc == 0)
        rc = generation_map(&file, b->w, err);
    if (rc != 0)
        return rc;
    b->base = base_share(file);
    rc = generation_layer(b->base, &b->layer, err);
    if (rc == 0)
        index_layer_keep_residents(b->layer, e->residents);
    if (rc == 0)
        rc = generation_dictionary(b->base, &b->ids, err);
    if (rc != 0)
        return rc;
    catch_up(e, b->ids);
    rc = base_check(b->base, err); /* of the new one */
    if (rc != 0)
        return rc;
    change_request r = {.act = adopt_act,
                        .after = adopt_after,
                        .payload = b,
                        .ack = MUSTER_ACK_APPLIED,
                        .internal = true,
                        .writes = true};
    rc = writer_do(e, &r, err);
    if (rc == 0) {
        generation_finish(e->store, b->w);
        b->w = NULL;
    }
    return rc;
}

static int make_generation(muster_engine *e, muster_error *err)
{
    birth b;

    int rc = take_cut(e, &b, err);
    if (rc != 0)
        return rc;
    if (b.at->seq == engine_shown(&e->shown_generation_seq) &&
        engine_shown(&e->shown_generation) != 0) { /* nothing is new */
        set(e->keeper, &e->keeper->generation_layers, 0);
        epoch_let_go(b.at);
        return 0;
    }
    rc = give_birth(e, &b, err);
    if (rc != 0 && base_check(b.at->base, NULL) != 0)
        keeper_mend(e);
    epoch_let_go(b.at);
    if (rc != 0) {
        set(e->keeper, &e->keeper->generation_layers, 0);
        generation_abandon(b.w);
        if (b.layer)
            index_layer_release(b.layer);
        dictionary_free(b.ids);
    }
    base_release(b.base);
    segments_refresh(e);
    return rc;
}

/* ---- log rows that no generation needs ---- */

static int trim_act(muster_engine *e, change_request *r, muster_error *err)
{
    bool *more = r->payload;
    size_t bytes = engine_shown(&e->shown_log_bytes) / TRIM_STEPS;
    if (bytes < TRIM_BYTES)
        bytes = TRIM_BYTES;
    if (bytes > TRIM_BYTES_MAX)
        bytes = TRIM_BYTES_MAX;
    int rc = storage_log_trim(e->store, bytes, more, err);
    point("log.trimmed");
    if (rc == 0 && !*more)
        rc = log_measure(e, err);
    return rc;
}

/* One step; true when more is to go. What else there is to do comes between:
 * behind a long load all steps together take minutes. */
static bool trim(muster_engine *e)
{
    bool more = false;
    change_request r = {
        .act = trim_act, .payload = &more, .lazy = true, .writes = true};

    return writer_do(e, &r, NULL) == 0 && more;
}

/* ---- a damaged generation ---- */

/* Before any group the writer makes the state anew over what is sound. */
static void mend(muster_engine *e)
{
    change_request r = {.ack = MUSTER_ACK_APPLIED, .internal = true};

    if (writer_do(e, &r, NULL) == 0)
        keeper_ask(e);
}

/* ---- the thread ---- */

typedef struct wants {
    bool generation;
    bool mending;
    bool checkpoint;
    bool trim;
    bool stopping;
} wants;

static wants next_wants(struct keeper *k)
{
    pthread_mutex_lock(&k->lock);
    while (!k->stopping && !k->want_generation && !k->want_checkpoint &&
           !k->want_trim && !k->want_mending)
        pthread_cond_wait(&k->wake, &k->lock);
    const wants next = {k->want_generation, k->want_mending,
                        k->want_checkpoint, k->want_trim, k->stopping};
    k->want_generation = k->want_checkpoint = k->want_trim = false;
    k->want_mending = false;
    k->busy = next.generation;
    pthread_mutex_unlock(&k->lock);
    return next;
}

static void finish_generation(struct keeper *k, int rc,
                              const muster_error *why)
{
    pthread_mutex_lock(&k->lock);
    k->busy = false;
    k->finished++;
    k->last_rc = rc;
    k->last_error = *why;
    k->failed_ns = clock_monotonic_ns();
    k->want_trim |= rc == 0;
    pthread_cond_broadcast(&k->over);
    pthread_mutex_unlock(&k->lock);
}

static void *run(void *payload)
{
    muster_engine *e = payload;
    struct keeper *k = e->keeper;

    thread_yield_to_others();
    for (;;) {
        const wants next = next_wants(k);
        if (next.mending && !next.stopping)
            mend(e);
        if (next.checkpoint)
            (void)storage_checkpoint(e->store, &(bool){false}, NULL);
        if (next.generation) {
            muster_error why;
            error_clear(&why);
            const int rc = make_generation(e, &why);
            finish_generation(k, rc, &why);
        }
        if (next.trim && !next.stopping && trim(e))
            wake(k, &k->want_trim);
        if (next.stopping && !next.generation)
            return NULL;
    }
}

/* Beside generations, which take long: merges, and freeing what is large. */
static void *run_merges(void *payload)
{
    muster_engine *e = payload;
    struct keeper *k = e->keeper;

    thread_yield_to_others();
    for (;;) {
        pthread_mutex_lock(&k->lock);
        while (!k->stopping && !k->want_merge && !k->garbage)
            pthread_cond_wait(&k->wake_merger, &k->lock);
        const bool stopping = k->stopping;
        const bool merge = k->want_merge;
        trash *garbage = k->garbage;
        k->want_merge = false;
        k->garbage = NULL;
        k->garbage_end = &k->garbage;
        pthread_mutex_unlock(&k->lock);
        discard_now(garbage);
        if (stopping)
            return NULL;
        if (merge)
            merge_deltas(e);
    }
}

void keeper_start(muster_engine *e)
{
    struct keeper *k = mem_zalloc(sizeof *k);

    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->wake, NULL);
    pthread_cond_init(&k->over, NULL);
    pthread_cond_init(&k->wake_merger, NULL);
    pthread_mutex_init(&k->merging, NULL);
    pthread_mutex_init(&k->positions, NULL);
    k->garbage_end = &k->garbage;
    e->keeper = k;
    k->thread = thread_start(run, e);
    k->merger = thread_start(run_merges, e);
}

void keeper_stop(muster_engine *e)
{
    struct keeper *k = e->keeper;

    if (!k)
        return;
    pthread_mutex_lock(&k->lock);
    k->stopping = true;
    pthread_cond_signal(&k->wake);
    pthread_cond_signal(&k->wake_merger);
    pthread_mutex_unlock(&k->lock);
    thread_join(k->merger);
    thread_join(k->thread);
    pthread_mutex_lock(&k->lock);
    k->stopped = true;
    trash *garbage = k->garbage;
    k->garbage = NULL;
    pthread_mutex_unlock(&k->lock);
    discard_now(garbage);
}

void keeper_free(muster_engine *e)
{
    struct keeper *k = e->keeper;

    if (!k)
        return;
    pthread_cond_destroy(&k->wake);
    pthread_cond_destroy(&k->over);
    pthread_cond_destroy(&k->wake_merger);
    pthread_mutex_destroy(&k->merging);
    pthread_mutex_destroy(&k->positions);
    pthread_mutex_destroy(&k->lock);
    mem_free(k);
    e->keeper = NULL;
}
