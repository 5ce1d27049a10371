/*
 * msgpack_test.c - maps from a stream: types, times, floats; and how a stream
 * ends that is no msgpack or breaks off.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/format_writer.h"
#include "ingest/ingest_support.h"

#define BYTES(text) text, sizeof(text) - 1
#define IDS                                                                    \
    "\xa3ids\x81\xa6"                                                          \
    "cookie\xa1"                                                               \
    "a"
#define SMALL "\x81" IDS

static void assert_facts(const char *bytes, size_t len, const char *facts)
{
    const ingest_options options = test_options(INGEST_MSGPACK);
    buffer text;
    parse_chunk_text(&text, &options, bytes, len);
    assert_string_equal(strchr(buffer_cstr(&text), '\n') + 1, facts);
    buffer_release(&text);
}

static void test_ingest_msgpack__every_type_of_set(void **state)
{
    (void)state;
    assert_facts(BYTES("\x82" IDS "\xa3set\x8c"
                       "\xa1"
                       "a\xa1v"
                       "\xa1"
                       "b\xd9\x01v"
                       "\xa1"
                       "c\x07"
                       "\xa1"
                       "d\xff"
                       "\xa1"
                       "e\xce\x00\x01\x00\x00"
                       "\xa1"
                       "f\xd3\xff\xff\xff\x00\x00\x00\x00\x01"
                       "\xa1"
                       "g\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"
                       "\xa1"
                       "h\xca\x3f\xc0\x00\x00"
                       "\xa1"
                       "i\xc3"
                       "\xa1"
                       "j\xc2"
                       "\xa1"
                       "k\xc0"
                       "\xa1"
                       "l\xdc\x00\x01\xa1x"),
                 "  set attribute=a value=v\n"
                 "  set attribute=b value=v\n"
                 "  number attribute=c number=70000\n"
                 "  number attribute=d number=-10000\n"
                 "  number attribute=e number=655360000\n"
                 "  number attribute=f number=-10995116277750000\n"
                 "  number attribute=g number=15000\n"
                 "  number attribute=h number=15000\n"
                 "  flag attribute=i\n"
                 "  unflag attribute=j\n"
                 "  clear attribute=k\n"
                 "  replace attribute=l\n"
                 "  add attribute=l value=x\n");
}

static void assert_time(const char *bytes, size_t len, muster_time ts)
{
    const ingest_options options = test_options(INGEST_MSGPACK);
    char head[64];
    buffer text;
    parse_chunk_text(&text, &options, bytes, len);
    snprintf(head, sizeof head, "record provider=default ts=%lld ",
             (long long)ts);
    assert_true(text_starts_with(text_of(buffer_cstr(&text)), text_of(head)));
    buffer_release(&text);
}

/* An extension within what is dropped makes a record rare: it is read by the
 * library then, and says the same. */
static void test_ingest_msgpack__both_ways_of_reading_agree(void **state)
{
    (void)state;
    static const char record[] = "\x83" IDS "\xa3set\x84"
                                 "\xa1"
                                 "a\xa1v\xa1"
                                 "b\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"
                                 "\xa1"
                                 "c\x92\xa1x\xa1y\xa1"
                                 "d\x90"
                                 "\xa6"
                                 "events\x91\x83\xa4name\xa1"
                                 "e\xa5"
                                 "count\xcd\x01\x00"
                                 "\xa2ts\xd6\xff\x6a\xfd\x2b\x80";
    static const char rare[] = "\xa7"
                               "consent\x81\xa1x\xd4\x05\x00";
    const ingest_options options = test_options(INGEST_MSGPACK);
    buffer bytes;
    buffer plain;
    buffer other;
    buffer_init(&bytes, 1000);
    buffer_put(&bytes, record, sizeof record - 1);
    parse_chunk_text(&plain, &options, bytes.data, bytes.len);
    buffer_put(&bytes, rare, sizeof rare - 1);
    bytes.data[0]++;
    parse_chunk_text(&other, &options, bytes.data, bytes.len);
    assert_string_equal(buffer_cstr(&plain), buffer_cstr(&other));
    assert_non_null(strstr(buffer_cstr(&plain), "count=256"));
    buffer_release(&bytes);
    buffer_release(&plain);
    buffer_release(&other);
}

