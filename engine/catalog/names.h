/*
 * names.h - private to room `catalog`: texts to dense numbers and back, and
 * views of them that other threads read while the table grows (names.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CATALOG_NAMES_H
#define CATALOG_NAMES_H

#include "base/base.h"

#define NAMES_NONE UINT32_MAX

typedef struct names_table names_table;

/* Zeroed memory is an empty one. */
typedef struct names {
    names_table *table; /* counted; NULL while nothing was added */
    uint32_t count;     /* of a view: of the moment it was taken */
} names;

void names_release(names *n);
/* What `n` holds now, fixed: names_find, _text and _memory of it run on any
 * thread while `n` grows. Given back with names_release. */
names names_view(const names *n);
/* The number of `text` from 0 on, or NAMES_NONE. */
uint32_t names_find(const names *n, uint64_t seed, muster_text text);
/* `text` must be unknown and `n` no view; its bytes are copied into `a`. */
uint32_t names_add(names *n, arena *a, uint64_t seed, muster_text text);
muster_text names_text(const names *n, uint32_t number);
/* Bytes of the table, without the texts. */
size_t names_memory(const names *n);

#endif
