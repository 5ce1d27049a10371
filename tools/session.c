/*
 * session.c - one run of one verb on one data directory: opening it when a
 * verb first asks, and turning words of the command line into compiled
 * segments.
 *
 * The engine stays open between lines of the shell. A verb that writes opens
 * the directory again for writing; the shell gives the writer's place back
 * after the line (session_close), so that it does not keep others out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "client.h"
#include "remote.h"

/* Asked by verbs that can do something without one; a directory without the
 * database is none yet. */
bool session_exists(const cli *c)
{
    struct stat st;
    buffer path;
    buffer_init(&path, 64 * 1024);
    buffer_printf(&path, "%s/muster.db", c->set.data_dir);
    const bool found = stat(buffer_cstr(&path), &st) == 0;
    buffer_release(&path);
    return found;
}

char *session_key_path(const cli *c)
{
    buffer path;
    if (c->set.key_file != NULL)
        return mem_strdup(c->set.key_file);
    buffer_init(&path, 64 * 1024);
    buffer_printf(&path, "%s/muster.key", c->set.data_dir);
    char *copy = mem_strdup(buffer_cstr(&path));
    buffer_release(&path);
    return copy;
}

/* "No such directory" is no answer about data: it is told as wrong usage. */
int session_tell_error(const cli *c, const muster_error *err)
{
    const int code = tell_status(c, err, NULL, 0);
    const bool about_directory =
        strcmp(err->word, "no_data") == 0 || strcmp(err->word, "no_key") == 0;
    if (err->code != MUSTER_ENOTFOUND || !about_directory)
        return code;
    tell(c, "or name another with --data DIR or MUSTER_DATA");
    return EXIT_USAGE;
}

/* A line of the shell may name another directory, key or time. */
static bool is_as_opened(const cli *c)
{
    return c->opened.data_dir == c->set.data_dir &&
           c->opened.key_file == c->set.key_file &&
           c->opened.now == c->set.now &&
           c->opened.memory_bytes == c->set.memory_bytes &&
           c->opened.log_bytes == c->set.log_bytes &&
           c->opened.resident_bytes == c->set.resident_bytes;
}

int session_check_local(const cli *c)
{
    if (c->set.server == NULL)
        return 0;
    return tell_error(c, EXIT_USAGE,
                      "%s works on a data directory, not through a server:"
                      " leave out --server and MUSTER_SERVER, and name it with"
                      " --data",
                      c->verb->name);
}

/* What the flag said, else the environment; `none` is what its 0 means. */
static int take_budget(const cli *c, const char *name, uint64_t given,
                       uint64_t none, uint64_t *out)
{
    const char *text = getenv(name);
    *out = given;
    if (given > 0 || text == NULL || *text == '\0')
        return 0;
    if (!options_parse_bytes(text, out))
        return tell_error(c, EXIT_USAGE, "%s is bytes, as 512M or 4G; not '%s'",
                          name, text);
    if (*out == 0)
        *out = none;
    return 0;
}

static int take_budgets(const cli *c, muster_engine_options *options)
{
    int code = take_budget(c, "MUSTER_MEMORY", c->set.memory_bytes, 0,
                           &options->memory_bytes);
    if (code == 0)
        code = take_budget(c, "MUSTER_LOG", c->set.log_bytes, 0,
                           &options->log_bytes);
    if (code == 0)
        code = take_budget(c, "MUSTER_RESIDENT", c->set.resident_bytes,
                           RESIDENT_NONE, &options->resident_bytes);
    options->forward_bytes = c->set.forward_bytes;
    return code;
}

static void tell_opened(const cli *c, uint64_t ns)
{
    muster_engine_stats stats;
    muster_engine_stats_get(c->engine, &stats);
    tell(c, "opened %s in %s: %s users, %s attributes, epoch %llu",
         c->set.data_dir, human_duration_ns(ns).text,
         human_count(stats.users).text, human_count(stats.attributes).text,
         (unsigned long long)stats.epoch);
    tell(c,
         "memory above generation %llu: %s of %s; log: %s of %s;"
         " resident: %s",
         (unsigned long long)stats.generation,
         human_bytes((double)stats.memory_bytes).text,
         human_bytes((double)stats.memory_budget).text,
         human_bytes((double)stats.log_bytes).text,
         human_bytes((double)stats.log_budget).text,
         human_resident(&stats).text);
}

int session_open(cli *c, muster_open_mode mode)
{
    muster_engine_options options = MUSTER_ENGINE_OPTIONS_INIT;
    muster_error err;
    error_clear(&err);
    if (c->engine != NULL && c->mode >= mode && is_as_opened(c))
        return 0;
    int code = session_check_local(c);
    if (code == 0)
        code = take_budgets(c, &options);
    if (code != 0)
        return code;
    session_close(c);
    const uint64_t start = clock_monotonic_ns();
    options.data_dir = c->set.data_dir;
    options.key_file = c->set.key_file;
    options.now = c->set.now;
    options.mode = mode;
    if (muster_engine_open(&c->engine, &options, &err) < 0) {
        c->engine = NULL;
        return session_tell_error(c, &err);
    }
    c->mode = mode;
    c->opened = c->set;
    if (muster_engine_notice(c->engine, &err))
        tell(c, "%s; opened from what is sound, nothing is missing: %s",
             err.message, err.suggestion);
    if (c->set.verbose)
        tell_opened(c, clock_monotonic_ns() - start);
    muster_audit_as("cli");
    if (muster_scope_new(&c->scope, "cli", MUSTER_PURPOSE_ANALYSIS, NULL,
                         &err) < 0)
        return tell_status(c, &err, NULL, 0);
    return 0;
}

