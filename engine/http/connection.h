/*
 * connection.h - one connection and what the server keeps of it; private to
 * the server itself.
 *
 * A connection belongs to one thread at a time: to its event loop, or, while
 * it is suspended there, to a worker. What the reaper looks at from outside is
 * one word of its slot: the moment by which the client must have done
 * something, and what it is waited for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include "http/access.h"
#include "http/answer.h"
#include "http/parts.h"

#if MHD_VERSION >= 0x00097002
typedef enum MHD_Result mhd_result;
#else
typedef int mhd_result;
#endif

/* Ids of requests: of ours 26 characters, those of clients up to this many,
 * which fits a UUID, a ULID and the trace ids in use. */
#define REQUEST_ID_MAX 128
#define REQUEST_ID_LENGTH 26
/* All headers of a request; larger ones are refused (431). */
#define REQUEST_HEADERS_MAX 64u
/* How long the rest of a body is read behind an answer that came before its
 * end, so that the client can take it. */
#define REQUEST_LINGER_MS 2000
/* Bytes of a body that are read and dropped to keep a connection whose request
 * was refused; a longer one is closed instead. */
#define REQUEST_DROPPED_MAX ((size_t)64 << 10)

/* What a client is waited for. */
typedef enum http_phase {
    PHASE_FREE = 0, /* the slot has no connection */
    PHASE_HEADER,   /* a request's header, from its first byte on */
    PHASE_IDLE,     /* the next request's first byte */
    PHASE_BODY,
    PHASE_WORK,     /* nothing: a worker has it */
    PHASE_ANSWER,   /* taking the answer */
    PHASE_CLOSING   /* told to close */
} http_phase;

/* Where the handling of a request stands, for its event loop. */
typedef enum http_stage {
    STAGE_NONE = 0, /* no request */
    STAGE_BODY,     /* collects or drops the body */
    STAGE_STREAM,   /* hands pieces of it to a worker */
    STAGE_DROP,     /* refused in the middle of its body: drops the rest */
    STAGE_ANSWER    /* the answer is made */
} http_stage;

/* Headers of a request that the server looks at, found in one pass. */
typedef struct http_headers {
    muster_text authorization;
    muster_text accept;
    muster_text content_type;
    muster_text content_encoding;
    muster_text content_length;
    muster_text transfer_encoding;
    muster_text request_id;
    muster_text gpc;
    unsigned count;
    bool twice; /* one of those that must stand once stands twice */
} http_headers;

typedef struct http_connection http_connection;
struct http_connection {
    http_server *server;
    struct MHD_Connection *mhd;
    int fd;
    bool admin;    /* came by the admin listener, or there is but one */
    uint32_t slot;
    struct in6_addr address; /* as it is counted (gate.c) */
    uint64_t connected;      /* when; monotone nanoseconds */
    uint64_t received;       /* the reaper's: bytes of TCP when it was first
                                seen idle */
    uint64_t idle_since;     /* the reaper's: which idleness that was of */
    uint64_t deserted_at;    /* the reaper's: what it was waited for when its
                                client was seen to have closed; a deadline */

    http_request request;
    http_answer answer;
    http_stage stage;
    http_headers headers;
    bool head;          /* HEAD */
    bool refused;       /* it is answered; its body is dropped */
    bool closes;        /* the connection ends with the answer */
    bool told;          /* the answer was sent before the body's end */
    bool opening;       /* its stream is being opened */
    bool stream_open;   /* its stream must be closed */
    uint64_t began;     /* monotone nanoseconds */
    uint64_t answered;  /* likewise */
    uint64_t deadline;  /* of its work */
    uint64_t suspended; /* when */
    uint64_t waited;    /* nanoseconds that a streamed body waited for us */
    uint64_t bytes_in;  /* of the body, as sent */
    access_memo memo;   /* the key that it showed last */
    buffer body;        /* as sent, or the next piece of it */
    buffer plain;       /* without its Content-Encoding */
    char id[REQUEST_ID_MAX + 1];
    bool ended;        /* the whole body is there */
    _Atomic bool gone; /* the client closed while a worker had it */
};

/* MHD's callbacks; the closure is the listener. */
void connection_notify(void *closure, struct MHD_Connection *mhd,
                       void **context,
                       enum MHD_ConnectionNotificationCode code);
mhd_result connection_access(void *closure, struct MHD_Connection *mhd,
                             const char *url, const char *method,
                             const char *version, const char *upload,
                             size_t *upload_size, void **context);
void connection_completed(void *closure, struct MHD_Connection *mhd,
                          void **context,
                          enum MHD_RequestTerminationCode code);

/* ---- request.c ---- */

/* A new id for a request, ended by a NUL: milliseconds, a number of this
 * process, a count; sorts by time. */
void request_id_make(char out[REQUEST_ID_MAX + 1]);
/* Letters, digits, and ._:-+=/ alone. */
bool request_id_is_sane(muster_text id);
/* Reads the headers into c->headers. */
void request_scan(http_connection *c);
/* False: answered (400 unknown_parameter, bad_query). */
bool request_check_query(http_connection *c);
/* Media types: Content-Type and Accept. False: answered (415, 406). */
bool request_negotiate(http_connection *c);
/* Its time is over, or its client went away. */
bool request_is_over(const http_connection *c);

/* ---- media.c ---- */

http_media media_parse(muster_text content_type);
const char *media_name(http_media media);
/* Of what is offered, the one that Accept likes best; MEDIA_NONE: none. */
http_media media_choose(muster_text accept, http_offers offers);
/* A whole body without its Content-Encoding into `out`, `max` bytes at most.
 * False: answered (400, 413, 415). */
bool media_decode(muster_text encoding, const buffer *in, size_t max,
                  buffer *out, http_answer *a);

#endif
