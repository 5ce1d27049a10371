/*
 * tally.c - what a dialect counts beside the records: a short list of names
 * with counts, in the order of their bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest.h"

/* Where the name is, or would be; *found says which. */
static size_t place_of(const ingest_tally *t, muster_text name, bool *found)
{
    size_t low = 0;
    size_t high = t->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (text_compare(text_of(t->items[middle].name), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < t->count && text_is(name, t->items[low].name);
    return low;
}

void tally_add(ingest_tally *t, const char *whose, muster_text name,
               uint64_t count)
{
    bool found = false;
    ASSERT(name.len > 0 && name.len <= (size_t)MUSTER_NAME_BYTES_MAX * 2);
    t->dialect = whose;
    const size_t at = place_of(t, name, &found);
    if (found) {
        t->items[at].count += count;
        return;
    }
    if (t->count == TALLY_NAMES_MAX)
        return;
    mem_grow(&t->items, &t->capacity, t->count + 1, sizeof *t->items);
    memmove(t->items + at + 1, t->items + at,
            (t->count - at) * sizeof *t->items);
    t->items[at] = (tally_item){mem_strndup(name.ptr, name.len), count};
    t->count++;
}

void tally_add_all(ingest_tally *into, const ingest_tally *from)
{
    if (from->dialect != NULL)
        into->dialect = from->dialect;
    for (size_t i = 0; i < from->count; i++)
        tally_add(into, from->dialect, text_of(from->items[i].name),
                  from->items[i].count);
}

uint64_t tally_get(const ingest_tally *t, const char *name)
{
    bool found = false;
    const size_t at = place_of(t, text_of(name), &found);
    return found ? t->items[at].count : 0;
}

void tally_release(ingest_tally *t)
{
    for (size_t i = 0; i < t->count; i++)
        mem_free(t->items[i].name);
    mem_free(t->items);
    memset(t, 0, sizeof *t);
}
