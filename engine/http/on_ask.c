/*
 * on_ask.c - questions about expressions: POST /v1/count, /v1/overlap,
 * /v1/breakdown, /v1/explain. (/v1/validate: on_validate.c.)
 *
 * Evaluation ends at the request's deadline or when the client has gone, with
 * 503; nothing is kept of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "http/ask.h"
#include "http/shapes.h"

#define SEED_DEFAULT 1u
#define BREAKDOWN_LIMIT_DEFAULT 50u

/* ---- count ---- */

static void put_clauses(json_writer *w, const muster_count *n)
{
    /* The first clause is the whole; an expression of one part has no other.
     */
    const size_t first =
        n->clause_count > 1 && n->clauses[0].path[0] == '\0';
    json_key(w, "clauses");
    json_open_array(w);
    for (size_t i = first; i < n->clause_count; i++) {
        json_open_object(w);
        shape_put_str(w, "path", n->clauses[i].path);
        shape_put_str(w, "text", n->clauses[i].text);
        shape_put_uint(w, "count", n->clauses[i].count);
        shape_put_int(w, "marginal", n->clauses[i].marginal);
        json_close(w);
    }
    json_close(w);
}

static void put_windows(json_writer *w, const muster_count *n)
{
    json_key(w, "windows");
    json_open_array(w);
    for (size_t i = 0; i < n->window_count; i++) {
        json_open_object(w);
        shape_put_str(w, "text", n->windows[i].text);
        shape_put_time(w, "from", n->windows[i].from);
        shape_put_time(w, "to", n->windows[i].to);
        json_close(w);
    }
    json_close(w);
}

static void put_count(ask *q, const muster_count *n, bool estimate)
{
    json_writer *w = answer_json(q->a, 200);
    q->a->eval_ns = n->elapsed_ns;
    json_open_object(w);
    shape_put_uint(w, "count", n->count);
    shape_put_uint(w, "universe", n->universe);
    shape_put_double(w, "share", n->share);
    put_clauses(w, n);
    put_windows(w, n);
    shape_put_warnings(w, q->segment);
    if (estimate) {
        shape_put_uint(w, "estimate", n->count);
        shape_put_uint(w, "low", n->low);
        shape_put_uint(w, "high", n->high);
        shape_put_double(w, "error", n->error);
        shape_put_uint(w, "sampled_rows", n->sampled_rows);
    }
    shape_put_bool(w, "exact", n->exact);
    shape_put_time(w, "as_of", n->as_of);
    shape_put_uint(w, "epoch", n->epoch);
    shape_put_uint(w, "elapsed_us", n->elapsed_ns / 1000);
    json_close(w);
}

typedef struct count_wish {
    bool clauses;
    bool estimate;
    muster_sample sample;
} count_wish;

static bool read_share(ask *q, count_wish *out)
{
    char digits[64];
    const json_value *v = json_get(q->root, "error");
    if (v == NULL)
        return true;
    const bool whole = json_typeof(v) == JSON_INT;
    out->estimate = true;
    if (whole)
        out->sample.error = (double)json_int(v);
    if (whole)
        return true;
    if (json_typeof(v) != JSON_NUMBER ||
        json_string(v).len >= sizeof digits) {
        answer_problem_at(q->a, 422, "bad_sample", "/error",
                          "the error of an estimate is a share from 0 to %g",
                          MUSTER_SAMPLE_ERROR_MAX);
        return false;
    }
    memcpy(digits, json_string(v).ptr, json_string(v).len);
    digits[json_string(v).len] = '\0';
    out->sample.error = strtod(digits, NULL);
    return true;
}

static bool read_count(ask *q, count_wish *out)
{
    *out = (count_wish){.sample = {0, SEED_DEFAULT}};
    if (!ask_bool(q, "clauses", &out->clauses) || !read_share(q, out) ||
        !ask_number(q, "seed", 0, INT64_MAX, &out->sample.seed))
        return false;
    if (!out->clauses || !out->estimate)
        return true;
    answer_problem_at(q->a, 422, "bad_sample", "/clauses",
                      "clauses are counted exactly: leave out error, or"
                      " clauses");
    return false;
}

static void count(ask *q)
{
    muster_task task = request_task(q->r);
    muster_count *n = NULL;
    muster_error err;
    count_wish wish;
    if (!read_count(q, &wish) || !ask_compile(q))
        return;
    const int rc =
        wish.estimate
            ? muster_segment_estimate_task(q->segment, &wish.sample, &task,
                                           &n, &err)
            : muster_segment_count_task(q->segment, wish.clauses, &task, &n,
                                        &err);
    if (rc == 0)
        put_count(q, n, wish.estimate);
    else
        answer_error(q->a, &err,
                     strcmp(err.word, "bad_sample") == 0 ? "/error" : "");
    muster_count_free(n);
}

void on_count(http_request *r, http_answer *a)
{
    ask q;
    if (ask_open(&q, r, "expr ast segment clauses error seed", a))
        count(&q);
    ask_close(&q);
}

/* ---- overlap ---- */

