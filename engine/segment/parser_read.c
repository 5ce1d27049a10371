/*
 * parser_read.c - tokens, values and dates for the parser, and the wording of
 * its errors.
 *
 * Each error names what was expected and what was found, at the token that
 * cannot go on, and offers what to write instead of exactly the text it
 * points at, where something is near: a keyword within a letter or two, the
 * same word in quotes, the number without them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include "segment/parser.h"

/* ---- errors ---- */

/* Sets the error at the token; false, for the caller to return. */
__attribute__((format(printf, 4, 5))) bool
parser_complain(parser *p, token at, const char *word, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    error_set(p->err, MUSTER_EEXPR, word, "%s", line);
    error_place(p->err, p->lex.text.ptr, p->lex.text.len, at.offset, at.length);
    return false;
}

/* "'an'", "the end of the text", "\"DE\"" into out. */
void parser_describe(const parser *p, token t, char *out, size_t size)
{
    muster_text text = lexer_text(&p->lex, t);
    const char *more = "";
    if (t.type == TOKEN_END) {
        snprintf(out, size, "the end of the text");
        return;
    }
    if (text.len > FOUND_BYTES_MAX) {
        text.len = FOUND_BYTES_MAX;
        text.len = text_utf8_prefix(text);
        more = "...";
    }
    if (t.type == TOKEN_STRING)
        snprintf(out, size, "%.*s%s", (int)text.len, text.ptr, more);
    else
        snprintf(out, size, "'%.*s%s'", (int)text.len, text.ptr, more);
}

/* From the first to the last. */
token token_join(token first, token last)
{
    ASSERT(first.offset <= last.offset);
    first.length = last.offset + last.length - first.offset;
    return first;
}

/* The end is pointed at right behind the last token, not behind comments. */
token parser_place(const parser *p, token t)
{
    if (t.type == TOKEN_END) {
        t.offset = p->end;
        t.length = 0;
    }
    return t;
}

/* Words of other languages, and what to write instead. */
static const struct {
    const char *text;
    const char *instead;
} habits[] = {
    {"atleast", "at least"},
    {"atmost", "at most"},
    {"startswith", "starts with"},
    {"begins", "starts"},
    {"like", "contains"},
    {"includes", "contains"},
    {"matches", "contains"},
    {"equals", "="},
    {"during", "within"},
    {"past", "within"},
    {"last", "within"},
    {"after", "since"},
    {"by", "from"},
    {"but", "and"},
    {"nor", "and not"},
    {"except", "and not"},
    {"without", "and not"},
};

/* Suggests the nearest of the words, or what a habit stands for. */
static void suggest_word(parser *p, const keyword *words)
{
    near_name near;
    const muster_text found = lexer_text(&p->lex, p->now);
    for (size_t i = 0; i < sizeof habits / sizeof habits[0]; i++)
        if (text_equal_nocase(found, text_of(habits[i].text))) {
            error_suggest(p->err, "%s", habits[i].instead);
            return;
        }
    near_init(&near, found);
    for (; *words != WORD_PLAIN; words++)
        keyword_offer(&near, *words);
    if (near.best.ptr != NULL && near.distance > 0)
        error_suggest(p->err, "%.*s", (int)near.best.len, near.best.ptr);
}

/* "expected <what>, found <token>"; the words (ended by WORD_PLAIN) are
 * offered as suggestions. A token that is none explains itself. */
bool parser_expected(parser *p, const char *what, const keyword *words)
{
    char found[FOUND_BYTES_MAX + 16];
    if (p->now.type == TOKEN_BAD) {
        lexer_explain(&p->lex, p->now, p->err);
        return false;
    }
    parser_describe(p, p->now, found, sizeof found);
    parser_complain(p, parser_place(p, p->now), "expr_syntax",
                    "expected %s, found %s", what, found);
    if (p->now.type != TOKEN_WORD)
        return false;
    if (words != NULL)
        suggest_word(p, words);
    return false;
}

static bool expected_word(parser *p, keyword word)
{
    char what[32];
    const keyword words[] = {word, WORD_PLAIN};
    snprintf(what, sizeof what, "'%s'", keyword_text(word));
    return parser_expected(p, what, words);
}