static void test_ingest_msgpack__times(void **state)
{
    (void)state;
    assert_time(BYTES("\x82" IDS "\xa2ts\xce\x6a\xfd\x2b\x80"), 1794976640);
    assert_time(BYTES("\x82" IDS "\xa2ts\xd6\xff\x6a\xfd\x2b\x80"), 1794976640);
    /* 30 bits of nanoseconds, 34 bits of seconds */
    assert_time(BYTES("\x82" IDS "\xa2ts\xd7\xff\xee\x6b\x27\xfc"
                      "\x6a\xfd\x2b\x80"),
                1794976640);
    assert_time(BYTES("\x82" IDS "\xa2ts\xc7\x0c\xff\x3b\x9a\xc9\xff"
                      "\xff\xff\xff\xff\xff\xff\xff\xff"),
                -1);
    assert_time(BYTES("\x82" IDS "\xa2ts\xb4"
                      "2026-11-20T10:00:00Z"),
                1795168800);
}

typedef struct refusal {
    const char *bytes;
    size_t len;
    ingest_reason reason;
    const char *pointer;
} refusal;

static const refusal refusals[] = {
    {BYTES("\x80"), INGEST_NO_IDS, "/ids"},
    {BYTES("\x81\xa3ids\x81\xa6"
           "cookie\x07"),
     INGEST_WRONG_TYPE, "/ids/cookie"},
    {BYTES("\x81\xa3ids\x81\xa6"
           "cookie\xc4\x01"
           "a"),
     INGEST_WRONG_TYPE, "/ids/cookie"},
    {BYTES("\x81\xa3ids\x81\x07\xa1"
           "a"),
     INGEST_WRONG_TYPE, "/ids"},
    {BYTES("\x82" IDS "\x07\x07"), INGEST_WRONG_TYPE, ""},
    {BYTES("\x82" IDS "\xc4\x03set\x80"), INGEST_WRONG_TYPE, ""},
    {BYTES("\x82" IDS IDS), INGEST_DUPLICATE_KEY, "/ids"},
    {BYTES("\x82" IDS "\xa3set\x81\xa1"
           "a\xc4\x01v"),
     INGEST_WRONG_TYPE, "/set/a"},
    {BYTES("\x82" IDS "\xa3set\x81\xa1"
           "a\x80"),
     INGEST_WRONG_TYPE, "/set/a"},
    {BYTES("\x82" IDS "\xa3set\x81\xa1"
           "a\xd6\xff\x6a\xfd\x2b\x80"),
     INGEST_WRONG_TYPE, "/set/a"},
    {BYTES("\x82" IDS "\xa3set\x81\xa1"
           "a\xa1\xff"),
     INGEST_BAD_UTF8, "/set/a"},
    {BYTES("\x82" IDS "\xa3set\x81\xa1\xff\xa1v"), INGEST_BAD_NAME, "/set"},
    {BYTES("\x82" IDS "\xa3set\x82\xa1"
           "a\x01\xa1"
           "a\x01"),
     INGEST_DUPLICATE_KEY, "/set/a"},
    {BYTES("\x82" IDS "\xa3set\x81\xa1"
           "a\xcf\xff\xff\xff\xff\xff\xff\xff"
           "\xff"),
     INGEST_BAD_NUMBER, "/set/a"},
    {BYTES("\x82" IDS "\xa3set\x81\xa1"
           "a\xcb\x7f\xf8\x00\x00\x00\x00\x00"
           "\x00"),
     INGEST_BAD_NUMBER, "/set/a"}, /* not a number */
    {BYTES("\x82" IDS "\xa3set\x81\xa1"
           "a\xcb\x7f\xf0\x00\x00\x00\x00\x00"
           "\x00"),
     INGEST_BAD_NUMBER, "/set/a"}, /* infinity */
    {BYTES("\x82" IDS "\xa2ts\xd4\xff\x01"), INGEST_WRONG_TYPE, "/ts"},
    {BYTES("\x82" IDS "\xa2ts\xd6\x01\x00\x00\x00\x01"), INGEST_WRONG_TYPE,
     "/ts"},
    {BYTES("\x82" IDS "\xa2ts\xc7\x0c\xff\x00\x00\x00\x00\x7f\xff\xff\xff"
           "\xff\xff\xff\xff"),
     INGEST_BAD_TIME, "/ts"},
    {BYTES("\x82" IDS "\xa2ts\xcb\x41\xda\xbf\x4a\xe0\x00\x00\x00"),
     INGEST_BAD_TIME, "/ts"},
    {BYTES("\x82" IDS "\xa6"
           "events\x91\x82\xa4name\xa1"
           "e\xa5"
           "count"
           "\xcb\x40\x00\x00\x00\x00\x00\x00\x00"),
     INGEST_BAD_COUNT, "/events/0/count"},
    {BYTES("\x82" IDS "\xa6"
           "events\x91\x82\xa4name\xa1"
           "e\xa6"
           "amount"
           "\xcb\xbf\xf0\x00\x00\x00\x00\x00\x00"),
     INGEST_BAD_NUMBER, "/events/0/amount"},
    {BYTES("\x82" IDS "\xa7"
           "consent\x82\xa1"
           "a\x01\xa1"
           "a\x02"),
     INGEST_DUPLICATE_KEY, "/consent"},
};

