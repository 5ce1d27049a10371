/*
 * aam_test.c - Audience Manager's files: the names and lines of Adobe's
 * documentation, the fate of each malformed one, and what is of a whole file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest_support.h"

#define UUID "59767559181262060060278870901087098252"
#define DPUUID "DBwFoc3dhfMNCFBh2M4F9ZkJEXMNnRDh2PXvnI1"
#define GAID "e4fe9bde-caa0-47b6-908d-ffba3fa184f2"
#define IDFA "6D92078A-8246-4BA4-AE5B-76104861E7DC"

static void read_name(dialect *out, const char *name)
{
    if (!dialect_of_name(out, text_of(name)))
        fail_msg("%s is a name", name);
}

static ingest_options options_of(dialect *d, const char *name)
{
    read_name(d, name);
    ingest_options options = test_options(d->format);
    options.dialect = d;
    options.provider = d->provider;
    return options;
}

/* ---- names ---- */

static void test_ingest_aam__names_of_data_files(void **state)
{
    static const struct {
        const char *name, *space, *provider;
        long long ts;
        bool overwrite;
    } cases[] = {
        {"date=2016-05-09/ftp_dpm_478_1366545717.sync.1.gz", "dpid_478",
         "dpid_478", 1366545717, false},
        {"ftp_dpm_478_1366545717.sync", "dpid_478", "dpid_478", 1366545717,
         false},
        {"ftp_dpm_478_567_1366545717.sync.gz", "dpid_478", "dpid_567",
         1366545717, false},
        {"ftp_dpm_478_1366545717.overwrite", "dpid_478", "dpid_478",
         1366545717, true},
        {"ftp_dpm_33_21_1234567890.sync", "dpid_33", "dpid_21", 1234567890,
         false},
        {"ftp_dpm_20914_21_1234567890.sync", "gaid", "dpid_21", 1234567890,
         false},
        {"ftp_dpm_20915_21_1234567890.overwrite.12", "idfa", "dpid_21",
         1234567890, true},
        {"ftp_dpm_121963_21_1234567890.sync", "ctv", "dpid_21", 1234567890,
         false},
        {"ftp_dpm_389146_21_1234567890.sync", "dpid_389146", "dpid_21",
         1234567890, false},
        {"ftp_dpm_0_1234567890.sync", "aam_uuid", "dpid_0", 1234567890,
         false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dialect d;
        read_name(&d, cases[i].name);
        assert_int_equal(d.format, INGEST_AAM);
        assert_string_equal(d.columns[0].space, cases[i].space);
        assert_string_equal(d.provider, cases[i].provider);
        assert_true(d.ts == cases[i].ts && d.column_count == 1);
        assert_int_equal(d.overwrite, cases[i].overwrite);
    }
}

static void test_ingest_aam__names_of_id_sync_files(void **state)
{
    dialect d;
    (void)state;
    read_name(&d, "adobe_id_111_222_333_444_1454442149.sync");
    assert_int_equal(d.format, INGEST_AAM_IDS);
    assert_int_equal(d.column_count, 4);
    assert_string_equal(d.columns[3].space, "dpid_444");
    assert_string_equal(d.provider, "dpid_111");
    read_name(&d, "adobe_id_123_898_456_1454442149.sync.2.gz");
    read_name(&d, "0_12345_1476312152.sync");
    assert_string_equal(d.columns[0].space, "aam_uuid");
    read_name(&d, "c2c_id_12_34_1476312152.sync");
    assert_string_equal(d.columns[0].space, "dpid_12");
    assert_string_equal(d.columns[1].space, "email_sha256");
}

static void test_ingest_aam__names_that_are_none(void **state)
{
    static const char *const names[] = {
        "", "people.ndjson", "ftp_dpm_478.sync", "ftp_dpm_478_136654571.sync",
        "ftp_dpm_478_13665457171.sync", "ftp_dpm_478_1366545717",
        "ftp_dpm_478_1366545717.sync.zip", "ftp_dpm_478_1366545717.syncx",
        "ftp_dpm_478_1366545717.sync.1.2", "ftp_dpm_478_1366545717.sync.",
        "ftp_dpm_x_1366545717.sync", "ftp_dpm_1_2_3_1366545717.sync",
        "ftp_dpm_12345678901_1366545717.sync", "ftp_dpm__1366545717.sync",
        /* a global source is nobody's */
        "ftp_dpm_20914_1366545717.sync", "ftp_dpm_20915_1366545717.overwrite",
        "adobe_id_111_1454442149.sync", "adobe_id_1_2_1454442149.overwrite",
        "adobe_id_1_2_3_4_5_6_7_8_9_10_11_12_13_14_15_16_17_1454442149.sync",
        "2026_11_21.sync"};
    dialect d;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (dialect_of_name(&d, text_of(names[i])))
            fail_msg("%s is no name", names[i]);
}

/* ---- lines ---- */

/* What the line becomes, but for its record. */
static void assert_line(const char *name, const char *line, const char *facts)
{
    dialect d;
    buffer text;
    const ingest_options options = options_of(&d, name);
    parse_chunk_text(&text, &options, line, strlen(line));
    const char *got = strchr(buffer_cstr(&text), '\n');
    if (strncmp(buffer_cstr(&text), "record", 6) != 0 || got == NULL ||
        strcmp(got + 1, facts) != 0)
        fail_msg("%s\nbecame\n%s", line, buffer_cstr(&text));
    buffer_release(&text);
}

#define ADD(attribute, value)                                                  \
    "  add attribute=" attribute " value=" value "\n"
#define REMOVE(value) "  remove attribute=trait value=" value "\n"

/* The matrix of examples in "Inbound Data File Contents". */
static void test_ingest_aam__examples_of_the_documentation(void **state)
{
    static const struct {
        const char *name, *id;
    } files[] = {{"ftp_dpm_0_21_1366545717.sync", UUID},
                 {"ftp_dpm_20914_21_1366545717.sync", GAID},
                 {"ftp_dpm_20915_21_1366545717.sync", IDFA},
                 {"ftp_dpm_478_1366545717.sync", DPUUID}};
    static const struct {
        const char *items, *facts;
    } cases[] = {
        {"d_sid=24, d_sid=26, d_sid=27",
         ADD("trait", "24") ADD("trait", "26") ADD("trait", "27")},
        {"d_unsid=24, d_unsid=26, d_unsid=27",
         REMOVE("24") REMOVE("26") REMOVE("27")},
        {"24:0, 26:0, 27:0", REMOVE("24") REMOVE("26") REMOVE("27")},
        {"24:-1, 26:-1, 27:-1", REMOVE("24") REMOVE("26") REMOVE("27")},
        {"product = tablet, product = phone",
         ADD("signal.product", "tablet") ADD("signal.product", "phone")},
        {"\"product\" = \"tablet\", \"product\" = \"phone\"",
         ADD("signal.product", "tablet") ADD("signal.product", "phone")},
        {"30608,50354,50338,50352,30626",
         ADD("trait.ic", "30608") ADD("trait.ic", "50354")
             ADD("trait.ic", "50338") ADD("trait.ic", "50352")
                 ADD("trait.ic", "30626")},
        {"ic=52,ic=55", ADD("trait.ic", "52") ADD("trait.ic", "55")},
        {"d_sid=24,d_sid=26,d_sid=27,d_unsid=28,d_unsid=29",
         REMOVE("28") REMOVE("29") ADD("trait", "24") ADD("trait", "26")
             ADD("trait", "27")},
        {"\"gender\"=\"female\",\"luxury_shopper\"=\"yes\"",
         ADD("signal.gender", "female") ADD("signal.luxury_shopper", "yes")},
        {"\"age\"=\"32\" , \"gender\"=m , model = \"pickup truck\"",
         ADD("signal.age", "32") ADD("signal.gender", "m")
             ADD("signal.model", "pickup truck")},
        {"d_city = \"New York\", \"d_city\" = \"San Francisco\"",
         ADD("signal.d_city", "New York")
             ADD("signal.d_city", "San Francisco")},
        {"-product = camera", ADD("signal.product", "camera")},
        {"price123=1,123price=2,price-123=3,c_price123=4",
         ADD("signal.price123", "1") ADD("signal.k_123price", "2")
             ADD("signal.price_123", "3") ADD("signal.c_price123", "4")},
        {"Place=\"Paris, France\",Url=a=b",
         ADD("signal.place", "Paris, France") ADD("signal.url", "a=b")},
    };
    (void)state;
    for (size_t f = 0; f < sizeof files / sizeof *files; f++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            char line[512];
            snprintf(line, sizeof line, "%s\t%s\r\n", files[f].id,
                     cases[i].items);
            assert_line(files[f].name, line, cases[i].facts);
        }
}

static void test_ingest_aam__overwrite_wipes_and_removes_nothing(void **state)
{
    (void)state;
    assert_line("ftp_dpm_478_1366545717.overwrite",
                "u1\td_sid=24,d_unsid=25,26:0\n",
                "  wipe\n" ADD("trait", "24"));
    assert_line("ftp_dpm_478_1366545717.overwrite", "u1\td_unsid=25\n",
                "  wipe\n");
}

static void test_ingest_aam__each_malformed_line_has_its_fate(void **state)
{
    static const struct {
        const char *line;
        ingest_reason reason;
        const char *pointer;
    } cases[] = {
        {"u1 d_sid=24", INGEST_BAD_LINE, ""},
        {"\td_sid=24", INGEST_BAD_LINE, ""},
        {"u1\td_sid=24\t25", INGEST_BAD_LINE, ""},
        {"u1\t", INGEST_BAD_LINE, ""},
        {"u1\td_sid=24\t", INGEST_BAD_LINE, ""},
        {"u1\td_sid=24 ", INGEST_BAD_LINE, ""},
        {" ", INGEST_BAD_LINE, ""},
        {"u1\t,24", INGEST_BAD_LINE, "/items/0"},
        {"u1\t24,,25", INGEST_BAD_LINE, "/items/1"},
        {"u1\t24,", INGEST_BAD_LINE, "/items/1"},
        {"u1\td_sid=abc", INGEST_BAD_LINE, "/items/0"},
        {"u1\td_unsid=", INGEST_BAD_LINE, "/items/0"},
        {"u1\t24:1", INGEST_BAD_LINE, "/items/0"},
        {"u1\t:0", INGEST_BAD_LINE, "/items/0"},
        {"u1\tabc", INGEST_BAD_LINE, "/items/0"},
        {"u1\t123=1", INGEST_BAD_LINE, "/items/0"},
        {"u1\tprice!123=1", INGEST_BAD_LINE, "/items/0"},
        {"u1\t_x=1", INGEST_BAD_LINE, "/items/0"},
        {"u1\t=1", INGEST_BAD_LINE, "/items/0"},
        {"u1\t\"a=1", INGEST_BAD_LINE, "/items/0"},
        {"u1\ta=\"x\"y", INGEST_BAD_LINE, "/items/0"},
        {"u1\ta=b\"\"c", INGEST_BAD_LINE, "/items/0"},
        /* quotes as word processors make them */
        {"u1\t\xe2\x80\x9cgender\xe2\x80\x9d=female", INGEST_BAD_LINE,
         "/items/0"},
        {"u1\ta=", INGEST_BAD_VALUE, "/items/0"},
        {"u1\td_sid=1,a=\x01", INGEST_BAD_VALUE, "/items/1"},
        {"u1\ta=\xff", INGEST_BAD_UTF8, "/items/0"},
        {"u1\ta=me@example.com", INGEST_PII_SUSPECTED, "/items/0"},
        {"a:b\t24", INGEST_BAD_ID, "/ids/dpid_478"},
        {"a%3Ab\t24", INGEST_BAD_ID, "/ids/dpid_478"},
        {"me@example.com\t24", INGEST_PII_SUSPECTED, "/ids/dpid_478"},
    };
    dialect d;
    const ingest_options options =
        options_of(&d, "ftp_dpm_478_1366545717.sync");
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(&options, cases[i].line, strlen(cases[i].line),
                       cases[i].reason, cases[i].pointer);
}

static void test_ingest_aam__ids_have_the_form_of_their_source(void **state)
{
    static const struct {
        const char *name, *line, *pointer;
    } cases[] = {
        {"ftp_dpm_0_21_1366545717.sync", "123\t24", "/ids/aam_uuid"},
        {"ftp_dpm_0_21_1366545717.sync", DPUUID "\t24", "/ids/aam_uuid"},
        {"ftp_dpm_20914_21_1366545717.sync", IDFA "\t24", "/ids/gaid"},
        {"ftp_dpm_20915_21_1366545717.sync", GAID "\t24", "/ids/idfa"},
        {"ftp_dpm_121963_21_1366545717.sync", "roku\t24", "/ids/ctv"},
        {"ftp_dpm_20915_21_1366545717.sync",
         "00000000-0000-0000-0000-000000000000\t24", "/ids/idfa"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dialect d;
        const ingest_options options = options_of(&d, cases[i].name);
        assert_refused(&options, cases[i].line, strlen(cases[i].line),
                       INGEST_BAD_ID, cases[i].pointer);
    }
}

static void test_ingest_aam__a_file_of_later_is_refused(void **state)
{
    dialect d;
    const ingest_options options =
        options_of(&d, "ftp_dpm_478_1895262400.sync");
    (void)state;
    assert_refused(&options, "u1\t24", 5, INGEST_FUTURE, "/ts");
}

/* ---- limits ---- */

static void test_ingest_aam__long_lines_and_many_items(void **state)
{
    dialect d;
    buffer line;
    const ingest_options options =
        options_of(&d, "ftp_dpm_478_1366545717.sync");
    (void)state;
    buffer_init(&line, 1 << 20);
    buffer_put_str(&line, "u1\ta=1");
    while (line.len < 102400 - 4)
        buffer_put_str(&line, ",a=1");
    while (line.len < 102400)
        buffer_put_str(&line, "1");
    fact_batch *b = NULL;
    assert_int_equal(ingest_parse_chunk(&options, (const char *)line.data,
                                        line.len, &b, NULL), 0);
    assert_int_equal(b->reject_count, 1); /* of its items, not of its length */
    assert_int_equal(b->rejects[0].reason, INGEST_TOO_MANY);
    fact_batch_free(b);
    buffer_put_str(&line, "1");
    assert_refused(&options, line.data, line.len, INGEST_TOO_LONG, "");
    buffer_release(&line);
}

/* ---- id-sync files ---- */

static void test_ingest_aam__rows_of_ids_are_one_user(void **state)
{
    static const char row[] =
        "68079982765673198504052656074456196039\t"
        "XYZ3017D_2kzkTOXkFYIAgwbajoqWRcqkXl-TTrj6E4njaMR38\n";
    dialect d;
    fact_batch *b = NULL;
    batch_reader r;
    fact_record record;
    const ingest_options options =
        options_of(&d, "adobe_id_0_12345_1476312152.sync");
    (void)state;
    assert_int_equal(
        ingest_parse_chunk(&options, row, strlen(row), &b, NULL), 0);
    assert_int_equal(b->record_count, 1);
    assert_int_equal(batch_open(&r, b->bytes.data, b->bytes.len, NULL), 0);
    assert_true(batch_next_record(&r, &record));
    assert_int_equal(record.id_count, 2);
    assert_int_equal(record.fact_count, 0);
    batch_close(&r);
    fact_batch_free(b);
}

static void test_ingest_aam__malformed_rows_of_ids(void **state)
{
    static const struct {
        const char *row;
        ingest_reason reason;
    } cases[] = {
        {"a1", INGEST_BAD_LINE},        {"a1\tb1\tc1", INGEST_BAD_LINE},
        {"a1\t", INGEST_BAD_LINE},      {"\tb1", INGEST_BAD_LINE},
        {"a1\tb1 ", INGEST_BAD_LINE},   {"a1 b1", INGEST_BAD_LINE},
        {"a1\tb%20c", INGEST_BAD_ID},   {"a1\tme@example.com",
                                         INGEST_PII_SUSPECTED},
        {"a:1\tb1", INGEST_BAD_ID},
    };
    dialect d;
    const ingest_options options =
        options_of(&d, "adobe_id_12345_67890_1476312876.sync");
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fact_batch *b = NULL;
        assert_int_equal(ingest_parse_chunk(&options, cases[i].row,
                                            strlen(cases[i].row), &b, NULL),
                         0);
        if (b->record_count != 0 || b->reject_count != 1 ||
            b->rejects[0].reason != cases[i].reason)
            fail_msg("row %zu: %zu rejects", i, b->reject_count);
        fact_batch_free(b);
    }
}

/* A wipe is many facts: batches of them are small, those of others are not. */
static void test_ingest_aam__batches_of_wipes_are_small(void **state)
{
    static const struct {
        const char *name;
        size_t batches;
    } cases[] = {{"ftp_dpm_478_1366545717.overwrite", 3},
                 {"ftp_dpm_478_1366545717.sync", 1}};
    buffer file;
    (void)state;
    buffer_init(&file, 1 << 20);
    for (unsigned i = 0; i < 600; i++)
        buffer_printf(&file, "u%u\td_sid=1\n", i);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dialect d;
        fact_batches all;
        uint32_t records = 0;
        const ingest_options options = options_of(&d, cases[i].name);
        assert_int_equal(
            ingest_parse_body(&options, file.data, file.len, &all, NULL), 0);
        assert_int_equal(all.count, cases[i].batches);
        for (size_t k = 0; k < all.count; k++)
            records += all.items[k]->record_count;
        assert_int_equal(records, 600);
        fact_batches_release(&all);
    }
    buffer_release(&file);
}

