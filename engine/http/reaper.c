/*
 * reaper.c - closes connections whose client did not do in time what it is
 * waited for.
 *
 * libmicrohttpd's own timeout begins anew with every byte, so a client that
 * sends one now and then is never closed by it. Here every phase of a
 * connection has a moment at which it must be over (gate.h), however many
 * bytes came meanwhile. The socket is shut down from here; the event loop that
 * has the connection finds the end of the stream and lets go of it.
 *
 * Of a connection that waits for its next request the loop says nothing until
 * the whole header is there. That one has begun is seen by the bytes that TCP
 * counted: once they grow, the time of the header runs.
 *
 * That a client closed is told to the loop once, and lost when the last bytes
 * came with it: libmicrohttpd reads those and waits for more. So is it here
 * that such connections are found, by the state of TCP. A worker's client
 * cannot be seen by the loop at all; whether it went away is asked here, so
 * that work for nobody stops.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE 1 /* POLLRDHUP */
#include <linux/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include "http/metrics.h"
#include "http/server.h"

/* How exact deadlines are kept. */
#define TICK_MS 100
/* Ticks between two looks at all connections. */
#define TICKS_BETWEEN_LOOKS 5
/* An event loop lets go of a connection in some 15 us. Thousands whose time
 * is over in the same moment are closed a few at a time, so that it answers
 * others between them: 12,800 a second. */
#define CLOSES_AT_ONCE 64u
#define CLOSES_PAUSE_MS 5

/* CLOSE_WAIT: the client has closed, and not we. */
#define STATE_CLOSE_WAIT 8

static struct tcp_info info_of(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        memset(&info, 0, sizeof info);
    return info;
}

/* Did the client close, with all it sent read, and has nothing happened since
 * the last look? Then nothing will. */
static bool is_deserted(http_connection *c, const struct tcp_info *info,
                        uint64_t deadline)
{
    int unread = 0;
    if (info->tcpi_state != STATE_CLOSE_WAIT ||
        ioctl(c->fd, FIONREAD, &unread) != 0 || unread > 0)
        return false;
    const bool twice = c->deserted_at == deadline;
    c->deserted_at = deadline;
    return twice;
}

/* Has the next request begun? */
static void look_at_idle(http_server *s, http_connection *c,
                         const struct tcp_info *info, uint64_t now,
                         uint64_t deadline)
{
    if (c->idle_since != deadline) {
        c->idle_since = deadline;
        c->received = info->tcpi_bytes_received;
    } else if (info->tcpi_bytes_received > c->received) {
        gate_wait_if(s->gate, c->slot, PHASE_IDLE, deadline, PHASE_HEADER,
                     now + s->options.header_ms * NS_PER_MS);
    }
}

static void look_at_worker(http_connection *c)
{
    struct pollfd polled = {c->fd, POLLRDHUP, 0};
    if (poll(&polled, 1, 0) == 1 &&
        (polled.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
        atomic_store_explicit(&c->gone, true, memory_order_relaxed);
}

typedef struct reaping {
    uint64_t now;
    unsigned closed;
} reaping;

/* A client that is waited for, and in time. */
static void look_at_waiting(reaping *r, http_connection *c, http_phase phase,
                            uint64_t deadline)
{
    const struct tcp_info info = info_of(c->fd);
    if (is_deserted(c, &info, deadline))
        r->closed += gate_close(c->server->gate, c);
    else if (phase == PHASE_IDLE)
        look_at_idle(c->server, c, &info, r->now, deadline);
}

static bool look(void *payload, http_connection *c, http_phase phase,
                 uint64_t deadline)
{
    http_server *s = c->server;
    reaping *r = payload;
    if (phase == PHASE_WORK) {
        look_at_worker(c);
    } else if (phase == PHASE_IDLE && atomic_load(&s->draining)) {
        r->closed += gate_close(s->gate, c);
    } else if (deadline < r->now) {
        if (gate_close(s->gate, c)) {
            metrics_add(METRIC_CONNECTIONS_LATE, phase != PHASE_IDLE);
            r->closed++;
        }
    } else if (phase != PHASE_ANSWER) {
        look_at_waiting(r, c, phase, deadline);
    }
    return r->closed < CLOSES_AT_ONCE;
}

static void pause_ms(long ms)
{
    const struct timespec pause = {0, ms * 1000000L};
    nanosleep(&pause, NULL);
}

void *reaper_run(void *payload)
{
    http_server *s = payload;
    for (unsigned tick = 0; !atomic_load(&s->stopping); tick++) {
        const bool all =
            tick % TICKS_BETWEEN_LOOKS == 0 || atomic_load(&s->draining);
        pause_ms(TICK_MS);
        for (;;) {
            reaping r = {clock_monotonic_ns(), 0};
            if (gate_each(s->gate, r.now, all, look, &r))
                break;
            pause_ms(CLOSES_PAUSE_MS);
        }
    }
    return NULL;
}
