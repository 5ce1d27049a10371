/*
 * liveramp_test.c - LiveRamp's files: headers, hashes, fields, and the fate
 * of each malformed row.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest_support.h"

#include "ingest/format.h"

#define SHA256                                                                 \
    "b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514"
#define SHA1 "0123456789abcdef0123456789abcdef01234567"
#define MD5 "0123456789abcdef0123456789abcdef"
#define IDFA "6D92078A-8246-4BA4-AE5B-76104861E7DC"

static ingest_options options_of(dialect *d)
{
    ingest_options options = test_options(INGEST_LIVERAMP);
    memset(d, 0, sizeof *d);
    d->format = INGEST_LIVERAMP;
    options.dialect = d;
    return options;
}

static void test_ingest_liveramp__headers(void **state)
{
    static const struct {
        const char *header;
        liveramp_kind kind;
        const char *name; /* NULL: none */
    } cases[] = {
        {"EMAIL", LIVERAMP_ID, "email_sha256"},
        {"EMAIL1", LIVERAMP_ID, "email_sha256"},
        {"email_2", LIVERAMP_ID, "email_sha256"},
        {"EMAIL1_SHA-256", LIVERAMP_ID, "email_sha256"},
        {"Sha256 Email 1", LIVERAMP_ID, "email_sha256"},
        {"EMAIL1_SHA-1", LIVERAMP_ID, "email_sha1"},
        {"EMAIL3_MD5", LIVERAMP_ID, "email_md5"},
        {"EMAILMD5", LIVERAMP_ID, "email_md5"},
        {"PHONE1_SHA-1", LIVERAMP_ID, "phone_sha1"},
        {"PHONE2", LIVERAMP_ID, "phone_sha1"},
        {"IDFA", LIVERAMP_ID, "idfa"},
        {"aaid", LIVERAMP_ID, "gaid"},
        {"IDFA_SHA-1", LIVERAMP_ID, "maid_sha1"},
        {"CTV ID", LIVERAMP_ID, "ctv"},
        {"RampID", LIVERAMP_ID, "rampid"},
        {"Cookie", LIVERAMP_ID, "cookie"},
        {"CustomID", LIVERAMP_ID, "customer"},
        {"FIRSTNAME", LIVERAMP_DROPPED, ""},
        {"ADDRESS2", LIVERAMP_DROPPED, ""},
        {"ZIP", LIVERAMP_DROPPED, ""},
        {"PHONE1_SHA-256", LIVERAMP_DROPPED, ""},
        {"EMAIL_SHA256_2", LIVERAMP_DROPPED, ""},
        {"Gender", LIVERAMP_DATA, "gender"},
        {"Income Band", LIVERAMP_DATA, "income_band"},
        {"EMAILABLE", LIVERAMP_DATA, "emailable"},
        {"SEGMENT1", LIVERAMP_DATA, "segment1"},
        {"", LIVERAMP_DATA, NULL},
        {"1st", LIVERAMP_DATA, NULL},
        {"me@example.com", LIVERAMP_DATA, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        liveramp_kind kind;
        char name[MUSTER_NAME_BYTES_MAX + 1];
        const bool found =
            liveramp_column(text_of(cases[i].header), &kind, name);
        if (found != (cases[i].name != NULL) ||
            (found && (kind != cases[i].kind ||
                       strcmp(name, cases[i].name) != 0)))
            fail_msg("%s", cases[i].header);
    }
}

/* Comma, tab and bar: the same facts; nothing is a number or a list. */
static void test_ingest_liveramp__fields_are_texts(void **state)
{
    static const char row[] = "EMAIL1_SHA-256,IDFA,Gender,Visits,Codes,ZIP\n"
                              SHA256 "," IDFA ",F,34,a/b,\n";
    static const char separators[] = {',', '\t', '|'};
    (void)state;
    for (size_t i = 0; i < sizeof separators; i++) {
        char text[512];
        dialect d;
        buffer out;
        const ingest_options options = options_of(&d);
        snprintf(text, sizeof text, "%s", row);
        for (char *at = text; *at != '\0'; at++)
            *at = *at == ',' ? separators[i] : *at;
        parse_chunk_text(&out, &options, text, strlen(text));
        assert_non_null(strstr(buffer_cstr(&out), " id=email_sha256:"));
        assert_non_null(strstr(buffer_cstr(&out), " id=idfa:"));
        assert_non_null(strstr(buffer_cstr(&out),
                               "\n  set attribute=gender value=F\n"
                               "  set attribute=visits value=34\n"
                               "  set attribute=codes value=a/b\n"));
        buffer_release(&out);
    }
}

