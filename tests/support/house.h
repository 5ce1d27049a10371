/*
 * house.h - a data directory of a test: made empty under TMPDIR, opened
 * through the public API at a chosen time, removed at the end.
 *
 * Whatever fails here fails the running cmocka test with the engine's own
 * message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SUPPORT_HOUSE_H
#define SUPPORT_HOUSE_H

#include <muster/muster.h>

typedef struct house {
    char dir[512];
    muster_engine *engine;
    muster_scope *scope;
    struct identity_key *key;
    muster_time now;
    muster_open_mode mode;
    unsigned threads;
    uint64_t forward_bytes; /* 0: no forward index */
} house;

/* A new directory, open for writing. */
void house_open(house *h, muster_time now, unsigned threads);
/* Closes, and opens again as it was or in another mode. */
void house_reopen(house *h, muster_open_mode mode);
/* From now on it is `now`. */
void house_set_now(house *h, muster_time now);
/* Closes and removes the directory. */
void house_close(house *h);

void house_catalog(house *h, const void *text, size_t len);
/* Writes a generation: everything said so far is its base. */
void house_checkpoint(house *h);
/* Feeds one input whole. */
muster_receipt house_feed(house *h, muster_input_format format,
                          const void *bytes, size_t len);
/* The pseudonym of a raw id under the directory's key. */
muster_pseudonym house_pseudonym(const house *h, const char *space,
                                 const char *id);

#endif
