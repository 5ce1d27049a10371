/*
 * listen.c - listeners: binding, accepting, and turning away.
 *
 * Connections are accepted here and not by libmicrohttpd, which at its limit
 * stops accepting, so that those who hold connections keep everybody else out.
 * Here each is counted (gate.c) and then handed over, or told at once why not:
 * one small answer with Retry-After, then the end. Where TLS is spoken there
 * is no answer before a handshake; such a connection is closed.
 *
 * An answer that was sent on a socket with unread bytes would be lost when
 * it is closed, so a refused socket lingers until its client has closed too,
 * for LINGER_NS at most, a bounded number of them at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE 1 /* accept4 */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "http/metrics.h"
#include "http/respond.h"
#include "http/server.h"

#define BACKLOG 4096 /* bursts of clients; the system cuts it to its own */
#define LINGER_MAX 128u
#define LINGER_NS UINT64_C(200000000)
/* Accepted before the lingering are looked at again. */
#define ACCEPTS_AT_ONCE 64
/* Pause when the process has no descriptor left. */
#define PAUSE_MS 10
#define PORT_DIGITS 5
/* Connections that an event loop has not begun with; when there are more, it
 * first answers those that it has. */
#define PENDING_MAX 64u
#define PENDING_PAUSE_MS 1

typedef struct lingering {
    int fd;
    uint64_t until;
} lingering;

typedef struct accepter {
    http_listener *listener;
    lingering ring[LINGER_MAX]; /* the oldest at first */
    unsigned first;
    unsigned count;
    int pause_ms; /* accept nothing for so long */
} accepter;

/* ---- binding ---- */

static bool is_port(const char *text)
{
    int64_t port = 0;
    return text_parse_int(text_of(text), &port) && port >= 0 &&
           port <= UINT16_MAX && strlen(text) <= PORT_DIGITS;
}

/* "127.0.0.1:8080", "[::1]:0", "localhost:80" into host and port. */
static bool split_address(const char *address, char host[256],
                          char port[PORT_DIGITS + 1])
{
    const char *colon = strrchr(address, ':');
    size_t len = colon != NULL ? (size_t)(colon - address) : 0;
    if (colon == NULL || len >= 256 || !is_port(colon + 1))
        return false;
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    } else if (memchr(address, ':', len) != NULL) {
        return false;
    }
    memcpy(host, address, len);
    host[len] = '\0';
    return len > 0;
}

