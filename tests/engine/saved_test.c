/*
 * saved_test.c - saved segments: versions, going back, removal, references,
 * and what a lookup gives.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine_support.h"

static int set_up_people(void **state)
{
    set_up(state);
    feed(*state, "{\"ids\":{\"cookie\":\"a\"},\"set\":{\"x\":\"1\",\"n\":5}}"
                 "\n{\"ids\":{\"cookie\":\"b\"},\"set\":{\"x\":\"2\",\"n\":7}"
                 "}\n");
    return 0;
}

typedef struct found {
    uint32_t id;
    uint32_t version;
    size_t count;
    bool removed;
    char expr[200];
} found;

static int note_found(void *payload, const muster_saved *s)
{
    found *f = payload;
    f->count++;
    f->id = s->id;
    f->version = s->version;
    f->removed = s->removed;
    snprintf(f->expr, sizeof f->expr, "%s", s->expr);
    return 0;
}

static found find(house *h, const char *key)
{
    found f = {0};
    muster_error err;
    if (muster_audience_find(h->engine, key, note_found, &f, &err) != 0)
        fail_msg("%s", err.message);
    return f;
}

static void expect_error(int rc, const muster_error *err, int code,
                         const char *word)
{
    assert_int_equal(rc, code);
    assert_string_equal(err->word, word);
}

static void test_engine_saved__each_change_is_a_version(void **state)
{
    house *h = *state;
    assert_true(save(h, "seg", "x = \"1\""));
    assert_int_equal(find(h, "seg").version, 1);
    assert_false(save(h, "seg", "x = \"1\""));
    assert_false(save(h, "seg", "  x = \"1\"\n")); /* only blanks differ */
    assert_int_equal(find(h, "seg").version, 1);
    assert_true(save(h, "seg", "x = \"2\""));
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(find(h, "seg").version, 2);
    assert_string_equal(find(h, "seg").expr, "x = \"2\"");
    muster_save options = MUSTER_SAVE_INIT;
    muster_error err;
    bool changed;
    options.key = "seg";
    options.expr = "x = \"2\"";
    options.expr_len = strlen(options.expr);
    options.priority = 5; /* headers count, too */
    assert_int_equal(
        muster_audience_save(h->engine, &options, &changed, &err), 0);
    assert_true(changed);
    found all = {0};
    assert_int_equal(muster_audience_versions(h->engine, "seg", note_found,
                                              &all, &err), 0);
    assert_int_equal(all.count, 3);
    assert_int_equal(all.version, 1); /* the oldest comes last */
}

