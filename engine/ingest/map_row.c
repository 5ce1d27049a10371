/*
 * map_row.c - a row through a compiled mapping: what its fields hold, what is
 * done to it, whether it is dropped.
 *
 * A row is one of CSV, whose cells the header has bound to columns, or a tree
 * of JSON. Values are looked up, trimmed, and go through the steps of their
 * source; they point into the row where they can and into an arena that the
 * next row empties where not. Fields of the mapping are read once a row, in
 * order, so that one may use those before it.
 *
 * What one row may take is bounded by MAPPING_VALUES_MAX and
 * MAPPING_TEXT_BYTES_MAX, whatever the mapping does to it.
 *
 * No value ever gets into a message.
 *
 * Cost: for JSON a walk from the row's root for each field that is named; for
 * CSV a look-up. No allocation after warm-up. Threads: a mapper belongs to
 * one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE 1 /* memmem */
#include "ingest/map_row.h"

#include <stdio.h>

mapper *mapper_new(const mapping *map)
{
    mapper *m = mem_zalloc(sizeof *m);
    m->map = map;
    arena_init(&m->texts);
    m->spans = mem_array(map->field_count + 1, sizeof *m->spans);
    m->slot_origins = mem_array(map->slot_count + 1, sizeof *m->slot_origins);
    return m;
}

void mapper_free(mapper *m)
{
    if (m == NULL)
        return;
    arena_release(&m->texts);
    mem_free(m->raw.items);
    mem_free(m->values.items);
    mem_free(m->fields.items);
    mem_free(m->nodes.items);
    mem_free(m->spans);
    mem_free(m->origins);
    mem_free(m->slot_origins);
    mem_free(m);
}

void value_list_put(value_list *list, tree_value v)
{
    if (list->count == list->capacity)
        mem_grow(&list->items, &list->capacity, list->count + 1,
                 sizeof *list->items);
    list->items[list->count++] = v;
}

static tree_value text_value(muster_text text)
{
    ASSERT(text.len <= UINT32_MAX);
    return (tree_value){TREE_TEXT, (uint32_t)text.len, {text.ptr}};
}

bool mapper_refuse(mapper *m, ingest_reason reason, const char *message)
{
    const map_rule *r = m->rule;
    char row[40] = "";
    if (m->row_number > 0)
        snprintf(row, sizeof row, ", row %llu",
                 (unsigned long long)m->row_number);
    if (r == NULL)
        return record_refuse(m->front, reason, &RECORD_WHOLE, "%s%s", message,
                             row);
    record_where where = {map_target_words[r->target].ptr, NULL, -1, m->leaf};
    if (r->target != TARGET_EVENTS && r->name.len > 0)
        where.name = &r->name;
    return record_refuse(
        m->front, reason, &where, "%s (rule %u, %.*s%s)", message, r->number,
        (int)(r->to.len < 60 ? r->to.len : 60), r->to.ptr, row);
}

/* Room for a text of the row; NULL after it was refused. */
static char *new_text(mapper *m, size_t len)
{
    if (m->texts.total + len > MAPPING_TEXT_BYTES_MAX) {
        mapper_refuse(m, INGEST_TOO_LONG,
                      "the row becomes too long while it is mapped");
        return NULL;
    }
    return arena_alloc(&m->texts, len + 1);
}

/* ---- what fields hold ---- */

static bool is_blank(const mapper *m, muster_text text)
{
    return text.len == 0 ||
           (m->map->blank.count > 0 && word_set_has(&m->map->blank, text));
}

static void put_raw_text(mapper *m, muster_text text)
{
    text = text_trim(text);
    if (!is_blank(m, text))
        value_list_put(&m->raw, text_value(text));
}

static void put_raw(mapper *m, tree_value v)
{
    m->present = true;
    switch (v.kind) {
    case TREE_TEXT:
        put_raw_text(m, tree_text(v));
        return;
    case TREE_NUMBER: {
        const muster_text digits = m->row->source->digits(v.as.node);
        value_list_put(
            &m->raw,
            (tree_value){TREE_NUMBER, (uint32_t)digits.len, {digits.ptr}});
        return;
    }
    case TREE_INT:
    case TREE_BOOL:
        value_list_put(&m->raw, v);
        return;
    case TREE_NULL:
    case TREE_TIME:
    case TREE_LIST:
    case TREE_MAP:
    case TREE_OTHER:
        return;
    }
}

/* What a path leads to. */
typedef struct path_end {
    mapper *m;
    bool keys;
    value_list *elements; /* NULL: scalars to m->raw */
    bool found;           /* a list, an object or null */
} path_end;

