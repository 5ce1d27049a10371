/*
 * writer.c - ascending rows to portable Roaring bytes, and layers from many
 * such planes.
 *
 * A container takes the smallest of the three forms: runs when
 * 2 + 4 * runs is below both 2 * n and 8,192. Two passes over the rows: one
 * measures, one writes. About 2 ns a row.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/container.h"

#include <stdlib.h>

#define COOKIE_NO_RUN 12346u
#define COOKIE_RUN 12347u
#define NO_OFFSET_BELOW 4u
#define LINE_BYTES ((size_t)64)
/* Planes begin here in their memory: large blocks of malloc begin 16 bytes
 * into a line, so this is where a line begins. */
#define PLANES_AT ((size_t)48)
/* What a writer gathers before it gives it away. */
#define GIVE_BYTES ((size_t)4 << 20)

void container_plan_rows(container_plan *c, const uint32_t *rows)
{
    uint32_t runs = 1;
    for (uint32_t i = 1; i < c->n; i++)
        runs += rows[c->first + i] != rows[c->first + i - 1] + 1;
    c->runs = runs;
    c->size = c->n > BLOCK_ARRAY_MAX ? 8192 : 2 * c->n;
    c->is_run = 2 + 4 * runs < c->size;
    if (c->is_run)
        c->size = 2 + 4 * runs;
}

/* Fills plans; returns their number. */
static uint32_t plan_containers(container_plan **plans, size_t *capacity,
                                const uint32_t *rows, size_t n)
{
    uint32_t count = 0;
    size_t i = 0;
    while (i < n) {
        const uint32_t key = rows[i] >> 16;
        size_t j = i + 1;
        while (j < n && rows[j] >> 16 == key)
            j++;
        mem_grow(plans, capacity, count + 1, sizeof **plans);
        container_plan *c = &(*plans)[count++];
        *c = (container_plan){key, (uint32_t)i, (uint32_t)(j - i), 0, 0,
                              false};
        container_plan_rows(c, rows);
        i = j;
    }
    return count;
}

static void put16(uint8_t **at, uint32_t v)
{
    const uint16_t x = (uint16_t)v;
    memcpy(*at, &x, sizeof x);
    *at += sizeof x;
}
static void put32(uint8_t **at, uint32_t v)
{
    memcpy(*at, &v, sizeof v);
    *at += sizeof v;
}

static void write_runs(uint8_t **at, const container_plan *c,
                       const uint32_t *rows)
{
    put16(at, c->runs);
    for (uint32_t i = 0; i < c->n;) {
        uint32_t j = i + 1;
        while (j < c->n &&
               rows[c->first + j] == rows[c->first + j - 1] + 1)
            j++;
        put16(at, rows[c->first + i] & 0xffff);
        put16(at, j - i - 1);
        i = j;
    }
}

static void write_array(uint8_t *out, const container_plan *c,
                        const uint32_t *rows)
{
    for (uint32_t i = 0; i < c->n; i++) {
        const uint16_t low = (uint16_t)rows[c->first + i];
        memcpy(out + sizeof low * i, &low, sizeof low);
    }
}

void container_write(uint8_t *out, const container_plan *c,
                     const uint32_t *rows)
{
    if (c->is_run) {
        write_runs(&out, c, rows);
        return;
    }
    if (c->n <= BLOCK_ARRAY_MAX) {
        write_array(out, c, rows);
        return;
    }
    memset(out, 0, 8192);
    for (uint32_t i = 0; i < c->n; i++) {
        const uint32_t row = rows[c->first + i] & 0xffff;
        out[row >> 3] |= (uint8_t)(1u << (row & 7));
    }
}

static size_t header_size(uint32_t n, bool any_run)
{
    if (!any_run)
        return 8 + 8 * (size_t)n;
    return 4 + (n + 7) / 8 + 4 * (size_t)n +
           (n >= NO_OFFSET_BELOW ? 4 * (size_t)n : 0);
}

