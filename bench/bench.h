/*
 * bench.h - what all benches share.
 *
 *   main.c         options, the list of benches, running what matches
 *   report.c       rows as a table or as NDJSON
 *   scratch.c      temporary directories, generated input, memory in use
 *   ingest.c       ingest/parse, ingest/load
 *   geo.c          addresses to attributes
 *   device.c       user agents to attributes
 *   ingest_map.c   a mapping for the generator's records
 *   world.c        what expressions are measured on: catalog and planes
 *   people.c       the generated population, loaded through the public API
 *   maker.c        a world of planes made directly
 *   w.c            workload W
 *   realdata.c     real tables: pairwise AND, wide OR
 *   hand.c         the same planes as CRoaring bitmaps, found by name
 *   hand_ways.c    expressions written by hand with CRoaring's calls;
 *   hand_w.c       more of them
 *   bound.c        how fast the bytes that a program reads can be read
 *   eval.c         ours against the hand and the bound, answers compared
 *   eval_people.c  expressions on the population
 *   eval_w.c       expressions E1..E8 of workload W
 *   sample.c       estimates from samples of workload W
 *   decide.c       one user: a decision, a lookup
 *   forward.c      one user: the forward index
 *   reach_report.c providers beside each other
 *   export.h       data of benches as files, for bench/peers/: export_w.c,
 *                  export_facts.c
 *   durable.h      acknowledged, visible, undisturbed, opened again: the
 *                  durable_*.c
 *
 * A bench is a row in the list of main.c: cases by name, setup, run of one
 * case, teardown. A run measures and compares its answer with the same answer
 * found another way; a wrong answer makes the program fail, however fast.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <muster/error.h>

typedef struct bench_options {
    const char *filter; /* substring of "bench/case"; "" = everything */
    uint64_t users;     /* 0: each bench's own number */
    uint64_t seed;
    const char *shared; /* folder of shared data */
    bool quick;
    bool json;
} bench_options;

/* ---- rows ---- */

typedef struct report report;
report *report_new(bool json);
void report_free(report *r);
/* A row: begin, fields in order, end. Fields of one bench are the same. */
void report_begin(report *r, const char *group, const char *name);
void report_count(report *r, const char *field, uint64_t value);
void report_number(report *r, const char *field, double value, int digits);
void report_text(report *r, const char *field, const char *value);
void report_bool(report *r, const char *field, bool value);
void report_end(report *r, bool answer_ok);

/* ---- the list ---- */

typedef struct bench {
    const char *name;
    const char *about;
    const char *(*case_name)(size_t i); /* NULL behind the last */
    void *(*setup)(const bench_options *options);
    /* Measures case i; false when the answer is wrong. */
    bool (*run)(void *state, size_t i, const bench_options *options,
                report *out);
    void (*teardown)(void *state);
} bench;

extern const bench bench_ingest_parse;
extern const bench bench_ingest_load;
extern const bench bench_geo;
extern const bench bench_device;
extern const bench bench_ingest_dialect;
extern const bench bench_eval_people;
extern const bench bench_eval_w;
extern const bench bench_eval_realdata;
extern const bench bench_eval_sample;
extern const bench bench_eval_threads;
extern const bench bench_decide;
extern const bench bench_lookup;
extern const bench bench_forward;
extern const bench bench_reach_report;
extern const bench bench_durable_ack;
extern const bench bench_durable_visible;
extern const bench bench_durable_pause;
extern const bench bench_durable_restart;
/* Frees what benches keep between them. */
void people_release(void);

/* ---- helpers ---- */

/* The process ends with the message: a bench has nobody to tell. */
void bench_fail(const char *what, const muster_error *err)
    __attribute__((noreturn));
static inline void bench_must(int code, const char *what,
                              const muster_error *err)
{
    if (code != 0)
        bench_fail(what, err);
}
/* The middle of n numbers, which are sorted. */
double bench_median(double *numbers, size_t n);
static inline uint64_t bench_users(const bench_options *o, uint64_t full,
                                   uint64_t quick)
{
    return o->users ? o->users : o->quick ? quick : full;
}

/* The time at which everything generated is asked. */
#define BENCH_NOW ((muster_time)1795046399) /* 2026-11-18T23:59:59Z */

#endif
