/*
 * pace.c - an HTTP sender with an open loop: requests are due at a steady pace,
 * whatever the answers do, and a latency counts from the moment a request was
 * due. A server that stalls is seen by all requests that were due meanwhile,
 * not by the one that a closed loop (wrk, redis-benchmark) had under way.
 *
 *   pace [FLAG VALUE]... HOST PORT
 *     --rate N          requests a second; 0: a closed loop, as fast as can be
 *     --seconds S       measured (10), behind --warm seconds (1)
 *     --connections C   kept open; each has one request under way (32)
 *     --path TEXT       @ in it becomes a random number below --users
 *     --users N
 *     --items N         POST with {"ids":[...]} of N times --item
 *     --item TEXT       with @ as above
 *     --body TEXT       POST with this
 *     --header LINE     any number of times
 *     --seed S
 *
 * One JSON object on stdout: done (requests measured), per_s, p50_us, p99_us,
 * p999_us, max_us; refused (answers 429 and 503, which are not among these),
 * refused_p99_us, of them since they were sent; other (answers that are neither
 * 2xx nor refused), broken (connections), unsent (due, and still waiting for a
 * connection at the end).
 *
 * Requests are made before the clock starts (REQUESTS of them, sent in random
 * order). One thread, which stands for another machine: where it may, it goes
 * before all others, so that its own waiting for a processor does not count as
 * the server's. It sleeps until the next request is due.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE 1 /* epoll_pwait2 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/thread.h"

#define REQUESTS 4096
#define CONNECTIONS_MAX 1024
#define ANSWER_MAX ((size_t)4 << 20)
#define SAMPLES_MAX ((size_t)50 << 20)
#define REQUEST_BYTES_MAX ((size_t)4 << 20)
#define HEADERS_MAX 8
#define SECOND_NS UINT64_C(1000000000)

typedef struct settings {
    const char *host;
    int port;
    double rate;
    double seconds;
    double warm;
    size_t connections;
    const char *path;
    const char *item;
    const char *body;
    uint64_t users;
    uint64_t items;
    uint64_t seed;
    const char *headers[HEADERS_MAX];
    size_t header_count;
} settings;

typedef struct connection {
    int fd;
    bool busy;
    uint64_t due;
    uint64_t begun;
    const buffer *request;
    size_t sent;
    buffer answer;
} connection;

/* Latencies, in tenths of a microsecond. */
typedef struct samples {
    uint32_t *all;
    size_t count;
    size_t capacity;
} samples;

typedef struct pace {
    settings set;
    buffer requests[REQUESTS];
    connection *all;
    int epoll;
    random_state dice;
    uint64_t start;      /* of the measured time */
    uint64_t end;
    uint64_t next_due;   /* open loop: of the next request to be sent */
    uint64_t step;       /* between two; 0: a closed loop */
    samples served;
    samples refused;
    uint64_t other;
    uint64_t broken;
} pace;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "pace: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- requests ---- */

static void put_template(pace *p, buffer *b, const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (*c == '@')
            buffer_printf(b, "%llu",
                          (unsigned long long)random_below(&p->dice,
                                                           p->set.users));
        else
            buffer_put_u8(b, (uint8_t)*c);
}

static void put_body(pace *p, buffer *body)
{
    buffer_put_str(body, "{\"ids\":[");
    for (uint64_t i = 0; i < p->set.items; i++) {
        if (i > 0)
            buffer_put_u8(body, ',');
        put_template(p, body, p->set.item);
    }
    buffer_put_str(body, "]}");
}

static void make_request(pace *p, buffer *out)
{
    buffer body;
    buffer_init(out, REQUEST_BYTES_MAX);
    buffer_init(&body, REQUEST_BYTES_MAX);
    const bool posts = p->set.items > 0 || p->set.body != NULL;
    buffer_put_str(out, posts ? "POST " : "GET ");
    put_template(p, out, p->set.path);
    buffer_printf(out, " HTTP/1.1\r\nHost: %s:%d\r\n", p->set.host,
                  p->set.port);
    for (size_t i = 0; i < p->set.header_count; i++)
        buffer_printf(out, "%s\r\n", p->set.headers[i]);
    if (posts) {
        if (p->set.body != NULL)
            put_template(p, &body, p->set.body);
        else
            put_body(p, &body);
        buffer_printf(out, "Content-Type: application/json\r\n"
                           "Content-Length: %zu\r\n", body.len);
    }
    buffer_put_str(out, "\r\n");
    buffer_put(out, body.data, body.len);
    ASSERT(buffer_ok(out) && buffer_ok(&body));
    buffer_release(&body);
}

/* ---- connections ---- */

static void watch(const pace *p, connection *c, int how, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(p->epoll, how, c->fd, &e) != 0)
        die("epoll_ctl");
}

