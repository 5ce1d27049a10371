/*
 * people_test.c - opting out and being forgotten, and that no raw id is in
 * any file of the data directory nor in what the engine says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <sys/stat.h>
#include "engine_support.h"

static bool opt(house *h, const char *id, bool undo)
{
    const muster_id user = cookie(id);
    muster_error err;
    bool known;
    if (muster_privacy_optout(h->engine, &user, undo, &known, &err) != 0)
        fail_msg("%s", err.message);
    return known;
}

static bool forget(house *h, const char *id)
{
    const muster_id user = cookie(id);
    muster_error err;
    bool known;
    if (muster_privacy_forget(h->engine, &user, &known, &err) != 0)
        fail_msg("%s", err.message);
    return known;
}

static void two_people(house *h)
{
    feed(h, "{\"ids\":{\"cookie\":[\"a\",\"a2\"]},\"set\":{\"x\":\"1\"}}\n"
            "{\"ids\":{\"cookie\":\"b\"},\"set\":{\"x\":\"1\"}}\n");
    save(h, "seg", "x = \"1\"");
}

static bool is_masked(house *h, const char *id)
{
    const muster_id user = cookie(id);
    muster_segment *s = compile(h, "x = \"1\"");
    muster_explanation *e;
    muster_error err;
    assert_int_equal(muster_segment_explain(s, &user, &e, &err), 0);
    const bool masked = e->masked;
    if (masked)
        assert_false(e->member);
    muster_explanation_free(e);
    muster_segment_free(s);
    return masked;
}

static void expect_in(house *h, const char *id, bool in, uint64_t total)
{
    assert_int_equal(count(h, "x = \"1\""), total);
    assert_int_equal(count(h, "all"), total);
    assert_int_equal(count(h, "not x = \"7\""), total);
    assert_int_equal(count(h, "at most 1 of (x = \"7\", x = \"8\")"), total);
    assert_int_equal(has(h, "x = \"1\"", id), in);
    assert_int_equal(has(h, "all", id), in);
    assert_int_equal(lookup(h, id, NULL).count, in);
    assert_int_equal(is_masked(h, id), !in);
}

static void test_engine_people__out_and_back_in(void **state)
{
    house *h = *state;
    two_people(h);
    for (int round = 0; round < 2; round++) {
        expect_in(h, "a", true, 2);
        assert_true(opt(h, "a2", false)); /* by any of the ids */
        expect_in(h, "a", false, 1);
        assert_true(opt(h, "a", false)); /* twice is once */
        house_reopen(h, MUSTER_OPEN_WRITE);
        expect_in(h, "a", false, 1);
        house_checkpoint(h);
        expect_in(h, "a", false, 1);
        assert_true(opt(h, "a", true));
        expect_in(h, "a", true, 2);
        house_checkpoint(h);
        house_reopen(h, MUSTER_OPEN_WRITE);
    }
}

static void test_engine_people__later_facts_stay_masked(void **state)
{
    house *h = *state;
    two_people(h);
    assert_false(opt(h, "c", false)); /* not seen yet */
    feed(h, "{\"ids\":{\"cookie\":[\"c\",\"c2\"]},\"set\":{\"x\":\"1\"}}\n"
            "{\"ids\":{\"cookie\":\"c2\"},\"set\":{\"x\":\"1\"}}\n");
    expect_in(h, "c", false, 2);
    expect_in(h, "c2", false, 2);
    assert_true(opt(h, "c2", true));
    expect_in(h, "c", true, 3);
}

static void test_engine_people__undo_of_a_stranger_changes_nothing(
    void **state)
{
    house *h = *state;
    two_people(h);
    const muster_epoch epoch = muster_engine_epoch(h->engine);
    assert_false(opt(h, "nobody", true));
    assert_int_equal(muster_engine_epoch(h->engine), epoch);
    assert_int_equal(stats(h).users, 2);
}

static void check_forgotten(house *h)
{
    expect_in(h, "a", false, 1);
    opt(h, "a", true);
    expect_in(h, "a", false, 1); /* no way back */
    expect_reject(h, "{\"ids\":{\"cookie\":\"a\"},\"set\":{\"x\":\"1\"}}\n",
                  "forgotten", "");
    expect_reject(h, "{\"ids\":{\"cookie\":[\"new\",\"a2\"]},\"set\":{\"q\":"
                     "\"1\"}}\n",
                  "forgotten", "");
    assert_int_equal(stats(h).attributes, 1);
    expect_reject(h, "{\"ids\":{\"cookie\":\"later\"},\"set\":{\"x\":\"1\"}}"
                     "\n",
                  "forgotten", "");
}

