/*
 * words_test.c - the inner loops: every level that this processor has gives
 * what portable C gives, wherever the inputs lie.
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
    default: return ops->full_add(out, out, t->out[1].words);
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
        for (int op = 0; op < 18; op++) {
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

static void check_level(const words_ops *ops)
{
    if (!words_has(ops->name)) {
        print_message("skipped: this processor has no %s\n", ops->name);
        skip();
    }
    assert_true(words_self_test(ops));
    compare_levels(ops, test_size(60, 5000));
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_words__a_level_can_be_forced),
        cmocka_unit_test(test_index_words__portable_counts_and_adds),
        cmocka_unit_test(test_index_words__avx2_equals_portable),
        cmocka_unit_test(test_index_words__avx512_equals_portable),
        cmocka_unit_test(test_index_words__an_unknown_level_is_not_had),
        cmocka_unit_test(test_index_words__self_test_finds_a_wrong_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
