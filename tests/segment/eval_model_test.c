/*
 * eval_model_test.c - the engine against the slow twin, on random data.
 *
 * A seed is a population (support/population.h), fed to a new data directory
 * through the public API in one to five feeds, and a few hundred random
 * expressions (support/expression.h) asked at several times. For each, the
 * engine's count, set and decisions must be the twin's; for some also what
 * explain says of every part, and when it says that it will turn.
 *
 * Sizes: MUSTER_TEST_SCALE and MUSTER_TEST_LONG (support/dice.h). A failure
 * prints its seed; MUSTER_TEST_SEED=<seed> runs that one alone. A seed below
 * 2^32 is a small population, above it the upper half chooses an edge size.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "segment/segment.h"
#include "support/dice.h"
#include "support/expression.h"
#include "support/house.h"
#include "support/population.h"

#define HOUR 3600
#define DAY 86400
#define HORIZON_DAYS 130  /* beyond every TTL and retention there is */
#define SEGMENTS 3
#define TIMES 4            /* at which each population is asked */
#define SMALL_USERS_MAX 300
#define SMALL_EXPRESSIONS 400 /* of one population */
#define LARGE_EXPRESSIONS 50
#define DECISIONS_LARGE 256
#define DECISIONS_SMALL 8
#define SHOWN_MAX 60       /* statements of a user that a failure prints */

static const uint32_t edge_sizes[] = {4095,  4096,  4097,  65535,
                                      65536, 65537, 200000};
#define EDGES (sizeof edge_sizes / sizeof edge_sizes[0])

static const char *const segment_keys[SEGMENTS] = {"s0", "s1", "s2"};

typedef struct named {
    muster_pseudonym pseudonym;
    uint32_t user;
    bool used;
} named;

typedef struct world {
    uint64_t seed;
    bool large;
    random_state random;
    population people;
    house house;
    ast_tree *segments[SEGMENTS];
    size_t segment_count;
    named *names; /* hash table by pseudonym: those with a record */
    size_t name_mask;
    bool *expected; /* by user */
    bool *got;
    uint64_t pairs;
    uint64_t members;
} world;

/* One expression at one time. */
typedef struct question {
    world *w;
    muster_time now;
    buffer text;
    ast_tree *tree;
    muster_segment *segment;
    uint64_t expected;
} question;

/* ---- failures ---- */

static void show_statement(const population *p, const naive_statement *s)
{
    static const char *const ops[] = {"say", "add", "take", "clear",
                                      "happen"};
    char ts[32];
    char until[32] = "never";
    clock_format_time(ts, s->ts);
    if (s->until != NAIVE_NEVER)
        clock_format_time(until, s->until);
    print_error("  %s: %s %s %.*s number %lld count %u amount %lld at %s "
                "until %s\n",
                p->providers[s->provider].name, ops[s->op],
                p->attributes[s->attribute].name, (int)s->value.len,
                s->value.ptr != NULL ? s->value.ptr : "",
                (long long)s->number, s->count, (long long)s->amount, ts,
                until);
}

static void show_user(const population *p, uint32_t user)
{
    static const char *const acts[] = {"opted out", "came back",
                                       "was forgotten"};
    uint32_t shown = 0;
    const size_t count = naive_statement_count(p->twin);
    for (uint32_t f = 0; f < p->feed_count; f++)
        for (uint32_t i = 0; i < p->feeds[f].act_count; i++)
            if (p->feeds[f].acts[i].user == user)
                print_error("  %s after feed %u\n",
                            acts[p->feeds[f].acts[i].type], f);
    for (size_t i = 0; i < count && shown < SHOWN_MAX; i++) {
        const naive_statement *s = naive_statement_at(p->twin, i);
        if (s->user != user)
            continue;
        show_statement(p, s);
        shown++;
    }
}

/* Prints all that is needed to see it, and fails. */
static void disagree(const question *q, uint32_t user, const char *what,
                     uint64_t expected, uint64_t got)
{
    const world *w = q->w;
    char now[32];
    clock_format_time(now, q->now);
    print_error("MUSTER_TEST_SEED=%llu\n", (unsigned long long)w->seed);
    print_error("at %s: %.*s\n", now, (int)q->text.len,
                (const char *)q->text.data);
    print_error("%s: expected %llu, got %llu\n", what,
                (unsigned long long)expected, (unsigned long long)got);
    print_error("catalog: %.*s\n", (int)w->people.catalog.len,
                (const char *)w->people.catalog.data);
    if (user < w->people.users) {
        print_error("user %u:\n", user);
        show_user(&w->people, user);
    }
    fail();
}

