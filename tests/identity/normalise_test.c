/*
 * normalise_test.c - the rules of each id space, seen from outside: two
 * spellings of one id give one pseudonym, others give others, and what must
 * not come in is refused by the right word without being quoted.
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

static identity_key *key;

static int open_key(void **state)
{
    (void)state;
    char path[4096];
    const char *dir = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/normalise.key", dir ? dir : "/tmp");
    return identity_key_open(&key, path, true, NULL);
}

static int close_key(void **state)
{
    (void)state;
    identity_key_free(key);
    return 0;
}

static int pseudonymise(const char *space, const char *id, size_t len,
                        muster_pseudonym *out, muster_error *err)
{
    return identity_pseudonymise(key, text_of(space),
                                 identity_raw_of(text_make(id, len)), out, err);
}

static muster_pseudonym pseudonym_of(const char *space, const char *id)
{
    muster_error err;
    muster_pseudonym p;
    error_clear(&err);
    if (pseudonymise(space, id, strlen(id), &p, &err) != 0)
        fail_msg("%s:%s is refused: %s", space, id, err.message);
    return p;
}

static void expect_same(const char *space, const char *a, const char *b)
{
    const muster_pseudonym pa = pseudonym_of(space, a);
    const muster_pseudonym pb = pseudonym_of(space, b);
    assert_memory_equal(&pa, &pb, sizeof pa);
}

static void expect_other(const char *space, const char *a, const char *b)
{
    const muster_pseudonym pa = pseudonym_of(space, a);
    const muster_pseudonym pb = pseudonym_of(space, b);
    assert_memory_not_equal(&pa, &pb, sizeof pa);
}

static void expect_refused_bytes(const char *space, const char *id, size_t len,
                                 const char *word)
{
    muster_error err;
    muster_pseudonym p;
    error_clear(&err);
    assert_int_equal(pseudonymise(space, id, len, &p, &err), MUSTER_EINVAL);
    assert_int_equal(err.code, MUSTER_EINVAL);
    assert_string_equal(err.word, word);
    assert_true(err.message[0] != '\0');
}

static void expect_refused(const char *space, const char *id, const char *word)
{
    expect_refused_bytes(space, id, strlen(id), word);
}

#define UUID_LOWER "38400000-8cf0-11bd-b23e-10b96e40000d"
#define UUID_UPPER "38400000-8CF0-11BD-B23E-10B96E40000D"
#define UUID_ZERO "00000000-0000-0000-0000-000000000000"

static void test_identity_normalise__white_space_is_no_part(void **state)
{
    (void)state;
    expect_same("cookie", " \t abc\r\n", "abc");
    expect_same("gaid", " " UUID_LOWER "\n", UUID_LOWER);
    expect_other("cookie", "a bc", "abc");
}

static void test_identity_normalise__case_matters_where_ids_have_it(void **s)
{
    (void)s;
    expect_other("cookie", "AbC", "abc");
    expect_other("customer", "C9", "c9");
    expect_other("ctv", "Roku1", "roku1");
    expect_other("loyalty", "X", "x");
    expect_same("gaid", UUID_UPPER, UUID_LOWER);
    expect_same("idfa", UUID_LOWER, UUID_UPPER);
    expect_same("ctv", UUID_UPPER, UUID_LOWER);
    expect_other("cookie", UUID_UPPER, UUID_LOWER);
}

static void test_identity_normalise__spaces_are_apart(void **state)
{
    (void)state;
    const muster_pseudonym a = pseudonym_of("cookie", "1");
    const muster_pseudonym b = pseudonym_of("customer", "1");
    assert_memory_not_equal(&a, &b, sizeof a);
    /* "ab" + "c" against "a" + "bc" */
    const muster_pseudonym c = pseudonym_of("ab", "c");
    const muster_pseudonym d = pseudonym_of("a", "bc");
    assert_memory_not_equal(&c, &d, sizeof c);
}

static void expect_same_digest(const char *hex, const char *base64)
{
    expect_same("email_sha256", hex, base64);
    expect_same("phone_sha256", hex, base64);
}

