/*
 * builder_profile.c - the profile facts of one group to planes.
 *
 * A run of sayings of one row folds to a small state, which is written to
 * planes. The state of a row's sayings in a one_of (many_of: neither hard nor
 * soft until a clear or an array):
 *     hard   older layers say nothing any more
 *     soft   all sayings so far were of one value; older layers keep it
 *     lost   values taken away from older layers
 *     adds   values said, each with its latest expiry
 * Most rows have one saying, or values added at once, and need no state.
 *
 * SET and REMOVED planes are gathered by split.h; HARD, SOFT and the slices of
 * numbers, of which there is one each, in lists of their own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/builder.h"

#include <stdlib.h>

#include "index/split.h"

typedef struct row_list {
    uint32_t *rows;
    size_t count;
    size_t capacity;
} row_list;

static inline void list_add(row_list *l, uint32_t row)
{
    if (l->count == l->capacity)
        mem_grow(&l->rows, &l->capacity, l->count + 1, sizeof *l->rows);
    l->rows[l->count++] = row;
}

typedef struct saying {
    uint32_t value;  /* numbers: 0 */
    int64_t number;  /* numbers only */
    uint32_t expiry;
} saying;

typedef struct row_state {
    bool hard;
    bool soft;
    bool is_number;
    saying *adds;
    size_t add_count;
    size_t add_capacity;
    uint32_t *lost;
    size_t lost_count;
    size_t lost_capacity;
} row_state;

struct profile_maker {
    const int64_t *numbers;
    row_state state;
    row_split split;
    row_list hard;
    row_list soft;
    row_list said; /* rows of numbers */
    int64_t *said_numbers; /* theirs */
    size_t said_capacity;
    row_list picked; /* rows of one slice */
};

profile_maker *profile_maker_new(const int64_t *numbers)
{
    profile_maker *m = mem_zalloc(sizeof *m);
    m->numbers = numbers;
    split_init(&m->split);
    return m;
}

void profile_maker_free(profile_maker *m)
{
    if (!m)
        return;
    split_release(&m->split);
    mem_free(m->state.adds);
    mem_free(m->state.lost);
    mem_free(m->hard.rows);
    mem_free(m->soft.rows);
    mem_free(m->said.rows);
    mem_free(m->said_numbers);
    mem_free(m->picked.rows);
    mem_free(m);
}

/* ---- sayings of one row ---- */

static void state_reset(row_state *s)
{
    s->hard = s->soft = s->is_number = false;
    s->add_count = s->lost_count = 0;
}

static saying *state_find(row_state *s, uint32_t value, int64_t number)
{
    for (size_t i = 0; i < s->add_count; i++)
        if (s->adds[i].value == value && s->adds[i].number == number)
            return &s->adds[i];
    return NULL;
}

/* The rows this state has said `value`: later expiry wins. */
static void state_say(row_state *s, uint32_t value, int64_t number,
                      uint32_t expiry)
{
    saying *old = state_find(s, value, number);
    if (old) {
        if (expiry > old->expiry)
            old->expiry = expiry;
        return;
    }
    mem_grow(&s->adds, &s->add_capacity, s->add_count + 1, sizeof *s->adds);
    s->adds[s->add_count++] = (saying){value, number, expiry};
}

static bool state_lost(const row_state *s, uint32_t value)
{
    for (size_t i = 0; i < s->lost_count; i++)
        if (s->lost[i] == value)
            return true;
    return false;
}

static void state_set(row_state *s, uint32_t value, int64_t number,
                      uint32_t expiry)
{
    const bool same = state_find(s, value, number) != NULL;

    if (!same) {
        if (s->soft || s->add_count > 0 || state_lost(s, value))
            s->hard = true;
        s->soft = !s->hard;
        s->add_count = 0;
        s->lost_count = 0;
    }
    state_say(s, value, number, expiry);
}

static void state_remove(row_state *s, uint32_t value)
{
    saying *old = state_find(s, value, 0);
    if (old)
        *old = s->adds[--s->add_count];
    if (s->soft && old) {
        s->soft = false;
        s->hard = true;
    }
    if (s->hard || s->soft || state_lost(s, value))
        return;
    mem_grow(&s->lost, &s->lost_capacity, s->lost_count + 1, sizeof *s->lost);
    s->lost[s->lost_count++] = value;
}

