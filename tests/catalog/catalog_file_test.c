/*
 * catalog_file_test.c - the operator's file: what it declares, and that a
 * file with a mistake changes nothing and says where the mistake is.
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
#include "catalog/catalog.h"

static void apply(catalog *c, const char *text)
{
    muster_error err;
    error_clear(&err);
    if (catalog_file_apply(c, text, strlen(text), &err) != 0)
        fail_msg("%s is refused: %s", text, err.message);
}

/* A fresh catalog with `before` applied refuses `text`: code and word, the
 * message begins with `pointer`, and the place shows `shown`. */
static void expect_refused(const char *before, const char *text, int code,
                           const char *word, const char *pointer,
                           const char *shown)
{
    catalog *c = catalog_new();
    muster_error err;
    error_clear(&err);
    apply(c, before);
    const uint64_t version = catalog_version(c);
    const int rc = catalog_file_apply(c, text, strlen(text), &err);
    if (rc != code || strcmp(err.word, word) != 0)
        fail_msg("%s gives %d %s: %s", text, rc, err.word, err.message);
    if (strncmp(err.message, pointer, strlen(pointer)) != 0)
        fail_msg("%s gives the message: %s", text, err.message);
    const size_t shown_len = strlen(shown);
    if (err.length != shown_len ||
        memcmp(text + err.offset, shown, shown_len) != 0)
        fail_msg("%s shows: %.*s", text, (int)err.length, text + err.offset);
    assert_true(catalog_version(c) == version);
    catalog_free(c);
}

static void test_catalog_catalog_file__the_contract_example(void **state)
{
    (void)state;
    catalog *c = catalog_new();
    apply(c,
          "{\"mode\":\"lenient\", // a comment\n"
          " \"providers\":{\"acme\":{\"party\":\"third\",\"ttl\":\"60d\"}},\n"
          " /* two */ \"id_spaces\":{\"loyalty\":{}},\n"
          " \"attributes\":{\"demo.age\":{\"kind\":\"number\"},\n"
          "   \"contract.ends\":{\"kind\":\"number\",\"unit\":\"date\"},\n"
          "   \"purchase\":{\"kind\":\"event\",\"grain\":\"day\",\"cap\":255,"
          "\"amount\":true,\"retention\":\"400d\"},}}\n");
    const catalog_provider *acme = catalog_provider_find(c, text_of("acme"));
    assert_int_equal(acme->party, PARTY_THIRD);
    assert_int_equal(acme->ttl_hours, 60 * 24);
    assert_true(acme->declared);
    assert_non_null(catalog_space_find(c, text_of("loyalty")));
    const catalog_attribute *a = catalog_attribute_find(c, text_of("demo.age"));
    assert_int_equal(a->kind, KIND_NUMBER);
    assert_true(a->declared);
    assert_true(a->ttl_hours == CATALOG_TTL_UNSET);
    a = catalog_attribute_find(c, text_of("contract.ends"));
    assert_true(a->unit_date);
    assert_string_equal(a->unit, "date");
    a = catalog_attribute_find(c, text_of("purchase"));
    assert_int_equal(a->kind, KIND_EVENT);
    assert_int_equal(a->cap, 255);
    assert_true(a->amount);
    assert_int_equal(a->retention_days, 400);
    assert_false(catalog_strict(c));
    catalog_free(c);
}

static void test_catalog_catalog_file__every_key_is_read(void **state)
{
    (void)state;
    catalog *c = catalog_new();
    apply(c, "\xef\xbb\xbf{\"mode\":\"strict\",\"attributes\":{"
             "\"f\":{\"kind\":\"flag\",\"ttl\":\"12h\"},"
             "\"o\":{\"ttl\":\"0\",\"kind\":\"one_of\"},"
             "\"m\":{\"kind\":\"many_of\",\"ttl\":null},"
             "\"n\":{\"kind\":\"number\",\"unit\":\"EUR\",\"ttl\":\"4w\"},"
             "\"e\":{\"kind\":\"event\",\"grain\":\"hour\",\"cap\":1000000,"
             "\"retention\":\"1d\"}}}");
    assert_true(catalog_strict(c));
    assert_int_equal(catalog_attribute_find(c, text_of("f"))->ttl_hours, 12);
    assert_int_equal(catalog_attribute_find(c, text_of("o"))->ttl_hours, 0);
    assert_true(catalog_attribute_find(c, text_of("m"))->ttl_hours ==
                CATALOG_TTL_UNSET);
    const catalog_attribute *n = catalog_attribute_find(c, text_of("n"));
    assert_int_equal(n->ttl_hours, 672);
    assert_string_equal(n->unit, "EUR");
    assert_false(n->unit_date);
    const catalog_attribute *e = catalog_attribute_find(c, text_of("e"));
    assert_int_equal(e->grain, GRAIN_HOUR);
    assert_int_equal(e->cap, 1000000);
    assert_int_equal(e->retention_days, 1);
    assert_false(e->amount);
    catalog_free(c);
}