static void must(const question *q, int code, const muster_error *err,
                 const char *what)
{
    if (code == 0)
        return;
    print_error("%s: %s (%s)\n", what, err->message, err->word);
    disagree(q, UINT32_MAX, what, 0, (uint64_t)(unsigned)-code);
}

/* ---- a world ---- */

static population_options options_of(uint64_t seed, random_state *r)
{
    population_options o = {.seed = seed};
    if (seed >> 32 == 0) {
        static const uint32_t most[] = {3, 20, 60, 150, SMALL_USERS_MAX};
        o.users = 1 + dice(r, PICK(r, most));
        o.feeds = 1 + dice(r, POPULATION_FEEDS_MAX);
        o.records = 1 + dice(r, 8);
        return o;
    }
    assert_true(seed >> 32 <= EDGES);
    o.users = edge_sizes[(seed >> 32) - 1];
    o.feeds = 1 + dice(r, 3);
    o.patterned = true;
    return o;
}

static void do_acts(world *w, const population_feed *feed)
{
    for (uint32_t i = 0; i < feed->act_count; i++) {
        const population_act *act = &feed->acts[i];
        muster_error err;
        bool known = false;
        const muster_id user = {act->space, act->id, strlen(act->id)};
        const int code =
            act->type == ACT_FORGET
                ? muster_privacy_forget(w->house.engine, &user, &known, &err)
                : muster_privacy_optout(w->house.engine, &user,
                                        act->type == ACT_UNDO, &known, &err);
        if (code != 0)
            fail_msg("seed %llu: %s", (unsigned long long)w->seed,
                     err.message);
    }
}

static void feed_all(world *w)
{
    for (uint32_t f = 0; f < w->people.feed_count; f++) {
        population_feed *feed = &w->people.feeds[f];
        house_set_now(&w->house, feed->now);
        const muster_receipt receipt =
            house_feed(&w->house, MUSTER_INPUT_NDJSON, feed->bytes.data,
                       feed->bytes.len);
        if (receipt.records != feed->records ||
            receipt.rejected != feed->forgotten)
            fail_msg("seed %llu feed %u: %llu of %llu records, %llu of %llu "
                     "rejected",
                     (unsigned long long)w->seed, f,
                     (unsigned long long)receipt.records,
                     (unsigned long long)feed->records,
                     (unsigned long long)receipt.rejected,
                     (unsigned long long)feed->forgotten);
        do_acts(w, feed);
        if (chance(&w->random, 35))
            house_checkpoint(&w->house); /* deltas become the base */
        if (chance(&w->random, 20))
            house_reopen(&w->house, MUSTER_OPEN_WRITE);
    }
}

static void save_segments(world *w)
{
    const population_feed *last = &w->people.feeds[w->people.feed_count - 1];
    expression_options options = {.population = &w->people,
                                  .now = last->now,
                                  .segments = segment_keys,
                                  .depth = 2};
    for (size_t i = 0; i < SEGMENTS; i++) {
        muster_error err;
        muster_save save = MUSTER_SAVE_INIT;
        buffer text;
        buffer_init(&text, MUSTER_SEGMENT_BYTES_MAX);
        options.segment_count = i; /* only earlier ones: no cycles */
        expression_put(&options, &w->random, &text);
        save.key = segment_keys[i];
        save.expr = (const char *)text.data;
        save.expr_len = text.len;
        if (muster_audience_save(w->house.engine, &save, NULL, &err) != 0 ||
            segment_parse(&w->segments[i],
                          text_make(save.expr, save.expr_len), &err) != 0)
            fail_msg("seed %llu: %.*s: %s", (unsigned long long)w->seed,
                     (int)text.len, save.expr, err.message);
        naive_add_segment(w->people.twin, segment_keys[i],
                          segment_root(w->segments[i]));
        buffer_release(&text);
    }
    w->segment_count = SEGMENTS;
}

