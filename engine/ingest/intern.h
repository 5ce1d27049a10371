/*
 * intern.h - private to room `ingest`: texts to dense numbers within one
 * batch. See intern.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_INTERN_H
#define INGEST_INTERN_H

#include "base/base.h"

typedef struct intern_entry {
    uint32_t offset; /* of its text in `bytes` */
    uint32_t len;
    uint32_t group;
    uint32_t tag; /* low half of the hash */
} intern_entry;

typedef struct intern_slot {
    uint32_t tag;
    uint32_t number; /* + 1; 0 = free */
} intern_slot;

typedef struct intern_table {
    intern_slot *slots; /* slot_mask + 1 of them, at most half in use */
    uint32_t slot_mask;
    uint32_t count;
    intern_entry *entries;
    size_t entry_capacity;
    char *bytes; /* all texts, one behind the other */
    size_t bytes_len;
    size_t bytes_capacity;
    uint64_t seed;
} intern_table;

static inline uint64_t intern_load_64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t intern_load_32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* text_equal for texts that are mostly short: up to 16 bytes, where a call
 * of memcmp is most of its price, by loads that overlap. */
static inline bool intern_same(muster_text a, muster_text b)
{
    const size_t len = a.len;
    if (len != b.len)
        return false;
    if (len > 16)
        return memcmp(a.ptr, b.ptr, len) == 0;
    if (len >= 8)
        return intern_load_64(a.ptr) == intern_load_64(b.ptr) &&
               intern_load_64(a.ptr + len - 8) ==
                   intern_load_64(b.ptr + len - 8);
    if (len >= 4)
        return intern_load_32(a.ptr) == intern_load_32(b.ptr) &&
               intern_load_32(a.ptr + len - 4) ==
                   intern_load_32(b.ptr + len - 4);
    return len == 0 ||
           (a.ptr[0] == b.ptr[0] && a.ptr[len / 2] == b.ptr[len / 2] &&
            a.ptr[len - 1] == b.ptr[len - 1]);
}

void intern_init(intern_table *t);
void intern_release(intern_table *t);
/* Forgets all texts, keeps memory of an ordinary size. */
void intern_reset(intern_table *t);
/* The number of (group, text), a new one when it was not seen yet. */
uint32_t intern_put(intern_table *t, uint32_t group, muster_text text,
                    bool *is_new);
/* Takes back all but the `count` oldest. */
void intern_cut(intern_table *t, uint32_t count);
/* Borrowed until the next put. */
static inline muster_text intern_text(const intern_table *t, uint32_t number)
{
    const intern_entry *e = &t->entries[number];
    return text_make(t->bytes + e->offset, e->len);
}

#endif
