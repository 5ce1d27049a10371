/*
 * builder_event.c - the events of one group to planes.
 *
 * Events are sorted by bucket and row and written once under any value, then
 * sorted by value and written under theirs; the sorts are stable, so three
 * keys take one sort each. A slot (value, bucket) whose events are single
 * ones of different rows, as most are, is its rows; others are added up
 * (sums.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/builder.h"

#include <stddef.h>

#include "index/order.h"
#include "index/sums.h"

struct event_maker {
    const event_extra *extras;
    event_sums sums;
};

event_maker *event_maker_new(const event_extra *extras)
{
    event_maker *m = mem_zalloc(sizeof *m);
    m->extras = extras;
    return m;
}

void event_maker_free(event_maker *m)
{
    if (!m)
        return;
    sums_release(&m->sums);
    mem_free(m);
}

/* Adds up the events of one slot. */
static void add_up(event_maker *m, const event_op *ops, size_t n,
                   uint32_t cap)
{
    for (size_t i = 0; i < n; i++) {
        const event_extra one = {1, 0};
        const event_extra *x =
            ops[i].extra ? &m->extras[ops[i].extra] : &one;
        sums_add(&m->sums, ops[i].row, x->count, x->amount, cap);
    }
}

/* The rows of a slot of single events; false when some are not. */
static bool take_rows(event_maker *m, const event_op *ops, size_t n)
{
    uint32_t *rows = m->sums.rows;
    uint32_t extra = ops[0].extra;
    bool grow = true;

    rows[0] = ops[0].row;
    for (size_t i = 1; i < n; i++) {
        rows[i] = ops[i].row;
        extra |= ops[i].extra;
        grow &= ops[i].row > ops[i - 1].row;
    }
    return extra == 0 && grow;
}

static void write_slot(event_maker *m, const plane_key *slot, uint32_t cap,
                       const event_op *ops, size_t n, layer_writer *out)
{
    m->sums.n = 0;
    sums_reserve(&m->sums, n);
    if (take_rows(m, ops, n)) {
        plane_key key = *slot;
        key.role = ROLE_SEEN;
        layer_writer_rows(out, &key, m->sums.rows, n);
        return;
    }
    add_up(m, ops, n, cap);
    sums_write(out, *slot, &m->sums);
}

/* Writes sorted events, slot by slot; `any`: whatever their value. */
static void write_slots(event_maker *m, const plane_key *group, uint32_t cap,
                        bool any, const event_op *ops, size_t n,
                        layer_writer *out)
{
    plane_key slot = *group;

    for (size_t i = 0; i < n;) {
        size_t end = i + 1;
        while (end < n && ops[end].bucket == ops[i].bucket &&
               (any || ops[end].value == ops[i].value))
            end++;
        slot.value = any ? INDEX_NO_VALUE : ops[i].value;
        slot.bucket = ops[i].bucket;
        write_slot(m, &slot, cap, ops + i, end - i, out);
        i = end;
    }
}

/* The smallest and the largest of what one sort goes by. */
typedef struct key_range {
    uint32_t least;
    uint32_t most;
} key_range;

static inline void range_add(key_range *r, uint32_t v)
{
    r->least = v < r->least ? v : r->least;
    r->most = v > r->most ? v : r->most;
}

/* Events sorted by one member; *items and *spare may change places. */
static void sort_by(event_op **items, event_op **spare, size_t n, size_t at,
                    key_range r)
{
    event_op *sorted =
        order_items(*items, *spare, n, sizeof **items, at, r.least, r.most);
    if (sorted != *items) {
        *spare = *items;
        *items = sorted;
    }
}

/* Events that have a value; returns their number. */
static size_t keep_valued(event_op *ops, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (ops[i].value != INDEX_NO_VALUE)
            ops[kept++] = ops[i];
    return kept;
}

void event_make(event_maker *m, const plane_key *group, uint32_t cap,
                event_op *ops, event_op *spare, size_t n, layer_writer *out)
{
    key_range rows = {UINT32_MAX, 0};
    key_range buckets = rows;
    key_range values = rows;

    for (size_t i = 0; i < n; i++) {
        range_add(&rows, ops[i].row);
        range_add(&buckets, ops[i].bucket);
        range_add(&values, ops[i].value);
    }
    sort_by(&ops, &spare, n, offsetof(event_op, row), rows);
    sort_by(&ops, &spare, n, offsetof(event_op, bucket), buckets);
    write_slots(m, group, cap, true, ops, n, out);
    n = keep_valued(ops, n);
    sort_by(&ops, &spare, n, offsetof(event_op, value), values);
    write_slots(m, group, cap, false, ops, n, out);
}
