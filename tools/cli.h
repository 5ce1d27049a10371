/*
 * cli.h - what the verbs of the program share.
 *
 *   muster.c        the verb table, main
 *   options.c       flags, global and of a verb, from tables
 *   session.c       opening the data directory, compiling expressions
 *   client.c        the engine that verbs ask, here or a server's (client.h)
 *   remote*.c       a server's (remote.h), over http_client.c
 *   output.c        rows and JSON on stdout in every format
 *   human.c         numbers and times for people, signs of the terminal
 *   message.c       errors, warnings, carets, exit codes
 *   input.c         whole files, lines, ids as space:id
 *   progress.c      the bar of `load` and of other long work
 *   task.c          long work that an interrupt ends
 *   segment_file.c  segments as files (segment_file.h)
 *   receipt.c       receipts of loads (receipt.h)
 *   derive.c        what attributes are derived from (derive.h)
 *   mapping_file.c  mapping files and presets (mapping_file.h)
 *   words.c         a line of the shell to words
 *   help.c          help texts from the verb table
 *   cmd_<verb>.c    one verb each
 *
 * To add a verb: a cmd_<verb>.c with its `const cli_verb verb_<verb>`, a row
 * in muster.c. Help, manual, completion and near names follow from the table.
 *
 * A verb writes data to stdout through output.c, so that every format comes
 * from one list of columns, and everything else to stderr through message.c.
 * No raw id is ever written to either.
 *
 * Threads: one, but for the callbacks of a feed (cmd_load.c, progress.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOLS_CLI_H
#define TOOLS_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <muster/muster.h>
#include "base/buffer.h"
#include "base/json.h"
#include "base/text.h"

/* ---- exit codes (message.c has their texts) ---- */

enum cli_exit {
    EXIT_OK = 0,
    EXIT_FALSE = 1,
    EXIT_USAGE = 2,
    EXIT_EXPR = 3,
    EXIT_NOT_FOUND = 4,
    EXIT_CONFLICT = 5,
    EXIT_PARTIAL = 6,
    EXIT_SERVER = 7,
    EXIT_INTERRUPTED = 130
};

/* Beside those of muster_status: a server did not answer (http_client.h). */
#define CLI_ESERVER (-100)

/* ---- verbs and flags as tables ---- */

typedef struct cli cli;

typedef struct cli_flag {
    const char *name;    /* "clauses": --clauses */
    char letter;         /* 'o': -o; 0 = none */
    const char *value;   /* "FORMAT", "FILE", "DIR", ...; NULL = no value */
    const char *choices; /* "auto never json"; NULL = anything */
    const char *help;    /* one line */
} cli_flag;
#define CLI_FLAG_END {NULL, 0, NULL, NULL, NULL}

/* Positional arguments, for completion. */
enum cli_operand {
    OPERAND_NONE,
    OPERAND_TEXT,
    OPERAND_FILE,
    OPERAND_SEGMENT,
    OPERAND_ATTRIBUTE,
    OPERAND_PROVIDER,
    OPERAND_SNAPSHOT,
    OPERAND_VERB
};

typedef struct cli_verb cli_verb;
struct cli_verb {
    const char *name;
    /* What is left behind the verb once flags are taken: argc words at
     * argv[0]. Returns an exit code. NULL for a verb of sub-verbs. */
    int (*run)(cli *c, int argc, char **argv);
    const char *synopsis;    /* "[--clauses] EXPR" */
    const char *summary;     /* one line */
    const char *about;       /* paragraphs, lines of at most 78 */
    const cli_flag *flags;   /* ended by CLI_FLAG_END; NULL = none */
    const char *examples;    /* lines; a comment line stands above each */
    const char *exits;       /* "0 2 3": those that can be */
    const cli_verb *subs;    /* ended by .name NULL; NULL = none */
    int words_min, words_max; /* positional words; max -1 = any number */
    enum cli_operand operand;
    bool takes_expr; /* the shell gives it the rest of the line */
    bool takes_ids;  /* its lines stay out of the shell's history */
};

extern const cli_verb *const cli_verbs[]; /* ended by NULL */
extern const cli_flag cli_global_flags[];
const cli_verb *cli_verb_find(const char *name);
const cli_verb *cli_sub_find(const cli_verb *verb, const char *name);

/* ---- the state of one run ---- */

