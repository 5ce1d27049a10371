/*
 * lexer.c - expression text to tokens, and words for what cannot be one.
 *
 * Terms: a *sign* is punctuation; the table of signs holds the language's own
 * and, with what to write instead, those of other languages, longest first.
 *
 * Cost: one pass; a word costs a scan of the keyword rows of its length. No
 * allocation but in lexer_decode. No state beyond `lexer`: any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/lexer.h"

#include <muster/limits.h>
#include <stdio.h>

#define SHOWN_BYTES_MAX 60 /* of the user's own text inside a suggestion */

/* ---- keywords ---- */

static const struct keyword_row {
    const char *singular;
    const char *plural;
} keywords[] = {[WORD_PLAIN] = {"", NULL},
#define KEYWORD_ROW(symbol, singular, plural)                                  \
    [WORD_##symbol] = {singular, plural},
                KEYWORD_MAP(KEYWORD_ROW)
#undef KEYWORD_ROW
};

#define KEYWORD_COUNT (sizeof keywords / sizeof keywords[0])

keyword keyword_find(muster_text word)
{
    for (size_t i = 1; i < KEYWORD_COUNT; i++) {
        const struct keyword_row *row = &keywords[i];
        if (text_equal_nocase(word, text_of(row->singular)))
            return (keyword)i;
        if (row->plural != NULL &&
            text_equal_nocase(word, text_of(row->plural)))
            return (keyword)i;
    }
    return WORD_PLAIN;
}

const char *keyword_text(keyword word)
{
    ASSERT((size_t)word < KEYWORD_COUNT);
    return keywords[word].singular;
}

void keyword_offer(near_name *near, keyword word)
{
    ASSERT((size_t)word < KEYWORD_COUNT && word != WORD_PLAIN);
    near_offer(near, text_of(keywords[word].singular));
    if (keywords[word].plural != NULL)
        near_offer(near, text_of(keywords[word].plural));
}

bool keyword_is_reserved(keyword word)
{
    return word == WORD_AND || word == WORD_OR || word == WORD_NOT ||
           word == WORD_ALL || word == WORD_NONE;
}

/* ---- characters ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_high(char c)
{
    return (unsigned char)c >= 0x80;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool lexer_is_name(muster_text word, bool dots)
{
    bool first = true; /* of a part */
    for (size_t i = 0; i < word.len; i++) {
        const char c = word.ptr[i];
        if (c == '.' && dots && !first) {
            first = true;
            continue;
        }
        if (!(c >= 'a' && c <= 'z') && (first || (!is_digit(c) && c != '_')))
            return false;
        first = false;
    }
    return !first;
}

/* ---- signs ---- */

