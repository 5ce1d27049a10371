/*
 * server.c - a server's life: start, drain, stop.
 *
 * Start makes everything in the order of what needs what, and binds before it
 * starts a thread, so that an address that is taken leaves nothing behind.
 * The end goes the other way round:
 *
 *   drain  1. /readyz answers 503, every answer closes its connection, idle
 *             connections close
 *          2. once no request is under way, or after drain_ms: no more
 *             connections are accepted
 *   stop   3. workers finish what they have and get nothing more
 *          4. the event loops end, and with them all connections
 *          5. workers, streamers and the reaper end
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <muster/server.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "http/connection.h"
#include "http/enrich.h"
#include "http/server.h"

/* A chain of certificates, PEM. */
#define PEM_BYTES_MAX ((size_t)1 << 20)
/* Memory of a connection in libmicrohttpd: request line and headers, and the
 * piece of a body that is read at a time. Twice what nginx takes for headers;
 * it bounds what 10,000 clients who send headers slowly can take. */
#define POOL_BYTES ((size_t)16 << 10)
/* Descriptors that are not connections. */
#define DESCRIPTORS_KEPT 256u
/* Threads that read streamed bodies: parsing of long ones has threads of its
 * own, and most of the time they wait for the disk. So many bodies can share
 * one flush of it. */
#define STREAMERS 32u
/* How often drain and stop look whether they are done. */
#define LOOK_MS 2

#if MHD_VERSION >= 0x00097600
#define STRICT_OPTION MHD_OPTION_CLIENT_DISCIPLINE_LVL
#else
#define STRICT_OPTION MHD_OPTION_STRICT_FOR_CLIENT
#endif

static void pause_ms(long ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}

/* ---- options ---- */

static char *copy_text(const char *text)
{
    return text != NULL ? mem_strdup(text) : NULL;
}

#define OPTION_TEXTS 10
static void texts_of(muster_server_options *o,
                     const char **texts[OPTION_TEXTS])
{
    texts[0] = &o->listen;
    texts[1] = &o->admin_listen;
    texts[2] = &o->tls_cert;
    texts[3] = &o->tls_key;
    texts[4] = &o->enrich_name;
    texts[5] = &o->enrich_ids;
    texts[6] = &o->log_format;
    texts[7] = &o->log_level;
    texts[8] = &o->geo;
    texts[9] = &o->ua_regexes;
}

static void copy_options(muster_server_options *to,
                         const muster_server_options *from)
{
    const char **texts[OPTION_TEXTS];
    *to = *from;
    texts_of(to, texts);
    for (size_t i = 0; i < OPTION_TEXTS; i++)
        *texts[i] = copy_text(*texts[i]);
    if (to->loops == 0)
        to->loops = (thread_processors() + 1) / 2;
    if (to->workers == 0)
        to->workers = thread_processors();
}

static void release_options(muster_server_options *o)
{
    const char **texts[OPTION_TEXTS];
    texts_of(o, texts);
    for (size_t i = 0; i < OPTION_TEXTS; i++)
        mem_free((char *)(uintptr_t)*texts[i]);
}

static int check_number(const char *name, uint32_t v, uint32_t low,
                        uint32_t high, muster_error *err)
{
    if (v >= low && v <= high)
        return 0;
    return error_set(err, MUSTER_EINVAL, "bad_option",
                     "%s is a whole number from %u to %u", name, low, high);
}

/* Threads: more than any machine of today; milliseconds: a day. */
static int check_options(const muster_server_options *o, muster_error *err)
{
    const struct {
        const char *name;
        uint32_t v, low, high;
    } numbers[] = {
        {"loops", o->loops, 0, 256},
        {"workers", o->workers, 0, 1024},
        {"queue", o->queue, 1, 1000000},
        {"queue_ms", o->queue_ms, 0, 86400000},
        {"streams", o->streams, 1, 100000},
        {"connections", o->connections, 1, 1000000},
        {"address_connections", o->address_connections, 0, 1000000},
        {"header_ms", o->header_ms, 10, 86400000},
        {"body_ms", o->body_ms, 10, 86400000},
        {"answer_ms", o->answer_ms, 10, 86400000},
        {"idle_ms", o->idle_ms, 10, 86400000},
        {"eval_ms", o->eval_ms, 1, 86400000},
        {"drain_ms", o->drain_ms, 0, 86400000},
    };
    if (o->size != sizeof *o || o->listen == NULL)
        return error_set(err, MUSTER_EINVAL, "bad_option",
                         "options of another version, or no address to"
                         " listen at");
    if ((o->tls_cert == NULL) != (o->tls_key == NULL))
        return error_set(err, MUSTER_EINVAL, "bad_option",
                         "TLS needs both a certificate and its key");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const int code = check_number(numbers[i].name, numbers[i].v,
                                      numbers[i].low, numbers[i].high, err);
        if (code < 0)
            return code;
    }
    return enrich_check(o, err);
}

