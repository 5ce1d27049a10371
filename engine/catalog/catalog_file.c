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
 * pointer of what is wrong; the place in the text is found by base/form.c.
 *
 * To add a key: a row in one of the tables and a function that reads it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/internal.h"

#include <string.h>

/* All attributes with all keys written out are 13 MB. */
#define FILE_BYTES_MAX ((size_t)16 << 20)
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
    json_form form;

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

static catalog_file *file_of(const json_form *f)
{
    return f->owner;
}

/* An object whose keys are names: each once. */
static int read_named(json_form *f, const json_value *v,
                      int (*read)(json_form *f, muster_text name,
                                  const json_value *v))
{
    if (json_typeof(v) != JSON_OBJECT)
        return form_wrong_type(f, v, "an object of names");
    names seen = {0};
    arena texts;
    arena_init(&texts);
    int rc = 0;
    for (json_iter it = json_iter_of(v); rc == 0 && json_next(&it);) {
        form_enter(f, it.key);
        if (names_find(&seen, file_of(f)->c->seed, it.key) != NAMES_NONE)
            rc = form_fail(f, MUSTER_EINVAL, "duplicate_key", true,
                           "this name stands here twice");
        else
            rc = read(f, it.key, it.value);
        if (rc == 0) {
            names_add(&seen, &texts, file_of(f)->c->seed, it.key);
            form_leave(f);
        }
    }
    names_release(&seen);
    arena_release(&texts);
    return rc;
}

/* ---- values ---- */

static int read_duration(const json_form *f, const json_value *v,
                         uint32_t *out_hours)
{
    if (json_typeof(v) != JSON_STRING)
        return form_wrong_type(f, v, "a duration such as \"30d\" or \"12h\"");
    if (text_parse_duration(json_string(v), out_hours))
        return 0;
    return form_fail(
        f, MUSTER_EINVAL, "bad_duration", false,
        "a duration is a number and h, d or w, such as \"30d\", at "
        "most 10000d");
}

static int read_ttl(const json_form *f, const json_value *v,
                    uint32_t *out_hours)
{
    if (json_typeof(v) != JSON_NULL)
        return read_duration(f, v, out_hours);
    *out_hours = CATALOG_TTL_UNSET;
    return 0;
}

/* ---- attributes ---- */

static int read_kind(json_form *f, const json_value *v, void *target)
{
    (void)f; /* read before the others, by kind_of */
    (void)v;
    (void)target;
    return 0;
}

static int read_unit(json_form *f, const json_value *v, void *target)
{
    staged_attribute *a = target;
    if (json_typeof(v) != JSON_STRING)
        return form_wrong_type(f, v, "a text");
    const muster_text unit = json_string(v);
    if (unit.len >= sizeof a->def.unit ||
        (unit.len != 0 && memchr(unit.ptr, '\0', unit.len) != NULL))
        return form_fail(f, MUSTER_EINVAL, "wrong_value", false,
                         "a unit has at most %zu bytes",
                         sizeof a->def.unit - 1);
    memset(a->def.unit, 0, sizeof a->def.unit);
    if (unit.len != 0)
        memcpy(a->def.unit, unit.ptr, unit.len);
    a->def.unit_date = text_is(unit, "date");
    return 0;
}

static int read_grain(json_form *f, const json_value *v, void *target)
{
    static const char *const words[] = {"day", "hour"};
    staged_attribute *a = target;
    size_t word = 0;
    const int rc = form_read_word(f, v, words, COUNT_OF(words), &word);
    if (rc == 0)
        a->def.grain = word == 0 ? GRAIN_DAY : GRAIN_HOUR;
    return rc;
}

static int read_cap(json_form *f, const json_value *v, void *target)
{
    staged_attribute *a = target;
    if (json_typeof(v) != JSON_INT)
        return form_wrong_type(f, v, "a whole number");
    const int64_t cap = json_int(v);
    if (cap < 1 || cap > MUSTER_COUNT_CAP_MAX)
        return form_fail(f, MUSTER_EINVAL, "wrong_value", false,
                         "a cap is a whole number from 1 to %u",
                         MUSTER_COUNT_CAP_MAX);
    a->def.cap = (uint32_t)cap;
    return 0;
}

