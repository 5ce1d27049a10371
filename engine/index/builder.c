/*
 * builder.c - facts in log order to one closed delta.
 *
 * Facts are appended to two streams: profile operations, numbered by group
 * (attribute, provider), and events, numbered by slot (attribute, provider,
 * value, bucket), each event twice: under its value and under any. Finish
 * sorts each stream by number and row, stable, so that the sayings of one row
 * stand together in log order; a run of sayings folds to a small state that
 * is written to planes row by row, ascending.
 *
 * The state of a row's sayings in a one_of (many_of: neither hard nor soft
 * until a clear or an array):
 *     hard   older layers say nothing any more
 *     soft   all sayings so far were of one value; older layers keep it
 *     lost   values taken away from older layers
 *     adds   values said, each with its latest expiry
 *
 * Cost: 16 bytes a profile fact, 32 an event, while building; time about
 * 40 ns a fact. Not thread-safe.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/builder.h"

#include <stddef.h>

#include "index/order.h"

typedef struct profile_op {
    uint32_t group;
    uint32_t row;
    uint32_t code; /* op in the top 4 bits; value or index into numbers */
    uint32_t expiry;
} profile_op;

typedef struct event_op {
    uint32_t slot;
    uint32_t row;
    uint32_t count;
    uint32_t amount; /* index into amounts; 0 = none */
} event_op;

typedef struct seen_list {
    uint32_t *rows;
    size_t count;
    size_t capacity;
} seen_list;

#define OP_NUMBER 5u
#define OP_SHIFT 28
#define CODE_MASK ((1u << OP_SHIFT) - 1)

struct index_builder {
    key_table groups;
    profile_op *ops;
    size_t op_count;
    size_t op_capacity;
    int64_t *numbers;
    size_t number_count;
    size_t number_capacity;

    key_table slots;
    uint32_t *caps; /* by slot */
    size_t cap_capacity;
    event_op *events;
    size_t event_count;
    size_t event_capacity;
    int64_t *amounts;
    size_t amount_count;
    size_t amount_capacity;
    key_table clears; /* group, with the row as value */
    size_t *upto;     /* events of it appended before this are gone */
    size_t upto_capacity;

    key_table seen; /* universe planes */
    seen_list *seen_lists;
    size_t seen_capacity;
    size_t seen_count;
};

index_builder *index_builder_new(void)
{
    index_builder *b = mem_zalloc(sizeof *b);
    key_table_init(&b->groups);
    key_table_init(&b->slots);
    key_table_init(&b->seen);
    key_table_init(&b->clears);
    return b;
}

void index_builder_free(index_builder *b)
{
    if (!b)
        return;
    key_table_release(&b->groups);
    key_table_release(&b->slots);
    for (size_t i = 0; i < b->seen_capacity; i++)
        mem_free(b->seen_lists[i].rows);
    key_table_release(&b->seen);
    key_table_release(&b->clears);
    mem_free(b->ops);
    mem_free(b->numbers);
    mem_free(b->caps);
    mem_free(b->events);
    mem_free(b->amounts);
    mem_free(b->upto);
    mem_free(b->seen_lists);
    mem_free(b);
}

size_t index_builder_facts(const index_builder *b)
{
    return b->op_count + b->event_count + b->seen_count;
}

static plane_key group_key(uint32_t attribute, uint32_t provider)
{
    ASSERT(provider <= UINT16_MAX);
    return (plane_key){attribute, (uint16_t)provider, 0, 0, 0, 0};
}

static void put_op(index_builder *b, uint32_t attribute, uint32_t provider,
                   profile_op op)
{
    const plane_key key = group_key(attribute, provider);
    bool fresh;

    op.group = key_table_put(&b->groups, &key, &fresh);
    mem_grow(&b->ops, &b->op_capacity, b->op_count + 1, sizeof *b->ops);
    b->ops[b->op_count++] = op;
}

void index_add_profile(index_builder *b, uint32_t attribute,
                       uint32_t provider, uint32_t row, index_op op,
                       uint32_t value, uint32_t expiry)
{
    ASSERT(value <= CODE_MASK);
    if (op == INDEX_CLEAR && b->event_count > 0) {
        plane_key key = group_key(attribute, provider);
        bool fresh;
        key.value = row;
        const uint32_t i = key_table_put(&b->clears, &key, &fresh);
        mem_grow(&b->upto, &b->upto_capacity, i + 1, sizeof *b->upto);
        b->upto[i] = b->event_count;
    }
    put_op(b, attribute, provider,
           (profile_op){0, row, (uint32_t)op << OP_SHIFT | value, expiry});
}

