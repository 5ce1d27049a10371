/*
 * scratch.c - temporary directories, generated input, memory in use.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* nftw, open_memstream */
#include "scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "bench.h"

#define DAYS 90
#define PIECE ((size_t)1 << 20)

void scratch_open(char dir[SCRATCH_PATH])
{
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, SCRATCH_PATH, "%s/muster-bench-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir)) {
        perror("muster-bench: cannot make a temporary directory");
        exit(1);
    }
}

static int remove_one(const char *path, const struct stat *stat, int type,
                      struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

void scratch_close(const char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void generate(FILE *out, generate_format format, uint64_t users,
                     uint64_t seed, generate_totals *totals)
{
    muster_error err;
    const generate_options options = {.users = users,
                                      .seed = seed,
                                      .days = DAYS,
                                      .now = BENCH_NOW,
                                      .format = format,
                                      .out = out};
    bench_must(generate_run(&options, totals, &err), "generate", &err);
}

char *scratch_generate(generate_format format, uint64_t users, uint64_t seed,
                       size_t *len, generate_totals *totals)
{
    char *bytes = NULL;
    FILE *out = open_memstream(&bytes, len);
    ASSERT(out != NULL);
    generate(out, format, users, seed, totals);
    fclose(out);
    return bytes;
}

static FILE *open_file(const char *path, const char *mode)
{
    FILE *f = fopen(path, mode);
    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}

void scratch_generate_file(const char *path, generate_format format,
                           uint64_t users, uint64_t seed,
                           generate_totals *totals)
{
    FILE *out = open_file(path, "wb");
    generate(out, format, users, seed, totals);
    fclose(out);
}

static void push_file(muster_feed *feed, const char *path)
{
    muster_error err;
    FILE *in = open_file(path, "rb");
    char *piece = mem_alloc(PIECE);
    size_t n;

    while ((n = fread(piece, 1, PIECE, in)) > 0)
        bench_must(muster_feed_push(feed, piece, n, &err), "push", &err);
    mem_free(piece);
    fclose(in);
}

void scratch_load(const char *data_dir, const char *path,
                  muster_input_format format, muster_engine **engine,
                  muster_receipt *receipt)
{
    muster_error err;
    muster_feed *feed;
    muster_engine_options options = MUSTER_ENGINE_OPTIONS_INIT;
    muster_feed_options feeding = MUSTER_FEED_OPTIONS_INIT;
    const char *catalog = generate_catalog();

    options.data_dir = data_dir;
    options.mode = MUSTER_OPEN_CREATE;
    options.now = BENCH_NOW;
    feeding.format = format;
    bench_must(muster_engine_open(engine, &options, &err), "open", &err);
    bench_must(muster_catalog_apply(*engine, catalog, strlen(catalog), &err),
               "catalog", &err);
    bench_must(muster_feed_open(&feed, *engine, &feeding, &err), "feed",
               &err);
    push_file(feed, path);
    bench_must(muster_feed_finish(feed, &err), "finish", &err);
    muster_feed_receipt(feed, receipt);
    muster_feed_free(feed);
}

void scratch_reset_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (!f)
        return;
    fputs("5", f);
    fclose(f);
}

uint64_t scratch_peak(void)
{
    char line[128];
    unsigned long long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %llu kB", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib * 1024;
}
