/*
 * eval_people.c - expressions as people write them, on the generated
 * population: three providers, values with a TTL in many expiry planes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "eval.h"

#define USERS 200000
#define USERS_QUICK 5000

#define COUNTRY_TEXT                                                           \
    "geo.country in (\"DE\", \"AT\", \"CH\", \"FR\", \"IT\", \"ES\", "         \
    "\"NL\", \"BE\", \"PL\", \"SE\")"
#define COUNTRIES "DE|AT|CH|FR|IT|ES|NL|BE|PL|SE"

static const eval_case cases[] = {
    {"and-dense",
     "device.type = \"mobile\" and newsletter",
     {HAND(and)},
     {{0}},
     {{.attribute = "newsletter"},
      {.attribute = "device.type", .values = "mobile"}}},
    {"andnot-dense",
     "device.type = \"mobile\" and not newsletter",
     {HAND(andnot), HAND(andnot_heap)},
     {{0}},
     {{.attribute = "device.type", .values = "mobile"},
      {.attribute = "newsletter"}}},
    {"or-dense",
     "device.os = \"iOS\" or newsletter",
     {HAND(or_2)},
     {{0}},
     {{.attribute = "device.os", .values = "iOS"},
      {.attribute = "newsletter"}}},
    {"and-sparse",
     "interest = \"hobbies-chess\" and device.type = \"tv\" and "
     "newsletter",
     {HAND(and_3)},
     {{0}},
     {{.attribute = "interest", .values = "hobbies-chess"},
      {.attribute = "device.type", .values = "tv"},
      {.attribute = "newsletter"}}},
    {"ttl",
     "demo.gender = \"female\" and not demo.income = \"60k-80k\"",
     {HAND(andnot), HAND(andnot_heap)},
     {{0}},
     {{.attribute = "demo.gender", .values = "female"},
      {.attribute = "demo.income", .values = "60k-80k"}}},
    {"country-in-10",
     COUNTRY_TEXT,
     {HAND(or), HAND(or_heap)},
     {{0}},
     {{.attribute = "geo.country", .values = COUNTRIES}}},
    {"one-of-known",
     "device.vendor is known",
     {HAND(or), HAND(or_heap)},
     {{0}},
     {{.attribute = "device.vendor"}}},
    {"interest-3-of-8",
     "at least 3 of (interest = \"sports\", interest = \"travel\", interest "
     "= \"autos\", interest = \"music\", interest = \"food\", interest = "
     "\"fashion\", interest = \"movies\", interest = \"news\")",
     {HAND(thresholds), HAND(halves), HAND(adder), HAND(bitset_adder)},
     {{0}},
     {{.attribute = "interest", .values = "sports"},
      {.attribute = "interest", .values = "travel"},
      {.attribute = "interest", .values = "autos"},
      {.attribute = "interest", .values = "music"},
      {.attribute = "interest", .values = "food"},
      {.attribute = "interest", .values = "fashion"},
      {.attribute = "interest", .values = "movies"},
      {.attribute = "interest", .values = "news"}}},
    {"seen-30-not-7",
     "page.view within 30 days and not page.view within 7 "
     "days",
     {HAND(andnot), HAND(andnot_heap), HAND(andnot_growth)},
     {{0}},
     {{.attribute = "page.view", .from = 29, .to = 7},
      {.attribute = "page.view", .from = 6}}},
    {"times-3-in-7",
     "page.view at least 3 times within 7 days",
     {HAND(times_3)},
     {{0}},
     {{.attribute = "page.view", .from = 6}}},
    {"days-3-in-30",
     "page.view on at least 3 days within 30 days",
     {HAND(days_3)},
     {{0}},
     {{.attribute = "page.view", .from = 29}}},
    {"number-between",
     "demo.age between 25 and 44",
     {HAND(between)},
     {{0}},
     {{.attribute = "demo.age"}}},
    {"or-wide",
     "device.type = \"tablet\" or interest in (\"pets\", \"books\", "
     "\"garden\", \"beauty\") or demo.income = \"40k-60k\" or cart.add within "
     "30 days",
     {HAND(or_4)},
     {{0}},
     {{.attribute = "device.type", .values = "tablet"},
      {.attribute = "interest", .values = "pets|books|garden|beauty"},
      {.attribute = "demo.income", .values = "40k-60k"},
      {.attribute = "cart.add", .from = 29}}},
    {"mix",
     COUNTRY_TEXT
     " and interest in (\"sports\", \"travel\", \"food\") "
     "and page.view within 30 days and not purchase within 90 days",
     {HAND(mix), HAND(mix_pairs), HAND(mix_inplace)},
     {{0}},
     {{.attribute = "interest", .values = "sports|travel|food"},
      {.attribute = "geo.country", .values = COUNTRIES},
      {.attribute = "page.view", .from = 29},
      {.attribute = "purchase", .from = 89}}},
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
    s->w = people_open(bench_users(options, USERS, USERS_QUICK), options->seed);
    s->h = hand_open(s->w);
    return s;
}

static bool run(void *state, size_t i, const bench_options *options,
                report *out)
{
    return eval_run(state, bench_eval_people.name, &cases[i], options, out);
}

static void teardown(void *state)
{
    eval_state *s = state;
    hand_close(s->h);
    mem_free(s);
}

const bench bench_eval_people = {
    "eval/people", "typical expressions on the generated population, likewise",
    case_name,     setup,
    run,           teardown};
