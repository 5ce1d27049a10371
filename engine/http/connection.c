/*
 * connection.c - one connection: its phases, and QUICK, WORK and STREAM.
 *
 * libmicrohttpd calls connection_access first when the headers of a request
 * are there, then with pieces of its body, then once more when it is whole.
 * The first call only prepares: an answer that is queued there would close the
 * connection behind it, since the body was not read. What is refused there
 * (no such route, no key, ...) is kept, the body read and dropped, unless it
 * is long: then the answer goes out at once and the connection ends with it.
 *
 * For a worker the connection is suspended: its loop goes on with others and
 * touches nothing of it until connection_resume. Then connection_access is
 * called again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/connection.h"

#include "http/metrics.h"
#include "http/msgpack.h"
#include "http/respond.h"
#include "http/server.h"
#include <sys/socket.h>

/* Of a streamed body, handed to a worker at a time: enough that the handing
 * over (some 30 us) does not show. */
#define STREAM_PIECE ((size_t)256 << 10)
#define NEVER UINT64_MAX
/* Counted and logged where nobody was there to be answered, as nginx does. */
#define STATUS_GONE 499
/* A longer body of a QUICK route is handled by a worker: a batch of 130 ids
 * takes some 80 us, and its loop has others to serve. */
#define QUICK_BODY_MAX ((size_t)8 << 10)

static uint64_t ms_after(uint64_t from, uint32_t ms)
{
    return from + ms * NS_PER_MS;
}

static void wait_for(http_connection *c, http_phase phase, uint64_t deadline)
{
    gate_wait(c->server->gate, c->slot, phase, deadline);
}

/* ---- its beginning and end ---- */

static http_connection *connection_new(http_listener *l,
                                       struct MHD_Connection *mhd)
{
    http_connection *c = mem_zalloc(sizeof *c);
    c->server = l->server;
    c->admin = l->admin;
    c->mhd = mhd;
    c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)
                ->connect_fd;
    c->address = gate_address(
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
            ->client_addr);
    c->connected = clock_monotonic_ns();
    c->request.server = l->server;
    c->request.engine = l->server->engine;
    c->request.connection = c;
    c->request.id = c->id;
    arena_init(&c->request.texts);
    answer_init(&c->answer);
    return c;
}

static void connection_free(http_connection *c)
{
    arena_release(&c->request.texts);
    answer_release(&c->answer);
    buffer_release(&c->body);
    buffer_release(&c->plain);
    mem_free(c);
}

void connection_notify(void *closure, struct MHD_Connection *mhd,
                       void **context, enum MHD_ConnectionNotificationCode code)
{
    http_listener *l = closure;
    http_connection *c = *context;
    http_gate *gate = l->server->gate;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        c = connection_new(l, mhd);
        if (gate_attach(gate, c)) {
            *context = c;
            wait_for(c, PHASE_HEADER,
                     ms_after(c->connected, l->server->options.header_ms));
            metrics_add(METRIC_CONNECTIONS, 1);
        } else {
            gate_leave(gate, &c->address);
            connection_free(c);
        }
    } else if (c != NULL) {
        metrics_add(METRIC_CONNECTIONS, -1);
        gate_detach(gate, c);
        connection_free(c);
        *context = NULL;
    }
}

/* ---- streams that end without their connection ---- */

typedef struct orphan {
    http_request request;
    const http_stream *stream;
} orphan;

static void close_orphan(void *payload)
{
    orphan *o = payload;
    http_server *s = o->request.server;
    o->stream->close(&o->request);
    atomic_fetch_sub(&s->streams, 1);
    atomic_fetch_sub(&s->jobs, 1);
    mem_free(o);
}

/* The client went away in the middle: closing may take long, and the event
 * loop must not wait for it. */
static void leave_stream(http_connection *c)
{
    http_server *s = c->server;
    const uint64_t now = clock_monotonic_ns();
    orphan *o = mem_zalloc(sizeof *o);
    o->request = c->request;
    o->request.connection = NULL; /* nor what belongs to it */
    o->request.id = "";
    memset(o->request.args, 0, sizeof o->request.args);
    o->request.body = text_make(NULL, 0);
    arena_init(&o->request.texts);
    o->stream = c->request.route->stream;
    c->stream_open = false;
    atomic_fetch_add(&s->jobs, 1);
    if (workers_reserve(s->streamers, now))
        workers_put(s->streamers, close_orphan, o, now);
    else
        close_orphan(o);
}

