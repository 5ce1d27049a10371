/*
 * dictionary_internal.h - what the files of the dictionary share: its
 * struct, ids by number, and the buckets of its tables (dictionary.c tells
 * how they work). Not a door: only dictionary*.c include it.
 *
 *   dictionary.c           find, add, catch up
 *   dictionary_snapshot.c  snapshots, what they keep alive, the end
 *   dictionary_form.c      the encoded form
 *   dictionary_check.c     is every id where it should be?
 *
 * A bucket's head and numbers are read by other threads while the one writer
 * fills places: both sides use atomic loads and stores, which on the usual
 * machines are the plain ones. Everything else that a snapshot reads is
 * written before the snapshot is taken.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef IDENTITY_DICTIONARY_INTERNAL_H
#define IDENTITY_DICTIONARY_INTERNAL_H

#include <endian.h>
#include <string.h>
#include "identity/identity.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define BUCKET_PLACES 12u
#define BUCKET_PASSED 12u /* the byte of the head */
#define PARTS 256u
#define CHUNK_IDS 16384u
/* Numbers at the top that are never given: DICTIONARY_NONE is one. */
#define NUMBERS_MAX ((uint64_t)UINT32_MAX - 1)

/* All little-endian. */
typedef struct bucket {
    uint64_t head[2];
    uint32_t numbers[BUCKET_PLACES];
} bucket;
_Static_assert(sizeof(bucket) == 64, "a bucket is one cache line");

/* An id that is not its row's first. */
typedef struct extra_id {
    muster_pseudonym id;
    uint32_t row; /* little-endian */
} extra_id;
_Static_assert(sizeof(extra_id) == 20, "as in the encoded form");

typedef struct part {
    bucket *buckets;
    uint32_t bucket_count;
    uint32_t used;
} part;

/* Arrays of CHUNK_IDS elements, and the array of them. */
typedef struct chunk_list {
    void **chunks;
    uint32_t count;
    uint32_t capacity;
} chunk_list;

/* Memory that the writer has replaced and a snapshot may still read. */
typedef struct retired retired;

struct dictionary {
    uint32_t rows;
    uint32_t extras;
    /* base: borrowed */
    uint32_t base_rows;
    uint32_t base_extras;
    const muster_pseudonym *base_ids;
    const extra_id *base_extra_ids;
    const bucket *base_buckets;
    uint64_t base_bucket_count;
    proof *base_proof; /* of them all; NULL: they need none */
    /* delta: the writer's */
    chunk_list id_chunks;
    chunk_list extra_chunks;
    part parts[PARTS];
    /* A ring: the writer's, then its snapshots, the oldest first. */
    dictionary *newer;
    dictionary *older;
    dictionary *origin; /* the writer's; NULL in itself */
    uint32_t holders;   /* of a snapshot */
    bool closed;        /* freed, but for the snapshots */
    uint64_t retirements;
    retired *retired_first;
    retired *retired_last;
    size_t kept_bytes; /* of snapshots and of what is retired */
};

/* Frees `memory`, at once or when no snapshot may read it any more. */
void dictionary_retire(dictionary *d, void *memory, size_t bytes);

/* The number of `p`, or DICTIONARY_NONE. */
uint32_t dictionary_number(const dictionary *d, const muster_pseudonym *p);

/* Buckets [from, to) of part `table`, or of the base's table for PARTS: adds to
 * *used the places that hold the number of an id of that table; MUSTER_ECORRUPT
 * "bad_dictionary" when one holds another number. Places of ids that are
 * younger than the snapshot `d` are passed over. */
int dictionary_check_places(const dictionary *d, uint32_t table, uint64_t from,
                            uint64_t to, uint64_t *used, muster_error *err);

/* ---- ids by number ---- */

static inline uint32_t extra_number(uint32_t extra)
{
    return UINT32_MAX - 1 - extra;
}

/* The number of the i-th id, whatever its sort. */
static inline uint32_t nth_number(const dictionary *d, uint64_t i)
{
    return i < d->rows ? (uint32_t)i : extra_number((uint32_t)(i - d->rows));
}

/* False for a number that was given after the snapshot `d`, or never. */
static inline bool number_is_known(const dictionary *d, uint32_t number)
{
    return (number < d->rows) | (extra_number(number) < d->extras);
}

/* What is read of a base that is damaged there: nobody's id. */
extern const extra_id dictionary_nobody;

