/*
 * dictionary.c - pseudonym -> row and row -> primary pseudonym.
 *
 * Numbers. Every id has one 32-bit number, which is all that a table holds.
 * The id that created row r has number r, counted from below; ids that name a
 * row created before are counted from above: UINT32_MAX - 1, - 2, ... So the
 * primary of a row is one array read, a row costs no link to its primary, and
 * only the ids that are not their row's first pay 4 bytes for it. The two
 * meet after 4.29 G ids (dictionary_full).
 *
 * Base and delta. The base is bytes of somebody else (a mapped file) and
 * never changes. The delta continues the numbers: its ids lie in chunks that
 * never move, so that a million new users cost no copying, and its table is
 * cut into 256 parts by the first byte of the pseudonym. A part that becomes
 * full grows by half and is filled anew; the parts grow at different
 * moments, so no single add waits for a whole table (2 to 5 ms at 10 M ids).
 *
 * Tables. A bucket is one cache line:
 *
 *   bytes  0..11  tags: byte 15 of the pseudonym, 0 read as 1; 0 = free
 *   byte  12      passed: 1 when an id that belongs here went further on
 *   bytes 13..15  0
 *   bytes 16..63  twelve numbers, 4 bytes each, little-endian
 *
 * An id belongs to bucket hash * buckets / 2^64, or to the next bucket that
 * has room; a search goes on while `passed` is set. The hash is the id's bytes
 * 0 to 7, in a part of the delta bytes 1 to 8, read little-endian: they are of
 * a MAC, so uniform, and nobody without the key can choose them. Ids are never
 * removed.
 *
 * Cost: find is a line of the table and, when a tag fits, a line of the ids.
 * Memory per id: 16 bytes + 64 / 12 / load; that is 22.3 in the base (0.85)
 * and at most 25.5 in the delta (0.57 just after a part has grown).
 * Threads: one writer; readers only while nobody writes.
 *
 * Encoded form, little-endian; every part begins at a multiple of 64:
 *
 *   0   8   "MSTRDICT"
 *   8   4   1, the version of this form
 *   12  4   R, rows
 *   16  4   X, ids that are not their row's first
 *   20  4   0
 *   24  8   B, buckets
 *   32  32  0
 *   64      R pseudonyms of 16 bytes, by number
 *           X times (16 bytes of pseudonym, 4 of row), from number
 *           UINT32_MAX - 1 downwards
 *           B buckets
 *
 * Valid if and only if: (1) the header is as above and the length is the sum
 * of the parts; (2) R <= MUSTER_USERS_MAX and R + X <= UINT32_MAX - 1;
 * (3) B is 0 when there are no ids, else there are fewer ids than places;
 * (4) the row of each of the X ids is < R; (5) each place in use holds the
 * number of an id, and as many places as there are ids are in use.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "identity/identity.h"

#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define BUCKET_BYTES 64u
#define BUCKET_PLACES 12u
#define BUCKET_PASSED 12u /* offset of the byte */
#define BUCKET_NUMBERS 16u
#define PARTS 256u
#define CHUNK_IDS 16384u
#define HEADER_BYTES 64u
#define FORM_VERSION 1u
/* Numbers at the top that are never given: DICTIONARY_NONE is one. */
#define NUMBERS_MAX ((uint64_t)UINT32_MAX - 1)

static const char form_magic[8] = {'M', 'S', 'T', 'R', 'D', 'I', 'C', 'T'};

/* An id that is not its row's first. */
typedef struct extra_id {
    muster_pseudonym id;
    uint8_t row[4]; /* little-endian */
} extra_id;

typedef struct part {
    uint8_t *buckets;
    uint32_t bucket_count;
    uint32_t used;
} part;

struct dictionary {
    uint32_t rows;
    uint32_t extras;
    /* base: borrowed */
    uint32_t base_rows;
    uint32_t base_extras;
    const muster_pseudonym *base_ids;
    const extra_id *base_extra_ids;
    const uint8_t *base_buckets;
    uint64_t base_bucket_count;
    /* delta: owned */
    muster_pseudonym **id_chunks;
    size_t id_chunk_count;
    size_t id_chunk_capacity;
    extra_id **extra_chunks;
    size_t extra_chunk_count;
    size_t extra_chunk_capacity;
    part parts[PARTS];
};

