/*
 * forward.c - the forward index (forward.h).
 *
 * A block never changes but for three things that readers take up at any
 * moment: its table of patches, `until`, and its roster. A reader loads the
 * epoch of the whole first and the block behind it, so that every change up
 * to that epoch is in what it finds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "audience/forward.h"

#include <stdlib.h>

#define BLOCKS_MAX (MUSTER_USERS_MAX / BLOCK_ROWS)
/* Rows whose lists begin within 65,536 ids of each other, as a shift. */
#define GROUP_SHIFT 6u
/* Patches that a block carries before it takes them in: folding writes about
 * 3 MB, so this keeps it at about one a thousand changes. */
#define PATCHES_MAX 2048u
#define TABLE_LEAST 64u
/* While readers keep so many bytes of blocks that were replaced, patches are
 * not taken in: they are the smaller evil. */
#define RETIRED_MAX ((uint64_t)64 << 20)
#define FOREVER UINT64_MAX

typedef struct patch {
    uint64_t epoch;
    uint16_t row; /* of the block */
    uint32_t n;
    uint32_t ids[];
} patch;

/* Open addressing; at most half full. */
typedef struct patch_table {
    uint32_t mask;
    uint32_t count;
    patch *slots[]; /* atomic */
} patch_table;

typedef struct forward_block {
    uint64_t since;    /* lists hold at this epoch, at least */
    uint64_t until;    /* atomic: FOREVER, or it was frozen there */
    const roster *with; /* atomic */
    patch_table *patches; /* atomic; NULL: none */
    muster_hour hour;
    uint32_t rows;
    uint32_t pairs;
    uint32_t shift;    /* a base for each 1 << shift rows */
    bool is_wide;
    uint32_t *bases;
    uint16_t *starts;  /* behind the base, one a row and one more */
    void *ids;
    size_t made_bytes; /* of this memory */
    size_t bytes;      /* and of its patches */
} forward_block;

typedef enum retired_kind {
    RETIRED_BLOCK,
    RETIRED_PATCH,
    RETIRED_TABLE,
    RETIRED_ROSTER
} retired_kind;

typedef struct retired_item {
    retired_kind kind;
    void *memory;
} retired_item;

struct forward_retired {
    retired_item *items;
    size_t count;
    size_t capacity;
};

struct forward {
    forward_block **blocks; /* BLOCKS_MAX; atomic */
    uint64_t epoch;         /* atomic */
    uint32_t block_count;
    uint32_t frozen;        /* how many are */
    roster *with;
    roster **former;        /* that frozen blocks may still have */
    size_t former_count;
    size_t former_capacity;
    forward_retired *retired;
    uint64_t retired_bytes; /* of blocks in it */
    /* shown; atomic */
    uint64_t bytes;
    uint64_t pairs;
    uint64_t patches;
};

#define LOAD(at) __atomic_load_n(&(at), __ATOMIC_ACQUIRE)
#define STORE(at, v) __atomic_store_n(&(at), v, __ATOMIC_RELEASE)

static void show(uint64_t *shown, int64_t more)
{
    __atomic_fetch_add(shown, (uint64_t)more, __ATOMIC_RELAXED);
}

/* ---- life ---- */

forward *forward_new(void)
{
    forward *f = mem_zalloc(sizeof *f);
    f->blocks = mem_zalloc(BLOCKS_MAX * sizeof *f->blocks);
    return f;
}

static void free_block(forward_block *b)
{
    if (!b)
        return;
    for (uint32_t i = 0; b->patches && i <= b->patches->mask; i++)
        mem_free(b->patches->slots[i]);
    mem_free(b->patches);
    if (b->made_bytes >= MEM_LARGE)
        mem_large_free(b, b->made_bytes);
    else
        mem_free(b);
}

void forward_free(forward *f)
{
    if (!f)
        return;
    forward_free_retired(f->retired);
    for (uint32_t i = 0; i < f->block_count; i++)
        free_block(f->blocks[i]);
    for (size_t i = 0; i < f->former_count; i++)
        roster_free(f->former[i]);
    roster_free(f->with);
    mem_free(f->former);
    mem_free(f->blocks);
    mem_free(f);
}

