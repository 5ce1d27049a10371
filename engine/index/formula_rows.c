/*
 * formula_rows.c - a formula asked for some rows of a block: a bit a row for
 * each part; and for one row alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/formula_parts.h"

#include "base/base.h"

/* Room for the masks of a part's children lies on the stack, so this is what
 * bounds the depth of a formula together with that of an expression. */
#define EACH_WORD(i, n) for (uint32_t i = 0; i < ((n) + 63) / 64; i++)

/* ---- sets ---- */

/* An array that is walked beside the rows. */
static void mask_array(block_ref set, const row_in *rows, uint32_t n,
                       uint64_t *mask)
{
    const row_in *other = set.data;
    uint32_t at = 0;

    memset(mask, 0, (n + 63) / 64 * sizeof *mask);
    for (uint32_t i = 0; i < n; i++) {
        const uint16_t row = rows[i];
        at = block_array_seek(other, set.n, at, row);
        if (at == set.n)
            return;
        mask[i / 64] |= (uint64_t)(other[at] == row) << (i & 63);
    }
}

static void mask_runs(block_ref set, const row_in *rows, uint32_t n,
                      uint64_t *mask)
{
    const row_in *runs = set.data;
    uint32_t at = 0;

    memset(mask, 0, (n + 63) / 64 * sizeof *mask);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t row = rows[i];
        while (at < set.n &&
               (uint32_t)runs[2 * at] + runs[2 * at + 1] < row)
            at++;
        if (at == set.n)
            return;
        mask[i / 64] |= (uint64_t)(runs[2 * at] <= row) << (i & 63);
    }
}

void mask_set(block_ref set, const row_in *rows, uint32_t n, uint64_t *mask)
{
    switch (set.type) {
    case BLOCK_EMPTY:
    case BLOCK_FULL:
        memset(mask, set.type == BLOCK_FULL ? 0xff : 0,
               (n + 63) / 64 * sizeof *mask);
        return;
    case BLOCK_ARRAY:
        mask_array(set, rows, n, mask);
        return;
    case BLOCK_RUN:
        mask_runs(set, rows, n, mask);
        return;
    case BLOCK_BITSET:
        words_get()->probe(mask, rows, n, set.data);
        return;
    }
}

/* ---- parts ---- */

/* Rows of the frame's block, being asked. */
typedef struct block_asker {
    mask_asker asker;
    formula_frame *x;
    const row_in *rows;
} block_asker;

static void child_mask(const mask_asker *a, formula_part p, uint64_t *mask)
{
    a->part(a, p, mask);
    if (is_flipped(p))
        EACH_WORD(i, a->n) mask[i] = ~mask[i];
}

/* Is any of n bits other than `bit`? */
static bool undecided(const uint64_t *mask, uint32_t n, bool bit)
{
    EACH_WORD(i, n) {
        const uint64_t tail =
            n - i * 64 < 64 ? ((uint64_t)1 << (n & 63)) - 1 : ~(uint64_t)0;
        if ((bit ? ~mask[i] : mask[i]) & tail)
            return true;
    }
    return false;
}

static void mask_chain(const mask_asker *a, const part *p, uint64_t *mask)
{
    const bool is_or = p->type == PART_OR;
    const formula_part *children = &a->f->children[p->first];
    const uint32_t n = a->n;
    uint64_t next[MASK_WORDS];

    child_mask(a, children[0], mask);
    for (uint32_t c = 1; c < p->count && undecided(mask, n, is_or); c++) {
        child_mask(a, children[c], next);
        if (is_or)
            EACH_WORD(i, n) mask[i] |= next[i];
        else
            EACH_WORD(i, n) mask[i] &= next[i];
    }
}

/* Bits of a number, lowest first, against the part's range (columns.h). */
static void mask_bit(const part *p, uint32_t bit, const uint64_t *in,
                     uint32_t n, uint64_t *above, uint64_t *below)
{
    EACH_WORD(i, n) {
        above[i] = (p->low >> bit) & 1 ? above[i] & in[i] : above[i] | in[i];
        below[i] =
            (p->high >> bit) & 1 ? below[i] | ~in[i] : below[i] & ~in[i];
    }
}

static void mask_range(const mask_asker *a, const part *p, uint64_t *mask)
{
    const uint32_t n = a->n;
    uint64_t below[MASK_WORDS];
    uint64_t in[MASK_WORDS];

    EACH_WORD(i, n) mask[i] = below[i] = ~(uint64_t)0;
    for (uint32_t c = 0; c < p->count; c++) {
        child_mask(a, a->f->children[p->first + c], in);
        mask_bit(p, c, in, n, mask, below);
    }
    EACH_WORD(i, n) mask[i] &= below[i];
}

