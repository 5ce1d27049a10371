/*
 * sample.c - estimates from samples on workload W: how fast, how narrow, how
 * often right.
 *
 * A case is an expression E1..E8 and an error. It is asked once a seed; the
 * truth is the exact count. Columns:
 *
 *   ours_us    median over the seeds, planes as warm as the last seed left
 *              them
 *   cold_us    median of a few, the caches filled with something else before
 *   exact_us   counting instead
 *   sampled    share of the seeds that were answered from a sample
 *   looked     share of the rows that these looked at
 *   width      half of their intervals, mean, as a share of the truth
 *   coverage   share of all seeds whose interval holds the truth
 *   of_sampled the same of those answered from a sample
 *
 * The answer is wrong when the coverage is below 94 %.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "bench.h"
#include "eval.h"
#include "world.h"

#define USERS 10000000
#define USERS_QUICK 2200000
#define SEEDS 2000
#define SEEDS_QUICK 100
#define COVERAGE_LEAST 0.94
#define COLD_RUNS 21
#define COLD_BYTES ((size_t)96 << 20)
#define EXACT_RUNS 11

#define EXPRESSIONS 8
static const double errors[] = {0.01, 0.03, 0.1};
#define CASES (EXPRESSIONS * sizeof errors / sizeof errors[0])

typedef struct state {
    world *w;
    uint8_t *elsewhere; /* memory that takes the caches */
} state;

/* Sums over the seeds of a case. */
typedef struct tally {
    double *us;
    size_t count;
    size_t sampled;
    size_t covered;
    size_t covered_sampled;
    double looked;
    double width;
} tally;

static const char *case_name(size_t i)
{
    static char name[32];
    if (i >= CASES)
        return NULL;
    snprintf(name, sizeof name, "E%zu within %.0f %%", i % EXPRESSIONS + 1,
             errors[i / EXPRESSIONS] * 100);
    return name;
}

static double us_since(uint64_t start)
{
    return (double)(clock_monotonic_ns() - start) / 1e3;
}

static double ask(const program *g, double error, uint64_t seed,
                  sample_answer *out)
{
    const sample_request q = {error, seed, 1};
    const uint64_t start = clock_monotonic_ns();
    program_estimate(g, &q, NULL, out);
    return us_since(start);
}

static void add(tally *t, const sample_answer *a, uint64_t truth,
                uint32_t rows)
{
    const bool covered = a->low <= truth && truth <= a->high;

    t->covered += covered;
    if (a->exact)
        return;
    t->sampled++;
    t->covered_sampled += covered;
    t->looked += (double)a->sampled_rows / rows;
    t->width += (double)(a->high - a->low) / 2 / (double)truth;
}

static double exact_us(const program *g, uint64_t *truth)
{
    double us[EXACT_RUNS];
    for (size_t i = 0; i < EXACT_RUNS; i++) {
        const uint64_t start = clock_monotonic_ns();
        *truth = program_count(g);
        us[i] = us_since(start);
    }
    return bench_median(us, EXACT_RUNS);
}

static double cold_us(const state *s, const program *g, double error)
{
    double us[COLD_RUNS];
    sample_answer a;
    for (size_t i = 0; i < COLD_RUNS; i++) {
        memset(s->elsewhere, (int)i, COLD_BYTES);
        us[i] = ask(g, error, i, &a);
    }
    return bench_median(us, COLD_RUNS);
}

static double share(double part, size_t of)
{
    return of ? part / (double)of : 0;
}

static bool run(void *payload, size_t i, const bench_options *options,
                report *out)
{
    const state *s = payload;
    const double error = errors[i / EXPRESSIONS];
    const program_state at = world_state(s->w);
    plan *p = world_plan(s->w, eval_w_text(i % EXPRESSIONS));
    tally t = {.count = options->quick ? SEEDS_QUICK : SEEDS};
    uint64_t truth;

    program *g = world_program(s->w, p);
    t.us = mem_array(t.count, sizeof *t.us);
    const double exact = exact_us(g, &truth);
    for (size_t seed = 0; seed < t.count; seed++) {
        sample_answer a;
        t.us[seed] = ask(g, error, seed, &a);
        add(&t, &a, truth, at.rows);
    }
    const double coverage = share((double)t.covered, t.count);
    report_begin(out, bench_eval_sample.name, case_name(i));
    report_count(out, "n", at.rows);
    report_number(out, "ours_us", bench_median(t.us, t.count), 1);
    report_number(out, "cold_us", cold_us(s, g, error), 1);
    report_number(out, "exact_us", exact, 1);
    report_number(out, "sampled", share((double)t.sampled, t.count), 4);
    report_number(out, "looked", share(t.looked, t.sampled), 5);
    report_number(out, "width", share(t.width, t.sampled), 5);
    report_number(out, "coverage", coverage, 4);
    report_number(out, "of_sampled",
                  share((double)t.covered_sampled, t.sampled), 4);
    report_count(out, "seeds", t.count);
    report_count(out, "answer", truth);
    report_end(out, coverage >= COVERAGE_LEAST);
    mem_free(t.us);
    program_free(g);
    segment_plan_free(p);
    return coverage >= COVERAGE_LEAST;
}

static void *setup(const bench_options *options)
{
    state *s = mem_zalloc(sizeof *s);
    s->w = w_open(bench_users(options, USERS, USERS_QUICK), options->seed);
    s->elsewhere = mem_alloc(COLD_BYTES);
    return s;
}

static void teardown(void *payload)
{
    state *s = payload;
    mem_free(s->elsewhere);
    world_close(s->w);
    mem_free(s);
}

const bench bench_eval_sample = {
    "eval/sample", "estimates from samples of workload W, and how often right",
    case_name,     setup,
    run,           teardown};
