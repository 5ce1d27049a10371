/*
 * dictionary_model_test.c - the dictionary against a plain array that is
 * searched from end to end: random users and ids, and now and then the
 * dictionary is encoded, opened again and goes on. Snapshots of it are held
 * meanwhile, and at the end compared with the array as it was. The seed is
 * printed; one given in MUSTER_SEED is taken instead of the fixed ones.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "identity/identity.h"

#define IDS_MAX 20000u

typedef struct model {
    muster_pseudonym ids[IDS_MAX];
    uint32_t row_of[IDS_MAX];
    uint32_t id_count;
    uint32_t primary[IDS_MAX]; /* of a row: index in ids */
    uint32_t rows;
} model;

static uint32_t model_find(const model *m, const muster_pseudonym *p)
{
    for (uint32_t i = 0; i < m->id_count; i++)
        if (memcmp(&m->ids[i], p, sizeof *p) == 0)
            return m->row_of[i];
    return DICTIONARY_NONE;
}

/* In the narrow mode ids share hashes and tags, so that buckets overflow. */
static muster_pseudonym next_id(random_state *r, bool narrow)
{
    muster_pseudonym p;
    uint64_t words[2] = {random_u64(r), random_u64(r)};
    memcpy(p.bytes, words, sizeof p.bytes);
    if (!narrow)
        return p;
    memset(p.bytes, (int)random_below(r, 4), 9);
    p.bytes[15] = (uint8_t)random_below(r, 3);
    return p;
}

static void add(model *m, dictionary *d, random_state *r, bool narrow)
{
    const muster_pseudonym p = next_id(r, narrow);
    if (model_find(m, &p) != DICTIONARY_NONE)
        return;
    const bool user = m->rows == 0 || random_below(r, 3) != 0;
    const uint32_t row = user ? m->rows : (uint32_t)random_below(r, m->rows);
    if (user) {
        assert_int_equal(dictionary_add_user(d, &p), row);
        m->primary[m->rows++] = m->id_count;
    } else {
        dictionary_add_id(d, &p, row);
    }
    m->ids[m->id_count] = p;
    m->row_of[m->id_count++] = row;
}

static void compare(const model *m, const dictionary *d, random_state *r,
                    bool narrow)
{
    assert_int_equal(dictionary_rows(d), m->rows);
    assert_int_equal(dictionary_ids(d), m->id_count);
    for (uint32_t i = 0; i < m->id_count; i++)
        assert_int_equal(dictionary_find(d, &m->ids[i]), m->row_of[i]);
    for (uint32_t i = 0; i < m->rows; i++)
        assert_memory_equal(dictionary_primary(d, i), &m->ids[m->primary[i]],
                            sizeof m->ids[0]);
    for (int i = 0; i < 100; i++) {
        const muster_pseudonym p = next_id(r, narrow);
        assert_int_equal(dictionary_find(d, &p), model_find(m, &p));
    }
}

static int collect(void *payload, const void *bytes, size_t len)
{
    buffer_put(payload, bytes, len);
    return 0;
}

/* Encodes `d` and goes on with what is opened from the bytes. */
static dictionary *reopen(dictionary *d, buffer *bytes)
{
    buffer next;
    buffer_init(&next, (size_t)1 << 28);
    assert_int_equal(dictionary_encode(d, collect, &next), 0);
    assert_true(buffer_ok(&next));
    dictionary_free(d);
    buffer_release(bytes);
    *bytes = next;
    dictionary *opened = NULL;
    assert_int_equal(dictionary_open(&opened, bytes->data, bytes->len, NULL),
                     0);
    return opened;
}

/* ---- snapshots ---- */

#define HELD_MAX 5

/* A snapshot, and how much of the array was there when it was taken. */
typedef struct held {
    const dictionary *snapshot;
    uint32_t id_count;
    uint32_t rows;
} held;

static void hold(held *h, const model *m, dictionary *d)
{
    *h = (held){dictionary_snapshot(d), m->id_count, m->rows};
}

/* The first ids of the model are those of the snapshot; the others are not
 * in it, though the tables that it shares may hold them by now. */
static void compare_held(const held *h, const model *m)
{
    const dictionary *s = h->snapshot;
    assert_int_equal(dictionary_rows(s), h->rows);
    assert_int_equal(dictionary_ids(s), h->id_count);
    for (uint32_t i = 0; i < m->id_count; i++) {
        dictionary_prefetch(s, &m->ids[i]);
        assert_int_equal(dictionary_find(s, &m->ids[i]),
                         i < h->id_count ? m->row_of[i] : DICTIONARY_NONE);
    }
    uint32_t extra = h->rows;
    for (uint32_t i = 0; i < h->id_count; i++) {
        muster_pseudonym p;
        uint32_t row;
        const bool primary = m->primary[m->row_of[i]] == i;
        dictionary_id_at(s, primary ? m->row_of[i] : extra++, &p, &row);
        assert_memory_equal(&p, &m->ids[i], sizeof p);
        assert_int_equal(row, m->row_of[i]);
        if (primary)
            assert_memory_equal(dictionary_primary(s, row), &p, sizeof p);
    }
    assert_int_equal(dictionary_check(s, NULL, NULL, NULL), 0);
}

