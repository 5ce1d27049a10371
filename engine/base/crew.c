/*
 * crew.c - the threads of crew.h: a job is offered under a lock, helpers that
 * are awake in time take part.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/crew.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/thread.h"

static struct {
    pthread_mutex_t turn; /* of callers */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t offered;
    pthread_cond_t left;
    void (*work)(void *payload); /* NULL: no job is open */
    void *payload;
    unsigned wanted; /* helpers that may still take part */
    unsigned inside;
    unsigned threads;
} crew = {.turn = PTHREAD_MUTEX_INITIALIZER,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .offered = PTHREAD_COND_INITIALIZER,
          .left = PTHREAD_COND_INITIALIZER};

static void *help(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&crew.lock);
    for (;;) {
        while (crew.wanted == 0)
            pthread_cond_wait(&crew.offered, &crew.lock);
        void (*work)(void *payload) = crew.work;
        void *payload = crew.payload;
        crew.wanted--;
        crew.inside++;
        pthread_mutex_unlock(&crew.lock);
        work(payload);
        pthread_mutex_lock(&crew.lock);
        if (--crew.inside == 0)
            pthread_cond_signal(&crew.left);
    }
    return NULL;
}

static void offer(unsigned helpers, void (*work)(void *payload),
                  void *payload)
{
    pthread_mutex_lock(&crew.lock);
    for (; crew.threads < helpers; crew.threads++)
        pthread_detach(thread_start(help, NULL));
    crew.work = work;
    crew.payload = payload;
    crew.wanted = helpers;
    for (unsigned i = 0; i < helpers; i++)
        pthread_cond_signal(&crew.offered);
    pthread_mutex_unlock(&crew.lock);
}

/* Nobody comes any more; who is inside is waited for. */
static void close_job(void)
{
    pthread_mutex_lock(&crew.lock);
    crew.wanted = 0;
    while (crew.inside > 0)
        pthread_cond_wait(&crew.left, &crew.lock);
    pthread_mutex_unlock(&crew.lock);
}

void crew_run(unsigned helpers, void (*work)(void *payload), void *payload)
{
    if (helpers > CREW_MAX)
        helpers = CREW_MAX;
    if (helpers == 0 || pthread_mutex_trylock(&crew.turn) != 0) {
        work(payload);
        return;
    }
    offer(helpers, work, payload);
    work(payload);
    close_job();
    pthread_mutex_unlock(&crew.turn);
}
