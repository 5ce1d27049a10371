/*
 * hash.h - XXH3: fast checksums and table hashes, not cryptographic.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t len);
uint64_t hash_bytes_seed(const void *bytes, size_t len, uint64_t seed);

/* XXH3-128. */
typedef struct hash128 {
    uint64_t low;
    uint64_t high;
} hash128;
hash128 hash_bytes128(const void *bytes, size_t len);

/* Streaming form for files. */
typedef struct hash_stream hash_stream;
hash_stream *hash_stream_new(void);
void hash_stream_add(hash_stream *s, const void *bytes, size_t len);
uint64_t hash_stream_value(const hash_stream *s);
/* Begins anew. */
void hash_stream_clear(hash_stream *s);
void hash_stream_free(hash_stream *s);

/* Mixes one word (splitmix64 finaliser): table hash of integers. */
static inline uint64_t hash_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

#endif
