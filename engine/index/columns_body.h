/*
 * columns_body.h - the loops of columns.h, compiled once per level from
 * words_body.h. A strip is held in as many registers as it takes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#if defined(__AVX512VPOPCNTDQ__)
#include <immintrin.h>
#define LANE_BYTES 64
#elif defined(__AVX2__)
#define LANE_BYTES 32
#else
#define LANE_BYTES 16
#endif
#define LANES ((int)(STRIP_WORDS * sizeof(uint64_t) / LANE_BYTES))
#define INLINE static inline __attribute__((always_inline))
#define EACH_LANE                                                             \
    _Pragma("GCC unroll 16") for (int k = 0; k < LANES; k++)

typedef uint64_t lane __attribute__((vector_size(LANE_BYTES), may_alias));
typedef uint64_t lane_in
    __attribute__((vector_size(LANE_BYTES), aligned(1), may_alias));

/* Bits 0 and 1 of the sum of three bits. */
INLINE lane sum_of_three(lane a, lane b, lane c)
{
#if LANE_BYTES == 64
    return (lane)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c,
                                           0x96);
#else
    return a ^ b ^ c;
#endif
}
INLINE lane carry_of_three(lane a, lane b, lane c)
{
#if LANE_BYTES == 64
    return (lane)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c,
                                           0xe8);
#else
    return (a & b) | (c & (a ^ b));
#endif
}

/* Bytes between what is read and what is asked for ahead: several operands
 * are more streams than the processor follows by itself, and a resident
 * plane's next block lies behind this one. */
#define AHEAD 2048u
#define LINE 64u

INLINE const lane_in *operand_at(const columns_operand *o, uint32_t strip)
{
    const char *at = (const char *)(o->at + (size_t)strip * o->stride);
    for (uint32_t i = 0; i < STRIP_WORDS * sizeof *o->at; i += LINE)
        __builtin_prefetch(at + AHEAD + i);
    return (const lane_in *)(const void *)at;
}

INLINE void fold_and(const columns_run *r, const columns_step *s,
                     uint32_t strip, lane *x)
{
    const columns_operand *o = r->operands + s->first;
    const columns_operand *flipped = o + s->plain;
    const columns_operand *end = flipped + s->flipped;

    if (s->plain > 0) {
        const lane_in *in = operand_at(o++, strip);
        EACH_LANE x[k] = in[k];
    } else {
        EACH_LANE x[k] = ~(lane){0};
    }
    for (; o < flipped; o++) {
        const lane_in *in = operand_at(o, strip);
        EACH_LANE x[k] &= in[k];
    }
    for (; o < end; o++) {
        const lane_in *in = operand_at(o, strip);
        EACH_LANE x[k] &= ~in[k];
    }
}

INLINE void fold_or(const columns_run *r, const columns_step *s,
                    uint32_t strip, lane *x)
{
    const columns_operand *o = r->operands + s->first;
    const columns_operand *flipped = o + s->plain;
    const columns_operand *end = flipped + s->flipped;

    if (s->plain > 0) {
        const lane_in *in = operand_at(o++, strip);
        EACH_LANE x[k] = in[k];
    } else {
        EACH_LANE x[k] = (lane){0};
    }
    for (; o < flipped; o++) {
        const lane_in *in = operand_at(o, strip);
        EACH_LANE x[k] |= in[k];
    }
    for (; o < end; o++) {
        const lane_in *in = operand_at(o, strip);
        EACH_LANE x[k] |= ~in[k];
    }
}

/* One more bit of a number that is compared with low and high, lowest bit
 * first: `above` says that the bits so far are at least those of low, `below`
 * that they are at most those of high; a higher bit that differs overrules. */
INLINE void range_bit(lane in, uint32_t bit, const columns_step *s,
                      lane *above, lane *below)
{
    *above = (s->low >> bit) & 1 ? *above & in : *above | in;
    *below = (s->high >> bit) & 1 ? *below | ~in : *below & ~in;
}

