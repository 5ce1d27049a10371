/*
 * geo.c - where an address is: addresses, and what the databases together say
 * of one.
 *
 * An address is shortened when it is parsed, before anything is looked up: an
 * IPv4 address to its first 24 bits, an IPv6 one to its first 48. What holds an
 * IPv4 address within those 48 bits is shortened as that is: mapped ones
 * (::ffff:192.0.2.1) are IPv4 addresses, those of 6to4 (2002::/16, RFC 3056)
 * keep 40 bits. The rest are zeros, so a network that is narrower answers as
 * its shortened address does.
 *
 * Each attribute is taken from the first database that has it. All attributes
 * that any of the databases speaks of are open once one of them knows the
 * address.
 *
 * A reader remembers what records said, by database and place in it, never by
 * address: a table of CACHE_SLOTS for each, where the newer one stays. It is
 * emptied when a database was replaced.
 *
 * Threads: a reader belongs to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/geo_shelf.h"

#include <arpa/inet.h>

/* Of each database, 1.6 MB: the records of most traffic. Each has its own, so
 * that what one said stays while the next is asked. */
#define CACHE_BITS 13
#define CACHE_SLOTS ((size_t)1 << CACHE_BITS)
#define ADDRESS_TEXT_MAX 45u /* of IPv6 with IPv4 at its end */

typedef struct cached {
    uint32_t key; /* offset + 1; 0 = empty */
    geo_record record;
} cached;

struct geo_reader {
    geo_shelf *shelf;
    geo_snapshot *snapshot;
    cached *cache;
};

/* ---- addresses ---- */

/* Without brackets and zone, as a text that ends; false: too long. */
static bool copy_text(char *out, muster_text text)
{
    if (text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
        text = text_make(text.ptr + 1, text.len - 2);
    const char *zone = memchr(text.ptr, '%', text.len);
    if (zone != NULL)
        text.len = (size_t)(zone - text.ptr);
    if (text.len > ADDRESS_TEXT_MAX)
        return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return memchr(out, '\0', text.len) == NULL;
}

bool geo_address_parse(geo_address *out, muster_text text)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
    char copy[ADDRESS_TEXT_MAX + 1];
    uint8_t bytes[16] = {0};
    memset(out, 0, sizeof *out);
    text = text_trim(text);
    bool ok = text.len > 0 && copy_text(copy, text);
    if (ok && inet_pton(AF_INET, copy, bytes) == 1) {
        out->v4 = true;
        memcpy(out->bytes, bytes, 3);
    } else if (ok && inet_pton(AF_INET6, copy, bytes) == 1) {
        out->v4 = memcmp(bytes, mapped, sizeof mapped) == 0;
        memcpy(out->bytes, bytes + (out->v4 ? 12 : 0), out->v4 ? 3 : 6);
        if (!out->v4 && bytes[0] == 0x20 && bytes[1] == 0x02)
            out->bytes[5] = 0;
    } else {
        ok = false;
    }
    memset(copy, 0, sizeof copy);
    memset(bytes, 0, sizeof bytes);
    return ok;
}

/* ---- readers ---- */

geo_reader *geo_reader_new(geo_shelf *s)
{
    geo_reader *r = mem_zalloc(sizeof *r);
    r->shelf = s;
    r->snapshot = geo_shelf_take(s);
    r->cache =
        mem_array(r->snapshot->count * CACHE_SLOTS, sizeof *r->cache);
    return r;
}

void geo_reader_free(geo_reader *r)
{
    if (r == NULL)
        return;
    geo_snapshot_release(r->snapshot);
    mem_free(r->cache);
    mem_free(r);
}

void geo_reader_begin(geo_reader *r)
{
    if (r->snapshot->number == geo_shelf_number(r->shelf))
        return;
    geo_snapshot_release(r->snapshot);
    r->snapshot = geo_shelf_take(r->shelf);
    memset(r->cache, 0, r->snapshot->count * CACHE_SLOTS * sizeof *r->cache);
}

size_t geo_reader_sources(const geo_reader *r, muster_derive_source *out,
                          size_t most)
{
    return geo_snapshot_sources(r->snapshot, out, most);
}

static const geo_record *read_record(geo_reader *r, size_t file,
                                     uint32_t offset)
{
    const uint32_t key = offset + 1;
    const uint32_t hash = key * 0x9e3779b1u >> (32 - CACHE_BITS);
    cached *slot = &r->cache[file * CACHE_SLOTS + hash];
    if (slot->key != key) {
        geo_file_read(r->snapshot->files[file], offset, &slot->record);
        slot->key = key;
    }
    return &slot->record;
}

static void take_new(derived *out, const geo_record *record)
{
    const uint32_t fresh = record->known & ~out->known;
    for (int i = 0; i < MUSTER_GEO_ASN; i++)
        if ((fresh >> i & 1) != 0)
            out->texts[i] = record->texts[i];
    if ((fresh & DERIVED_BIT(MUSTER_GEO_ASN)) != 0)
        out->numbers[MUSTER_GEO_ASN] = record->number;
    out->known |= fresh;
}

bool geo_derive(geo_reader *r, const geo_address *address, derived *out)
{
    const geo_snapshot *s = r->snapshot;
    bool found = false;
    for (size_t i = 0; i < s->count; i++) {
        uint32_t offset = 0;
        if (!geo_file_find(s->files[i], address, &offset))
            continue;
        found = true;
        take_new(out, read_record(r, i, offset));
    }
    if (found)
        out->open |= s->open;
    return found;
}
