/*
 * formula_parts.h - what a formula is made of; private to formula*.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_FORMULA_PARTS_H
#define INDEX_FORMULA_PARTS_H

#include "index/formula.h"
#include "index/leaf.h"

/* A list of rows so short that asking for them one by one is cheaper than
 * reading the words of a block. */
#define ROWS_MAX FORMULA_ROWS_MAX
#define MASK_WORDS (ROWS_MAX / 64)

typedef enum part_type {
    PART_NOBODY,
    PART_PLANE,  /* first: number of its plane */
    PART_LEAF,   /* first: number of its leaf */
    PART_AND,    /* count children from first */
    PART_OR,
    PART_TALLY,
    PART_RANGE,
    PART_FILTER  /* one child */
} part_type;

typedef struct part {
    part_type type;
    uint32_t first;
    uint32_t count;
    uint64_t low;
    uint64_t high;
    uint64_t weight;
    float cost;   /* planes probed for a row (formula_order.c) */
    float chance; /* that a row holds */
    formula_keep_fn keep;
    const void *payload;
} part;

typedef struct held_form {
    struct resident_form *form;
    bool is_wish;
} held_form;

struct formula {
    part *parts;
    uint32_t count;
    size_t capacity;
    formula_part *children;
    formula_part *asked; /* the same, in the order one row is asked */
    uint32_t child_count;
    size_t child_capacity;
    plane_view *planes;
    uint32_t plane_count;
    size_t plane_capacity;
    const index_leaf **leaves;
    uint32_t leaf_count;
    size_t leaf_capacity;
    held_form *forms;
    uint32_t form_count;
    size_t form_capacity;
    uint32_t *same; /* open addressing: part number + 1 */
    size_t same_mask;
    formula_part root;
    uint32_t rows; /* there are */
    bool formless; /* no resident form is asked for */
};

/* What a part holds in the frame's block: a set, or (data) a step whose strip
 * later steps read. */
#define BLOCK_STRIP ((block_type)(BLOCK_RUN + 1))

struct formula_frame {
    const formula *f;
    uint32_t block;
    uint32_t asked;        /* how often: tells values of this block */
    uint32_t *hints;       /* one a plane */
    leaf_cursor **cursors; /* one a leaf */
    block_ref *values;     /* one a part */
    uint32_t *bound;       /* one a part: when it was bound, as `asked` */
    columns_step *steps;
    uint32_t step_count;
    columns_operand *operands;
    uint32_t operand_count;
    columns_operand *spare; /* of a step being made */
    uint64_t (*strips)[STRIP_WORDS]; /* one a step */
    block_ref *list;       /* values of children being gathered: a stack */
    uint32_t list_count;
    block_buf **bufs;      /* registers, made when first needed */
    uint32_t buf_count;    /* in use in this block */
    uint32_t buf_made;
    size_t buf_capacity;
    uint32_t sliver;       /* of the block, alone, or NO_SLIVER: all of it */
    uint32_t cuts;         /* sets of this block that were cut to it */
};

static inline const part *part_of(const formula *f, formula_part p)
{
    return &f->parts[p >> 1];
}
static inline bool is_flipped(formula_part p)
{
    return p & 1u;
}

/* A frame that is asked for a sliver: sets are cut to it when they are bound,
 * words count within it only. */
#define NO_SLIVER UINT32_MAX

static inline uint64_t *sliver_of(const formula_frame *x, uint64_t *words)
{
    return words + (size_t)x->sliver * SLIVER_WORDS;
}
/* Its rows of a set: nobody, all, an array, or words. */
block_ref sliver_cut(formula_frame *x, block_ref v);
/* Writes the sliver's words of what was cut or made of it. */
void sliver_expand(const formula_frame *x, block_ref v, block_buf *out);

/* The root in a block, of the sliver. */
block_ref sliver_bind(formula_frame *x, uint32_t block);
/* All steps up to a value's. */
columns_run run_to(const formula_frame *x, block_ref v);
/* What a plane or leaf holds in the frame's block. */
block_ref part_set(formula_frame *x, formula_part p);
/* Bit i of mask: does p hold for rows[i]? n <= ROWS_MAX; all MASK_WORDS that n
 * needs are written, bits behind n undefined. */
void part_mask(formula_frame *x, formula_part p, const row_in *rows,
               uint32_t n, uint64_t *mask);
/* Bit i of mask: is rows[i] in the set? Rows ascending. */
void mask_set(block_ref set, const row_in *rows, uint32_t n, uint64_t *mask);
/* Who asks for the masks of parts that are put together of others. */
typedef struct mask_asker {
    const formula *f;
    uint32_t n; /* rows */
    /* The mask of a part, whose lowest bit is passed over. */
    void (*part)(const struct mask_asker *a, formula_part p, uint64_t *mask);
    uint32_t (*row)(const struct mask_asker *a, uint32_t i);
} mask_asker;
void mask_combined(const mask_asker *a, const part *p, uint64_t *mask);
/* A register that is the block's until the next block. */
block_buf *frame_buf(formula_frame *x);

#endif
