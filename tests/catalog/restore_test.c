/*
 * restore_test.c - rows come back with their numbers, or not at all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "catalog/catalog.h"

/* Every row of `from` into a new catalog. */
static catalog *copy_of(const catalog *from)
{
    catalog *to = catalog_new();
    for (uint32_t i = 0; i < catalog_provider_count(from); i++)
        assert_int_equal(
            catalog_restore_provider(to, catalog_provider_get(from, i), NULL),
            0);
    for (uint32_t i = 0; i < catalog_space_count(from); i++)
        assert_int_equal(
            catalog_restore_space(to, catalog_space_get(from, i), NULL), 0);
    for (size_t i = 0; i < catalog_attribute_count(from); i++) {
        const catalog_attribute *a = catalog_attribute_at(from, i);
        assert_int_equal(catalog_restore_attribute(to, a, NULL), 0);
        for (uint32_t v = 1; v <= catalog_value_count(from, a->id); v++)
            assert_int_equal(
                catalog_restore_value(to, a->id, v,
                                      catalog_value_text(from, a->id, v), NULL),
                0);
    }
    return to;
}

static catalog *sample(void)
{
    catalog *c = catalog_new();
    catalog_attribute def = catalog_attribute_default(KIND_EVENT);
    def.grain = GRAIN_HOUR;
    def.amount = true;
    catalog_attribute_put(c, text_of("buy"), &def, NULL, NULL);
    def = catalog_attribute_default(KIND_ONE_OF);
    def.declared = true;
    def.ttl_hours = 24;
    const catalog_attribute *row = NULL;
    catalog_attribute_put(c, text_of("geo.country"), &def, &row, NULL);
    catalog_value_intern(c, row->id, text_of("DE"));
    catalog_value_intern(c, row->id, text_of("AT"));
    catalog_provider_put(c, text_of("default"), PARTY_SECOND, 48, true, NULL,
                         NULL);
    catalog_provider_put(c, text_of("acme"), PARTY_THIRD, 720, true, NULL,
                         NULL);
    catalog_space_put(c, text_of("loyalty"), true, NULL, NULL);
    return c;
}

static void count_call(void *payload, const catalog_attribute *row)
{
    (void)row;
    ++*(int *)payload;
}

static void test_catalog_restore__a_copy_is_the_same(void **state)
{
    (void)state;
    catalog *a = sample();
    catalog *b = copy_of(a);
    assert_int_equal(catalog_attribute_count(b), 2);
    const catalog_attribute *buy = catalog_attribute_find(b, text_of("buy"));
    assert_int_equal(buy->id, 16);
    assert_int_equal(buy->grain, GRAIN_HOUR);
    assert_true(buy->amount);
    assert_false(buy->declared);
    const catalog_attribute *geo =
        catalog_attribute_find(b, text_of("geo.country"));
    assert_int_equal(geo->ttl_hours, 24);
    assert_int_equal(catalog_value_find(b, geo->id, text_of("AT")), 2);
    assert_int_equal(catalog_provider_get(b, 0)->party, PARTY_SECOND);
    assert_int_equal(catalog_provider_find(b, text_of("acme"))->id, 1);
    assert_int_equal(catalog_space_find(b, text_of("loyalty"))->id, 6);
    catalog_free(a);
    catalog_free(b);
}

static void test_catalog_restore__nobody_is_told(void **state)
{
    (void)state;
    int calls = 0;
    const catalog_watcher watcher = {.payload = &calls,
                                     .attribute = count_call};
    catalog *a = sample();
    catalog *b = catalog_new();
    catalog_watch(b, &watcher);
    const uint64_t version = catalog_version(b);
    assert_int_equal(
        catalog_restore_attribute(b, catalog_attribute_at(a, 0), NULL), 0);
    assert_int_equal(calls, 0);
    assert_true(catalog_version(b) > version);
    catalog_free(a);
    catalog_free(b);
}

static void test_catalog_restore__builtin_rows_may_be_left_out(void **state)
{
    (void)state;
    catalog *a = sample();
    catalog *b = catalog_new();
    assert_int_equal(
        catalog_restore_provider(b, catalog_provider_get(a, 1), NULL), 0);
    assert_int_equal(catalog_restore_space(b, catalog_space_get(a, 6), NULL),
                     0);
    catalog_free(a);
    catalog_free(b);
}

static void test_catalog_restore__gaps_and_clashes_are_damage(void **state)
{
    (void)state;
    catalog *a = sample();
    catalog *b = catalog_new();
    muster_error err;
    const catalog_attribute *second = catalog_attribute_at(a, 1);
    assert_int_equal(catalog_restore_attribute(b, second, &err),
                     MUSTER_ECORRUPT);
    assert_string_equal(err.word, "catalog_damaged");
    assert_int_equal(
        catalog_restore_attribute(b, catalog_attribute_at(a, 0), NULL), 0);
    catalog_attribute clash = *second;
    char buy[] = "buy";
    clash.name = buy;
    assert_int_equal(catalog_restore_attribute(b, &clash, NULL),
                     MUSTER_ECORRUPT);
    clash = *second;
    clash.kind = (attribute_kind)9;
    assert_int_equal(catalog_restore_attribute(b, &clash, NULL),
                     MUSTER_ECORRUPT);
    assert_int_equal(catalog_restore_attribute(b, second, NULL), 0);
    assert_int_equal(
        catalog_restore_value(b, second->id, 2, text_of("x"), NULL),
        MUSTER_ECORRUPT);
    assert_int_equal(
        catalog_restore_value(b, second->id, 1, text_of("x"), NULL), 0);
    assert_int_equal(
        catalog_restore_value(b, second->id, 2, text_of("x"), NULL),
        MUSTER_ECORRUPT);
    assert_int_equal(catalog_restore_value(b, 99, 1, text_of("x"), NULL),
                     MUSTER_ECORRUPT);
    assert_int_equal(catalog_restore_value(b, 3, 1, text_of("x"), NULL),
                     MUSTER_ECORRUPT);
    char cookie[] = "cookie";
    const catalog_space space = {.id = 6, .name = cookie};
    assert_int_equal(catalog_restore_space(b, &space, NULL), MUSTER_ECORRUPT);
    char late[] = "late";
    const catalog_space gap = {.id = 7, .name = late};
    assert_int_equal(catalog_restore_space(b, &gap, NULL), MUSTER_ECORRUPT);
    const catalog_provider provider = {
        .id = 2, .name = late, .party = PARTY_FIRST};
    assert_int_equal(catalog_restore_provider(b, &provider, NULL),
                     MUSTER_ECORRUPT);
    const catalog_provider no_party = {.id = 1, .name = late};
    assert_int_equal(catalog_restore_provider(b, &no_party, NULL),
                     MUSTER_ECORRUPT);
    catalog_free(a);
    catalog_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catalog_restore__a_copy_is_the_same),
        cmocka_unit_test(test_catalog_restore__nobody_is_told),
        cmocka_unit_test(test_catalog_restore__builtin_rows_may_be_left_out),
        cmocka_unit_test(test_catalog_restore__gaps_and_clashes_are_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
