/*
 * resident.c - which forms there are: wishes, slots, publishing, eviction
 * (resident.h).
 *
 * One lock guards all sets of a pool; nothing long is done under it. Making a
 * form happens outside: a form that is being made belongs to the one worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/resident.h"

#include <pthread.h>

#define PIECE_BYTES MEM_LARGE
#define PIECE_SLOTS (PIECE_BYTES / sizeof(block_buf))

struct index_residents {
    pthread_mutex_t working; /* of who makes forms; taken before `lock` */
    pthread_mutex_t lock;
    void (*on_wish)(void *payload);
    void *payload;
    uint64_t budget;
    uint64_t version; /* atomic */
    void **pieces;
    size_t piece_count;
    size_t piece_capacity;
    void **idle; /* slots nobody has */
    size_t idle_count;
    size_t idle_capacity;
    resident_set *sets;
    index_resident_stats stats;
};

index_residents *index_residents_new(uint64_t budget)
{
    index_residents *p = mem_zalloc(sizeof *p);

    pthread_mutex_init(&p->working, NULL);
    pthread_mutex_init(&p->lock, NULL);
    p->budget = budget;
    p->stats.budget = budget;
    return p;
}

void index_residents_free(index_residents *p)
{
    if (!p)
        return;
    ASSERT(p->sets == NULL);
    for (size_t i = 0; i < p->piece_count; i++)
        mem_large_free(p->pieces[i], PIECE_BYTES);
    mem_free(p->pieces);
    mem_free(p->idle);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->working);
    mem_free(p);
}

/* ---- slots ---- */

/* Caller holds the lock. */
static void add_piece(index_residents *p)
{
    if ((p->piece_count + 1) * PIECE_BYTES > p->budget)
        return;
    uint8_t *at = mem_large(PIECE_BYTES);
    mem_grow(&p->pieces, &p->piece_capacity, p->piece_count + 1,
             sizeof *p->pieces);
    p->pieces[p->piece_count++] = at;
    mem_grow(&p->idle, &p->idle_capacity, p->piece_count * PIECE_SLOTS,
             sizeof *p->idle);
    for (size_t i = PIECE_SLOTS; i-- > 0;)
        p->idle[p->idle_count++] = at + i * sizeof(block_buf);
    p->stats.bytes = p->piece_count * PIECE_BYTES;
}

block_buf *resident_slot(resident_form *form)
{
    index_residents *p = form->pool;
    void *slot = NULL;

    pthread_mutex_lock(&p->lock);
    if (p->idle_count == 0)
        add_piece(p);
    if (p->idle_count > 0)
        slot = p->idle[--p->idle_count];
    pthread_mutex_unlock(&p->lock);
    form->starved = slot == NULL;
    if (!slot)
        return NULL;
    mem_grow(&form->slots, &form->slot_capacity, form->slot_count + 1,
             sizeof *form->slots);
    form->slots[form->slot_count++] = slot;
    return slot;
}

/* Caller holds the lock. */
static void give_slots(resident_form *form, size_t down_to)
{
    index_residents *p = form->pool;
    while (form->slot_count > down_to)
        p->idle[p->idle_count++] = form->slots[--form->slot_count];
}

void resident_trim(resident_form *form)
{
    index_residents *p = form->pool;
    size_t kept = 0;

    ASSERT(form->slot_count == (size_t)form->slices * form->blocks);
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < form->slot_count; i++) {
        void *slot = form->slots[i];
        if (form->sets[i].data == slot)
            form->slots[kept++] = slot;
        else
            p->idle[p->idle_count++] = slot;
    }
    form->slot_count = kept;
    pthread_mutex_unlock(&p->lock);
}

/* ---- forms ---- */

static void form_retain(resident_form *form)
{
    __atomic_fetch_add(&form->refs, 1, __ATOMIC_RELAXED);
}

