/*
 * snapshot.c - the whole state to a generation and back.
 *
 * Sections: "catalog" (below), "audiences" (audience/store.c), "dictionary"
 * (identity/dictionary.c), "plane.dir" and "planes" (index/layer.h).
 *
 * Catalog, little-endian; text = u32 length, bytes:
 *     u8 strict
 *     u32 spaces; each: text name, u8 declared
 *     u32 providers; each: text name, u8 party, u32 ttl, u8 declared
 *     u32 attributes; each: text name, u8 kind, u8 grain, u32 cap, u8 amount,
 *         u8 unit is date, text unit, u32 ttl, u32 retention, u8 declared,
 *         u32 values, each: text
 * Numbers are implied by order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

/* A catalog beyond this is refused while encoding rather than grown. */
#define CATALOG_BYTES_MAX ((size_t)8 << 30)

/* ---- catalog ---- */

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

static void encode_catalog(const catalog *c, buffer *out)
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
}

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

static int decode_catalog(catalog *c, const void *bytes, size_t len,
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
    arena_release(&memory);
    if (rc != 0 || !reader_ok(&r))
        return error_set(err, MUSTER_ECORRUPT, "damaged_catalog",
                         "the catalog of the generation is damaged");
    catalog_set_strict(c, strict);
    return 0;
}

catalog *snapshot_copy_catalog(const catalog *names)
{
    buffer bytes;
    catalog *copy = catalog_new();

    buffer_init(&bytes, CATALOG_BYTES_MAX);
    encode_catalog(names, &bytes);
    ASSERT(buffer_ok(&bytes));
    const int rc = decode_catalog(copy, bytes.data, bytes.len, NULL);
    ASSERT(rc == 0);
    buffer_release(&bytes);
    return copy;
}

/* ---- writing ---- */

static int put_section(generation_writer *w, const char *name,
                       const void *bytes, size_t len, muster_error *err)
{
    int rc = generation_begin(w, name, err);
    if (rc == 0)
        rc = generation_write(w, bytes, len, err);
    return rc ? rc : generation_end(w, err);
}

typedef struct dictionary_out {
    generation_writer *w;
    muster_error *err;
} dictionary_out;

static int write_dictionary_piece(void *payload, const void *bytes,
                                  size_t len)
{
    dictionary_out *out = payload;
    return generation_write(out->w, bytes, len, out->err);
}

static int put_dictionary(const muster_engine *e, generation_writer *w,
                          muster_error *err)
{
    dictionary_out out = {w, err};
    int rc = generation_begin(w, "dictionary", err);
    if (rc == 0)
        rc = dictionary_encode(e->ids, write_dictionary_piece, &out);
    return rc ? rc : generation_end(w, err);
}

static int put_names(const muster_engine *e, generation_writer *w,
                     muster_error *err)
{
    buffer bytes;
    int rc;

    buffer_init(&bytes, CATALOG_BYTES_MAX);
    encode_catalog(e->names, &bytes);
    rc = put_section(w, "catalog", bytes.data, bytes.len, err);
    if (rc == 0) {
        buffer_clear(&bytes);
        audience_store_encode(e->audiences, &bytes);
        rc = put_section(w, "audiences", bytes.data, bytes.len, err);
    }
    if (rc == 0 && !buffer_ok(&bytes))
        rc = error_set(err, MUSTER_ELIMIT, "catalog_full",
                       "the catalog is too large for a generation");
    buffer_release(&bytes);
    return rc;
}

static int put_planes(const index_layer *base, generation_writer *w,
                      muster_error *err)
{
    size_t directory_len;
    size_t planes_len;
    const void *directory = index_layer_directory(base, &directory_len);
    const void *planes = index_layer_planes(base, &planes_len);

    int rc = put_section(w, "plane.dir", directory, directory_len, err);
    return rc ? rc : put_section(w, "planes", planes, planes_len, err);
}

int snapshot_write(muster_engine *e, muster_error *err)
{
    generation_writer *w;

    apply_flush(e);
    const index_layer *base = index_compact(e->index);
    int rc = generation_create(&w, e->store, e->seq, err);
    if (rc != 0)
        return rc;
    rc = put_names(e, w, err);
    if (rc == 0)
        rc = put_dictionary(e, w, err);
    if (rc == 0)
        rc = put_planes(base, w, err);
    if (rc != 0) {
        generation_abandon(w);
        return rc;
    }
    rc = generation_publish(w, err);
    if (rc == 0)
        e->facts_behind = 0;
    return rc;
}

/* ---- reading ---- */

static const void *need(const muster_engine *e, const char *name, size_t *len)
{
    static const char nothing[1];
    const void *bytes = generation_section(e->base, name, len);
    if (!bytes)
        *len = 0;
    return bytes ? bytes : nothing;
}


static void restore_forgotten(muster_engine *e)
{
    static const uint32_t provider = 0;
    const leaf_spec spec = {.type = LEAF_HELD,
                            .attribute = INDEX_FORGOTTEN,
                            .providers = &provider,
                            .provider_count = 1,
                            .any = true};
    index_leaf *leaf = index_leaf_new(e->index, &spec);
    leaf_cursor *cursor = leaf_cursor_new(leaf);
    block_buf *buf = mem_aligned(sizeof *buf);
    uint16_t *rows = mem_array(BLOCK_ROWS, sizeof *rows);
    const uint32_t blocks = dictionary_rows(e->ids) / BLOCK_ROWS + 1;

    for (uint32_t b = 0; b < blocks && index_leaf_weight(leaf); b++) {
        const uint32_t n =
            block_rows(index_leaf_block(leaf, cursor, b, buf), rows);
        for (uint32_t i = 0; i < n; i++)
            engine_set_forgotten(e, b * BLOCK_ROWS + rows[i]);
    }
    mem_free(rows);
    mem_free(buf);
    leaf_cursor_free(cursor);
    index_leaf_free(leaf);
}

int snapshot_read(muster_engine *e, muster_error *err)
{
    muster_error damage;
    size_t len;
    size_t planes_len;
    index_layer *layer;

    int rc = generation_open(&e->base, e->store, &damage, err);
    if (rc != 0 || !e->base)
        return rc;
    const void *bytes = need(e, "catalog", &len);
    rc = decode_catalog(e->names, bytes, len, err);
    if (rc == 0) {
        bytes = need(e, "audiences", &len);
        rc = audience_store_decode(e->audiences, bytes, len, err);
    }
    if (rc == 0) {
        bytes = need(e, "dictionary", &len);
        dictionary_free(e->ids);
        e->ids = NULL;
        rc = dictionary_open(&e->ids, bytes, len, err);
    }
    if (rc != 0)
        return rc;
    bytes = need(e, "plane.dir", &len);
    const void *planes = need(e, "planes", &planes_len);
    rc = index_layer_open(&layer, bytes, len, planes, planes_len, err);
    if (rc != 0)
        return rc;
    index_push(e->index, layer, true);
    e->seq = generation_seq(e->base);
    restore_forgotten(e);
    return 0;
}
