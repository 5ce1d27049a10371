/*
 * leaf_formula_test.c - predicates said as formulas, with and without resident
 * forms, against the twin (stack_twin.h).
 *
 * A world is one attribute with many values or buckets, spread over a base and
 * some deltas, large enough for codes and ages. Random leaves of it and what
 * they combine to are asked three times: when nothing is resident, when all
 * that was asked for is, and on a new base that has inherited it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define TWIN_VALUES 25u
#define TWIN_BUCKETS 12u
#define TWIN_SLOT_VALUES 3u

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "stack_twin.h"
#include "support/dice.h"

#define LEAVES 6u
#define ROOTS 14u
#define MEMBERS_MAX 4u
#define ATTRIBUTE 16u
#define STEP 2u /* between buckets */
#define FIRST 40u

typedef struct asked_leaf {
    leaf_spec spec;
    uint32_t providers[TWIN_PROVIDERS];
    uint32_t values[TWIN_VALUES];
    uint8_t *holds; /* by row */
} asked_leaf;

/* and, or, or a number of some leaves, flipped or not */
typedef struct asked_root {
    uint32_t how; /* 0: the one leaf, 1: and, 2: or, 3: low to high of them */
    uint32_t count;
    uint32_t members[MEMBERS_MAX]; /* leaf << 1 | flipped */
    uint32_t low;
    uint32_t high;
    bool flipped;
} asked_root;

typedef struct world {
    random_state r;
    uint64_t seed;
    twin twin;
    twin_attribute *a;
    index_builder *builder;
    index_stack *view;
    index_residents *pool; /* NULL: none */
    bool lasts; /* nothing said ends soon */
    asked_leaf leaves[LEAVES];
    asked_root roots[ROOTS];
} world;

/* ---- facts ---- */

static const uint32_t expiries[] = {10, 1000, 1000, INDEX_NEVER, INDEX_NEVER,
                                    INDEX_NEVER};
static const uint32_t nows[] = {0, 5, 11, 11, 500, 1001};
static const int64_t numbers[] = {
    0, 1, -1, 9999, 10000, -10000, 123456, -340000,
    ((int64_t)1 << 40) * 10000 - 1, -((int64_t)1 << 40) * 10000 + 1};

static uint32_t draw_expiry(world *w)
{
    const uint32_t expiry = PICK(&w->r, expiries);
    return w->lasts && expiry == expiries[0] ? INDEX_NEVER : expiry;
}

/* Low values are many rows', high ones few rows'. */
static uint32_t draw_value(random_state *r)
{
    return 1 + dice(r, 1 + dice(r, TWIN_VALUES - 1));
}

static int64_t draw_number(random_state *r)
{
    if (chance(r, 10))
        return PICK(r, numbers);
    return ((int64_t)dice(r, 400) - 100) * 5000;
}

static void say_event(world *w, uint32_t provider, uint32_t row)
{
    random_state *r = &w->r;
    const uint32_t value = dice(r, TWIN_SLOT_VALUES);
    const uint32_t bucket = dice(r, TWIN_BUCKETS);
    const uint32_t count = 1 + dice(r, 3);
    const int64_t amount = chance(r, 50) ? 0 : dice(r, 90000);

    index_add_event(w->builder, ATTRIBUTE, provider, w->a->cap, value,
                    twin_bucket(w->a, bucket), row, count, amount);
    twin_event(&w->twin, w->a, provider, row, value, bucket, count, amount);
}

static void say_value(world *w, uint32_t provider, uint32_t row, index_op op)
{
    const uint32_t value = draw_value(&w->r);
    const uint32_t expiry = draw_expiry(w);

    if (op == INDEX_SET && w->a->kind == TWIN_MANY_OF)
        op = INDEX_ADD;
    index_add_profile(w->builder, ATTRIBUTE, provider, row, op, value,
                      expiry);
    twin_profile_op(twin_profile_at(&w->twin, w->a, provider, row), op, value,
                    expiry);
}

static void clear(world *w, uint32_t provider, uint32_t row)
{
    index_add_profile(w->builder, ATTRIBUTE, provider, row, INDEX_CLEAR,
                      INDEX_NO_VALUE, 0);
    twin_clear(&w->twin, w->a, provider, row);
}