/* ---- little-endian words ---- */

static uint32_t get_u32(const uint8_t *p)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
#else
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
#endif
}

static void put_u32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static uint64_t get_u64(const uint8_t *p)
{
    return (uint64_t)get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

static void put_u64(uint8_t *p, uint64_t v)
{
    put_u32(p, (uint32_t)v);
    put_u32(p + 4, (uint32_t)(v >> 32));
}

/* ---- where an id belongs ---- */

__extension__ typedef unsigned __int128 uint128;

static uint64_t home_of(uint64_t hash, uint64_t bucket_count)
{
    return (uint64_t)((uint128)hash * bucket_count >> 64);
}

static uint64_t base_home(const muster_pseudonym *p, uint64_t bucket_count)
{
    return home_of(get_u64(p->bytes), bucket_count);
}

/* The first byte chose the part; the hash inside it is the next eight. */
static uint32_t part_home(const muster_pseudonym *p, uint32_t bucket_count)
{
    return (uint32_t)home_of(get_u64(p->bytes + 1), bucket_count);
}

static uint8_t tag_of(const muster_pseudonym *p)
{
    /* In the last byte: neither home nor part depends on it. */
    const uint8_t tag = p->bytes[15];
    return tag != 0 ? tag : 1;
}

/* One bit for each place whose tag is `tag` (0: for each free place). */
static uint32_t match_tags(const uint8_t *bucket, uint8_t tag)
{
    const uint32_t places = (1u << BUCKET_PLACES) - 1;
#if defined(__SSE2__)
    const __m128i tags = _mm_loadu_si128((const __m128i *)(const void *)bucket);
    const __m128i same = _mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag));
    return (uint32_t)_mm_movemask_epi8(same) & places;
#else
    uint32_t mask = 0;
    for (uint32_t i = 0; i < BUCKET_PLACES; i++)
        mask |= (uint32_t)(bucket[i] == tag) << i;
    return mask & places;
#endif
}

static uint32_t number_at(const uint8_t *bucket, uint32_t place)
{
    return get_u32(bucket + BUCKET_NUMBERS + (size_t)4 * place);
}

/* ---- ids by number ---- */

static uint32_t extra_number(uint32_t extra)
{
    return UINT32_MAX - 1 - extra;
}

static const extra_id *extra_get(const dictionary *d, uint32_t extra)
{
    if (extra < d->base_extras)
        return &d->base_extra_ids[extra];
    const uint32_t i = extra - d->base_extras;
    return &d->extra_chunks[i / CHUNK_IDS][i % CHUNK_IDS];
}

static const muster_pseudonym *row_get(const dictionary *d, uint32_t row)
{
    if (row < d->base_rows)
        return &d->base_ids[row];
    const uint32_t i = row - d->base_rows;
    return &d->id_chunks[i / CHUNK_IDS][i % CHUNK_IDS];
}

static const muster_pseudonym *id_get(const dictionary *d, uint32_t number)
{
    if (number < d->rows)
        return row_get(d, number);
    return &extra_get(d, extra_number(number))->id;
}

static uint32_t row_of_number(const dictionary *d, uint32_t number)
{
    if (number < d->rows)
        return number;
    return get_u32(extra_get(d, extra_number(number))->row);
}

/* ---- tables ---- */

/* The number of `p` in `buckets`, or DICTIONARY_NONE. */
static uint32_t table_find(const dictionary *d, const uint8_t *buckets,
                           uint64_t bucket_count, uint64_t home,
                           const muster_pseudonym *p)
{
    const uint8_t tag = tag_of(p);
    uint64_t at = home;
    for (uint64_t seen = 0; seen < bucket_count; seen++) {
        const uint8_t *bucket = buckets + at * BUCKET_BYTES;
        for (uint32_t m = match_tags(bucket, tag); m != 0; m &= m - 1) {
            const uint32_t number =
                number_at(bucket, (uint32_t)__builtin_ctz(m));
            if (memcmp(id_get(d, number), p, sizeof *p) == 0)
                return number;
        }
        if (bucket[BUCKET_PASSED] == 0)
            break;
        at = at + 1 < bucket_count ? at + 1 : 0;
    }
    return DICTIONARY_NONE;
}

