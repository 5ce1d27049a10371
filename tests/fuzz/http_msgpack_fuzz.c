/*
 * http_msgpack_fuzz.c - a body of msgpack: what is taken is valid JSON, and
 * that as msgpack again is taken too.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/msgpack.h"

#define ROOM ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    buffer json, packed, again;
    buffer_init(&json, ROOM);
    buffer_init(&packed, ROOM);
    buffer_init(&again, ROOM);
    if (packed_to_json(text_make((const char *)data, size), &json, NULL) ==
        0) {
        ASSERT(packed_of_json(
            text_make((const char *)json.data, json.len), &packed));
        ASSERT(packed_to_json(
                   text_make((const char *)packed.data, packed.len), &again,
                   NULL) == 0);
    }
    buffer_release(&json);
    buffer_release(&packed);
    buffer_release(&again);
    return 0;
}
