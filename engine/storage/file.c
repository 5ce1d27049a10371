/*
 * file.c - the small layer that all our own file calls go through.
 *
 * Two reasons for it: a table of functions that a test can replace, so that
 * the k-th write fails, a flush fails, a rename is lost; and one place where
 * short writes, interrupted calls and the wording of messages are dealt with.
 * SQLite does its own file calls.
 *
 * After a failed sync the caller gives the file up: the kernel may have
 * dropped the pages it could not write, so a second sync that succeeds proves
 * nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

static int system_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

static struct dirent *system_readdir(DIR *dir)
{
    errno = 0;
    return readdir(dir);
}

static void *system_map(int fd, size_t len)
{
    return mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
}

const file_ops file_system = {
    .open = system_open,
    .close = close,
    .write = write,
    .write_at = pwrite,
    .read_at = pread,
    .truncate = ftruncate,
    .stat = fstat,
    .look = stat,
    .room = statvfs,
    .sync = fsync,
    .rename = rename,
    .unlink = unlink,
    .mkdir = mkdir,
    .rmdir = rmdir,
    .opendir = opendir,
    .readdir = system_readdir,
    .closedir = closedir,
    .lock = flock,
    .map = system_map,
    .unmap = munmap,
};

static const file_ops *ops = &file_system;

void storage_file_hooks(const file_ops *hooks)
{
    ops = hooks != NULL ? hooks : &file_system;
}

/* A full disk has its own word, for it mends without a repair. */
static int failed(muster_error *err, const char *act, const char *path)
{
    const int reason = errno;
    if (reason != ENOSPC && reason != EDQUOT)
        return error_errno(err, act, path);
    error_set(err, MUSTER_EIO, "disk_full",
              "cannot %s %s: %m; free space on its file system (reading goes "
              "on)",
              act, path);
    errno = reason;
    return MUSTER_EIO;
}

int file_open(int *out_fd, const char *path, int flags, muster_error *err)
{
    ASSERT(out_fd != NULL && path != NULL);
    do
        *out_fd = ops->open(path, flags | O_CLOEXEC, 0600);
    while (*out_fd < 0 && errno == EINTR);
    return *out_fd < 0 ? failed(err, "open", path) : 0;
}

void file_close(int *fd)
{
    if (*fd >= 0)
        ops->close(*fd);
    *fd = -1;
}

