/*
 * media.c - media types of bodies: their names, Content-Type, Accept, and
 * Content-Encoding.
 *
 * application/msgpack and application/x-msgpack are taken as the registered
 * application/vnd.msgpack, application/jsonl as application/x-ndjson.
 *
 * A body that was compressed may grow to what its route takes and no more,
 * whatever it claims: it is unpacked piece by piece into a buffer with that
 * bound.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <zlib.h>
#include <zstd.h>
#include "http/connection.h"

#define PIECE ((size_t)64 << 10)
/* Windows of zstd larger than this are refused: memory that a small body could
 * ask for. The format's own recommendation. */
#define ZSTD_WINDOW_LOG_MAX 23

static const struct {
    const char *name;
    http_media media;
} media_types[] = {
    {"application/json", MEDIA_JSON},
    {"application/vnd.msgpack", MEDIA_MSGPACK},
    {"application/msgpack", MEDIA_MSGPACK},
    {"application/x-msgpack", MEDIA_MSGPACK},
    {"application/x-ndjson", MEDIA_NDJSON},
    {"application/jsonl", MEDIA_NDJSON},
    {"text/csv", MEDIA_CSV},
    {"application/problem+json", MEDIA_PROBLEM},
    {"text/plain", MEDIA_TEXT},
};
#define MEDIA_TYPES (sizeof media_types / sizeof *media_types)

/* Without its parameters. */
static muster_text essence_of(muster_text type)
{
    const char *end = memchr(type.ptr, ';', type.len);
    if (end != NULL)
        type.len = (size_t)(end - type.ptr);
    return text_trim(type);
}

http_media media_parse(muster_text content_type)
{
    const muster_text type = essence_of(content_type);
    for (size_t i = 0; i < MEDIA_TYPES; i++)
        if (text_equal_nocase(type, text_of(media_types[i].name)))
            return media_types[i].media;
    return MEDIA_OTHER;
}

const char *media_name(http_media media)
{
    if (media == MEDIA_METRICS)
        return "text/plain; version=0.0.4; charset=utf-8";
    if (media == MEDIA_TEXT)
        return "text/plain; charset=utf-8";
    for (size_t i = 0; i < MEDIA_TYPES; i++)
        if (media_types[i].media == media)
            return media_types[i].name;
    return "application/octet-stream";
}

/* ---- Accept ---- */

/* Thousandths of the q of a range's parameters; 1000 when there is none. */
static unsigned quality_of(muster_text range)
{
    for (size_t i = 0; i + 2 < range.len; i++) {
        if (range.ptr[i] != ';')
            continue;
        muster_text rest =
            text_trim(text_make(range.ptr + i + 1, range.len - i - 1));
        if (rest.len < 3 || (rest.ptr[0] | 32) != 'q' || rest.ptr[1] != '=')
            continue;
        unsigned q = rest.ptr[2] == '1' ? 1000 : 0;
        unsigned digit = 100;
        for (size_t j = 4; j < rest.len && j < 7 && rest.ptr[j] >= '0' &&
                           rest.ptr[j] <= '9' && q < 1000;
             j++, digit /= 10)
            q += (unsigned)(rest.ptr[j] - '0') * digit;
        return q;
    }
    return 1000;
}

/* How closely a range names the media type: 0 not, 1 by the wildcard for all,
 * 2 by that of a type, 3 by name. */
static unsigned closeness(muster_text range, http_media media)
{
    if (text_is(range, "*/*"))
        return 1;
    if (text_equal_nocase(range, text_of("text/*")))
        return media == MEDIA_CSV || media == MEDIA_METRICS ||
                       media == MEDIA_TEXT
                   ? 2
                   : 0;
    if (text_equal_nocase(range, text_of("application/*")))
        return media == MEDIA_JSON || media == MEDIA_MSGPACK ||
                       media == MEDIA_NDJSON
                   ? 2
                   : 0;
    const http_media named = media_parse(range);
    return named == media || (named == MEDIA_TEXT && media == MEDIA_METRICS)
               ? 3
               : 0;
}

/* The quality of a media type: that of the range which names it closest. */
static unsigned accept_quality(muster_text accept, http_media media)
{
    unsigned best = 0, quality = 0;
    while (accept.len > 0) {
        const char *comma = memchr(accept.ptr, ',', accept.len);
        const size_t len = comma ? (size_t)(comma - accept.ptr) : accept.len;
        const muster_text range = text_make(accept.ptr, len);
        const unsigned close = closeness(essence_of(range), media);
        if (close > best) {
            best = close;
            quality = quality_of(range);
        }
        const size_t used = comma ? len + 1 : len;
        accept = text_make(accept.ptr + used, accept.len - used);
    }
    return quality;
}

