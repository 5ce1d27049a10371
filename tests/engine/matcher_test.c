/*
 * matcher_test.c - the forward index is always what asking every segment says,
 * at the epoch and hour that it names: over random records, opt-outs, edits of
 * segments, checkpoints and steps of the clock; and for readers beside all
 * that.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "engine.h"
#include "support/dice.h"
#include "support/expression.h"
#include "support/house.h"

#define HOUR ((muster_time)3600)
#define DAY (24 * HOUR)
#define KEYS 12u
#define FORWARD_BYTES ((uint64_t)256 << 20)

typedef struct stage {
    uint64_t seed;
    random_state random;
    population people;
    house house;
    uint32_t feed;   /* being fed ... */
    size_t fed;      /* ... up to here */
    char keys[KEYS][8];
    uint32_t key_count;
} stage;

/* Users of whom one thing is said: rows behind which blocks begin. */
static void fill(stage *s, uint32_t users)
{
    buffer text;

    buffer_init(&text, (size_t)64 << 20);
    for (uint32_t i = 0; i < users; i++)
        buffer_printf(&text,
                      "{\"ids\":{\"cookie\":\"f%u\"},\"set\":{\"filled\":"
                      "%u}}\n",
                      i, i % 100);
    const muster_receipt r =
        house_feed(&s->house, MUSTER_INPUT_NDJSON, text.data, text.len);
    assert_int_equal(r.accepted, users);
    buffer_release(&text);
}

/* A tree to which things will be mapped. */
static void load_taxonomy(stage *s)
{
    static const char file[] =
        "Unique ID\tParent\tTier 1\tTier 2\tTier 3\n"
        "1\t\tA\n2\t1\tA\tB\n3\t2\tA\tB\tC\n4\t1\tA\tD\n5\t\tE\n";
    muster_error err;

    if (muster_taxonomy_load(s->house.engine, "t", 4, file, strlen(file),
                             &err) != 0)
        fail_msg("%s", err.message);
}

static void stage_open(stage *s, uint64_t seed, uint32_t users)
{
    const population_options options = {
        .seed = seed, .users = users, .feeds = 3, .records = 6};

    memset(s, 0, sizeof *s);
    s->seed = seed;
    random_seed(&s->random, seed ^ 0x5eed);
    population_init(&s->people, &options);
    s->house.forward_bytes = FORWARD_BYTES;
    house_open(&s->house, s->people.feeds[0].now, 2);
    house_catalog(&s->house, s->people.catalog.data, s->people.catalog.len);
    load_taxonomy(s);
}

static void stage_close(stage *s)
{
    house_close(&s->house);
    population_release(&s->people);
}

/* ---- what is done ---- */

static void must_seed(const stage *s, int rc, const muster_error *err,
                      const char *what)
{
    if (rc != 0)
        fail_msg("%s: %s (MUSTER_TEST_SEED=%llu)", what, err->message,
                 (unsigned long long)s->seed);
}

/* The next lines of the population; false when there are none left. */
static bool feed_some(stage *s)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    uint32_t lines = 1 + dice(&s->random, 40);
    muster_error err;

    if (s->feed == s->people.feed_count)
        return false;
    const population_feed *f = &s->people.feeds[s->feed];
    const char *text = (const char *)f->bytes.data;
    size_t end = s->fed;
    while (lines > 0 && end < f->bytes.len)
        lines -= text[end++] == '\n';
    if (f->now > s->house.now)
        house_set_now(&s->house, f->now);
    options.format = MUSTER_INPUT_NDJSON;
    options.ack = MUSTER_ACK_APPLIED;
    must_seed(s,
              muster_ingest(s->house.engine, &options, text + s->fed,
                            end - s->fed, NULL, NULL, &err),
              &err, "ingest");
    s->fed = end;
    if (end == f->bytes.len) {
        s->feed++;
        s->fed = 0;
    }
    return true;
}

