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

/* Up to 8 bytes as they stand, zeros behind them; loads that overlap. */
static inline uint64_t intern_word(const char *p, size_t len)
{
    if (len >= 4)
        return intern_load_32(p) | (uint64_t)intern_load_32(p + len - 4)
                                       << (8 * (len - 4));
    if (len == 0)
        return 0;
    return (uint64_t)(unsigned char)p[0] |
           (uint64_t)(unsigned char)p[len / 2] << (8 * (len / 2)) |
           (uint64_t)(unsigned char)p[len - 1] << (8 * (len - 1));
}

/* text_equal for texts that are mostly short: a call of memcmp would be most
 * of its price. */
static inline bool intern_same(muster_text a, muster_text b)
{
    const size_t len = a.len;
    if (len != b.len)
        return false;
    if (len <= 8)
        return intern_word(a.ptr, len) == intern_word(b.ptr, len);
    if (len > 32)
        return memcmp(a.ptr, b.ptr, len) == 0;
    const bool ends =
        intern_load_64(a.ptr) == intern_load_64(b.ptr) &&
        intern_load_64(a.ptr + len - 8) == intern_load_64(b.ptr + len - 8);
    if (len <= 16 || !ends)
        return ends;
    return intern_load_64(a.ptr + 8) == intern_load_64(b.ptr + 8) &&
           intern_load_64(a.ptr + len - 16) == intern_load_64(b.ptr + len - 16);
}

__extension__ typedef unsigned __int128 intern_wide;

/* Both halves of the product: every bit of a and b moves every bit. */
static inline uint64_t intern_fold(uint64_t a, uint64_t b)
{
    const intern_wide product = (intern_wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Inline up to 32 bytes, which nearly all texts are within. */
static inline uint32_t intern_tag(const intern_table *t, uint32_t group,
                                  muster_text text)
{
    const uint64_t seed = t->seed;
    const size_t len = text.len;
    const uint64_t last = ((uint64_t)group << 32 | len) + seed;
    uint64_t h = 0;
    if (len <= 8) {
        h = intern_word(text.ptr, len);
    } else if (len <= 32) {
        h = intern_fold(intern_load_64(text.ptr) ^ seed,
                        intern_load_64(text.ptr + len - 8) ^ ~seed);
        if (len > 16)
            h ^= intern_fold(intern_load_64(text.ptr + 8) ^ ~seed,
                             intern_load_64(text.ptr + len - 16) ^ seed);
    } else {
        h = hash_bytes_seed(text.ptr, len, seed);
    }
    return (uint32_t)intern_fold(h ^ 0x9e3779b97f4a7c15u, last);
}

void intern_init(intern_table *t);
void intern_release(intern_table *t);
/* Forgets all texts, keeps memory of an ordinary size. */
void intern_reset(intern_table *t);
/* Borrowed until the next put. */
static inline muster_text intern_text(const intern_table *t, uint32_t number)
{
    const intern_entry *e = &t->entries[number];
    return text_make(t->bytes + e->offset, e->len);
}
/* A text that is not there yet, for the free slot `at` of its path. */
uint32_t intern_add(intern_table *t, uint32_t group, muster_text text,
                    uint32_t tag, uint32_t at);
/* Takes back all but the `count` oldest. */
void intern_cut(intern_table *t, uint32_t count);

/* The number of (group, text), a new one when it was not seen yet. */
static inline uint32_t intern_put(intern_table *t, uint32_t group,
                                  muster_text text, bool *is_new)
{
    const uint32_t tag = intern_tag(t, group, text);
    uint32_t at = tag & t->slot_mask;
    for (; t->slots[at].number != 0; at = (at + 1) & t->slot_mask) {
        if (t->slots[at].tag != tag)
            continue;
        const uint32_t number = t->slots[at].number - 1;
        if (t->entries[number].group == group &&
            intern_same(intern_text(t, number), text)) {
            *is_new = false;
            return number;
        }
    }
    *is_new = true;
    return intern_add(t, group, text, tag, at);
}

#endif
