/*
 * merge_profile.c - one profile group of several layers to one.
 *
 * The oldest layer's sets are the state; each newer delta is folded into it:
 * it cuts sayings (HARD, REMOVED, SOFT), then adds its own. At the end a row
 * stays only in the latest expiry of a value.
 *
 * Where the state is a delta itself, its cuts are folded too. What D1 and then
 * D2 cut from a row of an older layer, w being the value D2 says:
 *
 *     D2 says   D1 says                  both
 *     HARD      anything                 HARD
 *     SOFT w    HARD, or REMOVED w       HARD
 *     SOFT w    SOFT of another value    HARD
 *     SOFT w    SOFT w, or nothing       SOFT
 *     REMOVED v SOFT v                   HARD: v goes, D1 has cut the others
 *     else      HARD or SOFT             the same
 *     REMOVED v REMOVED u, or nothing    REMOVED u and v
 *
 * so a SOFT row always says its value. For numbers "another value" is another
 * number. Rows cut by HARD or SOFT need no REMOVED.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/merge.h"

#include <stdlib.h>

typedef struct fold {
    group_sets *old;
    const group_sets *delta;
    uint32_t *old_order; /* numbers of the keys as a directory has them */
    uint32_t *delta_order;
    const plane_key *group;
    const set *hard; /* of the delta; NULL = none */
    const set *soft;
    set *same; /* rows of soft: a number the old state has, if any */
} fold;

/* Rows of soft for which the delta says the number the old state holds. */
static set *same_numbers(const fold *f)
{
    set *same = set_copy(f->soft);
    for (int i = -1; i < NUMBER_BITS; i++) {
        plane_key key = key_with(f->group, i < 0 ? ROLE_SIGN : ROLE_BIT, 0);
        key.slice = i < 0 ? 0 : (uint8_t)i;
        const set *a = sets_find(f->old, &key);
        const set *b = sets_find(f->delta, &key);
        if (!a && !b)
            continue;
        set *differ = a ? set_copy(a) : set_new();
        if (b)
            set_xor(differ, b);
        set_andnot(same, differ);
        set_free(differ);
    }
    return same;
}

/* Everything that is said of `value`, whatever the expiry. */
static set *said(const group_sets *g, const uint32_t *order, uint32_t value)
{
    size_t low = 0;
    size_t high = g->keys.count;
    set *all = set_new();

    while (low < high) {
        const size_t mid = (low + high) / 2;
        if (g->keys.keys[order[mid]].value < value)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < g->keys.count; low++) {
        const plane_key *key = &g->keys.keys[order[low]];
        if (key->value != value)
            break;
        if (key->role == ROLE_SET)
            set_or(all, g->sets[order[low]]);
    }
    return all;
}

/* ---- what the delta cuts from the state's sayings ---- */

static void cut_soft(const fold *f, set *plane, const plane_key *key)
{
    if (!set_intersects(plane, f->soft))
        return;
    set *cut = set_copy(f->soft);
    if (key->role == ROLE_SET && key->value == INDEX_NO_VALUE) {
        set_andnot(cut, f->same);
    } else if (key->role == ROLE_SET) {
        set *keep = said(f->delta, f->delta_order, key->value);
        set_andnot(cut, keep);
        set_free(keep);
    } /* SIGN and BIT come anew with the delta */
    set_andnot(plane, cut);
    set_free(cut);
}

static void cut_sayings(const fold *f)
{
    for (size_t i = 0; i < f->old->keys.count; i++) {
        const plane_key key = f->old->keys.keys[i];
        set *plane = f->old->sets[i];
        if (key.role >= ROLE_HARD)
            continue;
        const plane_key removed_key =
            key_with(&key, ROLE_REMOVED, key.value);
        const set *removed = sets_find(f->delta, &removed_key);
        if (f->hard)
            set_andnot(plane, f->hard);
        if (removed)
            set_andnot(plane, removed);
        if (f->soft)
            cut_soft(f, plane, &key);
    }
}

/* ---- what both cut from older layers ---- */

/* Rows that the delta softly gives a value which the state does not let
 * older layers keep. */
static void harden_said(const fold *f, const plane_key *key,
                        const set *plane, const set *old_soft, set *out)
{
    const plane_key removed_key = key_with(key, ROLE_REMOVED, key->value);
    const set *removed = sets_find(f->old, &removed_key);

    if (!removed && !old_soft)
        return;
    set *rows = set_and_new(plane, f->soft);
    if (removed) {
        set *lost = set_and_new(rows, removed);
        set_or(out, lost);
        set_free(lost);
    }
    if (old_soft)
        set_and(rows, old_soft);
    if (old_soft && !set_is_empty(rows)) {
        set *kept = key->value == INDEX_NO_VALUE
                        ? set_copy(f->same)
                        : said(f->old, f->old_order, key->value);
        set_andnot(rows, kept);
        set_or(out, rows);
        set_free(kept);
    }
    set_free(rows);
}

/* Rows that lose the only value which the state lets older layers keep. */
static void harden_lost(const fold *f, const plane_key *key,
                        const set *removed, const set *old_soft, set *out)
{
    set *rows = set_and_new(removed, old_soft);
    if (!set_is_empty(rows)) {
        set *lost = said(f->old, f->old_order, key->value);
        set_and(rows, lost);
        set_or(out, rows);
        set_free(lost);
    }
    set_free(rows);
}

/* Rows that become HARD though neither layer says so; asked before the
 * state's sayings are cut. */