static void
test_catalog_catalog_file__empty_objects_change_nothing(void **state)
{
    (void)state;
    catalog *c = catalog_new();
    const uint64_t version = catalog_version(c);
    apply(c, "{}");
    apply(c, "{\"attributes\":{},\"providers\":{},\"id_spaces\":{}}");
    assert_true(catalog_version(c) == version);
    catalog_free(c);
}

static void test_catalog_catalog_file__twice_is_once(void **state)
{
    (void)state;
    const char *text = "{\"providers\":{\"p\":{\"party\":\"second\"}},"
                       "\"attributes\":{\"e\":{\"kind\":\"event\",\"cap\":9}}}";
    catalog *c = catalog_new();
    apply(c, text);
    const uint64_t version = catalog_version(c);
    apply(c, text);
    assert_true(catalog_version(c) == version);
    catalog_free(c);
}

static void test_catalog_catalog_file__left_out_keys_are_kept(void **state)
{
    (void)state;
    catalog *c = catalog_new();
    apply(c, "{\"providers\":{\"p\":{\"party\":\"second\",\"ttl\":\"3d\"}},"
             "\"attributes\":{\"e\":{\"kind\":\"event\",\"cap\":9,"
             "\"retention\":\"7d\",\"amount\":true},"
             "\"n\":{\"kind\":\"number\",\"unit\":\"km\",\"ttl\":\"5d\"}}}");
    apply(c, "{\"providers\":{\"p\":{}},\"attributes\":{"
             "\"e\":{\"kind\":\"event\"},\"n\":{\"kind\":\"number\"}}}");
    const catalog_attribute *e = catalog_attribute_find(c, text_of("e"));
    assert_int_equal(e->cap, 9);
    assert_int_equal(e->retention_days, 7);
    assert_true(e->amount);
    const catalog_attribute *n = catalog_attribute_find(c, text_of("n"));
    assert_string_equal(n->unit, "km");
    assert_int_equal(n->ttl_hours, 120);
    assert_int_equal(catalog_provider_find(c, text_of("p"))->ttl_hours, 72);
    apply(c, "{\"attributes\":{\"n\":{\"kind\":\"number\",\"ttl\":null}}}");
    n = catalog_attribute_find(c, text_of("n"));
    assert_true(n->ttl_hours == CATALOG_TTL_UNSET);
    assert_string_equal(n->unit, "km");
    catalog_free(c);
}

static void test_catalog_catalog_file__inferred_becomes_declared(void **state)
{
    (void)state;
    catalog *c = catalog_new();
    const catalog_attribute def = catalog_attribute_default(KIND_EVENT);
    catalog_attribute_put(c, text_of("buy"), &def, NULL, NULL);
    apply(c, "{\"attributes\":{\"buy\":{\"kind\":\"event\","
             "\"amount\":true}}}");
    const catalog_attribute *row = catalog_attribute_find(c, text_of("buy"));
    assert_true(row->declared);
    assert_true(row->amount);
    catalog_free(c);
}