static void state_apply(row_state *s, const int64_t *numbers,
                        const profile_op *op)
{
    const uint32_t value = op->code & CODE_MASK;
    switch (op->code >> OP_SHIFT) {
    case INDEX_SET:
        state_set(s, value, 0, op->expiry);
        return;
    case INDEX_ADD:
        state_say(s, value, 0, op->expiry);
        return;
    case INDEX_REMOVE:
        state_remove(s, value);
        return;
    case OP_NUMBER:
        s->is_number = true;
        state_set(s, 0, numbers[value], op->expiry);
        return;
    default:
        ASSERT(op->code >> OP_SHIFT == INDEX_CLEAR);
        s->hard = true;
        s->soft = false;
        s->add_count = s->lost_count = 0;
    }
}

/* ---- one row to planes ---- */

static void emit_value(profile_maker *m, uint32_t row, uint32_t value,
                       uint32_t expiry)
{
    split_add(&m->split, ROLE_SET, value, expiry, row);
}

static void emit_number(profile_maker *m, uint32_t row, int64_t scaled,
                        uint32_t expiry)
{
    emit_value(m, row, INDEX_NO_VALUE, expiry);
    list_add(&m->said, row);
    mem_grow(&m->said_numbers, &m->said_capacity, m->said.count,
             sizeof *m->said_numbers);
    m->said_numbers[m->said.count - 1] = scaled;
}

static void emit_state(profile_maker *m, uint32_t row)
{
    const row_state *s = &m->state;

    if (s->hard)
        list_add(&m->hard, row);
    else if (s->soft)
        list_add(&m->soft, row);
    for (size_t i = 0; i < s->lost_count; i++)
        split_add(&m->split, ROLE_REMOVED, s->lost[i], 0, row);
    for (size_t i = 0; i < s->add_count; i++)
        if (s->is_number)
            emit_number(m, row, s->adds[i].number, s->adds[i].expiry);
        else
            emit_value(m, row, s->adds[i].value, s->adds[i].expiry);
}

/* The only saying of its row. */
static void emit_one(profile_maker *m, const profile_op *op)
{
    const uint32_t value = op->code & CODE_MASK;

    switch (op->code >> OP_SHIFT) {
    case INDEX_SET:
        list_add(&m->soft, op->row);
        emit_value(m, op->row, value, op->expiry);
        return;
    case INDEX_ADD:
        emit_value(m, op->row, value, op->expiry);
        return;
    case OP_NUMBER:
        list_add(&m->soft, op->row);
        emit_number(m, op->row, m->numbers[value], op->expiry);
        return;
    default:
        state_reset(&m->state);
        state_apply(&m->state, m->numbers, op);
        emit_state(m, op->row);
    }
}

/* Values added with one expiry: nothing is to be folded. */
static bool are_adds(const profile_op *ops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ops[i].code >> OP_SHIFT != INDEX_ADD ||
            ops[i].expiry != ops[0].expiry)
            return false;
    return true;
}

/* More sayings of one row than this are folded value by value: the state is
 * a list that is searched from end to end. */
#define SAYINGS_MANY 64

static int compare_u64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Are these sayings ones that each concern one value (ADD, REMOVE), but for
 * CLEARs? *start is behind the last of those; 0 = there is none. */
static bool is_by_value(const profile_op *ops, size_t n, size_t *start)
{
    *start = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t op = ops[i].code >> OP_SHIFT;
        if (op == INDEX_CLEAR)
            *start = i + 1;
        else if (op != INDEX_ADD && op != INDEX_REMOVE)
            return false;
    }
    return true;
}

