/*
 * buffer.h - growing bytes, born with a maximum (curl's DYNBUF idea): a put
 * that would pass `max` stores nothing, sets `overflow` and every later put
 * does nothing. Check buffer_ok once at the end. Integers are little-endian.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <muster/types.h>

typedef struct buffer {
    uint8_t *data;
    size_t len;
    size_t capacity;
    size_t max;
    bool overflow;
} buffer;

void buffer_init(buffer *b, size_t max);
void buffer_release(buffer *b);
void buffer_clear(buffer *b); /* len = 0, overflow = false, memory kept */
bool buffer_ok(const buffer *b);
/* Room for `extra` more bytes; returns where they go or NULL on overflow.
 * The caller then adds to len what it wrote. */
uint8_t *buffer_reserve(buffer *b, size_t extra);
void buffer_put(buffer *b, const void *bytes, size_t len);
void buffer_put_text(buffer *b, muster_text text);
void buffer_put_str(buffer *b, const char *str);
void buffer_put_u8(buffer *b, uint8_t v);
void buffer_put_u16(buffer *b, uint16_t v);
void buffer_put_u32(buffer *b, uint32_t v);
void buffer_put_u64(buffer *b, uint64_t v);
void buffer_put_varint(buffer *b, uint64_t v);  /* LEB128 */
void buffer_put_zigzag(buffer *b, int64_t v);
void buffer_printf(buffer *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_vprintf(buffer *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* NUL-terminates (not counted in len) and returns the text; "" if empty. */
const char *buffer_cstr(buffer *b);

/*
 * reader: the other side. A get past the end sets `bad`, returns 0 and every
 * later get returns 0. Check reader_ok at the end.
 */
typedef struct reader {
    const uint8_t *ptr;
    const uint8_t *end;
    bool bad;
} reader;

void reader_init(reader *r, const void *bytes, size_t len);
bool reader_ok(const reader *r);
size_t reader_left(const reader *r);
uint8_t reader_u8(reader *r);
uint16_t reader_u16(reader *r);
uint32_t reader_u32(reader *r);
uint64_t reader_u64(reader *r);
uint64_t reader_varint(reader *r); /* a padded or too long one is bad */
int64_t reader_zigzag(reader *r);
const uint8_t *reader_bytes(reader *r, size_t len); /* NULL when short */

#endif
