/*
 * workers.h - threads for what may take long, and the bounded queue before
 * them; private to engine/http.
 *
 * The queue is bounded twice: by length, and by time: while the one that waits
 * longest has waited more than a bound, no more are taken. So whoever is let
 * in is served soon, and the others know at once.
 *
 * Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_WORKERS_H
#define HTTP_WORKERS_H

#include "base/base.h"

typedef struct workers workers;

/* `places` in the queue; `wait_ns` 0: no bound in time. */
workers *workers_new(unsigned threads, size_t places, uint64_t wait_ns);
/* Waits for what is queued. NULL is fine. */
void workers_free(workers *w);
/* Takes a place in the queue; false: there is none, try later. A place that
 * was taken must be used, by one workers_put. */
bool workers_reserve(workers *w, uint64_t now_ns);
void workers_put(workers *w, void (*run)(void *payload), void *payload,
                 uint64_t now_ns);

#endif