typedef enum output_format {
    FORMAT_TABLE,
    FORMAT_TSV,
    FORMAT_CSV,
    FORMAT_JSON,
    FORMAT_NDJSON,
    FORMAT_MD,
    FORMAT_MSGPACK /* `generate` only */
} output_format;

typedef enum progress_mode {
    PROGRESS_AUTO,
    PROGRESS_NEVER,
    PROGRESS_JSON
} progress_mode;

typedef struct client_segment client_segment; /* client.h */

#define CLI_FLAGS_GIVEN_MAX 64

typedef struct cli_given {
    const cli_flag *flag;
    const char *value; /* "" for a flag without value */
} cli_given;

/* What flags and environment set; a line of the shell works on a copy. */
typedef struct cli_settings {
    const char *data_dir;
    const char *key_file; /* NULL: the data directory's own */
    const char *server;   /* URL; NULL: the data directory */
    const char *token;    /* for the server; NULL: that of ... */
    const char *token_file; /* ... this file; NULL: of MUSTER_TOKEN */
    const char *ca_file;    /* NULL: the system's authorities */
    uint32_t timeout_s;     /* of a server that does not answer */
    muster_time now;      /* 0: the wall clock */
    uint64_t memory_bytes; /* budgets; 0: the environment's or the engine's */
    uint64_t log_bytes;
    uint64_t resident_bytes;
    uint64_t forward_bytes; /* `serve` alone has one; 0: none */
    output_format format;
    bool format_given;
    bool header;
    progress_mode progress;
    bool color_out;
    bool color_err;
    bool quiet;
    bool verbose;
} cli_settings;

struct cli {
    cli_settings set;
    bool out_tty;
    bool err_tty;
    bool utf8; /* the terminal shows more than ASCII */
    const cli_verb *verb;
    const cli_verb *sub;
    bool help;
    bool version;
    cli_given given[CLI_FLAGS_GIVEN_MAX];
    size_t given_count;
    muster_engine *engine; /* NULL until session_open */
    muster_open_mode mode;
    cli_settings opened; /* what it was opened with; texts compared by place */
    muster_scope *scope;
    struct remote *remote; /* or this; NULL until client_open */
    buffer out; /* on its way to stdout */
    json_writer json;
    bool out_failed;
};

/* Value of a flag of the verb ("" when it takes none); NULL = not given. */
const char *cli_flag_text(const cli *c, const char *name);
/* The n-th, from 0, of a flag that may be given more than once. */
const char *cli_flag_nth(const cli *c, const char *name, size_t n);
bool cli_flag_is(const cli *c, const char *name);
/* Whole number from 0; *out stays when the flag was not given. False, with
 * the error told, when it is none. */
bool cli_flag_uint(const cli *c, const char *name, uint64_t *out);

/* ---- options.c ---- */

void options_defaults(cli *c);
/* Takes flags out of argv (words of one command, program name not among
 * them), sets c and leaves the positional words in place: *words of them from
 * argv[0]. 0, or an exit code after telling. */
int options_parse(cli *c, int argc, char **argv, int *words);
/* RFC 3339, a date (its first second), or seconds since 1970. */
bool options_parse_time(const char *text, muster_time *out);
/* Bytes, with K, M or G behind them for 1024, 1024^2 or 1024^3. */
bool options_parse_bytes(const char *text, uint64_t *out);

/* Below it no forms of hot planes are kept in memory; 0, which the engine takes
 * as its own choice, becomes RESIDENT_NONE. */
#define RESIDENT_LEAST ((uint64_t)2 << 20)
#define RESIDENT_NONE 1u

/* ---- session.c ---- */

/* Opens the data directory once, or again when the mode must be a stronger
 * one; for verbs that cannot ask a server (others: client_open). 0, or an exit
 * code after telling. */
int session_open(cli *c, muster_open_mode mode);
void session_close(cli *c);
bool session_exists(const cli *c); /* is there a data directory? */
/* An error about the data directory itself, none being there among them.
 * Returns its exit code. */
int session_tell_error(const cli *c, const muster_error *err);
/* 0, or an exit code after telling that the verb needs the data directory
 * itself, where a server was named. */
int session_check_local(const cli *c);
/* The key's file. Freed by mem_free. */
char *session_key_path(const cli *c);
/* Compiles, tells errors with their caret and, in formats for people,
 * warnings. `hint`: offer segment("...") when the text is a segment's key. */
int session_compile(cli *c, client_segment **out, const char *text,
                    size_t len);
