/*
 * block_test.c - the algebra of blocks against one byte a row, over all pairs
 * of forms and of sizes around the edges of arrays and blocks, with operands
 * that lie anywhere in memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/base.h"
#include "index/block.h"
#include "support/dice.h"

/* A block and its twin. The data starts at an odd place and ends at the end
 * of the allocation, so that the sanitizer sees every step outside. */
typedef struct sample {
    block_ref ref;
    uint8_t *memory;
    uint8_t *rows; /* 65,536 */
    uint32_t count;
} sample;

static void place(sample *s, block_type type, uint32_t n, const void *data,
                  size_t len, uint32_t shift)
{
    s->memory = malloc(len + shift);
    assert_non_null(s->memory);
    memcpy(s->memory + shift, data, len);
    s->ref = (block_ref){type, n, s->memory + shift};
}

static void sample_free(sample *s)
{
    free(s->memory);
    free(s->rows);
    free(s);
}

static sample *sample_new(void)
{
    sample *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->rows = calloc(1, BLOCK_ROWS);
    assert_non_null(s->rows);
    return s;
}

/* n distinct rows: spread, or closely together from a random start. */
static void choose_rows(sample *s, uint32_t n, bool close, random_state *r)
{
    uint32_t left = n;
    const uint32_t span = close ? n + n / 4 + 1 : BLOCK_ROWS;
    const uint32_t width = span > BLOCK_ROWS ? BLOCK_ROWS : span;
    const uint32_t first = dice(r, BLOCK_ROWS - width + 1);

    for (uint32_t i = 0; i < width && left > 0; i++)
        if (random_below(r, width - i) < left) {
            s->rows[first + i] = 1;
            left--;
        }
    s->count = n;
    assert_int_equal(left, 0);
}

static sample *sample_array(uint32_t n, bool close, random_state *r)
{
    sample *s = sample_new();
    uint16_t *values = mem_array(n + 1, sizeof *values);
    uint32_t at = 0;

    choose_rows(s, n, close, r);
    for (uint32_t i = 0; i < BLOCK_ROWS; i++)
        if (s->rows[i])
            values[at++] = (uint16_t)i;
    place(s, BLOCK_ARRAY, n, values, n * sizeof *values, dice(r, 8));
    mem_free(values);
    return s;
}

static sample *sample_bitset(uint32_t n, bool known, random_state *r)
{
    sample *s = sample_new();
    uint64_t words[WORDS] = {0};

    choose_rows(s, n, chance(r, 30), r);
    for (uint32_t i = 0; i < BLOCK_ROWS; i++)
        words[i >> 6] |= (uint64_t)s->rows[i] << (i & 63);
    place(s, BLOCK_BITSET, known ? n : BLOCK_UNKNOWN, words, sizeof words,
          dice(r, 8));
    return s;
}

/* `runs` runs that do not touch; the last may reach the end of the block. */
static sample *sample_runs(uint32_t runs, random_state *r)
{
    sample *s = sample_new();
    uint16_t *pairs = mem_array(2 * (size_t)runs + 1, sizeof *pairs);
    uint32_t at = chance(r, 30) ? 0 : dice(r, 10);
    uint32_t n = 0;

    for (; n < runs && at < BLOCK_ROWS; n++) {
        const uint32_t room = BLOCK_ROWS / runs;
        uint32_t len = 1 + dice(r, room);
        if (at + len > BLOCK_ROWS || (n + 1 == runs && chance(r, 40)))
            len = BLOCK_ROWS - at;
        pairs[2 * n] = (uint16_t)at;
        pairs[2 * n + 1] = (uint16_t)(len - 1);
        memset(s->rows + at, 1, len);
        s->count += len;
        at += len + 1 + dice(r, room);
    }
    place(s, BLOCK_RUN, n, pairs, 4 * (size_t)n, dice(r, 8));
    mem_free(pairs);
    return s;
}

static sample *sample_trivial(block_type type)
{
    sample *s = sample_new();
    s->ref = type == BLOCK_FULL ? block_full() : block_empty();
    memset(s->rows, type == BLOCK_FULL, BLOCK_ROWS);
    s->count = type == BLOCK_FULL ? BLOCK_ROWS : 0;
    return s;
}

#define SAMPLES_MAX 64

