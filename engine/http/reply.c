/*
 * reply.c - JSON or msgpack straight into a buffer.
 *
 * In JSON a comma is due behind every value and before the next key or
 * element; opening a container and writing a key take that back. In msgpack a
 * container begins with its length: that of a list that is not known yet gets
 * one byte, and its content moves up by two or four when the length needs
 * them, which is a copy of some hundred bytes for the lists there are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/reply.h"

#include <string.h>

#define TEXT_NUMBER_MAX 21 /* text_format_uint */
#define TEXT_TIME_MAX 21   /* clock_format_time */

/* What msgpack begins a value with. */
enum pack {
    PACK_FIXMAP = 0x80,
    PACK_FIXARRAY = 0x90,
    PACK_FIXSTR = 0xa0,
    PACK_FALSE = 0xc2,
    PACK_TRUE = 0xc3,
    PACK_U8 = 0xcc,
    PACK_U16 = 0xcd,
    PACK_U32 = 0xce,
    PACK_U64 = 0xcf,
    PACK_STR8 = 0xd9,
    PACK_STR16 = 0xda,
    PACK_ARRAY16 = 0xdc,
    PACK_ARRAY32 = 0xdd
};

/* Writes the low `bytes` bytes of v, the highest first. */
static uint8_t *put_big(uint8_t *p, uint64_t v, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        *p++ = (uint8_t)(v >> (8 * i));
    return p;
}

static void end_at(reply *w, const uint8_t *end)
{
    w->out->len = (size_t)(end - w->out->data);
}

reply reply_into(buffer *out, http_media media)
{
    ASSERT(out != NULL);
    return (reply){out, media == MEDIA_MSGPACK, false};
}

reply reply_begin(http_answer *a, http_media media)
{
    buffer_clear(&a->body);
    a->media = media == MEDIA_MSGPACK ? MEDIA_MSGPACK : MEDIA_JSON;
    return reply_into(&a->body, media);
}

/* ---- containers ---- */

/* One byte that opens a JSON container, behind a comma if one is due. */
static void open_json(reply *w, char opener)
{
    uint8_t *p = buffer_reserve(w->out, 2);
    if (p == NULL)
        return;
    if (w->comma)
        *p++ = ',';
    *p++ = (uint8_t)opener;
    w->comma = false;
    end_at(w, p);
}

static void close_json(reply *w, char closer)
{
    if (!w->packed)
        buffer_put_u8(w->out, (uint8_t)closer);
    w->comma = true;
}

void reply_map(reply *w, uint32_t members)
{
    ASSERT(members < 16);
    if (w->packed)
        buffer_put_u8(w->out, (uint8_t)(PACK_FIXMAP | members));
    else
        open_json(w, '{');
}

void reply_map_end(reply *w)
{
    close_json(w, '}');
}

/* Bytes that the beginning of a list of n takes. */
static size_t list_head(uint32_t n)
{
    if (n < 16)
        return 1;
    return n <= UINT16_MAX ? 3 : 5;
}

static void put_list_head(uint8_t *p, uint32_t n)
{
    const size_t head = list_head(n);
    if (head == 1)
        *p = (uint8_t)(PACK_FIXARRAY | n);
    else
        *p = head == 3 ? PACK_ARRAY16 : PACK_ARRAY32;
    (void)put_big(p + 1, n, (int)head - 1);
}

void reply_array(reply *w, uint32_t n)
{
    if (!w->packed) {
        open_json(w, '[');
        return;
    }
    uint8_t *p = buffer_reserve(w->out, list_head(n));
    if (p == NULL)
        return;
    put_list_head(p, n);
    w->out->len += list_head(n);
}

void reply_array_end(reply *w)
{
    close_json(w, ']');
}

size_t reply_list(reply *w)
{
    const size_t mark = w->out->len;
    if (w->packed)
        buffer_put_u8(w->out, PACK_FIXARRAY);
    else
        open_json(w, '[');
    return mark;
}