static bool is_nested(tree_value v)
{
    return v.kind == TREE_LIST || v.kind == TREE_MAP;
}

static void take_end(path_end *to, tree_value v)
{
    mapper *m = to->m;
    const tree_source *source = m->row->source;
    to->found |= is_nested(v) || v.kind == TREE_NULL;
    if (!is_nested(v)) {
        if (to->elements == NULL)
            put_raw(m, v);
        return;
    }
    m->present = true;
    tree_iter it = source->walk(v.as.node);
    while (m->raw.count <= MAPPING_VALUES_MAX && source->next(&it)) {
        if (v.kind == TREE_MAP && map_is_private(it.key))
            continue;
        if (to->elements != NULL)
            value_list_put(to->elements, source->value(it.value));
        else if (v.kind == TREE_LIST)
            put_raw(m, source->value(it.value));
        else if (to->keys)
            put_raw_text(m, it.key);
    }
}

/* A path's steps are few, and each goes a level down. Private members are
 * meant only where they are named. */
static void walk_path(path_end *to, tree_value v, const path_step *step,
                      size_t left)
{
    const tree_source *source = to->m->row->source;
    if (left == 0) {
        take_end(to, v);
        return;
    }
    if (!is_nested(v))
        return;
    int64_t index = 0;
    tree_iter it = source->walk(v.as.node);
    for (; to->m->raw.count <= MAPPING_VALUES_MAX && source->next(&it);
         index++) {
        const bool all =
            step->each && (v.kind == TREE_LIST || !map_is_private(it.key));
        const bool meant =
            all || (v.kind == TREE_LIST ? index == step->index
                                        : text_equal(it.key, step->name));
        if (!meant)
            continue;
        walk_path(to, source->value(it.value), step + 1, left - 1);
        if (!step->each)
            return;
    }
}

static tree_value root_of(const mapper *m, const map_ref *ref)
{
    if (ref->root == REF_DOCUMENT)
        return m->row->document;
    return ref->root == REF_ELEMENT ? m->element : m->row->row;
}

void mapper_elements(mapper *m, const map_ref *ref, value_list *out,
                     bool *found)
{
    path_end to = {.m = m, .elements = out};
    walk_path(&to, root_of(m, ref), ref->steps, ref->step_count);
    *found = to.found;
}

/* Adds what the field holds to m->raw, empty values left out. */
static void take_ref(mapper *m, const map_ref *ref, bool keys)
{
    if (ref->root == REF_COLUMN) {
        const int32_t cell = m->row->bind[ref->number];
        m->present |= cell >= 0;
        if (cell >= 0)
            put_raw_text(m, m->row->cells[cell]);
        return;
    }
    if (ref->root == REF_FIELD) {
        const field_span *span = &m->spans[ref->number];
        m->present |= span->present;
        for (size_t i = 0; i < span->count; i++)
            value_list_put(&m->raw, m->fields.items[span->first + i]);
        return;
    }
    path_end to = {.m = m, .keys = keys};
    walk_path(&to, root_of(m, ref), ref->steps, ref->step_count);
}

bool mapper_text(mapper *m, tree_value v, muster_text *out)
{
    char *digits = NULL;
    switch (v.kind) {
    case TREE_TEXT:
    case TREE_NUMBER:
        *out = tree_text(v);
        return true;
    case TREE_BOOL:
        *out = text_of(v.as.integer != 0 ? "true" : "false");
        return true;
    case TREE_INT:
        digits = new_text(m, 24);
        if (digits != NULL)
            *out = text_make(digits, text_format_int(digits, v.as.integer));
        return digits != NULL;
    case TREE_NULL:
    case TREE_TIME:
    case TREE_LIST:
    case TREE_MAP:
    case TREE_OTHER:
        break;
    }
    *out = text_of("");
    return true;
}

/* All that is in m->raw as one text. */
static bool join_raw(mapper *m, const map_source *s)
{
    size_t len = 0;
    muster_text part = {"", 0};
    for (size_t i = 0; i < m->raw.count; i++) {
        if (!mapper_text(m, m->raw.items[i], &part))
            return false;
        m->raw.items[i] = text_value(part);
        len += part.len + s->with.len;
    }
    if (m->raw.count < 2)
        return true;
    char *joined = new_text(m, len);
    if (joined == NULL)
        return false;
    len = 0;
    for (size_t i = 0; i < m->raw.count; i++) {
        part = tree_text(m->raw.items[i]);
        if (i > 0) {
            memcpy(joined + len, s->with.ptr, s->with.len);
            len += s->with.len;
        }
        memcpy(joined + len, part.ptr, part.len);
        len += part.len;
    }
    m->raw.items[0] = text_value(text_make(joined, len));
    m->raw.count = 1;
    return true;
}

