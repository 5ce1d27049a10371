/*
 * match_list.c - the segments that the matcher keeps: their plans, what facts
 * they read, and which of them an edit touches.
 *
 * A plan stays good while the attributes, the providers and the taxonomy of
 * the catalog do; one that names values that were not there, or a pattern of
 * them (an open one), is bound again when users with such an attribute are
 * looked at.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "match_list.h"

#include <stdlib.h>

uint64_t *bits_new(uint32_t n)
{
    return mem_zalloc(((size_t)n / 64 + 1) * sizeof(uint64_t));
}

void match_list_init(match_list *l, muster_engine *e)
{
    memset(l, 0, sizeof *l);
    l->engine = e;
    const int rc = scope_new(&l->viewer, text_of("matcher"), PURPOSE_SERVING,
                             text_make(NULL, 0), NULL);
    ASSERT(rc == 0);
}

static void free_plans(match_list *l)
{
    for (uint32_t i = 0; l->with && i < l->with->count; i++)
        segment_plan_free(l->plans[i]);
    mem_free(l->plans);
    l->plans = NULL;
}

void match_list_release(match_list *l)
{
    free_plans(l);
    scope_free(l->viewer);
    mem_free(l->reads);
    mem_free(l->marks);
}

/* ---- what a plan reads ---- */

typedef struct read_note {
    match_list *list;
    uint32_t rank;
    bool open;
} read_note;

static void add_read(void *payload, uint32_t attribute, uint32_t value)
{
    const read_note *n = payload;
    match_list *l = n->list;

    mem_grow(&l->reads, &l->read_capacity, l->read_count + 1,
             sizeof *l->reads);
    l->reads[l->read_count++] = (match_read){
        attribute, n->open ? SEGMENT_ANY : value, n->rank};
}

