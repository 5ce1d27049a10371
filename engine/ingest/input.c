/*
 * input.c - plain, gzip or zstd bytes to decompressed ones, straight into
 * the memory of who takes them (cut.c, body.c).
 *
 * The first bytes say which: 1f 8b gzip, 28 b5 2f fd (or a skippable frame,
 * 5x 2a 4d 18) zstd, anything else plain. Members and frames that follow one
 * another are read as one input. A stream that breaks off, is damaged or
 * grows like a bomb ends the input with an error; what was complete before
 * has been handed on. Bytes behind the last gzip member that are no member
 * are "bad_gzip": they may be a file that was cut and glued.
 *
 * Bombs: records are bounded one by one and chunks are parsed as they come,
 * so a bomb costs time, not memory; expansion beyond MUSTER_EXPANSION_MAX is
 * refused once BOMB_BYTES_MIN have come out. zstd windows are bounded by
 * the library's default of 128 MiB.
 *
 * Threads: an input belongs to the one that pushes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/format.h"

#include <zlib.h>
#include <zstd.h>

#define MAGIC_BYTES 4u
#define BOMB_BYTES_MIN ((uint64_t)64 << 20)
#define INFLATE_BYTES_MAX ((size_t)1 << 30) /* zlib counts in unsigned */

typedef enum packing {
    PACKING_UNKNOWN = 0,
    PACKING_PLAIN,
    PACKING_GZIP,
    PACKING_ZSTD
} packing;

struct input {
    byte_port port;
    packing packing;
    uint8_t magic[MAGIC_BYTES]; /* while unknown */
    size_t magic_len;
    uint64_t bytes_in;
    uint64_t bytes_out;
    bool ended; /* at the end of a member or frame */
    bool gzip_open;
    z_stream gzip;
    ZSTD_DStream *zstd;
    size_t wanted;       /* bytes that zstd asks for next */
    size_t first_wanted; /* at the start of a frame */
};

input *input_new(byte_port port)
{
    input *in = mem_zalloc(sizeof *in);
    in->port = port;
    return in;
}

void input_free(input *in)
{
    if (in == NULL)
        return;
    if (in->gzip_open)
        inflateEnd(&in->gzip);
    ZSTD_freeDStream(in->zstd);
    mem_free(in);
}

/* ---- what it is ---- */

/* PACKING_UNKNOWN: more bytes are needed to tell. */
static packing packing_of(const uint8_t *magic, size_t len)
{
    static const uint8_t gzip[] = {0x1f, 0x8b};
    static const uint8_t zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
    static const uint8_t skippable[] = {0x2a, 0x4d, 0x18};
    const size_t gzip_len = len < sizeof gzip ? len : sizeof gzip;
    const size_t zstd_len = len < sizeof zstd ? len : sizeof zstd;
    if (memcmp(magic, gzip, gzip_len) == 0)
        return len < sizeof gzip ? PACKING_UNKNOWN : PACKING_GZIP;
    if (memcmp(magic, zstd, zstd_len) == 0)
        return len < sizeof zstd ? PACKING_UNKNOWN : PACKING_ZSTD;
    if ((magic[0] & 0xf0) == 0x50 &&
        memcmp(magic + 1, skippable, zstd_len - 1) == 0)
        return len < sizeof zstd ? PACKING_UNKNOWN : PACKING_ZSTD;
    return PACKING_PLAIN;
}

bool input_is_packed(const void *bytes, size_t len)
{
    const packing p = len > 0 ? packing_of(bytes, len) : PACKING_PLAIN;
    return p == PACKING_GZIP || p == PACKING_ZSTD;
}

static void open_packing(input *in)
{
    if (in->packing == PACKING_GZIP) {
        const int rc = inflateInit2(&in->gzip, 15 + 16);
        ASSERT(rc == Z_OK);
        in->gzip_open = true;
    } else if (in->packing == PACKING_ZSTD) {
        in->zstd = ZSTD_createDStream();
        ASSERT(in->zstd != NULL);
        in->first_wanted = ZSTD_initDStream(in->zstd);
        in->wanted = in->first_wanted;
        ASSERT(!ZSTD_isError(in->wanted) && in->wanted > 0);
    }
}

/* ---- bytes ---- */

static char *get_space(const input *in, size_t *room)
{
    return in->port.space(in->port.payload, room);
}

static int added(input *in, size_t len, muster_error *err)
{
    in->bytes_out += len;
    if (in->bytes_out > BOMB_BYTES_MIN &&
        in->bytes_out / MUSTER_EXPANSION_MAX > in->bytes_in)
        return error_set(err, MUSTER_EPARSE, "expansion",
                         "the compressed input grows more than %u times; it "
                         "is not read further",
                         MUSTER_EXPANSION_MAX);
    return len > 0 ? in->port.added(in->port.payload, len, err) : 0;
}

static int push_plain(input *in, const uint8_t *bytes, size_t len,
                      muster_error *err)
{
    while (len > 0) {
        size_t room = 0;
        char *to = get_space(in, &room);
        const size_t part = len < room ? len : room;
        memcpy(to, bytes, part);
        const int rc = in->port.added(in->port.payload, part, err);
        if (rc != 0)
            return rc;
        bytes += part;
        len -= part;
    }
    return 0;
}