void session_close(cli *c)
{
    muster_scope_free(c->scope);
    muster_engine_close(c->engine);
    remote_close(c->remote);
    c->remote = NULL;
    c->scope = NULL;
    c->engine = NULL;
}

/* ---- segments ---- */

bool segment_key_is_valid(const char *key)
{
    const size_t len = strlen(key);
    if (len == 0 || len > MUSTER_SEGMENT_KEY_BYTES_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        const char at = key[i];
        const bool first = (at >= 'a' && at <= 'z') || (at >= '0' && at <= '9');
        if (!first && !(i > 0 && (at == '_' || at == '-')))
            return false;
    }
    return true;
}

static int find_nothing(void *payload, const muster_saved *row)
{
    (void)payload;
    (void)row;
    return 0;
}

/* A text that is no expression but the key of a segment: how to write it. */
static void hint_segment(cli *c, const char *text)
{
    muster_error err;
    error_clear(&err);
    if (segment_key_is_valid(text) &&
        client_audience_find(c, text, find_nothing, NULL, &err) == 0)
        tell(c, "for the saved segment write: segment(\"%s\")", text);
}

int session_compile(cli *c, client_segment **out, const char *text, size_t len)
{
    muster_error err;
    error_clear(&err);
    if (client_segment_compile(c, out, text, len, &err) < 0) {
        const int code = tell_status(c, &err, text, len);
        *out = NULL;
        hint_segment(c, text);
        return code;
    }
    if (!format_is_human(c))
        return 0;
    for (size_t i = 0; i < client_segment_warning_count(*out); i++)
        tell_warning(c, client_segment_warning(*out, i), text, len);
    return 0;
}

/* The name of a flag or event has the form of a key. */
static void hint_expression(cli *c, const char *text)
{
    client_segment *segment = NULL;
    if (client_segment_compile(c, &segment, text, strlen(text), NULL) == 0)
        tell(c, "for the attribute write: '(%s)'", text);
    client_segment_free(segment);
}

static int keep_expr(void *payload, const muster_saved *row)
{
    *(char **)payload = mem_strdup(row->expr);
    return 0;
}

int session_compile_segment(cli *c, client_segment **out, const char *text)
{
    muster_error err;
    char *expr = NULL;
    error_clear(&err);
    if (id_looks_like(text))
        return tell_usage(c, "an id stands where a segment is meant; the"
                             " segment comes first");
    if (!segment_key_is_valid(text))
        return session_compile(c, out, text, strlen(text));
    if (client_audience_find(c, text, keep_expr, &expr, &err) < 0) {
        if (strcmp(text, "all") == 0 || strcmp(text, "none") == 0)
            return session_compile(c, out, text, strlen(text));
        hint_expression(c, text);
        return tell_status(c, &err, NULL, 0);
    }
    const bool quiet = c->set.quiet;
    c->set.quiet = true; /* its warnings were told when it was saved */
    const int code = session_compile(c, out, expr, strlen(expr));
    c->set.quiet = quiet;
    mem_free(expr);
    return code;
}

/* ---- one command ---- */

static int check_words(cli *c, const cli_verb *verb, int words)
{
    if (words < verb->words_min)
        return tell_usage(c, words == 0 ? "its arguments are missing"
                                        : "an argument is missing");
    if (verb->words_max >= 0 && words > verb->words_max)
        return tell_usage(c, "too many arguments%s",
                          verb->takes_expr
                              ? "; quote the expression: 'geo.country ="
                                " \"DE\"'"
                              : "");
    return 0;
}

static int run_verb(cli *c, int words, char **argv)
{
    const cli_verb *verb = c->sub != NULL ? c->sub : c->verb;
    if (c->help) {
        help_verb(c, c->verb, c->sub);
        return 0;
    }
    if (verb->run == NULL) {
        help_verb(c, c->verb, NULL);
        return EXIT_USAGE;
    }
    if (c->set.format == FORMAT_MSGPACK && strcmp(verb->name, "generate"))
        return tell_usage(c, "only generate writes msgpack");
    const int code = check_words(c, verb, words);
    return code != 0 ? code : verb->run(c, words, argv);
}

int session_run(cli *c, int argc, char **argv)
{
    int words = 0;
    int code = options_parse(c, argc, argv, &words);
    if (code != 0)
        return code;
    if (c->version && c->verb == NULL)
        c->verb = cli_verb_find("version");
    if (c->verb != NULL)
        return run_verb(c, words, argv);
    if (c->help) {
        help_overview(c, stdout);
        return 0;
    }
    help_overview(c, stderr);
    return EXIT_USAGE;
}
