/*
 * block.h - sets of up to 65,536 rows: the unit of evaluation.
 *
 * A block_ref is a borrowed view of one container, in the forms of the
 * portable Roaring format plus the two trivial ones:
 *     EMPTY              no row
 *     FULL               all 65,536 rows
 *     ARRAY  n values    sorted distinct uint16 (n <= 4,096 when stored)
 *     BITSET             1,024 words
 *     RUN    n runs      pairs (start, length - 1), sorted, not touching
 * It points into a mapped plane or into a block_buf (a register of 8 KiB).
 * Operations return a ref that may point into `out`, or be one of the inputs
 * (nothing is copied when the answer is an input). `out` must not be the
 * memory of an input, except where said.
 *
 * Cost: bitset against bitset 1,024 word operations; array against anything
 * is linear in the array (galloping when the other array is much longer).
 * Threads: pure functions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_BLOCK_H
#define INDEX_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "index/words.h"

#define BLOCK_ROWS 65536u
#define BLOCK_ARRAY_MAX 4096u

typedef enum block_type {
    BLOCK_EMPTY,
    BLOCK_FULL,
    BLOCK_ARRAY,
    BLOCK_BITSET,
    BLOCK_RUN
} block_type;

typedef struct block_ref {
    block_type type;
    uint32_t n; /* ARRAY: values; RUN: runs; BITSET: cardinality or
                   BLOCK_UNKNOWN */
    const void *data;
} block_ref;
#define BLOCK_UNKNOWN UINT32_MAX

typedef struct block_buf {
    uint64_t words[WORDS] __attribute__((aligned(64)));
} block_buf;

static inline block_ref block_empty(void)
{
    return (block_ref){BLOCK_EMPTY, 0, 0};
}
static inline block_ref block_full(void)
{
    return (block_ref){BLOCK_FULL, 0, 0};
}
/* A register full of words as a ref. */
static inline block_ref block_bits(const block_buf *buf)
{
    return (block_ref){BLOCK_BITSET, BLOCK_UNKNOWN, buf->words};
}

uint32_t block_count(block_ref a);
bool block_has(block_ref a, uint32_t row); /* row < 65,536 */
/* No row? For BITSET this reads words until one is set. */
bool block_is_empty(block_ref a);

block_ref block_and(block_ref a, block_ref b, block_buf *out);
block_ref block_andnot(block_ref a, block_ref b, block_buf *out);
block_ref block_or(block_ref a, block_ref b, block_buf *out);
uint32_t block_and_count(block_ref a, block_ref b);
uint32_t block_andnot_count(block_ref a, block_ref b);
uint32_t block_or_count(block_ref a, block_ref b);

/* Writes the words of a (out may be a's own memory when BITSET). */
void block_expand(block_ref a, block_buf *out);
void block_clear(block_buf *out);
/* Rows first to last, both included. */
void block_fill(uint64_t *words, uint32_t first, uint32_t last);
/* out |= a; out &= ~a; out &= a: in place on words. */
void block_or_into(block_buf *out, block_ref a);
void block_andnot_into(block_buf *out, block_ref a);
void block_and_into(block_buf *out, block_ref a);
/* The words of a: its own when BITSET, else expanded into buf. */
const word_in *block_words(block_ref a, block_buf *buf);

/* First index >= from of an ascending array whose row is >= row: gallops. */
uint32_t block_array_seek(const row_in *a, uint32_t n, uint32_t from,
                          uint32_t row);

/* Writes the rows in order; `out` holds at least block_count(a). */
uint32_t block_rows(block_ref a, uint16_t *out);

#endif