/* Puts a number where there is room from `home` on; there must be some. */
static void table_put(uint8_t *buckets, uint64_t bucket_count, uint64_t home,
                      uint8_t tag, uint32_t number)
{
    uint64_t at = home;
    ASSERT(home < bucket_count);
    for (;;) {
        uint8_t *bucket = buckets + at * BUCKET_BYTES;
        const uint32_t free = match_tags(bucket, 0);
        if (free != 0) {
            const uint32_t place = (uint32_t)__builtin_ctz(free);
            bucket[place] = tag;
            put_u32(bucket + BUCKET_NUMBERS + (size_t)4 * place, number);
            return;
        }
        bucket[BUCKET_PASSED] = 1;
        at = at + 1 < bucket_count ? at + 1 : 0;
        ASSERT(at != home);
    }
}

/* Most ids that `buckets` hold at the load of 0.85. */
static uint64_t ids_of_buckets(uint64_t bucket_count)
{
    return bucket_count * BUCKET_PLACES * 17 / 20;
}

/* Fewest buckets for `ids`, at that load. */
static uint64_t buckets_of_ids(uint64_t ids)
{
    uint64_t buckets = ids * 20 / (BUCKET_PLACES * 17);
    while (ids_of_buckets(buckets) < ids)
        buckets++;
    ASSERT(buckets * BUCKET_PLACES > ids || ids == 0);
    return buckets;
}

static uint8_t *buckets_new(uint64_t bucket_count)
{
    const size_t bytes = (size_t)bucket_count * BUCKET_BYTES;
    uint8_t *buckets = mem_aligned(bytes);
    memset(buckets, 0, bytes);
    return buckets;
}

static void part_grow(const dictionary *d, part *t)
{
    const uint32_t former_count = t->bucket_count;
    const uint32_t count = former_count + (former_count + 1) / 2;
    const uint32_t grown = count > 0 ? count : 1;
    ASSERT(grown > former_count);
    uint8_t *buckets = buckets_new(grown);
    for (uint32_t i = 0; i < former_count; i++) {
        const uint8_t *bucket = t->buckets + (size_t)i * BUCKET_BYTES;
        for (uint32_t place = 0; place < BUCKET_PLACES; place++) {
            if (bucket[place] == 0)
                continue;
            const uint32_t number = number_at(bucket, place);
            const uint32_t home = part_home(id_get(d, number), grown);
            table_put(buckets, grown, home, bucket[place], number);
        }
    }
    mem_free(t->buckets);
    t->buckets = buckets;
    t->bucket_count = grown;
}

static void part_put(dictionary *d, const muster_pseudonym *p, uint32_t number)
{
    part *t = &d->parts[p->bytes[0]];
    if (t->used >= ids_of_buckets(t->bucket_count))
        part_grow(d, t);
    const uint32_t home = part_home(p, t->bucket_count);
    table_put(t->buckets, t->bucket_count, home, tag_of(p), number);
    t->used++;
    ASSERT(t->used <= t->bucket_count * BUCKET_PLACES);
}

/* ---- life ---- */

dictionary *dictionary_new(void)
{
    return mem_zalloc(sizeof(dictionary));
}

void dictionary_free(dictionary *d)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->id_chunk_count; i++)
        mem_free(d->id_chunks[i]);
    for (size_t i = 0; i < d->extra_chunk_count; i++)
        mem_free(d->extra_chunks[i]);
    for (size_t i = 0; i < PARTS; i++)
        mem_free(d->parts[i].buckets);
    mem_free(d->id_chunks);
    mem_free(d->extra_chunks);
    mem_free(d);
}

