/*
 * cmd_segment.c - `muster segment`: saved segments and their versions.
 * Directories of files: segment_apply.c; differences: segment_diff.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd_segment.h"

#include <string.h>
#include "base/error.h"
#include "base/mem.h"
#include "client.h"

/* ---- set ---- */

/* What the key's current version says; false when there is none. */
static bool find_current(cli *c, const char *key, segment_file *out)
{
    segment_set one = {NULL, 0, 0};
    muster_error err;
    if (segment_find(c, key, &one, &err) < 0 || one.count == 0)
        return false;
    *out = one.items[0];
    mem_free(one.items);
    return true;
}

static int take_flags(cli *c, segment_file *f)
{
    const char *name = cli_flag_text(c, "name");
    const char *priority = cli_flag_text(c, "priority");
    const char *served = cli_flag_text(c, "served");
    int64_t v = 0;
    if (name != NULL) {
        mem_free(f->name);
        f->name = mem_strdup(name);
        f->has_name = true;
    }
    if (priority != NULL) {
        if (!text_parse_int(text_of(priority), &v) || v < INT32_MIN ||
            v > INT32_MAX)
            return tell_usage(c, "--priority takes a whole number, not '%s'",
                              priority);
        f->priority = (int32_t)v;
        f->has_priority = true;
    }
    if (served != NULL) {
        f->served = strcmp(served, "yes") == 0;
        f->has_served = true;
    }
    return 0;
}

/* Headers that were not given stay as they are. */
static void keep_headers(segment_file *f, const segment_file *current)
{
    if (!f->has_name) {
        mem_free(f->name);
        f->name = mem_strdup(current->name);
    }
    if (!f->has_priority)
        f->priority = current->priority;
    if (!f->has_served)
        f->served = current->served;
}

int segment_save(cli *c, const segment_file *f, bool *changed)
{
    muster_save save = MUSTER_SAVE_INIT;
    muster_error err;
    error_clear(&err);
    save.key = f->key;
    save.expr = f->expr;
    save.expr_len = strlen(f->expr);
    save.name = f->name;
    save.priority = f->priority;
    save.served = f->served;
    if (client_audience_save(c, &save, changed, &err) < 0)
        return tell_status(c, &err, f->expr, save.expr_len);
    return 0;
}

static const column saved_columns[] = {{"key", COLUMN_TEXT},
                                       {"id", COLUMN_INT},
                                       {"version", COLUMN_INT},
                                       {"changed", COLUMN_BOOL}};

typedef struct saved_row {
    cli *c;
    bool changed;
} saved_row;

static int put_saved_row(void *payload, const muster_saved *row)
{
    const saved_row *saved = payload;
    cli *c = saved->c;
    if (c->set.format == FORMAT_JSON) {
        out_open(c);
        out_member_str(c, "key", row->key);
        out_member_uint(c, "id", row->id);
        out_member_uint(c, "version", row->version);
        out_member_bool(c, "changed", saved->changed);
        out_close(c);
        return 0;
    }
    rows *r = rows_open(c, "saved", saved_columns, 4);
    rows_str(r, row->key);
    rows_uint(r, row->id);
    rows_uint(r, row->version);
    rows_bool(r, saved->changed);
    rows_close(r);
    return 0;
}

static int put_saved(cli *c, const char *key, bool changed)
{
    saved_row row = {c, changed};
    muster_error err;
    error_clear(&err);
    if (client_audience_find(c, key, put_saved_row, &row, &err) < 0)
        return tell_status(c, &err, NULL, 0);
    return 0;
}

/* Compiles for the warnings: the engine compiles again when saving. */
static int check_text(cli *c, const segment_file *f)
{
    client_segment *segment = NULL;
    const int code = session_compile(c, &segment, f->expr, strlen(f->expr));
    client_segment_free(segment);
    return code;
}

