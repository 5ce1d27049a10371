/*
 * numbers.c - muster_reach: overlap and breakdown over the public API.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

#include "reach/reach.h"

/* ---- overlap ---- */

typedef struct overlap_answer {
    muster_overlap public; /* first */
    uint64_t *counts;
} overlap_answer;

int muster_reach_overlap(muster_segment *const *segments, size_t n,
                         muster_overlap **out, muster_error *err)
{
    return muster_reach_overlap_task(segments, n, NULL, out, err);
}

int muster_reach_overlap_task(muster_segment *const *segments, size_t n,
                              const muster_task *task, muster_overlap **out,
                              muster_error *err)
{
    task_stop ended;
    program_stop *stop = task_stop_of(&ended, task);

    error_clear(err);
    *out = NULL;
    if (n < 2 || n > MUSTER_OVERLAP_MAX)
        return error_set(err, MUSTER_EINVAL, "bad_overlap",
                         "an overlap takes 2 to %u segments",
                         MUSTER_OVERLAP_MAX);
    muster_engine *e = segments[0]->engine;
    kept_plan **kept = mem_array(n, sizeof *kept);
    program **programs = mem_array(n, sizeof *programs);
    epoch_pin pin;
    int rc = 0;

    const epoch *at = epoch_pin_newest(e, &pin);
    const program_state state = epoch_state(e, at);
    const uint64_t start = clock_monotonic_ns();
    for (size_t i = 0; i < n && rc == 0; i++) {
        ASSERT(segments[i]->engine == e);
        rc = kept_take(segments[i], at, &kept[i], err);
        programs[i] = kept[i] ? kept[i]->g : NULL;
    }
    if (rc == 0) {
        overlap_answer *a = mem_zalloc(sizeof *a);
        a->counts = mem_array(n * n, sizeof *a->counts);
        programs_overlap(programs, n, stop, a->counts);
        a->public = (muster_overlap){
            n,         a->counts, segment_universe_count(kept[0]->plan, &state),
            state.now, at->seq,   clock_monotonic_ns() - start};
        *out = &a->public;
    }
    for (size_t i = 0; i < n; i++)
        kept_give(segments[i], kept[i]);
    mem_free(programs);
    mem_free(kept);
    if (rc == 0)
        rc = task_stop_check(stop, err);
    rc = epoch_answer(e, &pin, rc, err);
    if (rc != 0) {
        muster_overlap_free(*out);
        *out = NULL;
    }
    return rc;
}

void muster_overlap_free(muster_overlap *overlap)
{
    overlap_answer *a = (overlap_answer *)overlap;
    if (!a)
        return;
    mem_free(a->counts);
    mem_free(a);
}

/* ---- breakdown ---- */

typedef struct breakdown_answer {
    muster_breakdown public; /* first */
    muster_breakdown_row *rows;
    arena memory;
} breakdown_answer;

static muster_text row_text(breakdown_answer *a, const epoch *at,
                            const catalog_attribute *attribute,
                            uint32_t value)
{
    muster_text text = text_make(NULL, 0);
    if (value == 0)
        return text;
    text = attribute->kind == KIND_FLAG
               ? text_of("true")
               : catalog_value_text(at->names, attribute->id, value);
    return text_make(arena_strndup(&a->memory, text.ptr, text.len), text.len);
}

static breakdown_answer *break_down(const muster_segment *segment,
                                    const kept_plan *k,
                                    const catalog_attribute *attribute,
                                    size_t limit, program_stop *stop)
{
    const reach_question q = {attribute, text_make(NULL, 0), stop};
    breakdown_answer *a = mem_zalloc(sizeof *a);
    const program_state state = epoch_state(segment->engine, k->at);
    const uint64_t start = clock_monotonic_ns();
    reach_row *rows;
    size_t n;

    arena_init(&a->memory);
    reach_breakdown(k->g, &state, k->at->names, segment->viewer, &q, &rows,
                    &n, &a->public.total);
    const size_t shown = limit && limit < n ? limit : n;
    a->rows = mem_array(shown + 1, sizeof *a->rows);
    for (size_t i = 0; i < shown; i++)
        a->rows[i] = (muster_breakdown_row){
            row_text(a, k->at, attribute, rows[i].value), rows[i].count,
            (double)rows[i].count / (double)a->public.total};
    a->public.rows = a->rows;
    a->public.row_count = shown;
    a->public.more = n - shown;
    a->public.as_of = state.now;
    a->public.epoch = k->at->seq;
    a->public.elapsed_ns = clock_monotonic_ns() - start;
    mem_free(rows);
    return a;
}

int muster_reach_breakdown(muster_segment *segment, const char *attribute,
                           size_t limit, muster_breakdown **out,
                           muster_error *err)
{
    return muster_reach_breakdown_task(segment, attribute, limit, NULL, out,
                                       err);
}

int muster_reach_breakdown_task(muster_segment *segment,
                                const char *attribute, size_t limit,
                                const muster_task *task,
                                muster_breakdown **out, muster_error *err)
{
    task_stop ended;
    program_stop *stop = task_stop_of(&ended, task);
    muster_engine *e = segment->engine;
    const catalog_attribute *by;
    epoch_pin pin;
    kept_plan *k;

    error_clear(err);
    *out = NULL;
    const epoch *at = epoch_pin_newest(e, &pin);
    int rc = kept_take(segment, at, &k, err);
    if (rc == 0)
        rc = find_attribute(at->names, attribute, &by, err);
    if (rc == 0 && by->kind == KIND_NUMBER)
        rc = error_set(err, MUSTER_EINVAL, "bad_breakdown",
                       "%s is a number; compare it in the expression, with "
                       "between", by->name);
    if (rc == 0)
        *out = &break_down(segment, k, by, limit, stop)->public;
    kept_give(segment, k);
    if (rc == 0)
        rc = task_stop_check(stop, err);
    rc = epoch_answer(e, &pin, rc, err);
    if (rc != 0) {
        muster_breakdown_free(*out);
        *out = NULL;
    }
    return rc;
}

void muster_breakdown_free(muster_breakdown *breakdown)
{
    breakdown_answer *a = (breakdown_answer *)breakdown;
    if (!a)
        return;
    arena_release(&a->memory);
    mem_free(a->rows);
    mem_free(a);
}
