/*
 * taxonomy.c - muster_taxonomy: the tree that the field knows, and what is
 * mapped to it.
 *
 * A change is tried on a copy of the catalog first, so that what is logged
 * applies; and with a taxonomy that is loaded every saved segment is bound
 * once, so that none names a node that is gone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

#include <stdio.h>

#include "identity/identity.h"

/* ---- changes ---- */

/* MUSTER_ECONFLICT "in_use" when a saved segment does not bind any more. */
static int check_segments(const muster_engine *e, const catalog *tried,
                          muster_error *err)
{
    const epoch before = working_epoch(e);
    epoch after = before;
    scope *viewer;
    int rc = 0;

    after.names = tried;
    const int made = scope_new(&viewer, text_of("taxonomy"), PURPOSE_SERVING,
                               text_make(NULL, 0), NULL);
    ASSERT(made == 0);
    for (size_t i = 0; i < audience_count(before.audiences) && rc == 0; i++) {
        const audience *a = audience_at(before.audiences, i);
        const audience_version *v = audience_current(a);
        plan *bound = NULL;
        if (!v || !text_contains_nocase(v->expr, text_of("taxonomy")))
            continue;
        if (engine_bind(e, &before, viewer, v->expr, text_make(NULL, 0),
                        &bound, NULL, NULL) != 0)
            continue; /* it did not before */
        segment_plan_free(bound);
        if (engine_bind(e, &after, viewer, v->expr, text_make(NULL, 0),
                        &bound, NULL, NULL) != 0)
            rc = error_set(err, MUSTER_ECONFLICT, "in_use",
                           "the segment \"%s\" names a node that the file "
                           "does not have", a->key);
        else
            segment_plan_free(bound);
    }
    scope_free(viewer);
    return rc;
}

static int try_taxonomy(muster_engine *e, change_request *r,
                        muster_error *err)
{
    catalog *tried = catalog_copy(e->state.names);
    int rc = change_apply_taxonomy(tried, r->body->data, r->body->len, err);
    if (rc == 0)
        rc = check_segments(e, tried, err);
    catalog_free(tried);
    return rc;
}

int taxonomy_check_mapped(const catalog *names, muster_error *err)
{
    const catalog_taxonomy *t = catalog_taxonomy_get(names);

    for (uint32_t i = 0; t && i < t->mapping_count; i++) {
        const taxonomy_mapping *m = &t->mappings[i];
        const catalog_attribute *a = catalog_attribute_get(names, m->attribute);
        if (a->kind != KIND_NUMBER && m->value.ptr && identity_is_pii(m->value))
            return error_set(err, MUSTER_EINVAL, "pii_suspected",
                             "a value of %s that is mapped looks like an "
                             "e-mail address or a phone number; it is not "
                             "stored", a->name);
    }
    return 0;
}

static int try_mapping(muster_engine *e, change_request *r, muster_error *err)
{
    catalog *tried = catalog_copy(e->state.names);
    int rc = change_apply_mapping(tried, r->body->data, r->body->len, err);
    if (rc == 0)
        rc = taxonomy_check_mapped(tried, err);
    catalog_free(tried);
    return rc;
}

/* The texts of a change beside its file or its nodes. */
#define HEAD_BYTES_MAX ((size_t)8 << 10)

int muster_taxonomy_load(muster_engine *engine, const char *name,
                         uint32_t segtax, const char *text, size_t len,
                         muster_error *err)
{
    buffer body;

    error_clear(err);
    int rc = engine_check_writable(engine, err);
    if (rc == 0 && len > MUSTER_TAXONOMY_BYTES_MAX)
        rc = error_set(err, MUSTER_ELIMIT, "long_file",
                       "a taxonomy file has at most %u bytes",
                       MUSTER_TAXONOMY_BYTES_MAX);
    if (rc == 0 && !catalog_is_provider_name(text_of(name)))
        rc = error_set(err, MUSTER_EINVAL, "bad_name",
                       "the name of a taxonomy begins with a lower-case "
                       "letter or digit, then come these and _ . -");
    if (rc != 0)
        return rc;
    buffer_init(&body, MUSTER_TAXONOMY_BYTES_MAX + HEAD_BYTES_MAX);
    change_taxonomy(&body, text_of(name), segtax, text_make(text, len));
    change_request r = {
        .kind = CHANGE_TAXONOMY, .body = &body, .act = try_taxonomy};
    rc = writer_do(engine, &r, err);
    buffer_release(&body);
    return rc;
}

