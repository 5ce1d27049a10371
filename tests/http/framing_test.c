/*
 * framing_test.c - where a request's body ends must be said in one way alone.
 *
 * Whoever stands between a client and this server may read a request whose
 * framing is ambiguous in another way, and take part of its body for the next
 * request, or the other way round. So each of these is refused, nothing behind
 * it on its connection is answered, and the connection ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "support/wire.h"

typedef struct framing {
    const char *name;
    const char *bytes;
    size_t len;
} framing;

#define ROW(name, bytes) {name, bytes, sizeof bytes - 1}
#define POST                                                                  \
    "POST /v1/validate HTTP/1.1\r\nHost: a\r\n"                               \
    "Content-Type: application/json\r\n"
#define GET "GET /livez HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKS "2\r\n{}\r\n0\r\n\r\n"

static const framing refused[] = {
    /* two ways at once */
    ROW("length and chunks",
        POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNKS),
    ROW("chunks and length",
        POST "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n" CHUNKS),
    ROW("two lengths",
        POST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    ROW("the same length twice",
        POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
    ROW("a list of lengths", POST "Content-Length: 2, 2\r\n\r\n{}"),
    ROW("two hosts", GET "Host: b\r\n\r\n"),
    ROW("no host", "GET /livez HTTP/1.1\r\n\r\n"),
    /* lengths that are none */
    ROW("a length with a plus", POST "Content-Length: +2\r\n\r\n{}"),
    ROW("a negative length", POST "Content-Length: -2\r\n\r\n{}"),
    ROW("a hexadecimal length", POST "Content-Length: 0x2\r\n\r\n{}"),
    ROW("an empty length", POST "Content-Length: \r\n\r\n{}"),
    ROW("a length above 64 bits",
        POST "Content-Length: 18446744073709551618\r\n\r\n{}"),
    ROW("a length with words behind it",
        POST "Content-Length: 2 bytes\r\n\r\n{}"),
    /* odd encodings */
    ROW("an unknown encoding",
        POST "Transfer-Encoding: xchunked\r\n\r\n" CHUNKS),
    ROW("identity", POST "Transfer-Encoding: identity\r\n\r\n{}"),
    ROW("two encodings",
        POST "Transfer-Encoding: gzip, chunked\r\n\r\n" CHUNKS),
    ROW("chunked twice in a list",
        POST "Transfer-Encoding: chunked, chunked\r\n\r\n" CHUNKS),
    ROW("chunked twice", POST "Transfer-Encoding: chunked\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n" CHUNKS),
    ROW("chunked and then another",
        POST "Transfer-Encoding: chunked\r\n"
             "Transfer-Encoding: identity\r\n\r\n" CHUNKS),
    ROW("a vertical tab before chunked",
        POST "Transfer-Encoding: \x0b" "chunked\r\n\r\n" CHUNKS),
    ROW("quoted", POST "Transfer-Encoding: \"chunked\"\r\n\r\n" CHUNKS),
    ROW("chunks in HTTP/1.0",
        "POST /v1/validate HTTP/1.0\r\nHost: a\r\n"
        "Content-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n" CHUNKS),
    /* names and values */
    ROW("a space before the colon", POST "Content-Length : 2\r\n\r\n{}"),
    ROW("a tab before the colon", POST "Content-Length\t: 2\r\n\r\n{}"),
    ROW("a space in a name", GET "Content Length: 2\r\n\r\n"),
    ROW("an empty name", GET ": x\r\n\r\n"),
    ROW("no colon", GET "Content-Length\r\n\r\n"),
    ROW("a bare CR in a value", GET "X: a\rb\r\n\r\n"),
    ROW("a bare CR for a line", GET "X: a\rContent-Length: 2\r\n\r\n"),
    ROW("NUL in a value", GET "X: a\0b\r\n\r\n"),
    ROW("NUL in a name", GET "X\0: b\r\n\r\n"),
    ROW("a folded line", GET "X: a\r\n b\r\n\r\n"),
    ROW("a folded line with a tab", GET "X: a\r\n\tb\r\n\r\n"),
    ROW("a folded first line", "GET /livez HTTP/1.1\r\n Host: a\r\n\r\n"),
    ROW("lines that end with LF alone",
        "GET /livez HTTP/1.1\nHost: a\n\n"),
    /* chunks */
    ROW("chunks that end with LF alone", CHUNKED "2\n{}\n0\n\n"),
    ROW("a chunk's bytes that end with LF alone",
        CHUNKED "2\r\n{}\n0\r\n\r\n"),
    ROW("a chunk longer than it says", CHUNKED "1\r\n{}\r\n0\r\n\r\n"),
    ROW("a chunk's length above 64 bits",
        CHUNKED "10000000000000002\r\n{}\r\n0\r\n\r\n"),
    ROW("a negative chunk", CHUNKED "-2\r\n{}\r\n0\r\n\r\n"),
    ROW("a chunk with a prefix", CHUNKED "0x2\r\n{}\r\n0\r\n\r\n"),
    ROW("a chunk behind a space", CHUNKED " 2\r\n{}\r\n0\r\n\r\n"),
    ROW("a chunk without a length", CHUNKED "\r\n{}\r\n0\r\n\r\n"),
    /* request lines */
    ROW("a space in the path", "GET /li vez HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("a version that is none", "GET /livez HTTP/1.1.1\r\nHost: a\r\n\r\n"),
    ROW("a version of the future", "GET /livez HTTP/9.1\r\nHost: a\r\n\r\n"),
    ROW("a version in small letters",
        "GET /livez http/1.1\r\nHost: a\r\n\r\n"),
    ROW("no version", "GET /livez\r\nHost: a\r\n\r\n"),
};

/* Ended without a word: this is no HTTP at all. */
static const framing cut_off[] = {
    ROW("NUL in the path", "GET /li\0vez HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("NUL in the method", "G\0ET /livez HTTP/1.1\r\nHost: a\r\n\r\n"),
};

/* What looks odd and is right: one answer of 200 or 422 each. */
static const framing fine[] = {
    ROW("a length", POST "Content-Length: 2\r\n\r\n{}"),
    ROW("chunks", CHUNKED CHUNKS),
    ROW("chunked in capitals",
        POST "Transfer-Encoding: CHUNKED\r\n\r\n" CHUNKS),
    ROW("an extension of a chunk", CHUNKED "2;a=b\r\n{}\r\n0\r\n\r\n"),
    ROW("a trailer", CHUNKED "2\r\n{}\r\n0\r\nX: a\r\n\r\n"),
    ROW("no space behind a colon", GET "X:a\r\n\r\n"),
    ROW("an empty value", GET "X:\r\n\r\n"),
    ROW("an empty line before", "\r\n" GET "\r\n"),
};

/* What follows on the connection, as a smuggled request would. */
static const char next_request[] =
    "GET /version HTTP/1.1\r\nHost: a\r\n\r\n";

static wire_server server;

static int open_server(void **state)
{
    const muster_server_options options = wire_options();
    (void)state;
    wire_open(&server, &options);
    return 0;
}

static int close_server(void **state)
{
    (void)state;
    wire_close(&server);
    return 0;
}

static bool is_refusal(int status)
{
    return status == 400 || status == 413 || status == 501 || status == 505;
}

static void test_http_framing__ambiguous_requests_end_their_connection(
    void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        wire_answer a;
        const int fd = wire_connect(server.port, NULL);
        wire_send(fd, refused[i].bytes, refused[i].len);
        wire_say(fd, next_request);
        wire_read(fd, &a);
        if (!is_refusal(a.status))
            fail_msg("%s: %d", refused[i].name, a.status);
        if (wire_await_end(fd) != 0)
            fail_msg("%s: more was answered", refused[i].name);
        wire_answer_release(&a);
        close(fd);
    }
}

/* The same, but the bytes come one by one: no parser depends on them being
 * there at once. */
static void test_http_framing__and_when_they_come_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        wire_answer a;
        const int fd = wire_connect(server.port, NULL);
        for (size_t j = 0; j < refused[i].len; j++)
            wire_send(fd, refused[i].bytes + j, 1);
        wire_say(fd, next_request);
        wire_read(fd, &a);
        if (!is_refusal(a.status))
            fail_msg("%s, byte by byte: %d", refused[i].name, a.status);
        wire_await_end(fd);
        wire_answer_release(&a);
        close(fd);
    }
}

