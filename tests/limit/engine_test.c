/*
 * engine_test.c - the limits of limits.h that the wiring enforces: what fits
 * is taken, one more is refused with a word, and nothing stored is harmed.
 *
 * Limits of records and inputs have their cases in tests/ingest, those of the
 * catalog alone in tests/catalog, those of expressions in tests/segment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <muster/limits.h>
#include "base/base.h"
#include "engine/engine_support.h"
#include "support/dice.h"

static char *repeat(char c, size_t n)
{
    char *text = mem_alloc(n + 1);
    memset(text, c, n);
    text[n] = '\0';
    return text;
}

static void test_limit_engine__segment_bytes(void **state)
{
    house *h = *state;
    char *text = repeat(' ', MUSTER_SEGMENT_BYTES_MAX + 1);
    muster_segment *s;
    muster_error err;

    memcpy(text, "all", 3);
    assert_int_equal(muster_segment_compile(&s, h->engine, h->scope, text,
                                            MUSTER_SEGMENT_BYTES_MAX, &err),
                     0);
    muster_segment_free(s);
    assert_int_equal(muster_segment_compile(&s, h->engine, h->scope, text,
                                            MUSTER_SEGMENT_BYTES_MAX + 1,
                                            &err),
                     MUSTER_EEXPR);
    assert_string_equal(err.word, "expr_bytes");
    assert_null(s);
    assert_int_equal(try_save(h, "seg", text, NULL, &err), MUSTER_EEXPR);
    assert_string_equal(err.word, "expr_bytes");
    text[MUSTER_SEGMENT_BYTES_MAX] = '\0';
    assert_int_equal(try_save(h, "seg", text, NULL, &err), 0);
    mem_free(text);
}

static void test_limit_engine__segment_key_bytes(void **state)
{
    house *h = *state;
    char *key = repeat('k', MUSTER_SEGMENT_KEY_BYTES_MAX + 1);
    muster_error err;

    assert_int_equal(try_save(h, key, "all", NULL, &err), MUSTER_EINVAL);
    assert_string_equal(err.word, "bad_key");
    key[MUSTER_SEGMENT_KEY_BYTES_MAX] = '\0';
    assert_int_equal(try_save(h, key, "all", NULL, &err), 0);
    mem_free(key);
}

static void test_limit_engine__segment_name_bytes(void **state)
{
    house *h = *state;
    char *name = repeat('n', MUSTER_VALUE_BYTES_MAX + 1);
    muster_save options = MUSTER_SAVE_INIT;
    muster_error err;

    options.key = "seg";
    options.expr = "all";
    options.expr_len = 3;
    options.name = name;
    assert_int_equal(muster_audience_save(h->engine, &options, NULL, &err),
                     MUSTER_EINVAL);
    name[MUSTER_VALUE_BYTES_MAX] = '\0';
    assert_int_equal(muster_audience_save(h->engine, &options, NULL, &err),
                     0);
    mem_free(name);
}

static void test_limit_engine__overlap_segments(void **state)
{
    house *h = *state;
    muster_segment *list[MUSTER_OVERLAP_MAX + 1];
    muster_overlap *answer;
    muster_error err;

    for (size_t i = 0; i <= MUSTER_OVERLAP_MAX; i++)
        list[i] = compile(h, "all");
    assert_int_equal(muster_reach_overlap(list, 1, &answer, &err),
                     MUSTER_EINVAL);
    assert_int_equal(muster_reach_overlap(list, MUSTER_OVERLAP_MAX + 1,
                                          &answer, &err),
                     MUSTER_EINVAL);
    assert_string_equal(err.word, "bad_overlap");
    assert_null(answer);
    assert_int_equal(
        muster_reach_overlap(list, MUSTER_OVERLAP_MAX, &answer, &err), 0);
    muster_overlap_free(answer);
    for (size_t i = 0; i <= MUSTER_OVERLAP_MAX; i++)
        muster_segment_free(list[i]);
}

static void test_limit_engine__catalog_file_bytes(void **state)
{
    house *h = *state;
    const size_t most = (size_t)16 << 20;
    char *text = repeat(' ', most + 1);
    muster_error err;

    memcpy(text, "{}", 2);
    assert_int_equal(muster_catalog_apply(h->engine, text, most + 1, &err),
                     MUSTER_ELIMIT);
    assert_int_equal(muster_catalog_apply(h->engine, text, most, &err), 0);
    mem_free(text);
}

/* Feeds one record for each number below n, made by `put`. */
static muster_receipt feed_many(house *h, uint32_t n, reject_log *log,
                                void (*put)(buffer *out, uint32_t i))
{
    buffer text;
    buffer_init(&text, (size_t)512 << 20);
    for (uint32_t i = 0; i < n; i++)
        put(&text, i);
    memset(log, 0, sizeof *log);
    const muster_receipt r =
        feed_with(h->engine, buffer_cstr(&text), false, log);
    buffer_release(&text);
    return r;
}

