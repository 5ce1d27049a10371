/*
 * preview.c - what the first records of a dry run would become, for people.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "receipt.h"

#include <string.h>
#include "base/error.h"
#include "remote.h"

static void put_text(cli *c, const char *text)
{
    out_put_safe(&c->out, c, text_of(text));
}

static void put_scalar(cli *c, const json_value *v)
{
    buffer b;
    json_writer w;
    buffer_init(&b, (size_t)1 << 20);
    json_begin(&w, &b, false);
    json_put_value(&w, v);
    out_put_safe(&c->out, c, text_make((const char *)b.data, b.len));
    buffer_release(&b);
}

static void put_member(cli *c, const json_value *fact, const char *key,
                       const char *before)
{
    const json_value *v = json_get(fact, key);
    if (v == NULL)
        return;
    out_printf(c, "%s", before);
    put_scalar(c, v);
}

static void put_fact(cli *c, const json_value *fact)
{
    out_printf(c, "      %-7s ", member_str(fact, "op"));
    put_text(c, member_str(fact, "attribute"));
    put_member(c, fact, "value", " ");
    if (member_uint(fact, "count") > 1)
        put_member(c, fact, "count", " count ");
    put_member(c, fact, "amount", " amount ");
    if (json_get(fact, "ts") != NULL)
        out_printf(c, " at %s", member_str(fact, "ts"));
    out_printf(c, "\n");
}

static void put_accepted(cli *c, const json_value *record)
{
    out_printf(c, "accepted  ids");
    for (json_iter it = list_walk(json_get(record, "ids")); json_next(&it);) {
        buffer_put_u8(&c->out, ' ');
        out_put_safe(&c->out, c, json_string(it.value));
    }
    out_printf(c, "  provider ");
    put_text(c, member_str(record, "provider"));
    out_printf(c, "  %s", member_str(record, "ts"));
    if (json_get(record, "ttl") != NULL)
        out_printf(c, "  ttl %s", member_str(record, "ttl"));
    out_printf(c, "\n");
    for (json_iter it = list_walk(json_get(record, "facts")); json_next(&it);)
        put_fact(c, it.value);
    if (json_get(record, "facts_more") != NULL)
        out_printf(c, "      and %llu more\n",
                   (unsigned long long)member_uint(record, "facts_more"));
}

static void put_refused(cli *c, const json_value *record)
{
    out_printf(c, "rejected  %s", member_str(record, "code"));
    if (*member_str(record, "pointer") != '\0') {
        out_printf(c, " ");
        put_text(c, member_str(record, "pointer"));
    }
    out_printf(c, ": ");
    put_text(c, member_str(record, "message"));
    out_printf(c, "\n");
}

static void put_record(cli *c, const json_value *record)
{
    out_printf(c, "    line %-6llu ",
               (unsigned long long)member_uint(record, "line"));
    if (member_bool(record, "accepted"))
        put_accepted(c, record);
    else
        put_refused(c, record);
}

void load_preview_print(cli *c, const char *receipts)
{
    json_doc *doc = NULL;
    muster_error err;
    buffer all;
    error_clear(&err);
    buffer_init(&all, strlen(receipts) + 3);
    buffer_printf(&all, "[%s]", receipts);
    ASSERT(json_parse(&doc, (const char *)all.data, all.len, JSON_STRICT,
                      &err) == 0);
    for (json_iter it = json_iter_of(json_root(doc)); json_next(&it);) {
        json_iter records = list_walk(json_get(it.value, "preview"));
        if (records.left > 0)
            out_printf(c, "  first records\n");
        while (json_next(&records))
            put_record(c, records.value);
    }
    json_free(doc);
    buffer_release(&all);
}
