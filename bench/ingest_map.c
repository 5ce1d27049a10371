/*
 * ingest_map.c - a mapping with a rule for each column of generated input, so
 * that what reading through a mapping costs can be compared with reading the
 * same facts as records.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

#include "ingest_map.h"

#define EVENTS                                                                 \
    "{\"to\":\"events\",\"each\":\"events\",\"name\":{\"from\":\".name\"},"    \
    "\"count\":{\"from\":\".count\"},\"amount\":{\"from\":\".amount\"},"       \
    "\"ts\":{\"from\":\".ts\"},"

/* "set.geo.country" to /set/geo.country */
static void put_path(buffer *out, muster_text column)
{
    const char *point = memchr(column.ptr, '.', column.len);
    if (point == NULL) {
        buffer_put_text(out, column);
        return;
    }
    const size_t len = (size_t)(point - column.ptr);
    buffer_printf(out, "/%.*s/%.*s", (int)len, column.ptr,
                  (int)(column.len - len - 1), point + 1);
}

static void put_rule(buffer *out, muster_text column, bool is_csv)
{
    const bool event = text_starts_with(column, text_of("event."));
    const bool list = text_starts_with(column, text_of("ids.")) ||
                      text_starts_with(column, text_of("add.")) ||
                      text_starts_with(column, text_of("remove."));
    if (event && !is_csv)
        return;
    buffer_put_str(out, "{\"optional\":true,\"to\":\"");
    if (event) {
        buffer_printf(out, "events.%.*s\",\"value\":{\"from\":\"%.*s\"}},\n",
                      (int)column.len - 6, column.ptr + 6, (int)column.len,
                      column.ptr);
        return;
    }
    buffer_put_text(out, column);
    buffer_put_str(out, "\",\"from\":\"");
    if (is_csv)
        buffer_put_text(out, column);
    else
        put_path(out, column);
    buffer_printf(out, "\"%s},\n",
                  list && is_csv ? ",\"split\":\"|\"" : "");
}

mapping *bench_mapping(bool is_csv, const char *csv)
{
    muster_error err;
    mapping *m = NULL;
    buffer text;
    muster_text left = text_make(csv, strcspn(csv, "\r\n"));
    buffer_init(&text, (size_t)1 << 20);
    buffer_printf(&text, "{\"input\":\"%s\",\"rules\":[\n",
                  is_csv ? "csv" : "json");
    while (left.len > 0) {
        const size_t len = strcspn(left.ptr, ",\r\n");
        put_rule(&text, text_make(left.ptr, len), is_csv);
        left = len < left.len
                   ? text_make(left.ptr + len + 1, left.len - len - 1)
                   : text_of("");
    }
    if (!is_csv)
        buffer_put_str(&text,
                       EVENTS "\"value\":{\"from\":\".value\"}},\n" EVENTS
                              "\"if\":{\"field\":\".value\",\"empty\":true}"
                              "},\n");
    buffer_put_str(&text, "]}\n");
    bench_must(mapping_compile(&m, buffer_cstr(&text), text.len, &err),
               "mapping", &err);
    buffer_release(&text);
    return m;
}
