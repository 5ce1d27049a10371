/*
 * table.h - plane keys to dense numbers: open addressing, grows by doubling.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_TABLE_H
#define INDEX_TABLE_H

#include "index/layer.h"

typedef struct key_table {
    plane_key *keys; /* by number */
    size_t count;
    size_t key_capacity;
    uint32_t *slots; /* number + 1; 0 = free */
    size_t slot_count;
    uint32_t last; /* number of the key asked for last */
} key_table;

void key_table_init(key_table *t);
void key_table_release(key_table *t);
void key_table_clear(key_table *t); /* keeps memory */
/* The number of a key; *fresh: it was added. */
uint32_t key_table_put(key_table *t, const plane_key *key, bool *fresh);
size_t key_table_bytes(const key_table *t); /* heap bytes held */
/* UINT32_MAX when missing. */
uint32_t key_table_find(const key_table *t, const plane_key *key);
/* The numbers in the order in which a directory has their keys; to be
 * freed. */
uint32_t *key_table_order(const key_table *t);

#endif
