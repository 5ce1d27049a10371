/*
 * order.h - stable orderings of operations by small integers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_ORDER_H
#define INDEX_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* Counting sort: fills `order` with 0..n-1 grouped by group_of(i) (groups
 * numbered below `groups`), stable; first[g] is where group g starts,
 * first[groups] = n. group of item i = *(uint32_t *)(items + i * stride). */
void order_by_group(const void *items, size_t stride, size_t n,
                    uint32_t groups, uint32_t *order, size_t *first);
/* Sorts a part of `order` by the row of each item (*(uint32_t *)(items + i *
 * stride + row_offset)), stable. Already ascending parts cost one look. */
void order_by_row(const void *items, size_t stride, size_t row_offset,
                  uint32_t *order, size_t n, uint64_t **scratch,
                  size_t *scratch_capacity);

#endif
