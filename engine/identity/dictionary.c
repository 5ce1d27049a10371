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
 * moments, so no single add waits for a whole table (2 to 5 ms at 10 M ids),
 * and while some tables have just grown others are full.
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
 * Readers beside the writer. A snapshot (dictionary_snapshot.c) is a copy of
 * the struct: its own rows, extras, and pointers to the tables of its moment,
 * which the writer goes on filling and, when a part grows, leaves as they are.
 * A reader may meet a place of an id that is younger than its snapshot: the
 * number tells, and the place is passed over. Places of older ids were filled
 * before the snapshot was taken, and nothing ever takes them away. So no
 * reader waits, and none sees what it should not.
 *
 * A base of many gigabytes is not read when it is opened. It has a proof
 * (base/proof.h) that every line of it is asked of before it is used. What is
 * damaged there is not found, or nobody's, and the proof is broken: who asked
 * has to look at it before believing the answer (generation_check, storage.h).
 *
 * Cost: find is a line of the table and, when a tag fits, a line of the ids.
 * Memory per id: 16 bytes, 20 for one that is not its row's first, + 64 / 12 /
 * load; of a population where two of five ids are such that is 23.9 in the
 * base (0.85) and 25 to 26 in the delta, whose parts are between 0.57 and 0.85.
 * Threads: one writer; readers on snapshots at any time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "identity/dictionary_internal.h"

/* Parts fill at the same pace, so they begin at different sizes: 16 to 23
 * buckets, which grow to 24 to 35 and so on. */
#define FIRST_BUCKETS 16u
#define PHASES 8u

/* ---- tables ---- */

const extra_id dictionary_nobody = {{{0}}, UINT32_MAX};

/* The number of `p` in `buckets`, or DICTIONARY_NONE. A table that is not
 * `growing` is the base's: nothing is ever written there, but each bucket has
 * to be proved. Inlined, so that each search pays for its own needs only. */
__attribute__((always_inline)) static inline uint32_t
table_find(const dictionary *d, const bucket *buckets, uint64_t bucket_count,
           uint64_t home, bool growing, const muster_pseudonym *p)
{
    const uint8_t tag = tag_of(p);
    uint64_t at = home;
    for (uint64_t seen = 0; seen < bucket_count; seen++) {
        const bucket *b = &buckets[at];
        if (!growing && !proof_holds(d->base_proof, b, sizeof *b))
            break;
        const bucket_head head = growing ? head_of(b) : head_at_rest(b);
        for (uint32_t m = match_tags(head, tag); m != 0; m &= m - 1) {
            const uint32_t number = number_at(b, (uint32_t)__builtin_ctz(m));
            if (number_is_known(d, number) &&
                memcmp(id_get(d, number), p, sizeof *p) == 0)
                return number;
        }
        if (!head_is_passed(head))
            break;
        at = at + 1 < bucket_count ? at + 1 : 0;
    }
    return DICTIONARY_NONE;
}

/* Sets a byte of the head, which was 0, for all who read it beside us. */
static void head_put(bucket *b, uint32_t byte, uint8_t value)
{
    uint64_t *word = &b->head[byte / 8];
    const uint64_t bits = htole64((uint64_t)value << (8 * (byte % 8)));
    __atomic_store_n(word, *word | bits, __ATOMIC_RELEASE);
}

void table_put(bucket *buckets, uint64_t bucket_count, uint64_t home,
               uint8_t tag, uint32_t number)
{
    uint64_t at = home;
    ASSERT(home < bucket_count);
    for (;;) {
        bucket *b = &buckets[at];
        const uint32_t free = match_tags(head_of(b), 0);
        if (free != 0) {
            const uint32_t place = (uint32_t)__builtin_ctz(free);
            __atomic_store_n(&b->numbers[place], htole32(number),
                             __ATOMIC_RELAXED);
            head_put(b, place, tag);
            return;
        }
        head_put(b, BUCKET_PASSED, 1);
        at = at + 1 < bucket_count ? at + 1 : 0;
        ASSERT(at != home);
    }
}

/* Most ids that `buckets` hold at the load of 0.85. */
static uint64_t ids_of_buckets(uint64_t bucket_count)
{
    return bucket_count * BUCKET_PLACES * 17 / 20;
}

