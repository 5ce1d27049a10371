/*
 * cmd_count.c - `muster count`: how many users an expression has, and with
 * --clauses how many each part has and what it takes away or adds; with
 * --error an estimate from a sample.
 *
 *   clause                        count      effect
 *   geo.country = "DE"        4,812,330  -8,120,004
 *   purchase within 30 days     211,870    -912,330
 *   -----------------------------------------------
 *   total                       101,331      2.50 % of 48,210,044 ...
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"

#include <string.h>
#include "base/mem.h"

#define TEXT_COLUMNS_MAX 72
#define SEED_DEFAULT 1

static const column count_columns[] = {
    {"count", COLUMN_COUNT},   {"universe", COLUMN_COUNT},
    {"share", COLUMN_SHARE},   {"exact", COLUMN_BOOL},
    {"as_of", COLUMN_TIME},    {"epoch", COLUMN_INT},
    {"elapsed_us", COLUMN_INT},
    /* with --error */
    {"estimate", COLUMN_COUNT}, {"low", COLUMN_COUNT},
    {"high", COLUMN_COUNT},     {"error", COLUMN_SHARE},
    {"sampled_rows", COLUMN_COUNT}};
#define COUNT_COLUMNS 7
#define ESTIMATE_COLUMNS 12

static const column clause_columns[] = {{"path", COLUMN_TEXT},
                                        {"text", COLUMN_TEXT},
                                        {"count", COLUMN_COUNT},
                                        {"marginal", COLUMN_CHANGE}};

/* ---- JSON ---- */

static void put_windows(cli *c, const muster_count *n)
{
    static const column columns[] = {
        {"text", COLUMN_TEXT}, {"from", COLUMN_TIME}, {"to", COLUMN_TIME}};
    rows *r = rows_open(c, "windows", columns, 3);
    for (size_t i = 0; i < n->window_count; i++) {
        rows_str(r, n->windows[i].text);
        rows_time(r, n->windows[i].from);
        rows_time(r, n->windows[i].to);
    }
    rows_close(r);
}

/* The first clause is the whole, which stands below as total; an expression
 * of one part has no other. */
static size_t first_part(const muster_count *n)
{
    return n->clause_count > 1 && n->clauses[0].path[0] == '\0';
}

static void put_clauses(cli *c, const muster_count *n, bool total)
{
    rows *r = rows_open(c, "clauses", clause_columns, 4);
    for (size_t i = first_part(n); i < n->clause_count; i++) {
        rows_text(r, text_of(n->clauses[i].path));
        rows_str(r, n->clauses[i].text);
        rows_uint(r, n->clauses[i].count);
        rows_int(r, n->clauses[i].marginal);
    }
    if (total) {
        rows_null(r);
        rows_str(r, "total");
        rows_uint(r, n->count);
        rows_null(r);
    }
    rows_close(r);
}

static void put_estimate(cli *c, const muster_count *n)
{
    out_member_uint(c, "estimate", n->count);
    out_member_uint(c, "low", n->low);
    out_member_uint(c, "high", n->high);
    out_member_double(c, "error", n->error);
    out_member_uint(c, "sampled_rows", n->sampled_rows);
}

static void put_json(cli *c, const muster_count *n, bool estimate,
                     const client_segment *segment)
{
    out_open(c);
    out_member_uint(c, "count", n->count);
    out_member_uint(c, "universe", n->universe);
    out_member_double(c, "share", n->share);
    put_clauses(c, n, false);
    put_windows(c, n);
    out_put_warnings(c, segment);
    if (estimate)
        put_estimate(c, n);
    out_member_bool(c, "exact", n->exact);
    out_member_time(c, "as_of", n->as_of);
    out_member_uint(c, "epoch", n->epoch);
    out_member_uint(c, "elapsed_us", n->elapsed_ns / 1000);
    out_close(c);
}

/* ---- for people ---- */

/* "estimate, 101,204 to 101,458 at 95 %", the name of a count */
static void put_kind(cli *c, const muster_count *n)
{
    if (n->exact)
        out_printf(c, "exact");
    else
        out_printf(c, "estimate, %s to %s at 95 %%",
                   human_count(n->low).text, human_count(n->high).text);
}

/* "2.50 % of 48,210,044   exact - as of ... - 0.81 ms" */
static void put_tail(cli *c, const muster_count *n)
{
    const signs *s = human_signs(c);
    out_printf(c, "   %s of %s   ", human_share(n->share).text,
               human_count(n->universe).text);
    put_kind(c, n);
    out_printf(c, " %s as of %s %s %s\n", s->dot,
               human_time(n->as_of).text, s->dot,
               human_duration_ns(n->elapsed_ns).text);
}

