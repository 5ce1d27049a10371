/*
 * csv_test.c - headers, rows, quotes, and what a stray quote may cost.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest_support.h"

static void load_csv(outcome *o, const void *bytes, size_t len,
                     size_t chunk_bytes)
{
    ingest_options options = test_options(INGEST_CSV);
    options.chunk_bytes = chunk_bytes;
    outcome_init(o);
    load(o, &options, bytes, len, 0);
}

static void assert_header(const char *header, const char *part)
{
    outcome o;
    load_csv(&o, header, strlen(header), 0);
    if (o.rc != MUSTER_EPARSE || strcmp(o.err.word, "bad_header") != 0 ||
        strstr(o.err.message, part) == NULL)
        fail_msg("%s gave %s: %s", header, o.err.word, o.err.message);
    assert_int_equal(o.records + o.rejects, 0);
    outcome_release(&o);
}

static void test_ingest_csv__bad_headers_name_the_column(void **state)
{
    (void)state;
    assert_header("ids.cookie,country\na,b\n", "column 2 is not a path");
    assert_header("ids.cookie,country\na,b\n", "--map FILE");
    assert_header("ids.cookie,set.Geo\n", "column 2 has a malformed name");
    assert_header("ids.cookie,set.a..b\n",
                  "column 2 (set.a..b) has a malformed name");
    assert_header("ids.Cookie,ts\n", "column 1 has a malformed name");
    assert_header("ids.,ts\n", "column 1");
    assert_header("ts,set.a,ts,ids.cookie\n", "column 3 (ts) stands twice");
    assert_header("ids.cookie,\n", "column 2");
    assert_header("ts,set.a\n", "no column names ids");
    assert_header("\n", "column 1");
    assert_header("ids.cookie,\"set.a\"x\n", "malformed");
    assert_header("ids.cookie,\"set.a", "malformed");
    assert_header("", "column 1");
}

/* A file without a header has ids in its first row. */
static void test_ingest_csv__a_row_for_a_header_is_not_shown(void **state)
{
    (void)state;
    outcome o;
    static const char rows[] = "secret1,secret2\nsecret3,x\n";
    load_csv(&o, rows, strlen(rows), 0);
    assert_string_equal(o.err.word, "bad_header");
    assert_null(strstr(o.err.message, "secret"));
    outcome_release(&o);
}

#define HEADER                                                                 \
    "ids.cookie,ids.customer,ts,provider,ttl,clear,remove.r,set.s,add.a,"      \
    "event.e,ip,ua\n"

typedef struct refusal {
    const char *row;
    ingest_reason reason;
    const char *pointer;
} refusal;

static const refusal refusals[] = {
    {"a,b", INGEST_BAD_CSV, ""},
    {"a,,,,,,,,,,,,", INGEST_BAD_CSV, ""},
    {"a\"b,,,,,,,,,,,", INGEST_BAD_CSV, ""},
    {"\"a\"b,,,,,,,,,,,", INGEST_BAD_CSV, ""},
    {"\"a,,,,,,,,,,,", INGEST_BAD_CSV, ""},
    {",,,,,,,,,,,", INGEST_NO_IDS, "/ids"},
    {",,x,,,,,,,,,", INGEST_NO_IDS, "/ids"},
    {"\"\",,,,,,,,,,,", INGEST_NO_IDS, "/ids"},
    {"a|,,,,,,,,,,,", INGEST_BAD_ID, "/ids/cookie/1"},
    {"a,max@example.com,,,,,,,,,,", INGEST_PII_SUSPECTED, "/ids/customer"},
    {"\xff,,,,,,,,,,,", INGEST_BAD_ID, "/ids/cookie"},
    {"a,,yesterday,,,,,,,,,", INGEST_BAD_TIME, "/ts"},
    {"a,,99999999999,,,,,,,,,", INGEST_BAD_TIME, "/ts"},
    {"a,,1795348801,,,,,,,,,", INGEST_FUTURE, "/ts"},
    {"a,,,My Shop,,,,,,,,", INGEST_BAD_NAME, "/provider"},
    {"a,,,,30,,,,,,,", INGEST_BAD_TTL, "/ttl"},
    {"a,,,,,x|Y,,,,,,", INGEST_BAD_NAME, "/clear/1"},
    {"a,,,,,,x||y,,,,,", INGEST_BAD_VALUE, "/remove/r/1"},
    {"a,,,,,,,\xc3,,,,", INGEST_BAD_UTF8, "/set/s"},
    {"a,,,,,,,\"x\ny\",,,,", INGEST_BAD_VALUE, "/set/s"},
    {"a,,,,,,,+49 30 1234567,,,,", INGEST_PII_SUSPECTED, "/set/s"},
    {"a,,,,,,,,x|max@example.com,,,", INGEST_PII_SUSPECTED, "/add/a/1"},
    {"a,,,,,,,,,x\x7f,,", INGEST_BAD_VALUE, "/events/0/value"},
};

static void test_ingest_csv__each_fault_has_its_reason_and_pointer(void **state)
{
    (void)state;
    const ingest_options options = test_options(INGEST_CSV);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, HEADER "%s\n", refusals[i].row);
        assert_refused(&options, text, strlen(text), refusals[i].reason,
                       refusals[i].pointer);
    }
}

