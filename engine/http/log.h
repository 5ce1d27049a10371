/*
 * log.h - one line a request, and a line for what else happens to a server;
 * private to engine/http.
 *
 * A line names the request's id, the name of its route, status, microseconds
 * and the id of the key that asked: never a path, a query, an argument or
 * anything of a body, in which a user's id could stand.
 *
 * logfmt   time=2026-11-22T09:20:12.123Z level=info msg=request id=01J..
 *          route=lookup method=GET status=200 us=85 key=k7 in=0 out=61
 * json     the same names as one object a line; status, us, in and out are
 *          numbers
 *
 * Requests with a status from 500 on are errors, from 400 on warnings, others
 * info.
 *
 * Threads: any may log. A line goes into a bounded ring without a lock (about
 * 60 ns) and is written by a thread of the log's own. A line that finds the
 * ring full is dropped and counted (muster_log_lines_dropped_total), and when
 * there is room again a line tells how many were: no request waits for its
 * log.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_LOG_H
#define HTTP_LOG_H

#include "http/parts.h"

typedef enum http_log_format { HTTP_LOG_LOGFMT, HTTP_LOG_JSON } http_log_format;
typedef enum http_log_level {
    HTTP_LOG_DEBUG,
    HTTP_LOG_INFO,
    HTTP_LOG_WARN,
    HTTP_LOG_ERROR,
    HTTP_LOG_OFF /* no line has it */
} http_log_level;

typedef struct http_log http_log;

/* Writes to `fd`, which stays the caller's, lines of `level` and above.
 * Starts a thread unless the level is HTTP_LOG_OFF. */
http_log *http_log_open(int fd, http_log_format format, http_log_level level);
/* Everything logged before is written, then the thread ends; a reader that does
 * not read is waited for a second. NULL is fine. No other thread may log any
 * more. */
void http_log_close(http_log *log);

/* "debug", "info", "warn", "error", "off"; "logfmt", "json". */
bool http_log_parse_level(const char *text, http_log_level *out);
bool http_log_parse_format(const char *text, http_log_format *out);

/* Texts are copied, and cut where they are too long (LOG_ID_MAX). */
#define LOG_ID_MAX 128 /* ids of requests that clients send are that long */
#define LOG_KEY_MAX 40
typedef struct log_request_line {
    const char *id;          /* X-Request-Id */
    const http_route *route; /* NULL: none was found */
    const char *key;         /* http_caller.key; NULL or "": none */
    int status;
    uint64_t ns;
    uint64_t bytes_in;  /* of the body as sent */
    uint64_t bytes_out; /* of the body */
} log_request_line;
/* `log` may be NULL: then nothing happens. */
void http_log_request(http_log *log, const log_request_line *line);
/* What else is worth a line: "msg" is `what`, a word or two of ours; `detail`
 * (printf form, cut at LOG_DETAIL_MAX bytes) is left out when "". Never any
 * text of a client in it. */
#define LOG_DETAIL_MAX 192
void http_log_event(http_log *log, http_log_level level, const char *what,
               const char *detail, ...) __attribute__((format(printf, 4, 5)));

#endif
