/*
 * index.h - the door of room `index`: planes of rows. It knows no names, only
 * integers: attribute, provider, value, bucket, row.
 *
 *   words*.c   inner loops, run-time dispatch
 *   block.c    sets of 65,536 rows
 *   view.c     a plane read where it lies (portable Roaring bytes)
 *   writer.c   rows or blocks to portable bytes
 *   set.c      sets being merged; the only caller of CRoaring
 *   layer.c    many planes with a directory: the base, or one closed delta
 *   directory.c  the directory on disk
 *   builder.c  facts in log order to a delta
 *   merge.c, merge_*.c  base and deltas to a new base, deltas to one delta
 *   index.c    views: the layers that a reader sees
 *   leaf.c, leaf_event.c, leaf_number.c  what one predicate holds, per block
 *              and per row
 *   columns*.h  an expression over words, strip by strip
 *   formula*.c, leaf_formula.c  predicates combined, asked by block and row
 *   resident*.c  hot planes in a form shaped for evaluation
 *   facts.c    what is known of one user
 *   entries.c  what is known of all
 *   check.c    are the planes what readers take them for?
 *   weigh.c    what they take, beside CRoaring
 *
 * Planes. A plane is one Roaring bitmap; its key says what its rows share:
 *
 *   role     value  bucket   rows
 *   SET      v      expiry   profile: v holds until the end of hour `expiry`
 *                            (INDEX_NEVER: for ever); v = 0 for flag, number
 *   BIT i    0      0        number: bit i of |x| as (integer << 14) | ten-
 *                            thousandths
 *   SIGN     0      0        number: x < 0
 *   SEEN     v, 0   bucket   event: in that day or hour; value 0 is any
 *   COUNT i  v, 0   bucket   event: bit i of count - 1
 *   AMOUNT i v, 0   bucket   event: bit i of the sum of amounts x 10^4
 *   HARD     0      0        delta only: older layers say nothing any more
 *   SOFT     0      0        delta only: all sayings here were of one value;
 *                            older layers keep only that value
 *   REMOVED  v      0        delta only: older layers lose that value
 *
 * A reader folds layers oldest first, for each provider and value:
 *     x = x & ~HARD & ~REMOVED & ~(SOFT & ~said here);  x = x | SET live here
 * For numbers "said here" is "the same number said here". Counts: cut by
 * HARD, then add.
 *
 * Cost: a fact is 2 bytes in an array container, less in runs and bitsets,
 * plus its share of the plane directory (about 5 bytes a plane on disk, 32 in
 * memory).
 * Threads: layers and views are immutable and counted. Any thread may read a
 * view it holds, make leaves on it and let it go, without a lock; one thread
 * makes the next view of it, another may merge its layers meanwhile. A
 * builder belongs to one thread at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_INDEX_H
#define INDEX_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "index/block.h"

#define INDEX_NEVER UINT32_MAX
#define INDEX_NO_VALUE 0u

/* The engine's own attributes; the catalog's begin at 16. */
#define INDEX_UNIVERSE 0u  /* SET by expiry: some fact is unexpired */
#define INDEX_OPTED_OUT 1u /* a flag of provider 0 */
#define INDEX_FORGOTTEN 2u /* a flag of provider 0 */

/* ---- layers ---- */

typedef int (*index_write_fn)(void *payload, const void *bytes, size_t len);

typedef struct index_layer index_layer;

/* The planes must stay for the layer's life; checks bounds of the
 * directory and the header of each plane (MUSTER_ECORRUPT). `by` (may be NULL)
 * proves the planes and must stay too; then a plane is proved and its header
 * looked at when it is first used; a damaged one reads as empty, and the
 * proof is broken. The directory is decoded, 32 bytes a plane: its bytes may
 * go. */
int index_layer_open(index_layer **out, const void *directory,
                     size_t directory_len, const void *planes,
                     size_t planes_len, proof *by, muster_error *err);
/* Appends the directory's encoded form. */
void index_layer_directory(const index_layer *l, buffer *out);
const void *index_layer_planes(const index_layer *l, size_t *len);
/* Heap bytes of its directory and planes; 0 when mapped. */
size_t index_layer_bytes(const index_layer *l);
/* One more holder; the last that lets go frees. Any thread; NULL may be
 * released. */
