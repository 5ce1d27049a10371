/*
 * names.c - texts to dense numbers and back: open addressing over the numbers,
 * linear probing, at most three quarters full.
 *
 * The texts lie in an arena that the caller shares between all tables, so
 * that a table of three values does not cost a chunk of memory; they never
 * move. A slot is the number alone (4 bytes), an entry is 16 bytes and holds
 * the hash, so that growing reads no text and a probe reads one only when 32
 * bits agree. The seed of the hash is the caller's, one per process: texts
 * come from outside and shall not be chosen to collide.
 *
 * Cost: one probe; 16 + 5 to 11 bytes per text beside the text (which the
 * arena rounds up to 16). Threads: one writer, readers only while nobody
 * writes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/names.h"

#include <string.h>

#define SLOTS_MIN 8u
#define SLOTS_MAX (1u << 31)

static uint32_t hash_of(muster_text text, uint64_t seed)
{
    return (uint32_t)hash_bytes_seed(text.ptr, text.len, seed);
}

void names_release(names *n)
{
    mem_free(n->entries);
    mem_free(n->slots);
    memset(n, 0, sizeof *n);
}

/* The slot of `text`, or the free one where it would go. */
static uint32_t slot_of(const names *n, uint32_t hash, muster_text text)
{
    ASSERT(n->slot_count > n->count);
    const uint32_t mask = n->slot_count - 1;
    uint32_t slot = hash & mask;
    for (;; slot = (slot + 1) & mask) {
        if (n->slots[slot] == 0)
            return slot;
        const names_entry *e = &n->entries[n->slots[slot] - 1];
        if (e->hash == hash && text_equal(text_make(e->ptr, e->len), text))
            return slot;
    }
}

uint32_t names_find(const names *n, uint64_t seed, muster_text text)
{
    if (n->count == 0)
        return NAMES_NONE;
    const uint32_t slot = slot_of(n, hash_of(text, seed), text);
    return n->slots[slot] == 0 ? NAMES_NONE : n->slots[slot] - 1;
}

static void grow_slots(names *n)
{
    const uint32_t count = n->slot_count == 0 ? SLOTS_MIN : n->slot_count * 2;
    ASSERT(count <= SLOTS_MAX);
    uint32_t *slots = mem_array(count, sizeof *slots);
    for (uint32_t i = 0; i < n->count; i++) {
        uint32_t slot = n->entries[i].hash & (count - 1);
        while (slots[slot] != 0)
            slot = (slot + 1) & (count - 1);
        slots[slot] = i + 1;
    }
    mem_free(n->slots);
    n->slots = slots;
    n->slot_count = count;
}

uint32_t names_add(names *n, arena *a, uint64_t seed, muster_text text)
{
    ASSERT(text.len <= UINT32_MAX && (text.ptr != NULL || text.len == 0));
    if ((uint64_t)n->count * 4 >= (uint64_t)n->slot_count * 3)
        grow_slots(n);
    mem_grow(&n->entries, &n->capacity, (size_t)n->count + 1,
             sizeof *n->entries);
    const uint32_t hash = hash_of(text, seed);
    const uint32_t slot = slot_of(n, hash, text);
    ASSERT(n->slots[slot] == 0);
    const uint32_t number = n->count++;
    n->entries[number] = (names_entry){
        .ptr = arena_strndup(a, text.ptr, text.len),
        .len = (uint32_t)text.len,
        .hash = hash,
    };
    n->slots[slot] = number + 1;
    return number;
}

muster_text names_text(const names *n, uint32_t number)
{
    ASSERT(number < n->count);
    return text_make(n->entries[number].ptr, n->entries[number].len);
}
