/*
 * access.c - keys, partners, and what is shared with them.
 *
 * Rows are counted: a working store and its snapshots share them, and the last
 * that has one frees it. A row that others have too is never changed but
 * replaced, so a change costs one row and a snapshot one pointer a row; the
 * snapshot of what is there is kept until the next change, so that the next
 * who asks gets the same.
 *
 * Keys stand in the order of their making, where their number finds them, and
 * in an open-addressing table by the hash of their secret. Who does not know
 * the directory's key cannot choose that hash, so its first word is the
 * table's. A key is never removed: what it did stays to be named.
 *
 * Partners stand by their text; each has a bit for every segment. A share in a
 * row that nobody else has is one bit set in place.
 *
 * Costs: a match is one probe or two; a partner is found by a binary search;
 * a key by its id by a walk, for that is for people. Counts are plain numbers:
 * they are touched by one thread at a time (privacy.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "privacy/access.h"

#define TABLE_LEAST 64u

typedef struct key_row {
    access_key key;
    uint32_t users;
    size_t bytes;
    char texts[];
} key_row;

typedef struct partner_row {
    access_partner partner;
    uint64_t *bits; /* what partner.segments is */
    uint32_t users;
    size_t bytes; /* without the bits */
    char texts[];
} partner_row;

/* A working store, or a snapshot of one. */
struct access_store {
    key_row **keys; /* by number, from 1 at [0] */
    size_t key_count;
    size_t key_capacity;
    uint32_t *table; /* numbers; 0: free. At most half full */
    size_t table_size;
    partner_row **partners; /* by key */
    size_t partner_count;
    size_t partner_capacity;
    uint32_t last_partner;
    size_t row_bytes;
    access_store *latest; /* the snapshot of what is here, held; or NULL */
    bool frozen;          /* a snapshot */
    uint32_t holders;     /* of a snapshot */
};

/* ---- rows ---- */

/* Copies `text` to *place and moves it behind. */
static muster_text put_text(char **place, muster_text text)
{
    char *at = *place;
    if (text.len > 0)
        memcpy(at, text.ptr, text.len);
    at[text.len] = '\0';
    *place = at + text.len + 1;
    return text_make(at, text.len);
}

static key_row *key_row_new(const access_key *key)
{
    const size_t bytes = sizeof(key_row) + key->id.len + key->name.len +
                         key->role.len + key->partner.len +
                         key->provider.len + 5;
    key_row *row = mem_alloc(bytes);
    char *place = row->texts;

    row->key = *key;
    row->users = 1;
    row->bytes = bytes;
    row->key.id = put_text(&place, key->id);
    row->key.name = put_text(&place, key->name);
    row->key.role = put_text(&place, key->role);
    row->key.partner = put_text(&place, key->partner);
    row->key.provider = put_text(&place, key->provider);
    return row;
}

static size_t bits_bytes(const partner_row *row)
{
    return row->partner.words * sizeof *row->bits;
}

static void key_row_release(key_row *row)
{
    if (--row->users == 0)
        mem_free(row);
}

static void partner_row_release(partner_row *row)
{
    if (--row->users > 0)
        return;
    mem_free(row->bits);
    mem_free(row);
}

/* With bits of its own. */
static partner_row *partner_row_new(const access_partner *p)
{
    const size_t bytes = sizeof(partner_row) + p->key.len + p->name.len + 2;
    partner_row *row = mem_alloc(bytes);
    char *place = row->texts;

    row->partner = *p;
    row->users = 1;
    row->bytes = bytes;
    row->partner.key = put_text(&place, p->key);
    row->partner.name = put_text(&place, p->name);
    row->bits = mem_array((size_t)p->words + 1, sizeof *row->bits);
    if (p->words > 0)
        memcpy(row->bits, p->segments, bits_bytes(row));
    row->partner.segments = row->bits;
    return row;
}

/* ---- life ---- */

access_store *access_store_new(void)
{
    return mem_zalloc(sizeof(access_store));
}

static void dispose(access_store *s)
{
    for (size_t i = 0; i < s->key_count; i++)
        key_row_release(s->keys[i]);
    for (size_t i = 0; i < s->partner_count; i++)
        partner_row_release(s->partners[i]);
    mem_free(s->keys);
    mem_free(s->table);
    mem_free(s->partners);
    mem_free(s);
}

void access_store_release(const access_store *snapshot)
{
    access_store *s = (access_store *)snapshot;

    if (!s)
        return;
    ASSERT(s->frozen && s->holders > 0);
    if (--s->holders == 0)
        dispose(s);
}

/* Ends every change's way: the next snapshot is another. */
static void touch(access_store *s)
{
    ASSERT(s != NULL && !s->frozen);
    access_store_release(s->latest);
    s->latest = NULL;
}

