/*
 * population.h - a random population, told twice: as statements to the slow
 * twin, and as NDJSON to be fed to the engine. The same seed gives the same.
 *
 * It has a small catalog with all five kinds (day and hour grain, small caps
 * and retentions, TTLs everywhere), providers of all parties, users with one
 * or two ids, and records that set, replace, add, remove, clear and happen,
 * at bucket edges more often than chance would have it. Some users opt out,
 * come back, or are forgotten between feeds.
 *
 * Patterned populations are for large sizes: each attribute fills ranges,
 * every n-th, all, or a random share of the users, so that planes become
 * runs, bitsets and arrays.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SUPPORT_POPULATION_H
#define SUPPORT_POPULATION_H

#include "base/base.h"
#include "naive/naive.h"

enum {
    POPULATION_ATTRIBUTES_MAX = 14,
    POPULATION_PROVIDERS_MAX = 5,
    POPULATION_VALUES_MAX = 8,
    POPULATION_NUMBERS_MAX = 10,
    POPULATION_FEEDS_MAX = 5,
    POPULATION_ACTS_MAX = 12
};

typedef struct population_attribute {
    char name[24];
    naive_kind kind;
    bool dates;
    bool hourly;
    bool amount;
    uint32_t cap;
    uint32_t retention_days;
    uint32_t ttl_hours;
    const char *values[POPULATION_VALUES_MAX];
    uint32_t value_count;
    int64_t numbers[POPULATION_NUMBERS_MAX];
    uint32_t number_count;
} population_attribute;

typedef struct population_provider {
    char name[24];
    int party;
    uint32_t ttl_hours;
} population_provider;

/* What is done between two feeds. */
typedef enum population_act_type {
    ACT_OPTOUT,
    ACT_UNDO,
    ACT_FORGET
} population_act_type;
typedef struct population_act {
    population_act_type type;
    uint32_t user;
    char space[24]; /* the id that names the user: one that was known */
    char id[24];    /* by then */
} population_act;

typedef struct population_feed {
    muster_time now;
    buffer bytes; /* NDJSON */
    uint64_t records;
    uint64_t forgotten; /* records that are refused for it */
    size_t statements;  /* of the twin, when the feed has ended */
    population_act acts[POPULATION_ACTS_MAX]; /* after the feed */
    uint32_t act_count;
} population_feed;

typedef struct population_user population_user;

typedef struct population {
    random_state random;
    naive *twin;
    uint32_t users;
    population_attribute attributes[POPULATION_ATTRIBUTES_MAX];
    uint32_t attribute_count;
    population_provider providers[POPULATION_PROVIDERS_MAX];
    uint32_t provider_count;
    buffer catalog; /* the file that declares them */
    population_feed feeds[POPULATION_FEEDS_MAX];
    uint32_t feed_count;
    population_user *who;
} population;

typedef struct population_options {
    uint64_t seed;
    uint32_t users;
    uint32_t feeds;   /* 1..POPULATION_FEEDS_MAX */
    uint32_t records; /* per user, on average, over all feeds */
    bool patterned;
} population_options;

void population_init(population *p, const population_options *options);
void population_release(population *p);

/* The id that names the user since its first record: "cookie:u7"; false when
 * there was none. `out` >= 24 bytes. */
bool population_primary(const population *p, uint32_t user, char *space,
                        char *id);
/* Any id the engine knows or, where there is none, one it does not. */
void population_any_id(population *p, uint32_t user, char *space, char *id);

#endif
