/*
 * help.c - help texts and the manual, all from the verb table: an overview,
 * one verb, and the whole table as Markdown (docs/cli.md holds it, and
 * tests/cli/manual.test compares).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

#define HELP_BYTES_MAX ((size_t)1 << 20)
#define FLAG_COLUMN 30

/* ---- pieces ---- */

static void put_flag(buffer *b, const cli_flag *f)
{
    const size_t start = b->len;
    buffer_put_str(b, "  ");
    if (f->letter != 0)
        buffer_printf(b, "-%c, ", f->letter);
    buffer_printf(b, "--%s", f->name);
    if (f->value != NULL)
        buffer_printf(b, " %s", f->value);
    do {
        buffer_put_u8(b, ' ');
    } while (b->len - start < FLAG_COLUMN);
    buffer_printf(b, "%s\n", f->help);
}

static void put_flags(buffer *b, const cli_flag *flags)
{
    for (const cli_flag *f = flags; f != NULL && f->name != NULL; f++)
        put_flag(b, f);
}

/* Each line of a text, with something before it. */
static void put_indented(buffer *b, const char *text, const char *before)
{
    while (*text != '\0') {
        const size_t n = strcspn(text, "\n");
        if (n > 0)
            buffer_put_str(b, before);
        buffer_put(b, text, n);
        buffer_put_u8(b, '\n');
        text += n + (text[n] == '\n');
    }
}

/* A text as it stands, ended by a line end. */
static void put_about(buffer *b, const char *text)
{
    const size_t n = strlen(text);
    buffer_put_str(b, "\n");
    buffer_put(b, text, n);
    if (n > 0 && text[n - 1] != '\n')
        buffer_put_u8(b, '\n');
}

/* A line for each number in "0 2 130". */
static void put_exits(buffer *b, const char *exits)
{
    char *end = NULL;
    for (const char *at = exits; *at != '\0'; at = end) {
        const int code = (int)strtol(at, &end, 10);
        if (end == at)
            break;
        buffer_printf(b, "  %-3d  %s\n", code, exit_text(code));
    }
}

static void put_usage(buffer *b, const cli_verb *verb, const cli_verb *sub)
{
    const cli_verb *v = sub != NULL ? sub : verb;
    buffer_printf(b, "usage: muster %s", verb->name);
    if (sub != NULL)
        buffer_printf(b, " %s", sub->name);
    if (*v->synopsis != '\0')
        buffer_printf(b, " %s", v->synopsis);
    buffer_put_u8(b, '\n');
}

static void put_subs(buffer *b, const cli_verb *verb)
{
    size_t width = 0;
    for (const cli_verb *s = verb->subs; s->name != NULL; s++) {
        const size_t n = strlen(s->name) + 1 + strlen(s->synopsis);
        width = n > width ? n : width;
    }
    buffer_put_str(b, "\n");
    for (const cli_verb *s = verb->subs; s->name != NULL; s++) {
        const int pad =
            (int)(width - strlen(s->name) - 1 - strlen(s->synopsis));
        buffer_printf(b, "  %s %s%*s  %s\n", s->name, s->synopsis, pad, "",
                      s->summary);
    }
}

static void put_verb(buffer *b, const cli_verb *verb, const cli_verb *sub)
{
    const cli_verb *v = sub != NULL ? sub : verb;
    put_usage(b, verb, sub);
    buffer_printf(b, "\n%s.\n", v->summary);
    if (v->about != NULL)
        put_about(b, v->about);
    if (v->subs != NULL)
        put_subs(b, v);
    if (v->flags != NULL) {
        buffer_put_str(b, "\nflags\n");
        put_flags(b, v->flags);
    }
    if (v->examples != NULL) {
        buffer_put_str(b, "\nexamples\n");
        put_indented(b, v->examples, "  ");
    }
    if (v->exits != NULL) {
        buffer_put_str(b, "\nexit codes\n");
        put_exits(b, v->exits);
    }
    if (v->subs != NULL)
        buffer_printf(b, "\nMore: muster help %s VERB\n", v->name);
}

static void put_overview(buffer *b)
{
    buffer_put_str(
        b, "Muster finds and counts groups of users by what is known of them,\n"
           "exactly and at once, without keeping who they are.\n"
           "\n"
           "usage: muster [FLAG]... VERB [ARGUMENT]...\n"
           "\n"
           "  muster load people.ndjson\n"
           "  muster count 'geo.country = \"DE\" and purchase within 30 days'\n"
           "  muster lookup cookie:4f2a\n"
           "\n"
           "verbs\n");
    for (const cli_verb *const *v = cli_verbs; *v != NULL; v++)
        buffer_printf(b, "  %-11s %s\n", (*v)->name, (*v)->summary);
    buffer_put_str(b, "\nflags of every verb\n");
    put_flags(b, cli_global_flags);
    buffer_put_str(
        b,
        "\n"
        "The answer goes to stdout: a table on a terminal, tab-separated in\n"
        "a pipe. Messages go to stderr.\n"
        "\n"
        "More: muster help VERB\n");
}

/* ---- the manual in Markdown ---- */

