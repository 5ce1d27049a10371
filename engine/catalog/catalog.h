/*
 * catalog.h - the door of room `catalog`: names to numbers and back.
 *
 *   catalog.c        attributes, values, providers, id spaces in memory
 *   snapshot.c       what it holds at one moment, for readers; copies
 *   restore.c        rows put back from a checkpoint
 *   catalog_file.c   the JSON file an operator applies (comments allowed)
 *   names.c          texts to dense numbers and back
 *   taxonomy.c       a tree of nodes that others know by id
 *   mapping.c        what is mapped to them
 *   taxonomy_file.c  its file: tab-separated, as the IAB publishes it
 *
 * The catalog gives every attribute, value, provider and id space a dense
 * number, in the order in which it first saw them; a number is never reused
 * or changed. Rooms below (index) know only the numbers. Attribute numbers
 * start at CATALOG_ATTRIBUTE_FIRST (smaller ones are the engine's own
 * planes); value numbers of an attribute start at 1 (0 = any value); provider
 * numbers start at 0; space numbers at 0.
 *
 * Cost: find and intern are one hash probe. An attribute costs about 200
 * bytes, a value its text + 30 bytes; a change of a definition leaves about 100
 * bytes behind.
 * Threads: a catalog that changes belongs to one thread at a time, its writer.
 * Everybody else reads snapshots, which the writer takes and gives back and
 * which are read by any thread at the same moment, without a lock; handing the
 * pointer over (lock, queue, release store) is the only care to take.
 * Persistence: the catalog knows none. `catalog_watch` reports each new or
 * changed row so that the wiring can write it where it likes, and
 * catalog_restore_* puts rows back with their numbers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include <muster/limits.h>
#include "base/base.h"

#define CATALOG_ATTRIBUTE_FIRST 16u
#define CATALOG_NONE UINT32_MAX
#define CATALOG_TTL_UNSET UINT32_MAX /* hours; 0 = never expires */

typedef enum attribute_kind {
    KIND_FLAG = 1,
    KIND_ONE_OF = 2,
    KIND_MANY_OF = 3,
    KIND_NUMBER = 4,
    KIND_EVENT = 5
} attribute_kind;

typedef enum catalog_grain { GRAIN_DAY = 0, GRAIN_HOUR = 1 } catalog_grain;
typedef enum catalog_party {
    PARTY_FIRST = 1,
    PARTY_SECOND = 2,
    PARTY_THIRD = 3
} catalog_party;

typedef struct catalog_attribute {
    uint32_t id;
    char *name; /* owned by the catalog, NUL-terminated */
    attribute_kind kind;
    catalog_grain grain;     /* events */
    uint32_t cap;            /* events: counts saturate here */
    bool amount;             /* events carry amounts */
    bool unit_date;          /* number: days since 1970-01-01 */
    char unit[32];           /* number: free text, "" = none, "date" */
    uint32_t ttl_hours;      /* profile kinds; CATALOG_TTL_UNSET */
    uint32_t retention_days; /* events */
    bool declared;           /* from a catalog file, not inferred */
} catalog_attribute;

typedef struct catalog_provider {
    uint32_t id;
    char *name;
    catalog_party party;
    uint32_t ttl_hours;
    bool declared;
} catalog_provider;

typedef struct catalog_space {
    uint32_t id;
    char *name;
    bool declared; /* built in or declared */
} catalog_space;

typedef struct catalog catalog;

/* Has the built-in spaces cookie, gaid, idfa, ctv, email_sha256, customer and
 * the provider "default" (first party). Lenient. */
catalog *catalog_new(void);
/* Snapshots of it stay good; the last of them frees what they share. */
void catalog_free(catalog *c);
/* A new, independent, changeable catalog with the same content, a version of
 * its own and no watcher (for trying a change). O(values). */
catalog *catalog_copy(const catalog *c);

/* What the catalog holds now, immutable: read by any thread with every
 * `const catalog *` function while the writer goes on changing `c`. The same
 * pointer again while nothing changed. Costs O(attributes + providers +
 * spaces) after a change, never O(values). Counted: give each back. Taking,
 * giving back, changing and freeing are for one thread at a time. */
