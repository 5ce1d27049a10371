/*
 * catalog.c - attributes, values, providers and id spaces in memory.
 *
 * Rows are allocated one by one in the catalog's arena and never move, so a
 * borrowed row stays good while others are added; a change of a definition is
 * written into the row. All texts share the arena; each table of names holds
 * numbers (names.c).
 *
 * Definitions come from two sides. What an operator declares may change TTL,
 * unit and retention at any time, may begin to count amounts, but never the
 * kind, the grain or the cap of an attribute: stored planes depend on them.
 * What is inferred from records is a guess: against a declared attribute
 * only its kind has to agree, and nothing of the declaration is lost. In both
 * cases `amount` and `declared` only ever rise, so the order in which parallel
 * parsers saw the records does not matter.
 *
 * A put that changes nothing is no change: the version stays and nobody is
 * told. So applying the same file or the same log twice is harmless.
 *
 * Threads: one writer; readers only while nobody writes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/internal.h"

#include <string.h>

/* ---- names for people and files ---- */

typedef struct word_row {
    int value;
    const char *word;
} word_row;

static const word_row kind_words[] = {
    {KIND_FLAG, "flag"},     {KIND_ONE_OF, "one_of"}, {KIND_MANY_OF, "many_of"},
    {KIND_NUMBER, "number"}, {KIND_EVENT, "event"},
};

static const word_row party_words[] = {
    {PARTY_FIRST, "first"},
    {PARTY_SECOND, "second"},
    {PARTY_THIRD, "third"},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *word_of(const word_row *rows, size_t count, int value)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].value == value)
            return rows[i].word;
    return "unknown";
}

static int value_of(const word_row *rows, size_t count, muster_text word)
{
    for (size_t i = 0; i < count; i++)
        if (text_is(word, rows[i].word))
            return rows[i].value;
    return 0;
}

const char *catalog_kind_name(attribute_kind kind)
{
    return word_of(kind_words, COUNT_OF(kind_words), (int)kind);
}

attribute_kind catalog_kind_parse(muster_text name)
{
    return (attribute_kind)value_of(kind_words, COUNT_OF(kind_words), name);
}

const char *catalog_party_name(catalog_party party)
{
    return word_of(party_words, COUNT_OF(party_words), (int)party);
}

catalog_party catalog_party_parse(muster_text name)
{
    return (catalog_party)value_of(party_words, COUNT_OF(party_words), name);
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool catalog_is_attribute_name(muster_text name)
{
    if (name.len == 0 || name.len > MUSTER_NAME_BYTES_MAX)
        return false;
    bool first = true; /* of a part */
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        if (first ? !is_lower(c)
                  : !is_lower(c) && !is_digit(c) && c != '_' && c != '.')
            return false;
        first = c == '.';
    }
    return !first;
}

bool catalog_is_provider_name(muster_text name)
{
    if (name.len == 0 || name.len > MUSTER_NAME_BYTES_MAX)
        return false;
    if (!is_lower(name.ptr[0]) && !is_digit(name.ptr[0]))
        return false;
    for (size_t i = 1; i < name.len; i++) {
        const char c = name.ptr[i];
        if (!is_lower(c) && !is_digit(c) && c != '_' && c != '.' && c != '-')
            return false;
    }
    return true;
}

static int bad_name(muster_error *err, const char *what, muster_text name,
                    const char *form)
{
    const size_t shown = name.len < 64 ? name.len : 64;
    return error_set(err, MUSTER_EINVAL, "bad_name",
                     "`%.*s` is no name of %s: %s, at most %u bytes",
                     (int)shown, name.ptr, what, form, MUSTER_NAME_BYTES_MAX);
}

static int bad_provider_name(muster_error *err, const char *what,
                             muster_text name)
{
    return bad_name(err, what, name,
                    "a lower-case letter or digit, then these and _ . -");
}

/* ---- life ---- */