void connection_completed(void *closure, struct MHD_Connection *mhd,
                          void **context, enum MHD_RequestTerminationCode code)
{
    http_connection *c = *context;
    (void)closure;
    (void)mhd;
    if (c == NULL)
        return;
    if (c->stream_open)
        leave_stream(c);
    if (c->stage != STAGE_ANSWER && !c->told)
        respond_tell(c, STATUS_GONE);
    wait_for(c, PHASE_IDLE,
             ms_after(c->answered, c->server->options.idle_ms));
    c->stage = STAGE_NONE;
    c->request.caller = NULL;
    if (c->request.texts.total > 0)
        arena_reset(&c->request.texts);
    if (c->body.capacity > ANSWER_BYTES_KEPT)
        buffer_release(&c->body);
    if (c->plain.capacity > 0)
        buffer_release(&c->plain);
    atomic_fetch_sub(&c->server->active, 1);
    metrics_add(METRIC_REQUESTS_ACTIVE, -1);
    (void)code;
    *context = NULL;
}

/* ---- a request's beginning ---- */

static bool refuse_framing(http_connection *c)
{
    const http_headers *h = &c->headers;
    if (h->twice || (h->content_length.ptr != NULL &&
                     h->transfer_encoding.ptr != NULL)) {
        answer_problem(&c->answer, 400, "ambiguous_framing",
                       "a header that must stand once stands twice, or two"
                       " say where the body ends");
    } else if (h->transfer_encoding.ptr != NULL &&
               !text_equal_nocase(h->transfer_encoding,
                                  text_of("chunked"))) {
        answer_problem(&c->answer, 501, "unknown_transfer_encoding",
                       "the only Transfer-Encoding known is chunked");
    } else if (h->count > REQUEST_HEADERS_MAX) {
        answer_problem(&c->answer, 431, "many_headers",
                       "a request has at most %u headers",
                       REQUEST_HEADERS_MAX);
    } else {
        return true;
    }
    c->closes = true;
    return false;
}

static bool find_route(http_connection *c, const char *url, const char *method)
{
    char allow[64];
    http_request *r = &c->request;
    const http_route *route = NULL;
    const int status =
        http_route_find(method, text_of(url), &route, r, allow);
    if (status == 0 && route->admin_only && !c->admin)
        answer_problem(&c->answer, 404, "no_such_route",
                       "nothing is here; it may be on the admin listener");
    else if (status == 404)
        answer_problem(&c->answer, 404, "no_such_route",
                       "nothing is here; see /openapi.json");
    else if (status == 400)
        answer_problem(&c->answer, 400, "bad_path",
                       "the path does not decode: %% is followed by two"
                       " hexadecimal digits, and %%00 is refused");
    if (status == 405) {
        answer_problem(&c->answer, 405, "no_such_method",
                       "this route has other methods");
        answer_header(&c->answer, "Allow", "%s", allow);
    }
    r->route = c->answer.status == 200 ? route : NULL;
    return r->route != NULL;
}

/* Is what was said of the body fine with the route? */
static bool check_length(http_connection *c)
{
    const http_route *route = c->request.route;
    const muster_text text = c->headers.content_length;
    int64_t length = 0;
    if (text.ptr != NULL && (!text_parse_int(text, &length) || length < 0)) {
        answer_problem(&c->answer, 400, "bad_length",
                       "Content-Length is no length");
        c->closes = true;
        return false;
    }
    if (route->way == WAY_STREAM || (uint64_t)length <= route->body_max)
        return true;
    if (route->body_max == 0)
        answer_problem(&c->answer, 413, "long_body", "no body is taken here");
    else
        answer_problem(&c->answer, 413, "long_body",
                       "bodies have at most %zu bytes here", route->body_max);
    return false;
}

static bool check_caller(http_connection *c)
{
    return access_caller(c->server->access, c->request.route,
                         c->headers.authorization, c->began, &c->memo,
                         &c->request.caller, &c->answer);
}

