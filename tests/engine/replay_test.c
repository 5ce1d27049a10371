/*
 * replay_test.c - one state, however it came about: the log replayed, a
 * generation read, one thread or many, small batches or large ones give the
 * same answers. Every kind of change takes part.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/base.h"
#include "engine_support.h"
#include "support/dice.h"

#define PEOPLE 60u

/* ---- a story: loads and other changes, from a seed ---- */

static void put_record(buffer *out, random_state *r)
{
    static const char *const providers[] = {"shop", "acme", "default"};
    const uint32_t user = dice(r, PEOPLE);

    buffer_printf(out, "{\"ids\":{\"cookie\":[\"u%u\"", user);
    if (chance(r, 10))
        buffer_printf(out, ",\"u%u\"", dice(r, PEOPLE));
    buffer_printf(out, "]},\"provider\":\"%s\",\"ts\":%lld",
                  PICK(r, providers),
                  (long long)(NOON - dice(r, 30 * DAY)));
    if (chance(r, 30))
        buffer_printf(out, ",\"ttl\":\"%u%s\"", 1 + dice(r, 40),
                      chance(r, 50) ? "d" : "h");
    buffer_printf(out, ",\"set\":{\"c\":\"v%u\",\"n\":%u.%u", dice(r, 5),
                  dice(r, 50), dice(r, 10));
    if (chance(r, 30))
        buffer_printf(out, ",\"f\":%s", chance(r, 70) ? "true" : "false");
    buffer_printf(out, "},\"add\":{\"t\":[\"w%u\"]}", dice(r, 5));
    if (chance(r, 20))
        buffer_printf(out, ",\"remove\":{\"t\":[\"w%u\"]}", dice(r, 5));
    if (chance(r, 5))
        buffer_put_str(out, ",\"clear\":[\"c\",\"e\",\"n\"]");
    buffer_printf(out,
                  ",\"events\":[{\"name\":\"e\",\"value\":\"w%u\","
                  "\"count\":%u,\"amount\":%u.25}]}\n",
                  dice(r, 5), 1 + dice(r, 4), dice(r, 90));
    if (chance(r, 3))
        buffer_put_str(out, "{\"broken\":\n");
    if (chance(r, 3))
        buffer_put_str(out, "{\"ids\":{\"cookie\":\"x\"},\"set\":{\"t\":"
                            "5}}\n");
}

static void change_privacy(house *h, random_state *r)
{
    char id[16];
    muster_error err;
    bool known;
    snprintf(id, sizeof id, "u%u", dice(r, PEOPLE + 5));
    const muster_id user = cookie(id);
    const int rc =
        chance(r, 30)
            ? muster_privacy_forget(h->engine, &user, &known, &err)
            : muster_privacy_optout(h->engine, &user, chance(r, 40), &known,
                                    &err);
    assert_int_equal(rc, 0);
}

static void change_segment(house *h, random_state *r)
{
    char key[16];
    char expr[64];
    muster_error err;
    snprintf(key, sizeof key, "s%u", dice(r, 6));
    if (chance(r, 25)) {
        (void)muster_audience_remove(h->engine, key, &err);
        return;
    }
    snprintf(expr, sizeof expr, "c = \"v%u\" or n > %u", dice(r, 5),
             dice(r, 50));
    save(h, key, expr);
}

/* Partners come, go and see segments. */
static void change_access(house *h, random_state *r)
{
    char key[16];
    char partner[16];
    muster_error err;
    snprintf(key, sizeof key, "s%u", dice(r, 6));
    snprintf(partner, sizeof partner, "p%u", dice(r, 3));
    if (chance(r, 15)) {
        (void)muster_partner_remove(h->engine, partner, &err);
        return;
    }
    assert_int_equal(muster_partner_set(h->engine, partner,
                                        chance(r, 50) ? "P" : NULL, NULL,
                                        &err), 0);
    (void)muster_audience_share(h->engine, key, partner, chance(r, 30), NULL,
                                &err);
}

