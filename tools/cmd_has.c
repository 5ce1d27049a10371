/*
 * cmd_has.c - `muster has`: is the user in the segment? The exit code is the
 * answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"

#include "base/error.h"

static void put_answer(cli *c, bool member)
{
    static const column columns[] = {{"member", COLUMN_BOOL}};
    if (c->set.quiet)
        return;
    if (c->set.format == FORMAT_TABLE) {
        out_printf(c, "%s\n", member ? "yes" : "no");
        return;
    }
    if (c->set.format != FORMAT_JSON) {
        rows *r = rows_open(c, "member", columns, 1);
        rows_bool(r, member);
        rows_close(r);
        return;
    }
    out_open(c);
    json_writer *w = out_member(c, "member");
    json_open_array(w);
    json_put_bool(w, member);
    json_close(w);
    out_member_state(c);
    out_close(c);
}

static int cmd_has(cli *c, int argc, char **argv)
{
    client_segment *segment = NULL;
    muster_id id;
    bool member = false;
    muster_error err;
    error_clear(&err);
    (void)argc;
    int code = id_check(c, argv[1], 1);
    if (code == 0)
        code = client_open(c, MUSTER_OPEN_READ);
    if (code == 0)
        code = session_compile_segment(c, &segment, argv[0]);
    if (code != 0)
        return code;
    id_split(argv[1], &id);
    if (client_segment_has(segment, &id, &member, &err) < 0) {
        code = tell_status(c, &err, NULL, 0);
    } else {
        put_answer(c, member);
        code = member ? EXIT_OK : EXIT_FALSE;
    }
    client_segment_free(segment);
    return code;
}

const cli_verb verb_has = {
    .name = "has",
    .run = cmd_has,
    .synopsis = "SEGMENT SPACE:ID",
    .summary = "Is the user in the segment? The exit code tells",
    .about = "SEGMENT is the key of a saved segment, or an expression. An"
             " unknown user is in none.\nWith -q nothing is printed.\n",
    .examples = "# in a script\n"
                "muster has -q loyal-travel cookie:4f2a && echo yes\n"
                "# without saving a segment\n"
                "muster has 'geo.country = \"DE\"' cookie:4f2a\n",
    .exits = "0 1 2 3 4 7",
    .words_min = 2,
    .words_max = 2,
    .operand = OPERAND_SEGMENT,
    .takes_ids = true,
};
