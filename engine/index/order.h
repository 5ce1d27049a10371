/*
 * order.h - stable orderings of operations by small integers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_ORDER_H
#define INDEX_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* Sorts items of 12 or 16 bytes by the u32 that stands `at` bytes in each,
 * stable; all lie in [least, most]. `spare` has room for as many: returns the
 * one of both that holds the sorted items, the other one's content is lost.
 * Radix sort by 11 bits at most, about 2 ns an item and pass; items that are
 * in order already cost one look. */
void *order_items(void *items, void *spare, size_t n, size_t size, size_t at,
                  uint32_t least, uint32_t most);

#endif
