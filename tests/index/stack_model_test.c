/*
 * stack_model_test.c - builder, merges, views, leaves, facts and entries
 * against the twin: random streams of operations, cut at random places into
 * deltas, with merges of random neighbours, new bases under newer deltas and
 * re-opening from bytes in between; then random leaves are asked block by
 * block and row by row, and all entries are told. In some worlds time goes on
 * and merges drop what has ended.
 *
 * Populations reach over the edges of arrays, bitsets, runs and blocks; rows
 * are spoken of one by one, in ranges, in steps and at random, so that planes
 * take every form.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "stack_twin.h"
#include "support/dice.h"

typedef struct world {
    random_state r;
    twin twin;
    index_stack *view;
    index_stack *pinned; /* being merged to a base; NULL = none is */
    index_builder *builder;
    uint32_t cut_chance;  /* of 2^20, per operation on a row */
    uint32_t deltas_left; /* cuts still allowed */
    bool ages;       /* time goes on: what has ended may be dropped */
    uint32_t now;    /* no earlier hour is asked any more */
    uint32_t oldest; /* number of the oldest bucket asked for */
    uint64_t seed;
} world;

static const uint32_t expiries[] = {10, 11, 20, 30, 1000, INDEX_NEVER};
static const uint32_t nows[] = {0, 5, 10, 11, 12, 20, 21, 30, 31, 1000, 1001};
static const int64_t numbers[] = {
    0, 1, -1, 5, 9999, 10000, -10000, 10001, 123456, -123456, 340000,
    ((int64_t)1 << 40) * 10000 - 1, -((int64_t)1 << 40) * 10000 + 1};
static const int64_t amounts[] = {0, 0, 1, 9999, 10000, 199000,
                                  MUSTER_AMOUNT_MAX * 10000, AMOUNT_TOP / 2,
                                  AMOUNT_TOP};

static const twin_attribute *attribute_of(const world *w, uint32_t id)
{
    for (uint32_t i = 0; i < w->twin.attribute_count; i++)
        if (w->twin.attributes[i].id == id)
            return &w->twin.attributes[i];
    return NULL;
}

static uint32_t cap_of(void *payload, uint32_t attribute)
{
    const twin_attribute *a = attribute_of(payload, attribute);
    return a ? a->cap : 255;
}

/* Buckets before this one are not asked for any more. */
static uint32_t oldest_of(void *payload, uint32_t attribute)
{
    const world *w = payload;
    const twin_attribute *a = attribute_of(w, attribute);
    return a ? twin_bucket(a, w->oldest) : 0;
}

static index_limits limits_of(world *w)
{
    return (index_limits){cap_of, w, w->now,
                          w->oldest > 0 ? oldest_of : NULL};
}

/* ---- layers ---- */

static void advance(world *w, index_stack *take_next)
{
    index_view_release(w->view);
    w->view = take_next;
}

static void check_layer(const world *w, const index_layer *l, bool base)
{
    muster_error err;
    if (index_layer_check(l, base, &err) != 0)
        fail_msg("seed %llu, rows %u: %s", (unsigned long long)w->seed,
                 w->twin.rows, err.message);
}

static uint8_t *copy_bytes(const void *bytes, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1); /* exact, for the sanitizer */
    assert_non_null(copy);
    if (len)
        memcpy(copy, bytes, len);
    return copy;
}

/* The layer as bytes, opened again. */
static index_layer *reopen(index_layer *take_layer)
{
    size_t len;
    const void *planes = index_layer_planes(take_layer, &len);
    uint8_t *kept = copy_bytes(planes, len);
    buffer directory;
    index_layer *opened;
    muster_error err;

    buffer_init(&directory, (size_t)1 << 24);
    index_layer_directory(take_layer, &directory);
    assert_int_equal(index_layer_open(&opened, directory.data, directory.len,
                                      kept, len, NULL, &err), 0);
    buffer_release(&directory);
    index_layer_on_free(opened, free, kept);
    index_layer_release(take_layer);
    return opened;
}

/* A new base of a view taken earlier, under the deltas that came since. */
static void finish_base(world *w)
{
    const index_limits limits = limits_of(w);
    index_layer *base = index_merge_base(w->pinned, &limits);

    check_layer(w, base, true);
    if (chance(&w->r, 50))
        base = reopen(base);
    advance(w, index_view_replace(w->view, 0, index_layer_count(w->pinned),
                                  base));
    index_view_release(w->pinned);
    w->pinned = NULL;
}

