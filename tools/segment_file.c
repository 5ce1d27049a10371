/*
 * segment_file.c - one segment as a file:
 *
 *     # name: Loyal travellers
 *     # priority: 20
 *     # served: no
 *     interest = "travel" and purchase at least 2 times within 90 days
 *
 * Headers stand among the comment and blank lines before the expression, in
 * any order, each optional (no name, priority 0, served). Other comments
 * belong to the expression. As headers are comments of the language too, the
 * whole text of a file compiles, and an error's line is the file's line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment_file.h"

#include <string.h>
#include "base/mem.h"

#define SUFFIX ".seg"

/* ---- headers ---- */

/* "# key: value" as key and value; false for other lines. */
static bool is_header(muster_text line, muster_text *key, muster_text *value)
{
    line = text_trim(line);
    if (line.len == 0 || line.ptr[0] != '#')
        return false;
    line = text_make(line.ptr + 1, line.len - 1);
    const char *colon = memchr(line.ptr, ':', line.len);
    if (colon == NULL)
        return false;
    const size_t n = (size_t)(colon - line.ptr);
    *key = text_trim(text_make(line.ptr, n));
    *value = text_trim(text_make(colon + 1, line.len - n - 1));
    return text_equal_nocase(*key, text_of("name")) ||
           text_equal_nocase(*key, text_of("priority")) ||
           text_equal_nocase(*key, text_of("served"));
}

static int bad_header(const cli *c, const segment_file *f, unsigned line,
                      const char *what)
{
    return tell_error(c, EXIT_USAGE, "%s, line %u: %s", f->path, line, what);
}

static int take_header(const cli *c, segment_file *f, unsigned line,
                       muster_text key, muster_text value)
{
    if (text_equal_nocase(key, text_of("name"))) {
        mem_free(f->name);
        f->name = mem_strndup(value.ptr, value.len);
        f->has_name = true;
        return 0;
    }
    if (text_equal_nocase(key, text_of("priority"))) {
        int64_t v;
        if (!text_parse_int(value, &v) || v < INT32_MIN || v > INT32_MAX)
            return bad_header(c, f, line, "a priority is a whole number");
        f->priority = (int32_t)v;
        f->has_priority = true;
        return 0;
    }
    f->served = text_is(value, "yes");
    f->has_served = true;
    if (!f->served && !text_is(value, "no"))
        return bad_header(c, f, line, "served is yes or no");
    return 0;
}

/* One line from *at on, without its end. */
static muster_text next_line(const char *text, size_t len, size_t *at)
{
    const char *start = text + *at;
    const char *end = memchr(start, '\n', len - *at);
    const size_t n = end != NULL ? (size_t)(end - start) : len - *at;
    *at += n + (end != NULL);
    return text_make(start, n);
}

int segment_file_parse(const cli *c, segment_file *out, const char *key,
                       const char *path, const char *text, size_t len)
{
    buffer expr;
    unsigned line = 0;
    bool head = true;
    int code = 0;
    *out = (segment_file){.key = mem_strdup(key),
                          .path = mem_strdup(path),
                          .text = mem_strndup(text, len),
                          .text_len = len,
                          .name = mem_strdup(""),
                          .served = true};
    buffer_init(&expr, len + 2);
    for (size_t at = 0; at < len && code == 0;) {
        const muster_text all = next_line(text, len, &at);
        const muster_text bare = text_trim(all);
        muster_text name;
        muster_text value;
        line++;
        head = head && (bare.len == 0 || bare.ptr[0] == '#');
        if (head && is_header(all, &name, &value)) {
            code = take_header(c, out, line, name, value);
            continue;
        }
        buffer_put_text(&expr, all);
        buffer_put_u8(&expr, '\n');
    }
    const muster_text trimmed =
        text_trim(text_make((const char *)expr.data, expr.len));
    out->expr = mem_strndup(trimmed.len > 0 ? trimmed.ptr : "", trimmed.len);
    buffer_release(&expr);
    return code;
}

