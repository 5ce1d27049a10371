/*
 * merge_test.c - merges of deltas, exhaustively: each row of a small world
 * lives through another sequence of sayings, so that all of them together are
 * every sequence there is. However neighbouring deltas are merged, everything
 * asked of the view has the answer it had before. Also what merges to a base
 * drop, and that entries can be stopped.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "index/builder.h"

#define ATTRIBUTE 17u
#define PROVIDER 1u
#define DELTAS 3u
#define CAP 3u

static uint32_t cap_of(void *payload, uint32_t attribute)
{
    (void)payload;
    (void)attribute;
    return CAP;
}

static const index_limits keep_all = {.cap = cap_of};

/* ---- sayings ---- */

typedef enum saying_type {
    SAY_NOTHING,
    SAY_CLEAR,
    SAY_SET,
    SAY_ADD,
    SAY_REMOVE,
    SAY_NUMBER,
    SAY_EVENT
} saying_type;

typedef struct saying {
    saying_type type;
    uint32_t value; /* events: also the bucket */
    int64_t number;
} saying;

typedef struct alphabet {
    const char *name;
    bool number;
    bool event;
    uint32_t count;
    saying sayings[6];
} alphabet;

static const alphabet alphabets[] = {
    {"flag", false, false, 4,
     {{SAY_NOTHING, 0, 0}, {SAY_CLEAR, 0, 0}, {SAY_SET, 0, 0},
      {SAY_REMOVE, 0, 0}}},
    {"one_of", false, false, 6,
     {{SAY_NOTHING, 0, 0}, {SAY_CLEAR, 0, 0}, {SAY_SET, 1, 0},
      {SAY_SET, 2, 0}, {SAY_REMOVE, 1, 0}, {SAY_REMOVE, 2, 0}}},
    {"many_of", false, false, 6,
     {{SAY_NOTHING, 0, 0}, {SAY_CLEAR, 0, 0}, {SAY_ADD, 1, 0},
      {SAY_ADD, 2, 0}, {SAY_REMOVE, 1, 0}, {SAY_REMOVE, 2, 0}}},
    {"number", true, false, 5,
     {{SAY_NOTHING, 0, 0}, {SAY_CLEAR, 0, 0}, {SAY_NUMBER, 0, 0},
      {SAY_NUMBER, 0, 50001}, {SAY_NUMBER, 0, -50001}}},
    {"event", false, true, 5,
     {{SAY_NOTHING, 0, 0}, {SAY_CLEAR, 0, 0}, {SAY_EVENT, 0, 0},
      {SAY_EVENT, 1, 0}, {SAY_EVENT, 2, 7}}},
};

/* Sayings of one row: one in the base, two in each delta. */
#define SAYINGS (1 + 2 * DELTAS)

static const uint32_t expiries[SAYINGS] = {12, 10, 13, 11, 14, 12, 10};

static void say(index_builder *b, uint32_t row, const saying *s,
                uint32_t expiry)
{
    static const index_op ops[] = {[SAY_CLEAR] = INDEX_CLEAR,
                                   [SAY_SET] = INDEX_SET,
                                   [SAY_ADD] = INDEX_ADD,
                                   [SAY_REMOVE] = INDEX_REMOVE};
    switch (s->type) {
    case SAY_NOTHING:
        return;
    case SAY_NUMBER:
        index_add_number(b, ATTRIBUTE, PROVIDER, row, s->number, expiry);
        return;
    case SAY_EVENT:
        index_add_event(b, ATTRIBUTE, PROVIDER, CAP, s->value, s->value, row,
                        1, s->number);
        return;
    default:
        index_add_profile(b, ATTRIBUTE, PROVIDER, row, ops[s->type],
                          s->value, expiry);
    }
}

static uint32_t row_count(const alphabet *a)
{
    uint32_t n = 1;
    for (uint32_t i = 0; i < SAYINGS; i++)
        n *= a->count;
    return n;
}

/* Layer of the sayings at places [first, end) of every sequence. */
static index_layer *make_layer(const alphabet *a, uint32_t first,
                               uint32_t end)
{
    const uint32_t rows = row_count(a);
    index_builder *b = index_builder_new();

    for (uint32_t row = 0; row < rows; row++) {
        uint32_t sequence = row;
        for (uint32_t i = 0; i < end; i++, sequence /= a->count)
            if (i >= first)
                say(b, row, &a->sayings[sequence % a->count], expiries[i]);
    }
    index_layer *l = index_builder_finish(b);
    index_builder_free(b);
    return l;
}

/* ---- asking ---- */

