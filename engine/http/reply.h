/*
 * reply.h - a small writer with two back ends: the same calls write JSON or
 * msgpack straight into the body of an answer, for routes whose answers must
 * take microseconds; private to engine/http.
 *
 * What is written is made of texts that need no escaping (segment keys, words
 * of ours, names that were checked when the server started), whole numbers,
 * booleans and times. Other answers use answer_json.
 *
 *   reply w = reply_begin(a, media);
 *   reply_map(&w, 2);
 *   reply_key(&w, "segments");
 *   const size_t mark = reply_list(&w);
 *   for each: reply_text(&w, key);
 *   reply_list_end(&w, mark, n);
 *   reply_key(&w, "epoch");
 *   reply_uint(&w, epoch);
 *   reply_map_end(&w);
 *
 * Cost: one reservation of the buffer and one copy a value; no other
 * allocation. What does not fit is left out, and buffer_ok tells. The thread
 * of the answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include "http/parts.h"

typedef struct reply {
    buffer *out;
    bool packed; /* msgpack; else JSON */
    bool comma;  /* JSON: one is due before the next element */
} reply;

/* The answer's body of that kind (MEDIA_MSGPACK; all others are JSON), with
 * what was in it dropped. */
reply reply_begin(http_answer *a, http_media media);
/* Into another buffer, behind what stands there. */
reply reply_into(buffer *out, http_media media);

/* An object of exactly `members` members, fewer than 16. */
void reply_map(reply *w, uint32_t members);
void reply_map_end(reply *w);
/* A member's name: ASCII that needs no escaping, shorter than 32. */
void reply_key(reply *w, const char *name);

/* A list whose length is known: exactly n elements follow. */
void reply_array(reply *w, uint32_t n);
void reply_array_end(reply *w);
/* A list whose length is told at its end, with the mark of its beginning. */
size_t reply_list(reply *w);
void reply_list_end(reply *w, size_t mark, uint32_t n);

/* Printable ASCII without quote and backslash. */
void reply_text(reply *w, muster_text text);
void reply_uint(reply *w, uint64_t v);
/* The number as a text, as OpenRTB wants ids. */
void reply_uint_text(reply *w, uint64_t v);
void reply_bool(reply *w, bool v);
void reply_time(reply *w, muster_time t); /* RFC 3339, UTC */

#endif
