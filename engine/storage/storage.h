/*
 * storage.h - the door of room `storage`: bytes on disk, never their meaning.
 *
 *   file.c         the small layer all our file calls go through
 *   database.c     SQLite: open, lock, transactions, statements
 *   checkpoint.c   the write-ahead log back into the database, room on disk
 *   schema.c       tables and their versions
 *   log.c          the change log: checksummed blobs in order
 *   mark.c         the witness of the last acknowledged batch
 *   load.c         how far each input is read
 *   generation.c   immutable, checksummed files of named sections
 *   generations.c  which of them there are: adoption, the newest, what goes
 *   copy.c         a consistent copy of a directory that is written to
 *   check.c        everything read and compared
 *   files.c        whole small files and directories, for the snapshots
 *
 * A data directory holds: `muster.db` (SQLite, WAL, synchronous=FULL,
 * page_size 16384), `gen-<number>.mgen` files, `lock` (writer's flock),
 * `mark` (mark.c), and the operator's `muster.key` which this room never
 * reads.
 *
 * Threads: a storage handle belongs to one thread at a time, the writer's:
 * it alone calls what is not named here. Beside it one other thread, the
 * background one, may call generation_start, _begin, _write, _end, _seal,
 * _map and _abandon of a writer that is not adopted, and storage_checkpoint.
 * Any thread may call storage_wal_bytes, storage_has_room, storage_is_broken.
 * A mapped generation may be read by any.
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
    STORAGE_CREATE, /* WRITE, and makes the directory (0700) when missing */
    STORAGE_EXAMINE /* READ of a log that is not believed: for storage_check */
} storage_mode;

/* Called now and then in long work: `what` is a file or a step, done and
 * total count bytes. A non-zero return stops the work and is passed on. */
typedef int (*storage_step_fn)(void *payload, const char *what, uint64_t done,
                               uint64_t total);

/*
 * A directory of an older form is brought to this one when a writer opens it;
 * readers read it as it is. A writer removes files that no row names.
 *
 * Errors: MUSTER_ENOTFOUND "no_data" (with what to run), MUSTER_EBUSY
 * "locked", MUSTER_EVERSION "newer_version", MUSTER_EIO, MUSTER_ECORRUPT:
 * "log_lost" when batches that were acknowledged are missing (names the file,
 * the numbers and the repair), "bad_log" when the numbers that the database
 * keeps of its log contradict each other. Nothing is changed on failure.
 */
int storage_open(storage **out, const char *dir, storage_mode mode,
                 muster_error *err);
/* The background thread has come to its end before. NULL is fine. */
void storage_close(storage *s);

/* The form of the tables as they are on disk: a reader of an older directory
 * finds those of its time. */
int64_t storage_version(const storage *s);

/* A write or flush failed and left unknown what the disk holds: everything
 * that writes is refused with MUSTER_EIO "broken" until storage_reopen. A full
 * disk (MUSTER_EIO "disk_full") breaks nothing: the transaction is rolled back
 * and a later one may succeed. Any thread. */
bool storage_is_broken(const storage *s);
/* Closes the database without a checkpoint, lets SQLite recover it, copies
 * its write-ahead log into it (so what was in doubt is on disk or is not
 * there) and finds the end of the log anew: storage_log_last may be higher
 * than what was acknowledged, by the commit that failed. Keeps the lock. On
 * success nothing is broken any more; on failure all is, and it may be called
 * again. Writer's thread, no transaction of its own open. */
int storage_reopen(storage *s, muster_error *err);
/* Is there room for `bytes` more on the file system of the directory? Any
 * thread. */
int storage_has_room(const storage *s, uint64_t bytes, bool *room,
                     muster_error *err);

/* ---- the write-ahead log of SQLite ---- */

/* SQLite copies nothing back by itself: the background thread does, while
 * the writer goes on. */

/* Copies what the write-ahead log holds into the database, as far as readers
 * allow, without waiting for anybody. *behind: not all of it. A failed write
 * loses nothing, for the log stays; it breaks the storage (MUSTER_EIO), a full
 * disk does not. Background thread. Cost: the pages copied, two flushes. */
int storage_checkpoint(storage *s, bool *behind, muster_error *err);
/* The bound to keep: below the length that SQLite cuts the file back to
 * (journal_size_limit, 64 MiB), so that it is written over and neither grows
 * nor is cut, both of which a flush pays for. */
