/*
 * copy.c - a consistent copy of a data directory that is written to.
 *
 * The database is copied by SQLite itself (VACUUM INTO) inside one read
 * transaction: the state of one commit, without the pages that are free, and
 * without a pause for the writer. A backup page by page would begin again with
 * each commit of another process. The files of generations are opened before,
 * so that one which the writer removes meanwhile can still be read; when the
 * copied rows name one that came later and is gone already, all is done
 * again, a few times. One that is gone while its row still stands is lost,
 * which is damage.
 *
 * Of the generations the newest sound one goes along, read back and checked;
 * the rows of the others are deleted in the copy. The log stays as it is. The
 * copy's log gets a new identity and no mark: it is another life, whose end
 * the marks of this one say nothing of. It is left in rollback mode, without
 * files beside it, so that it can be read where nobody may write.
 *
 * The lock of the target is held from before the first file is made until
 * the last is flushed or removed, so that nobody opens a part of a copy for
 * writing and two copies cannot meet. No file that was there is written to:
 * it may be another name of one that is kept elsewhere. What was made is
 * removed when it fails; a manifest that tells a whole copy is the caller's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "storage/file.h"

#define TRIES_MAX 5
#define HELD_MAX 8u
#define PIECE_BYTES ((size_t)1 << 20)
#define OPERATIONS_PER_STEP 1000

typedef struct held_file {
    int64_t id;
    int fd;
} held_file;

typedef struct copying {
    const char *from;
    const char *to;
    storage_step_fn step;
    void *payload;
    int stopped; /* what step returned */
    uint64_t total;
    held_file held[HELD_MAX];
    size_t held_count;
    int lock_fd;        /* of `to` */
    bool made;          /* `to` is ours */
    bool made_database; /* and the one in it */
    bool gone;          /* the writer beside us was faster */
    int64_t copied;     /* the generation in `to`; 0: none */
} copying;

static void path_in(char *out, const char *dir, const char *name)
{
    const int len = snprintf(out, STORAGE_PATH_ROOM, "%s/%s", dir, name);
    ASSERT(len > 0 && (size_t)len < STORAGE_PATH_ROOM);
}

/* Remembers a stop: it may have to pass through SQLite. */
static int take_step(copying *c, const char *what, uint64_t done,
                     uint64_t total)
{
    if (c->step != NULL && c->stopped == 0)
        c->stopped = c->step(c->payload, what, done, total);
    return c->stopped;
}

static int stopped(const copying *c, muster_error *err)
{
    error_set(err, c->stopped, "cancelled", "the copy of %s was stopped",
              c->from);
    return c->stopped;
}

/* ---- the target ---- */

/* Of another life that was in this directory. */
static void remove_mark(const copying *c)
{
    char path[STORAGE_PATH_ROOM];
    path_in(path, c->to, STORAGE_MARK);
    file_unlink(path, NULL);
}

static int check_target(const char *to, muster_error *err)
{
    static const char *const names[] = {STORAGE_DATABASE,
                                        STORAGE_DATABASE "-wal",
                                        STORAGE_DATABASE "-journal"};
    char path[STORAGE_PATH_ROOM];
    struct stat st;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_in(path, to, names[i]);
        if (stat(path, &st) == 0)
            return error_set(err, MUSTER_ECONFLICT, "exists",
                             "%s holds a database already", to);
        if (errno != ENOENT)
            return error_errno(err, "examine", path);
    }
    return 0;
}

static int make_target(copying *c, muster_error *err)
{
    const char *to = c->to;
    struct stat st;
    if (to[0] == '\0' || strlen(to) >= STORAGE_PATH_MAX)
        return error_set(err, MUSTER_EINVAL, "bad_path",
                         "the path of the copy is empty or too long");
    if (stat(to, &st) != 0) {
        const int rc = file_make_directory(to, err);
        c->made = rc == 0;
        return rc;
    }
    if (!S_ISDIR(st.st_mode))
        return error_set(err, MUSTER_EIO, "not_a_directory",
                         "%s is not a directory", to);
    return check_target(to, err);
}