static void mask_tally(const mask_asker *a, const part *p, uint64_t *mask)
{
    const uint32_t bits = 32 - (uint32_t)__builtin_clz(p->count);
    const uint32_t n = a->n;
    uint64_t sum[TALLY_BITS][MASK_WORDS];
    uint64_t below[MASK_WORDS];
    uint64_t carry[MASK_WORDS];

    memset(sum, 0, bits * sizeof sum[0]);
    for (uint32_t c = 0; c < p->count; c++) {
        child_mask(a, a->f->children[p->first + c], carry);
        for (uint32_t b = 0; b < bits; b++)
            EACH_WORD(i, n) {
                const uint64_t s = sum[b][i];
                sum[b][i] = s ^ carry[i];
                carry[i] &= s;
            }
    }
    EACH_WORD(i, n) mask[i] = below[i] = ~(uint64_t)0;
    for (uint32_t b = 0; b < bits; b++)
        mask_bit(p, b, sum[b], n, mask, below);
    EACH_WORD(i, n) mask[i] &= below[i];
}

static void mask_filter(const mask_asker *a, const part *p, uint64_t *mask)
{
    child_mask(a, a->f->children[p->first], mask);
    for (uint32_t i = 0; i < a->n; i++) {
        const uint64_t bit = (uint64_t)1 << (i & 63);
        if ((mask[i / 64] & bit) && !p->keep(p->payload, a->row(a, i)))
            mask[i / 64] &= ~bit;
    }
}

void mask_combined(const mask_asker *a, const part *p, uint64_t *mask)
{
    switch (p->type) {
    case PART_AND:
    case PART_OR:
        mask_chain(a, p, mask);
        return;
    case PART_TALLY:
        mask_tally(a, p, mask);
        return;
    case PART_RANGE:
        mask_range(a, p, mask);
        return;
    case PART_FILTER:
        mask_filter(a, p, mask);
        return;
    case PART_NOBODY:
    case PART_PLANE:
    case PART_LEAF:
        break;
    }
    ASSERT(false);
}

static void block_part(const mask_asker *a, formula_part p, uint64_t *mask)
{
    const block_asker *b = (const block_asker *)a;
    part_mask(b->x, p, b->rows, a->n, mask);
}

static uint32_t block_row(const mask_asker *a, uint32_t i)
{
    const block_asker *b = (const block_asker *)a;
    return b->x->block * BLOCK_ROWS + b->rows[i];
}

void part_mask(formula_frame *x, formula_part part_number, const row_in *rows,
               uint32_t n, uint64_t *mask)
{
    const part *p = part_of(x->f, part_number);
    const block_asker b = {{x->f, n, block_part, block_row}, x, rows};

    switch (p->type) {
    case PART_NOBODY:
        mask_set(block_empty(), rows, n, mask);
        return;
    case PART_PLANE:
    case PART_LEAF:
        mask_set(part_set(x, part_number), rows, n, mask);
        return;
    default:
        mask_combined(&b.asker, p, mask);
        return;
    }
}

/* ---- one row ---- */

static bool part_has(const formula *f, formula_part number, uint32_t row);

static uint64_t children_sum(const formula *f, const part *p, uint32_t row,
                             bool as_bits)
{
    uint64_t sum = 0;
    for (uint32_t c = 0; c < p->count; c++)
        sum += (uint64_t)part_has(f, f->children[p->first + c], row)
               << (as_bits ? c : 0);
    return sum;
}

static bool chain_has(const formula *f, const part *p, uint32_t row)
{
    const bool is_or = p->type == PART_OR;
    for (uint32_t c = 0; c < p->count; c++)
        if (part_has(f, f->asked[p->first + c], row) == is_or)
            return is_or;
    return !is_or;
}

static bool part_has(const formula *f, formula_part number, uint32_t row)
{
    const part *p = part_of(f, number);
    bool holds = false;
    uint64_t sum;

    switch (p->type) {
    case PART_NOBODY:
        break;
    case PART_PLANE:
        holds = view_has(&f->planes[p->first], row);
        break;
    case PART_LEAF:
        holds = index_leaf_has(f->leaves[p->first], row);
        break;
    case PART_AND:
    case PART_OR:
        holds = chain_has(f, p, row);
        break;
    case PART_TALLY:
    case PART_RANGE:
        sum = children_sum(f, p, row, p->type == PART_RANGE);
        holds = sum >= p->low && sum <= p->high;
        break;
    case PART_FILTER:
        holds = part_has(f, f->children[p->first], row) &&
                p->keep(p->payload, row);
        break;
    }
    return holds != is_flipped(number);
}

bool formula_part_has(const formula *f, formula_part p, uint32_t row)
{
    return part_has(f, p, row);
}

bool formula_has(const formula *f, uint32_t row)
{
    return part_has(f, f->root, row);
}
