/*
 * world.c - random worlds and questions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "support/expression.h"

#define DAY 86400
#define SMALL_USERS_MAX 300
#define SHOWN_MAX 60 /* statements of a user that a failure prints */

static const uint32_t edge_sizes[WORLD_EDGES] = {4095,  4096,  4097,  65535,
                                                 65536, 65537, 200000};
static const char *const segment_keys[WORLD_SEGMENTS] = {"s0", "s1", "s2"};

struct named {
    muster_pseudonym pseudonym;
    uint32_t user;
    bool used;
};

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

void question_disagree(const question *q, uint32_t user, const char *what,
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

void question_must(const question *q, int code, const muster_error *err,
                   const char *what)
{
    if (code == 0)
        return;
    print_error("%s: %s (%s)\n", what, err->message, err->word);
    question_disagree(q, UINT32_MAX, what, 0, (uint64_t)(unsigned)-code);
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
    assert_true(seed >> 32 <= WORLD_EDGES);
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
    for (size_t i = 0; i < WORLD_SEGMENTS; i++) {
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
    w->segment_count = WORLD_SEGMENTS;
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

void world_init(world *w, uint64_t seed)
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

void world_release(world *w)
{
    house_close(&w->house);
    for (size_t i = 0; i < w->segment_count; i++)
        segment_tree_free(w->segments[i]);
    population_release(&w->people);
    mem_free(w->names);
    mem_free(w->expected);
    mem_free(w->got);
}

uint64_t world_edge_seed(uint64_t i)
{
    return (i % WORLD_EDGES + 1) << 32 | i / WORLD_EDGES;
}

uint32_t world_user_of(const world *w, const muster_pseudonym *p)
{
    const named *n = name_of(w, p);
    return n->used ? n->user : UINT32_MAX;
}

/* Around the last feed, up to when everything has expired. */
muster_time world_draw_now(world *w)
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

/* ---- questions ---- */

uint64_t question_count(const question *q, const ast_node *root)
{
    const uint32_t users = q->w->people.users;
    bool *in = mem_array(users, sizeof *in);
    uint64_t count = 0;
    naive_answer(q->w->people.twin, root, q->now, 0, users, in);
    for (uint32_t u = 0; u < users; u++)
        count += in[u];
    mem_free(in);
    return count;
}

void question_init(question *q, world *w)
{
    muster_error err;
    memset(q, 0, sizeof *q);
    q->w = w;
    q->now = w->house.now;
    /* Mostly shallow: deep ones cost more than they find. */
    static const int depths[] = {0, 0, 1, 1, 1, 1, 1, 2, 2, 2,
                                 2, 2, 2, 3, 3, 3, 3, 4, 4, 5};
    const int depth = PICK(&w->random, depths);
    const expression_options options = {
        .population = &w->people,
        .now = q->now,
        .segments = segment_keys,
        .segment_count = w->segment_count,
        .depth = w->large && depth > 3 ? 3 : depth,
    };
    buffer_init(&q->text, MUSTER_SEGMENT_BYTES_MAX);
    expression_put(&options, &w->random, &q->text);
    const muster_text text =
        text_make((const char *)q->text.data, q->text.len);
    question_must(q, segment_parse(&q->tree, text, &err), &err, "parse");
    question_must(q,
                  muster_segment_compile(&q->segment, w->house.engine,
                                         w->house.scope, text.ptr, text.len,
                                         &err),
                  &err, "compile");
    naive_answer(w->people.twin, segment_root(q->tree), q->now, 0,
                 w->people.users, w->expected);
    for (uint32_t u = 0; u < w->people.users; u++)
        q->expected += w->expected[u];
}

void question_release(question *q)
{
    muster_segment_free(q->segment);
    segment_tree_free(q->tree);
    buffer_release(&q->text);
}
