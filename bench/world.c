/*
 * world.c - binding expressions in a world; its end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "world.h"

#include "bench.h"

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

void world_close(world *w)
{
    scope_free(w->viewer);
    if (w->engine) {
        muster_engine_close(w->engine);
    } else {
        index_view_release(w->index);
        catalog_free(w->names);
    }
    mem_free(w);
}