static void retire(forward *f, retired_kind kind, void *memory)
{
    if (!memory)
        return;
    if (!f->retired)
        f->retired = mem_zalloc(sizeof *f->retired);
    forward_retired *r = f->retired;
    mem_grow(&r->items, &r->capacity, r->count + 1, sizeof *r->items);
    r->items[r->count++] = (retired_item){kind, memory};
}

forward_retired *forward_take_retired(forward *f)
{
    forward_retired *r = f->retired;
    f->retired = NULL;
    f->retired_bytes = 0;
    return r;
}

void forward_free_retired(forward_retired *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++) {
        if (r->items[i].kind == RETIRED_BLOCK)
            free_block(r->items[i].memory);
        else if (r->items[i].kind == RETIRED_ROSTER)
            roster_free(r->items[i].memory);
        else
            mem_free(r->items[i].memory);
    }
    mem_free(r->items);
    mem_free(r);
}

/* ---- reading ---- */

static uint32_t slot_of(const patch_table *t, uint32_t row)
{
    return (row * 0x9E3779B1u >> 12) & t->mask;
}

static const patch *find_patch(const patch_table *t, uint32_t row)
{
    for (uint32_t i = slot_of(t, row);; i = (i + 1) & t->mask) {
        const patch *p = LOAD(t->slots[i]);
        if (!p || p->row == row)
            return p;
    }
}

static uint32_t begin_of(const forward_block *b, uint32_t row)
{
    return b->bases[row >> b->shift] + (b->shift ? b->starts[row] : 0);
}

/* The list that the block was made with. */
static void made_list(const forward_block *b, uint32_t row, forward_list *out)
{
    out->narrow = NULL;
    out->wide = NULL;
    out->n = 0;
    if (row >= b->rows)
        return;
    const uint32_t begin = begin_of(b, row);
    out->n = begin_of(b, row + 1) - begin;
    if (b->is_wide)
        out->wide = (const uint32_t *)b->ids + begin;
    else
        out->narrow = (const uint16_t *)b->ids + begin;
}

/* Its list of now; returns the patch that it comes from. */
static const patch *list_of(const forward_block *b, uint32_t row,
                            forward_list *out)
{
    const patch_table *t = LOAD(b->patches);
    const patch *p = t ? find_patch(t, row) : NULL;

    if (!p) {
        made_list(b, row, out);
        return NULL;
    }
    out->narrow = NULL;
    out->wide = p->ids;
    out->n = p->n;
    return p;
}

bool forward_find(const forward *f, uint32_t row, forward_list *out)
{
    const uint64_t epoch = LOAD(f->epoch);
    const forward_block *b = LOAD(f->blocks[row / BLOCK_ROWS]);

    if (!b)
        return false;
    const patch *p = list_of(b, row % BLOCK_ROWS, out);
    const uint64_t until = LOAD(b->until);
    out->roster = LOAD(b->with);
    out->hour = b->hour;
    out->epoch = epoch < until ? epoch : until;
    if (out->epoch < b->since)
        out->epoch = b->since;
    if (p && out->epoch < p->epoch)
        out->epoch = p->epoch;
    if (out->epoch < out->roster->since)
        out->epoch = out->roster->since;
    return true;
}

void forward_prefetch(const forward *f, uint32_t row)
{
    const forward_block *b = LOAD(f->blocks[row / BLOCK_ROWS]);
    const uint32_t low = row % BLOCK_ROWS;

    if (!b || low >= b->rows)
        return;
    const patch_table *t = LOAD(b->patches);
    if (t)
        __builtin_prefetch(&t->slots[slot_of(t, low)]);
    __builtin_prefetch(&b->bases[low >> b->shift]);
    __builtin_prefetch(&b->starts[low]);
}

/* ---- blocks ---- */

/* A block whose lists have these lengths; positions[row] is where row's list
 * begins. */