static void put_md_flags(buffer *b, const cli_flag *flags)
{
    buffer_put_str(b, "\n| flag | meaning |\n| --- | --- |\n");
    for (const cli_flag *f = flags; f->name != NULL; f++) {
        buffer_put_str(b, "| ");
        if (f->letter != 0)
            buffer_printf(b, "`-%c`, ", f->letter);
        buffer_printf(b, "`--%s%s%s` | %s |\n", f->name,
                      f->value != NULL ? " " : "",
                      f->value != NULL ? f->value : "", f->help);
    }
}

static void put_md_verb(buffer *b, const cli_verb *verb, const cli_verb *sub)
{
    const cli_verb *v = sub != NULL ? sub : verb;
    buffer_printf(b, "\n%s `muster %s%s%s`\n\n%s.\n",
                  sub != NULL ? "###" : "##", verb->name,
                  sub != NULL ? " " : "", sub != NULL ? sub->name : "",
                  v->summary);
    if (v->subs == NULL) {
        buffer_put_str(b, "\n```text\n");
        put_usage(b, verb, sub);
        buffer_put_str(b, "```\n");
    }
    if (v->about != NULL)
        put_about(b, v->about);
    if (v->flags != NULL)
        put_md_flags(b, v->flags);
    if (v->examples != NULL) {
        buffer_put_str(b, "\n```text");
        put_about(b, v->examples);
        buffer_put_str(b, "```\n");
    }
    if (v->exits != NULL)
        buffer_printf(b, "\nExit codes: %s.\n", v->exits);
    for (const cli_verb *s = v->subs; s != NULL && s->name != NULL; s++)
        put_md_verb(b, verb, s);
}

static void put_manual(buffer *b)
{
    buffer_put_str(b, "## Flags of every verb\n");
    put_md_flags(b, cli_global_flags);
    buffer_put_str(b, "\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n");
    static const int codes[] = {0, 1, 2, 3, 4, 5, 6, 7, 130};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        buffer_printf(b, "| %d | %s |\n", codes[i], exit_text(codes[i]));
    for (const cli_verb *const *v = cli_verbs; *v != NULL; v++)
        put_md_verb(b, *v, NULL);
}

/* ---- doors ---- */

void help_verb(cli *c, const cli_verb *verb, const cli_verb *sub)
{
    buffer b;
    buffer_init(&b, HELP_BYTES_MAX);
    put_verb(&b, verb, sub);
    buffer_put(&c->out, b.data, b.len);
    buffer_release(&b);
}

void help_overview(cli *c, FILE *to)
{
    buffer b;
    buffer_init(&b, HELP_BYTES_MAX);
    put_overview(&b);
    if (to == stdout)
        buffer_put(&c->out, b.data, b.len);
    else
        fwrite(b.data, 1, b.len, to);
    buffer_release(&b);
}

/* ---- muster help ---- */

static int cmd_help(cli *c, int argc, char **argv)
{
    if (argc == 0 && c->set.format == FORMAT_MD) {
        put_manual(&c->out);
        return 0;
    }
    if (argc == 0) {
        help_overview(c, stdout);
        return 0;
    }
    const cli_verb *verb = cli_verb_find(argv[0]);
    const cli_verb *sub = NULL;
    if (verb == NULL) {
        near_name near;
        near_init(&near, text_of(argv[0]));
        for (const cli_verb *const *v = cli_verbs; *v != NULL; v++)
            near_offer(&near, text_of((*v)->name));
        if (near.best.ptr != NULL)
            return tell_usage(c, "no verb '%s'; did you mean '%.*s'?",
                              tell_safe(argv[0]), (int)near.best.len,
                              near.best.ptr);
        return tell_usage(c, "no verb '%s'", tell_safe(argv[0]));
    }
    if (argc > 1) {
        sub = cli_sub_find(verb, argv[1]);
        if (sub == NULL)
            return tell_usage(c, "no verb '%s %s'", verb->name,
                              tell_safe(argv[1]));
    }
    help_verb(c, verb, sub);
    return 0;
}

const cli_verb verb_help = {
    .name = "help",
    .run = cmd_help,
    .synopsis = "[VERB [VERB]]",
    .summary = "This overview, or how a verb is used",
    .about = "`muster VERB --help` is the same. With -o md and no verb: the"
             " whole manual in\nMarkdown.\n",
    .examples = "# how to load files\n"
                "muster help load\n"
                "# how one of the segment verbs is used\n"
                "muster help segment apply\n",
    .exits = "0 2",
    .words_max = 2,
    .operand = OPERAND_VERB,
};

/* ---- muster version ---- */

static const column version_columns[] = {{"version", COLUMN_TEXT}};

static int cmd_version(cli *c, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (c->set.format == FORMAT_TABLE || !c->set.format_given) {
        out_printf(c, "muster %s\n", muster_version());
        return 0;
    }
    if (c->set.format == FORMAT_JSON) {
        out_open(c);
        out_member_str(c, "version", muster_version());
        out_close(c);
        return 0;
    }
    rows *r = rows_open(c, "versions", version_columns, 1);
    rows_str(r, muster_version());
    rows_close(r);
    return 0;
}

const cli_verb verb_version = {
    .name = "version",
    .run = cmd_version,
    .synopsis = "",
    .summary = "Version of the program",
    .examples = "# for a script\n"
                "muster version --json\n",
    .exits = "0 2",
};
