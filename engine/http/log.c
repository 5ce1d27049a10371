/*
 * log.c - the log: a ring that any thread puts lines into, and a thread that
 * takes them out, formats and writes them.
 *
 * The ring is Dmitry Vyukov's bounded queue: each slot has a turn. A slot is
 * free for the line of number n when its turn is n, and holds it when its turn
 * is n + 1; the writer passes it on to n + SLOTS. A thread that logs claims a
 * number by compare-and-swap, fills the slot and gives it its turn: it never
 * waits for another, but for the few instructions of one that claims at the
 * same moment.
 *
 * The writer sleeps on a semaphore when the ring is empty, and the first line
 * after that wakes it. It then lets PAUSE_NS pass, so that many requests pay
 * for one wake and one write between them, and writes what came.
 *
 * When the reader of the log is slow, the writer waits for it, the ring fills,
 * and lines are dropped and counted. Closing the log waits for a reader that
 * has stopped no longer than LAST_NS.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "http/metrics.h"

/* Lines on their way out: at 200,000 a second what comes in 20 ms. A power of
 * two. */
#define SLOTS 4096u
#define PAUSE_NS 2000000
/* A log that is closed waits so long for a reader that does not read. */
#define LAST_NS UINT64_C(1000000000)
#define LOOK_MS 50
/* Bytes that are written at once, at most; a line has less than 1 KiB. */
#define CHUNK 65536u
#define LINE_MAX_BYTES 2048u

typedef struct line {
    uint64_t wall_ns; /* since 1970 */
    http_log_level level;
    const char *what; /* NULL: a request */
    const http_route *route;
    int status;
    uint64_t ns;
    uint64_t bytes_in;
    uint64_t bytes_out;
    char key[LOG_KEY_MAX];
    char text[LOG_DETAIL_MAX]; /* the request's id, or the detail */
} line;
_Static_assert(LOG_ID_MAX <= LOG_DETAIL_MAX, "an id fits where a detail does");

typedef struct slot {
    _Alignas(64) uint64_t turn;
    line line;
} slot;

struct http_log {
    int fd;
    http_log_format format;
    http_log_level level;
    bool running;
    pthread_t thread;
    sem_t wake;
    bool closing;
    uint64_t give_up; /* writing, when closed; the writer's */
    uint64_t dropped; /* since the last line about it */
    _Alignas(64) uint64_t next; /* number of the next line to come */
    _Alignas(64) uint64_t taken; /* of the next to be written; the writer's */
    _Alignas(64) bool sleeping;
    slot slots[SLOTS];
};

static const char *const level_names[] = {"debug", "info", "warn", "error",
                                          "off"};

bool http_log_parse_level(const char *text, http_log_level *out)
{
    for (int i = HTTP_LOG_DEBUG; i <= HTTP_LOG_OFF; i++)
        if (strcmp(text, level_names[i]) == 0) {
            *out = (http_log_level)i;
            return true;
        }
    return false;
}

bool http_log_parse_format(const char *text, http_log_format *out)
{
    const bool json = strcmp(text, "json") == 0;
    *out = json ? HTTP_LOG_JSON : HTTP_LOG_LOGFMT;
    return json || strcmp(text, "logfmt") == 0;
}

/* ---- into the ring ---- */

/* The slot for one more line, and its number; NULL when there is none. */
static slot *claim(http_log *log, uint64_t *number)
{
    uint64_t n = __atomic_load_n(&log->next, __ATOMIC_RELAXED);
    for (;;) {
        slot *s = &log->slots[n % SLOTS];
        const uint64_t turn = __atomic_load_n(&s->turn, __ATOMIC_ACQUIRE);
        if (turn < n) { /* still holds the line of a round ago */
            __atomic_fetch_add(&log->dropped, 1, __ATOMIC_RELAXED);
            metrics_add(METRIC_LOG_DROPPED, 1);
            return NULL;
        }
        if (turn > n) /* another thread has taken it */
            n = __atomic_load_n(&log->next, __ATOMIC_RELAXED);
        else if (__atomic_compare_exchange_n(&log->next, &n, n + 1, true,
                                             __ATOMIC_RELAXED,
                                             __ATOMIC_RELAXED)) {
            *number = n;
            return s;
        }
    }
}

static void publish(http_log *log, slot *s, uint64_t number)
{
    __atomic_store_n(&s->turn, number + 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&log->sleeping, __ATOMIC_SEQ_CST) &&
        __atomic_exchange_n(&log->sleeping, false, __ATOMIC_SEQ_CST))
        sem_post(&log->wake);
}

static uint64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static void copy_cut(char *out, size_t size, const char *text)
{
    const size_t len = text != NULL ? strnlen(text, size - 1) : 0;
    if (len > 0)
        memcpy(out, text, len);
    out[len] = '\0';
}

