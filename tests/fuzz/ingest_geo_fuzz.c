/*
 * ingest_geo_fuzz.c - any bytes as a database of addresses: refused with a
 * reason, or every address can be looked up and every record read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/geo_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const geo_file *f, bool v4, const uint8_t *bytes)
{
    geo_address address = {.v4 = v4};
    geo_record record;
    uint32_t offset = 0;
    memcpy(address.bytes, bytes, v4 ? 3 : 6);
    if (!geo_file_find(f, &address, &offset))
        return;
    geo_file_read(f, offset, &record);
    ASSERT((record.known & ~geo_file_open_set(f)) == 0);
    for (int i = 0; i < MUSTER_GEO_ASN; i++)
        if ((record.known >> i & 1) != 0)
            ASSERT(derive_text_is_fit(record.texts[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    geo_file *f = NULL;
    muster_error err;
    if (geo_file_open_bytes(&f, "it", data, size, &err) != 0) {
        ASSERT(f == NULL && err.message[0] != '\0');
        return 0;
    }
    for (unsigned i = 0; i < 4096; i++) {
        const uint8_t bytes[6] = {(uint8_t)(i >> 4), (uint8_t)(i << 4)};
        look_up(f, true, bytes);
        look_up(f, false, bytes);
    }
    for (size_t i = 0; i + 6 <= size && i < 4096; i++) {
        look_up(f, true, data + i);
        look_up(f, false, data + i);
    }
    geo_file_release(f);
    return 0;
}
