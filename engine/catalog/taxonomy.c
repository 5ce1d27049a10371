/*
 * taxonomy.c - a tree of nodes that the field knows by id.
 *
 * Nodes are kept in preorder, so that a node and those below it are neighbours
 * (from the node to its `end`): whatever is mapped below a node is found by
 * comparing numbers. Siblings stand as in the file. The parent's id decides
 * where a node stands; its path is text to find and to show it by, which in
 * the IAB's own file is not always that of the parent with one tier more.
 *
 * One is made whole and never changed. A change of mappings (mapping.c) copies
 * the nodes, so snapshots and copies of a catalog share one by counting.
 *
 * Cost: about 200 bytes a node and its path. Making one sorts; finding is a
 * binary search.
 * Threads: made by the catalog's writer; read, held and let go by any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SHOWN_BYTES 100u /* of a text in a message */

/* ---- holding ---- */

taxonomy *taxonomy_retain(taxonomy *t)
{
    if (t != NULL)
        __atomic_add_fetch(&t->holders, 1, __ATOMIC_RELAXED);
    return t;
}

void taxonomy_release(taxonomy *t)
{
    if (t == NULL)
        return;
    ASSERT(t->holders > 0);
    if (__atomic_sub_fetch(&t->holders, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    arena_release(&t->memory);
    mem_free(t);
}

const catalog_taxonomy *catalog_taxonomy_get(const catalog *c)
{
    return c->taxonomy != NULL ? &c->taxonomy->public : NULL;
}

/* ---- names of nodes ---- */

/* A path as it is compared: tiers trimmed, " | " between, ASCII letters
 * small, empty tiers at the end left out. False: too long to be one. */
static bool fold_path(muster_text text, char *out, size_t *len)
{
    size_t n = 0;
    *len = 0;
    while (text.len > 0) {
        const char *bar = memchr(text.ptr, '|', text.len);
        const size_t used = bar != NULL ? (size_t)(bar - text.ptr) : text.len;
        const muster_text tier = text_trim(text_make(text.ptr, used));
        if (n + tier.len + 3 > MUSTER_TAXONOMY_PATH_BYTES_MAX)
            return false;
        for (size_t i = 0; i < tier.len; i++) {
            const char c = tier.ptr[i];
            out[n++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
        *len = tier.len > 0 ? n : *len;
        memcpy(out + n, " | ", 3);
        n += 3;
        const size_t step = bar != NULL ? used + 1 : used;
        text = text_make(text.ptr + step, text.len - step);
    }
    return true;
}

static int by_text(const void *a, const void *b)
{
    const taxonomy_key *x = a;
    const taxonomy_key *y = b;
    const int by = text_compare(x->text, y->text);
    return by != 0 ? by : (x->node > y->node) - (x->node < y->node);
}

static uint32_t find_key(const taxonomy_key *keys, size_t count,
                         muster_text wanted)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const int by = text_compare(keys[mid].text, wanted);
        if (by == 0)
            return keys[mid].node;
        if (by < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return CATALOG_NONE;
}

uint32_t taxonomy_find(const catalog_taxonomy *public, muster_text node)
{
    const taxonomy *t = (const taxonomy *)public;
    char folded[MUSTER_TAXONOMY_PATH_BYTES_MAX];
    size_t len = 0;
    ASSERT(t != NULL);
    const size_t count = t->public.node_count;
    const uint32_t found = find_key(t->ids, count, text_trim(node));
    if (found != CATALOG_NONE || !fold_path(node, folded, &len))
        return found;
    return find_key(t->paths, count, text_make(folded, len));
}

static muster_text last_tier(const char *path)
{
    const char *bar = strrchr(path, '|');
    return text_trim(text_of(bar != NULL ? bar + 1 : path));
}

const char *taxonomy_suggest(const catalog_taxonomy *t, muster_text node)
{
    near_name near;
    const muster_text wanted = text_trim(node);
    for (uint32_t i = 0; i < t->node_count; i++)
        if (text_equal_nocase(last_tier(t->nodes[i].path), wanted))
            return t->nodes[i].path;
    near_init(&near, wanted);
    for (uint32_t i = 0; i < t->node_count; i++)
        near_offer(&near, text_of(t->nodes[i].path));
    return near.best.ptr; /* a whole path, so it ends with NUL */
}

int taxonomy_node_find(const catalog *c, muster_text node, uint32_t *out,
                       muster_error *err)
{
    const catalog_taxonomy *t = catalog_taxonomy_get(c);
    if (t == NULL)
        return error_set(err, MUSTER_ENOTFOUND, "no_taxonomy",
                         "no taxonomy is loaded");
    *out = taxonomy_find(t, node);
    if (*out != CATALOG_NONE)
        return 0;
    const int shown = (int)(node.len < SHOWN_BYTES ? node.len : SHOWN_BYTES);
    const char *near = taxonomy_suggest(t, node);
    error_set(err, MUSTER_ENOTFOUND, "unknown_node",
              "there is no node \"%.*s\" in the taxonomy %s", shown, node.ptr,
              t->name);
    if (near != NULL)
        error_suggest(err, "%s", near);
    return MUSTER_ENOTFOUND;
}

/* ---- making one ---- */

/* Rows on their way into the tree. */
typedef struct growing {
    const taxonomy_row *rows;
    size_t count;
    taxonomy_key *ids; /* of rows, by text */
    uint32_t *parents; /* of rows; CATALOG_NONE: a root */
    uint32_t *first;   /* child of a row, of the roots at [count] */
    uint32_t *next;    /* sibling of a row */
    bool *planted;     /* rows that have become nodes */
    taxonomy_fault *fault;
} growing;

__attribute__((format(printf, 4, 5))) static bool
fail(const growing *g, size_t row, const char *word, const char *format, ...)
{
    va_list args;
    g->fault->row = row;
    g->fault->word = word;
    va_start(args, format);
    vsnprintf(g->fault->message, sizeof g->fault->message, format, args);
    va_end(args);
    return false;
}

static bool is_id(muster_text t)
{
    if (t.len == 0 || t.len > MUSTER_TAXONOMY_ID_BYTES_MAX)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        const char c = t.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
            !(c >= '0' && c <= '9') && c != '_' && c != '.' && c != '-')
            return false;
    }
    return true;
}

static bool is_line(muster_text t)
{
    for (size_t i = 0; i < t.len; i++)
        if ((unsigned char)t.ptr[i] < ' ' || t.ptr[i] == 0x7f)
            return false;
    return text_is_utf8(t);
}

static bool check_row(const growing *g, size_t i)
{
    const taxonomy_row *row = &g->rows[i];
    if (!is_id(row->id) || (row->parent.len > 0 && !is_id(row->parent)))
        return fail(g, i, "bad_id",
                    "an id is 1 to %u letters, digits, '_', '.' and '-'",
                    MUSTER_TAXONOMY_ID_BYTES_MAX);
    if (row->path.len == 0 || !is_line(row->path) || !is_line(row->note))
        return fail(g, i, "bad_name",
                    "the tiers are empty, or hold what is no text");
    if (row->path.len + 3 > MUSTER_TAXONOMY_PATH_BYTES_MAX ||
        row->note.len > MUSTER_TAXONOMY_PATH_BYTES_MAX)
        return fail(g, i, "long_name", "the tiers have more than %u bytes",
                    MUSTER_TAXONOMY_PATH_BYTES_MAX - 3);
    return true;
}

static bool check_rows(growing *g)
{
    if (g->count == 0 || g->count > MUSTER_TAXONOMY_NODES_MAX)
        return fail(g, g->count == 0 ? 0 : MUSTER_TAXONOMY_NODES_MAX,
                    "too_many", "a taxonomy has 1 to %u nodes",
                    MUSTER_TAXONOMY_NODES_MAX);
    for (size_t i = 0; i < g->count; i++) {
        if (!check_row(g, i))
            return false;
        g->ids[i] = (taxonomy_key){g->rows[i].id, (uint32_t)i};
    }
    qsort(g->ids, g->count, sizeof *g->ids, by_text);
    for (size_t i = 1; i < g->count; i++)
        if (text_equal(g->ids[i - 1].text, g->ids[i].text))
            return fail(g, g->ids[i].node, "duplicate_id",
                        "the id stands here a second time");
    return true;
}

/* Children hang on their parents; in reverse, so that the first comes first. */
static bool hang_rows(growing *g)
{
    for (size_t i = 0; i < g->count; i++) {
        const muster_text parent = g->rows[i].parent;
        g->parents[i] = CATALOG_NONE;
        g->first[i] = CATALOG_NONE;
        if (parent.len == 0)
            continue;
        g->parents[i] = find_key(g->ids, g->count, parent);
        if (g->parents[i] == CATALOG_NONE)
            return fail(g, i, "unknown_parent",
                        "no line has the id of the parent");
    }
    g->first[g->count] = CATALOG_NONE;
    for (size_t i = g->count; i-- > 0;) {
        const size_t parent =
            g->parents[i] == CATALOG_NONE ? g->count : g->parents[i];
        g->next[i] = g->first[parent];
        g->first[parent] = (uint32_t)i;
    }
    return true;
}

/* A copy of what is not NULL; NULL stays. */
static muster_text keep(arena *memory, muster_text t)
{
    if (t.ptr == NULL)
        return t;
    return text_make(arena_strndup(memory, t.ptr, t.len), t.len);
}

/* The row and what hangs on it become the nodes from *next on. */
static bool plant(growing *g, taxonomy *t, taxonomy_node *nodes, uint32_t row,
                  uint32_t parent, uint32_t depth, uint32_t *next)
{
    const taxonomy_row *r = &g->rows[row];
    const uint32_t at = (*next)++;
    if (depth >= MUSTER_TAXONOMY_DEPTH_MAX)
        return fail(g, row, "too_deep", "the tree is deeper than %u levels",
                    MUSTER_TAXONOMY_DEPTH_MAX);
    g->ids[at] = (taxonomy_key){keep(&t->memory, r->id), at};
    nodes[at] = (taxonomy_node){
        .id = g->ids[at].text.ptr,
        .path = keep(&t->memory, r->path).ptr,
        .note = keep(&t->memory,
                     r->note.ptr != NULL ? r->note : text_of("")).ptr,
        .parent = parent,
        .depth = depth,
    };
    g->planted[row] = true;
    for (uint32_t i = g->first[row]; i != CATALOG_NONE; i = g->next[i])
        if (!plant(g, t, nodes, i, at, depth + 1, next))
            return false;
    nodes[at].end = *next;
    return true;
}

static bool plant_all(growing *g, taxonomy *t, taxonomy_node *nodes)
{
    uint32_t next = 0;
    for (uint32_t i = g->first[g->count]; i != CATALOG_NONE; i = g->next[i])
        if (!plant(g, t, nodes, i, CATALOG_NONE, 0, &next))
            return false;
    for (size_t i = 0; next < g->count && i < g->count; i++)
        if (!g->planted[i])
            return fail(g, i, "cycle",
                        "it is below itself, by way of its parents");
    ASSERT(next == g->count);
    return true;
}

/* The names of the nodes, to find them by; g->rows are theirs no more. */
static bool name_nodes(const growing *g, taxonomy *t)
{
    const size_t count = g->count;
    char folded[MUSTER_TAXONOMY_PATH_BYTES_MAX];
    t->ids = arena_alloc(&t->memory, count * sizeof *t->ids);
    t->paths = arena_alloc(&t->memory, count * sizeof *t->paths);
    memcpy(t->ids, g->ids, count * sizeof *t->ids);
    qsort(t->ids, count, sizeof *t->ids, by_text);
    for (size_t i = 0; i < count; i++) {
        const muster_text path = text_of(t->public.nodes[i].path);
        size_t len = 0;
        if (!fold_path(path, folded, &len) || len == 0)
            return fail(g, 0, "bad_name", "a path does not fold");
        t->paths[i] = (taxonomy_key){
            keep(&t->memory, text_make(folded, len)), (uint32_t)i};
    }
    qsort(t->paths, count, sizeof *t->paths, by_text);
    for (size_t i = 1; i < count; i++) {
        const char *id = t->public.nodes[t->paths[i].node].id;
        if (!text_equal(t->paths[i - 1].text, t->paths[i].text))
            continue;
        for (size_t row = 0; row < count; row++)
            if (text_is(g->rows[row].id, id))
                return fail(g, row, "duplicate_path",
                            "the tiers are those of another line");
    }
    return true;
}

taxonomy *taxonomy_new(muster_text name, uint32_t segtax,
                       const taxonomy_row *rows, size_t count,
                       taxonomy_fault *fault)
{
    static uint64_t last;
    taxonomy *t = mem_zalloc(sizeof *t);
    growing g = {.rows = rows, .count = count, .fault = fault};
    const size_t bound =
        count < MUSTER_TAXONOMY_NODES_MAX ? count : MUSTER_TAXONOMY_NODES_MAX;
    g.ids = mem_array(bound + 1, sizeof *g.ids);
    g.parents = mem_array(bound + 1, sizeof *g.parents);
    g.first = mem_array(bound + 1, sizeof *g.first);
    g.next = mem_array(bound + 1, sizeof *g.next);
    g.planted = mem_array(bound + 1, sizeof *g.planted);
    arena_init(&t->memory);
    taxonomy_node *nodes =
        arena_zalloc(&t->memory, (bound + 1) * sizeof *nodes);
    t->holders = 1;
    t->public = (catalog_taxonomy){
        .name = keep(&t->memory, name).ptr,
        .segtax = segtax,
        .nodes = nodes,
        .node_count = (uint32_t)bound,
        .version = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED),
    };
    const bool grown = check_rows(&g) && hang_rows(&g) &&
                       plant_all(&g, t, nodes) && name_nodes(&g, t);
    mem_free(g.planted);
    mem_free(g.next);
    mem_free(g.first);
    mem_free(g.parents);
    mem_free(g.ids);
    if (grown)
        return t;
    taxonomy_release(t);
    return NULL;
}
