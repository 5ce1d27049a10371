/*
 * forward.c - the forward index: 10,000 segments, about 20 of them a user.
 * How long a lookup takes by pseudonym and by raw id, also beside ingest; how
 * long the index takes to be made, a saved segment to be served, an event to
 * change what is looked up; what the index takes.
 *
 * Answers are compared with asking every segment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "scratch.h"

#define USERS 10000000
#define USERS_QUICK 200000
#define SEGMENTS 10000
#define SEGMENTS_QUICK 1000
#define READING 1000 /* segments that read the events that come */
#define LOOKUPS 2000000
#define LOOKUPS_QUICK 100000
#define CHECKED 200
#define EVENTS_S 20000 /* that come, a second */
#define EVENT_BODY 20  /* events of one request */
#define FRESH_S 10
#define FORWARD_BYTES ((uint64_t)4 << 30)
#define IDS_MAX 4096u

typedef struct forward_state {
    char dir[SCRATCH_PATH];
    muster_engine *engine;
    muster_scope *viewer;
    uint64_t users;
    uint32_t segments;
    double build_s;
    random_state random;
} forward_state;

/* ---- people ---- */

static void put_user(buffer *out, random_state *r, uint64_t user)
{
    buffer_printf(out,
                  "{\"ids\":{\"cookie\":\"u%llu\"},\"set\":{\"a\":\"a%u\",\"b\":"
                  "\"b%u\"},\"add\":{\"c\":[\"c%u\",\"c%u\",\"c%u\"]},"
                  "\"events\":[{\"name\":\"view\",\"value\":\"p%u\"}]}\n",
                  (unsigned long long)user, (unsigned)random_below(r, 500),
                  (unsigned)random_below(r, 50),
                  (unsigned)random_below(r, 200),
                  (unsigned)random_below(r, 200),
                  (unsigned)random_below(r, 200),
                  (unsigned)random_below(r, 1000));
}

static void feed_users(forward_state *s)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_feed *feed;
    muster_error err;
    buffer text;

    options.format = MUSTER_INPUT_NDJSON;
    bench_must(muster_feed_open(&feed, s->engine, &options, &err), "feed",
               &err);
    buffer_init(&text, (size_t)8 << 20);
    buffer_put_str(&text, "{\"ids\":{\"cookie\":\"nobody\"},\"events\":"
                          "[{\"name\":\"mark\"}]}\n");
    for (uint64_t u = 0; u < s->users; u++) {
        put_user(&text, &s->random, u);
        if (text.len < ((size_t)1 << 20) && u + 1 < s->users)
            continue;
        bench_must(muster_feed_push(feed, text.data, text.len, &err), "push",
                   &err);
        buffer_clear(&text);
    }
    bench_must(muster_feed_finish(feed, &err), "finish", &err);
    muster_feed_free(feed);
    buffer_release(&text);
    bench_must(muster_engine_checkpoint(s->engine, &err), "checkpoint", &err);
}

/* One in 500 users or so. */
static void put_segment(buffer *out, random_state *r)
{
    const unsigned a = (unsigned)random_below(r, 500);
    const unsigned b = (unsigned)random_below(r, 40);
    const unsigned c = (unsigned)random_below(r, 200);
    const unsigned p = (unsigned)random_below(r, 1000);

    switch (random_below(r, 4)) {
    case 0:
        buffer_printf(out, "a = \"a%u\"", a);
        return;
    case 1:
        buffer_printf(out,
                      "b in (\"b%u\", \"b%u\", \"b%u\", \"b%u\", \"b%u\") "
                      "and c = \"c%u\"",
                      b, b + 1, b + 3, b + 5, b + 9, c);
        return;
    case 2:
        buffer_printf(out,
                      "view = \"p%u\" within 30 days or view = \"p%u\" "
                      "within 7 days", p, (p + 500) % 1000);
        return;
    default:
        buffer_printf(out,
                      "(c = \"c%u\" or c = \"c%u\") and b in (\"b%u\", "
                      "\"b%u\", \"b%u\") and not a = \"a%u\"",
                      c, (c + 7) % 200, b, b + 2, b + 8, a);
    }
}

