/*
 * mapping.c - which attributes and values are mapped to which nodes of the
 * taxonomy, and another taxonomy in the place of the former.
 *
 * A mapping names its attribute by number, its value by text: a value may be
 * mapped before a record says it. Mappings are kept in order (attribute, whole
 * before values, value, node), each once. A change makes the list anew beside
 * copied nodes; a taxonomy that is loaded takes the former's mappings over, by
 * the ids of their nodes.
 *
 * What may be mapped: a flag as a whole; any other attribute as a whole ("is
 * known") or by its values; the values of a number are numbers and ranges,
 * "18..24", both ends included.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/internal.h"

#include <stdlib.h>

/* ---- values ---- */

bool taxonomy_is_range(muster_text text, int64_t *low, int64_t *high)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] != '.' || text.ptr[i + 1] != '.')
            continue;
        const muster_text from = text_make(text.ptr, i);
        const muster_text to = text_make(text.ptr + i + 2, text.len - i - 2);
        return text_parse_number(from, low) == 0 &&
               text_parse_number(to, high) == 0 && *low <= *high;
    }
    const bool one = text_parse_number(text, low) == 0;
    *high = *low;
    return one;
}

/* No record may say it (record_value_fault of ingest). */
static bool has_control(muster_text t)
{
    for (size_t i = 0; i < t.len; i++) {
        const unsigned char c = (unsigned char)t.ptr[i];
        if (c < 0x20 || c == 0x7f ||
            (c == 0xc2 && i + 1 < t.len && (unsigned char)t.ptr[i + 1] < 0xa0))
            return true;
    }
    return false;
}

int taxonomy_check_value(attribute_kind kind, muster_text value,
                         muster_error *err)
{
    int64_t low = 0;
    int64_t high = 0;
    if (value.ptr == NULL)
        return 0;
    if (kind == KIND_FLAG)
        return error_set(err, MUSTER_EINVAL, "bad_mapping",
                         "a flag has no values; it is mapped as a whole");
    if (value.len == 0 || value.len > MUSTER_VALUE_BYTES_MAX ||
        !text_is_utf8(value))
        return error_set(err, MUSTER_EINVAL, "bad_mapping",
                         "a value is a text of 1 to %u bytes",
                         MUSTER_VALUE_BYTES_MAX);
    if (has_control(value))
        return error_set(err, MUSTER_EINVAL, "bad_mapping",
                         "the value has control characters");
    if (kind == KIND_NUMBER && !taxonomy_is_range(value, &low, &high))
        return error_set(err, MUSTER_EINVAL, "bad_mapping",
                         "the values of a number are mapped as \"7\" or as a "
                         "range, \"18..24\"");
    return 0;
}

/* ---- lists of them ---- */

static int compare_values(muster_text a, muster_text b)
{
    if (a.ptr == NULL || b.ptr == NULL)
        return (a.ptr != NULL) - (b.ptr != NULL);
    return text_compare(a, b);
}

static int by_place(const void *a, const void *b)
{
    const taxonomy_mapping *x = a;
    const taxonomy_mapping *y = b;
    if (x->attribute != y->attribute)
        return x->attribute < y->attribute ? -1 : 1;
    const int by = compare_values(x->value, y->value);
    return by != 0 ? by : (x->node > y->node) - (x->node < y->node);
}

typedef struct mapping_list {
    taxonomy_mapping *items;
    size_t count;
    size_t capacity;
} mapping_list;

static void put(mapping_list *l, taxonomy_mapping m)
{
    mem_grow(&l->items, &l->capacity, l->count + 1, sizeof *l->items);
    l->items[l->count++] = m;
}

static void tidy(mapping_list *l)
{
    size_t n = 0;
    if (l->count > 1)
        qsort(l->items, l->count, sizeof *l->items, by_place);
    for (size_t i = 0; i < l->count; i++)
        if (n == 0 || by_place(&l->items[n - 1], &l->items[i]) != 0)
            l->items[n++] = l->items[i];
    l->count = n;
}

