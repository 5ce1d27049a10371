/*
 * disk_sqlite.c - the simulated disk below SQLite: a VFS before the system's
 * own, which becomes the default while it is installed.
 *
 * As the system's VFS does, the first flush of a journal or log that was
 * opened to be made also flushes its directory; here the flush itself is only
 * written down.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crash/disk_internal.h"

#include <sqlite3.h>
#include <unistd.h>

typedef struct file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
    uint32_t node;      /* DISK_NONE: not of the record */
    uint32_t directory; /* to be flushed with the first flush; DISK_NONE */
} file;

static sqlite3_vfs *system_vfs;
static sqlite3_vfs vfs;
static sqlite3_io_methods methods;

static file *file_of(sqlite3_file *f)
{
    return (file *)(void *)f;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return file_of(f)->real;
}

/* With the lock held: the code to fail with, or SQLITE_OK. */
static int strike(disk_call call, int code)
{
    disk_fault_kind kind;
    if (!disk_strikes(DISK_SQLITE, call, &kind))
        return SQLITE_OK;
    return kind == DISK_ENOSPC && call == DISK_CALL_WRITE ? SQLITE_FULL : code;
}

static int trouble(disk_call call, int code)
{
    disk_lock();
    const int rc = strike(call, code);
    disk_unlock();
    return rc;
}

/* ---- a file ---- */

static int file_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int file_read(sqlite3_file *f, void *out, int len, sqlite3_int64 at)
{
    const int rc = trouble(DISK_CALL_READ, SQLITE_IOERR_READ);
    return rc != SQLITE_OK
               ? rc
               : real_of(f)->pMethods->xRead(real_of(f), out, len, at);
}

static int file_write(sqlite3_file *f, const void *bytes, int len,
                      sqlite3_int64 at)
{
    disk_lock();
    const int failed = strike(DISK_CALL_WRITE, SQLITE_IOERR_WRITE);
    const int part = failed == SQLITE_FULL  ? len / 2
                     : failed != SQLITE_OK ? 0
                                           : len;
    int rc = SQLITE_OK;
    if (part > 0)
        rc = real_of(f)->pMethods->xWrite(real_of(f), bytes, part, at);
    if (rc == SQLITE_OK)
        disk_note_write(file_of(f)->node, (uint64_t)at, bytes, (size_t)part);
    disk_unlock();
    return rc != SQLITE_OK ? rc : failed;
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 len)
{
    disk_lock();
    int rc = strike(DISK_CALL_LENGTH, SQLITE_IOERR_TRUNCATE);
    if (rc == SQLITE_OK)
        rc = real_of(f)->pMethods->xTruncate(real_of(f), len);
    if (rc == SQLITE_OK)
        disk_note_length(file_of(f)->node, (uint64_t)len);
    disk_unlock();
    return rc;
}

static int file_sync(sqlite3_file *f, int flags)
{
    (void)flags;
    disk_lock();
    const int rc = strike(DISK_CALL_SYNC, SQLITE_IOERR_FSYNC);
    disk_note_sync(file_of(f)->node, rc != SQLITE_OK);
    if (rc == SQLITE_OK) {
        disk_note_sync(file_of(f)->directory, false);
        file_of(f)->directory = DISK_NONE;
    }
    disk_unlock();
    return rc;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *out)
{
    const int rc = trouble(DISK_CALL_LOOK, SQLITE_IOERR_FSTAT);
    return rc != SQLITE_OK ? rc
                           : real_of(f)->pMethods->xFileSize(real_of(f), out);
}

static int file_lock(sqlite3_file *f, int how)
{
    const int rc = trouble(DISK_CALL_LOOK, SQLITE_IOERR_LOCK);
    return rc != SQLITE_OK ? rc : real_of(f)->pMethods->xLock(real_of(f), how);
}

static int file_unlock(sqlite3_file *f, int how)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), how);
}

static int file_is_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int file_control(sqlite3_file *f, int act, void *payload)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), act, payload);
}

