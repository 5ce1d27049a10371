/*
 * parser.h - what the files of the parser share.
 *
 *   parser.c            the whole text, chains, what is no attribute
 *   parser_predicate.c  an attribute and its clauses
 *   parser_read.c       tokens, values, dates, and the wording of errors
 *
 * A function that returns bool or a node returns false or NULL once it has
 * set the error; its caller does the same at once.
 *
 * Private to room segment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SEGMENT_PARSER_H
#define SEGMENT_PARSER_H

#include "segment/lexer.h"
#include "segment/tree.h"

#define FOUND_BYTES_MAX 40 /* of the user's text quoted in a message */

typedef struct parser {
    lexer lex;
    token now;
    uint32_t end; /* of the last token that was taken */
    ast_tree *tree;
    ast_node *root; /* once it is read */
    muster_error *err;
    unsigned depth;
} parser;

/* ---- errors ---- */

/* Sets the error at the token; false. */
bool parser_complain(parser *p, token at, const char *word, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));
/* "expected <what>, found <token>" at p->now; the words (ended by WORD_PLAIN;
 * NULL: none) are offered as suggestions. A TOKEN_BAD explains itself. */
bool parser_expected(parser *p, const char *what, const keyword *words);
/* "'an'", "the end of the text", "\"DE\"" into out. */
void parser_describe(const parser *p, token t, char *out, size_t size);
/* Where to point for a token: the end of the text is right behind the last
 * token, not behind comments. */
token parser_place(const parser *p, token t);
/* From the first to the last. */
token token_join(token first, token last);

/* ---- tokens ---- */

void parser_advance(parser *p);
bool parser_at(const parser *p, token_type type);
bool parser_at_word(const parser *p, keyword word);
/* True and advanced when it is there. */
bool parser_take(parser *p, token_type type);
bool parser_take_word(parser *p, keyword word);
/* An error when it is not there. */
bool parser_need(parser *p, token_type type, const char *what);
bool parser_need_word(parser *p, keyword word);
bool parser_need_string(parser *p, const char *what, muster_text *out);
/* A whole number without sign, below TREE_INT_LIMIT. */
bool parser_need_int(parser *p, int64_t *out);
bool parser_need_days(parser *p); /* the word */
bool parser_need_date(parser *p, ast_date *out);

/* value = string | number | date */
bool parser_value(parser *p, const ast_node *node, ast_value *out);
/* scalar = number | date: a string has to be a date. */
bool parser_scalar(parser *p, const ast_node *node, ast_value *out);

/* ---- parser_predicate.c ---- */

/* quantity = ("at" "least" | "at" "most" | "exactly") int */
bool parser_quantity(parser *p, ast_node *node);
/* Fills `node`, an AST_PREDICATE, from its attribute on. */
bool parser_predicate(parser *p, ast_node *node);

#endif