static int cmd_set(cli *c, int argc, char **argv)
{
    segment_file f = {.key = NULL};
    segment_file current = {.key = NULL};
    char *text = NULL;
    size_t len = 0;
    bool changed = false;
    (void)argc;
    int code = segment_key_check(c, argv[0]);
    if (code == 0)
        code = input_expr(c, argv[1], &text, &len);
    if (code == 0)
        code = segment_file_parse(c, &f, argv[0], "the expression", text, len);
    if (code == 0)
        code = take_flags(c, &f);
    if (code == 0)
        code = client_open(c, MUSTER_OPEN_WRITE);
    if (code == 0 && find_current(c, argv[0], &current))
        keep_headers(&f, &current);
    if (code == 0)
        code = check_text(c, &f);
    if (code == 0)
        code = segment_save(c, &f, &changed);
    if (code == 0)
        code = put_saved(c, argv[0], changed);
    segment_file_release(&current);
    segment_file_release(&f);
    mem_free(text);
    return code;
}

/* ---- ls ---- */

typedef struct listing {
    cli *c;
    rows *out;
    bool counts;
    int code;
} listing;

static void put_size(listing *l, const char *expr)
{
    client_segment *segment = NULL;
    muster_count *n = NULL;
    muster_error err;
    error_clear(&err);
    if (client_segment_compile(l->c, &segment, expr, strlen(expr), &err) < 0 ||
        client_segment_count(segment, false, &n, &err) < 0) {
        l->code = tell_status(l->c, &err, expr, strlen(expr));
        rows_null(l->out);
    } else {
        rows_uint(l->out, n->count);
    }
    client_count_free(l->c, n);
    client_segment_free(segment);
}

static void put_listed(listing *l, const segment_file *f,
                       const muster_saved *row)
{
    rows_str(l->out, f->key);
    if (l->counts)
        put_size(l, f->expr);
    rows_uint(l->out, row->id);
    rows_uint(l->out, row->version);
    rows_int(l->out, f->priority);
    rows_bool(l->out, f->served);
    rows_time(l->out, row->created);
    rows_str(l->out, f->name);
}

typedef struct kept_saved {
    segment_set files;
    muster_saved *rows; /* their texts are in files */
    size_t capacity;
} kept_saved;

/* The list is copied first: counting inside a walk of the catalog would ask
 * the engine from within the engine. */
static int keep_row(void *payload, const muster_saved *row)
{
    kept_saved *kept = payload;
    mem_grow(&kept->rows, &kept->capacity, kept->files.count + 1,
             sizeof *kept->rows);
    kept->rows[kept->files.count] = *row;
    segment_take(&kept->files, row);
    return 0;
}

static int cmd_ls(cli *c, int argc, char **argv)
{
    static const column columns[] = {
        {"key", COLUMN_TEXT},     {"count", COLUMN_COUNT},
        {"id", COLUMN_INT},       {"version", COLUMN_INT},
        {"priority", COLUMN_INT}, {"served", COLUMN_BOOL},
        {"created", COLUMN_TIME}, {"name", COLUMN_TEXT}};
    column plain[7];
    listing l = {.c = c, .counts = cli_flag_is(c, "counts")};
    kept_saved kept = {{NULL, 0, 0}, NULL, 0};
    muster_error err;
    error_clear(&err);
    (void)argc;
    (void)argv;
    int code = client_open(c, MUSTER_OPEN_READ);
    if (code != 0)
        return code;
    plain[0] = columns[0];
    memcpy(plain + 1, columns + 2, 6 * sizeof *columns);
    if (client_audiences_each(c, keep_row, &kept, &err) < 0)
        l.code = tell_status(c, &err, NULL, 0);
    out_open(c);
    l.out = l.counts ? rows_open(c, "data", columns, 8)
                     : rows_open(c, "data", plain, 7);
    for (size_t i = 0; i < kept.files.count; i++)
        put_listed(&l, &kept.files.items[i], &kept.rows[i]);
    rows_close(l.out);
    out_member_state(c);
    out_close(c);
    segment_set_release(&kept.files);
    mem_free(kept.rows);
    return l.code;
}

/* ---- show, log ---- */