void index_add_number(index_builder *b, uint32_t attribute,
                      uint32_t provider, uint32_t row, int64_t scaled,
                      uint32_t expiry)
{
    ASSERT(b->number_count <= CODE_MASK);
    mem_grow(&b->numbers, &b->number_capacity, b->number_count + 1,
             sizeof *b->numbers);
    b->numbers[b->number_count] = scaled;
    const uint32_t code =
        OP_NUMBER << OP_SHIFT | (uint32_t)b->number_count++;
    put_op(b, attribute, provider, (profile_op){0, row, code, expiry});
}

static void put_event(index_builder *b, const plane_key *key, uint32_t cap,
                      event_op op)
{
    bool fresh;

    op.slot = key_table_put(&b->slots, key, &fresh);
    if (fresh) {
        mem_grow(&b->caps, &b->cap_capacity, b->slots.count, sizeof *b->caps);
        b->caps[op.slot] = cap;
    }
    mem_grow(&b->events, &b->event_capacity, b->event_count + 1,
             sizeof *b->events);
    b->events[b->event_count++] = op;
}

void index_add_event(index_builder *b, uint32_t attribute, uint32_t provider,
                     uint32_t cap, uint32_t value, uint32_t bucket,
                     uint32_t row, uint32_t count, int64_t amount)
{
    plane_key key = group_key(attribute, provider);
    event_op op = {0, row, count, 0};

    ASSERT(count >= 1 && cap >= 1 && amount >= 0);
    if (amount > 0) {
        if (b->amount_count == 0)
            b->amount_count = 1; /* 0 means none */
        mem_grow(&b->amounts, &b->amount_capacity, b->amount_count + 1,
                 sizeof *b->amounts);
        b->amounts[b->amount_count] = amount;
        op.amount = (uint32_t)b->amount_count++;
    }
    key.bucket = bucket;
    put_event(b, &key, cap, op);
    if (value != INDEX_NO_VALUE) {
        key.value = value;
        put_event(b, &key, cap, op);
    }
}

void index_add_seen(index_builder *b, uint32_t provider, uint32_t row,
                    uint32_t expiry)
{
    plane_key key = group_key(INDEX_UNIVERSE, provider);
    bool fresh;

    key.bucket = expiry;
    const uint32_t i = key_table_put(&b->seen, &key, &fresh);
    if (i >= b->seen_capacity) {
        const size_t old = b->seen_capacity;
        mem_grow(&b->seen_lists, &b->seen_capacity, i + 1,
                 sizeof *b->seen_lists);
        memset(b->seen_lists + old, 0,
               (b->seen_capacity - old) * sizeof *b->seen_lists);
    }
    seen_list *l = &b->seen_lists[i];
    if (l->count && l->rows[l->count - 1] == row)
        return;
    mem_grow(&l->rows, &l->capacity, l->count + 1, sizeof *l->rows);
    l->rows[l->count++] = row;
    b->seen_count++;
}

/* ---- rows gathered by plane ---- */

void plane_rows_init(plane_rows *p)
{
    key_table_init(&p->keys);
    p->lists = NULL;
    p->capacity = 0;
}

void plane_rows_add(plane_rows *p, const plane_key *key, uint32_t row)
{
    bool fresh;
    const uint32_t i = key_table_put(&p->keys, key, &fresh);
    if (i >= p->capacity) {
        const size_t old = p->capacity;
        mem_grow(&p->lists, &p->capacity, i + 1, sizeof *p->lists);
        memset(p->lists + old, 0, (p->capacity - old) * sizeof *p->lists);
    }
    row_list *l = &p->lists[i];
    mem_grow(&l->rows, &l->capacity, l->count + 1, sizeof *l->rows);
    l->rows[l->count++] = row;
}

void plane_rows_write(plane_rows *p, layer_writer *out)
{
    for (size_t i = 0; i < p->keys.count; i++) {
        layer_writer_rows(out, &p->keys.keys[i], p->lists[i].rows,
                          p->lists[i].count);
        p->lists[i].count = 0;
    }
    key_table_clear(&p->keys);
}

void plane_rows_release(plane_rows *p)
{
    for (size_t i = 0; i < p->capacity; i++)
        mem_free(p->lists[i].rows);
    mem_free(p->lists);
    key_table_release(&p->keys);
}

/* ---- profile: one row's sayings ---- */

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

static void state_apply(row_state *s, const index_builder *b,
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
        state_set(s, 0, b->numbers[value], op->expiry);
        return;
    default:
        ASSERT(op->code >> OP_SHIFT == INDEX_CLEAR);
        s->hard = true;
        s->soft = false;
        s->add_count = s->lost_count = 0;
    }
}

