/*
 * buffer_test.c - growing bytes, their maximum, and reading them back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/buffer.h"
#include "base/text.h"

static void test_base_buffer__puts_follow_each_other(void **state)
{
    (void)state;
    buffer b;
    buffer_init(&b, 1000);
    assert_string_equal(buffer_cstr(&b), "");
    buffer_put_str(&b, "one ");
    buffer_put_text(&b, text_make("two three", 3));
    buffer_printf(&b, " %d %s", 3, "four");
    buffer_put(&b, NULL, 0);
    assert_string_equal(buffer_cstr(&b), "one two 3 four");
    assert_int_equal(b.len, 14);
    assert_true(buffer_ok(&b));
    buffer_release(&b);
    buffer_release(&b);
}

static void test_base_buffer__integers_are_little_endian(void **state)
{
    (void)state;
    static const uint8_t golden[] = {
        0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f, 0x0e, 0x0d,
        0x0c, 0x0b, 0x0a, 0x09, 0x08, 0xac, 0x02, 0x03, 0x00,
    };
    buffer b;
    buffer_init(&b, 1000);
    buffer_put_u8(&b, 0x01);
    buffer_put_u16(&b, 0x0203);
    buffer_put_u32(&b, 0x04050607);
    buffer_put_u64(&b, 0x08090a0b0c0d0e0f);
    buffer_put_varint(&b, 300);
    buffer_put_zigzag(&b, -2);
    buffer_put_zigzag(&b, 0);
    assert_int_equal(b.len, sizeof golden);
    assert_memory_equal(b.data, golden, sizeof golden);
    buffer_release(&b);
}

static void test_base_buffer__maximum_stores_nothing_more(void **state)
{
    (void)state;
    buffer b;
    buffer_init(&b, 10);
    buffer_put_str(&b, "12345678");
    assert_true(buffer_ok(&b));
    buffer_put_u32(&b, 0);
    assert_false(buffer_ok(&b));
    buffer_put_u8(&b, 'x');
    buffer_printf(&b, "x");
    assert_null(buffer_reserve(&b, 0));
    assert_string_equal(buffer_cstr(&b), "12345678");
    buffer_clear(&b);
    assert_true(buffer_ok(&b));
    buffer_put_str(&b, "1234567890");
    assert_true(buffer_ok(&b));
    assert_string_equal(buffer_cstr(&b), "1234567890");
    buffer_release(&b);
}

static void test_base_buffer__printf_may_fill_it_exactly(void **state)
{
    (void)state;
    for (size_t max = 0; max < 200; max++) {
        buffer b;
        buffer_init(&b, max);
        buffer_printf(&b, "%0*d", 100, 7);
        assert_int_equal(buffer_ok(&b), max >= 100);
        assert_int_equal(strlen(buffer_cstr(&b)), max >= 100 ? 100 : 0);
        buffer_release(&b);
    }
}

static void test_base_buffer__reserve_is_written_by_the_caller(void **state)
{
    (void)state;
    buffer b;
    buffer_init(&b, SIZE_MAX);
    for (int i = 0; i < 1000; i++) {
        uint8_t *to = buffer_reserve(&b, 100);
        assert_non_null(to);
        memset(to, i & 0xff, 100);
        b.len += 50;
    }
    assert_int_equal(b.len, 50000);
    for (size_t i = 0; i < b.len; i++)
        assert_int_equal(b.data[i], (i / 50) & 0xff);
    assert_null(buffer_reserve(&b, SIZE_MAX));
    buffer_release(&b);
}

static const uint64_t samples[] = {
    0,          1,          127,
    128,        16383,      16384,
    UINT32_MAX, INT64_MAX,  (uint64_t)INT64_MAX + 1,
    UINT64_MAX, 0x8080,     1u << 21,
    1ull << 35, 1ull << 56,
};
enum { SAMPLES = sizeof samples / sizeof samples[0] };

static void test_base_buffer__reader_gets_what_was_put(void **state)
{
    (void)state;
    buffer b;
    buffer_init(&b, 100000);
    for (size_t i = 0; i < SAMPLES; i++) {
        buffer_put_u8(&b, (uint8_t)samples[i]);
        buffer_put_u16(&b, (uint16_t)samples[i]);
        buffer_put_u32(&b, (uint32_t)samples[i]);
        buffer_put_u64(&b, samples[i]);
        buffer_put_varint(&b, samples[i]);
        buffer_put_zigzag(&b, (int64_t)samples[i]);
        buffer_put_str(&b, "abc");
    }
    reader r;
    reader_init(&r, b.data, b.len);
    for (size_t i = 0; i < SAMPLES; i++) {
        assert_int_equal(reader_u8(&r), (uint8_t)samples[i]);
        assert_int_equal(reader_u16(&r), (uint16_t)samples[i]);
        assert_int_equal(reader_u32(&r), (uint32_t)samples[i]);
        assert_true(reader_u64(&r) == samples[i]);
        assert_true(reader_varint(&r) == samples[i]);
        assert_true(reader_zigzag(&r) == (int64_t)samples[i]);
        assert_memory_equal(reader_bytes(&r, 3), "abc", 3);
    }
    assert_true(reader_ok(&r));
    assert_int_equal(reader_left(&r), 0);
    buffer_release(&b);
}

static void test_base_buffer__reader_is_spoiled_by_the_first_miss(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3};
    reader r;
    reader_init(&r, bytes, sizeof bytes);
    assert_int_equal(reader_u16(&r), 0x0201);
    assert_int_equal(reader_u32(&r), 0);
    assert_false(reader_ok(&r));
    assert_int_equal(reader_u8(&r), 0);
    assert_null(reader_bytes(&r, 0));
    assert_true(reader_varint(&r) == 0);
    assert_int_equal(reader_left(&r), 0);
    reader_init(&r, NULL, 0);
    assert_non_null(reader_bytes(&r, 0));
    assert_true(reader_ok(&r));
    assert_null(reader_bytes(&r, SIZE_MAX));
    assert_false(reader_ok(&r));
}

static void expect_bad_varint(const char *bytes, size_t len)
{
    reader r;
    reader_init(&r, bytes, len);
    assert_true(reader_varint(&r) == 0);
    assert_false(reader_ok(&r));
}

static void test_base_buffer__varint_has_one_form(void **state)
{
    (void)state;
    expect_bad_varint("", 0);
    expect_bad_varint("\x80", 1);
    expect_bad_varint("\x80\x00", 2);
    expect_bad_varint("\xff\x80\x00", 3);
    expect_bad_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
    expect_bad_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
    expect_bad_varint("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_buffer__puts_follow_each_other),
        cmocka_unit_test(test_base_buffer__integers_are_little_endian),
        cmocka_unit_test(test_base_buffer__maximum_stores_nothing_more),
        cmocka_unit_test(test_base_buffer__printf_may_fill_it_exactly),
        cmocka_unit_test(test_base_buffer__reserve_is_written_by_the_caller),
        cmocka_unit_test(test_base_buffer__reader_gets_what_was_put),
        cmocka_unit_test(test_base_buffer__reader_is_spoiled_by_the_first_miss),
        cmocka_unit_test(test_base_buffer__varint_has_one_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
