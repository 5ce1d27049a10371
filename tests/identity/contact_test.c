/*
 * contact_test.c - the digests of contacts by rule: UID2's own vectors, one
 * address under every rule, phone numbers as people write them, and what is
 * refused, by the right word and without being quoted.
 *
 * The digests were made by another program from the normal form that stands
 * behind each:  printf %s NORMAL-FORM | openssl dgst -sha256
 * and, for Base64,  printf %s NORMAL-FORM | openssl dgst -sha256 -binary |
 * openssl base64 -A
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "identity/identity.h"

/* user@example.com */
#define USER "b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514"
/* janesaoirse@gmail.com */
#define JANE "92ee26057ed9dea2535d6c8b141d48373932476599196e00352254896db5888f"
/* janesaoirse@example.com */
#define JANE_EXAMPLE                                                           \
    "d6670e7a92007f1b5ff785f1fc81e53aa6d3d7bd06bdf5c473cdc7286c284b6d"
/* janesaoirse+work@example.com */
#define JANE_WORK                                                              \
    "28aaee4815230cd3b4ebd88c515226550666e91ac019929e3adac3f66c288180"
/* jane.saoirse+work@gmail.com */
#define GMAIL_AS_IS                                                            \
    "6f0f30b37b9cd7ab345145aa600a4fd1bbb903024880f561b00045d9143db80c"
/* jane.saoirse@gmail.com */
#define GMAIL_DOT                                                              \
    "58bad64ae1c94e2bfdcf592ca545bea6201cbe1a87f8bef0cb88388f88009649"
/* janesaoirse@googlemail.com */
#define GOOGLEMAIL                                                             \
    "7e9a04b260a70049abbced541c0dcff4cf76e5fa6c3241f41fe7c2acddcb684e"
/* jane.saoirse+work@googlemail.com */
#define GOOGLEMAIL_AS_IS                                                       \
    "90c4d94919b9ed01e2151ec4c3e2ae7d28988567ab597724d159b971a5c9fd43"
/* müller@example.com, in UTF-8 */
#define WIDE "39c030ac25030a19ba73533af6d5bad6de543475377193dd2589e3ed49f90d80"
/* +12345678901 */
#define US "10e6f0b47054a83359477dcb35231db6de5c69fb1816e1a6b98e192de9e5b9ee"
/* +4930123456 */
#define BERLIN                                                                 \
    "a909469fabf3f43d0b7b6c42a85a6e7e8ceb36c7a2f0f1b9c15b80dc16384cb7"
/* 4930123456 */
#define BERLIN_DIGITS                                                          \
    "ac75546db905289f50bd750fd5648fec0719074ce391521b2372abeae9110668"
/* +39061234567 */
#define ROME "7d8923c780c57dd46ec29d2ba33afd31a571d7cea22c134d2c0a18ba897a9ad7"

#define UID2 MUSTER_CONTACT_UID2
#define GOOGLE MUSTER_CONTACT_GOOGLE
#define AAM MUSTER_CONTACT_AAM
#define META MUSTER_CONTACT_META
#define TIKTOK MUSTER_CONTACT_TIKTOK

typedef struct contact_case {
    muster_contact_rule rule;
    uint16_t country;
    const char *raw;
    const char *want; /* hex, or the word of the error */
} contact_case;

static void expect(const contact_case *one, muster_contact_kind kind)
{
    const muster_contact how = {one->rule, kind, MUSTER_CONTACT_HEX,
                                one->country};
    char digest[MUSTER_CONTACT_DIGEST_BYTES] = "";
    muster_error err;
    error_clear(&err);
    const int rc = contact_hash(&how, text_of(one->raw), digest, &err);
    const char *got = rc == 0 ? digest : err.word;
    if (strcmp(got, one->want) != 0)
        fail_msg("%s of \"%s\": %s, not %s", contact_rule_name(one->rule),
                 one->raw, got, one->want);
    if (rc != 0) {
        assert_int_equal(rc, MUSTER_EINVAL);
        assert_string_equal(digest, "");
        assert_true(strlen(one->raw) < 5 ||
                    strstr(err.message, one->raw) == NULL);
    }
}

static void expect_all(const contact_case *cases, size_t n,
                       muster_contact_kind kind)
{
    for (size_t i = 0; i < n; i++)
        expect(&cases[i], kind);
}

