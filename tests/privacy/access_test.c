/*
 * access_test.c - keys, partners and shares: the store, its snapshots, its
 * encoded form, and the secrets of keys.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "privacy/privacy.h"
#include "support/dice.h"

/* ---- secrets ---- */

static identity_key *open_key(const char *name)
{
    char path[600];
    identity_key *key = NULL;
    muster_error err;
    snprintf(path, sizeof path, "%s/%s", getenv("TMPDIR"), name);
    if (identity_key_open(&key, path, true, &err) != 0)
        fail_msg("%s", err.message);
    return key;
}

static bool hash_of(const identity_key *key, const char *secret,
                    uint8_t out[ACCESS_HASH_BYTES])
{
    return access_secret_hash(key, text_of(secret), out);
}

static void test_privacy_access__a_secret_has_its_form(void **state)
{
    char a[MUSTER_KEY_SECRET_BYTES];
    char b[MUSTER_KEY_SECRET_BYTES];
    uint8_t hashes[4][ACCESS_HASH_BYTES];
    identity_key *key = open_key("one");
    identity_key *other = open_key("two");
    (void)state;

    access_secret_make(a);
    access_secret_make(b);
    assert_int_equal(strlen(a), 61);
    assert_memory_equal(a, "muster_live_", 12);
    assert_string_not_equal(a, b);
    assert_true(hash_of(key, a, hashes[0]) && hash_of(key, a, hashes[1]) &&
                hash_of(key, b, hashes[2]) && hash_of(other, a, hashes[3]));
    assert_memory_equal(hashes[0], hashes[1], ACCESS_HASH_BYTES);
    assert_memory_not_equal(hashes[0], hashes[2], ACCESS_HASH_BYTES);
    assert_memory_not_equal(hashes[0], hashes[3], ACCESS_HASH_BYTES);
    identity_key_free(key);
    identity_key_free(other);
}

/* What this program made once stays good. */
static void test_privacy_access__a_known_check(void **state)
{
    const char *const known = "muster_live_"
                              "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"
                              "37cCQ0";
    uint8_t hash[ACCESS_HASH_BYTES];
    identity_key *key = open_key("one");
    (void)state;
    assert_true(hash_of(key, known, hash));
    identity_key_free(key);
}

static void test_privacy_access__a_typo_is_told(void **state)
{
    char secret[MUSTER_KEY_SECRET_BYTES + 1];
    uint8_t hash[ACCESS_HASH_BYTES];
    identity_key *key = open_key("one");
    (void)state;

    access_secret_make(secret);
    for (size_t i = 0; secret[i] != '\0'; i++) {
        const char was = secret[i];
        const char wrong[] = {was == 'a' ? 'b' : 'a', '-', '\xc3', ' '};
        for (size_t k = 0; k < sizeof wrong; k++) {
            secret[i] = wrong[k];
            assert_false(hash_of(key, secret, hash));
        }
        secret[i] = '\0';
        assert_false(hash_of(key, secret, hash));
        secret[i] = was;
    }
    assert_true(hash_of(key, secret, hash));
    secret[61] = 'a';
    secret[62] = '\0';
    assert_false(hash_of(key, secret, hash));
    assert_false(access_secret_hash(key, text_make(NULL, 0), hash));
    identity_key_free(key);
}

/* Every character of the alphabet comes, none much oftener than another. */
static void test_privacy_access__draws_are_even(void **state)
{
    unsigned seen[256] = {0};
    char secret[MUSTER_KEY_SECRET_BYTES];
    const unsigned rounds = 4000;
    unsigned kinds = 0;
    (void)state;

    for (unsigned i = 0; i < rounds; i++) {
        access_secret_make(secret);
        for (size_t k = 12; k < 55; k++)
            seen[(uint8_t)secret[k]]++;
    }
    for (unsigned c = 0; c < 256; c++) {
        const double expected = rounds * 43 / 62.0;
        kinds += seen[c] > 0;
        assert_true(seen[c] == 0 ||
                    (seen[c] > 0.85 * expected && seen[c] < 1.15 * expected));
    }
    assert_int_equal(kinds, 62);
}

