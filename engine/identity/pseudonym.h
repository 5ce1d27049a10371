/*
 * pseudonym.h - the message of which a pseudonym is the hash; for the files of
 * room `identity` alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef IDENTITY_PSEUDONYM_H
#define IDENTITY_PSEUDONYM_H

#include "identity/key.h"

#define PSEUDONYM_MESSAGE_MAX                                                  \
    (IDENTITY_KEY_BYTES + 1 + MUSTER_NAME_BYTES_MAX + MUSTER_ID_BYTES_MAX)

/* Key, space and normal id; errors as identity_pseudonymise. */
int pseudonym_message(uint8_t message[PSEUDONYM_MESSAGE_MAX], size_t *len,
                      const identity_key *key, muster_text space,
                      identity_raw raw, muster_error *err);
void pseudonym_hash(muster_pseudonym *out, const uint8_t *message, size_t len);

#endif
