/*
 * catalog_test.c - numbers, names, definitions and who is told of changes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "catalog/catalog.h"

static catalog_attribute declared(attribute_kind kind)
{
    catalog_attribute def = catalog_attribute_default(kind);
    def.declared = true;
    return def;
}

static const catalog_attribute *put(catalog *c, const char *name,
                                    catalog_attribute def)
{
    const catalog_attribute *row = NULL;
    muster_error err;
    error_clear(&err);
    if (catalog_attribute_put(c, text_of(name), &def, &row, &err) != 0)
        fail_msg("%s is refused: %s", name, err.message);
    return row;
}

static void expect_refused(catalog *c, const char *name, catalog_attribute def,
                           int code, const char *word)
{
    muster_error err;
    error_clear(&err);
    const uint64_t version = catalog_version(c);
    assert_int_equal(catalog_attribute_put(c, text_of(name), &def, NULL, &err),
                     code);
    assert_string_equal(err.word, word);
    assert_true(catalog_version(c) == version);
}

static void test_catalog_catalog__is_born_with_spaces_and_default(void **s)
{
    (void)s;
    static const char *const spaces[] = {"cookie", "gaid",         "idfa",
                                         "ctv",    "email_sha256", "customer"};
    catalog *c = catalog_new();
    assert_int_equal(catalog_space_count(c), 6);
    for (uint32_t i = 0; i < 6; i++) {
        const catalog_space *space = catalog_space_find(c, text_of(spaces[i]));
        assert_non_null(space);
        assert_int_equal(space->id, i);
        assert_true(space->declared);
        assert_ptr_equal(catalog_space_get(c, i), space);
    }
    assert_null(catalog_space_get(c, 6));
    assert_null(catalog_space_find(c, text_of("ifa")));
    const catalog_provider *p = catalog_provider_find(c, text_of("default"));
    assert_int_equal(p->id, 0);
    assert_int_equal(p->party, PARTY_FIRST);
    assert_true(p->ttl_hours == CATALOG_TTL_UNSET);
    assert_int_equal(catalog_provider_count(c), 1);
    assert_int_equal(catalog_attribute_count(c), 0);
    assert_false(catalog_strict(c));
    catalog_free(c);
    catalog_free(NULL);
}

static void test_catalog_catalog__names_have_a_form(void **state)
{
    (void)state;
    char longest[MUSTER_NAME_BYTES_MAX + 2];
    memset(longest, 'a', sizeof longest);
    const muster_text fits = text_make(longest, MUSTER_NAME_BYTES_MAX);
    const muster_text exceeds = text_make(longest, MUSTER_NAME_BYTES_MAX + 1);
    static const char *const attributes[] = {"a", "geo.country", "a1_b.c2",
                                             "newsletter"};
    static const char *const no_attributes[] = {
        "",   ".",    "a.",    ".a",  "a..b", "A",        "1a",
        "_a", "a.1b", "a.b-c", "a b", "a/b",  "\xc3\xa4", "a.b\n"};
    static const char *const providers[] = {"a", "1", "acme-eu.v2_x", "9.9"};
    static const char *const no_providers[] = {"",  "-a",  ".a", "_a",
                                               "A", "a b", "a/b"};
    for (size_t i = 0; i < 4; i++)
        assert_true(catalog_is_attribute_name(text_of(attributes[i])));
    for (size_t i = 0; i < 14; i++)
        assert_false(catalog_is_attribute_name(text_of(no_attributes[i])));
    for (size_t i = 0; i < 4; i++)
        assert_true(catalog_is_provider_name(text_of(providers[i])));
    for (size_t i = 0; i < 7; i++)
        assert_false(catalog_is_provider_name(text_of(no_providers[i])));
    assert_true(catalog_is_attribute_name(fits));
    assert_false(catalog_is_attribute_name(exceeds));
    assert_true(catalog_is_provider_name(fits));
    assert_false(catalog_is_provider_name(exceeds));
    assert_false(catalog_is_attribute_name(text_make("a\0b", 3)));
}

static void test_catalog_catalog__words_go_both_ways(void **state)
{
    (void)state;
    for (int k = KIND_FLAG; k <= KIND_EVENT; k++) {
        const char *name = catalog_kind_name((attribute_kind)k);
        assert_int_equal(catalog_kind_parse(text_of(name)), k);
    }
    for (int p = PARTY_FIRST; p <= PARTY_THIRD; p++) {
        const char *name = catalog_party_name((catalog_party)p);
        assert_int_equal(catalog_party_parse(text_of(name)), p);
    }
    assert_string_equal(catalog_kind_name(KIND_ONE_OF), "one_of");
    assert_int_equal(catalog_kind_parse(text_of("oneof")), 0);
    assert_int_equal(catalog_party_parse(text_of("")), 0);
}

static void test_catalog_catalog__numbers_are_dense_and_stay(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    catalog *c = catalog_new();
    const catalog_attribute *rows[COUNT];
    char name[32];
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "a.n%u", i);
        rows[i] = put(c, name, declared(KIND_FLAG));
        assert_int_equal(rows[i]->id, CATALOG_ATTRIBUTE_FIRST + i);
        assert_string_equal(rows[i]->name, name);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "a.n%u", i);
        assert_ptr_equal(catalog_attribute_find(c, text_of(name)), rows[i]);
        assert_ptr_equal(catalog_attribute_get(c, rows[i]->id), rows[i]);
        assert_ptr_equal(catalog_attribute_at(c, i), rows[i]);
    }
    assert_int_equal(catalog_attribute_count(c), COUNT);
    assert_null(catalog_attribute_get(c, 0));
    assert_null(catalog_attribute_get(c, CATALOG_ATTRIBUTE_FIRST - 1));
    assert_null(catalog_attribute_get(c, CATALOG_ATTRIBUTE_FIRST + COUNT));
    assert_null(catalog_attribute_get(c, UINT32_MAX));
    catalog_free(c);
}

static void test_catalog_catalog__kind_grain_and_cap_never_change(void **s)
{
    (void)s;
    catalog *c = catalog_new();
    put(c, "age", declared(KIND_NUMBER));
    put(c, "view", declared(KIND_EVENT));
    expect_refused(c, "age", declared(KIND_ONE_OF), MUSTER_ECONFLICT,
                   "kind_conflict");
    expect_refused(c, "view", declared(KIND_FLAG), MUSTER_ECONFLICT,
                   "kind_conflict");
    catalog_attribute def = declared(KIND_EVENT);
    def.grain = GRAIN_HOUR;
    expect_refused(c, "view", def, MUSTER_ECONFLICT, "kind_conflict");
    def = declared(KIND_EVENT);
    def.cap = 254;
    expect_refused(c, "view", def, MUSTER_ECONFLICT, "cap_conflict");
    def.cap = 256;
    expect_refused(c, "view", def, MUSTER_ECONFLICT, "cap_conflict");
    assert_int_equal(catalog_attribute_find(c, text_of("view"))->cap, 255);
    catalog_free(c);
}

static void test_catalog_catalog__the_rest_may_change(void **state)
{
    (void)state;
    catalog *c = catalog_new();
    const catalog_attribute *age =
        put(c, "age", catalog_attribute_default(KIND_NUMBER));
    put(c, "buy", catalog_attribute_default(KIND_EVENT));
    assert_false(age->declared);
    catalog_attribute def = declared(KIND_NUMBER);
    def.ttl_hours = 720;
    memcpy(def.unit, "years", 6);
    const catalog_attribute *changed = put(c, "age", def);
    assert_ptr_equal(catalog_attribute_get(c, age->id), changed);
    assert_int_equal(changed->id, age->id);
    assert_string_equal(changed->name, "age");
    assert_int_equal(changed->ttl_hours, 720);
    assert_string_equal(changed->unit, "years");
    assert_true(changed->declared);
    assert_false(age->declared); /* a row that was handed out stays */
    assert_ptr_equal(put(c, "age", def), changed);
    def = declared(KIND_EVENT);
    def.amount = true;
    def.retention_days = 30;
    const catalog_attribute *buy = put(c, "buy", def);
    assert_true(buy->amount);
    assert_int_equal(buy->retention_days, 30);
    /* it stays, whatever comes later */
    def.amount = false;
    assert_true(put(c, "buy", def)->amount);
    catalog_free(c);
}

