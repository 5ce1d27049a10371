/*
 * internal.h - private to room `storage`: the handle and what its files share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_INTERNAL_H
#define STORAGE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>
#include "storage/storage.h"

#define STORAGE_PATH_MAX 4096u
#define STORAGE_DAMAGED_MAX 8u
#define STORAGE_BUSY_MS 5000 /* how long SQLite's locks are waited for */
#define STORAGE_DATABASE "muster.db"
#define STORAGE_LOCK "lock"
#define STORAGE_MARK "mark"

/* The schema this program knows; user_version of the database. */
#define SCHEMA_VERSION 3
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
    int64_t version; /* of the schema as it is on disk */
    int lock_fd;     /* -1 for readers */
    /* A write or flush failed in a way that leaves the disk unknown: nothing
     * is written or acknowledged until it is reopened. Two threads set it:
     * storage_break, storage_is_broken. */
    bool broken;
    uint32_t breaks; /* how often it became so; atomic */
    /* checkpoint.c: the background thread's connection, under its lock */
    pthread_mutex_t side_lock;
    sqlite3 *side;
    uint64_t wal_bytes; /* atomic */
    statement *statements;
    size_t statement_count;
    size_t statement_capacity;
    uint64_t log_last;           /* writers: of what is appended */
    uint64_t log_last_committed; /* what a rollback goes back to */
    int64_t log_id;              /* which log a mark belongs to; 0: none */
    int mark_fd;                 /* -1 until the first one */
    bool trim_known; /* trim_limit is of the rows as they are */
    uint64_t trim_limit;
    int64_t load_count;       /* rows of table load; -1: not counted */
    int64_t generation_given; /* the highest number */
    /* Generations found damaged: the next publish drops them. */
    int64_t damaged[STORAGE_DAMAGED_MAX];
    size_t damaged_count;
};

/* SQLite's result as ours, with a message: "cannot <act> <dir>: ...". */
int storage_sql_error(storage *s, int sqlite_rc, const char *act,
                      muster_error *err);
/* The same of another connection to it. */
int storage_db_error(storage *s, sqlite3 *db, int sqlite_rc, const char *act,
                     muster_error *err);
void storage_break(storage *s);
/* The directory's lock; close *fd (-1 before) to give it back. MUSTER_EBUSY
 * "locked". */
int storage_lock(const char *dir, int *fd, muster_error *err);
/* STORAGE_WRITE under the lock that the caller holds, and keeps. */
int storage_open_locked(storage **out, const char *dir, muster_error *err);
bool storage_is_reader(const storage *s);
bool storage_in_transaction(const storage *s);
/* Runs texts of no interest to the statement cache (pragmas, schema). */
int storage_exec(storage *s, const char *sql, const char *act,
                 muster_error *err);
/* One integer of a one-row query. */
int storage_query_int(storage *s, const char *sql, int64_t *out,
                      muster_error *err);
/* "<dir>/<name>" in out (STORAGE_PATH_MAX + 64 bytes). */
void storage_path(const storage *s, const char *name, char *out);
#define STORAGE_PATH_ROOM (STORAGE_PATH_MAX + 64u)

/* Little-endian words of our files. */
static inline void put_word(uint8_t *out, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

static inline uint64_t get_word(const uint8_t *p, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = bytes; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

/* checkpoint.c */
void checkpoint_watch(storage *s); /* of the connection just opened */
void checkpoint_disconnect(storage *s);
/* All of it, on the writer's connection; SQLite's result. */
int checkpoint_rest(storage *s, int mode, int wait_ms);

/* schema.c */
/* Is it ours, and not newer than we are? Changes nothing. *empty: a database
 * without any content. */
int schema_check(storage *s, bool *empty, muster_error *err);
/* Makes the tables in one transaction. */
int schema_create(storage *s, muster_error *err);
/* From an older version to ours, each step in a transaction of its own. */
int schema_migrate(storage *s, muster_error *err);

/* mark.c */
typedef struct log_mark {
    bool found; /* a whole one; anything else is no mark */
    int64_t log_id;
    uint64_t seq;
} log_mark;
/* Before the view that it is held against begins: a writer beside us goes on
 * meanwhile. */
void mark_read(const storage *s, log_mark *out);

/* log.c */
/* Finds the last seq and holds what tells of it against each other. */
int log_open(storage *s, muster_error *err);
/* The second half alone: MUSTER_ECORRUPT "log_lost" or "bad_log". */
int log_verify(storage *s, const log_mark *m, muster_error *err);
int log_note_last(storage *s, muster_error *err); /* the row, at a commit */
int log_pruned(storage *s, uint64_t *out, muster_error *err);
/* As storage_log_each, but goes on behind a damaged batch: `batch` sees all
 * that is there, `sound` tells whether its checksum fits. */
int log_each_raw(storage *s,
                 int (*batch)(void *payload, const storage_batch *batch,
                              bool sound, muster_error *err),
                 void *payload, muster_error *err);

/* load.c */
int load_migrate(storage *s, muster_error *err); /* rows of version 1 */
/* Every row; `load` is NULL where it is damaged. */
int load_each(storage *s,
              int (*each)(void *payload, muster_text load_id,
                          const storage_load *load),
              void *payload, muster_error *err);

/* generation.c */
typedef struct generation_row {
    int64_t id;
    uint64_t seq;
    uint64_t bytes;
} generation_row;
typedef struct generation_rows {
    generation_row *rows; /* newest first; mem_free */
    size_t count;
    size_t capacity;
} generation_rows;
/* Maps it and checks its frame; `whole`: its sections too. */
int generation_open_row(generation **out, const storage *s,
                        const generation_row *row, bool whole,
                        muster_error *err);
/* Each section of one whose frame is sound; fault is NULL when it fits. */
void generation_each_section(const generation *g,
                             void (*each)(void *payload, const char *name,
                                          const char *fault),
                             void *payload);
/* Is all that belongs to no section 0, as it was written? */
bool generation_gaps_are_sound(const generation *g);
/* "<dir>/gen-<id>.<end>"; mem_free. */
char *generation_path(const char *dir, int64_t id, const char *end);
generation_row generation_writer_row(const generation_writer *w);
/* From now on a row may name it. Returns where the rows stand that went. */
generation_rows *generation_writer_adopt(generation_writer *w);
void generation_writer_free(generation_writer *w);

/* generations.c */
int generation_rows_read(storage *s, generation_rows *out, muster_error *err);
bool generation_rows_same(const generation_rows *a, const generation_rows *b);
bool generation_is_missing(const storage *s, int64_t id); /* its file */
/* Files in the directory that no row names. */
void generation_each_stray(const storage *s, const generation_rows *known,
                           void (*each)(void *payload, const char *name),
                           void *payload);
int generation_clean(storage *s, muster_error *err); /* removes these */
/* The highest seq of a row whose file confirms it; 0 when none does. */
int generation_newest_seq(storage *s, uint64_t *out, muster_error *err);
/* What no kept generation needs of the log ends here; 0: nothing. */
int generation_trim_limit(storage *s, uint64_t *out, muster_error *err);

#endif