static void save(forward_state *s, const char *key, const char *expr)
{
    muster_save save = MUSTER_SAVE_INIT;
    muster_error err;

    save.key = key;
    save.expr = expr;
    save.expr_len = strlen(expr);
    save.priority = (int32_t)random_below(&s->random, 10);
    bench_must(muster_audience_save(s->engine, &save, NULL, &err), expr,
               &err);
}

static void save_segments(forward_state *s)
{
    buffer text;
    char key[32];

    buffer_init(&text, 4096);
    for (uint32_t i = 0; i < s->segments; i++) {
        buffer_clear(&text);
        put_segment(&text, &s->random);
        snprintf(key, sizeof key, "s%u", i);
        save(s, key, buffer_cstr(&text));
    }
    buffer_release(&text);
}

static void open_engine(forward_state *s, muster_open_mode mode,
                        uint64_t forward_bytes)
{
    muster_engine_options options = MUSTER_ENGINE_OPTIONS_INIT;
    muster_error err;

    options.data_dir = s->dir;
    options.mode = mode;
    options.forward_bytes = forward_bytes;
    bench_must(muster_engine_open(&s->engine, &options, &err), "open", &err);
}

/* Closed, and opened again with its index. */
static void open_again(forward_state *s)
{
    muster_engine_close(s->engine);
    const uint64_t since = clock_monotonic_ns();
    open_engine(s, MUSTER_OPEN_WRITE, FORWARD_BYTES);
    matcher_settle(s->engine);
    s->build_s = (double)(clock_monotonic_ns() - since) / 1e9;
    ASSERT(matcher_index(s->engine) != NULL);
}

static void *forward_setup(const bench_options *o)
{
    forward_state *s = mem_zalloc(sizeof *s);
    muster_error err;

    s->users = bench_users(o, USERS, USERS_QUICK);
    s->segments = o->quick ? SEGMENTS_QUICK : SEGMENTS;
    random_seed(&s->random, o->seed);
    scratch_open(s->dir);
    open_engine(s, MUSTER_OPEN_CREATE, 0);
    bench_must(muster_scope_new(&s->viewer, "bench", MUSTER_PURPOSE_SERVING,
                                NULL, &err), "scope", &err);
    feed_users(s);
    save_segments(s);
    open_again(s);
    return s;
}

static void forward_end(void *state)
{
    forward_state *s = state;

    muster_scope_free(s->viewer);
    muster_engine_close(s->engine);
    scratch_close(s->dir);
    mem_free(s);
}

/* ---- looking up ---- */

typedef struct id_list {
    uint32_t ids[IDS_MAX];
    uint32_t n;
} id_list;

static int note_id(void *payload, const muster_saved *row)
{
    id_list *l = payload;
    if (l->n < IDS_MAX)
        l->ids[l->n++] = row->id;
    return 0;
}

static uint32_t raw_id(char out[32], uint64_t user)
{
    return (uint32_t)snprintf(out, 32, "u%llu", (unsigned long long)user);
}

static bool look_up(const forward_state *s, uint64_t user, id_list *out)
{
    char text[32];
    const muster_id id = {"cookie", text, raw_id(text, user)};
    muster_lookup about;
    muster_error err;

    out->n = 0;
    bench_must(muster_audience_lookup_at(s->engine, s->viewer, &id, &about,
                                         note_id, out, &err),
               "lookup", &err);
    return about.known;
}

