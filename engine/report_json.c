/*
 * report_json.c - a report on providers as JSON: what the program prints and
 * what GET /v1/reports/providers answers. Of nothing a share is null.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

/* Providers times the values of a truth, with room. */
#define REPORT_JSON_MAX ((size_t)1 << 30)

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

char *muster_report_json(const muster_report *report, bool pretty)
{
    json_writer w;
    buffer out;

    ASSERT(report != NULL);
    buffer_init(&out, REPORT_JSON_MAX);
    json_begin(&w, &out, pretty);
    json_open_object(&w);
    put_uint(&w, "universe", report->universe);
    put_str(&w, "truth_attribute", report->truth_attribute);
    put_str(&w, "truth_provider", report->truth_provider);
    json_key(&w, "data");
    json_open_array(&w);
    for (size_t i = 0; i < report->row_count; i++)
        put_provider(&w, report, &report->rows[i]);
    json_close(&w);
    put_time(&w, "as_of", report->as_of);
    put_uint(&w, "epoch", report->epoch);
    put_uint(&w, "elapsed_us", report->elapsed_ns / 1000);
    json_close(&w);
    char *text = buffer_ok(&out) ? mem_strndup((const char *)out.data, out.len)
                                 : NULL;
    buffer_release(&out);
    return text;
}