/* What is encoded of a snapshot is the array as it was, too. */
static void compare_encoded(const held *h, const model *m)
{
    buffer bytes;
    dictionary *opened = NULL;
    buffer_init(&bytes, (size_t)1 << 28);
    assert_int_equal(dictionary_encode(h->snapshot, collect, &bytes), 0);
    assert_int_equal(dictionary_open(&opened, bytes.data, bytes.len, NULL), 0);
    compare_held(&(held){opened, h->id_count, h->rows}, m);
    dictionary_free(opened);
    buffer_release(&bytes);
}

static void run_held(uint64_t seed, bool narrow)
{
    random_state r;
    held all[HELD_MAX] = {{0}};
    model *m = calloc(1, sizeof *m);
    buffer bytes;
    print_message("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    buffer_init(&bytes, 1);
    dictionary *d = dictionary_new();
    const uint32_t limit = narrow ? 2000 : IDS_MAX / 4;
    while (seed % 2 == 0 && m->id_count < limit / 8)
        add(m, d, &r, narrow);
    d = reopen(d, &bytes);
    while (m->id_count < limit) {
        const uint64_t burst = 1 + random_below(&r, limit / 8);
        for (uint64_t i = 0; i < burst && m->id_count < limit; i++)
            add(m, d, &r, narrow);
        held *h = &all[random_below(&r, HELD_MAX)];
        if (h->snapshot != NULL)
            compare_held(h, m);
        dictionary_release(h->snapshot);
        hold(h, m, d);
        for (size_t i = 0; i < HELD_MAX; i++)
            if (all[i].snapshot != NULL)
                compare_held(&all[i], m);
    }
    compare(m, d, &r, narrow);
    assert_int_equal(dictionary_check(d, NULL, NULL, NULL), 0);
    dictionary_free(d);
    for (size_t i = 0; i < HELD_MAX; i++) {
        if (all[i].snapshot != NULL) {
            compare_held(&all[i], m);
            compare_encoded(&all[i], m);
        }
        dictionary_release(all[i].snapshot);
    }
    buffer_release(&bytes);
    free(m);
}

static void test_identity_dictionary_model__snapshots_stay(void **state)
{
    (void)state;
    const char *given = getenv("MUSTER_SEED");
    const uint64_t first = given != NULL ? strtoull(given, NULL, 10) : 1;
    for (uint64_t seed = first; seed < first + (given != NULL ? 1 : 4); seed++)
        for (int narrow = 0; narrow < 2; narrow++)
            run_held(seed, narrow != 0);
}

static void run(uint64_t seed, bool narrow)
{
    random_state r;
    buffer bytes;
    model *m = calloc(1, sizeof *m);
    print_message("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    buffer_init(&bytes, 1);
    dictionary *d = dictionary_new();
    const uint32_t limit = narrow ? 4000 : IDS_MAX / 2;
    while (m->id_count < limit) {
        const uint64_t burst = 1 + random_below(&r, limit / 4);
        for (uint64_t i = 0; i < burst && m->id_count < limit; i++)
            add(m, d, &r, narrow);
        if (random_below(&r, 2) == 0)
            d = reopen(d, &bytes);
        compare(m, d, &r, narrow);
    }
    dictionary_free(d);
    buffer_release(&bytes);
    free(m);
}

static void test_identity_dictionary_model__is_an_array_of_ids(void **state)
{
    (void)state;
    const char *given = getenv("MUSTER_SEED");
    if (given != NULL) {
        run(strtoull(given, NULL, 10), false);
        return;
    }
    for (uint64_t seed = 1; seed <= 6; seed++)
        run(seed, false);
}

static void test_identity_dictionary_model__in_a_crowd_too(void **state)
{
    (void)state;
    const char *given = getenv("MUSTER_SEED");
    if (given != NULL) {
        run(strtoull(given, NULL, 10), true);
        return;
    }
    for (uint64_t seed = 1; seed <= 6; seed++)
        run(seed, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_dictionary_model__is_an_array_of_ids),
        cmocka_unit_test(test_identity_dictionary_model__in_a_crowd_too),
        cmocka_unit_test(test_identity_dictionary_model__snapshots_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
