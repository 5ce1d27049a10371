/*
 * merge_splice.h - one slot of events, of several layers, added block by
 * block. Private to the room.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_MERGE_SPLICE_H
#define INDEX_MERGE_SPLICE_H

#include "index/merge.h"

typedef struct splicer splicer;
splicer *splicer_new(void);
void splicer_free(splicer *s);
/* Are there at most so many rows in blocks that several parts have? */
bool splice_fits(splicer *s, const group_span *parts, size_t count,
                 uint64_t most);
/* Writes the planes of a slot, of which each part is one layer's. */
void splice_slot(splicer *s, const group_span *parts, size_t count,
                 uint32_t cap, layer_writer *out);

#endif
