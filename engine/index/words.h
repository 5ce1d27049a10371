/*
 * words.h - the inner loops: 65,536 rows as 1,024 words.
 *
 * One body (words_body.h) is compiled three times, for portable C, AVX2 and
 * AVX-512 (VPOPCNTDQ); words_ops() picks a level once. AVX-512 is taken only
 * after a self-test against portable C. MUSTER_SIMD=portable|avx2|avx512
 * forces a level; one that the processor lacks falls back to the best it has.
 *
 * Inputs may be unaligned (they point into mapped files); outputs are
 * registers of ours, 64-byte aligned. An output may be one of the inputs.
 * Functions that return bool say whether any bit of the result is set.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_WORDS_H
#define INDEX_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "index/columns.h"

#define WORDS 1024

/* Words as they lie in a file. */
typedef uint64_t word_in __attribute__((aligned(1), may_alias));
typedef uint64_t word_out __attribute__((aligned(8), may_alias));
typedef uint16_t row_in __attribute__((aligned(1), may_alias));

typedef struct words_ops {
    const char *name;
    bool (*and_)(word_out *out, const word_in *a, const word_in *b);
    bool (*andnot)(word_out *out, const word_in *a, const word_in *b);
    void (*or_)(word_out *out, const word_in *a, const word_in *b);
    uint32_t (*count)(const word_in *a);
    uint32_t (*and_count)(const word_in *a, const word_in *b);
    uint32_t (*andnot_count)(const word_in *a, const word_in *b);
    uint32_t (*or_count)(const word_in *a, const word_in *b);
    bool (*any)(const word_in *a);
    /* slice, carry = slice ^ carry, slice & carry; true while carry is left */
    bool (*half_add)(word_out *slice, word_out *carry);
    /* slice, carry = sum and carry of slice + add + carry; true while carry
     * is left */
    bool (*full_add)(word_out *slice, const word_in *add, word_out *carry);
    /* One slice of a comparison with a constant whose bit is `bit`, from the
     * highest slice down: less/greater grow, equal shrinks. */
    void (*compare)(word_out *less, word_out *greater, word_out *equal,
                    const word_in *slice, bool bit);
    /* Rows that two ascending arrays share, for arrays of similar length:
     * written to out (room for the shorter one, not an input) and counted. */
    uint32_t (*intersect)(uint16_t *out, const row_in *a, uint32_t a_len,
                          const row_in *b, uint32_t b_len);
    uint32_t (*intersect_count)(const row_in *a, uint32_t a_len,
                                const row_in *b, uint32_t b_len);
    /* Rows of an array whose bit is set (flip 0) or not (flip 1), counted;
     * pick also writes them to out, which may be the array's memory. */
    uint32_t (*pick)(uint16_t *out, const row_in *rows, uint32_t n,
                     const word_in *words, uint64_t flip);
    uint32_t (*pick_count)(const row_in *rows, uint32_t n,
                           const word_in *words);
    void (*set_rows)(word_out *words, const row_in *rows, uint32_t n);
    /* Bit i of mask: is the bit of rows[i] set? n <= 512; whole words of mask
     * are written. */
    void (*probe)(uint64_t *mask, const row_in *rows, uint32_t n,
                  const word_in *words);
    /* columns.h: rows of strips [first, end) for which the last step holds;
     * or all of them stored to out. */
    uint32_t (*columns_count)(const columns_run *r, uint32_t first,
                              uint32_t end);
    bool (*columns_store)(const columns_run *r, word_out *out);
    /* The words of one sliver, 64-byte aligned, and its rows counted. */
    uint32_t (*columns_sliver)(const columns_run *r, uint32_t sliver,
                               uint64_t *out);
} words_ops;

extern const words_ops words_portable;
extern const words_ops words_avx2;
extern const words_ops words_avx512;

/* The chosen level; one load after the first call. Any thread. */
extern const words_ops *words_chosen;
const words_ops *words_choose(void);
static inline const words_ops *words_get(void)
{
    const words_ops *ops = __atomic_load_n(&words_chosen, __ATOMIC_ACQUIRE);
    return ops ? ops : words_choose();
}
/* Does the processor have the level ("portable", "avx2", "avx512")? */
bool words_has(const char *name);
/* Runs each operation of `ops` on fixed patterns against portable C. */
bool words_self_test(const words_ops *ops);

#endif
