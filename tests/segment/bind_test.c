/*
 * bind_test.c - tree and catalog to plan: bind.cases (the plan, or the error,
 * and warnings), lint.cases, segments in segments, limits.
 *
 * A plan is shown as its nodes: HELD(attribute 1,2) with value numbers,
 * NUMBER(attribute low..high), and so on; window and providers only where
 * they are not the whole.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "segment/cases.h"
#include "segment/plan.h"

/* `tag` and `big` have values; 1 = red, 2 = green, 3 = blue. */
static const char catalog_text[] =
    "{\"providers\":{\"shop\":{\"party\":\"first\"},"
    " \"acme.example\":{\"party\":\"third\"}},"
    "\"attributes\":{"
    " \"vip\":{\"kind\":\"flag\"},"
    " \"color\":{\"kind\":\"one_of\"},"
    " \"tag\":{\"kind\":\"many_of\"},"
    " \"age\":{\"kind\":\"number\"},"
    " \"ends\":{\"kind\":\"number\",\"unit\":\"date\"},"
    " \"view\":{\"kind\":\"event\",\"cap\":20,\"retention\":\"100d\"},"
    " \"buy\":{\"kind\":\"event\",\"amount\":true},"
    " \"ping\":{\"kind\":\"event\",\"grain\":\"hour\","
    "  \"retention\":\"10d\"}}}";

typedef struct fixture {
    catalog *names;
    scope *viewer;
    identity_key *key;
    const char *const *segments; /* key, text, key, text, .., NULL */
    muster_text self;
} fixture;

static muster_text find_segment(void *payload, muster_text key)
{
    const fixture *f = payload;
    for (const char *const *s = f->segments; *s != NULL; s += 2)
        if (text_is(key, s[0]))
            return text_of(s[1]);
    return text_make(NULL, 0);
}

static void offer_segments(void *payload, near_name *near)
{
    const fixture *f = payload;
    for (const char *const *s = f->segments; *s != NULL; s += 2)
        near_offer(near, text_of(s[0]));
}

static void add_values(catalog *names, const char *attribute)
{
    static const char *const values[] = {"red", "green", "blue"};
    const uint32_t id = catalog_attribute_find(names, text_of(attribute))->id;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(catalog_value_intern(names, id, text_of(values[i])),
                         i + 1);
}

static const char *const some_segments[] = {
    "vips",  "vip",
    "reds",  "color = \"red\" and segment(\"vips\")",
    "loop",  "vip or segment(\"pool\")",
    "pool",  "segment(\"loop\")",
    "odd",   "color = \"pink\"",
    "bad",   "vip and",
    "wrong", "age = \"x\"",
    NULL};

