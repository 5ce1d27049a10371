/*
 * breakdown.c - users of a set by value of an attribute (reach.h).
 *
 * The set's blocks are kept once (rows as the program gave them), then each
 * value's leaf is intersected with them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "reach/reach.h"

typedef struct kept_block {
    uint32_t block;
    block_ref rows; /* in `buf` when it had to be copied */
    block_buf *buf;
} kept_block;

typedef struct kept_set {
    kept_block *blocks;
    size_t count;
    size_t capacity;
    uint64_t total;
} kept_set;

/* Blocks are copied: the program's registers are used again. */
static void keep_block(void *payload, uint32_t block, block_ref rows)
{
    kept_set *k = payload;
    kept_block b = {block, rows, mem_aligned(sizeof *b.buf)};

    const uint32_t n = block_count(rows);
    if (n == 0) {
        mem_free(b.buf);
        return;
    }
    block_expand(rows, b.buf);
    b.rows = block_bits(b.buf);
    b.rows.n = n;
    mem_grow(&k->blocks, &k->capacity, k->count + 1, sizeof *k->blocks);
    k->blocks[k->count++] = b;
    k->total += n;
}

/* So many at a time, then `stop` is asked. */
#define PIECE_BLOCKS 64u

static void keep_blocks(const program *g, const program_state *state,
                        program_stop *stop, kept_set *out)
{
    const uint32_t blocks = (uint32_t)(
        ((uint64_t)state->rows + BLOCK_ROWS - 1) / BLOCK_ROWS);

    for (uint32_t first = 0; first < blocks && !program_stopped(stop);
         first += PIECE_BLOCKS) {
        const uint32_t end = first + PIECE_BLOCKS;
        program_some_blocks(g, first, end < blocks ? end : blocks, keep_block,
                            out);
    }
}

static void kept_release(kept_set *k)
{
    for (size_t i = 0; i < k->count; i++)
        mem_free(k->blocks[i].buf);
    mem_free(k->blocks);
}

static uint64_t count_leaf(const kept_set *k, const index_stack *index,
                           const leaf_spec *spec)
{
    index_leaf *leaf = index_leaf_new(index, spec);
    leaf_cursor *cursor = leaf_cursor_new(leaf);
    block_buf *buf = mem_aligned(sizeof *buf);
    uint64_t n = 0;

    for (size_t i = 0; i < k->count && index_leaf_weight(leaf); i++)
        n += block_and_count(
            k->blocks[i].rows,
            index_leaf_block(leaf, cursor, k->blocks[i].block, buf));
    mem_free(buf);
    leaf_cursor_free(cursor);
    index_leaf_free(leaf);
    return n;
}

static uint32_t *visible_providers(const catalog *names, const scope *viewer,
                                   uint32_t *count)
{
    uint32_t *list =
        mem_array(catalog_provider_count(names) + 1, sizeof *list);

    *count = 0;
    for (uint32_t i = 0; i < catalog_provider_count(names); i++)
        if (scope_sees_provider(viewer, catalog_provider_get(names, i)))
            list[(*count)++] = i;
    return list;
}

static int by_size(const void *a, const void *b)
{
    const reach_row *x = a;
    const reach_row *y = b;
    if ((x->value == 0) != (y->value == 0))
        return x->value == 0 ? 1 : -1;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

/* The events that are live now. */
static void live_window(leaf_spec *spec, const catalog_attribute *a,
                        muster_time now)
{
    const int64_t today = clock_day_of(now);
    const int64_t first = today - (int64_t)a->retention_days + 1;
    const bool hours = a->grain == GRAIN_HOUR;

    spec->type = LEAF_SEEN;
    spec->bucket_hours = hours ? 1 : 24;
    spec->from = (uint32_t)((first < 0 ? 0 : first) * (hours ? 24 : 1));
    spec->to = (uint32_t)(hours ? clock_hour_of(now) : today);
}

static bool is_wanted(const reach_question *q, const catalog *names,
                      uint32_t value)
{
    return !q->part.ptr ||
           text_contains_nocase(
               catalog_value_text(names, q->attribute->id, value), q->part);
}

/* Rows of those that have any value (flags) and of those that have none. */
static size_t count_known(const kept_set *kept, const index_stack *index,
                          leaf_spec *spec, attribute_kind kind,
                          reach_row *rows)
{
    size_t n = 0;

    spec->any = true;
    const uint64_t known = count_leaf(kept, index, spec);
    if (kind == KIND_FLAG && known)
        rows[n++] = (reach_row){1, known};
    if (known < kept->total)
        rows[n++] = (reach_row){0, kept->total - known};
    return n;
}

void reach_breakdown(const program *g, const program_state *state,
                     const catalog *names, const scope *viewer,
                     const reach_question *q, reach_row **out,
                     size_t *count, uint64_t *total)
{
    const catalog_attribute *attribute = q->attribute;
    const uint32_t values = catalog_value_count(names, attribute->id);
    kept_set kept = {0};
    uint32_t value;
    leaf_spec spec = {
        .type = LEAF_HELD,
        .attribute = attribute->id,
        .values = &value,
        .value_count = 1,
        .now_hour = (uint32_t)clock_hour_of(state->now),
    };
    uint32_t *providers =
        visible_providers(names, viewer, &spec.provider_count);
    reach_row *rows = mem_array((size_t)values + 2, sizeof *rows);
    size_t n = 0;

    ASSERT(attribute->kind != KIND_NUMBER);
    spec.providers = providers;
    if (attribute->kind == KIND_EVENT)
        live_window(&spec, attribute, state->now);
    keep_blocks(g, state, q->stop, &kept);
    for (value = 1; value <= values && !program_stopped(q->stop); value++) {
        if (!is_wanted(q, names, value))
            continue;
        const uint64_t users = count_leaf(&kept, state->index, &spec);
        if (users)
            rows[n++] = (reach_row){value, users};
    }
    if (!q->part.ptr)
        n += count_known(&kept, state->index, &spec, attribute->kind,
                         rows + n);
    qsort(rows, n, sizeof *rows, by_size);
    *out = rows;
    *count = n;
    *total = kept.total;
    mem_free(providers);
    kept_release(&kept);
}
