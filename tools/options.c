/*
 * options.c - flags from the command line, against the tables of cli.h.
 *
 * Global flags stand anywhere; flags of a verb behind it. Forms: --name,
 * --name VALUE, --name=VALUE, -n, -n VALUE, -nVALUE, -qv. A flag given twice
 * has the later value. "--" ends flags; a lone "-" is a word. What is left is
 * the verb, its sub-verb and their words.
 *
 * Colour: --color wins; then NO_COLOR (not empty), CLICOLOR_FORCE (not empty
 * and not 0), FORCE_COLOR likewise, TERM=dumb, and last whether the stream is
 * a terminal.
 *
 * Of --data and --server the later one counts, and any of them more than the
 * environment; there, MUSTER_SERVER more than MUSTER_DATA.
 *
 * Format: --format or a shorthand; else table on a terminal and tsv in a
 * pipe.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/error.h"

/* Longer than any question takes; and a day, for waiting on a slow one. */
#define TIMEOUT_DEFAULT_S 30
#define TIMEOUT_MAX_S 86400

/* ---- the global flags ---- */

typedef int (*flag_fn)(cli *c, const char *value);

static int set_data(cli *c, const char *value);
static int set_server(cli *c, const char *value);
static int set_token_file(cli *c, const char *value);
static int set_token(cli *c, const char *value);
static int set_ca_file(cli *c, const char *value);
static int set_timeout(cli *c, const char *value);
static int set_now(cli *c, const char *value);
static int set_format(cli *c, const char *value);
static int set_json(cli *c, const char *value);
static int set_csv(cli *c, const char *value);
static int set_ndjson(cli *c, const char *value);
static int set_no_header(cli *c, const char *value);
static int set_key_file(cli *c, const char *value);
static int set_memory(cli *c, const char *value);
static int set_log(cli *c, const char *value);
static int set_resident(cli *c, const char *value);
static int set_progress(cli *c, const char *value);
static int set_color(cli *c, const char *value);
static int set_quiet(cli *c, const char *value);
static int set_verbose(cli *c, const char *value);
static int set_help(cli *c, const char *value);
static int set_version(cli *c, const char *value);

const cli_flag cli_global_flags[] = {
    {"data", 0, "DIR", NULL, "data directory (MUSTER_DATA; ./muster-data)"},
    {"server", 0, "URL", NULL,
     "a server instead, as http://HOST:PORT (MUSTER_SERVER)"},
    {"token-file", 0, "FILE", NULL,
     "key for the server, on its first line (MUSTER_TOKEN)"},
    {"token", 0, "KEY", NULL, "the same, where nobody can see it"},
    {"ca-file", 0, "FILE", NULL,
     "authorities for the server's certificate (the system's)"},
    {"timeout", 0, "SECONDS", NULL,
     "of a server from which nothing comes (30)"},
    {"now", 0, "TIME", NULL, "as of: RFC 3339, a date, or seconds since 1970"},
    {"format", 'o', "FORMAT", "table tsv csv json ndjson md msgpack",
     "table, tsv, csv, json, ndjson or md"},
    {"json", 0, NULL, NULL, "same as --format json"},
    {"csv", 0, NULL, NULL, "same as --format csv"},
    {"ndjson", 0, NULL, NULL, "same as --format ndjson"},
    {"no-header", 0, NULL, NULL, "leave out the line of column names"},
    {"key-file", 0, "FILE", NULL,
     "secret key of the pseudonyms (DIR/muster.key)"},
    {"memory", 0, "BYTES", NULL,
     "budget, as 512M or 4G (MUSTER_MEMORY; a quarter of the machine)"},
    {"log", 0, "BYTES", NULL, "budget of the log (MUSTER_LOG; 4G)"},
    {"resident", 0, "BYTES", NULL,
     "of hot planes; 0, or below 2M: none (MUSTER_RESIDENT; an eighth)"},
    {"progress", 0, "WHEN", "auto never json",
     "of long work, on stderr: auto, never or json"},
    {"color", 0, "WHEN", "auto always never",
     "auto, always or never (also NO_COLOR)"},
    {"quiet", 'q', NULL, NULL, "errors only on stderr"},
    {"verbose", 'v', NULL, NULL, "more on stderr"},
    {"help", 'h', NULL, NULL, "help of the verb"},
    {"version", 0, NULL, NULL, "version of the program"},
    CLI_FLAG_END};