static void test_identity_normalise__digest_in_hex_is_its_base64(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514",
         "tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRQ="},
        {"92ee26057ed9dea2535d6c8b141d48373932476599196e00352254895db5888f",
         NULL}, /* one digit changed: see below */
        {"92ee26057ed9dea2535d6c8b141d48373932476599196e00352254896db5888f",
         "ku4mBX7Z3qJTXWyLFB1INzkyR2WZGW4ANSJUiW21iI8="},
        {"28aaee4815230cd3b4ebd88c515226550666e91ac019929e3adac3f66c288180",
         "KKruSBUjDNO069iMUVImVQZm6RrAGZKeOtrD9mwogYA="},
        {"10e6f0b47054a83359477dcb35231db6de5c69fb1816e1a6b98e192de9e5b9ee",
         "EObwtHBUqDNZR33LNSMdtt5cafsYFuGmuY4ZLenlue4="},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i][1] != NULL)
            expect_same_digest(pairs[i][0], pairs[i][1]);
    expect_other("email_sha256", pairs[1][0], pairs[2][1]);
    expect_same(
        "email_sha256",
        "B4C9A289323B21A01C3E940F150EB9B8C542587F1ABFD8F0E1CC1FFC5E475514",
        pairs[0][1]);
    /* the alphabet of URLs */
    expect_same("email_sha256",
                "tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf_F5HVRQ=", pairs[0][0]);
}

static void test_identity_normalise__digest_needs_its_form(void **state)
{
    (void)state;
    expect_refused("email_sha256", "b4c9a289", "bad_id");
    expect_refused("phone_sha256", "b4c9a289", "bad_id");
    expect_refused(
        "email_sha256",
        "g4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514",
        "bad_id");
    /* 45, no padding, padding inside, bits left over */
    expect_refused("email_sha256",
                   "tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRQ==", "bad_id");
    expect_refused("email_sha256",
                   "tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRQA", "bad_id");
    expect_refused("email_sha256",
                   "tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HV=Q=", "bad_id");
    expect_refused("email_sha256",
                   "tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRR=", "bad_id");
    expect_refused("email_sha256", UUID_LOWER, "bad_id");
}

static void test_identity_normalise__uuid_needs_its_form(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "384000008cf011bdb23e10b96e40000d",
        "38400000-8cf0-11bd-b23e-10b96e40000",
        "38400000-8cf0-11bd-b23e-10b96e40000dd",
        "38400000-8cf0-11bd-b23e-10b96e40000g",
        "3840000-08cf0-11bd-b23e-10b96e40000d",
        "38400000a8cf0-11bd-b23e-10b96e40000d",
        "38400000-8cf0-11bd-b23ef10b96e40000d",
        "{38400000-8cf0-11bd-b23e-10b96e40000d}",
        "abc",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect_refused("gaid", bad[i], "bad_id");
        expect_refused("idfa", bad[i], "bad_id");
    }
    pseudonym_of("ctv", "abc");
}

