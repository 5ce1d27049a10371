/*
 * error_test.c - filling, cutting and placing of muster_error.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/error.h"
#include "base/text.h"
#include "expect_abort.h"

static void test_base_error__every_code_has_its_text(void **state)
{
    (void)state;
#define CHECK_ROW(symbol, value, text)                                         \
    assert_int_equal(symbol, value);                                           \
    assert_string_equal(muster_error_name(symbol), text);
    MUSTER_ERROR_MAP(CHECK_ROW)
#undef CHECK_ROW
    assert_string_equal(muster_error_name(0), "no error");
    assert_string_equal(muster_error_name(-1000), "unknown error");
    assert_string_equal(muster_error_name(1), "unknown error");
}

static void test_base_error__version_is_the_header_s(void **state)
{
    (void)state;
    assert_string_equal(muster_version(), MUSTER_VERSION);
}

static void test_base_error__set_fills_and_forgets_the_former(void **state)
{
    (void)state;
    muster_error err;
    memset(&err, 0xaa, sizeof err);
    const int rc = error_set(&err, MUSTER_EINVAL, "bad_key", "no key %d", 7);
    assert_int_equal(rc, MUSTER_EINVAL);
    assert_int_equal(err.code, MUSTER_EINVAL);
    assert_string_equal(err.word, "bad_key");
    assert_string_equal(err.message, "no key 7");
    assert_string_equal(err.suggestion, "");
    assert_int_equal(err.line, 0);
    assert_int_equal(err.column, 0);
    assert_int_equal(err.offset, 0);
    assert_int_equal(err.length, 0);
}

static void test_base_error__null_is_accepted(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, MUSTER_ELIMIT, "limit", "x"),
                     MUSTER_ELIMIT);
    assert_int_equal(error_place(NULL, "abc", 3, 1, 1), 0);
    error_suggest(NULL, "x");
    error_clear(NULL);
    errno = ENOENT;
    assert_int_equal(error_errno(NULL, "open", "x"), MUSTER_EIO);
}

static void test_base_error__message_is_one_safe_line(void **state)
{
    (void)state;
    muster_error err;
    error_set(&err, MUSTER_EINVAL, "w", "a\nb\tc\x1b[1m\x7f \xc2\x9b%s",
              "\xc3\xa4");
    assert_string_equal(err.message, "a b c [1m    \xc3\xa4");
    error_suggest(&err, "one\r\ntwo");
    assert_string_equal(err.suggestion, "one  two");
}

static void test_base_error__cut_never_splits_a_character(void **state)
{
    (void)state;
    static const char *const wide[] = {"\xc3\xa4", "\xe2\x82\xac",
                                       "\xf0\x9f\x98\x80"};
    for (size_t kind = 0; kind < 3; kind++) {
        for (size_t shift = 0; shift < 4; shift++) {
            char text[2048] = "";
            memset(text, 'x', shift);
            const size_t step = strlen(wide[kind]);
            for (size_t i = 0; i < 400; i++)
                memcpy(text + shift + i * step, wide[kind], step);
            muster_error err;
            error_set(&err, MUSTER_EINVAL, "w", "%s", text);
            error_suggest(&err, "%s", text);
            assert_true(strlen(err.message) > sizeof err.message - 5);
            assert_true(strlen(err.suggestion) > sizeof err.suggestion - 5);
            assert_true(text_is_utf8(text_of(err.message)));
            assert_true(text_is_utf8(text_of(err.suggestion)));
        }
    }
}

static void test_base_error__arguments_may_be_its_own_text(void **state)
{
    (void)state;
    muster_error err;
    error_set(&err, MUSTER_EINVAL, "inner", "inside");
    error_set(&err, MUSTER_EIO, err.word, "outside: %s", err.message);
    assert_string_equal(err.word, "inner");
    assert_string_equal(err.message, "outside: inside");
}

static void test_base_error__place_counts_lines_and_characters(void **state)
{
    (void)state;
    static const char text[] = "one\nz\xc3\xa4hl x\n";
    muster_error err;
    error_set(&err, MUSTER_EEXPR, "w", "m");
    assert_int_equal(error_place(&err, text, strlen(text), 0, 3), MUSTER_EEXPR);
    assert_int_equal(err.line, 1);
    assert_int_equal(err.column, 1);
    assert_int_equal(err.length, 3);
    error_place(&err, text, strlen(text), 10, 1);
    assert_int_equal(err.offset, 10);
    assert_int_equal(err.line, 2);
    assert_int_equal(err.column, 6);
    error_place(&err, text, strlen(text), strlen(text), 5);
    assert_int_equal(err.line, 3);
    assert_int_equal(err.column, 1);
    assert_int_equal(err.length, 0);
}

static void test_base_error__errno_names_act_path_and_reason(void **state)
{
    (void)state;
    muster_error err;
    errno = ENOENT;
    assert_int_equal(error_errno(&err, "open", "/no/where"), MUSTER_EIO);
    assert_int_equal(errno, ENOENT);
    assert_string_equal(err.word, "io");
    assert_string_equal(err.message,
                        "cannot open /no/where: No such file or directory");
}

static void break_assertion(void *payload)
{
    ASSERT(payload != NULL);
}

static void place_behind_the_text(void *payload)
{
    error_place(payload, "abc", 3, 4, 0);
}

static void test_base_error__our_mistakes_abort(void **state)
{
    (void)state;
    muster_error err = {0};
    expect_abort(break_assertion, NULL);
    expect_abort(place_behind_the_text, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_error__every_code_has_its_text),
        cmocka_unit_test(test_base_error__version_is_the_header_s),
        cmocka_unit_test(test_base_error__set_fills_and_forgets_the_former),
        cmocka_unit_test(test_base_error__null_is_accepted),
        cmocka_unit_test(test_base_error__message_is_one_safe_line),
        cmocka_unit_test(test_base_error__cut_never_splits_a_character),
        cmocka_unit_test(test_base_error__arguments_may_be_its_own_text),
        cmocka_unit_test(test_base_error__place_counts_lines_and_characters),
        cmocka_unit_test(test_base_error__errno_names_act_path_and_reason),
        cmocka_unit_test(test_base_error__our_mistakes_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
