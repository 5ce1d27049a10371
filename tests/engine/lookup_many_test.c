/*
 * lookup_many_test.c - many users at once are told what one by one is told:
 * with a forward index and without, for a partner too, for any mix of known,
 * unknown and refused ids.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <muster/access.h>
#include <stdio.h>
#include <string.h>
#include "engine.h"
#include "support/dice.h"
#include "support/house.h"

#define NOON ((muster_time)1795264200) /* 2026-11-21T12:30:00Z */
#define USERS 500u
#define SEGMENTS 20u
#define TOLD_BYTES ((size_t)4 << 20)
#define MANY 200u

/* What was told, as one text: "<which> <status> <known> <epoch> <as_of>: keys"
 * a line. */
typedef struct told {
    buffer text;
    size_t stop_at; /* of the users; SIZE_MAX: never */
    size_t stop_behind; /* segments */
    size_t segments;
} told;

static int note_segment(void *payload, const muster_saved *saved)
{
    told *t = payload;
    buffer_printf(&t->text, " %s/%u/%d", saved->key, saved->id,
                  (int)saved->priority);
    return t->segments++ == t->stop_behind ? 7 : 0;
}

static int note_user(void *payload, size_t which, int status,
                     const muster_lookup *about)
{
    told *t = payload;
    buffer_printf(&t->text, "\n%zu %d %d", which, status, about->known);
    if (status == 0)
        buffer_printf(&t->text, " %llu %lld:",
                      (unsigned long long)about->epoch,
                      (long long)about->as_of);
    return which == t->stop_at ? 8 : 0;
}

static told told_new(void)
{
    told t = {.stop_at = SIZE_MAX, .stop_behind = SIZE_MAX};
    buffer_init(&t.text, TOLD_BYTES);
    return t;
}

/* Segments of one, then of all. */
static void one_by_one(muster_engine *e, const muster_scope *viewer,
                       const muster_id *ids, size_t n, told *out)
{
    for (size_t i = 0; i < n; i++) {
        told own = told_new();
        muster_lookup about;
        const int rc = muster_audience_lookup_at(e, viewer, &ids[i], &about,
                                                 note_segment, &own, NULL);
        (void)note_user(out, i, rc, &about);
        buffer_put(&out->text, own.text.data, own.text.len);
        buffer_release(&own.text);
    }
}

static void fill(house *h)
{
    buffer text;
    muster_error err;

    buffer_init(&text, (size_t)1 << 20);
    for (uint32_t i = 0; i < USERS; i++)
        buffer_printf(&text,
                      "{\"ids\":{\"cookie\":[\"u%u\",\"%0100u\"]},\"add\":"
                      "{\"tag\":[\"t%u\",\"t%u\",\"t%u\"]}}\n",
                      i, i, i % SEGMENTS, i % 7, i % 3);
    const muster_receipt receipt =
        house_feed(h, MUSTER_INPUT_NDJSON, text.data, text.len);
    assert_int_equal(receipt.accepted, USERS);
    buffer_release(&text);
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        muster_save save = MUSTER_SAVE_INIT;
        char key[16], expr[32];
        snprintf(key, sizeof key, "s%u", i);
        snprintf(expr, sizeof expr, "tag = \"t%u\"", i);
        save.key = key;
        save.expr = expr;
        save.expr_len = strlen(expr);
        save.priority = (int32_t)(i % 4);
        save.served = i != 5;
        assert_int_equal(
            muster_audience_save(h->engine, &save, NULL, &err), 0);
    }
    assert_int_equal(
        muster_partner_set(h->engine, "acme", NULL, NULL, &err), 0);
    for (uint32_t i = 0; i < SEGMENTS; i += 3) {
        char key[16];
        snprintf(key, sizeof key, "s%u", i);
        assert_int_equal(muster_audience_share(h->engine, key, "acme", false,
                                               NULL, &err),
                         0);
    }
}