/* ---- of a whole file ---- */

typedef struct passing {
    dialect_once *once;
    buffer text;
} passing;

static int pass_batch(void *payload, fact_batch *take_batch, muster_error *err)
{
    passing *p = payload;
    const int rc = dialect_once_pass(p->once, take_batch, err);
    put_batch(&p->text, take_batch, true);
    fact_batch_free(take_batch);
    return rc;
}

/* What comes of a file that is cut every `chunk` bytes. */
static void pass_file(passing *p, const char *name, const buffer *file,
                      size_t chunk)
{
    dialect d;
    ingest *in;
    ingest_options options = options_of(&d, name);
    options.chunk_bytes = chunk;
    p->once = dialect_once_new(&d, DIALECT_USERS_MAX);
    buffer_init(&p->text, (size_t)1 << 30);
    assert_int_equal(ingest_open(&in, &options, pass_batch, p, NULL), 0);
    assert_int_equal(ingest_push(in, file->data, file->len, NULL), 0);
    assert_int_equal(ingest_finish(in, NULL), 0);
    ingest_free(in);
    dialect_once_free(p->once);
}

static size_t count_of(const buffer *text, const char *part)
{
    size_t n = 0;
    for (const char *at = (const char *)text->data;
         (at = strstr(at, part)) != NULL; at++)
        n++;
    return n;
}

