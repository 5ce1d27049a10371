/*
 * csv.c - RFC 4180 with a header of paths.
 *
 *   ids.<space>           ids, split by |
 *   ts, provider, ttl     as in a record
 *   clear                 attribute names, split by |
 *   remove.<attribute>    values, split by |
 *   set.<attribute>       one value; its kind is the attribute's, so the
 *                         fact is untyped text
 *   add.<attribute>       values, split by |
 *   event.<attribute>     the value of one event
 *   ip, ua                derived from (derive.c), and dropped
 *
 * An empty cell says nothing. The separator is the comma, or the tab or
 * semicolon if the header has that. Pointers of rejects are those of the
 * record the row stands for.
 *
 * Through a mapping the header has any names; its cells are bound to the
 * columns that the mapping names, and rows go to a mapper instead.
 *
 * LiveRamp's files are the same but for their headers (liveramp.c): a cell is
 * one id, or a text of a one_of; the separator may be | too. Filled cells are
 * counted by column.
 *
 * Rows. A quote opens only as the first byte of a cell; `""` within is one
 * quote; rows end at a line end outside quotes, \n or \r\n. Blank lines are
 * skipped. A row whose end is not within RECORD_SPAN bytes is *broken*: it is
 * taken to end at its first line end, so a stray quote costs its line and
 * not the rest of the file. Cutting and reading find rows by the same
 * function, so they cannot disagree.
 *
 * Cost: rows are found by memchr, quotes looked at only where there are any.
 * Threads: a header is read-only once made; a parser belongs to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE 1 /* memrchr */
#include "ingest/derive.h"
#include "ingest/map.h"
#include "ingest/format.h"

#include <stdio.h>

#define COLUMNS_MAX 20000u
#define LIST_SEPARATOR '|'

/* Kinds of column, in the order in which a row's cells are read. */
typedef enum column_kind {
    COLUMN_IDS = 0,
    COLUMN_TS,
    COLUMN_PROVIDER,
    COLUMN_TTL,
    COLUMN_CLEAR,
    COLUMN_REMOVE,
    COLUMN_SET,
    COLUMN_ADD,
    COLUMN_EVENT,
    COLUMN_IP,
    COLUMN_UA,
    COLUMN_DROPPED, /* LiveRamp's, of what is not kept */
    COLUMN_KIND_COUNT
} column_kind;

/* How a column is called; with `named` a name follows. */
static const struct {
    muster_text path;
    column_kind kind;
    bool named;
} paths[] = {
#define PATH(text, kind, named)                                                \
    {                                                                          \
        {text, sizeof(text) - 1}, kind, named                                  \
    }
    PATH("ids.", COLUMN_IDS, true),
    PATH("ts", COLUMN_TS, false),
    PATH("provider", COLUMN_PROVIDER, false),
    PATH("ttl", COLUMN_TTL, false),
    PATH("clear", COLUMN_CLEAR, false),
    PATH("remove.", COLUMN_REMOVE, true),
    PATH("set.", COLUMN_SET, true),
    PATH("add.", COLUMN_ADD, true),
    PATH("event.", COLUMN_EVENT, true),
    PATH("ip", COLUMN_IP, false),
    PATH("ua", COLUMN_UA, false),
#undef PATH
};
#define PATH_COUNT (sizeof paths / sizeof paths[0])

typedef struct csv_column {
    column_kind kind;
    char *path;       /* the header's cell */
    muster_text name; /* of the space or attribute, in path */
} csv_column;

struct csv_header {
    char separator;
    bool liveramp;
    csv_column *columns;
    size_t column_count;
    uint32_t *order; /* columns by kind, in the header's order within one */
    int32_t *bind;   /* with a mapping: its columns; no `columns` then */
};

/* The cells of one row; those with doubled quotes lie in `unquoted`. */
typedef struct csv_row {
    muster_text *cells;
    size_t cell_capacity;
    size_t cell_count;
    buffer unquoted;
} csv_row;

struct csv_parser {
    csv_row row;
    mapper *mapper; /* when rows are mapped */
    uint64_t *filled; /* of LiveRamp's columns, cells of the batch */
    size_t filled_capacity;
};

static void row_init(csv_row *r)
{
    memset(r, 0, sizeof *r);
    buffer_init(&r->unquoted, RECORD_SPAN);
}

