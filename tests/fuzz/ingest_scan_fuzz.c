/*
 * ingest_scan_fuzz.c - a line: what the fast way takes, the JSON reader takes
 * too and reads the same.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/scan_same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tape t;
    if (size > 0)
        ASSERT(scan_compare(&t, text_make((const char *)data, size)) >= 0);
    return 0;
}
