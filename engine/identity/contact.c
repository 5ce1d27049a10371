/*
 * contact.c - the normal form of an e-mail address or a phone number, by rule,
 * and its SHA-256.
 *
 *   rule     e-mail                                   phone
 *   uid2     of gmail.com: no dots, no +suffix        E.164 with +
 *   google   no blanks within; of gmail.com and       E.164 with +
 *            googlemail.com: no dots, no +suffix
 *   aam      -                                        none
 *   meta     -                                        digits, no leading zeros
 *   tiktok   no +suffix                               digits
 *
 * Every rule takes white space away around both and makes an address lower
 * case: its ASCII letters; others stay as they are, for no owner says how.
 * Sources: the owners' pages, as listed in docs/mappings.md.
 *
 * An address has one @ with something on both sides, also when normalised, no
 * control character, no blank within (but for google, which drops them) and
 * 254 bytes at most. More is not asked: whether it exists nobody can tell.
 *
 * A phone number is digits with nothing but what people put between them
 * (blank - . / and brackets) and perhaps a + before them. UID2 leaves the
 * normalising to the caller, and Google says how: all but the + and digits is
 * taken away. A (0) behind the country of a number with a + is the trunk prefix
 * at home and no part of the number. A number without a + is completed when a
 * calling code is given: `plans` says what is dialled before national and
 * international numbers. Meta's and TikTok's rule take the digits as they are
 * when no calling code is given, and those of the completed number otherwise.
 *
 * A normal form lives on the stack of contact_hash and is wiped there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <sodium.h>
#include <string.h>
#include "identity/identity.h"

/* Digits that are looked at: a number, and a prefix of another country. */
#define DIALLED_DIGITS_MAX 24u

/* The shortest numbers in use have a country of 3 digits and 4 more. */
#define PHONE_DIGITS_MIN 7u
/* UID2's operator refuses shorter ones (InputUtil.java). */
#define PHONE_DIGITS_MIN_UID2 10u

/* A normal form on its way to the hash. */
typedef struct form {
    char text[MUSTER_CONTACT_EMAIL_BYTES_MAX + 1];
    size_t len;
} form;

typedef struct rule_row {
    const char *name;
    bool joins;             /* blanks within an address are dropped */
    bool cuts;              /* +suffix is dropped in every domain */
    const char *folding[2]; /* domains where it is, and dots */
    enum { PHONE_NONE, PHONE_E164, PHONE_DIGITS, PHONE_NO_ZEROS } phone;
    size_t digits_min;
} rule_row;

/* By muster_contact_rule. */
static const rule_row rules[] = {
    {"uid2", false, false, {"gmail.com"}, PHONE_E164, PHONE_DIGITS_MIN_UID2},
    {"google",
     true,
     false,
     {"gmail.com", "googlemail.com"},
     PHONE_E164,
     PHONE_DIGITS_MIN},
    {"aam", false, false, {NULL}, PHONE_NONE, 0},
    {"meta", false, false, {NULL}, PHONE_NO_ZEROS, PHONE_DIGITS_MIN},
    {"tiktok", false, true, {NULL}, PHONE_DIGITS, PHONE_DIGITS_MIN},
};
#define RULES (sizeof rules / sizeof rules[0])

/* What is dialled where, as far as it is not 0 and 00 (ITU-T, Dialling
 * procedures, annex to Operational Bulletin 994). `trunk_digits`: the trunk
 * prefix is one in a number of so many digits only; 0: in all. `abroad`: before
 * the country, as 00 is everywhere in such files. A national number of Italy,
 * San Marino, Congo and Cote d'Ivoire keeps its zero. */
typedef struct plan {
    uint16_t country;
    const char *trunk;
    size_t trunk_digits;
    const char *abroad;
} plan;
static const plan plans[] = {
    {1, "1", 11, "011"}, {7, "8", 11, "810"},  {36, "06", 0, "00"},
    {39, "", 0, "00"},   {81, "0", 0, "010"},  {225, "", 0, "00"},
    {242, "", 0, "00"},  {370, "8", 9, "00"},  {375, "80", 11, "810"},
    {378, "", 0, "00"},  {993, "8", 9, "810"}, {0, "0", 0, "00"},
};

static const rule_row *row_of(muster_contact_rule rule)
{
    ASSERT((size_t)rule < RULES);
    return &rules[rule];
}

const char *contact_rule_name(muster_contact_rule rule)
{
    return row_of(rule)->name;
}

