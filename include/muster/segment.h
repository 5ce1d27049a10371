/*
 * segment.h - expressions: compile, count, list users, decide one user,
 * explain. docs/language.md is the manual of the language.
 *
 * A compiled segment belongs to its engine, remembers its text and scope, and
 * is bound again by itself when the catalog has changed. It may be used from
 * several threads. Free it before the engine is closed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_SEGMENT_H
#define MUSTER_SEGMENT_H

#include <stdbool.h>
#include <muster/engine.h>
#include <muster/scope.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct muster_segment muster_segment;

/* MUSTER_EEXPR with place and suggestion. `viewer` is required and copied. */
MUSTER_API int muster_segment_compile(muster_segment **out,
                                      muster_engine *engine,
                                      const muster_scope *viewer,
                                      const char *text, size_t text_len,
                                      muster_error *err);
MUSTER_API void muster_segment_free(muster_segment *segment);

/* Canonical text and JSON AST; to be freed with muster_free. Both work
 * without an engine. json may be NULL or text may be NULL. */
MUSTER_API int muster_segment_format(const char *text, size_t text_len,
                                     char **out_text, char **out_json,
                                     muster_error *err);
/* Text of a JSON AST. */
MUSTER_API int muster_segment_from_json(const char *json, size_t json_len,
                                        char **out_text, muster_error *err);
/* The two or more lines under an error: the text's line and a caret line.
 * Freed with muster_free. */
MUSTER_API char *muster_error_caret(const muster_error *err, const char *text,
                                    size_t text_len);
MUSTER_API void muster_free(void *memory);

/* Warnings of compile and lint, in order of place. */
MUSTER_API size_t muster_segment_warning_count(const muster_segment *segment);
MUSTER_API const muster_error *
muster_segment_warning(const muster_segment *segment, size_t i);

typedef struct muster_clause {
    const char *path;  /* "/and/0", in the JSON AST; "" = the whole */
    const char *text;  /* canonical */
    uint64_t count;    /* users for whom this clause alone holds */
    int64_t marginal;  /* count of the whole minus count of the whole
                          without this clause: what the clause takes away
                          (and: negative) or adds (or: positive) */
} muster_clause;

typedef struct muster_window {
    const char *text; /* "within 30 days" */
    muster_time from; /* first second */
    muster_time to;   /* last second */
} muster_window;

typedef struct muster_count {
    uint64_t count; /* an estimate unless `exact` */
    uint64_t universe;
    double share; /* count / universe, 0 when the universe is empty */
    bool exact;
    muster_time as_of;
    muster_epoch epoch;
    uint64_t elapsed_ns; /* of evaluation alone */
    const muster_clause *clauses;
    size_t clause_count;
    const muster_window *windows;
    size_t window_count;
    uint64_t low;   /* the interval of an estimate, both ends included; the */
    uint64_t high;  /* count itself when it is exact */
    double error;   /* half of it as a share of the count; 0 when exact */
    uint64_t sampled_rows; /* users looked at; all of them when exact */
} muster_count;

/* Exact. `clauses`: also the size and marginal effect of each part. *out is
 * freed with muster_count_free. */
MUSTER_API int muster_segment_count(muster_segment *segment, bool clauses,
                                    muster_count **out, muster_error *err);

/* The same with a task (may be NULL) that is asked between pieces of work,
 * about half a million users times the parts of the expression each, and may
 * end it with MUSTER_ECANCELLED. */
MUSTER_API int muster_segment_count_task(muster_segment *segment,
                                         bool clauses,
                                         const muster_task *task,
                                         muster_count **out,
                                         muster_error *err);

/* How an estimate is made. */
typedef struct muster_sample {
    double error;  /* how wide the interval may be: half of it as a share of
                      the count, 0 (exact) to MUSTER_SAMPLE_ERROR_MAX */
    uint64_t seed; /* another seed is another sample; the same one has the
                      same answer on the same epoch, on every machine */
} muster_sample;

/* A count from samples of every 65,536 users: as soon as the interval is as
 * narrow as `sample` wants, that is the answer; where a sample that is worth
 * it does not tell, and for fewer than about 2 million users, users are
 * counted and the answer is exact. Of 100 seeds 95 or more have an interval
 * that holds the exact count. MUSTER_EINVAL (bad_sample) when the error is
 * none. *out has no clauses; freed with muster_count_free. */
MUSTER_API int muster_segment_estimate(muster_segment *segment,
                                       const muster_sample *sample,
                                       muster_count **out, muster_error *err);
MUSTER_API int muster_segment_estimate_task(muster_segment *segment,
                                            const muster_sample *sample,
                                            const muster_task *task,
                                            muster_count **out,
                                            muster_error *err);
MUSTER_API void muster_count_free(muster_count *count);

/* Every user of the segment, by its primary pseudonym, in order of row.
 * A non-zero return of `each` ends the walk and is returned. */
typedef int (*muster_user_fn)(void *payload, const muster_pseudonym *user);
MUSTER_API int muster_segment_users(muster_segment *segment,
                                    muster_user_fn each, void *payload,
                                    muster_error *err);

/* The same from a place on, 0 at first. *place becomes that of the user for
 * whom `each` ended the walk, or UINT64_MAX behind the last. The task (may be
 * NULL) is asked every 65,536 users and may end the walk too, with
 * MUSTER_ECANCELLED and the place to go on from. Users keep their places: a
 * walk may go on another time, over what is so then. */
MUSTER_API int muster_segment_users_from(muster_segment *segment,
                                         uint64_t *place,
                                         const muster_task *task,
                                         muster_user_fn each, void *payload,
                                         muster_error *err);

/* A user as a question names it: id space and raw id. The raw id is hashed at
 * once and never kept, logged or echoed. */
typedef struct muster_id {
    const char *space;
    const char *id;
    size_t id_len;
} muster_id;

/* *out: is the user in the segment? An unknown user is in none.
 * MUSTER_EINVAL when the id is malformed or is personal data. */
MUSTER_API int muster_segment_has(muster_segment *segment,
                                  const muster_id *user, bool *out,
                                  muster_error *err);

/* One node of an explanation, parents before children. */
typedef struct muster_reason {
    const char *path;
    const char *text;  /* canonical */
    unsigned depth;
    bool holds;
    const char *why;   /* the fact and the day that decide, for people:
                          "seen 2026-11-18 (provider shop)"; "" = the
                          children decide */
    muster_time until; /* when `holds` flips if nothing new is said;
                          0 = never */
} muster_reason;

typedef struct muster_explanation {
    bool known;        /* false: no such user; then there are no reasons */
    bool masked;       /* opted out or forgotten: in no audience */
    bool member;
    muster_time until; /* when `member` flips by itself; 0 = never */
    muster_time as_of;
    muster_epoch epoch;
    const muster_reason *reasons;
    size_t reason_count;
} muster_explanation;

MUSTER_API int muster_segment_explain(muster_segment *segment,
                                      const muster_id *user,
                                      muster_explanation **out,
                                      muster_error *err);
MUSTER_API void muster_explanation_free(muster_explanation *explanation);

#ifdef __cplusplus
}
#endif
#endif
