/*
 * reach.h - the door of room `reach`: numbers over several sets.
 *
 *   breakdown.c   users of a set by value of an attribute
 *   sources.c     providers beside each other: reach, freshness,
 *                 contradictions, agreement
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

/* ---- providers beside each other (sources.c says what is counted) ---- */

/* Each has a register of a bit a user, and four of a block. */
#define REACH_SOURCES_MAX 64u
/* Values of the attribute that is the truth: a counter for each and source. */
#define REACH_TRUTH_VALUES_MAX 10000u
/* Events of the last so many days are told apart. */
#define REACH_AGES 3
extern const uint32_t reach_age_days[REACH_AGES];

typedef struct reach_of_attribute {
    uint32_t attribute;
    uint64_t users; /* with a fact of the source */
    uint64_t facts;
    uint64_t contradicted; /* one_of: users of whom another says another */
} reach_of_attribute;
typedef struct reach_agreement {
    uint64_t said;  /* by the source, of users of whom the truth speaks */
    uint64_t truth; /* the truth says it, of users of whom the source speaks */
    uint64_t both;
} reach_agreement;
typedef struct reach_source {
    uint32_t provider;
    uint64_t users; /* with any fact of it */
    uint64_t only;  /* and none of another provider in scope */
    uint64_t facts; /* of profile attributes ... */
    uint64_t ending; /* ... that end within 30 days, unless said again */
    uint64_t events; /* a user, an event attribute, a day or an hour */
    uint64_t recent[REACH_AGES]; /* of these, in the last days */
    muster_time oldest; /* when the oldest bucket of them begins; 0: none */
    muster_time newest;
    reach_of_attribute *attributes; /* by number; those with a user */
    size_t attribute_count;
    size_t attribute_capacity;
    reach_agreement *values; /* by value of the truth, 0 unused; or NULL */
} reach_source;

typedef struct reach_sources_question {
    const uint32_t *providers; /* each a source; at most REACH_SOURCES_MAX */
    uint32_t count;
    const uint32_t *others; /* others in scope; none of those */
    uint32_t other_count;
    const catalog_attribute *truth; /* one_of, of no more than
                                       REACH_TRUTH_VALUES_MAX; or NULL */
    uint32_t truth_source; /* whose word is the truth: number of a source */
    program_stop *stop;    /* asked block after block; may be NULL */
} reach_sources_question;

/* Fills a source for each provider, at the program's now; `everyone` is a
 * program of all whom the viewer sees. Each plane is read once (those that can
 * end and those of the truth twice), attribute after attribute. Memory: two
 * bits a user for each source, and some 5 MB, however many values there are. */
void reach_sources(const program *everyone, const program_state *state,
                   const catalog *names, const reach_sources_question *q,
                   reach_source *out);
void reach_sources_release(reach_source *sources, size_t count);

#endif
