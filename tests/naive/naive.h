/*
 * naive.h - the slow twin: LANGUAGE.md read once more, by someone who has
 * never seen the engine.
 *
 * It keeps what providers said as a plain array of statements in the order in
 * which they were said, and answers an expression by walking them, user by
 * user. No planes, no layers, no merging, no catalog. It shares the parser
 * (ast.h, segment_parse) and room base with the engine, and nothing else; so
 * where both agree on random data, both are right or both misread the
 * language.
 *
 * It trusts its input: statements that ingest would refuse, and combinations
 * that bind would refuse, are not for it. `split` and `taxonomy` are not
 * answered (an assertion).
 *
 * Cost: every leaf of an expression walks all statements of each user.
 * Threads: one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NAIVE_NAIVE_H
#define NAIVE_NAIVE_H

#include <stdbool.h>
#include "base/base.h"
#include "segment/ast.h"

#define NAIVE_TTL_UNSET UINT32_MAX /* hours; 0 = never expires */
#define NAIVE_NEVER INT64_MAX
#define NAIVE_PROVIDERS_MAX 32u

typedef enum naive_kind {
    NAIVE_FLAG,
    NAIVE_ONE_OF,
    NAIVE_MANY_OF,
    NAIVE_NUMBER,
    NAIVE_EVENT
} naive_kind;

typedef struct naive_attribute {
    const char *name; /* borrowed, as all texts here */
    naive_kind kind;
    bool dates;       /* number of unit date: days x 10^4 */
    uint32_t ttl_hours;
    bool hourly;      /* event: grain hour, else day */
    uint32_t cap;
    uint32_t retention_days;
} naive_attribute;

typedef struct naive_provider {
    const char *name;
    int party; /* 1, 2, 3 */
    uint32_t ttl_hours;
} naive_provider;

typedef enum naive_op {
    NAIVE_SAY,     /* flag true; one_of, number: this value; replaces */
    NAIVE_ADD,     /* many_of: this value as well */
    NAIVE_TAKE,    /* `remove`: this value no longer */
    NAIVE_CLEAR,   /* clear, set null, flag false, an array before its values */
    NAIVE_HAPPEN   /* event */
} naive_op;

typedef struct naive_statement {
    uint32_t user;
    uint32_t provider;
    uint32_t attribute;
    naive_op op;
    muster_text value; /* ptr NULL: none */
    int64_t number;    /* x 10^4 */
    muster_time ts;    /* of the record; of the event where it has one */
    uint32_t ttl_hours; /* of the record */
    uint32_t count;    /* event */
    int64_t amount;    /* event, x 10^4 */
    muster_time until; /* set by naive_say: last second of its own life */
} naive_statement;

typedef struct naive naive;

naive *naive_new(uint32_t users);
void naive_free(naive *n);
/* Numbers of attributes and providers are given from 0 on. */
uint32_t naive_add_attribute(naive *n, const naive_attribute *attribute);
uint32_t naive_add_provider(naive *n, const naive_provider *provider);
/* In log order; all attributes and providers come first. */
void naive_say(naive *n, const naive_statement *statement);
/* Opted out or forgotten. */
void naive_mask(naive *n, uint32_t user, bool masked);
/* The expression behind segment("key"); the tree is borrowed. */
void naive_add_segment(naive *n, const char *key, const ast_node *root);

uint32_t naive_users(const naive *n);
size_t naive_statement_count(const naive *n);
const naive_statement *naive_statement_at(const naive *n, size_t i);

/* members[i]: is user `first + i` in the expression at `now`? */
void naive_answer(naive *n, const ast_node *root, muster_time now,
                  uint32_t first, uint32_t count, bool *members);
bool naive_has(naive *n, const ast_node *root, muster_time now,
               uint32_t user);
bool naive_in_universe(naive *n, uint32_t user, muster_time now);
/* Of those who are not masked. */
uint64_t naive_universe_count(naive *n, muster_time now);

#endif
