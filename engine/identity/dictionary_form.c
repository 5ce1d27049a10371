/*
 * dictionary_form.c - the dictionary as bytes: base and delta are written as
 * one new base, and a base is opened where it lies.
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
 * number of an id, and as many places as there are ids are in use. With a
 * proof (4) and (5) are left to dictionary_check, and numbers and rows are
 * looked at as they are used.
 *
 * Threads: a snapshot may be encoded on any thread while the writer adds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "identity/dictionary_internal.h"

#define FORM_VERSION 1u

static const char form_magic[8] = {'M', 'S', 'T', 'R', 'D', 'I', 'C', 'T'};

typedef struct form_header {
    char magic[8];
    uint32_t version;
    uint32_t rows;
    uint32_t extras;
    uint32_t zero;
    uint64_t buckets;
    uint8_t zeros[32];
} form_header;
_Static_assert(sizeof(form_header) == 64, "as in the list above");

/* ---- writing ---- */

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
    form_header header = {.version = htole32(FORM_VERSION),
                          .rows = htole32(d->rows),
                          .extras = htole32(d->extras),
                          .buckets = htole64(bucket_count)};
    memcpy(header.magic, form_magic, sizeof form_magic);
    return write(payload, &header, sizeof header);
}

/* The base's array, then the delta's chunks, as one array of `size` bytes an
 * element, padded. */
static int write_array(const dictionary *d, const void *base,
                       uint32_t base_count, const chunk_list *delta,
                       uint32_t count, size_t size, write_fn write,
                       void *payload)
{
    ASSERT(base_count <= count);
    int rc = 0;
    if (!proof_holds(d->base_proof, base, base_count * size))
        return MUSTER_ECORRUPT;
    if (base_count != 0)
        rc = write(payload, base, base_count * size);
    uint32_t left = count - base_count;
    for (size_t i = 0; rc == 0 && left != 0; i++) {
        const uint32_t n = left < CHUNK_IDS ? left : CHUNK_IDS;
        rc = write(payload, delta->chunks[i], n * size);
        left -= n;
    }
    return rc != 0 ? rc : write_padding(write, payload, (uint64_t)count * size);
}

/* One table of all ids, in memory of its own (6.3 bytes an id) until it is
 * written. Places are random, so they are fetched ahead. */
static bucket *merged_table(const dictionary *d, uint64_t bucket_count)
{
    const uint64_t ids = dictionary_ids(d);
    const uint64_t ahead = 16;
    ASSERT(ids < bucket_count * BUCKET_PLACES);
    bucket *buckets = buckets_new(bucket_count);
    for (uint64_t i = 0; i < ids; i++) {
        if (i + ahead < ids) {
            const muster_pseudonym *next = id_get(d, nth_number(d, i + ahead));
            __builtin_prefetch(buckets + base_home(next, bucket_count), 1);
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
        rc = write_array(d, d->base_ids, d->base_rows, &d->id_chunks, d->rows,
                         sizeof(muster_pseudonym), write, payload);
    if (rc == 0)
        rc = write_array(d, d->base_extra_ids, d->base_extras, &d->extra_chunks,
                         d->extras, sizeof(extra_id), write, payload);
    if (rc != 0 || bucket_count == 0)
        return rc;
    bucket *buckets = merged_table(d, bucket_count);
    rc = write(payload, buckets, (size_t)bucket_count * sizeof(bucket));
    mem_free(buckets);
    return rc;
}

/* ---- opening ---- */

static int damaged(muster_error *err, const char *what)
{
    return error_set(err, MUSTER_ECORRUPT, "bad_dictionary",
                     "the dictionary of ids is damaged: %s", what);
}

/* Header to fields: (1), (2) and (3) of the list above. */
static int open_header(dictionary *d, const uint8_t *bytes, size_t len,
                       muster_error *err)
{
    form_header header;
    if (len < sizeof header || memcmp(bytes, form_magic, sizeof form_magic))
        return damaged(err, "it does not begin as one");
    memcpy(&header, bytes, sizeof header);
    if (le32toh(header.version) != FORM_VERSION)
        return error_set(err, MUSTER_EVERSION, "newer_version",
                         "the dictionary of ids has form %u, this program "
                         "knows %u",
                         le32toh(header.version), FORM_VERSION);
    const uint64_t rows = le32toh(header.rows);
    const uint64_t extras = le32toh(header.extras);
    const uint64_t buckets = le64toh(header.buckets);
    if (rows > MUSTER_USERS_MAX || rows + extras > NUMBERS_MAX)
        return damaged(err, "more ids than there are numbers");
    if (buckets > len / sizeof(bucket))
        return damaged(err, "its table is larger than the whole");
    if (rows + extras == 0 ? buckets != 0
                           : rows + extras >= buckets * BUCKET_PLACES)
        return damaged(err, "its table does not fit its ids");
    const uint64_t ids_at = sizeof header;
    const uint64_t extras_at = ids_at + padded(rows * sizeof *d->base_ids);
    const uint64_t table_at =
        extras_at + padded(extras * sizeof *d->base_extra_ids);
    if (table_at + buckets * sizeof(bucket) != len)
        return damaged(err, "its length is not the sum of its parts");
    d->rows = d->base_rows = (uint32_t)rows;
    d->extras = d->base_extras = (uint32_t)extras;
    d->base_ids = (const void *)(bytes + ids_at);
    d->base_extra_ids = (const void *)(bytes + extras_at);
    d->base_buckets = (const void *)(bytes + table_at);
    d->base_bucket_count = buckets;
    return 0;
}

/* (4) and (5). */
static int check_content(const dictionary *d, muster_error *err)
{
    for (uint32_t i = 0; i < d->base_extras; i++)
        if (le32toh(d->base_extra_ids[i].row) >= d->base_rows)
            return damaged(err, "an id names a row that is not there");
    uint64_t used = 0;
    const int rc =
        dictionary_check_places(d, PARTS, 0, d->base_bucket_count, &used, err);
    if (rc != 0 || used == dictionary_ids(d))
        return rc;
    return damaged(err, "its table does not hold each id once");
}

int dictionary_open_proved(dictionary **out, const void *bytes, size_t len,
                           proof *by, muster_error *err)
{
    ASSERT(out != NULL && (bytes != NULL || len == 0));
    ASSERT((uintptr_t)bytes % sizeof(uint64_t) == 0);
    const size_t head = len < sizeof(form_header) ? len : sizeof(form_header);
    *out = NULL;
    if (!proof_holds(by, bytes, head))
        return damaged(err, "its first bytes changed");
    dictionary *d = dictionary_new();
    d->base_proof = by;
    int rc = open_header(d, bytes, len, err);
    if (rc == 0 && by == NULL)
        rc = check_content(d, err);
    if (rc != 0) {
        dictionary_free(d);
        return rc;
    }
    *out = d;
    return 0;
}

int dictionary_open(dictionary **out, const void *bytes, size_t len,
                    muster_error *err)
{
    return dictionary_open_proved(out, bytes, len, NULL, err);
}
