/*
 * formula_far.c - many roots of one formula asked for rows anywhere: a bit a
 * row for each part, each part once.
 *
 * Parts stand behind their children, so one walk over all of them does; the
 * planes are what costs, a look into the directory for each block that rows
 * lie in.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/formula_parts.h"

#include "base/base.h"

typedef struct far_asker {
    mask_asker asker;
    const uint32_t *rows;
    const row_in *low; /* their places in their blocks */
    uint64_t (*masks)[MASK_WORDS]; /* one a part */
    arena memory;
    struct known_plane *known; /* open addressing */
    size_t known_mask;
    size_t known_count;
} far_asker;

/* A plane that leaves asked for. */
typedef struct known_plane {
    const uint8_t *bytes;
    uint64_t *mask; /* NULL: nobody */
} known_plane;

static known_plane *find_known(const far_asker *a, const uint8_t *bytes)
{
    size_t i = (size_t)((uintptr_t)bytes * 0x9E3779B97F4A7C15u >> 20);

    for (;; i++) {
        known_plane *k = &a->known[i & a->known_mask];
        if (!k->bytes || k->bytes == bytes)
            return k;
    }
}

static void grow_known(far_asker *a)
{
    known_plane *former = a->known;
    const size_t count = former ? a->known_mask + 1 : 0;

    a->known_mask = count ? 2 * count - 1 : 255;
    a->known = mem_zalloc((a->known_mask + 1) * sizeof *a->known);
    for (size_t i = 0; i < count; i++)
        if (former[i].bytes)
            *find_known(a, former[i].bytes) = former[i];
    mem_free(former);
}

static void far_part(const mask_asker *a, formula_part p, uint64_t *mask)
{
    const far_asker *f = (const far_asker *)a;
    memcpy(mask, f->masks[p >> 1], sizeof f->masks[0]);
}

static uint32_t far_row(const mask_asker *a, uint32_t i)
{
    return ((const far_asker *)a)->rows[i];
}

/* Puts n bits at a place of a mask that has none there yet. */
static void put_bits(uint64_t *mask, uint32_t at, const uint64_t *bits,
                     uint32_t n)
{
    for (uint32_t i = 0; i * 64 < n; i++) {
        const uint32_t left = n - i * 64;
        const uint64_t b =
            left < 64 ? bits[i] & (((uint64_t)1 << left) - 1) : bits[i];
        const uint32_t to = at + i * 64;
        mask[to / 64] |= b << (to & 63);
        if ((to & 63) + left > 64 && (to & 63) != 0 && to / 64 + 1 < MASK_WORDS)
            mask[to / 64 + 1] |= b >> (64 - (to & 63));
    }
}

static void plane_mask(const far_asker *a, const plane_view *v,
                       uint64_t *mask)
{
    uint64_t bits[MASK_WORDS];
    uint32_t hint = 0;

    memset(mask, 0, sizeof a->masks[0]);
    for (uint32_t i = 0, end; i < a->asker.n; i = end) {
        const uint32_t block = a->rows[i] / BLOCK_ROWS;
        for (end = i + 1;
             end < a->asker.n && a->rows[end] / BLOCK_ROWS == block;)
            end++;
        const block_ref set = view_block(v, block, &hint);
        if (set.type == BLOCK_EMPTY)
            continue;
        mask_set(set, a->low + i, end - i, bits);
        put_bits(mask, i, bits, end - i);
    }
}

/* ---- planes of leaves, each once ---- */

static const uint64_t *known_mask(void *payload, const plane_view *v)
{
    far_asker *a = payload;

    if (2 * (a->known_count + 1) > a->known_mask)
        grow_known(a);
    known_plane *k = find_known(a, v->bytes);
    if (!k->bytes) {
        uint64_t any = 0;
        uint64_t mask[MASK_WORDS];
        plane_mask(a, v, mask);
        for (uint32_t i = 0; i < MASK_WORDS; i++)
            any |= mask[i];
        *k = (known_plane){v->bytes, NULL};
        a->known_count++;
        if (any) {
            k->mask = arena_alloc(&a->memory, sizeof mask);
            memcpy(k->mask, mask, sizeof mask);
        }
    }
    return k->mask;
}

static bool is_of_events(const index_leaf *leaf)
{
    return leaf->type == LEAF_SEEN || leaf->type == LEAF_COUNT ||
           leaf->type == LEAF_TOTAL || leaf->type == LEAF_DAYS;
}

static void leaf_mask(far_asker *a, const index_leaf *leaf, uint64_t *mask)
{
    const view_masks masks = {known_mask, a};

    if (is_of_events(leaf)) {
        leaf_event_mask(leaf, &masks, mask);
        return;
    }
    memset(mask, 0, sizeof a->masks[0]);
    for (uint32_t i = 0; i < a->asker.n; i++)
        mask[i / 64] |= (uint64_t)index_leaf_has(leaf, a->rows[i]) << (i & 63);
}

/* Marks what the roots need; children stand before what they are children
 * of. */
static void mark_needed(const formula *f, const formula_part *roots,
                        size_t count, bool *needed)
{
    for (size_t k = 0; k < count; k++)
        needed[roots[k] >> 1] = true;
    for (uint32_t i = f->count; i-- > 0;) {
        const part *p = &f->parts[i];
        if (!needed[i] || p->type == PART_NOBODY || p->type == PART_PLANE ||
            p->type == PART_LEAF)
            continue;
        const uint32_t children = p->type == PART_FILTER ? 1 : p->count;
        for (uint32_t c = 0; c < children; c++)
            needed[f->children[p->first + c] >> 1] = true;
    }
}

static void all_parts(far_asker *a, const formula *f, const bool *needed)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const part *p = &f->parts[i];
        if (!needed[i])
            continue;
        if (p->type == PART_NOBODY)
            memset(a->masks[i], 0, sizeof a->masks[i]);
        else if (p->type == PART_PLANE)
            plane_mask(a, &f->planes[p->first], a->masks[i]);
        else if (p->type == PART_LEAF)
            leaf_mask(a, f->leaves[p->first], a->masks[i]);
        else
            mask_combined(&a->asker, p, a->masks[i]);
    }
}

void formula_masks(const formula *f, const formula_part *roots, size_t count,
                   const uint32_t *rows, uint32_t n,
                   uint64_t (*out)[FORMULA_MASK_WORDS])
{
    row_in low[ROWS_MAX];
    far_asker a = {
        .asker = {f, n, far_part, far_row}, .rows = rows, .low = low};

    ASSERT(n <= ROWS_MAX);
    for (uint32_t i = 0; i < n; i++)
        low[i] = (row_in)(rows[i] % BLOCK_ROWS);
    arena_init(&a.memory);
    a.masks = mem_array(f->count, sizeof *a.masks);
    bool *needed = mem_zalloc(f->count * sizeof *needed);
    mark_needed(f, roots, count, needed);
    all_parts(&a, f, needed);
    mem_free(needed);
    for (size_t k = 0; k < count; k++) {
        const uint64_t flip = is_flipped(roots[k]) ? ~(uint64_t)0 : 0;
        for (uint32_t i = 0; i < MASK_WORDS; i++)
            out[k][i] = a.masks[roots[k] >> 1][i] ^ flip;
    }
    arena_release(&a.memory);
    mem_free(a.known);
    mem_free(a.masks);
}
