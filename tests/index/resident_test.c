/*
 * resident_test.c - forms of hot planes: they hold what the planes hold, stay
 * within the budget, go and come back, and outlive who lets go of them first.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/thread.h"
#include "index/formula_parts.h"
#include "index/resident.h"
#include "support/dice.h"

#define PIECE ((uint64_t)2 << 20)
#define SLOT sizeof(block_buf)

#define BLOCKS 3u
#define ROWS (BLOCKS * BLOCK_ROWS + 777)
#define KINDS 10u /* of what a plane's blocks hold */
#define VALUES 23u
#define BUCKETS 12u
#define FIRST_BUCKET 100u

/* ---- a layer whose rows are known ---- */

enum { PLAIN = 16, ONE_OF, EVENT, RARE, HEAVY };

typedef struct people {
    uint8_t plain[KINDS][ROWS];
    uint8_t value[ROWS];  /* of the one_of; 0: none */
    uint8_t newest[ROWS]; /* bucket of the event + 1; 0: none */
} people;

/* What a row is in, by the kind of its plane: each block another form. */
static bool in_plane(random_state *r, uint32_t kind, uint32_t row)
{
    const uint32_t at = row % BLOCK_ROWS;
    switch ((kind + row / BLOCK_ROWS) % KINDS) {
    case 0:
        return false;
    case 1:
        return true;
    case 2:
        return at % 1000 == 7; /* a short array */
    case 3:
        return at % 256 == 0; /* ROWS_LIGHT */
    case 4:
        return at % 256 == 0 || at == 1; /* one row more */
    case 5:
        return at / 2000 % 2 == 0; /* few runs */
    case 6:
        return at / 100 % 2 == 0; /* many */
    case 7:
        return chance(r, 50);
    case 8:
        return at != 4711;
    default:
        return at == 0 || at == BLOCK_ROWS - 1;
    }
}

static plane_key key_of(uint32_t attribute, plane_role role, uint32_t value,
                        uint32_t bucket)
{
    return (plane_key){attribute, 1, (uint8_t)role, 0, value, bucket};
}

/* A plane of the rows for which has() says yes. */
static void put_plane(layer_writer *w, plane_key key, const people *p,
                      bool (*has)(const people *p, const plane_key *key,
                                  uint32_t row))
{
    uint32_t *rows = mem_array(ROWS, sizeof *rows);
    size_t n = 0;

    for (uint32_t row = 0; row < ROWS; row++)
        if (has(p, &key, row))
            rows[n++] = row;
    layer_writer_rows(w, &key, rows, n);
    mem_free(rows);
}

static bool has_plain(const people *p, const plane_key *key, uint32_t row)
{
    return p->plain[key->value][row];
}

/* A value's rows lie in two planes, by expiry. */
static bool has_value(const people *p, const plane_key *key, uint32_t row)
{
    return p->value[row] == key->value &&
           (row % 3 == 0) == (key->bucket == INDEX_NEVER);
}

/* Seen in its newest bucket, and in some before. */
static bool has_bucket(const people *p, const plane_key *key, uint32_t row)
{
    const uint32_t bucket = key->bucket - FIRST_BUCKET + 1;
    return bucket == p->newest[row] ||
           (bucket < p->newest[row] && (row + bucket) % 4 == 0);
}

static bool has_few(const people *p, const plane_key *key, uint32_t row)
{
    (void)p;
    return row % 5000 == key->value;
}

static bool has_many(const people *p, const plane_key *key, uint32_t row)
{
    (void)p;
    return row % 7 == key->value % 7 && row % 101 != key->value;
}

static people *people_new(void)
{
    people *p = mem_alloc(sizeof *p);
    random_state r;

    random_seed(&r, 5);
    for (uint32_t row = 0; row < ROWS; row++) {
        for (uint32_t k = 0; k < KINDS; k++)
            p->plain[k][row] = in_plane(&r, k, row);
        const uint32_t v = dice(&r, VALUES * VALUES);
        p->value[row] = chance(&r, 10) ? 0 : (uint8_t)(1 + v % VALUES);
        if (v < 200 && row / BLOCK_ROWS == 1)
            p->value[row] = 3;
        p->newest[row] = (uint8_t)dice(&r, BUCKETS + 1);
    }
    return p;
}