typedef struct overlap_sets {
    ask *q;
    size_t n;
    const char *names[MUSTER_OVERLAP_MAX];
    ask_expr exprs[MUSTER_OVERLAP_MAX];
    muster_segment *segments[MUSTER_OVERLAP_MAX];
} overlap_sets;

static double ratio(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

static void put_sets(json_writer *w, const muster_overlap *o,
                     const char *const *names)
{
    json_key(w, "sets");
    json_open_array(w);
    for (size_t i = 0; i < o->n; i++) {
        const uint64_t size = o->counts[i * o->n + i];
        json_open_object(w);
        shape_put_str(w, "key", names[i]);
        shape_put_uint(w, "count", size);
        shape_put_double(w, "share", ratio(size, o->universe));
        json_close(w);
    }
    json_close(w);
}

static void put_pair(json_writer *w, const muster_overlap *o,
                     const char *const *names, size_t i, size_t j)
{
    const uint64_t both = o->counts[i * o->n + j];
    const uint64_t a = o->counts[i * o->n + i];
    const uint64_t b = o->counts[j * o->n + j];
    json_open_object(w);
    shape_put_str(w, "a", names[i]);
    shape_put_str(w, "b", names[j]);
    shape_put_uint(w, "count", both);
    shape_put_double(w, "share_a", ratio(both, a));
    shape_put_double(w, "share_b", ratio(both, b));
    shape_put_double(w, "jaccard", ratio(both, a + b - both));
    json_close(w);
}

static void put_overlap(const overlap_sets *sets, const muster_overlap *o)
{
    http_answer *a = sets->q->a;
    json_writer *w = answer_json(a, 200);
    a->eval_ns = o->elapsed_ns;
    json_open_object(w);
    put_sets(w, o, sets->names);
    json_key(w, "pairs");
    json_open_array(w);
    for (size_t i = 0; i < o->n; i++)
        for (size_t j = i + 1; j < o->n; j++)
            put_pair(w, o, sets->names, i, j);
    json_close(w);
    shape_put_uint(w, "universe", o->universe);
    shape_put_time(w, "as_of", o->as_of);
    shape_put_uint(w, "epoch", o->epoch);
    shape_put_uint(w, "elapsed_us", o->elapsed_ns / 1000);
    json_close(w);
}

static int keep_saved_expr(void *payload, const muster_saved *row)
{
    ask_expr *e = payload;
    e->len = strlen(row->expr);
    e->text = mem_strndup(row->expr, e->len);
    e->derived = true;
    return 0;
}

/* The key of a segment, else an expression; `all` and `none` are both. */
static int read_word(overlap_sets *sets, muster_text word, ask_expr *out,
                     muster_error *err)
{
    const char *text =
        arena_strndup(&sets->q->r->texts, word.ptr, word.len);
    sets->names[sets->n] = text;
    if (ask_is_key(word)) {
        const int rc = muster_audience_find(sets->q->r->engine, text,
                                            keep_saved_expr, out, err);
        if (rc == 0 || (!text_is(word, "all") && !text_is(word, "none")))
            return rc;
    }
    out->text = mem_strndup(word.ptr, word.len);
    out->len = word.len;
    return 0;
}

/* An element: a text, or an object with "expr", "ast" or "segment". */
static int read_set(overlap_sets *sets, const json_value *v,
                    muster_error *err)
{
    char base[32];
    ask *q = sets->q;
    ask_expr *out = &sets->exprs[sets->n];
    int rc;
    snprintf(base, sizeof base, "/sets/%zu", sets->n);
    if (json_typeof(v) == JSON_STRING) {
        snprintf(out->pointer, sizeof out->pointer, "%s", base);
        rc = read_word(sets, json_string(v), out, err);
    } else {
        const json_value *key = json_get(v, "segment");
        rc = ask_expr_read(q, v, base, true, out, err);
        const muster_text name =
            key != NULL && json_typeof(key) == JSON_STRING
                ? json_string(key)
                : text_make(out->text, out->len);
        sets->names[sets->n] =
            arena_strndup(&q->r->texts, name.ptr ? name.ptr : "", name.len);
    }
    if (rc == 0)
        rc = muster_segment_compile(&sets->segments[sets->n], q->r->engine,
                                    q->r->caller->viewer, out->text,
                                    out->len, err);
    return rc;
}

static bool read_sets(overlap_sets *sets)
{
    const json_value *list = json_get(sets->q->root, "sets");
    const bool many = list != NULL && json_typeof(list) == JSON_ARRAY;
    muster_error err;
    if (!many || json_count(list) < 2 ||
        json_count(list) > MUSTER_OVERLAP_MAX) {
        answer_problem_at(sets->q->a, 422, "bad_overlap", "/sets",
                          "an overlap takes 2 to %d sets: keys of segments"
                          " or expressions",
                          MUSTER_OVERLAP_MAX);
        return false;
    }
    for (json_iter it = json_iter_of(list); json_next(&it);) {
        error_clear(&err);
        const int rc = read_set(sets, it.value, &err);
        sets->n++;
        if (rc == 0)
            continue;
        ask_expr_answer(sets->q, &sets->exprs[sets->n - 1], &err);
        return false;
    }
    return true;
}

static void overlap(ask *q)
{
    muster_task task = request_task(q->r);
    overlap_sets *sets = mem_zalloc(sizeof *sets);
    muster_overlap *o = NULL;
    muster_error err;
    sets->q = q;
    if (read_sets(sets)) {
        if (muster_reach_overlap_task(sets->segments, sets->n, &task, &o,
                                      &err) < 0)
            answer_error(q->a, &err, "/sets");
        else
            put_overlap(sets, o);
    }
    muster_overlap_free(o);
    for (size_t i = 0; i < sets->n; i++) {
        muster_segment_free(sets->segments[i]);
        ask_expr_release(&sets->exprs[i]);
    }
    mem_free(sets);
}

void on_overlap(http_request *r, http_answer *a)
{
    ask q;
    if (ask_open(&q, r, "sets", a))
        overlap(&q);
    ask_close(&q);
}

/* ---- breakdown ---- */

static void put_breakdown(ask *q, const muster_breakdown *b, const char *by)
{
    json_writer *w = answer_json(q->a, 200);
    q->a->eval_ns = b->elapsed_ns;
    json_open_object(w);
    shape_put_str(w, "by", by);
    shape_put_uint(w, "total", b->total);
    json_key(w, "rows");
    json_open_array(w);
    for (size_t i = 0; i < b->row_count; i++) {
        json_open_object(w);
        json_key(w, "value");
        if (b->rows[i].value.ptr != NULL)
            json_put_text(w, b->rows[i].value);
        else
            json_put_null(w);
        shape_put_uint(w, "count", b->rows[i].count);
        shape_put_double(w, "share", b->rows[i].share);
        json_close(w);
    }
    json_close(w);
    shape_put_uint(w, "more", b->more);
    shape_put_warnings(w, q->segment);
    shape_put_time(w, "as_of", b->as_of);
    shape_put_uint(w, "epoch", b->epoch);
    shape_put_uint(w, "elapsed_us", b->elapsed_ns / 1000);
    json_close(w);
}

static void breakdown(ask *q)
{
    muster_task task = request_task(q->r);
    uint64_t limit = BREAKDOWN_LIMIT_DEFAULT;
    muster_breakdown *b = NULL;
    const char *by = NULL;
    muster_error err;
    if (!ask_text(q, "by", true, &by) ||
        !ask_number(q, "limit", 0, MUSTER_VALUES_MAX, &limit) ||
        !ask_compile(q))
        return;
    if (muster_reach_breakdown_task(q->segment, by, (size_t)limit, &task, &b,
                                    &err) < 0)
        answer_error(q->a, &err, "/by");
    else
        put_breakdown(q, b, by);
    muster_breakdown_free(b);
}

void on_breakdown(http_request *r, http_answer *a)
{
    ask q;
    if (ask_open(&q, r, "expr ast segment by limit", a))
        breakdown(&q);
    ask_close(&q);
}

/* ---- explain ---- */

static void put_explanation(ask *q, const muster_explanation *e)
{
    json_writer *w = answer_json(q->a, 200);
    json_open_object(w);
    shape_put_bool(w, "member", e->member);
    shape_put_bool(w, "masked", e->masked);
    shape_put_time(w, "until", e->until);
    json_key(w, "reasons");
    json_open_array(w);
    for (size_t i = 0; i < e->reason_count; i++) {
        const muster_reason *reason = &e->reasons[i];
        json_open_object(w);
        shape_put_str(w, "path", reason->path);
        shape_put_uint(w, "depth", reason->depth);
        shape_put_str(w, "text", reason->text);
        shape_put_bool(w, "holds", reason->holds);
        shape_put_word(w, "why", reason->why);
        shape_put_time(w, "until", reason->until);
        json_close(w);
    }
    json_close(w);
    shape_put_time(w, "as_of", e->as_of);
    shape_put_uint(w, "epoch", e->epoch);
    json_close(w);
}

static void explain(ask *q)
{
    muster_explanation *e = NULL;
    const char *space = NULL;
    const char *id = NULL;
    muster_error err;
    if (!ask_text(q, "space", true, &space) ||
        !ask_text(q, "id", true, &id) || !ask_compile(q))
        return;
    const muster_id user = {space, id, strlen(id)};
    const uint64_t start = clock_monotonic_ns();
    const int rc = muster_segment_explain(q->segment, &user, &e, &err);
    q->a->eval_ns = clock_monotonic_ns() - start;
    if (rc < 0)
        answer_error(q->a, &err,
                     strcmp(err.word, "unknown_space") == 0 ? "/space"
                                                            : "/id");
    else if (!e->known && !e->masked)
        answer_problem_at(q->a, 404, "unknown_user", "/id",
                          "the user is not known");
    else
        put_explanation(q, e);
    muster_explanation_free(e);
}

void on_explain(http_request *r, http_answer *a)
{
    ask q;
    if (ask_open(&q, r, "space id expr ast segment", a))
        explain(&q);
    ask_close(&q);
}