static void put_window_lines(cli *c, const muster_count *n)
{
    for (size_t i = 0; i < n->window_count; i++)
        out_printf(c, "  %s: %s\n", n->windows[i].text,
                   human_span(n->windows[i].from, n->windows[i].to).text);
}

/* "/and/0/or/1" stands one step to the right of "/and/0". */
static size_t indent_of(const char *path)
{
    size_t slashes = 0;
    for (; *path != '\0'; path++)
        slashes += *path == '/';
    return slashes > 2 ? slashes - slashes % 2 - 2 : 0;
}

typedef struct clause_widths {
    size_t text;
    size_t count;
    size_t effect;
} clause_widths;

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Longer texts are cut. */
static size_t text_width(const cli *c, const muster_clause *clause)
{
    const size_t all = out_width(c, text_of(clause->text));
    return all < TEXT_COLUMNS_MAX ? all : TEXT_COLUMNS_MAX;
}

static clause_widths measure(const cli *c, const muster_count *n)
{
    clause_widths w = {strlen("clause"), strlen("count"), strlen("effect")};
    w.count = larger(w.count, strlen(human_count(n->count).text));
    for (size_t i = first_part(n); i < n->clause_count; i++) {
        const muster_clause *clause = &n->clauses[i];
        w.text =
            larger(w.text, indent_of(clause->path) + text_width(c, clause));
        w.count = larger(w.count, strlen(human_count(clause->count).text));
        const human_text effect = human_change(c, clause->marginal);
        w.effect = larger(w.effect, out_width(c, text_of(effect.text)));
    }
    return w;
}

/* Pads by columns, not by bytes. */
static void put_cell(cli *c, const char *text, size_t width, bool right)
{
    const size_t own = out_width(c, text_of(text));
    const int pad = (int)(width > own ? width - own : 0);
    out_printf(c, "%*s", right ? pad + 2 : 2, "");
    out_put_safe(&c->out, c, text_of(text));
    out_printf(c, "%*s", right ? 0 : pad, "");
}

static void put_clause(cli *c, const muster_clause *clause,
                       const clause_widths *w)
{
    const size_t indent = indent_of(clause->path);
    out_printf(c, "%*s", (int)indent, "");
    buffer text;
    buffer_init(&text, MUSTER_SEGMENT_BYTES_MAX * 4);
    out_put_cut(&text, c, text_of(clause->text), TEXT_COLUMNS_MAX);
    put_cell(c, buffer_cstr(&text), w->text - indent, false);
    buffer_release(&text);
    put_cell(c, human_count(clause->count).text, w->count, true);
    put_cell(c, human_change(c, clause->marginal).text, w->effect, true);
    out_printf(c, "\n");
}

static void put_clause_table(cli *c, const muster_count *n)
{
    const clause_widths w = measure(c, n);
    if (c->set.header) {
        put_cell(c, "clause", w.text, false);
        put_cell(c, "count", w.count, true);
        put_cell(c, "effect", w.effect, true);
        out_printf(c, "\n");
    }
    for (size_t i = first_part(n); i < n->clause_count; i++)
        put_clause(c, &n->clauses[i], &w);
    out_printf(c, "  ");
    for (size_t i = 0; i < w.text + w.count + w.effect + 4; i++)
        out_printf(c, "%s", human_signs(c)->rule);
    out_printf(c, "\n");
    put_cell(c, "total", w.text, false);
    put_cell(c, human_count(n->count).text, w.count, true);
    put_tail(c, n);
}

static void put_table(cli *c, const muster_count *n, bool clauses)
{
    if (clauses) {
        put_clause_table(c, n);
    } else {
        out_printf(c, "  %s", human_count(n->count).text);
        put_tail(c, n);
    }
    put_window_lines(c, n);
}

static void put_row(cli *c, const muster_count *n, bool estimate)
{
    rows *r = rows_open(c, "count", count_columns,
                        estimate ? ESTIMATE_COLUMNS : COUNT_COLUMNS);
    rows_uint(r, n->count);
    rows_uint(r, n->universe);
    rows_double(r, n->share);
    rows_bool(r, n->exact);
    rows_time(r, n->as_of);
    rows_uint(r, n->epoch);
    rows_uint(r, n->elapsed_ns / 1000);
    if (estimate) {
        rows_uint(r, n->count);
        rows_uint(r, n->low);
        rows_uint(r, n->high);
        rows_double(r, n->error);
        rows_uint(r, n->sampled_rows);
    }
    rows_close(r);
}

/* ---- the verb ---- */

/* "1%" or "0.5 %" as a share; false when it is no percentage up to the most
 * there may be. */
static bool parse_percent(const char *text, double *out)
{
    size_t len = strlen(text);
    int64_t scaled;

    if (len == 0 || text[--len] != '%')
        return false;
    while (len > 0 && text[len - 1] == ' ')
        len--;
    if (text_parse_number(text_make(text, len), &scaled) != 0)
        return false;
    *out = (double)scaled / MUSTER_NUMBER_SCALE / 100;
    return *out >= 0 && *out <= MUSTER_SAMPLE_ERROR_MAX;
}