/* Whoever was faster has made one by now. */
static int lock_target(copying *c, muster_error *err)
{
    int rc = storage_lock(c->to, &c->lock_fd, err);
    if (rc != 0)
        return rc;
    rc = check_target(c->to, err);
    if (rc != 0) /* the file is not ours alone */
        file_close(&c->lock_fd);
    return rc;
}

static void remove_database(copying *c)
{
    static const char *const names[] = {
        STORAGE_DATABASE "-wal", STORAGE_DATABASE "-shm",
        STORAGE_DATABASE "-journal", STORAGE_DATABASE};
    char path[STORAGE_PATH_ROOM];
    if (!c->made_database)
        return;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_in(path, c->to, names[i]);
        file_unlink(path, NULL);
    }
    c->made_database = false;
}

/* ---- generations ---- */

static void hold_files(copying *c, storage *s)
{
    generation_rows rows;
    if (generation_rows_read(s, &rows, NULL) != 0)
        return;
    for (size_t i = 0; i < rows.count && c->held_count < HELD_MAX; i++) {
        held_file *held = &c->held[c->held_count];
        char *path = generation_path(c->from, rows.rows[i].id, "mgen");
        held->id = rows.rows[i].id;
        if (file_open(&held->fd, path, O_RDONLY, NULL) == 0)
            c->held_count++;
        mem_free(path);
    }
    mem_free(rows.rows);
}

static void release_files(copying *c)
{
    for (size_t i = 0; i < c->held_count; i++)
        file_close(&c->held[i].fd);
    c->held_count = 0;
}

/* A file is not there. Its row went first if the writer removed it, so a look
 * that begins now shows. */
static int missing_file(copying *c, int64_t id, muster_error *err)
{
    storage *s = NULL;
    generation_rows rows;
    bool stands = false;
    int rc = storage_open(&s, c->from, STORAGE_READ, err);
    if (rc != 0)
        return rc;
    rc = generation_rows_read(s, &rows, err);
    for (size_t i = 0; i < rows.count; i++)
        stands |= rows.rows[i].id == id;
    mem_free(rows.rows);
    storage_close(s);
    if (rc != 0)
        return rc;
    if (stands)
        return error_set(err, MUSTER_ECORRUPT, "bad_generation",
                         "%s/gen-%lld.mgen is missing", c->from,
                         (long long)id);
    c->gone = true;
    return error_set(err, MUSTER_EBUSY, "generation_gone",
                     "%s is written to faster than it can be copied", c->from);
}

/* Takes the held file over, or opens the one of that name. */
static int find_file(copying *c, int64_t id, int *fd, muster_error *err)
{
    for (size_t i = 0; i < c->held_count; i++) {
        if (c->held[i].id != id)
            continue;
        *fd = c->held[i].fd;
        c->held[i] = c->held[--c->held_count];
        return 0;
    }
    char *path = generation_path(c->from, id, "mgen");
    int rc = file_open(fd, path, O_RDONLY, err);
    if (rc != 0 && errno == ENOENT)
        rc = missing_file(c, id, err);
    mem_free(path);
    return rc;
}

static int copy_bytes(copying *c, int from, const char *from_path, int to,
                      const char *to_path, muster_error *err)
{
    size_t total = 0;
    size_t got = 1; /* 0: it has become shorter, which reading back shows */
    int rc = file_size(from, &total, from_path, err);
    uint8_t *piece = mem_alloc(PIECE_BYTES);
    for (uint64_t done = 0; rc == 0 && got != 0 && done < total; done += got) {
        if (take_step(c, strrchr(to_path, '/') + 1, done, total) != 0)
            rc = stopped(c, err);
        if (rc == 0)
            rc = file_read_at(from, piece, PIECE_BYTES, done, &got, from_path,
                              err);
        if (rc == 0)
            rc = file_write(to, piece, got, to_path, err);
    }
    mem_free(piece);
    return rc != 0 ? rc : file_sync(to, to_path, err);
}

