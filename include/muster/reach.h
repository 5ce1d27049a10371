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

#ifdef __cplusplus
}
#endif
#endif