static void row_release(csv_row *r)
{
    mem_free(r->cells);
    buffer_release(&r->unquoted);
}

csv_parser *csv_parser_new(void)
{
    csv_parser *p = mem_zalloc(sizeof *p);
    row_init(&p->row);
    return p;
}

void csv_parser_free(csv_parser *p)
{
    if (p == NULL)
        return;
    row_release(&p->row);
    mapper_free(p->mapper);
    mem_free(p->filled);
    mem_free(p);
}

/* ---- finding rows ---- */

static bool is_separator(char separator, char c)
{
    if (separator == '\0') /* not known yet */
        return c == ',' || c == ';' || c == '\t';
    return c == separator;
}

/* Behind the quote that closes the cell whose inside starts at `at`; 0 when
 * it does not close before `end`. */
static size_t close_quote(const char *p, size_t at, size_t end)
{
    while (at < end) {
        const char *quote = memchr(p + at, '"', end - at);
        if (quote == NULL)
            return 0;
        at = (size_t)(quote - p) + 1;
        if (at == end || p[at] != '"')
            return at;
        at++;
    }
    return 0;
}

/* The line end that ends the row at 0, looked for up to `end`; `end` when
 * there is none. *open: a quote was not closed. */
static size_t find_row_end(char separator, const char *p, size_t end,
                           bool *open)
{
    size_t at = 0;
    bool cell_start = true;
    *open = false;
    while (at < end) {
        if (cell_start && p[at] == '"') {
            at = close_quote(p, at + 1, end);
            *open = at == 0;
            if (*open)
                return end;
            cell_start = false;
            continue;
        }
        if (p[at] == '\n')
            return at;
        cell_start = is_separator(separator, p[at]);
        at++;
    }
    return end;
}

typedef struct row_span {
    size_t len;     /* without the line end */
    size_t next;    /* where the next row starts */
    uint64_t lines; /* line ends up to there */
    bool quotes;    /* there are some */
    bool broken;
} row_span;

static uint64_t count_lines(muster_text text)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    return lines;
}

static row_span span_to(const char *newline, muster_text text)
{
    row_span s = {.len = text.len, .next = text.len};
    if (newline != NULL) {
        s.len = (size_t)(newline - text.ptr);
        s.next = s.len + 1;
        s.lines = 1;
    }
    return s;
}

/* The row at the start of `text`; false when it is not whole. `final`:
 * nothing follows the text. */
static bool find_row(char separator, muster_text text, bool final,
                     row_span *out)
{
    const char *newline = memchr(text.ptr, '\n', text.len);
    const size_t line = newline ? (size_t)(newline - text.ptr) : text.len;
    if (newline == NULL && !final)
        return false;
    *out = span_to(newline, text);
    if (memchr(text.ptr, '"', line) == NULL)
        return true;
    const size_t end = text.len < RECORD_SPAN ? text.len : RECORD_SPAN;
    bool open = false;
    const size_t at = find_row_end(separator, text.ptr, end, &open);
    if (at == end && end < RECORD_SPAN && !final)
        return false;
    if (at < end)
        *out = span_to(text.ptr + at, text);
    else if (end < RECORD_SPAN && !open)
        *out = span_to(NULL, text);
    else
        out->broken = true;
    out->quotes = true;
    out->lines = count_lines(text_make(text.ptr, out->next));
    return true;
}

size_t csv_cut(const csv_header *h, muster_text text)
{
    const char separator = h != NULL ? h->separator : '\0';
    size_t at = 0;
    while (at < text.len) {
        const char *from = text.ptr + at;
        const char *quote = memchr(from, '"', text.len - at);
        const size_t plain =
            quote != NULL ? (size_t)(quote - from) : text.len - at;
        const char *newline = memrchr(from, '\n', plain);
        if (newline != NULL)
            at = (size_t)(newline - text.ptr) + 1;
        if (quote == NULL)
            return at;
        row_span row;
        if (!find_row(separator, text_make(text.ptr + at, text.len - at), false,
                      &row))
            return at;
        at += row.next;
    }
    return at;
}

/* ---- cells ---- */

/* The cell that starts with a quote at p[at]; behind it, 0 when its quotes
 * are wrong. */