const catalog *catalog_snapshot(catalog *c);
void catalog_release(const catalog *snapshot); /* NULL is fine */

/* Bytes of heap that the catalog or snapshot holds, with all that it shares
 * with others (so those of a catalog and of its snapshots do not add up), for
 * the memory budget. O(attributes). */
size_t catalog_memory(const catalog *c);

bool catalog_strict(const catalog *c);
void catalog_set_strict(catalog *c, bool strict);
/* Grows with every change of the catalog; a snapshot has the one it was taken
 * at. No two catalogs of a process ever show the same, so plans remember it. */
uint64_t catalog_version(const catalog *c);

/* Valid: [a-z][a-z0-9_]* parts joined by '.', at most MUSTER_NAME_BYTES_MAX.
 * Provider and space names: [a-z0-9][a-z0-9_.-]*. */
bool catalog_is_attribute_name(muster_text name);
bool catalog_is_provider_name(muster_text name);

/* Attributes. A row never changes: catalog_attribute_put makes a new one.
 * Borrowed pointers stay valid as long as the catalog or a snapshot of it is
 * there. NULL when missing. Providers and id spaces likewise. */
const catalog_attribute *catalog_attribute_find(const catalog *c,
                                                muster_text name);
const catalog_attribute *catalog_attribute_get(const catalog *c, uint32_t id);
size_t catalog_attribute_count(const catalog *c);
/* i in [0, count): by number. */
const catalog_attribute *catalog_attribute_at(const catalog *c, size_t i);
/* Adds or changes. Refused (MUSTER_ECONFLICT, word "kind_conflict"): another
 * kind or grain than an existing one; a smaller cap than before is allowed
 * only while unused, so it is refused too ("cap_conflict"). On success
 * *out (may be NULL) is the stored row. */
int catalog_attribute_put(catalog *c, muster_text name,
                          const catalog_attribute *def,
                          const catalog_attribute **out, muster_error *err);
/* A definition with the defaults of an inferred attribute of that kind. */
catalog_attribute catalog_attribute_default(attribute_kind kind);

/* Values of an attribute. find: CATALOG_NONE when unknown. intern: adds;
 * CATALOG_NONE when MUSTER_VALUES_MAX is reached. */
uint32_t catalog_value_find(const catalog *c, uint32_t attribute,
                            muster_text text);
uint32_t catalog_value_intern(catalog *c, uint32_t attribute,
                              muster_text text);
muster_text catalog_value_text(const catalog *c, uint32_t attribute,
                               uint32_t value);
/* Values are numbered 1..count. */
uint32_t catalog_value_count(const catalog *c, uint32_t attribute);

/* Providers. */
const catalog_provider *catalog_provider_find(const catalog *c,
                                              muster_text name);
const catalog_provider *catalog_provider_get(const catalog *c, uint32_t id);
size_t catalog_provider_count(const catalog *c);
/* Adds or changes party and TTL. */
int catalog_provider_put(catalog *c, muster_text name, catalog_party party,
                         uint32_t ttl_hours, bool declared,
                         const catalog_provider **out, muster_error *err);

/* Id spaces. */
const catalog_space *catalog_space_find(const catalog *c, muster_text name);
const catalog_space *catalog_space_get(const catalog *c, uint32_t id);
size_t catalog_space_count(const catalog *c);
int catalog_space_put(catalog *c, muster_text name, bool declared,
                      const catalog_space **out, muster_error *err);

/*
 * The taxonomy: a tree of nodes that others know by id (IAB Audience Taxonomy
 * 1.1: segtax 4), and which attributes and values are mapped to which node.
 * There is one at most. It never changes: a change makes another, O(nodes +
 * mappings). One belongs to a catalog and its snapshots, and is read by any
 * thread while one of them is there.
 */
