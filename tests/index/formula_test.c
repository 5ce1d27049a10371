/*
 * formula_test.c - formulas against a recursion over plain arrays.
 *
 * A world is some planes whose blocks take every form, up to three blocks long
 * and beginning anywhere, and a growing list of nodes: each combines nodes
 * before it, flipped or not, so that parts are shared and nested. What a node
 * holds is worked out for all rows in an array of bool. Then each node in turn
 * is the root of a formula that is asked block by block, in order and out of
 * order, and row by row.
 *
 * Runs once for each level of the inner loops (support/level.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "index/leaf.h"
#include "index/resident.h"
#include "support/dice.h"
#include "support/level.h"

#define PLANES_MAX 16u
#define NODES_MAX 64u
#define CHILDREN_MAX 64u
#define BLOCKS_MAX 3u
#define TREE_MAX 200u /* nodes of one written out as a tree */
#define NOT_BUILT UINT32_MAX

typedef enum node_type {
    NODE_NOBODY,
    NODE_PLANE, /* low: its number */
    NODE_LEAF,  /* over planes low to high */
    NODE_AND,
    NODE_OR,
    NODE_TALLY,
    NODE_RANGE,
    NODE_FILTER /* low: every how many rows one is dropped */
} node_type;

typedef struct node {
    node_type type;
    uint32_t count;
    uint32_t children[CHILDREN_MAX]; /* number << 1 | flipped */
    uint64_t low;
    uint64_t high;
    uint32_t tree;
    uint8_t *holds; /* by row, from the first block on */
    index_leaf *leaf;
    uint32_t values[PLANES_MAX]; /* of the leaf */
} node;

typedef struct world {
    random_state r;
    uint64_t seed;
    uint32_t first_block;
    uint32_t blocks; /* with planes; one more is looked at */
    size_t rows;
    uint32_t plane_count;
    node nodes[NODES_MAX];
    uint32_t node_count;
    uint64_t *numbers; /* one a row, while a node is worked out */
    index_layer *layer;
    index_stack *view;
    index_residents *pool; /* NULL: no resident forms */
} world;

static const uint32_t providers[1] = {1};

/* ---- planes ---- */

static void fill_rows(random_state *r, uint8_t *holds, uint32_t n)
{
    while (n-- > 0)
        holds[dice(r, BLOCK_ROWS)] = 1;
}

static void fill_share(random_state *r, uint8_t *holds, uint32_t percent)
{
    for (uint32_t i = 0; i < BLOCK_ROWS; i++)
        holds[i] = chance(r, percent);
}

static void fill_runs(random_state *r, uint8_t *holds, uint32_t most,
                      uint32_t gap)
{
    uint32_t at = dice(r, gap);
    while (at < BLOCK_ROWS) {
        uint32_t len = 1 + dice(r, most);
        while (len-- > 0 && at < BLOCK_ROWS)
            holds[at++] = 1;
        at += 1 + dice(r, gap);
    }
}

static void fill_edges(random_state *r, uint8_t *holds)
{
    static const uint32_t rows[] = {0,    1,    62,    63,    64,   511,
                                    2047, 2048, 4095,  4096,  32767,
                                    63487, 63488, 65534, 65535};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        holds[rows[i]] = chance(r, 60);
}

/* Some or all rows of a block that there is, or those it has not. */
static void fill_like(random_state *r, uint8_t *holds, const uint8_t *like)
{
    const bool flip = chance(r, 30);
    const uint32_t percent = chance(r, 50) ? 100 : 1 + dice(r, 99);
    for (uint32_t i = 0; i < BLOCK_ROWS; i++)
        holds[i] = (like[i] ^ flip) && (percent == 100 || chance(r, percent));
}

static void fill_block(random_state *r, uint8_t *holds, const uint8_t *like)
{
    switch (dice(r, like ? 14 : 11)) {
    case 0:
    case 1:
        return;
    case 2:
        memset(holds, 1, BLOCK_ROWS);
        return;
    case 3:
        fill_rows(r, holds, 1 + dice(r, 60));
        return;
    case 4:
        fill_rows(r, holds, 508 + dice(r, 12)); /* about ROWS_MAX */
        return;
    case 5:
        fill_rows(r, holds, 600 + dice(r, 3500));
        return;
    case 6:
        fill_runs(r, holds, 9000, 9000);
        return;
    case 7:
        fill_runs(r, holds, 1 + dice(r, 60), 1 + dice(r, 60));
        return;
    case 8:
        fill_share(r, holds, PICK(r, ((uint32_t[]){8, 20, 50, 50, 95})));
        return;
    case 9:
        memset(holds, 1, BLOCK_ROWS);
        holds[dice(r, BLOCK_ROWS)] = 0;
        holds[chance(r, 50) ? 0 : BLOCK_ROWS - 1] = 0;
        return;
    case 10:
        fill_edges(r, holds);
        return;
    default:
        fill_like(r, holds, like);
    }
}

