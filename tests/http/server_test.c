/*
 * server_test.c - what every answer has, what is negotiated, how bodies may
 * come, two listeners, and options that are refused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <cmocka.h>
#include "http/routes.h"
#include "support/wire.h"

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

/* Sends head (without its end) and body, reads the answer. */
static wire_answer ask(const char *head, const void *body, size_t len)
{
    wire_answer a;
    char text[1024];
    const int fd = wire_connect(server.port, NULL);
    snprintf(text, sizeof text,
             "%s\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", head, len);
    wire_say(fd, text);
    wire_send(fd, body, len);
    wire_read(fd, &a);
    close(fd);
    return a;
}

static wire_answer ask_bare(const char *head)
{
    wire_answer a;
    char text[1024];
    const int fd = wire_connect(server.port, NULL);
    snprintf(text, sizeof text, "%s\r\nHost: a\r\n\r\n", head);
    wire_say(fd, text);
    wire_read(fd, &a);
    close(fd);
    return a;
}

static void expect(wire_answer a, int status, const char *body)
{
    if (a.status != status)
        fail_msg("status %d, not %d: %s", a.status, status,
                 buffer_cstr(&a.body));
    if (strstr(buffer_cstr(&a.body), body) == NULL)
        fail_msg("no %s in %s", body, buffer_cstr(&a.body));
    wire_answer_release(&a);
}

/* ---- what every answer has ---- */

static void test_http_server__every_answer_has_an_id(void **state)
{
    char first[64];
    (void)state;
    wire_answer a = ask_bare("GET /livez HTTP/1.1");
    snprintf(first, sizeof first, "%s", wire_header(&a, "X-Request-Id"));
    assert_int_equal(strlen(first), 26);
    wire_answer_release(&a);
    a = ask_bare("GET /nothing HTTP/1.1");
    assert_true(strcmp(first, wire_header(&a, "X-Request-Id")) < 0);
    assert_non_null(strstr(buffer_cstr(&a.body),
                           wire_header(&a, "X-Request-Id")));
    wire_answer_release(&a);
    a = ask_bare("GET /livez HTTP/1.1\r\nX-Request-Id: 0a-B_c.d:e+f=g/h");
    assert_string_equal(wire_header(&a, "X-Request-Id"), "0a-B_c.d:e+f=g/h");
    wire_answer_release(&a);
    a = ask_bare("GET /livez HTTP/1.1\r\nX-Request-Id: a\"b<script>");
    assert_int_equal(strlen(wire_header(&a, "X-Request-Id")), 26);
    wire_answer_release(&a);
}

static void test_http_server__and_its_time(void **state)
{
    (void)state;
    wire_answer a = ask_bare("GET /livez HTTP/1.1");
    assert_int_equal(
        strncmp(wire_header(&a, "Server-Timing"), "total;dur=", 10), 0);
    wire_answer_release(&a);
    const char expr[] = "{\"expr\":\"all\"}";
    a = ask("POST /v1/count HTTP/1.1\r\nContent-Type: application/json", expr,
            sizeof expr - 1);
    assert_int_equal(a.status, 200);
    assert_int_equal(
        strncmp(wire_header(&a, "Server-Timing"), "eval;dur=", 9), 0);
    wire_answer_release(&a);
}