static void save_some(stage *s)
{
    const char *keys[KEYS];
    const uint32_t n = dice(&s->random, KEYS);
    muster_save save = MUSTER_SAVE_INIT;
    char key[8];
    muster_error err;
    buffer text;

    for (uint32_t i = 0; i < s->key_count; i++)
        keys[i] = s->keys[i];
    const expression_options options = {.population = &s->people,
                                        .now = s->house.now,
                                        .segments = keys,
                                        .segment_count = s->key_count,
                                        .depth = 3};
    buffer_init(&text, (size_t)1 << 20);
    if (chance(&s->random, 30))
        buffer_printf(&text, "%staxonomy(\"%u\")",
                      chance(&s->random, 30) ? "not " : "",
                      1 + dice(&s->random, 5));
    else
        expression_put(&options, &s->random, &text);
    snprintf(key, sizeof key, "s%u", n);
    save.key = key;
    save.expr = buffer_cstr(&text);
    save.expr_len = text.len;
    save.priority = (int32_t)dice(&s->random, 4);
    save.served = !chance(&s->random, 15);
    if (muster_audience_save(s->house.engine, &save, NULL, &err) == 0) {
        bool known = false;
        for (uint32_t i = 0; i < s->key_count; i++)
            known |= strcmp(s->keys[i], key) == 0;
        if (!known)
            snprintf(s->keys[s->key_count++], sizeof key, "%s", key);
    } else if (strcmp(err.word, "segment_cycle") != 0 &&
               strcmp(err.word, "expr_depth") != 0 &&
               strcmp(err.word, "unknown_segment") != 0) {
        must_seed(s, err.code, &err, save.expr);
    }
    buffer_release(&text);
}

static void remove_some(stage *s)
{
    char key[8];

    snprintf(key, sizeof key, "s%u", dice(&s->random, KEYS));
    (void)muster_audience_remove(s->house.engine, key, NULL);
}

static void opt_some(stage *s)
{
    const uint32_t user = dice(&s->random, s->people.users);
    char space[24];
    char id[24];
    muster_error err;

    population_any_id(&s->people, user, space, id);
    const muster_id who = {space, id, strlen(id)};
    if (chance(&s->random, 10))
        must_seed(s, muster_privacy_forget(s->house.engine, &who, NULL, &err),
                  &err, "forget");
    else
        must_seed(s,
                  muster_privacy_optout(s->house.engine, &who,
                                        chance(&s->random, 40), NULL, &err),
                  &err, "optout");
}

/* An attribute or a value to some nodes, or to none any more. */
static void map_some(stage *s)
{
    static const char *const nodes[] = {"1", "2", "3", "A | D", "E"};
    const population_attribute *a =
        &s->people.attributes[dice(&s->random, s->people.attribute_count)];
    const char *const chosen[] = {PICK(&s->random, nodes),
                                  PICK(&s->random, nodes)};
    const bool listed = a->kind != NAIVE_FLAG && a->kind != NAIVE_NUMBER;
    const char *value =
        listed && a->value_count > 0 && chance(&s->random, 80)
            ? a->values[dice(&s->random, a->value_count)]
            : NULL;
    muster_error err;

    must_seed(s,
              muster_taxonomy_map(s->house.engine, a->name, value, chosen,
                                  dice(&s->random, 3), &err),
              &err, "map");
}

static void pass_time(stage *s)
{
    static const muster_time steps[] = {60, HOUR, HOUR, 5 * HOUR, DAY,
                                        9 * DAY};
    house_set_now(&s->house, s->house.now + PICK(&s->random, steps));
    matcher_wake(s->house.engine);
}

static void act(stage *s)
{
    const uint32_t n = dice(&s->random, 100);

    if (n < 50 && feed_some(s))
        return;
    if (n < 70)
        save_some(s);
    else if (n < 73)
        remove_some(s);
    else if (n < 79)
        map_some(s);
    else if (n < 85)
        opt_some(s);
    else if (n < 95)
        pass_time(s);
    else
        house_checkpoint(&s->house);
}

/* ---- what is expected ---- */

/* The segments of an epoch, resolved at a time. */
typedef struct judges {
    uint32_t count;
    uint32_t ids[KEYS];
    plan *plans[KEYS];
    program *programs[KEYS];
} judges;

static void judges_init(judges *j, muster_engine *e, const epoch *at,
                        muster_time now, const scope *viewer)
{
    program_state state = epoch_state(e, at);

    state.now = now;
    j->count = 0;
    for (size_t i = 0; i < audience_count(at->audiences); i++) {
        const audience *a = audience_at(at->audiences, i);
        const audience_version *v = audience_current(a);
        plan *p;
        if (!v || !v->served ||
            engine_bind(e, at, viewer, v->expr, text_make(NULL, 0), &p, NULL,
                        NULL) != 0)
            continue;
        j->ids[j->count] = a->id;
        j->plans[j->count] = p;
        j->programs[j->count++] = program_new(p, &state);
    }
}