catalog *catalog_new(void)
{
    static const char *const builtin[] = {
        "cookie", "gaid", "idfa", "ctv", "email_sha256", "customer",
    };
    catalog *c = mem_zalloc(sizeof *c);
    arena_init(&c->texts);
    c->seed = hash_mix(clock_monotonic_ns() ^ (uint64_t)(uintptr_t)c);
    for (size_t i = 0; i < COUNT_OF(builtin); i++)
        catalog_space_append(c, text_of(builtin[i]), true);
    const catalog_provider def = {
        .party = PARTY_FIRST,
        .ttl_hours = CATALOG_TTL_UNSET,
    };
    catalog_provider_append(c, text_of("default"), &def);
    c->builtin_spaces = c->space_names.count;
    c->builtin_providers = c->provider_names.count;
    return c;
}

void catalog_free(catalog *c)
{
    if (c == NULL)
        return;
    for (uint32_t i = 0; i < c->attribute_names.count; i++)
        names_release(&c->values[i]);
    mem_free(c->values);
    names_release(&c->attribute_names);
    names_release(&c->provider_names);
    names_release(&c->space_names);
    mem_free(c->attributes);
    mem_free(c->providers);
    mem_free(c->spaces);
    arena_release(&c->texts);
    mem_free(c);
}

bool catalog_strict(const catalog *c)
{
    return c->strict;
}

void catalog_set_strict(catalog *c, bool strict)
{
    if (c->strict == strict)
        return;
    c->strict = strict;
    c->version++;
    if (c->watcher.mode != NULL)
        c->watcher.mode(c->watcher.payload, strict);
}

uint64_t catalog_version(const catalog *c)
{
    return c->version;
}

void catalog_watch(catalog *c, const catalog_watcher *watcher)
{
    ASSERT(c != NULL);
    c->watcher = watcher != NULL ? *watcher : (catalog_watcher){0};
}

/* ---- attributes ---- */

const catalog_attribute *catalog_attribute_find(const catalog *c,
                                                muster_text name)
{
    const uint32_t i = names_find(&c->attribute_names, c->seed, name);
    return i == NAMES_NONE ? NULL : c->attributes[i];
}

const catalog_attribute *catalog_attribute_get(const catalog *c, uint32_t id)
{
    if (id < CATALOG_ATTRIBUTE_FIRST)
        return NULL;
    const uint32_t i = id - CATALOG_ATTRIBUTE_FIRST;
    return i < c->attribute_names.count ? c->attributes[i] : NULL;
}

size_t catalog_attribute_count(const catalog *c)
{
    return c->attribute_names.count;
}

const catalog_attribute *catalog_attribute_at(const catalog *c, size_t i)
{
    ASSERT(i < c->attribute_names.count);
    return c->attributes[i];
}

catalog_attribute catalog_attribute_default(attribute_kind kind)
{
    catalog_attribute def = {.kind = kind, .ttl_hours = CATALOG_TTL_UNSET};
    if (kind == KIND_EVENT) {
        def.grain = GRAIN_DAY;
        def.cap = MUSTER_COUNT_CAP_DEFAULT;
        def.retention_days = MUSTER_RETENTION_DAYS_DEFAULT;
    }
    return def;
}

static bool is_ttl(uint32_t hours)
{
    return hours <= CATALOG_TTL_HOURS_MAX || hours == CATALOG_TTL_UNSET;
}

static int bad_definition(muster_error *err, muster_text name, const char *what)
{
    return error_set(err, MUSTER_EINVAL, "bad_definition",
                     "attribute `%.*s`: %s", (int)name.len, name.ptr, what);
}

int catalog_definition_check(muster_text name, const catalog_attribute *def,
                             muster_error *err)
{
    ASSERT(def != NULL);
    if (!catalog_is_attribute_name(name))
        return bad_name(err, "an attribute", name,
                        "parts of a-z 0-9 _ joined by dots, each beginning "
                        "with a letter");
    if (def->kind < KIND_FLAG || def->kind > KIND_EVENT)
        return bad_definition(err, name, "unknown kind");
    if (!is_ttl(def->ttl_hours))
        return bad_definition(err, name, "the ttl is above 10000d");
    if (memchr(def->unit, '\0', sizeof def->unit) == NULL)
        return bad_definition(err, name, "the unit has more than 31 bytes");
    if (def->kind != KIND_EVENT)
        return 0;
    if (def->grain != GRAIN_DAY && def->grain != GRAIN_HOUR)
        return bad_definition(err, name, "unknown grain");
    if (def->cap < 1 || def->cap > MUSTER_COUNT_CAP_MAX)
        return bad_definition(err, name, "the cap is not in 1..1000000");
    if (def->retention_days < 1 ||
        def->retention_days > MUSTER_RETENTION_DAYS_MAX)
        return bad_definition(err, name, "the retention is not in 1d..10000d");
    return 0;
}