static void test_http_server__head_is_get_without_its_body(void **state)
{
    (void)state;
    const int fd = wire_connect(server.port, NULL);
    buffer head;
    char byte;
    buffer_init(&head, 4096);
    wire_say(fd, "HEAD /version HTTP/1.1\r\nHost: a\r\n"
                 "Connection: close\r\n\r\n");
    while (read(fd, &byte, 1) == 1)
        buffer_put_u8(&head, (uint8_t)byte);
    const char *text = buffer_cstr(&head);
    assert_non_null(strstr(text, "HTTP/1.1 200 "));
    assert_non_null(strstr(text, "Content-Length: 35\r\n"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
    buffer_release(&head);
    close(fd);
}

/* ---- queries and media types ---- */

static void test_http_server__queries_are_known_and_decode(void **state)
{
    (void)state;
    expect(ask_bare("GET /readyz?verbose HTTP/1.1"), 200, "\"epoch\"");
    expect(ask_bare("GET /readyz?verbose=%74rue HTTP/1.1"), 200, "\"epoch\"");
    expect(ask_bare("GET /readyz?verbose=0 HTTP/1.1"), 200,
           "{\"status\":\"ready\"}");
    expect(ask_bare("GET /readyz?verbose=perhaps HTTP/1.1"), 400,
           "bad_parameter");
    expect(ask_bare("GET /readyz?verbos=1 HTTP/1.1"), 400,
           "unknown_parameter");
    expect(ask_bare("GET /readyz?verbose=%0 HTTP/1.1"), 400, "bad_query");
    expect(ask_bare("GET /readyz?verbose=%00 HTTP/1.1"), 400, "bad_query");
    expect(ask_bare("GET /v1/segments?limit=0 HTTP/1.1"), 400,
           "bad_parameter");
}

static void test_http_server__accept_is_honoured(void **state)
{
    static const struct {
        const char *accept;
        const char *type; /* NULL: 406 */
    } cases[] = {
        {"application/json", "application/json"},
        {"*/*", "application/json"},
        {"application/*", "application/json"},
        {"text/html, */*;q=0.1", "application/json"},
        {"application/vnd.msgpack", "application/vnd.msgpack"},
        {"application/msgpack", "application/vnd.msgpack"},
        {"application/x-msgpack;q=0.5", "application/vnd.msgpack"},
        {"application/json;q=0.4, application/msgpack;q=0.5",
         "application/vnd.msgpack"},
        {"application/json;q=0.5, application/msgpack;q=0.4",
         "application/json"},
        {"*/*;q=0.9, application/json;q=0", "application/vnd.msgpack"},
        {"text/csv", NULL},
        {"application/json;q=0", NULL},
        {"text/html", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char head[256];
        snprintf(head, sizeof head, "GET /version HTTP/1.1\r\nAccept: %s",
                 cases[i].accept);
        wire_answer a = ask_bare(head);
        if (a.status != (cases[i].type != NULL ? 200 : 406))
            fail_msg("Accept: %s: %d", cases[i].accept, a.status);
        if (cases[i].type != NULL &&
            strcmp(wire_header(&a, "Content-Type"), cases[i].type) != 0)
            fail_msg("Accept: %s: %s", cases[i].accept,
                     wire_header(&a, "Content-Type"));
        wire_answer_release(&a);
    }
}

static void test_http_server__answers_turn_into_msgpack(void **state)
{
    static const char packed[] = "\x82\xa4name\xa6muster\xa7version\xa5";
    (void)state;
    wire_answer a =
        ask_bare("GET /version HTTP/1.1\r\nAccept: application/msgpack");
    assert_int_equal(a.status, 200);
    assert_memory_equal(a.body.data, packed, sizeof packed - 1);
    wire_answer_release(&a);
}

/* ---- bodies ---- */

#define VALIDATE "POST /v1/validate HTTP/1.1"
#define JSON_TYPE "\r\nContent-Type: application/json"
static const char good_json[] = "{\"expr\":\"all\"}";

static void test_http_server__bodies_come_in_what_is_taken(void **state)
{
    static const char good[] = "\x81\xa4" "expr" "\xa3" "all";
    static const char deep[] = "\x81\xa4" "expr" "\x91\x91\x91";
    static const char cut[] = "\x81\xa4" "expr" "\xda\xff\xff" "all";
    static const char much[] = "\x81\xa4" "expr" "\xdd\xff\xff\xff\xff";
    (void)state;
    expect(ask(VALIDATE JSON_TYPE, good_json, sizeof good_json - 1), 200, "");
    expect(ask(VALIDATE, good_json, sizeof good_json - 1), 200, "");
    expect(ask(VALIDATE "\r\nContent-Type: application/json; charset=utf-8",
               good_json, sizeof good_json - 1),
           200, "");
    expect(ask(VALIDATE "\r\nContent-Type: text/csv", "a", 1), 415,
           "unsupported_media_type");
    expect(ask(VALIDATE "\r\nContent-Type: application/msgpack", good,
               sizeof good - 1),
           200, "");
    expect(ask(VALIDATE "\r\nContent-Type: application/msgpack", deep,
               sizeof deep - 1),
           400, "bad_msgpack");
    expect(ask(VALIDATE "\r\nContent-Type: application/msgpack", cut,
               sizeof cut - 1),
           400, "bad_msgpack");
    expect(ask(VALIDATE "\r\nContent-Type: application/msgpack", much,
               sizeof much - 1),
           400, "bad_msgpack");
    expect(ask(VALIDATE JSON_TYPE, "{\"expr\":", 8), 400, "bad_json");
    expect(ask(VALIDATE JSON_TYPE, "[]", 2), 422, "bad_body");
    expect(ask(VALIDATE JSON_TYPE, "", 0), 400, "no_body");
}

static size_t pack_gzip(const char *text, size_t len, uint8_t *out,
                        size_t room)
{
    z_stream z;
    memset(&z, 0, sizeof z);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9,
                                  Z_DEFAULT_STRATEGY),
                     Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)len;
    z.next_out = out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static void test_http_server__bodies_may_be_compressed(void **state)
{
    uint8_t packed[4096];
    (void)state;
    size_t len = pack_gzip(good_json, sizeof good_json - 1, packed,
                           sizeof packed);
    expect(ask(VALIDATE JSON_TYPE "\r\nContent-Encoding: gzip", packed, len),
           200, "");
    expect(ask(VALIDATE JSON_TYPE "\r\nContent-Encoding: gzip", packed,
               len - 3),
           400, "bad_encoding");
    packed[len] = 'x';
    expect(ask(VALIDATE JSON_TYPE "\r\nContent-Encoding: gzip", packed,
               len + 1),
           400, "bad_encoding");
    len = ZSTD_compress(packed, sizeof packed, good_json,
                        sizeof good_json - 1, 3);
    expect(ask(VALIDATE JSON_TYPE "\r\nContent-Encoding: zstd", packed, len),
           200, "");
    expect(ask(VALIDATE JSON_TYPE "\r\nContent-Encoding: zstd", packed,
               len - 1),
           400, "bad_encoding");
    expect(ask(VALIDATE JSON_TYPE "\r\nContent-Encoding: zstd", "zz", 2), 400,
           "bad_encoding");
    expect(ask(VALIDATE JSON_TYPE "\r\nContent-Encoding: identity", good_json,
               sizeof good_json - 1),
           200, "");
    expect(ask(VALIDATE JSON_TYPE "\r\nContent-Encoding: br", "a", 1), 415,
           "unsupported_encoding");
}

/* Blanks that unpack to more than the route takes, and to exactly that. */
static void test_http_server__but_do_not_grow_without_end(void **state)
{
    const size_t room = (size_t)1 << 20;
    const size_t len = 8 * BODY_DOCUMENT;
    char *blanks = mem_alloc(len);
    uint8_t *packed = mem_alloc(room);
    (void)state;
    memset(blanks, ' ', len);
    size_t n = pack_gzip(blanks, len, packed, room);
    expect(ask(VALIDATE JSON_TYPE "\r\nContent-Encoding: gzip", packed, n),
           413, "long_body");
    n = ZSTD_compress(packed, room, blanks, len, 3);
    expect(ask(VALIDATE JSON_TYPE "\r\nContent-Encoding: zstd", packed, n),
           413, "long_body");
    n = ZSTD_compress(packed, room, blanks, BODY_DOCUMENT + 1, 3);
    expect(ask(VALIDATE JSON_TYPE "\r\nContent-Encoding: zstd", packed, n),
           413, "long_body");
    n = ZSTD_compress(packed, room, blanks, BODY_DOCUMENT, 3);
    expect(ask(VALIDATE JSON_TYPE "\r\nContent-Encoding: zstd", packed, n),
           400, "bad_json");
    n = pack_gzip(blanks, BODY_DOCUMENT, packed, room);
    expect(ask(VALIDATE JSON_TYPE "\r\nContent-Encoding: gzip", packed, n),
           400, "bad_json");
    mem_free(blanks);
    mem_free(packed);
}

/* Requests one behind the other, of every way of being handled. */
static void test_http_server__requests_follow_each_other(void **state)
{
    static const char both[] =
        "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
        "POST /v1/validate HTTP/1.1\r\nHost: a\r\nContent-Length: 14\r\n\r\n"
        "{\"expr\":\"all\"}"
        "POST /v1/ingest HTTP/1.1\r\nHost: a\r\n"
        "Content-Type: application/x-ndjson\r\nContent-Length: 1\r\n\r\n\n"
        "POST /v1/nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
        "GET /version HTTP/1.1\r\nHost: a\r\n\r\n";
    static const int wanted[] = {200, 200, 200, 404, 200};
    (void)state;
    const int fd = wire_connect(server.port, NULL);
    for (int round = 0; round < 20; round++) {
        wire_send(fd, both, sizeof both - 1);
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
            wire_answer a;
            wire_read(fd, &a);
            if (a.status != wanted[i])
                fail_msg("round %d, answer %zu: %d, not %d", round, i,
                         a.status, wanted[i]);
            wire_answer_release(&a);
        }
    }
    close(fd);
}

/* ---- listeners and options ---- */

static void test_http_server__administration_has_its_own_listener(
    void **state)
{
    muster_server_options options = wire_options();
    wire_server two;
    (void)state;
    options.admin_listen = "[::1]:0";
    if (muster_server_start(&two.server, server.h.engine, &options, NULL) !=
        0) {
        options.admin_listen = "127.0.0.2:0"; /* a machine without IPv6 */
        assert_int_equal(muster_server_start(&two.server, server.h.engine,
                                             &options, NULL),
                         0);
    }
    const char *url = muster_server_url(two.server, false);
    const uint16_t data = (uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10);
    const int fd = wire_connect(data, NULL);
    assert_int_equal(wire_get(fd, "/livez"), 200);
    assert_int_equal(wire_get(fd, "/v1/lookup/cookie/a1"), 200);
    assert_int_equal(wire_get(fd, "/v1/segments"), 404);
    close(fd);
    assert_non_null(muster_server_url(two.server, true));
    assert_true(muster_server_drain(two.server));
    muster_server_stop(two.server);
}

static void refuse(muster_server_options options, const char *word)
{
    muster_server *other = NULL;
    muster_error err;
    error_clear(&err);
    if (muster_server_start(&other, server.h.engine, &options, &err) == 0)
        fail_msg("started instead of %s", word);
    assert_null(other);
    if (strcmp(err.word, word) != 0)
        fail_msg("%s (%s), not %s", err.word, err.message, word);
}

static void test_http_server__options_that_are_wrong_are_refused(
    void **state)
{
    static const char *const addresses[] = {
        "", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:http", "::1:80",
        "127.0.0.1:123456", "no.such.host.invalid:80"};
    muster_server_options options = wire_options();
    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        options.listen = addresses[i];
        refuse(options, "bad_address");
    }
    options.listen = "0.0.0.0:0";
    refuse(options, "not_loopback");
    options = wire_options();
    options.admin_listen = "0.0.0.0:0";
    refuse(options, "not_loopback");
    options.admin_listen = muster_server_url(server.server, false) + 7;
    refuse(options, "listen");
    options = wire_options();
    options.tls_cert = "cert.pem";
    refuse(options, "bad_option");
    options = wire_options();
    options.queue = 0;
    refuse(options, "bad_option");
    options = wire_options();
    options.header_ms = 0;
    refuse(options, "bad_option");
}

#define TEST(name) cmocka_unit_test(test_http_server__##name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_answer_has_an_id),
        TEST(and_its_time),
        TEST(head_is_get_without_its_body),
        TEST(queries_are_known_and_decode),
        TEST(accept_is_honoured),
        TEST(answers_turn_into_msgpack),
        TEST(bodies_come_in_what_is_taken),
        TEST(bodies_may_be_compressed),
        TEST(but_do_not_grow_without_end),
        TEST(requests_follow_each_other),
        TEST(administration_has_its_own_listener),
        TEST(options_that_are_wrong_are_refused),
    };
    return cmocka_run_group_tests(tests, open_server, close_server);
}