/* Some neighbouring deltas, or all of them, become one. */
static void merge_deltas(world *w)
{
    const index_limits limits = limits_of(w);
    index_layer *some[INDEX_DELTAS_MAX];
    const size_t deltas = index_delta_count(w->view);
    const size_t first = 1 + dice(&w->r, (uint32_t)deltas);
    const size_t count = 1 + dice(&w->r, (uint32_t)(deltas + 1 - first));

    for (size_t i = 0; i < count; i++)
        some[i] = index_layer_at(w->view, first + i);
    index_layer *one = index_merge_deltas(some, count, &limits);
    check_layer(w, one, false);
    advance(w, index_view_replace(w->view, first, count, one));
}

static void pass_time(world *w)
{
    w->now = w->now < nows[1] ? nows[1] : w->now + dice(&w->r, 12);
    if (w->oldest + 2 < TWIN_BUCKETS && chance(&w->r, 50))
        w->oldest++;
}

static void close_delta(world *w)
{
    index_layer *l = index_builder_finish(w->builder);

    check_layer(w, l, false);
    advance(w, index_view_push(w->view, l));
    if (w->ages && chance(&w->r, 20))
        pass_time(w);
    if (w->pinned) {
        if (chance(&w->r, 60))
            finish_base(w);
        return;
    }
    while (index_delta_count(w->view) > 0 && chance(&w->r, 30))
        merge_deltas(w);
    if (chance(&w->r, 15))
        w->pinned = index_view_retain(w->view);
}

static void maybe_cut(world *w)
{
    if (w->deltas_left == 0 || dice(&w->r, 1u << 20) >= w->cut_chance)
        return;
    w->deltas_left--;
    close_delta(w);
}

/* ---- operations ---- */

typedef struct operation {
    const twin_attribute *a;
    uint32_t provider;
    int op; /* index_op */
    uint32_t value;
    uint32_t expiry;
    int64_t number;
    uint32_t bucket;
    uint32_t count;
    int64_t amount;
} operation;

static uint32_t random_count(random_state *r, uint32_t cap)
{
    if (chance(r, 60))
        return 1 + dice(r, 3);
    if (chance(r, 50))
        return 1 + dice(r, cap);
    return chance(r, 50) ? cap : 1000000000u;
}

static operation random_operation(world *w)
{
    random_state *r = &w->r;
    operation o = {0};

    o.a = &w->twin.attributes[dice(r, w->twin.attribute_count)];
    o.provider = 1 + dice(r, w->twin.providers);
    o.expiry = PICK(r, expiries);
    o.op = chance(r, 8) ? INDEX_CLEAR : INDEX_SET;
    switch (o.a->kind) {
    case TWIN_FLAG:
        if (chance(r, 10))
            o.op = INDEX_REMOVE;
        break;
    case TWIN_ONE_OF:
        o.value = 1 + dice(r, TWIN_VALUES - 1);
        if (chance(r, 15))
            o.op = INDEX_REMOVE;
        break;
    case TWIN_MANY_OF:
        o.value = 1 + dice(r, TWIN_VALUES - 1);
        if (o.op == INDEX_SET)
            o.op = chance(r, 30) ? INDEX_REMOVE : INDEX_ADD;
        break;
    case TWIN_NUMBER:
        o.number = PICK(r, numbers);
        break;
    case TWIN_EVENT:
        o.value = chance(r, 20) ? 0 : 1 + dice(r, TWIN_VALUES - 1);
        o.bucket = dice(r, TWIN_BUCKETS);
        o.count = random_count(r, o.a->cap);
        o.amount = PICK(r, amounts);
        break;
    case TWIN_UNIVERSE:
        o.op = INDEX_ADD;
        break;
    }
    return o;
}

