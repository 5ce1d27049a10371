/*
 * words_test.c - the inner loops: every level that this processor has gives
 * what portable C gives, wherever the inputs lie; expressions (columns.h) give
 * what a row at a time gives.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base.h"
#include "index/block.h"
#include "support/dice.h"

typedef enum fill { FILL_NONE, FILL_ALL, FILL_SPARSE, FILL_EVEN, FILL_DENSE,
                    FILL_LAST, FILL_COUNT } fill;

static void fill_words(uint64_t *w, fill how, random_state *r)
{
    for (int i = 0; i < WORDS; i++) {
        const uint64_t a = random_u64(r);
        const uint64_t b = random_u64(r) & random_u64(r) & random_u64(r);
        w[i] = how == FILL_NONE ? 0
               : how == FILL_ALL ? ~(uint64_t)0
               : how == FILL_SPARSE ? b
               : how == FILL_EVEN ? a
               : how == FILL_DENSE ? ~b
                                   : 0;
    }
    if (how == FILL_LAST)
        w[WORDS - 1] = (uint64_t)1 << 63;
}

/* Three registers, and two inputs that start `shift` bytes off. */
typedef struct bench_top {
    block_buf out[3];
    uint8_t bytes[2][8192 + 64];
} bench_top;

static void set_up(bench_top *t, random_state *r, unsigned shift)
{
    uint64_t words[WORDS];
    memset(t, 0, sizeof *t);
    for (int i = 0; i < 3; i++)
        fill_words(t->out[i].words, (fill)dice(r, FILL_COUNT), r);
    for (int i = 0; i < 2; i++) {
        fill_words(words, (fill)dice(r, FILL_COUNT), r);
        memcpy(t->bytes[i] + shift, words, sizeof words);
    }
}

static uint64_t run(const words_ops *ops, int op, bench_top *t,
                    unsigned shift)
{
    const word_in *a = (const word_in *)(const void *)(t->bytes[0] + shift);
    const word_in *b = (const word_in *)(const void *)(t->bytes[1] + shift);
    uint64_t *out = t->out[0].words;

    switch (op) {
    case 0: return ops->and_(out, a, b);
    case 1: return ops->andnot(out, a, b);
    case 2: ops->or_(out, a, b); return 0;
    case 3: return ops->count(a);
    case 4: return ops->and_count(a, b);
    case 5: return ops->andnot_count(a, b);
    case 6: return ops->or_count(a, b);
    case 7: return ops->any(a);
    case 8: return ops->half_add(out, t->out[1].words);
    case 9: return ops->full_add(out, a, t->out[1].words);
    case 10: ops->compare(out, t->out[1].words, t->out[2].words, a, true);
             return 0;
    case 11: ops->compare(out, t->out[1].words, t->out[2].words, a, false);
             return 0;
    /* an output may be an input */
    case 12: return ops->and_(out, out, a);
    case 13: return ops->and_(out, a, out);
    case 14: return ops->andnot(out, out, a);
    case 15: return ops->andnot(out, a, out);
    case 16: ops->or_(out, a, out); return 0;
    case 17: return ops->full_add(out, out, t->out[1].words);
    default: /* rows of all lengths, lying anywhere */
        ops->probe(out, (const row_in *)(const void *)b,
                   (uint32_t)(out[0] & 511) + 1, a);
        return 0;
    }
}

static void compare_levels(const words_ops *ops, uint64_t rounds)
{
    bench_top *want = mem_aligned(sizeof *want);
    bench_top *got = mem_aligned(sizeof *got);
    random_state r;

    random_seed(&r, 7);
    for (uint64_t round = 0; round < rounds; round++) {
        const unsigned shift = round % 4 == 0 ? 0 : dice(&r, 64);
        for (int op = 0; op < 19; op++) {
            set_up(want, &r, shift);
            memcpy(got, want, sizeof *got);
            assert_int_equal(run(&words_portable, op, want, shift),
                             run(ops, op, got, shift));
            assert_memory_equal(want, got, sizeof *got);
        }
    }
    mem_free(want);
    mem_free(got);
}

/* ---- expressions, a row at a time ---- */

#define PLANES 12
#define STEPS_MAX 6
#define OPERANDS_MAX 300u

