/*
 * scratch.h - temporary directories, generated input, memory in use.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_SCRATCH_H
#define BENCH_SCRATCH_H

#include <muster/muster.h>
#include "generate.h"

#define SCRATCH_PATH 512

/* A new empty directory under TMPDIR. */
void scratch_open(char dir[SCRATCH_PATH]);
/* Removes it with everything in it. */
void scratch_close(const char *dir);

/* A population as bytes in memory; freed with free. */
char *scratch_generate(generate_format format, uint64_t users, uint64_t seed,
                       size_t *len, generate_totals *totals);
/* The same in a file of the directory. */
void scratch_generate_file(const char *path, generate_format format,
                           uint64_t users, uint64_t seed,
                           generate_totals *totals);

/* Loads a file into a new data directory, with the generator's catalog. */
void scratch_load(const char *data_dir, const char *path,
                  muster_input_format format, muster_engine **engine,
                  muster_receipt *receipt);

/* Most memory resident since the last reset, in bytes. */
void scratch_reset_peak(void);
uint64_t scratch_peak(void);

#endif