static int read_amount(json_form *f, const json_value *v, void *target)
{
    staged_attribute *a = target;
    if (json_typeof(v) != JSON_BOOL)
        return form_wrong_type(f, v, "true or false");
    if (a->def.amount && !json_bool(v) &&
        catalog_attribute_find(file_of(f)->c, a->name) != NULL)
        return form_fail(
            f, MUSTER_ECONFLICT, "amount_conflict", false,
            "attribute `%.*s` carries amounts; that cannot be taken "
            "back",
            (int)a->name.len, a->name.ptr);
    a->def.amount = json_bool(v);
    return 0;
}

static int read_attribute_ttl(json_form *f, const json_value *v, void *target)
{
    staged_attribute *a = target;
    return read_ttl(f, v, &a->def.ttl_hours);
}

static int read_retention(json_form *f, const json_value *v, void *target)
{
    staged_attribute *a = target;
    uint32_t hours = 0;
    const int rc = read_duration(f, v, &hours);
    if (rc != 0)
        return rc;
    if (hours == 0 || hours % 24 != 0 || hours / 24 > MUSTER_RETENTION_DAYS_MAX)
        return form_fail(f, MUSTER_EINVAL, "wrong_value", false,
                         "a retention is whole days from \"1d\" to \"%ud\"",
                         MUSTER_RETENTION_DAYS_MAX);
    a->def.retention_days = hours / 24;
    return 0;
}

/* ---- mappings to the taxonomy ---- */

static int read_node(json_form *f, const json_value *v, uint32_t *out)
{
    muster_error inner;
    error_clear(&inner);
    if (json_typeof(v) != JSON_STRING)
        return form_wrong_type(f, v, "a node, or a list of them");
    if (taxonomy_node_find(file_of(f)->c, json_string(v), out, &inner) == 0)
        return 0;
    const int rc = form_fail(f, MUSTER_EINVAL, inner.word, false, "%s",
                             inner.message);
    if (inner.suggestion[0] != '\0')
        error_suggest(f->err, "%s", inner.suggestion);
    return rc;
}

/* The nodes of a text or a list, or none of null, into the edit. */
static int read_nodes(json_form *f, const json_value *v, taxonomy_edit *e)
{
    const bool list = json_typeof(v) == JSON_ARRAY;
    const size_t count = list ? json_count(v)
                              : (size_t)(json_typeof(v) != JSON_NULL);
    if (count > MUSTER_TAXONOMY_MAPPINGS_MAX)
        return form_fail(f, MUSTER_ELIMIT, "too_many", false,
                         "there are at most %u mappings",
                         MUSTER_TAXONOMY_MAPPINGS_MAX);
    uint32_t *nodes =
        arena_zalloc(&file_of(f)->memory, (count + 1) * sizeof *nodes);
    int rc = 0;
    e->nodes = nodes;
    if (!list && count == 1)
        rc = read_node(f, v, &nodes[e->count++]);
    for (json_iter it = json_iter_of(v); list && rc == 0 && json_next(&it);)
        rc = read_node(f, it.value, &nodes[e->count++]);
    file_of(f)->mapped += e->count;
    return rc;
}

static void stage_mapping(json_form *form, muster_text attribute,
                          const taxonomy_edit *e)
{
    catalog_file *f = file_of(form);
    mem_grow(&f->mappings, &f->mapping_capacity, f->mapping_count + 1,
             sizeof *f->mappings);
    f->mappings[f->mapping_count++] = (staged_mapping){attribute, *e};
}

static int read_mapped_value(json_form *f, const staged_attribute *a,
                             muster_text value, const json_value *v)
{
    taxonomy_edit e = {.value = value};
    muster_error inner;
    error_clear(&inner);
    int rc = taxonomy_check_value(a->def.kind, value, &inner);
    if (rc != 0)
        return form_fail(f, rc, inner.word, true, "%s", inner.message);
    rc = read_nodes(f, v, &e);
    if (rc == 0)
        stage_mapping(f, a->name, &e);
    return rc;
}

static int read_taxonomy(json_form *f, const json_value *v, void *target)
{
    const staged_attribute *a = target;
    const json_type type = json_typeof(v);
    taxonomy_edit whole = {.clear = type == JSON_NULL};
    int rc = 0;
    if (catalog_taxonomy_get(file_of(f)->c) == NULL && type != JSON_NULL)
        return form_fail(f, MUSTER_EINVAL, "no_taxonomy", true,
                         "no taxonomy is loaded");
    if (type != JSON_OBJECT) {
        rc = read_nodes(f, v, &whole);
        if (rc == 0 && catalog_taxonomy_get(file_of(f)->c) != NULL)
            stage_mapping(f, a->name, &whole);
        return rc;
    }
    for (json_iter it = json_iter_of(v); rc == 0 && json_next(&it);) {
        form_enter(f, it.key);
        rc = read_mapped_value(f, a, it.key, it.value);
        if (rc == 0)
            form_leave(f);
    }
    return rc;
}