static int put_version(void *payload, const muster_saved *row)
{
    rows *r = payload;
    rows_str(r, row->key);
    rows_uint(r, row->version);
    rows_time(r, row->created);
    rows_bool(r, row->removed);
    rows_uint(r, row->id);
    rows_int(r, row->priority);
    rows_bool(r, row->served);
    rows_str(r, row->name);
    rows_str(r, row->expr);
    return 0;
}

static const column version_columns[] = {
    {"key", COLUMN_TEXT},     {"version", COLUMN_INT}, {"created", COLUMN_TIME},
    {"removed", COLUMN_BOOL}, {"id", COLUMN_INT},      {"priority", COLUMN_INT},
    {"served", COLUMN_BOOL},  {"name", COLUMN_TEXT},   {"expr", COLUMN_TEXT}};

static int put_file(void *payload, const muster_saved *row)
{
    cli *c = payload;
    segment_file f;
    segment_file_take(&f, row);
    segment_file_format(&c->out, &f);
    segment_file_release(&f);
    return 0;
}

/* One saved segment as an object. */
static int put_object(void *payload, const muster_saved *row)
{
    cli *c = payload;
    out_open(c);
    out_member_str(c, "key", row->key);
    out_member_uint(c, "id", row->id);
    out_member_uint(c, "version", row->version);
    out_member_str(c, "name", row->name);
    out_member_int(c, "priority", row->priority);
    out_member_bool(c, "served", row->served);
    out_member_time(c, "created", row->created);
    out_member_str(c, "expr", row->expr);
    out_close(c);
    return 0;
}

static int cmd_show(cli *c, int argc, char **argv)
{
    muster_error err;
    int status;
    (void)argc;
    error_clear(&err);
    int code = segment_key_check(c, argv[0]);
    if (code == 0)
        code = client_open(c, MUSTER_OPEN_READ);
    if (code != 0)
        return code;
    if (c->set.format == FORMAT_TABLE || c->set.format == FORMAT_TSV) {
        status = client_audience_find(c, argv[0], put_file, c, &err);
    } else if (c->set.format == FORMAT_JSON) {
        status = client_audience_find(c, argv[0], put_object, c, &err);
    } else {
        rows *r = rows_open(c, "data", version_columns, 9);
        status = client_audience_find(c, argv[0], put_version, r, &err);
        rows_close(r);
    }
    if (status >= 0)
        return 0;
    out_discard(c);
    return tell_status(c, &err, NULL, 0);
}

static int cmd_log(cli *c, int argc, char **argv)
{
    muster_error err;
    (void)argc;
    error_clear(&err);
    int code = segment_key_check(c, argv[0]);
    if (code == 0)
        code = client_open(c, MUSTER_OPEN_READ);
    if (code != 0)
        return code;
    out_open(c);
    rows *r = rows_open(c, "data", version_columns, 9);
    const int status =
        client_audience_versions(c, argv[0], put_version, r, &err);
    rows_close(r);
    out_close(c);
    if (status >= 0)
        return 0;
    out_discard(c);
    return tell_status(c, &err, NULL, 0);
}

/* ---- rm, revert ---- */

static int cmd_rm(cli *c, int argc, char **argv)
{
    muster_error err;
    int code = 0;
    for (int i = 0; i < argc && code == 0; i++)
        code = segment_key_check(c, argv[i]);
    if (code == 0)
        code = client_open(c, MUSTER_OPEN_WRITE);
    for (int i = 0; i < argc && code == 0; i++) {
        error_clear(&err);
        if (client_audience_remove(c, argv[i], &err) < 0)
            code = tell_status(c, &err, NULL, 0);
        else
            tell(c, "removed %s; its versions stay: muster segment log %s",
                 argv[i], argv[i]);
    }
    return code;
}