static void test_catalog_catalog__a_guess_takes_nothing_away(void **state)
{
    (void)state;
    catalog *c = catalog_new();
    catalog_attribute def = declared(KIND_EVENT);
    def.grain = GRAIN_HOUR;
    def.cap = 7;
    def.retention_days = 30;
    put(c, "view", def);
    catalog_attribute guess = catalog_attribute_default(KIND_EVENT);
    guess.amount = true;
    const catalog_attribute *view = put(c, "view", guess);
    assert_int_equal(view->grain, GRAIN_HOUR);
    assert_int_equal(view->cap, 7);
    assert_int_equal(view->retention_days, 30);
    assert_true(view->declared);
    assert_true(view->amount);
    expect_refused(c, "view", catalog_attribute_default(KIND_FLAG),
                   MUSTER_ECONFLICT, "kind_conflict");
    catalog_free(c);
}

static void test_catalog_catalog__definitions_are_checked(void **state)
{
    (void)state;
    catalog *c = catalog_new();
    catalog_attribute def = declared((attribute_kind)0);
    expect_refused(c, "a", def, MUSTER_EINVAL, "bad_definition");
    def = declared((attribute_kind)6);
    expect_refused(c, "a", def, MUSTER_EINVAL, "bad_definition");
    def = declared(KIND_EVENT);
    def.cap = 0;
    expect_refused(c, "a", def, MUSTER_EINVAL, "bad_definition");
    def.cap = MUSTER_COUNT_CAP_MAX + 1;
    expect_refused(c, "a", def, MUSTER_EINVAL, "bad_definition");
    def = declared(KIND_EVENT);
    def.retention_days = 0;
    expect_refused(c, "a", def, MUSTER_EINVAL, "bad_definition");
    def.retention_days = MUSTER_RETENTION_DAYS_MAX + 1;
    expect_refused(c, "a", def, MUSTER_EINVAL, "bad_definition");
    def = declared(KIND_FLAG);
    def.ttl_hours = 240001;
    expect_refused(c, "a", def, MUSTER_EINVAL, "bad_definition");
    expect_refused(c, "Bad", declared(KIND_FLAG), MUSTER_EINVAL, "bad_name");
    assert_int_equal(catalog_attribute_count(c), 0);
    catalog_free(c);
}

