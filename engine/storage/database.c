/*
 * database.c - SQLite: opening a data directory, its lock, transactions and
 * statements.
 *
 * SQLite runs with a write-ahead log and synchronous=FULL: a commit that
 * returned is on disk. Pages of 16 KiB carry the blobs of the change log at
 * full disk speed. The directory's `lock` file is flocked by the one writer
 * for as long as it is open, longer than any transaction, because the
 * writer's memory is a state of its own; readers take no lock.
 *
 * A reader needs the -shm file beside the database. Where it may not write to
 * the directory, SQLite reads without it if it can; the last resort is to
 * open the file as one that nobody changes, which is right only if there is
 * no write-ahead log and no writer, so both are looked at before.
 *
 * After a failed write or flush (SQLITE_IOERR) the handle is broken: what the
 * disk holds is unknown, so nothing more is written or acknowledged until the
 * directory is opened again (storage_reopen). A full disk is no such failure:
 * the transaction is rolled back and a later one may succeed.
 *
 * Reopening trusts no page that is only in the kernel's cache, for a failed
 * flush may have called it clean: SQLite recovers the write-ahead log and
 * copies all of it into the database, which writes and flushes it anew.
 *
 * Threads: this connection belongs to the writer's (SQLITE_OPEN_NOMUTEX), as
 * all of the handle does but what storage.h names; the flag `broken` and the
 * background thread's connection (checkpoint.c) are shared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "storage/file.h"

#define KEY_NAME "muster.key"
#define COLUMNS_MAX 32
#define STATEMENTS_MAX 512

static const char pragmas_common[] = "PRAGMA foreign_keys = ON;"
                                     "PRAGMA trusted_schema = OFF;"
                                     "PRAGMA cell_size_check = ON;"
                                     "PRAGMA temp_store = MEMORY;";
static const char pragmas_new[] = "PRAGMA page_size = 16384;";
static const char pragmas_write[] = "PRAGMA journal_mode = WAL;"
                                    "PRAGMA synchronous = FULL;"
                                    "PRAGMA wal_autocheckpoint = 0;"
                                    "PRAGMA journal_size_limit = 67108864;";

/* ---- errors ---- */

static int code_of(int sqlite_rc, const char **word)
{
    switch (sqlite_rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        *word = "busy";
        return MUSTER_EBUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        *word = "bad_database";
        return MUSTER_ECORRUPT;
    case SQLITE_CONSTRAINT:
        *word = "constraint";
        return MUSTER_ECONFLICT;
    case SQLITE_TOOBIG:
        *word = "too_big";
        return MUSTER_ELIMIT;
    case SQLITE_READONLY:
        *word = "read_only";
        return MUSTER_EREFUSED;
    case SQLITE_INTERRUPT:
        *word = "cancelled";
        return MUSTER_ECANCELLED;
    default:
        *word = "io";
        return MUSTER_EIO;
    }
}

void storage_break(storage *s)
{
    __atomic_add_fetch(&s->breaks, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&s->broken, true, __ATOMIC_RELEASE);
}

bool storage_is_broken(const storage *s)
{
    ASSERT(s != NULL);
    return __atomic_load_n(&s->broken, __ATOMIC_ACQUIRE);
}

bool storage_is_reader(const storage *s)
{
    return s->mode == STORAGE_READ || s->mode == STORAGE_EXAMINE;
}

bool storage_in_transaction(const storage *s)
{
    return s->db != NULL && sqlite3_get_autocommit(s->db) == 0;
}

/* SQLite tells a full disk of a write; of other calls errno does. */
static bool is_disk_full(sqlite3 *db, int sqlite_rc)
{
    if ((sqlite_rc & 0xff) == SQLITE_FULL)
        return true;
    if ((sqlite_rc & 0xff) != SQLITE_IOERR || db == NULL)
        return false;
    const int reason = sqlite3_system_errno(db);
    return reason == ENOSPC || reason == EDQUOT;
}

