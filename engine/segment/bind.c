/*
 * bind.c - a tree and the catalog to a plan.
 *
 * The plan mirrors the tree: an AND, OR or `of` of n children is a plan node
 * of n children in the same order, so clauses of text and plan can be walked
 * side by side. A segment("s") is the plan of that segment's expression,
 * bound anew for each reference from a tree parsed once; its root carries the
 * reference (the outermost one, where references meet).
 *
 * Bounds, over the inlined whole: MUSTER_SEGMENT_NODES_MAX plan nodes, and
 * MUSTER_SEGMENT_DEPTH_MAX levels of and, or, not, `of`, segment() and
 * taxonomy(). So segments that refer to others twice each cannot explode, and
 * recursion is bounded here and in whoever walks a plan.
 *
 * Nothing is bound without a scope: the providers it sees are the universe.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/bind.h"

#include <stdio.h>

#define PATH_BYTES_MAX 400 /* of a cycle in a message */

static plan_node *bind_expr(binder *b, const ast_node *ast);

/* ---- errors and notes ---- */

__attribute__((format(printf, 6, 0))) static void
set_error(const binder *b, muster_error *err, uint32_t offset, uint32_t length,
          const char *word, const char *format, va_list args)
{
    char line[512];
    vsnprintf(line, sizeof line, format, args);
    if (b->outermost != NULL) {
        const muster_text key = b->frame->key;
        error_set(err, MUSTER_EEXPR, word, "in segment \"%.*s\": %s",
                  (int)key.len, key.ptr, line);
        offset = b->outermost->offset;
        length = b->outermost->length;
    } else {
        error_set(err, MUSTER_EEXPR, word, "%s", line);
    }
    tree_place(b->plan->tree, (ast_place){offset, length}, err);
}

void *bind_fail(binder *b, uint32_t offset, uint32_t length, const char *word,
                const char *format, ...)
{
    va_list args;
    if (b->err == NULL)
        return NULL;
    va_start(args, format);
    set_error(b, b->err, offset, length, word, format, args);
    va_end(args);
    return NULL;
}

muster_error *bind_warn(binder *b, uint32_t offset, uint32_t length,
                        const char *word, const char *format, ...)
{
    va_list args;
    muster_error *note = tree_note(b->notes);
    if (note == NULL)
        return NULL;
    va_start(args, format);
    set_error(b, note, offset, length, word, format, args);
    va_end(args);
    note->code = MUSTER_OK;
    return note;
}

/* ---- nodes ---- */

plan_node *bind_node(binder *b, plan_type type, const ast_node *ast)
{
    ASSERT(ast != NULL);
    if (b->plan->node_count >= MUSTER_SEGMENT_NODES_MAX)
        return bind_fail(b, ast->offset, ast->length, "expr_nodes",
                         "the expression has more than %u parts, those of "
                         "the segments it names included",
                         MUSTER_SEGMENT_NODES_MAX);
    plan_node *node = arena_zalloc(&b->plan->memory, sizeof *node);
    node->type = type;
    node->ast = ast;
    b->plan->node_count++;
    return node;
}

plan_node *bind_group(binder *b, plan_type type, const ast_node *ast,
                      plan_node **children, uint32_t count)
{
    ASSERT(count > 0);
    plan_node *node = bind_node(b, type, ast);
    if (node == NULL)
        return NULL;
    node->children = children;
    node->child_count = count;
    return node;
}

static plan_node **new_children(binder *b, uint32_t count)
{
    return arena_zalloc(&b->plan->memory, count * sizeof(plan_node *));
}

plan_node *bind_not(binder *b, const ast_node *ast, plan_node *child)
{
    if (child == NULL)
        return NULL;
    plan_node **children = new_children(b, 1);
    children[0] = child;
    return bind_group(b, PLAN_NOT, ast, children, 1);
}

plan_node *bind_both(binder *b, const ast_node *ast, plan_node *first,
                     plan_node *second)
{
    if (first == NULL || second == NULL)
        return NULL;
    plan_node **children = new_children(b, 2);
    children[0] = first;
    children[1] = second;
    return bind_group(b, PLAN_AND, ast, children, 2);
}

/* ---- chains and quantities ---- */

