/*
 * map.c - a mapping file compiled: its outermost members, and what a mapping
 * owns.
 *
 * The file is read once, member by member, with base/form.c; what is wrong is
 * told with its pointer and its place. What is compiled lies in one arena and
 * is not written to again.
 *
 * Order of reading: `input` decides what a field is, `fields` are known before
 * what uses them, whatever the order in the file. Then rules are put
 * together by target, in the order in which a record applies them.
 *
 * Cost: a millisecond for thousands of rules. Threads: one compiles; the
 * result is shared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/map.h"

#include <stdio.h>
#include <stdlib.h>

#define ABOUT_BYTES_MAX 10000u
#define DROP_WORD_BYTES_MAX 32u
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what all readers use ---- */

int map_fail(const json_form *f, const char *format, ...)
{
    char message[400];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return form_fail(f, MUSTER_EINVAL, "bad_mapping", false, "%s", message);
}

void *map_keep(json_form *f, size_t size)
{
    return arena_zalloc(&map_file_of(f)->map->memory, size);
}

muster_text map_keep_text(json_form *f, muster_text text)
{
    return text_make(
        arena_strndup(&map_file_of(f)->map->memory, text.ptr, text.len),
        text.len);
}

int map_read_name(json_form *f, const json_value *v, size_t most,
                  muster_text *out)
{
    const int rc = form_read_text(f, v, out);
    if (rc != 0)
        return rc;
    if (out->len == 0 || out->len > most)
        return map_fail(f, "1 to %zu bytes are expected", most);
    *out = map_keep_text(f, *out);
    return 0;
}

int map_read_about(json_form *f, const json_value *v, void *target)
{
    muster_text about;
    (void)target;
    const int rc = form_read_text(f, v, &about);
    if (rc == 0 && about.len > ABOUT_BYTES_MAX)
        return map_fail(f, "at most %u bytes", ABOUT_BYTES_MAX);
    return rc;
}

int map_count_words(json_form *f, size_t count)
{
    map_file *file = map_file_of(f);
    file->words += count;
    if (file->words > MAPPING_WORDS_MAX)
        return form_fail(f, MUSTER_ELIMIT, "too_many", false,
                         "a mapping has at most %u words in all its maps and "
                         "lists",
                         MAPPING_WORDS_MAX);
    return 0;
}

static int add_word(json_form *f, const json_value *v, void *target)
{
    word_set *s = target;
    muster_text word;
    const int rc = form_read_text(f, v, &word);
    if (rc == 0)
        s->words[s->count++] = map_keep_text(f, text_trim(word));
    return rc;
}

static int order_words(const void *a, const void *b)
{
    return word_compare(*(const muster_text *)a, *(const muster_text *)b);
}

int map_read_words(json_form *f, const json_value *v, word_set *out)
{
    const size_t count = json_typeof(v) == JSON_ARRAY ? json_count(v) : 1;
    int rc = map_count_words(f, count);
    if (rc != 0)
        return rc;
    *out = (word_set){map_keep(f, (count + 1) * sizeof(muster_text)), 0};
    rc = form_read_each(f, v, add_word, out);
    if (rc == 0)
        qsort(out->words, out->count, sizeof *out->words, order_words);
    return rc;
}

int map_read_zone(const json_form *f, const json_value *v, int *out)
{
    muster_text text;
    muster_time time = 0;
    char moment[32] = "2000-01-02T00:00:00";
    const int rc = form_read_text(f, v, &text);
    if (rc != 0)
        return rc;
    if (text.len < sizeof moment - 20) {
        memcpy(moment + 19, text.ptr, text.len);
        moment[19 + text.len] = '\0';
        if (clock_parse_time(text_of(moment), &time)) {
            const muster_day day = clock_day_from_civil(2000, 1, 2);
            *out = (int)((int64_t)day * 86400 - time);
            return 0;
        }
    }
    return map_fail(f, "a zone is \"Z\" or an offset like \"+01:00\"; names "
                       "of zones are not known, nor is daylight saving time");
}

/* ---- the outermost members ---- */

static int read_input(json_form *f, const json_value *v, void *target)
{
    static const char *const words[] = {"csv", "json"};
    size_t word = 0;
    mapping *m = target;
    const int rc = form_read_word(f, v, words, COUNT_OF(words), &word);
    m->is_csv = word == 0;
    return rc;
}

