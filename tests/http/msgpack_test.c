/*
 * msgpack_test.c - between msgpack and JSON: there and back again, each form
 * of msgpack, and what is refused.
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
#include "http/msgpack.h"
#include "support/dice.h"

#define ROOM ((size_t)1 << 20)
enum { VALUES = 200 };

static void expect_json(const char *bytes, size_t len, const char *json)
{
    buffer out;
    muster_error err;
    error_clear(&err);
    buffer_init(&out, ROOM);
    const int code = packed_to_json(text_make(bytes, len), &out, &err);
    if (json == NULL) {
        if (code != MUSTER_EPARSE || strcmp(err.word, "bad_msgpack") != 0)
            fail_msg("taken: %s", buffer_cstr(&out));
    } else {
        if (code != 0)
            fail_msg("%s: %s", json, err.message);
        assert_string_equal(buffer_cstr(&out), json);
    }
    buffer_release(&out);
}
#define EXPECT(bytes, json) expect_json(bytes, sizeof bytes - 1, json)

static void test_http_msgpack__every_form_is_read(void **state)
{
    (void)state;
    EXPECT("\x00", "0");
    EXPECT("\x7f", "127");
    EXPECT("\xe0", "-32");
    EXPECT("\xcc\xff", "255");
    EXPECT("\xcd\x01\x00", "256");
    EXPECT("\xce\x00\x01\x00\x00", "65536");
    EXPECT("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615");
    EXPECT("\xd0\x80", "-128");
    EXPECT("\xd1\x80\x00", "-32768");
    EXPECT("\xd2\x80\x00\x00\x00", "-2147483648");
    EXPECT("\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854775808");
    EXPECT("\xca\x3e\x80\x00\x00", "0.25");
    EXPECT("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", "1.5");
    EXPECT("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "null");
    EXPECT("\xc0", "null");
    EXPECT("\xc2", "false");
    EXPECT("\xc3", "true");
    EXPECT("\xa0", "\"\"");
    EXPECT("\xa3" "a\"b", "\"a\\\"b\"");
    EXPECT("\xd9\x01" "a", "\"a\"");
    EXPECT("\xda\x00\x01" "a", "\"a\"");
    EXPECT("\xdb\x00\x00\x00\x01" "a", "\"a\"");
    EXPECT("\xc4\x01" "a", "\"a\"");
    EXPECT("\xc5\x00\x01" "a", "\"a\"");
    EXPECT("\xc6\x00\x00\x00\x01" "a", "\"a\"");
    EXPECT("\x92\x01\x02", "[1,2]");
    EXPECT("\xdc\x00\x02\x01\x02", "[1,2]");
    EXPECT("\xdd\x00\x00\x00\x01\x01", "[1]");
    EXPECT("\x81\xa1" "a\x90", "{\"a\":[]}");
    EXPECT("\xde\x00\x01\xa1" "a\x80", "{\"a\":{}}");
    EXPECT("\xdf\x00\x00\x00\x01\xd9\x01" "a\xc0", "{\"a\":null}");
}

static void test_http_msgpack__what_is_none_is_refused(void **state)
{
    char deep[PACKED_DEPTH_MAX + 2];
    (void)state;
    EXPECT("", NULL);
    EXPECT("\xc1", NULL);             /* no such form */
    EXPECT("\x01\x02", NULL);         /* something behind it */
    EXPECT("\xcd\x01", NULL);         /* cut off */
    EXPECT("\xcb\x01", NULL);
    EXPECT("\xa2" "a", NULL);
    EXPECT("\xdb\xff\xff\xff\xff" "a", NULL); /* longer than it is */
    EXPECT("\x92\x01", NULL);
    EXPECT("\xdd\xff\xff\xff\xff\x01", NULL);
    EXPECT("\xdf\xff\xff\xff\xff\xa1" "a\x01", NULL);
    EXPECT("\x81\x01\x02", NULL);     /* a key that is no text */
    EXPECT("\x81\xc0\x02", NULL);
    EXPECT("\xa1\xff", NULL);         /* no UTF-8 */
    EXPECT("\xd4\x01\x02", NULL);     /* ext */
    EXPECT("\xc7\x01\x01\x02", NULL);
    memset(deep, 0x91, sizeof deep);
    deep[PACKED_DEPTH_MAX] = 0x01;
    buffer out;
    buffer_init(&out, ROOM);
    assert_int_equal(packed_to_json(text_make(deep, PACKED_DEPTH_MAX + 1),
                                     &out, NULL),
                     0);
    buffer_clear(&out);
    deep[PACKED_DEPTH_MAX] = (char)0x91;
    deep[PACKED_DEPTH_MAX + 1] = 0x01;
    assert_int_equal(packed_to_json(text_make(deep, sizeof deep), &out, NULL),
                     MUSTER_EPARSE);
    buffer_release(&out);
}

