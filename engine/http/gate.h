/*
 * gate.h - who may connect, and which connections there are; private to
 * engine/http.
 *
 * Connections are bounded in all and by address (IPv6: by the /64, which one
 * subscriber has to himself). When all are taken, the connection that has
 * waited longest for a header gives way to the newcomer, else the one that has
 * been idle longest: who holds connections without asking anything keeps
 * nobody out.
 *
 * Every connection has a slot with one word: what its client is waited for
 * and until when. The slots are one array, so that looking at all of them
 * takes some 20 us for 16,384.
 *
 * Threads: any. The lock is held for a connection's beginning and end, never
 * for a request.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_GATE_H
#define HTTP_GATE_H

#include <netinet/in.h>
#include "http/connection.h"

typedef struct http_gate http_gate;

typedef enum gate_verdict {
    GATE_OPEN,         /* counted; gate_leave must follow one day */
    GATE_ADDRESS_FULL, /* its address has enough */
    GATE_FULL          /* and none can give way */
} gate_verdict;

/* `by_address` 0: no bound by address. */
http_gate *gate_new(uint32_t connections, uint32_t by_address);
void gate_free(http_gate *gate); /* NULL is fine; all must have left */

/* The address as it is counted. */
struct in6_addr gate_address(const struct sockaddr *address);

gate_verdict gate_enter(http_gate *gate, const struct in6_addr *address);
void gate_leave(http_gate *gate, const struct in6_addr *address);
/* Connections that are counted. */
uint32_t gate_count(http_gate *gate);
/* Those that entered and have no slot yet. */
uint32_t gate_pending(http_gate *gate);

/* A slot for a connection that entered; false: there is none. */
bool gate_attach(http_gate *gate, http_connection *c);
/* Before its socket is closed: nobody will touch it behind this. */
void gate_detach(http_gate *gate, http_connection *c);

/* What its client is waited for, until `deadline` (monotone nanoseconds);
 * the thread that has the connection. */
void gate_wait(http_gate *gate, uint32_t slot, http_phase phase,
               uint64_t deadline);

/* The same from another thread, unless the word has changed meanwhile. */
void gate_wait_if(http_gate *gate, uint32_t slot, http_phase was,
                  uint64_t was_until, http_phase phase, uint64_t deadline);

/* Calls `each` with every connection that stands in a slot, under the lock
 * only while it is called, so that its socket stays open meanwhile. Those with
 * nothing to look at are passed over without: PHASE_FREE and PHASE_CLOSING,
 * and, unless `all`, those whose deadline is not over. Ends when `each` returns
 * false; false then. */
bool gate_each(http_gate *gate, uint64_t now, bool all,
               bool (*each)(void *payload, http_connection *c,
                            http_phase phase, uint64_t deadline),
               void *payload);
/* Ends a connection from outside: its loop sees the end of the stream. Called
 * from `each` alone. False: it was told before. */
bool gate_close(http_gate *gate, http_connection *c);

#endif