static int read_separator(json_form *f, const json_value *v, void *target)
{
    mapping *m = target;
    muster_text text;
    const int rc = form_read_text(f, v, &text);
    if (rc != 0)
        return rc;
    const bool fine = text.len == 1 && (unsigned char)*text.ptr < 0x80 &&
                      memchr("\n\r\"\0", *text.ptr, 4) == NULL;
    if (!fine || !m->is_csv)
        return map_fail(f, "%s",
                        fine ? "only CSV has a separator"
                             : "one character of ASCII is expected, "
                               "neither a quote nor a line end");
    m->separator = *text.ptr;
    return 0;
}

static int add_header(json_form *f, const json_value *v, void *target)
{
    mapping *m = target;
    if (m->header_count == MAPPING_COLUMNS_MAX)
        return form_fail(f, MUSTER_ELIMIT, "too_many", false,
                         "at most %u columns", MAPPING_COLUMNS_MAX);
    return map_read_name(f, v, MAPPING_NAME_BYTES_MAX,
                         &m->header[m->header_count++]);
}

static int read_columns(json_form *f, const json_value *v, void *target)
{
    mapping *m = target;
    if (!m->is_csv)
        return map_fail(f, "only CSV has columns");
    if (json_typeof(v) != JSON_ARRAY || json_count(v) == 0)
        return form_wrong_type(f, v, "an array of names");
    m->header = map_keep(f, json_count(v) * sizeof *m->header);
    return form_read_each(f, v, add_header, m);
}

static int read_each(json_form *f, const json_value *v, void *target)
{
    mapping *m = target;
    if (m->is_csv)
        return map_fail(f, "only JSON has documents with rows in them");
    m->has_each = true;
    return map_path_read(f, v, &m->each);
}

static int read_provider(json_form *f, const json_value *v, void *target)
{
    mapping *m = target;
    muster_text name;
    const int rc = form_read_text(f, v, &name);
    if (rc != 0)
        return rc;
    if (!catalog_is_provider_name(name))
        return map_fail(f,
                        "a provider's name is lower-case letters, digits, "
                        "`_`, `.` and `-`, up to %u bytes",
                        MUSTER_NAME_BYTES_MAX);
    m->provider = arena_strndup(&m->memory, name.ptr, name.len);
    return 0;
}

static int read_ttl(json_form *f, const json_value *v, void *target)
{
    mapping *m = target;
    uint32_t hours = 0;
    const int rc = form_read_text(f, v, &m->ttl);
    if (rc != 0)
        return rc;
    if (!text_parse_duration(m->ttl, &hours))
        return map_fail(f, "a ttl is like 30d, 12h, 4w, or 0 for never");
    m->ttl = map_keep_text(f, m->ttl);
    return 0;
}

static int read_zone(json_form *f, const json_value *v, void *target)
{
    mapping *m = target;
    return map_read_zone(f, v, &m->zone);
}

static int read_blank(json_form *f, const json_value *v, void *target)
{
    mapping *m = target;
    return map_read_words(f, v, &m->blank);
}

/* ---- fields ---- */

static int read_field(json_form *f, muster_text name, const json_value *v)
{
    mapping *m = map_file_of(f)->map;
    if (!text_starts_with(name, text_of("p_")) || !record_shows(name))
        return form_fail(f, MUSTER_EINVAL, "bad_mapping", true,
                         "the name of a field begins with p_ and goes on "
                         "with lower-case letters, digits and `_`");
    for (size_t i = 0; i < m->field_count; i++)
        if (text_equal(m->fields[i].name, name))
            return form_fail(f, MUSTER_EINVAL, "duplicate_key", true,
                             "this key stands here twice");
    snprintf(map_file_of(f)->what, sizeof map_file_of(f)->what,
             "the field %.*s", (int)(name.len < 40 ? name.len : 40), name.ptr);
    map_field *field = &m->fields[m->field_count];
    const int rc = map_source_read(f, v, &field->source);
    /* Known from here on: a field may use those before it. */
    field->name = map_keep_text(f, name);
    m->field_count++;
    return rc;
}

