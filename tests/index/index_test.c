/*
 * index_test.c - views: they stay as they are while newer ones are made, a
 * layer lives as long as the last view that has it, and threads read while
 * one thread publishes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "index/layer.h"
#include "base/thread.h"

#define VALUE 7u

static const uint32_t provider = 1;

/* A delta in which rows [first, end) hold the value. */
static index_layer *make_delta(uint32_t first, uint32_t end)
{
    index_builder *b = index_builder_new();
    for (uint32_t row = first; row < end; row++)
        index_add_profile(b, 17, provider, row, INDEX_ADD, VALUE,
                          INDEX_NEVER);
    index_layer *l = index_builder_finish(b);
    index_builder_free(b);
    return l;
}

/* How many of rows 0..999 hold the value. */
static uint32_t count_held(const index_stack *x)
{
    static const uint32_t value = VALUE;
    const leaf_spec spec = {.type = LEAF_HELD,
                            .attribute = 17,
                            .providers = &provider,
                            .provider_count = 1,
                            .values = &value,
                            .value_count = 1,
                            .now_hour = 5};
    index_leaf *leaf = index_leaf_new(x, &spec);
    uint32_t n = 0;
    for (uint32_t row = 0; row < 1000; row++)
        n += index_leaf_has(leaf, row);
    index_leaf_free(leaf);
    return n;
}

static void count_call(void *payload)
{
    ++*(uint32_t *)payload;
}

/* The next view in place of the former, which is let go. */
static void advance(index_stack **x, index_stack *take_next)
{
    index_view_release(*x);
    *x = take_next;
}

static void test_index_view__stays_while_newer_ones_are_made(void **state)
{
    (void)state;
    index_stack *empty = index_view_empty();
    index_stack *one = index_view_push(empty, make_delta(0, 10));
    index_stack *two = index_view_push(one, make_delta(10, 30));
    index_stack *base = index_view_replace(two, 0, 3, make_delta(0, 30));

    assert_int_equal(count_held(empty), 0);
    assert_int_equal(count_held(one), 10);
    assert_int_equal(count_held(two), 30);
    assert_int_equal(count_held(base), 30);
    assert_int_equal(index_layer_count(empty), 1);
    assert_int_equal(index_delta_count(two), 2);
    assert_int_equal(index_layer_count(base), 1);
    assert_ptr_equal(index_layer_at(one, 1), index_layer_at(two, 1));
    index_view_release(one);
    index_view_release(empty);
    assert_int_equal(count_held(two), 30);
    index_view_release(two);
    assert_int_equal(count_held(base), 30);
    index_view_release(base);
    index_view_release(NULL);
}

static void test_index_view__an_empty_delta_makes_no_other(void **state)
{
    (void)state;
    index_stack *x = index_view_base(make_delta(0, 5));
    index_stack *none = index_view_push(x, NULL);
    index_stack *empty = index_view_push(x, make_delta(0, 0));

    assert_ptr_equal(none, x);
    assert_ptr_equal(empty, x);
    index_view_release(x);
    assert_int_equal(count_held(none), 5);
    index_view_release(none);
    assert_int_equal(count_held(empty), 5);
    index_view_release(empty);
}

static void test_index_view__a_range_of_deltas_becomes_one(void **state)
{
    (void)state;
    index_stack *x = index_view_empty();

    for (uint32_t i = 0; i < 5; i++)
        advance(&x, index_view_push(x, make_delta(10 * i, 10 * i + 10)));
    index_layer *first = index_layer_at(x, 1);
    index_layer *last = index_layer_at(x, 5);
    advance(&x, index_view_replace(x, 2, 3, make_delta(10, 40)));
    assert_int_equal(index_layer_count(x), 4);
    assert_ptr_equal(index_layer_at(x, 1), first);
    assert_ptr_equal(index_layer_at(x, 3), last);
    assert_int_equal(count_held(x), 50);
    /* what merges to nothing leaves no layer */
    advance(&x, index_view_replace(x, 1, 1, make_delta(0, 0)));
    assert_int_equal(index_layer_count(x), 3);
    assert_int_equal(count_held(x), 40);
    /* newer deltas stay above a new base */
    advance(&x, index_view_replace(x, 0, 2, make_delta(0, 40)));
    assert_int_equal(index_layer_count(x), 2);
    assert_ptr_equal(index_layer_at(x, 1), last);
    assert_int_equal(count_held(x), 50);
    index_view_release(x);
}

