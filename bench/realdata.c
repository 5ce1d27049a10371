/*
 * realdata.c - real tables: 200 values of the rows of a table each, the data
 * sets of the Roaring papers. They are read from the shared folder
 * (data/realdata-<table>.zip); a table that is not there is skipped, and said
 * so.
 *
 *   <table>-and      `v = "i" and v = "j"` for all pairs, programs made before
 *   <table>-overlap  the same numbers in one pass (programs_overlap)
 *   <table>-or       `v in (all 200)`
 *
 * Times of and and overlap are those of one pair, by a pass over all of them.
 * CRoaring has the same planes in its three forms (hand.h); the fastest is
 * the peer. Every pair's number is compared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* environ */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "eval.h"
#include "maker.h"
#include "scratch.h"

#define VALUES 200
#define PAIRS (VALUES * (VALUES - 1) / 2)
#define ATTRIBUTE "v"
#define PASSES_MIN 5
#define PASSES_MAX 101
#define PASS_SECONDS 1.5
#define PASS_SECONDS_QUICK 0.1

static const char *const tables[] = {"census-income", "census1881",
                                     "wikileaks-noquotes"};
static const char *const works[] = {"and", "overlap", "or"};
#define TABLES (sizeof tables / sizeof tables[0])
#define WORKS (sizeof works / sizeof works[0])

typedef struct realdata {
    eval_state eval[TABLES]; /* opened when first asked for */
    bool tried[TABLES];
    const char *shared;
} realdata;

static const char *case_name(size_t i)
{
    static char name[64];
    if (i >= TABLES * WORKS)
        return NULL;
    snprintf(name, sizeof name, "%s-%s", tables[i / WORKS], works[i % WORKS]);
    return name;
}

/* ---- reading a table ---- */

static bool unzip(const char *zip, const char *dir)
{
    char *const argv[] = {"unzip", "-qoj", (char *)zip, "-d", (char *)dir,
                          NULL};
    pid_t child;
    int status = -1;

    return posix_spawnp(&child, argv[0], NULL, NULL, argv, environ) == 0 &&
           waitpid(child, &status, 0) == child && status == 0;
}

typedef struct row_list {
    uint32_t *rows;
    size_t count;
    size_t capacity;
} row_list;

/* Numbers with commas between, ascending. */
static void read_rows(const char *dir, const char *table, int value,
                      row_list *out)
{
    char path[SCRATCH_PATH + 64];
    unsigned row;

    snprintf(path, sizeof path, "%s/%s.csv%d.txt", dir, table, value);
    FILE *in = fopen(path, "r");
    if (!in) {
        perror(path);
        exit(1);
    }
    out->count = 0;
    while (fscanf(in, "%u,", &row) == 1) {
        mem_grow(&out->rows, &out->capacity, out->count + 1,
                 sizeof *out->rows);
        out->rows[out->count++] = row;
    }
    fclose(in);
}

static world *read_table(const char *dir, const char *table)
{
    row_list lists[VALUES];
    uint32_t rows = 0;
    maker m;

    memset(lists, 0, sizeof lists);
    for (int i = 0; i < VALUES; i++) {
        read_rows(dir, table, i, &lists[i]);
        ASSERT(lists[i].count > 0);
        const uint32_t last = lists[i].rows[lists[i].count - 1];
        rows = last >= rows ? last + 1 : rows;
    }
    maker_init(&m, rows);
    const uint32_t id = maker_declare(&m, ATTRIBUTE, KIND_MANY_OF);
    for (int i = 0; i < VALUES; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        maker_put(&m, maker_held(id, maker_value(&m, id, name)),
                  lists[i].rows, lists[i].count);
        mem_free(lists[i].rows);
    }
    return maker_finish(&m);
}

