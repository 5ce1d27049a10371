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

static void put_report(http_answer *a, const muster_report *report)
{
    char *text = muster_report_json(report, false);
    if (text == NULL) {
        answer_problem(a, 500, "long_answer",
                       "the answer is longer than the server sends at once");
        return;
    }
    a->eval_ns = report->elapsed_ns;
    json_put_raw(answer_json(a, 200), text_of(text));
    muster_free(text);
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