static forward_block *shape_block(const uint32_t *lengths, uint32_t rows,
                                  bool is_wide, uint32_t *positions)
{
    uint32_t pairs = 0;
    uint32_t shift = GROUP_SHIFT;

    for (uint32_t row = 0; row < rows; row++) {
        positions[row] = pairs;
        pairs += lengths[row];
        if (pairs - positions[row >> GROUP_SHIFT << GROUP_SHIFT] > UINT16_MAX)
            shift = 0;
    }
    positions[rows] = pairs;
    const size_t bases = ((size_t)rows >> shift) + 1;
    const size_t starts = shift ? (((size_t)rows + 2) & ~(size_t)1) : 0;
    const size_t bytes = sizeof(forward_block) + bases * 4 + starts * 2 +
                         (size_t)pairs * (is_wide ? 4 : 2);
    forward_block *b =
        bytes >= MEM_LARGE ? mem_large(bytes) : mem_alloc(bytes);
    *b = (forward_block){.until = FOREVER,
                         .made_bytes = bytes,
                         .rows = rows,
                         .pairs = pairs,
                         .shift = shift,
                         .is_wide = is_wide,
                         .bases = (uint32_t *)(b + 1),
                         .bytes = bytes};
    b->starts = (uint16_t *)(b->bases + bases);
    b->ids = b->starts + starts;
    for (uint32_t row = 0; row <= rows; row++) {
        if ((row & ((1u << shift) - 1)) == 0)
            b->bases[row >> shift] = positions[row];
        if (shift)
            b->starts[row] =
                (uint16_t)(positions[row] - b->bases[row >> shift]);
    }
    return b;
}

static void put_id(forward_block *b, uint32_t at, uint32_t id)
{
    if (b->is_wide)
        ((uint32_t *)b->ids)[at] = id;
    else
        ((uint16_t *)b->ids)[at] = (uint16_t)id;
}

/* What is made of what. */
typedef struct making {
    const forward_block *from; /* NULL: of nothing */
    forward_making m;
    const forward_row **instead; /* by row; NULL: none has another list */
} making;

static const forward_row *instead_of(const making *k, uint32_t row)
{
    return k->instead ? k->instead[row] : NULL;
}

static bool is_dropped(const making *k, uint32_t id)
{
    return k->m.dropped && (k->m.dropped[id / 64] >> (id % 64)) & 1;
}

static uint32_t count_kept(const making *k, uint32_t row)
{
    const forward_row *other = instead_of(k, row);
    forward_list l;
    uint32_t n = 0;

    if (other)
        return other->n;
    if (!k->from)
        return 0;
    list_of(k->from, row, &l);
    if (!k->m.dropped)
        return l.n;
    for (uint32_t i = 0; i < l.n; i++)
        n += !is_dropped(k, forward_id(&l, i));
    return n;
}

static void copy_kept(const making *k, forward_block *b, uint32_t row,
                      uint32_t *position)
{
    const forward_row *other = instead_of(k, row);
    forward_list l;

    for (uint32_t i = 0; other && i < other->n; i++)
        put_id(b, (*position)++, other->ids[i]);
    if (other || !k->from)
        return;
    list_of(k->from, row, &l);
    if (!k->m.dropped && l.narrow && !b->is_wide) {
        memcpy((uint16_t *)b->ids + *position, l.narrow,
               l.n * sizeof *l.narrow);
        *position += l.n;
        return;
    }
    for (uint32_t i = 0; i < l.n; i++)
        if (!is_dropped(k, forward_id(&l, i)))
            put_id(b, (*position)++, forward_id(&l, i));
}

static bool is_large(const uint32_t *ids, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (ids[i] > UINT16_MAX)
            return true;
    return false;
}

static bool needs_wide(const making *k)
{
    const patch_table *t = k->from ? k->from->patches : NULL;
    bool large = k->from && k->from->is_wide;

    for (size_t i = 0; i < k->m.hit_count; i++)
        large |= k->m.hits[i].id > UINT16_MAX;
    for (size_t i = 0; i < k->m.instead_count; i++)
        large |= is_large(k->m.instead[i].ids, k->m.instead[i].n);
    for (uint32_t i = 0; t && i <= t->mask; i++)
        large |= t->slots[i] && is_large(t->slots[i]->ids, t->slots[i]->n);
    return large;
}

static void count_hits(const making *k, uint32_t *lengths)
{
    for (size_t i = 0; i < k->m.hit_count; i++) {
        const forward_hits *h = &k->m.hits[i];
        for (uint32_t r = 0; r < h->n; r++)
            lengths[h->rows[r]] += instead_of(k, h->rows[r]) == NULL;
    }
}