/* `cuts` per cent take something away. */
static void say(world *w, uint32_t row, uint32_t cuts)
{
    const uint32_t provider = 1 + dice(&w->r, w->twin.providers);
    const bool cut = chance(&w->r, cuts);

    if (cut && chance(&w->r, 50)) {
        clear(w, provider, row);
    } else if (w->a->kind == TWIN_EVENT) {
        say_event(w, provider, row);
    } else if (w->a->kind == TWIN_NUMBER) {
        const int64_t number = draw_number(&w->r);
        const uint32_t expiry = draw_expiry(w);
        index_add_number(w->builder, ATTRIBUTE, provider, row, number,
                         expiry);
        twin_number(twin_profile_at(&w->twin, w->a, provider, row), number,
                    expiry);
    } else {
        say_value(w, provider, row, cut ? INDEX_REMOVE : INDEX_SET);
    }
}

/* ---- layers ---- */

static uint32_t cap_of(void *payload, uint32_t attribute)
{
    (void)attribute;
    return ((const world *)payload)->a->cap;
}

static void advance(world *w, index_stack *take_next)
{
    index_view_release(w->view);
    w->view = take_next;
}

static void warm(index_layer *l, index_residents *pool)
{
    if (pool)
        index_layer_keep_residents(l, pool);
}

/* All layers become a base. */
static void merge_all(world *w)
{
    const index_limits limits = {cap_of, w, 0, NULL};
    index_layer *base = index_merge_base(w->view, &limits);

    warm(base, w->pool);
    advance(w, index_view_replace(w->view, 0, index_layer_count(w->view),
                                  base));
}

static void close_delta(world *w)
{
    index_layer *l = index_builder_finish(w->builder);

    warm(l, w->pool);
    advance(w, index_view_push(w->view, l));
}

static void say_all(world *w)
{
    random_state *r = &w->r;
    const uint32_t rows = w->twin.rows;
    const uint32_t sayings = w->a->kind == TWIN_ONE_OF ? 1 : 3;

    for (uint32_t row = 0; row < rows; row++)
        for (uint32_t i = 0; i < sayings; i++)
            if (chance(r, 90))
                say(w, row, 0);
    close_delta(w);
    merge_all(w);
    for (uint32_t left = dice(r, 4); left > 0; left--) {
        const uint32_t first = dice(r, rows);
        const uint32_t end = first + 1 + dice(r, rows - first);
        const uint32_t share = chance(r, 30) ? 90 : 1 + dice(r, 20);
        for (uint32_t row = first; row < end; row++)
            if (chance(r, share))
                say(w, row, 20);
        close_delta(w);
    }
}

/* ---- what is asked ---- */

static void draw_events(world *w, leaf_spec *s)
{
    static const leaf_type types[] = {LEAF_SEEN, LEAF_SEEN, LEAF_SEEN,
                                      LEAF_COUNT, LEAF_TOTAL, LEAF_DAYS};
    random_state *r = &w->r;
    const uint32_t from = dice(r, TWIN_BUCKETS);
    const uint32_t to = from + dice(r, TWIN_BUCKETS - from);

    s->type = PICK(r, types);
    s->any = chance(r, 60);
    for (uint32_t v = 1; v < TWIN_SLOT_VALUES && !s->any; v++)
        if (v == 1 || chance(r, 50))
            ((uint32_t *)(uintptr_t)s->values)[s->value_count++] = v;
    s->from = chance(r, 20) ? 0 : twin_bucket(w->a, from) - dice(r, 2);
    s->to = chance(r, 50) ? 100000 : twin_bucket(w->a, to) + dice(r, 2);
    s->bucket_hours = 24;
    s->low = 1 + dice(r, 4) * (s->type == LEAF_TOTAL ? 30000 : 1);
    s->high = chance(r, 50) ? INT64_MAX : s->low + dice(r, 3);
}

static void draw_values(world *w, leaf_spec *s)
{
    static const uint32_t shares[] = {5, 40, 90};
    random_state *r = &w->r;
    const uint32_t share = PICK(r, shares);

    s->any = chance(r, 15);
    for (uint32_t v = 1; v < TWIN_VALUES && !s->any; v++)
        if (chance(r, share) || (v == 3 && s->value_count == 0))
            ((uint32_t *)(uintptr_t)s->values)[s->value_count++] = v;
}

