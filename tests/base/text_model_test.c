/*
 * text_model_test.c - text.c against naive twins: UTF-8 by decoding and
 * encoding again, numbers in 128-bit arithmetic, distance by the full table.
 * A failure prints the seed and the round.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <muster/error.h>
#include "base/mem.h"
#include "base/random.h"
#include "base/text.h"

#define SEED 20261121u

__extension__ typedef __int128 wide;

static size_t encode(uint32_t point, uint8_t *out)
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (uint8_t)(leads[len] | point);
    return len;
}

/* A character is well-formed if it is the encoding of what it says. */
static size_t naive_character(const uint8_t *p, size_t left)
{
    const size_t len = p[0] < 0x80   ? 1
                       : p[0] < 0xc0 ? 0
                       : p[0] < 0xe0 ? 2
                       : p[0] < 0xf0 ? 3
                       : p[0] < 0xf8 ? 4
                                     : 0;
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    if (len == 0 || len > left)
        return 0;
    uint32_t point = p[0] & masks[len];
    for (size_t i = 1; i < len; i++)
        point = point << 6 | (p[i] & 0x3f);
    uint8_t again[4];
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    if (encode(point, again) != len || memcmp(again, p, len) != 0)
        return 0;
    return len;
}

static size_t naive_prefix(const uint8_t *p, size_t len)
{
    size_t at = 0;
    while (at < len) {
        const size_t step = naive_character(p + at, len - at);
        if (step == 0)
            break;
        at += step;
    }
    return at;
}

static void test_base_text__utf8_model_all_short_sequences(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 1u << 24; bits++) {
        const uint8_t bytes[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8),
                                  (uint8_t)bits};
        const size_t found =
            text_utf8_prefix(text_make((const char *)bytes, 3));
        if (found != naive_prefix(bytes, 3))
            fail_msg("%06x: %zu", bits, found);
    }
}

static void test_base_text__utf8_model_random_texts(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, SEED);
    for (int round = 0; round < 300000; round++) {
        const size_t len = random_below(&r, 40);
        uint8_t *bytes = mem_alloc(len + 4);
        size_t at = 0;
        while (at < len) {
            if (random_below(&r, 3) > 0)
                bytes[at++] = 'a';
            else
                at += encode((uint32_t)random_below(&r, 0x110000), bytes + at);
        }
        const size_t cut = len > 0 ? random_below(&r, len + 1) : 0;
        if (cut > 0 && random_below(&r, 2) == 0)
            bytes[random_below(&r, cut)] = (uint8_t)random_u64(&r);
        uint8_t *exact = mem_alloc(cut); /* lets the sanitizer see overreads */
        memcpy(exact, bytes, cut);
        const size_t found =
            text_utf8_prefix(text_make((const char *)exact, cut));
        if (found != naive_prefix(exact, cut))
            fail_msg("seed %u round %d: %zu", SEED, round, found);
        mem_free(exact);
        mem_free(bytes);
    }
}

static bool naive_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads a number text of up to 12 bytes as v * 10^power. */
static bool naive_number(const char *s, bool exponents, wide *v, int *power)
{
    *v = 0;
    *power = 0;
    if (!naive_digit(*s))
        return false;
    for (; naive_digit(*s); s++)
        *v = *v * 10 + (*s - '0');
    if (*s == '.') {
        if (!naive_digit(*++s))
            return false;
        for (; naive_digit(*s); s++, (*power)--)
            *v = *v * 10 + (*s - '0');
    }
    if (exponents && (*s == 'e' || *s == 'E')) {
        s++;
        const int sign = *s == '-' ? -1 : 1;
        s += *s == '-' || *s == '+';
        if (!naive_digit(*s))
            return false;
        int e = 0;
        for (; naive_digit(*s); s++)
            e = e > 1000 ? e : e * 10 + (*s - '0');
        *power += sign * e;
    }
    return *s == '\0';
}

static int naive_parse(const char *s, bool exponents, int64_t *out)
{
    wide v = 0;
    int power = 0;
    const bool negative = *s == '-';
    if (!naive_number(s + negative, exponents, &v, &power))
        return MUSTER_EPARSE;
    const wide limit = ((wide)1 << 40) * 10000;
    for (power += 4; v != 0 && power > 0; power--)
        if ((v *= 10) >= limit)
            return MUSTER_ELIMIT;
    for (; v != 0 && power < 0; power++, v /= 10)
        if (v % 10 != 0)
            return MUSTER_ELIMIT;
    if (v >= limit)
        return MUSTER_ELIMIT;
    *out = (int64_t)(negative ? -v : v);
    return 0;
}