/* An operand: words of a plane, or (plane < 0) a step's strip. */
typedef struct source {
    int plane;
    uint32_t shift; /* words from where the plane begins */
    uint32_t stride;
    uint32_t step;
} source;

typedef struct expression {
    uint8_t bytes[PLANES][2 * 8192 + 64];
    uint32_t off[PLANES]; /* bytes that a plane is off */
    source sources[STEPS_MAX * OPERANDS_MAX];
    columns_operand operands[STEPS_MAX * OPERANDS_MAX];
    columns_step steps[STEPS_MAX];
    columns_run run;
    uint64_t strips[STEPS_MAX][STRIP_WORDS] __attribute__((aligned(64)));
    block_buf out;
    bool holds[STEPS_MAX][STRIP_ROWS]; /* in the strip being told */
    bool want[BLOCK_ROWS];
} expression;

static void draw_planes(expression *e, random_state *r)
{
    uint64_t words[2 * WORDS];

    for (int i = 0; i < PLANES; i++) {
        fill_words(words, (fill)dice(r, FILL_COUNT), r);
        fill_words(words + WORDS, (fill)dice(r, FILL_COUNT), r);
        e->off[i] = chance(r, 30) ? 0 : dice(r, 64);
        memcpy(e->bytes[i] + e->off[i], words, sizeof words);
    }
}

static void draw_source(expression *e, random_state *r, uint32_t step,
                        uint32_t at)
{
    source *s = &e->sources[at];
    if (step > 0 && chance(r, 30)) {
        *s = (source){-1, 0, 0, dice(r, step)};
        e->operands[at] = (columns_operand){e->strips[s->step], 0};
        return;
    }
    *s = (source){(int)dice(r, PLANES), chance(r, 50) ? 0 : dice(r, WORDS),
                  chance(r, 80) ? STRIP_WORDS : 0, 0};
    const uint8_t *plane = e->bytes[s->plane] + e->off[s->plane];
    e->operands[at] = (columns_operand){
        (const column_word *)(const void *)plane + s->shift, s->stride};
}

static uint64_t draw_bound(random_state *r, uint64_t top)
{
    return top == UINT64_MAX ? random_u64(r) : random_below(r, top + 1);
}

/* How many operands, and which of their sums or numbers hold. */
static void draw_step(columns_step *s, random_state *r)
{
    static const uint32_t tallies[] = {1,  2,  3,  4,  7,  8,  9, 13,
                                       14, 15, 16, 17, 31, 32, 64, 300};
    const bool few = chance(r, 70);
    uint64_t top;

    s->op = (columns_op)dice(r, 4);
    if (s->op == COLUMNS_AND || s->op == COLUMNS_OR) {
        s->plain = dice(r, 4);
        s->flipped = s->plain == 0 ? 1 + dice(r, 2) : dice(r, 3);
        return;
    }
    if (s->op == COLUMNS_TALLY) {
        s->plain = few ? 1 + dice(r, 16) : PICK(r, tallies);
        top = s->plain;
    } else {
        s->plain = few ? 1 + dice(r, 10) : 1 + dice(r, 64);
        top = s->plain < 64 ? ((uint64_t)1 << s->plain) - 1 : UINT64_MAX;
    }
    s->low = chance(r, 30) ? 0 : draw_bound(r, top);
    s->high = s->low + draw_bound(r, top - s->low);
    if (chance(r, 20))
        s->high = top;
    if (s->op == COLUMNS_TALLY && chance(r, 40))
        s->high = top + dice(r, 100); /* no upper end */
}

static void draw_expression(expression *e, random_state *r)
{
    const uint32_t steps = 1 + dice(r, STEPS_MAX);
    uint32_t at = 0;

    draw_planes(e, r);
    for (uint32_t i = 0; i < steps; i++) {
        columns_step *s = &e->steps[i];
        *s = (columns_step){.first = at, .to = e->strips[i]};
        draw_step(s, r);
        for (uint32_t o = 0; o < s->plain + s->flipped; o++)
            draw_source(e, r, i, at++);
    }
    e->steps[steps - 1].to = NULL;
    e->run = (columns_run){e->steps, steps, e->operands};
}

