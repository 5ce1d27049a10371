/*
 * names.h - private to room `catalog`: texts to dense numbers and back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CATALOG_NAMES_H
#define CATALOG_NAMES_H

#include "base/base.h"

#define NAMES_NONE UINT32_MAX

typedef struct names_entry {
    const char *ptr; /* in the arena, NUL-terminated */
    uint32_t len;
    uint32_t hash;
} names_entry;

/* Zeroed memory is an empty one. */
typedef struct names {
    names_entry *entries;
    size_t capacity;
    uint32_t count;
    uint32_t slot_count; /* a power of two, or 0 */
    uint32_t *slots;     /* number + 1; 0 = free */
} names;

void names_release(names *n);
/* The number of `text` from 0 on, or NAMES_NONE. */
uint32_t names_find(const names *n, uint64_t seed, muster_text text);
/* `text` must be unknown; its bytes are copied into `a`. */
uint32_t names_add(names *n, arena *a, uint64_t seed, muster_text text);
muster_text names_text(const names *n, uint32_t number);

#endif
