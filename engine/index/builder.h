/*
 * builder.h - building a delta: facts as they are gathered, group by group,
 * and the bits of numbers and amounts, which reading and merging share.
 * Private to the room.
 *
 *   builder.c          gathering; the groups in order
 *   builder_profile.c  profile facts of one group to planes
 *   builder_event.c    events of one group to planes
 *   order.c            stable sorts of facts
 *   split.c            rows gathered by plane
 *   sums.c             rows with counts and amounts
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_BUILDER_H
#define INDEX_BUILDER_H

#include <muster/limits.h>
#include "index/table.h"

/* ---- facts of one group, in log order ---- */

typedef struct profile_op {
    uint32_t row;
    uint32_t code; /* op in the top 4 bits; value or index into numbers */
    uint32_t expiry;
} profile_op;

#define OP_NUMBER 5u /* beside index_op */
#define OP_SHIFT 28
#define CODE_MASK ((1u << OP_SHIFT) - 1)

typedef struct event_op {
    uint32_t row;
    uint32_t value;
    uint32_t bucket;
    uint32_t extra; /* index into extras; 0: one event without an amount */
} event_op;

typedef struct event_extra {
    uint32_t count;
    int64_t amount;
} event_extra;

/* Makes planes of the profile facts of one group at a time. */
typedef struct profile_maker profile_maker;
profile_maker *profile_maker_new(const int64_t *numbers);
void profile_maker_free(profile_maker *m);
/* `ops` ascend by row; sayings of one row are in log order. */
void profile_make(profile_maker *m, const plane_key *group,
                  const profile_op *ops, size_t n, layer_writer *out);
/* The universe: rows by expiry, whatever else the ops say. */
void profile_make_seen(profile_maker *m, const plane_key *group,
                       const profile_op *ops, size_t n, layer_writer *out);

/* Makes planes of the events of one group at a time. */
typedef struct event_maker event_maker;
event_maker *event_maker_new(const event_extra *extras);
void event_maker_free(event_maker *m);
/* In log order. Both arrays have room for n and are lost. */
void event_make(event_maker *m, const plane_key *group, uint32_t cap,
                event_op *ops, event_op *spare, size_t n, layer_writer *out);

/* ---- numbers and amounts ---- */

/* |x| of a number as one ordered pattern: integer part above 14 bits of
 * ten-thousandths. */
static inline uint64_t number_bits(int64_t scaled)
{
    const uint64_t m = scaled < 0 ? (uint64_t)-scaled : (uint64_t)scaled;
    return (m / MUSTER_NUMBER_SCALE) << NUMBER_FRACTION_BITS |
           m % MUSTER_NUMBER_SCALE;
}
static inline int64_t number_of_bits(uint64_t bits, bool negative)
{
    const uint64_t fraction = bits & ((1u << NUMBER_FRACTION_BITS) - 1);
    const int64_t m = (int64_t)((bits >> NUMBER_FRACTION_BITS) *
                                    MUSTER_NUMBER_SCALE +
                                fraction);
    return negative ? -m : m;
}

/* What sums of amounts saturate at, x 10^4: below 2^AMOUNT_BITS. */
#define AMOUNT_TOP (MUSTER_TOTAL_MAX * MUSTER_NUMBER_SCALE)
static inline int64_t amount_add(int64_t a, int64_t b)
{
    return a > AMOUNT_TOP - b ? AMOUNT_TOP : a + b;
}

#endif
