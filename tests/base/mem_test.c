/*
 * mem_test.c - allocation that does not fail, growing arrays, arenas.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "expect_abort.h"

static void test_base_mem__zero_bytes_are_a_valid_pointer(void **state)
{
    (void)state;
    void *blocks[] = {mem_alloc(0),    mem_zalloc(0),        mem_array(0, 8),
                      mem_array(8, 0), mem_realloc(NULL, 0), mem_aligned(0)};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        assert_non_null(blocks[i]);
        mem_free(blocks[i]);
    }
    mem_free(NULL);
}

static void test_base_mem__array_and_zalloc_are_zero(void **state)
{
    (void)state;
    uint8_t *zeros = mem_zalloc(1000);
    uint64_t *words = mem_array(1000, sizeof *words);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(zeros[i], 0);
        assert_true(words[i] == 0);
    }
    mem_free(words);
    mem_free(zeros);
}

static void test_base_mem__aligned_is_aligned_and_rounded(void **state)
{
    (void)state;
    for (size_t size = 1; size < 300; size += 7) {
        uint8_t *block = mem_aligned(size);
        assert_int_equal((uintptr_t)block % 64, 0);
        memset(block, 1, (size + 63) / 64 * 64);
        mem_free(block);
    }
}

static void test_base_mem__strings_are_copied_and_ended(void **state)
{
    (void)state;
    char *whole = mem_strdup("muster");
    char *part = mem_strndup("muster", 3);
    char *empty = mem_strndup(NULL, 0);
    assert_string_equal(whole, "muster");
    assert_string_equal(part, "mus");
    assert_string_equal(empty, "");
    mem_free(empty);
    mem_free(part);
    mem_free(whole);
}

static void test_base_mem__grow_doubles_from_sixteen(void **state)
{
    (void)state;
    uint32_t *array = NULL;
    size_t capacity = 0;
    mem_grow(&array, &capacity, 1, sizeof *array);
    assert_int_equal(capacity, 16);
    for (uint32_t i = 0; i < 1000; i++) {
        mem_grow(&array, &capacity, i + 1, sizeof *array);
        array[i] = i;
    }
    assert_int_equal(capacity, 1024);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(array[i], i);
    const uint32_t *before = array;
    mem_grow(&array, &capacity, 1024, sizeof *array);
    assert_ptr_equal(array, before);
    mem_free(array);
}

static void ask_too_much(void *payload)
{
    (void)payload;
    mem_free(mem_array(SIZE_MAX / 2, 3));
}

static void grow_too_much(void *payload)
{
    size_t capacity = 0;
    mem_grow(payload, &capacity, SIZE_MAX / 4, 8);
}

static void align_too_much(void *payload)
{
    (void)payload;
    mem_free(mem_aligned(SIZE_MAX - 10));
}

static void arena_too_much(void *payload)
{
    arena_alloc(payload, SIZE_MAX - 3);
}

static void test_base_mem__impossible_sizes_abort(void **state)
{
    (void)state;
    void *array = NULL;
    arena a;
    arena_init(&a);
    expect_abort(ask_too_much, NULL);
    expect_abort(grow_too_much, &array);
    expect_abort(align_too_much, NULL);
    expect_abort(arena_too_much, &a);
}

static void test_base_mem__arena_keeps_what_it_gave(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static char *given[COUNT];
    arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT; i++) {
        const size_t size = i % 50;
        given[i] = arena_alloc(&a, size);
        assert_int_equal((uintptr_t)given[i] % 16, 0);
        memset(given[i], (int)(i & 0x7f), size);
    }
    for (size_t i = 0; i < COUNT; i++)
        for (size_t k = 0; k < i % 50; k++)
            assert_int_equal(given[i][k], i & 0x7f);
    assert_true(a.total >= (size_t)COUNT * 24);
    arena_release(&a);
    arena_release(&a);
}

static void test_base_mem__arena_serves_more_than_a_chunk(void **state)
{
    (void)state;
    arena a;
    arena_init(&a);
    const size_t large = (size_t)10 * 1024 * 1024;
    uint8_t *small = arena_zalloc(&a, 10);
    uint8_t *block = arena_zalloc(&a, large);
    assert_int_equal(block[large - 1], 0);
    memset(block, 1, large);
    assert_int_equal(small[9], 0);
    assert_string_equal(arena_strndup(&a, "abcdef", 4), "abcd");
    assert_string_equal(arena_strndup(&a, NULL, 0), "");
    arena_release(&a);
}

static void test_base_mem__arena_reset_keeps_the_first_chunk(void **state)
{
    (void)state;
    arena a;
    arena_init(&a);
    void *first = arena_alloc(&a, 100);
    for (int i = 0; i < 100; i++)
        arena_alloc(&a, 10000);
    arena_reset(&a);
    assert_int_equal(a.total, 0);
    assert_ptr_equal(arena_alloc(&a, 100), first);
    arena_reset(&a);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_mem__zero_bytes_are_a_valid_pointer),
        cmocka_unit_test(test_base_mem__array_and_zalloc_are_zero),
        cmocka_unit_test(test_base_mem__aligned_is_aligned_and_rounded),
        cmocka_unit_test(test_base_mem__strings_are_copied_and_ended),
        cmocka_unit_test(test_base_mem__grow_doubles_from_sixteen),
        cmocka_unit_test(test_base_mem__impossible_sizes_abort),
        cmocka_unit_test(test_base_mem__arena_keeps_what_it_gave),
        cmocka_unit_test(test_base_mem__arena_serves_more_than_a_chunk),
        cmocka_unit_test(test_base_mem__arena_reset_keeps_the_first_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
