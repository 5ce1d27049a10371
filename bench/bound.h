/*
 * bound.h - how fast could it be? Reading once the bytes that counting a
 * program reads, and nothing else.
 *
 * What the program names (program_reads) is kept in two orders: as the
 * program reads it, and by address, joined where one span follows the other
 * and without what is named twice. Either order is read by a plain loop and
 * by one that fetches the next spans ahead; the fastest is the bound.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_BOUND_H
#define BENCH_BOUND_H

#include "segment/segment.h"

typedef struct bound bound;

/* Remembers where the program's memory is: the program must stay. */
bound *bound_new(const program *g);
void bound_free(bound *b);
/* Bytes that differ. */
uint64_t bound_bytes(const bound *b);

/* The ways to read. */
size_t bound_way_count(void);
const char *bound_way_name(size_t way);
/* Reads everything; the result depends on all bytes and means nothing. */
uint64_t bound_read(const bound *b, size_t way);

#endif