static int cmd_revert(cli *c, int argc, char **argv)
{
    muster_error err;
    int64_t version = 0;
    (void)argc;
    error_clear(&err);
    int code = segment_key_check(c, argv[0]);
    if (code != 0)
        return code;
    if (!text_parse_int(text_of(argv[1]), &version) || version < 1 ||
        version > UINT32_MAX)
        return tell_usage(c,
                          "a version is a number from 1; see"
                          " muster segment log %s",
                          argv[0]);
    code = client_open(c, MUSTER_OPEN_WRITE);
    if (code != 0)
        return code;
    if (client_audience_revert(c, argv[0], (uint32_t)version, &err) < 0)
        return tell_status(c, &err, NULL, 0);
    return put_saved(c, argv[0], true);
}

/* ---- shared with segment_apply.c and segment_diff.c ---- */

int segment_key_check(cli *c, const char *key)
{
    if (segment_key_is_valid(key))
        return 0;
    return tell_usage(c,
                      "'%s' is no key: a-z, 0-9, - and _, at most %u, the"
                      " first one a letter or digit",
                      tell_safe(key), MUSTER_SEGMENT_KEY_BYTES_MAX);
}

void segment_take(segment_set *set, const muster_saved *saved)
{
    mem_grow(&set->items, &set->capacity, set->count + 1, sizeof *set->items);
    segment_file_take(&set->items[set->count++], saved);
}

static int take_one(void *payload, const muster_saved *row)
{
    segment_take(payload, row);
    return 0;
}

int segment_find(cli *c, const char *key, segment_set *out, muster_error *err)
{
    error_clear(err);
    return client_audience_find(c, key, take_one, out, err);
}

/* ---- the table ---- */

static const cli_flag set_flags[] = {
    {"name", 0, "TEXT", NULL, "a name for people"},
    {"priority", 0, "N", NULL, "higher comes first in a lookup (0)"},
    {"served", 0, "WHICH", "yes no", "shown in lookups: yes or no (yes)"},
    CLI_FLAG_END};
static const cli_flag ls_flags[] = {
    {"counts", 0, NULL, NULL, "also count the users of each"}, CLI_FLAG_END};
static const cli_flag apply_flags[] = {
    {"prune", 0, NULL, NULL, "remove segments that have no file"},
    {"dry-run", 0, NULL, NULL, "check and show the plan, change nothing"},
    CLI_FLAG_END};