/* Some users' lists against every segment asked. */
static bool lists_are_right(forward_state *s)
{
    id_list list;
    bool right = true;

    matcher_settle(s->engine);
    for (uint32_t i = 0; i < CHECKED / 10 && right; i++) {
        const uint64_t user = random_below(&s->random, s->users);
        char text[32];
        const muster_id id = {"cookie", text, raw_id(text, user)};
        uint32_t asked = 0;
        look_up(s, user, &list);
        epoch_pin pin;
        muster_pseudonym p;
        const epoch *at = epoch_pin_newest(s->engine, &pin);
        program_state state = epoch_state(s->engine, at);
        bench_must(engine_pseudonym(s->engine, at->names, &id, &p, NULL),
                   "id", &(muster_error){0});
        const uint32_t row = dictionary_find(at->ids, &p);
        state.once = true;
        for (size_t k = 0; k < audience_count(at->audiences); k++) {
            const audience *a = audience_at(at->audiences, k);
            const audience_version *v = audience_current(a);
            plan *bound;
            if (!v || engine_bind(s->engine, at, s->viewer->inner, v->expr,
                                  text_make(NULL, 0), &bound, NULL, NULL))
                continue;
            program *g = program_new(bound, &state);
            if (program_has(g, row)) {
                bool found = false;
                for (uint32_t j = 0; j < list.n; j++)
                    found |= list.ids[j] == a->id;
                right &= found;
                asked++;
            }
            program_free(g);
            segment_plan_free(bound);
        }
        right &= asked == list.n;
        epoch_unpin(s->engine, &pin);
    }
    return right;
}

static int by_number(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void report_times(report *out, uint64_t *times, size_t n)
{
    qsort(times, n, sizeof *times, by_number);
    report_number(out, "p50_us", (double)times[n / 2] / 1e3, 2);
    report_number(out, "p99_us", (double)times[n - n / 100 - 1] / 1e3, 2);
    report_number(out, "p999_us", (double)times[n - n / 1000 - 1] / 1e3, 2);
    report_number(out, "max_us", (double)times[n - 1] / 1e3, 1);
}

static void report_head(report *out, const forward_state *s, const char *name)
{
    muster_engine_stats now;

    muster_engine_stats_get(s->engine, &now);
    report_begin(out, "forward", name);
    report_count(out, "n", s->users);
    report_count(out, "segments", now.segments);
    report_number(out, "a_user",
                  (double)now.forward_pairs / (double)s->users, 2);
    report_number(out, "b_pair",
                  (double)now.forward_bytes / (double)now.forward_pairs, 3);
}

static uint64_t time_user(const forward_state *s, const muster_pseudonym *p,
                          id_list *list)
{
    muster_lookup about;
    muster_error err;

    list->n = 0;
    const uint64_t since = clock_monotonic_ns();
    bench_must(muster_audience_lookup_user(s->engine, s->viewer, p, &about,
                                           note_id, list, &err),
               "lookup", &err);
    return clock_monotonic_ns() - since;
}

static uint64_t time_raw(const forward_state *s, uint64_t user, id_list *list)
{
    char text[32];
    const muster_id id = {"cookie", text, raw_id(text, user)};
    muster_lookup about;
    muster_error err;

    list->n = 0;
    const uint64_t since = clock_monotonic_ns();
    bench_must(muster_audience_lookup_at(s->engine, s->viewer, &id, &about,
                                         note_id, list, &err),
               "lookup", &err);
    return clock_monotonic_ns() - since;
}

static muster_pseudonym pseudonym_of(const forward_state *s, uint64_t user)
{
    char text[32];
    const muster_id id = {"cookie", text, raw_id(text, user)};
    muster_pseudonym p;
    muster_error err;
    epoch_pin pin;

    const epoch *at = epoch_pin_newest(s->engine, &pin);
    bench_must(engine_pseudonym(s->engine, at->names, &id, &p, &err), "id",
               &err);
    epoch_unpin(s->engine, &pin);
    return p;
}

static void time_lookups(forward_state *s, size_t n, bool raw,
                         uint64_t *times)
{
    id_list list;

    for (size_t i = 0; i < n; i++) {
        const uint64_t user = random_below(&s->random, s->users);
        if (raw) {
            times[i] = time_raw(s, user, &list);
        } else {
            const muster_pseudonym p = pseudonym_of(s, user);
            times[i] = time_user(s, &p, &list);
        }
    }
}

/* ---- ingest beside ---- */

typedef struct sender {
    forward_state *s;
    random_state random;
    uint64_t events_s; /* 0: as many as go */
    bool stop;         /* atomic */
    uint64_t sent;
} sender;

static void send_events(sender *w, uint32_t n)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_error err;
    buffer text;

    buffer_init(&text, (size_t)4 << 20);
    for (uint32_t i = 0; i < n; i++)
        buffer_printf(&text,
                      "{\"ids\":{\"cookie\":\"u%llu\"},\"events\":[{\"name\":"
                      "\"view\",\"value\":\"p%u\"}]}\n",
                      (unsigned long long)random_below(&w->random,
                                                       w->s->users),
                      (unsigned)random_below(&w->random, 1000));
    options.format = MUSTER_INPUT_NDJSON;
    bench_must(muster_ingest(w->s->engine, &options, text.data, text.len,
                             NULL, NULL, &err),
               "ingest", &err);
    buffer_release(&text);
    w->sent += n;
}