static void test_engine_people__forgotten_for_good(void **state)
{
    house *h = *state;
    two_people(h);
    assert_true(forget(h, "a"));
    assert_false(forget(h, "later")); /* before anything was said */
    check_forgotten(h);
    house_reopen(h, MUSTER_OPEN_WRITE); /* from the log */
    check_forgotten(h);
    house_checkpoint(h);
    check_forgotten(h);
    house_reopen(h, MUSTER_OPEN_WRITE); /* from the generation */
    check_forgotten(h);
}

/* Wherever the forgotten id stands: nothing that names it is stored. */
static void test_engine_people__a_forgotten_id_among_others(void **state)
{
    house *h = *state;
    two_people(h);
    forget(h, "a");
    expect_reject(h, "{\"ids\":{\"cookie\":[\"b\",\"a\"]},\"set\":{\"x\":"
                     "\"2\"}}\n",
                  "forgotten", "");
    expect_reject(h, "{\"ids\":{\"cookie\":[\"new\",\"b\",\"a2\"]},\"set\":{"
                     "\"x\":\"2\"}}\n",
                  "forgotten", "");
    assert_true(has(h, "x = \"1\"", "b"));
    assert_int_equal(stats(h).users, 2);
    assert_int_equal(stats(h).ids, 3);
}

/* ---- ids ---- */

static void expect_bad_id(house *h, const char *space, const char *id,
                          const char *word)
{
    const muster_id user = {space, id, strlen(id)};
    muster_segment *s = compile(h, "all");
    muster_error err;
    bool member;
    assert_int_equal(muster_segment_has(s, &user, &member, &err),
                     MUSTER_EINVAL);
    assert_string_equal(err.word, word);
    assert_null(strstr(err.message, id));
    assert_null(strstr(err.suggestion, id));
    assert_int_equal(
        muster_privacy_optout(h->engine, &user, false, NULL, &err),
        MUSTER_EINVAL);
    assert_null(strstr(err.message, id));
    muster_segment_free(s);
}

static void test_engine_people__errors_never_quote_an_id(void **state)
{
    house *h = *state;
    expect_bad_id(h, "cookie", "jane.doe@example.com", "pii_suspected");
    expect_bad_id(h, "gaid", "not-a-gaid-at-all-77", "bad_id");
    expect_bad_id(h, "nospace", "secret-id-4711", "unknown_space");
    assert_int_equal(stats(h).users, 0);
}

static void expect_not_in(const char *path, const char *secret)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    static char bytes[4 << 20];
    const size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(n < sizeof bytes);
    if (memmem(bytes, n, secret, strlen(secret)) != NULL)
        fail_msg("%s holds %s", path, secret);
}

static void expect_nowhere(const house *h, const char *secret)
{
    DIR *d = opendir(h->dir);
    size_t files = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[900];
        struct stat st;
        snprintf(path, sizeof path, "%s/%.255s", h->dir, e->d_name);
        if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        expect_not_in(path, secret);
        files++;
    }
    closedir(d);
    assert_true(files >= 3);
}

static void test_engine_people__no_file_holds_a_raw_id(void **state)
{
    house *h = *state;
    static const char *const secrets[] = {
        "SecretCookie4711", "secretcookie4711", "CUSTOMER-0815-X",
        "customer-0815-x", "pii.person", "nobody-known-99"};
    reject_log log;

    feed(h, "{\"ids\":{\"cookie\":\"SecretCookie4711\",\"customer\":"
            "\"CUSTOMER-0815-X\"},\"set\":{\"x\":\"1\"}}\n");
    refuse(h, "{\"ids\":{\"cookie\":\"pii.person@example.com\"},\"set\":{}}"
              "\n", &log);
    assert_null(strstr(log.message, "pii.person"));
    assert_null(strstr(log.pointer, "pii.person"));
    refuse(h, "{\"ids\":{\"cookie\":\"SecretCookie4711\"},\"set\":{\"x\":"
              "true}}\n", &log);
    assert_null(strstr(log.message, "SecretCookie4711"));
    opt(h, "nobody-known-99", false);
    assert_true(has(h, "x = \"1\"", "SecretCookie4711") == true);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
            expect_nowhere(h, secrets[i]);
        if (round == 0)
            house_checkpoint(h);
        else
            house_reopen(h, MUSTER_OPEN_WRITE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_engine_people__out_and_back_in),
        HOUSE_TEST(test_engine_people__later_facts_stay_masked),
        HOUSE_TEST(test_engine_people__undo_of_a_stranger_changes_nothing),
        HOUSE_TEST(test_engine_people__forgotten_for_good),
        HOUSE_TEST(test_engine_people__a_forgotten_id_among_others),
        HOUSE_TEST(test_engine_people__errors_never_quote_an_id),
        HOUSE_TEST(test_engine_people__no_file_holds_a_raw_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
