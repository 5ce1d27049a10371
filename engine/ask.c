/*
 * ask.c - muster_segment: count, estimate, users, has, explain. Each call pins
 * one epoch, so its numbers hold for one state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

/* ---- counting ---- */

/* The answer and everything it points to. */
typedef struct count_answer {
    muster_count public; /* first: the caller's pointer is this */
    arena memory;
    muster_clause *clauses;
    size_t clause_capacity;
    muster_window *windows;
    size_t window_capacity;
} count_answer;

static void take_clause(void *payload, const char *path,
                        const ast_node *clause, uint64_t count,
                        int64_t marginal)
{
    count_answer *a = payload;
    buffer text;

    buffer_init(&text, 2 * MUSTER_SEGMENT_BYTES_MAX);
    segment_format(clause, &text);
    mem_grow(&a->clauses, &a->clause_capacity, a->public.clause_count + 1,
             sizeof *a->clauses);
    a->clauses[a->public.clause_count++] = (muster_clause){
        arena_strndup(&a->memory, path, strlen(path)),
        arena_strndup(&a->memory, buffer_cstr(&text), text.len), count,
        marginal};
    buffer_release(&text);
}

static void take_window(void *payload, const char *text, muster_time from,
                        muster_time to)
{
    count_answer *a = payload;

    for (size_t i = 0; i < a->public.window_count; i++)
        if (strcmp(a->windows[i].text, text) == 0 &&
            a->windows[i].from == from)
            return;
    mem_grow(&a->windows, &a->window_capacity, a->public.window_count + 1,
             sizeof *a->windows);
    a->windows[a->public.window_count++] = (muster_window){
        arena_strndup(&a->memory, text, strlen(text)), from, to};
}

static void take_count(count_answer *a, const muster_engine *e,
                       const program *g, const muster_sample *sample,
                       program_stop *stop)
{
    const sample_request q = {sample->error, sample->seed, e->threads};
    const uint64_t start = clock_monotonic_ns();
    muster_count *out = &a->public;
    sample_answer n;

    program_estimate(g, &q, stop, &n);
    out->elapsed_ns = clock_monotonic_ns() - start;
    out->count = n.count;
    out->low = n.low;
    out->high = n.high;
    out->exact = n.exact;
    out->sampled_rows = n.sampled_rows;
    const uint64_t below = n.count - n.low;
    const uint64_t above = n.high - n.count;
    if (!n.exact)
        out->error = (double)(above > below ? above : below) /
                     (double)n.count;
}

static int count_by(muster_segment *segment, bool clauses,
                    const muster_sample *sample, const muster_task *task,
                    muster_count **out, muster_error *err)
{
    muster_engine *e = segment->engine;
    task_stop ended;
    program_stop *stop = task_stop_of(&ended, task);
    epoch_pin pin;
    kept_plan *k;

    *out = NULL;
    const epoch *at = epoch_pin_newest(e, &pin);
    const int rc = kept_take(segment, at, &k, err);
    if (rc != 0)
        return epoch_answer(e, &pin, rc, err);
    count_answer *a = mem_zalloc(sizeof *a);
    const program_state state = epoch_state(e, at);
    arena_init(&a->memory);
    take_count(a, e, k->g, sample, stop);
    a->public.universe = segment_universe_count(k->plan, &state);
    a->public.share = a->public.universe ? (double)a->public.count /
                                               (double)a->public.universe
                                         : 0;
    a->public.as_of = state.now;
    a->public.epoch = at->seq;
    if (clauses)
        segment_clauses(k->plan, &state, stop, take_clause, a);
    segment_windows(k->plan, state.now, take_window, a);
    kept_give(segment, k);
    a->public.clauses = a->clauses;
    a->public.windows = a->windows;
    const int bad =
        epoch_answer(e, &pin, task_stop_check(stop, err), err);
    if (bad == 0)
        *out = &a->public;
    else
        muster_count_free(&a->public);
    return bad;
}

int muster_segment_count(muster_segment *segment, bool clauses,
                         muster_count **out, muster_error *err)
{
    return muster_segment_count_task(segment, clauses, NULL, out, err);
}

int muster_segment_count_task(muster_segment *segment, bool clauses,
                              const muster_task *task, muster_count **out,
                              muster_error *err)
{
    static const muster_sample all = {0, 0};

    error_clear(err);
    return count_by(segment, clauses, &all, task, out, err);
}

int muster_segment_estimate(muster_segment *segment,
                            const muster_sample *sample, muster_count **out,
                            muster_error *err)
{
    return muster_segment_estimate_task(segment, sample, NULL, out, err);
}

int muster_segment_estimate_task(muster_segment *segment,
                                 const muster_sample *sample,
                                 const muster_task *task,
                                 muster_count **out, muster_error *err)
{
    error_clear(err);
    *out = NULL;
    if (!(sample->error >= 0 && sample->error <= MUSTER_SAMPLE_ERROR_MAX))
        return error_set(err, MUSTER_EINVAL, "bad_sample",
                         "the error of an estimate is a share from 0 to %g",
                         MUSTER_SAMPLE_ERROR_MAX);
    return count_by(segment, false, sample, task, out, err);
}

void muster_count_free(muster_count *count)
{
    count_answer *a = (count_answer *)count;
    if (!a)
        return;
    arena_release(&a->memory);
    mem_free(a->clauses);
    mem_free(a->windows);
    mem_free(a);
}

/* ---- sets and decisions ---- */

