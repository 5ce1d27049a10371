/*
 * state_hash_test.c - the hash of a state: as the byte table says, the same
 * for one state however it came about, another for another state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <xxhash.h>
#include "base/base.h"
#include "engine/twin.h"
#include "support/dice.h"
#include "support/tick.h"

#define PEOPLE 200u

/* ---- by hand ---- */

typedef struct hand {
    uint8_t bytes[2048];
    size_t len;
    muster_state_hash sum;
} hand;

static void put_number(hand *h, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        h->bytes[h->len++] = (uint8_t)(v >> (8 * i));
}

static void put_words(hand *h, const char *text)
{
    put_number(h, strlen(text), 4);
    memcpy(h->bytes + h->len, text, strlen(text));
    h->len += strlen(text);
}

static void put_user(hand *h, const house *where, const char *id)
{
    const muster_pseudonym p = house_pseudonym(where, "cookie", id);
    memcpy(h->bytes + h->len, p.bytes, 16);
    h->len += 16;
}

static void begin_item(hand *h, char type)
{
    h->len = 0;
    put_number(h, (uint8_t)type, 1);
}

static void end_item(hand *h)
{
    const XXH128_hash_t x = XXH3_128bits(h->bytes, h->len);
    h->sum.low += x.low64;
    h->sum.high += x.high64;
}

static void hand_fact(hand *h, const house *where, const char *id,
                      const char *attribute, const char *value,
                      uint64_t bucket, uint64_t count, int64_t amount,
                      int64_t number)
{
    begin_item(h, 'F');
    put_user(h, where, id);
    put_words(h, attribute);
    put_words(h, "default");
    put_words(h, value);
    put_number(h, bucket, 8);
    put_number(h, count, 8);
    put_number(h, (uint64_t)amount, 8);
    put_number(h, (uint64_t)number, 8);
    end_item(h);
}

static void hand_attribute(hand *h, const char *name, unsigned kind,
                           uint32_t cap, bool amount, uint32_t retention)
{
    begin_item(h, 'A');
    put_words(h, name);
    put_number(h, kind, 1);
    put_number(h, 0, 1);
    put_number(h, cap, 4);
    put_number(h, amount, 1);
    put_number(h, 0, 1);
    put_words(h, "");
    put_number(h, UINT32_MAX, 4);
    put_number(h, retention, 4);
    put_number(h, 0, 1);
    end_item(h);
}

static void hand_people(hand *h, const house *where)
{
    static const char types[] = {'U', 'U', 'O', 'X'};
    static const char *const ids[] = {"u", "gone", "u", "gone"};

    for (size_t i = 0; i < sizeof types; i++) {
        begin_item(h, types[i]);
        put_user(h, where, ids[i]);
        end_item(h);
    }
    begin_item(h, 'I');
    put_user(h, where, "second");
    put_user(h, where, "u");
    end_item(h);
}

static void hand_names(hand *h)
{
    static const char *const spaces[] = {"cookie",       "gaid",
                                         "idfa",         "ctv",
                                         "email_sha256", "customer"};

    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
        begin_item(h, 'N');
        put_words(h, spaces[i]);
        put_number(h, 1, 1);
        end_item(h);
    }
    begin_item(h, 'P');
    put_words(h, "default");
    put_number(h, 1, 1);
    put_number(h, UINT32_MAX, 4);
    put_number(h, 0, 1);
    end_item(h);
}

static void hand_version(hand *h, uint32_t version, const char *expr,
                         bool removed)
{
    begin_item(h, 'S');
    put_words(h, "key");
    put_number(h, 1, 4);
    put_number(h, version, 4);
    put_words(h, expr);
    put_words(h, "");
    put_number(h, 0, 4);
    put_number(h, !removed, 1);
    put_number(h, removed, 1);
    put_number(h, (uint64_t)NOON, 8);
    end_item(h);
}

