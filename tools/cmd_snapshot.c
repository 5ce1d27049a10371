/*
 * cmd_snapshot.c - `muster snapshot`: backups of the data directory.
 *
 * A snapshot is named by a path, or by a word without a slash: then it stands
 * in the directory of snapshots, which is --to or DATA/snapshots. Making,
 * verifying and restoring show a bar, and an interrupt stops them; the engine
 * then removes what it began.
 *
 * The secret key is in no snapshot. Whoever makes or restores one is told so
 * each time, on stderr, with the place where the key belongs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <string.h>
#include <unistd.h>
#include "base/error.h"
#include "base/mem.h"

#define PATH_BYTES_MAX ((size_t)64 * 1024)

/* ---- one snapshot as a row ---- */

static const column snapshot_columns[] = {
    {"name", COLUMN_TEXT},       {"complete", COLUMN_BOOL},
    {"created", COLUMN_TIME},    {"epoch", COLUMN_INT},
    {"users", COLUMN_COUNT},     {"bytes", COLUMN_COUNT},
    {"state_hash", COLUMN_TEXT}, {"path", COLUMN_TEXT}};
#define SNAPSHOT_COLUMNS (sizeof snapshot_columns / sizeof *snapshot_columns)

static int put_snapshot(void *payload, const muster_snapshot *s)
{
    rows *r = payload;
    rows_str(r, s->name);
    rows_bool(r, s->complete);
    if (s->complete) {
        rows_time(r, s->created);
        rows_uint(r, s->epoch);
        rows_uint(r, s->users);
        rows_uint(r, s->bytes);
        rows_str(r, human_hash(&s->hash).text);
    } else {
        for (int i = 0; i < 5; i++)
            rows_null(r);
    }
    rows_str(r, s->path);
    return 0;
}

/* The answer of a verb about one. */
static int put_one(void *payload, const muster_snapshot *s)
{
    cli *c = payload;
    out_open(c);
    rows *r = rows_open_one(c, "snapshot", snapshot_columns, SNAPSHOT_COLUMNS);
    put_snapshot(r, s);
    rows_close(r);
    out_close(c);
    return 0;
}

/* ---- names ---- */

static int check_to(cli *c)
{
    const char *root = cli_flag_text(c, "to");
    if (root != NULL && *root == '\0')
        return tell_usage(c, "--to needs the name of a directory");
    return session_check_local(c);
}

/* *path is freed by mem_free. */
static int find_path(cli *c, const char *word, char **path)
{
    const char *root = cli_flag_text(c, "to");
    buffer b;
    const int code = check_to(c);
    if (code != 0)
        return code;
    if (*word == '\0')
        return tell_usage(c, "a snapshot has a name");
    buffer_init(&b, PATH_BYTES_MAX);
    if (strchr(word, '/') != NULL)
        buffer_put_str(&b, word);
    else if (root != NULL)
        buffer_printf(&b, "%s/%s", root, word);
    else
        buffer_printf(&b, "%s/snapshots/%s", c->set.data_dir, word);
    *path = mem_strdup(buffer_cstr(&b));
    buffer_release(&b);
    return 0;
}

/* ---- the verbs ---- */

static int cmd_create(cli *c, int argc, char **argv)
{
    const char *name = argc > 0 ? argv[0] : NULL;
    muster_error err;
    task t;
    error_clear(&err);
    if (name != NULL && (*name == '\0' || strchr(name, '/') != NULL))
        return tell_usage(c, "the name of a snapshot has no slash;"
                             " --to DIR says where it stands");
    int code = check_to(c);
    if (code != 0)
        return code;
    task_open(&t, c, "snapshot");
    const int status =
        muster_snapshot_create(c->set.data_dir, cli_flag_text(c, "to"), name,
                               &t.steps, put_one, c, &err);
    code = task_close(&t, c, status, &err);
    if (code != 0)
        return code;
    char *key = session_key_path(c);
    tell(c,
         "the key is not in it: keep a copy of %s elsewhere; without it the"
         " data do not open",
         key);
    mem_free(key);
    return 0;
}

static int cmd_ls(cli *c, int argc, char **argv)
{
    muster_error err;
    (void)argc;
    (void)argv;
    error_clear(&err);
    const int code = check_to(c);
    if (code != 0)
        return code;
    out_open(c);
    rows *r = rows_open(c, "data", snapshot_columns, SNAPSHOT_COLUMNS);
    const int status = muster_snapshots_each(
        c->set.data_dir, cli_flag_text(c, "to"), put_snapshot, r, &err);
    rows_close(r);
    out_close(c);
    if (status >= 0)
        return 0;
    out_discard(c);
    return session_tell_error(c, &err);
}

