/*
 * taxonomy_file.c - a taxonomy as the IAB publishes its own: text in columns
 * apart by tabs, one node a line.
 *
 *   (empty)  Unique ID  Parent ID  Condensed Name  Tier 1 .. Tier 6  *Extension
 *
 * (IAB Tech Lab, Audience Taxonomy 1.1.) The first line names the columns, in
 * any order, whatever the case of letters: "Unique ID" and "Tier 1" must be
 * there, "Parent ID" or "Parent", further tiers, and one that begins with
 * "Extension" or "*Extension" may be; others are passed over. UTF-8, with or
 * without its mark; lines end with LF or CRLF; lines of blanks alone are
 * passed over. Nothing is quoted.
 *
 * A file is taken whole or not at all: of the first line that is wrong the
 * error tells the place. The path of a node is its tiers with " | " between,
 * from the first one on without a gap.
 *
 * Cost: one pass. Bounds: MUSTER_TAXONOMY_BYTES_MAX, _NODES_MAX, and
 * TAXONOMY_COLUMNS_MAX columns.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/internal.h"

#include <stdarg.h>
#include <stdio.h>

/* The IAB's has 11. */
#define TAXONOMY_COLUMNS_MAX 64u
#define TIERS_MAX 16u
#define NO_COLUMN UINT32_MAX

typedef struct taxonomy_file {
    muster_text text;
    size_t at; /* the next line */
    arena *memory;
    muster_error *err;
    /* where the columns are */
    uint32_t columns;
    uint32_t id;
    uint32_t parent;
    uint32_t note;
    uint32_t tiers[TIERS_MAX];
    uint32_t tier_count;
    /* what was read */
    taxonomy_row *rows;
    size_t *offsets;
    size_t count;
    size_t row_capacity;
    size_t offset_capacity;
} taxonomy_file;

/* A line cut at its tabs. */
typedef struct line {
    size_t offset;
    size_t len; /* without its end */
    muster_text cells[TAXONOMY_COLUMNS_MAX];
    uint32_t count; /* of cells; beyond the bound they are not kept */
} line;

__attribute__((format(printf, 4, 5))) static int
fail(const taxonomy_file *f, const line *l, const char *word,
     const char *format, ...)
{
    char message[200];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    error_set(f->err, MUSTER_EINVAL, word, "%s", message);
    if (f->text.len > 0)
        error_place(f->err, f->text.ptr, f->text.len, l->offset,
                    l->len > 0 ? l->len : 1);
    return MUSTER_EINVAL;
}

/* The next line; false at the end. */
static bool next_line(taxonomy_file *f, line *l)
{
    if (f->at >= f->text.len)
        return false;
    const char *start = f->text.ptr + f->at;
    const char *end = memchr(start, '\n', f->text.len - f->at);
    size_t len = end != NULL ? (size_t)(end - start) : f->text.len - f->at;
    l->offset = f->at;
    f->at += len + (end != NULL);
    if (len > 0 && start[len - 1] == '\r')
        len--;
    l->len = len;
    l->count = 0;
    for (size_t from = 0; from <= len; l->count++) {
        const char *tab = memchr(start + from, '\t', len - from);
        const size_t to = tab != NULL ? (size_t)(tab - start) : len;
        if (l->count < TAXONOMY_COLUMNS_MAX)
            l->cells[l->count] = text_trim(text_make(start + from, to - from));
        from = to + 1;
    }
    return true;
}

/* ---- the first line ---- */

static bool begins_nocase(muster_text t, const char *word)
{
    const size_t len = strlen(word);
    return t.len >= len &&
           text_equal_nocase(text_make(t.ptr, len), text_of(word));
}

/* "Tier 3": 3; 0: no tier. */
static uint32_t tier_number(muster_text t)
{
    int64_t n = 0;
    if (!begins_nocase(t, "tier "))
        return 0;
    if (!text_parse_int(text_trim(text_make(t.ptr + 5, t.len - 5)), &n))
        return 0;
    return n >= 1 && n <= TIERS_MAX ? (uint32_t)n : 0;
}

static void name_column(taxonomy_file *f, uint32_t i, muster_text name)
{
    const uint32_t tier = tier_number(name);
    if (text_equal_nocase(name, text_of("unique id")))
        f->id = i;
    else if (text_equal_nocase(name, text_of("parent id")) ||
             text_equal_nocase(name, text_of("parent")))
        f->parent = i;
    else if (begins_nocase(name, "*extension") ||
             begins_nocase(name, "extension"))
        f->note = i;
    else if (tier != 0)
        f->tiers[tier - 1] = i;
}

