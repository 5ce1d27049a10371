/*
 * map_sample.c - the rows of a sample, field by field, for a proposal.
 *
 * CSV: the first row is the header; columns without a name are left out. JSON:
 * objects, one a line or in an array; members of members are named by dots, as
 * deep as OBJECTS_DEEP; a list of scalars is one field with several values;
 * lists of objects are told and not gone into, but for one that holds the rows
 * of a document (`each`).
 *
 * A sample may be cut off anywhere: its last row, or the last element of an
 * array, counts only when it is whole.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/format.h"
#include "ingest/map_guess.h"

#include <stdio.h>
#include <muster/mapping.h>

#define OBJECTS_DEEP 4
#define OTHERS_MAX 3u /* members beside the rows of a document */

static int bad_sample(muster_error *err, const char *why)
{
    return error_set(err, MUSTER_EPARSE, "bad_sample",
                     "nothing can be proposed: %s", why);
}

/* ---- CSV ---- */

static void take_cells(guess *g, const muster_text *header, size_t columns,
                       const muster_text *cells, size_t count)
{
    if (count != columns)
        return;
    g->rows++;
    for (size_t i = 0; i < columns; i++) {
        const muster_text name = text_trim(header[i]);
        const muster_text value = text_trim(cells[i]);
        guess_field *f = name.len > 0 ? guess_field_of(g, name) : NULL;
        if (f == NULL || value.len == 0)
            continue;
        f->rows++;
        guess_take(g, f, value);
    }
}

static int sample_csv(guess *g, muster_text sample, muster_error *err)
{
    csv_walk *walk = csv_walk_new(sample, &g->separator);
    const muster_text *cells = NULL;
    size_t columns = 0;
    if (!csv_walk_next(walk, &cells, &columns)) {
        csv_walk_free(walk);
        return bad_sample(err, "there is no header row");
    }
    muster_text *header = mem_array(columns, sizeof *header);
    for (size_t i = 0; i < columns; i++) {
        header[i] =
            text_make(arena_strndup(&g->memory, cells[i].ptr, cells[i].len),
                      cells[i].len);
        if (text_trim(header[i]).len > 0)
            guess_field_of(g, text_trim(header[i]));
    }
    size_t count = 0;
    while (g->rows < MUSTER_SAMPLE_ROWS_MAX &&
           csv_walk_next(walk, &cells, &count))
        take_cells(g, header, columns, cells, count);
    mem_free(header);
    csv_walk_free(walk);
    return g->rows > 0 ? 0 : bad_sample(err, "there are no rows");
}

/* ---- JSON ---- */

static void take_scalar(guess *g, muster_text path, const json_value *v)
{
    char digits[24];
    guess_field *f = guess_field_of(g, path);
    if (f == NULL)
        return;
    switch (json_typeof(v)) {
    case JSON_STRING:
    case JSON_NUMBER: {
        const muster_text text = text_trim(json_string(v));
        f->json_numbers += json_typeof(v) == JSON_NUMBER;
        if (text.len > 0)
            guess_take(g, f, text);
        return;
    }
    case JSON_INT:
        f->json_numbers++;
        guess_take(g, f,
                   text_make(digits, text_format_int(digits, json_int(v))));
        return;
    case JSON_BOOL:
        f->json_flags++;
        guess_take(g, f, text_of(json_bool(v) ? "true" : "false"));
        return;
    case JSON_OBJECT:
        f->objects++;
        return;
    case JSON_NULL:
    case JSON_ARRAY:
        return;
    }
}

/* Names with dots or slashes make a path of pointers. */
static muster_text join_path(guess *g, muster_text before, muster_text name)
{
    buffer b;
    const bool was_pointer = before.len > 0 && *before.ptr == '/';
    const bool pointer = was_pointer ||
                         memchr(name.ptr, '.', name.len) != NULL ||
                         (name.len > 0 && strchr("/$*", *name.ptr) != NULL);
    buffer_init(&b, (size_t)4 << 20);
    if (pointer && !was_pointer && before.len > 0)
        buffer_put_u8(&b, '/');
    for (size_t i = 0; i < before.len; i++) {
        const bool point = pointer && !was_pointer && before.ptr[i] == '.';
        buffer_put_u8(&b, point ? '/' : (uint8_t)before.ptr[i]);
    }
    if (pointer || before.len > 0)
        buffer_put_u8(&b, pointer ? '/' : '.');
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        if (pointer && (c == '~' || c == '/'))
            buffer_put_str(&b, c == '~' ? "~0" : "~1");
        else
            buffer_put_u8(&b, (uint8_t)c);
    }
    const muster_text path = text_make(
        arena_strndup(&g->memory, (const char *)b.data, b.len), b.len);
    buffer_release(&b);
    return path;
}

