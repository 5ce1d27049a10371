/*
 * workers.c - threads for what may take long: a ring under one mutex. Some
 * hundred thousand jobs a second pass through it, far more than the work that
 * is worth a worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/workers.h"

typedef struct worker_job {
    void (*run)(void *payload);
    void *payload;
    uint64_t queued;
} worker_job;

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t some;
    worker_job *ring;
    size_t capacity;
    size_t first;
    size_t count;
    size_t reserved; /* places taken and not put yet */
    uint64_t wait_ns;
    bool closed;
    unsigned threads;
    pthread_t *ids;
};

static bool take(workers *w, worker_job *out)
{
    ASSERT(pthread_mutex_lock(&w->lock) == 0);
    while (w->count == 0 && !w->closed)
        pthread_cond_wait(&w->some, &w->lock);
    const bool some = w->count > 0;
    if (some) {
        *out = w->ring[w->first];
        w->first = (w->first + 1) % w->capacity;
        w->count--;
    }
    ASSERT(pthread_mutex_unlock(&w->lock) == 0);
    return some;
}

static void *work(void *payload)
{
    worker_job job;
    while (take(payload, &job))
        job.run(job.payload);
    return NULL;
}

workers *workers_new(unsigned threads, size_t places, uint64_t wait_ns)
{
    ASSERT(threads > 0 && places > 0);
    workers *w = mem_zalloc(sizeof *w);
    ASSERT(pthread_mutex_init(&w->lock, NULL) == 0);
    ASSERT(pthread_cond_init(&w->some, NULL) == 0);
    w->capacity = places;
    w->ring = mem_array(places, sizeof *w->ring);
    w->wait_ns = wait_ns;
    w->threads = threads;
    w->ids = mem_array(threads, sizeof *w->ids);
    for (unsigned i = 0; i < threads; i++)
        w->ids[i] = thread_start(work, w);
    return w;
}

void workers_free(workers *w)
{
    if (w == NULL)
        return;
    ASSERT(pthread_mutex_lock(&w->lock) == 0);
    w->closed = true;
    pthread_cond_broadcast(&w->some);
    ASSERT(pthread_mutex_unlock(&w->lock) == 0);
    for (unsigned i = 0; i < w->threads; i++)
        thread_join(w->ids[i]);
    pthread_cond_destroy(&w->some);
    ASSERT(pthread_mutex_destroy(&w->lock) == 0);
    mem_free(w->ids);
    mem_free(w->ring);
    mem_free(w);
}

bool workers_reserve(workers *w, uint64_t now_ns)
{
    ASSERT(pthread_mutex_lock(&w->lock) == 0);
    const bool late = w->wait_ns > 0 && w->count > 0 &&
                      w->ring[w->first].queued + w->wait_ns < now_ns;
    const bool taken = !late && w->count + w->reserved < w->capacity;
    if (taken)
        w->reserved++;
    ASSERT(pthread_mutex_unlock(&w->lock) == 0);
    return taken;
}

void workers_put(workers *w, void (*run)(void *payload), void *payload,
                 uint64_t now_ns)
{
    ASSERT(pthread_mutex_lock(&w->lock) == 0);
    ASSERT(w->reserved > 0 && w->count < w->capacity);
    w->reserved--;
    w->ring[(w->first + w->count) % w->capacity] =
        (worker_job){run, payload, now_ns};
    w->count++;
    pthread_cond_signal(&w->some);
    ASSERT(pthread_mutex_unlock(&w->lock) == 0);
}
