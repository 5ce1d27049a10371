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
    error_clear(err);
    *out = NULL;
    if (n < 2 || n > MUSTER_OVERLAP_MAX)
        return error_set(err, MUSTER_EINVAL, "bad_overlap",
                         "an overlap takes 2 to %u segments",
                         MUSTER_OVERLAP_MAX);
    muster_engine *e = segments[0]->engine;
    program **programs = mem_array(n, sizeof *programs);
    const plan *bound = NULL;
    int rc = 0;

    engine_lock_read(e);
    const program_state state = engine_state(e);
    const uint64_t start = clock_monotonic_ns();
    for (size_t i = 0; i < n && rc == 0; i++) {
        ASSERT(segments[i]->engine == e);
        rc = segment_current(segments[i], &bound, err);
        if (rc == 0)
            programs[i] = program_new(bound, &state);
    }
    if (rc == 0) {
        overlap_answer *a = mem_zalloc(sizeof *a);
        a->counts = mem_array(n * n, sizeof *a->counts);
        programs_overlap(programs, n, a->counts);
        a->public = (muster_overlap){
            n,         a->counts, segment_universe_count(bound, &state),
            state.now, e->seq,    clock_monotonic_ns() - start};
        *out = &a->public;
    }
    for (size_t i = 0; i < n; i++)
        program_free(programs[i]);
    engine_unlock(e);
    mem_free(programs);
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

static muster_text row_text(breakdown_answer *a, const muster_engine *e,
                            const catalog_attribute *attribute,
                            uint32_t value)
{
    muster_text text = text_make(NULL, 0);
    if (value == 0)
        return text;
    text = attribute->kind == KIND_FLAG
               ? text_of("true")
               : catalog_value_text(e->names, attribute->id, value);
    return text_make(arena_strndup(&a->memory, text.ptr, text.len), text.len);
}

static breakdown_answer *break_down(muster_engine *e, muster_segment *segment,
                                    const plan *bound,
                                    const catalog_attribute *attribute,
                                    size_t limit)
{
    breakdown_answer *a = mem_zalloc(sizeof *a);
    const program_state state = engine_state(e);
    const uint64_t start = clock_monotonic_ns();
    program *g = program_new(bound, &state);
    reach_row *rows;
    size_t n;

    arena_init(&a->memory);
    reach_breakdown(g, &state, e->names, segment->viewer, attribute, &rows,
                    &n, &a->public.total);
    const size_t shown = limit && limit < n ? limit : n;
    a->rows = mem_array(shown + 1, sizeof *a->rows);
    for (size_t i = 0; i < shown; i++)
        a->rows[i] = (muster_breakdown_row){
            row_text(a, e, attribute, rows[i].value), rows[i].count,
            (double)rows[i].count / (double)a->public.total};
    a->public.rows = a->rows;
    a->public.row_count = shown;
    a->public.more = n - shown;
    a->public.as_of = state.now;
    a->public.epoch = e->seq;
    a->public.elapsed_ns = clock_monotonic_ns() - start;
    program_free(g);
    mem_free(rows);
    return a;
}

int muster_reach_breakdown(muster_segment *segment, const char *attribute,
                           size_t limit, muster_breakdown **out,
                           muster_error *err)
{
    muster_engine *e = segment->engine;
    const catalog_attribute *by;
    const plan *bound;

    error_clear(err);
    *out = NULL;
    engine_lock_read(e);
    int rc = segment_current(segment, &bound, err);
    if (rc == 0)
        rc = engine_find_attribute(e, attribute, &by, err);
    if (rc == 0 && by->kind == KIND_NUMBER)
        rc = error_set(err, MUSTER_EINVAL, "bad_breakdown",
                       "%s is a number; compare it in the expression, with "
                       "between", by->name);
    if (rc == 0)
        *out = &break_down(e, segment, bound, by, limit)->public;
    engine_unlock(e);
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
