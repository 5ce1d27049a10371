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
 * Views. Texts are only ever added, so a view is the table and the count of
 * its moment. While there is room the writer goes on in the same table, where
 * a view meets numbers that are not below its count: they are younger than the
 * view, and it probes on past them. What it looks for was put on a way of
 * slots that were taken before, so it is found all the same, and a free slot
 * always ends the way. A full table is not changed: one of twice the size
 * takes its place, and the old one goes when its last view is given back. So
 * a view never looks for another table than its own.
 *
 * Cost: one probe; a view is one count; 21 to 43 bytes per text beside the
 * text (which the arena rounds up to 16).
 * Threads: one writer adds, takes and gives back views; a view is read by any
 * thread. Slots are the only words that both touch, and they are atomic; that
 * they need no order beside it is because the entries below the count of a
 * view were written before the view was handed over.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/names.h"

#include <string.h>

#define SLOTS_MIN 8u
#define SLOTS_MAX (1u << 31)

typedef struct names_entry {
    const char *ptr; /* in the arena, NUL-terminated */
    uint32_t len;
    uint32_t hash;
} names_entry;

struct names_table {
    uint32_t users;
    uint32_t slot_count; /* a power of two */
    uint32_t *slots;     /* number + 1; 0 = free; behind the entries */
    names_entry entries[];
};

static uint32_t hash_of(muster_text text, uint64_t seed)
{
    return (uint32_t)hash_bytes_seed(text.ptr, text.len, seed);
}

static size_t capacity_of(size_t slot_count)
{
    return slot_count / 4 * 3;
}

static size_t bytes_of(size_t slot_count)
{
    return sizeof(names_table) +
           capacity_of(slot_count) * sizeof(names_entry) +
           slot_count * sizeof(uint32_t);
}

static names_table *table_new(uint32_t slot_count)
{
    ASSERT(slot_count <= SLOTS_MAX);
    names_table *t = mem_zalloc(bytes_of(slot_count));
    t->users = 1;
    t->slot_count = slot_count;
    t->slots = (uint32_t *)(t->entries + capacity_of(slot_count));
    return t;
}

static void table_release(names_table *t)
{
    if (t == NULL)
        return;
    ASSERT(t->users > 0);
    if (--t->users == 0)
        mem_free(t);
}

void names_release(names *n)
{
    table_release(n->table);
    memset(n, 0, sizeof *n);
}

names names_view(const names *n)
{
    if (n->table != NULL)
        n->table->users++;
    return *n;
}

size_t names_memory(const names *n)
{
    return n->table == NULL ? 0 : bytes_of(n->table->slot_count);
}

/* The slot of `text` and its number + 1, or the free one where it would go
 * and 0. */
static uint32_t slot_of(const names *n, uint32_t hash, muster_text text,
                        uint32_t *out_taken)
{
    const names_table *t = n->table;
    const uint32_t mask = t->slot_count - 1;
    uint32_t slot = hash & mask;
    for (;; slot = (slot + 1) & mask) {
        const uint32_t taken = __atomic_load_n(&t->slots[slot],
                                               __ATOMIC_RELAXED);
        *out_taken = taken;
        if (taken == 0)
            return slot;
        if (taken > n->count)
            continue; /* younger than the view */
        const names_entry *e = &t->entries[taken - 1];
        if (e->hash == hash && text_equal(text_make(e->ptr, e->len), text))
            return slot;
    }
}

uint32_t names_find(const names *n, uint64_t seed, muster_text text)
{
    uint32_t taken = 0;
    if (n->count == 0)
        return NAMES_NONE;
    slot_of(n, hash_of(text, seed), text, &taken);
    return taken == 0 ? NAMES_NONE : taken - 1;
}

static void grow(names *n)
{
    names_table *old = n->table;
    names_table *t = table_new(old == NULL ? SLOTS_MIN : old->slot_count * 2);
    const uint32_t mask = t->slot_count - 1;
    for (uint32_t i = 0; i < n->count; i++) {
        t->entries[i] = old->entries[i];
        uint32_t slot = old->entries[i].hash & mask;
        while (t->slots[slot] != 0)
            slot = (slot + 1) & mask;
        t->slots[slot] = i + 1;
    }
    table_release(old);
    n->table = t;
}

uint32_t names_add(names *n, arena *a, uint64_t seed, muster_text text)
{
    ASSERT(text.len <= UINT32_MAX && (text.ptr != NULL || text.len == 0));
    if (n->table == NULL || n->count == capacity_of(n->table->slot_count))
        grow(n);
    const uint32_t hash = hash_of(text, seed);
    uint32_t taken = 0;
    const uint32_t slot = slot_of(n, hash, text, &taken);
    ASSERT(taken == 0);
    const uint32_t number = n->count++;
    n->table->entries[number] = (names_entry){
        .ptr = arena_strndup(a, text.ptr, text.len),
        .len = (uint32_t)text.len,
        .hash = hash,
    };
    __atomic_store_n(&n->table->slots[slot], number + 1, __ATOMIC_RELAXED);
    return number;
}

muster_text names_text(const names *n, uint32_t number)
{
    ASSERT(number < n->count);
    const names_entry *e = &n->table->entries[number];
    return text_make(e->ptr, e->len);
}
