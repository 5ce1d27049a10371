/*
 * kv.c - the key-value form of a lookup.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/kv.h"

#include <string.h>

#define ID_TEXT_MAX 21 /* text_format_uint */

bool kv_key_is_fine(muster_text key)
{
    for (size_t i = 0; i < key.len; i++) {
        const char c = key.ptr[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                           c == '.';
        if (!plain)
            return false;
    }
    return key.len > 0 && key.len <= KV_KEY_BYTES_MAX;
}

size_t kv_bytes_min(muster_text key)
{
    return key.len + 1;
}

kv kv_begin(buffer *out, muster_text key, size_t budget)
{
    ASSERT(kv_key_is_fine(key) && budget >= kv_bytes_min(key));
    const kv k = {out, out->len, budget, false};
    buffer_put_text(out, key);
    buffer_put_u8(out, '=');
    return k;
}

bool kv_put(kv *k, uint32_t id)
{
    char text[ID_TEXT_MAX + 1];
    size_t len = 0;
    if (k->some)
        text[len++] = ',';
    len += text_format_uint(text + len, id);
    if (len > k->budget - (k->out->len - k->start))
        return false;
    buffer_put(k->out, text, len);
    k->some = true;
    return true;
}