static void put_provider(buffer *out, uint32_t i)
{
    buffer_printf(out, "{\"ids\":{\"cookie\":\"u\"},\"provider\":\"p%u\","
                       "\"set\":{\"f\":true}}\n", i);
}

static void test_limit_engine__providers(void **state)
{
    house *h = *state;
    reject_log log;
    const muster_receipt r =
        feed_many(h, MUSTER_PROVIDERS_MAX + 5, &log, put_provider);
    assert_int_equal(stats(h).providers, MUSTER_PROVIDERS_MAX);
    assert_true(r.rejected >= 5 && r.rejected <= 6); /* "default" is one */
    assert_string_equal(log.code, "full");
    assert_string_equal(log.pointer, "/provider");
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"provider\":\"p1\",\"set\":{\"g\":"
            "true}}\n");
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(stats(h).providers, MUSTER_PROVIDERS_MAX);
    assert_int_equal(count(h, "f from p7 and g"), 1);
}

#define ATTRIBUTES_A_RECORD 1000u

static void put_attributes(buffer *out, uint32_t i)
{
    buffer_put_str(out, "{\"ids\":{\"cookie\":\"u\"},\"set\":{");
    for (uint32_t k = 0; k < ATTRIBUTES_A_RECORD; k++)
        buffer_printf(out, "%s\"a%u\":true", k ? "," : "",
                      i * ATTRIBUTES_A_RECORD + k);
    buffer_put_str(out, "}}\n");
}

static void test_limit_engine__attributes(void **state)
{
    house *h = *state;
    reject_log log;
    const uint32_t records =
        MUSTER_ATTRIBUTES_MAX / ATTRIBUTES_A_RECORD + 2;
    const muster_receipt r = feed_many(h, records, &log, put_attributes);
    assert_int_equal(r.rejected, 2);
    assert_string_equal(log.code, "full");
    assert_memory_equal(log.pointer, "/set/a", 6);
    assert_int_equal(stats(h).attributes, MUSTER_ATTRIBUTES_MAX);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(stats(h).attributes, MUSTER_ATTRIBUTES_MAX);
    assert_int_equal(count(h, "a1 and a64999"), 1);
}

#define VALUES_A_RECORD 900u

static void put_values(buffer *out, uint32_t i)
{
    buffer_printf(out, "{\"ids\":{\"cookie\":\"u%u\"},\"add\":{\"t\":[", i);
    for (uint32_t k = 0; k < VALUES_A_RECORD; k++)
        buffer_printf(out, "%s\"v%u\"", k ? "," : "",
                      i * VALUES_A_RECORD + k);
    buffer_put_str(out, "]}}\n");
}

static void test_limit_engine__values_of_an_attribute(void **state)
{
    house *h = *state;
    reject_log log;

    if (test_size(100, 101) < 100) { /* a million values take their time */
        print_message("skipped: MUSTER_TEST_SCALE is below 100\n");
        skip();
    }
    const uint32_t records = MUSTER_VALUES_MAX / VALUES_A_RECORD + 2;
    const muster_receipt r = feed_many(h, records, &log, put_values);
    assert_true(r.rejected > 0);
    assert_string_equal(log.code, "full");
    assert_string_equal(log.pointer, "/add/t");
    assert_true(stats(h).values <= MUSTER_VALUES_MAX &&
                stats(h).values > MUSTER_VALUES_MAX - VALUES_A_RECORD);
    assert_int_equal(count(h, "t = \"v999000\""), 1);
}

