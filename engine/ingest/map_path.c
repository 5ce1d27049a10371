/*
 * map_path.c - fields as a mapping names them: columns of CSV, paths of JSON,
 * fields of its own.
 *
 *   a.b.0.c      members and elements by dots
 *   /a/b~1c      a JSON pointer
 *   a.*.b        of each element, of each member's value
 *   $.a  $/a     from the document
 *   .a   .       from the element of an events rule with `each`
 *
 * Columns are numbered as they are first named; the header of an input binds
 * the numbers to its cells (csv.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/map.h"

#include <stdio.h>

bool map_is_private(muster_text name)
{
    return text_starts_with(text_trim(name), text_of("p_"));
}

/* ---- paths ---- */

/* ~1 is /, ~0 is ~ (RFC 6901); false for another ~. */
static bool unescape(json_form *f, muster_text *name)
{
    if (memchr(name->ptr, '~', name->len) == NULL)
        return true;
    char *plain = map_keep(f, name->len + 1);
    size_t len = 0;
    for (size_t i = 0; i < name->len; i++) {
        if (name->ptr[i] != '~') {
            plain[len++] = name->ptr[i];
            continue;
        }
        i++;
        if (i == name->len || (name->ptr[i] != '0' && name->ptr[i] != '1'))
            return false;
        plain[len++] = name->ptr[i] == '0' ? '~' : '/';
    }
    *name = text_make(plain, len);
    return true;
}

static bool add_step(json_form *f, path_step *step, muster_text name,
                     bool pointer)
{
    *step = (path_step){.name = name, .index = -1};
    if (pointer && !unescape(f, &step->name))
        return false;
    step->each = text_is(name, "*");
    int64_t index = 0;
    if (name.len > 0 && name.ptr[0] != '-' && text_parse_int(name, &index))
        step->index = index;
    return pointer || name.len > 0;
}

static int bad_path(const json_form *f)
{
    return map_fail(f,
                    "this is no path: names joined by dots, like "
                    "address.country, or a JSON pointer, at most %u of "
                    "them",
                    MAPPING_STEPS_MAX);
}

/* The steps behind the root. */
static int read_steps(json_form *f, muster_text path, map_ref *out)
{
    const bool pointer = path.ptr[0] == '/';
    const char mark = pointer ? '/' : '.';
    path_step *steps = map_keep(f, MAPPING_STEPS_MAX * sizeof *steps);
    out->steps = steps;
    if (pointer)
        path = text_make(path.ptr + 1, path.len - 1);
    for (bool more = true; more;) {
        const char *end =
            path.len > 0 ? memchr(path.ptr, mark, path.len) : NULL;
        const size_t len = end != NULL ? (size_t)(end - path.ptr) : path.len;
        if (out->step_count == MAPPING_STEPS_MAX ||
            !add_step(f, &steps[out->step_count], text_make(path.ptr, len),
                      pointer))
            return bad_path(f);
        out->is_private |= map_is_private(steps[out->step_count++].name);
        more = end != NULL;
        if (more)
            path = text_make(end + 1, path.len - len - 1);
    }
    return 0;
}

static int read_path(json_form *f, muster_text path, map_ref *out)
{
    const map_file *file = map_file_of(f);
    *out = (map_ref){.root = REF_ROW, .is_private = file->map->each.is_private};
    const bool document = path.ptr[0] == '$' &&
                          (path.len == 1 || strchr("./", path.ptr[1]) != NULL);
    const bool element = path.ptr[0] == '.';
    if (!document && !element)
        return read_steps(f, path, out);
    out->root = document ? REF_DOCUMENT : REF_ELEMENT;
    out->is_private = element && file->in_private;
    if (element && !file->in_element)
        return map_fail(f, "a path that begins with a dot starts at an element "
                           "of \"each\", which this rule has not");
    path = text_make(path.ptr + 1, path.len - 1);
    if (document && path.len > 0 && path.ptr[0] == '.')
        path = text_make(path.ptr + 1, path.len - 1);
    if (path.len == 0)
        return 0;
    return read_steps(f, path, out);
}

int map_path_read(json_form *f, const json_value *v, map_ref *out)
{
    muster_text path;
    const int rc = map_read_name(f, v, MAPPING_NAME_BYTES_MAX, &path);
    return rc != 0 ? rc : read_path(f, path, out);
}

/* ---- columns ---- */

static int find_column(json_form *f, muster_text name, map_ref *out)
{
    mapping *m = map_file_of(f)->map;
    *out = (map_ref){.root = REF_COLUMN, .is_private = map_is_private(name)};
    for (size_t i = 0; i < m->column_count; i++) {
        if (text_equal(m->columns[i].name, name)) {
            out->number = (uint32_t)i;
            return 0;
        }
    }
    if (m->column_count == MAPPING_COLUMNS_MAX)
        return form_fail(f, MUSTER_ELIMIT, "too_many", false,
                         "a mapping names at most %u columns",
                         MAPPING_COLUMNS_MAX);
    mem_grow(&m->columns, &m->column_capacity, m->column_count + 1,
             sizeof *m->columns);
    out->number = (uint32_t)m->column_count;
    m->columns[m->column_count++].name = name;
    return 0;
}

int map_ref_read(json_form *f, const json_value *v, map_ref *out)
{
    const mapping *m = map_file_of(f)->map;
    muster_text name;
    const int rc = map_read_name(f, v, MAPPING_NAME_BYTES_MAX, &name);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < m->field_count; i++) {
        if (text_equal(m->fields[i].name, name)) {
            *out = (map_ref){
                .root = REF_FIELD,
                .number = (uint32_t)i,
                .is_private = true,
            };
            return 0;
        }
    }
    return m->is_csv ? find_column(f, name, out) : read_path(f, name, out);
}

void map_need_add(json_form *f, const map_ref *refs, size_t count,
                  bool optional)
{
    mapping *m = map_file_of(f)->map;
    if (optional || map_file_of(f)->optional || count == 0)
        return;
    uint32_t *columns = map_keep(f, count * sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        if (refs[i].root != REF_COLUMN)
            return; /* one of them is there */
        columns[i] = refs[i].number;
    }
    mem_grow(&m->needs, &m->need_capacity, m->need_count + 1, sizeof *m->needs);
    map_need *need = &m->needs[m->need_count++];
    *need = (map_need){.columns = columns, .count = count};
    snprintf(need->what, sizeof need->what, "%s", map_file_of(f)->what);
}