static int copy_file(copying *c, int64_t id, muster_error *err)
{
    int from = -1;
    int to = -1;
    int rc = find_file(c, id, &from, err);
    if (rc != 0)
        return rc;
    char *from_path = generation_path(c->from, id, "mgen");
    char *to_path = generation_path(c->to, id, "mgen");
    rc = file_unlink(to_path, err); /* of another life */
    if (rc == 0)
        rc = file_open(&to, to_path, O_WRONLY | O_CREAT | O_EXCL, err);
    if (rc == 0) {
        c->copied = id;
        rc = copy_bytes(c, from, from_path, to, to_path, err);
    }
    file_close(&to);
    file_close(&from);
    mem_free(from_path);
    mem_free(to_path);
    return rc;
}

static void remove_copied(copying *c)
{
    if (c->copied == 0)
        return;
    char *path = generation_path(c->to, c->copied, "mgen");
    file_unlink(path, NULL);
    mem_free(path);
    c->copied = 0;
}

static void remove_all(copying *c)
{
    remove_database(c);
    remove_copied(c);
}

/* Its file goes while it is held: who opened it sees that. A copy that it
 * stays in is none, for the caller takes what lies there as flushed. */
static int unlock_target(copying *c, int rc, muster_error *err)
{
    char path[STORAGE_PATH_ROOM];
    if (c->lock_fd < 0)
        return rc;
    path_in(path, c->to, STORAGE_LOCK);
    const int left = file_unlink(path, rc == 0 ? err : NULL);
    if (rc == 0 && left != 0)
        remove_all(c);
    file_close(&c->lock_fd);
    return rc != 0 ? rc : left;
}

static int copy_checked(copying *c, const storage *s,
                        const generation_row *row, muster_error *err)
{
    generation *g = NULL;
    int rc = copy_file(c, row->id, err);
    if (rc == 0)
        rc = generation_open_row(&g, s, row, true, err);
    generation_close(g);
    if (rc != 0)
        remove_copied(c);
    return rc;
}

/* The newest that is sound, read back from the copy. */
static int copy_newest(copying *c, storage *s, muster_error *err)
{
    generation_rows rows;
    muster_error first;
    error_clear(&first);
    int rc = generation_rows_read(s, &rows, err);
    for (size_t i = 0; rc == 0 && c->copied == 0 && i < rows.count; i++) {
        muster_error reason;
        error_clear(&reason);
        rc = copy_checked(c, s, &rows.rows[i], &reason);
        if (first.code == 0)
            first = reason;
        if (rc == MUSTER_ECORRUPT)
            rc = 0; /* the one before stands in */
        else if (rc != 0 && err != NULL)
            *err = reason;
    }
    if (rc == 0 && rows.count != 0 && c->copied == 0)
        rc = error_set(err, MUSTER_ECORRUPT, "no_generation",
                       "none of the %zu generations in %s can be copied: %s",
                       rows.count, c->from, first.message);
    mem_free(rows.rows);
    return rc;
}

/* ---- the database ---- */

static int on_progress(void *payload)
{
    copying *c = payload;
    char path[STORAGE_PATH_ROOM];
    struct stat st;
    path_in(path, c->to, STORAGE_DATABASE);
    const uint64_t done = stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
    return take_step(c, STORAGE_DATABASE, done < c->total ? done : c->total,
                     c->total);
}

static int vacuum_into(copying *c, storage *s, muster_error *err)
{
    int64_t pages = 0;
    int64_t page_bytes = 0;
    char path[STORAGE_PATH_ROOM];
    int fd = -1;
    muster_error reason;
    int rc = storage_query_int(s, "PRAGMA page_count", &pages, err);
    if (rc == 0)
        rc = storage_query_int(s, "PRAGMA page_size", &page_bytes, err);
    c->total = (uint64_t)pages * (uint64_t)page_bytes;
    path_in(path, c->to, STORAGE_DATABASE);
    if (rc == 0) /* made by us, so that nobody else can read it */
        rc = file_open(&fd, path, O_RDWR | O_CREAT | O_EXCL, err);
    file_close(&fd);
    if (rc != 0)
        return rc;
    c->made_database = true;
    const storage_value target = storage_text(text_of(path));
    sqlite3_progress_handler(s->db, OPERATIONS_PER_STEP, on_progress, c);
    rc = storage_run(s, "VACUUM INTO ?", &target, 1, &reason);
    sqlite3_progress_handler(s->db, 0, NULL, NULL);
    if (c->stopped != 0)
        return stopped(c, err);
    if (rc == 0)
        return 0;
    return error_set(err, rc, reason.word,
                     "cannot copy %s/" STORAGE_DATABASE " to %s: %s", c->from,
                     path, sqlite3_errmsg(s->db));
}

