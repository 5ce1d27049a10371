/*
 * stop_test.c - questions that a task ends, and users from a place on.
 *
 * A task that never stops changes no answer; one that stops at its k-th look,
 * for every k there is, gives MUSTER_ECANCELLED and no answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine_support.h"

#define PEOPLE 140000u /* three blocks of 65,536 */
#define RECORD_BYTES 120u

/* Half of them have x, every third y = "v<0..49>". */
static int set_up_many(void **state)
{
    char *text = malloc(PEOPLE * RECORD_BYTES);
    size_t len = 0;
    set_up(state);
    for (unsigned i = 0; i < PEOPLE; i++)
        len += (size_t)snprintf(
            text + len, RECORD_BYTES,
            "{\"ids\":{\"cookie\":\"%u\"},\"set\":{\"n\":%u%s,\"y\":\"v%u\"}}"
            "\n",
            i, i, i % 2 ? ",\"x\":true" : "", i % 50);
    const muster_receipt receipt = feed_with(
        ((house *)*state)->engine, text, false, NULL);
    free(text);
    assert_int_equal(receipt.accepted, PEOPLE);
    return 0;
}

/* ---- tasks ---- */

typedef struct looks {
    uint64_t count;
    uint64_t stop_at; /* 0: never */
} looks;

static int look(void *payload, const char *what, uint64_t done,
                uint64_t total)
{
    looks *l = payload;
    (void)done;
    (void)total;
    assert_non_null(what);
    return ++l->count == l->stop_at;
}

/* One kind of question; the answer as a number. */
typedef int (*question_fn)(house *h, muster_segment *s,
                           const muster_task *task, uint64_t *out,
                           muster_error *err);

static int ask_count(house *h, muster_segment *s, const muster_task *task,
                     uint64_t *out, muster_error *err)
{
    muster_count *n = NULL;
    (void)h;
    const int rc = muster_segment_count_task(s, false, task, &n, err);
    *out = n != NULL ? n->count : 0;
    assert_int_equal(rc != 0, n == NULL);
    muster_count_free(n);
    return rc;
}

static int ask_clauses(house *h, muster_segment *s, const muster_task *task,
                       uint64_t *out, muster_error *err)
{
    muster_count *n = NULL;
    (void)h;
    *out = 0;
    const int rc = muster_segment_count_task(s, true, task, &n, err);
    for (size_t i = 0; n != NULL && i < n->clause_count; i++)
        *out = *out * 31 + n->clauses[i].count;
    muster_count_free(n);
    return rc;
}

static int ask_estimate(house *h, muster_segment *s, const muster_task *task,
                        uint64_t *out, muster_error *err)
{
    static const muster_sample sample = {0.2, 7};
    muster_count *n = NULL;
    (void)h;
    const int rc = muster_segment_estimate_task(s, &sample, task, &n, err);
    *out = n != NULL ? n->count : 0;
    muster_count_free(n);
    return rc;
}

static int ask_overlap(house *h, muster_segment *s, const muster_task *task,
                       uint64_t *out, muster_error *err)
{
    muster_segment *both[] = {s, compile(h, "n < 100000")};
    muster_overlap *o = NULL;
    const int rc = muster_reach_overlap_task(both, 2, task, &o, err);
    *out = o != NULL ? o->counts[1] : 0;
    assert_int_equal(rc != 0, o == NULL);
    muster_overlap_free(o);
    muster_segment_free(both[1]);
    return rc;
}

static int ask_breakdown(house *h, muster_segment *s, const muster_task *task,
                         uint64_t *out, muster_error *err)
{
    muster_breakdown *b = NULL;
    (void)h;
    const int rc = muster_reach_breakdown_task(s, "y", 0, task, &b, err);
    *out = b != NULL ? b->total * 100 + b->row_count : 0;
    assert_int_equal(rc != 0, b == NULL);
    muster_breakdown_free(b);
    return rc;
}

static int add_value(void *payload, muster_text value, uint64_t users)
{
    *(uint64_t *)payload += users + value.len;
    return 0;
}

static int ask_values(house *h, muster_segment *s, const muster_task *task,
                      uint64_t *out, muster_error *err)
{
    const muster_value_query q = {{NULL, 0}, true, 0};
    (void)s;
    *out = 0;
    return muster_values_find(h->engine, h->scope, "y", &q, task, add_value,
                              out, err);
}

static void try_question(house *h, question_fn ask, const char *name)
{
    muster_segment *s = compile(h, "x and (n < 70000 or y = \"v7\")");
    looks l = {0, 0};
    const muster_task task = {look, &l};
    uint64_t want = 0;
    uint64_t got = 0;
    muster_error err;
    assert_int_equal(ask(h, s, NULL, &want, &err), 0);
    assert_int_equal(ask(h, s, &task, &got, &err), 0);
    if (got != want || l.count == 0)
        fail_msg("%s: %llu, not %llu, after %llu looks", name,
                 (unsigned long long)got, (unsigned long long)want,
                 (unsigned long long)l.count);
    const uint64_t all = l.count;
    for (uint64_t at = 1; at <= all; at++) {
        l = (looks){0, at};
        const int rc = ask(h, s, &task, &got, &err);
        if (rc != MUSTER_ECANCELLED || l.count != at)
            fail_msg("%s, stopped at look %llu of %llu: %d after %llu", name,
                     (unsigned long long)at, (unsigned long long)all, rc,
                     (unsigned long long)l.count);
        assert_string_equal(err.word, "cancelled");
    }
    muster_segment_free(s);
}

