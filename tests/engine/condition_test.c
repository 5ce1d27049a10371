/*
 * condition_test.c - changes under a condition and tried ones: saved segments,
 * the catalog file, many opt-outs at once; and who refers to a segment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include "engine_support.h"

static int set_up_people(void **state)
{
    set_up(state);
    feed(*state, "{\"ids\":{\"cookie\":\"a\"},\"set\":{\"x\":\"1\",\"n\":5}}"
                 "\n{\"ids\":{\"cookie\":\"b\"},\"set\":{\"x\":\"2\",\"n\":7}"
                 "}\n");
    return 0;
}

static int save_when(house *h, const char *key, const char *expr,
                     uint32_t version, bool dry_run, muster_changed *out,
                     muster_error *err)
{
    const muster_when when = {version, dry_run};
    muster_save wish = MUSTER_SAVE_INIT;
    wish.key = key;
    wish.expr = expr;
    wish.expr_len = strlen(expr);
    return muster_audience_save_when(h->engine, &wish, &when, out, err);
}

static void expect_made(const muster_changed *made, uint32_t id,
                        uint32_t version, bool changed)
{
    assert_int_equal(made->id, id);
    assert_int_equal(made->version, version);
    assert_int_equal(made->changed, changed);
}

static void expect_conflict(int rc, const muster_error *err,
                            const muster_changed *made)
{
    assert_int_equal(rc, MUSTER_ECONFLICT);
    assert_string_equal(err->word, "version_changed");
    expect_made(made, 0, 0, false);
}

static void test_engine_condition__a_save_tells_what_it_led_to(void **state)
{
    house *h = *state;
    muster_changed made;
    muster_error err;
    assert_int_equal(save_when(h, "k", "all", 0, false, &made, &err), 0);
    expect_made(&made, 1, 1, true);
    assert_int_equal(save_when(h, "k", "all", 0, false, &made, &err), 0);
    expect_made(&made, 1, 1, false);
    assert_int_equal(save_when(h, "k", "none", 1, false, &made, &err), 0);
    expect_made(&made, 1, 2, true);
    assert_int_equal(save_when(h, "l", "none", MUSTER_VERSION_NONE, false,
                               &made, &err),
                     0);
    expect_made(&made, 2, 1, true);
}

static void test_engine_condition__another_version_is_a_conflict(void **state)
{
    house *h = *state;
    const muster_when second = {2, false};
    muster_changed made;
    muster_error err;
    save(h, "k", "all");
    for (uint32_t version = 2; version < 4; version++)
        expect_conflict(save_when(h, "k", "none", version, false, &made,
                                  &err),
                        &err, &made);
    expect_conflict(save_when(h, "k", "none", MUSTER_VERSION_NONE, false,
                              &made, &err),
                    &err, &made);
    expect_conflict(save_when(h, "l", "none", 1, false, &made, &err), &err,
                    &made);
    expect_conflict(muster_audience_remove_when(h->engine, "k", &second,
                                                &made, &err),
                    &err, &made);
    expect_conflict(muster_audience_revert_when(h->engine, "k", 1, &second,
                                                &made, &err),
                    &err, &made);
    assert_int_equal(count(h, "segment(\"k\")"), 2);
    /* Where it fails for two reasons, the condition is the first. */
    expect_conflict(save_when(h, "k", "zzz = 1", 7, false, &made, &err), &err,
                    &made);
}

static void test_engine_condition__removing_and_going_back(void **state)
{
    house *h = *state;
    const muster_when first = {1, false};
    const muster_when gone = {MUSTER_VERSION_NONE, false};
    muster_changed made;
    muster_error err;
    save(h, "k", "all");
    assert_int_equal(
        muster_audience_remove_when(h->engine, "k", &first, &made, &err), 0);
    expect_made(&made, 1, 2, true);
    expect_conflict(muster_audience_revert_when(h->engine, "k", 1, &first,
                                                &made, &err),
                    &err, &made);
    assert_int_equal(
        muster_audience_revert_when(h->engine, "k", 1, &gone, &made, &err),
        0);
    expect_made(&made, 1, 3, true);
    assert_int_equal(
        muster_audience_revert_when(h->engine, "k", 1, NULL, &made, &err), 0);
    expect_made(&made, 1, 3, false);
}

