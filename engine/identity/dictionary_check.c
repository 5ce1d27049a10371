/*
 * dictionary_check.c - is every id where it should be?
 *
 * Two walks. Over the tables: each place in use holds the number of an id of
 * that table, and all together as many as there are ids. Over the ids: each
 * is found under its own number, and its row is there. Together they say that
 * every id has exactly one place and that a search reaches it.
 *
 * Not seen: an id that was changed into another one which belongs to the same
 * bucket and has the same tag. Such bytes are a whole dictionary, of other
 * ids; the checksum of the file tells.
 *
 * Cost: every table once, in order, then a find per id, fetched ahead.
 * Threads: a snapshot may be checked on any thread while the writer adds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "identity/dictionary_internal.h"

#include <stdio.h>

/* A step is reported after so many ids, or buckets. */
#define STEP_IDS 65536u
#define STEP_BUCKETS 16384u
#define AHEAD 16u

typedef int (*step_fn)(void *payload, uint64_t done, uint64_t total);

static int damaged_place(uint32_t table, uint64_t at, uint32_t place,
                         muster_error *err)
{
    char name[24] = "the base";
    if (table < PARTS)
        (void)snprintf(name, sizeof name, "part %u", table);
    return error_set(err, MUSTER_ECORRUPT, "bad_dictionary",
                     "the dictionary of ids is damaged: place %u of bucket "
                     "%llu of %s holds the number of no id",
                     place, (unsigned long long)at, name);
}

static bool number_is_of_base(const dictionary *d, uint32_t number)
{
    return (number < d->base_rows) | (extra_number(number) < d->base_extras);
}

int dictionary_check_places(const dictionary *d, uint32_t table, uint64_t from,
                            uint64_t to, uint64_t *used, muster_error *err)
{
    const bool base = table == PARTS;
    const bucket *buckets = base ? d->base_buckets : d->parts[table].buckets;
    for (uint64_t at = from; at < to; at++) {
        uint32_t m = ~match_tags(head_of(&buckets[at]), 0);
        m &= (1u << BUCKET_PLACES) - 1;
        for (; m != 0; m &= m - 1) {
            const uint32_t place = (uint32_t)__builtin_ctz(m);
            const uint32_t number = number_at(&buckets[at], place);
            if (!base && d->origin != NULL && !number_is_known(d, number))
                continue;
            if (!number_is_known(d, number) ||
                number_is_of_base(d, number) != base)
                return damaged_place(table, at, place, err);
            ++*used;
        }
    }
    return 0;
}

static int check_tables(const dictionary *d, step_fn step, void *payload,
                        muster_error *err)
{
    const uint64_t ids = dictionary_ids(d);
    uint64_t used = 0;
    for (uint32_t table = 0; table <= PARTS; table++) {
        const uint64_t count = table == PARTS ? d->base_bucket_count
                                              : d->parts[table].bucket_count;
        for (uint64_t from = 0; from < count; from += STEP_BUCKETS) {
            const uint64_t left = count - from;
            const uint64_t n = left < STEP_BUCKETS ? left : STEP_BUCKETS;
            int rc = step != NULL ? step(payload, 0, ids) : 0;
            if (rc == 0)
                rc = dictionary_check_places(d, table, from, from + n, &used,
                                             err);
            if (rc != 0)
                return rc;
        }
    }
    if (used != ids)
        return error_set(err, MUSTER_ECORRUPT, "bad_dictionary",
                         "the dictionary of ids is damaged: its tables hold "
                         "%llu ids of %llu",
                         (unsigned long long)used, (unsigned long long)ids);
    return 0;
}

static int check_id(const dictionary *d, uint64_t i, muster_error *err)
{
    const uint32_t number = nth_number(d, i);
    const char *what = NULL;
    if (row_of_number(d, number) >= d->rows)
        what = "names a row that is not there";
    else if (dictionary_number(d, id_get(d, number)) != number)
        what = "is not found in its place";
    if (what == NULL)
        return 0;
    return error_set(err, MUSTER_ECORRUPT, "bad_dictionary",
                     "the dictionary of ids is damaged: id %llu of %llu %s",
                     (unsigned long long)i,
                     (unsigned long long)dictionary_ids(d), what);
}

int dictionary_check(const dictionary *d,
                     int (*step)(void *payload, uint64_t done, uint64_t total),
                     void *payload, muster_error *err)
{
    ASSERT(d != NULL);
    const uint64_t ids = dictionary_ids(d);
    int rc = check_tables(d, step, payload, err);
    for (uint64_t i = 0; rc == 0 && i < ids; i++) {
        if (step != NULL && i % STEP_IDS == 0)
            rc = step(payload, i, ids);
        if (i + AHEAD < ids)
            dictionary_prefetch(d, id_get(d, nth_number(d, i + AHEAD)));
        if (rc == 0)
            rc = check_id(d, i, err);
    }
    if (rc == 0 && step != NULL)
        rc = step(payload, ids, ids);
    return rc;
}
