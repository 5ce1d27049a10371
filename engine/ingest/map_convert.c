/*
 * map_convert.c - numbers as people and programs write them, exactly.
 *
 *   number = [sign] digits [decimal digits] [exponent] [sign]
 *          | ( number )
 *
 * with thousands marks dropped between digits, and texts to be stripped, a
 * per-cent sign and blanks before and behind. Read as an integer of up to 18
 * digits times a power of ten, so nothing is lost before the one rounding:
 * half away from zero at the fourth decimal.
 *
 * Cost: one pass; no allocation. Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/map.h"

#define DIGITS_MAX 18
#define EXPONENT_MAX 40
#define DECIMALS 4
#define SCALED_LIMIT (((__int128)1 << MUSTER_NUMBER_BITS) * MUSTER_NUMBER_SCALE)

typedef struct number_reading {
    int64_t digits; /* times 10^exponent */
    int exponent;
    int count; /* significant digits taken */
    bool negative;
    bool any;
} number_reading;

static bool starts(muster_text *t, muster_text part)
{
    if (part.len == 0 || !text_starts_with(*t, part))
        return false;
    *t = text_make(t->ptr + part.len, t->len - part.len);
    return true;
}

static bool ends(muster_text *t, muster_text part)
{
    if (part.len == 0 || part.len > t->len ||
        memcmp(t->ptr + t->len - part.len, part.ptr, part.len) != 0)
        return false;
    t->len -= part.len;
    return true;
}

/* ASCII white space, no-break (U+00A0) and narrow no-break (U+202F) blanks. */
static const muster_text wide_blanks[] = {{"\xc2\xa0", 2}, {"\xe2\x80\xaf", 3}};

static muster_text trim(muster_text t)
{
    size_t before;
    do {
        before = t.len;
        t = text_trim(t);
        for (size_t i = 0; i < 2; i++) {
            starts(&t, wide_blanks[i]);
            ends(&t, wide_blanks[i]);
        }
    } while (t.len < before);
    return t;
}

/* What may stand before and behind. */
static muster_text strip(const number_format *format, muster_text t)
{
    size_t before;
    do {
        t = trim(t);
        before = t.len;
        for (size_t i = 0; i < format->strip_count; i++) {
            starts(&t, format->strip[i]);
            ends(&t, format->strip[i]);
        }
        if (format->percent)
            ends(&t, text_make("%", 1));
    } while (t.len < before);
    return t;
}

static bool take_sign(muster_text *t, bool *negative)
{
    const bool minus = starts(t, text_make("-", 1)) ||
                       starts(t, text_make("\xe2\x88\x92", 3)); /* U+2212 */
    *negative ^= minus;
    return minus || starts(t, text_make("+", 1));
}

/* Signs and brackets around the digits. */
static muster_text take_signs(const number_format *format, muster_text t,
                              bool *negative)
{
    *negative = false;
    if (t.len > 2 && t.ptr[0] == '(' && t.ptr[t.len - 1] == ')') {
        *negative = true;
        return strip(format, text_make(t.ptr + 1, t.len - 2));
    }
    if (take_sign(&t, negative))
        return strip(format, t);
    if (t.len > 1 && t.ptr[t.len - 1] == '-') {
        *negative = true;
        t.len--;
    }
    return strip(format, t);
}

static void take_digit(number_reading *r, char c, bool decimal)
{
    r->any = true;
    if (r->count < DIGITS_MAX) {
        r->digits = r->digits * 10 + (c - '0');
        r->count += r->digits != 0;
        r->exponent -= decimal;
    } else {
        r->exponent += !decimal;
    }
}

/* A mark between two digits. */
static bool take_thousands(const number_format *format, muster_text *t)
{
    if (!text_equal(format->thousands, text_make(" ", 1)))
        return starts(t, format->thousands);
    return starts(t, format->thousands) || starts(t, wide_blanks[0]) ||
           starts(t, wide_blanks[1]);
}

static bool is_digit(muster_text t)
{
    return t.len > 0 && *t.ptr >= '0' && *t.ptr <= '9';
}

static bool take_exponent(muster_text t, int *out)
{
    bool negative = false;
    int64_t v = 0;
    t = text_make(t.ptr + 1, t.len - 1);
    take_sign(&t, &negative);
    if (!is_digit(t) || t.len > 3 || !text_parse_int(t, &v))
        return false;
    *out += (int)(negative ? -v : v);
    return true;
}

static int take_digits(const number_format *format, muster_text t,
                       number_reading *r)
{
    bool decimal = false;
    while (t.len > 0) {
        if (is_digit(t)) {
            take_digit(r, *t.ptr, decimal);
            t = text_make(t.ptr + 1, t.len - 1);
        } else if (!decimal && *t.ptr == format->decimal) {
            decimal = true;
            t = text_make(t.ptr + 1, t.len - 1);
        } else if (r->any && (*t.ptr == 'e' || *t.ptr == 'E')) {
            return take_exponent(t, &r->exponent) ? 0 : MUSTER_EPARSE;
        } else if (!r->any || decimal || !take_thousands(format, &t) ||
                   !is_digit(t)) {
            return MUSTER_EPARSE;
        }
    }
    return r->any ? 0 : MUSTER_EPARSE;
}

/* digits x 10^exponent x 10^4, rounded. */
static int scale_to(__int128 digits, int exponent, int64_t *out)
{
    exponent += DECIMALS;
    if (digits == 0) {
        *out = 0;
        return 0;
    }
    if (exponent > EXPONENT_MAX)
        return MUSTER_ELIMIT;
    for (; exponent > 0; exponent--) {
        digits *= 10;
        if (digits >= SCALED_LIMIT)
            return MUSTER_ELIMIT;
    }
    bool half = false;
    for (; exponent < 0 && digits > 0; exponent++) {
        half = digits % 10 >= 5;
        digits /= 10;
    }
    /* All digits were dropped before the last place that rounds. */
    digits += half && exponent == 0;
    if (digits >= SCALED_LIMIT)
        return MUSTER_ELIMIT;
    *out = (int64_t)digits;
    return 0;
}

int number_format_parse(const number_format *format, muster_text text,
                        int64_t *out)
{
    number_reading r = {.count = 0};
    bool negative = false;
    muster_text t = take_signs(format, strip(format, text), &negative);
    const int rc = take_digits(format, t, &r);
    if (rc != 0)
        return rc;
    __int128 digits = (__int128)r.digits * format->scale;
    if (digits < 0) {
        negative = !negative;
        digits = -digits;
    }
    const int limit =
        scale_to(digits, r.exponent + format->scale_exponent, out);
    if (limit == 0 && negative)
        *out = -*out;
    return limit;
}
