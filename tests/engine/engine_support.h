/*
 * engine_support.h - for tests of the wiring: feeding, asking and looking at
 * a house through the public API. Include after cmocka.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_ENGINE_ENGINE_SUPPORT_H
#define TESTS_ENGINE_ENGINE_SUPPORT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "support/house.h"

#define NOON ((muster_time)1795264200) /* 2026-11-21T12:30:00Z */
#define HOUR ((muster_time)3600)
#define DAY (24 * HOUR)

/* ---- feeding ---- */

typedef struct reject_log {
    size_t count;
    char code[32];     /* of the last one */
    char pointer[200];
    char message[256];
    uint64_t line;
} reject_log;

static inline void note_reject(void *payload, const muster_reject *r)
{
    reject_log *log = payload;
    log->count++;
    log->line = r->line;
    snprintf(log->code, sizeof log->code, "%s", r->code);
    snprintf(log->pointer, sizeof log->pointer, "%s", r->pointer);
    snprintf(log->message, sizeof log->message, "%s", r->message);
}

/* Feeds NDJSON whole; every call must go well. */
static inline muster_receipt feed_with(muster_engine *engine,
                                       const char *text, bool dry_run,
                                       reject_log *log)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_feed *feed;
    muster_receipt receipt;
    muster_error err;

    options.format = MUSTER_INPUT_NDJSON;
    options.dry_run = dry_run;
    options.reject = log ? note_reject : NULL;
    options.payload = log;
    if (muster_feed_open(&feed, engine, &options, &err) != 0 ||
        muster_feed_push(feed, text, strlen(text), &err) != 0 ||
        muster_feed_finish(feed, &err) != 0)
        fail_msg("feed: %s", err.message);
    muster_feed_receipt(feed, &receipt);
    muster_feed_free(feed);
    return receipt;
}

/* Every record must be accepted. */
static inline muster_receipt feed(house *h, const char *text)
{
    reject_log log = {0};
    const muster_receipt receipt = feed_with(h->engine, text, false, &log);
    if (receipt.rejected != 0)
        fail_msg("rejected %s: %s (%s)", log.pointer, log.message, log.code);
    return receipt;
}

/* The one record must be refused; what was said of it is in *log. */
static inline void refuse(house *h, const char *text, reject_log *log)
{
    memset(log, 0, sizeof *log);
    const muster_receipt receipt = feed_with(h->engine, text, false, log);
    if (receipt.rejected != 1 || log->count != 1)
        fail_msg("accepted: %s", text);
}

static inline void expect_reject(house *h, const char *text, const char *code,
                                 const char *pointer)
{
    reject_log log;
    refuse(h, text, &log);
    assert_string_equal(log.code, code);
    assert_string_equal(log.pointer, pointer);
    assert_true(log.message[0] != '\0');
}

/* ---- asking ---- */

static inline muster_segment *compile(house *h, const char *text)
{
    muster_segment *s;
    muster_error err;
    if (muster_segment_compile(&s, h->engine, h->scope, text, strlen(text),
                               &err) != 0)
        fail_msg("%s: %s", text, err.message);
    return s;
}

static inline uint64_t count(house *h, const char *text)
{
    muster_segment *s = compile(h, text);
    muster_count *answer;
    muster_error err;
    assert_int_equal(muster_segment_count(s, false, &answer, &err), 0);
    const uint64_t n = answer->count;
    muster_count_free(answer);
    muster_segment_free(s);
    return n;
}

static inline muster_id cookie(const char *id)
{
    return (muster_id){"cookie", id, strlen(id)};
}

static inline bool has(house *h, const char *text, const char *id)
{
    const muster_id user = cookie(id);
    muster_segment *s = compile(h, text);
    muster_error err;
    bool member;
    assert_int_equal(muster_segment_has(s, &user, &member, &err), 0);
    muster_segment_free(s);
    return member;
}

/* "key key ", in the order of lookup. */
typedef struct key_list {
    char text[4096];
    size_t count;
} key_list;

static inline int note_key(void *payload, const muster_saved *saved)
{
    key_list *list = payload;
    const size_t len = strlen(list->text);
    snprintf(list->text + len, sizeof list->text - len, "%s ", saved->key);
    list->count++;
    return 0;
}

/* Of engine.h, beside which names of tests do not stand. */
void matcher_settle(muster_engine *e);

/* Of the newest epoch: the index is behind it for a moment, so it is waited
 * for. */
static inline key_list lookup(house *h, const char *id, bool *known)
{
    const muster_id user = cookie(id);
    key_list list = {{0}, 0};
    muster_error err;
    matcher_settle(h->engine);
    if (muster_audience_lookup(h->engine, h->scope, &user, known, note_key,
                               &list, &err) != 0)
        fail_msg("lookup: %s", err.message);
    return list;
}

static inline int try_save(house *h, const char *key, const char *expr,
                           bool *changed, muster_error *err)
{
    muster_save save = MUSTER_SAVE_INIT;
    save.key = key;
    save.expr = expr;
    save.expr_len = strlen(expr);
    return muster_audience_save(h->engine, &save, changed, err);
}

static inline bool save(house *h, const char *key, const char *expr)
{
    muster_error err;
    bool changed;
    if (try_save(h, key, expr, &changed, &err) != 0)
        fail_msg("%s: %s", key, err.message);
    return changed;
}

static inline muster_engine_stats stats(house *h)
{
    muster_engine_stats s;
    muster_engine_stats_get(h->engine, &s);
    return s;
}

static inline void catalog(house *h, const char *text)
{
    house_catalog(h, text, strlen(text));
}

static inline int open_directory(muster_engine **out, const char *dir,
                                 muster_open_mode mode, const char *key_file,
                                 muster_error *err)
{
    muster_engine_options options = MUSTER_ENGINE_OPTIONS_INIT;
    options.data_dir = dir;
    options.mode = mode;
    options.now = NOON;
    options.key_file = key_file;
    options.threads = 1;
    return muster_engine_open(out, &options, err);
}

/* A fresh house for each test. */
static inline int set_up(void **state)
{
    house *h = calloc(1, sizeof *h);
    house_open(h, NOON, 2);
    *state = h;
    return 0;
}

static inline int tear_down(void **state)
{
    house *h = *state;
    house_close(h);
    free(h);
    return 0;
}

#define HOUSE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
