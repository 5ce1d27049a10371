/*
 * taxonomy_test.c - the taxonomy as a part of the state: it is logged, in
 * generations and in the hash; what would break a saved segment is refused;
 * what is mapped holds at once, for segments that were compiled before too.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/base.h"
#include "engine_support.h"
#include "support/dice.h"

static const char file[] = "Unique ID\tParent ID\tTier 1\tTier 2\n"
                           "1\t\tInterest\n"
                           "2\t1\tInterest\tCars\n"
                           "3\t1\tInterest\tBoats\n";
static const char people[] =
    "{\"ids\":{\"cookie\":\"a\"},\"add\":{\"interest\":[\"cars\"]}}\n"
    "{\"ids\":{\"cookie\":\"b\"},\"add\":{\"interest\":[\"boats\"]}}\n"
    "{\"ids\":{\"cookie\":\"c\"},\"set\":{\"vip\":true}}\n";

static int try_load(house *h, const char *text, muster_error *err)
{
    return muster_taxonomy_load(h->engine, "t", 4, text, strlen(text), err);
}

static void map(house *h, const char *attribute, const char *value,
                const char *node)
{
    const char *const nodes[] = {node};
    muster_error err;
    if (muster_taxonomy_map(h->engine, attribute, value, nodes, node != NULL,
                            &err) != 0)
        fail_msg("%s: %s", attribute, err.message);
}

static muster_state_hash hash(house *h)
{
    muster_state_hash sum;
    muster_error err;
    assert_int_equal(muster_engine_state_hash(h->engine, NULL, &sum, NULL,
                                              &err), 0);
    return sum;
}

static bool same(muster_state_hash a, muster_state_hash b)
{
    return a.low == b.low && a.high == b.high;
}

static void open_all(house *h)
{
    muster_error err;
    house_open(h, NOON, 1);
    feed(h, people);
    assert_int_equal(try_load(h, file, &err), 0);
    map(h, "interest", "cars", "2");
}

static void test_engine_taxonomy__is_in_the_hash(void **state)
{
    house h = {0};
    muster_error err;
    (void)state;
    house_open(&h, NOON, 1);
    feed(&h, people);
    const muster_state_hash none = hash(&h);
    assert_int_equal(try_load(&h, file, &err), 0);
    const muster_state_hash loaded = hash(&h);
    assert_false(same(none, loaded));
    map(&h, "vip", NULL, "1");
    const muster_state_hash mapped = hash(&h);
    assert_false(same(loaded, mapped));
    map(&h, "vip", NULL, "2");
    assert_false(same(mapped, hash(&h)));
    map(&h, "vip", NULL, "1");
    assert_true(same(mapped, hash(&h)));
    map(&h, "vip", NULL, NULL);
    assert_true(same(loaded, hash(&h)));
    house_close(&h);
}

static void test_engine_taxonomy__stays(void **state)
{
    house h = {0};
    (void)state;
    open_all(&h);
    const muster_state_hash before = hash(&h);
    house_reopen(&h, MUSTER_OPEN_WRITE); /* of the log */
    assert_true(same(before, hash(&h)));
    house_checkpoint(&h);
    house_reopen(&h, MUSTER_OPEN_READ); /* of the generation */
    assert_true(same(before, hash(&h)));
    assert_int_equal(count(&h, "taxonomy(\"Interest\")"), 1);
    muster_taxonomy about;
    muster_taxonomy_about(h.engine, &about);
    assert_string_equal(about.name, "t");
    assert_int_equal(about.segtax, 4);
    assert_int_equal(about.nodes, 3);
    assert_int_equal(about.mappings, 1);
    house_close(&h);
}

static void test_engine_taxonomy__holds_at_once(void **state)
{
    house h = {0};
    muster_error err;
    muster_count *answer;
    (void)state;
    open_all(&h);
    muster_segment *s = compile(&h, "taxonomy(\"Interest\")");
    static const uint64_t wanted[] = {1, 2, 3, 2};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(muster_segment_count(s, false, &answer, &err), 0);
        assert_int_equal(answer->count, wanted[i]);
        muster_count_free(answer);
        if (i == 0)
            map(&h, "interest", "boats", "3");
        if (i == 1)
            map(&h, "vip", NULL, "1");
        if (i == 2)
            map(&h, "interest", "cars", NULL);
    }
    muster_segment_free(s);
    house_close(&h);
}

static void test_engine_taxonomy__breaks_no_segment(void **state)
{
    house h = {0};
    muster_error err;
    (void)state;
    open_all(&h);
    save(&h, "boats", "not taxonomy(\"Interest | Boats\")");
    const muster_state_hash before = hash(&h);
    assert_int_equal(try_load(&h, "Unique ID\tTier 1\n2\tCars\n", &err),
                     MUSTER_ECONFLICT);
    assert_string_equal(err.word, "in_use");
    assert_int_equal(try_load(&h, "Unique ID\tTier 1\n3\tBoats\n", &err),
                     MUSTER_ECONFLICT);
    assert_string_equal(err.word, "mapped_node");
    assert_int_equal(try_load(&h, "Unique ID\tTier 1\n3\t\n", &err),
                     MUSTER_EINVAL);
    assert_int_equal(err.line, 2);
    assert_true(same(before, hash(&h)));
    assert_int_equal(muster_audience_remove(h.engine, "boats", &err), 0);
    assert_int_equal(try_load(&h, "Unique ID\tTier 1\n2\tCars\n", &err), 0);
    assert_int_equal(count(&h, "taxonomy(\"Cars\")"), 1);
    house_close(&h);
}

static void test_engine_taxonomy__readers_do_not_change_it(void **state)
{
    house h = {0};
    muster_error err;
    static const char *const nodes[] = {"1"};
    (void)state;
    open_all(&h);
    house_reopen(&h, MUSTER_OPEN_READ);
    assert_true(try_load(&h, file, &err) < 0);
    assert_true(muster_taxonomy_map(h.engine, "vip", NULL, nodes, 1, &err) <
                0);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_taxonomy__is_in_the_hash),
        cmocka_unit_test(test_engine_taxonomy__stays),
        cmocka_unit_test(test_engine_taxonomy__holds_at_once),
        cmocka_unit_test(test_engine_taxonomy__breaks_no_segment),
        cmocka_unit_test(test_engine_taxonomy__readers_do_not_change_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