static plan_node *bind_children(binder *b, const ast_node *ast, plan_type type)
{
    plan_node **children = new_children(b, ast->child_count);
    for (uint32_t i = 0; i < ast->child_count; i++) {
        children[i] = bind_expr(b, ast->children[i]);
        if (children[i] == NULL)
            return NULL;
    }
    plan_node *node = bind_group(b, type, ast, children, ast->child_count);
    if (node != NULL && type == PLAN_QUANTITY) {
        ASSERT(ast->quantity != QUANTITY_NONE && ast->n >= 0);
        node->quantity = ast->quantity;
        node->n = ast->n;
    }
    return node;
}

static plan_node *bind_split(binder *b, const ast_node *ast)
{
    if (ast->split_from < 0 || ast->split_to > 99 ||
        ast->split_from > ast->split_to)
        return bind_fail(b, ast->offset, ast->length, "bad_split",
                         "a split goes from a smaller to a larger number "
                         "within 0..99");
    plan_node *node = bind_node(b, PLAN_SPLIT, ast);
    if (node == NULL)
        return NULL;
    ASSERT(b->with->key != NULL);
    identity_split_init(&node->split, b->with->key, ast->text);
    node->split_from = (uint32_t)ast->split_from;
    node->split_to = (uint32_t)ast->split_to;
    return node;
}

/* ---- segments in segments ---- */

static void put_path(const bind_frame *frame, buffer *out)
{
    if (frame->outer != NULL) {
        put_path(frame->outer, out);
        buffer_put_str(out, " -> ");
    }
    buffer_put_text(out, frame->key);
}

static plan_node *fail_cycle(binder *b, const ast_node *ast)
{
    buffer path;
    buffer_init(&path, PATH_BYTES_MAX);
    put_path(b->frame, &path);
    buffer_put_str(&path, " -> ");
    buffer_put_text(&path, ast->text);
    bind_fail(b, ast->offset, ast->length, "segment_cycle",
              "segments refer to themselves: %s",
              buffer_ok(&path) ? buffer_cstr(&path) : "a long cycle");
    buffer_release(&path);
    return NULL;
}

static plan_node *fail_unknown_segment(binder *b, const ast_node *ast)
{
    bind_fail(b, ast->offset, ast->length, "unknown_segment",
              "there is no segment \"%.*s\"", (int)ast->text.len,
              ast->text.ptr);
    if (b->with->keys == NULL || b->outermost != NULL)
        return NULL;
    near_name near;
    near_init(&near, ast->text);
    b->with->keys(b->with->payload, &near);
    if (near.best.ptr != NULL)
        error_suggest(b->err, "segment(\"%.*s\")", (int)near.best.len,
                      near.best.ptr);
    return NULL;
}

/* The tree of a segment's expression, parsed at its first use. */
static const ast_tree *inlined_tree(binder *b, const ast_node *ast,
                                    muster_text text)
{
    plan *p = b->plan;
    for (size_t i = 0; i < p->inlined_count; i++)
        if (text_equal(b->inlined_keys[i], ast->text))
            return p->inlined[i];
    ast_tree *tree = NULL;
    muster_error inner;
    error_clear(&inner);
    if (segment_parse(&tree, text, &inner) != 0)
        return bind_fail(b, ast->offset, ast->length, inner.word,
                         "segment \"%.*s\" does not parse: %s",
                         (int)ast->text.len, ast->text.ptr, inner.message);
    size_t capacity = b->inlined_capacity;
    mem_grow(&p->inlined, &capacity, p->inlined_count + 1, sizeof *p->inlined);
    mem_grow(&b->inlined_keys, &b->inlined_capacity, p->inlined_count + 1,
             sizeof *b->inlined_keys);
    b->inlined_keys[p->inlined_count] = ast->text;
    p->inlined[p->inlined_count++] = tree;
    return tree;
}