static int set_up(void **state)
{
    fixture *f = mem_zalloc(sizeof *f);
    muster_error err;
    char path[512];
    const char *folder = getenv("TMPDIR");
    error_clear(&err);
    snprintf(path, sizeof path, "%s/bind_test.%ld.key",
             folder != NULL ? folder : "/tmp", (long)getpid());
    f->names = catalog_new();
    if (catalog_file_apply(f->names, catalog_text, strlen(catalog_text),
                           &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(scope_new(&f->viewer, text_of("test"), PURPOSE_ANALYSIS,
                               text_of(""), &err),
                     0);
    assert_int_equal(identity_key_open(&f->key, path, true, &err), 0);
    unlink(path);
    add_values(f->names, "color");
    add_values(f->names, "tag");
    add_values(f->names, "view");
    add_values(f->names, "buy");
    f->segments = some_segments;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    identity_key_free(f->key);
    scope_free(f->viewer);
    catalog_free(f->names);
    mem_free(f);
    return 0;
}

static int bind_text(fixture *f, muster_text text, plan **out,
                     segment_diagnostics *notes, muster_error *err)
{
    const segment_binding binding = {.names = f->names,
                                     .viewer = f->viewer,
                                     .key = f->key,
                                     .find = find_segment,
                                     .keys = offer_segments,
                                     .payload = f,
                                     .self = f->self};
    ast_tree *tree = NULL;
    *out = NULL;
    error_clear(err);
    const int rc = segment_parse(&tree, text, err);
    return rc != 0 ? rc : segment_bind(out, tree, &binding, notes, err);
}

/* ---- showing a plan ---- */

static const char *const type_names[] = {
    [PLAN_ALL] = "ALL",   [PLAN_NONE] = "NONE",   [PLAN_AND] = "AND",
    [PLAN_OR] = "OR",     [PLAN_NOT] = "NOT",     [PLAN_QUANTITY] = "OF",
    [PLAN_HELD] = "HELD", [PLAN_KNOWN] = "KNOWN", [PLAN_NUMBER] = "NUMBER",
    [PLAN_SEEN] = "SEEN", [PLAN_COUNT] = "COUNT", [PLAN_TOTAL] = "TOTAL",
    [PLAN_DAYS] = "DAYS", [PLAN_SPLIT] = "SPLIT"};

static void put_ids(const char *before, const uint32_t *ids, uint32_t count,
                    buffer *out)
{
    buffer_put_str(out, before);
    for (uint32_t i = 0; i < count; i++)
        buffer_printf(out, i > 0 ? ",%u" : "%u", ids[i]);
    if (count == 0)
        buffer_put_str(out, "nothing");
}

static void put_bound(int64_t bound, bool today, buffer *out)
{
    char text[32];
    text_format_number(text, bound);
    if (!today && bound == PLAN_NUMBER_MIN)
        buffer_put_str(out, "min");
    else if (!today && bound == PLAN_NUMBER_MAX)
        buffer_put_str(out, "max");
    else
        buffer_printf(out, "%s%s", today ? "today+" : "", text);
}

static void put_plan_window(const ast_window *w, buffer *out)
{
    ast_node bare = {.type = AST_PREDICATE, .attribute = text_of("")};
    bare.window = *w;
    if (w->type != WINDOW_NONE)
        segment_format(&bare, out); /* leads with a blank */
}

static void put_plan(const plan *p, const plan_node *node, buffer *out)
{
    static const char *const quantities[] = {"", ">=", "<=", "=="};
    buffer_put_str(out, type_names[node->type]);
    if (node->quantity != QUANTITY_NONE)
        buffer_printf(out, "%s%lld", quantities[node->quantity],
                      (long long)node->n);
    if (node->child_count > 0) {
        for (uint32_t i = 0; i < node->child_count; i++) {
            buffer_put_str(out, i == 0 ? "(" : ", ");
            put_plan(p, node->children[i], out);
        }
        buffer_put_u8(out, ')');
        return;
    }
    if (node->type == PLAN_SPLIT)
        buffer_printf(out, "(%u..%u)", node->split_from, node->split_to);
    if (node->attribute == 0)
        return;
    buffer_printf(out, "(%u", node->attribute);
    if (node->type == PLAN_NUMBER) {
        buffer_put_u8(out, ' ');
        put_bound(node->low, node->low_today, out);
        buffer_put_str(out, "..");
        put_bound(node->high, node->high_today, out);
    } else if (!node->any_value) {
        put_ids(" ", node->values, node->value_count, out);
    }
    put_plan_window(&node->window, out);
    if (node->providers != p->universe)
        put_ids(" from ", node->providers, node->provider_count, out);
    buffer_put_u8(out, ')');
}

/* ---- cases ---- */

/* Sanity of every plan: sorted lists, places inside the text. */
static void check_plan(const plan *p, const plan_node *node)
{
    assert_non_null(node->ast);
    for (uint32_t i = 1; i < node->value_count; i++)
        assert_true(node->values[i - 1] < node->values[i]);
    for (uint32_t i = 1; i < node->provider_count; i++)
        assert_true(node->providers[i - 1] < node->providers[i]);
    for (uint32_t i = 0; i < node->child_count; i++)
        check_plan(p, node->children[i]);
}

static void run_case(fixture *f, muster_text text, bool lint, buffer *out)
{
    plan *p = NULL;
    segment_diagnostics notes = {0};
    muster_error err;
    const int rc = bind_text(f, text, &p, &notes, &err);
    if (rc != 0) {
        assert_int_equal(rc, MUSTER_EEXPR);
        assert_null(p);
        case_put_error(&err, text, out);
    } else {
        check_plan(p, p->root);
        if (!lint) {
            put_plan(p, p->root, out);
            buffer_put_u8(out, '\n');
        }
    }
    for (size_t i = 0; i < notes.count; i++) {
        const muster_error *note = &notes.items[i].detail;
        const bool is_lint =
            text_starts_with(text_of(note->word), text_of("lint_"));
        assert_false(notes.items[i].error);
        if (lint == is_lint || strncmp(note->word, "window_", 7) == 0)
            case_put_error(note, text, out);
    }
    segment_diagnostics_release(&notes);
    segment_plan_free(p);
}

static void run_bind_case(void *payload, muster_text text, buffer *out)
{
    run_case(payload, text, false, out);
}

static void run_lint_case(void *payload, muster_text text, buffer *out)
{
    run_case(payload, text, true, out);
}

static void test_segment_bind__cases(void **state)
{
    assert_int_equal(case_run("bind.cases", run_bind_case, *state), 0);
}

static void test_segment_lint__cases(void **state)
{
    assert_int_equal(case_run("lint.cases", run_lint_case, *state), 0);
}

/* ---- segments ---- */

static void test_segment_bind__a_cycle_through_the_saved_one(void **state)
{
    fixture *f = *state;
    plan *p = NULL;
    muster_error err;
    f->self = text_of("vips");
    assert_int_equal(
        bind_text(f, text_of("age > 5 and segment(\"reds\")"), &p, NULL, &err),
        MUSTER_EEXPR);
    assert_string_equal(err.word, "segment_cycle");
    assert_non_null(strstr(err.message, "vips -> reds -> vips"));
    assert_int_equal(err.offset, 12);
    assert_int_equal(bind_text(f, text_of("segment(\"vips\")"), &p, NULL, &err),
                     MUSTER_EEXPR);
    assert_string_equal(err.word, "segment_cycle");
    f->self = text_make(NULL, 0);
}

static void test_segment_bind__a_reference_marks_its_root(void **state)
{
    plan *p = NULL;
    muster_error err;
    assert_int_equal(
        bind_text(*state, text_of("vip and segment(\"reds\")"), &p, NULL, &err),
        0);
    assert_int_equal(p->root->child_count, 2);
    const plan_node *reds = p->root->children[1];
    assert_int_equal(reds->type, PLAN_AND);
    assert_int_equal(reds->reference->offset, 8);
    assert_null(p->root->reference);
    assert_null(reds->children[0]->reference);
    assert_true(text_is(reds->children[1]->reference->text, "vips"));
    assert_int_equal(p->inlined_count, 2);
    segment_plan_free(p);
}

/* Each level names the next twice: 2^n leaves without a bound. */
static void test_segment_bind__references_cannot_explode(void **state)
{
    enum { LEVELS = 80 };
    static char keys[LEVELS + 1][16];
    static char texts[LEVELS + 1][80];
    static const char *list[2 * LEVELS + 4];
    fixture *f = *state;
    plan *p = NULL;
    muster_error err;
    for (int i = 0; i <= LEVELS; i++) {
        snprintf(keys[i], sizeof keys[i], "s%d", i);
        snprintf(texts[i], sizeof texts[i],
                 "segment(\"s%d\") or segment(\"s%d\")", i + 1, i + 1);
        list[2 * i] = keys[i];
        list[2 * i + 1] = texts[i];
    }
    list[2 * LEVELS + 1] = "vip";
    list[2 * LEVELS + 2] = NULL;
    f->segments = list;
    char text[40];
    snprintf(text, sizeof text, "segment(\"s%d\")", LEVELS - 12);
    assert_int_equal(bind_text(f, text_of(text), &p, NULL, &err), 0);
    assert_int_equal(p->node_count, (2 << 12) - 1);
    assert_int_equal(p->inlined_count, 13);
    segment_plan_free(p);
    snprintf(text, sizeof text, "segment(\"s%d\")", LEVELS - 13);
    assert_int_not_equal(bind_text(f, text_of(text), &p, NULL, &err), 0);
    assert_string_equal(err.word, "expr_nodes");
    assert_int_not_equal(
        bind_text(f, text_of("segment(\"s0\")"), &p, NULL, &err), 0);
    assert_string_equal(err.word, "expr_depth");
    f->segments = some_segments;
}

static void test_segment_bind__a_tree_from_json_has_no_places(void **state)
{
    static const char json[] =
        "{\"and\":[{\"attr\":\"colour\",\"op\":\"=\",\"value\":\"red\"},"
        "{\"attr\":\"vip\"}]}";
    fixture *f = *state;
    const segment_binding binding = {
        .names = f->names, .viewer = f->viewer, .key = f->key};
    json_doc *doc = NULL;
    ast_tree *tree = NULL;
    plan *p = NULL;
    muster_error err;
    error_clear(&err);
    assert_int_equal(json_parse(&doc, json, strlen(json), JSON_STRICT, &err),
                     0);
    assert_int_equal(segment_from_json(&tree, json_root(doc), &err), 0);
    json_free(doc);
    assert_int_not_equal(segment_bind(&p, tree, &binding, NULL, &err), 0);
    assert_string_equal(err.word, "unknown_attribute");
    assert_string_equal(err.suggestion, "color");
    assert_int_equal(err.line, 0);
}

/* A plan is as good as the catalog it was made with. */
static void test_segment_bind__keeps_the_catalogs_version(void **state)
{
    fixture *f = *state;
    plan *p = NULL;
    muster_error err;
    assert_int_equal(bind_text(f, text_of("vip"), &p, NULL, &err), 0);
    assert_true(p->catalog_version == catalog_version(f->names));
    assert_int_equal(p->universe_count, catalog_provider_count(f->names));
    segment_plan_free(p);
    assert_int_equal(bind_text(f, text_of("nobody"), &p, NULL, NULL),
                     MUSTER_EEXPR);
}

static void test_segment_bind__notes_are_bounded(void **state)
{
    fixture *f = *state;
    plan *p = NULL;
    muster_error err;
    buffer text;
    segment_diagnostics notes = {0};
    buffer_init(&text, CASE_BYTES_MAX);
    buffer_put_str(&text, "color in (\"0\"");
    for (int i = 1; i < 5000; i++)
        buffer_printf(&text, ", \"%d\"", i);
    buffer_put_str(&text, ")");
    assert_int_equal(
        bind_text(f, text_of(buffer_cstr(&text)), &p, &notes, &err), 0);
    assert_int_equal(p->root->value_count, 0);
    assert_true(notes.count > 0 && notes.count < 1000);
    segment_diagnostics_release(&notes);
    segment_plan_free(p);
    buffer_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_bind__cases),
        cmocka_unit_test(test_segment_lint__cases),
        cmocka_unit_test(test_segment_bind__a_cycle_through_the_saved_one),
        cmocka_unit_test(test_segment_bind__a_reference_marks_its_root),
        cmocka_unit_test(test_segment_bind__references_cannot_explode),
        cmocka_unit_test(test_segment_bind__a_tree_from_json_has_no_places),
        cmocka_unit_test(test_segment_bind__keeps_the_catalogs_version),
        cmocka_unit_test(test_segment_bind__notes_are_bounded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
