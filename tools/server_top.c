/*
 * server_top.c - `muster top --server URL`: what a server has been asked since
 * it started, route by route, from its GET /metrics (docs/http.md).
 *
 *   route         method  requests  refused  failed  mean us  p50 us  p99 us
 *   lookup        GET      812,004        3       0      9.1     8.8    41.0
 *
 * `refused` are answers 4xx, `failed` 5xx. p50 and p99 are read off the
 * histogram: within a bucket times are taken to lie evenly.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* memrchr */
#include "cmd_top.h"

#include <stdlib.h>
#include <string.h>
#include "base/error.h"
#include "base/mem.h"
#include "client.h"
#include "remote.h"

/* Buckets of a histogram; the server has 18. */
#define BUCKETS_MAX 32
#define US_PER_S 1e6

typedef struct bucket {
    double le;       /* seconds; the last one is infinite */
    uint64_t within; /* requests that took no longer */
} bucket;

typedef struct route_row {
    char route[64];
    char method[16];
    uint64_t requests, refused, failed;
    double seconds; /* of all that were timed ... */
    uint64_t timed;
    bucket buckets[BUCKETS_MAX];
    size_t bucket_count;
} route_row;

typedef struct server_numbers {
    route_row *routes;
    size_t count;
    size_t capacity;
    uint64_t connections, active, queued;
    muster_engine_stats engine; /* those that are told */
} server_numbers;

/* ---- one line: name{label="text",...} value ---- */

typedef struct sample {
    muster_text name;
    muster_text labels;
    double value;
} sample;

static bool read_sample(muster_text line, sample *out)
{
    const char *blank = memrchr(line.ptr, ' ', line.len);
    if (line.len == 0 || line.ptr[0] == '#' || blank == NULL)
        return false;
    const size_t len = (size_t)(blank - line.ptr);
    const char *brace = memchr(line.ptr, '{', len);
    const size_t name = brace != NULL ? (size_t)(brace - line.ptr) : len;
    out->name = text_make(line.ptr, name);
    out->labels = text_make(line.ptr + name, len - name);
    char *copy = mem_strndup(blank + 1, line.len - len - 1);
    out->value = strtod(copy, NULL);
    mem_free(copy);
    return true;
}

/* The text of a label, "" when there is none; no label that is asked for here
 * has a quote in it. */
static muster_text label_of(const sample *s, const char *name)
{
    const size_t n = strlen(name);
    for (size_t at = 1; at + n + 2 < s->labels.len; at++) {
        const char *here = s->labels.ptr + at;
        const bool begins = here[-1] == '{' || here[-1] == ',';
        if (!begins || memcmp(here, name, n) != 0 || here[n] != '=')
            continue;
        const char *text = here + n + 2;
        const size_t left = s->labels.len - at - n - 2;
        const char *end = memchr(text, '"', left);
        return text_make(text, end != NULL ? (size_t)(end - text) : left);
    }
    return text_make("", 0);
}

/* ---- all of them ---- */

static route_row *row_of(server_numbers *all, const sample *s)
{
    const muster_text route = label_of(s, "route");
    const muster_text method = label_of(s, "method");
    for (size_t i = 0; i < all->count; i++)
        if (text_is(route, all->routes[i].route) &&
            text_is(method, all->routes[i].method))
            return &all->routes[i];
    mem_grow(&all->routes, &all->capacity, all->count + 1,
             sizeof *all->routes);
    route_row *row = &all->routes[all->count++];
    *row = (route_row){.requests = 0};
    snprintf(row->route, sizeof row->route, "%.*s", (int)route.len, route.ptr);
    snprintf(row->method, sizeof row->method, "%.*s", (int)method.len,
             method.ptr);
    return row;
}

static void add_requests(route_row *row, const sample *s)
{
    const muster_text code = label_of(s, "code");
    const uint64_t n = (uint64_t)s->value;
    row->requests += n;
    if (code.len > 0 && code.ptr[0] == '4')
        row->refused += n;
    if (code.len > 0 && code.ptr[0] == '5')
        row->failed += n;
}

static void add_bucket(route_row *row, const sample *s)
{
    const muster_text le = label_of(s, "le");
    if (row->bucket_count == BUCKETS_MAX)
        return;
    char *copy = mem_strndup(le.ptr, le.len);
    row->buckets[row->bucket_count++] =
        (bucket){strtod(copy, NULL), (uint64_t)s->value};
    mem_free(copy);
}