static size_t read_quoted(csv_row *r, char separator, muster_text row,
                          size_t at, muster_text *out)
{
    const char *p = row.ptr;
    const size_t inside = at + 1;
    const size_t behind = close_quote(p, inside, row.len);
    if (behind == 0 ||
        (behind < row.len && !is_separator(separator, p[behind])))
        return 0;
    *out = text_make(p + inside, behind - 1 - inside);
    if (memchr(out->ptr, '"', out->len) == NULL)
        return behind;
    const size_t start = r->unquoted.len;
    for (size_t i = 0; i < out->len; i++) {
        buffer_put_u8(&r->unquoted, (uint8_t)out->ptr[i]);
        i += out->ptr[i] == '"';
    }
    ASSERT(buffer_ok(&r->unquoted));
    *out = text_make((const char *)r->unquoted.data + start,
                     r->unquoted.len - start);
    return behind;
}

/* Behind the cell without quotes at p[at]; 0 when it has a quote after all. */
static size_t read_plain(char separator, muster_text row, size_t at,
                         muster_text *out)
{
    const size_t start = at;
    while (at < row.len && !is_separator(separator, row.ptr[at])) {
        if (row.ptr[at] == '"')
            return 0;
        at++;
    }
    *out = text_make(row.ptr + start, at - start);
    return at > 0 ? at : SIZE_MAX; /* an empty cell at the row's start */
}

static inline muster_text *add_cell(csv_row *r)
{
    if (r->cell_count == r->cell_capacity)
        mem_grow(&r->cells, &r->cell_capacity, r->cell_count + 1,
                 sizeof *r->cells);
    return &r->cells[r->cell_count++];
}

/* Splits a row that has quotes; false when they are wrong. */
static bool split_quoted(csv_row *r, char separator, muster_text row)
{
    size_t at = 0;
    bool more = true;
    buffer_clear(&r->unquoted);
    /* Cells point into it, so it must not move. */
    buffer_reserve(&r->unquoted, row.len);
    while (more) {
        muster_text *cell = add_cell(r);
        const size_t behind = at < row.len && row.ptr[at] == '"'
                                  ? read_quoted(r, separator, row, at, cell)
                                  : read_plain(separator, row, at, cell);
        if (behind == 0)
            return false;
        at = behind == SIZE_MAX ? 0 : behind;
        more = at < row.len;
        at++;
    }
    return true;
}

/* Splits the row into cells; false when its quotes are wrong. */
static bool split_row(csv_row *r, char separator, muster_text row, bool quotes)
{
    size_t start = 0;
    r->cell_count = 0;
    if (quotes)
        return split_quoted(r, separator, row);
    for (size_t at = 0; at < row.len; at++) {
        if (row.ptr[at] == separator) {
            *add_cell(r) = text_make(row.ptr + start, at - start);
            start = at + 1;
        }
    }
    *add_cell(r) = text_make(row.ptr + start, row.len - start);
    return true;
}

/* ---- the header ---- */

/* The first one that does not stand within quotes. */
static char separator_of(muster_text row, bool liveramp)
{
    bool quoted = false;
    for (size_t i = 0; i < row.len; i++) {
        quoted ^= row.ptr[i] == '"';
        if (!quoted && (is_separator('\0', row.ptr[i]) ||
                        (liveramp && row.ptr[i] == LIST_SEPARATOR)))
            return row.ptr[i];
    }
    return ',';
}

/* Number of the path that the cell is, PATH_COUNT when it is none. */
static size_t find_path(muster_text cell)
{
    for (size_t i = 0; i < PATH_COUNT; i++)
        if (paths[i].named ? text_starts_with(cell, paths[i].path)
                           : text_equal(cell, paths[i].path))
            return i;
    return PATH_COUNT;
}

bool csv_is_header(muster_text line)
{
    size_t at = 0;
    while (at < line.len) {
        at += line.ptr[at] == '"';
        const muster_text cell = text_make(line.ptr + at, line.len - at);
        const size_t path = find_path(cell);
        if (path < PATH_COUNT && paths[path].named)
            return true;
        while (at < line.len && !is_separator('\0', line.ptr[at]))
            at++;
        at++;
    }
    return false;
}

/* A cell is shown only when it begins like a path: a file without a header
 * has ids here. */