/* ---- tokens ---- */

void parser_advance(parser *p)
{
    ASSERT(p->now.type != TOKEN_BAD);
    p->end = p->now.offset + p->now.length;
    p->now = lexer_next(&p->lex);
}

bool parser_at(const parser *p, token_type type)
{
    return p->now.type == type;
}

bool parser_at_word(const parser *p, keyword word)
{
    return p->now.type == TOKEN_WORD && p->now.word == word;
}

bool parser_take(parser *p, token_type type)
{
    if (!parser_at(p, type))
        return false;
    parser_advance(p);
    return true;
}

bool parser_take_word(parser *p, keyword word)
{
    if (!parser_at_word(p, word))
        return false;
    parser_advance(p);
    return true;
}

bool parser_need(parser *p, token_type type, const char *what)
{
    return parser_take(p, type) || parser_expected(p, what, NULL);
}

bool parser_need_word(parser *p, keyword word)
{
    return parser_take_word(p, word) || expected_word(p, word);
}

bool parser_need_string(parser *p, const char *what, muster_text *out)
{
    if (!parser_at(p, TOKEN_STRING)) {
        const token t = p->now;
        parser_expected(p, what, NULL);
        if (t.type == TOKEN_WORD && t.length <= FOUND_BYTES_MAX)
            error_suggest(p->err, "\"%.*s\"", (int)t.length,
                          p->lex.text.ptr + t.offset);
        return false;
    }
    *out = lexer_decode(lexer_text(&p->lex, p->now), &p->tree->memory);
    parser_advance(p);
    return true;
}

/* A whole number without sign, below TREE_INT_LIMIT. */
bool parser_need_int(parser *p, int64_t *out)
{
    if (!parser_at(p, TOKEN_NUMBER))
        return parser_expected(p, "a whole number", NULL);
    const muster_text text = lexer_text(&p->lex, p->now);
    if (text_contains(text, text_of(".")))
        return parser_complain(
            p, p->now, "expr_number", "expected a whole number, found %.*s",
            (int)(text.len < FOUND_BYTES_MAX ? text.len : FOUND_BYTES_MAX),
            text.ptr);
    if (!text_parse_int(text, out) || *out >= TREE_INT_LIMIT)
        return parser_complain(p, p->now, "expr_number",
                               "the number is too large; numbers lie below "
                               "1,099,511,627,776");
    parser_advance(p);
    return true;
}
/* ---- values and dates ---- */

/* "-5": the sign belongs to the number only without a blank between. */
static bool need_number(parser *p, int64_t *out)
{
    const token first = p->now;
    const bool negative = parser_take(p, TOKEN_MINUS);
    if (!parser_at(p, TOKEN_NUMBER) || (negative && p->now.offset != p->end))
        return parser_expected(
            p, negative ? "a number right behind '-'" : "a number", NULL);
    const token whole = token_join(first, p->now);
    const muster_text text = lexer_text(&p->lex, whole);
    if (text_parse_number(text, out) != 0)
        return parser_complain(p, whole, "expr_number",
                               "a number has at most 4 decimals and lies below "
                               "1,099,511,627,776");
    parser_advance(p);
    return true;
}

bool parser_need_days(parser *p)
{
    static const keyword words[] = {WORD_DAY, WORD_PLAIN};
    return parser_take_word(p, WORD_DAY) || parser_expected(p, "'days'", words);
}

/* today [("+" | "-") int "days"] */
static bool parse_today(parser *p, ast_date *out)
{
    ASSERT(parser_at_word(p, WORD_TODAY));
    parser_advance(p);
    out->type = DATE_TODAY;
    out->offset = 0;
    const bool negative = parser_at(p, TOKEN_MINUS);
    if (!negative && !parser_at(p, TOKEN_PLUS))
        return true;
    parser_advance(p);
    const token number = p->now;
    int64_t n = 0;
    if (!parser_need_int(p, &n))
        return false;
    if (n > TREE_TODAY_OFFSET_MAX)
        return parser_complain(p, number, "expr_date",
                               "a date is at most %d days from today",
                               TREE_TODAY_OFFSET_MAX);
    if (parser_at_word(p, WORD_WEEK)) {
        parser_complain(p, token_join(number, p->now), "expr_syntax",
                        "a date is some days from today, not weeks");
        error_suggest(p->err, "%lld days", (long long)n * 7);
        return false;
    }
    out->offset = (int32_t)(negative ? -n : n);
    return parser_need_days(p);
}

