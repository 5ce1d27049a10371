/*
 * cmd_shell.c - `muster shell`: questions one after the other, on a data
 * directory that stays open.
 *
 *   an expression        is counted
 *   verb ...             as on the command line; expressions need no quotes
 *   .command             see shell_commands
 *
 * On a terminal: line editing, history, completion (shell_complete.c). When
 * stdin is no terminal its lines are a script: a line that fails is told
 * with its number, the rest is run, and the exit code is the first failure's.
 *
 * A line that names an id is kept out of the history: raw ids reach no file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shell.h"

#include <editline/readline.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "client.h"

#define LINE_BYTES_MAX ((size_t)MUSTER_SEGMENT_BYTES_MAX + 4096)
#define READ_DEPTH_MAX 8
#define HISTORY_LINES 1000

static sigjmp_buf at_prompt;
static volatile sig_atomic_t is_at_prompt;

/* ---- one line ---- */

/* Sets the state back to what every line starts from. */
static void begin_line(shell *s)
{
    cli *c = s->c;
    c->set = s->base;
    c->verb = NULL;
    c->sub = NULL;
    c->help = false;
    c->version = false;
    c->given_count = 0;
}

static void end_line(shell *s)
{
    cli *c = s->c;
    const bool other = c->set.data_dir != s->base.data_dir ||
                       c->set.key_file != s->base.key_file ||
                       c->set.server != s->base.server ||
                       c->set.now != s->base.now;
    out_flush(c);
    if (other || (c->engine != NULL && c->mode != MUSTER_OPEN_READ))
        session_close(c);
    begin_line(s);
}

static int run_words(shell *s, int argc, char **argv)
{
    cli *c = s->c;
    begin_line(s);
    const uint64_t start = clock_monotonic_ns();
    const int code = session_run(c, argc, argv);
    out_flush(c);
    if (s->timer)
        tell(c, "%s", human_duration_ns(clock_monotonic_ns() - start).text);
    end_line(s);
    return code;
}

static int run_expression(shell *s, const char *text)
{
    char *kept = mem_strdup(text);
    char count[] = "count";
    char end[] = "--";
    char *argv[] = {count, end, kept, NULL};
    if (id_looks_like(text)) {
        mem_free(kept);
        return tell_error(s->c, EXIT_USAGE,
                          "an id stands where an expression is meant; write:"
                          " lookup SPACE:ID");
    }
    const int code = run_words(s, 3, argv);
    mem_free(s->last);
    s->last = kept;
    return code;
}

static int run_verb_line(shell *s, const char *line)
{
    char *copy = NULL;
    char **argv = NULL;
    int argc = 0;
    int code;
    if (!shell_words(line, &copy, &argv, &argc))
        code = tell_error(s->c, EXIT_USAGE, "a quote is not closed");
    else if (argc > 0 && strcmp(argv[0], "shell") == 0)
        code = tell_error(s->c, EXIT_USAGE, "this is the shell");
    else
        code = run_words(s, argc, argv);
    mem_free(argv);
    mem_free(copy);
    return code;
}

static bool starts_with_verb(const char *line)
{
    const size_t n = strcspn(line, " \t");
    char *word = mem_strndup(line, n);
    const bool is = cli_verb_find(word) != NULL;
    mem_free(word);
    return is;
}

static int run_dot(shell *s, const char *line)
{
    const size_t n = strcspn(line, " \t");
    const muster_text word = text_make(line, n);
    const muster_text rest = text_trim(text_of(line + n));
    near_name near;
    near_init(&near, word);
    for (const shell_command *d = shell_commands; d->name != NULL; d++) {
        near_offer(&near, text_of(d->name));
        if (!text_is(word, d->name))
            continue;
        char *copy = mem_strndup(rest.len > 0 ? rest.ptr : "", rest.len);
        const int code = d->run(s, copy);
        mem_free(copy);
        return code;
    }
    if (near.best.ptr != NULL)
        return tell_error(s->c, EXIT_USAGE,
                          "unknown command; did you mean"
                          " %.*s?",
                          (int)near.best.len, near.best.ptr);
    return tell_error(s->c, EXIT_USAGE, "unknown command; .help lists all");
}

