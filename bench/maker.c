/*
 * maker.c - making a world of planes directly.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "maker.h"

#include "bench.h"

#define RESIDENT_BYTES ((uint64_t)1 << 30)

void maker_init(maker *m, uint64_t rows)
{
    muster_error err;
    world *w = mem_zalloc(sizeof *w);

    memset(m, 0, sizeof *m);
    m->w = w;
    w->names = catalog_new();
    w->rows = (uint32_t)rows;
    w->now = BENCH_NOW;
    bench_must(scope_new(&w->viewer, text_of("bench"), PURPOSE_ANALYSIS,
                         text_of(""), &err), "scope", &err);
    m->provider = catalog_provider_find(w->names, text_of("default"))->id;
    layer_writer_init(&m->out);
}

uint32_t maker_declare(maker *m, const char *name, attribute_kind kind)
{
    const catalog_attribute def = catalog_attribute_default(kind);
    const catalog_attribute *a;
    muster_error err;
    bench_must(catalog_attribute_put(m->w->names, text_of(name), &def, &a,
                                     &err), name, &err);
    return a->id;
}

uint32_t maker_value(maker *m, uint32_t attribute, const char *name)
{
    return catalog_value_intern(m->w->names, attribute, text_of(name));
}

plane_key maker_held(uint32_t attribute, uint32_t value)
{
    return (plane_key){attribute, 0, ROLE_SET, 0, value, INDEX_NEVER};
}

void maker_put(maker *m, plane_key key, const uint32_t *rows, size_t n)
{
    key.provider = (uint16_t)m->provider;
    layer_writer_rows(&m->out, &key, rows, n);
}

world *maker_finish(maker *m)
{
    const uint32_t n = m->w->rows;
    uint32_t *all = mem_array((size_t)n + 1, sizeof *all);

    for (uint32_t row = 0; row < n; row++)
        all[row] = row;
    maker_put(m, maker_held(INDEX_UNIVERSE, 0), all, n);
    mem_free(all);
    index_layer *base = layer_writer_finish(&m->out);
    m->w->residents = index_residents_new(RESIDENT_BYTES);
    index_layer_keep_residents(base, m->w->residents);
    m->w->index = index_view_base(base);
    return m->w;
}
