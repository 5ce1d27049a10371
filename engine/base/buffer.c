/*
 * buffer.c - growing bytes with a maximum, and the reader of such bytes.
 *
 * Invariants of a buffer:
 *   (1) len <= capacity and len <= max.
 *   (2) data is NULL exactly when capacity is 0; otherwise it holds
 *       capacity + 1 bytes, so that a terminating NUL always fits.
 *   (3) once overflow is set, nothing is stored until buffer_clear.
 * Cost: doubling, so a put is amortised to a copy. A buffer or reader
 * belongs to one thread.
 *
 * LEB128 is read strictly: at most ten bytes, no bits above 64, no padding
 * by a last byte of zero. So each value has one encoding, and bytes that
 * decode can be compared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/buffer.h"

#include <stdio.h>
#include <string.h>
#include "base/error.h"
#include "base/mem.h"

#define CAPACITY_MIN ((size_t)63)
#define VARINT_BYTES_MAX 10

void buffer_init(buffer *b, size_t max)
{
    ASSERT(b != NULL);
    memset(b, 0, sizeof *b);
    b->max = max;
}

void buffer_release(buffer *b)
{
    mem_free(b->data);
    buffer_init(b, b->max);
}

void buffer_clear(buffer *b)
{
    b->len = 0;
    b->overflow = false;
}

bool buffer_ok(const buffer *b)
{
    return !b->overflow;
}

/* Makes capacity at least `need`, which is at most max. */
static void grow(buffer *b, size_t need)
{
    ASSERT(need <= b->max && need < SIZE_MAX);
    size_t capacity = b->capacity;
    if (capacity < CAPACITY_MIN)
        capacity = CAPACITY_MIN;
    while (capacity < need)
        capacity = capacity > SIZE_MAX / 4 ? need : capacity * 2 + 1;
    if (capacity > b->max)
        capacity = b->max;
    b->data = mem_realloc(b->data, capacity + 1);
    b->capacity = capacity;
}

uint8_t *buffer_reserve(buffer *b, size_t extra)
{
    ASSERT(b->len <= b->capacity);
    if (b->overflow)
        return NULL;
    if (extra > b->max - b->len) {
        b->overflow = true;
        return NULL;
    }
    if (b->data == NULL || extra > b->capacity - b->len)
        grow(b, b->len + extra);
    return b->data + b->len;
}

void buffer_put(buffer *b, const void *bytes, size_t len)
{
    ASSERT(bytes != NULL || len == 0);
    uint8_t *to = buffer_reserve(b, len);
    if (to == NULL || len == 0)
        return;
    memcpy(to, bytes, len);
    b->len += len;
}

void buffer_put_text(buffer *b, muster_text text)
{
    buffer_put(b, text.ptr, text.len);
}

void buffer_put_str(buffer *b, const char *str)
{
    buffer_put(b, str, strlen(str));
}

void buffer_put_u8(buffer *b, uint8_t v)
{
    uint8_t *to = buffer_reserve(b, 1);
    if (to == NULL)
        return;
    *to = v;
    b->len++;
}

/* The low `count` bytes of v, lowest first. */
static inline void put_little(buffer *b, uint64_t v, size_t count)
{
    uint8_t *to = buffer_reserve(b, count);
    if (to == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        to[i] = (uint8_t)(v >> (8 * i));
    b->len += count;
}

void buffer_put_u16(buffer *b, uint16_t v)
{
    put_little(b, v, 2);
}

void buffer_put_u32(buffer *b, uint32_t v)
{
    put_little(b, v, 4);
}

void buffer_put_u64(buffer *b, uint64_t v)
{
    put_little(b, v, 8);
}

void buffer_put_varint(buffer *b, uint64_t v)
{
    uint8_t bytes[VARINT_BYTES_MAX];
    size_t count = 0;
    while (v >= 0x80) {
        bytes[count++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    bytes[count++] = (uint8_t)v;
    buffer_put(b, bytes, count);
}

void buffer_put_zigzag(buffer *b, int64_t v)
{
    const uint64_t sign = v < 0 ? UINT64_MAX : 0;
    buffer_put_varint(b, ((uint64_t)v << 1) ^ sign);
}

void buffer_vprintf(buffer *b, const char *format, va_list args)
{
    if (buffer_reserve(b, 0) == NULL)
        return;
    va_list again;
    va_copy(again, args);
    const size_t room = b->capacity - b->len;
    const int len = vsnprintf((char *)b->data + b->len, room + 1, format, args);
    ASSERT(len >= 0);
    const size_t count = (size_t)len;
    if (count <= room) {
        b->len += count;
    } else if (buffer_reserve(b, count) != NULL) {
        vsnprintf((char *)b->data + b->len, count + 1, format, again);
        b->len += count;
    }
    va_end(again);
}

void buffer_printf(buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buffer_vprintf(b, format, args);
    va_end(args);
}

const char *buffer_cstr(buffer *b)
{
    if (b->data == NULL)
        return "";
    ASSERT(b->len <= b->capacity);
    b->data[b->len] = 0;
    return (const char *)b->data;
}

void reader_init(reader *r, const void *bytes, size_t len)
{
    ASSERT(bytes != NULL || len == 0);
    static const uint8_t nothing[1];
    r->ptr = bytes != NULL ? bytes : nothing;
    r->end = r->ptr + len;
    r->bad = false;
}

bool reader_ok(const reader *r)
{
    return !r->bad;
}

size_t reader_left(const reader *r)
{
    ASSERT(r->ptr <= r->end);
    return (size_t)(r->end - r->ptr);
}

/* Spoils the reader: nothing is left, every later get returns 0. */
static void spoil(reader *r)
{
    r->bad = true;
    r->ptr = r->end;
}

const uint8_t *reader_bytes(reader *r, size_t len)
{
    if (r->bad || len > reader_left(r)) {
        spoil(r);
        return NULL;
    }
    const uint8_t *at = r->ptr;
    r->ptr += len;
    return at;
}

/* An integer of `count` bytes, lowest first. */
static inline uint64_t get_little(reader *r, size_t count)
{
    const uint8_t *at = reader_bytes(r, count);
    if (at == NULL)
        return 0;
    uint64_t v = 0;
    for (size_t i = 0; i < count; i++)
        v |= (uint64_t)at[i] << (8 * i);
    return v;
}

uint8_t reader_u8(reader *r)
{
    return (uint8_t)get_little(r, 1);
}

uint16_t reader_u16(reader *r)
{
    return (uint16_t)get_little(r, 2);
}

uint32_t reader_u32(reader *r)
{
    return (uint32_t)get_little(r, 4);
}

uint64_t reader_u64(reader *r)
{
    return get_little(r, 8);
}

uint64_t reader_varint(reader *r)
{
    uint64_t v = 0;
    const size_t left = reader_left(r);
    for (size_t i = 0; i < left && i < VARINT_BYTES_MAX; i++) {
        const uint8_t byte = r->ptr[i];
        if (i == VARINT_BYTES_MAX - 1 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            if (byte == 0 && i > 0)
                break;
            r->ptr += i + 1;
            return v;
        }
    }
    spoil(r);
    return 0;
}

int64_t reader_zigzag(reader *r)
{
    const uint64_t v = reader_varint(r);
    const uint64_t sign = (v & 1) != 0 ? UINT64_MAX : 0;
    return (int64_t)((v >> 1) ^ sign);
}
