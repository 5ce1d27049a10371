/*
 * cmd_ids.c - `muster ids`: the users of an expression, by pseudonym.
 *
 * A pseudonym is a keyed hash: the same user has the same one as long as the
 * data directory keeps its key, and nobody without the key can tell the id it
 * was made from.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"

#include <string.h>
#include "base/mem.h"

typedef struct walk {
    cli *c;
    rows *out;
} walk;

static int put_user(void *payload, const muster_pseudonym *user)
{
    static const char digits[] = "0123456789abcdef";
    walk *w = payload;
    char hex[2 * sizeof user->bytes];
    for (size_t i = 0; i < sizeof user->bytes; i++) {
        hex[2 * i] = digits[user->bytes[i] >> 4];
        hex[2 * i + 1] = digits[user->bytes[i] & 15];
    }
    rows_text(w->out, text_make(hex, sizeof hex));
    return w->c->out_failed; /* ends the walk */
}

static int put_users(cli *c, client_segment *segment, const char *text,
                     size_t len)
{
    static const column columns[] = {{"pseudonym", COLUMN_TEXT}};
    walk w = {.c = c};
    uint64_t limit = UINT64_MAX;
    muster_error err;
    memset(&err, 0, sizeof err);
    if (!cli_flag_uint(c, "limit", &limit))
        return EXIT_USAGE;
    out_open(c);
    w.out = rows_open(c, "users", columns, 1);
    const int status = 
        client_segment_users(segment, limit, put_user, &w, &err);
    rows_close(w.out);
    out_member_state(c);
    out_close(c);
    return status < 0 ? tell_status(c, &err, text, len) : 0;
}

static int cmd_ids(cli *c, int argc, char **argv)
{
    client_segment *segment = NULL;
    char *text = NULL;
    size_t len = 0;
    (void)argc;
    int code = input_expr(c, argv[0], &text, &len);
    if (code == 0)
        code = client_open(c, MUSTER_OPEN_READ);
    if (code == 0)
        code = session_compile(c, &segment, text, len);
    if (code == 0)
        code = put_users(c, segment, text, len);
    client_segment_free(segment);
    mem_free(text);
    return code;
}

static const cli_flag ids_flags[] = {
    {"limit", 0, "N", NULL, "at most N users (all)"}, CLI_FLAG_END};

const cli_verb verb_ids = {
    .name = "ids",
    .run = cmd_ids,
    .synopsis = "[--limit N] EXPR|-",
    .summary = "The users of an expression, by pseudonym",
    .about =
        "A pseudonym is 32 hexadecimal digits made from the user's first id"
        " under the data\ndirectory's secret key. The ids themselves are not"
        " stored and cannot be printed.\n",
    .flags = ids_flags,
    .examples = "# ten of them\n"
                "muster ids --limit 10 'interest = \"autos\"'\n"
                "# for another program\n"
                "muster ids --no-header -o tsv 'cart.add and not purchase'\n",
    .exits = "0 2 3 7",
    .words_min = 1,
    .words_max = 1,
    .operand = OPERAND_TEXT,
    .takes_expr = true,
};
