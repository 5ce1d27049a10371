/*
 * engine.h - a data directory, opened.
 *
 * Threads: every call on one engine may be made from any thread; questions
 * run side by side, a write waits for the questions before it. A callback
 * (`each`, `reject`) must not call the engine that called it. One process
 * writes to a directory at a time; any number may read it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_ENGINE_H
#define MUSTER_ENGINE_H

#include <muster/error.h>
#include <muster/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct muster_engine muster_engine;

typedef enum muster_open_mode {
    MUSTER_OPEN_READ = 0,  /* the directory must exist; nothing is written */
    MUSTER_OPEN_WRITE = 1, /* the only writer; the directory must exist */
    MUSTER_OPEN_CREATE = 2 /* as WRITE; makes the directory and its key */
} muster_open_mode;

typedef struct muster_engine_options {
    size_t size;           /* sizeof the struct, set by the initialiser */
    const char *data_dir;
    const char *key_file;  /* NULL: <data_dir>/muster.key */
    muster_open_mode mode;
    muster_time now;       /* 0: the wall clock; else a fixed clock, for
                              repeatable reports, demonstrations and tests */
    unsigned threads;      /* parsers and evaluation; 0: all processors */
} muster_engine_options;
#define MUSTER_ENGINE_OPTIONS_INIT                                            \
    { sizeof(muster_engine_options), "./muster-data", NULL, MUSTER_OPEN_READ, \
      0, 0 }

/* Opens: newest valid generation + replay of the newer log.
 * MUSTER_ENOTFOUND (no data directory), MUSTER_EBUSY (another writer),
 * MUSTER_EVERSION, MUSTER_ECORRUPT, MUSTER_EIO; word and message say what to
 * do. Seconds at most; see docs/. Close with muster_engine_close. */
MUSTER_API int muster_engine_open(muster_engine **out,
                                  const muster_engine_options *options,
                                  muster_error *err);
/* NULL is fine. Waits for running calls; everything acknowledged is on disk
 * already. */
MUSTER_API void muster_engine_close(muster_engine *engine);

/* Writes a new generation now, so that the next open replays nothing.
 * Feeds do this themselves when they end. */
MUSTER_API int muster_engine_checkpoint(muster_engine *engine,
                                        muster_error *err);

/* The time questions are asked at: the fixed clock or the wall clock. */
MUSTER_API muster_time muster_engine_now(const muster_engine *engine);
MUSTER_API muster_epoch muster_engine_epoch(const muster_engine *engine);

typedef struct muster_engine_stats {
    uint64_t users;           /* rows ever given */
    uint64_t ids;
    uint64_t attributes;
    uint64_t values;
    uint64_t providers;
    uint64_t segments;
    uint64_t planes;          /* of base and deltas */
    uint64_t plane_bytes;     /* portable Roaring bytes, base and deltas */
    uint64_t dictionary_bytes;
    uint64_t disk_bytes;      /* of the data directory */
    uint64_t deltas;          /* closed deltas above the base */
    muster_epoch epoch;
} muster_engine_stats;
MUSTER_API void muster_engine_stats_get(muster_engine *engine,
                                        muster_engine_stats *out);

#ifdef __cplusplus
}
#endif
#endif
