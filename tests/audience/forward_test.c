/*
 * forward_test.c - the forward index against lists kept plainly: blocks made
 * and made again, patches, folding, ids of two and of four bytes, lists too
 * long for groups, and what answers say they hold for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "audience/forward.h"
#include "support/dice.h"

#define ROWS 3000u
#define SEGMENTS 40u

/* A store of segments "s0".., of which every seventh is not served. */
static audience_store *store_of(uint32_t count)
{
    audience_store *all = audience_store_new();
    char key[16];

    for (uint32_t i = 0; i < count; i++) {
        const audience_version v = {.expr = text_of("all"),
                                    .name = text_of("n"),
                                    .priority = (int32_t)(i % 5),
                                    .served = i % 7 != 6};
        snprintf(key, sizeof key, "s%u", i);
        audience_put(all, text_of(key), &v);
    }
    return all;
}

static void test_audience_forward__a_roster_is_in_order(void **state)
{
    (void)state;
    audience_store *all = store_of(SEGMENTS);
    roster *r = roster_new(all, 7);

    assert_int_equal(r->count, SEGMENTS - SEGMENTS / 7);
    for (uint32_t i = 0; i < r->count; i++) {
        const roster_entry *e = &r->entries[i];
        assert_int_equal(roster_rank(r, e->id), i);
        if (i > 0)
            assert_true(r->entries[i - 1].priority > e->priority ||
                        (r->entries[i - 1].priority == e->priority &&
                         strcmp(r->entries[i - 1].key, e->key) < 0));
    }
    assert_int_equal(roster_rank(r, 7), ROSTER_NONE); /* s6 */
    assert_int_equal(roster_rank(r, 1000), ROSTER_NONE);
    roster_free(r);
    audience_store_free(all);
}

/* ---- against plain lists ---- */

typedef struct twin {
    random_state random;
    uint64_t seed;
    audience_store *all;
    roster *with; /* the index has it */
    forward *index;
    uint32_t rows;
    uint32_t scale; /* ids are multiplied by it: large ones */
    bool *in;       /* rows times SEGMENTS */
    uint64_t epoch;
} twin;

static uint32_t id_of(const twin *t, uint32_t segment)
{
    return (segment + 1) * t->scale;
}

static bool *at(twin *t, uint32_t row, uint32_t segment)
{
    return &t->in[row * SEGMENTS + segment];
}

/* Everything of a block, or some segments of it. */
static void make(twin *t, bool whole)
{
    uint16_t *rows[SEGMENTS];
    forward_hits hits[SEGMENTS];
    size_t count = 0;
    uint64_t *dropped =
        mem_zalloc(((size_t)id_of(t, SEGMENTS) / 64 + 1) * sizeof *dropped);

    if (!whole && t->rows < ROWS && chance(&t->random, 30))
        t->rows += dice(&t->random, ROWS - t->rows + 1);
    for (uint32_t s = 0; s < SEGMENTS; s++) {
        const uint32_t percent = PICK(&t->random, ((uint32_t[]){0, 1, 20, 97}));
        if (!whole && chance(&t->random, 80))
            continue;
        uint32_t n = 0;
        rows[count] = mem_array(ROWS, sizeof **rows);
        for (uint32_t row = 0; row < t->rows; row++) {
            *at(t, row, s) = chance(&t->random, percent);
            if (*at(t, row, s))
                rows[count][n++] = (uint16_t)row;
        }
        dropped[id_of(t, s) / 64] |= (uint64_t)1 << (id_of(t, s) % 64);
        hits[count] = (forward_hits){id_of(t, s), n, rows[count]};
        count++;
    }
    const forward_making m = {.rows = t->rows,
                              .with = t->with,
                              .dropped = whole ? NULL : dropped,
                              .hits = hits,
                              .hit_count = count,
                              .epoch = ++t->epoch,
                              .hour = 3};
    forward_make(t->index, 0, &m);
    forward_advance(t->index, t->epoch);
    for (size_t i = 0; i < count; i++)
        mem_free(rows[i]);
    mem_free(dropped);
}

static void patch(twin *t)
{
    uint32_t ids[SEGMENTS];
    uint32_t n = 0;
    const uint32_t row = dice(&t->random, ROWS);

    for (uint32_t s = 0; s < SEGMENTS; s++) {
        *at(t, row, s) = chance(&t->random, 30);
        if (*at(t, row, s))
            ids[n++] = id_of(t, s);
    }
    forward_patch(t->index, row, ids, n, ++t->epoch);
    if (row >= t->rows)
        t->rows = row + 1;
}

static void expect_lists(twin *t)
{
    for (uint32_t row = 0; row < ROWS; row++) {
        bool found[SEGMENTS] = {false};
        forward_list l;
        assert_true(forward_find(t->index, row, &l));
        for (uint32_t i = 0; i < l.n; i++) {
            const uint32_t s = forward_id(&l, i) / t->scale - 1;
            if (s >= SEGMENTS || found[s])
                fail_msg("row %u lists %u (MUSTER_TEST_SEED=%llu)", row,
                         forward_id(&l, i), (unsigned long long)t->seed);
            found[s] = true;
        }
        for (uint32_t s = 0; s < SEGMENTS; s++)
            if (found[s] != *at(t, row, s))
                fail_msg("row %u, segment %u: %d (MUSTER_TEST_SEED=%llu)",
                         row, s, found[s], (unsigned long long)t->seed);
    }
}

