/*
 * ast.h - the tree of a segment expression as written, before names are
 * looked up. Made by the parser or from JSON, printed as canonical text or
 * JSON. All nodes live in the tree's arena; the tree is read-only once made.
 *
 * Private to room segment and the naive twin in tests.
 */
#ifndef SEGMENT_AST_H
#define SEGMENT_AST_H

#include <muster/limits.h>
#include "base/base.h"

typedef enum ast_type {
    AST_ALL,
    AST_NONE,
    AST_AND,       /* children >= 2 */
    AST_OR,        /* children >= 2 */
    AST_NOT,       /* one child */
    AST_QUANTITY,  /* quantity of (children >= 1) */
    AST_SEGMENT,   /* text = key */
    AST_SPLIT,     /* text = salt, split_from..split_to */
    AST_TAXONOMY,  /* text = node id or path */
    AST_PREDICATE
} ast_type;

typedef enum ast_compare {
    COMPARE_NONE,
    COMPARE_EQ,
    COMPARE_NE,
    COMPARE_IN,
    COMPARE_NOT_IN,
    COMPARE_LT,
    COMPARE_LE,
    COMPARE_GT,
    COMPARE_GE,
    COMPARE_BETWEEN, /* values[0] and values[1] */
    COMPARE_HAS_ALL,
    COMPARE_KNOWN,
    COMPARE_UNKNOWN,
    COMPARE_STARTS_WITH,
    COMPARE_CONTAINS
} ast_compare;

typedef enum ast_quantity {
    QUANTITY_NONE,
    QUANTITY_AT_LEAST,
    QUANTITY_AT_MOST,
    QUANTITY_EXACTLY
} ast_quantity;

typedef enum ast_measure {
    MEASURE_NONE,
    MEASURE_TIMES, /* quantity times */
    MEASURE_TOTAL, /* quantity total */
    MEASURE_DAYS   /* on quantity days */
} ast_measure;

/* A date as written: a fixed day, a fixed moment, or today + n days. */
typedef enum ast_date_type { DATE_DAY, DATE_TIME, DATE_TODAY } ast_date_type;
typedef struct ast_date {
    ast_date_type type;
    muster_day day;     /* DATE_DAY */
    muster_time time;   /* DATE_TIME */
    int32_t offset;     /* DATE_TODAY: days, may be negative */
} ast_date;

/* A value in a comparison. A quoted text that has the form of a date or of
 * RFC 3339 stays VALUE_STRING; bind decides by the attribute (a number with
 * unit date reads it as a date). `today + n days` is VALUE_DATE. */
typedef enum ast_value_type {
    VALUE_STRING,
    VALUE_NUMBER,
    VALUE_DATE
} ast_value_type;
typedef struct ast_value {
    ast_value_type type;
    muster_text text;   /* VALUE_STRING: decoded */
    int64_t number;     /* VALUE_NUMBER: x 10^4 */
    ast_date date;      /* VALUE_DATE */
    uint32_t offset;    /* place in the source text */
    uint32_t length;
} ast_value;

typedef enum ast_window_type {
    WINDOW_NONE,
    WINDOW_HOURS, /* within n hours */
    WINDOW_DAYS,  /* within n days (weeks are kept in `weeks`) */
    WINDOW_SINCE, /* from */
    WINDOW_BETWEEN /* from..to, both included */
} ast_window_type;
typedef struct ast_window {
    ast_window_type type;
    uint32_t n;      /* hours, or days (weeks already x 7) */
    bool weeks;      /* written as weeks: n is a multiple of 7 */
    ast_date from;
    ast_date to;
} ast_window;

typedef enum ast_source_type {
    SOURCE_ANY,
    SOURCE_PROVIDER,
    SOURCE_PARTY
} ast_source_type;

/* A piece of the source text; 0,0 when there is none. */
typedef struct ast_place {
    uint32_t offset;
    uint32_t length;
} ast_place;

typedef struct ast_node {
    ast_type type;
    uint32_t offset; /* place in the source text; 0,0 from JSON */
    uint32_t length;
    struct ast_node **children;
    uint32_t child_count;
    bool parens;     /* was written in parentheses (lint looks at it) */

    /* AST_QUANTITY, and frequency of AST_PREDICATE */
    ast_quantity quantity;
    int64_t n;

    muster_text text;       /* SEGMENT, SPLIT, TAXONOMY */
    int32_t split_from;
    int32_t split_to;

    /* AST_PREDICATE */
    muster_text attribute;
    uint32_t attribute_offset;
    ast_compare compare;
    ast_value *values;
    uint32_t value_count;
    ast_measure measure;
    ast_window window;
    ast_source_type source;
    muster_text provider;   /* SOURCE_PROVIDER */
    int party;              /* SOURCE_PARTY: 1, 2, 3 */
    uint32_t source_offset;
    ast_place compare_place; /* operator and values */
    ast_place measure_place; /* the quantity */
    ast_place window_place;
} ast_node;

typedef struct ast_tree {
    arena memory;
    ast_node *root;
    char *source;      /* copy of the text, "" from JSON */
    size_t source_len;
    uint32_t node_count;
} ast_tree;

#endif
