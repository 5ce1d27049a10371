/*
 * on_report.c - GET /v1/reports/providers: what each provider tells, how fresh
 * it is, where providers contradict each other, how far each agrees with the
 * truth, and whom only it knows.
 *
 *   ?providers=acme,shop   these alone; the others count as others all the same
 *   ?truth=demo.gender@crm whose word on which attribute is the truth
 *
 * It ends at the request's deadline.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <string.h>
#include "http/shapes.h"

/* Null for a share of nothing. */
static void put_share(json_writer *w, const char *key, uint64_t part,
                      uint64_t whole)
{
    if (whole == 0)
        shape_put_word(w, key, NULL);
    else
        shape_put_double(w, key, (double)part / (double)whole);
}

static void put_attributes(json_writer *w, const muster_report_row *row)
{
    json_key(w, "attributes");
    json_open_array(w);
    for (size_t i = 0; i < row->attribute_count; i++) {
        const muster_report_attribute *a = &row->attributes[i];
        json_open_object(w);
        shape_put_str(w, "attribute", a->attribute);
        shape_put_str(w, "kind", a->kind);
        shape_put_uint(w, "users", a->users);
        shape_put_uint(w, "facts", a->facts);
        shape_put_uint(w, "contradicted", a->contradicted);
        json_close(w);
    }
    json_close(w);
}

static void put_values(json_writer *w, const muster_report_row *row)
{
    json_key(w, "values");
    json_open_array(w);
    for (size_t i = 0; i < row->value_count; i++) {
        const muster_report_value *v = &row->values[i];
        json_open_object(w);
        shape_put_str(w, "value", v->value);
        shape_put_uint(w, "said", v->said);
        shape_put_uint(w, "truth", v->truth);
        shape_put_uint(w, "both", v->both);
        put_share(w, "precision", v->both, v->said);
        put_share(w, "recall", v->both, v->truth);
        json_close(w);
    }
    json_close(w);
}

static void put_row(json_writer *w, const muster_report *report,
                    const muster_report_row *row)
{
    json_open_object(w);
    shape_put_str(w, "name", row->name);
    shape_put_str(w, "party", row->party);
    shape_put_uint(w, "users", row->users);
    put_share(w, "share", row->users, report->universe);
    shape_put_uint(w, "only", row->only);
    shape_put_uint(w, "facts", row->facts);
    shape_put_uint(w, "ending", row->ending);
    shape_put_uint(w, "events", row->events);
    shape_put_uint(w, "events_1d", row->events_1d);
    shape_put_uint(w, "events_7d", row->events_7d);
    shape_put_uint(w, "events_30d", row->events_30d);
    shape_put_time(w, "oldest", row->oldest);
    shape_put_time(w, "newest", row->newest);
    shape_put_uint(w, "compared", row->compared);
    shape_put_uint(w, "agreed", row->agreed);
    put_share(w, "agreement", row->agreed, row->compared);
    put_attributes(w, row);
    put_values(w, row);
    json_close(w);
}

static void put_report(http_answer *a, const muster_report *report)
{
    json_writer *w = answer_json(a, 200);
    a->eval_ns = report->elapsed_ns;
    json_open_object(w);
    shape_put_uint(w, "universe", report->universe);
    shape_put_word(w, "truth_attribute", report->truth_attribute);
    shape_put_word(w, "truth_provider", report->truth_provider);
    json_key(w, "data");
    json_open_array(w);
    for (size_t i = 0; i < report->row_count; i++)
        put_row(w, report, &report->rows[i]);
    json_close(w);
    shape_put_time(w, "as_of", report->as_of);
    shape_put_uint(w, "epoch", report->epoch);
    shape_put_uint(w, "elapsed_us", report->elapsed_ns / 1000);
    json_close(w);
}

/* ---- what is asked ---- */

/* Names apart by commas. False: answered. */
static bool read_names(http_request *r, const char **names, size_t *count,
                       http_answer *a)
{
    muster_text list;
    *count = 0;
    if (!request_query(r, "providers", &list))
        return true;
    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        const size_t len = comma ? (size_t)(comma - list.ptr) : list.len;
        const size_t used = comma ? len + 1 : len;
        if (*count == MUSTER_REPORT_PROVIDERS_MAX) {
            answer_problem(a, 400, "bad_parameter",
                           "at most %u providers can be named",
                           MUSTER_REPORT_PROVIDERS_MAX);
            return false;
        }
        names[(*count)++] = arena_strndup(&r->texts, list.ptr, len);
        list = text_make(list.ptr + used, list.len - used);
    }
    return true;
}

/* ATTRIBUTE@PROVIDER. False: answered. */
static bool read_truth(http_request *r, muster_report_query *query,
                       http_answer *a)
{
    muster_text truth;
    if (!request_query(r, "truth", &truth))
        return true;
    const char *at = memchr(truth.ptr, '@', truth.len);
    if (at == NULL) {
        answer_problem(a, 400, "bad_parameter",
                       "truth is an attribute, '@' and a provider");
        return false;
    }
    const size_t len = (size_t)(at - truth.ptr);
    query->truth_attribute = arena_strndup(&r->texts, truth.ptr, len);
    query->truth_provider =
        arena_strndup(&r->texts, at + 1, truth.len - len - 1);
    return true;
}

void on_providers_report(http_request *r, http_answer *a)
{
    const char *names[MUSTER_REPORT_PROVIDERS_MAX];
    muster_report_query query = {.names = names};
    muster_task task = request_task(r);
    muster_report *report = NULL;
    muster_error err;
    if (!read_names(r, names, &query.count, a) || !read_truth(r, &query, a))
        return;
    if (muster_reach_report(r->engine, r->caller->viewer, &query, &task,
                            &report, &err) != 0)
        answer_error(a, &err, "");
    else
        put_report(a, report);
    muster_report_free(report);
}
