/*
 * ingest_csv_fuzz.c - rows: read as one chunk with the header in it, and cut
 * at other places.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_chunk(INGEST_CSV, data, size);
    fuzz_cut(INGEST_CSV, data, size);
    fuzz_body(INGEST_CSV, data, size);
    return 0;
}
