/*
 * random_test.c - the published numbers, and fairness of what is made of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/hash.h"
#include "base/random.h"
#include "expect_abort.h"

static void test_base_random__numbers_are_xoshiro_s(void **state)
{
    (void)state;
    random_state r = {{1, 2, 3, 4}};
    assert_true(random_u64(&r) == 11520);
    assert_true(random_u64(&r) == 0);
    assert_true(random_u64(&r) == 1509978240);
    assert_true(random_u64(&r) == 1215971899390074240u);
}

static void test_base_random__seed_is_splitmix(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, 0);
    assert_true(r.s[0] == 0xe220a8397b1dcdafu);
    assert_true(r.s[1] == 0x6e789e6aa1b965f4u);
    random_state again;
    random_seed(&r, 42);
    random_seed(&again, 42);
    for (int i = 0; i < 100; i++)
        assert_true(random_u64(&r) == random_u64(&again));
}

static void test_base_random__below_is_fair(void **state)
{
    (void)state;
    enum { BOUND = 7, DRAWS = 70000 };
    int counts[BOUND] = {0};
    random_state r;
    random_seed(&r, 1);
    for (int i = 0; i < DRAWS; i++)
        counts[random_below(&r, BOUND)]++;
    for (int i = 0; i < BOUND; i++)
        assert_in_range(counts[i], 9600, 10400);
    assert_true(random_below(&r, 1) == 0);
    for (int i = 0; i < 1000; i++)
        assert_true(random_below(&r, (1ull << 63) + 1) <= 1ull << 63);
}

static void test_base_random__unit_stays_below_one(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, 2);
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        const double u = random_unit(&r);
        assert_true(u >= 0 && u < 1);
        sum += u;
    }
    assert_true(sum > 49500 && sum < 50500);
}

static void draw_unseeded(void *payload)
{
    random_u64(payload);
}

static void draw_below_nothing(void *payload)
{
    random_below(payload, 0);
}

static void test_base_random__misuse_aborts(void **state)
{
    (void)state;
    random_state zeros = {{0, 0, 0, 0}};
    random_state seeded;
    random_seed(&seeded, 3);
    expect_abort(draw_unseeded, &zeros);
    expect_abort(draw_below_nothing, &seeded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_random__numbers_are_xoshiro_s),
        cmocka_unit_test(test_base_random__seed_is_splitmix),
        cmocka_unit_test(test_base_random__below_is_fair),
        cmocka_unit_test(test_base_random__unit_stays_below_one),
        cmocka_unit_test(test_base_random__misuse_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