#define EXPECT_ALL(cases, kind)                                                \
    expect_all(cases, sizeof(cases) / sizeof(cases)[0], kind)

/* docs/getting-started/gs-normalization-encoding.md of IABTechLab/uid2docs */
static void test_identity_contact__uid2_own_vectors(void **state)
{
    (void)state;
    static const struct {
        muster_contact_kind kind;
        const char *raw, *hex, *base64;
    } vectors[] = {
        {MUSTER_CONTACT_EMAIL, "USER@example.com", USER,
         "tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRQ="},
        {MUSTER_CONTACT_EMAIL, "JANE.SAOIRSE@gmail.com", JANE,
         "ku4mBX7Z3qJTXWyLFB1INzkyR2WZGW4ANSJUiW21iI8="},
        {MUSTER_CONTACT_EMAIL, "JaneSaoirse+Work@gmail.com", JANE,
         "ku4mBX7Z3qJTXWyLFB1INzkyR2WZGW4ANSJUiW21iI8="},
        {MUSTER_CONTACT_EMAIL, "JaneSaoirse+Work@example.com", JANE_WORK,
         "KKruSBUjDNO069iMUVImVQZm6RrAGZKeOtrD9mwogYA="},
        {MUSTER_CONTACT_PHONE, "+12345678901", US,
         "EObwtHBUqDNZR33LNSMdtt5cafsYFuGmuY4ZLenlue4="},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        muster_contact how = {.kind = vectors[i].kind};
        char digest[MUSTER_CONTACT_DIGEST_BYTES];
        const muster_text raw = text_of(vectors[i].raw);
        assert_int_equal(contact_hash(&how, raw, digest, NULL), 0);
        assert_string_equal(digest, vectors[i].hex);
        how.encoding = MUSTER_CONTACT_BASE64;
        assert_int_equal(contact_hash(&how, raw, digest, NULL), 0);
        assert_string_equal(digest, vectors[i].base64);
    }
}

static void test_identity_contact__each_rule_has_its_own_form(void **state)
{
    (void)state;
    static const contact_case cases[] = {
        {UID2, 0, "Jane.Saoirse+Work@Gmail.com", JANE},
        {GOOGLE, 0, "Jane.Saoirse+Work@Gmail.com", JANE},
        {AAM, 0, "Jane.Saoirse+Work@Gmail.com", GMAIL_AS_IS},
        {META, 0, "Jane.Saoirse+Work@Gmail.com", GMAIL_AS_IS},
        {TIKTOK, 0, "Jane.Saoirse+Work@Gmail.com", GMAIL_DOT},
        {UID2, 0, "jane.saoirse+work@googlemail.com", GOOGLEMAIL_AS_IS},
        {GOOGLE, 0, "jane.saoirse+work@googlemail.com", GOOGLEMAIL},
        {UID2, 0, "JaneSaoirse+Work@example.com", JANE_WORK},
        {GOOGLE, 0, "JaneSaoirse+Work@example.com", JANE_WORK},
        {AAM, 0, "JaneSaoirse+Work@example.com", JANE_WORK},
        {META, 0, "JaneSaoirse+Work@example.com", JANE_WORK},
        {TIKTOK, 0, "JaneSaoirse+Work@example.com", JANE_EXAMPLE},
        {UID2, 0, " \tUser@Example.COM\r\n", USER},
        {GOOGLE, 0, " us er@exam ple.com ", USER},
        {TIKTOK, 0, " USER@example.com ", USER},
        {AAM, 0, "m\xc3\xbcller@EXAMPLE.com", WIDE},
    };
    EXPECT_ALL(cases, MUSTER_CONTACT_EMAIL);
}