static plane_key key_of(uint32_t plane)
{
    return (plane_key){16, 1, ROLE_SET, 0, plane + 1, INDEX_NEVER};
}

static void put_plane(world *w, layer_writer *out, uint32_t plane)
{
    node *n = &w->nodes[w->node_count++];
    const plane_key key = key_of(plane);
    uint32_t *rows = mem_array(w->rows, sizeof *rows);
    size_t count = 0;

    *n = (node){.type = NODE_PLANE, .low = plane, .tree = 1};
    n->holds = mem_array(w->rows, 1);
    for (uint32_t b = 0; b < w->blocks; b++) {
        const size_t at = (size_t)b * BLOCK_ROWS;
        const uint8_t *like = NULL;
        if (plane > 0)
            like = w->nodes[1 + dice(&w->r, plane)].holds + at;
        fill_block(&w->r, n->holds + at, like);
    }
    for (size_t i = 0; i < w->rows; i++)
        if (n->holds[i])
            rows[count++] = w->first_block * BLOCK_ROWS + (uint32_t)i;
    layer_writer_rows(out, &key, rows, count);
    mem_free(rows);
}

/* Forms of all planes that have one. */
static void make_forms(world *w)
{
    w->pool = index_residents_new((uint64_t)64 << 20);
    index_layer_keep_residents(w->layer, w->pool);
    for (uint32_t i = 0; i < 2 * w->plane_count; i++) {
        const plane_key key = key_of(i / 2);
        resident_release(resident_find(w->layer, FORM_PLANE, &key, NULL));
    }
    while (index_residents_work(w->pool))
        continue;
}

static void put_planes(world *w)
{
    layer_writer out;

    layer_writer_init(&out);
    w->plane_count = 2 + dice(&w->r, PLANES_MAX - 1);
    for (uint32_t i = 0; i < w->plane_count; i++)
        put_plane(w, &out, i);
    w->layer = layer_writer_finish(&out);
    if (chance(&w->r, 40))
        make_forms(w);
    w->view = index_view_base(w->layer);
}

/* ---- nodes ---- */

/* FILTER: drops some rows, whatever the block. */
static bool keep_row(const void *payload, uint32_t row)
{
    const uint64_t *every = payload;
    return (row * 2654435761u >> 7) % *every != 0;
}

static uint8_t child_holds(const world *w, const node *n, uint32_t child,
                           size_t row)
{
    const uint32_t c = n->children[child];
    return w->nodes[c >> 1].holds[row] ^ (c & 1);
}

static void work_out_numbers(world *w, node *n)
{
    const bool as_bits = n->type == NODE_RANGE;

    memset(w->numbers, 0, w->rows * sizeof *w->numbers);
    for (uint32_t c = 0; c < n->count; c++) {
        const uint8_t *in = w->nodes[n->children[c] >> 1].holds;
        const uint8_t flip = n->children[c] & 1;
        const uint32_t shift = as_bits ? c : 0;
        for (size_t i = 0; i < w->rows; i++)
            w->numbers[i] += (uint64_t)(in[i] ^ flip) << shift;
    }
    for (size_t i = 0; i < w->rows; i++)
        n->holds[i] = w->numbers[i] >= n->low && w->numbers[i] <= n->high;
}

static void work_out_chain(world *w, node *n)
{
    const bool is_and = n->type == NODE_AND;

    memset(n->holds, is_and, w->rows);
    for (uint32_t c = 0; c < n->count; c++) {
        const uint8_t *in = w->nodes[n->children[c] >> 1].holds;
        const uint8_t flip = n->children[c] & 1;
        for (size_t i = 0; i < w->rows; i++)
            n->holds[i] = is_and ? n->holds[i] & (in[i] ^ flip)
                                 : n->holds[i] | (in[i] ^ flip);
    }
}

