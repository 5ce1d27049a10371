/*
 * stack_twin.h - the index once more, one row at a time: plain arrays of what
 * each provider said, in the order it was said. No layers, no planes.
 *
 * A world is a few attributes, one of each kind wanted, of which all rows and
 * providers are kept; a slot is one (value, bucket) of an event. A test may
 * define how many values and buckets there are before it includes this.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_STACK_TWIN_H
#define INDEX_STACK_TWIN_H

#include <stdlib.h>
#include <string.h>
#include "index/builder.h"

#ifndef TWIN_VALUES
#define TWIN_VALUES 5u   /* 0 (none, any) and 1..4 */
#define TWIN_BUCKETS 6u
#define TWIN_SLOT_VALUES TWIN_VALUES /* of events */
#endif
#define TWIN_PROVIDERS 3u
#define TWIN_ATTRIBUTES 8u

typedef enum twin_kind {
    TWIN_FLAG,
    TWIN_ONE_OF,
    TWIN_MANY_OF,
    TWIN_NUMBER,
    TWIN_EVENT,
    TWIN_UNIVERSE
} twin_kind;

typedef struct twin_profile {
    uint32_t expiry[TWIN_VALUES]; /* 0 = not held */
    int64_t number;
} twin_profile;

typedef struct twin_slot {
    uint32_t count;
    int64_t amount;
} twin_slot;

typedef struct twin_attribute {
    uint32_t id;
    twin_kind kind;
    uint32_t cap;
    bool hours;
    uint32_t first_bucket; /* buckets are first_bucket + step * (0..5) */
    uint32_t bucket_step;
    twin_profile *profiles; /* by provider, row */
    twin_slot *slots;       /* by provider, row, value, bucket */
} twin_attribute;

typedef struct twin {
    uint32_t rows;
    uint32_t providers;
    uint32_t attribute_count;
    twin_attribute attributes[TWIN_ATTRIBUTES];
} twin;

/* Providers are numbered from 1. */
static inline twin_profile *twin_profile_at(const twin *t,
                                            const twin_attribute *a,
                                            uint32_t provider, uint32_t row)
{
    return &a->profiles[(size_t)(provider - 1) * t->rows + row];
}

static inline twin_slot *twin_slots_at(const twin *t, const twin_attribute *a,
                                       uint32_t provider, uint32_t row,
                                       uint32_t value)
{
    const size_t user = (size_t)(provider - 1) * t->rows + row;
    return &a->slots[(user * TWIN_SLOT_VALUES + value) * TWIN_BUCKETS];
}

static inline uint32_t twin_bucket(const twin_attribute *a, uint32_t i)
{
    return a->first_bucket + a->bucket_step * i;
}

static inline twin_attribute *twin_add(twin *t, uint32_t id, twin_kind kind)
{
    twin_attribute *a = &t->attributes[t->attribute_count++];
    const size_t users = (size_t)t->providers * t->rows;

    *a = (twin_attribute){.id = id, .kind = kind};
    if (kind == TWIN_EVENT)
        a->slots = mem_array(users * TWIN_SLOT_VALUES * TWIN_BUCKETS,
                             sizeof *a->slots);
    else
        a->profiles = mem_array(users, sizeof *a->profiles);
    return a;
}

static inline void twin_release(twin *t)
{
    for (uint32_t i = 0; i < t->attribute_count; i++) {
        mem_free(t->attributes[i].profiles);
        mem_free(t->attributes[i].slots);
    }
}

/* ---- saying ---- */

static inline void twin_say(twin_profile *p, uint32_t value, uint32_t expiry)
{
    if (expiry > p->expiry[value])
        p->expiry[value] = expiry;
}

static inline void twin_profile_op(twin_profile *p, index_op op,
                                   uint32_t value, uint32_t expiry)
{
    switch (op) {
    case INDEX_SET:
        if (p->expiry[value] == 0)
            memset(p->expiry, 0, sizeof p->expiry);
        twin_say(p, value, expiry);
        return;
    case INDEX_ADD:
        twin_say(p, value, expiry);
        return;
    case INDEX_REMOVE:
        p->expiry[value] = 0;
        return;
    case INDEX_CLEAR:
        memset(p->expiry, 0, sizeof p->expiry);
        return;
    }
}

static inline void twin_number(twin_profile *p, int64_t number,
                               uint32_t expiry)
{
    if (p->number != number)
        p->expiry[0] = 0;
    p->number = number;
    twin_say(p, 0, expiry);
}