static index_layer *make_layer(const people *p)
{
    layer_writer w;

    layer_writer_init(&w);
    for (uint32_t k = 0; k < KINDS; k++)
        put_plane(&w, key_of(PLAIN, ROLE_SET, k, INDEX_NEVER), p, has_plain);
    for (uint32_t v = 1; v <= VALUES; v++)
        for (uint32_t i = 0; i < 2; i++)
            put_plane(&w,
                      key_of(ONE_OF, ROLE_SET, v, i ? INDEX_NEVER : 900), p,
                      has_value);
    for (uint32_t b = 0; b < BUCKETS; b++)
        put_plane(&w, key_of(EVENT, ROLE_SEEN, 0, FIRST_BUCKET + b), p,
                  has_bucket);
    for (uint32_t v = 1; v <= 9; v++)
        put_plane(&w, key_of(RARE, ROLE_SET, v, INDEX_NEVER), p, has_few);
    return layer_writer_finish(&w);
}

/* `count` planes that take BLOCKS slots each (and none for the last rows). */
static index_layer *make_heavy_layer(uint32_t count)
{
    layer_writer w;

    layer_writer_init(&w);
    for (uint32_t v = 0; v < count; v++)
        put_plane(&w, key_of(HEAVY, ROLE_SET, v, INDEX_NEVER), NULL,
                  has_many);
    return layer_writer_finish(&w);
}

/* ---- asking the pool ---- */

static void ask(const index_layer *l, form_kind kind, plane_key key,
                uint32_t times)
{
    while (times-- > 0)
        resident_release(resident_find(l, kind, &key, NULL));
}

static void work_off(index_residents *p)
{
    while (index_residents_work(p))
        continue;
}

static index_resident_stats stats_of(index_residents *p)
{
    index_resident_stats s;
    index_residents_stats(p, &s);
    assert_true(s.bytes <= s.budget);
    assert_true(s.idle <= s.bytes);
    return s;
}

/* Its form, made now, held. */
static resident_form *make_form(index_residents *p, const index_layer *l,
                                form_kind kind, plane_key key)
{
    ask(l, kind, key, ASKS_WARM);
    work_off(p);
    return resident_find(l, kind, &key, NULL);
}

/* The number that the form's slices say of a row. */
static uint32_t code_at(const resident_form *form, uint32_t row)
{
    uint32_t code = 0;
    for (uint32_t s = 0; s < form->slices; s++) {
        plane_view v = {0};
        resident_view(form, s, &v);
        code |= (uint32_t)view_has(&v, row) << s;
    }
    return code;
}

typedef struct telling {
    uint32_t attribute;
    uint32_t value;
    index_resident_info info;
    uint32_t found;
} telling;

static void tell(void *payload, const index_resident_info *info)
{
    telling *t = payload;
    if (info->attribute != t->attribute || info->value != t->value)
        return;
    t->info = *info;
    t->found++;
}

static index_resident_info info_of(index_residents *p, uint32_t attribute,
                                   uint32_t value)
{
    telling t = {.attribute = attribute, .value = value};
    index_residents_each(p, tell, &t);
    assert_int_equal(t.found, 1);
    return t.info;
}

/* ---- what forms hold ---- */

static void check_plane(const people *p, const index_layer *l,
                        const resident_form *form, uint32_t kind)
{
    plane_view v = {0};
    block_buf words;

    assert_non_null(layer_find(l, &form->key));
    resident_view(form, 0, &v);
    for (uint32_t block = 0; block <= BLOCKS + 1; block++) {
        const block_ref set = view_block(&v, block, NULL);
        uint32_t n = 0;
        block_expand(set, &words);
        for (uint32_t i = 0; i < BLOCK_ROWS; i++) {
            const uint32_t row = block * BLOCK_ROWS + i;
            const bool want = row < ROWS && p->plain[kind][row];
            assert_int_equal((words.words[i / 64] >> i % 64) & 1, want);
            n += want;
        }
        assert_int_equal(block_count(set), n);
        if (set.type == BLOCK_BITSET) {
            assert_int_equal((uintptr_t)set.data % 64, 0);
            assert_true(n > ROWS_LIGHT);
        }
        if (set.type == BLOCK_RUN)
            assert_true(set.n <= RUNS_LIGHT);
    }
}