static void test_catalog_catalog__only_fields_of_the_kind_are_kept(void **s)
{
    (void)s;
    catalog *c = catalog_new();
    catalog_attribute def = declared(KIND_FLAG);
    def.cap = 9;
    def.amount = true;
    def.unit_date = true;
    memcpy(def.unit, "date", 5);
    def.ttl_hours = 48;
    const catalog_attribute *flag = put(c, "flag", def);
    assert_int_equal(flag->cap, 0);
    assert_false(flag->amount);
    assert_false(flag->unit_date);
    assert_string_equal(flag->unit, "");
    assert_int_equal(flag->ttl_hours, 48);
    def = declared(KIND_EVENT);
    def.ttl_hours = 48;
    assert_true(put(c, "event", def)->ttl_hours == CATALOG_TTL_UNSET);
    def = declared(KIND_NUMBER);
    def.unit_date = true;
    assert_string_equal(put(c, "ends", def)->unit, "date");
    catalog_free(c);
}

static void test_catalog_catalog__values_are_numbered_from_one(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    catalog *c = catalog_new();
    const uint32_t a = put(c, "a", declared(KIND_ONE_OF))->id;
    const uint32_t b = put(c, "b", declared(KIND_ONE_OF))->id;
    char text[32];
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "value %u", i);
        assert_int_equal(catalog_value_find(c, a, text_of(text)), CATALOG_NONE);
        assert_int_equal(catalog_value_intern(c, a, text_of(text)), i + 1);
        assert_int_equal(catalog_value_intern(c, a, text_of(text)), i + 1);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "value %u", i);
        assert_int_equal(catalog_value_find(c, a, text_of(text)), i + 1);
        assert_true(text_is(catalog_value_text(c, a, i + 1), text));
    }
    assert_int_equal(catalog_value_count(c, a), COUNT);
    assert_int_equal(catalog_value_count(c, b), 0);
    assert_int_equal(catalog_value_intern(c, b, text_of("value 7")), 1);
    assert_int_equal(catalog_value_intern(c, b, text_of("")), 2);
    assert_int_equal(catalog_value_intern(c, b, text_make("a\0b", 3)), 3);
    assert_int_equal(catalog_value_find(c, b, text_make("a\0c", 3)),
                     CATALOG_NONE);
    catalog_free(c);
}

static void test_catalog_catalog__values_have_a_limit(void **state)
{
    (void)state;
    catalog *c = catalog_new();
    const uint32_t a = put(c, "a", declared(KIND_ONE_OF))->id;
    for (uint32_t i = 1; i <= MUSTER_VALUES_MAX; i++)
        assert_int_equal(
            catalog_value_intern(c, a, text_make((const char *)&i, 4)), i);
    assert_int_equal(catalog_value_intern(c, a, text_of("one more")),
                     CATALOG_NONE);
    const uint32_t last = MUSTER_VALUES_MAX;
    assert_int_equal(
        catalog_value_intern(c, a, text_make((const char *)&last, 4)), last);
    assert_int_equal(catalog_value_count(c, a), MUSTER_VALUES_MAX);
    catalog_free(c);
}

