/*
 * generate.h - a made-up population, written as records that `load` reads.
 *
 *   generate.c           draws users and their records, block by block
 *   generate_world.c     what exists: places, devices, interests, pages
 *   generate_alias.c     drawing by weight in one step
 *   generate_record.c    ids, times and ready pieces of text
 *   generate_ndjson.c    a record as bytes; so do generate_csv.c and
 *                        generate_msgpack.c
 *
 * The same seed, users, days and now give the same bytes on every machine:
 * only integers decide. docs/generate.md tells what the population is like.
 *
 * Cost: about a microsecond per user; memory does not grow with the users.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GENERATE_H
#define GENERATE_H

#include <stdio.h>
#include <muster/error.h>

/* Events are kept 400 days unless declared otherwise; ten days are left for
 * files that are loaded later than they were made. */
#define GENERATE_DAYS_MAX 390u
#define GENERATE_USERS_MAX 4000000000ull

typedef enum generate_format {
    GENERATE_NDJSON,
    GENERATE_CSV,
    GENERATE_MSGPACK
} generate_format;

typedef struct generate_options {
    uint64_t users;
    uint64_t seed;
    uint32_t days;   /* 1..GENERATE_DAYS_MAX: facts lie in [now - days, now) */
    muster_time now;
    generate_format format;
    FILE *out;
    /* Called after each block of users; a non-zero return stops. NULL: no. */
    int (*progress)(void *payload, uint64_t users, uint64_t bytes);
    void *payload;
} generate_options;

/* What was written; facts as a receipt counts them. */
typedef struct generate_totals {
    uint64_t users;
    uint64_t records;
    uint64_t facts;
    uint64_t bytes;
} generate_totals;

/* MUSTER_EINVAL (options), MUSTER_EIO (the output), MUSTER_ECANCELLED. */
int generate_run(const generate_options *options, generate_totals *totals,
                 muster_error *err);

/* The catalog file that declares all that the records say. */
const char *generate_catalog(void);

#endif