#define STORAGE_WAL_BYTES_MAX ((uint64_t)60 << 20)
/* Bytes of the write-ahead log in use. After a checkpoint that left nothing
 * behind the next commit begins it anew; under constant writing that seldom
 * comes, so STORAGE_WAL_BYTES_MAX has to be kept with storage_checkpoint_now.
 * Any thread. */
uint64_t storage_wal_bytes(const storage *s);
/* The same to the end, between two transactions of the writer: the next one
 * begins the write-ahead log anew. Waits for a checkpoint under way and a
 * second for readers; MUSTER_EBUSY "busy" when these hold on, which loses
 * nothing. Short when a storage_checkpoint came just before. Writer's
 * thread. */
int storage_checkpoint_now(storage *s, muster_error *err);

/* ---- transactions and statements ---- */

/* A writer's is IMMEDIATE. A reader's gives all that follows one view of the
 * data: begin, generation_open, storage_log_each, storage_rollback. */
int storage_begin(storage *s, muster_error *err);
/* Durable when it returns 0. After batches were appended it writes their last
 * number with them and, behind them, the mark. */
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
/* Inside a transaction: forgets batches from the front that no kept
 * generation needs, at least one and no more than fit into about bytes_max
 * (cost grows with these); their numbers are never reused. *more: some are
 * left. The log stays sound when some are left for ever. */
int storage_log_trim(storage *s, size_t bytes_max, bool *more,
                     muster_error *err);
/* Writes the file `mark`: the number of the last committed batch, so that
 * its loss does not pass for the end of the log (mark.c). storage_commit calls
 * it and goes on when it fails: the former mark stays. Never flushed. */
int storage_mark(storage *s, muster_error *err);

/* ---- loads ---- */

/* The newest stay; beyond, those that ended first go. An input that is sent
 * again after so many others counts anew. */
#define STORAGE_LOADS_MAX 100000
/* What the caller keeps of one load is a handful of counters. */
#define STORAGE_LOAD_STATE_MAX ((size_t)1 << 20)
#define STORAGE_LOAD_ID_MAX ((size_t)1024)

/* How far one input is read. */
typedef struct storage_load {
    muster_text load_id;
    uint64_t position; /* bytes of it that are done with */
    bool ended;
    muster_text state;  /* the caller's, any bytes */
    uint64_t head_hash; /* of its first head_len bytes */
    uint64_t head_len;
    muster_time started; /* of the first put; only read */
    muster_time finished; /* of the put that ended it, 0; only read */
} storage_load;
/* Texts lie in `memory`. MUSTER_ECORRUPT "bad_load" when its checksum does
 * not fit. */
int storage_load_get(storage *s, muster_text load_id, bool *found,
                     storage_load *out, arena *memory, muster_error *err);
/* Inside a transaction; adds or replaces. MUSTER_ELIMIT "long_load". */
int storage_load_put(storage *s, const storage_load *load, muster_error *err);

/* ---- generations ---- */

/*
 * A generation is one file of named sections (name: up to 15 bytes), each
 * 64-byte aligned and checksummed in pieces (XXH3-64), with a directory and a
 * checksummed footer; the byte table is above the writer in generation.c.
 * It holds the state after log batch `seq`.
 */
typedef struct generation_writer generation_writer;
/*
 * One generation, in the order of the calls:
 *
 *   writer's      storage_generation_next
 *   background    generation_start, then begin, write, end for each section,
 *                 generation_seal, generation_map
 *   writer's      storage_begin, generation_adopt, storage_commit,
 *                 generation_adopted; some storage_log_trim in later ones
 *   background    generation_finish
 *
 * Until it is adopted, or when the commit failed: generation_abandon.
 */
/* A number that was not given before. */
int storage_generation_next(storage *s, int64_t *id, muster_error *err);
/* When the file of a generation was last written; 0 when there is none. Any
 * thread. */
muster_time storage_generation_time(const char *dir, int64_t id);
int generation_start(generation_writer **out, storage *s, int64_t id,
                     uint64_t seq, muster_error *err);
int generation_begin(generation_writer *w, const char *section,
                     muster_error *err);
int generation_write(generation_writer *w, const void *bytes, size_t len,
                     muster_error *err);