static bool source_holds(const expression *e, const source *s, uint32_t strip,
                         uint32_t row)
{
    if (s->plane < 0)
        return e->holds[s->step][row];
    const uint32_t bit = (s->shift + strip * s->stride) * 64 + row;
    const uint8_t *plane = e->bytes[s->plane] + e->off[s->plane];
    return (plane[bit / 8] >> bit % 8) & 1;
}

static bool step_holds(const expression *e, const columns_step *s,
                       uint32_t strip, uint32_t row)
{
    const source *sources = &e->sources[s->first];
    uint32_t holding = 0;
    uint64_t number = 0;

    for (uint32_t i = 0; i < s->plain + s->flipped; i++) {
        const bool holds = source_holds(e, &sources[i], strip, row) !=
                           (i >= s->plain);
        holding += holds;
        number |= (uint64_t)holds << (i & 63);
    }
    if (s->op == COLUMNS_AND)
        return holding == s->plain + s->flipped;
    if (s->op == COLUMNS_OR)
        return holding > 0;
    const uint64_t n = s->op == COLUMNS_TALLY ? holding : number;
    return n >= s->low && n <= s->high;
}

static void tell_rows(expression *e)
{
    for (uint32_t strip = 0; strip < STRIPS; strip++) {
        for (uint32_t i = 0; i < e->run.count; i++)
            for (uint32_t row = 0; row < STRIP_ROWS; row++)
                e->holds[i][row] = step_holds(e, &e->steps[i], strip, row);
        memcpy(e->want + strip * STRIP_ROWS, e->holds[e->run.count - 1],
               STRIP_ROWS);
    }
}

static uint32_t want_rows(const expression *e, uint32_t first, uint32_t end)
{
    uint32_t n = 0;
    for (uint32_t i = first * STRIP_ROWS; i < end * STRIP_ROWS; i++)
        n += e->want[i];
    return n;
}

static void check_expression(const words_ops *ops, expression *e,
                             random_state *r)
{
    const bool any = ops->columns_store(&e->run, e->out.words);

    for (uint32_t i = 0; i < BLOCK_ROWS; i++)
        if (((e->out.words[i / 64] >> i % 64) & 1) != e->want[i])
            fail_msg("%s: row %u of %u steps, the last %d of %u and %u: "
                     "%d expected",
                     ops->name, i, e->run.count,
                     (int)e->steps[e->run.count - 1].op,
                     e->steps[e->run.count - 1].plain,
                     e->steps[e->run.count - 1].flipped, e->want[i]);
    assert_int_equal(any, want_rows(e, 0, STRIPS) > 0);
    assert_int_equal(ops->columns_count(&e->run, 0, STRIPS),
                     want_rows(e, 0, STRIPS));
    for (int i = 0; i < 4; i++) {
        const uint32_t first = dice(r, STRIPS + 1);
        const uint32_t end = first + dice(r, STRIPS + 1 - first);
        assert_int_equal(ops->columns_count(&e->run, first, end),
                         want_rows(e, first, end));
    }
}

static void check_expressions(const words_ops *ops, uint64_t rounds)
{
    expression *e = mem_aligned(sizeof *e);
    random_state r;

    memset(e, 0, sizeof *e);
    for (uint64_t round = 0; round < rounds; round++) {
        random_seed(&r, 1000 + round);
        draw_expression(e, &r);
        tell_rows(e);
        check_expression(ops, e, &r);
    }
    mem_free(e);
}

/* ---- levels ---- */

static void check_level(const words_ops *ops)
{
    if (!words_has(ops->name)) {
        print_message("skipped: this processor has no %s\n", ops->name);
        skip();
    }
    assert_true(words_self_test(ops));
    compare_levels(ops, test_size(60, 5000));
    check_expressions(ops, test_size(200, 5000));
}

static void test_index_words__portable_expressions_hold_by_row(void **state)
{
    (void)state;
    check_expressions(&words_portable, test_size(200, 5000));
}

