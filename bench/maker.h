/*
 * maker.h - making a world of planes directly, without an engine: one
 * provider, one base layer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_MAKER_H
#define BENCH_MAKER_H

#include "index/layer.h"
#include "world.h"

typedef struct maker {
    world *w;
    uint32_t provider;
    layer_writer out;
} maker;

/* A world of so many rows, nothing known about them yet. */
void maker_init(maker *m, uint64_t rows);
/* Returns the attribute's number. */
uint32_t maker_declare(maker *m, const char *name, attribute_kind kind);
/* The number of a value of the attribute. */
uint32_t maker_value(maker *m, uint32_t attribute, const char *name);
/* What holds for ever. */
plane_key maker_held(uint32_t attribute, uint32_t value);
/* Rows ascending and distinct. */
void maker_put(maker *m, plane_key key, const uint32_t *rows, size_t n);
/* Puts everybody into the universe and returns the world. */
world *maker_finish(maker *m);

#endif
