/*
 * ndjson.c - one JSON object a line.
 *
 * A line ends with \n; a \r before it, and blank lines, are white space. The
 * last line may lack its end. Each line is parsed by itself, so a bad one
 * costs itself alone. A line above MUSTER_RECORD_BYTES_MAX is refused unread
 * (a longer one than fits a chunk never gets here: see input.c).
 *
 * Plain lines are read by scan.c; what has escapes, exponents and the like,
 * or is no JSON, by the JSON reader.
 *
 * Cost: memchr for the line's end, one pass to nodes, one walk.
 * Threads: a parser belongs to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/format.h"
#include "ingest/map.h"
#include "ingest/scan.h"

struct ndjson_parser {
    tape tape;
    json_pool *pool;
    mapper *mapper; /* when rows are mapped */
};

ndjson_parser *ndjson_parser_new(void)
{
    ndjson_parser *p = mem_zalloc(sizeof *p);
    p->pool = json_pool_new();
    return p;
}

void ndjson_parser_free(ndjson_parser *p)
{
    if (p == NULL)
        return;
    tape_release(&p->tape);
    mapper_free(p->mapper);
    json_pool_free(p->pool);
    mem_free(p);
}

/* ---- JSON as a tree ---- */

static inline tree_value node_of(tree_kind kind, const json_value *v)
{
    return (tree_value){.kind = kind, .as.node = v};
}

static tree_value tree_of(const json_value *v)
{
    switch (json_typeof(v)) {
    case JSON_STRING: {
        const muster_text text = json_string(v);
        return (tree_value){TREE_TEXT, (uint32_t)text.len, {text.ptr}};
    }
    case JSON_INT:
        return (tree_value){.kind = TREE_INT, .as.integer = json_int(v)};
    case JSON_BOOL:
        return (tree_value){.kind = TREE_BOOL, .as.integer = json_bool(v)};
    case JSON_NUMBER:
        return node_of(TREE_NUMBER, v);
    case JSON_ARRAY:
        return node_of(TREE_LIST, v);
    case JSON_OBJECT:
        return node_of(TREE_MAP, v);
    case JSON_NULL:
        break;
    }
    return node_of(TREE_NULL, v);
}

static const tree_source json_source = {
    json_iter_of,
    json_next,
    tree_of,
    json_scaled,
    json_string,
};

/* ---- lines ---- */

/* The parser knows the place within the line; that and its words for what is
 * wrong are shown, the text is not. */
static void refuse_json(record_front *f, record_place place,
                        const char *unit, const muster_error *err)
{
    const bool utf8 = strcmp(err->word, "bad_utf8") == 0;
    record_refuse_at(f, place, utf8 ? INGEST_BAD_UTF8 : INGEST_BAD_JSON,
                     "%s, at byte %zu of the %s", err->message,
                     err->offset + 1, unit);
}

static void read_tree(ndjson_parser *p, record_front *f,
                      const tree_source *source, tree_value root,
                      const char *unit, record_place place)
{
    if (f->options->mapping != NULL) {
        if (p->mapper == NULL)
            p->mapper = mapper_new(f->options->mapping);
        mapper_take_document(p->mapper, f, source, root, unit, place);
        return;
    }
    if (root.kind != TREE_MAP) {
        record_refuse_at(f, place, INGEST_BAD_JSON,
                         "the %s is not one JSON object", unit);
        return;
    }
    record_begin(f, place);
    if (record_read_tree(f, source, root))
        record_end(f);
}

void ndjson_read_one(ndjson_parser *p, record_front *f, muster_text line,
                     const char *unit, record_place place)
{
    tree_value tree;
    muster_error err;
    if (line.len > MUSTER_RECORD_BYTES_MAX) {
        record_refuse_at(f, place, INGEST_TOO_LONG,
                         "a record has at most %u bytes",
                         MUSTER_RECORD_BYTES_MAX);
        return;
    }
    if (scan_line(&p->tape, line, &tree)) {
        read_tree(p, f, &scan_source, tree, unit, place);
        return;
    }
    const json_value *root = json_pool_parse(p->pool, line.ptr, line.len, &err);
    if (root == NULL)
        refuse_json(f, place, unit, &err);
    else
        read_tree(p, f, &json_source, tree_of(root), unit, place);
}

static bool is_blank(muster_text line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] != ' ' && line.ptr[i] != '\t' && line.ptr[i] != '\r')
            return false;
    return true;
}

void ndjson_read(ndjson_parser *p, record_front *f, const chunk *c,
                 chunk_cursor *cursor, bool whole)
{
    while (cursor->at < c->len && (whole || !parser_is_full(f))) {
        record_place place;
        const muster_text line = chunk_line(c, cursor, &place);
        if (!is_blank(line))
            ndjson_read_one(p, f, line, "line", place);
    }
}
