/*
 * eval_people.c - expressions as people write them, on the generated
 * population: three providers, values with a TTL in many expiry planes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "eval.h"

#define USERS 200000
#define USERS_QUICK 5000

#define COUNTRY_TEXT                                                          \
    "geo.country in (\"DE\", \"AT\", \"CH\", \"FR\", \"IT\", \"ES\", "        \
    "\"NL\", \"BE\", \"PL\", \"SE\")"
#define COUNTRIES "DE|AT|CH|FR|IT|ES|NL|BE|PL|SE"

static const eval_case cases[] = {
    {"and-dense", "device.type = \"mobile\" and newsletter", {hand_and},
     {{"newsletter", 0, 0, 0}, {"device.type", "mobile", 0, 0}}},
    {"andnot-dense", "device.type = \"mobile\" and not newsletter",
     {hand_andnot},
     {{"device.type", "mobile", 0, 0}, {"newsletter", 0, 0, 0}}},
    {"or-dense", "device.os = \"iOS\" or newsletter", {hand_or_2},
     {{"device.os", "iOS", 0, 0}, {"newsletter", 0, 0, 0}}},
    {"and-sparse", "interest = \"hobbies-chess\" and device.type = \"tv\" and "
                   "newsletter",
     {hand_and_3},
     {{"interest", "hobbies-chess", 0, 0}, {"device.type", "tv", 0, 0},
      {"newsletter", 0, 0, 0}}},
    {"ttl", "demo.gender = \"female\" and not demo.income = \"60k-80k\"",
     {hand_andnot},
     {{"demo.gender", "female", 0, 0}, {"demo.income", "60k-80k", 0, 0}}},
    {"country-in-10", COUNTRY_TEXT, {hand_or, hand_or_heap},
     {{"geo.country", COUNTRIES, 0, 0}}},
    {"one-of-known", "device.vendor is known", {hand_or, hand_or_heap},
     {{"device.vendor", 0, 0, 0}}},
    {"interest-3-of-8",
     "at least 3 of (interest = \"sports\", interest = \"travel\", interest "
     "= \"autos\", interest = \"music\", interest = \"food\", interest = "
     "\"fashion\", interest = \"movies\", interest = \"news\")",
     {hand_3_of_8},
     {{"interest", "sports", 0, 0}, {"interest", "travel", 0, 0},
      {"interest", "autos", 0, 0}, {"interest", "music", 0, 0},
      {"interest", "food", 0, 0}, {"interest", "fashion", 0, 0},
      {"interest", "movies", 0, 0}, {"interest", "news", 0, 0}}},
    {"seen-30-not-7", "page.view within 30 days and not page.view within 7 "
                      "days",
     {hand_andnot}, {{"page.view", 0, 29, 0}, {"page.view", 0, 6, 0}}},
    {"times-3-in-7", "page.view at least 3 times within 7 days",
     {hand_3_times}, {{"page.view", 0, 6, 0}}},
    {"days-3-in-30", "page.view on at least 3 days within 30 days",
     {hand_3_days}, {{"page.view", 0, 29, 0}}},
    {"number-between", "demo.age between 25 and 44", {hand_between},
     {{"demo.age", 0, 0, 0}}},
    {"or-wide",
     "device.type = \"tablet\" or interest in (\"pets\", \"books\", "
     "\"garden\", \"beauty\") or demo.income = \"40k-60k\" or cart.add within "
     "30 days",
     {hand_or_4},
     {{"device.type", "tablet", 0, 0},
      {"interest", "pets|books|garden|beauty", 0, 0},
      {"demo.income", "40k-60k", 0, 0}, {"cart.add", 0, 29, 0}}},
    {"mix", COUNTRY_TEXT " and interest in (\"sports\", \"travel\", \"food\") "
            "and page.view within 30 days and not purchase within 90 days",
     {hand_mix},
     {{"interest", "sports|travel|food", 0, 0},
      {"geo.country", COUNTRIES, 0, 0}, {"page.view", 0, 29, 0},
      {"purchase", 0, 89, 0}}},
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
    s->w = people_open(bench_users(options, USERS, USERS_QUICK),
                       options->seed);
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
    case_name, setup, run, teardown};