static void test_index_words__portable_counts_and_adds(void **state)
{
    (void)state;
    block_buf a;
    block_buf b;
    block_clear(&a);
    block_clear(&b);
    a.words[0] = 0xff;
    b.words[0] = 0xf0;
    b.words[WORDS - 1] = 1;
    const words_ops *ops = &words_portable;
    assert_int_equal(ops->count(a.words), 8);
    assert_int_equal(ops->and_count(a.words, b.words), 4);
    assert_int_equal(ops->andnot_count(a.words, b.words), 4);
    assert_int_equal(ops->or_count(a.words, b.words), 9);
    assert_true(ops->any(b.words));
    assert_true(ops->half_add(a.words, b.words));
    assert_int_equal(a.words[0], 0x0f);
    assert_int_equal(a.words[WORDS - 1], 1);
    assert_int_equal(b.words[0], 0xf0);
    assert_int_equal(b.words[WORDS - 1], 0);
}

static void test_index_words__avx2_equals_portable(void **state)
{
    (void)state;
    check_level(&words_avx2);
}

static void test_index_words__avx512_equals_portable(void **state)
{
    (void)state;
    check_level(&words_avx512);
}

/* The level is chosen once in a process, so each choice gets its own. */
static void expect_level(const char *forced, const char *want)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (forced)
            setenv("MUSTER_SIMD", forced, 1);
        else
            unsetenv("MUSTER_SIMD");
        _exit(strcmp(words_get()->name, want) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) != 0)
        fail_msg("MUSTER_SIMD=%s does not give %s", forced ? forced : "",
                 want);
}

static void test_index_words__a_level_can_be_forced(void **state)
{
    (void)state;
    const char *avx2 = words_has("avx2") ? "avx2" : "portable";
    const char *best = words_has("avx512") ? "avx512" : avx2;

    expect_level("portable", "portable");
    expect_level("avx2", avx2);
    expect_level("avx512", best);
    expect_level(NULL, best);
    expect_level("something else", best);
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "avx2" : "avx512";
        if (!words_has(name))
            print_message("skipped: this processor has no %s\n", name);
    }
}

static void test_index_words__an_unknown_level_is_not_had(void **state)
{
    (void)state;
    assert_true(words_has("portable"));
    assert_false(words_has("sse2"));
    assert_false(words_has(""));
}

static bool full_add_without_carry(word_out *slice, const word_in *add,
                                   word_out *carry)
{
    for (int i = 0; i < WORDS; i++)
        slice[i] ^= add[i];
    (void)carry;
    return true;
}

/* Right for whole blocks only. */
static uint32_t count_all_strips(const columns_run *r, uint32_t first,
                                 uint32_t end)
{
    return first == end ? 0 : words_portable.columns_count(r, 0, STRIPS);
}

/* Its bits are the wrong way round in one kind of step only. */
static bool store_wrongly(const columns_run *r, word_out *out)
{
    columns_step steps[2] = {r->steps[0], r->steps[1]};
    const columns_run run = {steps, 2, r->operands};
    if (steps[1].op == COLUMNS_TALLY && steps[1].plain > 15)
        steps[1].low++;
    return words_portable.columns_store(&run, out);
}

static void probe_first_rows(uint64_t *mask, const row_in *rows, uint32_t n,
                             const word_in *words)
{
    words_portable.probe(mask, rows, n < 511 ? n : 511, words);
}

static void test_index_words__self_test_finds_a_wrong_level(void **state)
{
    (void)state;
    words_ops wrong = words_portable;
    assert_true(words_self_test(&wrong));
    wrong.or_count = words_portable.and_count;
    assert_false(words_self_test(&wrong));
    wrong = words_portable;
    wrong.full_add = full_add_without_carry;
    assert_false(words_self_test(&wrong));
    wrong = words_portable;
    wrong.columns_count = count_all_strips;
    assert_false(words_self_test(&wrong));
    wrong = words_portable;
    wrong.columns_store = store_wrongly;
    assert_false(words_self_test(&wrong));
    wrong = words_portable;
    wrong.probe = probe_first_rows;
    assert_false(words_self_test(&wrong));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_words__a_level_can_be_forced),
        cmocka_unit_test(test_index_words__portable_counts_and_adds),
        cmocka_unit_test(test_index_words__portable_expressions_hold_by_row),
        cmocka_unit_test(test_index_words__avx2_equals_portable),
        cmocka_unit_test(test_index_words__avx512_equals_portable),
        cmocka_unit_test(test_index_words__an_unknown_level_is_not_had),
        cmocka_unit_test(test_index_words__self_test_finds_a_wrong_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