static void judges_release(judges *j)
{
    for (uint32_t i = 0; i < j->count; i++) {
        program_free(j->programs[i]);
        segment_plan_free(j->plans[i]);
    }
}

/* Segment ids as bits: numbers of a dozen keys are small. */
static uint64_t expected_of(const judges *j, uint32_t row)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < j->count; i++)
        bits |= (uint64_t)program_has(j->programs[i], row) << j->ids[i];
    return bits;
}

static uint64_t listed(const forward_list *l)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        const uint32_t id = forward_id(l, i);
        if (roster_rank(l->roster, id) != ROSTER_NONE)
            bits |= (uint64_t)1 << id;
    }
    return bits;
}

/* Once it has settled, every user's list is that of now. */
static void expect_right(const stage *s, const char *when)
{
    muster_engine *e = s->house.engine;
    epoch_pin pin;
    judges j;

    matcher_settle(e);
    const epoch *at = epoch_pin_newest(e, &pin);
    const muster_time now = engine_now_at(e, at);
    const forward *index = matcher_index(e);
    assert_non_null(index);
    judges_init(&j, e, at, now, s->house.scope->inner);
    for (uint32_t row = 0; row < dictionary_rows(at->ids); row++) {
        forward_list l = {0};
        const bool found = forward_find(index, row, &l);
        const uint64_t wanted = expected_of(&j, row);
        if (!found || l.epoch != at->seq || l.hour != clock_hour_of(now) ||
            listed(&l) != wanted)
            fail_msg("%s: row %u found %d at epoch %llu of %llu: lists %llx, "
                     "not %llx (MUSTER_TEST_SEED=%llu)",
                     when, row, found, (unsigned long long)l.epoch,
                     (unsigned long long)at->seq,
                     (unsigned long long)listed(&l),
                     (unsigned long long)wanted,
                     (unsigned long long)s->seed);
    }
    judges_release(&j);
    epoch_unpin(e, &pin);
}

/* ---- one thread ---- */

static void run_steps(uint64_t seed)
{
    stage s;

    stage_open(&s, seed, 60);
    for (int i = 0; i < 60; i++) {
        act(&s);
        if (chance(&s.random, 60))
            expect_right(&s, "after a step");
    }
    while (feed_some(&s))
        continue;
    expect_right(&s, "at the end");
    stage_close(&s);
}

static void run_lost(uint64_t seed)
{
    stage s;

    stage_open(&s, seed, 60);
    for (int i = 0; i < 40; i++)
        act(&s);
    expect_right(&s, "behind losses");
    while (feed_some(&s))
        continue;
    expect_right(&s, "behind more of them");
    stage_close(&s);
}

/* Three blocks, and sweeps that go one by one. */
static void run_blocks(uint64_t seed)
{
    stage s;

    stage_open(&s, seed, 60);
    fill(&s, 65500);
    for (int i = 0; i < 15; i++)
        act(&s);
    fill(&s, 140000);
    for (int i = 0; i < 30; i++) {
        act(&s);
        if (chance(&s.random, 30))
            expect_right(&s, "in three blocks");
    }
    expect_right(&s, "in three blocks at the end");
    stage_close(&s);
}

static void test_engine_matcher__is_right_in_every_block(void **state)
{
    (void)state;
    matcher_chunk_hook(1);
    test_each_seed(run_blocks, test_size(3, 100));
}

/* Most of what changes is too much to be noted. */
static void test_engine_matcher__more_than_is_noted(void **state)
{
    (void)state;
    journal_notes_hook(20);
    test_each_seed(run_lost, test_size(4, 100));
    journal_notes_hook(SIZE_MAX);
}

static void test_engine_matcher__is_what_asking_says(void **state)
{
    (void)state;
    test_each_seed(run_steps, test_size(40, 2000));
}

/* ---- single cases ---- */

static void save_as(stage *s, const char *key, const char *expr)
{
    muster_save save = MUSTER_SAVE_INIT;
    muster_error err;

    save.key = key;
    save.expr = expr;
    save.expr_len = strlen(expr);
    must_seed(s, muster_audience_save(s->house.engine, &save, NULL, &err),
              &err, expr);
}

static void feed_line(stage *s, const char *line)
{
    const muster_receipt r =
        house_feed(&s->house, MUSTER_INPUT_NDJSON, line, strlen(line));
    assert_int_equal(r.rejected, 0);
}

/* A population of nobody: what it has is said line by line. */
static void case_open(stage *s)
{
    stage_open(s, 1, 2);
}

