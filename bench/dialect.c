/*
 * dialect.c - the same facts in the forms of others, beside plain NDJSON.
 *
 * ingest/dialect: PEOPLE users with one id and ITEMS values each, written in
 * each form. `parse_*`: one chunk by ingest_parse_chunk on this thread, with
 * what is of a whole file (dialect_once_pass); processor time of the thread.
 * `load_*`: a durable load through the public API into a new data directory
 * and, for .overwrite, a second one of the same file, which replaces what the
 * first said. The answer is the records and facts there are to be.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ingest/ingest.h"
#include "scratch.h"

#define PEOPLE 20000u
#define PEOPLE_QUICK 500u
#define ITEMS 8u
#define RUNS 7
#define NAME "ftp_dpm_478_21_1795100000."

/* A person is `before`, the number, `after`, and the items. */
typedef struct dialect_case {
    const char *name;
    ingest_format parsed;
    muster_input_format fed;
    const char *file; /* its name; NULL: any */
    bool again;       /* what is measured is the second load */
    const char *head;
    const char *message; /* before a number of its own; NULL: none */
    const char *before;
    const char *after;
    const char *key;      /* before the key's number; NULL: there are none */
    const char *equals;   /* before the value; NULL: no items */
    const char *behind;   /* the value */
    const char *between;
    const char *close;
} dialect_case;

#define AAM(name, parsed, file, again, key, equals, behind, between)           \
    {                                                                          \
        name, parsed, MUSTER_INPUT_AUTO, file, again, "", NULL, "user-",       \
            "\t", key, equals, behind, between, "\n"                           \
    }
static const dialect_case cases[] = {
    {"ndjson", INGEST_NDJSON, MUSTER_INPUT_NDJSON, NULL, false, "", NULL,
     "{\"ids\":{\"cookie\":\"user-", "\"},\"add\":{", "\"signal.k",
     "\":\"v", "\"", ",", "}}\n"},
    {"csv", INGEST_CSV, MUSTER_INPUT_CSV, NULL, false,
     "ids.cookie,add.k0,add.k1,add.k2,add.k3,add.k4,add.k5,add.k6,add.k7\n",
     NULL, "user-", ",", NULL, "v", "", ",", "\n"},
    AAM("aam-sync", INGEST_AAM, NAME "sync", false, "k", "=v", "", ","),
    AAM("aam-sync-quoted", INGEST_AAM, NAME "sync", false, "\"k",
        "\" = \"v", "\"", ", "),
    AAM("aam-overwrite", INGEST_AAM, NAME "overwrite", false, "k", "=v", "",
        ","),
    AAM("aam-overwrite-again", INGEST_AAM, NAME "overwrite", true, "k", "=v",
        "", ","),
    AAM("aam-ids", INGEST_AAM_IDS, "adobe_id_478_12_1795100000.sync", false,
        NULL, NULL, "", ""),
    {"liveramp", INGEST_LIVERAMP, MUSTER_INPUT_LIVERAMP, NULL, false,
     "CUSTOMID|k0|k1|k2|k3|k4|k5|k6|k7\n", NULL, "user-", "|", NULL, "v", "",
     "|", "\n"},
    {"cdp", INGEST_CDP, MUSTER_INPUT_CDP, NULL, false, "",
     "{\"type\":\"identify\",\"messageId\":\"m-", "\",\"anonymousId\":"
     "\"user-", "\",\"traits\":{", "\"k", "\":\"v", "\"", ",", "}}\n"},
};
#define CASES (sizeof cases / sizeof *cases)

static const char *case_name(size_t i)
{
    return i < CASES ? cases[i].name : NULL;
}

static double thread_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- what is read ---- */

static void write_person(buffer *out, const dialect_case *c, uint32_t user)
{
    if (c->message != NULL)
        buffer_printf(out, "%s%07u", c->message, user);
    buffer_printf(out, "%s%07u%s", c->before, user, c->after);
    if (c->equals == NULL)
        buffer_printf(out, "partner-%07u", user);
    for (uint32_t i = 0; c->equals != NULL && i < ITEMS; i++) {
        buffer_put_str(out, i > 0 ? c->between : "");
        if (c->key != NULL)
            buffer_printf(out, "%s%u", c->key, i);
        buffer_printf(out, "%s%u%s", c->equals, (user * 31 + i * 7) % 50,
                      c->behind);
    }
    buffer_put_str(out, c->close);
}

static void write_people(buffer *out, const dialect_case *c, uint32_t people)
{
    buffer_init(out, (size_t)1 << 30);
    buffer_put_str(out, c->head);
    for (uint32_t i = 0; i < people; i++)
        write_person(out, c, i);
}

static uint64_t facts_of(const dialect_case *c, uint32_t people)
{
    const bool wipes = c->file != NULL && strstr(c->file, "over") != NULL;
    return (uint64_t)people * ((c->equals != NULL ? ITEMS : 0) + wipes);
}