int contact_rule_find(muster_contact_rule *out, muster_text name,
                      muster_error *err)
{
    near_name near;
    ASSERT(out != NULL);
    near_init(&near, name);
    for (size_t i = 0; i < RULES; i++) {
        near_offer(&near, text_of(rules[i].name));
        if (text_is(name, rules[i].name)) {
            *out = (muster_contact_rule)i;
            return 0;
        }
    }
    error_set(err, MUSTER_ENOTFOUND, "unknown_rule",
              "no rule has this name; there are uid2, google, aam, meta and "
              "tiktok");
    if (near.best.ptr != NULL)
        error_suggest(err, "%.*s", (int)near.best.len, near.best.ptr);
    return MUSTER_ENOTFOUND;
}

int contact_country_parse(uint16_t *out, muster_text text, muster_error *err)
{
    int64_t code = 0;
    ASSERT(out != NULL);
    if (text.len > 0 && text.ptr[0] == '+')
        text = text_make(text.ptr + 1, text.len - 1);
    if (text.len == 0 || text.len > 3 || text.ptr[0] < '1' ||
        text.ptr[0] > '9' || !text_parse_int(text, &code))
        return error_set(err, MUSTER_EINVAL, "bad_country",
                         "a calling code has one to three digits, as in +49");
    *out = (uint16_t)code;
    return 0;
}

int contact_check(const muster_contact *how, muster_error *err)
{
    ASSERT(how != NULL && how->country <= 999);
    const rule_row *rule = row_of(how->rule);
    if (how->kind == MUSTER_CONTACT_PHONE && rule->phone == PHONE_NONE)
        return error_set(err, MUSTER_EINVAL, "no_phone_rule",
                         "the rule `%s` knows e-mail addresses only",
                         rule->name);
    return 0;
}

/* ---- e-mail ---- */

static int refuse_email(muster_error *err)
{
    return error_set(err, MUSTER_EINVAL, "bad_email",
                     "this is no e-mail address: one @ with something on "
                     "both sides is expected");
}

/* Not a character of an address: controls of ASCII and C1, no-break space. */
static bool is_foreign(muster_text t, size_t i)
{
    const unsigned char c = (unsigned char)t.ptr[i];
    if (c < 0x20 || c == 0x7f)
        return true;
    return c == 0xc2 && i + 1 < t.len && (unsigned char)t.ptr[i + 1] <= 0xa0;
}