INLINE void fold_range(const columns_run *r, const columns_step *s,
                       uint32_t strip, lane *x)
{
    const columns_operand *o = r->operands + s->first;
    lane below[LANES];

    EACH_LANE x[k] = ~(lane){0};
    EACH_LANE below[k] = ~(lane){0};
    for (uint32_t i = 0; i < s->plain; i++) {
        const lane_in *in = operand_at(&o[i], strip);
        EACH_LANE range_bit(in[k], i, s, &x[k], &below[k]);
    }
    EACH_LANE x[k] &= below[k];
}

/* Adds three operands at once: one full adder gives their bits 0 and 1, which
 * are added to the slices with one carry chain. `bits` is a constant where
 * the call is, so that the slices are registers. */
INLINE void add_three(lane *sum, uint32_t bits, lane a, lane b, lane c)
{
    const lane one = sum_of_three(a, b, c);
    const lane two = carry_of_three(a, b, c);
    lane carry = sum[0] & one;

    sum[0] ^= one;
    const lane old = sum[1];
    sum[1] = sum_of_three(old, two, carry);
    carry = carry_of_three(old, two, carry);
    for (uint32_t i = 2; i < bits; i++) {
        const lane s = sum[i];
        sum[i] = s ^ carry;
        carry &= s;
    }
}

INLINE void add_one(lane *sum, uint32_t bits, lane carry)
{
    for (uint32_t i = 0; i < bits; i++) {
        const lane s = sum[i];
        sum[i] = s ^ carry;
        carry &= s;
    }
}

/* Lane by lane, so that the slices of one are registers; `end` says whether
 * there is an upper end below the number of operands. */
INLINE lane tally_lane(const lane_in *const *in, const columns_step *s,
                       uint32_t bits, bool end, int k)
{
    lane sum[TALLY_BITS];
    lane above = ~(lane){0};
    lane below = ~(lane){0};
    uint32_t i = 0;

    for (uint32_t b = 0; b < bits; b++)
        sum[b] = (lane){0};
    for (; i + 3 <= s->plain; i += 3)
        add_three(sum, bits, in[i][k], in[i + 1][k], in[i + 2][k]);
    for (; i < s->plain; i++)
        add_one(sum, bits, in[i][k]);
    for (uint32_t b = 0; b < bits; b++)
        range_bit(sum[b], b, s, &above, &below);
    if (end)
        above &= below;
    return above;
}

/* A few operands: their places are found once a strip. */
#define TALLY_FEW 15u
INLINE void tally_few(const columns_run *r, const columns_step *s,
                      uint32_t strip, uint32_t bits, lane *x)
{
    const columns_operand *o = r->operands + s->first;
    const lane_in *in[TALLY_FEW];

    for (uint32_t i = 0; i < s->plain; i++)
        in[i] = operand_at(&o[i], strip);
    if (s->high >= s->plain) {
        EACH_LANE x[k] = tally_lane(in, s, bits, false, k);
    } else {
        EACH_LANE x[k] = tally_lane(in, s, bits, true, k);
    }
}

/* Many: one after the other into slices that lie in memory. */
static void tally_many(const columns_run *r, const columns_step *s,
                       uint32_t strip, lane *x)
{
    const uint32_t bits = 32 - (uint32_t)__builtin_clz(s->plain);
    const columns_operand *o = r->operands + s->first;
    lane sum[LANES][TALLY_BITS];
    lane below[LANES];

    EACH_LANE x[k] = below[k] = ~(lane){0};
    for (uint32_t b = 0; b < bits; b++)
        EACH_LANE sum[k][b] = (lane){0};
    for (uint32_t i = 0; i < s->plain; i++) {
        const lane_in *in = operand_at(&o[i], strip);
        EACH_LANE add_one(sum[k], bits, in[k]);
    }
    for (uint32_t b = 0; b < bits; b++)
        EACH_LANE range_bit(sum[k][b], b, s, &x[k], &below[k]);
    if (s->high < s->plain)
        EACH_LANE x[k] &= below[k];
}

