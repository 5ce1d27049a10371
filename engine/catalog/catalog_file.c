/*
 * catalog_file.c - the file in which an operator declares attributes,
 * providers and id spaces (JSON; comments and trailing commas allowed).
 *
 *   {"mode": "lenient" | "strict",
 *    "providers":  {NAME: {"party": "first" | "second" | "third",
 *                          "ttl": DURATION}},
 *    "id_spaces":  {NAME: {}},
 *    "attributes": {NAME: {"kind": "flag" | "one_of" | "many_of" | "number"
 *                                  | "event",
 *                          "unit": TEXT (number; "date"),
 *                          "grain": "day" | "hour" (event),
 *                          "cap": 1..1000000 (event),
 *                          "amount": true | false (event),
 *                          "retention": DURATION (event),
 *                          "ttl": DURATION (all but event),
 *                          "taxonomy": NODES | {VALUE: NODES}}}}
 *
 * Every part may be left out. A key that is left out keeps what the catalog
 * has, or takes the default where the name is new; a `ttl` of null goes back
 * to the provider's, of "0" never expires.
 *
 * NODES is a node of the taxonomy that is loaded (its id or its path) or a
 * list of them: what the attribute, or a value of it, is mapped to from now
 * on. An empty list or null ends the mapping of the value; "taxonomy": null
 * ends all of the attribute's.
 *
 * The file is read whole into staged definitions and each is checked against
 * the catalog before the first is applied, so a refused file changes nothing
 * and an accepted one cannot fail half-way. A message begins with the JSON
 * pointer of what is wrong; the place in the text is found by place.c.
 *
 * To add a key: a row in one of the tables and a function that reads it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/internal.h"
#include "catalog/place.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* All attributes with all keys written out are 13 MB. */
#define FILE_BYTES_MAX ((size_t)16 << 20)
#define PATH_DEPTH_MAX 4
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

typedef struct staged_attribute {
    muster_text name;
    catalog_attribute def;
} staged_attribute;

typedef struct staged_provider {
    muster_text name;
    catalog_party party; /* 0 = missing */
    uint32_t ttl_hours;
} staged_provider;

/* The attribute may be one that the file brings, so it has a name here. */
typedef struct staged_mapping {
    muster_text attribute;
    taxonomy_edit edit;
} staged_mapping;

typedef struct catalog_file {
    catalog *c;
    arena memory;
    muster_text text;
    muster_error *err;
    muster_text path[PATH_DEPTH_MAX];
    size_t depth;

    bool has_mode;
    bool strict;
    staged_attribute *attributes;
    size_t attribute_count;
    size_t attribute_capacity;
    staged_provider *providers;
    size_t provider_count;
    size_t provider_capacity;
    muster_text *spaces;
    size_t space_count;
    size_t space_capacity;
    staged_mapping *mappings;
    size_t mapping_count;
    size_t mapping_capacity;
    size_t mapped; /* nodes in them */
} catalog_file;

#define KIND_BIT(kind) (1u << (kind))
#define KIND_ANY 0u
#define KIND_PROFILE                                                           \
    (KIND_BIT(KIND_FLAG) | KIND_BIT(KIND_ONE_OF) | KIND_BIT(KIND_MANY_OF) |    \
     KIND_BIT(KIND_NUMBER))

/* One key of an object. `kinds`: attribute kinds it applies to. */
typedef struct key_row {
    const char *key;
    int (*read)(catalog_file *f, const json_value *v, void *target);
    unsigned kinds;
} key_row;

/* ---- errors ---- */

/* "/attributes/demo.age/kind" */
static void put_pointer(buffer *b, const catalog_file *f)
{
    for (size_t i = 0; i < f->depth; i++) {
        buffer_put_u8(b, '/');
        const muster_text key = f->path[i];
        const size_t shown = key.len < 100 ? key.len : 100;
        for (size_t j = 0; j < shown; j++) {
            if (key.ptr[j] == '~')
                buffer_put_str(b, "~0");
            else if (key.ptr[j] == '/')
                buffer_put_str(b, "~1");
            else
                buffer_put_u8(b, (uint8_t)key.ptr[j]);
        }
    }
    buffer_put_str(b, f->depth == 0 ? "the file" : "");
}