static void test_index_resident__planes_hold_what_they_held(void **state)
{
    (void)state;
    people *p = people_new();
    index_layer *l = make_layer(p);
    index_residents *pool = index_residents_new(4 * PIECE);

    index_layer_keep_residents(l, pool);
    for (uint32_t k = 0; k < KINDS; k++) {
        const plane_key key = key_of(PLAIN, ROLE_SET, k, INDEX_NEVER);
        resident_form *form = make_form(pool, l, FORM_PLANE, key);
        assert_non_null(form);
        check_plane(p, l, form, k);
        resident_release(form);
    }
    assert_int_equal(stats_of(pool).forms, KINDS);
    index_layer_release(l);
    index_residents_free(pool);
    mem_free(p);
}

/* Sums are the rows of all codes up to one. */
static void check_sums(const resident_form *form)
{
    uint32_t *counts = mem_array(form->count + 1, sizeof *counts);

    assert_non_null(form->sums);
    for (uint32_t block = 0; block <= form->blocks; block++) {
        memset(counts, 0, (form->count + 1) * sizeof *counts);
        for (uint32_t i = 0; i < BLOCK_ROWS; i++)
            counts[code_at(form, block * BLOCK_ROWS + i)]++;
        for (uint32_t low = 1; low <= form->count; low++) {
            uint32_t n = 0;
            for (uint32_t high = low; high <= form->count; high++) {
                n += counts[high];
                assert_int_equal(resident_sum(form, block, low, high), n);
            }
        }
    }
    mem_free(counts);
}

static void test_index_resident__codes_are_values_by_size(void **state)
{
    (void)state;
    people *p = people_new();
    index_layer *l = make_layer(p);
    index_residents *pool = index_residents_new(4 * PIECE);
    uint64_t sizes[VALUES + 1] = {0};

    index_layer_keep_residents(l, pool);
    resident_form *form =
        make_form(pool, l, FORM_CODES, key_of(ONE_OF, ROLE_SET, 0, 0));
    assert_non_null(form);
    assert_int_equal(form->count, VALUES);
    assert_int_equal(form->first_bucket, 900);
    for (uint32_t row = 0; row < ROWS; row++) {
        const uint32_t code = code_at(form, row);
        const uint32_t value = p->value[row];
        assert_int_equal(code, value ? form->codes[value - 1] : 0);
        sizes[code]++;
    }
    for (uint32_t c = 1; c < VALUES; c++)
        assert_true(sizes[c] >= sizes[c + 1]);
    for (uint32_t v = 0; v < VALUES; v++)
        assert_int_equal(form->values[v], v + 1);
    check_sums(form);
    resident_release(form);
    index_layer_release(l);
    index_residents_free(pool);
    mem_free(p);
}

static void test_index_resident__ages_are_the_newest_buckets(void **state)
{
    (void)state;
    people *p = people_new();
    index_layer *l = make_layer(p);
    index_residents *pool = index_residents_new(4 * PIECE);

    index_layer_keep_residents(l, pool);
    resident_form *form =
        make_form(pool, l, FORM_AGES, key_of(EVENT, ROLE_SET, 0, 0));
    assert_non_null(form);
    assert_int_equal(form->count, BUCKETS);
    for (uint32_t b = 0; b < BUCKETS; b++)
        assert_int_equal(form->values[b], FIRST_BUCKET + b);
    for (uint32_t row = 0; row < ROWS; row++)
        assert_int_equal(code_at(form, row), p->newest[row]);
    check_sums(form);
    resident_release(form);
    index_layer_release(l);
    index_residents_free(pool);
    mem_free(p);
}

/* ---- the budget ---- */

#define HEAVY_PLANES 100u