static void sleep_ns(uint64_t ns)
{
    const struct timespec t = {(time_t)(ns / 1000000000),
                               (long)(ns % 1000000000)};
    nanosleep(&t, NULL);
}

static void *send_on(void *payload)
{
    sender *w = payload;
    const uint64_t since = clock_monotonic_ns();

    while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
        send_events(w, w->events_s ? EVENT_BODY : 2000);
        if (!w->events_s)
            continue;
        const uint64_t due = since + w->sent * 1000000000u / w->events_s;
        const uint64_t now = clock_monotonic_ns();
        if (due > now)
            sleep_ns(due - now);
    }
    return NULL;
}

static bool run_lookup(forward_state *s, const char *name, bool raw,
                       bool beside, const bench_options *o, report *out)
{
    const size_t n = o->quick ? LOOKUPS_QUICK : LOOKUPS;
    uint64_t *times = mem_array(n, sizeof *times);
    sender w = {.s = s};
    pthread_t thread;

    random_seed(&w.random, o->seed + 1);
    if (beside)
        pthread_create(&thread, NULL, send_on, &w);
    time_lookups(s, n / 10, raw, times);
    time_lookups(s, n, raw, times);
    if (beside) {
        __atomic_store_n(&w.stop, true, __ATOMIC_RELAXED);
        pthread_join(thread, NULL);
    }
    const bool right = lists_are_right(s);
    report_head(out, s, name);
    report_times(out, times, n);
    report_end(out, right);
    mem_free(times);
    return right;
}

/* ---- how soon ---- */

static bool run_build(forward_state *s, report *out)
{
    uint64_t times[1] = {(uint64_t)(s->build_s * 1e9)};

    report_head(out, s, "build");
    report_times(out, times, 1);
    report_end(out, true);
    return true;
}

/* A segment of everybody in b0, until the first of them is seen in it. */
static bool run_save(forward_state *s, report *out)
{
    uint64_t times[10];
    id_list list;

    for (uint32_t i = 0; i < 10; i++) {
        char key[32];
        snprintf(key, sizeof key, "new%u", i);
        const uint64_t since = clock_monotonic_ns();
        save(s, key, "b = \"b0\" or b = \"b1\" or c = \"c3\"");
        muster_engine_stats now;
        const uint64_t newest = muster_engine_epoch(s->engine);
        for (;;) { /* the whole index, and with it every user */
            muster_engine_stats_get(s->engine, &now);
            if (now.forward_epoch >= newest)
                break;
        }
        matcher_settle(s->engine);
        times[i] = clock_monotonic_ns() - since;
        look_up(s, 0, &list);
    }
    const bool right = lists_are_right(s);
    report_head(out, s, "save");
    report_times(out, times, 10);
    report_end(out, right);
    return right;
}

/* ---- an event to a changed lookup ---- */