static const form_member attribute_keys[] = {
    {"kind", read_kind},           {"unit", read_unit},
    {"grain", read_grain},         {"cap", read_cap},
    {"amount", read_amount},       {"ttl", read_attribute_ttl},
    {"retention", read_retention}, {"taxonomy", read_taxonomy},
};

/* Attribute kinds that each key applies to. */
static const unsigned attribute_kinds[COUNT_OF(attribute_keys)] = {
    KIND_ANY,
    KIND_BIT(KIND_NUMBER),
    KIND_BIT(KIND_EVENT),
    KIND_BIT(KIND_EVENT),
    KIND_BIT(KIND_EVENT),
    KIND_PROFILE,
    KIND_BIT(KIND_EVENT),
    KIND_ANY,
};

/* The kind decides what the other keys may be, so it is looked up first. */
static int kind_of(json_form *f, const json_value *object, attribute_kind *out)
{
    static const char *const words[] = {"flag", "one_of", "many_of", "number",
                                        "event"};
    const json_value *v = json_get(object, "kind");
    if (v == NULL)
        return form_fail(f, MUSTER_EINVAL, "missing_key", true,
                         "the key \"kind\" is missing");
    form_enter(f, text_of("kind"));
    if (json_typeof(v) != JSON_STRING)
        return form_wrong_type(f, v, "a kind such as \"one_of\"");
    *out = catalog_kind_parse(json_string(v));
    if (*out == 0)
        return form_wrong_word(f, json_string(v), words, COUNT_OF(words));
    form_leave(f);
    return 0;
}

static int check_key_kinds(json_form *f, const json_value *object,
                           attribute_kind kind)
{
    for (size_t i = 0; i < COUNT_OF(attribute_keys); i++) {
        const char *key = attribute_keys[i].key;
        const unsigned kinds = attribute_kinds[i];
        if (kinds == KIND_ANY || (kinds & KIND_BIT(kind)) != 0 ||
            json_get(object, key) == NULL)
            continue;
        form_enter(f, text_of(key));
        return form_fail(f, MUSTER_EINVAL, "misplaced_key", true,
                         "\"%s\" does not apply to an attribute of kind %s",
                         key, catalog_kind_name(kind));
    }
    return 0;
}

/* Against the catalog; the message gets the pointer of the key it is about. */
static int check_staged(json_form *f, const staged_attribute *a,
                        const json_value *object)
{
    muster_error inner;
    error_clear(&inner);
    const int rc =
        catalog_attribute_check(file_of(f)->c, a->name, &a->def, &inner);
    if (rc == 0)
        return 0;
    const catalog_attribute *row =
        catalog_attribute_find(file_of(f)->c, a->name);
    const char *key = NULL;
    if (strcmp(inner.word, "cap_conflict") == 0)
        key = "cap";
    else if (strcmp(inner.word, "kind_conflict") == 0)
        key = row->kind != a->def.kind ? "kind" : "grain";
    if (key != NULL && json_get(object, key) != NULL)
        form_enter(f, text_of(key));
    return form_fail(f, rc, inner.word, key == NULL, "%s", inner.message);
}

static int read_attribute(json_form *f, muster_text name, const json_value *v)
{
    attribute_kind kind = KIND_FLAG;
    if (json_typeof(v) != JSON_OBJECT)
        return form_wrong_type(f, v, "an object");
    int rc = kind_of(f, v, &kind);
    if (rc == 0)
        rc = check_key_kinds(f, v, kind);
    if (rc != 0)
        return rc;
    const catalog_attribute *row = catalog_attribute_find(file_of(f)->c, name);
    staged_attribute a = {.name = name};
    a.def = row != NULL && row->kind == kind ? *row
                                             : catalog_attribute_default(kind);
    a.def.declared = true;
    rc = form_read_object(f, v, attribute_keys, COUNT_OF(attribute_keys), &a);
    if (rc == 0)
        rc = check_staged(f, &a, v);
    if (rc != 0)
        return rc;
    catalog_file *file = file_of(f);
    mem_grow(&file->attributes, &file->attribute_capacity,
             file->attribute_count + 1, sizeof *file->attributes);
    file->attributes[file->attribute_count++] = a;
    return 0;
}

