/*
 * catalog.h - attributes, their values, providers.
 *
 * Pointers given to a callback are valid until it returns. A non-zero return
 * of a callback ends the walk and is returned.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_CATALOG_H
#define MUSTER_CATALOG_H

#include <stdbool.h>
#include <muster/engine.h>
#include <muster/scope.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct muster_attribute {
    const char *name;
    const char *kind;       /* flag one_of many_of number event */
    const char *grain;      /* events: "day" or "hour", else "" */
    uint32_t cap;           /* events: counts saturate here */
    bool amount;            /* events: amounts are kept */
    const char *unit;       /* numbers; "date" compares with dates */
    const char *ttl;        /* "30d", "0" = never, "" = the provider's */
    uint32_t retention_days; /* events */
    uint64_t values;        /* distinct values seen */
    bool declared;          /* by a catalog file; else inferred */
} muster_attribute;

typedef struct muster_provider {
    const char *name;
    const char *party; /* first second third */
    const char *ttl;   /* "60d", "0", "" = none */
    bool declared;
} muster_provider;

typedef int (*muster_attribute_fn)(void *payload, const muster_attribute *row);
typedef int (*muster_value_fn)(void *payload, muster_text value,
                               uint64_t users);
typedef int (*muster_provider_fn)(void *payload, const muster_provider *row);

/* By name. */
MUSTER_API int muster_attributes_each(muster_engine *engine,
                                      muster_attribute_fn each,
                                      void *payload);
/* MUSTER_ENOTFOUND "unknown_attribute" with a suggestion. */
MUSTER_API int muster_attribute_find(muster_engine *engine, const char *name,
                                     muster_attribute_fn each, void *payload,
                                     muster_error *err);
/* Are facts refused whose attribute no catalog file declares? */
MUSTER_API bool muster_catalog_is_strict(muster_engine *engine);
/* Values of an attribute with the number of users that hold (or were seen
 * with) each at the engine's now; largest first when `counts`, else by text
 * with users = 0 (fast). `limit` 0 = all. */
MUSTER_API int muster_values_each(muster_engine *engine,
                                  const muster_scope *viewer,
                                  const char *attribute, bool counts,
                                  size_t limit, muster_value_fn each,
                                  void *payload, muster_error *err);

/* Which values are wanted. */
typedef struct muster_value_query {
    muster_text part; /* that contain it, whatever the case of ASCII letters;
                         ptr NULL: all */
    bool counts;      /* as muster_values_each */
    size_t limit;     /* 0 = all */
} muster_value_query;
/* As muster_values_each. A value costs one pass over its users: `task` (may
 * be NULL) ends it between two, with MUSTER_ECANCELLED. */
MUSTER_API int muster_values_find(muster_engine *engine,
                                  const muster_scope *viewer,
                                  const char *attribute,
                                  const muster_value_query *q,
                                  const muster_task *task,
                                  muster_value_fn each, void *payload,
                                  muster_error *err);
MUSTER_API int muster_providers_each(muster_engine *engine,
                                     muster_provider_fn each, void *payload);
/* Adds or changes a provider. party: "first" "second" "third"; ttl: "60d",
 * "12h", "0", or NULL for none. Logged. */
MUSTER_API int muster_provider_set(muster_engine *engine, const char *name,
                                   const char *party, const char *ttl,
                                   muster_error *err);
/* The operator's catalog file (JSON, comments allowed), whole or not at all.
 * Errors name line and column. Logged. */
MUSTER_API int muster_catalog_apply(muster_engine *engine, const char *text,
                                    size_t len, muster_error *err);

/* What a catalog file would make of the catalog. */
typedef struct muster_catalog_effect {
    size_t attributes_new;
    size_t attributes_changed;
    size_t providers_new;
    size_t providers_changed;
    size_t spaces_new;
    size_t spaces_changed;
    bool mode_changed;
    bool mappings_changed; /* to the taxonomy */
} muster_catalog_effect;
/* As muster_catalog_apply, but nothing is changed; needs no writer. */
MUSTER_API int muster_catalog_check(muster_engine *engine, const char *text,
                                    size_t len, muster_catalog_effect *out,
                                    muster_error *err);

/* ---- the taxonomy ---- */

/* A tree of nodes that others know by id, such as the IAB's Audience Taxonomy
 * 1.1 (segtax 4). There is one at most. What is mapped to a node or to one
 * below it is its audience: taxonomy("Interest | Automotive"). */
typedef struct muster_taxonomy {
    char name[129];
    uint32_t segtax;   /* of OpenRTB; 0: none */
    uint32_t nodes;    /* 0: none is loaded */
    uint32_t mappings;
} muster_taxonomy;
typedef struct muster_taxonomy_node {
    const char *id;
    const char *parent; /* its id; "" = a root */
    const char *path;   /* "Interest | Automotive" */
    const char *note;   /* of the file, such as an extension; "" = none */
    uint32_t depth;     /* roots 0 */
    uint32_t below;     /* nodes below it */
    uint32_t mappings;  /* to it, or to one below it */
} muster_taxonomy_node;
typedef struct muster_mapping {
    const char *attribute;
    const char *value; /* NULL: the whole attribute */
    const char *node;  /* its id */
    const char *path;
} muster_mapping;
typedef int (*muster_taxonomy_node_fn)(void *payload,
                                       const muster_taxonomy_node *row);
typedef int (*muster_mapping_fn)(void *payload, const muster_mapping *row);

/* Reads a taxonomy from tab-separated text as the IAB publishes it, in the
 * place of the one there is; mappings stay, by the ids of their nodes. Refused
 * whole: MUSTER_EINVAL with line and column, MUSTER_ELIMIT; MUSTER_ECONFLICT
 * "mapped_node", "in_use" where a node that is mapped, or that a saved segment
 * names, would be gone. Logged. */
MUSTER_API int muster_taxonomy_load(muster_engine *engine, const char *name,
                                    uint32_t segtax, const char *text,
                                    size_t len, muster_error *err);
/* The nodes, by id or path, that an attribute or (`value` not NULL) one value
 * of it is mapped to from now on; none: it is mapped no more. A value of a
 * number is a number or a range, "18..24". Logged. MUSTER_ENOTFOUND
 * "no_taxonomy", "unknown_attribute", "unknown_node" with a suggestion;
 * MUSTER_EINVAL "bad_mapping"; MUSTER_ELIMIT "too_many". */
MUSTER_API int muster_taxonomy_map(muster_engine *engine,
                                   const char *attribute, const char *value,
                                   const char *const *nodes, size_t count,
                                   muster_error *err);
MUSTER_API void muster_taxonomy_about(muster_engine *engine,
                                      muster_taxonomy *out);
/* A node (NULL: the roots) and those below it, down to so many levels;
 * parents before children. MUSTER_ENOTFOUND. */
MUSTER_API int muster_taxonomy_each(muster_engine *engine, const char *node,
                                    uint32_t levels,
                                    muster_taxonomy_node_fn each,
                                    void *payload, muster_error *err);
/* What is mapped to a node or below it; NULL: all. By attribute, value. */
MUSTER_API int muster_mappings_each(muster_engine *engine, const char *node,
                                    muster_mapping_fn each, void *payload,
                                    muster_error *err);

#ifdef __cplusplus
}
#endif
#endif
