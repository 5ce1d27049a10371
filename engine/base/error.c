/*
 * error.c - filling a muster_error, and the end of the process when we are
 * wrong ourselves.
 *
 * A message often carries words of the person who wrote the input, so it is
 * made safe to print: control characters (ASCII, and the C1 set that some
 * terminals obey) become spaces, and the cut at the end of the array never
 * splits a UTF-8 character. Filling costs one vsnprintf; placing walks the
 * text once up to the offset. No state: any thread, each its own
 * muster_error.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *muster_version(void)
{
    return MUSTER_VERSION;
}

const char *muster_error_name(int code)
{
    switch (code) {
    case MUSTER_OK:
        return "no error";
#define ERROR_NAME_ROW(symbol, value, text)                                    \
    case symbol:                                                               \
        return text;
        MUSTER_ERROR_MAP(ERROR_NAME_ROW)
#undef ERROR_NAME_ROW
    default:
        return "unknown error";
    }
}

void error_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "muster: %s:%d: assertion failed: %s\n", file, line, cond);
    fflush(stderr);
    abort();
}

void error_clear(muster_error *err)
{
    if (err != NULL)
        memset(err, 0, sizeof *err);
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Takes away the bytes of a character that was cut in the middle. */
static void drop_split_character(char *text, size_t len)
{
    size_t start = len;
    while (start > 0 && is_continuation(text[start - 1]))
        start--;
    if (start == 0)
        return;
    const unsigned char lead = (unsigned char)text[start - 1];
    size_t need = 0;
    if (lead >= 0xf0)
        need = 3;
    else if (lead >= 0xe0)
        need = 2;
    else if (lead >= 0xc0)
        need = 1;
    if (len - start < need)
        text[start - 1] = '\0';
}

/* Newlines and other control characters become spaces. */
static void blank_controls(char *text)
{
    for (char *p = text; *p != '\0'; p++) {
        const unsigned char c = (unsigned char)*p;
        const unsigned char next = (unsigned char)p[1];
        if (c < 0x20 || c == 0x7f) {
            *p = ' ';
        } else if (c == 0xc2 && next >= 0x80 && next <= 0x9f) {
            p[0] = ' ';
            p[1] = ' ';
        }
    }
}

__attribute__((format(printf, 3, 0))) static void
format_line(char *out, size_t size, const char *format, va_list args)
{
    ASSERT(size > 1);
    const int len = vsnprintf(out, size, format, args);
    if (len < 0)
        out[0] = '\0';
    else if ((size_t)len >= size)
        drop_split_character(out, size - 1);
    blank_controls(out);
}

int error_set(muster_error *err, int code, const char *word, const char *format,
              ...)
{
    ASSERT(code < 0);
    if (err == NULL)
        return code;
    ASSERT(strlen(word) < sizeof err->word);
    /* The arguments may point into err itself, so the line is made first. */
    char line[sizeof err->message];
    va_list args;
    va_start(args, format);
    format_line(line, sizeof line, format, args);
    va_end(args);
    char kept_word[sizeof err->word];
    memcpy(kept_word, word, strlen(word) + 1);
    error_clear(err);
    err->code = code;
    memcpy(err->word, kept_word, strlen(kept_word) + 1);
    memcpy(err->message, line, strlen(line) + 1);
    return code;
}

int error_place(muster_error *err, const char *text, size_t text_len,
                size_t offset, size_t length)
{
    ASSERT(offset <= text_len);
    if (err == NULL)
        return 0;
    if (length > text_len - offset)
        length = text_len - offset;
    uint32_t line = 1;
    uint32_t column = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            line++;
            column = 1;
        } else if (!is_continuation(text[i])) {
            column++;
        }
    }
    err->line = line;
    err->column = column;
    err->offset = offset;
    err->length = length;
    return err->code;
}

void error_suggest(muster_error *err, const char *format, ...)
{
    if (err == NULL)
        return;
    char line[sizeof err->suggestion];
    va_list args;
    va_start(args, format);
    format_line(line, sizeof line, format, args);
    va_end(args);
    memcpy(err->suggestion, line, strlen(line) + 1);
}

int error_errno(muster_error *err, const char *act, const char *path)
{
    const int saved = errno;
    ASSERT(act != NULL && path != NULL);
    error_set(err, MUSTER_EIO, "io", "cannot %s %s: %m", act, path);
    errno = saved;
    return MUSTER_EIO;
}
