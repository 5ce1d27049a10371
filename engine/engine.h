/*
 * engine.h - the wiring: what an open engine is made of. Private to
 * engine/ (the files beside this one).
 *
 *   open.c       options, opening, recovery, closing
 *   change.c     the change list: bodies, commit (log, then apply)
 *   apply.c      one batch of facts to rows and planes
 *   judge.c      does a record fit the catalog? what becomes of its facts
 *   mirror.c     catalog and segments as readable SQLite tables
 *   snapshot.c   the whole state to a generation and back
 *   feed.c       muster_feed: input to batches to changes
 *   ask.c        muster_segment: compile, count, users, has, explain
 *   saved.c      muster_audience: saved segments, lookup
 *   names.c      muster_catalog and muster_attributes, providers
 *   people.c     muster_privacy: opt-out, forget
 *   numbers.c    muster_reach: overlap, breakdown
 *
 * One order. A change is encoded, logged and committed, then applied; replay
 * applies the same bytes in the same order and gives the same state. The
 * state is: catalog, saved segments, dictionary, planes, forgotten rows. The
 * SQLite tables of catalog and segments are copies for people; recovery reads
 * the newest generation and the log behind it.
 *
 * Locks. `lock` guards the state: questions hold it for reading, apply for
 * writing. `writing` is held by whoever commits; it is taken first.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <semaphore.h>

#include <muster/muster.h>
#include "audience/audience.h"
#include "base/base.h"
#include "catalog/catalog.h"
#include "change_list.h"
#include "identity/identity.h"
#include "index/index.h"
#include "ingest/ingest.h"
#include "privacy/privacy.h"
#include "segment/segment.h"
#include "storage/storage.h"

#define ENGINE_MAGIC 0x4d757374u

/* Facts gathered before they become a delta: bounds the builder's memory to
 * about 32 bytes each. */
#define ENGINE_DELTA_FACTS 4000000u
/* Facts that a start may replay before a feed's end writes a generation. */
#define ENGINE_REPLAY_FACTS 200000u

struct muster_engine {
    uint32_t magic;
    pthread_rwlock_t lock;
    sem_t writing; /* a semaphore: a feed begins and ends a commit on two
                      threads */
    muster_open_mode mode;
    muster_time fixed_now; /* 0 = wall clock */
    unsigned threads;
    char *data_dir;

    storage *store;
    generation *base; /* mapped; behind dictionary and base planes */
    identity_key *key;

    catalog *names;
    audience_store *audiences;
    dictionary *ids;
    index_stack *index;
    index_builder *building;
    uint8_t *forgotten; /* one bit a row */
    size_t forgotten_rows;

    uint64_t seq;           /* last applied change = epoch; atomic */
    uint64_t facts_behind;  /* applied since the newest generation */
    bool broken;            /* a commit failed: reopen before writing;
                               atomic */
    bool feeding;
    struct mirror *mirror; /* NULL when reading */
};

/* The key's file and the checks that every public call makes. */
static inline void engine_check(const muster_engine *e)
{
    ASSERT(e != NULL && e->magic == ENGINE_MAGIC);
}
void engine_lock_read(muster_engine *e);
void engine_lock_write(muster_engine *e);
void engine_unlock(muster_engine *e);
void engine_write_begin(muster_engine *e);
void engine_write_end(muster_engine *e);
/* Refuses when the engine is not open for writing or broken. */
int engine_check_writable(const muster_engine *e, muster_error *err);
uint32_t engine_cap(void *payload, uint32_t attribute);

/* ---- changes ---- */

/* What applying a batch of facts did; all counters are added to. */
typedef struct apply_report {
    ingest_receipt *receipt;
    /* refused records, in order; may be NULL */
    void (*reject)(void *payload, const ingest_reject *reject);
    void *payload;
    const record_place *places; /* of the batch's records; NULL in replay */
} apply_report;

/* A commit is a transaction of one or more changes: each is logged and
 * applied to what nobody sees yet, then all are made durable, then
 * apply_flush makes them visible. The caller holds `writing`, not `lock`.
 * A failure leaves the engine broken: it answers, and takes no more. */
int commit_begin(muster_engine *e, muster_error *err);
int commit_change(muster_engine *e, change_kind kind, const buffer *body,
                  const char *load_id, uint64_t position,
                  apply_report *report, muster_error *err);
int commit_end(muster_engine *e, muster_error *err);
/* The three for one change, and apply_flush. */
int engine_commit(muster_engine *e, change_kind kind, const buffer *body,
                  muster_error *err);
/* Applies without logging: recovery. */
int engine_replay(muster_engine *e, const storage_batch *batch,
                  muster_error *err);