static void test_identity_contact__no_address(void **state)
{
    (void)state;
    static const contact_case cases[] = {
        {UID2, 0, "", "empty_contact"},
        {UID2, 0, " \t ", "empty_contact"},
        {UID2, 0, "nobody", "bad_email"},
        {UID2, 0, "@example.com", "bad_email"},
        {UID2, 0, "user@", "bad_email"},
        {UID2, 0, "user@home@example.com", "bad_email"},
        {UID2, 0, "us er@example.com", "bad_email"},
        {UID2, 0, "us\ter@example.com", "bad_email"},
        {GOOGLE, 0, "us\ter@example.com", "bad_email"},
        {GOOGLE, 0, " @ ", "bad_email"},
        {AAM, 0, "user\x7f@example.com", "bad_email"},
        {AAM, 0, "user\xc2\x85@example.com", "bad_email"},
        {AAM, 0, "user@example.com\xc2\xa0", "bad_email"},
        {AAM, 0, "user\xff@example.com", "bad_email"},
        {UID2, 0, "+work@gmail.com", "bad_email"},
        {UID2, 0, "...@gmail.com", "bad_email"},
        {TIKTOK, 0, "+work@example.com", "bad_email"},
        {UID2, 0, USER, "bad_email"}, /* hashed already */
    };
    EXPECT_ALL(cases, MUSTER_CONTACT_EMAIL);
    /* A NUL is a control character too. */
    const muster_contact how = {.rule = AAM};
    char digest[MUSTER_CONTACT_DIGEST_BYTES];
    assert_int_equal(
        contact_hash(&how, text_make("a\0b@example.com", 15), digest, NULL),
        MUSTER_EINVAL);
}

static void test_identity_contact__an_address_has_254_bytes(void **state)
{
    (void)state;
    char long_one[300];
    memset(long_one, 'a', sizeof long_one);
    memcpy(long_one + 100, "@", 1);
    for (size_t len = 253; len <= 256; len++) {
        const muster_contact how = {.rule = META};
        char digest[MUSTER_CONTACT_DIGEST_BYTES];
        muster_error err;
        error_clear(&err);
        const int rc =
            contact_hash(&how, text_make(long_one, len), digest, &err);
        assert_int_equal(rc, len <= 254 ? 0 : MUSTER_EINVAL);
        assert_string_equal(err.word, len <= 254 ? "" : "long_email");
    }
}

static void test_identity_contact__numbers_as_people_write_them(void **state)
{
    (void)state;
    static const contact_case cases[] = {
        {UID2, 0, "+49 30 123456", BERLIN},
        {GOOGLE, 0, "+49 (0)30 / 12-34.56", BERLIN},
        {GOOGLE, 0, "(+49) 30 123456", BERLIN},
        {GOOGLE, 49, "030 123456", BERLIN},
        {GOOGLE, 49, "30 123456", BERLIN},
        {GOOGLE, 49, "0049 30 123456", BERLIN},
        {GOOGLE, 1, "011 49 30 123456", BERLIN},
        {GOOGLE, 1, "00 49 30 123456", BERLIN},
        {GOOGLE, 43, "+49 30 123456", BERLIN},
        {UID2, 1, "(234) 567-8901", US},
        {UID2, 1, "1-234-567-8901", US},
        {UID2, 1, "+1 234.567.8901", US},
        {GOOGLE, 39, "06 123 4567", ROME},
        {META, 0, "+49 30 123456", BERLIN_DIGITS},
        {META, 0, "0049 30 123456", BERLIN_DIGITS},
        {META, 0, "49 30 123456", BERLIN_DIGITS},
        {META, 49, "030 123456", BERLIN_DIGITS},
        {TIKTOK, 0, "+49 30 123456", BERLIN_DIGITS},
        {TIKTOK, 49, "030 123456", BERLIN_DIGITS},
    };
    EXPECT_ALL(cases, MUSTER_CONTACT_PHONE);
}

static void test_identity_contact__no_number(void **state)
{
    (void)state;
    static const contact_case cases[] = {
        {GOOGLE, 0, "  ", "empty_contact"},
        {GOOGLE, 0, "030 123456", "no_country"},
        {UID2, 0, "12345678901", "no_country"},
        {GOOGLE, 49, "n/a", "bad_phone"},
        {META, 0, "call me", "bad_phone"},
        {META, 0, "0000000000", "bad_phone"},
        {TIKTOK, 0, "/", "bad_phone"},
        {GOOGLE, 0, "+49 30 123456 ext. 7", "bad_phone"},
        {GOOGLE, 0, "49+30123456", "bad_phone"},
        {GOOGLE, 0, "++4930123456", "bad_phone"},
        {GOOGLE, 0, "+0930123456", "bad_phone"},
        {GOOGLE, 0, "+49301", "bad_phone"},
        {GOOGLE, 0, "+493012345678901", NULL},
        {GOOGLE, 0, "+4930123456789012", "bad_phone"},
        {META, 0, "493012345678901234567890123", "bad_phone"},
        {GOOGLE, 49, "30123456789012345678901", "bad_phone"},
        {UID2, 0, "+290 12345", "bad_phone"}, /* 8 digits; 10 are asked */
        {GOOGLE, 0, "+290 12345", NULL},
        {AAM, 0, "+4930123456", "no_phone_rule"},
        {AAM, 49, "", "no_phone_rule"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].want != NULL) {
            expect(&cases[i], MUSTER_CONTACT_PHONE);
            continue;
        }
        const muster_contact how = {cases[i].rule, MUSTER_CONTACT_PHONE,
                                    MUSTER_CONTACT_HEX, 0};
        char digest[MUSTER_CONTACT_DIGEST_BYTES];
        assert_int_equal(
            contact_hash(&how, text_of(cases[i].raw), digest, NULL), 0);
    }
}

