/*
 * crew.h - a few threads that help with short work.
 *
 * crew_run calls `work` on the calling thread and on up to `helpers` threads
 * of the crew at once, and returns when all of them have returned; the work
 * shares itself out (an atomic next piece). The crew is the process's: its
 * threads start when they are first needed, and sleep between. One caller has
 * it at a time; another works alone rather than wait, so a helper may come
 * late or not at all and the work must not count on one.
 *
 * Cost: waking a helper takes 5 to 50 us, so work of less than about 100 us is
 * better done alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_CREW_H
#define BASE_CREW_H

#define CREW_MAX 64u

/* Any thread; `work` must not call it. */
void crew_run(unsigned helpers, void (*work)(void *payload), void *payload);

#endif
