/*
 * merge_splice.c - one slot of events, of several layers, added block by
 * block.
 *
 * Rows come in order of time, so layers have most of their blocks for
 * themselves: of these the containers are taken as they lie, for the slot's
 * SEEN plane and all slices alike. In a block that several layers have, rows
 * are added up one by one (sums.h).
 *
 * Cost: a few ns a container taken, about 20 a row added up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/merge_splice.h"

#include "index/container.h"
#include "index/sums.h"

/* Planes of a slot: SEEN, counts, amounts. */
#define COUNTS_AT 1u
#define AMOUNTS_AT (COUNTS_AT + COUNT_BITS + 1)
#define SLOT_PLANES (AMOUNTS_AT + AMOUNT_BITS + 1)
#define NO_BLOCK UINT32_MAX

/* A plane of the result as it grows. */
typedef struct piece_list {
    container_plan *plans;
    size_t plan_capacity;
    const uint8_t **bytes;
    size_t byte_capacity;
    uint32_t count;
} piece_list;

/* A plane of a part, and how far it has been taken. */
typedef struct plane_cursor {
    plane_view view;
    uint32_t at;
    uint32_t plane; /* of the result */
} plane_cursor;

struct splicer {
    piece_list planes[SLOT_PLANES];
    plane_cursor *cursors; /* part by part, SEEN first in each */
    size_t cursor_capacity;
    size_t *first; /* by part; one more */
    size_t first_capacity;
    event_sums sums;
    event_sums more;
    arena memory; /* containers of blocks that were added up */
};

splicer *splicer_new(void)
{
    splicer *s = mem_zalloc(sizeof *s);
    arena_init(&s->memory);
    return s;
}

void splicer_free(splicer *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < SLOT_PLANES; i++) {
        mem_free(s->planes[i].plans);
        mem_free(s->planes[i].bytes);
    }
    mem_free(s->cursors);
    mem_free(s->first);
    sums_release(&s->sums);
    sums_release(&s->more);
    arena_release(&s->memory);
    mem_free(s);
}

/* ---- pieces ---- */

static void add_piece(piece_list *l, const container_plan *plan,
                      const uint8_t *bytes)
{
    mem_grow(&l->plans, &l->plan_capacity, (size_t)l->count + 1,
             sizeof *l->plans);
    mem_grow(&l->bytes, &l->byte_capacity, (size_t)l->count + 1,
             sizeof *l->bytes);
    l->plans[l->count] = *plan;
    l->bytes[l->count++] = bytes;
}

/* The container a cursor stands at. */
static void take_container(splicer *s, const plane_cursor *c)
{
    container_plan plan = {0};
    const uint8_t *bytes = container_of_view(&plan, &c->view, c->at);
    add_piece(&s->planes[c->plane], &plan, bytes);
}

/* The container of rows of one block that were picked. */
static void put_rows(splicer *s, uint32_t plane, uint32_t block,
                     const uint32_t *rows, size_t n)
{
    container_plan plan = {.key = block, .n = (uint32_t)n};

    if (n == 0)
        return;
    container_plan_rows(&plan, rows);
    uint8_t *bytes = arena_alloc(&s->memory, plan.size);
    container_write(bytes, &plan, rows);
    add_piece(&s->planes[plane], &plan, bytes);
}

/* ---- cursors ---- */

static inline uint32_t block_at(const plane_view *v, uint32_t i)
{
    uint16_t key;
    if (i == v->n)
        return NO_BLOCK;
    memcpy(&key, v->directory + 4 * (size_t)i, sizeof key);
    return key;
}

static uint32_t plane_of(const plane_key *key)
{
    switch ((plane_role)key->role) {
    case ROLE_SEEN:
        return 0;
    case ROLE_COUNT:
        return COUNTS_AT + key->slice;
    default:
        ASSERT(key->role == ROLE_AMOUNT);
        return AMOUNTS_AT + key->slice;
    }
}

static void open_parts(splicer *s, const group_span *parts, size_t count)
{
    size_t n = 0;

    mem_grow(&s->first, &s->first_capacity, count + 1, sizeof *s->first);
    for (size_t p = 0; p < count; p++) {
        const index_layer *l = parts[p].layer;
        s->first[p] = n;
        ASSERT(l->entries[parts[p].first].key.role == ROLE_SEEN);
        mem_grow(&s->cursors, &s->cursor_capacity,
                 n + parts[p].end - parts[p].first, sizeof *s->cursors);
        for (size_t i = parts[p].first; i < parts[p].end; i++)
            s->cursors[n++] =
                (plane_cursor){layer_view(l, &l->entries[i]), 0,
                               plane_of(&l->entries[i].key)};
    }
    s->first[count] = n;
}

static inline uint32_t seen_block(const splicer *s, size_t part)
{
    const plane_cursor *c = &s->cursors[s->first[part]];
    return block_at(&c->view, c->at);
}

/* ---- blocks of one part ---- */