static void apply(world *w, const operation *o, uint32_t row)
{
    twin *t = &w->twin;
    const uint32_t id = o->a->id;

    maybe_cut(w);
    if (o->a->kind == TWIN_UNIVERSE) {
        index_add_seen(w->builder, o->provider, row, o->expiry);
        twin_say(twin_profile_at(t, o->a, o->provider, row), 0, o->expiry);
    } else if (o->op == INDEX_CLEAR) {
        index_add_profile(w->builder, id, o->provider, row, INDEX_CLEAR,
                          INDEX_NO_VALUE, 0);
        twin_clear(t, o->a, o->provider, row);
    } else if (o->a->kind == TWIN_EVENT) {
        index_add_event(w->builder, id, o->provider, o->a->cap, o->value,
                        twin_bucket(o->a, o->bucket), row, o->count,
                        o->amount);
        twin_event(t, o->a, o->provider, row, o->value, o->bucket, o->count,
                   o->amount);
    } else if (o->a->kind == TWIN_NUMBER) {
        index_add_number(w->builder, id, o->provider, row, o->number,
                         o->expiry);
        twin_number(twin_profile_at(t, o->a, o->provider, row), o->number,
                    o->expiry);
    } else {
        index_add_profile(w->builder, id, o->provider, row, (index_op)o->op,
                          o->value, o->expiry);
        twin_profile_op(twin_profile_at(t, o->a, o->provider, row),
                        (index_op)o->op, o->value, o->expiry);
    }
}

/* Very many sayings of one row to one attribute. */
static uint32_t say_much(world *w, const operation *first, uint32_t row)
{
    uint32_t done = 0;
    while (done < 150) {
        const operation o = random_operation(w);
        if (o.a != first->a || o.provider != first->provider)
            continue;
        apply(w, &o, row);
        done++;
    }
    return done;
}

/* One operation on some rows; now and then each row draws its own. */
static uint32_t operate(world *w)
{
    random_state *r = &w->r;
    operation o = random_operation(w);
    const uint32_t rows = w->twin.rows;
    const bool own = chance(r, 40);
    uint32_t first = dice(r, rows);
    uint32_t end = first + 1;
    uint32_t step = 1;
    uint32_t share = 100;
    uint32_t done = 0;

    if (rows <= 20 && chance(r, 5))
        return say_much(w, &o, first);
    if (chance(r, 50)) {
        first = chance(r, 30) ? 0 : first;
        end = chance(r, 30) ? rows : first + 1 + dice(r, rows - first);
        step = chance(r, 60) ? 1 : 1 + dice(r, 40);
        share = chance(r, 50) ? 100 : 1 + dice(r, 99);
    }
    const bool down = chance(r, 20);
    for (uint32_t i = first; i < end; i += step) {
        if (share < 100 && !chance(r, share))
            continue;
        const uint32_t row = down ? end - 1 - (i - first) : i;
        apply(w, &o, row);
        done++;
        if (own)
            o = random_operation(w);
    }
    return done + 1;
}

/* ---- leaves ---- */

static leaf_type random_type(random_state *r, twin_kind kind)
{
    static const leaf_type events[] = {LEAF_SEEN, LEAF_COUNT, LEAF_COUNT,
                                       LEAF_TOTAL, LEAF_DAYS};
    if (kind == TWIN_NUMBER)
        return LEAF_NUMBER;
    return kind == TWIN_EVENT ? PICK(r, events) : LEAF_HELD;
}

/* A range as the language makes them: at least, at most, exactly, where only
 * "at least" may name the top. */
static void random_range(random_state *r, int64_t least, int64_t top,
                         leaf_spec *spec)
{
    int64_t n = chance(r, 50) ? least + dice(r, 6)
                              : least + (int64_t)random_below(
                                            r, (uint64_t)(top - least) + 1);
    if (n > top)
        n = top;
    spec->low = n;
    spec->high = INT64_MAX;
    if (n == top || chance(r, 50))
        return;
    spec->high = n;
    if (chance(r, 60))
        spec->low = least;
}

static void random_event_range(random_state *r, const twin_attribute *a,
                               uint32_t oldest, leaf_spec *spec)
{
    uint32_t from = dice(r, TWIN_BUCKETS);
    uint32_t to = dice(r, TWIN_BUCKETS);
    if (from > to) {
        const uint32_t t = from;
        from = to;
        to = t;
    }
    if (from < oldest)
        from = oldest;
    spec->from = chance(r, 30) && oldest == 0 ? 0 : twin_bucket(a, from);
    spec->to = chance(r, 30) ? 100000 : twin_bucket(a, to);
    spec->bucket_hours = a->hours ? 1 : 24;
    if (spec->type == LEAF_COUNT)
        random_range(r, 1, a->cap, spec);
    else if (spec->type == LEAF_DAYS)
        random_range(r, 1, 7, spec);
    else if (spec->type == LEAF_TOTAL)
        random_range(r, 0, chance(r, 50) ? AMOUNT_TOP : 400000, spec);
}