static http_log_level level_of(int status)
{
    if (status >= 500)
        return HTTP_LOG_ERROR;
    return status >= 400 ? HTTP_LOG_WARN : HTTP_LOG_INFO;
}

static bool wanted(const http_log *log, http_log_level level)
{
    return log != NULL && log->running && level >= log->level;
}

void http_log_request(http_log *log, const log_request_line *r)
{
    const http_log_level level = level_of(r->status);
    uint64_t number;
    if (!wanted(log, level))
        return;
    slot *s = claim(log, &number);
    if (s == NULL)
        return;
    line *l = &s->line;
    l->wall_ns = wall_ns();
    l->level = level;
    l->what = NULL;
    l->route = r->route;
    l->status = r->status;
    l->ns = r->ns;
    l->bytes_in = r->bytes_in;
    l->bytes_out = r->bytes_out;
    copy_cut(l->key, sizeof l->key, r->key);
    copy_cut(l->text, LOG_ID_MAX + 1, r->id);
    publish(log, s, number);
}

void http_log_event(http_log *log, http_log_level level, const char *what,
               const char *detail, ...)
{
    uint64_t number;
    va_list args;
    if (!wanted(log, level))
        return;
    slot *s = claim(log, &number);
    if (s == NULL)
        return;
    line *l = &s->line;
    l->wall_ns = wall_ns();
    l->level = level;
    l->what = what;
    va_start(args, detail);
    if (vsnprintf(l->text, sizeof l->text, detail, args) < 0)
        l->text[0] = '\0';
    va_end(args);
    publish(log, s, number);
}

/* ---- out of the ring ---- */

/* Whether the writer has a line; *l is it until `pass`. */
static bool peek(http_log *log, line **l)
{
    slot *s = &log->slots[log->taken % SLOTS];
    if (__atomic_load_n(&s->turn, __ATOMIC_SEQ_CST) != log->taken + 1)
        return false;
    *l = &s->line;
    return true;
}

static void pass(http_log *log)
{
    slot *s = &log->slots[log->taken % SLOTS];
    __atomic_store_n(&s->turn, log->taken + SLOTS, __ATOMIC_RELEASE);
    log->taken++;
}

static void format_time(uint64_t ns, char out[32])
{
    char text[24];
    clock_format_time(text, (muster_time)(ns / UINT64_C(1000000000)));
    snprintf(out, 32, "%.19s.%03uZ", text,
             (unsigned)(ns / 1000000 % 1000));
}

/* ---- logfmt ---- */

/* As it is when it is a plain word, else between quotes, as in JSON. */
static void put_value(buffer *b, const char *text)
{
    const size_t len = strlen(text);
    bool plain = len > 0;
    for (size_t i = 0; i < len && plain; i++)
        plain = text[i] > ' ' && text[i] < 0x7f && text[i] != '"' &&
                text[i] != '=' && text[i] != '\\';
    if (plain) {
        buffer_put(b, text, len);
        return;
    }
    json_writer w;
    json_begin(&w, b, false);
    json_put_str(&w, text);
}

static const char *method_of(const http_route *route)
{
    return route != NULL ? http_method_name(route->method) : "none";
}

static void put_logfmt(buffer *b, const line *l)
{
    char when[32];
    format_time(l->wall_ns, when);
    buffer_printf(b, "time=%s level=%s msg=", when, level_names[l->level]);
    put_value(b, l->what != NULL ? l->what : "request");
    if (l->what != NULL) {
        if (l->text[0] != '\0') {
            buffer_put_str(b, " detail=");
            put_value(b, l->text);
        }
        buffer_put_u8(b, '\n');
        return;
    }
    buffer_put_str(b, " id=");
    put_value(b, l->text);
    buffer_printf(b,
                  " route=%s method=%s status=%d us=%" PRIu64 " key=",
                  l->route != NULL ? l->route->name : "none",
                  method_of(l->route), l->status, l->ns / 1000);
    put_value(b, l->key[0] != '\0' ? l->key : "none");
    buffer_printf(b, " in=%" PRIu64 " out=%" PRIu64 "\n", l->bytes_in,
                  l->bytes_out);
}

/* ---- JSON ---- */

static void put_member(json_writer *w, const char *key, const char *text)
{
    json_key(w, key);
    json_put_str(w, text);
}

static void put_count(json_writer *w, const char *key, uint64_t v)
{
    json_key(w, key);
    json_put_uint(w, v);
}

