/*
 * aam.c - Audience Manager's inbound files, line by line.
 *
 * A data file (Adobe, "Inbound Data File Contents"):
 *
 *   line  = id TAB item { "," item }
 *   item  = "d_sid=" digits            the trait
 *         | "d_unsid=" digits          not the trait any more
 *         | digits ":0" | digits ":-1" likewise
 *         | digits | "ic=" value       an integration code
 *         | key "=" value
 *
 * Keys and values may stand in double quotes, between which a comma is none;
 * spaces around items, keys and values are none of them; dashes before a key
 * are passed over. A key is digits, then a letter, then letters, digits, `-`
 * and `_`; the documentation's `c_price123` is one, too. What becomes of it:
 *
 *   trait             add to `trait`
 *   integration code  add to `trait.ic`
 *   key=value         add to `signal.<key>`: lower-cased, `-` as `_`, and
 *                     `k_` before a key that begins with a digit
 *
 * Of an .overwrite file the record begins with a wipe, and what removes is
 * passed over. In a line that both adds and removes, what it adds stands.
 *
 * An id-sync file has ids alone, one a column, split by tabs; all of a line
 * are of one user.
 *
 * A line is taken as a whole or refused as a whole. Lines that end with a tab
 * or space are refused, as the documentation says; a \r before the line end is
 * part of the line end.
 *
 * Cost: two passes over a line's items. Threads: a parser belongs to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/format.h"

/* Longer lines are left out ("Inbound Data File Contents"). */
#define LINE_BYTES_MAX 102400u
#define UUID_LEN 36u
#define AAM_DIGITS 38u
#define NAME "aam"

typedef enum item_kind {
    ITEM_TRAIT,
    ITEM_REMOVAL,
    ITEM_CODE,
    ITEM_SIGNAL
} item_kind;

typedef struct item {
    item_kind kind;
    muster_text key; /* ITEM_SIGNAL */
    muster_text value;
} item;

struct aam_parser {
    item *items;
    size_t capacity;
    size_t count;
    uint64_t signals; /* of the batch */
    uint64_t traits;
    uint64_t removals;
    uint64_t ignored; /* removals of an .overwrite file */
    uint64_t bad_ids;
};

aam_parser *aam_parser_new(void)
{
    return mem_zalloc(sizeof(aam_parser));
}

void aam_parser_free(aam_parser *p)
{
    if (p == NULL)
        return;
    mem_free(p->items);
    mem_free(p);
}

/* ---- characters ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool are_digits(muster_text t)
{
    size_t i = 0;
    while (i < t.len && is_digit(t.ptr[i]))
        i++;
    return t.len > 0 && i == t.len;
}

static muster_text trim_spaces(muster_text t)
{
    while (t.len > 0 && t.ptr[0] == ' ') {
        t.ptr++;
        t.len--;
    }
    while (t.len > 0 && t.ptr[t.len - 1] == ' ')
        t.len--;
    return t;
}

/* ---- ids ---- */

/* A UUID none of whose letters is from `wrong` to wrong + 5. */
static bool is_uuid(muster_text id, char wrong)
{
    if (id.len != UUID_LEN)
        return false;
    for (size_t i = 0; i < UUID_LEN; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        const char c = id.ptr[i];
        if (dash ? c != '-' : !is_hex(c) || (c >= wrong && c <= wrong + 5))
            return false;
    }
    return true;
}

/* Customers' ids have no colon, and are not encoded as in a URL. */
static bool is_plain(muster_text id)
{
    for (size_t i = 0; i < id.len; i++) {
        if (id.ptr[i] == ':')
            return false;
        if (id.ptr[i] == '%' && id.len - i > 2 && is_hex(id.ptr[i + 1]) &&
            is_hex(id.ptr[i + 2]))
            return false;
    }
    return true;
}

static const char *wrong_form(dialect_id form, muster_text id)
{
    switch (form) {
    case DIALECT_ID_AAM:
        return id.len == AAM_DIGITS && are_digits(id)
                   ? NULL
                   : "an id of Audience Manager has 38 digits";
    case DIALECT_ID_UPPER:
        return is_uuid(id, 'a') ? NULL
                                : "an id of this source is a UUID in upper "
                                  "case";
    case DIALECT_ID_LOWER:
        return is_uuid(id, 'A') ? NULL
                                : "an id of this source is a UUID in lower "
                                  "case";
    case DIALECT_ID_ANY:
        break;
    }
    return is_plain(id) ? NULL
                        : "an id has no colon and no URL encoding";
}

static bool read_id(aam_parser *p, record_front *f, size_t column,
                    muster_text id)
{
    const dialect_column *c = &f->options->dialect->columns[column];
    const muster_text space = text_of(c->space);
    const record_where where = {"ids", &space, -1, NULL};
    const char *why = wrong_form(c->form, id);
    uint32_t number = 0;
    /* What else may be wrong is told by whoever knows personal data. */
    if (why != NULL && !identity_is_pii(id)) {
        p->bad_ids++;
        return record_refuse(f, INGEST_BAD_ID, &where, "%s", why);
    }
    if (!record_space(f, &where, &number))
        return false;
    if (record_id(f, number, id, &where))
        return true;
    p->bad_ids++;
    return false;
}