static const struct sign {
    const char *text;
    token_type type;
    const char *instead; /* of a TOKEN_BAD */
} signs[] = {
    {"===", TOKEN_BAD, "="},
    {"!==", TOKEN_BAD, "!="},
    {"==", TOKEN_BAD, "="},
    {"=>", TOKEN_BAD, ">="},
    {"=<", TOKEN_BAD, "<="},
    {"=~", TOKEN_BAD, "contains"},
    {"!~", TOKEN_BAD, NULL},
    {"<>", TOKEN_BAD, "!="},
    {"&&", TOKEN_BAD, "and"},
    {"||", TOKEN_BAD, "or"},
    {"//", TOKEN_BAD, "#"},
    {"--", TOKEN_BAD, "#"},
    {"!=", TOKEN_NE, NULL},
    {"<=", TOKEN_LE, NULL},
    {">=", TOKEN_GE, NULL},
    {"..", TOKEN_DOTS, NULL},
    {"=", TOKEN_EQ, NULL},
    {"<", TOKEN_LT, NULL},
    {">", TOKEN_GT, NULL},
    {"(", TOKEN_OPEN, NULL},
    {")", TOKEN_CLOSE, NULL},
    {",", TOKEN_COMMA, NULL},
    {"+", TOKEN_PLUS, NULL},
    {"-", TOKEN_MINUS, NULL},
    {"!", TOKEN_BAD, "not"},
    {"&", TOKEN_BAD, "and"},
    {"|", TOKEN_BAD, "or"},
    {"~", TOKEN_BAD, "contains"},
    {":", TOKEN_BAD, "="},
    {"[", TOKEN_BAD, "("},
    {"]", TOKEN_BAD, ")"},
    {"{", TOKEN_BAD, "("},
    {"}", TOKEN_BAD, ")"},
    {"\xe2\x89\xa4", TOKEN_BAD, "<="},  /* U+2264 */
    {"\xe2\x89\xa5", TOKEN_BAD, ">="},  /* U+2265 */
    {"\xe2\x89\xa0", TOKEN_BAD, "!="},  /* U+2260 */
    {"\xe2\x88\xa7", TOKEN_BAD, "and"}, /* U+2227 */
    {"\xe2\x88\xa8", TOKEN_BAD, "or"},  /* U+2228 */
    {"\xc2\xac", TOKEN_BAD, "not"},     /* U+00AC */
    {"\xe2\x88\x92", TOKEN_BAD, "-"},   /* U+2212 */
    {"\xe2\x80\x93", TOKEN_BAD, "-"},   /* U+2013 */
    {"\xe2\x80\x94", TOKEN_BAD, "-"},   /* U+2014 */
    {"\xe2\x80\xa6", TOKEN_BAD, ".."},  /* U+2026 */
};

/* Opening quotes that are not ours, each with what closes it. */
static const struct quotes {
    const char *open;
    const char *close;
} foreign_quotes[] = {
    {"'", "'"},
    {"`", "`"},
    {"\xe2\x80\x9c", "\xe2\x80\x9d"}, /* U+201C U+201D */
    {"\xe2\x80\x9d", "\xe2\x80\x9d"}, /* U+201D */
    {"\xe2\x80\x9e", "\xe2\x80\x9c"}, /* U+201E U+201C */
    {"\xe2\x80\x98", "\xe2\x80\x99"}, /* U+2018 U+2019 */
    {"\xe2\x80\x99", "\xe2\x80\x99"}, /* U+2019 */
    {"\xe2\x80\x9a", "\xe2\x80\x98"}, /* U+201A U+2018 */
    {"\xc2\xab", "\xc2\xbb"},         /* U+00AB U+00BB */
    {"\xc2\xb4", "\xc2\xb4"},         /* U+00B4 */
};

/* White space and invisible characters that are not plain blanks. */
static const char *const odd_spaces[] = {
    "\xc2\xa0",     /* U+00A0 no-break space */
    "\xe2\x80\x82", /* U+2002 */
    "\xe2\x80\x83", /* U+2003 */
    "\xe2\x80\x89", /* U+2009 */
    "\xe2\x80\x8b", /* U+200B zero width space */
    "\xe2\x80\xa8", /* U+2028 */
    "\xe2\x80\xaf", /* U+202F */
    "\xe3\x80\x80", /* U+3000 */
    "\xef\xbb\xbf", /* U+FEFF byte order mark */
};

static muster_text rest_at(const lexer *l, uint32_t at)
{
    ASSERT(at <= l->text.len);
    return text_make(l->text.ptr + at, l->text.len - at);
}

static const struct sign *sign_at(const lexer *l, uint32_t at)
{
    const muster_text rest = rest_at(l, at);
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (text_starts_with(rest, text_of(signs[i].text)))
            return &signs[i];
    return NULL;
}

static const struct quotes *quotes_at(const lexer *l, uint32_t at)
{
    const muster_text rest = rest_at(l, at);
    const size_t count = sizeof foreign_quotes / sizeof foreign_quotes[0];
    for (size_t i = 0; i < count; i++)
        if (text_starts_with(rest, text_of(foreign_quotes[i].open)))
            return &foreign_quotes[i];
    return NULL;
}

