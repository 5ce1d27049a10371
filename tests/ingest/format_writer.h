/*
 * format_writer.h - writes nested values as NDJSON and as msgpack, from the
 * formats' specifications and without the libraries that the engine reads
 * them with.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_INGEST_FORMAT_WRITER_H
#define TESTS_INGEST_FORMAT_WRITER_H

#include <stdlib.h>

#include "base/base.h"

typedef enum writer_format { WRITE_JSON, WRITE_MSGPACK } writer_format;

/* Containers are told their size when opened; JSON only needs the commas. */
typedef struct value_writer {
    buffer *out;
    writer_format format;
    int depth;
    bool map[16];
    uint32_t written[16]; /* keys and values so far */
} value_writer;

static inline void writer_init(value_writer *w, buffer *out,
                               writer_format format)
{
    memset(w, 0, sizeof *w);
    w->out = out;
    w->format = format;
}

static inline void put_big_endian(buffer *out, uint64_t v, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        buffer_put_u8(out, (uint8_t)(v >> (8 * i)));
}

/* What JSON needs before a value. */
static inline void write_before(value_writer *w)
{
    const uint32_t n = w->written[w->depth]++;
    if (w->format == WRITE_MSGPACK || w->depth == 0)
        return;
    if (w->map[w->depth] && n % 2 == 1)
        buffer_put_str(w->out, ":");
    else if (n > 0)
        buffer_put_str(w->out, ",");
}

static inline void write_open(value_writer *w, bool map, uint32_t count)
{
    write_before(w);
    w->depth++;
    w->map[w->depth] = map;
    w->written[w->depth] = 0;
    if (w->format == WRITE_JSON) {
        buffer_put_str(w->out, map ? "{" : "[");
    } else if (count < 16) {
        buffer_put_u8(w->out, (uint8_t)((map ? 0x80 : 0x90) | count));
    } else if (count < 65536) {
        buffer_put_u8(w->out, map ? 0xde : 0xdc);
        put_big_endian(w->out, count, 2);
    } else {
        buffer_put_u8(w->out, map ? 0xdf : 0xdd);
        put_big_endian(w->out, count, 4);
    }
}

static inline void write_close(value_writer *w)
{
    if (w->format == WRITE_JSON)
        buffer_put_str(w->out, w->map[w->depth] ? "}" : "]");
    w->depth--;
}

static inline void write_json_string(buffer *out, muster_text text)
{
    buffer_put_u8(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\')
            buffer_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buffer_printf(out, "\\u%04x", c);
        else
            buffer_put_u8(out, c);
    }
    buffer_put_u8(out, '"');
}

static inline void write_text(value_writer *w, muster_text text)
{
    write_before(w);
    if (w->format == WRITE_JSON) {
        write_json_string(w->out, text);
        return;
    }
    if (text.len < 32) {
        buffer_put_u8(w->out, (uint8_t)(0xa0 | text.len));
    } else if (text.len < 256) {
        buffer_put_u8(w->out, 0xd9);
        put_big_endian(w->out, text.len, 1);
    } else if (text.len < 65536) {
        buffer_put_u8(w->out, 0xda);
        put_big_endian(w->out, text.len, 2);
    } else {
        buffer_put_u8(w->out, 0xdb);
        put_big_endian(w->out, text.len, 4);
    }
    buffer_put_text(w->out, text);
}

static inline void write_str(value_writer *w, const char *text)
{
    write_text(w, text_of(text));
}

static inline void write_int(value_writer *w, int64_t v)
{
    write_before(w);
    if (w->format == WRITE_JSON) {
        buffer_printf(w->out, "%lld", (long long)v);
    } else if (v >= 0 && v < 128) {
        buffer_put_u8(w->out, (uint8_t)v);
    } else if (v < 0 && v >= -32) {
        buffer_put_u8(w->out, (uint8_t)v);
    } else if (v >= 0 && v < 65536) {
        buffer_put_u8(w->out, 0xcd);
        put_big_endian(w->out, (uint64_t)v, 2);
    } else if (v >= INT32_MIN && v <= INT32_MAX) {
        buffer_put_u8(w->out, 0xd2);
        put_big_endian(w->out, (uint64_t)v, 4);
    } else {
        buffer_put_u8(w->out, 0xd3);
        put_big_endian(w->out, (uint64_t)v, 8);
    }
}

static inline void write_bool(value_writer *w, bool v)
{
    write_before(w);
    if (w->format == WRITE_JSON)
        buffer_put_str(w->out, v ? "true" : "false");
    else
        buffer_put_u8(w->out, v ? 0xc3 : 0xc2);
}

static inline void write_null(value_writer *w)
{
    write_before(w);
    if (w->format == WRITE_JSON)
        buffer_put_str(w->out, "null");
    else
        buffer_put_u8(w->out, 0xc0);
}

static inline void write_double(value_writer *w, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    write_before(w);
    buffer_put_u8(w->out, 0xcb);
    put_big_endian(w->out, bits, 8);
}

/* A number x 10^4: whole ones as integers. */
static inline void write_scaled(value_writer *w, int64_t scaled)
{
    char text[32];
    text[text_format_number(text, scaled)] = '\0';
    if (scaled % 10000 == 0) {
        write_int(w, scaled / 10000);
    } else if (w->format == WRITE_JSON) {
        write_before(w);
        buffer_put_str(w->out, text);
    } else {
        write_double(w, strtod(text, NULL));
    }
}

#endif
