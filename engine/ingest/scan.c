/*
 * scan.c - the fast way for lines as programs write them: one pass over the
 * bytes to a tape, texts left where they are.
 *
 * It takes a part of JSON and refuses the rest without saying why: strings
 * without escapes, of valid UTF-8 and without control characters; numbers
 * without exponent, integers up to 18 digits; up to TAPE_DEPTH_MAX levels;
 * one object. What is refused goes to the JSON reader, which knows all of
 * JSON and says what is wrong. So nothing here decides what is valid: what
 * is taken, the JSON reader takes too and reads the same (tests/ingest/
 * scan_test.c and a fuzz target compare them).
 *
 * Cost: about a third of building and walking a document of the JSON reader.
 * Strings are looked at 16 bytes at a time where the processor can.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/scan.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define SCAN_DIGITS_MAX 18 /* cannot pass int64_t */

/* The functions below take where they stand and the line's end, and return
 * where they came to, NULL when the line is no plain one. */

static inline const char *skip_blank(const char *p, const char *end)
{
    while (p < end && (unsigned char)*p <= ' ' &&
           (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++;
    return p;
}

/* ---- strings ---- */

static inline bool is_plain(char c)
{
    const unsigned char u = (unsigned char)c;
    return u >= 0x20 && u < 0x80 && c != '"' && c != '\\';
}

/* The first byte that is not plain; end when there is none. */
static inline const char *skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i escape = _mm_set1_epi8('\\');
    const __m128i blank = _mm_set1_epi8(' ');
    for (; end - p >= 16; p += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* Signed, so bytes from 0x80 on are below a blank, too. */
        const __m128i special =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote),
                                      _mm_cmpeq_epi8(bytes, escape)),
                         _mm_cmplt_epi8(bytes, blank));
        const unsigned mask = (unsigned)_mm_movemask_epi8(special);
        if (mask != 0)
            return p + __builtin_ctz(mask);
    }
#endif
    while (p < end && is_plain(*p))
        p++;
    return p;
}

/* The same for a string that starts at `start` and has more than ASCII. */
static const char *skip_wide(const char *start, const char *p, const char *end)
{
    while (p < end && ((unsigned char)*p >= 0x80 || is_plain(*p)))
        p++;
    return text_is_utf8(text_make(start, (size_t)(p - start))) ? p : NULL;
}

/* A string, behind its opening quote. */
static inline const char *scan_string(const char *start, const char *end,
                                      tree_value *out)
{
    const char *p = skip_plain(start, end);
    if (p < end && (unsigned char)*p >= 0x80)
        p = skip_wide(start, p, end);
    if (p == NULL || p == end || *p != '"')
        return NULL;
    out->kind = TREE_TEXT;
    out->len = (uint32_t)(p - start);
    out->as.ptr = start;
    return p + 1;
}

/* ---- other values ---- */

static inline bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

static const char *scan_number(const char *start, const char *end,
                               tree_value *out)
{
    const bool negative = *start == '-';
    const char *const digits = start + negative;
    const char *p = digits;
    int64_t v = 0;
    while (is_digit(p, end) && p - digits < SCAN_DIGITS_MAX)
        v = v * 10 + (*p++ - '0');
    if (p == digits || is_digit(p, end) || (*digits == '0' && p > digits + 1))
        return NULL;
    const bool fraction = p < end && *p == '.';
    if (fraction) {
        const char *const decimals = ++p;
        while (is_digit(p, end))
            p++;
        if (p == decimals)
            return NULL;
    }
    if (p < end && (*p == 'e' || *p == 'E'))
        return NULL;
    *out = (tree_value){.kind = TREE_INT, .as.integer = negative ? -v : v};
    if (fraction)
        *out = (tree_value){TREE_NUMBER, (uint32_t)(p - start), {start}};
    return p;
}

