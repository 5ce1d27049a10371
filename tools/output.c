/*
 * output.c - stdout: rows in every format, and JSON objects.
 *
 *   table   two spaces before and between columns, numbers to the right,
 *           grouped; widths fit the rows held
 *   tsv     tab between cells; tab, newline, carriage return and backslash
 *           in a text as \t \n \r \\
 *   csv     RFC 4180: CRLF is not needed to read it, so lines end in LF;
 *           quotes where a cell has a comma, a quote or a line end
 *   json    one object; rows are an array of objects in it
 *   ndjson  one object per row and line
 *   md      a table of Markdown
 *
 * A cell is kept as text made for the format at once; only table and md hold
 * rows back, to know how wide columns are, and at most ROWS_HELD_MAX of them:
 * after that they stream with the widths found, and longer cells stick out.
 *
 * Nothing is written to stdout but through `out`, which goes out when it
 * passes OUT_FLUSH_BYTES and at the end; a failed write is told once, at
 * out_finish.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* wcwidth */
#include "client.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

#define COLUMNS_MAX 16
#define ROWS_HELD_MAX 1000
#define OUT_FLUSH_BYTES ((size_t)64 * 1024)
#define OUT_BYTES_MAX ((size_t)1 << 30)
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

struct rows {
    cli *c;
    const column *columns;
    size_t n;
    size_t at;    /* the next cell's column */
    buffer cells; /* held cells, each ended by NUL */
    size_t held;  /* rows in it */
    size_t widths[COLUMNS_MAX];
    bool titled; /* the header is out */
    bool single; /* no array around it in JSON */
};

/* ---- stdout ---- */

void out_flush(cli *c)
{
    const char *at = (const char *)c->out.data;
    size_t left = c->out.len;
    while (left > 0 && !c->out_failed) {
        const ssize_t n = write(STDOUT_FILENO, at, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            c->out_failed = true;
            tell_error(c, EXIT_USAGE, "cannot write to standard output: %s",
                       strerror(errno));
            break;
        }
        at += n;
        left -= (size_t)n;
    }
    buffer_clear(&c->out);
}

void out_discard(cli *c)
{
    buffer_clear(&c->out);
}

static void out_flush_full(cli *c)
{
    if (c->out.len >= OUT_FLUSH_BYTES)
        out_flush(c);
}

bool out_finish(cli *c)
{
    out_flush(c);
    return !c->out_failed;
}

void out_printf(cli *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buffer_vprintf(&c->out, format, args);
    va_end(args);
    out_flush_full(c);
}

/* ---- text on a terminal ---- */

/* The character at text[0]; its length, or 0 when it is none. */
static size_t next_wide(muster_text text, wchar_t *wide)
{
    mbstate_t state;
    memset(&state, 0, sizeof state);
    const size_t n = mbrtowc(wide, text.ptr, text.len, &state);
    return n == 0 || n > text.len ? 0 : n;
}

size_t out_width(const cli *c, muster_text text)
{
    if (!c->utf8)
        return text.len;
    size_t width = 0;
    while (text.len > 0) {
        wchar_t wide;
        size_t n = next_wide(text, &wide);
        const int columns = n > 0 ? wcwidth(wide) : 1;
        if (n == 0)
            n = 1;
        width += columns > 0 ? (size_t)columns : 0;
        text = text_make(text.ptr + n, text.len - n);
    }
    return width;
}

void out_put_cut(buffer *b, const cli *c, muster_text text, size_t columns)
{
    if (out_width(c, text) <= columns) {
        out_put_safe(b, c, text);
        return;
    }
    const char *dots = human_signs(c)->dots;
    const size_t room = columns - out_width(c, text_of(dots));
    size_t n = text.len < room ? text.len : room;
    while (out_width(c, text_make(text.ptr, n)) < room)
        n++;
    n = text_utf8_prefix(text_make(text.ptr, n));
    out_put_safe(b, c, text_make(text.ptr, n));
    buffer_put_str(b, dots);
}

/* C0, DEL, and (as UTF-8) C1 could steer a terminal. */
static bool is_control(muster_text text, size_t *length)
{
    const unsigned char first = (unsigned char)text.ptr[0];
    *length = 1;
    if (first < 0x20 || first == 0x7f)
        return true;
    if (first != 0xc2 || text.len < 2)
        return false;
    *length = 2;
    return (unsigned char)text.ptr[1] < 0xa0;
}