/* One of each form and size that matters. */
static size_t make_samples(sample **out, random_state *r)
{
    static const uint32_t arrays[] = {1, 2, 63, 64, 255, 256, 4095, 4096};
    static const uint32_t bitsets[] = {0,    1,     4095,  4096,
                                       4097, 40000, 65535, 65536};
    static const uint32_t runs[] = {1, 2, 7, 100, 1000, 2047};
    size_t n = 0;

    out[n++] = sample_trivial(BLOCK_EMPTY);
    out[n++] = sample_trivial(BLOCK_FULL);
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        for (int close = 0; close < 2; close++)
            out[n++] = sample_array(arrays[i], close, r);
    for (size_t i = 0; i < sizeof bitsets / sizeof *bitsets; i++)
        for (int known = 0; known < 2; known++)
            out[n++] = sample_bitset(bitsets[i], known, r);
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        out[n++] = sample_runs(runs[i], r);
    assert_true(n <= SAMPLES_MAX);
    return n;
}

static void for_all_pairs(void (*check)(const sample *a, const sample *b))
{
    const uint64_t rounds = test_size(2, 100);
    sample *samples[SAMPLES_MAX];
    random_state r;

    for (uint64_t round = 0; round < rounds; round++) {
        random_seed(&r, 11 + round);
        const size_t n = make_samples(samples, &r);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                check(samples[i], samples[j]);
        for (size_t i = 0; i < n; i++)
            sample_free(samples[i]);
    }
}

/* ---- what a ref says, checked by has, expand and rows ---- */

static void check_ref(block_ref got, const uint8_t *want)
{
    block_buf *words = mem_aligned(sizeof *words);
    uint16_t *rows = mem_array(BLOCK_ROWS, sizeof *rows);
    uint32_t n = 0;

    block_expand(got, words);
    for (uint32_t i = 0; i < BLOCK_ROWS; i++) {
        const bool has = (words->words[i >> 6] >> (i & 63)) & 1;
        if (has != (want[i] != 0))
            fail_msg("row %u is %d, form %d", i, has, (int)got.type);
        n += want[i];
    }
    assert_int_equal(block_count(got), n);
    if (n == 0)
        assert_true(block_is_empty(got));
    if (got.type != BLOCK_BITSET && n > 0)
        assert_false(block_is_empty(got));
    if (got.type == BLOCK_ARRAY)
        assert_true(got.n > 0 && got.n <= BLOCK_ARRAY_MAX);
    assert_int_equal(block_rows(got, rows), n);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(want[rows[i]]);
        assert_true(i == 0 || rows[i - 1] < rows[i]);
    }
    mem_free(words);
    mem_free(rows);
}

static void test_index_block__every_form_reads_as_its_rows(void **state)
{
    (void)state;
    sample *samples[SAMPLES_MAX];
    random_state r;

    random_seed(&r, 3);
    const size_t n = make_samples(samples, &r);
    for (size_t i = 0; i < n; i++) {
        const sample *s = samples[i];
        check_ref(s->ref, s->rows);
        for (uint32_t row = 0; row < BLOCK_ROWS; row += 1 + row % 5)
            assert_int_equal(block_has(s->ref, row), s->rows[row]);
        assert_int_equal(block_has(s->ref, 65535), s->rows[65535]);
        assert_int_equal(block_is_empty(s->ref), s->count == 0);
        sample_free(samples[i]);
    }
}

static void check_counts(const sample *a, const sample *b)
{
    uint32_t both = 0;
    for (uint32_t i = 0; i < BLOCK_ROWS; i++)
        both += a->rows[i] & b->rows[i];
    assert_int_equal(block_and_count(a->ref, b->ref), both);
    assert_int_equal(block_andnot_count(a->ref, b->ref), a->count - both);
    assert_int_equal(block_or_count(a->ref, b->ref),
                     a->count + b->count - both);
}

static void test_index_block__counts_of_all_pairs(void **state)
{
    (void)state;
    for_all_pairs(check_counts);
}

/* The same words as `want`, and a right count where it is claimed. */
static void compare_ref(block_ref got, const uint8_t *want, const char *what)
{
    static block_buf words;
    uint32_t n = 0;

    block_expand(got, &words);
    for (uint32_t i = 0; i < WORDS; i++) {
        uint64_t w = 0;
        for (uint32_t j = 0; j < 64; j++)
            w |= (uint64_t)want[i * 64 + j] << j;
        n += (uint32_t)__builtin_popcountll(w);
        if (w != words.words[i])
            fail_msg("%s: word %u is %016llx, not %016llx", what, i,
                     (unsigned long long)words.words[i],
                     (unsigned long long)w);
    }
    assert_int_equal(block_count(got), n);
}

