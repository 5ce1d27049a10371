/*
 * engine.h - a data directory, opened.
 *
 * Threads: every call on one engine may be made from any thread. Questions
 * never wait for a writer: each holds for one epoch, an immutable state, the
 * newest when it began. (Those of one compiled segment share its plan, under a
 * lock of the segment's own.) Writes are committed by one thread of the engine, those that wait
 * at the same time together. A callback (`each`, `reject`) must not call the
 * engine that called it. One process writes to a directory at a time; any
 * number may read it: a reader sees the state of the moment it opened.
 *
 * After a write that failed the engine recovers by itself, from the disk,
 * before the next one; questions are answered all the time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_ENGINE_H
#define MUSTER_ENGINE_H

#include <stdbool.h>
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
    uint64_t memory_bytes; /* budget of what lies in memory above the newest
                              generation: from half of it on a generation is
                              written, beyond it facts are refused ("memory");
                              0: a quarter of the machine's memory */
    uint64_t log_bytes;    /* budget of the log: a generation is written when
                              the log behind the newest is longer than half;
                              0: 4 GiB */
    uint64_t resident_bytes; /* budget of the forms of hot planes that are
                              kept in memory for evaluation; below 2 MiB: none
                              are; 0: an eighth of the machine's memory */
    uint64_t forward_bytes; /* budget of the forward index, from users to the
                              saved segments they are in, which makes lookups
                              take a microsecond: 2.2 bytes for each segment
                              of a user. Kept up in the background: behind a
                              write within milliseconds, behind a saved
                              segment and behind each full hour within seconds
                              at 10 M users. 0: none is kept, and a lookup
                              asks every segment */
} muster_engine_options;
#define MUSTER_ENGINE_OPTIONS_INIT                                            \
    { sizeof(muster_engine_options), "./muster-data", NULL, MUSTER_OPEN_READ, \
      0, 0, 0, 0, 0, 0 }

/* When a write may return. */
typedef enum muster_ack {
    MUSTER_ACK_DURABLE = 0, /* it is on disk, and visible within moments */
    MUSTER_ACK_APPLIED = 1  /* and the next question of any thread sees it */
} muster_ack;

/* To compare two states, whatever numbers rows have in them: the sum, each
 * half modulo 2^64, of the XXH3-128 of every live fact (primary pseudonym,
 * attribute, provider, value text, bucket, count, amount, number), and of
 * every user, id, opt-out, attribute, provider, id space and version of a
 * segment. The bytes that are hashed stand in engine/state_hash.c. */
typedef struct muster_state_hash {
    uint64_t low;
    uint64_t high;
} muster_state_hash;

/* Progress of long work. `step` is called now and then, on the thread of the
 * call; a non-zero return stops the work with MUSTER_ECANCELLED. */
typedef struct muster_task {
    int (*step)(void *payload, const char *what, uint64_t done,
                uint64_t total);
    void *payload;
} muster_task;

/* Opens: newest valid generation + replay of the newer log.
 * MUSTER_ENOTFOUND (no data directory), MUSTER_EBUSY (another writer),
 * MUSTER_EVERSION, MUSTER_ECORRUPT, MUSTER_EIO; word and message say what to
 * do. Seconds at most; see docs/. Close with muster_engine_close. */
MUSTER_API int muster_engine_open(muster_engine **out,
                                  const muster_engine_options *options,
                                  muster_error *err);
/* Was something passed over at opening, from which the rest was recovered: a
 * damaged generation? Then *out tells what and the remedy. */
MUSTER_API bool muster_engine_notice(const muster_engine *engine,
                                     muster_error *out);
/* NULL is fine. No call may be running, and compiled segments and feeds must
 * have been freed. Everything acknowledged is on disk already; a generation
 * that was asked for is written first. */
MUSTER_API void muster_engine_close(muster_engine *engine);

/* Writes a new generation now, so that the next open replays nothing, and
 * waits for it; questions and writes go on meanwhile. A feed's end
 * asks for one when 200,000 facts lie behind the newest, and so does the engine
 * itself at half of a budget. */
