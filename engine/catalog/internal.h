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
    struct taxonomy *taxonomy; /* counted; NULL: none */

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

/* A name of a node. */
typedef struct taxonomy_key {
    muster_text text;
    uint32_t node;
} taxonomy_key;

/* A taxonomy with those who hold it: catalogs, on any thread. */
typedef struct taxonomy {
    catalog_taxonomy public; /* first */
    uint32_t holders;        /* atomic */
    arena memory;
    taxonomy_key *ids;   /* by text */
    taxonomy_key *paths; /* by text, folded */
} taxonomy;
taxonomy *taxonomy_retain(taxonomy *t); /* NULL is fine */
void taxonomy_release(taxonomy *t);     /* NULL is fine */

/* A node as a file or a checkpoint tells of it. Texts are borrowed. */
typedef struct taxonomy_row {
    muster_text id;
    muster_text parent; /* its id; empty: a root */
    muster_text path;
    muster_text note;
} taxonomy_row;
/* What is wrong with the rows, and with which. */
typedef struct taxonomy_fault {
    size_t row;
    const char *word;
    char message[200];
} taxonomy_fault;
/* NULL: fault is set. */
taxonomy *taxonomy_new(muster_text name, uint32_t segtax,
                       const taxonomy_row *rows, size_t count,
                       taxonomy_fault *fault);
/* The rows of a file; rows, and the offsets at which their lines begin, are
 * freed with mem_free, texts of paths with the arena. */
int taxonomy_file_parse(muster_text file, arena *memory, taxonomy_row **rows,
                        size_t **offsets, size_t *count, muster_error *err);

/* One change of mappings. Of one attribute, `clear` is the only one. */
typedef struct taxonomy_edit {
    uint32_t attribute;
    bool clear;        /* all of the attribute's go first */
    muster_text value; /* ptr NULL: the whole */
    const uint32_t *nodes;
    size_t count; /* 0: it is mapped no more */
} taxonomy_edit;
/* MUSTER_ELIMIT "too_many" when there would be too many. Of two edits about
 * the same the later holds. O((mappings + edits) log edits). */
int catalog_taxonomy_edit(catalog *c, const taxonomy_edit *edits,
                          size_t count, muster_error *err);
/* May an attribute of this kind be mapped by this value (ptr NULL: as a
 * whole)? MUSTER_EINVAL "bad_mapping". */
int taxonomy_check_value(attribute_kind kind, muster_text value,
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
