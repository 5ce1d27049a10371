/*
 * privacy_access_fuzz.c - any bytes as the keys and partners of a generation:
 * refused, or a store whose bytes say the same.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "privacy/privacy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    access_store *first = access_store_new();
    access_store *second = access_store_new();
    buffer bytes;
    buffer again;
    buffer_init(&bytes, (size_t)1 << 26);
    buffer_init(&again, (size_t)1 << 26);
    if (access_store_decode(first, data, size, NULL) == 0) {
        access_store_encode(first, &bytes);
        ASSERT(bytes.len == size || size == 0);
        ASSERT(access_store_decode(second, bytes.data, bytes.len, NULL) == 0);
        access_store_encode(second, &again);
        ASSERT(again.len == bytes.len);
        ASSERT(memcmp(again.data, bytes.data, bytes.len) == 0);
    }
    access_store_free(first);
    access_store_free(second);
    buffer_release(&again);
    buffer_release(&bytes);
    return 0;
}