static void add_number(server_numbers *all, const sample *s)
{
    muster_engine_stats *e = &all->engine;
    const struct {
        const char *name;
        uint64_t *to;
    } numbers[] = {
        {"muster_http_connections", &all->connections},
        {"muster_http_requests_active", &all->active},
        {"muster_http_queued_requests", &all->queued},
        {"muster_users", &e->users},
        {"muster_segments", &e->segments},
        {"muster_memory_bytes", &e->memory_bytes},
        {"muster_resident_bytes", &e->resident_bytes},
        {"muster_resident_budget_bytes", &e->resident_budget},
        {"muster_resident_forms", &e->resident_forms},
        {"muster_resident_hits_total", &e->resident_hits},
        {"muster_resident_misses_total", &e->resident_misses},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (text_is(s->name, numbers[i].name))
            *numbers[i].to = (uint64_t)s->value;
}

static void add_sample(server_numbers *all, const sample *s)
{
    static const char timed[] = "muster_http_request_duration_seconds";
    if (text_is(s->name, "muster_http_requests_total")) {
        add_requests(row_of(all, s), s);
    } else if (text_starts_with(s->name, text_of(timed))) {
        route_row *row = row_of(all, s);
        const char *what = s->name.ptr + strlen(timed);
        if (strncmp(what, "_bucket", 7) == 0)
            add_bucket(row, s);
        else if (strncmp(what, "_sum", 4) == 0)
            row->seconds = s->value;
        else if (strncmp(what, "_count", 6) == 0)
            row->timed = (uint64_t)s->value;
    } else {
        add_number(all, s);
    }
}

static int by_requests(const void *a, const void *b)
{
    const route_row *x = a;
    const route_row *y = b;
    if (x->requests != y->requests)
        return x->requests < y->requests ? 1 : -1;
    return strcmp(x->route, y->route);
}

static void read_metrics(server_numbers *all, const char *text)
{
    while (*text != '\0') {
        const size_t n = strcspn(text, "\n");
        sample s;
        if (read_sample(text_make(text, n), &s))
            add_sample(all, &s);
        text += n + (text[n] == '\n');
    }
    if (all->count > 0)
        qsort(all->routes, all->count, sizeof *all->routes, by_requests);
}

/* ---- the answer ---- */

/* Microseconds that a share of the requests did not exceed. */
static double quantile_us(const route_row *row, double share)
{
    const double wanted = share * (double)row->timed;
    double from = 0;
    uint64_t before = 0;
    for (size_t i = 0; i < row->bucket_count; i++) {
        const bucket *b = &row->buckets[i];
        const bool last = i + 1 == row->bucket_count;
        if ((double)b->within >= wanted && b->within > before) {
            const double part =
                (wanted - (double)before) / (double)(b->within - before);
            return US_PER_S * (last ? from : from + part * (b->le - from));
        }
        from = b->le;
        before = b->within;
    }
    return 0;
}

/* To a tenth: the buckets tell no more. */
static double rounded(double us)
{
    return (double)(uint64_t)(us * 10 + 0.5) / 10;
}

static void put_routes(cli *c, const server_numbers *all, size_t shown)
{
    static const column columns[] = {
        {"route", COLUMN_TEXT},     {"method", COLUMN_TEXT},
        {"requests", COLUMN_COUNT}, {"refused", COLUMN_COUNT},
        {"failed", COLUMN_COUNT},   {"mean_us", COLUMN_DOUBLE},
        {"p50_us", COLUMN_DOUBLE},  {"p99_us", COLUMN_DOUBLE}};
    rows *r = rows_open(c, "routes", columns, 8);
    for (size_t i = 0; i < shown; i++) {
        const route_row *row = &all->routes[i];
        const double n = row->timed > 0 ? (double)row->timed : 1;
        rows_str(r, row->route);
        rows_str(r, row->method);
        rows_uint(r, row->requests);
        rows_uint(r, row->refused);
        rows_uint(r, row->failed);
        rows_double(r, rounded(US_PER_S * row->seconds / n));
        rows_double(r, rounded(quantile_us(row, 0.5)));
        rows_double(r, rounded(quantile_us(row, 0.99)));
    }
    rows_close(r);
}

static void put_answer(cli *c, const server_numbers *all, uint64_t limit)
{
    const muster_engine_stats *e = &all->engine;
    const size_t shown =
        limit > 0 && limit < all->count ? (size_t)limit : all->count;
    out_open(c);
    put_routes(c, all, shown);
    out_member_uint(c, "more", all->count - shown);
    out_member_uint(c, "connections", all->connections);
    out_member_uint(c, "active", all->active);
    out_member_uint(c, "queued", all->queued);
    out_member_uint(c, "users", e->users);
    out_member_uint(c, "segments", e->segments);
    out_member_uint(c, "memory_bytes", e->memory_bytes);
    out_member_uint(c, "resident_bytes", e->resident_bytes);
    out_member_uint(c, "resident_budget", e->resident_budget);
    out_member_uint(c, "resident_forms", e->resident_forms);
    out_member_uint(c, "hits", e->resident_hits);
    out_member_uint(c, "misses", e->resident_misses);
    out_close(c);
    out_flush(c);
    if (all->count > shown && format_is_human(c))
        tell(c, "%s more; --limit 0 shows all",
             human_count(all->count - shown).text);
    tell(c, "%s connections, %s requests under way, %s waiting; %s users,"
            " %s segments; resident: %s",
         human_count(all->connections).text, human_count(all->active).text,
         human_count(all->queued).text, human_count(e->users).text,
         human_count(e->segments).text, human_resident(e).text);
}

int top_of_server(cli *c, uint64_t limit)
{
    server_numbers all = {.routes = NULL};
    char *text = NULL;
    muster_error err;
    error_clear(&err);
    const int code = client_open(c, MUSTER_OPEN_READ);
    if (code != 0)
        return code;
    if (remote_metrics(c->remote, &text, &err) < 0)
        return tell_status(c, &err, NULL, 0);
    read_metrics(&all, text);
    put_answer(c, &all, limit);
    mem_free(all.routes);
    mem_free(text);
    return 0;
}