static void test_privacy_access__ids_are_short_and_plain(void **state)
{
    char id[ACCESS_ID_BYTES + 1];
    char other[ACCESS_ID_BYTES + 1];
    (void)state;
    access_id_make(id);
    access_id_make(other);
    assert_int_equal(strlen(id), ACCESS_ID_BYTES);
    assert_memory_equal(id, "k_", 2);
    assert_int_equal(strspn(id + 2, "0123456789abcdefghijklmnopqrstuvwxyz"),
                     ACCESS_ID_BYTES - 2);
    assert_string_not_equal(id, other);
}

/* ---- roles ---- */

static int join_name(void *payload, const char *name)
{
    buffer_printf(payload, "%s ", name);
    return 0;
}

static void test_privacy_access__roles_and_permissions(void **state)
{
    buffer names;
    (void)state;
    assert_int_equal(muster_role_find(text_of("admin")), MUSTER_MAY_ALL);
    assert_int_equal(muster_role_find(text_of("ad-server")),
                     MUSTER_MAY_LOOKUP);
    assert_int_equal(muster_role_find(text_of("Admin")), 0);
    assert_int_equal(muster_role_find(text_of("")), 0);
    assert_int_equal(muster_permission_find(text_of("export")),
                     MUSTER_MAY_EXPORT);
    assert_int_equal(muster_permission_find(text_of("all")), 0);
    buffer_init(&names, 1024);
    muster_permissions_each(MUSTER_MAY_ALL, join_name, &names);
    assert_string_equal(buffer_cstr(&names),
                        "ingest lookup read write export admin ");
    buffer_release(&names);
    assert_int_equal(access_check_title(text_of("Zürich AG"), NULL), 0);
    assert_int_equal(access_check_title(text_of("a\nb"), NULL),
                     MUSTER_EINVAL);
    assert_int_equal(access_check_title(text_of("\xff"), NULL),
                     MUSTER_EINVAL);
}

/* ---- the store ---- */

static const access_key *add(access_store *s, const char *id,
                             const char *partner, uint8_t hash)
{
    access_key key = {.may = MUSTER_MAY_LOOKUP,
                      .id = text_of(id),
                      .name = text_of("name"),
                      .role = text_of(""),
                      .partner = text_of(partner),
                      .provider = text_of(""),
                      .created = 1000};
    memset(key.hash, hash, sizeof key.hash);
    return access_key_add(s, &key);
}

static const access_key *match(const access_store *s, uint8_t hash)
{
    uint8_t bytes[ACCESS_HASH_BYTES];
    memset(bytes, hash, sizeof bytes);
    return access_key_match(s, bytes);
}

static void test_privacy_access__keys_by_number_id_and_secret(void **state)
{
    access_store *s = access_store_new();
    uint8_t near[ACCESS_HASH_BYTES];
    (void)state;

    assert_null(match(s, 1));
    assert_int_equal(add(s, "k_a", "", 1)->number, 1);
    assert_int_equal(add(s, "k_b", "", 2)->number, 2);
    assert_int_equal(access_key_count(s), 2);
    assert_int_equal(match(s, 2)->number, 2);
    assert_null(match(s, 3));
    memset(near, 2, sizeof near);
    near[ACCESS_HASH_BYTES - 1] ^= 1;
    assert_null(access_key_match(s, near));
    assert_ptr_equal(access_key_find(s, text_of("k_b")), match(s, 2));
    assert_null(access_key_find(s, text_of("k_c")));
    assert_null(access_key_at(s, 0));
    assert_null(access_key_at(s, 3));
    access_key_revoke(s, 1, 2000);
    assert_int_equal(match(s, 1)->revoked, 2000);
    assert_int_equal(match(s, 2)->revoked, 0);
    access_store_free(s);
    access_store_free(NULL);
}

