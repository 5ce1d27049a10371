/*
 * lanes.c - choosing the level of lanes.h at run time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "identity/lanes.h"

#include <endian.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define SAMPLE_ROUNDS 20u

static const lanes_level *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

bool lanes_has(const lanes_level *level)
{
#if defined(__x86_64__)
    if (level == &lanes_avx512)
        return __builtin_cpu_supports("avx512f");
    if (level == &lanes_avx2)
        return __builtin_cpu_supports("avx2");
#endif
    (void)level;
    return false;
}

/* Messages of all lengths. */
static void sample_fill(lane_block *b, random_state *r, uint32_t i)
{
    memset(b, 0, sizeof *b);
    b->len = i % (LANE_BYTES + 1);
    for (uint32_t k = 0; k < b->len; k++)
        b->bytes[k] = (uint8_t)random_u64(r);
}

bool lanes_self_test(const lanes_level *level)
{
    lane_block blocks[LANES];
    const lane_block *taken[LANES];
    uint8_t got[LANES][LANE_HASH_BYTES];
    uint8_t want[LANE_HASH_BYTES];
    random_state r;
    bool same = true;

    random_seed(&r, 1);
    for (uint32_t round = 0; round < SAMPLE_ROUNDS; round++) {
        for (uint32_t i = 0; i < LANES; i++) {
            sample_fill(&blocks[i], &r, round * LANES + i);
            taken[i] = &blocks[i];
        }
        level->hash(got, taken);
        for (uint32_t i = 0; i < LANES; i++) {
            const int rc = crypto_generichash_blake2b(
                want, sizeof want, blocks[i].bytes, blocks[i].len, NULL, 0);
            same &= rc == 0 && memcmp(got[i], want, sizeof want) == 0;
        }
    }
    return same;
}

static void choose(void)
{
    const lanes_level *levels[] = {&lanes_avx512, &lanes_avx2};
    const char *forced = getenv("MUSTER_SIMD");

    for (size_t i = 0; i < 2 && !chosen; i++) {
        if (forced && (strcmp(forced, "portable") == 0 ||
                       (strcmp(forced, "avx2") == 0 && i == 0)))
            continue;
        if (lanes_has(levels[i]) && lanes_self_test(levels[i]))
            chosen = levels[i];
    }
}

const lanes_level *lanes_choose(void)
{
    pthread_once(&once, choose);
    return chosen;
}
