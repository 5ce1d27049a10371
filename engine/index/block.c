/*
 * block.c - the algebra of block.h: one small function per pair of forms
 * where that is faster, words otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/block.h"

#include <string.h>

#include "base/base.h"

static inline const row_in *rows_of(block_ref a)
{
    return a.data;
}
static inline const word_in *words_of(block_ref a)
{
    return a.data;
}
static inline block_ref array_ref(const void *data, uint32_t n)
{
    return n ? (block_ref){BLOCK_ARRAY, n, data} : block_empty();
}
static inline bool bit_has(const word_in *words, uint32_t row)
{
    return (words[row >> 6] >> (row & 63)) & 1;
}

/* ---- runs ---- */

/* Runs that a register holds; more are faster as words anyway. */
#define RUNS_MAX 2048u
/* Runs that are counted one by one against words. */
#define RUNS_FEW 64u

void block_fill(uint64_t *words, uint32_t first, uint32_t last)
{
    const uint32_t a = first >> 6;
    const uint32_t b = last >> 6;
    const uint64_t head = ~(uint64_t)0 << (first & 63);
    const uint64_t tail = ~(uint64_t)0 >> (63 - (last & 63));

    if (a == b) {
        words[a] |= head & tail;
        return;
    }
    words[a] |= head;
    for (uint32_t i = a + 1; i < b; i++)
        words[i] = ~(uint64_t)0;
    words[b] |= tail;
}

static void run_or_into(uint64_t *words, block_ref a)
{
    const row_in *runs = rows_of(a);
    for (uint32_t i = 0; i < a.n; i++) {
        const uint32_t first = runs[2 * i];
        const uint32_t last = first + runs[2 * i + 1];
        /* a damaged run must not write behind the words */
        block_fill(words, first, last < BLOCK_ROWS ? last : BLOCK_ROWS - 1);
    }
}

static uint32_t run_count(block_ref a)
{
    const row_in *runs = rows_of(a);
    uint32_t n = a.n;
    for (uint32_t i = 0; i < a.n; i++)
        n += runs[2 * i + 1];
    return n;
}

/* Index of the last run that starts at or before row, or -1. */
static int32_t run_find(const row_in *runs, uint32_t n, uint32_t row)
{
    uint32_t low = 0;
    uint32_t high = n;
    while (low < high) {
        const uint32_t mid = (low + high) / 2;
        if (runs[2 * mid] <= row)
            low = mid + 1;
        else
            high = mid;
    }
    return (int32_t)low - 1;
}

static bool run_has(block_ref a, uint32_t row)
{
    const row_in *runs = rows_of(a);
    const int32_t i = run_find(runs, a.n, row);
    return i >= 0 && row <= (uint32_t)runs[2 * i] + runs[2 * i + 1];
}

/* Shared rows of two lists of runs as runs; `out` holds a.n + b.n of them, or
 * is NULL. Returns the rows; *runs the runs. */
static uint32_t run_and(block_ref a, block_ref b, uint16_t *out,
                        uint32_t *runs)
{
    const row_in *x = rows_of(a);
    const row_in *y = rows_of(b);
    uint32_t i = 0;
    uint32_t j = 0;
    uint32_t n = 0;
    uint32_t rows = 0;
    while (i < a.n && j < b.n) {
        const uint32_t x_last = (uint32_t)x[2 * i] + x[2 * i + 1];
        const uint32_t y_last = (uint32_t)y[2 * j] + y[2 * j + 1];
        const uint32_t first = x[2 * i] > y[2 * j] ? x[2 * i] : y[2 * j];
        const uint32_t last = x_last < y_last ? x_last : y_last;
        if (first <= last) {
            if (out) {
                out[2 * n] = (uint16_t)first;
                out[2 * n + 1] = (uint16_t)(last - first);
            }
            n++;
            rows += last - first + 1;
        }
        i += x_last <= y_last;
        j += y_last <= x_last;
    }
    *runs = n;
    return rows;
}

/* Rows of a and not b as runs, likewise. */
static uint32_t run_andnot(block_ref a, block_ref b, uint16_t *out)
{
    const row_in *x = rows_of(a);
    const row_in *y = rows_of(b);
    uint32_t j = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < a.n; i++) {
        uint32_t first = x[2 * i];
        const uint32_t last = first + x[2 * i + 1];
        while (j < b.n && (uint32_t)y[2 * j] + y[2 * j + 1] < first)
            j++;
        for (uint32_t k = j; k < b.n && y[2 * k] <= last; k++) {
            if (y[2 * k] > first) {
                out[2 * n] = (uint16_t)first;
                out[2 * n + 1] = (uint16_t)(y[2 * k] - first - 1);
                n++;
            }
            first = (uint32_t)y[2 * k] + y[2 * k + 1] + 1;
        }
        if (first <= last) {
            out[2 * n] = (uint16_t)first;
            out[2 * n + 1] = (uint16_t)(last - first);
            n++;
        }
    }
    return n;
}

