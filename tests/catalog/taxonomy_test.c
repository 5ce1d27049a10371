/*
 * taxonomy_test.c - reading a taxonomy, finding its nodes, mapping to them,
 * and what a file that is wrong somewhere is told.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "catalog/catalog.h"

#define HEAD "Unique ID\tParent ID\tName\tTier 1\tTier 2\tTier 3\t*Extension\n"

static catalog *with_attributes(void)
{
    catalog *c = catalog_new();
    static const struct {
        const char *name;
        attribute_kind kind;
    } rows[] = {{"interest", KIND_MANY_OF},
                {"vip", KIND_FLAG},
                {"age", KIND_NUMBER},
                {"buy", KIND_EVENT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const catalog_attribute def = catalog_attribute_default(rows[i].kind);
        assert_int_equal(catalog_attribute_put(c, text_of(rows[i].name), &def,
                                               NULL, NULL),
                         0);
    }
    return c;
}

static int load(catalog *c, const char *text, muster_error *err)
{
    return catalog_taxonomy_load(c, text_of("t"), 4, text_of(text), err);
}

static int map_one(catalog *c, const char *attribute, const char *value,
                   const char *node, muster_error *err)
{
    const muster_text nodes[] = {text_of(node ? node : "")};
    return catalog_taxonomy_map(
        c, text_of(attribute),
        value ? text_of(value) : text_make(NULL, 0), nodes, node != NULL,
        err);
}

static const char small[] = HEAD "1\t\t\tInterest\t\t\t\n"
                                 "20\t1\t\tInterest\tCars\t\t\n"
                                 "21\t20\t\tInterest\tCars\tVans\tnote\n"
                                 "\t\t\t\t\t\t\n"
                                 "3\t\t\tDemographic\t\t\t\n"
                                 "22\t1\t\tInterest\tBoats\n";

static void test_catalog_taxonomy__is_a_tree(void **state)
{
    catalog *c = with_attributes();
    (void)state;
    assert_null(catalog_taxonomy_get(c));
    assert_int_equal(load(c, small, NULL), 0);
    const catalog_taxonomy *t = catalog_taxonomy_get(c);
    assert_int_equal(t->node_count, 5);
    assert_int_equal(t->segtax, 4);
    static const char *const ids[] = {"1", "20", "21", "22", "3"};
    static const uint32_t ends[] = {4, 3, 3, 4, 5};
    static const uint32_t depths[] = {0, 1, 2, 1, 0};
    for (uint32_t i = 0; i < 5; i++) {
        assert_string_equal(t->nodes[i].id, ids[i]);
        assert_int_equal(t->nodes[i].end, ends[i]);
        assert_int_equal(t->nodes[i].depth, depths[i]);
    }
    assert_string_equal(t->nodes[2].path, "Interest | Cars | Vans");
    assert_string_equal(t->nodes[2].note, "note");
    assert_int_equal(t->nodes[2].parent, 1);
    catalog_free(c);
}

static void test_catalog_taxonomy__finds_nodes(void **state)
{
    catalog *c = with_attributes();
    (void)state;
    assert_int_equal(load(c, small, NULL), 0);
    const catalog_taxonomy *t = catalog_taxonomy_get(c);
    static const struct {
        const char *text;
        uint32_t node;
    } cases[] = {{"21", 2},
                 {" 21 ", 2},
                 {"Interest | Cars | Vans", 2},
                 {"interest|CARS|vans", 2},
                 {"Interest | Cars | Vans |", 2},
                 {"Interest", 0},
                 {"", CATALOG_NONE},
                 {"|", CATALOG_NONE},
                 {"Cars", CATALOG_NONE},
                 {"Interest | | Cars", CATALOG_NONE},
                 {"2", CATALOG_NONE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(taxonomy_find(t, text_of(cases[i].text)),
                         cases[i].node);
    char *longest = mem_alloc(2 * MUSTER_TAXONOMY_PATH_BYTES_MAX);
    memset(longest, 'x', 2 * MUSTER_TAXONOMY_PATH_BYTES_MAX);
    assert_int_equal(
        taxonomy_find(t, text_make(longest,
                                   2 * MUSTER_TAXONOMY_PATH_BYTES_MAX)),
        CATALOG_NONE);
    mem_free(longest);
    assert_string_equal(taxonomy_suggest(t, text_of("vans")),
                        "Interest | Cars | Vans");
    assert_string_equal(taxonomy_suggest(t, text_of("Intrest | Boats")),
                        "Interest | Boats");
    assert_null(taxonomy_suggest(t, text_of("something else altogether")));
    catalog_free(c);
}

/* ---- what is wrong ---- */

