/*
 * decide.c - one user: is he in a segment of 12 terms; which of 100 saved
 * segments is he in?
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#include "engine.h"
#include "eval.h"

#define PEOPLE_USERS 200000
#define PEOPLE_USERS_QUICK 5000
#define W_USERS 10000000
#define W_USERS_QUICK 200000
#define SEGMENTS 100
#define ROUNDS 31
#define LOOKUPS 100

static const char twelve[] =
    "geo.country in (\"DE\", \"FR\", \"US\", \"GB\") and device.type = "
    "\"mobile\" and not demo.gender = \"other\" and demo.age >= 18 and "
    "(interest in (\"sports\", \"travel\", \"food\") or newsletter or visits "
    ">= 5) and page.view within 60 days and not purchase within 30 days and "
    "not email.open at least 9 times and demo.income is known and not "
    "interest = \"pets\"";

/* And of workload W. */
static const char twelve_w[] =
    "country in (\"c0\", \"c1\", \"c5\", \"c9\") and a and (b or c or d) "
    "and not e and interest in (\"i0\", \"i2\", \"i7\") and (visit within "
    "30 days or interest = \"i1\") and not visit within 2 days and not run3 "
    "and not interest = \"i30\" and at least 1 of (f, g, run1)";

static const char *decide_name(size_t i)
{
    static const char *const names[] = {"12-terms", "12-terms-w", NULL};
    return names[i];
}

typedef struct decide_state {
    world *people;
    world *w;
} decide_state;

static void *decide_setup(const bench_options *options)
{
    (void)options;
    eval_keep_memory();
    return mem_zalloc(sizeof(decide_state));
}

static const world *decide_world(decide_state *s, size_t i,
                                 const bench_options *o)
{
    if (i == 0 && !s->people) /* they stay: people_release */
        s->people = people_open(
            bench_users(o, PEOPLE_USERS, PEOPLE_USERS_QUICK), o->seed);
    if (i == 1 && !s->w)
        s->w = w_open(bench_users(o, W_USERS, W_USERS_QUICK), o->seed);
    return i == 0 ? s->people : s->w;
}

static void decide_end(void *state)
{
    decide_state *s = state;
    if (s->w)
        world_close(s->w);
    mem_free(s);
}

static int mark_row(void *payload, uint32_t row)
{
    bool *in = payload;
    in[row] = true;
    return 0;
}

static bool decide_run(void *state, size_t i, const bench_options *options,
                       report *out)
{
    const world *w = decide_world(state, i, options);
    const uint32_t decisions = w->rows < 65536 ? w->rows : 65536;
    plan *p = world_plan(w, i == 0 ? twelve : twelve_w);
    program *g = world_program(w, p);
    bool *expected = mem_array(w->rows, sizeof *expected);
    uint32_t *rows = mem_array(decisions, sizeof *rows);
    bool *got = mem_array(decisions, sizeof *got);
    double times[ROUNDS];
    random_state random;
    uint64_t members = 0;
    bool ok = true;

    random_seed(&random, options->seed);
    program_each(g, mark_row, expected);
    for (uint32_t k = 0; k < decisions; k++)
        rows[k] = (uint32_t)random_below(&random, w->rows);
    for (size_t round = 0; round < ROUNDS; round++) {
        const uint64_t start = clock_monotonic_ns();
        for (uint32_t k = 0; k < decisions; k++)
            got[k] = program_has(g, rows[k]);
        times[round] =
            (double)(clock_monotonic_ns() - start) / decisions;
    }
    for (uint32_t k = 0; k < decisions; k++) {
        ok &= got[k] == expected[rows[k]];
        members += got[k];
    }
    report_begin(out, bench_decide.name, decide_name(i));
    report_count(out, "n", w->rows);
    report_count(out, "threads", 1);
    report_number(out, "ns_decision", bench_median(times, ROUNDS), 1);
    report_number(out, "share", (double)members / decisions, 4);
    report_end(out, ok);
    mem_free(got);
    mem_free(rows);
    mem_free(expected);
    program_free(g);
    segment_plan_free(p);
    return ok;
}

