/*
 * eval.c - running a program: over blocks (count, set) and on one row.
 *
 * A frame is one thread's registers. Each register has two buffers so that a
 * step can write its result beside the operand it reads; a register may also
 * borrow a plane's own bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/program.h"

typedef struct frame_register {
    block_ref value;
    block_buf *bufs; /* two */
} frame_register;

typedef struct frame {
    const program *g;
    frame_register *registers;
    leaf_cursor **cursors;
    block_buf *memory;
    block_buf *tallies; /* tally_bits slices each, then one carry */
} frame;

static frame *frame_new(const program *g)
{
    const size_t tally_bufs = (size_t)g->tally_count * g->tally_bits + 4;
    const size_t registers = g->register_count * sizeof(frame_register);
    frame *f = mem_scratch(sizeof *f + registers +
                           g->leaf_count * sizeof *f->cursors);

    f->g = g;
    f->registers = (frame_register *)(f + 1);
    memset(f->registers, 0, registers);
    f->cursors = (leaf_cursor **)(f->registers + g->register_count);
    f->memory = mem_scratch((2 * g->register_count) * sizeof *f->memory);
    for (uint32_t i = 0; i < g->register_count; i++)
        f->registers[i].bufs = &f->memory[2 * i];
    f->tallies = NULL;
    if (g->tally_count)
        f->tallies = mem_scratch(tally_bufs * sizeof *f->tallies);
    for (uint32_t i = 0; i < g->leaf_count; i++)
        f->cursors[i] = leaf_cursor_new(g->leaves[i]);
    return f;
}

static void frame_free(frame *f)
{
    for (uint32_t i = 0; i < f->g->leaf_count; i++)
        leaf_cursor_free(f->cursors[i]);
    mem_scratch_free(f->memory);
    mem_scratch_free(f->tallies);
    mem_scratch_free(f);
}

/* ---- steps over a block ---- */

/* The buffer of a register that its value does not stand in. */
static block_buf *spare(frame_register *r)
{
    return r->value.data == r->bufs[0].words ? &r->bufs[1] : &r->bufs[0];
}

static void run_split(const frame *f, const step *s, uint32_t block)
{
    frame_register *r = &f->registers[s->r];
    const plan_node *node = s->split;
    block_buf *out = spare(r);
    block_buf tmp;
    uint32_t kept = 0;

    if (block_is_empty(r->value))
        return;
    const word_in *words = block_words(r->value, &tmp);
    for (uint32_t i = 0; i < WORDS; i++) {
        uint64_t keep = 0;
        for (uint64_t w = words[i]; w; w &= w - 1) {
            const uint32_t bit = (uint32_t)__builtin_ctzll(w);
            const uint32_t row = block * BLOCK_ROWS + i * 64 + bit;
            const uint32_t bucket = identity_split_bucket(
                &node->split, dictionary_primary(f->g->state.ids, row));
            if (bucket >= node->split_from && bucket <= node->split_to)
                keep |= (uint64_t)1 << bit;
        }
        out->words[i] = keep;
        kept += (uint32_t)__builtin_popcountll(keep);
    }
    r->value = (block_ref){kept ? BLOCK_BITSET : BLOCK_EMPTY, kept,
                           out->words};
}

static block_buf *tally_slices(const frame *f, uint32_t tally)
{
    return &f->tallies[(size_t)tally * f->g->tally_bits];
}

static void tally_add(const frame *f, const step *s)
{
    const program *g = f->g;
    block_buf *slices = tally_slices(f, s->target);
    block_buf *carry = &f->tallies[(size_t)g->tally_count * g->tally_bits];
    const block_ref value = f->registers[s->r].value;
    bool carrying = value.type != BLOCK_EMPTY;

    if (carrying)
        block_expand(value, carry);
    for (uint32_t i = 0; carrying && i < g->tally_bits; i++)
        carrying = words_get()->half_add(slices[i].words, carry->words);
    ASSERT(!carrying);
}

/* Rows whose counter is in [low, high]. */
static void tally_end(const frame *f, const step *s)
{
    const program *g = f->g;
    const words_ops *ops = words_get();
    const block_buf *slices = tally_slices(f, s->target);
    block_buf *less = &f->tallies[(size_t)g->tally_count * g->tally_bits + 1];
    block_buf *greater = less + 1;
    block_buf *equal = less + 2;
    frame_register *r = &f->registers[s->r];
    block_buf *out = &r->bufs[0];

    memset(out->words, 0xff, sizeof out->words);
    for (int end = 0; end < 2; end++) {
        const uint32_t bound = end == 0 ? s->low : s->high;
        block_clear(less);
        block_clear(greater);
        memset(equal->words, 0xff, sizeof equal->words);
        for (uint32_t i = g->tally_bits; i-- > 0;)
            ops->compare(less->words, greater->words, equal->words,
                         slices[i].words, (bound >> i) & 1);
        ops->andnot(out->words, out->words,
                    end == 0 ? less->words : greater->words);
    }
    r->value = block_bits(out);
}

