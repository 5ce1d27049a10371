/*
 * audience.h - the door of room `audience`: saved segments, and which of them
 * each user is in.
 *
 *   store.c     keys, versions, numeric ids
 *   roster.c    those that are served, in order
 *   forward.c   from a user to the segments (forward.h)
 *
 * A segment's numeric id is given once and never reused; removing adds a
 * version that says so, and saving the key again goes on counting.
 *
 * Threads: a store that changes belongs to one thread at a time, its writer.
 * Everybody else reads snapshots, which the writer takes and gives back and
 * which are read by any thread at the same moment, without a lock; handing the
 * pointer over (lock, queue, release store) is the only care to take.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AUDIENCE_AUDIENCE_H
#define AUDIENCE_AUDIENCE_H

#include <muster/limits.h>
#include "base/base.h"

typedef struct audience_version {
    uint32_t version; /* 1, 2, ... */
    muster_text expr;
    muster_text name;
    int32_t priority;
    bool served;
    bool removed;
    muster_time created;
} audience_version;

/* A row never changes: saving puts a new one in its place. Borrowed pointers
 * stay valid as long as the store or a snapshot of it is there. */
typedef struct audience {
    uint32_t id; /* 1, 2, ... in order of first save */
    const char *key;
    audience_version *versions; /* oldest first */
    size_t version_count;
    size_t version_capacity;
} audience;

typedef struct audience_store audience_store;
audience_store *audience_store_new(void);
/* Snapshots of it stay good; the last of them frees what they share. */
void audience_store_free(audience_store *s);

/* What the store holds now, immutable: read by any thread with every `const
 * audience_store *` function while the writer goes on saving. The same pointer
 * again while nothing changed. Costs a pointer per segment after a change.
 * Counted: give each back. Taking, giving back, saving and freeing are for
 * one thread at a time. */
const audience_store *audience_store_snapshot(audience_store *s);
void audience_store_release(const audience_store *snapshot); /* NULL is fine */

/* Bytes of heap that the store or snapshot holds, with all that it shares
 * with others (so those of a store and of its snapshots do not add up), for
 * the memory budget. O(1). */
size_t audience_store_memory(const audience_store *s);

/* [a-z0-9][a-z0-9_-]{0,63} */
bool audience_is_key(muster_text key);
/* By key, removed ones too; NULL when never saved. */
const audience *audience_find(const audience_store *s, muster_text key);
/* The newest version when it is not a removal, else NULL. */
const audience_version *audience_current(const audience *a);
/* By key order, removed ones too. */
size_t audience_count(const audience_store *s);
const audience *audience_at(const audience_store *s, size_t i);
/* Adds the next version (its number is set here); texts are copied. */
const audience *audience_put(audience_store *s, muster_text key,
                             const audience_version *version);

/* Everything, for a generation; decode into an empty store. */
void audience_store_encode(const audience_store *s, buffer *out);
int audience_store_decode(audience_store *s, const void *bytes, size_t len,
                          muster_error *err);

/* ---- which of them each user is in ---- */

#include "audience/forward.h"

#endif
