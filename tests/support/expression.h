/*
 * expression.h - random expressions over a population's catalog, as text.
 *
 * Every form of LANGUAGE.md but `split` and `taxonomy`; only combinations the
 * language has, so each must compile. Values are mostly known ones, sometimes
 * never seen; quantities lie around the caps, windows around the retention.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SUPPORT_EXPRESSION_H
#define SUPPORT_EXPRESSION_H

#include "support/population.h"

#define EXPRESSION_DEPTH_MAX 5

typedef struct expression_options {
    const population *population;
    muster_time now;            /* dates lie around it */
    const char *const *segments; /* keys that may be named */
    size_t segment_count;
    int depth; /* of and, or, not, of: up to EXPRESSION_DEPTH_MAX */
} expression_options;

/* Appends one expression to `out`. */
void expression_put(const expression_options *options, random_state *random,
                    buffer *out);

#endif