void out_put_safe(buffer *b, const cli *c, muster_text text)
{
    const char *mark = c->utf8 ? "\xef\xbf\xbd" : "?";
    while (text.len > 0) {
        size_t n;
        if (is_control(text, &n)) {
            buffer_put_str(b, text.ptr[0] == '\t' ? " " : mark);
        } else {
            n = 1;
            buffer_put_u8(b, (uint8_t)text.ptr[0]);
        }
        text = text_make(text.ptr + n, text.len - n);
    }
}

/* ---- JSON ---- */

json_writer *out_json(cli *c)
{
    json_begin(&c->json, &c->out, c->out_tty);
    return &c->json;
}

void out_json_end(cli *c)
{
    buffer_put_u8(&c->out, '\n');
    out_flush_full(c);
}

void out_open(cli *c)
{
    if (c->set.format == FORMAT_JSON)
        json_open_object(out_json(c));
}

void out_close(cli *c)
{
    if (c->set.format != FORMAT_JSON)
        return;
    json_close(&c->json);
    out_json_end(c);
}

json_writer *out_member(cli *c, const char *key)
{
    if (c->set.format != FORMAT_JSON)
        return NULL;
    json_key(&c->json, key);
    return &c->json;
}

void out_member_uint(cli *c, const char *key, uint64_t v)
{
    json_writer *w = out_member(c, key);
    if (w != NULL)
        json_put_uint(w, v);
}

void out_member_int(cli *c, const char *key, int64_t v)
{
    json_writer *w = out_member(c, key);
    if (w != NULL)
        json_put_int(w, v);
}

void out_member_double(cli *c, const char *key, double v)
{
    json_writer *w = out_member(c, key);
    if (w != NULL)
        json_put_double(w, v);
}

void out_member_bool(cli *c, const char *key, bool v)
{
    json_writer *w = out_member(c, key);
    if (w != NULL)
        json_put_bool(w, v);
}

void out_member_str(cli *c, const char *key, const char *v)
{
    json_writer *w = out_member(c, key);
    if (w != NULL)
        json_put_str(w, v);
}

static void put_time(json_writer *w, muster_time v)
{
    char stamp[32];
    if (v == 0)
        json_put_null(w);
    else
        json_put_text(w, text_make(stamp, clock_format_time(stamp, v)));
}

void out_member_time(cli *c, const char *key, muster_time v)
{
    json_writer *w = out_member(c, key);
    if (w != NULL)
        put_time(w, v);
}

void out_member_state(cli *c)
{
    out_member_time(c, "as_of", client_now(c));
    out_member_uint(c, "epoch", client_epoch(c));
}

void out_put_warnings(cli *c, const client_segment *segment)
{
    static const column columns[] = {
        {"code", COLUMN_TEXT},      {"line", COLUMN_INT},
        {"column", COLUMN_INT},     {"offset", COLUMN_INT},
        {"length", COLUMN_INT},     {"message", COLUMN_TEXT},
        {"suggestion", COLUMN_TEXT}};
    rows *r = rows_open(c, "warnings", columns, 7);
    for (size_t i = 0; i < client_segment_warning_count(segment); i++) {
        const muster_error *w = client_segment_warning(segment, i);
        rows_str(r, w->word);
        rows_uint(r, w->line);
        rows_uint(r, w->column);
        rows_uint(r, w->offset);
        rows_uint(r, w->length);
        rows_str(r, w->message);
        rows_str(r, w->suggestion);
    }
    rows_close(r);
}

/* ---- rows ---- */

static bool is_held(const rows *r)
{
    return r->c->set.format == FORMAT_TABLE || r->c->set.format == FORMAT_MD;
}

static bool is_right(column_type type)
{
    return type == COLUMN_COUNT || type == COLUMN_CHANGE ||
           type == COLUMN_INT || type == COLUMN_DOUBLE || type == COLUMN_SHARE;
}

/* "users_new" as "users new"; the other formats keep the key. */
static void put_title(buffer *b, const char *key, bool spaced)
{
    for (; *key != '\0'; key++)
        buffer_put_u8(b, (uint8_t)(spaced && *key == '_' ? ' ' : *key));
}

static void put_spaces(buffer *b, size_t n)
{
    while (n-- > 0)
        buffer_put_u8(b, ' ');
}