static void test_catalog_taxonomy__refuses_with_the_line(void **state)
{
    static const struct {
        const char *text;
        const char *word;
        int line;
    } cases[] = {
        {"", "bad_head", 0},
        {"\n", "bad_head", 1},
        {"Unique ID\tName\n1\tx\n", "bad_head", 1},
        {"Tier 1\nx\n", "bad_head", 1},
        {"Unique ID\tTier 2\n1\tx\n", "bad_head", 1},
        {HEAD, "no_nodes", 0},
        {HEAD "\n \t \n", "no_nodes", 0},
        {HEAD "1\t\t\tA\t\t\t\n2\t\t\tB\t\t\t\t\n", "bad_row", 3},
        {HEAD "\t\t\tA\n", "bad_id", 2},
        {HEAD "1 2\t\t\tA\n", "bad_id", 2},
        {HEAD "1\t\"\t\tA\n", "bad_id", 2},
        {HEAD "123456789012345678901234567890123\t\t\tA\n", "bad_id", 2},
        {HEAD "1\t\t\t\n", "bad_name", 2},
        {HEAD "1\t\t\tA\t\tB\n", "bad_name", 2},
        {HEAD "1\t\t\tA|B\n", "bad_name", 2},
        {HEAD "1\t\t\tA\x01\n", "bad_name", 2},
        {HEAD "1\t\t\tA\xff\n", "bad_name", 2},
        {HEAD "1\t\t\tA\n1\t\t\tB\n", "duplicate_id", 3},
        {HEAD "1\t\t\tA\n2\t\t\ta\n", "duplicate_path", 3},
        {HEAD "1\t\t\tA\n2\t7\t\tA\tB\n", "unknown_parent", 3},
        {HEAD "1\t1\t\tA\n", "cycle", 2},
        {HEAD "9\t\t\tZ\n1\t2\t\tA\n2\t1\t\tB\n", "cycle", 3},
    };
    muster_error err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        catalog *c = with_attributes();
        const uint64_t version = catalog_version(c);
        error_clear(&err);
        if (load(c, cases[i].text, &err) != MUSTER_EINVAL ||
            strcmp(err.word, cases[i].word) != 0 ||
            (int)err.line != cases[i].line)
            fail_msg("case %zu: %s at line %u: %s", i, err.word,
                     (unsigned)err.line, err.message);
        assert_null(catalog_taxonomy_get(c));
        assert_int_equal(catalog_version(c), version);
        catalog_free(c);
    }
}