static void run_budget(index_layer *l, uint64_t budget)
{
    index_residents *pool = index_residents_new(budget);
    const uint64_t room = budget / PIECE * PIECE / SLOT / BLOCKS;
    const uint64_t fit = room < HEAVY_PLANES ? room : HEAVY_PLANES;

    index_layer_keep_residents(l, pool);
    for (uint32_t v = 0; v < HEAVY_PLANES; v++)
        ask(l, FORM_PLANE, key_of(HEAVY, ROLE_SET, v, INDEX_NEVER), 2);
    while (index_residents_work(pool))
        stats_of(pool); /* never above, at any time */
    index_resident_stats s = stats_of(pool);
    assert_int_equal(s.forms, fit);
    assert_int_equal(s.made, fit);
    assert_int_equal(s.evicted, 0);
    /* without room for one piece nothing is even wished for */
    assert_int_equal(s.misses, budget < PIECE ? 0 : 2 * HEAVY_PLANES);
    assert_int_equal(s.bytes - s.idle, fit * BLOCKS * SLOT);
    resident_set_free(l->residents);
    l->residents = NULL;
    s = stats_of(pool);
    assert_int_equal(s.forms, 0);
    assert_int_equal(s.idle, s.bytes);
    index_residents_free(pool);
}

static void test_index_resident__the_budget_is_never_left(void **state)
{
    (void)state;
    static const uint64_t budgets[] = {
        0, PIECE / 2, PIECE - 1, PIECE, PIECE + PIECE / 2, 3 * PIECE};
    index_layer *l = make_heavy_layer(HEAVY_PLANES);

    for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++)
        run_budget(l, budgets[i]);
    index_layer_release(l);
}

/* As many as a piece holds are made; the first of them has been asked for
 * least, then those after it. */
static index_residents *fill_pool(index_layer *l, uint32_t *made)
{
    index_residents *pool = index_residents_new(PIECE);

    index_layer_keep_residents(l, pool);
    *made = (uint32_t)(PIECE / SLOT / BLOCKS);
    assert_true(*made < HEAVY_PLANES);
    for (uint32_t v = 0; v < *made; v++)
        ask(l, FORM_PLANE, key_of(HEAVY, ROLE_SET, v, INDEX_NEVER), 2 + v);
    work_off(pool);
    assert_int_equal(stats_of(pool).forms, *made);
    return pool;
}

static void test_index_resident__the_coldest_makes_room(void **state)
{
    (void)state;
    index_layer *l = make_heavy_layer(HEAVY_PLANES);
    uint32_t made;
    index_residents *pool = fill_pool(l, &made);
    const plane_key hot = key_of(HEAVY, ROLE_SET, made, INDEX_NEVER);
    const plane_key cold = key_of(HEAVY, ROLE_SET, 0, INDEX_NEVER);

    ask(l, FORM_PLANE, hot, 4); /* not twice as hot as any */
    work_off(pool);
    assert_int_equal(stats_of(pool).evicted, 0);
    assert_false(info_of(pool, HEAVY, made).made);
    index_residents_fade(pool); /* what was refused is tried again */
    ask(l, FORM_PLANE, hot, 2);
    work_off(pool);
    index_resident_stats s = stats_of(pool);
    assert_int_equal(s.evicted, 1);
    assert_int_equal(s.forms, made);
    assert_true(info_of(pool, HEAVY, made).made);
    assert_false(info_of(pool, HEAVY, 0).made);
    assert_int_equal(info_of(pool, HEAVY, 0).asks, 0);
    assert_true(info_of(pool, HEAVY, 1).made);
    ask(l, FORM_PLANE, cold, 9);
    work_off(pool); /* and comes back, in another's place */
    assert_true(info_of(pool, HEAVY, 0).made);
    assert_int_equal(stats_of(pool).evicted, 2);
    index_layer_release(l);
    index_residents_free(pool);
}

static void expect_heavy(formula_frame *x, uint32_t value)
{
    const plane_key key = key_of(HEAVY, ROLE_SET, value, INDEX_NEVER);
    for (uint32_t block = 0; block <= BLOCKS; block++) {
        uint32_t want = 0;
        for (uint32_t i = 0; i < BLOCK_ROWS; i++) {
            const uint32_t row = block * BLOCK_ROWS + i;
            want += row < ROWS && has_many(NULL, &key, row);
        }
        assert_int_equal(formula_count(x, block), want);
    }
}