/* A taxonomy comes, and things are mapped to it; before, that is refused. */
static void change_taxonomy(house *h, random_state *r)
{
    static const char file[] = "Unique ID\tParent\tTier 1\tTier 2\n"
                               "1\t\tA\n2\t1\tA\tB\n3\t1\tA\tC\n";
    static const char *const nodes[] = {"1", "A | B", "3"};
    char value[8];
    muster_error err;

    if (chance(r, 30)) {
        assert_int_equal(muster_taxonomy_load(h->engine, "t", 4, file,
                                              strlen(file), &err), 0);
        return;
    }
    snprintf(value, sizeof value, "w%u", dice(r, 9));
    const char *node[] = {PICK(r, nodes), PICK(r, nodes)};
    (void)muster_taxonomy_map(h->engine, "t", chance(r, 80) ? value : NULL,
                              node, dice(r, 3), &err);
}

/* One chapter; the same seed tells the same. */
static void tell(house *h, random_state *r, buffer *text)
{
    muster_error err;
    const uint32_t records = 1 + dice(r, 60);

    buffer_clear(text);
    for (uint32_t i = 0; i < records; i++)
        put_record(text, r);
    feed_with(h->engine, buffer_cstr(text), false, NULL);
    if (chance(r, 30))
        change_privacy(h, r);
    if (chance(r, 40))
        change_segment(h, r);
    if (chance(r, 40))
        change_access(h, r);
    if (chance(r, 10))
        assert_int_equal(muster_provider_set(h->engine, "acme", "third",
                                             chance(r, 50) ? "20d" : "0",
                                             &err), 0);
    if (chance(r, 50))
        change_taxonomy(h, r);
    if (chance(r, 10))
        catalog(h, "{\"attributes\":{\"z\":{\"kind\":\"number\"}}}");
}

/* ---- everything that can be asked, as one text ---- */

static int put_version(void *payload, const muster_saved *s)
{
    buffer_printf(payload, "%s %u v%u %d %s\n", s->key, s->id, s->version,
                  s->removed, s->expr);
    return 0;
}

static int put_saved(void *payload, const muster_saved *s)
{
    buffer_printf(payload, "%s v%u\n", s->key, s->version);
    return 0;
}

static int put_shared(void *payload, const muster_saved *s)
{
    buffer_printf(payload, "shared %s\n", s->key);
    return 0;
}

static int put_partner(void *payload, const muster_partner *p)
{
    buffer_printf(payload, "partner %s %s %u\n", p->key, p->name,
                  p->segments);
    return 0;
}

static void describe_access(house *h, buffer *out)
{
    static const char *const partners[] = {"p0", "p1", "p2"};
    muster_partners_each(h->engine, put_partner, out);
    for (size_t i = 0; i < 3; i++)
        (void)muster_partner_shares_each(h->engine, partners[i], put_shared,
                                         out, NULL);
}

static int put_mapping(void *payload, const muster_mapping *m)
{
    buffer_printf(payload, "mapped %s %s %s\n", m->attribute,
                  m->value ? m->value : "*", m->path);
    return 0;
}

static void describe_taxonomy(house *h, buffer *out)
{
    muster_taxonomy about;
    muster_error err;
    muster_taxonomy_about(h->engine, &about);
    buffer_printf(out, "taxonomy %s %u %u\n", about.name, about.nodes,
                  about.mappings);
    assert_int_equal(muster_mappings_each(h->engine, NULL, put_mapping, out,
                                          &err), 0);
    if (about.nodes > 0)
        buffer_printf(out, "A: %llu\n",
                      (unsigned long long)count(h, "taxonomy(\"A\")"));
}

static void describe_people(house *h, buffer *out)
{
    for (uint32_t i = 0; i < PEOPLE + 5; i++) {
        char id[16];
        bool known;
        snprintf(id, sizeof id, "u%u", i);
        const key_list list = lookup(h, id, &known);
        buffer_printf(out, "%s %d %s| %d %d %d\n", id, known, list.text,
                      has(h, "t = \"w1\" and e within 10 days", id),
                      has(h, "e at least 20 total", id),
                      has(h, "not f and n >= 25", id));
    }
}

