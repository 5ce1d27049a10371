/*
 * store.c - saved segments by key (audience.h).
 *
 * A sorted array of pointers to rows: saving costs a move of pointers, finding
 * a binary search.
 *
 * Nothing that was saved is ever forgotten, so rows, versions and texts lie in
 * one arena that a working store shares with its snapshots and that goes with
 * the last of them. A row that gets a version is replaced. The row and its
 * former share the array of versions, where the new one is written behind
 * those that the former counts; a full array is left behind for one of twice
 * the size, which has the same texts. So the arrays left behind are no larger
 * together than the live one, and a save leaves one outdated row (48 bytes).
 *
 * A snapshot is a copy of the array of pointers. The working store holds the
 * one of its present state, so that the next who asks gets the same one; the
 * first save lets go of it. Counts are plain numbers: they are touched by one
 * thread at a time (audience.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "audience/audience.h"

#include <string.h>

#define VERSIONS_MIN 4u

/* Rows and texts of a working store and of its snapshots. */
typedef struct shared_rows {
    arena arena; /* the working store's to fill */
    uint32_t users;
} shared_rows;

/* A working store, or a snapshot of one. */
struct audience_store {
    shared_rows *shared;
    const audience **items; /* by key */
    size_t count;
    size_t capacity;
    uint32_t last_id;
    audience_store *latest; /* the snapshot of what is here, held; or NULL */
    bool frozen;            /* a snapshot */
    size_t shared_bytes;    /* of a snapshot: used in the arena at its moment */
    uint32_t holders;       /* of a snapshot; the writer's to read */
};

/* ---- life ---- */

/* Ends every change: the next snapshot is another. */
static void touch(audience_store *s)
{
    ASSERT(!s->frozen);
    audience_store_release(s->latest);
    s->latest = NULL;
}

audience_store *audience_store_new(void)
{
    audience_store *s = mem_zalloc(sizeof *s);

    s->shared = mem_zalloc(sizeof *s->shared);
    s->shared->users = 1;
    arena_init(&s->shared->arena);
    return s;
}

/* A working store or a snapshot itself; shared rows are counted. */
static void dispose(audience_store *s)
{
    ASSERT(s->shared->users > 0);
    if (--s->shared->users == 0) {
        arena_release(&s->shared->arena);
        mem_free(s->shared);
    }
    mem_free(s->items);
    mem_free(s);
}

void audience_store_free(audience_store *s)
{
    if (!s)
        return;
    ASSERT(!s->frozen); /* snapshots are released */
    audience_store_release(s->latest);
    dispose(s);
}

static audience_store *take(audience_store *s)
{
    audience_store *t = mem_alloc(sizeof *t);

    *t = *s;
    s->shared->users++;
    t->shared_bytes = s->shared->arena.total;
    t->frozen = true;
    t->holders = 1;
    t->capacity = s->count;
    t->items = mem_array(s->count, sizeof *t->items);
    if (s->count != 0)
        memcpy(t->items, s->items, s->count * sizeof *t->items);
    return t;
}

const audience_store *audience_store_snapshot(audience_store *s)
{
    ASSERT(s != NULL && !s->frozen);
    if (!s->latest)
        s->latest = take(s);
    s->latest->holders++;
    return s->latest;
}

void audience_store_release(const audience_store *snapshot)
{
    audience_store *s = (audience_store *)snapshot;

    if (!s)
        return;
    ASSERT(s->frozen && s->holders > 0);
    if (--s->holders == 0)
        dispose(s);
}

size_t audience_store_memory(const audience_store *s)
{
    const size_t shared =
        s->frozen ? s->shared_bytes : s->shared->arena.total;
    return sizeof *s + sizeof *s->shared + shared +
           s->capacity * sizeof *s->items;
}

/* ---- finding ---- */

bool audience_is_key(muster_text key)
{
    if (key.len < 1 || key.len > MUSTER_SEGMENT_KEY_BYTES_MAX)
        return false;
    for (size_t i = 0; i < key.len; i++) {
        const char c = key.ptr[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || (c != '-' && c != '_')))
            return false;
    }
    return true;
}