static bool gather(mapper *m, const map_source *s)
{
    m->raw.count = 0;
    m->present = s->kind == SOURCE_CONST;
    for (size_t i = 0; i < s->ref_count; i++) {
        take_ref(m, &s->refs[i], s->keys);
        if (s->kind == SOURCE_FROM && m->raw.count > 0)
            break;
    }
    for (size_t i = 0; i < s->constant_count; i++)
        value_list_put(&m->raw, s->constants[i]);
    if (m->raw.count > MAPPING_VALUES_MAX)
        return mapper_refuse(m, INGEST_TOO_MANY, "too many values");
    return s->kind != SOURCE_JOIN || join_raw(m, s);
}

/* ---- what is done to a value ---- */

static char slug_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c + ('a' - 'A'));
    const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    return kept ? c : '_';
}

static char letter_of(map_letters letters, char c)
{
    if (letters == LETTERS_SLUG)
        return slug_of(c);
    if (letters == LETTERS_LOWER)
        return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

static bool change_letters(mapper *m, map_letters letters, tree_value *v)
{
    if (v->kind != TREE_TEXT)
        return true;
    char *text = new_text(m, v->len);
    if (text == NULL)
        return false;
    for (uint32_t i = 0; i < v->len; i++)
        text[i] = letter_of(letters, v->as.ptr[i]);
    v->as.ptr = text;
    return true;
}

static const word_pair *find_pair(const map_source *s, muster_text word)
{
    size_t low = 0;
    size_t high = s->table_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = word_compare(s->table[middle].key, word);
        if (order == 0)
            return &s->table[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Whether there is still a value: *kept. */
static bool replace(mapper *m, const map_source *s, tree_value *v, bool *kept)
{
    muster_text word;
    if (!mapper_text(m, *v, &word))
        return false;
    const word_pair *pair = find_pair(s, word);
    if (pair != NULL) {
        *kept = pair->value.len > 0;
        *v = text_value(pair->value);
        return true;
    }
    if (s->otherwise == ELSE_REJECT)
        return mapper_refuse(m, INGEST_BAD_VALUE, "the value is not in `map`");
    *kept = s->otherwise != ELSE_DROP;
    if (s->otherwise == ELSE_VALUE)
        *v = text_value(s->else_value);
    return true;
}

static const struct {
    ingest_reason reason;
    const char *message;
} invalid_values[] = {
    [CONVERT_DATE] = {INGEST_BAD_TIME, "the date has none of the formats"},
    [CONVERT_NUMBER] = {INGEST_BAD_NUMBER,
                        "the value is no number of this form, or too large"},
    [CONVERT_FLAG] = {INGEST_BAD_VALUE,
                      "the value is neither a word for true nor for false"},
    [CONVERT_HASH] = {INGEST_BAD_ID, "the contact cannot be normalised"},
};

static bool read_date(const mapper *m, const map_source *s, muster_text text,
                      map_date *out)
{
    (void)m;
    for (size_t i = 0; i < s->format_count; i++)
        if (date_format_parse(&s->formats[i], text, s->zone, out))
            return true;
    return false;
}

/* Of `set` its day, as text, or what `as` says; else the moment. */
static bool convert_date(mapper *m, const map_source *s, muster_text text,
                         tree_value *v, bool *valid)
{
    map_date date = {0, 0};
    const bool moment = m->rule == NULL || m->rule->target != TARGET_SET;
    *valid = read_date(m, s, text, &date);
    *v = (tree_value){.kind = TREE_INT, .as.integer = date.moment};
    if (moment || !*valid)
        return true;
    if (s->as == DATE_AGE) {
        v->as.integer =
            date_years(date.day, clock_day_of(m->front->options->now));
        return true;
    }
    char *day = new_text(m, 16);
    if (day == NULL)
        return false;
    *v = text_value(text_make(day, clock_format_date(day, date.day)));
    if (s->as == DATE_YEAR) {
        int64_t year = 0;
        *valid = text_parse_int(text_make(day, 4), &year);
        *v = (tree_value){.kind = TREE_INT, .as.integer = year};
    }
    return true;
}

static bool convert_number(mapper *m, const map_source *s, muster_text text,
                           tree_value *v, bool *valid)
{
    int64_t scaled = 0;
    *valid = number_format_parse(&s->number, text, &scaled) == 0;
    if (scaled % MUSTER_NUMBER_SCALE == 0) {
        *v = (tree_value){.kind = TREE_INT,
                          .as.integer = scaled / MUSTER_NUMBER_SCALE};
        return true;
    }
    char *digits = new_text(m, 32);
    if (digits == NULL)
        return false;
    *v = text_value(text_make(digits, text_format_number(digits, scaled)));
    v->kind = TREE_NUMBER;
    return true;
}

static bool convert_hash(mapper *m, const map_source *s, muster_text text,
                         tree_value *v, bool *valid)
{
    char *digest = new_text(m, MUSTER_CONTACT_DIGEST_BYTES);
    if (digest == NULL)
        return false;
    *valid = contact_hash(&s->contact, text, digest, NULL) == 0;
    if (*valid)
        *v = text_value(text_of(digest));
    return true;
}

static bool convert(mapper *m, const map_source *s, tree_value *v, bool *valid)
{
    muster_text text;
    if (!mapper_text(m, *v, &text))
        return false;
    switch (s->convert) {
    case CONVERT_DATE:
        return convert_date(m, s, text, v, valid);
    case CONVERT_NUMBER:
        return convert_number(m, s, text, v, valid);
    case CONVERT_FLAG:
        *valid = word_set_has(&s->yes, text) || word_set_has(&s->no, text);
        *v = (tree_value){.kind = TREE_BOOL,
                          .as.integer = word_set_has(&s->yes, text)};
        return true;
    case CONVERT_HASH:
        return convert_hash(m, s, text, v, valid);
    case CONVERT_NONE:
        break;
    }
    return true;
}

/* A slug would hide from the record's own check what its text was. */
static bool hides_person(const mapper *m, const map_source *s, tree_value v)
{
    const bool through = s->table == NULL || s->otherwise == ELSE_KEEP;
    return s->letters == LETTERS_SLUG && m->rule != NULL && through &&
           s->convert == CONVERT_NONE && v.kind == TREE_TEXT &&
           identity_is_pii(tree_text(v));
}

static bool take_value(mapper *m, const map_source *s, tree_value v)
{
    bool kept = true;
    bool valid = true;
    if (hides_person(m, s, v))
        return mapper_refuse(m, INGEST_PII_SUSPECTED,
                             "the value looks like an e-mail address or a "
                             "phone number; it is not stored");
    if (s->letters != LETTERS_KEPT && !change_letters(m, s->letters, &v))
        return false;
    if (s->table != NULL && !replace(m, s, &v, &kept))
        return false;
    if (!kept)
        return true;
    if (s->convert != CONVERT_NONE && !convert(m, s, &v, &valid))
        return false;
    if (!valid && s->invalid_drops)
        return true;
    if (!valid)
        return mapper_refuse(m, invalid_values[s->convert].reason,
                             invalid_values[s->convert].message);
    value_list_put(&m->values, v);
    return true;
}

static bool take_parts(mapper *m, const map_source *s, muster_text text)
{
    for (bool more = true; more;) {
        const char *end =
            memmem(text.ptr, text.len, s->split.ptr, s->split.len);
        const size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;
        const muster_text part = text_trim(text_make(text.ptr, len));
        if (!is_blank(m, part) && !take_value(m, s, text_value(part)))
            return false;
        more = end != NULL;
        if (more)
            text = text_make(end + s->split.len, text.len - len - s->split.len);
        if (m->values.count > MAPPING_VALUES_MAX)
            return mapper_refuse(m, INGEST_TOO_MANY, "too many values");
    }
    return true;
}

bool mapper_read(mapper *m, const map_source *s)
{
    if (!gather(m, s))
        return false;
    m->raw_count = m->raw.count;
    for (size_t i = 0; i < m->raw.count; i++) {
        const tree_value v = m->raw.items[i];
        const bool split = s->splits && v.kind == TREE_TEXT;
        if (split ? !take_parts(m, s, tree_text(v)) : !take_value(m, s, v))
            return false;
    }
    if (m->values.count > MAPPING_VALUES_MAX)
        return mapper_refuse(m, INGEST_TOO_MANY, "too many values");
    return true;
}

/* ---- conditions ---- */

static bool holds_words(mapper *m, const map_condition *c, bool *out)
{
    bool any = false;
    muster_text word;
    m->raw.count = 0;
    take_ref(m, &c->ref, false);
    for (size_t i = 0; i < m->raw.count && !any; i++) {
        if (!mapper_text(m, m->raw.items[i], &word))
            return false;
        any = word_set_has(&c->words, word);
    }
    const bool empty = m->raw.count == 0;
    if (c->kind == CONDITION_EMPTY || c->kind == CONDITION_FILLED)
        *out = empty == (c->kind == CONDITION_EMPTY);
    else
        *out = any == (c->kind == CONDITION_IN);
    return true;
}

bool mapper_holds(mapper *m, const map_condition *c, bool *out)
{
    if (c->kind <= CONDITION_FILLED)
        return holds_words(m, c, out);
    const bool all = c->kind == CONDITION_ALL;
    bool one = false;
    *out = all;
    for (size_t i = 0; i < c->part_count && *out == all; i++) {
        if (!mapper_holds(m, &c->parts[i], &one))
            return false;
        *out = one;
    }
    if (c->kind == CONDITION_NOT)
        *out = !one;
    return true;
}

/* ---- rows ---- */

static bool read_fields(mapper *m)
{
    m->fields.count = 0;
    for (size_t i = 0; i < m->map->field_count; i++) {
        field_span *span = &m->spans[i];
        m->values.count = 0;
        if (!mapper_read(m, &m->map->fields[i].source))
            return false;
        *span = (field_span){m->fields.count, m->values.count, m->present};
        for (size_t j = 0; j < m->values.count; j++)
            value_list_put(&m->fields, m->values.items[j]);
    }
    return true;
}

/* Whether the row is left out: *dropped. */
static bool check_drops(mapper *m, bool *dropped)
{
    *dropped = false;
    for (size_t i = 0; i < m->map->drop_count && !*dropped; i++) {
        const map_drop *d = &m->map->drops[i];
        if (!mapper_holds(m, &d->condition, dropped))
            return false;
        if (*dropped)
            record_leave_out(m->front, d->word);
    }
    return true;
}

void mapper_take(mapper *m, record_front *f, const map_row *row,
                 record_place place)
{
    bool dropped = false;
    m->front = f;
    m->row = row;
    m->rule = NULL;
    m->leaf = NULL;
    m->nodes.count = 0;
    record_begin(f, place);
    if (read_fields(m) && check_drops(m, &dropped) && !dropped &&
        mapper_emit(m))
        record_end(f);
    m->rows_nodes += m->nodes.count;
    m->rows_bytes += m->texts.total;
    arena_reset(&m->texts);
}

/* ---- documents ---- */

/* Is there room for another row of the document? */
static bool has_room(const mapper *m, record_front *f, size_t rows,
                     record_place place)
{
    if (rows == MAPPING_ROWS_MAX)
        record_refuse_at(f, place, INGEST_TOO_MANY,
                         "a document has at most %u rows; those behind are "
                         "not read",
                         MAPPING_ROWS_MAX);
    else if (m->rows_nodes > MAPPING_DOCUMENT_NODES_MAX ||
             m->rows_bytes > MAPPING_DOCUMENT_BYTES_MAX)
        record_refuse_at(f, place, INGEST_TOO_MANY,
                         "the rows of the document become too many facts; "
                         "those from row %zu on are not read",
                         rows + 1);
    else
        return true;
    return false;
}

static void take_rows(mapper *m, record_front *f, map_row *row,
                      const value_list *rows, const char *unit,
                      record_place place)
{
    m->rows_nodes = 0;
    m->rows_bytes = 0;
    for (size_t i = 0; i < rows->count && has_room(m, f, i, place); i++) {
        m->row_number = i + 1;
        row->row = rows->items[i];
        if (row->row.kind == TREE_MAP)
            mapper_take(m, f, row, place);
        else
            record_refuse_at(f, place, INGEST_WRONG_TYPE,
                             "row %zu of the %s is not an object", i + 1, unit);
    }
}

void mapper_take_document(mapper *m, record_front *f, const tree_source *source,
                          tree_value root, const char *unit, record_place place)
{
    map_row row = {.source = source, .document = root, .row = root};
    if (!m->map->has_each) {
        if (root.kind == TREE_MAP)
            mapper_take(m, f, &row, place);
        else
            record_refuse_at(f, place, INGEST_BAD_JSON,
                             "the %s is not one JSON object", unit);
        return;
    }
    value_list rows = {NULL, 0, 0};
    bool found = false;
    m->row = &row;
    m->raw.count = 0;
    mapper_elements(m, &m->map->each, &rows, &found);
    if (!found)
        record_refuse_at(f, place, INGEST_MISSING,
                         "the %s has no rows where `each` says", unit);
    take_rows(m, f, &row, &rows, unit, place);
    m->row_number = 0;
    mem_free(rows.items);
}
