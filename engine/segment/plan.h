/*
 * plan.h - a bound expression: names are numbers, combinations are checked,
 * windows are still relative to `now`. Read-only after bind; shared freely
 * between threads. The evaluator resolves a plan against one epoch and one
 * `now` into a flat program (eval.h).
 *
 * Private to room segment.
 */
#ifndef SEGMENT_PLAN_H
#define SEGMENT_PLAN_H

#include "catalog/catalog.h"
#include "identity/identity.h"
#include "segment/ast.h"

typedef enum plan_type {
    PLAN_ALL,
    PLAN_NONE,
    PLAN_AND,      /* children */
    PLAN_OR,       /* children */
    PLAN_NOT,      /* one child: universe minus child */
    PLAN_QUANTITY, /* quantity n of children */
    PLAN_HELD,     /* flag set, or one_of/many_of holds any of `values` */
    PLAN_KNOWN,    /* profile kinds and number: some live value */
    PLAN_NUMBER,   /* some provider's number in [low, high] */
    PLAN_SEEN,     /* event: any of `values` (none listed = any) in window */
    PLAN_COUNT,    /* event: quantity n times over `values` in window */
    PLAN_TOTAL,    /* event: quantity n total over `values` in window */
    PLAN_DAYS,     /* event: on quantity n days */
    PLAN_SPLIT
} plan_type;

/* The smallest and the largest number there is, x 10^4. */
#define PLAN_NUMBER_MAX                                                       \
    (((int64_t)1 << MUSTER_NUMBER_BITS) * MUSTER_NUMBER_SCALE - 1)
#define PLAN_NUMBER_MIN (-PLAN_NUMBER_MAX)

typedef struct plan_node {
    plan_type type;
    const ast_node *ast; /* where it comes from: clause text, caret */
    const ast_node *reference; /* root of an inlined segment: the
                            segment("..") that brought it in, else NULL */
    struct plan_node **children;
    uint32_t child_count;

    uint32_t attribute;        /* catalog numbers */
    attribute_kind kind;
    catalog_grain grain;
    uint32_t cap;
    uint32_t retention_days;
    const uint32_t *values;    /* sorted, distinct; may be empty: for HELD an
                                  empty list holds nobody; for SEEN, COUNT,
                                  TOTAL, DAYS `any_value` tells */
    uint32_t value_count;
    bool any_value;
    const uint32_t *providers; /* sorted, in scope and in `from` */
    uint32_t provider_count;
    ast_window window;         /* WINDOW_NONE = whole retention */
    ast_quantity quantity;
    int64_t n;

    /* PLAN_NUMBER: low and high included, x 10^4. When low_today or
     * high_today is set, that bound is (day of now) * 10^4 added to it. A
     * missing bound is PLAN_NUMBER_MIN or PLAN_NUMBER_MAX. low > high holds
     * nobody. */
    int64_t low;
    int64_t high;
    bool low_today;
    bool high_today;

    identity_split split;
    uint32_t split_from;
    uint32_t split_to;
} plan_node;

/* How the pieces of LANGUAGE.md become plan nodes:
 *   a (flag)                   HELD (flags have no values):
 *                              with value_count 0 and any_value true
 *   a = v, a in (..)           HELD / SEEN with the values that exist
 *   a != v, a not in (..)      AND(KNOWN or SEEN any, NOT HELD/SEEN values)
 *   a has all (v, w)           AND of HELD/SEEN
 *   number comparisons         NUMBER; != is AND(KNOWN, NOT NUMBER); in is OR
 *   is known / is unknown      KNOWN (SEEN any for events) / NOT of it
 *   starts with, contains      HELD/SEEN of every value that matches now
 *   e ... at least n times     COUNT; at most: COUNT with QUANTITY_AT_MOST
 *                              (1..n); exactly likewise
 *   segment("s")               the bound tree of that segment's expression
 *   taxonomy(..)               OR of what is mapped to the node and below it;
 *                              NONE where nothing is
 */
typedef struct plan {
    arena memory;
    plan_node *root;
    ast_tree *tree;          /* owned */
    ast_tree **inlined;      /* trees of referenced segments, owned */
    size_t inlined_count;
    uint64_t catalog_version;
    const uint32_t *universe; /* providers in scope */
    uint32_t universe_count;
    uint32_t node_count;
    bool open; /* names a text that is no value yet, or a pattern */
} plan;

#endif