/* First place whose key is >= key. */
static size_t seek(const audience_store *s, muster_text key)
{
    size_t low = 0;
    size_t high = s->count;
    while (low < high) {
        const size_t mid = (low + high) / 2;
        if (text_compare(text_of(s->items[mid]->key), key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const audience *audience_find(const audience_store *s, muster_text key)
{
    const size_t i = seek(s, key);
    if (i < s->count && text_equal(text_of(s->items[i]->key), key))
        return s->items[i];
    return NULL;
}

const audience_version *audience_current(const audience *a)
{
    ASSERT(a->version_count > 0);
    const audience_version *v = &a->versions[a->version_count - 1];
    return v->removed ? NULL : v;
}

size_t audience_count(const audience_store *s)
{
    return s->count;
}

const audience *audience_at(const audience_store *s, size_t i)
{
    ASSERT(i < s->count);
    return s->items[i];
}

/* ---- saving ---- */

/* The place of `key`, made when it is new: with a row of no version yet. */
static size_t place_of(audience_store *s, muster_text key, uint32_t id)
{
    const size_t i = seek(s, key);
    if (i < s->count && text_equal(text_of(s->items[i]->key), key))
        return i;
    audience *a = arena_zalloc(&s->shared->arena, sizeof *a);
    a->key = arena_strndup(&s->shared->arena, key.ptr, key.len);
    a->id = id;
    mem_grow(&s->items, &s->capacity, s->count + 1, sizeof *s->items);
    memmove(&s->items[i + 1], &s->items[i],
            (s->count - i) * sizeof *s->items);
    s->items[i] = a;
    s->count++;
    if (id > s->last_id)
        s->last_id = id;
    return i;
}

/* Room for one more behind the versions that `a` counts. */
static void grow_versions(audience *a, arena *rows)
{
    if (a->version_count < a->version_capacity)
        return;
    const size_t capacity = a->version_capacity == 0 ? VERSIONS_MIN
                                                     : a->version_capacity * 2;
    audience_version *versions =
        arena_alloc(rows, capacity * sizeof *versions);
    if (a->version_count != 0)
        memcpy(versions, a->versions, a->version_count * sizeof *versions);
    a->versions = versions;
    a->version_capacity = capacity;
}

static muster_text own(arena *a, muster_text t)
{
    return text_make(arena_strndup(a, t.ptr ? t.ptr : "", t.len), t.len);
}

/* As audience_put; a key that is new gets the id. */
static const audience *put_version(audience_store *s, muster_text key,
                                   uint32_t id,
                                   const audience_version *version)
{
    ASSERT(audience_is_key(key));
    arena *rows = &s->shared->arena;
    const size_t i = place_of(s, key, id);
    audience *a = arena_alloc(rows, sizeof *a);
    *a = *s->items[i];
    grow_versions(a, rows);
    audience_version *v = &a->versions[a->version_count++];
    *v = *version;
    v->version = (uint32_t)a->version_count;
    v->expr = own(rows, version->expr);
    v->name = own(rows, version->name);
    s->items[i] = a;
    touch(s);
    return a;
}

const audience *audience_put(audience_store *s, muster_text key,
                             const audience_version *version)
{
    return put_version(s, key, s->last_id + 1, version);
}

/* ---- encoded ---- */

/* Encoded: u32 last id, u32 audiences; each: u32 id, key, u32 versions; each:
 * expr, name, i32 priority, u8 served, u8 removed, i64 created. Texts: u32
 * length, bytes. */
static void put_text(buffer *out, muster_text t)
{
    buffer_put_u32(out, (uint32_t)t.len);
    buffer_put_text(out, t);
}

void audience_store_encode(const audience_store *s, buffer *out)
{
    buffer_put_u32(out, s->last_id);
    buffer_put_u32(out, (uint32_t)s->count);
    for (size_t i = 0; i < s->count; i++) {
        const audience *a = s->items[i];
        buffer_put_u32(out, a->id);
        put_text(out, text_of(a->key));
        buffer_put_u32(out, (uint32_t)a->version_count);
        for (size_t j = 0; j < a->version_count; j++) {
            const audience_version *v = &a->versions[j];
            put_text(out, v->expr);
            put_text(out, v->name);
            buffer_put_u32(out, (uint32_t)v->priority);
            buffer_put_u8(out, v->served);
            buffer_put_u8(out, v->removed);
            buffer_put_u64(out, (uint64_t)v->created);
        }
    }
}

static muster_text get_text(reader *r)
{
    const uint32_t len = reader_u32(r);
    const uint8_t *bytes = reader_bytes(r, len);
    return text_make((const char *)bytes, bytes ? len : 0);
}

static int damaged(muster_error *err)
{
    return error_set(err, MUSTER_ECORRUPT, "damaged_audiences",
                     "the saved segments of the generation are damaged");
}

static int decode_audience(audience_store *s, reader *r, muster_error *err)
{
    const uint32_t id = reader_u32(r);
    const muster_text key = get_text(r);
    const uint32_t versions = reader_u32(r);

    if (!reader_ok(r) || !audience_is_key(key) || id == 0 || versions == 0 ||
        audience_find(s, key))
        return damaged(err);
    for (uint32_t j = 0; j < versions; j++) {
        audience_version v = {0};
        v.expr = get_text(r);
        v.name = get_text(r);
        v.priority = (int32_t)reader_u32(r);
        v.served = reader_u8(r);
        v.removed = reader_u8(r);
        v.created = (muster_time)reader_u64(r);
        if (!reader_ok(r))
            return damaged(err);
        put_version(s, key, id, &v);
    }
    return 0;
}

int audience_store_decode(audience_store *s, const void *bytes, size_t len,
                          muster_error *err)
{
    reader r;

    ASSERT(s->count == 0);
    reader_init(&r, bytes, len);
    const uint32_t last_id = reader_u32(&r);
    const uint32_t count = reader_u32(&r);
    for (uint32_t i = 0; i < count; i++) {
        const int rc = decode_audience(s, &r, err);
        if (rc != 0)
            return rc;
    }
    s->last_id = last_id;
    touch(s);
    return reader_ok(&r) && reader_left(&r) == 0 ? 0 : damaged(err);
}
