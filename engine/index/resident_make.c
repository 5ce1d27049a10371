/*
 * resident_make.c - making the forms of resident.h from a layer's planes,
 * block by block.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/formula_parts.h"
#include "index/resident.h"

#include <stdlib.h>

#include "base/base.h"

#define SLICES_MAX 16u
/* Sums of codes that a form keeps, 4 bytes each. */
#define SUMS_MAX ((uint64_t)1 << 18)
/* Slices take the place of planes with this many rows a block or more, on
 * average; what is rarer is met faster as arrays. */
#define SLICED_ROWS 1024u

static uint32_t blocks_of(const plane_view *v)
{
    uint32_t last;
    if (v->n == 0)
        return 0;
    view_container(v, v->n - 1, &last);
    return last + 1;
}

/* ---- planes ---- */

/* Runs of fewer rows than this are better listed row by row. */
#define RUN_ROWS 3u

/* Runs as an array, in memory of the form. */
static block_ref make_array(resident_form *form, block_ref in, uint32_t rows)
{
    uint16_t *out = arena_alloc(&form->rows, rows * sizeof *out);
    return (block_ref){BLOCK_ARRAY, block_rows(in, out), out};
}

/* How a container is read best: where it lies, listed, or as words in a slot.
 */
static bool make_set(resident_form *form, block_ref in, uint32_t rows,
                     block_ref *out)
{
    *out = in;
    if (in.type == BLOCK_FULL || in.type == BLOCK_EMPTY ||
        (in.type == BLOCK_RUN && in.n <= RUNS_LIGHT &&
         rows >= in.n * RUN_ROWS))
        return true;
    if (rows <= ROWS_LIGHT) {
        if (in.type == BLOCK_RUN)
            *out = make_array(form, in, rows);
        return true;
    }
    block_buf *slot = resident_slot(form);
    if (!slot)
        return false;
    block_expand(in, slot);
    *out = (block_ref){BLOCK_BITSET, rows, slot->words};
    return true;
}

static bool make_plane(const index_layer *l, resident_form *form)
{
    const layer_entry *e = layer_find(l, &form->key);
    if (!e || !layer_is_sound(l, e))
        return false;
    const plane_view v = layer_view(l, e);

    form->slices = 1;
    form->blocks = blocks_of(&v);
    form->sets = mem_array(form->blocks, sizeof *form->sets);
    for (uint32_t i = 0; i < v.n; i++) {
        uint32_t block;
        const block_ref in = view_container(&v, i, &block);
        if (!make_set(form, in, block_count(in), &form->sets[block]))
            return false;
    }
    return true;
}

/* ---- slices ---- */

/* Planes whose rows get a code. */
typedef struct coded_plane {
    plane_view view;
    uint32_t hint;
    uint32_t code;
    uint32_t value;
    uint64_t rows;
} coded_plane;

typedef struct coded_planes {
    coded_plane *items;
    size_t count;
    size_t capacity;
    uint64_t rows;
} coded_planes;

static void add_plane(coded_planes *list, const index_layer *l,
                      const layer_entry *e, uint32_t value)
{
    mem_grow(&list->items, &list->capacity, list->count + 1,
             sizeof *list->items);
    list->items[list->count++] =
        (coded_plane){layer_view(l, e), 0, 0, value, e->count};
    list->rows += e->count;
}

/* Slices of one block in registers: of each row the code of the last plane
 * that has it. */
static uint32_t write_codes(coded_planes *list, uint32_t block,
                            uint32_t slices, block_buf *out, block_buf *tmp)
{
    uint32_t planes = 0;

    for (size_t i = 0; i < list->count; i++) {
        coded_plane *p = &list->items[i];
        const block_ref set = view_block(&p->view, block, &p->hint);
        if (set.type == BLOCK_EMPTY)
            continue;
        if (planes++ == 0)
            for (uint32_t s = 0; s < slices; s++)
                block_clear(&out[s]);
        block_ref in = set;
        if (set.type != BLOCK_ARRAY)
            in = (block_ref){BLOCK_BITSET, BLOCK_UNKNOWN,
                             block_words(set, tmp)};
        for (uint32_t s = 0; s < slices; s++) {
            if ((p->code >> s) & 1)
                block_or_into(&out[s], in);
            else if (planes > 1)
                block_andnot_into(&out[s], in);
        }
    }
    return planes;
}

/* One block's slices, each to its slot. */
static void keep_codes(resident_form *form, uint32_t block,
                       const block_buf *bufs)
{
    for (uint32_t s = 0; s < form->slices; s++) {
        const size_t at = (size_t)s * form->blocks + block;
        const uint32_t rows = words_get()->count(bufs[s].words);
        block_buf *slot = form->slots[at];
        if (rows == 0)
            continue;
        memcpy(slot->words, bufs[s].words, sizeof slot->words);
        form->sets[at] = (block_ref){BLOCK_BITSET, rows, slot->words};
    }
}