int segment_file_read(cli *c, segment_file *out, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const size_t n = strlen(base);
    char *text = NULL;
    size_t len = 0;
    *out = (segment_file){.key = NULL};
    const bool named =
        n > strlen(SUFFIX) && strcmp(base + n - strlen(SUFFIX), SUFFIX) == 0;
    char *key = mem_strndup(base, named ? n - strlen(SUFFIX) : n);
    int code = 0;
    if (!named || !segment_key_is_valid(key))
        code = tell_error(c, EXIT_USAGE,
                          "%s: a segment's file is named"
                          " KEY.seg; a key has a-z, 0-9, - and"
                          " _, at most 64, the first one a"
                          " letter or digit",
                          path);
    if (code == 0)
        code = input_read(c, path, MUSTER_SEGMENT_BYTES_MAX, &text, &len);
    if (code == 0)
        code = segment_file_parse(c, out, key, path, text, len);
    mem_free(key);
    mem_free(text);
    return code;
}

void segment_file_take(segment_file *out, const muster_saved *saved)
{
    *out = (segment_file){.key = mem_strdup(saved->key),
                          .path = mem_strdup(saved->key),
                          .text = mem_strdup(saved->expr),
                          .text_len = strlen(saved->expr),
                          .expr = mem_strdup(saved->expr),
                          .name = mem_strdup(saved->name),
                          .priority = saved->priority,
                          .served = saved->served};
}

void segment_file_format(buffer *out, const segment_file *f)
{
    if (f->name[0] != '\0')
        buffer_printf(out, "# name: %s\n", f->name);
    if (f->priority != 0)
        buffer_printf(out, "# priority: %d\n", f->priority);
    if (!f->served)
        buffer_put_str(out, "# served: no\n");
    buffer_printf(out, "%s\n", f->expr);
}

bool segment_file_same(const segment_file *a, const segment_file *b)
{
    return strcmp(a->expr, b->expr) == 0 && strcmp(a->name, b->name) == 0 &&
           a->priority == b->priority && a->served == b->served;
}

void segment_file_release(segment_file *f)
{
    mem_free(f->key);
    mem_free(f->path);
    mem_free(f->text);
    mem_free(f->expr);
    mem_free(f->name);
    *f = (segment_file){.key = NULL};
}

/* ---- references ---- */

static bool is_word(char at)
{
    return (at >= 'a' && at <= 'z') || (at >= 'A' && at <= 'Z') ||
           (at >= '0' && at <= '9') || at == '_' || at == '.';
}

static size_t skip_blank(const char *text, size_t len, size_t at)
{
    while (at < len) {
        if (text[at] == '#')
            while (at < len && text[at] != '\n')
                at++;
        else if (strchr(" \t\r\n", text[at]) != NULL && text[at] != '\0')
            at++;
        else
            break;
    }
    return at;
}

/* Behind the string that starts at `at`; `at` when none does. */
static size_t skip_string(const char *text, size_t len, size_t at)
{
    if (at >= len || text[at] != '"')
        return at;
    for (at++; at < len && text[at] != '"'; at++)
        at += text[at] == '\\' && at + 1 < len;
    return at < len ? at + 1 : at;
}

/* ("key") behind the word `segment` that stands at `start`. */
static bool take_reference(const char *text, size_t len, size_t start,
                           size_t at, segment_reference *out)
{
    at = skip_blank(text, len, at);
    if (at >= len || text[at] != '(')
        return false;
    const size_t open = skip_blank(text, len, at + 1);
    const size_t close = skip_string(text, len, open);
    if (close < open + 2)
        return false;
    at = skip_blank(text, len, close);
    if (at >= len || text[at] != ')')
        return false;
    *out = (segment_reference){start, at + 1 - start,
                               text_make(text + open + 1, close - open - 2)};
    return true;
}

bool segment_reference_next(const char *text, size_t len, size_t *at,
                            segment_reference *out)
{
    while (*at < len) {
        const size_t start = *at = skip_blank(text, len, *at);
        if (start >= len)
            return false;
        if (text[start] == '"') {
            *at = skip_string(text, len, start);
        } else if (!is_word(text[start])) {
            *at += 1;
        } else {
            while (*at < len && is_word(text[*at]))
                *at += 1;
            const muster_text word = text_make(text + start, *at - start);
            if (!text_equal_nocase(word, text_of("segment")) ||
                !take_reference(text, len, start, *at, out))
                continue;
            *at = out->offset + out->length;
            return true;
        }
    }
    return false;
}