/* Rows of a bitset that lie in runs. */
static uint32_t run_count_words(block_ref a, const word_in *words)
{
    const row_in *runs = rows_of(a);
    uint32_t n = 0;
    for (uint32_t i = 0; i < a.n; i++) {
        const uint32_t first = runs[2 * i];
        const uint32_t end = first + runs[2 * i + 1];
        const uint32_t last = end < BLOCK_ROWS ? end : BLOCK_ROWS - 1;
        const uint64_t head = ~(uint64_t)0 << (first & 63);
        const uint64_t tail = ~(uint64_t)0 >> (63 - (last & 63));
        const uint32_t x = first >> 6;
        const uint32_t y = last >> 6;
        if (x == y) {
            n += (uint32_t)__builtin_popcountll(words[x] & head & tail);
            continue;
        }
        n += (uint32_t)__builtin_popcountll(words[x] & head);
        for (uint32_t k = x + 1; k < y; k++)
            n += (uint32_t)__builtin_popcountll(words[k]);
        n += (uint32_t)__builtin_popcountll(words[y] & tail);
    }
    return n;
}

/* Few enough that the result of two lists fits into a register. */
static bool runs_fit(block_ref a, block_ref b)
{
    return a.type == BLOCK_RUN && b.type == BLOCK_RUN &&
           a.n + b.n <= RUNS_MAX;
}

static block_ref run_ref(const void *data, uint32_t n)
{
    return n ? (block_ref){BLOCK_RUN, n, data} : block_empty();
}

/* ---- arrays ---- */

uint32_t block_array_seek(const row_in *a, uint32_t n, uint32_t from,
                          uint32_t row)
{
    uint32_t step = 1;
    uint32_t low = from;
    if (low >= n || a[low] >= row)
        return low;
    while (low + step < n && a[low + step] < row) {
        low += step;
        step *= 2;
    }
    uint32_t high = low + step < n ? low + step : n;
    while (low + 1 < high) {
        const uint32_t mid = (low + high) / 2;
        if (a[mid] < row)
            low = mid;
        else
            high = mid;
    }
    return high;
}

static bool array_has(block_ref a, uint32_t row)
{
    const row_in *values = rows_of(a);
    const uint32_t i = block_array_seek(values, a.n, 0, row);
    return i < a.n && values[i] == row;
}

/* Values of a that are (or are not) in runs. Writes unless out is NULL; out
 * may be a's memory. */
static uint32_t array_pick_runs(block_ref a, block_ref b, bool keep,
                                uint16_t *out)
{
    const row_in *values = rows_of(a);
    const row_in *runs = rows_of(b);
    uint32_t n = 0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < a.n; i++) {
        const uint32_t v = values[i];
        while (at < b.n && (uint32_t)runs[2 * at] + runs[2 * at + 1] < v)
            at++;
        const bool in = at < b.n && runs[2 * at] <= v;
        if (out)
            out[n] = (uint16_t)v;
        n += in == keep;
    }
    return n;
}

/* The same against a much longer array. */
static uint32_t array_gallop(block_ref a, block_ref b, bool keep,
                             uint16_t *out)
{
    const row_in *values = rows_of(a);
    const row_in *other = rows_of(b);
    uint32_t n = 0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < a.n; i++) {
        const uint16_t v = values[i];
        at = block_array_seek(other, b.n, at, v);
        const bool in = at < b.n && other[at] == v;
        if (out)
            out[n] = v;
        n += in == keep;
    }
    return n;
}

#define GALLOP 32 /* times longer */

static uint32_t array_and(block_ref a, block_ref b, uint16_t *out)
{
    if (b.type == BLOCK_BITSET)
        return out ? words_get()->pick(out, rows_of(a), a.n, words_of(b), 0)
                   : words_get()->pick_count(rows_of(a), a.n, words_of(b));
    if (b.type == BLOCK_RUN)
        return array_pick_runs(a, b, true, out);
    if (a.n > b.n) {
        const block_ref t = a;
        a = b;
        b = t;
    }
    if (b.n >= a.n * GALLOP)
        return array_gallop(a, b, true, out);
    if (out)
        return words_get()->intersect(out, rows_of(a), a.n, rows_of(b), b.n);
    return words_get()->intersect_count(rows_of(a), a.n, rows_of(b), b.n);
}

