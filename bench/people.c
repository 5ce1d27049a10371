/*
 * people.c - the generated population, loaded through the public API once
 * for all benches that ask about it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "engine.h"
#include "scratch.h"
#include "world.h"

#define COOKIES 100
#define COOKIE_BYTES 64

static struct {
    world *w;
    char dir[SCRATCH_PATH];
    char cookies[COOKIES][COOKIE_BYTES];
} people;

/* The first cookies of the file: ids that lookups may ask for. */
static void note_cookies(const char *path)
{
    static const char mark[] = "\"cookie\":\"";
    char line[4096];
    size_t n = 0;
    FILE *in = fopen(path, "r");

    while (in && n < COOKIES && fgets(line, sizeof line, in)) {
        const char *at = strstr(line, mark);
        if (at)
            n += sscanf(at + sizeof mark - 1, "%63[^\"]",
                        people.cookies[n]) == 1;
    }
    if (in)
        fclose(in);
    ASSERT(n == COOKIES);
}

world *people_open(uint64_t users, uint64_t seed)
{
    muster_error err;
    char input[SCRATCH_PATH + 16];
    char data[SCRATCH_PATH + 16];
    generate_totals made;
    muster_receipt receipt;

    if (people.w)
        return people.w;
    scratch_open(people.dir);
    snprintf(input, sizeof input, "%s/input", people.dir);
    snprintf(data, sizeof data, "%s/data", people.dir);
    scratch_generate_file(input, GENERATE_NDJSON, users, seed, &made);
    note_cookies(input);

    world *w = mem_zalloc(sizeof *w);
    scratch_load(data, input, MUSTER_INPUT_NDJSON, &w->engine, &receipt);
    remove(input);
    ASSERT(receipt.accepted == made.records);
    bench_must(muster_engine_checkpoint(w->engine, &err), "checkpoint", &err);
    const epoch *at = w->engine->gate.current; /* nothing is written now */
    w->names = (catalog *)at->names; /* only read */
    w->index = (index_stack *)at->index;
    w->residents = w->engine->residents;
    w->rows = dictionary_rows(at->ids);
    w->now = BENCH_NOW;
    bench_must(scope_new(&w->viewer, text_of("bench"), PURPOSE_ANALYSIS,
                         text_of(""), &err), "scope", &err);
    people.w = w;
    return w;
}

const char *people_cookie(size_t i)
{
    return people.cookies[i % COOKIES];
}

void people_release(void)
{
    if (!people.w)
        return;
    world_close(people.w);
    people.w = NULL;
    scratch_close(people.dir);
}
