/*
 * report_model_test.c - the report on providers against the slow twin, on
 * random worlds (support/world.h).
 *
 * What it tells of profile facts and users are sizes of expressions that can
 * be written down, which the twin counts; a fact that ends within 30 days is
 * one that the twin no longer finds then. Events are counted from the twin's
 * statements, bucket by bucket.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "support/world.h"

#define TIMES 2
#define ENDING_SECONDS (30 * 86400)

typedef struct checking {
    question q; /* of its own only the time and the world */
    const muster_report *report;
    const muster_report_row *row;
    uint32_t truth; /* an attribute, or UINT32_MAX */
    const char *truth_provider;
} checking;

/* ---- expressions ---- */

static void put_quoted(buffer *out, const char *text)
{
    json_writer json;
    json_begin(&json, out, false);
    json_put_str(&json, text);
}

static void put_from(buffer *out, const char *provider)
{
    buffer_put_str(out, " from ");
    put_quoted(out, provider);
}

/* "city is known from "p"", "vip from "p"" */
static void put_known(buffer *out, const population_attribute *a,
                      const char *provider)
{
    const bool bare = a->kind == NAIVE_FLAG || a->kind == NAIVE_EVENT;
    buffer_put_str(out, a->name);
    buffer_put_str(out, bare ? "" : " is known");
    put_from(out, provider);
}

static void put_value(buffer *out, const population_attribute *a, uint32_t v,
                      const char *provider)
{
    buffer_put_str(out, a->name);
    buffer_put_str(out, " = ");
    put_quoted(out, a->values[v]);
    if (provider != NULL)
        put_from(out, provider);
}

/* Anything of a provider: "(a from "p" or b is known from "p")" */
static void put_anything(buffer *out, const world *w, const char *provider)
{
    buffer_put_str(out, "(");
    for (uint32_t i = 0; i < w->people.attribute_count; i++) {
        buffer_put_str(out, i > 0 ? " or " : "");
        put_known(out, &w->people.attributes[i], provider);
    }
    buffer_put_str(out, ")");
}

static uint64_t count_at(const checking *c, buffer *text, muster_time now)
{
    muster_error err;
    ast_tree *tree = NULL;
    question q = c->q;
    q.now = now;
    const int rc = segment_parse(&tree, text_make((char *)text->data,
                                                  text->len), &err);
    if (rc != 0)
        fail_msg("seed %llu: %s: %s", (unsigned long long)c->q.w->seed,
                 buffer_cstr(text), err.message);
    const uint64_t count = question_count(&q, segment_root(tree));
    segment_tree_free(tree);
    return count;
}

static void expect(const checking *c, const char *what, const char *name,
                   uint64_t want, uint64_t got)
{
    if (want != got)
        fail_msg("seed %llu, now %lld: %s of %s by %s: the twin has %llu, the "
                 "report %llu",
                 (unsigned long long)c->q.w->seed, (long long)c->q.now, what,
                 name, c->row->name, (unsigned long long)want,
                 (unsigned long long)got);
}

/* The number is the size of the expression in `text`, which is cleared. */
static void expect_size(const checking *c, const char *what, const char *name,
                        buffer *text, uint64_t got)
{
    expect(c, what, name, count_at(c, text, c->q.now), got);
    buffer_clear(text);
}

/* ---- users ---- */

static void check_users(const checking *c)
{
    const world *w = c->q.w;
    buffer text;
    buffer_init(&text, MUSTER_SEGMENT_BYTES_MAX);
    put_anything(&text, w, c->row->name);
    expect_size(c, "users", "all", &text, c->row->users);
    put_anything(&text, w, c->row->name);
    for (uint32_t p = 0; p < w->people.provider_count; p++) {
        const char *other = w->people.providers[p].name;
        if (strcmp(other, c->row->name) == 0)
            continue;
        buffer_put_str(&text, " and not ");
        put_anything(&text, w, other);
    }
    expect_size(c, "only", "all", &text, c->row->only);
    buffer_release(&text);
}

/* ---- profile facts ---- */

static uint64_t count_facts(const checking *c, const population_attribute *a,
                            muster_time now)
{
    const bool listed = a->kind == NAIVE_ONE_OF || a->kind == NAIVE_MANY_OF;
    uint64_t facts = 0;
    buffer text;
    buffer_init(&text, 4096);
    for (uint32_t v = 0; v < (listed ? a->value_count : 1); v++) {
        buffer_clear(&text);
        if (listed)
            put_value(&text, a, v, c->row->name);
        else
            put_known(&text, a, c->row->name);
        facts += count_at(c, &text, now);
    }
    buffer_release(&text);
    return facts;
}

static const muster_report_attribute *row_of(const checking *c,
                                             const char *name)
{
    static const muster_report_attribute none;
    for (size_t i = 0; i < c->row->attribute_count; i++)
        if (strcmp(c->row->attributes[i].attribute, name) == 0)
            return &c->row->attributes[i];
    return &none;
}