static void run_step(const frame *f, const step *s, uint32_t block)
{
    frame_register *r = &f->registers[s->r];

    switch (s->op) {
    case STEP_NONE:
        r->value = block_empty();
        return;
    case STEP_LEAF:
        r->value = index_leaf_block(s->leaf, f->cursors[s->leaf_number],
                                    block, &r->bufs[0]);
        return;
    case STEP_AND:
        r->value = block_and(r->value, r[1].value, spare(r));
        break;
    case STEP_ANDNOT:
        r->value = block_andnot(r->value, r[1].value, spare(r));
        break;
    case STEP_OR:
        r->value = block_or(r->value, r[1].value, spare(r));
        break;
    case STEP_SPLIT:
        run_split(f, s, block);
        return;
    case STEP_TALLY_ZERO:
        memset(tally_slices(f, s->target), 0,
               f->g->tally_bits * sizeof(block_buf));
        return;
    case STEP_TALLY_ADD:
        tally_add(f, s);
        return;
    case STEP_TALLY_END:
        tally_end(f, s);
        return;
    case STEP_JUMP_EMPTY:
        ASSERT(!"handled by the caller");
    }
    /* the result may be the other operand itself: move it over */
    if (r->value.data == r[1].bufs[0].words ||
        r->value.data == r[1].bufs[1].words) {
        block_buf *out = &r->bufs[0];
        memcpy(out->words, r->value.data,
               r->value.type == BLOCK_ARRAY ? r->value.n * sizeof(uint16_t)
                                            : sizeof out->words);
        r->value.data = out->words;
    }
}

/* Runs steps [0, end) of a block; result in register 0. */
static void run_steps(const frame *f, uint32_t end, uint32_t block)
{
    const step *steps = f->g->steps;
    uint32_t i = 0;

    while (i < end) {
        const step *s = &steps[i++];
        if (s->op != STEP_JUMP_EMPTY)
            run_step(f, s, block);
        else if (f->registers[s->r].value.type == BLOCK_EMPTY)
            i = s->target;
    }
}

/* Count of a block whose last steps are a leaf and `and` or `and not`: the
 * leaf is counted against register 0 and never made. */
static uint32_t count_leaf(const frame *f, uint32_t block)
{
    const program *g = f->g;
    const step *last = &g->steps[g->step_count - 1];
    const step *leaf = last->op == STEP_LEAF ? last : last - 1;
    const frame_register *r = f->registers;
    block_ref among = block_full();

    if (leaf != last) {
        run_steps(f, g->step_count - 2, block);
        among = r->value;
    }
    if (among.type == BLOCK_EMPTY)
        return 0;
    const uint32_t n =
        index_leaf_and_count(leaf->leaf, f->cursors[leaf->leaf_number], block,
                             among, &r[1].bufs[0]);
    return last->op == STEP_ANDNOT ? block_count(among) - n : n;
}

/* Do the last steps read a leaf that need not be made to be counted? */
static bool ends_in_leaf(const program *g)
{
    const step *last = &g->steps[g->step_count - 1];
    if (last->op == STEP_LEAF)
        return g->step_count == 1;
    return g->step_count > 2 && last[-1].op == STEP_LEAF && last[-1].r == 1 &&
           (last->op == STEP_AND ||
            (last->op == STEP_ANDNOT &&
             index_leaf_is_disjoint(last[-1].leaf)));
}

/* Count of a block: the last step counts instead of writing. */
static uint32_t count_block(const frame *f, uint32_t block)
{
    const program *g = f->g;
    const step *last = &g->steps[g->step_count - 1];
    const frame_register *r = f->registers;
    const bool fused = last->op == STEP_AND || last->op == STEP_ANDNOT ||
                       last->op == STEP_OR;

    run_steps(f, fused ? g->step_count - 1 : g->step_count, block);
    if (!fused)
        return block_count(r->value);
    if (r->value.type == BLOCK_EMPTY && last->op != STEP_OR)
        return 0; /* a jump may have passed over register 1 */
    if (last->op == STEP_AND)
        return block_and_count(r->value, r[1].value);
    if (last->op == STEP_ANDNOT)
        return block_andnot_count(r->value, r[1].value);
    return block_or_count(r->value, r[1].value);
}

