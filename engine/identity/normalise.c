/*
 * normalise.c - what one raw id looks like in each space, and what looks like
 * personal data.
 *
 * Two spellings of one id must give one pseudonym, and two ids must never
 * give the same; so each space has its own rule (field practice differs: a
 * GAID is lower case, an IDFA upper case, a cookie is what it is).
 *
 *   space                       normal form
 *   cookie, customer, others    the bytes, case kept; valid UTF-8 without
 *                               control characters
 *   gaid                        UUID 8-4-4-4-12, lower case
 *   idfa                        UUID 8-4-4-4-12, upper case
 *   ctv                         UUID in lower case, other forms as they are
 *   email_sha256, phone_sha256  SHA-256 as 64 hex digits in lower case; the
 *                               44-character Base64 of the same 32 bytes is
 *                               converted to them
 *
 * White space around an id is no part of it. Refused in every space: the
 * all-zero UUID (a user who limits tracking: every such user would become one
 * person), the digest of nothing, an e-mail address, and a phone number in
 * international form (+ and 8 to 15 digits). A row of digits alone is refused
 * only where no id of the space can look so; customer numbers do.
 *
 * An e-mail address is taken to be anywhere in a text where `@` (or `%40`,
 * as in a URL) stands between a character of a local part and a domain with
 * a dot whose last label is no number: addresses hide in longer texts.
 *
 * Cost: a few passes over about 36 bytes; no allocation. Any thread. Nothing
 * here puts a byte of the id into a message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "identity/normalise.h"

#include <string.h>

#define UUID_LEN 36u
#define SHA256_HEX_LEN 64u
#define SHA256_BASE64_LEN 44u
#define PHONE_DIGITS_MIN 8u
#define PHONE_DIGITS_MAX 15u

/* SHA-256 of the empty text: an e-mail column that was empty. */
static const char nothing_sha256[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Beyond ASCII: a part of a UTF-8 letter, as in an internationalised name. */
static bool is_wide(char c)
{
    return (unsigned char)c >= 0x80;
}

/* ---- suspicion of personal data ---- */

/* Whether a domain with a dot starts at `at`: labels of letters, digits and
 * hyphens, the last of which does not begin like a number. */
static bool domain_at(muster_text t, size_t at)
{
    size_t label = at;
    size_t dots = 0;
    size_t i = at;
    for (; i < t.len; i++) {
        const char c = t.ptr[i];
        if (c == '.' && i > label && i + 1 < t.len &&
            (is_letter(t.ptr[i + 1]) || is_digit(t.ptr[i + 1]) ||
             is_wide(t.ptr[i + 1]))) {
            dots++;
            label = i + 1;
        } else if (!is_letter(c) && !is_digit(c) && !is_wide(c) && c != '-') {
            break;
        }
    }
    return dots > 0 && !is_digit(t.ptr[label]);
}

static bool is_local_part(char c)
{
    if (is_letter(c) || is_digit(c) || is_wide(c))
        return true;
    return c != '\0' && strchr("!#$%&'*+-=?^_`{|}~.\"", c) != NULL;
}

static bool has_email(muster_text t)
{
    for (size_t i = 1; i < t.len; i++) {
        size_t sign = 0;
        if (t.ptr[i] == '@')
            sign = 1;
        else if (t.ptr[i] == '%' && t.len - i > 3 && t.ptr[i + 1] == '4' &&
                 t.ptr[i + 2] == '0')
            sign = 3;
        if (sign != 0 && is_local_part(t.ptr[i - 1]) && domain_at(t, i + sign))
            return true;
    }
    return false;
}

/* 8 to 15 digits with nothing but what people put between them. */
static bool is_phone_digits(muster_text t)
{
    size_t digits = 0;
    for (size_t i = 0; i < t.len; i++) {
        if (is_digit(t.ptr[i]))
            digits++;
        else if (t.ptr[i] == '\0' || strchr(" .-()/", t.ptr[i]) == NULL)
            return false;
    }
    return digits >= PHONE_DIGITS_MIN && digits <= PHONE_DIGITS_MAX;
}

static bool is_phone(muster_text t)
{
    if (t.len == 0 || t.ptr[0] != '+')
        return false;
    return is_phone_digits(text_make(t.ptr + 1, t.len - 1));
}

/* For ids every byte of which is looked at: is it worth a closer look? */
static bool may_be_email(muster_text t)
{
    return memchr(t.ptr, '@', t.len) != NULL ||
           memchr(t.ptr, '%', t.len) != NULL;
}

bool identity_is_pii(muster_text text)
{
    ASSERT(text.ptr != NULL || text.len == 0);
    const muster_text t = text_trim(text);
    if (t.len == 0)
        return false;
    return (may_be_email(t) && has_email(t)) || is_phone(t);
}

/* ---- forms ---- */

/* A hex digit in the case that a table is of; 0 for what is none. */
#define HEX_DIGITS(a)                                                          \
    ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',           \
    ['5'] = '5', ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9',           \
    ['a'] = (a), ['b'] = (a) + 1, ['c'] = (a) + 2, ['d'] = (a) + 3,            \
    ['e'] = (a) + 4, ['f'] = (a) + 5, ['A'] = (a), ['B'] = (a) + 1,            \
    ['C'] = (a) + 2, ['D'] = (a) + 3, ['E'] = (a) + 4, ['F'] = (a) + 5

static const char hex_lower[256] = {HEX_DIGITS('a')};
static const char hex_upper[256] = {HEX_DIGITS('A')};

/* Writes hex digits in the table's case; false when one is none. */
static bool map_hex(char *out, const char *digits, size_t n,
                    const char table[256])
{
    bool all = true;
    for (size_t i = 0; i < n; i++) {
        out[i] = table[(unsigned char)digits[i]];
        all &= out[i] != 0;
    }
    return all;
}

/* A UUID in the table's case, or 0: it is none. */
static size_t map_uuid(char *out, muster_text t, const char table[256])
{
    static const uint8_t parts[] = {8, 4, 4, 4, 12};
    bool ok = t.len == UUID_LEN;
    size_t at = 0;

    for (size_t i = 0; i < sizeof parts && ok; i++) {
        ok = map_hex(out + at, t.ptr + at, parts[i], table);
        at += parts[i];
        if (at == UUID_LEN)
            break;
        ok &= t.ptr[at] == '-';
        out[at++] = '-';
    }
    return ok ? UUID_LEN : 0;
}

static bool is_zero_uuid(muster_text t)
{
    return t.len == UUID_LEN && t.ptr[0] == '0' &&
           memcmp(t.ptr, "00000000-0000-0000-0000-000000000000", UUID_LEN) == 0;
}

/* Eight bytes, each from space to `~`. */
static bool are_printable(const char *bytes)
{
    const uint64_t ones = UINT64_MAX / 255;
    uint64_t x;

    memcpy(&x, bytes, sizeof x);
    const uint64_t del = (x ^ 0x7f * ones) - ones; /* borrows from 0x7f */
    const uint64_t control = x - 0x20 * ones;      /* and below 0x20 */
    return ((x | del | control) & 0x80 * ones) == 0;
}

/* No ASCII or C1 control character, and valid UTF-8. */
static bool is_clean(muster_text t)
{
    bool wide = false;
    size_t plain = 0;

    while (t.len - plain >= 8 && are_printable(t.ptr + plain))
        plain += 8;
    t = text_make(t.ptr + plain, t.len - plain);
    for (size_t i = 0; i < t.len; i++) {
        const unsigned char c = (unsigned char)t.ptr[i];
        if (c < 0x20 || c == 0x7f)
            return false;
        if (c == 0xc2 && i + 1 < t.len && (unsigned char)t.ptr[i + 1] < 0xa0)
            return false;
        wide |= c >= 0x80;
    }
    return !wide || text_is_utf8(t);
}

/* ---- rules: one per space; write to out (room MUSTER_ID_BYTES_MAX) ---- */

/* Each returns the length of the normal form, 0 when the id has none. */

static size_t normal_as_is(char *out, muster_text id)
{
    ASSERT(id.len > 0 && id.len <= MUSTER_ID_BYTES_MAX);
    if (!is_clean(id))
        return 0;
    memcpy(out, id.ptr, id.len);
    return id.len;
}

static size_t normal_gaid(char *out, muster_text id)
{
    return map_uuid(out, id, hex_lower);
}

static size_t normal_idfa(char *out, muster_text id)
{
    return map_uuid(out, id, hex_upper);
}

static size_t normal_ctv(char *out, muster_text id)
{
    const size_t len = map_uuid(out, id, hex_lower);
    return len > 0 ? len : normal_as_is(out, id);
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (is_digit(c))
        return c - '0' + 52;
    if (c == '+' || c == '-') /* the second alphabet is the one of URLs */
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

/* 44 characters of Base64 for 32 bytes, to 64 hex digits. */
static size_t hex_of_base64(char *out, muster_text id)
{
    static const char digits[] = "0123456789abcdef";
    ASSERT(id.len == SHA256_BASE64_LEN);
    if (id.ptr[SHA256_BASE64_LEN - 1] != '=')
        return 0;
    uint32_t bits = 0;
    int bit_count = 0;
    size_t len = 0;
    for (size_t i = 0; i < SHA256_BASE64_LEN - 1; i++) {
        const int digit = base64_digit(id.ptr[i]);
        if (digit < 0)
            return 0;
        bits = bits << 6 | (uint32_t)digit;
        for (bit_count += 6; bit_count >= 4; bit_count -= 4)
            if (len < SHA256_HEX_LEN)
                out[len++] = digits[bits >> (bit_count - 4) & 15];
        bits &= 15;
    }
    /* 43 digits are 258 bits: the two too many are 0 in the one spelling. */
    return (bits & 3) == 0 ? len : 0;
}

static size_t normal_sha256(char *out, muster_text id)
{
    if (id.len == SHA256_HEX_LEN)
        return map_hex(out, id.ptr, id.len, hex_lower) ? id.len : 0;
    return id.len == SHA256_BASE64_LEN ? hex_of_base64(out, id) : 0;
}

/* One row is one space with a rule; the last is every other. `digits`: an id
 * of the space may be digits alone. */
typedef struct space_rule {
    muster_text space;
    size_t (*normal)(char *out, muster_text id);
    bool digits;
    const char *form;
} space_rule;

#define SPACE_NAME(name)                                                       \
    {                                                                          \
        name, sizeof(name) - 1                                                 \
    }
#define SHA256_FORM                                                            \
    "a SHA-256 digest as 64 hex digits or 44 characters of Base64"
static const space_rule rules[] = {
    {SPACE_NAME("cookie"), normal_as_is, true, "valid UTF-8 text"},
    {SPACE_NAME("customer"), normal_as_is, true, "valid UTF-8 text"},
    {SPACE_NAME("gaid"), normal_gaid, false, "a UUID (8-4-4-4-12 hex)"},
    {SPACE_NAME("idfa"), normal_idfa, false, "a UUID (8-4-4-4-12 hex)"},
    {SPACE_NAME("ctv"), normal_ctv, true, "valid UTF-8 text"},
    {SPACE_NAME("email_sha256"), normal_sha256, false, SHA256_FORM},
    {SPACE_NAME("phone_sha256"), normal_sha256, false, SHA256_FORM},
    {SPACE_NAME(""), normal_as_is, true, "valid UTF-8 text"},
};

static const space_rule *rule_of(muster_text space)
{
    const size_t last = sizeof rules / sizeof rules[0] - 1;
    ASSERT(rules[last].space.len == 0);
    for (size_t i = 0; i < last; i++)
        if (text_equal(rules[i].space, space))
            return &rules[i];
    return &rules[last];
}

static int refuse_pii(muster_text space, muster_error *err)
{
    return error_set(err, MUSTER_EINVAL, "pii_suspected",
                     "the id in space `%.*s` looks like an e-mail address or "
                     "a phone number; send its digest (muster hash)",
                     (int)space.len, space.ptr);
}

static int refuse_zero(muster_text space, muster_error *err)
{
    return error_set(err, MUSTER_EINVAL, "zero_id",
                     "the id in space `%.*s` is that of nobody (all zero, or "
                     "the digest of an empty text)",
                     (int)space.len, space.ptr);
}

int normalise_id(char *out, size_t *out_len, muster_text space, muster_text id,
                 muster_error *err)
{
    ASSERT(out != NULL && out_len != NULL);
    const muster_text t = text_trim(id);
    if (t.len == 0)
        return error_set(err, MUSTER_EINVAL, "empty_id",
                         "the id in space `%.*s` is empty", (int)space.len,
                         space.ptr);
    if (t.len > MUSTER_ID_BYTES_MAX)
        return error_set(err, MUSTER_EINVAL, "long_id",
                         "the id in space `%.*s` has %zu bytes; %u are "
                         "allowed",
                         (int)space.len, space.ptr, t.len, MUSTER_ID_BYTES_MAX);
    const space_rule *rule = rule_of(space);
    if (identity_is_pii(t) || (!rule->digits && is_phone_digits(t)))
        return refuse_pii(space, err);
    if (is_zero_uuid(t))
        return refuse_zero(space, err);
    *out_len = rule->normal(out, t);
    if (*out_len == 0)
        return error_set(err, MUSTER_EINVAL, "bad_id",
                         "the id in space `%.*s` does not have its form: %s "
                         "is expected",
                         (int)space.len, space.ptr, rule->form);
    if (rule->normal == normal_sha256 &&
        memcmp(out, nothing_sha256, SHA256_HEX_LEN) == 0)
        return refuse_zero(space, err);
    return 0;
}
