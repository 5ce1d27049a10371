/*
 * segment_file.h - segments as files: <key>.seg, a few header lines and the
 * expression (segment_file.c), and directories of them that refer to each
 * other (segment_set.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SEGMENT_FILE_H
#define SEGMENT_FILE_H

#include "cli.h"

typedef struct segment_file {
    char *key;  /* from the file's name; "" = none */
    char *path; /* for messages */
    char *text; /* the whole file: headers are comments of the language */
    size_t text_len;
    char *expr; /* the text without header lines, trimmed */
    char *name; /* "" = none */
    int32_t priority;
    bool served;
    bool has_name, has_priority, has_served; /* headers that were there */
} segment_file;

typedef struct segment_set {
    segment_file *items;
    size_t count;
    size_t capacity;
} segment_set;

/* ---- segment_file.c ---- */

/* Headers and expression of a text; key is taken as it is. 0, or an exit code
 * after telling. `out` is to be released in both cases. */
int segment_file_parse(const cli *c, segment_file *out, const char *key,
                       const char *path, const char *text, size_t len);
/* Reads <key>.seg; the file's name must be a key. */
int segment_file_read(cli *c, segment_file *out, const char *path);
/* A saved segment as if it were read. */
void segment_file_take(segment_file *out, const muster_saved *saved);
/* The file's text: headers that are not usual, then the expression. */
void segment_file_format(buffer *out, const segment_file *f);
bool segment_file_same(const segment_file *a, const segment_file *b);
void segment_file_release(segment_file *f);

/* segment("key") in a text: the whole reference and its key. */
typedef struct segment_reference {
    size_t offset, length;
    muster_text key;
} segment_reference;
/* Finds the next one at or after *at and moves *at behind it. */
bool segment_reference_next(const char *text, size_t len, size_t *at,
                            segment_reference *out);

/* ---- segment_set.c ---- */

/* Every *.seg of a directory, by key. */
int segment_set_read(cli *c, segment_set *out, const char *dir);
/* Every saved segment, by key. */
int segment_set_saved(cli *c, segment_set *out);
const segment_file *segment_set_find(const segment_set *set,
                                     muster_text key);
void segment_set_release(segment_set *set);

/* What was found in a file. */
typedef void (*segment_finding_fn)(void *payload, const segment_file *f,
                                   bool error, const muster_error *finding);
/* Compiles a file as if all files of the set were saved; without an engine
 * only its syntax is checked. Calls `each` for errors and warnings. */
void segment_set_check(cli *c, const segment_set *set, const segment_file *f,
                       segment_finding_fn each, void *payload);
/* order[i]: place of the i-th to be saved, what it refers to first. False when
 * they refer to each other in a ring; then *ring is one of it. */
bool segment_set_order(const segment_set *set, size_t *order, size_t *ring);

#endif