static void test_index_layer__lives_as_long_as_its_last_view(void **state)
{
    (void)state;
    uint32_t freed = 0;
    index_layer *l = make_delta(0, 10);

    index_layer_on_free(l, count_call, &freed);
    index_stack *x = index_view_empty();
    index_stack *y = index_view_push(x, l);
    index_stack *z = index_view_push(y, make_delta(10, 20));
    index_layer_release(index_layer_retain(l));
    index_view_release(index_view_retain(y));
    index_view_release(y);
    assert_int_equal(freed, 0);
    y = index_view_replace(z, 1, 2, make_delta(0, 20));
    index_view_release(z);
    assert_int_equal(freed, 1);
    index_view_release(y);
    index_view_release(x);
    assert_int_equal(freed, 1);
}

static void test_index_layer__tells_the_memory_it_owns(void **state)
{
    (void)state;
    index_layer *l = make_delta(0, 1000);
    size_t planes_len;
    buffer directory;
    const void *planes = index_layer_planes(l, &planes_len);
    index_layer *mapped;
    muster_error err;

    buffer_init(&directory, (size_t)1 << 20);
    index_layer_directory(l, &directory);
    assert_true(index_layer_bytes(l) >= directory.len + planes_len);
    assert_int_equal(index_layer_open(&mapped, directory.data, directory.len,
                                      planes, planes_len, NULL, &err), 0);
    buffer_release(&directory);
    assert_int_equal(index_layer_bytes(mapped), 0);
    index_layer_release(mapped);
    index_layer_release(l);
}

static void test_index_builder__tells_the_memory_it_holds(void **state)
{
    (void)state;
    index_builder *b = index_builder_new();
    const size_t none = index_builder_memory(b);

    for (uint32_t row = 0; row < 1000; row++)
        index_add_profile(b, 17, 1, row, INDEX_ADD, VALUE, INDEX_NEVER);
    const size_t profile = index_builder_memory(b);
    assert_true(profile >= none + 1000 * 12);
    for (uint32_t row = 0; row < 1000; row++)
        index_add_event(b, 19, 1, 255, 0, 1, row, 1, 5);
    const size_t events = index_builder_memory(b);
    assert_true(events >= profile + 1000 * (16 + 16));
    for (uint32_t row = 0; row < 1000; row++)
        index_add_seen(b, 1, row, INDEX_NEVER);
    const size_t seen = index_builder_memory(b);
    assert_true(seen >= events + 1000 * 12);
    index_layer_release(index_builder_finish(b));
    assert_true(index_builder_memory(b) <= seen);
    index_builder_free(b);
}

/* ---- threads ---- */

#define READERS 3
#define EPOCHS 400u

typedef struct shop {
    pthread_mutex_t lock; /* guards the pointer only */
    pthread_cond_t merged;
    index_stack *now;
    bool over;
} shop;

static index_stack *pin(shop *s, bool *over)
{
    pthread_mutex_lock(&s->lock);
    index_stack *x = index_view_retain(s->now);
    *over = s->over;
    pthread_mutex_unlock(&s->lock);
    return x;
}

static void publish(shop *s, index_stack *take_next)
{
    pthread_mutex_lock(&s->lock);
    index_stack *former = s->now;
    s->now = take_next;
    pthread_mutex_unlock(&s->lock);
    index_view_release(former);
}

static void publish_merged(shop *s, size_t first, size_t count,
                           index_layer *take_layer)
{
    pthread_mutex_lock(&s->lock);
    index_stack *former = s->now;
    s->now = index_view_replace(former, first, count, take_layer);
    pthread_cond_signal(&s->merged);
    pthread_mutex_unlock(&s->lock);
    index_view_release(former);
}

/* Waits for the merger when there is no room. */
static void publish_delta(shop *s, index_layer *take_delta)
{
    pthread_mutex_lock(&s->lock);
    while (index_delta_count(s->now) == INDEX_DELTAS_MAX)
        pthread_cond_wait(&s->merged, &s->lock);
    index_stack *former = s->now;
    s->now = index_view_push(former, take_delta);
    pthread_mutex_unlock(&s->lock);
    index_view_release(former);
}