/* Lower case, into the form. */
static int read_email(const rule_row *rule, muster_text t, form *out,
                      muster_error *err)
{
    for (size_t i = 0; i < t.len; i++) {
        const char c = t.ptr[i];
        if (c == ' ' && rule->joins)
            continue;
        if (c == ' ' || is_foreign(t, i))
            return refuse_email(err);
        if (out->len == MUSTER_CONTACT_EMAIL_BYTES_MAX)
            return error_set(err, MUSTER_EINVAL, "long_email",
                             "an e-mail address has %u bytes at most",
                             MUSTER_CONTACT_EMAIL_BYTES_MAX);
        out->text[out->len++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return text_is_utf8(text_make(out->text, out->len)) ? 0 : refuse_email(err);
}

static bool is_folding(const rule_row *rule, muster_text domain)
{
    for (size_t i = 0; i < sizeof rule->folding / sizeof rule->folding[0]; i++)
        if (rule->folding[i] != NULL && text_is(domain, rule->folding[i]))
            return true;
    return false;
}

/* Takes from the local part what the rule says; `at` is the place of the @.
 * What is left of it in bytes. */
static size_t fold_local(const rule_row *rule, form *f, size_t at)
{
    const muster_text domain = text_make(f->text + at + 1, f->len - at - 1);
    const bool folds = is_folding(rule, domain);
    size_t kept = 0;
    for (size_t i = 0; i < at; i++) {
        if (f->text[i] == '+' && (folds || rule->cuts))
            break;
        if (f->text[i] != '.' || !folds)
            f->text[kept++] = f->text[i];
    }
    memmove(f->text + kept, f->text + at, f->len - at);
    f->len -= at - kept;
    return kept;
}

static int form_email(const rule_row *rule, muster_text raw, form *out,
                      muster_error *err)
{
    const int rc = read_email(rule, raw, out, err);
    if (rc < 0)
        return rc;
    const char *at = memchr(out->text, '@', out->len);
    if (at == NULL)
        return refuse_email(err);
    const size_t local = (size_t)(at - out->text);
    const size_t rest = out->len - local - 1;
    if (rest == 0 || memchr(at + 1, '@', rest) != NULL)
        return refuse_email(err);
    return fold_local(rule, out, local) > 0 ? 0 : refuse_email(err);
}

/* ---- phone ---- */

typedef struct dialled {
    char digits[DIALLED_DIGITS_MAX];
    size_t n;
    bool plus;
} dialled;

static int refuse_phone(muster_error *err)
{
    return error_set(err, MUSTER_EINVAL, "bad_phone",
                     "this is no phone number of the form that the rule "
                     "asks for");
}

/* The digits; with `home`, without a (0) behind a +. */
static int read_phone(muster_text t, bool home, dialled *out, muster_error *err)
{
    for (size_t i = 0; i < t.len; i++) {
        const char c = t.ptr[i];
        if (c == '+' && !out->plus && out->n == 0) {
            out->plus = true;
        } else if (home && out->plus && out->n > 0 && t.len - i >= 3 &&
                   memcmp(t.ptr + i, "(0)", 3) == 0) {
            i += 2;
        } else if (c >= '0' && c <= '9' && out->n < DIALLED_DIGITS_MAX) {
            out->digits[out->n++] = c;
        } else if (c == '\0' || strchr(" .-()/", c) == NULL) {
            return refuse_phone(err);
        }
    }
    return 0;
}

static bool drop_prefix(dialled *d, const char *prefix)
{
    const size_t len = strlen(prefix);
    if (len == 0 || d->n <= len || memcmp(d->digits, prefix, len) != 0)
        return false;
    memmove(d->digits, d->digits + len, d->n - len);
    d->n -= len;
    return true;
}

static const plan *plan_of(uint16_t country)
{
    const plan *p = plans;
    while (p->country != 0 && p->country != country)
        p++;
    return p;
}

/* A number as dialled in `country`, to one with its country. */
static int complete(dialled *d, uint16_t country, muster_error *err)
{
    char code[24];
    if (d->plus)
        return 0;
    if (country == 0)
        return error_set(err, MUSTER_EINVAL, "no_country",
                         "a phone number without its country (+49 ...), and "
                         "no calling code is given to complete it");
    const plan *p = plan_of(country);
    if (drop_prefix(d, p->abroad) || drop_prefix(d, "00"))
        return 0;
    if (p->trunk_digits == 0 || p->trunk_digits == d->n)
        (void)drop_prefix(d, p->trunk);
    const size_t len = text_format_uint(code, country);
    if (d->n + len > DIALLED_DIGITS_MAX)
        return refuse_phone(err);
    memmove(d->digits + len, d->digits, d->n);
    memcpy(d->digits, code, len);
    d->n += len;
    return 0;
}

static int form_phone(const rule_row *rule, uint16_t country, muster_text raw,
                      form *out, muster_error *err)
{
    dialled d = {.n = 0};
    const bool whole = rule->phone == PHONE_E164 || country != 0;
    int rc = read_phone(raw, whole, &d, err);
    if (rc == 0 && whole)
        rc = complete(&d, country, err);
    while (rule->phone == PHONE_NO_ZEROS && drop_prefix(&d, "0"))
        ;
    if (rc == 0 &&
        (d.n < rule->digits_min || d.n > MUSTER_CONTACT_PHONE_DIGITS_MAX ||
         (whole && d.digits[0] == '0')))
        rc = refuse_phone(err);
    if (rc == 0) {
        if (rule->phone == PHONE_E164)
            out->text[out->len++] = '+';
        memcpy(out->text + out->len, d.digits, d.n);
        out->len += d.n;
    }
    sodium_memzero(&d, sizeof d);
    return rc;
}

/* ---- digest ---- */

static void put_digest(const form *f, muster_contact_encoding encoding,
                       char out[MUSTER_CONTACT_DIGEST_BYTES])
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    const int rc = crypto_hash_sha256(digest, (const uint8_t *)f->text, f->len);
    ASSERT(rc == 0 && f->len > 0);
    if (encoding == MUSTER_CONTACT_BASE64)
        sodium_bin2base64(out, MUSTER_CONTACT_DIGEST_BYTES, digest,
                          sizeof digest, sodium_base64_VARIANT_ORIGINAL);
    else
        sodium_bin2hex(out, MUSTER_CONTACT_DIGEST_BYTES, digest, sizeof digest);
}

int contact_hash(const muster_contact *how, muster_text raw,
                 char out[MUSTER_CONTACT_DIGEST_BYTES], muster_error *err)
{
    form f = {.len = 0};
    ASSERT(out != NULL && (raw.ptr != NULL || raw.len == 0));
    int rc = contact_check(how, err);
    if (rc < 0)
        return rc;
    raw = text_trim(raw);
    if (raw.len == 0)
        return error_set(err, MUSTER_EINVAL, "empty_contact",
                         "there is neither an e-mail address nor a phone "
                         "number");
    const rule_row *rule = row_of(how->rule);
    if (how->kind == MUSTER_CONTACT_EMAIL)
        rc = form_email(rule, raw, &f, err);
    else
        rc = form_phone(rule, how->country, raw, &f, err);
    if (rc == 0)
        put_digest(&f, how->encoding, out);
    sodium_memzero(&f, sizeof f);
    return rc;
}
