/*
 * lookup.c - which of the saved segments a user is in: of the forward index
 * while one is kept, else by asking every segment. A partner's scope is told
 * of those that are shared with it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

#include <stdlib.h>

/* ---- of the index ---- */

/* Longer lists are sorted in memory of the heap. */
#define RANKS_FEW 256u
/* And by qsort. */
#define RANKS_SORTED 64u

static int by_rank(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Lists are mostly in order already. */
static void sort_ranks(uint32_t *ranks, uint32_t n)
{
    if (n > RANKS_SORTED) {
        qsort(ranks, n, sizeof *ranks, by_rank);
        return;
    }
    for (uint32_t i = 1; i < n; i++) {
        const uint32_t rank = ranks[i];
        uint32_t at = i;
        for (; at > 0 && ranks[at - 1] > rank; at--)
            ranks[at] = ranks[at - 1];
        ranks[at] = rank;
    }
}

/* Of the node that a segment carries, in the taxonomy of now. */
static void set_node(muster_saved *row, const catalog_taxonomy *t,
                     muster_text node)
{
    const uint32_t found =
        t && node.ptr ? taxonomy_find(t, node) : CATALOG_NONE;
    if (found == CATALOG_NONE)
        return;
    row->node = t->nodes[found].id;
    row->segtax = t->segtax;
}

static int tell_entry(const roster_entry *entry, const catalog_taxonomy *t,
                      muster_saved_fn each, void *payload)
{
    muster_saved row = {entry->key,  entry->id,       entry->version,
                        entry->expr, entry->name,     entry->priority,
                        true,        false,           entry->created,
                        "",          0};
    set_node(&row, t, entry->node);
    return each(payload, &row);
}

static int tell_list(const forward_list *l, const epoch *at,
                     const scope *viewer, muster_saved_fn each, void *payload)
{
    const access_view view = access_view_of(at->access, viewer);
    const catalog_taxonomy *t = catalog_taxonomy_get(at->names);
    uint32_t few[RANKS_FEW];
    uint32_t *ranks =
        l->n > RANKS_FEW ? mem_array(l->n, sizeof *ranks) : few;
    uint32_t n = 0;
    int rc = 0;

    for (uint32_t i = 0; i < l->n; i++) {
        const uint32_t id = forward_id(l, i);
        ranks[n] = roster_rank(l->roster, id);
        if (ranks[n] != ROSTER_NONE) /* all of them are on their way at once */
            __builtin_prefetch(&l->roster->entries[ranks[n]]);
        n += ranks[n] != ROSTER_NONE && access_view_has(view, id);
    }
    sort_ranks(ranks, n);
    for (uint32_t i = 0; i < n && rc == 0; i++)
        rc = tell_entry(&l->roster->entries[ranks[i]], t, each, payload);
    if (ranks != few)
        mem_free(ranks);
    return rc;
}

/* Up to when a list holds that was made in an hour: now, or that hour's last
 * second. */
static muster_time list_time(muster_time now, muster_hour hour)
{
    return clock_hour_of(now) <= hour ? now
                                      : (muster_time)hour * 3600 + 3599;
}

/* ---- of every segment ---- */

static int by_priority(const void *a, const void *b)
{
    const audience *x = *(const audience *const *)a;
    const audience *y = *(const audience *const *)b;
    const int32_t p = audience_current(x)->priority;
    const int32_t q = audience_current(y)->priority;
    if (p != q)
        return p > q ? -1 : 1;
    return strcmp(x->key, y->key);
}

static bool is_member(const muster_engine *e, const epoch *at,
                      const scope *viewer, const audience_version *v,
                      const program_state *state, uint32_t row)
{
    plan *bound;

    if (engine_bind(e, at, viewer, v->expr, text_make(NULL, 0), &bound, NULL,
                    NULL) != 0)
        return false; /* refers to something that is gone */
    program *g = program_new(bound, state);
    const bool member = program_has(g, row);
    program_free(g);
    segment_plan_free(bound);
    return member;
}

/* Adds the node that a segment carries to what is told of it. */
typedef struct carrying {
    const catalog_taxonomy *t;
    muster_saved_fn each;
    void *payload;
} carrying;

static int tell_carrying(void *payload, const muster_saved *row)
{
    const carrying *c = payload;
    muster_saved with = *row;
    arena memory;

    arena_init(&memory);
    set_node(&with, c->t, segment_carries(text_of(row->expr), &memory));
    arena_release(&memory);
    return c->each(c->payload, &with);
}

static int ask_all(const muster_engine *e, const epoch *at,
                   const scope *viewer, uint32_t row, muster_saved_fn each,
                   void *payload)
{
    const access_view view = access_view_of(at->access, viewer);
    program_state state = epoch_state(e, at);
    const size_t count = audience_count(at->audiences);
    const audience **found = mem_array(count + 1, sizeof *found);
    size_t n = 0;

    state.once = true;
    for (size_t i = 0; i < count; i++) {
        const audience *a = audience_at(at->audiences, i);
        const audience_version *v = audience_current(a);
        if (v && v->served && access_view_has(view, a->id) &&
            is_member(e, at, viewer, v, &state, row))
            found[n++] = a;
    }
    qsort(found, n, sizeof *found, by_priority);
    carrying c = {catalog_taxonomy_get(at->names), each, payload};
    int rc = base_check(at->base, NULL);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = saved_tell(found[i], audience_current(found[i]), tell_carrying,
                        &c);
    mem_free(found);
    return rc;
}

/* ---- the call ---- */

static int look_up(muster_engine *e, const epoch *at, const scope *viewer,
                   const muster_pseudonym *p, muster_lookup *about,
                   muster_saved_fn each, void *payload)
{
    const forward *index = matcher_index(e);
    const uint32_t row = dictionary_find(at->ids, p);
    forward_list list;

    about->known = row != DICTIONARY_NONE;
    about->epoch = at->seq;
    about->as_of = engine_now_at(e, at);
    if (!about->known)
        return 0;
    if (!index || !forward_find(index, row, &list))
        return ask_all(e, at, viewer, row, each, payload);
    about->epoch = list.epoch;
    about->as_of = list_time(about->as_of, list.hour);
    /* shares are those of now, whatever epoch the list is of */
    return tell_list(&list, at, viewer, each, payload);
}

int muster_audience_lookup_at(muster_engine *engine,
                              const muster_scope *viewer,
                              const muster_id *user, muster_lookup *about,
                              muster_saved_fn each, void *payload,
                              muster_error *err)
{
    muster_pseudonym p;
    epoch_pin pin;

    ASSERT(viewer != NULL);
    error_clear(err);
    const epoch *at = epoch_pin_newest(engine, &pin);
    *about = (muster_lookup){false, at->seq, engine_now_at(engine, at)};
    int rc = engine_pseudonym(engine, at->names, user, &p, err);
    if (rc == 0)
        rc = look_up(engine, at, viewer->inner, &p, about, each, payload);
    return epoch_answer(engine, &pin, rc, err);
}

int muster_audience_lookup_user(muster_engine *engine,
                                const muster_scope *viewer,
                                const muster_pseudonym *user,
                                muster_lookup *about, muster_saved_fn each,
                                void *payload, muster_error *err)
{
    epoch_pin pin;

    ASSERT(viewer != NULL);
    error_clear(err);
    const epoch *at = epoch_pin_newest(engine, &pin);
    const int rc =
        look_up(engine, at, viewer->inner, user, about, each, payload);
    return epoch_answer(engine, &pin, rc, err);
}

int muster_audience_lookup(muster_engine *engine, const muster_scope *viewer,
                           const muster_id *user, bool *known,
                           muster_saved_fn each, void *payload,
                           muster_error *err)
{
    muster_lookup about;

    const int rc = muster_audience_lookup_at(engine, viewer, user, &about,
                                             each, payload, err);
    if (known)
        *known = about.known;
    return rc;
}

bool muster_audience_is_indexed(const muster_engine *engine)
{
    return matcher_index(engine) != NULL;
}

/* ---- several users ---- */

/* Users that go step by step together, so that while memory is fetched for
 * one the others are worked at: more than fetches under way at a time, few
 * enough that what was fetched is still there. */
#define TOGETHER 32u

typedef struct together {
    muster_engine *engine;
    const epoch *at;
    const scope *viewer;
    const forward *index;
    identity_queue *queue;
    muster_time now;
    size_t n;
    int status[TOGETHER]; /* 0, or why it is refused */
    muster_pseudonym users[TOGETHER];
    uint32_t rows[TOGETHER]; /* DICTIONARY_NONE: not known */
    bool listed[TOGETHER];
    forward_list lists[TOGETHER];
} together;

/* One more into the queue; 0, or why not. */
static int queue_user(together *t, const muster_id *user)
{
    if (!user->space || !user->id ||
        !catalog_space_find(t->at->names, text_of(user->space)))
        return MUSTER_EINVAL;
    return identity_queue_put(
        t->queue, text_of(user->space),
        identity_raw_of(text_make(user->id, user->id_len)), NULL);
}

/* The pseudonyms of those in the queue; `waiting` tells which they are. */
static void take_users(together *t, const uint8_t *waiting, size_t n)
{
    muster_pseudonym taken[IDENTITY_QUEUE_IDS];

    identity_queue_take(t->queue, taken);
    for (size_t i = 0; i < n; i++) {
        t->users[waiting[i]] = taken[i];
        dictionary_prefetch(t->at->ids, &taken[i]);
    }
}

static void hash_users(together *t, const muster_id *users)
{
    uint8_t waiting[IDENTITY_QUEUE_IDS];
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        t->status[i] = queue_user(t, &users[i]);
        if (t->status[i] == 0)
            waiting[n++] = (uint8_t)i;
        if (n == IDENTITY_QUEUE_IDS) {
            take_users(t, waiting, n);
            n = 0;
        }
    }
    if (n > 0)
        take_users(t, waiting, n);
}