static uint32_t array_andnot(block_ref a, block_ref b, uint16_t *out)
{
    if (b.type == BLOCK_BITSET)
        return words_get()->pick(out, rows_of(a), a.n, words_of(b), 1);
    if (b.type == BLOCK_RUN)
        return array_pick_runs(a, b, false, out);
    if (b.n >= a.n * GALLOP)
        return array_gallop(a, b, false, out);
    const row_in *x = rows_of(a);
    const row_in *y = rows_of(b);
    uint32_t i = 0;
    uint32_t j = 0;
    uint32_t n = 0;
    while (i < a.n && j < b.n) {
        const uint16_t v = x[i];
        const uint16_t w = y[j];
        out[n] = v;
        n += v < w;
        i += v <= w;
        j += w <= v;
    }
    while (i < a.n)
        out[n++] = x[i++];
    return n;
}

static uint32_t array_or(block_ref a, block_ref b, uint16_t *out)
{
    const row_in *x = rows_of(a);
    const row_in *y = rows_of(b);
    uint32_t i = 0;
    uint32_t j = 0;
    uint32_t n = 0;
    while (i < a.n && j < b.n) {
        const uint16_t v = x[i];
        const uint16_t w = y[j];
        out[n++] = v < w ? v : w;
        i += v <= w;
        j += w <= v;
    }
    while (i < a.n)
        out[n++] = x[i++];
    while (j < b.n)
        out[n++] = y[j++];
    return n;
}

/* ---- one block ---- */

uint32_t block_count(block_ref a)
{
    switch (a.type) {
    case BLOCK_EMPTY: return 0;
    case BLOCK_FULL: return BLOCK_ROWS;
    case BLOCK_ARRAY: return a.n;
    case BLOCK_RUN: return run_count(a);
    case BLOCK_BITSET: break;
    }
    return a.n != BLOCK_UNKNOWN ? a.n : words_get()->count(words_of(a));
}

bool block_has(block_ref a, uint32_t row)
{
    switch (a.type) {
    case BLOCK_EMPTY: return false;
    case BLOCK_FULL: return true;
    case BLOCK_ARRAY: return array_has(a, row);
    case BLOCK_RUN: return run_has(a, row);
    case BLOCK_BITSET: break;
    }
    return bit_has(words_of(a), row);
}

bool block_is_empty(block_ref a)
{
    if (a.type == BLOCK_BITSET)
        return a.n == 0 || (a.n == BLOCK_UNKNOWN &&
                            !words_get()->any(words_of(a)));
    return a.type == BLOCK_EMPTY;
}

void block_clear(block_buf *out)
{
    memset(out->words, 0, sizeof out->words);
}

void block_expand(block_ref a, block_buf *out)
{
    if (a.type == BLOCK_BITSET) {
        if (a.data != out->words)
            memcpy(out->words, a.data, sizeof out->words);
        return;
    }
    if (a.type == BLOCK_FULL) {
        memset(out->words, 0xff, sizeof out->words);
        return;
    }
    block_clear(out);
    block_or_into(out, a);
}

void block_or_into(block_buf *out, block_ref a)
{
    switch (a.type) {
    case BLOCK_EMPTY:
        return;
    case BLOCK_FULL:
        memset(out->words, 0xff, sizeof out->words);
        return;
    case BLOCK_BITSET:
        words_get()->or_(out->words, out->words, words_of(a));
        return;
    case BLOCK_RUN:
        run_or_into(out->words, a);
        return;
    case BLOCK_ARRAY:
        break;
    }
    words_get()->set_rows(out->words, rows_of(a), a.n);
}

void block_andnot_into(block_buf *out, block_ref a)
{
    block_buf mask;

    switch (a.type) {
    case BLOCK_EMPTY:
        return;
    case BLOCK_FULL:
        block_clear(out);
        return;
    case BLOCK_RUN:
        block_expand(a, &mask);
        words_get()->andnot(out->words, out->words, mask.words);
        return;
    case BLOCK_BITSET:
        words_get()->andnot(out->words, out->words, words_of(a));
        return;
    case BLOCK_ARRAY:
        break;
    }
    const row_in *values = rows_of(a);
    for (uint32_t i = 0; i < a.n; i++) {
        const uint32_t v = values[i];
        out->words[v >> 6] &= ~((uint64_t)1 << (v & 63));
    }
}

void block_and_into(block_buf *out, block_ref a)
{
    block_buf mask;

    if (a.type == BLOCK_FULL)
        return;
    words_get()->and_(out->words, out->words, block_words(a, &mask));
}

const word_in *block_words(block_ref a, block_buf *buf)
{
    if (a.type == BLOCK_BITSET)
        return words_of(a);
    block_expand(a, buf);
    return buf->words;
}

uint32_t block_rows(block_ref a, uint16_t *out)
{
    uint32_t n = 0;

    if (a.type == BLOCK_EMPTY)
        return 0;
    if (a.type == BLOCK_ARRAY) {
        memcpy(out, a.data, a.n * sizeof *out);
        return a.n;
    }
    block_buf buf;
    const word_in *words = block_words(a, &buf);
    for (uint32_t i = 0; i < WORDS; i++)
        for (uint64_t w = words[i]; w; w &= w - 1)
            out[n++] = (uint16_t)(i * 64 + (uint32_t)__builtin_ctzll(w));
    return n;
}

