/*
 * random.c - xoshiro256** 1.0 (Blackman and Vigna), seeded by splitmix64.
 *
 * The same seed gives the same numbers on every machine and for ever: tests,
 * benches and samples name their seed. A state belongs to one thread. Not
 * for secrets.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/random.h"

#include "base/error.h"
#include "base/hash.h"

__extension__ typedef unsigned __int128 wide;

static inline uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

void random_seed(random_state *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        r->s[i] = hash_mix(seed);
    }
}

uint64_t random_u64(random_state *r)
{
    /* All zeros is the one state that never leaves itself: not seeded. */
    ASSERT((r->s[0] | r->s[1] | r->s[2] | r->s[3]) != 0);
    const uint64_t result = rotate_left(r->s[1] * 5, 7) * 9;
    const uint64_t shifted = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= shifted;
    r->s[3] = rotate_left(r->s[3], 45);
    return result;
}

/* Lemire's multiply and shift; the low word tells the few draws to repeat. */
uint64_t random_below(random_state *r, uint64_t bound)
{
    ASSERT(bound > 0);
    wide product = (wide)random_u64(r) * bound;
    if ((uint64_t)product < bound) {
        const uint64_t threshold = (0 - bound) % bound;
        while ((uint64_t)product < threshold)
            product = (wide)random_u64(r) * bound;
    }
    return (uint64_t)(product >> 64);
}

double random_unit(random_state *r)
{
    return (double)(random_u64(r) >> 11) * 0x1.0p-53;
}
