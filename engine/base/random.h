/*
 * random.h - seeded generator (xoshiro256**, seeded by splitmix64): the same
 * seed gives the same numbers on every machine. Not for secrets.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

typedef struct random_state {
    uint64_t s[4];
} random_state;

void random_seed(random_state *r, uint64_t seed);
uint64_t random_u64(random_state *r);
/* Uniform in [0, bound), unbiased; bound > 0. */
uint64_t random_below(random_state *r, uint64_t bound);
double random_unit(random_state *r); /* [0, 1) */

#endif
