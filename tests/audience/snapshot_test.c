/*
 * snapshot_test.c - saved segments of one moment stay: after more saves, after
 * the end of the working store, and while another thread reads them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <pthread.h>
#include "audience/audience.h"
#include "support/dice.h"

#define ENCODED_BYTES_MAX ((size_t)1 << 24)
#define TEXT_BYTES 32

static const audience *save(audience_store *s, const char *key,
                            const char *expr)
{
    const audience_version v = {.expr = text_of(expr),
                                .name = text_of("a name"),
                                .served = true,
                                .created = 1795264200};
    return audience_put(s, text_of(key), &v);
}

static void encode(const audience_store *s, buffer *out)
{
    buffer_init(out, ENCODED_BYTES_MAX);
    audience_store_encode(s, out);
    assert_true(buffer_ok(out));
}

static bool encodes_to(const audience_store *s, const buffer *expected)
{
    buffer now;
    encode(s, &now);
    const bool same =
        now.len == expected->len && memcmp(now.data, expected->data,
                                           now.len) == 0;
    buffer_release(&now);
    return same;
}

static void test_audience_snapshot__is_the_same_until_a_save(void **state)
{
    (void)state;
    audience_store *s = audience_store_new();
    const audience_store *empty = audience_store_snapshot(s);
    assert_int_equal(audience_count(empty), 0);
    save(s, "seg", "one");
    const audience_store *one = audience_store_snapshot(s);
    assert_ptr_not_equal(one, empty);
    assert_ptr_equal(audience_store_snapshot(s), one);
    audience_store_release(one);
    audience_store_release(one);
    assert_ptr_equal(audience_store_snapshot(s), one);
    assert_int_equal(audience_count(empty), 0);
    audience_store_release(empty);
    audience_store_release(one);
    audience_store_release(NULL);
    audience_store_free(s);
}

static void test_audience_snapshot__shows_its_moment(void **state)
{
    (void)state;
    audience_store *s = audience_store_new();
    save(s, "seg", "one");
    const audience_store *t = audience_store_snapshot(s);
    const audience *row = audience_find(t, text_of("seg"));
    for (int i = 0; i < 300; i++)
        save(s, "seg", "later");
    save(s, "a-first", "new");

    assert_ptr_equal(audience_find(t, text_of("seg")), row);
    assert_int_equal(row->version_count, 1);
    assert_true(text_is(audience_current(row)->expr, "one"));
    assert_int_equal(audience_count(t), 1);
    assert_ptr_equal(audience_at(t, 0), row);
    assert_null(audience_find(t, text_of("a-first")));
    assert_int_equal(audience_find(s, text_of("seg"))->version_count, 301);
    assert_ptr_equal(audience_at(s, 0), audience_find(s, text_of("a-first")));
    audience_store_release(t);
    audience_store_free(s);
}

/* The texts of a version are stored once, however many come after it. */
static void test_audience_snapshot__texts_are_shared(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    char expr[1001];
    memset(expr, 'x', sizeof expr - 1);
    expr[sizeof expr - 1] = '\0';
    audience_store *s = audience_store_new();
    const size_t before = audience_store_memory(s);
    for (int i = 0; i < COUNT; i++) {
        save(s, "seg", expr);
        const audience_store *t = audience_store_snapshot(s);
        if (i == 0)
            assert_true(audience_store_memory(t) < before + 4096);
        audience_store_release(t);
    }
    const size_t grown = audience_store_memory(s) - before;
    assert_true(grown > COUNT * (sizeof expr - 1));
    assert_true(grown < COUNT * (sizeof expr + 512));
    audience_store_free(s);
}