static inline const extra_id *extra_get(const dictionary *d, uint32_t extra)
{
    if (extra < d->base_extras) {
        const extra_id *e = &d->base_extra_ids[extra];
        return proof_holds(d->base_proof, e, sizeof *e) ? e
                                                        : &dictionary_nobody;
    }
    const uint32_t i = extra - d->base_extras;
    const extra_id *chunk = d->extra_chunks.chunks[i / CHUNK_IDS];
    return &chunk[i % CHUNK_IDS];
}

static inline const muster_pseudonym *row_get(const dictionary *d, uint32_t row)
{
    if (row < d->base_rows) {
        const muster_pseudonym *p = &d->base_ids[row];
        return proof_holds(d->base_proof, p, sizeof *p)
                   ? p
                   : &dictionary_nobody.id;
    }
    const uint32_t i = row - d->base_rows;
    const muster_pseudonym *chunk = d->id_chunks.chunks[i / CHUNK_IDS];
    return &chunk[i % CHUNK_IDS];
}

static inline const muster_pseudonym *id_get(const dictionary *d,
                                             uint32_t number)
{
    if (number < d->rows)
        return row_get(d, number);
    return &extra_get(d, extra_number(number))->id;
}

static inline uint32_t row_of_number(const dictionary *d, uint32_t number)
{
    if (number < d->rows)
        return number;
    return le32toh(extra_get(d, extra_number(number))->row);
}

/* ---- where an id belongs ---- */

__extension__ typedef unsigned __int128 uint128;

/* Eight bytes of the id from `at` on, as a part of [0, bucket_count). */
static inline uint64_t home_of(const muster_pseudonym *p, size_t at,
                               uint64_t bucket_count)
{
    uint64_t hash;
    memcpy(&hash, p->bytes + at, sizeof hash);
    return (uint64_t)((uint128)le64toh(hash) * bucket_count >> 64);
}

static inline uint64_t base_home(const muster_pseudonym *p,
                                 uint64_t bucket_count)
{
    return home_of(p, 0, bucket_count);
}

/* The first byte chose the part; the hash inside it is the next eight. */
static inline uint32_t part_home(const muster_pseudonym *p,
                                 uint32_t bucket_count)
{
    return (uint32_t)home_of(p, 1, bucket_count);
}

static inline uint8_t tag_of(const muster_pseudonym *p)
{
    /* In the last byte: neither home nor part depends on it. */
    const uint8_t tag = p->bytes[15];
    return tag != 0 ? tag : 1;
}

/* ---- buckets ---- */

/* Tags and passed, as they were at one moment each. */
typedef struct bucket_head {
    uint64_t low;
    uint64_t high;
} bucket_head;

static inline bucket_head head_of(const bucket *b)
{
    const uint64_t low = __atomic_load_n(&b->head[0], __ATOMIC_ACQUIRE);
    const uint64_t high = __atomic_load_n(&b->head[1], __ATOMIC_ACQUIRE);
    return (bucket_head){le64toh(low), le64toh(high)};
}

/* Of a table that nobody writes to. */
static inline bucket_head head_at_rest(const bucket *b)
{
    return (bucket_head){le64toh(b->head[0]), le64toh(b->head[1])};
}

static inline bool head_is_passed(bucket_head h)
{
    return (h.high >> (8 * (BUCKET_PASSED - 8)) & 0xff) != 0;
}

/* One bit for each place whose tag is `tag` (0: for each free place). */
static inline uint32_t match_tags(bucket_head h, uint8_t tag)
{
    const uint32_t places = (1u << BUCKET_PLACES) - 1;
#if defined(__SSE2__)
    const __m128i tags = _mm_set_epi64x((int64_t)h.high, (int64_t)h.low);
    const __m128i same = _mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag));
    return (uint32_t)_mm_movemask_epi8(same) & places;
#else
    uint32_t mask = 0;
    for (uint32_t i = 0; i < 8; i++) {
        mask |= (uint32_t)((uint8_t)(h.low >> (8 * i)) == tag) << i;
        mask |= (uint32_t)((uint8_t)(h.high >> (8 * i)) == tag) << (8 + i);
    }
    return mask & places;
#endif
}

static inline uint32_t number_at(const bucket *b, uint32_t place)
{
    return le32toh(__atomic_load_n(&b->numbers[place], __ATOMIC_RELAXED));
}

/* Puts a number where there is room from `home` on; there must be some. */
void table_put(bucket *buckets, uint64_t bucket_count, uint64_t home,
               uint8_t tag, uint32_t number);
/* Fewest buckets for `ids` at the load of 0.85. */
uint64_t buckets_of_ids(uint64_t ids);
bucket *buckets_new(uint64_t bucket_count);

#endif
