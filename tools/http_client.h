/*
 * http_client.h - asking a server over HTTP; the one place that knows libcurl.
 *
 * One client keeps its connection open between requests. A request is given
 * whole or as a stream, an answer is taken whole. Nothing here knows what is
 * asked: routes and shapes are remote.c's.
 *
 *   connection   TLS by https:// with the system's authorities, or those of a
 *                file; redirects are not followed, they would carry the token
 *                elsewhere
 *   time         no limit as long as bytes move: a load may take hours. When
 *                nothing moved for the timeout, it is given up
 *   again        only what says that it may be repeated, only when no answer
 *                came or the server asked for it (429, 503), at most
 *                HTTP_ATTEMPTS_MAX times
 *
 * A failure to get any answer has the code CLI_ESERVER (cli.h) and the word
 * "unreachable", "timeout", "tls", "broken" or "bad_answer". A refusal by the
 * server is an answer: the caller looks at its status.
 *
 * Threads: a client belongs to one at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdbool.h>
#include <sys/types.h>
#include <muster/error.h>
#include "base/buffer.h"

typedef struct http_client http_client;

/* Texts are copied. */
typedef struct http_client_options {
    const char *url;     /* http://host[:port][/prefix], or https:// */
    const char *token;   /* sent as a bearer's; NULL: none */
    const char *ca_file; /* NULL: the system's authorities */
    unsigned timeout_s;  /* at least 1 */
} http_client_options;

/* Nothing is sent yet. MUSTER_EINVAL ("bad_url", "bad_token") for what cannot
 * be an address or a token. Free with http_client_free. */
int http_client_new(http_client **out, const http_client_options *options,
                    muster_error *err);
void http_client_free(http_client *h); /* NULL is fine */

/* One request and its answer. Texts are borrowed until the call returns. */
typedef struct http_exchange {
    const char *method;
    const char *path; /* "/v1/count?x=y", encoded */
    const char *content_type;    /* NULL: none is sent */
    const char *idempotency_key; /* NULL: none */
    muster_text body;
    /* Instead of body: writes up to len bytes to `to`; how many, 0 at the
     * end, -1 to give up. */
    ssize_t (*read)(void *payload, void *to, size_t len);
    void *payload;
    bool repeatable; /* asking twice does nothing twice */
    /* The answer. */
    int status;
    buffer answer; /* set up and released by http_exchange_init, _release */
} http_exchange;

void http_exchange_init(http_exchange *x, const char *method,
                        const char *path);
void http_exchange_release(http_exchange *x);
int http_client_exchange(http_client *h, http_exchange *x, muster_error *err);

/* As it may stand in a path or a query; freed by mem_free. */
void http_put_encoded(buffer *out, muster_text text);

#endif
