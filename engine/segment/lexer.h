/*
 * lexer.h - expression text to tokens.
 *
 * The lexer never fails: what it cannot read is one TOKEN_BAD whose `problem`
 * says why, and lexer_explain turns that into an error when the parser gets
 * there. So an earlier mistake is always reported before a later one.
 *
 * A word is taken greedily (letters, digits, '_', '.', inner '-', characters
 * beyond ASCII): whether it is a keyword, an attribute, a provider or an
 * unquoted value is decided by the parser, which knows the position.
 *
 * Private to room segment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SEGMENT_LEXER_H
#define SEGMENT_LEXER_H

#include "base/base.h"

/* X(symbol, singular, plural or NULL): case does not matter. To add a word:
 * a row here, its use in parser.c, its form in format.c, a case in
 * tests/segment/parser.cases. */
#define KEYWORD_MAP(X)                                                         \
    X(ALL, "all", NULL)                                                        \
    X(AND, "and", NULL)                                                        \
    X(AT, "at", NULL)                                                          \
    X(BETWEEN, "between", NULL)                                                \
    X(CONTAINS, "contains", NULL)                                              \
    X(DAY, "day", "days")                                                      \
    X(EXACTLY, "exactly", NULL)                                                \
    X(FIRST, "first", NULL)                                                    \
    X(FROM, "from", NULL)                                                      \
    X(HAS, "has", NULL)                                                        \
    X(HOUR, "hour", "hours")                                                   \
    X(IN, "in", NULL)                                                          \
    X(IS, "is", NULL)                                                          \
    X(KNOWN, "known", NULL)                                                    \
    X(LEAST, "least", NULL)                                                    \
    X(MOST, "most", NULL)                                                      \
    X(NONE, "none", NULL)                                                      \
    X(NOT, "not", NULL)                                                        \
    X(OF, "of", NULL)                                                          \
    X(ON, "on", NULL)                                                          \
    X(OR, "or", NULL)                                                          \
    X(PARTY, "party", NULL)                                                    \
    X(SECOND, "second", NULL)                                                  \
    X(SEGMENT, "segment", NULL)                                                \
    X(SINCE, "since", NULL)                                                    \
    X(SPLIT, "split", NULL)                                                    \
    X(STARTS, "starts", NULL)                                                  \
    X(TAXONOMY, "taxonomy", NULL)                                              \
    X(THIRD, "third", NULL)                                                    \
    X(TIME, "time", "times")                                                   \
    X(TODAY, "today", NULL)                                                    \
    X(TOTAL, "total", NULL)                                                    \
    X(UNKNOWN, "unknown", NULL)                                                \
    X(WEEK, "week", "weeks")                                                   \
    X(WITH, "with", NULL)                                                      \
    X(WITHIN, "within", NULL)

typedef enum keyword {
    WORD_PLAIN, /* not a keyword */
#define KEYWORD_ENUM(symbol, singular, plural) WORD_##symbol,
    KEYWORD_MAP(KEYWORD_ENUM)
#undef KEYWORD_ENUM
} keyword;

typedef enum token_type {
    TOKEN_END,
    TOKEN_WORD,   /* `word` says which keyword it is, if one */
    TOKEN_STRING, /* with its quotes, escapes checked */
    TOKEN_NUMBER, /* digits, or digits.digits; no sign */
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_COMMA,
    TOKEN_DOTS, /* .. */
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_EQ,
    TOKEN_NE,
    TOKEN_LT,
    TOKEN_LE,
    TOKEN_GT,
    TOKEN_GE,
    TOKEN_BAD /* `problem` says why */
} token_type;

typedef enum token_problem {
    PROBLEM_NONE,
    PROBLEM_CHARACTER,   /* nothing starts like this */
    PROBLEM_OPERATOR,    /* == && || ! <> and other languages' signs */
    PROBLEM_SPACE,       /* a white space that is not plain */
    PROBLEM_QUOTES,      /* '..' and the curly ones */
    PROBLEM_STRING_OPEN, /* no closing quote on the line */
    PROBLEM_STRING_RAW,  /* a control character in a string */
    PROBLEM_ESCAPE,      /* \x, \u12 */
    PROBLEM_SURROGATE,   /* half of a pair */
    PROBLEM_NUMBER_TAIL, /* 30d, 1e3, 3com */
    PROBLEM_DATE         /* 2026-11-21 without quotes */
} token_problem;

typedef struct token {
    token_type type;
    keyword word;
    token_problem problem;
    uint32_t offset;
    uint32_t length;
} token;

typedef struct lexer {
    muster_text text;
    uint32_t at;
} lexer;

/* `text`: valid UTF-8 of at most MUSTER_SEGMENT_BYTES_MAX bytes. */
void lexer_init(lexer *l, muster_text text);
token lexer_next(lexer *l);
/* The token after the next one is read; l stays as it is. */
token lexer_peek(const lexer *l);
muster_text lexer_text(const lexer *l, token t);

/* Fills err (word, message, place, suggestion) for a TOKEN_BAD. */
void lexer_explain(const lexer *l, token t, muster_error *err);

/* The characters of a TOKEN_STRING; ptr is never NULL. */
muster_text lexer_decode(muster_text quoted, arena *memory);

/* WORD_PLAIN when it is none. */
keyword keyword_find(muster_text word);
/* As written in canonical text, in its singular. */
const char *keyword_text(keyword word);
/* Offers every spelling of `word` (also the plural). */
void keyword_offer(near_name *near, keyword word);
/* Never an attribute or a provider without quotes: and or not all none. */
bool keyword_is_reserved(keyword word);
/* [a-z][a-z0-9_]* parts; `dots`: joined by '.', else one part only. */
bool lexer_is_name(muster_text word, bool dots);

#endif
