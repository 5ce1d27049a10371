/*
 * dictionary_check_test.c - the check of a dictionary, and damage it finds.
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
#include "identity/identity.h"
#include "support/dice.h"

enum { USERS = 200, EXTRAS = 67, IDS = USERS + EXTRAS };
/* Of the encoded form: where its parts begin. */
enum { EXTRAS_AT = 64 + USERS * 16, TABLE_AT = EXTRAS_AT + 1344 };

static muster_pseudonym random_id(random_state *r)
{
    muster_pseudonym p;
    const uint64_t words[2] = {random_u64(r), random_u64(r)};
    memcpy(p.bytes, words, sizeof p.bytes);
    return p;
}

/* USERS users, each third with a second id. */
static dictionary *filled(random_state *r)
{
    dictionary *d = dictionary_new();
    for (uint32_t i = 0; i < USERS; i++) {
        const muster_pseudonym p = random_id(r);
        assert_int_equal(dictionary_add_user(d, &p), i);
        if (i % 3 == 0) {
            const muster_pseudonym q = random_id(r);
            dictionary_add_id(d, &q, i / 2);
        }
    }
    assert_int_equal(dictionary_ids(d), IDS);
    return d;
}

static int collect(void *payload, const void *bytes, size_t len)
{
    buffer_put(payload, bytes, len);
    return 0;
}

static void encode(const dictionary *d, buffer *out)
{
    buffer_init(out, (size_t)1 << 20);
    assert_int_equal(dictionary_encode(d, collect, out), 0);
}

/* ---- steps ---- */

typedef struct steps {
    uint64_t calls;
    uint64_t done;
    uint64_t total;
    uint64_t stop_at; /* the call that returns a code */
} steps;

static int count_step(void *payload, uint64_t done, uint64_t total)
{
    steps *s = payload;
    assert_true(done >= s->done && done <= total);
    s->done = done;
    s->total = total;
    return ++s->calls == s->stop_at ? 77 : 0;
}

static void test_identity_dictionary_check__steps_to_the_end(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, 1);
    dictionary *d = filled(&r);
    steps s = {0};
    assert_int_equal(dictionary_check(d, count_step, &s, NULL), 0);
    assert_int_equal(s.done, IDS);
    assert_int_equal(s.total, IDS);
    for (uint64_t stop = 1; stop <= s.calls; stop++) {
        steps some = {.stop_at = stop};
        assert_int_equal(dictionary_check(d, count_step, &some, NULL), 77);
        assert_int_equal(some.calls, stop);
    }
    dictionary_free(d);
    d = dictionary_new();
    s = (steps){0};
    assert_int_equal(dictionary_check(d, count_step, &s, NULL), 0);
    assert_int_equal(s.total, 0);
    dictionary_free(d);
}

/* ---- damage ---- */

/* Opens `bytes` as they were before the damage, as a mapped file is opened
 * that goes bad later; `damage` is where, `with` what. */
static int check_damaged(uint8_t *bytes, size_t len, size_t damage,
                         uint8_t with, muster_error *err)
{
    dictionary *d = NULL;
    assert_int_equal(dictionary_open(&d, bytes, len, NULL), 0);
    bytes[damage] = with;
    const int rc = dictionary_check(d, NULL, NULL, err);
    dictionary_free(d);
    return rc;
}

/* All that can be seen from outside is as it should be. */
static bool is_whole(const dictionary *d)
{
    for (uint64_t i = 0; i < dictionary_ids(d); i++) {
        muster_pseudonym p;
        uint32_t row;
        dictionary_id_at(d, i, &p, &row);
        if (row >= dictionary_rows(d) || dictionary_find(d, &p) != row)
            return false;
    }
    return true;
}

/* Each byte behind the header in turn becomes another one: it is found, or
 * the dictionary still answers for every id it holds; in the table, as it
 * did before. */
static void test_identity_dictionary_check__damage_is_found(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, 2);
    dictionary *good = filled(&r);
    buffer form;
    encode(good, &form);
    uint8_t *bytes = malloc(form.len);
    uint32_t found = 0;
    for (size_t at = 64; at < form.len; at++) {
        muster_error err;
        dictionary *d = NULL;
        error_clear(&err);
        memcpy(bytes, form.data, form.len);
        const uint8_t other = bytes[at] ^ (uint8_t)(1 + dice(&r, 255));
        const int rc = check_damaged(bytes, form.len, at, other, &err);
        if (rc != 0) {
            assert_int_equal(rc, MUSTER_ECORRUPT);
            assert_string_equal(err.word, "bad_dictionary");
            found++;
            continue;
        }
        assert_int_equal(dictionary_open(&d, bytes, form.len, NULL), 0);
        assert_true(is_whole(d));
        for (uint64_t i = 0; at >= TABLE_AT && i < IDS; i++) {
            muster_pseudonym p;
            uint32_t row;
            dictionary_id_at(good, i, &p, &row);
            assert_int_equal(dictionary_find(d, &p), row);
        }
        dictionary_free(d);
    }
    /* A tag, 4 bytes of number, the tag's byte of the id, at the least. */
    assert_in_range(found, 6 * IDS, form.len);
    free(bytes);
    buffer_release(&form);
    dictionary_free(good);
}

static void expect_message(const buffer *form, size_t at, uint8_t with,
                           const char *text)
{
    muster_error err;
    uint8_t *bytes = malloc(form->len);
    error_clear(&err);
    memcpy(bytes, form->data, form->len);
    assert_int_equal(check_damaged(bytes, form->len, at, with, &err),
                     MUSTER_ECORRUPT);
    assert_string_equal(err.word, "bad_dictionary");
    assert_non_null(strstr(err.message, text));
    free(bytes);
}

static void test_identity_dictionary_check__names_the_place(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, 3);
    dictionary *d = filled(&r);
    buffer form;
    encode(d, &form);
    size_t bucket = 2;
    while (form.data[TABLE_AT + bucket * 64] == 0)
        bucket++;
    const size_t table = TABLE_AT + bucket * 64;
    char text[80];
    (void)snprintf(text, sizeof text, "place 0 of bucket %zu of the base holds",
                   bucket);
    expect_message(&form, table + 16 + 3, 0x7f, text);
    expect_message(&form, table, 0, "its tables hold 266 ids of 267");
    expect_message(&form, 64 + 5 * 16 + 15, form.data[64 + 5 * 16 + 15] ^ 0x80,
                   "id 5 of 267 is not found");
    expect_message(&form, EXTRAS_AT + 20 + 16, USERS,
                   "id 201 of 267 names a row that is not there");
    buffer_release(&form);
    dictionary_free(d);
}

/* Two ids that are equal: the second is never found. */
static void test_identity_dictionary_check__a_twin_is_found(void **state)
{
    (void)state;
    dictionary *d = dictionary_new();
    const muster_pseudonym p = {{5}};
    dictionary_add_user(d, &p);
    assert_int_equal(dictionary_check(d, NULL, NULL, NULL), 0);
    dictionary_add_user(d, &p);
    assert_int_equal(dictionary_check(d, NULL, NULL, NULL), MUSTER_ECORRUPT);
    dictionary_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_dictionary_check__steps_to_the_end),
        cmocka_unit_test(test_identity_dictionary_check__damage_is_found),
        cmocka_unit_test(test_identity_dictionary_check__names_the_place),
        cmocka_unit_test(test_identity_dictionary_check__a_twin_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
