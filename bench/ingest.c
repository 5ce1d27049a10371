/*
 * ingest.c - reading records: parsing alone, and a whole load.
 *
 * ingest/parse: chunks of about 1 MiB, as the pipeline cuts them, each parsed
 * by ingest_parse_chunk on this thread: text to facts and pseudonyms, no
 * state. Its answer is the number of records and facts that the batches say,
 * against what the generator says it wrote.
 *
 * csv_mapped and ndjson_mapped are the same input, read through a mapping
 * with a rule for each column or member.
 *
 * ingest/load: a file through the public API into a new data directory, with
 * the log and the final generation: durable when it ends. Its answer is the
 * receipt and the users there are, against the generator. Memory: the most
 * that was resident meanwhile; planes and dictionary as they lie on disk.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bench.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ingest/ingest.h"
#include "ingest_map.h"
#include "scratch.h"

#define CHUNKS 16
#define CHUNK_USERS 640
#define PARSE_SECONDS 2.0
#define PARSE_SECONDS_QUICK 0.2
#define LOAD_USERS 200000
#define LOAD_USERS_QUICK 5000
#define LOAD_RUNS 3

static const struct {
    const char *name;
    generate_format made;
    ingest_format parsed;
    muster_input_format fed;
} formats[] = {
    {"ndjson", GENERATE_NDJSON, INGEST_NDJSON, MUSTER_INPUT_NDJSON},
    {"csv", GENERATE_CSV, INGEST_CSV, MUSTER_INPUT_CSV},
    {"msgpack", GENERATE_MSGPACK, INGEST_MSGPACK, MUSTER_INPUT_MSGPACK},
};
#define FORMATS (sizeof formats / sizeof formats[0])

static const char *format_name(size_t i)
{
    return i < FORMATS ? formats[i].name : NULL;
}

static const struct {
    const char *name;
    size_t format;
    bool mapped;
} parses[] = {
    {"ndjson", 0, false},       {"csv", 1, false},
    {"msgpack", 2, false},      {"csv_mapped", 1, true},
    {"ndjson_mapped", 0, true},
};
#define PARSES (sizeof parses / sizeof parses[0])

static const char *parse_name(size_t i)
{
    return i < PARSES ? parses[i].name : NULL;
}

static double seconds_since(uint64_t start)
{
    return (double)(clock_monotonic_ns() - start) / 1e9;
}

/* Processor time of this thread: parsing never waits, so on an idle machine
 * it is the time that passes, and on a busy one it is still right. */
static double thread_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double process_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- parsing ---- */

typedef struct parse_state {
    char dir[SCRATCH_PATH];
    identity_key *key;
} parse_state;

static void *parse_setup(const bench_options *options)
{
    muster_error err;
    char path[SCRATCH_PATH + 16];
    parse_state *s = mem_zalloc(sizeof *s);

    (void)options;
    scratch_open(s->dir);
    snprintf(path, sizeof path, "%s/key", s->dir);
    bench_must(identity_key_open(&s->key, path, true, &err), "key", &err);
    return s;
}

static void parse_teardown(void *state)
{
    parse_state *s = state;
    identity_key_free(s->key);
    scratch_close(s->dir);
    mem_free(s);
}

typedef struct parse_input {
    char *bytes[CHUNKS];
    size_t len[CHUNKS];
    generate_totals sum;
} parse_input;

static void input_open(parse_input *in, generate_format format, uint64_t seed)
{
    memset(in, 0, sizeof *in);
    for (size_t i = 0; i < CHUNKS; i++) {
        generate_totals one;
        in->bytes[i] = scratch_generate(format, CHUNK_USERS,
                                        seed * CHUNKS + i, &in->len[i], &one);
        in->sum.records += one.records;
        in->sum.facts += one.facts;
        in->sum.bytes += one.bytes;
    }
}

static void input_close(parse_input *in)
{
    for (size_t i = 0; i < CHUNKS; i++)
        free(in->bytes[i]);
}

/* Facts of a batch as a receipt counts them. */
static uint64_t count_facts(const fact_batch *b)
{
    muster_error err;
    batch_reader r;
    fact_record record;
    fact f;
    uint64_t n = 0;

    bench_must(batch_open(&r, b->bytes.data, b->bytes.len, &err), "batch",
               &err);
    while (batch_next_record(&r, &record))
        while (batch_next_fact(&r, &f))
            n += f.op != FACT_REPLACE;
    batch_close(&r);
    return n;
}

static void parse_chunk(const ingest_options *o, const parse_input *in,
                        size_t i, fact_batch **out)
{
    muster_error err;
    bench_must(ingest_parse_chunk(o, in->bytes[i], in->len[i], out, &err),
               "parse", &err);
}

static bool parse_is_right(const ingest_options *o, const parse_input *in)
{
    uint64_t records = 0;
    uint64_t facts = 0;
    for (size_t i = 0; i < CHUNKS; i++) {
        fact_batch *b;
        parse_chunk(o, in, i, &b);
        records += b->record_count;
        facts += count_facts(b);
        fact_batch_free(b);
    }
    return records == in->sum.records && facts == in->sum.facts;
}

static mapping *parse_mapping(size_t i, uint64_t seed)
{
    generate_totals ignored;
    size_t len = 0;
    if (!parses[i].mapped)
        return NULL;
    char *csv = scratch_generate(GENERATE_CSV, CHUNK_USERS, seed, &len,
                                 &ignored);
    mapping *m = bench_mapping(formats[parses[i].format].made == GENERATE_CSV,
                               csv);
    free(csv);
    return m;
}