/* An error at the member that f->path names: at its key, or at its value. */
__attribute__((format(printf, 5, 6))) static int
fail(const catalog_file *f, int code, const char *word, bool at_key,
     const char *format, ...)
{
    buffer message;
    buffer_init(&message, 4096);
    put_pointer(&message, f);
    buffer_put_str(&message, ": ");
    va_list args;
    va_start(args, format);
    buffer_vprintf(&message, format, args);
    va_end(args);
    error_set(f->err, code, word, "%s", buffer_cstr(&message));
    buffer_release(&message);
    text_place place;
    if (place_find(f->text, f->path, f->depth, at_key, &place)) {
        if (!at_key && f->depth == 0)
            place.length = 1;
        error_place(f->err, f->text.ptr, f->text.len, place.offset,
                    place.length);
    }
    return code;
}

static const char *type_name(const json_value *v)
{
    switch (json_typeof(v)) {
    case JSON_NULL:
        return "null";
    case JSON_BOOL:
        return "true or false";
    case JSON_INT:
    case JSON_NUMBER:
        return "a number";
    case JSON_STRING:
        return "a text";
    case JSON_ARRAY:
        return "an array";
    case JSON_OBJECT:
        return "an object";
    }
    return "something else";
}

static int wrong_type(const catalog_file *f, const json_value *v,
                      const char *expected)
{
    return fail(f, MUSTER_EINVAL, "wrong_type", false,
                "%s is expected, this is %s", expected, type_name(v));
}

/* A word that is none of a few: names them, suggests the nearest. */
static int wrong_word(const catalog_file *f, muster_text found,
                      const char *const *words, size_t count)
{
    buffer list;
    near_name near;
    buffer_init(&list, 256);
    near_init(&near, found);
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&list, "%s\"%s\"", i == 0 ? "" : ", ", words[i]);
        near_offer(&near, text_of(words[i]));
    }
    const int rc = fail(
        f, MUSTER_EINVAL, "wrong_value", false, "\"%.*s\" is not one of %s",
        (int)(found.len < 64 ? found.len : 64), found.ptr, buffer_cstr(&list));
    if (near.best.ptr != NULL)
        error_suggest(f->err, "did you mean \"%.*s\"?", (int)near.best.len,
                      near.best.ptr);
    buffer_release(&list);
    return rc;
}

static int unknown_key(const catalog_file *f, muster_text key,
                       const key_row *rows, size_t count)
{
    near_name near;
    near_init(&near, key);
    for (size_t i = 0; i < count; i++)
        near_offer(&near, text_of(rows[i].key));
    const int rc = fail(f, MUSTER_EINVAL, "unknown_key", true,
                        "there is no such key here");
    if (near.best.ptr != NULL)
        error_suggest(f->err, "did you mean \"%.*s\"?", (int)near.best.len,
                      near.best.ptr);
    return rc;
}

/* ---- walking ---- */

static void enter(catalog_file *f, muster_text key)
{
    ASSERT(f->depth < PATH_DEPTH_MAX);
    f->path[f->depth++] = key;
}

static void leave(catalog_file *f)
{
    ASSERT(f->depth > 0);
    f->depth--;
}

static int read_member(catalog_file *f, const key_row *rows, size_t count,
                       const json_value *v, unsigned *seen, void *target)
{
    ASSERT(f->depth > 0 && count < 32);
    const muster_text key = f->path[f->depth - 1];
    for (size_t i = 0; i < count; i++) {
        if (!text_is(key, rows[i].key))
            continue;
        if ((*seen & 1u << i) != 0)
            return fail(f, MUSTER_EINVAL, "duplicate_key", true,
                        "this key stands here twice");
        *seen |= 1u << i;
        return rows[i].read(f, v, target);
    }
    return unknown_key(f, key, rows, count);
}

/* An object whose keys are those of a table. */
static int read_object(catalog_file *f, const json_value *v,
                       const key_row *rows, size_t count, void *target)
{
    if (json_typeof(v) != JSON_OBJECT)
        return wrong_type(f, v, "an object");
    unsigned seen = 0;
    for (json_iter it = json_iter_of(v); json_next(&it);) {
        enter(f, it.key);
        const int rc = read_member(f, rows, count, it.value, &seen, target);
        if (rc != 0)
            return rc; /* the path stays for the message */
        leave(f);
    }
    return 0;
}

