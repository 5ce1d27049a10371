/*
 * metrics.c - counting what a server does, and telling it in the text format
 * of Prometheus, version 0.0.4.
 *
 * A stripe is one full set of numbers. A thread takes the next stripe when it
 * first counts and keeps it for itself, so that counting is a load and a store
 * without a locked instruction; the last stripe is shared by all threads that
 * come when the others are gone, and added to atomically. A stripe whose
 * thread ended keeps its numbers. A number orders nothing, so all is relaxed.
 *
 * Stripes are static and mostly never touched: a page of a route that nobody
 * asks for is never there.
 *
 * A histogram keeps each bucket's own count; the text format wants those of
 * all smaller ones with it, so reading adds up, and the count of all is the
 * last of these sums: the three never contradict each other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "http/routes.h"

/* More than a server has threads, but for very large machines. */
#define STRIPES 64u
#define SECOND_NS UINT64_C(1000000000)

/* ---- what there is ---- */

#define COUNT_ROUTE(...) +1
enum { ROUTES = 0 HTTP_ROUTES(COUNT_ROUTE) };

/* Upper bounds in nanoseconds; requests are told from 50 us on. */
static const uint64_t bounds_ns[] = {
    1000,       2500,       5000,       10000,      25000,
    50000,      100000,     250000,     500000,     1000000,
    2500000,    5000000,    10000000,   25000000,   50000000,
    100000000,  250000000,  500000000,  1000000000, 2500000000,
    5000000000, 10000000000};
#define BOUNDS (sizeof bounds_ns / sizeof *bounds_ns)
#define REQUEST_BOUND_FIRST 5 /* 50 us */

typedef struct histogram {
    uint64_t buckets[BOUNDS + 1]; /* the last: above all bounds */
    uint64_t sum_ns;
} histogram;

/* Statuses that are told as they are; others by their class. */
static const uint16_t statuses[] = {
    200, 201, 202, 204, 206, 207, 304, 400, 401, 403, 404, 405, 406, 408,
    409, 411, 412, 413, 414, 415, 417, 422, 426, 428, 429, 431, 499, 500,
    501, 503, 505, 507};
#define STATUSES (sizeof statuses / sizeof *statuses)
#define CLASSES 6 /* "0xx" .. "5xx": what is none of them */

typedef struct route_numbers {
    uint64_t by_status[STATUSES + CLASSES];
    histogram duration;
    uint64_t accepted;
    uint64_t rejected;
} route_numbers;

typedef struct stripe {
    _Alignas(64) uint64_t single[METRIC_COUNT];
    histogram eval;
    route_numbers routes[ROUTES + 1]; /* the last: no route */
} stripe;

static stripe stripes[STRIPES];

/* ---- counting ---- */

static uint32_t taken; /* stripes, the shared one once or more often */
static _Thread_local stripe *mine;

static stripe *my_stripe(void)
{
    if (mine == NULL) {
        const uint32_t n = __atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);
        mine = &stripes[n < STRIPES ? n : STRIPES - 1];
    }
    return mine;
}

static void add(uint64_t *to, uint64_t n)
{
    if (mine == &stripes[STRIPES - 1])
        __atomic_fetch_add(to, n, __ATOMIC_RELAXED);
    else
        __atomic_store_n(to, __atomic_load_n(to, __ATOMIC_RELAXED) + n,
                         __ATOMIC_RELAXED);
}

static void observe(histogram *h, size_t first, uint64_t ns)
{
    size_t i = first;
    while (i < BOUNDS && ns > bounds_ns[i])
        i++;
    add(&h->buckets[i], 1);
    add(&h->sum_ns, ns);
}

static size_t status_slot(int status)
{
    for (size_t i = 0; i < STATUSES; i++)
        if (statuses[i] == status)
            return i;
    const int class = status / 100;
    return STATUSES + (size_t)(class > 0 && class < CLASSES ? class : 0);
}

static size_t route_slot(const http_route *route)
{
    if (route == NULL)
        return ROUTES;
    const size_t at = (size_t)(route - http_routes);
    ASSERT(at < ROUTES);
    return at;
}

void metrics_request(const http_route *route, int status, uint64_t ns)
{
    route_numbers *r = &my_stripe()->routes[route_slot(route)];
    add(&r->by_status[status_slot(status)], 1);
    observe(&r->duration, REQUEST_BOUND_FIRST, ns);
}