static void dial(const pace *p, connection *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)p->set.port)};
    const int one = 1;
    if (inet_pton(AF_INET, p->set.host, &to.sin_addr) != 1) {
        errno = EINVAL;
        die(p->set.host);
    }
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 ||
        connect(c->fd, (const struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0)
        die("fcntl");
    c->busy = false;
    watch(p, c, EPOLL_CTL_ADD, EPOLLIN);
}

static void redial(pace *p, connection *c)
{
    p->broken++;
    close(c->fd);
    dial(p, c);
}

/* Sends what is left of the request; waits for room when there is none. */
static void go_on_sending(pace *p, connection *c)
{
    while (c->sent < c->request->len) {
        const ssize_t n = send(c->fd, c->request->data + c->sent,
                               c->request->len - c->sent, MSG_NOSIGNAL);
        if (n > 0) {
            c->sent += (size_t)n;
        } else if (errno == EAGAIN) {
            watch(p, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return;
        } else {
            redial(p, c);
            return;
        }
    }
}

static void begin(pace *p, connection *c, uint64_t due)
{
    c->busy = true;
    c->due = due;
    c->begun = clock_monotonic_ns();
    c->sent = 0;
    c->request = &p->requests[random_below(&p->dice, REQUESTS)];
    buffer_clear(&c->answer);
    go_on_sending(p, c);
}

/* ---- answers ---- */

static void add_sample(samples *s, uint64_t ns)
{
    const uint64_t tenths = ns / 100;
    ASSERT(s->count < SAMPLES_MAX);
    mem_grow(&s->all, &s->capacity, s->count + 1, sizeof *s->all);
    s->all[s->count++] = tenths > UINT32_MAX ? UINT32_MAX : (uint32_t)tenths;
}

static void take_sample(pace *p, const connection *c, int status)
{
    const uint64_t now = clock_monotonic_ns();
    if (c->due < p->start || c->due >= p->end)
        return;
    if (status == 429 || status == 503) {
        add_sample(&p->refused, now - c->begun);
        return;
    }
    if (status < 200 || status > 299)
        p->other++;
    add_sample(&p->served, now - c->due);
}

/* Is the answer there whole? Only those with a Content-Length are understood,
 * which is all that the servers here give. */
static bool is_whole(connection *c, int *status)
{
    const char *text = buffer_cstr(&c->answer);
    const char *end = strstr(text, "\r\n\r\n");
    if (end == NULL || strncmp(text, "HTTP/1.1 ", 9) != 0)
        return false;
    *status = (int)strtol(text + 9, NULL, 10);
    size_t length = 0;
    for (const char *line = strstr(text, "\r\n"); line != end;
         line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, "content-length:", 15) == 0)
            length = strtoul(line + 17, NULL, 10);
    return c->answer.len >= (size_t)(end + 4 - text) + length;
}

static void read_answer(pace *p, connection *c)
{
    int status = 0;
    uint8_t *to = buffer_reserve(&c->answer, 65536);
    ASSERT(to != NULL);
    const ssize_t n = recv(c->fd, to, 65536, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        redial(p, c);
        return;
    }
    c->answer.len += (size_t)n;
    if (!c->busy || !is_whole(c, &status))
        return;
    c->busy = false;
    take_sample(p, c, status);
}

/* ---- the loop ---- */

/* Gives every idle connection what is due. */
static void send_due(pace *p)
{
    const uint64_t now = clock_monotonic_ns();
    if (now >= p->end)
        return;
    for (size_t i = 0; i < p->set.connections; i++) {
        if (p->all[i].busy)
            continue;
        if (p->step == 0) {
            begin(p, &p->all[i], now);
            continue;
        }
        if (p->next_due > now)
            return;
        begin(p, &p->all[i], p->next_due);
        p->next_due += p->step;
    }
}

static bool any_is(const pace *p, bool busy)
{
    for (size_t i = 0; i < p->set.connections; i++)
        if (p->all[i].busy == busy)
            return true;
    return false;
}

/* How long nothing is to be sent. */
static struct timespec pause_of(const pace *p)
{
    const uint64_t now = clock_monotonic_ns();
    uint64_t ns = 1000000;
    if (p->step > 0 && p->next_due < p->end)
        ns = p->next_due > now ? p->next_due - now : 0;
    if (p->step > 0 && ns == 0 && !any_is(p, false))
        ns = 1000000;
    return (struct timespec){0, (long)(ns < SECOND_NS ? ns : SECOND_NS - 1)};
}

static void turn(pace *p)
{
    struct epoll_event events[64];
    const struct timespec pause = pause_of(p);
    const int n = epoll_pwait2(p->epoll, events, 64, &pause, NULL);
    for (int i = 0; i < n; i++) {
        connection *c = events[i].data.ptr;
        if ((events[i].events & EPOLLOUT) != 0) {
            watch(p, c, EPOLL_CTL_MOD, EPOLLIN);
            go_on_sending(p, c);
        }
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
            read_answer(p, c);
    }
    send_due(p);
}