index_layer *index_layer_retain(index_layer *l);
void index_layer_release(index_layer *l);
/* Called once when the layer is freed, on the thread that lets it go, to let
 * go of a mapped file. To be told before the layer is shared. */
void index_layer_on_free(index_layer *l, void (*done)(void *payload),
                         void *payload);
/* Deep check of every plane, and of what the planes of a group must be to each
 * other (check.c); `base`: none that only deltas have. The first bad one is
 * named by its key (MUSTER_ECORRUPT). 5 ns a row where planes are dense, 150
 * where blocks hold few rows. */
int index_layer_check(const index_layer *l, bool base, muster_error *err);

/* ---- resident forms of hot planes (resident.h) ---- */

/* A pool shared by the layers of an engine. Any thread, but for what is said.
 */
typedef struct index_residents index_residents;
/* At most `budget` bytes of words (pieces of 2 MiB). */
index_residents *index_residents_new(uint64_t budget);
void index_residents_free(index_residents *p); /* behind its layers */
/* Before the layer is shared. What is hot in older layers is wished for. */
void index_layer_keep_residents(index_layer *l, index_residents *p);
/* Makes the form that is asked for most; false when none is wished for.
 * Milliseconds; threads that work take turns. */
bool index_residents_work(index_residents *p);
/* Called when a form has been asked for often enough, on the asking thread and
 * under the pool's lock: it must be short and must not ask the pool. To be
 * set before the pool is used. */
void index_residents_on_wish(index_residents *p,
                             void (*on_wish)(void *payload), void *payload);
/* Another one when more forms are there than at the last look: formulas built
 * before do not have them. */
uint64_t index_residents_version(const index_residents *p);
/* Asks count less: to be called now and then, say once a minute. */
void index_residents_fade(index_residents *p);

typedef struct index_resident_stats {
    uint64_t budget;  /* bytes */
    uint64_t bytes;   /* taken from the system */
    uint64_t idle;    /* of these, waiting for use */
    uint64_t forms;   /* there are */
    uint64_t made;    /* so far */
    uint64_t evicted;
    uint64_t hits;    /* asked for and there */
    uint64_t misses;
} index_resident_stats;
void index_residents_stats(index_residents *p, index_resident_stats *out);

typedef struct index_resident_info {
    const char *form; /* "plane", "codes", "ages" */
    bool made;        /* else wished for */
    uint32_t attribute;
    uint32_t provider;
    uint32_t value;
    uint32_t bucket;
    uint64_t bytes;
    uint64_t asks;
    uint64_t hits;
} index_resident_info;
/* Under the pool's lock: `each` must be short and must not ask the pool. */
void index_residents_each(index_residents *p,
                          void (*each)(void *payload,
                                       const index_resident_info *info),
                          void *payload);

/* ---- building a delta ---- */

typedef enum index_op {
    INDEX_SET = 1, /* one_of, flag: the value holds, others do not */
    INDEX_ADD,     /* many_of */
    INDEX_REMOVE,  /* that value */
    INDEX_CLEAR    /* all values of the attribute; also events */
} index_op;

typedef struct index_builder index_builder;
index_builder *index_builder_new(void);
void index_builder_free(index_builder *b);
/* Facts in log order. `expiry`: last live UTC hour, or INDEX_NEVER. */
void index_add_profile(index_builder *b, uint32_t attribute,
                       uint32_t provider, uint32_t row, index_op op,
                       uint32_t value, uint32_t expiry);
/* scaled x 10^4, |x| < 2^40. */
void index_add_number(index_builder *b, uint32_t attribute,
                      uint32_t provider, uint32_t row, int64_t scaled,
                      uint32_t expiry);
/* value INDEX_NO_VALUE: only under any. count >= 1, saturating at cap;
 * amount >= 0, x 10^4, 0 = none. */
void index_add_event(index_builder *b, uint32_t attribute, uint32_t provider,
                     uint32_t cap, uint32_t value, uint32_t bucket,
                     uint32_t row, uint32_t count, int64_t amount);
