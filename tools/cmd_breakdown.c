/*
 * cmd_breakdown.c - `muster breakdown`: the users of an expression by the
 * values of an attribute. A user with several values counts in each.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"

#include "base/error.h"
#include "base/mem.h"

#define ROWS_DEFAULT 50

static void put_value(cli *c, rows *r, muster_text value)
{
    if (value.ptr != NULL)
        rows_text(r, value);
    else if (c->set.format == FORMAT_TABLE || c->set.format == FORMAT_MD)
        rows_str(r, "(unknown)");
    else
        rows_null(r);
}

static void put_answer(cli *c, const muster_breakdown *b, const char *by)
{
    static const column columns[] = {{"value", COLUMN_TEXT},
                                     {"count", COLUMN_COUNT},
                                     {"share", COLUMN_SHARE}};
    out_open(c);
    out_member_str(c, "by", by);
    out_member_uint(c, "total", b->total);
    rows *r = rows_open(c, "rows", columns, 3);
    for (size_t i = 0; i < b->row_count; i++) {
        put_value(c, r, b->rows[i].value);
        rows_uint(r, b->rows[i].count);
        rows_double(r, b->rows[i].share);
    }
    rows_close(r);
    out_member_uint(c, "more", b->more);
    out_member_time(c, "as_of", b->as_of);
    out_member_uint(c, "epoch", b->epoch);
    out_member_uint(c, "elapsed_us", b->elapsed_ns / 1000);
    out_close(c);
    if (c->set.format == FORMAT_TABLE)
        out_printf(c, "  total %s %s as of %s %s %s\n",
                   human_count(b->total).text, human_signs(c)->dot,
                   human_time(b->as_of).text, human_signs(c)->dot,
                   human_duration_ns(b->elapsed_ns).text);
    if (b->more == 0 || !format_is_human(c))
        return;
    out_flush(c);
    tell(c, "%s values more; --limit 0 shows all", human_count(b->more).text);
}

static int breakdown(cli *c, const char *by, const char *text, size_t len)
{
    uint64_t limit = ROWS_DEFAULT;
    client_segment *segment = NULL;
    muster_breakdown *b = NULL;
    muster_error err;
    error_clear(&err);
    if (!cli_flag_uint(c, "limit", &limit))
        return EXIT_USAGE;
    int code = session_compile(c, &segment, text, len);
    if (code == 0 &&
        client_reach_breakdown(segment, by, (size_t)limit, &b, &err) < 0)
        code = tell_status(c, &err, NULL, 0);
    if (code == 0)
        put_answer(c, b, by);
    client_breakdown_free(c, b);
    client_segment_free(segment);
    return code;
}

static int cmd_breakdown(cli *c, int argc, char **argv)
{
    const char *by = cli_flag_text(c, "by");
    char *text = NULL;
    size_t len = 0;
    (void)argc;
    if (by == NULL)
        return tell_usage(c, "--by names the attribute: --by geo.country");
    int code = input_expr(c, argv[0], &text, &len);
    if (code == 0)
        code = client_open(c, MUSTER_OPEN_READ);
    if (code == 0)
        code = breakdown(c, by, text, len);
    mem_free(text);
    return code;
}

static const cli_flag breakdown_flags[] = {
    {"by", 0, "ATTR", NULL, "flag, one_of, many_of or event attribute"},
    {"limit", 0, "N", NULL, "at most N values; 0 = all (50)"},
    CLI_FLAG_END};

const cli_verb verb_breakdown = {
    .name = "breakdown",
    .run = cmd_breakdown,
    .synopsis = "EXPR|- --by ATTR [--limit N]",
    .summary = "The users of an expression by the values of an attribute",
    .about = "Largest first; users for whom the attribute is not known come"
             " last. A user with\nseveral values counts in each, so shares"
             " may add up to more than 100 %.\n",
    .flags = breakdown_flags,
    .examples = "# where do they live?\n"
                "muster breakdown 'segment(\"pricing-page\")' --by"
                " geo.country\n"
                "# of everyone, all values, as CSV\n"
                "muster breakdown all --by interest --limit 0 --csv\n",
    .exits = "0 2 3 4 7",
    .words_min = 1,
    .words_max = 1,
    .operand = OPERAND_TEXT,
    .takes_expr = true,
};