/* In the order of cli_global_flags. */
static const flag_fn global_set[] = {
    set_data,      set_server,   set_token_file, set_token,  set_ca_file,
    set_timeout,   set_now,      set_format,     set_json,   set_csv,
    set_ndjson,    set_no_header, set_key_file,  set_memory, set_log,
    set_resident,  set_progress, set_color,      set_quiet,  set_verbose,
    set_help,      set_version};

_Static_assert(sizeof global_set / sizeof *global_set + 1 ==
                   sizeof cli_global_flags / sizeof *cli_global_flags,
               "one function for each global flag");

/* Place of `word` among the words of `list`; -1 when it is not there. */
static int choice_of(const char *list, const char *word)
{
    const size_t len = strlen(word);
    for (int at = 0; *list != '\0'; at++) {
        const size_t n = strcspn(list, " ");
        if (n == len && memcmp(list, word, n) == 0)
            return at;
        list += n + (list[n] == ' ');
    }
    return -1;
}

static bool wants_color(const char *when, bool tty)
{
    const char *none = getenv("NO_COLOR");
    const char *force = getenv("CLICOLOR_FORCE");
    const char *also = getenv("FORCE_COLOR");
    const char *term = getenv("TERM");
    if (strcmp(when, "always") == 0)
        return true;
    if (strcmp(when, "never") == 0)
        return false;
    if (none != NULL && *none != '\0')
        return false;
    if (force != NULL && *force != '\0' && strcmp(force, "0") != 0)
        return true;
    if (also != NULL && *also != '\0' && strcmp(also, "0") != 0)
        return true;
    if (term == NULL || strcmp(term, "dumb") == 0)
        return false;
    return tty;
}

bool options_parse_time(const char *text, muster_time *out)
{
    muster_day day;
    int64_t seconds;
    if (clock_parse_date(text_of(text), &day))
        *out = (muster_time)day * 86400;
    else if (text_parse_int(text_of(text), &seconds))
        *out = seconds;
    else if (!clock_parse_time(text_of(text), out))
        return false;
    return *out > 0 && *out <= CLOCK_TIME_MAX;
}

bool options_parse_bytes(const char *text, uint64_t *out)
{
    static const char units[] = "kmg";
    size_t len = strlen(text);
    unsigned shift = 0;
    int64_t v;
    if (len > 1) {
        const char last = (char)(text[len - 1] | 0x20);
        const char *unit = strchr(units, last);
        if (unit != NULL && *unit != '\0') {
            shift = 10 * (unsigned)(unit - units + 1);
            len--;
        }
    }
    if (!text_parse_int(text_make(text, len), &v) || v < 0 ||
        v > INT64_MAX >> shift)
        return false;
    *out = (uint64_t)v << shift;
    return true;
}

static int set_data(cli *c, const char *value)
{
    if (*value == '\0')
        return tell_usage(c, "--data needs the name of a directory");
    c->set.data_dir = value;
    c->set.server = NULL;
    return 0;
}

static int set_server(cli *c, const char *value)
{
    if (*value == '\0')
        return tell_usage(c, "--server needs an address: http://HOST:PORT");
    c->set.server = value;
    return 0;
}

static int set_token_file(cli *c, const char *value)
{
    if (*value == '\0')
        return tell_usage(c, "--token-file needs the name of a file");
    c->set.token_file = value;
    return 0;
}

static int set_token(cli *c, const char *value)
{
    muster_error seen;
    error_set(&seen, MUSTER_EREFUSED, "visible_token",
              "others on this machine can see --token; use MUSTER_TOKEN or"
              " --token-file");
    tell_warning(c, &seen, NULL, 0);
    c->set.token = value;
    return 0;
}