/* ---- questions ---- */

uint32_t dictionary_find(const dictionary *d, const muster_pseudonym *p)
{
    ASSERT(d != NULL && p != NULL);
    uint32_t number = DICTIONARY_NONE;
    if (d->base_bucket_count != 0)
        number = table_find(d, d->base_buckets, d->base_bucket_count,
                            base_home(p, d->base_bucket_count), p);
    const part *t = &d->parts[p->bytes[0]];
    if (number == DICTIONARY_NONE && t->bucket_count != 0)
        number = table_find(d, t->buckets, t->bucket_count,
                            part_home(p, t->bucket_count), p);
    return number == DICTIONARY_NONE ? DICTIONARY_NONE
                                     : row_of_number(d, number);
}

void dictionary_prefetch(const dictionary *d, const muster_pseudonym *p)
{
    if (d->base_bucket_count != 0)
        __builtin_prefetch(d->base_buckets +
                           base_home(p, d->base_bucket_count) * BUCKET_BYTES);
    const part *t = &d->parts[p->bytes[0]];
    if (t->bucket_count != 0)
        __builtin_prefetch(t->buckets + (size_t)part_home(p, t->bucket_count) *
                                            BUCKET_BYTES);
}

const muster_pseudonym *dictionary_primary(const dictionary *d, uint32_t row)
{
    ASSERT(row < d->rows);
    return row_get(d, row);
}

uint32_t dictionary_rows(const dictionary *d)
{
    return d->rows;
}

uint64_t dictionary_ids(const dictionary *d)
{
    return (uint64_t)d->rows + d->extras;
}

bool dictionary_full(const dictionary *d)
{
    return d->rows >= MUSTER_USERS_MAX ||
           dictionary_ids(d) + MUSTER_RECORD_IDS_MAX > NUMBERS_MAX;
}

size_t dictionary_memory(const dictionary *d)
{
    size_t bytes = sizeof *d;
    bytes += d->id_chunk_count * CHUNK_IDS * sizeof(muster_pseudonym);
    bytes += d->extra_chunk_count * CHUNK_IDS * sizeof(extra_id);
    bytes += d->id_chunk_capacity * sizeof *d->id_chunks;
    bytes += d->extra_chunk_capacity * sizeof *d->extra_chunks;
    for (size_t i = 0; i < PARTS; i++)
        bytes += (size_t)d->parts[i].bucket_count * BUCKET_BYTES;
    return bytes;
}

/* ---- changes ---- */

uint32_t dictionary_add_user(dictionary *d, const muster_pseudonym *p)
{
    ASSERT(d != NULL && p != NULL);
    if (d->rows >= MUSTER_USERS_MAX || dictionary_ids(d) >= NUMBERS_MAX)
        return DICTIONARY_NONE;
    const uint32_t row = d->rows;
    const uint32_t i = row - d->base_rows;
    if (i / CHUNK_IDS == d->id_chunk_count) {
        mem_grow(&d->id_chunks, &d->id_chunk_capacity, d->id_chunk_count + 1,
                 sizeof *d->id_chunks);
        d->id_chunks[d->id_chunk_count++] =
            mem_aligned(CHUNK_IDS * sizeof(muster_pseudonym));
    }
    d->id_chunks[i / CHUNK_IDS][i % CHUNK_IDS] = *p;
    d->rows++;
    part_put(d, p, row);
    return row;
}

void dictionary_add_id(dictionary *d, const muster_pseudonym *p, uint32_t row)
{
    ASSERT(d != NULL && row < d->rows);
    ASSERT(dictionary_ids(d) < NUMBERS_MAX);
    const uint32_t extra = d->extras;
    const uint32_t i = extra - d->base_extras;
    if (i / CHUNK_IDS == d->extra_chunk_count) {
        mem_grow(&d->extra_chunks, &d->extra_chunk_capacity,
                 d->extra_chunk_count + 1, sizeof *d->extra_chunks);
        d->extra_chunks[d->extra_chunk_count++] =
            mem_aligned(CHUNK_IDS * sizeof(extra_id));
    }
    extra_id *slot = &d->extra_chunks[i / CHUNK_IDS][i % CHUNK_IDS];
    slot->id = *p;
    put_u32(slot->row, row);
    d->extras++;
    part_put(d, p, extra_number(extra));
}

