/*
 * eval.h - one expression, ours against the hand, in the same run.
 *
 * Peers, each a row of its own:
 *
 *   croaring       CRoaring by hand on plain planes, one per value or day;
 *                  the fastest of the case's ways in the fastest form
 *   croaring-same  CRoaring by hand on any planes an index may keep: the
 *                  fastest of those and of the case's ways over slices
 *   bound          reading once the bytes that our program reads (bound.h);
 *                  not valid when any other of the row is faster
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_EVAL_H
#define BENCH_EVAL_H

#include "bench.h"
#include "hand.h"

#define EVAL_LEAVES 8
#define EVAL_WAYS 4
#define EVAL_SLICED 2

typedef struct eval_case {
    const char *name;
    const char *text;
    hand_way ways[EVAL_WAYS];
    hand_way sliced[EVAL_SLICED]; /* over leaves of slices */
    hand_spec leaves[EVAL_LEAVES];
} eval_case;

typedef enum eval_peer {
    PEER_CROARING,
    PEER_SAME,
    PEER_BOUND,
    EVAL_PEERS
} eval_peer;

/* Logarithms added up, for geometric means over the valid cases that ran. */
typedef struct eval_sums {
    double ours[EVAL_PEERS];
    double peer[EVAL_PEERS];
    size_t count[EVAL_PEERS];
    bool wrong;
} eval_sums;

typedef struct eval_state {
    world *w;
    hand *h;
    bool sliced; /* croaring-same has rows */
    eval_sums sums;
} eval_state;

/* Runs a case in the world: median times, answers compared. */
bool eval_run(eval_state *s, const char *name, const eval_case *c,
              const bench_options *options, report *out);
/* One row a peer: the geometric means of the valid cases that ran, if any. */
bool eval_means(const eval_state *s, const char *name, report *out);

/* What a row of evaluation benches says. */
typedef struct eval_row {
    const char *bench;
    const char *name;
    uint32_t n;
    double build_us;
    double ours_us;
    const char *peer;
    double peer_us;
    const char *way;
    size_t runs;
    uint64_t answer;
    bool valid;
    bool ok;
} eval_row;
void eval_report(const eval_row *row, report *out);
/* Nanoseconds, for differences: of the clock, or for long work of this
 * thread's processor time. */
uint64_t eval_now(bool is_long);
/* A form of the hand's planes as ways are named: "", "flat ", "frozen ". */
const char *eval_form_name(hand_form form);
/* E1..E8 of workload W; NULL behind the last. */
const char *eval_w_name(size_t i);
const char *eval_w_text(size_t i);
/* What every evaluation bench does first: freed memory stays with the
 * process, so that CRoaring is not measured while the kernel clears pages. */
void eval_keep_memory(void);

#endif