static void test_privacy_access__snapshots_stay(void **state)
{
    access_store *s = access_store_new();
    (void)state;

    add(s, "k_a", "acme", 1);
    access_partner_put(s, text_of("acme"), text_of("Acme"), 5);
    access_partner_share(s, text_of("acme"), 70, true);
    const access_store *then = access_store_snapshot(s);
    assert_ptr_equal(access_store_snapshot(s), then);
    access_partner_share(s, text_of("acme"), 70, false);
    access_partner_share(s, text_of("acme"), 700, true);
    access_partner_remove(s, text_of("acme"), 2000);
    const access_store *now = access_store_snapshot(s);
    assert_ptr_not_equal(now, then);
    assert_int_equal(match(then, 1)->revoked, 0);
    assert_int_equal(match(now, 1)->revoked, 2000);
    const access_partner *p = access_partner_find(then, text_of("acme"));
    assert_true(access_is_shared(p, 70) && !access_is_shared(p, 700));
    assert_int_equal(p->shares, 1);
    assert_int_equal(access_partner_count(now), 0);
    access_store_free(s); /* snapshots outlive it */
    assert_true(text_is(p->name, "Acme"));
    access_store_release(then);
    access_store_release(then);
    access_store_release(now);
    access_store_release(NULL);
}

static void test_privacy_access__a_removed_partner_is_another_later(
    void **state)
{
    access_store *s = access_store_new();
    (void)state;

    assert_int_equal(
        access_partner_put(s, text_of("acme"), text_of(""), 5)->number, 1);
    access_partner_put(s, text_of("zeta"), text_of(""), 5);
    access_partner_share(s, text_of("acme"), 3, true);
    add(s, "k_a", "acme", 1);
    add(s, "k_z", "zeta", 2);
    access_partner_remove(s, text_of("acme"), 2000);
    assert_int_equal(match(s, 2)->revoked, 0);
    const access_partner *again =
        access_partner_put(s, text_of("acme"), text_of(""), 6);
    assert_int_equal(again->number, 3);
    assert_int_equal(again->shares, 0);
    assert_false(access_is_shared(again, 3));
    assert_int_equal(match(s, 1)->revoked, 2000);
    assert_null(access_partner_by_number(s, 1));
    access_store_free(s);
}

static void test_privacy_access__scopes_see_what_is_shared(void **state)
{
    access_store *s = access_store_new();
    scope *house = NULL;
    scope *acme = NULL;
    scope *stranger = NULL;
    (void)state;

    access_partner_put(s, text_of("acme"), text_of(""), 5);
    access_partner_share(s, text_of("acme"), 3, true);
    assert_int_equal(scope_new(&house, text_of("t"), PURPOSE_SERVING,
                               text_of(""), NULL), 0);
    assert_int_equal(scope_new(&acme, text_of("t"), PURPOSE_SERVING,
                               text_of("acme"), NULL), 0);
    assert_int_equal(scope_new(&stranger, text_of("t"), PURPOSE_SERVING,
                               text_of("acm"), NULL), 0);
    assert_true(access_view_has(access_view_of(s, house), 4));
    assert_true(access_view_has(access_view_of(s, acme), 3));
    assert_false(access_view_has(access_view_of(s, acme), 4));
    assert_false(access_view_has(access_view_of(s, acme), 1000000));
    assert_false(access_view_has(access_view_of(s, stranger), 3));
    scope_free(house);
    scope_free(acme);
    scope_free(stranger);
    access_store_free(s);
}

/* ---- a model: plain arrays beside the store ---- */

#define MODEL_PARTNERS 6u
#define MODEL_SEGMENTS 300u

typedef struct model {
    bool there[MODEL_PARTNERS];
    bool shared[MODEL_PARTNERS][MODEL_SEGMENTS];
    struct {
        unsigned partner; /* MODEL_PARTNERS: none */
        muster_time revoked;
    } keys[400];
    unsigned key_count;
} model;

static void name_partner(char out[8], unsigned i)
{
    snprintf(out, 8, "p%u", i);
}

static void hash_number(uint8_t out[ACCESS_HASH_BYTES], uint32_t n)
{
    random_state r;
    random_seed(&r, n);
    for (size_t i = 0; i < ACCESS_HASH_BYTES; i++)
        out[i] = (uint8_t)random_below(&r, n % 3 ? 256 : 2);
}

