/*
 * drip.c - clients that hold connections and send a byte a second, to see what
 * they cost others and how long they are borne.
 *
 *   drip [FLAG VALUE]... PORT
 *     --count N        connections (10000), from 127.0.0.2 to 127.0.0.9
 *     --seconds S      watched (12)
 *     --kind K         header (default), body, mixed
 *     --reopen yes     a connection that was closed is opened anew
 *
 * One JSON object on stdout: opened, refused (answered 429 or 503), closed (by
 * the server), held_max_s (the longest that one was borne), left (still open
 * at the end), opening_s (until all were open).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

#define SECOND_NS UINT64_C(1000000000)
#define ADDRESSES 8 /* 127.0.0.2 and on: each has 28,000 ports */
#define EVENTS 512
#define BYTE_EVERY_NS SECOND_NS

typedef struct client {
    int fd; /* -1: closed */
    uint64_t opened;
    uint64_t next_byte;
    bool body;
} client;

typedef struct drip {
    int port;
    size_t count;
    uint64_t seconds;
    const char *kind;
    bool reopen;
    int epoll;
    client *clients;
    uint64_t opened, refused, closed, held_max_ns, opening_ns;
} drip;

static const char header_start[] = "GET /livez HTTP/1.1\r\nHost: a\r\nX: ";
static const char body_start[] =
    "POST /v1/validate HTTP/1.1\r\nHost: a\r\n"
    "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n";

static bool open_client(drip *d, size_t i)
{
    client *c = &d->clients[i];
    struct sockaddr_in at = {.sin_family = AF_INET};
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP,
                                .data.u64 = i};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    at.sin_addr.s_addr =
        htonl(INADDR_LOOPBACK + 1 + (uint32_t)(i % ADDRESSES));
    if (bind(c->fd, (struct sockaddr *)&at, sizeof at) != 0)
        return false;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons((uint16_t)d->port);
    if (connect(c->fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        epoll_ctl(d->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        return false;
    c->body = strcmp(d->kind, "body") == 0 ||
              (strcmp(d->kind, "mixed") == 0 && i % 2 == 1);
    const char *start = c->body ? body_start : header_start;
    send(c->fd, start, strlen(start), MSG_NOSIGNAL | MSG_DONTWAIT);
    c->opened = clock_monotonic_ns();
    c->next_byte = c->opened + BYTE_EVERY_NS;
    d->opened++;
    return true;
}

static void close_client(drip *d, size_t i, uint64_t now)
{
    client *c = &d->clients[i];
    const uint64_t held = now - c->opened;
    close(c->fd);
    c->fd = -1;
    d->closed++;
    if (held > d->held_max_ns)
        d->held_max_ns = held;
    if (d->reopen && !open_client(d, i))
        c->fd = -1;
}

static void look(drip *d, size_t i)
{
    char some[2048];
    const ssize_t n =
        recv(d->clients[i].fd, some, sizeof some - 1, MSG_DONTWAIT);
    if (n > 0) {
        some[n] = '\0';
        if (strstr(some, " 429 ") != NULL || strstr(some, " 503 ") != NULL)
            d->refused++;
    } else if (n == 0 || errno != EAGAIN) {
        close_client(d, i, clock_monotonic_ns());
    }
}

static void send_bytes(drip *d, uint64_t now)
{
    for (size_t i = 0; i < d->count; i++) {
        client *c = &d->clients[i];
        if (c->fd < 0 || now < c->next_byte)
            continue;
        send(c->fd, "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        c->next_byte += BYTE_EVERY_NS;
    }
}

static void watch(drip *d)
{
    const uint64_t began = clock_monotonic_ns();
    for (;;) {
        struct epoll_event events[EVENTS];
        const int n = epoll_wait(d->epoll, events, EVENTS, 20);
        for (int i = 0; i < n; i++)
            look(d, (size_t)events[i].data.u64);
        const uint64_t now = clock_monotonic_ns();
        if (now - began > d->seconds * SECOND_NS)
            return;
        send_bytes(d, now);
    }
}

static void read_flags(drip *d, int argc, char **argv)
{
    int i = 1;
    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (strcmp(argv[i], "--count") == 0)
            d->count = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0)
            d->seconds = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--kind") == 0)
            d->kind = argv[i + 1];
        else if (strcmp(argv[i], "--reopen") == 0)
            d->reopen = strcmp(argv[i + 1], "yes") == 0;
    }
    d->port = i < argc ? (int)strtol(argv[i], NULL, 10) : 0;
}

int main(int argc, char **argv)
{
    drip d = {.count = 10000, .seconds = 12, .kind = "header"};
    struct rlimit limit;
    read_flags(&d, argc, argv);
    if (d.port == 0) {
        fputs("usage: drip [FLAG VALUE]... PORT\n", stderr);
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    d.epoll = epoll_create1(EPOLL_CLOEXEC);
    d.clients = mem_array(d.count, sizeof *d.clients);
    const uint64_t began = clock_monotonic_ns();
    for (size_t i = 0; i < d.count; i++)
        if (!open_client(&d, i)) {
            fprintf(stderr, "drip: connection %zu: %s\n", i, strerror(errno));
            return 1;
        }
    d.opening_ns = clock_monotonic_ns() - began;
    watch(&d);
    size_t left = 0;
    for (size_t i = 0; i < d.count; i++)
        left += d.clients[i].fd >= 0;
    printf("{\"opened\":%llu,\"refused\":%llu,\"closed\":%llu,"
           "\"held_max_s\":%.2f,\"left\":%zu,\"opening_s\":%.2f}\n",
           (unsigned long long)d.opened, (unsigned long long)d.refused,
           (unsigned long long)d.closed, (double)d.held_max_ns / 1e9, left,
           (double)d.opening_ns / 1e9);
    mem_free(d.clients);
    close(d.epoll);
    return 0;
}
