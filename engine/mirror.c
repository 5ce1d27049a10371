/*
 * mirror.c - catalog and saved segments as SQLite tables that an operator can
 * read with the sqlite3 shell. Copies: recovery does not read them.
 *
 * Rows that change while a change is applied are noted as small statements
 * and written in the transaction of that change's log row.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

typedef enum note_kind {
    NOTE_ATTRIBUTE,
    NOTE_VALUE,
    NOTE_PROVIDER,
    NOTE_SPACE,
    NOTE_MODE,
    NOTE_AUDIENCE
} note_kind;

typedef struct note {
    note_kind kind;
    uint32_t a; /* number of the row; values: attribute */
    uint32_t b; /* values: number */
} note;

struct mirror {
    note *notes;
    size_t count;
    size_t capacity;
};

static void take(struct mirror *m, note_kind kind, uint32_t a, uint32_t b)
{
    mem_grow(&m->notes, &m->capacity, m->count + 1, sizeof *m->notes);
    m->notes[m->count++] = (note){kind, a, b};
}

static void on_attribute(void *payload, const catalog_attribute *row)
{
    take(payload, NOTE_ATTRIBUTE, row->id, 0);
}
static void on_value(void *payload, uint32_t attribute, uint32_t value,
                     muster_text text)
{
    (void)text;
    take(payload, NOTE_VALUE, attribute, value);
}
static void on_provider(void *payload, const catalog_provider *row)
{
    take(payload, NOTE_PROVIDER, row->id, 0);
}
static void on_space(void *payload, const catalog_space *row)
{
    take(payload, NOTE_SPACE, row->id, 0);
}
static void on_mode(void *payload, bool strict)
{
    take(payload, NOTE_MODE, strict, 0);
}

void mirror_attach(muster_engine *e)
{
    e->mirror = mem_zalloc(sizeof *e->mirror);
    const catalog_watcher watcher = {e->mirror, on_attribute, on_value,
                                     on_provider, on_space, on_mode};
    catalog_watch(e->state.names, &watcher);
}

void mirror_free(muster_engine *e)
{
    if (!e->mirror)
        return;
    mem_free(e->mirror->notes);
    mem_free(e->mirror);
    e->mirror = NULL;
}

void mirror_audience(struct mirror *notes, const audience *a)
{
    if (notes)
        take(notes, NOTE_AUDIENCE, a->id, 0);
}

/* ---- writing ---- */

static storage_value ttl_value(uint32_t hours)
{
    return hours == CATALOG_TTL_UNSET ? storage_null() : storage_int(hours);
}

static int write_attribute(muster_engine *e, uint32_t id, muster_error *err)
{
    const catalog_attribute *a = catalog_attribute_get(e->state.names, id);
    const storage_value args[] = {
        storage_int(a->id),
        storage_text(text_of(a->name)),
        storage_text(text_of(catalog_kind_name(a->kind))),
        storage_text(text_of(a->grain == GRAIN_HOUR ? "hour" : "day")),
        storage_int(a->cap),
        storage_int(a->amount),
        storage_text(text_of(a->unit)),
        ttl_value(a->ttl_hours),
        storage_int(a->retention_days),
        storage_int(a->declared),
    };
    return storage_run(
        e->store,
        "INSERT OR REPLACE INTO attribute(id, name, kind, grain, cap, amount,"
        " unit, ttl_hours, retention_days, declared)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        args, 10, err);
}

static int write_value(muster_engine *e, uint32_t attribute, uint32_t value,
                       muster_error *err)
{
    const storage_value args[] = {
        storage_int(attribute),
        storage_int(value),
        storage_text(catalog_value_text(e->state.names, attribute, value)),
    };
    return storage_run(e->store,
                       "INSERT OR REPLACE INTO value(attribute, id, text)"
                       " VALUES(?1, ?2, ?3)",
                       args, 3, err);
}

static int write_provider(muster_engine *e, uint32_t id, muster_error *err)
{
    const catalog_provider *p = catalog_provider_get(e->state.names, id);
    const storage_value args[] = {
        storage_int(p->id),
        storage_text(text_of(p->name)),
        storage_text(text_of(catalog_party_name(p->party))),
        ttl_value(p->ttl_hours),
        storage_int(p->declared),
    };
    return storage_run(e->store,
                       "INSERT OR REPLACE INTO provider(id, name, party,"
                       " ttl_hours, declared) VALUES(?1, ?2, ?3, ?4, ?5)",
                       args, 5, err);
}

static int write_space(muster_engine *e, uint32_t id, muster_error *err)
{
    const catalog_space *s = catalog_space_get(e->state.names, id);
    const storage_value args[] = {
        storage_int(s->id),
        storage_text(text_of(s->name)),
        storage_int(s->declared),
    };
    return storage_run(e->store,
                       "INSERT OR REPLACE INTO id_space(id, name, declared)"
                       " VALUES(?1, ?2, ?3)",
                       args, 3, err);
}

static int write_mode(muster_engine *e, bool strict, muster_error *err)
{
    const storage_value args[] = {
        storage_text(text_of(strict ? "strict" : "lenient"))};
    return storage_run(e->store,
                       "INSERT OR REPLACE INTO meta(key, value)"
                       " VALUES('catalog_mode', ?1)",
                       args, 1, err);
}

static const audience *audience_of(const muster_engine *e, uint32_t id)
{
    for (size_t i = 0; i < audience_count(e->state.audiences); i++)
        if (audience_at(e->state.audiences, i)->id == id)
            return audience_at(e->state.audiences, i);
    return NULL;
}

/* The newest version of a segment. */
static int write_audience(muster_engine *e, uint32_t id, muster_error *err)
{
    const audience *a = audience_of(e, id);
    ASSERT(a != NULL);
    const audience_version *v = &a->versions[a->version_count - 1];
    const storage_value row[] = {
        storage_int(a->id),
        storage_text(text_of(a->key)),
        storage_int(v->version),
        storage_int(v->removed),
    };
    const storage_value version[] = {
        storage_int(a->id),       storage_int(v->version),
        storage_text(v->expr),    storage_text(v->name),
        storage_int(v->priority), storage_int(v->served),
        storage_int(v->created),
    };
    const int rc = storage_run(
        e->store,
        "INSERT INTO segment(id, key, version, deleted)"
        " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(id) DO UPDATE SET"
        " version = excluded.version, deleted = excluded.deleted",
        row, 4, err);
    if (rc != 0)
        return rc;
    return storage_run(
        e->store,
        "INSERT OR REPLACE INTO segment_version(segment, version, expr, name,"
        " priority, served, created) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        version, 7, err);
}

static int write_note(muster_engine *e, const note *n, muster_error *err)
{
    switch (n->kind) {
    case NOTE_ATTRIBUTE:
        return write_attribute(e, n->a, err);
    case NOTE_VALUE:
        return write_value(e, n->a, n->b, err);
    case NOTE_PROVIDER:
        return write_provider(e, n->a, err);
    case NOTE_SPACE:
        return write_space(e, n->a, err);
    case NOTE_MODE:
        return write_mode(e, n->a != 0, err);
    case NOTE_AUDIENCE:
        break;
    }
    return write_audience(e, n->a, err);
}

int mirror_flush(muster_engine *e, muster_error *err)
{
    int rc = 0;

    if (!e->mirror)
        return 0;
    for (size_t i = 0; i < e->mirror->count && rc == 0; i++)
        rc = write_note(e, &e->mirror->notes[i], err);
    e->mirror->count = 0;
    return rc;
}
