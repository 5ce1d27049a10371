/*
 * eval.h - a plan resolved against one state and one `now`: a formula over
 * planes (index/formula.h), read-only, read in three ways that agree.
 *
 *   count     every block, counting as it goes
 *   set       every block, rows handed out
 *   decision  the same formula for one row
 *
 * Private to room segment; the door has the rest.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SEGMENT_EVAL_H
#define SEGMENT_EVAL_H

#include "segment/plan.h"
#include "segment/segment.h"

/* The program of one node of the plan (a clause, an explanation). Masks hold
 * there too. */
program *program_of_node(const plan *p, const plan_node *node,
                         const program_state *state);

/* Is whoever the node holds in the universe, whatever the data? */
bool plan_is_inside(const plan_node *node);

/* A window in buckets of the grain, both ends included, clamped to the
 * retention and to now; false when nothing is left. */
bool plan_window(const plan_node *node, muster_time now, uint32_t *from,
                 uint32_t *to);
/* The same as seconds: first and last. */
bool plan_window_times(const plan_node *node, muster_time now,
                       muster_time *from, muster_time *to);

#endif