/* As many connections as there are descriptors for. */
static void fit_descriptors(http_server *s)
{
    struct rlimit limit;
    uint32_t *connections = &s->options.connections;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        limit.rlim_cur == RLIM_INFINITY ||
        limit.rlim_cur >= *connections + DESCRIPTORS_KEPT)
        return;
    *connections = limit.rlim_cur > 2 * DESCRIPTORS_KEPT
                       ? (uint32_t)limit.rlim_cur - DESCRIPTORS_KEPT
                       : (uint32_t)limit.rlim_cur / 2;
    if (*connections == 0)
        *connections = 1;
    http_log_event(s->log, HTTP_LOG_WARN, "few_descriptors",
              "connections=%u, as the limit of open files allows",
              *connections);
}

/* ---- files ---- */

static int read_pem(const char *path, char **out, muster_error *err)
{
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, "read", path);
    int code = 0;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) ||
        info.st_size > (off_t)PEM_BYTES_MAX) {
        code = error_set(err, MUSTER_EINVAL, "bad_certificate",
                         "%s is no file with a certificate or its key", path);
    } else {
        char *text = mem_zalloc((size_t)info.st_size + 1);
        const ssize_t n = read(fd, text, (size_t)info.st_size);
        if (n == info.st_size) {
            *out = text;
        } else {
            code = error_errno(err, "read", path);
            mem_free(text);
        }
    }
    close(fd);
    return code;
}

static int read_tls(http_server *s, muster_error *err)
{
    if (s->options.tls_cert == NULL)
        return 0;
    const int code = read_pem(s->options.tls_cert, &s->tls_cert, err);
    return code < 0 ? code : read_pem(s->options.tls_key, &s->tls_key, err);
}

/* ---- start ---- */

static size_t keep_path(void *payload, struct MHD_Connection *mhd, char *path)
{
    (void)payload;
    (void)mhd;
    return strlen(path); /* its parts are decoded once they are parts */
}

static int start_daemon(http_server *s, http_listener *l, muster_error *err)
{
    const bool tls = s->tls_cert != NULL;
    struct MHD_OptionItem options[] = {
        {STRICT_OPTION, 1, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)POOL_BYTES, NULL},
        {MHD_OPTION_CONNECTION_LIMIT,
         (intptr_t)(s->options.connections * 2 + s->options.loops * 1024),
         NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL}, /* reaper.c */
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_notify, l},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)connection_completed, l},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_path, NULL},
        {s->options.loops > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END,
         (intptr_t)s->options.loops, NULL},
        {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem secrets[] = {
        {tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, s->tls_cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, s->tls_key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0,
         (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL}};
    l->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
            MHD_USE_NO_LISTEN_SOCKET | (tls ? MHD_USE_TLS : 0),
        0, NULL, NULL, connection_access, l, MHD_OPTION_ARRAY, options,
        MHD_OPTION_ARRAY, secrets, MHD_OPTION_END);
    if (l->daemon != NULL)
        return 0;
    return tls ? error_set(err, MUSTER_EINVAL, "bad_certificate",
                           "the certificate and its key are not a pair of"
                           " PEM files")
               : error_errno(err, "start", "the event loop");
}

static int bind_listeners(http_server *s, muster_error *err)
{
    const char *addresses[LISTENERS_MAX] = {s->options.listen,
                                            s->options.admin_listen};
    const unsigned count = s->options.admin_listen != NULL ? 2 : 1;
    for (unsigned i = 0; i < count; i++) {
        http_listener *l = &s->listeners[i];
        l->server = s;
        l->admin = i == 1 || count == 1;
        const int code = listener_bind(l, addresses[i],
                                       s->options.insecure_no_auth, err);
        if (code < 0)
            return code;
        s->listener_count++;
    }
    return 0;
}

static int open_log(http_server *s, muster_error *err)
{
    http_log_format format;
    http_log_level level;
    if (s->options.log_fd < 0)
        return 0;
    if (s->options.log_format == NULL || s->options.log_level == NULL ||
        !http_log_parse_format(s->options.log_format, &format) ||
        !http_log_parse_level(s->options.log_level, &level))
        return error_set(err, MUSTER_EINVAL, "bad_option",
                         "no such format or level of the log");
    s->log = http_log_open(s->options.log_fd, format, level);
    return 0;
}

static int open_access(http_server *s, muster_error *err)
{
    const http_access_options options = {
        .open = s->options.insecure_no_auth,
        .rate = s->options.key_rate,
        .burst = s->options.key_burst,
    };
    return access_new(&s->access, s->engine, &options, err);
}