/* Where the pseudonym stands or would stand. */
static named *name_of(const world *w, const muster_pseudonym *p)
{
    uint64_t i = hash_bytes(p->bytes, sizeof p->bytes);
    while (w->names[i & w->name_mask].used &&
           memcmp(w->names[i & w->name_mask].pseudonym.bytes, p->bytes,
                  sizeof p->bytes) != 0)
        i++;
    return &w->names[i & w->name_mask];
}

static void name_users(world *w)
{
    char space[24];
    char id[24];
    size_t slots = 2;
    while (slots < 2 * (size_t)w->people.users)
        slots *= 2;
    w->names = mem_array(slots, sizeof *w->names);
    w->name_mask = slots - 1;
    for (uint32_t u = 0; u < w->people.users; u++) {
        if (!population_primary(&w->people, u, space, id))
            continue;
        const muster_pseudonym p = house_pseudonym(&w->house, space, id);
        *name_of(w, &p) = (named){p, u, true};
    }
}

static void world_init(world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->large = seed >> 32 != 0;
    random_seed(&w->random, hash_mix(seed));
    const population_options options = options_of(seed, &w->random);
    population_init(&w->people, &options);
    house_open(&w->house, w->people.feeds[0].now, w->large ? 2 : 1);
    house_catalog(&w->house, w->people.catalog.data, w->people.catalog.len);
    feed_all(w);
    save_segments(w);
    if (chance(&w->random, 30))
        house_reopen(&w->house, MUSTER_OPEN_READ);
    name_users(w);
    w->expected = mem_array(w->people.users, sizeof *w->expected);
    w->got = mem_array(w->people.users, sizeof *w->got);
}

static void world_release(world *w)
{
    house_close(&w->house);
    for (size_t i = 0; i < w->segment_count; i++)
        segment_tree_free(w->segments[i]);
    population_release(&w->people);
    mem_free(w->names);
    mem_free(w->expected);
    mem_free(w->got);
}

/* ---- questions ---- */

static void question_init(question *q, world *w, muster_time now)
{
    muster_error err;
    memset(q, 0, sizeof *q);
    q->w = w;
    q->now = now;
    /* Mostly shallow: deep ones cost more than they find. */
    static const int depths[] = {0, 0, 1, 1, 1, 1, 1, 2, 2, 2,
                                 2, 2, 2, 3, 3, 3, 3, 4, 4, 5};
    const int depth = PICK(&w->random, depths);
    const expression_options options = {
        .population = &w->people,
        .now = now,
        .segments = segment_keys,
        .segment_count = w->segment_count,
        .depth = w->large && depth > 3 ? 3 : depth,
    };
    buffer_init(&q->text, MUSTER_SEGMENT_BYTES_MAX);
    expression_put(&options, &w->random, &q->text);
    const muster_text text =
        text_make((const char *)q->text.data, q->text.len);
    must(q, segment_parse(&q->tree, text, &err), &err, "parse");
    must(q,
         muster_segment_compile(&q->segment, w->house.engine, w->house.scope,
                                text.ptr, text.len, &err),
         &err, "compile");
    naive_answer(w->people.twin, segment_root(q->tree), now, 0,
                 w->people.users, w->expected);
    for (uint32_t u = 0; u < w->people.users; u++)
        q->expected += w->expected[u];
}

static void question_release(question *q)
{
    muster_segment_free(q->segment);
    segment_tree_free(q->tree);
    buffer_release(&q->text);
}

static void check_count(question *q)
{
    muster_error err;
    muster_count *count = NULL;
    must(q, muster_segment_count(q->segment, false, &count, &err), &err,
         "count");
    if (count->count != q->expected)
        disagree(q, UINT32_MAX, "count", q->expected, count->count);
    if (count->as_of != q->now)
        disagree(q, UINT32_MAX, "as_of", (uint64_t)q->now,
                 (uint64_t)count->as_of);
    muster_count_free(count);
}

static int take_user(void *payload, const muster_pseudonym *pseudonym)
{
    question *q = payload;
    world *w = q->w;
    const named *n = name_of(w, pseudonym);
    if (!n->used)
        disagree(q, UINT32_MAX, "a pseudonym nobody has", 0, 1);
    else if (w->got[n->user])
        disagree(q, n->user, "a user twice in the set", 1, 2);
    else
        w->got[n->user] = true;
    return 0;
}

