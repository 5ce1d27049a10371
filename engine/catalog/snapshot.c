/*
 * snapshot.c - what a catalog holds at one moment, read without a lock.
 *
 * A working catalog changes, on one thread; a snapshot of it is another
 * `catalog` with the content of its moment, which nobody changes. Both share
 *
 *   the store       texts and rows; rows are replaced, never written to
 *   tables of names a snapshot holds views of them (names.c)
 *   the taxonomy    immutable; a change puts another in its place
 *
 * and a snapshot owns its arrays: rows by number, and a view of the values of
 * each attribute. So taking one costs a pointer per row and a view per
 * attribute, however many values there are.
 *
 * The working catalog holds the snapshot of its present version, so that the
 * next who asks gets the same one; the first change lets go of it. Outdated
 * rows stay in the store (about 100 bytes for each change of a definition, and
 * definitions change seldom); an outdated table of names goes with its last
 * view; all else goes with the last of the working catalog and its snapshots.
 *
 * Versions are drawn from one counter of the process, so two catalogs never
 * show the same one unless they are a catalog and its snapshot. A plan
 * remembered under a version is therefore never mistaken for another's.
 *
 * Threads: catalog_snapshot, catalog_release and every change by one thread
 * at a time; counts are plain numbers because of it. Reading a snapshot: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/internal.h"

#include <string.h>

static uint64_t next_version(void)
{
    static uint64_t last;
    return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

void catalog_touch(catalog *c)
{
    ASSERT(!c->frozen);
    c->version = next_version();
    catalog_release(c->latest);
    c->latest = NULL;
}

void catalog_dispose(catalog *c)
{
    for (uint32_t i = 0; i < c->attribute_names.count; i++)
        names_release(&c->values[i]);
    mem_free(c->values);
    names_release(&c->attribute_names);
    names_release(&c->provider_names);
    names_release(&c->space_names);
    taxonomy_release(c->taxonomy);
    mem_free(c->attributes);
    mem_free(c->providers);
    mem_free(c->spaces);
    ASSERT(c->store->users > 0);
    if (--c->store->users == 0) {
        arena_release(&c->store->arena);
        mem_free(c->store);
    }
    mem_free(c);
}

static void *copy_array(const void *from, size_t count, size_t size)
{
    void *copy = mem_array(count, size);
    if (count != 0)
        memcpy(copy, from, count * size);
    return copy;
}

static catalog *take(catalog *c)
{
    const uint32_t attributes = c->attribute_names.count;
    const uint32_t providers = c->provider_names.count;
    const uint32_t spaces = c->space_names.count;
    catalog *s = mem_alloc(sizeof *s);
    *s = *c;
    c->store->users++;
    s->store_bytes = c->store->arena.total;
    s->watcher = (catalog_watcher){0};
    s->frozen = true;
    s->holders = 1;
    s->attribute_names = names_view(&c->attribute_names);
    s->provider_names = names_view(&c->provider_names);
    s->space_names = names_view(&c->space_names);
    taxonomy_retain(s->taxonomy);
    s->attributes = copy_array(c->attributes, attributes,
                               sizeof *s->attributes);
    s->attribute_capacity = attributes;
    s->providers = copy_array(c->providers, providers, sizeof *s->providers);
    s->provider_capacity = providers;
    s->spaces = copy_array(c->spaces, spaces, sizeof *s->spaces);
    s->space_capacity = spaces;
    s->values = mem_array(attributes, sizeof *s->values);
    s->values_capacity = attributes;
    for (uint32_t i = 0; i < attributes; i++)
        s->values[i] = names_view(&c->values[i]);
    return s;
}

const catalog *catalog_snapshot(catalog *c)
{
    ASSERT(c != NULL && !c->frozen);
    if (c->latest == NULL)
        c->latest = take(c);
    c->latest->holders++;
    return c->latest;
}

void catalog_release(const catalog *snapshot)
{
    catalog *s = (catalog *)snapshot;
    if (s == NULL)
        return;
    ASSERT(s->frozen && s->holders > 0);
    if (--s->holders == 0)
        catalog_dispose(s);
}

static void copy_values(catalog *to, const catalog *from, uint32_t attribute)
{
    const uint32_t count = catalog_value_count(from, attribute);
    for (uint32_t v = 1; v <= count; v++) {
        const int rc = catalog_restore_value(
            to, attribute, v, catalog_value_text(from, attribute, v), NULL);
        ASSERT(rc == 0);
    }
}

catalog *catalog_copy(const catalog *c)
{
    ASSERT(c != NULL);
    catalog *copy = catalog_new();
    int rc = 0;
    for (uint32_t i = 0; i < c->provider_names.count && rc == 0; i++)
        rc = catalog_restore_provider(copy, c->providers[i], NULL);
    for (uint32_t i = 0; i < c->space_names.count && rc == 0; i++)
        rc = catalog_restore_space(copy, c->spaces[i], NULL);
    for (uint32_t i = 0; i < c->attribute_names.count && rc == 0; i++) {
        rc = catalog_restore_attribute(copy, c->attributes[i], NULL);
        if (rc == 0)
            copy_values(copy, c, c->attributes[i]->id);
    }
    ASSERT(rc == 0);
    catalog_set_strict(copy, c->strict);
    copy->taxonomy = taxonomy_retain(c->taxonomy);
    return copy;
}

size_t catalog_memory(const catalog *c)
{
    size_t bytes = sizeof *c + sizeof *c->store;
    bytes += c->frozen ? c->store_bytes : c->store->arena.total;
    bytes += c->attribute_capacity * sizeof *c->attributes;
    bytes += c->values_capacity * sizeof *c->values;
    bytes += c->provider_capacity * sizeof *c->providers;
    bytes += c->space_capacity * sizeof *c->spaces;
    bytes += names_memory(&c->attribute_names);
    bytes += names_memory(&c->provider_names);
    bytes += names_memory(&c->space_names);
    for (uint32_t i = 0; i < c->attribute_names.count; i++)
        bytes += names_memory(&c->values[i]);
    if (c->taxonomy != NULL)
        bytes += c->taxonomy->memory.total;
    return bytes;
}