/* Each view holds rows [0, n) for an n that never shrinks. */
static void *read_views(void *payload)
{
    shop *s = payload;
    uint32_t least = 0;
    bool over = false;

    while (!over) {
        index_stack *x = pin(s, &over);
        const uint32_t n = count_held(x);
        ASSERT(n >= least && n == count_held(x));
        least = n;
        index_view_release(x);
    }
    return NULL;
}

static uint32_t no_cap(void *payload, uint32_t attribute)
{
    (void)payload;
    (void)attribute;
    return 255;
}

/* Merges what it finds while the writer goes on: now the oldest deltas, now
 * all to a base. Its place in newer views is the same, as only it merges. */
static void *merge_views(void *payload)
{
    static const index_limits limits = {.cap = no_cap, .now_hour = 5};
    shop *s = payload;
    bool over = false;

    for (uint32_t i = 0; !over; i++) {
        index_stack *x = pin(s, &over);
        const size_t deltas = index_delta_count(x);
        index_layer *some[INDEX_DELTAS_MAX];
        const bool base = i % 3 == 0;
        index_layer *merged = NULL;
        for (size_t k = 0; k < deltas; k++)
            some[k] = index_layer_at(x, k + 1);
        if (base)
            merged = index_merge_base(x, &limits);
        else if (deltas > 1)
            merged = index_merge_deltas(some, deltas, &limits);
        if (merged)
            publish_merged(s, base ? 0 : 1, base ? deltas + 1 : deltas,
                           merged);
        index_view_release(x);
    }
    return NULL;
}

static void test_index_view__merges_in_the_background(void **state)
{
    (void)state;
    shop s = {.now = index_view_empty()};
    pthread_t asking;
    pthread_t merging;

    assert_int_equal(pthread_mutex_init(&s.lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&s.merged, NULL), 0);
    asking = thread_start(read_views, &s);
    merging = thread_start(merge_views, &s);
    for (uint32_t i = 0; i < EPOCHS; i++)
        publish_delta(&s, make_delta(2 * i, 2 * i + 2));
    pthread_mutex_lock(&s.lock);
    s.over = true;
    pthread_mutex_unlock(&s.lock);
    thread_join(asking);
    thread_join(merging);
    assert_int_equal(count_held(s.now), 2 * EPOCHS);
    index_view_release(s.now);
    pthread_cond_destroy(&s.merged);
    pthread_mutex_destroy(&s.lock);
}

static void test_index_view__readers_and_a_writer_share_no_lock(void **state)
{
    (void)state;
    shop s = {.now = index_view_empty()};
    pthread_t readers[READERS];

    assert_int_equal(pthread_mutex_init(&s.lock, NULL), 0);
    for (int i = 0; i < READERS; i++)
        readers[i] = thread_start(read_views, &s);
    for (uint32_t i = 0; i < EPOCHS; i++) {
        publish(&s, index_view_push(s.now, make_delta(2 * i, 2 * i + 2)));
        const size_t count = index_layer_count(s.now);
        if (i % 10 == 9)
            publish(&s, index_view_replace(s.now, count / 2, count / 2,
                                           make_delta(0, 2 * i + 2)));
        if (i % 40 == 39)
            publish(&s, index_view_replace(s.now, 0,
                                           index_layer_count(s.now),
                                           make_delta(0, 2 * i + 2)));
    }
    pthread_mutex_lock(&s.lock);
    s.over = true;
    pthread_mutex_unlock(&s.lock);
    for (int i = 0; i < READERS; i++)
        thread_join(readers[i]);
    assert_int_equal(count_held(s.now), 2 * EPOCHS);
    index_view_release(s.now);
    pthread_mutex_destroy(&s.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_view__stays_while_newer_ones_are_made),
        cmocka_unit_test(test_index_view__an_empty_delta_makes_no_other),
        cmocka_unit_test(test_index_view__a_range_of_deltas_becomes_one),
        cmocka_unit_test(test_index_layer__lives_as_long_as_its_last_view),
        cmocka_unit_test(test_index_layer__tells_the_memory_it_owns),
        cmocka_unit_test(test_index_builder__tells_the_memory_it_holds),
        cmocka_unit_test(test_index_view__readers_and_a_writer_share_no_lock),
        cmocka_unit_test(test_index_view__merges_in_the_background),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
