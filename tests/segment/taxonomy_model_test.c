/*
 * taxonomy_model_test.c - taxonomy("..") against the slow twin, on random
 * worlds (support/world.h): it holds whom the predicates hold that its
 * mappings stand for, written by hand for every node.
 *
 * The twin does not know the taxonomy: the test's own table of parents says
 * which mappings are below a node.
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
#include "support/world.h"

#define NODES 7u
#define MAPPINGS_MAX 24u
#define NOBODY UINT32_MAX

static const uint32_t parents[NODES] = {NOBODY, 0, 1, 1, 0, NOBODY, 5};

typedef struct mapping {
    const population_attribute *attribute;
    char value[64]; /* "": the whole */
    uint32_t node;
} mapping;

typedef struct mapped_world {
    world w;
    mapping mappings[MAPPINGS_MAX];
    uint32_t count;
} mapped_world;

static bool is_below(uint32_t node, uint32_t top)
{
    while (node != NOBODY && node != top)
        node = parents[node];
    return node == top;
}

/* ---- the taxonomy ---- */

static void load(mapped_world *m)
{
    muster_error err;
    buffer text;
    buffer_init(&text, 4096);
    buffer_put_str(&text, "Unique ID\tParent ID\tTier 1\n");
    for (uint32_t i = 0; i < NODES; i++) {
        buffer_printf(&text, "n%u\t", i);
        if (parents[i] != NOBODY)
            buffer_printf(&text, "n%u", parents[i]);
        buffer_printf(&text, "\tnode %u\n", i);
    }
    if (muster_taxonomy_load(m->w.house.engine, "model", 0,
                             buffer_cstr(&text), text.len, &err) != 0)
        fail_msg("%s", err.message);
    buffer_release(&text);
}

/* A value, or a range of numbers, or nothing for the whole. */
static void draw_value(mapped_world *m, mapping *to)
{
    random_state *r = &m->w.random;
    const population_attribute *a = to->attribute;
    to->value[0] = '\0';
    if (a->kind == NAIVE_FLAG || a->dates || chance(r, 25))
        return;
    if (a->kind == NAIVE_NUMBER) {
        const uint32_t low = dice(r, 60);
        snprintf(to->value, sizeof to->value, chance(r, 20) ? "%u" : "%u..%u",
                 low, low + dice(r, 40));
    } else if (a->value_count > 0) {
        snprintf(to->value, sizeof to->value, "%s",
                 chance(r, 10) ? "never said"
                               : a->values[dice(r, a->value_count)]);
    }
}

static void map(mapped_world *m)
{
    const population *people = &m->w.people;
    muster_error err;
    const uint32_t wanted = 1 + dice(&m->w.random, MAPPINGS_MAX);
    for (uint32_t i = 0; i < wanted; i++) {
        mapping to = {
            .attribute =
                &people->attributes[dice(&m->w.random,
                                         people->attribute_count)],
            .node = dice(&m->w.random, NODES)};
        draw_value(m, &to);
        char id[8];
        snprintf(id, sizeof id, "n%u", to.node);
        const char *const nodes[] = {id};
        const int rc = muster_taxonomy_map(
            m->w.house.engine, to.attribute->name,
            to.value[0] != '\0' ? to.value : NULL, nodes, 1, &err);
        if (rc != 0)
            fail_msg("seed %llu: %s", (unsigned long long)m->w.seed,
                     err.message);
        for (uint32_t k = 0; k < m->count; k++)
            if (m->mappings[k].attribute == to.attribute &&
                strcmp(m->mappings[k].value, to.value) == 0)
                m->mappings[k] = m->mappings[--m->count];
        m->mappings[m->count++] = to;
    }
}

/* ---- the same by hand ---- */