/* Only what belongs to the kind; the rest has one fixed value. */
static catalog_attribute tidy_definition(const catalog_attribute *def)
{
    catalog_attribute tidy = catalog_attribute_default(def->kind);
    tidy.declared = def->declared;
    if (def->kind == KIND_EVENT) {
        tidy.grain = def->grain;
        tidy.cap = def->cap;
        tidy.amount = def->amount;
        tidy.retention_days = def->retention_days;
        return tidy;
    }
    tidy.ttl_hours = def->ttl_hours;
    if (def->kind == KIND_NUMBER) {
        tidy.unit_date = def->unit_date;
        memcpy(tidy.unit, def->unit, sizeof tidy.unit);
        if (def->unit_date && def->unit[0] == '\0')
            memcpy(tidy.unit, "date", sizeof "date");
    }
    return tidy;
}

static bool is_guess(const catalog_attribute *row, const catalog_attribute *def)
{
    return row->declared && !def->declared;
}

static int check_change(const catalog_attribute *row,
                        const catalog_attribute *def, muster_error *err)
{
    if (row->kind != def->kind)
        return error_set(err, MUSTER_ECONFLICT, "kind_conflict",
                         "attribute `%s` is of kind %s; it cannot become %s",
                         row->name, catalog_kind_name(row->kind),
                         catalog_kind_name(def->kind));
    if (row->kind != KIND_EVENT || is_guess(row, def))
        return 0;
    if (row->grain != def->grain)
        return error_set(err, MUSTER_ECONFLICT, "kind_conflict",
                         "attribute `%s` is kept by the %s; its grain cannot "
                         "change",
                         row->name, row->grain == GRAIN_DAY ? "day" : "hour");
    if (row->cap != def->cap)
        return error_set(err, MUSTER_ECONFLICT, "cap_conflict",
                         "attribute `%s` counts up to %u; its cap cannot "
                         "change",
                         row->name, row->cap);
    return 0;
}

int catalog_attribute_check(const catalog *c, muster_text name,
                            const catalog_attribute *def, muster_error *err)
{
    const int rc = catalog_definition_check(name, def, err);
    if (rc != 0)
        return rc;
    const catalog_attribute *row = catalog_attribute_find(c, name);
    if (row != NULL)
        return check_change(row, def, err);
    if (c->attribute_names.count >= MUSTER_ATTRIBUTES_MAX)
        return error_set(err, MUSTER_ELIMIT, "too_many_attributes",
                         "there are %u attributes already; no more fit",
                         MUSTER_ATTRIBUTES_MAX);
    return 0;
}

catalog_attribute *catalog_attribute_append(catalog *c, muster_text name,
                                            const catalog_attribute *def)
{
    ASSERT(catalog_is_attribute_name(name));
    const uint32_t i = names_add(&c->attribute_names, &c->texts, c->seed, name);
    ASSERT(i < MUSTER_ATTRIBUTES_MAX);
    catalog_attribute *row = arena_alloc(&c->texts, sizeof *row);
    *row = tidy_definition(def);
    row->id = CATALOG_ATTRIBUTE_FIRST + i;
    row->name = arena_strndup(&c->texts, name.ptr, name.len);
    mem_grow(&c->attributes, &c->attribute_capacity, (size_t)i + 1,
             sizeof(catalog_attribute *));
    mem_grow(&c->values, &c->values_capacity, (size_t)i + 1, sizeof(names));
    c->attributes[i] = row;
    memset(&c->values[i], 0, sizeof c->values[i]);
    return row;
}

