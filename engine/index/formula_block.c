/*
 * formula_block.c - a formula bound to one block: what is known goes away,
 * short lists are asked row by row, the rest becomes column steps.
 *
 * Binding a part gives a set (nobody, all, an array, runs, or words of a plane
 * where they lie) or a step whose strip later steps read. A part is bound once
 * a block. Steps that a shorter way has made superfluous are taken back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/formula_parts.h"
#include "index/resident.h"

#include "base/base.h"

/* ---- frames ---- */

/* Steps there may be at once: one a part that is put together, and one more
 * for each operand of a number, which cannot be read flipped. */
static size_t steps_of(const formula *f)
{
    size_t n = 1;

    for (uint32_t i = 0; i < f->count; i++) {
        const part *p = &f->parts[i];
        if (p->type == PART_AND || p->type == PART_OR)
            n++;
        else if (p->type == PART_TALLY || p->type == PART_RANGE)
            n += 1 + (size_t)p->count;
    }
    return n;
}

formula_frame *formula_frame_new(const formula *f)
{
    formula_frame *x;
    const size_t head = (sizeof(formula_frame) + 63) / 64 * 64;
    const size_t steps = steps_of(f);
    const size_t operands = 2 * (size_t)f->child_count + 1;
    const size_t bytes = steps * sizeof *x->strips +
                         steps * sizeof *x->steps +
                         operands * sizeof *x->operands +
                         f->count * (sizeof *x->values + sizeof *x->bound) +
                         f->child_count * (sizeof *x->list +
                                           sizeof *x->spare) +
                         f->plane_count * sizeof *x->hints +
                         f->leaf_count * sizeof *x->cursors;

    x = mem_scratch(head + bytes);
    memset(x, 0, sizeof *x);
    x->f = f;
    x->sliver = NO_SLIVER;
    x->strips = (uint64_t(*)[STRIP_WORDS])((uint8_t *)x + head);
    x->steps = (columns_step *)(x->strips + steps);
    x->operands = (columns_operand *)(x->steps + steps);
    x->spare = x->operands + operands;
    x->values = (block_ref *)(x->spare + f->child_count);
    x->list = x->values + f->count;
    x->cursors = (leaf_cursor **)(x->list + f->child_count);
    x->bound = (uint32_t *)(x->cursors + f->leaf_count);
    x->hints = x->bound + f->count;
    memset(x->bound, 0,
           ((size_t)f->count + f->plane_count) * sizeof *x->bound);
    for (uint32_t i = 0; i < f->leaf_count; i++)
        x->cursors[i] = leaf_cursor_new(f->leaves[i]);
    return x;
}

void formula_frame_free(formula_frame *x)
{
    if (!x)
        return;
    for (uint32_t i = 0; i < x->f->leaf_count; i++)
        leaf_cursor_free(x->cursors[i]);
    for (uint32_t i = 0; i < x->buf_made; i++)
        mem_scratch_free(x->bufs[i]);
    mem_free(x->bufs);
    mem_scratch_free(x);
}

block_buf *frame_buf(formula_frame *x)
{
    if (x->buf_count == x->buf_made) {
        mem_grow(&x->bufs, &x->buf_capacity, x->buf_made + 1,
                 sizeof *x->bufs);
        x->bufs[x->buf_made++] = mem_scratch(sizeof(block_buf));
    }
    return x->bufs[x->buf_count++];
}

static block_ref bind_other(formula_frame *x, uint32_t number);

static inline block_ref plane_set(formula_frame *x, uint32_t plane)
{
    const plane_view *v = &x->f->planes[plane];
    block_ref set = block_empty();

    if (!v->sets)
        set = view_block(v, x->block, &x->hints[plane]);
    else if (x->block < v->blocks)
        set = v->sets[x->block];
    return x->sliver == NO_SLIVER ? set : sliver_cut(x, set);
}

/* What a part holds. Planes are looked up again wherever they occur. */
static inline block_ref bind(formula_frame *x, formula_part p)
{
    const part *it = &x->f->parts[p >> 1];

    return it->type == PART_PLANE ? plane_set(x, it->first)
                                  : bind_other(x, p >> 1);
}

