/*
 * dictionary_proof_test.c - a base that is proved as it is used: what is
 * damaged is not found, or nobody's, and the proof says so; all else is as it
 * was. One damaged byte a trial.
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
#include "support/dice.h"

enum { USERS = 20000, EXTRAS = USERS / 2, IDS = USERS + EXTRAS };

typedef struct people {
    muster_pseudonym ids[IDS]; /* the rows' first, then the others */
    uint32_t rows[IDS];
    buffer form;
    uint64_t *sums;
    size_t sum_count;
} people;

static int collect(void *payload, const void *bytes, size_t len)
{
    buffer_put(payload, bytes, len);
    return 0;
}

static void add(dictionary *d, random_state *r, people *all, uint32_t i)
{
    const uint64_t words[2] = {random_u64(r), random_u64(r)};
    memcpy(all->ids[i].bytes, words, sizeof words);
    all->rows[i] = i < USERS ? i : random_below(r, USERS);
    if (i < USERS)
        assert_int_equal(dictionary_add_user(d, &all->ids[i]), i);
    else
        dictionary_add_id(d, &all->ids[i], all->rows[i]);
}

static void make(people *all, random_state *r)
{
    dictionary *d = dictionary_new();
    for (uint32_t i = 0; i < IDS; i++)
        add(d, r, all, i);
    buffer_init(&all->form, (size_t)1 << 24);
    assert_int_equal(dictionary_encode(d, collect, &all->form), 0);
    dictionary_free(d);
    all->sum_count = proof_pieces(all->form.len);
    all->sums = calloc(all->sum_count, 8);
    assert_non_null(all->sums);
    for (size_t i = 0; i < all->sum_count; i++) {
        const size_t left = all->form.len - i * PROOF_PIECE;
        all->sums[i] = hash_bytes(all->form.data + i * PROOF_PIECE,
                                  left < PROOF_PIECE ? left : PROOF_PIECE);
    }
}

static void release(people *all)
{
    buffer_release(&all->form);
    free(all->sums);
    free(all);
}

/* Right, or the proof is broken. */
static void ask_all(const people *all, const dictionary *d, const proof *by)
{
    uint64_t at;
    for (uint32_t i = 0; i < IDS; i++) {
        muster_pseudonym id;
        uint32_t row;
        const uint32_t found = dictionary_find(d, &all->ids[i]);
        if (found != all->rows[i])
            assert_true(found == DICTIONARY_NONE && proof_is_broken(by, &at));
        dictionary_id_at(d, i, &id, &row);
        if (row != all->rows[i] || memcmp(&id, &all->ids[i], sizeof id) != 0)
            assert_true(proof_is_broken(by, &at));
        if (i < USERS &&
            memcmp(dictionary_primary(d, i), &all->ids[i], sizeof id) != 0)
            assert_true(proof_is_broken(by, &at));
    }
}

static void test_identity_dictionary_proof__sound_is_as_ever(void **state)
{
    (void)state;
    people *all = calloc(1, sizeof *all);
    random_state r;
    dictionary *d;
    uint64_t at;
    assert_non_null(all);
    random_seed(&r, 1);
    make(all, &r);
    proof *by = proof_new(all->form.data, all->form.len, all->sums);
    assert_int_equal(dictionary_open_proved(&d, all->form.data, all->form.len,
                                            by, NULL), 0);
    ask_all(all, d, by);
    assert_int_equal(dictionary_check(d, NULL, NULL, NULL), 0);
    assert_false(proof_is_broken(by, &at));
    dictionary_free(d);
    proof_free(by);
    release(all);
}

static void test_identity_dictionary_proof__damage_is_never_believed(void **st)
{
    (void)st;
    people *all = calloc(1, sizeof *all);
    uint64_t seed = 7;
    random_state r;
    uint32_t refused = 0;
    assert_non_null(all);
    test_seed(&seed);
    random_seed(&r, seed);
    make(all, &r);
    for (int i = 0; i < 60; i++) {
        uint8_t *byte = &all->form.data[random_below(&r, all->form.len)];
        const uint8_t bit = (uint8_t)(1u << dice(&r, 8));
        proof *by = proof_new(all->form.data, all->form.len, all->sums);
        dictionary *d;
        uint64_t at;
        *byte ^= bit;
        const int rc = dictionary_open_proved(&d, all->form.data,
                                              all->form.len, by, NULL);
        if (rc == 0) {
            ask_all(all, d, by);
            refused += proof_is_broken(by, &at);
        } else {
            assert_int_equal(rc, MUSTER_ECORRUPT);
            refused++;
        }
        dictionary_free(rc == 0 ? d : NULL);
        proof_free(by);
        *byte ^= bit;
    }
    assert_int_equal(refused, 60); /* everything was asked for */
    release(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_dictionary_proof__sound_is_as_ever),
        cmocka_unit_test(
            test_identity_dictionary_proof__damage_is_never_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