static void test_ingest_aam__a_user_has_200_lines_and_one_wipe(void **state)
{
    static const size_t chunks[] = {1, 700, 1 << 20};
    buffer file;
    char first[64] = "";
    (void)state;
    buffer_init(&file, 1 << 20);
    for (unsigned i = 0; i < 300; i++)
        buffer_printf(&file, "many\td_sid=%u\n%s", i,
                      i % 3 == 0 ? "few\td_sid=1\nbad line\n" : "");
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        passing p;
        pass_file(&p, "ftp_dpm_478_1366545717.overwrite", &file, chunks[i]);
        (void)buffer_cstr(&p.text);
        assert_int_equal(count_of(&p.text, "\nrecord") + 1, 200 + 100);
        assert_int_equal(count_of(&p.text, "  wipe\n"), 2);
        assert_int_equal(count_of(&p.text, "reject too_many"), 100);
        assert_int_equal(count_of(&p.text, "reject bad_line"), 100);
        assert_int_equal(count_of(&p.text, "value=199\n"), 1);
        assert_int_equal(count_of(&p.text, "value=200\n"), 0);
        snprintf(first, sizeof first, "%016llx",
                 (unsigned long long)hash_bytes(p.text.data, p.text.len));
        static char all[64];
        if (i == 0)
            memcpy(all, first, sizeof all);
        assert_string_equal(first, all); /* wherever it is cut */
        buffer_release(&p.text);
    }
    buffer_release(&file);
}

