/*
 * compile.c - plan to program: leaves are made, everything else is a formula
 * over them (index/formula.h), which orders and shares its parts itself.
 *
 * Complements are taken among all rows: a formula that is not inside the
 * universe by itself is met with it once, at the end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/program.h"

typedef struct compiler {
    program *g;
    const plan *plan;
    formula_part opted_out;
    formula_part forgotten;
    struct spec_table *same; /* joint: leaves by what they are; else NULL */
} compiler;

/* ---- leaves that were made already ---- */

/* Making a leaf looks into every layer; many segments ask the same. */
typedef struct known_spec {
    leaf_spec spec; /* its lists are the plan's */
    uint64_t hash;
    formula_part part;
    bool is_known;
} known_spec;

typedef struct spec_table {
    known_spec *slots; /* open addressing, at most half full */
    size_t mask;
    size_t count;
} spec_table;

static uint64_t spec_hash(const leaf_spec *s)
{
    const uint64_t head[] = {s->type,     s->attribute, s->any,
                             s->exclusive, s->now_hour,  s->from,
                             s->to,       s->bucket_hours,
                             (uint64_t)s->low, (uint64_t)s->high};
    const uint64_t h = hash_bytes_seed(
        s->providers, s->provider_count * sizeof *s->providers,
        hash_bytes(head, sizeof head));
    return hash_bytes_seed(s->values, s->value_count * sizeof *s->values, h);
}

static bool same_list(const uint32_t *a, uint32_t n, const uint32_t *b,
                      uint32_t m)
{
    return n == m && (n == 0 || memcmp(a, b, n * sizeof *a) == 0);
}

static bool same_spec(const leaf_spec *a, const leaf_spec *b)
{
    return a->type == b->type && a->attribute == b->attribute &&
           a->any == b->any && a->exclusive == b->exclusive &&
           a->now_hour == b->now_hour && a->from == b->from &&
           a->to == b->to && a->bucket_hours == b->bucket_hours &&
           a->low == b->low && a->high == b->high &&
           same_list(a->providers, a->provider_count, b->providers,
                     b->provider_count) &&
           same_list(a->values, a->value_count, b->values, b->value_count);
}

static known_spec *spec_slot(const spec_table *t, const leaf_spec *spec,
                             uint64_t hash)
{
    for (size_t i = hash & t->mask;; i = (i + 1) & t->mask) {
        known_spec *k = &t->slots[i];
        if (!k->is_known || (k->hash == hash && same_spec(&k->spec, spec)))
            return k;
    }
}

/* Where a spec is, or is to be: then is_known is to be set. */
static known_spec *spec_table_find(spec_table *t, const leaf_spec *spec)
{
    const uint64_t hash = spec_hash(spec);

    if (2 * (t->count + 1) > t->mask) {
        const spec_table former = *t;
        t->mask = former.slots ? 2 * former.mask + 1 : 255;
        t->slots = mem_zalloc((t->mask + 1) * sizeof *t->slots);
        for (size_t i = 0; former.slots && i <= former.mask; i++)
            if (former.slots[i].is_known)
                *spec_slot(t, &former.slots[i].spec, former.slots[i].hash) =
                    former.slots[i];
        mem_free(former.slots);
    }
    known_spec *k = spec_slot(t, spec, hash);
    if (!k->is_known) {
        k->spec = *spec;
        k->hash = hash;
        t->count++;
    }
    return k;
}

static formula_part compile_node(compiler *c, const plan_node *node);

/* ---- leaves ---- */

static formula_part new_leaf(compiler *c, const leaf_spec *spec)
{
    program *g = c->g;
    index_leaf *leaf = index_leaf_new(g->state.index, spec);

    mem_grow(&g->leaves, &g->leaf_capacity, g->leaf_count + 1,
             sizeof *g->leaves);
    g->leaves[g->leaf_count++] = leaf;
    return index_leaf_formula(g->formula, leaf);
}

static formula_part add_leaf(compiler *c, const leaf_spec *spec)
{
    if (!c->same)
        return new_leaf(c, spec);
    known_spec *k = spec_table_find(c->same, spec);
    if (!k->is_known) {
        k->part = new_leaf(c, spec);
        k->is_known = true;
    }
    return k->part;
}

