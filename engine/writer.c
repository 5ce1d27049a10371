/*
 * writer.c - the one writer: a queue of requests, committed in groups.
 *
 * Whoever wants something changed hands a request over; the writer's thread
 * takes all that wait (at most GROUP_BYTES of changes), logs and applies them
 * in one transaction, makes that durable with one flush of the disk, and
 * publishes an epoch. So a flush is shared by all who wait for one, and the
 * busier the engine the larger the groups.
 *
 * The delta of a group is made before its commit, so that what is acknowledged
 * is visible a moment later; ack=applied is told behind the publication.
 * Behind ack=durable it may follow some milliseconds later, so that many small
 * commits share one. Requests that nobody waits to see (a bulk load's) gather
 * facts for a larger delta, which a thread of its own makes while the next
 * facts are gathered. What the state was when it began is kept as an epoch to
 * be published with it; who does not want to wait so long, waits for both.
 *
 * A group that fails leaves the working state ahead of the disk: all its
 * requests are told so, and before the next group the store is opened anew
 * and the state made from it. A full disk is looked for before a group, so
 * that it costs no such repair each time.
 *
 * The thread also keeps the state's clock: a tick is logged when a UTC hour
 * has begun, before the first change in it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* pthread_condattr_setclock */
#include "engine.h"

#include <time.h>

#define GROUP_BYTES ((size_t)16 << 20)
/* Of a bulk load's changes, while others wait for theirs. */
#define LAZY_BYTES ((size_t)1 << 20)
#define GROUP_REQUESTS 4096u
/* Of one group, and what its last change brings. */
#define GROUP_FACTS_MAX (2 * (size_t)ENGINE_DELTA_FACTS)
/* Free space without which nothing is begun: the WAL of a group, and what
 * the checkpoint of it may add to the database. */
#define ROOM_BYTES ((uint64_t)64 << 20)
/* A look is good for so long: what is written meanwhile fits. */
#define ROOM_NS 50000000u
/* The clock is looked at this often when there is nothing to do, and what
 * readers have left behind. */
#define IDLE_MS 20000u
#define IDLE_RETIRED_MS 50u
/* And a state that a failed commit has spoilt is made anew. */
#define IDLE_LOST_MS 1000u
/* While others write, a bulk load's facts become visible in small parts, and
 * epochs follow each other at this distance. */
#define FEW_FACTS 50000u
#define PUBLISH_NS 2000000u
#define CALM_NS 1000000000u
#define HEAVY_BYTES ((size_t)256 << 10)
/* Small deltas are merged as they come: from MERGE_LAYERS of them on, up to
 * MERGE_BYTES together, so that it takes well below a millisecond. */
#define MERGE_LAYERS 4u
#define MERGE_BYTES ((size_t)256 << 10)

typedef struct request_queue {
    change_request *first;
    change_request *last;
} request_queue;

struct writer {
    pthread_t thread;
    pthread_mutex_t lock; /* guards the queues */
    pthread_cond_t wake;
    request_queue urgent; /* somebody waits to see it */
    request_queue lazy;
    bool stopping;
    bool made; /* the delta begun is there */
    uint64_t unseen_ns; /* when the oldest of what was taken and is not visible
                           yet was handed over; 0: all is */
    uint64_t after_ns;  /* the same of what came behind the delta begun */
    /* the thread's own */
    epoch *prepared; /* what to publish with it; NULL: none was begun */
    bool dirty; /* the working state may not be what the disk holds */
    bool owed;  /* something committed is not visible yet */
    uint64_t published_ns;
    uint64_t waited_ns; /* when somebody last waited to see something */
    uint64_t room_ns;   /* when free space was last looked for */
    uint64_t idle_ms;   /* how long it last waited for idle readers */
    buffer tick;
};

/* ---- handing over ---- */

void writer_post(muster_engine *e, change_request *first)
{
    struct writer *w = e->writer;
    request_queue *q = first->lazy ? &w->lazy : &w->urgent;
    change_request *last = first;

    first->posted_ns = clock_monotonic_ns();
    while (last->next) {
        last = last->next;
        last->posted_ns = first->posted_ns;
    }
    pthread_mutex_lock(&w->lock);
    ASSERT(!w->stopping);
    if (q->last)
        q->last->next = first;
    else
        q->first = first;
    q->last = last;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

static uint64_t older(uint64_t ns, const change_request *r)
{
    return r && (ns == 0 || r->posted_ns < ns) ? r->posted_ns : ns;
}

uint64_t writer_lag_ns(muster_engine *e)
{
    struct writer *w = e->writer;

    if (!w)
        return 0;
    pthread_mutex_lock(&w->lock);
    const uint64_t since =
        older(older(w->unseen_ns, w->urgent.first), w->lazy.first);
    pthread_mutex_unlock(&w->lock);
    const uint64_t now = clock_monotonic_ns();
    return since != 0 && since < now ? now - since : 0;
}

typedef struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool done;
} waiting;