static void test_engine_stop__every_question_stops_at_every_look(void **state)
{
    house *h = *state;
    try_question(h, ask_count, "count");
    try_question(h, ask_clauses, "clauses");
    try_question(h, ask_estimate, "estimate");
    try_question(h, ask_overlap, "overlap");
    try_question(h, ask_breakdown, "breakdown");
    try_question(h, ask_values, "values");
}

/* ---- users from a place on ---- */

typedef struct walk {
    muster_pseudonym *all;
    size_t count;
    size_t limit; /* of this page */
} walk;

static int take_user(void *payload, const muster_pseudonym *user)
{
    walk *w = payload;
    if (w->limit == 0)
        return 1;
    w->limit--;
    w->all[w->count++] = *user;
    return 0;
}

static void test_engine_stop__pages_of_users_are_the_users(void **state)
{
    house *h = *state;
    muster_segment *s = compile(h, "x");
    walk whole = {malloc(PEOPLE * sizeof *whole.all), 0, PEOPLE};
    walk paged = {malloc(PEOPLE * sizeof *paged.all), 0, 0};
    uint64_t place = 0;
    int rc = 1;
    muster_error err;
    assert_int_equal(muster_segment_users(s, take_user, &whole, &err), 0);
    assert_int_equal(whole.count, PEOPLE / 2);
    for (size_t page = 0; rc == 1; page++) {
        paged.limit = 1 + page * 997 % 9973;
        rc = muster_segment_users_from(s, &place, NULL, take_user, &paged,
                                       &err);
        assert_int_equal(rc == 0, place == UINT64_MAX);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(paged.count, whole.count);
    assert_memory_equal(paged.all, whole.all,
                        whole.count * sizeof *whole.all);
    /* Behind the end there is nobody. */
    assert_int_equal(muster_segment_users_from(s, &place, NULL, take_user,
                                               &paged, &err),
                     0);
    assert_int_equal(paged.count, whole.count);
    free(whole.all);
    free(paged.all);
    muster_segment_free(s);
}

/* A walk that a task ends goes on where it ended: nobody is left out, nobody
 * comes twice. */
static void test_engine_stop__a_walk_goes_on_where_it_ended(void **state)
{
    house *h = *state;
    muster_segment *s = compile(h, "n >= 60000");
    walk w = {malloc(PEOPLE * sizeof *w.all), 0, PEOPLE};
    walk whole = {malloc(PEOPLE * sizeof *whole.all), 0, PEOPLE};
    uint64_t place = 0;
    muster_error err;
    int rc = MUSTER_ECANCELLED;
    int turns = 0;
    assert_int_equal(muster_segment_users(s, take_user, &whole, &err), 0);
    for (; rc == MUSTER_ECANCELLED; turns++) {
        looks l = {0, 2}; /* one block each */
        const muster_task task = {look, &l};
        rc = muster_segment_users_from(s, &place, &task, take_user, &w, &err);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(turns, 3);
    assert_int_equal(w.count, whole.count);
    assert_memory_equal(w.all, whole.all, w.count * sizeof *w.all);
    free(w.all);
    free(whole.all);
    muster_segment_free(s);
}

/* ---- values ---- */

static int note_value(void *payload, muster_text value, uint64_t users)
{
    char *text = payload;
    const size_t len = strlen(text);
    snprintf(text + len, 200 - len, "%.*s:%llu ", (int)value.len, value.ptr,
             (unsigned long long)users);
    return 0;
}

static void expect_values(house *h, const char *part, bool counts,
                          size_t limit, const char *want)
{
    const muster_value_query q = {{part, part ? strlen(part) : 0}, counts,
                                  limit};
    char got[200] = "";
    muster_error err;
    assert_int_equal(muster_values_find(h->engine, h->scope, "y", &q, NULL,
                                        note_value, got, &err),
                     0);
    assert_string_equal(got, want);
}

static void test_engine_stop__values_that_contain_a_text(void **state)
{
    house *h = *state;
    expect_values(h, "V7", false, 0, "v7:0 ");
    expect_values(h, "v7", true, 0, "v7:2800 ");
    expect_values(h, "48", true, 0, "v48:2800 ");
    expect_values(h, "V4", false, 3, "v4:0 v40:0 v41:0 ");
    expect_values(h, "zz", true, 0, "");
    expect_values(h, NULL, false, 2, "v0:0 v1:0 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_stop__every_question_stops_at_every_look),
        cmocka_unit_test(test_engine_stop__pages_of_users_are_the_users),
        cmocka_unit_test(test_engine_stop__a_walk_goes_on_where_it_ended),
        cmocka_unit_test(test_engine_stop__values_that_contain_a_text),
    };
    return cmocka_run_group_tests(tests, set_up_many, tear_down);
}
