/*
 * cmd_lookup.c - `muster lookup`: the saved, served segments of users.
 *
 * One id: its segments, one a row. Several ids, or - : one row an id, in
 * order, by the position of the id in the input, never by the id:
 *
 *   input  status   segments
 *       1  hit      loyal-travel pricing-page
 *       2  miss                                  not known
 *       3  refused                               no id, or personal data
 *
 * An unknown user is no error. Refused ids are told with their position, the
 * first TOLD_MAX of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <string.h>
#include "base/error.h"

#define TOLD_MAX 10
#define KEYS_BYTES_MAX ((size_t)64 << 20)

typedef struct lookup {
    cli *c;
    rows *out;
    buffer keys; /* of one user, each ended by NUL */
    size_t key_count;
    uint64_t refused;
    int code;
} lookup;

/* ---- one id ---- */

static int put_saved(void *payload, const muster_saved *row)
{
    lookup *l = payload;
    rows_str(l->out, row->key);
    rows_uint(l->out, row->id);
    rows_int(l->out, row->priority);
    rows_str(l->out, row->name);
    return 0;
}

static int keep_key(void *payload, const muster_saved *row)
{
    lookup *l = payload;
    buffer_put_str(&l->keys, row->key);
    buffer_put_u8(&l->keys, 0);
    l->key_count++;
    return 0;
}

static void put_keys_json(lookup *l)
{
    cli *c = l->c;
    out_open(c);
    json_writer *w = out_member(c, "segments");
    json_open_array(w);
    const char *key = (const char *)l->keys.data;
    for (size_t i = 0; i < l->key_count; i++, key += strlen(key) + 1)
        json_put_str(w, key);
    json_close(w);
    out_member_state(c);
    out_close(c);
}

static int lookup_one(void *payload, uint64_t position, const muster_id *id)
{
    static const column columns[] = {{"segment", COLUMN_TEXT},
                                     {"id", COLUMN_INT},
                                     {"priority", COLUMN_INT},
                                     {"name", COLUMN_TEXT}};
    lookup *l = payload;
    cli *c = l->c;
    const bool json = c->set.format == FORMAT_JSON;
    bool known = false;
    muster_error err;
    error_clear(&err);
    (void)position;
    if (!json)
        l->out = rows_open(c, "segments", columns, 4);
    const int status = muster_audience_lookup(
        c->engine, c->scope, id, &known, json ? keep_key : put_saved, l, &err);
    if (!json)
        rows_close(l->out);
    if (status < 0) {
        out_discard(c);
        return tell_status(c, &err, NULL, 0);
    }
    if (json)
        put_keys_json(l);
    if (!known && c->set.format == FORMAT_TABLE)
        tell(c, "the user is not known");
    return 0;
}

/* ---- several ids ---- */

static const char *refuse(lookup *l, uint64_t position, const char *message)
{
    if (l->refused++ < TOLD_MAX)
        tell(l->c, "id %llu: %s", (unsigned long long)position, message);
    return "refused";
}

static int lookup_next(void *payload, uint64_t position, const muster_id *id)
{
    lookup *l = payload;
    const char *status;
    bool known = false;
    muster_error err;
    error_clear(&err);
    buffer_clear(&l->keys);
    l->key_count = 0;
    if (id == NULL)
        status = refuse(l, position, "not of the form SPACE:ID");
    else if (muster_audience_lookup(l->c->engine, l->c->scope, id, &known,
                                    keep_key, l, &err) == 0)
        status = known ? "hit" : "miss";
    else if (err.code == MUSTER_EINVAL || err.code == MUSTER_EREFUSED)
        status = refuse(l, position, err.message);
    else
        return tell_status(l->c, &err, NULL, 0);
    rows_uint(l->out, position);
    rows_str(l->out, status);
    rows_list(l->out, (const char *)l->keys.data, l->key_count);
    return l->c->out_failed ? EXIT_USAGE : 0;
}

static int lookup_many(lookup *l, int argc, char **argv)
{
    static const column columns[] = {{"input", COLUMN_INT},
                                     {"status", COLUMN_TEXT},
                                     {"segments", COLUMN_LIST}};
    cli *c = l->c;
    out_open(c);
    l->out = rows_open(c, "results", columns, 3);
    const int code = ids_each(argc, argv, lookup_next, l);
    rows_close(l->out);
    out_member_state(c);
    out_close(c);
    if (code != 0 || l->refused == 0)
        return code;
    tell(c, "ids refused: %s", human_count(l->refused).text);
    return EXIT_PARTIAL;
}

static int cmd_lookup(cli *c, int argc, char **argv)
{
    lookup l = {.c = c};
    const bool one = argc == 1 && strcmp(argv[0], "-") != 0;
    int code = ids_check(c, argc, argv);
    if (code == 0)
        code = session_open(c, MUSTER_OPEN_READ);
    buffer_init(&l.keys, KEYS_BYTES_MAX);
    if (code == 0)
        code = one ? ids_each(argc, argv, lookup_one, &l)
                   : lookup_many(&l, argc, argv);
    buffer_release(&l.keys);
    return code;
}

const cli_verb verb_lookup = {
    .name = "lookup",
    .run = cmd_lookup,
    .synopsis = "SPACE:ID...|-",
    .summary = "The segments a user is in",
    .about =
        "Saved segments that are served, the highest priority first. With"
        " several ids, or -\n(one id a line on stdin), there is one row an"
        " id, named by its position; ids are\nnever printed. An unknown user"
        " is in no segment and no error. Ids on a command\nline can be seen"
        " by others on the machine: prefer - where that matters.\n",
    .examples = "# one user\n"
                "muster lookup cookie:4f2a\n"
                "# many, one JSON object a line\n"
                "muster lookup - --ndjson < ids.txt\n",
    .exits = "0 2 6",
    .words_min = 1,
    .words_max = -1,
    .takes_ids = true,
};
