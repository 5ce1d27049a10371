/*
 * dictionary_snapshot.c - the dictionary of one moment, for readers beside
 * the writer, and what it keeps alive.
 *
 * A snapshot is a copy of the struct, 4.2 KB, of which 4 KB are the places of
 * the parts' tables. Base, ids and tables are shared with the writer's; the
 * writer never moves or frees them while a snapshot may read them:
 *
 *   ids      lie in chunks that stay until the end
 *   tables   are filled where they lie; when a part grows, the former table
 *            is retired
 *   arrays   of chunks are retired in the same way when they grow
 *
 * What is retired gets the next number of retirements. A snapshot that was
 * taken after n retirements may read those with a number above n, so once the
 * oldest snapshot is of n, all up to n are freed; with no snapshot, at once.
 *
 * Cost: as tables grow by half, the former ones of a part are together at
 * most twice the present one: however old a snapshot becomes, what is kept
 * for it stays below 19 bytes per id of the delta. A retirement costs an
 * allocation of 32 bytes, a release what it frees.
 * Threads: all of this by the writer, or by others one at a time with it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "identity/dictionary_internal.h"

struct retired {
    retired *next;
    void *memory;
    size_t bytes;
    uint64_t number;
};

/* ---- life ---- */

dictionary *dictionary_new(void)
{
    dictionary *d = mem_zalloc(sizeof *d);
    d->newer = d->older = d;
    return d;
}

static bool has_snapshots(const dictionary *d)
{
    return d->newer != d;
}

/* Frees what no snapshot can read any more. */
static void retired_sweep(dictionary *d)
{
    while (d->retired_first != NULL) {
        retired *first = d->retired_first;
        if (has_snapshots(d) && d->newer->retirements < first->number)
            return;
        ASSERT(d->kept_bytes >= first->bytes + sizeof *first);
        d->kept_bytes -= first->bytes + sizeof *first;
        d->retired_first = first->next;
        mem_free(first->memory);
        mem_free(first);
    }
    d->retired_last = NULL;
}

static void chunk_list_release(chunk_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        mem_free(list->chunks[i]);
    mem_free(list->chunks);
}

void dictionary_free(dictionary *d)
{
    if (d == NULL)
        return;
    ASSERT(d->origin == NULL);
    d->closed = true;
    if (has_snapshots(d))
        return; /* the last release comes here again */
    retired_sweep(d);
    ASSERT(d->kept_bytes == 0);
    for (size_t i = 0; i < PARTS; i++)
        mem_free(d->parts[i].buckets);
    chunk_list_release(&d->id_chunks);
    chunk_list_release(&d->extra_chunks);
    mem_free(d);
}

/* ---- snapshots ---- */

void dictionary_retire(dictionary *d, void *memory, size_t bytes)
{
    if (memory == NULL || !has_snapshots(d)) {
        mem_free(memory);
        return;
    }
    retired *r = mem_zalloc(sizeof *r);
    r->memory = memory;
    r->bytes = bytes;
    r->number = ++d->retirements;
    if (d->retired_last != NULL)
        d->retired_last->next = r;
    else
        d->retired_first = r;
    d->retired_last = r;
    d->kept_bytes += bytes + sizeof *r;
}

const dictionary *dictionary_snapshot(dictionary *d)
{
    ASSERT(d != NULL && d->origin == NULL && !d->closed);
    dictionary *last = d->older;
    if (has_snapshots(d) && last->rows == d->rows &&
        last->extras == d->extras) {
        last->holders++;
        return last;
    }
    d->kept_bytes += sizeof *d;
    dictionary *s = mem_alloc(sizeof *s);
    *s = *d;
    s->origin = d;
    s->holders = 1;
    s->older = last;
    s->newer = d;
    last->newer = s;
    d->older = s;
    return s;
}

void dictionary_release(const dictionary *snapshot)
{
    if (snapshot == NULL)
        return;
    dictionary *s = (dictionary *)(uintptr_t)snapshot; /* const to readers */
    dictionary *d = s->origin;
    ASSERT(d != NULL && s->holders > 0);
    if (--s->holders > 0)
        return;
    s->older->newer = s->newer;
    s->newer->older = s->older;
    mem_free(s);
    d->kept_bytes -= sizeof *s;
    retired_sweep(d);
    if (d->closed)
        dictionary_free(d);
}