/* One line is one mistake: text, word, pointer, what is underlined. */
static void
test_catalog_catalog_file__mistakes_are_named_and_shown(void **state)
{
    (void)state;
    static const char *const cases[][4] = {
        {"[]", "wrong_type", "the file: an object is expected", "["},
        {"{\"modes\":1}", "unknown_key", "/modes", "\"modes\""},
        {"{\"mode\":1}", "wrong_type", "/mode", "1"},
        {"{\"mode\":\"strickt\"}", "wrong_value", "/mode", "\"strickt\""},
        {"{\"mode\":\"strict\", \"mode\":\"strict\"}", "duplicate_key", "/mode",
         "\"mode\""},
        {"{\"attributes\":[]}", "wrong_type", "/attributes", "[]"},
        {"{\"attributes\":{\"a\":1}}", "wrong_type", "/attributes/a", "1"},
        {"{\"attributes\":{\"a\":{}}}", "missing_key", "/attributes/a",
         "\"a\""},
        {"{\"attributes\":{\"a\":{\"kind\":1.5}}}", "wrong_type",
         "/attributes/a/kind", "1.5"},
        {"{\"attributes\":{\"a\":{\"kind\":\"evnt\"}}}", "wrong_value",
         "/attributes/a/kind", "\"evnt\""},
        {"{\"attributes\":{\"Big\":{\"kind\":\"flag\"}}}", "bad_name",
         "/attributes/Big", "\"Big\""},
        {"{\"attributes\":{\"a/b~\":{\"kind\":\"flag\"}}}", "bad_name",
         "/attributes/a~1b~0", "\"a/b~\""},
        {"{\"attributes\":{\"a\":{\"kind\":\"flag\",\"colour\":1}}}",
         "unknown_key", "/attributes/a/colour", "\"colour\""},
        {"{\"attributes\":{\"a\":{\"kind\":\"flag\",\"cap\":1}}}",
         "misplaced_key", "/attributes/a/cap", "\"cap\""},
        {"{\"attributes\":{\"a\":{\"kind\":\"event\",\"ttl\":\"1d\"}}}",
         "misplaced_key", "/attributes/a/ttl", "\"ttl\""},
        {"{\"attributes\":{\"a\":{\"kind\":\"flag\",\"unit\":\"x\"}}}",
         "misplaced_key", "/attributes/a/unit", "\"unit\""},
        {"{\"attributes\":{\"a\":{\"kind\":\"flag\",\"ttl\":30}}}",
         "wrong_type", "/attributes/a/ttl", "30"},
        {"{\"attributes\":{\"a\":{\"kind\":\"flag\",\"ttl\":\"30\"}}}",
         "bad_duration", "/attributes/a/ttl", "\"30\""},
        {"{\"attributes\":{\"a\":{\"kind\":\"flag\",\"ttl\":\"10001d\"}}}",
         "bad_duration", "/attributes/a/ttl", "\"10001d\""},
        {"{\"attributes\":{\"a\":{\"kind\":\"event\",\"cap\":0}}}",
         "wrong_value", "/attributes/a/cap", "0"},
        {"{\"attributes\":{\"a\":{\"kind\":\"event\",\"cap\":1000001}}}",
         "wrong_value", "/attributes/a/cap", "1000001"},
        {"{\"attributes\":{\"a\":{\"kind\":\"event\",\"cap\":\"9\"}}}",
         "wrong_type", "/attributes/a/cap", "\"9\""},
        {"{\"attributes\":{\"a\":{\"kind\":\"event\",\"grain\":\"week\"}}}",
         "wrong_value", "/attributes/a/grain", "\"week\""},
        {"{\"attributes\":{\"a\":{\"kind\":\"event\",\"amount\":1}}}",
         "wrong_type", "/attributes/a/amount", "1"},
        {"{\"attributes\":{\"a\":{\"kind\":\"event\",\"retention\":\"0\"}}}",
         "wrong_value", "/attributes/a/retention", "\"0\""},
        {"{\"attributes\":{\"a\":{\"kind\":\"event\",\"retention\":\"36h\"}}}",
         "wrong_value", "/attributes/a/retention", "\"36h\""},
        {"{\"attributes\":{\"a\":{\"kind\":\"number\",\"unit\":"
         "\"01234567890123456789012345678901\"}}}",
         "wrong_value", "/attributes/a/unit",
         "\"01234567890123456789012345678901\""},
        {"{\"attributes\":{\"a\":{\"kind\":\"flag\",\"kind\":\"flag\"}}}",
         "duplicate_key", "/attributes/a/kind", "\"kind\""},
        {"{\"attributes\":{\"a\":{\"kind\":\"flag\"},"
         "\"a\":{\"kind\":\"flag\"}}}",
         "duplicate_key", "/attributes/a", "\"a\""},
        {"{\"providers\":{\"p\":{}}}", "missing_key", "/providers/p", "\"p\""},
        {"{\"providers\":{\"P\":{\"party\":\"first\"}}}", "bad_name",
         "/providers/P", "\"P\""},
        {"{\"providers\":{\"p\":{\"party\":3}}}", "wrong_type",
         "/providers/p/party", "3"},
        {"{\"providers\":{\"p\":{\"party\":\"forth\"}}}", "wrong_value",
         "/providers/p/party", "\"forth\""},
        {"{\"providers\":{\"p\":{\"party\":\"first\",\"ttl\":false}}}",
         "wrong_type", "/providers/p/ttl", "false"},
        {"{\"id_spaces\":{\"s\":true}}", "wrong_type", "/id_spaces/s", "true"},
        {"{\"id_spaces\":{\"s\":{\"a\":1}}}", "unknown_key", "/id_spaces/s/a",
         "\"a\""},
        {"{\"id_spaces\":{\"s p\":{}}}", "bad_name", "/id_spaces/s p",
         "\"s p\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refused("{}", cases[i][0], MUSTER_EINVAL, cases[i][1],
                       cases[i][2], cases[i][3]);
}

static void
test_catalog_catalog_file__conflicts_are_named_and_shown(void **state)
{
    (void)state;
    const char *before = "{\"attributes\":{\"e\":{\"kind\":\"event\"},"
                         "\"a\":{\"kind\":\"event\",\"amount\":true},"
                         "\"n\":{\"kind\":\"number\"}}}";
    expect_refused(before, "{\"attributes\":{\"n\":{\"kind\":\"flag\"}}}",
                   MUSTER_ECONFLICT, "kind_conflict", "/attributes/n/kind",
                   "\"flag\"");
    expect_refused(
        before,
        "{\"attributes\":{\"e\":{\"kind\":\"event\",\"grain\":\"hour\"}}}",
        MUSTER_ECONFLICT, "kind_conflict", "/attributes/e/grain", "\"hour\"");
    expect_refused(before,
                   "{\"attributes\":{\"e\":{\"kind\":\"event\",\"cap\":7}}}",
                   MUSTER_ECONFLICT, "cap_conflict", "/attributes/e/cap", "7");
    expect_refused(
        before,
        "{\"attributes\":{\"a\":{\"kind\":\"event\",\"amount\":false}}}",
        MUSTER_ECONFLICT, "amount_conflict", "/attributes/a/amount", "false");
}

static void
test_catalog_catalog_file__the_first_part_waits_for_the_last(void **state)
{
    (void)state;
    expect_refused("{}",
                   "{\"mode\":\"strict\","
                   "\"providers\":{\"p\":{\"party\":\"first\"}},"
                   "\"id_spaces\":{\"s\":{}},"
                   "\"attributes\":{\"a\":{\"kind\":\"flag\"},"
                   "\"b\":{\"kind\":\"flog\"}}}",
                   MUSTER_EINVAL, "wrong_value", "/attributes/b/kind",
                   "\"flog\"");
}

static void test_catalog_catalog_file__line_and_column_are_told(void **state)
{
    (void)state;
    const char *text = "// \xc3\xa4 {\"attributes\": 1}\n"
                       "{ /* } */ \"mode\": \"strict\",\n"
                       "  \"attributes\": {\n"
                       "    \"x\": {\"kind\": \"flag\", \"ttl\": \"a\\\"}\"},\n"
                       "    \"\xc3\xa4\": {}\n"
                       "}}";
    catalog *c = catalog_new();
    muster_error err;
    assert_int_equal(catalog_file_apply(c, text, strlen(text), &err),
                     MUSTER_EINVAL);
    assert_int_equal(err.line, 4);
    assert_int_equal(err.column, 34);
    assert_int_equal(err.length, 6);
    catalog_free(c);
}

static void expect_suggestion(const char *text, const char *suggestion)
{
    catalog *c = catalog_new();
    muster_error err;
    error_clear(&err);
    assert_int_equal(catalog_file_apply(c, text, strlen(text), &err),
                     MUSTER_EINVAL);
    assert_string_equal(err.suggestion, suggestion);
    catalog_free(c);
}

static void test_catalog_catalog_file__near_names_are_suggested(void **state)
{
    (void)state;
    expect_suggestion("{\"atributes\":{}}", "attributes");
    expect_suggestion("{\"attributes\":{\"a\":{\"kind\":\"oneof\"}}}",
                      "one_of");
    expect_suggestion(
        "{\"attributes\":{\"a\":{\"kind\":\"flag\",\"tll\":\"1d\"}}}",
        "ttl");
    expect_suggestion("{\"mode\":\"lenint\"}", "lenient");
    expect_suggestion("{\"providers\":{\"p\":{\"party\":\"thrid\"}}}",
                      "third");
    expect_suggestion("{\"xyz\":1}", "");
}

static void
test_catalog_catalog_file__syntax_errors_are_json_errors(void **state)
{
    (void)state;
    static const char *const bad[] = {"",   "{", "{\"mode\":}",
                                      "{]", "x", "{\"mode\":\"lenient\"} {}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        catalog *c = catalog_new();
        muster_error err;
        error_clear(&err);
        assert_int_not_equal(
            catalog_file_apply(c, bad[i], strlen(bad[i]), &err), 0);
        assert_string_equal(err.word, "bad_json");
        catalog_free(c);
    }
}

static void
test_catalog_catalog_file__all_new_names_together_must_fit(void **state)
{
    (void)state;
    buffer text;
    buffer_init(&text, 1 << 20);
    buffer_put_str(&text, "{\"id_spaces\":{");
    for (unsigned i = 0; i < MUSTER_SPACES_MAX - 5; i++)
        buffer_printf(&text, "%s\"s%u\":{}", i == 0 ? "" : ",", i);
    buffer_put_str(&text, "}}");
    catalog *c = catalog_new();
    muster_error err;
    assert_int_equal(
        catalog_file_apply(c, (const char *)text.data, text.len, &err),
        MUSTER_ELIMIT);
    assert_string_equal(err.word, "too_many");
    assert_int_equal(catalog_space_count(c), 6);
    catalog_free(c);
    buffer_release(&text);
}

static void test_catalog_catalog_file__long_files_are_refused(void **state)
{
    (void)state;
    const size_t len = ((size_t)16 << 20) + 1;
    char *text = malloc(len);
    memset(text, ' ', len);
    catalog *c = catalog_new();
    muster_error err;
    assert_int_equal(catalog_file_apply(c, text, len, &err), MUSTER_ELIMIT);
    assert_string_equal(err.word, "long_file");
    catalog_free(c);
    free(text);
}

/* Whatever bytes come: an answer, no damage, and no change on a refusal. */
static void test_catalog_catalog_file__mangled_files_are_harmless(void **state)
{
    (void)state;
    static const char good[] =
        "{\"mode\":\"strict\", // c\n\"providers\":{\"acme\":{\"party\":"
        "\"third\",\"ttl\":\"60d\"}},/* x */\"attributes\":{\"demo.age\":"
        "{\"kind\":\"number\",\"unit\":\"a\\\"b\"},\"buy\":{\"kind\":"
        "\"event\",\"cap\":9}}}";
    static const char spice[] = "{}[]\",:/*\\x0\n\xc3";
    random_state r;
    random_seed(&r, 11);
    for (int i = 0; i < 20000; i++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        const size_t changes = 1 + random_below(&r, 3);
        for (size_t j = 0; j < changes; j++)
            text[random_below(&r, sizeof good - 1)] =
                spice[random_below(&r, sizeof spice - 1)];
        const size_t len = random_below(&r, 4) != 0
                               ? sizeof good - 1
                               : random_below(&r, sizeof good);
        char *exact = malloc(len + 1);
        memcpy(exact, text, len);
        catalog *c = catalog_new();
        const uint64_t version = catalog_version(c);
        muster_error err;
        error_clear(&err);
        const int rc = catalog_file_apply(c, exact, len, &err);
        assert_true(rc <= 0 && err.offset + err.length <= len);
        assert_true(rc == 0 || catalog_version(c) == version);
        catalog_free(c);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catalog_catalog_file__the_contract_example),
        cmocka_unit_test(test_catalog_catalog_file__every_key_is_read),
        cmocka_unit_test(
            test_catalog_catalog_file__empty_objects_change_nothing),
        cmocka_unit_test(test_catalog_catalog_file__twice_is_once),
        cmocka_unit_test(test_catalog_catalog_file__left_out_keys_are_kept),
        cmocka_unit_test(test_catalog_catalog_file__inferred_becomes_declared),
        cmocka_unit_test(
            test_catalog_catalog_file__mistakes_are_named_and_shown),
        cmocka_unit_test(
            test_catalog_catalog_file__conflicts_are_named_and_shown),
        cmocka_unit_test(
            test_catalog_catalog_file__the_first_part_waits_for_the_last),
        cmocka_unit_test(test_catalog_catalog_file__line_and_column_are_told),
        cmocka_unit_test(test_catalog_catalog_file__near_names_are_suggested),
        cmocka_unit_test(
            test_catalog_catalog_file__syntax_errors_are_json_errors),
        cmocka_unit_test(
            test_catalog_catalog_file__all_new_names_together_must_fit),
        cmocka_unit_test(test_catalog_catalog_file__long_files_are_refused),
        cmocka_unit_test(test_catalog_catalog_file__mangled_files_are_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
