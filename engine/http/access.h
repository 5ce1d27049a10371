/*
 * access.h - who asks: keys, permissions, token buckets. Private to
 * engine/http.
 *
 * The server calls access_caller once a request has its headers, before it
 * reads a body, and muster_audit_as(caller->key) on the thread that a handler
 * runs on, before the handler.
 *
 * Threads: access_caller from any, all at once, without a lock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_ACCESS_H
#define HTTP_ACCESS_H

#include "http/parts.h"

typedef struct http_access http_access;

typedef struct http_access_options {
    bool open;      /* --insecure-no-auth: who shows no key may everything */
    uint32_t rate;  /* requests a second of one key, evenly; 0: no limit */
    uint32_t burst; /* requests that may come at once; 0: those of a second */
} http_access_options;

/* Above it the rate of a bucket would be off by more than a hundredth. */
#define ACCESS_RATE_MAX 10000000u

/* `engine` stays open until access_free. MUSTER_EINVAL "bad_rate". */
int access_new(http_access **out, muster_engine *engine,
               const http_access_options *options, muster_error *err);
void access_free(http_access *access); /* NULL is fine */

/* What a connection remembers of the key that it showed last, zeroed at first:
 * seeded hashes of the header, not the header. Whoever shows the same again is
 * spared the keyed hash (half a microsecond), never the question whether the
 * key holds. */
typedef struct access_memo {
    uint64_t shown[2];
    uint32_t number; /* of the key; 0: none yet */
} access_memo;

/*
 * May this be asked? `authorization` is the value of that header (ptr NULL:
 * none), `now_ns` of the monotone clock. True: *out is who asks, borrowed
 * until access_free. False: answered, with 401 and WWW-Authenticate (no key,
 * none that holds), 403 (not this route) or 429 and Retry-After (too often).
 *
 * A route that is open to all takes no look at the header: *out then may
 * nothing and has no viewer. About a microsecond; the first request of a key
 * allocates what is kept of it until the end, later ones nothing.
 */
bool access_caller(http_access *access, const http_route *route,
                   muster_text authorization, uint64_t now_ns,
                   access_memo *memo, const http_caller **out,
                   http_answer *a);
/* The same for a key that stood in the body, of a route with KEY_IN_BODY (`key`
 * is the secret itself; ptr NULL: there is none). */
bool access_shown(http_access *access, const http_route *route,
                  muster_text key, uint64_t now_ns, const http_caller **out,
                  http_answer *a);
/* Does the key still hold? False: answered, with 401. For what takes long: a
 * body that is read piece by piece. */
bool access_holds(http_access *access, const http_route *route,
                  const http_caller *caller, http_answer *a);

#endif