static void put_hits(const making *k, forward_block *b, uint32_t *positions)
{
    for (size_t i = 0; i < k->m.hit_count; i++) {
        const forward_hits *h = &k->m.hits[i];
        for (uint32_t r = 0; r < h->n; r++)
            if (!instead_of(k, h->rows[r]))
                put_id(b, positions[h->rows[r]]++, h->id);
    }
}

static forward_block *make_block(making *k)
{
    const uint32_t rows = k->m.rows;
    uint32_t *lengths = mem_zalloc((rows + 1) * sizeof *lengths);
    uint32_t *positions = mem_array(rows + 1, sizeof *positions);

    k->instead = k->m.instead_count > 0
                     ? mem_zalloc((rows + 1) * sizeof *k->instead)
                     : NULL;
    for (size_t i = 0; i < k->m.instead_count; i++)
        k->instead[k->m.instead[i].row] = &k->m.instead[i];
    for (uint32_t row = 0; row < rows; row++)
        lengths[row] = count_kept(k, row);
    count_hits(k, lengths);
    forward_block *b = shape_block(lengths, rows, needs_wide(k), positions);
    for (uint32_t row = 0; row < rows; row++)
        copy_kept(k, b, row, &positions[row]);
    put_hits(k, b, positions);
    b->since = k->m.epoch;
    b->hour = k->m.hour;
    b->with = k->m.with;
    mem_free(k->instead);
    mem_free(positions);
    mem_free(lengths);
    return b;
}

static void replace_block(forward *f, uint32_t number, forward_block *b)
{
    forward_block *former = f->blocks[number];

    if (former) {
        f->frozen -= former->until != FOREVER;
        show(&f->bytes, -(int64_t)former->bytes);
        show(&f->pairs, -(int64_t)former->pairs);
        if (former->patches)
            show(&f->patches, -(int64_t)former->patches->count);
    }
    show(&f->bytes, (int64_t)b->bytes);
    show(&f->pairs, b->pairs);
    STORE(f->blocks[number], b);
    f->retired_bytes += former ? former->bytes : 0;
    retire(f, RETIRED_BLOCK, former);
    if (number >= f->block_count)
        f->block_count = number + 1;
}

void forward_make(forward *f, uint32_t block, const forward_making *m)
{
    making k = {.from = m->dropped ? f->blocks[block] : NULL, .m = *m};

    ASSERT(block < BLOCKS_MAX && m->rows <= BLOCK_ROWS);
    replace_block(f, block, make_block(&k));
}

/* ---- patches ---- */

static void put_patch(patch_table *t, patch *p)
{
    uint32_t i = slot_of(t, p->row);
    while (t->slots[i])
        i = (i + 1) & t->mask;
    STORE(t->slots[i], p);
    t->count++;
}

static patch_table *table_new(uint32_t slots)
{
    patch_table *t =
        mem_zalloc(sizeof *t + (size_t)slots * sizeof t->slots[0]);
    t->mask = slots - 1;
    return t;
}

/* A table with room for one more. */
static patch_table *room_for_patch(forward *f, forward_block *b)
{
    patch_table *t = b->patches;

    if (t && 2 * (t->count + 1) <= t->mask + 1)
        return t;
    patch_table *larger = table_new(t ? 2 * (t->mask + 1) : TABLE_LEAST);
    for (uint32_t i = 0; t && i <= t->mask; i++)
        if (t->slots[i])
            put_patch(larger, t->slots[i]);
    const size_t more = (larger->mask + 1) * sizeof t->slots[0] / (t ? 2 : 1);
    b->bytes += more;
    show(&f->bytes, (int64_t)more);
    STORE(b->patches, larger);
    retire(f, RETIRED_TABLE, t);
    return larger;
}

/* Exchanges the row's patch, if it has one. */
static patch *exchange_patch(patch_table *t, patch *p)
{
    for (uint32_t i = slot_of(t, p->row); t->slots[i];
         i = (i + 1) & t->mask) {
        patch *former = t->slots[i];
        if (former->row == p->row) {
            STORE(t->slots[i], p);
            return former;
        }
    }
    return NULL;
}

