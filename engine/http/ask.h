/*
 * ask.h - the body of a question: an expression, its members, compiling it;
 * private to engine/http.
 *
 * An expression comes in one of three forms:
 *
 *   {"expr":"geo.country = \"DE\""}    text of the language
 *   {"ast":{"attr":"geo.country",..}}  its JSON form
 *   {"segment":"pricing-page"}         a saved segment
 *
 * Members that a question does not know are refused: a misspelt one would
 * else change the meaning of the answer in silence.
 *
 * Errors point into the body; for "expr" with line and column of the text, for
 * "ast" with the pointer to the part.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_ASK_H
#define HTTP_ASK_H

#include "http/parts.h"

#define ASK_POINTER_MAX 256

/* An expression of a body. */
typedef struct ask_expr {
    char *text; /* freed by ask_expr_release */
    size_t len;
    bool derived; /* not the text that was sent: places in it mean nothing */
    char pointer[ASK_POINTER_MAX];
} ask_expr;

typedef struct ask {
    http_request *r;
    http_answer *a;
    json_doc *doc;
    const json_value *root; /* an object */
    ask_expr expr;
    muster_segment *segment;
} ask;

/* The body, which has no other members than those named ("expr ast limit").
 * False: answered. ask_close is due in either case. */
bool ask_open(ask *q, http_request *r, const char *members, http_answer *a);
void ask_close(ask *q);

/* ---- expressions ---- */

/* The expression that an object names by "expr", "ast" or, with `saved`,
 * "segment". 0, or the error, with the pointer of it in out->pointer, below
 * `base` ("", "/sets/2"). MUSTER_EINVAL "no_expr" when it names none or
 * several, MUSTER_ENOTFOUND "unknown_segment". */
int ask_expr_read(ask *q, const json_value *object, const char *base,
                  bool saved, ask_expr *out, muster_error *err);
void ask_expr_release(ask_expr *e);
/* An error of compiling the expression: answers it. */
void ask_expr_answer(ask *q, const ask_expr *e, muster_error *err);
/* The body's expression into q->expr, and compiled into q->segment. False:
 * answered. */
bool ask_compile(ask *q);

/* Has it the form of a segment's key? */
bool ask_is_key(muster_text text);

/* ---- other members of the body ---- */

/* Absent: *out stays. False: answered (422). */
bool ask_bool(ask *q, const char *name, bool *out);
bool ask_number(ask *q, const char *name, uint64_t low, uint64_t high,
                uint64_t *out);
/* A text without NUL, which lives as long as the request; absent: *out
 * stays. */
bool ask_text(ask *q, const char *name, bool required, const char **out);

#endif