/* An evicted form's words stay the formula's that has it. */
static void test_index_resident__a_formula_keeps_an_evicted_form(void **state)
{
    (void)state;
    static const uint32_t providers[1] = {1};
    static const uint32_t cold[1] = {0};
    index_layer *l = make_heavy_layer(HEAVY_PLANES);
    uint32_t made;
    index_residents *pool = fill_pool(l, &made);
    index_stack *view = index_view_base(index_layer_retain(l));
    const leaf_spec spec = {.attribute = HEAVY, .providers = providers,
                            .provider_count = 1, .values = cold,
                            .value_count = 1};
    index_leaf *leaf = index_leaf_new(view, &spec);
    formula *f = formula_new();

    formula_root(f, index_leaf_formula(f, leaf), ROWS);
    assert_int_equal(f->form_count, 1);
    assert_false(f->forms[0].is_wish);
    formula_frame *x = formula_frame_new(f);
    expect_heavy(x, 0);
    for (uint32_t v = made; v < made + 8; v++)
        ask(l, FORM_PLANE, key_of(HEAVY, ROLE_SET, v, INDEX_NEVER), 40);
    work_off(pool);
    assert_false(info_of(pool, HEAVY, 0).made);
    expect_heavy(x, 0); /* not overwritten by those that came */
    const index_resident_stats before = stats_of(pool);
    formula_frame_free(x);
    formula_free(f);
    assert_int_equal(stats_of(pool).idle, before.idle + BLOCKS * SLOT);
    index_leaf_free(leaf);
    index_view_release(view);
    index_layer_release(l);
    const index_resident_stats s = stats_of(pool);
    assert_int_equal(s.idle, s.bytes);
    assert_int_equal(s.forms, 0);
    index_residents_free(pool);
}

/* What never fits is no reason to let anything go. */
static void test_index_resident__what_does_not_fit_is_refused(void **state)
{
    (void)state;
    people *p = people_new();
    index_layer *l = make_layer(p);
    index_residents *pool = index_residents_new(4 * PIECE);

    index_layer_keep_residents(l, pool);
    for (uint32_t k = 0; k < KINDS; k++)
        ask(l, FORM_PLANE, key_of(PLAIN, ROLE_SET, k, INDEX_NEVER), 2);
    work_off(pool);
    ask(l, FORM_CODES, key_of(RARE, ROLE_SET, 0, 0), 100); /* too few rows */
    ask(l, FORM_CODES, key_of(99, ROLE_SET, 0, 0), 100);   /* no planes */
    ask(l, FORM_AGES, key_of(PLAIN, ROLE_SET, 3, 0), 100); /* no events */
    ask(l, FORM_PLANE, key_of(99, ROLE_SET, 1, 0), 100);   /* no plane */
    work_off(pool);
    const index_resident_stats s = stats_of(pool);
    assert_int_equal(s.forms, KINDS);
    assert_int_equal(s.made, KINDS);
    assert_int_equal(s.evicted, 0);
    assert_false(info_of(pool, RARE, 0).made);
    assert_int_equal(info_of(pool, RARE, 0).bytes, 0);
    index_layer_release(l);
    index_residents_free(pool);
    mem_free(p);
}

/* ---- asks ---- */

static void test_index_resident__asks_count_and_fade(void **state)
{
    (void)state;
    index_layer *l = make_heavy_layer(2);
    index_residents *pool = index_residents_new(PIECE);
    const plane_key key = key_of(HEAVY, ROLE_SET, 1, INDEX_NEVER);
    resident_form *wish;

    index_layer_keep_residents(l, pool);
    assert_null(resident_find(l, FORM_PLANE, &key, &wish));
    assert_non_null(wish);
    assert_false(index_residents_work(pool)); /* once is not warm */
    resident_ask(wish);
    resident_release(wish);
    const uint64_t version = index_residents_version(pool);
    assert_true(index_residents_work(pool));
    assert_true(index_residents_version(pool) != version);
    assert_false(index_residents_work(pool));
    resident_form *form = resident_find(l, FORM_PLANE, &key, &wish);
    assert_non_null(form);
    assert_null(wish);
    assert_int_equal(info_of(pool, HEAVY, 1).asks, 3);
    assert_int_equal(info_of(pool, HEAVY, 1).hits, 1);
    assert_int_equal(info_of(pool, HEAVY, 1).bytes,
                     BLOCKS * SLOT + (BLOCKS + 1) * sizeof(block_ref));
    ask(l, FORM_PLANE, key, 97);
    index_residents_fade(pool);
    assert_int_equal(info_of(pool, HEAVY, 1).asks, 75);
    assert_int_equal(stats_of(pool).hits, 98);
    assert_int_equal(stats_of(pool).misses, 1);
    resident_release(form);
    index_layer_release(l);
    index_residents_free(pool);
}