void forward_patch(forward *f, uint32_t row, const uint32_t *ids, uint32_t n,
                   uint64_t epoch)
{
    forward_block *b = f->blocks[row / BLOCK_ROWS];
    patch *p = mem_alloc(sizeof *p + (size_t)n * sizeof p->ids[0]);

    ASSERT(b && b->until == FOREVER);
    p->epoch = epoch;
    p->row = (uint16_t)(row % BLOCK_ROWS);
    p->n = n;
    if (n > 0)
        memcpy(p->ids, ids, (size_t)n * sizeof *ids);
    patch_table *t = room_for_patch(f, b);
    patch *former = exchange_patch(t, p);
    int64_t bytes = (int64_t)(sizeof *p + (size_t)n * sizeof p->ids[0]);
    if (former) {
        bytes -= (int64_t)(sizeof *p + former->n * sizeof p->ids[0]);
        retire(f, RETIRED_PATCH, former);
    } else {
        put_patch(t, p);
        show(&f->patches, 1);
    }
    b->bytes += (size_t)bytes;
    show(&f->bytes, bytes);
}

/* Behind the last row that has a list or a patch. */
static uint32_t rows_of(const forward_block *b)
{
    uint32_t rows = b->rows;
    for (uint32_t i = 0; i <= b->patches->mask; i++) {
        const patch *p = b->patches->slots[i];
        if (p && p->row >= rows)
            rows = p->row + 1u;
    }
    return rows;
}

/* The block that follows with most patches; NULL when none has many. */
static const forward_block *most_patched(const forward *f, uint32_t *number)
{
    const forward_block *most = NULL;
    uint32_t count = PATCHES_MAX - 1;

    for (uint32_t i = 0; i < f->block_count; i++) {
        const forward_block *b = f->blocks[i];
        if (b && b->until == FOREVER && b->patches &&
            b->patches->count > count) {
            most = b;
            *number = i;
            count = b->patches->count;
        }
    }
    return most;
}

void forward_fold(forward *f, uint64_t epoch)
{
    uint32_t number = 0;
    const forward_block *from =
        f->retired_bytes < RETIRED_MAX ? most_patched(f, &number) : NULL;

    if (!from)
        return;
    making k = {.from = from,
                .m = {.rows = rows_of(from),
                      .with = from->with,
                      .epoch = epoch,
                      .hour = from->hour}};
    replace_block(f, number, make_block(&k));
}

/* ---- epochs and rosters ---- */

void forward_freeze(forward *f)
{
    for (uint32_t i = 0; i < f->block_count; i++)
        if (f->blocks[i] && f->blocks[i]->until == FOREVER) {
            STORE(f->blocks[i]->until, f->epoch);
            f->frozen++;
        }
}

uint32_t forward_blocks(const forward *f)
{
    return f->block_count;
}

bool forward_follows(const forward *f, uint32_t block)
{
    return block < f->block_count && f->blocks[block] &&
           f->blocks[block]->until == FOREVER;
}

void forward_advance(forward *f, uint64_t epoch)
{
    STORE(f->epoch, epoch);
    for (size_t i = 0; f->frozen == 0 && i < f->former_count; i++)
        retire(f, RETIRED_ROSTER, f->former[i]);
    if (f->frozen == 0)
        f->former_count = 0;
}

void forward_use(forward *f, roster *take_roster)
{
    if (f->with) {
        mem_grow(&f->former, &f->former_capacity, f->former_count + 1,
                 sizeof *f->former);
        f->former[f->former_count++] = f->with;
    }
    f->with = take_roster;
    for (uint32_t i = 0; i < f->block_count; i++)
        if (forward_follows(f, i))
            STORE(f->blocks[i]->with, take_roster);
}

const roster *forward_roster(const forward *f)
{
    return f->with;
}

void forward_stats_get(const forward *f, forward_stats *out)
{
    *out = (forward_stats){
        .bytes = __atomic_load_n(&f->bytes, __ATOMIC_RELAXED),
        .pairs = __atomic_load_n(&f->pairs, __ATOMIC_RELAXED),
        .patches = __atomic_load_n(&f->patches, __ATOMIC_RELAXED),
        .epoch = LOAD(f->epoch),
    };
}
