/*
 * wire.c - a server of a test's own, and clients of raw bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE 1 /* memmem */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "support/wire.h"

#define HEAD_MAX ((size_t)64 << 10)
#define BODY_MAX ((size_t)64 << 20)

/* ---- the server ---- */

muster_server_options wire_options(void)
{
    muster_server_options options = MUSTER_SERVER_OPTIONS_INIT;
    options.listen = "127.0.0.1:0";
    options.insecure_no_auth = true;
    return options;
}

static uint16_t port_of(const char *url)
{
    return url != NULL ? (uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10)
                       : 0;
}

void wire_open(wire_server *w, const muster_server_options *options)
{
    muster_error err;
    memset(w, 0, sizeof *w);
    error_clear(&err);
    house_open(&w->h, 0, 2);
    if (muster_server_start(&w->server, w->h.engine, options, &err) != 0)
        fail_msg("the server does not start: %s", err.message);
    w->port = port_of(muster_server_url(w->server, false));
    w->admin_port = port_of(muster_server_url(w->server, true));
}

void wire_close(wire_server *w)
{
    muster_server_drain(w->server);
    muster_server_stop(w->server);
    house_close(&w->h);
}

/* ---- clients ---- */

static void set_address(struct sockaddr_in *to, const char *address,
                        uint16_t port)
{
    memset(to, 0, sizeof *to);
    to->sin_family = AF_INET;
    to->sin_port = htons(port);
    assert_int_equal(inet_pton(AF_INET, address, &to->sin_addr), 1);
}

int wire_connect(uint16_t port, const char *from)
{
    const int one = 1;
    struct sockaddr_in address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (from != NULL) {
        set_address(&address, from, 0);
        assert_int_equal(
            bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    }
    set_address(&address, "127.0.0.1", port);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address),
                     0);
    return fd;
}

void wire_send(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        bytes += n;
        len -= (size_t)n;
    }
}

void wire_say(int fd, const char *text)
{
    wire_send(fd, text, strlen(text));
}

/* Bytes read; 0 at the end of the stream, which a reset is too. -1: nothing
 * came in that time. */
static ssize_t read_some(int fd, char *to, size_t room, int ms)
{
    struct pollfd polled = {fd, POLLIN, 0};
    ssize_t n;
    const int ready = poll(&polled, 1, ms);
    if (ready <= 0)
        return -1;
    n = recv(fd, to, room, 0);
    return n < 0 ? 0 : n;
}

static size_t length_of_body(wire_answer *a)
{
    const char *text = wire_header(a, "Content-Length");
    return *text != '\0' ? strtoul(text, NULL, 10) : 0;
}

static bool read_byte(int fd, buffer *to)
{
    char byte;
    const ssize_t n = read_some(fd, &byte, 1, WIRE_SECONDS * 1000);
    if (n < 0)
        fail_msg("no answer within %d seconds", WIRE_SECONDS);
    if (n == 1)
        buffer_put_u8(to, (uint8_t)byte);
    return n == 1;
}

void wire_read(int fd, wire_answer *out)
{
    buffer_init(&out->head, HEAD_MAX);
    buffer_init(&out->body, BODY_MAX);
    out->status = 0;
    do {
        if (!read_byte(fd, &out->head))
            return;
    } while (out->head.len < 4 ||
             memcmp(out->head.data + out->head.len - 4, "\r\n\r\n", 4) != 0);
    assert_int_equal(memcmp(out->head.data, "HTTP/1.1 ", 9), 0);
    out->status = (int)strtol(buffer_cstr(&out->head) + 9, NULL, 10);
    if (out->status == 204 || out->status == 304)
        return;
    for (size_t left = length_of_body(out); left > 0; left--)
        if (!read_byte(fd, &out->body))
            fail_msg("the answer broke off, %zu bytes before its end", left);
}

void wire_answer_release(wire_answer *a)
{
    buffer_release(&a->head);
    buffer_release(&a->body);
}

const char *wire_header(wire_answer *a, const char *name)
{
    static char value[1024];
    const size_t len = strlen(name);
    const char *at = buffer_cstr(&a->head);
    value[0] = '\0';
    while ((at = strstr(at, "\r\n")) != NULL) {
        at += 2;
        if (strncasecmp(at, name, len) != 0 || at[len] != ':')
            continue;
        at += len + 1;
        at += strspn(at, " ");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
        break;
    }
    return value;
}

size_t wire_await_end(int fd)
{
    char some[4096];
    size_t total = 0;
    ssize_t n;
    while ((n = read_some(fd, some, sizeof some, WIRE_SECONDS * 1000)) > 0)
        total += (size_t)n;
    if (n < 0)
        fail_msg("the connection is open after %d seconds", WIRE_SECONDS);
    return total;
}

bool wire_ends_within(int fd, int ms)
{
    char some[4096];
    ssize_t n;
    while ((n = read_some(fd, some, sizeof some, ms)) > 0)
        ;
    return n == 0;
}

int wire_get(int fd, const char *path)
{
    char text[512];
    wire_answer a;
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    wire_say(fd, text);
    wire_read(fd, &a);
    const int status = a.status;
    wire_answer_release(&a);
    return status;
}