static int refuse_column(size_t number, muster_text cell, const char *why,
                         muster_error *err)
{
    const size_t path = find_path(cell);
    const bool shown = path < PATH_COUNT && record_shows(cell);
    return error_set(err, MUSTER_EPARSE, "bad_header",
                     "column %zu%s%.*s%s %s; columns are paths like "
                     "ids.cookie, ts, set.geo.country, add.interest, "
                     "event.page.view; other shapes take a mapping "
                     "(--map FILE)",
                     number + 1, shown ? " (" : "", shown ? (int)cell.len : 0,
                     cell.ptr, shown ? ")" : "", why);
}

static bool name_is_fine(column_kind kind, muster_text name)
{
    return kind == COLUMN_IDS ? record_shows(name)
                              : catalog_is_attribute_name(name);
}

static bool is_repeated(const csv_header *h, muster_text cell)
{
    for (size_t i = 0; i < h->column_count; i++)
        if (text_is(cell, h->columns[i].path))
            return true;
    return false;
}

/* Two columns of one space are two ids of a user. */
static int add_liveramp(csv_header *h, muster_text cell, muster_error *err)
{
    static const column_kind kinds[] = {COLUMN_SET, COLUMN_IDS,
                                        COLUMN_DROPPED};
    const size_t number = h->column_count;
    char name[MUSTER_NAME_BYTES_MAX + 1];
    liveramp_kind kind = LIVERAMP_DATA;
    if (!liveramp_column(text_trim(cell), &kind, name))
        return error_set(err, MUSTER_EPARSE, "bad_header",
                         "the header of column %zu cannot become the name of "
                         "an attribute", number + 1);
    for (size_t i = 0; i < number; i++)
        if (kind == LIVERAMP_DATA && h->columns[i].kind == COLUMN_SET &&
            text_is(h->columns[i].name, name))
            return error_set(err, MUSTER_EPARSE, "bad_header",
                             "columns %zu and %zu become the same attribute",
                             i + 1, number + 1);
    csv_column *column = &h->columns[h->column_count++];
    column->kind = kinds[kind];
    column->path = mem_strdup(name);
    column->name = text_of(column->path);
    return 0;
}

static int add_column(csv_header *h, muster_text cell, muster_error *err)
{
    const size_t number = h->column_count;
    const size_t path = find_path(cell);
    if (path == PATH_COUNT)
        return refuse_column(number, cell, "is not a path", err);
    muster_text name = cell;
    name.ptr += paths[path].path.len;
    name.len -= paths[path].path.len;
    if (paths[path].named && !name_is_fine(paths[path].kind, name))
        return refuse_column(number, cell, "has a malformed name", err);
    if (is_repeated(h, cell))
        return refuse_column(number, cell, "stands twice", err);
    csv_column *column = &h->columns[h->column_count++];
    column->kind = paths[path].kind;
    column->path = mem_strndup(cell.ptr, cell.len);
    column->name = text_make(column->path + (name.ptr - cell.ptr), name.len);
    return 0;
}

static void order_columns(csv_header *h)
{
    size_t count = 0;
    h->order = mem_array(h->column_count, sizeof *h->order);
    for (int kind = 0; kind < COLUMN_KIND_COUNT; kind++)
        for (size_t i = 0; i < h->column_count; i++)
            if ((int)h->columns[i].kind == kind)
                h->order[count++] = (uint32_t)i;
    ASSERT(count == h->column_count);
}

static int add_columns(csv_header *h, const csv_row *row, muster_error *err)
{
    h->columns = mem_array(row->cell_count, sizeof *h->columns);
    for (size_t i = 0; i < row->cell_count; i++) {
        const int rc = h->liveramp ? add_liveramp(h, row->cells[i], err)
                                   : add_column(h, row->cells[i], err);
        if (rc != 0)
            return rc;
    }
    order_columns(h);
    if (h->columns[h->order[0]].kind != COLUMN_IDS && h->liveramp)
        return error_set(err, MUSTER_EPARSE, "bad_header",
                         "no header is that of an identifier, like "
                         "EMAIL1_SHA-256, IDFA, AAID, RAMPID or CUSTOMID");
    if (h->columns[h->order[0]].kind != COLUMN_IDS)
        return error_set(err, MUSTER_EPARSE, "bad_header",
                         "no column names ids, like ids.cookie; other "
                         "shapes take a mapping (--map FILE)");
    return 0;
}