static void put_table_line(rows *r, const char *cells, bool title)
{
    buffer *b = &r->c->out;
    const bool bold = title && r->c->set.color_out;
    if (bold)
        buffer_put_str(b, BOLD);
    for (size_t i = 0; i < r->n; i++, cells += strlen(cells) + 1) {
        const size_t width = out_width(r->c, text_of(cells));
        const size_t pad = r->widths[i] > width ? r->widths[i] - width : 0;
        const bool right = is_right(r->columns[i].type);
        put_spaces(b, 2 + (right ? pad : 0));
        buffer_put_str(b, cells);
        if (!right && i + 1 < r->n)
            put_spaces(b, pad);
    }
    if (bold)
        buffer_put_str(b, PLAIN);
    buffer_put_u8(b, '\n');
    out_flush_full(r->c);
}

static void put_md_line(rows *r, const char *cells)
{
    buffer *b = &r->c->out;
    for (size_t i = 0; i < r->n; i++, cells += strlen(cells) + 1) {
        const size_t width = out_width(r->c, text_of(cells));
        const size_t pad = r->widths[i] > width ? r->widths[i] - width : 0;
        const bool right = is_right(r->columns[i].type);
        buffer_put_str(b, "| ");
        put_spaces(b, right ? pad : 0);
        buffer_put_str(b, cells);
        put_spaces(b, (right ? 0 : pad) + 1);
    }
    buffer_put_str(b, "|\n");
    out_flush_full(r->c);
}

static void put_md_rule(rows *r)
{
    buffer *b = &r->c->out;
    for (size_t i = 0; i < r->n; i++) {
        const bool right = is_right(r->columns[i].type);
        buffer_put_str(b, "| ");
        for (size_t j = right ? 1 : 0; j < r->widths[i]; j++)
            buffer_put_u8(b, '-');
        buffer_put_str(b, right ? ": " : " ");
    }
    buffer_put_str(b, "|\n");
}

static void put_titles(rows *r)
{
    buffer titles;
    buffer_init(&titles, OUT_BYTES_MAX);
    for (size_t i = 0; i < r->n; i++) {
        put_title(&titles, r->columns[i].key, true);
        buffer_put_u8(&titles, 0);
    }
    if (r->c->set.format == FORMAT_MD) {
        put_md_line(r, (const char *)titles.data);
        put_md_rule(r);
    } else if (r->c->set.header) {
        put_table_line(r, (const char *)titles.data, true);
    }
    buffer_release(&titles);
}

/* Writes the held rows; the first time their header as well. */
static void put_held(rows *r)
{
    const char *at = (const char *)r->cells.data;
    if (!r->titled)
        put_titles(r);
    r->titled = true;
    for (size_t row = 0; row < r->held; row++) {
        if (r->c->set.format == FORMAT_MD)
            put_md_line(r, at);
        else
            put_table_line(r, at, false);
        for (size_t i = 0; i < r->n; i++)
            at += strlen(at) + 1;
    }
    buffer_clear(&r->cells);
    r->held = 0;
}

static void put_separated_titles(rows *r, char separator)
{
    for (size_t i = 0; i < r->n; i++) {
        if (i > 0)
            buffer_put_u8(&r->c->out, (uint8_t)separator);
        put_title(&r->c->out, r->columns[i].key, false);
    }
    buffer_put_u8(&r->c->out, '\n');
}

static rows *rows_new(cli *c, const column *columns, size_t n)
{
    ASSERT(n > 0 && n <= COLUMNS_MAX);
    rows *r = mem_zalloc(sizeof *r);
    *r = (rows){.c = c, .columns = columns, .n = n};
    buffer_init(&r->cells, OUT_BYTES_MAX);
    if (is_held(r))
        for (size_t i = 0; i < n; i++)
            r->widths[i] = strlen(columns[i].key);
    if (c->set.format == FORMAT_TSV && c->set.header)
        put_separated_titles(r, '\t');
    if (c->set.format == FORMAT_CSV && c->set.header)
        put_separated_titles(r, ',');
    return r;
}

rows *rows_open(cli *c, const char *list, const column *columns, size_t n)
{
    if (c->set.format == FORMAT_JSON)
        json_open_array(out_member(c, list));
    return rows_new(c, columns, n);
}

