/*
 * words.c - choosing the level of words.h at run time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/words.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

const words_ops *words_chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

bool words_has(const char *name)
{
    if (strcmp(name, "portable") == 0)
        return true;
#if defined(__x86_64__)
    if (strcmp(name, "avx2") == 0)
        return __builtin_cpu_supports("avx2") &&
               __builtin_cpu_supports("sse4.2") &&
               __builtin_cpu_supports("popcnt") &&
               __builtin_cpu_supports("bmi2");
    if (strcmp(name, "avx512") == 0)
        return __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512vpopcntdq");
#endif
    return false;
}

/* Three inputs one behind the other, and what operations write besides. */
typedef struct sample {
    uint64_t a[WORDS] __attribute__((aligned(64)));
    uint64_t b[WORDS] __attribute__((aligned(64)));
    uint64_t c[WORDS] __attribute__((aligned(64)));
    uint64_t out[WORDS] __attribute__((aligned(64)));
    uint64_t strip[STRIP_WORDS] __attribute__((aligned(64)));
    uint64_t sliver[SLIVER_WORDS] __attribute__((aligned(64)));
} sample;

static void sample_fill(sample *s, random_state *r, int round)
{
    for (int i = 0; i < WORDS; i++) {
        const uint64_t sparse = random_u64(r) & random_u64(r) & random_u64(r);
        s->a[i] = round == 0 ? 0 : random_u64(r);
        s->b[i] = round == 1 ? ~(uint64_t)0 : sparse;
        s->c[i] = random_u64(r) | sparse;
    }
    memset(s->out, 0, sizeof s->out);
    memset(s->strip, 0, sizeof s->strip);
    memset(s->sliver, 0, sizeof s->sliver);
}

/* The words of b and c become two ascending arrays, their rows shared go to
 * a; some begin with row 0. */
static uint64_t sample_arrays(const words_ops *ops, sample *s)
{
    uint16_t *rows = (uint16_t *)s->c;
    const uint32_t half = sizeof s->c / (2 * sizeof *rows);
    uint32_t n[2] = {0, 0};
    uint32_t next[2] = {(uint32_t)s->b[0] & 1, (uint32_t)s->b[1] & 1};

    for (uint32_t i = 0; i < WORDS; i++)
        for (uint32_t k = 0; k < 2; k++) {
            rows[k * half + n[k]++] = (uint16_t)next[k];
            next[k] += 1 + ((uint32_t)(s->b[i] >> (8 * k)) & 31);
        }
    const uint32_t count =
        ops->intersect_count(rows, n[0], rows + half, n[1]);
    const uint32_t shared = ops->intersect((uint16_t *)s->a, rows, n[0],
                                           rows + half, n[1]);
    const uint32_t picked = ops->pick(rows, rows, n[0], s->b, s->b[2] & 1);
    ops->set_rows(s->b, rows + half, n[1]);
    return count * 65537u + shared + 7 * (uint64_t)picked +
           31 * (uint64_t)ops->pick_count(rows, picked, s->b);
}

/* Rows where they lie unaligned, a few and as many as there can be. */
static uint64_t sample_probe(const words_ops *ops, sample *s)
{
    const row_in *rows =
        (const row_in *)(const void *)((const uint8_t *)s->c + 1);
    ops->probe(s->out, rows, 77, s->b);
    ops->probe(s->out + 2, rows + 77, 512, s->b);
    return 0;
}

/* ---- expressions (columns.h) ---- */

#define SAMPLE_OPERANDS 48u

/* Each of its ways, with none, one and several operands of a kind; a range
 * with ends of both parities, a tally with and without an upper end. */
static const columns_step sample_steps[] = {
    {.op = COLUMNS_AND, .plain = 3},
    {.op = COLUMNS_AND, .plain = 1, .flipped = 2},
    {.op = COLUMNS_AND, .flipped = 2},
    {.op = COLUMNS_OR, .plain = 3},
    {.op = COLUMNS_OR, .plain = 1, .flipped = 2},
    {.op = COLUMNS_OR, .flipped = 1},
    {.op = COLUMNS_TALLY, .plain = 3, .low = 1, .high = 2},
    {.op = COLUMNS_TALLY, .plain = 5, .low = 2, .high = 5},
    {.op = COLUMNS_TALLY, .plain = 7, .low = 0, .high = 3},
    {.op = COLUMNS_TALLY, .plain = 14, .low = 4, .high = 6},
    {.op = COLUMNS_TALLY, .plain = 15, .low = 6, .high = 15},
    {.op = COLUMNS_TALLY, .plain = 16, .low = 5, .high = 7},
    {.op = COLUMNS_TALLY, .plain = 41, .low = 15, .high = 99},
    {.op = COLUMNS_RANGE, .plain = 1, .low = 1, .high = 1},
    {.op = COLUMNS_RANGE, .plain = 7, .low = 21, .high = 90},
    {.op = COLUMNS_RANGE, .plain = 10, .low = 6, .high = 693},
};
#define SAMPLE_STEPS ((int)(sizeof sample_steps / sizeof sample_steps[0]))