static leaf_spec random_spec(world *w, const twin_attribute *a,
                             uint32_t *providers, uint32_t *values)
{
    random_state *r = &w->r;
    leaf_spec spec = {.attribute = a->id, .providers = providers,
                      .values = values};

    for (uint32_t p = 1; p <= w->twin.providers; p++)
        if (chance(r, 70) || (p == w->twin.providers &&
                              spec.provider_count == 0))
            providers[spec.provider_count++] = p;
    spec.type = random_type(r, a->kind);
    spec.any = a->kind == TWIN_FLAG || a->kind == TWIN_UNIVERSE ||
               a->kind == TWIN_NUMBER || chance(r, 25);
    for (uint32_t v = 1; v < TWIN_VALUES && !spec.any; v++)
        if (chance(r, 50) || (v + 1 == TWIN_VALUES && spec.value_count == 0))
            values[spec.value_count++] = v;
    if (a->kind == TWIN_FLAG && chance(r, 50)) {
        spec.any = false;
        values[spec.value_count++] = 0;
    }
    do
        spec.now_hour = PICK(r, nows);
    while (spec.now_hour < w->now);
    if (a->kind == TWIN_EVENT)
        random_event_range(r, a, w->oldest, &spec);
    if (a->kind == TWIN_NUMBER) {
        spec.low = chance(r, 20) ? INT64_MIN : PICK(r, numbers);
        spec.high = chance(r, 20) ? INT64_MAX : PICK(r, numbers);
        spec.low += (int64_t)dice(r, 3) * (spec.low != INT64_MIN);
    }
    return spec;
}

static void fail_leaf(const world *w, const leaf_spec *s, uint32_t row,
                      const char *what, bool got)
{
    fail_msg("seed %llu, rows %u: %s says %d of row %u: attribute %u type %d "
             "any %d values %u now %u from %u to %u low %lld high %lld "
             "deltas %zu",
             (unsigned long long)w->seed, w->twin.rows, what, got, row,
             s->attribute, (int)s->type, s->any, s->value_count, s->now_hour,
             s->from, s->to, (long long)s->low, (long long)s->high,
             index_delta_count(w->view));
}

static void check_block(const world *w, const twin_attribute *a,
                        const leaf_spec *spec, const index_leaf *leaf,
                        leaf_cursor *c, uint32_t block, block_buf *bufs)
{
    const block_ref got = index_leaf_block(leaf, c, block, &bufs[0]);
    uint32_t count = 0;

    block_expand(got, &bufs[1]);
    for (uint32_t i = 0; i < BLOCK_ROWS; i++) {
        const uint32_t row = block * BLOCK_ROWS + i;
        const bool has = (bufs[1].words[i >> 6] >> (i & 63)) & 1;
        const bool want =
            row < w->twin.rows && twin_has(&w->twin, a, spec, row);
        count += want;
        if (has != want)
            fail_leaf(w, spec, row, "the block", has);
        if (row >= w->twin.rows && i % 64 == 0 &&
            bufs[1].words[i >> 6] == 0)
            i += 63;
    }
    assert_int_equal(block_count(got), count);
    if (count == 0)
        assert_true(block_is_empty(got));
}

static void check_leaf(world *w, const twin_attribute *a, block_buf *bufs)
{
    uint32_t providers[TWIN_PROVIDERS];
    uint32_t values[TWIN_VALUES];
    const leaf_spec spec = random_spec(w, a, providers, values);
    index_leaf *leaf = index_leaf_new(w->view, &spec);
    leaf_cursor *c = leaf_cursor_new(leaf);
    const uint32_t blocks = w->twin.rows / BLOCK_ROWS + 2;

    if (chance(&w->r, 30)) /* not growing: hints must not mislead */
        for (uint32_t i = 0; i < blocks; i++)
            check_block(w, a, &spec, leaf, c, dice(&w->r, blocks), bufs);
    for (uint32_t block = 0; block < blocks; block++)
        check_block(w, a, &spec, leaf, c, block, bufs);
    const uint32_t sample = w->twin.rows < 1000 ? w->twin.rows : 300;
    for (uint32_t i = 0; i < sample; i++) {
        const uint32_t row =
            w->twin.rows < 1000 ? i : dice(&w->r, w->twin.rows);
        const bool has = index_leaf_has(leaf, row);
        if (has != twin_has(&w->twin, a, &spec, row))
            fail_leaf(w, &spec, row, "the row", has);
    }
    assert_false(index_leaf_has(leaf, w->twin.rows));
    leaf_cursor_free(c);
    index_leaf_free(leaf);
}