static void test_identity_normalise__nobody_is_no_user(void **state)
{
    (void)state;
    expect_refused("gaid", UUID_ZERO, "zero_id");
    expect_refused("idfa", UUID_ZERO, "zero_id");
    expect_refused("ctv", UUID_ZERO, "zero_id");
    expect_refused("cookie", UUID_ZERO, "zero_id");
    expect_refused(
        "email_sha256",
        "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        "zero_id");
    expect_refused("email_sha256",
                   "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "zero_id");
    pseudonym_of("cookie", "0");
}

static void test_identity_normalise__empty_and_long(void **state)
{
    (void)state;
    char text[MUSTER_ID_BYTES_MAX + 3];
    memset(text, 'a', sizeof text);
    muster_pseudonym p;
    expect_refused("cookie", "", "empty_id");
    expect_refused("gaid", " \t\n", "empty_id");
    expect_refused_bytes("cookie", NULL, 0, "empty_id");
    text[0] = ' ';
    assert_int_equal(
        pseudonymise("cookie", text, MUSTER_ID_BYTES_MAX + 1, &p, NULL), 0);
    expect_refused_bytes("cookie", text, MUSTER_ID_BYTES_MAX + 2, "long_id");
}

static void test_identity_normalise__only_clean_text(void **state)
{
    (void)state;
    expect_refused_bytes("cookie", "a\0b", 3, "bad_id");
    expect_refused("cookie", "a\nb", "bad_id");
    expect_refused("customer", "a\x7f", "bad_id");
    expect_refused("ctv",
                   "a\xc2\x85"
                   "b",
                   "bad_id");
    expect_refused("loyalty", "\xff", "bad_id");
    expect_refused("loyalty", "a\xc3", "bad_id");
    expect_refused("loyalty", "\xed\xa0\x80", "bad_id");
    pseudonym_of("loyalty", "Zo\xc3\xab");
    pseudonym_of("loyalty", "a\xc2\xa0"
                            "b");
}

static void test_identity_normalise__people_stay_out_of_every_space(void **s)
{
    (void)s;
    static const char *const spaces[] = {
        "cookie", "customer",     "gaid",         "idfa",
        "ctv",    "email_sha256", "phone_sha256", "loyalty"};
    static const char *const people[] = {
        "joe@example.com",
        " Joe.Doe+x@mail.example.co.uk ",
        "joe%40example.com",
        "mailto:joe@example.com",
        "id=1;m=a@b.de;x=2",
        "+4915112345678",
        "+1 (555) 123-4567",
        "+49 30/12.34.56-78",
        "j\xc3\xb6@m\xc3\xbcller.de",
    };
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
        for (size_t j = 0; j < sizeof people / sizeof people[0]; j++)
            expect_refused(spaces[i], people[j], "pii_suspected");
    expect_refused("gaid", "4915112345678", "pii_suspected");
    expect_refused("email_sha256", "030 1234-5678", "pii_suspected");
}

static void test_identity_normalise__numbers_of_customers_stay_legal(void **s)
{
    (void)s;
    static const char *const legal[] = {
        "4915112345678",
        "12345678",
        "030-1234567",
        "1",
        "+1234567",
        "user@host",
        "@handle",
        "a@",
        "GA1.2.1.1",
        "+1234567890123456",
        "x+y@z",
        "100%",
        "https://a.example/@bob.b",
        "react@18.2",
    };
    for (size_t i = 0; i < sizeof legal / sizeof legal[0]; i++) {
        pseudonym_of("customer", legal[i]);
        assert_false(identity_is_pii(text_of(legal[i])));
    }
}

static void test_identity_normalise__values_are_looked_at_too(void **state)
{
    (void)state;
    assert_true(identity_is_pii(text_of("joe@example.com")));
    assert_true(identity_is_pii(text_of(" +49 151 1234 5678 ")));
    assert_false(identity_is_pii(text_of("autos")));
    assert_false(identity_is_pii(text_of("")));
    assert_false(identity_is_pii(text_make(NULL, 0)));
    assert_false(identity_is_pii(text_make("+1234567\0", 9)));
}

static void test_identity_normalise__messages_do_not_quote_the_id(void **state)
{
    (void)state;
    static const char *const spaces[] = {"cookie", "gaid", "email_sha256"};
    static const char *const ids[] = {"secretsecret@example.com",
                                      "+4915112345678", "secret\x01secret",
                                      UUID_ZERO};
    muster_error err;
    muster_pseudonym p;
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
        for (size_t j = 0; j < sizeof ids / sizeof ids[0]; j++) {
            error_clear(&err);
            assert_int_not_equal(
                pseudonymise(spaces[i], ids[j], strlen(ids[j]), &p, &err), 0);
            assert_null(strstr(err.message, "secret"));
            assert_null(strstr(err.message, "4915"));
            assert_null(strstr(err.message, "0000"));
            assert_string_equal(err.suggestion, "");
            assert_non_null(strstr(err.message, spaces[i]));
        }
    }
}

static void test_identity_normalise__the_space_is_bounded(void **state)
{
    (void)state;
    char space[MUSTER_NAME_BYTES_MAX + 2];
    memset(space, 's', sizeof space);
    muster_error err;
    muster_pseudonym p;
    const identity_raw raw = identity_raw_of(text_of("a"));
    assert_int_equal(
        identity_pseudonymise(key, text_make(space, MUSTER_NAME_BYTES_MAX), raw,
                              &p, NULL),
        0);
    assert_int_equal(
        identity_pseudonymise(key, text_make(space, MUSTER_NAME_BYTES_MAX + 1),
                              raw, &p, &err),
        MUSTER_EINVAL);
    assert_string_equal(err.word, "bad_space");
    assert_int_equal(identity_pseudonymise(key, text_of(""), raw, &p, &err),
                     MUSTER_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_normalise__white_space_is_no_part),
        cmocka_unit_test(
            test_identity_normalise__case_matters_where_ids_have_it),
        cmocka_unit_test(test_identity_normalise__spaces_are_apart),
        cmocka_unit_test(test_identity_normalise__digest_in_hex_is_its_base64),
        cmocka_unit_test(test_identity_normalise__digest_needs_its_form),
        cmocka_unit_test(test_identity_normalise__uuid_needs_its_form),
        cmocka_unit_test(test_identity_normalise__nobody_is_no_user),
        cmocka_unit_test(test_identity_normalise__empty_and_long),
        cmocka_unit_test(test_identity_normalise__only_clean_text),
        cmocka_unit_test(
            test_identity_normalise__people_stay_out_of_every_space),
        cmocka_unit_test(
            test_identity_normalise__numbers_of_customers_stay_legal),
        cmocka_unit_test(test_identity_normalise__values_are_looked_at_too),
        cmocka_unit_test(test_identity_normalise__messages_do_not_quote_the_id),
        cmocka_unit_test(test_identity_normalise__the_space_is_bounded),
    };
    return cmocka_run_group_tests(tests, open_key, close_key);
}