static void find_lists(together *t)
{
    const dictionary *ids = t->at->ids;

    for (size_t i = 0; i < t->n; i++)
        if (t->status[i] == 0)
            dictionary_prefetch_id(ids, &t->users[i]);
    for (size_t i = 0; i < t->n; i++) {
        t->rows[i] = t->status[i] == 0 ? dictionary_find(ids, &t->users[i])
                                       : DICTIONARY_NONE;
        if (t->index && t->rows[i] != DICTIONARY_NONE)
            forward_prefetch(t->index, t->rows[i]);
    }
    for (size_t i = 0; i < t->n; i++) {
        forward_list *l = &t->lists[i];
        t->listed[i] = t->index && t->rows[i] != DICTIONARY_NONE &&
                       forward_find(t->index, t->rows[i], l);
        if (t->listed[i])
            __builtin_prefetch(l->narrow ? (const void *)l->narrow : l->wide);
    }
}

static int tell_users(together *t, size_t from, muster_looked_fn looked,
                      muster_saved_fn each, void *payload)
{
    int rc = 0;

    for (size_t i = 0; i < t->n && rc == 0; i++) {
        const forward_list *l = t->listed[i] ? &t->lists[i] : NULL;
        const muster_lookup about = {t->rows[i] != DICTIONARY_NONE,
                                     l ? l->epoch : t->at->seq,
                                     l ? list_time(t->now, l->hour) : t->now};
        rc = looked(payload, from + i, t->status[i], &about);
        if (rc == 0 && l)
            rc = tell_list(l, t->at, t->viewer, each, payload);
        else if (rc == 0 && about.known)
            rc = ask_all(t->engine, t->at, t->viewer, t->rows[i], each,
                         payload);
    }
    return rc;
}

int muster_audience_lookup_many(muster_engine *engine,
                                const muster_scope *viewer,
                                const muster_id *users, size_t count,
                                muster_looked_fn looked, muster_saved_fn each,
                                void *payload, muster_error *err)
{
    epoch_pin pin;
    int rc = 0;

    ASSERT(viewer != NULL && (users != NULL || count == 0));
    error_clear(err);
    const epoch *at = epoch_pin_newest(engine, &pin);
    together t = {.engine = engine,
                  .at = at,
                  .viewer = viewer->inner,
                  .index = matcher_index(engine),
                  .queue = identity_queue_new(engine->key),
                  .now = engine_now_at(engine, at)};
    for (size_t from = 0; from < count && rc == 0; from += t.n) {
        t.n = count - from < TOGETHER ? count - from : TOGETHER;
        hash_users(&t, users + from);
        find_lists(&t);
        rc = tell_users(&t, from, looked, each, payload);
    }
    identity_queue_free(t.queue);
    return epoch_answer(engine, &pin, rc, err);
}
