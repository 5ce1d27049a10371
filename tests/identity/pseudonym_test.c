/*
 * pseudonym_test.c - pseudonyms and splits against values that another
 * implementation computed (Python's hashlib.blake2b, and SipHash-2-4 written
 * after its paper), and their text form.
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
#include <sys/stat.h>
#include <cmocka.h>
#include "identity/identity.h"

static identity_key *key;

/* The key of the golden values: bytes 0, 1, .. 31. */
static int open_key(void **state)
{
    (void)state;
    char path[4096];
    const char *dir = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/golden.key", dir ? dir : "/tmp");
    FILE *f = fopen(path, "w");
    if (f == NULL)
        return -1;
    fputs("muster-key-1 000102030405060708090a0b0c0d0e0f"
          "101112131415161718191a1b1c1d1e1f\n",
          f);
    fclose(f);
    chmod(path, 0600);
    return identity_key_open(&key, path, false, NULL);
}

static int close_key(void **state)
{
    (void)state;
    identity_key_free(key);
    return 0;
}

static void expect_pseudonym(const char *space, const char *id, const char *hex)
{
    muster_pseudonym p;
    char text[PSEUDONYM_HEX + 1];
    assert_int_equal(identity_pseudonymise(key, text_of(space),
                                           identity_raw_of(text_of(id)), &p,
                                           NULL),
                     0);
    pseudonym_format(text, &p);
    assert_string_equal(text, hex);
}

static void test_identity_pseudonym__is_blake2b_of_key_space_id(void **state)
{
    (void)state;
    char long_id[301];
    memset(long_id, 'z', 300);
    long_id[300] = '\0';
    expect_pseudonym("cookie", "a1", "01e5c1f65e284c4702160f814bc6999a");
    expect_pseudonym("gaid", "38400000-8CF0-11BD-B23E-10B96E40000D",
                     "5f8b0b812be0eee44c91b67296499fb7");
    expect_pseudonym("customer", long_id, "9c067bded50d189fac4768bee95c19c0");
}

static void test_identity_pseudonym__key_check_is_stable(void **state)
{
    (void)state;
    assert_true(identity_key_check(key) == UINT64_C(0xf262da1645321f13));
}

static void test_identity_pseudonym__split_is_siphash(void **state)
{
    (void)state;
    static const uint32_t golden[] = {30, 49, 23, 44, 43, 46,
                                      74, 92, 64, 23, 51, 2};
    identity_split split;
    identity_split_init(&split, key, text_of("pricing-test"));
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        muster_pseudonym p;
        memset(p.bytes, (int)i, sizeof p.bytes);
        assert_int_equal(identity_split_bucket(&split, &p), golden[i]);
    }
}

static void test_identity_pseudonym__split_is_even(void **state)
{
    (void)state;
    uint32_t counts[100] = {0};
    random_state random;
    identity_split split;
    random_seed(&random, 7);
    identity_split_init(&split, key, text_of(""));
    for (int i = 0; i < 100000; i++) {
        muster_pseudonym p;
        for (size_t j = 0; j < 16; j++)
            p.bytes[j] = (uint8_t)random_below(&random, 256);
        const uint32_t bucket = identity_split_bucket(&split, &p);
        assert_true(bucket < 100);
        counts[bucket]++;
    }
    for (size_t i = 0; i < 100; i++) /* 1000 +- 6 sigma */
        assert_in_range(counts[i], 810, 1190);
}

static void test_identity_pseudonym__salts_are_independent(void **state)
{
    (void)state;
    identity_split a;
    identity_split b;
    identity_split_init(&a, key, text_of("a"));
    identity_split_init(&b, key, text_of("b"));
    assert_memory_not_equal(a.key, b.key, sizeof a.key);
}

static void test_identity_pseudonym__text_form_goes_both_ways(void **state)
{
    (void)state;
    const char *text = "00ff10a9fedcba98765432100123456f";
    char back[PSEUDONYM_HEX + 1];
    muster_pseudonym p;
    muster_pseudonym q;
    assert_true(pseudonym_parse(text_of(text), &p));
    pseudonym_format(back, &p);
    assert_string_equal(back, text);
    assert_true(
        pseudonym_parse(text_of("00FF10A9FEDCBA98765432100123456F"), &q));
    assert_memory_equal(&p, &q, sizeof p);
    assert_false(pseudonym_parse(text_of(""), &p));
    assert_false(
        pseudonym_parse(text_of("00ff10a9fedcba98765432100123456"), &p));
    assert_false(
        pseudonym_parse(text_of("00ff10a9fedcba98765432100123456g"), &p));
    assert_false(
        pseudonym_parse(text_of("00ff10a9fedcba98765432100123456f0"), &p));
    assert_memory_equal(&p, &q, sizeof p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_pseudonym__is_blake2b_of_key_space_id),
        cmocka_unit_test(test_identity_pseudonym__key_check_is_stable),
        cmocka_unit_test(test_identity_pseudonym__split_is_siphash),
        cmocka_unit_test(test_identity_pseudonym__split_is_even),
        cmocka_unit_test(test_identity_pseudonym__salts_are_independent),
        cmocka_unit_test(test_identity_pseudonym__text_form_goes_both_ways),
    };
    return cmocka_run_group_tests(tests, open_key, close_key);
}
