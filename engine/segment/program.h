/*
 * program.h - the steps of a program; shared by compile and run (eval.h).
 *
 *   compile.c  plan to steps
 *   eval.c     steps over blocks and rows
 *
 * Register r of a frame holds a block_ref; steps read and write registers.
 * Registers form a stack: a node's result goes to r, its temporaries to r + 1
 * and above.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SEGMENT_PROGRAM_H
#define SEGMENT_PROGRAM_H

#include "segment/eval.h"

typedef enum step_op {
    STEP_NONE,       /* r = nobody */
    STEP_LEAF,       /* r = leaf */
    STEP_AND,        /* r = r and r + 1 */
    STEP_ANDNOT,     /* r = r and not r + 1 */
    STEP_OR,         /* r = r or r + 1 */
    STEP_JUMP_EMPTY, /* r holds nobody: go to `target` */
    STEP_SPLIT,      /* r = those of r whose split bucket is in the range */
    STEP_TALLY_ZERO, /* counter `target` = 0 */
    STEP_TALLY_ADD,  /* counter `target` += r */
    STEP_TALLY_END   /* r = rows whose counter is in [low, high] */
} step_op;

typedef struct step {
    step_op op;
    uint32_t r;
    uint32_t target;
    const index_leaf *leaf;
    uint32_t leaf_number;
    const plan_node *split;
    uint32_t low;
    uint32_t high;
} step;

struct program {
    program_state state;
    step *steps;
    uint32_t step_count;
    size_t step_capacity;
    index_leaf **leaves;
    uint32_t leaf_count;
    size_t leaf_capacity;
    uint32_t register_count;
    uint32_t tally_count;
    uint32_t tally_bits; /* slices of each counter */
};

#endif
