/*
 * message.c - what goes to stderr: errors, warnings, the line and the caret
 * under them; and which exit code a status becomes.
 *
 *     error: expected 'and' or 'or', found 'an'
 *       geo.country = "DE" an interest = "autos"
 *                          ^^ did you mean 'and'?
 *
 * A word of the command line is repeated in a message only when it cannot be
 * a raw id: nothing with a colon in it is (tell_safe).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <stdarg.h>
#include <string.h>
#include "base/error.h"

#define RED "\033[1;31m"
#define YELLOW "\033[1;33m"
#define PLAIN "\033[0m"
#define MESSAGE_BYTES_MAX ((size_t)1 << 20)

/* A status of the engine and the exit code it becomes. */
static const struct {
    int status;
    int code;
} exit_rows[] = {
    {MUSTER_OK, EXIT_OK},
    {MUSTER_EINVAL, EXIT_USAGE},
    {MUSTER_EIO, EXIT_USAGE},
    {MUSTER_EEXPR, EXIT_EXPR},
    {MUSTER_ENOTFOUND, EXIT_NOT_FOUND},
    {MUSTER_ECONFLICT, EXIT_CONFLICT},
    {MUSTER_EPARTIAL, EXIT_PARTIAL},
    {MUSTER_EREFUSED, EXIT_USAGE},
    {MUSTER_ELIMIT, EXIT_USAGE},
    {MUSTER_ECORRUPT, EXIT_USAGE},
    {MUSTER_EVERSION, EXIT_USAGE},
    {MUSTER_EBUSY, EXIT_CONFLICT},
    {MUSTER_EPARSE, EXIT_USAGE},
    {MUSTER_ECANCELLED, EXIT_PARTIAL},
    {CLI_ESERVER, EXIT_SERVER},
};

static const struct {
    int code;
    const char *text;
} exit_texts[] = {
    {EXIT_OK, "done"},
    {EXIT_FALSE, "the answer is no, something was found, or texts differ"},
    {EXIT_USAGE, "wrong usage, or a file or data directory cannot be used"},
    {EXIT_EXPR, "the expression is not valid"},
    {EXIT_NOT_FOUND, "no such user, segment, attribute, version or snapshot"},
    {EXIT_CONFLICT, "in conflict with what is stored, or another process"
                    " is writing"},
    {EXIT_PARTIAL, "some records or ids were refused"},
    {EXIT_SERVER, "the server cannot be reached"},
    {EXIT_INTERRUPTED, "interrupted"},
};

int exit_of(int status)
{
    for (size_t i = 0; i < sizeof exit_rows / sizeof *exit_rows; i++)
        if (exit_rows[i].status == status)
            return exit_rows[i].code;
    return EXIT_USAGE;
}

const char *exit_text(int code)
{
    for (size_t i = 0; i < sizeof exit_texts / sizeof *exit_texts; i++)
        if (exit_texts[i].code == code)
            return exit_texts[i].text;
    return "";
}

const char *tell_safe(const char *word)
{
    return strchr(word, ':') != NULL ? "..." : word;
}

bool format_is_human(const cli *c)
{
    return c->set.format != FORMAT_JSON && c->set.format != FORMAT_NDJSON;
}

static void put(const cli *c, const char *color, const char *word, buffer *line)
{
    const bool paint = c->set.color_err && *color != '\0';
    fprintf(stderr, "%s%s%s", paint ? color : "", word, paint ? PLAIN : "");
    fwrite(line->data, 1, line->len, stderr);
    fputc('\n', stderr);
}

/* The message with control characters made harmless. */
static void put_message(const cli *c, const char *color, const char *word,
                        const char *format, va_list args)
{
    buffer raw;
    buffer line;
    buffer_init(&raw, MESSAGE_BYTES_MAX);
    buffer_init(&line, 4 * MESSAGE_BYTES_MAX);
    buffer_vprintf(&raw, format, args);
    out_put_safe(&line, c, text_make((const char *)raw.data, raw.len));
    put(c, color, word, &line);
    buffer_release(&raw);
    buffer_release(&line);
}

int tell_error(const cli *c, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_message(c, RED, "error: ", format, args);
    va_end(args);
    return code;
}

void tell(const cli *c, const char *format, ...)
{
    if (c->set.quiet)
        return;
    va_list args;
    va_start(args, format);
    put_message(c, "", "", format, args);
    va_end(args);
}

int tell_usage(const cli *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_message(c, RED, "error: ", format, args);
    va_end(args);
    if (c->verb == NULL) {
        fputs("usage: muster [FLAG]... VERB [ARGUMENT]...\n"
              "       muster help\n",
              stderr);
        return EXIT_USAGE;
    }
    const cli_verb *v = c->sub != NULL ? c->sub : c->verb;
    const char *sub = c->sub != NULL ? c->sub->name : "";
    fprintf(stderr, "usage: muster %s%s%s %s\n       muster help %s%s%s\n",
            c->verb->name, *sub != '\0' ? " " : "", sub, v->synopsis,
            c->verb->name, *sub != '\0' ? " " : "", sub);
    return EXIT_USAGE;
}

/* The lines of muster_error_caret, indented as they come; the last one has
 * the caret and the suggestion. */
static void put_caret(const cli *c, buffer *b, const muster_error *err,
                      const char *text, size_t len, const char *color)
{
    char *caret = muster_error_caret(err, text, len);
    if (caret == NULL)
        return;
    muster_text left = text_of(caret);
    while (left.len > 0 && left.ptr[left.len - 1] == '\n')
        left.len--;
    while (left.len > 0) {
        const char *end = memchr(left.ptr, '\n', left.len);
        const size_t n = end != NULL ? (size_t)(end - left.ptr) : left.len;
        const bool paint = end == NULL && c->set.color_err;
        const size_t blank = paint ? strspn(left.ptr, " ") : 0;
        buffer_put_u8(b, '\n');
        buffer_put(b, left.ptr, blank);
        buffer_put_str(b, paint ? color : "");
        out_put_safe(b, c, text_make(left.ptr + blank, n - blank));
        buffer_put_str(b, paint ? PLAIN : "");
        left = text_make(left.ptr + n + (end != NULL),
                         left.len - n - (end != NULL));
    }
    muster_free(caret);
}

static void put_error(const cli *c, const char *color, const char *word,
                      const muster_error *err, const char *text, size_t len)
{
    buffer line;
    buffer_init(&line, MESSAGE_BYTES_MAX);
    out_put_safe(&line, c,
                 text_of(err->message[0] != '\0'
                             ? err->message
                             : muster_error_name(err->code)));
    if (text != NULL && err->line > 0) {
        put_caret(c, &line, err, text, len, color);
    } else if (err->suggestion[0] != '\0') {
        buffer_put_str(&line, "; did you mean '");
        out_put_safe(&line, c, text_of(err->suggestion));
        buffer_put_str(&line, "'?");
    }
    put(c, color, word, &line);
    buffer_release(&line);
}

int tell_status(const cli *c, const muster_error *err, const char *text,
                size_t len)
{
    ASSERT(err->code < 0);
    put_error(c, RED, "error: ", err, text, len);
    return exit_of(err->code);
}

void tell_warning(const cli *c, const muster_error *err, const char *text,
                  size_t len)
{
    if (!c->set.quiet)
        put_error(c, YELLOW, "warning: ", err, text, len);
}