static void test_ingest_csv__cells_become_facts(void **state)
{
    (void)state;
    const ingest_options options = test_options(INGEST_CSV);
    static const char text[] =
        HEADER "a|b,c,1795000000,shop,12h,x|y,p,true,\"q,|\"\"r\"\"\",v,"
               "203.0.113.9,\"Mozilla/5.0 (X; Y, Z)\"\r\n";
    buffer out;
    parse_chunk_text(&out, &options, text, strlen(text));
    const char *facts = strchr(buffer_cstr(&out), '\n') + 1;
    assert_true(text_starts_with(
        text_of(buffer_cstr(&out)),
        text_of("record provider=shop ts=1795000000 ttl=12 id=cookie:")));
    assert_string_equal(facts, "  clear attribute=x\n"
                               "  clear attribute=y\n"
                               "  remove attribute=r value=p\n"
                               "  text attribute=s value=true\n"
                               "  add attribute=a value=q,\n"
                               "  add attribute=a value=\"r\"\n"
                               "  event attribute=e value=v ts=1795000000"
                               " count=1\n");
    buffer_release(&out);
}

static void test_ingest_csv__empty_cells_say_nothing(void **state)
{
    (void)state;
    const ingest_options options = test_options(INGEST_CSV);
    static const char text[] = HEADER ",\"c\",,\"\",,,,,,,,\n";
    buffer out;
    parse_chunk_text(&out, &options, text, strlen(text));
    assert_true(text_starts_with(
        text_of(buffer_cstr(&out)),
        text_of("record provider=default ts=1795262400 id=customer:")));
    assert_string_equal(strchr(buffer_cstr(&out), '\n'), "\n");
    buffer_release(&out);
}

/* A stray opening quote costs its line. The quote would close far behind, or
 * at the end of the input, or never. */
static void assert_stray_quote(size_t rows_behind, const char *end)
{
    buffer text;
    outcome first;
    buffer_init(&text, 16 << 20);
    buffer_put_str(&text, "ids.cookie,set.a\nbefore,x\nstray,\"y\n");
    for (size_t i = 0; i < rows_behind; i++)
        buffer_printf(&text, "user-%zu,value\n", i);
    buffer_put_str(&text, end);
    load_csv(&first, text.data, text.len, 0);
    assert_int_equal(first.rc, 0);
    assert_int_equal(first.rejects, 1);
    assert_int_equal(first.records, rows_behind + 1);
    assert_non_null(strstr(outcome_text(&first), "bad_csv"));
    assert_non_null(strstr(outcome_text(&first), " @3/26\n"));
    static const size_t chunks[] = {1000, 65536, 4 << 20};
    for (size_t i = 0; i < 3; i++) {
        outcome other;
        load_csv(&other, text.data, text.len, chunks[i]);
        assert_string_equal(outcome_text(&other), outcome_text(&first));
        outcome_release(&other);
    }
    outcome_release(&first);
    buffer_release(&text);
}

static void test_ingest_csv__a_stray_quote_costs_its_line(void **state)
{
    (void)state;
    assert_stray_quote(0, "");
    assert_stray_quote(10, "");
    assert_stray_quote(200000, "");
    assert_stray_quote(200000, "\n\n\n");
}

/* The quote closes, but only behind the length of a record. */
static void test_ingest_csv__a_late_closing_quote_is_no_quote(void **state)
{
    (void)state;
    buffer text;
    outcome small;
    outcome large;
    buffer_init(&text, 16 << 20);
    buffer_put_str(&text, "ids.cookie,set.a\nstray,\"y\n");
    while (text.len < MUSTER_RECORD_BYTES_MAX + 1000u)
        buffer_put_str(&text, "user,value\n");
    buffer_put_str(&text, "user,value\"\nuser,\"quoted\"\n");
    load_csv(&small, text.data, text.len, 5000);
    load_csv(&large, text.data, text.len, 8 << 20);
    assert_int_equal(small.rc, 0);
    assert_int_equal(small.rejects, 2);
    assert_string_equal(outcome_text(&small), outcome_text(&large));
    outcome_release(&small);
    outcome_release(&large);
    buffer_release(&text);
}

/* Every row of a file of quotes, whatever the chunks. */
static void
test_ingest_csv__random_quotes_are_cut_as_they_are_read(void **state)
{
    (void)state;
    static const char alphabet[] = "a\",\n\r|b\n\"";
    random_state random;
    random_seed(&random, 99);
    for (int round = 0; round < 300; round++) {
        char text[400] = "ids.cookie,set.a\n";
        size_t len = strlen(text);
        const size_t end = len + random_below(&random, 300);
        while (len < end)
            text[len++] = alphabet[random_below(&random, 9)];
        outcome whole;
        load_csv(&whole, text, len, 0);
        for (size_t chunk = 1; chunk < 60; chunk += 1 + chunk / 4) {
            outcome cut;
            load_csv(&cut, text, len, chunk);
            if (strcmp(outcome_text(&cut), outcome_text(&whole)) != 0)
                fail_msg("round %d, chunk %zu: %.*s\nwhole:\n%s\ncut:\n%s",
                         round, chunk, (int)len, text, outcome_text(&whole),
                         outcome_text(&cut));
            outcome_release(&cut);
        }
        outcome_release(&whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_csv__bad_headers_name_the_column),
        cmocka_unit_test(test_ingest_csv__a_row_for_a_header_is_not_shown),
        cmocka_unit_test(
            test_ingest_csv__each_fault_has_its_reason_and_pointer),
        cmocka_unit_test(test_ingest_csv__cells_become_facts),
        cmocka_unit_test(test_ingest_csv__empty_cells_say_nothing),
        cmocka_unit_test(test_ingest_csv__a_stray_quote_costs_its_line),
        cmocka_unit_test(test_ingest_csv__a_late_closing_quote_is_no_quote),
        cmocka_unit_test(
            test_ingest_csv__random_quotes_are_cut_as_they_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