static void count_wish(void *payload)
{
    ++*(uint32_t *)payload;
}

static void test_index_resident__it_says_when_a_form_is_warm(void **state)
{
    (void)state;
    index_layer *l = make_heavy_layer(2);
    index_residents *pool = index_residents_new(PIECE);
    const plane_key key = key_of(HEAVY, ROLE_SET, 1, INDEX_NEVER);
    uint32_t wishes = 0;

    index_residents_on_wish(pool, count_wish, &wishes);
    index_layer_keep_residents(l, pool);
    ask(l, FORM_PLANE, key, ASKS_WARM - 1);
    assert_int_equal(wishes, 0);
    ask(l, FORM_PLANE, key, 1);
    assert_int_equal(wishes, 1);
    ask(l, FORM_PLANE, key, 5);
    assert_int_equal(wishes, 1);
    work_off(pool);
    index_layer *next = make_heavy_layer(2);
    index_layer_keep_residents(next, pool); /* what it inherits is warm */
    assert_int_equal(wishes, 2);
    index_layer_release(next);
    index_layer_release(l);
    index_residents_free(pool);
}

/* The wish that a formula holds may live longer than its layer. */
static void test_index_resident__a_wish_outlives_its_layer(void **state)
{
    (void)state;
    index_layer *l = make_heavy_layer(1);
    index_residents *pool = index_residents_new(PIECE);
    const plane_key key = key_of(HEAVY, ROLE_SET, 0, INDEX_NEVER);
    resident_form *wish;

    index_layer_keep_residents(l, pool);
    assert_null(resident_find(l, FORM_PLANE, &key, &wish));
    index_layer_release(l);
    resident_ask(wish);
    resident_ask(wish);
    assert_false(index_residents_work(pool));
    resident_release(wish);
    index_residents_free(pool);
}

static void test_index_resident__a_new_layer_inherits_wishes(void **state)
{
    (void)state;
    people *p = people_new();
    index_layer *old = make_layer(p);
    index_layer *next = make_layer(p);
    index_residents *pool = index_residents_new(4 * PIECE);
    const plane_key hot = key_of(PLAIN, ROLE_SET, 7, INDEX_NEVER);
    const plane_key cold = key_of(PLAIN, ROLE_SET, 6, INDEX_NEVER);

    index_layer_keep_residents(old, pool);
    ask(old, FORM_PLANE, hot, 5);
    ask(old, FORM_CODES, key_of(ONE_OF, ROLE_SET, 0, 0), 3);
    ask(old, FORM_PLANE, cold, 1);
    work_off(pool);
    assert_int_equal(stats_of(pool).forms, 2);
    index_layer_keep_residents(next, pool);
    work_off(pool);
    assert_int_equal(stats_of(pool).forms, 4);
    index_layer_release(old);
    assert_int_equal(stats_of(pool).forms, 2);
    resident_form *form = resident_find(next, FORM_PLANE, &hot, NULL);
    assert_non_null(form);
    check_plane(p, next, form, 7);
    assert_int_equal(info_of(pool, PLAIN, 7).asks, 6);
    assert_null(resident_find(next, FORM_PLANE, &cold, NULL));
    resident_release(form);
    index_layer_release(next);
    index_residents_free(pool);
    mem_free(p);
}

static void test_index_resident__a_layer_without_pool_has_none(void **state)
{
    (void)state;
    index_layer *l = make_heavy_layer(1);
    const plane_key key = key_of(HEAVY, ROLE_SET, 0, INDEX_NEVER);
    resident_form *wish;

    assert_null(resident_find(l, FORM_PLANE, &key, &wish));
    assert_null(wish);
    index_layer_release(l);
    index_residents_free(NULL);
    resident_release(NULL);
}

/* ---- threads ---- */

#define CROWD_PLANES 100u

/* Some ask and read what they get, one makes, one brings and takes layers. */
typedef struct crowd {
    index_residents *pool;
    index_layer *layer; /* stays */
    uint64_t rounds;
    bool done; /* atomic */
} crowd;

static void *make_all(void *payload)
{
    crowd *c = payload;
    while (!__atomic_load_n(&c->done, __ATOMIC_ACQUIRE))
        if (!index_residents_work(c->pool))
            index_residents_fade(c->pool);
    return NULL;
}

