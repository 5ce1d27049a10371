/*
 * bind_taxonomy.c - taxonomy("n") to what is mapped to the node and to those
 * below it.
 *
 * The mappings become the predicates that one would have written, an attribute
 * each, and are bound as such: so scope, kinds and windows are theirs.
 *
 *   the whole attribute    its name alone (flag, event), `is known`
 *   values                 a in ("v", "w")
 *   numbers                a = 7, a between 18 and 24
 *
 * The plan is an OR of them under the call; a node to which nothing is mapped
 * holds nobody, with a warning. A mapped value that no record has said yet is
 * no warning, but the plan is open then: it is bound again when there is one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/bind.h"

/* A predicate at the place of the call, in the plan's memory. */
static ast_node *new_predicate(binder *b, const ast_node *call,
                               const catalog_attribute *a)
{
    ast_node *ast = arena_zalloc(&b->plan->memory, sizeof *ast);
    ast->type = AST_PREDICATE;
    ast->offset = call->offset;
    ast->length = call->length;
    ast->attribute_offset = call->offset;
    ast->attribute = text_of(a->name);
    return ast;
}

static ast_value *new_values(binder *b, uint32_t count)
{
    return arena_zalloc(&b->plan->memory, count * sizeof(ast_value));
}

static plan_node *bind_whole(binder *b, const ast_node *call,
                             const catalog_attribute *a)
{
    ast_node *ast = new_predicate(b, call, a);
    const bool bare = a->kind == KIND_FLAG || a->kind == KIND_EVENT;
    ast->compare = bare ? COMPARE_NONE : COMPARE_KNOWN;
    return bind_predicate(b, ast);
}

static plan_node *bind_range(binder *b, const ast_node *call,
                             const catalog_attribute *a, muster_text range)
{
    ast_node *ast = new_predicate(b, call, a);
    int64_t low = 0;
    int64_t high = 0;
    const bool fine = taxonomy_is_range(range, &low, &high);
    ASSERT(fine); /* the catalog checked it */
    ast->compare = low == high ? COMPARE_EQ : COMPARE_BETWEEN;
    ast->value_count = low == high ? 1 : 2;
    ast->values = new_values(b, ast->value_count);
    ast->values[0].type = VALUE_NUMBER;
    ast->values[0].number = low;
    ast->values[ast->value_count - 1].type = VALUE_NUMBER;
    ast->values[ast->value_count - 1].number = high;
    if (a->unit_date)
        for (uint32_t i = 0; i < ast->value_count; i++) {
            ast_value *v = &ast->values[i];
            v->type = VALUE_DATE;
            v->date.type = DATE_DAY;
            v->date.day = (muster_day)(v->number / MUSTER_NUMBER_SCALE);
        }
    return bind_predicate(b, ast);
}

/* Mappings of one attribute that are below the node. */
typedef struct mapped {
    const catalog_attribute *attribute;
    const taxonomy_mapping *const *items;
    uint32_t count;
} mapped;

static plan_node *bind_texts(binder *b, const ast_node *call, const mapped *m)
{
    ast_node *ast = new_predicate(b, call, m->attribute);
    ast->values = new_values(b, m->count);
    for (uint32_t i = 0; i < m->count; i++) {
        const muster_text text = m->items[i]->value;
        if (i > 0 && text_equal(text, m->items[i - 1]->value))
            continue; /* mapped to another node too */
        ast_value *v = &ast->values[ast->value_count++];
        v->type = VALUE_STRING;
        v->text = text_make(
            arena_strndup(&b->plan->memory, text.ptr, text.len), text.len);
    }
    ast->compare = ast->value_count > 1 ? COMPARE_IN : COMPARE_EQ;
    return bind_predicate(b, ast);
}

/* One node or, of a number, one for each range; false: an error is set. */
static bool bind_mapped(binder *b, const ast_node *call, const mapped *m,
                        plan_node **children, uint32_t *count)
{
    const catalog_attribute *a = m->attribute;
    const uint32_t first = *count;
    if (m->items[0]->value.ptr == NULL) /* the whole stands first */
        children[(*count)++] = bind_whole(b, call, a);
    else if (a->kind != KIND_NUMBER)
        children[(*count)++] = bind_texts(b, call, m);
    else
        for (uint32_t i = 0; i < m->count; i++)
            if (*count == first || children[*count - 1] != NULL)
                children[(*count)++] =
                    bind_range(b, call, a, m->items[i]->value);
    return children[*count - 1] != NULL;
}

/* What is mapped to nodes [first, end), in order; how many. */
static uint32_t gather(const catalog_taxonomy *t, uint32_t first, uint32_t end,
                       const taxonomy_mapping **out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->mapping_count; i++)
        if (t->mappings[i].node >= first && t->mappings[i].node < end)
            out[n++] = &t->mappings[i];
    return n;
}

static plan_node *bind_node_of(binder *b, const ast_node *call,
                               const catalog_taxonomy *t, uint32_t node)
{
    arena *memory = &b->plan->memory;
    const taxonomy_mapping **items =
        mem_array((size_t)t->mapping_count + 1, sizeof *items);
    const uint32_t n = gather(t, node, t->nodes[node].end, items);
    plan_node **children =
        arena_zalloc(memory, ((size_t)n + 1) * sizeof *children);
    uint32_t count = 0;
    bool bound = true;
    for (uint32_t i = 0, to; i < n && bound; i = to) {
        const uint32_t attribute = items[i]->attribute;
        for (to = i + 1; to < n && items[to]->attribute == attribute;)
            to++;
        const mapped m = {catalog_attribute_get(b->with->names, attribute),
                          items + i, to - i};
        bound = bind_mapped(b, call, &m, children, &count);
    }
    mem_free(items);
    if (!bound)
        return NULL;
    return count == 0 ? bind_node(b, PLAN_NONE, call)
                      : bind_group(b, PLAN_OR, call, children, count);
}

static plan_node *fail_unknown(binder *b, const ast_node *call,
                               const catalog_taxonomy *t)
{
    const int shown = (int)(call->text.len < 100 ? call->text.len : 100);
    const char *near = taxonomy_suggest(t, call->text);
    bind_fail(b, call->offset, call->length, "unknown_taxonomy",
              "there is no node \"%.*s\" in the taxonomy %s", shown,
              call->text.ptr, t->name);
    if (near != NULL && b->outermost == NULL)
        error_suggest(b->err, "taxonomy(\"%s\")", near);
    return NULL;
}

plan_node *bind_taxonomy(binder *b, const ast_node *call)
{
    const catalog_taxonomy *t = catalog_taxonomy_get(b->with->names);
    segment_diagnostics *notes = b->notes;
    if (t == NULL)
        return bind_fail(b, call->offset, call->length, "unknown_taxonomy",
                         "no taxonomy is loaded");
    const uint32_t node = taxonomy_find(t, call->text);
    if (node == CATALOG_NONE)
        return fail_unknown(b, call, t);
    b->notes = NULL; /* values that are mapped need not be known */
    plan_node *bound = bind_node_of(b, call, t, node);
    b->notes = notes;
    if (bound != NULL && bound->type == PLAN_NONE)
        bind_warn(b, call->offset, call->length, "nothing_mapped",
                  "nothing is mapped to the node \"%s\" or below it",
                  t->nodes[node].path);
    return bound;
}
