/*
 * bound.c - reading spans of memory as fast as this processor can.
 *
 * One body (bound_body.h) is compiled for AVX-512, AVX2 and any processor. It
 * folds eight vectors a step with exclusive or; a span's last bytes are read
 * by a vector that overlaps the one before, spans shorter than a vector by
 * words and bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bound.h"

#include <stdlib.h>

#include "base/base.h"

#define LANES 8 /* vectors a step */
#define LINE 64
#define LINES_AHEAD 4
#define NO_FETCH ((size_t)1 << 62) /* spans ahead: there never are so many */

typedef struct span {
    const uint8_t *at;
    size_t len;
} span;

typedef struct span_list {
    span *items;
    size_t count;
    size_t capacity;
} span_list;

struct bound {
    span_list ordered; /* as the program reads */
    span_list sorted;
    uint64_t bytes;
};

/* ---- the loop ---- */

typedef uint64_t word __attribute__((aligned(1), may_alias));

static inline uint64_t read_short(const uint8_t *at, size_t len)
{
    uint64_t x = 0;
    for (; len >= sizeof x; at += sizeof x, len -= sizeof x)
        x ^= *(const word *)at;
    for (; len > 0; at++, len--)
        x ^= *at;
    return x;
}

/* The beginning of a span, if there is such a one. */
static inline void fetch(const span_list *list, size_t i)
{
    if (i < list->count)
        for (size_t line = 0; line < LINES_AHEAD; line++)
            __builtin_prefetch(list->items[i].at + line * LINE);
}

#define READ_NAME read_any
#define READ_LEVEL
#define READ_BYTES 16
#include "bound_body.h"

#ifdef __x86_64__
#define READ_NAME read_avx2
#define READ_LEVEL __attribute__((target("avx2")))
#define READ_BYTES 32
#include "bound_body.h"

#define READ_NAME read_avx512
#define READ_LEVEL __attribute__((target("avx512f")))
#define READ_BYTES 64
#include "bound_body.h"
#endif

static uint64_t read_spans(const span_list *list, size_t ahead)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f"))
        return read_avx512(list, ahead);
    if (__builtin_cpu_supports("avx2"))
        return read_avx2(list, ahead);
#endif
    return read_any(list, ahead);
}

/* ---- what is read ---- */

static void add_span(span_list *list, const uint8_t *at, size_t len)
{
    mem_grow(&list->items, &list->capacity, list->count + 1,
             sizeof *list->items);
    list->items[list->count++] = (span){at, len};
}

static void note_span(void *payload, const void *at, size_t len)
{
    if (len > 0)
        add_span(payload, at, len);
}

static int by_address(const void *a, const void *b)
{
    const span *x = a;
    const span *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* Spans by address, none touching another. */
static void sort_spans(const span_list *from, span_list *out)
{
    span *sorted = mem_array(from->count + 1, sizeof *sorted);

    if (from->count > 0)
        memcpy(sorted, from->items, from->count * sizeof *sorted);
    qsort(sorted, from->count, sizeof *sorted, by_address);
    for (size_t i = 0; i < from->count; i++) {
        const span s = sorted[i];
        span *last = out->count ? &out->items[out->count - 1] : NULL;
        if (last && s.at <= last->at + last->len) {
            const size_t end = (size_t)(s.at - last->at) + s.len;
            last->len = end > last->len ? end : last->len;
        } else {
            add_span(out, s.at, s.len);
        }
    }
    mem_free(sorted);
}

bound *bound_new(const program *g)
{
    bound *b = mem_zalloc(sizeof *b);

    program_reads(g, note_span, &b->ordered);
    sort_spans(&b->ordered, &b->sorted);
    for (size_t i = 0; i < b->sorted.count; i++)
        b->bytes += b->sorted.items[i].len;
    return b;
}

void bound_free(bound *b)
{
    mem_free(b->ordered.items);
    mem_free(b->sorted.items);
    mem_free(b);
}

uint64_t bound_bytes(const bound *b)
{
    return b->bytes;
}

/* ---- ways ---- */

static const struct {
    const char *name;
    bool sorted;
    size_t ahead; /* spans */
} ways[] = {
    {"in order", false, NO_FETCH},
    {"in order ahead", false, 4},
    {"sorted", true, NO_FETCH},
    {"sorted ahead", true, 4},
};

size_t bound_way_count(void)
{
    return sizeof ways / sizeof ways[0];
}

const char *bound_way_name(size_t way)
{
    ASSERT(way < bound_way_count());
    return ways[way].name;
}

uint64_t bound_read(const bound *b, size_t way)
{
    ASSERT(way < bound_way_count());
    return read_spans(ways[way].sorted ? &b->sorted : &b->ordered,
                      ways[way].ahead);
}
