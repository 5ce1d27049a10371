/*
 * schema.c - the tables of muster.db and their version.
 *
 * The database is for operators too: names are words of the design page, and
 * `sqlite3 muster.db` shows what there is. What a table means is the business
 * of the rooms above; this room creates them and knows only `meta`, `log`,
 * `load` and `generation`.
 *
 *   meta             what stands once, by key
 *   log              change batches in order; body is opaque, checksummed
 *   load             inputs: how far each is read, and its counters
 *   generation       published files of the state
 *   provider, attribute, value, id_space    the catalog
 *   segment, segment_version                segments and all their texts
 *   access_key, partner, share              who may ask for what
 *   audit            who changed what, the newest rows
 *
 * application_id tells a Muster database from others, user_version is the
 * version of the schema. A higher version than ours is left alone; a lower one
 * is raised when a writer opens it, while readers read it as it is. To change
 * the schema: raise SCHEMA_VERSION and add the step that leads from the former
 * version to it to the list of schema_migrate, which gives each a transaction
 * of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/internal.h"

#include <stdio.h>

static const char schema_text[] =
    "CREATE TABLE meta ("
    "  key TEXT PRIMARY KEY,"
    "  value ANY"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE log ("
    "  seq INTEGER PRIMARY KEY,"
    "  kind INTEGER NOT NULL,"
    "  load_id TEXT NOT NULL,"
    "  position INTEGER NOT NULL,"
    "  checksum INTEGER NOT NULL," /* XXH3-64 of seq, kind, body */
    "  body BLOB NOT NULL"
    ") STRICT;"

    "CREATE TABLE generation ("
    "  id INTEGER PRIMARY KEY,"
    "  seq INTEGER NOT NULL," /* the state after this batch */
    "  file TEXT NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  created INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE provider ("
    "  id INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE,"
    "  party TEXT NOT NULL,"
    "  ttl_hours INTEGER,"
    "  declared INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE attribute ("
    "  id INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE,"
    "  kind TEXT NOT NULL,"
    "  grain TEXT NOT NULL,"
    "  cap INTEGER NOT NULL,"
    "  amount INTEGER NOT NULL,"
    "  unit TEXT NOT NULL,"
    "  ttl_hours INTEGER,"
    "  retention_days INTEGER NOT NULL,"
    "  declared INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE value ("
    "  attribute INTEGER NOT NULL,"
    "  id INTEGER NOT NULL,"
    "  text TEXT NOT NULL,"
    "  PRIMARY KEY (attribute, id)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE id_space ("
    "  id INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE,"
    "  declared INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE segment ("
    "  id INTEGER PRIMARY KEY,"
    "  key TEXT NOT NULL UNIQUE,"
    "  version INTEGER NOT NULL,"
    "  deleted INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"

    "CREATE TABLE segment_version ("
    "  segment INTEGER NOT NULL"
    "    REFERENCES segment(id) DEFERRABLE INITIALLY DEFERRED,"
    "  version INTEGER NOT NULL,"
    "  expr TEXT NOT NULL,"
    "  name TEXT NOT NULL DEFAULT '',"
    "  priority INTEGER NOT NULL DEFAULT 0,"
    "  served INTEGER NOT NULL DEFAULT 1,"
    "  created INTEGER NOT NULL DEFAULT 0,"
    "  PRIMARY KEY (segment, version)"
    ") STRICT, WITHOUT ROWID;";

static const char load_text[] =
    "CREATE TABLE load ("
    "  load_id TEXT NOT NULL PRIMARY KEY,"
    "  position INTEGER NOT NULL,"
    "  state BLOB NOT NULL,"
    "  head_hash INTEGER NOT NULL," /* XXH3-64 of the first head_len bytes */
    "  head_len INTEGER NOT NULL,"
    "  started INTEGER NOT NULL,"
    "  ended INTEGER,"
    "  checksum INTEGER NOT NULL" /* XXH3-64 of the rest (load.c) */
    ") STRICT;"
    "CREATE INDEX load_ended ON load (ended) WHERE ended IS NOT NULL;";

static const char access_text[] =
    "CREATE TABLE access_key ("
    "  number INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  name TEXT NOT NULL,"
    "  role TEXT NOT NULL," /* '': single permissions */
    "  ingest INTEGER NOT NULL,"
    "  lookup INTEGER NOT NULL,"
    "  read INTEGER NOT NULL,"
    "  write INTEGER NOT NULL,"
    "  export INTEGER NOT NULL,"
    "  admin INTEGER NOT NULL,"
    "  partner TEXT NOT NULL,"
    "  provider TEXT NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  revoked INTEGER" /* NULL: holds */
    ") STRICT;"

    "CREATE TABLE partner ("
    "  number INTEGER PRIMARY KEY,"
    "  key TEXT NOT NULL UNIQUE,"
    "  name TEXT NOT NULL,"
    "  created INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE share ("
    "  partner INTEGER NOT NULL,"
    "  segment INTEGER NOT NULL,"
    "  PRIMARY KEY (partner, segment)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE audit ("
    "  id INTEGER PRIMARY KEY,"
    "  seq INTEGER NOT NULL," /* of the change in the log */
    "  at INTEGER NOT NULL,"
    "  actor TEXT NOT NULL," /* id of a key, 'cli', '' */
    "  action TEXT NOT NULL,"
    "  object TEXT NOT NULL" /* never a user */
    ") STRICT;";

