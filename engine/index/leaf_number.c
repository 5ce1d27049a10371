/*
 * leaf_number.c - numbers: bit-sliced comparison with a range.
 *
 * A provider's number of a block is a presence word set, a sign and up to 54
 * slices of |x| (index.h). One layer is read where it lies; several layers
 * are folded into registers first: a later saying replaces, but rows for
 * which it says the same number keep the presence they had (its expiry may be
 * later).
 *
 * The range [low, high] is split at zero into magnitudes:
 *     x >= 0: |x| in [max(low, 0), high]      x < 0: |x| in [-high, -low]
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/leaf.h"

/* Registers of a folded number. */
enum { REG_PRESENT, REG_SIGN, REG_DIFFER, REG_BITS };
#define REG_COUNT (REG_BITS + NUMBER_BITS)

static const block_buf no_rows;

/* A number of one block, wherever its words are; NULL = no row. */
typedef struct number_words {
    const word_in *sign;
    const word_in *bits[NUMBER_BITS];
} number_words;

/* ---- gathering ---- */

static void gather_layer(index_leaf *leaf, const index_layer *l,
                         const leaf_spec *spec, uint32_t provider,
                         number_layer *n)
{
    size_t first;
    size_t end;

    n->hard = n->soft = n->sign = NO_VIEW;
    for (int i = 0; i < NUMBER_BITS; i++)
        n->bits[i] = NO_VIEW;
    layer_group(l, spec->attribute, provider, &first, &end);
    n->live.first = leaf->view_count;
    n->live.count = 0;
    for (size_t i = first; i < end; i++) {
        const layer_entry *e = &l->entries[i];
        if (e->key.role == ROLE_SET && e->key.bucket >= spec->now_hour) {
            leaf_add_view(leaf, l, e);
            n->live.count++;
        }
    }
    for (size_t i = first; i < end; i++) {
        const layer_entry *e = &l->entries[i];
        if (e->key.role == ROLE_SIGN)
            n->sign = leaf_add_view(leaf, l, e);
        else if (e->key.role == ROLE_BIT)
            n->bits[e->key.slice] = leaf_add_view(leaf, l, e);
        else if (e->key.role == ROLE_HARD)
            n->hard = leaf_add_view(leaf, l, e);
        else if (e->key.role == ROLE_SOFT)
            n->soft = leaf_add_view(leaf, l, e);
    }
}

void leaf_gather_numbers(index_leaf *leaf, const index_stack *x,
                         const leaf_spec *spec)
{
    for (uint32_t p = 0; p < spec->provider_count; p++) {
        fold_term term = {leaf->number_count, 0, true};
        for (size_t i = 0; i < x->count; i++) {
            const uint32_t before = leaf->view_count;
            number_layer n;
            gather_layer(leaf, x->layers[i], spec, spec->providers[p], &n);
            if (leaf->view_count == before)
                continue;
            mem_grow(&leaf->numbers, &leaf->number_capacity,
                     leaf->number_count + 1, sizeof *leaf->numbers);
            leaf->numbers[leaf->number_count++] = n;
            term.count++;
        }
        if (term.count == 0)
            continue;
        mem_grow(&leaf->terms, &leaf->term_capacity, leaf->term_count + 1,
                 sizeof *leaf->terms);
        leaf->terms[leaf->term_count++] = term;
    }
}

/* ---- folding layers ---- */

static block_ref number_view(const index_leaf *leaf, leaf_cursor *c,
                             uint32_t view, uint32_t block)
{
    return view == NO_VIEW ? block_empty() : leaf_at(leaf, c, view, block);
}

/* differ |= a register ^ what the delta says. */
static void note_difference(block_buf *differ, const block_buf *reg,
                            block_ref said, block_buf *tmp)
{
    block_expand(said, tmp);
    for (uint32_t i = 0; i < WORDS; i++)
        differ->words[i] |= reg->words[i] ^ tmp->words[i];
}

