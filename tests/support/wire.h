/*
 * wire.h - for tests of the server: one of a house of its own, in this
 * process, on a free port of 127.0.0.1, and clients that send what bytes they
 * like. Every wait is bounded; a test whose wait ran out fails. Include after
 * cmocka.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_WIRE_H
#define TESTS_SUPPORT_WIRE_H

#include <muster/server.h>
#include "base/base.h"
#include "support/house.h"

#define WIRE_SECONDS 30

typedef struct wire_server {
    house h;
    muster_server *server;
    uint16_t port;
    uint16_t admin_port; /* 0: none */
} wire_server;

/* For a test that needs no keys: no log, what else is as it is by default. */
muster_server_options wire_options(void);
void wire_open(wire_server *w, const muster_server_options *options);
void wire_close(wire_server *w);

/* A client; `from` is a loopback address, or NULL. */
int wire_connect(uint16_t port, const char *from);
/* All of it; what the other side does not take any more is dropped. */
void wire_send(int fd, const char *bytes, size_t len);
void wire_say(int fd, const char *text);

/* One answer, as it came. */
typedef struct wire_answer {
    int status;  /* 0: the connection ended without one */
    buffer head; /* with the empty line */
    buffer body;
} wire_answer;
/* Reads the next answer, by its Content-Length. */
void wire_read(int fd, wire_answer *out);
void wire_answer_release(wire_answer *a);
/* The value of a header of it, "" when it has none; static storage. */
const char *wire_header(wire_answer *a, const char *name);
/* Waits for the end of the stream; what still comes is dropped and counted. */
size_t wire_await_end(int fd);
/* True when the other side closed within so many milliseconds. */
bool wire_ends_within(int fd, int ms);
/* Sends a request without a body and reads its answer: the status. */
int wire_get(int fd, const char *path);

#endif