/* Names of functions are read in any case; what refers to an edited segment
 * is made anew. */
static void test_engine_matcher__references_in_capitals(void **state)
{
    (void)state;
    stage s;

    case_open(&s);
    feed_line(&s, "{\"ids\":{\"cookie\":\"x\"},\"set\":{\"colour\":\"red\"}}\n");
    save_as(&s, "s1", "colour = \"red\"");
    save_as(&s, "s2", "SEGMENT(\"s1\")");
    expect_right(&s, "before the edit");
    save_as(&s, "s1", "colour = \"blue\"");
    expect_right(&s, "behind the edit");
    stage_close(&s);
}

/* A provider that becomes another party's. */
static void test_engine_matcher__parties_change(void **state)
{
    (void)state;
    stage s;
    muster_error err;

    case_open(&s);
    feed_line(&s, "{\"ids\":{\"cookie\":\"x\"},\"provider\":\"acme\",\"set\":{"
                  "\"colour\":\"red\"}}\n");
    must_seed(&s, muster_provider_set(s.house.engine, "acme", "second", NULL,
                                      &err), &err, "provider");
    save_as(&s, "s1", "colour = \"red\" from third party");
    expect_right(&s, "before");
    must_seed(&s, muster_provider_set(s.house.engine, "acme", "third", NULL,
                                      &err), &err, "provider");
    expect_right(&s, "behind");
    stage_close(&s);
}

/* A value that comes with the first record behind an hour's edge. */
static void test_engine_matcher__new_values_at_an_edge(void **state)
{
    (void)state;
    stage s;

    case_open(&s);
    feed_line(&s, "{\"ids\":{\"cookie\":\"x\"},\"set\":{\"colour\":\"red\"}}\n");
    save_as(&s, "s1", "colour starts with \"gr\"");
    save_as(&s, "s2", "colour = \"green\"");
    expect_right(&s, "before");
    house_set_now(&s.house, s.house.now + HOUR);
    feed_line(&s, "{\"ids\":{\"cookie\":\"y\"},\"set\":{\"colour\":\"green\"}}\n");
    expect_right(&s, "behind");
    stage_close(&s);
}

static int count_row(void *payload, const muster_saved *row)
{
    (void)row;
    ++*(size_t *)payload;
    return 0;
}

/* More than the budget: lookups go on without the index. */
static void test_engine_matcher__a_budget_that_is_too_small(void **state)
{
    (void)state;
    stage s;
    const muster_id user = {"cookie", "f7", 2};
    size_t found = 0;
    bool known;
    muster_error err;

    case_open(&s);
    fill(&s, 3000);
    house_close(&s.house);
    s.house.forward_bytes = 4096;
    house_open(&s.house, s.people.feeds[0].now, 2);
    fill(&s, 3000);
    save_as(&s, "s1", "filled >= 0");
    matcher_settle(s.house.engine);
    assert_null(matcher_index(s.house.engine));
    must_seed(&s, muster_audience_lookup(s.house.engine, s.house.scope, &user,
                                         &known, count_row, &found, &err),
              &err, "lookup");
    assert_true(known);
    assert_int_equal(found, 1);
    stage_close(&s);
}

/* Segments before there is anybody. */
static void test_engine_matcher__segments_of_nobody(void **state)
{
    (void)state;
    stage s;

    case_open(&s);
    for (int i = 0; i < 50; i++)
        save_as(&s, "s1", i % 2 ? "all" : "none");
    expect_right(&s, "of nobody");
    feed_line(&s, "{\"ids\":{\"cookie\":\"x\"},\"set\":{\"colour\":\"red\"}}\n");
    expect_right(&s, "of the first user");
    stage_close(&s);
}

/* ---- readers beside ---- */

typedef struct seen {
    uint32_t row;
    uint64_t epoch;
    muster_hour hour;
    uint64_t bits;
} seen;

#define SEEN_MAX 20000u
#define HELD_MAX 4096u

typedef struct watch {
    stage *stage;
    const epoch *held[HELD_MAX]; /* those that the index names */
    uint32_t held_count;
    seen *items;
    uint32_t count;
    bool stop; /* atomic */
} watch;

static void hold(void *payload, const epoch *at)
{
    watch *w = payload;
    if (w->held_count > 0 && w->held[w->held_count - 1] == at)
        return;
    assert_true(w->held_count < HELD_MAX);
    epoch_hold(at);
    w->held[w->held_count++] = at;
}