static void run(uint64_t seed)
{
    twin t = {.seed = seed, .rows = 100, .scale = seed % 2 ? 1 : 5000};

    random_seed(&t.random, seed);
    t.in = mem_array(ROWS * SEGMENTS, sizeof *t.in);
    t.all = store_of(3);
    t.index = forward_new();
    t.with = roster_new(t.all, 0);
    forward_use(t.index, t.with);
    make(&t, true);
    for (int i = 0; i < 40; i++) {
        const uint32_t patches = dice(&t.random, 300);
        if (chance(&t.random, 30))
            make(&t, chance(&t.random, 30));
        for (uint32_t k = 0; k < patches; k++)
            patch(&t);
        forward_advance(t.index, t.epoch);
        forward_fold(t.index, t.epoch);
        forward_free_retired(forward_take_retired(t.index));
        expect_lists(&t);
    }
    forward_free(t.index);
    audience_store_free(t.all);
    mem_free(t.in);
}

static void test_audience_forward__is_what_plain_lists_are(void **state)
{
    (void)state;
    test_each_seed(run, test_size(20, 1000));
}

/* ---- long lists ---- */

/* 64 rows of 1,100 ids each are more than two bytes can count. */
static void test_audience_forward__lists_may_be_long(void **state)
{
    (void)state;
    enum { LONG = 1100, MANY = 200 };
    audience_store *all = store_of(3);
    forward *f = forward_new();
    roster *with = roster_new(all, 0);
    uint16_t rows[MANY];
    forward_hits *hits = mem_array(LONG, sizeof *hits);
    forward_list l;

    for (uint32_t i = 0; i < MANY; i++)
        rows[i] = (uint16_t)i;
    for (uint32_t i = 0; i < LONG; i++)
        hits[i] = (forward_hits){i + 1, i % 2 ? MANY : MANY / 2, rows};
    const forward_making m = {.rows = MANY,
                              .with = with,
                              .hits = hits,
                              .hit_count = LONG,
                              .epoch = 1};
    forward_use(f, with);
    forward_make(f, 2, &m);
    forward_advance(f, 1);
    assert_false(forward_find(f, 0, &l)); /* blocks that never were */
    for (uint32_t i = 0; i < MANY; i++) {
        assert_true(forward_find(f, 2 * BLOCK_ROWS + i, &l));
        assert_int_equal(l.n, i < MANY / 2 ? LONG : LONG / 2);
        for (uint32_t k = 0; k < l.n; k++)
            assert_int_equal(forward_id(&l, k),
                             i < MANY / 2 ? k + 1 : 2 * k + 2);
    }
    assert_true(forward_find(f, 2 * BLOCK_ROWS + MANY, &l));
    assert_int_equal(l.n, 0); /* a row that came since */
    mem_free(hits);
    forward_free(f);
    audience_store_free(all);
}

/* ---- what answers hold for ---- */

static uint64_t epoch_of(const forward *f, uint32_t row)
{
    forward_list l;
    assert_true(forward_find(f, row, &l));
    return l.epoch;
}

static void test_audience_forward__answers_say_what_they_hold_for(
    void **state)
{
    (void)state;
    audience_store *all = store_of(3);
    forward *f = forward_new();
    roster *with = roster_new(all, 5);
    forward_making m = {
        .rows = 10, .with = with, .epoch = 5, .hour = 1};
    const uint32_t id = 1;
    const uint32_t other = BLOCK_ROWS;

    forward_use(f, with);
    forward_make(f, 0, &m);
    forward_make(f, 1, &m);
    forward_advance(f, 5);
    forward_patch(f, 3, &id, 1, 6); /* ahead of all others */
    assert_int_equal(epoch_of(f, 3), 6);
    assert_int_equal(epoch_of(f, 4), 5);
    forward_advance(f, 6);
    assert_int_equal(epoch_of(f, 4), 6);
    forward_freeze(f); /* a sweep begins */
    assert_false(forward_follows(f, 0));
    m.epoch = 8;
    m.hour = 2;
    forward_make(f, 0, &m);
    forward_advance(f, 8);
    assert_int_equal(epoch_of(f, 4), 8);
    assert_int_equal(epoch_of(f, other), 6); /* still waits */
    forward_advance(f, 9);
    assert_int_equal(epoch_of(f, other), 6);
    m.epoch = 9;
    forward_make(f, 1, &m);
    assert_int_equal(epoch_of(f, other), 9);
    forward_use(f, roster_new(all, 10)); /* names alone have changed */
    assert_int_equal(epoch_of(f, other), 10);
    forward_free(f);
    audience_store_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audience_forward__a_roster_is_in_order),
        cmocka_unit_test(test_audience_forward__is_what_plain_lists_are),
        cmocka_unit_test(test_audience_forward__lists_may_be_long),
        cmocka_unit_test(
            test_audience_forward__answers_say_what_they_hold_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