static bool is_listed(const forward_state *s, uint64_t user, uint32_t id)
{
    id_list list;
    look_up(s, user, &list);
    for (uint32_t i = 0; i < list.n; i++)
        if (list.ids[i] == id)
            return true;
    return false;
}

static void save_readers(forward_state *s, bool by_value)
{
    char key[32];
    char expr[200];

    for (uint32_t i = 0; i < READING; i++) {
        snprintf(key, sizeof key, "read%u", i);
        if (by_value)
            snprintf(expr, sizeof expr,
                     "view = \"p%u\" at least 2 times within %u days and b in "
                     "(\"b%u\", \"b%u\")", i, 1 + i % 60, i % 50,
                     (i + 1) % 50);
        else
            snprintf(expr, sizeof expr,
                     "view at least %u times within %u days and b in "
                     "(\"b%u\", \"b%u\") and not a = \"a%u\"", 2 + i % 3,
                     1 + i % 60, i % 50, (i + 1) % 50, i % 500);
        save(s, key, expr);
    }
    save(s, "marked", "mark within 2 days");
}

static int note_marked(void *payload, const muster_saved *row)
{
    *(uint32_t *)payload = row->id;
    return 0;
}

/* Beside 20,000 events a second, single events of users who become members
 * by it: from the acknowledgement until a lookup shows it. */
static bool run_fresh(forward_state *s, const char *name, bool by_value,
                      const bench_options *o, report *out)
{
    static uint64_t marked_user;
    const uint32_t rounds = o->quick ? 100 : FRESH_S * 100;
    uint64_t *times = mem_array(rounds, sizeof *times);
    sender w = {.s = s, .events_s = EVENTS_S};
    uint32_t id = 0;
    muster_error err;
    pthread_t thread;

    save_readers(s, by_value);
    bench_must(muster_audience_find(s->engine, "marked", note_marked, &id,
                                    &err), "find", &err);
    matcher_settle(s->engine);
    random_seed(&w.random, o->seed + 2);
    pthread_create(&thread, NULL, send_on, &w);
    for (uint32_t i = 0; i < rounds; i++) {
        char body[128];
        muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
        const uint64_t user = marked_user++;
        const int len = snprintf(body, sizeof body,
                                 "{\"ids\":{\"cookie\":\"u%llu\"},\"events\":"
                                 "[{\"name\":\"mark\"}]}\n",
                                 (unsigned long long)user);
        options.format = MUSTER_INPUT_NDJSON;
        bench_must(muster_ingest(s->engine, &options, body, (size_t)len,
                                 NULL, NULL, &err), "ingest", &err);
        const uint64_t since = clock_monotonic_ns();
        while (!is_listed(s, user, id))
            sleep_ns(100000);
        times[i] = clock_monotonic_ns() - since;
        sleep_ns(random_below(&s->random, 10000000));
    }
    __atomic_store_n(&w.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    const bool right = lists_are_right(s);
    report_head(out, s, name);
    report_times(out, times, rounds);
    report_end(out, right);
    mem_free(times);
    return right;
}

/* ---- the bench ---- */

static const char *forward_name(size_t i)
{
    static const char *const names[] = {"build",    "lookup", "lookup-raw",
                                        "beside",   "beside-raw",
                                        "save",     "fresh",
                                        "fresh-any", NULL};
    return names[i];
}

static bool forward_run(void *state, size_t i, const bench_options *o,
                        report *out)
{
    forward_state *s = state;
    const char *name = forward_name(i);

    switch (i) {
    case 0:
        return run_build(s, out);
    case 1:
    case 2:
    case 3:
    case 4:
        return run_lookup(s, name, i % 2 == 0, i > 2, o, out);
    case 5:
        return run_save(s, out);
    default:
        return run_fresh(s, name, i == 6, o, out);
    }
}

const bench bench_forward = {
    .name = "forward",
    .about = "segments of a user, of the forward index",
    .case_name = forward_name,
    .setup = forward_setup,
    .run = forward_run,
    .teardown = forward_end,
};
