/*
 * routes_test.c - finding a route: parts of a path, custom verbs, methods,
 * what does not decode; and what every row of the table must keep.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "http/parts.h"

static http_request request;
static char allow[64];

static int find(const char *method, const char *path, const http_route **out)
{
    arena_reset(&request.texts);
    memset(request.args, 0, sizeof request.args);
    return http_route_find(method, text_of(path), out, &request, allow);
}

static void expect(const char *method, const char *path, const char *name)
{
    const http_route *route = NULL;
    const int code = find(method, path, &route);
    if (code != 0)
        fail_msg("%s %s: %d, not %s", method, path, code, name);
    assert_string_equal(route->name, name);
}

static void expect_not(const char *method, const char *path, int code)
{
    const http_route *route = NULL;
    if (find(method, path, &route) != code)
        fail_msg("%s %s is not %d", method, path, code);
    assert_null(route);
}

static void expect_arg(size_t i, const char *text)
{
    if (!text_is(request.args[i], text))
        fail_msg("part %zu is %.*s, not %s", i, (int)request.args[i].len,
                 request.args[i].ptr, text);
}

static void test_http_routes__paths_find_their_row(void **state)
{
    (void)state;
    expect("GET", "/livez", "livez");
    expect("HEAD", "/livez", "livez");
    expect("GET", "/v1/segments", "segments_list");
    expect("GET", "/v1/segments/buyers", "segment_show");
    expect_arg(0, "buyers");
    expect("PUT", "/v1/segments/buyers", "segment_put");
    expect("GET", "/v1/segments/buyers/versions/7", "version_show");
    expect_arg(0, "buyers");
    expect_arg(1, "7");
    expect("GET", "/v1/lookup/cookie/a1", "lookup");
    expect_arg(0, "cookie");
    expect_arg(1, "a1");
}

static void test_http_routes__custom_verbs_win_over_keys(void **state)
{
    (void)state;
    expect("POST", "/v1/segments/buyers:revert", "segment_revert");
    expect_arg(0, "buyers");
    expect("POST", "/v1/segments/a:b:revert", "segment_revert");
    expect_arg(0, "a:b");
    expect("GET", "/v1/segments/buyers:other", "segment_show");
    expect_arg(0, "buyers:other");
    expect("GET", "/v1/lookup/cookie/a:b:c", "lookup");
    expect_arg(1, "a:b:c");
    expect_not("GET", "/v1/segments/buyers:revert", 405);
    assert_string_equal(allow, "POST");
}

static void test_http_routes__parts_are_decoded(void **state)
{
    (void)state;
    expect("GET", "/v1/lookup/cookie/a%2Fb%20c%c3%a4", "lookup");
    expect_arg(1, "a/b c\xc3\xa4");
    expect("GET", "/v1/lookup/cookie/a+b", "lookup");
    expect_arg(1, "a+b");
    expect_not("GET", "/v1/lookup/cookie/a%2", 400);
    expect_not("GET", "/v1/lookup/cookie/%zz", 400);
    expect_not("GET", "/v1/lookup/cookie/a%00b", 400);
    /* not the path itself: what decodes to a slash or a name is neither */
    expect_not("GET", "/v1%2Flookup/cookie/a", 404);
    expect_not("GET", "/%6civez", 404);
}

static void test_http_routes__what_is_not_there(void **state)
{
    static const char *const paths[] = {
        "", "/", "*", "livez", "/livez/", "//livez", "/livez/x", "/v1",
        "/v1/", "/v1/segments/", "/v1/lookup/cookie", "/v1/lookup/cookie/",
        "/v1/lookup//a1", "/v1/lookup/cookie/a/b", "/../livez",
        "/v1/segments/a/../b", "http://a/livez"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        expect_not("GET", paths[i], 404);
    expect_not("POST", "/livez", 405);
    assert_string_equal(allow, "GET, HEAD");
    expect_not("BREW", "/v1/segments/buyers", 405);
    assert_string_equal(allow, "GET, HEAD, PUT, PATCH, DELETE");
    expect_not("get", "/livez", 405);
}

/* Every row is found by its own example, and keeps what the server counts
 * on. */
static void test_http_routes__rows_keep_the_rules(void **state)
{
    (void)state;
    for (const http_route *row = http_routes; row->name != NULL; row++) {
        char path[256];
        snprintf(path, sizeof path, "%.*s",
                 (int)strcspn(row->example, "?"), row->example);
        expect(http_method_name(row->method), path, row->name);
        if ((row->way == WAY_STREAM) != (row->stream != NULL) ||
            (row->way == WAY_STREAM) == (row->handle != NULL))
            fail_msg("%s: WAY and handler", row->name);
        if ((row->takes == TAKES_NOTHING) != (row->body_max == 0))
            fail_msg("%s: takes and body_max", row->name);
        if (row->offers == 0 || row->summary[0] == '\0')
            fail_msg("%s: offers, summary", row->name);
        if (row->partner && row->admin_only)
            fail_msg("%s: partners do not reach the admin listener",
                     row->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_routes__paths_find_their_row),
        cmocka_unit_test(test_http_routes__custom_verbs_win_over_keys),
        cmocka_unit_test(test_http_routes__parts_are_decoded),
        cmocka_unit_test(test_http_routes__what_is_not_there),
        cmocka_unit_test(test_http_routes__rows_keep_the_rules),
    };
    arena_init(&request.texts);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&request.texts);
    return failed;
}