static void test_limit_engine__counts_saturate_at_the_cap(void **state)
{
    house *h = *state;
    catalog(h, "{\"attributes\":{\"e\":{\"kind\":\"event\",\"cap\":1000000},"
               "\"s\":{\"kind\":\"event\",\"cap\":3}}}");
    for (int i = 0; i < 3; i++) {
        feed(h, "{\"ids\":{\"cookie\":\"u\"},\"events\":[{\"name\":\"e\","
                "\"count\":1000000000},{\"name\":\"s\",\"count\":2}]}\n");
        assert_int_equal(count(h, "e at least 1000000 times"), 1);
        assert_int_equal(count(h, "s at least 3 times"), i > 0);
        assert_int_equal(count(h, "s exactly 2 times"), i == 0);
        if (i == 1)
            house_checkpoint(h);
    }
}

static void test_limit_engine__totals_saturate(void **state)
{
    house *h = *state;
    buffer text;

    buffer_init(&text, (size_t)64 << 20);
    /* 110,000 x 10^7 is above 2^40 - 1 */
    for (int i = 0; i < 110000; i++)
        buffer_put_str(&text, "{\"ids\":{\"cookie\":\"u\"},\"events\":[{"
                              "\"name\":\"e\",\"amount\":10000000}]}\n");
    for (int i = 0; i < 2; i++) {
        feed(h, buffer_cstr(&text));
        assert_int_equal(count(h, "e at least 1099511627775 total"), 1);
        house_checkpoint(h);
        assert_int_equal(count(h, "e at least 1099511627775 total"), 1);
    }
    buffer_release(&text);
}

static void test_limit_engine__numbers(void **state)
{
    house *h = *state;
    feed(h, "{\"ids\":{\"cookie\":\"a\"},\"set\":{\"n\":"
            "1099511627775.9999}}\n"
            "{\"ids\":{\"cookie\":\"b\"},\"set\":{\"n\":"
            "-1099511627775.9999}}\n");
    expect_reject(h, "{\"ids\":{\"cookie\":\"a\"},\"set\":{\"n\":"
                     "1099511627776}}\n", "bad_number", "/set/n");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(count(h, "n = 1099511627775.9999"), 1);
        assert_int_equal(count(h, "n <= -1099511627775.9999"), 1);
        assert_int_equal(count(h, "n > -1099511627775.9999"), 1);
        assert_int_equal(count(h, "n is known"), 2);
        house_checkpoint(h);
    }
}

static void test_limit_engine__sample_error(void **state)
{
    static const double bad[] = {-0.001, 0.5001, 2, NAN};
    muster_sample sample = {MUSTER_SAMPLE_ERROR_MAX, 1};
    house *h = *state;
    muster_segment *s;
    muster_count *n;
    muster_error err;

    assert_int_equal(muster_segment_compile(&s, h->engine, h->scope, "all", 3,
                                            &err), 0);
    assert_int_equal(muster_segment_estimate(s, &sample, &n, &err), 0);
    assert_true(n->exact && n->low == n->count && n->high == n->count);
    muster_count_free(n);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sample.error = bad[i];
        assert_int_equal(muster_segment_estimate(s, &sample, &n, &err),
                         MUSTER_EINVAL);
        assert_string_equal(err.word, "bad_sample");
        assert_null(n);
    }
    muster_segment_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_limit_engine__segment_bytes),
        HOUSE_TEST(test_limit_engine__segment_key_bytes),
        HOUSE_TEST(test_limit_engine__segment_name_bytes),
        HOUSE_TEST(test_limit_engine__overlap_segments),
        HOUSE_TEST(test_limit_engine__catalog_file_bytes),
        HOUSE_TEST(test_limit_engine__providers),
        HOUSE_TEST(test_limit_engine__attributes),
        HOUSE_TEST(test_limit_engine__values_of_an_attribute),
        HOUSE_TEST(test_limit_engine__counts_saturate_at_the_cap),
        HOUSE_TEST(test_limit_engine__totals_saturate),
        HOUSE_TEST(test_limit_engine__numbers),
        HOUSE_TEST(test_limit_engine__sample_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
