/*
 * geo.h - private to room `ingest`: where an address is, from databases in
 * the MaxMind DB form. See geo.c (what is derived), geo_shelf.c (databases
 * that are replaced while they are read) and geo_file.c (one database).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_GEO_H
#define INGEST_GEO_H

#include "ingest/derive.h"

/* An address, shortened to its first 24 bits (IPv4) or 48 (IPv6). */
typedef struct geo_address {
    bool v4;
    uint8_t bytes[6]; /* IPv4: the first three; the rest 0 */
} geo_address;
/* IPv4, IPv6, IPv4 within IPv6 (::ffff:192.0.2.1; 2002::/16 to its /40). False:
 * it is no address. */
bool geo_address_parse(geo_address *out, muster_text text);

/* Databases in their order. */
typedef struct geo_shelf geo_shelf;
int geo_shelf_open(geo_shelf **out, const char *const *paths, size_t count,
                   muster_error *err);
void geo_shelf_free(geo_shelf *s); /* NULL is fine; no reader is left */
typedef void (*geo_say)(void *payload, bool well, const char *line);
/* As muster_derive_refresh. */
size_t geo_shelf_refresh(geo_shelf *s, geo_say say, void *payload);
/* Their kind, type and build date; the number. */
size_t geo_shelf_sources(geo_shelf *s, muster_derive_source *out, size_t most);

/* One thread's view of them, with what it remembers. */
typedef struct geo_reader geo_reader;
geo_reader *geo_reader_new(geo_shelf *s);
void geo_reader_free(geo_reader *r); /* NULL is fine */
/* Goes over to the newest databases. */
void geo_reader_begin(geo_reader *r);
/* As geo_shelf_sources, of those it reads. */
size_t geo_reader_sources(const geo_reader *r, muster_derive_source *out,
                          size_t most);
/* What the databases know of the address: false, with `out` untouched, when
 * none of them has it. Texts are borrowed until the next call. */
bool geo_derive(geo_reader *r, const geo_address *address, derived *out);

#endif