static void
test_ingest_msgpack__each_fault_has_its_reason_and_pointer(void **state)
{
    (void)state;
    const ingest_options options = test_options(INGEST_MSGPACK);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        assert_refused(&options, refusals[i].bytes, refusals[i].len,
                       refusals[i].reason, refusals[i].pointer);
}

/* As set.a, as double and as single; INT64_MIN = refused. */
static int64_t scaled_of(double v, bool single)
{
    buffer bytes;
    const ingest_options options = test_options(INGEST_MSGPACK);
    fact_batch *b = NULL;
    buffer_init(&bytes, 1000);
    buffer_put(&bytes, BYTES("\x82" IDS "\xa3set\x81\xa1"
                             "a"));
    if (single) {
        const float f = (float)v;
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        buffer_put_u8(&bytes, 0xca);
        put_big_endian(&bytes, bits, 4);
    } else {
        value_writer w;
        writer_init(&w, &bytes, WRITE_MSGPACK);
        write_double(&w, v);
    }
    assert_int_equal(
        ingest_parse_chunk(&options, (char *)bytes.data, bytes.len, &b, NULL),
        0);
    int64_t number = INT64_MIN;
    batch_reader r;
    fact_record record;
    fact f;
    assert_int_equal(batch_open(&r, b->bytes.data, b->bytes.len, NULL), 0);
    if (batch_next_record(&r, &record) && batch_next_fact(&r, &f))
        number = f.number;
    batch_close(&r);
    fact_batch_free(b);
    buffer_release(&bytes);
    return number;
}

static void
test_ingest_msgpack__floats_are_the_decimals_they_came_from(void **state)
{
    (void)state;
    assert_int_equal(scaled_of(19.9, false), 199000);
    assert_int_equal(scaled_of(19.9, true), 199000);
    assert_int_equal(scaled_of(-0.0001, false), -1);
    assert_int_equal(scaled_of(0.1 + 0.2, false), 3000);
    assert_int_equal(scaled_of(0, false), 0);
    assert_int_equal(scaled_of(-0.0, false), 0);
    assert_int_equal(scaled_of(34, true), 340000);
    assert_int_equal(scaled_of(1.23456, false), INT64_MIN);
    assert_int_equal(scaled_of(0.00001, false), INT64_MIN);
    assert_int_equal(scaled_of(0.00001, true), INT64_MIN);
    assert_int_equal(scaled_of(123456789012.12345, false), INT64_MIN);
    assert_int_equal(scaled_of(1099511627775, false), 10995116277750000);
    assert_int_equal(scaled_of(1099511627776, false), INT64_MIN);
    assert_int_equal(scaled_of(-1099511627776, false), INT64_MIN);
    assert_int_equal(scaled_of(1e300, false), INT64_MIN);
    assert_int_equal(scaled_of(5e-324, false), 0);
}

