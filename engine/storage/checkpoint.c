/*
 * checkpoint.c - the write-ahead log back into the database, and room on disk.
 *
 * A commit appends pages to muster.db-wal; a checkpoint copies them into
 * muster.db and flushes both. Done inside a commit, as SQLite does by itself,
 * it makes every few thousandth commit wait for tens of milliseconds. So
 * SQLite's own is switched off, and a background thread copies on a
 * connection of its own (`side`, opened with the first call) in the mode that
 * waits for nobody.
 *
 * The write-ahead log begins anew with the first commit that finds all of it
 * copied. Under constant writing there is always a newest page that is not,
 * so the file grows; the writer then ends the copying itself between two
 * transactions (storage_checkpoint_now), which is short behind a checkpoint
 * of the background thread.
 *
 * Measured, 10,000 commits of a batch of 4 KiB, one flush each, the background
 * thread copying every 16 MiB: p50 0.15 ms, p99 0.34 ms, p99.9 2.2 ms, the
 * longest 5 ms; six times the writer ended the copying, 7 ms at most. With
 * SQLite's own checkpoints inside commits: 0.16, 0.41, 3.9 and 38 ms. With a
 * bound of 256 MiB: 0.27, 2.5, 4.3 and 78 ms, for a file that grows is
 * flushed with its metadata, and cutting it back takes long.
 *
 * How much of the file is in use SQLite tells with each commit (its hook); the
 * file's own length only tells how much once was.
 *
 * A checkpoint that fails loses nothing: the write-ahead log stays, and
 * SQLite copies it again. A failed write or flush breaks the storage all the
 * same, for the disk is ill.
 *
 * Threads: `side` is used under side_lock, which storage_reopen and
 * storage_checkpoint_now take too; wal_bytes is atomic.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/internal.h"

#include <fcntl.h>
#include "storage/file.h"

/* The writer waits no longer for readers of an old view. */
#define READERS_WAIT_MS 1000
#define FRAME_HEAD_BYTES 24u
#define PAGE_BYTES 16384u

static void set_wal_bytes(storage *s, uint64_t bytes)
{
    __atomic_store_n(&s->wal_bytes, bytes, __ATOMIC_RELEASE);
}

uint64_t storage_wal_bytes(const storage *s)
{
    ASSERT(s != NULL);
    return __atomic_load_n(&s->wal_bytes, __ATOMIC_ACQUIRE);
}

static int after_commit(void *payload, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ASSERT(pages >= 0);
    set_wal_bytes(payload, (uint64_t)pages * (PAGE_BYTES + FRAME_HEAD_BYTES));
    return SQLITE_OK;
}

void checkpoint_watch(storage *s)
{
    char path[STORAGE_PATH_ROOM];
    int fd = -1;
    size_t len = 0;
    storage_path(s, STORAGE_DATABASE "-wal", path);
    if (file_open(&fd, path, O_RDONLY, NULL) == 0)
        file_size(fd, &len, path, NULL);
    file_close(&fd);
    set_wal_bytes(s, len);
    sqlite3_wal_hook(s->db, after_commit, s);
}

/* ---- the connection of the background thread ---- */

void checkpoint_disconnect(storage *s)
{
    if (s->side == NULL)
        return;
    const int rc = sqlite3_close(s->side);
    ASSERT(rc == SQLITE_OK);
    s->side = NULL;
}

static int connect_side(storage *s, muster_error *err)
{
    char path[STORAGE_PATH_ROOM];
    storage_path(s, STORAGE_DATABASE, path);
    int rc = sqlite3_open_v2(path, &s->side,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                                 SQLITE_OPEN_EXRESCODE,
                             NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(s->side, STORAGE_BUSY_MS);
        rc = sqlite3_exec(s->side,
                          "PRAGMA synchronous = FULL;"
                          "PRAGMA wal_autocheckpoint = 0;"
                          "SELECT count(*) FROM sqlite_schema",
                          NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK)
        return 0;
    rc = storage_db_error(s, s->side, rc, "open the database of", err);
    checkpoint_disconnect(s);
    return rc;
}

static int copy_pages(storage *s, bool *behind, muster_error *err)
{
    int pages = 0;
    int copied = 0;
    int rc = s->side == NULL ? connect_side(s, err) : 0;
    if (rc != 0)
        return rc;
    rc = sqlite3_wal_checkpoint_v2(s->side, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                   &pages, &copied);
    *behind = rc != SQLITE_OK || copied < pages;
    if (rc == SQLITE_OK || rc == SQLITE_BUSY)
        return 0;
    return storage_db_error(s, s->side, rc, "write the database of", err);
}

int storage_checkpoint(storage *s, bool *behind, muster_error *err)
{
    ASSERT(s != NULL && !storage_is_reader(s) && behind != NULL);
    *behind = true;
    pthread_mutex_lock(&s->side_lock);
    const int rc =
        storage_is_broken(s)
            ? error_set(err, MUSTER_EIO, "broken",
                        "an earlier write to %s failed; its write-ahead log "
                        "is left as it is",
                        s->dir)
            : copy_pages(s, behind, err);
    pthread_mutex_unlock(&s->side_lock);
    return rc;
}

/* ---- the writer's ---- */

int checkpoint_rest(storage *s, int mode, int wait_ms)
{
    ASSERT(s->db != NULL && !storage_in_transaction(s));
    sqlite3_busy_timeout(s->db, wait_ms);
    const int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, mode, NULL, NULL);
    sqlite3_busy_timeout(s->db, STORAGE_BUSY_MS);
    if (rc == SQLITE_OK)
        set_wal_bytes(s, 0);
    return rc;
}

int storage_checkpoint_now(storage *s, muster_error *err)
{
    ASSERT(s != NULL && !storage_is_reader(s));
    if (storage_is_broken(s))
        return storage_begin(s, err); /* says so */
    pthread_mutex_lock(&s->side_lock);
    const int rc =
        checkpoint_rest(s, SQLITE_CHECKPOINT_RESTART, READERS_WAIT_MS);
    pthread_mutex_unlock(&s->side_lock);
    return rc == SQLITE_OK
               ? 0
               : storage_sql_error(s, rc, "write the database of", err);
}

/* ---- room ---- */

int storage_has_room(const storage *s, uint64_t bytes, bool *room,
                     muster_error *err)
{
    ASSERT(s != NULL && room != NULL);
    uint64_t free_bytes = 0;
    const int rc = file_room(s->dir, &free_bytes, err);
    *room = rc == 0 && free_bytes >= bytes;
    return rc;
}