block_ref part_set(formula_frame *x, formula_part p)
{
    return bind(x, p);
}

/* ---- steps ---- */

static inline block_ref as_value(const columns_step *s)
{
    return (block_ref){BLOCK_STRIP, 0, s};
}

static const columns_step *step_of(block_ref v)
{
    return v.data;
}

/* The words of a set, where the frame is asked for any. */
static inline void expand(formula_frame *x, block_ref v, block_buf *buf)
{
    if (x->sliver == NO_SLIVER) {
        block_expand(v, buf);
    } else {
        x->cuts++; /* the words of this sliver alone */
        sliver_expand(x, v, buf);
    }
}

/* As words: a plane's own, a step's strip, or written to a register. */
static inline columns_operand operand_of(formula_frame *x, block_ref v)
{
    if (v.type == BLOCK_BITSET)
        return (columns_operand){v.data, STRIP_WORDS};
    if (v.type == BLOCK_STRIP)
        return (columns_operand){(const column_word *)step_of(v)->to, 0};
    block_buf *buf = frame_buf(x);
    expand(x, v, buf);
    return (columns_operand){buf->words, STRIP_WORDS};
}

static columns_step *begin_step(formula_frame *x, columns_op op)
{
    columns_step *s = &x->steps[x->step_count];
    *s = (columns_step){.op = op, .first = x->operand_count};
    s->to = x->strips[x->step_count];
    x->step_count++;
    return s;
}

static void take_back(formula_frame *x, uint32_t step_count,
                      uint32_t operand_count)
{
    if (x->step_count == step_count)
        return;
    /* whatever has one of these steps is bound again if it is asked again */
    for (uint32_t i = 0; i < x->f->count; i++)
        if (x->bound[i] == x->asked && x->values[i].type == BLOCK_STRIP &&
            step_of(x->values[i]) >= &x->steps[step_count])
            x->bound[i] = 0;
    x->step_count = step_count;
    x->operand_count = operand_count;
}

columns_run run_to(const formula_frame *x, block_ref v)
{
    return (columns_run){x->steps, (uint32_t)(step_of(v) - x->steps) + 1,
                         x->operands};
}

/* A set of its own, whatever it is. */
static block_ref materialise(formula_frame *x, block_ref v)
{
    if (v.type != BLOCK_STRIP)
        return v;
    const columns_run run = run_to(x, v);
    block_buf *buf = frame_buf(x);
    const bool any =
        x->sliver == NO_SLIVER
            ? words_get()->columns_store(&run, buf->words)
            : words_get()->columns_sliver(&run, x->sliver,
                                          sliver_of(x, buf->words)) > 0;
    return any ? block_bits(buf) : block_empty();
}

/* ---- and ---- */

/* Children of a chain that still say something. */
typedef struct gathered {
    uint32_t first; /* in the frame's list; flipped ones at the end */
    uint32_t plain;
    uint32_t flipped;
} gathered;

static bool is_shorter(block_ref v, block_ref driver)
{
    return v.type == BLOCK_ARRAY && v.n <= ROWS_MAX &&
           (driver.type != BLOCK_ARRAY || v.n < driver.n);
}

static bool is_driver(formula_frame *x, formula_part p,
                      block_ref driver)
{
    if (is_flipped(p))
        return false;
    if (part_of(x->f, p)->type == PART_PLANE)
        return bind(x, p).data == driver.data;
    return x->bound[p >> 1] == x->asked &&
           x->values[p >> 1].data == driver.data;
}

