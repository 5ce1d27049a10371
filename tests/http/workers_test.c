/*
 * workers_test.c - the queue before the workers is bounded by length and by
 * time, and everything that was let in is done.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "http/workers.h"

enum { PLACES = 8, ROUNDS = 2000, THREADS = 4 };

/* A job that waits until the test lets it go. */
typedef struct held {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool begun;
    bool free;
} held;

static void hold(void *payload)
{
    held *h = payload;
    pthread_mutex_lock(&h->lock);
    h->begun = true;
    pthread_cond_broadcast(&h->changed);
    while (!h->free)
        pthread_cond_wait(&h->changed, &h->lock);
    pthread_mutex_unlock(&h->lock);
}

static void await_begun(held *h)
{
    pthread_mutex_lock(&h->lock);
    while (!h->begun)
        pthread_cond_wait(&h->changed, &h->lock);
    pthread_mutex_unlock(&h->lock);
}

static void let_go(held *h)
{
    pthread_mutex_lock(&h->lock);
    h->free = true;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

static void count(void *payload)
{
    atomic_fetch_add((_Atomic int *)payload, 1);
}

static void test_http_workers__a_full_queue_takes_no_more(void **state)
{
    held h = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false,
              false};
    _Atomic int done = 0;
    workers *w = workers_new(1, PLACES, 0);
    (void)state;
    assert_true(workers_reserve(w, 0));
    workers_put(w, hold, &h, 0);
    await_begun(&h);
    /* a place that is taken counts, also before something is put there */
    assert_true(workers_reserve(w, 0));
    for (int i = 1; i < PLACES; i++) {
        assert_true(workers_reserve(w, 0));
        workers_put(w, count, &done, 0);
    }
    assert_false(workers_reserve(w, 0));
    workers_put(w, count, &done, 0);
    assert_false(workers_reserve(w, 0));
    let_go(&h);
    workers_free(w);
    assert_int_equal(done, PLACES);
}

static void test_http_workers__nor_does_one_that_is_slow(void **state)
{
    held h = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false,
              false};
    _Atomic int done = 0;
    workers *w = workers_new(1, PLACES, 100);
    (void)state;
    assert_true(workers_reserve(w, 1000));
    workers_put(w, hold, &h, 1000);
    await_begun(&h);
    assert_true(workers_reserve(w, 5000)); /* none waits */
    workers_put(w, count, &done, 5000);
    assert_true(workers_reserve(w, 5100));
    workers_put(w, count, &done, 5100);
    assert_false(workers_reserve(w, 5101));
    let_go(&h);
    workers_free(w);
    assert_int_equal(done, 2);
}

/* A queue in which somebody always waits lets only those in who need not wait
 * much longer than a job takes; a burst may wait as long as the bound says. */
static void test_http_workers__a_standing_queue_is_kept_short(void **state)
{
    const uint64_t ms = 1000000;
    workers_load l = {.wait_ns = 100 * ms, .threads = 2, .ahead = 100,
                      .first_queued = 950 * ms, .crowded = 950 * ms,
                      .mean_ns = ms};
    (void)state;
    assert_false(workers_is_late(&l, 1000 * ms)); /* 50 ms of work: a burst */
    assert_true(workers_is_late(&l, 1051 * ms));  /* the first waits too long */
    l.first_queued = 1000 * ms;
    assert_true(workers_is_late(&l, 1051 * ms)); /* there always was one */
    l.ahead = 10;                                /* 5 ms */
    assert_false(workers_is_late(&l, 1051 * ms));
    l.ahead = 11;
    assert_true(workers_is_late(&l, 1051 * ms));
    l.mean_ns = 200 * ms; /* jobs that take long are waited for */
    l.ahead = 2;
    assert_false(workers_is_late(&l, 1051 * ms));
    l.ahead = 3;
    assert_true(workers_is_late(&l, 1051 * ms));
    l.crowded = 1040 * ms; /* it was empty, but one was refused lately */
    l.refused = 1000 * ms;
    assert_true(workers_is_late(&l, 1051 * ms));
    l.first_queued = 1100 * ms;
    assert_false(workers_is_late(&l, 1101 * ms));
    l.wait_ns = 0;
    assert_false(workers_is_late(&l, 9000 * ms));
}

static void nap(void *payload)
{
    (void)payload;
    nanosleep(&(struct timespec){.tv_nsec = 160000000}, NULL);
}

static void test_http_workers__who_reserves_at_once_stands_nowhere(void **state)
{
    const uint64_t second = UINT64_C(1000000000);
    held h = {.begun = false};
    _Atomic int done = 0;
    (void)state;
    pthread_mutex_init(&h.lock, NULL);
    pthread_cond_init(&h.changed, NULL);
    workers *w = workers_new(1, PLACES, second);
    assert_true(workers_reserve(w, second));
    workers_put(w, nap, NULL, second); /* the mean is 10 ms then */
    assert_true(workers_reserve(w, second));
    workers_put(w, hold, &h, second);
    await_begun(&h);
    /* Nothing waits; long ago something did. */
    for (int i = 0; i < PLACES; i++)
        assert_true(workers_reserve(w, 100 * second));
    for (int i = 0; i < PLACES; i++)
        workers_put(w, count, (void *)&done, 100 * second);
    let_go(&h);
    workers_free(w);
    assert_int_equal(done, PLACES);
}

typedef struct crowd {
    workers *w;
    _Atomic int let_in;
    _Atomic int done;
} crowd;

static void *put_many(void *payload)
{
    crowd *c = payload;
    for (int i = 0; i < ROUNDS; i++) {
        if (!workers_reserve(c->w, 0))
            continue;
        atomic_fetch_add(&c->let_in, 1);
        workers_put(c->w, count, (void *)&c->done, 0);
    }
    return NULL;
}

static void test_http_workers__all_that_was_let_in_is_done(void **state)
{
    pthread_t threads[THREADS];
    crowd c = {workers_new(2, PLACES, 0), 0, 0};
    (void)state;
    for (int i = 0; i < THREADS; i++)
        threads[i] = thread_start(put_many, &c);
    for (int i = 0; i < THREADS; i++)
        thread_join(threads[i]);
    workers_free(c.w);
    assert_true(c.let_in > 0);
    assert_int_equal(c.done, c.let_in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_workers__a_full_queue_takes_no_more),
        cmocka_unit_test(test_http_workers__nor_does_one_that_is_slow),
        cmocka_unit_test(test_http_workers__a_standing_queue_is_kept_short),
        cmocka_unit_test(
            test_http_workers__who_reserves_at_once_stands_nowhere),
        cmocka_unit_test(test_http_workers__all_that_was_let_in_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
