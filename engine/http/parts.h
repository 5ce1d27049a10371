/*
 * parts.h - what the handlers of routes are given and give back; private to
 * engine/http.
 *
 *   <muster/server.h>  the door
 *   routes.h     the one table of routes, routes.c: finding one
 *   server.c     listeners, start, drain and stop; server.h what its parts
 *                share
 *   gate.c       who may connect: limits by address and in all
 *   connection.c one connection: its phases, QUICK, WORK and STREAM
 *   reaper.c     deadlines that drip-feeding does not put off
 *   request.c    what was asked: queries, headers, bodies
 *   answer.c     what is answered: JSON, msgpack, problems, headers
 *   access.c     who asks: keys, scopes, token buckets
 *   workers.c    threads for what may take long
 *   metrics.c    counters and histograms
 *   log.c        one line a request
 *   openapi*.c   the table as OpenAPI 3.1; reference.c: as docs/http.md
 *   ask.c        the body of a question: expressions, members
 *   shapes.c     what answers have in common; pages of lists
 *   lookup.c     one user or many; reply.c, kv.c: how that is written
 *   openrtb*.c   bid requests: read, and answered byte for byte
 *   ingest_key.c keys and ids of what is taken in
 *   on_<subject>.c  the handlers
 *
 * The way of a request: listen.c accepts, gate.c admits, connection.c reads and
 * routes, access.c tells who asks, a handler of on_*.c answers, respond.c
 * sends. Options come from tools/serve_config.c.
 *
 * A route is handled in one of three ways:
 *
 *   QUICK   on the event loop's thread, for what takes microseconds: it must
 *           not wait, neither for a lock that is held long nor for the disk.
 *           With a body of more than 8 KiB as WORK
 *   INDEXED for lookups: as QUICK while the engine keeps a forward index, else
 *           as WORK, since it then asks every segment
 *   WORK    on a worker's thread, while the connection sleeps; the body is
 *           there whole. When the queue is full: 503 with Retry-After
 *   STREAM  pieces of the body go to a worker as they come, so that a body of
 *           any length needs constant memory
 *
 * Threads: a request and its answer belong to one thread at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_PARTS_H
#define HTTP_PARTS_H

#include <stdbool.h>
#include <muster/muster.h>
#include "base/base.h"

typedef struct http_server http_server;
typedef struct http_route http_route;
typedef struct http_request http_request;
typedef struct http_answer http_answer;

typedef enum http_method {
    HTTP_GET = 1, /* also HEAD */
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE
} http_method;

typedef enum http_media {
    MEDIA_NONE = 0, /* no Content-Type, no body */
    MEDIA_JSON,
    MEDIA_NDJSON,
    MEDIA_MSGPACK,
    MEDIA_CSV,
    MEDIA_PROBLEM,  /* application/problem+json */
    MEDIA_METRICS,  /* text/plain; version=0.0.4 */
    MEDIA_TEXT,
    MEDIA_OTHER     /* one that we do not know */
} http_media;

/* What a key may do: bits. 0: no key is needed. */
typedef enum http_permission {
    MAY_INGEST = 1,
    MAY_LOOKUP = 2,
    MAY_READ = 4,
    MAY_WRITE = 8,
    MAY_EXPORT = 16,
    MAY_ADMIN = 32,
    /* No permission: where no header shows a key, the handler looks for it in
     * the body (access_shown); until then the caller may nothing. */
    KEY_IN_BODY = 1 << 16
} http_permission;

/* Who asks. Lives as long as the request. */
typedef struct http_caller {
    uint32_t may;         /* http_permission bits */
    const char *key;      /* id of the key, for logs; "" when none is needed */
    const char *partner;  /* NULL: not a partner's key */
    const char *provider; /* of a write key: whose facts it brings; or NULL */
    const muster_scope *viewer;
} http_caller;

/* ---- requests ---- */

#define HTTP_ARGS_MAX 4