static void emit_number(plane_rows *p, plane_key key, int64_t scaled,
                        uint32_t row)
{
    const uint64_t bits = number_bits(scaled);
    key.bucket = 0;
    if (scaled < 0) {
        key.role = ROLE_SIGN;
        plane_rows_add(p, &key, row);
    }
    key.role = ROLE_BIT;
    for (uint64_t left = bits; left; left &= left - 1) {
        key.slice = (uint8_t)__builtin_ctzll(left);
        plane_rows_add(p, &key, row);
    }
}

static void emit_state(plane_rows *p, const row_state *s,
                       const plane_key *group, uint32_t row)
{
    plane_key key = *group;

    if (s->hard || s->soft) {
        key.role = s->hard ? ROLE_HARD : ROLE_SOFT;
        plane_rows_add(p, &key, row);
    }
    key.role = ROLE_REMOVED;
    for (size_t i = 0; i < s->lost_count; i++) {
        key.value = s->lost[i];
        plane_rows_add(p, &key, row);
    }
    for (size_t i = 0; i < s->add_count; i++) {
        key.role = ROLE_SET;
        key.value = s->adds[i].value;
        key.bucket = s->adds[i].expiry;
        plane_rows_add(p, &key, row);
        if (s->is_number)
            emit_number(p, *group, s->adds[i].number, row);
    }
}

static void finish_group(index_builder *b, uint32_t group,
                         const uint32_t *order, size_t n, plane_rows *p,
                         row_state *s)
{
    const plane_key *key = &b->groups.keys[group];
    size_t i = 0;
    while (i < n) {
        const uint32_t row = b->ops[order[i]].row;
        state_reset(s);
        while (i < n && b->ops[order[i]].row == row)
            state_apply(s, b, &b->ops[order[i++]]);
        emit_state(p, s, key, row);
    }
}

static void finish_profile(index_builder *b, layer_writer *out)
{
    const size_t n = b->op_count;
    const uint32_t groups = (uint32_t)b->groups.count;
    uint32_t *order = mem_array(n + 1, sizeof *order);
    size_t *first = mem_array(groups + 2, sizeof *first);
    uint64_t *scratch = NULL;
    size_t scratch_capacity = 0;
    plane_rows rows;
    row_state state = {0};

    plane_rows_init(&rows);
    order_by_group(b->ops, sizeof *b->ops, n, groups, order, first);
    for (uint32_t g = 0; g < groups; g++) {
        uint32_t *part = order + first[g];
        const size_t len = first[g + 1] - first[g];
        order_by_row(b->ops, sizeof *b->ops, offsetof(profile_op, row), part,
                     len, &scratch, &scratch_capacity);
        finish_group(b, g, part, len, &rows, &state);
        plane_rows_write(&rows, out);
    }
    plane_rows_release(&rows);
    mem_free(state.adds);
    mem_free(state.lost);
    mem_free(scratch);
    mem_free(order);
    mem_free(first);
}

/* ---- events ---- */

typedef struct event_sums {
    uint32_t *rows;
    uint32_t *counts;
    int64_t *amounts;
    uint32_t *picked;
    size_t n;
    size_t capacity;
} event_sums;

static void sums_reserve(event_sums *s, size_t n)
{
    if (n <= s->capacity)
        return;
    s->rows = mem_realloc(s->rows, n * sizeof *s->rows);
    s->counts = mem_realloc(s->counts, n * sizeof *s->counts);
    s->amounts = mem_realloc(s->amounts, n * sizeof *s->amounts);
    s->picked = mem_realloc(s->picked, n * sizeof *s->picked);
    s->capacity = n;
}

/* Was this event taken away by a later clear? */
static bool event_cleared(const index_builder *b, const plane_key *slot,
                          uint32_t row, size_t position)
{
    plane_key key = group_key(slot->attribute, slot->provider);
    key.value = row;
    const uint32_t i = key_table_find(&b->clears, &key);
    return i != UINT32_MAX && position < b->upto[i];
}

static uint32_t add_capped(uint32_t a, uint32_t b, uint32_t cap)
{
    const uint64_t sum = (uint64_t)a + b;
    return sum < cap ? (uint32_t)sum : cap;
}

