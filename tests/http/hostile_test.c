/*
 * hostile_test.c - clients that drip, hoard, overfill and stop: each is let go
 * of in time, and others are answered meanwhile.
 *
 * Deadlines are set short here. What is tested is that a client which never
 * stops sending is closed all the same; how soon is only bounded by the wait
 * of a test.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "support/wire.h"

#define SHORT_MS 300
#define DRIP_MS 10

static wire_server server;

static void open_with(muster_server_options options)
{
    wire_open(&server, &options);
}

static muster_server_options short_times(void)
{
    muster_server_options options = wire_options();
    options.header_ms = SHORT_MS;
    options.body_ms = SHORT_MS;
    options.answer_ms = SHORT_MS;
    return options;
}

/* Sends the byte again and again until the other side closes. */
static void drip_until_closed(int fd, const char *byte)
{
    for (int i = 0; i < WIRE_SECONDS * 1000 / DRIP_MS; i++) {
        wire_send(fd, byte, 1);
        if (wire_ends_within(fd, DRIP_MS))
            return;
    }
    fail_msg("a dripping client is still connected");
}

static void assert_served(void)
{
    const int fd = wire_connect(server.port, NULL);
    assert_int_equal(wire_get(fd, "/livez"), 200);
    close(fd);
}

/* ---- dripping ---- */

static void test_http_hostile__a_header_that_drips_is_closed(void **state)
{
    (void)state;
    open_with(short_times());
    const int fd = wire_connect(server.port, NULL);
    wire_say(fd, "GET /livez HTTP/1.1\r\nX: ");
    drip_until_closed(fd, "a");
    close(fd);
    assert_served();
    wire_close(&server);
}

static void test_http_hostile__so_is_the_header_of_a_later_request(
    void **state)
{
    (void)state;
    open_with(short_times());
    const int fd = wire_connect(server.port, NULL);
    assert_int_equal(wire_get(fd, "/livez"), 200);
    wire_say(fd, "GET /livez HTTP/1.1\r\nX: ");
    drip_until_closed(fd, "a");
    close(fd);
    wire_close(&server);
}

static void drip_body(const char *head, const char *byte)
{
    open_with(short_times());
    const int fd = wire_connect(server.port, NULL);
    wire_say(fd, head);
    drip_until_closed(fd, byte);
    close(fd);
    assert_served();
    wire_close(&server);
}

static void test_http_hostile__a_body_that_drips_is_closed(void **state)
{
    (void)state;
    drip_body("POST /v1/validate HTTP/1.1\r\nHost: a\r\n"
              "Content-Type: application/json\r\n"
              "Content-Length: 100000\r\n\r\n",
              " ");
}

static void test_http_hostile__so_is_a_streamed_one(void **state)
{
    (void)state;
    drip_body("POST /v1/ingest HTTP/1.1\r\nHost: a\r\n"
              "Content-Type: application/x-ndjson\r\n"
              "Content-Length: 100000\r\n\r\n",
              "\n");
}

/* Requests under way, the one that asks among them. */
static long requests_under_way(void)
{
    wire_answer a;
    const int fd = wire_connect(server.port, NULL);
    wire_say(fd, "GET /readyz?verbose HTTP/1.1\r\nHost: a\r\n\r\n");
    wire_read(fd, &a);
    const char *at = strstr(buffer_cstr(&a.body), "\"requests\":");
    const long n = at != NULL ? strtol(at + 11, NULL, 10) : -1;
    wire_answer_release(&a);
    close(fd);
    return n;
}

static void await_under_way(long n)
{
    for (int i = 0; i < WIRE_SECONDS * 1000; i++) {
        if (requests_under_way() == n)
            return;
        usleep(1000);
    }
    fail_msg("there are never %ld requests under way", n);
}