static int copy_database(copying *c, muster_error *err)
{
    storage *s = NULL;
    int rc = storage_open(&s, c->from, STORAGE_READ, err);
    if (rc != 0)
        return rc;
    hold_files(c, s);
    rc = vacuum_into(c, s, err);
    storage_close(s);
    return rc;
}

/* Names the one generation, and the log anew. */
static int settle(copying *c, storage *s, muster_error *err)
{
    const storage_value id = storage_int(c->copied);
    int rc = storage_begin(s, err);
    if (rc == 0)
        rc = storage_run(s, "DELETE FROM generation WHERE id <> ?", &id, 1,
                         err);
    if (rc == 0)
        rc = storage_run(s,
                         "UPDATE meta SET value = random() "
                         "WHERE key = 'log_id'",
                         NULL, 0, err);
    if (rc == 0)
        rc = storage_commit(s, err);
    if (rc == 0)
        rc = storage_exec(s, "PRAGMA journal_mode = DELETE", "write to", err);
    return rc;
}

static int flush_copy(const copying *c, muster_error *err)
{
    char path[STORAGE_PATH_ROOM];
    char parent[STORAGE_PATH_ROOM];
    int fd = -1;
    path_in(path, c->to, STORAGE_DATABASE);
    int rc = file_open(&fd, path, O_RDWR, err);
    if (rc == 0)
        rc = file_sync(fd, path, err);
    file_close(&fd);
    if (rc == 0)
        rc = file_sync_directory(c->to, err);
    path_in(parent, c->to, "..");
    return rc == 0 && c->made ? file_sync_directory(parent, err) : rc;
}

static int copy_once(copying *c, muster_error *err)
{
    storage *s = NULL;
    c->gone = false;
    int rc = copy_database(c, err);
    if (rc == 0) {
        remove_mark(c);
        rc = storage_open_locked(&s, c->to, err);
    }
    if (rc == 0)
        rc = copy_newest(c, s, err);
    if (rc == 0)
        rc = settle(c, s, err);
    storage_close(s);
    release_files(c);
    if (rc == 0)
        rc = flush_copy(c, err);
    if (rc != 0)
        remove_all(c);
    return rc;
}

int storage_copy(const char *from_dir, const char *to_dir, storage_step_fn step,
                 void *payload, muster_error *err)
{
    ASSERT(from_dir != NULL && to_dir != NULL);
    copying c = {.from = from_dir,
                 .to = to_dir,
                 .step = step,
                 .payload = payload,
                 .lock_fd = -1,
                 .gone = true};
    int rc = make_target(&c, err);
    if (rc == 0)
        rc = lock_target(&c, err);
    const bool ready = rc == 0;
    for (int i = 0; ready && c.gone && i < TRIES_MAX; i++)
        rc = copy_once(&c, err);
    rc = unlock_target(&c, rc, err);
    if (rc != 0 && c.made)
        file_remove_directory(to_dir, NULL);
    return rc;
}

/* ---- checksums of files ---- */

static int hash_open_file(int fd, const char *path, uint64_t out[2],
                          uint64_t *bytes, muster_error *err)
{
    const void *mapped = "";
    size_t len = 0;
    int rc = file_size(fd, &len, path, err);
    if (rc == 0 && len != 0)
        rc = file_map(&mapped, fd, len, path, err);
    if (rc != 0)
        return rc;
    const hash128 h = hash_bytes128(mapped, len);
    if (len != 0)
        file_unmap(mapped, len);
    out[0] = h.low;
    out[1] = h.high;
    *bytes = len;
    return 0;
}

int storage_file_hash(const char *path, uint64_t out[2], uint64_t *bytes,
                      muster_error *err)
{
    ASSERT(path != NULL && out != NULL && bytes != NULL);
    int fd = -1;
    int rc = file_open(&fd, path, O_RDONLY, err);
    if (rc == 0)
        rc = hash_open_file(fd, path, out, bytes, err);
    file_close(&fd);
    return rc;
}