static int read_head(taxonomy_file *f)
{
    line l = {0};
    if (!next_line(f, &l))
        return fail(f, &l, "bad_head", "the file is empty");
    if (l.count > TAXONOMY_COLUMNS_MAX)
        return fail(f, &l, "bad_head", "there are more than %u columns",
                    TAXONOMY_COLUMNS_MAX);
    f->columns = l.count;
    f->id = f->parent = f->note = NO_COLUMN;
    for (size_t i = 0; i < TIERS_MAX; i++)
        f->tiers[i] = NO_COLUMN;
    for (uint32_t i = 0; i < l.count; i++)
        name_column(f, i, l.cells[i]);
    while (f->tier_count < TIERS_MAX && f->tiers[f->tier_count] != NO_COLUMN)
        f->tier_count++;
    if (f->id == NO_COLUMN || f->tier_count == 0)
        return fail(f, &l, "bad_head",
                    "the first line names no column \"Unique ID\", or none "
                    "\"Tier 1\"; columns are apart by tabs");
    return 0;
}

/* ---- nodes ---- */

static muster_text cell_of(const line *l, uint32_t column)
{
    return column < l->count ? l->cells[column] : text_make("", 0);
}

/* The tiers that are filled, with " | " between. */
static int read_path(taxonomy_file *f, const line *l, muster_text *out)
{
    buffer path;
    bool ended = false;
    int rc = 0;
    buffer_init(&path, MUSTER_TAXONOMY_PATH_BYTES_MAX);
    for (uint32_t i = 0; i < f->tier_count && rc == 0; i++) {
        const muster_text tier = cell_of(l, f->tiers[i]);
        if (tier.len > 0 && ended)
            rc = fail(f, l, "bad_name", "tier %u is filled, tier %u is not",
                      i + 1, i);
        else if (tier.len > 0 && memchr(tier.ptr, '|', tier.len) != NULL)
            rc = fail(f, l, "bad_name", "a tier holds '|'");
        ended = tier.len == 0;
        if (ended)
            continue;
        buffer_put_str(&path, path.len > 0 ? " | " : "");
        buffer_put_text(&path, tier);
    }
    if (rc == 0 && !buffer_ok(&path))
        rc = fail(f, l, "long_name", "the tiers have more than %u bytes",
                  MUSTER_TAXONOMY_PATH_BYTES_MAX);
    *out = text_make(arena_strndup(f->memory, buffer_cstr(&path), path.len),
                     path.len);
    buffer_release(&path);
    return rc;
}

static bool is_blank(const line *l)
{
    for (uint32_t i = 0; i < l->count && i < TAXONOMY_COLUMNS_MAX; i++)
        if (l->cells[i].len > 0)
            return false;
    return true;
}

static int read_node(taxonomy_file *f, const line *l)
{
    taxonomy_row row = {
        .id = cell_of(l, f->id),
        .parent = cell_of(l, f->parent),
        .note = cell_of(l, f->note),
    };
    if (l->count > f->columns)
        return fail(f, l, "bad_row",
                    "the line has %u columns, the first line %u", l->count,
                    f->columns);
    if (f->count == MUSTER_TAXONOMY_NODES_MAX)
        return fail(f, l, "too_many", "a taxonomy has at most %u nodes",
                    MUSTER_TAXONOMY_NODES_MAX);
    const int rc = read_path(f, l, &row.path);
    if (rc != 0)
        return rc;
    mem_grow(&f->rows, &f->row_capacity, f->count + 1, sizeof *f->rows);
    mem_grow(&f->offsets, &f->offset_capacity, f->count + 1,
             sizeof *f->offsets);
    f->offsets[f->count] = l->offset;
    f->rows[f->count++] = row;
    return 0;
}

int taxonomy_file_parse(muster_text file, arena *memory, taxonomy_row **rows,
                        size_t **offsets, size_t *count, muster_error *err)
{
    taxonomy_file f = {.text = file, .memory = memory, .err = err};
    line l;
    if (file.len > MUSTER_TAXONOMY_BYTES_MAX)
        return error_set(err, MUSTER_ELIMIT, "long_file",
                         "a taxonomy file has at most %u bytes",
                         MUSTER_TAXONOMY_BYTES_MAX);
    if (text_starts_with(file, text_of("\xef\xbb\xbf")))
        f.at = 3;
    int rc = read_head(&f);
    while (rc == 0 && next_line(&f, &l))
        if (!is_blank(&l))
            rc = read_node(&f, &l);
    if (rc == 0 && f.count == 0)
        rc = error_set(err, MUSTER_EINVAL, "no_nodes",
                       "the file names columns and no node");
    *rows = f.rows;
    *offsets = f.offsets;
    *count = f.count;
    return rc;
}
