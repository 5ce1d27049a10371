/*
 * lanes_body.h - the rounds of BLAKE2b (RFC 7693) over vectors of words, one
 * lane a message, compiled once per level. The including file defines
 * LANES_NAME, LANES_LEVEL and LANES_WIDE, the lanes of one vector, and sets
 * the target. Without x86-64 a level has no function and is never chosen.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "identity/lanes.h"

#if defined(__x86_64__)
#include <string.h>

#define ROUNDS 12

typedef uint64_t lane_words __attribute__((vector_size(8 * LANES_WIDE)));

static const uint64_t iv[8] = {
    0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu,
    0xa54ff53a5f1d36f1u, 0x510e527fade682d1u, 0x9b05688c2b3e6c1fu,
    0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u,
};

/* Which words of the message a round takes. */
static const uint8_t sigma[ROUNDS][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
};

/* Digest length 16, no key, one leaf. */
#define PARAMETERS (0x01010000u ^ LANE_HASH_BYTES)

#define ROTATE(x, n) ((x) >> (n) | (x) << (64 - (n)))
#define MIX(a, b, c, d, x, y)                                                  \
    do {                                                                       \
        v[a] += v[b] + (x);                                                    \
        v[d] = ROTATE(v[d] ^ v[a], 32);                                        \
        v[c] += v[d];                                                          \
        v[b] = ROTATE(v[b] ^ v[c], 24);                                        \
        v[a] += v[b] + (y);                                                    \
        v[d] = ROTATE(v[d] ^ v[a], 16);                                        \
        v[c] += v[d];                                                          \
        v[b] = ROTATE(v[b] ^ v[c], 63);                                        \
    } while (0)

static inline __attribute__((always_inline)) void
one_round(lane_words v[16], const lane_words m[16], const uint8_t s[16])
{
    MIX(0, 4, 8, 12, m[s[0]], m[s[1]]);
    MIX(1, 5, 9, 13, m[s[2]], m[s[3]]);
    MIX(2, 6, 10, 14, m[s[4]], m[s[5]]);
    MIX(3, 7, 11, 15, m[s[6]], m[s[7]]);
    MIX(0, 5, 10, 15, m[s[8]], m[s[9]]);
    MIX(1, 6, 11, 12, m[s[10]], m[s[11]]);
    MIX(2, 7, 8, 13, m[s[12]], m[s[13]]);
    MIX(3, 4, 9, 14, m[s[14]], m[s[15]]);
}

/* The words of as many messages as a vector has lanes. */
static void load(lane_words m[16], lane_words *len,
                 const lane_block *const *blocks)
{
    uint64_t words[16][LANES_WIDE];
    uint64_t lens[LANES_WIDE];

    for (uint32_t lane = 0; lane < LANES_WIDE; lane++) {
        for (uint32_t i = 0; i < 16; i++)
            memcpy(&words[i][lane], blocks[lane]->bytes + 8 * (size_t)i, 8);
        lens[lane] = blocks[lane]->len;
    }
    memcpy(m, words, sizeof words);
    memcpy(len, lens, sizeof lens);
}

static void hash_some(uint8_t out[][LANE_HASH_BYTES],
                      const lane_block *const *blocks)
{
    lane_words m[16];
    lane_words v[16];
    lane_words len;
    uint64_t words[2][LANES_WIDE];

    load(m, &len, blocks);
    for (uint32_t i = 0; i < 8; i++)
        v[i] = v[i + 8] = (lane_words){0} + iv[i];
    v[0] ^= PARAMETERS;
    v[12] ^= len;
    v[14] = ~v[14]; /* the last block */
#pragma GCC unroll 12
    for (uint32_t round = 0; round < ROUNDS; round++)
        one_round(v, m, sigma[round]);
    v[0] ^= v[8] ^ (iv[0] ^ PARAMETERS);
    v[1] ^= v[9] ^ iv[1];
    memcpy(words, v, sizeof words);
    for (uint32_t lane = 0; lane < LANES_WIDE; lane++) {
        memcpy(out[lane], &words[0][lane], 8);
        memcpy(out[lane] + 8, &words[1][lane], 8);
    }
}

static void hash_all(uint8_t out[LANES][LANE_HASH_BYTES],
                     const lane_block *const blocks[LANES])
{
    for (uint32_t at = 0; at < LANES; at += LANES_WIDE)
        hash_some(out + at, blocks + at);
}

const lanes_level LANES_NAME = {LANES_LEVEL, hash_all};
#else
const lanes_level LANES_NAME = {LANES_LEVEL, NULL};
#endif
