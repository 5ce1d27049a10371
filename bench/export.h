/*
 * export.h - the data of benches as files, in the forms that other systems
 * load best (bench/peers/).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_EXPORT_H
#define BENCH_EXPORT_H

#include <stdio.h>

#include "bench.h"

/* Workload W into the directory: planes.resp, planes.rowbinary, users.native
 * (export_w.c). Stops the program when a file cannot be written. */
void export_w(const char *dir, const bench_options *options);
/* Facts of the generated population: facts.rowbinary, facts.csv, facts.resp,
 * facts.json (export_facts.c). */
void export_facts(const char *dir, const bench_options *options);

/* ---- for the two files ---- */

/* dir/name, opened anew. */
FILE *export_open(const char *dir, const char *name);
void export_write(FILE *f, const void *bytes, size_t len);
/* Closes; stops the program when not everything could be written. */
void export_close(FILE *f);
/* LEB128, as the formats of ClickHouse have it. */
void export_varint(FILE *f, uint64_t n);
void export_string(FILE *f, const char *text); /* length and bytes */

#endif
