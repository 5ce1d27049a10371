/*
 * catalog_bytes.c - the catalog's encoded form in a generation.
 *
 * Little-endian; text = u32 length, bytes:
 *     u8 strict
 *     u32 spaces; each: text name, u8 declared
 *     u32 providers; each: text name, u8 party, u32 ttl, u8 declared
 *     u32 attributes; each: text name, u8 kind, u8 grain, u32 cap, u8 amount,
 *         u8 unit is date, text unit, u32 ttl, u32 retention, u8 declared,
 *         u32 values, each: text
 *     where a taxonomy is loaded: text name, u32 segtax,
 *         u32 nodes; each: text id, u32 parent (4294967295: none), text path,
 *             text note
 *         u32 mappings; each: u32 attribute, u32 node, u8 has a value, text
 * Numbers are implied by order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

/* ---- encoding ---- */

static void put_text(buffer *out, muster_text t)
{
    buffer_put_u32(out, (uint32_t)t.len);
    buffer_put_text(out, t);
}

static void put_attribute(buffer *out, const catalog *c,
                          const catalog_attribute *a)
{
    const uint32_t values = catalog_value_count(c, a->id);

    put_text(out, text_of(a->name));
    buffer_put_u8(out, (uint8_t)a->kind);
    buffer_put_u8(out, (uint8_t)a->grain);
    buffer_put_u32(out, a->cap);
    buffer_put_u8(out, a->amount);
    buffer_put_u8(out, a->unit_date);
    put_text(out, text_of(a->unit));
    buffer_put_u32(out, a->ttl_hours);
    buffer_put_u32(out, a->retention_days);
    buffer_put_u8(out, a->declared);
    buffer_put_u32(out, values);
    for (uint32_t v = 1; v <= values; v++)
        put_text(out, catalog_value_text(c, a->id, v));
}

static void put_taxonomy(buffer *out, const catalog_taxonomy *t)
{
    put_text(out, text_of(t->name));
    buffer_put_u32(out, t->segtax);
    buffer_put_u32(out, t->node_count);
    for (uint32_t i = 0; i < t->node_count; i++) {
        put_text(out, text_of(t->nodes[i].id));
        buffer_put_u32(out, t->nodes[i].parent);
        put_text(out, text_of(t->nodes[i].path));
        put_text(out, text_of(t->nodes[i].note));
    }
    buffer_put_u32(out, t->mapping_count);
    for (uint32_t i = 0; i < t->mapping_count; i++) {
        const taxonomy_mapping *m = &t->mappings[i];
        buffer_put_u32(out, m->attribute);
        buffer_put_u32(out, m->node);
        buffer_put_u8(out, m->value.ptr != NULL);
        put_text(out, m->value);
    }
}

void catalog_encode(const catalog *c, buffer *out)
{
    buffer_put_u8(out, catalog_strict(c));
    buffer_put_u32(out, (uint32_t)catalog_space_count(c));
    for (uint32_t i = 0; i < catalog_space_count(c); i++) {
        const catalog_space *s = catalog_space_get(c, i);
        put_text(out, text_of(s->name));
        buffer_put_u8(out, s->declared);
    }
    buffer_put_u32(out, (uint32_t)catalog_provider_count(c));
    for (uint32_t i = 0; i < catalog_provider_count(c); i++) {
        const catalog_provider *p = catalog_provider_get(c, i);
        put_text(out, text_of(p->name));
        buffer_put_u8(out, (uint8_t)p->party);
        buffer_put_u32(out, p->ttl_hours);
        buffer_put_u8(out, p->declared);
    }
    buffer_put_u32(out, (uint32_t)catalog_attribute_count(c));
    for (size_t i = 0; i < catalog_attribute_count(c); i++)
        put_attribute(out, c, catalog_attribute_at(c, i));
    if (catalog_taxonomy_get(c))
        put_taxonomy(out, catalog_taxonomy_get(c));
}

/* ---- decoding ---- */

/* A text as a C string in `memory`. */
static char *get_name(reader *r, arena *memory)
{
    const uint32_t len = reader_u32(r);
    const uint8_t *bytes = reader_bytes(r, len);
    return arena_strndup(memory, (const char *)bytes, bytes ? len : 0);
}

static muster_text get_text(reader *r)
{
    const uint32_t len = reader_u32(r);
    const uint8_t *bytes = reader_bytes(r, len);
    return text_make((const char *)bytes, bytes ? len : 0);
}

