/*
 * packers.h - bytes as a gzip member or a zstd frame, or as they are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_INGEST_PACKERS_H
#define TESTS_INGEST_PACKERS_H

#include <zlib.h>
#include <zstd.h>

#include "ingest/ingest_support.h"

/* Appends them to out. */
typedef void (*packer)(buffer *out, const void *bytes, size_t len);

static inline void put_gzip(buffer *out, const void *bytes, size_t len)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
    const size_t bound = deflateBound(&z, len) + 64;
    z.next_in = (Bytef *)bytes;
    z.avail_in = (uInt)len;
    z.next_out = buffer_reserve(out, bound);
    z.avail_out = (uInt)bound;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len += bound - z.avail_out;
    deflateEnd(&z);
}

static inline void put_zstd(buffer *out, const void *bytes, size_t len)
{
    const size_t bound = ZSTD_compressBound(len);
    uint8_t *to = buffer_reserve(out, bound);
    const size_t written = ZSTD_compress(to, bound, bytes, len, 3);
    assert_false(ZSTD_isError(written));
    out->len += written;
}

static const packer packers[] = {buffer_put, put_gzip, put_zstd};
#define PACKER_COUNT (sizeof packers / sizeof packers[0])

#endif