static inline void twin_slot_add(const twin_attribute *a, twin_slot *s,
                                 uint32_t count, int64_t amount)
{
    const uint64_t sum = (uint64_t)s->count + count;
    s->count = sum < a->cap ? (uint32_t)sum : a->cap;
    s->amount += amount;
    if (s->amount > AMOUNT_TOP)
        s->amount = AMOUNT_TOP;
}

static inline void twin_event(const twin *t, const twin_attribute *a,
                              uint32_t provider, uint32_t row, uint32_t value,
                              uint32_t bucket, uint32_t count, int64_t amount)
{
    twin_slot *any = twin_slots_at(t, a, provider, row, 0);
    twin_slot_add(a, &any[bucket], count, amount);
    if (value != 0)
        twin_slot_add(a, &twin_slots_at(t, a, provider, row, value)[bucket],
                      count, amount);
}

static inline void twin_clear(const twin *t, const twin_attribute *a,
                              uint32_t provider, uint32_t row)
{
    if (a->slots)
        memset(twin_slots_at(t, a, provider, row, 0), 0,
               TWIN_SLOT_VALUES * TWIN_BUCKETS * sizeof(twin_slot));
    else
        memset(twin_profile_at(t, a, provider, row)->expiry, 0,
               sizeof(uint32_t) * TWIN_VALUES);
}

/* ---- asking ---- */

static inline bool twin_held(const twin_profile *p, const leaf_spec *spec)
{
    for (uint32_t v = 0; v < TWIN_VALUES; v++) {
        bool asked = spec->any;
        for (uint32_t i = 0; i < spec->value_count; i++)
            asked |= spec->values[i] == v;
        if (asked && p->expiry[v] != 0 && p->expiry[v] >= spec->now_hour)
            return true;
    }
    return false;
}

/* What all asked events of a row come to. */
typedef struct twin_sums {
    bool seen;
    int64_t count;
    int64_t amount;
    uint64_t days; /* set of day numbers, from the first bucket's day */
} twin_sums;

static inline void twin_sum(const twin_attribute *a, const twin_slot *slots,
                            const leaf_spec *spec, twin_sums *s)
{
    for (uint32_t b = 0; b < TWIN_BUCKETS; b++) {
        const uint32_t bucket = twin_bucket(a, b);
        if (slots[b].count == 0 || bucket < spec->from || bucket > spec->to)
            continue;
        s->seen = true;
        s->count += slots[b].count;
        s->amount += slots[b].amount;
        s->days |= (uint64_t)1 << (a->hours ? bucket / 24 % 64 : bucket % 64);
    }
}

static inline bool twin_has_events(const twin *t, const twin_attribute *a,
                                   const leaf_spec *spec, uint32_t row)
{
    twin_sums s = {0};
    int64_t sum;

    for (uint32_t p = 0; p < spec->provider_count; p++) {
        const uint32_t provider = spec->providers[p];
        if (spec->any)
            twin_sum(a, twin_slots_at(t, a, provider, row, 0), spec, &s);
        for (uint32_t i = 0; !spec->any && i < spec->value_count; i++)
            twin_sum(a, twin_slots_at(t, a, provider, row, spec->values[i]),
                     spec, &s);
    }
    switch (spec->type) {
    case LEAF_COUNT:
        sum = s.count;
        break;
    case LEAF_TOTAL:
        sum = s.amount;
        break;
    case LEAF_DAYS:
        sum = __builtin_popcountll(s.days);
        break;
    default:
        return s.seen;
    }
    return s.seen && sum >= spec->low && sum <= spec->high;
}

static inline bool twin_has(const twin *t, const twin_attribute *a,
                            const leaf_spec *spec, uint32_t row)
{
    if (a->kind == TWIN_EVENT)
        return twin_has_events(t, a, spec, row);
    for (uint32_t i = 0; i < spec->provider_count; i++) {
        const twin_profile *p =
            twin_profile_at(t, a, spec->providers[i], row);
        if (spec->type == LEAF_HELD && twin_held(p, spec))
            return true;
        if (spec->type == LEAF_NUMBER && p->expiry[0] != 0 &&
            p->expiry[0] >= spec->now_hour && p->number >= spec->low &&
            p->number <= spec->high)
            return true;
    }
    return false;
}

#endif