static void wake_waiting(change_request *r)
{
    waiting *w = r->waiter;
    pthread_mutex_lock(&w->lock);
    w->done = true;
    pthread_cond_signal(&w->over);
    pthread_mutex_unlock(&w->lock);
}

int writer_do(muster_engine *e, change_request *r, muster_error *err)
{
    waiting w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    change_request *last = r;

    last->actor = audit_actor();
    while (last->next) {
        last = last->next;
        last->actor = r->actor;
    }
    last->done = wake_waiting;
    last->waiter = &w;
    writer_post(e, r);
    pthread_mutex_lock(&w.lock);
    while (!w.done)
        pthread_cond_wait(&w.over, &w.lock);
    pthread_mutex_unlock(&w.lock);
    pthread_mutex_destroy(&w.lock);
    pthread_cond_destroy(&w.over);
    if (last->rc < 0 && err)
        *err = last->error;
    return last->rc;
}

/* ---- taking a group ---- */

static size_t weight_of(const change_request *r)
{
    return 256 + (r->body ? r->body->len : 0);
}

/* The first requests of a queue, at least one and at most about so many
 * bytes; those that belong together stay together. */
static change_request *take_some(request_queue *q, size_t bytes_max)
{
    change_request *first = q->first;
    change_request *last = first;
    size_t bytes = first ? weight_of(first) : 0;
    uint32_t count = 1;

    if (!first)
        return NULL;
    while (last->next &&
           (last->with_next ||
            (bytes < bytes_max && count < GROUP_REQUESTS))) {
        last = last->next;
        bytes += weight_of(last);
        count++;
    }
    q->first = last->next;
    if (!q->first)
        q->last = NULL;
    last->next = NULL;
    return first;
}

/* The next group: all that somebody waits for, and some of what nobody does.
 * Caller holds the lock. */
static change_request *take_group(struct writer *w)
{
    const bool calm = !w->urgent.first &&
                      clock_monotonic_ns() - w->waited_ns > CALM_NS;
    change_request *group = take_some(&w->urgent, GROUP_BYTES);
    change_request *lazy =
        take_some(&w->lazy, calm ? GROUP_BYTES : LAZY_BYTES);

    if (!group)
        return lazy;
    change_request *last = group;
    while (last->next)
        last = last->next;
    last->next = lazy;
    return group;
}

/* ---- one group ---- */

static int append_change(muster_engine *e, change_request *r,
                         muster_error *err)
{
    working *w = &e->state;
    apply_report none = {0};
    const storage_batch batch = {w->seq + 1,     (uint32_t)r->kind,
                                 text_of(r->load_id ? r->load_id : ""),
                                 r->position,    r->body->data,
                                 r->body->len};

    int rc = storage_log_append(e->store, &batch, err);
    if (rc != 0)
        return rc;
    point("log.appended");
    rc = change_apply(w, e->mirror, (uint32_t)r->kind, r->body->data,
                      r->body->len, r->report ? r->report : &none, err);
    if (rc != 0)
        return rc;
    point("applied");
    w->seq = batch.seq;
    w->bytes_behind += batch.len;
    __atomic_add_fetch(&e->shown_log_batches, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&e->shown_log_bytes, batch.len, __ATOMIC_RELAXED);
    r->seq = batch.seq;
    return audit_write(e, r, err);
}

/* A refusal concerns one request; a failure the whole group. */
static int run_request(muster_engine *e, change_request *r, muster_error *err)
{
    r->rc = 0;
    r->seq = e->state.seq;
    if (r->act) {
        error_clear(&r->error);
        r->rc = r->act(e, r, &r->error);
        /* half of what it wrote, or no transaction any more */
        if (r->rc < 0 && (r->writes || storage_is_broken(e->store))) {
            *err = r->error;
            return r->rc;
        }
        if (r->rc != 0)
            return 0;
    }
    int rc = 0;
    if (r->kind != 0 && r->body && r->body->len > 0)
        rc = append_change(e, r, err);
    if (rc == 0 && r->logged)
        rc = r->logged(e, r, err);
    return rc;
}

/* ---- when to publish ---- */

static bool has_facts_only(const change_request *r)
{
    return r->kind == CHANGE_FACTS || r->kind == 0;
}