void metrics_eval(uint64_t ns)
{
    observe(&my_stripe()->eval, 0, ns);
}

void metrics_ingest(const http_route *route, uint64_t accepted,
                    uint64_t rejected)
{
    route_numbers *r = &my_stripe()->routes[route_slot(route)];
    add(&r->accepted, accepted);
    add(&r->rejected, rejected);
}

void metrics_add(http_metric which, int64_t n)
{
    ASSERT((unsigned)which < METRIC_COUNT);
    add(&my_stripe()->single[which], (uint64_t)n);
}

/* ---- reading ---- */

/* The sum over the stripes of the number that stands `offset` bytes into each.
 * Gauges that a thread raised and another lowered come out right, as unsigned
 * sums wrap. */
static uint64_t total(size_t offset)
{
    const uint32_t begun = __atomic_load_n(&taken, __ATOMIC_RELAXED);
    uint64_t sum = 0;
    for (size_t i = 0; i < STRIPES && i < begun; i++) {
        const uint64_t *at =
            (const uint64_t *)((const char *)&stripes[i] + offset);
        sum += __atomic_load_n(at, __ATOMIC_RELAXED);
    }
    return sum;
}

static size_t offset_of(const void *in_first_stripe)
{
    return (size_t)((const char *)in_first_stripe - (const char *)stripes);
}

int64_t metrics_get(http_metric which)
{
    ASSERT((unsigned)which < METRIC_COUNT);
    return (int64_t)total(offset_of(&stripes[0].single[which]));
}

/* ---- the text format ---- */

void metrics_put_head(buffer *b, const char *name, const char *type,
                      const char *help)
{
    buffer_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_name(buffer *b, const char *name, const char *labels)
{
    buffer_put_str(b, name);
    if (*labels != '\0')
        buffer_printf(b, "{%s}", labels);
    buffer_put_u8(b, ' ');
}

void metrics_put_uint(buffer *b, const char *name, const char *labels,
                      uint64_t v)
{
    put_name(b, name, labels);
    buffer_printf(b, "%" PRIu64 "\n", v);
}

void metrics_put_double(buffer *b, const char *name, const char *labels,
                        double v)
{
    put_name(b, name, labels);
    buffer_printf(b, "%.17g\n", v);
}

/* Nanoseconds as seconds, exactly. */
static void put_seconds(buffer *b, uint64_t ns)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%" PRIu64 ".%09" PRIu64,
                       ns / SECOND_NS, ns % SECOND_NS);
    while (len > 0 && text[len - 1] == '0')
        len--;
    if (len > 0 && text[len - 1] == '.')
        len--;
    buffer_put(b, text, (size_t)len);
}

static void put_bucket(buffer *b, const char *name, const char *labels,
                       const uint64_t *bound, uint64_t count)
{
    buffer_printf(b, "%s_bucket{%s%sle=\"", name, labels,
                  *labels != '\0' ? "," : "");
    if (bound != NULL)
        put_seconds(b, *bound);
    else
        buffer_put_str(b, "+Inf");
    buffer_printf(b, "\"} %" PRIu64 "\n", count);
}

/* `h` stands in the first stripe; false when nothing was observed. */
static bool put_histogram(buffer *b, const char *name, const char *labels,
                          const histogram *h, size_t first)
{
    uint64_t counts[BOUNDS + 1];
    uint64_t count = 0;
    for (size_t i = first; i <= BOUNDS; i++) {
        count += total(offset_of(&h->buckets[i]));
        counts[i] = count;
    }
    if (count == 0 && *labels != '\0')
        return false;
    for (size_t i = first; i <= BOUNDS; i++)
        put_bucket(b, name, labels, i < BOUNDS ? &bounds_ns[i] : NULL,
                   counts[i]);
    buffer_printf(b, "%s_sum", name);
    if (*labels != '\0')
        buffer_printf(b, "{%s}", labels);
    buffer_put_u8(b, ' ');
    put_seconds(b, total(offset_of(&h->sum_ns)));
    buffer_printf(b, "\n%s_count", name);
    if (*labels != '\0')
        buffer_printf(b, "{%s}", labels);
    buffer_printf(b, " %" PRIu64 "\n", count);
    return true;
}