static int by_read(const void *a, const void *b)
{
    const match_read *x = a;
    const match_read *y = b;
    if (x->attribute != y->attribute)
        return x->attribute < y->attribute ? -1 : 1;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

static void note_reads(match_list *l)
{
    l->read_count = 0;
    for (uint32_t i = 0; i < l->with->count; i++) {
        read_note n = {l, i, l->plans[i] && segment_plan_open(l->plans[i])};
        if (l->plans[i])
            segment_plan_reads(l->plans[i], add_read, &n);
    }
    if (l->read_count > 1)
        qsort(l->reads, l->read_count, sizeof *l->reads, by_read);
}

/* The first read that is not before (attribute, value). */
static size_t seek(const match_list *l, uint32_t attribute, uint32_t value)
{
    const match_read wanted = {attribute, value, 0};
    size_t low = 0;
    size_t high = l->read_count;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (by_read(&l->reads[mid], &wanted) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* ---- who is touched ---- */

static void touch_rank(match_touched *t, const change_note *notes,
                       size_t count, uint32_t rank)
{
    if (count > MATCH_FEW)
        bit_add(t->many, rank);
    if (bit_has(t->many, rank))
        return;
    mem_grow(&t->pairs, &t->pair_capacity, t->pair_count + count,
             sizeof *t->pairs);
    for (size_t k = 0; k < count; k++)
        t->pairs[t->pair_count++] = (match_pair){notes[k].row, rank};
}

/* The notes [0, count) touch those who read values first to last. */
static void touch(match_touched *t, const match_list *l,
                  const change_note *notes, size_t count, uint32_t first,
                  uint32_t last)
{
    const uint32_t attribute = notes->attribute;

    for (size_t i = seek(l, attribute, first);
         i < l->read_count && l->reads[i].attribute == attribute &&
         l->reads[i].value <= last;
         i++)
        touch_rank(t, notes, count, l->reads[i].rank);
}

/* Notes of one attribute. */
static void touch_readers(match_touched *t, const match_list *l,
                          const change_note *notes, size_t count)
{
    for (size_t i = 0, end; i < count; i = end) {
        const uint32_t value = notes[i].value;
        for (end = i + 1; end < count && notes[end].value == value;)
            end++;
        if (value == NOTE_ANY)
            touch(t, l, notes + i, end - i, 0, SEGMENT_ANY);
        else
            touch(t, l, notes + i, end - i, value, value);
    }
    touch(t, l, notes, count, SEGMENT_ANY, SEGMENT_ANY);
}

static int by_value(const void *a, const void *b)
{
    const change_note *x = a;
    const change_note *y = b;
    if (x->attribute != y->attribute)
        return x->attribute < y->attribute ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

static int by_pair(const void *a, const void *b)
{
    const match_pair *x = a;
    const match_pair *y = b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

/* By row, each pair once, without those of segments that many touch. */
static void tidy_pairs(match_touched *t)
{
    size_t n = 0;

    if (t->pair_count > 1)
        qsort(t->pairs, t->pair_count, sizeof *t->pairs, by_pair);
    for (size_t i = 0; i < t->pair_count; i++) {
        if (bit_has(t->many, t->pairs[i].rank) ||
            (n > 0 && by_pair(&t->pairs[n - 1], &t->pairs[i]) == 0))
            continue;
        t->pairs[n++] = t->pairs[i];
    }
    t->pair_count = n;
}

void match_touched_init(match_touched *t, const match_list *l,
                        change_note *notes, size_t count,
                        const uint64_t *also)
{
    memset(t, 0, sizeof *t);
    t->many = bits_new(l->with->count);
    for (uint32_t i = 0; also && i <= l->with->count / 64; i++)
        t->many[i] |= also[i];
    qsort(notes, count, sizeof *notes, by_value);
    for (size_t i = 0, end; i < count; i = end) {
        const uint32_t attribute = notes[i].attribute;
        for (end = i + 1; end < count && notes[end].attribute == attribute;)
            end++;
        if (attribute == INDEX_OPTED_OUT || attribute == INDEX_FORGOTTEN)
            for (uint32_t rank = 0; rank < l->with->count; rank++)
                touch_rank(t, notes + i, end - i, rank);
        else
            touch_readers(t, l, notes + i, end - i);
    }
    tidy_pairs(t);
}

void match_touched_release(match_touched *t)
{
    mem_free(t->pairs);
    mem_free(t->many);
}

/* ---- what has changed ---- */

/* Of the attributes, the providers and the taxonomy: all that binding looks
 * at, values apart. */
static uint64_t shape_of(const catalog *names)
{
    const catalog_taxonomy *t = catalog_taxonomy_get(names);
    uint64_t h = t ? t->version : 0;

    for (size_t i = 0; i < catalog_attribute_count(names); i++) {
        const catalog_attribute *a = catalog_attribute_at(names, i);
        const uint64_t row[] = {h,      a->id,    (uint64_t)a->kind,
                                a->cap, a->grain, a->retention_days,
                                a->unit_date, a->amount};
        h = hash_bytes(row, sizeof row);
    }
    for (uint32_t i = 0; i < catalog_provider_count(names); i++) {
        const catalog_provider *p = catalog_provider_get(names, i);
        const uint64_t row[] = {h, p ? p->id : UINT64_MAX,
                                p ? (uint64_t)p->party : 0};
        h = hash_bytes(row, sizeof row);
    }
    return h;
}

static uint64_t mark_of(const audience *a)
{
    const audience_version *v = audience_current(a);
    if (!v)
        return 0;
    return hash_bytes(v->expr.ptr, v->expr.len) * 4 + 2 + v->served;
}

bool match_list_is_stale(const match_list *l, const epoch *at)
{
    return !l->with || (catalog_version(at->names) != l->version &&
                        shape_of(at->names) != l->shape);
}

/* ---- taking over ---- */

static bool refers_to(const audience *a, const char *const *keys, size_t n)
{
    const audience_version *v = audience_current(a);
    ast_tree *tree;
    bool refers = false;

    if (!v || !text_contains_nocase(v->expr, text_of("segment")) ||
        segment_parse(&tree, v->expr, NULL) != 0)
        return false;
    for (size_t i = 0; i < n && !refers; i++)
        refers = segment_refers(tree, text_of(keys[i]));
    segment_tree_free(tree);
    return refers;
}

/* Adds those that refer to what is dirty, until there are no more. */
static void spread(const audience_store *all, uint64_t *dirty)
{
    const size_t count = audience_count(all);
    const char **keys = mem_array(count + 1, sizeof *keys);
    bool grew = true;

    while (grew) {
        size_t n = 0;
        grew = false;
        for (size_t i = 0; i < count; i++)
            if (bit_has(dirty, audience_at(all, i)->id))
                keys[n++] = audience_at(all, i)->key;
        for (size_t i = 0; n > 0 && i < count; i++) {
            const audience *a = audience_at(all, i);
            if (!bit_has(dirty, a->id) && refers_to(a, keys, n)) {
                bit_add(dirty, a->id);
                grew = true;
            }
        }
    }
    mem_free(keys);
}

/* By id: those whose expression is another, or that came or went. */
static uint64_t *find_dirty(match_list *l, const audience_store *all,
                            uint32_t id_end)
{
    uint64_t *dirty = bits_new(id_end);
    uint64_t *marks = mem_zalloc(((size_t)id_end + 1) * sizeof *marks);

    for (size_t i = 0; i < audience_count(all); i++) {
        const audience *a = audience_at(all, i);
        marks[a->id] = mark_of(a);
        if (a->id >= l->mark_count || l->marks[a->id] != marks[a->id])
            bit_add(dirty, a->id);
    }
    mem_free(l->marks);
    l->marks = marks;
    l->mark_count = id_end;
    spread(all, dirty);
    return dirty;
}

static plan *bind(match_list *l, const epoch *at, const roster_entry *entry)
{
    plan *p;

    if (engine_bind(l->engine, at, l->viewer, text_of(entry->expr),
                    text_make(NULL, 0), &p, NULL, NULL) != 0)
        return NULL; /* refers to something that is gone */
    return p;
}

/* The former plan of a segment, taken out. */
static plan *take_former(match_list *l, uint32_t id)
{
    const uint32_t rank = l->with ? roster_rank(l->with, id) : ROSTER_NONE;
    if (rank == ROSTER_NONE)
        return NULL;
    plan *p = l->plans[rank];
    l->plans[rank] = NULL;
    return p;
}

void match_list_take(match_list *l, const epoch *at, const roster *with,
                     uint64_t **anew, uint32_t *anew_count)
{
    const uint64_t shape = shape_of(at->names);
    const bool all = !l->with || shape != l->shape;
    uint64_t *dirty = find_dirty(l, at->audiences, with->id_end);
    plan **plans = mem_array(with->count + 1, sizeof *plans);

    *anew = bits_new(with->count);
    *anew_count = 0;
    for (uint32_t i = 0; i < with->count; i++) {
        const roster_entry *entry = &with->entries[i];
        plan *former = take_former(l, entry->id);
        if (!all && former && !bit_has(dirty, entry->id)) {
            plans[i] = former;
            continue;
        }
        segment_plan_free(former);
        plans[i] = bind(l, at, entry);
        bit_add(*anew, i);
        (*anew_count)++;
    }
    free_plans(l);
    mem_free(dirty);
    l->plans = plans;
    l->with = with;
    l->shape = shape;
    l->version = catalog_version(at->names);
    note_reads(l);
}

static void reopen(match_list *l, const epoch *at, uint32_t rank)
{
    if (!l->plans[rank] || !segment_plan_open(l->plans[rank]))
        return;
    segment_plan_free(l->plans[rank]);
    l->plans[rank] = bind(l, at, &l->with->entries[rank]);
}

void match_list_reopen(match_list *l, const epoch *at,
                       const match_touched *touched)
{
    for (uint32_t i = 0; i < l->with->count; i++)
        if (bit_has(touched->many, i))
            reopen(l, at, i);
    for (size_t i = 0; i < touched->pair_count; i++)
        reopen(l, at, touched->pairs[i].rank);
}

void match_list_reopen_all(match_list *l, const epoch *at)
{
    for (uint32_t i = 0; i < l->with->count; i++)
        reopen(l, at, i);
}
