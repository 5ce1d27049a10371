/*
 * audience.h - saved segments, their versions, and which of them a user is
 * in.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_AUDIENCE_H
#define MUSTER_AUDIENCE_H

#include <muster/segment.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Pointers are valid until the callback returns. */
typedef struct muster_saved {
    const char *key;     /* [a-z0-9][a-z0-9_-]{0,63} */
    uint32_t id;         /* given once, never reused */
    uint32_t version;    /* 1, 2, ... */
    const char *expr;    /* as saved */
    const char *name;    /* for people; "" = none */
    int32_t priority;    /* higher first where few fit; 0 */
    bool served;         /* lookups show it */
    bool removed;        /* this version is a removal */
    muster_time created; /* of this version */
    /* Lookups only: the node of the taxonomy that it carries, "" = none. A
     * segment carries a node when its whole expression, or a part of its
     * outermost `and`, is taxonomy("..") of it; the first one. */
    const char *node;
    uint32_t segtax; /* of the taxonomy; 0: none */
} muster_saved;
typedef int (*muster_saved_fn)(void *payload, const muster_saved *row);

typedef struct muster_save {
    size_t size;
    const char *key;
    const char *expr;
    size_t expr_len;
    const char *name;
    int32_t priority;
    bool served;
} muster_save;
#define MUSTER_SAVE_INIT \
    { sizeof(muster_save), NULL, NULL, 0, "", 0, true }

/* When a change is to be made, and whether. */
typedef struct muster_when {
    uint32_t version; /* the key's current one must be this; 0: no matter;
                         MUSTER_VERSION_NONE: there must be none */
    bool dry_run;     /* everything is checked, nothing is changed */
} muster_when;
#define MUSTER_VERSION_NONE UINT32_MAX

/* What a change led to; of a dry run, what it would. */
typedef struct muster_changed {
    uint32_t id;      /* 0: it has none yet */
    uint32_t version; /* the newest */
    bool changed;
} muster_changed;

/* Compiles and stores as the next version; nothing changes when expression
 * and headers equal the current version (*changed = false; may be NULL).
 * Errors: MUSTER_EEXPR, MUSTER_EINVAL "bad_key". Logged. */
MUSTER_API int muster_audience_save(muster_engine *engine,
                                    const muster_save *save, bool *changed,
                                    muster_error *err);
/* The same under a condition, with what it led to; each may be NULL. Also
 * MUSTER_ECONFLICT "version_changed": the condition does not hold, at the
 * moment of the change itself. So for the two below. */
MUSTER_API int muster_audience_save_when(muster_engine *engine,
                                         const muster_save *save,
                                         const muster_when *when,
                                         muster_changed *out,
                                         muster_error *err);
/* MUSTER_ENOTFOUND; MUSTER_ECONFLICT "in_use" when other segments refer to
 * it. Its versions stay readable. Logged. */
MUSTER_API int muster_audience_remove(muster_engine *engine, const char *key,
                                      muster_error *err);
MUSTER_API int muster_audience_remove_when(muster_engine *engine,
                                           const char *key,
                                           const muster_when *when,
                                           muster_changed *out,
                                           muster_error *err);
/* Makes an earlier version the newest one again (as a new version). */
MUSTER_API int muster_audience_revert(muster_engine *engine, const char *key,
                                      uint32_t version, muster_error *err);
MUSTER_API int muster_audience_revert_when(muster_engine *engine,
                                           const char *key, uint32_t version,
                                           const muster_when *when,
                                           muster_changed *out,
                                           muster_error *err);
/* Current segments by key. */
MUSTER_API int muster_audiences_each(muster_engine *engine,
                                     muster_saved_fn each, void *payload);
/* MUSTER_ENOTFOUND "unknown_segment" with a suggestion. */
MUSTER_API int muster_audience_find(muster_engine *engine, const char *key,
                                    muster_saved_fn each, void *payload,
                                    muster_error *err);
/* Current segments whose own expression refers to it, by key.
 * MUSTER_ENOTFOUND "unknown_segment". Reads every expression. */
MUSTER_API int muster_audience_usage(muster_engine *engine, const char *key,
                                     muster_saved_fn each, void *payload,
                                     muster_error *err);
/* All versions of a key, newest first. */
MUSTER_API int muster_audience_versions(muster_engine *engine,
                                        const char *key, muster_saved_fn each,
                                        void *payload, muster_error *err);

/* The saved, served segments a user is in: by priority (high first), then by
 * key. Unknown user: none. `known` may be NULL. */
MUSTER_API int muster_audience_lookup(muster_engine *engine,
                                      const muster_scope *viewer,
                                      const muster_id *user, bool *known,
                                      muster_saved_fn each, void *payload,
                                      muster_error *err);

/* What a lookup holds for. With a forward index (forward_bytes of the engine's
 * options) it may be an epoch a few milliseconds old; see engine.h. */
typedef struct muster_lookup {
    bool known;
    muster_epoch epoch;
    muster_time as_of;
} muster_lookup;
/* The same with what it holds for; of a forward index it takes about a
 * microsecond and no allocation up to 256 segments. */
MUSTER_API int muster_audience_lookup_at(muster_engine *engine,
                                         const muster_scope *viewer,
                                         const muster_id *user,
                                         muster_lookup *about,
                                         muster_saved_fn each, void *payload,
                                         muster_error *err);
/* Several users, one after the other: `looked` gets what the answer for one
 * holds for, or the error that refused it (no id of its space, personal data:
 * MUSTER_EINVAL; a NULL space is refused too), and then `each` its segments.
 * A non-zero return of either ends all of it and is returned. A third of the
 * time of single calls: ids are hashed together, and memory is waited for by
 * many at once. */
typedef int (*muster_looked_fn)(void *payload, size_t which, int status,
                                const muster_lookup *about);
MUSTER_API int muster_audience_lookup_many(muster_engine *engine,
                                           const muster_scope *viewer,
                                           const muster_id *users,
                                           size_t count,
                                           muster_looked_fn looked,
                                           muster_saved_fn each,
                                           void *payload, muster_error *err);
/* Is the forward index whole, so that a lookup takes about a microsecond? Else
 * it asks every segment, for milliseconds when there are thousands. */
MUSTER_API bool muster_audience_is_indexed(const muster_engine *engine);
/* Of a pseudonym that is known already. */
MUSTER_API int muster_audience_lookup_user(muster_engine *engine,
                                           const muster_scope *viewer,
                                           const muster_pseudonym *user,
                                           muster_lookup *about,
                                           muster_saved_fn each,
                                           void *payload, muster_error *err);

#ifdef __cplusplus
}
#endif
#endif
