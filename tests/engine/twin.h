/*
 * twin.h - two directories under one key, and whether they are in the same
 * state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_ENGINE_TWIN_H
#define TESTS_ENGINE_TWIN_H

#include "engine/engine_support.h"

static inline muster_state_hash twin_hash(muster_engine *engine)
{
    muster_state_hash hash;
    muster_epoch seq = 0;
    muster_error err;
    if (muster_engine_state_hash(engine, NULL, &hash, &seq, &err) != 0)
        fail_msg("hash: %s", err.message);
    assert_true(seq == muster_engine_epoch(engine));
    return hash;
}

static inline bool twin_same(muster_state_hash a, muster_state_hash b)
{
    return a.low == b.low && a.high == b.high;
}

/* A second directory under the key of the first; closed as a house is. */
static inline void twin_open(house *twin, const house *h)
{
    muster_error err;
    char key[sizeof h->dir + 16];

    memset(twin, 0, sizeof *twin);
    snprintf(twin->dir, sizeof twin->dir, "%.500s-twin", h->dir);
    snprintf(key, sizeof key, "%s/muster.key", h->dir);
    if (open_directory(&twin->engine, twin->dir, MUSTER_OPEN_CREATE, key,
                       &err) != 0)
        fail_msg("twin: %s", err.message);
}

#endif