static void check_set(question *q)
{
    muster_error err;
    world *w = q->w;
    memset(w->got, 0, w->people.users * sizeof *w->got);
    must(q, muster_segment_users(q->segment, take_user, q, &err), &err,
         "users");
    for (uint32_t u = 0; u < w->people.users; u++)
        if (w->got[u] != w->expected[u])
            disagree(q, u, "in the set", w->expected[u], w->got[u]);
}

static void check_decision(question *q, uint32_t user)
{
    muster_error err;
    char space[24];
    char id[24];
    bool member = false;
    population_any_id(&q->w->people, user, space, id);
    const muster_id who = {space, id, strlen(id)};
    must(q, muster_segment_has(q->segment, &who, &member, &err), &err,
         "has");
    if (member != q->w->expected[user])
        disagree(q, user, "decision", q->w->expected[user], member);
}

static void check_decisions(question *q)
{
    const uint32_t users = q->w->people.users;
    const uint32_t wanted = q->w->large ? DECISIONS_LARGE : DECISIONS_SMALL;
    if (users <= wanted || (!q->w->large && chance(&q->w->random, 4))) {
        for (uint32_t u = 0; u < users; u++)
            check_decision(q, u);
        return;
    }
    for (uint32_t i = 0; i < wanted; i++)
        check_decision(q, dice(&q->w->random, users));
}

/* Around the last feed, up to when everything has expired. */
static muster_time draw_now(world *w)
{
    const muster_time last = w->people.feeds[w->people.feed_count - 1].now;
    random_state *r = &w->random;
    switch (dice(r, 5)) {
    case 0:
        return last + dice_between(r, 0, 2 * DAY);
    case 1:
        return last + dice_between(r, 0, 90 * DAY);
    case 2:
        return last + DAY - last % DAY - (muster_time)dice(r, 2);
    case 3:
        return last - dice_between(r, 0, 5 * DAY);
    default:
        return last;
    }
}

/* `count` expressions of a population, asked at TIMES times or so. */
static void ask_world(world *w, uint64_t count)
{
    const uint32_t all = w->large ? LARGE_EXPRESSIONS : SMALL_EXPRESSIONS;
    for (uint64_t i = 0; i < count; i++) {
        question q;
        if (i % (all / TIMES) == 0)
            house_set_now(&w->house, draw_now(w));
        question_init(&q, w, w->house.now);
        check_set(&q);
        check_count(&q);
        check_decisions(&q);
        w->pairs++;
        w->members += q.expected;
        question_release(&q);
    }
}

/* ---- explanations ---- */

/* The first hour at which the twin's answer turns, 0 when it does not within
 * HORIZON_DAYS: all edges of time are hours. */
static muster_time twin_until(const question *q, const ast_node *node,
                              uint32_t user)
{
    naive *twin = q->w->people.twin;
    const bool now = naive_has(twin, node, q->now, user);
    const muster_time first = q->now - q->now % HOUR + HOUR;
    for (muster_time t = first; t <= q->now + HORIZON_DAYS * DAY; t += HOUR)
        if (naive_has(twin, node, t, user) != now)
            return t;
    return 0;
}

static void check_until(const question *q, const ast_node *node,
                        uint32_t user, muster_time until, const char *what)
{
    const muster_time expected = twin_until(q, node, user);
    const bool far = until > q->now + HORIZON_DAYS * DAY;
    if (until != expected && !(far && expected == 0))
        disagree(q, user, what, (uint64_t)expected, (uint64_t)until);
}

/* A part is explained by its own text, so the twin can be asked for it.
 * Returns whether it is a condition. */
static bool check_reason(question *q, uint32_t user,
                         const muster_reason *reason, bool with_until)
{
    muster_error err;
    ast_tree *tree = NULL;
    must(q, segment_parse(&tree, text_of(reason->text), &err), &err,
         reason->text);
    const ast_node *root = segment_root(tree);
    const bool condition = root->type == AST_PREDICATE;
    const bool holds = naive_has(q->w->people.twin, root, q->now, user);
    if (holds != reason->holds)
        disagree(q, user, reason->text, holds, reason->holds);
    if (with_until)
        check_until(q, root, user, reason->until, reason->text);
    segment_tree_free(tree);
    return condition;
}

