/*
 * merge.c - several layers to one, a group (attribute, provider) at a time, so
 * that memory holds one group's sets.
 *
 * Two merges follow the fold in index.h:
 *     base    the oldest layer is a base; nothing is below the result, so
 *             what cuts older layers is not kept, and what has ended may go
 *     deltas  the result stands on any base in place of the layers and cuts
 *             from it what they cut one after the other
 *
 * A group that one layer alone has is copied as it lies where it can be.
 * Profile groups: merge_profile.c, merge_tail.c; event groups: merge_event.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/merge.h"

/* ---- groups in order ---- */

void walk_init(group_walk *w, index_layer *const *layers, size_t count)
{
    *w = (group_walk){.layers = layers, .count = count};
    w->at = mem_array(count + 1, sizeof *w->at);
    w->spans = mem_array(count + 1, sizeof *w->spans);
}

void walk_release(group_walk *w)
{
    mem_free(w->at);
    mem_free(w->spans);
}

/* The smallest group any layer still has; false at the end. */
static bool next_group(group_walk *w)
{
    plane_key *group = &w->group;
    bool found = false;

    for (size_t i = 0; i < w->count; i++) {
        if (w->at[i] == w->layers[i]->count)
            continue;
        const plane_key *key = &w->layers[i]->entries[w->at[i]].key;
        if (!found || key->attribute < group->attribute ||
            (key->attribute == group->attribute &&
             key->provider < group->provider)) {
            *group = (plane_key){key->attribute, key->provider, 0, 0, 0, 0};
            found = true;
        }
    }
    return found;
}

/* Takes the group's entries of every layer that has some. Damaged ones are
 * left out: their proof is broken, so nothing will be made of the result. */
static void take_spans(group_walk *w)
{
    w->span_count = 0;
    for (size_t i = 0; i < w->count; i++) {
        group_span s = {w->layers[i], 0, 0};
        layer_group(w->layers[i], w->group.attribute, w->group.provider,
                    &s.first, &s.end);
        if (s.first == s.end)
            continue;
        ASSERT(s.first == w->at[i]);
        w->at[i] = s.end;
        if (layer_span_is_sound(s.layer, s.first, s.end))
            w->spans[w->span_count++] = s;
    }
}

static bool has_role(const group_span *s, plane_role role)
{
    for (size_t i = s->first; i < s->end; i++)
        if (s->layer->entries[i].key.role == role)
            return true;
    return false;
}

bool walk_next(group_walk *w)
{
    do {
        if (!next_group(w))
            return false;
        take_spans(w);
    } while (w->span_count == 0);
    w->events = false;
    for (size_t i = 0; i < w->span_count && !w->events; i++)
        w->events = has_role(&w->spans[i], ROLE_SEEN);
    return true;
}

merge_rules walk_rules(const group_walk *w, const index_limits *limits,
                       bool delta)
{
    merge_rules rules = {delta, delta ? 0 : limits->now_hour, 0, 0};

    if (!w->events)
        return rules;
    rules.cap = limits->cap(limits->payload, w->group.attribute);
    if (limits->first_bucket)
        rules.first_bucket =
            limits->first_bucket(limits->payload, w->group.attribute);
    return rules;
}

/* ---- one group ---- */

static bool drops_some(const group_span *s, const merge_rules *rules)
{
    for (size_t i = s->first; i < s->end; i++)
        if (s->layer->entries[i].key.role < ROLE_HARD &&
            !rules_keep(rules, &s->layer->entries[i].key))
            return true;
    return false;
}

/* A number that ended leaves its slices. */
bool span_may_lose_planes(const group_span *s, const merge_rules *rules)
{
    return (!has_role(s, ROLE_BIT) && !has_role(s, ROLE_SIGN)) ||
           !drops_some(s, rules);
}

/* May the only layer's planes be copied? A delta may have a row of the
 * universe in several expiries. */
static bool may_copy(const group_walk *w, const merge_rules *rules)
{
    const group_span *s = &w->spans[0];

    if (w->span_count > 1 || w->group.attribute == INDEX_UNIVERSE)
        return false;
    return span_may_lose_planes(s, rules);
}

void merge_group(layer_writer *out, const group_walk *w,
                 const merge_rules *rules)
{
    if (may_copy(w, rules))
        copy_planes(out, &w->spans[0], rules);
    else if (w->events)
        merge_events(out, w, rules);
    else if (!merge_tail(out, w, rules))
        merge_profile(out, w, rules);
}

/* ---- all groups ---- */

static void merge_layers(layer_writer *out, index_layer *const *layers,
                         size_t count, const index_limits *limits, bool delta)
{
    group_walk w;

    ASSERT(limits != NULL && limits->cap != NULL);
    walk_init(&w, layers, count);
    while (out->rc == 0 && walk_next(&w)) {
        const merge_rules rules = walk_rules(&w, limits, delta);
        merge_group(out, &w, &rules);
    }
    walk_release(&w);
}

index_layer *index_merge_deltas(index_layer *const *layers, size_t count,
                                const index_limits *limits)
{
    layer_writer out;

    layer_writer_init(&out);
    merge_layers(&out, layers, count, limits, true);
    return layer_writer_finish(&out);
}

index_layer *index_merge_base(const index_stack *x,
                              const index_limits *limits)
{
    layer_writer out;

    layer_writer_init(&out);
    merge_layers(&out, x->layers, x->count, limits, false);
    return layer_writer_finish(&out);
}

int index_merge_base_to(const index_stack *x, const index_limits *limits,
                        index_write_fn write, void *payload,
                        buffer *directory)
{
    layer_writer out;

    layer_writer_init(&out);
    layer_writer_to(&out, write, payload);
    merge_layers(&out, x->layers, x->count, limits, false);
    return layer_writer_end(&out, directory);
}
