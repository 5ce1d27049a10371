/*
 * cmd_key.c - `muster key`: who may ask a server, and what.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"

#include <string.h>
#include "base/error.h"

/* The last column is for `key create` alone. */
static const column columns[] = {
    {"id", COLUMN_TEXT},      {"name", COLUMN_TEXT},
    {"role", COLUMN_TEXT},    {"permissions", COLUMN_LIST},
    {"partner", COLUMN_TEXT}, {"provider", COLUMN_TEXT},
    {"created", COLUMN_TIME}, {"revoked", COLUMN_TIME},
    {"secret", COLUMN_TEXT}};
#define LISTED 8
#define MADE 9

typedef struct names {
    char texts[64]; /* each ended by NUL */
    size_t len;
    size_t count;
} names;

static int put_name(void *payload, const char *name)
{
    names *n = payload;
    const size_t bytes = strlen(name) + 1;
    ASSERT(n->len + bytes <= sizeof n->texts);
    memcpy(n->texts + n->len, name, bytes);
    n->len += bytes;
    n->count++;
    return 0;
}

static int put_key(void *payload, const muster_key *key)
{
    rows *r = payload;
    names may = {.len = 0};
    muster_permissions_each(key->may, put_name, &may);
    rows_str(r, key->id);
    rows_str(r, key->name);
    rows_str(r, key->role);
    rows_list(r, may.texts, may.count);
    rows_str(r, key->partner);
    rows_str(r, key->provider);
    rows_time(r, key->created);
    rows_time(r, key->revoked);
    return 0;
}

/* ---- create ---- */

static int count_held(void *payload, const muster_key *key)
{
    *(uint32_t *)payload += key->revoked == 0;
    return 0;
}

/* "a,b" of the flag into bits. 0, or an exit code after telling. */
static int take_scopes(cli *c, uint32_t *may)
{
    const char *at = cli_flag_text(c, "scopes");
    while (at != NULL && *at != '\0') {
        const size_t len = strcspn(at, ",");
        const uint32_t bit = muster_permission_find(text_make(at, len));
        if (bit == 0)
            return tell_usage(c, "--scopes takes a list of ingest, lookup,"
                                 " read, write, export and admin");
        *may |= bit;
        at += len;
        at += *at == ',';
    }
    return 0;
}

/* What is meant where neither a role nor scopes are given. */
static int choose(cli *c, muster_key_options *o)
{
    uint32_t held = 0;
    muster_error err;
    error_clear(&err);
    if (o->role != NULL || o->may != 0)
        return 0;
    if (client_keys_each(c, count_held, &held, &err) < 0)
        return tell_status(c, &err, NULL, 0);
    if (o->partner != NULL)
        o->role = "partner";
    else if (o->provider != NULL)
        o->may = MUSTER_MAY_INGEST;
    else if (held == 0)
        o->role = "admin";
    else
        return tell_usage(c, "say what the key may do: --role or --scopes");
    return 0;
}

typedef struct made {
    cli *c;
    char secret[MUSTER_KEY_SECRET_BYTES];
} made;

static int put_json_name(void *payload, const char *name)
{
    json_put_str(payload, name);
    return 0;
}

static void put_word(cli *c, const char *key, const char *word)
{
    json_writer *w = out_member(c, key);
    if (*word != '\0')
        json_put_str(w, word);
    else
        json_put_null(w);
}

static void put_object(const made *m, const muster_key *key)
{
    cli *c = m->c;
    out_open(c);
    out_member_str(c, "id", key->id);
    put_word(c, "name", key->name);
    put_word(c, "role", key->role);
    json_writer *w = out_member(c, "permissions");
    json_open_array(w);
    muster_permissions_each(key->may, put_json_name, w);
    json_close(w);
    put_word(c, "partner", key->partner);
    put_word(c, "provider", key->provider);
    out_member_time(c, "created", key->created);
    put_word(c, "revoked", "");
    out_member_str(c, "secret", m->secret);
    out_close(c);
}

static int put_made(void *payload, const muster_key *key)
{
    const made *m = payload;
    if (m->c->set.format == FORMAT_JSON) {
        put_object(m, key);
        return 0;
    }
    rows *r = rows_open(m->c, "made", columns, MADE);
    put_key(r, key);
    rows_str(r, m->secret);
    rows_close(r);
    return 0;
}