/* What stands below a condition is told in words, not in the language. */
static void check_reasons(question *q, uint32_t user,
                          const muster_explanation *e)
{
    const size_t chosen = dice(&q->w->random, (uint32_t)e->reason_count);
    unsigned below = UINT32_MAX; /* the depth of a condition we are in */
    for (size_t i = 0; i < e->reason_count; i++) {
        const muster_reason *reason = &e->reasons[i];
        if (reason->depth > below)
            continue;
        below = check_reason(q, user, reason, i == chosen) ? reason->depth
                                                           : UINT32_MAX;
    }
}

static void check_explanation(question *q, uint32_t user)
{
    muster_error err;
    muster_explanation *e = NULL;
    char space[24];
    char id[24];
    population_any_id(&q->w->people, user, space, id);
    const muster_id who = {space, id, strlen(id)};
    must(q, muster_segment_explain(q->segment, &who, &e, &err), &err,
         "explain");
    if (e->member != q->w->expected[user])
        disagree(q, user, "explained member", q->w->expected[user],
                 e->member);
    if (e->known) {
        check_until(q, segment_root(q->tree), user, e->until, "until");
        check_reasons(q, user, e);
    }
    muster_explanation_free(e);
}

/* ---- tests ---- */

typedef struct totals {
    uint64_t worlds;
    uint64_t pairs;
    uint64_t members;
} totals;

static void run_seed(uint64_t seed, uint64_t expressions, totals *sum)
{
    world *w = mem_alloc(sizeof *w);
    world_init(w, seed);
    ask_world(w, expressions);
    sum->worlds++;
    sum->pairs += w->pairs;
    sum->members += w->members;
    world_release(w);
    mem_free(w);
}

static void say_totals(const char *what, const totals *sum)
{
    print_message("%s: %llu pairs over %llu populations agree (%llu members)"
                  "\n",
                  what, (unsigned long long)sum->pairs,
                  (unsigned long long)sum->worlds,
                  (unsigned long long)sum->members);
}

static void test_segment_eval_model__small_populations(void **state)
{
    (void)state;
    totals sum = {0, 0, 0};
    uint64_t seed = 0;
    uint64_t left = test_size(198000, 4990000);
    if (test_seed(&seed)) {
        if (seed >> 32 == 0)
            run_seed(seed, SMALL_EXPRESSIONS, &sum);
        return;
    }
    for (seed = 1; left > 0; seed++) {
        const uint64_t n =
            left < SMALL_EXPRESSIONS ? left : SMALL_EXPRESSIONS;
        run_seed(seed, n, &sum);
        left -= n;
    }
    say_totals("small", &sum);
}

static void test_segment_eval_model__edge_sizes(void **state)
{
    (void)state;
    totals sum = {0, 0, 0};
    uint64_t seed = 0;
    uint64_t left = test_size(2000, 10000);
    if (test_seed(&seed)) {
        if (seed >> 32 != 0)
            run_seed(seed, LARGE_EXPRESSIONS, &sum);
        return;
    }
    for (uint64_t i = 0; left > 0; i++) {
        const uint64_t n =
            left < LARGE_EXPRESSIONS ? left : LARGE_EXPRESSIONS;
        run_seed((i % EDGES + 1) << 32 | i / EDGES, n, &sum);
        left -= n;
    }
    say_totals("edges", &sum);
}

static void test_segment_eval_model__explanations(void **state)
{
    (void)state;
    uint64_t seed = 0;
    uint64_t left = test_size(1000, 20000);
    const bool replay = test_seed(&seed);
    if (replay && seed >> 32 != 0)
        return;
    world *w = mem_alloc(sizeof *w);
    for (seed = replay ? seed : 1; left > 0; seed++) {
        world_init(w, seed);
        for (uint32_t i = 0; i < 25 && left > 0; i++, left--) {
            question q;
            if (i % 5 == 0)
                house_set_now(&w->house, draw_now(w));
            question_init(&q, w, w->house.now);
            check_explanation(&q, dice(&w->random, w->people.users));
            question_release(&q);
        }
        world_release(w);
        if (replay)
            break;
    }
    mem_free(w);
}

int main(void)
{
    /* Many short-lived large buffers: keep them instead of asking the system
     * for them again and again. */
    mallopt(M_MMAP_THRESHOLD, 1 << 28);
    mallopt(M_TRIM_THRESHOLD, 1 << 28);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_eval_model__small_populations),
        cmocka_unit_test(test_segment_eval_model__edge_sizes),
        cmocka_unit_test(test_segment_eval_model__explanations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