/* Bodies. */
void change_facts(buffer *out, muster_time now, const buffer *batch);
void change_provider(buffer *out, muster_text name, uint32_t party,
                     uint32_t ttl_hours);
void change_segment(buffer *out, muster_text key,
                    const audience_version *version);
void change_user(buffer *out, const muster_pseudonym *user, bool undo);

/* apply.c: facts of one batch, judged at `now`. */
int apply_facts(muster_engine *e, muster_time now, const uint8_t *bytes,
                size_t len, apply_report *report, muster_error *err);
/* Everything gathered becomes visible. */
void apply_flush(muster_engine *e);
uint32_t apply_user_row(muster_engine *e, const muster_pseudonym *p,
                        bool *fresh);
bool engine_is_forgotten(const muster_engine *e, uint32_t row);
void engine_set_forgotten(muster_engine *e, uint32_t row);

/* ---- judging records ---- */

/* Batch numbers to catalog rows, for one batch. */
typedef struct judge judge;
/* `names` is changed by judge_accept (inference), never by judge_record. */
judge *judge_new(catalog *names, muster_time now, const batch_reader *batch);
void judge_free(judge *j);
/* Checks provider, spaces and facts against the catalog. INGEST_OK or the
 * reason, with pointer and message in *out (place untouched). */
ingest_reason judge_record(judge *j, const fact_record *record,
                           const fact *facts, uint32_t count,
                           ingest_reject *out);
/* After judge_record said yes: infers what is new. Returns the catalog's
 * provider. INGEST_FULL when a limit is reached. */
ingest_reason judge_accept(judge *j, const fact_record *record,
                           const fact *facts, uint32_t count,
                           const catalog_provider **provider,
                           ingest_reject *out, ingest_receipt *receipt);
const catalog_attribute *judge_attribute(const judge *j, uint32_t number);
/* The lasting number of a term's value; CATALOG_NONE when not interned (a
 * removal of something never said). */
uint32_t judge_value(judge *j, uint32_t term, bool intern);
muster_text judge_term_text(const judge *j, uint32_t term);
/* A text as a number for this attribute (CSV, dates). */
bool judge_number(const catalog_attribute *a, muster_text text,
                  int64_t *out);

/* ---- mirror and snapshot ---- */

void mirror_attach(muster_engine *e); /* catalog rows as they change */
int mirror_flush(muster_engine *e, muster_error *err); /* in the open
    transaction: what the watcher gathered */
void mirror_audience(muster_engine *e, const audience *a);
void mirror_free(muster_engine *e);

/* Compacts the index and writes a generation. Caller holds both locks. */
int snapshot_write(muster_engine *e, muster_error *err);
/* Fills the empty state from the newest valid generation (if any). */
int snapshot_read(muster_engine *e, muster_error *err);
catalog *snapshot_copy_catalog(const catalog *names);

/* ---- questions ---- */

struct muster_scope {
    scope *inner;
};

/* Pseudonym of a user as a question names it. */
int engine_pseudonym(const muster_engine *e, const muster_id *user,
                     muster_pseudonym *out, muster_error *err);
program_state engine_state(const muster_engine *e);
/* MUSTER_ENOTFOUND "unknown_attribute" with the nearest name. */
int engine_find_attribute(const muster_engine *e, const char *name,
               const catalog_attribute **out, muster_error *err);
/* Binds an expression in the current state. Caller holds the lock. */
int engine_bind(muster_engine *e, const scope *viewer, muster_text text,
                muster_text self, plan **out, segment_diagnostics *notes,
                muster_error *err);

struct muster_segment {
    muster_engine *engine;
    scope *viewer;
    char *text;
    size_t text_len;
    plan *plan;
    uint64_t catalog_version;
    uint64_t audience_version;
    segment_diagnostics notes; /* of the first binding */
    struct kept_program *kept;
    pthread_mutex_t binding; /* guards plan and kept */
};
/* The segment's plan for the current catalog; binds anew when it changed.
 * Caller holds the engine's lock. */
int segment_current(muster_segment *s, const plan **out, muster_error *err);

/* A program is kept with its segment and serves every question about the same
 * planes in the same hour. Whoever takes one gives it back. */
typedef struct kept_program {
    program *g;
    uint32_t users; /* takers, and the segment itself */
    uint64_t index_version;
    uint32_t rows;
    muster_hour hour;
} kept_program;
kept_program *segment_take_program(muster_segment *s, const plan *bound,
                                   const program_state *state);
void segment_give_program(muster_segment *s, kept_program *k);

#endif
