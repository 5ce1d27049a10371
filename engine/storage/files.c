/*
 * files.c - whole small files and directories, for the snapshots.
 *
 * What has to be durable is written in the one order that leaves no half: the
 * bytes, their flush, the name, the flush of the directory that holds the
 * name. A failed last flush leaves unknown whether the name is durable, so a
 * renamed directory gets its former name back: what is called a failure is
 * not there under the name that was asked for.
 *
 * Costs are those of the flushes. Threads: any; nothing is kept here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include "storage/file.h"

/* "<dir>/<name><suffix>" */
static int join(char *out, const char *dir, const char *name,
                const char *suffix, muster_error *err)
{
    const int len =
        snprintf(out, STORAGE_PATH_ROOM, "%s/%s%s", dir, name, suffix);
    if (len > 0 && (size_t)len < STORAGE_PATH_ROOM)
        return 0;
    return error_set(err, MUSTER_EINVAL, "bad_path",
                     "the path %.60s... is too long", dir);
}

int storage_look(const char *path, storage_thing *out, uint64_t *bytes,
                 muster_error *err)
{
    ASSERT(path != NULL && out != NULL);
    struct stat st;
    bool there = false;
    const int rc = file_look(path, &there, &st, err);
    *out = !there                  ? STORAGE_NOTHING
           : S_ISREG(st.st_mode)   ? STORAGE_FILE
           : S_ISDIR(st.st_mode)   ? STORAGE_DIRECTORY
                                   : STORAGE_OTHER;
    if (bytes != NULL)
        *bytes = *out == STORAGE_FILE ? (uint64_t)st.st_size : 0;
    return rc;
}

/* ---- files ---- */

static int write_flushed(const char *path, const void *bytes, size_t len,
                         muster_error *err)
{
    int fd = -1;
    int rc = file_open(&fd, path, O_WRONLY | O_CREAT | O_TRUNC, err);
    if (rc == 0)
        rc = file_write(fd, bytes, len, path, err);
    if (rc == 0)
        rc = file_sync(fd, path, err);
    file_close(&fd);
    return rc;
}

int storage_file_save(const char *dir, const char *name, const void *bytes,
                      size_t len, muster_error *err)
{
    ASSERT(dir != NULL && name != NULL);
    char path[STORAGE_PATH_ROOM];
    char temporary[STORAGE_PATH_ROOM];
    int rc = join(path, dir, name, "", err);
    if (rc == 0)
        rc = join(temporary, dir, name, ".tmp", err);
    if (rc != 0)
        return rc;
    rc = write_flushed(temporary, bytes, len, err);
    if (rc == 0)
        rc = file_rename(temporary, path, err);
    if (rc != 0) {
        file_unlink(temporary, NULL);
        return rc;
    }
    return file_sync_directory(dir, err);
}

static int load_open(int fd, const char *path, buffer *out, muster_error *err)
{
    size_t len = 0;
    size_t got = 0;
    int rc = file_size(fd, &len, path, err);
    if (rc != 0)
        return rc;
    uint8_t *room = buffer_reserve(out, len);
    if (room == NULL)
        return error_set(err, MUSTER_ELIMIT, "long_file",
                         "%s has %zu bytes, which is too long", path, len);
    rc = file_read_at(fd, room, len, 0, &got, path, err);
    out->len += rc == 0 ? got : 0;
    return rc;
}

int storage_file_load(const char *path, buffer *out, muster_error *err)
{
    ASSERT(path != NULL && out != NULL);
    int fd = -1;
    int rc = file_open(&fd, path, O_RDONLY, err);
    if (rc != 0 && (errno == ENOENT || errno == ENOTDIR))
        return error_set(err, MUSTER_ENOTFOUND, "no_file", "%s is not there",
                         path);
    if (rc == 0)
        rc = load_open(fd, path, out, err);
    file_close(&fd);
    return rc;
}

int storage_file_remove(const char *path, muster_error *err)
{
    return file_unlink(path, err);
}

/* ---- directories ---- */

/* The directory that holds it, however its own path is written. */
static int flush_holder(const char *dir, muster_error *err)
{
    char holder[STORAGE_PATH_ROOM];
    const int rc = join(holder, dir, "..", "", err);
    return rc == 0 ? file_sync_directory(holder, err) : rc;
}

int storage_directory_make(const char *dir, muster_error *err)
{
    int rc = file_make_directory(dir, err);
    const bool stood = rc != 0 && errno == EEXIST;
    if (rc != 0 && !stood)
        return rc;
    rc = flush_holder(dir, err);
    if (!stood || rc == 0 || errno != EACCES)
        return rc;
    error_clear(err);
    return 0;
}

/* A name that cannot be made durable is taken back. What flushes it is opened
 * before, so that only the flush can fail behind it. */
static int rename_flushed(const char *from, const char *to, muster_error *err)
{
    char holder[STORAGE_PATH_ROOM];
    int fd = -1;
    int rc = join(holder, from, "..", "", err);
    if (rc == 0)
        rc = file_open(&fd, holder, O_RDONLY | O_DIRECTORY, err);
    if (rc == 0)
        rc = file_rename(from, to, err);
    if (rc == 0) {
        rc = file_sync(fd, holder, err);
        if (rc != 0)
            file_rename(to, from, NULL);
    }
    file_close(&fd);
    return rc;
}

int storage_directory_rename(const char *from, const char *to,
                             muster_error *err)
{
    ASSERT(from != NULL && to != NULL);
    storage_thing thing;
    const int rc = storage_look(to, &thing, NULL, err);
    if (rc != 0)
        return rc;
    if (thing != STORAGE_NOTHING)
        return error_set(err, MUSTER_ECONFLICT, "exists",
                         "%s is there already", to);
    return rename_flushed(from, to, err);
}

int storage_directory_each(const char *dir, storage_name_fn each,
                           void *payload, muster_error *err)
{
    storage_thing thing;
    const int rc = storage_look(dir, &thing, NULL, err);
    if (rc != 0 || thing == STORAGE_NOTHING)
        return rc;
    return file_each_name(dir, each, payload, err);
}

static int remove_named(void *payload, const char *name, muster_error *err)
{
    const char *const *dir = payload;
    char path[STORAGE_PATH_ROOM];
    const int rc = join(path, *dir, name, "", err);
    return rc == 0 ? file_unlink(path, err) : rc;
}

int storage_directory_clear(const char *dir, muster_error *err)
{
    return storage_directory_each(dir, remove_named, &dir, err);
}

int storage_directory_remove(const char *dir, muster_error *err)
{
    return file_remove_directory(dir, err);
}

int storage_directory_lock(const char *dir, int *lock, muster_error *err)
{
    ASSERT(dir != NULL && lock != NULL);
    int rc = file_open(lock, dir, O_RDONLY | O_DIRECTORY, err);
    if (rc != 0)
        return rc;
    rc = file_lock(*lock, true, dir, err);
    if (rc != 0)
        file_close(lock);
    return rc != MUSTER_EBUSY ? rc
                              : error_set(err, rc, "locked",
                                          "%s is used by another process",
                                          dir);
}

void storage_directory_unlock(int *lock)
{
    file_close(lock);
}
