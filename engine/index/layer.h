/*
 * layer.h - many planes with one sorted directory; private to the room.
 *
 * Directory entry, sorted by key; directory.c has the form it takes on disk:
 *     u32 attribute  u16 provider  u8 role  u8 slice  u32 value  u32 bucket
 *     u64 offset of the plane's bytes   u32 their length   u32 cardinality
 * Keys sort by attribute, provider, value, bucket, role, slice, so all planes
 * of a group (attribute, provider) lie together, and the buckets of a value
 * in order of time. Valid if and only if (1) the directory decodes, (2) keys
 * grow strictly, (3) roles and slices are ones that the room writes, counts
 * and amounts behind their SEEN plane, (4) every plane lies inside the plane
 * bytes and (5) has a well-formed portable Roaring header. (5) is seen to when
 * a layer is opened, or, where the planes have a proof, when a plane is first
 * used.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INDEX_LAYER_H
#define INDEX_LAYER_H

#include "index/index.h"
#include "index/view.h"

typedef enum plane_role {
    ROLE_SET = 0,
    ROLE_SEEN = 1,
    ROLE_SIGN = 2,
    ROLE_BIT = 3,
    ROLE_COUNT = 4,
    ROLE_AMOUNT = 5,
    ROLE_HARD = 6, /* from here on in deltas only */
    ROLE_SOFT = 7,
    ROLE_REMOVED = 8
} plane_role;

#define NUMBER_FRACTION_BITS 14
#define NUMBER_BITS (14 + 40)
#define COUNT_BITS 20
#define AMOUNT_BITS 54

typedef struct plane_key {
    uint32_t attribute;
    uint16_t provider;
    uint8_t role;
    uint8_t slice;
    uint32_t value;
    uint32_t bucket;
} plane_key;

typedef struct layer_entry {
    plane_key key;
    uint64_t offset;
    uint32_t len;
    uint32_t count;
} layer_entry;

struct index_layer {
    const layer_entry *entries;
    size_t count;
    const uint8_t *planes;
    size_t planes_len;
    layer_entry *own_entries;
    size_t encoded_len; /* of the directory, when it was opened; else 0 */
    uint8_t *own_planes;
    size_t own_bytes;
    uint32_t refs; /* atomic */
    struct resident_set *residents; /* NULL: it has none */
    void (*done)(void *payload);
    void *payload;
    proof *proof;       /* of the planes; NULL: they need none */
    uint64_t *believed; /* then: one bit an entry; atomic */
};

int plane_key_compare(const plane_key *a, const plane_key *b);

/* Appends the encoded form. */
void layer_directory_encode(const layer_entry *entries, size_t count,
                            buffer *out);
/* The entries (mem_free), whatever they say; NULL when the bytes are no such
 * form. */
layer_entry *layer_directory_decode(const void *bytes, size_t len,
                                    size_t *count);

/* First entry whose key is >= key. */
size_t layer_seek(const index_layer *l, const plane_key *key);
/* The entry with exactly this key, or NULL. */
const layer_entry *layer_find(const index_layer *l, const plane_key *key);
/* [*first, *end): entries of a group. */
void layer_group(const index_layer *l, uint32_t attribute, uint32_t provider,
                 size_t *first, size_t *end);
/* Proves an entry's plane where nobody has yet; false: it is damaged, and the
 * proof is broken from then on. */
bool layer_believe(const index_layer *l, const layer_entry *e);
static inline bool layer_is_sound(const index_layer *l, const layer_entry *e)
{
    const size_t i = (size_t)(e - l->entries);
    if (l->believed == NULL ||
        (__atomic_load_n(&l->believed[i / 64], __ATOMIC_ACQUIRE) >> i % 64 &
         1) != 0)
        return true;
    return layer_believe(l, e);
}
/* Are the planes of [first, end) all sound? */
bool layer_span_is_sound(const index_layer *l, size_t first, size_t end);
/* The one way to a plane's bytes. Of a damaged one: an empty plane, which is
 * no answer, and the proof tells so (generation_check, storage.h). */
plane_view layer_view(const index_layer *l, const layer_entry *e);

/* Collects planes in any order and makes a layer of them; those that come in
 * the order of the directory need no sorting. */
typedef struct container_plan container_plan; /* private to writer.c */
typedef struct layer_writer {
    layer_entry *entries;
    size_t count;
    size_t capacity;
    uint8_t *planes; /* those that were not given away */
    size_t len;      /* of all planes */
    size_t given;    /* of those given away */
    size_t planes_capacity;
    index_write_fn write; /* NULL: nothing is given away */
    void *payload;
    int rc; /* of the last write */
    container_plan *plans; /* of the plane being written */
    size_t plan_capacity;
} layer_writer;
void layer_writer_init(layer_writer *w);
/* The planes go to `write`, in order and in pieces of some MiB, and do not
 * stay in memory. Ends with layer_writer_end. */
void layer_writer_to(layer_writer *w, index_write_fn write, void *payload);
/* What write returned, when that was not 0; appends the directory. */
int layer_writer_end(layer_writer *w, buffer *directory);
/* Room for a plane of `len` bytes; fill it before the next call. Its first
 * bitset stands `words_at` bytes in it (0: there is none). */
uint8_t *layer_writer_put(layer_writer *w, const plane_key *key, size_t len,
                          uint64_t cardinality, size_t words_at);
/* Rows ascending and distinct; nothing is put when n is 0. */
void layer_writer_rows(layer_writer *w, const plane_key *key,
                       const uint32_t *rows, size_t n);
index_layer *layer_writer_finish(layer_writer *w);

/* ---- the stack ---- */

struct index_stack {
    index_layer *layers[INDEX_DELTAS_MAX + 1]; /* [0] is the base */
    size_t count;
    uint32_t refs; /* atomic */
};

#endif
