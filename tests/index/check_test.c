/*
 * check_test.c - the deep check: what readers rely on is broken rule by rule,
 * and the first bad plane is named by its key.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "index/layer.h"

/* A plane of a few rows, as bits. */
typedef struct plane {
    plane_key key;
    uint32_t rows;
} plane;

static index_layer *layer_of(const plane *planes, size_t count)
{
    layer_writer w;

    layer_writer_init(&w);
    for (size_t i = 0; i < count; i++) {
        uint32_t rows[32];
        uint32_t n = 0;
        for (uint32_t row = 0; row < 32; row++)
            if (planes[i].rows >> row & 1)
                rows[n++] = 65530 + row; /* over the edge of a block */
        layer_writer_rows(&w, &planes[i].key, rows, n);
    }
    return layer_writer_finish(&w);
}

static void expect(const plane *planes, size_t count, bool base,
                   const char *message)
{
    index_layer *l = layer_of(planes, count);
    muster_error err;
    const int rc = index_layer_check(l, base, &err);

    if (message) {
        assert_int_equal(rc, MUSTER_ECORRUPT);
        assert_string_equal(err.word, "damaged_planes");
        assert_string_equal(err.message, message);
    } else {
        assert_int_equal(rc, 0);
    }
    index_layer_release(l);
}
#define EXPECT(planes, base, message)                                         \
    expect(planes, sizeof(planes) / sizeof *(planes), base, message)

static void test_index_check__what_stands_in_deltas_only(void **state)
{
    (void)state;
    static const plane hard[] = {{{16, 2, ROLE_HARD, 0, 0, 0}, 1}};
    static const plane soft[] = {{{16, 2, ROLE_SOFT, 0, 0, 0}, 1}};
    static const plane removed[] = {{{16, 2, ROLE_REMOVED, 0, 9, 0}, 1}};

    EXPECT(hard, false, NULL);
    EXPECT(soft, false, NULL);
    EXPECT(removed, false, NULL);
    EXPECT(hard, true,
           "plane 0 of the directory (attribute 16, provider 2, hard 0, "
           "value 0, bucket 0) stands in a base");
    EXPECT(soft, true,
           "plane 0 of the directory (attribute 16, provider 2, soft 0, "
           "value 0, bucket 0) stands in a base");
    EXPECT(removed, true,
           "plane 0 of the directory (attribute 16, provider 2, removed 0, "
           "value 9, bucket 0) stands in a base");
}

static void test_index_check__a_row_is_cut_in_one_way(void **state)
{
    (void)state;
    static const plane good[] = {{{16, 1, ROLE_HARD, 0, 0, 0}, 0x1},
                                 {{16, 1, ROLE_SOFT, 0, 0, 0}, 0x2},
                                 {{16, 1, ROLE_REMOVED, 0, 1, 0}, 0xc},
                                 {{16, 1, ROLE_REMOVED, 0, 2, 0}, 0x4}};
    static const plane soft[] = {{{16, 1, ROLE_HARD, 0, 0, 0}, 0x3},
                                 {{16, 1, ROLE_SOFT, 0, 0, 0}, 0x2}};
    static const plane removed[] = {{{16, 1, ROLE_SOFT, 0, 0, 0}, 0x3},
                                    {{16, 1, ROLE_REMOVED, 0, 2, 0}, 0x6}};

    EXPECT(good, false, NULL);
    EXPECT(soft, false,
           "plane 1 of the directory (attribute 16, provider 1, soft 0, "
           "value 0, bucket 0) has a row of another cut");
    EXPECT(removed, false,
           "plane 1 of the directory (attribute 16, provider 1, removed 0, "
           "value 2, bucket 0) has a row of another cut");
}

static void test_index_check__a_row_has_one_expiry_of_a_value(void **state)
{
    (void)state;
    static const plane good[] = {{{16, 1, ROLE_SET, 0, 3, 10}, 0xf},
                                 {{16, 1, ROLE_SET, 0, 3, 11}, 0xf0},
                                 {{16, 1, ROLE_SET, 0, 4, 11}, 0xf}};
    static const plane twice[] = {{{16, 1, ROLE_SET, 0, 3, 10}, 0xf},
                                  {{16, 1, ROLE_SET, 0, 3, 11}, 0x30},
                                  {{16, 1, ROLE_SET, 0, 3, 12}, 0x8}};
    static const plane universe[] = {
        {{INDEX_UNIVERSE, 1, ROLE_SET, 0, 0, 10}, 0xf},
        {{INDEX_UNIVERSE, 1, ROLE_SET, 0, 0, 11}, 0x1}};

    EXPECT(good, true, NULL);
    EXPECT(twice, true,
           "plane 2 of the directory (attribute 16, provider 1, set 0, value "
           "3, bucket 12) has a row of another expiry");
    EXPECT(twice, false,
           "plane 2 of the directory (attribute 16, provider 1, set 0, value "
           "3, bucket 12) has a row of another expiry");
    EXPECT(universe, false, NULL);
    EXPECT(universe, true,
           "plane 1 of the directory (attribute 0, provider 1, set 0, value "
           "0, bucket 11) has a row of another expiry");
}