static bool bad_date(parser *p, token t)
{
    char found[FOUND_BYTES_MAX + 16];
    parser_describe(p, t, found, sizeof found);
    return parser_complain(
        p, t, "expr_date",
        "%s is not a date; a date is written \"2026-11-21\", "
        "\"2026-11-21T10:00:00Z\" or today - 7 days",
        found);
}

bool parser_need_date(parser *p, ast_date *out)
{
    if (parser_at_word(p, WORD_TODAY))
        return parse_today(p, out);
    const token t = p->now;
    muster_text text;
    if (!parser_at(p, TOKEN_STRING))
        return parser_expected(p, "a date or 'today'", NULL);
    if (!parser_need_string(p, "a date", &text))
        return false;
    return tree_parse_date(text, out) || bad_date(p, t);
}

/* An unquoted word where a value belongs. */
static bool unquoted_value(parser *p, const ast_node *node)
{
    const token t = p->now;
    const muster_text text = lexer_text(&p->lex, t);
    if (text_equal_nocase(text, text_of("true")) ||
        text_equal_nocase(text, text_of("false"))) {
        token whole = t;
        whole.offset = node->attribute_offset;
        parser_complain(
            p, token_join(whole, t), "expr_syntax",
            "there is no '%.*s': a flag is written by its name alone, "
            "its absence with 'not'",
            (int)text.len, text.ptr);
        error_suggest(p->err, "%.*s", (int)node->attribute.len,
                      node->attribute.ptr);
        return false;
    }
    char found[FOUND_BYTES_MAX + 16];
    parser_describe(p, t, found, sizeof found);
    parser_complain(p, t, "expr_syntax",
                    "a text stands in double quotes, found %s", found);
    if (text.len <= FOUND_BYTES_MAX)
        error_suggest(p->err, "\"%.*s\"", (int)text.len, text.ptr);
    return false;
}

/* value = string | number | date */
bool parser_value(parser *p, const ast_node *node, ast_value *out)
{
    const uint32_t from = p->now.offset;
    bool good = false;
    out->offset = from;
    if (parser_at(p, TOKEN_STRING)) {
        out->type = VALUE_STRING;
        good = parser_need_string(p, "a value", &out->text);
    } else if (parser_at_word(p, WORD_TODAY)) {
        out->type = VALUE_DATE;
        good = parse_today(p, &out->date);
    } else if (parser_at(p, TOKEN_NUMBER) || parser_at(p, TOKEN_MINUS)) {
        out->type = VALUE_NUMBER;
        good = need_number(p, &out->number);
    } else if (parser_at(p, TOKEN_WORD)) {
        good = unquoted_value(p, node);
    } else {
        good =
            parser_expected(p, "a value: a \"text\", a number or a date", NULL);
    }
    out->length = p->end - from;
    return good;
}

/* scalar = number | date: a string has to be a date. */
bool parser_scalar(parser *p, const ast_node *node, ast_value *out)
{
    const token t = p->now;
    ast_date date;
    int64_t number = 0;
    const bool starts =
        parser_at(p, TOKEN_STRING) || parser_at(p, TOKEN_NUMBER) ||
        parser_at(p, TOKEN_MINUS) || parser_at_word(p, WORD_TODAY);
    if (!starts)
        return parser_expected(p, "a number or a date", NULL);
    if (!parser_value(p, node, out))
        return false;
    if (out->type != VALUE_STRING || tree_parse_date(out->text, &date))
        return true;
    if (text_parse_number(out->text, &number) != 0)
        return bad_date(p, t);
    parser_complain(p, t, "expr_syntax", "a number stands without quotes");
    error_suggest(p->err, "%.*s", (int)out->text.len, out->text.ptr);
    return false;
}
