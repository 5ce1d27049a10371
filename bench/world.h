/*
 * world.h - what expressions are measured on: a catalog and one base layer
 * of planes, at one time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include <muster/muster.h>
#include "segment/segment.h"

typedef struct world {
    catalog *names;
    index_stack *index;
    uint32_t rows;
    muster_time now;
    scope *viewer;
    muster_engine *engine; /* NULL: names, index, forms are owned here */
    index_residents *residents;
} world;

/* The plan of an expression; stops the program when it does not bind. */
plan *world_plan(const world *w, const char *text);
program_state world_state(const world *w);
/* A program of the plan that finds in their resident forms all planes that
 * may have one: asked as often as it takes, the forms made. */
program *world_program(const world *w, const plan *p);
void world_close(world *w);

/* The generated population, loaded; kept until people_release. */
world *people_open(uint64_t users, uint64_t seed);
/* A cookie of the population, i below 100. */
const char *people_cookie(size_t i);

/* Workload W: see w.c. */
world *w_open(uint64_t users, uint64_t seed);

#endif
