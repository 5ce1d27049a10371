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

/* Of a container that is no array. Apart: half a stack of rows would be paid
 * for by the many that are. A damaged one may hold more rows than it says:
 * there is room for all of a block. */
__attribute__((noinline)) static size_t pick_all(event_sums *s, uint32_t block,
                                                 block_ref rows)
{
    uint16_t low[BLOCK_ROWS];
    const uint32_t n = block_rows(rows, low);

    mem_grow(&s->picked, &s->picked_capacity, n, sizeof *s->picked);
    for (uint32_t i = 0; i < n; i++)
        s->picked[i] = block << 16 | low[i];
    return n;
}

/* The rows of a container into s->picked; returns their number. */
static size_t pick_rows(event_sums *s, uint32_t block, block_ref rows)
{
    if (rows.type != BLOCK_ARRAY)
        return pick_all(s, block, rows);
    mem_grow(&s->picked, &s->picked_capacity, rows.n, sizeof *s->picked);
    for (uint32_t i = 0; i < rows.n; i++) {
        uint16_t low;
        memcpy(&low, (const uint8_t *)rows.data + sizeof low * i, sizeof low);
        s->picked[i] = block << 16 | low;
    }
    return rows.n;
}

/* From `at` on; it is there. */
static inline size_t find_row(const event_sums *s, size_t at, uint32_t row)
{
    while (at < s->n && s->rows[at] < row)
        at++;
    ASSERT(at < s->n && s->rows[at] == row);
    return at;
}

void sums_seen(event_sums *s, uint32_t block, block_ref rows)
{
    const size_t n = pick_rows(s, block, rows);

    ASSERT(s->n == 0);
    sums_reserve(s, n);
    memcpy(s->rows, s->picked, n * sizeof *s->rows);
    for (size_t i = 0; i < n; i++)
        s->counts[i] = 1;
    memset(s->amounts, 0, n * sizeof *s->amounts);
    s->n = n;
}

void sums_count(event_sums *s, uint32_t block, block_ref rows, uint32_t bit)
{
    const size_t n = pick_rows(s, block, rows);
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        at = find_row(s, at, s->picked[i]);
        s->counts[at] += 1u << bit;
    }
}

void sums_amount(event_sums *s, uint32_t block, block_ref rows, uint32_t bit)
{
    const size_t n = pick_rows(s, block, rows);
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        at = find_row(s, at, s->picked[i]);
        s->amounts[at] += (int64_t)1 << bit;
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

sums_bits sums_bits_of(const event_sums *s)
{
    sums_bits any = {0, 0};

    for (size_t i = 0; i < s->n; i++) {
        any.counts |= s->counts[i] - 1;
        any.amounts |= (uint64_t)s->amounts[i];
    }
    return any;
}

size_t sums_pick_count(event_sums *s, uint32_t bit)
{
    size_t n = 0;

    mem_grow(&s->picked, &s->picked_capacity, s->n, sizeof *s->picked);
    for (size_t i = 0; i < s->n; i++)
        if (((s->counts[i] - 1) >> bit) & 1)
            s->picked[n++] = s->rows[i];
    return n;
}

size_t sums_pick_amount(event_sums *s, uint32_t bit)
{
    size_t n = 0;

    mem_grow(&s->picked, &s->picked_capacity, s->n, sizeof *s->picked);
    for (size_t i = 0; i < s->n; i++)
        if (((uint64_t)s->amounts[i] >> bit) & 1)
            s->picked[n++] = s->rows[i];
    return n;
}

void sums_write(layer_writer *out, plane_key slot, event_sums *s)
{
    const sums_bits any = sums_bits_of(s);

    slot.role = ROLE_SEEN;
    slot.slice = 0;
    layer_writer_rows(out, &slot, s->rows, s->n);
    slot.role = ROLE_COUNT;
    for (uint32_t bit = 0; bit < 32 && any.counts >> bit; bit++) {
        const size_t n = sums_pick_count(s, bit); /* may move s->picked */
        slot.slice = (uint8_t)bit;
        layer_writer_rows(out, &slot, s->picked, n);
    }
    slot.role = ROLE_AMOUNT;
    for (uint32_t bit = 0; bit < 63 && any.amounts >> bit; bit++) {
        const size_t n = sums_pick_amount(s, bit);
        slot.slice = (uint8_t)bit;
        layer_writer_rows(out, &slot, s->picked, n);
    }
}
