/*
 * ingest_receipt_fuzz.c - any bytes as a stored receipt: refused, or a
 * receipt whose bytes say the same.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ingest_receipt *first = mem_alloc(sizeof *first);
    ingest_receipt *second = mem_alloc(sizeof *second);
    buffer bytes;
    buffer again;
    buffer_init(&bytes, (size_t)1 << 20);
    buffer_init(&again, (size_t)1 << 20);
    if (receipt_decode(first, data, size, NULL) == 0) {
        receipt_encode(first, &bytes);
        ASSERT(bytes.len == size);
        ASSERT(receipt_decode(second, bytes.data, bytes.len, NULL) == 0);
        receipt_encode(second, &again);
        ASSERT(again.len == bytes.len);
        ASSERT(memcmp(again.data, bytes.data, bytes.len) == 0);
        receipt_release(second);
    }
    receipt_release(first);
    buffer_release(&again);
    buffer_release(&bytes);
    mem_free(second);
    mem_free(first);
    return 0;
}
