/*
 * builder.h - pieces of building that merging shares; private to the room.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_BUILDER_H
#define INDEX_BUILDER_H

#include <muster/limits.h>
#include "index/table.h"

/* Rows gathered by plane key, each list ascending. */
typedef struct row_list {
    uint32_t *rows;
    size_t count;
    size_t capacity;
} row_list;
typedef struct plane_rows {
    key_table keys;
    row_list *lists;
    size_t capacity;
} plane_rows;
void plane_rows_init(plane_rows *p);
void plane_rows_add(plane_rows *p, const plane_key *key, uint32_t row);
/* Writes all planes and empties the lists (memory is kept). */
void plane_rows_write(plane_rows *p, layer_writer *out);
void plane_rows_release(plane_rows *p);

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
