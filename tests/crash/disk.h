/*
 * disk.h - a simulated disk for the crash tests.
 *
 * Between disk_install and disk_remove every file call of this process that
 * goes through storage/file.h or through SQLite's VFS is seen here. The calls
 * still work on real files, but nothing is flushed to the real disk, so they
 * are fast. Between disk_begin and disk_end they are also written down, in
 * one order for both layers, and can be made to fail.
 *
 *   disk.c         what is written down, the live names, faults
 *   disk_file.c    our own file layer
 *   disk_sqlite.c  SQLite's
 *   disk_state.c   what a power failure leaves
 *   disk_story.c   a run of the engine to be broken off, and its answers
 *
 * What a power failure leaves of the operations before it:
 *
 *   (1) a write or a change of length that a flush of its file followed is
 *       there;
 *   (2) any other may be there, be lost, or (a write) be there in some of its
 *       512-byte sectors; a lost one may leave the file longer, with zeros;
 *   (3) a name made, moved or taken away is so after a flush of its directory;
 *       before that it may be undone, in the order of the directory or name
 *       by name, but a move is never done by half;
 *   (4) a flush of a file that failed saves nothing, and neither does a later
 *       one for what was written before it: the kernel calls those pages
 *       clean. A later flush of a directory does save its names.
 *
 * SQLite's -shm file is memory and not part of it. The key file, which the
 * engine writes by calls of its own, is taken in as it stands, flushed, before
 * the first operation that finds it.
 *
 * Threads: the engine's may be many, and all calls of theirs are put in one
 * order by a lock. The functions here are for the test's one thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CRASH_DISK_H
#define TESTS_CRASH_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_SECTOR 512u

typedef struct disk disk;

void disk_install(void);
void disk_remove(void);
/* The two for cmocka, before and after each test. */
int disk_set_up(void **state);
int disk_tear_down(void **state);
#define DISK_TEST(name)                                                       \
    cmocka_unit_test_setup_teardown(name, disk_set_up, disk_tear_down)

/* Writes down from now on what happens below `root` (absolute, exists); what
 * is there already counts as flushed. `key`: a file, as a path below root,
 * that is taken in when it appears; NULL: none. One at a time. */
disk *disk_begin(const char *root, const char *key);
/* The record stays until it is freed. */
void disk_end(disk *d);
void disk_free(disk *d); /* NULL is fine */
/* Operations so far. While it is written, and later. */
size_t disk_position(const disk *d);

/* ---- power failures ---- */

typedef enum disk_loss {
    DISK_LOSE_NOTHING,
    DISK_LOSE_ALL,       /* that no flush saved */
    DISK_TEAR_LAST,      /* the last write not flushed, in sectors */
    DISK_LOSE_SOME,
    DISK_LOSSES
} disk_loss;
const char *disk_loss_name(disk_loss loss);

typedef struct disk_state {
    size_t position; /* operations before the power failed */
    disk_loss loss;
    uint64_t seed;   /* of the choices */
} disk_state;
/* Makes `root`, which must not be there, and what is left below it. */
void disk_leave(const disk *d, const disk_state *state, const char *root);

/* Removes a tree. */
void disk_clear(const char *root);
/* Do both trees have the same names with the same contents? -shm files do not
 * count. */
bool disk_same(const char *a, const char *b);

/* ---- faults ---- */

typedef enum disk_fault_kind {
    DISK_EIO,    /* any call but a flush */
    DISK_ENOSPC, /* making, writing, naming; SQLite's writes go by half */
    DISK_FLUSH,  /* EIO of a flush, of a file or directory */
    DISK_EINTR,  /* ours: three in a row when it is lasting */
    DISK_SHORT,  /* ours: a read or write of a part */
    DISK_FAULTS
} disk_fault_kind;
const char *disk_fault_name(disk_fault_kind kind);

typedef struct disk_fault {
    disk_fault_kind kind;
    uint64_t at;  /* 1, 2, ...: of the calls that it can strike */
    bool lasting; /* and all that come after */
} disk_fault;
/* Counts from here. NULL: no fault any more. */
void disk_fault_set(const disk_fault *fault);
/* Did it strike since it was set? */
bool disk_fault_struck(void);

#endif
