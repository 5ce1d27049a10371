/*
 * key.h - the bytes of the secret key, for the files of room `identity`
 * alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef IDENTITY_KEY_H
#define IDENTITY_KEY_H

#include "identity/identity.h"

#define IDENTITY_KEY_BYTES 32

struct identity_key {
    uint8_t bytes[IDENTITY_KEY_BYTES];
};

#endif