/* ---- facts ---- */

typedef struct gathered {
    const world *w;
    const twin_attribute *a;
    uint32_t expiry[TWIN_PROVIDERS][TWIN_VALUES];
    int64_t number[TWIN_PROVIDERS];
    uint32_t numbers[TWIN_PROVIDERS];
    twin_slot slots[TWIN_PROVIDERS][TWIN_VALUES][TWIN_BUCKETS];
} gathered;

static void gather(void *payload, const index_fact *f)
{
    gathered *g = payload;
    const uint32_t p = f->provider - 1;

    assert_true(p < g->w->twin.providers && f->value < TWIN_VALUES);
    if (g->a->kind == TWIN_EVENT) {
        const uint32_t at = f->bucket - g->a->first_bucket;
        assert_int_equal(at % g->a->bucket_step, 0);
        twin_slot_add(g->a,
                      &g->slots[p][f->value][at / g->a->bucket_step],
                      f->count, f->amount);
        return;
    }
    if (f->bucket < g->w->now)
        return;
    if (f->bucket > g->expiry[p][f->value])
        g->expiry[p][f->value] = f->bucket;
    if (g->numbers[p]++ > 0)
        assert_true(g->a->kind != TWIN_NUMBER || g->number[p] == f->number);
    g->number[p] = f->number;
}

static void check_slots(const gathered *g, uint32_t provider, uint32_t row)
{
    const twin *t = &g->w->twin;
    for (uint32_t v = 0; v < TWIN_VALUES; v++) {
        const twin_slot *want = twin_slots_at(t, g->a, provider, row, v);
        for (uint32_t b = g->w->oldest; b < TWIN_BUCKETS; b++) {
            const twin_slot *got = &g->slots[provider - 1][v][b];
            assert_int_equal(got->count, want[b].count);
            assert_int_equal(got->amount, want[b].amount);
        }
    }
}

static void check_profile(const gathered *g, uint32_t provider, uint32_t row)
{
    const twin_profile *want =
        twin_profile_at(&g->w->twin, g->a, provider, row);
    for (uint32_t v = 0; v < TWIN_VALUES; v++) {
        const uint32_t expiry = want->expiry[v];
        assert_int_equal(g->expiry[provider - 1][v],
                         expiry >= g->w->now ? expiry : 0);
    }
    if (g->a->kind == TWIN_NUMBER && g->expiry[provider - 1][0])
        assert_int_equal(g->number[provider - 1], want->number);
}

static void check_facts(const world *w, const twin_attribute *a, uint32_t row)
{
    gathered *g = mem_zalloc(sizeof *g);

    g->w = w;
    g->a = a;
    index_facts_each(w->view, a->id, a->kind == TWIN_EVENT,
                     a->kind == TWIN_NUMBER, row, gather, g);
    for (uint32_t p = 1; p <= w->twin.providers; p++) {
        if (a->kind == TWIN_EVENT)
            check_slots(g, p, row);
        else
            check_profile(g, p, row);
    }
    mem_free(g);
}

/* ---- entries ---- */

typedef struct entry_count {
    const world *w;
    uint8_t *told[TWIN_ATTRIBUTES]; /* by user, value, bucket of events */
    uint64_t entries;
    uint64_t steps; /* planes passed */
} entry_count;

static void fail_entry(const world *w, const index_entry *e, const char *what)
{
    fail_msg("seed %llu, rows %u: %s: attribute %u provider %u row %u value "
             "%u bucket %u count %u amount %lld number %lld",
             (unsigned long long)w->seed, w->twin.rows, what, e->attribute,
             e->provider, e->row, e->value, e->bucket, e->count,
             (long long)e->amount, (long long)e->number);
}

