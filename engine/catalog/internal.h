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

struct catalog {
    arena texts;
    uint64_t seed; /* of the hash tables */
    uint64_t version;
    bool strict;
    catalog_watcher watcher;

    names attribute_names; /* number n is attribute FIRST + n */
    catalog_attribute **attributes;
    size_t attribute_capacity;
    names *values; /* by attribute: number n is value n + 1 */
    size_t values_capacity;

    names provider_names;
    catalog_provider **providers;
    size_t provider_capacity;

    names space_names;
    catalog_space **spaces;
    size_t space_capacity;
    uint32_t builtin_providers;
    uint32_t builtin_spaces;
};

/* Would catalog_attribute_put succeed? Same errors; changes nothing. */
int catalog_attribute_check(const catalog *c, muster_text name,
                            const catalog_attribute *def, muster_error *err);
/* Are the fields of `def` in range and do they fit its kind? */
int catalog_definition_check(muster_text name, const catalog_attribute *def,
                             muster_error *err);

/* Rows at the next number; the name must be valid and new. */
catalog_attribute *catalog_attribute_append(catalog *c, muster_text name,
                                            const catalog_attribute *def);
catalog_provider *catalog_provider_append(catalog *c, muster_text name,
                                          const catalog_provider *def);
catalog_space *catalog_space_append(catalog *c, muster_text name,
                                    bool declared);

#endif