static void test_http_msgpack__what_does_not_fit_is_refused(void **state)
{
    buffer out;
    (void)state;
    buffer_init(&out, 4);
    assert_int_equal(packed_to_json(text_make("\xa5" "abcde", 6), &out, NULL),
                     MUSTER_ELIMIT);
    buffer_clear(&out);
    assert_false(packed_of_json(text_of("\"abcde\""), &out));
    buffer_clear(&out);
    assert_false(packed_of_json(text_of("{"), &out));
    buffer_release(&out);
}

/* ---- there and back ---- */

static void put_text(json_writer *w, random_state *r)
{
    char text[80];
    const size_t len = dice(r, sizeof text);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)dice_between(r, 1, 127);
    json_put_text(w, text_make(text, len));
}

static void put_random(json_writer *w, random_state *r, int depth)
{
    static const int64_t edges[] = {0, 127, 128, 255, 256, 65535, 65536,
                                    -32, -33, -128, -129, -32769,
                                    4294967295, 4294967296, INT64_MAX,
                                    INT64_MIN};
    char key[16];
    const uint32_t n = chance(r, 10) ? dice(r, 40) : dice(r, 4);
    switch (dice(r, depth < 4 ? 7 : 5)) {
    case 0:
        json_put_null(w);
        break;
    case 1:
        json_put_bool(w, chance(r, 50));
        break;
    case 2:
        json_put_int(w, PICK(r, edges));
        break;
    case 3:
        json_put_double(w, (double)dice_between(r, -1000, 1000) / 8 + 0.0625);
        break;
    case 4:
        put_text(w, r);
        break;
    case 5:
        json_open_array(w);
        for (uint32_t i = 0; i < n; i++)
            put_random(w, r, depth + 1);
        json_close(w);
        break;
    default:
        json_open_object(w);
        for (uint32_t i = 0; i < n; i++) {
            snprintf(key, sizeof key, "k%u", i);
            json_key(w, key);
            put_random(w, r, depth + 1);
        }
        json_close(w);
    }
}

static void there_and_back(uint64_t seed)
{
    random_state r;
    random_seed(&r, seed);
    for (int i = 0; i < VALUES; i++) {
        buffer json, packed, again;
        json_writer w;
        buffer_init(&json, ROOM);
        buffer_init(&packed, ROOM);
        buffer_init(&again, ROOM);
        json_begin(&w, &json, false);
        put_random(&w, &r, 0);
        const muster_text text = text_make((const char *)json.data, json.len);
        assert_true(packed_of_json(text, &packed));
        assert_int_equal(
            packed_to_json(
                text_make((const char *)packed.data, packed.len), &again,
                NULL),
            0);
        assert_string_equal(buffer_cstr(&again), buffer_cstr(&json));
        buffer_release(&json);
        buffer_release(&packed);
        buffer_release(&again);
    }
}

static void test_http_msgpack__there_and_back_it_is_the_same(void **state)
{
    (void)state;
    test_each_seed(there_and_back, test_size(10, 200));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_msgpack__every_form_is_read),
        cmocka_unit_test(test_http_msgpack__what_is_none_is_refused),
        cmocka_unit_test(test_http_msgpack__what_does_not_fit_is_refused),
        cmocka_unit_test(test_http_msgpack__there_and_back_it_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