/* ---- encoded form ---- */

typedef int (*write_fn)(void *payload, const void *bytes, size_t len);

static uint64_t padded(uint64_t bytes)
{
    return (bytes + 63) & ~(uint64_t)63;
}

static int write_padding(write_fn write, void *payload, uint64_t bytes)
{
    static const uint8_t zeros[64];
    const size_t pad = (size_t)(padded(bytes) - bytes);
    return pad == 0 ? 0 : write(payload, zeros, pad);
}

static int write_header(const dictionary *d, uint64_t bucket_count,
                        write_fn write, void *payload)
{
    uint8_t header[HEADER_BYTES] = {0};
    memcpy(header, form_magic, sizeof form_magic);
    put_u32(header + 8, FORM_VERSION);
    put_u32(header + 12, d->rows);
    put_u32(header + 16, d->extras);
    put_u64(header + 24, bucket_count);
    return write(payload, header, sizeof header);
}

/* The base's array, then the delta's chunks, as one array of `size` bytes an
 * element, padded. `chunks` yields the chunk's bytes. */
static int write_array(const void *base, uint32_t base_count,
                       const void *const *chunks, uint32_t count, size_t size,
                       write_fn write, void *payload)
{
    ASSERT(base_count <= count);
    int rc = 0;
    if (base_count != 0)
        rc = write(payload, base, base_count * size);
    uint32_t left = count - base_count;
    for (size_t i = 0; rc == 0 && left != 0; i++) {
        const uint32_t n = left < CHUNK_IDS ? left : CHUNK_IDS;
        rc = write(payload, chunks[i], n * size);
        left -= n;
    }
    return rc != 0 ? rc : write_padding(write, payload, (uint64_t)count * size);
}

/* The number of the i-th id, whatever its sort. */
static uint32_t nth_number(const dictionary *d, uint64_t i)
{
    return i < d->rows ? (uint32_t)i : extra_number((uint32_t)(i - d->rows));
}

/* One table of all ids, in memory of its own (6.3 bytes an id) until it is
 * written. Places are random, so they are fetched ahead. */
static uint8_t *merged_table(const dictionary *d, uint64_t bucket_count)
{
    const uint64_t ids = dictionary_ids(d);
    const uint64_t ahead = 16;
    ASSERT(ids < bucket_count * BUCKET_PLACES);
    uint8_t *buckets = buckets_new(bucket_count);
    for (uint64_t i = 0; i < ids; i++) {
        if (i + ahead < ids) {
            const muster_pseudonym *next = id_get(d, nth_number(d, i + ahead));
            __builtin_prefetch(
                buckets + base_home(next, bucket_count) * BUCKET_BYTES, 1);
        }
        const uint32_t number = nth_number(d, i);
        const muster_pseudonym *p = id_get(d, number);
        table_put(buckets, bucket_count, base_home(p, bucket_count), tag_of(p),
                  number);
    }
    return buckets;
}

int dictionary_encode(const dictionary *d,
                      int (*write)(void *payload, const void *bytes,
                                   size_t len),
                      void *payload)
{
    ASSERT(d != NULL && write != NULL);
    const uint64_t bucket_count = buckets_of_ids(dictionary_ids(d));
    int rc = write_header(d, bucket_count, write, payload);
    if (rc == 0)
        rc = write_array(d->base_ids, d->base_rows,
                         (const void *const *)d->id_chunks, d->rows,
                         sizeof(muster_pseudonym), write, payload);
    if (rc == 0)
        rc = write_array(d->base_extra_ids, d->base_extras,
                         (const void *const *)d->extra_chunks, d->extras,
                         sizeof(extra_id), write, payload);
    if (rc != 0 || bucket_count == 0)
        return rc;
    uint8_t *buckets = merged_table(d, bucket_count);
    rc = write(payload, buckets, (size_t)bucket_count * BUCKET_BYTES);
    mem_free(buckets);
    return rc;
}