/* A load that goes on reads from the beginning, in batches that end where it
 * stopped. */
static int note_end(void *payload, fact_batch *take_batch, muster_error *err)
{
    uint64_t *at = payload; /* what is looked for, and whether it was seen */
    (void)err;
    at[1] |= take_batch->input_end == at[0];
    at[2] += take_batch->record_count;
    fact_batch_free(take_batch);
    return 0;
}

static void test_ingest_aam__what_was_stored_is_read_again(void **state)
{
    static const char file[] = "a\t1\nbb\t1\nccc\t1\n\nd\t1\n";
    static const uint64_t ends[] = {4, 9, 15, 16, 20};
    static const size_t chunks[] = {1, 7, 1 << 20};
    dialect d;
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        for (size_t k = 0; k < sizeof chunks / sizeof *chunks; k++) {
            uint64_t at[3] = {ends[i], 0, 0};
            ingest *in;
            ingest_options options =
                options_of(&d, "ftp_dpm_478_1366545717.sync");
            options.chunk_bytes = chunks[k];
            options.resume_at = ends[i];
            options.reread = true;
            assert_int_equal(ingest_open(&in, &options, note_end, at, NULL),
                             0);
            assert_int_equal(ingest_push(in, file, strlen(file), NULL), 0);
            assert_int_equal(ingest_finish(in, NULL), 0);
            ingest_free(in);
            assert_int_equal(at[1], 1);
            assert_int_equal(at[2], 4);
        }
    uint64_t at[3] = {99, 0, 0};
    ingest *in;
    muster_error err;
    ingest_options options = options_of(&d, "ftp_dpm_478_1366545717.sync");
    options.resume_at = 99;
    options.reread = true;
    assert_int_equal(ingest_open(&in, &options, note_end, at, NULL), 0);
    assert_int_equal(ingest_push(in, file, strlen(file), NULL), 0);
    assert_int_equal(ingest_finish(in, &err), MUSTER_ECONFLICT);
    assert_string_equal(err.word, "other_input");
    ingest_free(in);
}