/* ---- providers and id spaces ---- */

static int read_party(json_form *f, const json_value *v, void *target)
{
    static const char *const words[] = {"first", "second", "third"};
    staged_provider *p = target;
    if (json_typeof(v) != JSON_STRING)
        return form_wrong_type(f, v, "\"first\", \"second\" or \"third\"");
    p->party = catalog_party_parse(json_string(v));
    return p->party != 0
               ? 0
               : form_wrong_word(f, json_string(v), words, COUNT_OF(words));
}

static int read_provider_ttl(json_form *f, const json_value *v, void *target)
{
    staged_provider *p = target;
    return read_ttl(f, v, &p->ttl_hours);
}

static const form_member provider_keys[] = {
    {"party", read_party},
    {"ttl", read_provider_ttl},
};

static int bad_name(const json_form *f)
{
    return form_fail(
        f, MUSTER_EINVAL, "bad_name", true,
        "a name begins with a lower-case letter or digit, then come "
        "these and _ . -, at most %u bytes",
        MUSTER_NAME_BYTES_MAX);
}

static int read_provider(json_form *f, muster_text name, const json_value *v)
{
    if (!catalog_is_provider_name(name))
        return bad_name(f);
    const catalog_provider *row = catalog_provider_find(file_of(f)->c, name);
    staged_provider p = {
        .name = name,
        .party = row != NULL ? row->party : 0,
        .ttl_hours = row != NULL ? row->ttl_hours : CATALOG_TTL_UNSET,
    };
    const int rc =
        form_read_object(f, v, provider_keys, COUNT_OF(provider_keys), &p);
    if (rc != 0)
        return rc;
    if (p.party == 0)
        return form_fail(
            f, MUSTER_EINVAL, "missing_key", true,
            "the key \"party\" is missing: \"first\", \"second\" or "
            "\"third\"");
    catalog_file *file = file_of(f);
    mem_grow(&file->providers, &file->provider_capacity,
             file->provider_count + 1, sizeof *file->providers);
    file->providers[file->provider_count++] = p;
    return 0;
}

static int read_space(json_form *f, muster_text name, const json_value *v)
{
    if (!catalog_is_provider_name(name))
        return bad_name(f);
    const int rc = form_read_object(f, v, NULL, 0, NULL);
    if (rc != 0)
        return rc;
    catalog_file *file = file_of(f);
    mem_grow(&file->spaces, &file->space_capacity, file->space_count + 1,
             sizeof *file->spaces);
    file->spaces[file->space_count++] = name;
    return 0;
}

/* ---- the file ---- */

static int read_mode(json_form *f, const json_value *v, void *target)
{
    static const char *const words[] = {"lenient", "strict"};
    size_t word = 0;
    (void)target;
    const int rc = form_read_word(f, v, words, COUNT_OF(words), &word);
    if (rc != 0)
        return rc;
    file_of(f)->has_mode = true;
    file_of(f)->strict = word == 1;
    return 0;
}

static int read_attributes(json_form *f, const json_value *v, void *target)
{
    (void)target;
    return read_named(f, v, read_attribute);
}

static int read_providers(json_form *f, const json_value *v, void *target)
{
    (void)target;
    return read_named(f, v, read_provider);
}

static int read_spaces(json_form *f, const json_value *v, void *target)
{
    (void)target;
    return read_named(f, v, read_space);
}

static const form_member file_keys[] = {
    {"mode", read_mode},
    {"providers", read_providers},
    {"id_spaces", read_spaces},
    {"attributes", read_attributes},
};

static int too_many(catalog_file *f, const char *key, unsigned max)
{
    ASSERT(max > 0);
    f->form.depth = 0;
    form_enter(&f->form, text_of(key));
    return form_fail(&f->form, MUSTER_ELIMIT, "too_many", true,
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
    catalog_file f = {.c = c, .form = {.text = {text, len}, .err = err}};
    f.form.owner = &f;
    json_doc *doc = NULL;
    int rc = json_parse(&doc, text, len, JSON_COMMENTS, err);
    if (rc != 0)
        return rc;
    arena_init(&f.memory);
    rc = form_read_object(&f.form, json_root(doc), file_keys,
                          COUNT_OF(file_keys), NULL);
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
