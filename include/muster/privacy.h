/*
 * privacy.h - opting out and being forgotten. Both are logged changes and
 * take effect for the next question.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_PRIVACY_H
#define MUSTER_PRIVACY_H

#include <muster/segment.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Takes the user out of every answer (or, with `undo`, back in). A user not
 * seen yet is remembered by its pseudonym, so that facts that come later stay
 * masked too. *known (may be NULL): was the user known before. */
MUSTER_API int muster_privacy_optout(muster_engine *engine,
                                     const muster_id *user, bool undo,
                                     bool *known, muster_error *err);
/* One of many. */
typedef struct muster_wish {
    muster_id user;
    bool known;         /* told: was the user known before */
    muster_error error; /* told: why this one was refused (MUSTER_EINVAL,
                           MUSTER_EREFUSED, MUSTER_ELIMIT); code 0: it was
                           not */
} muster_wish;
/* Many users at once, in order; those that are refused leave the others
 * alone. Fails as a whole like any write. */
MUSTER_API int muster_privacy_optouts(muster_engine *engine,
                                      muster_wish *wishes, size_t n,
                                      bool undo, muster_error *err);
/* For good: the user is in no answer again, and later records that name the
 * same id are refused with reason "forgotten", so nothing new is stored.
 * (Physical removal from generations and log comes with erasure.) */
MUSTER_API int muster_privacy_forget(muster_engine *engine,
                                     const muster_id *user, bool *known,
                                     muster_error *err);

#ifdef __cplusplus
}
#endif
#endif
