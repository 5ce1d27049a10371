/*
 * mirror.c - catalog, saved segments, keys, partners and shares as SQLite
 * tables that an operator can read with the sqlite3 shell. Copies: recovery
 * does not read them.
 *
 * Rows that change while a change is applied are noted as small statements
 * and written in the transaction of that change's log row. The doctor compares
 * all rows with the state, and has them written anew where they differ.
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
    NOTE_AUDIENCE,
    NOTE_KEY,
    NOTE_PARTNER,
    NOTE_SHARE
} note_kind;

typedef struct note {
    note_kind kind;
    uint32_t a; /* number of the row; values: attribute; shares: partner */
    uint32_t b; /* values: number; segments: version; shares: segment */
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
    const catalog_watcher watcher = {.payload = e->mirror,
                                     .attribute = on_attribute,
                                     .value = on_value,
                                     .provider = on_provider,
                                     .space = on_space,
                                     .mode = on_mode};
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
        take(notes, NOTE_AUDIENCE, a->id, (uint32_t)a->version_count);
}

void mirror_key(struct mirror *notes, uint32_t number)
{
    if (notes)
        take(notes, NOTE_KEY, number, 0);
}

void mirror_partner(struct mirror *notes, uint32_t number)
{
    if (notes)
        take(notes, NOTE_PARTNER, number, 0);
}

void mirror_share(struct mirror *notes, uint32_t partner, uint32_t segment)
{
    if (notes)
        take(notes, NOTE_SHARE, partner, segment);
}

/* ---- tables and rows ---- */

#define COLUMNS_MAX 14

typedef struct mirror_table {
    const char *name;
    int64_t since; /* the form of the database that brought it */
    const char *write;
    const char *read;  /* the same columns of the row of a key */
    const char *clear;
    const char *count; /* NULL: other rows are nobody's business */
    size_t columns;
    size_t keys; /* the first columns */
} mirror_table;

static const mirror_table attribute_table = {
    "attribute", 1,
    "INSERT OR REPLACE INTO attribute(id, name, kind, grain, cap, amount,"
    " unit, ttl_hours, retention_days, declared)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    "SELECT id, name, kind, grain, cap, amount, unit, ttl_hours,"
    " retention_days, declared FROM attribute WHERE id = ?1",
    "DELETE FROM attribute", "SELECT count(*) FROM attribute", 10, 1};
static const mirror_table value_table = {
    "value", 1,
    "INSERT OR REPLACE INTO value(attribute, id, text) VALUES(?1, ?2, ?3)",
    "SELECT attribute, id, text FROM value WHERE attribute = ?1 AND id = ?2",
    "DELETE FROM value", "SELECT count(*) FROM value", 3, 2};
static const mirror_table provider_table = {
    "provider", 1,
    "INSERT OR REPLACE INTO provider(id, name, party, ttl_hours, declared)"
    " VALUES(?1, ?2, ?3, ?4, ?5)",
    "SELECT id, name, party, ttl_hours, declared FROM provider WHERE id = ?1",
    "DELETE FROM provider", "SELECT count(*) FROM provider", 5, 1};
static const mirror_table space_table = {
    "id_space", 1,
    "INSERT OR REPLACE INTO id_space(id, name, declared) VALUES(?1, ?2, ?3)",
    "SELECT id, name, declared FROM id_space WHERE id = ?1",
    "DELETE FROM id_space", "SELECT count(*) FROM id_space", 3, 1};
static const mirror_table mode_table = {
    "meta", 1,
    "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)",
    "SELECT key, value FROM meta WHERE key = ?1",
    "DELETE FROM meta WHERE key = 'catalog_mode'", NULL, 2, 1};
static const mirror_table segment_table = {
    "segment", 1,
    "INSERT INTO segment(id, key, version, deleted)"
    " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(id) DO UPDATE SET"
    " version = excluded.version, deleted = excluded.deleted",
    "SELECT id, key, version, deleted FROM segment WHERE id = ?1",
    "DELETE FROM segment", "SELECT count(*) FROM segment", 4, 1};
static const mirror_table version_table = {
    "segment_version", 1,
    "INSERT OR REPLACE INTO segment_version(segment, version, expr, name,"
    " priority, served, created) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    "SELECT segment, version, expr, name, priority, served, created"
    " FROM segment_version WHERE segment = ?1 AND version = ?2",
    "DELETE FROM segment_version", "SELECT count(*) FROM segment_version", 7,
    2};

/* Of the secret not even the hash. */
static const mirror_table key_table = {
    "access_key", 3,
    "INSERT OR REPLACE INTO access_key(number, id, name, role, ingest, lookup,"
    " read, write, export, admin, partner, provider, created, revoked)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    "SELECT number, id, name, role, ingest, lookup, read, write, export,"
    " admin, partner, provider, created, revoked FROM access_key"
    " WHERE number = ?1",
    "DELETE FROM access_key", "SELECT count(*) FROM access_key", 14, 1};