static void test_engine_saved__a_bad_one_is_not_stored(void **state)
{
    house *h = *state;
    muster_error err;
    const muster_epoch epoch = muster_engine_epoch(h->engine);
    assert_int_equal(try_save(h, "seg", "x = ", NULL, &err), MUSTER_EEXPR);
    expect_error(try_save(h, "seg", "unknown.attr = 5", NULL, &err), &err,
                 MUSTER_EEXPR, "unknown_attribute");
    assert_int_equal(try_save(h, "seg", "", NULL, &err), MUSTER_EEXPR);
    static const char *const keys[] = {"", "Seg", "-a", "a.b", "a b", "ä"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        expect_error(try_save(h, keys[i], "all", NULL, &err), &err,
                     MUSTER_EINVAL, "bad_key");
    assert_int_equal(muster_engine_epoch(h->engine), epoch);
    expect_error(muster_audience_find(h->engine, "seg", note_found, NULL,
                                      &err),
                 &err, MUSTER_ENOTFOUND, "unknown_segment");
}

static void test_engine_saved__going_back_is_a_new_version(void **state)
{
    house *h = *state;
    muster_error err;
    save(h, "seg", "x = \"1\"");
    save(h, "seg", "x = \"2\"");
    assert_int_equal(muster_audience_revert(h->engine, "seg", 1, &err), 0);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(find(h, "seg").version, 3);
    assert_int_equal(count(h, "segment(\"seg\") and x = \"1\""), 1);
    expect_error(muster_audience_revert(h->engine, "seg", 0, &err), &err,
                 MUSTER_ENOTFOUND, "unknown_version");
    expect_error(muster_audience_revert(h->engine, "seg", 4, &err), &err,
                 MUSTER_ENOTFOUND, "unknown_version");
    expect_error(muster_audience_revert(h->engine, "nope", 1, &err), &err,
                 MUSTER_ENOTFOUND, "unknown_segment");
    /* to what it is already: nothing happens */
    assert_int_equal(muster_audience_revert(h->engine, "seg", 3, &err), 0);
    assert_int_equal(find(h, "seg").version, 3);
}

static void test_engine_saved__removed_and_brought_back(void **state)
{
    house *h = *state;
    muster_error err;
    save(h, "seg", "x = \"1\"");
    const uint32_t id = find(h, "seg").id;
    assert_int_equal(muster_audience_remove(h->engine, "seg", &err), 0);
    expect_error(muster_audience_remove(h->engine, "seg", &err), &err,
                 MUSTER_ENOTFOUND, "unknown_segment");
    assert_int_equal(stats(h).segments, 0);
    assert_int_equal(lookup(h, "a", NULL).count, 0);
    found all = {0};
    assert_int_equal(muster_audience_versions(h->engine, "seg", note_found,
                                              &all, &err), 0);
    assert_int_equal(all.count, 2);
    expect_error(muster_audience_revert(h->engine, "seg", 2, &err), &err,
                 MUSTER_ENOTFOUND, "unknown_version");
    assert_int_equal(muster_audience_revert(h->engine, "seg", 1, &err), 0);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(find(h, "seg").version, 3);
    assert_int_equal(find(h, "seg").id, id); /* numbers last */
    save(h, "other", "all");
    assert_int_not_equal(find(h, "other").id, id);
}

static void test_engine_saved__references_hold_and_make_no_cycle(void **state)
{
    house *h = *state;
    muster_error err;
    save(h, "base", "x = \"1\"");
    save(h, "top", "segment(\"base\") and n = 5");
    expect_error(muster_audience_remove(h->engine, "base", &err), &err,
                 MUSTER_ECONFLICT, "in_use");
    assert_non_null(strstr(err.message, "top"));
    assert_int_equal(try_save(h, "base", "segment(\"top\")", NULL, &err),
                     MUSTER_EEXPR);
    assert_int_equal(try_save(h, "base", "not segment(\"base\")", NULL, &err),
                     MUSTER_EEXPR);
    assert_int_equal(try_save(h, "new", "segment(\"new\")", NULL, &err),
                     MUSTER_EEXPR);
    assert_int_equal(count(h, "segment(\"top\")"), 1);
    save(h, "base", "x = \"2\""); /* what refers to it follows */
    assert_int_equal(count(h, "segment(\"top\")"), 0);
    save(h, "top", "n = 5");
    assert_int_equal(muster_audience_remove(h->engine, "base", &err), 0);
    expect_error(try_save(h, "top", "segment(\"base\")", NULL, &err), &err,
                 MUSTER_EEXPR, "unknown_segment");
}

/* A version that refers to what is gone cannot come back either. */
static void test_engine_saved__going_back_checks_references(void **state)
{
    house *h = *state;
    muster_error err;
    save(h, "base", "all");
    save(h, "top", "segment(\"base\")");
    save(h, "top", "none");
    assert_int_equal(muster_audience_remove(h->engine, "base", &err), 0);
    assert_int_equal(muster_audience_revert(h->engine, "top", 1, &err),
                     MUSTER_EEXPR);
    assert_int_equal(find(h, "top").version, 2);
}

static void test_engine_saved__a_chain_of_references_is_bounded(void **state)
{
    house *h = *state;
    muster_error err = {0};
    char key[32];
    char expr[64];
    int rc = 0;
    uint32_t i = 0;

    save(h, "s0", "n = 5");
    while (rc == 0 && i < 200) {
        snprintf(key, sizeof key, "s%u", ++i);
        snprintf(expr, sizeof expr, "not (x = \"1\" and segment(\"s%u\"))",
                 i - 1);
        rc = try_save(h, key, expr, NULL, &err);
    }
    expect_error(rc, &err, MUSTER_EEXPR, "expr_depth");
    assert_true(i > 10);
    snprintf(expr, sizeof expr, "segment(\"s%u\")", i - 1);
    assert_true(count(h, expr) <= 2);
}

static void test_engine_saved__lookup_by_priority_then_key(void **state)
{
    house *h = *state;
    muster_save options = MUSTER_SAVE_INIT;
    muster_error err;
    bool known;

    save(h, "bbb", "x = \"1\"");
    save(h, "aaa", "n < 10");
    save(h, "none", "x = \"2\"");
    options.key = "first";
    options.expr = "all";
    options.expr_len = 3;
    options.priority = 9;
    assert_int_equal(
        muster_audience_save(h->engine, &options, NULL, &err), 0);
    options.key = "hidden";
    options.served = false;
    assert_int_equal(
        muster_audience_save(h->engine, &options, NULL, &err), 0);
    options.key = "last";
    options.served = true;
    options.priority = -1;
    assert_int_equal(
        muster_audience_save(h->engine, &options, NULL, &err), 0);
    assert_string_equal(lookup(h, "a", &known).text, "first aaa bbb last ");
    assert_true(known);
    assert_int_equal(lookup(h, "stranger", &known).count, 0);
    assert_false(known);
    house_checkpoint(h);
    house_reopen(h, MUSTER_OPEN_READ);
    assert_string_equal(lookup(h, "a", NULL).text, "first aaa bbb last ");
}

/* A compiled segment sees what is said and saved after it was compiled. */
static void test_engine_saved__a_compiled_segment_follows(void **state)
{
    house *h = *state;
    muster_count *answer;
    muster_error err;

    save(h, "base", "x = \"1\"");
    muster_segment *s = compile(h, "segment(\"base\")");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(muster_segment_count(s, true, &answer, &err), 0);
        assert_int_equal(answer->count, i == 0 ? 1 : i == 1 ? 2 : 0);
        muster_count_free(answer);
        if (i == 0)
            feed(h, "{\"ids\":{\"cookie\":\"c\"},\"set\":{\"x\":\"1\"}}\n");
        else
            save(h, "base", "x = \"never\"");
    }
    muster_segment_free(s);
}

#define PEOPLE_TEST(name) \
    cmocka_unit_test_setup_teardown(name, set_up_people, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PEOPLE_TEST(test_engine_saved__each_change_is_a_version),
        PEOPLE_TEST(test_engine_saved__a_bad_one_is_not_stored),
        PEOPLE_TEST(test_engine_saved__going_back_is_a_new_version),
        PEOPLE_TEST(test_engine_saved__removed_and_brought_back),
        PEOPLE_TEST(test_engine_saved__references_hold_and_make_no_cycle),
        PEOPLE_TEST(test_engine_saved__going_back_checks_references),
        PEOPLE_TEST(test_engine_saved__a_chain_of_references_is_bounded),
        PEOPLE_TEST(test_engine_saved__lookup_by_priority_then_key),
        PEOPLE_TEST(test_engine_saved__a_compiled_segment_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
