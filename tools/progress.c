/*
 * progress.c - how far a load, or other long work, is, on stderr.
 *
 *   auto    on a terminal one line, drawn at most ten times a second and
 *           erased at the end; elsewhere nothing
 *     load [########------------]  42 %  2.31 M records/s  412 MB/s  0:12 left
 *     verify: log [########------------]  42 %  0:12 left
 *   json    one line of JSON at most once a second, and a last one; of other
 *           work also one when its next part begins
 *     {"progress":{"bytes":...,"records":...,...}}
 *     {"progress":{"what":"log","done":...,"total":...,"seconds":...}}
 *   never   nothing
 *
 * A load is counted in bytes and records, other work in parts (`what`) with
 * units of their own.
 *
 * Updates may come from any thread; a mutex keeps lines whole.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

#define DRAW_EVERY_NS 100000000u
#define JSON_EVERY_NS 1000000000u
#define BAR_CELLS 20
#define COLUMNS_DEFAULT 80
#define WHAT_BYTES 64

struct progress {
    const cli *c;
    bool bar;
    bool json;
    bool parts; /* of other work than a load */
    const char *label;
    uint64_t started;
    uint64_t shown;
    bool drawn;
    uint64_t done;
    uint64_t total;        /* 0 = not known */
    muster_progress now;   /* of a load */
    char what[WHAT_BYTES]; /* the part at hand, and ... */
    uint64_t what_started; /* ... when it began */
    pthread_mutex_t lock;
};

static progress *make(const cli *c, uint64_t total, const char *label)
{
    const char *term = getenv("TERM");
    progress *p = mem_zalloc(sizeof *p);
    p->c = c;
    p->label = label;
    p->total = total;
    p->json = c->set.progress == PROGRESS_JSON;
    p->bar = c->set.progress == PROGRESS_AUTO && c->err_tty && !c->set.quiet &&
             term != NULL && strcmp(term, "dumb") != 0;
    p->started = clock_monotonic_ns();
    p->what_started = p->started;
    ASSERT(pthread_mutex_init(&p->lock, NULL) == 0);
    return p;
}

progress *progress_new(const cli *c, uint64_t bytes_total, const char *label)
{
    return make(c, bytes_total, label);
}

progress *progress_new_parts(const cli *c, const char *label)
{
    progress *p = make(c, 0, label);
    p->parts = true;
    return p;
}

static double share_of(const progress *p)
{
    if (p->total == 0)
        return 0;
    const double share = (double)p->done / (double)p->total;
    return share < 1 ? share : 1;
}

static double seconds_since(uint64_t start)
{
    const double seconds = (double)(clock_monotonic_ns() - start) / 1e9;
    return seconds > 0.001 ? seconds : 0.001;
}

static void put_bar(buffer *b, double share)
{
    const int full = (int)(share * BAR_CELLS + 0.5);
    buffer_put_str(b, " [");
    for (int i = 0; i < BAR_CELLS; i++)
        buffer_put_u8(b, i < full ? '#' : '-');
    buffer_printf(b, "] %3.0f %%", share * 100);
}

static void put_left(buffer *b, const progress *p, double seconds)
{
    const double share = share_of(p);
    if (share < 0.01 || seconds < 0.5)
        return;
    const uint64_t left = (uint64_t)(seconds / share - seconds + 0.5);
    buffer_printf(b, "  %llu:%02llu left", (unsigned long long)(left / 60),
                  (unsigned long long)(left % 60));
}

static size_t terminal_columns(void)
{
    struct winsize size;
    memset(&size, 0, sizeof size);
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return COLUMNS_DEFAULT;
}

static void put_load(buffer *b, const progress *p)
{
    const double seconds = seconds_since(p->started);
    buffer_put_str(b, p->label);
    if (p->total > 0)
        put_bar(b, share_of(p));
    else
        buffer_printf(b, "  %s", human_bytes((double)p->now.bytes).text);
    if (p->now.records > 0) /* a server tells them at the end */
        buffer_printf(b, "  %s records/s",
                      human_rate((double)p->now.records / seconds).text);
    buffer_printf(b, "  %s/s",
                  human_bytes((double)p->now.bytes / seconds).text);
    put_left(b, p, seconds);
    if (p->now.rejected > 0)
        buffer_printf(b, "  %s rejected", human_count(p->now.rejected).text);
}

