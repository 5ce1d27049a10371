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
} muster_catalog_effect;
/* As muster_catalog_apply, but nothing is changed; needs no writer. */
MUSTER_API int muster_catalog_check(muster_engine *engine, const char *text,
                                    size_t len, muster_catalog_effect *out,
                                    muster_error *err);

#ifdef __cplusplus
}
#endif
#endif