static const cli_verb segment_verbs[] = {
    {.name = "ls",
     .run = cmd_ls,
     .synopsis = "[--counts]",
     .summary = "List the saved segments",
     .flags = ls_flags,
     .examples = "# with their sizes now\n"
                 "muster segment ls --counts\n",
     .exits = "0 2 7"},
    {.name = "show",
     .run = cmd_show,
     .synopsis = "KEY",
     .summary = "A segment as it stands in a file",
     .examples = "# to a file, to be kept under version control\n"
                 "muster segment show pricing-page >"
                 " segments/pricing-page.seg\n",
     .exits = "0 2 4 7",
     .words_min = 1,
     .words_max = 1,
     .operand = OPERAND_SEGMENT},
    {.name = "set",
     .run = cmd_set,
     .synopsis = "[FLAG]... KEY EXPR|-",
     .summary = "Save a segment, or its next version",
     .about = "- reads the expression from stdin; header lines of a segment's"
              " file are understood\nthere. What is not given (name,"
              " priority, served) stays as it is. A numeric id is\nassigned"
              " once.\n",
     .flags = set_flags,
     .examples =
         "# save one\n"
         "muster segment set pricing-page 'page.view = \"pricing\" within 30"
         " days'\n"
         "# from a file, hidden from lookups\n"
         "muster segment set internal --served no - < internal.seg\n",
     .exits = "0 2 3 5 7",
     .words_min = 2,
     .words_max = 2,
     .operand = OPERAND_SEGMENT},
    {.name = "rm",
     .run = cmd_rm,
     .synopsis = "KEY...",
     .summary = "Remove segments; their versions stay",
     .about = "A segment that others refer to is not removed (exit code 5)."
              " A removed one comes back\nwith `segment revert`.\n",
     .examples = "# no longer needed\n"
                 "muster segment rm summer-sale\n",
     .exits = "0 2 4 5 7",
     .words_min = 1,
     .words_max = -1,
     .operand = OPERAND_SEGMENT},
    {.name = "diff",
     .run = cmd_segment_diff,
     .synopsis = "KEY [V1 [V2]] | KEY FILE | DIR",
     .summary = "What differs between versions, or from files",
     .about = "KEY alone: the last two versions. KEY V1: that version and the"
              " current one. KEY FILE:\nthe current one and the file. DIR:"
              " all saved segments and the files of a directory.\nExit code 1"
              " when something differs.\n",
     .examples = "# what was changed last?\n"
                 "muster segment diff pricing-page\n"
                 "# is what runs what is under version control?\n"
                 "muster segment diff segments/\n",
     .exits = "0 1 2 4 7",
     .words_min = 1,
     .words_max = 3,
     .operand = OPERAND_SEGMENT},
    {.name = "log",
     .run = cmd_log,
     .synopsis = "KEY",
     .summary = "All versions of a segment, newest first",
     .examples = "# who said what when\n"
                 "muster segment log pricing-page\n",
     .exits = "0 2 4 7",
     .words_min = 1,
     .words_max = 1,
     .operand = OPERAND_SEGMENT},
    {.name = "revert",
     .run = cmd_revert,
     .synopsis = "KEY VERSION",
     .summary = "Make an earlier version the current one again",
     .about = "It becomes a new version; nothing is lost.\n",
     .examples = "# back to the first\n"
                 "muster segment revert pricing-page 1\n",
     .exits = "0 2 3 4 5 7",
     .words_min = 2,
     .words_max = 2,
     .operand = OPERAND_SEGMENT},
    {.name = "apply",
     .run = cmd_segment_apply,
     .synopsis = "[--prune] [--dry-run] DIR",
     .summary = "Save a directory of segment files, all or none",
     .about =
         "Every DIR/KEY.seg is a segment: header lines, then the"
         " expression.\n"
         "\n"
         "    # name: Loyal travellers\n"
         "    # priority: 20\n"
         "    # served: no\n"
         "    interest = \"travel\" and purchase at least 2 times within 90"
         " days\n"
         "\n"
         "All files are checked first; with an error in one, nothing is"
         " changed. Files may\nrefer to each other. The plan says new,"
         " changed, unchanged or removed.\n",
     .flags = apply_flags,
     .examples = "# what would happen?\n"
                 "muster segment apply --dry-run segments/\n"
                 "# make it so, and remove what has no file\n"
                 "muster segment apply --prune segments/\n",
     .exits = "0 2 3 5 7",
     .words_min = 1,
     .words_max = 1,
     .operand = OPERAND_FILE},
    {.name = "share",
     .run = cmd_segment_share,
     .synopsis = "KEY PARTNER",
     .summary = "Let a partner see a segment",
     .about = "In lookups and in expressions. Removing the segment ends it;"
              " saving it again under\nits key does not bring it back.\n",
     .examples = "# acme may ask for it from now on\n"
                 "muster segment share pricing-page acme\n",
     .exits = "0 2 4 5 7",
     .words_min = 2,
     .words_max = 2,
     .operand = OPERAND_SEGMENT},
    {.name = "unshare",
     .run = cmd_segment_unshare,
     .synopsis = "KEY PARTNER",
     .summary = "Let a partner see it no longer",
     .examples = "# from the next question on\n"
                 "muster segment unshare pricing-page acme\n",
     .exits = "0 2 4 5 7",
     .words_min = 2,
     .words_max = 2,
     .operand = OPERAND_SEGMENT},
    {.name = NULL}};

const cli_verb verb_segment = {
    .name = "segment",
    .synopsis = "VERB ...",
    .summary = "Saved segments, their versions and files",
    .about = "A segment is a named, versioned expression. Its key matches"
             " [a-z0-9][a-z0-9_-]{0,63}\nand stands in expressions as"
             " segment(\"key\").\n",
    .subs = segment_verbs,
    .exits = "0 1 2 3 4 5 7",
};
