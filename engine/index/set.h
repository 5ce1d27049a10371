/*
 * set.h - sets of rows being built and merged. set.c is the only file of
 * Muster that calls CRoaring; its contract (no readers while one writes, no
 * guarantee after a failed allocation) is kept here.
 *
 * Aliasing is allowed everywhere. Sets grow in memory; planes at rest are the
 * portable bytes set_encode gives. One thread per set.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_SET_H
#define INDEX_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index/block.h"

typedef struct roaring_bitmap_s set;

set *set_new(void);
void set_free(set *s); /* NULL is fine */
set *set_copy(const set *s);
/* From rows in ascending order (equal neighbours are fine). */
set *set_of_rows(const uint32_t *rows, size_t n);
/* From portable bytes that are known to be good. */
set *set_of_bytes(const uint8_t *bytes, size_t len);
void set_add(set *s, uint32_t row);
void set_add_range(set *s, uint64_t first, uint64_t end); /* end excluded */
bool set_has(const set *s, uint32_t row);
uint64_t set_count(const set *s);
bool set_is_empty(const set *s);
bool set_equal(const set *a, const set *b);
void set_or(set *a, const set *b);     /* a |= b */
void set_and(set *a, const set *b);    /* a &= b */
void set_andnot(set *a, const set *b); /* a &= ~b */
void set_xor(set *a, const set *b);    /* a ^= b */
set *set_and_new(const set *a, const set *b);
bool set_intersects(const set *a, const set *b);

/* Portable bytes: size, then writing exactly that many. set_shrink first
 * (run-length forms where smaller). */
void set_shrink(set *s);
size_t set_encoded_size(const set *s);
void set_encode(const set *s, uint8_t *out);
/* Are these bytes one whole valid bitmap (bounds, order, cardinalities)?
 * With a library too old to validate: bounds only. */
bool set_check(const uint8_t *bytes, size_t len);
#endif
