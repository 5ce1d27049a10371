/*
 * storage.h - the door of room `storage`: bytes on disk, never their meaning.
 *
 *   file.c         the small layer all our file calls go through
 *   database.c     SQLite: open, lock, transactions, statements
 *   schema.c       tables and their versions
 *   log.c          the change log: checksummed blobs in order
 *   generation.c   immutable, checksummed files of named sections
 *
 * A data directory holds: `muster.db` (SQLite, WAL, synchronous=FULL,
 * page_size 16384), `gen-<number>.mgen` files, `lock` (writer's flock), and
 * the operator's `muster.key` which this room never reads.
 *
 * Threads: a storage handle belongs to one thread at a time; a mapped
 * generation may be read by any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_STORAGE_H
#define STORAGE_STORAGE_H

#include "base/base.h"

typedef struct storage storage;

typedef enum storage_mode {
    STORAGE_READ,   /* many; refuses when there is no data directory */
    STORAGE_WRITE,  /* one: takes the lock; MUSTER_EBUSY "locked" otherwise */
    STORAGE_CREATE  /* WRITE, and makes the directory (0700) when missing */
} storage_mode;

/* Errors: MUSTER_ENOTFOUND "no_data" (with what to run), MUSTER_EBUSY
 * "locked", MUSTER_EVERSION "newer_version", MUSTER_EIO, MUSTER_ECORRUPT.
 * Nothing is changed on failure. */
int storage_open(storage **out, const char *dir, storage_mode mode,
                 muster_error *err);
void storage_close(storage *s);
const char *storage_dir(const storage *s);

/* ---- transactions and statements ---- */

/* A writer's is IMMEDIATE. A reader's gives all that follows one view of the
 * data: begin, generation_open, storage_log_each, storage_rollback. */
int storage_begin(storage *s, muster_error *err);
int storage_commit(storage *s, muster_error *err);
void storage_rollback(storage *s); /* fine when nothing is open */

typedef enum storage_type {
    STORAGE_NULL,
    STORAGE_INT,
    STORAGE_TEXT,
    STORAGE_BLOB
} storage_type;
typedef struct storage_value {
    storage_type type;
    int64_t integer;
    const void *bytes; /* TEXT and BLOB, borrowed */
    size_t len;
} storage_value;
storage_value storage_int(int64_t v);
storage_value storage_text(muster_text v);
storage_value storage_blob(const void *bytes, size_t len);
storage_value storage_null(void);

/* Runs one statement (prepared once and kept by its text's address, so `sql`
 * is a string literal). */
int storage_run(storage *s, const char *sql, const storage_value *args,
                size_t arg_count, muster_error *err);
/* Same, calling `row` for each row; a non-zero return of `row` stops the
 * walk and is passed on. */
typedef int (*storage_row_fn)(void *payload, const storage_value *columns,
                              size_t column_count, muster_error *err);
int storage_each(storage *s, const char *sql, const storage_value *args,
                 size_t arg_count, storage_row_fn row, void *payload,
                 muster_error *err);

/* ---- log ---- */

/* One change batch. `load_id`/`position`: which input it came from and how
 * far that input is done with it ("" and 0 when none). */
typedef struct storage_batch {
    uint64_t seq; /* 1, 2, 3, ... without gaps */
    uint32_t kind;
    muster_text load_id;
    uint64_t position;
    const uint8_t *bytes;
    size_t len;
} storage_batch;

/* Inside a transaction. seq must be the last one + 1. Checksum: XXH3-64 of
 * seq, kind and bytes. */
int storage_log_append(storage *s, const storage_batch *batch,
                       muster_error *err);
uint64_t storage_log_last(storage *s); /* 0 when empty and never pruned */
/* Batches with seq > after, in order; each checksum is verified (a bad one is
 * MUSTER_ECORRUPT, naming the seq). */
int storage_log_each(storage *s, uint64_t after,
                     int (*batch)(void *payload, const storage_batch *batch,
                                  muster_error *err),
                     void *payload, muster_error *err);
/* Forgets batches with seq <= upto (their numbers are never reused). */
int storage_log_prune(storage *s, uint64_t upto, muster_error *err);

/* ---- generations ---- */

/*
 * A generation is one file of named sections (name: up to 15 bytes), each
 * 64-byte aligned and checksummed (XXH3-64), with a directory and a
 * checksummed footer; the byte table is above the writer in generation.c.
 * It holds the state after log batch `seq`.
 */
typedef struct generation_writer generation_writer;
int generation_create(generation_writer **out, storage *s, uint64_t seq,
                      muster_error *err);
int generation_begin(generation_writer *w, const char *section,
                     muster_error *err);
int generation_write(generation_writer *w, const void *bytes, size_t len,
                     muster_error *err);
int generation_end(generation_writer *w, muster_error *err);
/* fsync file, fsync directory, row in SQLite (own transaction), keep the two
 * newest generations, prune the log behind the older one. Consumes w. */
int generation_publish(generation_writer *w, muster_error *err);
/* Gives up: removes the unfinished file. Consumes w. NULL is fine. */
void generation_abandon(generation_writer *w);

typedef struct generation generation;
/* Opens the newest valid one (footer, directory and section checksums are
 * verified); a damaged one is passed over with a message in *damage (a
 * muster_error, code 0 when none). *out = NULL and 0 when there is none at
 * all; MUSTER_ECORRUPT when there are some and none is valid, MUSTER_EIO when
 * one of them could only not be read (memory, permission). */
int generation_open(generation **out, storage *s, muster_error *damage,
                    muster_error *err);
uint64_t generation_seq(const generation *g);
/* Bytes of a section, mapped, valid until close; NULL when missing. */
const void *generation_section(const generation *g, const char *section,
                               size_t *len);
size_t generation_bytes(const generation *g);
void generation_close(generation *g);

#endif