static void draw_leaf(world *w, asked_leaf *l)
{
    random_state *r = &w->r;
    leaf_spec *s = &l->spec;

    *s = (leaf_spec){.attribute = ATTRIBUTE, .providers = l->providers,
                     .values = l->values, .now_hour = PICK(r, nows),
                     .exclusive = w->a->kind == TWIN_ONE_OF};
    for (uint32_t p = 1; p <= w->twin.providers; p++)
        if (chance(r, 80) || (p == w->twin.providers &&
                              s->provider_count == 0))
            l->providers[s->provider_count++] = p;
    if (w->a->kind == TWIN_EVENT) {
        draw_events(w, s);
    } else if (w->a->kind == TWIN_NUMBER) {
        s->type = LEAF_NUMBER;
        s->any = true;
        s->low = chance(r, 20) ? INT64_MIN : draw_number(r);
        s->high = chance(r, 20) ? INT64_MAX : draw_number(r);
    } else {
        draw_values(w, s);
    }
    l->holds = mem_array(w->twin.rows, 1);
    for (uint32_t row = 0; row < w->twin.rows; row++)
        l->holds[row] = twin_has(&w->twin, w->a, s, row);
}

static void draw_root(world *w, uint32_t number)
{
    random_state *r = &w->r;
    asked_root *q = &w->roots[number];

    *q = (asked_root){.count = 1, .flipped = chance(r, 15)};
    q->members[0] = (number < LEAVES ? number : dice(r, LEAVES)) << 1;
    if (number < LEAVES)
        return;
    q->how = 1 + dice(r, 3);
    q->count = 2 + dice(r, MEMBERS_MAX - 1);
    for (uint32_t i = 1; i < q->count; i++)
        q->members[i] = dice(r, LEAVES) << 1 | chance(r, 40);
    q->low = dice(r, q->count + 1);
    q->high = q->low + dice(r, q->count + 1 - q->low);
}

static bool root_holds(const world *w, const asked_root *q, uint32_t row)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < q->count; i++) {
        const asked_leaf *l = &w->leaves[q->members[i] >> 1];
        n += (row < w->twin.rows && l->holds[row]) != (q->members[i] & 1);
    }
    const bool holds = q->how == 2   ? n > 0
                       : q->how == 3 ? n >= q->low && n <= q->high
                                     : n == q->count;
    return holds != q->flipped;
}

/* ---- asking ---- */

static void disagree(const world *w, const char *pass, const char *what,
                     uint32_t root, uint32_t row, uint32_t want, uint32_t got)
{
    const asked_root *q = &w->roots[root];
    const leaf_spec *s = &w->leaves[q->members[0] >> 1].spec;

    fail_msg("seed %llu, %s: %s of root %u (how %u, %u leaves), row %u of "
             "%u: %u expected, %u got; kind %d, deltas %zu, first leaf type "
             "%d any %d values %u now %u from %u to %u low %lld high %lld",
             (unsigned long long)w->seed, pass, what, root, q->how, q->count,
             row, w->twin.rows, want, got, (int)w->a->kind,
             index_delta_count(w->view), (int)s->type, s->any,
             s->value_count, s->now_hour, s->from, s->to, (long long)s->low,
             (long long)s->high);
}

static formula *build(const world *w, index_leaf *const *leaves,
                      const asked_root *q)
{
    formula_part parts[MEMBERS_MAX];
    formula *f = formula_new();
    formula_part p;

    for (uint32_t i = 0; i < q->count; i++) {
        parts[i] = index_leaf_formula(f, leaves[q->members[i] >> 1]);
        if (q->members[i] & 1)
            parts[i] = formula_not(parts[i]);
    }
    if (q->how == 2)
        p = formula_or(f, parts, q->count);
    else if (q->how == 3)
        p = formula_tally(f, parts, q->count, q->low, q->high);
    else
        p = formula_and(f, parts, q->count);
    formula_root(f, q->flipped ? formula_not(p) : p, w->twin.rows);
    return f;
}

static void check_block(const world *w, const char *pass, uint32_t root,
                        formula_frame *x, uint32_t block)
{
    block_buf words;
    uint32_t want = 0;

    block_expand(formula_block(x, block), &words);
    for (uint32_t i = 0; i < BLOCK_ROWS; i++) {
        const uint32_t row = block * BLOCK_ROWS + i;
        const bool holds = root_holds(w, &w->roots[root], row);
        const bool got = (words.words[i / 64] >> i % 64) & 1;
        want += holds;
        if (got != holds)
            disagree(w, pass, "block", root, row, holds, got);
    }
    const uint32_t count = formula_count(x, block);
    if (count != want)
        disagree(w, pass, "count", root, block * BLOCK_ROWS, want, count);
}

