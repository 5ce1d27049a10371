/*
 * ingest_map.h - the generator's records as if they were somebody else's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_INGEST_MAP_H
#define BENCH_INGEST_MAP_H

#include "ingest/ingest.h"

/* A mapping that makes of each column or member of generated input what it is
 * in a record. `csv`: some generated CSV, for its header. */
mapping *bench_mapping(bool is_csv, const char *csv);

#endif
