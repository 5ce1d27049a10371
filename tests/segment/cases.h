/*
 * cases.h - text cases: a program and what comes of it, in files people read.
 *
 * A file is blocks parted by empty lines. A block is
 *
 *     program                 one line, more lines as "| rest"
 *     what comes of it        none or more lines
 *
 * or lines that begin with "//", a comment. What a program comes to is the
 * caller's: for the parser the canonical text (no line when that is the
 * program itself) or the error with its caret.
 *
 * With MUSTER_CASES_UPDATE=1 the file is written anew with what came; look at
 * the difference before keeping it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SEGMENT_CASES_H
#define SEGMENT_CASES_H

#include <stdio.h>
#include <stdlib.h>
#include "base/base.h"
#include "segment/segment.h"

#define CASE_BYTES_MAX ((size_t)1 << 20)

/* Appends what comes of the program `text`, each line ended by a newline. */
typedef void (*case_runner)(void *payload, muster_text text, buffer *out);

typedef struct case_file {
    char path[512];
    buffer text;
    size_t at;
    buffer program; /* as the runner gets it */
    buffer source;  /* as it stands in the file */
    buffer expected;
} case_file;

static inline bool case_line(case_file *f, muster_text *out)
{
    if (f->at >= f->text.len)
        return false;
    const char *start = (const char *)f->text.data + f->at;
    const char *end = memchr(start, '\n', f->text.len - f->at);
    out->ptr = start;
    out->len = end != NULL ? (size_t)(end - start) : f->text.len - f->at;
    f->at += out->len + 1;
    return true;
}

static inline void case_put_line(buffer *out, muster_text line)
{
    buffer_put_text(out, line);
    buffer_put_u8(out, '\n');
}

/* Reads the next block; a comment leaves `program` empty. */
static inline bool case_next(case_file *f)
{
    muster_text line;
    buffer_clear(&f->program);
    buffer_clear(&f->source);
    buffer_clear(&f->expected);
    do {
        if (!case_line(f, &line))
            return false;
    } while (line.len == 0);
    const bool comment = text_starts_with(line, text_of("//"));
    case_put_line(&f->source, line);
    if (!comment)
        buffer_put_text(&f->program, line);
    bool more = true; /* the program may go on */
    while (case_line(f, &line) && line.len > 0) {
        more = more && line.ptr[0] == '|';
        case_put_line(more || comment ? &f->source : &f->expected, line);
        if (more && !comment && line.len >= 2) {
            buffer_put_u8(&f->program, '\n');
            buffer_put(&f->program, line.ptr + 2, line.len - 2);
        }
    }
    return true;
}

static inline void case_open(case_file *f, const char *name)
{
    const char *root = getenv("MUSTER_SOURCE");
    buffer *all[] = {&f->text, &f->program, &f->source, &f->expected};
    memset(f, 0, sizeof *f);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buffer_init(all[i], CASE_BYTES_MAX);
    snprintf(f->path, sizeof f->path, "%s/tests/segment/%s",
             root != NULL ? root : ".", name);
    FILE *file = fopen(f->path, "rb");
    if (file == NULL) {
        fprintf(stderr, "cannot open %s\n", f->path);
        abort();
    }
    f->text.len = fread(buffer_reserve(&f->text, CASE_BYTES_MAX / 2), 1,
                        CASE_BYTES_MAX / 2, file);
    fclose(file);
}

static inline void case_close(case_file *f)
{
    buffer_release(&f->text);
    buffer_release(&f->program);
    buffer_release(&f->source);
    buffer_release(&f->expected);
}

static inline void case_update(const case_file *f, const buffer *text)
{
    FILE *file = fopen(f->path, "wb");
    ASSERT(file != NULL);
    ASSERT(fwrite(text->data, 1, text->len, file) == text->len);
    fclose(file);
}

/* Runs every case of the file; returns how many failed. */
static inline int case_run(const char *name, case_runner run, void *payload)
{
    case_file f;
    buffer came;
    buffer fresh; /* the file as it would be now */
    int failed = 0;
    int count = 0;
    case_open(&f, name);
    buffer_init(&came, CASE_BYTES_MAX);
    buffer_init(&fresh, CASE_BYTES_MAX);
    while (case_next(&f)) {
        if (fresh.len > 0)
            buffer_put_u8(&fresh, '\n');
        buffer_put(&fresh, f.source.data, f.source.len);
        if (f.program.len == 0)
            continue;
        buffer_clear(&came);
        run(payload, text_of(buffer_cstr(&f.program)), &came);
        buffer_put(&fresh, came.data, came.len);
        count++;
        if (strcmp(buffer_cstr(&came), buffer_cstr(&f.expected)) == 0)
            continue;
        failed++;
        fprintf(stderr, "%s:\n%s--- expected\n%s--- came\n%s\n", f.path,
                buffer_cstr(&f.source), buffer_cstr(&f.expected),
                buffer_cstr(&came));
    }
    ASSERT(count > 0 && buffer_ok(&fresh));
    if (getenv("MUSTER_CASES_UPDATE") != NULL)
        case_update(&f, &fresh);
    buffer_release(&came);
    buffer_release(&fresh);
    case_close(&f);
    return failed;
}

/* "word: message" and the caret. */
static inline void case_put_error(const muster_error *err, muster_text text,
                                  buffer *out)
{
    buffer_printf(out, "%s: %s\n", err->word, err->message);
    segment_error_caret(err, text, out);
}

#endif