static void test_engine_state_hash__is_what_the_table_says(void **state)
{
    house *h = *state;
    const muster_id user = cookie("u");
    const muster_id gone = cookie("gone");
    const uint64_t today = (uint64_t)(NOON / DAY);
    hand by_hand = {.len = 0};
    muster_error err;

    feed(h, "{\"ids\":{\"cookie\":[\"u\",\"second\"]},\"set\":{\"f\":true,"
            "\"c\":\"red\",\"n\":-1.5},\"events\":[{\"name\":\"e\",\"value\":"
            "\"w\",\"count\":3,\"amount\":2.25,\"ts\":1795264200}],\"ts\":"
            "1795264200}\n"
            "{\"ids\":{\"cookie\":\"u\"},\"ttl\":\"2d\",\"ts\":1795264200,"
            "\"add\":{\"t\":[\"x\"]}}\n"
            "{\"ids\":{\"cookie\":\"gone\"},\"set\":{\"f\":true}}\n");
    save(h, "key", "f");
    assert_int_equal(muster_audience_remove(h->engine, "key", &err), 0);
    assert_int_equal(
        muster_privacy_optout(h->engine, &user, false, NULL, &err), 0);
    assert_int_equal(muster_privacy_forget(h->engine, &gone, NULL, &err), 0);
    hand_fact(&by_hand, h, "u", "f", "", UINT32_MAX, 1, 0, 0);
    hand_fact(&by_hand, h, "u", "c", "red", UINT32_MAX, 1, 0, 0);
    hand_fact(&by_hand, h, "u", "n", "", UINT32_MAX, 1, 0, -15000);
    hand_fact(&by_hand, h, "u", "t", "x", (today + 2) * 24 + 23, 1, 0, 0);
    hand_fact(&by_hand, h, "u", "e", "w", today, 3, 22500, 0);
    hand_fact(&by_hand, h, "u", "e", "", today, 3, 22500, 0);
    hand_people(&by_hand, h);
    hand_names(&by_hand);
    hand_attribute(&by_hand, "f", 1, 0, false, 0);
    hand_attribute(&by_hand, "c", 2, 0, false, 0);
    hand_attribute(&by_hand, "t", 3, 0, false, 0);
    hand_attribute(&by_hand, "n", 4, 0, false, 0);
    hand_attribute(&by_hand, "e", 5, 255, true, 400);
    hand_version(&by_hand, 1, "f", false);
    hand_version(&by_hand, 2, "", true);
    assert_true(twin_same(twin_hash(h->engine), by_hand.sum));
}

/* ---- one state, however it came about ---- */

static void put_record(buffer *out, random_state *r)
{
    static const char *const providers[] = {"shop", "acme", "default"};

    buffer_printf(out,
                  "{\"ids\":{\"cookie\":[\"u%u\",\"v%u\"]},\"provider\":"
                  "\"%s\",\"ts\":%lld,",
                  dice(r, PEOPLE), dice(r, PEOPLE), PICK(r, providers),
                  (long long)(NOON - dice(r, 30 * DAY)));
    if (chance(r, 30))
        buffer_printf(out, "\"ttl\":\"%ud\",", 1 + dice(r, 60));
    if (chance(r, 8))
        buffer_put_str(out, "\"clear\":[\"c\",\"n\",\"e\"],");
    buffer_printf(out, "\"set\":{\"c\":\"v%u\",\"n\":%d.%u,\"f\":%s},",
                  dice(r, 5), (int)dice(r, 90) - 45, dice(r, 10),
                  chance(r, 70) ? "true" : "false");
    buffer_printf(out, "\"add\":{\"t\":[\"w%u\"]},\"remove\":{\"t\":"
                       "[\"w%u\"]},",
                  dice(r, 5), 5 + dice(r, 5));
    buffer_printf(out,
                  "\"events\":[{\"name\":\"e\",\"value\":\"w%u\",\"count\":%u,"
                  "\"amount\":%u.25}]}\n",
                  dice(r, 5), 1 + dice(r, 90), dice(r, 90));
}

/* `batch` records to a feed. */
static void feed_story(house *h, uint64_t seed, uint32_t records,
                       uint32_t batch)
{
    random_state r;
    buffer text;

    random_seed(&r, seed);
    buffer_init(&text, (size_t)64 << 20);
    for (uint32_t i = 0; i < records; i += batch) {
        buffer_clear(&text);
        for (uint32_t k = i; k < records && k < i + batch; k++)
            put_record(&text, &r);
        feed(h, buffer_cstr(&text));
    }
    buffer_release(&text);
}