/* What the row becomes; true when that is something else. */
static bool merge_definition(catalog_attribute *row,
                             const catalog_attribute *def)
{
    catalog_attribute merged = *row;
    const catalog_attribute tidy = tidy_definition(def);
    merged.amount |= tidy.amount;
    merged.declared |= tidy.declared;
    if (!is_guess(row, def)) {
        merged.ttl_hours = tidy.ttl_hours;
        merged.retention_days = tidy.retention_days;
        merged.unit_date = tidy.unit_date;
        memcpy(merged.unit, tidy.unit, sizeof merged.unit);
    }
    const bool changed = merged.amount != row->amount ||
                         merged.declared != row->declared ||
                         merged.ttl_hours != row->ttl_hours ||
                         merged.retention_days != row->retention_days ||
                         merged.unit_date != row->unit_date ||
                         strcmp(merged.unit, row->unit) != 0;
    *row = merged;
    return changed;
}

int catalog_attribute_put(catalog *c, muster_text name,
                          const catalog_attribute *def,
                          const catalog_attribute **out, muster_error *err)
{
    ASSERT(c != NULL && def != NULL);
    const int rc = catalog_attribute_check(c, name, def, err);
    if (rc != 0)
        return rc;
    const uint32_t i = names_find(&c->attribute_names, c->seed, name);
    catalog_attribute *row = NULL;
    bool changed = true;
    if (i == NAMES_NONE) {
        row = catalog_attribute_append(c, name, def);
    } else {
        row = c->attributes[i];
        changed = merge_definition(row, def);
    }
    if (changed) {
        c->version++;
        if (c->watcher.attribute != NULL)
            c->watcher.attribute(c->watcher.payload, row);
    }
    if (out != NULL)
        *out = row;
    return 0;
}

/* ---- values ---- */

static names *values_of(const catalog *c, uint32_t attribute)
{
    ASSERT(attribute >= CATALOG_ATTRIBUTE_FIRST);
    const uint32_t i = attribute - CATALOG_ATTRIBUTE_FIRST;
    ASSERT(i < c->attribute_names.count);
    return &c->values[i];
}

uint32_t catalog_value_find(const catalog *c, uint32_t attribute,
                            muster_text text)
{
    const names *values = values_of(c, attribute);
    const uint32_t i = names_find(values, c->seed, text);
    return i == NAMES_NONE ? CATALOG_NONE : i + 1;
}

uint32_t catalog_value_intern(catalog *c, uint32_t attribute, muster_text text)
{
    names *values = values_of(c, attribute);
    ASSERT(text.len <= MUSTER_VALUE_BYTES_MAX);
    uint32_t i = names_find(values, c->seed, text);
    if (i != NAMES_NONE)
        return i + 1;
    if (values->count >= MUSTER_VALUES_MAX)
        return CATALOG_NONE;
    i = names_add(values, &c->texts, c->seed, text);
    c->version++;
    if (c->watcher.value != NULL)
        c->watcher.value(c->watcher.payload, attribute, i + 1,
                         names_text(values, i));
    return i + 1;
}

muster_text catalog_value_text(const catalog *c, uint32_t attribute,
                               uint32_t value)
{
    const names *values = values_of(c, attribute);
    ASSERT(value >= 1 && value <= values->count);
    return names_text(values, value - 1);
}

uint32_t catalog_value_count(const catalog *c, uint32_t attribute)
{
    return values_of(c, attribute)->count;
}

/* ---- providers ---- */

const catalog_provider *catalog_provider_find(const catalog *c,
                                              muster_text name)
{
    const uint32_t i = names_find(&c->provider_names, c->seed, name);
    return i == NAMES_NONE ? NULL : c->providers[i];
}

const catalog_provider *catalog_provider_get(const catalog *c, uint32_t id)
{
    return id < c->provider_names.count ? c->providers[id] : NULL;
}

size_t catalog_provider_count(const catalog *c)
{
    return c->provider_names.count;
}

catalog_provider *catalog_provider_append(catalog *c, muster_text name,
                                          const catalog_provider *def)
{
    const uint32_t i = names_add(&c->provider_names, &c->texts, c->seed, name);
    ASSERT(i < MUSTER_PROVIDERS_MAX);
    catalog_provider *row = arena_alloc(&c->texts, sizeof *row);
    *row = *def;
    row->id = i;
    row->name = arena_strndup(&c->texts, name.ptr, name.len);
    mem_grow(&c->providers, &c->provider_capacity, (size_t)i + 1,
             sizeof(catalog_provider *));
    c->providers[i] = row;
    return row;
}

