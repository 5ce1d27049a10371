/*
 * disk_story.h - a run of the engine that crash tests break off: calls of the
 * public API that change something, made up from a seed, and everything that
 * is asked to tell one state from another.
 *
 * A story is a row of steps. After each that was acknowledged the answers are
 * kept, so that an engine that opens what a crash left can be compared with
 * the states that are allowed: all that was acknowledged, and of the step
 * that was under way all or nothing. A step may be a snapshot, which is of the
 * state that it was made of, or none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CRASH_DISK_STORY_H
#define TESTS_CRASH_DISK_STORY_H

#include <muster/muster.h>
#include "crash/disk.h"
#include "support/dice.h"

#define STORY_NOW ((muster_time)1795264200) /* 2026-11-21T12:30:00Z */
#define STORY_STEPS_MAX 64u
/* So little that generations come in the course of a story by themselves. */
#define STORY_LOG_BYTES ((uint64_t)64 << 10)

/* X(symbol, run): how each step is done. */
#define STEP_MAP(X)                                                           \
    X(FEED, run_feed)                                                         \
    X(INGEST, run_ingest)                                                     \
    X(SAVE, run_save)                                                         \
    X(REMOVE, run_remove)                                                     \
    X(CATALOG, run_catalog)                                                   \
    X(PROVIDER, run_provider)                                                 \
    X(OPTOUT, run_optout)                                                     \
    X(FORGET, run_forget)                                                     \
    X(CHECKPOINT, run_checkpoint)                                             \
    X(SNAPSHOT, run_snapshot)                                                 \
    X(REOPEN, NULL)
typedef enum step_kind {
#define STEP_ENUM(symbol, run) STEP_##symbol,
    STEP_MAP(STEP_ENUM)
#undef STEP_ENUM
    STEP_KINDS
} step_kind;
const char *step_name(step_kind kind);

typedef struct step {
    step_kind kind;
    char name[40]; /* of a load, a segment, a user or a snapshot */
    char *text;    /* records, expression or catalog; "" = none */
} step;

typedef struct story {
    uint64_t seed;
    step steps[STORY_STEPS_MAX];
    size_t count;
    /* answers[i]: after i steps */
    char *answers[STORY_STEPS_MAX + 1];
    /* where in the record the call of step i began and had returned */
    size_t began[STORY_STEPS_MAX];
    size_t returned[STORY_STEPS_MAX];
    size_t opened; /* where the first opening had returned */
} story;

/* The first steps declare what the questions name. */
void story_make(story *s, uint64_t seed, size_t steps);
/* One step at the end, as its kind wants it. */
void story_add(story *s, random_state *r, step_kind kind);
void story_free(story *s);

/* Tells a story to a new directory, `<root>/data`; a failed call fails the
 * test. `d` (may be NULL) is the record that is written meanwhile. */
void story_tell(story *s, const char *root, const disk *d);

/* What a state may be: that after `from` steps, or one up to `upto`. */
typedef struct story_span {
    bool opened; /* the first opening had returned */
    size_t from;
    size_t upto;
} story_span;
/* When the power fails at this position of the record. */
story_span story_span_at(const story *s, size_t position);
/* The number of steps after which the answers were the engine's; one that the
 * span does not allow fails the test. */
size_t story_find(const story *s, story_span span, muster_engine *engine);

/* Is there a snapshot of this name that is called complete, of the state that
 * told `answers`? One of another state, one that does not verify, and one
 * that is being made but called complete fail the test. */
bool story_has_snapshot(const char *root, const char *name,
                        const char *answers);
/* Of what a power failure left at this position of the record: snapshots that
 * were acknowledged are there, and those not begun are not. */
void story_check_snapshots(const story *s, size_t position, const char *root);

/* 0 or the error of the call. A REOPEN cannot be run here; a SNAPSHOT is one
 * of the directory that was opened last. */
int step_run(const step *s, muster_engine *engine, muster_error *err);

/* Opens `<root>/data` as the story does. */
int story_open(muster_engine **out, const char *root, muster_open_mode mode,
               muster_error *err);
/* A failure fails the test. */
muster_engine *story_must_open(const char *root, muster_open_mode mode);
/* Everything that can be asked, as one text; freed with mem_free. */
char *story_ask(muster_engine *engine);
/* While a fault is set that has struck, the hash of the state may be missing:
 * it is refused where the writer cannot go on. */
bool story_same(const char *wanted, const char *got);

/* An empty place for a test below TMPDIR; `out` has STORY_ROOT_ROOM bytes. */
#define STORY_ROOT_ROOM 512u
void story_place(char *out, const char *name);

/* What the test is doing, for the message of whatever fails, an assertion of
 * the engine included. */
void story_where(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
const char *story_here(void);
/* Shows where two answers that had to be equal are not ... */
void story_show(const char *wanted, const char *got);
/* ... and fails. */
void story_differ(const char *wanted, const char *got, const char *what);

#endif
