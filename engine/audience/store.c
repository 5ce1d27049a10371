/*
 * store.c - saved segments by key (audience.h).
 *
 * A sorted array of pointers: saving costs a move of pointers, finding a
 * binary search.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "audience/audience.h"

struct audience_store {
    audience **items; /* by key */
    size_t count;
    size_t capacity;
    uint32_t last_id;
    uint64_t version;
};

audience_store *audience_store_new(void)
{
    return mem_zalloc(sizeof(audience_store));
}

static void audience_free(audience *a)
{
    for (size_t i = 0; i < a->version_count; i++) {
        mem_free((char *)a->versions[i].expr.ptr);
        mem_free((char *)a->versions[i].name.ptr);
    }
    mem_free(a->versions);
    mem_free(a->key);
    mem_free(a);
}

void audience_store_free(audience_store *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        audience_free(s->items[i]);
    mem_free(s->items);
    mem_free(s);
}

uint64_t audience_store_version(const audience_store *s)
{
    return s->version;
}

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

static audience *insert(audience_store *s, muster_text key)
{
    const size_t i = seek(s, key);
    audience *a = mem_zalloc(sizeof *a);

    a->key = mem_strndup(key.ptr, key.len);
    a->id = ++s->last_id;
    mem_grow(&s->items, &s->capacity, s->count + 1, sizeof *s->items);
    memmove(&s->items[i + 1], &s->items[i],
            (s->count - i) * sizeof *s->items);
    s->items[i] = a;
    s->count++;
    return a;
}

static muster_text own(muster_text t)
{
    return text_make(mem_strndup(t.ptr ? t.ptr : "", t.len), t.len);
}

const audience *audience_put(audience_store *s, muster_text key,
                             const audience_version *version)
{
    audience *a = (audience *)audience_find(s, key);

    ASSERT(audience_is_key(key));
    if (!a)
        a = insert(s, key);
    mem_grow(&a->versions, &a->version_capacity, a->version_count + 1,
             sizeof *a->versions);
    audience_version *v = &a->versions[a->version_count++];
    *v = *version;
    v->version = (uint32_t)a->version_count;
    v->expr = own(version->expr);
    v->name = own(version->name);
    s->version++;
    return a;
}

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
    audience *a = insert(s, key);
    a->id = id;
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
        audience_put(s, key, &v);
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
    return reader_ok(&r) && reader_left(&r) == 0 ? 0 : damaged(err);
}