static void test_index_check__slices_of_numbers_need_a_number(void **state)
{
    (void)state;
    static const plane good[] = {{{18, 1, ROLE_SIGN, 0, 0, 0}, 0x11},
                                 {{18, 1, ROLE_BIT, 3, 0, 0}, 0x81},
                                 {{18, 1, ROLE_SET, 0, 0, 10}, 0xf},
                                 {{18, 1, ROLE_SET, 0, 0, 11}, 0xf0}};
    static const plane bit[] = {{{18, 1, ROLE_BIT, 3, 0, 0}, 0x101},
                                {{18, 1, ROLE_SET, 0, 0, 10}, 0xff}};
    static const plane sign[] = {{{18, 1, ROLE_SIGN, 0, 0, 0}, 0x1}};

    EXPECT(good, true, NULL);
    EXPECT(bit, true,
           "plane 0 of the directory (attribute 18, provider 1, bit 3, value "
           "0, bucket 0) has a row without a number");
    EXPECT(sign, false,
           "plane 0 of the directory (attribute 18, provider 1, sign 0, "
           "value 0, bucket 0) has a row without a number");
}

static void test_index_check__what_is_counted_was_seen(void **state)
{
    (void)state;
    static const plane good[] = {{{19, 1, ROLE_SEEN, 0, 0, 5}, 0xff},
                                 {{19, 1, ROLE_COUNT, 2, 0, 5}, 0x81},
                                 {{19, 1, ROLE_AMOUNT, 7, 0, 5}, 0x7},
                                 {{19, 1, ROLE_SEEN, 0, 4, 5}, 0x9},
                                 {{19, 1, ROLE_COUNT, 0, 4, 5}, 0x8}};
    static const plane count[] = {{{19, 1, ROLE_SEEN, 0, 0, 5}, 0xff},
                                  {{19, 1, ROLE_SEEN, 0, 0, 6}, 0xf},
                                  {{19, 1, ROLE_COUNT, 2, 0, 6}, 0x10}};
    static const plane amount[] = {{{19, 1, ROLE_SEEN, 0, 0, 5}, 0xff},
                                   {{19, 1, ROLE_AMOUNT, 7, 0, 5}, 0x200}};

    EXPECT(good, true, NULL);
    EXPECT(count, true,
           "plane 2 of the directory (attribute 19, provider 1, count 2, "
           "value 0, bucket 6) has a row not seen");
    EXPECT(amount, false,
           "plane 1 of the directory (attribute 19, provider 1, amount 7, "
           "value 0, bucket 5) has a row not seen");
}

static void test_index_check__who_was_seen_was_seen_under_any(void **state)
{
    (void)state;
    static const plane alone[] = {{{19, 1, ROLE_SEEN, 0, 0, 5}, 0xff},
                                  {{19, 1, ROLE_SEEN, 0, 4, 6}, 0x1}};
    static const plane more[] = {{{19, 1, ROLE_SEEN, 0, 0, 5}, 0xff},
                                 {{19, 1, ROLE_SEEN, 0, 4, 5}, 0x101}};

    EXPECT(alone, true,
           "plane 1 of the directory (attribute 19, provider 1, seen 0, "
           "value 4, bucket 6) has a row not seen under any value");
    EXPECT(more, false,
           "plane 1 of the directory (attribute 19, provider 1, seen 0, "
           "value 4, bucket 5) has a row not seen under any value");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_check__what_stands_in_deltas_only),
        cmocka_unit_test(test_index_check__a_row_is_cut_in_one_way),
        cmocka_unit_test(test_index_check__a_row_has_one_expiry_of_a_value),
        cmocka_unit_test(test_index_check__slices_of_numbers_need_a_number),
        cmocka_unit_test(test_index_check__what_is_counted_was_seen),
        cmocka_unit_test(test_index_check__who_was_seen_was_seen_under_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
