/*
 * compile.c - plan to program: order by cost, fold negations, resolve leaves.
 *
 * An and-chain starts with its lightest positive child and jumps to its end
 * as soon as nobody is left; negative children become and-not; splits, which
 * look at every row of what is left, come last. Every leaf is inside the
 * universe, so `all` matters only where nothing else is positive.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "segment/program.h"

/* A plan node whose leaf was made, so that weighing and compiling share it. */
typedef struct known_leaf {
    const plan_node *node; /* NULL: free */
    uint32_t leaf_number;
} known_leaf;

typedef struct compiler {
    program *g;
    const plan *plan;
    const plan_node *root;
    known_leaf *known; /* open addressing */
    size_t known_mask;
    known_leaf few[16]; /* where `known` stands for a small plan */
} compiler;

static void compile_node(compiler *c, const plan_node *node, uint32_t r,
                         uint32_t tally);

static step *put(compiler *c, step_op op, uint32_t r)
{
    program *g = c->g;
    mem_grow(&g->steps, &g->step_capacity, g->step_count + 1,
             sizeof *g->steps);
    step *s = &g->steps[g->step_count++];
    *s = (step){op, r, 0, NULL, 0, NULL, 0, 0};
    if (r + 2 > g->register_count)
        g->register_count = r + 2;
    return s;
}

/* ---- leaves ---- */

static uint32_t add_leaf(compiler *c, const leaf_spec *spec)
{
    program *g = c->g;
    index_leaf *leaf = index_leaf_new(g->state.index, spec);
    mem_grow(&g->leaves, &g->leaf_capacity, g->leaf_count + 1,
             sizeof *g->leaves);
    g->leaves[g->leaf_count++] = leaf;
    return g->leaf_count - 1;
}

static void put_leaf(compiler *c, uint32_t number, uint32_t r)
{
    const index_leaf *leaf = c->g->leaves[number];
    if (index_leaf_weight(leaf) == 0) {
        put(c, STEP_NONE, r);
        return;
    }
    step *s = put(c, STEP_LEAF, r);
    s->leaf = leaf;
    s->leaf_number = number;
}

static void put_universe(compiler *c, uint32_t r)
{
    const leaf_spec spec = {
        .type = LEAF_HELD,
        .attribute = INDEX_UNIVERSE,
        .providers = c->plan->universe,
        .provider_count = c->plan->universe_count,
        .any = true,
        .now_hour = (uint32_t)clock_hour_of(c->g->state.now),
    };
    put_leaf(c, add_leaf(c, &spec), r);
}

/* [low, high] of a quantity; `scale` for totals, `zero` where none counts. */
static void quantity_range(const plan_node *node, int64_t scale,
                           int64_t *low, int64_t *high)
{
    *low = node->n * scale;
    *high = node->n * scale;
    if (node->quantity == QUANTITY_AT_LEAST)
        *high = INT64_MAX;
    else if (node->quantity == QUANTITY_AT_MOST)
        *low = scale == 1 ? 1 : 0; /* totals: being seen is enough */
}

static void number_range(const plan_node *node, muster_time now,
                         int64_t *low, int64_t *high)
{
    const int64_t today =
        (int64_t)clock_day_of(now) * MUSTER_NUMBER_SCALE;
    *low = node->low + (node->low_today ? today : 0);
    *high = node->high + (node->high_today ? today : 0);
}

static leaf_type event_leaf(plan_type type)
{
    switch (type) {
    case PLAN_COUNT:
        return LEAF_COUNT;
    case PLAN_TOTAL:
        return LEAF_TOTAL;
    case PLAN_DAYS:
        return LEAF_DAYS;
    default:
        return LEAF_SEEN;
    }
}

/* A leaf's spec; false when it holds nobody whatever the data. */
static bool leaf_spec_of(const compiler *c, const plan_node *node,
                         leaf_spec *spec)
{
    const muster_time now = c->g->state.now;

    memset(spec, 0, sizeof *spec);
    spec->attribute = node->attribute;
    spec->providers = node->providers;
    spec->provider_count = node->provider_count;
    spec->values = node->values;
    spec->value_count = node->value_count;
    spec->any = node->any_value;
    spec->now_hour = (uint32_t)clock_hour_of(now);
    switch (node->type) {
    case PLAN_KNOWN:
        spec->any = true;
        spec->exclusive = node->kind == KIND_ONE_OF;
        if (node->kind != KIND_NUMBER)
            return true;
        spec->type = LEAF_NUMBER;
        spec->low = PLAN_NUMBER_MIN;
        spec->high = PLAN_NUMBER_MAX;
        return true;
    case PLAN_HELD:
        spec->exclusive = node->kind == KIND_ONE_OF;
        return true;
    case PLAN_NUMBER:
        spec->type = LEAF_NUMBER;
        number_range(node, now, &spec->low, &spec->high);
        return spec->low <= spec->high;
    default:
        break;
    }
    spec->type = event_leaf(node->type);
    spec->bucket_hours = node->grain == GRAIN_HOUR ? 1 : 24;
    quantity_range(node, node->type == PLAN_TOTAL ? MUSTER_NUMBER_SCALE : 1,
                   &spec->low, &spec->high);
    return plan_window(node, now, &spec->from, &spec->to);
}