static set *hardened(const fold *f)
{
    const plane_key soft_key = key_with(f->group, ROLE_SOFT, 0);
    const set *old_soft = sets_find(f->old, &soft_key);
    set *out = set_new();

    for (size_t i = 0; i < f->delta->keys.count; i++) {
        const plane_key *key = &f->delta->keys.keys[i];
        if (key->role == ROLE_SET && f->soft)
            harden_said(f, key, f->delta->sets[i], old_soft, out);
        else if (key->role == ROLE_REMOVED && old_soft)
            harden_lost(f, key, f->delta->sets[i], old_soft, out);
    }
    return out;
}

static void fold_cuts(const fold *f, const set *harder)
{
    const plane_key hard_key = key_with(f->group, ROLE_HARD, 0);
    const plane_key soft_key = key_with(f->group, ROLE_SOFT, 0);

    for (size_t i = 0; i < f->delta->keys.count; i++)
        if (f->delta->keys.keys[i].role >= ROLE_HARD)
            set_or(*sets_at(f->old, &f->delta->keys.keys[i]),
                   f->delta->sets[i]);
    set_or(*sets_at(f->old, &hard_key), harder);
    const set *hard = sets_find(f->old, &hard_key);
    set *soft = sets_find(f->old, &soft_key);
    if (soft)
        set_andnot(soft, hard);
    for (size_t i = 0; i < f->old->keys.count; i++) {
        if (f->old->keys.keys[i].role != ROLE_REMOVED)
            continue;
        set_andnot(f->old->sets[i], hard);
        if (soft)
            set_andnot(f->old->sets[i], soft);
    }
}

/* ---- folding ---- */

static void fold_delta(group_sets *old, const group_sets *delta,
                       const plane_key *group, const merge_rules *rules)
{
    const plane_key hard_key = key_with(group, ROLE_HARD, 0);
    const plane_key soft_key = key_with(group, ROLE_SOFT, 0);
    fold f = {.old = old,
              .delta = delta,
              .old_order = key_table_order(&old->keys),
              .delta_order = key_table_order(&delta->keys),
              .group = group,
              .hard = sets_find(delta, &hard_key),
              .soft = sets_find(delta, &soft_key)};
    set *harder = NULL;

    if (f.soft)
        f.same = same_numbers(&f);
    if (rules->delta)
        harder = hardened(&f);
    cut_sayings(&f);
    if (rules->delta)
        fold_cuts(&f, harder);
    for (size_t i = 0; i < delta->keys.count; i++)
        if (delta->keys.keys[i].role < ROLE_HARD)
            set_or(*sets_at(old, &delta->keys.keys[i]), delta->sets[i]);
    set_free(harder);
    set_free(f.same);
    mem_free(f.old_order);
    mem_free(f.delta_order);
}

static int by_value_latest_first(const void *a, const void *b)
{
    const plane_key *x = *(plane_key *const *)a;
    const plane_key *y = *(plane_key *const *)b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->bucket < y->bucket) - (x->bucket > y->bucket);
}

/* A row stays only in the latest expiry of each value. */
static void keep_latest(group_sets *g)
{
    plane_key **order = mem_array(g->keys.count + 1, sizeof *order);
    size_t n = 0;

    for (size_t i = 0; i < g->keys.count; i++)
        if (g->keys.keys[i].role == ROLE_SET)
            order[n++] = &g->keys.keys[i];
    qsort(order, n, sizeof *order, by_value_latest_first);
    for (size_t i = 0; i < n;) {
        const uint32_t value = order[i]->value;
        if (i + 1 == n || order[i + 1]->value != value) {
            i++;
            continue;
        }
        set *later = set_new();
        for (; i < n && order[i]->value == value; i++) {
            set *s = sets_find(g, order[i]);
            set_andnot(s, later);
            set_or(later, s);
        }
        set_free(later);
    }
    mem_free(order);
}

/* Slices of numbers that have ended go with them. */
static void drop_ended_numbers(group_sets *g, const merge_rules *rules)
{
    set *live = NULL;

    for (size_t i = 0; i < g->keys.count; i++) {
        if (g->keys.keys[i].role != ROLE_SET ||
            !rules_keep(rules, &g->keys.keys[i]))
            continue;
        live = live ? live : set_new();
        set_or(live, g->sets[i]);
    }
    for (size_t i = 0; i < g->keys.count; i++) {
        const uint8_t role = g->keys.keys[i].role;
        if (role != ROLE_SIGN && role != ROLE_BIT)
            continue;
        if (live)
            set_and(g->sets[i], live);
        else
            set_andnot(g->sets[i], g->sets[i]);
    }
    set_free(live);
}

static bool has_number(const group_sets *g)
{
    for (size_t i = 0; i < g->keys.count; i++)
        if (g->keys.keys[i].role == ROLE_SIGN ||
            g->keys.keys[i].role == ROLE_BIT)
            return true;
    return false;
}

void merge_profile(layer_writer *out, const group_walk *w,
                   const merge_rules *rules)
{
    group_sets state;
    group_sets delta;

    sets_init(&state);
    sets_init(&delta);
    sets_load(&state, &w->spans[0]);
    for (size_t i = 1; i < w->span_count; i++) {
        sets_load(&delta, &w->spans[i]);
        fold_delta(&state, &delta, &w->group, rules);
        sets_clear(&delta);
    }
    keep_latest(&state);
    if (rules->now_hour > 0 && has_number(&state))
        drop_ended_numbers(&state, rules);
    sets_write(out, &state, rules);
    sets_release(&state);
    sets_release(&delta);
}
