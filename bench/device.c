/*
 * device.c - user agents to attributes, one thread: those of uap-core's own
 * test file for devices, each different.
 *
 *   distinct   the filter, then the rules that may match; no cache
 *   all_rules  the same without the filter: PCRE2 with its JIT, all rules in
 *              order, as ports of uap-core do; the answers are compared
 *   cached     the most frequent 10,000 again and again
 *   open       the rules are read, compiled, and their filter is made
 *
 * Where the package uap-core lacks its tests there is nothing to measure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ingest/device.h"

#define AGENTS_PATH "/usr/share/uap-core/tests/test_device.yaml"
#define AGENTS_MAX 20000u
#define CACHED_MAX 10000u
#define SECONDS 2.0
#define SECONDS_QUICK 0.2
#define RUNS_MAX 4096u

static const char *const cases[] = {"distinct", "all_rules", "cached", "open"};
enum { DISTINCT, ALL_RULES, CACHED, OPEN, CASES };

typedef struct device_state {
    arena memory;
    muster_text agents[AGENTS_MAX];
    size_t count;
    device_rules *rules;
} device_state;

static const char *case_name(size_t i)
{
    return i < CASES ? cases[i] : NULL;
}

static double thread_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The text between single quotes, in which one stands for itself doubled. */
static muster_text unquote(arena *memory, const char *line)
{
    const char *from = strchr(line, '\'');
    if (from == NULL)
        return text_make(NULL, 0);
    char *out = arena_alloc(memory, strlen(from));
    size_t len = 0;
    for (const char *p = from + 1; *p != '\0'; p++) {
        if (*p == '\'' && *++p != '\'')
            break;
        out[len++] = *p;
    }
    return text_make(out, len);
}

static void read_agents(device_state *s)
{
    char line[4096];
    FILE *f = fopen(AGENTS_PATH, "r");
    if (f == NULL)
        return;
    while (s->count < AGENTS_MAX && fgets(line, sizeof line, f) != NULL) {
        if (strstr(line, "user_agent_string: '") == NULL)
            continue;
        const muster_text ua = unquote(&s->memory, line);
        if (ua.len > 0)
            s->agents[s->count++] = ua;
    }
    fclose(f);
}

static void *setup(const bench_options *options)
{
    muster_error err;
    device_state *s = mem_zalloc(sizeof *s);
    (void)options;
    arena_init(&s->memory);
    read_agents(s);
    bench_must(device_open(&s->rules, NULL, &err), "regexes", &err);
    return s;
}

static void teardown(void *state)
{
    device_state *s = state;
    device_free(s->rules);
    arena_release(&s->memory);
    mem_free(s);
}

/* What is derived of the first n, as one number. */
static uint64_t read_all(const device_state *s, device_reader *r, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const device_input in = {.ua = s->agents[i]};
        derived d;
        bool bot;
        d.known = 0;
        d.open = 0;
        device_derive(r, &in, &d, &bot);
        sum = sum * 31 + d.known + bot;
        if ((d.known & DERIVED_BIT(MUSTER_DEVICE_MODEL)) != 0)
            sum += d.texts[MUSTER_DEVICE_MODEL].len;
        if ((d.known & DERIVED_BIT(MUSTER_DEVICE_BROWSER_VERSION)) != 0)
            sum += (uint64_t)d.numbers[MUSTER_DEVICE_BROWSER_VERSION];
    }
    return sum;
}

static void put_row(report *out, size_t i, size_t agents, double t, bool ok)
{
    report_begin(out, "device", cases[i]);
    report_count(out, "agents", agents);
    report_number(out, "agents_s", agents == 0 ? 0 : (double)agents / t, 0);
    report_number(out, "us_agent",
                  agents == 0 ? 0 : t / (double)agents * 1e6, 3);
    report_number(out, "ms", t * 1e3, 2);
    report_end(out, ok);
}

static double open_once(void)
{
    muster_error err;
    device_rules *rules;
    const double start = thread_seconds();
    bench_must(device_open(&rules, NULL, &err), "regexes", &err);
    const double t = thread_seconds() - start;
    device_free(rules);
    return t;
}

static bool run(void *state, size_t i, const bench_options *options,
                report *out)
{
    const device_state *s = state;
    const double budget = options->quick ? SECONDS_QUICK : SECONDS;
    const size_t n =
        i == CACHED && s->count > CACHED_MAX ? CACHED_MAX : s->count;
    double times[RUNS_MAX];
    size_t runs = 0;
    bool ok = true;
    device_reader *r = device_reader_new(s->rules);
    device_reader *twin = device_reader_new(s->rules);
    device_reader_plain(r, i == ALL_RULES, i != CACHED);
    device_reader_plain(twin, i == DISTINCT, true);
    const uint64_t wanted = read_all(s, twin, n);
    ok = read_all(s, r, n) == wanted; /* machine code and cache are warm */
    const double begin = thread_seconds();
    while (runs < 3 ||
           (runs < RUNS_MAX && thread_seconds() - begin < budget)) {
        const double start = thread_seconds();
        if (i != OPEN)
            ok = read_all(s, r, n) == wanted && ok;
        times[runs++] = i == OPEN ? open_once() : thread_seconds() - start;
    }
    put_row(out, i, i == OPEN ? 0 : n, bench_median(times, runs), ok);
    device_reader_free(r);
    device_reader_free(twin);
    return ok;
}

const bench bench_device = {
    "device", "user agents to attributes, one thread", case_name, setup,
    run,             teardown};