void access_store_free(access_store *s)
{
    if (!s)
        return;
    touch(s);
    dispose(s);
}

static void *copy_of(const void *bytes, size_t count, size_t size)
{
    void *copy = mem_array(count + 1, size);
    if (count > 0)
        memcpy(copy, bytes, count * size);
    return copy;
}

static access_store *take(const access_store *s)
{
    access_store *t = mem_alloc(sizeof *t);

    *t = *s;
    t->frozen = true;
    t->holders = 1;
    t->latest = NULL;
    t->key_capacity = s->key_count;
    t->partner_capacity = s->partner_count;
    t->keys = copy_of(s->keys, s->key_count, sizeof(key_row *));
    t->table = copy_of(s->table, s->table_size, sizeof(uint32_t));
    t->partners =
        copy_of(s->partners, s->partner_count, sizeof(partner_row *));
    for (size_t i = 0; i < t->key_count; i++)
        t->keys[i]->users++;
    for (size_t i = 0; i < t->partner_count; i++)
        t->partners[i]->users++;
    return t;
}

const access_store *access_store_snapshot(access_store *s)
{
    ASSERT(s != NULL && !s->frozen);
    if (!s->latest)
        s->latest = take(s);
    s->latest->holders++;
    return s->latest;
}

size_t access_store_memory(const access_store *s)
{
    return sizeof *s + s->row_bytes + s->key_capacity * sizeof *s->keys +
           s->table_size * sizeof *s->table +
           s->partner_capacity * sizeof *s->partners;
}

/* ---- keys ---- */

uint32_t access_key_count(const access_store *s)
{
    return (uint32_t)s->key_count;
}

const access_key *access_key_at(const access_store *s, uint32_t number)
{
    return number >= 1 && number <= s->key_count ? &s->keys[number - 1]->key
                                                 : NULL;
}

const access_key *access_key_find(const access_store *s, muster_text id)
{
    for (size_t i = 0; i < s->key_count; i++)
        if (text_equal(s->keys[i]->key.id, id))
            return &s->keys[i]->key;
    return NULL;
}

static size_t slot_of(const access_store *s,
                      const uint8_t hash[ACCESS_HASH_BYTES])
{
    uint64_t word;
    memcpy(&word, hash, sizeof word);
    return (size_t)word & (s->table_size - 1);
}

const access_key *access_key_match(const access_store *s,
                                   const uint8_t hash[ACCESS_HASH_BYTES])
{
    if (s->table_size == 0)
        return NULL;
    for (size_t i = slot_of(s, hash); s->table[i] != 0;
         i = (i + 1) & (s->table_size - 1)) {
        const access_key *key = &s->keys[s->table[i] - 1]->key;
        if (identity_same(key->hash, hash, ACCESS_HASH_BYTES))
            return key;
    }
    return NULL;
}

static void put_slot(access_store *s, const access_key *key)
{
    size_t i = slot_of(s, key->hash);
    while (s->table[i] != 0)
        i = (i + 1) & (s->table_size - 1);
    s->table[i] = key->number;
}

static void grow_table(access_store *s)
{
    if (2 * (s->key_count + 1) <= s->table_size)
        return;
    mem_free(s->table);
    s->table_size = s->table_size == 0 ? TABLE_LEAST : 2 * s->table_size;
    s->table = mem_array(s->table_size, sizeof *s->table);
    for (size_t i = 0; i < s->key_count; i++)
        put_slot(s, &s->keys[i]->key);
}

const access_key *access_key_add(access_store *s, const access_key *key)
{
    touch(s);
    grow_table(s);
    mem_grow(&s->keys, &s->key_capacity, s->key_count + 1, sizeof *s->keys);
    key_row *row = key_row_new(key);
    row->key.number = (uint32_t)s->key_count + 1;
    s->keys[s->key_count++] = row;
    s->row_bytes += row->bytes;
    put_slot(s, &row->key);
    return &row->key;
}

void access_key_revoke(access_store *s, uint32_t number, muster_time when)
{
    touch(s);
    ASSERT(number >= 1 && number <= s->key_count && when != 0);
    key_row **place = &s->keys[number - 1];
    if ((*place)->users > 1) {
        key_row *own = key_row_new(&(*place)->key);
        key_row_release(*place);
        *place = own;
    }
    (*place)->key.revoked = when;
}

/* ---- partners ---- */