static void take_members(guess *g, muster_text path, const json_value *object,
                         int depth)
{
    for (json_iter it = json_iter_of(object); json_next(&it);) {
        const muster_text name = join_path(g, path, it.key);
        const json_type type = json_typeof(it.value);
        if (it.key.len == 0 || name.len > MAPPING_NAME_BYTES_MAX)
            continue;
        if (type == JSON_OBJECT && depth < OBJECTS_DEEP) {
            take_members(g, name, it.value, depth + 1);
            continue;
        }
        if (type == JSON_ARRAY)
            for (json_iter e = json_iter_of(it.value); json_next(&e);)
                take_scalar(g, name, e.value);
        else
            take_scalar(g, name, it.value);
        guess_field *f = guess_field_of(g, name);
        if (f != NULL) {
            f->rows += type != JSON_NULL;
            f->lists += type == JSON_ARRAY;
        }
    }
}

static bool is_objects(const json_value *v)
{
    json_iter it = json_iter_of(v);
    return json_typeof(v) == JSON_ARRAY && json_next(&it) &&
           json_typeof(it.value) == JSON_OBJECT;
}

/* The one list of objects in a document that has little else; a private one
 * is not read. */
static muster_text find_each(const json_value *document)
{
    muster_text each = text_of("");
    size_t others = 0;
    for (json_iter it = json_iter_of(document); json_next(&it);) {
        if (!is_objects(it.value) || map_is_private(it.key)) {
            others++;
            continue;
        }
        if (each.len > 0)
            return text_of("");
        each = it.key;
    }
    return others <= OTHERS_MAX ? each : text_of("");
}

static void take_document(guess *g, const json_value *document, bool first)
{
    if (json_typeof(document) != JSON_OBJECT)
        return;
    if (first) {
        const muster_text each = find_each(document);
        if (each.len > 0 && each.len < MAPPING_NAME_BYTES_MAX)
            g->each = join_path(g, text_of(""), each);
    }
    if (g->each.len == 0) {
        g->rows++;
        take_members(g, text_of(""), document, 1);
        return;
    }
    for (json_iter it = json_iter_of(document); json_next(&it);) {
        if (!text_equal(join_path(g, text_of(""), it.key), g->each))
            continue;
        for (json_iter e = json_iter_of(it.value);
             g->rows < MUSTER_SAMPLE_ROWS_MAX && json_next(&e); g->rows++)
            take_members(g, text_of(""), e.value, 1);
    }
}

static bool take_text(guess *g, json_pool *pool, muster_text text, bool first)
{
    const json_value *v = json_pool_parse(pool, text.ptr, text.len, NULL);
    if (v != NULL)
        take_document(g, v, first);
    return v != NULL;
}

static bool sample_lines(guess *g, json_pool *pool, muster_text left)
{
    bool any = false;
    while (left.len > 0 && g->rows < MUSTER_SAMPLE_ROWS_MAX) {
        const char *end = memchr(left.ptr, '\n', left.len);
        const size_t len = end ? (size_t)(end - left.ptr) : left.len;
        any |= take_text(g, pool, text_make(left.ptr, len), !any);
        left = end ? text_make(end + 1, left.len - len - 1) : text_of("");
    }
    return any;
}

static bool sample_array(guess *g, json_pool *pool, muster_text left)
{
    bool any = false;
    size_t used = 0;
    if (array_begin(left, &used) != ARRAY_STARTED)
        return false;
    array_end how = ARRAY_COMMA;
    left = text_make(left.ptr + used, left.len - used);
    while (how == ARRAY_COMMA && g->rows < MUSTER_SAMPLE_ROWS_MAX) {
        array_span span = {0};
        how = array_span_on(&span, left, &used);
        if (how == ARRAY_MORE)
            break;
        any |= take_text(
            g, pool, text_make(left.ptr, used - (how == ARRAY_COMMA)), !any);
        left = text_make(left.ptr + used, left.len - used);
    }
    return any;
}

static int sample_json(guess *g, muster_text sample, muster_error *err)
{
    json_pool *pool = json_pool_new();
    const muster_text text = text_trim(sample);
    const bool array = text.len > 0 && *text.ptr == '[';
    const bool any =
        array ? sample_array(g, pool, text) : sample_lines(g, pool, text);
    json_pool_free(pool);
    if (any && g->rows > 0)
        return 0;
    return bad_sample(err, "there is no JSON object that is whole on its line "
                           "or in an array");
}

int guess_sample(guess *g, ingest_format format, muster_text sample,
                 muster_error *err)
{
    if (sample.len > MUSTER_SAMPLE_BYTES_MAX)
        sample.len = MUSTER_SAMPLE_BYTES_MAX;
    const size_t mark = format_mark(sample);
    sample = text_make(sample.ptr + mark, sample.len - mark);
    const muster_text text = text_trim(sample);
    if (text.len == 0)
        return bad_sample(err, "the sample is empty");
    g->is_csv = format == INGEST_AUTO ? strchr("{[", *text.ptr) == NULL
                                      : format == INGEST_CSV;
    if (input_is_packed(sample.ptr, sample.len))
        return bad_sample(err, "the sample is packed (gzip, zstd)");
    if (format == INGEST_MSGPACK)
        return bad_sample(err, "msgpack is not mapped");
    return g->is_csv ? sample_csv(g, sample, err) : sample_json(g, sample, err);
}
