/*
 * hash_test.c - XXH3's published values; streams agree with whole texts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/hash.h"
#include "base/mem.h"

static void test_base_hash__values_are_the_published_ones(void **state)
{
    (void)state;
    assert_true(hash_bytes(NULL, 0) == 0x2d06800538d394c2u);
    assert_true(hash_bytes("a", 1) == 0xe6c632b61e964e1fu);
    assert_true(hash_bytes("abc", 3) == 0x78af5f94892f3950u);
}

static void expect_128(const char *text, uint64_t high, uint64_t low)
{
    const hash128 h = hash_bytes128(text, strlen(text));
    assert_true(h.high == high && h.low == low);
}

static void test_base_hash__wide_values_are_the_published_ones(void **state)
{
    (void)state;
    expect_128("", 0x99aa06d3014798d8u, 0x6001c324468d497fu);
    expect_128("a", 0xa96faf705af16834u, 0xe6c632b61e964e1fu);
    expect_128("abc", 0x06b05ab6733a6185u, 0x78af5f94892f3950u);
}

static void test_base_hash__seed_changes_the_value(void **state)
{
    (void)state;
    assert_true(hash_bytes_seed("abc", 3, 0) == hash_bytes("abc", 3));
    assert_true(hash_bytes_seed("abc", 3, 1) != hash_bytes("abc", 3));
}

static void test_base_hash__stream_equals_whole_at_any_cut(void **state)
{
    (void)state;
    enum { LEN = 5000 };
    uint8_t *bytes = mem_alloc(LEN);
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (uint8_t)(i * 31);
    for (size_t piece = 1; piece < 1500; piece = piece * 3 + 1) {
        hash_stream *s = hash_stream_new();
        for (size_t at = 0; at < LEN; at += piece)
            hash_stream_add(s, bytes + at, LEN - at < piece ? LEN - at : piece);
        hash_stream_add(s, NULL, 0);
        assert_true(hash_stream_value(s) == hash_bytes(bytes, LEN));
        assert_true(hash_stream_value(s) == hash_bytes(bytes, LEN));
        hash_stream_free(s);
    }
    hash_stream_free(NULL);
    mem_free(bytes);
}

static void test_base_hash__mix_is_splitmix_s(void **state)
{
    (void)state;
    assert_true(hash_mix(0) == 0);
    assert_true(hash_mix(0x9e3779b97f4a7c15u) == 0xe220a8397b1dcdafu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_hash__values_are_the_published_ones),
        cmocka_unit_test(test_base_hash__wide_values_are_the_published_ones),
        cmocka_unit_test(test_base_hash__seed_changes_the_value),
        cmocka_unit_test(test_base_hash__stream_equals_whole_at_any_cut),
        cmocka_unit_test(test_base_hash__mix_is_splitmix_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
