/*
 * internal.h - private to room `catalog`: what its files share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CATALOG_INTERNAL_H
#define CATALOG_INTERNAL_H

#include "catalog/catalog.h"
#include "catalog/names.h"

/* Longest duration that text_parse_duration reads, in hours. */
#define CATALOG_TTL_HOURS_MAX 240000u

/* Texts and rows of a working catalog and of its snapshots; nothing in it
 * changes or goes before the last of them. */
typedef struct catalog_store {
    arena arena; /* the working catalog's to fill */
    uint32_t users;
} catalog_store;

/* A working catalog, or a snapshot of one (snapshot.c). */
struct catalog {
    catalog_store *store;
    uint64_t seed; /* of the hash tables */
    uint64_t version;
    bool strict;
    catalog_watcher watcher;

    names attribute_names; /* number n is attribute FIRST + n */
    const catalog_attribute **attributes;
    size_t attribute_capacity;
    names *values; /* by attribute: number n is value n + 1 */
    size_t values_capacity;

    names provider_names;
    const catalog_provider **providers;
    size_t provider_capacity;

    names space_names;
    const catalog_space **spaces;
    size_t space_capacity;
    uint32_t builtin_providers;
    uint32_t builtin_spaces;

    catalog *latest;    /* the snapshot of this version, held; or NULL */
    bool frozen;        /* a snapshot */
    size_t store_bytes; /* of a snapshot: used in the store at its moment */
    uint32_t holders;   /* of a snapshot; the writer's to read */
};

/* The content is another than before: a new version, and the next snapshot
 * is a new one. Every change ends with it. */
void catalog_touch(catalog *c);
/* Frees a working catalog or a snapshot itself; shared parts are counted. */
void catalog_dispose(catalog *c);

/* Would catalog_attribute_put succeed? Same errors; changes nothing. */
int catalog_attribute_check(const catalog *c, muster_text name,
                            const catalog_attribute *def, muster_error *err);
/* Are the fields of `def` in range and do they fit its kind? */
int catalog_definition_check(muster_text name, const catalog_attribute *def,
                             muster_error *err);

/* Rows at the next number; the name must be valid and new. */
const catalog_attribute *catalog_attribute_append(
    catalog *c, muster_text name, const catalog_attribute *def);
const catalog_provider *catalog_provider_append(catalog *c, muster_text name,
                                                const catalog_provider *def);
const catalog_space *catalog_space_append(catalog *c, muster_text name,
                                          bool declared);
/* A new row in the place of provider `id`, with its number and name. */
const catalog_provider *catalog_provider_replace(catalog *c, uint32_t id,
                                                 const catalog_provider *def);

#endif