/* Users with two values whom the provider speaks of. */
static void check_contradicted(const checking *c,
                               const population_attribute *a)
{
    buffer text;
    buffer_init(&text, 8192);
    put_known(&text, a, c->row->name);
    buffer_put_str(&text, a->value_count > 1 ? " and at least 2 of ("
                                             : " and none");
    for (uint32_t v = 0; a->value_count > 1 && v < a->value_count; v++) {
        buffer_put_str(&text, v > 0 ? ", " : "");
        put_value(&text, a, v, NULL);
    }
    buffer_put_str(&text, a->value_count > 1 ? ")" : "");
    expect_size(c, "contradicted", a->name, &text,
                row_of(c, a->name)->contradicted);
    buffer_release(&text);
}

static void check_profile(const checking *c)
{
    const world *w = c->q.w;
    uint64_t facts = 0;
    uint64_t left = 0;
    buffer text;
    buffer_init(&text, 4096);
    for (uint32_t i = 0; i < w->people.attribute_count; i++) {
        const population_attribute *a = &w->people.attributes[i];
        put_known(&text, a, c->row->name);
        expect_size(c, "users", a->name, &text, row_of(c, a->name)->users);
        if (a->kind == NAIVE_EVENT)
            continue;
        const uint64_t now = count_facts(c, a, c->q.now);
        expect(c, "facts", a->name, now, row_of(c, a->name)->facts);
        facts += now;
        left += count_facts(c, a, c->q.now + ENDING_SECONDS);
        if (a->kind == NAIVE_ONE_OF)
            check_contradicted(c, a);
        else
            expect(c, "contradicted", a->name, 0,
                   row_of(c, a->name)->contradicted);
    }
    expect(c, "facts", "all", facts, c->row->facts);
    expect(c, "ending", "all", facts - left, c->row->ending);
    buffer_release(&text);
}

/* ---- events, from the statements ---- */

typedef struct events {
    uint64_t count;
    uint64_t recent[3]; /* 1, 7, 30 days */
    muster_time oldest;
    muster_time newest;
} events;

/* Is there an earlier statement of the same bucket, not cleared since? */
static bool is_first(const naive *n, size_t at, int64_t bucket,
                     int64_t seconds)
{
    const naive_statement *s = naive_statement_at(n, at);
    for (size_t i = at; i-- > 0;) {
        const naive_statement *e = naive_statement_at(n, i);
        if (e->user != s->user || e->provider != s->provider ||
            e->attribute != s->attribute)
            continue;
        if (e->op == NAIVE_CLEAR)
            return true;
        if (e->op == NAIVE_HAPPEN && e->ts / seconds == bucket)
            return false;
    }
    return true;
}

static bool is_cleared(const naive *n, size_t at)
{
    const naive_statement *s = naive_statement_at(n, at);
    for (size_t i = at + 1; i < naive_statement_count(n); i++) {
        const naive_statement *e = naive_statement_at(n, i);
        if (e->user == s->user && e->provider == s->provider &&
            e->attribute == s->attribute && e->op == NAIVE_CLEAR)
            return true;
    }
    return false;
}

static void add_event(const checking *c, const population_attribute *a,
                      int64_t bucket, events *out)
{
    static const int64_t days[] = {1, 7, 30};
    const int64_t seconds = a->hourly ? 3600 : 86400;
    const muster_time at = bucket * seconds;
    const int64_t age = c->q.now / 86400 - at / 86400;
    if (at > c->q.now || age >= (int64_t)a->retention_days)
        return;
    out->count++;
    for (size_t i = 0; i < 3; i++)
        out->recent[i] += age < days[i];
    out->oldest = out->oldest == 0 || at < out->oldest ? at : out->oldest;
    out->newest = at > out->newest ? at : out->newest;
}

static void check_events(const checking *c, const bool *visible)
{
    const world *w = c->q.w;
    const naive *n = w->people.twin;
    events want = {0};
    for (size_t i = 0; i < naive_statement_count(n); i++) {
        const naive_statement *s = naive_statement_at(n, i);
        const population_attribute *a = &w->people.attributes[s->attribute];
        const int64_t seconds = a->hourly ? 3600 : 86400;
        const char *by = w->people.providers[s->provider].name;
        if (s->op != NAIVE_HAPPEN || !visible[s->user] ||
            strcmp(by, c->row->name) != 0 || is_cleared(n, i) ||
            !is_first(n, i, s->ts / seconds, seconds))
            continue;
        add_event(c, a, s->ts / seconds, &want);
    }
    expect(c, "events", "all", want.count, c->row->events);
    expect(c, "events of a day", "all", want.recent[0], c->row->events_1d);
    expect(c, "events of a week", "all", want.recent[1], c->row->events_7d);
    expect(c, "events of a month", "all", want.recent[2], c->row->events_30d);
    expect(c, "oldest", "all", (uint64_t)want.oldest,
           (uint64_t)c->row->oldest);
    expect(c, "newest", "all", (uint64_t)want.newest,
           (uint64_t)c->row->newest);
}