static formula_part compile_universe(compiler *c)
{
    const leaf_spec spec = {
        .type = LEAF_HELD,
        .attribute = INDEX_UNIVERSE,
        .providers = c->plan->universe,
        .provider_count = c->plan->universe_count,
        .any = true,
        .now_hour = (uint32_t)clock_hour_of(c->g->state.now),
    };
    return add_leaf(c, &spec);
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

static formula_part compile_leaf(compiler *c, const plan_node *node)
{
    leaf_spec spec;
    return leaf_spec_of(c, node, &spec) ? add_leaf(c, &spec)
                                        : FORMULA_NOBODY;
}

/* ---- combinations ---- */

/* [low, high] of the children that may hold; false when none can. */
static bool quantity_of(const plan_node *node, uint64_t *low, uint64_t *high)
{
    const uint64_t k = node->child_count;

    *low = node->quantity == QUANTITY_AT_MOST ? 0 : (uint64_t)node->n;
    *high = node->quantity == QUANTITY_AT_LEAST ? k : (uint64_t)node->n;
    if (*high > k)
        *high = k;
    return *low <= *high;
}

bool plan_is_inside(const plan_node *node)
{
    uint64_t low;
    uint64_t high;
    uint32_t inside = 0;

    switch (node->type) {
    case PLAN_ALL:
    case PLAN_NOT:
        return false;
    case PLAN_AND:
    case PLAN_OR:
    case PLAN_QUANTITY:
        break;
    default:
        return true;
    }
    for (uint32_t i = 0; i < node->child_count; i++)
        inside += plan_is_inside(node->children[i]);
    if (node->type == PLAN_AND)
        return inside > 0;
    if (node->type == PLAN_QUANTITY &&
        (!quantity_of(node, &low, &high) || low == 0))
        return false;
    return inside == node->child_count;
}

static formula_part within_universe(compiler *c, formula_part p)
{
    const formula_part both[2] = {p, compile_universe(c)};
    return formula_and(c->g->formula, both, 2);
}

static bool keep_split(const void *payload, uint32_t row)
{
    const split_test *t = payload;
    const uint32_t bucket = identity_split_bucket(
        &t->node->split, dictionary_primary(t->ids, row));
    return bucket >= t->node->split_from && bucket <= t->node->split_to;
}

static formula_part put_split(compiler *c, const plan_node *node,
                              formula_part among)
{
    program *g = c->g;
    split_test *t = mem_alloc(sizeof *t);

    *t = (split_test){node, g->state.ids, g->splits};
    g->splits = t;
    return formula_filter(g->formula, among, keep_split, t);
}

/* Splits look at every row of what is left, so they come last. */
static formula_part compile_and(compiler *c, const plan_node *node)
{
    formula_part *parts = mem_array(node->child_count, sizeof *parts);
    size_t count = 0;
    bool inside = false;
    bool splits = false;

    for (uint32_t i = 0; i < node->child_count; i++) {
        const plan_node *child = node->children[i];
        if (child->type == PLAN_SPLIT) {
            splits = true;
            continue;
        }
        inside |= plan_is_inside(child);
        parts[count++] = compile_node(c, child);
    }
    formula_part p = formula_and(c->g->formula, parts, count);
    mem_free(parts);
    if (splits && !inside)
        p = within_universe(c, p);
    for (uint32_t i = 0; i < node->child_count; i++)
        if (node->children[i]->type == PLAN_SPLIT)
            p = put_split(c, node->children[i], p);
    return p;
}

static formula_part compile_children(compiler *c, const plan_node *node)
{
    const uint32_t n = node->child_count;
    formula_part *parts = mem_array(n, sizeof *parts);
    formula_part p = FORMULA_NOBODY;
    uint64_t low;
    uint64_t high;

    for (uint32_t i = 0; i < n; i++)
        parts[i] = compile_node(c, node->children[i]);
    if (node->type == PLAN_OR)
        p = formula_or(c->g->formula, parts, n);
    else if (quantity_of(node, &low, &high))
        p = formula_tally(c->g->formula, parts, n, low, high);
    mem_free(parts);
    return p;
}

static formula_part compile_node(compiler *c, const plan_node *node)
{
    switch (node->type) {
    case PLAN_ALL:
        return FORMULA_ALL;
    case PLAN_NONE:
        return FORMULA_NOBODY;
    case PLAN_AND:
        return compile_and(c, node);
    case PLAN_OR:
    case PLAN_QUANTITY:
        return compile_children(c, node);
    case PLAN_NOT:
        return formula_not(compile_node(c, node->children[0]));
    case PLAN_SPLIT:
        return put_split(c, node, compile_universe(c));
    default:
        return compile_leaf(c, node);
    }
}

/* Users who opted out or were forgotten: they are taken away. */
static formula_part compile_mask(compiler *c, uint32_t attribute)
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
        return FORMULA_NOBODY;
    return add_leaf(c, &spec);
}