static void put_json(buffer *b, const line *l)
{
    json_writer w;
    char when[32];
    format_time(l->wall_ns, when);
    json_begin(&w, b, false);
    json_open_object(&w);
    put_member(&w, "time", when);
    put_member(&w, "level", level_names[l->level]);
    put_member(&w, "msg", l->what != NULL ? l->what : "request");
    if (l->what != NULL && l->text[0] != '\0')
        put_member(&w, "detail", l->text);
    if (l->what == NULL) {
        put_member(&w, "id", l->text);
        put_member(&w, "route", l->route != NULL ? l->route->name : "none");
        put_member(&w, "method", method_of(l->route));
        put_count(&w, "status", (uint64_t)l->status);
        put_count(&w, "us", l->ns / 1000);
        put_member(&w, "key", l->key[0] != '\0' ? l->key : "none");
        put_count(&w, "in", l->bytes_in);
        put_count(&w, "out", l->bytes_out);
    }
    json_close(&w);
    buffer_put_u8(b, '\n');
}

/* ---- the writer ---- */

static void put_line(const http_log *log, buffer *b, const line *l)
{
    if (log->format == HTTP_LOG_JSON)
        put_json(b, l);
    else
        put_logfmt(b, l);
}

static bool is_closing(const http_log *log)
{
    return __atomic_load_n(&log->closing, __ATOMIC_ACQUIRE);
}

/* Waits until there is room. False: it will not be, or the log is closed and
 * its reader has had LAST_NS. */
static bool has_room(http_log *log)
{
    struct pollfd out = {log->fd, POLLOUT, 0};
    for (;;) {
        const int n = poll(&out, 1, LOOK_MS);
        if (n > 0)
            return (out.revents & POLLOUT) != 0;
        if (n < 0 && errno != EINTR)
            return false;
        if (!is_closing(log))
            continue;
        const uint64_t now = clock_monotonic_ns();
        if (log->give_up == 0)
            log->give_up = now + LAST_NS;
        if (now >= log->give_up)
            return false;
    }
}

/* All of it, however slow the reader is, in pieces that a pipe with room takes
 * without waiting. A log that cannot be written any more (its reader is gone)
 * is no reason to stop serving. */
static void write_all(http_log *log, const uint8_t *bytes, size_t len)
{
    while (len > 0 && has_room(log)) {
        const ssize_t n =
            write(log->fd, bytes, len < PIPE_BUF ? len : PIPE_BUF);
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (errno != EINTR && errno != EAGAIN) {
            return;
        }
    }
}

static void put_dropped(http_log *log, buffer *b)
{
    const uint64_t n =
        __atomic_exchange_n(&log->dropped, 0, __ATOMIC_RELAXED);
    line l = {.wall_ns = wall_ns(), .level = HTTP_LOG_WARN,
              .what = "lines dropped"};
    if (n == 0)
        return;
    snprintf(l.text, sizeof l.text, "%" PRIu64, n);
    put_line(log, b, &l);
}

/* Writes all lines there are. */
static void drain(http_log *log, buffer *b)
{
    line *l;
    do {
        buffer_clear(b);
        while (b->len + LINE_MAX_BYTES < CHUNK && peek(log, &l)) {
            put_line(log, b, l);
            pass(log);
        }
        put_dropped(log, b);
        ASSERT(buffer_ok(b));
        write_all(log, b->data, b->len);
    } while (b->len > 0);
}

/* Sleeps until there is a line, or the log is closed. */
static void sleep_until_woken(http_log *log)
{
    line *l;
    __atomic_store_n(&log->sleeping, true, __ATOMIC_SEQ_CST);
    if (peek(log, &l) && __atomic_exchange_n(&log->sleeping, false,
                                             __ATOMIC_SEQ_CST))
        return;
    while (sem_wait(&log->wake) != 0)
        ASSERT(errno == EINTR);
}

static void *write_lines(void *payload)
{
    http_log *log = payload;
    const struct timespec pause = {0, PAUSE_NS};
    buffer b;
    buffer_init(&b, CHUNK);
    while (!is_closing(log)) {
        sleep_until_woken(log);
        if (!is_closing(log))
            nanosleep(&pause, NULL);
        drain(log, &b);
    }
    drain(log, &b); /* it may have been closed before it ever ran */
    buffer_release(&b);
    return NULL;
}

http_log *http_log_open(int fd, http_log_format format, http_log_level level)
{
    http_log *log = mem_aligned(sizeof *log);
    memset(log, 0, sizeof *log);
    log->fd = fd;
    log->format = format;
    log->level = level;
    for (uint64_t i = 0; i < SLOTS; i++)
        log->slots[i].turn = i;
    log->running = level < HTTP_LOG_OFF;
    if (!log->running)
        return log;
    ASSERT(sem_init(&log->wake, 0, 0) == 0);
    log->thread = thread_start(write_lines, log);
    return log;
}

void http_log_close(http_log *log)
{
    if (log == NULL)
        return;
    if (log->running) {
        __atomic_store_n(&log->closing, true, __ATOMIC_RELEASE);
        sem_post(&log->wake);
        thread_join(log->thread);
        sem_destroy(&log->wake);
    }
    mem_free(log);
}
