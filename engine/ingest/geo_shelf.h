/*
 * geo_shelf.h - private to room `ingest`: databases that are replaced while
 * they are read, as who reads them sees it. See geo_shelf.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_GEO_SHELF_H
#define INGEST_GEO_SHELF_H

#include "ingest/geo_file.h"

/* The databases at one moment; read by any thread that holds it. */
typedef struct geo_snapshot {
    uint32_t refs;
    uint64_t number; /* grows, from 1 */
    uint32_t open;   /* attributes that one of them speaks of */
    size_t count;
    geo_file *files[MUSTER_DERIVE_GEO_MAX];
} geo_snapshot;

/* That of the newest snapshot. No lock. */
uint64_t geo_shelf_number(const geo_shelf *s);
/* The newest one; given back by its release. */
geo_snapshot *geo_shelf_take(geo_shelf *s);
void geo_snapshot_release(geo_snapshot *s); /* NULL is fine */
size_t geo_snapshot_sources(const geo_snapshot *s, muster_derive_source *out,
                            size_t most);

#endif
