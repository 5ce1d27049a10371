/*
 * cmd_provider_report.c - `muster provider report`: providers beside each
 * other.
 *
 * The numbers of a provider, of its attributes and of the values of the truth
 * are three lists: JSON has all of them, other formats the one that --by asks
 * for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd_provider.h"

#include <string.h>
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

const cli_flag provider_report_flags[] = {
    {"truth", 0, "ATTR@PROVIDER", NULL,
     "whose word on a one_of attribute is the truth"},
    {"by", 0, "WHAT", "provider attribute value",
     "what the rows are, but in JSON, which has all (provider)"},
    CLI_FLAG_END};

/* ---- JSON: the body of GET /v1/reports/providers ---- */

static void put_uint(json_writer *w, const char *key, uint64_t v)
{
    json_key(w, key);
    json_put_uint(w, v);
}

static void put_str(json_writer *w, const char *key, const char *v)
{
    json_key(w, key);
    if (v != NULL)
        json_put_str(w, v);
    else
        json_put_null(w);
}

static void put_time(json_writer *w, const char *key, muster_time t)
{
    char text[32];
    json_key(w, key);
    if (t == 0)
        json_put_null(w);
    else
        json_put_text(w, text_make(text, clock_format_time(text, t)));
}

static void put_share(json_writer *w, const char *key, uint64_t part,
                      uint64_t whole)
{
    json_key(w, key);
    if (whole == 0)
        json_put_null(w);
    else
        json_put_double(w, (double)part / (double)whole);
}

static void put_attributes(json_writer *w, const muster_report_row *row)
{
    json_key(w, "attributes");
    json_open_array(w);
    for (size_t i = 0; i < row->attribute_count; i++) {
        const muster_report_attribute *a = &row->attributes[i];
        json_open_object(w);
        put_str(w, "attribute", a->attribute);
        put_str(w, "kind", a->kind);
        put_uint(w, "users", a->users);
        put_uint(w, "facts", a->facts);
        put_uint(w, "contradicted", a->contradicted);
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
        put_str(w, "value", v->value);
        put_uint(w, "said", v->said);
        put_uint(w, "truth", v->truth);
        put_uint(w, "both", v->both);
        put_share(w, "precision", v->both, v->said);
        put_share(w, "recall", v->both, v->truth);
        json_close(w);
    }
    json_close(w);
}

static void put_provider(json_writer *w, const muster_report *report,
                         const muster_report_row *row)
{
    json_open_object(w);
    put_str(w, "name", row->name);
    put_str(w, "party", row->party);
    put_uint(w, "users", row->users);
    put_share(w, "share", row->users, report->universe);
    put_uint(w, "only", row->only);
    put_uint(w, "facts", row->facts);
    put_uint(w, "ending", row->ending);
    put_uint(w, "events", row->events);
    put_uint(w, "events_1d", row->events_1d);
    put_uint(w, "events_7d", row->events_7d);
    put_uint(w, "events_30d", row->events_30d);
    put_time(w, "oldest", row->oldest);
    put_time(w, "newest", row->newest);
    put_uint(w, "compared", row->compared);
    put_uint(w, "agreed", row->agreed);
    put_share(w, "agreement", row->agreed, row->compared);
    put_attributes(w, row);
    put_values(w, row);
    json_close(w);
}

static void put_json(cli *c, const muster_report *report)
{
    json_writer *w = out_json(c);
    json_open_object(w);
    put_uint(w, "universe", report->universe);
    put_str(w, "truth_attribute", report->truth_attribute);
    put_str(w, "truth_provider", report->truth_provider);
    json_key(w, "data");
    json_open_array(w);
    for (size_t i = 0; i < report->row_count; i++)
        put_provider(w, report, &report->rows[i]);
    json_close(w);
    put_time(w, "as_of", report->as_of);
    put_uint(w, "epoch", report->epoch);
    put_uint(w, "elapsed_us", report->elapsed_ns / 1000);
    json_close(w);
    out_json_end(c);
}

/* ---- rows ---- */

static void rows_share(rows *r, uint64_t part, uint64_t whole)
{
    if (whole == 0)
        rows_null(r);
    else
        rows_double(r, (double)part / (double)whole);
}