static void work_out(world *w, node *n)
{
    n->holds = mem_array(w->rows, 1);
    switch (n->type) {
    case NODE_NOBODY:
    case NODE_PLANE:
        break;
    case NODE_LEAF:
        for (uint64_t p = n->low; p <= n->high; p++)
            for (size_t i = 0; i < w->rows; i++)
                n->holds[i] |= w->nodes[1 + p].holds[i];
        break;
    case NODE_AND:
    case NODE_OR:
        work_out_chain(w, n);
        break;
    case NODE_TALLY:
    case NODE_RANGE:
        work_out_numbers(w, n);
        break;
    case NODE_FILTER:
        for (size_t i = 0; i < w->rows; i++)
            n->holds[i] =
                child_holds(w, n, 0, i) &&
                keep_row(&n->low,
                         w->first_block * BLOCK_ROWS + (uint32_t)i);
        break;
    }
}

/* A node before this one: any, or one of the last ones. */
static uint32_t draw_child(world *w)
{
    random_state *r = &w->r;
    const uint32_t n = w->node_count;
    uint32_t child;

    if (chance(r, 40) && n > 6)
        child = n - 1 - dice(r, 6);
    else
        child = dice(r, n);
    return child << 1 | chance(r, 30);
}

static void draw_children(world *w, node *n, uint32_t count)
{
    uint32_t tree = 1;

    while (n->count < count) {
        uint32_t c = draw_child(w);
        if (n->count > 0 && chance(&w->r, 5)) /* again, or its complement */
            c = n->children[dice(&w->r, n->count)] ^ chance(&w->r, 30);
        if (tree + w->nodes[c >> 1].tree > TREE_MAX)
            c = dice(&w->r, 1 + w->plane_count) << 1 | (c & 1);
        tree += w->nodes[c >> 1].tree;
        n->children[n->count++] = c;
    }
    n->tree = tree;
}

/* [low, high] of 0 to top; now and then nothing, or more than there is. */
static void draw_range(random_state *r, uint64_t top, node *n)
{
    const uint64_t low = top == UINT64_MAX ? random_u64(r)
                                           : random_below(r, top + 1);
    const uint64_t over = top - low;

    n->low = chance(r, 25) ? 0 : low;
    n->high = chance(r, 30)            ? top
              : chance(r, 5)           ? UINT64_MAX
              : over == UINT64_MAX     ? random_u64(r)
                                       : n->low + random_below(r, over + 1);
    if (chance(r, 3)) {
        n->high = n->low;
        n->low = low;
    }
}

/* Often another range of a number that there is. */
static void draw_number(world *w, node *n)
{
    random_state *r = &w->r;
    const node *like = &w->nodes[dice(r, w->node_count)];
    const uint32_t count = chance(r, 85)   ? 1 + dice(r, 10)
                           : chance(r, 50) ? 1 + dice(r, CHILDREN_MAX)
                                           : CHILDREN_MAX;

    if (chance(r, 60) && like->type == NODE_RANGE) {
        memcpy(n->children, like->children, sizeof n->children);
        n->count = like->count;
        n->tree = like->tree;
    } else {
        draw_children(w, n, count);
    }
    draw_range(r, n->count < 64 ? ((uint64_t)1 << n->count) - 1 : UINT64_MAX,
               n);
}

/* Ranges, which may meet. */
static void draw_ranges(world *w, node *n)
{
    for (uint32_t i = 0; i < w->node_count && n->count < 5; i++) {
        const node *x = &w->nodes[i];
        if (x->type != NODE_RANGE || n->tree + x->tree > TREE_MAX)
            continue;
        n->children[n->count++] = i << 1 | chance(&w->r, 40);
        n->tree += x->tree;
    }
}

static void draw_leaf(world *w, node *n)
{
    uint32_t count = 0;

    n->tree = 1;
    n->low = dice(&w->r, w->plane_count);
    n->high = n->low + dice(&w->r, w->plane_count - (uint32_t)n->low);
    for (uint64_t p = n->low; p <= n->high; p++)
        n->values[count++] = key_of((uint32_t)p).value;
    const leaf_spec spec = {
        .type = LEAF_HELD, .attribute = 16, .providers = providers,
        .provider_count = 1, .values = n->values, .value_count = count};
    n->leaf = index_leaf_new(w->view, &spec);
}

static void draw_node(world *w)
{
    static const uint32_t many[] = {14, 15, 16, 17, 32, 33, 36, 40, 63, 64};
    random_state *r = &w->r;
    node *n = &w->nodes[w->node_count];

    *n = (node){.type = (node_type)(NODE_AND + dice(r, 4))};
    if (chance(r, 10))
        n->type = chance(r, 50) ? NODE_FILTER : NODE_LEAF;
    if (n->type == NODE_FILTER) {
        draw_children(w, n, 1);
        n->low = 2 + dice(r, 5);
    } else if (n->type == NODE_LEAF) {
        draw_leaf(w, n);
    } else if (n->type == NODE_RANGE) {
        draw_number(w, n);
    } else if (n->type == NODE_AND && chance(r, 25)) {
        draw_ranges(w, n);
    } else {
        draw_children(w, n, chance(r, 75) ? dice(r, 7) : PICK(r, many));
        if (n->type == NODE_TALLY)
            draw_range(r, n->count, n);
    }
    work_out(w, n);
    w->node_count++;
}

