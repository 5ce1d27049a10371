/*
 * weigh.c - what planes take, and what CRoaring would take for the same sets:
 * each is read into a set of CRoaring's, run-optimised, and asked for its
 * portable size.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/layer.h"
#include "index/set.h"

/* Bytes of planes between two steps. */
#define STEP_BYTES ((uint64_t)64 << 20)

/* Does the group of entry i have events of some value? Then those of any value
 * are derived from them. */
static bool has_values(const index_layer *l, size_t i)
{
    const plane_key *key = &l->entries[i].key;
    size_t first;
    size_t end;

    layer_group(l, key->attribute, key->provider, &first, &end);
    return l->entries[end - 1].key.value != INDEX_NO_VALUE;
}

static bool is_derived(const index_layer *l, size_t i)
{
    const plane_key *key = &l->entries[i].key;

    if (key->attribute == INDEX_UNIVERSE)
        return true;
    return (key->role == ROLE_SEEN || key->role == ROLE_COUNT ||
            key->role == ROLE_AMOUNT) &&
           key->value == INDEX_NO_VALUE && has_values(l, i);
}

static void weigh_plane(const index_layer *l, size_t i, index_weights *out)
{
    const layer_entry *e = &l->entries[i];
    index_weight *w = is_derived(l, i) ? &out->derived : &out->said;

    if (!layer_is_sound(l, e))
        return;
    set *s = set_of_bytes(l->planes + e->offset, e->len);
    set_shrink(s);
    w->planes++;
    w->rows += e->count;
    w->bytes += e->len;
    w->croaring += set_encoded_size(s);
    set_free(s);
}

static size_t directory_bytes(const index_layer *l)
{
    return l->encoded_len != 0 ? l->encoded_len
                               : l->count * sizeof *l->entries;
}

int index_weigh(const index_stack *x, index_weights *out,
                int (*step)(void *payload, uint64_t done, uint64_t total),
                void *payload)
{
    const uint64_t total = index_plane_bytes(x);
    uint64_t done = 0;
    uint64_t stepped = 0;
    int rc = 0;

    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < x->count; i++) {
        const index_layer *l = x->layers[i];
        const uint64_t before = out->said.bytes + out->derived.bytes;
        for (size_t k = 0; k < l->count && rc == 0; k++) {
            weigh_plane(l, k, out);
            done += l->entries[k].len;
            if (!step || done - stepped < STEP_BYTES)
                continue;
            rc = step(payload, done, total);
            stepped = done;
        }
        out->gaps +=
            l->planes_len - (out->said.bytes + out->derived.bytes - before);
        out->directory += directory_bytes(l);
    }
    return rc;
}
