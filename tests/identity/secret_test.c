/*
 * secret_test.c - secrets that are kept as a hash, against a value that
 * another implementation computed (Python's hashlib.blake2b): what was stored
 * once is found by later versions.
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

/* The key of the golden value: bytes 0, 1, .. 31. */
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

static void test_identity_secret__is_blake2b_of_key_label_secret(void **state)
{
    static const char golden[] = "509e570c9df7268fe138ba19ab5e8432"
                                 "acb263ad4c25f28760f100b592949507";
    uint8_t hash[IDENTITY_SECRET_HASH_BYTES];
    char text[2 * sizeof hash + 1];
    (void)state;

    identity_secret_hash(
        key, text_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"), hash);
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
    assert_string_equal(text, golden);
}

static void test_identity_secret__takes_up_to_its_bound(void **state)
{
    uint8_t hashes[2][IDENTITY_SECRET_HASH_BYTES];
    char longest[IDENTITY_SECRET_MAX];
    (void)state;

    memset(longest, 'x', sizeof longest);
    identity_secret_hash(key, text_make(longest, sizeof longest), hashes[0]);
    identity_secret_hash(key, text_make(longest, sizeof longest - 1),
                         hashes[1]);
    assert_false(identity_same(hashes[0], hashes[1], sizeof hashes[0]));
    assert_true(identity_same(hashes[0], hashes[0], sizeof hashes[0]));
}

static void test_identity_secret__random_and_wiped(void **state)
{
    static const uint8_t zero[64];
    uint8_t a[64] = {0};
    uint8_t b[64] = {0};
    (void)state;

    identity_random(a, sizeof a);
    identity_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, zero, sizeof a);
    identity_wipe(a, sizeof a);
    assert_memory_equal(a, zero, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_identity_secret__is_blake2b_of_key_label_secret),
        cmocka_unit_test(test_identity_secret__takes_up_to_its_bound),
        cmocka_unit_test(test_identity_secret__random_and_wiped),
    };
    return cmocka_run_group_tests(tests, open_key, close_key);
}