/* ---- the truth ---- */

static const muster_report_value *value_of(const checking *c,
                                           const char *value)
{
    static const muster_report_value none;
    for (size_t i = 0; i < c->row->value_count; i++)
        if (strcmp(c->row->values[i].value, value) == 0)
            return &c->row->values[i];
    return &none;
}

static void check_value(const checking *c, const population_attribute *a,
                        uint32_t v)
{
    const muster_report_value *got = value_of(c, a->values[v]);
    buffer text;
    buffer_init(&text, 4096);
    put_value(&text, a, v, c->row->name);
    buffer_put_str(&text, " and ");
    put_known(&text, a, c->truth_provider);
    expect_size(c, "said", a->values[v], &text, got->said);
    put_value(&text, a, v, c->truth_provider);
    buffer_put_str(&text, " and ");
    put_known(&text, a, c->row->name);
    expect_size(c, "truth", a->values[v], &text, got->truth);
    put_value(&text, a, v, c->truth_provider);
    buffer_put_str(&text, " and ");
    put_value(&text, a, v, c->row->name);
    expect_size(c, "both", a->values[v], &text, got->both);
    buffer_release(&text);
}

static void check_truth(const checking *c)
{
    const population_attribute *a = &c->q.w->people.attributes[c->truth];
    uint64_t agreed = 0;
    buffer text;
    buffer_init(&text, 4096);
    put_known(&text, a, c->row->name);
    buffer_put_str(&text, " and ");
    put_known(&text, a, c->truth_provider);
    expect_size(c, "compared", a->name, &text, c->row->compared);
    for (uint32_t v = 0; v < a->value_count; v++) {
        check_value(c, a, v);
        agreed += value_of(c, a->values[v])->both;
    }
    expect(c, "agreed", a->name, agreed, c->row->agreed);
    buffer_release(&text);
}

/* ---- worlds ---- */

static uint32_t draw_truth(world *w)
{
    const uint32_t count = w->people.attribute_count;
    const uint32_t first = dice(&w->random, count);
    for (uint32_t i = 0; i < count; i++)
        if (w->people.attributes[(first + i) % count].kind == NAIVE_ONE_OF)
            return (first + i) % count;
    return UINT32_MAX;
}

/* Who is in some scope's universe and not masked. */
static bool *find_visible(const checking *c)
{
    ast_tree *tree = NULL;
    const uint32_t users = c->q.w->people.users;
    bool *visible = mem_array((size_t)users + 1, sizeof *visible);
    assert_int_equal(segment_parse(&tree, text_of("all"), NULL), 0);
    naive_answer(c->q.w->people.twin, segment_root(tree), c->q.now, 0, users,
                 visible);
    segment_tree_free(tree);
    return visible;
}

static void ask_world(world *w, bool one)
{
    const population *people = &w->people;
    checking c = {.q = {.w = w, .now = world_draw_now(w)}};
    muster_report *report = NULL;
    muster_error err;
    house_set_now(&w->house, c.q.now);
    c.truth = draw_truth(w);
    c.truth_provider =
        people->providers[dice(&w->random, people->provider_count)].name;
    const char *name = people->providers[0].name;
    const muster_report_query query = {
        .names = &name,
        .count = one,
        .truth_attribute =
            c.truth != UINT32_MAX ? people->attributes[c.truth].name : NULL,
        .truth_provider = c.truth_provider,
    };
    const int rc = muster_reach_report(w->house.engine, w->house.scope,
                                       &query, NULL, &report, &err);
    if (rc != 0 && strcmp(err.word, "unknown_attribute") != 0 &&
        strcmp(err.word, "unknown_provider") != 0)
        fail_msg("seed %llu: %s", (unsigned long long)w->seed, err.message);
    bool *visible = find_visible(&c);
    for (size_t i = 0; rc == 0 && i < report->row_count; i++) {
        c.row = &report->rows[i];
        check_users(&c);
        check_profile(&c);
        check_events(&c, visible);
        if (c.truth != UINT32_MAX)
            check_truth(&c);
    }
    if (rc == 0 && one)
        assert_int_equal(report->row_count, 1);
    mem_free(visible);
    muster_report_free(report);
}

static void test_reach_report_model__is_what_the_twin_counts(void **state)
{
    (void)state;
    uint64_t seed = 0;
    uint64_t left = test_size(40, 1500);
    const bool replay = test_seed(&seed);
    world *w = mem_alloc(sizeof *w);
    for (seed = replay ? seed : 1; left > 0; seed++, left--) {
        world_init(w, seed);
        for (uint32_t t = 0; t < TIMES; t++)
            ask_world(w, t % 2 == 1);
        world_release(w);
        if (replay)
            break;
    }
    mem_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reach_report_model__is_what_the_twin_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
