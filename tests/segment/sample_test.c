/*
 * sample_test.c - estimates: slivers add up to blocks, intervals hold the
 * truth for 95 of 100 seeds, one seed has one answer, what cannot be sampled
 * is counted.
 *
 * Planes are made directly, of rows at random, in runs, in cohorts of whole
 * blocks, few and nearly all. Seeds are fixed, so the coverage is a number
 * that does not change.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "index/layer.h"
#include "segment/program.h"
#include "support/dice.h"

#define NOW ((muster_time)1795046399)
#define FULL_BLOCKS 41u
#define ROWS (FULL_BLOCKS * BLOCK_ROWS + 12345)
#define SEEDS 2000u

/* ---- a world ---- */

typedef struct house {
    catalog *names;
    scope *viewer;
    uint32_t provider;
    layer_writer out;
    random_state random;
    uint32_t *rows;
    index_residents *pool;
    index_stack *index;
    plan *p;
} house;

static muster_text find_nothing(void *payload, muster_text key)
{
    (void)payload;
    (void)key;
    return text_make(NULL, 0);
}

static void offer_nothing(void *payload, near_name *near)
{
    (void)payload;
    (void)near;
}

static void put(house *h, uint32_t attribute, uint32_t value, size_t n)
{
    const plane_key key = {attribute, (uint16_t)h->provider, ROLE_SET, 0,
                           value, INDEX_NEVER};
    layer_writer_rows(&h->out, &key, h->rows, n);
}

static uint32_t declare(house *h, const char *name, attribute_kind kind)
{
    const catalog_attribute def = catalog_attribute_default(kind);
    const catalog_attribute *a;
    muster_error err;
    assert_int_equal(
        catalog_attribute_put(h->names, text_of(name), &def, &a, &err), 0);
    return a->id;
}

/* Rows by the density of where they stand: of 10,000. */
static void put_flag(house *h, const char *name,
                     uint32_t (*density)(uint32_t row))
{
    size_t n = 0;
    for (uint32_t row = 0; row < ROWS; row++)
        if (dice(&h->random, 10000) < density(row))
            h->rows[n++] = row;
    put(h, declare(h, name, KIND_FLAG), 0, n);
}

static void put_runs(house *h, const char *name, uint32_t mean, uint32_t hole)
{
    size_t n = 0;
    uint32_t row = dice(&h->random, hole);
    while (row < ROWS) {
        const uint32_t end = row + 1 + dice(&h->random, 2 * mean);
        for (; row < end && row < ROWS; row++)
            h->rows[n++] = row;
        row += 1 + dice(&h->random, 2 * hole);
    }
    put(h, declare(h, name, KIND_FLAG), 0, n);
}

static uint32_t half(uint32_t row)
{
    (void)row;
    return 5000;
}
static uint32_t third(uint32_t row)
{
    (void)row;
    return 3000;
}
static uint32_t few(uint32_t row)
{
    (void)row;
    return 30;
}
static uint32_t most(uint32_t row)
{
    (void)row;
    return 9990;
}
/* Every third run of five blocks is another kind of people. */
static uint32_t cohort(uint32_t row)
{
    return row / BLOCK_ROWS / 5 % 3 == 1 ? 6000 : 200;
}
/* 500 rows and more in one block, nobody elsewhere. */
static uint32_t once(uint32_t row)
{
    return row / BLOCK_ROWS == 17 ? 4000 : 0;
}

static uint32_t region_of(uint32_t row)
{
    return (row * 2654435761u >> 24) % 11 * (row / 70000 % 4 + 1) / 4;
}

static void put_regions(house *h)
{
    const uint32_t id = declare(h, "region", KIND_ONE_OF);
    char name[8];
    for (uint32_t v = 0; v < 11; v++) {
        size_t n = 0;
        for (uint32_t row = 0; row < ROWS; row++)
            if (region_of(row) == v)
                h->rows[n++] = row;
        snprintf(name, sizeof name, "r%u", v);
        put(h, id, catalog_value_intern(h->names, id, text_of(name)), n);
    }
}

/* 0 to 3; the lower bit is everybody's in some blocks, so its slice is full
 * there and must become words for each sliver. */
static void put_level(house *h)
{
    const uint32_t id = declare(h, "level", KIND_NUMBER);

    for (uint8_t bit = 0; bit < 2; bit++) {
        const plane_key key = {id, (uint16_t)h->provider, ROLE_BIT,
                               (uint8_t)(NUMBER_FRACTION_BITS + bit), 0, 0};
        size_t n = 0;
        for (uint32_t row = 0; row < ROWS; row++)
            if ((bit == 0 && row / BLOCK_ROWS % 4 < 3) ||
                dice(&h->random, 2) == 0)
                h->rows[n++] = row;
        layer_writer_rows(&h->out, &key, h->rows, n);
    }
    for (uint32_t row = 0; row < ROWS; row++)
        h->rows[row] = row;
    put(h, id, 0, ROWS);
}

