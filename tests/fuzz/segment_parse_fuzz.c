/*
 * segment_parse_fuzz.c - any bytes as an expression, and as its JSON.
 *
 * What parses has to make the way to canonical text and to JSON and back as
 * the same tree, to bind or be refused, and to be linted. What does not parse
 * has an error whose place lies in the text and can be shown. An input that
 * begins with '{' is read as JSON first.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/ast.h"
#include "segment/segment.h"

#define BYTES_MAX ((size_t)4 << 20)

static const char catalog_text[] =
    "{\"providers\":{\"acme\":{\"party\":\"third\"}},"
    "\"attributes\":{"
    " \"f\":{\"kind\":\"flag\"}, \"o\":{\"kind\":\"one_of\"},"
    " \"m\":{\"kind\":\"many_of\"}, \"n\":{\"kind\":\"number\"},"
    " \"d\":{\"kind\":\"number\",\"unit\":\"date\"},"
    " \"e\":{\"kind\":\"event\",\"amount\":true},"
    " \"h\":{\"kind\":\"event\",\"grain\":\"hour\"}}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct world {
    catalog *names;
    scope *viewer;
} world;

/* Made once: a catalog with every kind, nothing in it. */
static const world *get_world(void)
{
    static world w;
    if (w.names != NULL)
        return &w;
    w.names = catalog_new();
    ASSERT(catalog_file_apply(w.names, catalog_text, sizeof catalog_text - 1,
                              NULL) == 0);
    ASSERT(scope_new(&w.viewer, text_of("fuzz"), PURPOSE_ANALYSIS, text_of(""),
                     NULL) == 0);
    return &w;
}

static muster_text find_segment(void *payload, muster_text key)
{
    (void)payload;
    if (text_is(key, "a"))
        return text_of("f or segment(\"b\")");
    if (text_is(key, "b"))
        return text_of("o = \"x\"");
    return text_make(NULL, 0);
}

static bool has_split(const ast_node *node)
{
    bool found = node->type == AST_SPLIT;
    for (uint32_t i = 0; i < node->child_count && !found; i++)
        found = has_split(node->children[i]);
    return found;
}

/* Through text and JSON and back. */
static void check_ways(const ast_tree *tree)
{
    const ast_node *root = segment_root(tree);
    buffer text;
    buffer json;
    json_writer writer;
    json_doc *doc = NULL;
    ast_tree *again = NULL;
    buffer_init(&text, BYTES_MAX);
    buffer_init(&json, BYTES_MAX);
    segment_format(root, &text);
    ASSERT(segment_parse(&again, text_of(buffer_cstr(&text)), NULL) == 0);
    ASSERT(segment_same(root, segment_root(again)));
    segment_tree_free(again);
    json_begin(&writer, &json, false);
    segment_to_json(root, &writer);
    ASSERT(buffer_ok(&json));
    ASSERT(json_parse(&doc, (const char *)json.data, json.len, JSON_STRICT,
                      NULL) == 0);
    ASSERT(segment_from_json(&again, json_root(doc), NULL) == 0);
    ASSERT(segment_same(root, segment_root(again)));
    segment_tree_free(again);
    json_free(doc);
    buffer_release(&text);
    buffer_release(&json);
}

static void show(const muster_error *err, muster_text text)
{
    buffer out;
    buffer_init(&out, BYTES_MAX);
    ASSERT(err->offset + err->length <= text.len);
    segment_error_caret(err, text, &out);
    ASSERT(buffer_ok(&out));
    buffer_release(&out);
}

static void check_tree(ast_tree *take_tree, muster_text text)
{
    const world *w = get_world();
    const segment_binding binding = {
        .names = w->names, .viewer = w->viewer, .find = find_segment};
    segment_diagnostics notes = {0};
    muster_error err;
    plan *p = NULL;
    check_ways(take_tree);
    if (has_split(segment_root(take_tree))) { /* there is no key here */
        segment_lint(take_tree, w->names, NULL, &notes);
        segment_tree_free(take_tree);
    } else if (segment_bind(&p, take_tree, &binding, &notes, &err) != 0) {
        show(&err, text);
    }
    for (size_t i = 0; i < notes.count; i++)
        show(&notes.items[i].detail, text);
    segment_plan_free(p);
    segment_diagnostics_release(&notes);
}

static void try_json(const char *text, size_t size)
{
    json_doc *doc = NULL;
    ast_tree *tree = NULL;
    muster_error err;
    if (json_parse(&doc, text, size, JSON_STRICT, NULL) != 0)
        return;
    if (segment_from_json(&tree, json_root(doc), &err) == 0)
        check_tree(tree, text_make("", 0));
    else
        ASSERT(err.code == MUSTER_EEXPR && err.line == 0);
    json_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const muster_text text = text_make((const char *)data, size);
    muster_error err;
    ast_tree *tree = NULL;
    if (size > 0 && data[0] == '{')
        try_json(text.ptr, size);
    if (segment_parse(&tree, text, &err) != 0) {
        ASSERT(tree == NULL && err.code == MUSTER_EEXPR);
        show(&err, text_make(size > 0 ? text.ptr : "", size));
        return 0;
    }
    check_tree(tree, text);
    return 0;
}