/* First place whose key is >= key. */
static size_t seek(const access_store *s, muster_text key)
{
    size_t low = 0;
    size_t high = s->partner_count;
    while (low < high) {
        const size_t mid = (low + high) / 2;
        if (text_compare(s->partners[mid]->partner.key, key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool stands_at(const access_store *s, size_t i, muster_text key)
{
    return i < s->partner_count &&
           text_equal(s->partners[i]->partner.key, key);
}

size_t access_partner_count(const access_store *s)
{
    return s->partner_count;
}

const access_partner *access_partner_at(const access_store *s, size_t i)
{
    ASSERT(i < s->partner_count);
    return &s->partners[i]->partner;
}

const access_partner *access_partner_find(const access_store *s,
                                          muster_text key)
{
    const size_t i = seek(s, key);
    return stands_at(s, i, key) ? &s->partners[i]->partner : NULL;
}

const access_partner *access_partner_by_number(const access_store *s,
                                               uint32_t number)
{
    for (size_t i = 0; i < s->partner_count; i++)
        if (s->partners[i]->partner.number == number)
            return &s->partners[i]->partner;
    return NULL;
}

static size_t weight_of(const partner_row *row)
{
    return row->bytes + bits_bytes(row);
}

/* The row at i becomes what `p` says, in a row of its own. */
static partner_row *replace(access_store *s, size_t i,
                            const access_partner *p)
{
    partner_row *former = s->partners[i];
    partner_row *row = partner_row_new(p);

    s->row_bytes += weight_of(row) - weight_of(former);
    s->partners[i] = row;
    partner_row_release(former);
    return row;
}

static const access_partner *insert(access_store *s, size_t i,
                                    const access_partner *p)
{
    mem_grow(&s->partners, &s->partner_capacity, s->partner_count + 1,
             sizeof *s->partners);
    memmove(&s->partners[i + 1], &s->partners[i],
            (s->partner_count - i) * sizeof *s->partners);
    s->partners[i] = partner_row_new(p);
    s->partner_count++;
    s->row_bytes += weight_of(s->partners[i]);
    return &s->partners[i]->partner;
}

const access_partner *access_partner_put(access_store *s, muster_text key,
                                         muster_text name,
                                         muster_time created)
{
    const size_t i = seek(s, key);

    touch(s);
    if (!stands_at(s, i, key)) {
        const access_partner fresh = {.number = ++s->last_partner,
                                      .key = key,
                                      .name = name,
                                      .created = created};
        return insert(s, i, &fresh);
    }
    access_partner p = s->partners[i]->partner;
    p.name = name;
    return &replace(s, i, &p)->partner;
}

uint32_t access_partner_last(const access_store *s)
{
    return s->last_partner;
}

void access_partner_restore_last(access_store *s, uint32_t last)
{
    touch(s);
    s->last_partner = last;
}

void access_partner_restore(access_store *s, const access_partner *p)
{
    const size_t i = seek(s, p->key);

    touch(s);
    ASSERT(!stands_at(s, i, p->key) && p->number <= s->last_partner);
    insert(s, i, p);
}

void access_partner_remove(access_store *s, muster_text key, muster_time when)
{
    const size_t i = seek(s, key);

    touch(s);
    ASSERT(stands_at(s, i, key));
    for (uint32_t n = 1; n <= s->key_count; n++) {
        const access_key *k = access_key_at(s, n);
        if (k->revoked == 0 && text_equal(k->partner, key))
            access_key_revoke(s, n, when);
    }
    partner_row *former = s->partners[i];
    s->row_bytes -= weight_of(former);
    memmove(&s->partners[i], &s->partners[i + 1],
            (s->partner_count - i - 1) * sizeof *s->partners);
    s->partner_count--;
    partner_row_release(former);
}

/* Room for the bit of a segment, in words that are twice as many each time. */
static void grow_bits(access_store *s, partner_row *row, uint32_t segment_id)
{
    const uint32_t need = segment_id / 64 + 1;
    uint32_t words = row->partner.words;

    if (need <= words)
        return;
    words = 2 * words > need ? 2 * words : need;
    uint64_t *bits = mem_array((size_t)words + 1, sizeof *bits);
    memcpy(bits, row->bits, bits_bytes(row));
    s->row_bytes += (words - row->partner.words) * sizeof *bits;
    mem_free(row->bits);
    row->bits = bits;
    row->partner.segments = bits;
    row->partner.words = words;
}

void access_partner_share(access_store *s, muster_text key,
                          uint32_t segment_id, bool shared)
{
    const size_t i = seek(s, key);

    touch(s);
    ASSERT(stands_at(s, i, key));
    partner_row *row = s->partners[i];
    if (access_is_shared(&row->partner, segment_id) == shared)
        return;
    if (row->users > 1)
        row = replace(s, i, &row->partner);
    grow_bits(s, row, segment_id);
    row->bits[segment_id / 64] ^= (uint64_t)1 << (segment_id % 64);
    row->partner.shares += shared ? 1u : UINT32_MAX;
}

access_view access_view_of(const access_store *s, const scope *viewer)
{
    const muster_text partner = scope_partner(viewer);

    if (partner.len == 0)
        return (access_view){true, NULL};
    return (access_view){false, access_partner_find(s, partner)};
}