/* Caller holds the lock. */
static void form_release(resident_form *form)
{
    if (__atomic_sub_fetch(&form->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    give_slots(form, 0);
    mem_free(form->slots);
    arena_release(&form->rows);
    mem_free(form->sets);
    mem_free(form->values);
    mem_free(form->codes);
    mem_free(form->sums);
    mem_free(form);
}

void resident_release(resident_form *form)
{
    if (!form)
        return;
    index_residents *p = form->pool;
    pthread_mutex_lock(&p->lock);
    form_release(form);
    pthread_mutex_unlock(&p->lock);
}

static resident_form *form_new(index_residents *p, form_kind kind,
                               const plane_key *key)
{
    resident_form *form = mem_zalloc(sizeof *form);
    form->kind = kind;
    form->key = *key;
    form->pool = p;
    form->refs = 1;
    arena_init(&form->rows);
    return form;
}

/* ---- a layer's set ---- */

static size_t place_of(form_kind kind, const plane_key *key)
{
    const uint64_t who = (uint64_t)key->attribute << 32 |
                         (uint64_t)key->provider << 16 |
                         (uint64_t)key->role << 8 | key->slice;
    return (size_t)hash_mix(hash_mix(who + (uint64_t)kind * 7919) ^
                            ((uint64_t)key->value << 32 | key->bucket));
}

/* The form, or where it would be. Caller holds the lock. */
static resident_form **find_place(resident_set *set, form_kind kind,
                                  const plane_key *key)
{
    size_t i = place_of(kind, key) & set->mask;
    while (set->forms[i] &&
           (set->forms[i]->kind != kind ||
            plane_key_compare(&set->forms[i]->key, key) != 0))
        i = (i + 1) & set->mask;
    return &set->forms[i];
}

static void widen(resident_set *set)
{
    resident_form **old = set->forms;
    const size_t old_mask = set->mask;

    set->mask = old ? 2 * old_mask + 1 : 63;
    set->forms = mem_array(set->mask + 1, sizeof *set->forms);
    for (size_t i = 0; old && i <= old_mask; i++)
        if (old[i])
            *find_place(set, old[i]->kind, &old[i]->key) = old[i];
    mem_free(old);
}

/* Caller holds the lock. NULL when there are too many wishes. */
static resident_form *wish_for(resident_set *set, form_kind kind,
                               const plane_key *key)
{
    resident_form **place = find_place(set, kind, key);

    if (*place)
        return *place;
    if (set->count >= WISHES_MAX)
        return NULL;
    if (2 * (set->count + 1) > set->mask) {
        widen(set);
        place = find_place(set, kind, key);
    }
    set->count++;
    return *place = form_new(set->pool, kind, key);
}

/* Caller holds the lock. */
static void ask(resident_form *form)
{
    index_residents *p = form->pool;
    if (++form->asks == ASKS_WARM && !form->made && p->on_wish)
        p->on_wish(p->payload);
}

resident_form *resident_find(const index_layer *l, form_kind kind,
                             const plane_key *key, resident_form **wish)
{
    resident_set *set = l->residents;
    resident_form *found = NULL;

    if (wish)
        *wish = NULL;
    if (!set)
        return NULL;
    pthread_mutex_lock(&set->pool->lock);
    resident_form *form = wish_for(set, kind, key);
    if (form) {
        ask(form);
        if (form->made) {
            form->hits++;
            set->pool->stats.hits++;
            form_retain(form);
            found = form;
        } else {
            set->pool->stats.misses++;
            if (wish) {
                form_retain(form);
                *wish = form;
            }
        }
    }
    pthread_mutex_unlock(&set->pool->lock);
    return found;
}

void resident_ask(resident_form *wish)
{
    pthread_mutex_lock(&wish->pool->lock);
    ask(wish);
    pthread_mutex_unlock(&wish->pool->lock);
}

/* What was hot in an older layer is wished for in this one. */
static void inherit(resident_set *set)
{
    for (resident_set *s = set->next; s; s = s->next)
        for (size_t i = 0; s->count > 0 && i <= s->mask; i++) {
            const resident_form *form = s->forms[i];
            if (!form || !form->made)
                continue;
            resident_form *w = wish_for(set, form->kind, &form->key);
            if (!w)
                return;
            if (w->asks < ASKS_WARM && form->asks >= ASKS_WARM) {
                w->asks = ASKS_WARM - 1;
                ask(w);
            }
            if (w->asks < form->asks)
                w->asks = form->asks;
        }
}

void index_layer_keep_residents(index_layer *l, index_residents *p)
{
    ASSERT(l->residents == NULL);
    if (p->budget < PIECE_BYTES)
        return; /* no form has room */
    resident_set *set = mem_zalloc(sizeof *set);
    set->pool = p;
    set->layer = l;
    widen(set);
    l->residents = set;
    pthread_mutex_lock(&p->lock);
    set->next = p->sets;
    p->sets = set;
    inherit(set);
    pthread_mutex_unlock(&p->lock);
}

void resident_set_free(resident_set *set)
{
    if (!set)
        return;
    pthread_mutex_lock(&set->pool->lock);
    resident_set **at = &set->pool->sets;
    while (*at != set)
        at = &(*at)->next;
    *at = set->next;
    for (size_t i = 0; i <= set->mask; i++) {
        if (!set->forms[i])
            continue;
        set->pool->stats.forms -= set->forms[i]->made;
        form_release(set->forms[i]);
    }
    pthread_mutex_unlock(&set->pool->lock);
    mem_free(set->forms);
    mem_free(set);
}

/* ---- making ---- */

/* The most wanted form that is not made; the lock is held. */
static resident_form *most_wanted(index_residents *p, resident_set **in)
{
    resident_form *best = NULL;

    for (resident_set *s = p->sets; s; s = s->next)
        for (size_t i = 0; i <= s->mask; i++) {
            resident_form *form = s->forms[i];
            if (!form || form->made || form->refused ||
                form->asks < ASKS_WARM || (best && form->asks <= best->asks))
                continue;
            best = form;
            *in = s;
        }
    return best;
}

/* Lets the coldest form go that was asked for less than half as often. False
 * when there is none, or its slots are still read: they come back when no
 * formula has it any more, and the next fading tries again. */
static bool evict_for(index_residents *p, uint64_t asks)
{
    resident_form **coldest = NULL;

    for (resident_set *s = p->sets; s; s = s->next)
        for (size_t i = 0; i <= s->mask; i++) {
            resident_form *form = s->forms[i];
            if (form && form->made && 2 * form->asks < asks &&
                (!coldest || form->asks < (*coldest)->asks))
                coldest = &s->forms[i];
        }
    if (!coldest)
        return false;
    resident_form *old = *coldest;
    const bool held = __atomic_load_n(&old->refs, __ATOMIC_RELAXED) > 1;
    *coldest = form_new(p, old->kind, &old->key);
    form_release(old);
    p->stats.forms--;
    p->stats.evicted++;
    if (held) /* its slots come when the formulas that have it go */
        __atomic_fetch_add(&p->version, 1, __ATOMIC_RELEASE);
    return !held;
}

/* Asks fade, so that what was hot yesterday makes room. */
static void fade(index_residents *p)
{
    for (resident_set *s = p->sets; s; s = s->next)
        for (size_t i = 0; i <= s->mask; i++)
            if (s->forms[i]) {
                s->forms[i]->asks -= (s->forms[i]->asks + 3) / 4;
                s->forms[i]->refused = false;
            }
}

/* Takes its place among the forms when it is still wished for there. */
static void publish(index_residents *p, resident_set *set,
                    resident_form *form, bool made)
{
    resident_form **place = find_place(set, form->kind, &form->key);

    if (*place && !(*place)->made) {
        if (made) {
            form->made = true;
            form->asks = (*place)->asks;
            form_release(*place);
            *place = form;
            p->stats.forms++;
            p->stats.made++;
            __atomic_fetch_add(&p->version, 1, __ATOMIC_RELEASE);
            return;
        }
        give_slots(form, 0); /* they may be what the next one needs */
        if (!form->starved || !evict_for(p, (*place)->asks))
            (*place)->refused = true;
    }
    form_release(form);
}

/* One more holder, unless the last one is just letting go. */
static bool layer_hold(index_layer *l)
{
    uint32_t refs = __atomic_load_n(&l->refs, __ATOMIC_RELAXED);
    while (refs > 0)
        if (__atomic_compare_exchange_n(&l->refs, &refs, refs + 1, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            return true;
    return false;
}

void index_residents_on_wish(index_residents *p,
                             void (*on_wish)(void *payload), void *payload)
{
    p->on_wish = on_wish;
    p->payload = payload;
}

static bool work(index_residents *p)
{
    resident_set *set = NULL;
    resident_form *form = NULL;

    pthread_mutex_lock(&p->lock);
    resident_form *wish = most_wanted(p, &set);
    while (wish && !layer_hold(set->layer)) {
        wish->refused = true;
        wish = most_wanted(p, &set);
    }
    if (wish)
        form = form_new(p, wish->kind, &wish->key);
    pthread_mutex_unlock(&p->lock);
    if (!form)
        return false;
    index_layer *layer = set->layer;
    const bool made = resident_make(layer, form);
    pthread_mutex_lock(&p->lock);
    publish(p, set, form, made);
    pthread_mutex_unlock(&p->lock);
    index_layer_release(layer);
    return true;
}

bool index_residents_work(index_residents *p)
{
    pthread_mutex_lock(&p->working);
    const bool more = work(p);
    pthread_mutex_unlock(&p->working);
    return more;
}

void index_residents_fade(index_residents *p)
{
    pthread_mutex_lock(&p->lock);
    fade(p);
    pthread_mutex_unlock(&p->lock);
}

uint64_t index_residents_version(const index_residents *p)
{
    return __atomic_load_n(&p->version, __ATOMIC_ACQUIRE);
}

/* ---- for people ---- */

void index_residents_stats(index_residents *p, index_resident_stats *out)
{
    pthread_mutex_lock(&p->lock);
    *out = p->stats;
    out->idle = p->idle_count * sizeof(block_buf);
    pthread_mutex_unlock(&p->lock);
}

void index_residents_each(index_residents *p,
                          void (*each)(void *payload,
                                       const index_resident_info *info),
                          void *payload)
{
    static const char *const kinds[] = {"plane", "codes", "ages"};

    pthread_mutex_lock(&p->lock);
    for (resident_set *s = p->sets; s; s = s->next)
        for (size_t i = 0; i <= s->mask; i++) {
            const resident_form *form = s->forms[i];
            if (!form)
                continue;
            const index_resident_info info = {
                .form = kinds[form->kind],
                .made = form->made,
                .attribute = form->key.attribute,
                .provider = form->key.provider,
                .value = form->key.value,
                .bucket = form->key.bucket,
                .bytes = form->slot_count * sizeof(block_buf) +
                         (uint64_t)form->slices * form->blocks *
                             sizeof(block_ref),
                .asks = form->asks,
                .hits = form->hits,
            };
            each(payload, &info);
        }
    pthread_mutex_unlock(&p->lock);
}
