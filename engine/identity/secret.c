/*
 * secret.c - random bytes, and secrets of which only a hash is kept.
 *
 * The hash is BLAKE2b-256 over
 *
 *   key, 32 bytes | 0 | "access" | secret
 *
 * which is what pseudonym.c derives everything else in (a 0 stands where the
 * length of a space's name would), with twice its output. Secrets are random
 * themselves, so a hash that is made slowly would gain nothing; the key keeps
 * a stolen database from being tried against a secret that was guessed.
 *
 * Cost: one compression, about 200 ns; no allocation. Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <sodium.h>
#include <string.h>
#include "identity/identity.h"
#include "identity/key.h"

#define LABEL "access"
#define LABEL_LEN (sizeof LABEL - 1)

void identity_random(void *out, size_t len)
{
    ASSERT(out != NULL && sodium_init() >= 0);
    randombytes_buf(out, len);
}

void identity_secret_hash(const identity_key *key, muster_text secret,
                          uint8_t out[IDENTITY_SECRET_HASH_BYTES])
{
    uint8_t message[IDENTITY_KEY_BYTES + 1 + LABEL_LEN + IDENTITY_SECRET_MAX];
    uint8_t *at = message;
    ASSERT(key != NULL && secret.len <= IDENTITY_SECRET_MAX);
    memcpy(at, key->bytes, IDENTITY_KEY_BYTES);
    at += IDENTITY_KEY_BYTES;
    *at++ = 0;
    memcpy(at, LABEL, LABEL_LEN);
    at += LABEL_LEN;
    memcpy(at, secret.ptr, secret.len);
    at += secret.len;
    const int rc = crypto_generichash_blake2b(
        out, IDENTITY_SECRET_HASH_BYTES, message, (size_t)(at - message),
        NULL, 0);
    ASSERT(rc == 0);
    sodium_memzero(message, sizeof message);
}

bool identity_same(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

void identity_wipe(void *bytes, size_t len)
{
    sodium_memzero(bytes, len);
}
