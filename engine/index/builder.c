/*
 * builder.c - facts in log order to one closed delta.
 *
 * Facts are appended to the lists of their group (attribute, provider):
 * profile operations to one, events to another. Finish goes through the
 * groups in the order of a layer's directory. Profile operations are sorted
 * by row, stable, so that the sayings of one row stand together in log order;
 * events are sorted as builder_event.c says. Both are then written to planes
 * row by row, ascending.
 *
 * The group of a fact is looked for in a small cache first: facts of a batch
 * are of a few groups. Lists do not outlive a delta: another one may be of
 * other groups.
 *
 * Cost: 12 bytes a profile fact, 16 an event, while building, up to twice
 * that in lists that grow; about 5 ns to gather a fact, 15 to 30 to write it.
 * Not thread-safe.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/builder.h"

#include <stddef.h>
#include <stdlib.h>

#include "index/order.h"

#define RECENT 256u

typedef struct fact_group {
    uint32_t attribute;
    uint32_t provider;
    uint32_t cap; /* 0: no event yet */
    profile_op *ops;
    size_t op_count;
    size_t op_capacity;
    event_op *events;
    size_t event_count;
    size_t event_capacity;
} fact_group;

typedef struct recent_group {
    uint32_t attribute;
    uint32_t provider;
    uint32_t number; /* + 1; 0: none */
} recent_group;

struct index_builder {
    key_table keys; /* of all groups there have been */
    fact_group *groups;
    size_t group_capacity;
    recent_group recent[RECENT];
    uint32_t *filled; /* groups that have facts now */
    size_t filled_count;
    size_t filled_capacity;
    size_t facts;
    size_t list_bytes; /* of the groups' lists */
    int64_t *numbers;
    size_t number_count;
    size_t number_capacity;
    event_extra *extras; /* [0] is none */
    size_t extra_count;
    size_t extra_capacity;
    key_table clears; /* group, with the row as value */
    size_t *upto;     /* the group's events before this are gone */
    size_t upto_capacity;
};

index_builder *index_builder_new(void)
{
    index_builder *b = mem_zalloc(sizeof *b);
    key_table_init(&b->keys);
    key_table_init(&b->clears);
    return b;
}

void index_builder_free(index_builder *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->keys.count; i++) {
        mem_free(b->groups[i].ops);
        mem_free(b->groups[i].events);
    }
    key_table_release(&b->keys);
    key_table_release(&b->clears);
    mem_free(b->groups);
    mem_free(b->filled);
    mem_free(b->numbers);
    mem_free(b->extras);
    mem_free(b->upto);
    mem_free(b);
}

size_t index_builder_facts(const index_builder *b)
{
    return b->facts;
}

size_t index_builder_memory(const index_builder *b)
{
    return sizeof *b + key_table_bytes(&b->keys) +
           key_table_bytes(&b->clears) + b->list_bytes +
           b->group_capacity * sizeof *b->groups +
           b->filled_capacity * sizeof *b->filled +
           b->number_capacity * sizeof *b->numbers +
           b->extra_capacity * sizeof *b->extras +
           b->upto_capacity * sizeof *b->upto;
}

/* ---- gathering ---- */

static plane_key group_key(uint32_t attribute, uint32_t provider)
{
    ASSERT(provider <= UINT16_MAX);
    return (plane_key){attribute, (uint16_t)provider, 0, 0, 0, 0};
}

static uint32_t look_up_group(index_builder *b, uint32_t attribute,
                              uint32_t provider)
{
    const plane_key key = group_key(attribute, provider);
    bool fresh;
    const uint32_t i = key_table_put(&b->keys, &key, &fresh);

    if (fresh) {
        mem_grow(&b->groups, &b->group_capacity, i + 1, sizeof *b->groups);
        b->groups[i] =
            (fact_group){.attribute = attribute, .provider = provider};
    }
    return i;
}

