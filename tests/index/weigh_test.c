/*
 * weigh_test.c - planes take what CRoaring takes for the same sets; what is
 * derived is counted apart.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "index/index.h"
#include "support/dice.h"

enum { PAGES = 16, OPENS = 17, COLOUR = 18, ROWS = 200000 };

static uint32_t cap_of(void *payload, uint32_t attribute)
{
    (void)payload;
    (void)attribute;
    return 255;
}

static index_stack *make_base(void)
{
    const index_limits limits = {.cap = cap_of};
    index_stack *empty = index_view_empty();
    index_builder *b = index_builder_new();
    random_state r;

    random_seed(&r, 3);
    for (uint32_t row = 0; row < ROWS; row++) {
        index_add_seen(b, 1, row, INDEX_NEVER);
        index_add_event(b, PAGES, 1, 255, 1 + dice(&r, 9), 100 + dice(&r, 20),
                        row, 1, 0);
        if (chance(&r, 30)) /* of no value: nothing is derived */
            index_add_event(b, OPENS, 1, 255, 0, 100, row, 1, 0);
        index_add_profile(b, COLOUR, 1, row, INDEX_SET, 1 + row / 1000 % 3,
                          INDEX_NEVER);
    }
    index_stack *x = index_view_push(empty, index_builder_finish(b));
    index_stack *base = index_view_base(index_merge_base(x, &limits));
    index_builder_free(b);
    index_view_release(x);
    index_view_release(empty);
    return base;
}

static int stop(void *payload, uint64_t done, uint64_t total)
{
    (void)payload;
    assert_true(done > 0 && done <= total);
    return -5;
}

static void test_index_weigh__beside_croaring(void **state)
{
    (void)state;
    index_stack *base = make_base();
    index_weights w;

    assert_int_equal(index_weigh(base, &w, stop, NULL), 0); /* too few */
    assert_int_equal(w.said.planes, 9 * 20 + 1 + 3);
    assert_int_equal(w.derived.planes, 20 + 1);
    assert_true(w.derived.rows > ROWS + ROWS / 2);
    assert_true(w.derived.rows <= 2 * ROWS);
    /* a plane is as small as CRoaring makes it, to the byte */
    assert_int_equal(w.said.bytes, w.said.croaring);
    assert_int_equal(w.derived.bytes, w.derived.croaring);
    assert_true(w.said.bytes > ROWS);
    assert_int_equal(w.said.planes + w.derived.planes,
                     index_plane_count(base));
    /* and what stands beside them is little */
    const uint64_t roaring = w.said.croaring + w.derived.croaring;
    assert_true((roaring + w.gaps + w.directory) * 100 <= roaring * 105);
    index_view_release(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_weigh__beside_croaring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
