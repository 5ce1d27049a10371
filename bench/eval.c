/*
 * eval.c - one expression of a compiled segment, counted, against the same
 * expression by hand; interleaved, medians.
 *
 * Both sides have found their planes before: the hand holds its bitmaps, a
 * compiled segment keeps its program until planes or the hour change
 * (engine/ask.c). What resolving it costs then is build_us.
 *
 * A round runs every side some times and times the last call, so each finds
 * its own planes as warm as the caches can hold them, whoever ran before. A
 * side whose best time is far above the best of its peer's runs no more.
 * The bound's answer means nothing, so nothing is compared with it.
 *
 * What takes long is measured by the processor time of the thread, so that it
 * counts no work of others; what is short by the clock, which is cheaper.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "eval.h"

#include "bound.h"

#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#define RUNS_MIN 7
/* Calls before the one that is timed: a last-level cache takes several to
 * keep what another side has driven out. */
#define WARM 5
#define RUNS_MAX 20001
#define SECONDS 1.0
#define SECONDS_QUICK 0.05
#define BOUND_WAYS_MAX 8
#define SIDES_MAX ((EVAL_WAYS + EVAL_SLICED) * HAND_FORMS + BOUND_WAYS_MAX)
#define TRIALS 3 /* rounds before a slow side is left out */
#define TOO_SLOW 1.5
#define LONG_US 30

static const char *const peer_names[] = {"croaring", "croaring-same",
                                         "bound"};

/* One way of the hand over one form of the planes, or of the bound. */
typedef struct side {
    char name[48];
    eval_peer peer; /* the first peer that may take it */
    hand_count count; /* NULL: the bound's way number */
    const hand_leaf *leaves;
    size_t way;
    double *us;
    double best;
    bool is_long;
    bool left_out;
} side;

typedef struct contest {
    side sides[SIDES_MAX];
    size_t side_count;
    hand_leaf leaves[HAND_FORMS][EVAL_LEAVES];
    size_t leaf_count;
    plan *asked;
    program *kept;
    bound *least;
    double *ours;
    double *build;
    size_t runs;
    uint64_t answer;
    double best;
    bool is_long;
    bool ok;
} contest;

void eval_keep_memory(void)
{
    mallopt(M_TRIM_THRESHOLD, -1); /* never */
    mallopt(M_MMAP_MAX, 0);
}