/* Which log it is: mark.c. */
static const char identity_text[] =
    "INSERT INTO meta (key, value) VALUES ('log_id', random()) "
    "ON CONFLICT (key) DO NOTHING;";

int schema_check(storage *s, bool *empty, muster_error *err)
{
    ASSERT(s != NULL && s->db != NULL && empty != NULL);
    int64_t application = 0;
    int64_t version = 0;
    int64_t tables = 0;
    *empty = false;
    int rc = storage_query_int(s, "PRAGMA application_id", &application, err);
    if (rc == 0)
        rc = storage_query_int(s, "PRAGMA user_version", &version, err);
    if (rc == 0)
        rc = storage_query_int(s, "SELECT count(*) FROM sqlite_schema", &tables,
                               err);
    if (rc != 0)
        return rc;
    if (tables == 0 && application == 0 && version == 0) {
        *empty = true;
        return 0;
    }
    if (application != SCHEMA_APPLICATION)
        return error_set(err, MUSTER_EREFUSED, "not_muster",
                         "%s/muster.db is a database of another program",
                         s->dir);
    if (version > SCHEMA_VERSION)
        return error_set(err, MUSTER_EVERSION, "newer_version",
                         "this data directory was made by a newer Muster "
                         "(format %lld, this program knows %d); upgrade "
                         "Muster",
                         (long long)version, SCHEMA_VERSION);
    if (version < 1)
        return error_set(err, MUSTER_ECORRUPT, "bad_database",
                         "%s/muster.db has no format number", s->dir);
    s->version = version;
    return 0;
}

int schema_create(storage *s, muster_error *err)
{
    ASSERT(s->mode == STORAGE_CREATE);
    char marks[128];
    snprintf(marks, sizeof marks,
             "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             SCHEMA_APPLICATION, SCHEMA_VERSION);
    int rc = storage_exec(s, "BEGIN IMMEDIATE", "write to", err);
    if (rc == 0)
        rc = storage_exec(s, schema_text, "make tables in", err);
    if (rc == 0)
        rc = storage_exec(s, load_text, "make tables in", err);
    if (rc == 0)
        rc = storage_exec(s, access_text, "make tables in", err);
    if (rc == 0)
        rc = storage_exec(s, identity_text, "make tables in", err);
    if (rc == 0)
        rc = storage_exec(s, marks, "make tables in", err);
    if (rc == 0)
        rc = storage_exec(s, "COMMIT", "write to", err);
    if (rc != 0)
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    else
        s->version = SCHEMA_VERSION;
    return rc;
}

/* Loads have a checksum and the head of their input, a log its identity. */
static int raise_to_2(storage *s, muster_error *err)
{
    int rc = storage_exec(s, "ALTER TABLE load RENAME TO load_1",
                          "change tables in", err);
    if (rc == 0)
        rc = storage_exec(s, load_text, "change tables in", err);
    if (rc == 0)
        rc = load_migrate(s, err);
    if (rc == 0)
        rc = storage_exec(s, "DROP TABLE load_1", "change tables in", err);
    return rc ? rc : storage_exec(s, identity_text, "change tables in", err);
}

/* There are keys and partners. */
static int raise_to_3(storage *s, muster_error *err)
{
    return storage_exec(s, access_text, "change tables in", err);
}

static int raise_to(storage *s, int version,
                    int (*step)(storage *s, muster_error *err),
                    muster_error *err)
{
    char mark[64];
    snprintf(mark, sizeof mark, "PRAGMA user_version = %d", version);
    int rc = storage_exec(s, "BEGIN IMMEDIATE", "write to", err);
    if (rc == 0)
        rc = step(s, err);
    if (rc == 0)
        rc = storage_exec(s, mark, "change tables in", err);
    if (rc == 0)
        rc = storage_exec(s, "COMMIT", "write to", err);
    if (rc != 0)
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    else
        s->version = version;
    return rc;
}

int schema_migrate(storage *s, muster_error *err)
{
    static int (*const steps[])(storage *, muster_error *) = {
        [2] = raise_to_2, [3] = raise_to_3};
    int rc = 0;

    _Static_assert(sizeof steps / sizeof *steps == SCHEMA_VERSION + 1,
                   "each version has its step");
    ASSERT(s->version >= 1 && s->version <= SCHEMA_VERSION);
    while (s->version < SCHEMA_VERSION && rc == 0)
        rc = raise_to(s, (int)s->version + 1, steps[s->version + 1], err);
    return rc;
}

int64_t storage_version(const storage *s)
{
    ASSERT(s != NULL);
    return s->version;
}