typedef struct taxonomy_node {
    const char *id;   /* as in the file */
    const char *path; /* "Interest | Automotive" */
    const char *note; /* the file's own, such as an extension; "" = none */
    uint32_t parent;  /* CATALOG_NONE: a root */
    uint32_t end;     /* those below it are the ones from it to here */
    uint32_t depth;   /* roots 0 */
} taxonomy_node;
typedef struct taxonomy_mapping {
    uint32_t attribute;
    uint32_t node;
    muster_text value; /* ptr NULL: the whole attribute. Of a number "18..24"
                          or "7". It need not be known yet. */
} taxonomy_mapping;
typedef struct catalog_taxonomy {
    const char *name;
    uint32_t segtax;            /* of OpenRTB; 0: none */
    const taxonomy_node *nodes; /* parents before children, one behind the
                                   other, as they stood in the file */
    uint32_t node_count;
    const taxonomy_mapping *mappings; /* by attribute, then value, then node;
                                         the whole attribute first */
    uint32_t mapping_count;
    uint64_t version; /* no two of a process have the same */
} catalog_taxonomy;

/* NULL: none is loaded. Borrowed from the catalog or snapshot. */
const catalog_taxonomy *catalog_taxonomy_get(const catalog *c);
/* By id, or by path: tiers apart by '|', whatever the blanks around and the
 * case of ASCII letters. CATALOG_NONE when there is none. */
uint32_t taxonomy_find(const catalog_taxonomy *t, muster_text node);
/* The path that is meant, perhaps; NULL when none is near. O(nodes). */
const char *taxonomy_suggest(const catalog_taxonomy *t, muster_text node);
/* The same of a catalog. MUSTER_ENOTFOUND "no_taxonomy", or "unknown_node" with
 * a suggestion. */
int taxonomy_node_find(const catalog *c, muster_text node, uint32_t *out,
                       muster_error *err);
/* Is the text a value that an attribute of this kind can have mapped? A
 * number's may be a range, which *low and *high (x 10^4) become. */
bool taxonomy_is_range(muster_text text, int64_t *low, int64_t *high);

/* Reads a file (taxonomy_file.c says what one is) in the place of what was
 * loaded. Mappings stay, by id; MUSTER_ECONFLICT "mapped_node" where the file
 * lacks one that is mapped. Errors have their place in the file. */
int catalog_taxonomy_load(catalog *c, muster_text name, uint32_t segtax,
                          muster_text file, muster_error *err);
/* The nodes (ids or paths) that an attribute, or one value of it (ptr NULL:
 * the whole), is mapped to from now on; none: it is mapped no more. Errors:
 * no_taxonomy, unknown_attribute, unknown_node, bad_mapping, too_many. */
int catalog_taxonomy_map(catalog *c, muster_text attribute, muster_text value,
                         const muster_text *nodes, size_t count,
                         muster_error *err);

/* Names for people and files: "flag", "one_of", ...; 0 when unknown. */
const char *catalog_kind_name(attribute_kind kind);
attribute_kind catalog_kind_parse(muster_text name);
const char *catalog_party_name(catalog_party party);
catalog_party catalog_party_parse(muster_text name);

/* The operator's file (CONTRACT.md "Catalog file"): checked whole before
 * anything changes; errors carry line and column and the JSON pointer. */
int catalog_file_apply(catalog *c, const char *text, size_t len,
                       muster_error *err);

/* Rows put back from a checkpoint, in order of number. Numbers are as they
 * were; a gap or a clash is MUSTER_ECORRUPT. */
int catalog_restore_attribute(catalog *c, const catalog_attribute *row,
                              muster_error *err);
int catalog_restore_value(catalog *c, uint32_t attribute, uint32_t value,
                          muster_text text, muster_error *err);
int catalog_restore_provider(catalog *c, const catalog_provider *row,
                             muster_error *err);
int catalog_restore_space(catalog *c, const catalog_space *row,
                          muster_error *err);
/* Behind the attributes. Everything is copied. */
int catalog_restore_taxonomy(catalog *c, const catalog_taxonomy *t,
                             muster_error *err);

/* Called for each row that is new or changed (not for restored ones). */
typedef struct catalog_watcher {
    void *payload;
    void (*attribute)(void *payload, const catalog_attribute *row);
    void (*value)(void *payload, uint32_t attribute, uint32_t value,
                  muster_text text);
    void (*provider)(void *payload, const catalog_provider *row);
    void (*space)(void *payload, const catalog_space *row);
    void (*mode)(void *payload, bool strict);
    void (*taxonomy)(void *payload, const catalog_taxonomy *t);
} catalog_watcher;
void catalog_watch(catalog *c, const catalog_watcher *watcher);

#endif