static void write_header(uint8_t **at, const container_plan *plans,
                         uint32_t n, bool any_run)
{
    uint32_t offset = (uint32_t)header_size(n, any_run);
    if (any_run) {
        put32(at, COOKIE_RUN | (n - 1) << 16);
        memset(*at, 0, (n + 7) / 8);
        for (uint32_t i = 0; i < n; i++)
            if (plans[i].is_run)
                (*at)[i >> 3] |= (uint8_t)(1u << (i & 7));
        *at += (n + 7) / 8;
    } else {
        put32(at, COOKIE_NO_RUN);
        put32(at, n);
    }
    for (uint32_t i = 0; i < n; i++) {
        put16(at, plans[i].key);
        put16(at, plans[i].n - 1);
    }
    if (any_run && n < NO_OFFSET_BELOW)
        return;
    for (uint32_t i = 0; i < n; i++) {
        put32(at, offset);
        offset += plans[i].size;
    }
}

void layer_writer_init(layer_writer *w)
{
    memset(w, 0, sizeof *w);
}

/* Planes begin at even bytes, as rows are of two; where there are bitsets at
 * multiples of 8, and so that what stands `words_at` bytes in them, the first
 * bitset, begins a cache line where that is possible. Bitsets follow each
 * other, so all of a dense plane then do. */
static size_t place_plane(size_t end, size_t words_at)
{
    if (words_at == 0)
        return (end + 1) & ~(size_t)1;
    if (words_at % 8 != 0)
        return (end + 7) & ~(size_t)7;
    const size_t line = LINE_BYTES - 1;
    return ((end + words_at + line) & ~line) - words_at;
}

/* Bytes of a plane before its first bitset; 0 when it has none. */
static size_t first_bitset(const container_plan *plans, uint32_t n,
                           size_t header)
{
    size_t at = header;
    for (uint32_t i = 0; i < n; i++) {
        if (!plans[i].is_run && plans[i].n > BLOCK_ARRAY_MAX)
            return at;
        at += plans[i].size;
    }
    return 0;
}

void layer_writer_to(layer_writer *w, index_write_fn write, void *payload)
{
    ASSERT(w->len == 0 && write != NULL);
    w->write = write;
    w->payload = payload;
}

/* Once it has failed nothing more is written. */
static void give_away(layer_writer *w)
{
    if (w->rc == 0 && w->len > w->given)
        w->rc = w->write(w->payload, w->planes + PLANES_AT, w->len - w->given);
    w->given = w->len;
}

uint8_t *layer_writer_put(layer_writer *w, const plane_key *key, size_t len,
                          uint64_t cardinality, size_t words_at)
{
    const size_t start = place_plane(w->len, words_at);
    ASSERT(len <= UINT32_MAX && cardinality <= UINT32_MAX);
    if (w->write && w->len - w->given >= GIVE_BYTES)
        give_away(w);
    mem_grow(&w->planes, &w->planes_capacity,
             PLANES_AT + start + len - w->given, 1);
    mem_grow(&w->entries, &w->capacity, w->count + 1, sizeof *w->entries);
    uint8_t *planes = w->planes + PLANES_AT;
    memset(planes + (w->len - w->given), 0, start - w->len);
    w->entries[w->count++] = (layer_entry){*key, start, (uint32_t)len,
                                           (uint32_t)cardinality};
    w->len = start + len;
    return planes + (start - w->given);
}

const uint8_t *container_of_view(container_plan *out, const plane_view *v,
                                 uint32_t i)
{
    static const uint8_t full[] = {1, 0, 0, 0, 0xff, 0xff}; /* one run */
    const block_ref b = view_container(v, i, &out->key);
    const uint8_t *bytes = b.data;

    out->n = view_container_count(v, i);
    out->is_run = b.type == BLOCK_FULL || b.type == BLOCK_RUN;
    switch (b.type) {
    case BLOCK_FULL:
        out->size = sizeof full;
        return full;
    case BLOCK_RUN:
        out->size = 2 + 4 * b.n;
        return bytes - 2; /* their number stands before them */
    case BLOCK_ARRAY:
        out->size = 2 * b.n;
        return bytes;
    default:
        ASSERT(b.type == BLOCK_BITSET);
        out->size = 8192;
        return bytes;
    }
}

