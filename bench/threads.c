/*
 * threads.c - eval/threads: counting by one thread and by two, expressions of
 * workload W.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "eval.h"

#define W_USERS 10000000
#define W_USERS_QUICK 200000
#define RUNS 101
#define WARM 5

static const char *case_name(size_t i)
{
    return eval_w_name(i);
}

static void *setup(const bench_options *options)
{
    eval_keep_memory();
    return w_open(bench_users(options, W_USERS, W_USERS_QUICK),
                  options->seed);
}

static uint64_t measure(const program *g, unsigned threads, double *us)
{
    double times[RUNS];
    uint64_t n = 0;

    for (int i = -WARM; i < RUNS; i++) {
        const uint64_t start = clock_monotonic_ns();
        n = program_count_by(g, threads, NULL);
        if (i >= 0)
            times[i] = (double)(clock_monotonic_ns() - start) / 1e3;
    }
    *us = bench_median(times, RUNS);
    return n;
}

static bool run(void *state, size_t i, const bench_options *options,
                report *out)
{
    const world *w = state;
    plan *p = world_plan(w, eval_w_text(i));
    program *g = world_program(w, p);
    double one;
    double two;

    (void)options;
    const uint64_t n = measure(g, 1, &one);
    const bool ok = measure(g, 2, &two) == n;
    report_begin(out, bench_eval_threads.name, case_name(i));
    report_count(out, "n", w->rows);
    report_number(out, "one_us", one, 1);
    report_number(out, "two_us", two, 1);
    report_number(out, "ratio", one / two, 2);
    report_count(out, "answer", n);
    report_end(out, ok);
    program_free(g);
    segment_plan_free(p);
    return ok;
}

static void teardown(void *state)
{
    world_close(state);
}

const bench bench_eval_threads = {
    "eval/threads", "the same expressions by one thread and by two",
    case_name,      setup,
    run,            teardown};
