/*
 * eval.h - a plan resolved against one state and one `now`: flat steps over
 * block registers, read-only, run in three ways that agree.
 *
 *   count     every block, counting as it goes
 *   set       every block, rows handed out
 *   decision  the same steps on one row
 *
 * A step works on registers of one block (65,536 rows). No intermediate
 * bitmap of the population exists; registers are 8 KiB and borrow planes
 * where they can. And-chains run cheapest first and stop at an empty
 * register; negations are folded into and-not.
 *
 * A program borrows the index, the dictionary and the plan: none may change
 * while it lives. It is read-only: threads share it, each with its own frame.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SEGMENT_EVAL_H
#define SEGMENT_EVAL_H

#include "index/index.h"
#include "segment/plan.h"

typedef struct program program;

/* What a program is resolved against. */
typedef struct program_state {
    const index_stack *index;
    const dictionary *ids; /* for split: row -> primary pseudonym */
    uint32_t rows;
    muster_time now;
} program_state;

program *program_new(const plan *p, const program_state *state);
/* The program of one node of the plan (a clause, an explanation). Masks hold
 * there too. */
program *program_of_node(const plan *p, const plan_node *node,
                         const program_state *state);
void program_free(program *g);

uint64_t program_count(const program *g);
/* Calls each row in order; a non-zero return ends the walk. */
int program_each(const program *g, int (*each)(void *payload, uint32_t row),
                 void *payload);
bool program_has(const program *g, uint32_t row);

/* Rows that two programs share, for overlaps; n x n counts at once: counts[i
 * * n + j]. One pass over the blocks. */
void programs_overlap(program *const *g, size_t n, uint64_t *counts);

/* A window in buckets of the grain, both ends included, clamped to the
 * retention and to now; false when nothing is left. */
bool plan_window(const plan_node *node, muster_time now, uint32_t *from,
                 uint32_t *to);
/* The same as seconds: first and last. */
bool plan_window_times(const plan_node *node, muster_time now,
                       muster_time *from, muster_time *to);

#endif