static void house_init(house *h)
{
    muster_error err;

    memset(h, 0, sizeof *h);
    h->names = catalog_new();
    assert_int_equal(scope_new(&h->viewer, text_of("test"), PURPOSE_ANALYSIS,
                               text_of(""), &err), 0);
    h->provider = catalog_provider_find(h->names, text_of("default"))->id;
    h->rows = mem_array(ROWS, sizeof *h->rows);
    random_seed(&h->random, 11);
    layer_writer_init(&h->out);
    for (uint32_t row = 0; row < ROWS; row++)
        h->rows[row] = row;
    put(h, INDEX_UNIVERSE, 0, ROWS);
    put_flag(h, "a", half);
    put_flag(h, "b", third);
    put_flag(h, "few", few);
    put_flag(h, "most", most);
    put_flag(h, "cohort", cohort);
    put_flag(h, "once", once);
    put_runs(h, "long", 5000, 5000);
    put_runs(h, "short", 40, 100);
    put_runs(h, "spots", 1000, 500000);
    put_regions(h);
    put_level(h);
    index_layer *base = layer_writer_finish(&h->out);
    h->pool = index_residents_new((uint64_t)256 << 20);
    index_layer_keep_residents(base, h->pool);
    h->index = index_view_base(base);
    mem_free(h->rows);
}

static void house_release(house *h)
{
    index_view_release(h->index);
    index_residents_free(h->pool);
    scope_free(h->viewer);
    catalog_free(h->names);
}

/* The program of an expression, until the next one. */
static program *resolve(house *h, const char *text)
{
    const segment_binding binding = {.names = h->names,
                                     .viewer = h->viewer,
                                     .find = find_nothing,
                                     .keys = offer_nothing};
    const program_state state = {
        .index = h->index, .rows = ROWS, .now = NOW};
    muster_error err;
    ast_tree *tree;

    assert_int_equal(segment_parse(&tree, text_of(text), &err), 0);
    assert_int_equal(segment_bind(&h->p, tree, &binding, NULL, &err), 0);
    return program_new(h->p, &state);
}

static void dissolve(house *h, program *g)
{
    program_free(g);
    segment_plan_free(h->p);
}

/* What is asked becomes resident. */
static void make_hot(house *h)
{
    while (index_residents_work(h->pool))
        continue;
}

/* ---- slivers ---- */

static const char *const shapes[] = {
    "a and b",
    "a and not b",
    "not a",
    "(a and b and not cohort) or (few and long)",
    "few and a",
    "few or short",
    "once and a",
    "not (once or few)",
    "long and not short",
    "short and few and a",
    "at least 2 of (a, b, few, short, long)",
    "exactly 2 of (once, long, most)",
    "region in (\"r2\", \"r3\", \"r5\", \"r7\", \"r9\", \"r10\") and a",
    "region != \"r4\" and not most",
    "level >= 2 and a",
    "level = 3",
    "all",
    "none",
};
#define SHAPES (sizeof shapes / sizeof shapes[0])

/* Rows of a sliver in a set of its block. */
static uint32_t rows_in(block_ref set, uint32_t sliver)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < SLIVER_ROWS; i++)
        n += block_has(set, sliver * SLIVER_ROWS + i);
    return n;
}

/* Several in any order at once, then some alone. */
static void check_slivers(const formula *f, random_state *r)
{
    formula_frame *x = formula_frame_new(f);
    formula_frame *other = formula_frame_new(f);
    uint8_t slivers[24];
    uint32_t counts[24];

    for (uint32_t block = 0; block <= FULL_BLOCKS; block += 1 + dice(r, 6)) {
        const uint32_t n = 1 + dice(r, 24);
        for (uint32_t i = 0; i < n; i++)
            slivers[i] = (uint8_t)dice(r, SLIVERS);
        formula_fetch_slivers(f, block, slivers, n);
        formula_count_slivers(x, block, slivers, n, counts);
        const block_ref set = formula_block(other, block);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(counts[i], rows_in(set, slivers[i]));
        /* a frame goes on with whole blocks */
        assert_int_equal(formula_count(x, block),
                         block_count(set));
    }
    formula_frame_free(other);
    formula_frame_free(x);
}

