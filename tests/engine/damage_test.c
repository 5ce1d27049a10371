/*
 * damage_test.c - a generation so large that it is not read when it is opened
 * turns out to be damaged while it is used: no wrong answer, no wrong fact,
 * and a writer makes its state anew from the older one and the log.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glob.h>
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

static void test_engine_damage__a_dry_run_is_refused(void **state)
{
    house *h = *state;
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_feed *feed;
    muster_error err;

    open_spoilt(h, "dictionary", MUSTER_OPEN_WRITE);
    options.format = MUSTER_INPUT_NDJSON;
    options.dry_run = true;
    assert_int_equal(muster_feed_open(&feed, h->engine, &options, &err),
                     MUSTER_ECORRUPT);
    assert_string_equal(err.word, "bad_generation");
}

/* As a generation looks that an older Muster wrote: another form in its
 * header and in the footer, which has a checksum of its own. */
static void make_older(const char *path)
{
    uint8_t end[64];
    FILE *f = fopen(path, "r+b");

    assert_non_null(f);
    assert_int_equal(fseek(f, 8, SEEK_SET), 0);
    assert_int_equal(fputc(1, f), 1);
    assert_int_equal(fseek(f, -64, SEEK_END), 0);
    assert_int_equal(fread(end, 1, sizeof end, f), sizeof end);
    end[8] = 1;
    const uint64_t sum = hash_bytes(end, 56);
    memcpy(end + 56, &sum, sizeof sum);
    assert_int_equal(fseek(f, -64, SEEK_END), 0);
    assert_int_equal(fwrite(end, 1, sizeof end, f), sizeof end);
    assert_int_equal(fclose(f), 0);
}

static void test_engine_damage__an_older_form_is_not_damage(void **state)
{
    house *h = *state;
    muster_engine_options o = MUSTER_ENGINE_OPTIONS_INIT;
    muster_engine *e = NULL;
    muster_error err;
    char pattern[600];
    glob_t found;

    for (int i = 0; i < 4; i++) { /* so that the log begins behind one */
        feed_people(h, i * 1000, 1000);
        house_checkpoint(h);
    }
    house_reopen(h, MUSTER_OPEN_READ);
    snprintf(pattern, sizeof pattern, "%s/gen-*.mgen", h->dir);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        make_older(found.gl_pathv[i]);
    globfree(&found);
    o.data_dir = h->dir;
    assert_int_equal(muster_engine_open(&e, &o, &err), MUSTER_EVERSION);
    assert_non_null(strstr(err.suggestion, "load its sources"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_engine_damage__a_reader_refuses_to_answer),
        HOUSE_TEST(test_engine_damage__a_writer_mends_itself),
        HOUSE_TEST(test_engine_damage__nobody_is_counted_twice),
        HOUSE_TEST(test_engine_damage__a_dry_run_is_refused),
        HOUSE_TEST(test_engine_damage__an_older_form_is_not_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