MUSTER_API int muster_engine_checkpoint(muster_engine *engine,
                                        muster_error *err);

/* Waits for the generation that was asked for, if any, and tells its error.
 * Nothing is lost by one that failed: the log holds everything, and the next
 * start reads it. */
MUSTER_API int muster_engine_settle(muster_engine *engine, muster_error *err);

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
    uint64_t memory_bytes;    /* above the newest generation ... */
    uint64_t memory_budget;   /* ... and its budget */
    uint64_t log_batches;
    uint64_t log_bytes;       /* of changes not yet pruned ... */
    uint64_t log_budget;      /* ... and their budget */
    uint64_t resident_bytes;  /* forms of hot planes ... */
    uint64_t resident_budget; /* ... and their budget */
    uint64_t resident_forms;
    uint64_t resident_hits;   /* asked for and there, since opening */
    uint64_t resident_misses;
    uint64_t forward_bytes;   /* forward index; 0 when there is none (yet) */
    uint64_t forward_budget;
    uint64_t forward_pairs;   /* users times segments in it */
    uint64_t forward_epoch;   /* that it holds for, or a newer one */
    uint64_t generation;      /* number of the newest; 0 when none */
    muster_epoch generation_epoch;
    muster_time generation_time; /* when it was written; 0 when none */
    uint64_t lag_ns;          /* since when the oldest change waits that was
                                 handed over and that no answer shows yet; 0:
                                 answers show all */
    muster_time tick;         /* the state's own clock, a full hour; 0: none */
    muster_epoch epoch;
} muster_engine_stats;
MUSTER_API void muster_engine_stats_get(muster_engine *engine,
                                        muster_engine_stats *out);

/* Forms of hot planes that are kept in memory for evaluation, made in the
 * background of what is asked for again and again. They change no answer. */
typedef struct muster_resident {
    const char *form;      /* "plane": aligned words; "codes": the values of a
                              one_of, "ages": the newest buckets of an event, as
                              bit slices */
    bool resident;         /* else asked for, but not (yet) made */
    const char *attribute;
    const char *provider;
    const char *value;     /* not ended by a 0; "" when it is of all values */
    size_t value_len;
    uint64_t bytes;
    uint64_t asks;         /* by plans resolved; fades with the minutes */
    uint64_t hits;         /* plans that found it */
} muster_resident;
typedef void (*muster_resident_fn)(void *payload, const muster_resident *r);
/* The most asked first; texts are valid until `each` returns. */
MUSTER_API void muster_engine_residents(muster_engine *engine,
                                        muster_resident_fn each,
                                        void *payload);
/* Makes what has been asked for often enough now, on this thread. */
MUSTER_API void muster_engine_warm(muster_engine *engine);

/* What the planes take, and what CRoaring takes for the same sets, run-
 * optimised and in portable form. Planes are those of the newest base and of
 * the deltas above it; after muster_engine_checkpoint, what is on disk. */
typedef struct muster_plane_weight {
    uint64_t planes;
    uint64_t bytes;
    uint64_t croaring;      /* bytes */
} muster_plane_weight;
typedef struct muster_weight {
    muster_plane_weight said;    /* by providers */
    muster_plane_weight derived; /* made of that: who is known at all, events
                                    of any value */
    uint64_t gap_bytes;          /* between planes */
    uint64_t directory_bytes;
} muster_weight;
/* Reads every plane: about a second for a gigabyte. MUSTER_ECANCELLED. */
MUSTER_API int muster_engine_weigh(muster_engine *engine,
                                   const muster_task *task,
                                   muster_weight *out, muster_error *err);

/* The hash of the newest epoch, which *epoch (may be NULL) names. Reads every
 * plane once: about a second for 20 million facts. */
MUSTER_API int muster_engine_state_hash(muster_engine *engine,
                                        const muster_task *task,
                                        muster_state_hash *out,
                                        muster_epoch *epoch,
                                        muster_error *err);

#ifdef __cplusplus
}
#endif
#endif