/* May what this group brought become visible later? */
static bool may_gather(struct writer *w, const muster_engine *e,
                       const change_request *group, uint64_t now)
{
    const size_t facts = index_builder_facts(e->state.building);
    bool waited = !group; /* the clock's tick */
    bool at_once = false;

    for (const change_request *r = group; r; r = r->next) {
        if (r->lazy)
            continue;
        at_once |= !has_facts_only(r) || r->ack == MUSTER_ACK_APPLIED;
        waited |= !r->internal;
    }
    if (waited)
        w->waited_ns = now;
    if (at_once)
        return false;
    if (waited) {
        w->owed |= facts < FEW_FACTS && now - w->published_ns < PUBLISH_NS;
        return w->owed;
    }
    return facts < FEW_FACTS || now - w->waited_ns >= CALM_NS;
}

/* A view that is full, which the keeper should have prevented, loses its
 * newest layers to one, before a delta comes. */
static void make_room(muster_engine *e)
{
    working *w = &e->state;
    const size_t count = index_layer_count(w->index);
    const size_t closed = keeper_closed_layers(e);
    const size_t most = INDEX_DELTAS_MAX / 4;

    if (count == INDEX_DELTAS_MAX + 1) {
        const size_t first = closed > count - most ? closed : count - most;
        ASSERT(count - first >= 2);
        state_merge(w, first, count - first);
    }
}

/* The delta begun joins the view; returns what was to be published with it,
 * or NULL when none was begun. */
static epoch *take_begun(muster_engine *e)
{
    struct writer *w = e->writer;
    epoch *prepared = w->prepared;

    if (!e->state.making)
        return NULL;
    make_room(e);
    state_take_delta(&e->state);
    pthread_mutex_lock(&w->lock);
    w->made = false;
    pthread_mutex_unlock(&w->lock);
    w->prepared = NULL;
    return prepared;
}

/* All facts join the view: an epoch of more than was prepared will follow. */
static void flush(muster_engine *e)
{
    epoch_drop(e, take_begun(e));
    if (index_builder_facts(e->state.building) == 0)
        return;
    make_room(e);
    state_flush(&e->state);
}

/* What waits longest now that some is visible, or all of it (0). */
static void note_seen(muster_engine *e, uint64_t unseen_ns)
{
    struct writer *w = e->writer;

    pthread_mutex_lock(&w->lock);
    w->unseen_ns = unseen_ns;
    pthread_mutex_unlock(&w->lock);
}

static void publish(muster_engine *e, uint64_t now)
{
    epoch_publish(e);
    e->writer->published_ns = now;
    e->writer->owed = false;
    note_seen(e, 0);
    point("published");
}

/* Is there anything committed that readers do not see? */
static bool is_behind(const muster_engine *e)
{
    const epoch *at = e->gate.current;
    return at->seq != e->state.seq || at->index != e->state.index;
}

/* What was gathered becomes visible. */
static void publish_gathered(muster_engine *e)
{
    if (e->writer->dirty)
        return;
    flush(e);
    if (is_behind(e))
        publish(e, clock_monotonic_ns());
}

/* ---- deltas made beside ---- */