static void test_base_text__number_model_random_texts(void **state)
{
    (void)state;
    static const char alphabet[] = "0123456789000..--eE+";
    random_state r;
    random_seed(&r, SEED);
    int read = 0;
    for (int round = 0; round < 2000000; round++) {
        char text[16];
        const size_t len = random_below(&r, 11);
        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[random_below(&r, sizeof alphabet - 1)];
        text[len] = '\0';
        const bool exponents = random_below(&r, 2) == 0;
        int64_t found = 0;
        int64_t expected = 0;
        const int rc = exponents
                           ? text_parse_number_exponent(text_of(text), &found)
                           : text_parse_number(text_of(text), &found);
        if (rc != naive_parse(text, exponents, &expected) || found != expected)
            fail_msg("seed %u round %d: \"%s\": %d, %lld", SEED, round, text,
                     rc, (long long)found);
        read += rc == 0;
    }
    assert_true(read > 100000);
}

static void test_base_text__number_model_round_trip(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, SEED);
    const int64_t limit = ((int64_t)1 << 40) * 10000;
    for (int round = 0; round < 300000; round++) {
        const int64_t magnitude = (int64_t)(random_below(&r, (uint64_t)limit) >>
                                            random_below(&r, 54));
        const int64_t scaled =
            random_below(&r, 2) == 0 ? magnitude : -magnitude;
        char text[32];
        int64_t back = 0;
        text_format_number(text, scaled);
        if (text_parse_number(text_of(text), &back) != 0 || back != scaled)
            fail_msg("seed %u round %d: %s", SEED, round, text);
    }
}

enum { NAME_MAX_LEN = 12 };

static size_t naive_distance(const char *a, size_t a_len, const char *b,
                             size_t b_len)
{
    size_t d[NAME_MAX_LEN + 1][NAME_MAX_LEN + 1];
    for (size_t i = 0; i <= a_len; i++) {
        for (size_t j = 0; j <= b_len; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            size_t best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[a_len][b_len];
}

static void test_base_text__distance_model_random_names(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, SEED);
    for (int round = 0; round < 500000; round++) {
        char a[NAME_MAX_LEN];
        char b[NAME_MAX_LEN];
        const size_t a_len = random_below(&r, NAME_MAX_LEN + 1);
        const size_t b_len = random_below(&r, NAME_MAX_LEN + 1);
        for (size_t i = 0; i < NAME_MAX_LEN; i++) {
            a[i] = (char)('a' + random_below(&r, 3));
            b[i] = (char)('a' + random_below(&r, 3));
        }
        const size_t limit = random_below(&r, 14);
        const size_t real = naive_distance(a, a_len, b, b_len);
        const size_t longer = a_len > b_len ? a_len : b_len;
        const size_t cut = limit < longer ? limit : longer;
        const size_t expected = real <= cut ? real : cut + 1;
        const size_t found =
            text_distance(text_make(a, a_len), text_make(b, b_len), limit);
        if (found != expected)
            fail_msg("seed %u round %d: %.*s %.*s limit %zu: %zu, not %zu",
                     SEED, round, (int)a_len, a, (int)b_len, b, limit, found,
                     expected);
    }
}

static void test_base_text__distance_of_long_names(void **state)
{
    (void)state;
    enum { LONG = 5000 };
    char *a = mem_alloc(LONG);
    char *b = mem_alloc(LONG);
    memset(a, 'x', LONG);
    memcpy(b, a, LONG);
    b[100] = 'y';
    b[4000] = 'y';
    assert_int_equal(text_distance(text_make(a, LONG), text_make(b, LONG), 8),
                     2);
    assert_int_equal(
        text_distance(text_make(a, LONG), text_make(b, LONG - 3), 8), 5);
    assert_int_equal(text_distance(text_make(a, LONG), text_make(b, LONG), 1),
                     2);
    mem_free(b);
    mem_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_text__utf8_model_all_short_sequences),
        cmocka_unit_test(test_base_text__utf8_model_random_texts),
        cmocka_unit_test(test_base_text__number_model_random_texts),
        cmocka_unit_test(test_base_text__number_model_round_trip),
        cmocka_unit_test(test_base_text__distance_model_random_names),
        cmocka_unit_test(test_base_text__distance_of_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