/* An object whose keys are names: each once. */
static int read_named(catalog_file *f, const json_value *v,
                      int (*read)(catalog_file *f, muster_text name,
                                  const json_value *v))
{
    if (json_typeof(v) != JSON_OBJECT)
        return wrong_type(f, v, "an object of names");
    names seen = {0};
    arena texts;
    arena_init(&texts);
    int rc = 0;
    for (json_iter it = json_iter_of(v); rc == 0 && json_next(&it);) {
        enter(f, it.key);
        if (names_find(&seen, f->c->seed, it.key) != NAMES_NONE)
            rc = fail(f, MUSTER_EINVAL, "duplicate_key", true,
                      "this name stands here twice");
        else
            rc = read(f, it.key, it.value);
        if (rc == 0) {
            names_add(&seen, &texts, f->c->seed, it.key);
            leave(f);
        }
    }
    names_release(&seen);
    arena_release(&texts);
    return rc;
}

/* ---- values ---- */

static int read_duration(const catalog_file *f, const json_value *v,
                         uint32_t *out_hours)
{
    if (json_typeof(v) != JSON_STRING)
        return wrong_type(f, v, "a duration such as \"30d\" or \"12h\"");
    if (text_parse_duration(json_string(v), out_hours))
        return 0;
    return fail(f, MUSTER_EINVAL, "bad_duration", false,
                "a duration is a number and h, d or w, such as \"30d\", at "
                "most 10000d");
}

static int read_ttl(const catalog_file *f, const json_value *v,
                    uint32_t *out_hours)
{
    if (json_typeof(v) != JSON_NULL)
        return read_duration(f, v, out_hours);
    *out_hours = CATALOG_TTL_UNSET;
    return 0;
}

/* ---- attributes ---- */

static int read_kind(catalog_file *f, const json_value *v, void *target)
{
    (void)f; /* read before the others, by kind_of */
    (void)v;
    (void)target;
    return 0;
}

static int read_unit(catalog_file *f, const json_value *v, void *target)
{
    staged_attribute *a = target;
    if (json_typeof(v) != JSON_STRING)
        return wrong_type(f, v, "a text");
    const muster_text unit = json_string(v);
    if (unit.len >= sizeof a->def.unit ||
        (unit.len != 0 && memchr(unit.ptr, '\0', unit.len) != NULL))
        return fail(f, MUSTER_EINVAL, "wrong_value", false,
                    "a unit has at most %zu bytes", sizeof a->def.unit - 1);
    memset(a->def.unit, 0, sizeof a->def.unit);
    if (unit.len != 0)
        memcpy(a->def.unit, unit.ptr, unit.len);
    a->def.unit_date = text_is(unit, "date");
    return 0;
}

static int read_grain(catalog_file *f, const json_value *v, void *target)
{
    static const char *const words[] = {"day", "hour"};
    staged_attribute *a = target;
    if (json_typeof(v) != JSON_STRING)
        return wrong_type(f, v, "\"day\" or \"hour\"");
    const muster_text word = json_string(v);
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (text_is(word, words[i])) {
            a->def.grain = i == 0 ? GRAIN_DAY : GRAIN_HOUR;
            return 0;
        }
    }
    return wrong_word(f, word, words, COUNT_OF(words));
}

static int read_cap(catalog_file *f, const json_value *v, void *target)
{
    staged_attribute *a = target;
    if (json_typeof(v) != JSON_INT)
        return wrong_type(f, v, "a whole number");
    const int64_t cap = json_int(v);
    if (cap < 1 || cap > MUSTER_COUNT_CAP_MAX)
        return fail(f, MUSTER_EINVAL, "wrong_value", false,
                    "a cap is a whole number from 1 to %u",
                    MUSTER_COUNT_CAP_MAX);
    a->def.cap = (uint32_t)cap;
    return 0;
}