/* The group that is about to get a fact. */
static inline fact_group *group_of(index_builder *b, uint32_t attribute,
                                   uint32_t provider)
{
    recent_group *r = &b->recent[(attribute + provider * 37) % RECENT];

    if (r->number == 0 || r->attribute != attribute ||
        r->provider != provider)
        *r = (recent_group){attribute, provider,
                            look_up_group(b, attribute, provider) + 1};
    fact_group *g = &b->groups[r->number - 1];
    if (g->op_count + g->event_count == 0) {
        mem_grow(&b->filled, &b->filled_capacity, b->filled_count + 1,
                 sizeof *b->filled);
        b->filled[b->filled_count++] = r->number - 1;
    }
    b->facts++;
    return g;
}

static inline void put_op(index_builder *b, fact_group *g, profile_op op)
{
    if (g->op_count == g->op_capacity) {
        b->list_bytes -= g->op_capacity * sizeof *g->ops;
        mem_grow(&g->ops, &g->op_capacity, g->op_count + 1, sizeof *g->ops);
        b->list_bytes += g->op_capacity * sizeof *g->ops;
    }
    g->ops[g->op_count++] = op;
}

static void note_clear(index_builder *b, const fact_group *g, uint32_t row)
{
    plane_key key = group_key(g->attribute, g->provider);
    bool fresh;

    key.value = row;
    const uint32_t i = key_table_put(&b->clears, &key, &fresh);
    mem_grow(&b->upto, &b->upto_capacity, i + 1, sizeof *b->upto);
    b->upto[i] = g->event_count;
}

void index_add_profile(index_builder *b, uint32_t attribute,
                       uint32_t provider, uint32_t row, index_op op,
                       uint32_t value, uint32_t expiry)
{
    fact_group *g = group_of(b, attribute, provider);

    ASSERT(value <= CODE_MASK);
    if (op == INDEX_CLEAR && g->event_count > 0)
        note_clear(b, g, row);
    put_op(b, g, (profile_op){row, (uint32_t)op << OP_SHIFT | value, expiry});
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
    put_op(b, group_of(b, attribute, provider),
           (profile_op){row, code, expiry});
}

static uint32_t put_extra(index_builder *b, uint32_t count, int64_t amount)
{
    if (b->extra_count == 0)
        b->extra_count = 1; /* 0 means none */
    ASSERT(b->extra_count < UINT32_MAX);
    mem_grow(&b->extras, &b->extra_capacity, b->extra_count + 1,
             sizeof *b->extras);
    b->extras[b->extra_count] = (event_extra){count, amount};
    return (uint32_t)b->extra_count++;
}

void index_add_event(index_builder *b, uint32_t attribute, uint32_t provider,
                     uint32_t cap, uint32_t value, uint32_t bucket,
                     uint32_t row, uint32_t count, int64_t amount)
{
    fact_group *g = group_of(b, attribute, provider);
    event_op op = {row, value, bucket, 0};

    ASSERT(count >= 1 && cap >= 1 && amount >= 0);
    if (count > 1 || amount > 0)
        op.extra = put_extra(b, count, amount);
    if (g->cap == 0)
        g->cap = cap;
    if (g->event_count == g->event_capacity) {
        b->list_bytes -= g->event_capacity * sizeof *g->events;
        mem_grow(&g->events, &g->event_capacity, g->event_count + 1,
                 sizeof *g->events);
        b->list_bytes += g->event_capacity * sizeof *g->events;
    }
    g->events[g->event_count++] = op;
}

void index_add_seen(index_builder *b, uint32_t provider, uint32_t row,
                    uint32_t expiry)
{
    fact_group *g = group_of(b, INDEX_UNIVERSE, provider);
    const profile_op *last = g->op_count ? &g->ops[g->op_count - 1] : NULL;

    if (last && last->row == row && last->expiry == expiry)
        b->facts--; /* said already */
    else
        put_op(b, g, (profile_op){row, 0, expiry});
}

/* ---- one group ---- */