static void begin_request(http_connection *c, const char *url,
                          const char *method)
{
    http_request *r = &c->request;
    c->began = clock_monotonic_ns();
    c->answered = c->began;
    c->deadline = ms_after(c->began, c->server->options.eval_ms);
    c->waited = 0;
    c->bytes_in = 0;
    c->ended = false;
    c->closes = false;
    c->told = false;
    c->head = strcmp(method, "HEAD") == 0;
    buffer_clear(&c->body);
    r->route = NULL;
    r->stream = NULL;
    r->body = text_make(NULL, 0);
    r->wants = MEDIA_JSON;
    r->sends = MEDIA_NONE;
    atomic_store_explicit(&c->gone, false, memory_order_relaxed);
    atomic_fetch_add(&c->server->active, 1);
    metrics_add(METRIC_REQUESTS_ACTIVE, 1);
    request_scan(c);
    if (request_id_is_sane(c->headers.request_id)) {
        memcpy(c->id, c->headers.request_id.ptr, c->headers.request_id.len);
        c->id[c->headers.request_id.len] = '\0';
    } else {
        request_id_make(c->id);
    }
    answer_clear(&c->answer, r);
    c->refused = !(refuse_framing(c) && find_route(c, url, method) &&
                   check_length(c) && check_caller(c) &&
                   request_check_query(c) && request_negotiate(c));
}

static bool has_body(const http_connection *c)
{
    return c->headers.transfer_encoding.ptr != NULL ||
           (c->headers.content_length.ptr != NULL &&
            !text_is(c->headers.content_length, "0"));
}

/* A body that is sent with a refused request: dropped, when it is told to be
 * short. */
static bool drops_body(const http_connection *c)
{
    int64_t length = 0;
    if (c->closes)
        return false;
    return !has_body(c) ||
           (text_parse_int(c->headers.content_length, &length) &&
            length <= (int64_t)REQUEST_DROPPED_MAX);
}

/* ---- workers ---- */

static void wait_for_stream(http_connection *c)
{
    const uint64_t earned =
        c->bytes_in / SLOWEST_BYTES_PER_SECOND * 1000 * NS_PER_MS;
    wait_for(c, PHASE_BODY,
             ms_after(c->began, c->server->options.body_ms) + earned +
                 c->waited);
}

/* Suspends the connection and hands it over; false: refused (503). */
static bool hand_over(http_connection *c, workers *w, void (*run)(void *))
{
    http_server *s = c->server;
    const uint64_t now = clock_monotonic_ns();
    atomic_fetch_add(&s->jobs, 1);
    if (atomic_load(&s->stopping) || !workers_reserve(w, now)) {
        atomic_fetch_sub(&s->jobs, 1);
        answer_problem(&c->answer, 503, "overloaded",
                       "more requests wait than can be served soon");
        answer_header(&c->answer, "Retry-After", "%d", ANSWER_RETRY_SECONDS);
        return false;
    }
    metrics_add(METRIC_QUEUED, 1);
    wait_for(c, PHASE_WORK, NEVER);
    c->suspended = now;
    MHD_suspend_connection(c->mhd);
    workers_put(w, run, c, now);
    return true;
}

/* Back to the event loop, from a worker, which must not touch it any more. */
static void hand_back(http_connection *c)
{
    http_server *s = c->server;
    MHD_resume_connection(c->mhd);
    atomic_fetch_sub(&s->jobs, 1);
}

static void run_handler(http_connection *c)
{
    http_request *r = &c->request;
    if (r->route->way != WAY_QUICK || r->route->method != HTTP_GET)
        muster_audit_as(r->caller != NULL ? r->caller->key : NULL);
    r->route->handle(r, &c->answer);
    respond_finish(c);
}

static void run_work(void *payload)
{
    http_connection *c = payload;
    metrics_add(METRIC_QUEUED, -1);
    if (request_is_over(c)) {
        answer_problem(&c->answer, 503, "late",
                       "the request waited longer than it may take");
        answer_header(&c->answer, "Retry-After", "%d", ANSWER_RETRY_SECONDS);
        respond_finish(c);
    } else {
        run_handler(c);
    }
    c->stage = STAGE_ANSWER;
    hand_back(c);
}