static void test_ingest_aam__users_of_a_file_are_bounded(void **state)
{
    static const char file[] = "a\t1\nb\t1\nc\t1\n";
    dialect d;
    fact_batch *b = NULL;
    muster_error err;
    const ingest_options options =
        options_of(&d, "ftp_dpm_478_1366545717.sync");
    (void)state;
    dialect_once *once = dialect_once_new(&d, 2);
    assert_int_equal(
        ingest_parse_chunk(&options, file, strlen(file), &b, NULL), 0);
    assert_int_equal(dialect_once_pass(once, b, &err), MUSTER_ELIMIT);
    assert_string_equal(err.word, "many_users");
    assert_int_equal(b->record_count, 3);
    fact_batch_free(b);
    dialect_once_free(once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_aam__names_of_data_files),
        cmocka_unit_test(test_ingest_aam__names_of_id_sync_files),
        cmocka_unit_test(test_ingest_aam__names_that_are_none),
        cmocka_unit_test(test_ingest_aam__examples_of_the_documentation),
        cmocka_unit_test(test_ingest_aam__overwrite_wipes_and_removes_nothing),
        cmocka_unit_test(test_ingest_aam__each_malformed_line_has_its_fate),
        cmocka_unit_test(test_ingest_aam__ids_have_the_form_of_their_source),
        cmocka_unit_test(test_ingest_aam__a_file_of_later_is_refused),
        cmocka_unit_test(test_ingest_aam__long_lines_and_many_items),
        cmocka_unit_test(test_ingest_aam__rows_of_ids_are_one_user),
        cmocka_unit_test(test_ingest_aam__malformed_rows_of_ids),
        cmocka_unit_test(test_ingest_aam__batches_of_wipes_are_small),
        cmocka_unit_test(test_ingest_aam__a_user_has_200_lines_and_one_wipe),
        cmocka_unit_test(test_ingest_aam__what_was_stored_is_read_again),
        cmocka_unit_test(test_ingest_aam__users_of_a_file_are_bounded),
    };
    return cmocka_run_group_tests_name("ingest_aam", tests, NULL, NULL);
}