uint64_t buckets_of_ids(uint64_t ids)
{
    uint64_t buckets = ids * 20 / (BUCKET_PLACES * 17);
    while (ids_of_buckets(buckets) < ids)
        buckets++;
    ASSERT(buckets * BUCKET_PLACES > ids || ids == 0);
    return buckets;
}

bucket *buckets_new(uint64_t bucket_count)
{
    const size_t bytes = (size_t)bucket_count * sizeof(bucket);
    bucket *buckets = mem_aligned(bytes);
    memset(buckets, 0, bytes);
    return buckets;
}

/* The former table stays as it is, for the snapshots that may read it. */
static void part_grow(dictionary *d, part *t)
{
    const uint32_t former_count = t->bucket_count;
    const uint32_t phase = (uint32_t)(t - d->parts) % PHASES;
    const uint32_t grown =
        former_count + (former_count + 1) / 2 +
        (former_count == 0 ? FIRST_BUCKETS + phase : 0);
    ASSERT(grown > former_count);
    bucket *buckets = buckets_new(grown);
    for (uint32_t i = 0; i < former_count; i++) {
        const bucket *b = &t->buckets[i];
        uint32_t used = ~match_tags(head_of(b), 0);
        used &= (1u << BUCKET_PLACES) - 1;
        for (; used != 0; used &= used - 1) {
            const uint32_t number = number_at(b, (uint32_t)__builtin_ctz(used));
            const muster_pseudonym *p = id_get(d, number);
            table_put(buckets, grown, part_home(p, grown), tag_of(p), number);
        }
    }
    dictionary_retire(d, t->buckets, (size_t)former_count * sizeof(bucket));
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

/* ---- questions ---- */

uint32_t dictionary_number(const dictionary *d, const muster_pseudonym *p)
{
    ASSERT(d != NULL && p != NULL);
    uint32_t number = DICTIONARY_NONE;
    if (d->base_bucket_count != 0)
        number = table_find(d, d->base_buckets, d->base_bucket_count,
                            base_home(p, d->base_bucket_count), false, p);
    const part *t = &d->parts[p->bytes[0]];
    if (number == DICTIONARY_NONE && t->bucket_count != 0)
        number = table_find(d, t->buckets, t->bucket_count,
                            part_home(p, t->bucket_count), true, p);
    return number;
}

uint32_t dictionary_find(const dictionary *d, const muster_pseudonym *p)
{
    const uint32_t number = dictionary_number(d, p);
    if (number == DICTIONARY_NONE)
        return DICTIONARY_NONE;
    const uint32_t row = row_of_number(d, number);
    if (row < d->rows)
        return row;
    if (d->base_proof != NULL)
        proof_break(d->base_proof, d->base_extra_ids);
    return DICTIONARY_NONE;
}

void dictionary_prefetch(const dictionary *d, const muster_pseudonym *p)
{
    if (d->base_bucket_count != 0)
        __builtin_prefetch(d->base_buckets +
                           base_home(p, d->base_bucket_count));
    const part *t = &d->parts[p->bytes[0]];
    if (t->bucket_count != 0)
        __builtin_prefetch(t->buckets + part_home(p, t->bucket_count));
}

/* The first id in the bucket `b` that may be `p`. */
static void prefetch_id(const dictionary *d, const bucket *b,
                        const muster_pseudonym *p)
{
    const uint32_t m = match_tags(head_of(b), tag_of(p));
    if (m == 0)
        return;
    const uint32_t number = number_at(b, (uint32_t)__builtin_ctz(m));
    if (number_is_known(d, number))
        __builtin_prefetch(id_get(d, number));
}

void dictionary_prefetch_id(const dictionary *d, const muster_pseudonym *p)
{
    if (d->base_bucket_count != 0)
        prefetch_id(d, d->base_buckets + base_home(p, d->base_bucket_count),
                    p);
    const part *t = &d->parts[p->bytes[0]];
    if (t->bucket_count != 0)
        prefetch_id(d, t->buckets + part_home(p, t->bucket_count), p);
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

void dictionary_id_at(const dictionary *d, uint64_t i, muster_pseudonym *out,
                      uint32_t *row)
{
    ASSERT(d != NULL && i < dictionary_ids(d));
    const uint32_t number = nth_number(d, i);
    *out = *id_get(d, number);
    *row = row_of_number(d, number);
}

bool dictionary_full(const dictionary *d)
{
    return d->rows >= MUSTER_USERS_MAX ||
           dictionary_ids(d) + MUSTER_RECORD_IDS_MAX > NUMBERS_MAX;
}

size_t dictionary_memory(const dictionary *d)
{
    const chunk_list *ids = &d->id_chunks;
    const chunk_list *extras = &d->extra_chunks;
    size_t bytes = sizeof *d + d->kept_bytes;
    bytes += ids->count * CHUNK_IDS * sizeof(muster_pseudonym);
    bytes += extras->count * CHUNK_IDS * sizeof(extra_id);
    bytes += ((size_t)ids->capacity + extras->capacity) * sizeof(void *);
    for (size_t i = 0; i < PARTS; i++)
        bytes += (size_t)d->parts[i].bucket_count * sizeof(bucket);
    return bytes;
}

/* ---- changes ---- */

/* The place of element i, the first that is not there yet. */
static void *chunk_place(dictionary *d, chunk_list *list, uint32_t i,
                         size_t size)
{
    ASSERT(i / CHUNK_IDS <= list->count);
    if (i / CHUNK_IDS == list->count) {
        if (list->count == list->capacity) {
            const size_t bytes = list->capacity * sizeof(void *);
            void **former = list->chunks;
            list->capacity = list->capacity != 0 ? 2 * list->capacity : 16;
            list->chunks = mem_array(list->capacity, sizeof(void *));
            if (former != NULL)
                memcpy(list->chunks, former, bytes);
            dictionary_retire(d, former, bytes);
        }
        list->chunks[list->count++] = mem_aligned(CHUNK_IDS * size);
    }
    return (uint8_t *)list->chunks[i / CHUNK_IDS] + i % CHUNK_IDS * size;
}

uint32_t dictionary_add_user(dictionary *d, const muster_pseudonym *p)
{
    ASSERT(d != NULL && d->origin == NULL && p != NULL);
    if (d->rows >= MUSTER_USERS_MAX || dictionary_ids(d) >= NUMBERS_MAX)
        return DICTIONARY_NONE;
    const uint32_t row = d->rows;
    muster_pseudonym *id =
        chunk_place(d, &d->id_chunks, row - d->base_rows, sizeof *id);
    *id = *p;
    d->rows++;
    part_put(d, p, row);
    return row;
}

void dictionary_add_id(dictionary *d, const muster_pseudonym *p, uint32_t row)
{
    ASSERT(d != NULL && d->origin == NULL && row < d->rows);
    ASSERT(dictionary_ids(d) < NUMBERS_MAX);
    const uint32_t extra = d->extras;
    extra_id *id =
        chunk_place(d, &d->extra_chunks, extra - d->base_extras, sizeof *id);
    id->id = *p;
    id->row = htole32(row);
    d->extras++;
    part_put(d, p, extra_number(extra));
}

/* Unless a base is damaged there, which its proof tells. */
static bool have_same_row(const dictionary *a, const dictionary *b,
                          uint32_t row)
{
    const muster_pseudonym *p = row_get(a, row);
    const muster_pseudonym *q = row_get(b, row);
    return memcmp(p, q, sizeof *p) == 0 || p == &dictionary_nobody.id ||
           q == &dictionary_nobody.id;
}

bool dictionary_catch_up(dictionary *d, const dictionary *from, uint64_t max)
{
    ASSERT(d->rows <= from->rows && d->extras <= from->extras);
    ASSERT(d->rows == 0 || have_same_row(d, from, d->rows - 1));
    uint64_t left = max;
    for (; left > 0 && d->rows < from->rows; left--)
        (void)dictionary_add_user(d, row_get(from, d->rows));
    /* What is left now is only left when all rows are there. */
    for (; left > 0 && d->extras < from->extras; left--) {
        const extra_id *next = extra_get(from, d->extras);
        dictionary_add_id(d, &next->id, le32toh(next->row));
    }
    return d->rows == from->rows && d->extras == from->extras;
}