/* All containers of the part that stand before block `end`. */
static void take_blocks(splicer *s, size_t part, uint32_t end)
{
    for (size_t i = s->first[part]; i < s->first[part + 1]; i++) {
        plane_cursor *c = &s->cursors[i];
        for (; c->at < c->view.n && block_at(&c->view, c->at) < end; c->at++)
            take_container(s, c);
    }
}

/* ---- blocks of several parts ---- */

/* What a part says in a block, added to what is there. */
static void add_part(splicer *s, size_t part, uint32_t block, uint32_t cap)
{
    event_sums *own = s->sums.n == 0 ? &s->sums : &s->more;
    uint32_t ignored;

    own->n = 0;
    for (size_t i = s->first[part]; i < s->first[part + 1]; i++) {
        plane_cursor *c = &s->cursors[i];
        if (block_at(&c->view, c->at) != block)
            continue;
        const block_ref rows = view_container(&c->view, c->at++, &ignored);
        if (c->plane == 0)
            sums_seen(own, block, rows);
        else if (c->plane < AMOUNTS_AT)
            sums_count(own, block, rows, c->plane - COUNTS_AT);
        else
            sums_amount(own, block, rows, c->plane - AMOUNTS_AT);
    }
    if (own == &s->more)
        sums_merge(&s->sums, &s->more, cap);
}

/* The sums of a block become containers. */
static void put_sums(splicer *s, uint32_t block)
{
    event_sums *x = &s->sums;
    const sums_bits bits = sums_bits_of(x);

    put_rows(s, 0, block, x->rows, x->n);
    for (uint32_t i = 0; bits.counts >> i; i++) {
        const size_t n = sums_pick_count(x, i); /* may move x->picked */
        put_rows(s, COUNTS_AT + i, block, x->picked, n);
    }
    for (uint32_t i = 0; bits.amounts >> i; i++) {
        const size_t n = sums_pick_amount(x, i);
        put_rows(s, AMOUNTS_AT + i, block, x->picked, n);
    }
}

static void add_block(splicer *s, size_t count, uint32_t block, uint32_t cap)
{
    s->sums.n = 0;
    for (size_t p = 0; p < count; p++)
        if (seen_block(s, p) == block)
            add_part(s, p, block, cap);
    put_sums(s, block);
}

/* ---- the slot ---- */

/* The smallest block that is left, the part that has it (the first, when
 * several have) and the smallest of the others. */
typedef struct next_blocks {
    size_t part;
    uint32_t block;
    uint32_t other;
} next_blocks;

static next_blocks find_next(const splicer *s, size_t count)
{
    next_blocks next = {0, NO_BLOCK, NO_BLOCK};

    for (size_t p = 0; p < count; p++) {
        const uint32_t block = seen_block(s, p);
        if (block < next.block) {
            next.other = next.block;
            next.block = block;
            next.part = p;
        } else if (block < next.other) {
            next.other = block;
        }
    }
    return next;
}

/* Passes over the blocks of one part before `end`. */
static void pass_blocks(splicer *s, size_t part, uint32_t end)
{
    plane_cursor *c = &s->cursors[s->first[part]];
    while (c->at < c->view.n && block_at(&c->view, c->at) < end)
        c->at++;
}

bool splice_fits(splicer *s, const group_span *parts, size_t count,
                 uint64_t most)
{
    uint64_t shared = 0;

    open_parts(s, parts, count);
    while (shared <= most) {
        const next_blocks next = find_next(s, count);
        if (next.block == NO_BLOCK)
            return true;
        if (next.other > next.block) {
            pass_blocks(s, next.part, next.other);
            continue;
        }
        for (size_t p = 0; p < count; p++) {
            plane_cursor *c = &s->cursors[s->first[p]];
            if (seen_block(s, p) == next.block)
                shared += view_container_count(&c->view, c->at++);
        }
    }
    return false;
}

static void write_planes(splicer *s, plane_key key, layer_writer *out)
{
    for (uint32_t i = 0; i < SLOT_PLANES; i++) {
        piece_list *l = &s->planes[i];
        const bool counts = i < AMOUNTS_AT;
        key.role = i == 0 ? ROLE_SEEN : counts ? ROLE_COUNT : ROLE_AMOUNT;
        key.slice = i == 0 ? 0
                           : (uint8_t)(i - (counts ? COUNTS_AT : AMOUNTS_AT));
        layer_writer_containers(out, &key, l->plans, l->bytes, l->count);
        l->count = 0;
    }
}

void splice_slot(splicer *s, const group_span *parts, size_t count,
                 uint32_t cap, layer_writer *out)
{
    open_parts(s, parts, count);
    arena_reset(&s->memory);
    for (;;) {
        const next_blocks next = find_next(s, count);
        if (next.block == NO_BLOCK)
            break;
        if (next.other > next.block)
            take_blocks(s, next.part, next.other);
        else
            add_block(s, count, next.block, cap);
    }
    write_planes(s, parts->layer->entries[parts->first].key, out);
}