/* Is the entry what the twin has? *at: its place in `told`. */
static bool entry_stands(const world *w, const twin_attribute *a,
                         const index_entry *e, size_t *at)
{
    const size_t user = (size_t)(e->provider - 1) * w->twin.rows + e->row;
    *at = user * TWIN_VALUES + e->value;
    if (a->kind == TWIN_EVENT) {
        const uint32_t b = (e->bucket - a->first_bucket) / a->bucket_step;
        const twin_slot *s =
            &twin_slots_at(&w->twin, a, e->provider, e->row, e->value)[b];
        *at = *at * TWIN_BUCKETS + b;
        return twin_bucket(a, b) == e->bucket && s->count == e->count &&
               s->amount == e->amount && e->number == 0;
    }
    const twin_profile *p =
        twin_profile_at(&w->twin, a, e->provider, e->row);
    return p->expiry[e->value] == e->bucket && e->count == 1 &&
           e->amount == 0 &&
           e->number == (a->kind == TWIN_NUMBER ? p->number : 0);
}

static int count_entry(void *payload, const index_entry *e)
{
    entry_count *c = payload;
    const world *w = c->w;
    const twin_attribute *a = attribute_of(w, e->attribute);
    size_t at;

    if (!a || e->provider < 1 || e->provider > w->twin.providers ||
        e->row >= w->twin.rows || e->value >= TWIN_VALUES)
        fail_entry(w, e, "no such entry");
    if (a->kind == TWIN_EVENT ? e->bucket < twin_bucket(a, w->oldest)
                              : e->bucket < w->now)
        return 0; /* dropped or not */
    if (!entry_stands(w, a, e, &at))
        fail_entry(w, e, "not what the twin has");
    uint8_t *told = c->told[a - w->twin.attributes];
    if (told[at]++)
        fail_entry(w, e, "told twice");
    c->entries++;
    return 0;
}

static int count_steps(void *payload, uint64_t done, uint64_t total)
{
    entry_count *c = payload;
    assert_true(done > c->steps && done <= total);
    assert_int_equal(total, index_plane_count(c->w->view));
    c->steps = done;
    return 0;
}

static uint64_t twin_entries(const world *w, const twin_attribute *a)
{
    const size_t values = (size_t)w->twin.providers * w->twin.rows *
                          TWIN_VALUES;
    uint64_t n = 0;

    for (size_t i = 0; i < values; i++) {
        for (uint32_t b = w->oldest; a->slots && b < TWIN_BUCKETS; b++)
            n += a->slots[i * TWIN_BUCKETS + b].count > 0;
        if (a->profiles) {
            const uint32_t expiry =
                a->profiles[i / TWIN_VALUES].expiry[i % TWIN_VALUES];
            n += expiry > 0 && expiry >= w->now;
        }
    }
    return n;
}

static void check_entries(world *w)
{
    const index_limits limits = limits_of(w);
    entry_count c = {.w = w};
    uint64_t want = 0;

    for (uint32_t i = 0; i < w->twin.attribute_count; i++) {
        const size_t users = (size_t)w->twin.providers * w->twin.rows;
        c.told[i] = mem_array(users, TWIN_VALUES * TWIN_BUCKETS);
        want += twin_entries(w, &w->twin.attributes[i]);
    }
    assert_int_equal(index_entries_each(w->view, &limits, count_entry,
                                        count_steps, &c), 0);
    assert_int_equal(c.entries, want);
    assert_int_equal(c.steps, index_plane_count(w->view));
    for (uint32_t i = 0; i < w->twin.attribute_count; i++)
        mem_free(c.told[i]);
}

/* ---- worlds ---- */

static void set_up_event(random_state *r, twin_attribute *a, bool hours)
{
    static const uint32_t caps[] = {1, 2, 3, 7, 255, 1000,
                                    MUSTER_COUNT_CAP_MAX};
    a->cap = PICK(r, caps);
    a->hours = hours;
    a->first_bucket = chance(r, 30) ? 0 : hours ? 24 * 10 - 3 : 15;
    a->bucket_step = hours ? 1 + dice(r, 12) : 1 + dice(r, 3);
}

