/*
 * generation.c - the whole state to a generation and back.
 *
 * Sections: "state" (u64 tick, the state's hour), "catalog"
 * (catalog_bytes.c), "audiences" (audience/store.c), "access"
 * (privacy/access_bytes.c; not in those that were written before there were
 * keys), "dictionary" (identity/dictionary.c), "planes" and "plane.dir" (index/layer.h,
 * index/directory.c). Planes are written as they are merged: what is in memory
 * of them is one group.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

/* Of a former base so much is read before its pages are given back. */
#define FORGET_BYTES ((size_t)256 << 20)
/* Far above what 2^32 planes could be told in: never reached before memory. */
#define DIRECTORY_BYTES_MAX ((size_t)8 << 30)

/* ---- writing ---- */

static int put_section(generation_writer *w, const char *name,
                       const void *bytes, size_t len, muster_error *err)
{
    int rc = generation_begin(w, name, err);
    if (rc == 0)
        rc = generation_write(w, bytes, len, err);
    return rc ? rc : generation_end(w, err);
}

/* Where the pieces of a large section go. */
typedef struct section_out {
    generation_writer *w;
    const epoch *at;
    size_t unseen; /* bytes since the former base was let go of */
    muster_error *err;
} section_out;

static int write_piece(void *payload, const void *bytes, size_t len)
{
    section_out *out = payload;
    return generation_write(out->w, bytes, len, out->err);
}

static int put_dictionary(const dictionary *ids, generation_writer *w,
                          muster_error *err)
{
    section_out out = {.w = w, .err = err};
    int rc = generation_begin(w, "dictionary", err);
    if (rc == 0)
        rc = dictionary_encode(ids, write_piece, &out);
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
    if (rc == 0) {
        buffer_clear(&bytes);
        access_store_encode(at->access, &bytes);
        rc = put_section(w, "access", bytes.data, bytes.len, err);
    }
    if (rc == 0 && !buffer_ok(&bytes))
        rc = error_set(err, MUSTER_ELIMIT, "catalog_full",
                       "the catalog is too large for a generation");
    buffer_release(&bytes);
    return rc;
}

/* The former base is read from end to end: its pages need not stay. */
static int write_planes(void *payload, const void *bytes, size_t len)
{
    section_out *out = payload;

    out->unseen += len;
    if (out->unseen >= FORGET_BYTES && out->at->base) {
        generation_unload(out->at->base->file, "planes");
        out->unseen = 0;
    }
    return write_piece(out, bytes, len);
}

static int put_planes(const epoch *at, generation_writer *w,
                      muster_error *err)
{
    state_rules rules = {at->names, at->tick};
    const index_limits limits = rules_limits(&rules, true);
    section_out out = {.w = w, .at = at, .err = err};
    buffer directory;

    buffer_init(&directory, DIRECTORY_BYTES_MAX);
    int rc = generation_begin(w, "planes", err);
    if (rc == 0)
        rc = index_merge_base_to(at->index, &limits, write_planes, &out,
                                 &directory);
    if (rc == 0)
        rc = base_check(at->base, err);
    if (rc == 0)
        rc = generation_end(w, err);
    if (rc == 0)
        rc = put_section(w, "plane.dir", directory.data, directory.len, err);
    if (rc == 0 && !buffer_ok(&directory))
        rc = error_set(err, MUSTER_ELIMIT, "planes_full",
                       "there are too many planes for a generation");
    buffer_release(&directory);
    return rc;
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
    int rc = put_state(at, w, err);
    if (rc == 0)
        rc = put_names(at, w, err);
    if (rc == 0)
        rc = put_dictionary(at->ids, w, err);
    return rc ? rc : put_planes(at, w, err);
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

/* All of it, proved. */
static int need_now(const shared_base *base, const char *name,
                    const void **bytes, size_t *len, muster_error *err)
{
    *bytes = need(base, name, len);
    if (*len == 0 ||
        proof_holds(generation_proof(base->file, name), *bytes, *len))
        return 0;
    return generation_check(base->file, err);
}

static void let_go(void *base)
{
    base_release(base);
}

int generation_layer(shared_base *base, index_layer **out, muster_error *err)
{
    size_t len;
    size_t planes_len;
    const void *bytes;
    const void *planes = need(base, "planes", &planes_len);

    int rc = need_now(base, "plane.dir", &bytes, &len, err);
    if (rc == 0)
        rc = index_layer_open(out, bytes, len, planes, planes_len,
                              generation_proof(base->file, "planes"), err);
    if (rc == 0)
        index_layer_on_free(*out, let_go, base_retain(base));
    return rc;
}

int generation_dictionary(const shared_base *base, dictionary **out,
                          muster_error *err)
{
    size_t len;
    const void *bytes = need(base, "dictionary", &len);
    return dictionary_open_proved(
        out, bytes, len, generation_proof(base->file, "dictionary"), err);
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

static int read_tick(muster_hour *out, const shared_base *base,
                     muster_error *err)
{
    size_t len;
    const void *bytes;
    reader r;

    const int rc = need_now(base, "state", &bytes, &len, err);
    reader_init(&r, bytes, len);
    const uint64_t tick = reader_u64(&r);
    *out = reader_ok(&r) ? (muster_hour)tick : 0;
    return rc;
}

static int load_names(working *w, const shared_base *base, muster_error *err)
{
    size_t len;
    const void *bytes;

    int rc = need_now(base, "catalog", &bytes, &len, err);
    if (rc == 0)
        rc = catalog_decode(w->names, bytes, len, err);
    if (rc == 0)
        rc = need_now(base, "audiences", &bytes, &len, err);
    if (rc == 0)
        rc = audience_store_decode(w->audiences, bytes, len, err);
    if (rc == 0)
        rc = need_now(base, "access", &bytes, &len, err);
    return rc ? rc : access_store_decode(w->access, bytes, len, err);
}

int generation_load(working *w, shared_base *base, muster_error *err)
{
    index_layer *layer;

    int rc = read_tick(&w->tick, base, err);
    if (rc == 0)
        rc = load_names(w, base, err);
    if (rc == 0) {
        dictionary_free(w->ids);
        w->ids = NULL;
        rc = generation_dictionary(base, &w->ids, err);
    }
    if (rc == 0)
        rc = generation_layer(base, &layer, err);
    if (rc != 0)
        return rc;
    if (w->residents)
        index_layer_keep_residents(layer, w->residents);
    index_view_release(w->index);
    w->index = index_view_base(layer);
    w->seq = generation_seq(base->file);
    w->generation = generation_id(base->file);
    w->generation_seq = w->seq;
    working_find_forgotten(w);
    return generation_check(base->file, err);
}