int storage_db_error(storage *s, sqlite3 *db, int sqlite_rc, const char *act,
                     muster_error *err)
{
    ASSERT(sqlite_rc != SQLITE_OK && act != NULL);
    ASSERT((sqlite_rc & 0xff) != SQLITE_NOMEM);
    ASSERT((sqlite_rc & 0xff) != SQLITE_MISUSE);
    const char *word = NULL;
    const int code = code_of(sqlite_rc, &word);
    if ((sqlite_rc & 0xff) == SQLITE_IOERR && !storage_is_reader(s))
        storage_break(s);
    if (is_disk_full(db, sqlite_rc))
        return error_set(err, MUSTER_EIO, "disk_full",
                         "cannot %s %s: no room is left; free space on its "
                         "file system (reading goes on)",
                         act, s->dir);
    return error_set(err, code, word, "cannot %s %s: %s", act, s->dir,
                     db != NULL ? sqlite3_errmsg(db)
                                : sqlite3_errstr(sqlite_rc));
}

int storage_sql_error(storage *s, int sqlite_rc, const char *act,
                      muster_error *err)
{
    return storage_db_error(s, s->db, sqlite_rc, act, err);
}

static int check_usable(const storage *s, muster_error *err)
{
    if (!storage_is_broken(s))
        return 0;
    return error_set(err, MUSTER_EIO, "broken",
                     "an earlier write to %s failed; nothing more is written "
                     "until it is opened again",
                     s->dir);
}

int storage_exec(storage *s, const char *sql, const char *act,
                 muster_error *err)
{
    const int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : storage_sql_error(s, rc, act, err);
}

int storage_query_int(storage *s, const char *sql, int64_t *out,
                      muster_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ASSERT(out != NULL);
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    const int result = rc == SQLITE_ROW || rc == SQLITE_DONE
                           ? 0
                           : storage_sql_error(s, rc, "read", err);
    sqlite3_finalize(stmt);
    return result;
}

/* ---- the directory ---- */

void storage_path(const storage *s, const char *name, char *out)
{
    const int len = snprintf(out, STORAGE_PATH_ROOM, "%s/%s", s->dir, name);
    ASSERT(len > 0 && (size_t)len < STORAGE_PATH_ROOM);
}

static int no_data(const storage *s, muster_error *err)
{
    return error_set(err, MUSTER_ENOTFOUND, "no_data",
                     "no data directory at %s; create one by loading a file: "
                     "muster load FILE",
                     s->dir);
}

/* Our own files, and a key that was put there before. */
static bool is_expected(const char *name)
{
    static const char *const prefixes[] = {KEY_NAME, STORAGE_DATABASE};
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        strcmp(name, STORAGE_LOCK) == 0 || strcmp(name, STORAGE_MARK) == 0 ||
        strcmp(name, "lost+found") == 0)
        return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* A directory without a database may become ours only if nobody else's
 * files are in it. */
static int check_fresh(const storage *s, muster_error *err)
{
    DIR *dir = opendir(s->dir);
    if (dir == NULL)
        return error_errno(err, "read", s->dir);
    int rc = 0;
    const struct dirent *entry;
    while (rc == 0 && (entry = readdir(dir)) != NULL)
        if (!is_expected(entry->d_name))
            rc = error_set(err, MUSTER_EREFUSED, "not_muster",
                           "%s is not empty and not a Muster data directory",
                           s->dir);
    closedir(dir);
    return rc;
}

/* *fresh: there is no database yet, and one may be made. *made: we made the
 * directory. */
static int find_directory(const storage *s, bool *fresh, bool *made,
                          muster_error *err)
{
    struct stat st;
    char path[STORAGE_PATH_ROOM];
    if (stat(s->dir, &st) != 0) {
        if (errno != ENOENT)
            return error_errno(err, "open", s->dir);
        if (s->mode != STORAGE_CREATE)
            return no_data(s, err);
        *fresh = true;
        const int rc = file_make_directory(s->dir, err);
        *made = rc == 0;
        return rc;
    }
    if (!S_ISDIR(st.st_mode))
        return error_set(err, MUSTER_EIO, "not_a_directory",
                         "%s is not a directory", s->dir);
    storage_path(s, STORAGE_DATABASE, path);
    const bool found = stat(path, &st) == 0;
    if (!found && errno != ENOENT)
        return error_errno(err, "open", path);
    if (found && st.st_size > 0)
        return 0;
    if (s->mode != STORAGE_CREATE)
        return no_data(s, err);
    *fresh = true;
    return check_fresh(s, err);
}