static void test_catalog_catalog__names_have_limits(void **state)
{
    (void)state;
    catalog *c = catalog_new();
    muster_error err;
    char name[32];
    int rc = 0;
    uint32_t i = 0;
    const catalog_attribute def = declared(KIND_FLAG);
    for (i = 0; rc == 0; i++) {
        snprintf(name, sizeof name, "n%u", i);
        rc = catalog_attribute_put(c, text_of(name), &def, NULL, &err);
    }
    assert_int_equal(i - 1, MUSTER_ATTRIBUTES_MAX);
    assert_int_equal(rc, MUSTER_ELIMIT);
    for (i = 0, rc = 0; rc == 0; i++) {
        snprintf(name, sizeof name, "n%u", i);
        rc = catalog_provider_put(c, text_of(name), PARTY_THIRD, 0, true, NULL,
                                  &err);
    }
    assert_int_equal(i - 1 + 1, MUSTER_PROVIDERS_MAX);
    assert_int_equal(rc, MUSTER_ELIMIT);
    for (i = 0, rc = 0; rc == 0; i++) {
        snprintf(name, sizeof name, "n%u", i);
        rc = catalog_space_put(c, text_of(name), true, NULL, &err);
    }
    assert_int_equal(i - 1 + 6, MUSTER_SPACES_MAX);
    assert_int_equal(rc, MUSTER_ELIMIT);
    assert_string_equal(err.word, "too_many_id_spaces");
    catalog_free(c);
}

static void test_catalog_catalog__providers_change_party_and_ttl(void **state)
{
    (void)state;
    catalog *c = catalog_new();
    const catalog_provider *acme = NULL;
    const catalog_provider *again = NULL;
    muster_error err;
    assert_int_equal(catalog_provider_put(c, text_of("acme"), PARTY_FIRST,
                                          CATALOG_TTL_UNSET, false, &acme,
                                          NULL),
                     0);
    assert_int_equal(acme->id, 1);
    assert_int_equal(catalog_provider_put(c, text_of("acme"), PARTY_THIRD, 720,
                                          true, &again, NULL),
                     0);
    assert_int_equal(again->id, 1);
    assert_string_equal(again->name, "acme");
    assert_int_equal(again->party, PARTY_THIRD);
    assert_int_equal(again->ttl_hours, 720);
    assert_int_equal(acme->party, PARTY_FIRST); /* as it was handed out */
    /* a guess changes nothing */
    assert_int_equal(catalog_provider_put(c, text_of("acme"), PARTY_FIRST, 0,
                                          false, NULL, NULL),
                     0);
    assert_ptr_equal(catalog_provider_find(c, text_of("acme")), again);
    assert_true(again->declared);
    assert_int_equal(catalog_provider_put(c, text_of("Acme"), PARTY_FIRST, 0,
                                          true, NULL, &err),
                     MUSTER_EINVAL);
    assert_string_equal(err.word, "bad_name");
    assert_int_equal(catalog_provider_put(c, text_of("b"), (catalog_party)0, 0,
                                          true, NULL, &err),
                     MUSTER_EINVAL);
    assert_int_equal(catalog_provider_put(c, text_of("b"), PARTY_FIRST, 240001,
                                          true, NULL, &err),
                     MUSTER_EINVAL);
    assert_null(catalog_provider_find(c, text_of("b")));
    assert_null(catalog_provider_get(c, 2));
    catalog_free(c);
}

static void test_catalog_catalog__spaces_are_added(void **state)
{
    (void)state;
    catalog *c = catalog_new();
    const catalog_space *space = NULL;
    assert_int_equal(
        catalog_space_put(c, text_of("loyalty"), false, &space, NULL), 0);
    assert_int_equal(space->id, 6);
    assert_false(space->declared);
    assert_int_equal(
        catalog_space_put(c, text_of("loyalty"), true, &space, NULL), 0);
    assert_int_equal(space->id, 6);
    assert_true(space->declared);
    assert_int_equal(catalog_space_put(c, text_of("a:b"), true, NULL, NULL),
                     MUSTER_EINVAL);
    catalog_free(c);
}

typedef struct calls {
    int attributes;
    int values;
    int providers;
    int spaces;
    int modes;
    char last[64];
} calls;

static void on_attribute(void *payload, const catalog_attribute *row)
{
    calls *seen = payload;
    seen->attributes++;
    snprintf(seen->last, sizeof seen->last, "%s", row->name);
}