static void tell_one_state(uint64_t seed)
{
    house h = {0};
    house twin = {0};

    house_open(&h, NOON, 2);
    twin_open(&twin, &h);
    const uint32_t batch = 1 + (uint32_t)(seed % 37);
    feed_story(&h, seed, 600, 600);
    feed_story(&twin, seed, 600, batch);
    const muster_state_hash whole = twin_hash(h.engine);
    if (!twin_same(whole, twin_hash(twin.engine)))
        fail_msg("seed %llu: batches of %u show", (unsigned long long)seed,
                 batch);
    house_reopen(&h, MUSTER_OPEN_WRITE);
    const muster_state_hash reopened = twin_hash(h.engine);
    house_checkpoint(&h);
    const muster_state_hash merged = twin_hash(h.engine);
    house_reopen(&h, MUSTER_OPEN_READ);
    if (!twin_same(whole, reopened) || !twin_same(whole, merged) ||
        !twin_same(whole, twin_hash(h.engine)))
        fail_msg("seed %llu: reopening or a checkpoint shows",
                 (unsigned long long)seed);
    house_checkpoint(&twin);
    feed_story(&twin, seed + 1, 50, 1);
    house_reopen(&h, MUSTER_OPEN_WRITE);
    feed_story(&h, seed + 1, 50, 50);
    if (!twin_same(twin_hash(h.engine), twin_hash(twin.engine)))
        fail_msg("seed %llu: deltas on a base show",
                 (unsigned long long)seed);
    house_close(&h);
    house_close(&twin);
}

static void test_engine_state_hash__is_of_the_state_alone(void **state)
{
    (void)state;
    test_each_seed(tell_one_state, test_size(6, 200));
}

/* ---- beside a writer ---- */

typedef struct crowd {
    house *h;
    bool done; /* atomic */
} crowd;

static void *keep_feeding(void *payload)
{
    crowd *c = payload;
    for (uint64_t i = 1; !__atomic_load_n(&c->done, __ATOMIC_ACQUIRE); i++) {
        feed_story(c->h, i, 30, 10);
        if (i % 10 == 0)
            house_checkpoint(c->h);
    }
    return NULL;
}

static void test_engine_state_hash__beside_a_writer(void **state)
{
    house *h = *state;
    crowd c = {h, false};
    pthread_t feeder;
    muster_state_hash hash;
    muster_error err;

    assert_int_equal(pthread_create(&feeder, NULL, keep_feeding, &c), 0);
    for (uint64_t i = 0; i < test_size(50, 1000); i++)
        assert_int_equal(
            muster_engine_state_hash(h->engine, NULL, &hash, NULL, &err), 0);
    __atomic_store_n(&c.done, true, __ATOMIC_RELEASE);
    pthread_join(feeder, NULL);
    const muster_state_hash end = twin_hash(h->engine);
    house_reopen(h, MUSTER_OPEN_READ);
    assert_true(twin_same(end, twin_hash(h->engine)));
}

/* ---- another state ---- */

static void test_engine_state_hash__each_fact_shows(void **state)
{
    static const char *const more[] = {
        "{\"ids\":{\"cookie\":\"u\"},\"set\":{\"c\":\"blue\"}}\n",
        "{\"ids\":{\"cookie\":\"u\"},\"set\":{\"n\":7.0001}}\n",
        "{\"ids\":{\"cookie\":\"u\"},\"ttl\":\"3d\",\"add\":{\"t\":[\"z\"]}}"
        "\n",
        "{\"ids\":{\"cookie\":\"u\"},\"ttl\":\"9d\",\"add\":{\"t\":[\"z\"]}}"
        "\n",
        "{\"ids\":{\"cookie\":\"u\"},\"provider\":\"acme\",\"set\":{\"f\":"
        "true}}\n",
        "{\"ids\":{\"cookie\":\"u\"},\"events\":[{\"name\":\"e\"}]}\n",
        "{\"ids\":{\"cookie\":\"u\"},\"events\":[{\"name\":\"e\"}]}\n",
        "{\"ids\":{\"cookie\":[\"u\",\"w\"]},\"set\":{\"f\":true}}\n",
        "{\"ids\":{\"cookie\":\"stranger\"},\"set\":{\"f\":true}}\n",
        "{\"ids\":{\"cookie\":\"u\"},\"clear\":[\"c\"]}\n",
    };
    house *h = *state;

    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"set\":{\"f\":true,\"c\":\"red\","
            "\"n\":7},\"events\":[{\"name\":\"e\"}],\"add\":{\"t\":[\"a\"]}}"
            "\n");
    muster_state_hash before = twin_hash(h->engine);
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        feed(h, more[i]);
        const muster_state_hash after = twin_hash(h->engine);
        if (twin_same(before, after))
            fail_msg("does not show: %s", more[i]);
        before = after;
    }
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"add\":{\"t\":[\"b\"]}}\n");
    assert_false(twin_same(before, twin_hash(h->engine)));
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"remove\":{\"t\":[\"b\"]}}\n");
    assert_true(twin_same(before, twin_hash(h->engine)));
}