static void test_engine_condition__a_dry_run_changes_nothing(void **state)
{
    house *h = *state;
    const muster_when dry = {0, true};
    muster_changed made;
    muster_error err;
    save(h, "k", "all");
    const muster_epoch before = muster_engine_epoch(h->engine);
    assert_int_equal(save_when(h, "l", "all", 0, true, &made, &err), 0);
    expect_made(&made, 0, 1, true);
    assert_int_equal(save_when(h, "k", "none", 1, true, &made, &err), 0);
    expect_made(&made, 1, 2, true);
    assert_int_equal(save_when(h, "k", "all", 0, true, &made, &err), 0);
    expect_made(&made, 1, 1, false);
    assert_int_equal(
        muster_audience_remove_when(h->engine, "k", &dry, &made, &err), 0);
    expect_made(&made, 1, 2, true);
    assert_int_equal(save_when(h, "k", "zzz = 1", 0, true, &made, &err),
                     MUSTER_EEXPR);
    assert_int_equal(save_when(h, "k", "segment(\"k\")", 0, true, &made,
                               &err),
                     MUSTER_EEXPR);
    assert_int_equal(muster_engine_epoch(h->engine), before);
    assert_int_equal(count(h, "segment(\"k\")"), 2);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(stats(h).segments, 1);
}

/* ---- of many, one ---- */

#define RACERS 8
#define ROUNDS 50

typedef struct racer {
    house *h;
    uint32_t number;
    uint32_t won;
} racer;

static int note_version(void *payload, const muster_saved *row)
{
    *(uint32_t *)payload = row->version;
    return 0;
}

static uint32_t version_now(house *h)
{
    uint32_t version = 0;
    muster_error err;
    assert_int_equal(muster_audience_find(h->engine, "k", note_version,
                                          &version, &err),
                     0);
    return version;
}

/* Saves over the version it read, again and again. */
static void *race(void *payload)
{
    racer *r = payload;
    for (uint32_t now; (now = version_now(r->h)) < ROUNDS;) {
        muster_changed made;
        muster_error err;
        char expr[64];
        snprintf(expr, sizeof expr, "n >= %u or n = %u", now, r->number);
        if (save_when(r->h, "k", expr, now, false, &made, &err) != 0)
            continue;
        assert_int_equal(made.version, now + 1);
        r->won++;
    }
    return NULL;
}

static void test_engine_condition__of_many_one_is_first(void **state)
{
    house *h = *state;
    pthread_t threads[RACERS];
    racer racers[RACERS];
    uint32_t won = 0;
    save(h, "k", "all");
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (racer){h, (uint32_t)i, 0};
        pthread_create(&threads[i], NULL, race, &racers[i]);
    }
    for (int i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
        won += racers[i].won;
    }
    /* Every version behind the first was one racer's. */
    assert_int_equal(version_now(h), 1 + won);
}

/* ---- names, usage ---- */

static void test_engine_condition__a_name_is_one_line(void **state)
{
    house *h = *state;
    static const char *const bad[] = {"a\nb", "\t", "a\x7f", "\x01"};
    muster_save wish = MUSTER_SAVE_INIT;
    muster_error err;
    wish.key = "k";
    wish.expr = "all";
    wish.expr_len = 3;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        wish.name = bad[i];
        assert_int_equal(muster_audience_save(h->engine, &wish, NULL, &err),
                         MUSTER_EINVAL);
        assert_string_equal(err.word, "bad_name");
    }
    wish.name = "Gr\xc3\xbc\xc3\x9f" "e, \"x\"";
    assert_int_equal(muster_audience_save(h->engine, &wish, NULL, &err), 0);
}

static key_list usage(house *h, const char *key)
{
    key_list list = {{0}, 0};
    muster_error err;
    if (muster_audience_usage(h->engine, key, note_key, &list, &err) != 0)
        fail_msg("%s", err.message);
    return list;
}

static void test_engine_condition__who_refers_to_it(void **state)
{
    house *h = *state;
    key_list none = {{0}, 0};
    muster_error err;
    save(h, "base", "x = \"1\"");
    save(h, "b", "not segment(\"base\")");
    save(h, "a", "n > 5 or (x = \"2\" and segment(\"base\"))");
    save(h, "c", "segment(\"\\u0061\")");
    save(h, "d", "x = \"base\" # segment(\"base\")");
    assert_string_equal(usage(h, "base").text, "a b ");
    assert_string_equal(usage(h, "a").text, "c ");
    assert_int_equal(usage(h, "d").count, 0);
    assert_int_equal(muster_audience_usage(h->engine, "bass", note_key, &none,
                                           &err),
                     MUSTER_ENOTFOUND);
    assert_string_equal(err.suggestion, "base");
    assert_int_equal(muster_audience_remove(h->engine, "b", &err), 0);
    assert_string_equal(usage(h, "base").text, "a ");
}