/* The rows of `driver` for which every child holds. */
static block_ref and_rows(formula_frame *x, const part *p, block_ref driver,
                           bool count_only)
{
    const formula_part *children = &x->f->children[p->first];
    uint64_t mask[MASK_WORDS];
    uint64_t next[MASK_WORDS];
    const row_in *rows = driver.data;
    const uint32_t words = (driver.n + 63) / 64;
    uint32_t n = 0;

    memset(mask, 0xff, sizeof mask);
    if (driver.n & 63)
        mask[words - 1] = ((uint64_t)1 << (driver.n & 63)) - 1;
    for (uint32_t c = 0; c < p->count; c++) {
        uint64_t any = 0;
        if (is_driver(x, children[c], driver))
            continue;
        part_mask(x, children[c], rows, driver.n, next);
        for (uint32_t i = 0; i < words; i++)
            any |= mask[i] &= is_flipped(children[c]) ? ~next[i] : next[i];
        if (!any)
            return block_empty();
    }
    if (count_only) {
        for (uint32_t i = 0; i < words; i++)
            n += (uint32_t)__builtin_popcountll(mask[i]);
        return (block_ref){BLOCK_ARRAY, n, NULL};
    }
    uint16_t *out = (uint16_t *)frame_buf(x)->words;
    for (uint32_t i = 0; i < words; i++)
        for (uint64_t w = mask[i]; w; w &= w - 1)
            out[n++] = rows[i * 64 + (uint32_t)__builtin_ctzll(w)];
    return (block_ref){BLOCK_ARRAY, n, out};
}

/* Chains of runs alone are met as runs. */
static bool and_runs(formula_frame *x, const gathered *g, block_ref *out)
{
    const block_ref *v = &x->list[g->first];
    const uint32_t n = g->plain + g->flipped;
    block_buf *bufs[2];

    if (g->plain == 0)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (v[i].type != BLOCK_RUN)
            return false;
    bufs[0] = frame_buf(x);
    bufs[1] = frame_buf(x);
    block_ref set = v[0];
    for (uint32_t i = 1; i < n && set.type != BLOCK_EMPTY; i++)
        set = i < g->plain ? block_and(set, v[i], bufs[i & 1])
                           : block_andnot(set, v[i], bufs[i & 1]);
    *out = set;
    return true;
}

/* Makes a step of what was gathered. */
static block_ref put_chain(formula_frame *x, columns_op op,
                            const gathered *g)
{
    const block_ref *v = &x->list[g->first];

    if (g->plain == 1 && g->flipped == 0)
        return v[0];
    columns_operand *o = &x->operands[x->operand_count];
    for (uint32_t i = 0; i < g->plain + g->flipped; i++)
        o[i] = operand_of(x, v[i]);
    columns_step *s = begin_step(x, op);
    s->plain = g->plain;
    s->flipped = g->flipped;
    x->operand_count += g->plain + g->flipped;
    return as_value(s);
}

/* Flipped values are kept behind the plain ones, which come first wherever a
 * chain is sorted so; a late plain one changes places. */
static inline void gather(formula_frame *x, gathered *g, block_ref v,
                          bool flipped)
{
    block_ref *list = &x->list[g->first];
    const uint32_t n = g->plain + g->flipped;

    list[n] = v;
    x->list_count = g->first + n + 1;
    if (flipped) {
        g->flipped++;
        return;
    }
    list[n] = list[g->plain];
    list[g->plain++] = v;
}

static block_ref bind_and(formula_frame *x, const part *p, bool count_only)
{
    const uint32_t step_count = x->step_count;
    const uint32_t operand_count = x->operand_count;
    const formula_part *children = &x->f->children[p->first];
    gathered g = {x->list_count, 0, 0};
    block_ref driver = block_empty();
    block_ref out;
    uint32_t c = 0;

    for (; c < p->count; c++) {
        const bool flipped = is_flipped(children[c]);
        if (driver.type == BLOCK_ARRAY &&
            part_of(x->f, children[c])->type != PART_PLANE)
            break; /* need not be known for the whole block */
        const block_ref v = bind(x, children[c]);
        if (v.type == (flipped ? BLOCK_FULL : BLOCK_EMPTY)) {
            take_back(x, step_count, operand_count);
            x->list_count = g.first;
            return block_empty();
        }
        if (v.type == (flipped ? BLOCK_EMPTY : BLOCK_FULL))
            continue;
        gather(x, &g, v, flipped);
        if (!flipped && is_shorter(v, driver))
            driver = v;
    }
    if (driver.type == BLOCK_ARRAY &&
        (g.plain + g.flipped > 1 || c < p->count)) {
        take_back(x, step_count, operand_count);
        out = and_rows(x, p, driver, count_only);
    } else if (g.plain + g.flipped == 0) {
        out = block_full();
    } else if (!and_runs(x, &g, &out)) {
        out = put_chain(x, COLUMNS_AND, &g);
    }
    x->list_count = g.first;
    return out;
}

