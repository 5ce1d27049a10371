/*
 * reply_test.c - the writer of quick answers: the same calls as JSON and as
 * msgpack, byte by byte, and lists of every size of head.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "http/reply.h"

static void put_answer(reply *w)
{
    reply_map(w, 5);
    reply_key(w, "results");
    reply_array(w, 2);
    reply_map(w, 1);
    reply_key(w, "a");
    size_t mark = reply_list(w);
    reply_text(w, text_of("x"));
    reply_text(w, text_of("yz"));
    reply_list_end(w, mark, 2);
    reply_map_end(w);
    reply_map(w, 0);
    reply_map_end(w);
    reply_array_end(w);
    reply_key(w, "none");
    mark = reply_list(w);
    reply_list_end(w, mark, 0);
    reply_key(w, "as_of");
    reply_time(w, 0);
    reply_key(w, "b");
    reply_array(w, 3);
    reply_bool(w, true);
    reply_bool(w, false);
    reply_uint_text(w, 42);
    reply_array_end(w);
    reply_key(w, "n");
    reply_uint(w, 300);
    reply_map_end(w);
}

static void test_http_reply__two_back_ends(void **state)
{
    static const char json[] =
        "{\"results\":[{\"a\":[\"x\",\"yz\"]},{}],\"none\":[],"
        "\"as_of\":\"1970-01-01T00:00:00Z\",\"b\":[true,false,\"42\"],"
        "\"n\":300}";
    static const char packed[] = "\x85\xa7results\x92\x81\xa1"
                                 "a\x92\xa1x\xa2yz\x80\xa4none\x90\xa5"
                                 "as_of\xb4"
                                 "1970-01-01T00:00:00Z\xa1"
                                 "b\x93\xc3\xc2\xa2"
                                 "42\xa1n\xcd\x01\x2c";
    buffer out;
    (void)state;
    buffer_init(&out, 4096);
    reply w = reply_into(&out, MEDIA_JSON);
    put_answer(&w);
    assert_string_equal(buffer_cstr(&out), json);
    buffer_clear(&out);
    w = reply_into(&out, MEDIA_MSGPACK);
    put_answer(&w);
    assert_int_equal(out.len, sizeof packed - 1);
    assert_memory_equal(out.data, packed, out.len);
    buffer_release(&out);
}

static void test_http_reply__whole_numbers(void **state)
{
    static const struct {
        uint64_t v;
        size_t len;
        const char *bytes;
        const char *text;
    } cases[] = {
        {0, 1, "\x00", "0"},
        {127, 1, "\x7f", "127"},
        {128, 2, "\xcc\x80", "128"},
        {255, 2, "\xcc\xff", "255"},
        {256, 3, "\xcd\x01\x00", "256"},
        {65535, 3, "\xcd\xff\xff", "65535"},
        {65536, 5, "\xce\x00\x01\x00\x00", "65536"},
        {4294967295u, 5, "\xce\xff\xff\xff\xff", "4294967295"},
        {4294967296u, 9, "\xcf\x00\x00\x00\x01\x00\x00\x00\x00", "4294967296"},
        {UINT64_MAX, 9, "\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
         "18446744073709551615"},
    };
    buffer out;
    (void)state;
    buffer_init(&out, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer_clear(&out);
        reply w = reply_into(&out, MEDIA_MSGPACK);
        reply_uint(&w, cases[i].v);
        assert_int_equal(out.len, cases[i].len);
        assert_memory_equal(out.data, cases[i].bytes, out.len);
        buffer_clear(&out);
        w = reply_into(&out, MEDIA_JSON);
        reply_uint(&w, cases[i].v);
        assert_string_equal(buffer_cstr(&out), cases[i].text);
    }
    buffer_release(&out);
}

/* n elements between a value before and one behind; head as expected. */
static void try_list(uint32_t n, const char *head, size_t head_len)
{
    buffer out;
    buffer_init(&out, (size_t)1 << 20);
    reply w = reply_into(&out, MEDIA_MSGPACK);
    reply_uint(&w, 1);
    const size_t mark = reply_list(&w);
    for (uint32_t i = 0; i < n; i++)
        reply_uint(&w, i % 100);
    reply_list_end(&w, mark, n);
    reply_uint(&w, 2);
    assert_int_equal(out.len, 2 + head_len + n);
    assert_memory_equal(out.data + 1, head, head_len);
    for (uint32_t i = 0; i < n; i++)
        if (out.data[1 + head_len + i] != i % 100)
            fail_msg("list of %u, element %u", n, i);
    assert_int_equal(out.data[out.len - 1], 2);
    buffer_clear(&out);
    w = reply_into(&out, MEDIA_MSGPACK);
    reply_array(&w, n);
    assert_int_equal(out.len, head_len);
    assert_memory_equal(out.data, head, head_len);
    buffer_release(&out);
}

static void test_http_reply__lists_of_every_head(void **state)
{
    (void)state;
    try_list(0, "\x90", 1);
    try_list(15, "\x9f", 1);
    try_list(16, "\xdc\x00\x10", 3);
    try_list(65535, "\xdc\xff\xff", 3);
    try_list(65536, "\xdd\x00\x01\x00\x00", 5);
}

static void test_http_reply__texts_of_every_head(void **state)
{
    static const struct {
        size_t len;
        const char *head;
        size_t head_len;
    } cases[] = {{0, "\xa0", 1},
                 {31, "\xbf", 1},
                 {32, "\xd9\x20", 2},
                 {255, "\xd9\xff", 2},
                 {256, "\xda\x01\x00", 3}};
    char text[256];
    buffer out;
    (void)state;
    memset(text, 't', sizeof text);
    buffer_init(&out, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer_clear(&out);
        reply w = reply_into(&out, MEDIA_MSGPACK);
        reply_text(&w, text_make(text, cases[i].len));
        assert_int_equal(out.len, cases[i].head_len + cases[i].len);
        assert_memory_equal(out.data, cases[i].head, cases[i].head_len);
    }
    buffer_release(&out);
}

static void test_http_reply__what_does_not_fit(void **state)
{
    (void)state;
    for (size_t max = 0; max < 80; max++)
        for (int packed = 0; packed < 2; packed++) {
            buffer out;
            buffer_init(&out, max);
            reply w = reply_into(&out, packed ? MEDIA_MSGPACK : MEDIA_JSON);
            put_answer(&w);
            assert_false(packed ? max < 60 && buffer_ok(&out)
                                : buffer_ok(&out));
            assert_true(out.len <= max);
            buffer_release(&out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_reply__two_back_ends),
        cmocka_unit_test(test_http_reply__whole_numbers),
        cmocka_unit_test(test_http_reply__lists_of_every_head),
        cmocka_unit_test(test_http_reply__texts_of_every_head),
        cmocka_unit_test(test_http_reply__what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