uint64_t eval_now(bool is_long)
{
    struct timespec t;
    if (!is_long)
        return clock_monotonic_ns();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double us_between(uint64_t start, uint64_t end)
{
    return (double)(end - start) / 1e3;
}

/* ---- who takes part ---- */

static side *add_side(contest *t, eval_peer peer, const char *form,
                      const char *way)
{
    ASSERT(t->side_count < SIDES_MAX);
    side *s = &t->sides[t->side_count++];
    snprintf(s->name, sizeof s->name, "%s%s", form, way);
    s->peer = peer;
    s->us = mem_array(RUNS_MAX, sizeof *s->us);
    s->best = HUGE_VAL;
    return s;
}

static void add_ways(contest *t, const hand_way *ways, int most,
                     hand_form form, eval_peer peer)
{
    for (int i = 0; i < most && ways[i].count; i++) {
        side *s = add_side(t, peer, eval_form_name(form), ways[i].name);
        s->count = ways[i].count;
        s->leaves = t->leaves[form];
    }
}

static void find_leaves(contest *t, hand *h, const eval_case *c,
                        hand_form form)
{
    size_t n = 0;
    for (; n < EVAL_LEAVES && c->leaves[n].attribute; n++)
        hand_find(h, &c->leaves[n], form, &t->leaves[form][n]);
    t->leaf_count = n;
}

static bool have_runs(const contest *t)
{
    for (size_t i = 0; i < t->leaf_count; i++)
        if (hand_leaf_has_runs(&t->leaves[HAND_RUNS][i]))
            return true;
    return false;
}

static contest *contest_new(const eval_state *s, const eval_case *c)
{
    contest *t = mem_zalloc(sizeof *t);
    char bytes[32];

    t->ok = true;
    t->best = HUGE_VAL;
    t->ours = mem_array(RUNS_MAX, sizeof *t->ours);
    t->build = mem_array(RUNS_MAX, sizeof *t->build);
    t->asked = world_plan(s->w, c->text);
    t->kept = world_program(s->w, t->asked);
    t->least = bound_new(t->kept);
    for (hand_form form = 0; form < HAND_FORMS; form++) {
        if (form == HAND_FLAT && !have_runs(t))
            continue;
        find_leaves(t, s->h, c, form);
        add_ways(t, c->ways, EVAL_WAYS, form, PEER_CROARING);
        add_ways(t, c->sliced, EVAL_SLICED, form, PEER_SAME);
    }
    snprintf(bytes, sizeof bytes, "%.0f kB ",
             (double)bound_bytes(t->least) / 1e3);
    for (size_t way = 0; way < bound_way_count(); way++)
        add_side(t, PEER_BOUND, bytes, bound_way_name(way))->way = way;
    return t;
}

static void contest_free(contest *t)
{
    for (size_t i = 0; i < t->side_count; i++)
        mem_free(t->sides[i].us);
    for (int form = 0; form < HAND_FORMS; form++)
        for (size_t i = 0; i < t->leaf_count; i++)
            hand_leaf_release(&t->leaves[form][i]);
    bound_free(t->least);
    program_free(t->kept);
    segment_plan_free(t->asked);
    mem_free(t->ours);
    mem_free(t->build);
    mem_free(t);
}

/* May the peer take what the side can do? The bound has sides of its own. */
static bool takes(eval_peer peer, const side *s)
{
    return peer == PEER_BOUND ? s->peer == PEER_BOUND : s->peer <= peer;
}

/* ---- rounds ---- */

static void run_ours(const world *w, contest *t)
{
    const program_state state = world_state(w);
    uint64_t warm = 0;
    for (int i = 0; i < WARM; i++)
        warm = program_count(t->kept);
    const uint64_t start = eval_now(t->is_long);
    const uint64_t n = program_count(t->kept);
    const uint64_t counted = eval_now(t->is_long);
    program_free(program_new(t->asked, &state));
    const uint64_t end = eval_now(t->is_long);

    t->ok &= n == warm && (t->runs == 0 || n == t->answer);
    t->answer = n;
    t->ours[t->runs] = us_between(start, counted);
    t->build[t->runs] = us_between(counted, end);
    t->best = fmin(t->best, t->ours[t->runs]);
    t->is_long = t->best > LONG_US;
}

static uint64_t call_side(const side *s, const contest *t)
{
    return s->count ? s->count(s->leaves) : bound_read(t->least, s->way);
}

static void run_side(side *s, contest *t)
{
    uint64_t warm = 0;
    for (int i = 0; i < WARM; i++)
        warm = call_side(s, t);
    const uint64_t start = eval_now(s->is_long);
    const uint64_t n = call_side(s, t);
    const double us = us_between(start, eval_now(s->is_long));

    t->ok &= warm == n && (!s->count || n == t->answer);
    s->us[t->runs] = us;
    s->best = fmin(s->best, us);
    s->is_long = s->best > LONG_US;
}

static void leave_out_slow(contest *t)
{
    for (size_t i = 0; i < t->side_count; i++) {
        side *s = &t->sides[i];
        for (size_t j = 0; j < t->side_count; j++)
            s->left_out |= takes(s->peer, &t->sides[j]) &&
                           s->best > TOO_SLOW * t->sides[j].best;
    }
}

static void measure(const world *w, double seconds, contest *t)
{
    uint64_t begin = clock_monotonic_ns();

    while (t->runs < RUNS_MAX) {
        run_ours(w, t);
        for (size_t i = 0; i < t->side_count; i++)
            if (!t->sides[i].left_out)
                run_side(&t->sides[i], t);
        t->runs++;
        if (t->runs == TRIALS) { /* which may have taken long */
            leave_out_slow(t);
            begin = clock_monotonic_ns();
        }
        if (t->runs >= RUNS_MIN &&
            us_between(begin, clock_monotonic_ns()) > seconds * 1e6)
            break;
    }
}

/* ---- rows ---- */

static double side_median(const contest *t, side *s)
{
    return s->left_out ? HUGE_VAL : bench_median(s->us, t->runs);
}

/* The fastest side that the peer may take. */
static double fastest(contest *t, eval_peer peer, const side **out)
{
    double best = HUGE_VAL;
    for (size_t i = 0; i < t->side_count; i++) {
        side *s = &t->sides[i];
        const double us = takes(peer, s) ? side_median(t, s) : HUGE_VAL;
        if (us < best) {
            best = us;
            *out = s;
        }
    }
    ASSERT(best < HUGE_VAL);
    return best;
}

const char *eval_form_name(hand_form form)
{
    static const char *const names[] = {"", "flat ", "frozen "};
    ASSERT(form < HAND_FORMS);
    return names[form];
}

/* Nanoseconds only where there are few of them. */
static void report_us(report *out, const char *field, double us)
{
    report_number(out, field, us, us < 10 ? 3 : 1);
}

void eval_report(const eval_row *row, report *out)
{
    report_begin(out, row->bench, row->name);
    report_count(out, "n", row->n);
    report_count(out, "threads", 1);
    report_us(out, "build_us", row->build_us);
    report_us(out, "ours_us", row->ours_us);
    report_text(out, "peer", row->peer);
    report_us(out, "peer_us", row->peer_us);
    report_number(out, "ratio", row->peer_us / row->ours_us, 2);
    report_count(out, "runs", row->runs);
    report_count(out, "answer", row->answer);
    report_text(out, "way", row->way);
    report_bool(out, "valid", row->valid);
    report_end(out, row->ok);
}

static void report_peer(eval_state *s, eval_row *row, eval_peer peer,
                        contest *t, report *out)
{
    const side *taken = NULL;

    row->peer = peer_names[peer];
    row->peer_us = fastest(t, peer, &taken);
    row->way = taken->name;
    row->valid = peer != PEER_BOUND ||
                 (row->peer_us <= row->ours_us &&
                  row->peer_us <= fastest(t, PEER_SAME, &taken));
    eval_report(row, out);
    if (!row->valid)
        return;
    s->sums.peer[peer] += log(row->peer_us);
    s->sums.ours[peer] += log(row->ours_us);
    s->sums.count[peer]++;
}

static bool has_rows(const eval_state *s, eval_peer peer)
{
    return peer != PEER_SAME || s->sliced;
}

bool eval_run(eval_state *s, const char *name, const eval_case *c,
              const bench_options *options, report *out)
{
    contest *t = contest_new(s, c);

    measure(s->w, options->quick ? SECONDS_QUICK : SECONDS, t);
    const bool ok = t->ok;
    eval_row row = {.bench = name,
                    .name = c->name,
                    .n = s->w->rows,
                    .build_us = bench_median(t->build, t->runs),
                    .ours_us = bench_median(t->ours, t->runs),
                    .runs = t->runs,
                    .answer = t->answer,
                    .ok = ok};
    for (eval_peer peer = 0; peer < EVAL_PEERS; peer++)
        if (has_rows(s, peer))
            report_peer(s, &row, peer, t, out);
    s->sums.wrong |= !ok;
    contest_free(t);
    return ok;
}

bool eval_means(const eval_state *s, const char *name, report *out)
{
    const eval_sums *m = &s->sums;

    for (eval_peer peer = 0; peer < EVAL_PEERS; peer++) {
        const double n = (double)m->count[peer];
        if (m->count[peer] == 0)
            continue;
        const eval_row row = {.bench = name,
                              .name = "geomean",
                              .n = s->w->rows,
                              .ours_us = exp(m->ours[peer] / n),
                              .peer = peer_names[peer],
                              .peer_us = exp(m->peer[peer] / n),
                              .way = "",
                              .runs = m->count[peer],
                              .valid = true,
                              .ok = !m->wrong};
        eval_report(&row, out);
    }
    return !m->wrong;
}