/* ---- or ---- */

/* Lists that are merged one into the other; more go through words. */
#define PAIRWISE 4u

/* Arrays and runs become one set of words, an array when they are short. */
static void join_light(formula_frame *x, block_ref *light, uint32_t n)
{
    uint64_t rows = 0;

    for (uint32_t i = 0; i < n; i++)
        rows += light[i].type == BLOCK_ARRAY ? light[i].n : BLOCK_ROWS;
    if (n == 1)
        return;
    if (rows <= ROWS_MAX && n <= PAIRWISE) {
        block_buf *bufs[2] = {frame_buf(x), frame_buf(x)};
        for (uint32_t i = 1; i < n; i++)
            light[0] = block_or(light[0], light[i], bufs[i & 1]);
        return;
    }
    block_buf *buf = frame_buf(x);
    expand(x, light[0], buf);
    for (uint32_t i = 1; i < n; i++)
        block_or_into(buf, light[i]);
    light[0] = block_bits(buf);
    if (rows <= ROWS_MAX && x->sliver == NO_SLIVER) {
        uint16_t *out = (uint16_t *)frame_buf(x)->words;
        light[0] = (block_ref){BLOCK_ARRAY, block_rows(light[0], out), out};
    }
}

static bool is_light(block_ref v)
{
    return v.type == BLOCK_ARRAY || v.type == BLOCK_RUN;
}

/* Of so many planes the largest may hold everybody already: then the others
 * need not be read. */
#define WIDE 32u
#define LARGEST 8u

static uint32_t rows_here(const formula_frame *x)
{
    const uint32_t first = x->block * BLOCK_ROWS;
    const uint32_t rows = x->f->rows > first ? x->f->rows - first : 0;
    return rows < BLOCK_ROWS ? rows : BLOCK_ROWS;
}

/* The union of LARGEST planes, when it is everybody. */
static bool or_is_full(formula_frame *x, const columns_operand *largest,
                       block_ref *out)
{
    const columns_step s = {.op = COLUMNS_OR, .plain = LARGEST};
    const columns_run run = {&s, 1, largest};
    const uint32_t rows = words_get()->columns_count(&run, 0, STRIPS);

    if (rows != rows_here(x))
        return false;
    block_buf *buf = frame_buf(x);
    words_get()->columns_store(&run, buf->words);
    *out = (block_ref){BLOCK_BITSET, rows, buf->words};
    return true;
}

static block_ref bind_or(formula_frame *x, const part *p)
{
    const uint32_t step_count = x->step_count;
    const uint32_t operand_count = x->operand_count;
    const formula_part *children = &x->f->children[p->first];
    gathered g = {x->list_count, 0, 0};
    uint32_t light = 0; /* the first of the plain ones */
    columns_operand largest[LARGEST];
    uint32_t dense = 0;
    block_ref out = block_empty();

    for (uint32_t c = 0; c < p->count; c++) {
        const bool flipped = is_flipped(children[c]);
        const block_ref v = bind(x, children[c]);
        if (v.type == (flipped ? BLOCK_EMPTY : BLOCK_FULL)) {
            take_back(x, step_count, operand_count);
            x->list_count = g.first;
            return block_full();
        }
        if (v.type == (flipped ? BLOCK_FULL : BLOCK_EMPTY))
            continue;
        gather(x, &g, v, flipped);
        if (x->sliver == NO_SLIVER && !flipped && p->count >= WIDE &&
            v.type == BLOCK_BITSET && dense < LARGEST) {
            largest[dense++] = (columns_operand){v.data, STRIP_WORDS};
            if (dense == LARGEST && or_is_full(x, largest, &out)) {
                take_back(x, step_count, operand_count);
                x->list_count = g.first;
                return out;
            }
        }
        if (!flipped && is_light(v)) {
            block_ref *list = &x->list[g.first];
            const block_ref last = list[g.plain - 1];
            list[g.plain - 1] = list[light];
            list[light++] = last;
        }
    }
    if (light > 1) { /* they become the first one */
        block_ref *list = &x->list[g.first];
        join_light(x, list, light);
        memmove(list + 1, list + light,
                (g.plain + g.flipped - light) * sizeof *list);
        g.plain -= light - 1;
    }
    if (g.plain + g.flipped > 0)
        out = put_chain(x, COLUMNS_OR, &g);
    x->list_count = g.first;
    return out;
}