static int read_fields(json_form *f, const json_value *v, void *target)
{
    mapping *m = target;
    if (json_typeof(v) != JSON_OBJECT)
        return form_wrong_type(f, v, "an object of fields");
    if (json_count(v) > MAPPING_FIELDS_MAX)
        return form_fail(f, MUSTER_ELIMIT, "too_many", false,
                         "a mapping has at most %u fields", MAPPING_FIELDS_MAX);
    m->fields = map_keep(f, (json_count(v) + 1) * sizeof *m->fields);
    map_file_of(f)->in_field = true;
    for (json_iter it = json_iter_of(v); json_next(&it);) {
        form_enter(f, it.key);
        const int rc = read_field(f, it.key, it.value);
        if (rc != 0)
            return rc;
        form_leave(f);
    }
    map_file_of(f)->in_field = false;
    return 0;
}

/* ---- drops ---- */

static int read_drop_if(json_form *f, const json_value *v, void *target)
{
    map_drop *d = target;
    return map_condition_read(f, v, &d->condition);
}

static bool is_reason(muster_text word)
{
    for (size_t i = 0; i < word.len; i++)
        if (word.ptr[i] != '_' && (word.ptr[i] < 'a' || word.ptr[i] > 'z') &&
            (word.ptr[i] < '0' || word.ptr[i] > '9'))
            return false;
    return word.len > 0 && word.len <= DROP_WORD_BYTES_MAX;
}

static int read_drop_reason(json_form *f, const json_value *v, void *target)
{
    map_drop *d = target;
    const int rc = form_read_text(f, v, &d->reason);
    if (rc != 0)
        return rc;
    if (!is_reason(d->reason))
        return map_fail(f,
                        "a reason is lower-case letters, digits and `_`, "
                        "up to %u bytes",
                        DROP_WORD_BYTES_MAX);
    d->reason = map_keep_text(f, d->reason);
    return 0;
}

static const form_member drop_members[] = {
    {"if", read_drop_if},
    {"reason", read_drop_reason},
    {"about", map_read_about},
};

static uint32_t drop_word_of(mapping *m, muster_text reason)
{
    for (size_t i = 0; i < m->drop_word_count; i++)
        if (text_is(reason, m->drop_words[i]))
            return (uint32_t)i;
    m->drop_words[m->drop_word_count] = reason.ptr;
    return (uint32_t)m->drop_word_count++;
}

static int add_drop(json_form *f, const json_value *v, void *target)
{
    mapping *m = target;
    if (m->drop_count == MAPPING_DROPS_MAX)
        return form_fail(f, MUSTER_ELIMIT, "too_many", false,
                         "a mapping has at most %u drops", MAPPING_DROPS_MAX);
    map_drop *d = &m->drops[m->drop_count++];
    snprintf(map_file_of(f)->what, sizeof map_file_of(f)->what, "drop %zu",
             m->drop_count);
    const int rc =
        form_read_object(f, v, drop_members, COUNT_OF(drop_members), d);
    if (rc != 0)
        return rc;
    if (json_get(v, "if") == NULL || d->reason.ptr == NULL)
        return map_fail(f, "a drop has an \"if\" and a \"reason\"");
    d->word = drop_word_of(m, d->reason);
    return 0;
}

static int read_drops(json_form *f, const json_value *v, void *target)
{
    mapping *m = target;
    if (json_typeof(v) != JSON_ARRAY)
        return form_wrong_type(f, v, "an array of drops");
    m->drops = map_keep(f, MAPPING_DROPS_MAX * sizeof *m->drops);
    return form_read_each(f, v, add_drop, m);
}

/* ---- the file ---- */

static int read_later(json_form *f, const json_value *v, void *target)
{
    (void)f;
    (void)v;
    (void)target;
    return 0;
}

/* All members: each is read in a pass of its own or in the first. */
#define FILE_MEMBERS(X)                                                        \
    X(0, "input", read_input)                                                  \
    X(1, "name", map_read_about)                                               \
    X(1, "about", map_read_about)                                              \
    X(1, "separator", read_separator)                                          \
    X(1, "columns", read_columns)                                              \
    X(1, "each", read_each)                                                    \
    X(1, "provider", read_provider)                                            \
    X(1, "ttl", read_ttl)                                                      \
    X(1, "zone", read_zone)                                                    \
    X(1, "blank", read_blank)                                                  \
    X(2, "fields", read_fields)                                                \
    X(3, "drop", read_drops)                                                   \
    X(3, "rules", map_rules_read)
