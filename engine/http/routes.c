/*
 * routes.c - the table of routes as an array, and finding the row of a
 * request.
 *
 * The head of a path is what stands before its third slash or its first colon
 * ("/v1/segments"); every row has a head without {parts}. Rows are told apart
 * by a hash of the head first, so that finding one costs a walk over an array
 * of a few dozen words, then by comparing their paths.
 *
 * Threads: any; the hashes are made once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "base/hash.h"

#define ROUTE_QUICK(handler) .handle = handler
#define ROUTE_INDEXED(handler) .handle = handler
#define ROUTE_WORK(handler) .handle = handler
#define ROUTE_STREAM(handler) .stream = &handler
#define ROUTE_ROW(name_, method_, path_, may_, way_, body_max_, partner_,     \
                  admin_only_, takes_, offers_, handler_, summary_, query_,   \
                  sends_, example_, answers_)                                 \
    {.name = #name_,                                                          \
     .method = HTTP_##method_,                                                \
     .path = path_,                                                           \
     .may = may_,                                                             \
     .way = WAY_##way_,                                                       \
     .body_max = body_max_,                                                   \
     .partner = partner_,                                                     \
     .admin_only = admin_only_,                                               \
     .takes = takes_,                                                         \
     .offers = offers_,                                                       \
     ROUTE_##way_(handler_),                                                  \
     .summary = summary_,                                                     \
     .query = query_,                                                         \
     .sends = sends_,                                                         \
     .example = example_,                                                     \
     .answers = answers_},

const http_route http_routes[] = {HTTP_ROUTES(ROUTE_ROW){.name = NULL}};

#define ROUTE_COUNT (sizeof http_routes / sizeof *http_routes - 1)

static uint32_t head_hashes[ROUTE_COUNT];
static pthread_once_t head_once = PTHREAD_ONCE_INIT;

static uint32_t head_hash(const char *path, size_t len)
{
    size_t end = 0;
    unsigned slashes = 0;
    while (end < len && path[end] != ':') {
        if (path[end] == '/' && ++slashes == 3)
            break;
        end++;
    }
    return (uint32_t)hash_bytes(path, end);
}

static void hash_heads(void)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const char *path = http_routes[i].path;
        head_hashes[i] = head_hash(path, strlen(path));
    }
}

/* ---- one path against one row ---- */

typedef struct route_match {
    muster_text args[HTTP_ARGS_MAX]; /* as sent */
    size_t args_count;
    size_t fixed; /* bytes that the row names */
} route_match;

/* Bytes of the part of `path` that {name} takes: up to a slash or, where the
 * row goes on with ":verb" behind it, up to that verb at its end. */
static size_t part_length(const char *row, muster_text path)
{
    size_t len = 0;
    while (len < path.len && path.ptr[len] != '/')
        len++;
    const size_t verb = strcspn(row, "/");
    if (verb == 0)
        return len;
    if (len < verb || memcmp(path.ptr + len - verb, row, verb) != 0)
        return 0;
    return len - verb;
}

static bool match_row(const char *row, muster_text path, route_match *out)
{
    out->args_count = 0;
    out->fixed = 0;
    while (*row != '\0') {
        if (*row == '{') {
            row = strchr(row, '}') + 1;
            const size_t len = part_length(row, path);
            if (len == 0)
                return false;
            ASSERT(out->args_count < HTTP_ARGS_MAX);
            out->args[out->args_count++] = text_make(path.ptr, len);
            path = text_make(path.ptr + len, path.len - len);
        } else if (path.len > 0 && *path.ptr == *row) {
            row++;
            path = text_make(path.ptr + 1, path.len - 1);
            out->fixed++;
        } else {
            return false;
        }
    }
    return path.len == 0;
}

/* ---- what was sent, decoded ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool route_decode(arena *texts, muster_text in, muster_text *out)
{
    *out = in;
    if (in.len == 0 || memchr(in.ptr, '%', in.len) == NULL)
        return true;
    char *to = arena_alloc(texts, in.len);
    size_t len = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (c == '%') {
            if (in.len - i < 3)
                return false;
            const int high = hex_digit(in.ptr[i + 1]);
            const int low = hex_digit(in.ptr[i + 2]);
            if (high < 0 || low < 0 || high + low == 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        to[len++] = c;
    }
    *out = text_make(to, len);
    return true;
}

/* ---- finding ---- */

const char *http_method_name(http_method method)
{
    static const char *const names[] = {"", "GET", "POST", "PUT", "PATCH",
                                        "DELETE"};
    ASSERT(method >= HTTP_GET && method <= HTTP_DELETE);
    return names[method];
}

static bool method_suits(const http_route *route, const char *method)
{
    return strcmp(method, http_method_name(route->method)) == 0 ||
           (route->method == HTTP_GET && strcmp(method, "HEAD") == 0);
}

static void allow_methods(uint32_t methods, char allow[64])
{
    size_t len = 0;
    for (http_method m = HTTP_GET; m <= HTTP_DELETE; m++) {
        if ((methods & 1u << m) == 0)
            continue;
        const char *name = http_method_name(m);
        const int n = snprintf(allow + len, 64 - len, "%s%s%s",
                               len > 0 ? ", " : "", name,
                               m == HTTP_GET ? ", HEAD" : "");
        ASSERT(n > 0 && (size_t)n < 64 - len);
        len += (size_t)n;
    }
}

static int fill_args(http_request *r, const route_match *match)
{
    for (size_t i = 0; i < match->args_count; i++)
        if (!route_decode(&r->texts, match->args[i], &r->args[i]))
            return 400;
    return 0;
}

int http_route_find(const char *method, muster_text path,
                    const http_route **out, http_request *r, char allow[64])
{
    route_match best = {.fixed = 0};
    uint32_t methods = 0;
    *out = NULL;
    pthread_once(&head_once, hash_heads);
    const uint32_t head = head_hash(path.ptr, path.len);
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        route_match match;
        const http_route *route = &http_routes[i];
        if (head_hashes[i] != head || !match_row(route->path, path, &match) ||
            match.fixed < best.fixed)
            continue;
        if (match.fixed > best.fixed) {
            methods = 0;
            *out = NULL;
        }
        best = match;
        methods |= 1u << route->method;
        if (method_suits(route, method))
            *out = route;
    }
    if (methods == 0)
        return 404;
    if (*out == NULL) {
        allow_methods(methods, allow);
        return 405;
    }
    const int code = fill_args(r, &best);
    if (code != 0)
        *out = NULL;
    return code;
}