INLINE void fold_tally(const columns_run *r, const columns_step *s,
                       uint32_t strip, lane *x)
{
    if (s->plain < 4)
        tally_few(r, s, strip, 2, x);
    else if (s->plain < 8)
        tally_few(r, s, strip, 3, x);
    else if (s->plain <= TALLY_FEW)
        tally_few(r, s, strip, 4, x);
    else
        tally_many(r, s, strip, x);
}

INLINE void fold(const columns_run *r, const columns_step *s, uint32_t strip,
                 lane *x)
{
    switch (s->op) {
    case COLUMNS_AND:
        fold_and(r, s, strip, x);
        return;
    case COLUMNS_OR:
        fold_or(r, s, strip, x);
        return;
    case COLUMNS_TALLY:
        fold_tally(r, s, strip, x);
        return;
    case COLUMNS_RANGE:
        fold_range(r, s, strip, x);
        return;
    }
}

INLINE void strip_store(uint64_t *to, const lane *x)
{
    lane *out = (lane *)(void *)to;
    EACH_LANE out[k] = x[k];
}

/* ---- counting ---- */

#if LANE_BYTES == 64
typedef __m512i strip_sum;
INLINE strip_sum strip_sum_add(strip_sum n, const lane *x)
{
    EACH_LANE n = _mm512_add_epi64(n, _mm512_popcnt_epi64((__m512i)x[k]));
    return n;
}
INLINE uint32_t strip_sum_end(strip_sum n)
{
    return (uint32_t)_mm512_reduce_add_epi64(n);
}
#else
/* Sums in fields of 16 bits: a block adds 8,192 to each at most. */
typedef lane strip_sum;
INLINE strip_sum strip_sum_add(strip_sum n, const lane *x)
{
    lane bytes = {0};
    EACH_LANE {
        lane v = x[k] - ((x[k] >> 1) & 0x5555555555555555u);
        v = (v & 0x3333333333333333u) + ((v >> 2) & 0x3333333333333333u);
        bytes += (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    }
    return n + (bytes & 0x00ff00ff00ff00ffu) +
           ((bytes >> 8) & 0x00ff00ff00ff00ffu);
}
INLINE uint32_t strip_sum_end(strip_sum n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < sizeof n / sizeof n[0]; i++)
        for (int shift = 0; shift < 64; shift += 16)
            sum += (uint32_t)(n[i] >> shift) & 0xffff;
    return sum;
}
#endif

static uint32_t body_columns_count(const columns_run *r, uint32_t first,
                                   uint32_t end)
{
    const columns_step *last = &r->steps[r->count - 1];
    strip_sum n = {0};

    for (uint32_t strip = first; strip < end; strip++) {
        lane x[LANES];
        for (const columns_step *s = r->steps; s < last; s++) {
            fold(r, s, strip, x);
            strip_store(s->to, x);
        }
        fold(r, last, strip, x);
        n = strip_sum_add(n, x);
    }
    return strip_sum_end(n);
}

static bool body_columns_store(const columns_run *r, word_out *out)
{
    const columns_step *last = &r->steps[r->count - 1];
    lane any[LANES];

    EACH_LANE any[k] = (lane){0};
    for (uint32_t strip = 0; strip < STRIPS; strip++) {
        lane x[LANES];
        for (const columns_step *s = r->steps; s < last; s++) {
            fold(r, s, strip, x);
            strip_store(s->to, x);
        }
        fold(r, last, strip, x);
        EACH_LANE any[k] |= x[k];
        strip_store((uint64_t *)(out + (size_t)strip * STRIP_WORDS), x);
    }
    uint64_t words[STRIP_WORDS] __attribute__((aligned(64)));
    uint64_t seen = 0;
    strip_store(words, any);
    for (uint32_t i = 0; i < STRIP_WORDS; i++)
        seen |= words[i];
    return seen != 0;
}

#undef AHEAD
#undef EACH_LANE
#undef INLINE
#undef LINE
#undef LANES
#undef LANE_BYTES