static int damaged(muster_error *err, const char *what)
{
    return error_set(err, MUSTER_ECORRUPT, "bad_dictionary",
                     "the dictionary of ids is damaged: %s", what);
}

/* Header to fields: (1), (2) and (3) of the list above. */
static int open_header(dictionary *d, const uint8_t *bytes, size_t len,
                       muster_error *err)
{
    if (len < HEADER_BYTES || memcmp(bytes, form_magic, sizeof form_magic))
        return damaged(err, "it does not begin as one");
    if (get_u32(bytes + 8) != FORM_VERSION)
        return error_set(err, MUSTER_EVERSION, "newer_version",
                         "the dictionary of ids has form %u, this program "
                         "knows %u",
                         get_u32(bytes + 8), FORM_VERSION);
    const uint64_t rows = get_u32(bytes + 12);
    const uint64_t extras = get_u32(bytes + 16);
    const uint64_t buckets = get_u64(bytes + 24);
    if (rows > MUSTER_USERS_MAX || rows + extras > NUMBERS_MAX)
        return damaged(err, "more ids than there are numbers");
    if (buckets > len / BUCKET_BYTES)
        return damaged(err, "its table is larger than the whole");
    if (rows + extras == 0 ? buckets != 0
                           : rows + extras >= buckets * BUCKET_PLACES)
        return damaged(err, "its table does not fit its ids");
    const uint64_t ids_at = HEADER_BYTES;
    const uint64_t extras_at = ids_at + padded(rows * sizeof *d->base_ids);
    const uint64_t table_at =
        extras_at + padded(extras * sizeof *d->base_extra_ids);
    if (table_at + buckets * BUCKET_BYTES != len)
        return damaged(err, "its length is not the sum of its parts");
    d->rows = d->base_rows = (uint32_t)rows;
    d->extras = d->base_extras = (uint32_t)extras;
    d->base_ids = (const void *)(bytes + ids_at);
    d->base_extra_ids = (const void *)(bytes + extras_at);
    d->base_buckets = bytes + table_at;
    d->base_bucket_count = buckets;
    return 0;
}

/* (4) and (5). */
static int check_content(const dictionary *d, muster_error *err)
{
    for (uint32_t i = 0; i < d->base_extras; i++)
        if (get_u32(d->base_extra_ids[i].row) >= d->base_rows)
            return damaged(err, "an id names a row that is not there");
    /* Numbers in between belong to no id. */
    const uint32_t gap_length = (uint32_t)(UINT32_MAX - dictionary_ids(d));
    uint64_t used = 0;
    for (uint64_t i = 0; i < d->base_bucket_count; i++) {
        const uint8_t *bucket = d->base_buckets + i * BUCKET_BYTES;
        const uint32_t all = (1u << BUCKET_PLACES) - 1;
        uint32_t m = ~match_tags(bucket, 0) & all;
        used += (uint32_t)__builtin_popcount(m);
        uint32_t bad = 0;
        for (; m != 0; m &= m - 1) {
            const uint32_t n = number_at(bucket, (uint32_t)__builtin_ctz(m));
            bad |= n - d->rows < gap_length || n == DICTIONARY_NONE;
        }
        if (bad != 0)
            return damaged(err, "a place holds the number of no id");
    }
    return used == dictionary_ids(d)
               ? 0
               : damaged(err, "its table does not hold each id once");
}

int dictionary_open(dictionary **out, const void *bytes, size_t len,
                    muster_error *err)
{
    ASSERT(out != NULL && (bytes != NULL || len == 0));
    *out = NULL;
    dictionary *d = dictionary_new();
    int rc = open_header(d, bytes, len, err);
    if (rc == 0)
        rc = check_content(d, err);
    if (rc != 0) {
        dictionary_free(d);
        return rc;
    }
    *out = d;
    return 0;
}
