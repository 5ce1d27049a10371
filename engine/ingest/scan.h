/*
 * scan.h - private to room `ingest`: a plain line of JSON to a tree, quickly.
 * See scan.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_SCAN_H
#define INGEST_SCAN_H

#include "ingest/record.h"

/* Longer lines are the JSON reader's. */
#define SCAN_BYTES_MAX 65536u

typedef struct scan_tape {
    tree_value *nodes;
    size_t capacity;
} scan_tape;

void scan_release(scan_tape *t);
/* The map that the line is, to be read through scan_source until the next
 * call; its texts are the line's own bytes. False when the line is no plain
 * one, be it valid JSON or not. */
bool scan_line(scan_tape *t, muster_text line, tree_value *out);
extern const tree_source scan_source;

#endif