#define PASSES 4

static int read_passes(map_file *file, const json_value *root)
{
    for (int pass = 0; pass < PASSES; pass++) {
#define MEMBER_ROW(number, key, read)                                          \
    {key, pass == (number) ? (read) : read_later},
        const form_member members[] = {FILE_MEMBERS(MEMBER_ROW)};
#undef MEMBER_ROW
        const int rc = form_read_object(&file->form, root, members,
                                        COUNT_OF(members), file->map);
        if (rc != 0)
            return rc;
        if (pass == 0 && json_get(root, "input") == NULL)
            return map_fail(&file->form, "the member \"input\" is missing: "
                                         "\"csv\" or \"json\"");
    }
    if (file->map->rule_count == 0)
        return map_fail(&file->form, "the member \"rules\" is missing or "
                                     "empty: nothing would come of a row");
    return 0;
}

/* Rules with one target, in the file's order, become one slot; slots go by
 * target, then as they first came. */
static void make_slots(mapping *m)
{
    m->slots = arena_zalloc(&m->memory, (m->rule_count + 1) * sizeof *m->slots);
    bool *done = mem_zalloc(m->rule_count);
    for (int target = 0; target < TARGET_COUNT; target++) {
        for (size_t i = 0; i < m->rule_count; i++) {
            const map_rule *first = &m->rules[i];
            if (done[i] || (int)first->target != target)
                continue;
            map_slot *slot = &m->slots[m->slot_count++];
            slot->target = first->target;
            slot->name = target == TARGET_EVENTS ? text_of("") : first->name;
            slot->rules = arena_alloc(&m->memory, (m->rule_count - i) *
                                                      sizeof *slot->rules);
            for (size_t j = i; j < m->rule_count; j++) {
                const map_rule *r = &m->rules[j];
                if ((int)r->target != target ||
                    (target != TARGET_EVENTS &&
                     !text_equal(r->name, slot->name)))
                    continue;
                slot->rules[slot->rule_count++] = r;
                done[j] = true;
            }
        }
    }
    mem_free(done);
}

static int check_ids(const map_file *file)
{
    if (file->map->slots[0].target == TARGET_IDS)
        return 0;
    return map_fail(&file->form, "no rule goes to an id, like \"to\": "
                                 "\"ids.customer\"; nobody would be meant");
}

int mapping_compile(mapping **out, const char *text, size_t len,
                    muster_error *err)
{
    ASSERT(out != NULL && (text != NULL || len == 0));
    json_doc *doc = NULL;
    *out = NULL;
    if (len > MAPPING_BYTES_MAX)
        return error_set(err, MUSTER_ELIMIT, "long_mapping",
                         "a mapping file has at most %zu bytes",
                         MAPPING_BYTES_MAX);
    int rc = json_parse(&doc, text, len, JSON_COMMENTS, err);
    if (rc != 0)
        return rc;
    mapping *m = mem_zalloc(sizeof *m);
    arena_init(&m->memory);
    map_file file = {.map = m, .form = {.text = {text, len}, .err = err}};
    file.form.owner = &file;
    rc = read_passes(&file, json_root(doc));
    if (rc == 0) {
        make_slots(m);
        rc = check_ids(&file);
    }
    json_free(doc);
    if (rc == 0)
        *out = m;
    else
        mapping_free(m);
    return rc;
}

void mapping_free(mapping *m)
{
    if (m == NULL)
        return;
    mem_free(m->columns);
    mem_free(m->needs);
    arena_release(&m->memory);
    mem_free(m);
}

bool mapping_is_csv(const mapping *m)
{
    return m->is_csv;
}

size_t mapping_rule_count(const mapping *m)
{
    return m->rule_count;
}

const char *mapping_drop_word(const mapping *m, size_t number)
{
    ASSERT(number < MAPPING_DROPS_MAX);
    return number < m->drop_word_count ? m->drop_words[number] : NULL;
}

/* ---- words ---- */

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

int word_compare(muster_text a, muster_text b)
{
    const size_t least = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < least; i++) {
        const unsigned char x = (unsigned char)fold(a.ptr[i]);
        const unsigned char y = (unsigned char)fold(b.ptr[i]);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool word_set_has(const word_set *s, muster_text word)
{
    size_t low = 0;
    size_t high = s->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = word_compare(s->words[middle], word);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
