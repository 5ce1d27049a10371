/*
 * workers.c - threads for what may take long: a ring under one mutex. Some
 * hundred thousand jobs a second pass through it, far more than the work that
 * is worth a worker.
 *
 * A burst may wait as long as the queue's bound says. When there was always
 * somebody waiting for that long, more comes than can be done, and waiting only
 * makes everybody late: then one is let in who will wait about as long as a job
 * takes (a running mean), and so is served in about twice the time that it
 * takes alone; until nobody was refused for that long. (That a queue which is
 * never empty is the sign of overload: B. Maurer, "Fail at Scale", ACM Queue
 * 13(8), 2015.)
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/workers.h"

/* Under overload one may always wait so long. */
#define STRICT_NS UINT64_C(5000000)
/* The running mean forgets a job after about so many others. */
#define MEAN_JOBS 16

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
    workers_load load;
    bool closed;
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

static void note_time(workers *w, uint64_t ns)
{
    ASSERT(pthread_mutex_lock(&w->lock) == 0);
    w->load.mean_ns += ns / MEAN_JOBS - w->load.mean_ns / MEAN_JOBS;
    ASSERT(pthread_mutex_unlock(&w->lock) == 0);
}

static void *work(void *payload)
{
    worker_job job;
    while (take(payload, &job)) {
        const uint64_t began = clock_monotonic_ns();
        job.run(job.payload);
        note_time(payload, clock_monotonic_ns() - began);
    }
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
    w->load.wait_ns = wait_ns;
    w->load.threads = threads;
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
    for (unsigned i = 0; i < w->load.threads; i++)
        thread_join(w->ids[i]);
    pthread_cond_destroy(&w->some);
    ASSERT(pthread_mutex_destroy(&w->lock) == 0);
    mem_free(w->ids);
    mem_free(w->ring);
    mem_free(w);
}

bool workers_is_late(const workers_load *l, uint64_t now_ns)
{
    const uint64_t strict = l->mean_ns > STRICT_NS ? l->mean_ns : STRICT_NS;
    if (l->wait_ns == 0 || l->ahead == 0)
        return false;
    if (l->first_queued + l->wait_ns < now_ns)
        return true;
    const bool standing = l->crowded + l->wait_ns < now_ns;
    const bool lately = l->refused != 0 && l->refused + l->wait_ns >= now_ns;
    return (standing || lately) && l->ahead * l->mean_ns / l->threads > strict;
}

bool workers_reserve(workers *w, uint64_t now_ns)
{
    ASSERT(pthread_mutex_lock(&w->lock) == 0);
    w->load.ahead = w->count + w->reserved;
    w->load.first_queued = w->count > 0 ? w->ring[w->first].queued : now_ns;
    if (w->count == 0) /* those who have a place only come now */
        w->load.crowded = now_ns;
    const bool taken = !workers_is_late(&w->load, now_ns) &&
                       w->load.ahead < w->capacity;
    if (taken)
        w->reserved++;
    else
        w->load.refused = now_ns;
    ASSERT(pthread_mutex_unlock(&w->lock) == 0);
    return taken;
}

void workers_put(workers *w, void (*run)(void *payload), void *payload,
                 uint64_t now_ns)
{
    ASSERT(pthread_mutex_lock(&w->lock) == 0);
    ASSERT(w->reserved > 0 && w->count < w->capacity);
    w->reserved--;
    if (w->count == 0)
        w->load.crowded = now_ns;
    w->ring[(w->first + w->count) % w->capacity] =
        (worker_job){run, payload, now_ns};
    w->count++;
    pthread_cond_signal(&w->some);
    ASSERT(pthread_mutex_unlock(&w->lock) == 0);
}