/* Rows with codes 1 to c in each block, for each c. */
static void sum_codes(resident_form *form)
{
    const uint32_t room = form->count + 1;
    columns_operand slices[SLICES_MAX];
    columns_step range = {.op = COLUMNS_RANGE, .plain = form->slices,
                          .low = 1};
    const columns_run run = {&range, 1, slices};
    static const block_buf no_rows;

    if ((uint64_t)form->blocks * room > SUMS_MAX)
        return;
    form->sums = mem_array((size_t)form->blocks * room, sizeof *form->sums);
    for (uint32_t b = 0; b < form->blocks; b++) {
        for (uint32_t s = 0; s < form->slices; s++) {
            const block_ref *set = &form->sets[(size_t)s * form->blocks + b];
            slices[s] = (columns_operand){
                set->type == BLOCK_EMPTY ? no_rows.words : set->data,
                STRIP_WORDS};
        }
        for (uint32_t c = 1; c < room; c++) {
            range.high = c;
            form->sums[(size_t)b * room + c] =
                words_get()->columns_count(&run, 0, STRIPS);
        }
    }
}

static bool make_slices(resident_form *form, coded_planes *list, uint32_t top)
{
    form->slices = 32 - (uint32_t)__builtin_clz(top);
    for (size_t i = 0; i < list->count; i++) {
        const uint32_t n = blocks_of(&list->items[i].view);
        form->blocks = n > form->blocks ? n : form->blocks;
    }
    if (form->slices > SLICES_MAX ||
        list->rows < (uint64_t)form->blocks * SLICED_ROWS)
        return false;
    const size_t sets = (size_t)form->slices * form->blocks;
    /* a slice's blocks lie one behind the other, as they are read */
    for (size_t i = 0; i < sets; i++)
        if (!resident_slot(form))
            return false;
    form->sets = mem_array(sets, sizeof *form->sets);
    block_buf *bufs = mem_scratch((form->slices + 1) * sizeof *bufs);
    for (uint32_t b = 0; b < form->blocks; b++)
        if (write_codes(list, b, form->slices, bufs, &bufs[form->slices]))
            keep_codes(form, b, bufs);
    mem_scratch_free(bufs);
    resident_trim(form);
    sum_codes(form);
    return true;
}

static bool make_ages(const index_layer *l, resident_form *form)
{
    coded_planes list = {0};
    plane_key from = form->key;
    uint32_t code = 0;
    bool sound = true;

    from.bucket = 0;
    for (size_t i = layer_seek(l, &from); i < l->count; i++) {
        const layer_entry *e = &l->entries[i];
        if (e->key.attribute != from.attribute ||
            e->key.provider != from.provider || e->key.value != from.value)
            break;
        sound &= layer_is_sound(l, e);
        if (e->key.role == ROLE_SEEN)
            add_plane(&list, l, e, e->key.bucket);
    }
    bool made = sound && list.count > 0;
    if (made) {
        form->count = (uint32_t)list.count;
        form->values = mem_array(list.count, sizeof *form->values);
        for (size_t i = 0; i < list.count; i++) {
            list.items[i].code = ++code;
            form->values[i] = list.items[i].value;
        }
        made = make_slices(form, &list, code);
    }
    mem_free(list.items);
    return made;
}

typedef struct value_rows {
    uint32_t value;
    uint32_t code;
    uint64_t rows;
} value_rows;

static int by_rows(const void *a, const void *b)
{
    const value_rows *x = a;
    const value_rows *y = b;
    if (x->rows != y->rows)
        return x->rows > y->rows ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

static int by_value(const void *a, const void *b)
{
    const value_rows *x = a;
    const value_rows *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* Codes by size, so that values of similar size are neighbours; planes of one
 * value (by expiry) have one code. The list comes ascending by value. */
static uint32_t give_codes(resident_form *form, coded_planes *list)
{
    value_rows *values = mem_array(list->count, sizeof *values);
    uint32_t n = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (n == 0 || values[n - 1].value != list->items[i].value)
            values[n++] = (value_rows){list->items[i].value, 0, 0};
        values[n - 1].rows += list->items[i].rows;
    }
    qsort(values, n, sizeof *values, by_rows);
    for (uint32_t i = 0; i < n; i++)
        values[i].code = i + 1;
    qsort(values, n, sizeof *values, by_value);
    form->count = n;
    form->values = mem_array(n, sizeof *form->values);
    form->codes = mem_array(n, sizeof *form->codes);
    for (uint32_t i = 0; i < n; i++) {
        form->values[i] = values[i].value;
        form->codes[i] = values[i].code;
    }
    for (size_t i = 0, v = 0; i < list->count; i++) {
        while (form->values[v] != list->items[i].value)
            v++;
        list->items[i].code = form->codes[v];
    }
    mem_free(values);
    return n;
}

static bool make_codes(const index_layer *l, resident_form *form)
{
    coded_planes list = {0};
    size_t first;
    size_t end;

    bool sound = true;

    layer_group(l, form->key.attribute, form->key.provider, &first, &end);
    form->first_bucket = INDEX_NEVER;
    for (size_t i = first; i < end; i++) {
        const plane_key *key = &l->entries[i].key;
        sound &= layer_is_sound(l, &l->entries[i]);
        if (key->role != ROLE_SET)
            continue;
        add_plane(&list, l, &l->entries[i], key->value);
        if (key->bucket < form->first_bucket)
            form->first_bucket = key->bucket;
    }
    const bool made = sound && list.count > 0 &&
                      make_slices(form, &list, give_codes(form, &list));
    mem_free(list.items);
    return made;
}

bool resident_make(const index_layer *l, resident_form *form)
{
    switch (form->kind) {
    case FORM_PLANE:
        return make_plane(l, form);
    case FORM_CODES:
        return make_codes(l, form);
    case FORM_AGES:
        return make_ages(l, form);
    }
    return false;
}
