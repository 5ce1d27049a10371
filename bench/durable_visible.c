/*
 * durable_visible.c - durable/visible: from acknowledged to visible.
 *
 * A prober sends one record of a new user with a new value, and asks from the
 * moment of its acknowledgement on, every 50 us, whether the user is in the
 * segment of that value, which was compiled before. `idle`: nothing else is
 * written. `feeding`: a feed brings generated records, the same ones three
 * times, at half of the pace that a feed reaches alone, which is measured
 * first, from the first byte until all of it is durable and visible.
 *
 * The answer: every record became visible; with ack = applied at the first
 * question; and no record of the feed was refused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "durable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

#define FEED_USERS 200000u
#define FEED_USERS_QUICK 5000u
#define IDLE_NS ((uint64_t)2000 * 1000000)
#define IDLE_NS_QUICK ((uint64_t)100 * 1000000)
#define PASSES 3 /* of the feed beside: some seconds of it */
#define PIECE ((size_t)64 << 10)
#define BETWEEN_PROBES_NS 2000000u
#define BETWEEN_QUESTIONS_NS 50000u
#define PROBED "probe is known" /* all of them */

static const struct {
    const char *name;
    bool feeding;
    muster_ack ack;
} cases[] = {
    {"durable-idle", false, MUSTER_ACK_DURABLE},
    {"durable-feeding", true, MUSTER_ACK_DURABLE},
    {"applied-idle", false, MUSTER_ACK_APPLIED},
    {"applied-feeding", true, MUSTER_ACK_APPLIED},
};
#define CASES (sizeof cases / sizeof cases[0])

static const char *visible_name(size_t i)
{
    return i < CASES ? cases[i].name : NULL;
}

/* ---- the feed beside ---- */

typedef struct visible_state {
    char dir[SCRATCH_PATH];
    muster_engine *engine;
    uint64_t seed;
    uint64_t users;      /* of one input */
    double full_bytes_s; /* the feed alone */
    double full_facts_s;
    uint64_t probes; /* sent ever: names of new users */
} visible_state;

typedef struct half_feed {
    visible_state *s;
    bool over; /* atomic */
    char *bytes;
    size_t len;
    unsigned passes; /* over the same bytes */
    double bytes_s;  /* 0: as fast as it goes */
    muster_receipt receipt;
    double seconds;
} half_feed;

/* Not before its turn: `sent` bytes after the start. */
static void keep_pace(const half_feed *f, uint64_t start_ns, size_t sent)
{
    if (f->bytes_s <= 0)
        return;
    const uint64_t due = start_ns + (uint64_t)((double)sent / f->bytes_s * 1e9);
    const uint64_t now = clock_monotonic_ns();
    if (now < due)
        durable_nap(due - now);
}

static void *feed_input(void *payload)
{
    half_feed *f = payload;
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_error err;
    muster_feed *feed;
    size_t n;
    const uint64_t start = clock_monotonic_ns();

    options.format = MUSTER_INPUT_NDJSON;
    bench_must(muster_feed_open(&feed, f->s->engine, &options, &err), "feed",
               &err);
    for (size_t at = 0; at < f->len * f->passes; at += n) {
        const size_t from = at % f->len;
        n = f->len - from < PIECE ? f->len - from : PIECE;
        keep_pace(f, start, at);
        bench_must(muster_feed_push(feed, f->bytes + from, n, &err), "push",
                   &err);
    }
    bench_must(muster_feed_finish(feed, &err), "finish", &err);
    muster_feed_receipt(feed, &f->receipt);
    muster_feed_free(feed);
    f->seconds = (double)(clock_monotonic_ns() - start) / 1e9;
    __atomic_store_n(&f->over, true, __ATOMIC_RELEASE);
    return NULL;
}

static void make_input(half_feed *f, visible_state *s, uint64_t users,
                       uint64_t seed)
{
    generate_totals made;
    *f = (half_feed){.s = s, .passes = 1};
    f->bytes = scratch_generate(GENERATE_NDJSON, users, seed, &f->len, &made);
}

static void checkpoint(const visible_state *s)
{
    muster_error err;
    bench_must(muster_engine_checkpoint(s->engine, &err), "checkpoint", &err);
}

static void measure_full(visible_state *s)
{
    half_feed f;

    make_input(&f, s, s->users, s->seed);
    feed_input(&f);
    s->full_bytes_s = (double)f.len / f.seconds;
    s->full_facts_s = (double)f.receipt.facts / f.seconds;
    free(f.bytes);
    checkpoint(s);
}

/* ---- probes ---- */

typedef struct probe_times {
    delays commit;  /* until it was acknowledged */
    delays visible; /* and from then on until it was visible */
    uint64_t late;  /* not visible at the first question */
} probe_times;

/* A user and a value that were never heard of, and who asks for them. */
typedef struct probe {
    char name[32];
    char text[64];
    buffer body;
    muster_segment *asked;
} probe;