static int make(cli *c, const muster_key_options *o)
{
    made m = {.c = c};
    muster_error err;
    error_clear(&err);
    const int status =
        client_key_create(c, o, m.secret, put_made, &m, &err);
    explicit_bzero(m.secret, sizeof m.secret);
    if (status < 0)
        return tell_status(c, &err, NULL, 0);
    tell(c, "keep the secret: it is not shown again");
    return 0;
}

static int cmd_create(cli *c, int argc, char **argv)
{
    muster_key_options o = MUSTER_KEY_OPTIONS_INIT;
    (void)argc;
    (void)argv;
    o.name = cli_flag_text(c, "name");
    o.role = cli_flag_text(c, "role");
    o.partner = cli_flag_text(c, "partner");
    o.provider = cli_flag_text(c, "provider");
    int code = take_scopes(c, &o.may);
    if (code == 0)
        code = client_open(c, MUSTER_OPEN_CREATE);
    if (code == 0)
        code = choose(c, &o);
    return code != 0 ? code : make(c, &o);
}

/* ---- ls, revoke ---- */

static int cmd_ls(cli *c, int argc, char **argv)
{
    muster_error err;
    (void)argc;
    (void)argv;
    error_clear(&err);
    const int code = client_open(c, MUSTER_OPEN_READ);
    if (code != 0)
        return code;
    out_open(c);
    rows *r = rows_open(c, "data", columns, LISTED);
    const int status = client_keys_each(c, put_key, r, &err);
    return out_end_rows(c, r, status, &err);
}

static int cmd_revoke(cli *c, int argc, char **argv)
{
    muster_error err;
    int code = client_open(c, MUSTER_OPEN_WRITE);
    for (int i = 0; i < argc && code == 0; i++) {
        error_clear(&err);
        if (client_key_revoke(c, argv[i], &err) < 0)
            code = tell_status(c, &err, NULL, 0);
        else
            tell(c, "revoked %s", argv[i]);
    }
    return code;
}

/* ---- the table ---- */

static const cli_flag create_flags[] = {
    {"role", 0, "ROLE", "ad-ops analyst ad-server partner admin",
     "what it may do, by the kind of user"},
    {"scopes", 0, "LIST", NULL,
     "or one by one: ingest,lookup,read,write,export,admin"},
    {"partner", 0, "PARTNER", NULL, "it sees what is shared with PARTNER"},
    {"provider", 0, "PROVIDER", NULL, "what it brings is said by PROVIDER"},
    {"name", 0, "TEXT", NULL, "a name for people"},
    CLI_FLAG_END};

static const cli_verb key_verbs[] = {
    {.name = "create",
     .run = cmd_create,
     .synopsis = "[FLAG]...",
     .summary = "Make a key; its secret is shown once",
     .about =
         "What is stored is a hash; a secret that is lost is replaced by"
         " another key. Without a\nrole or scopes the first key of a data"
         " directory is an admin's, one of a partner has\nthe role partner,"
         " and one of a provider may ingest.\n"
         "\n"
         "    ad-ops     lookup, read, write\n"
         "    analyst    read\n"
         "    ad-server  lookup\n"
         "    partner    lookup, read; sees what is shared with it\n"
         "    admin      everything\n",
     .flags = create_flags,
     .examples = "# the first one\n"
                 "muster key create\n"
                 "# for the ad server\n"
                 "muster key create --role ad-server --name 'Frontend'\n"
                 "# a write key, whose facts are said by `shop`\n"
                 "muster key create --provider shop\n",
     .exits = "0 2 4 5 7"},
    {.name = "ls",
     .run = cmd_ls,
     .synopsis = "",
     .summary = "List the keys, revoked ones among them",
     .examples = "# who may ask?\n"
                 "muster key ls\n",
     .exits = "0 2 7"},
    {.name = "revoke",
     .run = cmd_revoke,
     .synopsis = "ID...",
     .summary = "Take keys back",
     .about = "The next request with one is refused. A key stays in the list,"
              " so that what it did\ncan be named.\n",
     .examples = "# it has leaked\n"
                 "muster key revoke k_3f9q0z17ab\n",
     .exits = "0 2 4 5 7",
     .words_min = 1,
     .words_max = -1,
     .operand = OPERAND_TEXT},
    {.name = NULL}};

const cli_verb verb_key = {
    .name = "key",
    .synopsis = "VERB ...",
    .summary = "Keys: who may ask a server, and what",
    .about = "A server answers who shows a key. Its secret looks like"
             " muster_live_... and is shown\nonce; its id (k_...) names it"
             " everywhere else.\n",
    .subs = key_verbs,
    .exits = "0 2 4 5 7",
};