static void fold_soft(const index_leaf *leaf, leaf_cursor *c,
                      const number_layer *n, uint32_t block, block_buf *regs)
{
    const block_ref soft = number_view(leaf, c, n->soft, block);
    block_buf *differ = &regs[REG_DIFFER];

    if (soft.type == BLOCK_EMPTY)
        return;
    block_clear(differ);
    note_difference(differ, &regs[REG_SIGN],
                    number_view(leaf, c, n->sign, block), &c->bufs[0]);
    for (uint32_t i = 0; i < NUMBER_BITS; i++)
        note_difference(differ, &regs[REG_BITS + i],
                        number_view(leaf, c, n->bits[i], block),
                        &c->bufs[0]);
    block_and_into(differ, soft);
    block_andnot_into(&regs[REG_PRESENT], block_bits(differ));
    block_andnot_into(&regs[REG_SIGN], soft);
    for (uint32_t i = 0; i < NUMBER_BITS; i++)
        block_andnot_into(&regs[REG_BITS + i], soft);
}

static void fold_number(const index_leaf *leaf, leaf_cursor *c,
                        const number_layer *n, uint32_t block,
                        block_buf *regs)
{
    const block_ref hard = number_view(leaf, c, n->hard, block);

    for (uint32_t i = 0; i < REG_COUNT && hard.type != BLOCK_EMPTY; i++)
        block_andnot_into(&regs[i], hard);
    fold_soft(leaf, c, n, block, regs);
    for (uint32_t i = 0; i < n->live.count; i++)
        block_or_into(&regs[REG_PRESENT],
                      leaf_at(leaf, c, n->live.first + i, block));
    block_or_into(&regs[REG_SIGN], number_view(leaf, c, n->sign, block));
    for (uint32_t i = 0; i < NUMBER_BITS; i++)
        block_or_into(&regs[REG_BITS + i],
                      number_view(leaf, c, n->bits[i], block));
}

/* ---- comparing ---- */

/* less, greater, equal = |x| against a bound. */
static void compare_magnitude(const number_words *x, uint64_t bound,
                              block_buf *less, block_buf *greater,
                              block_buf *equal)
{
    const words_ops *ops = words_get();

    block_clear(less);
    block_clear(greater);
    memset(equal->words, 0xff, sizeof equal->words);
    for (int i = NUMBER_BITS - 1; i >= 0; i--) {
        const bool bit = (bound >> i) & 1;
        if (!x->bits[i] && !bit)
            continue;
        ops->compare(less->words, greater->words, equal->words,
                     x->bits[i] ? x->bits[i] : no_rows.words, bit);
    }
}

/* out = rows with |x| in [low, high]; uses bufs[0..2]. */
static void magnitude_between(leaf_cursor *c, const number_words *x,
                              uint64_t low, uint64_t high, block_buf *out)
{
    const words_ops *ops = words_get();
    block_buf *less = &c->bufs[0];
    block_buf *greater = &c->bufs[1];
    block_buf *equal = &c->bufs[2];

    if (low >> NUMBER_BITS != 0) {
        block_clear(out);
        return;
    }
    memset(out->words, 0xff, sizeof out->words);
    if (low > 0) {
        compare_magnitude(x, low, less, greater, equal);
        ops->or_(out->words, greater->words, equal->words);
    }
    if (high >> NUMBER_BITS == 0) {
        compare_magnitude(x, high, less, greater, equal);
        ops->andnot(out->words, out->words, greater->words);
    }
}

uint64_t leaf_number_bound(int64_t scaled)
{
    const int64_t most = ((int64_t)1 << MUSTER_NUMBER_BITS) *
                         MUSTER_NUMBER_SCALE;
    if (scaled >= most || scaled <= -most)
        return (uint64_t)1 << NUMBER_BITS;
    return number_bits(scaled);
}