static void expect_leaf(const index_stack *want, const index_stack *got,
                        const leaf_spec *spec, uint32_t rows,
                        const char *what)
{
    index_leaf *a = index_leaf_new(want, spec);
    index_leaf *b = index_leaf_new(got, spec);
    leaf_cursor *x = leaf_cursor_new(a);
    leaf_cursor *y = leaf_cursor_new(b);
    block_buf *bufs = mem_aligned(2 * sizeof *bufs);

    for (uint32_t block = 0; block <= rows / BLOCK_ROWS; block++) {
        block_expand(index_leaf_block(a, x, block, &bufs[0]), &bufs[0]);
        block_expand(index_leaf_block(b, y, block, &bufs[1]), &bufs[1]);
        for (uint32_t i = 0; i < WORDS; i++) {
            const uint64_t differ = bufs[0].words[i] ^ bufs[1].words[i];
            if (differ)
                fail_msg("%s: row %u: value %u any %d now %u low %lld", what,
                         block * BLOCK_ROWS + i * 64 +
                             (uint32_t)__builtin_ctzll(differ),
                         spec->values[0], spec->any, spec->now_hour,
                         (long long)spec->low);
        }
    }
    for (uint32_t row = 0; row < rows; row += 97)
        assert_int_equal(index_leaf_has(a, row), index_leaf_has(b, row));
    mem_free(bufs);
    leaf_cursor_free(x);
    leaf_cursor_free(y);
    index_leaf_free(a);
    index_leaf_free(b);
}

static void expect_same(const alphabet *a, const index_stack *want,
                        const index_stack *got)
{
    static const uint32_t provider = PROVIDER;
    const uint32_t rows = row_count(a);

    for (uint32_t value = 0; value <= 3; value++) { /* 3: any */
        leaf_spec spec = {.type = LEAF_HELD,
                          .attribute = ATTRIBUTE,
                          .providers = &provider,
                          .provider_count = 1,
                          .values = &value,
                          .value_count = value < 3,
                          .any = value == 3,
                          .bucket_hours = 24,
                          .to = 9,
                          .low = -50001,
                          .high = -50001};
        for (uint32_t now = 9; now <= 15 && !a->number && !a->event; now++) {
            spec.now_hour = now;
            expect_leaf(want, got, &spec, rows, a->name);
        }
        spec.type = LEAF_NUMBER;
        for (uint32_t i = 0; i < 21 && a->number && value == 3; i++) {
            spec.now_hour = 9 + i / 3;
            spec.low = spec.high = 50001 * ((int64_t)(i % 3) - 1);
            expect_leaf(want, got, &spec, rows, a->name);
        }
        for (uint32_t i = 1; i <= CAP && a->event; i++) {
            spec.type = LEAF_COUNT;
            spec.low = i;
            spec.high = i < CAP ? i : INT64_MAX;
            expect_leaf(want, got, &spec, rows, a->name);
            spec.type = LEAF_TOTAL;
            spec.low = spec.high = 7 * i;
            expect_leaf(want, got, &spec, rows, a->name);
        }
    }
}

/* ---- every way to merge neighbours ---- */

static index_layer *merged(index_layer *a, index_layer *b, index_layer *c)
{
    index_layer *const layers[] = {a, b, c};
    muster_error err;
    index_layer *l = index_merge_deltas(layers, c ? 3 : b ? 2 : 1, &keep_all);

    if (index_layer_check(l, false, &err) != 0)
        fail_msg("%s", err.message);
    return l;
}

/* The view with its layers from `first` on become one. */
static void expect_merged(const alphabet *a, const index_stack *x,
                          size_t first, size_t count, index_layer *take_layer)
{
    index_stack *y = index_view_replace(x, first, count, take_layer);
    expect_same(a, x, y);
    index_layer *base = index_merge_base(y, &keep_all);
    index_stack *z = index_view_base(base);
    muster_error err;
    if (index_layer_check(base, true, &err) != 0)
        fail_msg("%s", err.message);
    expect_same(a, x, z);
    index_view_release(z);
    index_view_release(y);
}

static void expect_any_merge(const alphabet *a)
{
    index_layer *d[DELTAS];
    index_stack *x = index_view_base(make_layer(a, 0, 1));

    /* what CLEAR or REMOVE leaves of a first layer is no base */
    index_layer *base = index_merge_base(x, &keep_all);
    index_view_release(x);
    x = index_view_base(base);
    for (uint32_t i = 0; i < DELTAS; i++) {
        d[i] = make_layer(a, 1 + 2 * i, 3 + 2 * i);
        index_stack *next = index_view_push(x, d[i]);
        index_view_release(x);
        x = next;
    }
    index_layer *older = merged(d[0], d[1], NULL);
    index_layer *newer = merged(d[1], d[2], NULL);
    expect_merged(a, x, 1, 1, merged(d[0], NULL, NULL));
    expect_merged(a, x, 1, 3, merged(d[0], d[1], d[2]));
    expect_merged(a, x, 1, 3, merged(older, d[2], NULL));
    expect_merged(a, x, 1, 3, merged(d[0], newer, NULL));
    expect_merged(a, x, 1, 2, older);
    expect_merged(a, x, 2, 2, newer);
    index_view_release(x);
}