/* 0, or an exit code after telling. */
static int choose_sample(const cli *c, muster_sample *out)
{
    const char *error = cli_flag_text(c, "error");

    if (error == NULL && cli_flag_text(c, "seed") != NULL)
        return tell_usage(c, "--seed draws the sample of an estimate: add"
                             " --error 1%%, say");
    if (error == NULL)
        return 0;
    if (cli_flag_is(c, "clauses"))
        return tell_usage(c, "--clauses counts every part exactly: leave out"
                             " --error, or --clauses");
    if (!parse_percent(error, &out->error))
        return tell_usage(c, "--error takes a percentage from 0%% (exact) to"
                             " %.0f%%, as 1%% or 0.5%%; not '%s'",
                          MUSTER_SAMPLE_ERROR_MAX * 100, tell_safe(error));
    return cli_flag_uint(c, "seed", &out->seed) ? 0 : EXIT_USAGE;
}

static int count_text(cli *c, const char *text, size_t len,
                      const muster_sample *sample)
{
    const bool clauses = cli_flag_is(c, "clauses");
    const bool estimate = cli_flag_text(c, "error") != NULL;
    client_segment *segment = NULL;
    muster_count *n = NULL;
    muster_error err;
    memset(&err, 0, sizeof err);
    int code = session_compile(c, &segment, text, len);
    if (code != 0)
        return code;
    const int rc = estimate
                       ? client_segment_estimate(segment, sample, &n, &err)
                       : client_segment_count(segment, clauses, &n, &err);
    if (rc < 0)
        code = tell_status(c, &err, text, len);
    else if (c->set.format == FORMAT_JSON)
        put_json(c, n, estimate, segment);
    else if (c->set.format == FORMAT_TABLE)
        put_table(c, n, clauses);
    else if (clauses)
        put_clauses(c, n, true);
    else
        put_row(c, n, estimate);
    client_count_free(c, n);
    client_segment_free(segment);
    return code;
}

static int cmd_count(cli *c, int argc, char **argv)
{
    char *text = NULL;
    size_t len = 0;
    muster_sample sample = {0, SEED_DEFAULT};
    (void)argc;
    int code = choose_sample(c, &sample);
    if (code == 0)
        code = input_expr(c, argv[0], &text, &len);
    if (code == 0)
        code = client_open(c, MUSTER_OPEN_READ);
    if (code == 0)
        code = count_text(c, text, len, &sample);
    mem_free(text);
    return code;
}

static const cli_flag count_flags[] = {
    {"clauses", 0, NULL, NULL,
     "also the size of each part and its effect on the whole"},
    {"error", 0, "PERCENT", NULL,
     "an estimate this close is enough, as 1%; 0% is exact"},
    {"seed", 0, "S", NULL, "another seed is another sample (1)"},
    CLI_FLAG_END};

const cli_verb verb_count = {
    .name = "count",
    .run = cmd_count,
    .synopsis = "[--clauses | --error PERCENT [--seed S]] EXPR|-",
    .summary = "How many users an expression has, exactly or about",
    .about =
        "Quote the expression for your shell; - reads it from stdin. The"
        " answer names the\nuniverse (all users of whom something is known),"
        " the time it holds for, and the\nfirst and last moment of every"
        " window. With --clauses: `count` is the part alone,\n`effect` what"
        " it takes away from the whole (or adds to it).\n"
        "\n"
        "With --error some users of every 65,536 are looked at, drawn by"
        " --seed, until the\ninterval [low, high] is that narrow: half of it"
        " at most so much of the estimate.\nFor 95 of 100 seeds or more the"
        " exact count is in it. Few users, rare ones and\nthose in long runs"
        " are counted instead, and the answer says exact. The same seed\nhas"
        " the same answer until the data changes. It pays from some ten"
        " million users.\n",
    .flags = count_flags,
    .examples =
        "# saw the pricing page this month, did not buy\n"
        "muster count 'page.view = \"pricing\" within 30 days and not"
        " purchase'\n"
        "# which part makes it small?\n"
        "muster count --clauses 'geo.country in (\"DE\", \"AT\") and"
        " device.os = \"iOS\"'\n"
        "# about how many, within one percent, in a fraction of the time\n"
        "muster count --error 1% 'geo.country = \"DE\" and demo.age > 40'\n"
        "# as of another day, for a script\n"
        "muster count --now 2026-11-01 --json 'demo.age between 25 and 44'\n",
    .exits = "0 2 3 7",
    .words_min = 1,
    .words_max = 1,
    .operand = OPERAND_TEXT,
    .takes_expr = true,
};