static int read_amount(catalog_file *f, const json_value *v, void *target)
{
    staged_attribute *a = target;
    if (json_typeof(v) != JSON_BOOL)
        return wrong_type(f, v, "true or false");
    if (a->def.amount && !json_bool(v) &&
        catalog_attribute_find(f->c, a->name) != NULL)
        return fail(f, MUSTER_ECONFLICT, "amount_conflict", false,
                    "attribute `%.*s` carries amounts; that cannot be taken "
                    "back",
                    (int)a->name.len, a->name.ptr);
    a->def.amount = json_bool(v);
    return 0;
}

static int read_attribute_ttl(catalog_file *f, const json_value *v,
                              void *target)
{
    staged_attribute *a = target;
    return read_ttl(f, v, &a->def.ttl_hours);
}

static int read_retention(catalog_file *f, const json_value *v, void *target)
{
    staged_attribute *a = target;
    uint32_t hours = 0;
    const int rc = read_duration(f, v, &hours);
    if (rc != 0)
        return rc;
    if (hours == 0 || hours % 24 != 0 || hours / 24 > MUSTER_RETENTION_DAYS_MAX)
        return fail(f, MUSTER_EINVAL, "wrong_value", false,
                    "a retention is whole days from \"1d\" to \"%ud\"",
                    MUSTER_RETENTION_DAYS_MAX);
    a->def.retention_days = hours / 24;
    return 0;
}

/* ---- mappings to the taxonomy ---- */

static int read_node(catalog_file *f, const json_value *v, uint32_t *out)
{
    muster_error inner;
    error_clear(&inner);
    if (json_typeof(v) != JSON_STRING)
        return wrong_type(f, v, "a node, or a list of them");
    if (taxonomy_node_find(f->c, json_string(v), out, &inner) == 0)
        return 0;
    const int rc = fail(f, MUSTER_EINVAL, inner.word, false, "%s",
                        inner.message);
    if (inner.suggestion[0] != '\0')
        error_suggest(f->err, "did you mean \"%s\"?", inner.suggestion);
    return rc;
}

/* The nodes of a text or a list, or none of null, into the edit. */
static int read_nodes(catalog_file *f, const json_value *v, taxonomy_edit *e)
{
    const bool list = json_typeof(v) == JSON_ARRAY;
    const size_t count = list ? json_count(v)
                              : (size_t)(json_typeof(v) != JSON_NULL);
    if (count > MUSTER_TAXONOMY_MAPPINGS_MAX)
        return fail(f, MUSTER_ELIMIT, "too_many", false,
                    "there are at most %u mappings",
                    MUSTER_TAXONOMY_MAPPINGS_MAX);
    uint32_t *nodes = arena_zalloc(&f->memory, (count + 1) * sizeof *nodes);
    int rc = 0;
    e->nodes = nodes;
    if (!list && count == 1)
        rc = read_node(f, v, &nodes[e->count++]);
    for (json_iter it = json_iter_of(v); list && rc == 0 && json_next(&it);)
        rc = read_node(f, it.value, &nodes[e->count++]);
    f->mapped += e->count;
    return rc;
}

static void stage_mapping(catalog_file *f, muster_text attribute,
                          const taxonomy_edit *e)
{
    mem_grow(&f->mappings, &f->mapping_capacity, f->mapping_count + 1,
             sizeof *f->mappings);
    f->mappings[f->mapping_count++] = (staged_mapping){attribute, *e};
}

static int read_mapped_value(catalog_file *f, const staged_attribute *a,
                             muster_text value, const json_value *v)
{
    taxonomy_edit e = {.value = value};
    muster_error inner;
    error_clear(&inner);
    int rc = taxonomy_check_value(a->def.kind, value, &inner);
    if (rc != 0)
        return fail(f, rc, inner.word, true, "%s", inner.message);
    rc = read_nodes(f, v, &e);
    if (rc == 0)
        stage_mapping(f, a->name, &e);
    return rc;
}