static bool same_list(const mapping_list *l, const catalog_taxonomy *t)
{
    if (l->count != t->mapping_count)
        return false;
    for (size_t i = 0; i < l->count; i++)
        if (by_place(&l->items[i], &t->mappings[i]) != 0)
            return false;
    return true;
}

/* ---- a taxonomy with them ---- */

static muster_text keep_value(arena *memory, muster_text v)
{
    if (v.ptr == NULL)
        return v;
    return text_make(arena_strndup(memory, v.ptr, v.len), v.len);
}

/* Takes the mappings over, in order. */
static void set_mappings(taxonomy *t, const mapping_list *l)
{
    taxonomy_mapping *kept =
        arena_zalloc(&t->memory, (l->count + 1) * sizeof *kept);
    for (size_t i = 0; i < l->count; i++) {
        kept[i] = l->items[i];
        kept[i].value = keep_value(&t->memory, l->items[i].value);
    }
    t->public.mappings = kept;
    t->public.mapping_count = (uint32_t)l->count;
}

/* The same nodes once more; NULL when they make no tree. */
static taxonomy *copy_nodes(const catalog_taxonomy *from)
{
    taxonomy_fault fault;
    taxonomy_row *rows = mem_array(from->node_count, sizeof *rows);
    for (uint32_t i = 0; i < from->node_count; i++) {
        const taxonomy_node *n = &from->nodes[i];
        rows[i] = (taxonomy_row){
            text_of(n->id),
            text_of(n->parent == CATALOG_NONE ? "" : from->nodes[n->parent].id),
            text_of(n->path), text_of(n->note)};
    }
    taxonomy *t = taxonomy_new(text_of(from->name), from->segtax, rows,
                               from->node_count, &fault);
    mem_free(rows);
    return t;
}

/* The catalog's from now on. */
static void put_taxonomy(catalog *c, taxonomy *take_t)
{
    taxonomy_release(c->taxonomy);
    c->taxonomy = take_t;
    catalog_touch(c);
    if (c->watcher.taxonomy != NULL)
        c->watcher.taxonomy(c->watcher.payload, &take_t->public);
}

/* ---- changes ---- */

/* Edits by what they are about, the later of two behind the earlier. */
static int by_subject(const void *a, const void *b)
{
    const taxonomy_edit *x = *(const taxonomy_edit *const *)a;
    const taxonomy_edit *y = *(const taxonomy_edit *const *)b;
    if (x->attribute != y->attribute)
        return x->attribute < y->attribute ? -1 : 1;
    const int by = compare_values(x->value, y->value);
    return by != 0 ? by : (x > y) - (x < y);
}

/* The edit that decides over an attribute's value; NULL: none. */
static const taxonomy_edit *find_edit(const taxonomy_edit *const *sorted,
                                      size_t count, uint32_t attribute,
                                      muster_text value)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) { /* the first that is behind it */
        const size_t mid = low + (high - low) / 2;
        const taxonomy_edit *e = sorted[mid];
        if (e->attribute < attribute ||
            (e->attribute == attribute && compare_values(e->value, value) <= 0))
            low = mid + 1;
        else
            high = mid;
    }
    const taxonomy_edit *e = low > 0 ? sorted[low - 1] : NULL;
    return e != NULL && e->attribute == attribute &&
                   compare_values(e->value, value) == 0
               ? e
               : NULL;
}