void reply_list_end(reply *w, size_t mark, uint32_t n)
{
    close_json(w, ']');
    if (!w->packed || !buffer_ok(w->out))
        return;
    ASSERT(mark < w->out->len);
    const size_t more = list_head(n) - 1;
    if (more > 0 && buffer_reserve(w->out, more) == NULL)
        return;
    uint8_t *head = w->out->data + mark;
    memmove(head + 1 + more, head + 1, w->out->len - mark - 1);
    put_list_head(head, n);
    w->out->len += more;
}

/* ---- values ---- */

/* "text" with a comma before it, if one is due, and `behind` after it. */
static void put_quoted(reply *w, muster_text text, const char *behind)
{
    uint8_t *p = buffer_reserve(w->out, text.len + 4);
    if (p == NULL)
        return;
    if (w->comma)
        *p++ = ',';
    *p++ = '"';
    memcpy(p, text.ptr, text.len);
    p += text.len;
    *p++ = '"';
    if (*behind != '\0')
        *p++ = (uint8_t)*behind;
    w->comma = *behind == '\0';
    end_at(w, p);
}

static void put_packed(reply *w, muster_text text)
{
    ASSERT(text.len <= UINT16_MAX);
    uint8_t *p = buffer_reserve(w->out, text.len + 3);
    if (p == NULL)
        return;
    if (text.len < 32) {
        *p++ = (uint8_t)(PACK_FIXSTR | text.len);
    } else {
        const int bytes = text.len <= UINT8_MAX ? 1 : 2;
        *p++ = bytes == 1 ? PACK_STR8 : PACK_STR16;
        p = put_big(p, text.len, bytes);
    }
    memcpy(p, text.ptr, text.len);
    end_at(w, p + text.len);
}

void reply_text(reply *w, muster_text text)
{
    ASSERT(text.ptr != NULL);
    if (w->packed)
        put_packed(w, text);
    else
        put_quoted(w, text, "");
}

void reply_key(reply *w, const char *name)
{
    const muster_text t = text_of(name);
    ASSERT(t.len < 32);
    if (w->packed)
        put_packed(w, t);
    else
        put_quoted(w, t, ":");
}

static void pack_uint(reply *w, uint64_t v)
{
    uint8_t *p = buffer_reserve(w->out, 9);
    if (p == NULL)
        return;
    if (v < 0x80) {
        p = put_big(p, v, 1);
    } else if (v <= UINT8_MAX) {
        *p = PACK_U8;
        p = put_big(p + 1, v, 1);
    } else if (v <= UINT16_MAX) {
        *p = PACK_U16;
        p = put_big(p + 1, v, 2);
    } else if (v <= UINT32_MAX) {
        *p = PACK_U32;
        p = put_big(p + 1, v, 4);
    } else {
        *p = PACK_U64;
        p = put_big(p + 1, v, 8);
    }
    end_at(w, p);
}

void reply_uint(reply *w, uint64_t v)
{
    if (w->packed) {
        pack_uint(w, v);
        return;
    }
    uint8_t *p = buffer_reserve(w->out, 1 + TEXT_NUMBER_MAX);
    if (p == NULL)
        return;
    if (w->comma)
        *p++ = ',';
    w->comma = true;
    end_at(w, p + text_format_uint((char *)p, v));
}

void reply_uint_text(reply *w, uint64_t v)
{
    char text[TEXT_NUMBER_MAX];
    reply_text(w, text_make(text, text_format_uint(text, v)));
}

void reply_bool(reply *w, bool v)
{
    if (w->packed) {
        buffer_put_u8(w->out, v ? PACK_TRUE : PACK_FALSE);
        return;
    }
    if (w->comma)
        buffer_put_u8(w->out, ',');
    buffer_put_str(w->out, v ? "true" : "false");
    w->comma = true;
}

void reply_time(reply *w, muster_time t)
{
    char text[TEXT_TIME_MAX];
    reply_text(w, text_make(text, clock_format_time(text, t)));
}