static const mirror_table partner_table = {
    "partner", 3,
    "INSERT OR REPLACE INTO partner(number, key, name, created)"
    " VALUES(?1, ?2, ?3, ?4)",
    "SELECT number, key, name, created FROM partner WHERE number = ?1",
    "DELETE FROM partner", "SELECT count(*) FROM partner", 4, 1};
static const mirror_table share_table = {
    "share", 3,
    "INSERT OR REPLACE INTO share(partner, segment) VALUES(?1, ?2)",
    "SELECT partner, segment FROM share WHERE partner = ?1 AND segment = ?2",
    "DELETE FROM share", "SELECT count(*) FROM share", 2, 2};

/* In an order in which they may be emptied. */
static const mirror_table *const tables[] = {
    &attribute_table, &value_table,   &provider_table, &space_table,
    &mode_table,      &version_table, &segment_table,  &key_table,
    &partner_table,   &share_table};
#define TABLES (sizeof tables / sizeof tables[0])

typedef struct mirror_row {
    const mirror_table *table;
    bool built_in; /* not written unless it changes */
    storage_value columns[COLUMNS_MAX];
} mirror_row;

static storage_value ttl_value(uint32_t hours)
{
    return hours == CATALOG_TTL_UNSET ? storage_null() : storage_int(hours);
}

static mirror_row attribute_row(const catalog_attribute *a)
{
    return (mirror_row){
        &attribute_table,
        false,
        {storage_int(a->id), storage_text(text_of(a->name)),
         storage_text(text_of(catalog_kind_name(a->kind))),
         storage_text(text_of(a->grain == GRAIN_HOUR ? "hour" : "day")),
         storage_int(a->cap), storage_int(a->amount),
         storage_text(text_of(a->unit)), ttl_value(a->ttl_hours),
         storage_int(a->retention_days), storage_int(a->declared)}};
}

static mirror_row value_row(const catalog *names, uint32_t attribute,
                            uint32_t value)
{
    return (mirror_row){
        &value_table,
        false,
        {storage_int(attribute), storage_int(value),
         storage_text(catalog_value_text(names, attribute, value))}};
}

static mirror_row provider_row(const catalog_provider *p)
{
    return (mirror_row){
        &provider_table,
        false,
        {storage_int(p->id), storage_text(text_of(p->name)),
         storage_text(text_of(catalog_party_name(p->party))),
         ttl_value(p->ttl_hours), storage_int(p->declared)}};
}

static mirror_row space_row(const catalog_space *s)
{
    return (mirror_row){&space_table,
                        false,
                        {storage_int(s->id), storage_text(text_of(s->name)),
                         storage_int(s->declared)}};
}

static mirror_row mode_row(bool strict)
{
    return (mirror_row){
        &mode_table,
        !strict,
        {storage_text(text_of("catalog_mode")),
         storage_text(text_of(strict ? "strict" : "lenient"))}};
}

static mirror_row segment_row(const audience *a)
{
    const audience_version *v = &a->versions[a->version_count - 1];
    return (mirror_row){&segment_table,
                        false,
                        {storage_int(a->id), storage_text(text_of(a->key)),
                         storage_int(v->version), storage_int(v->removed)}};
}

static mirror_row version_row(const audience *a, const audience_version *v)
{
    return (mirror_row){
        &version_table,
        false,
        {storage_int(a->id), storage_int(v->version), storage_text(v->expr),
         storage_text(v->name), storage_int(v->priority),
         storage_int(v->served), storage_int(v->created)}};
}

static mirror_row key_row(const access_key *k)
{
    const uint32_t may = k->may;
    return (mirror_row){
        &key_table,
        false,
        {storage_int(k->number), storage_text(k->id), storage_text(k->name),
         storage_text(k->role), storage_int((may & MUSTER_MAY_INGEST) != 0),
         storage_int((may & MUSTER_MAY_LOOKUP) != 0),
         storage_int((may & MUSTER_MAY_READ) != 0),
         storage_int((may & MUSTER_MAY_WRITE) != 0),
         storage_int((may & MUSTER_MAY_EXPORT) != 0),
         storage_int((may & MUSTER_MAY_ADMIN) != 0),
         storage_text(k->partner), storage_text(k->provider),
         storage_int(k->created),
         k->revoked ? storage_int(k->revoked) : storage_null()}};
}

static mirror_row partner_row(const access_partner *p)
{
    return (mirror_row){&partner_table,
                        false,
                        {storage_int(p->number), storage_text(p->key),
                         storage_text(p->name), storage_int(p->created)}};
}