static int cmd_verify(cli *c, int argc, char **argv)
{
    char *path = NULL;
    muster_error err;
    task t;
    (void)argc;
    error_clear(&err);
    int code = find_path(c, argv[0], &path);
    if (code != 0)
        return code;
    task_open(&t, c, "verify");
    const int status = muster_snapshot_verify(path, &t.steps, put_one, c, &err);
    code = task_close(&t, c, status, &err);
    mem_free(path);
    return code;
}

static void tell_key(const cli *c)
{
    char *key = session_key_path(c);
    if (access(key, F_OK) == 0)
        tell(c,
             "the key is in no snapshot; the one at %s must be that of the"
             " data",
             key);
    else
        tell(c,
             "the key is in no snapshot: put it to %s, mode 0600, or name it"
             " with --key-file",
             key);
    mem_free(key);
}

static int cmd_restore(cli *c, int argc, char **argv)
{
    char *path = NULL;
    muster_error err;
    task t;
    (void)argc;
    error_clear(&err);
    int code = find_path(c, argv[0], &path);
    if (code != 0)
        return code;
    task_open(&t, c, "restore");
    const int status = muster_snapshot_restore(path, c->set.data_dir, &t.steps,
                                               put_one, c, &err);
    code = task_close(&t, c, status, &err);
    mem_free(path);
    if (code == 0)
        tell_key(c);
    return code;
}

static const cli_flag to_flags[] = {
    {"to", 0, "DIR", NULL, "the directory of snapshots (DATA/snapshots)"},
    CLI_FLAG_END};

static const cli_verb snapshot_verbs[] = {
    {.name = "create",
     .run = cmd_create,
     .synopsis = "[--to DIR] [NAME]",
     .summary = "Make a snapshot, also while data are loaded",
     .about = "Without a name it is the UTC time: 20261121T123000Z. It is"
              " opened and checked before\nit is called complete. On another"
              " disk (--to) it outlives this one.\n",
     .flags = to_flags,
     .examples = "# tonight's\n"
                 "muster snapshot create --to /backup/muster\n"
                 "# before a large change\n"
                 "muster snapshot create before-cleanup\n",
     .exits = "0 2 5 130",
     .words_max = 1},
    {.name = "ls",
     .run = cmd_ls,
     .synopsis = "[--to DIR]",
     .summary = "List the snapshots, newest first",
     .about = "One that is not complete broke off while it was made; its"
              " directory can be removed.\n",
     .flags = to_flags,
     .examples = "# what is there to go back to?\n"
                 "muster snapshot ls\n",
     .exits = "0 2"},
    {.name = "verify",
     .run = cmd_verify,
     .synopsis = "[--to DIR] NAME|PATH",
     .summary = "Read a snapshot and check all of it",
     .about = "Checksums of the files, the log, and the state that opens from"
              " them. What is damaged\nis named (exit code 2).\n",
     .flags = to_flags,
     .examples = "# is last night's whole?\n"
                 "muster snapshot verify /backup/muster/20261121T020000Z\n",
     .exits = "0 2 4 130",
     .words_min = 1,
     .words_max = 1,
     .operand = OPERAND_SNAPSHOT},
    {.name = "restore",
     .run = cmd_restore,
     .synopsis = "[--to DIR] NAME|PATH",
     .summary = "Make a data directory of a snapshot",
     .about = "It goes to --data, where no data directory may be yet (exit"
              " code 5); the key may\nstand there already. The state is"
              " compared with that of the snapshot.\n",
     .flags = to_flags,
     .examples = "# on a new machine\n"
                 "muster --data muster-data snapshot restore"
                 " /backup/muster/20261121T020000Z\n"
                 "cp /safe/muster.key muster-data/muster.key\n",
     .exits = "0 2 4 5 130",
     .words_min = 1,
     .words_max = 1,
     .operand = OPERAND_SNAPSHOT},
    {.name = NULL}};

const cli_verb verb_snapshot = {
    .name = "snapshot",
    .synopsis = "VERB ...",
    .summary = "Backups: make, list, verify, restore",
    .about = "A snapshot is a directory with everything but the secret key:"
             " keep a copy of that\nelsewhere. NAME is looked up in the"
             " directory of snapshots; a PATH has a slash.\n"
             "docs/operations.md tells more.\n",
    .subs = snapshot_verbs,
    .exits = "0 2 4 5 130",
};
