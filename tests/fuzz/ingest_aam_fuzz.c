/*
 * ingest_aam_fuzz.c - data files of Audience Manager: read as one chunk, cut at
 * other places, as a body, and as a file whose users come twice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_chunk(INGEST_AAM, data, size);
    fuzz_cut(INGEST_AAM, data, size);
    fuzz_body(INGEST_AAM, data, size);
    return 0;
}