static void tell_made(void *payload)
{
    struct writer *w = payload;

    pthread_mutex_lock(&w->lock);
    w->made = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

/* The delta begun becomes visible; waits until it is made. */
static void publish_begun(muster_engine *e)
{
    epoch *prepared = take_begun(e);

    if (!prepared)
        return;
    epoch_publish_prepared(e, prepared);
    note_seen(e, e->writer->after_ns);
    point("published");
}

/* What a bulk load has brought begins to become a delta, once it is enough
 * for one. */
static void begin_delta(muster_engine *e)
{
    if (index_builder_facts(e->state.building) < ENGINE_DELTA_FACTS)
        return;
    publish_begun(e);
    e->writer->prepared = epoch_prepare(e);
    e->writer->after_ns = 0;
    state_begin_delta(&e->state, tell_made, e->writer);
}

/* ---- committing ---- */

static int log_tick(muster_engine *e, muster_error *err)
{
    struct writer *w = e->writer;
    const muster_hour hour = clock_hour_of(clock_now());
    change_request tick = {.kind = CHANGE_TICK, .body = &w->tick};

    if (engine_fixed_now(e) || hour <= e->state.tick)
        return 0;
    buffer_clear(&w->tick);
    change_tick(&w->tick, hour);
    point("tick");
    return append_change(e, &tick, err);
}

/* Short records may bring many facts (a wipe): what a group brings becomes a
 * delta before its end, seen by nobody yet. */
static void keep_bounded(muster_engine *e)
{
    if (index_builder_facts(e->state.building) >= GROUP_FACTS_MAX)
        flush(e);
}

/* Facts refused together with a sibling are not there at all. */
static int run_group(muster_engine *e, change_request *group,
                     muster_error *err)
{
    int rc = 0;
    int chain = 0; /* why the rest of a chain is refused */
    muster_error why;

    for (change_request *r = group; r && rc == 0; r = r->next) {
        if (chain != 0) {
            r->rc = chain;
            r->error = why;
        } else {
            rc = run_request(e, r, err);
            if (rc == 0)
                keep_bounded(e);
        }
        chain = r->with_next ? r->rc : 0;
        why = r->error;
    }
    return rc;
}

static int commit_group(muster_engine *e, change_request *group,
                        bool *gathered, muster_error *err)
{
    const uint64_t now = clock_monotonic_ns();

    int rc = storage_begin(e->store, err);
    if (rc != 0)
        return rc;
    e->writer->dirty = true; /* until it is committed */
    rc = log_tick(e, err);
    if (rc == 0)
        rc = run_group(e, group, err);
    *gathered = rc == 0 && may_gather(e->writer, e, group, now);
    if (rc == 0 && !*gathered)
        flush(e);
    if (rc == 0)
        rc = mirror_flush(e, err);
    point("commit.before");
    if (rc == 0)
        rc = storage_commit(e->store, err);
    if (rc != 0) {
        storage_rollback(e->store);
        return rc;
    }
    point("commit.after");
    e->writer->dirty = false;
    return 0;
}

/* ---- repair ---- */

/* The working state anew from the disk. Readers keep the epoch they have
 * until it stands. */
static int revive(muster_engine *e, muster_error *err)
{
    working fresh;

    epoch_drop(e, take_begun(e));
    int rc = storage_reopen(e->store, err);
    if (rc != 0)
        return rc;
    state_init(&fresh);
    rc = state_recover(e, &fresh, &(muster_error){0}, err);
    if (rc == 0)
        rc = log_measure(e, err);
    if (rc != 0) {
        state_free(&fresh);
        return rc;
    }
    keeper_forget(e);
    mirror_free(e);
    working old = e->state;
    fresh.changes = old.changes;
    journal_lose(fresh.changes);
    e->state = fresh;
    mirror_attach(e);
    publish(e, clock_monotonic_ns());
    const trash large = {.view = old.index, .ids = old.ids, .base = old.base};
    keeper_discard(e, &large);
    old.index = NULL;
    old.ids = NULL;
    old.base = NULL;
    state_free(&old);
    e->writer->dirty = false;
    return 0;
}

static int check_room(muster_engine *e, muster_error *err)
{
    const uint64_t now = clock_monotonic_ns();
    bool room = true;

    if (now - e->writer->room_ns < ROOM_NS)
        return 0;
    const int rc = storage_has_room(e->store, ROOM_BYTES, &room, err);

    if (rc == 0 && room)
        e->writer->room_ns = now;
    if (rc != 0 || room)
        return rc;
    return error_set(err, MUSTER_EIO, "disk_full",
                     "less than %llu MiB are free for %s: nothing is "
                     "written until there is more; reading goes on",
                     (unsigned long long)(ROOM_BYTES >> 20), e->data_dir);
}

static bool is_lost(const muster_engine *e)
{
    return e->writer->dirty || storage_is_broken(e->store);
}

/* What only reads is answered on a full disk too. */
static bool does_write(const change_request *group)
{
    for (const change_request *r = group; r; r = r->next)
        if (r->kind != 0 || r->writes || r->logged)
            return true;
    return !group; /* the clock's tick */
}

static int make_ready(muster_engine *e, const change_request *group,
                      muster_error *err)
{
    /* damage that others have found is nobody's fault in this group */
    const bool anew = is_lost(e) || base_check(e->state.base, NULL) != 0;
    int rc = anew ? revive(e, err) : 0;
    if (rc == 0 && does_write(group))
        rc = check_room(e, err);
    return rc;
}

/* ---- behind a group ---- */

/* A request may be gone once it is told. */
static void tell(muster_engine *e, change_request *group, int failed,
                 const muster_error *why)
{
    while (group) {
        change_request *r = group;
        group = r->next;
        if (failed != 0) {
            r->rc = failed;
            r->error = *why;
        }
        if (r->rc == 0 && r->after)
            r->after(e, r);
        if (r->done)
            r->done(r);
    }
}

/* Small deltas at the end of the view become one. True when some did. */
static bool merge_small(muster_engine *e)
{
    working *w = &e->state;
    const size_t count = index_layer_count(w->index);
    const size_t closed = keeper_closed_layers(e);
    const size_t least = closed > 1 ? closed : 1;
    size_t first = count;
    size_t bytes = 0;

    while (first > least) {
        const size_t more =
            index_layer_bytes(index_layer_at(w->index, first - 1));
        if (bytes + more > MERGE_BYTES ||
            (first < count && more > 2 * bytes + 4096))
            break;
        bytes += more;
        first--;
    }
    if (count - first < MERGE_LAYERS)
        return false;
    state_merge(w, first, count - first);
    return true;
}

static void look_after(muster_engine *e)
{
    if (index_builder_facts(e->state.building) == 0 && !e->state.making &&
        merge_small(e))
        publish(e, clock_monotonic_ns());
    if (storage_wal_bytes(e->store) > STORAGE_WAL_BYTES_MAX)
        (void)storage_checkpoint_now(e->store, NULL);
    keeper_look(e);
}

static void serve(muster_engine *e, change_request *group)
{
    muster_error why;
    bool gathered = false;

    error_clear(&why);
    int rc = make_ready(e, group, &why);
    if (rc == 0)
        rc = commit_group(e, group, &gathered, &why);
    if (rc == 0 && !gathered && is_behind(e))
        publish(e, clock_monotonic_ns());
    if (rc == 0 && gathered)
        begin_delta(e);
    tell(e, group, rc, &why);
    if (rc == 0)
        look_after(e);
}

/* ---- the thread ---- */

/* When to look again with nothing to do: soon for what is owed and for a
 * state to be made anew, later and later for what idle readers hold. */
static uint64_t idle_ms(muster_engine *e)
{
    struct writer *w = e->writer;

    if (is_lost(e))
        return IDLE_LOST_MS;
    if (!epoch_has_retired(e))
        return IDLE_MS;
    w->idle_ms = w->idle_ms == 0 ? IDLE_RETIRED_MS : 2 * w->idle_ms;
    return w->idle_ms < IDLE_MS ? w->idle_ms : IDLE_MS;
}

/* The next group; NULL when there is none for a while, or when the delta begun
 * is made. */
static change_request *next_group(muster_engine *e, bool *stopping,
                                  bool *made)
{
    struct writer *w = e->writer;
    struct timespec until;

    pthread_mutex_lock(&w->lock);
    if (!w->urgent.first && !w->lazy.first && !w->stopping && !w->made &&
        (!w->owed || is_lost(e))) {
        const uint64_t ms = idle_ms(e);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)(ms / 1000);
        until.tv_nsec += (long)(ms % 1000) * 1000000L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }
        pthread_cond_timedwait(&w->wake, &w->lock, &until);
    }
    change_request *group = take_group(w);
    w->unseen_ns = older(w->unseen_ns, group);
    w->after_ns = older(w->after_ns, group);
    if (group)
        w->idle_ms = 0;
    *made = w->made;
    *stopping = w->stopping && !group;
    pthread_mutex_unlock(&w->lock);
    return group;
}