static int read_taxonomy(catalog_file *f, const json_value *v, void *target)
{
    const staged_attribute *a = target;
    const json_type type = json_typeof(v);
    taxonomy_edit whole = {.clear = type == JSON_NULL};
    int rc = 0;
    if (catalog_taxonomy_get(f->c) == NULL && type != JSON_NULL)
        return fail(f, MUSTER_EINVAL, "no_taxonomy", true,
                    "no taxonomy is loaded");
    if (type != JSON_OBJECT) {
        rc = read_nodes(f, v, &whole);
        if (rc == 0 && catalog_taxonomy_get(f->c) != NULL)
            stage_mapping(f, a->name, &whole);
        return rc;
    }
    for (json_iter it = json_iter_of(v); rc == 0 && json_next(&it);) {
        enter(f, it.key);
        rc = read_mapped_value(f, a, it.key, it.value);
        if (rc == 0)
            leave(f);
    }
    return rc;
}

static const key_row attribute_keys[] = {
    {"kind", read_kind, KIND_ANY},
    {"unit", read_unit, KIND_BIT(KIND_NUMBER)},
    {"grain", read_grain, KIND_BIT(KIND_EVENT)},
    {"cap", read_cap, KIND_BIT(KIND_EVENT)},
    {"amount", read_amount, KIND_BIT(KIND_EVENT)},
    {"ttl", read_attribute_ttl, KIND_PROFILE},
    {"retention", read_retention, KIND_BIT(KIND_EVENT)},
    {"taxonomy", read_taxonomy, KIND_ANY},
};

/* The kind decides what the other keys may be, so it is looked up first. */
static int kind_of(catalog_file *f, const json_value *object,
                   attribute_kind *out)
{
    static const char *const words[] = {"flag", "one_of", "many_of", "number",
                                        "event"};
    const json_value *v = json_get(object, "kind");
    if (v == NULL)
        return fail(f, MUSTER_EINVAL, "missing_key", true,
                    "the key \"kind\" is missing");
    enter(f, text_of("kind"));
    if (json_typeof(v) != JSON_STRING)
        return wrong_type(f, v, "a kind such as \"one_of\"");
    *out = catalog_kind_parse(json_string(v));
    if (*out == 0)
        return wrong_word(f, json_string(v), words, COUNT_OF(words));
    leave(f);
    return 0;
}

static int check_key_kinds(catalog_file *f, const json_value *object,
                           attribute_kind kind)
{
    for (size_t i = 0; i < COUNT_OF(attribute_keys); i++) {
        const key_row *row = &attribute_keys[i];
        if (row->kinds == KIND_ANY || (row->kinds & KIND_BIT(kind)) != 0 ||
            json_get(object, row->key) == NULL)
            continue;
        enter(f, text_of(row->key));
        return fail(f, MUSTER_EINVAL, "misplaced_key", true,
                    "\"%s\" does not apply to an attribute of kind %s",
                    row->key, catalog_kind_name(kind));
    }
    return 0;
}

/* Against the catalog; the message gets the pointer of the key it is about. */
static int check_staged(catalog_file *f, const staged_attribute *a,
                        const json_value *object)
{
    muster_error inner;
    error_clear(&inner);
    const int rc = catalog_attribute_check(f->c, a->name, &a->def, &inner);
    if (rc == 0)
        return 0;
    const catalog_attribute *row = catalog_attribute_find(f->c, a->name);
    const char *key = NULL;
    if (strcmp(inner.word, "cap_conflict") == 0)
        key = "cap";
    else if (strcmp(inner.word, "kind_conflict") == 0)
        key = row->kind != a->def.kind ? "kind" : "grain";
    if (key != NULL && json_get(object, key) != NULL)
        enter(f, text_of(key));
    return fail(f, rc, inner.word, key == NULL, "%s", inner.message);
}

static int read_attribute(catalog_file *f, muster_text name,
                          const json_value *v)
{
    attribute_kind kind = KIND_FLAG;
    if (json_typeof(v) != JSON_OBJECT)
        return wrong_type(f, v, "an object");
    int rc = kind_of(f, v, &kind);
    if (rc == 0)
        rc = check_key_kinds(f, v, kind);
    if (rc != 0)
        return rc;
    const catalog_attribute *row = catalog_attribute_find(f->c, name);
    staged_attribute a = {.name = name};
    a.def = row != NULL && row->kind == kind ? *row
                                             : catalog_attribute_default(kind);
    a.def.declared = true;
    rc = read_object(f, v, attribute_keys, COUNT_OF(attribute_keys), &a);
    if (rc == 0)
        rc = check_staged(f, &a, v);
    if (rc != 0)
        return rc;
    mem_grow(&f->attributes, &f->attribute_capacity, f->attribute_count + 1,
             sizeof *f->attributes);
    f->attributes[f->attribute_count++] = a;
    return 0;
}

