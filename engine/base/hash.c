/*
 * hash.c - XXH3, 64 and 128 bits: checksums of files and batches, hashes of
 * tables and states.
 *
 * The values are XXH3's published ones, little-endian machines and
 * big-endian ones alike, so they may be stored. Not cryptographic: a
 * checksum finds damage, not malice. Any thread; a stream belongs to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/hash.h"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>
#include "base/error.h"
#include "base/mem.h"

struct hash_stream {
    XXH3_state_t state; /* wants 64-byte alignment */
};

uint64_t hash_bytes(const void *bytes, size_t len)
{
    ASSERT(bytes != NULL || len == 0);
    return XXH3_64bits(bytes, len);
}

uint64_t hash_bytes_seed(const void *bytes, size_t len, uint64_t seed)
{
    ASSERT(bytes != NULL || len == 0);
    return XXH3_64bits_withSeed(bytes, len, seed);
}

hash128 hash_bytes128(const void *bytes, size_t len)
{
    ASSERT(bytes != NULL || len == 0);
    const XXH128_hash_t h = XXH3_128bits(bytes, len);
    return (hash128){h.low64, h.high64};
}

hash_stream *hash_stream_new(void)
{
    hash_stream *s = mem_aligned(sizeof *s);
    XXH3_INITSTATE(&s->state);
    hash_stream_clear(s);
    return s;
}

void hash_stream_clear(hash_stream *s)
{
    ASSERT(s != NULL);
    ASSERT(XXH3_64bits_reset(&s->state) == XXH_OK);
}

void hash_stream_add(hash_stream *s, const void *bytes, size_t len)
{
    ASSERT(s != NULL && (bytes != NULL || len == 0));
    if (len != 0)
        ASSERT(XXH3_64bits_update(&s->state, bytes, len) == XXH_OK);
}

uint64_t hash_stream_value(const hash_stream *s)
{
    ASSERT(s != NULL);
    return XXH3_64bits_digest(&s->state);
}

void hash_stream_free(hash_stream *s)
{
    mem_free(s);
}