static void *read_on(void *payload)
{
    watch *w = payload;
    muster_engine *e = w->stage->house.engine;
    random_state r;

    random_seed(&r, w->stage->seed);
    while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
        epoch_pin pin;
        const epoch *at = epoch_pin_newest(e, &pin);
        const uint32_t rows = dictionary_rows(at->ids);
        const forward *index = matcher_index(e);
        const uint32_t row = rows > 0 ? dice(&r, rows) : 0;
        forward_list l;
        if (rows > 0 && index && forward_find(index, row, &l)) {
            const seen now = {row, l.epoch, l.hour, listed(&l)};
            if (w->count < SEEN_MAX)
                w->items[w->count++] = now;
            else
                w->items[dice(&r, SEEN_MAX)] = now;
        }
        epoch_unpin(e, &pin);
    }
    return NULL;
}

static int by_epoch(const void *a, const void *b)
{
    const seen *x = a;
    const seen *y = b;
    if (x->epoch != y->epoch)
        return x->epoch < y->epoch ? -1 : 1;
    return (x->hour > y->hour) - (x->hour < y->hour);
}

static const epoch *held_epoch(const watch *w, uint64_t seq)
{
    for (uint32_t i = w->held_count; i-- > 0;)
        if (w->held[i]->seq == seq)
            return w->held[i];
    return NULL;
}

/* Each answer was right at the epoch and in the hour that it named. */
static void judge_seen(watch *w)
{
    muster_engine *e = w->stage->house.engine;

    qsort(w->items, w->count, sizeof *w->items, by_epoch);
    for (uint32_t i = 0, end; i < w->count; i = end) {
        const seen *first = &w->items[i];
        const epoch *at = held_epoch(w, first->epoch);
        judges j;
        if (!at)
            fail_msg("an answer names epoch %llu, which was never published",
                     (unsigned long long)first->epoch);
        judges_init(&j, e, at, (muster_time)first->hour * 3600,
                    w->stage->house.scope->inner);
        for (end = i; end < w->count && by_epoch(first, &w->items[end]) == 0;
             end++) {
            const uint64_t wanted = expected_of(&j, w->items[end].row);
            if (w->items[end].bits != wanted)
                fail_msg("row %u at epoch %llu: %llx, not %llx "
                         "(MUSTER_TEST_SEED=%llu)",
                         w->items[end].row, (unsigned long long)first->epoch,
                         (unsigned long long)w->items[end].bits,
                         (unsigned long long)wanted,
                         (unsigned long long)w->stage->seed);
        }
        judges_release(&j);
    }
}

static void run_beside(uint64_t seed)
{
    stage s;
    pthread_t thread;

    stage_open(&s, seed, 60);
    watch w = {.stage = &s};
    w.items = mem_array(SEEN_MAX, sizeof *w.items);
    house_close(&s.house);
    s.house.forward_bytes = 0; /* to be told of every epoch from the first */
    house_open(&s.house, s.people.feeds[0].now, 2);
    house_catalog(&s.house, s.people.catalog.data, s.people.catalog.len);
    load_taxonomy(&s);
    matcher_open(s.house.engine, FORWARD_BYTES);
    matcher_on_epoch(s.house.engine, hold, &w);
    matcher_start(s.house.engine);
    pthread_create(&thread, NULL, read_on, &w);
    for (int i = 0; i < 80; i++)
        act(&s);
    matcher_settle(s.house.engine);
    __atomic_store_n(&w.stop, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    expect_right(&s, "beside a reader");
    judge_seen(&w);
    for (uint32_t i = 0; i < w.held_count; i++)
        epoch_let_go(w.held[i]);
    mem_free(w.items);
    stage_close(&s);
}

static void test_engine_matcher__answers_hold_for_the_epoch_they_name(
    void **state)
{
    (void)state;
    test_each_seed(run_beside, test_size(20, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_matcher__is_what_asking_says),
        cmocka_unit_test(test_engine_matcher__more_than_is_noted),
        cmocka_unit_test(test_engine_matcher__is_right_in_every_block),
        cmocka_unit_test(test_engine_matcher__references_in_capitals),
        cmocka_unit_test(test_engine_matcher__parties_change),
        cmocka_unit_test(test_engine_matcher__new_values_at_an_edge),
        cmocka_unit_test(test_engine_matcher__a_budget_that_is_too_small),
        cmocka_unit_test(test_engine_matcher__segments_of_nobody),
        cmocka_unit_test(
            test_engine_matcher__answers_hold_for_the_epoch_they_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
