/*
 * geo_file.h - private to room `ingest`: one database in the MaxMind DB form,
 * checked whole and read-only. See geo_file.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_GEO_FILE_H
#define INGEST_GEO_FILE_H

#include "ingest/geo.h"

/* The attributes that follow from an address are the first of the list. */
#define GEO_COUNT (MUSTER_GEO_ASN + 1)

/* What one record of a database says. */
typedef struct geo_record {
    uint32_t known;
    muster_text texts[GEO_COUNT]; /* in the database or in `own` */
    int64_t number;               /* of MUSTER_GEO_ASN */
    char own[56];
} geo_record;

typedef struct geo_file geo_file;
/* From a file: MUSTER_EIO "io", MUSTER_ELIMIT "too_large",
 * MUSTER_ECORRUPT "bad_database", MUSTER_EINVAL "nothing_derived"; the message
 * says why and of which file. */
int geo_file_open(geo_file **out, const char *path, muster_error *err);
/* From bytes, which are copied; `name` is what messages call them. */
int geo_file_open_bytes(geo_file **out, const char *name, const void *bytes,
                        size_t len, muster_error *err);
/* Files are counted: one for who opened it. Any thread. */
geo_file *geo_file_retain(geo_file *f);
void geo_file_release(geo_file *f); /* NULL is fine */

const char *geo_file_type(const geo_file *f);
muster_time geo_file_built(const geo_file *f);
/* The attributes that some record of it has. */
uint32_t geo_file_open_set(const geo_file *f);
/* Where the record of the address is. Any thread; some 100 ns. */
bool geo_file_find(const geo_file *f, const geo_address *address,
                   uint32_t *offset);
/* What the record says. Any thread; some 500 ns. Its texts are borrowed from
 * the file and from `out`, which must stay where it is. */
void geo_file_read(const geo_file *f, uint32_t offset, geo_record *out);

#endif