/* ---- providers and id spaces ---- */

static int read_party(catalog_file *f, const json_value *v, void *target)
{
    static const char *const words[] = {"first", "second", "third"};
    staged_provider *p = target;
    if (json_typeof(v) != JSON_STRING)
        return wrong_type(f, v, "\"first\", \"second\" or \"third\"");
    p->party = catalog_party_parse(json_string(v));
    return p->party != 0
               ? 0
               : wrong_word(f, json_string(v), words, COUNT_OF(words));
}

static int read_provider_ttl(catalog_file *f, const json_value *v, void *target)
{
    staged_provider *p = target;
    return read_ttl(f, v, &p->ttl_hours);
}

static const key_row provider_keys[] = {
    {"party", read_party, KIND_ANY},
    {"ttl", read_provider_ttl, KIND_ANY},
};

static int bad_name(const catalog_file *f)
{
    return fail(f, MUSTER_EINVAL, "bad_name", true,
                "a name begins with a lower-case letter or digit, then come "
                "these and _ . -, at most %u bytes",
                MUSTER_NAME_BYTES_MAX);
}

static int read_provider(catalog_file *f, muster_text name, const json_value *v)
{
    if (!catalog_is_provider_name(name))
        return bad_name(f);
    const catalog_provider *row = catalog_provider_find(f->c, name);
    staged_provider p = {
        .name = name,
        .party = row != NULL ? row->party : 0,
        .ttl_hours = row != NULL ? row->ttl_hours : CATALOG_TTL_UNSET,
    };
    const int rc =
        read_object(f, v, provider_keys, COUNT_OF(provider_keys), &p);
    if (rc != 0)
        return rc;
    if (p.party == 0)
        return fail(f, MUSTER_EINVAL, "missing_key", true,
                    "the key \"party\" is missing: \"first\", \"second\" or "
                    "\"third\"");
    mem_grow(&f->providers, &f->provider_capacity, f->provider_count + 1,
             sizeof *f->providers);
    f->providers[f->provider_count++] = p;
    return 0;
}

static int read_space(catalog_file *f, muster_text name, const json_value *v)
{
    if (!catalog_is_provider_name(name))
        return bad_name(f);
    const int rc = read_object(f, v, NULL, 0, NULL);
    if (rc != 0)
        return rc;
    mem_grow(&f->spaces, &f->space_capacity, f->space_count + 1,
             sizeof *f->spaces);
    f->spaces[f->space_count++] = name;
    return 0;
}

/* ---- the file ---- */

static int read_mode(catalog_file *f, const json_value *v, void *target)
{
    static const char *const words[] = {"lenient", "strict"};
    (void)target;
    if (json_typeof(v) != JSON_STRING)
        return wrong_type(f, v, "\"lenient\" or \"strict\"");
    const muster_text word = json_string(v);
    f->has_mode = true;
    f->strict = text_is(word, "strict");
    return f->strict || text_is(word, "lenient")
               ? 0
               : wrong_word(f, word, words, COUNT_OF(words));
}

static int read_attributes(catalog_file *f, const json_value *v, void *target)
{
    (void)target;
    return read_named(f, v, read_attribute);
}

static int read_providers(catalog_file *f, const json_value *v, void *target)
{
    (void)target;
    return read_named(f, v, read_provider);
}

static int read_spaces(catalog_file *f, const json_value *v, void *target)
{
    (void)target;
    return read_named(f, v, read_space);
}

static const key_row file_keys[] = {
    {"mode", read_mode, KIND_ANY},
    {"providers", read_providers, KIND_ANY},
    {"id_spaces", read_spaces, KIND_ANY},
    {"attributes", read_attributes, KIND_ANY},
};

