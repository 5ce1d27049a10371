/*
 * population_internal.h - what the files of a random population share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SUPPORT_POPULATION_INTERNAL_H
#define SUPPORT_POPULATION_INTERNAL_H

#include "support/population.h"

enum { KNOWN_COOKIE = 1, KNOWN_CUSTOMER = 2 };

struct population_user {
    uint8_t known;   /* ids the engine has met */
    uint8_t primary; /* the first id of its first record; 0 = no record yet */
    bool opted_out;
    bool forgotten;
};

/* A time near `t`, often the first or last second of a day or an hour. */
muster_time population_edge(random_state *r, muster_time t);
/* One of the known ids: cookie when that bit is set, else customer. */
void population_id(uint32_t user, uint32_t known, char *space, char *id);
/* Writes a random record of the user and tells the twin the same. */
void population_record(population *p, population_feed *feed, uint32_t user);
/* A record of the attributes whose pattern takes the user. */
void population_pattern_record(population *p, population_feed *feed,
                               uint32_t user);

#endif
