/*
 * eval.h - one expression, ours against the hand, in the same run.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_EVAL_H
#define BENCH_EVAL_H

#include "bench.h"
#include "hand.h"

#define EVAL_LEAVES 8
#define EVAL_WAYS 2

typedef struct eval_case {
    const char *name;
    const char *text;
    hand_way ways[EVAL_WAYS]; /* the faster one is the peer */
    hand_spec leaves[EVAL_LEAVES];
} eval_case;

typedef struct eval_state {
    world *w;
    hand *h;
} eval_state;

/* Runs a case in the world: median times, answers compared. */
bool eval_run(const eval_state *s, const char *name, const eval_case *c,
              const bench_options *options, report *out);
/* What every evaluation bench does first: freed memory stays with the
 * process, so that CRoaring is not measured while the kernel clears pages. */
void eval_keep_memory(void);

#endif