/* Asks for much and takes nothing. */
static void test_http_hostile__an_answer_that_is_not_taken_is_dropped(
    void **state)
{
    const char ask[] = "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n";
    const int little = 4096;
    (void)state;
    open_with(short_times());
    const int fd = wire_connect(server.port, NULL);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    for (int i = 0; i < 400; i++)
        send(fd, ask, sizeof ask - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    await_under_way(2); /* it is stuck ... */
    await_under_way(1); /* ... and let go of */
    close(fd);
    wire_close(&server);
}

static void test_http_hostile__idle_connections_end(void **state)
{
    muster_server_options options = short_times();
    (void)state;
    options.idle_ms = SHORT_MS;
    open_with(options);
    const int fd = wire_connect(server.port, NULL);
    assert_int_equal(wire_get(fd, "/livez"), 200);
    wire_await_end(fd);
    close(fd);
    wire_close(&server);
}

/* ---- hoarding ---- */

/* Asks until it is let in. */
static void await_answer(const char *from)
{
    for (int i = 0; i < WIRE_SECONDS * 100; i++) {
        const int fd = wire_connect(server.port, from);
        const int status = wire_get(fd, "/livez");
        close(fd);
        if (status == 200)
            return;
        usleep(10000);
    }
    fail_msg("%s is never let in", from);
}

static void expect_turned_away(int fd, int status)
{
    wire_answer a;
    wire_read(fd, &a);
    assert_int_equal(a.status, status);
    assert_string_equal(wire_header(&a, "Retry-After"), "1");
    assert_string_equal(wire_header(&a, "Connection"), "close");
    assert_true(strlen(wire_header(&a, "X-Request-Id")) > 10);
    wire_await_end(fd);
    wire_answer_release(&a);
    close(fd);
}

static void test_http_hostile__an_address_gets_so_many_connections(
    void **state)
{
    enum { MANY = 5 };
    int fds[MANY];
    muster_server_options options = wire_options();
    (void)state;
    options.address_connections = MANY;
    open_with(options);
    for (int i = 0; i < MANY; i++) {
        fds[i] = wire_connect(server.port, "127.0.0.2");
        assert_int_equal(wire_get(fds[i], "/livez"), 200);
    }
    /* Also when it asks first, and the answer could get lost. */
    int fd = wire_connect(server.port, "127.0.0.2");
    wire_say(fd, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_turned_away(fd, 429);
    assert_served(); /* others come from elsewhere */
    close(fds[0]);
    await_answer("127.0.0.2");
    for (int i = 1; i < MANY; i++) {
        assert_int_equal(wire_get(fds[i], "/livez"), 200);
        close(fds[i]);
    }
    wire_close(&server);
}

/* Those who ask nothing make room for those who do. */
static void test_http_hostile__hoarded_connections_give_way(void **state)
{
    enum { MANY = 40 };
    int fds[MANY];
    muster_server_options options = wire_options();
    (void)state;
    options.connections = MANY;
    options.address_connections = 0;
    options.header_ms = 10 * WIRE_SECONDS * 1000; /* not by their deadline */
    open_with(options);
    for (int i = 0; i < MANY; i++) {
        char address[16];
        snprintf(address, sizeof address, "127.0.0.%d", 2 + i % 8);
        fds[i] = wire_connect(server.port, address);
        wire_say(fds[i], "GET /livez HTTP/1.1\r\n");
    }
    await_answer("127.0.0.20"); /* the oldest are old enough */
    for (int i = 0; i < 2 * MANY; i++)
        assert_served();
    int closed = 0;
    for (int i = 0; i < MANY; i++) {
        closed += wire_ends_within(fds[i], 0);
        close(fds[i]);
    }
    assert_true(closed > 0);
    wire_close(&server);
}

/* But those who are at something do not. */
static void test_http_hostile__busy_connections_do_not_give_way(void **state)
{
    enum { MANY = 4 };
    int fds[MANY];
    muster_server_options options = wire_options();
    (void)state;
    options.connections = MANY;
    options.address_connections = MANY;
    open_with(options);
    for (int i = 0; i < MANY; i++) {
        fds[i] = wire_connect(server.port, NULL);
        wire_say(fds[i], "POST /v1/validate HTTP/1.1\r\nHost: a\r\n"
                         "Content-Type: application/json\r\n"
                         "Expect: 100-continue\r\n"
                         "Content-Length: 2\r\n\r\n");
        wire_answer a; /* then it has been begun */
        wire_read(fds[i], &a);
        assert_int_equal(a.status, 100);
        wire_answer_release(&a);
    }
    const int fd = wire_connect(server.port, "127.0.0.9");
    wire_say(fd, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_turned_away(fd, 503);
    for (int i = 0; i < MANY; i++) {
        wire_answer a;
        wire_say(fds[i], "{}");
        wire_read(fds[i], &a);
        assert_int_equal(a.status, 422);
        wire_answer_release(&a);
        close(fds[i]);
    }
    wire_close(&server);
}

static void test_http_hostile__so_many_bodies_are_streamed(void **state)
{
    const char head[] = "POST /v1/ingest HTTP/1.1\r\nHost: a\r\n"
                        "Content-Type: application/x-ndjson\r\n"
                        "Expect: 100-continue\r\n"
                        "Content-Length: 1\r\n\r\n";
    muster_server_options options = wire_options();
    wire_answer a;
    (void)state;
    options.streams = 1;
    open_with(options);
    const int first = wire_connect(server.port, NULL);
    wire_say(first, head);
    wire_read(first, &a);
    assert_int_equal(a.status, 100);
    wire_answer_release(&a);
    const int second = wire_connect(server.port, NULL);
    wire_say(second, head);
    wire_read(second, &a);
    assert_int_equal(a.status, 503);
    assert_string_equal(wire_header(&a, "Retry-After"), "1");
    wire_answer_release(&a);
    wire_say(first, "\n");
    wire_read(first, &a);
    assert_int_equal(a.status, 200);
    wire_answer_release(&a);
    close(first);
    close(second);
    wire_close(&server);
}

/* ---- overfilling ---- */

/* Sends a request with that much between head and tail; the status. */
static int ask_filled(const char *head, const char *fill, size_t times,
                      const char *tail)
{
    wire_answer a;
    buffer b;
    const int fd = wire_connect(server.port, NULL);
    buffer_init(&b, (size_t)64 << 20);
    buffer_put_str(&b, head);
    for (size_t i = 0; i < times; i++)
        buffer_put_str(&b, fill);
    buffer_put_str(&b, tail);
    wire_send(fd, (const char *)b.data, b.len);
    buffer_release(&b);
    wire_read(fd, &a);
    const int status = a.status;
    wire_answer_release(&a);
    close(fd);
    return status;
}

static void test_http_hostile__what_is_too_large_is_refused(void **state)
{
    (void)state;
    open_with(wire_options());
    const char post[] = "POST /v1/validate HTTP/1.1\r\nHost: a\r\n"
                        "Content-Type: application/json\r\n";
    char head[256];
    assert_int_equal(ask_filled("GET /", "a", 100000,
                                " HTTP/1.1\r\nHost: a\r\n\r\n"),
                     414);
    assert_int_equal(ask_filled("GET /livez HTTP/1.1\r\nHost: a\r\nX: ", "a",
                                100000, "\r\n\r\n"),
                     431);
    assert_int_equal(ask_filled("GET /livez HTTP/1.1\r\nHost: a\r\n",
                                "X: a\r\n", 65, "\r\n"),
                     431);
    assert_int_equal(ask_filled("GET /livez HTTP/1.1\r\nHost: a\r\n",
                                "X: a\r\n", 60, "\r\n"),
                     200);
    /* bodies: told beforehand, and found out on the way */
    snprintf(head, sizeof head, "%sContent-Length: 2000000\r\n\r\n", post);
    assert_int_equal(ask_filled(head, "", 0, ""), 413);
    snprintf(head, sizeof head, "%sTransfer-Encoding: chunked\r\n\r\n", post);
    assert_int_equal(ask_filled(head, "8\r\n        \r\n", 1 << 20,
                                "0\r\n\r\n"),
                     413);
    /* none is taken */
    assert_int_equal(
        ask_filled("GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                   "\r\n",
                   "{}", 1, ""),
        413);
    assert_served();
    wire_close(&server);
}

/* A refused request keeps its connection when its body is short. */
static void test_http_hostile__a_refusal_keeps_the_connection(void **state)
{
    wire_answer a;
    (void)state;
    open_with(wire_options());
    const int fd = wire_connect(server.port, NULL);
    wire_say(fd, "POST /v1/nothing HTTP/1.1\r\nHost: a\r\n"
                 "Content-Length: 5\r\n\r\nGET /");
    wire_read(fd, &a);
    assert_int_equal(a.status, 404);
    wire_answer_release(&a);
    assert_int_equal(wire_get(fd, "/livez"), 200);
    close(fd);
    wire_close(&server);
}

/* ---- going away ---- */

static void test_http_hostile__clients_that_go_away_leave_nothing(
    void **state)
{
    enum { TIMES = 60 };
    static const char *const starts[] = {
        "POST /v1/ingest HTTP/1.1\r\nHost: a\r\n"
        "Content-Type: application/x-ndjson\r\n"
        "Content-Length: 100000\r\n\r\n{\"ids\":",
        "POST /v1/count HTTP/1.1\r\nHost: a\r\n"
        "Content-Type: application/json\r\n"
        "Content-Length: 14\r\n\r\n{\"expr\":\"all\"}",
        "POST /v1/validate HTTP/1.1\r\nHost: a\r\n"
        "Content-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"e",
        "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"};
    muster_server_options options = wire_options();
    (void)state;
    options.streams = TIMES; /* a stream that was left is still closing */
    open_with(options);
    for (int i = 0; i < TIMES; i++) {
        const struct linger at_once = {1, 0};
        const int fd = wire_connect(server.port, NULL);
        wire_say(fd, starts[i % 4]);
        if (i % 3 == 0) /* with a reset */
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
    }
    assert_served();
    wire_close(&server); /* which asserts that every slot is free */
}

/* Not by their deadlines: those are far away. */
static void test_http_hostile__who_has_gone_is_not_waited_for(void **state)
{
    enum { TIMES = 20 };
    muster_server_options options = wire_options();
    (void)state;
    options.body_ms = 10 * WIRE_SECONDS * 1000;
    open_with(options);
    for (int i = 0; i < TIMES; i++) {
        const int fd = wire_connect(server.port, NULL);
        wire_say(fd, "POST /v1/validate HTTP/1.1\r\nHost: a\r\n"
                     "Content-Length: 100\r\n\r\n{");
        close(fd);
    }
    await_under_way(1);
    wire_close(&server);
}

/* ---- the end ---- */

static void *drain(void *payload)
{
    return muster_server_drain(payload) ? payload : NULL;
}

static void test_http_hostile__a_drain_finishes_what_is_under_way(
    void **state)
{
    wire_answer a;
    pthread_t thread;
    void *good = NULL;
    (void)state;
    open_with(wire_options());
    const int busy = wire_connect(server.port, NULL);
    const int idle = wire_connect(server.port, NULL);
    assert_int_equal(wire_get(idle, "/readyz"), 200);
    wire_say(busy, "POST /v1/validate HTTP/1.1\r\nHost: a\r\n"
                   "Content-Type: application/json\r\n"
                   "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    wire_read(busy, &a);
    assert_int_equal(a.status, 100);
    wire_answer_release(&a);
    assert_int_equal(
        pthread_create(&thread, NULL, drain, server.server), 0);
    wire_await_end(idle);
    const int other = wire_connect(server.port, NULL);
    assert_int_equal(wire_get(other, "/readyz"), 503);
    wire_await_end(other);
    wire_say(busy, "{}");
    wire_read(busy, &a);
    assert_int_equal(a.status, 422);
    assert_string_equal(wire_header(&a, "Connection"), "close");
    wire_answer_release(&a);
    assert_int_equal(pthread_join(thread, &good), 0);
    assert_non_null(good);
    close(busy);
    close(idle);
    close(other);
    wire_close(&server);
}

static void test_http_hostile__a_drain_does_not_wait_for_ever(void **state)
{
    muster_server_options options = wire_options();
    wire_answer a;
    (void)state;
    options.drain_ms = SHORT_MS;
    open_with(options);
    const int fd = wire_connect(server.port, NULL);
    wire_say(fd, "POST /v1/validate HTTP/1.1\r\nHost: a\r\n"
                 "Content-Type: application/json\r\n"
                 "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    wire_read(fd, &a);
    wire_answer_release(&a);
    assert_false(muster_server_drain(server.server));
    wire_close(&server);
    wire_await_end(fd);
    close(fd);
}

#define TEST(name) cmocka_unit_test(test_http_hostile__##name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_header_that_drips_is_closed),
        TEST(so_is_the_header_of_a_later_request),
        TEST(a_body_that_drips_is_closed),
        TEST(so_is_a_streamed_one),
        TEST(an_answer_that_is_not_taken_is_dropped),
        TEST(idle_connections_end),
        TEST(an_address_gets_so_many_connections),
        TEST(hoarded_connections_give_way),
        TEST(busy_connections_do_not_give_way),
        TEST(so_many_bodies_are_streamed),
        TEST(what_is_too_large_is_refused),
        TEST(a_refusal_keeps_the_connection),
        TEST(clients_that_go_away_leave_nothing),
        TEST(who_has_gone_is_not_waited_for),
        TEST(a_drain_finishes_what_is_under_way),
        TEST(a_drain_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
