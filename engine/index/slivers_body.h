/*
 * slivers_body.h - the steps of columns.h over one sliver (512 rows), compiled
 * once per level from words_body.h. Samples are read from here and there, so
 * what counts is to touch a line an operand and no other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define INLINE static inline __attribute__((always_inline))

typedef uint64_t sliver
    __attribute__((vector_size(SLIVER_WORDS * 8), may_alias));
typedef uint64_t sliver_in
    __attribute__((vector_size(SLIVER_WORDS * 8), aligned(1), may_alias));

INLINE const sliver_in *sliver_operand(const columns_operand *o,
                                       uint32_t number)
{
    const size_t words = o->stride ? (size_t)number * SLIVER_WORDS : 0;
    return (const sliver_in *)(const void *)(o->at + words);
}

/* OR is the complement of AND over complements. */
INLINE void sliver_chain(const columns_operand *o, const columns_step *s,
                         uint32_t number, bool is_or, sliver *x)
{
    const sliver flip = (sliver){0} - (uint64_t)is_or;
    const uint32_t n = s->plain + s->flipped;

    *x = ~(sliver){0};
    for (uint32_t i = 0; i < s->plain; i++)
        *x &= *sliver_operand(&o[i], number) ^ flip;
    for (uint32_t i = s->plain; i < n; i++)
        *x &= ~*sliver_operand(&o[i], number) ^ flip;
    *x ^= flip;
}

/* One more bit, as range_bit. */
INLINE void sliver_bit(const sliver *in, uint32_t bit, const columns_step *s,
                       sliver *above, sliver *below)
{
    *above = (s->low >> bit) & 1 ? *above & *in : *above | *in;
    *below = (s->high >> bit) & 1 ? *below | ~*in : *below & ~*in;
}

INLINE void sliver_range(const columns_operand *o, const columns_step *s,
                         uint32_t number, sliver *x)
{
    sliver below = ~(sliver){0};

    *x = ~(sliver){0};
    for (uint32_t i = 0; i < s->plain; i++) {
        const sliver in = *sliver_operand(&o[i], number);
        sliver_bit(&in, i, s, x, &below);
    }
    *x &= below;
}

INLINE void sliver_tally(const columns_operand *o, const columns_step *s,
                         uint32_t number, sliver *x)
{
    const uint32_t bits = 32 - (uint32_t)__builtin_clz(s->plain | 1);
    sliver sum[TALLY_BITS];
    sliver below = ~(sliver){0};

    for (uint32_t b = 0; b < bits; b++)
        sum[b] = (sliver){0};
    for (uint32_t i = 0; i < s->plain; i++) {
        sliver carry = *sliver_operand(&o[i], number);
        for (uint32_t b = 0; b < bits; b++) {
            const sliver old = sum[b];
            sum[b] = old ^ carry;
            carry &= old;
        }
    }
    *x = ~(sliver){0};
    for (uint32_t b = 0; b < bits; b++)
        sliver_bit(&sum[b], b, s, x, &below);
    if (s->high < s->plain)
        *x &= below;
}

static uint32_t body_columns_sliver(const columns_run *r, uint32_t number,
                                    uint64_t *out)
{
    const columns_step *end = r->steps + r->count;
    uint32_t rows = 0;
    sliver x;

    for (const columns_step *s = r->steps; s < end; s++) {
        const columns_operand *o = r->operands + s->first;
        if (s->op == COLUMNS_RANGE)
            sliver_range(o, s, number, &x);
        else if (s->op == COLUMNS_TALLY)
            sliver_tally(o, s, number, &x);
        else
            sliver_chain(o, s, number, s->op == COLUMNS_OR, &x);
        *(sliver *)(void *)(s + 1 < end ? s->to : out) = x;
    }
    for (uint32_t i = 0; i < SLIVER_WORDS; i++)
        rows += (uint32_t)__builtin_popcountll(out[i]);
    return rows;
}

#undef INLINE