static size_t odd_space_at(const lexer *l, uint32_t at)
{
    const muster_text rest = rest_at(l, at);
    for (size_t i = 0; i < sizeof odd_spaces / sizeof odd_spaces[0]; i++)
        if (text_starts_with(rest, text_of(odd_spaces[i])))
            return strlen(odd_spaces[i]);
    return 0;
}

/* ---- tokens ---- */

void lexer_init(lexer *l, muster_text text)
{
    ASSERT(text.len <= MUSTER_SEGMENT_BYTES_MAX);
    l->text = text;
    l->at = 0;
}

muster_text lexer_text(const lexer *l, token t)
{
    ASSERT((size_t)t.offset + t.length <= l->text.len);
    return text_make(l->text.ptr + t.offset, t.length);
}

static char char_at(const lexer *l, uint32_t at)
{
    return at < l->text.len ? l->text.ptr[at] : '\0';
}

static token make(token_type type, uint32_t from, uint32_t to)
{
    ASSERT(from <= to);
    token t = {type, WORD_PLAIN, PROBLEM_NONE, from, to - from};
    return t;
}

static token bad(token_problem problem, uint32_t from, uint32_t to)
{
    token t = make(TOKEN_BAD, from, to);
    t.problem = problem;
    return t;
}

static void skip_blank(lexer *l)
{
    while (l->at < l->text.len) {
        const char c = l->text.ptr[l->at];
        if (c == '#')
            while (l->at < l->text.len && l->text.ptr[l->at] != '\n')
                l->at++;
        else if (is_blank(c))
            l->at++;
        else
            return;
    }
}

/* Does the word that began at `from` go on at `at`? */
static bool word_goes_on(const lexer *l, uint32_t from, uint32_t at)
{
    const char c = char_at(l, at);
    const char next = char_at(l, at + 1);
    if (at >= l->text.len)
        return false;
    if (is_letter(c) || is_digit(c) || c == '_')
        return true;
    if (c == '.')
        return next != '.';
    if (c == '-') /* "today-7 days" is a sum, "cart-add" a misspelt name */
        return (is_letter(next) || is_digit(next)) &&
               keyword_find(text_make(l->text.ptr + from, at - from)) !=
                   WORD_TODAY;
    return is_high(c) && sign_at(l, at) == NULL && quotes_at(l, at) == NULL &&
           odd_space_at(l, at) == 0;
}

static uint32_t word_end(const lexer *l, uint32_t from)
{
    uint32_t at = from;
    while (word_goes_on(l, from, at)) {
        at++;
        while (at < l->text.len && ((uint8_t)l->text.ptr[at] & 0xc0) == 0x80)
            at++;
    }
    return at;
}

static token read_word(lexer *l)
{
    token t = make(TOKEN_WORD, l->at, word_end(l, l->at));
    ASSERT(t.length > 0);
    t.word = keyword_find(lexer_text(l, t));
    return t;
}

/* "2026-11-21" and what belongs to it, without quotes. */
static bool looks_like_date(const lexer *l, uint32_t at)
{
    static const char form[] = "0000-00-00";
    for (uint32_t i = 0; form[i] != '\0'; i++) {
        const char c = char_at(l, at + i);
        if (form[i] == '0' ? !is_digit(c) : c != '-')
            return false;
    }
    return true;
}

static uint32_t date_end(const lexer *l, uint32_t at)
{
    char c = char_at(l, at);
    while (is_digit(c) || is_letter(c) || c == '-' || c == ':' || c == '.' ||
           c == '+')
        c = char_at(l, ++at);
    return at;
}

