/*
 * scan_same.h - compares what scan.c reads with what the JSON reader reads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_INGEST_SCAN_SAME_H
#define TESTS_INGEST_SCAN_SAME_H

#include "ingest/scan.h"

static inline bool scan_same_scalar(tree_value v, const json_value *j)
{
    int64_t left = 0;
    int64_t right = 0;
    switch (v.kind) {
    case TREE_NULL:
        return json_typeof(j) == JSON_NULL;
    case TREE_BOOL:
        return json_typeof(j) == JSON_BOOL &&
               v.as.integer == (int64_t)json_bool(j);
    case TREE_INT:
        return json_typeof(j) == JSON_INT && v.as.integer == json_int(j);
    case TREE_NUMBER:
        return json_typeof(j) == JSON_NUMBER &&
               scan_source.scaled(v.as.node, &left) == json_scaled(j, &right) &&
               left == right;
    case TREE_TEXT:
        return json_typeof(j) == JSON_STRING &&
               text_equal(tree_text(v), json_string(j));
    default:
        return false;
    }
}

static inline bool scan_same(tree_value v, const json_value *j)
{
    if (v.kind != TREE_MAP && v.kind != TREE_LIST)
        return scan_same_scalar(v, j);
    if (json_typeof(j) != (v.kind == TREE_MAP ? JSON_OBJECT : JSON_ARRAY))
        return false;
    tree_iter left = scan_source.walk(v.as.node);
    json_iter right = json_iter_of(j);
    if (left.left != right.left || left.object != right.object)
        return false;
    while (scan_source.next(&left)) {
        if (!json_next(&right) ||
            (left.object && !text_equal(left.key, right.key)) ||
            !scan_same(scan_source.value(left.value), right.value))
            return false;
    }
    return !json_next(&right);
}

/* 0: not taken; 1: taken, and the JSON reader reads the same; -1: not. */
static inline int scan_compare(tape *t, muster_text line)
{
    tree_value root;
    json_doc *doc = NULL;
    if (!scan_line(t, line, &root))
        return 0;
    if (json_parse(&doc, line.ptr, line.len, JSON_STRICT, NULL) != 0)
        return -1;
    const bool same = scan_same(root, json_root(doc));
    json_free(doc);
    return same ? 1 : -1;
}

#endif
