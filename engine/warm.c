/*
 * warm.c - the thread that makes hot planes resident (index/resident.h).
 *
 * It starts with the first form that is asked for often enough, so a program
 * that asks once never has it. When forms are there, compiled segments resolve
 * their plans anew (compiled.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* pthread_condattr_setclock */
#include "engine.h"

#include <stdlib.h>
#include <time.h>

/* What is asked counts three quarters after each minute of work. */
#define NS_A_SECOND ((uint64_t)1000000000)
#define FADE_NS (60 * NS_A_SECOND)

struct warmer {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool started;
    bool stopping;
    bool wanted;
    uint64_t faded_ns;
};

static void *run(void *payload)
{
    muster_engine *e = payload;
    struct warmer *w = e->warmer;

    thread_yield_to_others();
    pthread_mutex_lock(&w->lock);
    while (!w->stopping) {
        const uint64_t due = w->faded_ns + FADE_NS;
        const bool fades = clock_monotonic_ns() >= due;
        if (!w->wanted && !fades) {
            const struct timespec until = {(time_t)(due / NS_A_SECOND),
                                           (long)(due % NS_A_SECOND)};
            pthread_cond_timedwait(&w->wake, &w->lock, &until);
            continue;
        }
        w->wanted = false;
        pthread_mutex_unlock(&w->lock);
        if (fades) { /* what had no room may have it now */
            index_residents_fade(e->residents);
            w->faded_ns = clock_monotonic_ns();
        }
        while (!__atomic_load_n(&w->stopping, __ATOMIC_RELAXED) &&
               index_residents_work(e->residents))
            continue;
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Called by the pool when something has become hot. */
static void on_wish(void *payload)
{
    muster_engine *e = payload;
    struct warmer *w = e->warmer;

    pthread_mutex_lock(&w->lock);
    w->wanted = true;
    if (!w->started && !w->stopping) {
        w->started = true;
        w->faded_ns = clock_monotonic_ns();
        w->thread = thread_start(run, e);
    }
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void warmer_open(muster_engine *e, uint64_t budget)
{
    struct warmer *w = mem_zalloc(sizeof *w);

    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    e->warmer = w;
    e->residents = index_residents_new(budget);
    index_residents_on_wish(e->residents, on_wish, e);
}

void warmer_stop(muster_engine *e)
{
    struct warmer *w = e->warmer;

    pthread_mutex_lock(&w->lock);
    __atomic_store_n(&w->stopping, true, __ATOMIC_RELAXED);
    const bool started = w->started;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    if (started)
        thread_join(w->thread);
}

void warmer_free(muster_engine *e)
{
    index_residents_free(e->residents);
    pthread_cond_destroy(&e->warmer->wake);
    pthread_mutex_destroy(&e->warmer->lock);
    mem_free(e->warmer);
}

/* ---- for people ---- */

void muster_engine_warm(muster_engine *engine)
{
    engine_check(engine);
    while (index_residents_work(engine->residents))
        continue;
}

typedef struct telling {
    const catalog *names;
    muster_resident *items;
    size_t count;
    size_t capacity;
} telling;

static const char *attribute_name(const catalog *names, uint32_t id)
{
    static const char *const own[] = {"(universe)", "(opted out)",
                                      "(forgotten)"};
    if (id < sizeof own / sizeof own[0])
        return own[id];
    const catalog_attribute *a = catalog_attribute_get(names, id);
    return a ? a->name : "";
}

static void collect(void *payload, const index_resident_info *info)
{
    telling *t = payload;
    const catalog_provider *p =
        catalog_provider_get(t->names, info->provider);
    muster_text value = text_make("", 0);

    if (info->value != INDEX_NO_VALUE)
        value = catalog_value_text(t->names, info->attribute, info->value);
    mem_grow(&t->items, &t->capacity, t->count + 1, sizeof *t->items);
    t->items[t->count++] = (muster_resident){
        .form = info->form,
        .resident = info->made,
        .attribute = attribute_name(t->names, info->attribute),
        .provider = p ? p->name : "",
        .value = value.ptr,
        .value_len = value.len,
        .bytes = info->bytes,
        .asks = info->asks,
        .hits = info->hits,
    };
}

static int by_asks(const void *a, const void *b)
{
    const muster_resident *x = a;
    const muster_resident *y = b;
    return (x->asks < y->asks) - (x->asks > y->asks);
}

void muster_engine_residents(muster_engine *engine, muster_resident_fn each,
                             void *payload)
{
    epoch_pin pin;

    engine_check(engine);
    telling t = {.names = epoch_pin_newest(engine, &pin)->names};
    index_residents_each(engine->residents, collect, &t);
    if (t.count > 0)
        qsort(t.items, t.count, sizeof *t.items, by_asks);
    for (size_t i = 0; i < t.count; i++)
        each(payload, &t.items[i]);
    mem_free(t.items);
    epoch_unpin(engine, &pin);
}