int shell_line(shell *s, const char *line)
{
    const muster_text text = text_trim(text_of(line));
    if (text.len == 0 || text.ptr[0] == '#')
        return 0;
    char *copy = mem_strndup(text.ptr, text.len);
    int code;
    if (*copy == '.')
        code = run_dot(s, copy);
    else if (starts_with_verb(copy))
        code = run_verb_line(s, copy);
    else
        code = run_expression(s, copy);
    mem_free(copy);
    return code;
}

/* ---- dot commands ---- */

static int dot_format(shell *s, const char *rest)
{
    char word[] = "help"; /* any verb: the flag alone matters */
    char flag[] = "--format";
    char *value = mem_strdup(rest);
    char *argv[] = {word, flag, value, NULL};
    int words = 0;
    int code = 0;
    begin_line(s);
    if (*rest == '\0')
        code = tell_error(s->c, EXIT_USAGE,
                          ".format table, tsv, csv, json, ndjson or md");
    else
        code = options_parse(s->c, 3, argv, &words);
    if (code == 0) {
        s->base.format = s->c->set.format;
        s->base.format_given = true;
    }
    mem_free(value);
    begin_line(s);
    return code;
}

static int dot_timer(shell *s, const char *rest)
{
    if (strcmp(rest, "on") != 0 && strcmp(rest, "off") != 0)
        return tell_error(s->c, EXIT_USAGE, ".timer on or .timer off");
    s->timer = strcmp(rest, "on") == 0;
    return 0;
}

/* In parentheses: one word would be taken for a segment's key. */
static char *last_expression(const shell *s)
{
    buffer b;
    buffer_init(&b, 2 * LINE_BYTES_MAX);
    if (s->last != NULL)
        buffer_printf(&b, "(%s\n)", s->last);
    char *text = mem_strdup(buffer_cstr(&b));
    buffer_release(&b);
    return text;
}

/* .explain SPACE:ID [EXPR or SEGMENT] */
static int dot_explain(shell *s, const char *rest)
{
    const size_t n = strcspn(rest, " \t");
    char *id = mem_strndup(rest, n);
    const muster_text text = text_trim(text_of(rest + n));
    char *expr =
        text.len > 0 ? mem_strndup(text.ptr, text.len) : last_expression(s);
    char verb[] = "explain";
    char end[] = "--";
    char *argv[] = {verb, end, expr, id, NULL};
    int code;
    if (!id_looks_like(id) || *expr == '\0')
        code = tell_error(s->c, EXIT_USAGE,
                          ".explain SPACE:ID EXPR (or the last expression)");
    else
        code = run_words(s, 4, argv);
    mem_free(expr);
    mem_free(id);
    return code;
}

static int dot_attrs(shell *s, const char *rest)
{
    char *name = mem_strdup(rest);
    char attr[] = "attr";
    char ls[] = "ls";
    char show[] = "show";
    char *argv[] = {attr, *rest != '\0' ? show : ls, name, NULL};
    const int code = run_words(s, *rest != '\0' ? 3 : 2, argv);
    mem_free(name);
    return code;
}

static int dot_segments(shell *s, const char *rest)
{
    char segment[] = "segment";
    char ls[] = "ls";
    char counts[] = "--counts";
    char *argv[] = {segment, ls, counts, NULL};
    (void)rest;
    return run_words(s, 3, argv);
}

static int dot_reload(shell *s, const char *rest)
{
    (void)rest;
    session_close(s->c);
    begin_line(s);
    return client_open(s->c, MUSTER_OPEN_READ);
}

static int read_lines(shell *s, FILE *file, const char *path);

static int dot_read(shell *s, const char *rest)
{
    if (*rest == '\0')
        return tell_error(s->c, EXIT_USAGE, ".read FILE");
    if (s->depth == READ_DEPTH_MAX)
        return tell_error(s->c, EXIT_USAGE, ".read goes %d files deep",
                          READ_DEPTH_MAX);
    FILE *file = fopen(rest, "rbe");
    if (file == NULL)
        return tell_error(s->c, EXIT_USAGE, "cannot read %s: %s", rest,
                          strerror(errno));
    s->depth++;
    const int code = read_lines(s, file, rest);
    s->depth--;
    fclose(file);
    return code;
}

static int dot_quit(shell *s, const char *rest)
{
    (void)rest;
    s->quit = true;
    return 0;
}

