/*
 * metrics.h - counters and histograms of the process; private to engine/http.
 *
 *   metrics_request   every request, by CORE, when its answer is made
 *   metrics_eval      what the engine took of it (http_answer.eval_ns)
 *   metrics_ingest    records of a body, by outcome
 *   metrics_add       the single numbers of metric_list.h
 *
 * They belong to the process, as Prometheus sees it: two servers in one
 * process count together. Nothing to open or close.
 *
 * Cost: a load and a store for each number, into memory that no other thread
 * writes to: about 2 ns a number, 25 ns a request. Reading adds up what threads
 * counted; numbers read while others count are each right, though not of one
 * moment.
 *
 * Threads: any. No call allocates, locks or fails.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_METRICS_H
#define HTTP_METRICS_H

#include "http/metric_list.h"
#include "http/parts.h"

#define METRIC_ENUM(name, text, labels, help) METRIC_##name,
typedef enum http_metric {
    HTTP_METRIC_LIST(METRIC_ENUM, METRIC_ENUM) METRIC_COUNT
} http_metric;
#undef METRIC_ENUM

/* One answered request: of a route, or NULL where none was found (404, 405, a
 * request that could not be read). `ns`: from the first byte read to the
 * answer handed over. */
void metrics_request(const http_route *route, int status, uint64_t ns);
/* One evaluation of the engine: a count, a lookup, a compilation. */
void metrics_eval(uint64_t ns);
/* Records of an ingest route's bodies: source="<name of the route>". */
void metrics_ingest(const http_route *route, uint64_t accepted,
                    uint64_t rejected);
/* A single number; gauges take negative ones too. */
void metrics_add(http_metric which, int64_t n);
/* The sum of the stripes; for tests and for /readyz?verbose. */
int64_t metrics_get(http_metric which);

/* ---- the text format 0.0.4 ---- */

/* The two lines above a metric: # HELP and # TYPE. `type`: "counter", "gauge",
 * "histogram". */
void metrics_put_head(buffer *b, const char *name, const char *type,
                      const char *help);
/* One sample; `labels` as `a="x",b="y"` or "". */
void metrics_put_uint(buffer *b, const char *name, const char *labels,
                      uint64_t v);
void metrics_put_double(buffer *b, const char *name, const char *labels,
                        double v);
/* All that is counted here. */
void metrics_put_counted(buffer *b);
/* process_*: processor time, memory, file descriptors, start. */
void metrics_put_process(buffer *b);

#endif