typedef struct finishing {
    index_builder *b;
    void *spare; /* room for the facts of the largest group */
    profile_maker *profiles;
    event_maker *events;
    layer_writer out;
} finishing;

static void finish_profile(finishing *f, const fact_group *g)
{
    const plane_key key = group_key(g->attribute, g->provider);
    uint32_t least = UINT32_MAX;
    uint32_t most = 0;

    for (size_t i = 0; i < g->op_count; i++) {
        const uint32_t row = g->ops[i].row;
        least = row < least ? row : least;
        most = row > most ? row : most;
    }
    if (g->op_count == 0)
        return;
    const profile_op *ops =
        order_items(g->ops, f->spare, g->op_count, sizeof *g->ops,
                    offsetof(profile_op, row), least, most);
    if (g->attribute == INDEX_UNIVERSE)
        profile_make_seen(f->profiles, &key, ops, g->op_count, &f->out);
    else
        profile_make(f->profiles, &key, ops, g->op_count, &f->out);
}

/* Takes away the events that a later clear took away. */
static void drop_cleared(const index_builder *b, fact_group *g)
{
    plane_key key = group_key(g->attribute, g->provider);
    size_t kept = 0;

    for (size_t i = 0; i < g->event_count; i++) {
        key.value = g->events[i].row;
        const uint32_t at = key_table_find(&b->clears, &key);
        if (at == UINT32_MAX || i >= b->upto[at])
            g->events[kept++] = g->events[i];
    }
    g->event_count = kept;
}

static void finish_events(finishing *f, fact_group *g)
{
    const plane_key key = group_key(g->attribute, g->provider);

    if (f->b->clears.count > 0)
        drop_cleared(f->b, g);
    if (g->event_count > 0)
        event_make(f->events, &key, g->cap, g->events, f->spare,
                   g->event_count, &f->out);
}

static void finish_group(finishing *f, fact_group *g)
{
    finish_profile(f, g);
    finish_events(f, g);
    mem_free(g->ops);
    mem_free(g->events);
    *g = (fact_group){.attribute = g->attribute, .provider = g->provider};
}

/* ---- all groups ---- */

typedef struct ordered_group {
    uint64_t key;
    uint32_t number;
} ordered_group;

static int by_key(const void *a, const void *b)
{
    const ordered_group *x = a;
    const ordered_group *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* The groups that have facts, as a directory has them; to be freed. *most:
 * bytes of the longest list. */
static ordered_group *order_groups(const index_builder *b, size_t *most)
{
    ordered_group *list = mem_array(b->filled_count + 1, sizeof *list);

    *most = 0;
    for (size_t i = 0; i < b->filled_count; i++) {
        const fact_group *g = &b->groups[b->filled[i]];
        const size_t ops = g->op_count * sizeof *g->ops;
        const size_t events = g->event_count * sizeof *g->events;
        list[i].key = (uint64_t)g->attribute << 32 | g->provider;
        list[i].number = b->filled[i];
        *most = ops > *most ? ops : *most;
        *most = events > *most ? events : *most;
    }
    qsort(list, b->filled_count, sizeof *list, by_key);
    return list;
}

index_layer *index_builder_finish(index_builder *b)
{
    size_t most;
    ordered_group *list = order_groups(b, &most);
    finishing f = {.b = b,
                   .spare = mem_alloc(most + 1),
                   .profiles = profile_maker_new(b->numbers),
                   .events = event_maker_new(b->extras)};

    layer_writer_init(&f.out);
    for (size_t i = 0; i < b->filled_count; i++)
        finish_group(&f, &b->groups[list[i].number]);
    profile_maker_free(f.profiles);
    event_maker_free(f.events);
    mem_free(f.spare);
    mem_free(list);
    key_table_clear(&b->clears);
    b->filled_count = b->facts = b->list_bytes = 0;
    b->number_count = b->extra_count = 0;
    return layer_writer_finish(&f.out);
}