static mirror_row share_row(uint32_t partner, uint32_t segment)
{
    return (mirror_row){&share_table,
                        false,
                        {storage_int(partner), storage_int(segment)}};
}

/* ---- writing what was noted ---- */

static int write_row(muster_engine *e, const mirror_row *row,
                     muster_error *err)
{
    return storage_run(e->store, row->table->write, row->columns,
                       row->table->columns, err);
}

static const audience *audience_of(const muster_engine *e, uint32_t id)
{
    for (size_t i = 0; i < audience_count(e->state.audiences); i++)
        if (audience_at(e->state.audiences, i)->id == id)
            return audience_at(e->state.audiences, i);
    return NULL;
}

static int write_version(muster_engine *e, uint32_t id, uint32_t version,
                         muster_error *err)
{
    const audience *a = audience_of(e, id);
    ASSERT(a != NULL && version > 0 && version <= a->version_count);
    const mirror_row head = segment_row(a);
    const mirror_row row = version_row(a, &a->versions[version - 1]);
    const int rc = write_row(e, &head, err);
    return rc ? rc : write_row(e, &row, err);
}

/* A partner that is gone takes its shares along. */
static int write_partner(muster_engine *e, uint32_t number, muster_error *err)
{
    const access_partner *p =
        access_partner_by_number(e->state.access, number);
    const storage_value key = storage_int(number);

    if (p) {
        const mirror_row row = partner_row(p);
        return write_row(e, &row, err);
    }
    const int rc = storage_run(
        e->store, "DELETE FROM share WHERE partner = ?1", &key, 1, err);
    return rc ? rc
              : storage_run(e->store, "DELETE FROM partner WHERE number = ?1",
                            &key, 1, err);
}

static int write_share(muster_engine *e, uint32_t partner, uint32_t segment,
                       muster_error *err)
{
    const access_partner *p =
        access_partner_by_number(e->state.access, partner);
    const mirror_row row = share_row(partner, segment);

    if (p && access_is_shared(p, segment))
        return write_row(e, &row, err);
    return storage_run(
        e->store, "DELETE FROM share WHERE partner = ?1 AND segment = ?2",
        row.columns, 2, err);
}

static int write_note(muster_engine *e, const note *n, muster_error *err)
{
    const catalog *names = e->state.names;
    mirror_row row;

    switch (n->kind) {
    case NOTE_ATTRIBUTE:
        row = attribute_row(catalog_attribute_get(names, n->a));
        break;
    case NOTE_VALUE:
        row = value_row(names, n->a, n->b);
        break;
    case NOTE_PROVIDER:
        row = provider_row(catalog_provider_get(names, n->a));
        break;
    case NOTE_SPACE:
        row = space_row(catalog_space_get(names, n->a));
        break;
    case NOTE_MODE:
        row = mode_row(n->a != 0);
        break;
    case NOTE_AUDIENCE:
        return write_version(e, n->a, n->b, err);
    case NOTE_KEY:
        row = key_row(access_key_at(e->state.access, n->a));
        break;
    case NOTE_PARTNER:
        return write_partner(e, n->a, err);
    case NOTE_SHARE:
        return write_share(e, n->a, n->b, err);
    }
    return write_row(e, &row, err);
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

/* ---- all of it ---- */

typedef int (*mirror_row_fn)(void *payload, const mirror_row *row,
                             muster_error *err);

static int each_attribute(const catalog *names, mirror_row_fn each,
                          void *payload, muster_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < catalog_attribute_count(names) && rc == 0; i++) {
        const catalog_attribute *a = catalog_attribute_at(names, i);
        mirror_row row = attribute_row(a);
        rc = each(payload, &row, err);
        const uint32_t values = catalog_value_count(names, a->id);
        for (uint32_t v = 1; v <= values && rc == 0; v++) {
            row = value_row(names, a->id, v);
            rc = each(payload, &row, err);
        }
    }
    return rc;
}

/* What a new catalog has is in the tables only once it was changed. */
static int each_name(const catalog *names, mirror_row_fn each, void *payload,
                     muster_error *err)
{
    catalog *fresh = catalog_new();
    int rc = each_attribute(names, each, payload, err);

    for (uint32_t i = 0; i < catalog_provider_count(names) && rc == 0; i++) {
        mirror_row row = provider_row(catalog_provider_get(names, i));
        row.built_in = catalog_provider_get(fresh, i) != NULL;
        rc = each(payload, &row, err);
    }
    for (uint32_t i = 0; i < catalog_space_count(names) && rc == 0; i++) {
        mirror_row row = space_row(catalog_space_get(names, i));
        row.built_in = catalog_space_get(fresh, i) != NULL;
        rc = each(payload, &row, err);
    }
    catalog_free(fresh);
    if (rc != 0)
        return rc;
    const mirror_row mode = mode_row(catalog_strict(names));
    return each(payload, &mode, err);
}