static char *describe(house *h)
{
    static const char *const exprs[] = {
        "all", "f", "c = \"v1\"", "c = \"v2\" from acme", "n between 10 and 30",
        "t has all (\"w1\", \"w2\")", "e", "e = \"w3\" at least 3 times",
        "e within 7 days", "e on at least 2 days", "e at least 50 total",
        "at least 2 of (f, c = \"v0\", t = \"w0\")", "c is unknown",
        "n < 5 or not t = \"w4\"", "t = \"w0\" from first party"};
    buffer out;
    buffer_init(&out, 1 << 22);
    const muster_engine_stats s = stats(h);
    buffer_printf(&out, "%llu %llu %llu %llu %llu %llu epoch %llu\n",
                  (unsigned long long)s.users, (unsigned long long)s.ids,
                  (unsigned long long)s.attributes,
                  (unsigned long long)s.values,
                  (unsigned long long)s.providers,
                  (unsigned long long)s.segments, (unsigned long long)s.epoch);
    for (size_t i = 0; i < sizeof exprs / sizeof *exprs; i++)
        buffer_printf(&out, "%s: %llu\n", exprs[i],
                      (unsigned long long)count(h, exprs[i]));
    describe_people(h, &out);
    describe_access(h, &out);
    describe_taxonomy(h, &out);
    muster_audiences_each(h->engine, put_saved, &out);
    for (int i = 0; i < 6; i++) {
        char key[16];
        snprintf(key, sizeof key, "s%d", i);
        (void)muster_audience_versions(h->engine, key, put_version, &out,
                                       NULL);
    }
    char *text = mem_strdup(buffer_cstr(&out));
    buffer_release(&out);
    return text;
}

static void compare(char *take_a, char *take_b, uint64_t seed)
{
    if (strcmp(take_a, take_b) != 0) {
        print_error("%s\n---- and ----\n%s\n", take_a, take_b);
        fail_msg("seed %llu: two ways to one state differ",
                 (unsigned long long)seed);
    }
    mem_free(take_a);
    mem_free(take_b);
}

/* The first chapter declares what the expressions name. */
static const char *const first_words =
    "{\"ids\":{\"cookie\":\"u0\"},\"provider\":\"acme\",\"set\":{\"c\":"
    "\"v1\",\"n\":1,\"f\":true},\"add\":{\"t\":[\"w1\"]},\"events\":["
    "{\"name\":\"e\",\"amount\":1}]}\n";

static void tell_twice(uint64_t seed)
{
    house a = {0};
    house b = {0};
    buffer text;
    random_state r[3];

    random_seed(&r[0], seed);
    random_seed(&r[1], seed);
    random_seed(&r[2], seed + 1000000);
    house_open(&a, NOON, 1);
    house_open(&b, NOON, 4);
    buffer_init(&text, 1 << 22);
    feed(&a, first_words);
    feed(&b, first_words);
    const uint32_t chapters = 3 + dice(&r[2], 8);
    for (uint32_t i = 0; i < chapters; i++) {
        tell(&a, &r[0], &text); /* stays in the log */
        tell(&b, &r[1], &text);
        if (chance(&r[2], 40))
            house_checkpoint(&b);
        if (chance(&r[2], 20))
            house_reopen(&b, MUSTER_OPEN_WRITE);
    }
    compare(describe(&a), describe(&b), seed);
    char *before = describe(&a);
    house_reopen(&a, MUSTER_OPEN_WRITE);
    compare(before, describe(&a), seed);
    house_checkpoint(&a);
    assert_int_equal(stats(&a).deltas, 0);
    house_reopen(&a, MUSTER_OPEN_READ);
    house_reopen(&b, MUSTER_OPEN_READ);
    compare(describe(&a), describe(&b), seed);
    buffer_release(&text);
    house_close(&a);
    house_close(&b);
}

static void test_engine_replay__log_and_generation_are_one_state(void **state)
{
    (void)state;
    test_each_seed(tell_twice, test_size(12, 500));
}

/* Enough input for many chunks: their parsing order must not show. */
static void test_engine_replay__threads_do_not_show(void **state)
{
    (void)state;
    const unsigned threads[] = {1, 2, 8};
    char *first = NULL;
    buffer text;
    random_state r;

    random_seed(&r, 77);
    buffer_init(&text, (size_t)256 << 20);
    const uint64_t n = test_size(40000, 400000);
    buffer_put_str(&text, first_words);
    for (uint64_t i = 0; i < n; i++)
        put_record(&text, &r);
    for (int i = 0; i < 3; i++) {
        house h = {0};
        house_open(&h, NOON, threads[i]);
        feed_with(h.engine, buffer_cstr(&text), false, NULL);
        char *told = describe(&h);
        house_reopen(&h, MUSTER_OPEN_READ);
        compare(mem_strdup(told), describe(&h), threads[i]);
        if (first)
            compare(mem_strdup(first), told, threads[i]);
        else
            first = told;
        house_close(&h);
    }
    mem_free(first);
    buffer_release(&text);
}

