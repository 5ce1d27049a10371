/*
 * roster.c - the segments that are served, in the order lookups show them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "audience/forward.h"

#include <stdlib.h>

#include "segment/segment.h"

static int by_priority(const void *a, const void *b)
{
    const roster_entry *x = a;
    const roster_entry *y = b;
    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    return strcmp(x->key, y->key);
}

static const char *keep(roster *r, muster_text t)
{
    return arena_strndup(&r->memory, t.ptr ? t.ptr : "", t.len);
}

static void add(roster *r, const audience *a, const audience_version *v)
{
    r->entries[r->count++] = (roster_entry){
        .id = a->id,
        .version = v->version,
        .key = keep(r, text_of(a->key)),
        .expr = keep(r, v->expr),
        .name = keep(r, v->name),
        .priority = v->priority,
        .created = v->created,
        .node = segment_carries(v->expr, &r->memory),
    };
}

roster *roster_new(const audience_store *all, uint64_t since)
{
    const size_t count = audience_count(all);
    roster *r = mem_zalloc(sizeof *r);

    r->since = since;
    arena_init(&r->memory);
    r->entries = mem_array(count + 1, sizeof *r->entries);
    for (size_t i = 0; i < count; i++) {
        const audience *a = audience_at(all, i);
        const audience_version *v = audience_current(a);
        if (a->id >= r->id_end)
            r->id_end = a->id + 1;
        if (v && v->served)
            add(r, a, v);
    }
    qsort(r->entries, r->count, sizeof *r->entries, by_priority);
    r->ranks = mem_array(r->id_end + 1, sizeof *r->ranks);
    for (uint32_t id = 0; id < r->id_end; id++)
        r->ranks[id] = ROSTER_NONE;
    for (uint32_t i = 0; i < r->count; i++)
        r->ranks[r->entries[i].id] = i;
    return r;
}

void roster_free(roster *r)
{
    if (!r)
        return;
    arena_release(&r->memory);
    mem_free(r->entries);
    mem_free(r->ranks);
    mem_free(r);
}
