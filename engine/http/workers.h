/*
 * workers.h - threads for what may take long, and the bounded queue before
 * them; private to engine/http.
 *
 * The queue is bounded by length and by time: while the one that waits longest
 * has waited more than a bound, no more are taken, and of a queue that always
 * stands only as many as are served at once. So whoever is let in is served
 * soon, and the others know at once.
 *
 * Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_WORKERS_H
#define HTTP_WORKERS_H

#include "base/base.h"

typedef struct workers workers;

/* `places` in the queue. `wait_ns`: nobody is let in while the first has waited
 * longer; and once there was always somebody who waited, for that long, nobody
 * while what waits will take longer than one job does (5 ms at least); 0: no
 * bound in time. */
workers *workers_new(unsigned threads, size_t places, uint64_t wait_ns);
/* Waits for what is queued. NULL is fine. */
void workers_free(workers *w);
/* What decides who is let in. Times are monotone nanoseconds. */
typedef struct workers_load {
    uint64_t wait_ns;      /* as told to workers_new */
    uint64_t threads;
    uint64_t ahead;        /* jobs that would be done before */
    uint64_t first_queued; /* when the first of them came */
    uint64_t crowded;      /* since when there always were some */
    uint64_t refused;      /* when somebody was, last; 0: never */
    uint64_t mean_ns;      /* that a job takes */
} workers_load;
/* Would one that comes now wait longer than it may? */
bool workers_is_late(const workers_load *l, uint64_t now_ns);
/* Takes a place in the queue; false: there is none, try later. A place that
 * was taken must be used, by one workers_put. */
bool workers_reserve(workers *w, uint64_t now_ns);
void workers_put(workers *w, void (*run)(void *payload), void *payload,
                 uint64_t now_ns);

#endif