/* What the edits leave of the taxonomy's mappings, and what they bring. */
static void apply_edits(const catalog_taxonomy *t, const taxonomy_edit *edits,
                        size_t count, mapping_list *l)
{
    const taxonomy_edit **sorted = mem_array(count, sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &edits[i];
    qsort(sorted, count, sizeof *sorted, by_subject);
    for (uint32_t i = 0; i < t->mapping_count; i++) {
        const taxonomy_mapping *m = &t->mappings[i];
        const taxonomy_edit *whole = find_edit(sorted, count, m->attribute,
                                               text_make(NULL, 0));
        if ((whole == NULL || !whole->clear) &&
            find_edit(sorted, count, m->attribute, m->value) == NULL)
            put(l, *m);
    }
    for (size_t i = 0; i < count; i++) {
        const taxonomy_edit *e = sorted[i];
        if (find_edit(sorted, count, e->attribute, e->value) != e)
            continue; /* a later one stands in its place */
        for (size_t k = 0; k < e->count; k++)
            put(l, (taxonomy_mapping){e->attribute, e->nodes[k], e->value});
    }
    mem_free(sorted);
    tidy(l);
}

int catalog_taxonomy_edit(catalog *c, const taxonomy_edit *edits,
                          size_t count, muster_error *err)
{
    const catalog_taxonomy *t = catalog_taxonomy_get(c);
    mapping_list l = {0};
    int rc = 0;
    if (count == 0)
        return 0;
    ASSERT(t != NULL);
    apply_edits(t, edits, count, &l);
    if (l.count > MUSTER_TAXONOMY_MAPPINGS_MAX) {
        rc = error_set(err, MUSTER_ELIMIT, "too_many",
                       "with these there would be more than %u mappings",
                       MUSTER_TAXONOMY_MAPPINGS_MAX);
    } else if (!same_list(&l, t)) {
        taxonomy *next = copy_nodes(t);
        ASSERT(next != NULL); /* they made one before */
        set_mappings(next, &l);
        put_taxonomy(c, next);
    }
    mem_free(l.items);
    return rc;
}

int catalog_taxonomy_map(catalog *c, muster_text attribute, muster_text value,
                         const muster_text *nodes, size_t count,
                         muster_error *err)
{
    const catalog_attribute *a = catalog_attribute_find(c, attribute);
    ASSERT(count <= MUSTER_TAXONOMY_MAPPINGS_MAX);
    if (a == NULL)
        return error_set(err, MUSTER_ENOTFOUND, "unknown_attribute",
                         "there is no attribute \"%.*s\"",
                         (int)(attribute.len < 128 ? attribute.len : 128),
                         attribute.ptr);
    int rc = taxonomy_check_value(a->kind, value, err);
    if (rc == 0 && c->taxonomy == NULL)
        return error_set(err, MUSTER_ENOTFOUND, "no_taxonomy",
                         "no taxonomy is loaded");
    uint32_t *numbers = mem_array(count + 1, sizeof *numbers);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = taxonomy_node_find(c, nodes[i], &numbers[i], err);
    const taxonomy_edit edit = {a->id, false, value, numbers, count};
    if (rc == 0)
        rc = catalog_taxonomy_edit(c, &edit, 1, err);
    mem_free(numbers);
    return rc;
}

/* ---- another one ---- */

/* Mappings of the former with the numbers that their nodes have in the next
 * one. */
static int take_over(const catalog *c, const taxonomy *next, mapping_list *l,
                     muster_error *err)
{
    const catalog_taxonomy *t = catalog_taxonomy_get(c);
    for (uint32_t i = 0; t != NULL && i < t->mapping_count; i++) {
        taxonomy_mapping m = t->mappings[i];
        const char *id = t->nodes[m.node].id;
        m.node = taxonomy_find(&next->public, text_of(id));
        if (m.node == CATALOG_NONE)
            return error_set(err, MUSTER_ECONFLICT, "mapped_node",
                             "the file has no node %s, to which \"%s\" is "
                             "mapped",
                             id, catalog_attribute_get(c, m.attribute)->name);
        put(l, m);
    }
    tidy(l);
    return 0;
}

static bool same_nodes(const catalog_taxonomy *a, const catalog_taxonomy *b)
{
    if (a == NULL || a->node_count != b->node_count ||
        a->segtax != b->segtax || strcmp(a->name, b->name) != 0)
        return false;
    for (uint32_t i = 0; i < a->node_count; i++) {
        const taxonomy_node *x = &a->nodes[i];
        const taxonomy_node *y = &b->nodes[i];
        if (x->parent != y->parent || strcmp(x->id, y->id) != 0 ||
            strcmp(x->path, y->path) != 0 || strcmp(x->note, y->note) != 0)
            return false;
    }
    return true;
}

static int place_fault(const taxonomy_fault *fault, muster_text file,
                       const size_t *offsets, size_t count, muster_error *err)
{
    error_set(err, MUSTER_EINVAL, fault->word, "%s", fault->message);
    if (fault->row < count) {
        const size_t at = offsets[fault->row];
        const char *end = memchr(file.ptr + at, '\n', file.len - at);
        error_place(err, file.ptr, file.len, at,
                    end != NULL ? (size_t)(end - file.ptr) - at
                                : file.len - at);
    }
    return MUSTER_EINVAL;
}

static int load_rows(catalog *c, muster_text name, uint32_t segtax,
                     const taxonomy_row *rows, size_t count,
                     taxonomy_fault *fault, muster_error *err)
{
    mapping_list l = {0};
    taxonomy *next = taxonomy_new(name, segtax, rows, count, fault);
    if (next == NULL)
        return MUSTER_EINVAL;
    const int rc = take_over(c, next, &l, err);
    if (rc == 0 && !same_nodes(catalog_taxonomy_get(c), &next->public)) {
        set_mappings(next, &l);
        put_taxonomy(c, taxonomy_retain(next));
    }
    mem_free(l.items);
    taxonomy_release(next);
    return rc;
}

int catalog_taxonomy_load(catalog *c, muster_text name, uint32_t segtax,
                          muster_text file, muster_error *err)
{
    taxonomy_row *rows = NULL;
    size_t *offsets = NULL;
    size_t count = 0;
    taxonomy_fault fault = {.word = NULL};
    arena memory;
    if (!catalog_is_provider_name(name))
        return error_set(err, MUSTER_EINVAL, "bad_name",
                         "the name of a taxonomy begins with a lower-case "
                         "letter or digit, then come these and _ . -");
    arena_init(&memory);
    int rc = taxonomy_file_parse(file, &memory, &rows, &offsets, &count, err);
    if (rc == 0)
        rc = load_rows(c, name, segtax, rows, count, &fault, err);
    if (rc != 0 && fault.word != NULL)
        place_fault(&fault, file, offsets, count, err);
    mem_free(rows);
    mem_free(offsets);
    arena_release(&memory);
    return rc;
}

/* ---- from a checkpoint ---- */

static bool is_restorable(const catalog *c, const catalog_taxonomy *t)
{
    for (uint32_t i = 0; i < t->node_count; i++)
        if (t->nodes[i].parent != CATALOG_NONE && t->nodes[i].parent >= i)
            return false;
    for (uint32_t i = 0; i < t->mapping_count; i++) {
        const taxonomy_mapping *m = &t->mappings[i];
        const catalog_attribute *a = catalog_attribute_get(c, m->attribute);
        if (a == NULL || m->node >= t->node_count ||
            taxonomy_check_value(a->kind, m->value, NULL) != 0)
            return false;
    }
    return t->mapping_count <= MUSTER_TAXONOMY_MAPPINGS_MAX &&
           catalog_is_provider_name(text_of(t->name));
}

int catalog_restore_taxonomy(catalog *c, const catalog_taxonomy *t,
                             muster_error *err)
{
    mapping_list l = {0};
    taxonomy *next = is_restorable(c, t) ? copy_nodes(t) : NULL;
    if (next == NULL)
        return error_set(err, MUSTER_ECORRUPT, "catalog_damaged",
                         "the stored taxonomy is damaged");
    for (uint32_t i = 0; i < t->mapping_count; i++)
        put(&l, t->mappings[i]);
    tidy(&l);
    set_mappings(next, &l);
    mem_free(l.items);
    taxonomy_release(c->taxonomy);
    c->taxonomy = next;
    catalog_touch(c);
    return 0;
}