int generation_end(generation_writer *w, muster_error *err);
/* Ends the file and makes it durable under its name; no row names it yet. */
int generation_seal(generation_writer *w, muster_error *err);
/* Inside the caller's transaction: the row of a sealed one; rows beyond the
 * two newest sound ones go. */
int generation_adopt(storage *s, generation_writer *w, muster_error *err);
/* After the commit, on the writer's thread. */
void generation_adopted(storage *s);
/* And then on any: removes the files whose rows went, which may take some
 * milliseconds each. Consumes w. */
void generation_finish(const storage *s, generation_writer *w);
/* Gives up: removes the file, unless a failed commit left unknown whether a
 * row names it. Consumes w. NULL is fine. */
void generation_abandon(generation_writer *w);

/* Drops the row and the file of a damaged one. Only where what is left
 * suffices: another sound one, or a log that was never pruned
 * (MUSTER_EREFUSED "generation_needed"). Own transaction. Cost: reads the
 * others. */
int generation_forget(storage *s, int64_t id, muster_error *err);

typedef struct generation generation;
/* Opens the newest valid one (footer, directory and section checksums are
 * verified); a damaged one is passed over with a message in *damage (a
 * muster_error, code 0 when none). *out = NULL and 0 when there is none at
 * all, or none is valid and the log is whole from its beginning (then *damage
 * tells); MUSTER_ECORRUPT when none is valid and the log was pruned, MUSTER_EIO
 * when one of them could only not be read (memory, permission).
 *
 * Beside a writer a file may go between reading its row and opening it:
 * MUSTER_EBUSY "generation_gone". A reader's transaction is then ended; it
 * begins another and tries again. In a transaction it is the first read. */
int generation_open(generation **out, storage *s, muster_error *damage,
                    muster_error *err);
/* The same in a time that does not grow with the file: of a large one only
 * the frame is looked at, and the caller proves what it uses of the sections
 * (generation_proof). Those that are distrusted are passed over. */
int generation_open_quick(generation **out, storage *s, muster_error *damage,
                          muster_error *err);
/* Was found damaged while it was read: no quick opening of this handle takes
 * it again, and the next adoption drops it. */
void generation_distrust(storage *s, int64_t id);
/* The one that w has sealed. Its bytes were hashed while they were written:
 * only the frame is looked at. Any thread, before w is consumed. */
int generation_map(generation **out, const generation_writer *w,
                   muster_error *err);
uint64_t generation_seq(const generation *g);
int64_t generation_id(const generation *g);
/* Bytes of a section, mapped, valid until close; NULL when missing. */
const void *generation_section(const generation *g, const char *section,
                               size_t *len);
/* What proves the bytes of a section before they are used; NULL when it is
 * missing. Lives as the generation does. */
proof *generation_proof(const generation *g, const char *section);
/* MUSTER_ECORRUPT once a byte that was asked for could not be proved: then
 * nothing that was read of it need be right. Any thread; some loads. */
int generation_check(const generation *g, muster_error *err);
/* Gives the memory back that a section was read into; it is read again when it
 * is needed. Any thread, also beside readers. */
void generation_unload(const generation *g, const char *section);
size_t generation_bytes(const generation *g);
void generation_close(generation *g);

/* ---- copy and check ---- */

/* Makes to_dir (may exist, without a database) a copy of the newest committed
 * state of from_dir, also while another process or thread writes there: the
 * database and the generation it builds on, all flushed. Lock, mark and key
 * are not copied; the copy's log gets an identity of its own, so that no mark
 * of another life is held against it: restoring is copying too. `step` may be
 * NULL.
 * MUSTER_ECONFLICT "exists", errors of storage_open (of either directory: the
 * lock of to_dir is held), MUSTER_EBUSY "generation_gone" after five tries,
 * MUSTER_ECORRUPT "no_generation" when there are some and none is sound; what
 * it made is removed then. Any thread. Cost: one reading and one writing of
 * it all. */
int storage_copy(const char *from_dir, const char *to_dir,
                 storage_step_fn step, void *payload, muster_error *err);
/* XXH3-128 of a file, low half first, and its length. Never of a database
 * that this process has open: closing it would end SQLite's locks. Any
 * thread. Cost: one reading, mapped. */
int storage_file_hash(const char *path, uint64_t out[2], uint64_t *bytes,
                      muster_error *err);

