/*
 * concurrent_test.c - questions of several threads while a feed and other
 * changes go on: every answer holds for one state, the writer is not kept
 * waiting for ever, and (under the thread sanitizer) nothing races.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include "base/base.h"
#include "engine_support.h"
#include "support/dice.h"

#define ASKERS 3

typedef struct asker {
    pthread_t thread;
    house *h;
    muster_segment *shared[3]; /* the same for all askers */
    const bool *stop;
    uint64_t answers;
    const char *wrong;
} asker;

static uint64_t ask(asker *a, int i)
{
    muster_count *answer;
    muster_error err;
    if (muster_segment_count(a->shared[i], i == 2, &answer, &err) != 0) {
        a->wrong = "count fails";
        return 0;
    }
    const uint64_t n = answer->count;
    if (n > answer->universe)
        a->wrong = "more than the universe";
    muster_count_free(answer);
    return n;
}

static int note_nothing(void *payload, const muster_saved *saved)
{
    *(size_t *)payload += saved->served;
    return 0;
}

static int note_user(void *payload, const muster_pseudonym *user)
{
    (void)user;
    ++*(size_t *)payload;
    return 0;
}

/* Every user has the flag, so it never has fewer than were counted before;
 * x and y are said in one record, so nobody has one of them only. */
static void *run_asker(void *payload)
{
    asker *a = payload;
    uint64_t before = 0;
    const muster_id user = cookie("u1");

    while (!__atomic_load_n(a->stop, __ATOMIC_ACQUIRE) && !a->wrong) {
        muster_overlap *overlap;
        muster_explanation *why;
        muster_error err;
        bool member;
        size_t n = 0;
        const uint64_t now = ask(a, 0);
        if (now < before)
            a->wrong = "users disappear";
        before = now;
        if (ask(a, 1) != 0)
            a->wrong = "half a record is seen";
        (void)ask(a, 2);
        if (muster_segment_has(a->shared[2], &user, &member, &err) != 0 ||
            muster_audience_lookup(a->h->engine, a->h->scope, &user, NULL,
                                   note_nothing, &n, &err) != 0 ||
            muster_segment_users(a->shared[2], note_user, &n, &err) != 0)
            a->wrong = "a question fails";
        if (muster_reach_overlap(a->shared, 3, &overlap, &err) == 0)
            muster_overlap_free(overlap);
        if (muster_segment_explain(a->shared[2], &user, &why, &err) == 0)
            muster_explanation_free(why);
        (void)stats(a->h);
        (void)muster_engine_epoch(a->h->engine);
        a->answers++;
    }
    return NULL;
}

static void put_people(buffer *text, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        buffer_printf(text,
                      "{\"ids\":{\"cookie\":\"u%u\"},\"set\":{\"f\":true,"
                      "\"x\":\"v%u\",\"y\":\"v%u\"},\"events\":[{\"name\":"
                      "\"e\",\"value\":\"%u\"}]}\n", i, i % 7, i % 7, i % 50);
}

static void start(asker *askers, house *h, muster_segment **shared,
                  const bool *stop)
{
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (asker){.h = h, .stop = stop};
        memcpy(askers[i].shared, shared, sizeof askers[i].shared);
        assert_int_equal(pthread_create(&askers[i].thread, NULL, run_asker,
                                        &askers[i]), 0);
    }
}

static void test_engine_concurrent__questions_beside_a_feed(void **state)
{
    house *h = *state;
    const uint32_t rounds = (uint32_t)test_size(20, 400);
    asker askers[ASKERS];
    bool stop = false;
    buffer text;
    muster_error err;

    buffer_init(&text, (size_t)64 << 20);
    put_people(&text, 0, 10);
    feed(h, buffer_cstr(&text));
    save(h, "s", "f and e within 3 days");
    muster_segment *shared[3] = {
        compile(h, "f"),
        compile(h, "(x is known and y is unknown) or "
                   "(y is known and x is unknown)"),
        compile(h, "segment(\"s\") or e = \"7\"")};
    start(askers, h, shared, &stop);
    for (uint32_t i = 0; i < rounds; i++) {
        const uint32_t from = 10 + i * 200;
        buffer_clear(&text);
        put_people(&text, from, from + 200);
        feed(h, buffer_cstr(&text));
        if (i % 3 == 0)
            save(h, "s", i % 2 ? "f" : "f and e within 3 days");
        if (i % 5 == 0)
            house_checkpoint(h);
        if (i % 4 == 0) {
            const muster_id user = cookie("stranger");
            assert_int_equal(muster_privacy_optout(h->engine, &user, i % 8,
                                                   NULL, &err), 0);
        }
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
        if (askers[i].wrong)
            fail_msg("asker %d: %s", i, askers[i].wrong);
        assert_true(askers[i].answers > 0);
    }
    for (int i = 0; i < 3; i++)
        muster_segment_free(shared[i]);
    assert_int_equal(count(h, "f"), 10 + rounds * 200);
    buffer_release(&text);
}

typedef struct changer {
    house *h;
    const bool *stop;
    uint32_t changes;
    int rc;
} changer;

static void *run_changer(void *payload)
{
    changer *c = payload;
    while (!__atomic_load_n(c->stop, __ATOMIC_ACQUIRE) && c->rc == 0) {
        muster_error err;
        char expr[32];
        snprintf(expr, sizeof expr, "x = \"v%u\"", c->changes % 5);
        c->rc = try_save(c->h, "s", expr, NULL, &err);
        if (c->rc == 0 && c->changes % 7 == 0)
            c->rc = muster_engine_checkpoint(c->h->engine, &err);
        c->changes++;
    }
    return NULL;
}

/* Changes of another thread stand between the commits of a feed. */
static void test_engine_concurrent__changes_beside_a_feed(void **state)
{
    house *h = *state;
    const uint32_t rounds = (uint32_t)test_size(10, 200);
    bool stop = false;
    changer c = {h, &stop, 0, 0};
    pthread_t thread;
    buffer text;

    buffer_init(&text, (size_t)64 << 20);
    put_people(&text, 0, 10);
    feed(h, buffer_cstr(&text));
    assert_int_equal(pthread_create(&thread, NULL, run_changer, &c), 0);
    for (uint32_t i = 0; i < rounds; i++) {
        buffer_clear(&text);
        put_people(&text, 10 + i * 100, 110 + i * 100);
        feed(h, buffer_cstr(&text));
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(c.rc, 0);
    assert_true(c.changes > 0);
    const muster_epoch epoch = muster_engine_epoch(h->engine);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(muster_engine_epoch(h->engine), epoch);
    assert_int_equal(count(h, "f"), 10 + rounds * 100);
    buffer_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_engine_concurrent__questions_beside_a_feed),
        HOUSE_TEST(test_engine_concurrent__changes_beside_a_feed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