/* ---- the catalog file ---- */

static muster_catalog_effect check(house *h, const char *text)
{
    muster_catalog_effect effect;
    muster_error err;
    if (muster_catalog_check(h->engine, text, strlen(text), &effect, &err) !=
        0)
        fail_msg("%s", err.message);
    return effect;
}

static void test_engine_condition__a_catalog_is_tried(void **state)
{
    house *h = *state;
    static const char file[] =
        "{\"mode\":\"strict\",\"attributes\":{\"x\":{\"kind\":\"one_of\"},"
        "\"fresh\":{\"kind\":\"flag\"}},\"providers\":{\"p\":{\"party\":"
        "\"third\"},\"q\":{\"party\":\"first\"}},\"id_spaces\":{\"s\":{}}}";
    muster_catalog_effect effect = check(h, file);
    muster_error err;
    assert_int_equal(effect.attributes_new, 1);
    assert_int_equal(effect.attributes_changed, 1); /* it is declared now */
    assert_int_equal(effect.providers_new, 2);
    assert_int_equal(effect.providers_changed, 0);
    assert_int_equal(effect.spaces_new, 1);
    assert_true(effect.mode_changed);
    assert_int_equal(stats(h).attributes, 2);
    catalog(h, file);
    effect = check(h, file);
    assert_int_equal(effect.attributes_new + effect.attributes_changed +
                         effect.providers_new + effect.providers_changed +
                         effect.spaces_new + effect.spaces_changed,
                     0);
    assert_false(effect.mode_changed);
    effect = check(h, "{\"providers\":{\"p\":{\"party\":\"second\"}}}");
    assert_int_equal(effect.providers_changed, 1);
    static const char bad[] = "{\n\"attributes\":{\"x\":{\"kind\":\"flag\"}}}";
    assert_int_equal(muster_catalog_check(h->engine, bad, strlen(bad),
                                          &effect, &err),
                     MUSTER_ECONFLICT);
    assert_int_equal(err.line, 2);
}

/* ---- many opt-outs ---- */

static void test_engine_condition__many_opt_out_at_once(void **state)
{
    house *h = *state;
    muster_wish wishes[] = {{.user = cookie("a")},
                            {.user = cookie("nobody")},
                            {.user = {"nospace", "b", 1}},
                            {.user = cookie("b@example.com")},
                            {.user = cookie("a")}};
    muster_error err;
    const size_t n = sizeof wishes / sizeof *wishes;
    assert_int_equal(
        muster_privacy_optouts(h->engine, wishes, n, false, &err), 0);
    assert_true(wishes[0].known);
    assert_false(wishes[1].known);
    assert_int_equal(wishes[1].error.code, 0);
    assert_string_equal(wishes[2].error.word, "unknown_space");
    assert_string_equal(wishes[3].error.word, "pii_suspected");
    assert_true(wishes[4].known);
    assert_int_equal(count(h, "all"), 1);
    assert_int_equal(
        muster_privacy_optouts(h->engine, wishes, n, true, &err), 0);
    assert_true(wishes[1].known); /* a stranger who opted out was kept */
    assert_int_equal(count(h, "all"), 2);
    assert_int_equal(muster_privacy_optouts(h->engine, wishes, 0, true, &err),
                     0);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(count(h, "all"), 2);
}

#define PEOPLE_TEST(name) \
    cmocka_unit_test_setup_teardown(name, set_up_people, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PEOPLE_TEST(test_engine_condition__a_save_tells_what_it_led_to),
        PEOPLE_TEST(test_engine_condition__another_version_is_a_conflict),
        PEOPLE_TEST(test_engine_condition__removing_and_going_back),
        PEOPLE_TEST(test_engine_condition__a_dry_run_changes_nothing),
        PEOPLE_TEST(test_engine_condition__of_many_one_is_first),
        PEOPLE_TEST(test_engine_condition__a_name_is_one_line),
        PEOPLE_TEST(test_engine_condition__who_refers_to_it),
        PEOPLE_TEST(test_engine_condition__a_catalog_is_tried),
        PEOPLE_TEST(test_engine_condition__many_opt_out_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