static void test_ingest_msgpack__all_decimals_survive_as_doubles(void **state)
{
    (void)state;
    random_state random;
    random_seed(&random, 5);
    for (int i = 0; i < 3000; i++) {
        char text[32];
        const int64_t scaled =
            (int64_t)(random_below(&random, (uint64_t)1 << 52) >>
                      random_below(&random, 50));
        text[text_format_number(text, scaled)] = '\0';
        assert_int_equal(scaled_of(strtod(text, NULL), false), scaled);
        if (scaled < 1000000)
            assert_int_equal(scaled_of(strtof(text, NULL), true), scaled);
    }
}

/* ---- how streams end ---- */

static void load_packed(outcome *o, const void *bytes, size_t len, size_t chunk)
{
    ingest_options options = test_options(INGEST_MSGPACK);
    options.chunk_bytes = chunk;
    outcome_init(o);
    load(o, &options, bytes, len, 0);
}

static void assert_ends(const char *bytes, size_t len, const char *word,
                        size_t offset, uint64_t records)
{
    for (size_t chunk = 1; chunk < 60; chunk += 3) {
        outcome o;
        load_packed(&o, bytes, len, chunk);
        assert_int_equal(o.rc, MUSTER_EPARSE);
        assert_string_equal(o.err.word, word);
        assert_int_equal(o.err.offset, offset);
        assert_int_equal(o.records, records);
        assert_int_equal(o.rejects, 0);
        outcome_release(&o);
    }
}

static void test_ingest_msgpack__garbage_ends_the_input(void **state)
{
    (void)state;
    const size_t one = sizeof(SMALL) - 1;
    assert_ends(BYTES("\x07"), "bad_msgpack", 0, 0);
    assert_ends(BYTES(SMALL "\x93\x01\x02\x03"), "bad_msgpack", one, 1);
    assert_ends(BYTES(SMALL SMALL "\xc1" SMALL), "bad_msgpack", 2 * one, 2);
    assert_ends(BYTES(SMALL "\x81\xa1"
                            "a\xc1" SMALL),
                "bad_msgpack", one, 1);
    assert_ends(BYTES(SMALL "\n" SMALL), "bad_msgpack", one, 1);
    assert_ends(BYTES(SMALL "{\"ids\":{}}"), "bad_msgpack", one, 1);
}

static void test_ingest_msgpack__broken_off_at_every_byte(void **state)
{
    (void)state;
    static const char bytes[] = SMALL "\x82" IDS "\xa3set\x83\xa1"
                                      "a\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"
                                      "\xa1"
                                      "b\xd9\x05value\xa1"
                                      "c\xdc\x00\x02\xa1x\xa1y";
    const size_t first = sizeof(SMALL) - 1;
    const size_t whole = sizeof bytes - 1;
    for (size_t len = 1; len < whole; len++) {
        if (len == first)
            continue;
        outcome o;
        load_packed(&o, bytes, len, 9);
        assert_int_equal(o.rc, MUSTER_EPARSE);
        assert_string_equal(o.err.word, "truncated_msgpack");
        assert_int_equal(o.err.offset, len < first ? 0 : first);
        assert_int_equal(o.records, len > first);
        outcome_release(&o);
    }
}

/* Sizes that are claimed and not there: nothing is allocated for them. */
static void test_ingest_msgpack__claims_are_not_believed(void **state)
{
    (void)state;
    assert_ends(BYTES("\xdf\xff\xff\xff\xff"), "truncated_msgpack", 0, 0);
    assert_ends(BYTES(SMALL "\x81\xa1"
                            "a\xdd\xff\xff\xff\xff\x01"),
                "truncated_msgpack", sizeof(SMALL) - 1, 1);
    assert_ends(BYTES("\x81\xa1"
                      "a\xc6\xff\xff\xff\xff"),
                "truncated_msgpack", 0, 0);
    assert_ends(BYTES("\x81\xa1"
                      "a\xc9\xff\xff\xff\xff"),
                "truncated_msgpack", 0, 0);
}