static void test_index_merge__of_deltas_changes_no_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof alphabets / sizeof *alphabets; i++)
        expect_any_merge(&alphabets[i]);
}

/* ---- what has ended ---- */

static uint32_t from_bucket_5(void *payload, uint32_t attribute)
{
    (void)payload;
    (void)attribute;
    return 5;
}

static index_stack *view_of(index_builder *take_builder)
{
    index_stack *x = index_view_empty();
    index_stack *y = index_view_push(x, index_builder_finish(take_builder));
    index_view_release(x);
    index_builder_free(take_builder);
    return y;
}

static void test_index_merge__a_base_drops_what_has_ended(void **state)
{
    (void)state;
    index_builder *b = index_builder_new();
    const index_limits limits = {cap_of, NULL, 11, from_bucket_5};

    for (uint32_t row = 0; row < 10; row++) {
        const uint32_t expiry = row < 6 ? 10 : 11;
        index_add_profile(b, 16, 1, row, INDEX_SET, 1, expiry);
        index_add_number(b, 17, 1, row, row < 9 ? -3 : 4, expiry);
        index_add_number(b, 18, 1, row, -5, 10);
        index_add_event(b, 19, 1, CAP, 1, row, row, 2, 1);
        index_add_seen(b, 1, row, expiry);
    }
    index_stack *x = view_of(b);
    index_layer *base = index_merge_base(x, &limits);
    uint32_t rows[32] = {0};
    for (size_t i = 0; i < base->count; i++) {
        const plane_key *k = &base->entries[i].key;
        assert_true(k->role != ROLE_SET || k->bucket == 11);
        assert_true(k->role != ROLE_SEEN || k->bucket >= 5);
        assert_true(k->role < ROLE_HARD && k->attribute != 18);
        if (k->role != ROLE_BIT && k->role != ROLE_COUNT)
            rows[k->attribute] += base->entries[i].count;
    }
    assert_int_equal(rows[INDEX_UNIVERSE], 4);
    assert_int_equal(rows[16], 4);
    assert_int_equal(rows[17], 4 + 3); /* signs: those below 0 */
    assert_int_equal(rows[19], 2 * 5 + 2 * 5); /* any and 1; amounts */
    index_layer_release(base);
    index_view_release(x);
}

static void test_index_merge__deltas_keep_what_has_ended(void **state)
{
    (void)state;
    index_builder *b = index_builder_new();
    const index_limits limits = {.cap = cap_of, .now_hour = 11};

    index_add_profile(b, 16, 1, 7, INDEX_SET, 1, 10);
    index_layer *d[2];
    d[0] = index_builder_finish(b);
    index_add_profile(b, 16, 1, 8, INDEX_SET, 1, 10);
    d[1] = index_builder_finish(b);
    index_layer *one = index_merge_deltas(d, 2, &limits);
    assert_int_equal(one->count, 2); /* SOFT and SET */
    index_layer_release(d[0]);
    index_layer_release(d[1]);
    index_layer_release(one);
    index_builder_free(b);
}

/* ---- entries ---- */

typedef struct stopper {
    uint32_t left; /* entries until it stops */
    uint32_t told;
    uint32_t steps;
} stopper;

static int stop_at(void *payload, const index_entry *e)
{
    stopper *s = payload;
    (void)e;
    s->told++;
    return s->left-- == 0 ? -7 : 0;
}

static int stop_step(void *payload, uint64_t done, uint64_t total)
{
    stopper *s = payload;
    assert_true(done > 0 && done <= total);
    return ++s->steps == 2 ? 9 : 0;
}

static void test_index_entries__stop_when_told(void **state)
{
    (void)state;
    index_builder *b = index_builder_new();
    for (uint32_t i = 0; i < 30; i++)
        index_add_profile(b, 16 + i % 3, 1, i, INDEX_ADD, 1, INDEX_NEVER);
    index_stack *x = view_of(b);
    stopper s = {.left = 14};

    assert_int_equal(index_entries_each(x, &keep_all, stop_at, NULL, &s),
                     -7);
    assert_int_equal(s.told, 15);
    s = (stopper){.left = 1000};
    assert_int_equal(index_entries_each(x, &keep_all, stop_at, stop_step, &s),
                     9);
    assert_int_equal(s.told, 20);
    s = (stopper){.left = 1000};
    assert_int_equal(index_entries_each(x, &keep_all, stop_at, NULL, &s), 0);
    assert_int_equal(s.told, 30);
    index_view_release(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_merge__of_deltas_changes_no_answer),
        cmocka_unit_test(test_index_merge__a_base_drops_what_has_ended),
        cmocka_unit_test(test_index_merge__deltas_keep_what_has_ended),
        cmocka_unit_test(test_index_entries__stop_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