typedef struct user_walk {
    const epoch *at;
    muster_user_fn each;
    void *payload;
} user_walk;

static int tell_user(void *payload, uint32_t row)
{
    const user_walk *w = payload;
    const muster_pseudonym *p = dictionary_primary(w->at->ids, row);
    const int rc = base_check(w->at->base, NULL);
    return rc ? rc : w->each(w->payload, p);
}

int muster_segment_users(muster_segment *segment, muster_user_fn each,
                         void *payload, muster_error *err)
{
    uint64_t place = 0;
    return muster_segment_users_from(segment, &place, NULL, each, payload,
                                     err);
}

int muster_segment_users_from(muster_segment *segment, uint64_t *place,
                              const muster_task *task, muster_user_fn each,
                              void *payload, muster_error *err)
{
    muster_engine *e = segment->engine;
    uint32_t row = (uint32_t)*place;
    task_stop ended;
    program_stop *stop = task_stop_of(&ended, task);
    epoch_pin pin;
    kept_plan *k;

    error_clear(err);
    user_walk walk = {epoch_pin_newest(e, &pin), each, payload};
    int rc = kept_take(segment, walk.at, &k, err);
    if (rc == 0 && *place < MUSTER_USERS_MAX)
        rc = program_each_from(k->g, &row, stop, tell_user, &walk);
    if (rc == 0)
        rc = task_stop_check(stop, err);
    *place = rc == 0 ? UINT64_MAX : row;
    kept_give(segment, k);
    return epoch_answer(e, &pin, rc, err);
}

int muster_segment_has(muster_segment *segment, const muster_id *user,
                       bool *out, muster_error *err)
{
    muster_engine *e = segment->engine;
    muster_pseudonym p;
    epoch_pin pin;
    kept_plan *k = NULL;

    error_clear(err);
    *out = false;
    const epoch *at = epoch_pin_newest(e, &pin);
    int rc = engine_pseudonym(e, at->names, user, &p, err);
    if (rc == 0)
        rc = kept_take(segment, at, &k, err);
    if (rc == 0) {
        const uint32_t row = dictionary_find(at->ids, &p);
        *out = row != DICTIONARY_NONE && program_has(k->g, row);
    }
    kept_give(segment, k);
    rc = epoch_answer(e, &pin, rc, err);
    *out &= rc == 0;
    return rc;
}

/* ---- explaining ---- */

typedef struct explain_answer {
    muster_explanation public; /* first */
    arena memory;
    muster_reason *reasons;
    size_t capacity;
} explain_answer;

static const char *keep(explain_answer *a, const char *text)
{
    return arena_strndup(&a->memory, text, strlen(text));
}

static void take_reason(void *payload, const segment_reason *r)
{
    explain_answer *a = payload;

    mem_grow(&a->reasons, &a->capacity, a->public.reason_count + 1,
             sizeof *a->reasons);
    a->reasons[a->public.reason_count++] =
        (muster_reason){keep(a, r->path), keep(a, r->text), r->depth,
                        r->holds,         keep(a, r->why),  r->until};
}

static bool has_mark(const epoch *at, uint32_t attribute, uint32_t row)
{
    static const uint32_t provider = 0;
    const leaf_spec spec = {.type = LEAF_HELD,
                            .attribute = attribute,
                            .providers = &provider,
                            .provider_count = 1,
                            .any = true};
    index_leaf *leaf = index_leaf_new(at->index, &spec);
    const bool has = index_leaf_has(leaf, row);
    index_leaf_free(leaf);
    return has;
}

static void explain(explain_answer *a, const muster_engine *e,
                    const epoch *at, const plan *bound,
                    const muster_pseudonym *p)
{
    const program_state state = epoch_state(e, at);
    const uint32_t row = dictionary_find(at->ids, p);

    arena_init(&a->memory);
    a->public.as_of = state.now;
    a->public.epoch = at->seq;
    a->public.known = row != DICTIONARY_NONE;
    if (!a->public.known)
        return;
    a->public.masked = has_mark(at, INDEX_OPTED_OUT, row) ||
                       has_mark(at, INDEX_FORGOTTEN, row);
    segment_explain(bound, at->names, &state, row, take_reason, a);
    a->public.member = a->reasons[0].holds;
    a->public.until = a->reasons[0].until;
}

int muster_segment_explain(muster_segment *segment, const muster_id *user,
                           muster_explanation **out, muster_error *err)
{
    muster_engine *e = segment->engine;
    muster_pseudonym p;
    epoch_pin pin;
    kept_plan *k = NULL;

    error_clear(err);
    *out = NULL;
    const epoch *at = epoch_pin_newest(e, &pin);
    int rc = engine_pseudonym(e, at->names, user, &p, err);
    if (rc == 0)
        rc = kept_take(segment, at, &k, err);
    if (rc == 0) {
        explain_answer *a = mem_zalloc(sizeof *a);
        explain(a, e, at, k->plan, &p);
        a->public.reasons = a->reasons;
        *out = &a->public;
    }
    kept_give(segment, k);
    rc = epoch_answer(e, &pin, rc, err);
    if (rc != 0) {
        muster_explanation_free(*out);
        *out = NULL;
    }
    return rc;
}

void muster_explanation_free(muster_explanation *explanation)
{
    explain_answer *a = (explain_answer *)explanation;
    if (!a)
        return;
    arena_release(&a->memory);
    mem_free(a->reasons);
    mem_free(a);
}
