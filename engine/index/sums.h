/*
 * sums.h - events of one slot (attribute, provider, value, bucket): rows with
 * their count and their sum of amounts. Building and merging write slots by
 * these. Private to the room.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_SUMS_H
#define INDEX_SUMS_H

#include "index/builder.h"

/* Rows grow strictly; counts are 1..cap. */
typedef struct event_sums {
    uint32_t *rows;
    uint32_t *counts;
    int64_t *amounts;
    size_t n;
    size_t capacity;
    uint32_t *picked; /* rows of one slice */
    size_t picked_capacity;
} event_sums;

void sums_release(event_sums *s);
/* Room for n rows; what is there is kept. */
void sums_reserve(event_sums *s, size_t n);

static inline uint32_t count_add(uint32_t a, uint32_t b, uint32_t cap)
{
    const uint64_t sum = (uint64_t)a + b;
    return sum < cap ? (uint32_t)sum : cap;
}

/* Adds events of a row that is not below the last one; room is reserved. */
static inline void sums_add(event_sums *s, uint32_t row, uint32_t count,
                            int64_t amount, uint32_t cap)
{
    if (s->n && s->rows[s->n - 1] == row) {
        s->counts[s->n - 1] = count_add(s->counts[s->n - 1], count, cap);
        s->amounts[s->n - 1] = amount_add(s->amounts[s->n - 1], amount);
        return;
    }
    s->rows[s->n] = row;
    s->counts[s->n] = count < cap ? count : cap;
    s->amounts[s->n++] = amount;
}

/* The rows of a block's SEEN container, once each; s is empty. */
void sums_seen(event_sums *s, uint32_t block, block_ref rows);
/* Rows among them whose count - 1, or amount, has a bit. */
void sums_count(event_sums *s, uint32_t block, block_ref rows, uint32_t bit);
void sums_amount(event_sums *s, uint32_t block, block_ref rows, uint32_t bit);
/* a += b, row by row. */
void sums_merge(event_sums *a, const event_sums *b, uint32_t cap);
/* The bits that some count - 1, some amount has. */
typedef struct sums_bits {
    uint32_t counts;
    uint64_t amounts;
} sums_bits;
sums_bits sums_bits_of(const event_sums *s);
/* Fills s->picked with the rows that have a bit; returns their number. */
size_t sums_pick_count(event_sums *s, uint32_t bit);
size_t sums_pick_amount(event_sums *s, uint32_t bit);
/* Writes the planes of the slot: seen, slices of count - 1 and of amounts. */
void sums_write(layer_writer *out, plane_key slot, event_sums *s);

#endif
