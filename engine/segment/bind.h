/*
 * bind.h - what the files of bind share.
 *
 *   bind.c            trees, chains, segments in segments, errors and notes
 *   bind_predicate.c  attributes: which combinations exist, and their nodes
 *   bind_taxonomy.c   taxonomy(..): what is mapped to a node and below it
 *   bind_values.c     texts, numbers and dates to value numbers and ranges
 *
 * Private to room segment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SEGMENT_BIND_H
#define SEGMENT_BIND_H

#include "segment/plan.h"
#include "segment/segment.h"
#include "segment/tree.h"

/* Names compared for suggestions in one bind, so that a long list of unknown
 * values against a million known ones stays fast. */
#define BIND_NEAR_BUDGET 2000000u

/* One segment that is being bound; the outermost has no `outer`. */
typedef struct bind_frame {
    const struct bind_frame *outer;
    muster_text key;
    const ast_node *reference; /* segment("key"); NULL for binding->self */
} bind_frame;

typedef struct binder {
    plan *plan;
    const segment_binding *with;
    segment_diagnostics *notes;
    muster_error *err;
    const bind_frame *frame;   /* innermost */
    const ast_node *outermost; /* reference in the tree that was given;
                                  NULL while in that tree itself */
    muster_text *inlined_keys; /* of plan->inlined, in its memory */
    size_t inlined_capacity;
    uint32_t depth;
    uint32_t near_left;
} binder;

/* Sets the error at a place in the tree being bound. Inside a referenced
 * segment the place is the reference and the message names the segment.
 * Returns NULL, for the caller to return. */
void *bind_fail(binder *b, uint32_t offset, uint32_t length, const char *word,
                const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same as a warning to the notes; NULL when none are wanted (or kept),
 * else the note, to add a suggestion. */
muster_error *bind_warn(binder *b, uint32_t offset, uint32_t length,
                        const char *word, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* A node of the plan, counted; NULL with an error when there are too many. */
plan_node *bind_node(binder *b, plan_type type, const ast_node *ast);
/* A node over children that are all set; takes over the array. */
plan_node *bind_group(binder *b, plan_type type, const ast_node *ast,
                      plan_node **children, uint32_t count);
/* NOT child; NULL stays NULL. */
plan_node *bind_not(binder *b, const ast_node *ast, plan_node *child);
/* AND of two; NULL when either is. */
plan_node *bind_both(binder *b, const ast_node *ast, plan_node *first,
                     plan_node *second);

plan_node *bind_predicate(binder *b, const ast_node *ast);
plan_node *bind_taxonomy(binder *b, const ast_node *call);

/* ---- bind_values.c ---- */

/* Value numbers of the listed texts, sorted and distinct, in *out and
 * *out_count; an unknown one is a warning. */
bool bind_values(binder *b, const ast_node *ast,
                 const catalog_attribute *attribute, const uint32_t **out,
                 uint32_t *out_count);
/* One text. */
bool bind_value(binder *b, const ast_node *ast,
                const catalog_attribute *attribute, const ast_value *value,
                const uint32_t **out, uint32_t *out_count);
/* Every value that starts with, or contains, the text. */
bool bind_matches(binder *b, const ast_node *ast,
                  const catalog_attribute *attribute, const uint32_t **out,
                  uint32_t *out_count);

/* A bound of PLAN_NUMBER: `number` (x 10^4), plus the day of now x 10^4. */
typedef struct bind_bound {
    int64_t number;
    bool today;
} bind_bound;
bool bind_number(binder *b, const ast_node *ast,
                 const catalog_attribute *attribute, const ast_value *value,
                 bind_bound *out);
bind_bound bind_date(const ast_date *date);

#endif