static int check_provider(const catalog *c, muster_text name,
                          catalog_party party, uint32_t ttl_hours,
                          muster_error *err)
{
    if (!catalog_is_provider_name(name))
        return bad_provider_name(err, "a provider", name);
    if (party < PARTY_FIRST || party > PARTY_THIRD || !is_ttl(ttl_hours))
        return error_set(err, MUSTER_EINVAL, "bad_definition",
                         "provider `%.*s`: unknown party, or a ttl above "
                         "10000d",
                         (int)name.len, name.ptr);
    if (catalog_provider_find(c, name) == NULL &&
        c->provider_names.count >= MUSTER_PROVIDERS_MAX)
        return error_set(err, MUSTER_ELIMIT, "too_many_providers",
                         "there are %u providers already; no more fit",
                         MUSTER_PROVIDERS_MAX);
    return 0;
}

int catalog_provider_put(catalog *c, muster_text name, catalog_party party,
                         uint32_t ttl_hours, bool declared,
                         const catalog_provider **out, muster_error *err)
{
    ASSERT(c != NULL);
    const int rc = check_provider(c, name, party, ttl_hours, err);
    if (rc != 0)
        return rc;
    const catalog_provider def = {
        .party = party,
        .ttl_hours = ttl_hours,
        .declared = declared,
    };
    const uint32_t i = names_find(&c->provider_names, c->seed, name);
    catalog_provider *row = i == NAMES_NONE ? NULL : c->providers[i];
    bool changed = false;
    if (row == NULL) {
        row = catalog_provider_append(c, name, &def);
        changed = true;
    } else if (declared || !row->declared) { /* a guess changes nothing */
        changed = row->party != party || row->ttl_hours != ttl_hours ||
                  row->declared != declared;
        row->party = party;
        row->ttl_hours = ttl_hours;
        row->declared = declared;
    }
    if (changed) {
        c->version++;
        if (c->watcher.provider != NULL)
            c->watcher.provider(c->watcher.payload, row);
    }
    if (out != NULL)
        *out = row;
    return 0;
}

/* ---- id spaces ---- */

const catalog_space *catalog_space_find(const catalog *c, muster_text name)
{
    const uint32_t i = names_find(&c->space_names, c->seed, name);
    return i == NAMES_NONE ? NULL : c->spaces[i];
}

const catalog_space *catalog_space_get(const catalog *c, uint32_t id)
{
    return id < c->space_names.count ? c->spaces[id] : NULL;
}

size_t catalog_space_count(const catalog *c)
{
    return c->space_names.count;
}

catalog_space *catalog_space_append(catalog *c, muster_text name, bool declared)
{
    ASSERT(catalog_is_provider_name(name));
    const uint32_t i = names_add(&c->space_names, &c->texts, c->seed, name);
    ASSERT(i < MUSTER_SPACES_MAX);
    catalog_space *row = arena_alloc(&c->texts, sizeof *row);
    row->id = i;
    row->name = arena_strndup(&c->texts, name.ptr, name.len);
    row->declared = declared;
    mem_grow(&c->spaces, &c->space_capacity, (size_t)i + 1,
             sizeof(catalog_space *));
    c->spaces[i] = row;
    return row;
}

int catalog_space_put(catalog *c, muster_text name, bool declared,
                      const catalog_space **out, muster_error *err)
{
    ASSERT(c != NULL);
    if (!catalog_is_provider_name(name))
        return bad_provider_name(err, "an id space", name);
    const uint32_t i = names_find(&c->space_names, c->seed, name);
    if (i == NAMES_NONE && c->space_names.count >= MUSTER_SPACES_MAX)
        return error_set(err, MUSTER_ELIMIT, "too_many_id_spaces",
                         "there are %u id spaces already; no more fit",
                         MUSTER_SPACES_MAX);
    catalog_space *row = i == NAMES_NONE ? NULL : c->spaces[i];
    bool changed = false;
    if (row == NULL) {
        row = catalog_space_append(c, name, declared);
        changed = true;
    } else if (declared && !row->declared) {
        row->declared = true;
        changed = true;
    }
    if (changed) {
        c->version++;
        if (c->watcher.space != NULL)
            c->watcher.space(c->watcher.payload, row);
    }
    if (out != NULL)
        *out = row;
    return 0;
}
