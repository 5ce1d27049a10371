/*
 * damage_test.c - a generation so large that it is not read when it is opened
 * turns out to be damaged while it is used: no wrong answer, no wrong fact,
 * and a writer makes its state anew from the older one and the log.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/base.h"
#include "engine_support.h"
#include "storage/file.h"

#define PEOPLE 80000u

static void put_people(buffer *text, uint32_t from, uint32_t count)
{
    buffer_clear(text);
    for (uint32_t i = from; i < from + count; i++)
        buffer_printf(text,
                      "{\"ids\":{\"cookie\":\"person-%u\"},\"set\":{\"x\":"
                      "\"v%u\"},\"events\":[{\"name\":\"e\",\"value\":\"%u\"}"
                      "]}\n", i, i % 97, i % 89);
}

static void feed_people(house *h, uint32_t from, uint32_t count)
{
    buffer text;
    buffer_init(&text, (size_t)64 << 20);
    put_people(&text, from, count);
    feed(h, buffer_cstr(&text));
    buffer_release(&text);
}

static void flip_byte(const char *path, off_t at)
{
    uint8_t byte;
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* One bit in every piece of a section of the newest generation but the
 * first, which a start reads. Its first section begins at byte 64. */
static void spoil(const house *h, const char *section)
{
    char path[700];
    storage *s;
    generation *g;
    size_t len;

    assert_int_equal(storage_open(&s, h->dir, STORAGE_READ, NULL), 0);
    assert_int_equal(generation_open(&g, s, NULL, NULL), 0);
    const uint8_t *first = generation_section(g, "state", &len);
    const uint8_t *bytes = generation_section(g, section, &len);
    const off_t from = bytes - first + 64;
    snprintf(path, sizeof path, "%s/gen-%lld.mgen", h->dir,
             (long long)generation_id(g));
    generation_close(g);
    storage_close(s);
    assert_true(len > 3 * PROOF_PIECE);
    for (size_t at = PROOF_PIECE; at < len; at += PROOF_PIECE)
        flip_byte(path, from + (off_t)at);
}

/* Two generations and some log; `section` of the newest is spoilt, and found
 * to be when it is used. */
static void open_spoilt(house *h, const char *section, muster_open_mode mode)
{
    feed_people(h, 0, PEOPLE / 2);
    house_checkpoint(h);
    feed_people(h, PEOPLE / 2, PEOPLE / 2);
    house_checkpoint(h);
    house_reopen(h, MUSTER_OPEN_READ); /* nobody writes the file anew */
    spoil(h, section);
    storage_quick_hook(0);
    house_reopen(h, mode);
}

static int try_count(house *h, const char *expr, uint64_t *out)
{
    muster_segment *s;
    muster_count *c;
    muster_error err;

    int rc = muster_segment_compile(&s, h->engine, h->scope, expr,
                                    strlen(expr), &err);
    if (rc == 0) {
        rc = muster_segment_count(s, false, &c, &err);
        if (rc == 0) {
            *out = c->count;
            muster_count_free(c);
        }
        muster_segment_free(s);
    }
    if (rc != 0) {
        assert_int_equal(rc, MUSTER_ECORRUPT);
        assert_string_equal(err.word, "bad_generation");
        assert_non_null(strstr(err.message, "gen-2.mgen"));
        assert_string_equal(err.suggestion, "muster doctor --repair");
    }
    return rc;
}

static void test_engine_damage__a_reader_refuses_to_answer(void **state)
{
    house *h = *state;
    uint64_t n;

    open_spoilt(h, "planes", MUSTER_OPEN_READ);
    assert_int_equal(try_count(h, "e", &n), MUSTER_ECORRUPT);
    assert_int_equal(try_count(h, "x = \"v3\"", &n), MUSTER_ECORRUPT);
    storage_quick_hook((uint64_t)1 << 30); /* read whole: passed over */
    house_reopen(h, MUSTER_OPEN_READ);
    assert_int_equal(count(h, "e"), PEOPLE);
}

static void test_engine_damage__a_writer_mends_itself(void **state)
{
    house *h = *state;
    uint64_t n;

    open_spoilt(h, "planes", MUSTER_OPEN_WRITE);
    assert_int_equal(try_count(h, "e", &n), MUSTER_ECORRUPT);
    /* the keeper mends before it writes */
    house_checkpoint(h);
    assert_int_equal(try_count(h, "e", &n), 0);
    assert_int_equal(n, PEOPLE);
    feed_people(h, PEOPLE, 10);
    assert_int_equal(count(h, "e"), PEOPLE + 10);
    storage_quick_hook((uint64_t)1 << 30);
    house_reopen(h, MUSTER_OPEN_READ);
    assert_int_equal(count(h, "e"), PEOPLE + 10);
    assert_false(muster_engine_notice(h->engine, NULL));
}

/* Known people must not become new ones because they are not found. */
static void test_engine_damage__nobody_is_counted_twice(void **state)
{
    house *h = *state;
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_feed *feed;
    muster_error err;
    buffer text;

    open_spoilt(h, "dictionary", MUSTER_OPEN_WRITE);
    buffer_init(&text, (size_t)64 << 20);
    put_people(&text, 0, 1000);
    options.format = MUSTER_INPUT_NDJSON;
    assert_int_equal(muster_feed_open(&feed, h->engine, &options, &err), 0);
    (void)muster_feed_push(feed, text.data, text.len, &err);
    assert_int_equal(muster_feed_finish(feed, &err), MUSTER_ECORRUPT);
    muster_feed_free(feed);
    buffer_release(&text);
    feed_people(h, 0, PEOPLE + 10);
    assert_int_equal(stats(h).users, PEOPLE + 10);
    assert_int_equal(count(h, "e"), PEOPLE + 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_engine_damage__a_reader_refuses_to_answer),
        HOUSE_TEST(test_engine_damage__a_writer_mends_itself),
        HOUSE_TEST(test_engine_damage__nobody_is_counted_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
