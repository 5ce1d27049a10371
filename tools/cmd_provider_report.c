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
#include "base/error.h"
#include "base/mem.h"

const cli_flag provider_report_flags[] = {
    {"truth", 0, "ATTR@PROVIDER", NULL,
     "whose word on a one_of attribute is the truth"},
    {"by", 0, "WHAT", "provider attribute value",
     "what the rows are, but in JSON, which has all (provider)"},
    CLI_FLAG_END};

static int put_json(cli *c, const muster_report *report)
{
    char *text = muster_report_json(report, c->out_tty);
    if (text == NULL)
        return tell_error(c, EXIT_USAGE, "the report is longer than 1 GiB");
    json_put_raw(out_json(c), text_of(text));
    out_json_end(c);
    mem_free(text);
    return 0;
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

static int put_answer(cli *c, const muster_report *report)
{
    const char *by = cli_flag_text(c, "by");
    rows *r;
    if (c->set.format == FORMAT_JSON)
        return put_json(c, report);
    if (by != NULL && strcmp(by, "attribute") == 0)
        r = list_attributes(c, report);
    else if (by != NULL && strcmp(by, "value") == 0)
        r = list_values(c, report);
    else
        r = list_providers(c, report);
    rows_close(r);
    return 0;
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
        code = put_answer(c, report);
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
