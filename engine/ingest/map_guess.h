/*
 * map_guess.h - private to room `ingest`: what a sample tells of its fields;
 * for map_guess.c, map_sample.c and map_propose.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_MAP_GUESS_H
#define INGEST_MAP_GUESS_H

#include "ingest/map.h"

#define GUESS_FIELDS_MAX 2000u
#define GUESS_VALUES_MAX 50u /* distinct ones that are kept */
#define GUESS_FORMATS 12u
#define GUESS_MARKS 3u /* of lists: ; | , */

extern const char *const guess_formats[GUESS_FORMATS];
extern const char guess_marks[GUESS_MARKS];

/* Numbers as they are written. */
typedef enum guess_number {
    NUMBER_POINT,      /* 1234.5 */
    NUMBER_POINT_MARK, /* 1,234.5 */
    NUMBER_COMMA,      /* 1234,5 */
    NUMBER_COMMA_MARK, /* 1.234,5 */
    GUESS_NUMBERS
} guess_number;
extern const number_format guess_numbers[GUESS_NUMBERS];

typedef struct guess_field {
    muster_text name; /* of the column, or the path */
    uint32_t rows;    /* in which it holds something */
    uint32_t values;  /* more than rows where it is a list */
    uint32_t emails;
    uint32_t phones;
    uint32_t personal; /* one or the other, or in a longer text */
    uint32_t uuids;
    uint32_t digests; /* 64 hex digits */
    uint32_t whole;   /* integers */
    uint32_t flags;
    uint32_t countries; /* two letters */
    uint32_t dates[GUESS_FORMATS];
    uint32_t numbers[GUESS_NUMBERS];
    uint32_t marked[GUESS_MARKS];
    uint32_t json_numbers;
    uint32_t json_flags;
    uint32_t lists;
    uint32_t objects; /* elements of lists that are objects */
    uint32_t longest;
    word_set distinct; /* the first GUESS_VALUES_MAX */
    word_set parts[GUESS_MARKS];
    uint64_t *hashes; /* of all values, to count the distinct ones */
    size_t hash_capacity;
} guess_field;

typedef struct guess {
    arena memory;
    bool is_csv;
    char separator;
    muster_text each; /* "" = none */
    uint32_t rows;
    guess_field *fields;
    size_t field_count;
    size_t field_capacity;
} guess;

void guess_init(guess *g);
void guess_release(guess *g);
/* The field of that name, made when it is new; NULL when there are too many.
 * Valid until the next call. */
guess_field *guess_field_of(guess *g, muster_text name);
/* One value that is not empty. */
void guess_take(guess *g, guess_field *f, muster_text value);
/* Distinct values of a field. */
size_t guess_distinct(const guess_field *f);
/* What a sample holds, rows up to MUSTER_SAMPLE_ROWS_MAX. MUSTER_EPARSE
 * "bad_sample". */
int guess_sample(guess *g, ingest_format format, muster_text sample,
                 muster_error *err);

#endif