/* Every line of a good file, broken in each of some ways: the line is told. */
static void test_catalog_taxonomy__the_malformed_twin(void **state)
{
    static const char *const broken[] = {
        "\t\t\tX\n", "7 7\t\t\tX\n", "77\tno\t\tX\n", "77\t77\t\tX\n",
        "77\t\t\t\n", "77\t\t\tX\t\tY\n", "77\t\t\tX\t\t\t\t\tY\n",
        "77\t\t\tX\x7f\n", "77\t\t\tX|Y\n"};
    muster_error err;
    (void)state;
    for (size_t way = 0; way < sizeof broken / sizeof *broken; way++) {
        for (unsigned at = 2; at <= 7; at++) {
            catalog *c = with_attributes();
            buffer text;
            unsigned line = 1;
            buffer_init(&text, 4096);
            for (const char *p = small; *p != '\0'; line++) {
                if (line == at)
                    buffer_put_str(&text, broken[way]);
                const size_t len = (size_t)(strchr(p, '\n') + 1 - p);
                buffer_put(&text, p, len);
                p += len;
            }
            if (load(c, buffer_cstr(&text), &err) != MUSTER_EINVAL ||
                err.line != at)
                fail_msg("way %zu before line %u: line %u, %s", way, at,
                         (unsigned)err.line, err.message);
            assert_null(catalog_taxonomy_get(c));
            buffer_release(&text);
            catalog_free(c);
        }
    }
}

/* ---- limits ---- */

static void put_chain(buffer *out, unsigned nodes)
{
    buffer_put_str(out, "Unique ID\tParent\tTier 1\n");
    for (unsigned i = 1; i <= nodes; i++) {
        buffer_printf(out, "%u\t", i);
        if (i > 1)
            buffer_printf(out, "%u", i - 1);
        buffer_printf(out, "\tnode %u\n", i);
    }
}

static void test_catalog_taxonomy__limits(void **state)
{
    catalog *c = with_attributes();
    muster_error err;
    buffer text;
    (void)state;
    buffer_init(&text, MUSTER_TAXONOMY_BYTES_MAX);
    put_chain(&text, MUSTER_TAXONOMY_DEPTH_MAX);
    assert_int_equal(load(c, buffer_cstr(&text), &err), 0);
    buffer_clear(&text);
    put_chain(&text, MUSTER_TAXONOMY_DEPTH_MAX + 1);
    assert_int_equal(load(c, buffer_cstr(&text), &err), MUSTER_EINVAL);
    assert_string_equal(err.word, "too_deep");
    buffer_clear(&text);
    buffer_put_str(&text, "Unique ID\tTier 1\n");
    for (unsigned i = 0; i < MUSTER_TAXONOMY_NODES_MAX; i++)
        buffer_printf(&text, "%u\tn%u\n", i, i);
    assert_int_equal(load(c, buffer_cstr(&text), &err), 0);
    buffer_put_str(&text, "x\tone more\n");
    assert_int_equal(load(c, buffer_cstr(&text), &err), MUSTER_EINVAL);
    assert_string_equal(err.word, "too_many");
    const muster_text file =
        text_make((const char *)text.data, MUSTER_TAXONOMY_BYTES_MAX + 1);
    assert_int_equal(catalog_taxonomy_load(c, text_of("t"), 4, file, &err),
                     MUSTER_ELIMIT);
    buffer_release(&text);
    catalog_free(c);
}

static void test_catalog_taxonomy__mappings_have_a_limit(void **state)
{
    catalog *c = with_attributes();
    buffer file;
    muster_error err;
    (void)state;
    assert_int_equal(load(c, small, NULL), 0);
    buffer_init(&file, (size_t)16 << 20);
    buffer_put_str(&file, "{\"attributes\":{\"interest\":{\"kind\":"
                          "\"many_of\",\"taxonomy\":{");
    for (unsigned i = 0; i < MUSTER_TAXONOMY_MAPPINGS_MAX; i++)
        buffer_printf(&file, "%s\"v%u\":\"20\"", i > 0 ? "," : "", i);
    buffer_put_str(&file, "}}}}");
    assert_int_equal(catalog_file_apply(c, (const char *)file.data, file.len,
                                        &err),
                     0);
    assert_int_equal(catalog_taxonomy_get(c)->mapping_count,
                     MUSTER_TAXONOMY_MAPPINGS_MAX);
    assert_int_equal(map_one(c, "vip", NULL, "20", &err), MUSTER_ELIMIT);
    assert_string_equal(err.word, "too_many");
    assert_int_equal(map_one(c, "interest", "v7", NULL, &err), 0);
    assert_int_equal(map_one(c, "vip", NULL, "20", &err), 0);
    buffer_release(&file);
    catalog_free(c);
}

