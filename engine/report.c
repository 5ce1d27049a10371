/*
 * report.c - muster_reach_report: providers beside each other
 * (reach/sources.c), by name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

#include <stdlib.h>

#include "reach/reach.h"

_Static_assert(MUSTER_REPORT_PROVIDERS_MAX <= REACH_SOURCES_MAX &&
                   MUSTER_REPORT_VALUES_MAX <= REACH_TRUTH_VALUES_MAX,
               "what is asked can be counted");

/* Whom the question is about: those reported on, then the truth's provider
 * where it is none of them. */
typedef struct asked {
    uint32_t *providers;
    uint32_t count;
    uint32_t shown;
    uint32_t *others;
    uint32_t other_count;
    const catalog_attribute *truth;
    uint32_t truth_source;
} asked;

typedef struct report_answer {
    muster_report public; /* first */
    muster_report_row *rows;
    arena memory;
} report_answer;

/* ---- the question ---- */

static int unknown_provider(const catalog *names, const scope *viewer,
                            const char *name, muster_error *err)
{
    near_name near;

    near_init(&near, text_of(name));
    for (uint32_t i = 0; i < catalog_provider_count(names); i++) {
        const catalog_provider *p = catalog_provider_get(names, i);
        if (scope_sees_provider(viewer, p))
            near_offer(&near, text_of(p->name));
    }
    error_set(err, MUSTER_ENOTFOUND, "unknown_provider",
              "there is no provider \"%.128s\"", name);
    if (near.best.ptr)
        error_suggest(err, "%.*s", (int)near.best.len, near.best.ptr);
    return MUSTER_ENOTFOUND;
}

/* The place among the asked, where it is put when it is none of them. */
static int ask_provider(asked *a, const catalog *names, const scope *viewer,
                        const char *name, uint32_t *source, muster_error *err)
{
    const catalog_provider *p = catalog_provider_find(names, text_of(name));

    if (!p || !scope_sees_provider(viewer, p))
        return unknown_provider(names, viewer, name, err);
    for (*source = 0; *source < a->count; (*source)++)
        if (a->providers[*source] == p->id)
            return 0;
    if (a->count == MUSTER_REPORT_PROVIDERS_MAX)
        return error_set(err, MUSTER_ELIMIT, "too_many",
                         "a report is on at most %u providers",
                         MUSTER_REPORT_PROVIDERS_MAX);
    a->providers[a->count++] = p->id;
    return 0;
}

static int ask_all(asked *a, const catalog *names, const scope *viewer,
                   muster_error *err)
{
    uint32_t source;
    int rc = 0;

    for (uint32_t i = 0; i < catalog_provider_count(names) && rc == 0; i++) {
        const catalog_provider *p = catalog_provider_get(names, i);
        if (scope_sees_provider(viewer, p))
            rc = ask_provider(a, names, viewer, p->name, &source, err);
    }
    if (rc == MUSTER_ELIMIT)
        error_set(err, rc, "too_many",
                  "there are more than %u providers; name those to report on",
                  MUSTER_REPORT_PROVIDERS_MAX);
    return rc;
}

static int ask_truth(asked *a, const catalog *names, const scope *viewer,
                     const muster_report_query *q, muster_error *err)
{
    if (!q->truth_attribute)
        return 0;
    int rc = find_attribute(names, q->truth_attribute, &a->truth, err);
    if (rc != 0)
        return rc;
    if (a->truth->kind != KIND_ONE_OF)
        return error_set(err, MUSTER_EINVAL, "bad_truth",
                         "%s is a %s; providers agree on one_of attributes",
                         a->truth->name, catalog_kind_name(a->truth->kind));
    if (catalog_value_count(names, a->truth->id) > MUSTER_REPORT_VALUES_MAX)
        return error_set(err, MUSTER_ELIMIT, "too_many",
                         "%s has more than %u values", a->truth->name,
                         MUSTER_REPORT_VALUES_MAX);
    return ask_provider(a, names, viewer,
                        q->truth_provider ? q->truth_provider : "",
                        &a->truth_source, err);
}

/* Everyone else whom the viewer sees. */
static void ask_others(asked *a, const catalog *names, const scope *viewer)
{
    for (uint32_t i = 0; i < catalog_provider_count(names); i++) {
        bool is_asked = false;
        for (uint32_t k = 0; k < a->count; k++)
            is_asked |= a->providers[k] == i;
        if (!is_asked &&
            scope_sees_provider(viewer, catalog_provider_get(names, i)))
            a->others[a->other_count++] = i;
    }
}

static int read_query(asked *a, const catalog *names, const scope *viewer,
                      const muster_report_query *q, muster_error *err)
{
    uint32_t source;
    int rc = q->count == 0 ? ask_all(a, names, viewer, err) : 0;

    for (size_t i = 0; i < q->count && rc == 0; i++)
        rc = ask_provider(a, names, viewer, q->names[i], &source, err);
    a->shown = a->count;
    if (rc == 0)
        rc = ask_truth(a, names, viewer, q, err);
    if (rc == 0)
        ask_others(a, names, viewer);
    return rc;
}

/* ---- the answer ---- */

static const char *keep(report_answer *a, muster_text text)
{
    return arena_strndup(&a->memory, text.ptr, text.len);
}

static int by_name(const void *a, const void *b)
{
    const muster_report_attribute *x = a;
    const muster_report_attribute *y = b;
    return strcmp(x->attribute, y->attribute);
}

