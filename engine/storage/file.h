/*
 * file.h - private to room `storage` and its tests: the layer that all our
 * own file calls go through, and what tests may change of the room.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_FILE_H
#define STORAGE_FILE_H

#include <dirent.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include "storage/storage.h"

/* Each returns as the system call of that name does, with errno. */
typedef struct file_ops {
    int (*open)(const char *path, int flags, mode_t mode);
    int (*close)(int fd);
    ssize_t (*write)(int fd, const void *bytes, size_t len);
    ssize_t (*write_at)(int fd, const void *bytes, size_t len, off_t at);
    ssize_t (*read_at)(int fd, void *bytes, size_t len, off_t at);
    int (*truncate)(int fd, off_t len);
    int (*stat)(int fd, struct stat *out);
    int (*look)(const char *path, struct stat *out); /* stat */
    int (*room)(const char *path, struct statvfs *out);
    int (*sync)(int fd);
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
    int (*mkdir)(const char *path, mode_t mode);
    int (*rmdir)(const char *path);
    DIR *(*opendir)(const char *path);
    struct dirent *(*readdir)(DIR *dir); /* NULL with errno 0 at its end */
    int (*closedir)(DIR *dir);
    int (*lock)(int fd, int how);
    void *(*map)(int fd, size_t len); /* MAP_FAILED */
    int (*unmap)(void *bytes, size_t len);
} file_ops;

/* The system's own. */
extern const file_ops file_system;

/* Replaces the layer for this process; NULL puts the system's back. The
 * table is borrowed. Not while another thread is in this room. */
void storage_file_hooks(const file_ops *ops);
/* Up to how many bytes a quick opening of a generation reads all of it. Not
 * while another thread is in this room. */
void storage_quick_hook(uint64_t bytes);

/* 0 or MUSTER_EIO with a message; its word is "disk_full" when the file system
 * has no room left, else "io". All retry EINTR. */
int file_open(int *out_fd, const char *path, int flags, muster_error *err);
void file_close(int *fd); /* -1 is fine; sets -1 */
int file_write(int fd, const void *bytes, size_t len, const char *path,
               muster_error *err);
int file_write_at(int fd, const void *bytes, size_t len, uint64_t at,
                  const char *path, muster_error *err);
/* *got < len only at the end of the file. */
int file_read_at(int fd, void *bytes, size_t len, uint64_t at, size_t *got,
                 const char *path, muster_error *err);
/* What an unprivileged process may still write there. */
int file_room(const char *dir, uint64_t *bytes, muster_error *err);
int file_truncate(int fd, size_t len, const char *path, muster_error *err);
int file_size(int fd, size_t *out, const char *path, muster_error *err);
/* *there: something has this name; only then is *out set. */
int file_look(const char *path, bool *there, struct stat *out,
              muster_error *err);
int file_sync(int fd, const char *path, muster_error *err);
/* Makes the names in a directory durable. */
int file_sync_directory(const char *dir, muster_error *err);
int file_rename(const char *from, const char *to, muster_error *err);
/* A file that is not there is fine. */
int file_unlink(const char *path, muster_error *err);
int file_make_directory(const char *dir, muster_error *err);
/* An empty one; one that is not there is fine. */
int file_remove_directory(const char *dir, muster_error *err);
/* Calls `each` with every name but "." and ".."; a non-zero return stops the
 * walk and is passed on. What is named may be removed meanwhile. */
int file_each_name(const char *dir, storage_name_fn each, void *payload,
                   muster_error *err);
/* flock; MUSTER_EBUSY, without a message, when another holds it. */
int file_lock(int fd, bool exclusive, const char *path, muster_error *err);
int file_map(const void **out, int fd, size_t len, const char *path,
             muster_error *err);
void file_unmap(const void *bytes, size_t len);
/* Pages of a part of a mapping need not stay in memory. */
void file_unload(const void *bytes, size_t len);

#endif
