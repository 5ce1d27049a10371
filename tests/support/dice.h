/*
 * dice.h - small draws for random tests, and how large a test is.
 *
 * Environment:
 *   MUSTER_TEST_SCALE  per cent of the usual size (100; tools/check sets 10
 *                      under sanitizers)
 *   MUSTER_TEST_LONG   1: the largest size
 *   MUSTER_TEST_SEED   one seed to replay
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SUPPORT_DICE_H
#define SUPPORT_DICE_H

#include <stdbool.h>
#include "base/random.h"

/* [0, bound) */
static inline uint32_t dice(random_state *r, uint32_t bound)
{
    return (uint32_t)random_below(r, bound);
}
/* [low, high], both included. */
static inline int64_t dice_between(random_state *r, int64_t low, int64_t high)
{
    return low + (int64_t)random_below(r, (uint64_t)(high - low) + 1);
}
static inline bool chance(random_state *r, uint32_t percent)
{
    return random_below(r, 100) < percent;
}
#define PICK(r, array) \
    ((array)[dice((r), (uint32_t)(sizeof(array) / sizeof((array)[0])))])

/* `usual` by MUSTER_TEST_SCALE, at least 1; `largest` when MUSTER_TEST_LONG
 * is set. */
uint64_t test_size(uint64_t usual, uint64_t largest);
/* MUSTER_TEST_SEED; false when it is not set. */
bool test_seed(uint64_t *out);
/* Runs seeds 1 to `count`, and says so; or MUSTER_TEST_SEED alone. */
void test_each_seed(void (*run)(uint64_t seed), uint64_t count);

#endif