static uint32_t block_total(const program *g)
{
    return (g->state.rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
}

uint64_t program_count(const program *g)
{
    frame *f = frame_new(g);
    const bool leaf = ends_in_leaf(g);
    uint64_t n = 0;

    for (uint32_t block = 0; block < block_total(g); block++)
        n += leaf ? count_leaf(f, block) : count_block(f, block);
    frame_free(f);
    return n;
}

void program_blocks(const program *g,
                    void (*each)(void *payload, uint32_t block,
                                 block_ref rows),
                    void *payload)
{
    frame *f = frame_new(g);

    for (uint32_t block = 0; block < block_total(g); block++) {
        run_steps(f, g->step_count, block);
        if (f->registers[0].value.type != BLOCK_EMPTY)
            each(payload, block, f->registers[0].value);
    }
    frame_free(f);
}

typedef struct row_walk {
    int (*each)(void *payload, uint32_t row);
    void *payload;
    uint16_t *rows;
    int rc;
} row_walk;

static void walk_block(void *payload, uint32_t block, block_ref rows)
{
    row_walk *w = payload;
    if (w->rc != 0)
        return;
    const uint32_t n = block_rows(rows, w->rows);
    for (uint32_t i = 0; i < n && w->rc == 0; i++)
        w->rc = w->each(w->payload, block * BLOCK_ROWS + w->rows[i]);
}

int program_each(const program *g, int (*each)(void *payload, uint32_t row),
                 void *payload)
{
    row_walk w = {each, payload, mem_array(BLOCK_ROWS, sizeof(uint16_t)), 0};

    program_blocks(g, walk_block, &w);
    mem_free(w.rows);
    return w.rc;
}

void programs_overlap(program *const *g, size_t n, uint64_t *counts)
{
    frame **frames = mem_array(n, sizeof *frames);

    memset(counts, 0, n * n * sizeof *counts);
    for (size_t i = 0; i < n; i++)
        frames[i] = frame_new(g[i]);
    for (uint32_t block = 0; n > 0 && block < block_total(g[0]); block++) {
        for (size_t i = 0; i < n; i++)
            run_steps(frames[i], g[i]->step_count, block);
        for (size_t i = 0; i < n; i++) {
            const block_ref a = frames[i]->registers[0].value;
            counts[i * n + i] += block_count(a);
            for (size_t j = i + 1; j < n; j++)
                counts[i * n + j] +=
                    block_and_count(a, frames[j]->registers[0].value);
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++)
            counts[i * n + j] = counts[j * n + i];
        frame_free(frames[i]);
    }
    mem_free(frames);
}

/* ---- steps on one row ---- */

#define ROW_REGISTERS (2 * MUSTER_SEGMENT_DEPTH_MAX * MUSTER_SEGMENT_DEPTH_MAX)

static bool row_split(const program *g, const plan_node *node, uint32_t row)
{
    const uint32_t bucket = identity_split_bucket(
        &node->split, dictionary_primary(g->state.ids, row));
    return bucket >= node->split_from && bucket <= node->split_to;
}

static void run_row_step(const program *g, const step *s, bool *r,
                         uint32_t *tallies, uint32_t row)
{
    bool *a = &r[s->r];

    switch (s->op) {
    case STEP_NONE:
        *a = false;
        return;
    case STEP_LEAF:
        *a = index_leaf_has(s->leaf, row);
        return;
    case STEP_AND:
        *a = a[0] && a[1];
        return;
    case STEP_ANDNOT:
        *a = a[0] && !a[1];
        return;
    case STEP_OR:
        *a = a[0] || a[1];
        return;
    case STEP_SPLIT:
        *a = a[0] && row_split(g, s->split, row);
        return;
    case STEP_TALLY_ZERO:
        tallies[s->target] = 0;
        return;
    case STEP_TALLY_ADD:
        tallies[s->target] += *a;
        return;
    case STEP_TALLY_END:
        *a = tallies[s->target] >= s->low && tallies[s->target] <= s->high;
        return;
    case STEP_JUMP_EMPTY:
        return;
    }
}

bool program_has(const program *g, uint32_t row)
{
    bool registers[ROW_REGISTERS];
    uint32_t tallies[ROW_REGISTERS];
    uint32_t i = 0; /* tallies are zeroed by their own step */

    ASSERT(g->register_count <= ROW_REGISTERS &&
           g->tally_count <= ROW_REGISTERS);
    if (row >= g->state.rows)
        return false;
    memset(registers, 0, g->register_count * sizeof *registers);
    while (i < g->step_count) {
        const step *s = &g->steps[i++];
        if (s->op == STEP_JUMP_EMPTY) {
            if (!registers[s->r])
                i = s->target;
        } else {
            run_row_step(g, s, registers, tallies, row);
        }
    }
    return registers[0];
}
