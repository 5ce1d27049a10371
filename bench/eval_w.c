/*
 * eval_w.c - expressions E1..E8 of workload W (w.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "eval.h"

#define W_USERS 1000000
#define W_USERS_QUICK 200000

#define COUNTRY_TEXT                                                          \
    "country in (\"c5\", \"c6\", \"c7\", \"c8\", \"c9\", \"c10\", \"c11\", "  \
    "\"c12\", \"c13\", \"c14\")"
#define COUNTRIES "c5|c6|c7|c8|c9|c10|c11|c12|c13|c14"
#define FIRST_5 "\"i10\", \"i11\", \"i12\", \"i13\", \"i14\""
#define SECOND_5 "\"i20\", \"i21\", \"i22\", \"i23\", \"i24\""

static const eval_case cases[] = {
    {"E1", "a and b", {hand_and}, {{"a", 0, 0, 0}, {"b", 0, 0, 0}}},
    {"E2", "(a and b and not c) or (d and e)", {hand_two_pairs},
     {{"a", 0, 0, 0}, {"b", 0, 0, 0}, {"c", 0, 0, 0}, {"d", 0, 0, 0},
      {"e", 0, 0, 0}}},
    {"E3", COUNTRY_TEXT " and a", {hand_and, hand_and_sum},
     {{"a", 0, 0, 0}, {"country", COUNTRIES, 0, 0}}},
    {"E4", "visit within 30 days and not visit within 7 days", {hand_andnot},
     {{"visit", 0, 29, 0}, {"visit", 0, 6, 0}}},
    {"E5",
     "interest in (" FIRST_5 ") and interest in (" SECOND_5 ") and a and not "
     "d",
     {hand_mix},
     {{"interest", "i20|i21|i22|i23|i24", 0, 0},
      {"interest", "i10|i11|i12|i13|i14", 0, 0}, {"a", 0, 0, 0},
      {"d", 0, 0, 0}}},
    {"E6",
     "at least 3 of (interest = \"i8\", interest = \"i9\", interest = "
     "\"i10\", interest = \"i11\", interest = \"i12\", interest = \"i13\", "
     "interest = \"i14\", interest = \"i15\")",
     {hand_3_of_8},
     {{"interest", "i8", 0, 0}, {"interest", "i9", 0, 0},
      {"interest", "i10", 0, 0}, {"interest", "i11", 0, 0},
      {"interest", "i12", 0, 0}, {"interest", "i13", 0, 0},
      {"interest", "i14", 0, 0}, {"interest", "i15", 0, 0}}},
    {"E7", "f and g and a", {hand_and_3},
     {{"g", 0, 0, 0}, {"f", 0, 0, 0}, {"a", 0, 0, 0}}},
    {"E8", "run1 and run2 and not run3", {hand_and_andnot},
     {{"run1", 0, 0, 0}, {"run2", 0, 0, 0}, {"run3", 0, 0, 0}}},
};
#define CASES (sizeof cases / sizeof cases[0])

static const char *case_name(size_t i)
{
    return i < CASES ? cases[i].name : NULL;
}

static void *setup(const bench_options *options)
{
    eval_state *s = mem_zalloc(sizeof *s);
    eval_keep_memory();
    s->w = w_open(bench_users(options, W_USERS, W_USERS_QUICK),
                  options->seed);
    s->h = hand_open(s->w);
    return s;
}

static bool run(void *state, size_t i, const bench_options *options,
                report *out)
{
    return eval_run(state, bench_eval_w.name, &cases[i], options, out);
}

static void teardown(void *state)
{
    eval_state *s = state;
    hand_close(s->h);
    world_close(s->w);
    mem_free(s);
}

const bench bench_eval_w = {
    "eval/w", "expressions E1..E8 of workload W against CRoaring by hand",
    case_name, setup, run, teardown};
