/*
 * pseudonym.c - raw id to pseudonym, and what else is derived from the key.
 *
 * A pseudonym is BLAKE2b-128 over
 *
 *   key, 32 bytes | length of the space's name, 1 byte | name | normal id
 *
 * It is a MAC with the key as a plain prefix. With SHA-256 that would be a
 * mistake: its output is its whole inner state, so who knows H(key || m) can
 * go on to H(key || m || more). BLAKE2b finalises with a flag that no inner
 * block carries and cuts the output, so no digest can be extended, and its
 * authors and RFC 7693 vouch for it as a random oracle for this use. What is
 * gained over the keyed mode is half of the work: that mode spends a whole
 * 128-byte block on the key alone, while here key, space and id share one
 * block for ids up to 95 bytes less the name, which is nearly every id.
 *
 * The three inputs are told apart by their lengths: the key's is fixed, the
 * name's is written, the id takes the rest. What else is derived from the key
 * has a 0 where the length of a name stands; a name is never empty, so no id
 * of any space can produce it.
 *
 * Cost: one or, for long ids, more compressions of about 200 ns, less where
 * several ids wait for each other (pseudonym_queue.c); no allocation. Any
 * thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <sodium.h>
#include <string.h>
#include "identity/normalise.h"
#include "identity/pseudonym.h"

#define DERIVE_LABEL_MAX 16u

identity_raw identity_raw_of(muster_text id)
{
    return (identity_raw){.sealed = id.ptr, .sealed_len = id.len};
}

void pseudonym_hash(muster_pseudonym *out, const uint8_t *message, size_t len)
{
    const int rc = crypto_generichash_blake2b(out->bytes, sizeof out->bytes,
                                              message, len, NULL, 0);
    ASSERT(rc == 0);
}

int pseudonym_message(uint8_t message[PSEUDONYM_MESSAGE_MAX], size_t *len,
                      const identity_key *key, muster_text space,
                      identity_raw raw, muster_error *err)
{
    ASSERT(key != NULL);
    ASSERT(raw.sealed != NULL || raw.sealed_len == 0);
    if (space.len == 0 || space.len > MUSTER_NAME_BYTES_MAX)
        return error_set(err, MUSTER_EINVAL, "bad_space",
                         "the name of an id space has 1 to %u bytes",
                         MUSTER_NAME_BYTES_MAX);
    size_t at = IDENTITY_KEY_BYTES;
    memcpy(message, key->bytes, at);
    message[at++] = (uint8_t)space.len;
    memcpy(message + at, space.ptr, space.len);
    at += space.len;
    const muster_text id = {raw.sealed, raw.sealed_len};
    size_t id_len = 0;
    const int rc =
        normalise_id((char *)message + at, &id_len, space, id, err);
    if (rc != 0)
        return rc;
    ASSERT(id_len > 0 && id_len <= MUSTER_ID_BYTES_MAX);
    *len = at + id_len;
    return 0;
}

int identity_pseudonymise(const identity_key *key, muster_text space,
                          identity_raw raw, muster_pseudonym *out,
                          muster_error *err)
{
    uint8_t message[PSEUDONYM_MESSAGE_MAX];
    size_t len = 0;

    ASSERT(out != NULL);
    const int rc = pseudonym_message(message, &len, key, space, raw, err);
    if (rc == 0)
        pseudonym_hash(out, message, len);
    sodium_memzero(message, rc == 0 ? len : sizeof message);
    return rc;
}

/* BLAKE2b-128(key || 0 || label || salt). */
static void derive(uint8_t out[16], const identity_key *key, const char *label,
                   muster_text salt)
{
    crypto_generichash_blake2b_state state;
    const size_t label_len = strlen(label);
    ASSERT(key != NULL && label_len < DERIVE_LABEL_MAX);
    const uint8_t zero = 0;
    int rc = crypto_generichash_blake2b_init(&state, NULL, 0, 16);
    rc |= crypto_generichash_blake2b_update(&state, key->bytes,
                                            sizeof key->bytes);
    rc |= crypto_generichash_blake2b_update(&state, &zero, 1);
    rc |= crypto_generichash_blake2b_update(&state, (const uint8_t *)label,
                                            label_len);
    rc |= crypto_generichash_blake2b_update(&state, (const uint8_t *)salt.ptr,
                                            salt.len);
    rc |= crypto_generichash_blake2b_final(&state, out, 16);
    ASSERT(rc == 0);
    sodium_memzero(&state, sizeof state);
}

static uint64_t little_endian_64(const uint8_t *bytes)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | bytes[i];
    return v;
}

uint64_t identity_key_check(const identity_key *key)
{
    uint8_t bytes[16];
    derive(bytes, key, "check", text_of(""));
    return little_endian_64(bytes);
}

void identity_split_init(identity_split *s, const identity_key *key,
                         muster_text salt)
{
    ASSERT(s != NULL);
    memset(s->key, 0, sizeof s->key);
    if (key)
        derive(s->key, key, "split", salt);
}

uint32_t identity_split_bucket(const identity_split *s,
                               const muster_pseudonym *primary)
{
    uint8_t bytes[crypto_shorthash_siphash24_BYTES];
    const int rc = crypto_shorthash_siphash24(bytes, primary->bytes,
                                              sizeof primary->bytes, s->key);
    ASSERT(rc == 0);
    return (uint32_t)(little_endian_64(bytes) % 100);
}

void pseudonym_format(char *out, const muster_pseudonym *p)
{
    static const char digits[] = "0123456789abcdef";
    ASSERT(out != NULL && p != NULL);
    for (size_t i = 0; i < sizeof p->bytes; i++) {
        out[2 * i] = digits[p->bytes[i] >> 4];
        out[2 * i + 1] = digits[p->bytes[i] & 15];
    }
    out[PSEUDONYM_HEX] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool pseudonym_parse(muster_text text, muster_pseudonym *out)
{
    ASSERT(out != NULL);
    if (text.len != PSEUDONYM_HEX)
        return false;
    muster_pseudonym p;
    for (size_t i = 0; i < sizeof p.bytes; i++) {
        const int high = hex_digit(text.ptr[2 * i]);
        const int low = hex_digit(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        p.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *out = p;
    return true;
}