/* Texts of the change are bounded before they are put together. */
static int check_mapping(const char *attribute, const char *value,
                         const char *const *nodes, size_t count,
                         muster_error *err)
{
    if (count > MUSTER_TAXONOMY_MAPPINGS_MAX)
        return error_set(err, MUSTER_ELIMIT, "too_many",
                         "there are at most %u mappings",
                         MUSTER_TAXONOMY_MAPPINGS_MAX);
    if (!catalog_is_attribute_name(text_of(attribute)))
        return error_set(err, MUSTER_ENOTFOUND, "unknown_attribute",
                         "there is no attribute \"%.128s\"", attribute);
    if (value && strlen(value) > MUSTER_VALUE_BYTES_MAX)
        return error_set(err, MUSTER_EINVAL, "bad_mapping",
                         "a value is a text of 1 to %u bytes",
                         MUSTER_VALUE_BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        if (strlen(nodes[i]) > MUSTER_TAXONOMY_PATH_BYTES_MAX)
            return error_set(err, MUSTER_ENOTFOUND, "unknown_node",
                             "a node is named with at most %u bytes",
                             MUSTER_TAXONOMY_PATH_BYTES_MAX);
    return 0;
}

int muster_taxonomy_map(muster_engine *engine, const char *attribute,
                        const char *value, const char *const *nodes,
                        size_t count, muster_error *err)
{
    const catalog_attribute *found;
    epoch_pin pin;
    buffer body;

    error_clear(err);
    int rc = engine_check_writable(engine, err);
    if (rc == 0)
        rc = check_mapping(attribute, value, nodes, count, err);
    if (rc == 0) {
        rc = find_attribute(epoch_pin_newest(engine, &pin)->names, attribute,
                            &found, err);
        epoch_unpin(engine, &pin);
    }
    if (rc != 0)
        return rc;
    muster_text *texts = mem_array(count + 1, sizeof *texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = text_of(nodes[i]);
    buffer_init(&body, HEAD_BYTES_MAX +
                           count * (MUSTER_TAXONOMY_PATH_BYTES_MAX + 4));
    change_mapping(&body, text_of(attribute),
                   value ? text_of(value) : text_make(NULL, 0), texts, count);
    change_request r = {
        .kind = CHANGE_MAPPING, .body = &body, .act = try_mapping};
    rc = writer_do(engine, &r, err);
    buffer_release(&body);
    mem_free(texts);
    return rc;
}

/* ---- reading ---- */

void muster_taxonomy_about(muster_engine *engine, muster_taxonomy *out)
{
    epoch_pin pin;
    const catalog_taxonomy *t =
        catalog_taxonomy_get(epoch_pin_newest(engine, &pin)->names);

    *out = (muster_taxonomy){.nodes = 0};
    if (t) {
        snprintf(out->name, sizeof out->name, "%s", t->name);
        out->segtax = t->segtax;
        out->nodes = t->node_count;
        out->mappings = t->mapping_count;
    }
    epoch_unpin(engine, &pin);
}

/* The nodes that are meant: from *first to before *end. */
static int find_span(const catalog *names, const char *node, uint32_t *first,
                     uint32_t *end, muster_error *err)
{
    const catalog_taxonomy *t = catalog_taxonomy_get(names);

    *first = *end = 0;
    if (!node && t)
        *end = t->node_count;
    if (!node)
        return 0;
    const int rc = taxonomy_node_find(names, text_of(node), first, err);
    if (rc == 0)
        *end = t->nodes[*first].end;
    return rc;
}

static int tell_node(const catalog_taxonomy *t, uint32_t i,
                     const uint32_t *mapped, muster_taxonomy_node_fn each,
                     void *payload)
{
    const taxonomy_node *n = &t->nodes[i];
    const muster_taxonomy_node row = {
        n->id,
        n->parent == CATALOG_NONE ? "" : t->nodes[n->parent].id,
        n->path,
        n->note,
        n->depth,
        n->end - i - 1,
        mapped[n->end] - mapped[i],
    };
    return each(payload, &row);
}

/* mapped[i]: mappings to nodes before i. */
static uint32_t *count_mapped(const catalog_taxonomy *t)
{
    uint32_t *mapped = mem_array((size_t)t->node_count + 1, sizeof *mapped);

    for (uint32_t i = 0; i < t->mapping_count; i++)
        mapped[t->mappings[i].node + 1]++;
    for (uint32_t i = 0; i < t->node_count; i++)
        mapped[i + 1] += mapped[i];
    return mapped;
}

int muster_taxonomy_each(muster_engine *engine, const char *node,
                         uint32_t levels, muster_taxonomy_node_fn each,
                         void *payload, muster_error *err)
{
    uint32_t first;
    uint32_t end;
    epoch_pin pin;

    error_clear(err);
    const catalog *names = epoch_pin_newest(engine, &pin)->names;
    const catalog_taxonomy *t = catalog_taxonomy_get(names);
    int rc = find_span(names, node, &first, &end, err);
    if (rc == 0 && t) {
        uint32_t *mapped = count_mapped(t);
        const uint32_t top = node ? t->nodes[first].depth : 0;
        for (uint32_t i = first; i < end && rc == 0; i++)
            if (t->nodes[i].depth - top <= levels)
                rc = tell_node(t, i, mapped, each, payload);
        mem_free(mapped);
    }
    epoch_unpin(engine, &pin);
    return rc;
}

int muster_mappings_each(muster_engine *engine, const char *node,
                         muster_mapping_fn each, void *payload,
                         muster_error *err)
{
    uint32_t first;
    uint32_t end;
    epoch_pin pin;

    error_clear(err);
    const catalog *names = epoch_pin_newest(engine, &pin)->names;
    const catalog_taxonomy *t = catalog_taxonomy_get(names);
    int rc = find_span(names, node, &first, &end, err);
    for (uint32_t i = 0; t && i < t->mapping_count && rc == 0; i++) {
        const taxonomy_mapping *m = &t->mappings[i];
        const muster_mapping row = {
            catalog_attribute_get(names, m->attribute)->name,
            m->value.ptr, /* the taxonomy's own texts end with NUL */
            t->nodes[m->node].id, t->nodes[m->node].path};
        if (m->node >= first && m->node < end)
            rc = each(payload, &row);
    }
    epoch_unpin(engine, &pin);
    return rc;
}