static void run(pace *p)
{
    const uint64_t now = clock_monotonic_ns();
    p->start = now + (uint64_t)(p->set.warm * 1e9);
    p->end = p->start + (uint64_t)(p->set.seconds * 1e9);
    p->step = p->set.rate > 0 ? (uint64_t)(1e9 / p->set.rate) : 0;
    p->next_due = now;
    while (clock_monotonic_ns() < p->end)
        turn(p);
    const uint64_t patience = p->end + 10 * SECOND_NS;
    while (any_is(p, true) && clock_monotonic_ns() < patience)
        turn(p);
}

/* ---- what came out ---- */

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void sort(samples *s)
{
    if (s->count > 0)
        qsort(s->all, s->count, sizeof *s->all, compare);
}

static double at(const samples *s, double share)
{
    if (s->count == 0)
        return 0;
    const size_t i = (size_t)(share * (double)(s->count - 1));
    return s->all[i] / 10.0;
}

static void tell(pace *p)
{
    const samples *s = &p->served;
    const uint64_t unsent =
        p->step > 0 && p->next_due < p->end
            ? (p->end - p->next_due) / p->step
            : 0;
    sort(&p->served);
    sort(&p->refused);
    printf("{\"done\":%zu,\"per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
           "\"p999_us\":%.1f,\"max_us\":%.1f,\"refused\":%zu,"
           "\"refused_p99_us\":%.1f,\"other\":%llu,\"broken\":%llu,"
           "\"unsent\":%llu}\n",
           s->count, (double)s->count / p->set.seconds, at(s, 0.5),
           at(s, 0.99), at(s, 0.999), at(s, 1), p->refused.count,
           at(&p->refused, 0.99), (unsigned long long)p->other, (unsigned long long)p->broken,
           (unsigned long long)unsent);
}

/* ---- the command line ---- */

static _Noreturn void usage(const char *why)
{
    fprintf(stderr, "pace: %s; see the head of bench/http/pace.c\n", why);
    exit(2);
}

static bool take_flag(settings *s, const char *flag, const char *value)
{
    if (strcmp(flag, "--rate") == 0)
        s->rate = strtod(value, NULL);
    else if (strcmp(flag, "--seconds") == 0)
        s->seconds = strtod(value, NULL);
    else if (strcmp(flag, "--warm") == 0)
        s->warm = strtod(value, NULL);
    else if (strcmp(flag, "--connections") == 0)
        s->connections = strtoul(value, NULL, 10);
    else if (strcmp(flag, "--path") == 0)
        s->path = value;
    else if (strcmp(flag, "--users") == 0)
        s->users = strtoull(value, NULL, 10);
    else if (strcmp(flag, "--items") == 0)
        s->items = strtoull(value, NULL, 10);
    else if (strcmp(flag, "--item") == 0)
        s->item = value;
    else if (strcmp(flag, "--body") == 0)
        s->body = value;
    else if (strcmp(flag, "--seed") == 0)
        s->seed = strtoull(value, NULL, 10);
    else if (strcmp(flag, "--header") == 0 && s->header_count < HEADERS_MAX)
        s->headers[s->header_count++] = value;
    else
        return false;
    return true;
}

static void read_arguments(settings *s, int argc, char **argv)
{
    int i = 1;
    *s = (settings){.seconds = 10, .warm = 1, .connections = 32, .path = "/",
                    .item = "@", .users = 1, .seed = 1};
    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2)
        if (!take_flag(s, argv[i], argv[i + 1]))
            usage("a flag that it does not know");
    if (i + 2 != argc)
        usage("HOST PORT are missing");
    s->host = argv[i];
    s->port = (int)strtol(argv[i + 1], NULL, 10);
    if (s->connections == 0 || s->connections > CONNECTIONS_MAX ||
        s->users == 0 || s->seconds <= 0 || s->rate < 0)
        usage("a number that makes no sense");
}

int main(int argc, char **argv)
{
    static pace p;
    read_arguments(&p.set, argc, argv);
    thread_be_prompt();
    (void)setpriority(PRIO_PROCESS, 0, -20);
    (void)prctl(PR_SET_TIMERSLACK, 1);
    random_seed(&p.dice, p.set.seed);
    for (size_t i = 0; i < REQUESTS; i++)
        make_request(&p, &p.requests[i]);
    p.epoll = epoll_create1(EPOLL_CLOEXEC);
    p.all = mem_array(p.set.connections, sizeof *p.all);
    for (size_t i = 0; i < p.set.connections; i++) {
        buffer_init(&p.all[i].answer, ANSWER_MAX);
        dial(&p, &p.all[i]);
    }
    run(&p);
    tell(&p);
    return p.served.count > 0 ? 0 : 1;
}