/* ---- two blocks ---- */

block_ref block_and(block_ref a, block_ref b, block_buf *out)
{
    if (a.type == BLOCK_EMPTY || b.type == BLOCK_FULL)
        return a;
    if (b.type == BLOCK_EMPTY || a.type == BLOCK_FULL)
        return b;
    uint16_t *rows = (uint16_t *)out->words;
    if (a.type == BLOCK_ARRAY)
        return array_ref(rows, array_and(a, b, rows));
    if (b.type == BLOCK_ARRAY)
        return array_ref(rows, array_and(b, a, rows));

    if (runs_fit(a, b)) {
        uint32_t n;
        run_and(a, b, rows, &n);
        return run_ref(rows, n);
    }
    block_buf expanded;
    if (a.type == BLOCK_RUN) {
        const block_ref t = a;
        a = b;
        b = t;
    }
    /* a is a bitset unless both are runs */
    if (a.type == BLOCK_RUN) {
        block_expand(a, out);
        a = block_bits(out);
    }
    const bool any = words_get()->and_(out->words, words_of(a),
                                       block_words(b, &expanded));
    return any ? block_bits(out) : block_empty();
}

block_ref block_andnot(block_ref a, block_ref b, block_buf *out)
{
    if (a.type == BLOCK_EMPTY || b.type == BLOCK_EMPTY)
        return a;
    if (b.type == BLOCK_FULL)
        return block_empty();
    if (a.type == BLOCK_ARRAY) {
        uint16_t *rows = (uint16_t *)out->words;
        return array_ref(rows, array_andnot(a, b, rows));
    }
    if (b.type == BLOCK_ARRAY) {
        block_expand(a, out);
        block_andnot_into(out, b);
        return block_bits(out);
    }
    if (runs_fit(a, b)) {
        uint16_t *runs = (uint16_t *)out->words;
        return run_ref(runs, run_andnot(a, b, runs));
    }
    block_buf x;
    block_buf y;
    const bool any = words_get()->andnot(out->words, block_words(a, &x),
                                         block_words(b, &y));
    return any ? block_bits(out) : block_empty();
}

block_ref block_or(block_ref a, block_ref b, block_buf *out)
{
    if (a.type == BLOCK_EMPTY || b.type == BLOCK_FULL)
        return b;
    if (b.type == BLOCK_EMPTY || a.type == BLOCK_FULL)
        return a;
    if (a.type == BLOCK_ARRAY && b.type == BLOCK_ARRAY &&
        a.n + b.n <= BLOCK_ARRAY_MAX) {
        uint16_t *rows = (uint16_t *)out->words;
        return array_ref(rows, array_or(a, b, rows));
    }
    if (a.type == BLOCK_BITSET && b.type == BLOCK_BITSET) {
        words_get()->or_(out->words, words_of(a), words_of(b));
        return block_bits(out);
    }
    if (b.type == BLOCK_BITSET) {
        const block_ref t = a;
        a = b;
        b = t;
    }
    block_expand(a, out);
    block_or_into(out, b);
    return block_bits(out);
}

uint32_t block_and_count(block_ref a, block_ref b)
{
    if (a.type == BLOCK_EMPTY || b.type == BLOCK_EMPTY)
        return 0;
    if (a.type == BLOCK_FULL)
        return block_count(b);
    if (b.type == BLOCK_FULL)
        return block_count(a);
    if (a.type == BLOCK_ARRAY)
        return array_and(a, b, NULL);
    if (b.type == BLOCK_ARRAY)
        return array_and(b, a, NULL);
    if (a.type == BLOCK_RUN && b.type == BLOCK_RUN) {
        uint32_t runs;
        return run_and(a, b, NULL, &runs);
    }
    if (a.type == BLOCK_RUN && a.n <= RUNS_FEW)
        return run_count_words(a, words_of(b));
    if (b.type == BLOCK_RUN && b.n <= RUNS_FEW)
        return run_count_words(b, words_of(a));
    block_buf x;
    block_buf y;
    return words_get()->and_count(block_words(a, &x), block_words(b, &y));
}

uint32_t block_andnot_count(block_ref a, block_ref b)
{
    if (a.type == BLOCK_BITSET && b.type == BLOCK_BITSET)
        return words_get()->andnot_count(words_of(a), words_of(b));
    return block_count(a) - block_and_count(a, b);
}

uint32_t block_or_count(block_ref a, block_ref b)
{
    if (a.type == BLOCK_BITSET && b.type == BLOCK_BITSET)
        return words_get()->or_count(words_of(a), words_of(b));
    return block_count(a) + block_count(b) - block_and_count(a, b);
}
