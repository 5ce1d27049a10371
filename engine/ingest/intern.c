/*
 * intern.c - texts to dense numbers within one batch: names, and values as
 * pairs (attribute, text). A number is the place in the order in which the
 * texts were first seen, so it depends on the input alone.
 *
 * An open-addressing table of 8-byte slots (half of the hash, number + 1)
 * with linear probing, at most half full; entries and text bytes are
 * arrays. An entry holds the first and last eight bytes of its text, which are
 * hashed and compared: a put that finds a text of up to 16 bytes costs two
 * cache misses and about 8 ns.
 *
 * Texts come from outside, so the hash is seeded anew for each table: who
 * writes the input cannot choose texts that collide. The seed decides where
 * a text stands in the table, never its number.
 *
 * Invariant: (1) along the probe path of an entry only older entries stand
 * before it. Puts go in order of number, a rehash inserts in order of
 * number; so the newest entries can be taken back by freeing their slots.
 *
 * Threads: a table belongs to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/intern.h"

#define SLOTS_MIN 256u
/* What a table may keep between batches: what 1 MiB of input needs. */
#define SLOTS_KEPT_MAX 65536u
#define BYTES_KEPT_MAX ((size_t)4 << 20)

static uint64_t fresh_seed(const intern_table *t)
{
    return hash_mix(clock_monotonic_ns() ^ (uint64_t)(uintptr_t)t);
}

void intern_init(intern_table *t)
{
    memset(t, 0, sizeof *t);
    t->slot_mask = SLOTS_MIN - 1;
    t->slots = mem_array(SLOTS_MIN, sizeof *t->slots);
    t->seed = fresh_seed(t);
}

void intern_release(intern_table *t)
{
    mem_free(t->slots);
    mem_free(t->entries);
    mem_free(t->bytes);
    memset(t, 0, sizeof *t);
}

void intern_reset(intern_table *t)
{
    ASSERT(t->slots != NULL);
    if (t->slot_mask >= SLOTS_KEPT_MAX || t->bytes_capacity > BYTES_KEPT_MAX) {
        intern_release(t);
        intern_init(t);
        return;
    }
    if (t->count > 0)
        memset(t->slots, 0, ((size_t)t->slot_mask + 1) * sizeof *t->slots);
    t->count = 0;
    t->bytes_len = 0;
}

static void rehash(intern_table *t)
{
    const uint32_t slots = (t->slot_mask + 1) * 2;
    ASSERT(slots != 0);
    mem_free(t->slots);
    t->slots = mem_array(slots, sizeof *t->slots);
    t->slot_mask = slots - 1;
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t at = t->entries[i].tag & t->slot_mask;
        while (t->slots[at].number != 0)
            at = (at + 1) & t->slot_mask;
        t->slots[at] = (intern_slot){t->entries[i].tag, i + 1};
    }
}

uint32_t intern_add(intern_table *t, const intern_entry *entry,
                    muster_text text, uint32_t at)
{
    const uint32_t number = t->count;
    ASSERT(t->slots[at].number == 0 && number < UINT32_MAX / 4);
    ASSERT(t->bytes_len + text.len <= UINT32_MAX);
    mem_grow(&t->entries, &t->entry_capacity, (size_t)number + 1,
             sizeof *t->entries);
    mem_grow(&t->bytes, &t->bytes_capacity, t->bytes_len + text.len + 1, 1);
    t->entries[number] = *entry;
    t->entries[number].offset = (uint32_t)t->bytes_len;
    if (text.len > 0)
        memcpy(t->bytes + t->bytes_len, text.ptr, text.len);
    t->bytes_len += text.len;
    t->slots[at] = (intern_slot){entry->tag, number + 1};
    t->count++;
    if (t->count > t->slot_mask / 2)
        rehash(t);
    return number;
}

void intern_cut(intern_table *t, uint32_t count)
{
    ASSERT(count <= t->count);
    while (t->count > count) {
        const uint32_t number = --t->count;
        uint32_t at = t->entries[number].tag & t->slot_mask;
        while (t->slots[at].number != number + 1)
            at = (at + 1) & t->slot_mask;
        t->slots[at] = (intern_slot){0, 0};
        t->bytes_len = t->entries[number].offset;
    }
}