static int bad_gzip(const input *in, muster_error *err)
{
    const uint64_t at = in->bytes_in - in->gzip.avail_in;
    return error_set(err, MUSTER_EPARSE, "bad_gzip",
                     "the gzip stream is damaged near byte %llu of the "
                     "file: %s",
                     (unsigned long long)at,
                     in->gzip.msg != NULL ? in->gzip.msg : "no gzip member");
}

/* One call of inflate; *full when it would have written more. */
static int inflate_once(input *in, bool *full, muster_error *err)
{
    size_t room = 0;
    in->gzip.next_out = (Bytef *)get_space(in, &room);
    if (room > INFLATE_BYTES_MAX)
        room = INFLATE_BYTES_MAX;
    in->gzip.avail_out = (uInt)room;
    if (in->ended && in->gzip.avail_in > 0) {
        const int reset = inflateReset(&in->gzip);
        ASSERT(reset == Z_OK);
    }
    const int rc = inflate(&in->gzip, Z_NO_FLUSH);
    *full = in->gzip.avail_out == 0;
    in->ended = rc == Z_STREAM_END;
    const int code = added(in, room - in->gzip.avail_out, err);
    if (code == 0 && rc != Z_OK && rc != Z_BUF_ERROR && rc != Z_STREAM_END)
        return bad_gzip(in, err);
    return code;
}

static int push_gzip(input *in, const uint8_t *bytes, size_t len,
                     muster_error *err)
{
    while (len > 0) {
        const size_t part = len < INFLATE_BYTES_MAX ? len : INFLATE_BYTES_MAX;
        bool full = false;
        in->bytes_in += part;
        in->gzip.next_in = (Bytef *)(uintptr_t)bytes; /* zlib only reads */
        in->gzip.avail_in = (uInt)part;
        do {
            const int rc = inflate_once(in, &full, err);
            if (rc != 0)
                return rc;
        } while (in->gzip.avail_in > 0 || (full && !in->ended));
        bytes += part;
        len -= part;
    }
    return 0;
}

static int bad_zstd(const input *in, size_t left, size_t code,
                    muster_error *err)
{
    return error_set(err, MUSTER_EPARSE, "bad_zstd",
                     "the zstd stream is damaged near byte %llu of the "
                     "file: %s",
                     (unsigned long long)(in->bytes_in - left),
                     ZSTD_getErrorName(code));
}

/* The library is given as much as it asked for, which is a block: when one is
 * damaged, the blocks before it have come out. */
static int push_zstd(input *in, const uint8_t *bytes, size_t len,
                     muster_error *err)
{
    bool full = false;
    in->bytes_in += len;
    while (len > 0 || full) {
        size_t room = 0;
        char *to = get_space(in, &room);
        ZSTD_outBuffer out = {to, room, 0};
        ZSTD_inBuffer from = {bytes, len < in->wanted ? len : in->wanted, 0};
        const size_t code = ZSTD_decompressStream(in->zstd, &out, &from);
        if (ZSTD_isError(code))
            return bad_zstd(in, len, code, err);
        bytes += from.pos;
        len -= from.pos;
        in->ended = code == 0;
        in->wanted = code > 0 ? code : in->first_wanted;
        full = out.pos == out.size && !in->ended;
        const int rc = added(in, out.pos, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int push_known(input *in, const uint8_t *bytes, size_t len,
                      muster_error *err)
{
    if (in->packing == PACKING_GZIP)
        return push_gzip(in, bytes, len, err);
    if (in->packing == PACKING_ZSTD)
        return push_zstd(in, bytes, len, err);
    return push_plain(in, bytes, len, err);
}

int input_push(input *in, const void *bytes, size_t len, muster_error *err)
{
    const uint8_t *from = bytes;
    while (in->packing == PACKING_UNKNOWN && len > 0) {
        in->magic[in->magic_len++] = *from++;
        len--;
        in->packing = packing_of(in->magic, in->magic_len);
        if (in->packing == PACKING_UNKNOWN)
            continue;
        open_packing(in);
        const int rc = push_known(in, in->magic, in->magic_len, err);
        if (rc != 0)
            return rc;
    }
    return len > 0 ? push_known(in, from, len, err) : 0;
}

int input_finish(input *in, muster_error *err)
{
    if (in->packing == PACKING_UNKNOWN && in->magic_len > 0) {
        in->packing = PACKING_PLAIN;
        const int rc = push_plain(in, in->magic, in->magic_len, err);
        if (rc != 0)
            return rc;
    }
    if (in->packing == PACKING_GZIP && !in->ended)
        return error_set(err, MUSTER_EPARSE, "truncated_gzip",
                         "the gzip stream breaks off after byte %llu of the "
                         "file",
                         (unsigned long long)in->bytes_in);
    if (in->packing == PACKING_ZSTD && !in->ended)
        return error_set(err, MUSTER_EPARSE, "truncated_zstd",
                         "the zstd stream breaks off after byte %llu of the "
                         "file",
                         (unsigned long long)in->bytes_in);
    return 0;
}
