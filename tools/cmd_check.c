/*
 * cmd_check.c - `muster check`: is an expression, a .seg file or a directory
 * of them valid, and does it say what was meant?
 *
 * Without an argument: all saved segments. Without a data directory there is
 * no catalog to compare names with, so only syntax is checked, and said so.
 *
 * Errors and warnings show with line and caret on stderr; in other formats
 * than `table` they are also rows on stdout.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "base/error.h"
#include "base/mem.h"
#include "client.h"
#include "segment_file.h"

typedef struct finding {
    const segment_file *file;
    bool error;
    muster_error detail;
} finding;

typedef struct findings {
    finding *items;
    size_t count;
    size_t capacity;
    size_t errors;
    muster_error failure; /* nothing was found: a server did not answer */
} findings;

static void keep_finding(void *payload, const segment_file *f, bool error,
                         const muster_error *detail)
{
    findings *all = payload;
    if (detail->code == CLI_ESERVER || detail->code == MUSTER_EREFUSED) {
        all->failure = *detail;
        return;
    }
    mem_grow(&all->items, &all->capacity, all->count + 1, sizeof *all->items);
    all->items[all->count++] = (finding){f, error, *detail};
    all->errors += error;
}

/* ---- what is to be checked ---- */

static segment_file *add_file(segment_set *set)
{
    mem_grow(&set->items, &set->capacity, set->count + 1, sizeof *set->items);
    set->items[set->count] = (segment_file){.key = NULL};
    return &set->items[set->count++];
}

static int take_text(cli *c, segment_set *set, const char *path,
                     const char *word)
{
    char *text = NULL;
    size_t len = 0;
    int code = input_expr(c, word, &text, &len);
    if (code == 0)
        code = segment_file_parse(c, add_file(set), "", path, text, len);
    mem_free(text);
    return code;
}

/* A file with another name than <key>.seg. */
static int take_file(cli *c, segment_set *set, const char *path)
{
    char *text = NULL;
    size_t len = 0;
    int code = input_read(c, path, MUSTER_SEGMENT_BYTES_MAX, &text, &len);
    if (code == 0)
        code = segment_file_parse(c, add_file(set), "", path, text, len);
    mem_free(text);
    return code;
}

/* A directory, a file, stdin, or else the word is the expression. */
static int take_sources(cli *c, segment_set *set, int argc, char **argv)
{
    struct stat st;
    if (argc == 0) {
        const int code = client_open(c, MUSTER_OPEN_READ);
        return code != 0 ? code : segment_set_saved(c, set);
    }
    const char *word = argv[0];
    const size_t n = strlen(word);
    const bool named = n > 4 && strcmp(word + n - 4, ".seg") == 0;
    if (strcmp(word, "-") == 0)
        return take_text(c, set, "standard input", word);
    if (stat(word, &st) == 0 && S_ISDIR(st.st_mode))
        return segment_set_read(c, set, word);
    if (named)
        return segment_file_read(c, add_file(set), word);
    if (strpbrk(word, "/.") != NULL && stat(word, &st) == 0)
        return take_file(c, set, word);
    if (id_looks_like(word))
        return tell_usage(c, "an id stands where an expression is meant");
    if (strchr(word, '/') != NULL && strpbrk(word, " \"(=") == NULL)
        return tell_error(c, EXIT_USAGE, "cannot read %s: %s", word,
                          strerror(ENOENT));
    return take_text(c, set, "expression", word);
}

/* ---- the answer ---- */

static void tell_finding(const cli *c, const finding *f, bool several)
{
    if (several)
        tell(c, "%s:", f->file->path);
    if (f->error)
        tell_status(c, &f->detail, f->file->text, f->file->text_len);
    else
        tell_warning(c, &f->detail, f->file->text, f->file->text_len);
}

static void put_findings(cli *c, const findings *all)
{
    static const column columns[] = {
        {"source", COLUMN_TEXT},    {"severity", COLUMN_TEXT},
        {"code", COLUMN_TEXT},      {"line", COLUMN_INT},
        {"column", COLUMN_INT},     {"offset", COLUMN_INT},
        {"length", COLUMN_INT},     {"message", COLUMN_TEXT},
        {"suggestion", COLUMN_TEXT}};
    rows *r = rows_open(c, "findings", columns, 9);
    for (size_t i = 0; i < all->count; i++) {
        const muster_error *e = &all->items[i].detail;
        rows_str(r, all->items[i].file->path);
        rows_str(r, all->items[i].error ? "error" : "warning");
        rows_str(r, e->word);
        rows_uint(r, e->line);
        rows_uint(r, e->column);
        rows_uint(r, e->offset);
        rows_uint(r, e->length);
        rows_str(r, e->message);
        rows_str(r, e->suggestion);
    }
    rows_close(r);
}