static int note_id(void *payload, const muster_key *key)
{
    snprintf(payload, 32, "%s", key->id);
    return 0;
}

/* A key that holds, one that was revoked, a partner with a share, and one that
 * was removed. */
static void fill_access(house *h, char secrets[2][MUSTER_KEY_SECRET_BYTES])
{
    muster_key_options o = MUSTER_KEY_OPTIONS_INIT;
    muster_error err;
    char id[32];
    o.role = "analyst";
    for (int i = 0; i < 2; i++)
        assert_int_equal(muster_key_create(h->engine, &o, secrets[i], note_id,
                                           id, &err), 0);
    assert_int_equal(muster_key_revoke(h->engine, id, &err), 0);
    assert_int_equal(muster_partner_set(h->engine, "p0", NULL, NULL, &err),
                     0);
    assert_int_equal(muster_partner_set(h->engine, "p1", NULL, NULL, &err),
                     0);
    assert_int_equal(muster_partner_remove(h->engine, "p1", &err), 0);
    assert_int_equal(muster_audience_share(h->engine, "one", "p0", false,
                                           NULL, &err), 0);
}

static void expect_access(house *h, char secrets[2][MUSTER_KEY_SECRET_BYTES])
{
    muster_rights rights;
    buffer told;
    assert_int_equal(muster_key_verify(h->engine, secrets[0], 61, &rights),
                     MUSTER_KEY_HOLDS);
    assert_int_equal(muster_key_verify(h->engine, secrets[1], 61, &rights),
                     MUSTER_KEY_REVOKED);
    buffer_init(&told, 4096);
    describe_access(h, &told);
    assert_string_equal(buffer_cstr(&told), "partner p0  1\nshared one\n");
    buffer_release(&told);
}

/* Each kind of change alone survives the end of the process. */
static void test_engine_replay__every_kind_of_change(void **state)
{
    house *h = *state;
    const muster_id user = cookie("u0");
    char secrets[2][MUSTER_KEY_SECRET_BYTES];
    muster_error err;

    feed(h, first_words);
    catalog(h, "{\"mode\":\"strict\",\"id_spaces\":{\"loyalty\":{}}}");
    assert_int_equal(
        muster_provider_set(h->engine, "other", "second", "7d", &err), 0);
    save(h, "one", "f");
    save(h, "one", "c = \"v1\"");
    save(h, "two", "f");
    assert_int_equal(muster_audience_remove(h->engine, "two", &err), 0);
    assert_int_equal(
        muster_privacy_optout(h->engine, &user, false, NULL, &err), 0);
    fill_access(h, secrets);
    for (int generation = 0; generation < 2; generation++) {
        house_reopen(h, MUSTER_OPEN_WRITE);
        expect_reject(h, "{\"ids\":{\"loyalty\":\"l\"},\"set\":{\"q\":1}}\n",
                      "unknown_attribute", "/set/q");
        assert_int_equal(stats(h).segments, 1);
        expect_access(h, secrets);
        assert_int_equal(count(h, "segment(\"one\")"), 0);
        assert_int_equal(count(h, "c = \"v1\" from other"), 0);
        assert_int_equal(
            muster_privacy_optout(h->engine, &user, true, NULL, &err), 0);
        assert_int_equal(count(h, "segment(\"one\")"), 1);
        assert_int_equal(
            muster_privacy_optout(h->engine, &user, false, NULL, &err), 0);
        house_checkpoint(h);
    }
    assert_int_equal(muster_privacy_forget(h->engine, &user, NULL, &err), 0);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(
        muster_privacy_optout(h->engine, &user, true, NULL, &err), 0);
    assert_int_equal(count(h, "all"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_engine_replay__every_kind_of_change),
        cmocka_unit_test(test_engine_replay__log_and_generation_are_one_state),
        cmocka_unit_test(test_engine_replay__threads_do_not_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
