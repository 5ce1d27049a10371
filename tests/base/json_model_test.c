/*
 * json_model_test.c - random documents written, read back and written again;
 * random damage to them is answered, never obeyed. The naive twin of reading
 * is writing: a document that was read is written from its values alone and
 * must be the same text. A failure prints the seed and the round.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/json.h"
#include "base/random.h"
#include "base/text.h"

#define SEED 20261121u
#define WRITE_DEPTH_MAX 6

/* Bounded by WRITE_DEPTH_MAX. */
static void write_random(json_writer *w, random_state *r, int depth);

static void random_text(json_writer *w, random_state *r, int key)
{
    static const char *const pieces[] = {
        "a", "geo.country",      "\"", "\\", "\n", "\x01",     "\xc3\xa4",
        " ", "\xf0\x9f\x98\x80", "{",  "]",  "//", "01234567", "\xe2\x82\xac"};
    char text[256];
    size_t len = 0;
    for (size_t n = random_below(r, 8); n > 0; n--) {
        const char *piece =
            pieces[random_below(r, sizeof pieces / sizeof pieces[0])];
        memcpy(text + len, piece, strlen(piece));
        len += strlen(piece);
    }
    if (key)
        json_key_text(w, text_make(text, len));
    else
        json_put_text(w, text_make(text, len));
}

static void write_container(json_writer *w, random_state *r, int depth)
{
    const int object = random_below(r, 2) == 0;
    if (object)
        json_open_object(w);
    else
        json_open_array(w);
    for (size_t n = random_below(r, 5); n > 0; n--) {
        if (object)
            random_text(w, r, 1);
        write_random(w, r, depth + 1);
    }
    json_close(w);
}

static void write_random(json_writer *w, random_state *r, int depth)
{
    switch (random_below(r, depth < WRITE_DEPTH_MAX ? 9 : 5)) {
    case 0:
        json_put_int(w, (int64_t)(random_u64(r) >> random_below(r, 64)));
        break;
    case 1:
        json_put_scaled(w, -(int64_t)(random_u64(r) >> 12));
        break;
    case 2:
        json_put_bool(w, random_below(r, 2) == 0);
        break;
    case 3:
        json_put_null(w);
        break;
    case 4:
        random_text(w, r, 0);
        break;
    default:
        write_container(w, r, depth);
    }
}

/* Bounded by the depth of what was parsed. */
static void write_again(json_writer *w, const json_value *v)
{
    const json_type type = json_typeof(v);
    if (type == JSON_NULL)
        json_put_null(w);
    else if (type == JSON_BOOL)
        json_put_bool(w, json_bool(v));
    else if (type == JSON_INT)
        json_put_int(w, json_int(v));
    else if (type == JSON_NUMBER)
        json_put_raw(w, json_string(v));
    else if (type == JSON_STRING)
        json_put_text(w, json_string(v));
    if (type != JSON_ARRAY && type != JSON_OBJECT)
        return;
    if (type == JSON_OBJECT)
        json_open_object(w);
    else
        json_open_array(w);
    for (json_iter it = json_iter_of(v); json_next(&it);) {
        if (type == JSON_OBJECT)
            json_key_text(w, it.key);
        write_again(w, it.value);
    }
    json_close(w);
}

static void write_into(buffer *b, const json_value *v, bool pretty)
{
    json_writer w;
    buffer_clear(b);
    json_begin(&w, b, pretty);
    write_again(&w, v);
}

static void test_base_json__model_round_trip(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, SEED);
    buffer first;
    buffer second;
    buffer_init(&first, SIZE_MAX / 2);
    buffer_init(&second, SIZE_MAX / 2);
    json_pool *pool = json_pool_new();
    for (int round = 0; round < 30000; round++) {
        json_writer w;
        const bool pretty = random_below(&r, 2) == 0;
        buffer_clear(&first);
        json_begin(&w, &first, pretty);
        write_random(&w, &r, 0);
        const json_value *v =
            json_pool_parse(pool, (char *)first.data, first.len, NULL);
        if (v == NULL)
            fail_msg("seed %u round %d: not read", SEED, round);
        write_into(&second, v, pretty);
        if (first.len != second.len ||
            memcmp(first.data, second.data, first.len) != 0)
            fail_msg("seed %u round %d: %s", SEED, round, buffer_cstr(&first));
    }
    json_pool_free(pool);
    buffer_release(&second);
    buffer_release(&first);
}

/* Reads one damaged text both ways; both must say the same. */
static bool read_damaged(json_pool *pool, const char *bytes, size_t len,
                         buffer *scratch)
{
    char *exact = mem_alloc(len); /* lets the sanitizer see overreads */
    memcpy(exact, bytes, len);
    json_doc *doc = NULL;
    muster_error err = {0};
    muster_error pool_err = {0};
    const int rc = json_parse(&doc, exact, len, JSON_STRICT, &err);
    const json_value *v = json_pool_parse(pool, exact, len, &pool_err);
    assert_int_equal(rc == 0, v != NULL);
    if (rc == 0) {
        assert_true(text_is_utf8(text_make(exact, len)));
        write_into(scratch, v, false);
    } else {
        assert_memory_equal(&err, &pool_err, sizeof err);
        assert_true(err.offset <= len);
        assert_true(text_is_utf8(text_of(err.message)));
    }
    json_free(doc);
    if (json_parse(&doc, exact, len, JSON_COMMENTS, NULL) == 0)
        write_into(scratch, json_root(doc), true);
    json_free(doc);
    mem_free(exact);
    return rc == 0;
}

static void test_base_json__model_damage_is_answered(void **state)
{
    (void)state;
    static const char marks[] = "{}[]\",:\\/*0-.eE \n\xff\xc3";
    random_state r;
    random_seed(&r, SEED);
    buffer b;
    buffer scratch;
    buffer_init(&b, SIZE_MAX / 2);
    buffer_init(&scratch, SIZE_MAX / 2);
    json_pool *pool = json_pool_new();
    int read = 0;
    for (int round = 0; round < 50000; round++) {
        json_writer w;
        buffer_clear(&b);
        json_begin(&w, &b, false);
        write_random(&w, &r, 0);
        for (size_t n = random_below(&r, 4); n > 0; n--)
            b.data[random_below(&r, b.len)] =
                (uint8_t)marks[random_below(&r, sizeof marks - 1)];
        const size_t len =
            random_below(&r, 4) > 0 ? b.len : random_below(&r, b.len + 1);
        read += read_damaged(pool, (char *)b.data, len, &scratch);
    }
    assert_in_range(read, 5000, 45000);
    json_pool_free(pool);
    buffer_release(&scratch);
    buffer_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_json__model_round_trip),
        cmocka_unit_test(test_base_json__model_damage_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
