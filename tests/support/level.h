/*
 * level.h - tests that run once for each level of the inner loops
 * (index/words.h): tests/CMakeLists.txt forces one by MUSTER_SIMD.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SUPPORT_LEVEL_H
#define SUPPORT_LEVEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/error.h"
#include "index/words.h"

/* What a test returns that is skipped. */
#define LEVEL_SKIPPED 77

static inline bool level_is_forced(void)
{
    return getenv("MUSTER_SIMD") != NULL;
}

/* False, and says so, when this processor lacks the level that is forced. One
 * that it has is in use from here on, or the test stops. */
static inline bool level_is_there(void)
{
    const char *level = getenv("MUSTER_SIMD");

    if (level == NULL)
        return true;
    if (!words_has(level)) {
        printf("skipped: this processor has no %s\n", level);
        return false;
    }
    ASSERT(strcmp(words_get()->name, level) == 0);
    return true;
}

#endif
