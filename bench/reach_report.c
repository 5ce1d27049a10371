/*
 * reach_report.c - the report on providers (muster_reach_report) of the
 * generated population, whose three providers speak of some attributes alike:
 * without a truth, and with one.
 *
 * The answer is right when each of its users by provider and attribute is what
 * the expression says that asks for it, and when the agreement of the truth's
 * provider with itself is whole.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "base/base.h"
#include "world.h"

#define USERS 1000000
#define USERS_QUICK 20000
#define ROUNDS 5
#define EXPR_BYTES 512

typedef struct report_state {
    world *w;
    muster_scope *viewer;
} report_state;

static void *setup(const bench_options *options)
{
    report_state *s = mem_zalloc(sizeof *s);
    muster_error err;
    s->w = people_open(bench_users(options, USERS, USERS_QUICK),
                       options->seed);
    bench_must(muster_scope_new(&s->viewer, "bench",
                                MUSTER_PURPOSE_ANALYSIS, NULL, &err),
               "scope", &err);
    return s;
}

static void teardown(void *state)
{
    report_state *s = state;
    muster_scope_free(s->viewer);
    mem_free(s);
}

/* ---- the same found another way ---- */

static uint64_t count(const report_state *s, const char *text)
{
    muster_segment *segment;
    muster_count *answer;
    muster_error err;
    bench_must(muster_segment_compile(&segment, s->w->engine, s->viewer, text,
                                      strlen(text), &err),
               text, &err);
    bench_must(muster_segment_count(segment, false, &answer, &err), text,
               &err);
    const uint64_t n = answer->count;
    muster_count_free(answer);
    muster_segment_free(segment);
    return n;
}

static bool row_is_right(const report_state *s, const muster_report *r,
                         const muster_report_row *row)
{
    char text[EXPR_BYTES];
    for (size_t i = 0; i < row->attribute_count; i++) {
        const muster_report_attribute *a = &row->attributes[i];
        const bool bare = strcmp(a->kind, "flag") == 0 ||
                          strcmp(a->kind, "event") == 0;
        snprintf(text, sizeof text, "%s%s from \"%s\"", a->attribute,
                 bare ? "" : " is known", row->name);
        if (count(s, text) != a->users)
            return false;
    }
    return r->truth_provider == NULL ||
           strcmp(row->name, r->truth_provider) != 0 ||
           (row->compared > 0 && row->agreed == row->compared);
}

/* ---- the bench ---- */

static const char *case_name(size_t i)
{
    static const char *const names[] = {"providers", "truth", NULL};
    return names[i];
}

static bool run(void *state, size_t i, const bench_options *options,
                report *out)
{
    const report_state *s = state;
    const muster_report_query query = {
        .truth_attribute = i == 0 ? NULL : "demo.gender",
        .truth_provider = i == 0 ? NULL : "shop",
    };
    double times[ROUNDS];
    muster_report *r = NULL;
    muster_error err;
    uint64_t facts = 0;
    bool right = true;
    (void)options;
    for (size_t k = 0; k < ROUNDS; k++) {
        muster_report_free(r);
        bench_must(muster_reach_report(s->w->engine, s->viewer, &query, NULL,
                                       &r, &err),
                   "report", &err);
        times[k] = (double)r->elapsed_ns / 1e6;
    }
    for (size_t k = 0; k < r->row_count; k++) {
        facts += r->rows[k].facts + r->rows[k].events;
        right = right && row_is_right(s, r, &r->rows[k]);
    }
    report_begin(out, bench_reach_report.name, case_name(i));
    report_count(out, "users", s->w->rows);
    report_count(out, "facts", facts);
    report_number(out, "ms", bench_median(times, ROUNDS), 1);
    report_end(out, right);
    muster_report_free(r);
    return right;
}

const bench bench_reach_report = {
    "reach/report", "providers beside each other, on the generated population",
    case_name,      setup,
    run,            teardown};
