/*
 * dice.c - how large a random test is: the variables of dice.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "base/error.h"

uint64_t test_size(uint64_t usual, uint64_t largest)
{
    const char *wide = getenv("MUSTER_TEST_LONG");
    const char *scale = getenv("MUSTER_TEST_SCALE");
    if (wide != NULL && strcmp(wide, "1") == 0)
        return largest;
    if (scale == NULL || *scale == '\0')
        return usual;
    char *end = NULL;
    const double percent = strtod(scale, &end);
    ASSERT(end != scale && *end == '\0' && percent >= 0);
    const double size = (double)usual * percent / 100;
    return size < 1 ? 1 : (uint64_t)size;
}

bool test_seed(uint64_t *out)
{
    const char *seed = getenv("MUSTER_TEST_SEED");
    if (seed == NULL || *seed == '\0')
        return false;
    char *end = NULL;
    *out = strtoull(seed, &end, 0);
    ASSERT(end != seed && *end == '\0');
    return true;
}

void test_each_seed(void (*run)(uint64_t seed), uint64_t count)
{
    uint64_t seed;
    if (test_seed(&seed)) {
        run(seed);
        return;
    }
    print_message("seeds 1 to %llu\n", (unsigned long long)count);
    for (seed = 1; seed <= count; seed++)
        run(seed);
}
