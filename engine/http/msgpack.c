/*
 * msgpack.c - between msgpack and JSON.
 *
 * Reading recurses at most PACKED_DEPTH_MAX deep and allocates nothing but
 * the text it writes: lengths that the input claims are only believed as far
 * as bytes of it follow. Writing takes integers as integers, other numbers as
 * 64-bit floats.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/msgpack.h"

#include <stdlib.h>

typedef struct unpacker {
    reader in;
    json_writer out;
    int depth;
} unpacker;

static bool unpack_value(unpacker *u);

/* ---- reading; integers are big-endian ---- */

static uint64_t take_uint(reader *r, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v = v << 8 | reader_u8(r);
    return v;
}

static int64_t take_int(reader *r, int bytes)
{
    const int unused = 64 - 8 * bytes;
    return (int64_t)(take_uint(r, bytes) << unused) >> unused;
}

static double take_float(reader *r, int bytes)
{
    if (bytes == 8) {
        double d;
        const uint64_t v = take_uint(r, 8);
        memcpy(&d, &v, sizeof d);
        return d;
    }
    float f;
    const uint32_t v = (uint32_t)take_uint(r, 4);
    memcpy(&f, &v, sizeof f);
    return (double)f;
}

static bool take_text(unpacker *u, uint64_t len, muster_text *out)
{
    if (len > reader_left(&u->in))
        return false;
    *out = text_make((const char *)reader_bytes(&u->in, (size_t)len),
                     (size_t)len);
    return text_is_utf8(*out);
}

static bool unpack_text(unpacker *u, uint64_t len)
{
    muster_text text;
    if (!take_text(u, len, &text))
        return false;
    json_put_text(&u->out, text);
    return true;
}

static bool unpack_key(unpacker *u)
{
    muster_text key;
    const uint8_t tag = reader_u8(&u->in);
    uint64_t len;
    if (tag >= 0xa0 && tag <= 0xbf)
        len = tag & 0x1f;
    else if (tag >= 0xd9 && tag <= 0xdb)
        len = take_uint(&u->in, 1 << (tag - 0xd9));
    else
        return false;
    if (!take_text(u, len, &key))
        return false;
    json_key_text(&u->out, key);
    return true;
}

static bool unpack_list(unpacker *u, uint64_t n, bool map)
{
    if (u->depth == PACKED_DEPTH_MAX || n > reader_left(&u->in))
        return false;
    u->depth++;
    if (map)
        json_open_object(&u->out);
    else
        json_open_array(&u->out);
    for (uint64_t i = 0; i < n; i++)
        if ((map && !unpack_key(u)) || !unpack_value(u))
            return false;
    json_close(&u->out);
    u->depth--;
    return true;
}

static bool unpack_number(unpacker *u, uint8_t tag)
{
    if (tag >= 0xd0)
        json_put_int(&u->out, take_int(&u->in, 1 << (tag - 0xd0)));
    else if (tag >= 0xcc)
        json_put_uint(&u->out, take_uint(&u->in, 1 << (tag - 0xcc)));
    else
        json_put_double(&u->out, take_float(&u->in, tag == 0xca ? 4 : 8));
    return !u->in.bad;
}

static bool unpack_value(unpacker *u)
{
    const uint8_t tag = reader_u8(&u->in);
    if (u->in.bad)
        return false;
    if (tag <= 0x7f || tag >= 0xe0) {
        json_put_int(&u->out, (int8_t)tag);
        return true;
    }
    if (tag <= 0x9f)
        return unpack_list(u, tag & 0x0f, tag <= 0x8f);
    if (tag <= 0xbf)
        return unpack_text(u, tag & 0x1f);
    switch (tag) {
    case 0xc0:
        json_put_null(&u->out);
        return true;
    case 0xc2:
    case 0xc3:
        json_put_bool(&u->out, tag == 0xc3);
        return true;
    case 0xc4:
    case 0xc5:
    case 0xc6:
        return unpack_text(u, take_uint(&u->in, 1 << (tag - 0xc4)));
    case 0xd9:
    case 0xda:
    case 0xdb:
        return unpack_text(u, take_uint(&u->in, 1 << (tag - 0xd9)));
    case 0xdc:
    case 0xdd:
        return unpack_list(u, take_uint(&u->in, 2 << (tag - 0xdc)), false);
    case 0xde:
    case 0xdf:
        return unpack_list(u, take_uint(&u->in, 2 << (tag - 0xde)), true);
    default:
        return tag >= 0xca && tag <= 0xd3 && unpack_number(u, tag);
    }
}