static void compare(const access_store *s, const model *m)
{
    size_t partners = 0;
    char name[8];

    assert_int_equal(access_key_count(s), m->key_count);
    for (uint32_t n = 1; n <= m->key_count; n++) {
        uint8_t hash[ACCESS_HASH_BYTES];
        hash_number(hash, n);
        const access_key *key = access_key_match(s, hash);
        assert_non_null(key);
        assert_int_equal(key->number, n);
        assert_int_equal(key->revoked, m->keys[n - 1].revoked);
    }
    for (unsigned i = 0; i < MODEL_PARTNERS; i++) {
        uint32_t shares = 0;
        name_partner(name, i);
        const access_partner *p = access_partner_find(s, text_of(name));
        assert_int_equal(p != NULL, m->there[i]);
        partners += m->there[i];
        for (uint32_t id = 1; p && id < MODEL_SEGMENTS; id++) {
            assert_int_equal(access_is_shared(p, id), m->shared[i][id]);
            shares += m->shared[i][id];
        }
        assert_true(!p || p->shares == shares);
    }
    assert_int_equal(access_partner_count(s), partners);
}

static void step(access_store *s, model *m, random_state *r)
{
    const unsigned i = dice(r, MODEL_PARTNERS);
    const uint32_t id = 1 + dice(r, MODEL_SEGMENTS - 1);
    char name[8];
    char key_id[16];

    name_partner(name, i);
    const muster_text key = text_of(name);
    if (chance(r, 5) && m->there[i]) {
        access_partner_remove(s, key, 7);
        m->there[i] = false;
        memset(m->shared[i], 0, sizeof m->shared[i]);
        for (unsigned k = 0; k < m->key_count; k++)
            if (m->keys[k].partner == i && m->keys[k].revoked == 0)
                m->keys[k].revoked = 7;
    } else if (!m->there[i]) {
        access_partner_put(s, key, text_of("n"), 1);
        m->there[i] = true;
    } else if (chance(r, 20) && m->key_count < 400) {
        access_key fresh = {.may = 2, .partner = key};
        snprintf(key_id, sizeof key_id, "k_%u", m->key_count + 1);
        fresh.id = text_of(key_id);
        hash_number(fresh.hash, m->key_count + 1);
        m->keys[m->key_count].partner = i;
        m->keys[m->key_count++].revoked = 0;
        access_key_add(s, &fresh);
    } else if (chance(r, 10) && m->key_count > 0) {
        const unsigned k = dice(r, m->key_count);
        if (m->keys[k].revoked == 0)
            access_key_revoke(s, k + 1, 9);
        m->keys[k].revoked = m->keys[k].revoked ? m->keys[k].revoked : 9;
    } else {
        m->shared[i][id] = chance(r, 60);
        access_partner_share(s, key, id, m->shared[i][id]);
    }
}

static access_store *through_bytes(access_store *take_store)
{
    access_store *fresh = access_store_new();
    muster_error err;
    buffer bytes;

    buffer_init(&bytes, 1 << 22);
    access_store_encode(take_store, &bytes);
    if (access_store_decode(fresh, bytes.data, bytes.len, &err) != 0)
        fail_msg("%s", err.message);
    access_store_free(take_store);
    buffer_release(&bytes);
    return fresh;
}

static void tell_story(uint64_t seed)
{
    access_store *s = access_store_new();
    const access_store *kept[3] = {NULL};
    model then[3];
    model m = {0};
    random_state r;

    random_seed(&r, seed);
    for (unsigned i = 0; i < 600; i++) {
        const unsigned k = dice(&r, 3);
        step(s, &m, &r);
        if (chance(&r, 20)) {
            if (kept[k])
                compare(kept[k], &then[k]);
            access_store_release(kept[k]);
            kept[k] = access_store_snapshot(s);
            then[k] = m;
        }
        if (chance(&r, 2))
            s = through_bytes(s);
    }
    compare(s, &m);
    for (unsigned k = 0; k < 3; k++) {
        if (kept[k])
            compare(kept[k], &then[k]);
        access_store_release(kept[k]);
    }
    access_store_free(s);
}

static void test_privacy_access__is_what_a_plain_model_is(void **state)
{
    (void)state;
    test_each_seed(tell_story, test_size(30, 1000));
}

/* ---- bytes ---- */

/* Bytes that another program wrote after access_bytes.c: what was stored once
 * is read by later versions. */
