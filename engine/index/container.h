/*
 * container.h - containers of a plane in portable form, as the layer writer
 * takes them. Private to the room.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_CONTAINER_H
#define INDEX_CONTAINER_H

#include "index/layer.h"

struct container_plan {
    uint32_t key;   /* its block */
    uint32_t first; /* index of its first row, where it is made of rows */
    uint32_t n;     /* rows; at least 1 */
    uint32_t runs;
    uint32_t size; /* bytes */
    bool is_run;
};

/* Chooses the smallest form for the rows [c->first, c->first + c->n) of one
 * block. */
void container_plan_rows(container_plan *c, const uint32_t *rows);
/* Writes c->size bytes. */
void container_write(uint8_t *out, const container_plan *c,
                     const uint32_t *rows);
/* Container i of a plane as it lies: its bytes, and what it is. They are the
 * plane's, or for ever. */
const uint8_t *container_of_view(container_plan *out, const plane_view *v,
                                 uint32_t i);
/* A plane of containers that are there: bytes[i] are plans[i].size bytes, and
 * blocks grow. Those that lie one behind the other are copied together. */
void layer_writer_containers(layer_writer *w, const plane_key *key,
                             const container_plan *plans,
                             const uint8_t *const *bytes, uint32_t n);

#endif
