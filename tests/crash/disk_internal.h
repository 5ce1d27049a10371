/*
 * disk_internal.h - what the files of the simulated disk share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CRASH_DISK_INTERNAL_H
#define TESTS_CRASH_DISK_INTERNAL_H

#include <pthread.h>
#include "base/base.h"
#include "crash/disk.h"

#define DISK_NONE UINT32_MAX
#define DISK_ROOT 0u
#define DISK_NAME_ROOM 256u
#define DISK_PATH_ROOM 4096u

/* A node is a file or directory, whatever it is called. */
typedef enum disk_act {
    DISK_NAME,   /* dir/name is node now: made, or linked */
    DISK_UNNAME, /* dir/name, which is node, is taken away */
    DISK_MOVE,   /* dir/name, which is node, becomes to_dir/to_name */
    DISK_WRITE,  /* len bytes of node at offset */
    DISK_LENGTH, /* of node: offset */
    DISK_SYNC,
    DISK_SYNC_FAILED
} disk_act;

typedef struct disk_op {
    disk_act act;
    uint32_t node;
    uint32_t dir;
    uint32_t to_dir;
    char *name;
    char *to_name;
    uint64_t offset;
    uint8_t *bytes;
    size_t len;
} disk_op;

typedef struct disk_entry {
    uint32_t dir;
    uint32_t node;
    char *name;
} disk_entry;

/* Names, in no order. */
typedef struct disk_names {
    disk_entry *entries;
    size_t count;
    size_t capacity;
} disk_names;
/* DISK_NONE when there is none. */
uint32_t disk_names_find(const disk_names *n, uint32_t dir, const char *name);
/* Replaces what has the name. */
void disk_names_put(disk_names *n, uint32_t dir, const char *name,
                    uint32_t node);
void disk_names_remove(disk_names *n, uint32_t dir, const char *name);
void disk_names_release(disk_names *n);

struct disk {
    char *root;
    char *key; /* NULL: seen, or none */
    disk_op *ops;
    size_t count;
    size_t capacity;
    bool *directory; /* of each node */
    size_t nodes;
    size_t node_capacity;
    disk_names live;
};

/* ---- writing down: with the lock held ---- */

/* Everything that changes or looks up names and files is done between these,
 * with the real call, so that both have one order. */
void disk_lock(void);
void disk_unlock(void);
/* The record that is written; NULL: none. */
disk *disk_current(void);

/* Where a path leads below the root. */
typedef struct disk_place {
    uint32_t dir;  /* DISK_NONE: not below the root, or unknown */
    uint32_t node; /* DISK_NONE: no such name; or the directory itself */
    char name[DISK_NAME_ROOM];
} disk_place;
disk_place disk_find(disk *d, const char *path);
/* The file of a path that was just opened: a new one when its name is. */
uint32_t disk_opened(const char *path, bool directory);
void disk_note_write(uint32_t node, uint64_t offset, const void *bytes,
                     size_t len);
void disk_note_length(uint32_t node, uint64_t len);
void disk_note_sync(uint32_t node, bool failed);
void disk_note_unname(const char *path);
void disk_note_move(const char *from, const char *to);
/* The directory that holds a path. */
uint32_t disk_directory_of(const char *path);

/* ---- faults ---- */

typedef enum disk_call {
    DISK_CALL_OPEN,
    DISK_CALL_MAKE, /* an open that may make a file */
    DISK_CALL_READ,
    DISK_CALL_WRITE,
    DISK_CALL_LENGTH,
    DISK_CALL_LOOK, /* stat, access, lock, map, what a directory lists */
    DISK_CALL_NAME,
    DISK_CALL_SYNC,
    DISK_CALLS
} disk_call;
typedef enum disk_layer { DISK_OURS, DISK_SQLITE } disk_layer;
/* Does the fault strike this call? *kind says which. */
bool disk_strikes(disk_layer layer, disk_call call, disk_fault_kind *kind);

/* ---- the two layers ---- */

void disk_file_install(void);
void disk_file_remove(void);
void disk_sqlite_install(void);
void disk_sqlite_remove(void);

#endif