static void probe_init(probe *p, visible_state *s)
{
    const unsigned long long n = s->probes++;

    snprintf(p->name, sizeof p->name, "probe%llu", n);
    snprintf(p->text, sizeof p->text, "probe = \"p%llu\"", n);
    buffer_init(&p->body, 256);
    buffer_printf(&p->body,
                  "{\"ids\":{\"cookie\":\"%s\"},\"add\":{\"probe\":\"p%llu\"}}",
                  p->name, n);
    p->asked = durable_compile(s->engine, p->text);
}

static void probe_release(probe *p)
{
    muster_segment_free(p->asked);
    buffer_release(&p->body);
}

static bool is_visible(const probe *p)
{
    const muster_id user = {"cookie", p->name, strlen(p->name)};
    muster_error err;
    bool in;

    bench_must(muster_segment_has(p->asked, &user, &in, &err), p->text, &err);
    return in;
}

static void send_probe(visible_state *s, muster_ack ack, probe_times *times)
{
    probe p;

    probe_init(&p, s);
    const uint64_t sent = clock_monotonic_ns();
    durable_ingest(s->engine, &p.body, ack);
    const uint64_t told = clock_monotonic_ns();
    bool in = is_visible(&p);
    uint64_t seen = clock_monotonic_ns();
    times->late += !in;
    while (!in) {
        durable_nap(BETWEEN_QUESTIONS_NS);
        in = is_visible(&p);
        seen = clock_monotonic_ns();
    }
    delays_add(&times->commit, told - sent);
    delays_add(&times->visible, seen - told);
    probe_release(&p);
}

/* As long as the feed lasts; without one, for a while. */
static void probe_beside(visible_state *s, muster_ack ack, const half_feed *f,
                         uint64_t idle_ns, probe_times *times)
{
    const uint64_t until = clock_monotonic_ns() + idle_ns;
    while (f->bytes ? !__atomic_load_n(&f->over, __ATOMIC_ACQUIRE)
                    : clock_monotonic_ns() < until) {
        send_probe(s, ack, times);
        durable_nap(BETWEEN_PROBES_NS);
    }
}

/* ---- the bench ---- */

static void *visible_setup(const bench_options *options)
{
    visible_state *s = mem_zalloc(sizeof *s);
    char path[SCRATCH_PATH + 16];

    s->seed = options->seed;
    s->users = bench_users(options, FEED_USERS, FEED_USERS_QUICK);
    scratch_open(s->dir);
    snprintf(path, sizeof path, "%s/data", s->dir);
    s->engine = durable_open(path, MUSTER_OPEN_CREATE);
    measure_full(s);
    return s;
}

static void visible_teardown(void *state)
{
    visible_state *s = state;
    muster_engine_close(s->engine);
    scratch_close(s->dir);
    mem_free(s);
}

static void report_visible(report *out, size_t i, const visible_state *s,
                           const half_feed *f, const probe_times *t, bool ok)
{
    const double fed =
        f->seconds > 0 ? (double)f->receipt.facts / f->seconds : 0;
    report_begin(out, bench_durable_visible.name, cases[i].name);
    report_number(out, "full_facts_s", s->full_facts_s, 0);
    report_number(out, "fed_facts_s", fed, 0);
    report_count(out, "probes", t->visible.count);
    report_count(out, "late", t->late);
    report_number(out, "p50_ms", in_ms(delays_at(&t->visible, 0.50)), 3);
    report_number(out, "p99_ms", in_ms(delays_at(&t->visible, 0.99)), 3);
    report_number(out, "max_ms", in_ms(t->visible.most), 3);
    report_number(out, "ack_p50_ms", in_ms(delays_at(&t->commit, 0.50)), 2);
    report_number(out, "ack_p99_ms", in_ms(delays_at(&t->commit, 0.99)), 2);
    report_number(out, "ack_max_ms", in_ms(t->commit.most), 2);
    report_number(out, "load", durable_load_average(), 1);
    report_end(out, ok);
}

static bool visible_run(void *state, size_t i, const bench_options *options,
                        report *out)
{
    visible_state *s = state;
    probe_times *times = mem_zalloc(sizeof *times);
    half_feed f = {.s = s};
    pthread_t feeder;

    if (cases[i].feeding) {
        make_input(&f, s, s->users, s->seed + 1 + i); /* other users */
        f.bytes_s = s->full_bytes_s / 2;
        f.passes = PASSES;
        feeder = thread_start(feed_input, &f);
    }
    probe_beside(s, cases[i].ack, &f, options->quick ? IDLE_NS_QUICK : IDLE_NS,
                 times);
    if (cases[i].feeding) {
        thread_join(feeder);
        free(f.bytes);
        checkpoint(s);
    }
    const bool ok = f.receipt.rejected == 0 &&
                    (cases[i].ack == MUSTER_ACK_DURABLE || times->late == 0) &&
                    durable_ask(s->engine, PROBED) == s->probes;
    report_visible(out, i, s, &f, times, ok);
    mem_free(times);
    return ok;
}

const bench bench_durable_visible = {
    "durable/visible", "from acknowledged to visible",
    visible_name,      visible_setup,
    visible_run,       visible_teardown};
