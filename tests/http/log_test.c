/*
 * log_test.c - the log loses no line while it is read, waits for nobody when
 * it is not, and writes nothing that could break a line.
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
#include <cmocka.h>
#include "base/base.h"
#include "http/log.h"
#include "http/metrics.h"

enum { THREADS = 4, LINES = 3000 };

/* ---- a pipe that a thread reads to its end ---- */

typedef struct drain {
    int ends[2];
    buffer got;
    pthread_t thread;
} drain;

static void *read_all(void *payload)
{
    drain *d = payload;
    for (;;) {
        uint8_t *to = buffer_reserve(&d->got, 65536);
        const ssize_t n = read(d->ends[0], to, 65536);
        if (n <= 0)
            return NULL;
        d->got.len += (size_t)n;
    }
}

static void drain_open(drain *d)
{
    assert_int_equal(pipe(d->ends), 0);
    buffer_init(&d->got, (size_t)64 << 20);
}

static void drain_start(drain *d)
{
    d->thread = thread_start(read_all, d);
}

/* What was written, NUL-terminated. */
static const char *drain_end(drain *d)
{
    close(d->ends[1]);
    thread_join(d->thread);
    close(d->ends[0]);
    return buffer_cstr(&d->got);
}

static void log_one(http_log *log, const char *id, int status)
{
    const log_request_line line = {.id = id,
                                   .route = &http_routes[0],
                                   .key = "k_1",
                                   .status = status,
                                   .ns = 85000,
                                   .bytes_in = 3,
                                   .bytes_out = 61};
    http_log_request(log, &line);
}

/* ---- many threads ---- */

typedef struct teller {
    http_log *log;
    unsigned number;
} teller;

static void *tell_many(void *payload)
{
    const teller *t = payload;
    for (unsigned i = 0; i < LINES; i++) {
        char id[32];
        snprintf(id, sizeof id, "%u-%u", t->number, i);
        log_one(t->log, id, 200);
    }
    return NULL;
}

static void tell_from_threads(http_log *log)
{
    pthread_t threads[THREADS];
    teller tellers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        tellers[i] = (teller){log, i};
        threads[i] = thread_start(tell_many, &tellers[i]);
    }
    for (unsigned i = 0; i < THREADS; i++)
        thread_join(threads[i]);
}

typedef struct tally {
    uint64_t requests;
    uint64_t dropped; /* as lines tell */
    int last[THREADS];
} tally;

/* Every line is one object; those of a thread come in its order. */
static void count_line(tally *t, const char *line, size_t len)
{
    json_doc *doc = NULL;
    muster_error err;
    unsigned thread = 0;
    int number = 0;
    assert_int_equal(json_parse(&doc, line, len, JSON_STRICT, &err), 0);
    const json_value *root = json_root(doc);
    if (text_is(json_string(json_get(root, "msg")), "request")) {
        const muster_text id = json_string(json_get(root, "id"));
        assert_int_equal(sscanf(id.ptr, "%u-%d", &thread, &number), 2);
        assert_true(thread < THREADS && number > t->last[thread]);
        t->last[thread] = number;
        t->requests++;
    } else {
        const muster_text n = json_string(json_get(root, "detail"));
        t->dropped += strtoull(n.ptr, NULL, 10);
    }
    json_free(doc);
}

static tally count_lines(const char *text)
{
    tally t = {.requests = 0};
    memset(t.last, 0xff, sizeof t.last);
    while (*text != '\0') {
        const size_t len = strcspn(text, "\n");
        assert_int_equal(text[len], '\n');
        count_line(&t, text, len);
        text += len + 1;
    }
    return t;
}

static void test_http_log__all_lines_come_or_are_counted(void **state)
{
    (void)state;
    drain d;
    const int64_t before = metrics_get(METRIC_LOG_DROPPED);
    drain_open(&d);
    drain_start(&d);
    http_log *log = http_log_open(d.ends[1], HTTP_LOG_JSON, HTTP_LOG_INFO);
    tell_from_threads(log);
    http_log_close(log);
    const tally t = count_lines(drain_end(&d));
    assert_true(t.requests > 0);
    assert_int_equal(t.requests + t.dropped, THREADS * LINES);
    assert_int_equal(metrics_get(METRIC_LOG_DROPPED) - before, t.dropped);
    buffer_release(&d.got);
}

/* Nobody reads: the pipe is full at once, and those who log go on. */
static void test_http_log__waits_for_nobody(void **state)
{
    (void)state;
    drain d;
    drain_open(&d);
    http_log *log = http_log_open(d.ends[1], HTTP_LOG_JSON, HTTP_LOG_INFO);
    tell_from_threads(log); /* returns, or the test runs into its limit */
    drain_start(&d);
    http_log_close(log);
    const tally t = count_lines(drain_end(&d));
    assert_true(t.dropped > 0);
    assert_int_equal(t.requests + t.dropped, THREADS * LINES);
    buffer_release(&d.got);
}