static void test_segment_sample__slivers_add_up_to_blocks(void **state)
{
    house *h = *state;
    random_state r;

    random_seed(&r, 5);
    for (size_t i = 0; i < SHAPES; i++)
        for (int round = 0; round < 4; round++) {
            program *g = resolve(h, shapes[i]);
            check_slivers(g->formula, &r);
            dissolve(h, g);
            if (round == 2)
                make_hot(h);
        }
}

static bool keep_some(const void *payload, uint32_t row)
{
    (void)payload;
    return (row * 2654435761u >> 30) == 1;
}

static void test_segment_sample__filters_are_asked_for_slivers(void **state)
{
    house *h = *state;
    random_state r;

    random_seed(&r, 6);
    for (int flip = 0; flip < 2; flip++) {
        program *g = resolve(h, flip ? "few or short" : "a and b");
        formula *f = formula_new();
        formula_part list[8];
        for (uint32_t i = 0; i < g->leaf_count && i < 8; i++)
            list[i] = index_leaf_formula(f, g->leaves[i]);
        const formula_part p =
            formula_filter(f, formula_or(f, list, g->leaf_count), keep_some,
                           NULL);
        formula_root(f, flip ? formula_not(p) : p, ROWS);
        assert_true(formula_has_slivers(f));
        check_slivers(f, &r);
        formula_free(f);
        dissolve(h, g);
    }
}

/* ---- estimates ---- */

typedef struct tally {
    uint32_t sampled;
    uint32_t right;
    uint32_t right_sampled;
    uint64_t hash;
} tally;

static void check_answer(const program *g, const sample_answer *a,
                         double error, uint64_t truth)
{
    assert_true(a->low <= a->count && a->count <= a->high);
    assert_true(a->high <= g->state.rows);
    assert_true(a->sampled_rows <= g->state.rows);
    if (a->exact) {
        assert_int_equal(a->count, truth);
        assert_int_equal(a->low, truth);
        assert_int_equal(a->high, truth);
        assert_int_equal(a->sampled_rows, g->state.rows);
    } else {
        assert_true((double)(a->high - a->count) <= error * (double)a->count);
        assert_true((double)(a->count - a->low) <= error * (double)a->count);
    }
}

static tally ask_seeds(const program *g, double error, uint32_t seeds)
{
    const uint64_t truth = program_count(g);
    tally t = {0};

    for (uint32_t seed = 0; seed < seeds; seed++) {
        const sample_request q = {error, seed, 1};
        sample_answer a;
        program_estimate(g, &q, NULL, &a);
        check_answer(g, &a, error, truth);
        const bool right = a.low <= truth && truth <= a.high;
        t.sampled += !a.exact;
        t.right += right;
        t.right_sampled += right && !a.exact;
        t.hash = hash_mix(t.hash ^ a.count);
        t.hash = hash_mix(t.hash ^ a.low ^ (a.high << 32));
    }
    return t;
}

static const struct {
    const char *text;
    double error;
    bool sampled; /* for most seeds */
} asked[] = {
    {"a and b", 0.04, true},
    {"a and b", 0.1, true},
    {"not (a and b)", 0.02, true},
    {"long and a", 0.2, true},
    {"long and not short", 0.15, true},
    {"(long or short) and b", 0.1, true},
    {"cohort and a", 0.1, true},
    {"cohort and a", 0.05, false},
    {"most and a", 0.02, true},
    {"most and not once", 0.02, true},
    {"(a and b) or spots", 0.06, true},
    {"(most and long) or once", 0.2, true},
    {"few and a", 0.4, false},
    {"once and a", 0.1, false},
    {"at least 2 of (a, b, few, short, long)", 0.1, true},
};

static void test_segment_sample__intervals_hold_the_truth(void **state)
{
    house *h = *state;
    const uint32_t seeds = (uint32_t)test_size(SEEDS, SEEDS);

    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        program *g = resolve(h, asked[i].text);
        const tally t = ask_seeds(g, asked[i].error, seeds);
        print_message("%s within %g: %u of %u right, of %u from samples %u\n",
                      asked[i].text, asked[i].error, t.right, seeds,
                      t.sampled, t.right_sampled);
        assert_true(t.right >= seeds * 95 / 100);
        assert_true(t.right_sampled >= t.sampled * 94 / 100);
        if (asked[i].sampled)
            assert_true(t.sampled > seeds / 2);
        dissolve(h, g);
    }
}