/* An id; its text stands in `text` unless it is an odd one. */
static muster_id draw_id(random_state *r, char text[128])
{
    static const muster_id odd[] = {{"cookie", "a@b.example", 11},
                                    {"cookie", "", 0},
                                    {"none", "u1", 2},
                                    {NULL, "u1", 2},
                                    {"gaid", "u1", 2},
                                    {"cookie", "stranger", 8}};
    if (chance(r, 30))
        return PICK(r, odd);
    /* longer than a lane of the joint hash, now and then */
    const int len = chance(r, 10)
                        ? snprintf(text, 128, "%0100u", dice(r, USERS))
                        : snprintf(text, 128, "u%u", dice(r, USERS));
    return (muster_id){"cookie", text, (size_t)len};
}

static house asked;
static const muster_scope *asker;

static void try_batch(uint64_t seed)
{
    static char texts[MANY][128];
    muster_id ids[MANY];
    random_state r;
    muster_error err;
    told many = told_new(), single = told_new();

    random_seed(&r, seed);
    const uint32_t n = dice(&r, MANY + 1);
    for (uint32_t i = 0; i < n; i++)
        ids[i] = draw_id(&r, texts[i]);
    const int rc = muster_audience_lookup_many(
        asked.engine, asker, ids, n, note_user, note_segment, &many, &err);
    one_by_one(asked.engine, asker, ids, n, &single);
    if (rc != 0 ||
        strcmp(buffer_cstr(&many.text), buffer_cstr(&single.text)) != 0)
        fail_msg("seed %llu: %d; %s\n---%s", (unsigned long long)seed, rc,
                 buffer_cstr(&many.text), buffer_cstr(&single.text));
    buffer_release(&many.text);
    buffer_release(&single.text);
}

static void ask_all_ways(uint64_t forward_bytes)
{
    muster_scope *partner;
    muster_error err;

    memset(&asked, 0, sizeof asked);
    asked.forward_bytes = forward_bytes;
    house_open(&asked, NOON, 1);
    fill(&asked);
    if (forward_bytes > 0)
        matcher_settle(asked.engine);
    assert_int_equal(muster_scope_new(&partner, "test",
                                      MUSTER_PURPOSE_SERVING, "acme", &err),
                     0);
    asker = asked.scope;
    test_each_seed(try_batch, test_size(60, 2000));
    asker = partner;
    test_each_seed(try_batch, test_size(60, 2000));
    muster_scope_free(partner);
    house_close(&asked);
}

static void test_engine_lookup_many__as_one_by_one_of_the_index(void **state)
{
    (void)state;
    ask_all_ways((uint64_t)64 << 20);
}

static void test_engine_lookup_many__as_one_by_one_of_segments(void **state)
{
    (void)state;
    ask_all_ways(0);
}

static void test_engine_lookup_many__ends_when_told(void **state)
{
    muster_id ids[100];
    muster_error err;
    house h = {.forward_bytes = (uint64_t)64 << 20};

    (void)state;
    house_open(&h, NOON, 1);
    fill(&h);
    matcher_settle(h.engine);
    for (size_t i = 0; i < 100; i++)
        ids[i] = (muster_id){"cookie", "u0", 2};
    told t = told_new();
    t.stop_at = 40;
    assert_int_equal(muster_audience_lookup_many(h.engine, h.scope, ids, 100,
                                                 note_user, note_segment, &t,
                                                 &err),
                     8);
    assert_non_null(strstr(buffer_cstr(&t.text), "\n40 "));
    assert_null(strstr(buffer_cstr(&t.text), "\n41 "));
    buffer_clear(&t.text);
    t.stop_at = SIZE_MAX;
    t.segments = 0;
    t.stop_behind = 3;
    assert_int_equal(muster_audience_lookup_many(h.engine, h.scope, ids, 100,
                                                 note_user, note_segment, &t,
                                                 &err),
                     7);
    assert_int_equal(t.segments, 4);
    buffer_release(&t.text);
    assert_int_equal(muster_audience_lookup_many(h.engine, h.scope, NULL, 0,
                                                 note_user, note_segment, NULL,
                                                 &err),
                     0);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_lookup_many__as_one_by_one_of_the_index),
        cmocka_unit_test(test_engine_lookup_many__as_one_by_one_of_segments),
        cmocka_unit_test(test_engine_lookup_many__ends_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