static void test_engine_state_hash__forgotten_users_leave(void **state)
{
    house *h = *state;
    house twin = {0};
    muster_error err;
    const muster_id user = cookie("u");

    twin_open(&twin, h);
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"set\":{\"c\":\"red\"}}\n");
    feed(&twin, "{\"ids\":{\"cookie\":\"u\"},\"set\":{\"c\":\"blue\"}}\n");
    assert_false(twin_same(twin_hash(h->engine), twin_hash(twin.engine)));
    assert_int_equal(muster_privacy_forget(h->engine, &user, NULL, &err), 0);
    assert_int_equal(muster_privacy_forget(twin.engine, &user, NULL, &err),
                     0);
    const muster_state_hash gone = twin_hash(h->engine);
    assert_true(twin_same(gone, twin_hash(twin.engine)));
    house_checkpoint(h);
    house_reopen(h, MUSTER_OPEN_READ);
    assert_true(twin_same(gone, twin_hash(h->engine)));
    house_close(&twin);
}

/* ---- the state's clock ---- */

static void test_engine_state_hash__what_has_ended_leaves(void **state)
{
    house *h = *state;

    catalog(h, "{\"attributes\":{\"e\":{\"kind\":\"event\",\"retention\":"
               "\"10d\"}}}");
    feed(h, "{\"ids\":{\"cookie\":\"u\"},\"ttl\":\"3h\",\"ts\":1795264200,"
            "\"set\":{\"f\":true},\"events\":[{\"name\":\"e\"}]}\n"
            "{\"ids\":{\"cookie\":\"u\"},\"set\":{\"n\":1}}\n");
    const muster_state_hash all = twin_hash(h->engine);
    house_tick(h, NOON + 3 * HOUR); /* 15:30: the last hour */
    assert_true(twin_same(all, twin_hash(h->engine)));
    house_tick(h, NOON + 4 * HOUR);
    const muster_state_hash later = twin_hash(h->engine);
    assert_false(twin_same(all, later));
    house_tick(h, NOON + 9 * DAY);
    assert_true(twin_same(later, twin_hash(h->engine)));
    house_tick(h, NOON + 10 * DAY);
    const muster_state_hash end = twin_hash(h->engine);
    assert_false(twin_same(later, end));
    house_checkpoint(h); /* drops what has ended */
    assert_true(twin_same(end, twin_hash(h->engine)));
    house_reopen(h, MUSTER_OPEN_READ);
    assert_true(twin_same(end, twin_hash(h->engine)));
}

/* ---- stopping ---- */

typedef struct walk {
    uint32_t steps;
    uint32_t stop_at;
} walk;

static int on_step(void *payload, const char *what, uint64_t done,
                   uint64_t total)
{
    walk *w = payload;
    assert_true(what[0] != '\0' && done <= total);
    return ++w->steps == w->stop_at;
}

static void test_engine_state_hash__stops_when_told_to(void **state)
{
    house *h = *state;
    walk w = {0, 0};
    const muster_task task = {on_step, &w};
    muster_state_hash hash;
    muster_error err;

    feed_story(h, 1, 20, 20);
    assert_int_equal(
        muster_engine_state_hash(h->engine, &task, &hash, NULL, &err), 0);
    assert_true(w.steps > 2);
    for (uint32_t at = w.steps; at > 0; at--) {
        w = (walk){0, at};
        assert_int_equal(
            muster_engine_state_hash(h->engine, &task, &hash, NULL, &err),
            MUSTER_ECANCELLED);
        assert_string_equal(err.word, "cancelled");
        assert_int_equal(w.steps, at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_engine_state_hash__is_what_the_table_says),
        cmocka_unit_test(test_engine_state_hash__is_of_the_state_alone),
        HOUSE_TEST(test_engine_state_hash__beside_a_writer),
        HOUSE_TEST(test_engine_state_hash__each_fact_shows),
        HOUSE_TEST(test_engine_state_hash__forgotten_users_leave),
        HOUSE_TEST(test_engine_state_hash__what_has_ended_leaves),
        HOUSE_TEST(test_engine_state_hash__stops_when_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