static void test_ingest_liveramp__malformed_rows(void **state)
{
    static const struct {
        const char *rows;
        ingest_reason reason;
        const char *pointer;
    } cases[] = {
        {"EMAIL1,a\nme@example.com,1\n", INGEST_PII_SUSPECTED,
         "/ids/email_sha256"},
        {"EMAIL1,a\nnohash,1\n", INGEST_BAD_ID, "/ids/email_sha256"},
        {"EMAIL_MD5,a\nme@example.com,1\n", INGEST_PII_SUSPECTED,
         "/ids/email_md5"},
        {"EMAIL_MD5,a\n" SHA1 ",1\n", INGEST_PII_SUSPECTED,
         "/ids/email_md5"},
        {"PHONE1,a\n5551234567,1\n", INGEST_PII_SUSPECTED,
         "/ids/phone_sha1"},
        {"IDFA,a\nx,1\n", INGEST_BAD_ID, "/ids/idfa"},
        {"CUSTOMID,a\n,1\n", INGEST_NO_IDS, "/ids"},
        {"CUSTOMID,a\nc1\n", INGEST_BAD_CSV, ""},
        {"CUSTOMID,a\nc1,1,2\n", INGEST_BAD_CSV, ""},
        {"CUSTOMID,a\nc1,\"x\n", INGEST_BAD_CSV, ""},
        {"CUSTOMID,a\nc1,me@example.com\n", INGEST_PII_SUSPECTED, "/set/a"},
        {"CUSTOMID,a\nc1,\xff\n", INGEST_BAD_UTF8, "/set/a"},
    };
    dialect d;
    const ingest_options options = options_of(&d);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(&options, cases[i].rows, strlen(cases[i].rows),
                       cases[i].reason, cases[i].pointer);
}

static void test_ingest_liveramp__bad_headers(void **state)
{
    static const struct {
        const char *header, *part;
    } cases[] = {
        {"a,b\n", "no header is that of an identifier"},
        {"EMAIL1,Income Band,income_band\n", "columns 2 and 3"},
        {"EMAIL1,\n", "column 2"},
        {"me@example.com,x\n", "column 1"},
        {"EMAIL1,\"a\n", "malformed"},
    };
    dialect d;
    const ingest_options options = options_of(&d);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fact_batch *b = NULL;
        muster_error err;
        assert_int_equal(ingest_parse_chunk(&options, cases[i].header,
                                            strlen(cases[i].header), &b, &err),
                         MUSTER_EPARSE);
        assert_string_equal(err.word, "bad_header");
        if (strstr(err.message, cases[i].part) == NULL)
            fail_msg("%s: %s", cases[i].header, err.message);
        assert_null(strchr(err.message, '@'));
    }
}

static void test_ingest_liveramp__cells_are_counted_by_column(void **state)
{
    static const char rows[] = "EMAIL1,EMAIL2,Gender,FIRSTNAME,ZIP\n" SHA256
                               ",,F,Jane,12345\n" SHA256 "," SHA256 ",,,\n";
    dialect d;
    fact_batch *b = NULL;
    const ingest_options options = options_of(&d);
    (void)state;
    assert_int_equal(
        ingest_parse_chunk(&options, rows, strlen(rows), &b, NULL), 0);
    assert_int_equal(b->record_count, 2);
    assert_int_equal(tally_get(&b->tally, "ids/email_sha256"), 3);
    assert_int_equal(tally_get(&b->tally, "columns/gender"), 1);
    assert_int_equal(tally_get(&b->tally, "passed_over"), 2);
    fact_batch_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_liveramp__headers),
        cmocka_unit_test(test_ingest_liveramp__fields_are_texts),
        cmocka_unit_test(test_ingest_liveramp__malformed_rows),
        cmocka_unit_test(test_ingest_liveramp__bad_headers),
        cmocka_unit_test(test_ingest_liveramp__cells_are_counted_by_column),
    };
    return cmocka_run_group_tests_name("ingest_liveramp", tests, NULL, NULL);
}
