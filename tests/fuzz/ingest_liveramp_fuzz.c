/*
 * ingest_liveramp_fuzz.c - LiveRamp's columns: read as one chunk, cut at
 * other places, as a body, and as a file whose users come twice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_chunk(INGEST_LIVERAMP, data, size);
    fuzz_cut(INGEST_LIVERAMP, data, size);
    fuzz_body(INGEST_LIVERAMP, data, size);
    return 0;
}
