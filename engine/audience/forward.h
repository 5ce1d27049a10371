/*
 * forward.h - the forward index: from a row to the ids of the segments it is
 * in.
 *
 * Rows of one block (65,536) stand together: a list of segment ids each, one
 * behind the other (2 bytes an id while all ids fit, else 4), and where each
 * begins: 2 bytes a row and 4 for every 64 rows. What changes for single rows
 * is put beside (a patch a row, found by a small hash table) and folded in
 * when there are many. A lookup reads at most four places of memory and
 * allocates nothing.
 *
 * What answers hold for. An answer names the epoch at which the list is the
 * decision of every segment of the roster: `until` the newest epoch whose
 * changes were all looked at, or, for a block that waits to be made anew, the
 * one up to which it was.
 *
 * Cost: 2.1 bytes an id of a list at 20 a row; a patch takes about 32 bytes
 * and 4 an id.
 * Threads: one thread writes; any number read, with no lock, as long as the
 * writer frees what was replaced (forward_take_retired) only when whoever
 * might read it has ended.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AUDIENCE_FORWARD_H
#define AUDIENCE_FORWARD_H

#include <muster/limits.h>
#include "audience/audience.h"
#include "index/index.h"

/* ---- which segments: a roster ---- */

/* A segment that is served; texts are the roster's. */
typedef struct roster_entry {
    uint32_t id;
    uint32_t version;
    const char *key;
    const char *expr;
    const char *name;
    int32_t priority;
    muster_time created;
    muster_text node; /* that it carries (segment.h); ptr NULL: none */
} roster_entry;

#define ROSTER_NONE UINT32_MAX

/* Immutable; entries by priority (high first), then by key. */
typedef struct roster {
    uint64_t since;        /* epoch */
    arena memory;
    roster_entry *entries;
    uint32_t count;
    uint32_t *ranks;       /* by id: place in entries, or ROSTER_NONE */
    uint32_t id_end;       /* ids are below it */
} roster;

/* The served segments of a store. Free with roster_free. */
roster *roster_new(const audience_store *all, uint64_t since);
void roster_free(roster *r); /* NULL is fine */
static inline uint32_t roster_rank(const roster *r, uint32_t id)
{
    return id < r->id_end ? r->ranks[id] : ROSTER_NONE;
}

/* ---- reading ---- */

typedef struct forward forward;
forward *forward_new(void);
void forward_free(forward *f); /* NULL is fine; retired things too */

/* A row's list: by rank of the roster it was made with; ids that the roster
 * (of now) does not have are to be passed over. Valid until the reader ends.
 */
typedef struct forward_list {
    const roster *roster;
    const uint16_t *narrow; /* one of the two, or n is 0 */
    const uint32_t *wide;
    uint32_t n;
    uint64_t epoch;   /* at which it holds ... */
    muster_hour hour; /* ... and in which hour */
} forward_list;
static inline uint32_t forward_id(const forward_list *l, uint32_t i)
{
    return l->narrow ? l->narrow[i] : l->wide[i];
}
/* False while the row's block was never made. */
bool forward_find(const forward *f, uint32_t row, forward_list *out);
/* What it will read comes into the cache meanwhile. */
void forward_prefetch(const forward *f, uint32_t row);

/* ---- writing: one thread ---- */

/* Every block stays at the epoch it has: it is to be made anew. */
void forward_freeze(forward *f);
/* Blocks that were made so far. */
uint32_t forward_blocks(const forward *f);
/* Is the block made, and not frozen? */
bool forward_follows(const forward *f, uint32_t block);

/* The rows of one block that a segment holds for. */
typedef struct forward_hits {
    uint32_t id;
    uint32_t n;
    const uint16_t *rows; /* ascending */
} forward_hits;
/* The list of one row of a block. */
typedef struct forward_row {
    uint16_t row;
    uint32_t n;
    const uint32_t *ids;
} forward_row;
/* What a block is to be: what it had, without the segments of `dropped` (a bit
 * an id; NULL: nothing of it), with the hits, one a segment, in the roster's
 * order; but some rows have just these lists instead. All borrowed, but for
 * the roster, which is the index's. */
typedef struct forward_making {
    uint32_t rows; /* there are */
    const roster *with;
    const uint64_t *dropped;
    const forward_hits *hits;
    size_t hit_count;
    const forward_row *instead;
    size_t instead_count;
    uint64_t epoch; /* that it holds for */
    muster_hour hour;
} forward_making;
/* About 1 ns an id. */
void forward_make(forward *f, uint32_t block, const forward_making *m);
/* Another list for a row of a block that follows. `ids` by rank. */
void forward_patch(forward *f, uint32_t row, const uint32_t *ids, uint32_t n,
                   uint64_t epoch);
/* The block with most patches takes them in, when they are many; `epoch`: all
 * are made of it, or older. About 3 ms, so one at a time. */
void forward_fold(forward *f, uint64_t epoch);
/* All blocks that follow hold at this epoch. */
void forward_advance(forward *f, uint64_t epoch);
/* Only what the roster says of segments has changed, or segments went. The
 * former roster is retired. */
void forward_use(forward *f, roster *take_roster);
const roster *forward_roster(const forward *f); /* NULL before the first */

/* What was replaced since; to be freed by forward_free_retired when no reader
 * that began before has not ended. NULL: nothing. */
typedef struct forward_retired forward_retired;
forward_retired *forward_take_retired(forward *f);
void forward_free_retired(forward_retired *r);

typedef struct forward_stats {
    uint64_t bytes;   /* of lists, places and patches */
    uint64_t pairs;   /* ids in lists, patched rows twice */
    uint64_t patches;
    uint64_t epoch;   /* as of forward_advance */
} forward_stats;
/* Any thread. */
void forward_stats_get(const forward *f, forward_stats *out);

#endif
