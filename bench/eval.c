/*
 * eval.c - one expression of a compiled segment, counted, against the same
 * expression by hand; interleaved, medians.
 *
 * Both sides have found their planes before: the hand holds its bitmaps, a
 * compiled segment keeps its program until planes or the hour change
 * (engine/ask.c). What resolving it costs then is build_us.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "eval.h"

#include <malloc.h>

#define RUNS_MIN 7
#define RUNS_MAX 20001
#define SECONDS 1.0
#define SECONDS_QUICK 0.05

typedef struct times {
    double build[RUNS_MAX];
    double ours[RUNS_MAX];
    double peer[EVAL_WAYS][RUNS_MAX];
    size_t runs;
    uint64_t answer;
    bool ok;
} times;

void eval_keep_memory(void)
{
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
}

static double us_between(uint64_t start, uint64_t end)
{
    return (double)(end - start) / 1e3;
}

static void run_ours(const world *w, const plan *p, const program *kept,
                     times *t)
{
    const program_state state = world_state(w);
    const uint64_t start = clock_monotonic_ns();
    const uint64_t n = program_count(kept);
    const uint64_t counted = clock_monotonic_ns();
    program_free(program_new(p, &state));
    const uint64_t end = clock_monotonic_ns();

    t->ok &= t->runs == 0 || n == t->answer;
    t->answer = n;
    t->ours[t->runs] = us_between(start, counted);
    t->build[t->runs] = us_between(counted, end);
}

static void run_peer(const eval_case *c, const hand_leaf *leaves, int way,
                     times *t)
{
    const uint64_t start = clock_monotonic_ns();
    const uint64_t n = c->ways[way](leaves);
    t->peer[way][t->runs] = us_between(start, clock_monotonic_ns());
    t->ok &= n == t->answer;
}

static void measure(const eval_state *s, const eval_case *c, const plan *p,
                    const hand_leaf *leaves, double seconds, times *t)
{
    const program_state state = world_state(s->w);
    program *kept = program_new(p, &state);
    uint64_t begin = 0;

    for (int round = -1; t->runs < RUNS_MAX; round++) {
        run_ours(s->w, p, kept, t);
        for (int way = 0; way < EVAL_WAYS && c->ways[way]; way++)
            run_peer(c, leaves, way, t);
        if (round < 0) { /* the first round warms and is not kept */
            begin = clock_monotonic_ns();
            continue;
        }
        t->runs++;
        if (t->runs >= RUNS_MIN &&
            us_between(begin, clock_monotonic_ns()) > seconds * 1e6)
            break;
    }
    program_free(kept);
}

bool eval_run(const eval_state *s, const char *name, const eval_case *c,
              const bench_options *options, report *out)
{
    hand_leaf leaves[EVAL_LEAVES];
    size_t n = 0;
    times *t = mem_zalloc(sizeof *t);
    plan *p = world_plan(s->w, c->text);

    t->ok = true;
    for (; n < EVAL_LEAVES && c->leaves[n].attribute; n++)
        hand_find(s->h, &c->leaves[n], &leaves[n]);
    measure(s, c, p, leaves, options->quick ? SECONDS_QUICK : SECONDS, t);

    const double ours = bench_median(t->ours, t->runs);
    double peer = bench_median(t->peer[0], t->runs);
    if (c->ways[1]) {
        const double other = bench_median(t->peer[1], t->runs);
        peer = other < peer ? other : peer;
    }
    const bool ok = t->ok;
    report_begin(out, name, c->name);
    report_count(out, "n", s->w->rows);
    report_count(out, "threads", 1);
    report_number(out, "build_us", bench_median(t->build, t->runs), 1);
    report_number(out, "ours_us", ours, 1);
    report_text(out, "peer", "croaring");
    report_number(out, "peer_us", peer, 1);
    report_number(out, "ratio", peer / ours, 2);
    report_count(out, "runs", t->runs);
    report_count(out, "answer", t->answer);
    report_end(out, ok);
    for (size_t i = 0; i < n; i++)
        hand_leaf_release(&leaves[i]);
    segment_plan_free(p);
    mem_free(t);
    return ok;
}