static int each_share(const access_partner *p, mirror_row_fn each,
                      void *payload, muster_error *err)
{
    int rc = 0;

    for (uint32_t id = 0; id < 64 * p->words && rc == 0; id++) {
        const mirror_row row = share_row(p->number, id);
        if (access_is_shared(p, id))
            rc = each(payload, &row, err);
    }
    return rc;
}

static int each_access(const access_store *access, mirror_row_fn each,
                       void *payload, muster_error *err)
{
    int rc = 0;

    for (uint32_t n = 1; n <= access_key_count(access) && rc == 0; n++) {
        const mirror_row row = key_row(access_key_at(access, n));
        rc = each(payload, &row, err);
    }
    for (size_t i = 0; i < access_partner_count(access) && rc == 0; i++) {
        const access_partner *p = access_partner_at(access, i);
        const mirror_row row = partner_row(p);
        rc = each(payload, &row, err);
        if (rc == 0)
            rc = each_share(p, each, payload, err);
    }
    return rc;
}

/* Every row that the tables have of a state. */
static int each_row(const epoch *at, mirror_row_fn each, void *payload,
                    muster_error *err)
{
    int rc = each_name(at->names, each, payload, err);

    if (rc == 0)
        rc = each_access(at->access, each, payload, err);
    for (size_t i = 0; i < audience_count(at->audiences) && rc == 0; i++) {
        const audience *a = audience_at(at->audiences, i);
        mirror_row row = segment_row(a);
        rc = each(payload, &row, err);
        for (size_t v = 0; v < a->version_count && rc == 0; v++) {
            row = version_row(a, &a->versions[v]);
            rc = each(payload, &row, err);
        }
    }
    return rc;
}

static int rebuild_row(void *payload, const mirror_row *row,
                       muster_error *err)
{
    return write_row(payload, row, err);
}

int mirror_rebuild(muster_engine *e, muster_error *err)
{
    const epoch now = working_epoch(e);
    int rc = 0;

    for (size_t i = 0; i < TABLES && rc == 0; i++)
        rc = storage_run(e->store, tables[i]->clear, NULL, 0, err);
    return rc ? rc : each_row(&now, rebuild_row, e, err);
}

/* ---- comparing ---- */

typedef struct comparing {
    storage *s;
    mirror_fault faults[TABLES]; /* by table */
    uint64_t found[TABLES];
    const mirror_row *row; /* looked for */
    bool there;
    bool equal;
} comparing;

static bool same_value(const storage_value *a, const storage_value *b)
{
    if (a->type != b->type)
        return false;
    if (a->type == STORAGE_TEXT)
        return text_equal(text_make(a->bytes, a->len),
                          text_make(b->bytes, b->len));
    return a->type != STORAGE_INT || a->integer == b->integer;
}

static int compare_row(void *payload, const storage_value *columns,
                       size_t column_count, muster_error *err)
{
    comparing *c = payload;
    (void)err;
    ASSERT(column_count == c->row->table->columns);
    c->there = c->equal = true;
    for (size_t i = 0; i < column_count; i++)
        c->equal &= same_value(&columns[i], &c->row->columns[i]);
    return 0;
}

static int look_for_row(void *payload, const mirror_row *row,
                        muster_error *err)
{
    comparing *c = payload;
    size_t t = 0;

    while (tables[t] != row->table)
        t++;
    c->row = row;
    c->there = false;
    const int rc = storage_each(c->s, row->table->read, row->columns,
                                row->table->keys, compare_row, c, err);
    c->found[t] += c->there;
    if (!c->there && !row->built_in)
        c->faults[t].missing++;
    if (c->there && !c->equal)
        c->faults[t].different++;
    return rc;
}

static int take_count(void *payload, const storage_value *columns,
                      size_t column_count, muster_error *err)
{
    (void)err;
    ASSERT(column_count == 1);
    *(uint64_t *)payload = (uint64_t)columns[0].integer;
    return 0;
}

int mirror_check(storage *s, const epoch *at,
                 void (*fault)(void *payload, const mirror_fault *f),
                 void *payload, muster_error *err)
{
    comparing c = {.s = s};
    int rc = each_row(at, look_for_row, &c, err);

    for (size_t i = 0; i < TABLES && rc == 0; i++) {
        mirror_fault *f = &c.faults[i];
        uint64_t rows = c.found[i];
        if (tables[i]->since > storage_version(s))
            continue; /* nothing for it can have been logged */
        if (tables[i]->count)
            rc = storage_each(s, tables[i]->count, NULL, 0, take_count, &rows,
                              err);
        f->table = tables[i]->name;
        f->surplus = rows - c.found[i];
        if (rc == 0 && (f->missing || f->different || f->surplus))
            fault(payload, f);
    }
    return rc;
}
