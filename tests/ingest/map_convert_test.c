/*
 * map_convert_test.c - numbers as people write them, against numbers that
 * were written so.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/map.h"
#include "ingest/map_support.h"

static const muster_text strips[] = {{"EUR", 3}, {"$", 1}};

static number_format format_of(char decimal, const char *thousands)
{
    return (number_format){
        .decimal = decimal,
        .thousands = text_of(thousands),
        .strip = (muster_text *)(uintptr_t)strips,
        .strip_count = 2,
        .scale = 1,
    };
}

/* Digits with a mark after each third from the right. */
static void put_grouped(buffer *out, int64_t whole, const char *mark)
{
    char digits[24];
    const size_t len = text_format_int(digits, whole);
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buffer_put_str(out, mark);
        buffer_put_u8(out, (uint8_t)digits[i]);
    }
}

static void test_ingest_map_convert__written_numbers_are_read(void **state)
{
    (void)state;
    static const char *const marks[] = {"", ".", ",", " ", "'", "\xc2\xa0"};
    static const char *const around[][2] = {
        {"", ""}, {"EUR ", ""}, {"", " EUR"}, {"$", ""}, {" ", "\xc2\xa0"}};
    random_state random;
    random_seed(&random, 12);
    for (int round = 0; round < 20000; round++) {
        const char decimal = random_below(&random, 2) ? '.' : ',';
        const char *mark = marks[random_below(&random, 6)];
        const size_t frame = random_below(&random, 5);
        const bool negative = random_below(&random, 2);
        const uint64_t sign = random_below(&random, 3);
        const int64_t whole =
            (int64_t)(random_u64(&random) >> (24 + random_below(&random, 40)));
        const int64_t part = (int64_t)random_below(&random, 10000);
        buffer text;
        int64_t got = 0;
        if (*mark == decimal)
            continue;
        /* A wide blank is meant by a blank. */
        const number_format format =
            format_of(decimal, *mark == '\xc2' ? " " : mark);
        buffer_init(&text, 200);
        buffer_put_str(&text, around[frame][0]);
        if (negative && sign != 1)
            buffer_put_str(&text, sign == 0 ? "-" : "(");
        put_grouped(&text, whole, mark);
        buffer_printf(&text, "%c%04lld", decimal, (long long)part);
        if (negative && sign != 0)
            buffer_put_str(&text, sign == 1 ? "-" : ")");
        buffer_put_str(&text, around[frame][1]);
        const int64_t wanted =
            (whole * MUSTER_NUMBER_SCALE + part) * (negative ? -1 : 1);
        const int rc = number_format_parse(
            &format, text_make((char *)text.data, text.len), &got);
        const bool fits = whole < (int64_t)1 << 40;
        if (rc != (fits ? 0 : MUSTER_ELIMIT) || (fits && got != wanted))
            fail_msg("seed 12, round %d: %s gave %d, %lld", round,
                     buffer_cstr(&text), rc, (long long)got);
        buffer_release(&text);
    }
}

/* With 6 decimals and a scale, against integers. */
static void test_ingest_map_convert__rounding_is_away_from_zero(void **state)
{
    (void)state;
    random_state random;
    random_seed(&random, 13);
    for (int round = 0; round < 20000; round++) {
        const int64_t micros = (int64_t)random_below(&random, 3000000000u);
        const int64_t scale = 1 + (int64_t)random_below(&random, 30000);
        number_format format = format_of('.', "");
        char text[40];
        int64_t got = 0;
        format.scale = scale; /* ten-thousandths */
        format.scale_exponent = -4;
        snprintf(text, sizeof text, "-%lld.%06lld",
                 (long long)(micros / 1000000), (long long)(micros % 1000000));
        assert_int_equal(number_format_parse(&format, text_of(text), &got), 0);
        /* micros x 10^-6 x scale x 10^-4, in 10^-4 */
        const __int128 exact = (__int128)micros * scale;
        const __int128 wanted = (exact + 500000) / 1000000;
        if (got != -(int64_t)wanted)
            fail_msg("seed 13, round %d: %s by %lld gave %lld", round, text,
                     (long long)scale, (long long)got);
    }
}

static const struct {
    const char *text;
    int64_t value; /* INT64_MIN: none */
} cases[] = {
    {"1e3", 10000000},
    {"1.5E-1", 1500},
    {"1e", INT64_MIN},
    {"1e9999", INT64_MIN},
    {"1e20", INT64_MIN},
    {"1e-30", 0},
    {".5", 5000},
    {"5.", 50000},
    {".", INT64_MIN},
    {"", INT64_MIN},
    {"-", INT64_MIN},
    {"--1", INT64_MIN},
    {"+1", 10000},
    {"1-", -10000},
    {"- 1", -10000},
    {"(1)", -10000},
    {"(-1)", INT64_MIN},
    {"1 2", INT64_MIN},
    {"1,,2", INT64_MIN},
    {",1", INT64_MIN},
    {"1,", INT64_MIN},
    {"1,2", 120000},
    {"1.2,3", INT64_MIN},
    {"0x1", INT64_MIN},
    {"EUR", INT64_MIN},
    {"1 %", INT64_MIN},
    {"\xe2\x88\x92"
     "2",
     -20000},
    {"1099511627775.9999", 10995116277759999},
    {"1099511627776", INT64_MIN},
    {"0.00004", 0},
    {"0.00005", 1},
    {"0.00000000000000000000000000000000000000000000001", 0},
    {"1000000000000000000000000000000", INT64_MIN},
};

static void test_ingest_map_convert__edges(void **state)
{
    (void)state;
    const number_format format = format_of('.', ",");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t got = 0;
        const int rc =
            number_format_parse(&format, text_of(cases[i].text), &got);
        const bool none = cases[i].value == INT64_MIN;
        if ((rc != 0) != none || (!none && got != cases[i].value))
            fail_msg("%s gave %d, %lld", cases[i].text, rc, (long long)got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_map_convert__written_numbers_are_read),
        cmocka_unit_test(test_ingest_map_convert__rounding_is_away_from_zero),
        cmocka_unit_test(test_ingest_map_convert__edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