/* The universe: provider said something that is unexpired until `expiry`. */
void index_add_seen(index_builder *b, uint32_t provider, uint32_t row,
                    uint32_t expiry);
size_t index_builder_facts(const index_builder *b);
/* Heap bytes held, for facts to come too; finishing takes up to twice as much
 * again for a while. O(1). */
size_t index_builder_memory(const index_builder *b);
/* The delta of everything added; the builder is empty afterwards. */
index_layer *index_builder_finish(index_builder *b);

/* ---- views ---- */

/* A base and at most so many deltas, oldest first; layer 0 is the base. */
#define INDEX_DELTAS_MAX 64
typedef struct index_stack index_stack;

/* Each returns a view that the caller holds and releases; the view it is made
 * of stays as it is. O(layers). */
index_stack *index_view_empty(void);
index_stack *index_view_base(index_layer *take_base);
/* One delta more; NULL or an empty one: the same view, held once more. There
 * must be room for it. */
index_stack *index_view_push(const index_stack *x, index_layer *take_delta);
/* Layers [first, first + count) become one; first == 0: it is the base. x may
 * be newer than the view they were merged from: pushing adds at the end only.
 */
index_stack *index_view_replace(const index_stack *x, size_t first,
                                size_t count, index_layer *take_layer);
index_stack *index_view_retain(const index_stack *x);
void index_view_release(const index_stack *x); /* NULL is fine */
size_t index_layer_count(const index_stack *x);
/* Borrowed: it lives while the view is held. */
index_layer *index_layer_at(const index_stack *x, size_t i);
size_t index_delta_count(const index_stack *x);
uint64_t index_plane_bytes(const index_stack *x);
size_t index_plane_count(const index_stack *x);
/* Does any layer hold a plane of this provider's attribute? */
bool index_has_group(const index_stack *x, uint32_t attribute,
                     uint32_t provider);

/* What planes come to, and what CRoaring takes for the same sets, run-
 * optimised and in portable form. */
typedef struct index_weight {
    uint64_t planes;
    uint64_t rows; /* of all planes, so twice where two have one */
    uint64_t bytes;
    uint64_t croaring;
} index_weight;
typedef struct index_weights {
    index_weight said;    /* by providers */
    index_weight derived; /* of that: the universe, events of any value */
    uint64_t gaps;        /* between planes */
    uint64_t directory;   /* of a base as on disk, of deltas in memory */
} index_weights;
/* Reads every plane once, about 1 GB a second. `step` (may be NULL) comes now
 * and then; what is not 0 stops and is returned. Damaged planes are left out.
 */
int index_weigh(const index_stack *x, index_weights *out,
                int (*step)(void *payload, uint64_t done, uint64_t total),
                void *payload);

/* ---- merging ---- */

/* What merging needs to know of the attributes. */
typedef struct index_limits {
    /* The cap of an event attribute: merged counts saturate there. */
    uint32_t (*cap)(void *payload, uint32_t attribute);
    void *payload;
    /* Profile: what ended before this hour need not be kept in a base. */
    uint32_t now_hour;
    /* Events: the oldest bucket still within retention; NULL: all are. */
    uint32_t (*first_bucket)(void *payload, uint32_t attribute);
} index_limits;

/* Both take a while (about 20 ns a fact), on any thread; what is merged stays
 * as it is. The callbacks come on the same thread. The result is the
 * caller's.
 *
 * Deltas, oldest first, to one delta, which any layers below and above take
 * in their place. What has ended stays: it says what older layers keep. */
index_layer *index_merge_deltas(index_layer *const *layers, size_t count,
                                const index_limits *limits);
/* All layers to a base: rows only in their latest expiry, nothing that cuts
 * older layers, nothing that ended before now_hour or happened before
 * first_bucket (0 and NULL: all is kept). What is asked of later hours and
 * buckets has the same answers as before. */
index_layer *index_merge_base(const index_stack *x,
                              const index_limits *limits);
/* The same base, whose planes go to `write` as they are made, in order and in
 * pieces of some MiB; the directory is appended at the end. So memory holds
 * one group's sets and not the base. What `write` returns when it is not 0 is
 * returned; it is not called again then. */
