/*
 * check.c - the deep check of a layer: first each plane alone, then what the
 * planes of a group are to each other. Readers rely on all of it:
 *
 *   (1) each plane is a valid bitmap of the cardinality its entry tells
 *   (2) HARD, SOFT and REMOVED stand in deltas only
 *   (3) a row has one expiry of a value (in deltas, not of the universe)
 *   (4) only rows with a number have SIGN and BIT
 *   (5) only rows of SEEN have COUNT and AMOUNT
 *   (6) who was seen with a value was seen with any
 *   (7) a row has one of HARD, SOFT and REMOVED
 *
 * Cost: each plane is read twice; memory: the rows of one value.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/layer.h"
#include "index/set.h"

static const char *const role_names[] = {
    [ROLE_SET] = "set",       [ROLE_SEEN] = "seen",
    [ROLE_SIGN] = "sign",     [ROLE_BIT] = "bit",
    [ROLE_COUNT] = "count",   [ROLE_AMOUNT] = "amount",
    [ROLE_HARD] = "hard",     [ROLE_SOFT] = "soft",
    [ROLE_REMOVED] = "removed"};

static int bad(muster_error *err, const index_layer *l, size_t i,
               const char *what)
{
    const plane_key *k = &l->entries[i].key;
    return error_set(err, MUSTER_ECORRUPT, "damaged_planes",
                     "plane %zu of the directory (attribute %u, provider %u, "
                     "%s %u, value %u, bucket %u) %s",
                     i, k->attribute, k->provider, role_names[k->role],
                     k->slice, k->value, k->bucket, what);
}

static int check_plane(const index_layer *l, size_t i, bool base,
                       muster_error *err)
{
    const layer_entry *e = &l->entries[i];
    const plane_view v = layer_view(l, e);

    if (!set_check(l->planes + e->offset, e->len))
        return bad(err, l, i, "is not a valid bitmap");
    if (view_count(&v) != e->count)
        return bad(err, l, i, "has another cardinality than listed");
    if (base && e->key.role >= ROLE_HARD)
        return bad(err, l, i, "stands in a base");
    return 0;
}

/* Is there a row of plane i that `count` counts beside plane j? */
static bool has_rows(const index_layer *l, size_t i, size_t j,
                     uint32_t (*count)(block_ref a, block_ref b))
{
    const plane_view a = layer_view(l, &l->entries[i]);
    const plane_view b = layer_view(l, &l->entries[j]);
    uint32_t hint = 0;

    for (uint32_t k = 0; k < a.n; k++) {
        uint32_t block;
        const block_ref rows = view_container(&a, k, &block);
        if (count(rows, view_block(&b, block, &hint)) > 0)
            return true;
    }
    return false;
}

/* Are all rows of plane i in plane j? */
static bool is_within(const index_layer *l, size_t i, size_t j)
{
    return !has_rows(l, i, j, block_andnot_count);
}

static bool share_rows(const index_layer *l, size_t i, size_t j)
{
    return has_rows(l, i, j, block_and_count);
}

/* ---- profile ---- */

/* Does another cut of older layers that is told earlier hold rows of it? */
static int check_cut(const index_layer *l, size_t i, muster_error *err)
{
    plane_key other = l->entries[i].key;

    other.value = 0;
    for (uint8_t role = ROLE_HARD; role < l->entries[i].key.role; role++) {
        other.role = role;
        const layer_entry *e = layer_find(l, &other);
        if (e && share_rows(l, i, (size_t)(e - l->entries)))
            return bad(err, l, i, "has a row of another cut");
    }
    return 0;
}

/* Everyone in the SET planes of a value, [first, end) and what is between;
 * NULL and *twice: somebody is in two of them. */
static set *gather_held(const index_layer *l, size_t first, size_t end,
                        size_t *twice)
{
    set *held = set_new();

    for (size_t i = first; i < end; i++) {
        const layer_entry *e = &l->entries[i];
        if (e->key.role != ROLE_SET)
            continue;
        set *s = set_of_bytes(l->planes + e->offset, e->len);
        const bool again = set_intersects(s, held);
        set_or(held, s);
        set_free(s);
        if (again) {
            *twice = i;
            set_free(held);
            return NULL;
        }
    }
    return held;
}

static bool are_within(const index_layer *l, size_t i, const set *held)
{
    set *s = set_of_bytes(l->planes + l->entries[i].offset,
                          l->entries[i].len);
    set_andnot(s, held);
    const bool within = set_is_empty(s);
    set_free(s);
    return within;
}

/* Entries [first, end) are of one value of one group; several planes of it
 * are looked at. */
static int check_held(const index_layer *l, size_t first, size_t end,
                      muster_error *err)
{
    size_t twice = first;
    int rc = 0;
    set *held = gather_held(l, first, end, &twice);

    if (!held)
        return bad(err, l, twice, "has a row of another expiry");
    for (size_t i = first; i < end && rc == 0; i++) {
        const uint8_t role = l->entries[i].key.role;
        if ((role == ROLE_SIGN || role == ROLE_BIT) &&
            !are_within(l, i, held))
            rc = bad(err, l, i, "has a row without a number");
    }
    set_free(held);
    return rc;
}

/* ---- events ---- */

static int check_slice(const index_layer *l, size_t i, size_t seen,
                       muster_error *err)
{
    return is_within(l, i, seen) ? 0
                                 : bad(err, l, i, "has a row not seen");
}

static int check_seen(const index_layer *l, size_t i, muster_error *err)
{
    plane_key any = l->entries[i].key;

    if (any.value == INDEX_NO_VALUE)
        return 0;
    any.value = INDEX_NO_VALUE;
    const layer_entry *e = layer_find(l, &any);
    if (!e || !is_within(l, i, (size_t)(e - l->entries)))
        return bad(err, l, i, "has a row not seen under any value");
    return 0;
}

/* ---- all ---- */

static bool same_value(const plane_key *a, const plane_key *b)
{
    return a->attribute == b->attribute && a->provider == b->provider &&
           a->value == b->value;
}

/* Entries [first, end) are of one value of one group. */
static int check_value(const index_layer *l, size_t first, size_t end,
                       bool base, muster_error *err)
{
    bool profile = false;
    size_t seen = first;
    int rc = 0;

    for (size_t i = first; i < end && rc == 0; i++) {
        const uint8_t role = l->entries[i].key.role;
        profile |= role <= ROLE_BIT && role != ROLE_SEEN;
        if (role == ROLE_SEEN) {
            seen = i;
            rc = check_seen(l, i, err);
        } else if (role == ROLE_COUNT || role == ROLE_AMOUNT) {
            rc = check_slice(l, i, seen, err);
        } else if (role == ROLE_SOFT || role == ROLE_REMOVED) {
            rc = check_cut(l, i, err);
        }
    }
    if (rc == 0 && profile &&
        (end - first > 1 || l->entries[first].key.role != ROLE_SET) &&
        (base || l->entries[first].key.attribute != INDEX_UNIVERSE))
        rc = check_held(l, first, end, err);
    return rc;
}

int index_layer_check(const index_layer *l, bool base, muster_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < l->count && rc == 0; i++)
        rc = check_plane(l, i, base, err);
    for (size_t i = 0; i < l->count && rc == 0;) {
        size_t end = i + 1;
        while (end < l->count &&
               same_value(&l->entries[i].key, &l->entries[end].key))
            end++;
        rc = check_value(l, i, end, base, err);
        i = end;
    }
    return rc;
}