/* ---- a formula of a node ---- */

typedef struct question {
    world *w;
    uint32_t root; /* number << 1 | flipped */
    formula *f;
    formula_part parts[NODES_MAX];
} question;

static formula_part build(question *q, uint32_t number);

static formula_part build_plane(question *q, uint32_t plane)
{
    const plane_key key = key_of(plane);
    const layer_entry *e = layer_find(q->w->layer, &key);

    if (!e)
        return FORMULA_NOBODY;
    plane_view v = layer_view(q->w->layer, e);
    resident_form *form = NULL;
    if (q->w->pool && chance(&q->w->r, 70))
        form = resident_find(q->w->layer, FORM_PLANE, &key, NULL);
    if (form) {
        resident_view(form, 0, &v);
        formula_hold(q->f, form, false);
    }
    return formula_plane(q->f, &v, e->count);
}

static formula_part build_list(question *q, const node *n)
{
    formula_part list[CHILDREN_MAX];

    for (uint32_t c = 0; c < n->count; c++) {
        list[c] = build(q, n->children[c] >> 1);
        if (n->children[c] & 1)
            list[c] = formula_not(list[c]);
    }
    switch (n->type) {
    case NODE_AND:
        return formula_and(q->f, list, n->count);
    case NODE_OR:
        return formula_or(q->f, list, n->count);
    case NODE_TALLY:
        return formula_tally(q->f, list, n->count, n->low, n->high);
    case NODE_RANGE:
        return formula_range(q->f, list, n->count, n->low, n->high);
    default:
        return formula_filter(q->f, list[0], keep_row, &n->low);
    }
}

static formula_part build(question *q, uint32_t number)
{
    const node *n = &q->w->nodes[number];

    if (q->parts[number] == NOT_BUILT) {
        if (n->type == NODE_NOBODY)
            q->parts[number] = FORMULA_NOBODY;
        else if (n->type == NODE_PLANE)
            q->parts[number] = build_plane(q, (uint32_t)n->low);
        else if (n->type == NODE_LEAF)
            q->parts[number] = formula_leaf(q->f, n->leaf);
        else
            q->parts[number] = build_list(q, n);
    }
    return q->parts[number];
}

static void question_init(question *q, world *w, uint32_t root)
{
    *q = (question){.w = w, .root = root, .f = formula_new()};
    memset(q->parts, 0xff, sizeof q->parts);
    if (chance(&w->r, 20)) /* parts that nobody asks for */
        build(q, dice(&w->r, w->node_count));
    const formula_part p = build(q, root >> 1);
    formula_root(q->f, root & 1 ? formula_not(p) : p,
                 (w->first_block + w->blocks) * BLOCK_ROWS);
}

/* ---- asking ---- */

static bool wanted(const question *q, size_t row)
{
    return q->w->nodes[q->root >> 1].holds[row] != (q->root & 1);
}

static void print_node(const world *w, uint32_t child)
{
    static const char *const names[] = {"nobody", "plane", "leaf", "and",
                                        "or",     "tally", "range", "filter"};
    const node *n = &w->nodes[child >> 1];

    print_message("%s%s", child & 1 ? "!" : "", names[n->type]);
    if (n->type != NODE_AND && n->type != NODE_OR && n->type != NODE_NOBODY)
        print_message("[%llu %llu]", (unsigned long long)n->low,
                      (unsigned long long)n->high);
    for (uint32_t c = 0; c < n->count; c++) {
        print_message(c ? ", " : "(");
        print_node(w, n->children[c]);
    }
    if (n->count > 0)
        print_message(")");
}

static void disagree(const question *q, const char *what, size_t row,
                     uint64_t want, uint64_t got)
{
    print_node(q->w, q->root);
    fail_msg("seed %llu: root %u, %s, row %zu of %zu (block %zu): %llu "
             "expected, %llu got",
             (unsigned long long)q->w->seed, q->root >> 1, what, row,
             q->w->rows, row / BLOCK_ROWS, (unsigned long long)want,
             (unsigned long long)got);
}