static int dot_help(shell *s, const char *rest)
{
    cli *c = s->c;
    (void)rest;
    out_printf(c, "  an expression is counted:  geo.country = \"DE\" and"
                  " purchase within 30 days\n"
                  "  a verb runs:               explain loyal-travel"
                  " cookie:4f2a      (help lists the verbs)\n\n");
    for (const shell_command *d = shell_commands; d->name != NULL; d++) {
        const int n = (int)(strlen(d->name) + strlen(d->synopsis));
        out_printf(c, "  %s %s%*s  %s\n", d->name, d->synopsis,
                   n < 25 ? 25 - n : 0, "", d->summary);
    }
    out_printf(c, "\n  A line that ends in \\ goes on in the next one.\n");
    out_flush(c);
    return 0;
}

const shell_command shell_commands[] = {
    {".format", "NAME", "table, tsv, csv, json, ndjson or md", dot_format},
    {".timer", "on|off", "tell how long each line took", dot_timer},
    {".explain", "SPACE:ID [EXPR]", "why a user is in it; the last expression",
     dot_explain},
    {".attrs", "[NAME]", "the attributes, or one and its values", dot_attrs},
    {".segments", "", "the saved segments and their sizes", dot_segments},
    {".read", "FILE", "run the lines of a file", dot_read},
    {".reload", "", "see what others have written meanwhile", dot_reload},
    {".help", "", "this list", dot_help},
    {".quit", "", "leave (also Ctrl-D)", dot_quit},
    {NULL, NULL, NULL, NULL}};

/* ---- scripts ---- */

/* Appends the line without a backslash at its end; was there one? */
static bool append(buffer *b, muster_text line)
{
    const bool more = line.len > 0 && line.ptr[line.len - 1] == '\\';
    buffer_put(b, line.ptr, line.len - more);
    if (more)
        buffer_put_u8(b, '\n');
    return more;
}

static int read_lines(shell *s, FILE *file, const char *path)
{
    line_reader r;
    buffer b;
    int first = 0;
    line_reader_init(&r, file, LINE_BYTES_MAX);
    buffer_init(&b, 2 * LINE_BYTES_MAX);
    while (!s->quit && line_reader_next(&r)) {
        if (append(&b, text_make(r.line, r.len)))
            continue;
        int code = 0;
        if (r.too_long || !buffer_ok(&b))
            code = tell_error(s->c, EXIT_USAGE, "the line is too long");
        else
            code = shell_line(s, buffer_cstr(&b));
        if (code > EXIT_FALSE)
            tell(s->c, "%s, line %llu", path, (unsigned long long)r.number);
        if (code > EXIT_FALSE && first == 0)
            first = code;
        buffer_clear(&b);
    }
    line_reader_release(&r);
    buffer_release(&b);
    return first;
}

/* ---- the terminal ---- */

static void on_interrupt(int signal)
{
    (void)signal;
    if (is_at_prompt)
        siglongjmp(at_prompt, 1);
}

/* $VARIABLE/rest, else $HOME/otherwise/rest; NULL when there is no home. */
static char *user_path(const char *variable, const char *otherwise,
                       const char *rest)
{
    const char *base = getenv(variable);
    const char *home = getenv("HOME");
    buffer b;
    if ((base == NULL || *base != '/') && (home == NULL || *home != '/'))
        return NULL;
    buffer_init(&b, 64 * 1024);
    if (base != NULL && *base == '/')
        buffer_printf(&b, "%s/%s", base, rest);
    else
        buffer_printf(&b, "%s/%s/%s", home, otherwise, rest);
    char *path = mem_strdup(buffer_cstr(&b));
    buffer_release(&b);
    return path;
}

/* Makes the directories above a file. */
static void make_parents(const char *path)
{
    char *copy = mem_strdup(path);
    for (char *at = strchr(copy + 1, '/'); at != NULL;
         at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(copy, 0700);
        *at = '/';
    }
    mem_free(copy);
}

static void keep(const char *line)
{
    if (*text_trim(text_of(line)).ptr != '\0' && !shell_has_id(line))
        add_history(line);
}

/* One entry, over several lines when they end in a backslash. False at the
 * end of the input. */
static bool prompt(buffer *b)
{
    bool more = true;
    buffer_clear(b);
    while (more) {
        char *line = readline(b->len == 0 ? "muster> " : "   ...> ");
        if (line == NULL)
            return false;
        more = append(b, text_of(line));
        keep(line);
        free(line);
    }
    return true;
}