static muster_text without_return(muster_text row)
{
    if (row.len > 0 && row.ptr[row.len - 1] == '\r')
        row.len--;
    return row;
}

/* The names are the header's or, where it has none, the mapping's own; then
 * the first row is one. */
static int bind_columns(csv_header *h, const csv_row *row,
                        const ingest_options *options, muster_error *err)
{
    const mapping *m = options->mapping;
    const bool own = m->header_count > 0;
    h->column_count = own ? m->header_count : row->cell_count;
    return mapping_bind(m, own ? m->header : row->cells, h->column_count,
                        &h->bind, options, err);
}

int csv_header_new(csv_header **out, ingest_format format, muster_text text,
                   const ingest_options *options, size_t *used,
                   uint64_t *lines, muster_error *err)
{
    const mapping *m = options->mapping;
    const char known = m != NULL ? m->separator : '\0';
    row_span span;
    csv_row row;
    row_init(&row);
    csv_header *h = mem_zalloc(sizeof *h);
    int rc = 0;
    const bool found = find_row(known, text, true, &span);
    ASSERT(found);
    const muster_text header = without_return(text_make(text.ptr, span.len));
    h->liveramp = format == INGEST_LIVERAMP;
    h->separator =
        known != '\0' ? known : separator_of(header, h->liveramp);
    if (span.broken || span.len > MUSTER_RECORD_BYTES_MAX ||
        !split_row(&row, h->separator, header, span.quotes) ||
        row.cell_count > COLUMNS_MAX)
        rc = error_set(err, MUSTER_EPARSE, "bad_header",
                       "the header row is malformed or too long; other "
                       "shapes take a mapping (--map FILE)");
    else
        rc = m != NULL ? bind_columns(h, &row, options, err)
                       : add_columns(h, &row, err);
    row_release(&row);
    if (rc != 0) {
        csv_header_free(h);
        return rc;
    }
    const bool row_is_header = m == NULL || m->header_count == 0;
    *used = row_is_header ? span.next : 0;
    *lines = row_is_header ? span.lines : 0;
    *out = h;
    return 0;
}

void csv_header_free(csv_header *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; h->columns != NULL && i < h->column_count; i++)
        mem_free(h->columns[i].path);
    mem_free(h->columns);
    mem_free(h->order);
    mem_free(h->bind);
    mem_free(h);
}

/* ---- rows to facts ---- */

/* Takes the part of a list before the next |, false at the end. */
static bool next_part(muster_text *list, muster_text *part)
{
    if (list->ptr == NULL)
        return false;
    const char *bar = memchr(list->ptr, LIST_SEPARATOR, list->len);
    *part = *list;
    if (bar == NULL) {
        list->ptr = NULL;
        return true;
    }
    part->len = (size_t)(bar - list->ptr);
    list->len -= part->len + 1;
    list->ptr = bar + 1;
    return true;
}

static bool read_ids(record_front *f, muster_text name, muster_text cell)
{
    const bool list = memchr(cell.ptr, LIST_SEPARATOR, cell.len) != NULL;
    record_where where = {"ids", &name, list ? 0 : -1, NULL};
    uint32_t space = 0;
    muster_text part;
    if (!record_space(f, &where, &space))
        return false;
    for (; next_part(&cell, &part); where.index += list)
        if (!record_id(f, space, part, &where))
            return false;
    return true;
}

static bool read_time(record_front *f, muster_text cell)
{
    int64_t seconds = 0;
    if (text_parse_int(cell, &seconds))
        return record_time_seconds(f, seconds, &RECORD_AT("ts"), &f->ts);
    return record_time_text(f, cell, &RECORD_AT("ts"), &f->ts);
}

static bool read_clear(record_front *f, muster_text cell)
{
    record_where where = RECORD_AT("clear");
    uint32_t attribute = 0;
    muster_text part;
    for (where.index = 0; next_part(&cell, &part); where.index++)
        if (!record_attribute(f, part, &where, &attribute) ||
            !record_put_attribute(f, FACT_CLEAR, attribute))
            return false;
    return true;
}

static bool read_list(record_front *f, const char *section, fact_op op,
                      muster_text name, muster_text cell)
{
    record_where where = {section, &name, 0, NULL};
    uint32_t attribute = 0;
    muster_text part;
    if (!record_attribute(f, name, &where, &attribute))
        return false;
    for (; next_part(&cell, &part); where.index++)
        if (!record_put_term(f, op, attribute, part, &where))
            return false;
    return true;
}