/* One step of a streamed body: open, or the next piece, and the end. */
static void run_stream(void *payload)
{
    http_connection *c = payload;
    http_request *r = &c->request;
    http_answer *a = &c->answer;
    const http_stream *stream = r->route->stream;
    bool more = true;
    metrics_add(METRIC_QUEUED, -1);
    muster_audit_as(r->caller != NULL ? r->caller->key : NULL);
    if (!c->stream_open) {
        c->stream_open = true;
        more = stream->open(r, a);
    } else {
        more = access_holds(c->server->access, r->route, r->caller, a);
        if (more && c->body.len > 0)
            more = stream->push(r, c->body.data, c->body.len, a);
        if (more && c->ended)
            stream->end(r, a);
    }
    buffer_clear(&c->body);
    if (!more || c->ended) {
        stream->close(r);
        c->stream_open = false;
        atomic_fetch_sub(&c->server->streams, 1);
        respond_finish(c);
        c->stage = STAGE_ANSWER;
    }
    c->waited += clock_monotonic_ns() - c->suspended;
    wait_for_stream(c);
    hand_back(c);
}

/* ---- a request's way ---- */

static mhd_result respond_refused(http_connection *c)
{
    respond_finish(c);
    return respond_send(c);
}

/* Bytes of the body that are still to come; SIZE_MAX: nobody knows. */
static uint64_t bytes_left(const http_connection *c)
{
    int64_t length = 0;
    if (!text_parse_int(c->headers.content_length, &length) ||
        (uint64_t)length < c->bytes_in)
        return SIZE_MAX;
    return (uint64_t)length - c->bytes_in;
}

/* Refused in the middle of its body, where libmicrohttpd takes no answer. When
 * little is left, that is read first. Else the answer is sent past it, and
 * what still comes is dropped for a while, so that the client can take the
 * answer before the connection ends. (Through TLS nothing can be sent past it:
 * such a client only gets its answer if the body ends in time.) */