/* ---- mappings ---- */

/* "attribute[=value]:node" for each, with blanks between. */
static void expect_mappings(const catalog *c, const char *want)
{
    const catalog_taxonomy *t = catalog_taxonomy_get(c);
    buffer got;
    buffer_init(&got, 4096);
    for (uint32_t i = 0; i < t->mapping_count; i++) {
        const taxonomy_mapping *m = &t->mappings[i];
        buffer_printf(&got, "%s%s", i > 0 ? " " : "",
                      catalog_attribute_get(c, m->attribute)->name);
        if (m->value.ptr != NULL)
            buffer_printf(&got, "=%.*s", (int)m->value.len, m->value.ptr);
        buffer_printf(&got, ":%s", t->nodes[m->node].id);
    }
    assert_string_equal(buffer_cstr(&got), want);
    buffer_release(&got);
}

static void test_catalog_taxonomy__maps(void **state)
{
    catalog *c = with_attributes();
    muster_error err;
    (void)state;
    assert_int_equal(map_one(c, "vip", NULL, "1", &err), MUSTER_ENOTFOUND);
    assert_string_equal(err.word, "no_taxonomy");
    assert_int_equal(load(c, small, NULL), 0);
    assert_int_equal(map_one(c, "interest", "vans", "interest|cars|vans",
                             NULL), 0);
    assert_int_equal(map_one(c, "vip", NULL, "3", NULL), 0);
    assert_int_equal(map_one(c, "age", "18..24", "3", NULL), 0);
    assert_int_equal(map_one(c, "age", "7", "3", NULL), 0);
    assert_int_equal(map_one(c, "buy", NULL, "20", NULL), 0);
    expect_mappings(c, "interest=vans:21 vip:3 age=18..24:3 age=7:3 buy:20");
    /* the same once more is no change; another one replaces */
    const uint64_t version = catalog_version(c);
    assert_int_equal(map_one(c, "vip", NULL, "3", NULL), 0);
    assert_int_equal(catalog_version(c), version);
    assert_int_equal(map_one(c, "interest", "vans", "22", NULL), 0);
    assert_int_equal(map_one(c, "age", "7", NULL, NULL), 0);
    expect_mappings(c, "interest=vans:22 vip:3 age=18..24:3 buy:20");
    static const struct {
        const char *attribute;
        const char *value;
        const char *node;
        const char *word;
    } bad[] = {{"nope", NULL, "1", "unknown_attribute"},
               {"vip", "x", "1", "bad_mapping"},
               {"interest", "", "1", "bad_mapping"},
               {"interest", "a\x01z", "1", "bad_mapping"},
               {"age", "old", "1", "bad_mapping"},
               {"age", "24..18", "1", "bad_mapping"},
               {"age", "1..", "1", "bad_mapping"},
               {"vip", NULL, "99", "unknown_node"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_true(map_one(c, bad[i].attribute, bad[i].value, bad[i].node,
                            &err) < 0);
        assert_string_equal(err.word, bad[i].word);
    }
    expect_mappings(c, "interest=vans:22 vip:3 age=18..24:3 buy:20");
    catalog_free(c);
}

static void apply_file(catalog *c, const char *text, const char *word)
{
    muster_error err;
    error_clear(&err);
    const int rc = catalog_file_apply(c, text, strlen(text), &err);
    if ((rc == 0) != (word == NULL) ||
        (word != NULL && strcmp(err.word, word) != 0))
        fail_msg("%s: %s %s", text, err.word, err.message);
    if (word != NULL)
        assert_int_equal(err.line, 1);
}

#define OF_INTEREST(taxonomy)                                                  \
    "{\"attributes\":{\"interest\":{\"kind\":\"many_of\",\"taxonomy\":"        \
    taxonomy "}}}"

static void test_catalog_taxonomy__maps_by_the_catalog_file(void **state)
{
    catalog *c = with_attributes();
    (void)state;
    apply_file(c, OF_INTEREST("{\"a\":\"1\"}"), "no_taxonomy");
    apply_file(c, OF_INTEREST("null"), NULL);
    assert_int_equal(load(c, small, NULL), 0);
    apply_file(c, OF_INTEREST("{\"a\":\"20\",\"b\":[\"21\",\"3\"]}"), NULL);
    expect_mappings(c, "interest=a:20 interest=b:21 interest=b:3");
    apply_file(c, OF_INTEREST("{\"a\":\"Interest | Boats\",\"b\":null}"),
               NULL);
    expect_mappings(c, "interest=a:22");
    apply_file(c, OF_INTEREST("[\"1\"]"), NULL);
    expect_mappings(c, "interest:1 interest=a:22");
    apply_file(c, OF_INTEREST("\"3\""), NULL);
    expect_mappings(c, "interest:3 interest=a:22");
    apply_file(c, "{\"attributes\":{\"new.one\":{\"kind\":\"one_of\","
                  "\"taxonomy\":{\"x\":\"1\"}}}}",
               NULL);
    expect_mappings(c, "interest:3 interest=a:22 new.one=x:1");
    apply_file(c, OF_INTEREST("{\"c\":\"99\"}"), "unknown_node");
    apply_file(c, OF_INTEREST("{\"c\":[\"1\",\"99\"]}"), "unknown_node");
    apply_file(c, OF_INTEREST("{\"c\":7}"), "wrong_type");
    apply_file(c, OF_INTEREST("{\"\":\"1\"}"), "bad_mapping");
    apply_file(c, OF_INTEREST("true"), "wrong_type");
    expect_mappings(c, "interest:3 interest=a:22 new.one=x:1");
    apply_file(c, OF_INTEREST("{\"a\":\"1\",\"b\":\"1\",\"a\":\"21\"}"), NULL);
    expect_mappings(c, "interest:3 interest=a:21 interest=b:1 new.one=x:1");
    apply_file(c, OF_INTEREST("null"), NULL);
    expect_mappings(c, "new.one=x:1");
    catalog_free(c);
}

static void test_catalog_taxonomy__another_keeps_mappings(void **state)
{
    catalog *c = with_attributes();
    muster_error err;
    (void)state;
    assert_int_equal(load(c, small, NULL), 0);
    assert_int_equal(map_one(c, "vip", NULL, "20", NULL), 0);
    const catalog *before = catalog_snapshot(c);
    const uint64_t version = catalog_version(c);
    assert_int_equal(load(c, small, NULL), 0);
    assert_int_equal(catalog_version(c), version);
    assert_int_equal(load(c, HEAD "5\t\t\tZ\n20\t5\t\tZ\tCars\n", NULL), 0);
    expect_mappings(c, "vip:20");
    assert_string_equal(catalog_taxonomy_get(c)->nodes[1].path, "Z | Cars");
    assert_int_equal(load(c, HEAD "5\t\t\tZ\n", &err), MUSTER_ECONFLICT);
    assert_string_equal(err.word, "mapped_node");
    assert_int_equal(catalog_taxonomy_get(c)->node_count, 2);
    /* the snapshot has what it had; a copy goes its own way */
    assert_int_equal(catalog_taxonomy_get(before)->node_count, 5);
    catalog *copy = catalog_copy(c);
    assert_int_equal(map_one(copy, "vip", NULL, NULL, NULL), 0);
    expect_mappings(copy, "");
    expect_mappings(c, "vip:20");
    catalog_free(copy);
    catalog_free(c);
    assert_int_equal(catalog_taxonomy_get(before)->mapping_count, 1);
    catalog_release(before);
}

static void test_catalog_taxonomy__restores(void **state)
{
    catalog *c = with_attributes();
    catalog *d = with_attributes();
    (void)state;
    assert_int_equal(load(c, small, NULL), 0);
    assert_int_equal(map_one(c, "age", "18..24", "3", NULL), 0);
    catalog_taxonomy t = *catalog_taxonomy_get(c);
    assert_int_equal(catalog_restore_taxonomy(d, &t, NULL), 0);
    expect_mappings(d, "age=18..24:3");
    taxonomy_mapping bad = t.mappings[0];
    t.mappings = &bad;
    bad.node = t.node_count;
    assert_int_equal(catalog_restore_taxonomy(d, &t, NULL), MUSTER_ECORRUPT);
    bad.node = 0;
    bad.attribute = 9999;
    assert_int_equal(catalog_restore_taxonomy(d, &t, NULL), MUSTER_ECORRUPT);
    t = *catalog_taxonomy_get(c);
    taxonomy_node nodes[5];
    memcpy(nodes, t.nodes, sizeof nodes);
    nodes[1].parent = 4;
    t.nodes = nodes;
    assert_int_equal(catalog_restore_taxonomy(d, &t, NULL), MUSTER_ECORRUPT);
    expect_mappings(d, "age=18..24:3");
    catalog_free(d);
    catalog_free(c);
}

/* ---- the IAB's own ---- */

static char *read_iab(size_t *len)
{
    const char *shared = getenv("MUSTER_SHARED");
    char path[1024];
    if (shared == NULL)
        return NULL;
    snprintf(path, sizeof path, "%s/data/iab-audience-taxonomy-1.1.tsv",
             shared);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return NULL;
    char *text = mem_alloc((size_t)1 << 20);
    *len = fread(text, 1, (size_t)1 << 20, f);
    fclose(f);
    return text;
}

static void test_catalog_taxonomy__the_iabs(void **state)
{
    catalog *c = with_attributes();
    muster_error err;
    size_t len = 0;
    char *text = read_iab(&len);
    (void)state;
    if (text == NULL) {
        print_message("skipped: no shared data\n");
        catalog_free(c);
        skip();
    }
    if (catalog_taxonomy_load(c, text_of("iab"), 4, text_make(text, len),
                              &err) != 0)
        fail_msg("%s", err.message);
    const catalog_taxonomy *t = catalog_taxonomy_get(c);
    assert_int_equal(t->node_count, 1558);
    uint32_t roots = 0;
    for (uint32_t i = 0; i < t->node_count; i++) {
        const taxonomy_node *n = &t->nodes[i];
        roots += n->parent == CATALOG_NONE;
        assert_int_equal(taxonomy_find(t, text_of(n->id)), i);
        assert_int_equal(taxonomy_find(t, text_of(n->path)), i);
        assert_true(n->end > i && n->end <= t->node_count);
        if (n->parent != CATALOG_NONE)
            assert_true(n->parent < i && n->end <= t->nodes[n->parent].end);
    }
    assert_int_equal(roots, 3);
    assert_string_equal(
        t->nodes[taxonomy_find(t, text_of("6"))].path,
        "Demographic | Age Range | 30-34");
    mem_free(text);
    catalog_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catalog_taxonomy__is_a_tree),
        cmocka_unit_test(test_catalog_taxonomy__finds_nodes),
        cmocka_unit_test(test_catalog_taxonomy__refuses_with_the_line),
        cmocka_unit_test(test_catalog_taxonomy__the_malformed_twin),
        cmocka_unit_test(test_catalog_taxonomy__limits),
        cmocka_unit_test(test_catalog_taxonomy__mappings_have_a_limit),
        cmocka_unit_test(test_catalog_taxonomy__maps),
        cmocka_unit_test(test_catalog_taxonomy__maps_by_the_catalog_file),
        cmocka_unit_test(test_catalog_taxonomy__another_keeps_mappings),
        cmocka_unit_test(test_catalog_taxonomy__restores),
        cmocka_unit_test(test_catalog_taxonomy__the_iabs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