static bool parse_run(void *state, size_t i, const bench_options *options,
                      report *out)
{
    const parse_state *s = state;
    const double budget =
        options->quick ? PARSE_SECONDS_QUICK : PARSE_SECONDS;
    const size_t format = parses[i].format;
    mapping *map = parse_mapping(i, options->seed);
    const ingest_options o = {.format = formats[format].parsed,
                              .mapping = map,
                              .provider = "default",
                              .key = s->key,
                              .now = BENCH_NOW,
                              .threads = 1};
    double times[4096];
    size_t runs = 0;
    parse_input in;

    input_open(&in, formats[format].made, options->seed);
    const bool ok = parse_is_right(&o, &in);
    const uint64_t begin = clock_monotonic_ns();
    while (runs < 3 || (runs < 4096 && seconds_since(begin) < budget)) {
        const double start = thread_seconds();
        for (size_t c = 0; c < CHUNKS; c++) {
            fact_batch *b;
            parse_chunk(&o, &in, c, &b);
            fact_batch_free(b);
        }
        times[runs++] = thread_seconds() - start;
    }
    const double t = bench_median(times, runs);
    report_begin(out, bench_ingest_parse.name, parses[i].name);
    report_count(out, "records", in.sum.records);
    report_count(out, "threads", 1);
    report_number(out, "mb_s", (double)in.sum.bytes / t / 1e6, 1);
    report_number(out, "records_s", (double)in.sum.records / t, 0);
    report_number(out, "facts_s", (double)in.sum.facts / t, 0);
    report_number(out, "bytes_record",
                  (double)in.sum.bytes / (double)in.sum.records, 1);
    report_end(out, ok);
    input_close(&in);
    mapping_free(map);
    return ok;
}

const bench bench_ingest_parse = {
    "ingest/parse", "records to facts, one thread, no state", parse_name,
    parse_setup,    parse_run,                                parse_teardown};

/* ---- loading ---- */

static void *load_setup(const bench_options *options)
{
    char *dir = mem_alloc(SCRATCH_PATH);
    (void)options;
    scratch_open(dir);
    return dir;
}

static void load_teardown(void *state)
{
    scratch_close(state);
    mem_free(state);
}

typedef struct load_result {
    double seconds;
    double cpu;
    uint64_t peak;
    muster_receipt receipt;
    muster_engine_stats stats;
} load_result;

static load_result load_once(const char *dir, const char *path,
                             muster_input_format format)
{
    char data[SCRATCH_PATH + 16];
    muster_engine *engine;
    load_result r;

    snprintf(data, sizeof data, "%s/data", dir);
    malloc_trim(0);
    scratch_reset_peak();
    const double cpu = process_seconds();
    const uint64_t start = clock_monotonic_ns();
    scratch_load(data, path, format, &engine, &r.receipt);
    r.seconds = seconds_since(start);
    r.cpu = process_seconds() - cpu;
    r.peak = scratch_peak();
    muster_engine_stats_get(engine, &r.stats);
    muster_engine_close(engine);
    scratch_close(data);
    return r;
}

static void report_load(report *out, size_t i, const generate_totals *made,
                        double t, const load_result *r, bool ok)
{
    const double facts = (double)made->facts;
    report_begin(out, bench_ingest_load.name, formats[i].name);
    report_count(out, "users", made->users);
    report_number(out, "seconds", t, 3);
    report_number(out, "cpu_s", r->cpu, 3);
    report_number(out, "mb_s", (double)made->bytes / t / 1e6, 1);
    report_number(out, "records_s", (double)made->records / t, 0);
    report_number(out, "facts_s", facts / t, 0);
    report_number(out, "plane_b_fact", (double)r->stats.plane_bytes / facts,
                  2);
    report_number(out, "dir_b_fact", (double)r->stats.planes * 32 / facts, 2);
    report_number(out, "dict_b_id",
                  (double)r->stats.dictionary_bytes / (double)r->stats.ids,
                  1);
    report_number(out, "disk_b_user",
                  (double)(r->stats.plane_bytes + r->stats.planes * 32 +
                           r->stats.dictionary_bytes) /
                      (double)r->stats.users,
                  1);
    report_count(out, "planes", r->stats.planes);
    report_count(out, "peak_rss_mb", r->peak / 1000000);
    report_end(out, ok);
}

static bool load_run(void *state, size_t i, const bench_options *options,
                     report *out)
{
    const uint64_t users =
        bench_users(options, LOAD_USERS, LOAD_USERS_QUICK);
    const size_t runs = options->quick ? 1 : LOAD_RUNS;
    char path[SCRATCH_PATH + 16];
    double times[LOAD_RUNS];
    generate_totals made;
    load_result r = {0};
    bool ok = true;

    snprintf(path, sizeof path, "%s/input", (const char *)state);
    scratch_generate_file(path, formats[i].made, users, options->seed, &made);
    for (size_t k = 0; k < runs; k++) {
        r = load_once(state, path, formats[i].fed);
        times[k] = r.seconds;
        ok &= r.receipt.accepted == made.records &&
              r.receipt.facts == made.facts && r.stats.users == made.users;
    }
    report_load(out, i, &made, bench_median(times, runs), &r, ok);
    return ok;
}

const bench bench_ingest_load = {
    "ingest/load", "a whole durable load by the public API", format_name,
    load_setup,    load_run,                                  load_teardown};
