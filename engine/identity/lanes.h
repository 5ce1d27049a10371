/*
 * lanes.h - BLAKE2b-128 of eight short messages at once, a lane of a vector
 * register for each. Private to the room.
 *
 * The same result as libsodium's crypto_generichash_blake2b(out, 16, ..)
 * without a key. A level is chosen once, by what the processor has, and only
 * after it has hashed samples like libsodium; where there is none, libsodium
 * hashes one by one. MUSTER_SIMD (index/words.h) is obeyed here too.
 *
 * Cost: 30 (AVX-512) to 60 ns (AVX2) a message, of eight; libsodium about 200.
 * Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef IDENTITY_LANES_H
#define IDENTITY_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 8u
#define LANE_BYTES 128u /* one block */
#define LANE_HASH_BYTES 16u

/* A message and zeros behind it. */
typedef struct lane_block {
    uint8_t bytes[LANE_BYTES];
    uint32_t len;
} lane_block;

typedef struct lanes_level {
    const char *name;
    void (*hash)(uint8_t out[LANES][LANE_HASH_BYTES],
                 const lane_block *const blocks[LANES]);
} lanes_level;

extern const lanes_level lanes_avx2;
extern const lanes_level lanes_avx512;

/* Has this processor got the level? */
bool lanes_has(const lanes_level *level);
/* Does it hash like libsodium? */
bool lanes_self_test(const lanes_level *level);
/* The fastest level that passes; NULL: there is none. */
const lanes_level *lanes_choose(void);

#endif