/* Nobody reads, ever: closing ends all the same, or the test runs into its
 * limit. */
static void test_http_log__closing_waits_for_nobody(void **state)
{
    (void)state;
    drain d;
    drain_open(&d);
    http_log *log = http_log_open(d.ends[1], HTTP_LOG_JSON, HTTP_LOG_INFO);
    tell_from_threads(log);
    http_log_close(log);
    close(d.ends[0]);
    close(d.ends[1]);
    buffer_release(&d.got);
}

/* ---- what a line is ---- */

static char *lines_of(http_log_format format, http_log_level level,
                      void (*tell)(http_log *log))
{
    drain d;
    drain_open(&d);
    drain_start(&d);
    http_log *log = http_log_open(d.ends[1], format, level);
    tell(log);
    http_log_close(log);
    char *text = mem_strdup(drain_end(&d));
    buffer_release(&d.got);
    return text;
}

static void tell_one(http_log *log)
{
    log_one(log, "01J", 404);
}

static void test_http_log__a_line_has_these_names(void **state)
{
    (void)state;
    char expected[256];
    char *text = lines_of(HTTP_LOG_LOGFMT, HTTP_LOG_INFO, tell_one);
    assert_int_equal(strncmp(text, "time=20", 7), 0);
    snprintf(expected, sizeof expected,
             "Z level=warn msg=request id=01J route=%s method=%s status=404"
             " us=85 key=k_1 in=3 out=61\n",
             http_routes[0].name, http_method_name(http_routes[0].method));
    assert_string_equal(strchr(text, 'Z'), expected);
    mem_free(text);

    text = lines_of(HTTP_LOG_JSON, HTTP_LOG_INFO, tell_one);
    snprintf(expected, sizeof expected,
             "Z\",\"level\":\"warn\",\"msg\":\"request\",\"id\":\"01J\","
             "\"route\":\"%s\",\"method\":\"%s\",\"status\":404,\"us\":85,"
             "\"key\":\"k_1\",\"in\":3,\"out\":61}\n",
             http_routes[0].name, http_method_name(http_routes[0].method));
    assert_string_equal(strchr(text, 'Z'), expected);
    mem_free(text);
}

static void tell_hostile(http_log *log)
{
    char longest[1000];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    log_one(log, "a\nlevel=error msg=\"forged\"", 200);
    log_one(log, longest, 200);
    http_log_event(log, HTTP_LOG_INFO, "two words", "\x01 \xff %s", longest);
    const log_request_line nothing = {.status = 400};
    http_log_request(log, &nothing);
}

static void test_http_log__nothing_breaks_a_line(void **state)
{
    (void)state;
    char *text = lines_of(HTTP_LOG_LOGFMT, HTTP_LOG_INFO, tell_hostile);
    size_t lines = 0;
    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 4);
    assert_non_null(strstr(text, "\"a\\nlevel=error msg=\\\"forged\\\"\""));
    assert_non_null(strstr(text, "msg=\"two words\" detail=\"\\u0001"));
    assert_non_null(strstr(text, "route=none method=none status=400"));
    mem_free(text);
}

static void tell_each_level(http_log *log)
{
    http_log_event(log, HTTP_LOG_DEBUG, "first", "%s", "");
    log_one(log, "second", 204);
    log_one(log, "third", 429);
    log_one(log, "fourth", 503);
}

static void test_http_log__levels_leave_out(void **state)
{
    (void)state;
    static const char *const words[] = {"first", "second", "third", "fourth"};
    for (int level = HTTP_LOG_DEBUG; level <= HTTP_LOG_OFF; level++) {
        char *text = lines_of(HTTP_LOG_LOGFMT, (http_log_level)level,
                              tell_each_level);
        for (int i = 0; i < 4; i++)
            assert_int_equal(strstr(text, words[i]) != NULL, i >= level);
        mem_free(text);
    }
    log_one(NULL, "", 200);
    http_log_close(NULL);
}

static void test_http_log__names_are_parsed(void **state)
{
    (void)state;
    http_log_level level;
    http_log_format format;
    assert_true(http_log_parse_level("warn", &level));
    assert_int_equal(level, HTTP_LOG_WARN);
    assert_false(http_log_parse_level("loud", &level));
    assert_true(http_log_parse_format("json", &format));
    assert_int_equal(format, HTTP_LOG_JSON);
    assert_true(http_log_parse_format("logfmt", &format));
    assert_false(http_log_parse_format("xml", &format));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_log__all_lines_come_or_are_counted),
        cmocka_unit_test(test_http_log__waits_for_nobody),
        cmocka_unit_test(test_http_log__closing_waits_for_nobody),
        cmocka_unit_test(test_http_log__a_line_has_these_names),
        cmocka_unit_test(test_http_log__nothing_breaks_a_line),
        cmocka_unit_test(test_http_log__levels_leave_out),
        cmocka_unit_test(test_http_log__names_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
