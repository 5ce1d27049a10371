/*
 * internal.h - private to room `storage`: the handle and what its files share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_INTERNAL_H
#define STORAGE_INTERNAL_H

#include <sqlite3.h>
#include "storage/storage.h"

#define STORAGE_PATH_MAX 4096u
#define STORAGE_DAMAGED_MAX 8u

/* The schema this program knows; user_version of the database. */
#define SCHEMA_VERSION 1
/* "Mstr": application_id of the database. */
#define SCHEMA_APPLICATION 0x4d737472

typedef struct statement {
    const char *sql; /* compared by address */
    sqlite3_stmt *stmt;
} statement;

struct storage {
    char *dir;
    sqlite3 *db;
    storage_mode mode;
    int lock_fd; /* -1 for readers */
    /* A write or flush failed in a way that leaves the disk unknown: nothing
     * is written or acknowledged until the directory is opened again. */
    bool broken;
    statement *statements;
    size_t statement_count;
    size_t statement_capacity;
    uint64_t log_last;           /* writers: of what is appended */
    uint64_t log_last_committed; /* what a rollback goes back to */
    /* Generations found damaged: the next publish drops them. */
    int64_t damaged[STORAGE_DAMAGED_MAX];
    size_t damaged_count;
};

/* SQLite's result as ours, with a message: "cannot <act> <dir>: ...". */
int storage_sql_error(storage *s, int sqlite_rc, const char *act,
                      muster_error *err);
/* Runs texts of no interest to the statement cache (pragmas, schema). */
int storage_exec(storage *s, const char *sql, const char *act,
                 muster_error *err);
/* One integer of a one-row query. */
int storage_query_int(storage *s, const char *sql, int64_t *out,
                      muster_error *err);
/* "<dir>/<name>" in out (STORAGE_PATH_MAX + 64 bytes). */
void storage_path(const storage *s, const char *name, char *out);
#define STORAGE_PATH_ROOM (STORAGE_PATH_MAX + 64u)

/* schema.c */
/* Is it ours, and not newer than we are? Changes nothing. *empty: a database
 * without any content. */
int schema_check(storage *s, bool *empty, muster_error *err);
/* Makes the tables in one transaction. */
int schema_create(storage *s, muster_error *err);

/* log.c */
int log_open(storage *s, muster_error *err); /* finds the last seq */

#endif
