/*
 * scope_test.c - who asks, for what, for whom.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "privacy/privacy.h"

static void test_privacy_scope__keeps_copies(void **state)
{
    char asker[] = "cli";
    char partner[] = "acme";
    scope *s = NULL;
    (void)state;
    assert_int_equal(
        scope_new(&s, text_of(asker), PURPOSE_DELIVERY, text_of(partner), NULL),
        0);
    memset(asker, 'x', sizeof asker - 1);
    memset(partner, 'x', sizeof partner - 1);
    assert_true(text_is(scope_asker(s), "cli"));
    assert_true(text_is(scope_partner(s), "acme"));
    assert_int_equal(scope_purpose_of(s), PURPOSE_DELIVERY);
    scope_free(s);
    scope_free(NULL);
}

static void test_privacy_scope__needs_no_partner(void **state)
{
    scope *s = NULL;
    (void)state;
    assert_int_equal(scope_new(&s, text_of("console"), PURPOSE_ANALYSIS,
                               text_make(NULL, 0), NULL),
                     0);
    assert_int_equal(scope_partner(s).len, 0);
    scope_free(s);
}

static void check_refused(muster_text asker, scope_purpose purpose,
                          muster_text partner)
{
    muster_error err;
    scope *s = NULL;
    assert_int_equal(scope_new(&s, asker, purpose, partner, &err),
                     MUSTER_EINVAL);
    assert_null(s);
    assert_string_equal(err.word, "bad_scope");
    assert_int_equal(scope_new(&s, asker, purpose, partner, NULL),
                     MUSTER_EINVAL);
}

static void test_privacy_scope__refuses_what_names_nobody(void **state)
{
    char longest[MUSTER_NAME_BYTES_MAX + 1];
    const muster_text none = text_make(NULL, 0);
    const muster_text cli = text_of("cli");
    scope *s = NULL;
    (void)state;
    memset(longest, 'x', sizeof longest);
    check_refused(none, PURPOSE_ANALYSIS, none);
    check_refused(cli, (scope_purpose)0, none);
    check_refused(cli, (scope_purpose)4, none);
    check_refused(text_of("\xff"), PURPOSE_SERVING, none);
    check_refused(cli, PURPOSE_SERVING, text_of("\xc3("));
    check_refused(text_make(longest, sizeof longest), PURPOSE_SERVING, none);
    check_refused(cli, PURPOSE_SERVING, text_make(longest, sizeof longest));
    const muster_text fits = text_make(longest, MUSTER_NAME_BYTES_MAX);
    assert_int_equal(scope_new(&s, fits, PURPOSE_SERVING, fits, NULL), 0);
    assert_true(text_equal(scope_asker(s), fits));
    scope_free(s);
}

static void test_privacy_scope__sees_every_provider(void **state)
{
    scope *s = NULL;
    catalog *names = catalog_new();
    const catalog_provider *third = NULL;
    (void)state;
    assert_int_equal(catalog_provider_put(names, text_of("acme"), PARTY_THIRD,
                                          CATALOG_TTL_UNSET, true, &third,
                                          NULL),
                     0);
    assert_int_equal(
        scope_new(&s, text_of("cli"), PURPOSE_ANALYSIS, text_of(""), NULL), 0);
    for (size_t i = 0; i < catalog_provider_count(names); i++)
        assert_true(
            scope_sees_provider(s, catalog_provider_get(names, (uint32_t)i)));
    assert_true(scope_sees_provider(s, third));
    scope_free(s);
    catalog_free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_privacy_scope__keeps_copies),
        cmocka_unit_test(test_privacy_scope__needs_no_partner),
        cmocka_unit_test(test_privacy_scope__refuses_what_names_nobody),
        cmocka_unit_test(test_privacy_scope__sees_every_provider),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
