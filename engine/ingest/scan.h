/*
 * scan.h - private to room `ingest`: a plain line of JSON to a tree, quickly.
 * See scan.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_SCAN_H
#define INGEST_SCAN_H

#include "ingest/tape.h"

/* Longer lines are the JSON reader's. */
#define SCAN_BYTES_MAX 65536u

/* The map that the line is, to be read through scan_source until the next
 * call; its texts are the line's own bytes. False when the line is no plain
 * one, be it valid JSON or not. */
bool scan_line(tape *t, muster_text line, tree_value *out);
extern const tree_source scan_source;

#endif
