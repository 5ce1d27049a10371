/*
 * columns.h - a boolean expression over the words of one block, every operand
 * read once and nothing written but what is asked for.
 *
 * A block's 1,024 words are taken strip by strip (32 words = 2,048 rows). For
 * each strip all steps run one after the other: a step folds its operands in
 * the processor's registers; its result is a strip that stays in the first
 * cache for later steps, and the last step's is counted or stored. So an
 * expression of any shape costs one read of its planes, and what lies between
 * is never as wide as a block.
 *
 *   AND    every plain operand and no flipped one
 *   OR     some plain operand, or not all of the flipped ones
 *   TALLY  low to high of the plain operands
 *   RANGE  the plain operands are the bits of a number, lowest first, and it
 *          is in [low, high]
 *
 * An operand is words of a plane (at moves with the strip) or an earlier
 * step's strip (it stands still). Words may be unaligned.
 *
 * A sample takes slivers instead (8 words = 512 rows, a line of the cache):
 * the same steps over the sliver alone (slivers_body.h), whose words stand at
 * the beginning of each step's strip.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_COLUMNS_H
#define INDEX_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#define STRIP_WORDS 32u
#define STRIPS 32u /* of a block */
#define STRIP_ROWS 2048u
#define SLIVER_WORDS 8u
#define SLIVERS 128u /* of a block */
#define SLIVER_ROWS 512u
/* Operands of a TALLY. */
#define TALLY_BITS 14u
#define TALLY_MAX ((1u << TALLY_BITS) - 1)

typedef uint64_t column_word __attribute__((aligned(1), may_alias));

typedef enum columns_op {
    COLUMNS_AND,
    COLUMNS_OR,
    COLUMNS_TALLY,
    COLUMNS_RANGE
} columns_op;

typedef struct columns_operand {
    const column_word *at;
    uint32_t stride; /* words from strip to strip: STRIP_WORDS or 0 */
} columns_operand;

typedef struct columns_step {
    columns_op op;
    uint32_t first;   /* of its operands */
    uint32_t plain;   /* as they are */
    uint32_t flipped; /* behind them: AND and OR take their complement */
    uint64_t low;
    uint64_t high;
    uint64_t *to; /* its strip, 64-byte aligned; the last step needs none */
} columns_step;

typedef struct columns_run {
    const columns_step *steps;
    uint32_t count; /* at least one */
    const columns_operand *operands;
} columns_run;

#endif