/* The number of a node's leaf, made when first asked for; UINT32_MAX when it
 * holds nobody whatever the data. */
static uint32_t leaf_of(compiler *c, const plan_node *node)
{
    leaf_spec spec;
    size_t i = hash_mix((uintptr_t)node) & c->known_mask;

    while (c->known[i].node && c->known[i].node != node)
        i = (i + 1) & c->known_mask;
    if (!c->known[i].node) {
        c->known[i].node = node;
        c->known[i].leaf_number =
            leaf_spec_of(c, node, &spec) ? add_leaf(c, &spec) : UINT32_MAX;
    }
    return c->known[i].leaf_number;
}

/* ---- chains ---- */

static bool is_negative(const plan_node *node)
{
    return node->type == PLAN_NOT;
}

/* Rough cost and size of a node: rows in its planes. */
static uint64_t weigh(compiler *c, const plan_node *node)
{
    uint64_t sum = 0;

    if (node->type == PLAN_SPLIT)
        return UINT64_MAX;
    if (node->type == PLAN_ALL)
        return UINT64_MAX - 1;
    if (node->type == PLAN_NONE)
        return 0;
    if (node->child_count == 0) {
        const uint32_t number = leaf_of(c, node);
        return number == UINT32_MAX ? 0
                                    : index_leaf_weight(c->g->leaves[number]);
    }
    for (uint32_t i = 0; i < node->child_count; i++) {
        const uint64_t w = weigh(c, node->children[i]);
        if (node->type == PLAN_AND)
            sum = i == 0 || w < sum ? w : sum;
        else
            sum = w > UINT64_MAX - sum ? UINT64_MAX : sum + w;
    }
    return sum;
}

typedef struct weighed {
    const plan_node *node;
    uint64_t weight;
    uint32_t place;
} weighed;

