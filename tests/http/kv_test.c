/*
 * kv_test.c - the key-value form: what fits, and what ends it.
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
#include "http/kv.h"
#include "support/dice.h"

/* Puts ids until one does not fit; how many did. */
static size_t put_all(kv *k, const uint32_t *ids, size_t n)
{
    size_t put = 0;
    while (put < n && kv_put(k, ids[put]))
        put++;
    return put;
}

static void test_http_kv__highest_priority_that_fit(void **state)
{
    static const uint32_t ids[] = {101, 205, 7, 4294967295u, 3};
    static const struct {
        size_t budget;
        const char *text;
    } cases[] = {
        {2, "k="},
        {4, "k="},
        {5, "k=101"},
        {8, "k=101"}, /* 205 does not fit; 7 would, but is behind it */
        {9, "k=101,205"},
        {10, "k=101,205"},
        {11, "k=101,205,7"},
        {21, "k=101,205,7"},
        {22, "k=101,205,7,4294967295"},
        {24, "k=101,205,7,4294967295,3"},
        {1000, "k=101,205,7,4294967295,3"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer out;
        buffer_init(&out, 4096);
        buffer_put_str(&out, "before ");
        kv k = kv_begin(&out, text_of("k"), cases[i].budget);
        (void)put_all(&k, ids, 5);
        assert_string_equal(buffer_cstr(&out) + 7, cases[i].text);
        buffer_release(&out);
    }
}

static void test_http_kv__keys(void **state)
{
    char text[KV_KEY_BYTES_MAX + 2];
    (void)state;
    memset(text, 'k', sizeof text);
    assert_true(kv_key_is_fine(text_make(text, KV_KEY_BYTES_MAX)));
    assert_false(kv_key_is_fine(text_make(text, KV_KEY_BYTES_MAX + 1)));
    assert_true(kv_key_is_fine(text_of("Az09_-.")));
    static const char *const bad[] = {
        "", "a=b", "a b", "a,b", "a&b", "\xc3\xa4", "a%20", "a/b", "\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(kv_key_is_fine(text_of(bad[i])));
    assert_int_equal(kv_bytes_min(text_of("abc")), 4);
}

/* The longest beginning of the ids whose text is within the budget. */
static void try_random(uint64_t seed)
{
    random_state r;
    uint32_t ids[40];
    char want[600];
    size_t want_len = 2;

    random_seed(&r, seed);
    const size_t n = dice(&r, 41);
    const size_t budget = 2 + dice(&r, 300);
    memcpy(want, "k=", 3);
    for (size_t i = 0; i < n; i++)
        ids[i] = (uint32_t)(random_u64(&r) >> (32 + dice(&r, 32)));
    for (size_t i = 0; i < n; i++) {
        const int len = snprintf(want + want_len, sizeof want - want_len,
                                 "%s%u", i ? "," : "", ids[i]);
        if (want_len + (size_t)len > budget)
            break;
        want_len += (size_t)len;
    }
    want[want_len] = '\0';

    buffer out;
    buffer_init(&out, 4096);
    kv k = kv_begin(&out, text_of("k"), budget);
    (void)put_all(&k, ids, n);
    if (strcmp(buffer_cstr(&out), want) != 0)
        fail_msg("seed %llu: \"%s\", not \"%s\"", (unsigned long long)seed,
                 buffer_cstr(&out), want);
    buffer_release(&out);
}

static void test_http_kv__random_lists(void **state)
{
    (void)state;
    test_each_seed(try_random, test_size(2000, 100000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_kv__highest_priority_that_fit),
        cmocka_unit_test(test_http_kv__keys),
        cmocka_unit_test(test_http_kv__random_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