rows *rows_open_one(cli *c, const char *key, const column *columns, size_t n)
{
    rows *r = rows_new(c, columns, n);
    r->single = true;
    out_member(c, key);
    return r;
}

void rows_close(rows *r)
{
    ASSERT(r->at == 0);
    if (r->c->set.format == FORMAT_JSON && !r->single)
        json_close(&r->c->json);
    else if (is_held(r) && (r->held > 0 || !r->titled))
        put_held(r);
    buffer_release(&r->cells);
    mem_free(r);
}

/* ---- cells ---- */

/* What stands before a cell. */
static void cell_begin(rows *r)
{
    cli *c = r->c;
    switch (c->set.format) {
    case FORMAT_JSON:
    case FORMAT_NDJSON:
        if (r->at == 0 && c->set.format == FORMAT_NDJSON)
            json_begin(&c->json, &c->out, false);
        if (r->at == 0)
            json_open_object(&c->json);
        json_key(&c->json, r->columns[r->at].key);
        break;
    case FORMAT_TSV:
    case FORMAT_CSV:
        if (r->at > 0)
            buffer_put_u8(&c->out, c->set.format == FORMAT_TSV ? '\t' : ',');
        break;
    default:
        break;
    }
}

static void row_end(rows *r)
{
    cli *c = r->c;
    r->at = 0;
    if (c->set.format == FORMAT_JSON || c->set.format == FORMAT_NDJSON)
        json_close(&c->json);
    if (is_held(r))
        r->held++;
    else if (c->set.format != FORMAT_JSON)
        buffer_put_u8(&c->out, '\n');
    if (r->held == ROWS_HELD_MAX)
        put_held(r);
    out_flush_full(c);
}

/* What stands behind a cell; `start` is where a held cell begins. */
static void cell_end(rows *r, size_t start)
{
    if (is_held(r)) {
        const muster_text cell = text_make((const char *)r->cells.data + start,
                                           r->cells.len - start);
        const size_t width = cell.len > 0 ? out_width(r->c, cell) : 0;
        if (width > r->widths[r->at])
            r->widths[r->at] = width;
        buffer_put_u8(&r->cells, 0);
    }
    if (++r->at == r->n)
        row_end(r);
}

static void put_tsv(buffer *b, muster_text v)
{
    for (size_t i = 0; i < v.len; i++) {
        switch (v.ptr[i]) {
        case '\t':
            buffer_put_str(b, "\\t");
            break;
        case '\n':
            buffer_put_str(b, "\\n");
            break;
        case '\r':
            buffer_put_str(b, "\\r");
            break;
        case '\\':
            buffer_put_str(b, "\\\\");
            break;
        default:
            buffer_put_u8(b, (uint8_t)v.ptr[i]);
        }
    }
}

static void put_csv(buffer *b, muster_text v)
{
    bool quote = false;
    for (size_t i = 0; i < v.len; i++)
        quote = quote || v.ptr[i] == ',' || v.ptr[i] == '"' ||
                v.ptr[i] == '\n' || v.ptr[i] == '\r';
    if (!quote) {
        buffer_put_text(b, v);
        return;
    }
    buffer_put_u8(b, '"');
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] == '"')
            buffer_put_u8(b, '"');
        buffer_put_u8(b, (uint8_t)v.ptr[i]);
    }
    buffer_put_u8(b, '"');
}

/* A text that is ready for people: in md a bar would end the cell. */
static void put_held_cell(rows *r, muster_text v)
{
    if (r->c->set.format == FORMAT_TABLE) {
        out_put_safe(&r->cells, r->c, v);
        return;
    }
    while (v.len > 0) {
        const char *bar = memchr(v.ptr, '|', v.len);
        const size_t n = bar != NULL ? (size_t)(bar - v.ptr) : v.len;
        out_put_safe(&r->cells, r->c, text_make(v.ptr, n));
        if (bar == NULL)
            break;
        buffer_put_str(&r->cells, "\\|");
        v = text_make(v.ptr + n + 1, v.len - n - 1);
    }
}

/* A cell of a format without types of its own. */
static void put_plain(rows *r, muster_text v)
{
    if (is_held(r))
        put_held_cell(r, v);
    else if (r->c->set.format == FORMAT_TSV)
        put_tsv(&r->c->out, v);
    else
        put_csv(&r->c->out, v);
}

