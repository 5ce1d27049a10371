/*
 * eval_w.c - expressions E1..E8 of workload W (w.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "eval.h"

#define W_USERS 1000000
#define W_USERS_QUICK 200000

#define COUNTRY_TEXT                                                           \
    "country in (\"c5\", \"c6\", \"c7\", \"c8\", \"c9\", \"c10\", \"c11\", "   \
    "\"c12\", \"c13\", \"c14\")"
#define COUNTRIES "c5|c6|c7|c8|c9|c10|c11|c12|c13|c14"
#define FIRST_5 "\"i10\", \"i11\", \"i12\", \"i13\", \"i14\""
#define SECOND_5 "\"i20\", \"i21\", \"i22\", \"i23\", \"i24\""

static const eval_case cases[] = {
    {"E1",
     "a and b",
     {HAND(and)},
     {{0}},
     {{.attribute = "a"}, {.attribute = "b"}}},
    {"E2",
     "(a and b and not c) or (d and e)",
     {HAND(two_pairs), HAND(two_pairs_sum)},
     {{0}},
     {{.attribute = "a"},
      {.attribute = "b"},
      {.attribute = "c"},
      {.attribute = "d"},
      {.attribute = "e"}}},
    {"E3",
     COUNTRY_TEXT " and a",
     {HAND(and), HAND(and_heap), HAND(and_sum)},
     {HAND(codes_chain), HAND(codes_union)},
     {{.attribute = "a"},
      {.attribute = "country", .values = COUNTRIES},
      {.attribute = "country", .slices = true}}},
    {"E4",
     "visit within 30 days and not visit within 7 days",
     {HAND(andnot), HAND(andnot_heap), HAND(andnot_growth)},
     {HAND(last_1_to_23), HAND(last_sum)},
     {{.attribute = "visit", .from = 29, .to = 7},
      {.attribute = "visit", .from = 6, .to = 0},
      {.attribute = "visit", .slices = true}}},
    {"E5",
     "interest in (" FIRST_5 ") and interest in (" SECOND_5 ") and a and not "
     "d",
     {HAND(mix), HAND(mix_pairs), HAND(mix_inplace)},
     {{0}},
     {{.attribute = "interest", .values = "i20|i21|i22|i23|i24"},
      {.attribute = "interest", .values = "i10|i11|i12|i13|i14"},
      {.attribute = "a"},
      {.attribute = "d"}}},
    {"E6",
     "at least 3 of (interest = \"i8\", interest = \"i9\", interest = "
     "\"i10\", interest = \"i11\", interest = \"i12\", interest = \"i13\", "
     "interest = \"i14\", interest = \"i15\")",
     {HAND(thresholds), HAND(halves), HAND(adder), HAND(bitset_adder)},
     {{0}},
     {{.attribute = "interest", .values = "i8"},
      {.attribute = "interest", .values = "i9"},
      {.attribute = "interest", .values = "i10"},
      {.attribute = "interest", .values = "i11"},
      {.attribute = "interest", .values = "i12"},
      {.attribute = "interest", .values = "i13"},
      {.attribute = "interest", .values = "i14"},
      {.attribute = "interest", .values = "i15"}}},
    {"E7",
     "f and g and a",
     {HAND(and_3)},
     {{0}},
     {{.attribute = "g"}, {.attribute = "f"}, {.attribute = "a"}}},
    {"E8",
     "run1 and run2 and not run3",
     {HAND(and_andnot), HAND(andnot_and)},
     {{0}},
     {{.attribute = "run1"}, {.attribute = "run2"}, {.attribute = "run3"}}},
};
#define CASES (sizeof cases / sizeof cases[0])

const char *eval_w_name(size_t i)
{
    return i < CASES ? cases[i].name : NULL;
}

const char *eval_w_text(size_t i)
{
    return cases[i].text;
}

/* Behind the cases: their geometric means. */
static const char *case_name(size_t i)
{
    return i < CASES ? cases[i].name : i == CASES ? "geomean" : NULL;
}

static void *setup(const bench_options *options)
{
    eval_state *s = mem_zalloc(sizeof *s);
    eval_keep_memory();
    s->w = w_open(bench_users(options, W_USERS, W_USERS_QUICK), options->seed);
    s->h = hand_open(s->w);
    s->sliced = true;
    return s;
}

static bool run(void *state, size_t i, const bench_options *options,
                report *out)
{
    return i == CASES
               ? eval_means(state, bench_eval_w.name, out)
               : eval_run(state, bench_eval_w.name, &cases[i], options, out);
}

static void teardown(void *state)
{
    eval_state *s = state;
    hand_close(s->h);
    world_close(s->w);
    mem_free(s);
}

const bench bench_eval_w = {
    "eval/w",  "expressions E1..E8 of workload W against CRoaring by hand",
    case_name, setup,
    run,       teardown};