static bool read_set(record_front *f, muster_text name, muster_text cell)
{
    const record_where where = {"set", &name, -1, NULL};
    uint32_t attribute = 0;
    return record_attribute(f, name, &where, &attribute) &&
           record_put_term(f, FACT_TEXT, attribute, cell, &where);
}

/* `index` of the event among those of the row. */
static bool read_event(record_front *f, muster_text name, muster_text cell,
                       int64_t index)
{
    const record_where where = {"events", NULL, index, "value"};
    uint32_t attribute = 0;
    uint32_t term = 0;
    fact *event = NULL;
    if (!record_attribute(f, name, &where, &attribute) ||
        !record_term(f, attribute, cell, &where, &term) ||
        !record_put(f, FACT_EVENT, attribute, term, &event))
        return false;
    event->ts = f->ts;
    event->count = 1;
    return true;
}

/* What the cells of a row add up to. */
typedef struct csv_sum {
    int64_t events;
    derive_input brings;
} csv_sum;

static bool read_cell(record_front *f, const csv_column *column,
                      muster_text cell, csv_sum *sum)
{
    switch (column->kind) {
    case COLUMN_IDS:
        return read_ids(f, column->name, cell);
    case COLUMN_TS:
        return read_time(f, cell);
    case COLUMN_PROVIDER:
        return record_provider(f, cell);
    case COLUMN_TTL:
        return record_ttl_text(f, cell);
    case COLUMN_CLEAR:
        return read_clear(f, cell);
    case COLUMN_REMOVE:
        return read_list(f, "remove", FACT_REMOVE, column->name, cell);
    case COLUMN_SET:
        return read_set(f, column->name, cell);
    case COLUMN_ADD:
        return read_list(f, "add", FACT_ADD, column->name, cell);
    case COLUMN_EVENT:
        return read_event(f, column->name, cell, sum->events++);
    case COLUMN_IP:
        sum->brings.ip = cell;
        break;
    case COLUMN_UA:
        sum->brings.device.ua = cell;
        break;
    case COLUMN_DROPPED:
    case COLUMN_KIND_COUNT:
        break;
    }
    return true;
}

/* An id or a data field of LiveRamp's. */
static bool read_liveramp(record_front *f, const csv_column *column,
                          muster_text cell)
{
    const bool id = column->kind == COLUMN_IDS;
    const record_where where = {id ? "ids" : "set", &column->name, -1, NULL};
    uint32_t number = 0;
    if (column->kind == COLUMN_DROPPED)
        return true;
    if (!id)
        return record_attribute(f, column->name, &where, &number) &&
               record_put_term(f, FACT_SET, number, cell, &where);
    const char *why = liveramp_wrong_hash(column->name, cell);
    if (why != NULL)
        return record_refuse(f, INGEST_PII_SUSPECTED, &where, "%s", why);
    return record_space(f, &where, &number) &&
           record_id(f, number, cell, &where);
}

static void count_filled(csv_parser *p, const csv_header *h)
{
    if (p->filled_capacity < h->column_count) {
        mem_free(p->filled);
        p->filled = mem_array(h->column_count, sizeof *p->filled);
        p->filled_capacity = h->column_count;
    }
    for (size_t i = 0; i < h->column_count; i++)
        p->filled[i] += p->row.cells[i].len > 0;
}

static void tell_filled(csv_parser *p, record_front *f, const csv_header *h)
{
    static const char *const groups[COLUMN_KIND_COUNT] = {
        [COLUMN_IDS] = "ids", [COLUMN_SET] = "columns",
        [COLUMN_DROPPED] = "passed_over"};
    for (size_t i = 0; p->filled_capacity > 0 && i < h->column_count; i++) {
        char name[MUSTER_NAME_BYTES_MAX * 2];
        const csv_column *column = &h->columns[i];
        const int len = snprintf(name, sizeof name, "%s%s%.*s",
                                 groups[column->kind],
                                 column->name.len > 0 ? "/" : "",
                                 (int)column->name.len, column->name.ptr);
        tally_add(&f->tally, "liveramp", text_make(name, (size_t)len),
                  p->filled[i]);
        p->filled[i] = 0;
    }
}

