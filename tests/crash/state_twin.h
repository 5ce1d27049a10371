/*
 * state_twin.h - what a directory must hold after the acts of a journal.
 *
 * A list of users, each with a list of facts, and plain loops over both. It
 * knows the few attributes that journal.c uses, shares no code with the
 * engine but the making of pseudonyms, and writes down the bytes of the
 * state hash a second time (the first is engine/state_hash.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CRASH_STATE_TWIN_H
#define TESTS_CRASH_STATE_TWIN_H

#include "crash/journal.h"

typedef struct state_twin state_twin;

/* After journal_prepare at `clock`; the key is that of the directory. */
state_twin *state_twin_new(const char *key_file, muster_time clock);
void state_twin_free(state_twin *t);
/* Records from..to-1 of an act, or, for one without records, all of it; it
 * was done when the clock showed `clock`. */
void state_twin_act(state_twin *t, uint64_t seed, const journal_act *a,
                    uint32_t from, uint32_t to, muster_time clock);
void state_twin_hash(const state_twin *t, muster_time tick,
                     muster_state_hash *out);
void state_twin_answer(const state_twin *t, uint32_t question,
                       muster_time now, journal_answer *out);

#endif