static plan_node *bind_segment(binder *b, const ast_node *ast)
{
    for (const bind_frame *f = b->frame; f != NULL; f = f->outer)
        if (text_equal(f->key, ast->text))
            return fail_cycle(b, ast);
    muster_text text = text_make(NULL, 0);
    const bool seen = b->with->sees == NULL || b->outermost != NULL ||
                      b->with->sees(b->with->payload, ast->text);
    if (b->with->find != NULL && seen)
        text = b->with->find(b->with->payload, ast->text);
    if (text.ptr == NULL)
        return fail_unknown_segment(b, ast);
    const ast_tree *tree = inlined_tree(b, ast, text);
    if (tree == NULL)
        return NULL;
    const bind_frame frame = {b->frame, ast->text, ast};
    const ast_node *outer = b->outermost;
    b->frame = &frame;
    b->outermost = outer != NULL ? outer : ast;
    plan_node *node = bind_expr(b, segment_root(tree));
    b->frame = frame.outer;
    b->outermost = outer;
    if (node != NULL)
        node->reference = ast;
    return node;
}

/* ---- the tree ---- */

static plan_node *bind_inner(binder *b, const ast_node *ast)
{
    switch (ast->type) {
    case AST_AND:
        return bind_children(b, ast, PLAN_AND);
    case AST_OR:
        return bind_children(b, ast, PLAN_OR);
    case AST_QUANTITY:
        return bind_children(b, ast, PLAN_QUANTITY);
    case AST_NOT:
        ASSERT(ast->child_count == 1);
        return bind_not(b, ast, bind_expr(b, ast->children[0]));
    case AST_SEGMENT:
        return bind_segment(b, ast);
    case AST_TAXONOMY:
        return bind_taxonomy(b, ast);
    default:
        ASSERT(!"a leaf has no inner nodes");
        return NULL;
    }
}

static plan_node *bind_expr(binder *b, const ast_node *ast)
{
    switch (ast->type) {
    case AST_ALL:
        return bind_node(b, PLAN_ALL, ast);
    case AST_NONE:
        return bind_node(b, PLAN_NONE, ast);
    case AST_SPLIT:
        return bind_split(b, ast);
    case AST_PREDICATE:
        return bind_predicate(b, ast);
    default:
        break;
    }
    if (b->depth == MUSTER_SEGMENT_DEPTH_MAX)
        return bind_fail(b, ast->offset, ast->length, "expr_depth",
                         "the expression is nested deeper than %u levels, "
                         "those of the segments it names included",
                         MUSTER_SEGMENT_DEPTH_MAX);
    b->depth++;
    plan_node *node = bind_inner(b, ast);
    b->depth--;
    return node;
}

static void set_universe(binder *b)
{
    const catalog *names = b->with->names;
    const size_t count = catalog_provider_count(names);
    uint32_t *ids =
        arena_zalloc(&b->plan->memory, (count + 1) * sizeof(uint32_t));
    uint32_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        const catalog_provider *row = catalog_provider_get(names, (uint32_t)i);
        if (row != NULL && scope_sees_provider(b->with->viewer, row))
            ids[seen++] = row->id;
    }
    b->plan->universe = ids;
    b->plan->universe_count = seen;
}

int segment_bind(plan **out, ast_tree *take_tree,
                 const segment_binding *binding, segment_diagnostics *notes,
                 muster_error *err)
{
    ASSERT(out != NULL && take_tree != NULL && binding != NULL);
    ASSERT(binding->names != NULL && binding->viewer != NULL);
    plan *p = mem_zalloc(sizeof *p);
    const bind_frame self = {NULL, binding->self, NULL};
    arena_init(&p->memory);
    p->tree = take_tree;
    p->catalog_version = catalog_version(binding->names);
    binder b = {.plan = p,
                .with = binding,
                .notes = notes,
                .err = err,
                .frame = binding->self.ptr != NULL ? &self : NULL,
                .near_left = BIND_NEAR_BUDGET};
    set_universe(&b);
    p->root = bind_expr(&b, segment_root(take_tree));
    mem_free(b.inlined_keys);
    if (p->root == NULL) {
        segment_plan_free(p);
        *out = NULL;
        return MUSTER_EEXPR;
    }
    if (notes != NULL)
        segment_lint(take_tree, binding->names, binding->facts, notes);
    *out = p;
    return 0;
}

void segment_plan_free(plan *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->inlined_count; i++)
        segment_tree_free(p->inlined[i]);
    mem_free(p->inlined);
    segment_tree_free(p->tree);
    arena_release(&p->memory);
    mem_free(p);
}