/* Of each numbering plan that is not 0 and 00: national, from abroad, whole. */
static void test_identity_contact__plans(void **state)
{
    (void)state;
    static const struct {
        uint16_t country;
        const char *national, *abroad, *whole;
    } plans[] = {
        {7, "8 916 123-45-67", "8107 916 123 45 67", "+79161234567"},
        {7, "800 123 45 67", "007 800 1234567", "+78001234567"},
        {36, "06 1 234 5678", "00 36 1 234 5678", "+3612345678"},
        {81, "03-1234-5678", "010 81 3 1234 5678", "+81312345678"},
        {225, "07 12 34 56 78", "00225 0712345678", "+2250712345678"},
        {242, "06 123 4567", "00242 06 1234567", "+242061234567"},
        {370, "8 612 34567", "00370 612 34567", "+37061234567"},
        {375, "8029 123-45-67", "810 375 291234567", "+375291234567"},
        {378, "0549 123456", "00378 0549123456", "+3780549123456"},
        {993, "8 12 345678", "810993 12345678", "+99312345678"},
    };
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        muster_contact how = {GOOGLE, MUSTER_CONTACT_PHONE, MUSTER_CONTACT_HEX,
                              0};
        char want[MUSTER_CONTACT_DIGEST_BYTES];
        const muster_text whole = text_of(plans[i].whole);
        assert_int_equal(contact_hash(&how, whole, want, NULL), 0);
        how.country = plans[i].country;
        expect(&(contact_case){GOOGLE, how.country, plans[i].national, want},
               how.kind);
        expect(&(contact_case){GOOGLE, how.country, plans[i].abroad, want},
               how.kind);
    }
}

static void test_identity_contact__names(void **state)
{
    (void)state;
    muster_contact_rule rule = META;
    muster_error err;
    for (int i = UID2; i <= TIKTOK; i++) {
        const char *name = contact_rule_name((muster_contact_rule)i);
        assert_int_equal(contact_rule_find(&rule, text_of(name), NULL), 0);
        assert_int_equal((int)rule, i);
    }
    error_clear(&err);
    assert_int_equal(contact_rule_find(&rule, text_of("gogle"), &err),
                     MUSTER_ENOTFOUND);
    assert_string_equal(err.word, "unknown_rule");
    assert_string_equal(err.suggestion, "google");
}

static void test_identity_contact__calling_codes(void **state)
{
    (void)state;
    static const char *const none[] = {"",    "+",    "+0",  "049", "+1234",
                                       "49 ", "+-49", "+4x", "DE"};
    uint16_t country = 0;
    assert_int_equal(contact_country_parse(&country, text_of("+49"), NULL), 0);
    assert_int_equal(country, 49);
    assert_int_equal(contact_country_parse(&country, text_of("1"), NULL), 0);
    assert_int_equal(country, 1);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_int_equal(
            contact_country_parse(&country, text_of(none[i]), NULL),
            MUSTER_EINVAL);
    assert_int_equal(country, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_contact__uid2_own_vectors),
        cmocka_unit_test(test_identity_contact__each_rule_has_its_own_form),
        cmocka_unit_test(test_identity_contact__no_address),
        cmocka_unit_test(test_identity_contact__an_address_has_254_bytes),
        cmocka_unit_test(test_identity_contact__numbers_as_people_write_them),
        cmocka_unit_test(test_identity_contact__no_number),
        cmocka_unit_test(test_identity_contact__plans),
        cmocka_unit_test(test_identity_contact__names),
        cmocka_unit_test(test_identity_contact__calling_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
