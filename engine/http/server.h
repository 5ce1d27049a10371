/*
 * server.h - what the parts of the server share; private to engine/http.
 *
 * Threads of a server: one that accepts for each listener, `loops` event loops
 * of libmicrohttpd for each, the workers, the streamers, the reaper.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <microhttpd.h>
#include <stdatomic.h>
#include "http/access.h"
#include "http/connection.h"
#include "http/gate.h"
#include "http/log.h"
#include "http/parts.h"
#include "http/workers.h"

#define LISTENERS_MAX 2 /* data, admin */
#define URL_BYTES_MAX 96
#define NS_PER_MS UINT64_C(1000000)
/* A body that is streamed, and an answer that is taken, may take a second
 * more for every so many bytes: half a megabit a second. */
#define SLOWEST_BYTES_PER_SECOND 65536u

typedef struct http_listener {
    http_server *server;
    bool admin; /* answers routes that are admin_only */
    int fd;
    struct MHD_Daemon *daemon;
    pthread_t accepter;
    bool accepting; /* the thread runs */
    char url[URL_BYTES_MAX];
} http_listener;

struct http_server {
    muster_engine *engine;
    muster_server_options options; /* with defaults filled in, texts ours */
    char *tls_cert;                /* contents; NULL: no TLS */
    char *tls_key;
    http_access *access;
    muster_derive *derive; /* NULL: nothing is derived */
    http_log *log;
    http_gate *gate;
    workers *workers;
    workers *streamers;
    http_listener listeners[LISTENERS_MAX];
    unsigned listener_count;
    int wake;                 /* an eventfd: accepters look at `closing` */
    _Atomic bool closing;     /* no more connections */
    _Atomic bool draining;    /* answers close their connection */
    _Atomic bool stopping;    /* nothing more for workers */
    _Atomic uint64_t active;  /* requests under way */
    _Atomic uint64_t jobs;    /* connections that are suspended */
    _Atomic uint64_t streams; /* bodies that are streamed */
    pthread_t reaper;
    bool reaping;
};

/* ---- listen.c ---- */

/* Binds; fills fd and url. MUSTER_EINVAL "bad_address", "not_loopback" (when
 * `loopback`: only such addresses are fine), MUSTER_EIO "listen". */
int listener_bind(http_listener *l, const char *address, bool loopback,
                  muster_error *err);
/* The thread that accepts; the payload is the listener. Ends once
 * server->closing is set and server->wake written to. */
void *listener_accept(void *payload);

/* ---- derive.c ---- */

/* Opens what the options name to derive attributes from, if any. The errors of
 * muster_derive_open. */
int server_open_derive(http_server *s, muster_error *err);

/* ---- reaper.c ---- */

/* The thread that closes connections whose time is over; the payload is the
 * server. Ends with server->stopping. */
void *reaper_run(void *payload);

#endif
