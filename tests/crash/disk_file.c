/*
 * disk_file.c - the simulated disk below our own file layer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crash/disk_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "storage/file.h"

#define FDS 4096

/* Which file an open descriptor is, + 1; 0: none of the record's. */
static uint32_t open_nodes[FDS];
static file_ops table;

static uint32_t node_of(int fd)
{
    ASSERT(fd >= 0 && fd < FDS);
    return open_nodes[fd] - 1; /* 0 becomes DISK_NONE */
}

/* True, with errno, when the call is to fail; *part: only a part of it. */
static bool strikes(disk_call call, bool *part)
{
    disk_fault_kind kind;
    *part = false;
    if (!disk_strikes(DISK_OURS, call, &kind))
        return false;
    *part = kind == DISK_SHORT;
    errno = kind == DISK_ENOSPC ? ENOSPC : kind == DISK_EINTR ? EINTR : EIO;
    return !*part;
}

static bool fails(disk_call call)
{
    bool part;
    disk_lock();
    const bool failed = strikes(call, &part);
    disk_unlock();
    return failed;
}

static int disk_open(const char *path, int flags, mode_t mode)
{
    int fd = -1;
    bool part;
    disk_lock();
    const bool make = (flags & O_CREAT) != 0;
    if (!strikes(make ? DISK_CALL_MAKE : DISK_CALL_OPEN, &part))
        fd = file_system.open(path, flags, mode);
    if (fd >= 0) {
        ASSERT(fd < FDS);
        const uint32_t node = disk_opened(path, (flags & O_DIRECTORY) != 0);
        open_nodes[fd] = node + 1;
        if (flags & O_TRUNC)
            disk_note_length(node, 0);
    }
    disk_unlock();
    return fd;
}

static int disk_close(int fd)
{
    disk_lock();
    ASSERT(fd >= 0 && fd < FDS);
    open_nodes[fd] = 0;
    const int rc = file_system.close(fd);
    disk_unlock();
    return rc;
}

static ssize_t disk_write(int fd, const void *bytes, size_t len)
{
    ssize_t n = -1;
    bool part;
    disk_lock();
    if (!strikes(DISK_CALL_WRITE, &part)) {
        const bool append = (fcntl(fd, F_GETFL) & O_APPEND) != 0;
        const off_t at = lseek(fd, 0, append ? SEEK_END : SEEK_CUR);
        ASSERT(at >= 0);
        n = file_system.write(fd, bytes, part ? (len + 1) / 2 : len);
        if (n > 0)
            disk_note_write(node_of(fd), (uint64_t)at, bytes, (size_t)n);
    }
    disk_unlock();
    return n;
}

static ssize_t disk_write_at(int fd, const void *bytes, size_t len, off_t at)
{
    ssize_t n = -1;
    bool part;
    disk_lock();
    if (!strikes(DISK_CALL_WRITE, &part)) {
        n = file_system.write_at(fd, bytes, part ? (len + 1) / 2 : len, at);
        if (n > 0)
            disk_note_write(node_of(fd), (uint64_t)at, bytes, (size_t)n);
    }
    disk_unlock();
    return n;
}

static ssize_t disk_read_at(int fd, void *bytes, size_t len, off_t at)
{
    bool part;
    disk_lock();
    const bool failed = strikes(DISK_CALL_READ, &part);
    disk_unlock();
    return failed ? -1
                  : file_system.read_at(fd, bytes, part ? (len + 1) / 2 : len,
                                        at);
}

static int disk_truncate(int fd, off_t len)
{
    int rc = -1;
    bool part;
    disk_lock();
    if (!strikes(DISK_CALL_LENGTH, &part)) {
        rc = file_system.truncate(fd, len);
        if (rc == 0)
            disk_note_length(node_of(fd), (uint64_t)len);
    }
    disk_unlock();
    return rc;
}

static int disk_stat(int fd, struct stat *out)
{
    return fails(DISK_CALL_LOOK) ? -1 : file_system.stat(fd, out);
}

static int disk_look(const char *path, struct stat *out)
{
    return fails(DISK_CALL_LOOK) ? -1 : file_system.look(path, out);
}

static int disk_room(const char *path, struct statvfs *out)
{
    return fails(DISK_CALL_LOOK) ? -1 : file_system.room(path, out);
}

static int disk_sync(int fd)
{
    bool part;
    disk_lock();
    const bool failed = strikes(DISK_CALL_SYNC, &part);
    if (!failed || errno != EINTR)
        disk_note_sync(node_of(fd), failed);
    disk_unlock();
    return failed ? -1 : 0;
}

static int disk_rename(const char *from, const char *to)
{
    int rc = -1;
    bool part;
    disk_lock();
    if (!strikes(DISK_CALL_NAME, &part)) {
        rc = file_system.rename(from, to);
        if (rc == 0)
            disk_note_move(from, to);
    }
    disk_unlock();
    return rc;
}

static int disk_unlink(const char *path)
{
    int rc = -1;
    bool part;
    disk_lock();
    if (!strikes(DISK_CALL_NAME, &part)) {
        rc = file_system.unlink(path);
        if (rc == 0)
            disk_note_unname(path);
    }
    disk_unlock();
    return rc;
}

static int disk_mkdir(const char *path, mode_t mode)
{
    int rc = -1;
    bool part;
    disk_lock();
    if (!strikes(DISK_CALL_NAME, &part)) {
        rc = file_system.mkdir(path, mode);
        if (rc == 0)
            disk_opened(path, true);
    }
    disk_unlock();
    return rc;
}

static int disk_rmdir(const char *path)
{
    int rc = -1;
    bool part;
    disk_lock();
    if (!strikes(DISK_CALL_NAME, &part)) {
        rc = file_system.rmdir(path);
        if (rc == 0)
            disk_note_unname(path);
    }
    disk_unlock();
    return rc;
}

static DIR *disk_opendir(const char *path)
{
    return fails(DISK_CALL_OPEN) ? NULL : file_system.opendir(path);
}

static struct dirent *disk_readdir(DIR *dir)
{
    return fails(DISK_CALL_LOOK) ? NULL : file_system.readdir(dir);
}

static int disk_flock(int fd, int how)
{
    return fails(DISK_CALL_LOOK) ? -1 : file_system.lock(fd, how);
}

static void *disk_map(int fd, size_t len)
{
    return fails(DISK_CALL_LOOK) ? MAP_FAILED : file_system.map(fd, len);
}

void disk_file_install(void)
{
    table = file_system;
    table.open = disk_open;
    table.close = disk_close;
    table.write = disk_write;
    table.write_at = disk_write_at;
    table.read_at = disk_read_at;
    table.look = disk_look;
    table.room = disk_room;
    table.truncate = disk_truncate;
    table.stat = disk_stat;
    table.sync = disk_sync;
    table.rename = disk_rename;
    table.unlink = disk_unlink;
    table.mkdir = disk_mkdir;
    table.rmdir = disk_rmdir;
    table.opendir = disk_opendir;
    table.readdir = disk_readdir;
    table.lock = disk_flock;
    table.map = disk_map;
    storage_file_hooks(&table);
}

void disk_file_remove(void)
{
    storage_file_hooks(NULL);
}