static void test_privacy_access__golden_bytes(void **state)
{
    char path[600];
    uint8_t bytes[1024];
    muster_error err;
    access_store *s = access_store_new();
    buffer again;
    (void)state;

    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/privacy_access/example",
             getenv("MUSTER_SOURCE"));
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t len = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    if (access_store_decode(s, bytes, len, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(access_key_count(s), 2);
    const access_key *key = match(s, 2);
    assert_true(key && text_is(key->id, "k_abcdefghij") &&
                text_is(key->role, "partner") &&
                text_is(key->partner, "acme") && key->may == 6 &&
                key->created == 1795264201 && key->revoked == 1795264300);
    assert_true(text_is(match(s, 1)->name, "Frontend"));
    const access_partner *p = access_partner_find(s, text_of("acme"));
    assert_true(p && text_is(p->name, "Acme Media") && p->shares == 3 &&
                access_is_shared(p, 1) && access_is_shared(p, 64) &&
                access_is_shared(p, 700));
    buffer_init(&again, 1 << 20);
    access_store_encode(s, &again);
    assert_int_equal(again.len, len);
    assert_memory_equal(again.data, bytes, len);
    buffer_release(&again);
    assert_int_equal(access_partner_put(s, text_of("new"), text_of(""), 1)
                         ->number, 4);
    access_store_free(s);
}

static void test_privacy_access__broken_bytes_are_refused(void **state)
{
    access_store *s = access_store_new();
    buffer bytes;
    muster_error err;
    (void)state;

    add(s, "k_a", "acme", 1);
    access_partner_put(s, text_of("acme"), text_of("Acme"), 5);
    access_partner_share(s, text_of("acme"), 3, true);
    access_partner_share(s, text_of("acme"), 9, true);
    buffer_init(&bytes, 1 << 20);
    access_store_encode(s, &bytes);
    access_store_free(s);
    for (size_t len = 1; len < bytes.len; len++) {
        s = access_store_new();
        assert_int_equal(access_store_decode(s, bytes.data, len, &err),
                         MUSTER_ECORRUPT);
        assert_string_equal(err.word, "damaged_access");
        access_store_free(s);
    }
    for (size_t i = 0; i < bytes.len; i++) { /* refused or read, no harm */
        s = access_store_new();
        bytes.data[i] ^= 0x81;
        (void)access_store_decode(s, bytes.data, bytes.len, &err);
        bytes.data[i] ^= 0x81;
        access_store_free(s);
    }
    s = access_store_new();
    buffer_put_u8(&bytes, 0);
    assert_int_equal(access_store_decode(s, bytes.data, bytes.len, NULL),
                     MUSTER_ECORRUPT);
    access_store_free(s);
    s = access_store_new(); /* of a time without keys */
    assert_int_equal(access_store_decode(s, NULL, 0, NULL), 0);
    access_store_free(s);
    buffer_release(&bytes);
}

static void test_privacy_access__memory_is_told(void **state)
{
    access_store *s = access_store_new();
    (void)state;
    const size_t empty = access_store_memory(s);
    access_partner_put(s, text_of("acme"), text_of(""), 5);
    access_partner_share(s, text_of("acme"), 1000000, true);
    assert_true(access_store_memory(s) >= empty + 125000);
    const access_store *then = access_store_snapshot(s);
    access_partner_share(s, text_of("acme"), 5, true);
    assert_true(access_store_memory(s) < empty + 130000);
    access_partner_remove(s, text_of("acme"), 9);
    assert_true(access_store_memory(s) < empty + 1000);
    access_store_release(then);
    access_store_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_privacy_access__a_secret_has_its_form),
        cmocka_unit_test(test_privacy_access__a_known_check),
        cmocka_unit_test(test_privacy_access__a_typo_is_told),
        cmocka_unit_test(test_privacy_access__draws_are_even),
        cmocka_unit_test(test_privacy_access__ids_are_short_and_plain),
        cmocka_unit_test(test_privacy_access__roles_and_permissions),
        cmocka_unit_test(test_privacy_access__keys_by_number_id_and_secret),
        cmocka_unit_test(test_privacy_access__snapshots_stay),
        cmocka_unit_test(
            test_privacy_access__a_removed_partner_is_another_later),
        cmocka_unit_test(test_privacy_access__scopes_see_what_is_shared),
        cmocka_unit_test(test_privacy_access__is_what_a_plain_model_is),
        cmocka_unit_test(test_privacy_access__golden_bytes),
        cmocka_unit_test(test_privacy_access__broken_bytes_are_refused),
        cmocka_unit_test(test_privacy_access__memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
