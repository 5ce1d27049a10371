/*
 * ingest_key.h - what a client calls its input, and the load id it becomes;
 * for on_ingest.c and on_cdp.c. Private to engine/http.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_INGEST_KEY_H
#define HTTP_INGEST_KEY_H

#include "http/parts.h"

/* An Idempotency-Key: room for two UUIDs and a date, several times over. */
#define INGEST_KEY_BYTES_MAX 255u

/* The load id of a key that the client chose. `provider` (NULL: the caller is
 * not bound to one) stands before it, so that two providers may use the same
 * key; what is too long becomes its hash. `out` holds
 * MUSTER_LOAD_ID_BYTES_MAX + 1 bytes. */
void ingest_load_id(char *out, const char *provider, muster_text key);

/* `receipt`, with the id of the request added, is the answer. */
void ingest_answer(http_request *r, http_answer *a, int status,
                   const char *receipt);

/* The caller of a request whose key stands in its body; `key` as
 * access_shown. False: answered. */
bool ingest_find_caller(http_request *r, muster_text key, http_answer *a);

/* From a stream's open on: its thread, which has nothing else to do, gives way
 * to those that answer questions. */
void ingest_be_gentle(void);

/* Room for one more body of `len` bytes to be held in memory until it is
 * whole; false: answered, with 503. Give it back with the same length. */
bool ingest_hold(size_t len, http_answer *a);
void ingest_unhold(size_t len);

/* The engine's error: of a key that was used for another body, 422; of one
 * that is being fed at this moment, 409; else as answer_error. */
void ingest_answer_error(http_answer *a, const muster_error *err);

#endif