/* Words anywhere in the inputs, moving with the strip or standing still. */
static columns_operand sample_operand(const sample *s, uint32_t i)
{
    const uint32_t at = i * 2654435761u >> 18; /* below two of three inputs */
    const uint8_t *bytes = (const uint8_t *)s + at;
    return (columns_operand){(const column_word *)(const void *)bytes,
                             i % 4 == 3 ? 0 : STRIP_WORDS};
}

/* A step whose strip the one to be tried reads among others. */
static uint64_t sample_columns(const words_ops *ops, const columns_step *how,
                               sample *s)
{
    columns_operand operands[SAMPLE_OPERANDS];
    columns_step steps[2] = {
        {.op = COLUMNS_AND, .plain = 1, .flipped = 1, .to = s->strip}, *how};
    const columns_run run = {steps, 2, operands};

    for (uint32_t i = 0; i < SAMPLE_OPERANDS; i++)
        operands[i] = sample_operand(s, i);
    steps[1].first = 2;
    operands[2] = (columns_operand){s->strip, 0};
    const uint64_t any = ops->columns_store(&run, s->out);
    return any + 2 * ops->columns_count(&run, 0, STRIPS) +
           131101 * (uint64_t)ops->columns_count(&run, 5, 18) +
           ((uint64_t)ops->columns_count(&run, STRIPS - 1, STRIPS) << 36) +
           ((uint64_t)ops->columns_count(&run, 7, 7) << 50) +
           ((uint64_t)ops->columns_sliver(&run, 77, s->sliver) << 52);
}

#define SAMPLE_OPS (14 + SAMPLE_STEPS)

/* One operation with three in/out registers; returns a mix of its result. */
static uint64_t sample_run(const words_ops *ops, int op, sample *s)
{
    switch (op) {
    case 0: return ops->and_(s->a, s->a, s->b);
    case 1: return ops->andnot(s->a, s->a, s->b);
    case 2: ops->or_(s->a, s->b, s->c); return 0;
    case 3: return ops->count(s->a);
    case 4: return ops->and_count(s->a, s->b);
    case 5: return ops->andnot_count(s->a, s->b);
    case 6: return ops->or_count(s->a, s->b);
    case 7: return ops->any(s->a);
    case 8: return ops->half_add(s->a, s->b);
    case 9: return ops->full_add(s->a, s->b, s->c);
    case 10: ops->compare(s->a, s->b, s->c, s->a, true); return 0;
    case 11: ops->compare(s->a, s->b, s->c, s->b, false); return 0;
    case 12: return sample_arrays(ops, s);
    case 13: return sample_probe(ops, s);
    default: return sample_columns(ops, &sample_steps[op - 14], s);
    }
}

bool words_self_test(const words_ops *ops)
{
    sample *want = mem_aligned(sizeof *want);
    sample *got = mem_aligned(sizeof *got);
    bool same = true;

    for (int round = 0; round < 4; round++)
        for (int op = 0; op < SAMPLE_OPS; op++) {
            random_state r;
            random_seed(&r, (uint64_t)(round * 100 + op));
            sample_fill(want, &r, round);
            *got = *want;
            if (sample_run(&words_portable, op, want) !=
                    sample_run(ops, op, got) ||
                memcmp(want, got, sizeof *got) != 0)
                same = false;
        }
    mem_free(want);
    mem_free(got);
    return same;
}

static void choose(void)
{
    const words_ops *levels[] = {&words_avx512, &words_avx2};
    const char *forced = getenv("MUSTER_SIMD");

    const words_ops *best = &words_portable;
    for (size_t i = 0; i < 2 && best == &words_portable; i++) {
        const words_ops *level = levels[i];
        if (forced && (strcmp(forced, "portable") == 0 ||
                       (strcmp(forced, "avx2") == 0 && i == 0)))
            continue;
        if (words_has(level->name) && words_self_test(level))
            best = level;
    }
    __atomic_store_n(&words_chosen, best, __ATOMIC_RELEASE);
}

const words_ops *words_choose(void)
{
    pthread_once(&once, choose);
    return words_chosen;
}
