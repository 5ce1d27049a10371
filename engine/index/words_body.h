/*
 * words_body.h - the loops of words.h, compiled once per level. The including
 * file defines WORDS_NAME and sets the target; the compiler vectorises.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/words.h"

#include <stddef.h>
#if defined(__SSE4_2__)
#include <nmmintrin.h>
#endif

static bool body_and(word_out *out, const word_in *a, const word_in *b)
{
    uint64_t any = 0;
    for (int i = 0; i < WORDS; i++) {
        const uint64_t w = a[i] & b[i];
        out[i] = w;
        any |= w;
    }
    return any != 0;
}

static bool body_andnot(word_out *out, const word_in *a, const word_in *b)
{
    uint64_t any = 0;
    for (int i = 0; i < WORDS; i++) {
        const uint64_t w = a[i] & ~b[i];
        out[i] = w;
        any |= w;
    }
    return any != 0;
}

static void body_or(word_out *out, const word_in *a, const word_in *b)
{
    for (int i = 0; i < WORDS; i++)
        out[i] = a[i] | b[i];
}

static uint32_t body_count(const word_in *a)
{
    uint64_t n = 0;
    for (int i = 0; i < WORDS; i++)
        n += (uint64_t)__builtin_popcountll(a[i]);
    return (uint32_t)n;
}

static uint32_t body_and_count(const word_in *a, const word_in *b)
{
    uint64_t n = 0;
    for (int i = 0; i < WORDS; i++)
        n += (uint64_t)__builtin_popcountll(a[i] & b[i]);
    return (uint32_t)n;
}

static uint32_t body_andnot_count(const word_in *a, const word_in *b)
{
    uint64_t n = 0;
    for (int i = 0; i < WORDS; i++)
        n += (uint64_t)__builtin_popcountll(a[i] & ~b[i]);
    return (uint32_t)n;
}

static uint32_t body_or_count(const word_in *a, const word_in *b)
{
    uint64_t n = 0;
    for (int i = 0; i < WORDS; i++)
        n += (uint64_t)__builtin_popcountll(a[i] | b[i]);
    return (uint32_t)n;
}

static bool body_any(const word_in *a)
{
    for (int i = 0; i < WORDS; i += 32) {
        uint64_t any = 0;
        for (int j = 0; j < 32; j++)
            any |= a[i + j];
        if (any)
            return true;
    }
    return false;
}

static bool body_half_add(word_out *slice, word_out *carry)
{
    uint64_t any = 0;
    for (int i = 0; i < WORDS; i++) {
        const uint64_t s = slice[i];
        const uint64_t c = carry[i];
        slice[i] = s ^ c;
        carry[i] = s & c;
        any |= s & c;
    }
    return any != 0;
}

static bool body_full_add(word_out *slice, const word_in *add,
                          word_out *carry)
{
    uint64_t any = 0;
    for (int i = 0; i < WORDS; i++) {
        const uint64_t s = slice[i];
        const uint64_t a = add[i];
        const uint64_t c = carry[i];
        const uint64_t out = (s & a) | (c & (s ^ a));
        slice[i] = s ^ a ^ c;
        carry[i] = out;
        any |= out;
    }
    return any != 0;
}

static void body_compare(word_out *less, word_out *greater, word_out *equal,
                         const word_in *slice, bool bit)
{
    if (bit) {
        for (int i = 0; i < WORDS; i++) {
            less[i] |= equal[i] & ~slice[i];
            equal[i] &= slice[i];
        }
    } else {
        for (int i = 0; i < WORDS; i++) {
            greater[i] |= equal[i] & slice[i];
            equal[i] &= ~slice[i];
        }
    }
}

/* ---- arrays ---- */

typedef struct both_arrays {
    const row_in *a;
    const row_in *b;
    uint32_t a_len;
    uint32_t b_len;
    uint32_t i; /* next of a, next of b */
    uint32_t j;
} both_arrays;

#if defined(__SSE4_2__)
static inline __m128i load_eight(const row_in *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}
#endif

/* Eight values against eight in one comparison, while both have eight. The
 * comparison takes a 0 for an end, so a leading 0 is dealt with before. */
