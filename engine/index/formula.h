/*
 * formula.h - a boolean formula over planes, asked block by block, row by row.
 *
 * It is built bottom up, then read-only: threads share it, each with a frame
 * of its own. Parts are numbers; equal parts are one part, so what occurs
 * twice is evaluated once a block. A part and its complement differ in the
 * lowest bit.
 *
 * One formula, readings that agree:
 *
 *   a block   parts are bound to what the planes hold there (formula_block.c):
 *             what the container directory decides is folded away (nobody,
 *             all), a chain whose smallest member is a short list of rows is
 *             asked for those rows only, lists of runs are met as runs, and
 *             what is left becomes column steps (columns.h), so that every
 *             plane is read once and nothing between is stored
 *   a sliver  512 rows of a block, for samples: bound like a block, to what
 *             the planes hold there (formula_sample.c)
 *   rows      up to 512 of them: a bit a row for each part (formula_rows.c)
 *   one row   stops as soon as the answer is known
 * and many formulas in one, for rows anywhere (formula_far.c).
 *
 * Cost: about 10 ns a part and block to bind; then the memory that is read.
 * A frame takes about 100 bytes a part, 300 for each that is put together, and
 * 8 KiB for each list of rows or runs that must become words.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_FORMULA_H
#define INDEX_FORMULA_H

#include <stddef.h>

#include "index/block.h"

typedef struct index_leaf index_leaf;
struct plane_view;
typedef struct formula formula;
typedef uint32_t formula_part;

#define FORMULA_NOBODY ((formula_part)0)
#define FORMULA_ALL ((formula_part)1)

static inline formula_part formula_not(formula_part p)
{
    return p ^ 1u;
}

formula *formula_new(void);
void formula_free(formula *f); /* NULL is fine */
/* Planes are read where they lie: no resident form is asked or wished for. */
void formula_without_forms(formula *f);

/* ---- parts; lists are copied, order and repetition do not matter ---- */

/* The plane's bytes must stay while the formula lives; `rows` is what it
 * holds, for ordering. */
formula_part formula_plane(formula *f, const struct plane_view *v,
                           uint64_t rows);
/* A predicate that is not a formula over planes; borrowed. */
formula_part formula_leaf(formula *f, const index_leaf *leaf);
formula_part formula_and(formula *f, const formula_part *list, size_t n);
formula_part formula_or(formula *f, const formula_part *list, size_t n);
/* low to high of the list hold; here repetition counts. */
formula_part formula_tally(formula *f, const formula_part *list, size_t n,
                           uint64_t low, uint64_t high);
/* The number whose bits are the list, lowest first, is in [low, high]. */
formula_part formula_range(formula *f, const formula_part *bits, size_t n,
                           uint64_t low, uint64_t high);
/* The code of a form of resident.h is in [low, high], low >= 1; the formula
 * holds it already. */
struct resident_form;
formula_part formula_codes(formula *f, const struct resident_form *form,
                           uint64_t low, uint64_t high);
/* Rows of p that keep() says yes to; asked for each of them. */
typedef bool (*formula_keep_fn)(const void *payload, uint32_t row);
formula_part formula_filter(formula *f, formula_part p, formula_keep_fn keep,
                            const void *payload);
/* The predicate of a leaf, which must stay while the formula lives: over its
 * planes where that can be said so, else as formula_leaf. */
formula_part index_leaf_formula(formula *f, const index_leaf *leaf);
/* What must stay while the formula lives: a form, or a wish for one. */
void formula_hold(formula *f, struct resident_form *take, bool is_wish);
/* The question is asked again: what it wished for counts more. */
void formula_ask_again(const formula *f);
/* What is asked, of how many rows; once, at the end. */
void formula_root(formula *f, formula_part root, uint32_t rows);

/* Planes that are read; a leaf counts as one. */
uint32_t formula_plane_count(const formula *f);
/* A guess of the rows that hold, from above. */
uint64_t formula_weight(const formula *f, formula_part p);

/* ---- asking ---- */

typedef struct formula_frame formula_frame; /* one thread's */
formula_frame *formula_frame_new(const formula *f);
void formula_frame_free(formula_frame *x); /* NULL is fine */
/* Rows in blocks [first, end); growing blocks are fastest. */
uint64_t formula_count_blocks(formula_frame *x, uint32_t first, uint32_t end);
static inline uint32_t formula_count(formula_frame *x, uint32_t block)
{
    return (uint32_t)formula_count_blocks(x, block, block + 1);
}
/* Stays until the frame is asked again. */
block_ref formula_block(formula_frame *x, uint32_t block);
bool formula_has(const formula *f, uint32_t row);

/* A part of a formula that has been rooted, for one row. */
bool formula_part_has(const formula *f, formula_part p, uint32_t row);

/* Many parts at once, for rows anywhere: bit i of out[k] tells of roots[k] and
 * rows[i], ascending, at most FORMULA_ROWS_MAX of them; bits behind the rows
 * are undefined. What they need is asked once: about 15 ns a plane and block
 * that rows lie in, 10 ns a part. */
#define FORMULA_ROWS_MAX 512u
#define FORMULA_MASK_WORDS (FORMULA_ROWS_MAX / 64)
void formula_masks(const formula *f, const formula_part *roots, size_t count,
                   const uint32_t *rows, uint32_t n,
                   uint64_t (*out)[FORMULA_MASK_WORDS]);

/* Samples: a block's slivers are its runs of 512 rows, 0 to 127. Can slivers
 * be counted without looking at whole blocks (no leaf is left), and is it more
 * than a plane, whose directory has its count? What is resident is no matter.
 */
bool formula_has_slivers(const formula *f);
/* The rows of n slivers of a block that hold, each. About 15 ns a sliver and
 * plane; 20 ns a part and block, or sliver where short lists are met. */
void formula_count_slivers(formula_frame *x, uint32_t block,
                           const uint8_t *slivers, uint32_t n,
                           uint32_t *counts);
/* They will be counted soon: their memory is on its way. */
void formula_fetch_slivers(const formula *f, uint32_t block,
                           const uint8_t *slivers, uint32_t n);

/* Each piece of memory that its planes hold in a block, in the form in which
 * they are read: what counting the block has to read at most, once. */
typedef void (*formula_read_fn)(void *payload, const void *at, size_t len);
void formula_reads(const formula *f, uint32_t block, formula_read_fn each,
                   void *payload);

#endif
