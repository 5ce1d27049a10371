/*
 * intern.h - private to room `ingest`: texts to dense numbers within one
 * batch. See intern.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_INTERN_H
#define INGEST_INTERN_H

#include "base/base.h"

/* First and last bytes of a text; all of it up to 16 bytes. */
typedef struct intern_ends {
    uint64_t first;
    uint64_t last; /* 0 up to 8 bytes */
} intern_ends;

typedef struct intern_entry {
    uint32_t offset; /* of its text in `bytes` */
    uint32_t len;
    uint32_t group;
    uint32_t tag; /* low half of the hash */
    intern_ends ends;
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

static inline intern_ends intern_ends_of(muster_text text)
{
    if (text.len <= 8)
        return (intern_ends){intern_word(text.ptr, text.len), 0};
    return (intern_ends){intern_load_64(text.ptr),
                         intern_load_64(text.ptr + text.len - 8)};
}

/* text_equal for texts that are mostly short: a call of memcmp would be most
 * of its price. */
static inline bool intern_same(muster_text a, muster_text b)
{
    if (a.len != b.len)
        return false;
    const intern_ends left = intern_ends_of(a);
    const intern_ends right = intern_ends_of(b);
    return left.first == right.first && left.last == right.last &&
           (a.len <= 16 || memcmp(a.ptr + 8, b.ptr + 8, a.len - 16) == 0);
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
                                  muster_text text, intern_ends ends)
{
    const uint64_t seed = t->seed;
    const size_t len = text.len;
    const uint64_t last = ((uint64_t)group << 32 | len) + seed;
    uint64_t h = intern_fold(ends.first ^ seed, ends.last ^ ~seed);
    if (len > 32)
        h = hash_bytes_seed(text.ptr, len, seed);
    else if (len > 16)
        h ^= intern_fold(intern_load_64(text.ptr + 8) ^ ~seed,
                         intern_load_64(text.ptr + len - 16) ^ seed);
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
uint32_t intern_add(intern_table *t, const intern_entry *entry,
                    muster_text text, uint32_t at);
/* Takes back all but the `count` oldest. */
void intern_cut(intern_table *t, uint32_t count);

/* The number of (group, text), a new one when it was not seen yet. */
static inline uint32_t intern_put(intern_table *t, uint32_t group,
                                  muster_text text, bool *is_new)
{
    const intern_ends ends = intern_ends_of(text);
    const uint32_t tag = intern_tag(t, group, text, ends);
    uint32_t at = tag & t->slot_mask;
    for (; t->slots[at].number != 0; at = (at + 1) & t->slot_mask) {
        if (t->slots[at].tag != tag)
            continue;
        const uint32_t number = t->slots[at].number - 1;
        const intern_entry *e = &t->entries[number];
        if (e->group == group && e->len == text.len &&
            e->ends.first == ends.first && e->ends.last == ends.last &&
            (text.len <= 16 || memcmp(t->bytes + e->offset + 8, text.ptr + 8,
                                      text.len - 16) == 0)) {
            *is_new = false;
            return number;
        }
    }
    const intern_entry entry = {
        .len = (uint32_t)text.len,
        .group = group,
        .tag = tag,
        .ends = ends,
    };
    *is_new = true;
    return intern_add(t, &entry, text, at);
}

#endif
