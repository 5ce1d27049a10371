/*
 * text.c - borrowed text: comparison, UTF-8, numbers in text, near names.
 *
 * Numbers never pass through floating point: the digits are weighed one by
 * one, so a text is either exactly a multiple of 1/10,000 or refused.
 *
 * UTF-8 is checked against the byte table of RFC 3629 (no overlong forms, no
 * surrogates, nothing above U+10FFFF), eight bytes at a time while they are
 * ASCII, which is what most input is.
 *
 * Distance is Damerau-Levenshtein in its restricted form (a swapped pair is
 * not edited again), only along the diagonal band that `limit` allows:
 * length x limit steps.
 *
 * No state: any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE 1 /* memmem */
#include "base/text.h"

#include <muster/error.h>
#include "base/error.h"
#include "base/mem.h"

#define SCALE 10000
#define SCALE_DIGITS 4
#define NUMBER_LIMIT (((int64_t)1 << 40) * SCALE)
#define WHOLE_DIGITS_MAX 13 /* of 2^40 = 1,099,511,627,776 */
#define EXPONENT_CUT ((int64_t)1 << 60)
#define HOURS_MAX ((uint32_t)10000 * 24)
#define ROW_ON_STACK 128

int text_compare(muster_text a, muster_text b)
{
    const size_t common = a.len < b.len ? a.len : b.len;
    const int order = common != 0 ? memcmp(a.ptr, b.ptr, common) : 0;
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool text_starts_with(muster_text t, muster_text prefix)
{
    if (prefix.len == 0)
        return true;
    return t.len >= prefix.len && memcmp(t.ptr, prefix.ptr, prefix.len) == 0;
}

bool text_contains(muster_text t, muster_text part)
{
    if (part.len == 0)
        return true;
    return t.len >= part.len &&
           memmem(t.ptr, t.len, part.ptr, part.len) != NULL;
}

static inline char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool text_equal_nocase(muster_text a, muster_text b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (fold(a.ptr[i]) != fold(b.ptr[i]))
            return false;
    return true;
}

bool text_contains_nocase(muster_text t, muster_text part)
{
    for (size_t i = 0; i + part.len <= t.len; i++)
        if (text_equal_nocase(text_make(t.ptr + i, part.len), part))
            return true;
    return false;
}

static inline bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

muster_text text_trim(muster_text t)
{
    while (t.len > 0 && is_space(t.ptr[0])) {
        t.ptr++;
        t.len--;
    }
    while (t.len > 0 && is_space(t.ptr[t.len - 1]))
        t.len--;
    return t;
}

/* Length of the well-formed character at p (of `left` bytes), 0 if none. */
static size_t character_len(const unsigned char *p, size_t left)
{
    const unsigned char lead = p[0];
    unsigned char low = 0x80; /* of the second byte */
    unsigned char high = 0xbf;
    size_t len = 0;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf) {
        len = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        len = 3;
        low = lead == 0xe0 ? 0xa0 : 0x80;
        high = lead == 0xed ? 0x9f : 0xbf;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        len = 4;
        low = lead == 0xf0 ? 0x90 : 0x80;
        high = lead == 0xf4 ? 0x8f : 0xbf;
    }
    if (len == 0 || len > left || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

size_t text_utf8_prefix(muster_text t)
{
    const unsigned char *p = (const unsigned char *)t.ptr;
    size_t at = 0;
    while (at < t.len) {
        uint64_t word = 0;
        while (t.len - at >= sizeof word) {
            memcpy(&word, p + at, sizeof word);
            if ((word & 0x8080808080808080u) != 0)
                break;
            at += sizeof word;
        }
        /* The word that is not ASCII, or the tail. */
        const size_t stop = t.len - at < sizeof word ? t.len : at + sizeof word;
        while (at < stop) {
            const size_t len = character_len(p + at, t.len - at);
            if (len == 0)
                return at;
            at += len;
        }
    }
    return at;
}

bool text_is_utf8(muster_text t)
{
    return text_utf8_prefix(t) == t.len;
}

size_t text_utf8_count(muster_text t)
{
    size_t count = 0;
    for (size_t i = 0; i < t.len; i++)
        count += ((unsigned char)t.ptr[i] & 0xc0) != 0x80;
    return count;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* How many digits stand from `at` on. */
static size_t digit_run(muster_text t, size_t at)
{
    size_t end = at;
    while (end < t.len && is_digit(t.ptr[end]))
        end++;
    return end - at;
}

bool text_parse_int(muster_text t, int64_t *out)
{
    ASSERT(out != NULL);
    const bool negative = t.len > 0 && t.ptr[0] == '-';
    const size_t start = negative ? 1 : 0;
    if (t.len == start || start + digit_run(t, start) != t.len)
        return false;
    /* Downwards, because the negative side is one longer. */
    int64_t v = 0;
    for (size_t i = start; i < t.len; i++)
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_sub_overflow(v, t.ptr[i] - '0', &v))
            return false;
    if (!negative && v == INT64_MIN)
        return false;
    *out = negative ? v : -v;
    return true;
}

/* The parts of a decimal number in text. */
struct decimal {
    muster_text whole;
    muster_text fraction;
    int64_t exponent;
    bool negative;
};

/* Reads "e+12" at `at`; cut far beyond anything that a text could balance. */
static bool split_exponent(muster_text t, size_t at, int64_t *out)
{
    bool negative = false;
    at++;
    if (at < t.len && (t.ptr[at] == '-' || t.ptr[at] == '+'))
        negative = t.ptr[at++] == '-';
    const size_t digits = digit_run(t, at);
    if (digits == 0 || at + digits != t.len)
        return false;
    int64_t v = 0;
    for (size_t i = at; i < t.len; i++)
        v = v > EXPONENT_CUT / 16 ? EXPONENT_CUT : v * 10 + (t.ptr[i] - '0');
    *out = negative ? -v : v;
    return true;
}

/* "-12.50e3" into its parts; false if it is not written like that. */
static bool split_decimal(muster_text t, bool exponents, struct decimal *d)
{
    size_t at = 0;
    memset(d, 0, sizeof *d);
    if (t.len > 0 && t.ptr[0] == '-') {
        d->negative = true;
        at = 1;
    }
    const size_t whole = digit_run(t, at);
    if (whole == 0)
        return false;
    d->whole = text_make(t.ptr + at, whole);
    at += whole;
    if (at < t.len && t.ptr[at] == '.') {
        const size_t fraction = digit_run(t, at + 1);
        if (fraction == 0)
            return false;
        d->fraction = text_make(t.ptr + at + 1, fraction);
        at += 1 + fraction;
    }
    if (exponents && at < t.len && (t.ptr[at] == 'e' || t.ptr[at] == 'E'))
        return split_exponent(t, at, &d->exponent);
    return at == t.len;
}

/* Digit i of whole and fraction written without a point. */
static int digit_at(const struct decimal *d, size_t i)
{
    const char c =
        i < d->whole.len ? d->whole.ptr[i] : d->fraction.ptr[i - d->whole.len];
    return c - '0';
}

/* The value times 10^4, from the first to the last digit that counts. */
static int scale_decimal(const struct decimal *d, int64_t *out)
{
    size_t first = 0;
    size_t end = d->whole.len + d->fraction.len;
    while (first < end && digit_at(d, first) == 0)
        first++;
    while (end > first && digit_at(d, end - 1) == 0)
        end--;
    *out = 0;
    if (first == end)
        return 0;
    /* Digit i stands for 10^(units - i). */
    const int64_t units = (int64_t)d->whole.len - 1 + d->exponent;
    const int64_t highest = units - (int64_t)first;
    const int64_t lowest = units - (int64_t)(end - 1);
    if (highest >= WHOLE_DIGITS_MAX || lowest < -SCALE_DIGITS)
        return MUSTER_ELIMIT;
    int64_t v = 0; /* at most 17 digits, then 10^(lowest + 4): below 10^17 */
    for (size_t i = first; i < end; i++)
        v = v * 10 + digit_at(d, i);
    for (int64_t power = -SCALE_DIGITS; power < lowest; power++)
        v *= 10;
    if (v >= NUMBER_LIMIT)
        return MUSTER_ELIMIT;
    *out = d->negative ? -v : v;
    return 0;
}

static int parse_decimal(muster_text t, bool exponents, int64_t *out_scaled)
{
    ASSERT(out_scaled != NULL);
    struct decimal d;
    if (!split_decimal(t, exponents, &d))
        return MUSTER_EPARSE;
    int64_t scaled = 0;
    const int rc = scale_decimal(&d, &scaled);
    if (rc == 0)
        *out_scaled = scaled;
    return rc;
}

int text_parse_number(muster_text t, int64_t *out_scaled)
{
    return parse_decimal(t, false, out_scaled);
}

int text_parse_number_exponent(muster_text t, int64_t *out_scaled)
{
    return parse_decimal(t, true, out_scaled);
}

/* Digits of v into out, no NUL; returns how many. */
static size_t put_digits(char *out, uint64_t v)
{
    char reversed[20];
    size_t count = 0;
    do {
        reversed[count++] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    for (size_t i = 0; i < count; i++)
        out[i] = reversed[count - 1 - i];
    return count;
}

size_t text_format_int(char *out, int64_t v)
{
    size_t len = 0;
    if (v < 0)
        out[len++] = '-';
    len += put_digits(out + len, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
    out[len] = '\0';
    return len;
}

size_t text_format_uint(char *out, uint64_t v)
{
    const size_t len = put_digits(out, v);
    out[len] = '\0';
    return len;
}

size_t text_format_number(char *out, int64_t scaled)
{
    const uint64_t size = scaled < 0 ? 0 - (uint64_t)scaled : (uint64_t)scaled;
    size_t len = 0;
    if (scaled < 0)
        out[len++] = '-';
    len += put_digits(out + len, size / SCALE);
    uint64_t rest = size % SCALE;
    if (rest != 0)
        out[len++] = '.';
    for (uint64_t unit = SCALE / 10; rest != 0; unit /= 10) {
        out[len++] = (char)('0' + rest / unit);
        rest %= unit;
    }
    out[len] = '\0';
    return len;
}

bool text_parse_duration(muster_text t, uint32_t *out_hours)
{
    ASSERT(out_hours != NULL);
    if (text_is(t, "0")) {
        *out_hours = 0;
        return true;
    }
    /* "0d" is refused: it reads like "at once", and 0 means never. */
    if (t.len < 2 || t.ptr[0] == '0' || digit_run(t, 0) != t.len - 1)
        return false;
    int64_t amount = 0;
    if (!text_parse_int(text_make(t.ptr, t.len - 1), &amount))
        return false;
    const char unit = t.ptr[t.len - 1];
    const int64_t unit_hours = unit == 'h'   ? 1
                               : unit == 'd' ? 24
                               : unit == 'w' ? 24 * 7
                                             : 0;
    if (unit_hours == 0 || amount > HOURS_MAX / unit_hours)
        return false;
    *out_hours = (uint32_t)(amount * unit_hours);
    return true;
}

size_t text_format_duration(char *out, uint32_t hours)
{
    const bool days = hours % 24 == 0;
    size_t len = put_digits(out, days ? hours / 24 : hours);
    if (hours != 0)
        out[len++] = days ? 'd' : 'h';
    out[len] = '\0';
    return len;
}

/* Three rows of the distance table, the newest in row[0]. */
struct rows {
    size_t *row[3];
};

static void turn(struct rows *r)
{
    size_t *oldest = r->row[2];
    r->row[2] = r->row[1];
    r->row[1] = r->row[0];
    r->row[0] = oldest;
}

static inline size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Fills row[0] for the i-th byte of a (from 1), columns from..to of b;
 * returns its smallest value. Cells outside the band count as far. */
static size_t fill_row(struct rows *r, muster_text a, muster_text b, size_t i,
                       size_t from, size_t to, size_t far)
{
    size_t *now = r->row[0];
    now[from - 1] = from == 1 ? i : far;
    size_t smallest = now[from - 1];
    for (size_t j = from; j <= to; j++) {
        const char x = fold(a.ptr[i - 1]);
        const char y = fold(b.ptr[j - 1]);
        size_t d = r->row[1][j - 1] + (x != y);
        d = least(d, now[j - 1] + 1);
        d = least(d, r->row[1][j] + 1);
        if (i > 1 && j > 1 && x == fold(b.ptr[j - 2]) &&
            y == fold(a.ptr[i - 2]))
            d = least(d, r->row[2][j - 2] + 1);
        now[j] = least(d, far);
        smallest = least(smallest, now[j]);
    }
    if (to < b.len)
        now[to + 1] = far;
    return smallest;
}

size_t text_distance(muster_text a, muster_text b, size_t limit)
{
    const size_t longer = a.len > b.len ? a.len : b.len;
    limit = least(limit, longer);
    const size_t far = limit + 1;
    if (longer - least(a.len, b.len) > limit)
        return far;
    size_t on_stack[3 * (ROW_ON_STACK + 1)];
    size_t *cells = on_stack;
    const size_t width = b.len + 1;
    if (b.len > ROW_ON_STACK)
        cells = mem_array(width, 3 * sizeof *cells);
    struct rows r = {{cells, cells + width, cells + 2 * width}};
    for (size_t j = 0; j < width; j++) {
        r.row[0][j] = least(j, far);
        r.row[1][j] = far;
        r.row[2][j] = far;
    }
    size_t smallest = 0;
    size_t before = 0; /* a swap looks two rows back */
    for (size_t i = 1; i <= a.len && least(smallest, before) <= limit; i++) {
        turn(&r);
        before = smallest;
        smallest = fill_row(&r, a, b, i, i > limit ? i - limit : 1,
                            least(i + limit, b.len), far);
    }
    const size_t found =
        least(smallest, before) <= limit ? r.row[0][b.len] : far;
    if (cells != on_stack)
        mem_free(cells);
    return least(found, far);
}

void near_init(near_name *n, muster_text wanted)
{
    const size_t third = wanted.len / 3;
    n->wanted = wanted;
    n->best = text_make(NULL, 0);
    n->distance = (third > 1 ? third : 1) + 1;
}

void near_offer(near_name *n, muster_text candidate)
{
    ASSERT(candidate.ptr != NULL);
    if (n->distance == 0)
        return;
    const size_t d = text_distance(n->wanted, candidate, n->distance - 1);
    if (d < n->distance) {
        n->best = candidate;
        n->distance = d;
    }
}