/* ---- items ---- */

static bool refuse_item(record_front *f, size_t number, const char *why)
{
    return record_refuse(f, INGEST_BAD_LINE,
                         &(record_where){"items", NULL, (int64_t)number, NULL},
                         "%s", why);
}

/* The length of the text up to a comma (or, with `equals`, the first `=`) that
 * is not quoted; false when a quote is not closed. */
static bool find_end(muster_text text, char end, size_t *out)
{
    bool quoted = false;
    size_t i = 0;
    for (; i < text.len; i++) {
        quoted ^= text.ptr[i] == '"';
        if (!quoted && text.ptr[i] == end)
            break;
    }
    *out = i;
    return !quoted;
}

/* Without its quotes; false when they do not stand at both ends alone. */
static bool unquote(muster_text *text)
{
    *text = trim_spaces(*text);
    if (text->len > 1 && text->ptr[0] == '"' &&
        text->ptr[text->len - 1] == '"') {
        text->ptr++;
        text->len -= 2;
    }
    return memchr(text->ptr, '"', text->len) == NULL;
}

static bool is_key(muster_text key)
{
    size_t i = 0;
    while (i < key.len && is_digit(key.ptr[i]))
        i++;
    if (i == key.len || !is_letter(key.ptr[i]))
        return false;
    for (; i < key.len; i++)
        if (!is_letter(key.ptr[i]) && !is_digit(key.ptr[i]) &&
            key.ptr[i] != '-' && key.ptr[i] != '_')
            return false;
    return true;
}

/* An item without `=`: a code, or what takes a trait away. */
static bool read_bare(muster_text text, item *out)
{
    const char *colon = memchr(text.ptr, ':', text.len);
    out->kind = colon != NULL ? ITEM_REMOVAL : ITEM_CODE;
    out->value = text;
    if (colon == NULL)
        return are_digits(text);
    out->value.len = (size_t)(colon - text.ptr);
    const muster_text sign = {colon + 1, text.len - out->value.len - 1};
    return are_digits(out->value) &&
           (text_is(sign, "0") || text_is(sign, "-1"));
}

/* NULL, or what is wrong with it. */
static const char *read_item(muster_text text, item *out)
{
    size_t equals = 0;
    if (!find_end(text, '=', &equals))
        return "a quote is opened and not closed";
    if (equals == text.len)
        return read_bare(text, out) ? NULL
                                    : "an item is d_sid=N, d_unsid=N, N:0, "
                                      "N:-1, N, ic=TEXT or KEY=VALUE";
    out->key = text_make(text.ptr, equals);
    out->value = text_make(text.ptr + equals + 1, text.len - equals - 1);
    if (!unquote(&out->key) || !unquote(&out->value))
        return "a quote stands within a key or a value";
    while (out->key.len > 0 && out->key.ptr[0] == '-') {
        out->key.ptr++;
        out->key.len--;
    }
    const bool adds = text_is(out->key, "d_sid");
    out->kind = ITEM_SIGNAL;
    if (adds || text_is(out->key, "d_unsid")) {
        out->kind = adds ? ITEM_TRAIT : ITEM_REMOVAL;
        return are_digits(out->value) ? NULL : "a trait is a number";
    }
    if (text_is(out->key, "ic"))
        out->kind = ITEM_CODE;
    return is_key(out->key) ? NULL
                            : "a key is digits, a letter, and letters, "
                              "digits, `-` and `_`";
}

static bool read_items(aam_parser *p, record_front *f, muster_text text)
{
    p->count = 0;
    for (bool more = true; more; p->count++) {
        size_t len = 0;
        item one = {ITEM_CODE, {NULL, 0}, {NULL, 0}};
        if (!find_end(text, ',', &len))
            return refuse_item(f, p->count,
                               "a quote is opened and not closed");
        const char *why =
            read_item(trim_spaces(text_make(text.ptr, len)), &one);
        if (why != NULL)
            return refuse_item(f, p->count, why);
        mem_grow(&p->items, &p->capacity, p->count + 1, sizeof *p->items);
        p->items[p->count] = one;
        more = len < text.len;
        text.ptr += len + more;
        text.len -= len + more;
    }
    return true;
}

/* ---- facts ---- */

/* `out` has room for a name and what stands before it. */
static bool signal_name(muster_text key, char *out, muster_text *name)
{
    static const char prefix[] = "signal.k_";
    size_t len = is_digit(key.ptr[0]) ? sizeof prefix - 1 : sizeof prefix - 3;
    if (len + key.len > MUSTER_NAME_BYTES_MAX)
        return false;
    memcpy(out, prefix, len);
    for (size_t i = 0; i < key.len; i++) {
        const char c = key.ptr[i];
        out[len++] = c == '-' ? '_' : is_letter(c) ? (char)(c | 0x20) : c;
    }
    *name = text_make(out, len);
    return true;
}