static void test_http_framing__what_is_no_http_is_cut_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cut_off / sizeof *cut_off; i++) {
        const int fd = wire_connect(server.port, NULL);
        wire_send(fd, cut_off[i].bytes, cut_off[i].len);
        wire_say(fd, next_request);
        if (wire_await_end(fd) != 0)
            fail_msg("%s: something was answered", cut_off[i].name);
        close(fd);
    }
}

static void test_http_framing__odd_but_right_requests_are_answered(
    void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        wire_answer a;
        const int fd = wire_connect(server.port, NULL);
        wire_send(fd, fine[i].bytes, fine[i].len);
        wire_say(fd, next_request);
        wire_read(fd, &a);
        if (a.status != 200 && a.status != 422)
            fail_msg("%s: %d", fine[i].name, a.status);
        wire_answer_release(&a);
        wire_read(fd, &a);
        if (a.status != 200)
            fail_msg("%s, the next one: %d", fine[i].name, a.status);
        wire_answer_release(&a);
        close(fd);
    }
}

/* Every beginning of a request, and then nothing more, and then the end. */
static void test_http_framing__requests_that_stop_anywhere_hurt_nobody(
    void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        for (size_t len = 0; len <= fine[i].len; len++) {
            const int fd = wire_connect(server.port, NULL);
            wire_send(fd, fine[i].bytes, len);
            close(fd);
        }
    }
    const int fd = wire_connect(server.port, NULL);
    assert_int_equal(wire_get(fd, "/livez"), 200);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_http_framing__ambiguous_requests_end_their_connection),
        cmocka_unit_test(
            test_http_framing__and_when_they_come_byte_by_byte),
        cmocka_unit_test(test_http_framing__what_is_no_http_is_cut_off),
        cmocka_unit_test(
            test_http_framing__odd_but_right_requests_are_answered),
        cmocka_unit_test(
            test_http_framing__requests_that_stop_anywhere_hurt_nobody),
    };
    return cmocka_run_group_tests(tests, open_server, close_server);
}
