/*
 * leaf.h - a predicate resolved to views of planes; private to the room.
 *
 * Views are gathered once, when the leaf is made. Profile leaves are unions
 * of terms (one provider, and where sayings can cancel each other one value);
 * a term is folded over its layers, oldest first. Event leaves are lists of
 * parts (one plane with its count and amount slices); a part of an older
 * layer loses the rows that a later layer of the same provider cleared, so
 * parts add up in any order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_LEAF_H
#define INDEX_LEAF_H

#include "index/builder.h"
#include "index/formula.h"

#define NO_VIEW UINT32_MAX

typedef struct view_span {
    uint32_t first;
    uint32_t count;
} view_span;

/* Where a view is from. */
typedef struct view_source {
    const index_layer *layer;
    const layer_entry *entry;
} view_source;

/* What one layer says to one term. */
typedef struct fold_layer {
    uint32_t hard; /* views, NO_VIEW when missing */
    uint32_t soft;
    uint32_t removed;
    view_span live;
    view_span said; /* every saying, live or not */
} fold_layer;

typedef struct fold_term {
    uint32_t first; /* into folds */
    uint32_t count;
    bool whole; /* all values that are asked for, not one of several */
} fold_term;

/* One event plane. */
typedef struct event_part {
    uint32_t seen;
    view_span counts;  /* slice numbers are in slice_of */
    view_span amounts;
    view_span clears;  /* HARD planes of later layers */
    uint32_t day;
} event_part;

/* One provider's number in one layer. */
typedef struct number_layer {
    uint32_t hard;
    uint32_t soft;
    uint32_t sign;
    uint32_t bits[NUMBER_BITS];
    view_span live;
} number_layer;

struct index_leaf {
    leaf_type type;
    int64_t low;
    int64_t high;
    leaf_spec spec; /* its lists are the asker's */
    plane_view *views;
    view_source *sources; /* of each view */
    uint8_t *slice_of; /* COUNT, TOTAL: slice number of a view */
    uint32_t view_count;
    size_t view_capacity;
    size_t source_capacity;
    size_t slice_capacity;
    fold_layer *folds;
    uint32_t fold_count;
    size_t fold_capacity;
    fold_term *terms;
    uint32_t term_count;
    size_t term_capacity;
    event_part *parts; /* by day for LEAF_DAYS */
    uint32_t part_count;
    size_t part_capacity;
    number_layer *numbers; /* all providers; terms tell them apart */
    uint32_t number_count;
    size_t number_capacity;
    uint64_t weight;
    bool flat;     /* profile: the union of all views */
};

#define CURSOR_BUFS 6
struct leaf_cursor {
    block_buf *bufs; /* CURSOR_BUFS */
    block_buf *slices; /* counters, made when first needed */
    uint32_t slice_count;
    uint64_t *sums;  /* 65,536, all zero between blocks */
    uint16_t *touched;
    uint32_t hints[]; /* one a view */
};

static inline block_ref leaf_at(const index_leaf *leaf, leaf_cursor *c,
                                uint32_t view, uint32_t block)
{
    return view_block(&leaf->views[view], block, &c->hints[view]);
}
static inline bool leaf_view_has(const index_leaf *leaf, uint32_t view,
                                 uint32_t row)
{
    return view != NO_VIEW && view_has(&leaf->views[view], row);
}

/* Union of a span of views, in `out` or pointing into the index. */
block_ref span_block(const index_leaf *leaf, leaf_cursor *c, view_span span,
                     uint32_t block, block_buf *out);
bool span_has(const index_leaf *leaf, view_span span, uint32_t row);
/* `count` registers for bit-sliced counters. */
block_buf *cursor_slices(leaf_cursor *c, uint32_t count);
/* The scalar counters of a block. */
uint64_t *cursor_sums(leaf_cursor *c);

/* What views hold of up to FORMULA_ROWS_MAX rows anywhere: a bit a row, NULL
 * when it is none of them. */
typedef struct view_masks {
    const uint64_t *(*of)(void *payload, const plane_view *v);
    void *payload;
} view_masks;
/* The rows for which a leaf of events holds. About 5 ns a part, and as much
 * for each of its rows. */
void leaf_event_mask(const index_leaf *leaf, const view_masks *m,
                     uint64_t *out);

/* leaf_number.c: bounds beyond any number become "none", else as the slices
 * say |x|. */
uint64_t leaf_number_bound(int64_t scaled);

/* Gathering views. */
uint32_t leaf_add_view(index_leaf *leaf, const index_layer *l,
                       const layer_entry *e);
uint32_t leaf_find_view(index_leaf *leaf, const index_layer *l,
                        const plane_key *key);

void leaf_gather_held(index_leaf *leaf, const index_stack *x,
                      const leaf_spec *spec);
void leaf_gather_events(index_leaf *leaf, const index_stack *x,
                        const leaf_spec *spec);
void leaf_gather_numbers(index_leaf *leaf, const index_stack *x,
                         const leaf_spec *spec);

block_ref leaf_held_block(const index_leaf *leaf, leaf_cursor *c,
                          uint32_t block, block_buf *out);
bool leaf_held_has(const index_leaf *leaf, uint32_t row);
block_ref leaf_seen_block(const index_leaf *leaf, leaf_cursor *c,
                          uint32_t block, block_buf *out);
block_ref leaf_count_block(const index_leaf *leaf, leaf_cursor *c,
                           uint32_t block, block_buf *out);
block_ref leaf_total_block(const index_leaf *leaf, leaf_cursor *c,
                           uint32_t block, block_buf *out);
block_ref leaf_days_block(const index_leaf *leaf, leaf_cursor *c,
                          uint32_t block, block_buf *out);
bool leaf_event_has(const index_leaf *leaf, uint32_t row);
block_ref leaf_number_block(const index_leaf *leaf, leaf_cursor *c,
                            uint32_t block, block_buf *out);
bool leaf_number_has(const index_leaf *leaf, uint32_t row);

#endif
