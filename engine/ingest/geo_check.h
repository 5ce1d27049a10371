/*
 * geo_check.h - private to room `ingest`: is a database in the MaxMind DB form
 * whole? See geo_check.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_GEO_CHECK_H
#define INGEST_GEO_CHECK_H

#include "base/base.h"

#define GEO_TYPE_BYTES_MAX 63u
/* The 16 zero bytes between the tree and the data. */
#define GEO_GAP 16u

/* A database whose every part was found to be within bounds. */
typedef struct geo_layout {
    const uint8_t *tree;
    uint32_t node_count; /* at least 1 */
    unsigned record_bits; /* 24, 28 or 32 */
    bool v6;
    const uint8_t *data;
    size_t data_len;
    muster_time built;
    char type[GEO_TYPE_BYTES_MAX + 1];
    uint32_t *records; /* offsets in data, each once; owned */
    size_t record_count;
} geo_layout;

/* Checks all of it; the bytes must outlive the layout. MUSTER_ECORRUPT
 * "bad_database" with the reason; then there is nothing to release. */
int geo_check(geo_layout *out, const uint8_t *bytes, size_t len,
              muster_error *err);
void geo_layout_release(geo_layout *l);

/* One side of a node: below node_count a node, node_count nothing, else
 * node_count + GEO_GAP + an offset in the data. */
static inline uint32_t geo_child(const geo_layout *l, uint32_t node, bool right)
{
    const uint8_t *p = l->tree + (size_t)node * (l->record_bits / 4);
    switch (l->record_bits) {
    case 24:
        p += right ? 3 : 0;
        return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    case 28:
        if (right)
            return (uint32_t)(p[3] & 0x0f) << 24 | (uint32_t)p[4] << 16 |
                   (uint32_t)p[5] << 8 | p[6];
        return (uint32_t)(p[3] & 0xf0) << 20 | (uint32_t)p[0] << 16 |
               (uint32_t)p[1] << 8 | p[2];
    default:
        p += right ? 4 : 0;
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
               (uint32_t)p[2] << 8 | p[3];
    }
}

#endif