/* A segment's key, or an expression where the text has not the form of a
 * key. EXIT_NOT_FOUND when there is no such segment. */
int session_compile_segment(cli *c, client_segment **out, const char *text);
bool segment_key_is_valid(const char *key);
/* Runs one command; argv as options_parse. Used by main and the shell. */
int session_run(cli *c, int argc, char **argv);

/* ---- output.c ---- */

typedef enum column_type {
    COLUMN_TEXT,
    COLUMN_COUNT,  /* grouped in tables */
    COLUMN_CHANGE, /* signed, grouped in tables */
    COLUMN_INT,    /* versions, ids, epochs: never grouped */
    COLUMN_DOUBLE,
    COLUMN_SHARE, /* 0..1; per cent in tables */
    COLUMN_BOOL,  /* true and false; yes and no in tables */
    COLUMN_TIME,
    COLUMN_LIST /* an array; words with blanks between elsewhere */
} column_type;

typedef struct column {
    const char *key; /* "users_new"; "users new" in tables */
    column_type type;
} column;

typedef struct rows rows;

/* One answer. In JSON an object is opened and closed, and out_member gives
 * the writer with the key written; in other formats out_member gives NULL
 * and only rows show. */
void out_open(cli *c);
void out_close(cli *c);
json_writer *out_member(cli *c, const char *key);
void out_member_uint(cli *c, const char *key, uint64_t v);
void out_member_int(cli *c, const char *key, int64_t v);
void out_member_double(cli *c, const char *key, double v);
void out_member_bool(cli *c, const char *key, bool v);
void out_member_str(cli *c, const char *key, const char *v);
void out_member_time(cli *c, const char *key, muster_time v);
/* "as_of" and "epoch" of the engine. */
void out_member_state(cli *c);
/* "warnings" of a segment; in JSON only. */
void out_put_warnings(cli *c, const client_segment *segment);
/* JSON without rows around it: a value of its own. */
json_writer *out_json(cli *c);
void out_json_end(cli *c);

/* Rows of columns; in JSON an array under `list`. A row is full, and written,
 * when every column has its cell. Table and md wait for the end (or for
 * ROWS_HELD_MAX rows) to know the widths. */
rows *rows_open(cli *c, const char *list, const column *columns, size_t n);
/* The same for a single row; in JSON an object, not an array. */
rows *rows_open_one(cli *c, const char *key, const column *columns, size_t n);
void rows_text(rows *r, muster_text v);
void rows_str(rows *r, const char *v); /* NULL or "": as rows_null */
void rows_uint(rows *r, uint64_t v);
void rows_int(rows *r, int64_t v);
void rows_double(rows *r, double v);
void rows_bool(rows *r, bool v);
void rows_time(rows *r, muster_time v); /* 0: as rows_null */
/* `count` texts, each ended by NUL. */
void rows_list(rows *r, const char *texts, size_t count);
void rows_null(rows *r);
void rows_close(rows *r);