/* out |= present rows in range; uses bufs[0..3]. */
static void add_in_range(const index_leaf *leaf, leaf_cursor *c,
                         const number_words *x, block_ref present,
                         block_buf *out)
{
    const word_in *sign = x->sign ? x->sign : no_rows.words;
    block_buf *part = &c->bufs[3];

    if (leaf->high >= 0) {
        magnitude_between(c, x, leaf->low > 0 ? leaf_number_bound(leaf->low) : 0,
                          leaf_number_bound(leaf->high), part);
        words_get()->andnot(part->words, part->words, sign);
        block_and_into(part, present);
        block_or_into(out, block_bits(part));
    }
    if (leaf->low < 0 && x->sign) {
        magnitude_between(c, x, leaf->high < 0 ? leaf_number_bound(leaf->high) : 0,
                          leaf_number_bound(leaf->low), part);
        words_get()->and_(part->words, part->words, sign);
        block_and_into(part, present);
        block_or_into(out, block_bits(part));
    }
}

/* Words of a view: in place, or expanded into its register. */
static const word_in *place_words(const index_leaf *leaf, leaf_cursor *c,
                                  uint32_t view, uint32_t block,
                                  block_buf *reg)
{
    const block_ref b = number_view(leaf, c, view, block);
    return b.type == BLOCK_EMPTY ? NULL : block_words(b, reg);
}

static void term_one_layer(const index_leaf *leaf, leaf_cursor *c,
                           const number_layer *n, uint32_t block,
                           block_buf *out)
{
    block_buf *regs = cursor_slices(c, REG_COUNT);
    const block_ref present =
        span_block(leaf, c, n->live, block, &regs[REG_PRESENT]);
    number_words x;

    if (present.type == BLOCK_EMPTY)
        return;
    x.sign = place_words(leaf, c, n->sign, block, &regs[REG_SIGN]);
    for (uint32_t i = 0; i < NUMBER_BITS; i++)
        x.bits[i] =
            place_words(leaf, c, n->bits[i], block, &regs[REG_BITS + i]);
    add_in_range(leaf, c, &x, present, out);
}

static void term_layers(const index_leaf *leaf, leaf_cursor *c,
                        const fold_term *term, uint32_t block,
                        block_buf *out)
{
    block_buf *regs = cursor_slices(c, REG_COUNT);
    number_words x;

    memset(regs, 0, REG_COUNT * sizeof *regs);
    for (uint32_t i = 0; i < term->count; i++)
        fold_number(leaf, c, &leaf->numbers[term->first + i], block, regs);
    x.sign = regs[REG_SIGN].words;
    for (uint32_t i = 0; i < NUMBER_BITS; i++)
        x.bits[i] = regs[REG_BITS + i].words;
    add_in_range(leaf, c, &x, block_bits(&regs[REG_PRESENT]), out);
}

block_ref leaf_number_block(const index_leaf *leaf, leaf_cursor *c,
                            uint32_t block, block_buf *out)
{
    block_clear(out);
    for (uint32_t t = 0; t < leaf->term_count; t++) {
        const fold_term *term = &leaf->terms[t];
        if (term->count == 1)
            term_one_layer(leaf, c, &leaf->numbers[term->first], block, out);
        else
            term_layers(leaf, c, term, block, out);
    }
    return block_bits(out);
}

/* ---- one row ---- */

static int64_t layer_value(const index_leaf *leaf, const number_layer *n,
                           uint32_t row)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < NUMBER_BITS; i++)
        if (leaf_view_has(leaf, n->bits[i], row))
            bits |= (uint64_t)1 << i;
    return number_of_bits(bits, leaf_view_has(leaf, n->sign, row));
}

bool leaf_number_has(const index_leaf *leaf, uint32_t row)
{
    for (uint32_t t = 0; t < leaf->term_count; t++) {
        const fold_term *term = &leaf->terms[t];
        bool present = false;
        int64_t value = 0;
        for (uint32_t i = 0; i < term->count; i++) {
            const number_layer *n = &leaf->numbers[term->first + i];
            const bool live = span_has(leaf, n->live, row);
            const bool hard = leaf_view_has(leaf, n->hard, row);
            const bool soft = leaf_view_has(leaf, n->soft, row);
            const int64_t said =
                live || soft || hard ? layer_value(leaf, n, row) : 0;
            if (hard || (soft && said != value))
                present = false;
            if (live || hard || soft)
                value = said;
            present |= live;
        }
        if (present && value >= leaf->low && value <= leaf->high)
            return true;
    }
    return false;
}
