/*
 * program.h - what a program is made of; shared by compile and run (eval.h).
 *
 *   compile.c  plan to a formula over leaves
 *   eval.c     the formula over all blocks, and for one row
 *   sample.c   the formula over some rows of each block
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SEGMENT_PROGRAM_H
#define SEGMENT_PROGRAM_H

#include "segment/eval.h"

/* A split of the plan: who is in it is told by the primary pseudonym. */
typedef struct split_test {
    const plan_node *node;
    const dictionary *ids;
    struct split_test *next;
} split_test;

struct program {
    program_state state;
    formula *formula;
    index_leaf **leaves; /* under the formula */
    uint32_t leaf_count;
    size_t leaf_capacity;
    split_test *splits;
    uint32_t counted; /* atomic: how often, up to 2 */
};

static inline uint32_t block_total(const program *g)
{
    return g->state.rows / BLOCK_ROWS + (g->state.rows % BLOCK_ROWS != 0);
}

/* It is about to be counted: asked a second time, what it wished for is warm
 * (resident.h). */
void program_note_asked(const program *g);

#endif