static void test_segment_sample__a_seed_has_one_answer(void **state)
{
    static const char *const names[] = {"portable", "avx2", "avx512"};
    const words_ops *const levels[] = {&words_portable, &words_avx2,
                                       &words_avx512};
    const words_ops *chosen = words_get();
    house *h = *state;

    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        program *g = resolve(h, asked[i].text);
        const tally want = ask_seeds(g, asked[i].error, 20);
        for (size_t l = 0; l < 3; l++) {
            if (!words_has(names[l]))
                continue;
            __atomic_store_n(&words_chosen, levels[l], __ATOMIC_RELEASE);
            assert_int_equal(ask_seeds(g, asked[i].error, 20).hash,
                             want.hash);
        }
        __atomic_store_n(&words_chosen, chosen, __ATOMIC_RELEASE);
        dissolve(h, g);
        make_hot(h); /* resident or not: the same */
        g = resolve(h, asked[i].text);
        assert_int_equal(ask_seeds(g, asked[i].error, 20).hash, want.hash);
        dissolve(h, g);
    }
}

static void test_segment_sample__seeds_differ(void **state)
{
    house *h = *state;
    program *g = resolve(h, "a and b");
    const sample_request one = {0.1, 1, 1};
    const sample_request two = {0.1, 2, 1};
    sample_answer a;
    sample_answer b;

    program_estimate(g, &one, NULL, &a);
    program_estimate(g, &two, NULL, &b);
    assert_false(a.exact || b.exact);
    assert_int_not_equal(a.count, b.count);
    dissolve(h, g);
}

/* ---- exact ---- */

static void check_exact(const program *g, double error)
{
    const sample_request q = {error, 3, 2};
    sample_answer a;

    program_estimate(g, &q, NULL, &a);
    assert_true(a.exact);
    check_answer(g, &a, error, program_count(g));
}

static void test_segment_sample__counts_where_a_sample_is_no_gain(void **state)
{
    static const struct {
        const char *text;
        double error;
    } counted[] = {
        {"a and b", 0},      /* asked for */
        {"a and b", 0.0001}, /* more than a sample can tell */
        {"none", 0.5},
        {"all", 0.01},       /* nothing differs */
        {"few and once", 0.05},
    };
    house *h = *state;

    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        program *g = resolve(h, counted[i].text);
        check_exact(g, counted[i].error);
        dissolve(h, g);
    }
}

static void test_segment_sample__few_users_are_counted(void **state)
{
    house *h = *state;
    program *g = resolve(h, "a and b");

    g->state.rows = 32 * BLOCK_ROWS - 1;
    const sample_request q = {0.1, 1, 1};
    sample_answer a;
    program_estimate(g, &q, NULL, &a);
    assert_true(a.exact);
    g->state.rows = 32 * BLOCK_ROWS;
    program_estimate(g, &q, NULL, &a);
    assert_false(a.exact);
    dissolve(h, g);
}

/* ---- stopped ---- */

typedef struct patience {
    uint64_t looks;
    uint64_t ends; /* 0: never */
} patience;

static bool is_over(void *payload)
{
    patience *p = payload;
    return ++p->looks == p->ends;
}

/* How often it is asked whether to stop; it must not be asked again once it
 * was told. */
static uint64_t looks_of(const program *g, double error, unsigned threads,
                         uint64_t ends)
{
    const sample_request q = {error, 1, threads};
    patience p = {0, ends};
    program_stop stop = {is_over, &p, 0};
    sample_answer a;

    program_estimate(g, &q, &stop, &a);
    assert_int_equal(stop.stopped, ends != 0);
    return p.looks;
}

static void test_segment_sample__stops_when_it_is_told(void **state)
{
    static const double errors[] = {0.1, 0.0001, 0};
    house *h = *state;
    program *g = resolve(h, "a and b");

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        const uint64_t all = looks_of(g, errors[i], 1, 0);
        assert_true(all > 3);
        for (uint64_t at = 1; at <= all; at += 1 + all / 50)
            assert_int_equal(looks_of(g, errors[i], 1, at), at);
        /* with helpers the caller has fewer pieces, but asks first */
        assert_int_equal(looks_of(g, errors[i], 3, 1), 1);
    }
    dissolve(h, g);
}

static int set_up(void **state)
{
    static house h;
    house_init(&h);
    *state = &h;
    return 0;
}

static int tear_down(void **state)
{
    house_release(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_sample__slivers_add_up_to_blocks),
        cmocka_unit_test(test_segment_sample__filters_are_asked_for_slivers),
        cmocka_unit_test(test_segment_sample__intervals_hold_the_truth),
        cmocka_unit_test(test_segment_sample__a_seed_has_one_answer),
        cmocka_unit_test(test_segment_sample__seeds_differ),
        cmocka_unit_test(
            test_segment_sample__counts_where_a_sample_is_no_gain),
        cmocka_unit_test(test_segment_sample__few_users_are_counted),
        cmocka_unit_test(test_segment_sample__stops_when_it_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