static bool is_loopback(const struct sockaddr *a)
{
    const struct in6_addr address = gate_address(a);
    if (a->sa_family == AF_INET)
        return address.s6_addr[12] == 127;
    struct sockaddr_in6 v6;
    memcpy(&v6, a, sizeof v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

static int open_socket(const struct addrinfo *at)
{
    const int one = 1;
    const int fd =
        socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (at->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    /* Inherited by what is accepted. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    const int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static void name_url(http_listener *l)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    char host[64] = "", port[8] = "";
    ASSERT(getsockname(l->fd, (struct sockaddr *)&at, &len) == 0);
    getnameinfo((struct sockaddr *)&at, len, host, sizeof host, port,
                sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    const bool v6 = at.ss_family == AF_INET6;
    snprintf(l->url, sizeof l->url, "%s://%s%s%s:%s",
             l->server->tls_cert != NULL ? "https" : "http", v6 ? "[" : "",
             host, v6 ? "]" : "", port);
}

int listener_bind(http_listener *l, const char *address, bool loopback,
                  muster_error *err)
{
    char host[256], port[PORT_DIGITS + 1];
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE};
    l->fd = -1;
    if (!split_address(address, host, port))
        return error_set(err, MUSTER_EINVAL, "bad_address",
                         "an address to listen at is ADDRESS:PORT, like"
                         " 127.0.0.1:8080 or [::1]:8080");
    if (getaddrinfo(host, port, &hints, &found) != 0 || found == NULL)
        return error_set(err, MUSTER_EINVAL, "bad_address",
                         "%s is no address of this machine", host);
    int code = 0;
    if (loopback && !is_loopback(found->ai_addr)) {
        code = error_set(err, MUSTER_EINVAL, "not_loopback",
                         "without keys the server listens on loopback"
                         " addresses only, and %s is none",
                         host);
    } else if ((l->fd = open_socket(found)) < 0) {
        code = error_errno(err, "listen at", address);
        if (err != NULL)
            snprintf(err->word, sizeof err->word, "listen");
    }
    freeaddrinfo(found);
    if (code == 0)
        name_url(l);
    return code;
}

/* ---- turning away ---- */

static void release_oldest(accepter *w)
{
    close(w->ring[w->first].fd);
    w->first = (w->first + 1) % LINGER_MAX;
    w->count--;
}

/* Closes those whose client has closed or whose time is over. */
static void drop_lingering(accepter *w, uint64_t now)
{
    while (w->count > 0) {
        char unread[4096];
        const lingering *oldest = &w->ring[w->first];
        ssize_t n;
        while ((n = recv(oldest->fd, unread, sizeof unread, MSG_DONTWAIT)) > 0)
            ;
        if (n < 0 && (errno == EAGAIN || errno == EINTR) &&
            now < oldest->until)
            return;
        release_oldest(w);
    }
}

static void linger(accepter *w, int fd)
{
    shutdown(fd, SHUT_WR);
    if (w->count == LINGER_MAX)
        release_oldest(w);
    w->ring[(w->first + w->count) % LINGER_MAX] =
        (lingering){fd, clock_monotonic_ns() + LINGER_NS};
    w->count++;
}

/* One answer for all who are turned away; a problem as answer.c makes it. */
static void turn_away(accepter *w, int fd, gate_verdict verdict)
{
    const int status = verdict == GATE_ADDRESS_FULL ? 429 : 503;
    char id[REQUEST_ID_MAX + 1];
    buffer out;
    http_answer a;
    http_request r;
    metrics_add(METRIC_CONNECTIONS_REFUSED, 1);
    if (w->listener->server->tls_cert != NULL) {
        close(fd);
        return;
    }
    memset(&r, 0, sizeof r);
    request_id_make(id);
    r.id = id;
    answer_init(&a);
    answer_clear(&a, &r);
    answer_problem(&a, status, "too_many_connections",
                   verdict == GATE_ADDRESS_FULL
                       ? "too many connections come from this address"
                       : "the server has as many connections as it can have");
    answer_header(&a, "Retry-After", "%d", ANSWER_RETRY_SECONDS);
    buffer_init(&out, ANSWER_BYTES_KEPT);
    respond_format(&a, id, &out);
    if (send(fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
        (ssize_t)out.len)
        linger(w, fd);
    else
        close(fd);
    buffer_release(&out);
    answer_release(&a);
}

/* ---- accepting ---- */

static void admit(accepter *w, int fd, const struct sockaddr *address,
                  socklen_t len)
{
    http_server *server = w->listener->server;
    const struct in6_addr counted = gate_address(address);
    const gate_verdict verdict = gate_enter(server->gate, &counted);
    if (verdict != GATE_OPEN)
        turn_away(w, fd, verdict);
    else if (MHD_add_connection(w->listener->daemon, fd, address, len) !=
             MHD_YES)
        gate_leave(server->gate, &counted);
}

/* True: there may be more. */
static bool accept_one(accepter *w)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    const int fd =
        accept4(w->listener->fd, (struct sockaddr *)&address, &len,
                SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        admit(w, fd, (struct sockaddr *)&address, len);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
        errno == ENOMEM)
        w->pause_ms = PAUSE_MS;
    return errno == ECONNABORTED || errno == EINTR;
}

/* Waits for connections; for less when there are lingering ones. */
static void await_connections(accepter *w)
{
    struct pollfd polled[2] = {{w->listener->server->wake, POLLIN, 0},
                               {w->listener->fd, POLLIN, 0}};
    const int timeout = w->count > 0 ? (int)(LINGER_NS / NS_PER_MS) / 4 : -1;
    if (w->pause_ms > 0)
        poll(polled, 1, w->pause_ms);
    else
        poll(polled, 2, timeout);
    w->pause_ms = 0;
}

void *listener_accept(void *payload)
{
    http_listener *l = payload;
    accepter w = {.listener = l};
    while (!atomic_load(&l->server->closing)) {
        await_connections(&w);
        if (gate_pending(l->server->gate) > PENDING_MAX)
            w.pause_ms = PENDING_PAUSE_MS;
        for (int i = 0; i < ACCEPTS_AT_ONCE && w.pause_ms == 0; i++)
            if (!accept_one(&w))
                break;
        drop_lingering(&w, clock_monotonic_ns());
    }
    while (w.count > 0)
        release_oldest(&w);
    return NULL;
}
