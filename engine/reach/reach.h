/*
 * reach.h - the door of room `reach`: numbers over several sets.
 *
 *   breakdown.c   users of a set by value of an attribute
 *
 * (Overlap is programs_overlap of room segment.) First form: by exact counts,
 * value after value.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef REACH_REACH_H
#define REACH_REACH_H

#include "catalog/catalog.h"
#include "segment/segment.h"

typedef struct reach_row {
    uint32_t value; /* 0: users for whom the attribute is unknown */
    uint64_t count;
} reach_row;

/* What is to be counted. */
typedef struct reach_question {
    const catalog_attribute *attribute; /* no number */
    muster_text part; /* only values that contain it, whatever the case of
                         ASCII letters; ptr NULL: all, and the unknown */
    program_stop *stop; /* asked value after value; may be NULL */
} reach_question;

/* Counts a program's users by the values of an attribute that `viewer` may
 * read, at the program's now. Values nobody holds have no row. Rows come
 * largest first, equal ones by number, the unknown last; *out is freed with
 * mem_free. Flags have one row, value 1. Cost: one pass over the blocks per
 * value. */
void reach_breakdown(const program *g, const program_state *state,
                     const catalog *names, const scope *viewer,
                     const reach_question *q, reach_row **out,
                     size_t *count, uint64_t *total);

#endif