static int file_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int file_traits(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int file_shm_map(sqlite3_file *f, int page, int size, int extend,
                        void volatile **out)
{
    const int rc = trouble(DISK_CALL_LOOK, SQLITE_IOERR_SHMMAP);
    return rc != SQLITE_OK ? rc
                           : real_of(f)->pMethods->xShmMap(real_of(f), page,
                                                           size, extend, out);
}

static int file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    const int rc = (flags & SQLITE_SHM_LOCK) != 0
                       ? trouble(DISK_CALL_LOOK, SQLITE_IOERR_SHMLOCK)
                       : SQLITE_OK;
    return rc != SQLITE_OK ? rc
                           : real_of(f)->pMethods->xShmLock(real_of(f), offset,
                                                            n, flags);
}

static void file_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int file_shm_unmap(sqlite3_file *f, int remove)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

/* Version 2: pages are read, not mapped, so that every read is seen. */
static sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_is_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* ---- names ---- */

static void note_open(file *own, const char *path, int flags)
{
    const int journals = SQLITE_OPEN_MAIN_JOURNAL |
                         SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    own->node = DISK_NONE;
    own->directory = DISK_NONE;
    if (path == NULL || (flags & SQLITE_OPEN_DELETEONCLOSE) != 0)
        return;
    own->node = disk_opened(path, false);
    if ((flags & SQLITE_OPEN_CREATE) != 0 && (flags & journals) != 0)
        own->directory = disk_directory_of(path);
}

static int vfs_open(sqlite3_vfs *v, const char *path, sqlite3_file *f,
                    int flags, int *out_flags)
{
    (void)v;
    file *own = file_of(f);
    own->real = (sqlite3_file *)(void *)(own + 1);
    own->base.pMethods = NULL;
    own->real->pMethods = NULL;
    disk_lock();
    int rc = strike((flags & SQLITE_OPEN_CREATE) != 0 ? DISK_CALL_MAKE
                                                      : DISK_CALL_OPEN,
                    SQLITE_CANTOPEN);
    if (rc == SQLITE_OK)
        rc = system_vfs->xOpen(system_vfs, path, own->real, flags, out_flags);
    if (own->real->pMethods != NULL)
        own->base.pMethods = &methods;
    if (rc == SQLITE_OK)
        note_open(own, path, flags);
    disk_unlock();
    return rc;
}

static int vfs_delete(sqlite3_vfs *v, const char *path, int flush)
{
    (void)v;
    disk_lock();
    int rc = strike(DISK_CALL_NAME, SQLITE_IOERR_DELETE);
    if (rc == SQLITE_OK)
        rc = system_vfs->xDelete(system_vfs, path, 0);
    if (rc == SQLITE_OK)
        disk_note_unname(path);
    if (rc == SQLITE_OK && flush) {
        rc = strike(DISK_CALL_SYNC, SQLITE_IOERR_DIR_FSYNC);
        disk_note_sync(disk_directory_of(path), rc != SQLITE_OK);
    }
    disk_unlock();
    return rc;
}

static int vfs_access(sqlite3_vfs *v, const char *path, int flags, int *out)
{
    (void)v;
    const int rc = trouble(DISK_CALL_LOOK, SQLITE_IOERR_ACCESS);
    return rc != SQLITE_OK
               ? rc
               : system_vfs->xAccess(system_vfs, path, flags, out);
}

static int vfs_full_path(sqlite3_vfs *v, const char *path, int room, char *out)
{
    (void)v;
    return system_vfs->xFullPathname(system_vfs, path, room, out);
}

void disk_sqlite_install(void)
{
    ASSERT(system_vfs == NULL);
    system_vfs = sqlite3_vfs_find(NULL);
    ASSERT(system_vfs != NULL);
    vfs = *system_vfs; /* clock, randomness and sleeping stay the system's */
    vfs.pNext = NULL;
    vfs.zName = "muster-disk";
    vfs.szOsFile = (int)sizeof(file) + system_vfs->szOsFile;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    vfs.xAccess = vfs_access;
    vfs.xFullPathname = vfs_full_path;
    const int rc = sqlite3_vfs_register(&vfs, 1);
    ASSERT(rc == SQLITE_OK);
}

void disk_sqlite_remove(void)
{
    sqlite3_vfs_unregister(&vfs);
    const int rc = sqlite3_vfs_register(system_vfs, 1);
    ASSERT(rc == SQLITE_OK);
    system_vfs = NULL;
}
