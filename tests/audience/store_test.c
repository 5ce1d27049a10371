/*
 * store_test.c - saved segments in memory: keys, versions, numbers that last,
 * and the encoded form.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "audience/audience.h"
#include "support/dice.h"

static const audience *put(audience_store *s, const char *key,
                           const char *expr, bool removed)
{
    const audience_version v = {.expr = text_of(expr),
                                .name = text_of("a name"),
                                .priority = -3,
                                .served = true,
                                .removed = removed,
                                .created = 1795264200};
    return audience_put(s, text_of(key), &v);
}

static void test_audience_store__keys(void **state)
{
    (void)state;
    char longest[MUSTER_SEGMENT_KEY_BYTES_MAX + 2];
    memset(longest, 'a', sizeof longest);
    assert_true(audience_is_key(
        text_make(longest, MUSTER_SEGMENT_KEY_BYTES_MAX)));
    assert_false(audience_is_key(
        text_make(longest, MUSTER_SEGMENT_KEY_BYTES_MAX + 1)));
    static const char *const good[] = {"a", "0", "a-b_c", "9lives", "a-"};
    static const char *const bad[] = {"", "-a", "_a", "A", "a b", "a.b",
                                      "a/b", "\xc3\xa4", "a\n"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(audience_is_key(text_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(audience_is_key(text_of(bad[i])));
}

static void test_audience_store__versions_and_removal(void **state)
{
    (void)state;
    audience_store *s = audience_store_new();

    const audience *a = put(s, "seg", "one", false);
    assert_int_equal(a->id, 1);
    assert_int_equal(audience_current(a)->version, 1);
    put(s, "seg", "two", false);
    a = put(s, "seg", "", true);
    assert_null(audience_current(a));
    assert_ptr_equal(audience_find(s, text_of("seg")), a);
    assert_int_equal(audience_count(s), 1);
    a = put(s, "seg", "four", false);
    assert_int_equal(a->version_count, 4);
    assert_int_equal(a->id, 1);
    assert_int_equal(audience_current(a)->version, 4);
    assert_true(text_is(a->versions[0].expr, "one"));
    audience_store_free(s);
}

/* The text of an older version may be put again: it is copied. */
static void test_audience_store__texts_are_copied(void **state)
{
    (void)state;
    audience_store *s = audience_store_new();
    char expr[] = "fresh";
    const audience *a = put(s, "seg", expr, false);
    memset(expr, 'x', sizeof expr - 1);
    for (int i = 0; i < 50; i++) {
        const audience_version first = a->versions[0];
        a = audience_put(s, text_of("seg"), &first);
    }
    assert_int_equal(a->version_count, 51);
    assert_true(text_is(audience_current(a)->expr, "fresh"));
    audience_store_free(s);
}

static void test_audience_store__in_order_of_key(void **state)
{
    (void)state;
    audience_store *s = audience_store_new();
    random_state r;

    random_seed(&r, 1);
    for (int i = 0; i < 500; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", dice(&r, 200));
        put(s, key, key, chance(&r, 20));
    }
    for (size_t i = 0; i < audience_count(s); i++) {
        const audience *a = audience_at(s, i);
        assert_ptr_equal(audience_find(s, text_of(a->key)), a);
        assert_true(a->id >= 1 && a->id <= audience_count(s));
        if (i > 0)
            assert_true(strcmp(audience_at(s, i - 1)->key, a->key) < 0);
    }
    assert_null(audience_find(s, text_of("missing")));
    audience_store_free(s);
    audience_store_free(NULL);
}

static void expect_same(const audience_store *s, const audience_store *t)
{
    assert_int_equal(audience_count(s), audience_count(t));
    for (size_t i = 0; i < audience_count(s); i++) {
        const audience *a = audience_at(s, i);
        const audience *b = audience_at(t, i);
        assert_string_equal(a->key, b->key);
        assert_int_equal(a->id, b->id);
        assert_int_equal(a->version_count, b->version_count);
        for (size_t j = 0; j < a->version_count; j++) {
            const audience_version *v = &a->versions[j];
            const audience_version *w = &b->versions[j];
            assert_int_equal(v->version, w->version);
            assert_true(text_equal(v->expr, w->expr));
            assert_true(text_equal(v->name, w->name));
            assert_int_equal(v->priority, w->priority);
            assert_int_equal(v->served, w->served);
            assert_int_equal(v->removed, w->removed);
            assert_int_equal(v->created, w->created);
        }
    }
}

static void encode_some(buffer *out, audience_store *s)
{
    put(s, "b", "x = 1", false);
    put(s, "a", "y = \"\xc3\xa4\"", false);
    put(s, "b", "", true);
    put(s, "c", "all", false);
    buffer_init(out, 1 << 20);
    audience_store_encode(s, out);
}

static void test_audience_store__encoded_and_back(void **state)
{
    (void)state;
    audience_store *s = audience_store_new();
    audience_store *t = audience_store_new();
    buffer bytes;
    muster_error err;

    encode_some(&bytes, s);
    assert_int_equal(audience_store_decode(t, bytes.data, bytes.len, &err),
                     0);
    expect_same(s, t);
    assert_int_equal(put(t, "new", "all", false)->id, 4);
    buffer_release(&bytes);
    audience_store_free(s);
    audience_store_free(t);
}

static void test_audience_store__damage_is_told(void **state)
{
    (void)state;
    audience_store *s = audience_store_new();
    const uint64_t flips = test_size(3000, 300000);
    random_state r;
    buffer bytes;
    muster_error err;

    encode_some(&bytes, s);
    for (size_t len = 0; len < bytes.len; len++) {
        audience_store *t = audience_store_new();
        uint8_t *cut = malloc(len ? len : 1);
        memcpy(cut, bytes.data, len);
        assert_int_equal(audience_store_decode(t, cut, len, &err),
                         MUSTER_ECORRUPT);
        assert_string_equal(err.word, "damaged_audiences");
        free(cut);
        audience_store_free(t);
    }
    random_seed(&r, 2);
    for (uint64_t i = 0; i < flips; i++) { /* refused or read, no more */
        audience_store *t = audience_store_new();
        uint8_t *bad = malloc(bytes.len);
        memcpy(bad, bytes.data, bytes.len);
        for (uint32_t n = 1 + dice(&r, 3); n > 0; n--)
            bad[dice(&r, (uint32_t)bytes.len)] = (uint8_t)random_u64(&r);
        (void)audience_store_decode(t, bad, bytes.len, &err);
        free(bad);
        audience_store_free(t);
    }
    buffer_release(&bytes);
    audience_store_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audience_store__keys),
        cmocka_unit_test(test_audience_store__versions_and_removal),
        cmocka_unit_test(test_audience_store__texts_are_copied),
        cmocka_unit_test(test_audience_store__in_order_of_key),
        cmocka_unit_test(test_audience_store__encoded_and_back),
        cmocka_unit_test(test_audience_store__damage_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