/* NULL, and said so, when the table cannot be had. */
static eval_state *table_of(realdata *r, size_t i)
{
    char dir[SCRATCH_PATH];
    char zip[SCRATCH_PATH + 64];
    eval_state *s = &r->eval[i];

    if (r->tried[i])
        return s->w ? s : NULL;
    r->tried[i] = true;
    snprintf(zip, sizeof zip, "%s/data/realdata-%s.zip", r->shared,
             tables[i]);
    scratch_open(dir);
    if (access(zip, R_OK) != 0) {
        fprintf(stderr, "eval/realdata: skipped: there is no %s\n", zip);
    } else if (!unzip(zip, dir)) {
        fprintf(stderr, "eval/realdata: skipped: no unzip for %s\n", zip);
    } else {
        s->w = read_table(dir, tables[i]);
        s->h = hand_open(s->w);
    }
    scratch_close(dir);
    return s->w ? s : NULL;
}

/* ---- all pairs ---- */

typedef struct pairs {
    plan **plans;
    program **programs; /* of pairs, or of values for the overlap */
    size_t count;
    double build_us; /* of all programs */
    uint64_t *ours;
    uint64_t *theirs;
    hand_leaf leaves[HAND_FORMS];
    double us[HAND_FORMS + 1][PASSES_MAX]; /* of a pair; ours is last */
    size_t passes;
} pairs;

static void add_program(pairs *p, const world *w, const char *text)
{
    const program_state state = world_state(w);
    p->plans[p->count] = world_plan(w, text);
    program_free(world_program(w, p->plans[p->count])); /* now it is warm */
    const uint64_t start = clock_monotonic_ns();
    p->programs[p->count] = program_new(p->plans[p->count], &state);
    p->build_us += (double)(clock_monotonic_ns() - start) / 1e3;
    p->count++;
}

static pairs *pairs_new(eval_state *s, bool overlap)
{
    pairs *p = mem_zalloc(sizeof *p);
    const hand_spec all = {.attribute = ATTRIBUTE};
    char text[64];

    p->plans = mem_array(PAIRS, sizeof *p->plans);
    p->programs = mem_array(PAIRS, sizeof *p->programs);
    p->ours = mem_array(VALUES * VALUES, sizeof *p->ours);
    p->theirs = mem_array(VALUES * VALUES, sizeof *p->theirs);
    for (hand_form form = 0; form < HAND_FORMS; form++)
        hand_find(s->h, &all, form, &p->leaves[form]);
    ASSERT(p->leaves[0].count == VALUES);
    for (int i = 0; i < VALUES; i++) {
        if (overlap) {
            snprintf(text, sizeof text, ATTRIBUTE " = \"%d\"", i);
            add_program(p, s->w, text);
        }
        for (int j = i + 1; j < VALUES && !overlap; j++) {
            snprintf(text, sizeof text,
                     ATTRIBUTE " = \"%d\" and " ATTRIBUTE " = \"%d\"", i, j);
            add_program(p, s->w, text);
        }
    }
    return p;
}

static void pairs_free(pairs *p)
{
    for (size_t i = 0; i < p->count; i++) {
        program_free(p->programs[i]);
        segment_plan_free(p->plans[i]);
    }
    for (int form = 0; form < HAND_FORMS; form++)
        hand_leaf_release(&p->leaves[form]);
    mem_free(p->plans);
    mem_free(p->programs);
    mem_free(p->ours);
    mem_free(p->theirs);
    mem_free(p);
}

static void pass_ours(pairs *p, bool overlap)
{
    size_t k = 0;
    if (overlap) {
        programs_overlap(p->programs, VALUES, NULL, p->ours);
        return;
    }
    for (size_t i = 0; i < VALUES; i++)
        for (size_t j = i + 1; j < VALUES; j++)
            p->ours[i * VALUES + j] = program_count(p->programs[k++]);
}

static void pass_theirs(pairs *p, int form)
{
    const bitmap *const *planes = p->leaves[form].planes;
    for (size_t i = 0; i < VALUES; i++)
        for (size_t j = i + 1; j < VALUES; j++)
            p->theirs[i * VALUES + j] =
                roaring_bitmap_and_cardinality(planes[i], planes[j]);
}

