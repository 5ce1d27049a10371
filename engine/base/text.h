/*
 * text.h - borrowed text: comparison, UTF-8, numbers, near names.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <muster/types.h>

static inline muster_text text_of(const char *str)
{
    muster_text t = {str, str ? strlen(str) : 0};
    return t;
}
static inline muster_text text_make(const char *ptr, size_t len)
{
    muster_text t = {ptr, len};
    return t;
}
static inline bool text_equal(muster_text a, muster_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline bool text_is(muster_text a, const char *str)
{
    return text_equal(a, text_of(str));
}
int text_compare(muster_text a, muster_text b); /* memcmp order */
bool text_starts_with(muster_text t, muster_text prefix);
bool text_contains(muster_text t, muster_text part);
/* ASCII only. */
bool text_equal_nocase(muster_text a, muster_text b);
bool text_contains_nocase(muster_text t, muster_text part);
muster_text text_trim(muster_text t); /* ASCII white space */

/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool text_is_utf8(muster_text t);
/* Bytes of the longest well-formed beginning: where the first bad character
 * stands, or t.len. */
size_t text_utf8_prefix(muster_text t);
/* Characters (code points) of a valid UTF-8 text. */
size_t text_utf8_count(muster_text t);

/* Decimal integer, optional '-', the whole text. false if not or too big. */
bool text_parse_int(muster_text t, int64_t *out);
/* Decimal number with at most 4 decimals and |x| < 2^40, scaled by 10^4.
 * Accepts "-1", "19.90", "007"; not "+1", ".5", "5." and no exponent ("1e3").
 * Returns 0, or MUSTER_EPARSE (not a number), MUSTER_ELIMIT (too large or too
 * many digits behind the point; trailing zeros do not count). */
int text_parse_number(muster_text t, int64_t *out_scaled);
/* The same with an exponent allowed, as JSON writes them: "1.5e3", "5E-1". */
int text_parse_number_exponent(muster_text t, int64_t *out_scaled);
/* Writes an integer in decimal; `out` holds at least 21 bytes; returns the
 * length. */
size_t text_format_int(char *out, int64_t v);
size_t text_format_uint(char *out, uint64_t v);
/* Writes a scaled number in shortest form ("34", "19.9", "-0.0001").
 * `out` holds at least 32 bytes; returns the length. */
size_t text_format_number(char *out, int64_t scaled);

/* "30d", "12h", "4w", "0" (never): hours, 0 = never. false if malformed
 * ("0d", "030d") or above 10,000 days. */
bool text_parse_duration(muster_text t, uint32_t *out_hours);
/* The inverse: "30d" when whole days, else "12h"; "0". `out` >= 16 bytes. */
size_t text_format_duration(char *out, uint32_t hours);

/* Damerau-Levenshtein distance (bytes, ASCII case folded), cut at `limit`:
 * returns limit+1 when farther. */
size_t text_distance(muster_text a, muster_text b, size_t limit);

/* Picks the closest of many names: near_offer each, then best.ptr is NULL or
 * a name near enough (distance <= max(1, len/3)). */
typedef struct near_name {
    muster_text wanted;
    muster_text best;
    size_t distance;
} near_name;
void near_init(near_name *n, muster_text wanted);
void near_offer(near_name *n, muster_text candidate);

#endif
