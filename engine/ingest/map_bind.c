/*
 * map_bind.c - the columns that a mapping names and the header of an input.
 *
 * A name means the column of exactly this name, else the first one that is
 * the same without regard to blanks around it and the case of ASCII letters. A
 * private column (p_) is meant by a private name alone.
 *
 * A header may be none: a file without one has ids in its first row. So the
 * names of the input are shown only when a column of the mapping was found
 * among them, and never what looks like personal data or an id.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/map.h"

#define SHOWN_MAX 40u /* columns in a notice */

static int32_t find_cell(muster_text name, const muster_text *cells,
                         size_t count)
{
    int32_t near = -1;
    for (size_t i = 0; i < count; i++) {
        const muster_text cell = text_trim(cells[i]);
        if (text_equal(cells[i], name))
            return (int32_t)i;
        if (map_is_private(cell) && !map_is_private(name))
            continue;
        if (near < 0 && word_compare(cell, text_trim(name)) == 0)
            near = (int32_t)i;
    }
    return near;
}

static bool may_show(muster_text cell)
{
    size_t digits = 0;
    for (size_t i = 0; i < cell.len; i++)
        digits += cell.ptr[i] >= '0' && cell.ptr[i] <= '9';
    return cell.len > 0 && cell.len <= 64 && digits <= 6 &&
           text_is_utf8(cell) && !identity_is_pii(cell);
}

/* What is near a name that is missing; ptr NULL when nothing may be shown. */
static muster_text near_cell(muster_text name, const muster_text *cells,
                             size_t count, bool any)
{
    near_name near;
    near_init(&near, name);
    for (size_t i = 0; i < count && any; i++)
        if (may_show(cells[i]))
            near_offer(&near, text_trim(cells[i]));
    return near.best;
}

static int check_needs(const mapping *m, const muster_text *cells, size_t count,
                       const int32_t *bind, bool any, muster_error *err)
{
    for (size_t i = 0; i < m->need_count; i++) {
        const map_need *need = &m->needs[i];
        bool there = false;
        for (size_t j = 0; j < need->count; j++)
            there |= bind[need->columns[j]] >= 0;
        if (there)
            continue;
        const muster_text name = m->columns[need->columns[0]].name;
        const int rc = error_set(
            err, MUSTER_EPARSE, "bad_header",
            "the input has no column `%.*s`, which %s of the mapping names; "
            "give that \"optional\": true if it may be missing%s",
            (int)name.len, name.ptr, need->what,
            any ? ""
                : ". None of the mapping's columns was found: is the "
                  "separator the right one, and is there a header?");
        const muster_text near = near_cell(name, cells, count, any);
        if (near.ptr != NULL)
            error_suggest(err, "%.*s", (int)near.len, near.ptr);
        return rc;
    }
    return 0;
}

/* Columns that no rule uses, told once; private ones are as they should. */
static void tell_unused(const mapping *m, const muster_text *cells,
                        size_t count, const int32_t *bind,
                        const ingest_options *options)
{
    buffer text;
    size_t unused = 0;
    size_t shown = 0;
    buffer_init(&text, 16384);
    for (size_t i = 0; i < count; i++) {
        bool used = map_is_private(cells[i]);
        for (size_t j = 0; j < m->column_count && !used; j++)
            used = bind[j] == (int32_t)i;
        unused += !used;
        if (used || !may_show(cells[i]) || shown == SHOWN_MAX)
            continue;
        const muster_text name = text_trim(cells[i]);
        buffer_printf(&text, "%s%.*s", shown++ > 0 ? ", " : ": ", (int)name.len,
                      name.ptr);
    }
    if (unused > 0) {
        buffer all;
        buffer_init(&all, 32768);
        buffer_printf(&all, "no rule uses %zu column%s%s%s", unused,
                      unused == 1 ? "" : "s", buffer_cstr(&text),
                      shown < unused && shown > 0 ? ", ..." : "");
        options->notice(options->notice_payload, buffer_cstr(&all));
        buffer_release(&all);
    }
    buffer_release(&text);
}

int mapping_bind(const mapping *m, const muster_text *cells, size_t count,
                 int32_t **out, const ingest_options *options,
                 muster_error *err)
{
    int32_t *bind = mem_array(m->column_count + 1, sizeof *bind);
    bool any = false;
    for (size_t i = 0; i < m->column_count; i++) {
        bind[i] = find_cell(m->columns[i].name, cells, count);
        any |= bind[i] >= 0;
    }
    const int rc = check_needs(m, cells, count, bind, any, err);
    if (rc != 0) {
        mem_free(bind);
        return rc;
    }
    if (options->notice != NULL && any)
        tell_unused(m, cells, count, bind, options);
    *out = bind;
    return 0;
}