static void check_sets(const sample *a, const sample *b)
{
    static uint8_t want[3][BLOCK_ROWS];
    block_buf *out = mem_aligned(sizeof *out);

    for (uint32_t i = 0; i < BLOCK_ROWS; i++) {
        want[0][i] = a->rows[i] & b->rows[i];
        want[1][i] = (uint8_t)(a->rows[i] & !b->rows[i]);
        want[2][i] = a->rows[i] | b->rows[i];
    }
    memset(out->words, 0xa5, sizeof out->words);
    compare_ref(block_and(a->ref, b->ref, out), want[0], "and");
    memset(out->words, 0xa5, sizeof out->words);
    compare_ref(block_andnot(a->ref, b->ref, out), want[1], "andnot");
    memset(out->words, 0xa5, sizeof out->words);
    compare_ref(block_or(a->ref, b->ref, out), want[2], "or");
    mem_free(out);
}

static void test_index_block__sets_of_all_pairs(void **state)
{
    (void)state;
    for_all_pairs(check_sets);
}

static void check_in_place(const sample *a, const sample *b)
{
    static uint8_t want[3][BLOCK_ROWS];
    block_buf *out = mem_aligned(sizeof *out);
    block_buf *spare = mem_aligned(sizeof *spare);

    for (uint32_t i = 0; i < BLOCK_ROWS; i++) {
        want[0][i] = a->rows[i] & b->rows[i];
        want[1][i] = (uint8_t)(a->rows[i] & !b->rows[i]);
        want[2][i] = a->rows[i] | b->rows[i];
    }
    block_expand(a->ref, out);
    block_and_into(out, b->ref);
    compare_ref(block_bits(out), want[0], "and into");
    block_expand(a->ref, out);
    block_andnot_into(out, b->ref);
    compare_ref(block_bits(out), want[1], "andnot into");
    block_expand(a->ref, out);
    block_or_into(out, b->ref);
    compare_ref(block_bits(out), want[2], "or into");
    block_expand(block_bits(out), out); /* its own memory */
    compare_ref(block_bits(out), want[2], "expanded in place");
    const word_in *words = block_words(b->ref, spare);
    compare_ref((block_ref){BLOCK_BITSET, BLOCK_UNKNOWN, words}, b->rows,
                "words");
    mem_free(out);
    mem_free(spare);
}

static void test_index_block__in_place_of_all_pairs(void **state)
{
    (void)state;
    for_all_pairs(check_in_place);
}

/* A short array against a long one: the search gallops. */
static void test_index_block__short_arrays_gallop_through_long_ones(
    void **state)
{
    (void)state;
    random_state r;
    const uint64_t rounds = test_size(300, 20000);

    random_seed(&r, 5);
    for (uint64_t i = 0; i < rounds; i++) {
        sample *a = sample_array(1 + dice(&r, 20), chance(&r, 50), &r);
        sample *b =
            sample_array(400 + dice(&r, 3697), chance(&r, 50), &r);
        check_counts(a, b);
        check_counts(b, a);
        check_sets(a, b);
        check_sets(b, a);
        for (uint32_t j = 0; j < 100; j++) {
            const uint32_t row = dice(&r, BLOCK_ROWS);
            assert_int_equal(block_has(b->ref, row), b->rows[row]);
        }
        sample_free(a);
        sample_free(b);
    }
}

/* A damaged run may say that it reaches past the block; it must not write
 * there. */
static void test_index_block__a_run_past_the_end_is_cut(void **state)
{
    (void)state;
    static const uint16_t runs[] = {65000, 65535, 65535, 65535};
    const block_ref ref = {BLOCK_RUN, 2, runs};
    uint64_t *words = malloc(sizeof(block_buf) + 64); /* ends exactly */
    assert_non_null(words);
    block_buf *out =
        (block_buf *)(((uintptr_t)words + 63) & ~(uintptr_t)63);

    block_clear(out);
    block_or_into(out, ref);
    assert_int_equal(words_get()->count(out->words), 65536 - 65000);
    free(words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_block__every_form_reads_as_its_rows),
        cmocka_unit_test(test_index_block__counts_of_all_pairs),
        cmocka_unit_test(test_index_block__sets_of_all_pairs),
        cmocka_unit_test(test_index_block__in_place_of_all_pairs),
        cmocka_unit_test(
            test_index_block__short_arrays_gallop_through_long_ones),
        cmocka_unit_test(test_index_block__a_run_past_the_end_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