static int set_ca_file(cli *c, const char *value)
{
    if (*value == '\0')
        return tell_usage(c, "--ca-file needs the name of a file");
    c->set.ca_file = value;
    return 0;
}

static int set_timeout(cli *c, const char *value)
{
    int64_t seconds;
    if (!text_parse_int(text_of(value), &seconds) || seconds < 1 ||
        seconds > TIMEOUT_MAX_S)
        return tell_usage(c, "--timeout takes 1 to %d seconds, not '%s'",
                          TIMEOUT_MAX_S, tell_safe(value));
    c->set.timeout_s = (uint32_t)seconds;
    return 0;
}

static int set_now(cli *c, const char *value)
{
    if (options_parse_time(value, &c->set.now))
        return 0;
    return tell_usage(c,
                      "--now takes a time as 2026-11-21T10:00:00Z, a date"
                      " as 2026-11-21 (its first second), or seconds"
                      " since 1970; not '%s'",
                      value);
}

static int set_format(cli *c, const char *value)
{
    c->set.format =
        (output_format)choice_of("table tsv csv json ndjson md msgpack", value);
    c->set.format_given = true;
    return 0;
}

static int set_json(cli *c, const char *value)
{
    (void)value;
    return set_format(c, "json");
}

static int set_csv(cli *c, const char *value)
{
    (void)value;
    return set_format(c, "csv");
}

static int set_ndjson(cli *c, const char *value)
{
    (void)value;
    return set_format(c, "ndjson");
}

static int set_no_header(cli *c, const char *value)
{
    (void)value;
    c->set.header = false;
    return 0;
}

static int set_key_file(cli *c, const char *value)
{
    if (*value == '\0')
        return tell_usage(c, "--key-file needs the name of a file");
    c->set.key_file = value;
    return 0;
}

static int set_bytes(cli *c, const char *flag, const char *value, uint64_t *out)
{
    if (options_parse_bytes(value, out))
        return 0;
    return tell_usage(c, "--%s takes bytes, as 512M or 4G; not '%s'", flag,
                      tell_safe(value));
}

static int set_memory(cli *c, const char *value)
{
    return set_bytes(c, "memory", value, &c->set.memory_bytes);
}

static int set_log(cli *c, const char *value)
{
    return set_bytes(c, "log", value, &c->set.log_bytes);
}

static int set_resident(cli *c, const char *value)
{
    const int code = set_bytes(c, "resident", value, &c->set.resident_bytes);
    if (code == 0 && c->set.resident_bytes == 0)
        c->set.resident_bytes = RESIDENT_NONE;
    return code;
}

static int set_progress(cli *c, const char *value)
{
    c->set.progress = (progress_mode)choice_of("auto never json", value);
    return 0;
}

static int set_color(cli *c, const char *value)
{
    c->set.color_out = wants_color(value, c->out_tty);
    c->set.color_err = wants_color(value, c->err_tty);
    return 0;
}

static int set_quiet(cli *c, const char *value)
{
    (void)value;
    c->set.quiet = true;
    return 0;
}

static int set_verbose(cli *c, const char *value)
{
    (void)value;
    c->set.verbose = true;
    return 0;
}

static int set_help(cli *c, const char *value)
{
    (void)value;
    c->help = true;
    return 0;
}

static int set_version(cli *c, const char *value)
{
    (void)value;
    c->version = true;
    return 0;
}

void options_defaults(cli *c)
{
    memset(c, 0, sizeof *c);
    setlocale(LC_CTYPE, "");
    c->out_tty = isatty(STDOUT_FILENO) == 1;
    c->err_tty = isatty(STDERR_FILENO) == 1;
    c->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    const char *data = getenv("MUSTER_DATA");
    const char *server = getenv("MUSTER_SERVER");
    c->set.data_dir = data != NULL && *data != '\0' ? data : "./muster-data";
    c->set.server = server != NULL && *server != '\0' ? server : NULL;
    c->set.timeout_s = TIMEOUT_DEFAULT_S;
    c->set.format = c->out_tty ? FORMAT_TABLE : FORMAT_TSV;
    c->set.header = true;
    set_color(c, "auto");
}