static mhd_result refuse_midway(http_connection *c)
{
    c->stage = STAGE_DROP;
    if (bytes_left(c) <= REQUEST_DROPPED_MAX) {
        respond_finish(c);
        return MHD_YES;
    }
    c->closes = true;
    respond_finish(c);
    if (c->server->tls_cert == NULL) {
        buffer out;
        buffer_init(&out, ANSWER_BYTES_MAX);
        respond_format(&c->answer, c->id, &out);
        send(c->fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        shutdown(c->fd, SHUT_WR);
        buffer_release(&out);
        c->told = true;
        c->answered = clock_monotonic_ns();
        respond_tell(c, c->answer.status);
    }
    wait_for(c, PHASE_BODY,
             ms_after(clock_monotonic_ns(), REQUEST_LINGER_MS));
    return MHD_YES;
}

static mhd_result drop(http_connection *c, size_t *len)
{
    c->bytes_in += *len;
    if (*len == 0)
        return c->told ? MHD_NO : respond_send(c);
    *len = 0;
    return MHD_YES;
}

static mhd_result start_stream(http_connection *c)
{
    http_server *s = c->server;
    /* who has not shown a key yet may hold half of the places */
    const unsigned most = c->request.caller->may != 0
                              ? s->options.streams
                              : (s->options.streams + 1) / 2;
    c->stage = STAGE_STREAM;
    c->opening = true;
    c->deadline = NEVER;
    if (atomic_fetch_add(&s->streams, 1) < most &&
        hand_over(c, s->streamers, run_stream))
        return MHD_YES;
    atomic_fetch_sub(&s->streams, 1);
    if (c->answer.status == 200) {
        answer_problem(&c->answer, 503, "many_streams",
                       "as many bodies are read as can be at a time");
        answer_header(&c->answer, "Retry-After", "%d", ANSWER_RETRY_SECONDS);
    }
    return respond_refused(c);
}

/* The first call. */
static mhd_result start(http_connection *c, const char *url,
                        const char *method)
{
    begin_request(c, url, method);
    c->stage = STAGE_BODY;
    if (c->refused && !drops_body(c))
        return respond_refused(c);
    if (!c->refused && c->request.route->way == WAY_STREAM)
        return start_stream(c);
    if (has_body(c)) {
        wait_for(c, PHASE_BODY,
                 ms_after(c->began, c->server->options.body_ms));
        if (!c->refused && c->body.max != c->request.route->body_max) {
            buffer_release(&c->body);
            buffer_init(&c->body, c->request.route->body_max);
        }
    }
    return MHD_YES;
}

static mhd_result collect(http_connection *c, const char *bytes, size_t *len)
{
    c->bytes_in += *len;
    if (!c->refused)
        buffer_put(&c->body, bytes, *len);
    *len = 0;
    if (c->refused || buffer_ok(&c->body))
        return MHD_YES;
    answer_problem(&c->answer, 413, "long_body",
                   "bodies have at most %zu bytes here",
                   c->request.route->body_max);
    c->refused = true;
    return refuse_midway(c);
}

static bool decode_body(http_connection *c)
{
    const muster_text encoding = c->headers.content_encoding;
    http_request *r = &c->request;
    const buffer *whole = &c->body;
    if (c->body.len > 0 && encoding.ptr != NULL &&
        !text_equal_nocase(encoding, text_of("identity"))) {
        if (!media_decode(encoding, &c->body, r->route->body_max, &c->plain,
                          &c->answer))
            return false;
        whole = &c->plain;
    }
    r->body = text_make((const char *)whole->data, whole->len);
    return true;
}

static bool is_quick(const http_request *r)
{
    if (r->body.len > QUICK_BODY_MAX)
        return false;
    return r->route->way == WAY_QUICK ||
           (r->route->way == WAY_INDEXED &&
            muster_audience_is_indexed(r->engine));
}

static mhd_result handle(http_connection *c)
{
    if (c->refused || !decode_body(c))
        return respond_refused(c);
    if (is_quick(&c->request)) {
        run_handler(c);
        return respond_send(c);
    }
    return hand_over(c, c->server->workers, run_work) ? MHD_YES
                                                      : respond_refused(c);
}

/* Adds to the piece; true: it is full, and something is left. A piece that is
 * full to the last byte that came is not handed over yet: of a body in chunks
 * libmicrohttpd gives the next one at once when all of this one was taken,
 * although the connection sleeps. */
static bool fill_piece(http_connection *c, const char *bytes, size_t *len)
{
    if (c->body.max != STREAM_PIECE) {
        buffer_release(&c->body);
        buffer_init(&c->body, STREAM_PIECE);
    }
    const size_t room = STREAM_PIECE - c->body.len;
    const size_t taken = *len < room ? *len : room;
    buffer_put(&c->body, bytes, taken);
    c->bytes_in += taken;
    *len -= taken;
    return *len > 0;
}

static mhd_result stream(http_connection *c, const char *bytes, size_t *len)
{
    if (c->opening) { /* the first call once more, now that it is open */
        c->opening = false;
        return MHD_YES;
    }
    c->ended = *len == 0;
    if (!c->ended && !fill_piece(c, bytes, len)) {
        wait_for_stream(c);
        return MHD_YES;
    }
    if (hand_over(c, c->server->streamers, run_stream))
        return MHD_YES;
    return c->ended ? respond_refused(c) : refuse_midway(c);
}

/* The answer is there; perhaps in the middle of a streamed body. */
static mhd_result answer(http_connection *c, const size_t *len)
{
    return *len > 0 ? refuse_midway(c) : respond_send(c);
}

/* An event loop goes before what computes, so that lookups need not wait until
 * a thread of an ingest has ended its turn. */
static void be_prompt(void)
{
    static _Thread_local bool is_prompt;
    if (!is_prompt)
        thread_be_prompt();
    is_prompt = true;
}

mhd_result connection_access(void *closure, struct MHD_Connection *mhd,
                             const char *url, const char *method,
                             const char *version, const char *upload,
                             size_t *upload_size, void **context)
{
    http_connection *c = *context;
    (void)closure;
    (void)version;
    if (c == NULL) {
        be_prompt();
        c = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
                ->socket_context;
        *context = c;
        return c != NULL ? start(c, url, method) : MHD_NO;
    }
    switch (c->stage) {
    case STAGE_STREAM:
        return stream(c, upload, upload_size);
    case STAGE_ANSWER:
        return answer(c, upload_size);
    case STAGE_DROP:
        return drop(c, upload_size);
    default:
        return *upload_size > 0 ? collect(c, upload, upload_size) : handle(c);
    }
}
