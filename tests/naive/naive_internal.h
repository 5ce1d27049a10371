/*
 * naive_internal.h - what the two files of the slow twin share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NAIVE_INTERNAL_H
#define NAIVE_INTERNAL_H

#include "naive/naive.h"

typedef struct naive_segment {
    muster_text key;
    const ast_node *root;
} naive_segment;

struct naive {
    uint32_t user_count;
    bool *masked;
    muster_time *latest; /* end of the longest-lived saying of each user */
    naive_attribute *attributes;
    uint32_t attribute_count;
    size_t attribute_capacity;
    naive_provider *providers;
    uint32_t provider_count;
    size_t provider_capacity;
    naive_statement *statements; /* in log order */
    size_t statement_count;
    size_t statement_capacity;
    naive_segment *segments;
    size_t segment_count;
    size_t segment_capacity;
    naive_statement *order; /* the same by user */
    size_t *first;
    bool sorted;
};

/* A question at a time, for users first..first + count - 1. */
typedef struct asking {
    naive *n;
    muster_time now;
    uint32_t first;
    uint32_t count;
} asking;

/* An AST_PREDICATE. */
void naive_eval_leaf(const asking *a, const ast_node *node, bool *in);

#endif
