/*
 * generation.c - the whole state to a generation and back.
 *
 * Sections: "state" (u64 tick, the state's hour), "catalog"
 * (catalog_bytes.c), "audiences" (audience/store.c), "dictionary"
 * (identity/dictionary.c), "plane.dir" and "planes" (index/layer.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

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

static int put_dictionary(const dictionary *ids, generation_writer *w,
                          muster_error *err)
{
    dictionary_out out = {w, err};
    int rc = generation_begin(w, "dictionary", err);
    if (rc == 0)
        rc = dictionary_encode(ids, write_dictionary_piece, &out);
    return rc ? rc : generation_end(w, err);
}

static int put_names(const epoch *at, generation_writer *w,
                     muster_error *err)
{
    buffer bytes;
    int rc;

    buffer_init(&bytes, CATALOG_BYTES_MAX);
    catalog_encode(at->names, &bytes);
    rc = put_section(w, "catalog", bytes.data, bytes.len, err);
    if (rc == 0) {
        buffer_clear(&bytes);
        audience_store_encode(at->audiences, &bytes);
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

static int put_state(const epoch *at, generation_writer *w, muster_error *err)
{
    buffer bytes;

    buffer_init(&bytes, 64);
    buffer_put_u64(&bytes, (uint64_t)at->tick);
    const int rc = put_section(w, "state", bytes.data, bytes.len, err);
    buffer_release(&bytes);
    return rc;
}

int generation_fill(generation_writer *w, const epoch *at, muster_error *err)
{
    state_rules rules = {at->names, at->tick};
    const index_limits limits = rules_limits(&rules, true);

    int rc = put_state(at, w, err);
    if (rc == 0)
        rc = put_names(at, w, err);
    if (rc == 0)
        rc = put_dictionary(at->ids, w, err);
    if (rc != 0)
        return rc;
    index_layer *base = index_merge_base(at->index, &limits);
    rc = put_planes(base, w, err);
    index_layer_release(base);
    return rc;
}

/* ---- reading ---- */

static const void *need(const shared_base *base, const char *name, size_t *len)
{
    static const char nothing[1];
    const void *bytes = generation_section(base->file, name, len);
    if (!bytes)
        *len = 0;
    return bytes ? bytes : nothing;
}

static void let_go(void *base)
{
    base_release(base);
}

int generation_layer(shared_base *base, index_layer **out, muster_error *err)
{
    size_t len;
    size_t planes_len;
    const void *bytes = need(base, "plane.dir", &len);
    const void *planes = need(base, "planes", &planes_len);

    const int rc =
        index_layer_open(out, bytes, len, planes, planes_len, err);
    if (rc == 0)
        index_layer_on_free(*out, let_go, base_retain(base));
    return rc;
}

int generation_dictionary(const shared_base *base, dictionary **out,
                          muster_error *err)
{
    size_t len;
    const void *bytes = need(base, "dictionary", &len);
    return dictionary_open(out, bytes, len, err);
}

void working_find_forgotten(working *w)
{
    static const uint32_t provider = 0;
    const leaf_spec spec = {.type = LEAF_HELD,
                            .attribute = INDEX_FORGOTTEN,
                            .providers = &provider,
                            .provider_count = 1,
                            .any = true};
    index_leaf *leaf = index_leaf_new(w->index, &spec);
    leaf_cursor *cursor = leaf_cursor_new(leaf);
    block_buf *buf = mem_aligned(sizeof *buf);
    uint16_t *rows = mem_array(BLOCK_ROWS, sizeof *rows);
    const uint32_t blocks = dictionary_rows(w->ids) / BLOCK_ROWS + 1;

    for (uint32_t b = 0; b < blocks && index_leaf_weight(leaf); b++) {
        const uint32_t n =
            block_rows(index_leaf_block(leaf, cursor, b, buf), rows);
        for (uint32_t i = 0; i < n; i++)
            working_set_forgotten(w, b * BLOCK_ROWS + rows[i]);
    }
    mem_free(rows);
    mem_free(buf);
    leaf_cursor_free(cursor);
    index_leaf_free(leaf);
}

static muster_hour read_tick(const shared_base *base)
{
    size_t len;
    reader r;

    const void *bytes = need(base, "state", &len);
    reader_init(&r, bytes, len);
    const uint64_t tick = reader_u64(&r);
    return reader_ok(&r) ? (muster_hour)tick : 0;
}

int generation_load(working *w, shared_base *base, muster_error *err)
{
    size_t len;
    index_layer *layer;

    const void *bytes = need(base, "catalog", &len);
    int rc = catalog_decode(w->names, bytes, len, err);
    if (rc == 0) {
        bytes = need(base, "audiences", &len);
        rc = audience_store_decode(w->audiences, bytes, len, err);
    }
    if (rc == 0) {
        dictionary_free(w->ids);
        w->ids = NULL;
        rc = generation_dictionary(base, &w->ids, err);
    }
    if (rc == 0)
        rc = generation_layer(base, &layer, err);
    if (rc != 0)
        return rc;
    index_view_release(w->index);
    w->index = index_view_base(layer);
    w->seq = generation_seq(base->file);
    w->tick = read_tick(base);
    w->generation = generation_id(base->file);
    w->generation_seq = w->seq;
    working_find_forgotten(w);
    return 0;
}