/* As test_catalog_snapshot__histories_stay. */
static void run_history(uint64_t seed)
{
    enum { STEPS = 300, KEPT = 8 };
    const audience_store *kept[KEPT] = {0};
    buffer seen[KEPT];
    random_state r;
    random_seed(&r, seed);
    audience_store *s = audience_store_new();
    for (int i = 0; i < STEPS; i++) {
        char key[TEXT_BYTES];
        char expr[TEXT_BYTES];
        snprintf(key, sizeof key, "k%u", dice(&r, 30));
        snprintf(expr, sizeof expr, "e%d", i);
        save(s, key, expr);
        const uint32_t k = dice(&r, KEPT);
        if (kept[k] != NULL) {
            if (!encodes_to(kept[k], &seen[k]))
                fail_msg("seed %llu: a snapshot changed by step %d",
                         (unsigned long long)seed, i);
            buffer_release(&seen[k]);
            audience_store_release(kept[k]);
        }
        kept[k] = audience_store_snapshot(s);
        encode(kept[k], &seen[k]);
    }
    audience_store_free(s);
    for (int k = 0; k < KEPT; k++) {
        if (kept[k] == NULL)
            continue;
        if (!encodes_to(kept[k], &seen[k]))
            fail_msg("seed %llu: a snapshot changed at the end",
                     (unsigned long long)seed);
        audience_store_release(kept[k]);
        buffer_release(&seen[k]);
    }
}

static void test_audience_snapshot__histories_stay(void **state)
{
    (void)state;
    test_each_seed(run_history, test_size(20, 500));
}

/* ---- several threads ---- */

/* Segment k<i % KEYS> gets version after version; version n has the
 * expression e<n>. */
#define KEYS 7

typedef struct reader_thread {
    pthread_t thread;
    pthread_mutex_t *lock; /* of the members up to the gap */
    const audience_store *offered;
    const audience_store *back;
    bool stop;

    const audience_store *held;
    const char *wrong;
} reader_thread;

static const char *check_snapshot(const audience_store *s)
{
    for (size_t i = 0; i < audience_count(s); i++) {
        const audience *a = audience_at(s, i);
        if (audience_find(s, text_of(a->key)) != a)
            return "a segment is not found";
        for (size_t j = 0; j < a->version_count; j++) {
            char expr[TEXT_BYTES];
            snprintf(expr, sizeof expr, "e%zu", j + 1);
            if (a->versions[j].version != j + 1 ||
                !text_is(a->versions[j].expr, expr))
                return "a version is another one";
        }
    }
    return audience_store_memory(s) > 0 ? NULL : "no memory is told";
}

static void *run_reader(void *payload)
{
    reader_thread *t = payload;
    for (bool stop = false; !stop && t->wrong == NULL;) {
        pthread_mutex_lock(t->lock);
        if (t->offered != NULL && t->back == NULL) {
            t->back = t->held;
            t->held = t->offered;
            t->offered = NULL;
        }
        stop = t->stop;
        pthread_mutex_unlock(t->lock);
        t->wrong = check_snapshot(t->held);
    }
    return NULL;
}

static void offer(audience_store *s, reader_thread *t)
{
    const audience_store *next = audience_store_snapshot(s);
    pthread_mutex_lock(t->lock);
    const audience_store *replaced = t->offered;
    const audience_store *back = t->back;
    t->offered = next;
    t->back = NULL;
    pthread_mutex_unlock(t->lock);
    audience_store_release(replaced);
    audience_store_release(back);
}

static void test_audience_snapshot__is_read_while_the_writer_goes_on(
    void **state)
{
    (void)state;
    const uint32_t saves = (uint32_t)test_size(4000, 40000);
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    reader_thread t = {.lock = &lock};
    audience_store *s = audience_store_new();
    offer(s, &t);
    t.thread = thread_start(run_reader, &t);
    for (uint32_t i = 0; i < saves; i++) {
        char key[TEXT_BYTES];
        char expr[TEXT_BYTES];
        snprintf(key, sizeof key, "k%u", i % KEYS);
        snprintf(expr, sizeof expr, "e%u", i / KEYS + 1);
        save(s, key, expr);
        offer(s, &t);
    }
    audience_store_free(s); /* under the eyes of the reader */
    pthread_mutex_lock(&lock);
    t.stop = true;
    pthread_mutex_unlock(&lock);
    thread_join(t.thread);
    audience_store_release(t.offered);
    audience_store_release(t.back);
    audience_store_release(t.held);
    if (t.wrong != NULL)
        fail_msg("%s", t.wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audience_snapshot__is_the_same_until_a_save),
        cmocka_unit_test(test_audience_snapshot__shows_its_moment),
        cmocka_unit_test(test_audience_snapshot__texts_are_shared),
        cmocka_unit_test(test_audience_snapshot__histories_stay),
        cmocka_unit_test(
            test_audience_snapshot__is_read_while_the_writer_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
