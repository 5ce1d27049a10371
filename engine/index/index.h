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
 *   builder.c  facts in log order to a delta
 *   merge.c    base and deltas to a new base
 *   index.c    the stack of layers that a reader sees
 *   leaf.c, leaf_count.c, leaf_number.c  what one predicate holds, per block
 *              and per row
 *   facts.c    what is known of one user
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
 * plus its share of the plane directory (32 bytes a plane).
 * Threads: layers are immutable; an index is changed by one thread while
 * nobody reads (the engine's lock).
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

typedef struct index_layer index_layer;

/* Bytes of both parts must stay for the layer's life; checks bounds of the
 * directory and the header of each plane (MUSTER_ECORRUPT). */
int index_layer_open(index_layer **out, const void *directory,
                     size_t directory_len, const void *planes,
                     size_t planes_len, muster_error *err);
const void *index_layer_directory(const index_layer *l, size_t *len);
const void *index_layer_planes(const index_layer *l, size_t *len);
size_t index_layer_plane_count(const index_layer *l);
void index_layer_free(index_layer *l);
/* Deep check of every plane; the first bad one is named. */
int index_layer_check(const index_layer *l, muster_error *err);

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
/* The delta of everything added; the builder is empty afterwards. */
index_layer *index_builder_finish(index_builder *b);

/* ---- the stack ---- */

typedef struct index_stack index_stack;
/* The cap of an event attribute: merged counts saturate there. */
typedef uint32_t (*index_cap_fn)(void *payload, uint32_t attribute);

index_stack *index_new(index_cap_fn cap, void *payload);
void index_free(index_stack *x); /* and its layers */
/* Takes the layer as the base (only while empty) or the newest delta. An
 * empty delta is dropped. More than INDEX_DELTAS_MAX are merged into a new
 * base first. */
#define INDEX_DELTAS_MAX 64
void index_push(index_stack *x, index_layer *take_layer, bool base);
/* One base of everything: rows only in their latest expiry, delta-only roles
 * gone. Returned borrowed. */
const index_layer *index_compact(index_stack *x);
/* Grows whenever what the stack answers may change. */
uint64_t index_version(const index_stack *x);
size_t index_delta_count(const index_stack *x);
uint64_t index_plane_bytes(const index_stack *x);
size_t index_plane_count(const index_stack *x);

/* Does any layer hold a plane of this provider's attribute? */
bool index_has_group(const index_stack *x, uint32_t attribute,
                     uint32_t provider);

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

/* Borrows the stack's layers: it must not change while the leaf lives. */
index_leaf *index_leaf_new(const index_stack *x, const leaf_spec *spec);
void index_leaf_free(index_leaf *leaf);
leaf_cursor *leaf_cursor_new(const index_leaf *leaf);
void leaf_cursor_free(leaf_cursor *c);
/* Rows of one block for which the leaf holds. The ref points into the index
 * or into `out`. Growing blocks are fastest. */
block_ref index_leaf_block(const index_leaf *leaf, leaf_cursor *c,
                           uint32_t block, block_buf *out);
/* Rows of one block for which the leaf holds and that are in `among`, counted;
 * unlike the two steps this needs no union where planes are disjoint. */
uint32_t index_leaf_and_count(const index_leaf *leaf, leaf_cursor *c,
                              uint32_t block, block_ref among,
                              block_buf *out);
/* Is it a union of several planes that share no row? */
bool index_leaf_is_disjoint(const index_leaf *leaf);
bool index_leaf_has(const index_leaf *leaf, uint32_t row);
/* An upper bound for ordering by cost: rows in its planes. */
uint64_t index_leaf_weight(const index_leaf *leaf);

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

#endif