/* Small worlds hold every kind, large ones one or two. */
static void populate(world *w, uint32_t rows)
{
    random_state *r = &w->r;
    const bool all = rows <= 5000;
    const uint32_t wanted = all ? 0xff : 1u << dice(r, 7) | 1u << dice(r, 7);

    w->twin.rows = rows;
    w->twin.providers = all ? 1 + dice(r, TWIN_PROVIDERS) : 1 + dice(r, 2);
    for (uint32_t i = 0; i < 4; i++)
        if (wanted >> i & 1)
            twin_add(&w->twin, 16 + i, (twin_kind)(TWIN_FLAG + i));
    for (uint32_t i = 4; i < 6; i++)
        if (wanted >> i & 1)
            set_up_event(r, twin_add(&w->twin, 16 + i, TWIN_EVENT), i == 5);
    if (wanted >> 6 & 1)
        twin_add(&w->twin, INDEX_UNIVERSE, TWIN_UNIVERSE);
}

static void check_world(world *w, uint32_t leaves, block_buf *bufs)
{
    for (uint32_t i = 0; i < w->twin.attribute_count; i++) {
        const twin_attribute *a = &w->twin.attributes[i];
        for (uint32_t j = 0; j < leaves; j++)
            check_leaf(w, a, bufs);
        for (uint32_t j = 0; j < 20; j++)
            check_facts(w, a, dice(&w->r, w->twin.rows));
    }
    check_entries(w);
}

static uint32_t world_rows(random_state *r, bool large)
{
    static const uint32_t edges[] = {4095,  4096,  4097,  65535,
                                     65536, 65537, 131072, 200000};
    if (large)
        return PICK(r, edges);
    return chance(r, 50) ? 1 + dice(r, 20) : 1 + dice(r, 1000);
}

/* Asks what stands, then again when merged on and on. */
static void finish_world(world *w, bool large, block_buf *bufs)
{
    close_delta(w);
    assert_int_equal(index_builder_facts(w->builder), 0);
    check_world(w, large ? 3 : 12, bufs);
    if (w->pinned)
        finish_base(w);
    while (index_delta_count(w->view) > 1) {
        merge_deltas(w);
        check_world(w, 1, bufs);
    }
    w->pinned = index_view_retain(w->view);
    finish_base(w);
    check_world(w, large ? 3 : 6, bufs);
    index_view_release(w->view);
}

static void run_world(uint64_t seed, bool large)
{
    block_buf *bufs = mem_aligned(2 * sizeof *bufs);
    world w = {.seed = seed};
    uint64_t done = 0;

    random_seed(&w.r, seed);
    const uint32_t rows = world_rows(&w.r, large);
    populate(&w, rows);
    w.view = index_view_empty();
    w.builder = index_builder_new();
    w.deltas_left = dice(&w.r, chance(&w.r, 70) ? 6 : 15);
    w.ages = chance(&w.r, 50);
    const uint64_t most = 3 * (uint64_t)rows + dice(&w.r, 300);
    w.cut_chance = (uint32_t)(((uint64_t)w.deltas_left << 20) / (most + 1));
    while (done < most) {
        done += operate(&w);
        if (chance(&w.r, 1)) {
            close_delta(&w);
            check_world(&w, 1, bufs);
        }
    }
    finish_world(&w, large, bufs);
    index_builder_free(w.builder);
    twin_release(&w.twin);
    mem_free(bufs);
}

static void run_worlds(uint64_t usual, uint64_t largest, bool large)
{
    uint64_t seed;

    if (test_seed(&seed)) {
        print_message("seed %llu\n", (unsigned long long)seed);
        run_world(seed, large);
        return;
    }
    const uint64_t n = test_size(usual, largest);
    const uint64_t first = large ? 500000 : 1;
    print_message("seeds %llu to %llu\n", (unsigned long long)first,
                  (unsigned long long)(first + n - 1));
    for (uint64_t i = 0; i < n; i++)
        run_world(first + i, large);
}

static void test_index_stack__small_worlds_agree_with_the_twin(void **state)
{
    (void)state;
    run_worlds(250, 20000, false);
}

static void test_index_stack__large_worlds_agree_with_the_twin(void **state)
{
    (void)state;
    run_worlds(12, 2000, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_stack__small_worlds_agree_with_the_twin),
        cmocka_unit_test(test_index_stack__large_worlds_agree_with_the_twin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