static void read_cells(record_front *f, const csv_header *h, const csv_row *r,
                       record_place place)
{
    csv_sum sum = {0, {.ip = {NULL, 0}}};
    record_begin(f, place);
    for (size_t i = 0; i < h->column_count; i++) {
        const csv_column *column = &h->columns[h->order[i]];
        const muster_text cell = r->cells[h->order[i]];
        if (column->kind > COLUMN_IDS && f->id_count == 0) {
            record_has_ids(f);
            return;
        }
        if (cell.len > 0 &&
            !(h->liveramp ? read_liveramp(f, column, cell)
                          : read_cell(f, column, cell, &sum)))
            return;
    }
    if (record_has_ids(f) && record_derive(f, &sum.brings))
        record_end(f);
}

static void read_row(csv_parser *p, record_front *f, const csv_header *h,
                     muster_text row, const row_span *span, record_place place)
{
    if (row.len > MUSTER_RECORD_BYTES_MAX) {
        record_refuse_at(f, place, INGEST_TOO_LONG,
                         "a record has at most %u bytes",
                         MUSTER_RECORD_BYTES_MAX);
        return;
    }
    if (span->broken || !split_row(&p->row, h->separator, row, span->quotes)) {
        record_refuse_at(f, place, INGEST_BAD_CSV,
                         span->broken
                             ? "a quote is opened and not closed"
                             : "a quote stands inside a cell that is not "
                               "quoted, or text behind the closing quote");
        return;
    }
    if (p->row.cell_count != h->column_count) {
        record_refuse_at(f, place, INGEST_BAD_CSV,
                         "the row has %zu cells, the header %zu",
                         p->row.cell_count, h->column_count);
        return;
    }
    if (h->bind == NULL) {
        if (h->liveramp)
            count_filled(p, h);
        read_cells(f, h, &p->row, place);
        return;
    }
    if (p->mapper == NULL)
        p->mapper = mapper_new(f->options->mapping);
    const map_row mapped = {.cells = p->row.cells, .bind = h->bind};
    mapper_take(p->mapper, f, &mapped, place);
}

void csv_read(csv_parser *p, record_front *f, const chunk *c,
              chunk_cursor *cursor, bool whole)
{
    while (cursor->at < c->len && (whole || !parser_is_full(f))) {
        const muster_text left =
            text_make(c->data + cursor->at, c->len - cursor->at);
        const record_place place = {cursor->line + 1, c->offset + cursor->at};
        row_span span;
        const bool found = find_row(c->header->separator, left, true, &span);
        ASSERT(found && span.next > 0);
        cursor->at += span.next;
        cursor->line += span.lines;
        cursor->line += left.ptr[span.next - 1] != '\n';
        const muster_text row = without_return(text_make(left.ptr, span.len));
        if (row.len > 0)
            read_row(p, f, c->header, row, &span, place);
    }
    if (c->header->liveramp)
        tell_filled(p, f, c->header);
}

/* ---- rows of a sample ---- */

struct csv_walk {
    csv_row row;
    muster_text left;
    char separator;
};

csv_walk *csv_walk_new(muster_text text, char *separator)
{
    csv_walk *w = mem_zalloc(sizeof *w);
    row_span span;
    row_init(&w->row);
    w->left = text;
    const bool found = find_row('\0', text, true, &span);
    ASSERT(found);
    w->separator = separator_of(text_make(text.ptr, span.len), false);
    *separator = w->separator;
    return w;
}

void csv_walk_free(csv_walk *w)
{
    row_release(&w->row);
    mem_free(w);
}

bool csv_walk_next(csv_walk *w, const muster_text **cells, size_t *count)
{
    while (w->left.len > 0) {
        row_span span;
        find_row(w->separator, w->left, true, &span);
        const muster_text row =
            without_return(text_make(w->left.ptr, span.len));
        w->left = text_make(w->left.ptr + span.next, w->left.len - span.next);
        if (row.len == 0 || span.broken || span.len > MUSTER_RECORD_BYTES_MAX ||
            !split_row(&w->row, w->separator, row, span.quotes) ||
            w->row.cell_count > COLUMNS_MAX)
            continue;
        *cells = w->row.cells;
        *count = w->row.cell_count;
        return true;
    }
    return false;
}
