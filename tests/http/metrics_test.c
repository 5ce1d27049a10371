/*
 * metrics_test.c - what threads count adds up, and is told in the text format
 * of Prometheus. tests/http/metrics_text.test asks a server, and promtool.
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
#include <cmocka.h>
#include "base/base.h"
#include "http/metrics.h"

/* More threads than there are stripes, so that some share one. */
enum { THREADS = 80, ROUNDS = 50000 };

static pthread_barrier_t together;

static void *count_many(void *payload)
{
    (void)payload;
    pthread_barrier_wait(&together);
    for (int i = 0; i < ROUNDS; i++) {
        metrics_add(METRIC_LOOKUP_HIT, 2);
        metrics_add(METRIC_CONNECTIONS, i % 2 == 0 ? 1 : -1);
        metrics_request(&http_routes[0], 200, 49000);
        metrics_request(&http_routes[0], 299, 51000);
        metrics_eval(1500);
    }
    return NULL;
}

static char *told(void)
{
    buffer b;
    buffer_init(&b, (size_t)1 << 20);
    metrics_put_counted(&b);
    char *text = mem_strdup(buffer_cstr(&b));
    buffer_release(&b);
    return text;
}

/* The value behind a sample's name and labels, which begin a line. */
static uint64_t value_of(const char *text, const char *name)
{
    const size_t len = strlen(name);
    for (const char *at = text; (at = strstr(at, name)) != NULL; at += len)
        if ((at == text || at[-1] == '\n') && at[len] == ' ')
            return strtoull(at + len, NULL, 10);
    return UINT64_MAX;
}

static uint64_t sample(const char *text, const char *format)
{
    char name[256];
    char labels[128];
    snprintf(labels, sizeof labels, "route=\"%s\",method=\"%s\"",
             http_routes[0].name, http_method_name(http_routes[0].method));
    const char *at = strchr(format, '@');
    snprintf(name, sizeof name, "%.*s%s%s", (int)(at - format), format, labels,
             at + 1);
    return value_of(text, name);
}

static void test_http_metrics__threads_add_up(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    const uint64_t all = THREADS * ROUNDS;
    assert_int_equal(pthread_barrier_init(&together, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++)
        threads[i] = thread_start(count_many, NULL);
    for (int i = 0; i < THREADS; i++)
        thread_join(threads[i]);
    pthread_barrier_destroy(&together);
    char *text = told();
    assert_int_equal(metrics_get(METRIC_LOOKUP_HIT), 2 * all);
    assert_int_equal(metrics_get(METRIC_CONNECTIONS), 0);
    assert_int_equal(
        sample(text, "muster_http_requests_total{@,code=\"200\"}"), all);
    assert_int_equal(
        sample(text, "muster_http_requests_total{@,code=\"2xx\"}"), all);
    const char *name = "muster_http_request_duration_seconds_bucket";
    char format[128];
    snprintf(format, sizeof format, "%s{@,le=\"0.00005\"}", name);
    assert_int_equal(sample(text, format), all);
    snprintf(format, sizeof format, "%s{@,le=\"0.0001\"}", name);
    assert_int_equal(sample(text, format), 2 * all);
    snprintf(format, sizeof format, "%s{@,le=\"+Inf\"}", name);
    assert_int_equal(sample(text, format), 2 * all);
    assert_int_equal(
        sample(text, "muster_http_request_duration_seconds_count{@}"),
        2 * all);
    assert_int_equal(
        sample(text, "muster_http_request_duration_seconds_sum{@}"),
        all * 100000 / 1000000000);
    assert_int_equal(value_of(text, "muster_eval_duration_seconds_count"),
                     all);
    assert_int_equal(
        value_of(text, "muster_eval_duration_seconds_bucket"
                       "{le=\"0.000001\"}"), 0);
    assert_int_equal(
        value_of(text, "muster_eval_duration_seconds_bucket"
                       "{le=\"0.0000025\"}"), all);
    mem_free(text);
}

static void test_http_metrics__no_route_has_a_row_too(void **state)
{
    (void)state;
    metrics_request(NULL, 404, 1000);
    metrics_request(NULL, 999, UINT64_C(60000000000));
    char *text = told();
    const char *labels = "{route=\"none\",method=\"none\"";
    char name[256];
    snprintf(name, sizeof name, "muster_http_requests_total%s,code=\"404\"}",
             labels);
    assert_int_equal(value_of(text, name), 1);
    snprintf(name, sizeof name, "muster_http_requests_total%s,code=\"0xx\"}",
             labels);
    assert_int_equal(value_of(text, name), 1);
    snprintf(name, sizeof name,
             "muster_http_request_duration_seconds_bucket%s,le=\"10\"}",
             labels);
    assert_int_equal(value_of(text, name), 1);
    snprintf(name, sizeof name,
             "muster_http_request_duration_seconds_bucket%s,le=\"+Inf\"}",
             labels);
    assert_int_equal(value_of(text, name), 2);
    mem_free(text);
}

static void test_http_metrics__ingest_is_by_route_and_outcome(void **state)
{
    (void)state;
    const http_route *route = http_routes;
    while (route->name != NULL && (route->may & MAY_INGEST) == 0)
        route++;
    if (route->name == NULL)
        skip();
    metrics_ingest(route, 7, 2);
    char *text = told();
    char name[256];
    snprintf(name, sizeof name,
             "muster_ingest_records_total{source=\"%s\","
             "outcome=\"accepted\"}", route->name);
    assert_int_equal(value_of(text, name), 7);
    snprintf(name, sizeof name,
             "muster_ingest_records_total{source=\"%s\","
             "outcome=\"rejected\"}", route->name);
    assert_int_equal(value_of(text, name), 2);
    mem_free(text);
}

static void test_http_metrics__the_process_is_told(void **state)
{
    (void)state;
    buffer b;
    buffer_init(&b, 65536);
    metrics_put_process(&b);
    const char *text = buffer_cstr(&b);
    assert_true(value_of(text, "process_resident_memory_bytes") > 1000000);
    assert_true(value_of(text, "process_virtual_memory_bytes") >=
                value_of(text, "process_resident_memory_bytes"));
    assert_in_range(value_of(text, "process_open_fds"), 3, 1000);
    assert_in_range(value_of(text, "process_threads"), 1, 100);
    const uint64_t start = value_of(text, "process_start_time_seconds");
    const uint64_t now = (uint64_t)clock_now();
    assert_in_range(start, now - 600, now + 2);
    assert_true(value_of(text, "process_cpu_seconds_total") < 600);
    buffer_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_metrics__threads_add_up),
        cmocka_unit_test(test_http_metrics__no_route_has_a_row_too),
        cmocka_unit_test(test_http_metrics__ingest_is_by_route_and_outcome),
        cmocka_unit_test(test_http_metrics__the_process_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