int index_merge_base_to(const index_stack *x, const index_limits *limits,
                        index_write_fn write, void *payload,
                        buffer *directory);

/* ---- leaves: what one predicate holds ---- */

typedef enum leaf_type {
    LEAF_HELD,   /* profile: any of the values; `any`: any value at all */
    LEAF_NUMBER, /* a provider's number in [low, high] */
    LEAF_SEEN,   /* event in buckets [from, to] */
    LEAF_COUNT,  /* sum of counts in [low, high] */
    LEAF_TOTAL,  /* seen, and sum of amounts x 10^4 in [low, high] */
    LEAF_DAYS    /* distinct days in [low, high] */
} leaf_type;

typedef struct leaf_spec {
    leaf_type type;
    uint32_t attribute;
    const uint32_t *providers;
    uint32_t provider_count;
    const uint32_t *values; /* sorted */
    uint32_t value_count;
    bool any;
    bool exclusive; /* profile: a provider holds one of the values at most */
    uint32_t now_hour; /* profile: expiry >= now_hour is live */
    uint32_t from;     /* events: buckets, both included */
    uint32_t to;
    uint32_t bucket_hours; /* events: 24 or 1 */
    int64_t low;
    int64_t high; /* INT64_MAX: no upper end */
} leaf_spec;

typedef struct index_leaf index_leaf;   /* read-only; shared by threads */
typedef struct leaf_cursor leaf_cursor; /* one per thread */

/* Borrows the view's layers: it must be held while the leaf lives. */
index_leaf *index_leaf_new(const index_stack *x, const leaf_spec *spec);
void index_leaf_free(index_leaf *leaf);
leaf_cursor *leaf_cursor_new(const index_leaf *leaf);
void leaf_cursor_free(leaf_cursor *c);
/* Rows of one block for which the leaf holds. The ref points into the index
 * or into `out`. Growing blocks are fastest. */
block_ref index_leaf_block(const index_leaf *leaf, leaf_cursor *c,
                           uint32_t block, block_buf *out);
bool index_leaf_has(const index_leaf *leaf, uint32_t row);
/* An upper bound for ordering by cost: rows in its planes. */
uint64_t index_leaf_weight(const index_leaf *leaf);

/* ---- formulas over leaves and planes ---- */

#include "index/formula.h"

/* ---- what is known of one user ---- */

typedef struct index_fact {
    uint32_t provider;
    uint32_t value;
    uint32_t bucket; /* profile: expiry; event: bucket */
    uint32_t count;  /* event */
    int64_t amount;  /* event, x 10^4 */
    int64_t number;  /* number, x 10^4 */
} index_fact;
/* Calls each fact that stands (expired ones too) of a profile or event
 * attribute; for events value 0 entries are the any-value sums. */
typedef void (*index_fact_fn)(void *payload, const index_fact *f);
void index_facts_each(const index_stack *x, uint32_t attribute,
                      bool is_event, bool is_number, uint32_t row,
                      index_fact_fn each, void *payload);

/* ---- everything ---- */

typedef struct index_entry {
    uint32_t attribute;
    uint32_t provider;
    uint32_t row;
    uint32_t value;  /* event: 0 is any; flag, number: 0 */
    uint32_t bucket; /* profile: expiry; event: bucket */
    uint32_t count;  /* event; else 1 */
    int64_t amount;  /* event, x 10^4 */
    int64_t number;  /* number, x 10^4 */
} index_entry;

/* Calls every entry that stands in the view once its layers are folded, also
 * those that have ended and the engine's own attributes; of the limits only
 * `cap` is asked. Group by group (memory: one group), in an order that is the
 * same for the same view. `step` (may be NULL) comes after each group, with
 * the planes passed and all of them. What is not 0 from either stops and is
 * returned. About 10 ns an entry, and as much for each slice of its number or
 * amount. */
int index_entries_each(const index_stack *x, const index_limits *limits,
                       int (*each)(void *payload, const index_entry *e),
                       int (*step)(void *payload, uint64_t done,
                                   uint64_t total),
                       void *payload);

#endif
