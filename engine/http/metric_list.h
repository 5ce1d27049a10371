/*
 * metric_list.h - what a server counts by single numbers, one row each.
 *
 *   COUNTER(enum, name, labels, help)  only grows
 *   GAUGE(enum, name, labels, help)    goes up and down
 *
 * Rows of one name stand together; the help is taken from the first. To add a
 * number: a row here, and metrics_add where it happens. Numbers by route and
 * by time are in metrics.c, what the engine knows of itself in on_ops.c.
 *
 * No label ever names an id, a segment or a key.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define HTTP_METRIC_LIST(COUNTER, GAUGE)                                      \
    COUNTER(LOOKUP_HIT, "muster_lookup_ids_total", "result=\"hit\"",          \
            "Ids looked up: known, unknown, or refused.")                     \
    COUNTER(LOOKUP_MISS, "muster_lookup_ids_total", "result=\"miss\"", "")    \
    COUNTER(LOOKUP_REFUSED, "muster_lookup_ids_total", "result=\"refused\"",  \
            "")                                                               \
    GAUGE(REQUESTS_ACTIVE, "muster_http_requests_active", "",                 \
          "Requests begun and not answered.")                                 \
    GAUGE(CONNECTIONS, "muster_http_connections", "",                         \
          "Open connections of clients.")                                     \
    COUNTER(CONNECTIONS_REFUSED, "muster_http_connections_refused_total", "", \
            "Connections closed at once: over a limit.")                      \
    COUNTER(CONNECTIONS_LATE, "muster_http_connections_late_total", "",       \
            "Connections closed for missing a deadline.")                     \
    GAUGE(QUEUED, "muster_http_queued_requests", "",                          \
          "Requests that wait for a worker.")                                 \
    GAUGE(INGEST_STREAMS, "muster_ingest_streams", "",                        \
          "Long bodies of ingest that are being read.")                       \
    COUNTER(BYTES_IN, "muster_http_received_bytes_total", "",                 \
            "Bytes of bodies of requests.")                                   \
    COUNTER(BYTES_OUT, "muster_http_sent_bytes_total", "",                    \
            "Bytes of bodies of answers.")                                    \
    COUNTER(LOG_DROPPED, "muster_log_lines_dropped_total", "",                \
            "Lines of the log that found no room on their way out.")
