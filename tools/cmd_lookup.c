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
#include "client.h"

#include <string.h>
#include "base/error.h"
#include "base/mem.h"

#define TOLD_MAX 10

typedef struct lookup {
    cli *c;
    rows *out;
    uint64_t position; /* of the id shown last */
    uint64_t refused;
    muster_id *waiting; /* until there are enough for one question */
    size_t waiting_count;
    arena texts; /* theirs */
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

static int put_rows(lookup *l, const muster_id *id, muster_error *err)
{
    static const column columns[] = {{"segment", COLUMN_TEXT},
                                     {"id", COLUMN_INT},
                                     {"priority", COLUMN_INT},
                                     {"name", COLUMN_TEXT}};
    cli *c = l->c;
    bool known = false;
    l->out = rows_open(c, "segments", columns, 4);
    const int status =
        client_audience_lookup(c, id, &known, put_saved, l, err);
    rows_close(l->out);
    if (status == 0 && !known && c->set.format == FORMAT_TABLE)
        tell(c, "the user is not known");
    return status;
}

static int put_json(void *payload, const client_found *found)
{
    cli *c = payload;
    if (found->message != NULL)
        return tell_error(c, EXIT_USAGE, "%s", found->message);
    out_open(c);
    json_writer *w = out_member(c, "segments");
    json_open_array(w);
    const char *key = found->keys;
    for (size_t i = 0; i < found->key_count; i++, key += strlen(key) + 1)
        json_put_str(w, key);
    json_close(w);
    out_member_state(c);
    out_close(c);
    return 0;
}

static int lookup_one(void *payload, uint64_t position, const muster_id *id)
{
    lookup *l = payload;
    cli *c = l->c;
    muster_error err;
    error_clear(&err);
    (void)position;
    const int status =
        c->set.format == FORMAT_JSON
            ? client_audience_lookup_many(c, id, 1, put_json, c, &err)
            : put_rows(l, id, &err);
    if (status >= 0)
        return status;
    out_discard(c);
    return tell_status(c, &err, NULL, 0);
}

/* ---- several ids ---- */

/* The next id of the input, and what was found. */
static int put_found(void *payload, const client_found *found)
{
    lookup *l = payload;
    l->position++;
    if (found->message != NULL && l->refused++ < TOLD_MAX)
        tell(l->c, "id %llu: %s", (unsigned long long)l->position,
             found->message);
    rows_uint(l->out, l->position);
    rows_str(l->out, found->status);
    rows_list(l->out, found->keys, found->key_count);
    return l->c->out_failed ? EXIT_USAGE : 0;
}

/* Asks about the ids that wait. */
static int lookup_waiting(lookup *l)
{
    muster_error err;
    error_clear(&err);
    const int status = client_audience_lookup_many(
        l->c, l->waiting, l->waiting_count, put_found, l, &err);
    l->waiting_count = 0;
    arena_reset(&l->texts);
    return status < 0 ? tell_status(l->c, &err, NULL, 0) : status;
}

static int lookup_next(void *payload, uint64_t position, const muster_id *id)
{
    static const client_found no_id = {
        .status = "refused", .message = "not of the form SPACE:ID"};
    lookup *l = payload;
    int code = 0;
    (void)position;
    if (id == NULL || l->waiting_count == CLIENT_LOOKUP_MAX)
        code = lookup_waiting(l);
    if (id == NULL)
        return code != 0 ? code : put_found(l, &no_id);
    l->waiting[l->waiting_count++] = (muster_id){
        arena_strndup(&l->texts, id->space, strlen(id->space)),
        arena_strndup(&l->texts, id->id, id->id_len), id->id_len};
    return code;
}

static int lookup_many(lookup *l, int argc, char **argv)
{
    static const column columns[] = {{"input", COLUMN_INT},
                                     {"status", COLUMN_TEXT},
                                     {"segments", COLUMN_LIST}};
    cli *c = l->c;
    out_open(c);
    l->out = rows_open(c, "results", columns, 3);
    int code = ids_each(argc, argv, lookup_next, l);
    if (code == 0)
        code = lookup_waiting(l);
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
        code = client_open(c, MUSTER_OPEN_READ);
    arena_init(&l.texts);
    l.waiting = mem_array(CLIENT_LOOKUP_MAX, sizeof *l.waiting);
    if (code == 0)
        code = one ? ids_each(argc, argv, lookup_one, &l)
                   : lookup_many(&l, argc, argv);
    arena_release(&l.texts);
    mem_free(l.waiting);
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
    .exits = "0 2 6 7",
    .words_min = 1,
    .words_max = -1,
    .takes_ids = true,
};
