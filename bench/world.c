/*
 * world.c - binding expressions in a world; its end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "world.h"

#include "bench.h"

#define ASKS 3 /* at least as often as makes a plane hot */

static muster_text find_nothing(void *payload, muster_text key)
{
    (void)payload;
    (void)key;
    return text_make(NULL, 0);
}

static void offer_nothing(void *payload, near_name *near)
{
    (void)payload;
    (void)near;
}

plan *world_plan(const world *w, const char *text)
{
    const segment_binding binding = {.names = w->names,
                                     .viewer = w->viewer,
                                     .find = find_nothing,
                                     .keys = offer_nothing};
    muster_error err;
    ast_tree *tree;
    plan *p;

    bench_must(segment_parse(&tree, text_of(text), &err), text, &err);
    bench_must(segment_bind(&p, tree, &binding, NULL, &err), text, &err);
    return p;
}

program_state world_state(const world *w)
{
    return (program_state){.index = w->index, .rows = w->rows, .now = w->now};
}

program *world_program(const world *w, const plan *p)
{
    const program_state state = world_state(w);
    uint64_t before;

    do {
        before = index_residents_version(w->residents);
        for (int i = 0; i < ASKS; i++) {
            program *g = program_new(p, &state);
            program_count(g);
            program_free(g);
        }
        while (index_residents_work(w->residents))
            continue;
    } while (index_residents_version(w->residents) != before);
    return program_new(p, &state);
}

void world_close(world *w)
{
    scope_free(w->viewer);
    if (w->engine) {
        muster_engine_close(w->engine);
    } else {
        index_view_release(w->index);
        index_residents_free(w->residents);
        catalog_free(w->names);
    }
    mem_free(w);
}