/* Canonical text and AST of a single expression. */
static void put_ast(cli *c, const segment_set *set)
{
    char *text = NULL;
    char *ast = NULL;
    muster_error err;
    if (set->count != 1 ||
        muster_segment_format(set->items[0].text, set->items[0].text_len, &text,
                              &ast, &err) < 0)
        return;
    out_member_str(c, "text", text);
    json_writer *w = out_member(c, "ast");
    if (w != NULL)
        json_put_raw(w, text_of(ast));
    muster_free(text);
    muster_free(ast);
}

static void put_answer(cli *c, const segment_set *set, const findings *all)
{
    const bool human = format_is_human(c);
    for (size_t i = 0; human && i < all->count; i++)
        tell_finding(c, &all->items[i], set->items[0].key[0] != '\0');
    if (c->set.format == FORMAT_TABLE) {
        out_printf(c, "%s checked: %s errors, %s warnings\n",
                   human_count(set->count).text, human_count(all->errors).text,
                   human_count(all->count - all->errors).text);
        return;
    }
    out_open(c);
    out_member_bool(c, "ok", all->count == 0);
    out_member_uint(c, "checked", set->count);
    if (c->set.format == FORMAT_JSON)
        put_ast(c, set);
    put_findings(c, all);
    out_close(c);
}

static void check_ring(const segment_set *set, findings *all)
{
    size_t *order = mem_array(set->count + 1, sizeof *order);
    size_t ring = 0;
    muster_error err;
    if (!segment_set_order(set, order, &ring)) {
        error_set(&err, MUSTER_EEXPR, "segment_cycle",
                  "it refers to itself by way of other segments");
        keep_finding(all, &set->items[ring], true, &err);
    }
    mem_free(order);
}

static int check(cli *c, const segment_set *set)
{
    findings all = {.items = NULL};
    for (size_t i = 0; i < set->count && all.failure.code == 0; i++)
        segment_set_check(c, set, &set->items[i], keep_finding, &all);
    check_ring(set, &all);
    if (all.failure.code == 0 && set->count > 0)
        put_answer(c, set, &all);
    else if (all.failure.code == 0)
        tell(c, "no segments are saved");
    mem_free(all.items);
    if (all.failure.code != 0)
        return tell_status(c, &all.failure, NULL, 0);
    if (all.errors > 0)
        return EXIT_EXPR;
    return all.count > 0 ? EXIT_FALSE : EXIT_OK;
}

static int cmd_check(cli *c, int argc, char **argv)
{
    segment_set set = {NULL, 0, 0};
    int code = 0;
    if (client_exists(c))
        code = client_open(c, MUSTER_OPEN_READ);
    else if (argc > 0)
        tell(c, "there is no data directory %s: only syntax is checked",
             c->set.data_dir);
    if (code == 0)
        code = take_sources(c, &set, argc, argv);
    if (code == 0)
        code = check(c, &set);
    segment_set_release(&set);
    return code;
}

const cli_verb verb_check = {
    .name = "check",
    .run = cmd_check,
    .synopsis = "[EXPR|DIR|FILE|-]",
    .summary = "Is an expression, or are segment files, valid and meant so?",
    .about =
        "Errors (unknown names, wrong combinations) and warnings"
        " (contradictions, terms that\nchange nothing, values never seen,"
        " ...) with their place. Without an argument all\nsaved segments are"
        " checked. A directory is taken as one whole: its files may refer\nto"
        " each other. Findings give exit code 1, errors 3, so that it can"
        " guard a commit.\n",
    .examples = "# before saving it\n"
                "muster check 'geo.country = \"DE\" and not purchase'\n"
                "# a directory of .seg files, in CI\n"
                "muster check segments/ --json\n",
    .exits = "0 1 2 3 7",
    .words_min = 0,
    .words_max = 1,
    .operand = OPERAND_FILE,
    .takes_expr = true,
};
