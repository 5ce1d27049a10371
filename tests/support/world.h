/*
 * world.h - a random population in an engine, with its slow twin, and random
 * questions to both.
 *
 * A world follows from its seed: the population (population.h), fed to a new
 * data directory through the public API in one to five feeds, with opt-outs,
 * checkpoints and reopenings between them, and three saved segments. A seed
 * below 2^32 is a small population, above it the upper half chooses an edge
 * size. A disagreement prints all that is needed to see it, and its seed:
 * MUSTER_TEST_SEED=<seed> runs that one alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SUPPORT_WORLD_H
#define SUPPORT_WORLD_H

#include "segment/segment.h"
#include "support/dice.h"
#include "support/house.h"
#include "support/population.h"

#define WORLD_SEGMENTS 3
#define WORLD_EDGES 7 /* 4095, 4096, 4097, 65535, 65536, 65537, 200000 */

typedef struct named named;

typedef struct world {
    uint64_t seed;
    bool large;
    random_state random;
    population people;
    house house;
    ast_tree *segments[WORLD_SEGMENTS]; /* "s0", "s1", "s2" */
    size_t segment_count;
    named *names; /* hash table by pseudonym: those with a record */
    size_t name_mask;
    bool *expected; /* by user: the twin's answer to the last question */
    bool *got;      /* by user: for the test's own use */
} world;

void world_init(world *w, uint64_t seed);
void world_release(world *w);
/* The seed of the i-th world of edge sizes. */
uint64_t world_edge_seed(uint64_t i);
/* A time around the last feed, up to when everything has expired. */
muster_time world_draw_now(world *w);
/* Whose primary pseudonym is it? UINT32_MAX: nobody's. */
uint32_t world_user_of(const world *w, const muster_pseudonym *p);

/* One expression at the engine's present time. */
typedef struct question {
    world *w;
    muster_time now;
    buffer text;
    ast_tree *tree;
    muster_segment *segment;
    uint64_t expected; /* how many of w->expected */
} question;

/* A random expression, compiled and answered by the twin. */
void question_init(question *q, world *w);
void question_release(question *q);
/* How many users the twin finds in an expression at the question's time. */
uint64_t question_count(const question *q, const ast_node *root);
/* Prints and fails the test. `user`: whose statements to show, or
 * UINT32_MAX. */
void question_disagree(const question *q, uint32_t user, const char *what,
                       uint64_t expected, uint64_t got);
/* Fails when a call that must not fail did. */
void question_must(const question *q, int code, const muster_error *err,
                   const char *what);

#endif
