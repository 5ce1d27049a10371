/*
 * cmd_provider.c - `muster provider`: who says what is known of users.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd_provider.h"

#include "base/error.h"

static int put_provider(void *payload, const muster_provider *p)
{
    rows *r = payload;
    rows_str(r, p->name);
    rows_str(r, p->party);
    rows_str(r, p->ttl);
    rows_bool(r, p->declared);
    return 0;
}

static int cmd_ls(cli *c, int argc, char **argv)
{
    static const column columns[] = {{"name", COLUMN_TEXT},
                                     {"party", COLUMN_TEXT},
                                     {"ttl", COLUMN_TEXT},
                                     {"declared", COLUMN_BOOL}};
    muster_error err;
    (void)argc;
    (void)argv;
    error_clear(&err);
    const int code = client_open(c, MUSTER_OPEN_READ);
    if (code != 0)
        return code;
    out_open(c);
    rows *r = rows_open(c, "data", columns, 4);
    const int status = client_providers_each(c, put_provider, r, &err);
    return out_end_rows(c, r, status, &err);
}

typedef struct wanted {
    const char *name;
    char party[16];
    char ttl[32];
} wanted;

/* What a provider has already; a flag that is not given leaves it. */
static int take_current(void *payload, const muster_provider *p)
{
    wanted *w = payload;
    if (!text_equal(text_of(p->name), text_of(w->name)))
        return 0;
    snprintf(w->party, sizeof w->party, "%s", p->party);
    snprintf(w->ttl, sizeof w->ttl, "%s", p->ttl);
    return 1;
}

static int cmd_set(cli *c, int argc, char **argv)
{
    const char *party = cli_flag_text(c, "party");
    const char *ttl = cli_flag_text(c, "ttl");
    wanted w = {.name = argv[0], .party = "first"};
    uint32_t hours;
    muster_error err;
    (void)argc;
    error_clear(&err);
    if (party == NULL && ttl == NULL)
        return tell_usage(c, "say what to set: --party, --ttl");
    if (ttl != NULL && *ttl != '\0' &&
        !text_parse_duration(text_of(ttl), &hours))
        return tell_usage(c,
                          "--ttl takes a time as 60d, 12h or 0 (never),"
                          " or '' for none; not '%s'",
                          ttl);
    const int code = client_open(c, MUSTER_OPEN_CREATE);
    if (code != 0)
        return code;
    if (client_providers_each(c, take_current, &w, &err) < 0)
        return tell_status(c, &err, NULL, 0);
    if (ttl == NULL)
        ttl = w.ttl;
    if (client_provider_set(c, argv[0], party != NULL ? party : w.party,
                            *ttl != '\0' ? ttl : NULL, &err) < 0)
        return tell_status(c, &err, NULL, 0);
    tell(c, "set; muster provider ls shows all");
    return 0;
}

static const cli_flag set_flags[] = {
    {"party", 0, "PARTY", "first second third", "first, second or third"},
    {"ttl", 0, "TIME", NULL,
     "how long its profile facts live: 60d, 12h, 0 = never end"},
    CLI_FLAG_END};

static const cli_verb provider_verbs[] = {
    {.name = "ls",
     .run = cmd_ls,
     .synopsis = "",
     .summary = "List the providers",
     .examples = "# who says anything?\n"
                 "muster provider ls\n",
     .exits = "0 2 7"},
    {.name = "set",
     .run = cmd_set,
     .synopsis = "[--party PARTY] [--ttl TIME] NAME",
     .summary = "Add or change a provider",
     .about = "What is not given stays as it is; a new provider is a first"
              " party without a TTL.\n",
     .flags = set_flags,
     .examples = "# a third party whose facts live sixty days\n"
                 "muster provider set acme --party third --ttl 60d\n",
     .exits = "0 2 5 7",
     .words_min = 1,
     .words_max = 1,
     .operand = OPERAND_PROVIDER},
    {.name = "report",
     .run = cmd_provider_report,
     .synopsis = "[--truth ATTR@PROVIDER] [--by WHAT] [NAME...]",
     .summary = "Providers beside each other",
     .about =
         "Exact numbers of live facts. `only`: users of whom no other provider"
         " says anything.\n`facts`: users and values of profile attributes;"
         " `ending`: those that end within 30\ndays unless said again."
         " `events`: users and days (hours, for hour grain) of events;\nof"
         " these, the last 7 and 30 days, and the newest. --by attribute:"
         " `contradicted`,\nusers of whom another provider says another value"
         " of a one_of attribute.\n"
         "\n"
         "With --truth: `compared`, users of whom both the provider and the"
         " truth speak, and\nthe share of them on which they agree. --by"
         " value: `said` by the provider and by\nthe `truth`, of users of whom"
         " the other speaks too; `both`; precision is both of\nsaid, recall"
         " both of truth.\n",
     .flags = provider_report_flags,
     .examples =
         "# whom do we pay for, and is it fresh?\n"
         "muster provider report\n"
         "# how often does a data vendor agree with our own records?\n"
         "muster provider report --truth demo.gender@crm --by value datahub\n",
     .exits = "0 2 4 7",
     .words_max = -1,
     .operand = OPERAND_PROVIDER},
    {.name = NULL}};

const cli_verb verb_provider = {
    .name = "provider",
    .synopsis = "VERB ...",
    .summary = "Providers: who says it",
    .about = "Every fact belongs to the provider that said it. Expressions"
             " can ask for one (`from\nacme`) or for a party (`from first"
             " party`).\n",
    .subs = provider_verbs,
    .exits = "0 2 4 5 7",
};
