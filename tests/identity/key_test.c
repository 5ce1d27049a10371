/*
 * key_test.c - the key file: made once, for its owner only, refused when it
 * is not whole.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "identity/identity.h"

#define GOOD_HEX                                                               \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static char dir[256];
static char path[512];

static int make_directory(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/keyXXXXXX", tmp ? tmp : "/tmp");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/muster.key", dir);
    return 0;
}

/* Removes the files and counts them. */
static size_t empty_directory(void)
{
    size_t count = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char name[512];
        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%.255s", dir, e->d_name);
        unlink(name);
        count++;
    }
    closedir(d);
    return count;
}

static int remove_directory(void **state)
{
    (void)state;
    empty_directory();
    return rmdir(dir);
}

static void write_file(const char *text, mode_t mode)
{
    unlink(path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static void expect_refused(int code, const char *word)
{
    muster_error err;
    identity_key *key = (identity_key *)(void *)path;
    error_clear(&err);
    assert_int_equal(identity_key_open(&key, path, false, &err), code);
    assert_null(key);
    assert_string_equal(err.word, word);
    assert_non_null(strstr(err.message, path));
}

static void test_identity_key__is_made_once_for_its_owner(void **state)
{
    (void)state;
    struct stat st;
    identity_key *a = NULL;
    identity_key *b = NULL;
    const mode_t former = umask(0);
    assert_int_equal(identity_key_open(&a, path, true, NULL), 0);
    umask(former);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 78);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(identity_key_open(&b, path, true, NULL), 0);
    assert_true(identity_key_check(a) == identity_key_check(b));
    identity_key_free(a);
    identity_key_free(b);
    identity_key_free(NULL);
    assert_int_equal(empty_directory(), 1);
}

static void test_identity_key__two_keys_differ(void **state)
{
    (void)state;
    identity_key *a = NULL;
    identity_key *b = NULL;
    assert_int_equal(identity_key_open(&a, path, true, NULL), 0);
    empty_directory();
    assert_int_equal(identity_key_open(&b, path, true, NULL), 0);
    assert_true(identity_key_check(a) != identity_key_check(b));
    identity_key_free(a);
    identity_key_free(b);
}

static void test_identity_key__the_file_is_one_line_of_text(void **state)
{
    (void)state;
    identity_key *key = NULL;
    char line[128] = "";
    empty_directory();
    assert_int_equal(identity_key_open(&key, path, true, NULL), 0);
    identity_key_free(key);
    FILE *f = fopen(path, "r");
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    assert_int_equal(strlen(line), 78);
    assert_memory_equal(line, "muster-key-1 ", 13);
    assert_int_equal(strspn(line + 13, "0123456789abcdef"), 64);
    assert_string_equal(line + 77, "\n");
}

static void test_identity_key__missing_is_said(void **state)
{
    (void)state;
    empty_directory();
    expect_refused(MUSTER_ENOTFOUND, "no_key");
}

static void test_identity_key__others_may_not_read_it(void **state)
{
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0660, 0644, 0610, 0602};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        write_file("muster-key-1 " GOOD_HEX "\n", modes[i]);
        expect_refused(MUSTER_EREFUSED, "key_permissions");
    }
    write_file("muster-key-1 " GOOD_HEX "\n", 0400);
    identity_key *key = NULL;
    assert_int_equal(identity_key_open(&key, path, false, NULL), 0);
    identity_key_free(key);
}

static void test_identity_key__bad_content_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "\n",
        GOOD_HEX "\n",
        "muster-key-2 " GOOD_HEX "\n",
        "muster-key-1 " GOOD_HEX "0\n",
        "muster-key-1 " GOOD_HEX "\n\n",
        "muster-key-1 0" GOOD_HEX "\n",
        "muster-key-1 g0010203040506070809" GOOD_HEX,
        "muster-key-1 00010203040506070809",
        "muster-key-1 "
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g\n",
        "muster-key-1 "
        "000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1ef\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_file(bad[i], 0600);
        expect_refused(MUSTER_EINVAL, "bad_key");
    }
    empty_directory();
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refused(MUSTER_EINVAL, "bad_key");
    assert_int_equal(rmdir(path), 0);
}

static void test_identity_key__newline_and_case_are_forgiven(void **state)
{
    (void)state;
    identity_key *a = NULL;
    identity_key *b = NULL;
    write_file("muster-key-1 " GOOD_HEX "\n", 0600);
    assert_int_equal(identity_key_open(&a, path, false, NULL), 0);
    write_file("muster-key-1 000102030405060708090A0B0C0D0E0F"
               "101112131415161718191A1B1C1D1E1F",
               0600);
    assert_int_equal(identity_key_open(&b, path, false, NULL), 0);
    assert_true(identity_key_check(a) == identity_key_check(b));
    identity_key_free(a);
    identity_key_free(b);
}

static void test_identity_key__no_place_to_make_it(void **state)
{
    (void)state;
    muster_error err;
    identity_key *key = NULL;
    char nowhere[600];
    snprintf(nowhere, sizeof nowhere, "%s/no/such/key", dir);
    assert_int_equal(identity_key_open(&key, nowhere, true, &err), MUSTER_EIO);
    assert_null(key);
}

/* Many processes that start together all end with the one key. */
static void test_identity_key__a_race_makes_one_key(void **state)
{
    (void)state;
    enum { CHILDREN = 16 };
    int pipes[2];
    empty_directory();
    assert_int_equal(pipe(pipes), 0);
    for (int i = 0; i < CHILDREN; i++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child != 0)
            continue;
        identity_key *key = NULL;
        uint64_t check = 0;
        if (identity_key_open(&key, path, true, NULL) == 0)
            check = identity_key_check(key);
        const ssize_t n = write(pipes[1], &check, sizeof check);
        identity_key_free(key);
        _exit(n == sizeof check ? 0 : 1);
    }
    uint64_t first = 0;
    for (int i = 0; i < CHILDREN; i++) {
        uint64_t check = 0;
        int status = 0;
        assert_int_equal(read(pipes[0], &check, sizeof check), sizeof check);
        assert_true(wait(&status) > 0 && status == 0);
        assert_true(check != 0);
        if (i == 0)
            first = check;
        assert_true(check == first);
    }
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(empty_directory(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_key__is_made_once_for_its_owner),
        cmocka_unit_test(test_identity_key__two_keys_differ),
        cmocka_unit_test(test_identity_key__the_file_is_one_line_of_text),
        cmocka_unit_test(test_identity_key__missing_is_said),
        cmocka_unit_test(test_identity_key__others_may_not_read_it),
        cmocka_unit_test(test_identity_key__bad_content_is_refused),
        cmocka_unit_test(test_identity_key__newline_and_case_are_forgiven),
        cmocka_unit_test(test_identity_key__no_place_to_make_it),
        cmocka_unit_test(test_identity_key__a_race_makes_one_key),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