/* Text for people on stdout. */
void out_printf(cli *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void out_flush(cli *c);
/* Takes back what was not flushed yet: an error leaves no half answer. */
void out_discard(cli *c);
/* The end of a verb that lists rows and the state they are of; status < 0:
 * nothing is printed but the error. Returns the exit code. */
int out_end_rows(cli *c, rows *r, int status, const muster_error *err);
/* False, with the error told, when something could not be written. */
bool out_finish(cli *c);
/* Columns that a text takes on the terminal. */
size_t out_width(const cli *c, muster_text text);
/* As text, with control characters made harmless. */
void out_put_safe(buffer *b, const cli *c, muster_text text);
/* The same, cut to so many columns (10 and more). */
void out_put_cut(buffer *b, const cli *c, muster_text text, size_t columns);

/* ---- human.c ---- */

typedef struct human_text {
    char text[48];
} human_text;

human_text human_count(uint64_t v);                  /* 1,204,331 */
human_text human_change(const cli *c, int64_t v);    /* -12,310 */
human_text human_share(double v);                    /* 2.50 % */
human_text human_double(double v);                   /* 0.149 */
human_text human_rate(double v);                     /* 2.31 M */
human_text human_bytes(double v);                    /* 412 MB */
human_text human_time(muster_time t);                /* 2026-11-21 12:03:07 */
human_text human_span(muster_time from, muster_time to);
human_text human_duration_ns(uint64_t ns);           /* 0.81 ms */
/* "39.3 MB of 3.16 GB", or that none are kept. */
human_text human_resident(const muster_engine_stats *stats);
human_text human_hash(const muster_state_hash *h);   /* 32 hex digits */

typedef struct signs {
    const char *minus, *rule, *dot, *yes, *no, *dots, *to;
} signs;
const signs *human_signs(const cli *c);

/* ---- message.c ---- */

/* "error: ..." on stderr. Return `code`, so that verbs return it. */
int tell_error(const cli *c, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As above, and how the verb is used. EXIT_USAGE. */
int tell_usage(const cli *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A muster_error; with the line and caret when `text` is the text it is
 * about. Returns its exit code. */
int tell_status(const cli *c, const muster_error *err, const char *text,
                size_t len);
void tell_warning(const cli *c, const muster_error *err, const char *text,
                  size_t len);
/* Plain line on stderr; nothing with --quiet. */
void tell(const cli *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int exit_of(int status); /* of a muster_status */
const char *exit_text(int code);
/* The word, or "..." when it may be an id. */
const char *tell_safe(const char *word);
/* Formats whose warnings stand on stderr, not in the answer. */
bool format_is_human(const cli *c);

/* ---- input.c ---- */

/* Whole file, or stdin for "-", up to max bytes; *out is freed by
 * mem_free. */
int input_read(cli *c, const char *path, size_t max, char **out,
               size_t *out_len);
/* The expression of a verb: the word itself, or stdin for "-". */
int input_expr(cli *c, const char *word, char **out, size_t *out_len);

/* Lines of bounded length. */
typedef struct line_reader {
    FILE *file;
    size_t max;
    char *line; /* NUL-terminated */
    size_t len;
    uint64_t number; /* 1-based */
    bool too_long;   /* the rest was skipped */
} line_reader;
void line_reader_init(line_reader *r, FILE *file, size_t max);
void line_reader_release(line_reader *r);
bool line_reader_next(line_reader *r);

/* space:id, split at the first colon, in place. False when there is none. */
bool id_split(char *word, muster_id *out);
bool id_looks_like(const char *word);
/* 0, or EXIT_USAGE after telling that word `i` (from 0) is no id. */
int id_check(cli *c, const char *word, int i);

/* Calls `each` for every id: the words, or the lines of stdin when the only
 * word is "-". `position` counts from 1. A word or line that is no id comes
 * with NULL. Ends at the first non-zero return, which is returned. */
typedef int (*id_fn)(void *payload, uint64_t position, const muster_id *id);
/* Words and lines alike; id_check words first. */
int ids_each(int argc, char **argv, id_fn each, void *payload);
/* id_check for all words but a lone "-". */
int ids_check(cli *c, int argc, char **argv);

/* ---- progress.c ---- */

typedef struct progress progress;
progress *progress_new(const cli *c, uint64_t bytes_total, const char *label);
/* Of work that is done part after part. */
progress *progress_new_parts(const cli *c, const char *label);
/* Any thread; each for its kind. */
void progress_update(progress *p, const muster_progress *now);
void progress_update_part(progress *p, const char *what, uint64_t done,
                          uint64_t total);
void progress_free(progress *p); /* erases the bar; NULL is fine */

/* ---- task.c ---- */

/* From open to close an interrupt (Ctrl-C) only sets what interrupt_is_seen
 * tells; a second one ends the program. One at a time. */
void interrupt_open(void);
bool interrupt_is_seen(void);
/* As read(2); an interrupt that came just before is not slept through: -1 and
 * EINTR. */
ssize_t interrupt_read(int fd, void *buf, size_t len);
void interrupt_close(void);

/* A long call of the engine: it gets &task.steps. */
typedef struct task {
    muster_task steps;
    progress *bar;
} task;
void task_open(task *t, const cli *c, const char *label);
/* Erases the bar. The exit code for `status`, told unless it is 0. */
int task_close(task *t, const cli *c, int status, const muster_error *err);

/* ---- words.c ---- */

/* Splits a line as a shell would ('..', "..", \x). *argv points into *copy;
 * both are freed by mem_free. False when a quote is open. */
bool words_split(const char *line, char **copy, char ***argv, int *argc);

/* ---- help.c ---- */

void help_verb(cli *c, const cli_verb *verb, const cli_verb *sub);
void help_overview(cli *c, FILE *to);

int cmd_generate(cli *c, int argc, char **argv);

#endif