/* ---- numbers ---- */

/* A step with one operand, flipped: where only plain ones can stand. */
static columns_operand put_flipped(formula_frame *x, block_ref v)
{
    const columns_operand in = operand_of(x, v);
    columns_step *s = begin_step(x, COLUMNS_AND);
    s->flipped = 1;
    x->operands[x->operand_count++] = in;
    return (columns_operand){(const column_word *)s->to, 0};
}

/* Gathers the operands of a tally; returns how many children hold for all. */
static uint64_t tally_gather(formula_frame *x, const part *p, gathered *g)
{
    uint64_t sure = 0;

    for (uint32_t c = 0; c < p->count; c++) {
        const formula_part child = x->f->children[p->first + c];
        const block_ref v = bind(x, child);
        if (v.type == (is_flipped(child) ? BLOCK_EMPTY : BLOCK_FULL))
            sure++;
        else if (v.type != (is_flipped(child) ? BLOCK_FULL : BLOCK_EMPTY))
            gather(x, g, v, is_flipped(child));
    }
    return sure;
}

static block_ref bind_tally(formula_frame *x, const part *p)
{
    const uint32_t step_count = x->step_count;
    const uint32_t operand_count = x->operand_count;
    gathered g = {x->list_count, 0, 0};
    const uint64_t sure = tally_gather(x, p, &g);
    const uint32_t n = g.plain + g.flipped;
    const uint64_t low = p->low > sure ? p->low - sure : 0;
    block_ref out = block_empty();

    if (p->high < sure || low > n) {
        take_back(x, step_count, operand_count);
    } else if (low == 0 && p->high - sure >= n) {
        take_back(x, step_count, operand_count);
        out = block_full();
    } else {
        const block_ref *v = &x->list[g.first];
        columns_operand *few = x->spare;
        for (uint32_t i = 0; i < n; i++)
            few[i] = i < g.plain ? operand_of(x, v[i])
                                 : put_flipped(x, v[i]);
        columns_step *s = begin_step(x, COLUMNS_TALLY);
        s->plain = n;
        s->low = low;
        s->high = p->high - sure;
        memcpy(&x->operands[s->first], few, n * sizeof *few);
        x->operand_count += n;
        out = as_value(s);
    }
    x->list_count = g.first;
    return out;
}

/* The sums of a form know how many there are. */
static bool count_codes(const formula_frame *x, const part *p, block_ref *out)
{
    const resident_form *form = p->payload;

    if (!form || !form->sums)
        return false;
    const uint32_t n = resident_sum(form, x->block, p->low, p->high);
    *out = n > 0 ? (block_ref){BLOCK_ARRAY, n, NULL} : block_empty();
    return true;
}