static void on_value(void *payload, uint32_t attribute, uint32_t value,
                     muster_text text)
{
    calls *seen = payload;
    seen->values++;
    snprintf(seen->last, sizeof seen->last, "%u/%u/%.*s", attribute, value,
             (int)text.len, text.ptr);
}

static void on_provider(void *payload, const catalog_provider *row)
{
    calls *seen = payload;
    seen->providers++;
    snprintf(seen->last, sizeof seen->last, "%s", row->name);
}

static void on_space(void *payload, const catalog_space *row)
{
    calls *seen = payload;
    seen->spaces++;
    snprintf(seen->last, sizeof seen->last, "%s", row->name);
}

static void on_mode(void *payload, bool strict)
{
    calls *seen = payload;
    seen->modes += strict ? 1 : 100;
}

static void test_catalog_catalog__changes_are_told_once(void **state)
{
    (void)state;
    calls seen = {0};
    const catalog_watcher watcher = {.payload = &seen,
                                     .attribute = on_attribute,
                                     .value = on_value,
                                     .provider = on_provider,
                                     .space = on_space,
                                     .mode = on_mode};
    catalog *c = catalog_new();
    catalog_watch(c, &watcher);
    const uint32_t a = put(c, "a", declared(KIND_MANY_OF))->id;
    const uint64_t version = catalog_version(c);
    put(c, "a", declared(KIND_MANY_OF));
    put(c, "a", catalog_attribute_default(KIND_MANY_OF));
    assert_int_equal(seen.attributes, 1);
    assert_true(catalog_version(c) == version);
    catalog_value_intern(c, a, text_of("x"));
    catalog_value_intern(c, a, text_of("x"));
    assert_int_equal(seen.values, 1);
    assert_string_equal(seen.last, "16/1/x");
    assert_true(catalog_version(c) > version);
    for (int i = 0; i < 2; i++) {
        catalog_provider_put(c, text_of("p"), PARTY_THIRD, 0, true, NULL, NULL);
        catalog_space_put(c, text_of("s"), true, NULL, NULL);
        catalog_set_strict(c, true);
    }
    assert_int_equal(seen.providers, 1);
    assert_int_equal(seen.spaces, 1);
    assert_int_equal(seen.modes, 1);
    catalog_set_strict(c, false);
    assert_int_equal(seen.modes, 101);
    catalog_watch(c, NULL);
    put(c, "b", declared(KIND_FLAG));
    assert_int_equal(seen.attributes, 1);
    catalog_free(c);
}

static void test_catalog_catalog__a_partial_watcher_is_fine(void **state)
{
    (void)state;
    calls seen = {0};
    const catalog_watcher watcher = {.payload = &seen, .value = on_value};
    catalog *c = catalog_new();
    catalog_watch(c, &watcher);
    const uint32_t a = put(c, "a", declared(KIND_MANY_OF))->id;
    catalog_provider_put(c, text_of("p"), PARTY_THIRD, 0, true, NULL, NULL);
    catalog_space_put(c, text_of("s"), true, NULL, NULL);
    catalog_set_strict(c, true);
    catalog_value_intern(c, a, text_of("x"));
    assert_int_equal(seen.values, 1);
    catalog_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catalog_catalog__is_born_with_spaces_and_default),
        cmocka_unit_test(test_catalog_catalog__names_have_a_form),
        cmocka_unit_test(test_catalog_catalog__words_go_both_ways),
        cmocka_unit_test(test_catalog_catalog__numbers_are_dense_and_stay),
        cmocka_unit_test(test_catalog_catalog__kind_grain_and_cap_never_change),
        cmocka_unit_test(test_catalog_catalog__the_rest_may_change),
        cmocka_unit_test(test_catalog_catalog__a_guess_takes_nothing_away),
        cmocka_unit_test(test_catalog_catalog__definitions_are_checked),
        cmocka_unit_test(
            test_catalog_catalog__only_fields_of_the_kind_are_kept),
        cmocka_unit_test(test_catalog_catalog__values_are_numbered_from_one),
        cmocka_unit_test(test_catalog_catalog__values_have_a_limit),
        cmocka_unit_test(test_catalog_catalog__names_have_limits),
        cmocka_unit_test(test_catalog_catalog__providers_change_party_and_ttl),
        cmocka_unit_test(test_catalog_catalog__spaces_are_added),
        cmocka_unit_test(test_catalog_catalog__changes_are_told_once),
        cmocka_unit_test(test_catalog_catalog__a_partial_watcher_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
