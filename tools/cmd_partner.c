/*
 * cmd_partner.c - `muster partner`: who sees what is shared with them alone;
 * and `muster segment share`, `unshare`, which share it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd_segment.h"

#include "base/error.h"
#include "client.h"

static int cmd_set(cli *c, int argc, char **argv)
{
    muster_error err;
    (void)argc;
    error_clear(&err);
    const int code = client_open(c, MUSTER_OPEN_CREATE);
    if (code != 0)
        return code;
    if (client_partner_set(c, argv[0], cli_flag_text(c, "name"), &err) < 0)
        return tell_status(c, &err, NULL, 0);
    tell(c, "set; muster segment share KEY %s shows it a segment", argv[0]);
    return 0;
}

static int put_partner(void *payload, const muster_partner *row)
{
    rows *r = payload;
    rows_str(r, row->key);
    rows_str(r, row->name);
    rows_uint(r, row->segments);
    rows_uint(r, row->keys);
    rows_time(r, row->created);
    return 0;
}

static int cmd_ls(cli *c, int argc, char **argv)
{
    static const column columns[] = {{"key", COLUMN_TEXT},
                                     {"name", COLUMN_TEXT},
                                     {"segments", COLUMN_COUNT},
                                     {"keys", COLUMN_COUNT},
                                     {"created", COLUMN_TIME}};
    muster_error err;
    (void)argc;
    (void)argv;
    error_clear(&err);
    const int code = client_open(c, MUSTER_OPEN_READ);
    if (code != 0)
        return code;
    out_open(c);
    rows *r = rows_open(c, "data", columns, 5);
    const int status = client_partners_each(c, put_partner, r, &err);
    return out_end_rows(c, r, status, &err);
}

static int put_shared(void *payload, const muster_saved *row)
{
    rows *r = payload;
    rows_str(r, row->key);
    rows_uint(r, row->id);
    rows_str(r, row->name);
    return 0;
}

static int cmd_show(cli *c, int argc, char **argv)
{
    static const column columns[] = {{"key", COLUMN_TEXT},
                                     {"id", COLUMN_INT},
                                     {"name", COLUMN_TEXT}};
    muster_error err;
    (void)argc;
    error_clear(&err);
    const int code = client_open(c, MUSTER_OPEN_READ);
    if (code != 0)
        return code;
    out_open(c);
    rows *r = rows_open(c, "data", columns, 3);
    const int status = client_partner_shares_each(c, argv[0], put_shared, r,
                                                  &err);
    return out_end_rows(c, r, status, &err);
}

static int cmd_rm(cli *c, int argc, char **argv)
{
    muster_error err;
    int code = client_open(c, MUSTER_OPEN_WRITE);
    for (int i = 0; i < argc && code == 0; i++) {
        error_clear(&err);
        if (client_partner_remove(c, argv[i], &err) < 0)
            code = tell_status(c, &err, NULL, 0);
        else
            tell(c, "removed %s; its keys are revoked", argv[i]);
    }
    return code;
}

/* ---- segment share, unshare ---- */

static int change_share(cli *c, char **argv, bool undo)
{
    muster_error err;
    bool changed = false;
    error_clear(&err);
    int code = segment_key_check(c, argv[0]);
    if (code == 0)
        code = client_open(c, MUSTER_OPEN_WRITE);
    if (code != 0)
        return code;
    if (client_audience_share(c, argv[0], argv[1], undo, &changed, &err) < 0)
        return tell_status(c, &err, NULL, 0);
    tell(c, "%s %s %s%s", argv[1], undo ? "no longer sees" : "sees", argv[0],
         changed ? "" : ", as before");
    return 0;
}

int cmd_segment_share(cli *c, int argc, char **argv)
{
    (void)argc;
    return change_share(c, argv, false);
}

int cmd_segment_unshare(cli *c, int argc, char **argv)
{
    (void)argc;
    return change_share(c, argv, true);
}

/* ---- the table ---- */

static const cli_flag set_flags[] = {
    {"name", 0, "TEXT", NULL, "a name for people"}, CLI_FLAG_END};

static const cli_verb partner_verbs[] = {
    {.name = "set",
     .run = cmd_set,
     .synopsis = "[--name TEXT] PARTNER",
     .summary = "Add a partner, or give it another name",
     .flags = set_flags,
     .examples = "# a partner, a key for it, a segment that it sees\n"
                 "muster partner set acme --name 'Acme Media'\n"
                 "muster key create --partner acme\n"
                 "muster segment share pricing-page acme\n",
     .exits = "0 2 5 7",
     .words_min = 1,
     .words_max = 1,
     .operand = OPERAND_TEXT},
    {.name = "ls",
     .run = cmd_ls,
     .synopsis = "",
     .summary = "List the partners",
     .examples = "# with how many segments and keys each has\n"
                 "muster partner ls\n",
     .exits = "0 2 7"},
    {.name = "show",
     .run = cmd_show,
     .synopsis = "PARTNER",
     .summary = "The segments that are shared with a partner",
     .examples = "# what does acme see?\n"
                 "muster partner show acme\n",
     .exits = "0 2 4 7",
     .words_min = 1,
     .words_max = 1,
     .operand = OPERAND_TEXT},
    {.name = "rm",
     .run = cmd_rm,
     .synopsis = "PARTNER...",
     .summary = "Remove partners, their shares, and revoke their keys",
     .examples = "# the contract has ended\n"
                 "muster partner rm acme\n",
     .exits = "0 2 4 5 7",
     .words_min = 1,
     .words_max = -1,
     .operand = OPERAND_TEXT},
    {.name = NULL}};

const cli_verb verb_partner = {
    .name = "partner",
    .synopsis = "VERB ...",
    .summary = "Partners: who sees what is shared with them",
    .about = "A key of a partner sees the segments that are shared with it"
             " (`segment share`). All\nothers are to it as if they did not"
             " exist.\n",
    .subs = partner_verbs,
    .exits = "0 2 4 5 7",
};