/* Names the process that holds the lock, as far as the file tells. */
static int locked(const char *dir, const char *path, muster_error *err)
{
    char text[32] = "";
    char holder[64] = "another process";
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        const ssize_t len = read(fd, text, sizeof text - 1);
        text[len > 0 ? len : 0] = '\0';
        close(fd);
    }
    const long pid = strtol(text, NULL, 10);
    if (pid > 0)
        snprintf(holder, sizeof holder, "another process (%ld)", pid);
    return error_set(err, MUSTER_EBUSY, "locked",
                     "%s is writing to %s; it has to end first", holder, dir);
}

/* Is the open file still the one of that name? */
static bool is_file_at(int fd, const char *path)
{
    struct stat opened;
    struct stat named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
           opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

int storage_lock(const char *dir, int *fd, muster_error *err)
{
    char path[STORAGE_PATH_ROOM];
    char text[32];
    ASSERT(strlen(dir) < STORAGE_PATH_MAX && *fd < 0);
    snprintf(path, sizeof path, "%s/" STORAGE_LOCK, dir);
    int rc = file_open(fd, path, O_RDWR | O_CREAT, err);
    if (rc != 0)
        return rc;
    rc = file_lock(*fd, true, path, err);
    if (rc == 0 && !is_file_at(*fd, path))
        rc = MUSTER_EBUSY; /* its holder took it away while we waited */
    if (rc == MUSTER_EBUSY)
        locked(dir, path, err);
    if (rc != 0) {
        file_close(fd);
        return rc;
    }
    const int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    rc = file_truncate(*fd, 0, path, err);
    return rc != 0 ? rc : file_write(*fd, text, (size_t)len, path, err);
}

/* ---- opening the database ---- */

static int connect_database(storage *s, const char *name, int flags)
{
    ASSERT(s->db == NULL);
    const int rc = sqlite3_open_v2(
        name, &s->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
        NULL);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_busy_timeout(s->db, STORAGE_BUSY_MS);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return SQLITE_OK;
}

static void disconnect_database(storage *s)
{
    if (s->db == NULL)
        return;
    const int rc = sqlite3_close(s->db);
    ASSERT(rc == SQLITE_OK);
    s->db = NULL;
}

/* "file:<path>?immutable=1", with what has a meaning in it escaped. */
static void immutable_uri(buffer *out, const char *path)
{
    buffer_put_str(out, "file:");
    for (const char *p = path; *p != '\0'; p++) {
        if (strchr("%?#", *p) != NULL)
            buffer_printf(out, "%%%02x", (unsigned)(unsigned char)*p);
        else
            buffer_put_u8(out, (uint8_t)*p);
    }
    buffer_put_str(out, "?immutable=1");
}

/* May the database be read as a file that nobody changes? */
static int check_still(storage *s, muster_error *err)
{
    char path[STORAGE_PATH_ROOM];
    struct stat st;
    storage_path(s, STORAGE_DATABASE "-wal", path);
    if (stat(path, &st) == 0 && st.st_size > 0) {
        error_set(err, MUSTER_EIO, "unreadable",
                  "%s holds changes that can only be read with write "
                  "permission on the directory",
                  s->dir);
        error_suggest(err,
                      "run it as the owner of %s, or let the writer end "
                      "properly first",
                      s->dir);
        return MUSTER_EIO;
    }
    storage_path(s, STORAGE_LOCK, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const int rc = file_lock(fd, false, path, err);
    file_close(&fd);
    return rc == MUSTER_EBUSY ? locked(s->dir, path, err) : rc;
}

static bool is_access_problem(int sqlite_rc)
{
    const int primary = sqlite_rc & 0xff;
    return primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY ||
           primary == SQLITE_PERM;
}

/* A first read decides whether the database can be read as it is. */
static int probe(storage *s)
{
    return sqlite3_exec(s->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL,
                        NULL);
}

static int open_for_reading(storage *s, const char *path, muster_error *err)
{
    int rc = connect_database(s, path, SQLITE_OPEN_READONLY);
    if (rc == SQLITE_OK)
        rc = probe(s);
    if (rc == SQLITE_OK)
        return 0;
    if (!is_access_problem(rc) || access(path, R_OK) != 0)
        return storage_sql_error(s, rc, "open the database of", err);
    disconnect_database(s);
    const int still = check_still(s, err);
    if (still != 0)
        return still;
    buffer uri;
    buffer_init(&uri, (size_t)4 * STORAGE_PATH_ROOM);
    immutable_uri(&uri, path);
    ASSERT(buffer_ok(&uri));
    rc = connect_database(s, buffer_cstr(&uri),
                          SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    buffer_release(&uri);
    if (rc == SQLITE_OK)
        rc = probe(s);
    return rc == SQLITE_OK
               ? 0
               : storage_sql_error(s, rc, "open the database of", err);
}

/* The file is made by us, so that nobody else can read it; SQLite gives its
 * other files the same mode. */
static int make_database_file(const char *path, muster_error *err)
{
    int fd = -1;
    const int rc = file_open(&fd, path, O_RDWR | O_CREAT, err);
    file_close(&fd);
    return rc;
}

static int open_for_writing(storage *s, const char *path, bool fresh,
                            muster_error *err)
{
    if (fresh) {
        const int made = make_database_file(path, err);
        if (made != 0)
            return made;
    }
    const int rc = connect_database(s, path, SQLITE_OPEN_READWRITE);
    return rc == SQLITE_OK
               ? 0
               : storage_sql_error(s, rc, "open the database of", err);
}

static int fill_fresh(storage *s, bool made, muster_error *err)
{
    int rc = storage_exec(s, pragmas_new, "write to", err);
    if (rc == 0)
        rc = storage_exec(s, pragmas_write, "write to", err);
    if (rc == 0)
        rc = schema_create(s, err);
    if (rc == 0)
        rc = file_sync_directory(s->dir, err);
    if (rc == 0 && made) {
        char parent[STORAGE_PATH_ROOM];
        storage_path(s, "..", parent);
        rc = file_sync_directory(parent, err);
    }
    return rc;
}

/* What to do with a directory as find_directory found it. */
typedef struct opening {
    bool create; /* an empty database may be filled */
    bool fresh;
    bool made;
} opening;

static int open_database(storage *s, opening how, muster_error *err)
{
    char path[STORAGE_PATH_ROOM];
    bool empty = false;
    storage_path(s, STORAGE_DATABASE, path);
    int rc = storage_is_reader(s) ? open_for_reading(s, path, err)
                                  : open_for_writing(s, path, how.fresh, err);
    if (rc == 0)
        rc = schema_check(s, &empty, err);
    if (rc != 0)
        return rc;
    if (empty && !how.create)
        return no_data(s, err);
    rc = storage_exec(s, pragmas_common, "open the database of", err);
    if (rc != 0 || storage_is_reader(s))
        return rc;
    if (empty)
        rc = fill_fresh(s, how.made, err);
    else
        rc = storage_exec(s, pragmas_write, "write to", err);
    if (rc == 0)
        rc = schema_migrate(s, err);
    if (rc == 0)
        checkpoint_watch(s);
    return rc;
}

static void close_database(storage *s, bool checkpoint)
{
    for (size_t i = 0; i < s->statement_count; i++)
        sqlite3_finalize(s->statements[i].stmt);
    s->statement_count = 0;
    s->statement_capacity = 0;
    mem_free(s->statements);
    s->statements = NULL;
    checkpoint_disconnect(s);
    if (s->db == NULL)
        return;
    storage_rollback(s);
    if (!checkpoint)
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    else if (!storage_is_reader(s))
        sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
                                  NULL);
    disconnect_database(s);
}

/* What a failed creation leaves: nothing. The lock is still held. */
static void remove_made(const char *dir)
{
    static const char *const names[] = {
        STORAGE_LOCK, STORAGE_DATABASE, STORAGE_DATABASE "-wal",
        STORAGE_DATABASE "-shm"};
    char path[STORAGE_PATH_ROOM];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

static storage *storage_new(const char *dir, storage_mode mode)
{
    storage *s = mem_zalloc(sizeof *s);
    s->dir = mem_strdup(dir);
    s->mode = mode;
    s->lock_fd = -1;
    s->mark_fd = -1;
    s->load_count = -1;
    const int rc = pthread_mutex_init(&s->side_lock, NULL);
    ASSERT(rc == 0);
    return s;
}

static int open_storage(storage **out, const char *dir, storage_mode mode,
                        bool lock, muster_error *err)
{
    ASSERT(out != NULL && dir != NULL);
    *out = NULL;
    if (dir[0] == '\0' || strlen(dir) >= STORAGE_PATH_MAX)
        return error_set(err, MUSTER_EINVAL, "bad_path",
                         "the path of the data directory is empty or too "
                         "long");
    storage *s = storage_new(dir, mode);
    opening how = {.create = mode == STORAGE_CREATE};
    int rc = find_directory(s, &how.fresh, &how.made, err);
    if (rc == 0 && lock && !storage_is_reader(s))
        rc = storage_lock(s->dir, &s->lock_fd, err);
    if (rc == 0)
        rc = open_database(s, how, err);
    if (rc == 0)
        rc = log_open(s, err);
    if (rc == 0 && !storage_is_reader(s))
        rc = generation_clean(s, err);
    if (rc != 0) {
        close_database(s, false);
        if (how.made && s->lock_fd >= 0) /* else another made it his own */
            remove_made(dir);
        storage_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

int storage_open(storage **out, const char *dir, storage_mode mode,
                 muster_error *err)
{
    return open_storage(out, dir, mode, true, err);
}

int storage_open_locked(storage **out, const char *dir, muster_error *err)
{
    return open_storage(out, dir, STORAGE_WRITE, false, err);
}

void storage_close(storage *s)
{
    if (s == NULL)
        return;
    /* of a broken one nobody knows what a checkpoint would write */
    close_database(s, !storage_is_broken(s));
    file_close(&s->mark_fd);
    file_close(&s->lock_fd);
    pthread_mutex_destroy(&s->side_lock);
    mem_free(s->dir);
    mem_free(s);
}

/* What was in doubt is written again and flushed, or not there. */
static int make_sure(storage *s, muster_error *err)
{
    const int rc =
        checkpoint_rest(s, SQLITE_CHECKPOINT_TRUNCATE, STORAGE_BUSY_MS);
    return rc == SQLITE_OK ? 0 : storage_sql_error(s, rc, "write to", err);
}

int storage_reopen(storage *s, muster_error *err)
{
    ASSERT(s != NULL && !storage_is_reader(s) && s->lock_fd >= 0);
    const opening how = {.create = false};
    pthread_mutex_lock(&s->side_lock);
    close_database(s, false);
    __atomic_store_n(&s->broken, false, __ATOMIC_RELEASE);
    int rc = open_database(s, how, err);
    if (rc == 0)
        rc = make_sure(s, err);
    if (rc == 0)
        rc = log_open(s, err);
    if (rc != 0) {
        close_database(s, false);
        storage_break(s);
    }
    pthread_mutex_unlock(&s->side_lock);
    return rc;
}

/* ---- transactions ---- */

int storage_begin(storage *s, muster_error *err)
{
    ASSERT(s != NULL);
    const int rc = check_usable(s, err);
    if (rc != 0)
        return rc;
    ASSERT(!storage_in_transaction(s));
    return storage_run(s, storage_is_reader(s) ? "BEGIN" : "BEGIN IMMEDIATE",
                       NULL, 0, err);
}

int storage_commit(storage *s, muster_error *err)
{
    ASSERT(s != NULL);
    const bool appended = s->log_last != s->log_last_committed;
    int rc = check_usable(s, err);
    if (rc != 0)
        return rc;
    ASSERT(storage_in_transaction(s));
    if (appended)
        rc = log_note_last(s, err);
    if (rc == 0)
        rc = storage_run(s, "COMMIT", NULL, 0, err);
    if (rc != 0)
        return rc;
    s->log_last_committed = s->log_last;
    if (appended)
        (void)storage_mark(s, NULL);
    return 0;
}

void storage_rollback(storage *s)
{
    ASSERT(s != NULL);
    if (storage_in_transaction(s))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->log_last = s->log_last_committed;
    s->trim_known = false;
    s->load_count = -1;
}

/* ---- statements ---- */

storage_value storage_int(int64_t v)
{
    return (storage_value){.type = STORAGE_INT, .integer = v};
}

storage_value storage_text(muster_text v)
{
    return (storage_value){.type = STORAGE_TEXT, .bytes = v.ptr, .len = v.len};
}

storage_value storage_blob(const void *bytes, size_t len)
{
    return (storage_value){.type = STORAGE_BLOB, .bytes = bytes, .len = len};
}

storage_value storage_null(void)
{
    return (storage_value){.type = STORAGE_NULL};
}

/* The prepared form of a literal, kept until close. */
static int find_statement(storage *s, const char *sql, sqlite3_stmt **out,
                          muster_error *err)
{
    for (size_t i = 0; i < s->statement_count; i++) {
        if (s->statements[i].sql == sql) {
            *out = s->statements[i].stmt;
            return 0;
        }
    }
    ASSERT(s->statement_count < STATEMENTS_MAX);
    const int rc = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                      out, NULL);
    if (rc != SQLITE_OK)
        return storage_sql_error(s, rc, "use", err);
    mem_grow(&s->statements, &s->statement_capacity, s->statement_count + 1,
             sizeof *s->statements);
    s->statements[s->statement_count++] = (statement){sql, *out};
    return 0;
}

static int bind_value(sqlite3_stmt *stmt, int at, const storage_value *v)
{
    switch (v->type) {
    case STORAGE_NULL:
        return sqlite3_bind_null(stmt, at);
    case STORAGE_INT:
        return sqlite3_bind_int64(stmt, at, v->integer);
    case STORAGE_TEXT:
        return sqlite3_bind_text64(stmt, at, v->bytes != NULL ? v->bytes : "",
                                   v->len, SQLITE_STATIC, SQLITE_UTF8);
    case STORAGE_BLOB:
        return sqlite3_bind_blob64(stmt, at, v->bytes != NULL ? v->bytes : "",
                                   v->len, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

static storage_value column_value(sqlite3_stmt *stmt, int at)
{
    storage_value v = {.type = STORAGE_NULL};
    switch (sqlite3_column_type(stmt, at)) {
    case SQLITE_INTEGER:
    case SQLITE_FLOAT:
        return storage_int(sqlite3_column_int64(stmt, at));
    case SQLITE_TEXT:
        v.type = STORAGE_TEXT;
        v.bytes = sqlite3_column_text(stmt, at);
        v.len = (size_t)sqlite3_column_bytes(stmt, at);
        return v;
    case SQLITE_BLOB:
        v.type = STORAGE_BLOB;
        v.bytes = sqlite3_column_blob(stmt, at);
        v.len = (size_t)sqlite3_column_bytes(stmt, at);
        return v;
    default:
        return v;
    }
}

/* Steps to the end; `row` may be NULL. */
static int walk_rows(storage *s, sqlite3_stmt *stmt, storage_row_fn row,
                     void *payload, muster_error *err)
{
    storage_value columns[COLUMNS_MAX];
    const int count = sqlite3_column_count(stmt);
    ASSERT(count <= COLUMNS_MAX);
    int rc = SQLITE_DONE;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (row == NULL)
            continue;
        for (int i = 0; i < count; i++)
            columns[i] = column_value(stmt, i);
        const int stop = row(payload, columns, (size_t)count, err);
        if (stop != 0)
            return stop;
    }
    return rc == SQLITE_DONE ? 0 : storage_sql_error(s, rc, "use", err);
}

int storage_each(storage *s, const char *sql, const storage_value *args,
                 size_t arg_count, storage_row_fn row, void *payload,
                 muster_error *err)
{
    ASSERT(s != NULL && sql != NULL);
    sqlite3_stmt *stmt = NULL;
    int rc = check_usable(s, err);
    if (rc == 0)
        rc = find_statement(s, sql, &stmt, err);
    if (rc != 0)
        return rc;
    ASSERT(!sqlite3_stmt_busy(stmt)); /* a walk inside itself */
    ASSERT((size_t)sqlite3_bind_parameter_count(stmt) == arg_count);
    for (size_t i = 0; rc == 0 && i < arg_count; i++) {
        const int bound = bind_value(stmt, (int)i + 1, &args[i]);
        if (bound != SQLITE_OK)
            rc = storage_sql_error(s, bound, "use", err);
    }
    if (rc == 0)
        rc = walk_rows(s, stmt, row, payload, err);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return rc;
}

int storage_run(storage *s, const char *sql, const storage_value *args,
                size_t arg_count, muster_error *err)
{
    return storage_each(s, sql, args, arg_count, NULL, NULL, err);
}
