/*
 * view.h - reading a plane where it lies: the portable Roaring bytes
 * (RoaringFormatSpec), block by block, without building a bitmap.
 *
 *   cookie 12346: u32 cookie, u32 n, n x (u16 key, u16 cardinality - 1),
 *                 n x u32 offset, containers
 *   cookie 12347 in the low 16 bits, n - 1 in the high 16: (n + 7) / 8 bytes
 *                 of run flags, n x (u16 key, u16 cardinality - 1), n x u32
 *                 offset only when n >= 4, containers
 *   containers: run: u16 runs, runs x (u16 start, u16 length - 1);
 *               cardinality <= 4,096: that many u16; else 8,192 bytes
 *
 * view_open checks the header and that the containers stand one behind the
 * other inside the bytes: O(containers). Deep checks (order, cardinalities)
 * are set_check's; without them answers may be wrong, but nothing outside the
 * bytes is read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_VIEW_H
#define INDEX_VIEW_H

#include <stddef.h>

#include "index/block.h"

typedef struct plane_view {
    const uint8_t *bytes;
    const uint8_t *run_flags; /* NULL: no run container */
    const uint8_t *directory; /* n x (key, cardinality - 1) */
    const uint8_t *offsets;   /* NULL: fewer than four, walk */
    uint32_t n;
    uint32_t blocks;
    const block_ref *sets; /* its resident form, by block; NULL: none */
} plane_view;

/* Header only; the bytes are known to be good. O(1). */
void view_init(plane_view *v, const uint8_t *bytes);
/* Checks form and bounds first; false when damaged. An empty plane is n = 0.
 */
bool view_open(plane_view *v, const uint8_t *bytes, size_t len);
/* The container of a block, EMPTY when there is none. `hint` (may be NULL)
 * remembers the place between calls with growing blocks. */
block_ref view_block(const plane_view *v, uint32_t block, uint32_t *hint);
/* The first block from `block` on that has a container; UINT32_MAX when there
 * is none. Of the plane where it lies. */
uint32_t view_next(const plane_view *v, uint32_t block, uint32_t *hint);
/* Bytes before the first bitset; 0 when there is none. */
size_t view_first_bitset(const plane_view *v);
/* Rows of container i < n, from the directory. */
uint32_t view_container_count(const plane_view *v, uint32_t i);
/* Container i < n, and the block it is of. */
block_ref view_container(const plane_view *v, uint32_t i, uint32_t *block);
bool view_has(const plane_view *v, uint32_t row);
uint64_t view_count(const plane_view *v); /* from the directory */
/* Cardinality of a block from the directory alone: 0 when absent. */
uint32_t view_block_count(const plane_view *v, uint32_t block,
                          uint32_t *hint);

#endif