/* A row of many sayings by value, of which those before `start` are void. */
static void emit_wide(profile_maker *m, const profile_op *ops, size_t n,
                      size_t start)
{
    row_state *s = &m->state;
    uint64_t *sorted = mem_array(n + 1, sizeof *sorted);
    const size_t count = n - start;

    for (size_t i = 0; i < count; i++)
        sorted[i] = (uint64_t)(ops[start + i].code & CODE_MASK) << 32 |
                    (start + i);
    qsort(sorted, count, sizeof *sorted, compare_u64);
    if (start > 0)
        list_add(&m->hard, ops->row);
    for (size_t i = 0; i < count;) {
        const uint64_t value = sorted[i] >> 32;
        state_reset(s);
        s->hard = start > 0;
        for (; i < count && sorted[i] >> 32 == value; i++)
            state_apply(s, m->numbers, &ops[(uint32_t)sorted[i]]);
        s->hard = false; /* told once, above */
        emit_state(m, ops->row);
    }
    mem_free(sorted);
}

/* All sayings of one row. */
static void emit_row(profile_maker *m, const profile_op *ops, size_t n)
{
    size_t start;

    if (n == 1) {
        emit_one(m, ops);
    } else if (are_adds(ops, n)) {
        for (size_t i = 0; i < n; i++)
            emit_one(m, &ops[i]);
    } else if (n > SAYINGS_MANY && is_by_value(ops, n, &start)) {
        emit_wide(m, ops, n, start);
    } else {
        state_reset(&m->state);
        for (size_t i = 0; i < n; i++)
            state_apply(&m->state, m->numbers, &ops[i]);
        emit_state(m, ops->row);
    }
}

/* ---- planes ---- */

static void write_list(row_list *l, const plane_key *group, plane_role role,
                       layer_writer *out)
{
    plane_key key = *group;
    key.role = (uint8_t)role;
    layer_writer_rows(out, &key, l->rows, l->count);
    l->count = 0;
}

static void write_signs(profile_maker *m, const plane_key *group,
                        layer_writer *out)
{
    for (size_t i = 0; i < m->said.count; i++)
        if (m->said_numbers[i] < 0)
            list_add(&m->picked, m->said.rows[i]);
    write_list(&m->picked, group, ROLE_SIGN, out);
}

/* Numbers become their bits, slice by slice. */
static void write_slices(profile_maker *m, const plane_key *group,
                         layer_writer *out)
{
    uint64_t any = 0;

    for (size_t i = 0; i < m->said.count; i++) {
        const uint64_t bits = number_bits(m->said_numbers[i]);
        m->said_numbers[i] = (int64_t)bits;
        any |= bits;
    }
    for (; any; any &= any - 1) {
        const int bit = __builtin_ctzll(any);
        plane_key key = *group;
        key.slice = (uint8_t)bit;
        for (size_t i = 0; i < m->said.count; i++)
            if (((uint64_t)m->said_numbers[i] >> bit) & 1)
                list_add(&m->picked, m->said.rows[i]);
        write_list(&m->picked, &key, ROLE_BIT, out);
    }
}

/* What stands at value 0 and bucket 0, behind the values said there. */
static void write_singles(profile_maker *m, const plane_key *group,
                          layer_writer *out)
{
    write_signs(m, group, out);
    write_slices(m, group, out);
    write_list(&m->hard, group, ROLE_HARD, out);
    write_list(&m->soft, group, ROLE_SOFT, out);
    m->said.count = 0;
}

/* In the order of a directory. */
static void write_planes(profile_maker *m, const plane_key *group,
                         layer_writer *out)
{
    row_split *s = &m->split;
    size_t i = 0;

    split_deal(s);
    for (; i < s->count && s->planes[i].place == 0 &&
           s->planes[i].role == ROLE_SET;
         i++)
        split_write(s, i, group, out);
    write_singles(m, group, out);
    for (; i < s->count; i++)
        split_write(s, i, group, out);
    split_clear(s);
}

void profile_make(profile_maker *m, const plane_key *group,
                  const profile_op *ops, size_t n, layer_writer *out)
{
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;
        while (end < n && ops[end].row == ops[i].row)
            end++;
        emit_row(m, ops + i, end - i);
        i = end;
    }
    write_planes(m, group, out);
}

void profile_make_seen(profile_maker *m, const plane_key *group,
                       const profile_op *ops, size_t n, layer_writer *out)
{
    for (size_t i = 0; i < n; i++)
        emit_value(m, ops[i].row, INDEX_NO_VALUE, ops[i].expiry);
    write_planes(m, group, out);
}