/* route="lookup_get",method="GET" of a row, or of none. */
static const char *route_labels(buffer *b, const http_route *route)
{
    buffer_clear(b);
    if (route == NULL)
        buffer_put_str(b, "route=\"none\",method=\"none\"");
    else
        buffer_printf(b, "route=\"%s\",method=\"%s\"", route->name,
                      http_method_name(route->method));
    return buffer_cstr(b);
}

/* Rows of the table, then the one for no route. */
static bool next_route(size_t *slot, const http_route **route)
{
    if (*slot == ROUTES)
        return false;
    const size_t next = *slot == SIZE_MAX ? 0 : *slot + 1;
    *slot = http_routes[next].name != NULL ? next : ROUTES;
    *route = http_routes[next].name != NULL ? &http_routes[next] : NULL;
    return true;
}

#define LABELS_MAX 512 /* names of routes are ours, and short */

static void put_statuses(buffer *b, const char *labels, size_t slot)
{
    const route_numbers *r = &stripes[0].routes[slot];
    for (size_t i = 0; i < STATUSES + CLASSES; i++) {
        const uint64_t n = total(offset_of(&r->by_status[i]));
        if (n == 0)
            continue;
        buffer_printf(b, "muster_http_requests_total{%s,code=\"", labels);
        if (i < STATUSES)
            buffer_printf(b, "%u", (unsigned)statuses[i]);
        else
            buffer_printf(b, "%uxx", (unsigned)(i - STATUSES));
        buffer_printf(b, "\"} %" PRIu64 "\n", n);
    }
}

static void put_requests(buffer *b)
{
    buffer labels;
    const http_route *route;
    buffer_init(&labels, LABELS_MAX);
    metrics_put_head(b, "muster_http_requests_total", "counter",
                     "Requests answered, by route, method and status.");
    for (size_t slot = SIZE_MAX; next_route(&slot, &route);)
        put_statuses(b, route_labels(&labels, route), slot);
    metrics_put_head(b, "muster_http_request_duration_seconds", "histogram",
                     "From the first byte read to the answer handed over.");
    for (size_t slot = SIZE_MAX; next_route(&slot, &route);)
        put_histogram(b, "muster_http_request_duration_seconds",
                      route_labels(&labels, route),
                      &stripes[0].routes[slot].duration, REQUEST_BOUND_FIRST);
    buffer_release(&labels);
}

static void put_ingest(buffer *b)
{
    metrics_put_head(b, "muster_ingest_records_total", "counter",
                     "Records of bodies, by route and outcome.");
    for (size_t i = 0; http_routes[i].name != NULL; i++) {
        const route_numbers *r = &stripes[0].routes[i];
        if ((http_routes[i].may & MAY_INGEST) == 0)
            continue;
        buffer_printf(b,
                      "muster_ingest_records_total{source=\"%s\","
                      "outcome=\"accepted\"} %" PRIu64 "\n"
                      "muster_ingest_records_total{source=\"%s\","
                      "outcome=\"rejected\"} %" PRIu64 "\n",
                      http_routes[i].name, total(offset_of(&r->accepted)),
                      http_routes[i].name, total(offset_of(&r->rejected)));
    }
}

typedef struct single {
    const char *name, *type, *labels, *help;
} single;

static void put_singles(buffer *b)
{
#define SINGLE_COUNTER(n, name, labels, help) {name, "counter", labels, help},
#define SINGLE_GAUGE(n, name, labels, help) {name, "gauge", labels, help},
    static const single singles[] = {
        HTTP_METRIC_LIST(SINGLE_COUNTER, SINGLE_GAUGE)};
#undef SINGLE_COUNTER
#undef SINGLE_GAUGE
    const char *above = "";
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const single *s = &singles[i];
        if (strcmp(s->name, above) != 0)
            metrics_put_head(b, s->name, s->type, s->help);
        above = s->name;
        put_name(b, s->name, s->labels);
        buffer_printf(b, "%" PRId64 "\n", metrics_get((http_metric)i));
    }
}

void metrics_put_counted(buffer *b)
{
    put_requests(b);
    metrics_put_head(b, "muster_eval_duration_seconds", "histogram",
                     "The engine's own time of a request.");
    put_histogram(b, "muster_eval_duration_seconds", "",
                  &stripes[0].eval, 0);
    put_ingest(b);
    put_singles(b);
}
