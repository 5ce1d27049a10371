/*
 * input.c - what verbs read beside their flags: whole files, lines, and ids.
 *
 * An id on the command line or on a line of stdin is SPACE:ID, split at the
 * first colon. It is handed on at once and never kept or repeated: an error
 * names its position.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/error.h"
#include "base/mem.h"

#define READ_BYTES ((size_t)64 * 1024)
/* An id, its space, and room to see that it is too long. */
#define ID_LINE_MAX (MUSTER_ID_BYTES_MAX + MUSTER_NAME_BYTES_MAX + 64)

static const char *name_of(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

static int read_stream(const cli *c, FILE *file, const char *path, size_t max,
                       buffer *b)
{
    for (;;) {
        uint8_t *at = buffer_reserve(b, READ_BYTES);
        if (at == NULL)
            return tell_error(c, EXIT_USAGE, "%s is longer than %zu bytes",
                              name_of(path), max);
        const size_t n = fread(at, 1, READ_BYTES, file);
        b->len += n;
        if (b->len > max)
            return tell_error(c, EXIT_USAGE, "%s is longer than %zu bytes",
                              name_of(path), max);
        if (n == 0 && ferror(file))
            return tell_error(c, EXIT_USAGE, "cannot read %s: %s",
                              name_of(path), strerror(errno));
        if (n == 0)
            return 0;
    }
}

int input_read(cli *c, const char *path, size_t max, char **out,
               size_t *out_len)
{
    const bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rbe");
    buffer b;
    *out = NULL;
    *out_len = 0;
    if (file == NULL)
        return tell_error(c, EXIT_USAGE, "cannot read %s: %s", path,
                          strerror(errno));
    buffer_init(&b, max + 2 * READ_BYTES);
    const int code = read_stream(c, file, path, max, &b);
    if (code == 0) {
        *out = mem_strndup(b.len > 0 ? (const char *)b.data : "", b.len);
        *out_len = b.len;
    }
    buffer_release(&b);
    if (!standard)
        fclose(file);
    return code;
}

int input_expr(cli *c, const char *word, char **out, size_t *out_len)
{
    if (strcmp(word, "-") == 0)
        return input_read(c, "-", MUSTER_SEGMENT_BYTES_MAX, out, out_len);
    *out_len = strlen(word);
    *out = mem_strndup(word, *out_len);
    return 0;
}

/* ---- lines ---- */

void line_reader_init(line_reader *r, FILE *file, size_t max)
{
    *r = (line_reader){.file = file, .max = max};
    r->line = mem_alloc(max + 1);
}

void line_reader_release(line_reader *r)
{
    mem_free(r->line);
    r->line = NULL;
}

bool line_reader_next(line_reader *r)
{
    int byte = getc_unlocked(r->file);
    r->len = 0;
    r->too_long = false;
    if (byte == EOF)
        return false;
    for (; byte != EOF && byte != '\n'; byte = getc_unlocked(r->file)) {
        if (r->len < r->max)
            r->line[r->len++] = (char)byte;
        else
            r->too_long = true;
    }
    if (r->len > 0 && r->line[r->len - 1] == '\r')
        r->len--;
    r->line[r->len] = '\0';
    r->number++;
    return true;
}

/* ---- ids ---- */

static bool is_space_name(const char *word, size_t len)
{
    if (len == 0 || len > MUSTER_NAME_BYTES_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        const char at = word[i];
        const bool letter = at >= 'a' && at <= 'z';
        const bool later = (at >= '0' && at <= '9') || at == '_';
        if (!letter && !(i > 0 && later))
            return false;
    }
    return true;
}

bool id_split(char *word, muster_id *out)
{
    char *colon = strchr(word, ':');
    if (colon == NULL || colon[1] == '\0' ||
        !is_space_name(word, (size_t)(colon - word)))
        return false;
    *colon = '\0';
    *out = (muster_id){word, colon + 1, strlen(colon + 1)};
    return true;
}

bool id_looks_like(const char *word)
{
    const char *colon = strchr(word, ':');
    return colon != NULL && colon[1] != '\0' &&
           is_space_name(word, (size_t)(colon - word));
}

int id_check(cli *c, const char *word, int i)
{
    if (id_looks_like(word))
        return 0;
    return tell_usage(c,
                      "argument %d is not of the form SPACE:ID, like"
                      " cookie:4f2a",
                      i + 1);
}

int ids_check(cli *c, int argc, char **argv)
{
    if (argc == 1 && strcmp(argv[0], "-") == 0)
        return 0;
    for (int i = 0; i < argc; i++)
        if (id_check(c, argv[i], i) != 0)
            return EXIT_USAGE;
    return 0;
}

static int lines_each(id_fn each, void *payload)
{
    line_reader r;
    int code = 0;
    line_reader_init(&r, stdin, ID_LINE_MAX);
    while (code == 0 && line_reader_next(&r)) {
        muster_id id;
        const bool whole = !r.too_long && strlen(r.line) == r.len;
        const bool ok = whole && id_split(r.line, &id);
        code = each(payload, r.number, ok ? &id : NULL);
    }
    line_reader_release(&r);
    return code;
}

int ids_each(int argc, char **argv, id_fn each, void *payload)
{
    if (argc == 1 && strcmp(argv[0], "-") == 0)
        return lines_each(each, payload);
    for (int i = 0; i < argc; i++) {
        muster_id id;
        const bool ok = id_split(argv[i], &id);
        const int code = each(payload, (uint64_t)i + 1, ok ? &id : NULL);
        if (code != 0)
            return code;
    }
    return 0;
}
