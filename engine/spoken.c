/*
 * spoken.c - which attributes each provider ever spoke of: what a wipe has to
 * clear.
 *
 * Facts note their attribute as they are applied; what stood in the planes
 * before this process began is looked for at a provider's first wipe. So the
 * list may hold more than stands now, never less; clearing more changes
 * nothing. It is of the process and in no generation.
 *
 * Cost: a bit test a fact; a first wipe looks for each attribute of the
 * catalog in each layer. 1 bit an attribute and provider.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

struct spoken {
    uint64_t *bits; /* by attribute */
    size_t words;
    uint32_t *list;
    size_t count;
    size_t capacity;
    bool complete; /* the planes were looked through */
};

static struct spoken *spoken_of(working *w, uint32_t provider)
{
    const size_t before = w->spoken_capacity;
    mem_grow(&w->spoken, &w->spoken_capacity, (size_t)provider + 1,
             sizeof *w->spoken);
    if (w->spoken_capacity > before)
        memset(w->spoken + before, 0,
               (w->spoken_capacity - before) * sizeof *w->spoken);
    return &w->spoken[provider];
}

void spoken_note(working *w, uint32_t provider, uint32_t attribute)
{
    struct spoken *s = provider < w->spoken_capacity
                           ? &w->spoken[provider]
                           : spoken_of(w, provider);
    const size_t word = attribute / 64;
    const uint64_t bit = (uint64_t)1 << attribute % 64;

    if (word < s->words && (s->bits[word] & bit) != 0)
        return;
    if (word >= s->words) {
        s->bits = mem_realloc(s->bits, (word + 1) * sizeof *s->bits);
        memset(s->bits + s->words, 0,
               (word + 1 - s->words) * sizeof *s->bits);
        s->words = word + 1;
    }
    s->bits[word] |= bit;
    mem_grow(&s->list, &s->capacity, s->count + 1, sizeof *s->list);
    s->list[s->count++] = attribute;
}

size_t spoken_list(working *w, uint32_t provider, const uint32_t **out)
{
    if (!spoken_of(w, provider)->complete) {
        for (size_t i = 0; i < catalog_attribute_count(w->names); i++) {
            const uint32_t id = catalog_attribute_at(w->names, i)->id;
            if (index_has_group(w->index, id, provider))
                spoken_note(w, provider, id);
        }
        w->spoken[provider].complete = true;
    }
    *out = w->spoken[provider].list;
    return w->spoken[provider].count;
}

void spoken_release(working *w)
{
    for (size_t i = 0; i < w->spoken_capacity; i++) {
        mem_free(w->spoken[i].bits);
        mem_free(w->spoken[i].list);
    }
    mem_free(w->spoken);
    w->spoken = NULL;
    w->spoken_capacity = 0;
}