static token read_number(lexer *l)
{
    const uint32_t from = l->at;
    uint32_t at = from;
    if (looks_like_date(l, from))
        return bad(PROBLEM_DATE, from, date_end(l, from));
    while (is_digit(char_at(l, at)))
        at++;
    if (char_at(l, at) == '.' && is_digit(char_at(l, at + 1))) {
        at++;
        while (is_digit(char_at(l, at)))
            at++;
    }
    const uint32_t end = word_end(l, at);
    if (end != at || l->text.ptr[from] == '.')
        return bad(PROBLEM_NUMBER_TAIL, from, end);
    return make(TOKEN_NUMBER, from, at);
}

/* Value of the four hex digits at `at`, or -1. */
static int32_t hex_at(const lexer *l, uint32_t at)
{
    int32_t v = 0;
    for (uint32_t i = 0; i < 4; i++) {
        const char c = char_at(l, at + i);
        if (is_digit(c))
            v = v * 16 + (c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v * 16 + (c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            v = v * 16 + (c - 'A' + 10);
        else
            return -1;
    }
    return v;
}

static bool is_high_surrogate(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(int32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Length of the escape at `at`; 0 with *problem when it is none. */
static uint32_t escape_len(const lexer *l, uint32_t at, token_problem *problem)
{
    const char c = char_at(l, at + 1);
    if (c != '\0' && strchr("\"\\/bfnrt", c) != NULL)
        return 2;
    const int32_t unit = c == 'u' ? hex_at(l, at + 2) : -1;
    *problem = PROBLEM_ESCAPE;
    if (unit < 0)
        return 0;
    *problem = PROBLEM_SURROGATE;
    if (is_low_surrogate(unit))
        return 0;
    if (!is_high_surrogate(unit))
        return 6;
    const bool pair = char_at(l, at + 6) == '\\' && char_at(l, at + 7) == 'u';
    return pair && is_low_surrogate(hex_at(l, at + 8)) ? 12 : 0;
}

static token read_string(lexer *l)
{
    const uint32_t from = l->at;
    uint32_t at = from + 1;
    while (at < l->text.len && l->text.ptr[at] != '"') {
        const unsigned char c = (unsigned char)l->text.ptr[at];
        if (c == '\n')
            return bad(PROBLEM_STRING_OPEN, from, at);
        if (c < 0x20)
            return bad(PROBLEM_STRING_RAW, at, at + 1);
        if (c != '\\') {
            at++;
            continue;
        }
        token_problem problem = PROBLEM_NONE;
        const uint32_t len = escape_len(l, at, &problem);
        if (len == 0) {
            const uint32_t left = (uint32_t)l->text.len - at;
            return bad(problem, at, at + (left < 2 ? left : 2));
        }
        at += len;
    }
    if (at >= l->text.len)
        return bad(PROBLEM_STRING_OPEN, from, (uint32_t)l->text.len);
    return make(TOKEN_STRING, from, at + 1);
}

/* From the opening quote to the closing one, or to the end of the line. */
static token read_foreign_string(lexer *l, const struct quotes *q)
{
    const uint32_t inner = l->at + (uint32_t)strlen(q->open);
    for (uint32_t at = inner; at < l->text.len; at++) {
        if (l->text.ptr[at] == '\n')
            break;
        if (text_starts_with(rest_at(l, at), text_of(q->close)))
            return bad(PROBLEM_QUOTES, l->at, at + (uint32_t)strlen(q->close));
    }
    return bad(PROBLEM_QUOTES, l->at, inner);
}

/* What stands at l->at, which is not blank. */
static token read_token(lexer *l)
{
    const char c = l->text.ptr[l->at];
    if (is_letter(c) || c == '_')
        return read_word(l);
    if (is_digit(c) || (c == '.' && is_digit(char_at(l, l->at + 1))))
        return read_number(l);
    if (c == '"')
        return read_string(l);
    const struct sign *sign = sign_at(l, l->at);
    if (sign != NULL) {
        const uint32_t end = l->at + (uint32_t)strlen(sign->text);
        return sign->type == TOKEN_BAD ? bad(PROBLEM_OPERATOR, l->at, end)
                                       : make(sign->type, l->at, end);
    }
    const struct quotes *quotes = quotes_at(l, l->at);
    if (quotes != NULL)
        return read_foreign_string(l, quotes);
    const size_t space = odd_space_at(l, l->at);
    if (space != 0)
        return bad(PROBLEM_SPACE, l->at, l->at + (uint32_t)space);
    if (is_high(c))
        return read_word(l);
    return bad(PROBLEM_CHARACTER, l->at, l->at + 1);
}

token lexer_next(lexer *l)
{
    skip_blank(l);
    if (l->at >= l->text.len)
        return make(TOKEN_END, l->at, l->at);
    const token t = read_token(l);
    l->at = t.offset + t.length;
    return t;
}

token lexer_peek(const lexer *l)
{
    lexer copy = *l;
    return lexer_next(&copy);
}

/* ---- strings ---- */

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | (c >> 6));
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | (c >> 12));
        out[1] = (char)(0x80 | ((c >> 6) & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (c >> 18));
    out[1] = (char)(0x80 | ((c >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((c >> 6) & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

static char simple_escape(char c)
{
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    const char *found = strchr(from, c);
    return found != NULL ? to[found - from] : c;
}

muster_text lexer_decode(muster_text quoted, arena *memory)
{
    ASSERT(quoted.len >= 2 && quoted.ptr[0] == '"');
    const lexer l = {quoted, 0};
    char *out = arena_alloc(memory, quoted.len); /* never longer than it */
    size_t len = 0;
    uint32_t at = 1;
    while (at < quoted.len - 1) {
        const char c = quoted.ptr[at];
        if (c != '\\') {
            out[len++] = c;
            at++;
        } else if (quoted.ptr[at + 1] != 'u') {
            out[len++] = simple_escape(quoted.ptr[at + 1]);
            at += 2;
        } else {
            const int32_t unit = hex_at(&l, at + 2);
            uint32_t character = (uint32_t)unit;
            if (is_high_surrogate(unit)) {
                const int32_t low = hex_at(&l, at + 8);
                character = 0x10000u + (((uint32_t)unit - 0xd800u) << 10) +
                            ((uint32_t)low - 0xdc00u);
                at += 6;
            }
            len += put_utf8(out + len, character);
            at += 6;
        }
    }
    return text_make(out, len);
}

/* ---- words for what is wrong ---- */

static void explain_number(muster_text text, muster_error *err)
{
    static const struct {
        char unit;
        const char *name;
    } units[] = {{'d', "days"}, {'h', "hours"}, {'w', "weeks"}};
    const char last = text.ptr[text.len - 1];
    int64_t n = 0;
    error_set(err, MUSTER_EEXPR, "expr_number", "'%.*s' is not a number",
              (int)text.len, text.ptr);
    if (text.len > SHOWN_BYTES_MAX)
        return;
    if (text_parse_int(text_make(text.ptr, text.len - 1), &n))
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
            if (last == units[i].unit) {
                error_suggest(err, "%lld %s", (long long)n, units[i].name);
                return;
            }
    int64_t scaled = 0;
    char number[SHOWN_BYTES_MAX + 2]; /* ".5" is meant to be "0.5" */
    snprintf(number, sizeof number, "0%.*s", (int)text.len, text.ptr);
    if (text_parse_number_exponent(text_of(number), &scaled) == 0) {
        text_format_number(number, scaled);
        error_suggest(err, "%s", number);
    } else if (last != '.') {
        error_suggest(err, "\"%.*s\"", (int)text.len, text.ptr);
    }
}

static void explain_quotes(const lexer *l, token t, muster_error *err)
{
    const muster_text text = lexer_text(l, t);
    const struct quotes *q = quotes_at(l, t.offset);
    ASSERT(q != NULL);
    error_set(err, MUSTER_EEXPR, "expr_string",
              "a text stands in double quotes, not in %s..%s", q->open,
              q->close);
    const size_t open = strlen(q->open);
    const size_t close = strlen(q->close);
    if (text.len < open + close || text.len > SHOWN_BYTES_MAX)
        return;
    const muster_text inner =
        text_make(text.ptr + open, text.len - open - close);
    if (!text_contains(inner, text_of("\"")) &&
        !text_contains(inner, text_of("\\")))
        error_suggest(err, "\"%.*s\"", (int)inner.len, inner.ptr);
}

static void explain_sign(const lexer *l, token t, muster_error *err)
{
    const struct sign *sign = sign_at(l, t.offset);
    ASSERT(sign != NULL && sign->type == TOKEN_BAD);
    if (sign->instead == NULL) {
        error_set(err, MUSTER_EEXPR, "expr_syntax",
                  "there is no '%s' in the language", sign->text);
        return;
    }
    error_set(err, MUSTER_EEXPR, "expr_syntax",
              "there is no '%s' in the language; write '%s'", sign->text,
              sign->instead);
    error_suggest(err, "%s", sign->instead);
}

static void explain_string(const lexer *l, token t, muster_error *err)
{
    const char *why = "the text has no closing double quote on its line";
    if (t.problem == PROBLEM_STRING_RAW)
        why = "a control character in a text is written as an escape, "
              "\\t or \\u0009";
    else if (t.problem == PROBLEM_ESCAPE)
        why = "not an escape; there are \\\" \\\\ \\/ \\b \\f \\n \\r \\t "
              "and \\u with four hex digits";
    else if (t.problem == PROBLEM_SURROGATE)
        why = "half of a surrogate pair is not a character";
    error_set(err, MUSTER_EEXPR, "expr_string", "%s", why);
    const char c = char_at(l, t.offset + 1);
    if (t.problem == PROBLEM_ESCAPE && (is_letter(c) || is_digit(c)))
        error_suggest(err, "\\\\%c", c);
}

static void explain_character(const lexer *l, token t, muster_error *err)
{
    const unsigned char c = (unsigned char)l->text.ptr[t.offset];
    if (t.problem == PROBLEM_SPACE)
        error_set(err, MUSTER_EEXPR, "expr_syntax",
                  "an invisible character that is not a plain space");
    else if (c < 0x20 || c == 0x7f)
        error_set(err, MUSTER_EEXPR, "expr_syntax",
                  "the control character U+%04X has no meaning here", c);
    else
        error_set(err, MUSTER_EEXPR, "expr_syntax", "'%c' has no meaning here",
                  c);
}

void lexer_explain(const lexer *l, token t, muster_error *err)
{
    const muster_text text = lexer_text(l, t);
    ASSERT(t.type == TOKEN_BAD && t.problem != PROBLEM_NONE);
    switch (t.problem) {
    case PROBLEM_OPERATOR:
        explain_sign(l, t, err);
        break;
    case PROBLEM_QUOTES:
        explain_quotes(l, t, err);
        break;
    case PROBLEM_NUMBER_TAIL:
        explain_number(text, err);
        break;
    case PROBLEM_DATE:
        error_set(err, MUSTER_EEXPR, "expr_date",
                  "a date stands in double quotes");
        if (text.len <= SHOWN_BYTES_MAX)
            error_suggest(err, "\"%.*s\"", (int)text.len, text.ptr);
        break;
    case PROBLEM_STRING_OPEN:
    case PROBLEM_STRING_RAW:
    case PROBLEM_ESCAPE:
    case PROBLEM_SURROGATE:
        explain_string(l, t, err);
        break;
    case PROBLEM_NONE:
    case PROBLEM_CHARACTER:
    case PROBLEM_SPACE:
        explain_character(l, t, err);
        break;
    }
    error_place(err, l->text.ptr, l->text.len, t.offset, t.length);
}
