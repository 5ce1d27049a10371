/*
 * cmd_optout.c - `muster optout` and `muster forget`: users who want out.
 *
 * Both take ids as words or, with -, one a line. The answer has only numbers;
 * ids that are refused are told by position.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"

#include "base/error.h"

#define TOLD_MAX 10

typedef struct request {
    cli *c;
    bool forget;
    bool undo;
    uint64_t ids;
    uint64_t known;
    uint64_t refused;
} request;

static int refuse(request *q, uint64_t position, const char *message)
{
    if (q->refused++ < TOLD_MAX)
        tell(q->c, "id %llu: %s", (unsigned long long)position, message);
    return 0;
}

static int apply_one(void *payload, uint64_t position, const muster_id *id)
{
    request *q = payload;
    bool known = false;
    muster_error err;
    error_clear(&err);
    q->ids++;
    if (id == NULL)
        return refuse(q, position, "not of the form SPACE:ID");
    const int status =
        q->forget ? client_privacy_forget(q->c, id, &known, &err)
                  : client_privacy_optout(q->c, id, q->undo, &known, &err);
    if (status == MUSTER_EINVAL || status == MUSTER_EREFUSED)
        return refuse(q, position, err.message);
    if (status < 0)
        return tell_status(q->c, &err, NULL, 0);
    q->known += known;
    return 0;
}

static void put_answer(const request *q)
{
    static const column columns[] = {{"ids", COLUMN_COUNT},
                                     {"known", COLUMN_COUNT},
                                     {"unknown", COLUMN_COUNT},
                                     {"refused", COLUMN_COUNT}};
    const uint64_t values[] = {q->ids, q->known, q->ids - q->known - q->refused,
                               q->refused};
    cli *c = q->c;
    if (c->set.format == FORMAT_JSON) {
        out_open(c);
        for (int i = 0; i < 4; i++)
            out_member_uint(c, columns[i].key, values[i]);
        out_member_state(c);
        out_close(c);
        return;
    }
    rows *r = rows_open(c, "ids", columns, 4);
    for (int i = 0; i < 4; i++)
        rows_uint(r, values[i]);
    rows_close(r);
}

static int run(request *q, int argc, char **argv)
{
    int code = ids_check(q->c, argc, argv);
    if (code == 0)
        code = client_open(q->c, MUSTER_OPEN_WRITE);
    if (code != 0)
        return code;
    code = ids_each(argc, argv, apply_one, q);
    put_answer(q);
    return code == 0 && q->refused > 0 ? EXIT_PARTIAL : code;
}

static int cmd_optout(cli *c, int argc, char **argv)
{
    request q = {.c = c, .undo = cli_flag_is(c, "undo")};
    return run(&q, argc, argv);
}

static int cmd_forget(cli *c, int argc, char **argv)
{
    request q = {.c = c, .forget = true};
    return run(&q, argc, argv);
}

static const cli_flag optout_flags[] = {
    {"undo", 0, NULL, NULL, "take them back in"}, CLI_FLAG_END};

const cli_verb verb_optout = {
    .name = "optout",
    .run = cmd_optout,
    .synopsis = "[--undo] SPACE:ID...|-",
    .summary = "Take users out of every answer",
    .about = "From the next question on they are in no count, segment or"
             " lookup; --undo takes them\nback in. A user not seen yet is"
             " remembered by pseudonym, so that what comes later\nstays"
             " hidden too. With - ids are read from stdin, one a line.\n",
    .flags = optout_flags,
    .examples = "# one user\n"
                "muster optout cookie:4f2a\n"
                "# a list\n"
                "muster optout - < optouts.txt\n",
    .exits = "0 2 5 6 7",
    .words_min = 1,
    .words_max = -1,
    .takes_ids = true,
};

const cli_verb verb_forget = {
    .name = "forget",
    .run = cmd_forget,
    .synopsis = "SPACE:ID...|-",
    .summary = "Forget users for good",
    .about = "They are in no answer again, and later records that name the"
             " same id are refused with\nreason `forgotten`. It cannot be"
             " undone. With - ids are read from stdin, one a line.\n",
    .examples = "# a request for erasure\n"
                "muster forget customer:c9\n",
    .exits = "0 2 5 6 7",
    .words_min = 1,
    .words_max = -1,
    .takes_ids = true,
};