static void talk(shell *s)
{
    struct sigaction act = {.sa_handler = on_interrupt};
    struct sigaction former;
    static buffer line; /* kept over the jump */
    buffer_init(&line, 2 * LINE_BYTES_MAX);
    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, &former);
    while (!s->quit) {
        if (!client_is_open(s->c) && client_exists(s->c))
            client_open(s->c, MUSTER_OPEN_READ);
        if (sigsetjmp(at_prompt, 1) != 0)
            fputc('\n', stdout);
        is_at_prompt = 1;
        const bool going = prompt(&line);
        is_at_prompt = 0;
        if (!going)
            break;
        shell_line(s, buffer_cstr(&line));
    }
    if (!s->quit)
        fputc('\n', stdout);
    sigaction(SIGINT, &former, NULL);
    buffer_release(&line);
}

/* Of a server, those that an expression could have; what keeps it from
 * answering is told. */
static bool count_users(cli *c, uint64_t *out)
{
    static const char question[] = "none";
    muster_engine_stats stats;
    client_segment *segment = NULL;
    muster_count *n = NULL;
    muster_error err;
    error_clear(&err);
    if (c->engine != NULL) {
        muster_engine_stats_get(c->engine, &stats);
        *out = stats.users;
        return true;
    }
    const bool ok = client_segment_compile(c, &segment, question,
                                           strlen(question), &err) == 0 &&
                    client_segment_count(segment, false, &n, &err) == 0;
    if (ok)
        *out = n->universe;
    else
        tell_status(c, &err, NULL, 0);
    client_count_free(c, n);
    client_segment_free(segment);
    return ok;
}

static void greet(const shell *s)
{
    uint64_t users = 0;
    if (!client_is_open(s->c) || s->c->set.quiet)
        return;
    if (!count_users(s->c, &users))
        return;
    out_printf(s->c, "muster %s %s %s users in %s %s .help for help\n",
               muster_version(), human_signs(s->c)->dot,
               human_count(users).text,
               s->c->engine != NULL ? s->base.data_dir : s->base.server,
               human_signs(s->c)->dot);
    out_flush(s->c);
}

static void talk_on_terminal(shell *s)
{
    char *rc = user_path("XDG_CONFIG_HOME", ".config", "muster/shellrc");
    char *past = user_path("XDG_STATE_HOME", ".local/state", "muster/history");
    const mode_t mask = umask(077);
    using_history();
    stifle_history(HISTORY_LINES);
    if (past != NULL)
        read_history(past);
    shell_complete_init(s);
    greet(s);
    if (rc != NULL && access(rc, R_OK) == 0)
        dot_read(s, rc);
    talk(s);
    if (past != NULL) {
        make_parents(past);
        write_history(past);
    }
    umask(mask);
    mem_free(past);
    mem_free(rc);
}

/* ---- the verb ---- */

static int cmd_shell(cli *c, int argc, char **argv)
{
    shell s = {.c = c, .base = c->set};
    int code = 0;
    (void)argc;
    (void)argv;
    s.script = isatty(STDIN_FILENO) != 1 || !c->out_tty;
    if (client_exists(c))
        code = client_open(c, MUSTER_OPEN_READ);
    if (code != 0)
        return code;
    if (s.script)
        code = read_lines(&s, stdin, "standard input");
    else
        talk_on_terminal(&s);
    mem_free(s.last);
    return code;
}

const cli_verb verb_shell = {
    .name = "shell",
    .run = cmd_shell,
    .synopsis = "",
    .summary = "Ask one question after the other",
    .about =
        "An expression is counted; a verb runs as on the command line, where"
        " expressions need\nno quotes; a line with a dot is a command of the"
        " shell (.help). Tab completes\nattributes, values and segments. Lines"
        " of ~/.config/muster/shellrc run first. When\nstdin is not a"
        " terminal, its lines are a script, and the exit code is that of the\n"
        "first line that failed. Lines that name an id are not kept in the"
        " history.\n",
    .examples = "# talk\n"
                "muster shell\n"
                "# many counts in one go\n"
                "muster shell --ndjson < expressions.txt\n",
    .exits = "0 2 3 4 5 6 7",
};