/* ---- parsing ---- */

typedef struct dialect_state {
    char dir[SCRATCH_PATH];
    identity_key *key;
} dialect_state;

static void *dialect_setup(const bench_options *options)
{
    muster_error err;
    char path[SCRATCH_PATH + 16];
    dialect_state *s = mem_zalloc(sizeof *s);

    (void)options;
    scratch_open(s->dir);
    snprintf(path, sizeof path, "%s/key", s->dir);
    bench_must(identity_key_open(&s->key, path, true, &err), "key", &err);
    return s;
}

static void dialect_teardown(void *state)
{
    dialect_state *s = state;
    identity_key_free(s->key);
    scratch_close(s->dir);
    mem_free(s);
}

static cdp_attribute know_nothing(const void *names, const char *name)
{
    (void)names;
    (void)name;
    return (cdp_attribute){CDP_KIND_NONE, false};
}

/* Seconds of one reading; 0: what came out is wrong. */
static double parse_once(const dialect_state *s, const dialect_case *c,
                         const buffer *text, uint32_t people)
{
    muster_error err;
    fact_batch *b;
    dialect d = {.format = c->parsed};
    if (c->file != NULL && !dialect_of_name(&d, text_of(c->file)))
        return 0;
    d.view.find = know_nothing;
    const ingest_options how = {.format = c->parsed,
                                .dialect = &d,
                                .provider = "default",
                                .key = s->key,
                                .now = BENCH_NOW,
                                .threads = 1};
    const double start = thread_seconds();
    dialect_once *once = dialect_once_new(&d, DIALECT_USERS_MAX);
    bench_must(ingest_parse_chunk(&how, (const char *)text->data, text->len,
                                  &b, &err),
               "parse", &err);
    bench_must(dialect_once_pass(once, b, &err), "pass", &err);
    const bool ok = b->record_count == people && b->reject_count == 0;
    fact_batch_free(b);
    dialect_once_free(once);
    return ok ? thread_seconds() - start : 0;
}

/* ---- loading ---- */

static void feed_once(muster_engine *engine, const dialect_case *c,
                      const buffer *text, muster_receipt *receipt)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_feed *feed;
    muster_error err;
    options.format = c->fed;
    options.input_name = c->file;
    bench_must(muster_feed_open(&feed, engine, &options, &err), "feed", &err);
    bench_must(muster_feed_push(feed, text->data, text->len, &err), "push",
               &err);
    bench_must(muster_feed_finish(feed, &err), "finish", &err);
    muster_feed_receipt(feed, receipt);
    muster_feed_free(feed);
}

static double load_once(const dialect_state *s, const dialect_case *c,
                        const buffer *text, uint32_t people)
{
    char data[SCRATCH_PATH + 16];
    muster_engine_options options = MUSTER_ENGINE_OPTIONS_INIT;
    muster_engine *engine;
    muster_receipt receipt;
    muster_error err;

    snprintf(data, sizeof data, "%s/data", s->dir);
    options.data_dir = data;
    options.mode = MUSTER_OPEN_CREATE;
    options.now = BENCH_NOW;
    bench_must(muster_engine_open(&engine, &options, &err), "open", &err);
    if (c->again)
        feed_once(engine, c, text, &receipt);
    const uint64_t start = clock_monotonic_ns();
    feed_once(engine, c, text, &receipt);
    const double t = (double)(clock_monotonic_ns() - start) / 1e9;
    muster_engine_close(engine);
    scratch_close(data);
    return receipt.accepted == people && receipt.facts == facts_of(c, people)
               ? t
               : 0;
}

/* ---- a row ---- */

static bool dialect_run(void *state, size_t i, const bench_options *options,
                        report *out)
{
    const dialect_state *s = state;
    const dialect_case *c = &cases[i];
    const uint32_t people = options->quick ? PEOPLE_QUICK : PEOPLE;
    double parse[RUNS];
    double load[RUNS];
    buffer text;
    bool ok = true;

    write_people(&text, c, people);
    for (size_t k = 0; k < RUNS; k++) {
        parse[k] = parse_once(s, c, &text, people);
        load[k] = load_once(s, c, &text, people);
        ok = ok && parse[k] > 0 && load[k] > 0;
    }
    const double t = bench_median(parse, RUNS);
    const double whole = bench_median(load, RUNS);
    report_begin(out, bench_ingest_dialect.name, c->name);
    report_count(out, "records", people);
    report_number(out, "bytes_record", (double)text.len / people, 1);
    report_number(out, "parse_mb_s", (double)text.len / t / 1e6, 1);
    report_number(out, "parse_records_s", people / t, 0);
    report_number(out, "load_records_s", people / whole, 0);
    report_end(out, ok);
    buffer_release(&text);
    return ok;
}

const bench bench_ingest_dialect = {
    "ingest/dialect", "the same facts in the forms of others",
    case_name,        dialect_setup,
    dialect_run,      dialect_teardown};
