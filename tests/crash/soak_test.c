/*
 * soak_test.c - constant work on a bounded set of users leaves memory and
 * open files where they were.
 *
 * Two threads feed records, the main one saves segments, writes generations,
 * makes and removes snapshots, and looks at /proc/self after each turn. The
 * first third of the time is for warming up; then the largest resident size
 * of the last third must be that of the middle third, 5 per cent and a few
 * megabytes of chance apart, and the smallest number of open files, a few
 * apart.
 *
 * MUSTER_SOAK_SECONDS: how long; 6 in CI, half an hour by tests/crash/soak.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* mkdtemp */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "crash/journal.h"
#include "support/dice.h"

#define SECONDS_USUAL 6u
#define FEEDERS 2u
/* The sanitizers keep freed memory for a while. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RSS_SLACK ((uint64_t)512 << 20)
#else
#define RSS_SLACK ((uint64_t)16 << 20)
#endif

/* What work in the background may hold open in all looks of a third. */
#define FILES_SLACK 4u

typedef struct sample {
    uint64_t ns; /* since the start */
    uint64_t rss;
    uint32_t files;
} sample;

typedef struct soak {
    char dir[512];
    uint64_t seed;
    uint64_t start;
    uint64_t length_ns;
    muster_engine *engine;
    bool stop;
    uint64_t fed; /* requests */
    sample *samples;
    size_t count;
    size_t capacity;
} soak;

typedef struct feeder {
    soak *s;
    uint32_t number;
    int rc;
    muster_error err;
} feeder;

/* ---- looking at this process ---- */

static uint64_t resident_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    assert_non_null(f);
    assert_int_equal(fscanf(f, "%llu %llu", &size, &resident), 2);
    fclose(f);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint32_t open_files(void)
{
    uint32_t n = 0;
    DIR *d = opendir("/proc/self/fd");

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void take_sample(soak *s)
{
    mem_grow(&s->samples, &s->capacity, s->count + 1, sizeof *s->samples);
    s->samples[s->count++] = (sample){clock_monotonic_ns() - s->start,
                                      resident_bytes(), open_files()};
}

/* ---- work ---- */

/* A turn's acts; names that only a record says would add up, so there are
 * none. Odd numbers of a worker's are requests, even ones feeds. */
static int feed_turn(const soak *s, uint32_t worker, uint64_t turn,
                     muster_error *err)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    const journal_act a = {.kind = ACT_FEED, .worker = worker, .number = turn};
    journal_record record;
    buffer text;
    int rc;

    options.format = MUSTER_INPUT_NDJSON;
    options.ack = MUSTER_ACK_APPLIED;
    buffer_init(&text, (size_t)1 << 20);
    for (uint32_t i = 0; i < 20; i++) {
        journal_record_draw(s->seed, &a, i, &record);
        record.pos %= 1000;
        record.note = -1;
        journal_record_write(&record, &text);
    }
    rc = turn % 2 ? muster_ingest(s->engine, &options, text.data, text.len,
                                  NULL, NULL, err)
                  : journal_feed(s->engine, &text, err);
    buffer_release(&text);
    return rc;
}

