/*
 * pseudonym_queue_test.c - ids that were hashed together have the pseudonyms
 * they have one by one, at every level the processor has, whatever their
 * length and however many wait; what was cut away leaves no trace.
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
#include "identity/lanes.h"
#include "support/dice.h"

static identity_key *key;

static int open_key(void **state)
{
    (void)state;
    char path[4096];
    const char *dir = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/queue.key", dir ? dir : "/tmp");
    return identity_key_open(&key, path, true, NULL);
}

static int close_key(void **state)
{
    (void)state;
    identity_key_free(key);
    return 0;
}

static void test_identity_lanes__every_level_hashes_alike(void **state)
{
    static const lanes_level *const levels[] = {&lanes_avx2, &lanes_avx512};

    (void)state;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (lanes_has(levels[i]))
            assert_true(lanes_self_test(levels[i]));
        else
            print_message("this processor has no %s\n", levels[i]->name);
    }
}

/* Ids of 1 to 512 bytes; most fit one block. */
static muster_text draw_id(random_state *r, char *out)
{
    const uint32_t len = 1 + dice(r, chance(r, 80) ? 90 : MUSTER_ID_BYTES_MAX);

    for (uint32_t i = 0; i < len; i++)
        out[i] = (char)('a' + dice(r, 26));
    return text_make(out, len);
}

static void draw_some(uint64_t seed)
{
    static const char *const spaces[] = {"cookie", "customer", "partner.x"};
    char id[MUSTER_ID_BYTES_MAX];
    muster_pseudonym want[IDENTITY_QUEUE_IDS];
    muster_pseudonym got[IDENTITY_QUEUE_IDS];
    identity_queue *q = identity_queue_new(key);
    random_state r;

    random_seed(&r, seed);
    for (int round = 0; round < 8; round++) {
        const size_t count = dice(&r, IDENTITY_QUEUE_IDS + 1);
        while (identity_queue_count(q) < count) {
            const size_t i = identity_queue_count(q);
            const muster_text space = text_of(PICK(&r, spaces));
            const identity_raw raw = identity_raw_of(draw_id(&r, id));
            assert_int_equal(
                identity_pseudonymise(key, space, raw, &want[i], NULL), 0);
            assert_int_equal(identity_queue_put(q, space, raw, NULL), 0);
            if (chance(&r, 20))
                identity_queue_cut(q, dice(&r, (uint32_t)i + 2));
        }
        identity_queue_take(q, got);
        assert_int_equal(identity_queue_count(q), 0);
        for (size_t i = 0; i < count; i++)
            assert_memory_equal(got[i].bytes, want[i].bytes,
                                sizeof got[i].bytes);
    }
    identity_queue_free(q);
}

static void test_identity_queue__gives_what_each_id_alone_has(void **state)
{
    (void)state;
    test_each_seed(draw_some, test_size(300, 20000));
}

static void test_identity_queue__a_refused_id_does_not_wait(void **state)
{
    muster_error err;
    identity_queue *q = identity_queue_new(key);

    (void)state;
    const identity_raw mail = identity_raw_of(text_of("a@example.org"));
    assert_int_equal(identity_queue_put(q, text_of("cookie"), mail, &err),
                     MUSTER_EINVAL);
    assert_string_equal(err.word, "pii_suspected");
    assert_int_equal(identity_queue_count(q), 0);
    identity_queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_lanes__every_level_hashes_alike),
        cmocka_unit_test(test_identity_queue__gives_what_each_id_alone_has),
        cmocka_unit_test(test_identity_queue__a_refused_id_does_not_wait),
    };
    return cmocka_run_group_tests(tests, open_key, close_key);
}