static void test_ingest_msgpack__depth_is_bounded(void **state)
{
    (void)state;
    outcome o;
    buffer bytes;
    buffer_init(&bytes, 1 << 22);
    buffer_put(&bytes, BYTES("\x82" IDS "\xa7"
                             "consent\x81\xa1"
                             "a"));
    for (int i = 0; i < 500000; i++)
        buffer_put_u8(&bytes, 0x91);
    buffer_put_u8(&bytes, 1);
    buffer_put(&bytes, BYTES(SMALL));
    load_packed(&o, bytes.data, bytes.len, 0);
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.records, 1);
    assert_int_equal(o.rejects, 1);
    assert_non_null(strstr(outcome_text(&o), "bad_msgpack"));
    outcome_release(&o);
    buffer_release(&bytes);
}

/* Arrays of arrays: what msgpack-c allocates stays within reason. */
static void test_ingest_msgpack__a_wide_record_is_read_in_time(void **state)
{
    (void)state;
    outcome o;
    buffer bytes;
    buffer_init(&bytes, 1 << 22);
    buffer_put(&bytes, BYTES("\x82" IDS "\xa7"
                             "consent\x81\xa1"
                             "a"));
    buffer_put(&bytes, BYTES("\xdd\x00\x0f\x00\x00"));
    for (int i = 0; i < 0xf0000; i++)
        buffer_put_u8(&bytes, 0x90);
    load_packed(&o, bytes.data, bytes.len, 0);
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.records, 1);
    outcome_release(&o);
    buffer_release(&bytes);
}

static void test_ingest_msgpack__the_limit_of_a_map_is_exact(void **state)
{
    (void)state;
    static const size_t chunks[] = {1000, 0, 4 << 20};
    for (size_t over = 0; over < 5; over++) {
        buffer bytes;
        buffer_init(&bytes, 4 << 20);
        buffer_put(&bytes, BYTES("\x82" IDS "\xa2ua\xdb"));
        const size_t fill = MUSTER_RECORD_BYTES_MAX - bytes.len - 4 + over;
        put_big_endian(&bytes, fill, 4);
        for (size_t i = 0; i < fill; i++)
            buffer_put_u8(&bytes, 'x');
        buffer_put(&bytes, BYTES(SMALL));
        for (int i = 0; i < 3; i++) {
            outcome o;
            load_packed(&o, bytes.data, bytes.len, chunks[i]);
            assert_int_equal(o.rc, 0);
            assert_int_equal(o.records, over == 0 ? 2 : 1);
            assert_int_equal(o.rejects, over != 0);
            outcome_release(&o);
        }
        buffer_release(&bytes);
    }
}

/* One chunk at a time, as tests and fuzzing use it: the error is in the
 * batch, with what was whole before. */
static void test_ingest_msgpack__a_broken_chunk_is_fatal(void **state)
{
    (void)state;
    const ingest_options options = test_options(INGEST_MSGPACK);
    static const char bytes[] = SMALL "\x81\xa1";
    fact_batch *b = NULL;
    assert_int_equal(
        ingest_parse_chunk(&options, bytes, sizeof bytes - 1, &b, NULL), 0);
    assert_int_equal(b->fatal, MUSTER_EPARSE);
    assert_string_equal(b->error.word, "truncated_msgpack");
    assert_int_equal(b->record_count, 1);
    fact_batch_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_msgpack__every_type_of_set),
        cmocka_unit_test(test_ingest_msgpack__both_ways_of_reading_agree),
        cmocka_unit_test(test_ingest_msgpack__times),
        cmocka_unit_test(
            test_ingest_msgpack__each_fault_has_its_reason_and_pointer),
        cmocka_unit_test(
            test_ingest_msgpack__floats_are_the_decimals_they_came_from),
        cmocka_unit_test(test_ingest_msgpack__all_decimals_survive_as_doubles),
        cmocka_unit_test(test_ingest_msgpack__garbage_ends_the_input),
        cmocka_unit_test(test_ingest_msgpack__broken_off_at_every_byte),
        cmocka_unit_test(test_ingest_msgpack__claims_are_not_believed),
        cmocka_unit_test(test_ingest_msgpack__depth_is_bounded),
        cmocka_unit_test(test_ingest_msgpack__a_wide_record_is_read_in_time),
        cmocka_unit_test(test_ingest_msgpack__the_limit_of_a_map_is_exact),
        cmocka_unit_test(test_ingest_msgpack__a_broken_chunk_is_fatal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
