/*
 * device_house.h - the packaged rules of uap-core, open for all tests of a
 * program.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_INGEST_DEVICE_HOUSE_H
#define TESTS_INGEST_DEVICE_HOUSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest/device_cases.h"

static device_rules *rules;

static inline int setup(void **state)
{
    muster_error err;
    (void)state;
    if (device_open(&rules, NULL, &err) == 0)
        return 0;
    print_message("no rules: %s\n", err.message);
    return -1;
}

static inline int teardown(void **state)
{
    (void)state;
    device_free(rules);
    return 0;
}

#endif
