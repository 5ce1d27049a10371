/*
 * ingest_ndjson_fuzz.c - lines of JSON: read as one chunk, and through the
 * pipeline as whatever the first bytes say (compressed, too), cut at other
 * places.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_chunk(INGEST_NDJSON, data, size);
    fuzz_cut(INGEST_AUTO, data, size);
    fuzz_body(INGEST_AUTO, data, size);
    return 0;
}
