/*
 * shapes.h - what several answers about segments, questions and the catalog
 * have in common; private to engine/http. They are what the program prints
 * with --format json.
 *
 * Pages. A list is read page by page: ?limit=50, then ?cursor= as the page
 * before said. A cursor names the last element that was shown, and the next
 * page begins behind it: so a list that grows or shrinks meanwhile shows no
 * element twice and leaves none out that was there all the time. What stands
 * in a cursor is the server's own affair.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_SHAPES_H
#define HTTP_SHAPES_H

#include "http/parts.h"

#define PAGE_LIMIT_DEFAULT 50u
#define PAGE_LIMIT_MAX 1000u
/* A page ends early when its texts are longer: expressions may have 64 KiB
 * each, and an answer is made whole. */
#define PAGE_BYTES_MAX ((size_t)8 << 20)

/* ---- members ---- */

/* Null for "". */
void shape_put_word(json_writer *w, const char *key, const char *text);
void shape_put_uint(json_writer *w, const char *key, uint64_t v);
void shape_put_int(json_writer *w, const char *key, int64_t v);
void shape_put_bool(json_writer *w, const char *key, bool v);
void shape_put_double(json_writer *w, const char *key, double v);
void shape_put_str(json_writer *w, const char *key, const char *text);
/* Null for 0. */
void shape_put_time(json_writer *w, const char *key, muster_time t);
/* "as_of" and "epoch": of the engine now. */
void shape_put_state(json_writer *w, muster_engine *engine);

/* ---- what is wrong or doubtful in an expression ---- */

/* The members of one error or warning, into an object that is open: code,
 * line, column, offset, length, message, suggestion. */
void shape_put_finding(json_writer *w, const muster_error *e);
/* "warnings": those of a compiled segment; NULL: none. */
void shape_put_warnings(json_writer *w, const muster_segment *segment);

/* ---- saved segments ---- */

/* One saved segment or version, as an object; `count` (may be NULL) is the
 * number of its users. */
void shape_put_saved(json_writer *w, const muster_saved *row,
                     const uint64_t *count);
/* A copy whose texts live as long as the request. */
muster_saved shape_keep_saved(http_request *r, const muster_saved *row);

/* ---- pages ---- */

typedef struct page {
    uint64_t limit;
    muster_text after; /* show what stands behind it; len 0: from the start */
    uint64_t shown;
    size_t bytes;
    bool more;         /* something is left */
    char last[MUSTER_NAME_BYTES_MAX]; /* shown last */
    size_t last_len;
} page;

/* Reads ?limit= and ?cursor=. False: answered (400). */
bool page_read(http_request *r, page *out, http_answer *a);
/* Shall the next element, of the order of names and about so long, be shown?
 * False when it stands before the page; or behind it, and then p->more is set
 * and the walk may end. */
bool page_takes(page *p, muster_text name, size_t bytes);
/* The page ends at an element that it took, before the last one. */
void page_cut(page *p, muster_text name);
/* The members "has_more" and "next_cursor" (null at the end). */
void page_put(json_writer *w, const page *p);

#endif