static void compile_masks(compiler *c)
{
    c->opted_out = compile_mask(c, INDEX_OPTED_OUT);
    c->forgotten = compile_mask(c, INDEX_FORGOTTEN);
}

/* A whole question: within the universe, without masked users. */
static formula_part compile_whole(compiler *c, const plan_node *node)
{
    formula_part whole = compile_node(c, node);
    if (!plan_is_inside(node))
        whole = within_universe(c, whole);
    const formula_part all[3] = {
        whole,
        formula_not(c->opted_out),
        formula_not(c->forgotten),
    };
    return formula_and(c->g->formula, all, 3);
}

static void begin_program(compiler *c, const program_state *state)
{
    c->g->state = *state;
    c->g->formula = formula_new();
    if (state->once)
        formula_without_forms(c->g->formula);
    compile_masks(c);
}

program *program_of_node(const plan *p, const plan_node *node,
                         const program_state *state)
{
    program *g = mem_zalloc(sizeof *g);
    compiler c = {.g = g, .plan = p};

    begin_program(&c, state);
    formula_root(g->formula, compile_whole(&c, node), state->rows);
    return g;
}

program *program_new(const plan *p, const program_state *state)
{
    return program_of_node(p, p->root, state);
}

static void release(program *g)
{
    formula_free(g->formula);
    for (uint32_t i = 0; i < g->leaf_count; i++)
        index_leaf_free(g->leaves[i]);
    while (g->splits) {
        split_test *next = g->splits->next;
        mem_free(g->splits);
        g->splits = next;
    }
    mem_free(g->leaves);
}

void program_free(program *g)
{
    if (!g)
        return;
    release(g);
    mem_free(g);
}

/* ---- many at once ---- */

struct joint {
    program g; /* whose formula has no root of its own */
    formula_part *roots;
    size_t count;
};

joint *joint_new(const plan *const *plans, size_t n,
                 const program_state *state)
{
    joint *j = mem_zalloc(sizeof *j);
    spec_table same = {0};
    compiler c = {.g = &j->g, .same = &same};

    j->roots = mem_array(n + 1, sizeof *j->roots);
    j->count = n;
    begin_program(&c, state);
    for (size_t i = 0; i < n; i++) {
        c.plan = plans[i];
        j->roots[i] = compile_whole(&c, plans[i]->root);
    }
    mem_free(same.slots);
    formula_root(j->g.formula, FORMULA_NOBODY, state->rows);
    return j;
}

void joint_free(joint *j)
{
    if (!j)
        return;
    release(&j->g);
    mem_free(j->roots);
    mem_free(j);
}

void joint_rows(const joint *j, size_t count, const uint32_t *rows,
                uint32_t n, uint64_t (*out)[FORMULA_MASK_WORDS])
{
    ASSERT(count <= j->count);
    formula_masks(j->g.formula, j->roots, count, rows, n, out);
}

bool joint_has(const joint *j, size_t i, uint32_t row)
{
    ASSERT(i < j->count && row < j->g.state.rows);
    return formula_part_has(j->g.formula, j->roots[i], row);
}