static bool is_json(const rows *r)
{
    return r->c->set.format == FORMAT_JSON || r->c->set.format == FORMAT_NDJSON;
}

void rows_text(rows *r, muster_text v)
{
    const size_t start = r->cells.len;
    cell_begin(r);
    if (is_json(r))
        json_put_text(&r->c->json, v);
    else
        put_plain(r, v);
    cell_end(r, start);
}

void rows_str(rows *r, const char *v)
{
    if (v == NULL || *v == '\0')
        rows_null(r);
    else
        rows_text(r, text_of(v));
}

void rows_null(rows *r)
{
    const size_t start = r->cells.len;
    cell_begin(r);
    if (is_json(r))
        json_put_null(&r->c->json);
    cell_end(r, start);
}

void rows_list(rows *r, const char *texts, size_t count)
{
    const size_t start = r->cells.len;
    json_writer *w = &r->c->json;
    cell_begin(r);
    if (is_json(r))
        json_open_array(w);
    for (size_t i = 0; i < count; i++, texts += strlen(texts) + 1) {
        if (is_json(r))
            json_put_str(w, texts);
        else if (i > 0)
            put_plain(r, text_of(" "));
        if (!is_json(r))
            put_plain(r, text_of(texts));
    }
    if (is_json(r))
        json_close(w);
    cell_end(r, start);
}

void rows_uint(rows *r, uint64_t v)
{
    const size_t start = r->cells.len;
    char digits[24];
    cell_begin(r);
    if (is_json(r))
        json_put_uint(&r->c->json, v);
    else if (r->c->set.format == FORMAT_TABLE &&
             r->columns[r->at].type == COLUMN_COUNT)
        put_plain(r, text_of(human_count(v).text));
    else
        put_plain(r, text_make(digits, text_format_uint(digits, v)));
    cell_end(r, start);
}

void rows_int(rows *r, int64_t v)
{
    const size_t start = r->cells.len;
    char digits[24];
    cell_begin(r);
    if (is_json(r))
        json_put_int(&r->c->json, v);
    else if (r->c->set.format == FORMAT_TABLE &&
             r->columns[r->at].type == COLUMN_CHANGE)
        put_plain(r, text_of(human_change(r->c, v).text));
    else
        put_plain(r, text_make(digits, text_format_int(digits, v)));
    cell_end(r, start);
}

void rows_double(rows *r, double v)
{
    const size_t start = r->cells.len;
    cell_begin(r);
    if (is_json(r)) {
        json_put_double(&r->c->json, v);
    } else if (r->c->set.format == FORMAT_TABLE &&
               r->columns[r->at].type == COLUMN_SHARE) {
        put_plain(r, text_of(human_share(v).text));
    } else if (r->c->set.format == FORMAT_TABLE) {
        put_plain(r, text_of(human_double(v).text));
    } else {
        buffer digits; /* as JSON writes it */
        json_writer w;
        buffer_init(&digits, 64);
        json_begin(&w, &digits, false);
        json_put_double(&w, v);
        put_plain(r, text_make((const char *)digits.data, digits.len));
        buffer_release(&digits);
    }
    cell_end(r, start);
}

void rows_bool(rows *r, bool v)
{
    const size_t start = r->cells.len;
    cell_begin(r);
    if (is_json(r))
        json_put_bool(&r->c->json, v);
    else if (r->c->set.format == FORMAT_TABLE)
        put_plain(r, text_of(v ? "yes" : "no"));
    else
        put_plain(r, text_of(v ? "true" : "false"));
    cell_end(r, start);
}

void rows_time(rows *r, muster_time v)
{
    char stamp[32];
    if (v == 0) {
        rows_null(r);
        return;
    }
    const size_t start = r->cells.len;
    cell_begin(r);
    if (is_json(r))
        put_time(&r->c->json, v);
    else if (r->c->set.format == FORMAT_TABLE)
        put_plain(r, text_of(human_time(v).text));
    else
        put_plain(r, text_make(stamp, clock_format_time(stamp, v)));
    cell_end(r, start);
}

int out_end_rows(cli *c, rows *r, int status, const muster_error *err)
{
    rows_close(r);
    out_member_state(c);
    out_close(c);
    if (status >= 0)
        return 0;
    out_discard(c);
    return tell_status(c, err, NULL, 0);
}
