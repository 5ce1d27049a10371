/*
 * formula_sample.c - a formula asked for slivers of a block, 512 rows each.
 *
 * Binding is a block's (formula_block.c), with each plane's set cut to the
 * sliver: an array by search, runs to words, words stand where they lie.
 * Where nothing had to be cut, what was bound for one sliver holds for the
 * others of the block, and each costs a line of the cache a plane.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/formula_parts.h"

#include "base/base.h"

/* ---- cutting ---- */

/* Runs that meet the sliver become its words. */
static block_ref cut_runs(formula_frame *x, block_ref v)
{
    const row_in *runs = v.data;
    const uint32_t first = x->sliver * SLIVER_ROWS;
    const uint32_t last = first + SLIVER_ROWS - 1;
    block_buf *buf = NULL;
    uint32_t low = 0;
    uint32_t high = v.n;

    while (low < high) { /* the first one that does not end before it */
        const uint32_t mid = (low + high) / 2;
        if ((uint32_t)runs[2 * mid] + runs[2 * mid + 1] < first)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < v.n && runs[2 * low] <= last; low++) {
        const uint32_t from = runs[2 * low] > first ? runs[2 * low] : first;
        const uint32_t to = (uint32_t)runs[2 * low] + runs[2 * low + 1];
        if (from == first && to >= last)
            return block_full();
        if (!buf) {
            buf = frame_buf(x);
            memset(sliver_of(x, buf->words), 0, SLIVER_ROWS / 8);
        }
        block_fill(buf->words, from, to < last ? to : last);
    }
    return buf ? block_bits(buf) : block_empty();
}

block_ref sliver_cut(formula_frame *x, block_ref v)
{
    const uint32_t first = x->sliver * SLIVER_ROWS;

    if (v.type == BLOCK_RUN) {
        x->cuts++;
        return cut_runs(x, v);
    }
    if (v.type != BLOCK_ARRAY)
        return v;
    const row_in *rows = v.data;
    const uint32_t from = block_array_seek(rows, v.n, 0, first);
    const uint32_t to = block_array_seek(rows, v.n, from,
                                         first + SLIVER_ROWS);
    x->cuts++;
    return to > from ? (block_ref){BLOCK_ARRAY, to - from, rows + from}
                     : block_empty();
}

void sliver_expand(const formula_frame *x, block_ref v, block_buf *out)
{
    uint64_t *words = sliver_of(x, out->words);

    ASSERT(v.type != BLOCK_RUN);
    if (v.type == BLOCK_BITSET) {
        memcpy(words,
               (const word_in *)v.data + (size_t)x->sliver * SLIVER_WORDS,
               SLIVER_ROWS / 8);
        return;
    }
    memset(words, v.type == BLOCK_FULL ? 0xff : 0, SLIVER_ROWS / 8);
    if (v.type == BLOCK_ARRAY)
        words_get()->set_rows(out->words, v.data, v.n);
}

/* ---- counting ---- */

static uint32_t count_words(const word_in *words)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < SLIVER_WORDS; i++)
        n += (uint32_t)__builtin_popcountll(words[i]);
    return n;
}

/* Rows of the frame's sliver in a value. */
static uint32_t count_value(const formula_frame *x, block_ref v)
{
    uint64_t out[SLIVER_WORDS] __attribute__((aligned(64)));

    if (v.type == BLOCK_STRIP) {
        const columns_run run = run_to(x, v);
        return words_get()->columns_sliver(&run, x->sliver, out);
    }
    if (v.type == BLOCK_BITSET)
        return count_words((const word_in *)v.data +
                           (size_t)x->sliver * SLIVER_WORDS);
    ASSERT(v.type != BLOCK_RUN);
    return v.type == BLOCK_FULL ? SLIVER_ROWS : v.n;
}

void formula_count_slivers(formula_frame *x, uint32_t block,
                           const uint8_t *slivers, uint32_t n,
                           uint32_t *counts)
{
    const bool flipped = is_flipped(x->f->root);
    block_ref v = block_empty();

    ASSERT(x->f->leaf_count == 0);
    x->cuts = 1; /* nothing is bound yet */
    for (uint32_t i = 0; i < n; i++) {
        x->sliver = slivers[i];
        if (x->cuts > 0) {
            x->cuts = 0;
            v = sliver_bind(x, block);
        }
        const uint32_t rows = count_value(x, v);
        counts[i] = flipped ? SLIVER_ROWS - rows : rows;
    }
    x->sliver = NO_SLIVER;
}

bool formula_has_slivers(const formula *f)
{
    return f->leaf_count == 0 && part_of(f, f->root)->type != PART_PLANE;
}

void formula_fetch_slivers(const formula *f, uint32_t block,
                           const uint8_t *slivers, uint32_t n)
{
    for (uint32_t p = 0; p < f->plane_count; p++) {
        const plane_view *v = &f->planes[p];
        if (!v->sets || block >= v->blocks ||
            v->sets[block].type != BLOCK_BITSET)
            continue;
        const column_word *words = v->sets[block].data;
        for (uint32_t i = 0; i < n; i++)
            __builtin_prefetch(words + (size_t)slivers[i] * SLIVER_WORDS);
    }
}