http_media media_choose(muster_text accept, http_offers offers)
{
    static const http_media order[] = {MEDIA_JSON, MEDIA_METRICS,
                                       MEDIA_MSGPACK, MEDIA_NDJSON, MEDIA_CSV,
                                       MEDIA_TEXT};
    http_media best = MEDIA_NONE;
    unsigned best_quality = 0;
    if (text_is(accept, "*/*") || text_is(accept, "application/json"))
        accept.len = 0;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if ((offers & HTTP_MEDIA_BIT(order[i])) == 0)
            continue;
        if (accept.len == 0)
            return order[i];
        const unsigned quality = accept_quality(accept, order[i]);
        if (quality > best_quality) {
            best = order[i];
            best_quality = quality;
        }
    }
    return best;
}

/* ---- Content-Encoding ---- */

typedef enum unpack_result {
    UNPACK_DONE,
    UNPACK_BAD,
    UNPACK_LONG
} unpack_result;

static unpack_result unpack_gzip(const buffer *in, buffer *out)
{
    z_stream z;
    memset(&z, 0, sizeof z);
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return UNPACK_BAD;
    z.next_in = in->data;
    z.avail_in = (uInt)in->len;
    int code = Z_OK;
    while (code == Z_OK) {
        const size_t room = out->max - out->len;
        const size_t piece = room < PIECE ? room : PIECE;
        uint8_t *to = piece > 0 ? buffer_reserve(out, piece) : NULL;
        if (to == NULL)
            break;
        z.next_out = to;
        z.avail_out = (uInt)piece;
        code = inflate(&z, Z_NO_FLUSH);
        out->len += piece - z.avail_out;
        if (code == Z_BUF_ERROR && z.avail_in == 0)
            code = Z_DATA_ERROR; /* cut off */
    }
    const bool whole = code == Z_STREAM_END && z.avail_in == 0;
    inflateEnd(&z);
    if (whole)
        return UNPACK_DONE;
    return code == Z_OK ? UNPACK_LONG : UNPACK_BAD;
}

static unpack_result unpack_zstd(const buffer *in, buffer *out)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    ZSTD_inBuffer from = {in->data, in->len, 0};
    size_t left = 1; /* 0: a frame ended */
    ASSERT(z != NULL);
    ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
    unpack_result result = UNPACK_DONE;
    while (result == UNPACK_DONE && (from.pos < from.size || left != 0)) {
        const size_t room = out->max - out->len;
        const size_t piece = room < PIECE ? room : PIECE;
        uint8_t *at = piece > 0 ? buffer_reserve(out, piece) : NULL;
        if (at == NULL) {
            result = UNPACK_LONG;
            break;
        }
        ZSTD_outBuffer to = {at, piece, 0};
        const size_t before = from.pos;
        left = ZSTD_decompressStream(z, &to, &from);
        out->len += to.pos;
        if (ZSTD_isError(left) ||
            (left != 0 && from.pos == before && to.pos == 0))
            result = UNPACK_BAD;
    }
    ZSTD_freeDStream(z);
    return result;
}

bool media_decode(muster_text encoding, const buffer *in, size_t max,
                  buffer *out, http_answer *a)
{
    unpack_result result;
    buffer_release(out);
    buffer_init(out, max + 1); /* one more tells a body that is too long */
    if (text_equal_nocase(encoding, text_of("gzip")) ||
        text_equal_nocase(encoding, text_of("x-gzip"))) {
        result = unpack_gzip(in, out);
    } else if (text_equal_nocase(encoding, text_of("zstd"))) {
        result = unpack_zstd(in, out);
    } else {
        answer_header(a, "Accept-Encoding", "gzip, zstd");
        answer_problem(a, 415, "unsupported_encoding",
                       "bodies are sent plain, or as gzip or zstd");
        return false;
    }
    if (result == UNPACK_BAD) {
        answer_problem(a, 400, "bad_encoding",
                       "the body is not what its Content-Encoding says");
        return false;
    }
    if (result == UNPACK_LONG || out->len > max) {
        answer_problem(a, 413, "long_body",
                       "the body is longer than %zu bytes when unpacked", max);
        return false;
    }
    return true;
}