static bool holds_its_rows(const resident_form *form, random_state *r)
{
    plane_view v = {0};
    bool same = true;

    resident_view(form, 0, &v);
    for (uint32_t i = 0; i < 50; i++) {
        const uint32_t row = dice(r, ROWS);
        same &= view_has(&v, row) == has_many(NULL, &form->key, row);
    }
    return same;
}

static void *ask_all(void *payload)
{
    crowd *c = payload;
    random_state r;
    uintptr_t wrong = 0;

    random_seed(&r, (uintptr_t)&r);
    for (uint64_t i = 0; i < c->rounds; i++) {
        const plane_key key =
            key_of(HEAVY, ROLE_SET, dice(&r, CROWD_PLANES), INDEX_NEVER);
        resident_form *wish;
        resident_form *form =
            resident_find(c->layer, FORM_PLANE, &key, &wish);
        if (form)
            wrong += !holds_its_rows(form, &r);
        else if (wish)
            resident_ask(wish);
        resident_release(form ? form : wish);
        if (chance(&r, 5))
            stats_of(c->pool);
    }
    return (void *)wrong;
}

/* Layers that are let go while their forms may be being made. */
static void *change_layers(void *payload)
{
    crowd *c = payload;

    for (uint64_t i = 0; i < c->rounds / 200 + 1; i++) {
        index_layer *l = make_heavy_layer(3);
        index_layer_keep_residents(l, c->pool);
        for (uint32_t v = 0; v < 3; v++)
            ask(l, FORM_PLANE, key_of(HEAVY, ROLE_SET, v, INDEX_NEVER), 1000);
        index_layer_release(l);
    }
    return NULL;
}

static void test_index_resident__threads_ask_make_and_let_go(void **state)
{
    (void)state;
    crowd c = {.pool = index_residents_new(PIECE),
               .layer = make_heavy_layer(CROWD_PLANES),
               .rounds = test_size(20000, 1000000)};
    void *wrong = NULL;

    index_layer_keep_residents(c.layer, c.pool);
    for (uint32_t v = 0; v < CROWD_PLANES; v++)
        ask(c.layer, FORM_PLANE, key_of(HEAVY, ROLE_SET, v, INDEX_NEVER), 2);
    work_off(c.pool); /* full from the beginning */
    const pthread_t maker = thread_start(make_all, &c);
    const pthread_t asker = thread_start(ask_all, &c);
    const pthread_t changer = thread_start(change_layers, &c);
    assert_null(ask_all(&c));
    assert_int_equal(pthread_join(asker, &wrong), 0);
    assert_null(wrong);
    thread_join(changer);
    __atomic_store_n(&c.done, true, __ATOMIC_RELEASE);
    thread_join(maker);
    index_layer_release(c.layer);
    const index_resident_stats s = stats_of(c.pool);
    assert_true(s.made > 0);
    assert_int_equal(s.forms, 0);
    assert_int_equal(s.idle, s.bytes);
    print_message("%llu made, %llu evicted, %llu of %llu found\n",
                  (unsigned long long)s.made, (unsigned long long)s.evicted,
                  (unsigned long long)s.hits,
                  (unsigned long long)(s.hits + s.misses));
    index_residents_free(c.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_resident__planes_hold_what_they_held),
        cmocka_unit_test(test_index_resident__codes_are_values_by_size),
        cmocka_unit_test(test_index_resident__ages_are_the_newest_buckets),
        cmocka_unit_test(test_index_resident__the_budget_is_never_left),
        cmocka_unit_test(test_index_resident__the_coldest_makes_room),
        cmocka_unit_test(test_index_resident__a_formula_keeps_an_evicted_form),
        cmocka_unit_test(test_index_resident__what_does_not_fit_is_refused),
        cmocka_unit_test(test_index_resident__asks_count_and_fade),
        cmocka_unit_test(test_index_resident__it_says_when_a_form_is_warm),
        cmocka_unit_test(test_index_resident__a_wish_outlives_its_layer),
        cmocka_unit_test(test_index_resident__a_new_layer_inherits_wishes),
        cmocka_unit_test(test_index_resident__a_layer_without_pool_has_none),
        cmocka_unit_test(test_index_resident__threads_ask_make_and_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