/* Room for the containers of a plane, behind its header, which is written. */
static uint8_t *put_header(layer_writer *w, const plane_key *key,
                           const container_plan *plans, uint32_t count,
                           uint64_t rows)
{
    bool any_run = false;
    size_t size = 0;

    for (uint32_t i = 0; i < count; i++) {
        any_run |= plans[i].is_run;
        size += plans[i].size;
    }
    const size_t header = header_size(count, any_run);
    uint8_t *at = layer_writer_put(w, key, header + size, rows,
                                   first_bitset(plans, count, header));
    write_header(&at, plans, count, any_run);
    return at;
}

void layer_writer_rows(layer_writer *w, const plane_key *key,
                       const uint32_t *rows, size_t n)
{
    if (n == 0)
        return;

    const uint32_t count =
        plan_containers(&w->plans, &w->plan_capacity, rows, n);
    uint8_t *at = put_header(w, key, w->plans, count, n);
    for (uint32_t i = 0; i < count; i++) {
        container_write(at, &w->plans[i], rows);
        at += w->plans[i].size;
    }
}

void layer_writer_containers(layer_writer *w, const plane_key *key,
                             const container_plan *plans,
                             const uint8_t *const *bytes, uint32_t n)
{
    uint64_t rows = 0;

    for (uint32_t i = 0; i < n; i++)
        rows += plans[i].n;
    if (n == 0)
        return;
    uint8_t *at = put_header(w, key, plans, n, rows);
    for (uint32_t i = 0; i < n;) {
        const uint8_t *start = bytes[i];
        size_t size = 0;
        do
            size += plans[i++].size;
        while (i < n && bytes[i] == start + size);
        memcpy(at, start, size);
        at += size;
    }
}

static int entry_compare(const void *a, const void *b)
{
    const layer_entry *x = a;
    const layer_entry *y = b;
    return plane_key_compare(&x->key, &y->key);
}

static bool is_sorted(const layer_writer *w)
{
    for (size_t i = 1; i < w->count; i++)
        if (entry_compare(&w->entries[i - 1], &w->entries[i]) >= 0)
            return false;
    return true;
}

/* Gives back what is too much and moves the planes to where a line begins, if
 * they do not stand there. */
static const uint8_t *align_planes(layer_writer *w)
{
    w->planes = mem_realloc(w->planes, LINE_BYTES + w->len);
    uint8_t *line =
        w->planes + (-(uintptr_t)w->planes & (LINE_BYTES - 1));
    if (line != w->planes + PLANES_AT)
        memmove(line, w->planes + PLANES_AT, w->len);
    return line;
}

static void sort_entries(layer_writer *w)
{
    if (!is_sorted(w))
        qsort(w->entries, w->count, sizeof *w->entries, entry_compare);
    ASSERT(is_sorted(w));
}

int layer_writer_end(layer_writer *w, buffer *directory)
{
    ASSERT(w->write != NULL);
    give_away(w);
    sort_entries(w);
    layer_directory_encode(w->entries, w->count, directory);
    const int rc = w->rc;
    mem_free(w->plans);
    mem_free(w->entries);
    mem_free(w->planes);
    layer_writer_init(w);
    return rc;
}

index_layer *layer_writer_finish(layer_writer *w)
{
    index_layer *l = mem_zalloc(sizeof *l);

    ASSERT(w->write == NULL);
    sort_entries(w);
    mem_free(w->plans);
    l->refs = 1;
    if (w->count > 0) {
        l->planes = align_planes(w);
        w->entries = mem_realloc(w->entries, w->count * sizeof *w->entries);
        l->own_bytes = LINE_BYTES + w->len + w->count * sizeof *w->entries;
    }
    l->own_entries = w->entries;
    l->own_planes = w->planes;
    l->entries = w->entries;
    l->count = w->count;
    l->planes_len = w->len;
    layer_writer_init(w);
    return l;
}