/* true, false, null */
static const char *scan_word(const char *p, const char *end, tree_value *out)
{
    const size_t left = (size_t)(end - p);
    if (left >= 4 && memcmp(p, "true", 4) == 0) {
        *out = (tree_value){.kind = TREE_BOOL, .as.integer = 1};
        return p + 4;
    }
    if (left >= 5 && memcmp(p, "false", 5) == 0) {
        *out = (tree_value){.kind = TREE_BOOL, .as.integer = 0};
        return p + 5;
    }
    if (left >= 4 && memcmp(p, "null", 4) == 0) {
        *out = (tree_value){.kind = TREE_NULL};
        return p + 4;
    }
    return NULL;
}

static inline const char *scan_scalar(const char *p, const char *end,
                                      tree_value *out)
{
    if (p == end)
        return NULL;
    if (*p == '"')
        return scan_string(p + 1, end, out);
    if (*p == '-' || is_digit(p, end))
        return scan_number(p, end, out);
    return scan_word(p, end, out);
}

/* A key and its colon, to the value. */
static inline const char *scan_key(const char *p, const char *end,
                                   tree_value *out)
{
    if (p == end || *p != '"')
        return NULL;
    p = scan_string(p + 1, end, out);
    if (p == NULL)
        return NULL;
    p = skip_blank(p, end);
    if (p == end || *p != ':')
        return NULL;
    return skip_blank(p + 1, end);
}

/* ---- maps and lists ---- */

static inline char closer_of(const tree_value *open)
{
    return open->kind == TREE_MAP ? '}' : ']';
}

static inline void open_node(tree_value *node, char bracket)
{
    node->kind = bracket == '{' ? TREE_MAP : TREE_LIST;
    node->len = 0;
}

/* The map at p and all in it, to the free nodes from `next` on. */
static inline const char *scan_map(const char *p, const char *end,
                                   tree_value *next)
{
    tree_value *open[TAPE_DEPTH_MAX];
    size_t depth = 1;
    tree_value *top = open[0] = next++;
    open_node(top, '{');
    p = skip_blank(p + 1, end);
    if (p < end && *p == '}')
        return p; /* an empty record: not worth a way of its own */
    for (;;) {
        if (top->kind == TREE_MAP && (p = scan_key(p, end, next++)) == NULL)
            return NULL;
        top->len++;
        if (p < end && (*p == '{' || *p == '[')) {
            if (depth == TAPE_DEPTH_MAX)
                return NULL;
            top = open[depth++] = next++;
            open_node(top, *p);
            p = skip_blank(p + 1, end);
            if (p < end && *p != closer_of(top))
                continue;
        } else if ((p = scan_scalar(p, end, next++)) == NULL) {
            return NULL;
        }
        p = skip_blank(p, end);
        while (p < end && *p == closer_of(top)) {
            top->as.node = tape_node(next);
            p = skip_blank(p + 1, end);
            if (--depth == 0)
                return p;
            top = open[depth - 1];
        }
        if (p == end || *p != ',')
            return NULL;
        p = skip_blank(p + 1, end);
    }
}

bool scan_line(tape *t, muster_text line, tree_value *out)
{
    const char *const end = line.ptr + line.len;
    if (line.len > SCAN_BYTES_MAX)
        return false;
    /* A node takes two bytes of text, one that is still open one. */
    tape_reserve(t, line.len / 2 + TAPE_DEPTH_MAX + 2);
    const char *p = skip_blank(line.ptr, end);
    if (p == end || *p != '{')
        return false;
    p = scan_map(p, end, t->nodes);
    *out = (tree_value){
        .kind = TREE_MAP,
        .as.node = tape_node(t->nodes),
    };
    return p == end;
}

static int scaled_text(const tree_node *node, int64_t *out)
{
    return text_parse_number(tree_text(*tape_at(node)), out);
}

const tree_source scan_source = {
    tape_walk, tape_next, tape_value, scaled_text, tape_digits,
};
