/*
 * main.c - muster-bench: options, the list, running what matches.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"

#define SEED_DEFAULT 1u
#define USERS_MAX 1000000000u

static const bench *const benches[] = {
    &bench_ingest_parse, &bench_ingest_load, &bench_ingest_dialect,
    &bench_geo,          &bench_device,       &bench_eval_people,
    &bench_eval_w,       &bench_eval_realdata,
    &bench_eval_threads, &bench_eval_sample,
    &bench_decide,       &bench_lookup,    &bench_forward,
    &bench_reach_report,
    &bench_durable_ack,  &bench_durable_visible,
    &bench_durable_pause, &bench_durable_restart,
};
#define BENCHES (sizeof benches / sizeof benches[0])

void bench_fail(const char *what, const muster_error *err)
{
    fprintf(stderr, "muster-bench: %s: %s (%s)\n", what, err->message,
            err->word);
    exit(1);
}

static int by_number(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *numbers, size_t n)
{
    qsort(numbers, n, sizeof *numbers, by_number);
    return n == 0 ? 0 : numbers[n / 2];
}

static bool matches(const bench_options *o, const bench *b, size_t i)
{
    char full[160];
    snprintf(full, sizeof full, "%s/%s", b->name, b->case_name(i));
    return strstr(full, o->filter) != NULL;
}

static void list(const bench_options *o)
{
    for (size_t b = 0; b < BENCHES; b++)
        for (size_t i = 0; benches[b]->case_name(i); i++)
            if (matches(o, benches[b], i))
                printf("%s/%s\n", benches[b]->name, benches[b]->case_name(i));
}

/* True when every answer was right. */
static bool run_bench(const bench *b, const bench_options *o, report *out)
{
    void *state = NULL;
    bool ready = false;
    bool ok = true;

    for (size_t i = 0; b->case_name(i); i++) {
        if (!matches(o, b, i))
            continue;
        if (!ready) {
            state = b->setup(o);
            ready = true;
        }
        ok &= b->run(state, i, o, out);
    }
    if (ready)
        b->teardown(state);
    return ok;
}

static void help(void)
{
    printf("usage: muster-bench [OPTION]...\n\n"
           "Measures Muster and checks every answer against another way of\n"
           "finding it. Exit code 1: an answer was wrong.\n\n"
           "  --filter TEXT  only what has TEXT in bench/case\n"
           "  --list         names what would run, and runs nothing\n"
           "  --quick        small inputs, short runs: does it work at all?\n"
           "  --n USERS      users instead of each bench's own number\n"
           "  --seed S       another seed is another population (1)\n"
           "  --json         one JSON object a row (NDJSON)\n"
           "  --shared DIR   folder of shared data, for the real tables\n"
           "                 (MUSTER_SHARED, else ../shared)\n"
           "  --export-w DIR      writes workload W for other systems\n"
           "  --export-facts DIR  writes the population's facts likewise\n"
           "  --help         this page\n\nbenches\n");
    for (size_t i = 0; i < BENCHES; i++)
        printf("  %-15s %s\n", benches[i]->name, benches[i]->about);
}

static uint64_t number_of(const char *name, const char *text, uint64_t max)
{
    char *end;
    const unsigned long long v = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || v > max) {
        fprintf(stderr, "muster-bench: --%s wants a whole number up to %llu\n",
                name, (unsigned long long)max);
        exit(2);
    }
    return v;
}

enum { OPT_FILTER = 1, OPT_LIST, OPT_QUICK, OPT_N, OPT_SEED, OPT_JSON,
       OPT_EXPORT_W, OPT_EXPORT_FACTS, OPT_SHARED, OPT_HELP };

static const struct option options_known[] = {
    {"filter", required_argument, NULL, OPT_FILTER},
    {"list", no_argument, NULL, OPT_LIST},
    {"quick", no_argument, NULL, OPT_QUICK},
    {"n", required_argument, NULL, OPT_N},
    {"seed", required_argument, NULL, OPT_SEED},
    {"json", no_argument, NULL, OPT_JSON},
    {"export-w", required_argument, NULL, OPT_EXPORT_W},
    {"export-facts", required_argument, NULL, OPT_EXPORT_FACTS},
    {"shared", required_argument, NULL, OPT_SHARED},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* What to do instead of measuring. */
typedef struct other_work {
    bool list;
    const char *export_w;
    const char *export_facts;
} other_work;

static bench_options read_options(int argc, char **argv, other_work *other)
{
    bench_options o = {.filter = "",
                       .seed = SEED_DEFAULT,
                       .shared = getenv("MUSTER_SHARED")};
    int c;

    if (!o.shared)
        o.shared = "../shared";
    while ((c = getopt_long(argc, argv, "", options_known, NULL)) != -1) {
        switch (c) {
        case OPT_FILTER: o.filter = optarg; break;
        case OPT_LIST: other->list = true; break;
        case OPT_QUICK: o.quick = true; break;
        case OPT_N: o.users = number_of("n", optarg, USERS_MAX); break;
        case OPT_SEED: o.seed = number_of("seed", optarg, UINT64_MAX); break;
        case OPT_JSON: o.json = true; break;
        case OPT_SHARED: o.shared = optarg; break;
        case OPT_EXPORT_W: other->export_w = optarg; break;
        case OPT_EXPORT_FACTS: other->export_facts = optarg; break;
        case OPT_HELP: help(); exit(0);
        default: exit(2);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "muster-bench: '%s' is not an option; see --help\n",
                argv[optind]);
        exit(2);
    }
    return o;
}

/* True when there was other work. */
static bool do_other(const other_work *other, const bench_options *o)
{
    if (other->list)
        list(o);
    if (other->export_w)
        export_w(other->export_w, o);
    if (other->export_facts)
        export_facts(other->export_facts, o);
    return other->list || other->export_w || other->export_facts;
}

int main(int argc, char **argv)
{
    other_work other = {0};
    bool ok = true;
    const bench_options o = read_options(argc, argv, &other);

    if (do_other(&other, &o))
        return 0;
    report *out = report_new(o.json);
    for (size_t i = 0; i < BENCHES; i++)
        ok &= run_bench(benches[i], &o, out);
    people_release();
    report_free(out);
    return ok ? 0 : 1;
}
