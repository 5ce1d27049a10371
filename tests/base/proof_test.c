/*
 * proof_test.c - pieces are believed one by one, once their checksum fits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/hash.h"
#include "base/proof.h"

enum { PIECES = 70, TAIL = 100, LEN = (PIECES - 1) * 65536 + TAIL };

static uint8_t *bytes;
static uint64_t sums[PIECES];

static int make(void **state)
{
    (void)state;
    bytes = malloc(LEN);
    assert_non_null(bytes);
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t i = 0; i < PIECES; i++)
        sums[i] = htole64(hash_bytes(bytes + i * PROOF_PIECE,
                                     i + 1 < PIECES ? PROOF_PIECE : TAIL));
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    free(bytes);
    return 0;
}

static void test_base_proof__what_is_sound_holds(void **state)
{
    (void)state;
    uint64_t at;
    proof *p = proof_new(bytes, LEN, sums);
    assert_int_equal(proof_pieces(LEN), PIECES);
    assert_int_equal(proof_pieces(0), 0);
    assert_int_equal(proof_pieces(65536), 1);
    assert_true(proof_holds(p, bytes, 1));
    assert_true(proof_holds(p, bytes + LEN - 1, 1));
    assert_true(proof_holds(p, bytes, LEN));
    assert_true(proof_holds(p, bytes + 5, 0));
    assert_true(proof_holds(NULL, bytes, LEN));
    assert_false(proof_is_broken(p, &at));
    proof_free(p);
    proof_free(NULL);
}

static void test_base_proof__a_bad_piece_never_holds(void **state)
{
    (void)state;
    static const size_t bad[] = {0, 63, 64, PIECES - 1};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const size_t from = bad[i] * PROOF_PIECE;
        uint64_t at;
        proof *p = proof_new(bytes, LEN, sums);
        bytes[from + 99] ^= 1;
        for (size_t k = 0; k < PIECES; k++)
            assert_int_equal(proof_holds(p, bytes + k * PROOF_PIECE, 1),
                             k != bad[i]);
        assert_true(proof_is_broken(p, &at));
        assert_int_equal(at, from);
        assert_false(proof_holds(p, bytes, LEN));
        if (from > 0)
            assert_false(proof_holds(p, bytes + from - 1, 2));
        bytes[from + 99] ^= 1;
        /* it may be read again by then, but what was said stays said */
        assert_true(proof_is_broken(p, &at));
        proof_free(p);
    }
}

static void test_base_proof__the_first_fault_is_told(void **state)
{
    (void)state;
    uint64_t at;
    proof *p = proof_new(bytes, LEN, sums);
    proof_break(p, bytes + 77777);
    bytes[5] ^= 1;
    assert_false(proof_holds(p, bytes, 10));
    bytes[5] ^= 1;
    assert_true(proof_is_broken(p, &at));
    assert_int_equal(at, 77777);
    proof_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_base_proof__what_is_sound_holds,
                                        make, unmake),
        cmocka_unit_test_setup_teardown(
            test_base_proof__a_bad_piece_never_holds, make, unmake),
        cmocka_unit_test_setup_teardown(test_base_proof__the_first_fault_is_told,
                                        make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
