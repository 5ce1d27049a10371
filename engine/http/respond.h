/*
 * respond.h - an answer on its way to the client; private to the server
 * itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_RESPOND_H
#define HTTP_RESPOND_H

#include "http/connection.h"

/* Behind the handler, on its thread: closes the body, turns it into msgpack
 * when that is wanted. */
void respond_finish(http_connection *c);
/* Queues the answer; on the event loop, where libmicrohttpd takes one: in the
 * first call for a request or once its body is whole. */
mhd_result respond_send(http_connection *c);
/* Counts and logs the request, with its answer's status or, when it was not
 * given, another. */
void respond_tell(http_connection *c, int status);
/* The answer as the bytes of a whole response that closes its connection;
 * behind what is in `out`. */
void respond_format(const http_answer *a, const char *id, buffer *out);

#endif