static void put_predicate(buffer *out, const mapping *m)
{
    const population_attribute *a = m->attribute;
    const char *dots = strstr(m->value, "..");
    json_writer json;
    buffer_put_str(out, a->name);
    if (m->value[0] == '\0') {
        if (a->kind != NAIVE_FLAG && a->kind != NAIVE_EVENT)
            buffer_put_str(out, " is known");
    } else if (a->kind != NAIVE_NUMBER) {
        buffer_put_str(out, " = ");
        json_begin(&json, out, false);
        json_put_str(&json, m->value);
    } else if (dots != NULL) {
        buffer_printf(out, " between %.*s and %s", (int)(dots - m->value),
                      m->value, dots + 2);
    } else {
        buffer_printf(out, " = %s", m->value);
    }
}

static void put_node(buffer *out, const mapped_world *m, uint32_t node)
{
    const char *before = "(";
    for (uint32_t i = 0; i < m->count; i++) {
        if (!is_below(m->mappings[i].node, node))
            continue;
        buffer_put_str(out, before);
        put_predicate(out, &m->mappings[i]);
        before = " or ";
    }
    buffer_put_str(out, before[0] == '(' ? "none" : ")");
}

static uint64_t twin_count(const mapped_world *m, const buffer *text,
                           muster_time now)
{
    const question q = {.w = (world *)&m->w, .now = now};
    ast_tree *tree = NULL;
    muster_error err;
    if (segment_parse(&tree, text_make((char *)text->data, text->len),
                      &err) != 0)
        fail_msg("%s: %s", buffer_cstr((buffer *)text), err.message);
    const uint64_t count = question_count(&q, segment_root(tree));
    segment_tree_free(tree);
    return count;
}

static uint64_t engine_count(mapped_world *m, const char *text)
{
    muster_segment *s = NULL;
    muster_count *answer = NULL;
    muster_error err;
    if (muster_segment_compile(&s, m->w.house.engine, m->w.house.scope, text,
                               strlen(text), &err) != 0 ||
        muster_segment_count(s, false, &answer, &err) != 0)
        fail_msg("seed %llu: %s: %s", (unsigned long long)m->w.seed, text,
                 err.message);
    const uint64_t count = answer->count;
    muster_count_free(answer);
    muster_segment_free(s);
    return count;
}

/* Node a without node b. */
static void compare(mapped_world *m, uint32_t a, uint32_t b, muster_time now)
{
    char text[96];
    buffer by_hand;
    buffer_init(&by_hand, MUSTER_SEGMENT_BYTES_MAX);
    put_node(&by_hand, m, a);
    buffer_put_str(&by_hand, " and not ");
    put_node(&by_hand, m, b);
    snprintf(text, sizeof text,
             "taxonomy(\"n%u\") and not taxonomy(\"node %u\")", a, b);
    const uint64_t want = twin_count(m, &by_hand, now);
    const uint64_t got = engine_count(m, text);
    if (want != got)
        fail_msg("seed %llu, now %lld: %s has %llu, by hand %s: %llu",
                 (unsigned long long)m->w.seed, (long long)now, text,
                 (unsigned long long)got, buffer_cstr(&by_hand),
                 (unsigned long long)want);
    buffer_release(&by_hand);
}

static void test_segment_taxonomy_model__is_what_is_mapped(void **state)
{
    (void)state;
    uint64_t seed = 0;
    uint64_t left = test_size(40, 1500);
    const bool replay = test_seed(&seed);
    mapped_world *m = mem_alloc(sizeof *m);
    for (seed = replay ? seed : 1; left > 0; seed++, left--) {
        m->count = 0;
        world_init(&m->w, seed);
        const muster_open_mode mode = m->w.house.mode;
        house_reopen(&m->w.house, MUSTER_OPEN_WRITE);
        load(m);
        map(m);
        house_reopen(&m->w.house, mode); /* it is in the log */
        const muster_time now = world_draw_now(&m->w);
        house_set_now(&m->w.house, now);
        for (uint32_t node = 0; node < NODES; node++)
            compare(m, node, (node + 1 + dice(&m->w.random, 6)) % NODES, now);
        world_release(&m->w);
        if (replay)
            break;
    }
    mem_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_taxonomy_model__is_what_is_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
