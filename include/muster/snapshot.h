/*
 * snapshot.h - backups: copies of a data directory that are consistent while
 * it is written to, and checked.
 *
 * A snapshot is a directory of its own: the database with the log of one
 * moment, the generation that it builds on, and manifest.json, which names
 * every file with its length and checksum (XXH3-128), the epoch and the state
 * hash. It is complete when the manifest stands in it, which is written last.
 * The secret key is not in it: keep `muster.key` elsewhere, for without it no
 * id is recognised any more. A snapshot opens like a data directory, for
 * reading, with the key beside it (`--key-file`).
 *
 * Threads: every call may be made from any thread, also while the data
 * directory is open in this or another process. Never verify a snapshot that
 * this process has open itself: reading its database file a second time would
 * end SQLite's locks on it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_SNAPSHOT_H
#define MUSTER_SNAPSHOT_H

#include <stdbool.h>
#include <muster/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct muster_snapshot {
    const char *name; /* last part of its path */
    const char *path;
    bool complete;    /* false: broke off, or is no snapshot; rest is 0 */
    muster_time created;
    muster_epoch epoch;
    uint64_t users;
    uint64_t bytes;
    muster_state_hash hash;
} muster_snapshot;
/* A non-zero return stops the walk and is passed on. */
typedef int (*muster_snapshot_fn)(void *payload, const muster_snapshot *s);

/* Makes <root>/<name>. `root` NULL: <data_dir>/snapshots; `name` NULL: the
 * UTC time, "20261121T123000Z". The copy is opened and its state hash taken
 * before it is called complete, so this costs about one reading and one
 * writing of the directory. Calls `made` once. MUSTER_ENOTFOUND "no_data",
 * MUSTER_ECONFLICT "exists", MUSTER_EIO, MUSTER_ECORRUPT, MUSTER_ECANCELLED;
 * what it began is removed. */
MUSTER_API int muster_snapshot_create(const char *data_dir, const char *root,
                                      const char *name,
                                      const muster_task *task,
                                      muster_snapshot_fn made, void *payload,
                                      muster_error *err);
/* Every directory in `root` (NULL: <data_dir>/snapshots), newest first. None
 * is fine. */
MUSTER_API int muster_snapshots_each(const char *data_dir, const char *root,
                                     muster_snapshot_fn each, void *payload,
                                     muster_error *err);
/* Reads everything: checksums of the files, the log, and the state hash of
 * what opens. MUSTER_ECORRUPT names the file. Calls `sound` (may be NULL)
 * once when all is well. */
MUSTER_API int muster_snapshot_verify(const char *path,
                                      const muster_task *task,
                                      muster_snapshot_fn sound, void *payload,
                                      muster_error *err);
/* Makes a data directory of it, after checking the checksums. `data_dir` must
 * not hold one yet (MUSTER_ECONFLICT "exists"); a key file that stands there
 * stays. The state hash is compared at the end. */
MUSTER_API int muster_snapshot_restore(const char *path, const char *data_dir,
                                       const muster_task *task,
                                       muster_snapshot_fn restored,
                                       void *payload, muster_error *err);

#ifdef __cplusplus
}
#endif
#endif
