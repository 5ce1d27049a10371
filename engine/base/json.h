/*
 * json.h - JSON in and out; the one place that knows yyjson.
 *
 * Reading: json_parse (whole text; strict RFC 8259, valid UTF-8 only) or
 * with JSON_COMMENTS (// and block comments, trailing commas, a byte order
 * mark) for files people write. Values are borrowed from the document.
 * Duplicate keys are the caller's to notice (json_iter walks all members in
 * order; json_get finds the first).
 *
 * Speed: a json_pool keeps memory between documents, so that parsing one
 * record after another allocates nothing after warm-up. One pool per thread.
 *
 * Depth is bounded by JSON_DEPTH_MAX before any recursion of ours.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"
#include "base/mem.h"

#define JSON_DEPTH_MAX 100

typedef struct yyjson_val json_value; /* borrowed from the document */
typedef struct json_doc json_doc;
typedef struct json_pool json_pool;

enum json_flags { JSON_STRICT = 0, JSON_COMMENTS = 1 };

typedef enum json_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_INT,    /* fits int64_t */
    JSON_NUMBER, /* any other number: its source text is kept */
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} json_type;

/* Parses one document. On failure *out is NULL and err has word "bad_json"
 * (or "bad_utf8"), a message and the place. Free with json_free. */
int json_parse(json_doc **out, const char *text, size_t len, int flags,
               muster_error *err);
const json_value *json_root(const json_doc *doc);
void json_free(json_doc *doc);

/* Pool form: the returned root lives until the next call on the same pool.
 * `text` is copied as needed. NULL with err on failure. */
json_pool *json_pool_new(void);
void json_pool_free(json_pool *pool);
const json_value *json_pool_parse(json_pool *pool, const char *text,
                                  size_t len, muster_error *err);

json_type json_typeof(const json_value *v);
bool json_bool(const json_value *v);         /* v is JSON_BOOL */
int64_t json_int(const json_value *v);       /* v is JSON_INT */
muster_text json_string(const json_value *v); /* JSON_STRING: its text;
                                                 JSON_NUMBER: source text */
/* JSON_INT or JSON_NUMBER to the engine's fixed point (x 10^4), exactly:
 * 0, MUSTER_EPARSE, MUSTER_ELIMIT as text_parse_number; exponents are read
 * (1e3) when the result is exact. */
int json_scaled(const json_value *v, int64_t *out);
size_t json_count(const json_value *v); /* elements or members, else 0 */
/* NULL when there is no such key, or `object` is no object. */
const json_value *json_get(const json_value *object, const char *key);

/* Walks: for (json_iter it = json_iter_of(v); json_next(&it);) uses it.key
 * (objects) and it.value. A scalar has nothing to walk. */
typedef struct json_iter {
    const json_value *cursor;
    size_t left;
    bool object;
    muster_text key;
    const json_value *value;
} json_iter;
json_iter json_iter_of(const json_value *v);
bool json_next(json_iter *it);

/*
 * Writing: straight into a buffer, commas handled, strings escaped, bytes that
 * are not UTF-8 replaced by U+FFFD. One json_begin writes one root value, no
 * newline behind it; a value in the wrong place stops the process.
 *     json_writer w; json_begin(&w, &buf, pretty);
 *     json_open_object(&w); json_key(&w,"count"); json_put_int(&w,3);
 *     json_close(&w);
 */
typedef struct json_writer {
    buffer *out;
    bool pretty; /* two-space indent */
    int depth;
    uint8_t first[JSON_DEPTH_MAX + 1];
    uint8_t closer[JSON_DEPTH_MAX + 1];
    bool after_key;
} json_writer;
void json_begin(json_writer *w, buffer *out, bool pretty);
void json_open_object(json_writer *w);
void json_open_array(json_writer *w);
void json_close(json_writer *w);
void json_key(json_writer *w, const char *key);
void json_key_text(json_writer *w, muster_text key);
void json_put_text(json_writer *w, muster_text text);
void json_put_str(json_writer *w, const char *str);
void json_put_int(json_writer *w, int64_t v);
void json_put_uint(json_writer *w, uint64_t v);
void json_put_bool(json_writer *w, bool v);
void json_put_null(json_writer *w);
/* Shortest round-trip double ("1", "0.25"); NaN and infinities become null. */
void json_put_double(json_writer *w, double v);
/* Fixed-point x 10^4. */
void json_put_scaled(json_writer *w, int64_t scaled);
/* Already valid JSON. */
void json_put_raw(json_writer *w, muster_text json);
/* What was read, with all that is in it. */
void json_put_value(json_writer *w, const json_value *v);

#endif
