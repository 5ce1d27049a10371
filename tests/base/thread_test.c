/*
 * thread_test.c - the queue keeps order, loses nothing, and ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/thread.h"

enum { PRODUCERS = 4, TAKERS = 3, ITEMS = 20000 };

static void *item_of(size_t n)
{
    return (void *)(uintptr_t)(n + 1);
}

static size_t number_of(const void *item)
{
    return (size_t)(uintptr_t)item - 1;
}

static void test_base_thread__queue_is_first_in_first_out(void **state)
{
    (void)state;
    queue *q = queue_new(5);
    size_t put = 0;
    size_t taken = 0;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 3; i++)
            assert_true(queue_put(q, item_of(put++)));
        for (int i = 0; i < 3; i++)
            assert_int_equal(number_of(queue_take(q)), taken++);
    }
    queue_free(q);
    queue_free(NULL);
}

static void test_base_thread__closed_queue_gives_the_rest(void **state)
{
    (void)state;
    queue *q = queue_new(4);
    assert_true(queue_put(q, item_of(1)));
    assert_true(queue_put(q, item_of(2)));
    queue_close(q);
    assert_false(queue_put(q, item_of(3)));
    assert_int_equal(number_of(queue_take(q)), 1);
    assert_int_equal(number_of(queue_take(q)), 2);
    assert_null(queue_take(q));
    assert_null(queue_take(q));
    queue_close(q);
    queue_free(q);
}

struct worker {
    queue *q;
    size_t first;
    uint64_t sum;
    size_t count;
};

static void *produce(void *payload)
{
    struct worker *w = payload;
    for (size_t i = 0; i < ITEMS; i++)
        w->count += queue_put(w->q, item_of(w->first + i));
    return NULL;
}

static void *take_all(void *payload)
{
    struct worker *w = payload;
    for (void *item; (item = queue_take(w->q)) != NULL; w->count++)
        w->sum += number_of(item);
    return NULL;
}

static void test_base_thread__every_item_is_taken_once(void **state)
{
    (void)state;
    queue *q = queue_new(7);
    struct worker makers[PRODUCERS] = {{0}};
    struct worker takers[TAKERS] = {{0}};
    pthread_t threads[PRODUCERS + TAKERS];
    for (size_t i = 0; i < PRODUCERS; i++) {
        makers[i] = (struct worker){q, i * ITEMS, 0, 0};
        threads[i] = thread_start(produce, &makers[i]);
    }
    for (size_t i = 0; i < TAKERS; i++) {
        takers[i].q = q;
        threads[PRODUCERS + i] = thread_start(take_all, &takers[i]);
    }
    for (size_t i = 0; i < PRODUCERS; i++)
        thread_join(threads[i]);
    queue_close(q);
    uint64_t sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < TAKERS; i++) {
        thread_join(threads[PRODUCERS + i]);
        sum += takers[i].sum;
        count += takers[i].count;
    }
    const uint64_t all = (uint64_t)PRODUCERS * ITEMS;
    assert_int_equal(count, all);
    assert_true(sum == all * (all - 1) / 2);
    queue_free(q);
}

static void test_base_thread__close_wakes_those_who_wait(void **state)
{
    (void)state;
    queue *full = queue_new(1);
    queue *empty = queue_new(1);
    struct worker maker = {full, 0, 0, 0};
    struct worker taker = {empty, 0, 0, 0};
    const pthread_t a = thread_start(produce, &maker);
    const pthread_t b = thread_start(take_all, &taker);
    for (int i = 0; i < 1000; i++)
        sched_yield(); /* both are likelier to wait; right either way */
    queue_close(full);
    queue_close(empty);
    thread_join(a);
    thread_join(b);
    assert_true(maker.count <= 1);
    assert_int_equal(taker.count, 0);
    queue_free(full);
    queue_free(empty);
}

static void test_base_thread__processors_are_bounded(void **state)
{
    (void)state;
    assert_in_range(thread_processors(), 1, 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_thread__queue_is_first_in_first_out),
        cmocka_unit_test(test_base_thread__closed_queue_gives_the_rest),
        cmocka_unit_test(test_base_thread__every_item_is_taken_once),
        cmocka_unit_test(test_base_thread__close_wakes_those_who_wait),
        cmocka_unit_test(test_base_thread__processors_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