static int too_many(catalog_file *f, const char *key, unsigned max)
{
    ASSERT(max > 0);
    f->depth = 0;
    enter(f, text_of(key));
    return fail(f, MUSTER_ELIMIT, "too_many", true,
                "with these there would be more than %u", max);
}

/* Each name alone fits; do all the new ones together? */
static int check_totals(catalog_file *f)
{
    size_t attributes = catalog_attribute_count(f->c);
    size_t providers = catalog_provider_count(f->c);
    size_t spaces = catalog_space_count(f->c);
    for (size_t i = 0; i < f->attribute_count; i++)
        attributes += !catalog_attribute_find(f->c, f->attributes[i].name);
    for (size_t i = 0; i < f->provider_count; i++)
        providers += !catalog_provider_find(f->c, f->providers[i].name);
    for (size_t i = 0; i < f->space_count; i++)
        spaces += !catalog_space_find(f->c, f->spaces[i]);
    if (attributes > MUSTER_ATTRIBUTES_MAX)
        return too_many(f, "attributes", MUSTER_ATTRIBUTES_MAX);
    if (providers > MUSTER_PROVIDERS_MAX)
        return too_many(f, "providers", MUSTER_PROVIDERS_MAX);
    if (spaces > MUSTER_SPACES_MAX)
        return too_many(f, "id_spaces", MUSTER_SPACES_MAX);
    const catalog_taxonomy *t = catalog_taxonomy_get(f->c);
    if (f->mapped > 0 &&
        f->mapped + t->mapping_count > MUSTER_TAXONOMY_MAPPINGS_MAX)
        return too_many(f, "attributes", MUSTER_TAXONOMY_MAPPINGS_MAX);
    return 0;
}

/* Behind the attributes, which have numbers then. */
static int apply_mappings(catalog_file *f)
{
    taxonomy_edit *edits =
        arena_zalloc(&f->memory, (f->mapping_count + 1) * sizeof *edits);
    for (size_t i = 0; i < f->mapping_count; i++) {
        edits[i] = f->mappings[i].edit;
        edits[i].attribute =
            catalog_attribute_find(f->c, f->mappings[i].attribute)->id;
    }
    return catalog_taxonomy_edit(f->c, edits, f->mapping_count, NULL);
}

/* All is checked: nothing can fail any more. */
static void apply_staged(catalog_file *f)
{
    int rc = 0;
    for (size_t i = 0; i < f->provider_count; i++) {
        const staged_provider *p = &f->providers[i];
        rc |= catalog_provider_put(f->c, p->name, p->party, p->ttl_hours, true,
                                   NULL, NULL);
    }
    for (size_t i = 0; i < f->space_count; i++)
        rc |= catalog_space_put(f->c, f->spaces[i], true, NULL, NULL);
    for (size_t i = 0; i < f->attribute_count; i++)
        rc |= catalog_attribute_put(f->c, f->attributes[i].name,
                                    &f->attributes[i].def, NULL, NULL);
    rc |= apply_mappings(f);
    if (f->has_mode)
        catalog_set_strict(f->c, f->strict);
    ASSERT(rc == 0);
}

int catalog_file_apply(catalog *c, const char *text, size_t len,
                       muster_error *err)
{
    ASSERT(c != NULL && (text != NULL || len == 0));
    if (len > FILE_BYTES_MAX)
        return error_set(err, MUSTER_ELIMIT, "long_file",
                         "a catalog file has at most %zu bytes",
                         FILE_BYTES_MAX);
    catalog_file f = {.c = c, .text = {text, len}, .err = err};
    json_doc *doc = NULL;
    int rc = json_parse(&doc, text, len, JSON_COMMENTS, err);
    if (rc != 0)
        return rc;
    arena_init(&f.memory);
    rc = read_object(&f, json_root(doc), file_keys, COUNT_OF(file_keys), NULL);
    if (rc == 0)
        rc = check_totals(&f);
    if (rc == 0)
        apply_staged(&f);
    mem_free(f.attributes);
    mem_free(f.providers);
    mem_free(f.spaces);
    mem_free(f.mappings);
    arena_release(&f.memory);
    json_free(doc);
    return rc;
}
