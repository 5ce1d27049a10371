/*
 * on_validate.c - POST /v1/validate: is an expression valid, what does it say
 * in canonical form, and what does it read?
 *
 *   {"ok":false,"valid":true,"checked":1,"text":"...","ast":{...},
 *    "attributes":["geo.country"],"segments":[],
 *    "findings":[{"source":"expression","severity":"warning",...}],
 *    "as_of":"...","epoch":7}
 *
 * The answer is 200 also for an expression that is not valid: to find that out
 * was what was asked. `ok`: there is nothing to say against it; `valid`: it can
 * be counted. text, ast, attributes and segments are there when it parses.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <stdlib.h>
#include <string.h>
#include "http/ask.h"
#include "http/shapes.h"

/* ---- what an expression reads ---- */

typedef struct word_list {
    muster_text *items; /* borrowed of the document */
    size_t count;
    size_t capacity;
} word_list;

static void add_word(word_list *list, const json_value *v)
{
    if (v == NULL || json_typeof(v) != JSON_STRING)
        return;
    mem_grow(&list->items, &list->capacity, list->count + 1,
             sizeof *list->items);
    list->items[list->count++] = json_string(v);
}

/* Every object of a tree that says "attr" is a condition, every one that says
 * "segment" a reference; depth is bounded by the reader. */
static void find_words(const json_value *node, word_list *attributes,
                       word_list *segments)
{
    if (json_typeof(node) == JSON_OBJECT) {
        add_word(attributes, json_get(node, "attr"));
        add_word(segments, json_get(node, "segment"));
    }
    for (json_iter it = json_iter_of(node); json_next(&it);)
        find_words(it.value, attributes, segments);
}

static int by_text(const void *a, const void *b)
{
    return text_compare(*(const muster_text *)a, *(const muster_text *)b);
}

static void put_words(json_writer *w, const char *key, word_list *list)
{
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, by_text);
    json_key(w, key);
    json_open_array(w);
    for (size_t i = 0; i < list->count; i++)
        if (i == 0 || !text_equal(list->items[i], list->items[i - 1]))
            json_put_text(w, list->items[i]);
    json_close(w);
    mem_free(list->items);
}

static void put_reads(json_writer *w, const char *ast)
{
    word_list attributes = {NULL, 0, 0};
    word_list segments = {NULL, 0, 0};
    json_doc *doc = NULL;
    if (json_parse(&doc, ast, strlen(ast), JSON_STRICT, NULL) != 0)
        return;
    find_words(json_root(doc), &attributes, &segments);
    put_words(w, "attributes", &attributes);
    put_words(w, "segments", &segments);
    json_free(doc);
}

/* Nothing when it does not parse. */
static void put_forms(json_writer *w, const ask_expr *e)
{
    char *text = NULL;
    char *ast = NULL;
    muster_error err;
    if (e->text == NULL ||
        muster_segment_format(e->text, e->len, &text, &ast, &err) < 0)
        return;
    shape_put_str(w, "text", text);
    json_key(w, "ast");
    json_put_raw(w, text_of(ast));
    put_reads(w, ast);
    muster_free(text);
    muster_free(ast);
}

/* ---- findings ---- */

static void put_finding(json_writer *w, const ask_expr *e, bool error,
                        const muster_error *what)
{
    muster_error shown = *what;
    if (e->derived)
        shown.line = shown.column = 0;
    json_open_object(w);
    shape_put_str(w, "source", "expression");
    shape_put_str(w, "severity", error ? "error" : "warning");
    shape_put_str(w, "pointer", e->pointer);
    shape_put_finding(w, &shown);
    json_close(w);
}

static void put_findings(ask *q, json_writer *w, const muster_error *err)
{
    const size_t n =
        q->segment != NULL ? muster_segment_warning_count(q->segment) : 0;
    json_key(w, "findings");
    json_open_array(w);
    if (err->code != 0)
        put_finding(w, &q->expr, true, err);
    for (size_t i = 0; i < n; i++)
        put_finding(w, &q->expr, false,
                    muster_segment_warning(q->segment, i));
    json_close(w);
}

static void put_verdict(ask *q, const muster_error *err)
{
    const bool valid = err->code == 0;
    json_writer *w = answer_json(q->a, 200);
    json_open_object(w);
    shape_put_bool(w, "ok",
                   valid && muster_segment_warning_count(q->segment) == 0);
    shape_put_bool(w, "valid", valid);
    shape_put_uint(w, "checked", 1);
    put_forms(w, &q->expr);
    put_findings(q, w, err);
    shape_put_state(w, q->r->engine);
    json_close(w);
}

/* Only what is wrong with the expression is a finding. */
static bool is_finding(const muster_error *err)
{
    return err->code == 0 || err->code == MUSTER_EEXPR;
}

void on_validate(http_request *r, http_answer *a)
{
    ask q;
    muster_error err;
    if (ask_open(&q, r, "expr ast", a)) {
        int rc = ask_expr_read(&q, q.root, "", false, &q.expr, &err);
        if (rc == 0)
            rc = muster_segment_compile(&q.segment, r->engine,
                                        r->caller->viewer, q.expr.text,
                                        q.expr.len, &err);
        if (rc != 0)
            q.segment = NULL;
        if (is_finding(&err))
            put_verdict(&q, &err);
        else
            ask_expr_answer(&q, &q.expr, &err);
    }
    ask_close(&q);
}
