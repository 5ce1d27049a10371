/*
 * reach.h - numbers over several sets. First form: by repeated exact counts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_REACH_H
#define MUSTER_REACH_H

#include <muster/segment.h>

#ifdef __cplusplus
extern "C" {
#endif

/* counts[i * n + j] = users in both i and j; the diagonal holds the sizes.
 * All numbers hold for one epoch and one time. */
typedef struct muster_overlap {
    size_t n;
    const uint64_t *counts;
    uint64_t universe;
    muster_time as_of;
    muster_epoch epoch;
    uint64_t elapsed_ns;
} muster_overlap;

#define MUSTER_OVERLAP_MAX 100

/* 2..MUSTER_OVERLAP_MAX compiled segments of one engine. Free with
 * muster_overlap_free. */
MUSTER_API int muster_reach_overlap(muster_segment *const *segments, size_t n,
                                    muster_overlap **out, muster_error *err);
/* The same with a task (may be NULL) that is asked between blocks of users
 * and may end it with MUSTER_ECANCELLED. */
MUSTER_API int muster_reach_overlap_task(muster_segment *const *segments,
                                         size_t n, const muster_task *task,
                                         muster_overlap **out,
                                         muster_error *err);
MUSTER_API void muster_overlap_free(muster_overlap *overlap);

typedef struct muster_breakdown_row {
    muster_text value; /* ptr NULL: users for whom the attribute is unknown */
    uint64_t count;
    double share;      /* of the expression's users */
} muster_breakdown_row;
typedef struct muster_breakdown {
    uint64_t total;    /* users of the expression */
    const muster_breakdown_row *rows; /* largest first; unknown last */
    size_t row_count;
    size_t more;       /* rows left out by `limit` */
    muster_time as_of;
    muster_epoch epoch;
    uint64_t elapsed_ns;
} muster_breakdown;

/* Users of the segment by value of an attribute (flag, one_of, many_of,
 * event). A user with several values counts in each. limit 0 = all.
 * MUSTER_EINVAL "bad_breakdown" for a number (compare with `between`),
 * MUSTER_ENOTFOUND "unknown_attribute". */
MUSTER_API int muster_reach_breakdown(muster_segment *segment,
                                      const char *attribute, size_t limit,
                                      muster_breakdown **out,
                                      muster_error *err);
/* The same with a task (may be NULL) that is asked between values and may
 * end it with MUSTER_ECANCELLED. */
MUSTER_API int muster_reach_breakdown_task(muster_segment *segment,
                                           const char *attribute,
                                           size_t limit,
                                           const muster_task *task,
                                           muster_breakdown **out,
                                           muster_error *err);
MUSTER_API void muster_breakdown_free(muster_breakdown *breakdown);

/* ---- providers beside each other ---- */

/* Providers of one report; the others count as others all the same. */
#define MUSTER_REPORT_PROVIDERS_MAX 64u
/* Values of the attribute that is the truth. */
#define MUSTER_REPORT_VALUES_MAX 10000u

/* What a provider says of one attribute. */
typedef struct muster_report_attribute {
    const char *attribute;
    const char *kind;
    uint64_t users;        /* of whom it says something */
    uint64_t facts;        /* values held; of an event its days or hours */
    uint64_t contradicted; /* one_of: users of whom another provider says
                              another value */
} muster_report_attribute;
/* A value of the attribute that is the truth. */
typedef struct muster_report_value {
    const char *value;
    uint64_t said;  /* users of whom the provider says it, and of whom the
                       truth speaks: both / said is the precision */
    uint64_t truth; /* users of whom the truth says it, and of whom the provider
                       speaks: both / truth is the recall */
    uint64_t both;
} muster_report_value;
typedef struct muster_report_row {
    const char *name;
    const char *party;
    uint64_t users;  /* with a live fact of it */
    uint64_t only;   /* and of no other provider: its incremental reach */
    uint64_t facts;  /* profile: a user and a value, a flag or a number */
    uint64_t ending; /* of these, ended in 30 days unless said again */
    uint64_t events; /* a user, an event attribute, a day (or hour) */
    uint64_t events_1d; /* of these, in the last 1, 7, 30 days, today's */
    uint64_t events_7d; /* day among them */
    uint64_t events_30d;
    muster_time oldest; /* day or hour of the oldest and the newest event; 0: */
    muster_time newest; /* none. When profile facts were said is not kept. */
    const muster_report_attribute *attributes; /* by name of the catalog */
    size_t attribute_count;
    uint64_t compared; /* users of whom it and the truth both speak */
    uint64_t agreed;   /* and say the same */
    const muster_report_value *values; /* with a user; by text */
    size_t value_count;
} muster_report_row;
typedef struct muster_report {
    uint64_t universe;
    const char *truth_attribute; /* NULL: none was chosen */
    const char *truth_provider;
    const muster_report_row *rows;
    size_t row_count;
    muster_time as_of;
    muster_epoch epoch;
    uint64_t elapsed_ns;
} muster_report;
typedef struct muster_report_query {
    const char *const *names; /* providers to report on; count 0: all */
    size_t count;
    const char *truth_attribute; /* one_of; NULL: no truth */
    const char *truth_provider;  /* whose word on it is the truth */
} muster_report_query;

/* What each provider tells, how fresh it is, where providers contradict each
 * other, how far each agrees with the truth, and whom only it knows. Exact, of
 * live facts and users who did not opt out; opted-out users and what the
 * viewer may not see are in no number. Each plane is read once, those of
 * profile facts twice, of the truth's attribute once more. `task` (may be NULL) ends it between blocks of users
 * with MUSTER_ECANCELLED. MUSTER_ENOTFOUND "unknown_provider",
 * "unknown_attribute"; MUSTER_EINVAL "bad_truth"; MUSTER_ELIMIT "too_many".
 * Free with muster_report_free. */
MUSTER_API int muster_reach_report(muster_engine *engine,
                                   const muster_scope *viewer,
                                   const muster_report_query *query,
                                   const muster_task *task,
                                   muster_report **out, muster_error *err);
MUSTER_API void muster_report_free(muster_report *report); /* NULL is fine */
/* The report as one JSON object, as GET /v1/reports/providers answers it; to be
 * freed with muster_free. NULL: it would be longer than 1 GiB. */
MUSTER_API char *muster_report_json(const muster_report *report, bool pretty);

#ifdef __cplusplus
}
#endif
#endif