static int start_listening(http_server *s, muster_error *err)
{
    const muster_server_options *o = &s->options;
    s->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->wake < 0)
        return error_errno(err, "make", "an eventfd");
    s->gate = gate_new(o->connections, o->address_connections > 0
                                           ? o->address_connections
                                           : (o->connections + 1) / 2);
    s->workers = workers_new(o->workers, o->queue, o->queue_ms * NS_PER_MS);
    /* Each stream has one step in the queue, or its end. */
    s->streamers = workers_new(STREAMERS, 2 * (size_t)o->streams, 0);
    for (unsigned i = 0; i < s->listener_count; i++) {
        const int code = start_daemon(s, &s->listeners[i], err);
        if (code < 0)
            return code;
    }
    s->reaper = thread_start(reaper_run, s);
    s->reaping = true;
    for (unsigned i = 0; i < s->listener_count; i++) {
        s->listeners[i].accepter =
            thread_start(listener_accept, &s->listeners[i]);
        s->listeners[i].accepting = true;
        http_log_event(s->log, HTTP_LOG_INFO, "listening", "url=%s",
                       s->listeners[i].url);
    }
    return 0;
}

/* The threads of libmicrohttpd take no signals either. */
static int start_threads(http_server *s, muster_error *err)
{
    sigset_t all, former;
    sigfillset(&all);
    ASSERT(pthread_sigmask(SIG_SETMASK, &all, &former) == 0);
    const int code = start_listening(s, err);
    ASSERT(pthread_sigmask(SIG_SETMASK, &former, NULL) == 0);
    return code;
}

int muster_server_start(muster_server **out, muster_engine *engine,
                        const muster_server_options *options,
                        muster_error *err)
{
    *out = NULL;
    int code = check_options(options, err);
    if (code < 0)
        return code;
    http_server *s = mem_zalloc(sizeof *s);
    s->engine = engine;
    s->wake = -1;
    copy_options(&s->options, options);
    if ((code = open_log(s, err)) < 0 || (code = read_tls(s, err)) < 0 ||
        (code = server_open_derive(s, err)) < 0 ||
        (code = bind_listeners(s, err)) < 0 ||
        (code = open_access(s, err)) < 0) {
        muster_server_stop(s);
        return code;
    }
    fit_descriptors(s);
    if ((code = start_threads(s, err)) < 0) {
        muster_server_stop(s);
        return code;
    }
    *out = s;
    return 0;
}

const char *muster_server_url(const muster_server *s, bool admin)
{
    if (!admin)
        return s->listeners[0].url;
    return s->listener_count > 1 ? s->listeners[1].url : NULL;
}

/* ---- the end ---- */

static void stop_accepting(http_server *s)
{
    atomic_store(&s->closing, true);
    if (s->wake >= 0)
        ASSERT(eventfd_write(s->wake, 1) == 0);
    for (unsigned i = 0; i < s->listener_count; i++) {
        http_listener *l = &s->listeners[i];
        if (l->accepting)
            thread_join(l->accepter);
        l->accepting = false;
        if (l->fd >= 0)
            close(l->fd);
        l->fd = -1;
    }
}

bool muster_server_drain(muster_server *s)
{
    const uint64_t until =
        clock_monotonic_ns() + s->options.drain_ms * NS_PER_MS;
    if (atomic_exchange(&s->draining, true))
        return true;
    http_log_event(s->log, HTTP_LOG_INFO, "draining", "requests=%llu",
              (unsigned long long)atomic_load(&s->active));
    while (atomic_load(&s->active) > 0 && clock_monotonic_ns() < until)
        pause_ms(LOOK_MS);
    stop_accepting(s);
    const uint64_t left = atomic_load(&s->active);
    if (left > 0)
        http_log_event(s->log, HTTP_LOG_WARN, "cut_off", "requests=%llu",
                  (unsigned long long)left);
    return left == 0;
}

void muster_server_stop(muster_server *s)
{
    if (s == NULL)
        return;
    stop_accepting(s);
    atomic_store(&s->stopping, true);
    while (atomic_load(&s->jobs) > 0)
        pause_ms(LOOK_MS);
    if (s->reaping)
        thread_join(s->reaper);
    for (unsigned i = 0; i < s->listener_count; i++)
        if (s->listeners[i].daemon != NULL)
            MHD_stop_daemon(s->listeners[i].daemon);
    workers_free(s->streamers);
    workers_free(s->workers);
    gate_free(s->gate);
    access_free(s->access);
    muster_derive_free(s->derive);
    http_log_close(s->log);
    if (s->wake >= 0)
        close(s->wake);
    mem_free(s->tls_cert);
    if (s->tls_key != NULL)
        explicit_bzero(s->tls_key, strlen(s->tls_key));
    mem_free(s->tls_key);
    release_options(&s->options);
    mem_free(s);
}