static int by_weight(const void *a, const void *b)
{
    const weighed *x = a;
    const weighed *y = b;
    if (x->weight != y->weight)
        return x->weight < y->weight ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* A union of disjoint planes: its count among others needs no union. */
static bool is_disjoint(compiler *c, const plan_node *node)
{
    if (node->type != PLAN_HELD && node->type != PLAN_KNOWN)
        return false;
    const uint32_t number = leaf_of(c, node);
    return number != UINT32_MAX &&
           index_leaf_is_disjoint(c->g->leaves[number]);
}

/* Positive children by weight, splits last; of the two children of a whole
 * expression a disjoint one goes last, where it is counted. */
static weighed *order_positive(compiler *c, const plan_node *node,
                               size_t *count)
{
    weighed *list = mem_array(node->child_count, sizeof *list);
    size_t n = 0;

    for (uint32_t i = 0; i < node->child_count; i++) {
        const plan_node *child = node->children[i];
        if (is_negative(child) || child->type == PLAN_ALL)
            continue;
        list[n++] = (weighed){child, weigh(c, child), i};
    }
    qsort(list, n, sizeof *list, by_weight);
    if (node == c->root && n == 2 && node->child_count == 2 &&
        is_disjoint(c, list[0].node)) {
        const weighed first = list[0];
        list[0] = list[1];
        list[1] = first;
    }
    *count = n;
    return list;
}

static void put_split(compiler *c, const plan_node *node, uint32_t r)
{
    step *s = put(c, STEP_SPLIT, r);
    s->split = node;
}

/* Later jumps of a chain all go to its end. */
static void put_jump(compiler *c, uint32_t r, uint32_t *jumps, size_t *count)
{
    put(c, STEP_JUMP_EMPTY, r);
    jumps[(*count)++] = c->g->step_count - 1;
}

static void compile_and(compiler *c, const plan_node *node, uint32_t r,
                        uint32_t tally)
{
    size_t positive_count;
    size_t jump_count = 0;
    weighed *positive = order_positive(c, node, &positive_count);
    uint32_t *jumps = mem_array(node->child_count + 1, sizeof *jumps);

    if (positive_count > 0 && positive[0].node->type != PLAN_SPLIT)
        compile_node(c, positive[0].node, r, tally);
    else
        put_universe(c, r);
    for (size_t i = 0; i < positive_count; i++) {
        if (positive[i].node->type == PLAN_SPLIT) {
            put_split(c, positive[i].node, r);
        } else if (i > 0) {
            put_jump(c, r, jumps, &jump_count);
            compile_node(c, positive[i].node, r + 1, tally);
            put(c, STEP_AND, r);
        }
    }
    for (uint32_t i = 0; i < node->child_count; i++) {
        if (!is_negative(node->children[i]))
            continue;
        put_jump(c, r, jumps, &jump_count);
        compile_node(c, node->children[i]->children[0], r + 1, tally);
        put(c, STEP_ANDNOT, r);
    }
    for (size_t i = 0; i < jump_count; i++)
        c->g->steps[jumps[i]].target = c->g->step_count;
    mem_free(positive);
    mem_free(jumps);
}

static void compile_or(compiler *c, const plan_node *node, uint32_t r,
                       uint32_t tally)
{
    compile_node(c, node->children[0], r, tally);
    for (uint32_t i = 1; i < node->child_count; i++) {
        compile_node(c, node->children[i], r + 1, tally);
        put(c, STEP_OR, r);
    }
}

static void compile_quantity(compiler *c, const plan_node *node, uint32_t r,
                             uint32_t tally)
{
    const uint32_t k = node->child_count;
    int64_t low = node->n;
    int64_t high = node->n;
    const uint32_t bits = 32 - (uint32_t)__builtin_clz(k);

    if (node->quantity == QUANTITY_AT_LEAST)
        high = k;
    else if (node->quantity == QUANTITY_AT_MOST)
        low = 0;
    if (high > k)
        high = k;
    if (low > high) {
        put(c, STEP_NONE, r);
        return;
    }
    if (c->g->tally_count < tally + 1)
        c->g->tally_count = tally + 1;
    if (c->g->tally_bits < bits)
        c->g->tally_bits = bits;
    put(c, STEP_TALLY_ZERO, r)->target = tally;
    for (uint32_t i = 0; i < k; i++) {
        compile_node(c, node->children[i], r, tally + 1);
        put(c, STEP_TALLY_ADD, r)->target = tally;
    }
    step *s = put(c, STEP_TALLY_END, r);
    s->target = tally;
    s->low = (uint32_t)low;
    s->high = (uint32_t)high;
    if (low == 0) {
        put_universe(c, r + 1);
        put(c, STEP_AND, r);
    }
}

static void compile_node(compiler *c, const plan_node *node, uint32_t r,
                         uint32_t tally)
{
    switch (node->type) {
    case PLAN_ALL:
        put_universe(c, r);
        return;
    case PLAN_NONE:
        put(c, STEP_NONE, r);
        return;
    case PLAN_AND:
        compile_and(c, node, r, tally);
        return;
    case PLAN_OR:
        compile_or(c, node, r, tally);
        return;
    case PLAN_NOT:
        put_universe(c, r);
        compile_node(c, node->children[0], r + 1, tally);
        put(c, STEP_ANDNOT, r);
        return;
    case PLAN_QUANTITY:
        compile_quantity(c, node, r, tally);
        return;
    case PLAN_SPLIT:
        put_universe(c, r);
        put_split(c, node, r);
        return;
    default:
        break;
    }
    const uint32_t number = leaf_of(c, node);
    if (number == UINT32_MAX)
        put(c, STEP_NONE, r);
    else
        put_leaf(c, number, r);
}

/* Takes users away who opted out or were forgotten. */
static void put_mask(compiler *c, uint32_t attribute)
{
    static const uint32_t provider = 0;
    const leaf_spec spec = {
        .type = LEAF_HELD,
        .attribute = attribute,
        .providers = &provider,
        .provider_count = 1,
        .any = true,
    };
    if (!index_has_group(c->g->state.index, attribute, provider))
        return;
    put_leaf(c, add_leaf(c, &spec), 1);
    put(c, STEP_ANDNOT, 0);
}

program *program_of_node(const plan *p, const plan_node *node,
                         const program_state *state)
{
    program *g = mem_zalloc(sizeof *g);
    compiler c = {.g = g, .plan = p, .root = node};

    c.known = c.few;
    c.known_mask = sizeof c.few / sizeof c.few[0] - 1;
    while (c.known_mask < 2 * (size_t)p->node_count)
        c.known_mask = 2 * c.known_mask + 1;
    if (c.known_mask >= sizeof c.few / sizeof c.few[0])
        c.known = mem_array(c.known_mask + 1, sizeof *c.known);
    g->state = *state;
    compile_node(&c, node, 0, 0);
    put_mask(&c, INDEX_OPTED_OUT);
    put_mask(&c, INDEX_FORGOTTEN);
    if (c.known != c.few)
        mem_free(c.known);
    return g;
}

program *program_new(const plan *p, const program_state *state)
{
    return program_of_node(p, p->root, state);
}

void program_free(program *g)
{
    if (!g)
        return;
    for (uint32_t i = 0; i < g->leaf_count; i++)
        index_leaf_free(g->leaves[i]);
    mem_free(g->leaves);
    mem_free(g->steps);
    mem_free(g);
}