struct http_request {
    http_server *server;
    muster_engine *engine;
    const http_route *route;
    const http_caller *caller;
    muster_text args[HTTP_ARGS_MAX]; /* the {parts} of the path, decoded */
    muster_text body;    /* QUICK, WORK: whole, without its Content-Encoding */
    http_media sends;    /* of the body */
    http_media wants;    /* by Accept, of what the route offers */
    const char *id;      /* X-Request-Id */
    arena texts;         /* decoded texts; kept until it is answered */
    void *stream;        /* STREAM: what its open() made */
    void *connection;    /* server.c's */
};

/* The options that the server was started with, texts included. */
const muster_server_options *request_options(const http_request *r);
/* What attributes are derived from; NULL: nothing. */
muster_derive *request_derive(const http_request *r);
/* A parameter of the query, decoded; the first of its name. The text stays
 * until the request is answered. */
bool request_query(http_request *r, const char *name, muster_text *out);
/* "true", "1" or a name alone is yes; "false", "0" or absence no; anything
 * else answers 400. */
bool request_flag(http_request *r, const char *name, bool *out,
                  http_answer *a);
/* A whole number from low to high, `otherwise` when absent; else answers 400.
 */
bool request_number(http_request *r, const char *name, uint64_t low,
                    uint64_t high, uint64_t otherwise, uint64_t *out,
                    http_answer *a);
/* A header, names compared without case; borrowed likewise. */
bool request_header(http_request *r, const char *name, muster_text *out);
/* The body as one JSON document (msgpack is turned into it), to be freed with
 * json_free; false: answered 400 or 415. The root must be an object. */
bool request_document(http_request *r, json_doc **out, http_answer *a);
/* A member that is a text; absent: `otherwise` (NULL ptr is fine); another
 * type, or absent and `required`: answers 422 with the pointer. */
bool request_member_text(const json_value *object, const char *name,
                         bool required, muster_text otherwise,
                         muster_text *out, http_answer *a);
/* If-Match against the ETag of now (without quotes): false: answered 412. */
bool request_if_match(http_request *r, const char *etag, http_answer *a);
/* When the answer must have been given, of a monotone clock in nanoseconds;
 * long work looks at it and stops. */
uint64_t request_deadline(const http_request *r);
/* When its header was there, of the same clock. */
uint64_t request_began(const http_request *r);
/* A muster_task that stops at the deadline or when the client went away. */
muster_task request_task(http_request *r);

/* ---- answers ---- */

struct http_answer {
    int status;        /* 200 at first */
    http_media media;  /* of the body */
    buffer body;
    buffer headers;    /* name NUL value NUL ... */
    uint64_t eval_ns;  /* the engine's own time, for Server-Timing */
    const http_request *request;
    json_writer json;  /* answer_json's */
};

/* Begins a JSON body of the status; it is turned into msgpack behind the
 * handler when that is wanted. */
json_writer *answer_json(http_answer *a, int status);
/* 204 and the like. */
void answer_empty(http_answer *a, int status);
/* A problem (RFC 9457, field names of interfaces.md 5.2); what was written of
 * a body before is dropped. `code` is the machine word: type is
 * "/problems/<code with - for _>". */