/* The sum of all pairs; *ok turns false where a pair differs. */
static uint64_t compare(const pairs *p, bool *ok)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < VALUES; i++) {
        for (size_t j = i + 1; j < VALUES; j++) {
            const size_t at = i * VALUES + j;
            *ok &= p->ours[at] == p->theirs[at];
            sum += p->ours[at];
        }
    }
    return sum;
}

/* One pass of everybody, warmed by the pass before. */
static void pass(pairs *p, bool overlap)
{
    for (int side = 0; side <= HAND_FORMS; side++) {
        const uint64_t start = eval_now(true);
        if (side == HAND_FORMS)
            pass_ours(p, overlap);
        else
            pass_theirs(p, side);
        p->us[side][p->passes] =
            (double)(eval_now(true) - start) / 1e3 / PAIRS;
    }
    p->passes++;
}

static bool run_pairs(eval_state *s, size_t i, bool overlap,
                      const bench_options *options, report *out)
{
    pairs *p = pairs_new(s, overlap);
    const double seconds =
        options->quick ? PASS_SECONDS_QUICK : PASS_SECONDS;
    const uint64_t begin = clock_monotonic_ns();
    char way[48];
    bool ok = true;

    pass(p, overlap);
    p->passes = 0; /* that one warmed */
    while (p->passes < PASSES_MIN ||
           (p->passes < PASSES_MAX &&
            (double)(clock_monotonic_ns() - begin) < seconds * 1e9))
        pass(p, overlap);
    const uint64_t sum = compare(p, &ok);
    eval_row row = {.bench = bench_eval_realdata.name,
                    .name = case_name(i),
                    .n = s->w->rows,
                    .build_us = p->build_us / (double)p->count,
                    .ours_us = bench_median(p->us[HAND_FORMS], p->passes),
                    .peer = "croaring",
                    .runs = p->passes,
                    .answer = sum,
                    .valid = true,
                    .ok = ok};
    for (hand_form form = 0; form < HAND_FORMS; form++) {
        const double us = bench_median(p->us[form], p->passes);
        if (form == 0 || us < row.peer_us) {
            row.peer_us = us;
            snprintf(way, sizeof way, "%sand", eval_form_name(form));
        }
    }
    row.way = way;
    eval_report(&row, out);
    pairs_free(p);
    return ok;
}

/* ---- the union of all ---- */

static bool run_or(eval_state *s, size_t i, const bench_options *options,
                   report *out)
{
    buffer text;
    char name[64];

    buffer_init(&text, 1 << 16);
    for (int v = 0; v < VALUES; v++)
        buffer_printf(&text, "%s\"%d\"", v ? ", " : ATTRIBUTE " in (", v);
    buffer_printf(&text, ")");
    snprintf(name, sizeof name, "%s", case_name(i));
    const eval_case c = {
        .name = name,
        .text = buffer_cstr(&text),
        .ways = {HAND(or), HAND(or_heap)},
        .leaves = {{.attribute = ATTRIBUTE}},
    };
    const bool ok =
        eval_run(s, bench_eval_realdata.name, &c, options, out);
    buffer_release(&text);
    return ok;
}

/* ---- the bench ---- */

static void *setup(const bench_options *options)
{
    realdata *r = mem_zalloc(sizeof *r);
    eval_keep_memory();
    r->shared = options->shared;
    return r;
}

static bool run(void *state, size_t i, const bench_options *options,
                report *out)
{
    eval_state *s = table_of(state, i / WORKS);
    const size_t work = i % WORKS;

    if (!s)
        return true;
    return work == 2 ? run_or(s, i, options, out)
                     : run_pairs(s, i, work == 1, options, out);
}

static void teardown(void *state)
{
    realdata *r = state;
    for (size_t i = 0; i < TABLES; i++) {
        if (!r->eval[i].w)
            continue;
        hand_close(r->eval[i].h);
        world_close(r->eval[i].w);
    }
    mem_free(r);
}

const bench bench_eval_realdata = {
    "eval/realdata", "real tables: pairwise AND, wide OR against CRoaring",
    case_name, setup, run, teardown};