static void *run_feeder(void *payload)
{
    feeder *f = payload;

    for (uint64_t turn = 0;
         f->rc == 0 && !__atomic_load_n(&f->s->stop, __ATOMIC_ACQUIRE);
         turn++) {
        f->rc = feed_turn(f->s, f->number, turn, &f->err);
        __atomic_add_fetch(&f->s->fed, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void must(int rc, const muster_error *err, const char *what)
{
    if (rc != 0)
        fail_msg("%s: %s (%s)", what, err->message, err->word);
}

static void ask(const soak *s)
{
    journal_answer answer;
    muster_scope *scope;
    muster_error err;

    must(muster_scope_new(&scope, "test", MUSTER_PURPOSE_ANALYSIS, NULL,
                          &err), &err, "scope");
    for (uint32_t i = 0; i < JOURNAL_QUESTIONS; i++) {
        must(journal_ask(s->engine, scope, i, &answer, &err), &err, "ask");
        assert_true(answer.count <= JOURNAL_WORKERS * JOURNAL_USERS);
    }
    muster_scope_free(scope);
}

static void work(soak *s, uint64_t turn)
{
    journal_act a = {.worker = FEEDERS};
    muster_error err;

    /* all versions of a segment are kept: a few, not one a turn */
    if (turn % 16 == 0) {
        journal_act_draw(s->seed, FEEDERS, turn + 9, &a);
        must(journal_do(s->engine, s->dir, s->seed, &a, 1, &err), &err,
             "segment");
    }
    a.kind = turn % 8 == 3 ? ACT_SNAPSHOT : ACT_CHECKPOINT;
    a.number = turn;
    must(journal_do(s->engine, s->dir, s->seed, &a, 0, &err), &err, "turn");
    ask(s);
}

/* ---- judging ---- */

typedef struct third {
    uint64_t rss_max;
    uint32_t files_min;
    uint32_t samples;
} third;

static third third_of(const soak *s, uint64_t which)
{
    third t = {0, UINT32_MAX, 0};

    for (size_t i = 0; i < s->count; i++) {
        const sample *x = &s->samples[i];
        if (x->ns * 3 / s->length_ns != which)
            continue;
        t.samples++;
        if (x->rss > t.rss_max)
            t.rss_max = x->rss;
        if (x->files < t.files_min)
            t.files_min = x->files;
    }
    return t;
}

static void judge(const soak *s)
{
    const third middle = third_of(s, 1), last = third_of(s, 2);

    print_message("%llu requests, %zu turns; middle third %llu KiB, %u files; "
                  "last third %llu KiB, %u files\n",
                  (unsigned long long)s->fed, s->count,
                  (unsigned long long)middle.rss_max >> 10, middle.files_min,
                  (unsigned long long)last.rss_max >> 10, last.files_min);
    assert_true(middle.samples > 0 && last.samples > 0);
    if (last.rss_max > middle.rss_max + middle.rss_max / 20 + RSS_SLACK)
        fail_msg("memory grows");
    if (last.files_min > middle.files_min + FILES_SLACK)
        fail_msg("open files grow");
}

/* ---- the test ---- */

static void begin(soak *s)
{
    const char *tmp = getenv("TMPDIR");
    const char *seconds = getenv("MUSTER_SOAK_SECONDS");
    const journal_place place = {s->dir, NULL, JOURNAL_START, 4u << 20};
    muster_error err;

    memset(s, 0, sizeof *s);
    s->seed = 1;
    snprintf(s->dir, sizeof s->dir, "%s/muster-soak-XXXXXX",
             tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(s->dir));
    must(journal_open(&s->engine, &place, MUSTER_OPEN_CREATE, &err), &err,
         "open");
    must(journal_prepare(s->engine, &err), &err, "prepare");
    s->length_ns = (seconds ? strtoull(seconds, NULL, 10) : SECONDS_USUAL) *
                   1000000000u;
    assert_true(s->length_ns > 0);
    s->start = clock_monotonic_ns();
}

static void test_crash_soak__memory_and_files_stay_flat(void **state)
{
    feeder feeders[FEEDERS];
    pthread_t threads[FEEDERS];
    soak s;

    (void)state;
    begin(&s);
    for (uint32_t i = 0; i < FEEDERS; i++) {
        feeders[i] = (feeder){.s = &s, .number = i};
        threads[i] = thread_start(run_feeder, &feeders[i]);
    }
    for (uint64_t turn = 0; clock_monotonic_ns() - s.start < s.length_ns;
         turn++) {
        work(&s, turn);
        take_sample(&s);
    }
    __atomic_store_n(&s.stop, true, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < FEEDERS; i++) {
        thread_join(threads[i]);
        must(feeders[i].rc, &feeders[i].err, "feeding");
    }
    judge(&s);
    muster_engine_close(s.engine);
    journal_remove(s.dir);
    mem_free(s.samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash_soak__memory_and_files_stay_flat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