void answer_problem(http_answer *a, int status, const char *code,
                    const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same with one entry of "errors": `pointer` into the body or "". */
void answer_problem_at(http_answer *a, int status, const char *code,
                       const char *pointer, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* An error of the engine: status by its code (EEXPR 422, EINVAL 422, ENOTFOUND
 * 404, ECONFLICT 409, EREFUSED 403, ELIMIT 413 or 503 by its word, EBUSY 503,
 * EPARSE 400, EIO and ECORRUPT 500 or 507, ECANCELLED 503); line, column and
 * suggestion in "errors" when it has a place. */
void answer_error(http_answer *a, const muster_error *err,
                  const char *pointer);
/* One header more; the value must be without CR and LF (else it is left
 * out). */
void answer_header(http_answer *a, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* ETag: "tag". True when If-None-Match has it: then it is answered (304). */
bool answer_etag(http_answer *a, http_request *r, const char *tag);
/* RFC 3339, UTC. */
void answer_put_time(json_writer *w, muster_time t);

/* ---- routes ---- */

typedef void (*http_handler)(http_request *r, http_answer *a);

/* A body that is handled as it comes, on a worker. */
typedef struct http_stream {
    /* Headers are there. Fills r->stream; false: answered, the rest of the
     * body is not read. */
    bool (*open)(http_request *r, http_answer *a);
    /* The next bytes as sent (Content-Encoding and all). False: answered. */
    bool (*push)(http_request *r, const void *bytes, size_t len,
                 http_answer *a);
    /* The body ended: answer. */
    void (*end)(http_request *r, http_answer *a);
    /* Behind any of them, and when the client went away; may be the only one
     * to come after open. */
    void (*close)(http_request *r);
} http_stream;

typedef enum http_way {
    WAY_QUICK,
    WAY_INDEXED,
    WAY_WORK,
    WAY_STREAM
} http_way;

/* Media types of bodies, as bits of a route. */
#define HTTP_MEDIA_BIT(media) (1u << (media))
typedef enum http_takes {
    TAKES_NOTHING = 0,
    TAKES_JSON = 1u << MEDIA_JSON,
    TAKES_DOCUMENT = 1u << MEDIA_JSON | 1u << MEDIA_MSGPACK,
    TAKES_RECORDS = 1u << MEDIA_JSON | 1u << MEDIA_NDJSON |
                    1u << MEDIA_MSGPACK | 1u << MEDIA_CSV
} http_takes;
typedef enum http_offers {
    OFFERS_DATA = 1u << MEDIA_JSON | 1u << MEDIA_MSGPACK,
    OFFERS_JSON = 1u << MEDIA_JSON,
    OFFERS_LOOKUP = 1u << MEDIA_JSON | 1u << MEDIA_MSGPACK | 1u << MEDIA_TEXT,
    OFFERS_METRICS = 1u << MEDIA_METRICS,
    OFFERS_ROWS = 1u << MEDIA_JSON | 1u << MEDIA_MSGPACK |
                  1u << MEDIA_NDJSON | 1u << MEDIA_CSV
} http_offers;

struct http_route {
    const char *name;     /* operationId, and the label of metrics */
    http_method method;
    const char *path;     /* "/v1/segments/{key}" */
    uint32_t may;         /* one of these bits is needed; 0: open to all */
    http_way way;
    size_t body_max;      /* bytes; 0: no body is taken */
    bool partner;         /* a partner's key may ask */
    bool admin_only;      /* with two listeners, the admin one alone */
    http_takes takes;     /* of bodies; others are refused (415) */
    http_offers offers;   /* to choose from by Accept; JSON is the first
                             choice; nothing that suits is refused (406) */
    http_handler handle;  /* QUICK, WORK */
    const http_stream *stream;
    const char *summary;  /* one line */
    const char *query;    /* "limit cursor": the parameters it knows; others
                             are refused (400) */
    const char *sends;    /* example of a body, JSON; "" = none */
    const char *example;  /* an example of the path with its query */
    const char *answers;  /* "200 304 404": what it may answer by itself; those
                             that any route may are not listed */
};

/* The table (routes.h), ended by a row without a name. */
extern const http_route http_routes[];
/* 0: found; r->args are filled, decoded, with r->texts behind those that had
 * %. 404, or 405 with the methods there are as of an Allow header, or 400 for
 * a path that does not decode. `path` is as sent, before the query; HEAD finds
 * GET. Where several rows suit, those with most fixed text do: a custom verb
 * ("/v1/segments/{key}:revert") wins over a key with a colon. */
int http_route_find(const char *method, muster_text path,
                    const http_route **out, http_request *r,
                    char allow[64]);
/* "GET" and so on. */
const char *http_method_name(http_method method);
/* %XX decoded: `in` itself when there is none, else a copy in `texts`. False:
 * not well-formed, or it would hold a NUL. */
bool route_decode(arena *texts, muster_text in, muster_text *out);

#endif