static inline uint32_t intersect_eights(both_arrays *x, uint16_t *out)
{
    uint32_t n = 0;
#if defined(__SSE4_2__)
    if (x->a_len < 8 || x->b_len < 8)
        return 0;
    if (x->a[0] == 0 && x->b[0] == 0) {
        if (out)
            out[0] = 0;
        n = 1;
    }
    uint32_t i = x->a[0] == 0;
    uint32_t j = x->b[0] == 0;
    if (i + 8 > x->a_len || j + 8 > x->b_len)
        goto out;
    __m128i va = load_eight(x->a + i);
    __m128i vb = load_eight(x->b + j);
    for (;;) {
        const uint32_t a_top = x->a[i + 7];
        const uint32_t b_top = x->b[j + 7];
        const __m128i mask = _mm_cmpistrm(
            vb, va,
            _SIDD_UWORD_OPS | _SIDD_CMP_EQUAL_ANY | _SIDD_BIT_MASK);
        uint32_t found = (uint32_t)_mm_cvtsi128_si32(mask);
        if (!out)
            n += (uint32_t)__builtin_popcount(found);
        for (; out && found; found &= found - 1)
            out[n++] = x->a[i + (uint32_t)__builtin_ctz(found)];
        if (a_top <= b_top) {
            i += 8;
            if (i + 8 > x->a_len) {
                j += b_top <= a_top ? 8 : 0;
                break;
            }
            va = load_eight(x->a + i);
        }
        if (b_top <= a_top) {
            j += 8;
            if (j + 8 > x->b_len)
                break;
            vb = load_eight(x->b + j);
        }
    }
out:
    x->i = i;
    x->j = j;
#else
    (void)x;
    (void)out;
#endif
    return n;
}

static inline uint32_t intersect_any(uint16_t *out, const row_in *a,
                                     uint32_t a_len, const row_in *b,
                                     uint32_t b_len)
{
    both_arrays x = {a, b, a_len, b_len, 0, 0};
    uint32_t n = intersect_eights(&x, out);
    uint32_t i = x.i;
    uint32_t j = x.j;

    while (i < a_len && j < b_len) {
        const uint16_t v = a[i];
        const uint16_t w = b[j];
        if (out && v == w)
            out[n] = v;
        n += v == w;
        i += v <= w;
        j += w <= v;
    }
    return n;
}

static uint32_t body_intersect(uint16_t *out, const row_in *a,
                               uint32_t a_len, const row_in *b,
                               uint32_t b_len)
{
    return intersect_any(out, a, a_len, b, b_len);
}

static uint32_t body_intersect_count(const row_in *a, uint32_t a_len,
                                     const row_in *b, uint32_t b_len)
{
    return intersect_any(NULL, a, a_len, b, b_len);
}

static inline uint32_t bit_of(const word_in *words, uint32_t row)
{
    return (uint32_t)(words[row >> 6] >> (row & 63)) & 1;
}

static uint32_t body_pick(uint16_t *out, const row_in *rows, uint32_t n,
                          const word_in *words, uint64_t flip)
{
    const uint32_t other = (uint32_t)flip;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint16_t v = rows[i];
        out[kept] = v;
        kept += bit_of(words, v) ^ other;
    }
    return kept;
}

static uint32_t body_pick_count(const row_in *rows, uint32_t n,
                                const word_in *words)
{
    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t i = 0;
    for (; i + 4 <= n; i += 4) {
        a += bit_of(words, rows[i]) + bit_of(words, rows[i + 1]);
        b += bit_of(words, rows[i + 2]) + bit_of(words, rows[i + 3]);
    }
    for (; i < n; i++)
        a += bit_of(words, rows[i]);
    return a + b;
}

static void body_set_rows(word_out *words, const row_in *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t v = rows[i];
        words[v >> 6] |= (uint64_t)1 << (v & 63);
    }
}

static void body_probe(uint64_t *mask, const row_in *rows, uint32_t n,
                       const word_in *words)
{
    for (uint32_t i = 0; i < n; i += 64) {
        const uint32_t end = n - i < 64 ? n - i : 64;
        uint64_t bits = 0;
        for (uint32_t j = 0; j < end; j++)
            bits |= (uint64_t)bit_of(words, rows[i + j]) << j;
        mask[i / 64] = bits;
    }
}

#include "index/columns_body.h"
#include "index/slivers_body.h"

const words_ops WORDS_NAME = {
    WORDS_LEVEL,      body_and,       body_andnot,       body_or,
    body_count,       body_and_count, body_andnot_count, body_or_count,
    body_any,         body_half_add,  body_full_add,     body_compare,
    body_intersect,   body_intersect_count,
    body_pick,        body_pick_count,
    body_set_rows,    body_probe,
    body_columns_count, body_columns_store, body_columns_sliver,
};