static bool is_heavy(const change_request *group)
{
    size_t bytes = 0;
    for (const change_request *r = group; r; r = r->next)
        bytes += weight_of(r);
    return bytes > HEAVY_BYTES;
}

static void *run(void *payload)
{
    muster_engine *e = payload;
    bool stopping = false;
    bool made = false;

    while (!stopping) {
        change_request *group = next_group(e, &stopping, &made);
        const uint64_t since = clock_monotonic_ns() - e->writer->published_ns;
        if (made && !e->writer->dirty)
            publish_begun(e);
        if ((!group && (!made || stopping)) ||
            (e->writer->owed && (since >= PUBLISH_NS ||
                                           is_heavy(group))))
            publish_gathered(e);
        note_seen(e, older(e->writer->unseen_ns, group));
        if (group)
            serve(e, group);
        else if (!stopping && is_lost(e))
            (void)revive(e, NULL);
        else if (!stopping && !engine_fixed_now(e) &&
                 clock_hour_of(clock_now()) > e->state.tick)
            serve(e, NULL); /* the clock alone */
        if (!is_behind(e))
            note_seen(e, 0);
        epoch_reap(e);
    }
    return NULL;
}

void writer_start(muster_engine *e)
{
    struct writer *w = mem_zalloc(sizeof *w);
    pthread_condattr_t attributes;

    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    buffer_init(&w->tick, 64);
    e->writer = w;
    w->thread = thread_start(run, e);
}

void writer_stop(muster_engine *e)
{
    struct writer *w = e->writer;

    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    thread_join(w->thread);
    epoch_drop(e, take_begun(e));
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    buffer_release(&w->tick);
    mem_free(w);
    e->writer = NULL;
}
