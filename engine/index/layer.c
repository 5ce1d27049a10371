/*
 * layer.c - opening layers, holding them and finding their planes (layer.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/resident.h"

_Static_assert(sizeof(layer_entry) == 32, "directory entries are 32 bytes");

int plane_key_compare(const plane_key *a, const plane_key *b)
{
    if (a->attribute != b->attribute)
        return a->attribute < b->attribute ? -1 : 1;
    if (a->provider != b->provider)
        return a->provider < b->provider ? -1 : 1;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    if (a->bucket != b->bucket)
        return a->bucket < b->bucket ? -1 : 1;
    if (a->role != b->role)
        return a->role < b->role ? -1 : 1;
    return (a->slice > b->slice) - (a->slice < b->slice);
}

static int damaged(muster_error *err, size_t i, const char *what)
{
    return error_set(err, MUSTER_ECORRUPT, "damaged_planes",
                     "plane %zu of the directory %s", i, what);
}

/* Is the slice one that the role can have? Counts and amounts have one more
 * than their sums need, for adding. */
static bool slice_fits(const plane_key *key)
{
    switch ((plane_role)key->role) {
    case ROLE_BIT:
        return key->slice < NUMBER_BITS;
    case ROLE_COUNT:
        return key->slice <= COUNT_BITS;
    case ROLE_AMOUNT:
        return key->slice <= AMOUNT_BITS;
    default:
        return key->role <= ROLE_REMOVED && key->slice == 0;
    }
}

/* Counts and amounts stand behind the SEEN plane they count. */
static bool follows_seen(const layer_entry *entries, size_t i)
{
    const plane_key *key = &entries[i].key;
    if (key->role != ROLE_COUNT && key->role != ROLE_AMOUNT)
        return true;
    while (i-- > 0) {
        const plane_key *before = &entries[i].key;
        if (before->attribute != key->attribute ||
            before->provider != key->provider ||
            before->value != key->value || before->bucket != key->bucket)
            return false;
        if (before->role == ROLE_SEEN)
            return true;
    }
    return false;
}

int index_layer_open(index_layer **out, const void *directory,
                     size_t directory_len, const void *planes,
                     size_t planes_len, muster_error *err)
{
    const layer_entry *entries = directory;
    const size_t count = directory_len / sizeof *entries;

    *out = NULL;
    if (directory_len % sizeof *entries != 0)
        return damaged(err, count, "is cut short");
    for (size_t i = 0; i < count; i++) {
        const layer_entry *e = &entries[i];
        plane_view v;
        if (i > 0 && plane_key_compare(&entries[i - 1].key, &e->key) >= 0)
            return damaged(err, i, "is out of order");
        if (!slice_fits(&e->key) || !follows_seen(entries, i))
            return damaged(err, i, "has a key that no plane has");
        if (e->offset > planes_len || e->len > planes_len - e->offset)
            return damaged(err, i, "points outside the plane bytes");
        if (!view_open(&v, (const uint8_t *)planes + e->offset, e->len))
            return damaged(err, i, "is not a well-formed bitmap");
    }
    index_layer *l = mem_zalloc(sizeof *l);
    l->entries = entries;
    l->count = count;
    l->planes = planes;
    l->planes_len = planes_len;
    l->refs = 1;
    *out = l;
    return 0;
}

const void *index_layer_directory(const index_layer *l, size_t *len)
{
    *len = l->count * sizeof *l->entries;
    return l->entries;
}

const void *index_layer_planes(const index_layer *l, size_t *len)
{
    *len = l->planes_len;
    return l->planes;
}

index_layer *index_layer_retain(index_layer *l)
{
    const uint32_t refs = __atomic_fetch_add(&l->refs, 1, __ATOMIC_RELAXED);
    ASSERT(refs > 0 && refs < UINT32_MAX);
    return l;
}

void index_layer_release(index_layer *l)
{
    if (!l)
        return;
    const uint32_t refs = __atomic_fetch_sub(&l->refs, 1, __ATOMIC_ACQ_REL);
    ASSERT(refs > 0);
    if (refs > 1)
        return;
    resident_set_free(l->residents);
    mem_free(l->own_entries);
    mem_free(l->own_planes);
    if (l->done)
        l->done(l->payload);
    mem_free(l);
}

void index_layer_on_free(index_layer *l, void (*done)(void *payload),
                         void *payload)
{
    ASSERT(done == NULL || l->done == NULL);
    l->done = done;
    l->payload = payload;
}

size_t index_layer_bytes(const index_layer *l)
{
    return l->own_bytes;
}

size_t layer_seek(const index_layer *l, const plane_key *key)
{
    size_t low = 0;
    size_t high = l->count;
    while (low < high) {
        const size_t mid = (low + high) / 2;
        if (plane_key_compare(&l->entries[mid].key, key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const layer_entry *layer_find(const index_layer *l, const plane_key *key)
{
    const size_t i = layer_seek(l, key);
    if (i < l->count && plane_key_compare(&l->entries[i].key, key) == 0)
        return &l->entries[i];
    return NULL;
}

void layer_group(const index_layer *l, uint32_t attribute, uint32_t provider,
                 size_t *first, size_t *end)
{
    const plane_key from = {attribute, (uint16_t)provider, 0, 0, 0, 0};
    const plane_key to = {attribute, (uint16_t)provider, UINT8_MAX, UINT8_MAX,
                          UINT32_MAX, UINT32_MAX};
    *first = layer_seek(l, &from);
    *end = layer_seek(l, &to);
}