static void check_root(world *w, const char *pass, index_leaf *const *leaves,
                       uint32_t root)
{
    const asked_root *q = &w->roots[root];
    formula *f = build(w, leaves, q);
    formula_frame *x = formula_frame_new(f);

    for (uint32_t b = 0; b <= w->twin.rows / BLOCK_ROWS + 1; b++)
        check_block(w, pass, root, x, b);
    for (uint32_t i = 0; i < 100; i++) {
        const uint32_t row = dice(&w->r, w->twin.rows + 10);
        const bool want = root_holds(w, q, row);
        bool got = formula_has(f, row);
        if (got != want)
            disagree(w, pass, "row", root, row, want, got);
        if (q->how > 0)
            continue;
        got = index_leaf_has(leaves[q->members[0] >> 1], row) != q->flipped;
        if (got != want)
            disagree(w, pass, "leaf", root, row, want, got);
    }
    formula_frame_free(x);
    formula_free(f);
}

static void check_roots(world *w, const char *pass)
{
    index_leaf *leaves[LEAVES];

    for (uint32_t i = 0; i < LEAVES; i++)
        leaves[i] = index_leaf_new(w->view, &w->leaves[i].spec);
    for (uint32_t i = 0; i < ROOTS; i++)
        check_root(w, pass, leaves, i);
    for (uint32_t i = 0; i < LEAVES; i++)
        index_leaf_free(leaves[i]);
}

/* ---- worlds ---- */

/* Forms found, by kind. */
typedef struct found_forms {
    uint64_t planes;
    uint64_t codes;
    uint64_t ages;
} found_forms;

static found_forms found;

static void note_hits(void *payload, const index_resident_info *info)
{
    found_forms *f = payload;
    if (strcmp(info->form, "plane") == 0)
        f->planes += info->hits;
    else if (strcmp(info->form, "codes") == 0)
        f->codes += info->hits;
    else
        f->ages += info->hits;
}

static void make_forms(world *w)
{
    while (w->pool && index_residents_work(w->pool))
        continue;
}

static void set_up(world *w)
{
    static const twin_kind kinds[] = {TWIN_ONE_OF, TWIN_EVENT, TWIN_ONE_OF,
                                      TWIN_NUMBER, TWIN_MANY_OF, TWIN_EVENT};
    static const uint32_t sizes[] = {30000, 65535, 65537, 80000, 140000};
    const twin_kind kind = kinds[w->seed % 6];

    w->lasts = chance(&w->r, 60);
    w->twin.rows = PICK(&w->r, sizes);
    w->twin.providers = kind == TWIN_EVENT ? 1 : 1 + dice(&w->r, 2);
    w->a = twin_add(&w->twin, ATTRIBUTE, kind);
    w->a->cap = 200;
    w->a->first_bucket = FIRST;
    w->a->bucket_step = STEP;
    w->builder = index_builder_new();
    w->view = index_view_empty();
    if (chance(&w->r, 85))
        w->pool = index_residents_new((uint64_t)(chance(&w->r, 20) ? 2 : 64)
                                      << 20);
}

static void run_world(uint64_t seed)
{
    world *w = mem_zalloc(sizeof *w);

    w->seed = seed;
    random_seed(&w->r, seed);
    set_up(w);
    say_all(w);
    for (uint32_t i = 0; i < LEAVES; i++)
        draw_leaf(w, &w->leaves[i]);
    for (uint32_t i = 0; i < ROOTS; i++)
        draw_root(w, i);
    check_roots(w, "cold");
    make_forms(w);
    check_roots(w, "warm");
    merge_all(w);
    make_forms(w);
    check_roots(w, "merged");
    if (w->pool)
        index_residents_each(w->pool, note_hits, &found);
    for (uint32_t i = 0; i < LEAVES; i++)
        mem_free(w->leaves[i].holds);
    index_builder_free(w->builder);
    index_view_release(w->view);
    index_residents_free(w->pool);
    twin_release(&w->twin);
    mem_free(w);
}

static void test_index_leaf_formula__leaves_hold_what_the_twin_has(
    void **state)
{
    (void)state;
    const uint64_t worlds = test_size(30, 2000);

    test_each_seed(run_world, worlds);
    print_message("found: %llu planes, %llu codes, %llu ages\n",
                  (unsigned long long)found.planes,
                  (unsigned long long)found.codes,
                  (unsigned long long)found.ages);
    if (worlds >= 30) {
        assert_true(found.planes > 0);
        assert_true(found.codes > 0);
        assert_true(found.ages > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_index_leaf_formula__leaves_hold_what_the_twin_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
