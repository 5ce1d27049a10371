/*
 * epoch.c - immutable states: pinned by readers, published, retired.
 *
 * A reader takes a slot of the gate, writes the newest epoch into it and looks
 * whether it still is the newest: if so, nobody gives it back before the slot
 * is empty again. That is two atomic writes and no lock; a reader that sleeps
 * keeps an epoch, and nobody waits for it. What has to outlive a call (a plan
 * kept with its segment) counts itself among the epoch's holders while it has
 * the pin.
 *
 * The writer gives an epoch back when it is not the newest, has no holders and
 * stands in no slot. Its snapshots of catalog, segments and dictionary must be
 * given back on the writer's thread; layers, mapped files and dictionaries that
 * were replaced, which may be large, go to the keeper.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

#include <sched.h>

/* ---- mapped generations ---- */

shared_base *base_share(generation *take_file)
{
    shared_base *b = mem_zalloc(sizeof *b);
    b->file = take_file;
    b->users = 1;
    return b;
}

shared_base *base_retain(shared_base *b)
{
    if (b)
        __atomic_add_fetch(&b->users, 1, __ATOMIC_RELAXED);
    return b;
}

void base_release(shared_base *b)
{
    if (!b || __atomic_sub_fetch(&b->users, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    generation_close(b->file);
    mem_free(b);
}

int base_check(const shared_base *b, muster_error *err)
{
    return b ? generation_check(b->file, err) : 0;
}

/* ---- reading ---- */

/* A slot of the thread's own, as long as there are enough. */
static uint32_t first_slot(void)
{
    static uint32_t threads;
    static _Thread_local uint32_t mine = UINT32_MAX;

    if (mine == UINT32_MAX)
        mine = __atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED);
    return mine % EPOCH_SLOTS;
}

/* Finds a slot that nobody has and takes it by writing `at`. */
static uint32_t take_slot(epoch_gate *g, const epoch *at)
{
    for (uint32_t i = first_slot();; i = (i + 1) % EPOCH_SLOTS) {
        const epoch *free = NULL;
        if (__atomic_compare_exchange_n(&g->slots[i].at, &free, at, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            return i;
        if (i == EPOCH_SLOTS - 1)
            sched_yield();
    }
}

const epoch *epoch_pin_newest(muster_engine *e, epoch_pin *pin)
{
    engine_check(e);
    epoch_gate *g = &e->gate;
    const epoch *at = __atomic_load_n(&g->current, __ATOMIC_ACQUIRE);

    pin->slot = take_slot(g, at);
    for (;;) {
        const epoch *now = __atomic_load_n(&g->current, __ATOMIC_SEQ_CST);
        if (now == at)
            break;
        at = now;
        __atomic_store_n(&g->slots[pin->slot].at, at, __ATOMIC_SEQ_CST);
    }
    pin->at = at;
    return at;
}

void epoch_unpin(muster_engine *e, epoch_pin *pin)
{
    epoch_slot *s = &e->gate.slots[pin->slot];
    __atomic_store_n(&s->turn, s->turn + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&s->at, NULL, __ATOMIC_RELEASE);
    pin->at = NULL;
}

void epoch_note_readers(muster_engine *e, epoch_readers *r)
{
    const epoch_gate *g = &e->gate;
    static uint32_t barrier;

    /* what was unlinked is so for all before slots are looked at */
    __atomic_fetch_add(&barrier, 1, __ATOMIC_SEQ_CST);
    r->some = false;
    for (uint32_t i = 0; i < EPOCH_SLOTS; i++) {
        const uint64_t turn =
            __atomic_load_n(&g->slots[i].turn, __ATOMIC_ACQUIRE);
        const bool busy =
            __atomic_load_n(&g->slots[i].at, __ATOMIC_SEQ_CST) != NULL;
        r->turns[i] = busy ? turn : UINT64_MAX;
        r->some |= busy;
    }
}

bool epoch_readers_ended(muster_engine *e, epoch_readers *r)
{
    const epoch_gate *g = &e->gate;

    for (uint32_t i = 0; r->some && i < EPOCH_SLOTS; i++)
        if (r->turns[i] != UINT64_MAX &&
            __atomic_load_n(&g->slots[i].turn, __ATOMIC_ACQUIRE) ==
                r->turns[i])
            return false;
    r->some = false;
    return true;
}

int epoch_answer(muster_engine *e, epoch_pin *pin, int rc, muster_error *err)
{
    const int damaged = rc >= 0 || rc == MUSTER_ECORRUPT
                            ? base_check(pin->at->base, err)
                            : 0;

    if (damaged != 0 && e->keeper)
        keeper_mend(e);
    epoch_unpin(e, pin);
    return damaged != 0 ? damaged : rc;
}

void epoch_hold(const epoch *at)
{
    __atomic_add_fetch(&((epoch *)at)->holders, 1, __ATOMIC_RELAXED);
}

void epoch_let_go(const epoch *at)
{
    __atomic_sub_fetch(&((epoch *)at)->holders, 1, __ATOMIC_RELEASE);
}

/* ---- publishing ---- */

epoch working_epoch(const muster_engine *e)
{
    const working *w = &e->state;
    return (epoch){.seq = w->seq,
                   .tick = w->tick,
                   .names = w->names,
                   .audiences = w->audiences,
                   .access = w->access,
                   .ids = w->ids,
                   .index = w->index};
}

epoch *epoch_prepare(muster_engine *e)
{
    working *w = &e->state;
    epoch *fresh = mem_zalloc(sizeof *fresh);

    *fresh = (epoch){
        .seq = w->seq,
        .tick = w->tick,
        .names = catalog_snapshot(w->names),
        .audiences = audience_store_snapshot(w->audiences),
        .access = access_store_snapshot(w->access),
        .ids = dictionary_snapshot(w->ids),
        .base = base_retain(w->base),
        .ids_number = w->ids_number,
        .noted = journal_noted(w->changes),
    };
    return fresh;
}

void epoch_publish_prepared(muster_engine *e, epoch *take_prepared)
{
    take_prepared->index = index_view_retain(e->state.index);
    if (e->state.changes)
        journal_hand_over(e->state.changes, take_prepared->noted);
    epoch *former = __atomic_exchange_n(&e->gate.current, take_prepared,
                                        __ATOMIC_SEQ_CST);
    if (former) {
        former->next = e->gate.retired;
        e->gate.retired = former;
    }
    if (e->matcher)
        matcher_wake(e);
    epoch_reap(e);
}

void epoch_publish(muster_engine *e)
{
    ASSERT(index_builder_facts(e->state.building) == 0 && !e->state.making);
    epoch_publish_prepared(e, epoch_prepare(e));
}

static void give_back(muster_engine *e, epoch *old)
{
    trash parts = {.view = old->index, .base = old->base};

    catalog_release(old->names);
    audience_store_release(old->audiences);
    access_store_release(old->access);
    if (old->ids_number == e->state.ids_number)
        dictionary_release(old->ids);
    else
        parts.snapshot = old->ids;
    keeper_discard(e, &parts);
    mem_free(old);
}

void epoch_drop(muster_engine *e, epoch *take_prepared)
{
    if (take_prepared)
        give_back(e, take_prepared);
}

/* A holder counts itself while it has a pin, so slots are looked at first:
 * whoever is in none now cannot become a holder any more. */
static bool is_pinned(const epoch_gate *g, const epoch *old)
{
    for (uint32_t i = 0; i < EPOCH_SLOTS; i++)
        if (__atomic_load_n(&g->slots[i].at, __ATOMIC_SEQ_CST) == old)
            return true;
    return __atomic_load_n(&old->holders, __ATOMIC_ACQUIRE) > 0;
}

void epoch_reap(muster_engine *e)
{
    epoch **link = &e->gate.retired;

    while (*link) {
        epoch *old = *link;
        if (is_pinned(&e->gate, old)) {
            link = &old->next;
            continue;
        }
        *link = old->next;
        give_back(e, old);
    }
}

bool epoch_has_retired(const muster_engine *e)
{
    return e->gate.retired != NULL;
}

void epoch_close(muster_engine *e)
{
    epoch *current = e->gate.current;

    if (!current)
        return;
    current->next = e->gate.retired;
    e->gate.retired = current;
    e->gate.current = NULL;
    epoch_reap(e);
    ASSERT(e->gate.retired == NULL); /* a segment was not freed */
}