typedef enum storage_finding_kind {
    STORAGE_NOTE,       /* nothing is wrong */
    STORAGE_REPAIRABLE, /* the rest of the directory makes up for it */
    STORAGE_DAMAGE      /* nothing here does */
} storage_finding_kind;
typedef struct storage_finding {
    storage_finding_kind kind;
    const char *file;    /* name in the directory, "muster.db" */
    const char *place;   /* "log batch 17", "section planes", or "" */
    const char *message; /* all borrowed for the call */
    int64_t generation;  /* which one is damaged; 0: none */
} storage_finding;
typedef void (*storage_finding_fn)(void *payload, const storage_finding *f);
typedef struct storage_tally { /* what was looked at */
    uint64_t log_batches;
    uint64_t log_bytes;
    uint64_t generations;
    uint64_t bytes_read;
} storage_tally;
/* Reads everything: SQLite's own check, every batch, every generation, every
 * load, the mark, files that no row names. `step`, `tally` may be NULL; both
 * functions get `payload`. 0 also when there are findings; an error when it
 * could not look: MUSTER_EBUSY "generation_gone" after five tries beside a
 * writer. A transaction of its own. Any mode; STORAGE_EXAMINE opens what the
 * others refuse. */
int storage_check(storage *s, storage_finding_fn found, storage_step_fn step,
                  void *payload, storage_tally *tally, muster_error *err);

/* ---- whole files and directories ---- */

/* For who keeps copies: files and directories that no storage handle knows.
 * All return 0 or MUSTER_EIO with a message, besides what is named; of any
 * thread. None allocates but into a buffer of the caller. */

typedef enum storage_thing {
    STORAGE_NOTHING,
    STORAGE_FILE,
    STORAGE_DIRECTORY,
    STORAGE_OTHER
} storage_thing;
/* What has this name, links followed; *bytes (may be NULL): of a file, else
 * 0. */
int storage_look(const char *path, storage_thing *out, uint64_t *bytes,
                 muster_error *err);

/* Puts a file into a directory: afterwards it is there, whole and durable,
 * and at any moment before it is whole or not there, whatever breaks off. A
 * former one is replaced. The name `<name>.tmp` is used meanwhile, and gone
 * when it fails. One at a time for each name. Cost: two flushes. */
int storage_file_save(const char *dir, const char *name, const void *bytes,
                      size_t len, muster_error *err);
/* Appends the file to `out`; MUSTER_ELIMIT "long_file" when there is no room
 * for it, MUSTER_ENOTFOUND "no_file". */
int storage_file_load(const char *path, buffer *out, muster_error *err);
/* One that is not there is fine. Not durable. */
int storage_file_remove(const char *path, muster_error *err);

/* Makes it (0700) when nothing has its name, and makes the name durable,
 * whoever made it; where the directory that holds it may not be read, only
 * one that stood there before is taken. Cost: one flush. */
int storage_directory_make(const char *dir, muster_error *err);
/* Gives a directory another name in the one that holds it, durably, with all
 * that is in it (which was flushed before). MUSTER_ECONFLICT "exists" when
 * something has that name. On failure it is called as before, unless taking
 * back failed as well. The caller sees to it that no other makes `to`
 * meanwhile; only an empty directory could get lost. Cost: one flush. */
int storage_directory_rename(const char *from, const char *to,
                             muster_error *err);
/* Calls `each` with every name in it but "." and "..", in no order; a non-zero
 * return stops the walk and is passed on. None when there is no such
 * directory. */
typedef int (*storage_name_fn)(void *payload, const char *name,
                               muster_error *err);
int storage_directory_each(const char *dir, storage_name_fn each,
                           void *payload, muster_error *err);
/* Removes all files in it; a directory in it is an error. Not durable. */
int storage_directory_clear(const char *dir, muster_error *err);
/* Removes an empty one; one that is not there is fine. Not durable. */
int storage_directory_remove(const char *dir, muster_error *err);
/* For one process and one call alone, until *lock is given back; MUSTER_EBUSY
 * "locked". *lock is -1 on failure. The lock stays with a directory that is
 * renamed. */
int storage_directory_lock(const char *dir, int *lock, muster_error *err);
void storage_directory_unlock(int *lock); /* -1 is fine; sets -1 */

#endif
