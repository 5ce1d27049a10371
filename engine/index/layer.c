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

/* (1) to (4) of layer.h. */
static int check_directory(const layer_entry *entries, size_t count,
                           size_t planes_len, muster_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const layer_entry *e = &entries[i];
        if (i > 0 && plane_key_compare(&entries[i - 1].key, &e->key) >= 0)
            return damaged(err, i, "is out of order");
        if (!slice_fits(&e->key) || !follows_seen(entries, i))
            return damaged(err, i, "has a key that no plane has");
        if (e->offset > planes_len || e->len > planes_len - e->offset)
            return damaged(err, i, "points outside the plane bytes");
    }
    return 0;
}

static index_layer *layer_of(layer_entry *take_entries, size_t count,
                             const void *planes, size_t planes_len, proof *by)
{
    index_layer *l = mem_zalloc(sizeof *l);
    l->own_entries = take_entries;
    l->entries = take_entries;
    l->count = count;
    l->planes = planes;
    l->planes_len = planes_len;
    l->refs = 1;
    l->proof = by;
    l->believed = mem_zalloc((count / 64 + 1) * sizeof *l->believed);
    return l;
}

int index_layer_open(index_layer **out, const void *directory,
                     size_t directory_len, const void *planes,
                     size_t planes_len, proof *by, muster_error *err)
{
    size_t count;
    layer_entry *entries =
        layer_directory_decode(directory, directory_len, &count);

    *out = NULL;
    if (!entries)
        return error_set(err, MUSTER_ECORRUPT, "damaged_planes",
                         "the directory of planes does not decode");
    const int rc = check_directory(entries, count, planes_len, err);
    if (rc != 0) {
        mem_free(entries);
        return rc;
    }
    index_layer *l = layer_of(entries, count, planes, planes_len, by);
    l->encoded_len = directory_len;
    for (size_t i = 0; i < count && by == NULL; i++) {
        if (layer_is_sound(l, &entries[i]))
            continue;
        index_layer_release(l);
        return damaged(err, i, "is not a well-formed bitmap");
    }
    *out = l;
    return 0;
}

bool layer_believe(const index_layer *l, const layer_entry *e)
{
    const size_t i = (size_t)(e - l->entries);
    const uint8_t *bytes = l->planes + e->offset;
    plane_view v;

    if (!proof_holds(l->proof, bytes, e->len))
        return false;
    if (!view_open(&v, bytes, e->len)) {
        if (l->proof)
            proof_break(l->proof, bytes);
        return false;
    }
    __atomic_fetch_or(&l->believed[i / 64], (uint64_t)1 << i % 64,
                      __ATOMIC_RELEASE);
    return true;
}

bool layer_span_is_sound(const index_layer *l, size_t first, size_t end)
{
    while (first < end && layer_is_sound(l, &l->entries[first]))
        first++;
    return first == end;
}

plane_view layer_view(const index_layer *l, const layer_entry *e)
{
    static const uint8_t nothing[8] = {0x3a, 0x30}; /* cookie 12346, 0 */
    plane_view v;
    view_init(&v, layer_is_sound(l, e) ? l->planes + e->offset : nothing);
    return v;
}

void index_layer_directory(const index_layer *l, buffer *out)
{
    layer_directory_encode(l->entries, l->count, out);
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
    mem_free(l->believed);
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
