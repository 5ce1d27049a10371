/*
 * catalog.c - attributes, values, providers and id spaces in memory.
 *
 * Rows are allocated one by one in the catalog's arena and never move or
 * change, so a borrowed row stays good while others are added; a change of a
 * definition puts a new row in the place of the former, which snapshots go on
 * showing (snapshot.c). All texts share the arena; each table of names holds
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
 * Threads: one writer, who alone reads what he changes; the others read
 * snapshots.
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
    c->store = mem_zalloc(sizeof *c->store);
    c->store->users = 1;
    arena_init(&c->store->arena);
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
    catalog_touch(c);
    return c;
}

void catalog_free(catalog *c)
{
    if (c == NULL)
        return;
    ASSERT(!c->frozen); /* snapshots are released */
    catalog_release(c->latest);
    catalog_dispose(c);
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
    catalog_touch(c);
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

/* A row of its own, in which nothing changes any more. */
static const catalog_attribute *store_attribute(catalog *c,
                                                const catalog_attribute *row)
{
    catalog_attribute *stored = arena_alloc(&c->store->arena, sizeof *stored);
    *stored = *row;
    return stored;
}

const catalog_attribute *catalog_attribute_append(
    catalog *c, muster_text name, const catalog_attribute *def)
{
    ASSERT(catalog_is_attribute_name(name));
    arena *a = &c->store->arena;
    const uint32_t i = names_add(&c->attribute_names, a, c->seed, name);
    ASSERT(i < MUSTER_ATTRIBUTES_MAX);
    catalog_attribute row = tidy_definition(def);
    row.id = CATALOG_ATTRIBUTE_FIRST + i;
    row.name = arena_strndup(a, name.ptr, name.len);
    mem_grow(&c->attributes, &c->attribute_capacity, (size_t)i + 1,
             sizeof *c->attributes);
    mem_grow(&c->values, &c->values_capacity, (size_t)i + 1, sizeof(names));
    c->attributes[i] = store_attribute(c, &row);
    memset(&c->values[i], 0, sizeof c->values[i]);
    return c->attributes[i];
}

/* What the row becomes by the definition. */
static catalog_attribute merge_definition(const catalog_attribute *row,
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
    return merged;
}

/* Of all that a definition may change. */
static bool same_definition(const catalog_attribute *a,
                            const catalog_attribute *b)
{
    return a->amount == b->amount && a->declared == b->declared &&
           a->ttl_hours == b->ttl_hours &&
           a->retention_days == b->retention_days &&
           a->unit_date == b->unit_date && strcmp(a->unit, b->unit) == 0;
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
    const catalog_attribute *row = NULL;
    bool changed = true;
    if (i == NAMES_NONE) {
        row = catalog_attribute_append(c, name, def);
    } else {
        const catalog_attribute merged =
            merge_definition(c->attributes[i], def);
        changed = !same_definition(c->attributes[i], &merged);
        if (changed)
            c->attributes[i] = store_attribute(c, &merged);
        row = c->attributes[i];
    }
    if (changed) {
        catalog_touch(c);
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
    i = names_add(values, &c->store->arena, c->seed, text);
    catalog_touch(c);
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

static const catalog_provider *store_provider(catalog *c, uint32_t id,
                                              char *name,
                                              const catalog_provider *def)
{
    catalog_provider *row = arena_alloc(&c->store->arena, sizeof *row);
    *row = *def;
    row->id = id;
    row->name = name;
    c->providers[id] = row;
    return row;
}

const catalog_provider *catalog_provider_append(catalog *c, muster_text name,
                                                const catalog_provider *def)
{
    arena *a = &c->store->arena;
    const uint32_t i = names_add(&c->provider_names, a, c->seed, name);
    ASSERT(i < MUSTER_PROVIDERS_MAX);
    mem_grow(&c->providers, &c->provider_capacity, (size_t)i + 1,
             sizeof *c->providers);
    return store_provider(c, i, arena_strndup(a, name.ptr, name.len), def);
}

const catalog_provider *catalog_provider_replace(catalog *c, uint32_t id,
                                                 const catalog_provider *def)
{
    ASSERT(id < c->provider_names.count);
    return store_provider(c, id, c->providers[id]->name, def);
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
    const catalog_provider *row = i == NAMES_NONE ? NULL : c->providers[i];
    bool changed = false;
    if (row == NULL) {
        row = catalog_provider_append(c, name, &def);
        changed = true;
    } else if (declared || !row->declared) { /* a guess changes nothing */
        changed = row->party != party || row->ttl_hours != ttl_hours ||
                  row->declared != declared;
        if (changed)
            row = catalog_provider_replace(c, i, &def);
    }
    if (changed) {
        catalog_touch(c);
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

static const catalog_space *store_space(catalog *c, uint32_t id, char *name,
                                        bool declared)
{
    catalog_space *row = arena_alloc(&c->store->arena, sizeof *row);
    *row = (catalog_space){.id = id, .name = name, .declared = declared};
    c->spaces[id] = row;
    return row;
}

const catalog_space *catalog_space_append(catalog *c, muster_text name,
                                          bool declared)
{
    ASSERT(catalog_is_provider_name(name));
    arena *a = &c->store->arena;
    const uint32_t i = names_add(&c->space_names, a, c->seed, name);
    ASSERT(i < MUSTER_SPACES_MAX);
    mem_grow(&c->spaces, &c->space_capacity, (size_t)i + 1, sizeof *c->spaces);
    return store_space(c, i, arena_strndup(a, name.ptr, name.len), declared);
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
    const catalog_space *row = i == NAMES_NONE ? NULL : c->spaces[i];
    bool changed = false;
    if (row == NULL) {
        row = catalog_space_append(c, name, declared);
        changed = true;
    } else if (declared && !row->declared) {
        row = store_space(c, i, row->name, true);
        changed = true;
    }
    if (changed) {
        catalog_touch(c);
        if (c->watcher.space != NULL)
            c->watcher.space(c->watcher.payload, row);
    }
    if (out != NULL)
        *out = row;
    return 0;
}
