/*
 * thread.c - threads and a bounded queue of pointers.
 *
 * The queue is a ring under one mutex: items leave in the order they came.
 * It hands over batches, not records, so a lock per item costs nothing that
 * shows. Closing wakes everyone; what was put before is still taken.
 *
 * What the system refuses here (a lock, a thread) is no situation to go on
 * from: it stops the process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/thread.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/error.h"
#include "base/mem.h"

#define PROCESSORS_MAX 256
/* The shortest turn that the scheduler takes. */
#define PROMPT_TURN_NS 100000u
#define PROMPT_NICE (-10)

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t not_empty;
    pthread_cond_t not_full;
    size_t capacity;
    size_t first; /* where the oldest item stands */
    size_t count;
    bool closed;
    void **items;
};

queue *queue_new(size_t capacity)
{
    ASSERT(capacity > 0);
    queue *q = mem_zalloc(sizeof *q);
    ASSERT(pthread_mutex_init(&q->lock, NULL) == 0);
    ASSERT(pthread_cond_init(&q->not_empty, NULL) == 0);
    ASSERT(pthread_cond_init(&q->not_full, NULL) == 0);
    q->capacity = capacity;
    q->items = mem_array(capacity, sizeof *q->items);
    return q;
}

static void lock(queue *q)
{
    ASSERT(pthread_mutex_lock(&q->lock) == 0);
}

static void unlock(queue *q)
{
    ASSERT(pthread_mutex_unlock(&q->lock) == 0);
}

bool queue_put(queue *q, void *item)
{
    ASSERT(item != NULL); /* NULL means "no more" to the taker */
    lock(q);
    while (q->count == q->capacity && !q->closed)
        pthread_cond_wait(&q->not_full, &q->lock);
    const bool open = !q->closed;
    if (open) {
        q->items[(q->first + q->count) % q->capacity] = item;
        q->count++;
        pthread_cond_signal(&q->not_empty);
    }
    unlock(q);
    return open;
}

void *queue_take(queue *q)
{
    void *item = NULL;
    lock(q);
    while (q->count == 0 && !q->closed)
        pthread_cond_wait(&q->not_empty, &q->lock);
    if (q->count > 0) {
        item = q->items[q->first];
        q->first = (q->first + 1) % q->capacity;
        q->count--;
        pthread_cond_signal(&q->not_full);
    }
    unlock(q);
    return item;
}

void queue_close(queue *q)
{
    lock(q);
    q->closed = true;
    pthread_cond_broadcast(&q->not_empty);
    pthread_cond_broadcast(&q->not_full);
    unlock(q);
}

void queue_free(queue *q)
{
    if (q == NULL)
        return;
    pthread_cond_destroy(&q->not_full);
    pthread_cond_destroy(&q->not_empty);
    ASSERT(pthread_mutex_destroy(&q->lock) == 0); /* nobody waits */
    mem_free(q->items);
    mem_free(q);
}

unsigned thread_processors(void)
{
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (online < 1)
        return 1;
    return online > PROCESSORS_MAX ? PROCESSORS_MAX : (unsigned)online;
}

pthread_t thread_start(void *(*run)(void *), void *payload)
{
    pthread_t thread;
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int code = pthread_create(&thread, NULL, run, payload);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0) {
        fprintf(stderr, "muster: cannot start a thread: %s\n", strerror(code));
        abort();
    }
    return thread;
}

void thread_join(pthread_t t)
{
    ASSERT(pthread_join(t, NULL) == 0);
}

void thread_yield_to_others(void)
{
#ifdef __linux__ /* there a priority is a thread's */
    (void)setpriority(PRIO_PROCESS, 0, 10);
#endif
}

/* struct sched_attr of sched_setattr(2), which the C library does not have:
 * the runtime of a normal thread is the turn that it asks for (EEVDF). */
typedef struct turn_wish {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
} turn_wish;

void thread_be_prompt(void)
{
#if defined(__linux__) && defined(SYS_sched_setattr)
    turn_wish wish = {.size = sizeof wish,
                      .nice = PROMPT_NICE,
                      .runtime = PROMPT_TURN_NS};
    if (syscall(SYS_sched_setattr, 0, &wish, 0u) == 0)
        return;
    wish.nice = getpriority(PRIO_PROCESS, 0);
    (void)syscall(SYS_sched_setattr, 0, &wish, 0u);
#endif
}