static rows *list_providers(cli *c, const muster_report *report)
{
    static const column columns[] = {
        {"name", COLUMN_TEXT},       {"party", COLUMN_TEXT},
        {"users", COLUMN_COUNT},     {"share", COLUMN_SHARE},
        {"only", COLUMN_COUNT},      {"facts", COLUMN_COUNT},
        {"ending", COLUMN_COUNT},    {"events", COLUMN_COUNT},
        {"events_7d", COLUMN_COUNT}, {"events_30d", COLUMN_COUNT},
        {"newest", COLUMN_TIME},     {"compared", COLUMN_COUNT},
        {"agreement", COLUMN_SHARE}};
    rows *r = rows_open(c, "data", columns, 13);
    for (size_t i = 0; i < report->row_count; i++) {
        const muster_report_row *row = &report->rows[i];
        rows_str(r, row->name);
        rows_str(r, row->party);
        rows_uint(r, row->users);
        rows_share(r, row->users, report->universe);
        rows_uint(r, row->only);
        rows_uint(r, row->facts);
        rows_uint(r, row->ending);
        rows_uint(r, row->events);
        rows_uint(r, row->events_7d);
        rows_uint(r, row->events_30d);
        rows_time(r, row->newest);
        rows_uint(r, row->compared);
        rows_share(r, row->agreed, row->compared);
    }
    return r;
}

static rows *list_attributes(cli *c, const muster_report *report)
{
    static const column columns[] = {
        {"name", COLUMN_TEXT},   {"attribute", COLUMN_TEXT},
        {"kind", COLUMN_TEXT},   {"users", COLUMN_COUNT},
        {"facts", COLUMN_COUNT}, {"contradicted", COLUMN_COUNT}};
    rows *r = rows_open(c, "data", columns, 6);
    for (size_t i = 0; i < report->row_count; i++) {
        for (size_t k = 0; k < report->rows[i].attribute_count; k++) {
            const muster_report_attribute *a = &report->rows[i].attributes[k];
            rows_str(r, report->rows[i].name);
            rows_str(r, a->attribute);
            rows_str(r, a->kind);
            rows_uint(r, a->users);
            rows_uint(r, a->facts);
            rows_uint(r, a->contradicted);
        }
    }
    return r;
}

static rows *list_values(cli *c, const muster_report *report)
{
    static const column columns[] = {
        {"name", COLUMN_TEXT},       {"value", COLUMN_TEXT},
        {"said", COLUMN_COUNT},      {"truth", COLUMN_COUNT},
        {"both", COLUMN_COUNT},      {"precision", COLUMN_SHARE},
        {"recall", COLUMN_SHARE}};
    rows *r = rows_open(c, "data", columns, 7);
    for (size_t i = 0; i < report->row_count; i++) {
        for (size_t k = 0; k < report->rows[i].value_count; k++) {
            const muster_report_value *v = &report->rows[i].values[k];
            rows_str(r, report->rows[i].name);
            rows_str(r, v->value);
            rows_uint(r, v->said);
            rows_uint(r, v->truth);
            rows_uint(r, v->both);
            rows_share(r, v->both, v->said);
            rows_share(r, v->both, v->truth);
        }
    }
    return r;
}

static void put_answer(cli *c, const muster_report *report)
{
    const char *by = cli_flag_text(c, "by");
    rows *r;
    if (c->set.format == FORMAT_JSON) {
        put_json(c, report);
        return;
    }
    if (by != NULL && strcmp(by, "attribute") == 0)
        r = list_attributes(c, report);
    else if (by != NULL && strcmp(by, "value") == 0)
        r = list_values(c, report);
    else
        r = list_providers(c, report);
    rows_close(r);
}

/* ---- the verb ---- */

static int ask_report(cli *c, const muster_report_query *query)
{
    muster_report *report = NULL;
    muster_error err;
    error_clear(&err);
    int code = client_open(c, MUSTER_OPEN_READ);
    if (code == 0 && client_reach_report(c, query, &report, &err) < 0)
        code = tell_status(c, &err, NULL, 0);
    if (code == 0)
        put_answer(c, report);
    client_report_free(c, report);
    return code;
}

int cmd_provider_report(cli *c, int argc, char **argv)
{
    const char *truth = cli_flag_text(c, "truth");
    const char *by = cli_flag_text(c, "by");
    const char *at = truth != NULL ? strchr(truth, '@') : NULL;
    if (truth != NULL && at == NULL)
        return tell_usage(c, "--truth takes an attribute, '@' and a provider,"
                             " as demo.gender@crm");
    if (truth == NULL && by != NULL && strcmp(by, "value") == 0)
        return tell_usage(c, "values are those of the truth: say --truth");
    char *attribute =
        at != NULL ? mem_strndup(truth, (size_t)(at - truth)) : NULL;
    const muster_report_query query = {
        .names = (const char *const *)argv,
        .count = (size_t)argc,
        .truth_attribute = attribute,
        .truth_provider = at != NULL ? at + 1 : NULL,
    };
    const int code = ask_report(c, &query);
    mem_free(attribute);
    return code;
}