static bool put_item(record_front *f, const item *one, size_t number)
{
    char made[MUSTER_NAME_BYTES_MAX + 1];
    muster_text name = text_of(one->kind == ITEM_CODE ? "trait.ic" : "trait");
    const record_where where = {"items", NULL, (int64_t)number, NULL};
    uint32_t attribute = 0;
    if (one->kind == ITEM_SIGNAL && !signal_name(one->key, made, &name))
        return record_refuse(f, INGEST_BAD_NAME, &where,
                             "a key has at most %u bytes",
                             MUSTER_NAME_BYTES_MAX - 9);
    return record_attribute(f, name, &where, &attribute) &&
           record_put_term(f,
                           one->kind == ITEM_REMOVAL ? FACT_REMOVE : FACT_ADD,
                           attribute, one->value, &where);
}

static bool put_items(aam_parser *p, record_front *f)
{
    const bool overwrite = f->options->dialect->overwrite;
    for (size_t i = 0; i < p->count && !overwrite; i++)
        if (p->items[i].kind == ITEM_REMOVAL && !put_item(f, &p->items[i], i))
            return false;
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i].kind != ITEM_REMOVAL && !put_item(f, &p->items[i], i))
            return false;
    return true;
}

static void count_items(aam_parser *p, const record_front *f)
{
    const bool overwrite = f->options->dialect->overwrite;
    for (size_t i = 0; i < p->count; i++) {
        const bool removal = p->items[i].kind == ITEM_REMOVAL;
        p->signals++;
        p->traits += !removal;
        p->removals += removal && !overwrite;
        p->ignored += removal && overwrite;
    }
}

/* ---- lines ---- */

static bool begin_line(record_front *f, muster_text line, record_place place)
{
    const char last = line.ptr[line.len - 1];
    record_begin(f, place);
    if (last == '\t' || last == ' ')
        return record_refuse(f, INGEST_BAD_LINE, &RECORD_WHOLE,
                             "the line ends with a tab or a space");
    if (line.len > LINE_BYTES_MAX)
        return record_refuse(f, INGEST_TOO_LONG, &RECORD_WHOLE,
                             "a line of this dialect has at most %u bytes",
                             LINE_BYTES_MAX);
    return record_time_seconds(f, f->options->dialect->ts, &RECORD_AT("ts"),
                               &f->ts);
}

static void read_data(aam_parser *p, record_front *f, muster_text line,
                      record_place place)
{
    fact *wipe = NULL;
    if (!begin_line(f, line, place))
        return;
    const char *tab = memchr(line.ptr, '\t', line.len);
    const size_t len = tab != NULL ? (size_t)(tab - line.ptr) : 0;
    const muster_text rest = {line.ptr + len + 1, line.len - len - 1};
    if (len == 0 || memchr(rest.ptr, '\t', rest.len) != NULL) {
        record_refuse(f, INGEST_BAD_LINE, &RECORD_WHOLE,
                      "a line is an id, one tab and items split by commas");
        return;
    }
    if (!read_id(p, f, 0, text_make(line.ptr, len)) ||
        (f->options->dialect->overwrite &&
         !record_put(f, FACT_WIPE, 0, FACT_NO_TERM, &wipe)) ||
        !read_items(p, f, rest) || !put_items(p, f))
        return;
    count_items(p, f);
    record_end(f);
}

static void read_ids(aam_parser *p, record_front *f, muster_text line,
                     record_place place)
{
    const uint32_t columns = f->options->dialect->column_count;
    uint32_t column = 0;
    if (!begin_line(f, line, place))
        return;
    for (bool more = true; more; column++) {
        const char *tab = memchr(line.ptr, '\t', line.len);
        const size_t len = tab != NULL ? (size_t)(tab - line.ptr) : line.len;
        if (len == 0 || column == columns || (!tab && column + 1 < columns)) {
            record_refuse(f, INGEST_BAD_LINE, &RECORD_WHOLE,
                          "a line has %u ids split by tabs, as the file's "
                          "name has numbers of sources",
                          columns);
            return;
        }
        if (!read_id(p, f, column, text_make(line.ptr, len)))
            return;
        more = tab != NULL;
        line.ptr += len + more;
        line.len -= len + more;
    }
    record_end(f);
}

static void tell_counts(aam_parser *p, record_front *f)
{
    const bool own = f->options->dialect->columns[0].form == DIALECT_ID_AAM;
    const struct {
        const char *name;
        uint64_t *count;
    } all[] = {
        {own ? "invalid_aam_id" : "invalid_device_id", &p->bad_ids},
        {"removals_ignored", &p->ignored},
        {"total_realized_traits", &p->traits},
        {"total_removed_traits", &p->removals},
        {"total_signals", &p->signals},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        tally_add(&f->tally, NAME, text_of(all[i].name), *all[i].count);
        *all[i].count = 0;
    }
}

void aam_read(aam_parser *p, record_front *f, const chunk *c,
              chunk_cursor *cursor, bool whole)
{
    while (cursor->at < c->len && (whole || !parser_is_full(f))) {
        record_place place;
        const muster_text line = chunk_line(c, cursor, &place);
        if (line.len == 0)
            continue;
        if (c->format == INGEST_AAM)
            read_data(p, f, line, place);
        else
            read_ids(p, f, line, place);
    }
    tell_counts(p, f);
}