static uint32_t want_count(const question *q, uint32_t block)
{
    const size_t from = (size_t)block * BLOCK_ROWS;
    const uint8_t *holds = q->w->nodes[q->root >> 1].holds + from;
    uint32_t n = 0;
    for (uint32_t i = 0; i < BLOCK_ROWS; i++)
        n += holds[i];
    return q->root & 1 ? BLOCK_ROWS - n : n;
}

static void check_count(const question *q, formula_frame *x, uint32_t block)
{
    const uint32_t want = want_count(q, block);
    const uint32_t got = formula_count(x, q->w->first_block + block);
    if (got != want)
        disagree(q, "count", (size_t)block * BLOCK_ROWS, want, got);
}

static void check_set(const question *q, formula_frame *x, uint32_t block)
{
    const block_ref set = formula_block(x, q->w->first_block + block);
    const uint32_t want = want_count(q, block);
    const size_t from = (size_t)block * BLOCK_ROWS;
    block_buf words;

    if (block_count(set) != want)
        disagree(q, "count of the set", from, want, block_count(set));
    block_expand(set, &words);
    for (uint32_t i = 0; i < BLOCK_ROWS; i++) {
        const bool got = (words.words[i / 64] >> i % 64) & 1;
        if (got != wanted(q, from + i))
            disagree(q, "set", from + i, !got, got);
    }
}

static void check_rows(const question *q)
{
    for (uint32_t i = 0; i < 48; i++) {
        const size_t end =
            (size_t)(1 + dice(&q->w->r, q->w->blocks)) * BLOCK_ROWS;
        const size_t row = i < 40 ? dice(&q->w->r, (uint32_t)q->w->rows)
                                  : end - 4 + i % 8; /* about an edge */
        const bool got =
            formula_has(q->f, q->w->first_block * BLOCK_ROWS + (uint32_t)row);
        if (got != wanted(q, row))
            disagree(q, "has", row, !got, got);
    }
}

static void check_root(world *w, uint32_t root)
{
    question q;
    const bool in_order = chance(&w->r, 70);

    question_init(&q, w, root);
    formula_frame *x = formula_frame_new(q.f);
    for (uint32_t i = 0; i <= w->blocks; i++) {
        const uint32_t block = in_order ? i : dice(&w->r, w->blocks + 1);
        const bool set_first = chance(&w->r, 50);
        if (set_first)
            check_set(&q, x, block);
        check_count(&q, x, block);
        if (!set_first)
            check_set(&q, x, block);
    }
    check_rows(&q);
    formula_frame_free(x);
    formula_free(q.f);
}

/* ---- worlds ---- */

static world *world_new(uint64_t seed)
{
    static const uint32_t begins[] = {0, 0, 1, 3, 65535 - BLOCKS_MAX};
    world *w = mem_zalloc(sizeof *w);

    random_seed(&w->r, seed);
    w->seed = seed;
    w->first_block = PICK(&w->r, begins);
    w->blocks = 1 + dice(&w->r, BLOCKS_MAX);
    w->rows = (size_t)(w->blocks + 1) * BLOCK_ROWS;
    w->numbers = mem_array(w->rows, sizeof *w->numbers);
    w->nodes[w->node_count++] = (node){.type = NODE_NOBODY, .tree = 1};
    work_out(w, &w->nodes[0]);
    put_planes(w);
    while (w->node_count < NODES_MAX)
        draw_node(w);
    return w;
}

static void world_free(world *w)
{
    for (uint32_t i = 0; i < w->node_count; i++) {
        index_leaf_free(w->nodes[i].leaf);
        mem_free(w->nodes[i].holds);
    }
    index_view_release(w->view);
    index_residents_free(w->pool);
    mem_free(w->numbers);
    mem_free(w);
}

/* Returns how many formulas were asked. */
static uint64_t run_world(uint64_t seed)
{
    world *w = world_new(seed);

    for (uint32_t i = 0; i < w->node_count; i++)
        check_root(w, i << 1 | chance(&w->r, 20));
    const uint64_t n = w->node_count;
    world_free(w);
    return n;
}

static void test_index_formula__random_formulas_hold_by_row(void **state)
{
    (void)state;
    uint64_t left = test_size(4800, 320000);
    uint64_t seed;
    uint64_t pairs = 0;

    if (test_seed(&seed)) {
        run_world(seed);
        return;
    }
    for (seed = 1; pairs < left; seed++)
        pairs += run_world(seed);
    print_message("%s: %llu formulas over %llu worlds agree\n",
                  words_get()->name, (unsigned long long)pairs,
                  (unsigned long long)(seed - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_formula__random_formulas_hold_by_row),
    };
    if (!level_is_there())
        return LEVEL_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
