/*
 * tick_test.c - the state's own clock: logged, monotone, the same after a
 * restart; what expired stays expired when the machine's clock jumps.
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

static muster_time wall; /* atomic */

static muster_time wall_clock(void)
{
    return __atomic_load_n(&wall, __ATOMIC_ACQUIRE);
}

static void set_wall(muster_time t)
{
    __atomic_store_n(&wall, t, __ATOMIC_RELEASE);
}

static int tick_set_up(void **state)
{
    house *h = malloc(sizeof *h);
    assert_non_null(h);
    set_wall(NOON);
    clock_hook = wall_clock;
    house_open(h, 0, 1);
    *state = h;
    return 0;
}

static int tick_tear_down(void **state)
{
    house_close(*state);
    clock_hook = NULL;
    free(*state);
    return 0;
}

static muster_time hour_of(muster_time t)
{
    return t - t % HOUR;
}

/* A change makes the writer look at the clock. */
static void touch(house *h)
{
    static unsigned n;
    save(h, "touched", n++ % 2 ? "all" : "none");
}

static void feed_ttls(house *h)
{
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"ttl\":\"1h\",\"set\":{\"a\":"
            "\"x\"}}\n"
            "{\"ids\":{\"cookie\":\"u\"},\"ttl\":\"3h\",\"set\":{\"b\":"
            "\"x\",\"n\":7}}\n"
            "{\"ids\":{\"cookie\":\"u\"},\"ttl\":\"0\",\"set\":{\"c\":"
            "\"x\"}}\n");
}

static void expect(house *h, uint64_t a, uint64_t b, uint64_t c)
{
    assert_int_equal(count(h, "a = \"x\""), a);
    assert_int_equal(count(h, "b = \"x\""), b);
    assert_int_equal(count(h, "n = 7"), b);
    assert_int_equal(count(h, "c = \"x\""), c);
}

static void test_engine_tick__the_clock_is_logged_by_the_hour(void **state)
{
    house *h = *state;
    feed_ttls(h);
    assert_int_equal(stats(h).tick, hour_of(NOON));
    const muster_epoch before = stats(h).epoch;
    touch(h);
    assert_int_equal(stats(h).epoch, before + 1); /* no second tick */
    set_wall(NOON + 5 * HOUR);
    touch(h);
    assert_int_equal(stats(h).epoch, before + 3);
    assert_int_equal(stats(h).tick, hour_of(NOON + 5 * HOUR));
    house_reopen(h, MUSTER_OPEN_READ);
    assert_int_equal(stats(h).tick, hour_of(NOON + 5 * HOUR));
    house_reopen(h, MUSTER_OPEN_WRITE);
    house_checkpoint(h);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(stats(h).tick, hour_of(NOON + 5 * HOUR));
}

static void test_engine_tick__a_clock_that_jumps_revives_nothing(void **state)
{
    house *h = *state;
    feed_ttls(h);
    expect(h, 1, 1, 1);
    set_wall(NOON + HOUR + 29 * 60 + 59);
    expect(h, 1, 1, 1);
    set_wall(NOON + HOUR + 30 * 60); /* at the edge, without any change */
    expect(h, 0, 1, 1);
    touch(h);
    set_wall(NOON + 30 * 60); /* an hour back */
    expect(h, 0, 1, 1);
    house_reopen(h, MUSTER_OPEN_WRITE);
    expect(h, 0, 1, 1);
    set_wall(NOON + 4 * HOUR); /* forth for a moment: b ends */
    touch(h);
    set_wall(NOON + 2 * HOUR);
    expect(h, 0, 0, 1);
    house_reopen(h, MUSTER_OPEN_READ);
    expect(h, 0, 0, 1);
}

static void test_engine_tick__a_generation_drops_what_ended(void **state)
{
    house *h = *state;
    feed_ttls(h);
    house_checkpoint(h);
    const uint64_t planes = stats(h).planes;
    set_wall(NOON + 10 * HOUR);
    touch(h);
    expect(h, 0, 0, 1);
    house_checkpoint(h);
    assert_true(stats(h).planes < planes);
    expect(h, 0, 0, 1);
    house_reopen(h, MUSTER_OPEN_WRITE);
    expect(h, 0, 0, 1);
    feed_ttls(h); /* said anew */
    expect(h, 1, 1, 1);
    house_checkpoint(h);
    expect(h, 1, 1, 1);
}

static void test_engine_tick__events_go_with_their_retention(void **state)
{
    house *h = *state;
    const char *catalog = "{\"attributes\":{\"e\":{\"kind\":\"event\","
                          "\"retention\":\"3d\"}}}";
    house_catalog(h, catalog, strlen(catalog));
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"events\":[{\"name\":\"e\"}]}\n");
    assert_int_equal(count(h, "e"), 1);
    set_wall(NOON + 2 * DAY);
    touch(h);
    house_checkpoint(h);
    assert_int_equal(count(h, "e"), 1);
    set_wall(NOON + 3 * DAY);
    assert_int_equal(count(h, "e"), 0);
    touch(h);
    house_checkpoint(h);
    assert_int_equal(count(h, "e"), 0);
    set_wall(NOON);
    assert_int_equal(count(h, "e"), 0);
}

static void test_engine_tick__a_fixed_clock_moves_nothing(void **state)
{
    house *h = *state;
    feed_ttls(h);
    house_set_now(h, NOON + 1000 * DAY);
    expect(h, 0, 0, 1);
    touch(h);
    assert_int_equal(stats(h).tick, hour_of(NOON));
    house_set_now(h, 0);
    expect(h, 1, 1, 1);
}

int main(void)
{
#define TICK_TEST(f) \
    cmocka_unit_test_setup_teardown(f, tick_set_up, tick_tear_down)
    const struct CMUnitTest tests[] = {
        TICK_TEST(test_engine_tick__the_clock_is_logged_by_the_hour),
        TICK_TEST(test_engine_tick__a_clock_that_jumps_revives_nothing),
        TICK_TEST(test_engine_tick__a_generation_drops_what_ended),
        TICK_TEST(test_engine_tick__events_go_with_their_retention),
        TICK_TEST(test_engine_tick__a_fixed_clock_moves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