static int decode_attribute(catalog *c, reader *r, uint32_t id,
                            arena *memory, muster_error *err)
{
    catalog_attribute a = {0};

    a.id = id;
    a.name = get_name(r, memory);
    a.kind = (attribute_kind)reader_u8(r);
    a.grain = (catalog_grain)reader_u8(r);
    a.cap = reader_u32(r);
    a.amount = reader_u8(r);
    a.unit_date = reader_u8(r);
    const muster_text unit = get_text(r);
    if (unit.len < sizeof a.unit)
        memcpy(a.unit, unit.ptr ? unit.ptr : "", unit.len);
    a.ttl_hours = reader_u32(r);
    a.retention_days = reader_u32(r);
    a.declared = reader_u8(r);
    const uint32_t values = reader_u32(r);
    if (!reader_ok(r))
        return MUSTER_ECORRUPT;
    int rc = catalog_restore_attribute(c, &a, err);
    for (uint32_t v = 1; v <= values && rc == 0; v++) {
        const muster_text text = get_text(r);
        rc = reader_ok(r) ? catalog_restore_value(c, id, v, text, err)
                          : MUSTER_ECORRUPT;
    }
    return rc;
}

static int decode_people(catalog *c, reader *r, arena *memory,
                         muster_error *err)
{
    const uint32_t spaces = reader_u32(r);
    int rc = 0;

    for (uint32_t i = 0; i < spaces && rc == 0; i++) {
        catalog_space s = {i, NULL, false};
        s.name = get_name(r, memory);
        s.declared = reader_u8(r);
        rc = reader_ok(r) ? catalog_restore_space(c, &s, err)
                          : MUSTER_ECORRUPT;
    }
    const uint32_t providers = rc == 0 ? reader_u32(r) : 0;
    for (uint32_t i = 0; i < providers && rc == 0; i++) {
        catalog_provider p = {.id = i};
        p.name = get_name(r, memory);
        p.party = (catalog_party)reader_u8(r);
        p.ttl_hours = reader_u32(r);
        p.declared = reader_u8(r);
        rc = reader_ok(r) ? catalog_restore_provider(c, &p, err)
                          : MUSTER_ECORRUPT;
    }
    return rc;
}

static bool get_nodes(reader *r, catalog_taxonomy *t, arena *memory)
{
    t->node_count = reader_u32(r);
    if (t->node_count == 0 || t->node_count > MUSTER_TAXONOMY_NODES_MAX)
        return false;
    taxonomy_node *nodes =
        arena_zalloc(memory, t->node_count * sizeof *nodes);
    for (uint32_t i = 0; i < t->node_count; i++) {
        nodes[i].id = get_name(r, memory);
        nodes[i].parent = reader_u32(r);
        nodes[i].path = get_name(r, memory);
        nodes[i].note = get_name(r, memory);
    }
    t->nodes = nodes;
    return reader_ok(r);
}

static bool get_mappings(reader *r, catalog_taxonomy *t, arena *memory)
{
    t->mapping_count = reader_u32(r);
    if (t->mapping_count > MUSTER_TAXONOMY_MAPPINGS_MAX)
        return false;
    taxonomy_mapping *mappings =
        arena_zalloc(memory, (t->mapping_count + 1) * sizeof *mappings);
    for (uint32_t i = 0; i < t->mapping_count; i++) {
        mappings[i].attribute = reader_u32(r);
        mappings[i].node = reader_u32(r);
        const bool whole = reader_u8(r) == 0;
        const muster_text value = get_text(r);
        if (!whole)
            mappings[i].value = value;
    }
    t->mappings = mappings;
    return reader_ok(r);
}

static int decode_taxonomy(catalog *c, reader *r, arena *memory,
                           muster_error *err)
{
    catalog_taxonomy t = {.name = NULL};

    t.name = get_name(r, memory);
    t.segtax = reader_u32(r);
    if (!get_nodes(r, &t, memory) || !get_mappings(r, &t, memory))
        return MUSTER_ECORRUPT;
    return catalog_restore_taxonomy(c, &t, err);
}

int catalog_decode(catalog *c, const void *bytes, size_t len,
                   muster_error *err)
{
    arena memory;
    reader r;

    arena_init(&memory);
    reader_init(&r, bytes, len);
    const bool strict = reader_u8(&r);
    int rc = decode_people(c, &r, &memory, err);
    const uint32_t attributes = rc == 0 ? reader_u32(&r) : 0;
    for (uint32_t i = 0; i < attributes && rc == 0; i++)
        rc = decode_attribute(c, &r, CATALOG_ATTRIBUTE_FIRST + i, &memory,
                              err);
    if (rc == 0 && reader_left(&r) > 0)
        rc = decode_taxonomy(c, &r, &memory, err);
    arena_release(&memory);
    if (rc != 0 || !reader_ok(&r))
        return error_set(err, MUSTER_ECORRUPT, "damaged_catalog",
                         "the catalog of the generation is damaged");
    catalog_set_strict(c, strict);
    return 0;
}