int file_write(int fd, const void *bytes, size_t len, const char *path,
               muster_error *err)
{
    ASSERT(fd >= 0 && (bytes != NULL || len == 0));
    const uint8_t *at = bytes;
    while (len > 0) {
        const ssize_t n = ops->write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(err, "write", path);
        ASSERT((size_t)n <= len);
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int file_write_at(int fd, const void *bytes, size_t len, uint64_t at,
                  const char *path, muster_error *err)
{
    ASSERT(fd >= 0 && bytes != NULL && at + len <= INT64_MAX);
    const uint8_t *from = bytes;
    while (len > 0) {
        const ssize_t n = ops->write_at(fd, from, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(err, "write", path);
        ASSERT((size_t)n <= len);
        from += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

int file_read_at(int fd, void *bytes, size_t len, uint64_t at, size_t *got,
                 const char *path, muster_error *err)
{
    ASSERT(fd >= 0 && bytes != NULL && at + len <= INT64_MAX);
    uint8_t *to = bytes;
    *got = 0;
    while (*got < len) {
        const ssize_t n =
            ops->read_at(fd, to + *got, len - *got, (off_t)(at + *got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(err, "read", path);
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    ASSERT(*got <= len);
    return 0;
}

int file_room(const char *dir, uint64_t *bytes, muster_error *err)
{
    struct statvfs fs;
    int rc;
    do
        rc = ops->room(dir, &fs);
    while (rc != 0 && errno == EINTR);
    if (rc != 0)
        return failed(err, "examine", dir);
    *bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return 0;
}

int file_truncate(int fd, size_t len, const char *path, muster_error *err)
{
    int rc;
    do
        rc = ops->truncate(fd, (off_t)len);
    while (rc != 0 && errno == EINTR);
    return rc != 0 ? failed(err, "truncate", path) : 0;
}

int file_size(int fd, size_t *out, const char *path, muster_error *err)
{
    struct stat st;
    if (ops->stat(fd, &st) != 0)
        return failed(err, "examine", path);
    ASSERT(st.st_size >= 0);
    *out = (size_t)st.st_size;
    return 0;
}

int file_look(const char *path, bool *there, struct stat *out,
              muster_error *err)
{
    *there = ops->look(path, out) == 0;
    if (*there || errno == ENOENT || errno == ENOTDIR)
        return 0;
    return failed(err, "examine", path);
}

int file_sync(int fd, const char *path, muster_error *err)
{
    int rc;
    do
        rc = ops->sync(fd);
    while (rc != 0 && errno == EINTR);
    return rc != 0 ? failed(err, "flush", path) : 0;
}

int file_sync_directory(const char *dir, muster_error *err)
{
    int fd = -1;
    int rc = file_open(&fd, dir, O_RDONLY | O_DIRECTORY, err);
    if (rc == 0)
        rc = file_sync(fd, dir, err);
    file_close(&fd);
    return rc;
}

int file_rename(const char *from, const char *to, muster_error *err)
{
    return ops->rename(from, to) != 0 ? failed(err, "rename", from) : 0;
}

int file_unlink(const char *path, muster_error *err)
{
    if (ops->unlink(path) == 0 || errno == ENOENT)
        return 0;
    return failed(err, "remove", path);
}

int file_make_directory(const char *dir, muster_error *err)
{
    return ops->mkdir(dir, 0700) != 0 ? failed(err, "create", dir) : 0;
}

int file_remove_directory(const char *dir, muster_error *err)
{
    if (ops->rmdir(dir) == 0 || errno == ENOENT)
        return 0;
    return failed(err, "remove", dir);
}

static bool is_own_name(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int file_each_name(const char *dir, storage_name_fn each, void *payload,
                   muster_error *err)
{
    ASSERT(dir != NULL && each != NULL);
    const struct dirent *e;
    int rc = 0;
    DIR *d;
    do
        d = ops->opendir(dir);
    while (d == NULL && errno == EINTR);
    if (d == NULL)
        return failed(err, "read", dir);
    while (rc == 0 && (e = ops->readdir(d)) != NULL)
        if (is_own_name(e->d_name))
            rc = each(payload, e->d_name, err);
    if (rc == 0 && errno != 0)
        rc = failed(err, "read", dir);
    const int reason = errno;
    ops->closedir(d);
    errno = reason;
    return rc;
}

int file_lock(int fd, bool exclusive, const char *path, muster_error *err)
{
    int rc;
    do
        rc = ops->lock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB);
    while (rc != 0 && errno == EINTR);
    if (rc == 0)
        return 0;
    return errno == EWOULDBLOCK ? MUSTER_EBUSY : failed(err, "lock", path);
}

int file_map(const void **out, int fd, size_t len, const char *path,
             muster_error *err)
{
    ASSERT(out != NULL && len > 0);
    void *bytes = ops->map(fd, len);
    *out = NULL;
    if (bytes == MAP_FAILED)
        return failed(err, "map", path);
    *out = bytes;
    return 0;
}

void file_unmap(const void *bytes, size_t len)
{
    if (bytes == NULL)
        return;
    void *writable;
    memcpy(&writable, &bytes, sizeof writable); /* munmap wants no const */
    const int rc = ops->unmap(writable, len);
    ASSERT(rc == 0);
}

/* Only advice, so that it fails hurts nobody. */
void file_unload(const void *bytes, size_t len)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = ((uintptr_t)bytes + page - 1) & ~(page - 1);
    const uintptr_t end = ((uintptr_t)bytes + len) & ~(page - 1);
    if (first < end)
        (void)madvise((void *)first, end - first, MADV_DONTNEED);
}