static block_ref bind_range(formula_frame *x, const part *p)
{
    static const uint64_t no_rows[STRIP_WORDS] __attribute__((aligned(64)));
    const formula_part *bits = &x->f->children[p->first];
    uint64_t sure = 0; /* the number when no bit is open */
    bool open = false;

    for (uint32_t c = 0; c < p->count; c++) {
        const block_ref v = bind(x, bits[c]);
        const bool flipped = is_flipped(bits[c]);
        if (v.type == (flipped ? BLOCK_EMPTY : BLOCK_FULL))
            sure |= (uint64_t)1 << c;
        else if (v.type != (flipped ? BLOCK_FULL : BLOCK_EMPTY))
            open = true;
    }
    if (!open)
        return sure >= p->low && sure <= p->high ? block_full()
                                                 : block_empty();
    for (uint32_t c = 0; c < p->count; c++) {
        const block_ref v = bind(x, bits[c]);
        if (is_flipped(bits[c]))
            x->spare[c] = put_flipped(x, v);
        else if (v.type == BLOCK_EMPTY)
            x->spare[c] = (columns_operand){no_rows, 0};
        else
            x->spare[c] = operand_of(x, v);
    }
    columns_step *s = begin_step(x, COLUMNS_RANGE);
    s->plain = p->count;
    s->low = p->low;
    s->high = p->high;
    memcpy(&x->operands[s->first], x->spare, p->count * sizeof *x->spare);
    x->operand_count += p->count;
    return as_value(s);
}

/* ---- any part ---- */

static block_ref bind_filter(formula_frame *x, const part *p)
{
    const uint32_t step_count = x->step_count;
    const uint32_t operand_count = x->operand_count;
    const formula_part child = x->f->children[p->first];
    block_buf *in = frame_buf(x);
    block_buf *out = frame_buf(x);
    const bool whole = x->sliver == NO_SLIVER;
    const uint32_t first = whole ? 0 : x->sliver * SLIVER_WORDS;
    const uint32_t end = whole ? WORDS : first + SLIVER_WORDS;
    uint32_t kept = 0;

    x->cuts++; /* what is kept is the sliver's */
    expand(x, materialise(x, bind(x, child)), in);
    take_back(x, step_count, operand_count);
    for (uint32_t i = first; i < end; i++) {
        uint64_t keep = 0;
        const uint64_t words = is_flipped(child) ? ~in->words[i]
                                                 : in->words[i];
        for (uint64_t w = words; w; w &= w - 1) {
            const uint32_t bit = (uint32_t)__builtin_ctzll(w);
            const uint32_t row = x->block * BLOCK_ROWS + i * 64 + bit;
            if (p->keep(p->payload, row))
                keep |= (uint64_t)1 << bit;
        }
        out->words[i] = keep;
        kept += (uint32_t)__builtin_popcountll(keep);
    }
    return (block_ref){kept ? BLOCK_BITSET : BLOCK_EMPTY, kept, out->words};
}

static block_ref bind_any(formula_frame *x, const part *p, bool count_only)
{
    block_ref out;

    switch (p->type) {
    case PART_NOBODY:
        break;
    case PART_PLANE:
        return plane_set(x, p->first);
    case PART_LEAF:
        return index_leaf_block(x->f->leaves[p->first],
                                x->cursors[p->first], x->block,
                                frame_buf(x));
    case PART_AND:
        return bind_and(x, p, count_only);
    case PART_OR:
        return bind_or(x, p);
    case PART_TALLY:
        return bind_tally(x, p);
    case PART_RANGE:
        if (count_only && count_codes(x, p, &out))
            return out;
        return bind_range(x, p);
    case PART_FILTER:
        return bind_filter(x, p);
    }
    return block_empty();
}

static block_ref bind_other(formula_frame *x, uint32_t number)
{
    if (x->bound[number] != x->asked) {
        x->values[number] = bind_any(x, &x->f->parts[number], false);
        x->bound[number] = x->asked;
    }
    return x->values[number];
}

/* ---- asking ---- */

static inline block_ref bind_root(formula_frame *x, uint32_t block,
                                  bool count_only)
{
    const formula_part root = x->f->root;

    x->block = block;
    x->asked++;
    x->step_count = x->operand_count = 0;
    x->buf_count = x->list_count = 0;
    return bind_any(x, part_of(x->f, root), count_only && !is_flipped(root));
}

block_ref sliver_bind(formula_frame *x, uint32_t block)
{
    return bind_root(x, block, false); /* sums are of whole blocks */
}

/* Blocks that are met in one go; the sums of columns_count bear 7. */
#define TOGETHER 4u

