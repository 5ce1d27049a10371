/*
 * kv.h - segments as one key-value of an ad server: `muster=101,205`; private
 * to engine/http.
 *
 * Ids are put the highest priority first, and writing ends with the first
 * that does not fit: a segment is never passed over for one of lower
 * priority, however short its number. The budget counts every byte, the key
 * and `=` among them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_KV_H
#define HTTP_KV_H

#include "base/base.h"

/* A key that stands in a URL as it is: letters, digits, `_`, `-`, `.`. */
#define KV_KEY_BYTES_MAX 64u /* ad servers allow 20 and less */

typedef struct kv {
    buffer *out;
    size_t start;  /* where the text begins in out */
    size_t budget; /* bytes of the whole text */
    bool some;     /* an id stands there */
} kv;

bool kv_key_is_fine(muster_text key);
/* Bytes of a text without an id; less is no budget. */
size_t kv_bytes_min(muster_text key);
/* Writes `key=` behind what is in out. */
kv kv_begin(buffer *out, muster_text key, size_t budget);
/* False: the id did not fit, and nothing may be put any more. */
bool kv_put(kv *k, uint32_t id);

#endif
