/*
 * cmd_attr.c - `muster attr`: what can be said of users. Attributes are
 * declared by a catalog file, or inferred from records in lenient mode.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"

#include <string.h>
#include "base/error.h"
#include "base/mem.h"

#define CATALOG_BYTES_MAX ((size_t)64 << 20)
#define VALUES_DEFAULT 20

static const column attribute_columns[] = {
    {"name", COLUMN_TEXT},    {"kind", COLUMN_TEXT},
    {"values", COLUMN_COUNT}, {"unit", COLUMN_TEXT},
    {"grain", COLUMN_TEXT},   {"cap", COLUMN_INT},
    {"amount", COLUMN_BOOL},  {"retention_days", COLUMN_INT},
    {"ttl", COLUMN_TEXT},     {"declared", COLUMN_BOOL}};

static int put_attribute(void *payload, const muster_attribute *a)
{
    rows *r = payload;
    const bool event = strcmp(a->kind, "event") == 0;
    rows_str(r, a->name);
    rows_str(r, a->kind);
    rows_uint(r, a->values);
    rows_str(r, a->unit);
    rows_str(r, a->grain);
    if (event) {
        rows_uint(r, a->cap);
        rows_bool(r, a->amount);
        rows_uint(r, a->retention_days);
    } else {
        rows_null(r);
        rows_null(r);
        rows_null(r);
    }
    rows_str(r, a->ttl);
    rows_bool(r, a->declared);
    return 0;
}

static int cmd_ls(cli *c, int argc, char **argv)
{
    muster_error err;
    (void)argc;
    (void)argv;
    error_clear(&err);
    const int code = client_open(c, MUSTER_OPEN_READ);
    if (code != 0)
        return code;
    out_open(c);
    rows *r = rows_open(c, "data", attribute_columns, 10);
    const int status = client_attributes_each(c, put_attribute, r, &err);
    return out_end_rows(c, r, status, &err);
}

/* ---- show ---- */

static int put_value(void *payload, muster_text value, uint64_t users)
{
    rows *r = payload;
    rows_text(r, value);
    rows_uint(r, users);
    return 0;
}

/* The attribute for people, above its values; as a member in JSON. */
static int put_head(void *payload, const muster_attribute *a)
{
    cli *c = payload;
    const bool event = strcmp(a->kind, "event") == 0;
    if (c->set.format == FORMAT_JSON) {
        rows *r = rows_open_one(c, "attribute", attribute_columns, 10);
        put_attribute(r, a);
        rows_close(r);
    }
    if (c->set.format != FORMAT_TABLE)
        return 0;
    out_printf(c, "  %s: %s", a->name, a->kind);
    if (a->unit[0] != '\0')
        out_printf(c, ", unit %s", a->unit);
    if (event)
        out_printf(c, ", by %s, counts up to %u%s, kept %u days", a->grain,
                   a->cap, a->amount ? ", with amounts" : "",
                   a->retention_days);
    if (a->ttl[0] != '\0')
        out_printf(c, ", ttl %s", strcmp(a->ttl, "0") ? a->ttl : "never");
    out_printf(c, ", %s values, %s\n\n", human_count(a->values).text,
               a->declared ? "declared" : "inferred");
    return 0;
}

static int put_values(cli *c, const char *name, uint64_t limit)
{
    static const column columns[] = {{"value", COLUMN_TEXT},
                                     {"users", COLUMN_COUNT}};
    muster_error err;
    error_clear(&err);
    rows *r = rows_open(c, "values", columns, 2);
    const int status = client_values_each(c, name, true, (size_t)limit,
                                          put_value, r, &err);
    rows_close(r);
    return status < 0 ? tell_status(c, &err, NULL, 0) : 0;
}

static int cmd_show(cli *c, int argc, char **argv)
{
    uint64_t limit = VALUES_DEFAULT;
    muster_error err;
    (void)argc;
    error_clear(&err);
    if (!cli_flag_uint(c, "limit", &limit))
        return EXIT_USAGE;
    int code = client_open(c, MUSTER_OPEN_READ);
    if (code != 0)
        return code;
    out_open(c);
    if (client_attribute_find(c, argv[0], put_head, c, &err) < 0)
        code = tell_status(c, &err, NULL, 0);
    else
        code = put_values(c, argv[0], limit);
    out_member_state(c);
    out_close(c);
    if (code != 0)
        out_discard(c);
    return code;
}

/* ---- apply ---- */

static int cmd_apply(cli *c, int argc, char **argv)
{
    char *text = NULL;
    size_t len = 0;
    muster_error err;
    (void)argc;
    error_clear(&err);
    int code = input_read(c, argv[0], CATALOG_BYTES_MAX, &text, &len);
    if (code == 0)
        code = client_open(c, MUSTER_OPEN_CREATE);
    if (code == 0 && client_catalog_apply(c, text, len, &err) < 0) {
        tell_error(c, EXIT_USAGE, "%s:",
                   strcmp(argv[0], "-") == 0 ? "standard input" : argv[0]);
        code = tell_status(c, &err, text, len);
    } else if (code == 0) {
        tell(c, "applied; muster attr ls shows what is declared");
    }
    mem_free(text);
    return code;
}

static const cli_flag show_flags[] = {
    {"limit", 0, "N", NULL, "at most N values; 0 = all (20)"}, CLI_FLAG_END};

static const cli_verb attr_verbs[] = {
    {.name = "ls",
     .run = cmd_ls,
     .synopsis = "",
     .summary = "List the attributes",
     .examples = "# names and kinds\n"
                 "muster attr ls\n",
     .exits = "0 2 7"},
    {.name = "show",
     .run = cmd_show,
     .synopsis = "[--limit N] ATTR",
     .summary = "One attribute and its values, the most frequent first",
     .flags = show_flags,
     .examples = "# which countries are there, and how many users in each?\n"
                 "muster attr show geo.country\n",
     .exits = "0 2 4 7",
     .words_min = 1,
     .words_max = 1,
     .operand = OPERAND_ATTRIBUTE},
    {.name = "apply",
     .run = cmd_apply,
     .synopsis = "FILE|-",
     .summary = "Declare attributes, providers and id spaces from a file",
     .about =
         "The catalog file is JSON, comments allowed; it is taken whole or"
         " not at all.\n"
         "\n"
         "    {\"mode\":\"lenient\",\n"
         "     \"providers\":{\"acme\":{\"party\":\"third\","
         "\"ttl\":\"60d\"}},\n"
         "     \"id_spaces\":{\"loyalty\":{}},\n"
         "     \"attributes\":{\"demo.age\":{\"kind\":\"number\"},\n"
         "       \"contract.ends\":{\"kind\":\"number\",\"unit\":\"date\"},\n"
         "       \"purchase\":{\"kind\":\"event\",\"amount\":true,"
         "\"retention\":\"400d\"}}}\n"
         "\n"
         "In mode strict a record with an attribute that is not declared is"
         " refused.\n",
     .examples = "# before the first load, where amounts are wanted\n"
                 "muster attr apply catalog.json\n",
     .exits = "0 2 5 7",
     .words_min = 1,
     .words_max = 1,
     .operand = OPERAND_FILE},
    {.name = NULL}};

const cli_verb verb_attr = {
    .name = "attr",
    .synopsis = "VERB ...",
    .summary = "Attributes: what can be said of users",
    .about = "Kinds: flag, one_of, many_of, number, event. What a record"
             " says first decides the kind\nof an attribute that is not"
             " declared.\n",
    .subs = attr_verbs,
    .exits = "0 2 4 5 7",
};
