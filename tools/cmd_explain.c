/*
 * cmd_explain.c - `muster explain`: why a user is in a segment or not.
 *
 *   no   not in the segment
 *   yes    geo.country = "DE"        set to DE (provider crm)
 *   no     purchase within 30 days   last seen 2026-08-02
 *
 * The first line is the whole expression, every other one a part of it,
 * parents first; behind it the fact and the day that decide, and when the part
 * will stop holding if nothing new is said.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"

#include "base/error.h"

#define GREEN "\033[32m"
#define RED "\033[31m"
#define TEXT_COLUMNS_MAX 72
#define PLAIN "\033[0m"

static const column reason_columns[] = {
    {"path", COLUMN_TEXT},  {"depth", COLUMN_INT}, {"text", COLUMN_TEXT},
    {"holds", COLUMN_BOOL}, {"why", COLUMN_TEXT},  {"until", COLUMN_TIME}};

static void put_rows(cli *c, const muster_explanation *e)
{
    out_open(c);
    out_member_bool(c, "member", e->member);
    out_member_bool(c, "masked", e->masked);
    out_member_time(c, "until", e->until);
    rows *r = rows_open(c, "reasons", reason_columns, 6);
    for (size_t i = 0; i < e->reason_count; i++) {
        rows_text(r, text_of(e->reasons[i].path));
        rows_uint(r, e->reasons[i].depth);
        rows_str(r, e->reasons[i].text);
        rows_bool(r, e->reasons[i].holds);
        rows_str(r, e->reasons[i].why);
        rows_time(r, e->reasons[i].until);
    }
    rows_close(r);
    out_member_time(c, "as_of", e->as_of);
    out_member_uint(c, "epoch", e->epoch);
    out_close(c);
}

/* ---- for people ---- */

static void put_sign(cli *c, bool holds)
{
    const signs *s = human_signs(c);
    const bool color = c->set.color_out;
    out_printf(c, "  %s%s%s", color ? (holds ? GREEN : RED) : "",
               holds ? s->yes : s->no, color ? PLAIN : "");
}

static size_t width_of(const cli *c, const muster_reason *reason)
{
    const size_t text = out_width(c, text_of(reason->text));
    return 2 * (size_t)reason->depth +
           (text < TEXT_COLUMNS_MAX ? text : TEXT_COLUMNS_MAX);
}

static void put_reason(cli *c, const muster_reason *reason, size_t width)
{
    const size_t own = width_of(c, reason);
    const bool more = reason->why[0] != '\0' || reason->until != 0;
    put_sign(c, reason->holds);
    out_printf(c, "  %*s", (int)(2 * reason->depth), "");
    out_put_cut(&c->out, c, text_of(reason->text), TEXT_COLUMNS_MAX);
    if (more)
        out_printf(c, "%*s", (int)(width > own ? width - own : 0) + 3, "");
    out_put_cut(&c->out, c, text_of(reason->why), TEXT_COLUMNS_MAX);
    if (reason->until != 0)
        out_printf(c, "%suntil %s", reason->why[0] != '\0' ? ", " : "",
                   human_time(reason->until).text);
    out_printf(c, "\n");
}

static void put_tree(cli *c, const muster_explanation *e)
{
    size_t width = 0;
    for (size_t i = e->reason_count > 1; i < e->reason_count; i++) {
        const size_t own = width_of(c, &e->reasons[i]);
        if (own > width)
            width = own;
    }
    put_sign(c, e->member);
    out_printf(c, "  %s", e->member ? "in the segment" : "not in the segment");
    if (e->masked)
        out_printf(c, ": opted out or forgotten, so in no segment");
    if (e->until != 0)
        out_printf(c, ", until %s", human_time(e->until).text);
    out_printf(c, "\n");
    /* The whole expression was told above. */
    for (size_t i = e->reason_count > 1; i < e->reason_count; i++)
        put_reason(c, &e->reasons[i], width);
}

/* ---- the verb ---- */

static int explain(cli *c, client_segment *segment, const muster_id *id)
{
    muster_explanation *e = NULL;
    muster_error err;
    int code = 0;
    error_clear(&err);
    if (client_segment_explain(segment, id, &e, &err) < 0)
        return tell_status(c, &err, NULL, 0);
    if (!e->known && !e->masked)
        code = tell_error(c, EXIT_NOT_FOUND, "the user is not known");
    else if (c->set.format == FORMAT_TABLE)
        put_tree(c, e);
    else
        put_rows(c, e);
    client_explanation_free(c, e);
    return code;
}

static int cmd_explain(cli *c, int argc, char **argv)
{
    client_segment *segment = NULL;
    muster_id id;
    (void)argc;
    int code = id_check(c, argv[1], 1);
    if (code == 0)
        code = client_open(c, MUSTER_OPEN_READ);
    if (code == 0)
        code = session_compile_segment(c, &segment, argv[0]);
    if (code != 0)
        return code;
    id_split(argv[1], &id);
    code = explain(c, segment, &id);
    client_segment_free(segment);
    return code;
}

const cli_verb verb_explain = {
    .name = "explain",
    .run = cmd_explain,
    .synopsis = "SEGMENT SPACE:ID",
    .summary = "Why a user is in a segment or not, and until when",
    .about =
        "SEGMENT is the key of a saved segment, or an expression. One line a"
        " part of the\nexpression: whether it holds, the fact and the day"
        " that decide, and when it stops\nholding if nothing new is said. In"
        " JSON the parts are a flat list, parents before\nchildren, with"
        " `path` and `depth`.\n",
    .examples = "# why is this user not retargeted?\n"
                "muster explain pricing-page cookie:4f2a\n"
                "# any expression, as JSON\n"
                "muster explain --json 'interest = \"autos\"' cookie:4f2a\n",
    .exits = "0 2 3 4 7",
    .words_min = 2,
    .words_max = 2,
    .operand = OPERAND_SEGMENT,
    .takes_ids = true,
};
