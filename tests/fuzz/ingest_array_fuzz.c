/*
 * ingest_array_fuzz.c - a JSON array of records: read as one chunk, and
 * through the pipeline cut at other places.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_chunk(INGEST_ARRAY, data, size);
    fuzz_cut(INGEST_ARRAY, data, size);
    fuzz_body(INGEST_ARRAY, data, size);
    return 0;
}