static void sum_slot(const index_builder *b, uint32_t slot,
                     const uint32_t *order, size_t n, event_sums *s)
{
    const uint32_t cap = b->caps[slot];

    sums_reserve(s, n);
    s->n = 0;
    for (size_t i = 0; i < n; i++) {
        const event_op *op = &b->events[order[i]];
        if (b->clears.count && event_cleared(b, &b->slots.keys[slot],
                                             op->row, order[i]))
            continue;
        const int64_t amount = op->amount ? b->amounts[op->amount] : 0;
        if (s->n && s->rows[s->n - 1] == op->row) {
            s->counts[s->n - 1] =
                add_capped(s->counts[s->n - 1], op->count, cap);
            s->amounts[s->n - 1] =
                amount_add(s->amounts[s->n - 1], amount);
            continue;
        }
        s->rows[s->n] = op->row;
        s->counts[s->n] = add_capped(0, op->count, cap);
        s->amounts[s->n++] = amount;
    }
}

static void write_sums(layer_writer *out, plane_key key, event_sums *s)
{
    uint32_t any_count = 0;
    uint64_t any_amount = 0;

    key.role = ROLE_SEEN;
    layer_writer_rows(out, &key, s->rows, s->n);
    for (size_t i = 0; i < s->n; i++) {
        any_count |= s->counts[i] - 1;
        any_amount |= (uint64_t)s->amounts[i];
    }
    key.role = ROLE_COUNT;
    for (uint8_t bit = 0; any_count >> bit; bit++) {
        size_t n = 0;
        key.slice = bit;
        for (size_t i = 0; i < s->n; i++)
            if (((s->counts[i] - 1) >> bit) & 1)
                s->picked[n++] = s->rows[i];
        layer_writer_rows(out, &key, s->picked, n);
    }
    key.role = ROLE_AMOUNT;
    for (uint8_t bit = 0; bit < 63 && any_amount >> bit; bit++) {
        size_t n = 0;
        key.slice = bit;
        for (size_t i = 0; i < s->n; i++)
            if (((uint64_t)s->amounts[i] >> bit) & 1)
                s->picked[n++] = s->rows[i];
        layer_writer_rows(out, &key, s->picked, n);
    }
}

static void finish_events(index_builder *b, layer_writer *out)
{
    const size_t n = b->event_count;
    const uint32_t slots = (uint32_t)b->slots.count;
    uint32_t *order = mem_array(n + 1, sizeof *order);
    size_t *first = mem_array(slots + 2, sizeof *first);
    uint64_t *scratch = NULL;
    size_t scratch_capacity = 0;
    event_sums sums = {0};

    order_by_group(b->events, sizeof *b->events, n, slots, order, first);
    for (uint32_t slot = 0; slot < slots; slot++) {
        uint32_t *part = order + first[slot];
        const size_t len = first[slot + 1] - first[slot];
        order_by_row(b->events, sizeof *b->events, offsetof(event_op, row),
                     part, len, &scratch, &scratch_capacity);
        sum_slot(b, slot, part, len, &sums);
        if (sums.n)
            write_sums(out, b->slots.keys[slot], &sums);
    }
    mem_free(sums.rows);
    mem_free(sums.counts);
    mem_free(sums.amounts);
    mem_free(sums.picked);
    mem_free(scratch);
    mem_free(order);
    mem_free(first);
}

/* ---- universe ---- */

static void finish_seen(index_builder *b, layer_writer *out)
{
    uint64_t *scratch = NULL;
    size_t scratch_capacity = 0;
    uint32_t *order = NULL;
    size_t order_capacity = 0;
    uint32_t *sorted = NULL;
    size_t sorted_capacity = 0;

    for (size_t i = 0; i < b->seen.count; i++) {
        seen_list *l = &b->seen_lists[i];
        size_t n = 0;
        mem_grow(&order, &order_capacity, l->count + 1, sizeof *order);
        mem_grow(&sorted, &sorted_capacity, l->count + 1, sizeof *sorted);
        for (size_t j = 0; j < l->count; j++)
            order[j] = (uint32_t)j;
        order_by_row(l->rows, sizeof *l->rows, 0, order, l->count, &scratch,
                     &scratch_capacity);
        for (size_t j = 0; j < l->count; j++) {
            const uint32_t row = l->rows[order[j]];
            if (n == 0 || sorted[n - 1] != row)
                sorted[n++] = row;
        }
        layer_writer_rows(out, &b->seen.keys[i], sorted, n);
        l->count = 0;
    }
    mem_free(order);
    mem_free(sorted);
    mem_free(scratch);
}

index_layer *index_builder_finish(index_builder *b)
{
    layer_writer out;

    layer_writer_init(&out);
    finish_profile(b, &out);
    finish_events(b, &out);
    finish_seen(b, &out);
    key_table_clear(&b->groups);
    key_table_clear(&b->slots);
    key_table_clear(&b->seen);
    key_table_clear(&b->clears);
    b->op_count = b->number_count = 0;
    b->event_count = b->amount_count = 0;
    b->seen_count = 0;
    return layer_writer_finish(&out);
}
