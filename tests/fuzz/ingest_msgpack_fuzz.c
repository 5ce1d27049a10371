/*
 * ingest_msgpack_fuzz.c - maps: read as one chunk, and cut at other places.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_chunk(INGEST_MSGPACK, data, size);
    fuzz_cut(INGEST_MSGPACK, data, size);
    return 0;
}
