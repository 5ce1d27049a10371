/*
 * cmd_fmt.c - `muster fmt`: an expression in its canonical form, as text or
 * as JSON AST, from either. Needs no data directory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <string.h>
#include "base/error.h"
#include "base/mem.h"

/* Text of a JSON AST; errors name the place in the JSON. */
static int from_json(cli *c, char **text, size_t *len)
{
    char *out = NULL;
    muster_error err;
    error_clear(&err);
    if (muster_segment_from_json(*text, *len, &out, &err) < 0) {
        tell_status(c, &err, *text, *len);
        return EXIT_EXPR;
    }
    mem_free(*text);
    *len = strlen(out);
    *text = mem_strndup(out, *len);
    muster_free(out);
    return 0;
}

static int put_formatted(cli *c, const char *text, size_t len)
{
    const bool json =
        c->set.format == FORMAT_JSON || c->set.format == FORMAT_NDJSON;
    char *canonical = NULL;
    char *ast = NULL;
    muster_error err;
    error_clear(&err);
    if (muster_segment_format(text, len, &canonical, &ast, &err) < 0)
        return tell_status(c, &err, text, len);
    out_printf(c, "%s\n", json ? ast : canonical);
    muster_free(canonical);
    muster_free(ast);
    return 0;
}

static int cmd_fmt(cli *c, int argc, char **argv)
{
    const char *format = cli_flag_text(c, "input-format");
    char *text = NULL;
    size_t len = 0;
    (void)argc;
    int code = input_expr(c, argv[0], &text, &len);
    if (code == 0 && format != NULL && strcmp(format, "json") == 0)
        code = from_json(c, &text, &len);
    if (code == 0)
        code = put_formatted(c, text, len);
    mem_free(text);
    return code;
}

static const cli_flag fmt_flags[] = {
    {"input-format", 'i', "FORMAT", "text json",
     "form of the input: text (the language) or json (its AST)"},
    CLI_FLAG_END};

const cli_verb verb_fmt = {
    .name = "fmt",
    .run = cmd_fmt,
    .synopsis = "[-i json] EXPR|-",
    .summary = "An expression in its canonical form, as text or JSON",
    .about =
        "The canonical text has the same meaning and parses back to the same"
        " tree. With --json\nthe tree itself is printed, in the form that -i"
        " json reads. Names are not looked up\nand no data directory is"
        " needed.\n",
    .flags = fmt_flags,
    .examples = "# tidy\n"
                "muster fmt 'NOT(a)  AND b>=3'\n"
                "# to a program and back\n"
                "muster fmt --json 'a and b' | muster fmt -i json -\n",
    .exits = "0 2 3",
    .words_min = 1,
    .words_max = 1,
    .operand = OPERAND_TEXT,
    .takes_expr = true,
};
