/*
 * eval.c - running a program: over blocks (count, set) and for one row.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/program.h"

void program_note_asked(const program *g)
{
    uint32_t *counted = (uint32_t *)(uintptr_t)&g->counted;
    if (__atomic_load_n(counted, __ATOMIC_RELAXED) < 2 &&
        __atomic_fetch_add(counted, 1, __ATOMIC_RELAXED) == 1)
        formula_ask_again(g->formula);
}

bool program_stopped(program_stop *stop)
{
    if (!stop)
        return false;
    if (!stop->stopped && stop->wanted(stop->payload))
        __atomic_store_n(&stop->stopped, 1, __ATOMIC_RELAXED);
    return stop->stopped;
}

/* Blocks are counted in pieces, taken by whoever is free. */
#define PIECE_BLOCKS 8u
/* What is worth a second thread: planes times blocks, each at most 8 KiB. */
#define SHARED_BLOCKS 1024u

typedef struct counting {
    const program *g;
    uint32_t blocks;
    uint32_t next; /* atomic */
    uint64_t rows; /* atomic */
    program_stop *stop; /* or NULL */
    pthread_t asker;
} counting;

/* The caller asks; its helpers see what it was told. */
static bool is_over(const counting *c)
{
    if (!c->stop)
        return false;
    return pthread_equal(c->asker, pthread_self())
               ? program_stopped(c->stop)
               : __atomic_load_n(&c->stop->stopped, __ATOMIC_RELAXED) != 0;
}

static void count_pieces(void *payload)
{
    counting *c = payload;
    formula_frame *x = NULL;
    uint64_t n = 0;

    for (;;) {
        const uint32_t first =
            __atomic_fetch_add(&c->next, PIECE_BLOCKS, __ATOMIC_RELAXED);
        const uint32_t end = first + PIECE_BLOCKS;
        if (first >= c->blocks || is_over(c))
            break;
        if (!x)
            x = formula_frame_new(c->g->formula);
        n += formula_count_blocks(x, first,
                                  end < c->blocks ? end : c->blocks);
    }
    formula_frame_free(x);
    __atomic_fetch_add(&c->rows, n, __ATOMIC_RELAXED);
}

uint64_t program_count_by(const program *g, unsigned threads,
                          program_stop *stop)
{
    counting c = {g, block_total(g), 0, 0, stop, pthread_self()};
    const uint64_t work =
        (uint64_t)c.blocks * formula_plane_count(g->formula);

    if (program_stopped(stop))
        return 0;
    program_note_asked(g);
    crew_run(work < SHARED_BLOCKS || threads < 2 ? 0 : threads - 1,
             count_pieces, &c);
    return c.rows;
}

uint64_t program_count(const program *g)
{
    return program_count_by(g, 1, NULL);
}

void program_some_blocks(const program *g, uint32_t first, uint32_t end,
                         void (*each)(void *payload, uint32_t block,
                                      block_ref rows),
                         void *payload)
{
    formula_frame *x = formula_frame_new(g->formula);

    for (uint32_t block = first; block < end; block++) {
        const block_ref rows = formula_block(x, block);
        if (rows.type != BLOCK_EMPTY)
            each(payload, block, rows);
    }
    formula_frame_free(x);
}

int program_each(const program *g, int (*each)(void *payload, uint32_t row),
                 void *payload)
{
    uint32_t row = 0;
    return program_each_from(g, &row, NULL, each, payload);
}

int program_each_from(const program *g, uint32_t *row, program_stop *stop,
                      int (*each)(void *payload, uint32_t row),
                      void *payload)
{
    formula_frame *x = formula_frame_new(g->formula);
    uint16_t *rows = mem_array(BLOCK_ROWS, sizeof *rows);
    int rc = 0;

    for (uint32_t block = *row / BLOCK_ROWS;
         block < block_total(g) && rc == 0 && !program_stopped(stop);
         block++) {
        const uint32_t first = *row;
        const uint32_t n = block_rows(formula_block(x, block), rows);
        for (uint32_t i = 0; i < n && rc == 0; i++) {
            *row = block * BLOCK_ROWS + rows[i];
            if (*row >= first)
                rc = each(payload, *row);
        }
        if (rc == 0)
            *row = (block + 1) * BLOCK_ROWS;
    }
    mem_free(rows);
    formula_frame_free(x);
    return rc;
}

void programs_overlap(program *const *g, size_t n, program_stop *stop,
                      uint64_t *counts)
{
    formula_frame **frames = mem_array(n, sizeof *frames);
    block_ref *rows = mem_array(n, sizeof *rows);
    size_t *some = mem_array(n, sizeof *some); /* who has rows here */

    memset(counts, 0, n * n * sizeof *counts);
    for (size_t i = 0; i < n; i++)
        frames[i] = formula_frame_new(g[i]->formula);
    for (uint32_t block = 0; n > 0 && block < block_total(g[0]); block++) {
        size_t count = 0;
        if (program_stopped(stop))
            break;
        for (size_t i = 0; i < n; i++) {
            rows[count] = formula_block(frames[i], block);
            some[count] = i;
            count += rows[count].type != BLOCK_EMPTY;
        }
        for (size_t i = 0; i < count; i++) {
            uint64_t *shared = &counts[some[i] * n];
            shared[some[i]] += block_count(rows[i]);
            for (size_t j = i + 1; j < count; j++)
                shared[some[j]] += block_and_count(rows[i], rows[j]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++)
            counts[i * n + j] = counts[j * n + i];
        formula_frame_free(frames[i]);
    }
    mem_free(some);
    mem_free(rows);
    mem_free(frames);
}

bool program_has(const program *g, uint32_t row)
{
    return row < g->state.rows && formula_has(g->formula, row);
}

void program_reads(const program *g,
                   void (*each)(void *payload, const void *at, size_t len),
                   void *payload)
{
    for (uint32_t block = 0; block < block_total(g); block++)
        formula_reads(g->formula, block, each, payload);
}