/* ---- what a verb asks about its own flags ---- */

const char *cli_flag_text(const cli *c, const char *name)
{
    for (size_t i = c->given_count; i > 0; i--)
        if (strcmp(c->given[i - 1].flag->name, name) == 0)
            return c->given[i - 1].value;
    return NULL;
}

const char *cli_flag_nth(const cli *c, const char *name, size_t n)
{
    for (size_t i = 0; i < c->given_count; i++)
        if (strcmp(c->given[i].flag->name, name) == 0 && n-- == 0)
            return c->given[i].value;
    return NULL;
}

bool cli_flag_is(const cli *c, const char *name)
{
    return cli_flag_text(c, name) != NULL;
}

bool cli_flag_uint(const cli *c, const char *name, uint64_t *out)
{
    const char *text = cli_flag_text(c, name);
    int64_t v;
    if (text == NULL)
        return true;
    if (!text_parse_int(text_of(text), &v) || v < 0) {
        tell_usage(c, "--%s takes a whole number from 0, not '%s'", name,
                   tell_safe(text));
        return false;
    }
    *out = (uint64_t)v;
    return true;
}

/* ---- parsing ---- */

static bool is_global(const cli_flag *flag)
{
    for (const cli_flag *f = cli_global_flags; f->name != NULL; f++)
        if (f == flag)
            return true;
    return false;
}

/* The flag of that name (or letter) in one table; NULL when it is not. */
static const cli_flag *flag_in(const cli_flag *flags, muster_text name,
                               char letter)
{
    for (const cli_flag *f = flags; f != NULL && f->name != NULL; f++)
        if (letter != 0 ? f->letter == letter : text_is(name, f->name))
            return f;
    return NULL;
}

static const cli_flag *flag_find(const cli *c, muster_text name, char letter)
{
    const cli_flag *flag = NULL;
    if (c->sub != NULL)
        flag = flag_in(c->sub->flags, name, letter);
    if (flag == NULL && c->verb != NULL)
        flag = flag_in(c->verb->flags, name, letter);
    return flag != NULL ? flag : flag_in(cli_global_flags, name, letter);
}

static void offer_flags(near_name *near, const cli_flag *flags)
{
    for (const cli_flag *f = flags; f != NULL && f->name != NULL; f++)
        near_offer(near, text_of(f->name));
}

static int unknown_flag(const cli *c, muster_text name)
{
    near_name near;
    near_init(&near, name);
    offer_flags(&near, cli_global_flags);
    if (c->verb != NULL)
        offer_flags(&near, c->verb->flags);
    if (c->sub != NULL)
        offer_flags(&near, c->sub->flags);
    const bool id = memchr(name.ptr, ':', name.len) != NULL;
    const muster_text shown = id ? text_of("...") : name;
    if (near.best.ptr != NULL)
        return tell_usage(c, "unknown flag --%.*s; did you mean --%.*s?",
                          (int)shown.len, shown.ptr, (int)near.best.len,
                          near.best.ptr);
    return tell_usage(c, "unknown flag --%.*s%s", (int)shown.len, shown.ptr,
                      c->verb == NULL ? " before the verb" : "");
}

static int flag_set(cli *c, const cli_flag *flag, const char *value)
{
    if (flag->choices != NULL && choice_of(flag->choices, value) < 0)
        return tell_usage(c, "--%s takes one of: %s; not '%s'", flag->name,
                          flag->choices, tell_safe(value));
    if (is_global(flag))
        return global_set[flag - cli_global_flags](c, value);
    if (c->given_count == CLI_FLAGS_GIVEN_MAX)
        return tell_usage(c, "too many flags");
    c->given[c->given_count++] = (cli_given){flag, value};
    return 0;
}