const bench bench_decide = {"decide", "one user, one compiled segment",
                            decide_name, decide_setup, decide_run, decide_end};

/* ---- lookup ---- */

static const char *lookup_name(size_t i)
{
    return i == 0 ? "100-segments" : NULL;
}

/* A hundred segments of a few forms, over the interests there are. */
static void segment_text(const world *w, size_t i, char *out, size_t len)
{
    static const char *const more[] = {
        "",
        " and device.type = \"mobile\"",
        " and page.view within 30 days",
        " or newsletter",
        " and not purchase within 60 days",
    };
    const uint32_t id =
        catalog_attribute_find(w->names, text_of("interest"))->id;
    const uint32_t count = catalog_value_count(w->names, id);
    const muster_text value =
        catalog_value_text(w->names, id, (uint32_t)(i % count) + 1);
    snprintf(out, len, "interest = \"%.*s\"%s", (int)value.len, value.ptr,
             more[i % 5]);
}

static void keep(void *state)
{
    (void)state; /* the population stays: people_release */
}

static void *lookup_setup(const bench_options *options)
{
    eval_keep_memory();
    world *w = people_open(
        bench_users(options, PEOPLE_USERS, PEOPLE_USERS_QUICK),
        options->seed);
    for (size_t i = 0; i < SEGMENTS; i++) {
        muster_error err;
        char key[16];
        char text[256];
        muster_save save = MUSTER_SAVE_INIT;
        snprintf(key, sizeof key, "s%zu", i);
        segment_text(w, i, text, sizeof text);
        save.key = key;
        save.expr = text;
        save.expr_len = strlen(text);
        bench_must(muster_audience_save(w->engine, &save, NULL, &err), "save",
                   &err);
    }
    return w;
}

static int count_row(void *payload, const muster_saved *row)
{
    (void)row;
    ++*(uint64_t *)payload;
    return 0;
}

/* Segments of a user, asked one by one. */
static uint64_t ask_each(const world *w, const muster_scope *viewer,
                         const muster_id *user)
{
    uint64_t n = 0;
    for (size_t i = 0; i < SEGMENTS; i++) {
        muster_error err;
        muster_segment *s;
        char text[256];
        bool in;
        segment_text(w, i, text, sizeof text);
        bench_must(muster_segment_compile(&s, w->engine, viewer, text,
                                          strlen(text), &err), text, &err);
        bench_must(muster_segment_has(s, user, &in, &err), text, &err);
        muster_segment_free(s);
        n += in;
    }
    return n;
}

static bool lookup_run(void *state, size_t i, const bench_options *options,
                       report *out)
{
    const world *w = state;
    muster_scope *viewer;
    muster_error err;
    double times[LOOKUPS];
    uint64_t found = 0;
    bool ok = true;

    (void)options;
    bench_must(muster_scope_new(&viewer, "bench", MUSTER_PURPOSE_SERVING,
                                NULL, &err), "scope", &err);
    for (size_t k = 0; k < LOOKUPS; k++) {
        const char *cookie = people_cookie(k);
        const muster_id user = {"cookie", cookie, strlen(cookie)};
        uint64_t n = 0;
        bool known;
        const uint64_t start = clock_monotonic_ns();
        bench_must(muster_audience_lookup(w->engine, viewer, &user, &known,
                                          count_row, &n, &err),
                   "lookup", &err);
        times[k] = (double)(clock_monotonic_ns() - start) / 1e3;
        ok &= known && (k % 10 != 0 || n == ask_each(w, viewer, &user));
        found += n;
    }
    report_begin(out, bench_lookup.name, lookup_name(i));
    report_count(out, "n", w->rows);
    report_count(out, "threads", 1);
    report_number(out, "us_user", bench_median(times, LOOKUPS), 2);
    report_number(out, "segments_user", (double)found / LOOKUPS, 2);
    report_end(out, ok);
    muster_scope_free(viewer);
    return ok;
}

const bench bench_lookup = {"lookup", "one user, a hundred saved segments",
                            lookup_name, lookup_setup, lookup_run, keep};
