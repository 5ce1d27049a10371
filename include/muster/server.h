/*
 * server.h - the HTTP server over one engine: `muster serve` as a library.
 *
 * One or two listeners. With one, it answers every route; with an admin
 * listener beside it, routes that are marked admin_only in the table of routes
 * are answered there alone. Ports may be 0: muster_server_url tells the
 * one that was taken.
 *
 * A client holds nothing for long: a request's header and body have a time by
 * which they must be there whole, however they drip, and so has the taking of
 * an answer; connections are bounded in all and by address, and where all are
 * taken, the one that has waited longest for a header gives way.
 *
 * Threads: start, drain and stop from one thread; the other calls from any.
 * The server runs on threads of its own, which take no signals.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_SERVER_H
#define MUSTER_SERVER_H

#include <stdbool.h>
#include <muster/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct http_server muster_server;

typedef struct muster_server_options {
    size_t size; /* sizeof the struct, set by the initialiser */

    /* Where: "ADDRESS:PORT", an IPv6 address in [ ]. */
    const char *listen;
    const char *admin_listen; /* NULL: the data listener answers everything */
    const char *tls_cert;     /* PEM files, certificate with its chain and */
    const char *tls_key;      /* key; for both listeners; NULL: no TLS */

    /* Who. */
    bool insecure_no_auth;    /* who shows no key may everything; both
                                 listeners must be on loopback addresses */
    uint32_t key_rate;        /* requests a second of one key; 0: no limit */
    uint32_t key_burst;       /* that may come at once; 0: of a second */

    /* How much at a time. */
    uint32_t loops;           /* threads that read and write sockets; 0: half
                                 of the processors */
    uint32_t workers;         /* threads for what may take long; 0: as many as
                                 processors */
    uint32_t queue;           /* requests that may wait for a worker; more
                                 are answered 503 */
    uint32_t queue_ms;        /* and so are they while one has waited longer;
                                 when some always waited for that long, longer
                                 than a request takes */
    uint32_t streams;         /* bodies that are read in pieces at a time */
    uint32_t connections;     /* of all clients */
    uint32_t address_connections; /* of one address (IPv6: of one /64); 0: a
                                     half of all */

    /* How long, in milliseconds. */
    uint32_t header_ms;       /* from the first byte to the end of a header */
    uint32_t body_ms;         /* of a body; one that is streamed also gets a
                                 second for every 64 KiB that came */
    uint32_t answer_ms;       /* until an answer is taken, likewise */
    uint32_t idle_ms;         /* between two requests of a connection */
    uint32_t eval_ms;         /* of the engine for one request */
    uint32_t drain_ms;        /* for requests under way when it ends */

    /* What attributes of ingested records are derived from; files that are
     * replaced are read again. */
    const char *geo;          /* databases of addresses, paths with commas
                                 between; NULL: none */
    const char *ua_regexes;   /* uap-core's regexes; NULL: those of its package
                                 (muster_ua_regexes), where it is installed */
    bool keep_bots;           /* records of bots are not refused */

    /* What is answered. */
    bool assume_consent;      /* enrich without a decoded consent string */
    const char *enrich_name;  /* user.data[].name of OpenRTB */
    uint32_t enrich_segtax;   /* user.data[].ext.segtax; 0: none */
    const char *enrich_ids;   /* which ids of a bid request are of which
                                 space, in the order of trying */

    /* What is told. */
    int log_fd;               /* the caller's; -1: no log */
    const char *log_format;   /* "logfmt", "json" */
    const char *log_level;    /* "debug", "info", "warn", "error", "off" */
} muster_server_options;
#define MUSTER_SERVER_OPTIONS_INIT                                            \
    {                                                                         \
        .size = sizeof(muster_server_options), .listen = "127.0.0.1:8080",    \
        .queue = 256, .queue_ms = 100, .streams = 64, .connections = 16384,   \
        .header_ms = 5000, .body_ms = 9000, .answer_ms = 9000,                \
        .idle_ms = 60000, .eval_ms = 10000, .drain_ms = 10000,                \
        .enrich_name = "muster", .log_fd = -1, .log_format = "logfmt",        \
        .log_level = "info"                                                   \
    }

/* Binds and answers from its return on. Options and their texts are copied;
 * `engine` stays the caller's, open until muster_server_stop. MUSTER_EINVAL
 * "bad_option" (which, in the message), "bad_address", "not_loopback",
 * "bad_certificate"; those of muster_derive_open; MUSTER_EIO "listen" (the
 * address is taken or not of this machine). Milliseconds. End it with
 * muster_server_stop. */
MUSTER_API int muster_server_start(muster_server **out, muster_engine *engine,
                                   const muster_server_options *options,
                                   muster_error *err);
/* The URL that a listener answers at, "http://127.0.0.1:41879"; `admin`: of
 * the admin listener, NULL when there is none. Borrowed until stop. */
MUSTER_API const char *muster_server_url(const muster_server *server,
                                         bool admin);
/* Ends the server gently: /readyz answers 503, connections close with the
 * answer of the request they are at, idle ones at once. Returns when no
 * request is under way any more, or after drain_ms; true: none was cut off. A
 * second call returns at once. */
MUSTER_API bool muster_server_drain(muster_server *server);
/* Ends it now and frees it; drain first. NULL is fine. Work that was begun for
 * a request ends first. */
MUSTER_API void muster_server_stop(muster_server *server);

/* The routes, as an OpenAPI 3.1 document (what GET /openapi.json answers) and
 * as the reference that docs/http.md ends with. Freed with muster_free. */
MUSTER_API char *muster_server_openapi(void);
MUSTER_API char *muster_server_reference(void);

#ifdef __cplusplus
}
#endif
#endif
