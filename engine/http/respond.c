/*
 * respond.c - an answer on its way to the client.
 *
 * The body is not copied: libmicrohttpd sends it from the connection's own
 * buffer, which stays until the request is completed.
 *
 * Every answer has X-Request-Id and Server-Timing; what libmicrohttpd refuses
 * by itself, since it is no HTTP, and its answers to that have not.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/respond.h"

#include "http/metrics.h"
#include "http/msgpack.h"
#include "http/server.h"

/* "eval;dur=0.021, total;dur=0.4": two numbers of 20 digits. */
#define TIMING_MAX 80

void respond_finish(http_connection *c)
{
    http_answer *a = &c->answer;
    answer_close(a);
    if (a->media != MEDIA_JSON || c->request.wants != MEDIA_MSGPACK)
        return;
    buffer packed;
    buffer_init(&packed, ANSWER_BYTES_MAX);
    if (packed_of_json(text_make((const char *)a->body.data, a->body.len),
                        &packed)) {
        buffer_release(&a->body);
        a->body = packed;
        a->media = MEDIA_MSGPACK;
    } else {
        buffer_release(&packed); /* then JSON it is */
    }
}

/* ---- headers ---- */

/* "name;dur=12.345", milliseconds. */
static size_t put_duration(char *out, const char *name, uint64_t ns)
{
    const uint64_t us = ns / 1000;
    size_t len = strlen(name);
    memcpy(out, name, len);
    len += text_format_uint(out + len, us / 1000);
    out[len++] = '.';
    out[len++] = (char)('0' + us / 100 % 10);
    out[len++] = (char)('0' + us / 10 % 10);
    out[len++] = (char)('0' + us % 10);
    return len;
}

static void format_timing(char out[TIMING_MAX], uint64_t eval_ns,
                          uint64_t total_ns)
{
    size_t len = 0;
    if (eval_ns > 0) {
        len = put_duration(out, "eval;dur=", eval_ns);
        out[len++] = ',';
        out[len++] = ' ';
    }
    len += put_duration(out + len, "total;dur=", total_ns);
    out[len] = '\0';
}

/* The headers that a handler set: name NUL value NUL ... */
static void each_header(const http_answer *a,
                        void (*each)(void *payload, const char *name,
                                     const char *value),
                        void *payload)
{
    const char *at = (const char *)a->headers.data;
    const char *end = at + a->headers.len;
    while (at < end) {
        const char *value = at + strlen(at) + 1;
        each(payload, at, value);
        at = value + strlen(value) + 1;
    }
}

static void add_header(void *payload, const char *name, const char *value)
{
    MHD_add_response_header(payload, name, value);
}

static void add_headers(http_connection *c, struct MHD_Response *response)
{
    const http_answer *a = &c->answer;
    char timing[TIMING_MAX];
    format_timing(timing, a->eval_ns, c->answered - c->began);
    if (a->media != MEDIA_NONE)
        add_header(response, "Content-Type", media_name(a->media));
    add_header(response, "X-Request-Id", c->id);
    add_header(response, "Server-Timing", timing);
    each_header(a, add_header, response);
    if (c->closes || atomic_load_explicit(&c->server->draining,
                                          memory_order_relaxed))
        add_header(response, "Connection", "close");
}

static void put_header(void *payload, const char *name, const char *value)
{
    buffer_printf(payload, "%s: %s\r\n", name, value);
}

void respond_format(const http_answer *a, const char *id, buffer *out)
{
    buffer_printf(out, "HTTP/1.1 %d %s\r\n", a->status,
                  answer_reason(a->status));
    put_header(out, "Content-Type", media_name(a->media));
    put_header(out, "X-Request-Id", id);
    each_header(a, put_header, out);
    buffer_printf(out, "Connection: close\r\nContent-Length: %zu\r\n\r\n",
                  a->body.len);
    buffer_put(out, a->body.data, a->body.len);
}

/* ---- telling ---- */

void respond_tell(http_connection *c, int status)
{
    const http_request *r = &c->request;
    const uint64_t ns = c->answered - c->began;
    const size_t sent =
        status != c->answer.status || c->head ? 0 : c->answer.body.len;
    metrics_request(r->route, status, ns);
    if (c->answer.eval_ns > 0)
        metrics_eval(c->answer.eval_ns);
    metrics_add(METRIC_BYTES_IN, (int64_t)c->bytes_in);
    metrics_add(METRIC_BYTES_OUT, (int64_t)sent);
    if (c->server->log == NULL)
        return;
    const log_request_line line = {
        .id = c->id,
        .route = r->route,
        .key = r->caller != NULL ? r->caller->key : NULL,
        .status = status,
        .ns = ns,
        .bytes_in = c->bytes_in,
        .bytes_out = sent,
    };
    http_log_request(c->server->log, &line);
}

mhd_result respond_send(http_connection *c)
{
    http_answer *a = &c->answer;
    const uint64_t earned =
        a->body.len / SLOWEST_BYTES_PER_SECOND * 1000 * NS_PER_MS;
    c->answered = clock_monotonic_ns();
    c->stage = STAGE_ANSWER;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        a->body.len, a->body.len > 0 ? (void *)a->body.data : (void *)"",
        MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return MHD_NO;
    add_headers(c, response);
    respond_tell(c, a->status);
    gate_wait(c->server->gate, c->slot, PHASE_ANSWER,
              c->answered + c->server->options.answer_ms * NS_PER_MS +
                  earned);
    const mhd_result queued =
        MHD_queue_response(c->mhd, (unsigned)a->status, response);
    MHD_destroy_response(response);
    return queued;
}