int packed_to_json(muster_text in, buffer *out, muster_error *err)
{
    unpacker u = {.depth = 0};
    reader_init(&u.in, in.ptr, in.len);
    json_begin(&u.out, out, false);
    if (!unpack_value(&u) || !reader_ok(&u.in) || reader_left(&u.in) != 0)
        return error_set(err, MUSTER_EPARSE, "bad_msgpack",
                         "the body is not one value of msgpack with texts as"
                         " keys, at most %d deep",
                         PACKED_DEPTH_MAX);
    if (!buffer_ok(out))
        return error_set(err, MUSTER_ELIMIT, "long_body",
                         "the body is too long");
    return 0;
}

/* ---- writing ---- */

static void put_big(buffer *out, uint8_t tag, uint64_t v, int bytes)
{
    uint8_t all[9] = {tag};
    for (int i = 0; i < bytes; i++)
        all[1 + i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
    buffer_put(out, all, (size_t)bytes + 1);
}

/* A length: `fix` with it in its low bits when it is below `fix_max`, else
 * behind the tag for 8 (0: there is none), 16 or 32 bits. */
static void put_length(buffer *out, uint64_t n, uint8_t fix, uint64_t fix_max,
                       uint8_t tag8, uint8_t tag16)
{
    if (n < fix_max)
        buffer_put_u8(out, (uint8_t)(fix | n));
    else if (tag8 != 0 && n <= UINT8_MAX)
        put_big(out, tag8, n, 1);
    else if (n <= UINT16_MAX)
        put_big(out, tag16, n, 2);
    else
        put_big(out, (uint8_t)(tag16 + 1), n, 4);
}

static void put_text(buffer *out, muster_text text)
{
    put_length(out, text.len, 0xa0, 32, 0xd9, 0xda);
    buffer_put_text(out, text);
}

static void put_int(buffer *out, int64_t v)
{
    if (v >= -32 && v <= 127)
        buffer_put_u8(out, (uint8_t)v);
    else if (v >= 0 && v <= UINT8_MAX)
        put_big(out, 0xcc, (uint64_t)v, 1);
    else if (v >= 0 && v <= UINT16_MAX)
        put_big(out, 0xcd, (uint64_t)v, 2);
    else if (v >= 0 && v <= UINT32_MAX)
        put_big(out, 0xce, (uint64_t)v, 4);
    else
        put_big(out, 0xd3, (uint64_t)v, 8);
}

static void put_number(buffer *out, muster_text source)
{
    char text[400];
    double d = 0;
    uint64_t v;
    if (source.len < sizeof text) {
        memcpy(text, source.ptr, source.len);
        text[source.len] = '\0';
        d = strtod(text, NULL);
    }
    memcpy(&v, &d, sizeof v);
    put_big(out, 0xcb, v, 8);
}

static void put_value(buffer *out, const json_value *v)
{
    switch (json_typeof(v)) {
    case JSON_NULL:
        buffer_put_u8(out, 0xc0);
        break;
    case JSON_BOOL:
        buffer_put_u8(out, json_bool(v) ? 0xc3 : 0xc2);
        break;
    case JSON_INT:
        put_int(out, json_int(v));
        break;
    case JSON_NUMBER:
        put_number(out, json_string(v));
        break;
    case JSON_STRING:
        put_text(out, json_string(v));
        break;
    case JSON_ARRAY:
        put_length(out, json_count(v), 0x90, 16, 0, 0xdc);
        for (json_iter it = json_iter_of(v); json_next(&it);)
            put_value(out, it.value);
        break;
    case JSON_OBJECT:
        put_length(out, json_count(v), 0x80, 16, 0, 0xde);
        for (json_iter it = json_iter_of(v); json_next(&it);) {
            put_text(out, it.key);
            put_value(out, it.value);
        }
        break;
    }
}

bool packed_of_json(muster_text json, buffer *out)
{
    json_doc *doc = NULL;
    if (json_parse(&doc, json.ptr, json.len, JSON_STRICT, NULL) < 0)
        return false;
    put_value(out, json_root(doc));
    json_free(doc);
    return buffer_ok(out);
}