static int by_value(const void *a, const void *b)
{
    const muster_report_value *x = a;
    const muster_report_value *y = b;
    return strcmp(x->value, y->value);
}

static void put_attributes(report_answer *a, const catalog *names,
                           const reach_source *s, muster_report_row *row)
{
    muster_report_attribute *list = arena_zalloc(
        &a->memory, (s->attribute_count + 1) * sizeof *list);

    for (size_t i = 0; i < s->attribute_count; i++) {
        const reach_of_attribute *r = &s->attributes[i];
        const catalog_attribute *about =
            catalog_attribute_get(names, r->attribute);
        list[i] = (muster_report_attribute){
            keep(a, text_of(about->name)), catalog_kind_name(about->kind),
            r->users, r->facts,
            about->kind == KIND_ONE_OF ? r->contradicted : 0};
    }
    qsort(list, s->attribute_count, sizeof *list, by_name);
    row->attributes = list;
    row->attribute_count = s->attribute_count;
}

static void put_values(report_answer *a, const catalog *names,
                       const catalog_attribute *truth, const reach_source *s,
                       muster_report_row *row)
{
    const uint32_t count = catalog_value_count(names, truth->id);
    muster_report_value *list =
        arena_zalloc(&a->memory, ((size_t)count + 1) * sizeof *list);

    for (uint32_t v = 1; v <= count; v++) {
        const reach_agreement *g = &s->values[v];
        row->compared += g->said;
        row->agreed += g->both;
        if (g->said == 0 && g->truth == 0)
            continue;
        list[row->value_count++] = (muster_report_value){
            keep(a, catalog_value_text(names, truth->id, v)), g->said,
            g->truth, g->both};
    }
    qsort(list, row->value_count, sizeof *list, by_value);
    row->values = list;
}

static void put_source(report_answer *a, const catalog *names,
                       const asked *about, const reach_source *s)
{
    const catalog_provider *p = catalog_provider_get(names, s->provider);
    muster_report_row *row = &a->rows[a->public.row_count++];

    *row = (muster_report_row){
        .name = keep(a, text_of(p->name)),
        .party = catalog_party_name(p->party),
        .users = s->users,
        .only = s->only,
        .facts = s->facts,
        .ending = s->ending,
        .events = s->events,
        .events_1d = s->recent[0],
        .events_7d = s->recent[1],
        .events_30d = s->recent[2],
        .oldest = s->oldest,
        .newest = s->newest,
    };
    put_attributes(a, names, s, row);
    if (about->truth)
        put_values(a, names, about->truth, s, row);
}

static report_answer *report(const muster_engine *e, const epoch *at,
                             const plan *everyone, const asked *about,
                             const muster_report_query *query,
                             program_stop *stop)
{
    const program_state state = epoch_state(e, at);
    const uint64_t start = clock_monotonic_ns();
    const reach_sources_question q = {
        about->providers, about->count, about->others,       about->other_count,
        about->truth,     about->truth_source, stop};
    report_answer *a = mem_zalloc(sizeof *a);
    reach_source *sources = mem_array(about->count + 1, sizeof *sources);

    arena_init(&a->memory);
    a->rows = mem_array(about->shown + 1, sizeof *a->rows);
    program *g = program_new(everyone, &state);
    reach_sources(g, &state, at->names, &q, sources);
    a->public.universe = program_count_by(g, 1, stop);
    program_free(g);
    for (uint32_t i = 0; i < about->shown; i++)
        put_source(a, at->names, about, &sources[i]);
    reach_sources_release(sources, about->count);
    mem_free(sources);
    if (about->truth) {
        a->public.truth_attribute = keep(a, text_of(query->truth_attribute));
        a->public.truth_provider = keep(a, text_of(query->truth_provider));
    }
    a->public.rows = a->rows;
    a->public.as_of = state.now;
    a->public.epoch = at->seq;
    a->public.elapsed_ns = clock_monotonic_ns() - start;
    return a;
}

/* ---- the call ---- */

int muster_reach_report(muster_engine *engine, const muster_scope *viewer,
                        const muster_report_query *query,
                        const muster_task *task, muster_report **out,
                        muster_error *err)
{
    task_stop ended;
    program_stop *stop = task_stop_of(&ended, task);
    plan *everyone = NULL;
    epoch_pin pin;

    ASSERT(viewer != NULL && query != NULL);
    error_clear(err);
    *out = NULL;
    const epoch *at = epoch_pin_newest(engine, &pin);
    const size_t providers = catalog_provider_count(at->names);
    asked about = {.truth = NULL};
    about.providers = mem_array(MUSTER_REPORT_PROVIDERS_MAX, sizeof(uint32_t));
    about.others = mem_array(providers + 1, sizeof(uint32_t));
    int rc = read_query(&about, at->names, viewer->inner, query, err);
    if (rc == 0)
        rc = engine_bind(engine, at, viewer->inner, text_of("all"),
                         text_make(NULL, 0), &everyone, NULL, err);
    if (rc == 0)
        *out = &report(engine, at, everyone, &about, query, stop)->public;
    segment_plan_free(everyone);
    mem_free(about.others);
    mem_free(about.providers);
    if (rc == 0)
        rc = task_stop_check(stop, err);
    rc = epoch_answer(engine, &pin, rc, err);
    if (rc != 0) {
        muster_report_free(*out);
        *out = NULL;
    }
    return rc;
}

void muster_report_free(muster_report *report)
{
    report_answer *a = (report_answer *)report;
    if (!a)
        return;
    arena_release(&a->memory);
    mem_free(a->rows);
    mem_free(a);
}
