/*
 * point.c - see point.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/point.h"

#include <stddef.h>

void (*point_hook)(const char *name) = NULL;