/* --name, --name=VALUE, --name VALUE; *at moves to the last word used. */
static int parse_long(cli *c, int argc, char **argv, int *at)
{
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    const muster_text key = text_make(
        name, equals != NULL ? (size_t)(equals - name) : strlen(name));
    const cli_flag *flag = flag_find(c, key, 0);
    if (flag == NULL)
        return unknown_flag(c, key);
    if (flag->value == NULL && equals != NULL)
        return tell_usage(c, "--%s takes no value", flag->name);
    if (flag->value == NULL)
        return flag_set(c, flag, "");
    if (equals != NULL)
        return flag_set(c, flag, equals + 1);
    if (*at + 1 >= argc)
        return tell_usage(c, "--%s needs a value: --%s %s", flag->name,
                          flag->name, flag->value);
    *at += 1;
    return flag_set(c, flag, argv[*at]);
}

/* -q, -qv, -oFORMAT, -o FORMAT */
static int parse_short(cli *c, int argc, char **argv, int *at)
{
    for (const char *p = argv[*at] + 1; *p != '\0'; p++) {
        const cli_flag *flag = flag_find(c, text_make("", 0), *p);
        if (flag == NULL)
            return tell_usage(c, "unknown flag -%c", *p);
        if (flag->value == NULL) {
            const int code = flag_set(c, flag, "");
            if (code != 0)
                return code;
            continue;
        }
        if (p[1] != '\0')
            return flag_set(c, flag, p + 1);
        if (*at + 1 >= argc)
            return tell_usage(c, "-%c needs a value: -%c %s", *p, *p,
                              flag->value);
        *at += 1;
        return flag_set(c, flag, argv[*at]);
    }
    return 0;
}

static int unknown_verb(cli *c, const char *word)
{
    near_name near;
    near_init(&near, text_of(word));
    for (const cli_verb *const *v = cli_verbs; *v != NULL; v++)
        near_offer(&near, text_of((*v)->name));
    if (near.best.ptr != NULL)
        return tell_usage(c, "unknown verb '%s'; did you mean '%.*s'?",
                          tell_safe(word), (int)near.best.len, near.best.ptr);
    return tell_usage(c, "unknown verb '%s'", tell_safe(word));
}

static int unknown_sub(cli *c, const char *word)
{
    near_name near;
    buffer known;
    buffer_init(&known, 1024);
    near_init(&near, text_of(word));
    for (const cli_verb *v = c->verb->subs; v->name != NULL; v++) {
        near_offer(&near, text_of(v->name));
        buffer_printf(&known, " %s", v->name);
    }
    if (near.best.ptr != NULL)
        tell_usage(c, "'%s %s' is unknown; did you mean '%.*s'?", c->verb->name,
                   tell_safe(word), (int)near.best.len, near.best.ptr);
    else
        tell_usage(c, "'%s %s' is unknown; there are:%s", c->verb->name,
                   tell_safe(word), buffer_cstr(&known));
    buffer_release(&known);
    return EXIT_USAGE;
}

/* A word that is no flag: the verb, its sub-verb, or one to keep. */
static int take_word(cli *c, char *word, char **words, int *count)
{
    if (c->verb == NULL) {
        c->verb = cli_verb_find(word);
        return c->verb != NULL ? 0 : unknown_verb(c, word);
    }
    if (c->verb->subs != NULL && c->sub == NULL) {
        c->sub = cli_sub_find(c->verb, word);
        return c->sub != NULL ? 0 : unknown_sub(c, word);
    }
    words[(*count)++] = word;
    return 0;
}

int options_parse(cli *c, int argc, char **argv, int *words)
{
    bool flags = true;
    int count = 0;
    for (int i = 0; i < argc; i++) {
        char *word = argv[i];
        int code;
        if (flags && strcmp(word, "--") == 0) {
            flags = false;
            continue;
        }
        if (flags && word[0] == '-' && word[1] == '-')
            code = parse_long(c, argc, argv, &i);
        else if (flags && word[0] == '-' && word[1] != '\0')
            code = parse_short(c, argc, argv, &i);
        else
            code = take_word(c, word, argv, &count);
        if (code != 0)
            return code;
    }
    *words = count;
    return 0;
}
