/*
 * cmd_hash.c - `muster hash`: digests of e-mail addresses and phone numbers,
 * where they are kept, so that nobody has to send them. Needs no data
 * directory.
 *
 * One line in, one line out: the digest, or nothing where the line has none.
 * What was read is never shown: a line that is refused is told by its number,
 * the first TOLD_MAX of them, and all of them are counted. The words of the
 * command line stand in histories and lists of processes, so that contacts
 * come by standard input alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <string.h>
#include "base/error.h"

#define TOLD_MAX 10
/* The longest contact, with what blanks may stand around it. */
#define CONTACT_LINE_MAX 1024u

typedef struct hashing {
    cli *c;
    muster_contact how;
    uint64_t lines;
    uint64_t refused;
} hashing;

/* What flags say; 0, or an exit code after telling. */
static int read_flags(cli *c, muster_contact *how)
{
    const char *rule = cli_flag_text(c, "rule");
    const char *kind = cli_flag_text(c, "kind");
    const char *encoding = cli_flag_text(c, "encoding");
    const char *country = cli_flag_text(c, "country");
    muster_error err;
    error_clear(&err);
    if (rule == NULL)
        return tell_usage(c, "whose rule? --rule uid2, google, aam, meta or "
                             "tiktok");
    int status = muster_contact_rule_find(&how->rule, text_of(rule), &err);
    ASSERT(status == 0); /* one of the flag's choices */
    if (kind != NULL && strcmp(kind, "phone") == 0)
        how->kind = MUSTER_CONTACT_PHONE;
    if (encoding != NULL && strcmp(encoding, "base64") == 0)
        how->encoding = MUSTER_CONTACT_BASE64;
    if (country != NULL)
        status =
            muster_contact_country_parse(&how->country, text_of(country), &err);
    if (status == 0)
        status = muster_contact_check(how, &err);
    return status < 0 ? tell_status(c, &err, NULL, 0) : 0;
}

static void put_digest(hashing *h, const char *digest)
{
    if (h->c->set.format == FORMAT_JSON || h->c->set.format == FORMAT_NDJSON)
        out_printf(h->c, "{\"hash\":\"%s\"}\n", digest);
    else
        out_printf(h->c, "%s\n", digest);
}

static void put_refused(hashing *h, const char *word, const char *message)
{
    if (h->refused++ < TOLD_MAX)
        tell(h->c, "line %llu: %s", (unsigned long long)h->lines, message);
    if (h->c->set.format == FORMAT_JSON || h->c->set.format == FORMAT_NDJSON)
        out_printf(h->c, "{\"error\":\"%s\"}\n", word);
    else
        out_printf(h->c, "\n");
}

static void hash_line(hashing *h, const line_reader *r)
{
    char digest[MUSTER_CONTACT_DIGEST_BYTES];
    muster_error err;
    error_clear(&err);
    h->lines = r->number;
    if (r->too_long)
        put_refused(h, "long_line", "it is too long for a contact");
    else if (muster_contact_hash(&h->how, text_make(r->line, r->len), digest,
                                 &err) < 0)
        put_refused(h, err.word, err.message);
    else
        put_digest(h, digest);
    explicit_bzero(r->line, r->max);
}

static int hash_lines(hashing *h)
{
    line_reader r;
    line_reader_init(&r, stdin, CONTACT_LINE_MAX);
    while (!h->c->out_failed && line_reader_next(&r))
        hash_line(h, &r);
    line_reader_release(&r);
    if (h->refused == 0)
        return 0;
    tell(h->c, "%llu of %llu lines have no digest",
         (unsigned long long)h->refused, (unsigned long long)h->lines);
    return EXIT_PARTIAL;
}

static int cmd_hash(cli *c, int argc, char **argv)
{
    hashing h = {.c = c};
    (void)argc;
    const int code = read_flags(c, &h.how);
    if (code != 0)
        return code;
    if (strcmp(argv[0], "-") != 0)
        return tell_usage(c, "contacts are read from standard input alone "
                             "(-): a command line is seen by others");
    return hash_lines(&h);
}

static const cli_flag hash_flags[] = {
    {"rule", 0, "RULE", "uid2 google aam meta tiktok",
     "uid2, google, aam, meta or tiktok: whose normal form is hashed"},
    {"kind", 0, "KIND", "email phone",
     "what lines hold: email or phone (email)"},
    {"encoding", 0, "ENCODING", "hex base64",
     "hex (64 digits) or base64 (of the 32 bytes) (hex)"},
    {"country", 0, "CODE", NULL,
     "calling code, as in +49, that completes national phone numbers"},
    CLI_FLAG_END};

const cli_verb verb_hash = {
    .name = "hash",
    .run = cmd_hash,
    .synopsis = "--rule RULE [--kind KIND] [--encoding ENCODING]"
                " [--country CODE] -",
    .summary = "Digests of e-mail addresses and phone numbers, to send instead",
    .about =
        "Reads one contact a line and prints its SHA-256 a line, made from"
        " the normal form\nthat the rule's owner asks for. A line that is no"
        " contact gives an empty line, and\nits number is told on standard"
        " error; nothing that was read is ever shown. With\n--json lines are"
        " {\"hash\":\"...\"} or {\"error\":\"...\"}. A digest goes into the"
        " space\nemail_sha256 or phone_sha256 of a record's ids. No data"
        " directory is needed.\n",
    .flags = hash_flags,
    .examples = "# a column of addresses\n"
                "muster hash --rule uid2 - < addresses.txt > digests.txt\n"
                "# phone numbers, some of them without their country\n"
                "muster hash --rule google --kind phone --country +49 - < "
                "numbers.txt\n",
    .exits = "0 2 6",
    .words_min = 1,
    .words_max = 1,
    .operand = OPERAND_NONE,
    .takes_ids = true,
};
