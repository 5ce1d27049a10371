/*
 * thread.h - threads (pthread) and a bounded queue of pointers.
 *
 * queue_put blocks while full, queue_take blocks while empty; after
 * queue_close a put returns false and a take returns NULL once empty.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct queue queue;
queue *queue_new(size_t capacity);
bool queue_put(queue *q, void *item);
void *queue_take(queue *q);
void queue_close(queue *q);
void queue_free(queue *q);

/* Online processors, at least 1, at most 256. */
unsigned thread_processors(void);
/* Starts a joinable thread, which takes no signals: they are for those of the
 * program that uses the library. Aborts when the system refuses. */
pthread_t thread_start(void *(*run)(void *), void *payload);
void thread_join(pthread_t t);
/* The calling thread gives way to others of the machine (Linux: nice 10). */
void thread_yield_to_others(void);
/* The calling thread goes before others, for one that waits and answers
 * quickly: short turns, soon (Linux 6.12 and later), and a priority above the
 * normal one where the process may have it (CAP_SYS_NICE). */
void thread_be_prompt(void);

#endif
