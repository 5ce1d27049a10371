/*
 * kill_child.h - the process that kill_test kills.
 *
 * It opens the directory, tells what it finds there, and goes on with the
 * acts of all workers, one thread each, until it is killed (or, told to
 * settle, ends after each worker's next act). Its arguments:
 *
 *     FD DIR SEED CLOCK LOG_BYTES POINT NTH SETTLE   NEXT:DONE of each worker
 *
 * NEXT is the first act that was not acknowledged, DONE how many of its
 * records were found at an earlier opening; POINT is a name of base/point.h
 * or "-": at its NTH passing the process kills itself.
 *
 * Notes: 'P' worker, act, a = how many of its records are there; 'Q' number =
 * question, a = count, b = sum; 'H' a, b = state hash, c = its tick; 'V' all
 * of these told; 'B' and 'A' worker, act: begun, acknowledged; 'K' the point
 * was reached; 'E' text: something went wrong.
 *
 * Ticks are only logged while the clock runs; so the engine is opened with a
 * running clock, and the clock that it reads is the one here: this program is
 * linked with --wrap=clock_now.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CRASH_KILL_CHILD_H
#define TESTS_CRASH_KILL_CHILD_H

#include "crash/journal.h"

/* What the engine's clock shows, in this process. */
extern muster_time kill_clock;

/* The process's exit code. */
int kill_child(int argc, char **argv);

/* Tells questions and state hash to `fd`; used for directories of any kind. */
int kill_child_tell_state(int fd, muster_engine *engine,
                          const muster_scope *scope, muster_error *err);

#endif
