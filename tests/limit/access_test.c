/*
 * access_test.c - the limits of limits.h on keys and partners: the last one
 * fits, one more is refused with a word.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "engine.h"
#include "support/house.h"

#define NOON ((muster_time)1795264200) /* 2026-11-21T12:30:00Z */

/* So many that one more fits; put into the state itself, whose writer waits
 * for work, for each through the front door would take a flush. */
static void fill_keys(house *h)
{
    access_key key = {.may = MUSTER_MAY_READ};
    char id[16];
    while (access_key_count(h->engine->state.access) < MUSTER_KEYS_MAX - 1) {
        const uint32_t n = access_key_count(h->engine->state.access);
        snprintf(id, sizeof id, "k_%u", n);
        key.id = text_of(id);
        memcpy(key.hash, &n, sizeof n);
        access_key_add(h->engine->state.access, &key);
    }
}

static int make_key(house *h, muster_error *err)
{
    muster_key_options o = MUSTER_KEY_OPTIONS_INIT;
    char secret[MUSTER_KEY_SECRET_BYTES];
    muster_rights rights;
    o.role = "analyst";
    const int rc =
        muster_key_create(h->engine, &o, secret, NULL, NULL, err);
    assert_int_equal(muster_key_verify(h->engine, secret, strlen(secret),
                                       &rights),
                     rc == 0 ? MUSTER_KEY_HOLDS : MUSTER_KEY_MALFORMED);
    return rc;
}

static void test_limit_access__keys(void **state)
{
    house h = {0};
    muster_error err;
    (void)state;

    house_open(&h, NOON, 1);
    fill_keys(&h);
    assert_int_equal(make_key(&h, &err), 0);
    assert_int_equal(make_key(&h, &err), MUSTER_ELIMIT);
    assert_string_equal(err.word, "keys_full");
    house_close(&h);
}

static void test_limit_access__partners(void **state)
{
    house h = {0};
    char key[16];
    muster_error err;
    (void)state;

    house_open(&h, NOON, 1);
    for (unsigned i = 1; i < MUSTER_PARTNERS_MAX; i++) {
        snprintf(key, sizeof key, "p%u", i);
        access_partner_put(h.engine->state.access, text_of(key),
                           text_of(""), 1);
    }
    assert_int_equal(muster_partner_set(h.engine, "last", NULL, NULL, &err),
                     0);
    assert_int_equal(muster_partner_set(h.engine, "more", NULL, NULL, &err),
                     MUSTER_ELIMIT);
    assert_string_equal(err.word, "partners_full");
    assert_int_equal(
        muster_partner_set(h.engine, "last", "Another", NULL, &err), 0);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_access__keys),
        cmocka_unit_test(test_limit_access__partners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