static void put_part(buffer *b, const progress *p)
{
    buffer_printf(b, "%s: %s", p->label, p->what);
    if (p->total > 0)
        put_bar(b, share_of(p));
    put_left(b, p, seconds_since(p->what_started));
}

static void draw(progress *p)
{
    buffer b;
    buffer_init(&b, 4096);
    if (p->parts)
        put_part(&b, p);
    else
        put_load(&b, p);
    const size_t columns = terminal_columns();
    const size_t n = b.len < columns ? b.len : columns - 1;
    fprintf(stderr, "\r%.*s\033[K", (int)n, (const char *)b.data);
    fflush(stderr);
    p->drawn = true;
    buffer_release(&b);
}

static void put_total(json_writer *w, const progress *p)
{
    if (p->total > 0)
        json_put_uint(w, p->total);
    else
        json_put_null(w);
}

static void put_seconds(json_writer *w, double seconds)
{
    json_key(w, "seconds");
    json_put_double(w, (double)(uint64_t)(seconds * 1000) / 1000);
}

static void put_load_json(json_writer *w, const progress *p)
{
    const double seconds = seconds_since(p->started);
    json_key(w, "bytes");
    json_put_uint(w, p->now.bytes);
    json_key(w, "bytes_total");
    put_total(w, p);
    json_key(w, "records");
    json_put_uint(w, p->now.records);
    json_key(w, "facts");
    json_put_uint(w, p->now.facts);
    json_key(w, "rejected");
    json_put_uint(w, p->now.rejected);
    put_seconds(w, seconds);
    json_key(w, "records_per_s");
    json_put_uint(w, (uint64_t)((double)p->now.records / seconds));
}

static void put_part_json(json_writer *w, const progress *p)
{
    json_key(w, "what");
    json_put_str(w, p->what);
    json_key(w, "done");
    json_put_uint(w, p->done);
    json_key(w, "total");
    put_total(w, p);
    put_seconds(w, seconds_since(p->started));
}

static void put_json(const progress *p)
{
    buffer b;
    json_writer w;
    buffer_init(&b, 4096);
    json_begin(&w, &b, false);
    json_open_object(&w);
    json_key(&w, "progress");
    json_open_object(&w);
    if (p->parts)
        put_part_json(&w, p);
    else
        put_load_json(&w, p);
    json_close(&w);
    json_close(&w);
    buffer_put_u8(&b, '\n');
    fwrite(b.data, 1, b.len, stderr);
    fflush(stderr);
    buffer_release(&b);
}

static void show(progress *p)
{
    const uint64_t at = clock_monotonic_ns();
    const uint64_t every = p->bar ? DRAW_EVERY_NS : JSON_EVERY_NS;
    if (at - p->shown < every)
        return;
    p->shown = at;
    if (p->bar)
        draw(p);
    else
        put_json(p);
}

void progress_update(progress *p, const muster_progress *now)
{
    if (!p->bar && !p->json)
        return;
    pthread_mutex_lock(&p->lock);
    p->now = *now;
    p->done = now->bytes;
    show(p);
    pthread_mutex_unlock(&p->lock);
}

void progress_update_part(progress *p, const char *what, uint64_t done,
                          uint64_t total)
{
    if (!p->bar && !p->json)
        return;
    pthread_mutex_lock(&p->lock);
    p->done = done;
    p->total = total;
    if (strncmp(p->what, what, WHAT_BYTES - 1) != 0) {
        snprintf(p->what, WHAT_BYTES, "%s", what);
        p->what_started = clock_monotonic_ns();
        p->shown = 0;
    }
    show(p);
    pthread_mutex_unlock(&p->lock);
}

void progress_free(progress *p)
{
    if (p == NULL)
        return;
    if (p->drawn)
        fputs("\r\033[K", stderr);
    if (p->json && (!p->parts || p->what[0] != '\0'))
        put_json(p);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}
