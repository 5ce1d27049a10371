/*
 * sums.c - events of one slot as rows, counts and amounts (sums.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/sums.h"

void sums_release(event_sums *s)
{
    mem_free(s->rows);
    mem_free(s->counts);
    mem_free(s->amounts);
    mem_free(s->picked);
    memset(s, 0, sizeof *s);
}

void sums_reserve(event_sums *s, size_t n)
{
    if (n <= s->capacity)
        return;
    n = n > 2 * s->capacity ? n : 2 * s->capacity;
    s->rows = mem_realloc(s->rows, n * sizeof *s->rows);
    s->counts = mem_realloc(s->counts, n * sizeof *s->counts);
    s->amounts = mem_realloc(s->amounts, n * sizeof *s->amounts);
    s->capacity = n;
}

/* ---- reading ---- */

/* The rows of a plane, ascending; returns their number. Damaged planes may
 * hold more rows than they say: room is made by what is there. */
static size_t plane_rows_of(const plane_view *v, uint32_t **rows,
                            size_t *capacity)
{
    uint16_t low[BLOCK_ROWS];
    size_t n = 0;

    for (uint32_t i = 0; i < v->n; i++) {
        uint32_t block;
        const block_ref b = view_container(v, i, &block);
        const uint32_t count = block_rows(b, low);
        mem_grow(rows, capacity, n + count, sizeof **rows);
        for (uint32_t k = 0; k < count; k++)
            (*rows)[n++] = block << 16 | low[k];
    }
    return n;
}

static void add_slice(event_sums *s, const layer_entry *e, size_t n)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        while (at < s->n && s->rows[at] < s->picked[i])
            at++;
        ASSERT(at < s->n && s->rows[at] == s->picked[i]);
        if (e->key.role == ROLE_COUNT)
            s->counts[at] += 1u << e->key.slice;
        else
            s->amounts[at] += (int64_t)1 << e->key.slice;
    }
}

void sums_read(event_sums *s, const index_layer *l, size_t first, size_t end)
{
    ASSERT(first < end && l->entries[first].key.role == ROLE_SEEN);
    const plane_view seen = layer_view(l, &l->entries[first]);
    const size_t n = plane_rows_of(&seen, &s->picked, &s->picked_capacity);

    s->n = 0;
    sums_reserve(s, n);
    for (size_t i = 0; i < n; i++)
        sums_add(s, s->picked[i], 1, 0, UINT32_MAX);
    for (size_t i = first + 1; i < end; i++) {
        const plane_view slice = layer_view(l, &l->entries[i]);
        add_slice(s, &l->entries[i],
                  plane_rows_of(&slice, &s->picked, &s->picked_capacity));
    }
}

/* ---- adding ---- */

static void append(event_sums *a, const event_sums *b)
{
    memcpy(a->rows + a->n, b->rows, b->n * sizeof *a->rows);
    memcpy(a->counts + a->n, b->counts, b->n * sizeof *a->counts);
    memcpy(a->amounts + a->n, b->amounts, b->n * sizeof *a->amounts);
    a->n += b->n;
}

/* From the back, so that rows of a move up once and in place. */
static void merge_back(event_sums *a, const event_sums *b, uint32_t cap)
{
    size_t i = a->n;
    size_t j = b->n;
    size_t to = a->n + b->n;
    const size_t end = to;

    while (j > 0) {
        to--;
        if (i > 0 && a->rows[i - 1] >= b->rows[j - 1]) {
            i--;
            a->rows[to] = a->rows[i];
            a->counts[to] = a->counts[i];
            a->amounts[to] = a->amounts[i];
            if (a->rows[to] != b->rows[j - 1])
                continue;
            a->counts[to] = count_add(a->counts[to], b->counts[j - 1], cap);
            a->amounts[to] = amount_add(a->amounts[to], b->amounts[j - 1]);
            j--;
            continue;
        }
        j--;
        a->rows[to] = b->rows[j];
        a->counts[to] = b->counts[j];
        a->amounts[to] = b->amounts[j];
    }
    /* what is left of a stands in [0, i); close the hole of equal rows */
    memmove(a->rows + i, a->rows + to, (end - to) * sizeof *a->rows);
    memmove(a->counts + i, a->counts + to, (end - to) * sizeof *a->counts);
    memmove(a->amounts + i, a->amounts + to,
            (end - to) * sizeof *a->amounts);
    a->n = i + (end - to);
}

void sums_merge(event_sums *a, const event_sums *b, uint32_t cap)
{
    sums_reserve(a, a->n + b->n);
    if (a->n == 0 || b->n == 0 || a->rows[a->n - 1] < b->rows[0])
        append(a, b);
    else
        merge_back(a, b, cap);
}

/* ---- writing ---- */

static void write_counts(layer_writer *out, plane_key key, event_sums *s)
{
    uint32_t any = 0;

    for (size_t i = 0; i < s->n; i++)
        any |= s->counts[i] - 1;
    key.role = ROLE_COUNT;
    for (uint8_t bit = 0; bit < 32 && any >> bit; bit++) {
        size_t n = 0;
        key.slice = bit;
        for (size_t i = 0; i < s->n; i++)
            if (((s->counts[i] - 1) >> bit) & 1)
                s->picked[n++] = s->rows[i];
        layer_writer_rows(out, &key, s->picked, n);
    }
}

static void write_amounts(layer_writer *out, plane_key key, event_sums *s)
{
    uint64_t any = 0;

    for (size_t i = 0; i < s->n; i++)
        any |= (uint64_t)s->amounts[i];
    key.role = ROLE_AMOUNT;
    for (uint8_t bit = 0; bit < 63 && any >> bit; bit++) {
        size_t n = 0;
        key.slice = bit;
        for (size_t i = 0; i < s->n; i++)
            if (((uint64_t)s->amounts[i] >> bit) & 1)
                s->picked[n++] = s->rows[i];
        layer_writer_rows(out, &key, s->picked, n);
    }
}

void sums_write(layer_writer *out, plane_key slot, event_sums *s)
{
    if (s->n == 0)
        return;
    mem_grow(&s->picked, &s->picked_capacity, s->n, sizeof *s->picked);
    slot.role = ROLE_SEEN;
    slot.slice = 0;
    layer_writer_rows(out, &slot, s->rows, s->n);
    write_counts(out, slot, s);
    write_amounts(out, slot, s);
}