/* The words of a child in a block, when it is a resident plane's. */
static inline const void *words_in(const formula *f, formula_part p,
                                   uint32_t block)
{
    const part *child = part_of(f, p);

    if (child->type != PART_PLANE)
        return NULL;
    const plane_view *v = &f->planes[child->first];
    if (!v->sets || block >= v->blocks ||
        v->sets[block].type != BLOCK_BITSET)
        return NULL;
    return v->sets[block].data;
}

/* Blocks from `block` on, before `end`, in which each child's words go on
 * behind those of the block before; at least 1. */
static uint32_t words_go_on(const formula_frame *x, const part *p,
                            uint32_t block, uint32_t end)
{
    const formula_part *children = &x->f->children[p->first];
    uint32_t n = 1;

    for (; n < TOGETHER && block + n < end; n++)
        for (uint32_t c = 0; c < p->count; c++)
            if ((const column_word *)words_in(x->f, children[c], block + n) !=
                x->operands[c].at + (size_t)n * WORDS)
                return n;
    return n;
}

/* A chain of planes that are all words needs no binding. Returns the blocks
 * that are counted, 0 when they cannot be. */
static uint32_t count_words(formula_frame *x, uint32_t block, uint32_t end,
                            uint64_t *n)
{
    const formula *f = x->f;
    const part *p = part_of(f, f->root);
    const formula_part *children = &f->children[p->first];

    if (is_flipped(f->root) || p->type != PART_AND)
        return 0;
    for (uint32_t c = 0; c < p->count; c++) {
        const void *words = words_in(f, children[c], block);
        if (!words)
            return 0;
        x->operands[c] = (columns_operand){words, STRIP_WORDS};
    }
    /* planes that are not flipped stand first */
    columns_step *s = &x->steps[0];
    *s = (columns_step){.op = COLUMNS_AND};
    while (s->plain < p->count && !is_flipped(children[s->plain]))
        s->plain++;
    s->flipped = p->count - s->plain;
    const uint32_t blocks = words_go_on(x, p, block, end);
    const columns_run run = {s, 1, x->operands};
    *n += words_get()->columns_count(&run, 0, blocks * STRIPS);
    return blocks;
}

static uint32_t count_bound(formula_frame *x, uint32_t block)
{
    const block_ref v = bind_root(x, block, true);
    uint32_t n;

    if (v.type == BLOCK_STRIP) {
        const columns_run run = run_to(x, v);
        n = words_get()->columns_count(&run, 0, STRIPS);
    } else {
        n = block_count(v);
    }
    return is_flipped(x->f->root) ? BLOCK_ROWS - n : n;
}

/* The first block from `first` on in which a plane without which nothing
 * holds has rows: the first one of a chain is the smallest. */
static uint32_t next_block(formula_frame *x, uint32_t first, uint32_t end)
{
    const formula *f = x->f;
    const part *p = part_of(f, f->root);

    if (is_flipped(f->root) || p->type != PART_AND ||
        is_flipped(f->children[p->first]))
        return first;
    const part *child = part_of(f, f->children[p->first]);
    if (child->type != PART_PLANE)
        return first;
    const plane_view *v = &f->planes[child->first];
    if (!v->sets)
        return view_next(v, first, &x->hints[child->first]);
    while (first < end && first < v->blocks &&
           v->sets[first].type == BLOCK_EMPTY)
        first++;
    return first < v->blocks ? first : end;
}

uint64_t formula_count_blocks(formula_frame *x, uint32_t first, uint32_t end)
{
    uint64_t n = 0;

    for (;;) {
        first = next_block(x, first, end);
        if (first >= end)
            break;
        const uint32_t blocks = count_words(x, first, end, &n);
        if (blocks == 0)
            n += count_bound(x, first);
        first += blocks > 0 ? blocks : 1;
    }
    return n;
}

block_ref formula_block(formula_frame *x, uint32_t block)
{
    const block_ref set = materialise(x, bind_root(x, block, false));

    return is_flipped(x->f->root)
               ? block_andnot(block_full(), set, frame_buf(x))
               : set;
}
